//! `ValueSet/$validate-code` and `CodeSystem/$validate-code`.

use super::given::Coding;
use super::{Task, expand, parsed, wanted};
use crate::refusal::Refusal;
use mach_base::Day;
use mach_fhir::json::Writer;
use mach_fhir::terminology::grammar::{self, Grammar};
use mach_fhir::terminology::member::{Asking, Wanted};
use mach_fhir::terminology::system::{CodeSystem, Concept, Content};
use mach_fhir::terminology::value_set::Listed;
use mach_fhir::terminology::{Library, Membership, ValueSet};
use std::sync::Arc;

/// What came of one code.
#[derive(Default)]
struct Verdict {
    result: bool,
    message: String,
    display: String,
    code: String,
    system: String,
    version: String,
}

impl Verdict {
    fn parameters(&self) -> String {
        let mut out = String::new();
        Writer::object(&mut out, |w| {
            w.text("resourceType", "Parameters");
            w.list("parameter", |l| {
                l.item(|w| {
                    w.text("name", "result").raw("valueBoolean", self.result);
                });
                for (name, kind, value) in [
                    ("message", "valueString", &self.message),
                    ("display", "valueString", &self.display),
                    ("code", "valueCode", &self.code),
                    ("system", "valueUri", &self.system),
                    ("version", "valueString", &self.version),
                ] {
                    if !value.is_empty() {
                        l.item(|w| {
                            w.text("name", name).text(kind, value);
                        });
                    }
                }
            });
        });
        out
    }

    fn no(coding: &Coding, message: String) -> Self {
        let system = coding.system.clone().unwrap_or_default();
        Self { message, code: coding.code.clone(), system, ..Self::default() }
    }
}

/// The codes asked about: one of `code`, `coding`, `codeableConcept`.
fn codings(task: &Task) -> Result<Vec<Coding>, Refusal> {
    let given = &task.given;
    let (code, coding, concept) = (given.text("code")?, given.coding("coding")?, given.concept("codeableConcept")?);
    match (code, coding, concept) {
        (Some(code), None, None) => {
            let (system, version) = (given.text("system")?, given.text("systemVersion")?);
            Ok(vec![Coding { system, version, code, display: given.text("display")? }])
        }
        (None, Some(coding), None) => Ok(vec![coding]),
        (None, None, Some(codings)) => Ok(codings),
        (None, None, None) => Err(wanted("`code`, `coding` or `codeableConcept` is missing: which code?")),
        _ => Err(Refusal::invalid("send one of `code`, `coding` and `codeableConcept`")),
    }
}

/// The best of several verdicts: one that holds, else all messages.
fn best(verdicts: Vec<Verdict>) -> Verdict {
    let mut failed: Option<Verdict> = None;
    for verdict in verdicts {
        if verdict.result {
            return verdict;
        }
        match &mut failed {
            None => failed = Some(verdict),
            Some(first) => first.message = format!("{}; {}", first.message, verdict.message),
        }
    }
    failed.unwrap_or_default()
}

/// Runs `ValueSet/$validate-code`.
///
/// # Errors
/// 404 where the value set, or the content that would decide, is not known here.
pub fn in_value_set(task: &Task) -> Result<String, Refusal> {
    let set = expand::value_set(task)?;
    let asked = Asked::new(task)?;
    let verdicts =
        codings(task)?.into_iter().map(|c| asked.of_set(&task.library, &set, &c)).collect::<Result<_, _>>()?;
    Ok(best(verdicts).parameters())
}

/// Runs `CodeSystem/$validate-code`.
///
/// # Errors
/// 404 where the code system is not known here.
pub fn in_code_system(task: &Task) -> Result<String, Refusal> {
    let asked = Asked::new(task)?;
    let version = task.given.text("version")?;
    let inline = task.given.resource("codeSystem", "CodeSystem")?;
    let fixed: Option<Arc<CodeSystem>> = match (&task.instance, inline) {
        (Some(resource), _) => Some(task.shelves.system(resource)?),
        (None, Some(sent)) => Some(Arc::new(CodeSystem::read(parsed(sent.raw())?.root())?)),
        (None, None) => None,
    };
    let url = task.given.text("url")?;
    let mut verdicts = Vec::new();
    for coding in codings(task)? {
        let own = fixed.as_ref().map(|s| s.head.url.to_string()).or_else(|| url.clone());
        let Some(system) = own.clone().or_else(|| coding.system.clone()) else {
            return Err(wanted("`url` is missing: which code system?"));
        };
        let coding = match (&own, &coding.system) {
            (Some(own), Some(named)) if own != named => {
                verdicts
                    .push(Verdict::no(&coding, format!("`{}` is a code of `{named}`, not of `{own}`", coding.code)));
                continue;
            }
            _ => Coding { system: Some(system.clone()), ..coding },
        };
        let version = version.as_deref().or(coding.version.as_deref());
        let found = match &fixed {
            Some(fixed) => Ok(Arc::clone(fixed)),
            None => task.library.system(&system, version),
        };
        verdicts.push(match (found, Grammar::of(&system)) {
            (Ok(found), _) if found.head.content != Content::NotPresent => asked.of_system(&found, &coding),
            (_, Some(grammar)) => asked.of_grammar(grammar, &coding),
            (Ok(_), None) => {
                let text = format!("the content of code system `{system}` is not known here");
                return Err(Refusal::new(axum::http::StatusCode::NOT_FOUND, "not-found", text));
            }
            (Err(problem), None) => return Err(problem.into()),
        });
    }
    Ok(best(verdicts).parameters())
}

/// What holds for all codes of one request.
struct Asked {
    day: Day,
    language: Option<String>,
    /// Whether a code that only groups others will do; `None` leaves it open.
    groups: Option<bool>,
}

impl Asked {
    fn new(task: &Task) -> Result<Self, Refusal> {
        Ok(Self { day: task.day()?, language: task.language()?, groups: task.given.flag("abstract")? })
    }

    fn of_set(&self, library: &Library, set: &ValueSet, coding: &Coding) -> Result<Verdict, Refusal> {
        let mut asking = Asking::new(library);
        let wanted = Wanted { system: coding.system.as_deref(), code: &coding.code, day: Some(self.day) };
        let held = asking.holds(set, wanted)?;
        let shown = match &coding.system {
            Some(system) => format!("`{system}|{}`", coding.code),
            None => format!("`{}`", coding.code),
        };
        match held {
            Membership::Unknown => {
                let why = asking.lacking.unwrap_or_else(|| format!("value set `{}` is not known here", set.shown()));
                let text = format!("whether {shown} is in value set `{}` cannot be told: {why}", set.shown());
                Err(Refusal::new(axum::http::StatusCode::NOT_FOUND, "not-found", text))
            }
            Membership::Out => {
                let mut message = format!("{shown} is not in value set `{}`", set.shown());
                let system = coding.system.as_deref().and_then(|s| library.system(s, coding.version.as_deref()).ok());
                match system.as_ref().map(|s| (s, s.find(&coding.code))) {
                    Some((_, Some(concept))) => message.push_str(&self.days(concept)),
                    Some((s, None)) if s.head.content == Content::Complete => {
                        message.push_str(&format!("; it is no code of `{}`", s.head.url));
                    }
                    _ => {}
                }
                Ok(Verdict::no(coding, message))
            }
            Membership::In => {
                let system = asking.found.map(|s| s.to_string()).or_else(|| coding.system.clone()).unwrap_or_default();
                let coding = Coding { system: Some(system.clone()), ..coding.clone() };
                let found = library.system(&system, coding.version.as_deref()).ok();
                let concept = found.as_ref().and_then(|s| s.find(&coding.code));
                Ok(self.known(concept, asking.listed.as_deref(), &coding))
            }
        }
    }

    /// Why a concept does not serve on that day, as an end of a sentence.
    fn days(&self, concept: Concept<'_>) -> String {
        if concept.holds(Some(self.day)) {
            return String::new();
        }
        let (from, to) = concept.valid();
        let shown = |d: Option<Day>| d.map_or_else(|| "…".to_owned(), |d| d.to_string());
        format!("; it may be used from {} to {}, not on {}", shown(from), shown(to), self.day)
    }

    fn of_grammar(&self, grammar: Grammar, coding: &Coding) -> Verdict {
        match grammar.holds(&coding.code) {
            true => self.known(None, None, coding),
            false => {
                let system = coding.system.as_deref().unwrap_or_default();
                Verdict::no(coding, format!("`{}` is no code by the grammar of `{system}`", coding.code))
            }
        }
    }

    fn of_system(&self, system: &CodeSystem, coding: &Coding) -> Verdict {
        let Some(concept) = system.find(&coding.code) else {
            let mut message = format!("`{}` is no code of `{}`", coding.code, system.head.url);
            if system.head.content != Content::Complete {
                message.push_str(&format!("; only a part of it is known here ({})", system.head.content.code()));
            }
            return Verdict::no(coding, message);
        };
        let days = self.days(concept);
        if !days.is_empty() {
            return Verdict::no(coding, format!("`{}` is a code of `{}`{days}", coding.code, system.head.url));
        }
        self.known(Some(concept), None, coding)
    }

    /// A code that is there: are its words and its use as asked?
    fn known(&self, concept: Option<Concept<'_>>, listed: Option<&Listed>, coding: &Coding) -> Verdict {
        let language = self.language.as_deref();
        let in_language = listed.and_then(|l| {
            let words = l.designations.iter().find(|(of, _)| language.is_some_and(|l| grammar::same_language(of, l)));
            words.map(|(_, v)| v.to_string())
        });
        let own = listed.map(|l| l.display.to_string()).filter(|d| !d.is_empty());
        let of_system = concept.map(|c| c.display_in(language).to_owned()).filter(|d| !d.is_empty());
        let display = match language {
            Some(_) => in_language.or_else(|| of_system.clone()).or_else(|| own.clone()),
            None => own.clone().or_else(|| of_system.clone()),
        };
        let mut verdict = Verdict {
            result: true,
            display: display.unwrap_or_default(),
            code: concept.map_or_else(|| coding.code.clone(), |c| c.code().to_owned()),
            system: coding.system.clone().unwrap_or_default(),
            version: concept.map(|c| c.system.head.version.to_string()).unwrap_or_default(),
            ..Verdict::default()
        };
        if let Some(said) = coding.display.as_deref().filter(|d| !d.trim().is_empty()) {
            let same = |a: &str| plain(a) == plain(said);
            let words = listed.into_iter().flat_map(|l| l.designations.iter().map(|(_, v)| &**v).chain([&*l.display]));
            let of_concept =
                concept.into_iter().flat_map(|c| [c.display()].into_iter().chain(c.designations().map(|d| d.value)));
            let mut all = words.chain(of_concept).filter(|w| !w.is_empty()).peekable();
            if all.peek().is_some() && !all.any(same) {
                verdict.result = false;
                verdict.message = format!("`{said}` is no display of `{}`; it is `{}`", coding.code, verdict.display);
            }
        }
        if self.groups == Some(false) && concept.is_some_and(Concept::is_abstract) {
            verdict.result = false;
            verdict.message = format!("`{}` only groups other codes and cannot be used itself", coding.code);
        }
        if verdict.message.is_empty() && concept.is_some_and(Concept::is_inactive) {
            verdict.message = format!("`{}` is no longer in use", coding.code);
        }
        verdict
    }
}

/// Words as they are compared: blanks and case aside.
fn plain(text: &str) -> String {
    mach_base::text::nfc(text).split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}
