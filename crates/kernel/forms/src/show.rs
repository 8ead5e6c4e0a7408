//! Answers as a person reads them.

use crate::form::{Choice, Item};
use crate::value::Value;
use mach_base::Day;
use mach_ui::Lang;

/// A value as text, whatever the language: dates as dd/MM/yyyy, numbers with a decimal comma, codes by their words.
pub fn plain(value: &Value) -> String {
    match value {
        Value::Boolean(b) => b.to_string(),
        Value::Decimal(digits) => digits.replace('.', ","),
        Value::Integer(n) => n.to_string(),
        Value::Date(text) => date(text),
        Value::DateTime(text) => date_time(text),
        Value::Time(text) => text.get(..5).unwrap_or(text).to_owned(),
        Value::Text(text) | Value::Uri(text) => text.clone(),
        Value::Coding(c) if c.display.is_empty() => c.code.clone(),
        Value::Coding(c) => c.display.clone(),
        Value::Quantity { value, unit } => {
            let words = if unit.display.is_empty() { &unit.code } else { &unit.display };
            format!("{} {words}", value.replace('.', ",")).trim_end().to_owned()
        }
        Value::Attachment(a) if a.title.is_empty() => a.content_type.clone(),
        Value::Attachment(a) => a.title.clone(),
        Value::Reference { reference, display } if display.is_empty() => reference.clone(),
        Value::Reference { display, .. } => display.clone(),
    }
}

/// A value of `item` in the reader's language.
pub fn in_lang(lang: Lang, item: &Item, value: &Value) -> String {
    if let Value::Boolean(b) = value {
        let words = if *b { mach_ui::msg::YES } else { mach_ui::msg::NO };
        return lang.t(words).to_owned();
    }
    let named = item.choices.iter().find(|c: &&Choice| c.value.is_same(value));
    named.map_or_else(|| plain(value), |c| c.words.in_lang(lang).to_owned())
}

/// `2026-03-09` as 09/03/2026, a month as 03/2026.
fn date(text: &str) -> String {
    match (Day::parse_iso(text), text.split_once('-')) {
        (Some(day), _) => day.vi(),
        (None, Some((year, month))) => format!("{month}/{year}"),
        (None, None) => text.to_owned(),
    }
}

fn date_time(text: &str) -> String {
    match text.split_once('T') {
        Some((day, time)) => format!("{} {}", date(day), time.get(..5).unwrap_or(time)),
        None => date(text),
    }
}
