//! A connection as a reader uses it: one state from its first statement to its last, or one for each statement; what will be
//! asked next comes along with what is asked.

use super::Pg;
use super::relay::{Question, Rows};
use crate::sees::Sees;
use crate::sql::{Arg, Query, Row, may_have};
use crate::{Error, Result};

/// Statements whose answers come along with another's at most.
const AHEAD: usize = 16;

impl Pg {
    /// From now on a reader may see this; where it is `alone`, each of its statements has a state of its own: without a
    /// transaction around it.
    pub(crate) fn by_itself(&mut self, alone: bool, sees: Sees) {
        (self.by_itself, self.sees) = (alone, sees);
    }

    /// Whether the last reader saw this.
    pub(crate) fn saw(&self, sees: Sees) -> bool {
        self.sees == sees
    }

    /// Notes what will be asked next; its answer comes along with the next statement's. Only within one state: what is asked later
    /// must see the same.
    pub(crate) fn ahead(&mut self, sql: &str, args: &[Arg<'_>]) -> bool {
        let takes = !self.writer && !self.by_itself && self.ahead.len() < AHEAD;
        if takes {
            self.ahead.push((Question::new(sql, args, self.sees), None));
        }
        takes
    }

    /// Ends a reader's transaction; false where the connection is not worth keeping.
    pub(crate) fn finish(&mut self) -> bool {
        self.ahead.clear();
        if std::mem::take(&mut self.open) {
            return self.on(|link, _| link.leave()).is_ok();
        }
        self.link.as_ref().is_some_and(|l| !l.is_torn())
    }

    /// A reader's statement, after the beginning of its state where it is the first, with what waits to be asked ahead.
    fn ask_with_ahead(
        &mut self,
        begins: bool,
        sql: &str,
        args: &[Arg<'_>],
        row: &mut dyn FnMut(&dyn Row) -> Result<()>,
    ) -> Result<()> {
        let mut ahead = std::mem::take(&mut self.ahead);
        let (worn, locked) = (self.worn(sql), self.target.is_locked());
        let told = self.on(|link, keys| {
            if begins {
                link.queue("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", &[], keys)?;
            }
            let (mut places, mut fresh): (Vec<usize>, Vec<Rows>) = Default::default();
            for (question, _) in ahead.iter().filter(|(_, rows)| rows.is_none()) {
                places.push(question.queue(link, keys, locked)?);
                fresh.push(Rows::default());
            }
            link.wear(worn, keys)?;
            link.queue(sql, args, keys)?;
            let last = link.waits() - 1;
            link.answer_all(&mut |at, told| match places.binary_search(&at) {
                _ if at == last => row(told),
                Ok(at) => {
                    fresh[at].take(told);
                    Ok(())
                }
                Err(_) => Ok(()),
            })?;
            for ((_, rows), came) in ahead.iter_mut().filter(|(_, rows)| rows.is_none()).zip(fresh) {
                *rows = Some(came);
            }
            Ok(())
        });
        self.ahead = ahead;
        told
    }
}

impl Query for Pg {
    fn each(&mut self, sql: &str, args: &[Arg<'_>], row: &mut dyn FnMut(&dyn Row) -> Result<()>) -> Result<()> {
        may_have(args)?;
        if self.writer {
            return self.ask(sql, args, row);
        }
        if let Some(at) = self.ahead.iter().position(|(question, _)| question.is(sql, args))
            && let Some(rows) = self.ahead.swap_remove(at).1
        {
            return rows.each(row);
        }
        if self.open {
            return self.ask_with_ahead(false, sql, args, row);
        }
        // A reader's first statement opens its state. Once a row was handed on, nothing is asked again.
        let mut handed = false;
        let outcome = self.first(|pg| {
            if handed {
                return Err(Error::Lost("in the middle of an answer".to_owned()));
            }
            pg.ask_with_ahead(!pg.by_itself, sql, args, &mut |r| {
                handed = true;
                row(r)
            })
        });
        self.open = self.link.is_some() && !self.by_itself;
        outcome
    }
}
