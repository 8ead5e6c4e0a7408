//! `/recover`: back in with the code that two administrators gave, with a new password.

use crate::proof;
use crate::session::house_decision;
use crate::{Failure, House};
use axum::extract::{Form, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use mach_access::secret;
use mach_base::limits;
use mach_store::accounts;
use mach_ui::components::{Field, FieldKind};
use mach_ui::http::{Here, Problem};
use mach_ui::{Html, Lang, msg, pages};
use serde::Deserialize;

/// Fewer characters than [`limits::PASSWORD_CHARS`], or more than anybody types.
pub fn is_weak(password: &str) -> bool {
    let length = password.chars().count();
    !(limits::PASSWORD_CHARS..=limits::NAME_CHARS).contains(&length)
}

#[derive(Deserialize)]
pub(crate) struct Typed {
    username: String,
    code: String,
    password: String,
}

fn page(lang: Lang, here: Here, username: &str, error: Option<String>) -> Html {
    let mut name = Field::new("username", lang.t(msg::USERNAME), FieldKind::Text).required().value(username);
    name.autocomplete = "username";
    name.autofocus = true;
    let code = Field::new("code", lang.t(msg::RECOVER_CODE), FieldKind::Text).required();
    let hint = lang.fmt(msg::PASSWORD_HINT, &[("n", &limits::PASSWORD_CHARS.to_string())]);
    let mut password = Field::new("password", lang.t(msg::PASSWORD_NEW), FieldKind::Password).required().hint(hint);
    password.autocomplete = "new-password";
    pages::door(&pages::Door {
        lang,
        here: here.0,
        title: lang.t(msg::RECOVER).to_owned(),
        lead: lang.t(msg::RECOVER_LEAD).to_owned(),
        action: "/recover".to_owned(),
        fields: vec![name, code, password],
        button: lang.t(msg::RECOVER_GO).to_owned(),
        error,
        ..pages::Door::default()
    })
}

pub(crate) async fn form(lang: Lang, here: Here) -> Html {
    page(lang, here, "", None)
}

pub(crate) async fn recover(
    State(house): State<House>,
    lang: Lang,
    here: Here,
    Form(typed): Form<Typed>,
) -> Result<Response, Problem> {
    let username = typed.username.trim().to_lowercase();
    if username.chars().count() > limits::SEARCH_CHARS || typed.code.len() > limits::NAME_CHARS {
        return Err(Problem::TooLarge);
    }
    let refused =
        |here, error| Ok((StatusCode::UNAUTHORIZED, page(lang, here, &username, Some(error))).into_response());
    if is_weak(&typed.password) {
        let n = limits::PASSWORD_CHARS.to_string();
        return refused(here, lang.fmt(msg::PASSWORD_WEAK, &[("n", &n)]));
    }
    let wrong = lang.t(msg::RECOVER_WRONG).to_owned();
    let name = username.clone();
    let found = house.read(house_decision()?, move |r| accounts::by_name(r, &name).map_err(Failure::from)).await?;
    // The new password is hashed whether the account exists or not: the time tells nothing.
    let password = tokio::task::spawn_blocking(move || secret::hash_password(&typed.password))
        .await
        .map_err(Problem::internal)?
        .map_err(Problem::internal)?;
    let Some(account) = found.filter(|a| !a.closed) else {
        let verdict = proof::nobody(&house, &username).await?;
        return refused(here, verdict.said(lang, msg::RECOVER_WRONG).unwrap_or(wrong));
    };
    let (id, code) = (account.actor.account, secret::token_hash(&proof::plain_code(&typed.code)));
    let verdict = proof::tried(&house, id, "recovery", move |tx| {
        let recovered = tx.recover(id, &code, &password)?.is_some();
        if recovered {
            tx.audit(None, &format!("account {id} recovery"), "granted")?;
        }
        Ok(recovered)
    });
    if let Some(why) = verdict.await?.said(lang, msg::RECOVER_WRONG) {
        return refused(here, why);
    }
    Ok(Redirect::to("/sign-in?out=recovered").into_response())
}
