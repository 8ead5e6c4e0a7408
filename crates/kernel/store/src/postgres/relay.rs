//! The relay: small questions of many askers, answered in one round trip.
//!
//! One thread, one connection. It takes every question that waits, sends all of them at once and hands each its answer: eight
//! askers at once cost the server one awakening in place of eight, and none of them a thread of ours. Each statement sees a
//! state of its own, not before the moment it was asked.
//!
//! All wait for the one thread: a server that does not answer in time is lost to it. It asks once more, on a new connection; then
//! everybody who waits hears that there is no answer now.

use super::link::Link;
use super::row::{PgRow, cells};
use super::text::Keys;
use super::{READER, Target};
use crate::sees::Sees;
use crate::sql::{Arg, Kept, Row};
use crate::told::Teller;
use crate::{Error, Result};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

/// Questions that go together at most; fewer than a connection queues before it reads.
const TOGETHER: usize = 64;

/// What the server says of a statement that it ended, having taken too long (query_canceled).
const CANCELLED: &str = "57014";

/// A statement with its arguments, and what its asker may see.
pub(crate) struct Question {
    sql: String,
    args: Vec<Kept>,
    sees: Sees,
}

impl Question {
    pub(crate) fn new(sql: &str, args: &[Arg<'_>], sees: Sees) -> Self {
        Self { sql: sql.to_owned(), args: args.iter().map(Kept::of).collect(), sees: sees.by(sql) }
    }

    pub(crate) fn is(&self, sql: &str, args: &[Arg<'_>]) -> bool {
        self.sql == sql && self.args.len() == args.len() && self.args.iter().zip(args).all(|(own, arg)| own.is(arg))
    }

    /// Queues it, as its asker sees where rows are locked; gives its place among what waits.
    pub(super) fn queue(&self, link: &mut Link, keys: &Keys, locked: bool) -> Result<usize> {
        link.wear(locked.then_some(self.sees), &self.sql, keys)?;
        let args: Vec<Arg<'_>> = self.args.iter().map(Kept::arg).collect();
        link.queue(&self.sql, &args, keys)?;
        Ok(link.waits() - 1)
    }
}

/// The rows of an answer, as they came.
#[derive(Default)]
pub(crate) struct Rows {
    types: Vec<u32>,
    bytes: Vec<u8>,
    /// Where each row ends among the bytes.
    ends: Vec<usize>,
}

impl Rows {
    pub(super) fn take(&mut self, row: &PgRow<'_>) {
        if self.ends.is_empty() {
            self.types = row.types.to_vec();
        }
        self.bytes.extend(row.bytes);
        self.ends.push(self.bytes.len());
    }

    /// Hands each row to `row`, in order; an error of it ends it.
    pub(crate) fn each(&self, row: &mut dyn FnMut(&dyn Row) -> Result<()>) -> Result<()> {
        let (mut from, mut found) = (0, Vec::new());
        self.ends.iter().try_for_each(|end| {
            let bytes = self.bytes.get(from..*end).unwrap_or_default();
            from = *end;
            cells(bytes, &mut found).ok_or(Error::Column(0))?;
            row(&PgRow { bytes, cells: &found, types: &self.types })
        })
    }
}

/// A question, and who hears the answer to it.
pub(crate) struct Asked {
    pub(crate) question: Question,
    pub(crate) told: Teller<Result<(Question, Rows)>>,
}

/// Where questions are handed in. Its thread ends with it.
pub(crate) struct Relay {
    asked: Sender<Asked>,
}

impl Relay {
    pub(crate) fn open(target: Arc<Target>) -> Self {
        let (asked, comes) = channel();
        let started = std::thread::Builder::new().name("store-relay".to_owned()).spawn(move || serve(&target, &comes));
        if let Err(e) = started {
            // Who asks is told that nobody answers.
            tracing::error!("the thread that answers small questions could not begin: {e}");
        }
        Self { asked }
    }

    /// Hands in a question. Where nobody answers any more, whoever waits hears that its answer was dropped.
    pub(crate) fn ask(&self, asked: Asked) {
        drop(self.asked.send(asked));
    }
}

fn serve(target: &Target, comes: &Receiver<Asked>) {
    let mut link = None;
    while let Ok(first) = comes.recv() {
        let mut all = vec![first];
        all.extend(comes.try_iter().take(TOGETHER - 1));
        // A panic is told to those whose answers it takes with it, and ends the connection; the next are answered.
        if catch_unwind(AssertUnwindSafe(|| answer(target, &mut link, all, comes))).is_err() {
            link = None;
        }
    }
}

/// Answers all of them together. Where one cannot be answered, each by itself: what is wrong with one is told to nobody else. Where
/// the server does not answer, nobody is asked for again.
fn answer(target: &Target, link: &mut Option<Link>, mut all: Vec<Asked>, comes: &Receiver<Asked>) {
    let questions: Vec<&Question> = all.iter().map(|asked| &asked.question).collect();
    match together(target, link, &questions) {
        Ok(rows) => {
            for (Asked { question, told }, rows) in all.into_iter().zip(rows) {
                told.tell(Ok((question, rows)));
            }
        }
        Err(e @ Error::Lost(_)) => {
            // Who came meanwhile has waited as long: they are not made to wait for the next try.
            if link.is_none() {
                all.extend(comes.try_iter());
            }
            all.into_iter().for_each(|asked| asked.told.tell(Err(e.clone())));
        }
        Err(e) => {
            let one = all.len() == 1;
            for Asked { question, told } in all {
                let alone = if one { Err(e.clone()) } else { together(target, link, &[&question]) };
                told.tell(alone.map(|mut rows| (question, rows.pop().unwrap_or_default())));
            }
        }
    }
}

/// The answers; where the connection was gone, or nothing came over it in time, on a new one.
fn together(target: &Target, link: &mut Option<Link>, questions: &[&Question]) -> Result<Vec<Rows>> {
    let held = link.take().filter(|link| !link.is_torn());
    let fresh = held.is_none();
    // A server that can still think ends by itself what takes too long, and is not left with it.
    let limit = format!("{}ms", (target.patience * 4 / 5).as_millis());
    let settings = [READER, &[("statement_timeout", limit.as_str())]].concat();
    let connect = || Link::connect(target, &settings, target.patience);
    let mut on = held.map_or_else(connect, Ok)?;
    let mut told = ask(&mut on, questions, target.is_locked());
    if matches!(told, Err(Error::Lost(_))) && !fresh {
        on = connect()?;
        told = ask(&mut on, questions, target.is_locked());
    }
    if !matches!(told, Err(Error::Lost(_))) {
        *link = Some(on);
    }
    told.map_err(|e| match e {
        Error::Postgres(failure) if failure.code == CANCELLED => Error::Lost(failure.message),
        other => other,
    })
}

fn ask(link: &mut Link, questions: &[&Question], locked: bool) -> Result<Vec<Rows>> {
    // A reader changes no keys.
    let keys = Keys::new();
    let places =
        questions.iter().map(|question| question.queue(link, &keys, locked)).collect::<Result<Vec<usize>>>()?;
    let mut all: Vec<Rows> = questions.iter().map(|_| Rows::default()).collect();
    let told = link.answer_all(&mut |at, row| {
        if let Ok(at) = places.binary_search(&at) {
            all[at].take(row);
        }
        Ok(())
    });
    if told.is_err() {
        link.forget_worn();
    }
    told.map(|_| all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::told;
    use mach_test_engines::Server;
    use std::sync::mpsc::sync_channel;
    use std::time::Duration;

    /// What one question is answered, waiting for it without a runtime.
    fn ask(relay: &Relay, sql: &str) -> Result<i64> {
        struct Wakes(std::sync::mpsc::SyncSender<()>);
        impl std::task::Wake for Wakes {
            fn wake(self: Arc<Self>) {
                let _ = self.0.try_send(());
            }
        }
        let (told, hears) = told::way();
        relay.ask(Asked { question: Question::new(sql, &[], Sees::Everything), told });
        let (wakes, woken) = sync_channel(1);
        let waker = Arc::new(Wakes(wakes)).into();
        let mut hears = std::pin::pin!(hears);
        let answer = loop {
            match hears.as_mut().poll(&mut std::task::Context::from_waker(&waker)) {
                std::task::Poll::Ready(answer) => break answer,
                std::task::Poll::Pending => woken.recv().unwrap(),
            }
        };
        let (_, rows) = answer.unwrap()?;
        let mut found = 0;
        rows.each(&mut |r| {
            found = r.int(0)?;
            Ok(())
        })?;
        Ok(found)
    }

    const WHO: &str = "SELECT CAST(pg_backend_pid() AS BIGINT)";

    #[test]
    fn a_server_that_stops_answering_is_given_up_in_time_and_found_again() {
        let Some(server) = Server::start(false) else { return };
        let mut target = Target::parse(&server.database()).unwrap();
        target.patience = Duration::from_secs(2);
        let relay = Relay::open(Arc::new(target));
        let first = ask(&relay, WHO).unwrap();
        // One that stands still is left for another.
        let paused = server.pause(u32::try_from(first).ok());
        let second = ask(&relay, WHO).unwrap();
        assert_ne!(first, second);
        drop(paused);
        // All of it stands still: whoever asks hears so, those who came together and those who came meanwhile.
        let paused = server.pause(None);
        std::thread::scope(|threads| {
            let asked: Vec<_> = (0..3).map(|_| threads.spawn(|| ask(&relay, WHO))).collect();
            for told in asked {
                let told = told.join().unwrap();
                assert!(matches!(&told, Err(Error::Lost(why)) if why.contains("in time")), "{told:?}");
            }
        });
        drop(paused);
        let third = ask(&relay, WHO).unwrap();
        // What takes too long is ended by the server, and the connection stays.
        let slow = ask(&relay, "SELECT CAST(1 AS BIGINT) FROM pg_sleep(600)");
        assert!(matches!(&slow, Err(Error::Lost(why)) if why.contains("statement timeout")), "{slow:?}");
        assert_eq!(ask(&relay, WHO).unwrap(), third);
    }
}
