//! Elements to search values (R4 §3.1.1.4).

use super::{SearchValue, Target};
use crate::decimal::Decimal;
use crate::definitions::{Definitions, ParamKind, TypeId};
use crate::path::moment::{Moment, MomentKind};
use crate::path::{Item, Node};
use crate::tree::Value;
use crate::types::ResourceType;
use std::borrow::Cow;

/// The zone of dates that tell none: Asia/Ho_Chi_Minh.
pub(crate) const DEFAULT_OFFSET: i16 = 7 * 60;
/// System of booleans as tokens (R4 §3.1.1.4.10).
const SPECIAL: &str = "http://terminology.hl7.org/CodeSystem/special-values";
const CURRENCIES: &str = "urn:iso:std:iso:4217";

type Out<'o, 't> = &'o mut dyn FnMut(SearchValue<'t>);

/// Gives `out` the values of one item for a parameter of type `kind`.
pub(super) fn values<'t>(
    definitions: &'t Definitions,
    kind: ParamKind,
    item: &Item<'t>,
    system: Option<&'static str>,
    out: Out<'_, 't>,
) {
    let id = if let Item::Node(node) = item { node.id } else { TypeId::UNKNOWN };
    let object = if let Item::Node(node) = item { node.value.filter(|v| v.is_object()) } else { None };
    match (kind, object) {
        (ParamKind::Token, Some(value)) => token(definitions, id, value, out),
        (ParamKind::Token, None) => plain_token(definitions, item, system, out),
        (ParamKind::String, Some(value)) => text(definitions, id, value, out),
        (ParamKind::String, None) => {
            if let Some(text) = plain_text(item) {
                out(SearchValue::Text { text, is_joined: false });
            }
        }
        (ParamKind::Reference, Some(value)) => reference(definitions, id, value, out),
        (ParamKind::Reference | ParamKind::Uri, None) => {
            if let Some(text) = plain_text(item) {
                out(SearchValue::Uri(text));
            }
        }
        (ParamKind::Date, _) => date(definitions, item, object, out),
        (ParamKind::Number, _) => number(definitions, item, object, out),
        (ParamKind::Quantity, Some(value)) => quantity(definitions, id, value, out),
        (ParamKind::Special, Some(value)) => position(value, out),
        _ => {}
    }
}

/// The text of a primitive, as written.
fn plain_text<'t>(item: &Item<'t>) -> Option<Cow<'t, str>> {
    match item {
        Item::Node(Node { value: Some(value), .. }) => value
            .text()
            .or_else(|| value.number().map(Cow::Borrowed))
            .or_else(|| value.boolean().map(|_| value.raw().into())),
        other => other.to_text(),
    }
}

fn plain_token<'t>(definitions: &Definitions, item: &Item<'t>, system: Option<&'static str>, out: Out<'_, 't>) {
    let boolean = match item {
        Item::Boolean(b) => Some(*b),
        Item::Node(node) => node.value.and_then(Value::boolean),
        _ => None,
    };
    if let Some(boolean) = boolean {
        let code = if boolean { "true" } else { "false" };
        return out(SearchValue::Token { system: Some(SPECIAL.into()), code: Some(code.into()), text: None });
    }
    let system = system.filter(|_| matches!(item, Item::Node(node) if node.id == definitions.known().code));
    if let Some(code) = plain_text(item) {
        out(SearchValue::Token { system: system.map(Cow::Borrowed), code: Some(code), text: None });
    }
}

fn coding<'t>(value: Value<'t>, out: Out<'_, 't>) {
    let (system, code, text) = (value.get_text("system"), value.get_text("code"), value.get_text("display"));
    if code.is_some() || text.is_some() || system.is_some() {
        out(SearchValue::Token { system, code, text });
    }
}

fn token<'t>(definitions: &Definitions, id: TypeId, value: Value<'t>, out: Out<'_, 't>) {
    let known = definitions.known();
    if id == known.coding {
        coding(value, out);
    } else if id == known.codeable_concept {
        value.get("coding").into_iter().flat_map(Value::items).for_each(|c| coding(c, out));
        if let Some(text) = value.get_text("text") {
            out(SearchValue::Token { system: None, code: None, text: Some(text) });
        }
    } else if id == known.identifier {
        identifier(value, out);
    } else if id == known.contact_point {
        if let Some(code) = value.get_text("value") {
            out(SearchValue::Token { system: None, code: Some(code), text: None });
        }
    } else if let Some(concept) = value.get("concept") {
        // `CodeableReference` and its like of later packages.
        token(definitions, known.codeable_concept, concept, out);
    }
}

fn identifier<'t>(value: Value<'t>, out: Out<'_, 't>) {
    let kind = value.get("type");
    let text = kind.and_then(|k| k.get_text("text"));
    let (system, code) = (value.get_text("system"), value.get_text("value"));
    if let Some(value) = &code {
        for coding in kind.and_then(|k| k.get("coding")).into_iter().flat_map(Value::items) {
            if let Some(code) = coding.get_text("code") {
                let system = coding.get_text("system");
                out(SearchValue::TypedIdentifier { system, code, value: value.clone() });
            }
        }
    }
    if code.is_some() || system.is_some() {
        out(SearchValue::Token { system, code, text });
    }
}

fn text<'t>(definitions: &Definitions, id: TypeId, value: Value<'t>, out: Out<'_, 't>) {
    let known = definitions.known();
    let parts: &[&str] = if id == known.human_name {
        &["family", "given", "prefix", "suffix", "text"]
    } else if id == known.address {
        &["line", "city", "district", "state", "postalCode", "country", "text"]
    } else if id == known.codeable_concept || id == known.annotation {
        &["text"]
    } else {
        return;
    };
    for part in parts {
        for text in value.get(part).into_iter().flat_map(Value::each).filter_map(Value::text) {
            out(SearchValue::Text { text, is_joined: false });
        }
    }
    if id == known.human_name
        && value.get("text").is_none()
        && let (Some(family), Some(given)) = (value.get_text("family"), value.get("given"))
    {
        // As Vietnamese names are said: family, middle, given.
        let given = given.items().filter_map(Value::text);
        let all: Vec<_> = std::iter::once(family).chain(given).collect();
        out(SearchValue::Text { text: all.join(" ").into(), is_joined: true });
    }
}

fn reference<'t>(definitions: &Definitions, id: TypeId, value: Value<'t>, out: Out<'_, 't>) {
    let known = definitions.known();
    if id != known.reference {
        // A resource inside: `Bundle.entry[0].resource`.
        let kind = value.get_text("resourceType").and_then(|k| ResourceType::parse(&k));
        if let (Some(target), Some(id)) = (kind, value.get_text("id")) {
            out(SearchValue::Reference { base: "".into(), target, id, version: None });
        }
        return;
    }
    if let Some(text) = value.get_text("reference") {
        literal(text, out);
    }
    let logical = value.get("identifier").and_then(|i| Some((i.get_text("system"), i.get_text("value")?)));
    if let Some((system, value)) = logical {
        out(SearchValue::Identifier { system, value });
    }
}

/// A literal reference; one that names no type of R4 is kept as a URI; a contained one finds nothing.
fn literal<'t>(text: Cow<'t, str>, out: Out<'_, 't>) {
    if text.starts_with('#') {
        return;
    }
    let Some(read) = Target::read(&text) else { return out(SearchValue::Uri(text)) };
    let Some(target) = read.kind.and_then(ResourceType::parse) else { return };
    let value = match &text {
        Cow::Borrowed(text) => match Target::read(text) {
            Some(read) => SearchValue::Reference {
                base: read.base.into(),
                target,
                id: read.id.into(),
                version: read.version.map(Cow::Borrowed),
            },
            None => return,
        },
        Cow::Owned(_) => SearchValue::Reference {
            base: read.base.to_owned().into(),
            target,
            id: read.id.to_owned().into(),
            version: read.version.map(|v| v.to_owned().into()),
        },
    };
    out(value);
}

/// The microseconds a date, dateTime or instant may mean.
fn instant_range(text: &str) -> Option<(i64, i64)> {
    Moment::parse(text, MomentKind::DateTime).map(|m| m.range_micros(DEFAULT_OFFSET))
}

fn period(value: Value<'_>) -> Option<(i64, i64)> {
    let edge = |name: &str| value.get_text(name).and_then(|t| instant_range(&t));
    let (start, end) = (edge("start"), edge("end"));
    if start.is_none() && end.is_none() {
        return None;
    }
    Some((start.map_or(i64::MIN, |(low, _)| low), end.map_or(i64::MAX, |(_, high)| high)))
}

fn date<'t>(definitions: &Definitions, item: &Item<'t>, object: Option<Value<'t>>, out: Out<'_, 't>) {
    let known = definitions.known();
    let range = match (item, object) {
        (Item::Node(node), Some(value)) if node.id == known.timing => {
            // Only the outer limits of a schedule count.
            let events = value.get("event").into_iter().flat_map(Value::items).filter_map(Value::text);
            let bounds = value.get("repeat").and_then(|r| r.get("boundsPeriod")).and_then(period);
            let ranges = events.filter_map(|t| instant_range(&t)).chain(bounds);
            ranges.reduce(|(a, b), (c, d)| (a.min(c), b.max(d)))
        }
        (_, Some(value)) => period(value),
        (item, None) => plain_text(item).and_then(|t| instant_range(&t)),
    };
    if let Some((low, high)) = range {
        out(SearchValue::Date { low, high });
    }
}

/// What a decimal as written may mean: half a digit to either side; an integer means itself.
fn spread(value: Decimal) -> (Decimal, Decimal) {
    let half = if value.scale() == 0 { None } else { value.half_step() };
    half.and_then(|h| Some((value.checked_sub(h)?, value.checked_add(h)?))).unwrap_or((value, value))
}

type Bounds = (Option<Decimal>, Option<Decimal>);

/// Bounds of a `Range`: its low and high quantities.
fn range(value: Value<'_>) -> Option<Bounds> {
    let edge = |name: &str| value.get(name)?.get("value")?.number().and_then(Decimal::parse);
    let (low, high) = (edge("low"), edge("high"));
    (low.is_some() || high.is_some()).then(|| (low.map(|l| spread(l).0), high.map(|h| spread(h).1)))
}

fn number<'t>(definitions: &Definitions, item: &Item<'t>, object: Option<Value<'t>>, out: Out<'_, 't>) {
    let bounds = match object {
        Some(value) => range(value),
        None => match item.plain(definitions) {
            Some(Item::Integer(n)) => Some((Some(Decimal::whole(n)), Some(Decimal::whole(n)))),
            Some(Item::Decimal(d)) => Some(spread(d)).map(|(l, h)| (Some(l), Some(h))),
            _ => None,
        },
    };
    if let Some((low, high)) = bounds {
        out(SearchValue::Number { low, high });
    }
}

fn quantity<'t>(definitions: &Definitions, id: TypeId, value: Value<'t>, out: Out<'_, 't>) {
    let known = definitions.known();
    let number = |v: Value<'t>| v.get("value").and_then(Value::number).and_then(Decimal::parse);
    if id == known.range {
        let Some((low, high)) = range(value) else { return };
        let unit = value.get("low").or_else(|| value.get("high"));
        let part = |name: &str| unit.and_then(|u| u.get_text(name));
        return out(SearchValue::Quantity {
            low,
            high,
            system: part("system"),
            code: part("code"),
            unit: part("unit"),
        });
    }
    let Some(exact) = number(value) else { return };
    let (low, high) = spread(exact);
    if id == known.money {
        let code = value.get_text("currency");
        let system = code.as_ref().map(|_| Cow::Borrowed(CURRENCIES));
        return out(SearchValue::Quantity { low: Some(low), high: Some(high), system, code, unit: None });
    }
    let (low, high) = match value.get_text("comparator").as_deref() {
        Some("<" | "<=") => (None, Some(high)),
        Some(">" | ">=") => (Some(low), None),
        _ => (Some(low), Some(high)),
    };
    let part = |name: &str| value.get_text(name);
    out(SearchValue::Quantity { low, high, system: part("system"), code: part("code"), unit: part("unit") });
}

fn position<'t>(value: Value<'t>, out: Out<'_, 't>) {
    let degrees = |name: &str| value.get(name).and_then(Value::number).and_then(Decimal::parse);
    if let (Some(latitude), Some(longitude)) = (degrees("latitude"), degrees("longitude")) {
        out(SearchValue::Position { latitude, longitude });
    }
}
