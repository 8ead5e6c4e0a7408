//! The language of `measures.json`: tests on a claim, and rules that turn a claim into facts.
//!
//! A test is one object: `{"field": F, op: operand}`, `{"any": [[tests], [tests]]}` (one of the lists holds), or
//! `{"some": TABLE, "where": [tests]}` (one line holds). Tests of a list all hold. The operators:
//!
//! | operator | holds where the value |
//! |---|---|
//! | `in`, `not_in` | is, is not, one of the list |
//! | `starts_with` | starts with one of the list |
//! | `between` | has first three characters from the first to the second, both included (ranges of ICD-10 groups) |
//! | `digits` | is that many ASCII digits |
//! | `present` | is there (`true`) or not (`false`) |
//! | `at_least`, `below` | is a number there and ≥, < the operand |
//!
//! On a list field an operator holds where it holds for one element. `first three characters` and prefixes compare bytes.

use crate::subject::{Date, Int, LineDate, LineInt, LineText, List, Subject, Table, Text};
use mach_base::Day;
use serde::Deserialize;

/// A rule of a measure as written.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawRule {
    pub(crate) valid_from: Option<String>,
    pub(crate) valid_to: Option<String>,
    day: Vec<String>,
    until: Option<String>,
    #[serde(default)]
    when: Vec<RawTest>,
    each: Option<String>,
    #[serde(default, rename = "where")]
    lines: Vec<RawTest>,
    value: Option<RawValue>,
    item: Option<RawItem>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum RawValue {
    Constant(i64),
    Field(String),
    Days { days: [String; 2] },
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum RawItem {
    Constant(i64),
    Field { field: String },
    First { first: usize, of: String },
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTest {
    field: Option<String>,
    #[serde(rename = "in")]
    among: Option<Vec<Literal>>,
    not_in: Option<Vec<Literal>>,
    starts_with: Option<Vec<String>>,
    between: Option<[String; 2]>,
    digits: Option<usize>,
    present: Option<bool>,
    at_least: Option<i64>,
    below: Option<i64>,
    any: Option<Vec<Vec<RawTest>>>,
    some: Option<String>,
    #[serde(default, rename = "where")]
    lines: Vec<RawTest>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(untagged)]
enum Literal {
    Number(i64),
    Text(String),
}

/// A compiled rule.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    from: Option<Day>,
    to: Option<Day>,
    days: Vec<AnyDate>,
    until: Option<Date>,
    when: Vec<Test>,
    each: Option<(Table, Vec<Test>)>,
    value: Value,
    item: Item,
}

#[derive(Clone, Copy, Debug)]
enum AnyDate {
    Claim(Date),
    Line(LineDate),
}

#[derive(Clone, Copy, Debug)]
enum Value {
    Constant(i64),
    Field(Int),
    /// Calendar days from the first to the second, both included.
    Days(Date, Date),
}

#[derive(Clone, Copy, Debug)]
enum Item {
    Constant(i64),
    Field(Int),
    First(usize, Text),
}

#[derive(Clone, Debug)]
enum Test {
    Text(Text, Op),
    List(List, Op),
    Int(Int, IntOp),
    LineText(LineText, Op),
    LineInt(LineInt, IntOp),
    Any(Vec<Vec<Test>>),
    Some(Table, Vec<Test>),
}

#[derive(Clone, Debug)]
enum Op {
    In(Vec<String>),
    NotIn(Vec<String>),
    StartsWith(Vec<String>),
    Between(String, String),
    Digits(usize),
    Present(bool),
}

#[derive(Clone, Debug)]
enum IntOp {
    In(Vec<i64>),
    NotIn(Vec<i64>),
    Present(bool),
    AtLeast(i64),
    Below(i64),
}

/// Days one rule may count on for one claim: a century of bed-days.
const DAYS_OF_RULE: i32 = 36_600;

/// The item of the first `count` characters of a code: its bytes, so that items of codes are above 65,535.
pub fn code_item(code: &str, count: usize) -> i64 {
    let ascii = code.chars().take(count.min(7)).map(|c| if c.is_ascii() { c as u8 } else { b'?' });
    ascii.chain(std::iter::repeat(b' ')).take(count.clamp(3, 7)).fold(0, |n, b| n << 8 | i64::from(b))
}

/// What an item stands for: the code it was made of, or the number.
pub fn item_text(item: i64) -> String {
    if item <= 0xffff {
        return item.to_string();
    }
    let bytes = item.to_be_bytes();
    let text: String = bytes.iter().skip_while(|b| **b == 0).map(|b| char::from(*b)).collect();
    text.trim_end().to_owned()
}

impl Rule {
    /// Calls `fact` with (item, day, value) for all this rule counts of `subject`.
    pub(crate) fn facts(&self, subject: &dyn Subject, fact: &mut dyn FnMut(i64, Day, i64)) {
        if !self.when.iter().all(|t| t.holds(subject, None)) {
            return;
        }
        match &self.each {
            None => self.one(subject, None, fact),
            Some((table, tests)) => {
                for line in 0..subject.lines(*table) {
                    if tests.iter().all(|t| t.holds(subject, Some((*table, line)))) {
                        self.one(subject, Some((*table, line)), fact);
                    }
                }
            }
        }
    }

    fn one(&self, subject: &dyn Subject, line: Option<(Table, usize)>, fact: &mut dyn FnMut(i64, Day, i64)) {
        let day = self.days.iter().find_map(|d| match (*d, line) {
            (AnyDate::Claim(date), _) => subject.date(date),
            (AnyDate::Line(date), Some((table, n))) => subject.line_date(table, n, date),
            (AnyDate::Line(_), None) => None,
        });
        let (Some(first), Some(item), Some(value)) = (day, self.item(subject), self.value(subject)) else { return };
        let last = match self.until {
            None => first,
            Some(until) => match subject.date(until) {
                Some(last) => last.min(Day(first.0.saturating_add(DAYS_OF_RULE))),
                None => return,
            },
        };
        for day in (first.0..=last.0).map(Day) {
            if self.from.is_none_or(|from| day >= from) && self.to.is_none_or(|to| day <= to) {
                fact(item, day, value);
            }
        }
    }

    fn item(&self, subject: &dyn Subject) -> Option<i64> {
        match self.item {
            Item::Constant(item) => Some(item),
            Item::Field(field) => subject.int(field),
            Item::First(count, field) => Some(code_item(subject.text(field), count)),
        }
    }

    fn value(&self, subject: &dyn Subject) -> Option<i64> {
        match self.value {
            Value::Constant(value) => Some(value),
            Value::Field(field) => subject.int(field),
            Value::Days(from, to) => Some(i64::from(subject.date(to)?.0) - i64::from(subject.date(from)?.0) + 1),
        }
    }
}

impl Test {
    fn holds(&self, subject: &dyn Subject, line: Option<(Table, usize)>) -> bool {
        match self {
            Self::Text(field, op) => op.holds(subject.text(*field)),
            Self::List(field, op) => subject.any(*field, &mut |text| op.holds(text)),
            Self::Int(field, op) => op.holds(subject.int(*field)),
            Self::LineText(field, op) => line.is_some_and(|(t, n)| op.holds(subject.line_text(t, n, *field))),
            Self::LineInt(field, op) => line.is_some_and(|(t, n)| op.holds(subject.line_int(t, n, *field))),
            Self::Any(lists) => lists.iter().any(|tests| tests.iter().all(|t| t.holds(subject, line))),
            Self::Some(table, tests) => {
                (0..subject.lines(*table)).any(|n| tests.iter().all(|t| t.holds(subject, Some((*table, n)))))
            }
        }
    }
}

impl Op {
    fn holds(&self, text: &str) -> bool {
        match self {
            Self::In(list) => list.iter().any(|l| l == text),
            Self::NotIn(list) => list.iter().all(|l| l != text),
            Self::StartsWith(list) => list.iter().any(|l| text.starts_with(l.as_str())),
            Self::Between(from, to) => {
                text.as_bytes().get(..3).is_some_and(|t| from.as_bytes() <= t && t <= to.as_bytes())
            }
            Self::Digits(count) => text.len() == *count && text.bytes().all(|b| b.is_ascii_digit()),
            Self::Present(present) => text.is_empty() != *present,
        }
    }
}

impl IntOp {
    fn holds(&self, number: Option<i64>) -> bool {
        match self {
            Self::In(list) => number.is_some_and(|n| list.contains(&n)),
            Self::NotIn(list) => number.is_none_or(|n| !list.contains(&n)),
            Self::Present(present) => number.is_some() == *present,
            Self::AtLeast(bound) => number.is_some_and(|n| n >= *bound),
            Self::Below(bound) => number.is_some_and(|n| n < *bound),
        }
    }
}

/// Where a definition does not compile: what is wrong.
type Compiled<T> = Result<T, String>;

impl RawRule {
    /// Compiles the rule: every name resolves, every operator suits its field.
    pub(crate) fn compile(self) -> Compiled<Rule> {
        let table = self.each.as_deref().map(table).transpose()?;
        let days: Compiled<Vec<_>> = self.day.iter().map(|name| any_date(name, table.is_some())).collect();
        let days = days?;
        if days.is_empty() {
            return Err("a rule needs a `day`".to_owned());
        }
        if table.is_none() && !self.lines.is_empty() {
            return Err("`where` without `each`".to_owned());
        }
        Ok(Rule {
            from: optional_day(self.valid_from.as_deref())?,
            to: optional_day(self.valid_to.as_deref())?,
            days,
            until: self.until.as_deref().map(date).transpose()?,
            when: tests(self.when, false)?,
            each: table.map(|t| Ok::<_, String>((t, tests(self.lines, true)?))).transpose()?,
            value: match self.value {
                None => Value::Constant(1),
                Some(RawValue::Constant(value)) => Value::Constant(value),
                Some(RawValue::Field(name)) => Value::Field(int(&name)?),
                Some(RawValue::Days { days: [from, to] }) => Value::Days(date(&from)?, date(&to)?),
            },
            item: match self.item {
                None => Item::Constant(0),
                Some(RawItem::Constant(item)) => Item::Constant(item),
                Some(RawItem::Field { field }) => Item::Field(int(&field)?),
                Some(RawItem::First { first, of }) => Item::First(first, text(&of)?),
            },
        })
    }

    /// Whether the rule gives its facts items.
    pub(crate) fn has_item(&self) -> bool {
        self.item.is_some()
    }
}

fn tests(raw: Vec<RawTest>, in_line: bool) -> Compiled<Vec<Test>> {
    raw.into_iter().map(|t| test(t, in_line)).collect()
}

fn test(raw: RawTest, in_line: bool) -> Compiled<Test> {
    match &raw {
        RawTest { any: Some(_), field: None, some: None, .. } => {
            let lists: Compiled<Vec<_>> =
                raw.any.unwrap_or_default().into_iter().map(|list| tests(list, in_line)).collect();
            Ok(Test::Any(lists?))
        }
        RawTest { some: Some(name), field: None, any: None, .. } if !in_line => {
            Ok(Test::Some(table(name)?, tests(raw.lines, true)?))
        }
        RawTest { field: Some(name), any: None, some: None, .. } => field_test(name.clone(), raw, in_line),
        _ => Err("a test needs one of `field`, `any`, `some`".to_owned()),
    }
}

fn field_test(name: String, raw: RawTest, in_line: bool) -> Compiled<Test> {
    if in_line {
        return match (LineText::parse(&name), LineInt::parse(&name)) {
            (Some(field), _) => Ok(Test::LineText(field, op(raw, &name)?)),
            (_, Some(field)) => Ok(Test::LineInt(field, int_op(raw, &name)?)),
            _ => Err(format!("unknown field `{name}` of a line")),
        };
    }
    match (Text::parse(&name), List::parse(&name), Int::parse(&name)) {
        (Some(field), ..) => Ok(Test::Text(field, op(raw, &name)?)),
        (_, Some(field), _) => Ok(Test::List(field, op(raw, &name)?)),
        (.., Some(field)) => Ok(Test::Int(field, int_op(raw, &name)?)),
        _ => Err(format!("unknown field `{name}`")),
    }
}

fn op(raw: RawTest, name: &str) -> Compiled<Op> {
    let texts = |list: Vec<Literal>| -> Compiled<Vec<String>> {
        let text = |l| match l {
            Literal::Text(t) => Ok(t),
            Literal::Number(n) => Err(format!("`{name}` is text; `{n}` is not")),
        };
        list.into_iter().map(text).collect()
    };
    let mut ops = Vec::new();
    ops.extend(raw.among.map(|l| texts(l).map(Op::In)));
    ops.extend(raw.not_in.map(|l| texts(l).map(Op::NotIn)));
    ops.extend(raw.starts_with.map(|l| Ok(Op::StartsWith(l))));
    ops.extend(raw.between.map(|[from, to]| match (from.len(), to.len()) {
        (3, 3) => Ok(Op::Between(from, to)),
        _ => Err(format!("`between` of `{name}` takes two texts of three characters")),
    }));
    ops.extend(raw.digits.map(|n| Ok(Op::Digits(n))));
    ops.extend(raw.present.map(|p| Ok(Op::Present(p))));
    if raw.at_least.is_some() || raw.below.is_some() {
        ops.push(Err(format!("`{name}` is text: `at_least` and `below` need a number")));
    }
    only(ops, name)
}

fn int_op(raw: RawTest, name: &str) -> Compiled<IntOp> {
    let numbers = |list: Vec<Literal>| -> Compiled<Vec<i64>> {
        let number = |l| match l {
            Literal::Number(n) => Ok(n),
            Literal::Text(t) => Err(format!("`{name}` is a number; `{t}` is not")),
        };
        list.into_iter().map(number).collect()
    };
    let mut ops = Vec::new();
    ops.extend(raw.among.map(|l| numbers(l).map(IntOp::In)));
    ops.extend(raw.not_in.map(|l| numbers(l).map(IntOp::NotIn)));
    ops.extend(raw.present.map(|p| Ok(IntOp::Present(p))));
    ops.extend(raw.at_least.map(|n| Ok(IntOp::AtLeast(n))));
    ops.extend(raw.below.map(|n| Ok(IntOp::Below(n))));
    if raw.starts_with.is_some() || raw.between.is_some() || raw.digits.is_some() {
        ops.push(Err(format!("`{name}` is a number: it has no characters")));
    }
    only(ops, name)
}

fn only<T>(mut ops: Vec<Compiled<T>>, name: &str) -> Compiled<T> {
    match (ops.pop(), ops.is_empty()) {
        (Some(op), true) => op,
        _ => Err(format!("a test of `{name}` needs one operator")),
    }
}

fn table(name: &str) -> Compiled<Table> {
    Table::parse(name).ok_or_else(|| format!("unknown table `{name}`"))
}

fn text(name: &str) -> Compiled<Text> {
    Text::parse(name).ok_or_else(|| format!("unknown text `{name}`"))
}

fn int(name: &str) -> Compiled<Int> {
    Int::parse(name).ok_or_else(|| format!("unknown number `{name}`"))
}

fn date(name: &str) -> Compiled<Date> {
    Date::parse(name).ok_or_else(|| format!("unknown day `{name}`"))
}

fn any_date(name: &str, in_line: bool) -> Compiled<AnyDate> {
    match LineDate::parse(name) {
        Some(field) if in_line => Ok(AnyDate::Line(field)),
        _ => date(name).map(AnyDate::Claim),
    }
}

/// A day of `yyyy-MM-dd`, where there is one.
pub(crate) fn optional_day(text: Option<&str>) -> Compiled<Option<Day>> {
    let day = |t: &str| Day::parse_iso(t).ok_or_else(|| format!("`{t}` is no day"));
    text.map(day).transpose()
}
