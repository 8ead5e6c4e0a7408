//! `/vaccines`: counts, and the newest doses.

use crate::bodies::day;
use crate::products::Products;
use crate::view::link;
use axum::extract::{Query, State};
use mach_access::{Act, decide};
use mach_base::time::now_seconds;
use mach_house::{Failure, House, Session};
use mach_store::{people, schema, vaccines};
use mach_ui::components::{Button, Card, Cell, Column, Definitions, Empty, Icon, PageHead, Row, Table, stack};
use mach_ui::http::Problem;
use mach_ui::{Html, format, msg, shell};
use serde::Deserialize;
use std::collections::HashMap;

/// Rows of one page.
const ROWS: usize = 50;

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Asked {
    before: Option<i64>,
}

/// `GET /vaccines`.
pub(crate) async fn page(
    State(house): State<House>,
    session: Session,
    Query(asked): Query<Asked>,
) -> Result<Html, Problem> {
    let decision = house.decide(&session, Act::ReadVaccines).await?;
    let lang = session.lang;
    let (mut doses, names, counts, facilities) = house
        .read(decision.clone(), move |r| {
            let doses = vaccines::doses(r, asked.before, ROWS + 1)?;
            let mut names = HashMap::new();
            for dose in &doses {
                if let std::collections::hash_map::Entry::Vacant(empty) = names.entry(dose.person) {
                    empty.insert(people::person(r, dose.person)?.map(|p| p.name).unwrap_or_default());
                }
            }
            let facilities: HashMap<i64, String> = schema::facilities(r)?.into_iter().collect();
            Ok::<_, Failure>((doses, names, vaccines::counts(r, now_seconds())?, facilities))
        })
        .await?;
    house.write(decision, |tx| tx.audit(None, "doses of vaccine", "granted")).await?;
    let more = doses.len() > ROWS;
    doses.truncate(ROWS);
    let may = |act| decide(&session.actor, act).is_ok();
    let [given, doubts, passes] = counts;
    let sums = Definitions::default()
        .row(lang.t(msg::VAC_DOSES), format::integer(lang, given))
        .row(lang.t(msg::VAC_DOUBTS), format::integer(lang, doubts))
        .row(lang.t(msg::VAC_PASSES), format::integer(lang, passes));
    let columns = [msg::VAC_PERSON, msg::VAC_VACCINE, msg::VAC_NUMBER, msg::VAC_DAY, msg::VAC_LOT, msg::VAC_FACILITY];
    let rows = doses.iter().map(|d| {
        let product = Products::shared().find(&d.product).map_or(d.product.as_str(), |p| p.name.as_str());
        let facility = facilities.get(&d.facility).map(|c| mach_house::facility_name(c)).unwrap_or_default();
        Row::new([
            Cell::link(names.get(&d.person).map_or("", String::as_str), &format!("/vaccines/people/{}", d.person)),
            Cell::from(product.to_owned()),
            Cell::from(d.number.to_string()),
            Cell::from(day(d.day).vi()),
            Cell::from(d.lot.clone()),
            Cell::from(facility),
        ])
    });
    let table = Table::new(lang, lang.t(msg::VAC_DOSES), columns.map(|c| Column::text(lang.t(c))).into())
        .rows(rows.collect())
        .empty(Empty::new(Icon::Shield, lang.t(msg::VAC_NONE), lang.t(msg::VAC_NONE_DO)))
        .stack()
        .walk();
    let mut actions = Vec::new();
    if may(Act::Vaccinate) {
        let import = Button::link(lang.t(msg::VAC_IMPORT), "/vaccines/import").icon(Icon::Upload).as_primary();
        actions.push(import.into());
    }
    actions.push(link(lang.t(msg::VAC_QUEUE), "/vaccines/queue", Icon::Review));
    if may(Act::RunBatches) {
        actions.push(link(lang.t(msg::VAC_BATCHES), "/vaccines/batches", Icon::Check));
    }
    let head = PageHead::new(lang.t(msg::VAC)).lead(lang.t(msg::VAC_LEAD)).actions(actions);
    let next = doses
        .last()
        .filter(|_| more)
        .map(|last| link(lang.t(msg::NEXT_PAGE), format!("/vaccines?before={}", last.id), Icon::Next));
    let parts = [Some(head.into()), Some(Card::new("", sums).into()), Some(Card::new("", table).into()), next];
    Ok(shell::page(&session.meta(lang.t(msg::VAC), "/vaccines"), stack(parts.into_iter().flatten())))
}
