//! Bindings, invariants and patterns of an element.

use super::read::{Known, list};
use super::{BindingRule, Invariant, Rules};
use crate::definitions::Strength;
use crate::path::{Expression, Mode};
use crate::tree::Value;
use std::sync::Arc;

pub(super) fn binding(binding: Value<'_>) -> Option<BindingRule> {
    let strength = match binding.get_text("strength").as_deref() {
        Some("required") => Strength::Required,
        Some("extensible") => Strength::Extensible,
        Some("preferred") => Strength::Preferred,
        _ => Strength::Example,
    };
    let set = binding.get_text("valueSet")?.into_owned();
    let is_max = |e: &Value<'_>| e.get_text("url").is_some_and(|u| u.ends_with("/elementdefinition-maxValueSet"));
    let max = list(binding, "extension").find(is_max);
    let max = max.and_then(|e| e.get_text("valueCanonical").or_else(|| e.get_text("valueUri"))).map(|u| u.into_owned());
    Some(BindingRule { strength, set, max })
}

pub(super) fn is_base_binding(binding: &BindingRule, known: &Known<'_>) -> bool {
    let Some(of) = known.base.and_then(|b| b.binding) else { return false };
    let url = |n: u16| known.definitions.value_sets[usize::from(n)].url;
    let plain = |u: &str| u.split('|').next().unwrap_or_default().to_owned();
    of.strength == binding.strength
        && url(of.value_set) == plain(&binding.set)
        && of.max.map(url) == binding.max.as_deref().map(plain).as_deref()
}

pub(super) fn invariant(rules: &mut Rules, constraint: Value<'_>, known: &Known<'_>) {
    let get = |name: &str| constraint.get_text(name).unwrap_or_default().into_owned();
    let (key, text) = (get("key"), get("expression"));
    let of_element = known.base.map_or(&[] as &[u16], |b| &b.constraints);
    let of_type = &known.definitions.get(known.kind).constraints;
    let mut said = of_element.iter().chain(of_type).map(|n| known.definitions.constraints[usize::from(*n)].key);
    let is_known = said.any(|k| k == key) || matches!(key.as_str(), "ele-1" | "ext-1" | "sqty-1");
    if text.is_empty() || is_known || rules.invariants.iter().any(|i| i.key == key) {
        return;
    }
    let is_practice = list(constraint, "extension").any(|e| {
        e.get_text("url").is_some_and(|u| u.ends_with("/elementdefinition-bestpractice"))
            && e.get("valueBoolean").and_then(Value::boolean) == Some(true)
    });
    let compiled = Expression::compile(&text, known.definitions, known.kind, Mode::Lenient);
    rules.invariants.push(Arc::new(Invariant {
        key,
        is_error: get("severity") != "warning",
        is_practice,
        human: get("human"),
        expression: compiled.map_err(|e| e.to_string()),
    }));
}

/// The patterns that an element or its types tell by the extension `regex`: what is written meets one.
pub(super) fn patterns(rules: &mut Rules, element: Value<'_>, known: &Known<'_>) {
    let of = |holder: Value<'_>| {
        let is = |e: &Value<'_>| e.get_text("url").as_deref() == Some("http://hl7.org/fhir/StructureDefinition/regex");
        list(holder, "extension").find(is).and_then(|e| e.get_text("valueString")).map(|p| p.into_owned())
    };
    let types = list(element, "type").filter_map(of).collect::<Vec<_>>();
    // What only some of the types tell is not asked of the others.
    let of_types = if types.len() == list(element, "type").count() { types } else { Vec::new() };
    for patterns in [of(element).into_iter().collect(), of_types] {
        if patterns.is_empty() {
            continue;
        }
        let one = |p: &String| format!("toString().matchesFull('{}')", p.replace('\\', "\\\\").replace('\'', "\\'"));
        let any: Vec<_> = patterns.iter().map(one).collect();
        let text = format!("hasValue() implies ({})", any.join(" or "));
        let human = format!("the value is written as `{}`", patterns.join("` or `"));
        if rules.invariants.iter().any(|i| i.human == human) {
            continue;
        }
        let expression = Expression::compile(&text, known.definitions, known.kind, Mode::Lenient);
        rules.invariants.push(Arc::new(Invariant {
            key: "regex".into(),
            is_error: true,
            is_practice: false,
            human,
            expression: expression.map_err(|e| e.to_string()),
        }));
    }
}
