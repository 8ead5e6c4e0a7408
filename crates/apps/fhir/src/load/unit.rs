//! What a piece asks for, made ready off the writer's thread, and carried out in one transaction.

use super::source::Chunk;
use super::{At, Loading, Refused};
use crate::bundle::Job;
use crate::entry::{self, Entry, Verb};
use crate::links::Links;
use crate::refusal::Refusal;
use crate::write::{self, Action, Deciding, Done, Op, Ready, Target};
use axum::http::StatusCode;
use mach_access::secret;
use mach_fhir::tree::Value;
use mach_fhir::{ResourceType, Tree};
use mach_store::{Error, Tx, bulk, resources};
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// Resources of one transaction.
const TOGETHER: usize = 300;

/// A piece, ready for the writer.
pub struct Prepared {
    /// Of which file.
    pub file: Arc<Loading>,
    /// What to do, in order; each is a transaction of its own. At least one.
    pub steps: Vec<Step>,
    /// Lines of the file that are done when the last step is.
    pub upto: u64,
}

/// One transaction.
pub struct Step {
    work: Work,
    label: String,
}

enum Work {
    /// Resources under their ids, each for itself.
    Upserts(Vec<Result<Upsert, Refused>>),
    /// A transaction Bundle: all or nothing.
    Transaction { at: At, key: String, job: Box<Job> },
    /// A batch Bundle: each entry for itself.
    Batch { key: String, entries: Vec<Result<Written, Refused>> },
}

/// A resource that is to be under its id what it is here.
struct Upsert {
    at: At,
    kind: ResourceType,
    ready: Ready,
}

/// An entry of a batch.
enum Written {
    Upsert(Box<Upsert>),
    Op(At, Box<Op>),
}

/// What became of a transaction.
#[derive(Debug, Default)]
pub struct Became {
    pub created: u64,
    pub updated: u64,
    pub deleted: u64,
    pub unchanged: u64,
    pub known: u64,
    pub refused: Vec<Refused>,
}

/// Why a transaction took itself back.
pub enum Failed {
    /// The store.
    Store(Error),
    /// All of it was refused.
    Refused(Box<Refused>),
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}

/// Reads the lines of a piece.
pub fn prepare(chunk: Chunk, file: &Arc<Loading>, base: &str) -> Prepared {
    let mut reading = Reading { file, base, steps: Vec::new(), upserts: Vec::new() };
    for (line, bytes) in chunk.lines {
        let at = At { line, entry: None };
        if let Err(refusal) = reading.line(at, bytes) {
            reading.upserts.push(Err(Refused { at, refusal }));
        }
    }
    reading.flush(true);
    Prepared { file: Arc::clone(file), steps: reading.steps, upto: chunk.upto }
}

struct Reading<'a> {
    file: &'a Loading,
    base: &'a str,
    steps: Vec<Step>,
    upserts: Vec<Result<Upsert, Refused>>,
}

impl Reading<'_> {
    fn line(&mut self, at: At, bytes: Vec<u8>) -> Result<(), Refusal> {
        let text = String::from_utf8(bytes).map_err(|_| Refusal::invalid("it is not UTF-8"))?;
        let tree = Tree::parse(text.as_str()).map_err(|e| Refusal::invalid(format!("it is no JSON: {e}")))?;
        let root = tree.root();
        if root.get_text("resourceType").as_deref() != Some("Bundle") {
            let upsert = self.upsert(at, root.raw(), None)?;
            self.add(Ok(upsert));
            return Ok(());
        }
        match root.get_text("type").as_deref() {
            Some("transaction") => {
                let key = bundle_key(&text);
                let (_, entries) = entry::parse(&text, self.base)?;
                let entries = entries.into_iter().collect::<Result<Vec<_>, _>>()?;
                if let Some(n) = entries.iter().position(|e| e.verb == Verb::Get) {
                    return Err(entry::at(reads_nothing(), n));
                }
                let job = Box::new(Job::prepare(entries, self.base)?);
                self.flush(false);
                self.push(Work::Transaction { at, key, job });
            }
            Some("batch") => {
                let key = bundle_key(&text);
                let (_, entries) = entry::parse(&text, self.base)?;
                let written = entries.into_iter().enumerate().map(|(n, entry)| {
                    let at = At { entry: Some(n), ..at };
                    let made = entry.and_then(|entry| self.written(at, &entry, &key));
                    made.map_err(|refusal| Refused { at, refusal })
                });
                let entries = written.collect();
                self.flush(false);
                self.push(Work::Batch { key, entries });
            }
            Some("collection" | "searchset") => self.collection(at, root),
            Some("document" | "message") => {
                let upsert = self.upsert(at, root.raw(), None)?;
                self.add(Ok(upsert));
            }
            other => {
                let text = format!(
                    "a Bundle of type `{}` is not loaded; a transaction, batch, collection, searchset, document or message is",
                    other.unwrap_or("none")
                );
                return Err(Refusal::unsupported(text).at("Bundle.type"));
            }
        }
        Ok(())
    }

    /// The resources of a collection, each for itself. Those without an id get that of their `urn:uuid:`, and references
    /// to it follow.
    fn collection(&mut self, at: At, root: Value<'_>) {
        let entries: Vec<Value<'_>> = root.get("entry").into_iter().flat_map(Value::items).collect();
        let mut links = Links::default();
        let uuid = |entry: Value<'_>| {
            let url = entry.get_text("fullUrl")?.into_owned();
            let id = url.strip_prefix("urn:uuid:").filter(|id| write::is_id(id))?.to_owned();
            Some((url, id))
        };
        for entry in &entries {
            let Some(resource) = entry.get("resource") else { continue };
            let kind = resource.get_text("resourceType").and_then(|k| ResourceType::parse(&k));
            if let (Some(kind), Some((url, given))) = (kind, uuid(*entry)) {
                let own = resource.get_text("id").map(|id| id.into_owned());
                links.set(&url, kind, own.as_deref().unwrap_or(&given));
            }
        }
        for (n, entry) in entries.iter().enumerate() {
            // What a search says about itself is no resource of the set.
            if entry.get("search").and_then(|s| s.get_text("mode")).as_deref() == Some("outcome") {
                continue;
            }
            let at = At { entry: Some(n), ..at };
            let made = entry.get("resource").ok_or_else(|| Refusal::invalid("the entry has no `resource`"));
            let made = made.and_then(|resource| {
                let text = links.rewrite(resource.raw())?;
                self.upsert(at, &text, uuid(*entry).map(|(_, id)| id))
            });
            self.add(made.map_err(|refusal| Refused { at, refusal }));
        }
    }

    fn upsert(&self, at: At, text: &str, given: Option<String>) -> Result<Upsert, Refusal> {
        let kind = kind_of(text)?;
        let body = write::body(kind, text)?;
        let place = || derived(&self.file.key, at);
        let id = body.id.or(given).unwrap_or_else(place);
        Ok(Upsert { at, kind, ready: write::ready(kind, text, &id, self.base)? })
    }

    fn written(&self, at: At, entry: &Entry, key: &str) -> Result<Written, Refusal> {
        let kind = entry.kind()?;
        let action = match entry.verb {
            Verb::Get => return Err(reads_nothing()),
            Verb::Post => {
                let text = entry.body()?;
                write::body(kind, text)?;
                // Always the same id, so that a batch that is loaded again stores nothing twice.
                let ready = write::ready(kind, text, &derived(key, At { line: 0, entry: at.entry }), self.base)?;
                match entry.if_none_exist.clone() {
                    None => return Ok(Written::Upsert(Box::new(Upsert { at, kind, ready }))),
                    if_none_exist => Action::Create { ready, if_none_exist },
                }
            }
            Verb::Put => {
                let (if_match, if_none_match) = (entry.if_match, entry.none_match.as_deref() == Some("*"));
                crate::body::update(kind, entry.target()?, entry.body()?, if_match, if_none_match, self.base)?
            }
            Verb::Patch => {
                Action::Patch { target: entry.target()?, patch: Entry::patch(entry.body()?)?, if_match: entry.if_match }
            }
            Verb::Delete => Action::Delete { target: entry.target()?, if_match: entry.if_match },
        };
        if let Action::Update { ready: Some(ready), if_match: None, if_none_match: false, .. } = action {
            return Ok(Written::Upsert(Box::new(Upsert { at, kind, ready })));
        }
        Ok(Written::Op(at, Box::new(Op { kind, action })))
    }

    fn add(&mut self, upsert: Result<Upsert, Refused>) {
        self.upserts.push(upsert);
        if self.upserts.len() >= TOGETHER {
            self.flush(false);
        }
    }

    fn flush(&mut self, last: bool) {
        if !self.upserts.is_empty() || (last && self.steps.is_empty()) {
            let upserts = std::mem::take(&mut self.upserts);
            self.push(Work::Upserts(upserts));
        }
    }

    fn push(&mut self, work: Work) {
        self.steps.push(Step { work, label: label(self.file) });
    }
}

/// What the audit trail calls the loading of a file.
pub fn label(file: &Loading) -> String {
    crate::serve::short(format!("load {}", file.path.file_name().unwrap_or_default().to_string_lossy()))
}

fn kind_of(text: &str) -> Result<ResourceType, Refusal> {
    let tree = Tree::parse(text).map_err(|e| Refusal::invalid(format!("it is no JSON: {e}")))?;
    let Some(name) = tree.root().get_text("resourceType") else {
        return Err(Refusal::invalid("it is no resource: `resourceType` is missing").at("resourceType"));
    };
    ResourceType::parse(&name)
        .ok_or_else(|| Refusal::invalid(format!("`{name}` is no resource type of FHIR R4")).at("resourceType"))
}

/// An id for a resource that has none: the same whenever the same bytes are loaded.
fn derived(key: &str, at: At) -> String {
    let entry = at.entry.map_or(String::new(), |n| n.to_string());
    secret::hex(&Sha256::digest(format!("{key} {} {entry}", at.line)))[..32].to_owned()
}

fn reads_nothing() -> Refusal {
    Refusal::unsupported("a load reads nothing: an entry is a POST, PUT, PATCH or DELETE")
}

fn bundle_key(text: &str) -> String {
    format!("bundle {}", secret::hex(&Sha256::digest(text)))
}

/// Carries a step out.
///
/// # Errors
/// Of the store; a refused transaction.
pub fn carry_out(tx: &mut Tx<'_>, base: &str, step: Step, again: bool) -> Result<Became, Failed> {
    let mut deciding = Deciding::new(tx, base);
    let mut became = Became::default();
    match step.work {
        Work::Upserts(upserts) => {
            let mut planned = Vec::with_capacity(upserts.len());
            for upsert in upserts {
                match upsert {
                    Ok(upsert) => planned.extend(plan(&mut deciding, upsert, &mut became)?),
                    Err(refused) => became.refused.push(refused),
                }
            }
            for done in deciding.carry_out(planned).map_err(broken)? {
                count(&mut became, &done);
            }
        }
        Work::Transaction { at, key, mut job } => {
            if !again && known(&mut deciding, &key)? {
                return Ok(Became { known: 1, ..became });
            }
            let done = job.write(&mut deciding).map_err(|refusal| fatal_or(refusal, at))?;
            done.iter().for_each(|(_, done)| count(&mut became, done));
            deciding.tx.note_done(&key, 1)?;
        }
        Work::Batch { key, entries } => {
            if !again && known(&mut deciding, &key)? {
                return Ok(Became { known: 1, ..became });
            }
            for entry in entries {
                let planned = match entry {
                    Err(refused) => {
                        became.refused.push(refused);
                        None
                    }
                    Ok(Written::Upsert(upsert)) => plan(&mut deciding, *upsert, &mut became)?,
                    Ok(Written::Op(at, op)) => {
                        let planned = deciding.plan(*op);
                        keep(planned, at, &mut became)?
                    }
                };
                // One after the other: a later entry sees what an earlier one wrote.
                for done in deciding.carry_out(planned.into_iter().collect()).map_err(broken)? {
                    count(&mut became, &done);
                }
            }
            if became.refused.is_empty() {
                deciding.tx.note_done(&key, 1)?;
            }
        }
    }
    deciding.tx.audit(None, &step.label, "granted")?;
    Ok(became)
}

fn known(deciding: &mut Deciding<'_, '_>, key: &str) -> Result<bool, Failed> {
    let scope = deciding.scope;
    Ok(bulk::done(deciding.tx, scope, key)? > 0)
}

/// Plans a resource, unless it is stored as it is already.
fn plan(
    deciding: &mut Deciding<'_, '_>,
    upsert: Upsert,
    became: &mut Became,
) -> Result<Option<write::Planned>, Failed> {
    let Upsert { at, kind, ready } = upsert;
    let now = resources::current(deciding.tx, deciding.scope, kind, ready.id())?;
    if now.is_some_and(|now| !now.deleted && now.body == ready.text()) {
        became.unchanged += 1;
        return Ok(None);
    }
    let target = Target::Id(ready.id().to_owned());
    let body = write::Body { text: String::new(), id: None };
    let action = Action::Update { target, body, ready: Some(ready), if_match: None, if_none_match: false };
    let planned = deciding.plan(Op { kind, action });
    keep(planned, at, became)
}

fn keep(
    planned: Result<write::Planned, Refusal>,
    at: At,
    became: &mut Became,
) -> Result<Option<write::Planned>, Failed> {
    match planned {
        Ok(planned) => Ok(Some(planned)),
        Err(refusal) => match fatal_or(refusal, at) {
            Failed::Refused(refused) => {
                became.refused.push(*refused);
                Ok(None)
            }
            failed => Err(failed),
        },
    }
}

/// A refusal of what was sent is that; one of the store ends the load.
fn fatal_or(refusal: Refusal, at: At) -> Failed {
    if refusal.status.is_server_error() {
        return broken(refusal);
    }
    Failed::Refused(Box::new(Refused { at, refusal }))
}

fn broken(refusal: Refusal) -> Failed {
    Failed::Store(Error::Refused(refusal.text))
}

fn count(became: &mut Became, done: &Done) {
    match done.status {
        StatusCode::CREATED => became.created += 1,
        StatusCode::NO_CONTENT => became.deleted += u64::from(done.resource.is_some()),
        // What a condition matched was not written.
        _ if done.written => became.updated += 1,
        _ => became.unchanged += 1,
    }
}
