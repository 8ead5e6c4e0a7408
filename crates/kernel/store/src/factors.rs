//! Second factors of accounts, and getting back in without them: by a code kept on paper, or by two administrators.

use crate::sealed::{self, row};
use crate::sql::{self, Execute, Query};
use crate::{Result, Tx, accounts, passkeys};
use mach_access::Scope;
use mach_base::{limits, time::now_seconds};
use mach_seal::Purpose;

/// Tables of second factors.
pub const DDL: &[&str] = &[
    "CREATE TABLE second_factor(account INTEGER PRIMARY KEY, secret BLOB NOT NULL, confirmed INTEGER NOT NULL,
        last_step INTEGER NOT NULL, made INTEGER NOT NULL)",
    "CREATE TABLE paper_code(account INTEGER NOT NULL, hash BLOB NOT NULL, PRIMARY KEY(account, hash)) {clustered}",
    "CREATE TABLE recovery(id INTEGER PRIMARY KEY, account INTEGER NOT NULL, asked_by INTEGER NOT NULL,
        asked INTEGER NOT NULL, allowed_by INTEGER, code BLOB, expires INTEGER NOT NULL, ended INTEGER)",
];

/// The second factor of an account: one-time codes by time.
#[derive(Clone, Debug)]
pub struct Factor {
    /// The secret that codes are made of.
    pub secret: Vec<u8>,
    /// Whether its owner has shown that their app makes the same codes.
    pub confirmed: bool,
    /// The step of the code taken last.
    pub last_step: i64,
}

/// A wish to get back in that nobody has ended.
#[derive(Clone, Debug)]
pub struct Recovery {
    /// Its number.
    pub id: i64,
    /// For whom.
    pub account: accounts::Account,
    /// Number of the administrator who asked.
    pub asked_by: i64,
    /// Their name.
    pub asked_by_name: String,
    /// When, seconds.
    pub asked: i64,
    /// Whether another has allowed it.
    pub is_allowed: bool,
}

/// Why a recovery was not allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAllowed {
    /// There is none such, or it has ended.
    Gone,
    /// Who asked cannot allow it; nor can whom it is for.
    SamePerson,
}

impl Tx<'_> {
    /// Keeps a secret that its owner has yet to confirm, in place of an earlier unconfirmed one; false where a factor is
    /// confirmed.
    pub fn propose_factor(&mut self, account: i64, secret: &[u8]) -> Result<bool> {
        let sql = "INSERT INTO second_factor(account, secret, confirmed, last_step, made) VALUES (?1, ?2, 0, 0, ?3)
            ON CONFLICT(account) DO UPDATE SET secret = excluded.secret, made = excluded.made
            WHERE second_factor.confirmed = 0";
        let sealed = sealed::ring()?.seal(Purpose::Secret, &row!("second_factor", account), secret)?;
        Ok(self.run(sql, &[account.into(), sealed.as_slice().into(), now_seconds().into()])? > 0)
    }

    /// Confirms a factor by a code of `step`, with the hashes of the codes for paper.
    pub fn confirm_factor(&mut self, account: i64, step: i64, paper: &[[u8; 32]]) -> Result<()> {
        self.run(
            "UPDATE second_factor SET confirmed = 1, last_step = ?2 WHERE account = ?1",
            &[account.into(), step.into()],
        )?;
        self.give_paper_codes(account, paper)
    }

    /// Takes the code of a step; false where that or a later one was taken.
    pub fn take_step(&mut self, account: i64, step: i64) -> Result<bool> {
        let sql = "UPDATE second_factor SET last_step = ?2 WHERE account = ?1 AND confirmed = 1 AND last_step < ?2";
        Ok(self.run(sql, &[account.into(), step.into()])? > 0)
    }

    /// Takes a code from paper; false where it is none, or was taken.
    pub fn take_paper_code(&mut self, account: i64, hash: &[u8; 32]) -> Result<bool> {
        let args = [account.into(), hash.as_slice().into()];
        Ok(self.run("DELETE FROM paper_code WHERE account = ?1 AND hash = ?2", &args)? > 0)
    }

    /// Gives an account codes for paper, known by their hashes, in place of those it had.
    pub fn give_paper_codes(&mut self, account: i64, paper: &[[u8; 32]]) -> Result<()> {
        self.run("DELETE FROM paper_code WHERE account = ?1", &[account.into()])?;
        for hash in paper {
            let args = [account.into(), hash.as_slice().into()];
            self.run("INSERT INTO paper_code(account, hash) VALUES (?1, ?2)", &args)?;
        }
        Ok(())
    }

    /// Takes the app's codes away; those for paper stay while a passkey does.
    pub fn drop_factor(&mut self, account: i64) -> Result<()> {
        self.run("DELETE FROM second_factor WHERE account = ?1", &[account.into()])?;
        self.drop_idle_paper(account)
    }

    /// Takes all away that is asked for beside a password.
    pub fn drop_factors(&mut self, account: i64) -> Result<()> {
        self.drop_passkeys(account)?;
        self.drop_factor(account)
    }

    /// Takes the codes for paper away where they stand in for nothing.
    pub(crate) fn drop_idle_paper(&mut self, account: i64) -> Result<()> {
        if is_guarded(self, account)? {
            return Ok(());
        }
        self.run("DELETE FROM paper_code WHERE account = ?1", &[account.into()]).map(drop)
    }

    /// An administrator asks that somebody may get back in; an earlier wish for the same account ends.
    pub fn ask_recovery(&mut self, account: i64, by: i64) -> Result<i64> {
        let now = now_seconds();
        self.end_recoveries(account)?;
        let expires = now + limits::RECOVERY_HOURS * 3600;
        self.insert(
            "INSERT INTO recovery(account, asked_by, asked, expires) VALUES (?1, ?2, ?3, ?4)",
            &[account.into(), by.into(), now.into(), expires.into()],
        )
    }

    /// Ends every open wish of an account, and the code it was made with.
    pub(crate) fn end_recoveries(&mut self, account: i64) -> Result<()> {
        let args = [account.into(), now_seconds().into()];
        self.run("UPDATE recovery SET ended = ?2 WHERE account = ?1 AND ended IS NULL", &args).map(drop)
    }

    /// Lets a new account be opened once by a code, known by its hash: it holds nothing yet that a second administrator
    /// would have to guard.
    pub fn invite(&mut self, account: i64, by: i64, code: &[u8; 32]) -> Result<()> {
        let id = self.ask_recovery(account, by)?;
        let args = [id.into(), by.into(), code.as_slice().into()];
        self.run("UPDATE recovery SET allowed_by = ?2, code = ?3 WHERE id = ?1", &args).map(drop)
    }

    /// Another administrator allows it: from now the code, known by its hash, opens the account once.
    pub fn allow_recovery(
        &mut self,
        scope: Scope,
        id: i64,
        by: i64,
        code: &[u8; 32],
    ) -> Result<std::result::Result<(), NotAllowed>> {
        let found = recovery(self, scope, id)?.filter(|r| !r.is_allowed);
        let Some(found) = found else { return Ok(Err(NotAllowed::Gone)) };
        if found.asked_by == by || found.account.actor.account == by {
            return Ok(Err(NotAllowed::SamePerson));
        }
        let expires = now_seconds() + limits::RECOVERY_CODE_MINUTES * 60;
        self.run(
            "UPDATE recovery SET allowed_by = ?2, code = ?3, expires = ?4 WHERE id = ?1",
            &[id.into(), by.into(), code.as_slice().into(), expires.into()],
        )?;
        Ok(Ok(()))
    }

    /// Ends a wish without granting it; false where there is none such.
    pub fn refuse_recovery(&mut self, scope: Scope, id: i64) -> Result<bool> {
        if recovery(self, scope, id)?.is_none() {
            return Ok(false);
        }
        Ok(self.run("UPDATE recovery SET ended = ?2 WHERE id = ?1", &[id.into(), now_seconds().into()])? > 0)
    }

    /// Lets an account in by the code of an allowed recovery: a new password, no second factor, no provider that signs it on, no open session. Gives the
    /// account's number; `None` where the code is not that of this account, or too old.
    pub fn recover(&mut self, account: i64, code: &[u8; 32], password: &str) -> Result<Option<i64>> {
        let now = now_seconds();
        let sql = "UPDATE recovery SET ended = ?3 WHERE account = ?1 AND code = ?2 AND ended IS NULL AND expires >= ?3";
        if self.run(sql, &[account.into(), code.as_slice().into(), now.into()])? == 0 {
            return Ok(None);
        }
        self.drop_factors(account)?;
        self.drop_sign_ons(account)?;
        self.set_password(account, password)?;
        Ok(Some(account))
    }
}

/// Whether something is asked for beside the password of an account: codes from an app, or a passkey.
pub fn is_guarded(on: &mut dyn Query, account: i64) -> Result<bool> {
    Ok(factor(on, account)?.is_some_and(|f| f.confirmed) || passkeys::has_any(on, account)?)
}

/// The second factor of an account.
pub fn factor(on: &mut dyn Query, account: i64) -> Result<Option<Factor>> {
    let sql = "SELECT secret, confirmed, last_step FROM second_factor WHERE account = ?1";
    sql::first(on, sql, &[account.into()], |r| {
        let secret = mach_seal::open(&row!("second_factor", account), r.blob(0)?)?;
        Ok(Factor { secret, confirmed: r.int(1)? != 0, last_step: r.int(2)? })
    })
}

/// How many codes for paper an account has left.
pub fn paper_codes(on: &mut dyn Query, account: i64) -> Result<i64> {
    sql::int(on, "SELECT count(*) FROM paper_code WHERE account = ?1", &[account.into()])
}

/// Whether an account was made with a code that nobody used yet: it has nobody's password, no second factor, no session.
pub fn is_unopened(on: &mut dyn Query, account: i64) -> Result<bool> {
    let invited = "SELECT count(*) FROM recovery WHERE account = ?1 AND allowed_by = asked_by AND ended IS NULL";
    let used = "SELECT count(*) FROM session WHERE account = ?1";
    Ok(sql::int(on, invited, &[account.into()])? > 0
        && sql::int(on, used, &[account.into()])? == 0
        && factor(on, account)?.is_none())
}

fn wishes(on: &mut dyn Query, scope: Scope, which: &str, args: &[sql::Arg<'_>]) -> Result<Vec<Recovery>> {
    let within = scope.facility().map_or(String::new(), |f| format!(" AND a.facility = {f}"));
    // Who made an account asked and allowed at once: that is no wish of anybody.
    let sql = format!(
        "SELECT {}, r.id, r.asked_by, coalesce(b.display, ''), r.asked, coalesce(r.allowed_by, 0) FROM recovery r
            JOIN account a ON a.id = r.account LEFT JOIN account b ON b.id = r.asked_by
            WHERE r.ended IS NULL AND r.expires >= ?1 AND coalesce(r.allowed_by, 0) <> r.asked_by{within} {which}",
        accounts::COLUMNS
    );
    let at = accounts::WIDTH;
    sql::list(on, &sql, args, |r| {
        Ok(Recovery {
            account: accounts::account(r)?,
            id: r.int(at)?,
            asked_by: r.int(at + 1)?,
            asked_by_name: r.text(at + 2)?.to_owned(),
            asked: r.int(at + 3)?,
            is_allowed: r.int(at + 4)? != 0,
        })
    })
}

/// Wishes to get back in that are open, of accounts that `scope` holds: those that wait first, the oldest first; one more than
/// [`limits::RECOVERIES`] at most, so that it can be said that there are more.
pub fn recoveries(on: &mut dyn Query, scope: Scope) -> Result<Vec<Recovery>> {
    let first = "ORDER BY CASE WHEN r.allowed_by IS NULL THEN 0 ELSE 1 END, r.id LIMIT ?2";
    let most = i64::try_from(limits::RECOVERIES + 1).unwrap_or(i64::MAX);
    wishes(on, scope, first, &[now_seconds().into(), most.into()])
}

/// An open wish by its number, where `scope` holds the account.
pub fn recovery(on: &mut dyn Query, scope: Scope, id: i64) -> Result<Option<Recovery>> {
    Ok(wishes(on, scope, "AND r.id = ?2", &[now_seconds().into(), id.into()])?.pop())
}
