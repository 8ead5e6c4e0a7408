//! The answers of a form, item by item, and the QuestionnaireResponse they are kept as.

use crate::form::{Form, Item, Kind};
use crate::value::Value;
use mach_fhir::json::quote;
use mach_fhir::{Tree, tree};
use std::collections::HashMap;

/// The extension that keeps, in a draft, what was typed and is no value yet.
const TYPED: &str = "urn:mach:forms:typed";

/// One answer of a question, or one turn of a group.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Slot {
    /// The answer; none for a group and for a question that is open.
    pub value: Option<Value>,
    /// What was typed where it is no value of the question's type.
    pub typed: Option<String>,
    /// The items below, as many as the form has there.
    pub items: Vec<Node>,
}

/// An item's answers: at least one slot, open where nothing was answered.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Node {
    /// Whether it is asked, its own conditions looked at and not those of the items around it.
    pub enabled: bool,
    /// What its condition as an expression said last.
    pub(crate) allowed: bool,
    /// Its answers or turns.
    pub slots: Vec<Slot>,
}

/// The answers of a whole form, in the form's order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answers {
    /// As many as the form has items.
    pub nodes: Vec<Node>,
}

/// One step down to an item: its index in the form, and which of its answers.
pub type Step = (usize, usize);

impl Slot {
    /// An open answer of `item`.
    pub fn open(item: &Item) -> Self {
        Self { value: None, typed: None, items: item.items.iter().map(Node::open).collect() }
    }

    /// Whether nothing was answered here or below.
    pub fn is_open(&self) -> bool {
        self.value.is_none() && self.typed.is_none() && self.items.iter().all(Node::is_open)
    }
}

impl Node {
    /// An item without answers.
    pub fn open(item: &Item) -> Self {
        Self { enabled: true, allowed: true, slots: vec![Slot::open(item)] }
    }

    /// Whether nothing was answered here or below.
    pub fn is_open(&self) -> bool {
        self.slots.iter().all(Slot::is_open)
    }

    /// Its values.
    pub fn values(&self) -> impl Iterator<Item = &Value> {
        self.slots.iter().filter_map(|s| s.value.as_ref())
    }
}

/// What a response says beside its answers.
#[derive(Clone, Debug, Default)]
pub struct About {
    /// Its FHIR id; empty: none yet.
    pub id: String,
    /// `in-progress`, `completed`, `amended`, `entered-in-error`.
    pub status: String,
    /// Whom it is about, `Patient/…`; may be empty.
    pub subject: String,
    /// `Encounter/…`; may be empty.
    pub encounter: String,
    /// When, with zone; may be empty.
    pub authored: String,
    /// Who filled it in: reference and name; may be empty.
    pub author: (String, String),
}

impl Answers {
    /// No answer at all.
    pub fn open(form: &Form) -> Self {
        Self { nodes: form.items.iter().map(Node::open).collect() }
    }

    /// The values of the question `link`, wherever it stands and is asked.
    pub fn values<'a>(&'a self, form: &Form, link: &str) -> Vec<&'a Value> {
        let Some(path) = form.path_of(link) else { return Vec::new() };
        let mut nodes: Vec<&Node> = path.first().and_then(|n| self.nodes.get(*n)).into_iter().collect();
        for step in path.iter().skip(1) {
            let asked = nodes.into_iter().filter(|n| n.enabled);
            nodes = asked.flat_map(|n| &n.slots).filter_map(|s| s.items.get(*step)).collect();
        }
        nodes.into_iter().filter(|n| n.enabled).flat_map(Node::values).collect()
    }

    /// The first of them.
    pub fn value<'a>(&'a self, form: &Form, link: &str) -> Option<&'a Value> {
        self.values(form, link).into_iter().next()
    }

    /// The first of them as a person reads it; empty where there is none.
    pub fn text(&self, form: &Form, link: &str) -> String {
        self.value(form, link).map(crate::show::plain).unwrap_or_default()
    }

    /// The code of the first of them; empty where there is none or it has no code.
    pub fn code(&self, form: &Form, link: &str) -> String {
        match self.value(form, link) {
            Some(Value::Coding(c)) => c.code.clone(),
            Some(Value::Text(text)) => text.clone(),
            Some(Value::Boolean(b)) => b.to_string(),
            _ => String::new(),
        }
    }

    /// Puts one value in the place of all answers of a question that stands under no repeating item.
    pub fn set(&mut self, form: &Form, link: &str, value: Option<Value>) {
        let Some(path) = form.path_of(link).map(<[usize]>::to_vec) else { return };
        let Some(item) = form.at(&path) else { return };
        let (Some(last), above) = (path.last(), &path[..path.len() - 1]) else { return };
        let mut nodes = &mut self.nodes;
        for step in above {
            let Some(slot) = nodes.get_mut(*step).and_then(|n| n.slots.first_mut()) else { return };
            nodes = &mut slot.items;
        }
        if let Some(node) = nodes.get_mut(*last) {
            let items = node.slots.first().map(|s| s.items.clone());
            let items = items.unwrap_or_else(|| Slot::open(item).items);
            node.slots = vec![Slot { value, typed: None, items }];
        }
    }

    /// The QuestionnaireResponse. A finished one holds only what is asked; a draft everything, also what cannot be read yet.
    pub fn json(&self, form: &Form, about: &About) -> String {
        let mut out = String::from("{\"resourceType\":\"QuestionnaireResponse\"");
        let mut member = |name: &str, value: &str| {
            if !value.is_empty() {
                out.push_str(&format!(",\"{name}\":"));
                quote(&mut out, value);
            }
        };
        member("id", &about.id);
        member("language", &form.language);
        member("questionnaire", &form.canonical());
        member("status", if about.status.is_empty() { "in-progress" } else { &about.status });
        for (name, value) in [("subject", &about.subject), ("encounter", &about.encounter)] {
            reference(&mut out, name, value, "");
        }
        if !about.authored.is_empty() {
            out.push_str(",\"authored\":");
            quote(&mut out, &about.authored);
        }
        reference(&mut out, "author", &about.author.0, &about.author.1);
        let draft = about.status.is_empty() || about.status == "in-progress";
        items(&mut out, &form.items, &self.nodes, draft);
        out.push('}');
        out
    }

    /// The answers of a QuestionnaireResponse to this form. What the form does not ask is left out.
    ///
    /// # Errors
    /// What keeps it from being read.
    pub fn read(form: &Form, response: &str) -> Result<Self, String> {
        let tree = Tree::parse(response).map_err(|e| e.to_string())?;
        if tree.root().get_text("resourceType").as_deref() != Some("QuestionnaireResponse") {
            return Err("`resourceType` must be `QuestionnaireResponse`".to_owned());
        }
        Ok(Self { nodes: nodes(&form.items, tree.root()) })
    }
}

fn reference(out: &mut String, name: &str, reference: &str, display: &str) {
    if reference.is_empty() && display.is_empty() {
        return;
    }
    out.push_str(&format!(",\"{name}\":"));
    Value::Reference { reference: reference.to_owned(), display: display.to_owned() }.json(out);
}

/// Whether an item is written: what nobody answered is not, but for groups of a draft that somebody added.
fn is_written(item: &Item, node: &Node, draft: bool) -> bool {
    (node.enabled || draft) && (!node.is_open() || (draft && item.kind == Kind::Group && node.slots.len() > 1))
}

fn items(out: &mut String, form: &[Item], nodes: &[Node], draft: bool) {
    let written: Vec<_> = form.iter().zip(nodes).filter(|(i, n)| is_written(i, n, draft)).collect();
    if written.is_empty() {
        return;
    }
    out.push_str(",\"item\":[");
    let mut first = true;
    for (item, node) in written {
        if item.kind == Kind::Group {
            for slot in node.slots.iter().filter(|s| draft || !s.is_open()) {
                open(out, item, &mut first);
                items(out, &item.items, &slot.items, draft);
                out.push('}');
            }
            continue;
        }
        open(out, item, &mut first);
        out.push_str(",\"answer\":[");
        let answered = node.slots.iter().filter(|s| !s.is_open());
        for (n, slot) in answered.enumerate() {
            out.push_str(if n > 0 { ",{" } else { "{" });
            let mut inner = String::new();
            if let Some(value) = &slot.value {
                inner.push_str(&format!(",\"value{}\":", value.type_name()));
                value.json(&mut inner);
            } else if let Some(typed) = &slot.typed {
                inner.push_str(&format!(",\"extension\":[{{\"url\":\"{TYPED}\",\"valueString\":"));
                quote(&mut inner, typed);
                inner.push_str("}]");
            }
            items(&mut inner, &item.items, &slot.items, draft);
            out.push_str(inner.strip_prefix(',').unwrap_or(&inner));
            out.push('}');
        }
        out.push_str("]}");
    }
    out.push(']');
}

fn open(out: &mut String, item: &Item, first: &mut bool) {
    out.push_str(if std::mem::take(first) { "{\"linkId\":" } else { ",{\"linkId\":" });
    quote(out, &item.link);
    if !item.definition.is_empty() && item.definition.contains(':') {
        out.push_str(",\"definition\":");
        quote(out, &item.definition);
    }
    if !item.text.is_empty() {
        out.push_str(",\"text\":");
        quote(out, &item.text.own);
    }
}

fn list<'t>(of: tree::Value<'t>, name: &str) -> impl Iterator<Item = tree::Value<'t>> + use<'t> {
    of.get(name).into_iter().flat_map(tree::Value::items)
}

fn nodes(form: &[Item], of: tree::Value<'_>) -> Vec<Node> {
    let mut given: HashMap<String, Vec<tree::Value<'_>>> = HashMap::new();
    for item in list(of, "item") {
        given.entry(item.get_text("linkId").unwrap_or_default().into_owned()).or_default().push(item);
    }
    let node = |item: &Item| {
        let found = given.get(&item.link).map(Vec::as_slice).unwrap_or_default();
        let mut slots: Vec<Slot> = if item.kind == Kind::Group {
            found.iter().map(|i| Slot { items: nodes(&item.items, *i), ..Slot::default() }).collect()
        } else {
            found.iter().flat_map(|i| list(*i, "answer")).map(|a| slot(item, a)).collect()
        };
        slots.truncate(item.max_occurs.max(1));
        if slots.is_empty() {
            slots.push(Slot::open(item));
        }
        Node { enabled: true, allowed: true, slots }
    };
    form.iter().map(node).collect()
}

fn slot(item: &Item, answer: tree::Value<'_>) -> Slot {
    let typed = list(answer, "extension").find(|e| e.get_text("url").as_deref() == Some(TYPED));
    Slot {
        value: Value::member(answer, "value"),
        typed: typed.and_then(|e| e.get_text("valueString")).map(|t| t.into_owned()),
        items: nodes(&item.items, answer),
    }
}
