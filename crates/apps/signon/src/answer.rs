//! A browser comes back from a provider (OpenID Connect Core §3.1.2.5): whose answer it is, what it is worth, who it is.

use crate::SignOn;
use crate::begin::{self, For, Pending};
use crate::claims::{self, Said};
use crate::id_token::{self, Expected};
use crate::person::{self, Begins, Came};
use crate::provider::Provider;
use crate::published::Metadata;
use crate::refused::Refused;
use crate::{mine, prove, tokens};
use axum::Extension;
use axum::extract::{Path, Query};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Redirect, Response};
use mach_access::secret::token_hash;
use mach_base::limits;
use mach_base::time::now_seconds;
use mach_house::{NewSession, house_decision};
use mach_ui::http::Problem;
use mach_ui::{Lang, format};
use serde::Deserialize;
use std::sync::Arc;

#[derive(Deserialize)]
pub(crate) struct Answer {
    code: Option<String>,
    state: Option<String>,
    iss: Option<String>,
    error: Option<String>,
}

/// `GET /sign-in/back/{provider}`.
pub(crate) async fn back(
    Extension(on): Extension<SignOn>,
    Path(name): Path<String>,
    lang: Lang,
    headers: HeaderMap,
    Query(answer): Query<Answer>,
) -> Result<Response, Problem> {
    let provider = on.provider(&name).ok_or(Problem::NotFound)?;
    let secure = on.house().secure();
    let pending = begin::pending(&headers, secure);
    // Who is on no way is led to the door of who works here, unless the provider has none.
    let (what, next) = match &pending {
        Some(pending) => (pending.what.clone(), pending.next.as_str()),
        None if provider.staff => (For::Staff, "/"),
        None => (For::Citizen, "/me"),
    };
    let (again, door) = begin::ways(&provider, &what, next);
    let came = match pending {
        Some(pending) => came(&on, &provider, (pending, &answer), (lang, &headers)).await,
        None => Err(Refused::Away("no cookie")),
    };
    let mut response = match came {
        Ok(response) => response,
        Err(refused) => refused.page(&on, lang, &provider, (&again, &door)).await,
    };
    response.headers_mut().append(header::SET_COOKIE, begin::ended(secure));
    Ok(response)
}

/// That an answer is the one this browser waits for, and is the first such.
async fn is_awaited(on: &SignOn, provider: &Provider, pending: &Pending, answer: &Answer) -> Result<(), Refused> {
    // Hashes are compared: how far two of them agree tells nothing.
    let state = answer.state.as_deref().map(token_hash);
    if state != Some(token_hash(&pending.state)) || pending.provider != provider.name {
        return Err(Refused::Away("another state"));
    }
    if pending.until < now_seconds() {
        return Err(Refused::Away("too late"));
    }
    let (hash, until) = (token_hash(&pending.state), pending.until);
    match on.house().write(house_decision()?, move |tx| tx.uses_once(&hash, until)).await? {
        true => Ok(()),
        false => Err(Refused::Away("used before")),
    }
}

/// That an answer is of the provider the browser was sent to, and of no other that it mixed in (RFC 9207 §2.4).
fn is_theirs(provider: &Provider, metadata: &Metadata, iss: Option<&str>) -> Result<(), Refused> {
    let fits = match iss {
        Some(iss) => provider.issuer.is_empty() || iss == provider.issuer,
        None => !metadata.says_issuer,
    };
    if fits { Ok(()) } else { Err(Refused::Untrusted("the answer is of another issuer".to_owned())) }
}

async fn came(
    on: &SignOn,
    provider: &Arc<Provider>,
    (pending, answer): (Pending, &Answer),
    (lang, headers): (Lang, &HeaderMap),
) -> Result<Response, Refused> {
    is_awaited(on, provider, &pending, answer).await?;
    let metadata = on.inner.published.metadata(provider).await.map_err(Refused::Silent)?;
    is_theirs(provider, &metadata, answer.iss.as_deref())?;
    if let Some(error) = &answer.error {
        return Err(Refused::Declined(tokens::code_of(error)));
    }
    let code = answer.code.as_deref().filter(|c| !c.is_empty());
    let code = code.ok_or_else(|| Refused::Untrusted("there is no code".to_owned()))?;
    let said = said(on, provider, &metadata, (&pending, code)).await?;
    match &pending.what {
        For::Link(account, session) => mine::asks(on, provider, &said, (*account, session), (lang, headers)).await,
        For::Prove(session) => prove::came(on, provider, &said, (session, &pending.next), headers).await,
        what => sign_in(on, provider, said, (what.clone(), &pending.next), headers).await,
    }
}

/// What the provider says of whom a code is for.
async fn said(
    on: &SignOn,
    provider: &Provider,
    metadata: &Metadata,
    (pending, code): (&Pending, &str),
) -> Result<Said, Refused> {
    let given = tokens::redeemed(provider, metadata, pending, code).await?;
    if provider.by_userinfo {
        let userinfo = tokens::userinfo(provider, metadata, &given.access).await?;
        return claims::said(provider, None, &userinfo);
    }
    let text = given.id.ok_or_else(|| Refused::Untrusted("there is no ID token".to_owned()))?;
    let token = id_token::proven(on, provider, metadata, &text).await?;
    let now = now_seconds();
    // A proof is of since they were sent; the clocks' difference is forgiven where ages are.
    let since_sent = now - (pending.until - limits::SIGN_ON_AWAY_SECONDS);
    let max_age = if matches!(pending.what, For::Prove(_)) { Some(since_sent) } else { provider.max_age };
    let expected = Expected {
        issuer: &provider.issuer,
        client: &provider.client,
        nonce: &pending.nonce,
        access: &given.access,
        max_age,
        now,
    };
    let checked = id_token::checked(&token, &expected);
    checked.map_err(|claim| Refused::Untrusted(format!("the ID token's {claim}")))?;
    let userinfo = tokens::userinfo(provider, metadata, &given.access).await?;
    claims::said(provider, Some(&token), &userinfo)
}

/// Begins a session, under a token that nobody has seen.
async fn sign_in(
    on: &SignOn,
    provider: &Arc<Provider>,
    said: Said,
    (what, next): (For, &str),
    headers: &HeaderMap,
) -> Result<Response, Refused> {
    let (new, of) = (NewSession::of(headers)?, Arc::clone(provider));
    let (hash, agent, is_citizen) = (new.hash, new.agent.clone(), what == For::Citizen);
    let came = on.house().write(house_decision()?, move |tx| {
        let begins = Begins { hash: &hash, agent: &agent };
        if is_citizen { person::citizen(tx, &of, &said, &begins) } else { person::staff(tx, &of, &said, &begins) }
    });
    let half = match came.await? {
        Came::In { half } => half,
        Came::Rests => return Err(Refused::Rests),
        Came::Nobody if is_citizen => return Err(Refused::NoCitizen),
        Came::Nobody => return Err(Refused::Nobody),
    };
    let to = match next {
        _ if half => format!("/sign-in/code?next={}", format::query_value(next)),
        "/" if is_citizen => "/me".to_owned(),
        next => next.to_owned(),
    };
    Ok(([(header::SET_COOKIE, new.cookie(on.house()))], Redirect::to(&to)).into_response())
}
