//! Citizens sign in: by CCCD or telephone, and a code sent to the telephone on file.
//!
//! Whether a number is known is never said: the answer, and the work it takes, are the same. The message leaves after the
//! answer was given.

use crate::sms::Gateway;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::{Extension, Form};
use mach_access::{Act, Actor, Decision, decide, secret};
use mach_base::limits;
use mach_house::ways::{Way, Whose};
use mach_house::{Failure, House, NewSession};
use mach_store::sessions::State as Stands;
use mach_ui::components::{Field, FieldKind};
use mach_ui::http::{Here, Problem};
use mach_ui::{Html, Lang, msg, pages};
use serde::Deserialize;
use std::sync::Arc;

fn own_decision() -> Result<Decision, Problem> {
    decide(&Actor::console(), Act::UseAccount).map_err(Problem::internal)
}

pub(crate) async fn form(State(house): State<House>, lang: Lang, here: Here) -> Html {
    let ways = house.ways(Whose::Citizens);
    ask(lang, here, Way::part(lang, &ways, Whose::Citizens, "/me"))
}

/// A code is asked for by the page that sends it; who comes here by address begins there.
pub(crate) async fn again() -> Redirect {
    Redirect::to("/me/sign-in")
}

fn number_field(lang: Lang) -> Field {
    Field::new("number", lang.t(msg::ME_NUMBER), FieldKind::Digits).required()
}

fn ask(lang: Lang, here: Here, more: Html) -> Html {
    pages::door(&pages::Door {
        lang,
        here: here.0,
        title: lang.t(msg::ME_SIGN_IN).to_owned(),
        lead: lang.t(msg::ME_SIGN_IN_LEAD).to_owned(),
        action: "/me/sign-in".to_owned(),
        next: "/me".to_owned(),
        fields: vec![number_field(lang)],
        button: lang.t(msg::ME_SEND).to_owned(),
        more,
        ..pages::Door::default()
    })
}

fn ask_code(lang: Lang, here: Here, number: &str, error: Option<String>) -> Html {
    let code = Field::new("code", lang.t(msg::ME_CODE), FieldKind::Digits).required();
    let code = Field { autocomplete: "one-time-code", ..code };
    pages::door(&pages::Door {
        lang,
        here: here.0,
        title: lang.t(msg::ME_SIGN_IN).to_owned(),
        lead: lang.t(msg::ME_CODE_LEAD).to_owned(),
        action: "/me/sign-in/code".to_owned(),
        next: "/me".to_owned(),
        fields: vec![number_field(lang).value(number), code],
        button: lang.t(msg::SIGN_IN).to_owned(),
        error,
        ..pages::Door::default()
    })
}

#[derive(Deserialize)]
pub(crate) struct Number {
    number: String,
}

/// The person a typed number names, and their telephone.
async fn find(house: &House, number: &str) -> Result<Option<(i64, String)>, Problem> {
    let value: String = number.chars().take(limits::NAME_CHARS).collect();
    house
        .read(own_decision()?, move |r| -> Result<Option<(i64, String)>, Failure> {
            let person = mach_people::by_exact_number(r, &value).map_err(Problem::internal)?;
            let Some(person) = person else { return Ok(None) };
            let phone = mach_people::phone_of(r, person).map_err(Problem::internal)?;
            Ok(phone.map(|phone| (person, phone)))
        })
        .await
}

pub(crate) async fn send(
    State(house): State<House>,
    Extension(gateway): Extension<Arc<dyn Gateway>>,
    lang: Lang,
    here: Here,
    Form(typed): Form<Number>,
) -> Result<Html, Problem> {
    let found = find(&house, &typed.number).await?;
    let token = secret::token_hash(&secret::new_token("").map_err(Problem::internal)?);
    let drawn = u64::from_be_bytes([token[0], token[1], token[2], token[3], token[4], token[5], token[6], token[7]]);
    let code = format!("{:06}", drawn % 1_000_000);
    let (hash, person) = (secret::token_hash(&code), found.as_ref().map(|f| f.0));
    // Known or not, something is written: the time tells nothing.
    let offered = house
        .write(own_decision()?, move |tx| {
            let offered = match person {
                Some(person) => tx.offer_code(person, &hash)?,
                None => false,
            };
            tx.audit(person, "citizen code", if offered { "granted" } else { "denied" })?;
            Ok(offered)
        })
        .await?;
    if let Some((_, phone)) = found.filter(|_| offered) {
        let text = Lang::Vi.fmt(msg::ME_SMS, &[("code", &code)]);
        tokio::task::spawn_blocking(move || {
            if let Err(e) = gateway.send(&phone, &text) {
                tracing::error!("a sign-in code could not be sent: {e}");
            }
        });
    }
    Ok(ask_code(lang, here, &typed.number, None))
}

#[derive(Deserialize)]
pub(crate) struct Code {
    number: String,
    #[serde(default)]
    code: String,
}

pub(crate) async fn enter(
    State(house): State<House>,
    lang: Lang,
    here: Here,
    headers: HeaderMap,
    Form(typed): Form<Code>,
) -> Result<Response, Problem> {
    let person = find(&house, &typed.number).await?.map(|f| f.0);
    let code: String = typed.code.chars().filter(char::is_ascii_digit).take(12).collect();
    let hash = secret::token_hash(&code);
    let new = NewSession::of(&headers)?;
    let (stored, agent) = (new.hash, new.agent.clone());
    let entered = house
        .write(own_decision()?, move |tx| {
            let account = match person {
                Some(person) if tx.take_code(person, &hash)? => tx.citizen_account(person)?,
                _ => None,
            };
            if let Some(account) = account {
                tx.begin_session(&stored, account, Stands::Open, &agent)?;
            }
            tx.audit(person, "citizen sign-in", if account.is_some() { "granted" } else { "denied" })?;
            Ok(account.is_some())
        })
        .await?;
    if !entered {
        let page = ask_code(lang, here, &typed.number, Some(lang.t(msg::ME_CODE_WRONG).to_owned()));
        return Ok((StatusCode::UNAUTHORIZED, page).into_response());
    }
    Ok(([(header::SET_COOKIE, new.cookie(&house))], Redirect::to("/me")).into_response())
}
