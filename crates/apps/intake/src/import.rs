//! Importing: prepared claims into batches, batches into transactions, in order, with one commit in flight ahead.

use crate::commit::{self, ClaimOutcome, Item, Outcome};
use crate::files::Input;
use crate::pipeline::{self, Event};
use crate::prepare::Bench;
use mach_access::Decision;
use mach_claims::check::{Finding, Severity};
use mach_store::claims::FileTotals;
use mach_store::{Pending, Store};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

/// Claims of one transaction: pages of the index are written once for all of them.
const BATCH_CLAIMS: usize = 256;
/// Bytes of evidence of one transaction.
const BATCH_BYTES: usize = 12 << 20;
/// Transactions handed to the writer and not yet durable.
const IN_FLIGHT: usize = 3;

/// What an import is told as it goes on.
pub enum Progress<'a> {
    /// A file is being read.
    File {
        /// Its name.
        name: &'a str,
        /// Its size in bytes.
        bytes: u64,
    },
    /// A finding of a file itself.
    Finding {
        /// The file's name.
        file: &'a str,
        /// The finding.
        finding: &'a Finding,
    },
    /// What became of a claim; durable when told.
    Claim(&'a ClaimOutcome),
}

/// What became of everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Files read.
    pub files: i64,
    /// Files that could not be read to their end, or are no claim files.
    pub broken_files: i64,
    /// Claims by outcome.
    pub claims: FileTotals,
    /// Findings that refuse, and that warn.
    pub refusals: i64,
    /// Findings that warn.
    pub warnings: i64,
}

impl Summary {
    /// Whether something was refused.
    pub fn refused(&self) -> bool {
        self.claims.refused > 0 || self.broken_files > 0
    }

    /// Counts a claim.
    pub fn count(&mut self, outcome: &ClaimOutcome) {
        let c = &mut self.claims;
        *match outcome.outcome {
            Outcome::Accepted => &mut c.accepted,
            Outcome::Refused => &mut c.refused,
            Outcome::Duplicate => &mut c.duplicate,
            Outcome::Replaced => &mut c.replaced,
            Outcome::CheckIn => &mut c.check_ins,
        } += 1;
        self.refusals += outcome.refusals;
        self.warnings += outcome.warnings;
    }

    /// Counts a finding of a file itself; a file whose findings refuse is counted broken once (`broken` remembers).
    pub fn count_file_finding(&mut self, finding: &Finding, broken: &mut bool) {
        let refuses = finding.severity == Severity::Refuse;
        *(if refuses { &mut self.refusals } else { &mut self.warnings }) += 1;
        if refuses && !std::mem::replace(broken, true) {
            self.broken_files += 1;
        }
    }
}

/// Imports `inputs` in their order under `decision`; `told` hears what happens. Re-running it is always safe.
///
/// # Errors
/// The store's. Claims told before it are durable; the rest is as if it had not been sent.
pub fn import(
    store: &Store,
    decision: &Decision,
    inputs: Vec<Input>,
    workers: usize,
    told: &mut dyn FnMut(Progress<'_>),
) -> Result<Summary, mach_store::Error> {
    let mut import = Import {
        store,
        decision,
        told,
        batch: Vec::new(),
        claims: 0,
        bytes: 0,
        file_broken: false,
        file_name: String::new(),
        flight: VecDeque::new(),
        shared: Arc::default(),
        summary: Summary::default(),
    };
    pipeline::run(inputs, Bench::shared(), workers, |event| import.take(event))?;
    import.flush()?;
    while import.land()? {}
    Ok(import.summary)
}

struct Import<'a, 't> {
    store: &'a Store,
    decision: &'a Decision,
    told: &'t mut dyn FnMut(Progress<'_>),
    batch: Vec<Item>,
    claims: usize,
    bytes: usize,
    file_broken: bool,
    file_name: String,
    flight: VecDeque<Pending<Vec<ClaimOutcome>>>,
    shared: Arc<Mutex<commit::Ledger>>,
    summary: Summary,
}

impl Import<'_, '_> {
    fn take(&mut self, event: Event) -> Result<(), mach_store::Error> {
        match event {
            Event::Begin { name, bytes } => {
                (self.told)(Progress::File { name: &name, bytes });
                self.file_name.clone_from(&name);
                self.file_broken = false;
                self.summary.files += 1;
                self.batch.push(Item::Begin { name, bytes });
            }
            Event::Claim(prepared) => {
                self.claims += 1;
                self.bytes += prepared.source.len();
                self.batch.push(Item::Claim(prepared));
            }
            Event::File(finding) => {
                (self.told)(Progress::Finding { file: &self.file_name, finding: &finding });
                self.summary.count_file_finding(&finding, &mut self.file_broken);
                self.batch.push(Item::FileFinding(finding));
            }
            Event::End => self.batch.push(Item::End),
        }
        if self.claims >= BATCH_CLAIMS || self.bytes >= BATCH_BYTES || self.batch.len() >= 8 * BATCH_CLAIMS {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), mach_store::Error> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let items = std::mem::take(&mut self.batch);
        (self.claims, self.bytes) = (0, 0);
        let shared = Arc::clone(&self.shared);
        let pending = self.store.begin_write(self.decision, move |tx| {
            let mut ledger = shared.lock().unwrap_or_else(PoisonError::into_inner);
            commit::batch(tx, items, &mut ledger)
        })?;
        self.flight.push_back(pending);
        while self.flight.len() > IN_FLIGHT {
            self.land()?;
        }
        Ok(())
    }

    /// Waits for the oldest transaction; false where none is in flight.
    fn land(&mut self) -> Result<bool, mach_store::Error> {
        let Some(pending) = self.flight.pop_front() else { return Ok(false) };
        for outcome in pending.wait()? {
            self.summary.count(&outcome);
            (self.told)(Progress::Claim(&outcome));
        }
        Ok(true)
    }
}
