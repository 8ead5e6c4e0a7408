//! Lists: claims by state, files received.

use super::page;
use axum::extract::{Query, State};
use mach_access::Act;
use mach_base::time::now_seconds;
use mach_base::{Day, Minute};
use mach_house::{Failure, House, Session};
use mach_store::claims::State as ClaimState;
use mach_store::claims_list::{self, ClaimRow, FileRow};
use mach_ui::components::{Button, Cell, Column, Empty, Icon, PageHead, Pager, Row, Segment, Table, Tone, chip};
use mach_ui::http::Problem;
use mach_ui::{Html, Lang, format, msg};
use serde::Deserialize;

/// Rows of one page: a phone shows each as a card.
const LIST_ROWS: usize = 50;
/// Minutes that Viet Nam's clock is ahead of UTC.
const OFFSET_MINUTES: i64 = 7 * 60;

/// Which claims.
#[derive(Deserialize)]
pub struct Filter {
    state: Option<String>,
    before: Option<i64>,
}

/// `GET /claims?state=&before=`.
pub async fn claims(
    State(house): State<House>,
    session: Session,
    Query(filter): Query<Filter>,
) -> Result<Html, Problem> {
    let decision = house.decide(&session, Act::ReadClaims).await?;
    let lang = session.lang;
    let state = match filter.state.as_deref().filter(|s| !s.is_empty()) {
        None => None,
        Some(code) => Some(ClaimState::parse(code).ok_or_else(|| Problem::BadRequest(code.to_owned()))?),
    };
    let facility = decision.scope().facility();
    let (rows, counts) = house
        .read(decision, move |reader| {
            let rows = claims_list::page(reader, facility, state, filter.before, LIST_ROWS + 1)?;
            Ok::<_, Failure>((rows, claims_list::counts(reader, facility)?))
        })
        .await?;
    let base = |state: Option<ClaimState>| format!("/claims?state={}", state.map_or("", ClaimState::code));
    let total: i64 = counts.iter().map(|(_, n)| n).sum();
    let of = |s: ClaimState| counts.iter().find(|(c, _)| *c == s).map_or(0, |(_, n)| *n);
    let mut segment = Segment::new(lang.t(msg::STATUS));
    for (label, which, n) in [
        (msg::ALL, None, total),
        (msg::CLAIM_ACCEPTED, Some(ClaimState::Accepted), of(ClaimState::Accepted)),
        (msg::CLAIM_REFUSED, Some(ClaimState::Refused), of(ClaimState::Refused)),
        (msg::CLAIM_DISPUTED, Some(ClaimState::Disputed), of(ClaimState::Disputed)),
        (msg::CLAIM_WITHDRAWN, Some(ClaimState::Withdrawn), of(ClaimState::Withdrawn)),
    ] {
        segment = segment.item(format!("{} {}", lang.t(label), format::integer(lang, n)), base(which), state == which);
    }
    let more = rows.len() > LIST_ROWS;
    let shown = &rows[..rows.len().min(LIST_ROWS)];
    let pager = Pager {
        lang,
        previous: filter.before.map(|_| base(state)),
        next: more.then(|| shown.last().map(|r| format!("{}&before={}", base(state), r.id))).flatten(),
        shown: lang.fmt(msg::ROWS_SHOWN, &[("count", &format::integer(lang, shown.len() as i64))]),
    };
    let mut head = PageHead::new(lang.t(msg::CLAIMS)).lead(lang.t(msg::CLAIMS_LEAD));
    let mut actions = vec![Button::link(lang.t(msg::CLAIMS_FILES), "/claims/files").into()];
    if mach_access::decide(&session.actor, Act::SendClaims).is_ok() {
        actions.push(Button::link(lang.t(msg::UPLOAD), "/claims/send").icon(Icon::Upload).as_primary().into());
    }
    head = head.actions(actions);
    let parts = vec![head.into(), segment.into(), table(lang, shown, total == 0).into(), pager.into()];
    Ok(page(&session, lang.t(msg::CLAIMS), "/claims", parts))
}

/// The table of claims, as lists and drills show it.
pub fn table(lang: Lang, rows: &[ClaimRow], nothing_yet: bool) -> Table {
    let columns = vec![
        Column::text(lang.t(msg::CLAIM_LINK_ID)),
        Column::text(lang.t(msg::STATUS)),
        Column::text(lang.t(msg::FACILITY)),
        Column::text(lang.t(msg::CLAIM_KIND)),
        Column::text(lang.t(msg::CLAIM_LEFT)),
        Column::text(lang.t(msg::DIAGNOSIS)),
        Column::number(lang.t(msg::CLAIM_TOTAL)),
        Column::number(lang.t(msg::FINDINGS)),
    ];
    let empty = match nothing_yet {
        true => Empty::new(Icon::Claims, lang.t(msg::CLAIMS_EMPTY), lang.t(msg::CLAIMS_EMPTY_DO)),
        false => Empty::new(Icon::Search, lang.t(msg::CLAIMS_NONE_MATCH), ""),
    };
    let rows = rows.iter().map(|r| row(lang, r)).collect();
    Table::new(lang, lang.t(msg::CLAIMS), columns).rows(rows).empty(empty).walk().stack()
}

fn row(lang: Lang, r: &ClaimRow) -> Row {
    let link = if r.keyed { r.link.as_str() } else { lang.t(msg::CLAIM_UNREADABLE) };
    let left = r.left_day.and_then(|d| i32::try_from(d).ok()).map_or_else(|| "—".to_owned(), |d| Day(d).vi());
    Row::new([
        Cell::link(link, &format!("/claims/{}", r.id)),
        Cell(state_chip(lang, r.state)),
        Cell::two(&mach_house::facility_name(&r.facility), &r.facility),
        Cell::from(kind(lang, &r.kind)),
        Cell::from(left),
        Cell::two(&r.main_dx, diagnosis(lang, &r.main_dx)),
        Cell::from(format::money(lang, mach_base::decimal::Fixed(r.cost))),
        Cell::from(format::integer(lang, r.refusals + r.warnings)),
    ])
}

/// The name of a diagnosis; empty where the list has none.
pub fn diagnosis(lang: Lang, code: &str) -> &'static str {
    mach_terms::Icd10::shared().get(code).map_or("", |d| lang.pick(d.name_vi.as_ref(), d.name_en.as_ref()))
}

/// `MA_LOAI_KCB` with its words.
pub fn kind(lang: Lang, code: &str) -> String {
    match mach_claims::check::Codes::shared().get("MA_LOAI_KCB", code) {
        Some(c) => format!("{code} · {}", lang.pick(&c.meaning_vi, &c.meaning_en)),
        None => code.to_owned(),
    }
}

/// The chip of a claim's state.
pub fn state_chip(lang: Lang, state: ClaimState) -> Html {
    let (tone, label) = match state {
        ClaimState::Accepted => (Tone::Good, msg::CLAIM_ACCEPTED),
        ClaimState::Refused => (Tone::Bad, msg::CLAIM_REFUSED),
        ClaimState::Disputed => (Tone::Warning, msg::CLAIM_DISPUTED),
        ClaimState::Withdrawn => (Tone::Plain, msg::CLAIM_WITHDRAWN),
    };
    chip(tone, lang.t(label))
}

/// A time of the ledger on Viet Nam's clock.
pub fn when(seconds: i64) -> String {
    Minute(seconds.min(now_seconds()) / 60 + OFFSET_MINUTES).vi()
}

/// Which files.
#[derive(Deserialize)]
pub struct Before {
    before: Option<i64>,
}

/// `GET /claims/files?before=`.
pub async fn files(State(house): State<House>, session: Session, Query(query): Query<Before>) -> Result<Html, Problem> {
    let decision = house.decide(&session, Act::ReadClaims).await?;
    let lang = session.lang;
    let facility = decision.scope().facility();
    let rows = house
        .read(decision, move |reader| {
            claims_list::files(reader, facility, query.before, LIST_ROWS + 1).map_err(Failure::from)
        })
        .await?;
    let shown = &rows[..rows.len().min(LIST_ROWS)];
    let next = (rows.len() > LIST_ROWS).then(|| shown.last()).flatten();
    let pager = Pager {
        lang,
        previous: query.before.map(|_| "/claims/files".to_owned()),
        next: next.map(|r| format!("/claims/files?before={}", r.id)),
        shown: lang.fmt(msg::ROWS_SHOWN, &[("count", &format::integer(lang, shown.len() as i64))]),
    };
    let columns = vec![
        Column::text(lang.t(msg::CLAIM_FILE)),
        Column::text(lang.t(msg::CLAIM_RECEIVED_AT)),
        Column::text(lang.t(msg::STATUS)),
        Column::number(lang.t(msg::CLAIM_ACCEPTED)),
        Column::number(lang.t(msg::CLAIM_REFUSED)),
        Column::number(lang.t(msg::CLAIM_DUPLICATE)),
        Column::number(lang.t(msg::CLAIM_REPLACED)),
    ];
    let table = Table::new(lang, lang.t(msg::CLAIMS_FILES), columns)
        .rows(shown.iter().map(|f| file_row(lang, f)).collect())
        .empty(Empty::new(Icon::Claims, lang.t(msg::CLAIMS_EMPTY), lang.t(msg::CLAIMS_EMPTY_DO)))
        .stack();
    let head = PageHead::new(lang.t(msg::CLAIMS_FILES));
    Ok(page(&session, lang.t(msg::CLAIMS_FILES), "/claims", vec![head.into(), table.into(), pager.into()]))
}

fn file_row(lang: Lang, f: &FileRow) -> Row {
    let state = match (f.done, f.findings.is_empty()) {
        (false, _) => chip(Tone::Warning, lang.t(msg::FILE_UNFINISHED)),
        (true, true) => chip(Tone::Good, lang.t(msg::FILE_READ)),
        (true, false) => chip(Tone::Bad, &file_problem(lang, &f.findings)),
    };
    let name = f.name.rsplit('/').next().unwrap_or(&f.name);
    let n = |v: i64| Cell::from(format::integer(lang, v));
    let t = &f.totals;
    Row::new([
        Cell::two(name, f.facility.as_deref().unwrap_or_default()),
        Cell::from(when(f.at)),
        Cell(state),
        n(t.accepted + t.check_ins),
        n(t.refused),
        n(t.duplicate),
        n(t.replaced),
    ])
}

/// The words of a file's first finding.
fn file_problem(lang: Lang, findings: &str) -> String {
    let first = findings.lines().next().and_then(|l| serde_json::from_str::<serde_json::Value>(l).ok());
    let words = first.and_then(|v| v[lang.pick("message_vi", "message_en")].as_str().map(str::to_owned));
    words.unwrap_or_default()
}
