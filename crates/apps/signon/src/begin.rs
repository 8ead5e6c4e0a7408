//! A browser is sent to a provider (OpenID Connect Core §3.1.2.1): with PKCE, a nonce, and a state that its own cookie answers for.
//!
//! What is under way is kept nowhere here: the cookie carries it, sealed. Nobody fills a table by asking again and again, a restart
//! forgets nobody, and another browser has no cookie to come back with.

use crate::SignOn;
use crate::provider::Provider;
use crate::refused::Refused;
use axum::Extension;
use axum::extract::{Path, Query};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Redirect, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mach_access::secret;
use mach_base::limits;
use mach_base::time::now_seconds;
use mach_seal::Purpose;
use mach_ui::http::{Problem, cookie, safe_next};
use mach_ui::{Lang, format};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The cookie; over TLS under a name that no other host of the domain can set (RFC 6265bis §4.1.3).
const COOKIE: &str = "mach_sign_on";

/// What somebody is on the way for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum For {
    /// To sign in as who works here.
    Staff,
    /// To sign in as a citizen.
    Citizen,
    /// To link an account: its number, and the hash of the session that asked.
    Link(i64, String),
    /// To prove anew who they are: the hash of the session that asked.
    Prove(String),
}

/// Somebody who is on the way to a provider and back.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Pending {
    pub(crate) provider: String,
    pub(crate) state: String,
    pub(crate) nonce: String,
    /// The secret of PKCE (RFC 7636).
    pub(crate) verifier: String,
    /// Where the provider was told to send them back to.
    pub(crate) back: String,
    pub(crate) next: String,
    pub(crate) what: For,
    /// Until when, seconds.
    pub(crate) until: i64,
}

/// Seals something for a browser to carry.
pub(crate) fn sealed<T: Serialize>(row: &str, what: &T) -> Result<String, Problem> {
    let plain = serde_json::to_vec(what).map_err(Problem::internal)?;
    let ring = mach_seal::ring().map_err(Problem::internal)?;
    Ok(URL_SAFE_NO_PAD.encode(ring.seal(Purpose::Secret, row, &plain).map_err(Problem::internal)?))
}

/// Opens what [`sealed`] sealed for the same `row`; `None` where it is anything else.
pub(crate) fn opened<T: DeserializeOwned>(row: &str, text: &str) -> Option<T> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    serde_json::from_slice(&mach_seal::open(row, &bytes).ok()?).ok()
}

const ROW: &str = "sign-on pending";

fn cookie_name(secure: bool) -> String {
    if secure { format!("__Host-{COOKIE}") } else { COOKIE.to_owned() }
}

/// Who is on the way, as this browser's cookie says.
pub(crate) fn pending(headers: &HeaderMap, secure: bool) -> Option<Pending> {
    opened(ROW, cookie::get(headers, &cookie_name(secure))?)
}

/// Ends the cookie.
pub(crate) fn ended(secure: bool) -> HeaderValue {
    cookie::set(&cookie_name(secure), "", cookie::Options { max_age_seconds: Some(0), secure })
}

#[derive(Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    next: String,
    #[serde(default)]
    of: String,
}

impl Asked {
    /// Where they go on: on a page of ours, and no further than is kept.
    pub(crate) fn next(&self) -> &str {
        Some(safe_next(&self.next)).filter(|n| n.len() <= limits::SIGN_ON_NEXT_BYTES).unwrap_or("/")
    }
}

/// The addresses of the page of a failure: again, and otherwise.
pub(crate) fn ways(provider: &Provider, what: &For, next: &str) -> (String, String) {
    let (name, next) = (&provider.name, format::query_value(next));
    match what {
        For::Staff => (format!("/sign-in/with/{name}?next={next}"), format!("/sign-in?next={next}")),
        For::Citizen => (format!("/sign-in/with/{name}?next={next}&of=citizens"), "/me/sign-in".to_owned()),
        For::Link(..) => (format!("/account/sign-on/with/{name}"), "/account/sign-on".to_owned()),
        For::Prove(_) => (format!("/prove/with/{name}?next={next}"), format!("/prove?next={next}")),
    }
}

/// `GET /sign-in/with/{provider}`.
pub(crate) async fn with(
    Extension(on): Extension<SignOn>,
    Path(name): Path<String>,
    lang: Lang,
    headers: HeaderMap,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    let provider = on.provider(&name).ok_or(Problem::NotFound)?;
    let what = if asked.of == "citizens" { For::Citizen } else { For::Staff };
    if !(if what == For::Citizen { provider.citizens } else { provider.staff }) {
        return Err(Problem::NotFound);
    }
    Ok(sent(&on, lang, &headers, &provider, (what, asked.next())).await)
}

/// Sends a browser to a provider.
pub(crate) async fn sent(
    on: &SignOn,
    lang: Lang,
    headers: &HeaderMap,
    provider: &Provider,
    (what, next): (For, &str),
) -> Response {
    let (again, door) = ways(provider, &what, next);
    match address(on, headers, provider, (what, next)).await {
        Ok((to, cookie)) => ([(header::SET_COOKIE, cookie)], Redirect::to(&to)).into_response(),
        Err(refused) => refused.page(on, lang, provider, (&again, &door)).await,
    }
}

/// Where a browser is sent, and its cookie.
async fn address(
    on: &SignOn,
    headers: &HeaderMap,
    provider: &Provider,
    (what, next): (For, &str),
) -> Result<(String, HeaderValue), Refused> {
    let metadata = on.inner.published.metadata(provider).await.map_err(Refused::Silent)?;
    let token = || secret::new_token("").map_err(|e| Refused::Problem(Problem::internal(e)));
    let pending = Pending {
        provider: provider.name.clone(),
        state: token()?,
        nonce: token()?,
        verifier: token()?,
        back: on.back(headers, provider),
        next: next.to_owned(),
        what,
        until: now_seconds() + limits::SIGN_ON_AWAY_SECONDS,
    };
    let mut query = form_urlencoded::Serializer::new(String::new());
    query
        .append_pair("response_type", "code")
        .append_pair("client_id", &provider.client)
        .append_pair("redirect_uri", &pending.back)
        .append_pair("scope", &provider.scope)
        .append_pair("state", &pending.state)
        .append_pair("code_challenge", &URL_SAFE_NO_PAD.encode(Sha256::digest(pending.verifier.as_bytes())))
        .append_pair("code_challenge_method", "S256");
    if !provider.by_userinfo {
        query.append_pair("nonce", &pending.nonce);
        // A link is for long, and a proof is of now: whoever sits at the machine of somebody who is still signed in there is asked
        // who they are.
        if matches!(pending.what, For::Link(..) | For::Prove(_)) {
            query.append_pair("prompt", "login");
        }
    }
    if !provider.acr.is_empty() {
        query.append_pair("acr_values", &provider.acr);
    }
    let max_age = if matches!(pending.what, For::Prove(_)) { Some(0) } else { provider.max_age };
    if let Some(seconds) = max_age {
        query.append_pair("max_age", &seconds.to_string());
    }
    let to = metadata.at.authorize;
    let to = format!("{to}{}{}", if to.contains('?') { '&' } else { '?' }, query.finish());
    let secure = on.house().secure();
    let options = cookie::Options { max_age_seconds: Some(limits::SIGN_ON_AWAY_SECONDS), secure };
    Ok((to, cookie::set(&cookie_name(secure), &sealed(ROW, &pending)?, options)))
}
