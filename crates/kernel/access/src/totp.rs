//! One-time codes by time (RFC 6238): six digits every thirty seconds, HMAC-SHA-1, as every authenticator app knows them.
//!
//! A code is taken once: who looked over a shoulder cannot use it again. One step before and after is taken too, for clocks
//! that are a little off.

use crate::secret::SecretError;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

/// Seconds of one code.
pub const STEP_SECONDS: i64 = 30;
/// Steps before and after the present one that are taken.
const DRIFT: i64 = 1;
/// Bytes of a secret: those of the hash (RFC 4226 §4 R6).
const SECRET_BYTES: usize = 20;
const DIGITS: usize = 6;
const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// A new secret.
///
/// # Errors
/// Where the machine gives no random numbers.
pub fn new_secret() -> Result<Vec<u8>, SecretError> {
    let mut bytes = vec![0_u8; SECRET_BYTES];
    getrandom::fill(&mut bytes).map_err(|e| SecretError::Random(e.to_string()))?;
    Ok(bytes)
}

/// A secret as it is typed into an app (RFC 4648 base 32, without padding).
pub fn base32(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(5) * 8);
    for chunk in bytes.chunks(5) {
        let mut word = [0_u8; 8];
        word[3..3 + chunk.len()].copy_from_slice(chunk);
        let bits = u64::from_be_bytes(word);
        for i in 0..(chunk.len() * 8).div_ceil(5) {
            out.push(char::from(ALPHABET[(bits >> (35 - 5 * i)) as usize & 31]));
        }
    }
    out
}

/// The address that an app reads from a QR code.
pub fn uri(issuer: &str, account: &str, secret: &[u8]) -> String {
    let encoded = |text: &str| -> String {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
        text.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
    };
    let (issuer, account) = (encoded(issuer), encoded(account));
    format!("otpauth://totp/{issuer}:{account}?secret={}&issuer={issuer}", base32(secret))
}

/// The code of a step.
pub fn code(secret: &[u8], step: i64) -> String {
    // HMAC takes keys of any length.
    let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(secret) else { return String::new() };
    mac.update(&step.to_be_bytes());
    let digest = mac.finalize().into_bytes();
    let at = usize::from(digest[digest.len() - 1] & 15);
    let number = u32::from_be_bytes([digest[at] & 0x7f, digest[at + 1], digest[at + 2], digest[at + 3]]);
    format!("{:0DIGITS$}", number % 10_u32.pow(DIGITS as u32))
}

/// The step whose code was typed, at a time in seconds: after `last`, the step of the code taken before.
pub fn accepted(secret: &[u8], typed: &str, now: i64, last: i64) -> Option<i64> {
    let typed: String = typed.chars().filter(|c| !c.is_whitespace()).collect();
    let step = now.div_euclid(STEP_SECONDS);
    let mut found = None;
    for candidate in step - DRIFT..=step + DRIFT {
        // Every candidate is compared in full: the time tells nothing.
        let code = code(secret, candidate);
        let same = code.len() == typed.len() && code.bytes().zip(typed.bytes()).fold(0, |d, (a, b)| d | (a ^ b)) == 0;
        if same && candidate > last {
            found = Some(candidate);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238 appendix B, SHA-1, the last six of eight digits.
    #[test]
    fn codes_of_the_standard() {
        let secret = b"12345678901234567890";
        for (time, want) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(code(secret, time / STEP_SECONDS), want);
        }
    }

    /// RFC 4648 §10.
    #[test]
    fn base_32_of_the_standard() {
        for (bytes, text) in
            [("", ""), ("f", "MY"), ("fo", "MZXQ"), ("foo", "MZXW6"), ("foob", "MZXW6YQ"), ("foobar", "MZXW6YTBOI")]
        {
            assert_eq!(base32(bytes.as_bytes()), text);
        }
    }

    #[test]
    fn a_code_is_taken_once_and_near_its_time() {
        let secret = new_secret().unwrap();
        let now = 1_700_000_000;
        let step = now / STEP_SECONDS;
        let typed = code(&secret, step);
        assert_eq!(accepted(&secret, &format!("{} {}", &typed[..3], &typed[3..]), now, 0), Some(step));
        assert_eq!(accepted(&secret, &typed, now, step), None, "a second time");
        assert_eq!(accepted(&secret, &typed, now + STEP_SECONDS, 0), Some(step));
        assert_eq!(accepted(&secret, &typed, now + 2 * STEP_SECONDS, 0), None);
        assert_eq!(accepted(&secret, &typed[..5], now, 0), None);
        assert_eq!(accepted(&secret, "", now, 0), None);
    }

    #[test]
    fn the_address_carries_names_safely() {
        let uri = uri("Mạch", "lê lan", b"foobar");
        assert_eq!(uri, "otpauth://totp/M%E1%BA%A1ch:l%C3%AA%20lan?secret=MZXW6YTBOI&issuer=M%E1%BA%A1ch");
    }
}
