//! `enableWhen` of questionnaires: whether an item is asked at all, from the answers given to others.
//!
//! Whatever readers of R4 disagree about (`!=` where nothing or several things were answered, conditions without
//! `enableBehavior`, moments of unlike precision, units that do not convert) is `None`: no verdict is built on it.

use super::run::Run;
use crate::decimal::Decimal;
use crate::path::{Moment, moment::MomentKind};
use crate::tree::{Tree, Value};
use std::cmp::Ordering;

/// Extensions of SDC whose conditions are FHIRPath: not followed here.
const BY_EXPRESSION: &str = "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-enableWhenExpression";

/// When an item of a questionnaire is asked.
pub(super) struct Conditions {
    each: Vec<Condition>,
    /// `enableBehavior`; `None` where it is not told.
    all: Option<bool>,
    by_expression: bool,
}

struct Condition {
    question: String,
    operator: String,
    /// The name after `answer`, and the value.
    answer: Option<(String, Tree<'static>)>,
}

impl Conditions {
    /// Those of an item.
    pub fn read(item: Value<'_>) -> Self {
        let list = |name: &str| item.get(name).into_iter().flat_map(Value::items).collect::<Vec<_>>();
        let read = |when: Value<'_>| {
            let get = |name: &str| when.get_text(name).unwrap_or_default().into_owned();
            let answer = when.members().find(|(name, _)| name.starts_with("answer")).and_then(|(name, value)| {
                Some((name["answer".len()..].to_owned(), Tree::parse(value.raw().to_owned()).ok()?))
            });
            Condition { question: get("question"), operator: get("operator"), answer }
        };
        let all = match item.get_text("enableBehavior").as_deref() {
            Some("all") => Some(true),
            Some("any") => Some(false),
            _ => None,
        };
        let by_expression = list("extension").iter().any(|e| e.get_text("url").as_deref() == Some(BY_EXPRESSION));
        Self { each: list("enableWhen").into_iter().map(read).collect(), all, by_expression }
    }
}

impl<'t> Run<'_, 't> {
    /// Whether an item is asked, by the answers `around` it: the response and the items and answers the item is in, outermost
    /// first. `None` where that cannot be told.
    pub fn is_enabled(&mut self, conditions: &Conditions, around: &[Value<'t>]) -> Option<bool> {
        if conditions.by_expression {
            return None;
        }
        if conditions.each.is_empty() {
            return Some(true);
        }
        let held: Vec<_> = conditions.each.iter().map(|c| self.condition(c, around)).collect();
        let all = if held.contains(&Some(false)) { Some(false) } else { (!held.contains(&None)).then_some(true) };
        let any = if held.contains(&Some(true)) { Some(true) } else { (!held.contains(&None)).then_some(false) };
        match conditions.all {
            Some(true) => all,
            Some(false) => any,
            None if all == any => all,
            None => None,
        }
    }

    fn condition(&mut self, condition: &Condition, around: &[Value<'t>]) -> Option<bool> {
        let answers = self.nearest(&condition.question, around)?;
        let (kind, wanted) = condition.answer.as_ref()?;
        let wanted = wanted.root();
        if condition.operator == "exists" {
            return Some(answers.is_empty() != wanted.boolean()?);
        }
        let orders: Vec<_> = answers.iter().map(|given| compared(kind, *given, wanted)).collect();
        let any = |test: fn(Ordering) -> bool| {
            if orders.iter().flatten().any(|o| o.is_some_and(test)) {
                Some(true)
            } else {
                (!orders.contains(&None)).then_some(false)
            }
        };
        match condition.operator.as_str() {
            "=" => any(Ordering::is_eq),
            // "no answer is equal" or "some answer is not equal": the same where there is one answer.
            "!=" if answers.len() == 1 => any(Ordering::is_eq).map(|same| !same),
            "!=" => {
                let same = orders.iter().map(|o| o.map(|o| o == Some(Ordering::Equal))).collect::<Option<Vec<_>>>()?;
                match (same.contains(&true), same.contains(&false)) {
                    (true, false) => Some(false),
                    (false, true) => Some(true),
                    _ => None,
                }
            }
            ">" => any(Ordering::is_gt),
            "<" => any(Ordering::is_lt),
            ">=" => any(Ordering::is_ge),
            "<=" => any(Ordering::is_le),
            _ => None,
        }
    }

    /// The answers to the question nearest to an item: an item it is in, else those in the innermost holder that has any.
    /// `None` where looking takes too long.
    fn nearest(&mut self, question: &str, around: &[Value<'t>]) -> Option<Vec<Value<'t>>> {
        let is_it = |item: Value<'t>| item.get_text("linkId").as_deref() == Some(question);
        if let Some(above) = around.iter().rev().find(|holder| is_it(**holder)) {
            return Some(values(*above).collect());
        }
        for holder in around.iter().rev() {
            let mut found = None;
            let mut waiting = vec![*holder];
            while let Some(here) = waiting.pop() {
                self.looks = match self.looks.checked_sub(1) {
                    Some(left) => left,
                    None => {
                        self.warn_once(
                            "too-costly",
                            "the conditions of the questionnaire take too long to follow".into(),
                        );
                        return None;
                    }
                };
                if is_it(here) {
                    found.get_or_insert_with(Vec::new).extend(values(here));
                }
                waiting.extend(list(here, "item").chain(list(here, "answer")));
            }
            if found.is_some() {
                return found;
            }
        }
        Some(Vec::new())
    }
}

fn list<'t>(value: Value<'t>, name: &str) -> impl Iterator<Item = Value<'t>> + use<'t> {
    value.get(name).into_iter().flat_map(Value::items)
}

/// The values of an item's answers.
fn values<'t>(item: Value<'t>) -> impl Iterator<Item = Value<'t>> + use<'t> {
    list(item, "answer").filter_map(|a| a.members().find(|(name, _)| name.starts_with("value")).map(|(_, v)| v))
}

/// Whether anything below an item of a response is answered.
pub(super) fn is_answered(item: Value<'_>) -> bool {
    let mut waiting = vec![item];
    while let Some(here) = waiting.pop() {
        if values(here).next().is_some() {
            return true;
        }
        waiting.extend(list(here, "item").chain(list(here, "answer")));
    }
    false
}

/// How an answer compares with the one wanted, of a type (`Boolean`, `Coding`): `Some(None)` where they are not the same and
/// have no order; `None` where that cannot be told.
fn compared(kind: &str, given: Value<'_>, wanted: Value<'_>) -> Option<Option<Ordering>> {
    let number = |v: Value<'_>| Decimal::parse(v.number()?);
    let same = |is: bool| Some(is.then_some(Ordering::Equal));
    match kind {
        "Boolean" => same(given.boolean() == wanted.boolean()),
        "Decimal" | "Integer" => match (number(given), number(wanted)) {
            (Some(a), Some(b)) => Some(Some(a.cmp(&b))),
            _ => Some(None),
        },
        "Date" | "DateTime" | "Time" => {
            let of = if kind == "Time" { MomentKind::Time } else { MomentKind::DateTime };
            let moment = |v: Value<'_>| Moment::parse(&v.text()?, of);
            match (moment(given), moment(wanted)) {
                (Some(a), Some(b)) if given.text() == wanted.text() => {
                    Some(Some(a.compare(&b, 0).unwrap_or(Ordering::Equal)))
                }
                (Some(a), Some(b)) => a.compare(&b, 0).map(Some),
                _ => Some(None),
            }
        }
        "String" => match (given.text(), wanted.text()) {
            (Some(a), Some(b)) => Some(Some(a.cmp(&b))),
            _ => Some(None),
        },
        "Coding" => {
            let (a, b) = (given.get_text("code"), wanted.get_text("code"));
            if a.is_none() || a != b {
                return same(false);
            }
            match (given.get_text("system"), wanted.get_text("system")) {
                (a, b) if a == b => same(true),
                // Whether a code without a system is the one with it, is not said.
                (None, _) | (_, None) => None,
                _ => same(false),
            }
        }
        "Quantity" => {
            let unit = |v: Value<'_>| {
                [v.get_text("system"), v.get_text("code"), v.get_text("unit")].map(|t| t.map(|t| t.into_owned()))
            };
            let ([s, c, u], [t, d, v]) = (unit(given), unit(wanted));
            let alike = if c.is_some() || d.is_some() { s == t && c == d } else { u == v };
            let (a, b) = (number(given.get("value")?)?, number(wanted.get("value")?)?);
            if alike { Some(Some(a.cmp(&b))) } else { None }
        }
        "Reference" => {
            same(given.get_text("reference").is_some() && given.get_text("reference") == wanted.get_text("reference"))
        }
        _ => None,
    }
}
