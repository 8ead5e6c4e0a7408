//! Examinations of the synthetic province, so that no page of it is empty. Nobody of these exists.

use crate::bodies::By;
use crate::case::{self, CONCLUSION, Case};
use crate::work::{self, Arrival, Posted};
use mach_access::{Act, Actor, decide};
use mach_base::Day;
use mach_forms::fields;
use mach_store::{Error, Result, Store, Tx, schema};

/// A person of the demonstration.
type Person = (&'static str, i64, (i32, u32, u32), &'static str, &'static str, u8);

/// Name, sex, birth, class, what differs from a healthy driver, how far it is: 0 received, 1 half examined, 2 concluded,
/// 3 issued, 4 revoked.
const PEOPLE: [Person; 14] = [
    ("Nguyễn Văn Thử", 1, (1985, 3, 9), "C", "", 3),
    ("Trần Thị Mẫu", 2, (1990, 7, 21), "B", "", 3),
    ("Lê Quang Giả", 1, (1978, 11, 2), "D2", "eye-colour=4", 3),
    ("Phạm Minh Thí", 1, (1996, 1, 15), "A1", "", 3),
    ("Hoàng Thị Dụ", 2, (1988, 5, 30), "B", "systolic=185", 3),
    ("Võ Đình Mẫu", 1, (1970, 9, 12), "CE", "drug-morphine=1", 3),
    ("Đặng Thị Thử", 2, (2001, 12, 5), "A", "", 3),
    ("Bùi Văn Giả", 1, (1982, 4, 18), "D", "", 2),
    ("Đỗ Thị Thí", 2, (1993, 8, 8), "B", "", 2),
    ("Hồ Văn Dụ", 1, (1975, 2, 27), "C1", "", 4),
    ("Ngô Thị Nháp", 2, (1999, 6, 1), "A1", "", 1),
    ("Dương Văn Nháp", 1, (1987, 10, 10), "C", "", 1),
    ("Lý Thị Chờ", 2, (1994, 3, 3), "B", "", 0),
    ("Trương Văn Chờ", 1, (1968, 7, 7), "D1", "", 0),
];

const HEALTHY: &str = "purpose=new height=165 weight=60 mental-acute=none mental-chronic=none nervous-epilepsy=none
    nervous-paralysis=none nervous-vertigo=false eye-right-without=10 eye-left-without=10 eye-both-without=10
    eye-field-horizontal=1 eye-field-vertical=1 eye-colour=1 ent-voice-right=5 ent-voice-left=5 ent-whisper-right=5
    ent-whisper-left=5 pulse=72 systolic=120 diastolic=78 cardio-rhythm=none respiratory-dyspnoea=none limb-loss=none
    endocrine-coma=false maternity-late=false drug-morphine=0 drug-amphetamine=0 drug-methamphetamine=0 drug-marijuana=0
    alcohol=0 alcohol~unit=mg/L hx-heart=false hx-stroke=false hx-head-injury=false hx-epilepsy=false hx-psychiatric=false
    hx-diabetes=false hx-eye=false hx-ear=false hx-lung=false hx-limb=false hx-alcohol=false hx-drug=false hx-apnea=false
    hx-true=true mental-meets=meets nervous-meets=meets eye-meets=meets ent-meets=meets cardio-meets=meets
    respiratory-meets=meets musculoskeletal-meets=meets endocrine-meets=meets maternity-meets=meets";

/// Fills `facility` with examinations, where there is none yet.
///
/// # Errors
/// Of the store.
pub fn fill(store: &Store, facility: &str) -> Result<()> {
    let decision = decide(&Actor::console(), Act::Countersign).map_err(|e| Error::Refused(e.to_string()))?;
    let code = facility.to_owned();
    store.write(&decision, move |tx| {
        if !mach_store::certificates::states(tx)?.is_empty() {
            return Ok(());
        }
        let facility = schema::facility_id(tx, &code)?;
        PEOPLE.iter().enumerate().try_for_each(|(n, person)| one(tx, facility, n, person))
    })
}

fn one(
    tx: &mut Tx<'_>,
    facility: i64,
    n: usize,
    (name, sex, (y, m, d), class, differs, how_far): &Person,
) -> Result<()> {
    let century = if *y < 2000 { sex - 1 } else { sex + 1 };
    let arrival = Arrival {
        number: format!("046{century}{:02}{:06}", y % 100, 900_000 + n),
        name: (*name).to_owned(),
        born: Day::from_ymd(*y, *m, *d),
        sex: *sex,
        address: "Phường Thuận Hóa, thành phố Huế".to_owned(),
        phone: String::new(),
        class: (*class).to_owned(),
    };
    let row = work::open(tx, facility, &arrival)?;
    let doctor = By { account: 0, name: "Bác sĩ mẫu".to_owned() };
    let head = By { account: 0, name: "Thủ trưởng mẫu".to_owned() };
    let fine = |done: std::result::Result<(), work::No>| done.map_err(|no| Error::Refused(format!("demo: {no:?}")));
    let case = case::load(tx, &row.code)?.ok_or(Error::Missing("a certificate"))?;
    let count = match how_far {
        0 => 0,
        1 => case.parts.len() / 2,
        _ => case.parts.len(),
    };
    let answers = answered(&case, class, differs);
    for part in case.parts.iter().take(count) {
        let kept = Posted {
            part: part.link.clone(),
            answers: answers.clone(),
            version: part.version,
            finish: true,
            quiet: false,
        };
        if part.link != CONCLUSION || *how_far >= 2 {
            fine(work::keep(tx, &row.code, &doctor, kept)?.map(|_| ()))?;
        }
    }
    if *how_far >= 2 {
        fine(work::conclude(tx, &row.code, &doctor, None)?)?;
    }
    if *how_far >= 3 {
        fine(work::sign(tx, &row.code, &head, None, None)?)?;
    }
    if *how_far >= 4 {
        fine(work::revoke(tx, &row.code, &head, "Cấp nhầm người (dữ liệu mẫu)")?)?;
    }
    Ok(())
}

fn answered(case: &Case, class: &str, differs: &str) -> mach_forms::Answers {
    let mut posted = fields::Posted::default();
    let result = if differs.is_empty() { "A0-1" } else { "A0-2" };
    let conclusion = format!("class={class} conclusion-result={result} conclusion-reason=theo-tiêu-chuẩn");
    for field in differs.split_whitespace().chain(conclusion.split_whitespace()).chain(HEALTHY.split_whitespace()) {
        if let Some((name, value)) = field.split_once('=').filter(|(name, _)| !posted.has(name)) {
            posted.text(name, value.replace('-', if name == "conclusion-reason" { " " } else { "-" }));
        }
    }
    let mut answers = case.form.read_posted(&posted, &case.answers, None);
    case.form.settle(&mut answers, &case.context());
    answers
}
