//! What a token is (RFC 7662), its end (RFC 7009), and who signed in (OpenID Connect Core §5.3).

use crate::oauth::{Params, Refused, Sent};
use crate::{Smart, client, identity};
use axum::Extension;
use axum::Json;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use mach_access::secret::token_hash;
use mach_house::{Failure, bearer, house_decision};
use mach_store::smart::scope::Scope;
use mach_store::smart::{self, Proof, Use};
use serde_json::{Value, json};

/// `POST /oauth/introspect`: for apps that prove themselves, so that a server of the facility's can ask about a token that came.
pub(crate) async fn introspect(
    Extension(smart): Extension<Smart>,
    headers: HeaderMap,
    Sent(body): Sent,
) -> Result<Json<Value>, Refused> {
    let params = Params::form(&headers, &body)?;
    let hash = token_hash(params.wanted("token")?);
    let asker = client::authenticated(&smart, &headers, &params).await?;
    if asker.what.proof == Proof::Public {
        return Err(Refused::client("only apps that prove who they are may ask about tokens"));
    }
    let found = smart.inner.house.read(house_decision()?, move |r| -> Result<_, Failure> {
        let Some(token) = smart::token(r, &hash)? else { return Ok(None) };
        // A token whose owner's account is closed is worth nothing.
        let is_good = smart::seen_app(r, &token)?.is_some();
        let who = if token.grant.account == 0 { None } else { identity::who(r, token.grant.account)? };
        Ok(is_good.then_some((token, who)))
    });
    // An app that is held to a facility learns nothing of tokens for another's.
    let apart = |theirs: Option<i64>| asker.what.facility.is_some() && asker.what.facility != theirs;
    let Some((token, who)) = found.await?.filter(|(token, _)| !apart(token.app.what.facility)) else {
        return Ok(Json(json!({ "active": false })));
    };
    let issuer = smart.issuer(&headers);
    let scopes = Scope::list(&token.scopes);
    let mut all = who.map(|w| w.claims(&scopes, &format!("{issuer}/fhir"))).unwrap_or_default();
    let subject = match token.grant.account {
        0 => token.app.client.clone(),
        account => identity::subject(account),
    };
    for (name, value) in [
        ("active", json!(true)),
        ("iss", json!(issuer)),
        ("client_id", json!(token.app.client)),
        ("sub", json!(subject)),
        ("scope", json!(token.scopes)),
        ("exp", json!(token.until)),
        ("iat", json!(token.made)),
        ("aud", json!(format!("{issuer}/fhir"))),
    ] {
        all.insert(name.to_owned(), value);
    }
    if token.of == Use::Access {
        all.insert("token_type".to_owned(), json!("Bearer"));
    }
    for (name, value) in [("patient", &token.grant.patient), ("encounter", &token.grant.encounter)] {
        if !value.is_empty() {
            all.insert(name.to_owned(), json!(value));
        }
    }
    Ok(Json(Value::Object(all)))
}

/// `POST /oauth/revoke`: of a refresh token the whole grant ends, of an access token that token.
pub(crate) async fn revoke(
    Extension(smart): Extension<Smart>,
    headers: HeaderMap,
    Sent(body): Sent,
) -> Result<StatusCode, Refused> {
    let params = Params::form(&headers, &body)?;
    let hash = token_hash(params.wanted("token")?);
    let app = client::authenticated(&smart, &headers, &params).await?;
    let (id, house) = (app.id, &smart.inner.house);
    let anothers = house.write(house_decision()?, move |tx| {
        let Some(token) = smart::token(tx, &hash)? else { return Ok(false) };
        if token.app.id != id {
            return Ok(true);
        }
        match token.of {
            Use::Refresh => tx.end_app_grant(token.grant.id, "app").map(drop)?,
            Use::Access => {
                tx.end_access(&hash)?;
                tx.audit(None, &format!("app grant {} token ended", token.grant.id), "granted")?;
            }
        }
        Ok(false)
    });
    match anothers.await? {
        false => Ok(StatusCode::OK),
        true => Err(Refused::new("unauthorized_client", "the token was given to another app")),
    }
}

/// `GET /oauth/userinfo`
pub(crate) async fn userinfo(Extension(smart): Extension<Smart>, headers: HeaderMap) -> Result<Response, Refused> {
    let hash = bearer(&headers).map(token_hash);
    let found = smart.inner.house.read(house_decision()?, move |r| -> Result<_, Failure> {
        let Some(token) = hash.map(|hash| smart::token(r, &hash)).transpose()?.flatten() else { return Ok(None) };
        let who = identity::who(r, token.grant.account)?;
        Ok(who.filter(|_| token.of == Use::Access).map(|who| (token, who)))
    });
    let open = |token: &smart::Token| Scope::list(&token.scopes).contains(&Scope::OpenId);
    let Some((token, who)) = found.await?.filter(|(token, _)| open(token)) else {
        let mut response =
            Refused { status: StatusCode::UNAUTHORIZED, ..Refused::new("invalid_token", "") }.into_response();
        let challenge = HeaderValue::from_static("Bearer error=\"invalid_token\"");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        return Ok(response);
    };
    let mut claims = who.claims(&Scope::list(&token.scopes), &smart.fhir(&headers));
    claims.insert("sub".to_owned(), json!(identity::subject(token.grant.account)));
    Ok(Json(Value::Object(claims)).into_response())
}
