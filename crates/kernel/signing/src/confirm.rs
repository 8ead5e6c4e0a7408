//! How somebody without a key confirms what they were shown: by a code that was sent to their telephone, or by a reader of
//! fingerprints. Both are bound to the SHA-256 of exactly what was shown, are used once, and end within minutes; what waits is kept
//! in memory, and after a restart is asked for anew.
//!
//! A reader is a device with a key of its own. It is asked by the page, on its machine ([`READER`]): `{"document", "nonce"}`; it
//! looks at a finger, compares it with the chip of the identity card, and answers a statement, signed as a JWS (RFC 7515) by a
//! certificate of `signing/readers/` of the data folder: [`Statement`]. Neither picture nor template of the finger leaves it: a
//! statement with any field more is refused.

use mach_access::secret;
use mach_sign::certificate::Certificate;
use mach_sign::trust::Trust;
use mach_sign::{hex, jws};
use mach_store::signing::Act;
use serde::Deserialize;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Where a reader listens, on the machine of whoever shows the paper.
pub const READER: &str = "wss://127.0.0.1:8988";
/// Where certificates of readers lie, in the data folder.
pub const READERS: &str = "signing/readers";
/// Seconds for which a code, or the question to a reader, holds.
pub const HOLDS_SECONDS: i64 = 600;
/// Seconds before another code is sent for the same paper.
pub const SEND_AGAIN_SECONDS: i64 = 60;
/// Codes sent for one paper within an hour.
pub const CODES_AN_HOUR: usize = 5;
/// Tries of one code.
pub const TRIES: u32 = 5;
/// Digits of a code.
const DIGITS: u32 = 6;
/// Papers that wait at once.
pub const MOST: usize = 5_000;
/// Bytes of a statement.
pub const STATEMENT_BYTES: usize = 16 << 10;
const HOUR: i64 = 3_600;

/// What is confirmed: a paper of a facility, and for what.
pub type Of = (i64, String, Act);

#[derive(Debug)]
struct Waiting {
    of: Of,
    shown: [u8; 32],
    /// Of the code its hash alone.
    code: Option<[u8; 32]>,
    nonce: Option<String>,
    tries: u32,
    since: i64,
    /// When codes were sent.
    sent: Vec<i64>,
}

/// Why no code is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum No {
    /// One was sent just now; seconds to wait.
    Wait(i64),
    /// Too many papers wait, or the system gives no random bytes.
    Busy,
}

/// What came of a code or statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is right; what is kept of it as what was given.
    Right(Vec<u8>),
    /// It is wrong; tries that are left.
    Wrong(u32),
    /// None is waited for: too late, used, tried too often, or what was shown is another by now.
    Over,
    /// The statement is not one of a reader that is registered here, of this paper and question.
    Refused(&'static str),
}

/// What a reader says. Nothing else may stand in it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    /// SHA-256 of what was shown, hexadecimal.
    pub document: String,
    /// The question's own.
    pub nonce: String,
    /// When, seconds.
    pub at: i64,
    /// The number on the chip with which the finger was compared.
    pub number: String,
    /// That it was that person's finger.
    pub matched: bool,
}

/// All that wait.
#[derive(Debug, Default)]
pub struct Confirmations(Mutex<Vec<Waiting>>);

/// The digits of a code, from random bytes: no code is likelier than another.
fn digits() -> Option<String> {
    let most = 10_u32.pow(DIGITS);
    let end = u32::MAX - u32::MAX % most;
    for _ in 0..64 {
        let token = secret::new_token("").ok()?;
        let n = u32::from_str_radix(token.get(..8)?, 16).ok()?;
        if n < end {
            return Some(format!("{:06}", n % most));
        }
    }
    None
}

impl Confirmations {
    fn all(&self, now: i64) -> MutexGuard<'_, Vec<Waiting>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|w| now < w.since + HOLDS_SECONDS || w.sent.iter().any(|at| now < at + HOUR));
        all
    }

    /// A code for what is shown; one that was sent before ends.
    ///
    /// # Errors
    /// Why there is none.
    pub fn code(&self, of: &Of, shown: [u8; 32], now: i64) -> Result<String, No> {
        let mut all = self.all(now);
        let known = all.iter().position(|w| w.of == *of);
        let mut sent = known.map(|n| all[n].sent.clone()).unwrap_or_default();
        sent.retain(|at| now < at + HOUR);
        let last = sent.iter().max().map_or(0, |at| at + SEND_AGAIN_SECONDS - now);
        let first = sent.iter().min().filter(|_| sent.len() >= CODES_AN_HOUR).map_or(0, |at| at + HOUR - now);
        if last.max(first) > 0 {
            return Err(No::Wait(last.max(first)));
        }
        if known.is_none() && all.len() >= MOST {
            return Err(No::Busy);
        }
        let code = digits().ok_or(No::Busy)?;
        sent.push(now);
        let hash = Some(secret::token_hash(&code));
        all.retain(|w| w.of != *of);
        all.push(Waiting { of: of.clone(), shown, code: hash, nonce: None, tries: TRIES, since: now, sent });
        Ok(code)
    }

    /// Takes back that a code was sent: it could not be.
    pub fn not_sent(&self, of: &Of, now: i64) {
        if let Some(w) = self.all(now).iter_mut().find(|w| w.of == *of) {
            w.code = None;
            w.sent.retain(|at| *at != now);
        }
    }

    /// Whether a code is waited for.
    pub fn waits(&self, of: &Of, shown: &[u8; 32], now: i64) -> bool {
        self.all(now)
            .iter()
            .any(|w| w.of == *of && w.shown == *shown && w.code.is_some() && now < w.since + HOLDS_SECONDS)
    }

    /// Tries a code. `telephone` is where it was sent: it stands in what is kept.
    pub fn typed(&self, of: &Of, shown: &[u8; 32], (typed, telephone): (&str, &str), now: i64) -> Verdict {
        let mut all = self.all(now);
        let fits = |w: &&mut Waiting| w.of == *of && w.code.is_some() && now < w.since + HOLDS_SECONDS;
        let Some(w) = all.iter_mut().find(fits) else { return Verdict::Over };
        if w.shown != *shown || w.tries == 0 {
            w.code = None;
            return Verdict::Over;
        }
        w.tries -= 1;
        if w.code == Some(secret::token_hash(typed)) {
            w.code = None;
            return Verdict::Right(format!("code {typed} to {telephone} at {now}").into_bytes());
        }
        if w.tries == 0 {
            w.code = None;
        }
        Verdict::Wrong(w.tries)
    }

    /// The question to a reader; one that was asked before ends.
    ///
    /// # Errors
    /// Why there is none.
    pub fn question(&self, of: &Of, shown: [u8; 32], now: i64) -> Result<String, No> {
        let nonce = secret::new_token("").map_err(|_| No::Busy)?;
        let mut all = self.all(now);
        let known = all.iter().position(|w| w.of == *of);
        if known.is_none() && all.len() >= MOST {
            return Err(No::Busy);
        }
        let sent = known.map(|n| all[n].sent.clone()).unwrap_or_default();
        all.retain(|w| w.of != *of);
        let asked = Some(nonce.clone());
        all.push(Waiting { of: of.clone(), shown, code: None, nonce: asked, tries: 0, since: now, sent });
        Ok(nonce)
    }

    /// Looks at what a reader answered, of the person with this number.
    pub fn stated(&self, of: &Of, shown: &[u8; 32], (text, number): (&str, &str), data: &Path, now: i64) -> Verdict {
        let asked = {
            let mut all = self.all(now);
            let fits = |w: &&mut Waiting| w.of == *of && w.nonce.is_some() && now < w.since + HOLDS_SECONDS;
            let Some(w) = all.iter_mut().find(fits) else { return Verdict::Over };
            // Whatever comes first uses the question up.
            let nonce = w.nonce.take().unwrap_or_default();
            if w.shown != *shown {
                return Verdict::Over;
            }
            nonce
        };
        match statement(text, data, now) {
            Err(why) => Verdict::Refused(why),
            Ok(said) if said.nonce != asked || said.document != hex(shown) => {
                Verdict::Refused("of another paper or question")
            }
            Ok(said) if (said.at - now).abs() > HOLDS_SECONDS => Verdict::Refused("of another time"),
            Ok(said) if !said.matched || number.is_empty() || said.number != number => {
                Verdict::Refused("not the finger of this person")
            }
            Ok(_) => Verdict::Right(text.trim().as_bytes().to_vec()),
        }
    }
}

/// What a reader said, where it is one that is registered here.
fn statement(text: &str, data: &Path, now: i64) -> Result<Statement, &'static str> {
    if text.len() > STATEMENT_BYTES {
        return Err("too large");
    }
    let read = jws::verify(text, None, &Trust::default(), now).map_err(|_| "not signed as it says")?;
    let own = &read.certificate;
    if !readers(data).contains(own) || now < own.not_before || own.not_after <= now {
        return Err("by no reader that is registered here");
    }
    serde_json::from_slice(&read.payload).map_err(|_| "not what a reader may say")
}

/// The certificates of the readers of this house.
pub fn readers(data: &Path) -> Vec<Certificate> {
    let Ok(files) = std::fs::read_dir(data.join(READERS)) else { return Vec::new() };
    let read = |path: std::path::PathBuf| std::fs::read_to_string(path).ok();
    let texts = files.filter_map(|f| read(f.ok()?.path()));
    texts.flat_map(|text| Certificate::from_pem(&text).unwrap_or_default()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(n: i64) -> Of {
        (1, format!("C{n}"), Act::Declare)
    }

    #[test]
    fn a_code_is_for_what_was_shown_once_and_for_minutes() {
        let all = Confirmations::default();
        let (shown, other) = ([1; 32], [2; 32]);
        assert_eq!(all.typed(&of(1), &shown, ("000000", "09"), 0), Verdict::Over, "none was sent");
        let code = all.code(&of(1), shown, 0).expect("a code");
        assert!(code.len() == 6 && code.bytes().all(|b| b.is_ascii_digit()), "{code}");
        assert!(all.waits(&of(1), &shown, 1) && !all.waits(&of(1), &other, 1) && !all.waits(&of(2), &shown, 1));
        assert_eq!(all.typed(&of(2), &shown, (&code, "09"), 1), Verdict::Over, "of another paper");
        let right = Verdict::Right(format!("code {code} to 09 at 1").into_bytes());
        assert_eq!(all.typed(&of(1), &shown, (&code, "09"), 1), right);
        assert_eq!(all.typed(&of(1), &shown, (&code, "09"), 1), Verdict::Over, "once");
        let code = all.code(&of(2), shown, 0).expect("a code");
        assert_eq!(all.typed(&of(2), &other, (&code, "09"), 1), Verdict::Over, "what was shown changed");
        assert_eq!(all.typed(&of(2), &shown, (&code, "09"), 1), Verdict::Over, "and that ended it");
        let code = all.code(&of(3), shown, 0).expect("a code");
        assert_eq!(all.typed(&of(3), &shown, (&code, "09"), HOLDS_SECONDS), Verdict::Over, "late");
        let code = all.code(&of(4), shown, 0).expect("a code");
        let last = HOLDS_SECONDS - 1;
        assert!(matches!(all.typed(&of(4), &shown, (&code, "09"), last), Verdict::Right(_)), "in time");
    }

    #[test]
    fn tries_and_messages_are_counted() {
        let all = Confirmations::default();
        let code = all.code(&of(1), [1; 32], 0).expect("a code");
        let wrong = if code == "000000" { "000001" } else { "000000" };
        for left in (0..TRIES).rev() {
            assert_eq!(all.typed(&of(1), &[1; 32], (wrong, "09"), 1), Verdict::Wrong(left));
        }
        assert_eq!(all.typed(&of(1), &[1; 32], (&code, "09"), 1), Verdict::Over, "tried too often");
        assert_eq!(all.code(&of(1), [1; 32], SEND_AGAIN_SECONDS - 1), Err(No::Wait(1)));
        let mut now = 0;
        for _ in 1..CODES_AN_HOUR {
            now += SEND_AGAIN_SECONDS;
            assert!(all.code(&of(1), [1; 32], now).is_ok());
        }
        now += SEND_AGAIN_SECONDS;
        assert_eq!(all.code(&of(1), [1; 32], now), Err(No::Wait(HOUR - now)), "so many in an hour");
        assert!(all.code(&of(1), [1; 32], HOUR).is_ok());
        assert!(all.code(&of(2), [1; 32], now).is_ok(), "another paper is another");
        all.not_sent(&of(2), now);
        assert!(!all.waits(&of(2), &[1; 32], now));
        assert!(all.code(&of(2), [1; 32], now).is_ok(), "what was not sent is not counted");
    }

    #[test]
    fn no_more_than_the_limit_wait() {
        let all = Confirmations::default();
        for n in 0..MOST {
            assert!(all.question(&of(i64::try_from(n).expect("small")), [0; 32], 0).is_ok(), "{n}");
        }
        assert_eq!(all.question(&of(-1), [0; 32], 0), Err(No::Busy));
        assert_eq!(all.code(&of(-1), [0; 32], 0), Err(No::Busy));
        assert!(all.code(&of(1), [0; 32], 0).is_ok(), "in its own place");
        assert!(all.question(&of(-1), [0; 32], HOLDS_SECONDS).is_ok(), "those that are over give way");
    }
}
