//! `/certificates`: the worklists.

use crate::bodies;
use crate::view::{link, result_word, sending_chip, state_chip, state_word};
use axum::extract::{Query, State as With};
use mach_access::{Act, decide};
use mach_base::limits;
use mach_base::time::now_seconds;
use mach_house::{Failure, House, Session};
use mach_store::certificates::{self, Certificate, Filter, State};
use mach_store::schema;
use mach_ui::components::{
    Button, Card, Cell, Column, Empty, Field, FieldKind, Filters, Icon, PageHead, Row, Segment, SegmentItem, Table,
    stack,
};
use mach_ui::http::Problem;
use mach_ui::{Html, Lang, format, msg, shell};
use serde::Deserialize;
use std::collections::HashMap;

/// Rows of one page.
const ROWS: usize = 50;
/// The list of what the gateway has not got.
const UNSENT: &str = "unsent";

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    state: String,
    #[serde(default)]
    national: String,
    before: Option<i64>,
}

impl Asked {
    /// The list of a state, of the same number.
    fn address(&self, state: &str) -> String {
        let national = if self.national.is_empty() { String::new() } else { format!("&national={}", self.national) };
        format!("/certificates?state={state}{national}")
    }
}

fn segments(lang: Lang, asked: &Asked, counts: &[(State, i64)]) -> Html {
    let states = [State::Examining, State::Concluded, State::Issued, State::Revoked];
    let mut items: Vec<SegmentItem> = states
        .into_iter()
        .map(|state| {
            let count = counts.iter().find(|(s, _)| *s == state).map_or(0, |(_, n)| *n);
            SegmentItem {
                label: format!("{} ({})", lang.t(state_word(state)), format::integer(lang, count)),
                href: asked.address(state.code()),
                on: asked.state == state.code(),
            }
        })
        .collect();
    items.push(SegmentItem {
        label: lang.t(msg::GKSK_UNSENT).to_owned(),
        href: asked.address(UNSENT),
        on: asked.state == UNSENT,
    });
    Segment { label: lang.t(msg::GKSK_STATE).to_owned(), items }.into()
}

fn row(lang: Lang, c: &Certificate, facilities: &HashMap<i64, String>, now: i64) -> Row {
    let facility = facilities.get(&c.facility).cloned().unwrap_or_default();
    let number = bodies::number(c, &facility);
    Row::new([
        Cell::link(&c.name, &format!("/certificates/case/{}", c.code)),
        Cell::from(if number.is_empty() { c.code.clone() } else { number }),
        Cell::from(c.class.clone()),
        Cell(state_chip(lang, c.state)),
        Cell::from(result_word(lang, &c.result)),
        Cell::from(bodies::shown(c.opened)),
        Cell(sending_chip(lang, c, now)),
    ])
}

/// `GET /certificates`.
pub(crate) async fn page(
    With(house): With<House>,
    session: Session,
    Query(mut asked): Query<Asked>,
) -> Result<Html, Problem> {
    let decision = house.decide(&session, Act::ReadCertificates).await?;
    let lang = session.lang;
    if asked.state.is_empty() {
        asked.state = State::Examining.code().to_owned();
    }
    let unsent = asked.state == UNSENT;
    let state = State::parse(&asked.state);
    if state.is_none() && !unsent {
        return Err(Problem::BadRequest(lang.fmt(msg::GKSK_STATE_WRONG, &[("state", &asked.state)])));
    }
    // Numbers of identity papers are letters and digits.
    let number = asked.national.chars().filter(char::is_ascii_alphanumeric).take(limits::SEARCH_CHARS);
    asked.national = number.collect::<String>().to_uppercase();
    let filter = Filter { state, unsent, national: asked.national.clone() };
    let before = asked.before;
    let (mut rows, counts, facilities) = house
        .read(decision.clone(), move |r| {
            let rows = certificates::list(r, &filter, before, ROWS + 1)?;
            let facilities: HashMap<i64, String> = schema::facilities(r)?.into_iter().collect();
            Ok::<_, Failure>((rows, certificates::states(r)?, facilities))
        })
        .await?;
    house.write(decision, |tx| tx.audit(None, "driver certificates", "granted")).await?;
    let more = rows.len() > ROWS;
    rows.truncate(ROWS);
    let now = now_seconds();
    let columns = [
        msg::GKSK_PERSON,
        msg::GKSK_NUMBER,
        msg::GKSK_CLASS,
        msg::GKSK_STATE,
        msg::GKSK_RESULT,
        msg::GKSK_OPENED,
        msg::GKSK_SENDING,
    ];
    let may_certify = decide(&session.actor, Act::Certify).is_ok();
    let do_next = if may_certify { lang.t(msg::GKSK_NONE_DO) } else { "" };
    let table = Table::new(lang, lang.t(msg::GKSK), columns.map(|c| Column::text(lang.t(c))).into())
        .rows(rows.iter().map(|c| row(lang, c, &facilities, now)).collect())
        .empty(Empty::new(Icon::Review, lang.t(msg::GKSK_NONE), do_next))
        .stack()
        .walk();
    let new = may_certify
        .then(|| Html::from(Button::link(lang.t(msg::GKSK_NEW), "/certificates/new").icon(Icon::Person).as_primary()));
    let statistics = link(lang.t(msg::GKSK_STATISTICS), "/certificates/statistics", Icon::Indicators);
    let sign = may_certify.then(|| link(lang.t(msg::GKSK_BATCH), "/certificates/sign", Icon::Check));
    let actions = new.into_iter().chain(sign).chain([statistics]);
    let head = PageHead::new(lang.t(msg::GKSK)).lead(lang.t(msg::GKSK_LEAD)).actions(actions);
    let next = rows.last().filter(|_| more).map(|last| {
        let href = format!("{}&before={}", asked.address(&asked.state), last.id);
        link(lang.t(msg::NEXT_PAGE), href, Icon::Next)
    });
    let filters = Filters {
        lang,
        action: "/certificates".to_owned(),
        fields: vec![Field::new("national", lang.t(msg::GKSK_ID), FieldKind::Text).value(asked.national.as_str())],
        kept: vec![("state".to_owned(), asked.state.clone())],
        active: !asked.national.is_empty(),
    };
    let parts = [
        Some(head.into()),
        Some(segments(lang, &asked, &counts)),
        Some(filters.into()),
        Some(Card::new("", table).into()),
        next,
    ];
    Ok(shell::page(&session.meta(lang.t(msg::GKSK), "/certificates"), stack(parts.into_iter().flatten())))
}
