//! Somebody signs out: here, and is led to do so at the provider (RP-Initiated Logout 1.0); there, and the provider tells us
//! (Back-Channel Logout 1.0).

use crate::SignOn;
use crate::id_token::{self, Ends};
use crate::refused::Refused;
use axum::Extension;
use axum::Json;
use axum::extract::{Form, Path};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use mach_access::secret::token_hash;
use mach_base::limits;
use mach_base::time::now_seconds;
use mach_house::house_decision;
use mach_store::sign_on::{self, By};
use mach_ui::http::Problem;
use serde::Deserialize;
use serde_json::json;

/// `GET /sign-in/out/{provider}`: to where a browser signs out of a provider, and back to the door.
pub(crate) async fn out(
    Extension(on): Extension<SignOn>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Redirect, Problem> {
    let provider = on.provider(&name).filter(|p| p.logout).ok_or(Problem::NotFound)?;
    let metadata = on.inner.published.metadata(&provider).await;
    let at = metadata.map(|m| m.at.end_session).unwrap_or_default();
    if at.is_empty() {
        return Ok(Redirect::to("/sign-in?out=1"));
    }
    let mut query = form_urlencoded::Serializer::new(String::new());
    let home = format!("{}/sign-in?out=1", on.house().address(&headers));
    query.append_pair("client_id", &provider.client).append_pair("post_logout_redirect_uri", &home);
    Ok(Redirect::to(&format!("{at}{}{}", if at.contains('?') { '&' } else { '?' }, query.finish())))
}

#[derive(Deserialize)]
pub(crate) struct Told {
    logout_token: Option<String>,
}

/// `POST /sign-in/ended/{provider}`: a provider says that somebody signed out there.
pub(crate) async fn ended(
    Extension(on): Extension<SignOn>,
    Path(name): Path<String>,
    Form(told): Form<Told>,
) -> Result<Response, Problem> {
    let provider = on.provider(&name).filter(|p| !p.by_userinfo).ok_or(Problem::NotFound)?;
    let text = told.logout_token.unwrap_or_default();
    let metadata = on.inner.published.metadata(&provider).await;
    let ends = match metadata {
        Ok(metadata) => match id_token::proven(&on, &provider, &metadata, &text).await {
            Ok(claims) => id_token::logout(&claims, &provider.issuer, &provider.client, now_seconds())
                .map_err(|claim| format!("the token's {claim}")),
            Err(Refused::Untrusted(why) | Refused::Silent(why)) => Err(why),
            Err(_) => Err("no answer".to_owned()),
        },
        Err(why) => Err(why),
    };
    let Ends { subject, there, jti } = match ends {
        Ok(ends) => ends,
        Err(why) => {
            tracing::info!("a logout token of `{name}`: {why}");
            let target = format!("sign-on {name}: logout");
            on.house().write(house_decision()?, move |tx| tx.audit(None, &target, "denied")).await?;
            return Ok((StatusCode::BAD_REQUEST, Json(json!({ "error": "invalid_request" }))).into_response());
        }
    };
    let once = token_hash(&format!("{name} logout {jti}"));
    let until = now_seconds() + limits::SIGN_ON_TOKEN_SECONDS + 2 * limits::SMART_SKEW_SECONDS + 1;
    let ended = on.house().write(house_decision()?, move |tx| {
        // One that comes again has done its work.
        if !tx.uses_once(&once, until)? {
            return Ok(());
        }
        let hash = |what, value: Option<&String>| match value {
            Some(value) => sign_on::hash_of(what, &provider.issuer, value),
            None => Ok(String::new()),
        };
        let (subject, there) = (hash("subject", subject.as_ref())?, hash("session", there.as_ref())?);
        let ended = tx.end_signed_on(&By { provider: provider.name.clone(), subject, there, ..By::default() })?;
        tx.audit(None, &format!("sign-on {}: logout ended {ended} sessions", provider.name), "granted")
    });
    ended.await?;
    Ok(StatusCode::OK.into_response())
}
