//! The seal upon what a facility sends to other systems.

use crate::desk::Keys;
use crate::words::{FAULT, NO_SEAL, UNTRUSTED, hindrance};
use mach_base::Minute;
use mach_sign::certificate::Certificate;
use mach_sign::key::SoftKey;
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
