//! Signing in and out, and the front door: `/` sends each role to where its work is.

use crate::proof::{self, Next, Verdict};
use crate::session::{NewSession, house_decision, session_cookie, session_token};
use crate::ways::{Way, Whose};
use crate::{Failure, House, Session, passkey, recover};
use axum::Router;
use axum::extract::{DefaultBodyLimit, Form, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use mach_access::Role;
use mach_base::limits;
use mach_store::sessions::State as Open;
use mach_store::{accounts, sign_on};
use mach_ui::http::{Here, Problem, safe_next};
use mach_ui::{Html, Lang, format, msg, pages};
use serde::Deserialize;

/// Routes `/`, `/sign-in`, `/sign-in/code`, `/sign-in/passkey`, `/passkey`, `/sign-out`, `/prove`, `/lock`, `/recover`.
pub fn router() -> Router<House> {
    Router::new()
        .route("/", get(front))
        .route("/sign-in", get(form).post(sign_in))
        .route("/sign-in/code", get(code_form).post(sign_in_code))
        .route("/sign-in/passkey", get(passkey::door))
        .route("/passkey", post(passkey::answer))
        .route("/passkey/options", post(passkey::ask))
        .route("/sign-out", post(sign_out))
        .route("/prove", get(proof::form).post(proof::prove).layer(DefaultBodyLimit::max(limits::PROOF_BYTES)))
        .route("/lock", post(proof::lock))
        .route("/recover", get(recover::form).post(recover::recover))
}

async fn front(session: Session) -> Redirect {
    Redirect::to(home(session.actor.role))
}

/// Where a role's work is.
pub fn home(role: Role) -> &'static str {
    match role {
        Role::Leader | Role::Head | Role::Console => "/hoc",
        Role::Operator | Role::Sender => "/claims",
        Role::Clinician => "/people",
        Role::Administrator => "/admin/accounts",
        Role::SystemReader | Role::SystemWriter | Role::SystemAuditor => "/fhir/metadata",
        Role::Citizen => "/me",
        Role::Visitor => "/desk/view",
    }
}

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    next: String,
    #[serde(default)]
    out: Option<String>,
    /// The provider that signed on who signs out.
    #[serde(default)]
    at: Option<String>,
}

async fn form(State(house): State<House>, lang: Lang, here: Here, Query(query): Query<Asked>) -> Html {
    let said = |why: String| match why.as_str() {
        "recovered" => msg::RECOVERED,
        "password" => msg::PASSWORD_CHANGED,
        _ => msg::SIGNED_OUT,
    };
    let notice = query.out.clone().map(|why| lang.t(said(why)).to_owned());
    pages::sign_in(&pages::SignIn {
        lang,
        here: here.0,
        next: safe_next(&query.next).to_owned(),
        notice,
        more: more(&house, lang, &query),
        ..pages::SignIn::default()
    })
}

/// The other ways in; and, where a provider signed on who has just signed out, that they still are in there.
fn more(house: &House, lang: Lang, query: &Asked) -> Html {
    let ways = house.ways(Whose::Staff);
    let told = query.at.as_deref().and_then(|at| ways.iter().find(|way| way.is_told && way.name == at));
    let there = told.map(|way| {
        let label = lang.fmt(msg::SIGN_OUT_THERE, &[("name", &way.label)]);
        pages::ways_part(lang, &[(label, format!("/sign-in/out/{}", way.name))])
    });
    Html::concat([there.unwrap_or(Html::EMPTY), Way::part(lang, &ways, Whose::Staff, safe_next(&query.next))])
}

#[derive(Deserialize)]
struct Credentials {
    username: String,
    password: String,
    #[serde(default)]
    next: String,
}

async fn sign_in(
    State(house): State<House>,
    lang: Lang,
    here: Here,
    headers: HeaderMap,
    Form(typed): Form<Credentials>,
) -> Result<Response, Problem> {
    let next = safe_next(&typed.next).to_owned();
    let username = typed.username.trim().to_lowercase();
    if username.chars().count() > limits::SEARCH_CHARS || typed.password.len() > limits::NAME_CHARS * 4 {
        return Err(Problem::TooLarge);
    }
    let name = username.clone();
    let account = house.read(house_decision()?, move |r| accounts::by_name(r, &name).map_err(Failure::from)).await?;
    let verdict = proof::password(&house, account.as_ref(), typed.password).await?;
    let verdict = match account.as_ref().filter(|a| !a.closed) {
        Some(_) => verdict,
        None => proof::nobody(&house, &username).await?,
    };
    let (Verdict::Right, Some(account)) = (verdict, account) else {
        let error = verdict.said(lang, msg::SIGN_IN_WRONG);
        let more = Way::part(lang, &house.ways(Whose::Staff), Whose::Staff, &next);
        let view = pages::SignIn { lang, here: here.0, next, username, error, more, ..pages::SignIn::default() };
        return Ok((StatusCode::UNAUTHORIZED, pages::sign_in(&view)).into_response());
    };
    let id = account.actor.account;
    let half = proof::has_factor(&house, id).await?;
    let new = NewSession::of(&headers)?;
    let (hash, agent) = (new.hash, new.agent.clone());
    house
        .write(house_decision()?, move |tx| {
            tx.begin_session(&hash, id, if half { Open::Half } else { Open::Open }, &agent)?;
            if half {
                return tx.audit(None, &format!("account {id} password"), "granted");
            }
            tx.signed_in(id)?;
            tx.audit(None, &format!("account {id}"), "granted")
        })
        .await?;
    let cookie = new.cookie(&house);
    let to = if half { format!("/sign-in/code?next={}", format::query_value(&next)) } else { next };
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to(&to)).into_response())
}

fn code_page(lang: Lang, here: Here, next: &str, error: Option<String>, by_key: bool) -> Html {
    let (title, lead) = (msg::CODE_ASKED, msg::CODE_ASKED_LEAD);
    let asks = proof::Asks { title, lead, action: "/sign-in/code", button: msg::SIGN_IN, by_key };
    proof::ask(lang, here, &asks, proof::code_field(lang), (next, error))
}

async fn code_form(
    State(house): State<House>,
    lang: Lang,
    here: Here,
    headers: HeaderMap,
    Query(query): Query<Next>,
) -> Result<Html, Problem> {
    let found = proof::live(&house, &headers).await?.0;
    match found.state {
        Open::Half => {
            let by_key = proof::has_passkey(&house, found.account.actor.account).await?;
            Ok(code_page(lang, here, &query.next, None, by_key))
        }
        Open::Open | Open::Locked => Err(Problem::Prove),
    }
}

#[derive(Deserialize)]
struct Code {
    code: String,
    #[serde(default)]
    next: String,
}

async fn sign_in_code(
    State(house): State<House>,
    lang: Lang,
    here: Here,
    headers: HeaderMap,
    Form(typed): Form<Code>,
) -> Result<Response, Problem> {
    let (found, token) = proof::live(&house, &headers).await?;
    if found.state != Open::Half {
        return Err(Problem::Prove);
    }
    let next = safe_next(&typed.next).to_owned();
    let verdict = proof::code(&house, &found.account, typed.code).await?;
    if verdict != Verdict::Right {
        let by_key = proof::has_passkey(&house, found.account.actor.account).await?;
        let page = code_page(lang, here, &next, verdict.said(lang, msg::CODE_WRONG), by_key);
        return Ok((StatusCode::UNAUTHORIZED, page).into_response());
    }
    let cookie = proof::renew(&house, &found.account, token, "code").await?;
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to(&next)).into_response())
}

async fn sign_out(State(house): State<House>, headers: HeaderMap) -> Result<Response, Problem> {
    let mut to = "/sign-in?out=1".to_owned();
    if let Some(token) = session_token(&headers) {
        let by = move |tx: &mut mach_store::Tx<'_>| {
            let provider = sign_on::provider_of(tx, &token)?;
            tx.end_session(&token).map(|()| provider)
        };
        let provider = house.write(house_decision()?, by).await?;
        if !provider.is_empty() {
            to.push_str(&format!("&at={}", format::query_value(&provider)));
        }
    }
    let ended = session_cookie(&house, "", Some(0));
    Ok(([(header::SET_COOKIE, ended)], Redirect::to(&to)).into_response())
}
