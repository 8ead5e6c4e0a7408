//! Signing in and out, and the front door: `/` sends each role to where its work is.

use crate::session::{SESSION_COOKIE, house_decision, session_token};
use crate::{Failure, House, Session};
use axum::Router;
use axum::extract::{Form, Query, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use mach_access::{Role, secret};
use mach_base::limits;
use mach_base::time::now_seconds;
use mach_store::accounts;
use mach_ui::http::{Here, Problem, cookie, safe_next};
use mach_ui::{Html, Lang, msg, pages};
use serde::Deserialize;

/// Routes `/`, `/sign-in`, `/sign-out`.
pub fn router() -> Router<House> {
    Router::new().route("/", get(front)).route("/sign-in", get(form).post(sign_in)).route("/sign-out", post(sign_out))
}

async fn front(session: Session) -> Redirect {
    Redirect::to(home(session.actor.role))
}

/// Where a role's work is.
pub fn home(role: Role) -> &'static str {
    match role {
        Role::Leader | Role::Console => "/hoc",
        Role::Operator | Role::Sender => "/claims",
        Role::Clinician => "/people",
        Role::SystemReader | Role::SystemWriter => "/fhir/metadata",
    }
}

#[derive(Deserialize)]
struct Next {
    #[serde(default)]
    next: String,
    #[serde(default)]
    out: Option<String>,
}

async fn form(lang: Lang, here: Here, Query(query): Query<Next>) -> Html {
    let notice = query.out.map(|_| lang.t(msg::SIGNED_OUT).to_owned());
    pages::sign_in(&pages::SignIn {
        lang,
        here: here.0,
        next: safe_next(&query.next).to_owned(),
        notice,
        ..pages::SignIn::default()
    })
}

#[derive(Deserialize)]
struct Credentials {
    username: String,
    password: String,
    #[serde(default)]
    next: String,
}

enum Outcome {
    In(String),
    Wrong,
    Rests,
}

async fn sign_in(
    State(house): State<House>,
    lang: Lang,
    here: Here,
    Form(typed): Form<Credentials>,
) -> Result<Response, Problem> {
    let next = safe_next(&typed.next).to_owned();
    let username = typed.username.trim().to_lowercase();
    if username.chars().count() > limits::SEARCH_CHARS || typed.password.len() > limits::NAME_CHARS * 4 {
        return Err(Problem::TooLarge);
    }
    let name = username.clone();
    let account = house.read(house_decision()?, move |r| accounts::by_name(r, &name).map_err(Failure::from)).await?;
    let outcome = check(&house, account, typed.password).await?;
    let error = match outcome {
        Outcome::In(token) => {
            let options = cookie::Options { max_age_seconds: None, secure: house.secure() };
            let cookie = cookie::set(SESSION_COOKIE, &token, options);
            return Ok(([(header::SET_COOKIE, cookie)], Redirect::to(&next)).into_response());
        }
        Outcome::Wrong => lang.t(msg::SIGN_IN_WRONG).to_owned(),
        Outcome::Rests => lang.fmt(msg::SIGN_IN_REST, &[("minutes", &limits::SIGN_IN_REST_MINUTES.to_string())]),
    };
    let view = pages::SignIn { lang, here: here.0, next, username, error: Some(error), ..pages::SignIn::default() };
    Ok((axum::http::StatusCode::UNAUTHORIZED, pages::sign_in(&view)).into_response())
}

/// Checks a password and begins a session. The time it takes tells nothing of whether the account exists.
async fn check(house: &House, account: Option<accounts::Account>, password: String) -> Result<Outcome, Problem> {
    let hash = account.as_ref().map(|a| a.password.clone());
    let matches = tokio::task::spawn_blocking(move || match hash {
        Some(hash) => secret::password_matches(&password, &hash),
        None => {
            secret::spend_password_time(&password);
            false
        }
    })
    .await
    .map_err(Problem::internal)?;
    let Some(account) = account else { return Ok(Outcome::Wrong) };
    let id = account.actor.account;
    if account.rests_until > now_seconds() {
        return Ok(Outcome::Rests);
    }
    let target = format!("account {id}");
    if !matches {
        house
            .write(house_decision()?, move |tx| {
                tx.failed_sign_in(id)?;
                tx.audit(None, &target, "denied")
            })
            .await?;
        return Ok(Outcome::Wrong);
    }
    let token = secret::new_token("").map_err(Problem::internal)?;
    let stored = secret::token_hash(&token);
    house
        .write(house_decision()?, move |tx| {
            tx.begin_session(&stored, id)?;
            tx.audit(None, &target, "granted")
        })
        .await?;
    Ok(Outcome::In(token))
}

async fn sign_out(State(house): State<House>, headers: HeaderMap) -> Result<Response, Problem> {
    if let Some(token) = session_token(&headers) {
        house.write(house_decision()?, move |tx| tx.end_session(&token)).await?;
    }
    let ended = cookie::set(SESSION_COOKIE, "", cookie::Options { max_age_seconds: Some(0), secure: house.secure() });
    Ok(([(header::SET_COOKIE, ended)], Redirect::to("/sign-in?out=1")).into_response())
}
