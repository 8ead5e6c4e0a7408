//! One indicator split: by facility, department, commune, district or province; every number leads to its claims.

use crate::error::HocError;
use crate::export::{Field, Sheet};
use crate::figures;
use crate::lens::{Address, Lens, NO_PLACE};
use crate::overview::ranking::heading;
use crate::parts::{department_name, line};
use mach_base::Day;
use mach_cube::{Answer, AnswerRow, By, Cube, Denominator, Form, Indicator, Question, Value};
use mach_places::{Era, Level, PlaceKey, Places};
use mach_store::Reader;
use mach_ui::components::{Card, Cell, Column, Notice, Row, Segment, Table, Tone};
use mach_ui::{Html, Lang, Msg, msg};
use std::collections::BTreeMap;

/// Rows drawn on the page; the export has all.
const SHOWN: usize = 300;
/// The last day of districts.
pub const DISTRICTS_LAST: Day = Day(Era::CHANGE.0 - 1);

/// A split of an indicator.
#[derive(Clone, Debug)]
pub struct Breakdown {
    /// By what.
    pub by: By,
    /// The rows, the largest value first.
    pub answer: Answer,
    /// The values of the base, by unit.
    pub base: BTreeMap<i64, Value>,
}

/// What `indicator` can be split by through `lens`, the first being what the reader gets unasked.
pub fn choices(lens: &Lens, indicator: &Indicator) -> Vec<By> {
    let inside = match (&lens.unit, &lens.department) {
        (None, _) => Some(By::Facility),
        (Some(_), None) => Some(By::Department),
        (Some(_), Some(_)) => None,
    };
    // Below a place only smaller ones are worth a split.
    let places: &[By] = match lens.place.as_ref().map(|(level, _)| *level) {
        None => &[By::Commune, By::District, By::Province],
        Some(Level::Province) => &[By::Commune, By::District],
        Some(Level::District) => &[By::Commune],
        Some(Level::Commune) => &[],
    };
    let all = inside.into_iter().chain(places.iter().copied());
    all.filter(|by| !indicator.not_by.iter().any(|n| n == by.code())).collect()
}

/// Reads the split of `indicator` by `by` through `lens`, and its base.
pub fn read(
    cube: &Cube<'_>,
    on: &mut Reader,
    lens: &Lens,
    indicator: &Indicator,
    by: By,
) -> Result<Breakdown, HocError> {
    let question = Question { by, ..lens.question(&indicator.id) };
    let mut answer = cube.whole(on, &question)?;
    answer.rows.sort_by(|a, b| b.value.cmp(&a.value).then_with(|| a.place.cmp(&b.place)));
    // Until its period is over, a number divided by days or beds has no like to compare with.
    let by_days = matches!(indicator.denominator, Denominator::Days | Denominator::BedDaysCapacity);
    let comparable = indicator.form != Form::Change && !(by_days && lens.bases().unfinished);
    let days = lens.base().filter(|_| comparable);
    let base = match days {
        None => BTreeMap::new(),
        Some((from, to)) => {
            // The base is shown in the hierarchy of this answer: the same units on both sides.
            let question = Question { from, to, as_of: Some(answer.as_of), ..question };
            cube.whole(on, &question)?.rows.into_iter().map(|r| (r.unit, r.value)).collect()
        }
    };
    Ok(Breakdown { by, answer, base })
}

impl Breakdown {
    /// What a row is called.
    fn name(&self, lang: Lang, row: &AnswerRow) -> String {
        let code = row.place.as_deref().unwrap_or_default();
        match self.by {
            By::Facility => mach_house::facility_name(code),
            By::Department => department_name(lang, code),
            _ if code.is_empty() => lang.t(msg::HOC_NO_PLACE).to_owned(),
            _ => Places::shared()
                .version(PlaceKey(row.unit), self.answer.as_of)
                .map_or_else(|| code.to_owned(), |u| u.full_name()),
        }
    }

    /// What names the row in an address.
    fn key(&self, row: &AnswerRow) -> (&'static str, String) {
        match self.by {
            By::Department => ("department", (row.unit & 0xffff).to_string()),
            by => {
                let code = row.place.clone().filter(|c| !c.is_empty());
                (by.code(), code.unwrap_or_else(|| NO_PLACE.to_owned()))
            }
        }
    }

    fn is_place(&self) -> bool {
        matches!(self.by, By::Commune | By::District | By::Province)
    }

    /// `address` narrowed to `row`: a place takes the place of the place around it, and names its hierarchy.
    fn narrow(&self, address: Address, row: &AnswerRow) -> Address {
        let (name, value) = self.key(row);
        if !self.is_place() {
            return address.with(name, value);
        }
        let address = address.without("province").without("district").without("commune");
        address.with(name, value).with("as_of", self.answer.as_of)
    }

    /// The same indicator within `row`.
    fn into(&self, lens: &Lens, row: &AnswerRow) -> Address {
        let address = self.narrow(lens.to(&format!("/hoc/indicators/{}", self.answer.indicator)), row);
        match self.by {
            By::Province if self.answer.as_of <= DISTRICTS_LAST => address.with("by", By::District.code()),
            By::Province | By::District => address.with("by", By::Commune.code()),
            _ => address,
        }
    }

    /// The claims of `row`.
    fn claims(&self, lens: &Lens, row: &AnswerRow) -> Address {
        self.narrow(lens.claims(&self.answer.indicator, (row.start, row.end)), row)
    }

    /// The split as a card: what it can be split by, the rows, their sum.
    pub fn card(&self, lang: Lang, lens: &Lens, indicator: &Indicator, whole: Option<&AnswerRow>, by: Segment) -> Html {
        let ratio = is_ratio(indicator);
        let mut columns = vec![Column::text(lang.t(by_name(self.by))), Column::number(heading(lang, indicator))];
        if ratio {
            columns.extend([msg::HOC_NUMERATOR, msg::HOC_DENOMINATOR].map(|m| Column::number(lang.t(m))));
        }
        if !self.base.is_empty() {
            columns.push(Column::number(lang.t(msg::HOC_CHANGE)));
        }
        let rows = self.answer.rows.iter().take(SHOWN).map(|row| {
            let name = Cell::link(&self.name(lang, row), &self.into(lens, row).to_string());
            self.cells(lang, indicator, row, (name, &self.claims(lens, row)), ratio)
        });
        let title = lang.fmt(msg::DRILL_TO, &[("level", &lang.t(by_name(self.by)).to_lowercase())]);
        let mut table = Table::new(lang, title.clone(), columns).rows(rows.collect()).walk().stack();
        table.empty = line("muted", lang.t(msg::NOT_COUNTED));
        table.total = whole.map(|row| {
            let claims = lens.claims(&indicator.id, (row.start, row.end));
            self.cells(lang, indicator, row, (Cell::from(lang.t(msg::GROUP_TOTAL)), &claims), ratio)
        });
        let mut parts = vec![self.hierarchy(lang), table.into()];
        if let Some(more) = self.answer.rows.len().checked_sub(SHOWN).filter(|n| *n > 0) {
            parts.push(line("hint", lang.fmt(msg::HOC_MORE_ROWS, &[("count", &more.to_string())])));
        }
        Card::new(title, Html::concat(parts)).actions([by.into()]).into()
    }

    fn cells(&self, lang: Lang, i: &Indicator, row: &AnswerRow, (name, claims): (Cell, &Address), ratio: bool) -> Row {
        let money = (crate::figures::is_money(Cube::shared().definitions(), &i.numerator), denominator_money(i));
        let number = figures::number(lang, i, row.value);
        let mut cells = vec![name];
        if ratio {
            let sum = |side: &str, value: i64, money| {
                let href = claims.clone().with("side", side).to_string();
                if value == 0 { Cell::from("0") } else { Cell::link(&figures::sum(lang, value, money), &href) }
            };
            let below = match (row.denominator, &i.denominator) {
                (None, _) => Cell::from("—"),
                (Some(d), Denominator::Days | Denominator::BedDaysCapacity) => figures::sum(lang, d, false).into(),
                (Some(d), _) => sum("den", d, money.1),
            };
            cells.extend([Cell::from(number), sum("num", row.numerator, money.0), below]);
        } else {
            cells.push(Cell::link(&number, &claims.to_string()));
        }
        if !self.base.is_empty() {
            let base = self.base.get(&row.unit).copied().filter(|_| row.place.is_some());
            let change = figures::change(lang, i, (Some(row.value), base), "");
            cells.push(figures::change_text(change.as_ref()).into());
        }
        Row::new(cells)
    }

    /// Whose hierarchy the places are of, where the rows are places.
    fn hierarchy(&self, lang: Lang) -> Html {
        if !self.is_place() {
            return Html::EMPTY;
        }
        let day = lang.fmt(msg::AS_OF_DATE, &[("date", &self.answer.as_of.vi())]);
        if self.by == By::District {
            let text = lang.fmt(msg::HOC_DISTRICTS_ENDED, &[("date", &self.answer.as_of.vi())]);
            return Notice::new(lang, Tone::Info, text).into();
        }
        line("hint", day)
    }

    /// The split to take along.
    pub fn sheet(&self, lang: Lang, indicator: &Indicator) -> Sheet {
        let columns = [
            lang.t(msg::CODE).to_owned(),
            lang.t(by_name(self.by)).to_owned(),
            heading(lang, indicator),
            lang.t(msg::HOC_NUMERATOR).to_owned(),
            lang.t(msg::HOC_DENOMINATOR).to_owned(),
            lang.t(msg::HOC_BASE).to_owned(),
        ];
        let plain = |value: i64, money: bool| {
            Field::Number(mach_base::Decimal { units: value, scale: if money { 2 } else { 0 } })
        };
        let above = figures::is_money(Cube::shared().definitions(), &indicator.numerator);
        let rows = self.answer.rows.iter().take(mach_base::limits::EXPORT_ROWS).map(|r| {
            vec![
                Field::Text(r.place.clone().unwrap_or_default()),
                self.name(lang, r).into(),
                figures::decimal(r.value).into(),
                plain(r.numerator, above),
                r.denominator.map_or(Field::Empty, |d| plain(d, denominator_money(indicator))),
                self.base.get(&r.unit).copied().map(figures::decimal).into(),
            ]
        });
        Sheet { title: figures::name(lang, indicator).to_owned(), columns: columns.into(), rows: rows.collect() }
    }
}

/// Whether the number is one sum divided by another: then its two sides open, else it opens itself.
pub fn is_ratio(i: &Indicator) -> bool {
    i.denominator != Denominator::None || i.form == Form::Change
}

/// Whether the denominator is a sum of money.
pub fn denominator_money(i: &Indicator) -> bool {
    let definitions = Cube::shared().definitions();
    match (&i.denominator, i.form) {
        (Denominator::Parts(parts), _) => figures::is_money(definitions, parts),
        (_, Form::Change) => figures::is_money(definitions, &i.numerator),
        _ => false,
    }
}

/// What a split is by, as a heading.
pub fn by_name(by: By) -> Msg {
    match by {
        By::None => msg::GROUP_TOTAL,
        By::Facility => msg::FACILITY,
        By::Department => msg::DEPARTMENT,
        By::Commune => msg::COMMUNE,
        By::District => msg::DISTRICT,
        By::Province => msg::PROVINCE,
    }
}

/// The splits as links; that by district goes to the last day there were districts.
pub fn segment(lang: Lang, lens: &Lens, here: &Address, choices: &[By], on: By) -> Segment {
    choices.iter().fold(Segment::new(lang.t(msg::DRILL)), |segment, by| {
        let to = here.clone().with("by", by.code());
        let ended = *by == By::District && lens.hierarchy_day() > DISTRICTS_LAST;
        let to = if ended { to.with("as_of", DISTRICTS_LAST) } else { to };
        let label = lang.t(by_name(*by));
        let label = if ended { lang.t(msg::HOC_DISTRICT_UNTIL) } else { label };
        segment.item(label, to, *by == on)
    })
}
