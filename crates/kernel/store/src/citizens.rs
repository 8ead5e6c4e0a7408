//! Accounts of citizens, and the codes by which they sign in: sent to the telephone on file, for some minutes, a few at a time.

use crate::accounts::{self, NewAccount};
use crate::grants::{NewGrant, Review};
use crate::sql::{self, Execute};
use crate::{Result, Tx, people};
use mach_access::Role;
use mach_access::policy::{Purpose, Relation};
use mach_base::{limits, time::now_seconds};

/// Seconds for which one's own record stays open to one's account: as long as anybody lives.
const ALWAYS: i64 = 150 * 365 * 86_400;

/// Table of codes.
pub const DDL: &[&str] =
    &["CREATE TABLE citizen_code(person INTEGER PRIMARY KEY, hash BLOB NOT NULL, until INTEGER NOT NULL,
        tries INTEGER NOT NULL, sent INTEGER NOT NULL, since INTEGER NOT NULL)"];

impl Tx<'_> {
    /// The account of a person, made when it is first needed; `None` where it is closed, or not a citizen's.
    pub fn citizen_account(&mut self, person: i64) -> Result<Option<i64>> {
        let name = format!("citizen-{person}");
        if let Some(account) = accounts::by_name(self, &name)? {
            // What proves a citizen opens a citizen's account and never another that is called so.
            let its = !account.closed && account.actor.role == Role::Citizen;
            return Ok(Some(account.actor.account).filter(|_| its));
        }
        let display = people::person(self, person)?.map(|p| p.name).unwrap_or_default();
        // No password: nothing that is typed hashes to an empty text.
        let new = NewAccount { name, display, role: Role::Citizen, facility: None, password: String::new() };
        let account = self.set_account(&new)?;
        self.grant(&NewGrant {
            person,
            account,
            facility: 0,
            relation: Relation::OneSelf,
            purpose: Purpose::Patient,
            until: now_seconds() + ALWAYS,
            reason: String::new(),
            source: String::new(),
            from: 0,
            review: Review::NotNeeded,
        })?;
        Ok(Some(account))
    }

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
