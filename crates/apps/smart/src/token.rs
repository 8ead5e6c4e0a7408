//! `POST /oauth/token`: a code, a refresh token or an app's own proof for an access token.

use crate::oauth::{Params, Refused, Sent};
use crate::{Smart, client, identity};
use axum::Extension;
use axum::Json;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mach_access::app::Rights;
use mach_access::secret::{self, token_hash};
use mach_base::limits;
use mach_house::house_decision;
use mach_store::smart::scope::{self, Level, Scope};
use mach_store::smart::{App, Authorised, Grant, NewGrant, Proof, Redeemed, Refreshed};
use mach_ui::http::Problem;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// Tokens as they are handed out, this once.
struct Given {
    grant: Grant,
    scopes: String,
    seconds: i64,
    access: String,
    refresh: Option<String>,
    nonce: String,
}

/// Why none are.
enum Not {
    Grant(&'static str),
    Scope(&'static str),
}

impl From<Not> for Refused {
    fn from(not: Not) -> Self {
        match not {
            Not::Grant(text) => Self::grant(text),
            Not::Scope(text) => Self::scope(text),
        }
    }
}

pub(crate) async fn token(
    Extension(smart): Extension<Smart>,
    headers: HeaderMap,
    Sent(body): Sent,
) -> Result<Response, Refused> {
    let params = Params::form(&headers, &body)?;
    let grant_type = params.wanted("grant_type")?;
    let app = client::authenticated(&smart, &headers, &params).await?;
    let given = match grant_type {
        "authorization_code" => by_code(&smart, &app, &params).await?,
        "refresh_token" => by_refresh(&smart, &app, &params).await?,
        "client_credentials" => by_itself(&smart, &app, &params).await?,
        _ => {
            let text = "`grant_type` is `authorization_code`, `refresh_token` or `client_credentials`";
            return Err(Refused::new("unsupported_grant_type", text));
        }
    };
    answer(&smart, &headers, &app, given).await
}

fn new_tokens(refreshes: bool) -> Result<(String, Option<String>), Problem> {
    let access = secret::new_token("mach_a_").map_err(Problem::internal)?;
    let refresh = refreshes.then(|| secret::new_token("mach_r_").map_err(Problem::internal)).transpose()?;
    Ok((access, refresh))
}

/// What of scopes is allowed to the app today: an administrator may have narrowed it since.
fn still(app: &App, scopes: &[Scope]) -> Vec<Scope> {
    scope::granted(scopes, &Scope::list(&app.what.scopes), Rights::ALL)
}

async fn by_code(smart: &Smart, app: &App, params: &Params) -> Result<Given, Refused> {
    let (code, redirect) = (token_hash(params.wanted("code")?), params.wanted("redirect_uri")?.to_owned());
    let verifier = params.wanted("code_verifier")?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~');
    if !(43..=128).contains(&verifier.len()) || !verifier.bytes().all(plain) {
        return Err(Refused::request("`code_verifier` has 43 to 128 letters, digits, `-`, `.`, `_`, `~` (RFC 7636)"));
    }
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()));
    let (access, refresh) = new_tokens(true)?;
    let app = app.clone();
    let done = smart.inner.house.write(house_decision()?, move |tx| {
        let (grant, code) = match tx.redeem(app.id, &code)? {
            Redeemed::Good(grant, code) => (*grant, code),
            Redeemed::Unknown => return Ok(Err(Not::Grant("the code is not known, or too old"))),
            Redeemed::Again => return Ok(Err(Not::Grant("the code came before: everything given for it has ended"))),
        };
        if code.redirect != redirect || code.challenge != challenge {
            // Somebody has the code and not what it was asked with: nobody shall have it.
            tx.end_app_grant(grant.id, "client")?;
            return Ok(Err(Not::Grant("`redirect_uri` or `code_verifier` is not that of the request for the code")));
        }
        let scopes = still(&app, &Scope::list(&grant.scopes));
        if scopes.is_empty() {
            tx.end_app_grant(grant.id, "app")?;
            return Ok(Err(Not::Scope("nothing of what was granted is allowed to the app any more")));
        }
        let refresh = refresh.filter(|_| scopes.contains(&Scope::Offline));
        let text = scope::text(&scopes);
        tx.authorise(&Authorised {
            grant: grant.id,
            scopes: text.clone(),
            narrower: text.clone(),
            access: token_hash(&access),
            seconds: limits::SMART_ACCESS_SECONDS,
            refresh: refresh.as_deref().map(token_hash),
        })?;
        tx.audit(None, &format!("app grant {} token by code", grant.id), "granted")?;
        Ok(Ok(Given { grant, scopes: text, seconds: limits::SMART_ACCESS_SECONDS, access, refresh, nonce: code.nonce }))
    });
    Ok(done.await??)
}

async fn by_refresh(smart: &Smart, app: &App, params: &Params) -> Result<Given, Refused> {
    let old = token_hash(params.wanted("refresh_token")?);
    let wished =
        params.get("scope").map(|text| if Scope::unknown(text).is_some() { Vec::new() } else { Scope::list(text) });
    let (access, new) = new_tokens(true)?;
    let app = app.clone();
    let done = smart.inner.house.write(house_decision()?, move |tx| {
        let (grant, scopes) = match tx.refresh(app.id, &old)? {
            Refreshed::Good(grant, scopes) => (*grant, scopes),
            Refreshed::Unknown => return Ok(Err(Not::Grant("the refresh token is not known, or has ended"))),
            Refreshed::Again => {
                return Ok(Err(Not::Grant("the refresh token came before: everything given with it has ended")));
            }
        };
        let all = still(&app, &Scope::list(&scopes));
        if !all.contains(&Scope::Offline) {
            return Ok(Err(Not::Grant("`offline_access` is not allowed to the app any more")));
        }
        let narrower = match wished {
            Some(wished) if wished.is_empty() || !scope::covers(&all, &wished) => {
                return Ok(Err(Not::Scope("`scope` asks for more than was granted")));
            }
            Some(wished) => wished,
            None => all,
        };
        tx.use_up(&old)?;
        let narrower = scope::text(&narrower);
        tx.authorise(&Authorised {
            grant: grant.id,
            scopes,
            narrower: narrower.clone(),
            access: token_hash(&access),
            seconds: limits::SMART_ACCESS_SECONDS,
            refresh: new.as_deref().map(token_hash),
        })?;
        tx.audit(None, &format!("app grant {} token by refresh", grant.id), "granted")?;
        let (seconds, nonce) = (limits::SMART_ACCESS_SECONDS, String::new());
        Ok(Ok(Given { grant, scopes: narrower, seconds, access, refresh: new, nonce }))
    });
    Ok(done.await??)
}

async fn by_itself(smart: &Smart, app: &App, params: &Params) -> Result<Given, Refused> {
    if app.what.proof != Proof::Key {
        let text = "an app asks for itself with `private_key_jwt` only";
        return Err(Refused::new("unauthorized_client", text));
    }
    let wished = Scope::list(params.wanted("scope")?);
    let granted = still(app, &wished);
    let systems = |s: &Scope| matches!(s, Scope::Resources(r) if r.level == Level::System);
    let granted: Vec<Scope> = granted.into_iter().filter(systems).collect();
    if granted.is_empty() {
        return Err(Refused::scope("none of these scopes is allowed to the app for itself"));
    }
    let (access, _) = new_tokens(false)?;
    let (id, scopes) = (app.id, scope::text(&granted));
    let seconds = limits::SMART_SYSTEM_SECONDS;
    let done = smart.inner.house.write(house_decision()?, move |tx| {
        let new = NewGrant { app: id, scopes: scopes.clone(), seconds, ..NewGrant::default() };
        let grant = tx.grant_app(&new, None)?;
        let narrower = scopes.clone();
        let access_hash = token_hash(&access);
        tx.authorise(&Authorised {
            grant,
            scopes: scopes.clone(),
            narrower,
            access: access_hash,
            seconds,
            refresh: None,
        })?;
        tx.audit(None, &format!("app {id} grant {grant} token for itself"), "granted")?;
        let grant = Grant {
            id: grant,
            app: id,
            account: 0,
            scopes: scopes.clone(),
            patient: String::new(),
            encounter: String::new(),
            proven: 0,
            made: 0,
            until: 0,
            ended: false,
            why: String::new(),
        };
        Ok(Given { grant, scopes, seconds, access, refresh: None, nonce: String::new() })
    });
    Ok(done.await?)
}

async fn answer(smart: &Smart, headers: &HeaderMap, app: &App, given: Given) -> Result<Response, Refused> {
    let scopes = Scope::list(&given.scopes);
    let asked = identity::Asked {
        issuer: smart.issuer(headers),
        client: &app.client,
        grant: &given.grant,
        scopes: &scopes,
        nonce: &given.nonce,
        access: &given.access,
    };
    let id_token = if given.grant.account == 0 { None } else { identity::id_token(smart, asked).await? };
    let mut body = json!({
        "access_token": given.access,
        "token_type": "Bearer",
        "expires_in": given.seconds,
        "scope": given.scopes,
    });
    let mut add = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            body[name] = value;
        }
    };
    let text = |text: &str| (!text.is_empty()).then(|| json!(text));
    add("refresh_token", given.refresh.map(Value::from));
    add("id_token", id_token.map(Value::from));
    add("patient", text(&given.grant.patient));
    add("encounter", text(&given.grant.encounter));
    // Every app shows by itself whose record it is.
    add("need_patient_banner", text(&given.grant.patient).map(|_| json!(true)));
    let mut response = Json(body).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    Ok(response)
}
