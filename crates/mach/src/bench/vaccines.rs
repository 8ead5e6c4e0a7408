//! Vaccination: a spreadsheet of doses into a new data folder, then passes for all of them in batch: each read, signed, kept.

use super::memory;
use crate::{Outcome, console, open, serve};
use mach_access::Act;
use mach_sign::key::Signer;
use mach_vaccines::{batch, import, keys};
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

fn write(path: &Path, people: usize) -> std::io::Result<()> {
    let mut out = std::io::BufWriter::new(std::fs::File::create(path)?);
    writeln!(out, "HO_TEN,NGAY_SINH,GIOI_TINH,SO_CCCD,VAC_XIN,MUI_SO,NGAY_TIEM,SO_LO,CO_SO_TIEM,MA_XA,DIEN_THOAI")?;
    for dose in 1..=3 {
        for n in 0..people {
            // One in sixteen has no number, as in the province's own figures (6.34 %).
            let (sex, year) = (1 + n % 2, 1940 + n % 60);
            let number = if n % 16 == 7 {
                String::new()
            } else {
                format!("046{}{:02}{:06}", sex - 1, year % 100, n % 1_000_000)
            };
            writeln!(
                out,
                "Nguyễn Văn Thử {n},{:02}/{:02}/{year},{sex},{number},AstraZeneca,{dose},{:02}/{:02}/2026,LO{:03},46001,19774,09{n:08}",
                1 + n % 28,
                1 + n % 12,
                1 + n % 28,
                3 + dose,
                n % 500
            )?;
        }
    }
    out.flush()
}

/// Runs it.
pub fn run(people: usize, work: &Path) -> Outcome {
    // A folder of an earlier run would make every dose one that is there.
    let _ = std::fs::remove_dir_all(work);
    std::fs::create_dir_all(work).map_err(|e| e.to_string())?;
    serve::load_content();
    let path = work.join("doses.csv");
    write(&path, people).map_err(|e| e.to_string())?;
    let rows = 3 * people;
    let data = work.join("data");
    let store = open(&data)?;
    let begun = Instant::now();
    let mut marks = Vec::new();
    let file = import::import(&store, &console(Act::Vaccinate)?, (&path, "bench"), &mut |file| {
        if file.read.unsigned_abs() as usize >= (marks.len() + 1) * rows / 5 {
            marks.push(begun.elapsed().as_secs_f64());
        }
    });
    let file = file.map_err(|e| e.to_string())?;
    let took = begun.elapsed().as_secs_f64();
    println!(
        "doses imported (checked, person found, Immunization, log, fsync): {:.0} rows/s; {} rows, {} in doubt, {} refused",
        rows as f64 / took,
        file.read,
        file.doubts,
        file.bad
    );
    let mut last = 0.0;
    let fifths: Vec<String> =
        marks.iter().map(|m| format!("{:.0}", rows as f64 / 5.0 / (m - std::mem::replace(&mut last, *m)))).collect();
    println!("  by fifths: {}", fifths.join(" "));
    let signer = keys::make(&data, "Bench")?;
    let message = [0x5a; 300];
    let floor = super::sign::rate(20_000, |_| signer.key.sign(&message).map(drop))?;
    batch::begin(&store, &console(Act::RunBatches)?, 0).map_err(|e| e.to_string())?;
    let begun = Instant::now();
    let done = batch::run(&store, &signer, &mut |_| {}).map_err(|e| e.to_string())?.ok_or("the batch was stopped")?;
    let rate = done.made as f64 / begun.elapsed().as_secs_f64();
    println!(
        "passes issued in batch (read, HC1 signed, DocumentReference, log, fsync): {rate:.0}/s; {} passes; floor, the bare \
         ECDSA P-256 signature on all cores: {floor:.0}/s; ratio {:.2}",
        done.made,
        rate / floor
    );
    let size = store.size_bytes(&console(Act::Administer)?).map_err(|e| e.to_string())?;
    println!("database: {} MB; peak memory: {} MB", size >> 20, memory("self", "VmHWM"));
    Ok(ExitCode::SUCCESS)
}
