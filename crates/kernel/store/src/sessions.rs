//! Sessions of people: open, waiting for a second factor, or locked.

use crate::accounts::{self, Account};
use crate::sql::{self, Execute, Query, Row};
use crate::{Error, Result, Tx};
use mach_base::{limits, time::now_seconds};

/// Tables of sessions.
pub const DDL: &[&str] =
    &["CREATE TABLE session(token BLOB PRIMARY KEY, account INTEGER NOT NULL, began INTEGER NOT NULL,
        seen INTEGER NOT NULL, proven INTEGER NOT NULL, state INTEGER NOT NULL, agent TEXT NOT NULL) {clustered}"];

/// What a session is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Everything its account may do.
    Open,
    /// The password was right; the second factor is still to come. Opens nothing.
    Half,
    /// Left alone: opens nothing until its owner proves who they are.
    Locked,
}

impl State {
    fn number(self) -> i64 {
        match self {
            Self::Open => 0,
            Self::Half => 1,
            Self::Locked => 2,
        }
    }

    fn read(r: &dyn Row, column: usize) -> Result<Self> {
        match r.int(column)? {
            0 => Ok(Self::Open),
            1 => Ok(Self::Half),
            2 => Ok(Self::Locked),
            _ => Err(Error::Column(column)),
        }
    }
}

/// A session that has not ended.
#[derive(Clone, Debug)]
pub struct Live {
    /// Whose it is.
    pub account: Account,
    /// When it began, seconds; stays the same when its token is renewed.
    pub began: i64,
    /// When it was last used, seconds.
    pub seen: i64,
    /// When its owner last proved who they are, seconds.
    pub proven: i64,
    /// What it is good for.
    pub state: State,
}

/// A session as its owner sees it in a list.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Names it; no secret.
    pub mark: String,
    /// When it began, seconds.
    pub began: i64,
    /// When it was last used, seconds.
    pub seen: i64,
    /// What it is good for.
    pub state: State,
    /// What the browser called itself.
    pub agent: String,
    /// The provider that signed it on, as it is called here; empty where its owner did.
    pub provider: String,
    /// At which level of assurance; empty where none was said.
    pub level: String,
}

/// What a session is called where its owner ends it from another: the first half of its token's hash.
pub fn mark(token: &[u8; 32]) -> String {
    mach_access::secret::hex(&token[..16])
}

impl Tx<'_> {
    /// Begins a session of `account` under the hash of its token.
    pub fn begin_session(&mut self, token: &[u8; 32], account: i64, state: State, agent: &str) -> Result<()> {
        let now = now_seconds();
        let oldest = now - limits::SESSION_MINUTES * 60;
        self.run("DELETE FROM session WHERE began < ?1", &[oldest.into()])?;
        let args = [token.as_slice().into(), account.into(), now.into(), state.number().into(), agent.into()];
        self.run(
            "INSERT INTO session(token, account, began, seen, proven, state, agent) VALUES (?1, ?2, ?3, ?3, ?3, ?4, ?5)",
            &args,
        )?;
        Ok(())
    }

    /// Notes that a session was used now.
    pub fn touch_session(&mut self, token: &[u8; 32]) -> Result<()> {
        self.run("UPDATE session SET seen = ?2 WHERE token = ?1", &[token.as_slice().into(), now_seconds().into()])?;
        Ok(())
    }

    /// Opens a session whose owner proved who they are, under a new token: one that was seen before is worth nothing.
    pub fn prove_session(&mut self, token: &[u8; 32], renewed: &[u8; 32]) -> Result<()> {
        let args = [token.as_slice().into(), renewed.as_slice().into(), now_seconds().into()];
        self.run("UPDATE session SET token = ?2, state = 0, proven = ?3, seen = ?3 WHERE token = ?1", &args)?;
        Ok(())
    }

    /// Locks an open session.
    pub fn lock_session(&mut self, token: &[u8; 32]) -> Result<()> {
        self.run("UPDATE session SET state = 2 WHERE token = ?1 AND state = 0", &[token.as_slice().into()])?;
        Ok(())
    }

    /// Ends a session.
    pub fn end_session(&mut self, token: &[u8; 32]) -> Result<()> {
        self.run("DELETE FROM session WHERE token = ?1", &[token.as_slice().into()])?;
        Ok(())
    }

    /// Ends one session of an account by its mark; false where it has none such.
    pub fn end_marked_session(&mut self, account: i64, wanted: &str) -> Result<bool> {
        let tokens = sql::list(self, "SELECT token FROM session WHERE account = ?1", &[account.into()], |r| {
            <[u8; 32]>::try_from(r.blob(0)?).map_err(|_| Error::Column(0))
        })?;
        match tokens.into_iter().find(|token| mark(token) == wanted) {
            Some(token) => self.end_session(&token).map(|()| true),
            None => Ok(false),
        }
    }

    /// Ends every session of an account, and what it let apps do.
    pub fn end_sessions(&mut self, account: i64) -> Result<()> {
        self.end_grants_of_account(account)?;
        self.run("DELETE FROM session WHERE account = ?1", &[account.into()]).map(drop)
    }
}

/// A session that has neither been left idle too long for its role nor lasted too long, of an account that is not closed.
pub fn live(on: &mut dyn Query, token: &[u8; 32]) -> Result<Option<Live>> {
    let now = now_seconds();
    let sql = format!(
        "SELECT {}, s.seen, s.proven, s.state, s.began FROM session s JOIN account a ON a.id = s.account
            WHERE s.token = ?1 AND s.began >= ?2 AND a.closed = 0",
        accounts::COLUMNS
    );
    let oldest = now - limits::SESSION_MINUTES * 60;
    let found = sql::first(on, &sql, &[token.as_slice().into(), oldest.into()], |r| {
        let at = accounts::WIDTH;
        Ok(Live {
            account: accounts::account(r)?,
            began: r.int(at + 3)?,
            seen: r.int(at)?,
            proven: r.int(at + 1)?,
            state: State::read(r, at + 2)?,
        })
    })?;
    let idle = |live: &Live| {
        let minutes = match live.account.actor.role {
            mach_access::Role::Clinician => limits::SESSION_IDLE_CLINICAL_MINUTES,
            _ => limits::SESSION_IDLE_MINUTES,
        };
        live.seen < now - minutes * 60
    };
    Ok(found.filter(|live| !idle(live)))
}

/// The sessions of an account that may still be live, the last used first.
pub fn of_account(on: &mut dyn Query, account: i64) -> Result<Vec<Listed>> {
    let oldest = now_seconds() - limits::SESSION_MINUTES * 60;
    let sql = "SELECT token, began, seen, state, agent, provider, level FROM session WHERE account = ?1 AND began >= ?2
        ORDER BY seen DESC, token LIMIT 100";
    sql::list(on, sql, &[account.into(), oldest.into()], |r| {
        let token = <[u8; 32]>::try_from(r.blob(0)?).map_err(|_| Error::Column(0))?;
        let text = |at| r.text(at).map(str::to_owned);
        let (agent, provider, level) = (text(4)?, text(5)?, text(6)?);
        let state = State::read(r, 3)?;
        Ok(Listed { mark: mark(&token), began: r.int(1)?, seen: r.int(2)?, state, agent, provider, level })
    })
}
