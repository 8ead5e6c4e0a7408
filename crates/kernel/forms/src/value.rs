//! One answer.

use mach_fhir::json::{Writer, quote};
use mach_fhir::path::moment::{Moment, MomentKind};
use mach_fhir::tree;
use mach_fhir::{Decimal, path};
use std::cmp::Ordering;

/// A code of a system.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coding {
    /// Its system; may be empty.
    pub system: String,
    /// The code; may be empty.
    pub code: String,
    /// Its words.
    pub display: String,
}

/// A picture or file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attachment {
    /// `image/png`.
    pub content_type: String,
    /// Its bytes in base64; empty where `url` tells where they are.
    pub data: String,
    /// `Binary/…`.
    pub url: String,
    /// Its file's name.
    pub title: String,
    /// Its bytes, counted.
    pub size: usize,
}

/// `QuestionnaireResponse.item.answer.value[x]`. Numbers keep the digits they were typed with.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the names are those of R4 `value[x]`")]
pub enum Value {
    Boolean(bool),
    Decimal(String),
    Integer(i64),
    Date(String),
    DateTime(String),
    Time(String),
    Text(String),
    Uri(String),
    Coding(Coding),
    Quantity { value: String, unit: Coding },
    Attachment(Attachment),
    Reference { reference: String, display: String },
}

fn text(value: tree::Value<'_>, name: &str) -> String {
    value.get_text(name).unwrap_or_default().into_owned()
}

/// A Coding of JSON.
pub(crate) fn coding(value: tree::Value<'_>) -> Coding {
    Coding { system: text(value, "system"), code: text(value, "code"), display: text(value, "display") }
}

impl Value {
    /// The first member `prefix`… of an object, as a value: `value` reads `valueDate`. `None` where there is none, or it is
    /// of a type that no question has.
    pub fn member(of: tree::Value<'_>, prefix: &str) -> Option<Self> {
        of.members().find_map(|(name, value)| Self::read(name.strip_prefix(prefix)?, value))
    }

    /// A value of the type that stands behind `value` or `answer` in R4: `Date`, `Coding` …
    pub fn read(kind: &str, value: tree::Value<'_>) -> Option<Self> {
        let own = || value.text().map(|t| t.into_owned());
        Some(match kind {
            "Boolean" => Self::Boolean(value.boolean()?),
            "Decimal" => Self::Decimal(value.number()?.to_owned()),
            "Integer" => Self::Integer(value.number()?.parse().ok()?),
            "Date" => Self::Date(own()?),
            "DateTime" => Self::DateTime(own()?),
            "Time" => Self::Time(own()?),
            "String" => Self::Text(own()?),
            "Uri" => Self::Uri(own()?),
            "Coding" => Self::Coding(coding(value)),
            "Quantity" => Self::Quantity {
                value: value.get("value")?.number()?.to_owned(),
                unit: Coding { system: text(value, "system"), code: text(value, "code"), display: text(value, "unit") },
            },
            "Attachment" => Self::Attachment(Attachment {
                content_type: text(value, "contentType"),
                data: text(value, "data"),
                url: text(value, "url"),
                title: text(value, "title"),
                size: value.get("size").and_then(|v| v.number()?.parse().ok()).unwrap_or(0),
            }),
            "Reference" => Self::Reference { reference: text(value, "reference"), display: text(value, "display") },
            _ => return None,
        })
    }

    /// What stands behind `value` in R4.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Boolean(_) => "Boolean",
            Self::Decimal(_) => "Decimal",
            Self::Integer(_) => "Integer",
            Self::Date(_) => "Date",
            Self::DateTime(_) => "DateTime",
            Self::Time(_) => "Time",
            Self::Text(_) => "String",
            Self::Uri(_) => "Uri",
            Self::Coding(_) => "Coding",
            Self::Quantity { .. } => "Quantity",
            Self::Attachment(_) => "Attachment",
            Self::Reference { .. } => "Reference",
        }
    }

    /// As JSON, without its name.
    pub fn json(&self, out: &mut String) {
        match self {
            Self::Boolean(b) => out.push_str(if *b { "true" } else { "false" }),
            Self::Decimal(digits) => out.push_str(digits),
            Self::Integer(n) => out.push_str(&n.to_string()),
            Self::Date(t) | Self::DateTime(t) | Self::Time(t) | Self::Text(t) | Self::Uri(t) => quote(out, t),
            Self::Coding(c) => Writer::object(out, |w| {
                w.text_if("system", &c.system).text_if("code", &c.code).text_if("display", &c.display);
            }),
            Self::Quantity { value, unit } => Writer::object(out, |w| {
                w.raw("value", value).text_if("unit", &unit.display).text_if("system", &unit.system);
                w.text_if("code", &unit.code);
            }),
            Self::Attachment(a) => Writer::object(out, |w| {
                w.text_if("contentType", &a.content_type).text_if("data", &a.data).text_if("url", &a.url);
                if a.size > 0 {
                    w.raw("size", a.size);
                }
                w.text_if("title", &a.title);
            }),
            Self::Reference { reference, display } => Writer::object(out, |w| {
                w.text_if("reference", reference).text_if("display", display);
            }),
        }
    }

    /// Whether it is the same answer: codes by system and code, numbers by value.
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Coding(a), Self::Coding(b)) => {
                a.code == b.code
                    && (a.system == b.system || a.system.is_empty() || b.system.is_empty())
                    && (!a.code.is_empty() || a.display == b.display)
            }
            (Self::Text(a), Self::Coding(b)) | (Self::Coding(b), Self::Text(a)) => *a == b.code || *a == b.display,
            _ => self.compare(other) == Some(Ordering::Equal) || self == other,
        }
    }

    /// How it stands to another of its type; `None` where they have no order.
    pub fn compare(&self, other: &Self) -> Option<Ordering> {
        let number = |v: &Self| match v {
            Self::Decimal(d) => Decimal::parse(d),
            Self::Integer(n) => Some(Decimal::whole(*n)),
            _ => None,
        };
        match (self, other) {
            (Self::Decimal(_) | Self::Integer(_), Self::Decimal(_) | Self::Integer(_)) => {
                Some(number(self)?.compare(number(other)?))
            }
            (Self::Quantity { value: a, unit: u }, Self::Quantity { value: b, unit: v }) => {
                let of = |value: &str, unit: &Coding| {
                    let code = if unit.code.is_empty() { "1" } else { unit.code.as_str() };
                    Some(path::Quantity { value: Decimal::parse(value)?, unit: path::quantity::Unit::ucum(code) })
                };
                of(a, u)?.compare(&of(b, v)?)
            }
            (Self::Quantity { value, .. }, Self::Decimal(_) | Self::Integer(_)) => {
                Some(Decimal::parse(value)?.compare(number(other)?))
            }
            (Self::Date(a), Self::Date(b)) => moments(a, b, MomentKind::Date),
            (Self::DateTime(a), Self::DateTime(b)) => moments(a, b, MomentKind::DateTime),
            (Self::Time(a), Self::Time(b)) => moments(a, b, MomentKind::Time),
            (Self::Text(a), Self::Text(b)) | (Self::Uri(a), Self::Uri(b)) => Some(a.cmp(b)),
            (Self::Boolean(a), Self::Boolean(b)) => (a == b).then_some(Ordering::Equal),
            _ => None,
        }
    }
}

/// Minutes east of UTC where a time tells no zone: Asia/Ho_Chi_Minh.
const HOUSE_OFFSET: i16 = 7 * 60;

fn moments(a: &str, b: &str, kind: MomentKind) -> Option<Ordering> {
    Moment::parse(a, kind)?.compare(&Moment::parse(b, kind)?, HOUSE_OFFSET)
}

#[cfg(test)]
mod tests {
    use super::*;
    use mach_fhir::Tree;

    #[test]
    fn values_come_back_as_they_were() {
        for text in [
            r#"{"valueBoolean":true}"#,
            r#"{"valueDecimal":1.50}"#,
            r#"{"valueInteger":-3}"#,
            r#"{"valueDate":"2026-03"}"#,
            r#"{"valueDateTime":"2026-03-01T08:00:00+07:00"}"#,
            r#"{"valueTime":"08:00:00"}"#,
            r#"{"valueString":"a\nb"}"#,
            r#"{"valueUri":"urn:x"}"#,
            r#"{"valueCoding":{"system":"s","code":"c","display":"d"}}"#,
            r#"{"valueQuantity":{"value":37.50,"unit":"°C","system":"http://unitsofmeasure.org","code":"Cel"}}"#,
            r#"{"valueAttachment":{"contentType":"image/png","data":"AAAA","size":3,"title":"t"}}"#,
            r#"{"valueReference":{"reference":"Patient/1","display":"A"}}"#,
        ] {
            let tree = Tree::parse(text).unwrap();
            let value = Value::member(tree.root(), "value").unwrap();
            let mut out = String::new();
            value.json(&mut out);
            assert_eq!(format!("{{\"value{}\":{out}}}", value.type_name()), text);
        }
    }

    #[test]
    fn numbers_compare_by_value_and_units_convert() {
        let q = |value: &str, code: &str| Value::Quantity {
            value: value.into(),
            unit: Coding { code: code.into(), ..Coding::default() },
        };
        assert_eq!(Value::Decimal("1.50".into()).compare(&Value::Integer(2)), Some(Ordering::Less));
        assert!(Value::Decimal("2.0".into()).is_same(&Value::Integer(2)));
        assert_eq!(q("1", "m").compare(&q("100", "cm")), Some(Ordering::Equal));
        assert_eq!(q("1", "m").compare(&q("1", "kg")), None);
        assert_eq!(
            Value::Date("2026-01-02".into()).compare(&Value::Date("2026-01-01".into())),
            Some(Ordering::Greater)
        );
    }
}
