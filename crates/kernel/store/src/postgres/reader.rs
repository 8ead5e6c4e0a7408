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
            link.wear(worn, sql, keys)?;
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

#[cfg(test)]
mod tests {
    use super::super::Target;
    use crate::engine::{Engine, Place};
    use crate::sees::Sees;
    use crate::sql;
    use crate::{Error, Result};
    use mach_test_engines::Server;
    use std::sync::Arc;
    use std::time::Duration;

    /// Whether somebody waited no longer.
    fn is_given_up(told: &Result<i64>) -> bool {
        matches!(told, Err(Error::Lost(why)) if why.contains("in time"))
    }

    #[test]
    fn a_server_that_stops_answering_keeps_no_reader_and_no_writer_for_ever() {
        let Some(server) = Server::start(false) else { return };
        let mut target = Target::parse(&server.database()).unwrap();
        (target.patience, target.silence) = (Duration::from_secs(2), Duration::from_secs(2));
        let place = Place::Server(Arc::new(target));
        let (mut reader, mut writer) = (place.reader().unwrap(), place.writer().unwrap());
        let who = |engine: &mut Engine| sql::int(engine, "SELECT CAST(pg_backend_pid() AS BIGINT)", &[]);
        let read = |reader: &mut Engine| {
            reader.begin_reading(false, Sees::Everything).unwrap();
            let told = who(reader);
            reader.end_reading();
            told
        };
        let write = |writer: &mut Engine| -> Result<i64> {
            writer.begin()?;
            let told = who(writer)?;
            writer.commit()?;
            Ok(told)
        };
        let first = (read(&mut reader).unwrap(), write(&mut writer).unwrap());
        // One process stands still: who asked it asks another one.
        for (engine, before) in [(true, first.0), (false, first.1)] {
            let paused = server.pause(u32::try_from(before).ok());
            let now = if engine { read(&mut reader) } else { write(&mut writer) };
            assert_ne!(now.unwrap(), before);
            drop(paused);
        }
        // All of it stands still: both hear so.
        let paused = server.pause(None);
        let told = [read(&mut reader), write(&mut writer)];
        assert!(told.iter().all(is_given_up), "{told:?}");
        drop(paused);
        assert!(read(&mut reader).is_ok() && write(&mut writer).is_ok(), "it is found again");
        // What is asked and takes too long is given up, and the server looks for who asked; making tables takes its time.
        reader.begin_reading(false, Sees::Everything).unwrap();
        let slow = sql::int(&mut reader, "SELECT CAST(1 AS BIGINT) FROM pg_sleep(600)", &[]);
        assert!(is_given_up(&slow), "{slow:?}");
        reader.end_reading();
        assert!(read(&mut reader).is_ok(), "on another connection");
        reader.begin_reading(false, Sees::Everything).unwrap();
        let sql = "SELECT CAST(setting AS BIGINT) FROM pg_settings WHERE name = 'client_connection_check_interval'";
        assert_eq!(sql::int(&mut reader, sql, &[]).unwrap(), 10_000);
        reader.end_reading();
        let Engine::Postgres(pg) = &mut reader else { unreachable!("it is a server's") };
        pg.by_itself(true, Sees::Everything);
        pg.batch("SELECT pg_sleep(3)").unwrap();
        assert!(write(&mut writer).is_ok());
    }
}
