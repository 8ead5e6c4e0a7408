//! `GET /hoc/freshness`: when each facility last sent.

use crate::error::HocError;
use crate::export::{Export, Field, Format, Sheet};
use crate::lens::{Lens, newest};
use crate::parts::{self, Pairs, reporting};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use mach_base::time::now_seconds;
use mach_base::{Day, Minute};
use mach_house::{House, Session, facility_name};
use mach_store::{Reader, claims, schema};
use mach_ui::components::{Cell, Column, Notice, PageHead, Row, Table, Tone, chip};
use mach_ui::http::Problem;
use mach_ui::shell::Crumb;
use mach_ui::{Html, Lang, format, msg};
use std::collections::BTreeMap;

/// A facility is late whose last file came this long before the newest file of any.
const LATE_SECONDS: i64 = 3 * 86_400;
/// Names said in an alert.
const NAMED: usize = 4;

/// When each facility last sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Freshness {
    /// The facilities: late ones first, then those that never sent, then the others, the longest silent first.
    pub rows: Vec<FreshRow>,
}

/// One facility.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FreshRow {
    /// Its code.
    pub code: String,
    /// Its name.
    pub name: String,
    /// When its last file came, seconds since 1970 UTC.
    pub at: Option<i64>,
    /// The last day its claims speak of.
    pub last_day: Option<Day>,
    /// Whether others have sent days after its last file.
    pub late: bool,
}

impl Freshness {
    /// Reads who has sent, of all that are expected to on `day`; one's own facility only, for an account of one.
    pub fn read(on: &mut Reader, day: Day) -> Result<Self, HocError> {
        let own = on.scope().facility();
        let sent: BTreeMap<i64, (i64, i64)> =
            claims::freshness(on)?.into_iter().map(|f| (f.facility, (f.at, f.last_day))).collect();
        let newest = sent.values().map(|(at, _)| *at).max().unwrap_or(0);
        let mut rows: BTreeMap<String, FreshRow> = BTreeMap::new();
        let row = |code: &str, times: Option<&(i64, i64)>| FreshRow {
            code: code.to_owned(),
            name: facility_name(code),
            at: times.map(|t| t.0),
            last_day: times.and_then(|t| i32::try_from(t.1).ok()).filter(|d| *d > 0).map(Day),
            late: times.is_some_and(|t| newest - t.0 > LATE_SECONDS),
        };
        if own.is_none() {
            reporting(day).for_each(|f| drop(rows.insert(f.code.clone(), row(&f.code, None))));
        }
        for (number, code) in schema::facilities(on)? {
            let times = sent.get(&number);
            if own.map_or(times.is_some(), |o| o == number) {
                rows.insert(code.clone(), row(&code, times));
            }
        }
        let mut rows: Vec<FreshRow> = rows.into_values().collect();
        rows.sort_by_key(|r| (!r.late, r.at.is_some(), r.at, r.code.clone()));
        Ok(Self { rows })
    }

    /// How many have sent.
    pub fn sent(&self) -> usize {
        self.rows.iter().filter(|r| r.at.is_some()).count()
    }

    /// The alert where somebody is silent: late, or expected and never heard of. Nothing where all have sent.
    pub fn alert(&self, lang: Lang, own: bool) -> Html {
        let silent = |late: bool| self.rows.iter().filter(move |r| if late { r.late } else { r.at.is_none() });
        let say = |message, late: bool| {
            let count = silent(late).count();
            let mut names: Vec<&str> = silent(late).take(NAMED).map(|r| r.name.as_str()).collect();
            if count > NAMED {
                names.push("…");
            }
            let values = [("count", format::integer(lang, count as i64)), ("names", names.join(", "))];
            let values: Vec<(&str, &str)> = values.iter().map(|(n, v)| (*n, v.as_str())).collect();
            let mut notice = Notice::new(lang, Tone::Warning, lang.fmt(message, &values));
            notice.more = Html::concat([Html::text(" "), Cell::link(lang.t(msg::DETAILS), "/hoc/freshness").0]);
            Html::from(notice)
        };
        // A facility knows whether it has sent; of a province the one line that matters more is said.
        match (own, silent(true).count(), silent(false).count()) {
            (true, ..) | (_, 0, 0) => Html::EMPTY,
            (_, 0, _) => say(msg::HOC_ALERT_NEVER, false),
            _ => say(msg::HOC_ALERT_SILENT, true),
        }
    }

    /// The first `limit` facilities as a table.
    pub fn table(&self, lang: Lang, limit: usize) -> Table {
        let columns = vec![
            Column::text(lang.t(msg::FACILITY)),
            Column::text(lang.t(msg::FRESHNESS_LAST_FILE)),
            Column::text(lang.t(msg::HOC_LAST_DAY)),
        ];
        let rows = self.rows.iter().take(limit).map(|r| row(lang, r)).collect();
        Table::new(lang, lang.t(msg::FRESHNESS), columns).rows(rows).walk()
    }

    /// The same to take along.
    pub fn sheet(&self, lang: Lang) -> Sheet {
        let columns = [msg::CODE, msg::FACILITY, msg::FRESHNESS_LAST_FILE, msg::HOC_LAST_DAY, msg::STATUS];
        let rows = self.rows.iter().map(|r| {
            let at = r.at.map(|at| Minute::of_seconds(at).to_string());
            let day = r.last_day.map(|d| d.to_string());
            vec![Field::from(r.code.as_str()), r.name.as_str().into(), at.into(), day.into(), lang.t(state(r).1).into()]
        });
        let rows = rows.collect();
        Sheet { title: lang.t(msg::FRESHNESS).to_owned(), columns: columns.map(|c| lang.t(c).to_owned()).into(), rows }
    }
}

fn state(r: &FreshRow) -> (Tone, mach_ui::Msg) {
    match (r.at, r.late) {
        (None, _) => (Tone::Warning, msg::FRESHNESS_NEVER),
        (_, true) => (Tone::Bad, msg::FRESHNESS_LATE),
        _ => (Tone::Good, msg::FRESHNESS_FRESH),
    }
}

fn row(lang: Lang, r: &FreshRow) -> Row {
    let (tone, word) = state(r);
    let ago = r.at.map(|at| {
        let ago = format::ago(lang, Minute::of_seconds(at), Minute::of_seconds(now_seconds()));
        lang.fmt(msg::HOC_LAST_FILE, &[("ago", &ago)])
    });
    let last = match (ago, tone) {
        (Some(ago), Tone::Good) => Cell::from(ago),
        (Some(ago), _) => Cell(Html::concat([chip(tone, lang.t(word)), Html::text(" "), Html::text(&ago)])),
        (None, _) => Cell(chip(tone, lang.t(word))),
    };
    let name = Cell::link(&r.name, &format!("/hoc?facility={}", format::query_value(&r.code)));
    Row::new([name, last, Cell::from(r.last_day.map_or_else(|| "—".to_owned(), |d| d.vi()))])
}

/// `GET /hoc/freshness?format=`.
pub async fn page(State(house): State<House>, session: Session, pairs: Pairs) -> Result<Response, Problem> {
    let lang = session.lang;
    let (_, (lens, format, freshness)) = parts::read(&house, &session, pairs, |on, params| {
        let day = newest(on)?.unwrap_or_else(Day::today);
        Ok((Lens::read(on, params)?, Format::asked(params)?, Freshness::read(on, day)?))
    })
    .await?;
    if let Some(format) = format {
        let export = Export { name: "freshness".to_owned(), sheets: vec![freshness.sheet(lang)] };
        return export.respond(format).map_err(|e| e.problem(lang));
    }
    let title = lang.t(msg::FRESHNESS);
    let (sent, all) = (freshness.sent() as i64, freshness.rows.len() as i64);
    let (sent, all) = (format::integer(lang, sent), format::integer(lang, all));
    let lead = lang.fmt(msg::FRESHNESS_FACILITIES, &[("sent", &sent), ("all", &all)]);
    let here = crate::lens::Address::new("/hoc/freshness");
    let head = PageHead::new(title).lead(lead).actions(parts::exports(lang, &here));
    let crumbs = vec![Crumb::link(lang.t(msg::NAV_OVERVIEW), "/hoc"), Crumb::here(title)];
    let table = freshness.table(lang, usize::MAX).empty(parts::nothing_yet(&session)).stack();
    let alert = freshness.alert(lang, lens.own);
    let card = mach_ui::components::Card::new("", table);
    Ok(parts::page(&session, title, "/hoc", crumbs, vec![head.into(), alert, card.into()]).into_response())
}
