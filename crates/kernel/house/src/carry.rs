//! What was typed is not lost where a proof is asked for first.
//!
//! A form that comes with a session that is locked, or whose proof has grown old, is answered by the door of the proof; the
//! door carries what was posted as hidden fields, asks for the password, and gives the form back to be sent once more. No
//! script, nothing kept on the server.

use crate::elsewhere::Offers;
use crate::session::{bearer, house_decision, session_token};
use crate::{House, proof};
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use mach_base::limits;
use mach_base::time::now_seconds;
use mach_store::accounts::Account;
use mach_store::sessions::{self, State as Stands};
use mach_ui::http::{Here, Problem, safe_next};
use mach_ui::{Html, Lang, msg, pages};

/// Says that the door carries a form.
const MARK: &str = "carried";
/// What the names of carried fields begin with, so that none is taken for one of the door's own.
const PREFIX: &str = "c.";
/// A proof that ends within so many seconds may have ended when the handler asks.
const SOON: i64 = 30;

/// What was posted, and where to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Carried {
    /// Path and query that the form goes to.
    pub to: String,
    /// Names and values.
    pub fields: Vec<(String, String)>,
}

impl Carried {
    /// What the door was given, of its own posted fields; `None` where it carries nothing.
    pub(crate) fn of(posted: &[(String, String)], next: &str) -> Option<Self> {
        posted.iter().find(|(name, _)| name == MARK)?;
        let own = |(name, value): &(String, String)| Some((name.strip_prefix(PREFIX)?.to_owned(), value.clone()));
        Some(Self { to: next.to_owned(), fields: posted.iter().filter_map(own).collect() })
    }

    /// As hidden fields of the door.
    pub(crate) fn hidden(&self) -> Vec<(String, String)> {
        let mark = (MARK.to_owned(), "1".to_owned());
        let fields = self.fields.iter().map(|(name, value)| (format!("{PREFIX}{name}"), value.clone()));
        std::iter::once(mark).chain(fields).collect()
    }

    /// The page that gives the form back.
    pub(crate) fn back(self, lang: Lang, here: Here) -> Html {
        pages::door(&pages::Door {
            lang,
            here: here.0,
            title: lang.t(msg::PROVED).to_owned(),
            lead: lang.t(msg::PROVED_LEAD).to_owned(),
            action: self.to,
            hidden: self.fields,
            button: lang.t(msg::PROVED_GO).to_owned(),
            is_signed_in: true,
            ..pages::Door::default()
        })
    }
}

/// Answers a form that needs a proof first with the door that carries it.
pub async fn carry(State(house): State<House>, lang: Lang, here: Here, request: Request, next: Next) -> Response {
    let is_page = |path: &str| !path.starts_with("/fhir") && !path.starts_with("/api/") && path != "/prove";
    let token = session_token(request.headers()).filter(|_| bearer(request.headers()).is_none());
    let posted = *request.method() == Method::POST && is_page(request.uri().path());
    let old = match token.filter(|_| posted) {
        Some(token) => old(&house, token).await,
        None => None,
    };
    let Some((token, account)) = old else { return next.run(request).await };
    let (request, body) = match kept(request).await {
        Ok(kept) => kept,
        Err(problem) => return problem.into_response(),
    };
    let answer = next.run(request).await;
    if answer.extensions().get() != Some(&Problem::Prove) {
        return answer;
    }
    let fields = body.map(|b| form_urlencoded::parse(&b).into_owned().collect());
    let to = safe_next(&here.0).to_owned();
    let offers = match Offers::of(&house, token, &account).await {
        Ok(offers) => offers,
        Err(problem) => return problem.into_response(),
    };
    let page = match fields {
        Some(fields) => proof::page(lang, here, (Some(&Carried { to: to.clone(), fields }), &offers), (&to, None)),
        // A file cannot be carried: that is said.
        None => proof::page(lang, here, (None, &offers), ("/", Some(lang.t(msg::PROVE_NOT_KEPT).to_owned()))),
    };
    (StatusCode::UNAUTHORIZED, page).into_response()
}

/// The request's session and its account, where it must prove itself before it does what is dangerous, or anything.
async fn old(house: &House, token: [u8; 32]) -> Option<([u8; 32], Account)> {
    let decision = house_decision().ok()?;
    // Where the store does not answer, the handler says so.
    let live = house.glance(decision, move |r| sessions::live(r, &token)).await.ok().flatten()?;
    let is_old = match live.state {
        Stands::Locked => true,
        Stands::Half => false,
        Stands::Open => now_seconds() - live.proven > limits::PROVEN_MINUTES * 60 - SOON,
    };
    is_old.then_some((token, live.account))
}

fn may_be_carried(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|v: &header::HeaderValue| v.to_str().ok());
    let is_form = text(header::CONTENT_TYPE).is_some_and(|t| t.starts_with("application/x-www-form-urlencoded"));
    let bytes = text(header::CONTENT_LENGTH).and_then(|n| n.parse::<usize>().ok());
    is_form && bytes.is_none_or(|n| n <= limits::CARRIED_BYTES)
}

/// The request with its body read, and the body where it is a form that may be carried.
async fn kept(request: Request) -> Result<(Request, Option<Bytes>), Problem> {
    if !may_be_carried(request.headers()) {
        return Ok((request, None));
    }
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, limits::CARRIED_BYTES).await.map_err(|_| Problem::TooLarge)?;
    Ok((Request::from_parts(parts, Body::from(body.clone())), Some(body)))
}
