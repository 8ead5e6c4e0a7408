//! Rows on their way out.

use super::asked::Run;
use super::{compiled, follow, kind_of};
use crate::clauses::Reading;
use crate::members::{self, Patients};
use crate::read;
use crate::refusal::Refusal;
use crate::render;
use crate::serve::{Asked, short};
use crate::state::State;
use crate::stream::{PIECE_BYTES, Pieces};
use mach_access::Decision;
use mach_base::limits;
use mach_fhir::view::{Cell, Format, Table, View, unpack};
use mach_fhir::{ResourceType, Tree};
use mach_store::search::{self, Ask, Clause, Compare, Hit, Range};
use mach_store::views::{self, Stored};
use mach_store::{Store, resources};
use std::collections::HashSet;

/// Resources read at once.
const TOGETHER: usize = 200;

/// A table on its way, and how many of its rows are wanted.
struct Out<'a> {
    table: Table,
    limit: u64,
    waiting: Vec<u8>,
    pieces: &'a mut dyn FnMut(Vec<u8>) -> bool,
}

impl Out<'_> {
    /// Adds rows; false where no more are wanted.
    fn rows(&mut self, rows: &[Vec<Cell>]) -> Result<bool, Refusal> {
        for row in rows {
            if self.table.rows() >= self.limit {
                return Ok(false);
            }
            self.table.row(row).map_err(|e| Refusal::unprocessable("invalid", e))?;
        }
        self.waiting.append(&mut self.table.take());
        if self.waiting.len() >= PIECE_BYTES {
            return Ok((self.pieces)(std::mem::take(&mut self.waiting)));
        }
        Ok(self.table.rows() < self.limit)
    }

    fn end(mut self) {
        self.waiting.append(&mut self.table.finish());
        (self.pieces)(self.waiting);
    }
}

/// Writes the rows of a run.
///
/// # Errors
/// Those of the view on a resource; 404 for what is not there.
pub fn write(asked: &Asked, decision: &Decision, run: Run, pieces: &Pieces) -> Result<(), Refusal> {
    let stored = match &run.id {
        None => None,
        Some(id) => {
            let found = views::get(&mut asked.store.read(decision)?, decision.scope(), id)?;
            Some(found.ok_or_else(|| Refusal::not_found("ViewDefinition", id))?)
        }
    };
    let text = stored.as_ref().map(|s| s.body.clone()).or_else(|| run.view.clone()).unwrap_or_default();
    let (_, view) = compiled(&text)?;
    let kind = kind_of(&view)?;
    let named = stored.as_ref().map_or("a view sent along", |s| s.id.as_str());
    asked.state.look(decision, None, short(format!("run {named} on {}", kind.name())), "granted")?;
    let mut send = |bytes| pieces.send(bytes);
    let table = Table::new(view.columns(), run.format, run.header);
    let mut out = Out { table, limit: run.limit.unwrap_or(u64::MAX), waiting: Vec::new(), pieces: &mut send };
    match (&run.resources, stored) {
        (Some(sent), _) => over_sent(&view, sent, &mut out)?,
        (None, Some(stored)) if run.patients.is_empty() && run.groups.is_empty() => {
            let stored = follow::up_to_date(&asked.state, &asked.store, decision, stored)?;
            over_stored(&asked.store, decision, (&view, &stored), run.since, &mut out)?;
        }
        _ => over_store(asked, decision, (&view, kind), &run, &mut out)?,
    }
    out.end();
    Ok(())
}

/// Writes a stored view's rows to `to`, after it has followed what came since: for the command line.
///
/// # Errors
/// As `write`.
pub fn stored(
    (state, store): (&State, &Store),
    decision: &Decision,
    id: &str,
    format: Format,
    to: &mut dyn FnMut(Vec<u8>) -> bool,
) -> Result<(), Refusal> {
    let found = views::get(&mut store.read(decision)?, decision.scope(), id)?;
    let stored = found.ok_or_else(|| Refusal::not_found("ViewDefinition", id))?;
    state.look(decision, None, short(format!("run {id}")), "granted")?;
    let text = stored.body.clone();
    let (_, view) = compiled(&text)?;
    let stored = follow::up_to_date(state, store, decision, stored)?;
    let mut out =
        Out { table: Table::new(view.columns(), format, true), limit: u64::MAX, waiting: Vec::new(), pieces: to };
    over_stored(store, decision, (&view, &stored), None, &mut out)?;
    out.end();
    Ok(())
}

fn over_sent(view: &View, sent: &[String], out: &mut Out<'_>) -> Result<(), Refusal> {
    for text in sent {
        let tree = Tree::parse(text.as_str()).map_err(|e| Refusal::invalid(format!("a `resource` is no JSON: {e}")))?;
        let root = tree.root();
        // A Bundle stands for what is in it, unless the view is of Bundles.
        let is_bundle = root.get_text("resourceType").as_deref() == Some("Bundle") && view.resource() != "Bundle";
        let inside = root.get("entry").into_iter().flat_map(|e| e.items()).filter_map(|e| e.get("resource"));
        let all: Vec<_> = if is_bundle { inside.collect() } else { vec![root] };
        for resource in all {
            let name = || resource.get_text("id").map_or_else(String::new, |id| id.into_owned());
            let rows = view.rows_of(resource).map_err(|e| no_answer(view.resource(), &name(), &e))?;
            if !out.rows(&rows)? {
                return Ok(());
            }
        }
    }
    Ok(())
}

fn no_answer(kind: &str, id: &str, error: &dyn std::fmt::Display) -> Refusal {
    Refusal::unprocessable("invalid", format!("the view has no answer on `{kind}/{id}`: {error}"))
}

fn over_stored(
    store: &Store,
    decision: &Decision,
    (view, stored): (&View, &Stored),
    since: Option<i64>,
    out: &mut Out<'_>,
) -> Result<(), Refusal> {
    let mut after = 0;
    loop {
        let mut reader = store.read(decision)?;
        let made = views::rows(&mut reader, decision.scope(), stored, since, after, TOGETHER)?;
        let failed = match made.iter().find(|one| one.failed) {
            Some(one) => resources::of_rids(&mut reader, &[one.rid])?.pop().map(|r| r.id).unwrap_or_default(),
            None => String::new(),
        };
        // Whoever takes the answer slowly holds no reader.
        drop(reader);
        for one in &made {
            if one.failed {
                return Err(no_answer(view.resource(), &failed, &one.body));
            }
            let rows = unpack(&one.body, view.columns());
            let rows = rows.ok_or_else(|| Refusal::internal(format!("rows of version {} are damaged", one.rid)))?;
            if !out.rows(&rows)? {
                return Ok(());
            }
        }
        match made.last() {
            Some(last) if made.len() == TOGETHER => after = last.rid,
            _ => return Ok(()),
        }
    }
}

/// Rows of the resources here, a few at a time, all of one state.
fn over_store(
    asked: &Asked,
    decision: &Decision,
    (view, kind): (&View, ResourceType),
    run: &Run,
    out: &mut Out<'_>,
) -> Result<(), Refusal> {
    let base = asked.caller.base.as_str();
    let mut reader = asked.store.read(decision)?;
    let patients = wanted(&mut reader, decision, run, base)?;
    let reading = Reading::new(base);
    let mut clauses = Vec::new();
    let mut narrowed = None;
    match patients {
        Some(ids) if ids.len() <= limits::VIEW_PATIENTS => {
            let mine = |id: &String| match kind {
                ResourceType::PATIENT => Some(Clause::Id(id.clone())),
                kind => reading.compartment("Patient", id, kind),
            };
            clauses.push(Clause::Any(ids.iter().filter_map(mine).collect()));
            if kind != ResourceType::PATIENT {
                asked.state.trust(&asked.store, &mut reader, &[kind])?;
            }
        }
        Some(ids) => narrowed = Some(Patients::These(ids)),
        None => {}
    }
    if let Some(since) = run.since {
        clauses.push(Clause::LastUpdated(Range { compare: Compare::Ge, low: since, high: since }));
    }
    let seq = search::snapshot(&mut reader)?;
    drop(reader);
    let ask = Ask { asked: vec![(kind, Clause::All(clauses))], scope: decision.scope(), seq };
    let mut after: Option<Hit> = None;
    loop {
        let mut reader = asked.store.read(decision)?;
        let hits = search::page(&mut reader, &ask, &[], after.as_ref(), TOGETHER)?;
        let rids: Vec<i64> = hits.iter().map(|h| h.rid).collect();
        let found = resources::of_rids(&mut reader, &rids)?;
        drop(reader);
        for resource in &found {
            if let Some(patients) = &narrowed
                && !patients.own(kind, &resource.id, &resource.body, base)?
            {
                continue;
            }
            let body = render::with_meta(&resource.body, resource.version, resource.at)?;
            let tree = Tree::parse(body.as_str()).map_err(Refusal::internal)?;
            let rows = view.rows(&tree).map_err(|e| no_answer(kind.name(), &resource.id, &e))?;
            if !out.rows(&rows)? {
                return Ok(());
            }
        }
        if hits.len() < TOGETHER {
            return Ok(());
        }
        after = hits.last().cloned();
    }
}

/// The Patients of `patient`, those of `group`, or those of both.
fn wanted(
    on: &mut mach_store::Reader,
    decision: &Decision,
    run: &Run,
    base: &str,
) -> Result<Option<HashSet<String>>, Refusal> {
    let scope = decision.scope();
    for id in &run.patients {
        read::current(on, scope, ResourceType::PATIENT, id)?;
    }
    let mut members = HashSet::new();
    for group in &run.groups {
        members.extend(members::of_group(on, scope, group, base)?);
    }
    let named: HashSet<String> = run.patients.iter().cloned().collect();
    Ok(match (run.patients.is_empty(), run.groups.is_empty()) {
        (true, true) => None,
        (false, true) => Some(named),
        (true, false) => Some(members),
        (false, false) => Some(named.intersection(&members).cloned().collect()),
    })
}
