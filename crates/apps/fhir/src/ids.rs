//! Ids of resources.

use crate::refusal::Refusal;
use mach_access::secret;

/// Whether `id` may be a resource's id. R4 §2.24.0.1.
pub fn is_id(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.'))
}

/// A new id: 16 characters that rise with time, so that ids made together lie together.
///
/// # Errors
/// 500 where the machine gives no random numbers.
pub fn new_id() -> Result<String, Refusal> {
    const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.as_millis());
    let random = secret::new_token("").map_err(Refusal::internal)?;
    let random = u128::from_str_radix(&random[..8], 16).map_err(Refusal::internal)?;
    let bits = (now << 32) | random;
    Ok((0..16).rev().map(|i| char::from(DIGITS[usize::try_from(bits >> (5 * i) & 31).unwrap_or(0)])).collect())
}
