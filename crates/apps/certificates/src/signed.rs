//! A digital signature as it is written: asked for, asked for again, there.

use crate::bodies::{self, By};
use crate::case::{self, Case};
use crate::work::{No, issue, put};
use mach_base::Day;
use mach_base::time::now_seconds;
use mach_fhir::ResourceType;
use mach_store::certificates::State;
use mach_store::signing::{self, Flight};
use mach_store::{Result, Tx};

/// With what somebody signs: nothing for those of other systems. Who may, is looked at when they sign: role, licence, scope, day.
pub(crate) fn signs_with(
    tx: &mut Tx<'_>,
    case: &Case,
    by: &By,
    act: signing::Act,
) -> Result<std::result::Result<Option<i64>, No>> {
    if by.account == 0 {
        return Ok(Ok(None));
    }
    let (facility, today) = (case.row.facility, Day::today());
    if signing::policy(tx, facility, today)?.is_none() {
        return Ok(Err(No::NoPolicy));
    }
    let signer = signing::signing_with(tx, facility, by.account, act, today)?;
    Ok(signer.map(|s| Some(s.id)).ok_or(No::NoSigner))
}

/// A signature begins.
pub(crate) fn begin_signature(
    tx: &mut Tx<'_>,
    case: &Case,
    by: &By,
    signer: i64,
    act: signing::Act,
    now: i64,
) -> Result<()> {
    tx.keep_flight(&Flight {
        id: 0,
        facility: case.row.facility,
        code: case.row.code.clone(),
        act,
        signer,
        account: by.account,
        name: by.name.clone(),
        began: now,
        next: Some(now),
        tried: 0,
        said: String::new(),
        state: Vec::new(),
        ended: None,
    })
}

/// Asks once more for a signature of one's own that stopped.
///
/// # Errors
/// Of the store.
pub fn resume(tx: &mut Tx<'_>, code: &str, by: &By) -> Result<std::result::Result<(), No>> {
    let Some(case) = case::load(tx, code)? else { return Ok(Err(No::Unknown)) };
    let stopped = case.flights.iter().find(|f| f.ended.is_none() && f.next.is_none() && f.account == by.account);
    let Some(flight) = stopped else { return Ok(Err(No::State)) };
    let now = now_seconds();
    let signer = match signs_with(tx, &case, by, flight.act)? {
        Ok(signer) => signer.unwrap_or(flight.signer),
        Err(no) => return Ok(Err(no)),
    };
    let again = Flight {
        signer,
        began: now,
        next: Some(now),
        tried: 0,
        said: String::new(),
        state: Vec::new(),
        ..flight.clone()
    };
    tx.keep_flight(&Flight { ended: Some(now), next: None, state: Vec::new(), ..flight.clone() })?;
    tx.keep_flight(&Flight { id: 0, ..again })?;
    tx.audit(Some(case.row.person), &format!("driver certificate {code} signature asked for again"), "granted")?;
    Ok(Ok(()))
}

/// Takes a file that was signed and checked: it is kept, and a head's signature issues the certificate. What was opened again
/// or signed meanwhile stays as it is.
///
/// # Errors
/// Of the store.
pub fn signed(tx: &mut Tx<'_>, flight: &Flight, file: &[u8]) -> Result<()> {
    let now = now_seconds();
    let stands = signing::flight_of(tx, flight.facility, &flight.code, flight.act)?;
    if !stands.is_some_and(|f| f.id == flight.id && f.ended.is_none()) {
        return Ok(());
    }
    let Some(case) = case::load(tx, &flight.code)? else { return Ok(()) };
    if case.row.state != State::Concluded {
        return Ok(());
    }
    let by = By { account: flight.account, name: flight.name.clone() };
    let (id, hash) = (crate::signing::paper_id(&flight.code), mach_sign::hex(&mach_sign::sha256(file)));
    let body = bodies::binary(&id, "application/pdf", &mach_sign::base64(file), case.row.person);
    let mark = format!("{}-s{}", bodies::id(&flight.code), flight.id);
    let proof = bodies::signature(&case.row, &mark, (&id, &hash), flight.act, (now, &by));
    tx.put(&[
        put(&case.row, ResourceType::BINARY, id, body, Vec::new()),
        put(&case.row, ResourceType::PROVENANCE, mark, proof, Vec::new()),
    ])?;
    tx.log_event("signature", &format!("{} {} by signer {}: {hash}", flight.code, flight.act.code(), flight.signer))?;
    tx.keep_flight(&Flight { ended: Some(now), next: None, said: String::new(), state: Vec::new(), ..flight.clone() })?;
    if flight.act == signing::Act::Countersign {
        issue(tx, case, &by, now)?;
        tx.keep_paper(flight.facility, &flight.code, &hash)?;
    }
    Ok(())
}
