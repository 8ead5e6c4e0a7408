//! What a browser posts, read as answers. A field's name is the question's `linkId`, then `~` and a number for every
//! repeating item on the way down.

use crate::answers::{Answers, Node, Slot, Step};
use crate::compute::is_picture;
use crate::form::{Choice, Control, Form, Item, Kind};
use crate::value::{Attachment, Coding, Value};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mach_base::Day;
use mach_fhir::terminology::expand;
use std::collections::HashMap;

/// A file that was posted.
#[derive(Clone, Debug, Default)]
pub struct File {
    /// As the browser calls it.
    pub name: String,
    /// What the browser says it is; looked at, not believed.
    pub content_type: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// The fields of a posted form.
#[derive(Clone, Debug, Default)]
pub struct Posted {
    texts: HashMap<String, Vec<String>>,
    files: HashMap<String, File>,
}

impl Posted {
    /// Adds a text.
    pub fn text(&mut self, name: impl Into<String>, text: impl Into<String>) {
        self.texts.entry(name.into()).or_default().push(text.into());
    }

    /// Adds a file; one without bytes is none.
    pub fn file(&mut self, name: impl Into<String>, file: File) {
        if !file.bytes.is_empty() {
            self.files.insert(name.into(), file);
        }
    }

    /// The first text of a name; empty where there is none.
    pub fn get(&self, name: &str) -> &str {
        self.texts.get(name).and_then(|t| t.first()).map_or("", String::as_str)
    }

    /// The file of a name.
    pub fn file_of(&self, name: &str) -> Option<&File> {
        self.files.get(name)
    }

    /// Whether a field of this name was posted, empty or not.
    pub fn has(&self, name: &str) -> bool {
        self.texts.contains_key(name)
    }

    fn all(&self, name: &str) -> &[String] {
        self.texts.get(name).map(Vec::as_slice).unwrap_or_default()
    }
}

/// The name of an item's field; `numbers`: its answer's place behind every repeating item on the way down, itself too.
pub fn name(link: &str, numbers: &[usize]) -> String {
    let mut name = link.replace('~', "~~");
    numbers.iter().for_each(|n| name.push_str(&format!("~{n}")));
    name
}

/// The name of the field of the item at a path.
pub fn name_at(form: &Form, path: &[Step]) -> String {
    let (mut numbers, mut items, mut link) = (Vec::new(), &form.items, "");
    for (n, slot) in path {
        let Some(item) = items.get(*n) else { break };
        if item.repeats && !item.is_ticked() {
            numbers.push(*slot);
        }
        (link, items) = (&item.link, &item.items);
    }
    name(link, &numbers)
}

/// What a choice is called in a field.
pub(crate) fn key(choices: &[Choice], choice: &Choice) -> String {
    match &choice.value {
        Value::Coding(c) => {
            let same = choices.iter().filter(|o| matches!(&o.value, Value::Coding(d) if d.code == c.code)).count();
            if same > 1 { format!("{}|{}", c.system, c.code) } else { c.code.clone() }
        }
        other => crate::show::plain(other),
    }
}

impl Form {
    /// The answers as posted. What is not part of the page stays as it was `before`: other parts than the top-level item
    /// `part`, hidden and computed questions, pictures that nobody changed. The buttons `add` and `remove` are carried out.
    pub fn read_posted(&self, posted: &Posted, before: &Answers, part: Option<&str>) -> Answers {
        let reading = Reading { form: self, posted };
        let mut nodes = Vec::with_capacity(self.items.len());
        for (item, old) in self.items.iter().zip(&before.nodes) {
            nodes.push(match part {
                Some(link) if link != item.link => old.clone(),
                _ => reading.node(item, old, &[]),
            });
        }
        let mut answers = Answers { nodes };
        let (add, remove) = (posted.get("add"), posted.get("remove"));
        if !add.is_empty() || !remove.is_empty() {
            change(&self.items, &mut answers.nodes, &mut Vec::new(), add, remove);
        }
        answers
    }
}

struct Reading<'r> {
    form: &'r Form,
    posted: &'r Posted,
}

impl Reading<'_> {
    fn node(&self, item: &Item, before: &Node, numbers: &[usize]) -> Node {
        if item.hidden || (item.read_only && item.kind.is_question()) || item.calculated.is_some() {
            return before.clone();
        }
        if item.is_ticked() {
            return Node { slots: self.ticked(item, before, numbers), ..before.clone() };
        }
        let count = if item.repeats { self.count(item, numbers, before.slots.len()) } else { 1 };
        let slots = (0..count).map(|n| {
            let numbers = if item.repeats { [numbers, &[n]].concat() } else { numbers.to_vec() };
            let open = Slot::open(item);
            let old = before.slots.get(n).unwrap_or(&open);
            let mut slot = if item.kind.is_question() { self.answer(item, old, &numbers) } else { Slot::default() };
            slot.items = item.items.iter().zip(&old.items).map(|(i, b)| self.node(i, b, &numbers)).collect();
            slot
        });
        Node { slots: slots.collect(), ..before.clone() }
    }

    /// How many answers the page showed.
    fn count(&self, item: &Item, numbers: &[usize], before: usize) -> usize {
        let told = self.posted.get(&format!("n~{}", name(&item.link, numbers)));
        told.parse().unwrap_or(before).clamp(1, item.max_occurs.max(1))
    }

    fn ticked(&self, item: &Item, before: &Node, numbers: &[usize]) -> Vec<Slot> {
        let name = name(&item.link, numbers);
        let mut slots: Vec<Slot> = self
            .posted
            .all(&name)
            .iter()
            .filter_map(|text| item.choices.iter().find(|c| key(&item.choices, c) == *text))
            .map(|choice| Slot { value: Some(choice.value.clone()), ..Slot::open(item) })
            .collect();
        let other = self.posted.get(&format!("{name}~other")).trim();
        if item.kind == Kind::OpenChoice && !other.is_empty() {
            slots.push(Slot { value: Some(Value::Text(other.to_owned())), ..Slot::open(item) });
        }
        slots.truncate(item.max_occurs.max(1));
        for (slot, old) in slots.iter_mut().zip(&before.slots) {
            slot.items.clone_from(&old.items);
        }
        if slots.is_empty() {
            slots.push(Slot::open(item));
        }
        slots
    }

    fn answer(&self, item: &Item, before: &Slot, numbers: &[usize]) -> Slot {
        let name = name(&item.link, numbers);
        if item.kind == Kind::Attachment {
            return self.attachment(item, before, &name);
        }
        let other = self.posted.get(&format!("{name}~other")).trim();
        if item.kind == Kind::OpenChoice && !other.is_empty() {
            return Slot { value: Some(Value::Text(other.to_owned())), ..Slot::default() };
        }
        let text = self.posted.get(&name);
        let typed = if item.kind == Kind::Text { text.trim_end() } else { text.trim() };
        if typed.is_empty() {
            return Slot::default();
        }
        let unit = self.posted.get(&format!("{name}~unit"));
        match self.value(item, typed, unit) {
            Some(value) => Slot { value: Some(value), ..Slot::default() },
            None => Slot { typed: Some(typed.to_owned()), ..Slot::default() },
        }
    }

    fn value(&self, item: &Item, text: &str, unit: &str) -> Option<Value> {
        Some(match item.kind {
            Kind::Boolean => Value::Boolean(match text {
                "true" => true,
                "false" => false,
                _ => return None,
            }),
            Kind::Decimal => Value::Decimal(number(text)?),
            Kind::Integer => Value::Integer(number(text)?.parse().ok()?),
            // A number means nothing without its unit: 50 mg/L is no 50 mg/dL.
            Kind::Quantity => Value::Quantity {
                value: number(text)?,
                unit: match item.units.is_empty() && unit.is_empty() {
                    true => Coding::default(),
                    false => item.units.iter().find(|u| u.code == unit)?.clone(),
                },
            },
            Kind::Date => Value::Date(date(text)?),
            Kind::DateTime => Value::DateTime(date_time(text)?),
            Kind::Time => Value::Time(time(text)?),
            Kind::String | Kind::Text => Value::Text(text.to_owned()),
            Kind::Url => Value::Uri(text.to_owned()),
            Kind::Reference => Value::Reference { reference: text.to_owned(), display: String::new() },
            Kind::Choice | Kind::OpenChoice => match item.choices.iter().find(|c| key(&item.choices, c) == text) {
                Some(choice) => choice.value.clone(),
                None => match &item.value_set {
                    Some(set) => {
                        self.code(set, text).or((item.kind == Kind::OpenChoice).then(|| Value::Text(text.to_owned())))?
                    }
                    None => return None,
                },
            },
            Kind::Group | Kind::Display | Kind::Attachment => return None,
        })
    }

    /// The code of a value set that is too large to be shown.
    fn code(&self, set: &str, text: &str) -> Option<Value> {
        let (url, version) = mach_fhir::terminology::library::canonical(set);
        let set = self.form.terms.value_set(url, version).ok()?;
        let code = text.split_whitespace().next()?;
        let options = expand::Options { filter: code.to_owned(), ..expand::Options::default() };
        let found = expand::expand(&self.form.terms, &set, &options).ok()?;
        let member = found.members.iter().find(|m| found.code(m).eq_ignore_ascii_case(code))?;
        Some(Value::Coding(Coding {
            system: found.system(member).url.to_string(),
            code: found.code(member).to_owned(),
            display: found.display(member, Some("vi")).to_owned(),
        }))
    }

    fn attachment(&self, item: &Item, before: &Slot, name: &str) -> Slot {
        if let Some(file) = self.posted.files.get(name) {
            let kind = sniffed(&file.bytes).unwrap_or("application/octet-stream");
            let title = if is_picture(item.control) { String::new() } else { file.name.chars().take(255).collect() };
            return Slot { value: Some(attached(kind, &file.bytes, title)), ..Slot::default() };
        }
        let drawn = self.posted.get(name);
        if let Some((_, data)) = drawn.strip_prefix("data:").and_then(|d| d.split_once(";base64,")) {
            return match STANDARD.decode(data) {
                Ok(bytes) => {
                    let kind = sniffed(&bytes).unwrap_or("application/octet-stream");
                    Slot { value: Some(attached(kind, &bytes, String::new())), ..Slot::default() }
                }
                Err(_) => before.clone(),
            };
        }
        if self.posted.has(&format!("drop~{name}")) {
            return Slot::default();
        }
        Slot { value: before.value.clone(), typed: None, items: Vec::new() }
    }
}

fn attached(kind: &str, bytes: &[u8], title: String) -> Value {
    let data = STANDARD.encode(bytes);
    Value::Attachment(Attachment { content_type: kind.to_owned(), data, url: String::new(), title, size: bytes.len() })
}

/// Whether a text is base64 as a posted picture has it.
pub fn is_base64(text: &str) -> bool {
    STANDARD.decode(text).is_ok()
}

/// What bytes are, by how they begin: the kinds a form may hold.
pub fn sniffed(bytes: &[u8]) -> Option<&'static str> {
    Some(match bytes {
        [0x89, b'P', b'N', b'G', ..] => "image/png",
        [0xff, 0xd8, 0xff, ..] => "image/jpeg",
        [b'%', b'P', b'D', b'F', ..] => "application/pdf",
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => "image/webp",
        _ => return None,
    })
}

/// Adds an answer, or takes one away.
fn change(items: &[Item], nodes: &mut [Node], numbers: &mut Vec<usize>, add: &str, remove: &str) {
    for (item, node) in items.iter().zip(nodes) {
        let ticked = item.is_ticked();
        if item.repeats && !ticked {
            if name(&item.link, numbers) == add && node.slots.len() < item.max_occurs {
                node.slots.push(Slot::open(item));
            }
            let gone =
                (0..node.slots.len()).find(|n| name(&item.link, &[numbers.as_slice(), &[*n]].concat()) == remove);
            if let Some(n) = gone {
                node.slots.remove(n);
                if node.slots.is_empty() {
                    node.slots.push(Slot::open(item));
                }
                return;
            }
        }
        for (n, slot) in node.slots.iter_mut().enumerate() {
            let depth = numbers.len();
            if item.repeats && !ticked {
                numbers.push(n);
            }
            change(&item.items, &mut slot.items, numbers, add, remove);
            numbers.truncate(depth);
        }
    }
}

/// A number as JSON writes it, of one as people type it: with a decimal comma or point, thousands parted by the other.
pub fn number(text: &str) -> Option<String> {
    let compact: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let (sign, digits) = match compact.strip_prefix(['-', '\u{2212}']) {
        Some(rest) => ("-", rest),
        None => ("", compact.strip_prefix('+').unwrap_or(&compact)),
    };
    let (whole, part) = match (digits.rfind(','), digits.rfind('.')) {
        (Some(comma), Some(point)) if comma > point => (digits[..comma].replace('.', ""), Some(&digits[comma + 1..])),
        (Some(comma), Some(point)) if comma < point => (digits[..point].replace(',', ""), Some(&digits[point + 1..])),
        (Some(at), None) | (None, Some(at)) => (digits[..at].to_owned(), Some(&digits[at + 1..])),
        _ => (digits.to_owned(), None),
    };
    let is_digits = |t: &str| !t.is_empty() && t.len() <= 30 && t.bytes().all(|b| b.is_ascii_digit());
    let whole = if whole.is_empty() && part.is_some() { "0".to_owned() } else { whole };
    if !is_digits(&whole) || !part.is_none_or(is_digits) {
        return None;
    }
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    Some(match part {
        Some(part) => format!("{sign}{whole}.{part}"),
        None => format!("{sign}{whole}"),
    })
}

/// A day as FHIR writes it, of one as people and browsers write it: 9/3/2026, 09032026, 2026-03-09, 03/2026, 2026.
pub fn date(text: &str) -> Option<String> {
    let parts: Vec<&str> = text.split(['/', '-', '.']).map(str::trim).collect();
    if !parts.iter().all(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit())) {
        return None;
    }
    let n = |t: &str| t.parse::<u32>().ok();
    let day =
        |y: &str, m: &str, d: &str| Day::from_ymd(i32::try_from(n(y)?).ok()?, n(m)?, n(d)?).map(|d| d.to_string());
    let year = |y: &str| y.len() == 4 && (1800..2200).contains(&n(y).unwrap_or(0));
    match parts.as_slice() {
        [y, m, d] if year(y) => day(y, m, d),
        [d, m, y] if year(y) => day(y, m, d),
        [m, y] if year(y) && (1..=12).contains(&n(m)?) => Some(format!("{y}-{:02}", n(m)?)),
        [y, m] if year(y) && (1..=12).contains(&n(m)?) => Some(format!("{y}-{:02}", n(m)?)),
        [one] if one.len() == 8 => day(&one[4..], &one[2..4], &one[..2]).filter(|_| year(&one[4..])),
        [y] if year(y) => Some((*y).to_owned()),
        _ => None,
    }
}

fn date_time(text: &str) -> Option<String> {
    let (day, clock) = text.split_once('T').or_else(|| text.split_once(' '))?;
    let day = date(day).filter(|d| d.len() == 10)?;
    Some(format!("{day}T{}+07:00", time(clock)?))
}

fn time(text: &str) -> Option<String> {
    let parts: Vec<u32> = text.split([':', 'h', 'g']).map(|p| p.trim().parse().ok()).collect::<Option<_>>()?;
    let (h, m, s) = match parts.as_slice() {
        [h, m] => (*h, *m, 0),
        [h, m, s] => (*h, *m, *s),
        _ => return None,
    };
    (h < 24 && m < 60 && s < 60).then(|| format!("{h:02}:{m:02}:{s:02}"))
}

/// Types of files a question takes, where it names none.
pub(crate) fn accepted(item: &Item) -> Vec<String> {
    let usual: &[&str] = match item.control {
        Control::Photo | Control::Drawing | Control::Signature => &["image/jpeg", "image/png", "image/webp"],
        _ => &["image/jpeg", "image/png", "image/webp", "application/pdf"],
    };
    if item.mime.is_empty() { usual.iter().map(|t| (*t).to_owned()).collect() } else { item.mime.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_people_type_them() {
        for (typed, want) in [
            ("37,5", Some("37.5")),
            ("37.50", Some("37.50")),
            ("1.234,5", Some("1234.5")),
            ("1,234.5", Some("1234.5")),
            (" 007 ", Some("7")),
            ("-0,5", Some("-0.5")),
            (",5", Some("0.5")),
            ("1,", None),
            ("abc", None),
            ("1e5", None),
            ("", None),
            ("--1", None),
        ] {
            assert_eq!(number(typed).as_deref(), want, "{typed}");
        }
    }

    #[test]
    fn days_as_people_type_them() {
        for (typed, want) in [
            ("9/3/2026", Some("2026-03-09")),
            ("09032026", Some("2026-03-09")),
            ("2026-03-09", Some("2026-03-09")),
            ("03/2026", Some("2026-03")),
            ("1980", Some("1980")),
            ("31/02/2026", None),
            ("29/02/2024", Some("2024-02-29")),
            ("mai", None),
            ("1/1", None),
        ] {
            assert_eq!(date(typed).as_deref(), want, "{typed}");
        }
        assert_eq!(date_time("2026-03-09T08:05").as_deref(), Some("2026-03-09T08:05:00+07:00"));
        assert_eq!(time("8h30").as_deref(), Some("08:30:00"));
        assert_eq!(time("25:00"), None);
    }

    #[test]
    fn names_tell_items_apart() {
        assert_eq!(name("a", &[]), "a");
        assert_eq!(name("a", &[1, 0]), "a~1~0");
        assert_ne!(name("a~1", &[]), name("a", &[1]));
    }
}
