//! Proving who one is: the password, then a one-time code where the account has a second factor.
//!
//! `/prove` is the one door for a locked session and for acts that want a fresh proof; it gives the session a new token.

use crate::carry::Carried;
use crate::elsewhere::Offers;
use crate::session::{house_decision, session_cookie, session_token};
use crate::{Failure, House};
use axum::extract::{Form, FromRequest, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use mach_access::{secret, totp};
use mach_base::limits;
use mach_base::time::now_seconds;
use mach_store::accounts::{self, Account};
use mach_store::{Tx, factors, passkeys, sessions};
use mach_ui::components::{Field, FieldKind};
use mach_ui::http::{Here, Problem, safe_next};
use mach_ui::{Html, Lang, Msg, msg, pages};
use serde::Deserialize;

/// Seconds within which a form follows the proof by a passkey that opened its door.
const JUST_NOW: i64 = 15;

/// What came of a try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is them.
    Right,
    /// It is not what was asked for.
    Wrong,
    /// Too many tries: the account rests, whatever is typed.
    Rests,
}

impl Verdict {
    /// Why it failed, for a page; `wrong` where it was not what was asked for.
    pub fn said(self, lang: Lang, wrong: mach_ui::Msg) -> Option<String> {
        match self {
            Self::Right => None,
            Self::Wrong => Some(lang.t(wrong).to_owned()),
            Self::Rests => Some(lang.fmt(msg::SIGN_IN_REST, &[("minutes", &limits::SIGN_IN_REST_MINUTES.to_string())])),
        }
    }
}

/// Checks a password, and counts a failure. The time it takes tells nothing of whether the account exists.
///
/// # Errors
/// Where the store does not answer.
pub async fn password(house: &House, account: Option<&Account>, typed: String) -> Result<Verdict, Problem> {
    // A citizen's account has no password: it takes as long as one that does not exist.
    let hash = account.filter(|a| !a.closed && !a.password.is_empty()).map(|a| a.password.clone());
    let matches = tokio::task::spawn_blocking(move || match hash {
        Some(hash) => secret::password_matches(&typed, &hash),
        None => {
            secret::spend_password_time(&typed);
            false
        }
    })
    .await
    .map_err(Problem::internal)?;
    let Some(account) = account.filter(|a| !a.closed) else { return Ok(Verdict::Wrong) };
    tried(house, account.actor.account, "password", move |_| Ok(matches)).await
}

/// Whether what was tried is right, as `right` says. Rest, try and the count of failures are one transaction: tries at the same
/// moment are counted one after the other, and none passes a rest that the one before it brought.
///
/// # Errors
/// Where the store does not answer.
pub(crate) async fn tried(
    house: &House,
    account: i64,
    what: &'static str,
    right: impl FnOnce(&mut Tx<'_>) -> mach_store::Result<bool> + Send + 'static,
) -> Result<Verdict, Problem> {
    house
        .write(house_decision()?, move |tx| {
            let scope = tx.scope();
            if accounts::by_id(tx, scope, account)?.is_none_or(|a| a.rests_until > now_seconds()) {
                return Ok(Verdict::Rests);
            }
            if right(tx)? {
                return Ok(Verdict::Right);
            }
            tx.failed_sign_in(account)?;
            tx.audit(None, &format!("account {account} {what}"), "denied")?;
            Ok(Verdict::Wrong)
        })
        .await
}

/// A try by a name that is nobody's, or a closed account's: it takes as long and rests as soon as one of an account, so that
/// nobody learns which names there are.
///
/// # Errors
/// Where the store does not answer.
pub async fn nobody(house: &House, name: &str) -> Result<Verdict, Problem> {
    let rests = house.pace().nobody_rests(name, std::time::Instant::now());
    // The rest of an account is looked up in a transaction: so this one costs one, too.
    let tried = move |tx: &mut Tx<'_>| if rests { Ok(()) } else { tx.audit(None, "no account password", "denied") };
    house.write(house_decision()?, tried).await?;
    Ok(if rests { Verdict::Rests } else { Verdict::Wrong })
}

/// Checks a one-time code, or a code from paper, of an account with a second factor; each is taken once. Counts a failure.
///
/// # Errors
/// Where the store does not answer.
pub async fn code(house: &House, account: &Account, typed: String) -> Result<Verdict, Problem> {
    let id = account.actor.account;
    tried(house, id, "code", move |tx| {
        let factor = factors::factor(tx, id)?.filter(|f| f.confirmed);
        let step = factor.and_then(|f| totp::accepted(&f.secret, &typed, now_seconds(), f.last_step));
        if let Some(step) = step {
            return tx.take_step(id, step);
        }
        // Codes for paper stand in for an app, and for a passkey.
        let paper = secret::token_hash(&plain_code(&typed));
        let taken = tx.take_paper_code(id, &paper)?;
        if taken {
            tx.audit(None, &format!("account {id} paper code"), "granted")?;
        }
        Ok(taken)
    })
    .await
}

/// A code as it is compared: letters and digits only, upper case.
pub fn plain_code(typed: &str) -> String {
    typed.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_uppercase()
}

/// A fresh code of twelve letters and digits in three groups; none of them looks like another.
///
/// # Errors
/// Without random numbers.
pub fn new_code() -> Result<String, Problem> {
    const LETTERS: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
    let token = secret::new_token("").map_err(Problem::internal)?;
    let digest = secret::token_hash(&token);
    let letter = |b: &u8| char::from(LETTERS[usize::from(*b) & 31]);
    let all: String = digest[..12].iter().map(letter).collect();
    Ok(format!("{}-{}-{}", &all[..4], &all[4..8], &all[8..]))
}

/// The hash of a password that nobody knows: of an account that is opened with a code. Takes as long as hashing does.
///
/// # Errors
/// Without random numbers.
pub fn nobodys_password() -> Result<String, Problem> {
    let unknown = secret::new_token("").map_err(Problem::internal)?;
    secret::hash_password(&unknown).map_err(Problem::internal)
}

/// What the door of a session asks.
pub(crate) struct Asks {
    pub title: Msg,
    pub lead: Msg,
    pub action: &'static str,
    pub button: Msg,
    /// Whether a passkey does, too.
    pub by_key: bool,
}

/// The door of somebody who is half in: one field, answered to go on to `next`.
pub(crate) fn ask(lang: Lang, here: Here, asks: &Asks, field: Field, (next, error): (&str, Option<String>)) -> Html {
    pages::door(&door(lang, here, asks, field, (next, error)))
}

fn door(lang: Lang, here: Here, asks: &Asks, field: Field, (next, error): (&str, Option<String>)) -> pages::Door {
    pages::Door {
        lang,
        here: here.0,
        title: lang.t(asks.title).to_owned(),
        lead: lang.t(asks.lead).to_owned(),
        action: asks.action.to_owned(),
        next: safe_next(next).to_owned(),
        fields: vec![field],
        button: lang.t(asks.button).to_owned(),
        error,
        is_signed_in: true,
        more: if asks.by_key { pages::passkey_part(lang, "prove", safe_next(next)) } else { Html::EMPTY },
        ..pages::Door::default()
    }
}

/// Whether an account has a passkey that opens something.
pub(crate) async fn has_passkey(house: &House, account: i64) -> Result<bool, Problem> {
    let found = move |r: &mut mach_store::Reader| passkeys::of_account(r, account).map_err(Failure::from);
    Ok(house.read(house_decision()?, found).await?.iter().any(|k| k.copied.is_none()))
}

/// Whether an account has a second factor.
pub(crate) async fn has_factor(house: &House, account: i64) -> Result<bool, Problem> {
    house.read(house_decision()?, move |r| Ok::<_, Failure>(factors::is_guarded(r, account)?)).await
}

/// The field a one-time code is typed into.
pub fn code_field(lang: Lang) -> Field {
    let mut field =
        Field::new("code", lang.t(msg::CODE_FIELD), FieldKind::Text).required().hint(lang.t(msg::CODE_HINT));
    field.autocomplete = "one-time-code";
    field.autofocus = true;
    field.max_chars = 20;
    field
}

#[derive(Deserialize)]
pub(crate) struct Next {
    #[serde(default)]
    pub next: String,
    /// Whether somebody comes back who proved elsewhere who they are, in a tab of its own.
    #[serde(default)]
    pub done: String,
}

/// The live session of a request, whatever its state, and the hash of its token.
///
/// # Errors
/// `Unauthenticated` where there is none.
pub async fn live(house: &House, headers: &HeaderMap) -> Result<(sessions::Live, [u8; 32]), Problem> {
    let token = session_token(headers).ok_or(Problem::Unauthenticated)?;
    let live = house.read(house_decision()?, move |r| sessions::live(r, &token).map_err(Failure::from)).await?;
    Ok((live.ok_or(Problem::Unauthenticated)?, token))
}

/// The door of the proof, with a form that it carries.
///
/// A passkey does, too, where the account has one; the page says so once its script has asked. So does the provider that signed them on.
pub(crate) fn page(
    lang: Lang,
    here: Here,
    (carried, offers): (Option<&Carried>, &Offers),
    (next, error): (&str, Option<String>),
) -> Html {
    let mut field = Field::new("password", lang.t(msg::PASSWORD), FieldKind::Password).required();
    field.autocomplete = "current-password";
    field.autofocus = true;
    let lead = if carried.is_some() { msg::PROVE_KEPT } else { msg::PROVE_LEAD };
    let asks = Asks { title: msg::PROVE, lead, action: "/prove", button: msg::PROVE_GO, by_key: true };
    let mut view = door(lang, here, &asks, field, (next, error));
    view.hidden = carried.map(Carried::hidden).unwrap_or_default();
    let elsewhere = offers.part(lang, carried.is_some(), safe_next(next));
    view.more = Html::concat([view.more, elsewhere]);
    match (offers.password, carried) {
        (true, None) => {}
        (true, Some(_)) if offers.is_elsewhere() => view.also = lang.t(msg::PROVED_ELSEWHERE).to_owned(),
        (true, Some(_)) => {}
        // Nobody is asked for a password that there is not; what is carried is sent again once they proved themselves elsewhere.
        (false, None) => view.asks_nothing = true,
        (false, Some(_)) => {
            view.fields.clear();
            view.hidden.push(("by".to_owned(), "elsewhere".to_owned()));
            view.button = lang.t(msg::PROVED_GO).to_owned();
        }
    }
    pages::door(&view)
}

/// `GET /prove`.
pub(crate) async fn form(
    State(house): State<House>,
    lang: Lang,
    here: Here,
    headers: HeaderMap,
    Query(query): Query<Next>,
) -> Result<Html, Problem> {
    let (found, token) = live(&house, &headers).await?;
    if found.state == sessions::State::Half {
        return Err(Problem::Unauthenticated);
    }
    if query.done == "1" && is_fresh(&found) {
        return Ok(pages::good(lang, here.0, (lang.t(msg::PROVED), lang.t(msg::PROVED_BESIDE))));
    }
    let offers = Offers::of(&house, token, &found.account).await?;
    Ok(page(lang, here, (None, &offers), (&query.next, None)))
}

/// Whether the owner of an open session proved lately who they are.
fn is_fresh(found: &sessions::Live) -> bool {
    found.state == sessions::State::Open && now_seconds() - found.proven <= limits::PROVEN_MINUTES * 60
}

/// `POST /prove`: opens a locked session, or proves an open one afresh; a form that was carried is given back. A script that
/// asks for JSON gets a status only.
pub(crate) async fn prove(
    State(house): State<House>,
    lang: Lang,
    here: Here,
    request: Request,
) -> Result<Response, Problem> {
    let headers = request.headers().clone();
    // Before a body is read: what it carries may be long.
    let (found, token) = live(&house, &headers).await?;
    if found.state == sessions::State::Half {
        return Err(Problem::Unauthenticated);
    }
    let posted = Form::<Vec<(String, String)>>::from_request(request, &()).await;
    let Form(posted) = posted.map_err(|e| match e.into_response().status() {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::TooLarge,
        _ => Problem::BadRequest(String::new()),
    })?;
    let value = |name| posted.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone()).unwrap_or_default();
    let next = safe_next(&value("next")).to_owned();
    let carried = Carried::of(&posted, &next);
    let typed = value("password");
    if typed.len() > limits::NAME_CHARS * 4 {
        return Err(Problem::TooLarge);
    }
    // A passkey has proved them just now, and the form that waited comes after it.
    let just_now = now_seconds() - found.proven <= JUST_NOW && found.state == sessions::State::Open;
    if let Some(carried) = carried.clone().filter(|_| value("by") == "passkey" && just_now) {
        return Ok(carried.back(lang, here).into_response());
    }
    // So did the provider that signed them on, in another tab; the form is given back to be sent, which asks again whether it may be.
    if let Some(carried) = carried.clone().filter(|_| value("by") == "elsewhere" && is_fresh(&found)) {
        return Ok(carried.back(lang, here).into_response());
    }
    let offers = Offers::of(&house, token, &found.account).await?;
    if carried.is_some() && value("by") == "elsewhere" {
        let error = Some(lang.t(msg::PROVE_NOT_YET).to_owned());
        let door = page(lang, here, (carried.as_ref(), &offers), (&next, error));
        return Ok((StatusCode::UNAUTHORIZED, door).into_response());
    }
    let verdict = password(&house, Some(&found.account), typed).await?;
    let by_script = headers.get(header::ACCEPT).is_some_and(|v| v == "application/json");
    if verdict != Verdict::Right {
        let error = verdict.said(lang, msg::PROVE_WRONG);
        if by_script {
            return Ok((StatusCode::FORBIDDEN, axum::Json(serde_json::json!({ "error": error }))).into_response());
        }
        let door = page(lang, here, (carried.as_ref(), &offers), (&next, error));
        return Ok((StatusCode::UNAUTHORIZED, door).into_response());
    }
    let cookie = renew(&house, &found.account, token, "prove").await?;
    if by_script {
        return Ok(([(header::SET_COOKIE, cookie)], StatusCode::NO_CONTENT).into_response());
    }
    if let Some(carried) = carried {
        return Ok(([(header::SET_COOKIE, cookie)], carried.back(lang, here)).into_response());
    }
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to(&next)).into_response())
}

/// `POST /lock`.
pub(crate) async fn lock(State(house): State<House>, headers: HeaderMap) -> Result<Response, Problem> {
    let (found, token) = live(&house, &headers).await?;
    let id = found.account.actor.account;
    house
        .write(house_decision()?, move |tx| {
            tx.lock_session(&token)?;
            tx.audit(None, &format!("account {id} lock"), "granted")
        })
        .await?;
    if headers.get(header::ACCEPT).is_some_and(|v| v == "application/json") {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    Ok(Redirect::to("/prove").into_response())
}

/// Opens a session under a new token; gives its cookie.
pub(crate) async fn renew(
    house: &House,
    account: &Account,
    token: [u8; 32],
    what: &'static str,
) -> Result<axum::http::HeaderValue, Problem> {
    let renewed = secret::new_token("").map_err(Problem::internal)?;
    let (stored, id) = (secret::token_hash(&renewed), account.actor.account);
    house
        .write(house_decision()?, move |tx| {
            tx.signed_in(id)?;
            tx.prove_session(&token, &stored)?;
            tx.audit(None, &format!("account {id} {what}"), "granted")
        })
        .await?;
    Ok(session_cookie(house, &renewed, None))
}
