//! `$status`, `$events`, `$get-ws-binding-token` of Subscription, and the list of topics.

use super::definition::{Channel, Content, Definition};
use super::matcher;
use super::notify::{Kind, Note};
use super::topic;
use super::worker::{looks, told};
use crate::query;
use crate::read;
use crate::refusal::Refusal;
use crate::serve::{Asked, blocking, short};
use axum::http::{Method, StatusCode};
use axum::response::Response;
use mach_access::{Act, Decision, Scope, secret};
use mach_base::limits;
use mach_fhir::json::Writer;
use mach_fhir::tree::Value;
use mach_fhir::{ResourceType, Tree};
use mach_store::Reader;
use mach_store::resources::Resource;
use mach_store::subscriptions::{self, State, Subscription};
use std::sync::PoisonError;
use std::time::{Duration, Instant};

/// How long a token to bind a websocket is good for.
const BINDING: Duration = Duration::from_secs(60);
/// Tokens that may be waiting to be used.
const BINDINGS: usize = 1_000;

/// Permission to bind a websocket to subscriptions.
#[derive(Clone, Debug)]
pub struct Binding {
    /// Numbers of the subscriptions.
    pub ids: Vec<i64>,
    /// Until when.
    pub until: Instant,
}

fn value(asked: &Asked, name: &str) -> Result<Vec<String>, Refusal> {
    let mut found: Vec<String> =
        query::pairs(&asked.query)?.into_iter().filter(|p| p.name == name).map(|p| p.value).collect();
    if asked.method == Method::POST && !asked.body.is_empty() {
        let tree = Tree::parse(asked.json()?).map_err(|e| Refusal::invalid(e.to_string()))?;
        let parameters = tree.root().get("parameter").into_iter().flat_map(Value::items);
        for parameter in parameters.filter(|p| p.get_text("name").as_deref() == Some(name)) {
            let value = parameter.members().find(|(n, _)| n.starts_with("value")).and_then(|(_, v)| v.text());
            found.extend(value.map(|v| v.into_owned()));
        }
    }
    Ok(found)
}

/// A Subscription as the asker may see it, and how it is carried out. One that nobody has looked at yet is as it says.
fn one(reader: &mut Reader, id: &str, base: &str) -> Result<(Resource, Subscription, Option<Definition>), Refusal> {
    let scope = reader.scope();
    let resource = read::current(reader, scope, ResourceType::SUBSCRIPTION, id)?;
    let definition = Definition::read(&resource.body, base).ok();
    let known = subscriptions::of(reader, resource.facility.unwrap_or(0), id)?;
    let of = known.unwrap_or_else(|| Subscription {
        id: 0,
        facility: resource.facility.unwrap_or(0),
        fhir: id.to_owned(),
        rid: resource.rid,
        account: 0,
        state: definition.as_ref().map_or(State::Error, |d| d.status),
        cursor: resource.rid,
        events: 0,
        delivered: 0,
        failures: 0,
        attempts: 0,
        next_at: 0,
        said: String::new(),
        done_at: 0,
    });
    Ok((resource, of, definition))
}

/// `Subscription/$status` and `Subscription/[id]/$status`.
///
/// # Errors
/// 404, 400.
pub async fn status(asked: Asked, id: Option<String>) -> Result<Response, Refusal> {
    let decision = asked.caller.decide(&asked.house, Act::ReadFhir).await?;
    let states = value(&asked, "status")?;
    let ids = match &id {
        Some(id) => vec![id.clone()],
        None => value(&asked, "id")?,
    };
    blocking(move || {
        let mut reader = asked.store.read(&decision)?;
        let mut wanted = ids;
        if wanted.is_empty() {
            let scope = reader.scope();
            let all = subscriptions::all(&mut reader)?;
            let own = all.into_iter().filter(|s| scope.facility().is_none_or(|f| f == s.facility));
            wanted = own.map(|s| s.fhir).take(limits::FHIR_PAGE).collect();
        }
        let mut out = String::from("{\"resourceType\":\"Bundle\",\"type\":\"searchset\"");
        let mut entries = Vec::new();
        for one_id in wanted.iter().take(limits::FHIR_PAGE) {
            let (_, of, definition) = match one(&mut reader, one_id, &asked.caller.base) {
                Ok(found) => found,
                // A list leaves out what is not there; one that is asked for by its address is missed.
                Err(refusal) if id.is_some() => return Err(refusal),
                Err(_) => continue,
            };
            if !states.is_empty() && !states.iter().any(|s| s == of.state.code()) {
                continue;
            }
            let base = &asked.caller.base;
            let note = Note { kind: Kind::Status, of: &of, definition: definition.as_ref(), base, last: of.events };
            entries.push(note.status(&[], Content::Empty));
        }
        drop(reader);
        out.push_str(&format!(",\"total\":{}", entries.len()));
        for (n, entry) in entries.iter().enumerate() {
            out.push_str(if n == 0 { ",\"entry\":[{\"resource\":" } else { ",{\"resource\":" });
            out.push_str(entry);
            out.push_str(",\"search\":{\"mode\":\"match\"}}");
        }
        out.push_str(if entries.is_empty() { "}" } else { "]}" });
        asked.state.look(&decision, None, short(format!("Subscription/{}/$status", wanted.join(","))), "granted")?;
        asked.caller.answer(StatusCode::OK, out, false)
    })
    .await
}

/// `Subscription/[id]/$events`: what was told, by number, as the asker may see it.
///
/// # Errors
/// 404, 400.
pub async fn events(asked: Asked, id: String) -> Result<Response, Refusal> {
    let decision = asked.caller.decide(&asked.house, Act::ReadFhir).await?;
    let number = |name: &'static str| -> Result<Option<i64>, Refusal> {
        let given = value(&asked, name)?;
        let read = |v: &String| v.parse::<i64>().ok().filter(|n| *n >= 0);
        let refused = || Refusal::invalid(format!("`{name}` is the number of an event")).at(name);
        given.first().map(|v| read(v).ok_or_else(refused)).transpose()
    };
    let (since, until) = (number("eventsSinceNumber")?, number("eventsUntilNumber")?);
    let content = match value(&asked, "content")?.first().map(String::as_str) {
        None => None,
        Some("empty") => Some(Content::Empty),
        Some("id-only") => Some(Content::IdOnly),
        Some("full-resource") => Some(Content::Full),
        Some(_) => return Err(Refusal::invalid("`content` is empty, id-only or full-resource").at("content")),
    };
    blocking(move || {
        let mut reader = asked.store.read(&decision)?;
        let (_, of, definition) = one(&mut reader, &id, &asked.caller.base)?;
        let (from, to) = (since.unwrap_or(1), until.unwrap_or(i64::MAX));
        let events = told(&mut reader, &decision, &of, from, to, limits::FHIR_PAGE)?;
        let base = &asked.caller.base;
        let note = Note { kind: Kind::Events, of: &of, definition: definition.as_ref(), base, last: of.events };
        let content = content.or(definition.as_ref().map(|d| d.content)).unwrap_or(Content::Empty);
        let body = note.bundle(&events, content)?;
        drop(reader);
        for look in looks(&decision, &of, &events) {
            asked.state.look(&decision, look.person, look.target, "granted")?;
        }
        asked.state.look(&decision, None, short(format!("Subscription/{id}/$events")), "granted")?;
        asked.caller.answer(StatusCode::OK, body, false)
    })
    .await
}

/// Whether who asks may be told by websocket what the author of a subscription may see: the author, or who sees everything.
///
/// # Errors
/// 403.
pub fn may_bind(decision: &Decision, of: &Subscription) -> Result<(), Refusal> {
    if decision.actor().account == of.account || decision.scope() == Scope::All {
        return Ok(());
    }
    let text = format!("`Subscription/{}` was written by somebody else", of.fhir);
    Err(Refusal::new(StatusCode::FORBIDDEN, "forbidden", text))
}

/// A subscription that a websocket may be bound to.
///
/// # Errors
/// 404, 403, 422.
pub fn bindable(reader: &mut Reader, id: &str, base: &str) -> Result<Subscription, Refusal> {
    let decision = reader.decision().clone();
    let (_, of, definition) = one(reader, id, base)?;
    if definition.is_none_or(|d| d.channel != Channel::Socket) {
        let text = format!("`Subscription/{id}` is not told by websocket");
        return Err(Refusal::unprocessable("business-rule", text).at("Subscription.channel.type"));
    }
    if of.id == 0 || of.state != State::Active || matcher::author(reader, &of)?.is_none() {
        let text = format!("`Subscription/{id}` is not active");
        return Err(Refusal::unprocessable("business-rule", text).at("Subscription.status"));
    }
    may_bind(&decision, &of)?;
    Ok(of)
}

/// `Subscription/$get-ws-binding-token`, also of one.
///
/// # Errors
/// 404, 403, 422; 503 where too many tokens wait.
pub async fn binding_token(asked: Asked, id: Option<String>) -> Result<Response, Refusal> {
    let decision = asked.caller.decide(&asked.house, Act::ReadFhir).await?;
    let ids = match id {
        Some(id) => vec![id],
        None => value(&asked, "id")?,
    };
    if ids.is_empty() || ids.len() > limits::WEBSOCKET_SUBSCRIPTIONS {
        let text = format!("name 1 to {} subscriptions by `id`", limits::WEBSOCKET_SUBSCRIPTIONS);
        return Err(Refusal::invalid(text).at("id"));
    }
    blocking(move || {
        let mut reader = asked.store.read(&decision)?;
        let mut numbers = Vec::new();
        for id in &ids {
            let id = id.rsplit('/').next().unwrap_or_default();
            numbers.push(bindable(&mut reader, id, &asked.caller.base)?.id);
        }
        drop(reader);
        let token = secret::new_token("").map_err(Refusal::internal)?;
        let now = Instant::now();
        {
            let mut bindings = asked.state.hub().bindings.lock().unwrap_or_else(PoisonError::into_inner);
            bindings.retain(|_, b| b.until > now);
            if bindings.len() >= BINDINGS {
                let mut refusal =
                    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "throttled", "too many tokens wait to be used");
                refusal.retry_after = Some(60);
                return Err(refusal);
            }
            bindings.insert(secret::token_hash(&token), Binding { ids: numbers, until: now + BINDING });
        }
        let base = asked.caller.base.replacen("http", "ws", 1);
        let expires = mach_base::time::now_seconds() + i64::try_from(BINDING.as_secs()).unwrap_or(0);
        let mut out = String::new();
        Writer::object(&mut out, |w| {
            w.text("resourceType", "Parameters");
            w.list("parameter", |l| {
                let mut simple = |name: &str, value: &'static str, text: &str| {
                    l.item(|w| {
                        w.text("name", name).text(value, text);
                    });
                };
                simple("token", "valueString", &token);
                simple("expiration", "valueDateTime", &crate::moment::instant(expires));
                for id in &ids {
                    simple("subscription", "valueString", id);
                }
                simple("websocket-url", "valueUrl", &format!("{base}/$ws"));
            });
        });
        let target = short(format!("Subscription/{}/$get-ws-binding-token", ids.join(",")));
        asked.state.look(&decision, None, target, "granted")?;
        asked.caller.answer(StatusCode::OK, out, false)
    })
    .await
}

/// `SubscriptionTopic`, `SubscriptionTopic/[id]`: what can be subscribed to.
///
/// # Errors
/// 404 where there is no such topic.
pub async fn topics(asked: Asked, id: Option<String>) -> Result<Response, Refusal> {
    asked.caller.decide(&asked.house, Act::ReadFhir).await?;
    let body = match &id {
        None => {
            let url = query::pairs(&asked.query)?.into_iter().find(|p| p.name == "url").map(|p| p.value);
            let only = url.map(|u| topic::find(&u).map_or(String::from("-"), |t| t.id.clone()));
            topic::listed(&asked.caller.base, only.as_deref())
        }
        Some(id) => {
            let found = topic::all().iter().find(|t| t.id == *id);
            topic::as_basic(found.ok_or_else(|| Refusal::not_found("SubscriptionTopic", id))?)
        }
    };
    asked.caller.answer(StatusCode::OK, body, false)
}
