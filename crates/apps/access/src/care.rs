//! `/admin/care`: who treats whom: which Practitioner of the facility's register an account is, and which Location is its ward. By
//! these the encounters of a facility make a person somebody's own patient, or one of their own ward.

use crate::form::{Closed, Errors, administrator, form, stack};
use axum::Form;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use mach_access::{Role, Scope};
use mach_fhir::{ResourceType, Tree};
use mach_house::admin::Proven;
use mach_house::{Failure, House, Session, facility_name};
use mach_store::accounts::{self, Account};
use mach_store::sql::Query as Rows;
use mach_store::{resources, schema};
use mach_ui::components::{
    Button, Card, Cell, Column, Empty, Field, FieldKind, Icon, Notice, PageHead, Row, Table, Tone,
};
use mach_ui::http::Problem;
use mach_ui::shell::Crumb;
use mach_ui::{Html, msg, shell};
use serde::Deserialize;

/// Accounts on one page.
const SHOWN: usize = 50;

/// An id of the register, and what it is called.
type Named = (String, String);

/// A clinician's account with what it may be.
struct Who {
    account: Account,
    code: String,
    practitioner: String,
    ward: String,
}

/// Practitioners and Locations of the register of the facility with this code.
struct Register {
    people: Vec<Named>,
    places: Vec<Named>,
}

fn name_of(body: &str) -> String {
    let Ok(tree) = Tree::parse(body) else { return String::new() };
    let name = tree.root().get("name");
    // A Location is called by a text, a Practitioner by a HumanName.
    let first = name.and_then(|names| names.items().next());
    let human = first.and_then(|first| first.get_text("text").or_else(|| first.get_text("family")));
    human.or_else(|| tree.root().get_text("name")).unwrap_or_default().into_owned()
}

fn register(on: &mut dyn Rows, scope: Scope, code: &str) -> mach_store::Result<Register> {
    let mut of = |kind| -> mach_store::Result<Vec<Named>> {
        let found = resources::of_prefix(on, (scope, 0), kind, &format!("f{code}-"))?;
        let mut named: Vec<Named> = found.into_iter().map(|r| (r.id, name_of(&r.body))).collect();
        named.sort_by(|a, b| a.1.cmp(&b.1));
        Ok(named)
    };
    Ok(Register { people: of(ResourceType::PRACTITIONER)?, places: of(ResourceType::LOCATION)? })
}

fn who(on: &mut dyn Rows, account: Account) -> mach_store::Result<Option<Who>> {
    let Some(facility) = account.actor.facility.filter(|_| account.actor.role == Role::Clinician) else {
        return Ok(None);
    };
    let code = schema::facility_code(on, facility)?.unwrap_or_default();
    let (practitioner, ward) = accounts::care_of(on, account.actor.account)?;
    Ok(Some(Who { account, code, practitioner, ward }))
}

#[derive(Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    after: String,
    #[serde(default)]
    done: String,
}

pub(crate) async fn list(
    State(house): State<House>,
    session: Session,
    Query(asked): Query<Asked>,
) -> Result<Html, Closed> {
    let decision = administrator(&house, &session).await?;
    let (scope, after) = (decision.scope(), asked.after.clone());
    let (found, next) = house
        .read(decision.clone(), move |r| -> Result<_, Failure> {
            let page = accounts::page(r, scope, &after, SHOWN + 1)?;
            let next = page.get(SHOWN - 1).filter(|_| page.len() > SHOWN).map(|account| account.name.clone());
            let mut found = Vec::new();
            for account in page.into_iter().take(SHOWN) {
                found.extend(who(r, account)?);
            }
            Ok((found, next))
        })
        .await?;
    house.write(decision, |tx| tx.audit(None, "care", "granted")).await?;
    let lang = session.lang;
    let title = lang.t(msg::CARE);
    let mut parts = vec![Html::from(PageHead::new(title).lead(lang.t(msg::CARE_LEAD)))];
    if asked.done == "1" {
        parts.push(Notice::new(lang, Tone::Good, lang.t(msg::CARE_SAVED)).into());
    }
    let said = |text: &str| Cell(Html::text(if text.is_empty() { lang.t(msg::CARE_NONE) } else { text }));
    let row = |who: &Who| {
        Row::new([
            Cell::link(&who.account.display, &format!("/admin/care/{}", who.account.actor.account)),
            Cell(Html::text(&facility_name(&who.code))),
            said(&who.practitioner),
            said(&who.ward),
        ])
    };
    let columns = [msg::ACCOUNT_DISPLAY, msg::ACCOUNT_FACILITY, msg::CARE_PRACTITIONER, msg::CARE_WARD];
    let table = Table::new(lang, title, columns.map(|c| Column::text(lang.t(c))).to_vec())
        .rows(found.iter().map(row).collect())
        .empty(Empty::new(Icon::People, lang.t(msg::CARE_NOBODY), ""))
        .stack();
    parts.push(Card::new("", Html::from(Table { caption_hidden: true, ..table })).into());
    if let Some(last) = next {
        parts.push(Button::link(lang.t(msg::NEXT_PAGE), format!("/admin/care?after={last}")).into());
    }
    Ok(shell::page(&session.meta(title, "/admin/care"), stack(parts)))
}

#[derive(Clone, Default, Deserialize)]
pub(crate) struct Typed {
    #[serde(default)]
    practitioner: String,
    #[serde(default)]
    ward: String,
}

async fn one(house: &House, proven: &Proven, id: &str) -> Result<(Who, Register), Problem> {
    let id: i64 = id.parse().map_err(|_| Problem::NotFound)?;
    let scope = proven.decision.scope();
    house
        .read(proven.decision.clone(), move |r| -> Result<_, Failure> {
            let Some(account) = accounts::by_id(r, scope, id)? else { return Ok(None) };
            let Some(who) = who(r, account)? else { return Ok(None) };
            let register = register(r, scope, &who.code)?;
            Ok(Some((who, register)))
        })
        .await?
        .ok_or(Problem::NotFound)
}

fn page(session: &Session, (who, register): &(Who, Register), typed: &Typed, errors: &Errors) -> Html {
    let lang = session.lang;
    let title = who.account.display.clone();
    let mut meta = session.meta(title.clone(), "/admin/care");
    meta.crumbs = vec![Crumb::link(lang.t(msg::CARE), "/admin/care"), Crumb::here(title.clone())];
    let field = |name: &str, label, known: &[Named], value: &str| {
        let none = (String::new(), lang.t(msg::CARE_NONE).to_owned());
        let choices = std::iter::once(none).chain(known.iter().cloned()).collect();
        Field::new(name, lang.t(label), FieldKind::Choice(choices)).value(value).told(errors)
    };
    let fields = [
        field("practitioner", msg::CARE_PRACTITIONER, &register.people, &typed.practitioner)
            .hint(lang.t(msg::CARE_PRACTITIONER_HINT)),
        field("ward", msg::CARE_WARD, &register.places, &typed.ward).hint(lang.t(msg::CARE_WARD_HINT)),
    ];
    let action = format!("/admin/care/{}", who.account.actor.account);
    let mut parts = vec![Html::from(PageHead::new(title).lead(facility_name(&who.code)))];
    if register.people.is_empty() && register.places.is_empty() {
        parts.push(Notice::new(lang, Tone::Info, lang.t(msg::CARE_NO_REGISTER)).into());
    }
    parts.push(Card::new("", form(lang, &action, &fields, Button::primary(lang.t(msg::SAVE)))).into());
    shell::page(&meta, stack(parts))
}

pub(crate) async fn edit(State(house): State<House>, proven: Proven, Path(id): Path<String>) -> Result<Html, Closed> {
    let found = one(&house, &proven, &id).await?;
    let typed = Typed { practitioner: found.0.practitioner.clone(), ward: found.0.ward.clone() };
    Ok(page(&proven.session, &found, &typed, &Errors::new()))
}

/// Says who an account is in care; nothing chosen takes it back.
pub(crate) async fn save(
    State(house): State<House>,
    proven: Proven,
    Path(id): Path<String>,
    Form(typed): Form<Typed>,
) -> Result<Response, Closed> {
    let found = one(&house, &proven, &id).await?;
    let is_known = |known: &[Named], id: &str| id.is_empty() || known.iter().any(|(known, _)| known == id);
    let asked = [("practitioner", &found.1.people, &typed.practitioner), ("ward", &found.1.places, &typed.ward)];
    let wrong = asked.into_iter().filter(|(_, known, id)| !is_known(known, id));
    let errors: Errors = wrong.map(|(name, ..)| (name, proven.session.lang.t(msg::CARE_WRONG).to_owned())).collect();
    if !errors.is_empty() {
        let page = page(&proven.session, &found, &typed, &errors);
        return Ok((StatusCode::BAD_REQUEST, page).into_response());
    }
    let account = found.0.account.actor.account;
    house
        .write(proven.decision, move |tx| {
            let some = |id: &str| Some(id.to_owned()).filter(|id| !id.is_empty());
            let (practitioner, ward) = (some(&typed.practitioner), some(&typed.ward));
            tx.set_care(account, practitioner.as_deref(), ward.as_deref())?;
            // What they may see changed: they sign in anew.
            tx.end_sessions(account)?;
            tx.audit(None, &format!("care of account {account}"), "granted")
        })
        .await?;
    Ok(Redirect::to("/admin/care?done=1").into_response())
}
