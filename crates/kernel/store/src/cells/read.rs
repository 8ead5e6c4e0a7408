//! Reading sums and facts.

use super::{DAY, Kind, MONTH, department_unit};
use crate::distribution::every;
use crate::sql::{Arg, Query, Row};
use crate::{Error, Result};
use mach_base::{Day, Grain};
use std::collections::BTreeSet;

/// A measure, with one of its items or with all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Part {
    /// Number of the measure.
    pub measure: i64,
    /// The item; `None` takes all. Measures without items have only item 0.
    pub item: Option<i64>,
}

/// Which facts are meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only this facility.
    pub facility: Option<i64>,
    /// Only this department number (of the facility, or of all).
    pub department: Option<i64>,
    /// Only these facilities.
    pub facilities: Option<Vec<i64>>,
    /// Only patients of these communes.
    pub communes: Option<Vec<i64>>,
}

/// A sum: where it stands, and its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sum {
    /// The day, or the first day of the month, that it is of.
    pub start: Day,
    /// The unit, by its kind.
    pub unit: i64,
    /// The item.
    pub item: i64,
    /// Its value; never 0 from cells, and possibly one of several of the same place from facts.
    pub value: i64,
}

/// Days that are sought one by one where one facility is meant: past it, a scan over all facilities costs no more.
const SEEK_DAYS: i32 = 400;

/// A statement under construction: conditions with their arguments numbered as they come.
struct Select<'a> {
    sql: String,
    args: Vec<Arg<'a>>,
}

impl<'a> Select<'a> {
    fn new(head: &str) -> Self {
        Self { sql: head.to_owned(), args: Vec::new() }
    }

    /// Adds `text` with every `?` in it numbered, and its arguments.
    fn push(&mut self, text: &str, args: &[i64]) -> &mut Self {
        let mut args = args.iter();
        for c in text.chars() {
            self.sql.push(c);
            if c == '?' {
                self.args.extend(args.next().map(|a| Arg::Int(*a)));
                self.sql.push_str(&self.args.len().to_string());
            }
        }
        self
    }

    /// Adds `column IN (…)`. The list is padded with its last value to a power of two, so that statements stay few.
    fn push_in(&mut self, column: &str, values: &[i64]) -> &mut Self {
        let Some(&last) = values.last() else {
            return self.push(" AND 1 = 0", &[]);
        };
        let mut padded = values.to_vec();
        padded.resize(values.len().next_power_of_two(), last);
        let marks = vec!["?"; padded.len()].join(", ");
        self.push(&format!(" AND {column} IN ({marks})"), &padded)
    }

    fn part(&mut self, part: Part) -> &mut Self {
        self.push(" WHERE measure = ?", &[part.measure]);
        match part.item {
            Some(item) => self.push(" AND item = ?", &[item]),
            None => self,
        }
    }

    fn filter(&mut self, (from, to): (Day, Day), filter: &Filter) -> &mut Self {
        if filter.facility.is_some() && to.0.saturating_sub(from.0) <= SEEK_DAYS {
            let days: Vec<i64> = (from.0..=to.0).map(i64::from).collect();
            self.push_in("day", &days);
        } else {
            self.push(" AND day BETWEEN ? AND ?", &[from.0.into(), to.0.into()]);
        }
        if let Some(facility) = filter.facility {
            self.push(" AND facility = ?", &[facility]);
        }
        if let Some(department) = filter.department {
            self.push(" AND department = ?", &[department]);
        }
        if let Some(facilities) = &filter.facilities {
            self.push_in("facility", facilities);
        }
        if let Some(communes) = &filter.communes {
            self.push_in("commune", communes);
        }
        self
    }

    /// Says that every shard is asked, where no facility is named.
    fn spread(&mut self, filter: &Filter) -> &mut Self {
        if filter.facility.is_none() && filter.facilities.as_ref().is_none_or(Vec::is_empty) {
            self.sql.push_str(every!("sums"));
        }
        self
    }
}

/// What sums are asked for.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// Of what.
    pub part: Part,
    /// First and last day. By month: a first and a last day of months.
    pub days: (Day, Day),
    /// By day or by month.
    pub grain: Grain,
    /// By which units.
    pub kind: Kind,
    /// Of which facts.
    pub filter: &'a Filter,
}

/// Hands over the sums asked for: from cells where they are kept, else from facts.
///
/// A sum of facts stands at its day whatever the grain; the same place may come several times. The places of both lie in
/// the days asked for.
pub fn sums(on: &mut dyn Query, ask: Ask<'_>, each: &mut dyn FnMut(Sum) -> Result<()>) -> Result<()> {
    match Cells::of(&ask) {
        Some(cells) => read_cells(on, ask, cells, each),
        None => read_facts(on, ask, each),
    }
}

/// Cells that answer a question: of one kind, all of them or some.
struct Cells<'a> {
    kind: Kind,
    pick: Pick<'a>,
}

enum Pick<'a> {
    All,
    One(i64),
    Between(i64, i64),
    Among(&'a [i64]),
}

impl<'a> Cells<'a> {
    /// The cells that answer `ask`, if any do.
    fn of(ask: &Ask<'a>) -> Option<Self> {
        let Filter { facility, department, facilities, communes } = ask.filter;
        let (kind, pick) = match (ask.kind, *facility, *department, facilities, communes) {
            (kind @ (Kind::Total | Kind::Facility), None, None, None, None) => (kind, Pick::All),
            (Kind::Total | Kind::Facility, None, None, Some(list), None) => (Kind::Facility, Pick::Among(list)),
            (Kind::Total | Kind::Facility, Some(f), None, None, None) => (Kind::Facility, Pick::One(f)),
            (Kind::Commune, None, None, None, None) => (Kind::Commune, Pick::All),
            (Kind::Total | Kind::Commune, None, None, None, Some(list)) => (Kind::Commune, Pick::Among(list)),
            (Kind::Department, None, None, None, None) => (Kind::Department, Pick::All),
            (Kind::Department, Some(f), None, None, None) => {
                (Kind::Department, Pick::Between(department_unit(f, 0), department_unit(f, 0xffff)))
            }
            (kind, Some(f), Some(d), None, None) if kind != Kind::Commune => {
                (Kind::Department, Pick::One(department_unit(f, d)))
            }
            _ => return None,
        };
        (ask.grain != Grain::Day || kind.by_day()).then_some(Self { kind, pick })
    }
}

/// Starts asked for in one statement where one unit is meant: each is one seek, so that a unit costs nothing of the rest.
const STARTS: usize = 64;

fn read_cells(
    on: &mut dyn Query,
    ask: Ask<'_>,
    Cells { kind, pick }: Cells<'_>,
    each: &mut dyn FnMut(Sum) -> Result<()>,
) -> Result<()> {
    let (from, to) = ask.days;
    let mut row = |r: &dyn Row| {
        let unit = match (ask.kind, r.int(1)?) {
            (Kind::Total, _) => 0,
            (Kind::Facility, unit) if kind == Kind::Department => unit >> 16,
            (_, unit) => unit,
        };
        each(Sum { start: day(r, 0)?, unit, item: r.int(2)?, value: r.int(3)? })
    };
    let mut head = Select::new("SELECT start, unit, item, value FROM cell");
    let grain = if ask.grain == Grain::Day { DAY } else { MONTH };
    head.part(ask.part).push(" AND grain = ? AND kind = ? AND value <> 0", &[grain, kind as i64]);
    match pick {
        Pick::All => {}
        Pick::Between(first, last) => {
            head.push(" AND unit BETWEEN ? AND ?", &[first, last]);
        }
        Pick::Among(list) => {
            head.push_in("unit", list);
        }
        Pick::One(unit) => {
            let starts: Vec<i64> = starts(ask.grain, from, to).collect();
            for chunk in starts.chunks(STARTS) {
                let mut select = Select { sql: head.sql.clone(), args: head.args.clone() };
                select.push(" AND unit = ?", &[unit]).push_in("start", chunk);
                on.each(&select.sql, &select.args, &mut row)?;
            }
            return Ok(());
        }
    }
    head.push(" AND start BETWEEN ? AND ?", &[from.0.into(), to.0.into()]);
    on.each(&head.sql, &head.args, &mut row)
}

fn starts(grain: Grain, from: Day, to: Day) -> impl Iterator<Item = i64> {
    let first = if from.start_of(grain) < from { from.step(grain, 1) } else { from };
    std::iter::successors(Some(first), move |d| Some(d.step(grain, 1)))
        .take_while(move |d| *d <= to)
        .map(|d| d.0.into())
}

fn day(row: &dyn Row, column: usize) -> Result<Day> {
    i32::try_from(row.int(column)?).map(Day).map_err(|_| Error::Column(column))
}

fn read_facts(on: &mut dyn Query, ask: Ask<'_>, each: &mut dyn FnMut(Sum) -> Result<()>) -> Result<()> {
    let mut select = Select::new("SELECT day, item, value, facility, department, commune FROM fact");
    select.part(ask.part).filter(ask.days, ask.filter).spread(ask.filter);
    on.each(&select.sql, &select.args, &mut |r| {
        let unit = match ask.kind {
            Kind::Total => 0,
            Kind::Facility => r.int(3)?,
            Kind::Department => department_unit(r.int(3)?, r.int(4)?),
            Kind::Commune => r.int(5)?,
        };
        each(Sum { start: day(r, 0)?, unit, item: r.int(1)?, value: r.int(2)? })
    })
}

/// The communes (place keys) that any of `parts` counts patients of in the months of `days`.
pub fn communes(on: &mut dyn Query, parts: &[Part], (from, to): (Day, Day)) -> Result<Vec<i64>> {
    let mut found = BTreeSet::new();
    for part in parts {
        let mut select = Select::new("SELECT DISTINCT unit FROM cell");
        select.part(*part).push(" AND grain = ? AND kind = ?", &[MONTH, Kind::Commune as i64]);
        select.push(" AND start BETWEEN ? AND ?", &[from.start_of(Grain::Month).0.into(), to.0.into()]);
        on.each(&select.sql, &select.args, &mut |r| {
            found.insert(r.int(0)?);
            Ok(())
        })?;
    }
    Ok(found.into_iter().collect())
}

/// One claim's fact, as a drill lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FactRow {
    /// Number of the measure.
    pub measure: i64,
    /// Its item.
    pub item: i64,
    /// The day it counts on.
    pub day: Day,
    /// The facility's number.
    pub facility: i64,
    /// The claim's number.
    pub claim: i64,
    /// The department's number, 0 where there is none.
    pub department: i64,
    /// The commune's place key, 0 where it is unknown.
    pub commune: i64,
    /// The contribution.
    pub value: i64,
}

/// Where a page of facts ended: (day, facility, claim, measure, item) of its last row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor(pub [i64; 5]);

impl FactRow {
    /// The place of this row in the list: a page after it begins with the next.
    pub fn cursor(&self) -> Cursor {
        Cursor([self.day.0.into(), self.facility, self.claim, self.measure, self.item])
    }
}

/// Facts of all `parts` on `days` that `filter` takes, by (day, facility, claim): at most `limit` after `after`.
pub fn page(
    on: &mut dyn Query,
    parts: &[Part],
    days: (Day, Day),
    filter: &Filter,
    (after, limit): (Option<Cursor>, usize),
) -> Result<Vec<FactRow>> {
    let mut rows = Vec::new();
    for part in parts {
        let mut select =
            Select::new("SELECT measure, item, day, facility, claim, department, commune, value FROM fact");
        select.part(*part).filter(days, filter);
        if let Some(Cursor([day, facility, claim, measure, item])) = after {
            select.push(" AND day >= ? AND (day, facility, claim, measure, item) > (", &[day]);
            select.push("?, ?, ?, ?, ?)", &[day, facility, claim, measure, item]);
        }
        select.push(" ORDER BY day, facility, claim, item LIMIT ?", &[limit as i64]).spread(filter);
        on.each(&select.sql, &select.args, &mut |r| {
            let (measure, item, day) = (r.int(0)?, r.int(1)?, day(r, 2)?);
            let (facility, claim, department, commune) = (r.int(3)?, r.int(4)?, r.int(5)?, r.int(6)?);
            rows.push(FactRow { measure, item, day, facility, claim, department, commune, value: r.int(7)? });
            Ok(())
        })?;
    }
    rows.sort_unstable_by_key(FactRow::cursor);
    rows.truncate(limit);
    Ok(rows)
}

/// How many facts of all `parts` there are on `days` that `filter` takes, and their sum: (count, sum).
pub fn totals(on: &mut dyn Query, parts: &[Part], days: (Day, Day), filter: &Filter) -> Result<(i64, i64)> {
    let (mut count, mut sum) = (0, 0);
    for part in parts {
        let mut select = Select::new("SELECT COUNT(*), CAST(COALESCE(SUM(value), 0) AS BIGINT) FROM fact");
        select.part(*part).filter(days, filter).spread(filter);
        on.each(&select.sql, &select.args, &mut |r| {
            count += r.int(0)?;
            sum += r.int(1)?;
            Ok(())
        })?;
    }
    Ok((count, sum))
}
