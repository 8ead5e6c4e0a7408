//! Accounts that somebody else signs on (OpenID Connect): which account is whom at which provider.
//!
//! A subject stands here as a keyed hash only, and what its owner is called there is sealed: who reads the database learns which
//! accounts come by which provider, and not who they are there. A link is found by both, provider and subject: the subject of another
//! provider is somebody else.

use crate::sealed::{self, row};
use crate::sql::{self, Execute, Query, Row};
use crate::{Result, Tx};
use mach_base::{limits, time::now_seconds};
use mach_seal::Purpose;

/// Tables of links, and what a session knows of who signed it on: the provider, the subject and the session there, as hashes.
pub const DDL: &[&str] = &[
    "CREATE TABLE sign_on(id INTEGER PRIMARY KEY, issuer TEXT NOT NULL, subject TEXT NOT NULL UNIQUE, account INTEGER NOT NULL,
        called TEXT NOT NULL, made INTEGER NOT NULL, made_by INTEGER NOT NULL, used INTEGER)",
    "CREATE INDEX sign_on_account ON sign_on(account)",
    "CREATE TABLE sign_on_once(hash BLOB PRIMARY KEY, until INTEGER NOT NULL) {clustered}",
    "ALTER TABLE session ADD COLUMN provider TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE session ADD COLUMN subject TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE session ADD COLUMN there TEXT NOT NULL DEFAULT ''",
];

/// An account and who it is at a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its number.
    pub id: i64,
    /// The provider, by its issuer.
    pub issuer: String,
    /// The account here.
    pub account: i64,
    /// What its owner is called there.
    pub called: String,
    /// When it was made, seconds.
    pub made: i64,
    /// When it was last used, seconds.
    pub used: Option<i64>,
}

/// A link to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewLink {
    /// The provider, by its issuer.
    pub issuer: String,
    /// The subject there.
    pub subject: String,
    /// What its owner is called there; shown to the account alone.
    pub called: String,
    /// The account here.
    pub account: i64,
}

/// What came of making a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Linked {
    /// There is a new one, with this number.
    Made(i64),
    /// There was one already, with this number.
    Was(i64),
    /// This subject is another account's.
    Anothers,
    /// The account has as many as it may.
    Full,
}

/// Who signed a session on. Empty: nobody but its owner.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct By {
    /// The provider, as it is called here.
    pub provider: String,
    /// The hash of the subject.
    pub subject: String,
    /// The hash of the session there.
    pub there: String,
}

/// The keyed hash of somebody, or of a session, of a provider.
///
/// # Errors
/// Of the keys.
pub fn hash_of(what: &'static str, issuer: &str, value: &str) -> Result<String> {
    // Its length stands before the issuer: no two pairs are one text.
    Ok(sealed::ring()?.blind_text(format!("sign-on {what} {} {issuer} {value}", issuer.len()).as_bytes()))
}

const COLUMNS: &str = "SELECT id, issuer, account, called, made, used FROM sign_on";

fn link(r: &dyn Row) -> Result<Link> {
    let id = r.int(0)?;
    let called = sealed::opened(&row!("sign_on", id), r.text(3)?)?;
    Ok(Link { id, issuer: r.text(1)?.to_owned(), account: r.int(2)?, called, made: r.int(4)?, used: r.opt_int(5)? })
}

/// The link of a subject of a provider.
pub fn by_subject(on: &mut dyn Query, issuer: &str, subject: &str) -> Result<Option<Link>> {
    let hash = hash_of("subject", issuer, subject)?;
    sql::first(on, &format!("{COLUMNS} WHERE subject = ?1"), &[(&hash).into()], link)
}

/// The links of an account, the oldest first.
pub fn of_account(on: &mut dyn Query, account: i64) -> Result<Vec<Link>> {
    sql::list(on, &format!("{COLUMNS} WHERE account = ?1 ORDER BY id"), &[account.into()], link)
}

/// The provider that signed a session on, as it is called here; empty where none did, or there is no such session.
pub fn provider_of(on: &mut dyn Query, token: &[u8; 32]) -> Result<String> {
    let sql = "SELECT provider FROM session WHERE token = ?1";
    let found = sql::first(on, sql, &[token.as_slice().into()], |r| Ok(r.text(0)?.to_owned()))?;
    Ok(found.unwrap_or_default())
}

impl Tx<'_> {
    /// Makes a link.
    pub fn link_sign_on(&mut self, new: &NewLink) -> Result<Linked> {
        if let Some(found) = by_subject(self, &new.issuer, &new.subject)? {
            return Ok(if found.account == new.account { Linked::Was(found.id) } else { Linked::Anothers });
        }
        if of_account(self, new.account)?.len() >= limits::SIGN_ON_LINKS {
            return Ok(Linked::Full);
        }
        let (hash, by) = (hash_of("subject", &new.issuer, &new.subject)?, self.decision().actor().account);
        let id = self.insert(
            "INSERT INTO sign_on(issuer, subject, account, called, made, made_by) VALUES (?1, ?2, ?3, '', ?4, ?5)",
            &[(&new.issuer).into(), (&hash).into(), new.account.into(), now_seconds().into(), by.into()],
        )?;
        let called = sealed::text(Purpose::Identity, &row!("sign_on", id), &new.called)?;
        self.run("UPDATE sign_on SET called = ?2 WHERE id = ?1", &[id.into(), (&called).into()])?;
        self.log_event("sign-on", &format!("{id}: account {} by {}", new.account, new.issuer))?;
        Ok(Linked::Made(id))
    }

    /// Notes that a link was used.
    pub fn used_sign_on(&mut self, id: i64) -> Result<()> {
        self.run("UPDATE sign_on SET used = ?2 WHERE id = ?1", &[id.into(), now_seconds().into()]).map(drop)
    }

    /// Takes a link of an account away, and ends the sessions that came by it; false where the account has none such.
    pub fn drop_sign_on(&mut self, account: i64, id: i64) -> Result<bool> {
        let sql = "SELECT subject FROM sign_on WHERE id = ?1 AND account = ?2";
        let found = sql::first(self, sql, &[id.into(), account.into()], |r| Ok(r.text(0)?.to_owned()))?;
        let Some(subject) = found else { return Ok(false) };
        self.run("DELETE FROM sign_on WHERE id = ?1", &[id.into()])?;
        self.run("DELETE FROM session WHERE account = ?1 AND subject = ?2", &[account.into(), (&subject).into()])?;
        self.log_event("sign-on", &format!("{id}: taken away")).map(|_| true)
    }

    /// Takes all links of an account away.
    pub fn drop_sign_ons(&mut self, account: i64) -> Result<()> {
        for link in of_account(self, account)? {
            self.drop_sign_on(account, link.id)?;
        }
        Ok(())
    }

    /// Notes that something is used that is good once, until second `until`; false where it was used before.
    pub fn uses_once(&mut self, hash: &[u8; 32], until: i64) -> Result<bool> {
        self.run("DELETE FROM sign_on_once WHERE until < ?1", &[now_seconds().into()])?;
        let sql = "INSERT INTO sign_on_once(hash, until) VALUES (?1, ?2) ON CONFLICT(hash) DO NOTHING";
        Ok(self.run(sql, &[hash.as_slice().into(), until.into()])? > 0)
    }

    /// Notes who signed a session on, and when its owner last proved there who they are, seconds; 0 where that is not known.
    pub fn signed_on(&mut self, token: &[u8; 32], by: &By, proven: i64) -> Result<()> {
        let args = [
            token.as_slice().into(),
            (&by.provider).into(),
            (&by.subject).into(),
            (&by.there).into(),
            proven.min(now_seconds()).into(),
        ];
        let sql = "UPDATE session SET provider = ?2, subject = ?3, there = ?4, proven = ?5 WHERE token = ?1";
        self.run(sql, &args).map(drop)
    }

    /// Ends the sessions that a provider signed on: of a subject, of a session there, or of both where both are given. How many.
    pub fn end_signed_on(&mut self, by: &By) -> Result<usize> {
        if by.subject.is_empty() && by.there.is_empty() {
            return Ok(0);
        }
        let sql = "DELETE FROM session WHERE provider = ?1 AND (?2 = '' OR subject = ?2) AND (?3 = '' OR there = ?3)";
        self.run(sql, &[(&by.provider).into(), (&by.subject).into(), (&by.there).into()])
    }
}
