//! Ids that this server gives.

use crate::refusal::Refusal;
use mach_access::secret;
use mach_store::resources::{ID_DIGITS, ID_LENGTH};
use std::sync::atomic::{AtomicU64, Ordering};

/// The moment from which ids count: 2020-01-01 UTC, milliseconds since 1970.
const IDS_FROM: u64 = 1_577_836_800_000;
/// Bits of an id below its millisecond: half of them where the ids of a millisecond begin, then counted.
const ID_BITS: u32 = 22;

/// A new id: 13 characters that rise with time, so that ids made together lie together; never one twice in a process.
///
/// # Errors
/// 500 where the machine gives no random numbers.
pub fn new_id() -> Result<String, Refusal> {
    static LAST: AtomicU64 = AtomicU64::new(0);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.as_millis());
    let now = u64::try_from(now).unwrap_or(0).saturating_sub(IDS_FROM) << ID_BITS;
    let random = secret::new_token("").map_err(Refusal::internal)?;
    let random = u64::from_str_radix(&random[..8], 16).map_err(Refusal::internal)? & ((1 << (ID_BITS - 1)) - 1);
    // A clock that steps back, or a millisecond with several ids, counts on from the last one.
    let next = |last: u64| if last < now { now | random } else { last + 1 };
    let id = LAST.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(next(last))).map_or(0, next);
    let digit = |i: u32| char::from(ID_DIGITS[usize::try_from(id >> (5 * i) & 31).unwrap_or(0)]);
    Ok((0..ID_LENGTH as u32).rev().map(digit).collect())
}

#[cfg(test)]
mod tests {
    use super::new_id;
    use mach_store::resources::id_key;

    #[test]
    fn ids_rise_and_are_their_own_keys() {
        let ids: Vec<String> = (0..20_000).map(|_| new_id().unwrap()).collect();
        assert!(ids.windows(2).all(|w| w[0] < w[1] && id_key(&w[0]) < id_key(&w[1])));
        assert!(ids.iter().all(|id| id.len() == 13 && id_key(id) > 0));
    }
}
