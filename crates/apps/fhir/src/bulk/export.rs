//! `$export`: kicked off, and done piece by piece.

use super::asked::{Export, Level};
use super::worker::Shared;
use super::{accepted, bulk_of, may_ask};
use crate::binary;
use crate::custom::Customs;
use crate::refusal::Refusal;
use crate::render;
use crate::serve::{Asked, blocking, short};
use axum::http::{Method, StatusCode};
use axum::response::Response;
use mach_access::app::{App, Need};
use mach_access::{Act, Decision, decide, secret};
use mach_base::{limits, time::now_seconds};
use mach_fhir::ResourceType;
use mach_fhir::json::quote;
use mach_store::bulk::{self, File, Job};
use mach_store::search::{self, Ask, Clause, Compare, Hit, Range};
use mach_store::{Reader, resources, smart};
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;

/// Resources of one piece.
const TOGETHER: usize = 500;

/// Takes an export on.
///
/// # Errors
/// 400, 403, 404, 429; 503 where a filter needs an index that is not whole.
pub async fn kick_off(asked: Asked, on: Vec<String>) -> Result<Response, Refusal> {
    let decision = asked.caller.decide(&asked.house, Act::ReadFhir).await?;
    let on: Vec<&str> = on.iter().map(String::as_str).collect();
    let level = match on.as_slice() {
        [] => Level::System,
        ["Patient"] => Level::Patient,
        ["Group", id] => Level::Group((*id).to_owned()),
        _ => {
            let text = format!(
                "`$export` is no operation of `/{}`; it is one of `/`, `/Patient` and `/Group/{{id}}`",
                on.join("/")
            );
            return Err(Refusal::new(StatusCode::NOT_FOUND, "not-supported", text));
        }
    };
    if !matches!(asked.method, Method::GET | Method::POST) {
        return Err(asked.not_allowed());
    }
    blocking(move || {
        let bulk = bulk_of(&asked)?;
        may_ask(&asked, &decision)?;
        // Before the state is taken: whatever is written after this second has a later or the same one.
        let mut reader = asked.store.read(&decision)?;
        let export = Export::read(&asked, &level, &mut reader)?;
        for kind in &export.types {
            if let Some(filter) = export.search(*kind)? {
                asked.state.trust(&asked.store, &mut reader, &filter.trusted)?;
                asked.state.settle(&asked.store, &mut reader, &filter.customs)?;
            }
        }
        drop(reader);
        let mut reader = asked.store.read(&decision)?;
        let seq = search::snapshot(&mut reader)?;
        drop(reader);
        let query = if asked.query.is_empty() { String::new() } else { format!("?{}", asked.query) };
        let request = format!("{}/{}{query}", asked.caller.base, asked.segments.join("/"));
        let token = secret::new_token("").map_err(Refusal::internal)?;
        let (name, kept) = (token.clone(), export.write());
        let target = short(format!("export {}", asked.segments.join("/")));
        asked.store.write(&decision, move |tx| {
            tx.audit(None, &target, "granted")?;
            tx.add_job(&name, "export", &request, &kept, seq)
        })?;
        bulk.ring();
        Ok(accepted(&asked.caller.base, &token))
    })
    .await
}

/// Where an export is: the phase (types, then deletions of types), and the last version written.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    phase: usize,
    after: i64,
}

impl Place {
    fn read(text: &str) -> Self {
        let mut words = text.split(' ').map(|w| w.parse::<i64>().unwrap_or(0));
        let phase = usize::try_from(words.next().unwrap_or(0)).unwrap_or(0);
        Self { phase, after: words.next().unwrap_or(0) }
    }
}

/// Does an export from where it is; false where it was cancelled or the program is ending.
///
/// # Errors
/// Why it cannot be done.
pub fn work(shared: &Shared, job: &Job) -> Result<bool, Refusal> {
    let mut export = Export::stored(&job.asked)?;
    let mut actor = job.actor.clone();
    if !export.scopes.is_empty() {
        let narrow = smart::scope::narrow(&export.scopes, None, smart::app_of(actor.account), false);
        actor.app = Some(App { narrow, need: Need::default() });
    }
    let decision = decide(&actor, Act::ReadFhir)
        .map_err(|_| Refusal::new(StatusCode::FORBIDDEN, "forbidden", "the asker may not read any more"))?;
    let folder = shared.folder_of(&job.token);
    std::fs::create_dir_all(&folder).map_err(Refusal::internal)?;
    if !export.used.is_empty() {
        export.customs = Customs::all(&mut shared.store.read(&decision)?, decision.scope())?;
    }
    let own = crate::state::own_decision()?;
    let mut files = bulk::files(&mut shared.store.read(&own)?, job.jid)?;
    let mut place = Place::read(&job.place);
    let phases = export.types.len() * if export.since.is_some() { 2 } else { 1 };
    while place.phase < phases {
        let is_deletion = place.phase >= export.types.len();
        let kind = export.types[place.phase % export.types.len()];
        if shared.is_stopping() {
            return Ok(false);
        }
        let piece = match is_deletion {
            false => present(shared, &decision, (job, &export), kind, place.after)?,
            true => deleted(shared, &decision, (job, &export), kind, place.after)?,
        };
        let (list, name) = if is_deletion { ("deleted", "Bundle") } else { ("output", kind.name()) };
        let changed = match piece.lines.is_empty() {
            true => None,
            false => Some(append(&folder, &mut files, (list, name), &piece)?),
        };
        place = match piece.more {
            Some(after) => Place { after, ..place },
            None => Place { phase: place.phase + 1, after: 0 },
        };
        let resources: i64 = files.iter().map(|f| f.count).sum();
        let progress = format!("{resources} resources; {} of {phases} parts", place.phase);
        let (jid, text) = (job.jid, format!("{} {}", place.phase, place.after));
        // A type of which there is nothing needs no note.
        if changed.is_none() && piece.more.is_none() {
            continue;
        }
        let moved = shared.store.write(&own, move |tx| tx.move_job(jid, &text, &progress, changed.as_slice()))?;
        if !moved {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Lines of one piece.
struct Piece {
    lines: String,
    count: i64,
    /// The last version, where more may follow.
    more: Option<i64>,
}

fn present(
    shared: &Shared,
    decision: &Decision,
    (job, export): (&Job, &Export),
    kind: ResourceType,
    after: i64,
) -> Result<Piece, Refusal> {
    let clause = export.clause(kind)?;
    // A search by the index is of the state it began with for as long as the index rows of ended versions are kept.
    if !export.filters.is_empty() && now_seconds() - job.at > limits::SEARCH_SNAPSHOT_SECONDS - 60 {
        let text = "an export with `_typeFilter` must be done within an hour; narrow it, or filter what was exported";
        return Err(Refusal::too_costly(text));
    }
    let mut all = vec![clause];
    if let Some(since) = export.since {
        all.push(Clause::LastUpdated(Range { compare: Compare::Ge, low: since, high: since }));
    }
    let ask = Ask { asked: vec![(kind, Clause::All(all))], scope: decision.scope(), seq: job.seq };
    let mut reader = shared.store.read(decision)?;
    let from = Hit { rid: after, keys: Vec::new() };
    let hits = search::page(&mut reader, &ask, &[], Some(&from).filter(|_| after > 0), TOGETHER)?;
    let rids: Vec<i64> = hits.iter().map(|h| h.rid).collect();
    let mut found = resources::of_rids(&mut reader, &rids)?;
    found.iter_mut().try_for_each(|one| binary::shown(&mut reader, decision.scope(), &export.base, one))?;
    drop(reader);
    let shape = export.shape();
    let (mut lines, mut count) = (String::new(), 0);
    for resource in &found {
        if let Some(patients) = &export.patients
            && !patients.own(kind, &resource.id, &resource.body, &export.base)?
        {
            continue;
        }
        // White space of a stored document may hold line ends; its strings never do.
        lines.extend(render::resource(resource, &shape)?.chars().filter(|c| !matches!(c, '\n' | '\r')));
        lines.push('\n');
        count += 1;
    }
    let more = hits.last().map(|h| h.rid).filter(|_| hits.len() == TOGETHER);
    Ok(Piece { lines, count, more })
}

/// Deletions since the time asked for, as Bundles of what would delete the same elsewhere.
fn deleted(
    shared: &Shared,
    decision: &Decision,
    (job, export): (&Job, &Export),
    kind: ResourceType,
    after: i64,
) -> Result<Piece, Refusal> {
    let mut reader = shared.store.read(decision)?;
    let since = export.since.unwrap_or(i64::MAX);
    let gone = bulk::deletions(&mut reader, decision.scope(), kind, (job.seq, since), after, TOGETHER)?;
    let mut entries = String::new();
    for (rid, id, facility) in &gone {
        if let Some(patients) = &export.patients
            && !owned_before(&mut reader, (*facility, *rid), patients, &export.base)?
        {
            continue;
        }
        entries.push_str(if entries.is_empty() { "" } else { "," });
        entries.push_str("{\"request\":{\"method\":\"DELETE\",\"url\":");
        quote(&mut entries, &format!("{}/{id}", kind.name()));
        entries.push_str("}}");
    }
    let more = gone.last().map(|(rid, ..)| *rid).filter(|_| gone.len() == TOGETHER);
    if entries.is_empty() {
        return Ok(Piece { lines: String::new(), count: 0, more });
    }
    let lines = format!("{{\"resourceType\":\"Bundle\",\"type\":\"transaction\",\"entry\":[{entries}]}}\n");
    Ok(Piece { lines, count: 1, more })
}

/// Whether the version before a deletion belonged to one of the Patients.
fn owned_before(
    on: &mut Reader,
    (facility, rid): (i64, i64),
    patients: &crate::members::Patients,
    base: &str,
) -> Result<bool, Refusal> {
    let versions = resources::entity_versions(on, facility, rid)?;
    let before: Vec<i64> = versions.into_iter().filter(|v| *v < rid).take(1).collect();
    let Some(old) = resources::of_rids(on, &before)?.pop().filter(|o| !o.deleted) else { return Ok(false) };
    patients.own(old.kind, &old.id, &old.body, base)
}

/// Adds lines to the last file of their list and type, or to a new one; gives it as it is now, on the disk.
fn append(folder: &Path, files: &mut Vec<File>, (list, kind): (&str, &str), piece: &Piece) -> Result<File, Refusal> {
    let last = files.iter().rposition(|f| f.list == list && f.kind == kind);
    let open = last.filter(|n| files[*n].count < limits::EXPORT_FILE_RESOURCES);
    let n = match open {
        Some(n) => n,
        None => {
            let n = files.len();
            let name = format!("{n:03}-{}{kind}.ndjson", if list == "deleted" { "deleted-" } else { "" });
            let (list, kind) = (list.to_owned(), kind.to_owned());
            files.push(File { n: i64::try_from(n).unwrap_or(i64::MAX), list, kind, name, count: 0, bytes: 0 });
            n
        }
    };
    let file = &mut files[n];
    let write = |file: &File| -> std::io::Result<u64> {
        let path = folder.join(&file.name);
        let mut opened = std::fs::OpenOptions::new().create(true).truncate(false).write(true).open(&path)?;
        // What was written beyond the note of it was never counted.
        opened.set_len(file.bytes.unsigned_abs())?;
        opened.seek(SeekFrom::Start(file.bytes.unsigned_abs()))?;
        let mut sealed = mach_seal::Writer::at(opened, &mach_seal::name_of(&path), file.bytes.unsigned_abs());
        sealed.write_all(piece.lines.as_bytes())?;
        let (opened, bytes) = sealed.end()?;
        opened.sync_data().map(|()| bytes)
    };
    let bytes = write(file).map_err(Refusal::internal)?;
    file.count += piece.count;
    file.bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
    Ok(file.clone())
}
