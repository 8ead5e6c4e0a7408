//! Index values as text beside the body: fields parted by U+001F, values by U+001E, parts of a pair by U+001D. None of them
//! occurs in the texts of resources we accept: they are taken out of values before.

use super::value::Value;
use mach_fhir::ResourceType;
use mach_fhir::index::Param;

const FIELD: char = '\u{1f}';
const VALUE: char = '\u{1e}';
const PART: char = '\u{1d}';

/// Values as text.
pub(crate) fn encode(values: &[Value]) -> String {
    let mut out = String::new();
    for value in values {
        if !out.is_empty() {
            out.push(VALUE);
        }
        encode_one(&mut out, value);
    }
    out
}

fn put(out: &mut String, letter: char, param: Param, fields: &[&str]) {
    use std::fmt::Write;
    out.push(letter);
    out.push(FIELD);
    // Writing to a String cannot fail.
    let _ = write!(out, "{}", param.0);
    for field in fields {
        out.push(FIELD);
        out.extend(field.chars().filter(|c| !matches!(*c, FIELD | VALUE | PART)));
    }
}

pub(super) fn encode_one(out: &mut String, value: &Value) {
    let n = |i: &i64| i.to_string();
    match value {
        Value::Token { param, system, code } => put(out, 't', *param, &[system, code]),
        Value::Shown { param, text } => put(out, 'h', *param, &[text]),
        Value::Second { param, system, code } => put(out, '2', *param, &[system, code]),
        Value::Text { param, text } => put(out, 's', *param, &[text]),
        Value::Joined { param, text } => put(out, 'j', *param, &[text]),
        Value::Uri { param, uri } => put(out, 'u', *param, &[uri]),
        Value::Date { param, low, high } => put(out, 'd', *param, &[&n(low), &n(high)]),
        Value::Quantity { param, low, high, system, unit } => {
            put(out, 'q', *param, &[&n(low), &n(high), system, unit]);
        }
        Value::Reference { param, target, id } => put(out, 'r', *param, &[&target.number().to_string(), id]),
        Value::Url { param, url } => put(out, 'l', *param, &[url]),
        Value::Pair { param, first, second } => {
            put(out, 'p', *param, &[&first.0, &first.1]);
            out.push(PART);
            encode_one(out, second);
        }
        Value::Triple { param, first, numbers: [a, b, c] } => {
            put(out, '3', *param, &[&first.0, &first.1, &n(a), &n(b), &n(c)]);
        }
    }
}

/// Values from their text; `None` where it is none.
pub(crate) fn decode(text: &str) -> Option<Vec<Value>> {
    if text.is_empty() {
        return Some(Vec::new());
    }
    text.split(VALUE).map(decode_one).collect()
}

fn decode_one(text: &str) -> Option<Value> {
    let (text, second) = match text.split_once(PART) {
        Some((first, second)) => (first, Some(second)),
        None => (text, None),
    };
    let fields: Vec<&str> = text.split(FIELD).collect();
    let param = Param(fields.get(1)?.parse().ok()?);
    let own = |n: usize| fields.get(n).map(|f| (*f).to_owned());
    let int = |n: usize| fields.get(n)?.parse::<i64>().ok();
    Some(match (fields[0], fields.len()) {
        ("t", 4) => Value::Token { param, system: own(2)?, code: own(3)? },
        ("h", 3) => Value::Shown { param, text: own(2)? },
        ("2", 4) => Value::Second { param, system: own(2)?, code: own(3)? },
        ("s", 3) => Value::Text { param, text: own(2)? },
        ("j", 3) => Value::Joined { param, text: own(2)? },
        ("u", 3) => Value::Uri { param, uri: own(2)? },
        ("d", 4) => Value::Date { param, low: int(2)?, high: int(3)? },
        ("q", 6) => Value::Quantity { param, low: int(2)?, high: int(3)?, system: own(4)?, unit: own(5)? },
        ("r", 4) => {
            let target = ResourceType::from_number(u16::try_from(int(2)?).ok()?)?;
            Value::Reference { param, target, id: own(3)? }
        }
        ("l", 3) => Value::Url { param, url: own(2)? },
        ("p", 4) => Value::Pair { param, first: (own(2)?, own(3)?), second: Box::new(decode_one(second?)?) },
        ("3", 7) => Value::Triple { param, first: (own(2)?, own(3)?), numbers: [int(4)?, int(5)?, int(6)?] },
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back() {
        let param = Param(40);
        let quantity = Value::Quantity { param, low: -5, high: 7, system: "http://u".into(), unit: "mg".into() };
        let values = vec![
            Value::Token { param, system: String::new(), code: "a|b".into() },
            Value::Shown { param, text: "Huyết áp".into() },
            Value::Second { param, system: "s".into(), code: "MR|1".into() },
            Value::Text { param, text: "Nguyễn Đức".into() },
            Value::Joined { param, text: "Nguyễn Đức".into() },
            Value::Uri { param, uri: "urn:x".into() },
            Value::Date { param, low: i64::MIN, high: i64::MAX },
            Value::Reference { param, target: ResourceType::PATIENT, id: "p1".into() },
            Value::Url { param, url: "http://x/y|1".into() },
            Value::Pair { param, first: ("s".into(), "c".into()), second: Box::new(quantity.clone()) },
            Value::Triple { param, first: ("s".into(), "c".into()), numbers: [i64::MIN, 0, -7] },
            quantity,
        ];
        assert_eq!(decode(&encode(&values)), Some(values));
        assert_eq!(decode(""), Some(vec![]));
        assert_eq!(decode("x\u{1f}1"), None);
    }
}
