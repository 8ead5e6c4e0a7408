//! Searches answered: matches, what comes with them, how many there are, where the next page begins.

use crate::caller::Caller;
use crate::moment;
use crate::refusal::{Refusal, note};
use crate::render;
use crate::search::{Anywhere, Search, Total};
use crate::state::State;
use crate::token::PageToken;
use mach_access::Scope;
use mach_base::{limits, text::fold, time::now_seconds};
use mach_fhir::json::quote;
use mach_fhir::{ResourceType, Tree};
use mach_store::resources::{self, Resource};
use mach_store::search::{self, Ask, Hit};
use mach_store::sql::Query;
use mach_store::{Reader, Store};
use std::collections::{HashMap, HashSet};
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
    state.trust(store, reader, &search.trusted())?;
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
    let mut hits = if search.words.is_empty() {
        match search.count {
            0 => Vec::new(),
            count => search::page(reader, &ask, &search.sorts, after, count + 1)?,
        }
    } else {
        return with_words(reader, &ask, search, (seq, began));
    };
    let more = search.count > 0 && hits.len() > search.count;
    hits.truncate(search.count);
    let total = match &search.page {
        Some(token) => token.total,
        None => total(reader, &ask, search, (hits.len(), more))?,
    };
    let next = hits.last().filter(|_| more).map(|last| PageToken { seq, began, total, after: last.clone() });
    finish(reader, &ask, search, hits, total, next)
}

fn total(on: &mut dyn Query, ask: &Ask, search: &Search, (hits, more): (usize, bool)) -> Result<Option<i64>, Refusal> {
    Ok(match search.total {
        Total::None => None,
        _ if search.count > 0 && !more => Some(i64::try_from(hits).unwrap_or(i64::MAX)),
        Total::Accurate => Some(search::count(on, ask, usize::MAX >> 1)?),
        Total::Usual => search::count_of_few(on, ask, limits::FHIR_COUNTED)?,
    })
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
    let matches = resources::of_rids(on, &rids)?;
    let (included, cut) =
        if search.includes.is_empty() { (Vec::new(), false) } else { include(on, ask, search, &matches)? };
    Ok(Page { total, matches, included, cut, next })
}

/// Everything that comes along, round by round.
fn include(
    on: &mut dyn Query,
    ask: &Ask,
    search: &Search,
    matches: &[Resource],
) -> Result<(Vec<Resource>, bool), Refusal> {
    let mut known: HashSet<i64> = matches.iter().map(|m| m.rid).collect();
    let mut found: Vec<i64> = Vec::new();
    let mut newest: HashMap<ResourceType, Vec<i64>> = HashMap::new();
    for one in matches {
        newest.entry(one.kind).or_default().push(one.rid);
    }
    for round in 0..limits::FHIR_INCLUDE_DEPTH {
        let mut next: Vec<i64> = Vec::new();
        for include in search.includes.iter().filter(|i| round == 0 || i.iterate) {
            for what in include.steps() {
                let from: Vec<i64> = if include.back {
                    newest.values().flatten().copied().collect()
                } else {
                    newest.get(&what.source).cloned().unwrap_or_default()
                };
                for chunk in from.chunks(TOGETHER) {
                    let room = (limits::FHIR_INCLUDED + 1).saturating_sub(found.len());
                    let got = match include.back {
                        true => search::revincluded(on, ask, chunk, what, room)?,
                        false => search::included(on, ask, chunk, what, room)?,
                    };
                    let full = got.len() >= room;
                    for rid in got.into_iter().filter(|rid| known.insert(*rid)) {
                        next.push(rid);
                        found.push(rid);
                    }
                    // Of a full answer some may have been known: what it left out is not.
                    if full || found.len() > limits::FHIR_INCLUDED {
                        found.truncate(limits::FHIR_INCLUDED);
                        return Ok((resources::of_rids(on, &found)?, true));
                    }
                }
            }
        }
        if next.is_empty() {
            break;
        }
        newest = HashMap::new();
        for one in resources::of_rids(on, &next)? {
            newest.entry(one.kind).or_default().push(one.rid);
        }
    }
    Ok((resources::of_rids(on, &found)?, false))
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
