//! Websockets: a receiver that cannot be called holds one open and binds its subscriptions to it.
//!
//! `bind ID` (R4 §2.46.5.2) needs the session or token of the connection itself and is answered `bound ID`, then `ping ID`
//! for each event. `bind-with-token TOKEN` (backport guide) needs none and is answered with notification Bundles. What
//! happened while nobody was bound is asked for with `$events`.

use super::definition::Definition;
use super::matcher;
use super::notify::{Kind, Note, Told, fitting};
use super::operations::bindable;
use super::worker::{looks, told};
use crate::caller::base;
use crate::refusal::Refusal;
use crate::serve::blocking;
use crate::state::{State as Kept, own_decision};
use axum::Extension;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{FromRequestParts, Request, State as With};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use mach_access::{Act, Actor, decide, secret};
use mach_base::limits;
use mach_house::{House, Session};
use mach_store::Store;
use mach_store::subscriptions::{self, State, Subscription};
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// How long a connection may be open without a subscription, and how often it is asked whether it lives.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a message may take to go out.
const SLOW: Duration = Duration::from_secs(10);

/// `GET /fhir/$ws`.
///
/// # Errors
/// 400 where it is no websocket, 403 from another site's page, 503 where too many are open.
pub async fn connect(
    With(house): With<House>,
    Extension(state): Extension<Kept>,
    request: Request,
) -> Result<Response, Refusal> {
    let (mut parts, _) = request.into_parts();
    if !from_here(&parts.headers) {
        return Err(Refusal::new(StatusCode::FORBIDDEN, "forbidden", "a page of another site may not connect"));
    }
    let session = Session::from_request_parts(&mut parts, &house).await.ok();
    if let Some(session) = &session {
        crate::app::not_for_apps(session, "`$ws`")?;
    }
    let actor = session.map(|s| s.actor);
    let upgrade = WebSocketUpgrade::from_request_parts(&mut parts, &house)
        .await
        .map_err(|e| Refusal::invalid(format!("this address takes websockets only: {e}")))?;
    let Some(place) = Place::take(&state) else {
        let mut refusal = Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "throttled", "too many websockets are open");
        refusal.retry_after = Some(30);
        return Err(refusal);
    };
    let base = base(&house, &parts.headers, false);
    let line = Line { state, store: house.store().clone(), actor, base, bound: Vec::new() };
    let upgrade = upgrade
        .max_message_size(limits::WEBSOCKET_MESSAGE_BYTES)
        .max_frame_size(limits::WEBSOCKET_MESSAGE_BYTES)
        .max_write_buffer_size(8 * limits::SUBSCRIPTION_BYTES);
    Ok(upgrade.on_upgrade(move |socket| line.hold(socket, place)).into_response())
}

/// A page of another site must not use the cookie of this one.
fn from_here(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|v| v.to_str().ok());
    match (text(header::ORIGIN), text(header::HOST)) {
        (None, _) => true,
        (Some(origin), Some(host)) => origin.split_once("://").is_some_and(|(_, of)| of == host),
        _ => false,
    }
}

/// One of the places for websockets.
struct Place(Kept);

impl Place {
    fn take(state: &Kept) -> Option<Self> {
        let open = &state.hub().sockets;
        let more = |n: usize| (n < limits::WEBSOCKETS).then_some(n + 1);
        open.fetch_update(Ordering::SeqCst, Ordering::SeqCst, more).ok().map(|_| Self(state.clone()))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.hub().sockets.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A subscription on a websocket.
#[derive(Clone)]
struct Bound {
    id: i64,
    /// The last event told here.
    sent: i64,
    spoke: Instant,
    heartbeat: Option<Duration>,
}

/// An open websocket.
struct Line {
    state: Kept,
    store: Store,
    actor: Option<Actor>,
    base: String,
    bound: Vec<Bound>,
}

impl Line {
    async fn hold(mut self, mut socket: WebSocket, place: Place) {
        let mut changed = self.state.hub().changed.subscribe();
        let began = Instant::now();
        let mut heard = Instant::now();
        let mut asked = Instant::now();
        loop {
            let wait = self.next_due(asked);
            let step = tokio::select! {
                message = socket.recv() => match message {
                    Some(Ok(Message::Text(text))) => {
                        heard = Instant::now();
                        self.told(text.as_str()).await
                    }
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => {
                        heard = Instant::now();
                        Ok(Vec::new())
                    }
                    Some(Ok(Message::Binary(_))) => Ok(vec!["error: only text is read here".to_owned()]),
                    Some(Ok(Message::Close(_)) | Err(_)) | None => break,
                },
                moved = changed.changed() => match moved {
                    Ok(()) => self.news().await,
                    Err(_) => break,
                },
                () = tokio::time::sleep(wait) => self.news().await,
            };
            let out = step.unwrap_or_else(|refusal| vec![format!("error: {}", refusal.text)]);
            for text in out {
                let sent = tokio::time::timeout(SLOW, socket.send(Message::Text(text.into()))).await;
                if !matches!(sent, Ok(Ok(()))) {
                    return;
                }
            }
            if self.bound.is_empty() && began.elapsed() > PATIENCE || heard.elapsed() > 3 * PATIENCE {
                break;
            }
            if asked.elapsed() >= PATIENCE {
                asked = Instant::now();
                if socket.send(Message::Ping(axum::body::Bytes::new())).await.is_err() {
                    break;
                }
            }
        }
        // Dropped here, not before: a place is free when its socket is closed.
        drop(socket);
        drop(place);
    }

    /// When something is to be said though nothing happens.
    fn next_due(&self, asked: Instant) -> Duration {
        let beats = self.bound.iter().filter_map(|b| b.heartbeat.map(|h| h.saturating_sub(b.spoke.elapsed())));
        beats.chain([PATIENCE.saturating_sub(asked.elapsed())]).min().unwrap_or(PATIENCE)
    }

    /// What a message asks, done; gives what is answered.
    async fn told(&mut self, text: &str) -> Result<Vec<String>, Refusal> {
        let (word, rest) = text.trim().split_once([' ', ':']).unwrap_or((text.trim(), ""));
        let rest = rest.trim_matches([' ', ':']).to_owned();
        match word {
            "bind-with-token" => self.bind_with_token(&rest).await,
            "bind" => self.bind(rest).await,
            _ => Err(Refusal::invalid("send `bind ID` or `bind-with-token TOKEN`")),
        }
    }

    async fn bind(&mut self, id: String) -> Result<Vec<String>, Refusal> {
        let actor = self.actor.clone().ok_or_else(|| {
            Refusal::invalid("`bind` needs `Authorization` when the connection is opened; or use `bind-with-token`")
        })?;
        let (store, base) = (self.store.clone(), self.base.clone());
        let name = id.clone();
        let of = blocking(move || {
            // Asked anew: the token may have been revoked since the connection was opened.
            let own = own_decision()?;
            let live = mach_store::accounts::by_number(&mut store.read(&own)?, actor.account)?;
            let refused = |_| Refusal::new(StatusCode::FORBIDDEN, "forbidden", "this account may not read");
            let live = live.ok_or_else(|| refused(mach_access::Denied))?;
            let decision = decide(&live, Act::ReadFhir).map_err(refused)?;
            bindable(&mut store.read(&decision)?, &name, &base)
        })
        .await?;
        self.add(&of, None)?;
        Ok(vec![format!("bound {id}")])
    }

    async fn bind_with_token(&mut self, token: &str) -> Result<Vec<String>, Refusal> {
        let found = {
            let mut bindings = self.state.hub().bindings.lock().unwrap_or_else(PoisonError::into_inner);
            bindings.remove(&secret::token_hash(token)).filter(|b| b.until > Instant::now())
        };
        let found = found.ok_or_else(|| Refusal::invalid("the token is not known, was used, or is too old"))?;
        let mut out = Vec::new();
        for id in found.ids {
            let (store, base) = (self.store.clone(), self.base.clone());
            let (of, heartbeat, text) = blocking(move || {
                let mut reader = store.read(&own_decision()?)?;
                let of = subscriptions::one(&mut reader, id)?
                    .filter(|s| s.state == State::Active)
                    .ok_or_else(|| Refusal::invalid("a subscription of this token is not active any more"))?;
                let definition = matcher::definition(&mut reader, &of, &base)?;
                if definition.topic.is_none() {
                    let text = format!("bound {}", of.fhir);
                    return Ok((of, None, text));
                }
                let note = Note {
                    kind: Kind::Handshake,
                    of: &of,
                    definition: Some(&definition),
                    base: &base,
                    last: of.events,
                };
                let text = note.bundle(&[], definition.content)?;
                let beat = definition.heartbeat.map(|s| Duration::from_secs(s.into()));
                Ok((of, beat, text))
            })
            .await?;
            self.add(&of, heartbeat)?;
            out.push(text);
        }
        Ok(out)
    }

    fn add(&mut self, of: &Subscription, heartbeat: Option<Duration>) -> Result<(), Refusal> {
        self.bound.retain(|b| b.id != of.id);
        if self.bound.len() >= limits::WEBSOCKET_SUBSCRIPTIONS {
            let text = format!("at most {} subscriptions on one websocket", limits::WEBSOCKET_SUBSCRIPTIONS);
            return Err(Refusal::too_costly(text));
        }
        self.bound.push(Bound { id: of.id, sent: of.events, spoke: Instant::now(), heartbeat });
        Ok(())
    }

    /// What has happened since, for every bound subscription.
    async fn news(&mut self) -> Result<Vec<String>, Refusal> {
        if self.bound.is_empty() {
            return Ok(Vec::new());
        }
        let (store, base, bound) = (self.store.clone(), self.base.clone(), self.bound.clone());
        let (bound, out) = blocking(move || {
            let (mut left, mut out) = (Vec::new(), Vec::new());
            for mut one in bound {
                let (stays, said) = news_of(&store, &base, &mut one)?;
                if !said.is_empty() {
                    one.spoke = Instant::now();
                }
                out.extend(said);
                if stays {
                    left.push(one);
                }
            }
            Ok((left, out))
        })
        .await?;
        self.bound = bound;
        Ok(out)
    }
}

/// What is to be said of one subscription, and whether it stays bound.
fn news_of(store: &Store, base: &str, one: &mut Bound) -> Result<(bool, Vec<String>), Refusal> {
    let own = own_decision()?;
    let mut reader = store.read(&own)?;
    let Some(of) = subscriptions::one(&mut reader, one.id)? else { return Ok((false, Vec::new())) };
    let definition = matcher::definition(&mut reader, &of, base)?;
    let author = matcher::author(&mut reader, &of)?;
    let (State::Active, Some(author)) = (of.state, author) else {
        let note = Note { kind: Kind::Status, of: &of, definition: Some(&definition), base, last: of.events };
        let text = note.bundle(&[], definition.content)?;
        return Ok((false, if definition.topic.is_some() { vec![text] } else { Vec::new() }));
    };
    let mut out = Vec::new();
    while one.sent < of.events {
        let found = told(&mut reader, &author, &of, one.sent + 1, of.events, definition.batch)?;
        let found = fitting(found, definition.content);
        // Numbers that are no longer kept are gone for this connection.
        let Some(last) = found.last().map(|t| t.n) else {
            one.sent = of.events;
            break;
        };
        drop(reader);
        let written = looks(&author, &of, &found);
        store.write(&own, move |tx| tx.audit_looks(&written))?;
        out.extend(said(&of, &definition, base, &found, last)?);
        one.sent = last;
        reader = store.read(&own)?;
    }
    if out.is_empty() && one.heartbeat.is_some_and(|beat| one.spoke.elapsed() >= beat) {
        let note = Note { kind: Kind::Heartbeat, of: &of, definition: Some(&definition), base, last: of.events };
        out.push(note.bundle(&[], definition.content)?);
    }
    Ok((true, out))
}

fn said(
    of: &Subscription,
    definition: &Definition,
    base: &str,
    found: &[Told],
    last: i64,
) -> Result<Vec<String>, Refusal> {
    if definition.topic.is_none() {
        return Ok(found.iter().filter(|t| t.resource.is_some()).map(|_| format!("ping {}", of.fhir)).collect());
    }
    let note = Note { kind: Kind::Event, of, definition: Some(definition), base, last };
    Ok(vec![note.bundle(found, definition.content)?])
}
