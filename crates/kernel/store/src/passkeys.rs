//! Passkeys of accounts: a row each, the public key alone.

use crate::sql::{self, Execute, Query, Row};
use crate::{Error, Result, Tx};
use mach_base::{limits, time::now_seconds};

/// Tables of passkeys. Nothing in them is a secret: who has them can sign in with none.
pub const DDL: &[&str] = &[
    "CREATE TABLE passkey(id INTEGER PRIMARY KEY, account INTEGER NOT NULL, credential BLOB NOT NULL UNIQUE,
        public BLOB NOT NULL, name TEXT NOT NULL, counter INTEGER NOT NULL, backed_up INTEGER NOT NULL, made INTEGER NOT NULL,
        used INTEGER, copied INTEGER)",
    "CREATE INDEX passkey_account ON passkey(account)",
];

/// A passkey.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passkey {
    /// Its number.
    pub id: i64,
    /// Whose.
    pub account: i64,
    /// The id by which its device knows it.
    pub credential: Vec<u8>,
    /// The public key, as COSE writes it.
    pub public: Vec<u8>,
    /// What its owner calls it.
    pub name: String,
    /// How often it was used, as it counts itself.
    pub counter: u32,
    /// Whether its owner's other devices have it, too.
    pub backed_up: bool,
    /// When it was made, seconds.
    pub made: i64,
    /// When it was last used, seconds.
    pub used: Option<i64>,
    /// When its counter went back, seconds: somebody may have a copy of it, and it opens nothing any more.
    pub copied: Option<i64>,
}

const COLUMNS: &str =
    "SELECT id, account, credential, public, name, counter, backed_up, made, used, copied FROM passkey";

fn row(r: &dyn Row) -> Result<Passkey> {
    Ok(Passkey {
        id: r.int(0)?,
        account: r.int(1)?,
        credential: r.blob(2)?.to_vec(),
        public: r.blob(3)?.to_vec(),
        name: r.text(4)?.to_owned(),
        counter: u32::try_from(r.int(5)?).map_err(|_| Error::Column(5))?,
        backed_up: r.int(6)? != 0,
        made: r.int(7)?,
        used: r.opt_int(8)?,
        copied: r.opt_int(9)?,
    })
}

/// The passkeys of an account, the oldest first.
pub fn of_account(on: &mut dyn Query, account: i64) -> Result<Vec<Passkey>> {
    sql::list(on, &format!("{COLUMNS} WHERE account = ?1 ORDER BY id"), &[account.into()], row)
}

/// The passkey with this id of its device.
pub fn by_credential(on: &mut dyn Query, credential: &[u8]) -> Result<Option<Passkey>> {
    sql::first(on, &format!("{COLUMNS} WHERE credential = ?1"), &[credential.into()], row)
}

/// Whether an account has one.
pub fn has_any(on: &mut dyn Query, account: i64) -> Result<bool> {
    Ok(sql::first(on, "SELECT 1 FROM passkey WHERE account = ?1 LIMIT 1", &[account.into()], |r| r.int(0))?.is_some())
}

impl Tx<'_> {
    /// Keeps a new passkey; `None` where the account has as many as it may, or another key has this id.
    pub fn add_passkey(&mut self, new: &Passkey) -> Result<Option<i64>> {
        let count = of_account(self, new.account)?.len();
        if count >= limits::PASSKEYS || by_credential(self, &new.credential)?.is_some() {
            return Ok(None);
        }
        let id = self.insert(
            "INSERT INTO passkey(account, credential, public, name, counter, backed_up, made) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            &[
                new.account.into(),
                new.credential.as_slice().into(),
                new.public.as_slice().into(),
                new.name.as_str().into(),
                i64::from(new.counter).into(),
                i64::from(new.backed_up).into(),
                now_seconds().into(),
            ],
        )?;
        self.log_event("passkey", &format!("{id}: account {}", new.account))?;
        Ok(Some(id))
    }

    /// Notes that a passkey was used, with what it counted.
    pub fn used_passkey(&mut self, id: i64, counter: u32) -> Result<()> {
        let args = [id.into(), i64::from(counter).into(), now_seconds().into()];
        self.run("UPDATE passkey SET counter = ?2, used = ?3 WHERE id = ?1", &args).map(drop)
    }

    /// Notes that a passkey's counter went back: it opens nothing any more.
    pub fn copied_passkey(&mut self, id: i64) -> Result<()> {
        let args = [id.into(), now_seconds().into()];
        self.run("UPDATE passkey SET copied = ?2 WHERE id = ?1 AND copied IS NULL", &args)?;
        self.log_event("passkey", &format!("{id}: its counter went back")).map(drop)
    }

    /// Takes a passkey of an account away; false where it has none such.
    pub fn drop_passkey(&mut self, account: i64, id: i64) -> Result<bool> {
        let done = self.run("DELETE FROM passkey WHERE id = ?1 AND account = ?2", &[id.into(), account.into()])? > 0;
        if done {
            self.log_event("passkey", &format!("{id}: taken away"))?;
            self.drop_idle_paper(account)?;
        }
        Ok(done)
    }

    /// Takes all passkeys of an account away.
    pub fn drop_passkeys(&mut self, account: i64) -> Result<()> {
        for passkey in of_account(self, account)? {
            self.drop_passkey(account, passkey.id)?;
        }
        Ok(())
    }
}
