//! Accounts that somebody else signs on (OpenID Connect): which account is whom at which provider.
//!
//! A subject stands here as a keyed hash only, and what its owner is called there is sealed: who reads the database learns which
//! accounts come by which provider, and not who they are there. A link is found by both, provider and subject: the subject of another
//! provider is somebody else.

use crate::notices::Kind;
use crate::sealed::{self, row};
use crate::sql::{self, Execute, Query, Row};
use crate::{Error, Result, Tx};
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

/// At which level of assurance a session was signed on; links that an administrator took away, and why.
pub const LEVELS: &[&str] = &[
    "ALTER TABLE session ADD COLUMN level TEXT NOT NULL DEFAULT ''",
    "CREATE TABLE sign_on_ended(id INTEGER PRIMARY KEY, link INTEGER NOT NULL, issuer TEXT NOT NULL, account INTEGER NOT NULL, made INTEGER NOT NULL,
        ended INTEGER NOT NULL, ended_by INTEGER NOT NULL, ended_name TEXT NOT NULL, why TEXT NOT NULL)",
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
    /// The level of assurance, as the provider called it; empty where it said none.
    pub level: String,
}

/// A link as an administrator sees it: whose account, and when it was last used; not who its owner is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its number.
    pub id: i64,
    /// The provider, by its issuer.
    pub issuer: String,
    /// The account here.
    pub account: i64,
    /// The account's sign-in name.
    pub name: String,
    /// What its owner is called here.
    pub display: String,
    /// When it was made, seconds.
    pub made: i64,
    /// When it was last used, seconds.
    pub used: Option<i64>,
}

/// A link that an administrator took away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The number that it had as a link; a later link may have it again.
    pub link: i64,
    /// The provider, by its issuer.
    pub issuer: String,
    /// The account's sign-in name.
    pub name: String,
    /// What its owner is called here.
    pub display: String,
    /// When it was taken away, seconds.
    pub ended: i64,
    /// By whom.
    pub ended_name: String,
    /// Why.
    pub why: String,
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

/// Who signed a session on; nobody where its owner did, or there is no such session.
pub fn signed_on_by(on: &mut dyn Query, token: &[u8; 32]) -> Result<By> {
    let sql = "SELECT provider, subject, there, level FROM session WHERE token = ?1";
    let by = |r: &dyn Row| {
        let text = |at| r.text(at).map(str::to_owned);
        Ok(By { provider: text(0)?, subject: text(1)?, there: text(2)?, level: text(3)? })
    };
    Ok(sql::first(on, sql, &[token.as_slice().into()], by)?.unwrap_or_default())
}

/// The provider that signed a session on, as it is called here; empty where none did, or there is no such session.
pub fn provider_of(on: &mut dyn Query, token: &[u8; 32]) -> Result<String> {
    signed_on_by(on, token).map(|by| by.provider)
}

fn within(on: &dyn Query) -> String {
    on.scope().facility().map_or(String::new(), |f| format!(" AND a.facility = {f}"))
}

/// The links of the accounts that the asker looks after, before number `before` if given, the newest first; at most `limit`.
pub fn listed(on: &mut dyn Query, (before, limit): (Option<i64>, usize)) -> Result<Vec<Listed>> {
    let sql = format!(
        "SELECT s.id, s.issuer, s.account, a.name, a.display, s.made, s.used FROM sign_on s JOIN account a ON a.id = s.account
            WHERE s.id < ?1{} ORDER BY s.id DESC LIMIT {limit}",
        within(on)
    );
    sql::list(on, &sql, &[before.unwrap_or(i64::MAX).into()], |r| {
        let text = |at| r.text(at).map(str::to_owned);
        let (issuer, name, display) = (text(1)?, text(3)?, text(4)?);
        Ok(Listed { id: r.int(0)?, issuer, account: r.int(2)?, name, display, made: r.int(5)?, used: r.opt_int(6)? })
    })
}

/// A link of an account that the asker looks after.
pub fn listed_by_id(on: &mut dyn Query, id: i64) -> Result<Option<Listed>> {
    Ok(listed(on, (id.checked_add(1), 1))?.into_iter().find(|link| link.id == id))
}

/// The links of such accounts that administrators took away, the last first; at most `limit`.
pub fn taken(on: &mut dyn Query, limit: usize) -> Result<Vec<Taken>> {
    let sql = format!(
        "SELECT s.id, s.issuer, a.name, a.display, s.ended, s.ended_name, s.why, s.link FROM sign_on_ended s
            JOIN account a ON a.id = s.account WHERE s.id > 0{} ORDER BY s.ended DESC, s.id DESC LIMIT {limit}",
        within(on)
    );
    sql::list(on, &sql, &[], |r| {
        let text = |at| r.text(at).map(str::to_owned);
        let (id, issuer, name, display, ended_name) = (r.int(0)?, text(1)?, text(2)?, text(3)?, text(5)?);
        let why = sealed::opened(&row!("sign_on_ended", id), r.text(6)?)?;
        Ok(Taken { link: r.int(7)?, issuer, name, display, ended: r.int(4)?, ended_name, why })
    })
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

    /// Takes a link of somebody else's account away, says why, and tells its owner; false where there is none such.
    pub fn take_sign_on(&mut self, link: &Listed, why: &str) -> Result<bool> {
        if !self.drop_sign_on(link.account, link.id)? {
            return Ok(false);
        }
        let (by, name) = {
            let actor = self.decision().actor();
            (actor.account, actor.name.clone())
        };
        let next = self.next_key("sign_on_ended")?;
        let why = sealed::text(Purpose::Body, &row!("sign_on_ended", next), why)?;
        let args = [
            link.id.into(),
            (&link.issuer).into(),
            link.account.into(),
            link.made.into(),
            now_seconds().into(),
            by.into(),
            (&name).into(),
            (&why).into(),
        ];
        let sql = "INSERT INTO sign_on_ended(link, issuer, account, made, ended, ended_by, ended_name, why)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
        if self.insert(sql, &args)? != next {
            return Err(Error::Missing("the row's own number"));
        }
        self.notify(link.account, Kind::SignOnEnded, now_seconds(), "/account/sign-on")?;
        self.audit(None, &format!("account {} sign-on link {} taken away", link.account, link.id), "granted")?;
        Ok(true)
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
            (&by.level).into(),
        ];
        let sql =
            "UPDATE session SET provider = ?2, subject = ?3, there = ?4, proven = ?5, level = ?6 WHERE token = ?1";
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
