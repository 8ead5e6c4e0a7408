//! A connection with its prepared statements: statements are queued, and answered together at the next need.

use super::lock::{PUT_ON, STAY, WAYS};
use super::row::{PgRow, cells, oid};
use super::target::Target;
use super::text::{Keys, Translated, translate};
use super::wire::{Failure, Wire, failure, text, unexpected};
use crate::sees::Sees;
use crate::sql::{Arg, KEPT_BYTES, Row};
use crate::{Error, Result};
use std::collections::HashMap;
use std::time::Duration;

/// Statements kept prepared; past it all are closed and prepared again as they come.
const STATEMENTS: usize = 1024;
/// Long ones of them, after which the same.
const LONG_STATEMENTS: usize = 8;
/// Statements queued before their answers are read: the answers must fit into the socket's buffers.
const QUEUED: usize = 256;
/// Bytes queued before they are sent.
const QUEUED_BYTES: usize = 64 << 10;

struct Statement {
    name: u32,
    /// Types of the arguments; 0 where the server was to infer.
    declared: Vec<u32>,
    null_tested: Vec<usize>,
    translated: String,
    moves_key: Option<String>,
    columns: Vec<u32>,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Absent,
    Asked,
    Ready,
}

/// What the last of the statements did.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Done {
    /// Rows it changed.
    pub(super) changed: usize,
    /// It was a `COMMIT`, and it did commit.
    pub(super) committed: bool,
}

/// Statements by their text.
#[derive(Default)]
struct Known {
    /// Their places, apart for each way in which the connection sees: a plan is one role's.
    by_text: [HashMap<String, usize>; WAYS],
    /// Whether they see the same in every role.
    open: HashMap<String, bool>,
}

pub(super) struct Link {
    wire: Wire,
    /// How long the server may be silent to a statement; and where tables are made or written anew.
    patience: (Duration, Duration),
    statements: Vec<Statement>,
    known: Box<Known>,
    /// What was put on; `None` where it is not known.
    worn: Option<Sees>,
    /// The schema was named.
    stays: bool,
    waiting: Vec<usize>,
    /// Those that are long.
    long: usize,
    names: u32,
    scratch: Vec<Option<(usize, usize)>>,
    /// Readiness still to be read, of statements whose answers nobody wants.
    owed: bool,
    /// A caller's row handler panicked: what lies unread in the buffer is nobody's.
    torn: bool,
}

/// Hears each row of an answer.
type Each<'a> = &'a mut dyn FnMut(&dyn Row) -> Result<()>;

impl Link {
    /// Connects; the server may be silent to a statement for `patience`.
    pub(super) fn connect(target: &Target, settings: &[(&str, &str)], patience: Duration) -> Result<Self> {
        Ok(Self {
            wire: Wire::connect(target, settings, patience)?,
            patience: (patience, target.labour),
            statements: Vec::new(),
            known: Box::default(),
            worn: Some(Sees::Everything),
            stays: false,
            waiting: Vec::new(),
            long: 0,
            names: 0,
            scratch: Vec::new(),
            owed: false,
            torn: false,
        })
    }

    pub(super) fn is_torn(&self) -> bool {
        self.torn
    }

    pub(super) fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// How many statements wait for their answers.
    pub(super) fn waits(&self) -> usize {
        self.waiting.len()
    }

    /// Queues a statement; gives the table whose highest key it may change. Where many wait already, their answers are read.
    pub(super) fn queue(&mut self, sql: &str, args: &[Arg<'_>], keys: &Keys) -> Result<Option<&str>> {
        self.settle_owed()?;
        if self.waiting.len() >= QUEUED {
            self.answer(None)?;
        }
        let at = self.statement(sql, |sql| translate(sql, keys));
        self.send_bound(at, args)?;
        Ok(self.statements[at].moves_key.as_deref())
    }

    /// Puts on the role in which `sql` is to see, where it is not the one that is on, and where that makes a difference; `None` leaves
    /// it as it is.
    pub(super) fn wear(&mut self, sees: Option<Sees>, sql: &str, keys: &Keys) -> Result<()> {
        let Some(sees) = sees.filter(|sees| self.worn != Some(*sees)) else { return Ok(()) };
        if self.is_open(sql) {
            return Ok(());
        }
        let (role, facility, account) = sees.worn();
        // Until it is answered nobody knows; where it fails, what is behind it does not run.
        self.worn = None;
        if !std::mem::replace(&mut self.stays, true) {
            self.queue(STAY, &[], keys)?;
        }
        self.queue(PUT_ON, &[role.into(), (&facility).into(), (&account).into()], keys)?;
        self.worn = Some(sees);
        Ok(())
    }

    fn is_open(&mut self, sql: &str) -> bool {
        if let Some(open) = self.known.open.get(sql) {
            return *open;
        }
        if sql.len() > KEPT_BYTES {
            return super::lock::is_open(sql);
        }
        if self.known.open.len() >= STATEMENTS {
            self.known.open.clear();
        }
        let open = super::lock::is_open(sql);
        self.known.open.insert(sql.to_owned(), open);
        open
    }

    /// What was put on.
    #[cfg(test)]
    pub(super) fn worn(&self) -> Option<Sees> {
        self.worn
    }

    /// A statement failed: what was put on in its transaction was taken off again.
    pub(super) fn forget_worn(&mut self) {
        (self.worn, self.stays) = (None, false);
    }

    /// Queues a statement in the server's own spelling, its arguments in their binary format.
    pub(super) fn queue_own(&mut self, sql: &str, args: &[Vec<u8>]) -> Result<()> {
        self.settle_owed()?;
        if self.waiting.len() >= QUEUED {
            self.answer(None)?;
        }
        let at =
            self.statement(sql, |sql| Translated { text: sql.to_owned(), null_tested: Vec::new(), moves_key: None });
        if self.statements[at].state == State::Absent {
            // Their types stand in the statement.
            self.parse(at, &[]);
        }
        self.bind(at, args.len(), |out| args.iter().for_each(|arg| sized(out, arg)));
        self.queued(at)
    }

    fn send_bound(&mut self, at: usize, args: &[Arg<'_>]) -> Result<()> {
        if self.statements[at].state == State::Absent || !fits(&self.statements[at].declared, args) {
            self.parse(at, args);
        }
        self.bind(at, args.len(), |out| {
            for arg in args {
                match arg {
                    Arg::Null => out.extend((-1_i32).to_be_bytes()),
                    Arg::Int(n) => {
                        out.extend(8_i32.to_be_bytes());
                        out.extend(n.to_be_bytes());
                    }
                    Arg::Text(t) => sized(out, t.as_bytes()),
                    Arg::Blob(b) => sized(out, b),
                }
            }
        });
        self.queued(at)
    }

    /// Notes a statement as waiting for its answer.
    fn queued(&mut self, at: usize) -> Result<()> {
        self.waiting.push(at);
        if self.wire.out.len() >= QUEUED_BYTES {
            self.wire.send()?;
        }
        Ok(())
    }

    fn statement(&mut self, sql: &str, spelled: impl FnOnce(&str) -> Translated) -> usize {
        let way = self.worn.unwrap_or_default().way();
        if let Some(at) = self.known.by_text[way].get(sql) {
            return *at;
        }
        if (self.statements.len() >= STATEMENTS || self.long >= LONG_STATEMENTS) && self.waiting.is_empty() {
            for s in self.statements.drain(..).filter(|s| s.state == State::Ready) {
                close(&mut self.wire, s.name);
            }
            self.known.by_text.iter_mut().for_each(HashMap::clear);
            self.long = 0;
        }
        self.long += usize::from(sql.len() > KEPT_BYTES);
        let translated = spelled(sql);
        self.statements.push(Statement {
            name: 0,
            declared: Vec::new(),
            null_tested: translated.null_tested,
            translated: translated.text,
            moves_key: translated.moves_key,
            columns: Vec::new(),
            state: State::Absent,
        });
        self.known.by_text[way].insert(sql.to_owned(), self.statements.len() - 1);
        self.statements.len() - 1
    }

    /// Prepares a statement for arguments of these kinds. An argument that is `NULL` now keeps the type it had.
    fn parse(&mut self, at: usize, args: &[Arg<'_>]) {
        let statement = &mut self.statements[at];
        if statement.state != State::Absent {
            close(&mut self.wire, statement.name);
        }
        statement.declared.resize(args.len(), 0);
        for (i, (declared, arg)) in statement.declared.iter_mut().zip(args).enumerate() {
            match (kind(arg), *declared) {
                // Filters that may be absent are numbers everywhere: facilities, people, dates, codes' numbers.
                (0, 0) if statement.null_tested.contains(&i) => *declared = oid::INT8,
                (0, _) => {}
                (kind, _) => *declared = kind,
            }
        }
        self.names = self.names.wrapping_add(1);
        statement.name = self.names;
        statement.state = State::Asked;
        let name = format!("s{}", statement.name);
        self.wire.frame(Some(b'P'), |out| {
            text(out, &name);
            text(out, &statement.translated);
            out.extend((statement.declared.len() as i16).to_be_bytes());
            statement.declared.iter().for_each(|d| out.extend(d.to_be_bytes()));
        });
        self.wire.frame(Some(b'D'), |out| {
            out.push(b'S');
            text(out, &name);
        });
    }

    fn bind(&mut self, at: usize, count: usize, args: impl FnOnce(&mut Vec<u8>)) {
        let name = self.statements[at].name;
        self.wire.frame(Some(b'B'), |out| {
            // The unnamed portal; every argument and every column is binary.
            out.push(0);
            out.push(b's');
            decimal(out, name);
            out.push(0);
            out.extend([0, 1, 0, 1]);
            out.extend((count as i16).to_be_bytes());
            args(out);
            out.extend([0, 1, 0, 1]);
        });
        // Execute without a limit of rows.
        self.wire.frame(Some(b'E'), |out| out.extend([0; 5]));
    }

    /// Reads the answers of all queued statements; rows of the last go to `row`. The first error ends it, and what was
    /// queued behind it was not run.
    pub(super) fn answer(&mut self, mut row: Option<Each<'_>>) -> Result<Done> {
        let last = self.waiting.len().wrapping_sub(1);
        self.answer_all(&mut |at, told| match row.as_mut().filter(|_| at == last) {
            Some(row) => row(told),
            None => Ok(()),
        })
    }

    /// The same; the rows of each statement go to `row`, with its place among those queued.
    pub(super) fn answer_all(&mut self, row: &mut dyn FnMut(usize, &PgRow<'_>) -> Result<()>) -> Result<Done> {
        self.settle_owed()?;
        self.wire.frame(Some(b'S'), |_| {});
        self.wire.send()?;
        let waiting = std::mem::take(&mut self.waiting);
        self.torn = true;
        let mut outcome = Ok(Done::default());
        for (i, at) in waiting.iter().enumerate() {
            outcome = self.one(*at, &mut |told| row(i, told));
            if outcome.is_err() {
                break;
            }
        }
        let mut kept = waiting;
        if !matches!(outcome, Err(Error::Lost(_))) {
            self.reach_ready()?;
        }
        for at in kept.drain(..) {
            if self.statements[at].state == State::Asked {
                self.statements[at].state = State::Absent;
            }
        }
        self.waiting = kept;
        self.torn = false;
        outcome
    }

    /// Reads what one statement answers.
    fn one(&mut self, at: usize, row: &mut dyn FnMut(&PgRow<'_>) -> Result<()>) -> Result<Done> {
        let mut refused = Ok(());
        loop {
            let (tag, body) = self.wire.message()?;
            let bytes = self.wire.bytes(body);
            let statement = &mut self.statements[at];
            match tag {
                b'1' => statement.state = State::Ready,
                b'T' => statement.columns = column_types(bytes).ok_or_else(|| unexpected(tag))?,
                b'n' => statement.columns.clear(),
                b'D' => {
                    if refused.is_ok() {
                        cells(bytes, &mut self.scratch).ok_or_else(|| unexpected(tag))?;
                        refused = row(&PgRow { bytes, cells: &self.scratch, types: &statement.columns });
                    }
                }
                b'C' => {
                    let done = done(bytes);
                    return refused.map(|()| done);
                }
                b'I' => return refused.map(|()| Done::default()),
                b'E' => return Err(failure(bytes).into()),
                // Arguments' types, bound, closed, notice, setting, notification.
                b't' | b'2' | b'3' | b'N' | b'S' | b'A' => {}
                _ => return Err(unexpected(tag)),
            }
        }
    }

    fn reach_ready(&mut self) -> Result<()> {
        loop {
            let (tag, body) = self.wire.message()?;
            match tag {
                b'Z' => return Ok(()),
                b'E' => {
                    let error: Error = failure(self.wire.bytes(body)).into();
                    if matches!(error, Error::Lost(_)) {
                        return Err(error);
                    }
                }
                _ => {}
            }
        }
    }

    /// Ends a reader's transaction without waiting for the answer: that is read before the next statement.
    pub(super) fn leave(&mut self) -> Result<()> {
        self.settle_owed()?;
        self.wire.frame(Some(b'Q'), |out| text(out, "COMMIT"));
        self.owed = true;
        self.wire.send()
    }

    fn settle_owed(&mut self) -> Result<()> {
        if std::mem::take(&mut self.owed) {
            self.reach_ready()?;
        }
        Ok(())
    }

    /// Runs statements without arguments or rows, as text: what makes tables and writes them anew may take its time.
    pub(super) fn simple(&mut self, sql: &str) -> Result<()> {
        self.settle_owed()?;
        let (patience, labour) = self.patience;
        self.wire.be_patient(labour)?;
        self.wire.frame(Some(b'Q'), |out| text(out, sql));
        self.wire.send()?;
        self.until_ready()?;
        self.wire.be_patient(patience)
    }

    /// Gives rows, in the binary format of `COPY`, to each of these (`COPY … FROM STDIN`), without waiting in between: where
    /// one fails, the server passes over what was sent for it and for the others.
    pub(super) fn copy_in(&mut self, copies: &[(String, Vec<u8>)]) -> Result<()> {
        self.settle_owed()?;
        for (sql, rows) in copies {
            self.wire.frame(Some(b'Q'), |out| text(out, sql));
            self.wire.frame(Some(b'd'), |out| out.extend(rows));
            self.wire.frame(Some(b'c'), |_| {});
        }
        self.wire.send()?;
        let mut outcome = Ok(());
        for _ in copies {
            match self.until_ready() {
                Err(lost @ Error::Lost(_)) => return Err(lost),
                told => outcome = outcome.and(told),
            }
        }
        outcome
    }

    fn until_ready(&mut self) -> Result<()> {
        let mut refused: Option<Failure> = None;
        loop {
            let (tag, body) = self.wire.message()?;
            match tag {
                b'Z' => return refused.map_or(Ok(()), |f| Err(f.into())),
                b'E' => {
                    let said = failure(self.wire.bytes(body));
                    if let lost @ Error::Lost(_) = said.clone().into() {
                        return Err(lost);
                    }
                    refused = refused.or(Some(said));
                }
                _ => {}
            }
        }
    }
}

fn kind(arg: &Arg<'_>) -> u32 {
    match arg {
        Arg::Null => 0,
        Arg::Int(_) => oid::INT8,
        Arg::Text(_) => oid::TEXT,
        Arg::Blob(_) => oid::BYTEA,
    }
}

fn fits(declared: &[u32], args: &[Arg<'_>]) -> bool {
    declared.len() == args.len() && declared.iter().zip(args).all(|(d, a)| matches!(a, Arg::Null) || *d == kind(a))
}

fn close(wire: &mut Wire, name: u32) {
    wire.frame(Some(b'C'), |out| {
        out.push(b'S');
        text(out, &format!("s{name}"));
    });
}

fn sized(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend((bytes.len() as i32).to_be_bytes());
    out.extend(bytes);
}

/// A number in digits, without a string of its own: this runs for every statement.
fn decimal(out: &mut Vec<u8>, number: u32) {
    let mut digits = [0_u8; 10];
    let (mut at, mut rest) = (digits.len(), number);
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.extend(&digits[at..]);
}

/// The types of a RowDescription: per column a name, then 4 + 2 bytes, the type, 2 + 4 + 2 bytes.
fn column_types(body: &[u8]) -> Option<Vec<u32>> {
    let count = i16::from_be_bytes(*body.first_chunk()?);
    let mut rest = body.get(2..)?;
    let mut types = Vec::new();
    for _ in 0..count {
        let name = rest.iter().position(|b| *b == 0)?;
        rest = rest.get(name + 1..)?;
        types.push(u32::from_be_bytes(*rest.get(6..)?.first_chunk()?));
        rest = rest.get(18..)?;
    }
    Some(types)
}

/// `INSERT 0 5`, `UPDATE 5`, `COMMIT`: the number stands last.
fn done(body: &[u8]) -> Done {
    let words = std::str::from_utf8(body).unwrap_or_default().trim_end_matches('\0');
    let changed = words.rsplit(' ').next().and_then(|n| n.parse().ok()).unwrap_or(0);
    Done { changed, committed: words == "COMMIT" }
}
