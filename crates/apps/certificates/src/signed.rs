//! A digital signature as it is written: asked for, asked for again, there.

use crate::bodies::{self, By};
use crate::case::{self, Case};
use crate::work::{No, issue, put};
use mach_access::{Act as May, Scope, decide};
use mach_base::Day;
use mach_base::time::now_seconds;
use mach_fhir::ResourceType;
use mach_sign::pades;
use mach_store::certificates::State;
use mach_store::signing::{self, Due, Flight};
use mach_store::sql::Query;
use mach_store::{Error, Result, Tx, accounts};

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
    // One that stopped gives way to the next.
    if let Some(before) = case.flight(act) {
        tx.end_flight(before.facility, before.id)?;
    }
    let begun = Flight {
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
    };
    tx.keep_flight(&begun).map(drop)
}

/// Whether who asked for a signature may give it: the account is open, of this facility, in a role that signs for this, or in
/// the place of a head who does.
pub(crate) fn may_still(on: &mut dyn Query, flight: &Flight, now: i64) -> Result<bool> {
    let (facility, account) = (flight.facility, flight.account);
    let found = accounts::by_id(on, Scope::Facility(facility), account)?.filter(|a| !a.closed);
    let Some(actor) = found.map(|a| a.actor) else { return Ok(false) };
    let may = |act| decide(&actor, act).is_ok();
    match flight.act {
        signing::Act::Conclude => Ok(may(May::Certify)),
        _ => Ok(may(May::Countersign) || (may(May::Certify) && signing::is_deputy(on, facility, account, now)?)),
    }
}

/// A signature that is still wanted, with its case: the last one for its act since the case was concluded.
pub(crate) fn standing(on: &mut dyn Query, due: &Due) -> Result<Option<(Case, Flight)>> {
    let case = case::load(on, &due.code)?.filter(|c| c.row.state == State::Concluded);
    let flight = case.as_ref().and_then(|c| c.flight(due.act)).cloned();
    Ok(case.zip(flight).filter(|(_, f)| f.id == due.id && f.ended.is_none()))
}

/// Ends a signature that nobody wants any more: its case was opened again, taken back or signed otherwise.
pub(crate) fn give_up(tx: &mut Tx<'_>, due: &Due) -> Result<()> {
    match standing(tx, due)? {
        Some(_) => Ok(()),
        None => tx.end_flight(due.facility, due.id),
    }
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
    if !may_still(tx, flight, now)? {
        return Ok(Err(No::NotHead));
    }
    let signer = match signs_with(tx, &case, by, flight.act)? {
        Ok(signer) => signer.unwrap_or(flight.signer),
        Err(no) => return Ok(Err(no)),
    };
    begin_signature(tx, &case, by, signer, flight.act, now)?;
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
    let due = Due { id: flight.id, facility: flight.facility, code: flight.code.clone(), act: flight.act, tried: 0 };
    let Some((case, _)) = standing(tx, &due)? else { return tx.end_flight(flight.facility, flight.id) };
    let by = By { account: flight.account, name: flight.name.clone() };
    let whole = mach_sign::sha256(file);
    let (id, hash) = (crate::signing::paper_id(&flight.code), mach_sign::hex(&whole));
    let body = bodies::binary(&id, "application/pdf", &mach_sign::base64(file), case.row.person);
    let mark = format!("{}-s{}", bodies::id(&flight.code), flight.id);
    let proof = bodies::signature(&case.row, &mark, (&id, &hash), flight.act, (now, &by));
    tx.put(&[
        put(&case.row, ResourceType::BINARY, id, body, Vec::new()),
        put(&case.row, ResourceType::PROVENANCE, mark, proof, Vec::new()),
    ])?;
    tx.log_event("signature", &format!("{} {} by signer {}: {hash}", flight.code, flight.act.code(), flight.signer))?;
    // By this hash the file is known again wherever it is taken up.
    let done = Flight { ended: Some(now), next: None, said: String::new(), state: whole.to_vec(), ..flight.clone() };
    tx.keep_flight(&done)?;
    if flight.act == signing::Act::Countersign {
        issue(tx, case, &by, now)?;
    }
    // What only the doctor signed was given to nobody, and counts nowhere.
    let mark = pades::last_mark(file).map_err(|e| Error::Files(format!("the paper of {}: {e}", flight.code)))?;
    tx.keep_paper(flight.facility, &flight.code, &mark, flight.act == signing::Act::Countersign)
}
