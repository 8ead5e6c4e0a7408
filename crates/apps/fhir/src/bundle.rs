//! Transactions, and what batches share with them. R4 §3.1.0.11.

use crate::app;
use crate::batch::Told;
use crate::binary;
use crate::caller::{Caller, Return};
use crate::clauses::Reading;
use crate::custom;
use crate::entry::{Entry, Verb, at, known_id, parse};
use crate::found;
use crate::links::{self, Links};
use crate::moment;
use crate::query;
use crate::read;
use crate::refusal::Refusal;
use crate::render;
use crate::search::{Place, Search};
use crate::serve::{Asked, blocking, short, transact, type_of};
use crate::write::{self, Action, Deciding, Done, Op, Planned, Target};
use axum::http::StatusCode;
use axum::response::Response;
use mach_access::{Act, Scope};
use mach_fhir::ResourceType;
use mach_fhir::json::quote;
use mach_store::Tx;
use mach_store::resources::Resource;
use mach_store::sql::Query;
use std::collections::HashSet;
use std::sync::Arc;

/// What one entry was answered with.
pub enum Answer {
    /// A write.
    Written(Done),
    /// A resource.
    One(Resource),
    /// A Bundle found.
    Read(String),
    /// What the same request alone would be answered.
    Told(Told),
    /// A refusal.
    Refused(Refusal),
}

/// Answers a Bundle posted to the base.
///
/// # Errors
/// 400 where it is none, or too long; of a transaction, the refusal of its first entry that is refused.
pub async fn answer(asked: Asked) -> Result<Response, Refusal> {
    // Reading tells whether anything is to be written; the decision comes before anything of it is looked up.
    let (kind, entries) = {
        let text = asked.json()?;
        parse(text, &asked.caller.base)?
    };
    if kind == "batch" {
        return crate::batch::answer(asked, entries).await;
    }
    let writes = entries.iter().any(|e| matches!(e, Ok(e) if e.verb != Verb::Get));
    let act = if writes { Act::WriteFhir } else { Act::ReadFhir };
    let decision = asked.caller.decide(&asked.house, act).await?;
    for entry in entries.iter().flatten() {
        entry.looks(&asked.caller)?;
    }
    blocking(move || {
        let target = format!("{kind} of {} entries", entries.len());
        let base = asked.caller.base.clone();
        let caller = Arc::new(asked.caller.clone());
        let entries: Vec<Entry> = entries.into_iter().collect::<Result<_, _>>()?;
        let job = Job::prepare(entries, &base)?;
        let audited = target.clone();
        let work = move |deciding: &mut Deciding<'_, '_>| {
            let answers = job.run(deciding, &caller)?;
            deciding.tx.audit(None, &audited, "granted")?;
            Ok(answers)
        };
        let answers = transact(&asked.store, &decision, base, work).inspect_err(|_| {
            // The refusal itself goes to the asker; that it happened goes to the trail.
            let _ = asked.state.look(&decision, None, target.clone(), "failed");
        })?;
        respond(&asked, kind, &answers)
    })
    .await
}

/// The Bundle of what became of each entry.
///
/// # Errors
/// 500 where a stored body is damaged.
pub fn respond(asked: &Asked, kind: &str, answers: &[Answer]) -> Result<Response, Refusal> {
    let body = response(&asked.caller, kind, answers)?;
    asked.caller.answer(StatusCode::OK, body, false)
}

/// A transaction's entries and the ids that its new resources get.
pub struct Job {
    entries: Vec<Entry>,
    links: Links,
    /// Ids by entry, where they are known before anything is asked.
    ids: Vec<Option<String>>,
    /// Writes made ready where nothing has to be asked first.
    ready: Option<Vec<Option<Op>>>,
    base: String,
}

impl Job {
    /// Makes ready what can be before anything is asked.
    ///
    /// # Errors
    /// Those of its first entry that is refused.
    pub fn prepare(entries: Vec<Entry>, base: &str) -> Result<Self, Refusal> {
        let mut links = Links::default();
        let mut ids = Vec::with_capacity(entries.len());
        let mut named = HashSet::new();
        for (n, entry) in entries.iter().enumerate() {
            let id = known_id(entry).map_err(|r| at(r, n))?;
            if let (Some(id), Verb::Put | Verb::Patch | Verb::Delete) = (&id, entry.verb) {
                let kind = entry.kind().map_err(|r| at(r, n))?;
                if !named.insert((kind, id.clone())) {
                    let text = format!("`{}/{id}` stands twice in the transaction", kind.name());
                    return Err(at(Refusal::invalid(text), n));
                }
            }
            if let (Some(url), Some(id)) = (&entry.full_url, &id) {
                let kind = entry.kind().map_err(|r| at(r, n))?;
                if entry.verb != Verb::Get && !links.add(url, kind, id) {
                    return Err(at(Refusal::invalid(format!("the fullUrl `{url}` stands twice")), n));
                }
            }
            ids.push(id);
        }
        let mut job = Self { entries, links, ids, ready: None, base: base.to_owned() };
        let asks = job.entries.iter().any(|e| {
            e.if_none_exist.is_some()
                || (e.verb == Verb::Put && e.path.len() == 1)
                || e.resource.as_deref().is_some_and(links::has_conditions)
        });
        if !asks {
            job.ready = Some(job.ops()?);
        }
        Ok(job)
    }

    /// The writes, by entry; all ids must be known.
    fn ops(&self) -> Result<Vec<Option<Op>>, Refusal> {
        (0..self.entries.len()).map(|n| self.op(n).map_err(|r| at(r, n))).collect()
    }

    fn op(&self, n: usize) -> Result<Option<Op>, Refusal> {
        let entry = &self.entries[n];
        if entry.verb == Verb::Get {
            return Ok(None);
        }
        let kind = entry.kind()?;
        let action = match (entry.verb, &self.ids[n]) {
            (Verb::Post | Verb::Put, Some(id)) => {
                let text = self.links.rewrite(entry.body()?)?;
                let body = write::body(kind, &text)?;
                let ready = write::ready(kind, &body.text, id, &self.base)?;
                if entry.verb == Verb::Post {
                    Action::Create { ready, if_none_exist: None }
                } else {
                    if let (Some(own), [_, id]) = (&body.id, entry.path.as_slice())
                        && own != id
                    {
                        let text = format!("the address says id `{id}`, the resource says `{own}`");
                        return Err(Refusal::invalid(text).at("resource.id"));
                    }
                    let (if_match, if_none_match) = (entry.if_match, entry.none_match.as_deref() == Some("*"));
                    Action::Update { target: Target::Id(id.clone()), body, ready: Some(ready), if_match, if_none_match }
                }
            }
            (Verb::Patch, _) => {
                let patch = Entry::patch(&self.links.rewrite(entry.body()?)?)?;
                Action::Patch { target: entry.target()?, patch, if_match: entry.if_match }
            }
            (Verb::Delete, _) => Action::Delete { target: entry.target()?, if_match: entry.if_match },
            _ => return Err(Refusal::internal("an entry without an id")),
        };
        Ok(Some(Op { kind, action }))
    }

    /// Writes all entries that write; gives what became of each, with its place.
    ///
    /// # Errors
    /// Those of the first entry that is refused; then the transaction must be taken back.
    pub fn write(&mut self, deciding: &mut Deciding<'_, '_>) -> Result<Vec<(usize, Done)>, Refusal> {
        let mut planned: Vec<Option<Planned>> = self.entries.iter().map(|_| None).collect();
        if self.ready.is_none() {
            for (n, plan) in planned.iter_mut().enumerate() {
                *plan = self.resolve(deciding, n).map_err(|r| at(r, n))?;
            }
            let (entries, links) = (&self.entries, &mut self.links);
            for (n, entry) in entries.iter().enumerate() {
                if let Some(text) = &entry.resource {
                    links.resolve_conditions(deciding, text).map_err(|r| at(r, n))?;
                }
            }
        }
        let ready = self.ready.take();
        let mut order: Vec<usize> = (0..self.entries.len()).collect();
        order.sort_by_key(|n| self.entries[*n].verb);
        let mut ready = ready.unwrap_or_else(|| self.entries.iter().map(|_| None).collect());
        let mut written = HashSet::new();
        for n in order.iter().copied().filter(|n| self.entries[*n].verb != Verb::Get) {
            if planned[n].is_some() {
                continue;
            }
            let op = match ready[n].take() {
                Some(op) => op,
                None => {
                    self.op(n).map_err(|r| at(r, n))?.ok_or_else(|| Refusal::internal("an entry without a write"))?
                }
            };
            let plan = deciding.plan(op).map_err(|r| at(r, n))?;
            for (kind, id) in plan.identities() {
                if !written.insert((kind, id.to_owned())) {
                    let text = format!("`{}/{id}` is written twice in the transaction", kind.name());
                    return Err(at(Refusal::invalid(text), n));
                }
            }
            planned[n] = Some(plan);
        }
        let mut numbers = Vec::new();
        let mut plans = Vec::new();
        for n in order.iter().copied() {
            if let Some(plan) = planned[n].take() {
                numbers.push(n);
                plans.push(plan);
            }
        }
        Ok(numbers.into_iter().zip(deciding.carry_out(plans)?).collect())
    }

    fn run(mut self, deciding: &mut Deciding<'_, '_>, caller: &crate::caller::Caller) -> Result<Vec<Answer>, Refusal> {
        let mut answers: Vec<Option<Answer>> = self.entries.iter().map(|_| None).collect();
        for (n, done) in self.write(deciding)? {
            answers[n] = Some(Answer::Written(done));
        }
        let scope = deciding.scope;
        for (n, entry) in self.entries.iter().enumerate().filter(|(_, e)| e.verb == Verb::Get) {
            write_searchable(deciding.tx, scope, entry).map_err(|r| at(r, n))?;
            let answer = get(deciding.tx, scope, caller, entry).map_err(|r| at(r, n))?;
            if let Answer::One(found) = &answer {
                deciding.tx.audit(found.patient, &short(format!("{}/{}", found.kind.name(), found.id)), "granted")?;
            }
            answers[n] = Some(answer);
        }
        Ok(answers.into_iter().flatten().collect())
    }

    /// Asks the conditions of entry `n`: gives it its id, or what it matched.
    fn resolve(&mut self, deciding: &mut Deciding<'_, '_>, n: usize) -> Result<Option<Planned>, Refusal> {
        let entry = &self.entries[n];
        let criteria = match (entry.verb, &entry.if_none_exist) {
            (Verb::Post, Some(criteria)) => criteria,
            (Verb::Put, _) if entry.path.len() == 1 => &entry.query,
            _ => return Ok(None),
        };
        let kind = entry.kind()?;
        let mut found = deciding.matching(kind, criteria, 2)?;
        if found.len() > 1 {
            return Err(Refusal::several(&format!("{}?{criteria}", kind.name())));
        }
        let found = found.pop();
        let id = match &found {
            Some(found) => found.id.clone(),
            None => match &self.ids[n] {
                Some(id) => id.clone(),
                None => write::body(kind, entry.body()?)?.id.map_or_else(write::new_id, Ok)?,
            },
        };
        if let Some(url) = &entry.full_url {
            self.links.set(url, kind, &id);
        }
        let is_post = entry.verb == Verb::Post;
        self.ids[n] = Some(id);
        Ok(found.filter(|_| is_post).map(Planned::found))
    }
}

/// A search of an entry, read.
fn search_of(on: &mut dyn Query, scope: Scope, entry: &Entry, base: &str) -> Result<Option<(Place, Search)>, Refusal> {
    let pairs = query::pairs(&entry.query)?;
    let place = match entry.path.as_slice() {
        [] => Place::System,
        [kind] => Place::Type(type_of(kind)?),
        [kind, id, of] if of != "_history" => {
            Place::Compartment(kind.clone(), id.clone(), if of == "*" { None } else { Some(type_of(of)?) })
        }
        _ => return Ok(None),
    };
    let reading = Reading::within(base, on, scope, &pairs)?;
    let search = Search::read_on(reading, on, &place, &pairs, crate::search::Handling::Lenient)?;
    Ok(Some((place, search)))
}

fn write_searchable(on: &mut Tx<'_>, scope: Scope, entry: &Entry) -> Result<(), Refusal> {
    match search_of(on, scope, entry, "")? {
        Some((_, search)) => {
            write::indexed(on, &search.trusted())?;
            custom::settle(on, &search.customs)
        }
        None => Ok(()),
    }
}

fn get(on: &mut dyn Query, scope: Scope, caller: &crate::caller::Caller, entry: &Entry) -> Result<Answer, Refusal> {
    if let Some((place, search)) = search_of(on, scope, entry, &caller.base)? {
        if let Place::Compartment(kind, id, _) = &place {
            read::current(on, scope, type_of(kind)?, id)?;
        }
        write::indexed(on, &search.trusted())?;
        if let Some(waiting) = custom::behind(on, &search.customs)? {
            return Err(custom::not_yet(waiting));
        }
        let page = found::answer(on, scope, &search)?;
        return Ok(Answer::Read(found::bundle(caller, &format!("/{}", entry.path.join("/")), &search, &page)?));
    }
    let kind = entry.kind()?;
    let found = match entry.path.as_slice() {
        [_, id] => read::current(on, scope, kind, id)?,
        [_, id, _, version] => read::version(on, scope, kind, id, version)?,
        _ => {
            let text = format!("`{}` is not read within a transaction: a batch does it", entry.path.join("/"));
            return Err(Refusal::unsupported(text));
        }
    };
    if kind == ResourceType::BINARY {
        binary::allowed(on, scope, &found, &caller.base)?;
    }
    Ok(Answer::One(found))
}

fn response(caller: &Caller, kind: &str, answers: &[Answer]) -> Result<String, Refusal> {
    let (base, wanted) = (caller.base.as_str(), caller.returned.unwrap_or(Return::Minimal));
    let mut out = found::open_bundle(&format!("{kind}-response"), None, &[("self", base.to_owned())]);
    let mut entries = found::Entries::default();
    for answer in answers {
        entries.next(&mut out);
        match answer {
            Answer::Written(done) => {
                let live = done.resource.as_ref().filter(|r| !r.deleted);
                let shown = wanted == Return::Representation && app::is_shown(&caller.session, done.kind, done.patient);
                written(&mut out, base, (done.kind, &done.id), live, done.status, shown)?;
            }
            Answer::One(found) => {
                written(&mut out, base, (found.kind, &found.id), Some(found), StatusCode::OK, true)?;
            }
            Answer::Read(bundle) => {
                out.push_str("\"resource\":");
                out.push_str(bundle);
                out.push_str(",\"response\":{\"status\":\"200 OK\"}}");
            }
            Answer::Told(told) => told.write(&mut out),
            Answer::Refused(refusal) => {
                out.push_str("\"response\":{\"status\":");
                quote(&mut out, &refusal.status.to_string());
                out.push_str(",\"outcome\":");
                out.push_str(&refusal.outcome());
                out.push_str("}}");
            }
        }
    }
    entries.close(&mut out);
    Ok(out)
}

fn written(
    out: &mut String,
    base: &str,
    (kind, id): (ResourceType, &str),
    live: Option<&Resource>,
    status: StatusCode,
    shown: bool,
) -> Result<(), Refusal> {
    let address = format!("{base}/{}/{id}", kind.name());
    if let Some(resource) = live {
        out.push_str("\"fullUrl\":");
        quote(out, &address);
        if shown {
            out.push_str(",\"resource\":");
            out.push_str(&render::with_meta(&resource.body, resource.version, resource.at)?);
        }
        out.push(',');
    }
    out.push_str("\"response\":{\"status\":");
    quote(out, &status.to_string());
    if let Some(resource) = live {
        out.push_str(",\"location\":");
        quote(out, &format!("{address}/_history/{}", resource.version));
        out.push_str(&format!(",\"etag\":\"W/\\\"{}\\\"\",\"lastModified\":", resource.version));
        quote(out, &moment::instant(resource.at));
    }
    out.push_str("}}");
    Ok(())
}
