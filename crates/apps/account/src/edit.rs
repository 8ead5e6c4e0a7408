//! `/admin/accounts/new`, `/admin/accounts/{id}`: an account made and changed.

use crate::form::{Closed, Failure, Proven, codes, form, moment, new_code, roles, state};
use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use mach_access::{Role, secret};
use mach_base::limits::RECOVERY_HOURS;
use mach_base::text::is_facility_code;
use mach_base::time::now_seconds;
use mach_house::{House, Session, proof, role_label};
use mach_store::accounts::{self, Account, Change, NewAccount};
use mach_store::{factors, schema};
use mach_ui::components::{Button, Card, Field, FieldKind, PageHead, PostForm, chip, line, stack};
use mach_ui::http::Problem;
use mach_ui::shell::{Crumb, PageMeta};
use mach_ui::{Html, msg, shell};
use serde::Deserialize;

/// What the form of an account was filled with.
#[derive(Clone, Default, Deserialize)]
pub(crate) struct Typed {
    #[serde(default)]
    name: String,
    display: String,
    role: String,
    #[serde(default)]
    facility: String,
    #[serde(default)]
    closed: String,
}

/// What is wrong with it, by field.
type Errors = Vec<(&'static str, String)>;

fn fields(session: &Session, typed: &Typed, is_new: bool, errors: &Errors) -> Vec<Field> {
    let lang = session.lang;
    let choices = roles(session).iter().map(|r| (r.code().to_owned(), lang.t(role_label(*r)).to_owned())).collect();
    let mut all = Vec::new();
    if is_new {
        let name = Field::new("name", lang.t(msg::USERNAME), FieldKind::Text).required();
        all.push(name.value(&typed.name).hint(lang.t(msg::ACCOUNT_NAME_HINT)));
    }
    all.push(Field::new("display", lang.t(msg::ACCOUNT_DISPLAY), FieldKind::Text).required().value(&typed.display));
    let role = Field::new("role", lang.t(msg::ROLE), FieldKind::Choice(choices)).value(&typed.role);
    // What somebody may do is said, and not taken from the first of a list.
    all.push(if is_new { role.to_choose(lang) } else { role });
    if session.actor.facility.is_none() {
        let facility = Field::new("facility", lang.t(msg::ACCOUNT_FACILITY), FieldKind::Text).value(&typed.facility);
        all.push(facility.hint(lang.t(msg::ACCOUNT_FACILITY_HINT)));
    }
    if !is_new {
        let states = vec![
            (String::new(), lang.t(msg::ACCOUNT_OPEN).to_owned()),
            ("closed".to_owned(), lang.t(msg::ACCOUNT_CLOSED).to_owned()),
        ];
        all.push(Field::new("closed", lang.t(msg::ACCOUNT_STATE), FieldKind::Choice(states)).value(&typed.closed));
    }
    all.into_iter().map(|field| field.told(errors)).collect()
}

/// What was typed, as it is kept: role and the facility's code.
fn checked(session: &Session, typed: &Typed, is_new: bool) -> Result<(Role, Option<String>), Errors> {
    let lang = session.lang;
    let mut errors = Errors::new();
    if is_new && !accounts::is_account_name(&typed.name) {
        errors.push(("name", lang.t(msg::ACCOUNT_NAME_HINT).to_owned()));
    }
    if typed.display.trim().is_empty() || typed.display.chars().count() > mach_base::limits::NAME_CHARS {
        errors.push(("display", lang.t(msg::ACCOUNT_DISPLAY_WANTED).to_owned()));
    }
    let role = Role::parse(&typed.role).filter(|r| roles(session).contains(r));
    if role.is_none() {
        errors.push(("role", lang.t(msg::ACCOUNT_ROLE_WANTED).to_owned()));
    }
    let facility = match &session.facility_code {
        Some(own) => Some(own.clone()),
        None => Some(typed.facility.trim().to_ascii_uppercase()).filter(|code| !code.is_empty()),
    };
    let fits = match (role, &facility) {
        (Some(Role::Leader), facility) => facility.is_none(),
        (Some(Role::Administrator), None) => true,
        (_, Some(code)) => is_facility_code(code),
        (_, None) => false,
    };
    if !fits {
        errors.push(("facility", lang.t(msg::ACCOUNT_FACILITY_HINT).to_owned()));
    }
    match role {
        Some(role) if errors.is_empty() => Ok((role, facility)),
        _ => Err(errors),
    }
}

fn meta(session: &Session, title: &str) -> PageMeta {
    let lang = session.lang;
    let crumbs = vec![Crumb::link(lang.t(msg::NAV_ACCOUNTS), "/admin/accounts"), Crumb::here(title)];
    PageMeta { crumbs, ..session.meta(title, "/admin/accounts") }
}

fn new_form(session: &Session, typed: &Typed, errors: &Errors) -> Html {
    let lang = session.lang;
    let title = lang.t(msg::ACCOUNT_NEW);
    let fields = fields(session, typed, true, errors);
    let body = form(lang, "/admin/accounts/new", &fields, Button::primary(lang.t(msg::ACCOUNT_MAKE)));
    let parts = [Html::from(PageHead::new(title).lead(lang.t(msg::ACCOUNT_NEW_LEAD))), Card::new("", body).into()];
    shell::page(&meta(session, title), stack(parts))
}

/// `GET /admin/accounts/new`.
pub(crate) async fn new_page(Proven { session, .. }: Proven) -> Html {
    new_form(&session, &Typed::default(), &Errors::new())
}

/// `POST /admin/accounts/new`: the answer is the only time the code of the account is shown.
pub(crate) async fn make(
    State(house): State<House>,
    Proven { session, decision }: Proven,
    Form(typed): Form<Typed>,
) -> Result<Response, Closed> {
    let lang = session.lang;
    let typed = Typed { name: typed.name.trim().to_lowercase(), ..typed };
    let refused = |errors: &Errors| (StatusCode::BAD_REQUEST, new_form(&session, &typed, errors)).into_response();
    let (role, facility) = match checked(&session, &typed, true) {
        Ok(kept) => kept,
        Err(errors) => return Ok(refused(&errors)),
    };
    let password = tokio::task::spawn_blocking(proof::nobodys_password).await.map_err(Problem::internal)??;
    let code = new_code()?;
    let (hash, by) = (secret::token_hash(&proof::plain_code(&code)), session.actor.account);
    let (name, display) = (typed.name.clone(), typed.display.trim().to_owned());
    let made = house
        .write(decision, move |tx| {
            if accounts::by_name(tx, &name)?.is_some() {
                return Ok(false);
            }
            let facility = facility.map(|code| schema::facility_id(tx, &code)).transpose()?;
            tx.make_account(&NewAccount { name, display, role, facility, password }, by, &hash, None)?;
            Ok(true)
        })
        .await?;
    if !made {
        return Ok(refused(&vec![("name", lang.t(msg::ACCOUNT_NAME_TAKEN).to_owned())]));
    }
    Ok(code_page(&session, lang.t(msg::ACCOUNT_MADE), (&typed.name, &code), RECOVERY_HOURS * 60).into_response())
}

/// A code, shown this once, until when it is good, and what its owner does with it.
pub(crate) fn code_page(session: &Session, title: &str, (name, code): (&str, &str), minutes: i64) -> Html {
    let lang = session.lang;
    let until = moment(now_seconds() + minutes * 60);
    let lead = lang.fmt(msg::ACCOUNT_CODE_LEAD, &[("name", name), ("until", &until)]);
    let body = Html::concat([line(&lead), codes(&[code.to_owned()])]);
    let parts = [
        Html::from(PageHead::new(title).actions([mach_ui::components::print_button(lang)])),
        Card::new("", body).into(),
        Button::link(lang.t(msg::NAV_ACCOUNTS), "/admin/accounts").as_primary().into(),
    ];
    shell::page(&meta(session, title), stack(parts))
}

struct Found {
    account: Account,
    facility: Option<String>,
    has_factor: bool,
    seen: Option<i64>,
    unopened: bool,
}

async fn found(house: &House, decision: &mach_access::Decision, id: i64) -> Result<Found, Problem> {
    let found = house
        .read(decision.clone(), move |r| {
            let scope = r.scope();
            let Some(account) = accounts::by_id(r, scope, id)? else { return Ok::<_, Failure>(None) };
            let facility = account.actor.facility.map(|f| schema::facility_code(r, f)).transpose()?.flatten();
            let has_factor = factors::is_guarded(r, id)?;
            let seen = mach_store::sessions::of_account(r, id)?.first().map(|s| s.seen);
            let unopened = factors::is_unopened(r, id)?;
            Ok(Some(Found { account, facility, has_factor, seen, unopened }))
        })
        .await?;
    // A citizen's account is their own: nobody gives it a role or a password here.
    found.filter(|f| f.account.actor.role != Role::Citizen).ok_or(Problem::NotFound)
}

fn edit_form(session: &Session, found: &Found, typed: &Typed, errors: &Errors) -> Html {
    let lang = session.lang;
    let (id, title) = (found.account.actor.account, &found.account.display);
    let fields = fields(session, typed, false, errors);
    let action = format!("/admin/accounts/{id}");
    let body = form(lang, &*action, &fields, Button::primary(lang.t(msg::ACCOUNT_SAVE)));
    let (tone, word) = state(lang, &found.account);
    let seen = found.seen.map_or_else(|| lang.t(msg::ACCOUNT_NOT_SEEN).to_owned(), moment);
    let factor = lang.t(if found.has_factor { msg::FACTOR_ON } else { msg::FACTOR_OFF });
    let lead = lang.fmt(msg::ACCOUNT_FACTS, &[("name", &found.account.name), ("seen", &seen), ("factor", factor)]);
    let back_in = if found.unopened {
        let again = PostForm::new(lang, format!("{action}/invite"), Button::submit(lang.t(msg::ACCOUNT_INVITE_AGAIN)));
        let again = again.sure(lang.t(msg::ACCOUNT_INVITE_SURE)).into();
        Card::new(lang.t(msg::ACCOUNT_UNOPENED), Html::concat([line(lang.t(msg::ACCOUNT_UNOPENED_LEAD)), again]))
    } else {
        let ask = PostForm::new(lang, format!("{action}/recovery"), Button::submit(lang.t(msg::RECOVERY_ASK)));
        let ask = ask.sure(lang.t(msg::RECOVERY_ASK_SURE)).into();
        Card::new(lang.t(msg::RECOVER), Html::concat([line(lang.t(msg::RECOVERY_ASK_LEAD)), ask]))
    };
    let parts = [
        Html::from(PageHead::new(title.as_str()).lead(lead)),
        Card::new(lang.t(msg::ACCOUNT), body).note(chip(tone, word)).into(),
        back_in.into(),
    ];
    shell::page(&meta(session, title), stack(parts))
}

/// `GET /admin/accounts/{id}`.
pub(crate) async fn page(
    State(house): State<House>,
    Proven { session, decision }: Proven,
    Path(id): Path<i64>,
) -> Result<Html, Closed> {
    let found = found(&house, &decision, id).await?;
    house.write(decision, move |tx| tx.audit(None, &format!("account {id}"), "granted")).await?;
    let typed = Typed {
        display: found.account.display.clone(),
        role: found.account.actor.role.code().to_owned(),
        facility: found.facility.clone().unwrap_or_default(),
        closed: if found.account.closed { "closed".to_owned() } else { String::new() },
        name: String::new(),
    };
    Ok(edit_form(&session, &found, &typed, &Errors::new()))
}

/// `POST /admin/accounts/{id}`.
pub(crate) async fn change(
    State(house): State<House>,
    Proven { session, decision }: Proven,
    Path(id): Path<i64>,
    Form(typed): Form<Typed>,
) -> Result<Response, Closed> {
    let found = found(&house, &decision, id).await?;
    let lang = session.lang;
    let refused =
        |errors: &Errors| (StatusCode::BAD_REQUEST, edit_form(&session, &found, &typed, errors)).into_response();
    let (role, facility) = match checked(&session, &typed, false) {
        Ok(kept) => kept,
        Err(errors) => return Ok(refused(&errors)),
    };
    let closed = typed.closed == "closed";
    if id == session.actor.account && (closed || role != session.actor.role || facility != session.facility_code) {
        // The last administrator could lock everybody out, and nobody raises themselves.
        return Ok(refused(&vec![("role", lang.t(msg::ACCOUNT_OWN).to_owned())]));
    }
    let display = typed.display.trim().to_owned();
    house
        .write(decision, move |tx| {
            let facility = facility.map(|code| schema::facility_id(tx, &code)).transpose()?;
            tx.change_account(id, &Change { display, role, facility, closed })?;
            let state = if closed { "closed" } else { "open" };
            tx.audit(None, &format!("account {id} {} {state}", role.code()), "granted")
        })
        .await?;
    Ok(Redirect::to("/admin/accounts?done=changed").into_response())
}

/// `POST /admin/accounts/{id}/invite`: another code for an account that nobody has opened; the answer is the only time it is
/// shown.
pub(crate) async fn invite(
    State(house): State<House>,
    Proven { session, decision }: Proven,
    Path(id): Path<i64>,
) -> Result<Response, Closed> {
    let found = found(&house, &decision, id).await?;
    let code = new_code()?;
    let (hash, by) = (secret::token_hash(&proof::plain_code(&code)), session.actor.account);
    let closed = found.account.closed;
    let invited = house
        .write(decision, move |tx| {
            let unopened = !closed && factors::is_unopened(tx, id)?;
            if unopened {
                tx.invite(id, by, &hash)?;
            }
            tx.audit(None, &format!("account {id} invited again"), if unopened { "granted" } else { "failed" })?;
            Ok(unopened)
        })
        .await?;
    let lang = session.lang;
    if !invited {
        return Err(Problem::Conflict(lang.t(msg::RECOVERY_ASK_LEAD).to_owned()).into());
    }
    let name = found.account.name;
    Ok(code_page(&session, lang.t(msg::ACCOUNT_INVITE_AGAIN), (&name, &code), RECOVERY_HOURS * 60).into_response())
}
