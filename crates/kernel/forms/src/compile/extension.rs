//! Extensions and other parts of an item, read one by one.

use super::{CORE, SDC};
use crate::form::{Control, Words};
use crate::value::{Coding, coding};
use mach_base::Day;
use mach_fhir::terminology::{self, CodeSystem, Entry, Shelf, ValueSet};
use mach_fhir::{Tree, tree};

pub(super) fn text(of: tree::Value<'_>, name: &str) -> String {
    of.get_text(name).unwrap_or_default().into_owned()
}

pub(super) fn list<'t>(of: tree::Value<'t>, name: &str) -> impl Iterator<Item = tree::Value<'t>> + use<'t> {
    of.get(name).into_iter().flat_map(tree::Value::items)
}

/// The extensions of an element with one URL.
pub(super) fn extensions<'t>(
    of: tree::Value<'t>,
    base: &str,
    name: &str,
) -> impl Iterator<Item = tree::Value<'t>> + use<'t> {
    let url = format!("{base}{name}");
    list(of, "extension").filter(move |e| e.get_text("url").as_deref() == Some(url.as_str()))
}

pub(super) fn flag(of: tree::Value<'_>, base: &str, name: &str) -> Option<bool> {
    extensions(of, base, name).next()?.get("valueBoolean")?.boolean()
}

pub(super) fn number(of: tree::Value<'_>, base: &str, name: &str) -> Option<usize> {
    let extension = extensions(of, base, name).next()?;
    extension.get("valueInteger").or_else(|| extension.get("valuePositiveInt"))?.number()?.parse().ok()
}

/// A text and its translations, which stand in the twin `_name`.
pub(super) fn words(of: tree::Value<'_>, name: &str) -> Words {
    let mut words = Words { own: text(of, name), others: Vec::new() };
    let Some(twin) = of.get(&format!("_{name}")) else { return words };
    for translation in extensions(twin, CORE, "translation") {
        let part = |url: &str| {
            let found = list(translation, "extension").find(|e| e.get_text("url").as_deref() == Some(url))?;
            found.members().find(|(n, _)| n.starts_with("value")).and_then(|(_, v)| v.text()).map(|t| t.into_owned())
        };
        if let (Some(lang), Some(content)) = (part("lang"), part("content")) {
            let lang = lang.split('-').next().unwrap_or_default().to_owned();
            words.others.push((lang, content));
        }
    }
    words
}

pub(super) fn period(root: tree::Value<'_>) -> (Option<Day>, Option<Day>) {
    let Some(period) = root.get("effectivePeriod") else { return (None, None) };
    let day = |name: &str| period.get_text(name).and_then(|t| Day::parse_iso(t.get(..10)?));
    (day("start"), day("end"))
}

/// The value sets and code systems within the form, those without a URL by `#id`.
pub(super) fn contained(root: tree::Value<'_>) -> Shelf {
    let mut shelf = Shelf::default();
    for resource in list(root, "contained") {
        let raw = resource.raw().to_owned();
        let again = |raw: &str| Tree::parse(raw.to_owned()).map_err(|e| terminology::Problem::Invalid(e.to_string()));
        let url = text(resource, "url");
        let local = format!("#{}", text(resource, "id"));
        match resource.get_text("resourceType").as_deref() {
            Some("ValueSet") => {
                for url in [url, local].iter().filter(|u| !u.is_empty()) {
                    let raw = raw.clone();
                    shelf.add_set(Entry::new(url, "", move || ValueSet::read(again(&raw)?.root())));
                }
            }
            Some("CodeSystem") => {
                let entry = Entry::new(&url, "", move || CodeSystem::read(again(&raw)?.root()));
                shelf.add_system(entry, &text(resource, "valueSet"));
            }
            _ => {}
        }
    }
    shelf
}

pub(super) fn control(value: tree::Value<'_>) -> (Control, String) {
    let codes = extensions(value, CORE, "questionnaire-itemControl")
        .filter_map(|e| e.get("valueCodeableConcept"))
        .flat_map(|c| list(c, "coding").map(coding).collect::<Vec<_>>());
    let mut found = (Control::Usual, String::new());
    for code in codes {
        let control = match code.code.as_str() {
            "radio-button" => Control::Radio,
            "check-box" => Control::Check,
            "drop-down" => Control::Select,
            "help" | "flyover" => Control::Help,
            "photo" => Control::Photo,
            "drawing" => Control::Drawing,
            "signature" => Control::Signature,
            _ => Control::Usual,
        };
        if control != Control::Usual {
            found = (control, code.code);
        }
    }
    if found.0 == Control::Usual && extensions(value, CORE, "questionnaire-signatureRequired").next().is_some() {
        found.0 = Control::Signature;
    }
    found
}

pub(super) fn units(value: tree::Value<'_>) -> Vec<Coding> {
    let of = |name: &str| {
        let found = extensions(value, CORE, name).filter_map(|e| e.get("valueCoding"));
        found.map(coding).collect::<Vec<_>>()
    };
    let mut units = of("questionnaire-unit");
    for unit in of("questionnaire-unitOption") {
        if !units.contains(&unit) {
            units.push(unit);
        }
    }
    units
}

/// The category of Observations made of an item (SDC).
pub(super) fn categories(value: tree::Value<'_>) -> Vec<Coding> {
    extensions(value, SDC, "sdc-questionnaire-observation-extract-category")
        .filter_map(|e| e.get("valueCodeableConcept"))
        .flat_map(|c| list(c, "coding").map(coding).collect::<Vec<_>>())
        .collect()
}

/// `sdc-questionnaire-observationLinkPeriod` in days; part of a day counts as one.
pub(super) fn link_days(value: tree::Value<'_>) -> Option<i64> {
    let period = extensions(value, SDC, "sdc-questionnaire-observationLinkPeriod").next()?.get("valueDuration")?;
    let number: i64 = period.get("value")?.number()?.split('.').next()?.parse().ok()?;
    Some(match period.get_text("code").as_deref() {
        Some("a") => number * 366,
        Some("mo") => number * 31,
        Some("wk") => number * 7,
        Some("d") | None => number,
        _ => 1,
    })
}
