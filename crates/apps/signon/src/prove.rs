//! `GET /prove/with/{provider}`: who came in by a provider proves there anew who they are, where something dangerous wants a fresh
//! proof. They are asked there (`prompt=login`, `max_age=0`), and what comes back must say that they were, since they were sent.

use crate::SignOn;
use crate::begin::{self, Asked, For};
use crate::claims::Said;
use crate::person::by;
use crate::provider::Provider;
use crate::refused::Refused;
use axum::Extension;
use axum::extract::{Path, Query};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Redirect, Response};
use mach_access::secret::{hex, token_hash};
use mach_house::{Failure, SESSION_COOKIE, house_decision, proof};
use mach_store::sessions::State;
use mach_store::sign_on;
use mach_ui::Lang;
use mach_ui::http::{Problem, cookie};

pub(crate) async fn with(
    Extension(on): Extension<SignOn>,
    Path(name): Path<String>,
    lang: Lang,
    headers: HeaderMap,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    let (found, token) = proof::live(on.house(), &headers).await?;
    if found.state == State::Half {
        return Err(Problem::Unauthenticated);
    }
    let who = move |r: &mut mach_store::Reader| sign_on::provider_of(r, &token).map_err(Failure::from);
    let began = on.house().read(house_decision()?, who).await?;
    // Who did not come in by it proves nothing by it.
    let provider = on.provider(&name).filter(|p| p.proves() && p.name == began).ok_or(Problem::NotFound)?;
    Ok(begin::sent(&on, lang, &headers, &provider, (For::Prove(hex(&token)), asked.next())).await)
}

/// Somebody came back who proved there who they are: the session that was sent, of the same somebody there, is opened afresh.
pub(crate) async fn came(
    on: &SignOn,
    provider: &Provider,
    said: &Said,
    (session, next): (&str, &str),
    headers: &HeaderMap,
) -> Result<Response, Refused> {
    let token = cookie::get(headers, SESSION_COOKIE).map(token_hash).filter(|t| hex(t) == session);
    let Some(token) = token else { return Err(Refused::Away("another session")) };
    let by = by(provider, said).map_err(|e| Refused::Problem(Problem::internal(e)))?;
    match mach_house::elsewhere::proved(on.house(), token, by, said.proven).await? {
        Ok(Some(cookie)) => Ok(([(header::SET_COOKIE, cookie)], Redirect::to(next)).into_response()),
        Ok(None) => Err(Refused::Another),
        Err(_) => Err(Refused::Rests),
    }
}
