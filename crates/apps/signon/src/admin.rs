//! `/admin/sign-on`: which accounts providers sign on, for who looks after the accounts: a link that should not be there is taken away,
//! with a reason, and its owner is told. Who somebody is at the provider is theirs, and is not shown.

use crate::SignOn;
use crate::provider::Provider;
use axum::Extension;
use axum::extract::{Form, Path, Query};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use mach_access::Decision;
use mach_base::limits;
use mach_house::admin::{Closed, Proven, administrator};
use mach_house::{Failure, House, Session};
use mach_store::sign_on::{self, Listed, Taken};
use mach_ui::components::{
    Button, Card, Cell, Column, Definitions, Empty, Field, FieldKind, Icon, Notice, PageHead, Row, Table, Tone,
    field_form, stack,
};
use mach_ui::format::moment;
use mach_ui::http::Problem;
use mach_ui::shell::Crumb;
use mach_ui::{Html, Lang, msg, shell};
use serde::Deserialize;
use std::sync::Arc;

/// The list.
const HOME: &str = "/admin/sign-on";
/// A reason is at least so long: a word says nothing to who reads it later.
const REASON_CHARS: usize = 10;

type Errors = Vec<(&'static str, String)>;

#[derive(Deserialize)]
pub(crate) struct Asked {
    before: Option<i64>,
    #[serde(default)]
    done: String,
}

/// What a provider is called here; its issuer where it is set up no more.
fn label(all: &[Arc<Provider>], issuer: &str) -> String {
    all.iter().find(|p| p.known_as() == issuer).map_or(issuer, |p| p.label.as_str()).to_owned()
}

/// `GET /admin/sign-on`.
pub(crate) async fn page(
    Extension(on): Extension<SignOn>,
    session: Session,
    Query(asked): Query<Asked>,
) -> Result<Html, Closed> {
    let decision = administrator(on.house(), &session).await?;
    let before = asked.before;
    let read = move |r: &mut mach_store::Reader| -> Result<_, Failure> {
        Ok((sign_on::listed(r, (before, limits::PAGE_ROWS + 1))?, sign_on::taken(r, limits::PAGE_ROWS)?))
    };
    let (links, taken) = on.house().read(decision.clone(), read).await?;
    on.house().write(decision, |tx| tx.audit(None, "sign-on links", "granted")).await?;
    let (lang, all) = (session.lang, on.inner.providers.all());
    let title = lang.t(msg::SIGN_ON_ALL);
    let mut parts = vec![Html::from(PageHead::new(title).lead(lang.t(msg::SIGN_ON_ALL_LEAD)))];
    if asked.done == "ended" {
        parts.push(Notice::new(lang, Tone::Good, lang.t(msg::SIGN_ON_TAKEN)).into());
    }
    parts.push(Card::new(lang.t(msg::SIGN_ON_MINE), listed(lang, &links, &all)).into());
    if !taken.is_empty() {
        parts.push(Card::new(lang.t(msg::SIGN_ON_TAKEN_ALL), ended(lang, &taken, &all)).into());
    }
    Ok(shell::page(&session.meta(title, HOME), stack(parts)))
}

fn listed(lang: Lang, links: &[Listed], all: &[Arc<Provider>]) -> Html {
    let shown = &links[..links.len().min(limits::PAGE_ROWS)];
    let row = |link: &Listed| {
        let used = link.used.map_or_else(|| lang.t(msg::PASSKEY_NEVER).to_owned(), moment);
        Row::new([
            Cell::two(&link.display, &link.name),
            Cell(Html::text(&label(all, &link.issuer))),
            Cell(Html::text(&moment(link.made))),
            Cell(Html::text(&used)),
            Cell::link(lang.t(msg::SIGN_ON_END), &format!("{HOME}/{}", link.id)),
        ])
    };
    let columns =
        [msg::ACCOUNT_DISPLAY, msg::SIGN_ON_PROVIDER, msg::SIGN_ON_SINCE, msg::PASSKEY_USED, msg::SIGN_ON_END];
    let table = Table::new(lang, lang.t(msg::SIGN_ON_MINE), columns.map(|c| Column::text(lang.t(c))).to_vec())
        .rows(shown.iter().map(row).collect())
        .empty(Empty::new(Icon::Shield, lang.t(msg::SIGN_ON_NOBODY_LINKED), lang.t(msg::SIGN_ON_NONE_DO)))
        .stack();
    let mut parts = vec![Html::from(Table { caption_hidden: true, ..table })];
    if let Some(last) = shown.last().filter(|_| links.len() > shown.len()) {
        parts.push(Button::link(lang.t(msg::NEXT_PAGE), format!("{HOME}?before={}", last.id)).into());
    }
    stack(parts)
}

fn ended(lang: Lang, taken: &[Taken], all: &[Arc<Provider>]) -> Html {
    let row = |link: &Taken| {
        Row::new([
            Cell::two(&link.display, &link.name),
            Cell(Html::text(&label(all, &link.issuer))),
            Cell::two(&moment(link.ended), &link.ended_name),
            Cell(Html::text(&link.why)),
        ])
    };
    let columns = [msg::ACCOUNT_DISPLAY, msg::SIGN_ON_PROVIDER, msg::SIGN_ON_TAKEN_BY, msg::SIGN_ON_WHY];
    let table = Table::new(lang, lang.t(msg::SIGN_ON_TAKEN_ALL), columns.map(|c| Column::text(lang.t(c))).to_vec());
    Table { caption_hidden: true, ..table.rows(taken.iter().map(row).collect()).stack() }.into()
}

#[derive(Deserialize, Default)]
pub(crate) struct Typed {
    #[serde(default)]
    why: String,
}

async fn found(house: &House, decision: &Decision, id: &str) -> Result<Listed, Problem> {
    let id: i64 = id.parse().map_err(|_| Problem::NotFound)?;
    let read = move |r: &mut mach_store::Reader| sign_on::listed_by_id(r, id).map_err(Failure::from);
    house.read(decision.clone(), read).await?.ok_or(Problem::NotFound)
}

fn shown(on: &SignOn, session: &Session, link: &Listed, (typed, errors): (&Typed, &Errors)) -> Html {
    let lang = session.lang;
    let title = lang.t(msg::SIGN_ON_TAKE);
    let mut meta = session.meta(title, HOME);
    meta.crumbs = vec![Crumb::link(lang.t(msg::SIGN_ON_ALL), HOME), Crumb::here(title)];
    let used = link.used.map_or_else(|| lang.t(msg::PASSKEY_NEVER).to_owned(), moment);
    let facts = Definitions::default()
        .row(lang.t(msg::ACCOUNT_DISPLAY), Html::text(&format!("{} · {}", link.display, link.name)))
        .row(lang.t(msg::SIGN_ON_PROVIDER), Html::text(&label(&on.inner.providers.all(), &link.issuer)))
        .row(lang.t(msg::SIGN_ON_SINCE), Html::text(&moment(link.made)))
        .row(lang.t(msg::PASSKEY_USED), Html::text(&used));
    let mut why = Field::new("why", lang.t(msg::SIGN_ON_WHY), FieldKind::Lines).value(&*typed.why).required();
    why.max_chars = limits::DESK_TEXT_CHARS;
    let fields = [why.hint(lang.t(msg::SIGN_ON_WHY_HINT)).told(errors)];
    let button = Button { danger: true, ..Button::primary(lang.t(msg::SIGN_ON_END)) };
    let buttons = [button.into(), Button::link(lang.t(msg::CANCEL), HOME).into()];
    let lead = (lang.t(msg::SIGN_ON_END_SURE), Vec::new());
    let form = field_form(lang, format!("{HOME}/{}/end", link.id), lead, &fields, buttons);
    let parts = [PageHead::new(title).into(), Card::new("", Html::from(facts)).into(), Card::new("", form).into()];
    shell::page(&meta, stack(parts))
}

/// `GET /admin/sign-on/{link}`.
pub(crate) async fn one(
    Extension(on): Extension<SignOn>,
    Proven { session, decision }: Proven,
    Path(id): Path<String>,
) -> Result<Html, Closed> {
    let link = found(on.house(), &decision, &id).await?;
    let target = format!("account {} sign-on link {}", link.account, link.id);
    on.house().write(decision, move |tx| tx.audit(None, &target, "granted")).await?;
    Ok(shown(&on, &session, &link, (&Typed::default(), &Errors::new())))
}

/// `POST /admin/sign-on/{link}/end`.
pub(crate) async fn end(
    Extension(on): Extension<SignOn>,
    Proven { session, decision }: Proven,
    Path(id): Path<String>,
    Form(typed): Form<Typed>,
) -> Result<Response, Closed> {
    let link = found(on.house(), &decision, &id).await?;
    let (lang, why) = (session.lang, typed.why.trim().to_owned());
    let (chars, most) = (why.chars().count(), limits::DESK_TEXT_CHARS);
    let error = match chars {
        n if n < REASON_CHARS => Some(lang.t(msg::EMERGENCY_REASON_SHORT).to_owned()),
        n if n > most => Some(lang.fmt(msg::FIELD_TOO_LONG, &[("max", &most.to_string())])),
        _ => None,
    };
    if let Some(error) = error {
        let page = shown(&on, &session, &link, (&typed, &vec![("why", error)]));
        return Ok((StatusCode::BAD_REQUEST, page).into_response());
    }
    let done = on.house().write(decision, move |tx| tx.take_sign_on(&link, &why)).await?;
    if done { Ok(Redirect::to(&format!("{HOME}?done=ended")).into_response()) } else { Err(Problem::NotFound.into()) }
}
