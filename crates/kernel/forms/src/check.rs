//! What is wrong with answers: told at their fields, in the reader's language.

use crate::answers::{Answers, Node, Slot, Step};
use crate::compute::Context;
use crate::fields::{accepted, name_at};
use crate::form::{Form, Item, Kind, Words};
use crate::show::plain;
use crate::value::Value;
use mach_fhir::terminology::{Membership, Terminology};
use mach_ui::{Lang, msg};
use std::cmp::Ordering;

/// Why an answer will not do.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// It must be answered.
    Required,
    /// What was typed is no value of the question's type.
    Unreadable(Kind),
    /// More characters than this.
    TooLong(usize),
    /// Fewer characters than this.
    TooShort(usize),
    /// It has not the form it must have.
    Pattern,
    /// Below the lowest.
    Low(Value),
    /// Above the highest.
    High(Value),
    /// More digits after the point than this.
    Decimals(u32),
    /// It is none of the choices.
    NoChoice,
    /// Fewer answers than this.
    TooFew(usize),
    /// More answers than this.
    TooMany(usize),
    /// More bytes than this.
    TooLarge(usize),
    /// A file of another type than these.
    Mime(String),
    /// A rule of the form.
    Rule(Words),
    /// An expression of the form cannot be computed: the form's author must look.
    Broken(String),
}

/// Something wrong with an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// The field it stands at.
    pub field: String,
    /// `linkId` of its item; empty for the whole form.
    pub link: String,
    /// Why.
    pub what: What,
    /// Whether the form may be finished all the same.
    pub warns: bool,
}

impl Problem {
    /// In the reader's language.
    pub fn text(&self, lang: Lang) -> String {
        let with = |message, value: String| lang.fmt(message, &[("value", &value)]);
        match &self.what {
            What::Required => lang.t(msg::FORM_REQUIRED).to_owned(),
            What::Unreadable(kind) => lang
                .t(match kind {
                    Kind::Decimal | Kind::Integer => msg::FORM_NO_NUMBER,
                    Kind::Quantity => msg::FORM_NO_QUANTITY,
                    Kind::Date | Kind::DateTime => msg::FORM_NO_DATE,
                    Kind::Time => msg::FORM_NO_TIME,
                    _ => msg::FORM_NO_CHOICE,
                })
                .to_owned(),
            What::TooLong(most) => with(msg::FORM_TOO_LONG, most.to_string()),
            What::TooShort(fewest) => with(msg::FORM_TOO_SHORT, fewest.to_string()),
            What::Pattern => lang.t(msg::FORM_PATTERN).to_owned(),
            What::Low(value) => with(msg::FORM_LOW, plain(value)),
            What::High(value) => with(msg::FORM_HIGH, plain(value)),
            What::Decimals(most) => with(msg::FORM_DECIMALS, most.to_string()),
            What::NoChoice => lang.t(msg::FORM_NO_CHOICE).to_owned(),
            What::TooFew(fewest) => with(msg::FORM_TOO_FEW, fewest.to_string()),
            What::TooMany(most) => with(msg::FORM_TOO_MANY, most.to_string()),
            What::TooLarge(bytes) => with(msg::FORM_TOO_LARGE, (bytes >> 10).to_string()),
            What::Mime(types) => with(msg::FORM_MIME, types.clone()),
            What::Rule(words) => words.in_lang(lang).to_owned(),
            What::Broken(why) => with(msg::FORM_BROKEN, why.clone()),
        }
    }
}

impl Form {
    /// Everything wrong with the answers to what is asked; of one top-level item only where `part` names it. `finish`: also
    /// what is still to be answered.
    pub fn check(&self, answers: &Answers, context: &Context, part: Option<&str>, finish: bool) -> Vec<Problem> {
        let mut checking = Checking { form: self, finish, problems: Vec::new() };
        let in_part = |item: &Item| part.is_none_or(|link| link == item.link);
        for (n, (item, node)) in self.items.iter().zip(&answers.nodes).enumerate() {
            if in_part(item) {
                checking.node(item, node, &mut vec![(n, 0)]);
            }
        }
        let (broken, failed) = self.broken(answers, context);
        for (path, rule) in broken {
            let top = path.first().and_then(|(n, _)| self.items.get(*n));
            if !top.is_none_or(in_part) {
                continue;
            }
            let link = self.at(&path.iter().map(|(n, _)| *n).collect::<Vec<_>>()).map(|i| i.link.clone());
            checking.problems.push(Problem {
                field: name_at(self, &path),
                link: link.unwrap_or_default(),
                what: What::Rule(rule.human.clone()),
                warns: rule.warns,
            });
        }
        for one in failed {
            let field = crate::fields::name(&one.link, &[]);
            checking.problems.push(Problem { field, link: one.link, what: What::Broken(one.why), warns: false });
        }
        checking.problems
    }
}

struct Checking<'c> {
    form: &'c Form,
    finish: bool,
    problems: Vec<Problem>,
}

impl Checking<'_> {
    fn say(&mut self, item: &Item, path: &[Step], what: What) {
        let field = name_at(self.form, path);
        self.problems.push(Problem { field, link: item.link.clone(), what, warns: false });
    }

    fn node(&mut self, item: &Item, node: &Node, path: &mut Vec<Step>) {
        if !node.enabled || item.kind == Kind::Display {
            return;
        }
        let given = node.slots.iter().filter(|s| !s.is_open()).count();
        if self.finish && item.required && given == 0 {
            self.say(item, path, What::Required);
        } else if self.finish && item.repeats && given < item.min_occurs && (given > 0 || item.required) {
            self.say(item, path, What::TooFew(item.min_occurs));
        }
        if given > item.max_occurs.max(1) {
            self.say(item, path, What::TooMany(item.max_occurs));
        }
        for (at, slot) in node.slots.iter().enumerate() {
            if let Some(last) = path.last_mut() {
                last.1 = at;
            }
            self.slot(item, slot, path);
            for (n, (below, inner)) in item.items.iter().zip(&slot.items).enumerate() {
                // What belongs to an answer is asked with it.
                if item.kind.is_question() && slot.value.is_none() {
                    continue;
                }
                path.push((n, 0));
                self.node(below, inner, path);
                path.pop();
            }
        }
    }

    fn slot(&mut self, item: &Item, slot: &Slot, path: &[Step]) {
        if slot.typed.is_some() {
            return self.say(item, path, What::Unreadable(item.kind));
        }
        let Some(value) = &slot.value else { return };
        if let Some(what) = self.wrong(item, value) {
            self.say(item, path, what);
        }
    }

    fn wrong(&self, item: &Item, value: &Value) -> Option<What> {
        if let Value::Text(text) | Value::Uri(text) = value {
            let length = text.chars().count();
            if length > item.max_length {
                return Some(What::TooLong(item.max_length));
            }
            if length < item.min_length {
                return Some(What::TooShort(item.min_length));
            }
            if item.pattern.as_ref().is_some_and(|p| !p.is_match(text)) {
                return Some(What::Pattern);
            }
        }
        if let Value::Decimal(digits) | Value::Quantity { value: digits, .. } = value
            && let Some(most) = item.max_decimals
            && mach_fhir::Decimal::parse(digits).is_some_and(|d| d.trimmed().scale() > most)
        {
            return Some(What::Decimals(most));
        }
        if let Value::Attachment(file) = value {
            if file.size > item.max_bytes {
                return Some(What::TooLarge(item.max_bytes));
            }
            let accepted = accepted(item);
            if !accepted.contains(&file.content_type) {
                return Some(What::Mime(accepted.join(", ")));
            }
        }
        let beyond = |bound: &Option<Value>, order| bound.as_ref().filter(|b| value.compare(b) == Some(order)).cloned();
        if let Some(low) = beyond(&item.min, Ordering::Less) {
            return Some(What::Low(low));
        }
        if let Some(high) = beyond(&item.max, Ordering::Greater) {
            return Some(What::High(high));
        }
        if matches!(item.kind, Kind::Choice | Kind::OpenChoice) && !self.is_choice(item, value) {
            return Some(What::NoChoice);
        }
        None
    }

    fn is_choice(&self, item: &Item, value: &Value) -> bool {
        if item.choices.iter().any(|c| c.value.is_same(value)) {
            return true;
        }
        match (value, &item.value_set) {
            (Value::Text(_), _) => item.kind == Kind::OpenChoice,
            (Value::Coding(c), Some(set)) => {
                let system = Some(c.system.as_str()).filter(|s| !s.is_empty());
                self.form.terms.in_value_set(set, system, &c.code) == Membership::In
            }
            _ => false,
        }
    }
}
