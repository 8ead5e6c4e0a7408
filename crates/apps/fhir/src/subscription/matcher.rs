//! Looking through the log: which versions does a subscription tell of?
//!
//! Each version is asked about in the state of its own change, by the same search that answers requests. Sketch: a batch of
//! 500 versions is read in 1 ms; a version of a watched type costs one question by id, some 100 µs; versions of one change
//! are asked together.

use super::definition::{Channel, Definition, Watch};
use super::worker::Shared;
use super::{registry, status};
use crate::extract::extract;
use crate::refusal::Refusal;
use crate::state::own_decision;
use axum::http::StatusCode;
use mach_access::{Act, Decision, Scope, decide};
use mach_base::{limits, time::now_seconds};
use mach_fhir::{ResourceType, Tree};
use mach_store::accounts;
use mach_store::resources::{self, Resource, Value};
use mach_store::search::{self, Ask, Clause};
use mach_store::sql::Query;
use mach_store::subscriptions::{self, Logged, State, Subscription};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

/// Versions read at once.
const BATCH: usize = 500;
/// Ids asked about in one question.
const IDS: usize = 50;
/// Versions looked at without a finding after which the cursor is written all the same.
const UNWRITTEN: i64 = 5_000;
/// Index rows of versions that ended longer ago may be gone any moment, seconds.
const INDEXED: i64 = limits::SEARCH_SNAPSHOT_SECONDS - 300;

/// What the matcher remembers between rounds; all of it is found again in the store.
#[derive(Debug, Default)]
pub struct Matcher {
    seen: i64,
    definitions: HashMap<i64, (i64, Arc<Definition>)>,
    /// By subscription: the cursor as written, and as far as was looked.
    looked: HashMap<i64, (i64, i64)>,
}

/// What a round found.
#[derive(Debug, Default)]
pub struct Round {
    /// Subscriptions that a task of their own must serve.
    pub live: Vec<i64>,
    /// Those of them that have something to do.
    pub due: HashSet<i64>,
    /// There is more to look at.
    pub more: bool,
}

/// What of a version a watch must know.
struct Candidate {
    now: Logged,
    before: Option<Logged>,
}

/// The decision by which a subscription's author reads now; `None` where they may not any more.
///
/// # Errors
/// Of the store.
pub fn author(on: &mut dyn Query, of: &Subscription) -> Result<Option<Decision>, Refusal> {
    let actor = accounts::by_number(on, of.account)?;
    Ok(actor.and_then(|actor| decide(&actor, Act::ReadFhir).ok()))
}

/// A subscription's resource, read.
///
/// # Errors
/// 422 where it cannot be carried out.
pub fn definition(on: &mut dyn Query, of: &Subscription, base: &str) -> Result<Definition, Refusal> {
    let body = resources::of_rids(on, &[of.rid])?.pop().map(|r| r.body).unwrap_or_default();
    Definition::read(&body, base)
}

impl Matcher {
    /// One round: takes new subscriptions, looks on for every active one. `quiet` is told where nothing was written lately.
    ///
    /// # Errors
    /// Of the store.
    pub fn round(&mut self, shared: &Shared, quiet: bool) -> Result<Round, Refusal> {
        self.seen = registry::take(shared, self.seen)?;
        let mut round = Round::default();
        let mut reader = shared.store.read(&own_decision()?)?;
        let all = subscriptions::all(&mut reader)?;
        let head = subscriptions::head(&mut reader)?;
        let mut groups: BTreeMap<i64, Vec<(Subscription, Arc<Definition>, Scope)>> = BTreeMap::new();
        let mut broken = Vec::new();
        for one in all {
            if !matches!(one.state, State::Requested | State::Active) {
                self.looked.remove(&one.id);
                continue;
            }
            let read = match self.definition(&mut reader, &one, &shared.settings.base) {
                Ok(read) => read,
                Err(refusal) => {
                    broken.push((one, State::Error, refusal.text));
                    continue;
                }
            };
            let Some(decision) = author(&mut reader, &one)? else {
                if one.account != 0 {
                    broken.push((one, State::Off, "its author may read no more".to_owned()));
                } else if one.said.is_empty() {
                    round.due.insert(one.id);
                }
                continue;
            };
            if read.end.is_some_and(|end| end < now_seconds()) && one.state == State::Active {
                broken.push((one, State::Off, String::new()));
                continue;
            }
            if one.state == State::Requested || matches!(read.channel, Channel::Hook(_)) {
                round.live.push(one.id);
                if one.state == State::Requested || one.events > one.delivered {
                    round.due.insert(one.id);
                }
            }
            if one.state == State::Active && one.events - one.delivered < limits::SUBSCRIPTION_EVENTS {
                let place = self.looked.entry(one.id).or_insert((one.cursor, one.cursor));
                if place.0 != one.cursor {
                    *place = (one.cursor, one.cursor);
                }
                groups.entry(place.1).or_default().push((one, read, decision.scope()));
            }
        }
        drop(reader);
        for (one, state, said) in broken {
            status::set(shared, &one, state, &said)?;
        }
        for (from, group) in groups {
            round.more |= self.look(shared, (from, head), group, quiet, &mut round.due)?;
        }
        Ok(round)
    }

    fn definition(&mut self, on: &mut dyn Query, of: &Subscription, base: &str) -> Result<Arc<Definition>, Refusal> {
        if let Some((rid, read)) = self.definitions.get(&of.id)
            && *rid == of.rid
        {
            return Ok(Arc::clone(read));
        }
        let read = Arc::new(definition(on, of, base)?);
        self.definitions.insert(of.id, (of.rid, Arc::clone(&read)));
        Ok(read)
    }

    /// Looks from `from` on for subscriptions that stand there; true where there is more.
    fn look(
        &mut self,
        shared: &Shared,
        (from, head): (i64, i64),
        group: Vec<(Subscription, Arc<Definition>, Scope)>,
        quiet: bool,
        due: &mut HashSet<i64>,
    ) -> Result<bool, Refusal> {
        let decision = own_decision()?;
        let log = match head > from {
            true => subscriptions::log(&mut shared.store.read(&decision)?, from, BATCH)?,
            false => Vec::new(),
        };
        let to = log.last().map_or(from, |l| l.rid);
        let mut writes = Vec::new();
        for (one, read, scope) in group {
            let found = match found(shared, &read, scope, &log) {
                Ok(found) => found,
                // What is not indexed yet will be; what a search refuses it will refuse again.
                Err(refusal) if refusal.status == StatusCode::SERVICE_UNAVAILABLE => continue,
                Err(refusal) if refusal.status.is_server_error() => return Err(refusal),
                Err(refusal) => {
                    status::set(shared, &one, State::Error, &refusal.text)?;
                    continue;
                }
            };
            let written = self.looked.get(&one.id).map_or(from, |place| place.0);
            if !found.is_empty() || to - written >= UNWRITTEN || (quiet && to > written) {
                let kept = (read.channel == Channel::Socket).then_some(limits::SUBSCRIPTION_EVENTS);
                if !found.is_empty() {
                    due.insert(one.id);
                }
                writes.push((one.id, written, found, kept));
            }
            self.looked.insert(one.id, (written, to));
        }
        if !writes.is_empty() {
            let any = writes.iter().any(|(_, _, found, _)| !found.is_empty());
            let told: Vec<(i64, bool)> = shared.store.write(&decision, move |tx| {
                let mut told = Vec::with_capacity(writes.len());
                for (id, written, found, kept) in writes {
                    told.push((id, tx.looked(id, written, to, &found, kept)?));
                }
                Ok(told)
            })?;
            for (id, ours) in told {
                // Where it was not ours to write, the next round begins where the store says.
                match ours {
                    true => self.looked.insert(id, (to, to)),
                    false => self.looked.remove(&id),
                };
            }
            if any {
                shared.state.hub().tell();
            }
        }
        Ok(log.len() == BATCH)
    }
}

/// The versions of the log that a subscription tells of: (number, time written).
fn found(shared: &Shared, read: &Definition, scope: Scope, log: &[Logged]) -> Result<Vec<(i64, i64)>, Refusal> {
    let mut rids = HashSet::new();
    for watch in &read.watches {
        rids.extend(watched(shared, watch, scope, log)?);
    }
    if rids.is_empty() {
        return Ok(Vec::new());
    }
    let ordered: Vec<i64> = log.iter().map(|l| l.rid).filter(|rid| rids.contains(rid)).collect();
    let mut reader = shared.store.read(&own_decision()?)?;
    let times = subscriptions::times(&mut reader, &ordered)?;
    Ok(ordered.into_iter().zip(times).collect())
}

fn watched(shared: &Shared, watch: &Watch, scope: Scope, log: &[Logged]) -> Result<HashSet<i64>, Refusal> {
    let decision = own_decision()?;
    let mut reader = shared.store.read(&decision)?;
    let mut candidates = Vec::new();
    // A version that its own change ended was never there for anybody.
    for now in log.iter().filter(|l| l.kind == watch.kind && l.until >= 0) {
        let before = subscriptions::before(&mut reader, now.rid)?;
        let wanted = match (now.deleted, &before) {
            (true, Some(_)) => watch.delete,
            (true, None) => false,
            (false, None) => watch.create,
            (false, Some(_)) => watch.update,
        };
        if wanted {
            candidates.push(Candidate { now: now.clone(), before });
        }
    }
    if candidates.is_empty() {
        return Ok(HashSet::new());
    }
    let asks = watch.previous.is_some() || watch.current.is_some() || watch.filter.is_some();
    if !asks {
        let rids: Vec<i64> = candidates.iter().map(|c| c.now.rid).collect();
        return Ok(subscriptions::seen(&mut reader, scope, &rids)?);
    }
    shared.state.trust(&shared.store, &mut reader, &watch.indexed)?;
    let lent =
        if watch.indexed.is_empty() { Vec::new() } else { unindexed(&mut reader, &candidates, &shared.settings.base)? };
    if lent.is_empty() {
        return Ok(holding(&mut reader, watch, scope, &candidates)?);
    }
    drop(reader);
    let watch = watch.clone();
    Ok(shared.store.write(&decision, move |tx| tx.with_index(&lent, |tx| holding(tx, &watch, scope, &candidates)))?)
}

/// Versions that a search cannot find by their parameters: ended before they were indexed, or so long ago that their rows
/// were taken away. They are read again.
fn unindexed(on: &mut dyn Query, candidates: &[Candidate], base: &str) -> Result<Vec<(Resource, Vec<Value>)>, Refusal> {
    let old = now_seconds() - INDEXED;
    let lacks = |l: &&Logged| !l.deleted && l.until > 0 && (!l.indexed || l.ended.is_some_and(|at| at < old));
    let all = candidates.iter().flat_map(|c| [Some(&c.now), c.before.as_ref()].into_iter().flatten());
    let rids: Vec<i64> = all.filter(lacks).map(|l| l.rid).collect();
    let mut lent = Vec::with_capacity(rids.len());
    for resource in resources::of_rids(on, &rids)? {
        let tree = Tree::parse(resource.body.as_str()).map_err(Refusal::internal)?;
        let values = extract(resource.kind, &tree, base)?.values;
        drop(tree);
        lent.push((resource, values));
    }
    Ok(lent)
}

/// Those of the candidates of which the watch holds.
fn holding(
    on: &mut dyn Query,
    watch: &Watch,
    scope: Scope,
    candidates: &[Candidate],
) -> mach_store::Result<HashSet<i64>> {
    let rids: Vec<i64> = candidates.iter().map(|c| c.now.rid).collect();
    let mut left = subscriptions::seen(on, scope, &rids)?;
    let now = |c: &Candidate| (!c.now.deleted).then(|| (c.now.rid, c.now.id.clone(), c.now.seq));
    let before = |c: &Candidate| c.before.as_ref().map(|b| (b.rid, b.id.clone(), c.now.seq - 1));
    let current = tested(on, watch.kind, watch.current.as_ref(), scope, candidates, &now)?;
    let previous = tested(on, watch.kind, watch.previous.as_ref(), scope, candidates, &before)?;
    // Of what was taken away the filter asks as it was.
    let either = |c: &Candidate| now(c).or_else(|| before(c));
    let filter = tested(on, watch.kind, watch.filter.as_ref(), scope, candidates, &either)?;
    for c in candidates {
        let holds = |set: &Option<HashSet<i64>>, rid: Option<i64>, absent: bool| {
            set.as_ref().map(|set| rid.map_or(absent, |rid| set.contains(&rid)))
        };
        let is = holds(&current, (!c.now.deleted).then_some(c.now.rid), watch.delete_passes);
        let was = holds(&previous, c.before.as_ref().map(|b| b.rid), watch.create_passes);
        let passes = match (was, is) {
            (Some(was), Some(is)) if watch.both => was && is,
            (Some(was), Some(is)) => was || is,
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) => true,
        };
        let subject = either(c).map(|(rid, ..)| rid);
        let filtered = filter.as_ref().is_none_or(|set| subject.is_some_and(|rid| set.contains(&rid)));
        if !(passes && filtered) {
            left.remove(&c.now.rid);
        }
    }
    Ok(left)
}

type Asked = Option<(i64, String, i64)>;

/// The versions for which a clause holds, each asked in its state; `None` where there is no clause.
fn tested(
    on: &mut dyn Query,
    kind: ResourceType,
    clause: Option<&Clause>,
    scope: Scope,
    candidates: &[Candidate],
    which: &dyn Fn(&Candidate) -> Asked,
) -> mach_store::Result<Option<HashSet<i64>>> {
    let Some(clause) = clause else { return Ok(None) };
    let mut states: BTreeMap<i64, Vec<(i64, String)>> = BTreeMap::new();
    for (rid, id, seq) in candidates.iter().filter_map(which) {
        states.entry(seq).or_default().push((rid, id));
    }
    let mut out = HashSet::new();
    for (seq, versions) in states {
        for part in versions.chunks(IDS) {
            let wanted: HashSet<i64> = part.iter().map(|(rid, _)| *rid).collect();
            let mut ids: Vec<Clause> = part.iter().map(|(_, id)| Clause::Id(id.clone())).collect();
            let ids = if ids.len() == 1 { ids.remove(0) } else { Clause::Any(ids) };
            let asked = vec![(kind, Clause::All(vec![ids, clause.clone()]))];
            // An id may be used by several facilities: all of them are found and told apart by number.
            let hits = search::page(on, &Ask { asked, scope, seq }, &[], None, limits::FHIR_COUNTED)?;
            out.extend(hits.into_iter().map(|h| h.rid).filter(|rid| wanted.contains(rid)));
        }
    }
    Ok(Some(out))
}
