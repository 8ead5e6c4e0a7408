//! Papers and signatures: QR codes signed in batch, a certificate rendered, signed and kept, a file verified.

use crate::Outcome;
use mach_documents::{DriverCertificate, SealText, Specialty, draw_seal};
use mach_sign::authority::{Authority, Profile, Request};
use mach_sign::certificate::Certificate;
use mach_sign::hc1::{self, Claims, HEALTH, Value};
use mach_sign::key::{Signer, SoftKey};
use mach_sign::name::Name;
use mach_sign::pades::{self, Appearance};
use mach_sign::time::{DAY, now};
use mach_sign::trust::Trust;
use mach_sign::{Result, oid};
use std::io::Write;
use std::process::ExitCode;
use std::time::{Duration, Instant};

struct Person {
    key: SoftKey,
    chain: Vec<Certificate>,
    root: Certificate,
}

fn person() -> Result<Person> {
    let request = |name: &str, profile| Request {
        subject: Name::of(&[(oid::COUNTRY, "VN"), (oid::COMMON_NAME, name)]),
        profile,
        not_before: now() - DAY,
        not_after: now() + 365 * DAY,
        ocsp: None,
        crl: None,
    };
    let root = Authority::root(SoftKey::generate()?, &request("Bench root", Profile::Authority(0)))?;
    let key = SoftKey::generate()?;
    let own = root.issue(&request("BS. Phạm Thị Ngọc Ánh", Profile::Document), key.public())?;
    Ok(Person { key, chain: vec![own], root: root.certificate().clone() })
}

/// Runs `work` so many times over all cores; how many a second.
pub fn rate(times: usize, work: impl Fn(usize) -> Result<()> + Sync) -> std::result::Result<f64, String> {
    let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let begin = Instant::now();
    let done: std::result::Result<Vec<()>, String> = std::thread::scope(|scope| {
        let work = &work;
        let run = |w: usize| move || (w..times).step_by(workers).try_for_each(work).map_err(|e| e.to_string());
        let threads: Vec<_> = (0..workers).map(|w| scope.spawn(run(w))).collect();
        threads.into_iter().map(|t| t.join().unwrap_or_else(|_| Err("a thread fell".to_owned()))).collect()
    });
    done.map(|_| times as f64 / begin.elapsed().as_secs_f64())
}

/// The median and the 99th of a hundred.
fn spread(mut times: Vec<Duration>) -> String {
    times.sort();
    let at = |part: usize| times.get(times.len() * part / 100).copied().unwrap_or_default().as_secs_f64() * 1000.0;
    format!("p50 {:.2} ms, p99 {:.2} ms", at(50), at(99))
}

fn claims(n: usize) -> Claims {
    let pass = Value::record(vec![
        ("ver", Value::text("1.3.0")),
        ("nam", Value::record(vec![("fn", Value::text("Nguyễn")), ("gn", Value::text("Thị Hường"))])),
        ("dob", Value::text("1990-09-05")),
        (
            "v",
            Value::Array(vec![Value::record(vec![
                ("tg", Value::text("840539006")),
                ("vp", Value::text("1119349007")),
                ("dn", Value::Int(2)),
                ("dt", Value::text("2021-11-26")),
                ("ci", Value::text(&format!("URN:UVCI:01:VN:46001{n:08}"))),
            ])]),
        ),
    ]);
    let content = (HEALTH, Value::Map(vec![(Value::Int(1), pass)]));
    Claims { issuer: "VN".to_owned(), issued: now(), expires: now() + 365 * DAY, content }
}

fn certificate(qr: &str, n: usize) -> DriverCertificate {
    let specialty = |name: &str| Specialty {
        name: name.to_owned(),
        finding: "Bình thường".to_owned(),
        conclusion: "Đủ tiêu chuẩn".to_owned(),
        doctor: "BS. Lê Văn Ưng".to_owned(),
    };
    DriverCertificate {
        parent: "SỞ Y TẾ THÀNH PHỐ HUẾ".to_owned(),
        facility: "BỆNH VIỆN ĐA KHOA THỬ NGHIỆM".to_owned(),
        number: format!("{n:05}/GKSKLX/46001/26"),
        name: "NGUYỄN THỊ HƯỜNG".to_owned(),
        address: "Thôn Dương Nỗ Tây, phường Dương Nỗ, thành phố Huế".to_owned(),
        specialties: ["Tâm thần", "Thần kinh", "Mắt", "Tai - Mũi - Họng", "Tim mạch", "Hô hấp"].map(specialty).to_vec(),
        tests: vec![("Ma túy".to_owned(), "Âm tính".to_owned())],
        conclusion: "Đủ điều kiện sức khỏe lái xe hạng B".to_owned(),
        doctor: "Phạm Thị Ngọc Ánh".to_owned(),
        qr: qr.to_owned(),
        ..DriverCertificate::default()
    }
}

/// Runs it.
pub fn run(codes: usize, papers: usize) -> Outcome {
    let text = |e: mach_sign::Error| e.to_string();
    let who = person().map_err(text)?;
    let own = who.chain.first().ok_or("no certificate")?;
    let message = [0x5a; 300];
    let floor = rate(codes, |_| who.key.sign(&message).map(drop))?;
    let made = rate(codes, |n| hc1::sign(&claims(n), &who.key, own).map(drop))?;
    println!(
        "signed QR codes (HC1, ES256): {made:.0}/s, all cores; floor, the bare ECDSA signature: {floor:.0}/s; ratio {:.2}",
        made / floor
    );
    let qr = hc1::sign(&claims(0), &who.key, own).map_err(text)?;

    let folder = tempfile_folder()?;
    let trust = Trust::in_anchors(vec![who.root.clone()]);
    let (mut whole, mut kept, mut checked, mut bytes) = (Vec::new(), Vec::new(), Vec::new(), 0);
    for n in 0..papers {
        let begin = Instant::now();
        let paper = certificate(&qr, n).paper().made(now()).render().map_err(|e| e.to_string())?;
        let place = paper.seal("doctor").ok_or("no seal")?;
        let [left, bottom, right, top] = place.rectangle;
        let said = SealText { signer: own.subject.common(), role: "Bác sĩ kết luận".to_owned(), at: now() };
        let draw = |u: &mut mach_sign::pdf::Update<'_, '_>| Ok(draw_seal(u, (right - left, top - bottom), &said));
        let appearance = Some(Appearance { page: place.page, rectangle: place.rectangle, draw: &draw });
        let request = pades::Request { chain: &who.chain, at: now(), appearance, ..pades::Request::default() };
        let pdf = pades::sign(&paper.pdf, &request, &who.key, None).map_err(text)?;
        let keep = Instant::now();
        let file = folder.join(format!("{n}.pdf"));
        let mut out = std::fs::File::create(&file).map_err(|e| e.to_string())?;
        out.write_all(&pdf).and_then(|()| out.sync_all()).map_err(|e| e.to_string())?;
        kept.push(keep.elapsed());
        whole.push(begin.elapsed());
        let check = Instant::now();
        let report = pades::verify(&pdf, &trust, now()).map_err(text)?;
        checked.push(check.elapsed());
        bytes = pdf.len();
        if !report.is_good() {
            return Err("a paper of this bench does not verify".to_owned());
        }
    }
    let _ = std::fs::remove_dir_all(&folder);
    println!("certificate rendered, signed, kept (file, fsync), {} KB: {}", bytes >> 10, spread(whole));
    println!("  of it the file (floor): {}", spread(kept));
    println!("signed PDF verified: {}", spread(checked));
    Ok(ExitCode::SUCCESS)
}

fn tempfile_folder() -> std::result::Result<std::path::PathBuf, String> {
    let folder = std::path::PathBuf::from("target/bench-sign");
    std::fs::create_dir_all(&folder).map_err(|e| e.to_string())?;
    Ok(folder)
}
