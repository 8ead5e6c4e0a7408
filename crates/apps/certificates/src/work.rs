//! What is done to a case, each in one transaction: resources, row and audit together or not at all.

use crate::bodies::{self, Attester, By, Sent};
use crate::case::{self, CONCLUSION, Case};
use crate::keeping::{only, withdraw};
use crate::signed::{begin_signature, signs_with};
use mach_access::Act;
use mach_base::time::now_seconds;
use mach_base::{Day, Minute};
use mach_fhir::index::Param;
use mach_fhir::{IndexValue, ResourceType};
use mach_forms::{Answers, Value, library};
use mach_people::{Birth, Evidence, patient_index, patient_json};
use mach_signing::ask::Chosen;
use mach_store::certificates::{Certificate, Sending, State};
use mach_store::resources::Put;
use mach_store::signing;
use mach_store::{Error, Result, Tx, schema};
use std::collections::HashMap;

pub use crate::keeping::{Posted, keep, keep_conclusion};
pub use crate::sending::{begin_sending, put_off, send_again, sent};
pub use crate::signed::resume;

/// Hours within which a certificate must be at the gateway (letter 7586/BYT-KCB, 2022).
pub const SEND_HOURS: i64 = 4;

/// Somebody who came to be examined.
#[derive(Clone, Debug, Default)]
pub struct Arrival {
    /// National number, or passport.
    pub number: String,
    /// Full name.
    pub name: String,
    /// Day of birth.
    pub born: Option<Day>,
    /// 1 male, 2 female, 3 other.
    pub sex: i64,
    /// Residence as written.
    pub address: String,
    /// Telephone.
    pub phone: String,
    /// Licence class.
    pub class: String,
}

/// Why something was not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum No {
    /// There is no such case.
    Unknown,
    /// It does not stand where this is done.
    State,
    /// Somebody else wrote this part meanwhile.
    Changed,
    /// Parts are open.
    Incomplete,
    /// The conclusion differs from the standard, and nobody says why.
    Differs,
    /// Whoever concluded may not sign for the head.
    Same,
    /// Only the head of the facility does this, or who signs in the head's place.
    NotHead,
    /// The facility has not registered its rules of signing.
    NoPolicy,
    /// No certificate is registered with which this account may sign for this.
    NoSigner,
    /// The doctor's digital signature is still under way.
    Unsigned,
}

/// A look-up code: 12 letters and digits of which none looks like another, 60 random bits.
fn new_code() -> Result<String> {
    const LETTERS: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
    let mut bytes = [0_u8; 12];
    getrandom::fill(&mut bytes).map_err(|e| Error::Files(format!("no random numbers: {e}")))?;
    Ok(bytes.iter().map(|b| char::from(LETTERS[usize::from(*b) & 31])).collect())
}

fn people_error(error: mach_people::Error) -> Error {
    match error {
        mach_people::Error::Store(e) => e,
        other => Error::Files(other.to_string()),
    }
}

pub(crate) fn put(c: &Certificate, kind: ResourceType, id: String, body: String, index: Vec<IndexValue>) -> Put {
    let date = Some(Minute::of_seconds(c.concluded.unwrap_or(c.opened)).0);
    Put { kind, id, body, patient: Some(c.person), date, facility: Some(c.facility), index }
}

pub(crate) fn token(param: Param, system: &str, code: &str) -> IndexValue {
    IndexValue::Token { param, system: system.to_owned(), code: code.to_owned() }
}

fn encounter(c: &Certificate, facility: &str) -> Put {
    let index = vec![token(Param::IDENTIFIER, bodies::CODES, &c.code)];
    let body = bodies::encounter(c, &format!("Organization/f{facility}"));
    put(c, ResourceType::ENCOUNTER, bodies::id(&c.code), body, index)
}

pub(crate) fn practitioner(c: &Certificate, by: &By) -> Option<Put> {
    (by.account != 0).then(|| Put {
        kind: ResourceType::PRACTITIONER,
        id: format!("account-{}", by.account),
        body: bodies::practitioner(by),
        patient: None,
        date: None,
        facility: Some(c.facility),
        index: Vec::new(),
    })
}

/// Receives somebody: finds or makes the person, opens the case with the form of today.
///
/// # Errors
/// Of the store.
pub fn open(tx: &mut Tx<'_>, facility: i64, arrival: &Arrival) -> Result<Certificate> {
    let (now, today) = (now_seconds(), Day::today());
    let year = arrival.born.map_or(0, |d| d.ymd().0);
    let evidence = Evidence {
        facility,
        national_id: Some(arrival.number.as_str()).filter(|n| !n.is_empty()),
        name: &arrival.name,
        birth: Birth { year, day: arrival.born },
        sex: arrival.sex,
        phone: Some(arrival.phone.as_str()).filter(|p| !p.is_empty()),
        address: &arrival.address,
        seen: Minute::of_seconds(now),
        ..Evidence::default()
    };
    let resolved = mach_people::resolve(tx, &evidence).map_err(people_error)?;
    if resolved.changed {
        write_patient(tx, resolved.person)?;
    }
    let scope = tx.scope();
    let form =
        library::current(tx, scope, case::FORM, today)?.ok_or(Error::Missing("the form of driver certificates"))?;
    library::ensure(tx, &form)?;
    let row = Certificate {
        id: 0,
        person: resolved.person,
        opened: now,
        concluded: None,
        due: None,
        tried: 0,
        next: None,
        facility,
        state: State::Examining,
        year: 0,
        serial: 0,
        sending: Sending::None,
        code: new_code()?,
        class: arrival.class.clone(),
        result: String::new(),
        form: form.canonical(),
        name: arrival.name.clone(),
        national: arrival.number.clone(),
        doctor: String::new(),
        head: String::new(),
        drug: false,
        alcohol: false,
    };
    tx.keep_certificate(&row)?;
    let facility_code = schema::facility_code(tx, facility)?.unwrap_or_default();
    tx.put(&[encounter(&row, &facility_code)])?;
    tx.audit(Some(row.person), &format!("driver certificate {} opened", row.code), "granted")?;
    Ok(row)
}

fn write_patient(tx: &mut Tx<'_>, person: i64) -> Result<()> {
    let view = mach_people::view(tx, person).map_err(people_error)?.ok_or(Error::Missing("a person"))?;
    let codes: HashMap<i64, String> = schema::facilities(tx)?.into_iter().collect();
    let code = |id: i64| codes.get(&id).cloned().unwrap_or_default();
    tx.put(&[Put {
        kind: ResourceType::PATIENT,
        id: mach_people::fhir_id(person),
        body: patient_json(&view, &code),
        patient: Some(person),
        date: None,
        facility: None,
        index: patient_index(&view, &code),
    }])?;
    Ok(())
}

pub(crate) fn response(c: &Certificate, id: &str, body: String) -> Put {
    let encounter =
        IndexValue::Reference { param: Param::ENCOUNTER, target: ResourceType::ENCOUNTER, id: bodies::id(&c.code) };
    put(c, ResourceType::QUESTIONNAIRE_RESPONSE, id.to_owned(), body, vec![encounter])
}

fn composition(case: &Case, attesters: &[Attester], why: &str) -> Put {
    let number = case.number();
    let parts: Vec<String> =
        case.parts.iter().filter(|p| p.begun).map(|p| case::response_id(&case.row.code, &p.link)).collect();
    let body = bodies::composition(&case.row, &number, &parts, attesters, why);
    let mut index = vec![token(Param::IDENTIFIER, bodies::CODES, &case.row.code)];
    if !number.is_empty() {
        index.push(token(Param::IDENTIFIER, bodies::NUMBERS, &number));
    }
    put(&case.row, ResourceType::COMPOSITION, bodies::id(&case.row.code), body, index)
}

fn provenance(c: &Certificate, mark: &str, activity: &str, by: &By, why: &str) -> Put {
    let now = now_seconds();
    let body = bodies::provenance(c, mark, activity, now, by, why);
    put(c, ResourceType::PROVENANCE, format!("{}-{mark}", bodies::id(&c.code)), body, Vec::new())
}

pub(crate) fn task(c: &Certificate, sent: &Sent) -> Put {
    let body = bodies::task(c, sent, now_seconds());
    put(c, ResourceType::TASK, format!("{}-send", bodies::id(&c.code)), body, Vec::new())
}

/// Concludes a case whose conclusion was just kept: all parts done, and a reason where it differs from the standard. `chosen`: with
/// which of their certificates its doctor signs.
///
/// # Errors
/// Of the store; `Refused` takes the whole transaction back and carries no answer of its own.
pub fn conclude(tx: &mut Tx<'_>, code: &str, by: &By, chosen: Chosen) -> Result<std::result::Result<(), No>> {
    let Some(mut case) = case::load(tx, code)? else { return Ok(Err(No::Unknown)) };
    if case.row.state != State::Examining {
        return Ok(Err(No::State));
    }
    if let Err(no) = may_conclude(&case, &case.answers) {
        return Ok(Err(no));
    }
    // An account of this house signs digitally; what other systems signed, they signed there.
    let signer = match signs_with(tx, &case, by, (signing::Act::Conclude, chosen))? {
        Ok(signer) => signer,
        Err(no) => return Ok(Err(no)),
    };
    let now = now_seconds();
    if case.row.serial == 0 {
        // The number stands on the paper that the doctor signs.
        case.row.year = i64::from(Minute::of_seconds(now).day().ymd().0);
        case.row.serial = tx.next_certificate(case.row.facility, case.row.year)?;
    }
    case.row.result = case.answers.code(&case.form, "conclusion-result");
    (case.row.state, case.row.concluded, case.row.doctor) = (State::Concluded, Some(now), by.name.clone());
    let drugs = ["drug-morphine", "drug-amphetamine", "drug-methamphetamine", "drug-marijuana"];
    case.row.drug = drugs.iter().any(|link| case.answers.code(&case.form, link) == "1");
    case.row.alcohol = matches!(case.answers.value(&case.form, "alcohol"),
        Some(Value::Quantity { value, .. }) if mach_fhir::Decimal::parse(value).is_some_and(|d| !d.is_zero()));
    let attesters = vec![("professional", now, by.clone())];
    let puts = [
        Some(composition(&case, &attesters, "")),
        practitioner(&case.row, by),
        Some(provenance(&case.row, &format!("p{now}"), "conclude", by, "")),
    ];
    tx.put(&puts.into_iter().flatten().collect::<Vec<_>>())?;
    tx.keep_certificate(&case.row)?;
    if let Some(signer) = signer {
        begin_signature(tx, &case, by, signer, signing::Act::Conclude, now)?;
    }
    tx.audit(Some(case.row.person), &format!("driver certificate {code} concluded"), "granted")?;
    Ok(Ok(()))
}

/// Whether the answers may be concluded.
///
/// # Errors
/// Why not.
pub fn may_conclude(case: &Case, answers: &Answers) -> std::result::Result<(), No> {
    if case.open_parts().next().is_some() {
        return Err(No::Incomplete);
    }
    let result = answers.code(&case.form, "conclusion-result");
    let says_fit = result == "A0-1";
    let fit = crate::rules::fitness(&case.form, answers, &case.row.class, case.day()).is_fit();
    let reason = answers.text(&case.form, "conclusion-differs");
    if says_fit != fit && result != "A0-3" && reason.trim().is_empty() {
        return Err(No::Differs);
    }
    Ok(())
}

/// Signs for the facility: the head, or who signs in the head's place. An account's digital signature is asked for, and the
/// certificate is issued when it is there; what another system's head signed is issued at once. `seen`: when the conclusion was
/// made that was shown to whoever signs; `None` where no page stands between. `chosen`: with which of their certificates.
///
/// # Errors
/// Of the store.
pub fn sign(
    tx: &mut Tx<'_>,
    code: &str,
    by: &By,
    seen: Option<i64>,
    chosen: Chosen,
) -> Result<std::result::Result<(), No>> {
    let Some(case) = case::load(tx, code)? else { return Ok(Err(No::Unknown)) };
    let now = now_seconds();
    // One that stopped is no reason to wait: whoever asked for it may be gone.
    let open = !case.flight(signing::Act::Countersign).is_some_and(signing::Flight::is_under_way);
    if case.row.state != State::Concluded || !open {
        return Ok(Err(No::State));
    }
    let is_head = tx.decision().act() == Act::Countersign;
    if by.account != 0 && !is_head && !signing::is_deputy(tx, case.row.facility, by.account, now)? {
        return Ok(Err(No::NotHead));
    }
    let first = case.attesters.iter().find(|(mode, _, _)| *mode == "professional").cloned();
    let Some(first) = first else { return Ok(Err(No::State)) };
    if seen.is_some_and(|seen| case.row.concluded != Some(seen)) {
        return Ok(Err(No::Changed));
    }
    if case.is_by(by.account) {
        return Ok(Err(No::Same));
    }
    // Whether the doctor signed is known by the signature: the Composition is a resource that others may write.
    let doctor = case.flight(signing::Act::Conclude);
    let is_ours = first.2.account != 0 || doctor.is_some();
    if by.account != 0 && is_ours && doctor.and_then(signing::Flight::done).is_none() {
        return Ok(Err(No::Unsigned));
    }
    match signs_with(tx, &case, by, (signing::Act::Countersign, chosen))? {
        Ok(Some(signer)) => {
            begin_signature(tx, &case, by, signer, signing::Act::Countersign, now)?;
            tx.audit(Some(case.row.person), &format!("driver certificate {code} countersignature"), "granted")?;
        }
        Ok(None) => issue(tx, case, by, now)?,
        Err(no) => return Ok(Err(no)),
    }
    Ok(Ok(()))
}

/// The certificate is issued: everybody may know of it, and it waits to be sent.
pub(crate) fn issue(tx: &mut Tx<'_>, mut case: Case, by: &By, now: i64) -> Result<()> {
    let code = case.row.code.clone();
    let first = case.attesters.iter().find(|(mode, _, _)| *mode == "professional").cloned();
    let first = first.ok_or(Error::Missing("the doctor's signature"))?;
    (case.row.state, case.row.head) = (State::Issued, by.name.clone());
    to_be_sent(&mut case.row, now);
    let attesters = vec![first, ("official", now, by.clone())];
    let puts = [
        Some(composition(&case, &attesters, "")),
        practitioner(&case.row, by),
        Some(provenance(&case.row, &format!("p{now}-s"), "sign", by, "")),
        Some(encounter(&case.row, &case.facility)),
        Some(task(&case.row, &Sent { said: String::new(), ..case.sent.clone() })),
    ];
    tx.put(&puts.into_iter().flatten().collect::<Vec<_>>())?;
    tx.keep_certificate(&case.row)?;
    tx.audit(Some(case.row.person), &format!("driver certificate {code} signed {}", case.number()), "granted")
}

fn to_be_sent(c: &mut Certificate, now: i64) {
    (c.sending, c.tried, c.next, c.due) = (Sending::Due, 0, Some(now), Some(now + SEND_HOURS * 3_600));
}

/// Takes an issued certificate back.
///
/// # Errors
/// Of the store.
pub fn revoke(tx: &mut Tx<'_>, code: &str, by: &By, why: &str) -> Result<std::result::Result<(), No>> {
    let Some(mut case) = case::load(tx, code)? else { return Ok(Err(No::Unknown)) };
    if case.row.state != State::Issued {
        return Ok(Err(No::State));
    }
    if tx.decision().act() != Act::Countersign {
        return Ok(Err(No::NotHead));
    }
    let now = now_seconds();
    tx.end_papers(case.row.facility, code, "revoked")?;
    case.row.state = State::Revoked;
    // What the gateway never got needs no taking back there.
    match case.sent.action.is_empty() && case.sent.receipt.is_empty() {
        true => (case.row.sending, case.row.next, case.row.due) = (Sending::None, None, None),
        false => to_be_sent(&mut case.row, now),
    }
    let attesters = case.attesters.clone();
    let puts = [
        Some(composition(&case, &attesters, why)),
        practitioner(&case.row, by),
        Some(provenance(&case.row, &format!("p{now}-r"), "revoke", by, why)),
        Some(task(&case.row, &Sent { said: String::new(), ..case.sent.clone() })),
    ];
    tx.put(&puts.into_iter().flatten().collect::<Vec<_>>())?;
    tx.keep_certificate(&case.row)?;
    tx.audit(Some(case.row.person), &format!("driver certificate {code} revoked"), "granted")?;
    Ok(Ok(()))
}

/// Opens a concluded or issued certificate again: its number stays, its conclusion and signatures are to be given anew.
///
/// # Errors
/// Of the store.
pub fn correct(tx: &mut Tx<'_>, code: &str, by: &By, why: &str) -> Result<std::result::Result<(), No>> {
    let Some(mut case) = case::load(tx, code)? else { return Ok(Err(No::Unknown)) };
    if !matches!(case.row.state, State::Issued | State::Concluded) {
        return Ok(Err(No::State));
    }
    // What the head signed, the head opens.
    if case.row.state == State::Issued && tx.decision().act() != Act::Countersign {
        return Ok(Err(No::NotHead));
    }
    let now = now_seconds();
    tx.end_flights(case.row.facility, code)?;
    tx.end_papers(case.row.facility, code, "replaced")?;
    (case.row.state, case.row.concluded) = (State::Examining, None);
    (case.row.result, case.row.doctor, case.row.head) = (String::new(), String::new(), String::new());
    (case.row.sending, case.row.next) = (Sending::None, None);
    let about = case::about(&case, CONCLUSION, "in-progress", by, now);
    let mine = only(&case.form, &case.answers, CONCLUSION);
    let mut withdrawn = Vec::new();
    if let Some(part) = case.parts.iter().find(|p| p.link == CONCLUSION).cloned() {
        withdraw(tx, &case, &part, &[], &mut withdrawn)?;
    }
    tx.put(&withdrawn)?;
    let puts = [
        Some(response(&case.row, &about.id, mine.json(&case.form, &about))),
        Some(composition(&case, &[], "")),
        practitioner(&case.row, by),
        Some(provenance(&case.row, &format!("p{now}-o"), "open again", by, why)),
        Some(encounter(&case.row, &case.facility)),
    ];
    tx.put(&puts.into_iter().flatten().collect::<Vec<_>>())?;
    tx.keep_certificate(&case.row)?;
    tx.audit(Some(case.row.person), &format!("driver certificate {code} opened again"), "granted")?;
    Ok(Ok(()))
}

/// Gives a case up that was not yet concluded.
///
/// # Errors
/// Of the store.
pub fn cancel(tx: &mut Tx<'_>, code: &str) -> Result<std::result::Result<(), No>> {
    let Some(mut case) = case::load(tx, code)? else { return Ok(Err(No::Unknown)) };
    if case.row.state != State::Examining || case.was_issued() {
        return Ok(Err(No::State));
    }
    case.row.state = State::Cancelled;
    tx.put(&[encounter(&case.row, &case.facility)])?;
    tx.keep_certificate(&case.row)?;
    tx.audit(Some(case.row.person), &format!("driver certificate {code} given up"), "granted")?;
    Ok(Ok(()))
}
