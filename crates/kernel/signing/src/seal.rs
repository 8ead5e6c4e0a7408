//! The seal upon what a facility sends to other systems, and upon papers that it gives out for itself.

use crate::desk::Keys;
use crate::flights::whole;
use crate::words::{FAULT, NO_POLICY, NO_SEAL, UNTRUSTED, hindrance};
use mach_base::Minute;
use mach_documents::{Rendered, SealText, draw_seal};
use mach_sign::certificate::Certificate;
use mach_sign::key::SoftKey;
use mach_sign::pades::{self, Appearance, Request};
use mach_sign::pdf::Update;
use mach_store::Error;
use mach_store::signing::{self, Act, Provider};
use mach_store::sql::Query;

/// The certificate that seals what a facility sends to other systems, and its key: the facility's seal, else that of whoever
/// signed for it (an account, 0: nobody of ours, and the act), where the key is at hand.
///
/// # Errors
/// Why there is none: a word of [`crate::words`], or what the store says.
pub fn seal_of(
    on: &mut dyn Query,
    keys: &dyn Keys,
    facility: i64,
    (account, act): (i64, Act),
    now: i64,
) -> std::result::Result<(Vec<Certificate>, SoftKey), String> {
    let today = Minute::of_seconds(now).day();
    let told = |e: Error| e.to_string();
    let mut found = signing::signing_with(on, facility, 0, Act::Seal, today).map_err(told)?;
    if found.is_none() && account != 0 {
        found = signing::signing_with(on, facility, account, act, today).map_err(told)?;
    }
    let signer = found.filter(|s| s.provider == Provider::Soft).ok_or(NO_SEAL)?;
    // What the machine says of a fault goes to its log, and a word for it to the page.
    let fault = |e: String| {
        tracing::warn!("the seal of facility {facility}: {e}");
        FAULT.to_owned()
    };
    let chain = Certificate::from_pem(&signer.chain).map_err(|_| UNTRUSTED)?;
    let trust = keys.trust().map_err(fault)?;
    if let Some(halt) = hindrance(&chain, &trust, now) {
        return Err(halt.said());
    }
    let key = keys.soft(&signer).map_err(fault)?;
    Ok((chain, key))
}

/// A facility's own seal (0: the department's), where it registered the rules under which it signs and its key is at hand.
///
/// # Errors
/// Why there is none: a word of [`crate::words`], or what the store says.
pub fn own_seal(
    on: &mut dyn Query,
    keys: &dyn Keys,
    facility: i64,
    now: i64,
) -> std::result::Result<(Vec<Certificate>, SoftKey), String> {
    let today = Minute::of_seconds(now).day();
    if signing::policy(on, facility, today).map_err(|e| e.to_string())?.is_none() {
        return Err(NO_POLICY.to_owned());
    }
    seal_of(on, keys, facility, (0, Act::Seal), now)
}

/// What stands beside a seal on a paper.
#[derive(Clone, Debug)]
pub struct Said<'a> {
    /// The facility's name.
    pub facility: &'a str,
    /// As what it signs.
    pub role: &'a str,
    /// Why it signs.
    pub reason: &'a str,
}

/// A paper with a facility's seal in its place named `place` (PAdES); with a timestamp and validation data where there is proof of time. It
/// was looked at as anybody will look at it.
///
/// # Errors
/// A word of [`crate::words`].
pub fn seal_paper(
    (paper, place): (&Rendered, &str),
    (chain, key): (&[Certificate], &SoftKey),
    keys: &dyn Keys,
    (said, now): (&Said<'_>, i64),
) -> std::result::Result<Vec<u8>, String> {
    let fault = |e: String| {
        tracing::warn!("a paper could not be sealed: {e}");
        FAULT.to_owned()
    };
    let room = paper.seal(place).ok_or_else(|| fault("it has no place for it".to_owned()))?;
    let [left, bottom, right, top] = room.rectangle;
    let text = SealText { signer: said.facility.to_owned(), role: said.role.to_owned(), at: now };
    let draw = |update: &mut Update<'_, '_>| Ok(draw_seal(update, (right - left, top - bottom), &text));
    let request = Request {
        chain,
        at: now,
        reason: Some(said.reason),
        location: Some(said.facility),
        appearance: Some(Appearance { page: room.page, rectangle: room.rectangle, draw: &draw }),
    };
    let stamp = |signature: &[u8]| keys.time(signature);
    let time: Option<&pades::AskTime<'_>> = if keys.has_time() { Some(&stamp) } else { None };
    let signed = pades::sign(&paper.pdf, &request, key, time).map_err(|e| fault(e.to_string()))?;
    let trust = keys.trust().map_err(fault)?;
    whole(signed, time.is_some(), (chain, &trust), now).map_err(|halt| halt.said())
}
