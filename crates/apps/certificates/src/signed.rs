//! A digital signature as it is written: asked for, asked for again, there.

use crate::bodies::{self, By};
use crate::case::{self, Case};
use crate::signing::{Certificates, paper_id};
use crate::work::{No, issue, put};
use mach_base::time::now_seconds;
use mach_fhir::ResourceType;
use mach_signing::ask::{self, Cannot, Chosen, Wanted};
use mach_signing::flights::Taken;
use mach_store::signing::{self, Flight};
use mach_store::{Result, Tx};

impl From<Cannot> for No {
    fn from(cannot: Cannot) -> Self {
        match cannot {
            Cannot::NoPolicy => Self::NoPolicy,
            Cannot::NoSigner => Self::NoSigner,
            Cannot::MayNot => Self::NotHead,
        }
    }
}

fn wanted(case: &Case, by: &By, act: signing::Act) -> Wanted {
    let (code, name) = (case.row.code.clone(), by.name.clone());
    Wanted { facility: case.row.facility, code, act, account: by.account, name }
}

/// With what somebody signs: nothing for those of other systems. Who may, is looked at when they sign: role, licence, scope, day.
pub(crate) fn signs_with(
    tx: &mut Tx<'_>,
    case: &Case,
    by: &By,
    (act, chosen): (signing::Act, Chosen),
) -> Result<std::result::Result<Option<i64>, No>> {
    if by.account == 0 {
        return Ok(Ok(None));
    }
    Ok(ask::signs_with(tx, &wanted(case, by, act), chosen, now_seconds())?.map(Some).map_err(No::from))
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
    ask::begin(tx, wanted(case, by, act), signer, now)
}

/// Asks once more for a signature of one's own that stopped.
///
/// # Errors
/// Of the store.
pub fn resume(tx: &mut Tx<'_>, code: &str, by: &By, chosen: Chosen) -> Result<std::result::Result<(), No>> {
    let Some(case) = case::load(tx, code)? else { return Ok(Err(No::Unknown)) };
    let stopped = case.flights.iter().find(|f| f.ended.is_none() && f.next.is_none() && f.account == by.account);
    let Some(flight) = stopped else { return Ok(Err(No::State)) };
    if let Err(cannot) = ask::again(tx, &Certificates, flight, chosen, now_seconds())? {
        return Ok(Err(cannot.into()));
    }
    tx.audit(Some(case.row.person), &format!("driver certificate {code} signature asked for again"), "granted")?;
    Ok(Ok(()))
}

/// Takes a file that was signed and checked: it is kept, and a head's signature issues the certificate.
pub(crate) fn signed(tx: &mut Tx<'_>, flight: &Flight, file: &[u8], now: i64) -> Result<Taken> {
    let Some(case) = case::load(tx, &flight.code)? else { return Ok(Taken::Nobodys) };
    let by = By { account: flight.account, name: flight.name.clone() };
    let (id, hash) = (paper_id(&flight.code), mach_sign::hex(&mach_sign::sha256(file)));
    let body = bodies::binary(&id, "application/pdf", &mach_sign::base64(file), case.row.person);
    let mark = format!("{}-s{}", bodies::id(&flight.code), flight.id);
    let proof = bodies::signature(&case.row, &mark, (&id, &hash), flight.act, (now, &by));
    tx.put(&[
        put(&case.row, ResourceType::BINARY, id, body, Vec::new()),
        put(&case.row, ResourceType::PROVENANCE, mark, proof, Vec::new()),
    ])?;
    if flight.act != signing::Act::Countersign {
        crate::code::keep(tx, &case)?;
        return Ok(Taken::Unfinished);
    }
    crate::code::open(tx, &case)?;
    issue(tx, case, &by, now)?;
    Ok(Taken::Whole)
}
