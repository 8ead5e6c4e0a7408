//! `/account/passkeys`: keys of devices, in place of a password and as a second factor.

use crate::form::{Failure, codes, moment, new_code, own};
use askama::Template;
use axum::Json;
use axum::extract::{Form, Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use mach_access::{Act, secret};
use mach_base::limits;
use mach_house::passkey::{Site, What, bytes, handle, text};
use mach_house::{House, Session, proof};
use mach_sign::webauthn;
use mach_store::factors;
use mach_store::passkeys::{self, Passkey};
use mach_ui::components::{
    Button, Card, Cell, Column, Notice, PageHead, PostForm, Row, Table, Tone, chip, line, stack,
};
use mach_ui::http::Problem;
use mach_ui::shell::Crumb;
use mach_ui::{Html, Lang, assets, msg, shell};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    done: String,
}

#[derive(Template)]
#[template(path = "passkey-add.html")]
struct Add {
    lang: Lang,
    script: String,
    most: usize,
}

/// `GET /account/passkeys`.
pub(crate) async fn page(
    State(house): State<House>,
    session: Session,
    Query(asked): Query<Asked>,
) -> Result<Html, Problem> {
    let decision = house.decide(&session, Act::UseAccount).await?;
    // Asked before anything is typed; what adds or removes asks again.
    session.is_proven()?;
    let id = session.actor.account;
    let keys = house.read(decision, move |r| passkeys::of_account(r, id).map_err(Failure::from)).await?;
    let lang = session.lang;
    let mut meta = session.meta(lang.t(msg::PASSKEYS), "/account");
    meta.crumbs = vec![Crumb::link(lang.t(msg::ACCOUNT_MINE), "/account"), Crumb::here(lang.t(msg::PASSKEYS))];
    let mut parts = vec![Html::from(PageHead::new(lang.t(msg::PASSKEYS)).lead(lang.t(msg::PASSKEYS_LEAD)))];
    let told = match asked.done.as_str() {
        "added" => Some(msg::PASSKEY_ADDED),
        "removed" => Some(msg::PASSKEY_REMOVED),
        _ => None,
    };
    parts.extend(told.map(|text| Html::from(Notice::new(lang, Tone::Good, lang.t(text)))));
    if keys.iter().any(|k| k.copied.is_some()) {
        parts.push(Notice::new(lang, Tone::Bad, lang.t(msg::PASSKEY_COPIED_DO)).into());
    }
    parts.push(listed(lang, &keys));
    if keys.len() < limits::PASSKEYS {
        let add = Add { lang, script: assets::url("passkey.js"), most: limits::PASSKEY_NAME_CHARS };
        parts.push(Card::new(lang.t(msg::PASSKEY_ADD), Html::template(&add)).into());
    }
    Ok(shell::page(&meta, stack(parts)))
}

fn listed(lang: Lang, keys: &[Passkey]) -> Html {
    if keys.is_empty() {
        return Card::new("", line(lang.t(msg::PASSKEYS_NONE))).into();
    }
    let row = |key: &Passkey| {
        let mut button = Button::submit(lang.t(msg::PASSKEY_REMOVE));
        button.danger = true;
        let remove = PostForm::new(lang, format!("/account/passkeys/{}/remove", key.id), button)
            .sure(lang.t(msg::PASSKEY_REMOVE_SURE));
        let state = match (key.copied, key.backed_up) {
            (Some(_), _) => chip(Tone::Bad, lang.t(msg::PASSKEY_IS_COPIED)),
            (None, true) => chip(Tone::Plain, lang.t(msg::PASSKEY_SYNCED)),
            (None, false) => chip(Tone::Plain, lang.t(msg::PASSKEY_BOUND)),
        };
        let used = key.used.map_or_else(|| lang.t(msg::PASSKEY_NEVER).to_owned(), moment);
        Row::new([Cell::two(&key.name, &moment(key.made)), Cell(Html::text(&used)), Cell(state), Cell(remove.into())])
    };
    let columns = vec![
        Column::text(lang.t(msg::PASSKEY_NAME)),
        Column::text(lang.t(msg::PASSKEY_USED)),
        Column::text(lang.t(msg::PASSKEY_KIND)),
        Column::text(""),
    ];
    let table = Table::new(lang, lang.t(msg::PASSKEYS), columns).rows(keys.iter().map(row).collect());
    Card::new(lang.t(msg::PASSKEYS), Table { caption_hidden: true, ..table }.stack()).into()
}

/// `POST /account/passkeys/options`: what the browser makes a key by.
pub(crate) async fn options(
    State(house): State<House>,
    session: Session,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    let decision = house.decide(&session, Act::UseAccount).await?;
    session.is_proven()?;
    let token = session.token.ok_or(Problem::Forbidden)?;
    let site = Site::of(&house, &headers)?;
    let asked = decision.clone();
    let (account, keys) = house
        .read(decision, move |r| {
            let account = own(r, &asked)?;
            let keys = passkeys::of_account(r, account.actor.account)?;
            Ok::<_, Failure>((account, keys))
        })
        .await?;
    let challenge = house.challenges().give(token, What::Add)?;
    let algorithms: Vec<Value> =
        webauthn::ALGORITHMS.iter().map(|alg| json!({ "type": "public-key", "alg": alg })).collect();
    let known: Vec<Value> = keys.iter().map(|k| json!({ "type": "public-key", "id": text(&k.credential) })).collect();
    Ok(Json(json!({
        "challenge": text(&challenge),
        "rp": { "id": site.rp_id, "name": session.lang.t(msg::PRODUCT) },
        "user": { "id": text(&handle(account.actor.account)), "name": account.name, "displayName": account.display },
        "pubKeyCredParams": algorithms,
        "excludeCredentials": known,
        "authenticatorSelection": { "residentKey": "required", "requireResidentKey": true, "userVerification": "required" },
        "attestation": "none",
        "timeout": 120_000,
    })))
}

#[derive(Deserialize)]
pub(crate) struct Made {
    #[serde(default)]
    name: String,
    #[serde(default)]
    client: String,
    #[serde(default)]
    attestation: String,
}

/// `POST /account/passkeys`: keeps a key that was made. The first one of an account without codes from an app brings codes for
/// paper along: who loses the device, or has a browser without script, gets in by them.
pub(crate) async fn add(
    State(house): State<House>,
    session: Session,
    headers: HeaderMap,
    Form(made): Form<Made>,
) -> Result<Response, Problem> {
    let decision = house.decide(&session, Act::UseAccount).await?;
    session.is_proven()?;
    let lang = session.lang;
    let no = |why| Ok((StatusCode::BAD_REQUEST, Json(json!({ "error": lang.t(why) }))).into_response());
    let name: String = made.name.trim().chars().filter(|c| !c.is_control()).collect();
    if name.is_empty() || name.chars().count() > limits::PASSKEY_NAME_CHARS {
        return no(msg::PASSKEY_NAME_WRONG);
    }
    let token = session.token.ok_or(Problem::Forbidden)?;
    let Some(challenge) = house.challenges().take(&token, What::Add) else { return no(msg::PASSKEY_LATE) };
    let site = Site::of(&house, &headers)?;
    let key = match webauthn::made(&bytes(&made.client)?, &bytes(&made.attestation)?, &site.expects(&challenge)) {
        Ok(key) => key,
        Err(why) => {
            tracing::info!("a passkey was not taken: {why}");
            return no(msg::PASSKEY_WRONG);
        }
    };
    let paper = (0..limits::PAPER_CODES).map(|_| new_code()).collect::<Result<Vec<_>, _>>()?;
    let hashes: Vec<_> = paper.iter().map(|code| secret::token_hash(&proof::plain_code(code))).collect();
    let account = session.actor.account;
    let new = Passkey {
        id: 0,
        account,
        credential: key.id,
        public: key.key,
        name,
        counter: key.counter,
        backed_up: key.backed_up,
        made: 0,
        used: None,
        copied: None,
    };
    let kept = house
        .write(decision, move |tx| {
            let first = !factors::is_guarded(tx, account)?;
            let Some(id) = tx.add_passkey(&new)? else { return Ok(None) };
            if first {
                tx.give_paper_codes(account, &hashes)?;
            }
            tx.audit(None, &format!("account {account} passkey {id} added"), "granted")?;
            Ok(Some(first))
        })
        .await?;
    match kept {
        None => no(msg::PASSKEY_NOT_KEPT),
        Some(true) => Ok(Json(json!({ "codes": codes(&paper).as_str() })).into_response()),
        Some(false) => Ok(Json(json!({ "to": "/account/passkeys?done=added" })).into_response()),
    }
}

/// `POST /account/passkeys/{id}/remove`.
pub(crate) async fn remove(
    State(house): State<House>,
    session: Session,
    Path(id): Path<i64>,
) -> Result<Redirect, Problem> {
    let decision = house.decide(&session, Act::UseAccount).await?;
    session.is_proven()?;
    let account = session.actor.account;
    let gone = house
        .write(decision, move |tx| {
            let gone = tx.drop_passkey(account, id)?;
            tx.audit(
                None,
                &format!("account {account} passkey {id} removed"),
                if gone { "granted" } else { "failed" },
            )?;
            Ok(gone)
        })
        .await?;
    if gone { Ok(Redirect::to("/account/passkeys?done=removed")) } else { Err(Problem::NotFound) }
}
