//! How many were examined, and with what result: by facility, class, result or doctor, over a period.

use crate::case;
use crate::view::{link, result_word};
use axum::extract::{Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use mach_access::Act;
use mach_base::Day;
use mach_house::{Failure, House, Session};
use mach_store::certificates::{self, Count, State as Stands};
use mach_store::schema;
use mach_ui::components::{
    Card, Cell, Column, Empty, Field, FieldKind, Filters, Icon, PageHead, Row, Table, print_button, stack,
};
use mach_ui::http::Problem;
use mach_ui::shell::{Crumb, PageMeta};
use mach_ui::{Html, Lang, format, msg, shell};
use serde::Deserialize;
use std::collections::{BTreeMap, HashMap};

#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    from: String,
    #[serde(default)]
    to: String,
    #[serde(default)]
    by: String,
}

impl Asked {
    /// First and last day; the last twelve months where nothing was asked.
    fn days(&self) -> Result<(Day, Day), Problem> {
        let today = Day::today();
        let read = |text: &str, usual: Day| match text {
            "" => Ok(usual),
            text => Day::parse_iso(text).ok_or_else(|| Problem::BadRequest(format!("`{text}`: yyyy-MM-dd"))),
        };
        let (from, to) = (read(&self.from, Day(today.0 - 365))?, read(&self.to, today)?);
        if from > to {
            return Err(Problem::BadRequest(format!("{from} > {to}")));
        }
        Ok((from, to))
    }
}

/// One line of the table.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    total: i64,
    fit: i64,
    unfit: i64,
    again: i64,
    drug: i64,
    alcohol: i64,
    sent: i64,
    revoked: i64,
}

impl Sum {
    fn add(&mut self, c: &Count) {
        self.total += c.count;
        match c.result.as_str() {
            "A0-1" => self.fit += c.count,
            "A0-2" => self.unfit += c.count,
            _ => self.again += c.count,
        }
        self.drug += c.drug;
        self.alcohol += c.alcohol;
        self.sent += c.sent;
        if c.state == Stands::Revoked {
            self.revoked += c.count;
        }
    }

    fn numbers(&self) -> [i64; 8] {
        [self.total, self.fit, self.unfit, self.again, self.drug, self.alcohol, self.sent, self.revoked]
    }
}

fn headings(lang: Lang) -> [&'static str; 8] {
    [
        msg::GKSK_TOTAL,
        msg::GKSK_FIT,
        msg::GKSK_UNFIT,
        msg::GKSK_AGAIN,
        msg::GKSK_DRUG,
        msg::GKSK_ALCOHOL,
        msg::GKSK_SENT,
        msg::GKSK_STATE_REVOKED,
    ]
    .map(|m| lang.t(m))
}

async fn counted(house: &House, session: &Session, asked: &Asked) -> Result<(Vec<(String, Sum)>, Sum), Problem> {
    let decision = house.decide(session, Act::ReadCertificates).await?;
    let (from, to) = asked.days()?;
    let (low, high) = (case::midnight(from), case::midnight(Day(to.0 + 1)));
    let (counts, facilities) = house
        .read(decision.clone(), move |r| {
            let facilities: HashMap<i64, String> = schema::facilities(r)?.into_iter().collect();
            Ok::<_, Failure>((certificates::counts(r, low, high)?, facilities))
        })
        .await?;
    house.write(decision, |tx| tx.audit(None, "statistics of driver certificates", "granted")).await?;
    let lang = session.lang;
    let mut sums: BTreeMap<String, Sum> = BTreeMap::new();
    let mut all = Sum::default();
    for count in &counts {
        let key = match asked.by.as_str() {
            "class" => count.class.clone(),
            "result" => result_word(lang, &count.result),
            "doctor" => count.doctor.clone(),
            _ => mach_house::facility_name(facilities.get(&count.facility).map(String::as_str).unwrap_or_default()),
        };
        sums.entry(key).or_default().add(count);
        all.add(count);
    }
    Ok((sums.into_iter().collect(), all))
}

fn by_words(lang: Lang) -> Vec<(String, String)> {
    let all = [
        ("facility", msg::GKSK_BY_FACILITY),
        ("class", msg::GKSK_BY_CLASS),
        ("result", msg::GKSK_BY_RESULT),
        ("doctor", msg::GKSK_BY_DOCTOR),
    ];
    all.map(|(v, w)| (v.to_owned(), lang.t(w).to_owned())).into()
}

/// `GET /certificates/statistics`.
pub(crate) async fn page(
    State(house): State<House>,
    session: Session,
    Query(asked): Query<Asked>,
) -> Result<Html, Problem> {
    let (lines, all) = counted(&house, &session, &asked).await?;
    let (from, to) = asked.days()?;
    let lang = session.lang;
    let by = by_words(lang).into_iter().find(|(v, _)| *v == asked.by).map_or("facility".to_owned(), |(v, _)| v);
    let fields = vec![
        Field::new("from", lang.t(msg::FROM), FieldKind::Date).value(from.to_string()),
        Field::new("to", lang.t(msg::TO), FieldKind::Date).value(to.to_string()),
        Field::new("by", lang.t(msg::GKSK_BY), FieldKind::Choice(by_words(lang))).value(by.as_str()),
    ];
    let filters =
        Filters { lang, action: "/certificates/statistics".to_owned(), fields, kept: Vec::new(), active: false };
    let word = by_words(lang).into_iter().find(|(v, _)| *v == by).map(|(_, w)| w).unwrap_or_default();
    let mut columns = vec![Column::text(word)];
    columns.extend(headings(lang).map(Column::number));
    let row = |name: &str, sum: &Sum| {
        let numbers = sum.numbers().map(|n| Cell::from(format::integer(lang, n)));
        Row::new(std::iter::once(Cell::from(name.to_owned())).chain(numbers))
    };
    let mut table = Table::new(lang, lang.t(msg::GKSK_STATISTICS), columns)
        .rows(lines.iter().map(|(name, sum)| row(name, sum)).collect())
        .empty(Empty::new(Icon::Indicators, lang.t(msg::GKSK_NONE), ""));
    if lines.len() > 1 {
        table.total = Some(row(lang.t(msg::GKSK_TOTAL), &all));
    }
    let csv = format!("/certificates/statistics.csv?from={from}&to={to}&by={by}");
    let head = PageHead::new(lang.t(msg::GKSK_STATISTICS))
        .lead(lang.t(msg::GKSK_STATISTICS_LEAD))
        .actions([link(lang.t(msg::GKSK_EXPORT), csv, Icon::Download), print_button(lang)]);
    let crumbs = vec![Crumb::link(lang.t(msg::GKSK), "/certificates"), Crumb::here(lang.t(msg::GKSK_STATISTICS))];
    let meta = PageMeta { crumbs, ..session.meta(lang.t(msg::GKSK_STATISTICS), "/certificates") };
    Ok(shell::page(&meta, stack([head.into(), filters.into(), Card::new("", table).into()])))
}

/// `GET /certificates/statistics.csv`.
pub(crate) async fn export(
    State(house): State<House>,
    session: Session,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    let (lines, _) = counted(&house, &session, &asked).await?;
    let lang = session.lang;
    let mut out = csv::Writer::from_writer(Vec::new());
    let mut write = |record: Vec<String>| out.write_record(record).map_err(Problem::internal);
    let by = by_words(lang).into_iter().find(|(v, _)| *v == asked.by).map(|(_, w)| w).unwrap_or_default();
    write(std::iter::once(by).chain(headings(lang).map(str::to_owned)).collect())?;
    for (name, sum) in lines {
        // A name that begins like a formula stays a name in a spreadsheet.
        let name = if name.starts_with(['=', '+', '-', '@']) { format!("'{name}") } else { name };
        write(std::iter::once(name).chain(sum.numbers().map(|n| n.to_string())).collect())?;
    }
    let bytes = out.into_inner().map_err(|e| Problem::internal(e.to_string()))?;
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"driver-certificates.csv\""),
    ];
    // Spreadsheets tell UTF-8 by its mark.
    Ok((headers, [b"\xef\xbb\xbf".as_slice(), &bytes].concat()).into_response())
}
