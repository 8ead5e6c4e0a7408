//! Accounts, and the API keys of facilities' programs.

use crate::log::{self, Fact};
use crate::resources::id_key;
use crate::sql::{self, Execute, Query, Row};
use crate::{Result, Tx};
use mach_access::Scope;
use mach_access::{Actor, Reach, Role};
use mach_base::{limits, time::now_seconds};
use mach_tlog::fact::Kind;

/// Tables of accounts.
pub const DDL: &[&str] = &[
    "CREATE TABLE account(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, display TEXT NOT NULL, role TEXT NOT NULL,
        facility INTEGER, password TEXT NOT NULL, failures INTEGER NOT NULL DEFAULT 0, rests_until INTEGER NOT NULL DEFAULT 0,
        closed INTEGER NOT NULL DEFAULT 0, practitioner TEXT, ward TEXT)",
    "CREATE TABLE api_key(hash BLOB PRIMARY KEY, id INTEGER NOT NULL, facility INTEGER NOT NULL, name TEXT NOT NULL,
        made INTEGER NOT NULL, revoked INTEGER) {clustered}",
    "CREATE TABLE system_token(hash BLOB PRIMARY KEY, id INTEGER NOT NULL, facility INTEGER, role TEXT NOT NULL,
        name TEXT NOT NULL, made INTEGER NOT NULL, revoked INTEGER) {clustered}",
];

/// What an older store lacks: which Practitioner an account is, and which Location is its ward.
pub(crate) const CARE: &[&str] =
    &["ALTER TABLE account ADD COLUMN practitioner TEXT", "ALTER TABLE account ADD COLUMN ward TEXT"];

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
    /// What is typed at sign-in.
    pub name: String,
    /// Whether nobody can sign in with it.
    pub closed: bool,
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

/// What an account may become.
#[derive(Clone, Debug)]
pub struct Change {
    /// Name shown.
    pub display: String,
    /// Role.
    pub role: Role,
    /// The facility's number, for roles that have one.
    pub facility: Option<i64>,
    /// Whether nobody can sign in with it.
    pub closed: bool,
}

/// The columns of an account, in the order that `account` reads them.
pub(crate) const COLUMNS: &str = "a.id, a.display, a.role, a.facility, a.password, a.rests_until, a.name, a.closed,
    a.practitioner, a.ward, CASE WHEN EXISTS (SELECT 1 FROM access_grant g WHERE g.account = a.id AND g.account <> 0
    AND g.ended = 0) OR EXISTS (SELECT 1 FROM access_grant h WHERE h.facility = a.facility AND h.facility <> 0
    AND h.ended = 0) THEN 1 ELSE 0 END";
/// How many columns an account has.
pub(crate) const WIDTH: usize = 11;

/// Whether a record of anybody is opened to the facility whose number stands in column `facility`.
const OPENED: &str = "CASE WHEN EXISTS (SELECT 1 FROM access_grant g WHERE g.facility = facility_of AND g.facility <> 0
    AND g.ended = 0) THEN 1 ELSE 0 END";

fn opened(of: &str) -> String {
    OPENED.replace("facility_of", of)
}

pub(crate) fn account(r: &dyn Row) -> Result<Account> {
    let display = r.text(1)?.to_owned();
    let role = Role::parse(r.text(2)?).ok_or(crate::Error::Column(2))?;
    let key = |id: Option<&str>| id.filter(|i| !i.is_empty()).map_or(0, id_key);
    let reach = Reach { opened: r.int(10)? != 0, practitioner: key(r.opt_text(8)?), ward: key(r.opt_text(9)?) };
    let actor = Actor { account: r.int(0)?, name: display.clone(), role, facility: r.opt_int(3)?, reach, app: None };
    let (password, name) = (r.text(4)?.to_owned(), r.text(6)?.to_owned());
    Ok(Account { actor, name, display, password, rests_until: r.int(5)?, closed: r.int(7)? != 0 })
}

/// Whether a text may be the sign-in name of a person who works: short, plain, and none that a citizen's or a visitor's
/// account has, whose name is made of a number.
pub fn is_account_name(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-_".contains(c);
    (2..=40).contains(&name.chars().count()) && name.chars().all(fits) && !is_made_name(name)
}

/// Whether a name is one that the program itself gives: a citizen's or a visitor's account, which nobody signs in to by a password.
pub fn is_made_name(name: &str) -> bool {
    ["citizen-", "visitor-"].iter().any(|of| name.starts_with(of))
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
        self.run("UPDATE account SET closed = 0 WHERE id = ?1", &[id.into()])?;
        self.end_recoveries(id)?;
        self.log_account(id)?;
        self.end_sessions(id)?;
        Ok(id)
    }

    /// Makes an account that its owner opens once by a code, known by its hash; `practitioner`: whom it is in care. What is left of
    /// an account of this name, a second factor, a way back in, ends.
    pub fn make_account(
        &mut self,
        new: &NewAccount,
        by: i64,
        code: &[u8; 32],
        practitioner: Option<&str>,
    ) -> Result<i64> {
        let id = self.set_account(new)?;
        self.drop_factors(id)?;
        self.drop_sign_ons(id)?;
        self.invite(id, by, code)?;
        if practitioner.is_some() {
            self.set_care(id, practitioner, None)?;
        }
        self.audit(None, &format!("account {id} made {}", new.role.code()), "granted")?;
        Ok(id)
    }

    /// Counts that somebody proved who they are: earlier failures are forgotten.
    pub fn signed_in(&mut self, account: i64) -> Result<()> {
        self.run("UPDATE account SET failures = 0 WHERE id = ?1 AND failures > 0", &[account.into()]).map(drop)
    }

    /// Gives an account another password and ends its sessions.
    pub fn set_password(&mut self, account: i64, password: &str) -> Result<()> {
        self.run(
            "UPDATE account SET password = ?2, failures = 0, rests_until = 0 WHERE id = ?1",
            &[account.into(), password.into()],
        )?;
        self.log_account(account)?;
        self.end_sessions(account)
    }

    /// Hands what an account is from now on to the transparency log.
    fn log_account(&mut self, id: i64) -> Result<()> {
        let name =
            sql::first(self, "SELECT name FROM account WHERE id = ?1", &[id.into()], |r| Ok(r.text(0)?.to_owned()))?;
        let name = name.ok_or(crate::Error::Missing("an account"))?;
        log::again(self, &[Fact { name, ..Fact::numbered(Kind::Account, id) }])
    }

    /// Changes what an account is: its name shown, role, facility, whether it is closed. Ends its sessions where any of the
    /// last three changes.
    pub fn change_account(&mut self, account: i64, to: &Change) -> Result<()> {
        let same =
            "SELECT count(*) FROM account WHERE id = ?1 AND role = ?2 AND coalesce(facility, 0) = ?3 AND closed = ?4";
        let closed = i64::from(to.closed);
        let now = [account.into(), to.role.code().into(), to.facility.unwrap_or(0).into(), closed.into()];
        if sql::int(self, same, &now)? == 0 {
            self.end_sessions(account)?;
        }
        self.run(
            "UPDATE account SET display = ?2, role = ?3, facility = ?4, closed = ?5 WHERE id = ?1",
            &[account.into(), (&to.display).into(), to.role.code().into(), to.facility.into(), closed.into()],
        )?;
        self.log_account(account)
    }

    /// Says which Practitioner an account is, and which Location is its ward, by their FHIR ids.
    pub fn set_care(&mut self, account: i64, practitioner: Option<&str>, ward: Option<&str>) -> Result<()> {
        self.run(
            "UPDATE account SET practitioner = ?2, ward = ?3 WHERE id = ?1",
            &[account.into(), practitioner.unwrap_or_default().into(), ward.unwrap_or_default().into()],
        )?;
        self.log_account(account)
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
    sql::first(on, &format!("SELECT {COLUMNS} FROM account a WHERE a.name = ?1"), &[name.into()], account)
}

/// The account with this number, where `scope` holds it.
pub fn by_id(on: &mut dyn Query, scope: Scope, id: i64) -> Result<Option<Account>> {
    let found = sql::first(on, &format!("SELECT {COLUMNS} FROM account a WHERE a.id = ?1"), &[id.into()], account)?;
    Ok(found.filter(|a| scope.facility().is_none_or(|f| a.actor.facility == Some(f))))
}

/// The accounts of a facility that are the Practitioner with this FHIR id.
pub fn of_practitioner(on: &mut dyn Query, facility: i64, practitioner: &str) -> Result<Vec<Account>> {
    let sql = format!("SELECT {COLUMNS} FROM account a WHERE a.facility = ?1 AND a.practitioner = ?2 ORDER BY a.id");
    sql::list(on, &sql, &[facility.into(), practitioner.into()], account)
}

/// Which Practitioner an account is and which Location is its ward, by their FHIR ids; empty where they are none.
pub fn care_of(on: &mut dyn Query, account: i64) -> Result<(String, String)> {
    let sql = "SELECT coalesce(practitioner, ''), coalesce(ward, '') FROM account WHERE id = ?1";
    let found = sql::first(on, sql, &[account.into()], |r| Ok((r.text(0)?.to_owned(), r.text(1)?.to_owned())))?;
    Ok(found.unwrap_or_default())
}

/// The next accounts that `scope` holds, in the order of their sign-in names, after `after`; at most `limit`.
pub fn page(on: &mut dyn Query, scope: Scope, after: &str, limit: usize) -> Result<Vec<Account>> {
    let within = scope.facility().map_or(String::new(), |f| format!(" AND a.facility = {f}"));
    let sql = format!("SELECT {COLUMNS} FROM account a WHERE a.name > ?1{within} ORDER BY a.name LIMIT {limit}");
    sql::list(on, &sql, &[after.into()], account)
}

/// All accounts: (sign-in name, account).
pub fn all(on: &mut dyn Query) -> Result<Vec<(String, Account)>> {
    let sql = format!("SELECT {COLUMNS} FROM account a ORDER BY a.name");
    sql::list(on, &sql, &[], |r| account(r).map(|a| (a.name.clone(), a)))
}

/// Whether a record of anybody is opened to a facility.
pub(crate) fn is_opened_to(on: &mut dyn Query, facility: i64) -> Result<bool> {
    let sql = "SELECT count(*) FROM access_grant WHERE facility = ?1 AND facility <> 0 AND ended = 0";
    Ok(sql::int(on, sql, &[facility.into()])? > 0)
}

/// The program that holds an API key, the system that holds a token, or who let the app in that holds one.
pub fn by_api_key(on: &mut dyn Query, hash: &[u8; 32]) -> Result<Option<Actor>> {
    let token = format!(
        "SELECT id, facility, name, role, {} FROM system_token t WHERE hash = ?1 AND revoked IS NULL",
        opened("t.facility")
    );
    let system = sql::first(on, &token, &[hash.as_slice().into()], |r| {
        let role = Role::parse(r.text(3)?).ok_or(crate::Error::Column(3))?;
        let reach = Reach { opened: r.int(4)? != 0, ..Reach::default() };
        let (account, name) = (TOKEN_ACCOUNTS - r.int(0)?, r.text(2)?.to_owned());
        Ok(Actor { account, name, role, facility: r.opt_int(1)?, reach, app: None })
    })?;
    if system.is_some() {
        return Ok(system);
    }
    if let Some(app) = crate::smart::holder(on, hash)? {
        return Ok(Some(app));
    }
    let sql = "SELECT id, facility, name FROM api_key WHERE hash = ?1 AND revoked IS NULL";
    sql::first(on, sql, &[hash.as_slice().into()], |r| {
        // Keys count downwards from -1 among accounts, so that an audit entry names one thing.
        let (account, facility) = (-r.int(0)?, Some(r.int(1)?));
        Ok(Actor { account, name: r.text(2)?.to_owned(), role: Role::Sender, facility, ..Actor::console() })
    })
}

/// The actor of an account number, as an audit entry names it: a person, a key or a token. `None` where it is no longer one.
pub fn by_number(on: &mut dyn Query, account: i64) -> Result<Option<Actor>> {
    if account > 0 {
        let sql = format!("SELECT {COLUMNS} FROM account a WHERE a.id = ?1");
        let found = sql::first(on, &sql, &[account.into()], self::account)?;
        return Ok(found.filter(|a| !a.closed).map(|a| a.actor));
    }
    if account < TOKEN_ACCOUNTS {
        let sql = format!(
            "SELECT facility, name, role, {} FROM system_token t WHERE id = ?1 AND revoked IS NULL",
            opened("t.facility")
        );
        return sql::first(on, &sql, &[(TOKEN_ACCOUNTS - account).into()], |r| {
            let role = Role::parse(r.text(2)?).ok_or(crate::Error::Column(2))?;
            let reach = Reach { opened: r.int(3)? != 0, ..Reach::default() };
            Ok(Actor { account, name: r.text(1)?.to_owned(), role, facility: r.opt_int(0)?, reach, app: None })
        });
    }
    let sql = "SELECT facility, name FROM api_key WHERE id = ?1 AND revoked IS NULL";
    sql::first(on, sql, &[(-account).into()], |r| {
        let facility = Some(r.int(0)?);
        Ok(Actor { account, name: r.text(1)?.to_owned(), role: Role::Sender, facility, ..Actor::console() })
    })
}

/// The FHIR id of the Practitioner an account is.
pub fn practitioner_of(on: &mut dyn Query, account: i64) -> Result<Option<String>> {
    let sql = "SELECT coalesce(practitioner, '') FROM account WHERE id = ?1";
    let found = sql::first(on, sql, &[account.into()], |r| Ok(r.text(0)?.to_owned()))?;
    Ok(found.filter(|id| !id.is_empty()))
}
