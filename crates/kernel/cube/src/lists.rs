//! Top lists, and tiles with what they are compared with.

use crate::CubeError;
use crate::answer::{AnswerRow, Cube, Side, Value};
use crate::frame::{Frame, Span};
use crate::question::{By, Question, last_year, previous};
use crate::rule::item_text;
use mach_base::Day;
use mach_base::decimal::{Fixed, round_div};
use mach_store::Reader;
use mach_store::cells::Part;
use std::collections::HashMap;

/// The items of a measure with the largest sums: top diagnoses (`cases`), chapters, causes of death, payers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Top {
    /// Sum of all items.
    pub total: i64,
    /// The largest, in falling order; equal ones by code.
    pub rows: Vec<TopRow>,
    /// How many items there are in all.
    pub items: usize,
}

/// One item of a top list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopRow {
    /// The item.
    pub item: i64,
    /// What it stands for: `J18`, or the number of a chapter or payer.
    pub code: String,
    /// Its sum.
    pub value: i64,
}

/// A number with what it is compared with. An absent row: nothing was counted then.
#[derive(Clone, Debug, PartialEq)]
pub struct Tile {
    /// The days asked for.
    pub this: Option<AnswerRow>,
    /// The period before, as far into it.
    pub previous: Option<AnswerRow>,
    /// The same days of the year before.
    pub last_year: Option<AnswerRow>,
    /// The days of the year before that lie the same way to Tết, where they were given.
    pub tet: Option<AnswerRow>,
}

impl Cube<'_> {
    /// The `limit` largest items of measure `measure` in the days and filters of `question` (its indicator and split are
    /// not looked at).
    pub fn top(&self, on: &mut Reader, measure: &str, question: &Question, limit: usize) -> Result<Top, CubeError> {
        let (frame, part) = self.items_frame(on, measure, None, question)?;
        let (from, to) = (frame.question.from, frame.question.to);
        let mut items: HashMap<i64, i64> = HashMap::new();
        frame.each(on, &[part], &[Span { row: 0, from, to }], &mut |_, _, sum| {
            *items.entry(sum.item).or_default() += sum.value;
            Ok(())
        })?;
        items.retain(|_, value| *value != 0);
        let mut rows: Vec<TopRow> =
            items.into_iter().map(|(item, value)| TopRow { item, code: item_text(item), value }).collect();
        rows.sort_by(|a, b| b.value.cmp(&a.value).then_with(|| a.item.cmp(&b.item)));
        let (total, items) = (rows.iter().map(|r| r.value).sum(), rows.len());
        rows.truncate(limit);
        Ok(Top { total, rows, items })
    }

    /// The claims of one item (`None`: of all) of a top list.
    pub fn top_drill(
        &self,
        on: &mut Reader,
        measure: &str,
        item: Option<i64>,
        question: &Question,
    ) -> Result<Side, CubeError> {
        let (frame, part) = self.items_frame(on, measure, item, question)?;
        let days = (frame.question.from, frame.question.to);
        let filter = frame.filter_of(on, 0, &[part], days)?;
        Ok(Side { parts: vec![part], days, filter })
    }

    fn items_frame(
        &self,
        on: &mut Reader,
        measure: &str,
        item: Option<i64>,
        question: &Question,
    ) -> Result<(Frame, Part), CubeError> {
        let unknown = || CubeError::UnknownMeasure(measure.to_owned());
        let part = self.definitions.measure(measure).ok_or_else(unknown)?.part(item);
        let mut frame = Frame::new(on, &Question { by: By::None, ..question.clone() })?;
        let days = (frame.question.from, frame.question.to);
        frame.resolve_communes(on, &[part], days)?;
        Ok((frame, part))
    }

    /// The one number of `question` (split by nothing) and what it is compared with. `tet` are the days of the year before
    /// that lie the same way to Tết, from the calendar; `None` where that says nothing new.
    pub fn tile(&self, on: &mut Reader, question: &Question, tet: Option<(Day, Day)>) -> Result<Tile, CubeError> {
        let days = (question.from, question.to);
        let mut one = |days: Option<(Day, Day)>| -> Result<Option<AnswerRow>, CubeError> {
            let Some((from, to)) = days else { return Ok(None) };
            let question = Question { by: By::None, from, to, ..question.clone() };
            Ok(self.whole(on, &question)?.rows.pop())
        };
        Ok(Tile {
            this: one(Some(days))?,
            previous: one(Some(previous(days, question.period)))?,
            last_year: one(last_year(days, question.period))?,
            tet: one(tet)?,
        })
    }
}

/// The change from `base` to `this` in percent of `base`; `None` where `base` is 0.
pub fn change_percent(this: Value, base: Value) -> Option<Value> {
    let difference = i128::from(this.0) - i128::from(base.0);
    let percent = round_div(difference * 1_000_000, i128::from(base.0.unsigned_abs()).max(1));
    (base.0 != 0).then(|| Fixed(i64::try_from(percent).unwrap_or(i64::MAX)))
}
