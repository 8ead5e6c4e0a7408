//! Passwords and tokens: Argon2id for what people remember, SHA-256 for what machines keep.

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use sha2::{Digest, Sha256};

/// Why a secret could not be made.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The machine gives no random numbers.
    #[error("no random numbers: {0}")]
    Random(String),
    /// Argon2 refused its input (a password past 4 GB, no memory).
    #[error("password could not be hashed: {0}")]
    Hash(String),
}

/// The Argon2id PHC string of `password` (19 MiB, 2 passes, fresh salt: the OWASP minimum of 2024).
pub fn hash_password(password: &str) -> Result<String, SecretError> {
    let hash: argon2::password_hash::phc::PasswordHash =
        Argon2::default().hash_password(password.as_bytes()).map_err(|e| SecretError::Hash(e.to_string()))?;
    Ok(hash.to_string())
}

/// Whether `password` made `hash`. A hash that cannot be read is a no.
pub fn password_matches(password: &str, hash: &str) -> bool {
    PasswordHash::new(hash).is_ok_and(|parsed| Argon2::default().verify_password(password.as_bytes(), &parsed).is_ok())
}

/// Spends the time of one check, for an account that does not exist: the answer's time must not tell.
pub fn spend_password_time(password: &str) {
    let mut out = [0_u8; 32];
    // The result is of no interest; only the time is.
    let _ = Argon2::default().hash_password_into(password.as_bytes(), b"no such account.", &mut out);
}

/// A fresh random token of 256 bits as 64 hexadecimal digits, with `prefix` before it.
pub fn new_token(prefix: &str) -> Result<String, SecretError> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes).map_err(|e| SecretError::Random(e.to_string()))?;
    Ok(format!("{prefix}{}", hex(&bytes)))
}

/// What is stored of a token: its SHA-256.
pub fn token_hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// Lower-case hexadecimal digits of `bytes`.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, b| {
        // Writing to a String cannot fail.
        let _ = write!(out, "{b:02x}");
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_match_only_themselves() {
        let hash = hash_password("mật khẩu dài").unwrap();
        assert!(hash.starts_with("$argon2id$v=19$"), "{hash}");
        assert!(password_matches("mật khẩu dài", &hash));
        assert!(!password_matches("mat khau dai", &hash));
        assert!(!password_matches("mật khẩu dài", "not a hash"));
        assert_ne!(hash, hash_password("mật khẩu dài").unwrap(), "salted");
    }

    #[test]
    fn tokens_differ() {
        let (a, b) = (new_token("mach_").unwrap(), new_token("mach_").unwrap());
        assert_ne!(a, b);
        assert_eq!(a.len(), 5 + 64);
        assert_ne!(token_hash(&a), token_hash(&b));
    }
}
