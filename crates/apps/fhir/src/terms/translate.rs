//! `ConceptMap/$translate`.

use super::given::Coding;
use super::{Task, parsed, wanted};
use crate::refusal::Refusal;
use mach_fhir::json::Writer;
use mach_fhir::terminology::ConceptMap;
use mach_fhir::terminology::map::{Match, Question, is_match};
use std::sync::Arc;

/// Maps that one map may hand a code on to.
const HANDED_ON: usize = 8;

/// Runs the operation.
///
/// # Errors
/// 400 where no code is named, 404 where the concept map is not known here.
pub fn run(task: &Task) -> Result<String, Refusal> {
    let given = &task.given;
    let codings: Vec<Coding> = match (given.text("code")?, given.coding("coding")?, given.concept("codeableConcept")?) {
        (Some(code), None, None) => {
            let system =
                given.text("system")?.ok_or_else(|| wanted("`system` is missing: a code alone means nothing"))?;
            vec![Coding { code, system: Some(system), ..Coding::default() }]
        }
        (None, Some(coding), None) => vec![coding],
        (None, None, Some(codings)) => codings,
        (None, None, None) => return Err(wanted("`code`, `coding` or `codeableConcept` is missing: which code?")),
        _ => return Err(Refusal::invalid("send one of `code`, `coding` and `codeableConcept`")),
    };
    let reverse = given.flag("reverse")?.unwrap_or(false);
    let (source, target) = (given.text("source")?, given.text("target")?);
    let target_system = given.text("targetsystem")?;
    let known = given.dependencies();
    let named = named(task)?;
    let maps = match &named {
        Some(map) => vec![Arc::clone(map)],
        None => {
            if target.is_none() && target_system.is_none() && source.is_none() {
                return Err(wanted("name the map by `url`, or what to translate to by `target` or `targetsystem`"));
            }
            let fits = |have: &str, want: &Option<String>| want.as_deref().is_none_or(|w| url(w) == url(have));
            let turned = |m: &ConceptMap| {
                if reverse {
                    (m.target.to_string(), m.source.to_string())
                } else {
                    (m.source.to_string(), m.target.to_string())
                }
            };
            let all = task.library.maps().into_iter();
            all.filter(|m| fits(&turned(m).0, &source) && fits(&turned(m).1, &target)).collect()
        }
    };
    let mut found: Vec<Match> = Vec::new();
    for coding in &codings {
        let question = Question {
            system: coding.system.as_deref().unwrap_or_default(),
            code: &coding.code,
            target_system: target_system.as_deref(),
            reverse,
            known: &known,
        };
        for map in &maps {
            found.extend(asked(task, map, question)?);
        }
    }
    found.dedup();
    Ok(answer(&found, &codings))
}

/// The map of the address, sent along, or named by its URL.
fn named(task: &Task) -> Result<Option<Arc<ConceptMap>>, Refusal> {
    if let Some(resource) = &task.instance {
        return task.shelves.map(resource).map(Some);
    }
    if let Some(sent) = task.given.resource("conceptMap", "ConceptMap")? {
        return Ok(Some(Arc::new(ConceptMap::read(parsed(sent.raw())?.root())?)));
    }
    let Some(url) = task.given.text("url")? else { return Ok(None) };
    Ok(Some(task.library.map(&url, task.given.text("conceptMapVersion")?.as_deref())?))
}

fn url(canonical: &str) -> &str {
    canonical.split('|').next().unwrap_or(canonical)
}

/// The matches of one map, and of those it hands the code on to.
fn asked(task: &Task, map: &Arc<ConceptMap>, question: Question<'_>) -> Result<Vec<Match>, Refusal> {
    let mut out = Vec::new();
    let mut waiting = vec![Arc::clone(map)];
    let mut seen = vec![map.url.clone()];
    while let Some(map) = waiting.pop() {
        let mut others = Vec::new();
        out.extend(map.translate(question, &mut others));
        for other in others {
            if seen.contains(&other) {
                continue;
            }
            if seen.len() > HANDED_ON {
                return Err(Refusal::too_costly("concept maps hand a code on too often"));
            }
            waiting.push(task.library.map(&other, None)?);
            seen.push(other);
        }
    }
    Ok(out)
}

fn answer(found: &[Match], codings: &[Coding]) -> String {
    let result = found.iter().any(|m| is_match(&m.equivalence));
    let mut out = String::new();
    Writer::object(&mut out, |w| {
        w.text("resourceType", "Parameters");
        w.list("parameter", |l| {
            l.item(|w| {
                w.text("name", "result").raw("valueBoolean", result);
            });
            if !result {
                let codes: Vec<&str> = codings.iter().map(|c| c.code.as_str()).collect();
                let text = format!("no map known here translates `{}`", codes.join("`, `"));
                l.item(|w| {
                    w.text("name", "message").text("valueString", &text);
                });
            }
            for one in found {
                l.item(|w| {
                    w.text("name", "match").list("part", |l| parts(l, one));
                });
            }
        });
    });
    out
}

fn parts(l: &mut Writer<'_>, one: &Match) {
    if !one.equivalence.is_empty() {
        l.item(|w| {
            w.text("name", "equivalence").text("valueCode", &one.equivalence);
        });
    }
    if !one.code.is_empty() {
        l.item(|w| {
            w.text("name", "concept").nested("valueCoding", |w| {
                w.text_if("system", &one.system).text_if("version", &one.version);
                w.text("code", &one.code).text_if("display", &one.display);
            });
        });
    }
    for product in &one.product {
        l.item(|w| {
            w.text("name", "product").list("part", |l| {
                l.item(|w| {
                    w.text("name", "element").text("valueUri", &product.property);
                });
                l.item(|w| {
                    w.text("name", "concept").nested("valueCoding", |w| {
                        w.text_if("system", &product.system).text("code", &product.value);
                        w.text_if("display", &product.display);
                    });
                });
            });
        });
    }
    if !one.source.is_empty() {
        l.item(|w| {
            w.text("name", "source").text("valueUri", &one.source);
        });
    }
}
