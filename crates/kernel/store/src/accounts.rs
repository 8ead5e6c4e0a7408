//! Accounts, their sessions, and the API keys of facilities' programs.

use crate::log::{self, Fact};
use crate::sql::{self, Execute, Query, Row};
use crate::{Result, Tx};
use mach_access::{Actor, Role};
use mach_base::{limits, time::now_seconds};
use mach_tlog::fact::Kind;

/// Tables of accounts.
pub const DDL: &[&str] = &[
    "CREATE TABLE account(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, display TEXT NOT NULL, role TEXT NOT NULL,
        facility INTEGER, password TEXT NOT NULL, failures INTEGER NOT NULL DEFAULT 0, rests_until INTEGER NOT NULL DEFAULT 0)",
    "CREATE TABLE session(token BLOB PRIMARY KEY, account INTEGER NOT NULL, began INTEGER NOT NULL, seen INTEGER NOT NULL)
        {clustered}",
    "CREATE TABLE api_key(hash BLOB PRIMARY KEY, id INTEGER NOT NULL, facility INTEGER NOT NULL, name TEXT NOT NULL,
        made INTEGER NOT NULL, revoked INTEGER) {clustered}",
    "CREATE TABLE system_token(hash BLOB PRIMARY KEY, id INTEGER NOT NULL, facility INTEGER, role TEXT NOT NULL,
        name TEXT NOT NULL, made INTEGER NOT NULL, revoked INTEGER) {clustered}",
];

/// An account as sign-in needs it.
#[derive(Clone, Debug)]
pub struct Account {
    /// Who it is.
    pub actor: Actor,
    /// Name shown.
    pub display: String,
    /// Argon2id PHC string.
    pub password: String,
    /// Seconds since 1970 UTC until which sign-in is refused.
    pub rests_until: i64,
}

/// An account to be made, or to be given a new password.
#[derive(Clone, Debug)]
pub struct NewAccount {
    /// What is typed at sign-in.
    pub name: String,
    /// Name shown.
    pub display: String,
    /// Role.
    pub role: Role,
    /// The facility's number, for roles that have one.
    pub facility: Option<i64>,
    /// Argon2id PHC string.
    pub password: String,
}

const ACCOUNT: &str = "SELECT a.id, a.display, a.role, a.facility, a.password, a.rests_until FROM account a";

fn account(r: &dyn Row) -> Result<Account> {
    let display = r.text(1)?.to_owned();
    let role = Role::parse(r.text(2)?).ok_or(crate::Error::Column(2))?;
    let actor = Actor { account: r.int(0)?, name: display.clone(), role, facility: r.opt_int(3)? };
    Ok(Account { actor, display, password: r.text(4)?.to_owned(), rests_until: r.int(5)? })
}

impl Tx<'_> {
    /// Makes an account; where the name exists, gives it this role, facility and password and ends its sessions.
    pub fn set_account(&mut self, new: &NewAccount) -> Result<i64> {
        self.run(
            "INSERT INTO account(name, display, role, facility, password) VALUES (?1, ?2, ?3, ?4, ?5)
                ON CONFLICT(name) DO UPDATE SET display = excluded.display, role = excluded.role,
                facility = excluded.facility, password = excluded.password, failures = 0, rests_until = 0",
            &[
                (&new.name).into(),
                (&new.display).into(),
                new.role.code().into(),
                new.facility.into(),
                (&new.password).into(),
            ],
        )?;
        let id = sql::int(self, "SELECT id FROM account WHERE name = ?1", &[(&new.name).into()])?;
        let fact = Fact { name: new.name.clone(), ..Fact::numbered(Kind::Account, id) };
        log::again(self, &[fact])?;
        self.run("DELETE FROM session WHERE account = ?1", &[id.into()])?;
        Ok(id)
    }

    /// Begins a session of `account` under the hash of its token.
    pub fn begin_session(&mut self, token: &[u8; 32], account: i64) -> Result<()> {
        let now = now_seconds();
        self.run("UPDATE account SET failures = 0 WHERE id = ?1", &[account.into()])?;
        let oldest = now - limits::SESSION_MINUTES * 60;
        self.run("DELETE FROM session WHERE began < ?1", &[oldest.into()])?;
        self.run(
            "INSERT INTO session(token, account, began, seen) VALUES (?1, ?2, ?3, ?3)",
            &[token.as_slice().into(), account.into(), now.into()],
        )?;
        Ok(())
    }

    /// Notes that a session was used now.
    pub fn touch_session(&mut self, token: &[u8; 32]) -> Result<()> {
        self.run("UPDATE session SET seen = ?2 WHERE token = ?1", &[token.as_slice().into(), now_seconds().into()])?;
        Ok(())
    }

    /// Ends a session.
    pub fn end_session(&mut self, token: &[u8; 32]) -> Result<()> {
        self.run("DELETE FROM session WHERE token = ?1", &[token.as_slice().into()])?;
        Ok(())
    }

    /// Counts a failed sign-in; past the limit the account rests.
    pub fn failed_sign_in(&mut self, account: i64) -> Result<()> {
        self.run("UPDATE account SET failures = failures + 1 WHERE id = ?1", &[account.into()])?;
        let until = now_seconds() + limits::SIGN_IN_REST_MINUTES * 60;
        self.run(
            "UPDATE account SET failures = 0, rests_until = ?2 WHERE id = ?1 AND failures >= ?3",
            &[account.into(), until.into(), i64::from(limits::SIGN_IN_FAILURES).into()],
        )?;
        Ok(())
    }

    /// Makes an API key for programs of a facility.
    pub fn add_api_key(&mut self, hash: &[u8; 32], facility: i64, name: &str) -> Result<i64> {
        let id = sql::int(self, "SELECT coalesce(max(id), 0) + 1 FROM api_key", &[])?;
        self.run(
            "INSERT INTO api_key(hash, id, facility, name, made) VALUES (?1, ?2, ?3, ?4, ?5)",
            &[hash.as_slice().into(), id.into(), facility.into(), name.into(), now_seconds().into()],
        )?;
        log::again(self, &[Fact::numbered(Kind::ApiKey, id)])?;
        Ok(id)
    }
}

/// A token of another system, as it is listed.
#[derive(Clone, Debug)]
pub struct SystemToken {
    /// Its number.
    pub id: i64,
    /// What it is for.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// The facility it is held to; none for the province.
    pub facility: Option<i64>,
    /// When it was revoked, seconds.
    pub revoked: Option<i64>,
}

impl Tx<'_> {
    /// Makes a token for another system; `facility` holds it to one.
    pub fn add_system_token(&mut self, hash: &[u8; 32], facility: Option<i64>, role: Role, name: &str) -> Result<i64> {
        let id = sql::int(self, "SELECT coalesce(max(id), 0) + 1 FROM system_token", &[])?;
        self.run(
            "INSERT INTO system_token(hash, id, facility, role, name, made) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            &[
                hash.as_slice().into(),
                id.into(),
                facility.into(),
                role.code().into(),
                name.into(),
                now_seconds().into(),
            ],
        )?;
        log::again(self, &[Fact::numbered(Kind::SystemToken, id)])?;
        Ok(id)
    }

    /// Revokes a token; false where there is none such, or it was revoked before.
    pub fn revoke_system_token(&mut self, id: i64) -> Result<bool> {
        let sql = "UPDATE system_token SET revoked = ?2 WHERE id = ?1 AND revoked IS NULL";
        if self.run(sql, &[id.into(), now_seconds().into()])? == 0 {
            return Ok(false);
        }
        log::again(self, &[Fact::numbered(Kind::SystemToken, id)])?;
        Ok(true)
    }
}

/// All tokens of other systems.
pub fn system_tokens(on: &mut dyn Query) -> Result<Vec<SystemToken>> {
    let sql = "SELECT id, name, role, facility, revoked FROM system_token ORDER BY id";
    sql::list(on, sql, &[], |r| {
        let role = Role::parse(r.text(2)?).ok_or(crate::Error::Column(2))?;
        let (id, name) = (r.int(0)?, r.text(1)?.to_owned());
        Ok(SystemToken { id, name, role, facility: r.opt_int(3)?, revoked: r.opt_int(4)? })
    })
}

/// Accounts of tokens count downwards from here, those of API keys from 0: an audit entry names one thing.
const TOKEN_ACCOUNTS: i64 = -1_000_000;

/// The account with this sign-in name.
pub fn by_name(on: &mut dyn Query, name: &str) -> Result<Option<Account>> {
    sql::first(on, &format!("{ACCOUNT} WHERE a.name = ?1"), &[name.into()], account)
}

/// All accounts: (sign-in name, account).
pub fn all(on: &mut dyn Query) -> Result<Vec<(String, Account)>> {
    let sql =
        "SELECT a.id, a.display, a.role, a.facility, a.password, a.rests_until, a.name FROM account a ORDER BY a.name";
    sql::list(on, sql, &[], |r| Ok((r.text(6)?.to_owned(), account(r)?)))
}

/// The account of a live session, and when it was last seen (seconds).
pub fn by_session(on: &mut dyn Query, token: &[u8; 32]) -> Result<Option<(Account, i64)>> {
    let now = now_seconds();
    let sql = "SELECT a.id, a.display, a.role, a.facility, a.password, a.rests_until, s.seen FROM session s
        JOIN account a ON a.id = s.account WHERE s.token = ?1 AND s.seen >= ?2 AND s.began >= ?3";
    let idle = now - limits::SESSION_IDLE_MINUTES * 60;
    let oldest = now - limits::SESSION_MINUTES * 60;
    sql::first(on, sql, &[token.as_slice().into(), idle.into(), oldest.into()], |r| Ok((account(r)?, r.int(6)?)))
}

/// The program that holds an API key, or the system that holds a token.
pub fn by_api_key(on: &mut dyn Query, hash: &[u8; 32]) -> Result<Option<Actor>> {
    let token = "SELECT id, facility, name, role FROM system_token WHERE hash = ?1 AND revoked IS NULL";
    let system = sql::first(on, token, &[hash.as_slice().into()], |r| {
        let role = Role::parse(r.text(3)?).ok_or(crate::Error::Column(3))?;
        Ok(Actor { account: TOKEN_ACCOUNTS - r.int(0)?, name: r.text(2)?.to_owned(), role, facility: r.opt_int(1)? })
    })?;
    if system.is_some() {
        return Ok(system);
    }
    let sql = "SELECT id, facility, name FROM api_key WHERE hash = ?1 AND revoked IS NULL";
    sql::first(on, sql, &[hash.as_slice().into()], |r| {
        // Keys count downwards from -1 among accounts, so that an audit entry names one thing.
        Ok(Actor { account: -r.int(0)?, name: r.text(2)?.to_owned(), role: Role::Sender, facility: Some(r.int(1)?) })
    })
}
