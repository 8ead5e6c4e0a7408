//! `/prescriptions`: lists by state.

use crate::rules::Rules;
use crate::view::{link, moment, sending_chip, state_chip, state_word};
use axum::extract::{Query, State as With};
use mach_access::{Act, decide};
use mach_base::Day;
use mach_base::time::now_seconds;
use mach_house::{Failure, House, Session};
use mach_store::people;
use mach_store::prescriptions::{self, Filter, Sending, State};
use mach_ui::components::{Button, Card, Cell, Column, Empty, Icon, PageHead, Row, Segment, Table, stack};
use mach_ui::http::Problem;
use mach_ui::{Html, format, msg, shell};
use serde::Deserialize;

/// Rows of one page.
const ROWS: usize = 50;

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    state: String,
    /// `refused`: those that the national system gave back.
    #[serde(default)]
    sending: String,
    before: Option<i64>,
}

/// `GET /prescriptions`.
pub(crate) async fn page(
    With(house): With<House>,
    session: Session,
    Query(asked): Query<Asked>,
) -> Result<Html, Problem> {
    let decision = house.decide(&session, Act::ReadPrescriptions).await?;
    let lang = session.lang;
    // A state that there is not is no list of all.
    let state = match asked.state.as_str() {
        "" => None,
        code => Some(State::parse(code).ok_or_else(|| Problem::BadRequest(lang.t(msg::RX_NONE).to_owned()))?),
    };
    let is_refused = match asked.sending.as_str() {
        "" => false,
        code if code == Sending::Refused.code() => true,
        _ => return Err(Problem::BadRequest(lang.t(msg::RX_NONE).to_owned())),
    };
    let account = session.actor.account;
    let filter = Filter { account, state, is_refused, before: asked.before, ..Filter::default() };
    let (mut rows, names, counts) = house
        .read(decision.clone(), move |r| {
            let rows = prescriptions::list(r, filter, ROWS + 1)?;
            let names = rows.iter().map(|p| Ok(people::person(r, p.person)?.map(|p| p.name).unwrap_or_default()));
            let names = names.collect::<Result<Vec<_>, mach_store::Error>>()?;
            Ok::<_, Failure>((rows, names, prescriptions::states(r, account)?))
        })
        .await?;
    house.write(decision, |tx| tx.audit(None, "prescriptions", "granted")).await?;
    let more = rows.len() > ROWS;
    rows.truncate(ROWS);
    let now = now_seconds();
    let all: i64 = counts.iter().map(|(_, n)| n).sum();
    let label = |name: &str, n: i64| format!("{name} ({})", format::integer(lang, n));
    let mut segment = Segment::new(lang.t(msg::RX_STATE)).item(
        label(lang.t(msg::RX_ALL), all),
        "/prescriptions",
        state.is_none() && !is_refused,
    );
    for (one, n) in &counts {
        let href = format!("/prescriptions?state={}", one.code());
        segment = segment.item(label(lang.t(state_word(*one)), *n), href, state == Some(*one));
    }
    if is_refused {
        let href = format!("/prescriptions?sending={}", asked.sending);
        segment = segment.item(lang.t(msg::RX_SEND_REFUSED), href, true);
    }
    let columns = [msg::RX_PERSON, msg::RX_CODE, msg::RX_KIND, msg::RX_STATE, msg::RX_WRITTEN, msg::RX_SENDING];
    let kinds =
        |code: &str| Rules::shared().kind(code, Day::today()).map_or_else(|| code.to_owned(), |k| k.name.clone());
    let lines = rows.iter().zip(&names).map(|(p, name)| {
        Row::new([
            Cell::link(name, &format!("/prescriptions/case/{}", p.code)),
            Cell::from(p.code.clone()),
            Cell::from(kinds(&p.kind)),
            Cell(state_chip(lang, p, now)),
            Cell::from(moment(p.written)),
            Cell(sending_chip(lang, p.sending)),
        ])
    });
    let table = Table::new(lang, lang.t(msg::RX), columns.map(|c| Column::text(lang.t(c))).into())
        .rows(lines.collect())
        .empty(Empty::new(Icon::Medicine, lang.t(msg::RX_NONE), lang.t(msg::RX_NONE_DO)))
        .stack()
        .walk();
    let mut actions = Vec::new();
    if decide(&session.actor, Act::Prescribe).is_ok() {
        actions.push(Button::link(lang.t(msg::RX_NEW), "/prescriptions/new").icon(Icon::Medicine).as_primary().into());
    }
    if decide(&session.actor, Act::Dispense).is_ok() {
        actions.push(link(lang.t(msg::RX_PHARMACY), "/prescriptions/dispense", Icon::Search));
    }
    let head = PageHead::new(lang.t(msg::RX)).lead(lang.t(msg::RX_LEAD)).actions(actions);
    let next = rows.last().filter(|_| more).map(|last| {
        let mut of = state.map(|s| format!("state={}&", s.code())).unwrap_or_default();
        if is_refused {
            of.push_str(&format!("sending={}&", asked.sending));
        }
        link(lang.t(msg::NEXT_PAGE), format!("/prescriptions?{of}before={}", last.id), Icon::Next)
    });
    let parts = [Some(head.into()), Some(segment.into()), Some(Card::new("", table).into()), next];
    Ok(shell::page(&session.meta(lang.t(msg::RX), "/prescriptions"), stack(parts.into_iter().flatten())))
}
