//! `GET /search`: one box for everything. The box of every page shows the same beneath itself while one types: `x-part: found`
//! asks for the lines alone.

use crate::found::{self, Found};
use axum::extract::{Query, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use mach_access::{Act, decide};
use mach_base::limits::SEARCH_CHARS;
use mach_house::{House, PART, Session};
use mach_ui::components::{Card, Empty, Field, FieldKind, Filters, Icon, LinkItem, Links, PageHead, stack};
use mach_ui::http::Problem;
use mach_ui::{Html, format, msg, shell};
use serde::Deserialize;

#[derive(Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    q: String,
}

pub(crate) async fn page(
    State(house): State<House>,
    session: Session,
    headers: HeaderMap,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    house.decide(&session, Act::UseAccount).await?;
    let text = typed(&asked.q);
    let found = found::all(&house, &session, &text).await?;
    let lines = lines(&session, &text, found);
    let answer = match headers.contains_key(PART) {
        true => lines,
        false => whole(&session, &text, lines),
    };
    Ok(([(header::VARY, PART)], answer).into_response())
}

/// The text as it is looked for: what nobody types, such as NUL, which PostgreSQL takes in no text, is a space between words.
fn typed(asked: &str) -> String {
    let text: String = asked.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    text.trim().chars().take(SEARCH_CHARS).collect()
}

fn whole(session: &Session, text: &str, lines: Html) -> Html {
    let lang = session.lang;
    let mut meta = session.meta(lang.t(msg::SEARCH), "");
    meta.query = text.to_owned();
    let mut field = Field::new("q", lang.t(msg::FIND_LABEL), FieldKind::Search).value(text);
    field.max_chars = SEARCH_CHARS;
    field.autofocus = true;
    let form =
        Filters { lang, action: "/search".into(), fields: vec![field], kept: Vec::new(), active: !text.is_empty() };
    let head = PageHead::new(lang.t(msg::SEARCH)).lead(lang.t(msg::FIND_LEAD));
    shell::page(&meta, Html::concat([head.into(), form.into(), Card::new("", lines).into()]))
}

/// The lines, or what to do where there are none.
fn lines(session: &Session, text: &str, found: Found) -> Html {
    let lang = session.lang;
    if !found.groups.is_empty() {
        return stack(found.groups.into_iter().map(Html::from));
    }
    let recent = session.recent();
    if text.is_empty() && !recent.is_empty() {
        let items = recent.into_iter().map(|p| LinkItem::new(Icon::Undo, p.title, p.href)).collect();
        return Links { title: lang.t(msg::FIND_RECENT).to_owned(), items, all: None }.into();
    }
    let (title, advice) = match (text.is_empty(), found.short) {
        (true, _) => (lang.t(msg::FIND_START).to_owned(), msg::FIND_START_DO),
        (false, true) => (lang.fmt(msg::FIND_NONE, &[("query", text)]), msg::FIND_SHORT),
        (false, false) if decide(&session.actor, Act::SearchPeople).is_err() => {
            (lang.fmt(msg::FIND_NONE, &[("query", text)]), msg::FIND_NONE_DENIED)
        }
        (false, false) => (lang.fmt(msg::FIND_NONE, &[("query", text)]), msg::FIND_NONE_DO),
    };
    Empty::new(Icon::Search, title, lang.t(advice)).into()
}

/// Where all people who match stand.
pub(crate) fn people_address(text: &str) -> String {
    format!("/people?q={}", format::query_value(text))
}
