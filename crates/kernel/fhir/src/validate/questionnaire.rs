//! Questionnaires that agree with themselves, and answers that agree with their questionnaire where it is at hand.

use super::apply::holds;
use super::enabled::{Conditions, is_answered};
use super::primitive::shortened;
use super::run::{Part, Run};
use crate::limits;
use crate::terminology::Membership;
use crate::tree::{Tree, Value};
use std::collections::HashSet;

fn list<'t>(value: Value<'t>, name: &str) -> impl Iterator<Item = Value<'t>> + use<'t> {
    value.get(name).into_iter().flat_map(Value::items)
}

/// An item of a questionnaire.
struct Question {
    id: String,
    kind: String,
    text: String,
    is_required: bool,
    repeats: bool,
    /// When it is asked.
    conditions: Conditions,
    /// Most characters of an answer.
    max_length: Option<usize>,
    options: Vec<Tree<'static>>,
    set: Option<String>,
    items: Vec<Question>,
}

impl Question {
    fn read(item: Value<'_>, depth: usize) -> Self {
        let get = |name: &str| item.get_text(name).unwrap_or_default().into_owned();
        let is = |name: &str| item.get(name).and_then(Value::boolean) == Some(true);
        let option = |o: Value<'_>| {
            let (_, value) = o.members().find(|(name, _)| name.starts_with("value"))?;
            Tree::parse(value.raw().to_owned()).ok()
        };
        let inner = if depth < limits::TREE_DEPTH { Some(list(item, "item")) } else { None };
        Self {
            id: get("linkId"),
            kind: get("type"),
            text: get("text"),
            is_required: is("required"),
            repeats: is("repeats"),
            conditions: Conditions::read(item),
            max_length: item.get("maxLength").and_then(|n| n.number()?.parse().ok()),
            options: list(item, "answerOption").filter_map(option).collect(),
            set: item.get_text("answerValueSet").map(|s| s.into_owned()),
            items: inner.into_iter().flatten().map(|i| Self::read(i, depth + 1)).collect(),
        }
    }
}

/// The member an answer to a type of question has, as `value…`.
fn members_of(kind: &str) -> &'static [&'static str] {
    match kind {
        "boolean" => &["valueBoolean"],
        "decimal" => &["valueDecimal"],
        "integer" => &["valueInteger"],
        "date" => &["valueDate"],
        "dateTime" => &["valueDateTime"],
        "time" => &["valueTime"],
        "string" | "text" => &["valueString"],
        "url" => &["valueUri"],
        "choice" => &["valueCoding", "valueString", "valueInteger", "valueDate", "valueTime", "valueReference"],
        "open-choice" => &["valueCoding", "valueString"],
        "attachment" => &["valueAttachment"],
        "reference" => &["valueReference"],
        "quantity" => &["valueQuantity"],
        _ => &[],
    }
}

impl<'t> Run<'_, 't> {
    /// `enableWhen` speaks of questions that exist and have answers of that kind.
    pub fn questionnaire(&mut self, questionnaire: Value<'t>) {
        let mut kinds = std::collections::HashMap::new();
        let mut waiting: Vec<Value<'t>> = list(questionnaire, "item").collect();
        while let Some(item) = waiting.pop() {
            if let Some(id) = item.get_text("linkId") {
                kinds.insert(id, item.get_text("type").unwrap_or_default());
            }
            waiting.extend(list(item, "item"));
        }
        let mut waiting: Vec<Value<'t>> = list(questionnaire, "item").collect();
        while let Some(item) = waiting.pop() {
            waiting.extend(list(item, "item"));
            for condition in list(item, "enableWhen") {
                let Some(question) = condition.get_text("question") else { continue };
                let own = item.get_text("linkId").unwrap_or_default();
                let shown = shortened(&question);
                match kinds.get(&question) {
                    None => {
                        self.error(
                            "business-rule",
                            format!("`enableWhen` of `{own}` asks for `{shown}`, which is no item"),
                        );
                    }
                    Some(_) if question == own => {
                        self.error("business-rule", format!("`enableWhen` of `{own}` asks for the item itself"));
                    }
                    Some(kind) => {
                        let answer = condition.members().find(|(n, _)| n.starts_with("answer"));
                        let wanted = answer.map(|(n, _)| format!("value{}", n.trim_start_matches("answer")));
                        let exists = condition.get_text("operator").as_deref() == Some("exists");
                        let fits = wanted.is_none_or(|w| exists || members_of(kind).contains(&w.as_str()));
                        if !fits {
                            let text = format!("`enableWhen` of `{own}`: the answer is not of the type of `{shown}`");
                            self.error("business-rule", text);
                        }
                    }
                }
            }
        }
    }

    /// Answers against their questionnaire.
    pub fn questionnaire_response(&mut self, response: Value<'t>) {
        let Some(canonical) = response.get_text("questionnaire") else {
            return self.note("no questionnaire is named: the answers were not checked against one");
        };
        let from_library = self.library().text("Questionnaire", &canonical);
        let items: Vec<Question> = match (self.resolved(&canonical), from_library) {
            (Some(found), _) if found.get_text("resourceType").as_deref() == Some("Questionnaire") => {
                list(found, "item").map(|i| Question::read(i, 0)).collect()
            }
            (_, Some(text)) => match Tree::parse(&*text) {
                Ok(tree) => list(tree.root(), "item").map(|i| Question::read(i, 0)).collect(),
                Err(_) => return,
            },
            _ => {
                let text =
                    format!("the questionnaire `{}` is not known: the answers were not checked", shortened(&canonical));
                return self.within(Part::Name("questionnaire"), |run| run.warn("not-found", text));
            }
        };
        let status = response.get_text("status");
        let is_done = matches!(status.as_deref(), Some("completed" | "amended"));
        self.answers(&items, response, is_done, &mut Vec::new());
    }

    /// The items of `holder` against those of the questionnaire at the same level; `around` is what the holder is in.
    fn answers(&mut self, questions: &[Question], holder: Value<'t>, is_done: bool, around: &mut Vec<Value<'t>>) {
        if around.len() > 2 * limits::TREE_DEPTH {
            return;
        }
        around.push(holder);
        let mut last = 0;
        let mut seen = HashSet::new();
        for (n, item) in list(holder, "item").enumerate() {
            let id = item.get_text("linkId").unwrap_or_default();
            self.path.extend([Part::Name("item"), Part::Item(n)]);
            match questions.iter().position(|q| q.id == id) {
                None => self.error("structure", format!("the questionnaire has no item `{}` here", shortened(&id))),
                Some(at) => {
                    if at < last {
                        self.error("structure", format!("the item `{}` stands out of order", shortened(&id)));
                    }
                    last = last.max(at);
                    let question = &questions[at];
                    let may_repeat = question.kind == "group" && question.repeats;
                    if !seen.insert(at) && !may_repeat {
                        self.error("structure", format!("the item `{}` stands twice", shortened(&id)));
                    }
                    if self.is_enabled(&question.conditions, around) == Some(false) {
                        if is_answered(item) {
                            let text =
                                format!("the item `{}` is answered, and by its conditions not asked", question.id);
                            self.error("business-rule", text);
                        }
                    } else {
                        self.answer(question, item, is_done, around);
                    }
                }
            }
            self.path.truncate(self.path.len() - 2);
        }
        for question in questions.iter().enumerate().filter(|(n, _)| !seen.contains(n)).map(|(_, q)| q) {
            if is_done && question.is_required && self.is_enabled(&question.conditions, around) == Some(true) {
                self.error("required", format!("the item `{}` is required and not answered", question.id));
            }
        }
        around.pop();
    }

    /// An item that is asked, or may be.
    fn answer(&mut self, question: &Question, item: Value<'t>, is_done: bool, around: &mut Vec<Value<'t>>) {
        if let Some(text) = item.get_text("text")
            && text != question.text
        {
            self.error("value", format!("the text is not that of the questionnaire's item `{}`", question.id));
        }
        let answers: Vec<_> = list(item, "answer").collect();
        if matches!(question.kind.as_str(), "group" | "display") {
            if !answers.is_empty() {
                self.error("structure", format!("an item of type `{}` has no answer", question.kind));
            }
            return self.answers(&question.items, item, is_done, around);
        }
        if item.get("item").is_some() {
            self.error("structure", "items below a question stand within its answer");
        }
        let is_asked = |run: &mut Self| run.is_enabled(&question.conditions, around) == Some(true);
        if answers.is_empty() && is_done && question.is_required && is_asked(self) {
            self.error("required", format!("the item `{}` is required and not answered", question.id));
        }
        if answers.len() > 1 && !question.repeats {
            self.error("structure", format!("the item `{}` takes one answer", question.id));
        }
        around.push(item);
        for (n, answer) in answers.into_iter().enumerate() {
            self.path.extend([Part::Name("answer"), Part::Item(n)]);
            self.one_answer(question, answer);
            self.answers(&question.items, answer, is_done, around);
            self.path.truncate(self.path.len() - 2);
        }
        around.pop();
    }

    fn one_answer(&mut self, question: &Question, answer: Value<'t>) {
        let Some((name, value)) = answer.members().find(|(name, _)| name.starts_with("value")) else { return };
        let wanted = members_of(&question.kind);
        if !wanted.is_empty() && !wanted.contains(&name) {
            return self.error("structure", format!("an answer of type `{}` is `{}`", question.kind, wanted[0]));
        }
        if let (Some(most), Some(text)) = (question.max_length, value.text())
            && text.chars().count() > most
        {
            self.error("value", format!("an answer to `{}` has at most {most} characters", question.id));
        }
        let text_of_open = question.kind == "open-choice" && name == "valueString";
        if !question.options.is_empty() && !text_of_open && !question.options.iter().any(|o| is_option(o.root(), value))
        {
            return self.error("code-invalid", format!("the answer is none of the options of `{}`", question.id));
        }
        if let (Some(set), Some(code)) = (&question.set, value.get_text("code")) {
            let system = value.get_text("system");
            if self.terminology().in_value_set(set, system.as_deref(), &code) == Membership::Out {
                self.error("code-invalid", format!("`{}` is not of the value set `{set}`", shortened(&code)));
            }
        }
    }
}

/// An option is an answer's by its code and system, else by its whole.
fn is_option(option: Value<'_>, answer: Value<'_>) -> bool {
    match option.get("code") {
        Some(code) => {
            code.text() == answer.get_text("code")
                && option.get_text("system").unwrap_or_default() == answer.get_text("system").unwrap_or_default()
        }
        None => holds(option, Some(answer)),
    }
}
