//! What a resource is found by, from its tree to the store's values.

use crate::refusal::Refusal;
use crate::unions;
use crate::units::{UCUM, based};
use mach_fhir::definitions::{self, ParamKind, SearchParam};
use mach_fhir::index::Param;
use mach_fhir::path::PathError;
use mach_fhir::path::quantity::base_units;
use mach_fhir::search::{Extractor, SearchValue};
use mach_fhir::{Decimal, ResourceType, Tree};
use mach_store::resources::Value;
use mach_store::search::number::sortable;
use mach_store::search::value::{CANONICAL, UNIT_TEXT};

/// Seconds by which local minutes are ahead of UTC.
const LOCAL: i64 = 7 * 3600;
/// Seconds that stand for an open end: so far away that nothing lies beyond, so near that the length of a period can be
/// reckoned.
const FAR: i64 = 1 << 61;

/// What the store wants to know of a resource.
#[derive(Clone, Debug, Default)]
pub struct Extract {
    /// Everything it is found by.
    pub values: Vec<Value>,
    /// Id of the Patient it belongs to, where it says so.
    pub patient: Option<String>,
    /// Its clinical time, minutes of local time.
    pub date: Option<i64>,
}

/// Reads a resource. `base` is this server's URL: references to it are references to resources here.
///
/// # Errors
/// 422 where a search parameter cannot be computed on it: no valid resource gives that.
pub fn extract(kind: ResourceType, tree: &Tree<'_>, base: &str) -> Result<Extract, Refusal> {
    let found = mach_fhir::search::extract(kind, tree)
        .map_err(|e| Refusal::unprocessable("structure", format!("the resource cannot be indexed: {e}")))?;
    let r4 = definitions::r4();
    let mut values = Vec::with_capacity(found.len());
    for one in &found {
        // These two are columns of the resource itself.
        if matches!(one.code, "_id" | "_lastUpdated") {
            continue;
        }
        if unions::of(Param(one.number)).is_some() {
            continue;
        }
        let is_reference = || r4.param(kind.name(), one.code).is_some_and(|p| p.kind == ParamKind::Reference);
        push(&mut values, Param(one.number), &one.value, base, &is_reference);
    }
    let places = r4.compartment("Patient", kind.name()).unwrap_or_default();
    let patient = values.iter().find_map(|v| match v {
        Value::Reference { param, target: ResourceType::PATIENT, id }
            if places.iter().any(|p| r4.param(kind.name(), p).is_some_and(|p| p.number == param.0)) =>
        {
            Some(id.clone())
        }
        _ => None,
    });
    let date = values.iter().find_map(|v| match v {
        Value::Date { param: Param::DATE, low, .. } if *low > -FAR => Some((low + LOCAL).div_euclid(60)),
        _ => None,
    });
    Ok(Extract { values, patient, date })
}

/// The values of a parameter that others defined.
///
/// # Errors
/// Where its expression has no answer on the resource.
pub fn by(extractor: &Extractor, param: &SearchParam, tree: &Tree<'_>) -> Result<Vec<Value>, PathError> {
    let mut values = Vec::new();
    for one in &extractor.extract(definitions::r4(), tree)? {
        push(&mut values, Param(one.number), &one.value, "", &|| param.kind == ParamKind::Reference);
    }
    Ok(values)
}

fn push(out: &mut Vec<Value>, param: Param, value: &SearchValue<'_>, base: &str, is_reference: &dyn Fn() -> bool) {
    match value {
        SearchValue::Token { system, code, text } => {
            if code.is_some() || system.is_some() {
                out.push(Value::Token { param, system: owned(system), code: owned(code) });
            }
            if let Some(text) = text {
                out.push(Value::Shown { param, text: text.to_string() });
            }
        }
        SearchValue::TypedIdentifier { system, code, value } => {
            out.push(Value::Second { param, system: owned(system), code: format!("{code}|{value}") });
        }
        SearchValue::Identifier { system, value } => {
            out.push(Value::Second { param, system: owned(system), code: value.to_string() });
        }
        SearchValue::Text { text, is_joined: true } => out.push(Value::Joined { param, text: text.to_string() }),
        SearchValue::Text { text, .. } => out.push(Value::Text { param, text: mach_base::text::nfc(text) }),
        SearchValue::Quantity { code, unit, .. } => {
            out.extend(single(param, value, base));
            out.extend(in_base_units(param, value));
            // The printed unit finds it too, where it is not the code itself.
            if let (Some(unit), Some(Value::Quantity { low, high, .. })) = (unit, single(param, value, base))
                && code.as_ref() != Some(unit)
            {
                out.push(Value::Quantity { param, low, high, system: UNIT_TEXT.to_owned(), unit: unit.to_string() });
            }
        }
        SearchValue::Uri(uri) if is_reference() => {
            out.push(Value::Url { param, url: uri.to_string() });
            // A canonical written as a relative reference is found as one.
            if let Some((target, id)) = uri.split_once('/')
                && let Some(target) = ResourceType::parse(target).filter(|_| crate::write::is_id(id))
            {
                out.push(Value::Reference { param, target, id: id.to_owned() });
            }
            if let Some((plain, _)) = uri.split_once('|') {
                out.push(Value::Url { param, url: plain.to_owned() });
            }
        }
        SearchValue::Composite(parts) => {
            if let [first, second, third] = parts.as_slice() {
                return triples(out, param, [first, second, third]);
            }
            let [first, second] = parts.as_slice() else { return };
            for first in first.iter().filter_map(first_of_pair) {
                let seconds = second.iter().filter_map(|s| single(param, s, base));
                out.extend(seconds.map(|s| Value::Pair { param, first: first.clone(), second: Box::new(s) }));
            }
        }
        SearchValue::Position { latitude, longitude } => {
            if let Some(numbers) = crate::near::kept(*latitude, *longitude) {
                out.push(Value::Triple { param, first: Default::default(), numbers });
            }
        }
        other => out.extend(single(param, other, base)),
    }
}

/// A quantity with a UCUM code in base units, where its own is none: what is compared across units.
fn in_base_units(param: Param, value: &SearchValue<'_>) -> Option<Value> {
    let SearchValue::Quantity { low, high, system, code: Some(code), .. } = value else { return None };
    if system.as_deref() != Some(UCUM) || base_units(code)?.is_itself() {
        return None;
    }
    let (low, high) = written(*low, *high);
    let (low, high, unit) = based(code, low, high)?;
    Some(Value::Quantity { param, low, high, system: CANONICAL.to_owned(), unit })
}

/// A code and two numbers of one element.
fn triples(out: &mut Vec<Value>, param: Param, [first, second, third]: [&Vec<SearchValue<'_>>; 3]) {
    let number = |value: &SearchValue<'_>| match value {
        SearchValue::Number { low, high } => Some(ends(*low, *high).0),
        _ => None,
    };
    for first in first.iter().filter_map(first_of_pair) {
        for a in second.iter().filter_map(number) {
            for b in third.iter().filter_map(number) {
                out.push(Value::Triple { param, first: first.clone(), numbers: [a, b, 0] });
            }
        }
    }
}

/// A value that makes one row.
fn single(param: Param, value: &SearchValue<'_>, base: &str) -> Option<Value> {
    Some(match value {
        SearchValue::Token { system, code: Some(code), .. } => {
            Value::Token { param, system: owned(system), code: code.to_string() }
        }
        SearchValue::Text { text, .. } => Value::Text { param, text: mach_base::text::nfc(text) },
        SearchValue::Reference { base: of, target, id, .. } if of.is_empty() || of == base => {
            Value::Reference { param, target: *target, id: id.to_string() }
        }
        SearchValue::Reference { base: of, target, id, .. } => {
            Value::Url { param, url: format!("{of}/{}/{id}", target.name()) }
        }
        SearchValue::Date { low, high } => {
            let seconds = |micros: i64| micros.div_euclid(1_000_000);
            Value::Date {
                param,
                low: if *low == i64::MIN { -FAR } else { seconds(*low) },
                high: if *high == i64::MAX { FAR } else { seconds(*high - 1) },
            }
        }
        SearchValue::Number { low, high } => {
            let (low, high) = ends(*low, *high);
            Value::Quantity { param, low, high, system: String::new(), unit: String::new() }
        }
        SearchValue::Quantity { low, high, system, code, unit } => {
            let (low, high) = ends(*low, *high);
            let unit = if code.is_some() || system.is_some() { owned(code) } else { owned(unit) };
            Value::Quantity { param, low, high, system: owned(system), unit }
        }
        SearchValue::Uri(uri) => Value::Uri { param, uri: uri.to_string() },
        _ => return None,
    })
}

fn first_of_pair(value: &SearchValue<'_>) -> Option<(String, String)> {
    match value {
        SearchValue::Token { system, code: Some(code), .. } => Some((owned(system), code.to_string())),
        SearchValue::Reference { target, id, .. } => Some((target.name().to_owned(), id.to_string())),
        _ => None,
    }
}

fn owned(text: &Option<std::borrow::Cow<'_, str>>) -> String {
    text.as_ref().map(ToString::to_string).unwrap_or_default()
}

/// The ends of a value as sortable numbers.
fn ends(low: Option<Decimal>, high: Option<Decimal>) -> (i64, i64) {
    let code = |d: Decimal| sortable(d.units(), d.scale());
    let (low, high) = written(low, high);
    (low.map_or(i64::MIN, code), high.map_or(i64::MAX, code))
}

/// The ends of a value. A number as written stands for itself (R4: prefixes take it as exact); what it may mean by its last
/// digit is taken off again, and only ranges stay ranges.
fn written(low: Option<Decimal>, high: Option<Decimal>) -> (Option<Decimal>, Option<Decimal>) {
    if let (Some(low), Some(high)) = (low, high)
        && low.scale() == high.scale()
        && low.scale() > 0
        && high.units() - low.units() == 10
        && low.units() % 5 == 0
        && low.units() % 10 != 0
        && let Some(exact) = Decimal::new(low.units() + 5, low.scale())
    {
        return (Some(exact), Some(exact));
    }
    (low, high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_numbers_stand_for_themselves() {
        let d = |t: &str| Decimal::parse(t);
        let exact = |t: &str| d(t).map(|d| sortable(d.units(), d.scale())).unwrap();
        assert_eq!(ends(d("5.395"), d("5.405")), (exact("5.40"), exact("5.40")));
        assert_eq!(ends(d("-0.05"), d("0.05")), (0, 0));
        assert_eq!(ends(d("7"), d("7")), (exact("7"), exact("7")));
        assert_eq!(ends(d("1.45"), d("2.55")), (exact("1.45"), exact("2.55")));
        assert_eq!(ends(None, d("5")), (i64::MIN, exact("5")));
    }
}
