//! A glance: a look at a few rows by their keys, that need not be of one state, without a thread of its own.
//!
//! SQLite lies in this process: a glance is a reader that is at hand. PostgreSQL lies behind a wire, where a round trip and two
//! changes of thread cost more than the rows: there the questions of all who ask at one moment go as one bundle
//! ([`crate::postgres::Relay`]). What looks is then run with nothing known, which tells its question; again once the answer is
//! there, which may tell the next; until nothing is left to ask. It must do nothing but ask, and ask the same again.

use crate::postgres::{Asked, Question, Rows};
use crate::sees::Sees;
use crate::sql::{Arg, Query, Row, may_have};
use crate::{Error, Result, Store, told};
use mach_access::{Decision, Scope};

/// Questions that one look may ask; one that asks more reads, and should have a reader.
const QUESTIONS: usize = 8;

/// What is known so far of a look, and what it wants to know next.
struct Glance {
    scope: Scope,
    sees: Sees,
    known: Vec<(Question, Rows)>,
    wanted: Option<Question>,
}

impl Query for Glance {
    fn each(&mut self, sql: &str, args: &[Arg<'_>], row: &mut dyn FnMut(&dyn Row) -> Result<()>) -> Result<()> {
        #[cfg(debug_assertions)]
        crate::distribution::guard(sql);
        may_have(args)?;
        if let Some((_, rows)) = self.known.iter().find(|(question, _)| question.is(sql, args)) {
            return rows.each(row);
        }
        self.wanted = Some(Question::new(sql, args, self.sees));
        Err(Error::Missing("an answer that is still to come"))
    }

    fn scope(&self) -> Scope {
        self.scope
    }
}

impl Store {
    /// What `look` finds, where it can be found without making a thread wait; `None` where it cannot, and a reader of its own
    /// has to be asked ([`Store::read_one`]).
    ///
    /// # Errors
    /// Those of `look`; `Lost` where the server does not answer, `Stopped` where the program ends.
    pub async fn glance<T>(
        &self,
        decision: &Decision,
        look: impl Fn(&mut dyn Query) -> Result<T>,
    ) -> Option<Result<T>> {
        let Some(relay) = self.relay() else { return self.try_read(decision).map(|mut reader| look(&mut reader)) };
        let mut glance = Glance { scope: decision.scope(), sees: Sees::of(decision), known: Vec::new(), wanted: None };
        loop {
            let outcome = look(&mut glance);
            // Whatever it made of it: as long as an answer is missing, it has not looked.
            let Some(question) = glance.wanted.take() else { return Some(outcome) };
            drop(outcome);
            if glance.known.len() >= QUESTIONS {
                return None;
            }
            let (told, hears) = told::way();
            relay.ask(Asked { question, told });
            match hears.await.unwrap_or(Err(Error::Stopped)) {
                Ok(answered) => glance.known.push(answered),
                Err(e) => return Some(Err(e)),
            }
        }
    }
}
