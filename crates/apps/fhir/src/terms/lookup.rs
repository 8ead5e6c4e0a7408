//! `CodeSystem/$lookup` and `CodeSystem/$subsumes`.

use super::given::Coding;
use super::{Task, wanted};
use crate::refusal::Refusal;
use axum::http::StatusCode;
use mach_fhir::json::Writer;
use mach_fhir::terminology::CodeSystem;
use mach_fhir::terminology::grammar::{Grammar, same_language};
use mach_fhir::terminology::system::{Concept, Content};
use std::sync::Arc;

fn unknown(coding: &Coding, system: &str) -> Refusal {
    Refusal::new(
        StatusCode::NOT_FOUND,
        "not-found",
        format!("`{}` is no code of `{system}` that is known here", coding.code),
    )
}

/// One part of a Parameters: name and value.
fn part(l: &mut Writer<'_>, name: &str, kind: &'static str, value: &str) {
    l.item(|w| {
        w.text("name", name);
        match kind {
            "valueBoolean" | "valueInteger" | "valueDecimal" => w.raw(kind, value),
            _ => w.text(kind, value),
        };
    });
}

/// Runs `$lookup`.
///
/// # Errors
/// 400 where no code is named, 404 where system or code are not known here.
pub fn lookup(task: &Task) -> Result<String, Refusal> {
    let given = &task.given;
    let coding = match (given.text("code")?, given.coding("coding")?) {
        (Some(code), None) => Coding { code, system: given.text("system")?, ..Coding::default() },
        (None, Some(coding)) => coding,
        (None, None) => return Err(wanted("`code` and `system`, or `coding`, are missing: which code?")),
        _ => return Err(Refusal::invalid("send either `code` or `coding`")),
    };
    let system = coding.system.clone().ok_or_else(|| wanted("`system` is missing: a code alone means nothing"))?;
    let version = given.text("version")?.or_else(|| coding.version.clone());
    let (language, properties) = (task.language()?, given.texts("property")?);
    let found = task.library.system(&system, version.as_deref());
    if let (true, Some(grammar)) = (found.as_ref().map_or(true, |s| s.is_empty()), Grammar::of(&system)) {
        if !grammar.holds(&coding.code) {
            return Err(unknown(&coding, &system));
        }
        return Ok(of_grammar(&system, &coding.code));
    }
    let found = found?;
    let concept = found.find(&coding.code).ok_or_else(|| unknown(&coding, &system))?;
    if !concept.holds(Some(task.day()?)) && given.text("date")?.is_some() {
        return Err(unknown(&coding, &system));
    }
    Ok(described(concept, language.as_deref(), &properties))
}

fn of_grammar(system: &str, code: &str) -> String {
    let mut out = String::new();
    Writer::object(&mut out, |w| {
        w.text("resourceType", "Parameters");
        w.list("parameter", |l| {
            part(l, "name", "valueString", system);
            part(l, "display", "valueString", code);
        });
    });
    out
}

fn described(concept: Concept<'_>, language: Option<&str>, asked: &[String]) -> String {
    let head = &concept.system.head;
    let wants = |name: &str| asked.is_empty() || asked.iter().any(|a| a == name || a == "*");
    let mut out = String::new();
    Writer::object(&mut out, |w| {
        w.text("resourceType", "Parameters");
        w.list("parameter", |l| {
            let name = [&head.title, &head.name, &head.url].into_iter().find(|t| !t.is_empty());
            part(l, "name", "valueString", name.map_or("", |n| n));
            if !head.version.is_empty() {
                part(l, "version", "valueString", &head.version);
            }
            let display = Some(concept.display_in(language)).filter(|d| !d.is_empty()).unwrap_or(concept.code());
            part(l, "display", "valueString", display);
            let lang = |d: &str| asked.iter().any(|a| a.strip_prefix("lang.").is_some_and(|l| same_language(d, l)));
            for words in concept.designations().filter(|d| wants("designation") || lang(d.language)) {
                designation(l, words.language, words.used, words.value);
            }
            if wants("designation") && !concept.display().is_empty() && !head.language.is_empty() {
                let used = ("http://terminology.hl7.org/CodeSystem/designation-usage", "display");
                designation(l, &head.language, used, concept.display());
            }
            let mut property = |name: &str, kind: &str, value: &str, system: &str| {
                if wants(name) {
                    self::property(l, name, kind, value, system);
                }
            };
            if !concept.definition().is_empty() {
                property("definition", "string", concept.definition(), "");
            }
            let of_use = |name: &str| concept.properties().any(|p| p.name == name);
            if !of_use("inactive") {
                property("inactive", "boolean", if concept.is_inactive() { "true" } else { "false" }, "");
            }
            if !of_use("abstract") {
                property("abstract", "boolean", if concept.is_abstract() { "true" } else { "false" }, "");
            }
            let (from, to) = concept.valid();
            for (name, day) in [("valid-from", from), ("valid-to", to)] {
                if let (Some(day), false) = (day, of_use(name)) {
                    property(name, "dateTime", &day.to_string(), "");
                }
            }
            concept.properties().for_each(|p| property(p.name, p.kind, p.value, p.system));
            concept.parents().for_each(|p| property("parent", "code", p.code(), ""));
            concept.children().for_each(|c| property("child", "code", c.code(), ""));
        });
    });
    out
}

fn designation(l: &mut Writer<'_>, language: &str, (use_system, use_code): (&str, &str), value: &str) {
    l.item(|w| {
        w.text("name", "designation");
        w.list("part", |l| {
            if !language.is_empty() {
                part(l, "language", "valueCode", language);
            }
            if !use_code.is_empty() {
                l.item(|w| {
                    w.text("name", "use").nested("valueCoding", |w| {
                        w.text_if("system", use_system).text("code", use_code);
                    });
                });
            }
            part(l, "value", "valueString", value);
        });
    });
}

fn property(l: &mut Writer<'_>, name: &str, kind: &str, value: &str, system: &str) {
    l.item(|w| {
        w.text("name", "property");
        w.list("part", |l| {
            part(l, "code", "valueCode", name);
            match kind {
                "Coding" => {
                    l.item(|w| {
                        w.text("name", "value").nested("valueCoding", |w| {
                            w.text_if("system", system).text("code", value);
                        });
                    });
                }
                "boolean" => part(l, "value", "valueBoolean", value),
                "integer" => part(l, "value", "valueInteger", value),
                "decimal" => part(l, "value", "valueDecimal", value),
                "code" => part(l, "value", "valueCode", value),
                "dateTime" => part(l, "value", "valueDateTime", value),
                _ => part(l, "value", "valueString", value),
            }
        });
    });
}

/// Runs `$subsumes`.
///
/// # Errors
/// 400 where codes are missing or of two systems, 404 where system or codes are not known here.
pub fn subsumes(task: &Task) -> Result<String, Refusal> {
    let given = &task.given;
    let side = |code: &str, coding: &str| -> Result<Coding, Refusal> {
        match (given.text(code)?, given.coding(coding)?) {
            (Some(text), None) => Ok(Coding { code: text, ..Coding::default() }),
            (None, Some(found)) => Ok(found),
            (Some(_), Some(_)) => Err(Refusal::invalid(format!("send either `{code}` or `{coding}`"))),
            (None, None) => Err(wanted(&format!("`{code}` or `{coding}` is missing"))),
        }
    };
    let (a, b) = (side("codeA", "codingA")?, side("codeB", "codingB")?);
    let named = given.text("system")?;
    let found: Arc<CodeSystem> = match &task.instance {
        Some(resource) => task.shelves.system(resource)?,
        None => {
            let system = named.clone().or_else(|| a.system.clone()).or_else(|| b.system.clone());
            let system = system.ok_or_else(|| wanted("`system` is missing: codes alone mean nothing"))?;
            task.library.system(&system, given.text("version")?.as_deref())?
        }
    };
    let url = &found.head.url;
    for other in [&named, &a.system, &b.system].into_iter().flatten() {
        if **other != **url {
            let text = format!("codes of `{url}` and `{other}` cannot be compared: name one system");
            return Err(Refusal::invalid(text).at("system"));
        }
    }
    if found.head.content == Content::NotPresent {
        let text = format!("the content of code system `{url}` is not known here");
        return Err(Refusal::new(StatusCode::NOT_FOUND, "not-found", text));
    }
    let concept = |c: &Coding| found.find(&c.code).ok_or_else(|| unknown(c, url));
    let (a, b) = (concept(&a)?, concept(&b)?);
    let outcome = match (a.at == b.at, b.is_a(a), a.is_a(b)) {
        (true, ..) => "equivalent",
        (_, true, _) => "subsumes",
        (_, _, true) => "subsumed-by",
        _ => "not-subsumed",
    };
    let mut out = String::new();
    Writer::object(&mut out, |w| {
        w.text("resourceType", "Parameters");
        w.list("parameter", |l| part(l, "outcome", "valueCode", outcome));
    });
    Ok(out)
}
