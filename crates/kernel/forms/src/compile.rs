//! A Questionnaire read: everything that is wrong with it is told at once, with its place.

use crate::form::{Choice, Constraint, Control, Form, Item, Kind, Operator, When, Words};
use crate::limits;
use crate::value::{Coding, Value, coding};
use mach_fhir::Tree;
use mach_fhir::definitions::{self, TypeId};
use mach_fhir::path::{Expression, Mode};
use mach_fhir::terminology::{self, Library, expand};
use mach_fhir::tree;
use mach_fhir::validate::Validator;
use std::collections::HashMap;
use std::sync::Arc;

mod circles;
mod extension;

use circles::circles;
use extension::{
    categories, contained, control, extensions, flag, link_days, list, number, period, text, units, words,
};

const CORE: &str = "http://hl7.org/fhir/StructureDefinition/";
const SDC: &str = "http://hl7.org/fhir/uv/sdc/StructureDefinition/";
/// What SDC can say and is not done here: an administrator is told.
const UNDONE: [&str; 12] = [
    "sdc-questionnaire-answerExpression",
    "sdc-questionnaire-answerOptionsToggleExpression",
    "sdc-questionnaire-candidateExpression",
    "sdc-questionnaire-choiceColumn",
    "sdc-questionnaire-contextExpression",
    "sdc-questionnaire-itemPopulationContext",
    "sdc-questionnaire-itemExtractionContext",
    "sdc-questionnaire-lookupQuestionnaire",
    "sdc-questionnaire-subQuestionnaire",
    "sdc-questionnaire-sourceQueries",
    "sdc-questionnaire-targetStructureMap",
    "questionnaire-unitValueSet",
];

/// Something wrong with a Questionnaire.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{at}: {text}")]
pub struct Flaw {
    /// Where: a FHIRPath, or `item` and a `linkId`.
    pub at: String,
    /// What. English, as the validation speaks.
    pub text: String,
}

struct Reading {
    flaws: Vec<Flaw>,
    notes: Vec<String>,
    by_link: HashMap<String, Vec<usize>>,
    terms: Library,
    count: usize,
    expressions: usize,
    /// Conditions, whose questions may stand further below: item and question by `linkId`, operator, answer.
    whens: Vec<(String, String, Operator, Value)>,
}

impl Form {
    /// Reads a Questionnaire (R4 JSON).
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn compile(body: &str) -> Result<Self, Vec<Flaw>> {
        let alone = |at: &str, text: String| vec![Flaw { at: at.to_owned(), text }];
        if body.len() > limits::FORM_BYTES {
            return Err(alone("Questionnaire", format!("more than {} bytes", limits::FORM_BYTES)));
        }
        let tree = Tree::parse(body).map_err(|e| alone("Questionnaire", format!("no JSON: {e}")))?;
        let root = tree.root();
        if root.get_text("resourceType").as_deref() != Some("Questionnaire") {
            return Err(alone("resourceType", "must be `Questionnaire`".to_owned()));
        }
        let issues = Validator::r4().validate(&tree, &[]).map_err(|e| alone("meta.profile", e.to_string()))?;
        // R4 writes que-7 with `is Boolean`, which no element is; `when` looks at what it means.
        let errors = issues.into_iter().filter(|i| i.severity.is_error() && !i.text.starts_with("que-7"));
        let flaws: Vec<Flaw> = errors.map(|i| Flaw { at: i.path, text: i.text }).collect();
        if !flaws.is_empty() {
            return Err(flaws);
        }
        let mut reading = Reading {
            flaws,
            notes: Vec::new(),
            by_link: HashMap::new(),
            terms: Library::new(vec![Arc::new(contained(root)), terminology::r4_shelf()]),
            count: 0,
            expressions: 0,
            whens: Vec::new(),
        };
        let items = reading.items(root, &[], false);
        let (constraints, variables) = reading.rules(root, "Questionnaire");
        let extract = flag(root, SDC, "sdc-questionnaire-observationExtract").unwrap_or(false);
        let mut form = Self {
            url: text(root, "url"),
            version: text(root, "version"),
            language: text(root, "language"),
            title: words(root, "title"),
            description: words(root, "description"),
            status: text(root, "status"),
            period: period(root),
            source: text(root, "copyright"),
            items,
            constraints,
            variables,
            notes: Vec::new(),
            body: body.to_owned(),
            by_link: HashMap::new(),
            terms: Library::new(Vec::new()),
        };
        if form.url.is_empty() {
            reading.flaw("url", "a form needs a canonical URL");
        }
        if form.url.contains('|') || form.version.contains('|') {
            reading.flaw("url", "`|` separates URL and version and may stand in neither");
        }
        if form.title.is_empty() {
            reading.flaw("title", "a form needs a title");
        }
        if extract {
            extract_all(&mut form.items);
        }
        reading.link(&mut form);
        if reading.flaws.is_empty() {
            circles(&form, &mut reading.flaws);
        }
        if !reading.flaws.is_empty() {
            return Err(reading.flaws);
        }
        (form.notes, form.by_link, form.terms) = (reading.notes, reading.by_link, reading.terms);
        Ok(form)
    }
}

fn extract_all(items: &mut [Item]) {
    for item in items {
        item.extract |= item.kind.is_question() && !item.codes.is_empty();
        extract_all(&mut item.items);
    }
}

impl Reading {
    fn flaw(&mut self, at: &str, text: impl Into<String>) {
        if self.flaws.len() < 100 {
            self.flaws.push(Flaw { at: at.to_owned(), text: text.into() });
        }
    }

    fn items(&mut self, of: tree::Value<'_>, above: &[usize], extract: bool) -> Vec<Item> {
        if above.len() >= limits::DEPTH && of.get("item").is_some() {
            self.flaw("item", format!("more than {} levels of items", limits::DEPTH));
            return Vec::new();
        }
        let mut items = Vec::new();
        for value in list(of, "item") {
            self.count += 1;
            if self.count == limits::ITEMS + 1 {
                self.flaw("item", format!("more than {} items", limits::ITEMS));
            }
            if self.count > limits::ITEMS {
                break;
            }
            let path = [above, &[items.len()]].concat();
            items.push(self.item(value, path, extract));
        }
        items
    }

    fn item(&mut self, value: tree::Value<'_>, path: Vec<usize>, extract: bool) -> Item {
        let link = text(value, "linkId");
        let at = format!("item `{link}`");
        if self.by_link.insert(link.clone(), path.clone()).is_some() {
            self.flaw(&at, "this `linkId` stands twice");
        }
        let kind = Kind::parse(&text(value, "type")).unwrap_or_else(|| {
            self.flaw(&at, format!("the type `{}` cannot be asked", text(value, "type")));
            Kind::Display
        });
        let is = |name: &str| value.get(name).and_then(tree::Value::boolean).unwrap_or(false);
        self.undone(value, &at);
        let (control, control_code) = control(value);
        let extract = flag(value, SDC, "sdc-questionnaire-observationExtract").unwrap_or(extract);
        let codes: Vec<Coding> = list(value, "code").map(coding).collect();
        let (constraints, variables) = self.rules(value, &at);
        let (choices, value_set) = self.choices(value, kind, &at);
        let mut items = self.items(value, &path, extract);
        let mut help = Words::default();
        // A display that explains its question is part of it.
        if kind != Kind::Group {
            items.retain(|i| {
                let helps = i.kind == Kind::Display && i.control == Control::Help;
                if helps {
                    help = i.text.clone();
                    self.by_link.remove(&i.link);
                }
                !helps
            });
            self.renumber(&items, &path);
        }
        if help.is_empty()
            && let Some(format) = extensions(value, CORE, "entryFormat").next()
        {
            help = words(format, "valueString");
        }
        for when in list(value, "enableWhen") {
            self.when(when, &link, &at);
        }
        let pattern = extensions(value, CORE, "regex").next().map(|e| text(e, "valueString"));
        let pattern =
            pattern.and_then(|p| match regex::RegexBuilder::new(&format!("^(?:{p})$")).size_limit(1 << 20).build() {
                Ok(compiled) => Some(compiled),
                Err(e) => {
                    self.flaw(&at, format!("the pattern `{p}` cannot be read: {e}"));
                    None
                }
            });
        let megabytes = extensions(value, CORE, "maxSize").next().and_then(|e| {
            let size = mach_fhir::Decimal::parse(e.get("valueDecimal")?.number()?)?;
            size.checked_mul(mach_fhir::Decimal::whole(1 << 20)).map(|d| usize::try_from(d.truncated()).unwrap_or(0))
        });
        let bound = |name: &str| extensions(value, CORE, name).next().and_then(|e| Value::member(e, "value"));
        let repeats = is("repeats") && kind != Kind::Display;
        let most = if repeats { number(value, CORE, "questionnaire-maxOccurs").unwrap_or(limits::REPEATS) } else { 1 };
        let max_length = value.get("maxLength").and_then(|v| v.number()?.parse().ok()).unwrap_or(limits::ANSWER_CHARS);
        let initial: Vec<Value> = list(value, "initial").filter_map(|v| Value::member(v, "value")).collect();
        if kind == Kind::Display && control_code == "help" && path.len() == 1 {
            self.notes.push(format!("{at}: `help` explains a question and stands below one"));
        }
        Item {
            prefix: text(value, "prefix"),
            text: words(value, "text"),
            help,
            kind,
            required: is("required") && kind != Kind::Display,
            repeats,
            read_only: is("readOnly"),
            hidden: flag(value, CORE, "questionnaire-hidden").unwrap_or(false),
            min_occurs: number(value, CORE, "questionnaire-minOccurs").unwrap_or(usize::from(is("required"))),
            max_occurs: most.min(limits::REPEATS),
            min_length: number(value, CORE, "minLength").unwrap_or(0),
            max_length: max_length.min(limits::ANSWER_CHARS),
            max_decimals: number(value, CORE, "maxDecimalPlaces").and_then(|n| u32::try_from(n).ok()),
            pattern,
            min: bound("minValue"),
            max: bound("maxValue"),
            max_bytes: megabytes.unwrap_or(limits::ATTACHMENT_BYTES).min(limits::ATTACHMENT_BYTES),
            mime: extensions(value, CORE, "mimeType").map(|e| text(e, "valueCode")).collect(),
            units: units(value),
            control,
            choices,
            value_set,
            initial,
            initial_expression: self.expression(value, "sdc-questionnaire-initialExpression", &at),
            calculated: self.expression(value, "sdc-questionnaire-calculatedExpression", &at),
            when: Vec::new(),
            when_all: text(value, "enableBehavior") != "any",
            when_expression: self.expression(value, "sdc-questionnaire-enableWhenExpression", &at),
            constraints,
            variables,
            extract: extract && kind.is_question() && !codes.is_empty(),
            codes,
            category: categories(value),
            definition: text(value, "definition").rsplit('#').next().unwrap_or_default().to_owned(),
            link_days: link_days(value),
            link,
            items,
        }
    }

    /// Items that went away leave no gap in the paths of those after them.
    fn renumber(&mut self, items: &[Item], above: &[usize]) {
        for (n, item) in items.iter().enumerate() {
            let path = [above, &[n]].concat();
            self.renumber(&item.items, &path);
            self.by_link.insert(item.link.clone(), path);
        }
    }

    fn undone(&mut self, value: tree::Value<'_>, at: &str) {
        for extension in list(value, "extension") {
            let url = text(extension, "url");
            let name = url.rsplit('/').next().unwrap_or_default();
            if UNDONE.contains(&name) {
                self.notes.push(format!("{at}: `{name}` is not followed"));
            }
        }
        if value.get("modifierExtension").is_some() {
            self.flaw(at, "a `modifierExtension` changes what is meant and is not known here");
        }
    }

    fn expression(&mut self, of: tree::Value<'_>, name: &str, at: &str) -> Option<Expression> {
        let extension = extensions(of, SDC, name).next()?;
        self.compiled(extension.get("valueExpression")?, at)
    }

    fn compiled(&mut self, expression: tree::Value<'_>, at: &str) -> Option<Expression> {
        let language = text(expression, "language");
        if language != "text/fhirpath" {
            self.flaw(at, format!("expressions are FHIRPath (`text/fhirpath`), not `{language}`"));
            return None;
        }
        self.path(&text(expression, "expression"), at)
    }

    fn path(&mut self, source: &str, at: &str) -> Option<Expression> {
        self.expressions += 1;
        if self.expressions == limits::EXPRESSIONS + 1 {
            self.flaw(at, format!("more than {} expressions", limits::EXPRESSIONS));
        }
        if self.expressions > limits::EXPRESSIONS {
            return None;
        }
        match Expression::compile(source, definitions::r4(), TypeId::UNKNOWN, Mode::Lenient) {
            Ok(expression) => Some(expression),
            Err(e) => {
                self.flaw(at, format!("the expression `{source}` cannot be read: {e}"));
                None
            }
        }
    }

    /// Constraints and variables of the form or of an item.
    fn rules(&mut self, of: tree::Value<'_>, at: &str) -> (Vec<Constraint>, Vec<(String, Expression)>) {
        let mut constraints = Vec::new();
        let both = extensions(of, CORE, "questionnaire-constraint").chain(extensions(of, CORE, "targetConstraint"));
        for extension in both {
            let part = |url: &str| list(extension, "extension").find(|e| e.get_text("url").as_deref() == Some(url));
            let human = part("human").map(|e| words(e, "valueString")).unwrap_or_default();
            let warns = part("severity").is_some_and(|e| text(e, "valueCode") == "warning");
            let key =
                part("key").map(|e| e.members().find(|(n, _)| n.starts_with("value")).and_then(|(_, v)| v.text()));
            let key = key.flatten().unwrap_or_default().into_owned();
            let expression = match part("expression") {
                Some(e) if e.get("valueExpression").is_some() => {
                    e.get("valueExpression").and_then(|v| self.compiled(v, at))
                }
                Some(e) => self.path(&text(e, "valueString"), at),
                None => None,
            };
            match expression {
                Some(expression) if !human.is_empty() => {
                    constraints.push(Constraint { key, human, warns, expression });
                }
                _ => self.flaw(at, "a constraint needs `expression` and `human`"),
            }
        }
        let mut variables = Vec::new();
        for extension in extensions(of, CORE, "variable") {
            let Some(expression) = extension.get("valueExpression") else { continue };
            let name = text(expression, "name");
            if name.is_empty() {
                self.flaw(at, "a variable needs a name");
            }
            variables.extend(self.compiled(expression, at).map(|e| (name, e)));
        }
        (constraints, variables)
    }

    fn when(&mut self, when: tree::Value<'_>, link: &str, at: &str) {
        let operator = match text(when, "operator").as_str() {
            "exists" => Operator::Exists,
            "=" => Operator::Equal,
            "!=" => Operator::NotEqual,
            ">" => Operator::Greater,
            "<" => Operator::Less,
            ">=" => Operator::GreaterOrEqual,
            "<=" => Operator::LessOrEqual,
            other => return self.flaw(at, format!("`enableWhen.operator` `{other}` is not known")),
        };
        match Value::member(when, "answer") {
            Some(answer) if operator != Operator::Exists || matches!(answer, Value::Boolean(_)) => {
                self.whens.push((link.to_owned(), text(when, "question"), operator, answer));
            }
            _ => self.flaw(at, "`enableWhen` needs an answer; `exists` one of true and false"),
        }
    }

    /// Ties conditions to the questions they name.
    fn link(&mut self, form: &mut Form) {
        for (item, link, operator, answer) in std::mem::take(&mut self.whens) {
            let Some(path) = self.by_link.get(&item).cloned() else { continue };
            let Some(question) = self.by_link.get(&link).cloned() else {
                self.flaw("enableWhen", format!("there is no question `{link}`"));
                continue;
            };
            let target = form.at(&question).map(|i| (i.kind, i.link.clone()));
            if !target.is_some_and(|(kind, _)| kind.is_question()) {
                self.flaw("enableWhen", format!("`{link}` is no question"));
                continue;
            }
            if let Some(item) = at_mut(&mut form.items, &path) {
                item.when.push(When { question, operator, answer });
            }
        }
    }

    /// Choices shown, or the value set where there are too many.
    fn choices(&mut self, value: tree::Value<'_>, kind: Kind, at: &str) -> (Vec<Choice>, Option<String>) {
        let mut choices = Vec::new();
        for option in list(value, "answerOption") {
            let Some(answer) = Value::member(option, "value") else { continue };
            let words = match &answer {
                Value::Coding(c) => option
                    .get("valueCoding")
                    .map(|v| words(v, "display"))
                    .filter(|w| !w.is_empty())
                    .unwrap_or_else(|| Words { own: c.code.clone(), others: Vec::new() }),
                other => Words { own: crate::show::plain(other), others: Vec::new() },
            };
            let is_initial = option.get("initialSelected").and_then(tree::Value::boolean).unwrap_or(false);
            choices.push(Choice { value: answer, words, is_initial });
        }
        let url = text(value, "answerValueSet");
        if url.is_empty() || !matches!(kind, Kind::Choice | Kind::OpenChoice) {
            if kind == Kind::Choice && choices.is_empty() {
                self.flaw(at, "a choice needs `answerOption` or `answerValueSet`");
            }
            return (choices, None);
        }
        let (bare, version) = terminology::library::canonical(&url);
        let set = match self.terms.value_set(bare, version) {
            Ok(set) => set,
            Err(e) => {
                self.flaw(at, format!("the value set `{url}` cannot be used: {e}"));
                return (choices, None);
            }
        };
        let options = expand::Options { active_only: true, choices_only: true, ..expand::Options::default() };
        match expand::expand(&self.terms, &set, &options) {
            Ok(found) if found.members.len() <= limits::CHOICES && !found.is_partial => {
                for member in &found.members {
                    let own = found.display(member, None).to_owned();
                    let others =
                        ["vi", "en"].iter().map(|l| ((*l).to_owned(), found.display(member, Some(l)).to_owned()));
                    let code = found.code(member).to_owned();
                    let system = found.system(member).url.to_string();
                    let words = Words { own: own.clone(), others: others.filter(|(_, t)| *t != own).collect() };
                    let value = Value::Coding(Coding { system, code, display: own });
                    choices.push(Choice { value, words, is_initial: false });
                }
                (choices, None)
            }
            Ok(_) | Err(terminology::Problem::TooCostly(_)) => (choices, Some(url)),
            Err(e) => {
                self.flaw(at, format!("the value set `{url}` cannot be shown: {e}"));
                (choices, None)
            }
        }
    }
}

fn at_mut<'i>(items: &'i mut [Item], path: &[usize]) -> Option<&'i mut Item> {
    let (first, rest) = path.split_first()?;
    let item = items.get_mut(*first)?;
    if rest.is_empty() { Some(item) } else { at_mut(&mut item.items, rest) }
}
