//! The page of a form, its print, and its parts.
//!
//! Every item stands in an element `data-item`, named as its field; where script runs, the draft is kept while one types and
//! only what the server changed is put in its place.

use crate::answers::{Answers, Node, Slot};
use crate::check::Problem;
use crate::compute::is_picture;
use crate::fields::{accepted, key, name};
use crate::form::{Control, Form, Item, Kind};
use crate::show;
use crate::value::{Attachment, Value};
use askama::Template;
use mach_ui::components::{Button, ErrorSummary, Icon};
use mach_ui::{Html, Lang, msg};

mod read;

pub use read::readable;

/// Choices up to so many are shown beside each other; more in a list that opens.
const BESIDE: usize = 6;

/// What is rendered.
#[derive(Clone, Copy)]
pub struct View<'v> {
    /// The reader's language.
    pub lang: Lang,
    /// The form.
    pub form: &'v Form,
    /// Its answers.
    pub answers: &'v Answers,
    /// What is wrong with them.
    pub problems: &'v [Problem],
    /// One top-level item alone.
    pub part: Option<&'v str>,
    /// Where `Binary/{id}` of attachments is served: `/certificates/files/`.
    pub files: &'v str,
}

/// Where a form goes.
#[derive(Clone, Debug, Default)]
pub struct Target {
    /// Takes the finished form.
    pub action: String,
    /// Takes the draft, and answers with the form as it is then; empty: drafts are not kept.
    pub draft: String,
    /// Nothing is kept by the draft: it only computes.
    pub tries: bool,
    /// Hidden names and values.
    pub values: Vec<(String, String)>,
    /// The buttons below.
    pub buttons: Html,
    /// What is known of the draft: *đã lưu 10:32*.
    pub saved: String,
}

#[derive(Template)]
#[template(path = "form.html")]
struct FormView<'a> {
    lang: Lang,
    target: &'a Target,
    errors: Html,
    fields: Html,
}

/// The form, with its errors above and its buttons below.
pub fn form(view: View<'_>, target: &Target) -> Html {
    let errors = view.problems.iter().map(|p| {
        let asked = view.form.item(&p.link).map(|i| i.text.in_lang(view.lang)).unwrap_or_default();
        let text = p.text(view.lang);
        (id(&p.field), if asked.is_empty() { text } else { format!("{asked}: {text}") })
    });
    let errors = ErrorSummary { lang: view.lang, errors: errors.collect() };
    let fields = fields(view);
    Html::template(&FormView { lang: view.lang, target, errors: errors.into(), fields })
}

/// The fields alone.
pub fn fields(view: View<'_>) -> Html {
    let page = Page { view };
    let shown = view.form.items.iter().zip(&view.answers.nodes);
    Html::concat(shown.filter(|(i, _)| view.part.is_none_or(|p| p == i.link)).map(|(i, n)| page.node(i, n, &[], 0)))
}

/// An `id` of HTML: no white space.
fn id(field: &str) -> String {
    let compact: String = field.chars().map(|c| if c.is_whitespace() { '_' } else { c }).collect();
    format!("q-{compact}")
}

struct Page<'v> {
    view: View<'v>,
}

#[derive(Template)]
#[template(path = "group.html")]
struct GroupView {
    lang: Lang,
    name: String,
    id: String,
    legend: String,
    help: String,
    error: String,
    depth: usize,
    remove: Option<Html>,
    items: Html,
}

#[derive(Template)]
#[template(path = "repeat.html")]
struct RepeatView {
    lang: Lang,
    name: String,
    count: usize,
    label: String,
    can_add: bool,
    slots: Html,
}

#[derive(Template)]
#[template(path = "remove.html")]
struct RemoveView<'a> {
    lang: Lang,
    name: &'a str,
    label: &'a str,
}

#[derive(Template)]
#[template(path = "display.html")]
struct DisplayView<'a> {
    name: &'a str,
    text: &'a str,
}

#[derive(Template)]
#[template(path = "hidden.html")]
struct HiddenView<'a> {
    name: &'a str,
    values: Vec<(String, String)>,
}

#[derive(Template)]
#[template(path = "question.html")]
struct QuestionView {
    lang: Lang,
    name: String,
    id: String,
    label: String,
    prefix: String,
    required: bool,
    grouped: bool,
    help: String,
    error: String,
    control: Html,
    remove: Option<Html>,
    below: Html,
}

impl Page<'_> {
    fn lang(&self) -> Lang {
        self.view.lang
    }

    fn error(&self, field: &str) -> String {
        let found = self.view.problems.iter().filter(|p| p.field == field).map(|p| p.text(self.lang()));
        found.collect::<Vec<_>>().join(" ")
    }

    fn node(&self, item: &Item, node: &Node, numbers: &[usize], depth: usize) -> Html {
        if item.hidden {
            return Html::EMPTY;
        }
        if !node.enabled {
            return self.kept(item, node, numbers);
        }
        if item.kind == Kind::Display {
            let name = name(&item.link, numbers);
            return Html::template(&DisplayView { name: &name, text: item.text.in_lang(self.lang()) });
        }
        if !item.repeats || item.is_ticked() {
            let Some(slot) = node.slots.first() else { return Html::EMPTY };
            return self.slot(item, node, slot, (numbers, None), depth);
        }
        let slots = node.slots.iter().enumerate().map(|(n, slot)| {
            self.slot(item, node, slot, (&[numbers, &[n]].concat(), Some((n, node.slots.len()))), depth)
        });
        Html::template(&RepeatView {
            lang: self.lang(),
            name: name(&item.link, numbers),
            count: node.slots.len(),
            label: item.text.in_lang(self.lang()).to_owned(),
            can_add: node.slots.len() < item.max_occurs && !item.read_only,
            slots: Html::concat(slots),
        })
    }

    /// What is not asked now keeps what was answered, unseen: asked again, it is there again.
    fn kept(&self, item: &Item, node: &Node, numbers: &[usize]) -> Html {
        let mut parts = Vec::new();
        for (n, slot) in node.slots.iter().enumerate() {
            let own = if item.repeats && !item.is_ticked() { [numbers, &[n]].concat() } else { numbers.to_vec() };
            let name = name(&item.link, &own);
            let mut values = Vec::new();
            match (&slot.value, &slot.typed) {
                (Some(Value::Attachment(_)), _) => {}
                (Some(Value::Quantity { value, unit }), _) => {
                    values.push((name.clone(), value.clone()));
                    values.push((format!("{name}~unit"), unit.code.clone()));
                }
                (Some(value), _) => values.push((name.clone(), posted(item, value))),
                (None, Some(typed)) => values.push((name.clone(), typed.clone())),
                (None, None) => {}
            }
            if !values.is_empty() {
                parts.push(Html::template(&HiddenView { name: &name, values }));
            }
            parts.extend(item.items.iter().zip(&slot.items).map(|(i, n)| self.kept(i, n, &own)));
        }
        Html::concat(parts)
    }

    fn slot(
        &self,
        item: &Item,
        node: &Node,
        slot: &Slot,
        (numbers, turn): (&[usize], Option<(usize, usize)>),
        depth: usize,
    ) -> Html {
        let lang = self.lang();
        let name = name(&item.link, numbers);
        let mut label = item.text.in_lang(lang).to_owned();
        if let Some((n, _)) = turn.filter(|(_, of)| *of > 1) {
            label.push_str(&format!(" ({})", n + 1));
        }
        let open = turn.is_none_or(|(_, of)| of < 2) || item.read_only;
        let remove = (!open).then(|| Html::template(&RemoveView { lang, name: &name, label: &label }));
        let below = || item.items.iter().zip(&slot.items).map(|(i, n)| self.node(i, n, numbers, depth + 1));
        if item.kind == Kind::Group {
            return Html::template(&GroupView {
                lang,
                id: id(&name),
                error: self.error(&name),
                legend: format!("{} {label}", item.prefix).trim().to_owned(),
                help: item.help.in_lang(lang).to_owned(),
                depth,
                remove,
                items: Html::concat(below()),
                name,
            });
        }
        let control = self.control(item, node, slot, &name);
        // What belongs to an answer is asked once there is one.
        let below = if slot.value.is_some() { Html::concat(below()) } else { Html::EMPTY };
        Html::template(&QuestionView {
            lang,
            id: id(&name),
            label,
            prefix: item.prefix.clone(),
            required: item.required,
            grouped: control.1,
            help: item.help.in_lang(lang).to_owned(),
            error: self.error(&name),
            control: control.0,
            remove,
            below,
            name,
        })
    }
}

/// A value as its field holds it.
fn posted(item: &Item, value: &Value) -> String {
    if let Some(choice) = item.choices.iter().find(|c| c.value.is_same(value)) {
        return key(&item.choices, choice);
    }
    match value {
        Value::Date(text) | Value::Uri(text) | Value::Text(text) => text.clone(),
        Value::DateTime(text) => text.get(..16).unwrap_or(text).to_owned(),
        Value::Time(text) => text.get(..5).unwrap_or(text).to_owned(),
        Value::Coding(c) => format!("{} {}", c.code, c.display).trim().to_owned(),
        Value::Quantity { value, .. } => value.replace('.', ","),
        Value::Reference { reference, .. } => reference.clone(),
        other => show::plain(other),
    }
}

#[derive(Template)]
#[template(path = "input.html")]
struct InputView<'a> {
    name: &'a str,
    id: String,
    kind: &'static str,
    mode: &'static str,
    value: String,
    described: String,
    wrong: bool,
    required: bool,
    max: usize,
    lines: bool,
    /// Units behind it: code, words, chosen.
    units: Vec<(String, String, bool)>,
    unit_label: &'static str,
}

/// One of several to choose from, as its control shows it.
struct Offered {
    key: String,
    label: String,
    chosen: bool,
}

#[derive(Template)]
#[template(path = "choices.html")]
struct ChoicesView<'a> {
    lang: Lang,
    name: &'a str,
    id: String,
    kind: &'static str,
    options: Vec<Offered>,
    other: Option<String>,
    described: String,
    wrong: bool,
}

#[derive(Template)]
#[template(path = "file.html")]
struct FileView<'a> {
    lang: Lang,
    name: &'a str,
    id: String,
    accept: String,
    capture: bool,
    draw: &'static str,
    picture: Option<String>,
    link: Option<(String, String)>,
    /// A picture that nobody keeps yet, posted again with the form.
    inline: String,
    described: String,
}

#[derive(Template)]
#[template(path = "shown.html")]
struct ShownView<'a> {
    id: String,
    text: &'a str,
    picture: Option<String>,
}

impl Page<'_> {
    /// The control of a question, and whether it is several fields under one legend.
    fn control(&self, item: &Item, node: &Node, slot: &Slot, name: &str) -> (Html, bool) {
        let wrong = !self.error(name).is_empty();
        let described = self.described(item, name, wrong);
        if item.read_only || item.calculated.is_some() {
            return (self.shown(item, slot, name), false);
        }
        match item.kind {
            Kind::Attachment => (self.file(item, slot, name, described), false),
            Kind::Boolean => {
                let options = [("true", msg::YES), ("false", msg::NO)].map(|(key, words)| Offered {
                    key: key.to_owned(),
                    label: self.lang().t(words).to_owned(),
                    chosen: slot.value == Some(Value::Boolean(key == "true")),
                });
                (self.choices(item, "radio", options.into(), None, (name, described, wrong)), true)
            }
            Kind::Choice | Kind::OpenChoice if !item.choices.is_empty() => {
                self.choice(item, node, slot, (name, described, wrong))
            }
            _ => (self.input(item, slot, (name, described, wrong)), false),
        }
    }

    fn described(&self, item: &Item, name: &str, wrong: bool) -> String {
        let mut ids = Vec::new();
        if !item.help.is_empty() {
            ids.push(format!("{}-hint", id(name)));
        }
        if wrong {
            ids.push(format!("{}-error", id(name)));
        }
        ids.join(" ")
    }

    fn choice(&self, item: &Item, node: &Node, slot: &Slot, field: (&str, String, bool)) -> (Html, bool) {
        let is_chosen = |value: &Value| match item.is_ticked() {
            true => node.values().any(|v| v.is_same(value)),
            false => slot.value.as_ref().is_some_and(|v| v.is_same(value)),
        };
        let options: Vec<Offered> = item
            .choices
            .iter()
            .map(|c| Offered {
                key: key(&item.choices, c),
                label: c.words.in_lang(self.lang()).to_owned(),
                chosen: is_chosen(&c.value),
            })
            .collect();
        let own = node.values().find(|v| !item.choices.iter().any(|c| c.value.is_same(v))).map(show::plain);
        let other = (item.kind == Kind::OpenChoice).then(|| own.unwrap_or_default());
        let kind = match item.control {
            _ if item.is_ticked() => "checkbox",
            Control::Radio => "radio",
            Control::Select => "select",
            _ if options.len() <= BESIDE => "radio",
            _ => "select",
        };
        let grouped = kind != "select" || other.is_some();
        (self.choices(item, kind, options, other, field), grouped)
    }

    fn choices(
        &self,
        item: &Item,
        kind: &'static str,
        options: Vec<Offered>,
        other: Option<String>,
        (name, described, wrong): (&str, String, bool),
    ) -> Html {
        debug_assert!(item.kind.is_question());
        Html::template(&ChoicesView { lang: self.lang(), name, id: id(name), kind, options, other, described, wrong })
    }

    fn input(&self, item: &Item, slot: &Slot, (name, described, wrong): (&str, String, bool)) -> Html {
        let (kind, mode) = match item.kind {
            Kind::Date if slot.typed.is_none() => ("date", ""),
            Kind::DateTime if slot.typed.is_none() => ("datetime-local", ""),
            Kind::Time if slot.typed.is_none() => ("time", ""),
            Kind::Decimal | Kind::Quantity => ("text", "decimal"),
            Kind::Integer => ("text", "numeric"),
            Kind::Url => ("url", ""),
            _ => ("text", ""),
        };
        let chosen = match &slot.value {
            Some(Value::Quantity { unit, .. }) => unit.code.clone(),
            _ => item.units.first().map(|u| u.code.clone()).unwrap_or_default(),
        };
        let units = item.units.iter().map(|u| {
            let words = if u.display.is_empty() { &u.code } else { &u.display };
            (u.code.clone(), words.clone(), u.code == chosen)
        });
        let value = slot.typed.clone().or_else(|| slot.value.as_ref().map(|v| posted(item, v))).unwrap_or_default();
        // A day known to its year or month only is no day of the browser's picker.
        let kind = if kind == "date" && !value.is_empty() && value.len() != 10 { "text" } else { kind };
        Html::template(&InputView {
            name,
            id: id(name),
            kind,
            mode,
            value,
            described,
            wrong,
            required: item.required,
            max: item.max_length,
            lines: item.kind == Kind::Text,
            units: units.collect(),
            unit_label: self.lang().t(msg::FORM_UNIT),
        })
    }

    fn address(&self, file: &Attachment) -> String {
        match file.url.strip_prefix("Binary/") {
            Some(id) => format!("{}{id}", self.view.files),
            None if !file.data.is_empty() => format!("data:{};base64,{}", file.content_type, file.data),
            None => String::new(),
        }
    }

    fn file(&self, item: &Item, slot: &Slot, name: &str, described: String) -> Html {
        let file = match &slot.value {
            Some(Value::Attachment(file)) => Some(file),
            _ => None,
        };
        let picture = file.filter(|f| f.content_type.starts_with("image/")).map(|f| self.address(f));
        let link =
            file.filter(|_| picture.is_none()).map(|f| (self.address(f), show::plain(&Value::Attachment(f.clone()))));
        let inline = file.filter(|f| f.url.is_empty()).map(|f| self.address(f)).unwrap_or_default();
        let draw = match item.control {
            Control::Drawing => "drawing",
            Control::Signature => "signature",
            _ => "",
        };
        Html::template(&FileView {
            lang: self.lang(),
            name,
            id: id(name),
            accept: accepted(item).join(","),
            capture: item.control == Control::Photo,
            draw,
            picture,
            link,
            inline,
            described,
        })
    }

    fn shown(&self, item: &Item, slot: &Slot, name: &str) -> Html {
        let mut text = slot.value.as_ref().map(|v| show::in_lang(self.lang(), item, v)).unwrap_or_default();
        if let (Some(Value::Decimal(_) | Value::Integer(_)), Some(unit)) = (&slot.value, item.units.first()) {
            text = format!("{text} {}", if unit.display.is_empty() { &unit.code } else { &unit.display });
        }
        let picture = match &slot.value {
            Some(Value::Attachment(file)) if is_picture(item.control) => Some(self.address(file)),
            _ => None,
        };
        Html::template(&ShownView { id: id(name), text: if text.is_empty() { "—" } else { &text }, picture })
    }
}

/// A button that keeps the draft, without judging it.
pub fn draft_button(lang: Lang) -> Html {
    Button::submit(lang.t(msg::FORM_KEEP)).icon(Icon::Check).into()
}
