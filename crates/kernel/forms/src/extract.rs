//! What the record learns of answers: Observations of questions that ask for it (SDC `observationExtract`), and particulars
//! of the person (`definition` at an element of Patient).

use crate::answers::{Answers, Node};
use crate::fields::name;
use crate::form::{Form, Item, Kind};
use crate::value::{Coding, Value};
use mach_fhir::json::{Writer, quote};
use sha2::{Digest, Sha256};

/// The response that is read.
#[derive(Clone, Debug, Default)]
pub struct Source {
    /// Its FHIR id; at most 50 characters, so that ids can be made of it.
    pub response: String,
    /// `Patient/…`.
    pub subject: String,
    /// `Encounter/…`; may be empty.
    pub encounter: String,
    /// When it was seen, with zone.
    pub effective: String,
    /// Who saw it: reference and name; may be empty.
    pub performer: (String, String),
}

/// An Observation made of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    /// Its FHIR id: the same for the same question of the same response.
    pub id: String,
    /// Its exact JSON.
    pub body: String,
    /// The first of its codes.
    pub code: (String, String),
}

/// The Observations of the answers; of one top-level item only where `part` names it.
pub fn observations(form: &Form, answers: &Answers, part: Option<&str>, source: &Source) -> Vec<Observation> {
    let mut out = Vec::new();
    for (item, node) in form.items.iter().zip(&answers.nodes) {
        if part.is_none_or(|p| p == item.link) {
            look(item, node, &[], (source, &form.language), &mut out);
        }
    }
    out
}

fn look(item: &Item, node: &Node, numbers: &[usize], source: (&Source, &str), out: &mut Vec<Observation>) {
    if !node.enabled {
        return;
    }
    for (n, slot) in node.slots.iter().enumerate() {
        let numbers = if item.repeats { [numbers, &[n]].concat() } else { numbers.to_vec() };
        if item.extract
            && let Some(value) = &slot.value
        {
            out.extend(observation(item, value, &name(&item.link, &numbers), source));
        }
        item.items.iter().zip(&slot.items).for_each(|(i, n)| look(i, n, &numbers, source, out));
    }
}

fn codings(w: &mut Writer<'_>, codes: &[Coding], text: &str) {
    w.list("coding", |list| {
        for code in codes {
            list.item(|w| {
                w.text_if("system", &code.system).text_if("code", &code.code).text_if("display", &code.display);
            });
        }
    });
    w.text_if("text", text);
}

fn observation(item: &Item, value: &Value, field: &str, (source, language): (&Source, &str)) -> Option<Observation> {
    let (kind, json) = observed(item, value)?;
    let hash = Sha256::digest(field.as_bytes());
    let mark: String = hash.iter().take(6).map(|b| format!("{b:02x}")).collect();
    let id = format!("{}-{mark}", source.response);
    let mut body = String::new();
    Writer::object(&mut body, |w| {
        w.text("resourceType", "Observation").text("id", &id).text_if("language", language).text("status", "final");
        if !item.category.is_empty() {
            w.list("category", |list| {
                list.item(|w| codings(w, &item.category, ""));
            });
        }
        w.nested("code", |w| codings(w, &item.codes, &item.text.own));
        w.nested("subject", |w| {
            w.text("reference", &source.subject);
        });
        if !source.encounter.is_empty() {
            w.nested("encounter", |w| {
                w.text("reference", &source.encounter);
            });
        }
        w.text_if("effectiveDateTime", &source.effective);
        if !source.performer.0.is_empty() || !source.performer.1.is_empty() {
            w.list("performer", |list| {
                list.item(|w| {
                    w.text_if("reference", &source.performer.0).text_if("display", &source.performer.1);
                });
            });
        }
        w.raw(kind, json);
        w.list("derivedFrom", |list| {
            list.item(|w| {
                w.text("reference", &format!("QuestionnaireResponse/{}", source.response));
            });
        });
    });
    let code = item.codes.first().map(|c| (c.system.clone(), c.code.clone())).unwrap_or_default();
    Some(Observation { id, body, code })
}

/// The value as an Observation has it: name and JSON. `None` for what an Observation cannot hold.
fn observed(item: &Item, value: &Value) -> Option<(&'static str, String)> {
    let mut out = String::new();
    let number = |digits: &str| {
        let mut out = String::new();
        let unit = item.units.first().cloned().unwrap_or_default();
        Value::Quantity { value: digits.to_owned(), unit }.json(&mut out);
        ("valueQuantity", out)
    };
    Some(match value {
        Value::Boolean(b) => ("valueBoolean", b.to_string()),
        Value::Decimal(digits) => number(digits),
        Value::Integer(n) if !item.units.is_empty() => number(&n.to_string()),
        Value::Integer(n) => ("valueInteger", n.to_string()),
        Value::Quantity { .. } => {
            value.json(&mut out);
            ("valueQuantity", out)
        }
        Value::Date(text) | Value::DateTime(text) => {
            quote(&mut out, text);
            ("valueDateTime", out)
        }
        Value::Time(text) => {
            quote(&mut out, text);
            ("valueTime", out)
        }
        Value::Text(text) | Value::Uri(text) => {
            quote(&mut out, text);
            ("valueString", out)
        }
        Value::Coding(code) => {
            Writer::object(&mut out, |w| codings(w, std::slice::from_ref(code), ""));
            ("valueCodeableConcept", out)
        }
        Value::Attachment(_) | Value::Reference { .. } => return None,
    })
}

/// Particulars of the person that the answers tell: element (`Patient.birthDate`) and value, in the form's order.
pub fn particulars<'a>(form: &'a Form, answers: &'a Answers) -> Vec<(&'a str, &'a Value)> {
    fn look<'a>(items: &'a [Item], nodes: &'a [Node], out: &mut Vec<(&'a str, &'a Value)>) {
        for (item, node) in items.iter().zip(nodes).filter(|(_, n)| n.enabled) {
            if item.definition.starts_with("Patient.") && item.kind != Kind::Group {
                out.extend(node.values().map(|v| (item.definition.as_str(), v)));
            }
            node.slots.iter().for_each(|s| look(&item.items, &s.items, out));
        }
    }
    let mut out = Vec::new();
    look(&form.items, &answers.nodes, &mut out);
    out
}
