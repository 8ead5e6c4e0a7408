//! Codes by which citizens sign in: sent to the telephone on file, for some minutes, a few at a time.

use crate::sql::{self, Execute};
use crate::{Result, Tx};
use mach_base::{limits, time::now_seconds};

/// Table of codes.
pub const DDL: &[&str] =
    &["CREATE TABLE citizen_code(person INTEGER PRIMARY KEY, hash BLOB NOT NULL, until INTEGER NOT NULL,
        tries INTEGER NOT NULL, sent INTEGER NOT NULL, since INTEGER NOT NULL)"];

impl Tx<'_> {
    /// Keeps the hash of a code for a person, in place of an earlier one; false where they were sent too many lately.
    pub fn offer_code(&mut self, person: i64, hash: &[u8; 32]) -> Result<bool> {
        let now = now_seconds();
        let sql = "SELECT sent, since FROM citizen_code WHERE person = ?1";
        let before = sql::first(self, sql, &[person.into()], |r| Ok((r.int(0)?, r.int(1)?)))?;
        let lately = before.filter(|(_, since)| *since > now - limits::CITIZEN_CODES_MINUTES * 60);
        let (sent, since) = lately.unwrap_or((0, now));
        if sent >= limits::CITIZEN_CODES {
            return Ok(false);
        }
        let until = now + limits::CITIZEN_CODE_MINUTES * 60;
        self.run(
            "INSERT INTO citizen_code(person, hash, until, tries, sent, since) VALUES (?1, ?2, ?3, 0, ?4, ?5)
                ON CONFLICT(person) DO UPDATE SET hash = excluded.hash, until = excluded.until,
                tries = CASE WHEN excluded.since = citizen_code.since THEN citizen_code.tries ELSE 0 END,
                sent = excluded.sent, since = excluded.since",
            &[person.into(), hash.as_slice().into(), until.into(), (sent + 1).into(), since.into()],
        )?;
        Ok(true)
    }

    /// Whether this is the code that was sent; it is taken once, and after a few wrong ones none is.
    pub fn take_code(&mut self, person: i64, hash: &[u8; 32]) -> Result<bool> {
        let sql = "SELECT hash, until, tries FROM citizen_code WHERE person = ?1";
        let kept = sql::first(self, sql, &[person.into()], |r| Ok((r.blob(0)?.to_vec(), r.int(1)?, r.int(2)?)))?;
        let Some((kept, until, tries)) = kept else { return Ok(false) };
        if until < now_seconds() || tries >= limits::CITIZEN_CODE_TRIES {
            return Ok(false);
        }
        let right = kept.as_slice() == hash.as_slice();
        // A code that was used is over; how many were sent lately stays known.
        let sql = match right {
            true => "UPDATE citizen_code SET until = 0 WHERE person = ?1",
            false => "UPDATE citizen_code SET tries = tries + 1 WHERE person = ?1",
        };
        self.run(sql, &[person.into()])?;
        Ok(right)
    }
}
