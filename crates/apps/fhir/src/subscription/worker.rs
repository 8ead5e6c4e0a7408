//! Delivery: one loop that looks through the log, one task for each receiver that is called.
//!
//! A receiver that hangs holds its own task and one of `SUBSCRIPTIONS_AT_ONCE` places, for at most its timeout; the writer
//! and the matcher never wait for one. What is owed is in the store, so a task keeps one notification in memory and no more.

use super::definition::{Channel, Definition, Mime, lines_of};
use super::matcher::{self, Matcher, Round};
use super::notify::{Kind, Note, Told, fitting};
use super::{Settings, now_millis, status};
use crate::caller::{FHIR_XML, as_xml};
use crate::refusal::{FHIR_JSON, Refusal};
use crate::render;
use crate::serve::{blocking, short};
use crate::state::{State as Kept, own_decision};
use axum::http::Method;
use mach_access::{Act, Decision, secret};
use mach_base::{limits, time::now_seconds};
use mach_house::call::endpoint::{Allowed, Endpoint, allowed};
use mach_house::call::{self, Call};
use mach_store::audit::Look;
use mach_store::resources::{self, Resource};
use mach_store::sql::Query;
use mach_store::subscriptions::{self, Outcome, State, Subscription};
use mach_store::{Reader, Store};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::JoinHandle;

/// Longest wait between two tries.
const LONGEST_RETRY: Duration = Duration::from_secs(300);
/// Commits of so long are looked at together.
const GATHER: Duration = Duration::from_millis(5);
/// How long after its timeout an attempt is taken for dead with its process.
const GRACE_MILLIS: i64 = 2_000;

/// What all tasks of a delivery share.
pub struct Shared {
    /// What the interface keeps.
    pub state: Kept,
    /// The store.
    pub store: Store,
    /// How.
    pub settings: Settings,
    /// Names this process to others on the same store.
    holder: String,
    places: Semaphore,
}

/// A running delivery; it ends when this is dropped.
pub struct Delivery {
    stop: watch::Sender<bool>,
    running: Option<JoinHandle<()>>,
}

impl Delivery {
    /// Starts to look and to tell, on the runtime it is called on.
    ///
    /// # Errors
    /// Where the machine gives no random numbers.
    pub fn start(state: Kept, store: Store, settings: Settings) -> Result<Self, Refusal> {
        let hub = state.hub();
        // Set once: a second delivery of the same interface answers with the first one's address.
        let _ = hub.base.set(settings.base.clone());
        let wake = Arc::downgrade(&hub.wake);
        store.on_commit(move || {
            wake.upgrade().is_some_and(|wake| {
                wake.notify_one();
                true
            })
        });
        let holder = secret::new_token("").map_err(Refusal::internal)?;
        let places = Semaphore::new(limits::SUBSCRIPTIONS_AT_ONCE);
        let shared = Arc::new(Shared { state, store, settings, holder, places });
        let (stop, stopped) = watch::channel(false);
        let running = Some(tokio::spawn(run(shared, stopped)));
        Ok(Self { stop, running })
    }

    /// Ends it, and waits until nothing of it runs any more. What was under way is told again later.
    pub async fn stop(mut self) {
        let _ = self.stop.send(true);
        if let Some(running) = self.running.take() {
            // A loop that panicked has ended as well.
            let _ = running.await;
        }
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        let _ = self.stop.send(true);
    }
}

struct Task {
    wake: Arc<Notify>,
    running: JoinHandle<()>,
}

async fn run(shared: Arc<Shared>, mut stop: watch::Receiver<bool>) {
    let mut tick = tokio::time::interval(shared.settings.tick);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut tasks: HashMap<i64, Task> = HashMap::new();
    let mut matcher = Matcher::default();
    let mut quiet = false;
    let wake = Arc::clone(&shared.state.hub().wake);
    while !*stop.borrow() {
        let own = Arc::clone(&shared);
        let round = tokio::task::spawn_blocking(move || {
            let found = matcher.round(&own, quiet);
            (matcher, found)
        });
        let more = match round.await {
            Ok((back, found)) => {
                matcher = back;
                found.map_or_else(
                    |e| {
                        tracing::warn!("subscriptions could not be looked after: {e}");
                        false
                    },
                    |round| see_to(&shared, &mut tasks, round, &stop),
                )
            }
            Err(e) => {
                tracing::error!("the search for what subscriptions tell ended: {e}");
                matcher = Matcher::default();
                false
            }
        };
        if more {
            quiet = false;
            continue;
        }
        quiet = tokio::select! {
            () = gathered(&wake) => false,
            _ = tick.tick() => true,
            _ = stop.changed() => break,
        };
    }
    for (_, task) in tasks {
        // It hears of the end by itself; one under way is cut off, and told again later.
        task.running.abort();
        let _ = task.running.await;
    }
}

/// A commit, and those that come with it: many small writes are not as many looks.
async fn gathered(wake: &Notify) {
    wake.notified().await;
    tokio::time::sleep(GATHER).await;
}

/// Gives every subscription that needs one its task, and wakes those that have something to do.
fn see_to(shared: &Arc<Shared>, tasks: &mut HashMap<i64, Task>, round: Round, stop: &watch::Receiver<bool>) -> bool {
    tasks.retain(|_, task| !task.running.is_finished());
    for id in round.live {
        let task = tasks.entry(id).or_insert_with(|| {
            let wake: Arc<Notify> = Arc::default();
            let running = tokio::spawn(serve(Arc::clone(shared), id, Arc::clone(&wake), stop.clone()));
            Task { wake, running }
        });
        if round.due.contains(&id) {
            task.wake.notify_one();
        }
    }
    round.more
}

/// What a task does next.
enum Step {
    /// The subscription needs no task.
    End,
    /// Something was done without the receiver; look again.
    Again,
    /// Nothing before something happens, or before this time has passed.
    Wait(Option<Duration>),
    /// Call the receiver.
    Call(Box<Attempt>),
}

struct Attempt {
    of: Subscription,
    call: Call,
    /// The last event it tells of.
    upto: i64,
    kind: Kind,
}

async fn serve(shared: Arc<Shared>, id: i64, wake: Arc<Notify>, mut stop: watch::Receiver<bool>) {
    let mut spoke = Instant::now();
    while !*stop.borrow() {
        let Ok(place) = shared.places.acquire().await else { return };
        let own = Arc::clone(&shared);
        let silence = spoke.elapsed();
        let step = blocking(move || next(&own, id, silence)).await.unwrap_or_else(|e| {
            tracing::warn!("subscription {id} could not be looked after: {e}");
            Step::Wait(Some(own_pause()))
        });
        let wait = match step {
            Step::End => return,
            Step::Again => continue,
            Step::Wait(wait) => wait,
            Step::Call(attempt) => {
                let Attempt { of, call, upto, kind } = *attempt;
                let outcome = call::send(call).await;
                spoke = Instant::now();
                let own = Arc::clone(&shared);
                if let Err(e) = blocking(move || ended(&own, &of, kind, upto, outcome)).await {
                    tracing::warn!("what became of a notification of subscription {id} could not be kept: {e}");
                }
                continue;
            }
        };
        drop(place);
        let due = async {
            match wait {
                Some(wait) => tokio::time::sleep(wait).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! { () = wake.notified() => {}, () = due => {}, _ = stop.changed() => return }
    }
}

/// How long a task rests after the store failed it.
fn own_pause() -> Duration {
    Duration::from_secs(2)
}

/// How a receiver may be called now.
fn permission(on: &mut dyn Query, shared: &Shared, endpoint: &Endpoint) -> Result<Allowed, Refusal> {
    Ok(allowed(endpoint, &subscriptions::prefixes(on)?, shared.settings.loopback))
}

fn next(shared: &Shared, id: i64, silence: Duration) -> Result<Step, Refusal> {
    let mut reader = shared.store.read(&own_decision()?)?;
    let Some(of) = subscriptions::one(&mut reader, id)? else { return Ok(Step::End) };
    if !matches!(of.state, State::Requested | State::Active) {
        return Ok(Step::End);
    }
    let definition = matcher::definition(&mut reader, &of, &shared.settings.base)?;
    let Some(author) = matcher::author(&mut reader, &of)? else {
        // The loop ends it, or nobody of the interface has written it.
        return Ok(Step::Wait(None));
    };
    let Channel::Hook(endpoint) = definition.channel.clone() else {
        drop(reader);
        if of.state == State::Requested {
            status::set(shared, &of, State::Active, "")?;
        }
        return Ok(Step::End);
    };
    let leave = permission(&mut reader, shared, &endpoint)?;
    if leave == Allowed::No {
        let said = "its endpoint is not allowed: the administrator allows addresses with `mach subscription allow`";
        drop(reader);
        if of.state == State::Active {
            status::set(shared, &of, State::Error, said)?;
            return Ok(Step::End);
        }
        return say(shared, &of, said);
    }
    if definition.end.is_some_and(|end| end < now_seconds()) {
        drop(reader);
        return say(shared, &of, "its `end` has passed");
    }
    let wait = of.next_at - now_millis();
    if wait > 0 {
        return Ok(Step::Wait(Some(Duration::from_millis(wait.unsigned_abs()))));
    }
    let caller = Calling { shared, of: &of, definition: &definition, author: &author, endpoint, leave };
    match (of.state, of.delivered < of.events) {
        (State::Requested, _) if definition.topic.is_none() => {
            drop(reader);
            status::set(shared, &of, State::Active, "")?;
            Ok(Step::Again)
        }
        (State::Requested, _) => caller.note(reader, Kind::Handshake),
        (_, true) => caller.events(reader),
        (_, false) => match definition.heartbeat.filter(|_| definition.topic.is_some()) {
            None => Ok(Step::Wait(None)),
            Some(seconds) => match Duration::from_secs(seconds.into()).checked_sub(silence) {
                Some(rest) if !rest.is_zero() => Ok(Step::Wait(Some(rest))),
                _ => caller.note(reader, Kind::Heartbeat),
            },
        },
    }
}

/// Notes why a subscription waits; it is looked at again when something changes.
fn say(shared: &Shared, of: &Subscription, said: &'static str) -> Result<Step, Refusal> {
    if of.said != said {
        let id = of.id;
        shared.store.write(&own_decision()?, move |tx| tx.say_of_subscription(id, said))?;
    }
    Ok(Step::Wait(None))
}

struct Calling<'a> {
    shared: &'a Shared,
    of: &'a Subscription,
    definition: &'a Definition,
    author: &'a Decision,
    endpoint: Endpoint,
    leave: Allowed,
}

impl Calling<'_> {
    /// A notification without events.
    fn note(&self, reader: Reader, kind: Kind) -> Result<Step, Refusal> {
        let body = self.bundle(kind, self.of.events, &[])?;
        self.call(reader, (Method::POST, self.endpoint.clone()), Some(body), (kind, self.of.delivered), Vec::new())
    }

    fn bundle(&self, kind: Kind, last: i64, events: &[Told]) -> Result<String, Refusal> {
        let base = &self.shared.settings.base;
        let of = &Subscription { said: String::new(), ..self.of.clone() };
        let note = Note { kind, of, definition: Some(self.definition), base, last };
        note.bundle(events, self.definition.content)
    }

    fn events(&self, mut reader: Reader) -> Result<Step, Refusal> {
        let (of, plain) = (self.of, self.definition.topic.is_none());
        let batch = if plain { 1 } else { self.definition.batch };
        let told = told(&mut reader, self.author, of, of.delivered + 1, of.events, batch)?;
        let told = fitting(told, self.definition.content);
        let Some(last) = told.last().map(|t| t.n) else {
            return Err(Refusal::internal(format!("events of subscription {} are gone", of.id)));
        };
        let looks = looks(self.author, of, &told);
        if !plain {
            let body = self.bundle(Kind::Event, last, &told)?;
            return self.call(reader, (Method::POST, self.endpoint.clone()), Some(body), (Kind::Event, last), looks);
        }
        let Some(resource) = told.into_iter().next().and_then(|t| t.resource) else {
            // It was theirs to see when it happened and is not now: not even that it happened is told.
            drop(reader);
            let id = of.id;
            let taken = Outcome::Taken(last);
            self.shared
                .store
                .write(&own_decision()?, move |tx| tx.attempted(id, &taken, limits::SUBSCRIPTION_EVENTS))?;
            return Ok(Step::Again);
        };
        if self.definition.mime.is_none() {
            return self.call(reader, (Method::POST, self.endpoint.clone()), None, (Kind::Event, last), looks);
        }
        let body = render::with_meta(&resource.body, resource.version, resource.at)?;
        let endpoint = self.endpoint.below(&format!("{}/{}", resource.kind.name(), resource.id));
        self.call(reader, (Method::PUT, endpoint), Some(body), (Kind::Event, last), looks)
    }

    /// The call, once it is audited and this process has taken the subscription for it.
    fn call(
        &self,
        mut reader: Reader,
        (method, endpoint): (Method, Endpoint),
        body: Option<String>,
        (kind, upto): (Kind, i64),
        looks: Vec<Look>,
    ) -> Result<Step, Refusal> {
        let kept = subscriptions::headers(&mut reader, self.of.facility, &self.of.fhir)?;
        drop(reader);
        let lines = kept.filter(|(by, _)| *by == self.of.account).map(|(_, lines)| lines).unwrap_or_default();
        let headers = lines_of(&lines).map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
        let body = match (body, self.definition.mime) {
            (None, _) => None,
            (Some(json), Some(Mime::Xml)) => Some((FHIR_XML, as_xml(&json)?)),
            (Some(json), _) => Some((FHIR_JSON, json)),
        };
        let (id, holder) = (self.of.id, self.shared.holder.clone());
        let now = now_millis();
        let until = now + i64::from(self.definition.timeout) * 1_000 + GRACE_MILLIS;
        // Who is told what is written down before it is told.
        let ours = self.shared.store.write(&own_decision()?, move |tx| {
            let ours = tx.hold(id, &holder, now, until)?;
            if ours {
                tx.audit_looks(&looks)?;
            }
            Ok(ours)
        })?;
        if !ours {
            return Ok(Step::Wait(Some(own_pause())));
        }
        let within = Duration::from_secs(self.definition.timeout.into());
        let call = Call { endpoint, allowed: self.leave, method, headers, body, within };
        Ok(Step::Call(Box::new(Attempt { of: self.of.clone(), call, upto, kind })))
    }
}

/// Events of a subscription as its author (or who asks) may see them now.
///
/// # Errors
/// Of the store.
pub fn told(
    on: &mut dyn Query,
    decision: &Decision,
    of: &Subscription,
    from: i64,
    to: i64,
    limit: usize,
) -> Result<Vec<Told>, Refusal> {
    let events = subscriptions::events(on, of.id, from, to, limit)?;
    let mut rids: Vec<i64> = events.iter().map(|e| e.rid).collect();
    let seen = subscriptions::seen(on, decision.scope(), &rids)?;
    rids.retain(|rid| seen.contains(rid));
    let mut resources: HashMap<i64, Resource> =
        resources::of_rids(on, &rids)?.into_iter().map(|r| (r.rid, r)).collect();
    Ok(events.into_iter().map(|e| Told { n: e.n, at: e.at, resource: resources.remove(&e.rid) }).collect())
}

/// What is written down of what is told.
pub fn looks(author: &Decision, of: &Subscription, told: &[Told]) -> Vec<Look> {
    let at = now_seconds();
    let seen = told.iter().filter_map(|t| t.resource.as_ref());
    seen.map(|r| Look {
        at,
        actor: author.actor().clone(),
        act: Act::ReadFhir,
        person: r.patient,
        target: short(format!("Subscription/{} tells {}/{}", of.fhir, r.kind.name(), r.id)),
        outcome: "granted",
    })
    .collect()
}

/// Keeps how an attempt ended.
fn ended(
    shared: &Shared,
    of: &Subscription,
    kind: Kind,
    upto: i64,
    outcome: Result<(), String>,
) -> Result<(), Refusal> {
    let said = match outcome {
        Ok(()) => {
            if kind == Kind::Handshake {
                status::set(shared, of, State::Active, "")?;
            }
            let (id, taken) = (of.id, Outcome::Taken(upto));
            return Ok(shared
                .store
                .write(&own_decision()?, move |tx| tx.attempted(id, &taken, limits::SUBSCRIPTION_EVENTS))?);
        }
        Err(said) => said,
    };
    tracing::warn!("subscription {} ({}): {said}", of.id, of.fhir);
    let doubled = 1_u32.checked_shl(u32::try_from(of.failures).unwrap_or(31).min(31)).unwrap_or(u32::MAX);
    let pause = shared.settings.first_retry.saturating_mul(doubled).min(LONGEST_RETRY);
    let next_at = now_millis() + i64::try_from(pause.as_millis()).unwrap_or(i64::MAX / 2);
    let (id, failed) = (of.id, Outcome::Failed(said.clone(), next_at));
    shared.store.write(&own_decision()?, move |tx| tx.attempted(id, &failed, limits::SUBSCRIPTION_EVENTS))?;
    if of.failures + 1 >= shared.settings.tries {
        status::set(shared, of, State::Error, &format!("given up after {} failures: {said}", of.failures + 1))?;
    }
    Ok(())
}
