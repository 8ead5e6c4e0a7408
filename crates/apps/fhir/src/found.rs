//! Searches answered: matches, what comes with them, how many there are, where the next page begins.

use crate::binary;
use crate::caller::Caller;
use crate::moment;
use crate::refusal::{Refusal, note};
use crate::render;
use crate::search::{Anywhere, Include, Search, Total};
use crate::state::State;
use crate::token::PageToken;
use mach_access::Scope;
use mach_base::{limits, text::fold, time::now_seconds};
use mach_fhir::json::quote;
use mach_fhir::{ResourceType, Tree};
use mach_store::resources::{self, Reference, Resource};
use mach_store::search::{self, Ask, Hit, Includes, Target};
use mach_store::sql::Query;
use mach_store::{Reader, Store};
use std::collections::HashSet;
use std::fmt::Write;
use std::time::Instant;

/// Resource versions asked about in one statement.
const TOGETHER: usize = 400;

/// The answer to a search.
#[derive(Debug, Default)]
pub struct Page {
    /// How many match in all, where it is told.
    pub total: Option<i64>,
    /// Matches in order.
    pub matches: Vec<Resource>,
    /// What came along.
    pub included: Vec<Resource>,
    /// Whether more was to come along than a page may carry.
    pub cut: bool,
    /// Where the next page begins.
    pub next: Option<PageToken>,
}

/// Answers a search on the state of `reader`, or on that of the page before.
///
/// # Errors
/// Of the search; 503 where a type it asks about is not indexed completely.
pub fn page(state: &State, store: &Store, reader: &mut Reader, search: &Search) -> Result<Page, Refusal> {
    if search.page.is_none() {
        search::snapshot_ahead(reader);
    }
    state.trust(store, reader, &search.trusted())?;
    if !search.customs.is_empty() {
        state.settle(store, reader, &search.customs)?;
    }
    let scope = reader.scope();
    answer(reader, scope, search)
}

/// Answers a search whose types are known to be indexed.
///
/// # Errors
/// Of the search.
pub fn answer(reader: &mut dyn Query, scope: Scope, search: &Search) -> Result<Page, Refusal> {
    let (seq, began) = match &search.page {
        Some(token) => (token.seq, token.began),
        None => (search::snapshot(reader)?, now_seconds()),
    };
    let ask = Ask { asked: search.asked.clone(), scope, seq };
    let after = search.page.as_ref().map(|t| &t.after);
    if !search.words.is_empty() {
        return with_words(reader, &ask, search, (seq, began));
    }
    let (mut hits, told) = match (search.count, &search.page, search.total) {
        (0, ..) => (Vec::new(), None),
        (count, None, Total::Usual) => {
            search::first_page(reader, &ask, &search.sorts, count + 1, limits::FHIR_COUNTED)?
        }
        (count, ..) => (search::page(reader, &ask, &search.sorts, after, count + 1)?, None),
    };
    let more = search.count > 0 && hits.len() > search.count;
    hits.truncate(search.count);
    let total = match (&search.page, search.total) {
        (Some(token), _) => token.total,
        (None, Total::None) => None,
        _ if search.count > 0 && !more => Some(i64::try_from(hits.len()).unwrap_or(i64::MAX)),
        (None, Total::Accurate) => Some(search::count(reader, &ask, usize::MAX >> 1)?),
        (None, Total::Usual) => told,
    };
    let next = hits.last().filter(|_| more).map(|last| PageToken { seq, began, total, after: last.clone() });
    finish(reader, &ask, search, hits, total, next)
}

/// Matches whose texts hold the words, found by looking through the bodies, some at a time. The total is told where all
/// could be looked through in the time that a search has.
fn with_words(on: &mut dyn Query, ask: &Ask, search: &Search, (seq, began): (i64, i64)) -> Result<Page, Refusal> {
    let start = Instant::now();
    let mut kept: Vec<Hit> = Vec::new();
    let mut after: Option<Hit> = search.page.as_ref().map(|t| t.after.clone());
    let known = search.page.as_ref().map(|t| t.total);
    let counts = known.is_none() && search.total != Total::None;
    let mut counted = 0_i64;
    let mut whole = false;
    loop {
        let hits = search::page(on, ask, &search.sorts, after.as_ref(), TOGETHER)?;
        let rids: Vec<i64> = hits.iter().map(|h| h.rid).collect();
        for (hit, resource) in hits.iter().zip(resources::of_rids(on, &rids)?) {
            if holds_words(&resource, &search.words) {
                counted += 1;
                if kept.len() <= search.count {
                    kept.push(hit.clone());
                }
            }
        }
        if hits.len() < TOGETHER {
            whole = true;
            break;
        }
        let has_page = kept.len() > search.count;
        if has_page && !counts {
            break;
        }
        if start.elapsed() > limits::FHIR_PATIENCE {
            if has_page && search.total == Total::Usual {
                break;
            }
            let text = format!(
                "looking through the texts takes more than {} s: narrow the search by another parameter",
                limits::FHIR_PATIENCE.as_secs()
            );
            return Err(Refusal::too_costly(text));
        }
        after = hits.into_iter().next_back();
    }
    let total = known.unwrap_or_else(|| Some(counted).filter(|_| whole && counts));
    let more = search.count > 0 && kept.len() > search.count;
    kept.truncate(search.count);
    let next = kept.last().filter(|_| more).map(|last| PageToken { seq, began, total, after: last.clone() });
    finish(on, ask, search, kept, total, next)
}

fn holds_words(resource: &Resource, words: &[(Anywhere, String)]) -> bool {
    let Ok(tree) = Tree::parse(resource.body.as_str()) else { return false };
    words.iter().all(|(place, wanted)| {
        let mut all = String::new();
        let from = match place {
            Anywhere::Content => Some(tree.root()),
            Anywhere::Narrative => tree.root().get("text"),
        };
        if let Some(from) = from {
            texts(from, &mut all);
        }
        let folded = format!(" {} ", fold(&all));
        wanted.split(' ').all(|word| folded.contains(&format!(" {word} ")))
    })
}

fn texts(value: mach_fhir::tree::Value<'_>, out: &mut String) {
    if let Some(text) = value.text() {
        // Marks of the narrative are no words.
        let mut inside = false;
        out.extend(text.chars().filter_map(|c| {
            inside = (inside || c == '<') && c != '>';
            if inside || c == '>' { Some(' ').filter(|_| c == '<' || c == '>') } else { Some(c) }
        }));
        out.push(' ');
    }
    value.members().for_each(|(_, v)| texts(v, out));
    value.items().for_each(|v| texts(v, out));
}

fn finish(
    on: &mut dyn Query,
    ask: &Ask,
    search: &Search,
    hits: Vec<Hit>,
    total: Option<i64>,
    next: Option<PageToken>,
) -> Result<Page, Refusal> {
    let rids: Vec<i64> = hits.iter().map(|h| h.rid).collect();
    if search.includes.is_empty() {
        let mut matches = resources::of_rids(on, &rids)?;
        matches.iter_mut().try_for_each(|found| binary::shown(on, ask.scope, &search.base, found))?;
        return Ok(Page { total, matches, included: Vec::new(), cut: false, next });
    }
    let found = resources::with_references(on, &rids)?;
    let (mut included, cut) = include(on, ask, search, found.iter().map(Source::of).collect())?;
    let mut matches: Vec<Resource> = found.into_iter().map(|(resource, _)| resource).collect();
    for found in matches.iter_mut().chain(&mut included) {
        binary::shown(on, ask.scope, &search.base, found)?;
    }
    Ok(Page { total, matches, included, cut, next })
}

/// A resource whose references may be followed, and that others may refer to.
struct Source {
    rid: i64,
    kind: ResourceType,
    facility: i64,
    references: Vec<Reference>,
}

impl Source {
    fn of((resource, references): &(Resource, Vec<Reference>)) -> Self {
        let facility = resource.facility.unwrap_or(0);
        Self { rid: resource.rid, kind: resource.kind, facility, references: references.clone() }
    }

    /// What it refers to as `what` asks.
    fn targets<'a>(&'a self, what: Includes<'a>) -> impl Iterator<Item = Target<'a>> {
        let asked = self.references.iter().filter(move |_| self.kind == what.source);
        let asked = asked.filter(move |(param, target, _)| {
            what.params.contains(param) && what.target.is_none_or(|wanted| wanted == *target)
        });
        asked.map(|(_, target, id)| (self.facility, *target, id.as_str()))
    }
}

/// Everything that comes along, round by round, and whether some of it was left out.
fn include(
    on: &mut dyn Query,
    ask: &Ask,
    search: &Search,
    mut newest: Vec<Source>,
) -> Result<(Vec<Resource>, bool), Refusal> {
    let mut known: HashSet<i64> = newest.iter().map(|m| m.rid).collect();
    let mut found: Vec<Resource> = Vec::new();
    for round in 0..limits::FHIR_INCLUDE_DEPTH {
        let steps: Vec<&Include> = search.includes.iter().filter(|i| round == 0 || i.iterate).collect();
        let room = (limits::FHIR_INCLUDED + 1).saturating_sub(found.len());
        let mut next: Vec<i64> = Vec::new();
        let forward = steps.iter().filter(|i| !i.back).flat_map(|i| i.steps());
        let targets: Vec<Target<'_>> =
            forward.flat_map(|what| newest.iter().flat_map(move |source| source.targets(what))).collect();
        let got = search::included(on, ask, &targets)?;
        next.extend(got.into_iter().filter(|rid| known.insert(*rid)));
        let mut full = next.len() >= room;
        let rids: Vec<i64> = newest.iter().map(|source| source.rid).collect();
        let by_rows = steps.iter().flat_map(|i| i.steps().map(|what| (i.back, what)));
        for (back, what) in by_rows.filter(|(back, what)| *back || what.is_custom()) {
            for chunk in rids.chunks(TOGETHER) {
                if full {
                    break;
                }
                let got = match back {
                    true => search::revincluded(on, ask, chunk, what, room)?,
                    false => search::included_by_rows(on, ask, chunk, what, room)?,
                };
                // Of a full answer some may have been known: what it left out is not.
                full = got.len() >= room;
                next.extend(got.into_iter().filter(|rid| known.insert(*rid)));
                full |= next.len() >= room;
            }
        }
        next.truncate(limits::FHIR_INCLUDED.saturating_sub(found.len()));
        let got = resources::with_references(on, &next)?;
        newest = got.iter().map(Source::of).collect();
        found.extend(got.into_iter().map(|(resource, _)| resource));
        if full {
            return Ok((found, true));
        }
        if newest.is_empty() || steps.is_empty() {
            break;
        }
    }
    Ok((found, false))
}

/// The searchset Bundle of a page.
///
/// # Errors
/// 500 where a stored body is damaged.
pub fn bundle(caller: &Caller, path: &str, search: &Search, page: &Page) -> Result<String, Refusal> {
    let own = search.own_query();
    let address = |query: &str| match query.is_empty() {
        true => format!("{}{path}", caller.base),
        false => format!("{}{path}?{query}", caller.base),
    };
    let mut links = vec![("self", address(&own))];
    if let Some(next) = &page.next {
        let rest = if own.is_empty() { String::new() } else { format!("{own}&") };
        links.push(("first", address(&own)));
        links.push(("next", address(&format!("{rest}_page={}", next.write()))));
    }
    let mut out = open_bundle("searchset", page.total, &links);
    let mut entries = Entries::default();
    for resource in &page.matches {
        entries.resource(&mut out, caller, resource, &search.shape, "match")?;
    }
    for resource in &page.included {
        entries.resource(&mut out, caller, resource, &search.shape, "include")?;
    }
    if page.cut {
        let text = format!("more than {} resources were to be included; the rest was left out", limits::FHIR_INCLUDED);
        entries.outcome(&mut out, &note("warning", "too-costly", &text));
    }
    entries.close(&mut out);
    Ok(out)
}

/// A Bundle up to its entries.
pub fn open_bundle(kind: &str, total: Option<i64>, links: &[(&str, String)]) -> String {
    let mut out = String::from("{\"resourceType\":\"Bundle\",\"meta\":{\"lastUpdated\":");
    quote(&mut out, &moment::instant(now_seconds()));
    out.push_str("},\"type\":");
    quote(&mut out, kind);
    if let Some(total) = total {
        // Writing to a String cannot fail.
        let _ = write!(out, ",\"total\":{total}");
    }
    for (n, (relation, url)) in links.iter().enumerate() {
        out.push_str(if n == 0 { ",\"link\":[{\"relation\":" } else { ",{\"relation\":" });
        quote(&mut out, relation);
        out.push_str(",\"url\":");
        quote(&mut out, url);
        out.push('}');
    }
    if !links.is_empty() {
        out.push(']');
    }
    out
}

/// The entries of a Bundle being written.
#[derive(Debug, Default)]
pub struct Entries {
    any: bool,
}

impl Entries {
    /// Opens the next entry's object; its fields follow.
    pub fn next(&mut self, out: &mut String) {
        out.push_str(if std::mem::replace(&mut self.any, true) { ",{" } else { ",\"entry\":[{" });
    }

    /// A found resource.
    ///
    /// # Errors
    /// 500 where its body is damaged.
    pub fn resource(
        &mut self,
        out: &mut String,
        caller: &Caller,
        resource: &Resource,
        shape: &render::Shape,
        mode: &str,
    ) -> Result<(), Refusal> {
        self.next(out);
        out.push_str("\"fullUrl\":");
        quote(out, &format!("{}/{}/{}", caller.base, resource.kind.name(), resource.id));
        out.push_str(",\"resource\":");
        out.push_str(&render::resource(resource, shape)?);
        out.push_str(",\"search\":{\"mode\":");
        quote(out, mode);
        out.push_str("}}");
        Ok(())
    }

    /// Something said about the answer.
    pub fn outcome(&mut self, out: &mut String, outcome: &str) {
        self.next(out);
        out.push_str("\"resource\":");
        out.push_str(outcome);
        out.push_str(",\"search\":{\"mode\":\"outcome\"}}");
    }

    /// Ends the entries and the Bundle.
    pub fn close(self, out: &mut String) {
        out.push_str(if self.any { "]}" } else { "}" });
    }
}

/// 404 for a compartment whose resource the asker may not see.
///
/// # Errors
/// That, and those of the store.
pub fn must_exist(on: &mut Reader, kind: ResourceType, id: &str) -> Result<Resource, Refusal> {
    let scope = on.scope();
    let found = resources::current(on, scope, kind, id)?.ok_or_else(|| Refusal::not_found(kind.name(), id))?;
    if found.deleted {
        return Err(Refusal::gone(kind.name(), id));
    }
    debug_assert_eq!(found.kind, kind);
    Ok(found)
}
