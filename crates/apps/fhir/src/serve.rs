//! The one handler: an address and a method are one interaction.

use crate::body::{criteria, update};
use crate::caller::{Caller, FHIR_XML, Format, Return, as_xml, other_version, version_of, with_header};
use crate::clauses::Reading;
use crate::query::{self, Pair};
use crate::refusal::{Refusal, note};
use crate::search::{Place, Search};
use crate::state::{State, without_numbers};
use crate::subscription;
use crate::terms::search::Terms;
use crate::write::{self, Action, Deciding, Done, Op, Target};
use crate::{app, binary, bulk, bundle, capability, found, moment, operations, patch, read, render, trail, views};
use axum::Extension;
use axum::body::Bytes;
use axum::extract::State as With;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use mach_access::{Act, Decision};
use mach_fhir::{ResourceType, definitions, xml};
use mach_house::House;
use mach_store::resources::{self, Of, Resource};
use mach_store::{Reader, Store};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

/// A request, taken apart.
#[derive(Clone)]
pub struct Asked {
    /// Who and how.
    pub caller: Caller,
    /// Method.
    pub method: Method,
    /// What stands behind `/fhir`, decoded.
    pub segments: Vec<String>,
    /// The query as sent.
    pub query: String,
    /// The body.
    pub body: Bytes,
    /// The store.
    pub store: Store,
    /// The house.
    pub house: House,
    /// What the interface keeps.
    pub state: State,
}

/// Answers everything below `/fhir` but `metadata`.
pub async fn any(
    With(house): With<House>,
    Extension(state): Extension<State>,
    method: Method,
    uri: Uri,
    caller: Caller,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Refusal> {
    let format = caller.format;
    taken(house, state, (method, uri), caller, body).await.or_else(|refusal| match format {
        Format::Json => Err(refusal),
        Format::Xml => {
            let xml = as_xml(&refusal.outcome())?;
            let mut response = refusal.into_response();
            with_header(&mut response, header::CONTENT_TYPE, FHIR_XML);
            response.headers_mut().remove(header::CONTENT_LENGTH);
            *response.body_mut() = xml.into();
            Ok(response)
        }
    })
}

/// XML of a body as JSON; everything within is JSON.
fn read_xml(caller: &mut Caller, body: Bytes) -> Result<Bytes, Refusal> {
    let kind = caller.header("content-type").unwrap_or_default().to_ascii_lowercase();
    if !kind.contains("xml") || kind.contains("patch") || other_version(&kind) {
        return Ok(body);
    }
    let text = std::str::from_utf8(&body).map_err(|_| Refusal::invalid("the body is not UTF-8"))?;
    let tree =
        xml::parse(text, definitions::r4()).map_err(|e| Refusal::invalid(format!("the body is no FHIR XML: {e}")))?;
    caller.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/fhir+json"));
    Ok(Bytes::from(tree.source().to_owned()))
}

async fn taken(
    house: House,
    state: State,
    (method, uri): (Method, Uri),
    mut caller: Caller,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Refusal> {
    let body = body.map_err(|e| {
        let status = e.into_response().status();
        let code = if status == StatusCode::PAYLOAD_TOO_LARGE { "too-long" } else { "invalid" };
        Refusal::new(status, code, "the body could not be taken")
    })?;
    let path = uri.path().trim_start_matches("/fhir").trim_matches('/');
    let segments = path.split('/').filter(|s| !s.is_empty()).map(query::decode).collect::<Result<Vec<_>, _>>()?;
    let body = match binary::taken(&method, &segments, &caller, &body)? {
        Some(resource) => {
            caller.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/fhir+json"));
            Bytes::from(resource)
        }
        None => read_xml(&mut caller, body)?,
    };
    let query = uri.query().unwrap_or_default().to_owned();
    let asked = Asked { caller, method, segments, query, body, store: house.store().clone(), house, state };
    let again = (!matches!(asked.method, Method::GET | Method::HEAD)).then(|| asked.clone());
    match (asked.answer().await, again) {
        // A condition within a transaction cannot wait for the index. It was taken back: index what waits, then do it.
        (Err(refusal), Some(again)) if refusal.unindexed => {
            let (store, state) = (again.store.clone(), again.state.clone());
            blocking(move || state.index_waiting(&store)).await?;
            again.answer().await
        }
        (answer, _) => answer,
    }
}

/// Runs `work` off the async threads.
///
/// # Errors
/// Those of `work`; 500 where it panicked.
pub async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    // What the work logs, and a panic of it, carry the request's id.
    let span = tracing::Span::current();
    tokio::task::spawn_blocking(move || span.in_scope(work)).await.map_err(Refusal::internal)?
}

/// Runs `work` in one transaction: a refusal takes everything back and comes out as it is.
///
/// # Errors
/// Those of `work` and of the store.
pub fn transact<T: Send + 'static>(
    store: &Store,
    decision: &Decision,
    base: String,
    work: impl FnOnce(&mut Deciding<'_, '_>) -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    let refused: Arc<Mutex<Option<Refusal>>> = Arc::default();
    let slot = Arc::clone(&refused);
    let outcome = store.write(decision, move |tx| {
        work(&mut Deciding::new(tx, &base)).map_err(|refusal| {
            let text = refusal.text.clone();
            *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(refusal);
            mach_store::Error::Refused(text)
        })
    });
    outcome.map_err(|e| refused.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or_else(|| e.into()))
}

impl Asked {
    /// Answers what an entry of a batch asks.
    ///
    /// # Errors
    /// Those of the interaction.
    pub fn answer_entry(self) -> Pin<Box<dyn Future<Output = Result<Response, Refusal>> + Send>> {
        Box::pin(self.answer())
    }

    async fn answer(mut self) -> Result<Response, Refusal> {
        app::prepare(&mut self)?;
        let segments = self.segments.clone();
        let names: Vec<&str> = segments.iter().map(String::as_str).collect();
        let method = self.method.clone();
        let reads = matches!(method, Method::GET | Method::HEAD);
        if names == ["AuditEvent", "$export"] && trail::is_asked_by(&self.caller) {
            return trail::export(self).await;
        }
        if let Some(last) = names.last().filter(|l| l.starts_with('$')) {
            let (last, rest) = ((*last).to_owned(), names[..names.len() - 1].iter().map(|s| (*s).to_owned()).collect());
            if views::is_run(&last) {
                return views::run(self, rest).await;
            }
            return operations::run(self, &last, rest).await;
        }
        match names.as_slice() {
            ["metadata"] if reads => capability::answer(&self).await,
            [] if method == Method::POST => bundle::answer(self).await,
            [] if reads => self.search(Place::System).await,
            ["_search"] if method == Method::POST => self.search(Place::System).await,
            ["_history"] if reads => self.history(None).await,
            ["_search" | "_history", ..] => Err(self.not_allowed()),
            ["SubscriptionTopic"] if reads => subscription::operations::topics(self, None).await,
            ["SubscriptionTopic", id] if reads => {
                let id = (*id).to_owned();
                subscription::operations::topics(self, Some(id)).await
            }
            ["AuditEvent", rest @ ..] if trail::is_asked_by(&self.caller) => {
                let rest = rest.iter().map(|s| (*s).to_owned()).collect();
                trail::answer(self, rest).await
            }
            ["ViewDefinition", rest @ ..] => views::answer(self, rest).await,
            ["bulk", rest @ ..] => bulk::answer(self, rest).await,
            [kind, rest @ ..] => {
                let kind = type_of(kind)?;
                match rest {
                    [] | ["_search"] if reads || method == Method::POST && !rest.is_empty() => {
                        self.search(Place::Type(kind)).await
                    }
                    [] => self.write(kind, None).await,
                    ["_history"] if reads => self.history(Some((kind, None))).await,
                    [id] if reads => self.read(kind, (*id).to_owned(), None).await,
                    [id] if method != Method::POST => self.write(kind, Some((*id).to_owned())).await,
                    [id, "_history"] if reads => self.history(Some((kind, Some((*id).to_owned())))).await,
                    [id, "_history", version] if reads => {
                        let (id, version) = ((*id).to_owned(), (*version).to_owned());
                        self.read(kind, id, Some(version)).await
                    }
                    [id, of] | [id, of, "_search"] if reads || (method == Method::POST && rest.len() == 3) => {
                        let of = if *of == "*" { None } else { Some(type_of(of)?) };
                        let place = Place::Compartment(kind.name().to_owned(), (*id).to_owned(), of);
                        self.search(place).await
                    }
                    _ => Err(self.not_allowed()),
                }
            }
            _ => Err(self.not_allowed()),
        }
    }

    /// 405.
    pub fn not_allowed(&self) -> Refusal {
        let text = format!("`{} /{}` is no interaction here", self.method, self.segments.join("/"));
        Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "not-supported", text)
    }

    /// The query's parameters, with those of a form in the body.
    ///
    /// # Errors
    /// 400, 415.
    pub fn pairs(&self) -> Result<Vec<Pair>, Refusal> {
        let mut pairs = query::pairs(&self.query)?;
        if self.method == Method::POST && self.segments.last().is_some_and(|s| s == "_search") && !self.body.is_empty()
        {
            let kind = self.content_type();
            if kind != "application/x-www-form-urlencoded" {
                let text = format!("`{kind}`: a search is posted as `application/x-www-form-urlencoded`");
                return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not-supported", text));
            }
            let form = std::str::from_utf8(&self.body).map_err(|_| Refusal::invalid("the form is not UTF-8"))?;
            pairs.extend(query::pairs(form)?);
        }
        Ok(pairs)
    }

    async fn search(self, place: Place) -> Result<Response, Refusal> {
        let decision = self.caller.decide(&self.house, Act::ReadFhir).await?;
        let pairs = self.pairs()?;
        self.caller.looks(&place, &pairs)?;
        blocking(move || {
            let mut reader = self.store.read(&decision)?;
            let terms = Terms::of(self.state.shelves(), &mut reader, decision.scope(), &pairs)?;
            let understood = Reading::new(&self.caller.base).knowing(terms);
            let search = Search::read_on(understood, &mut reader, &place, &pairs, self.caller.handling)?;
            let mut person = None;
            if let Place::Compartment(kind, id, _) = &place {
                let kind = type_of(kind)?;
                if definitions::r4().compartments().all(|(of, ..)| of != kind.name()) {
                    return Err(self.not_allowed());
                }
                person = found::must_exist(&mut reader, kind, id)?.patient;
            }
            let page = found::page(&self.state, &self.store, &mut reader, &search)?;
            drop(reader);
            let path = self.path_of(&place);
            let names: Vec<&str> = pairs.iter().map(|p| p.name.as_str()).collect();
            let target = format!("search {} {}", path.trim_start_matches('/'), without_numbers(&names.join(",")));
            self.state.look(&decision, person, short(target), "granted")?;
            let body = found::bundle(&self.caller, &path, &search, &page)?;
            self.caller.answer(StatusCode::OK, body, search.shape.pretty)
        })
        .await
    }

    fn path_of(&self, place: &Place) -> String {
        match place {
            Place::System | Place::Everyone => String::new(),
            Place::Type(kind) => format!("/{}", kind.name()),
            Place::Compartment(kind, id, of) => format!("/{kind}/{id}/{}", of.map_or("*", ResourceType::name)),
        }
    }

    async fn read(self, kind: ResourceType, id: String, version: Option<String>) -> Result<Response, Refusal> {
        let decision = self.caller.decide(&self.house, Act::ReadFhir).await?;
        // Where it is asked only if nothing there can make it wait or work long: a reader, the queue of looks, another shape.
        let plain = self.query.is_empty() && self.caller.format == Format::Json && self.state.has_room();
        let is_kept_whole = !matches!(kind, ResourceType::SUBSCRIPTION | ResourceType::BINARY);
        if plain && version.is_none() && is_kept_whole {
            let scope = decision.scope();
            if let Some(found) = self.store.glance(&decision, |on| resources::current(on, scope, kind, &id)).await {
                return self.shown(&decision, kind, &id, read::live(found?, kind, &id));
            }
        }
        let (store, asks) = (self.store.clone(), decision.clone());
        let at_once = if plain { store.try_read(&asks) } else { None };
        let one = version.is_none() && kind != ResourceType::SUBSCRIPTION;
        let work = move |mut reader: Reader| {
            let scope = reader.scope();
            let found = match &version {
                None => read::current(&mut reader, scope, kind, &id),
                Some(version) => read::version(&mut reader, scope, kind, &id, version),
            };
            let found = found.and_then(|mut found| {
                if kind == ResourceType::BINARY {
                    binary::allowed(&mut reader, scope, &found, &self.caller.base)?;
                }
                if kind == ResourceType::SUBSCRIPTION && version.is_none() {
                    subscription::shown_to(&mut reader, decision.actor().account, &mut found)?;
                }
                Ok(found)
            });
            drop(reader);
            self.shown(&decision, kind, &id, found)
        };
        match at_once {
            Some(reader) => work(reader),
            // One statement reads it, but where another version is asked for.
            None if one => blocking(move || work(store.read_one(&asks)?)).await,
            None => blocking(move || work(store.read(&asks)?)).await,
        }
    }

    /// The answer that shows what was found, and that it was looked at.
    fn shown(
        &self,
        decision: &Decision,
        kind: ResourceType,
        id: &str,
        found: Result<Resource, Refusal>,
    ) -> Result<Response, Refusal> {
        let shape = render::Shape::asked(&self.pairs()?)?;
        let target = short(format!("{}/{id}", kind.name()));
        match found {
            Ok(found) => {
                self.state.look(decision, found.patient, target, "granted")?;
                if kind == ResourceType::BINARY && binary::is_asked_raw(&self.caller, &self.query) {
                    return binary::answer(&self.caller, &found);
                }
                read::answer(&self.caller, &found, &shape)
            }
            Err(refusal) => {
                self.state.look(decision, None, target, "failed")?;
                Err(refusal)
            }
        }
    }

    async fn history(self, of: Option<(ResourceType, Option<String>)>) -> Result<Response, Refusal> {
        let decision = self.caller.decide(&self.house, Act::ReadFhir).await?;
        let asked = read::asked(&self.pairs()?, self.caller.handling)?;
        blocking(move || {
            let mut reader = self.store.read(&decision)?;
            let (of, path, person) = history_of(&mut reader, of)?;
            let body = read::history(&mut reader, &self.caller, &path, &of, &asked)?;
            drop(reader);
            self.state.look(&decision, person, short(format!("history {path}")), "granted")?;
            self.caller.answer(StatusCode::OK, body, asked.shape.pretty)
        })
        .await
    }

    async fn write(self, kind: ResourceType, id: Option<String>) -> Result<Response, Refusal> {
        let decision = self.caller.decide(&self.house, Act::WriteFhir).await?;
        self.caller.looks_by_condition(kind, &self.query)?;
        blocking(move || {
            let (op, base) = (self.op(kind, id)?, self.caller.base.clone());
            let written = transact(&self.store, &decision, base, move |deciding| {
                let planned = deciding.plan(op)?;
                let (kind, id) = planned.named();
                let named = format!("{}/{id}", kind.name());
                let done = deciding.carry_out(vec![planned])?.pop();
                let done = done.ok_or_else(|| Refusal::internal("a write gave nothing"))?;
                let verb = match &done.resource {
                    Some(now) if done.written && now.deleted => "delete ",
                    Some(now) if done.written && now.version == 1 => "create ",
                    _ => "",
                };
                let target = short(format!("{verb}{named}"));
                deciding.tx.audit(done.patient, &target, "granted")?;
                for (id, patient) in &done.also {
                    deciding.tx.audit(*patient, &short(format!("{}/{id}", kind.name())), "granted")?;
                }
                Ok(done)
            });
            match written {
                Ok(done) => self.written(&done),
                Err(refusal) => {
                    let target = format!("{} {}", self.method, kind.name());
                    self.state.look(&decision, None, short(target), "failed")?;
                    Err(refusal)
                }
            }
        })
        .await
    }

    fn op(&self, kind: ResourceType, id: Option<String>) -> Result<Op, Refusal> {
        if let Some(id) = id.as_deref().filter(|id| !write::is_id(id)) {
            return Err(Refusal::invalid(format!("`{id}` is no id: 1 to 64 letters, digits, `-` and `.`")));
        }
        let if_match = self.caller.header("if-match").map(version_of).transpose()?;
        let target = match id {
            Some(id) => Target::Id(id),
            None => Target::Query(self.query.clone()),
        };
        let action = match self.method {
            Method::POST => {
                let body = write::body(kind, self.json()?)?;
                let ready = write::ready(kind, &body.text, &write::new_id()?, &self.caller.base)?;
                let if_none_exist = self.caller.header("if-none-exist").map(|c| criteria(kind, c));
                Action::Create { ready, if_none_exist }
            }
            Method::PUT => {
                let if_none_match = self.caller.header("if-none-match") == Some("*");
                update(kind, target, self.json()?, if_match, if_none_match, &self.caller.base)?
            }
            Method::PATCH => {
                Action::Patch { target, patch: patch::read(&self.content_type(), self.text()?)?, if_match }
            }
            Method::DELETE => Action::Delete { target, if_match },
            _ => return Err(self.not_allowed()),
        };
        Ok(Op { kind, action })
    }

    /// The media type of the body, in small letters.
    fn content_type(&self) -> String {
        let kind = self.caller.header("content-type").unwrap_or_default();
        kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    }

    fn text(&self) -> Result<&str, Refusal> {
        std::str::from_utf8(&self.body).map_err(|_| Refusal::invalid("the body is not UTF-8"))
    }

    /// The body as JSON text.
    ///
    /// # Errors
    /// 415 where it says it is something else.
    pub fn json(&self) -> Result<&str, Refusal> {
        let kind = self.content_type();
        if other_version(self.caller.header("content-type").unwrap_or_default()) {
            let text = "`fhirVersion`: FHIR R4 (4.0) is read here";
            return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not-supported", text));
        }
        if matches!(kind.as_str(), "" | "application/json" | "application/fhir+json" | "text/json") {
            return self.text();
        }
        let text = format!("`{kind}` is not read here; send `application/fhir+json` or `application/fhir+xml`");
        Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not-supported", text))
    }

    /// The answer to one write.
    fn written(&self, done: &Done) -> Result<Response, Refusal> {
        let address = format!("{}/{}", done.kind.name(), done.id);
        let Some(resource) = done.resource.as_ref().filter(|r| !r.deleted) else {
            let mut response = StatusCode::NO_CONTENT.into_response();
            if let Some(gone) = &done.resource {
                with_header(&mut response, header::ETAG, &format!("W/\"{}\"", gone.version));
            }
            return Ok(response);
        };
        let wanted = match app::is_shown(&self.caller.session, done.kind, done.patient) {
            true => self.caller.returned.unwrap_or_default(),
            false => Return::Minimal,
        };
        let body = match wanted {
            Return::Representation => render::with_meta(&resource.body, resource.version, resource.at)?,
            Return::Outcome => note("information", "informational", &format!("`{address}` was stored")),
            Return::Minimal => String::new(),
        };
        let mut response = match body.is_empty() {
            true => done.status.into_response(),
            false => self.caller.answer(done.status, body, false)?,
        };
        let location = format!("{}/{address}/_history/{}", self.caller.base, resource.version);
        with_header(&mut response, header::LOCATION, &location);
        with_header(&mut response, header::CONTENT_LOCATION, &location);
        with_header(&mut response, header::ETAG, &format!("W/\"{}\"", resource.version));
        with_header(&mut response, header::LAST_MODIFIED, &moment::http_date(resource.at));
        Ok(response)
    }
}

fn history_of(
    reader: &mut Reader,
    of: Option<(ResourceType, Option<String>)>,
) -> Result<(Of, String, Option<i64>), Refusal> {
    Ok(match of {
        None => (Of::System, "/_history".to_owned(), None),
        Some((kind, None)) => (Of::Type(kind), format!("/{}/_history", kind.name()), None),
        Some((kind, Some(id))) => {
            let scope = reader.scope();
            let now = mach_store::resources::current(reader, scope, kind, &id)?;
            let now = now.ok_or_else(|| Refusal::not_found(kind.name(), &id))?;
            (Of::Resource(now.facility.unwrap_or(0), now.rid), format!("/{}/{id}/_history", kind.name()), now.patient)
        }
    })
}

/// The resource type of that name.
///
/// # Errors
/// 404 where there is none.
pub fn type_of(name: &str) -> Result<ResourceType, Refusal> {
    ResourceType::parse(name).ok_or_else(|| {
        Refusal::new(StatusCode::NOT_FOUND, "not-found", format!("`{name}` is no resource type of FHIR R4"))
    })
}

/// What an audit entry may carry: names, no values, not too long.
pub fn short(text: String) -> String {
    if text.len() <= 200 { text } else { text.chars().take(200).collect() }
}
