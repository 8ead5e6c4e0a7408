//! Prescriptions of the synthetic province, so that no page of it is empty. Nobody of these exists.

use crate::bodies::Receiver;
use crate::check::{Content, Diagnosis, Item};
use crate::dispense::{self, Handing};
use crate::rules::Rules;
use crate::signing::Prescriptions;
use crate::work::{self, By, No};
use mach_access::{Act, Actor, Decision, Role, decide};
use mach_base::{Day, Minute};
use mach_people::{Birth, Evidence};
use mach_signing::desk::Keys;
use mach_signing::flights;
use mach_store::prescriptions::{self, Filter, SaleLine};
use mach_store::signing::Act as Signs;
use mach_store::{Error, Store, Tx, accounts, schema};

/// How far a prescription of the demonstration is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Far {
    Draft,
    Signed,
    Partly,
}

/// Name, kind, ICD, medicine, days, quantity, how far.
const WRITTEN: [(&str, &str, &str, &str, i64, i64, Far); 7] = [
    ("Nguyễn Thị Toa Mẫu", "c", "I10", "AML005", 60, 6_000, Far::Signed),
    ("Trần Văn Toa Thử", "c", "J20", "AMO500", 5, 1_500, Far::Partly),
    ("Lê Thị Toa Giả", "n", "C34", "MOR010", 30, 6_000, Far::Signed),
    ("Phạm Văn Toa Dụ", "h", "R25", "DIA005", 10, 1_000, Far::Signed),
    ("Hoàng Thị Toa Nháp", "c", "E11", "MET500", 30, 6_000, Far::Draft),
    ("Võ Văn Toa Thang", "t", "M54", "BOT001", 7, 700, Far::Signed),
    ("Đặng Thị Toa Lâu", "n", "C50", "MOR030", 20, 4_000, Far::Draft),
];

fn console() -> Result<Decision, String> {
    decide(&Actor::console(), Act::Prescribe).map_err(|e| e.to_string())
}

/// Fills `facility` with prescriptions of the account `doctor`, where there are none yet; signed with the keys at hand.
///
/// # Errors
/// Of the store and of the keys.
pub fn fill(store: &Store, keys: &dyn Keys, facility: &str, doctor: &str) -> Result<(), String> {
    let text = |e: Error| e.to_string();
    let console = console()?;
    let filter = Filter::default();
    if !prescriptions::list(&mut store.read(&console).map_err(text)?, filter, 1).map_err(text)?.is_empty() {
        return Ok(());
    }
    let (code, doctor) = (facility.to_owned(), doctor.to_owned());
    let known = store.write(&console, move |tx| {
        let account = accounts::by_name(tx, &doctor)?.ok_or(Error::Missing("an account"))?;
        Ok((schema::facility_id(tx, &code)?, By { account: account.actor.account, name: account.display }))
    });
    let (facility, by) = known.map_err(text)?;
    let actor = Actor { role: Role::Clinician, facility: Some(facility), account: by.account, ..Actor::console() };
    let decision = decide(&actor, Act::Prescribe).map_err(|e| e.to_string())?;
    for n in 0..WRITTEN.len() {
        let writer = by.clone();
        let codes = store.write(&decision, move |tx| one(tx, n, facility, &writer)).map_err(text)?;
        for code in &codes {
            let what = (facility, code.as_str(), Signs::Prescribe);
            flights::now_of(store, keys, &Prescriptions, what).map_err(text)?;
        }
        if let (Some((_, _, _, _, _, quantity, Far::Partly)), Some(code)) = (WRITTEN.get(n), codes.first()) {
            let lines = vec![SaleLine { line: 1, quantity: quantity / 2 }];
            let (receiver, invoice) = (Receiver::default(), format!("MAU{n}"));
            let handing = Handing { pharmacy: facility, invoice, lines, receiver, ..Handing::default() };
            let code = code.clone();
            store.write(&console, move |tx| fine(dispense::dispense(tx, &code, &handing)?)).map_err(text)?;
        }
    }
    Ok(())
}

fn fine<T>(done: Result<T, No>) -> Result<T, Error> {
    done.map_err(|no| Error::Refused(format!("demo: {no:?}")))
}

/// Writes one; the codes that wait for their signature.
fn one(tx: &mut Tx<'_>, n: usize, facility: i64, by: &By) -> Result<Vec<String>, Error> {
    let Some((name, kind, icd, drug, days, quantity, far)) = WRITTEN.get(n) else { return Ok(Vec::new()) };
    let number = format!("0461{:02}{:06}", 60 + n, 880_000 + n);
    let born = Day::from_ymd(1960 + i32::try_from(n).unwrap_or(0), 5, 9);
    let evidence = Evidence {
        facility,
        national_id: Some(&number),
        name,
        birth: Birth { year: born.map_or(0, |d| d.ymd().0), day: born },
        sex: 2,
        address: "Phường Thuận Hóa, thành phố Huế",
        seen: Minute::now(),
        ..Evidence::default()
    };
    let person = mach_people::resolve(tx, &evidence).map_err(|e| Error::Files(e.to_string()))?.person;
    let known = Rules::shared().drug(drug).ok_or(Error::Missing("a medicine"))?;
    let usage = format!("{}, ngày 2 lần, mỗi lần 1 {}", known.route, known.unit);
    let name = mach_terms::Icd10::shared().get(icd).map(|d| d.name_vi.to_string()).unwrap_or_default();
    let content = Content {
        kind: (*kind).to_owned(),
        person,
        diagnoses: vec![Diagnosis { code: (*icd).to_owned(), name }],
        items: vec![Item::of(known, *quantity, *days, &usage)],
        ..Content::default()
    };
    let code = fine(work::write(tx, facility, by, content)?)?;
    match far {
        Far::Draft => Ok(Vec::new()),
        Far::Signed | Far::Partly => fine(work::sign(tx, &code, by, "Dữ liệu mẫu", None)?),
    }
}
