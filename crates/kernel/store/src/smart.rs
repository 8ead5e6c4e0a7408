//! Other programs that ask by what somebody lets them: apps, what was granted to them, their codes and tokens.
//!
//! Of codes, tokens, launches and secrets only hashes are kept. A grant is one consent and all that came of it: codes, access
//! tokens and the line of refresh tokens, of which each is good once. A code or a refresh token that comes a second time was
//! stolen or is: the grant ends, and all of it with it. What ended stays as a row, for who gave it and for who looks after it.

mod grants;
mod keys;
pub mod scope;

use crate::log::{self, Fact};
use crate::sql::{self, Execute, Query, Row};
use crate::{Error, Result, Tx};
pub use grants::{
    Authorised, Code, Given, Grant, Launch, Let, NewGrant, Redeemed, Refreshed, Token, Use, apps_of_account,
    grants_of_account, grants_of_app, holder, launch_of, seen_app, token,
};
pub(crate) use keys::reseal;
pub use keys::{SigningKey, signing_keys};
use mach_access::Scope;
use mach_base::time::now_seconds;
use mach_tlog::fact::Kind;

/// Tables of apps.
pub const DDL: &[&str] = &[
    "CREATE TABLE smart_app(id INTEGER PRIMARY KEY, client TEXT NOT NULL UNIQUE, name TEXT NOT NULL, kind TEXT NOT NULL,
        secret BLOB, keys TEXT NOT NULL, keys_url TEXT NOT NULL, private INTEGER NOT NULL, redirects TEXT NOT NULL,
        launch TEXT NOT NULL, scopes TEXT NOT NULL, facility INTEGER, made INTEGER NOT NULL, made_by INTEGER NOT NULL,
        ended INTEGER NOT NULL DEFAULT 0)",
    "CREATE TABLE smart_grant(id INTEGER PRIMARY KEY, app INTEGER NOT NULL, account INTEGER NOT NULL, facility INTEGER,
        scopes TEXT NOT NULL, patient TEXT NOT NULL, encounter TEXT NOT NULL, proven INTEGER NOT NULL, made INTEGER NOT NULL,
        until INTEGER NOT NULL, ended INTEGER NOT NULL DEFAULT 0, why TEXT NOT NULL DEFAULT '')",
    "CREATE INDEX smart_grant_account ON smart_grant(account, id) WHERE ended = 0",
    "CREATE INDEX smart_grant_app ON smart_grant(app, id)",
    "CREATE INDEX smart_grant_until ON smart_grant(until) WHERE ended = 0",
    "CREATE TABLE smart_code(hash BLOB PRIMARY KEY, of INTEGER NOT NULL, redirect TEXT NOT NULL, challenge TEXT NOT NULL,
        nonce TEXT NOT NULL, until INTEGER NOT NULL, used INTEGER NOT NULL DEFAULT 0) {clustered}",
    // `use`: 1 access, 2 refresh.
    "CREATE TABLE smart_token(hash BLOB PRIMARY KEY, of INTEGER NOT NULL, use INTEGER NOT NULL, scopes TEXT NOT NULL,
        made INTEGER NOT NULL, until INTEGER NOT NULL, used INTEGER NOT NULL DEFAULT 0) {clustered}",
    "CREATE INDEX smart_token_until ON smart_token(until)",
    "CREATE TABLE smart_launch(hash BLOB PRIMARY KEY, app INTEGER NOT NULL, account INTEGER NOT NULL, patient TEXT NOT NULL,
        encounter TEXT NOT NULL, until INTEGER NOT NULL) {clustered}",
    "CREATE TABLE smart_once(app INTEGER NOT NULL, hash BLOB NOT NULL, until INTEGER NOT NULL, PRIMARY KEY(app, hash))
        {clustered}",
    "CREATE TABLE smart_key(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, secret BLOB NOT NULL, made INTEGER NOT NULL)",
];

/// Accounts of apps that ask for themselves count downwards from here: an audit entry names one thing.
const APP_ACCOUNTS: i64 = -2_000_000;

/// How an app proves at the token endpoint that it is the one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// Not: it cannot keep a secret (a page, an app on a telephone).
    Public,
    /// By a secret.
    Secret,
    /// By a signature (`private_key_jwt`).
    Key,
}

impl Proof {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Public, Self::Secret, Self::Key];

    /// As stored.
    pub fn code(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Secret => "secret",
            Self::Key => "key",
        }
    }

    /// From its stored form.
    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|p| p.code() == code)
    }
}

/// An app to be registered or changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewApp {
    /// What it is called.
    pub name: String,
    /// How it proves that it is the one.
    pub proof: Proof,
    /// Its public keys as a JWK Set; empty where they are fetched, or there are none.
    pub keys: String,
    /// Where they are fetched; empty where they are pasted.
    pub keys_url: String,
    /// Whether that address may lead into a private network.
    pub private: bool,
    /// Addresses it may be answered at, exact.
    pub redirects: Vec<String>,
    /// Address that opens it from a patient's page; empty where there is none.
    pub launch: String,
    /// Scopes it may be granted at most.
    pub scopes: String,
    /// The facility it is held to; none: the province's.
    pub facility: Option<i64>,
}

/// A registered app.
#[derive(Clone, Debug)]
pub struct App {
    /// Its number.
    pub id: i64,
    /// Its name in the protocol (`client_id`).
    pub client: String,
    /// SHA-256 of its secret.
    pub secret: Option<[u8; 32]>,
    /// What it was registered with.
    pub what: NewApp,
    /// When, seconds.
    pub made: i64,
    /// Whether it is shut out.
    pub ended: bool,
}

impl App {
    /// The account number under which it asks for itself.
    pub fn account(&self) -> i64 {
        APP_ACCOUNTS - self.id
    }
}

/// The number of the app that asks for itself under an account number.
pub fn app_of(account: i64) -> i64 {
    APP_ACCOUNTS - account
}

const COLUMNS: &str =
    "p.id, p.client, p.name, p.kind, p.secret, p.keys, p.keys_url, p.private, p.redirects, p.launch, p.scopes,
    p.facility, p.made, p.ended";

fn app(r: &dyn Row) -> Result<App> {
    let secret = r.opt_blob(4)?.map(|b| <[u8; 32]>::try_from(b).map_err(|_| Error::Column(4))).transpose()?;
    Ok(App {
        id: r.int(0)?,
        client: r.text(1)?.to_owned(),
        secret,
        what: NewApp {
            name: r.text(2)?.to_owned(),
            proof: Proof::parse(r.text(3)?).ok_or(Error::Column(3))?,
            keys: r.text(5)?.to_owned(),
            keys_url: r.text(6)?.to_owned(),
            private: r.int(7)? != 0,
            redirects: r.text(8)?.split_ascii_whitespace().map(str::to_owned).collect(),
            launch: r.text(9)?.to_owned(),
            scopes: r.text(10)?.to_owned(),
            facility: r.opt_int(11)?,
        },
        made: r.int(12)?,
        ended: r.int(13)? != 0,
    })
}

/// The app of a `client_id`, shut out or not.
pub fn by_client(on: &mut dyn Query, client: &str) -> Result<Option<App>> {
    sql::first(on, &format!("SELECT {COLUMNS} FROM smart_app p WHERE p.client = ?1"), &[client.into()], app)
}

/// The app with this number, where `scope` holds it: an administrator of a facility sees its apps.
pub fn by_id(on: &mut dyn Query, scope: Scope, id: i64) -> Result<Option<App>> {
    let found = sql::first(on, &format!("SELECT {COLUMNS} FROM smart_app p WHERE p.id = ?1"), &[id.into()], app)?;
    Ok(found.filter(|a| scope.facility().is_none_or(|f| a.what.facility == Some(f))))
}

/// The apps that `scope` holds, by name.
pub fn apps(on: &mut dyn Query, scope: Scope) -> Result<Vec<App>> {
    let within = scope.facility().map_or(String::new(), |f| format!(" WHERE p.facility = {f}"));
    sql::list(
        on,
        &format!("SELECT {COLUMNS} FROM smart_app p{within} ORDER BY p.ended, p.name, p.id LIMIT 500"),
        &[],
        app,
    )
}

/// The apps that are opened from a patient's page, for who works at `facility` (none: for the province).
pub fn launched(on: &mut dyn Query, facility: Option<i64>) -> Result<Vec<App>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM smart_app p WHERE p.launch <> '' AND p.ended = 0
            AND (p.facility IS NULL OR p.facility = ?1) ORDER BY p.name, p.id LIMIT 100"
    );
    sql::list(on, &sql, &[facility.unwrap_or(0).into()], app)
}

/// Whether a page of `origin` (`https://app.example.vn`) is one of an app that is not shut out.
pub fn is_origin(on: &mut dyn Query, origin: &str) -> Result<bool> {
    let all = sql::list(on, "SELECT redirects FROM smart_app WHERE ended = 0", &[], |r| Ok(r.text(0)?.to_owned()))?;
    let same = |redirect: &str| {
        redirect.strip_prefix(origin).is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']))
    };
    Ok(origin.contains("://") && all.iter().any(|redirects| redirects.split_ascii_whitespace().any(same)))
}

impl Tx<'_> {
    /// Registers an app under a name in the protocol; `secret`: the hash of its secret.
    pub fn add_app(&mut self, client: &str, new: &NewApp, secret: Option<&[u8; 32]>) -> Result<i64> {
        let by = self.decision().actor().account;
        let redirects = new.redirects.join(" ");
        let id = self.insert(
            "INSERT INTO smart_app(client, name, kind, secret, keys, keys_url, private, redirects, launch, scopes, facility,
                made, made_by) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
            &[
                client.into(),
                (&new.name).into(),
                new.proof.code().into(),
                secret.map_or(sql::Arg::Null, |s| sql::Arg::Blob(s)),
                (&new.keys).into(),
                (&new.keys_url).into(),
                i64::from(new.private).into(),
                (&redirects).into(),
                (&new.launch).into(),
                (&new.scopes).into(),
                new.facility.into(),
                now_seconds().into(),
                by.into(),
            ],
        )?;
        self.log_app(id)?;
        self.audit(None, &format!("app {id} registered"), "granted")?;
        Ok(id)
    }

    /// Changes what an app was registered with, its facility and its kind of proof apart: grants were given on them. Grants that
    /// hold more than it may have now keep what both allow.
    pub fn change_app(&mut self, id: i64, to: &NewApp) -> Result<()> {
        let redirects = to.redirects.join(" ");
        self.run(
            "UPDATE smart_app SET name = ?2, keys = ?3, keys_url = ?4, private = ?5, redirects = ?6, launch = ?7, scopes = ?8
                WHERE id = ?1",
            &[
                id.into(),
                (&to.name).into(),
                (&to.keys).into(),
                (&to.keys_url).into(),
                i64::from(to.private).into(),
                (&redirects).into(),
                (&to.launch).into(),
                (&to.scopes).into(),
            ],
        )?;
        self.log_app(id)?;
        self.audit(None, &format!("app {id} changed"), "granted")
    }

    /// Gives an app another secret, known by its hash.
    pub fn set_app_secret(&mut self, id: i64, secret: &[u8; 32]) -> Result<()> {
        self.run("UPDATE smart_app SET secret = ?2 WHERE id = ?1", &[id.into(), secret.as_slice().into()])?;
        self.log_app(id)?;
        self.audit(None, &format!("app {id} secret"), "granted")
    }

    /// Shuts an app out, with all that was granted to it, or lets it in again, with nothing.
    pub fn end_app(&mut self, id: i64, end: bool) -> Result<()> {
        self.run("UPDATE smart_app SET ended = ?2 WHERE id = ?1", &[id.into(), i64::from(end).into()])?;
        self.log_app(id)?;
        if end {
            self.end_grants("app = ?1", id, "app")?;
        }
        self.audit(None, &format!("app {id} {}", if end { "shut out" } else { "let in" }), "granted")
    }

    fn log_app(&mut self, id: i64) -> Result<()> {
        log::again(self, &[Fact::numbered(Kind::App, id)])
    }
}
