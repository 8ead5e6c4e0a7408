//! A form as it is worked with: a Questionnaire read once, its expressions compiled, its choices looked up.

use crate::value::{Coding, Value};
use mach_base::Day;
use mach_fhir::path::Expression;
use mach_fhir::terminology;
use mach_ui::Lang;
use std::collections::HashMap;

/// A text in the form's own language, with its translations (R4 extension `translation`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words {
    pub(crate) own: String,
    pub(crate) others: Vec<(String, String)>,
}

impl Words {
    /// The text in the reader's language; in the form's own where there is no translation.
    pub fn in_lang(&self, lang: Lang) -> &str {
        self.others.iter().find(|(l, _)| l == lang.code()).map_or(&self.own, |(_, text)| text)
    }

    /// Whether nothing is said.
    pub fn is_empty(&self) -> bool {
        self.own.is_empty()
    }
}

/// R4 `item-type`; what a question takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of R4 `item-type`")]
pub enum Kind {
    Group,
    Display,
    Boolean,
    Decimal,
    Integer,
    Date,
    DateTime,
    Time,
    String,
    Text,
    Url,
    Choice,
    OpenChoice,
    Attachment,
    Reference,
    Quantity,
}

impl Kind {
    /// From `Questionnaire.item.type`.
    pub fn parse(code: &str) -> Option<Self> {
        Some(match code {
            "group" => Self::Group,
            "display" => Self::Display,
            "boolean" => Self::Boolean,
            "decimal" => Self::Decimal,
            "integer" => Self::Integer,
            "date" => Self::Date,
            "dateTime" => Self::DateTime,
            "time" => Self::Time,
            "string" => Self::String,
            "text" => Self::Text,
            "url" => Self::Url,
            "choice" => Self::Choice,
            "open-choice" => Self::OpenChoice,
            "attachment" => Self::Attachment,
            "reference" => Self::Reference,
            "quantity" => Self::Quantity,
            _ => return None,
        })
    }

    /// Whether it is answered: neither a group nor a text.
    pub fn is_question(self) -> bool {
        !matches!(self, Self::Group | Self::Display)
    }
}

/// How a question looks (SDC `questionnaire-itemControl`, and two of our own for pictures).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Control {
    /// As fits its type.
    #[default]
    Usual,
    /// `radio-button`.
    Radio,
    /// `check-box`.
    Check,
    /// `drop-down`.
    Select,
    /// `help`, `flyover`: a display that explains its question.
    Help,
    /// `urn:mach:forms:control|photo`: a picture from the camera.
    Photo,
    /// `urn:mach:forms:control|drawing`: drawn by hand.
    Drawing,
    /// `urn:mach:forms:control|signature`: signed by hand.
    Signature,
}

/// One of several answers to choose from.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    /// The answer.
    pub value: Value,
    /// What it is called.
    pub words: Words,
    /// Whether it is chosen at the start.
    pub is_initial: bool,
}

/// R4 `enableWhen.operator`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of R4 `questionnaire-enable-operator`")]
pub enum Operator {
    Exists,
    Equal,
    NotEqual,
    Greater,
    Less,
    GreaterOrEqual,
    LessOrEqual,
}

/// A condition under which an item is asked.
#[derive(Clone, Debug)]
pub struct When {
    /// The question looked at, by the path of its indices in the form.
    pub question: Vec<usize>,
    /// How.
    pub operator: Operator,
    /// Compared with.
    pub answer: Value,
}

/// A rule of the form (`questionnaire-constraint`, `targetConstraint`).
#[derive(Debug)]
pub struct Constraint {
    /// Its key.
    pub key: String,
    /// What to tell where it does not hold.
    pub human: Words,
    /// Whether it only warns.
    pub warns: bool,
    /// Must be true, or without a value.
    pub expression: Expression,
}

/// A question, a group or a text.
#[derive(Debug)]
pub struct Item {
    /// `linkId`.
    pub link: String,
    /// Its number on paper.
    pub prefix: String,
    /// What is asked.
    pub text: Words,
    /// A text of its own below: `help`, `entryFormat`.
    pub help: Words,
    /// What it takes.
    pub kind: Kind,
    /// Must be answered.
    pub required: bool,
    /// May be answered more than once.
    pub repeats: bool,
    /// Nobody types it.
    pub read_only: bool,
    /// Never shown.
    pub hidden: bool,
    /// Fewest answers, where more than one must be there.
    pub min_occurs: usize,
    /// Most answers.
    pub max_occurs: usize,
    /// Fewest characters.
    pub min_length: usize,
    /// Most characters.
    pub max_length: usize,
    /// Digits after the point, at most.
    pub max_decimals: Option<u32>,
    /// What a text must match, whole.
    pub pattern: Option<regex::Regex>,
    /// Lowest value.
    pub min: Option<Value>,
    /// Highest value.
    pub max: Option<Value>,
    /// Bytes of an attachment.
    pub max_bytes: usize,
    /// Types of an attachment; any of the product's where empty.
    pub mime: Vec<String>,
    /// Units to choose from; the first is the one where nothing is chosen.
    pub units: Vec<Coding>,
    /// How it looks.
    pub control: Control,
    /// Answers to choose from.
    pub choices: Vec<Choice>,
    /// The value set an answer must be in, where it is too large to show.
    pub value_set: Option<String>,
    /// Values at the start.
    pub initial: Vec<Value>,
    /// Gives the values at the start.
    pub initial_expression: Option<Expression>,
    /// Gives the value, always.
    pub calculated: Option<Expression>,
    /// Conditions under which it is asked.
    pub when: Vec<When>,
    /// Whether all of them must hold; else one.
    pub when_all: bool,
    /// One more condition, as an expression.
    pub when_expression: Option<Expression>,
    /// Rules.
    pub constraints: Vec<Constraint>,
    /// Named values for the expressions below here.
    pub variables: Vec<(String, Expression)>,
    /// What it means.
    pub codes: Vec<Coding>,
    /// The category of Observations made of it.
    pub category: Vec<Coding>,
    /// The element that it fills (`Patient.birthDate`), without the URL before `#`.
    pub definition: String,
    /// Whether an Observation is made of it.
    pub extract: bool,
    /// How old an Observation may be that it is filled from, in days.
    pub link_days: Option<i64>,
    /// What it holds.
    pub items: Vec<Item>,
}

impl Item {
    /// Whether its answers are ticked in one list, and so share one name when they are posted.
    pub fn is_ticked(&self) -> bool {
        self.repeats && matches!(self.kind, Kind::Choice | Kind::OpenChoice) && !self.choices.is_empty()
    }
}

/// A form.
#[derive(Debug)]
pub struct Form {
    /// Canonical URL.
    pub url: String,
    /// Version.
    pub version: String,
    /// The language it is in, and what is answered; empty where it does not say.
    pub language: String,
    /// Its name for people.
    pub title: Words,
    /// What it is for.
    pub description: Words,
    /// `draft`, `active`, `retired`, `unknown`.
    pub status: String,
    /// First and last day on which it may be filled in.
    pub period: (Option<Day>, Option<Day>),
    /// Its law, or where it comes from (`copyright`).
    pub source: String,
    /// Questions, groups, texts.
    pub items: Vec<Item>,
    /// Rules of the whole.
    pub constraints: Vec<Constraint>,
    /// Named values for all expressions.
    pub variables: Vec<(String, Expression)>,
    /// What its author asked for and is not done here; shown to administrators.
    pub notes: Vec<String>,
    /// The exact Questionnaire.
    pub body: String,
    pub(crate) by_link: HashMap<String, Vec<usize>>,
    pub(crate) terms: terminology::Library,
}

impl Form {
    /// `url|version`: what a response names.
    pub fn canonical(&self) -> String {
        if self.version.is_empty() { self.url.clone() } else { format!("{}|{}", self.url, self.version) }
    }

    /// Whether it may be filled in on `day`.
    pub fn holds_on(&self, day: Day) -> bool {
        self.period.0.is_none_or(|from| from <= day) && self.period.1.is_none_or(|to| day <= to)
    }

    /// The item at a path of indices.
    pub fn at(&self, path: &[usize]) -> Option<&Item> {
        let (first, rest) = path.split_first()?;
        rest.iter().try_fold(self.items.get(*first)?, |item, at| item.items.get(*at))
    }

    /// The path of the item with this `linkId`.
    pub fn path_of(&self, link: &str) -> Option<&[usize]> {
        self.by_link.get(link).map(Vec::as_slice)
    }

    /// The item with this `linkId`.
    pub fn item(&self, link: &str) -> Option<&Item> {
        self.at(self.path_of(link)?)
    }

    /// How many questions it asks.
    pub fn questions(&self) -> usize {
        fn count(items: &[Item]) -> usize {
            items.iter().map(|i| usize::from(i.kind.is_question()) + count(&i.items)).sum()
        }
        count(&self.items)
    }
}
