//! A signature is asked for: who signs with what, once more, whether they may still.

use crate::flights::Papers;
use mach_access::{Act as May, Actor, Scope, decide};
use mach_base::Minute;
use mach_store::signing::{self, Act, Flight};
use mach_store::sql::Query;
use mach_store::{Result, Tx, accounts};

/// Why nobody can sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cannot {
    /// The facility has not registered its rules of signing.
    NoPolicy,
    /// No certificate is registered with which this account may sign for this.
    NoSigner,
    /// They may not sign any more.
    MayNot,
}

/// The certificate that somebody chose for a signature, by number of its row; `None`: the newest they have.
pub type Chosen = Option<i64>;

/// What is to be signed, and by whom.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The facility.
    pub facility: i64,
    /// The code of the paper.
    pub code: String,
    /// For what.
    pub act: Act,
    /// The account that signs.
    pub account: i64,
    /// Its owner's name.
    pub name: String,
}

/// With what somebody signs now: the certificate that they chose among theirs, else the newest. Whether they may is looked at when
/// they sign: role, licence, scope, day.
///
/// # Errors
/// Of the store.
pub fn signs_with(
    on: &mut dyn Query,
    wanted: &Wanted,
    chosen: Chosen,
    now: i64,
) -> Result<std::result::Result<i64, Cannot>> {
    let (facility, today) = (wanted.facility, Minute::of_seconds(now).day());
    if signing::policy(on, facility, today)?.is_none() {
        return Ok(Err(Cannot::NoPolicy));
    }
    let signers = signing::signers_for(on, facility, wanted.account, wanted.act, today)?;
    let signer = signers.iter().find(|s| chosen.is_none_or(|id| s.id == id));
    Ok(signer.map(|s| s.id).ok_or(Cannot::NoSigner))
}

/// A signature begins. One that stopped gives way to it.
///
/// # Errors
/// Of the store.
pub fn begin(tx: &mut Tx<'_>, wanted: Wanted, signer: i64, now: i64) -> Result<()> {
    let Wanted { facility, code, act, account, name } = wanted;
    if let Some(before) = signing::flight_of(tx, facility, &code, act)?.filter(|f| f.ended.is_none()) {
        tx.end_flight(facility, before.id)?;
    }
    let (next, said, state) = (Some(now), String::new(), Vec::new());
    let begun = Flight {
        id: 0,
        facility,
        code,
        act,
        signer,
        account,
        name,
        began: now,
        next,
        tried: 0,
        said,
        state,
        ended: None,
    };
    tx.keep_flight(&begun).map(drop)
}

/// Asks once more for a signature that stopped, with a certificate that its owner has now.
///
/// # Errors
/// Of the store.
pub fn again(
    tx: &mut Tx<'_>,
    papers: &dyn Papers,
    stopped: &Flight,
    chosen: Chosen,
    now: i64,
) -> Result<std::result::Result<(), Cannot>> {
    if !papers.may_still(tx, stopped, now)? {
        return Ok(Err(Cannot::MayNot));
    }
    let wanted = Wanted {
        facility: stopped.facility,
        code: stopped.code.clone(),
        act: stopped.act,
        account: stopped.account,
        name: stopped.name.clone(),
    };
    match signs_with(tx, &wanted, chosen, now)? {
        Ok(signer) => begin(tx, wanted, signer, now).map(Ok),
        Err(cannot) => Ok(Err(cannot)),
    }
}

/// Who asked for a signature, where their account is open and of its facility still.
///
/// # Errors
/// Of the store.
pub fn asker(on: &mut dyn Query, flight: &Flight) -> Result<Option<Actor>> {
    let found = accounts::by_id(on, Scope::Facility(flight.facility), flight.account)?;
    Ok(found.filter(|a| !a.closed).map(|a| a.actor))
}

/// Whether who asked for a signature may do this still. A phone may answer a day later.
///
/// # Errors
/// Of the store.
pub fn asker_may(on: &mut dyn Query, flight: &Flight, may: May) -> Result<bool> {
    Ok(asker(on, flight)?.is_some_and(|actor| decide(&actor, may).is_ok()))
}
