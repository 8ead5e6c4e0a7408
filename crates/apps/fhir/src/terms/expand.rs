//! `ValueSet/$expand`.

use super::{Task, parsed, wanted};
use crate::moment;
use crate::refusal::Refusal;
use mach_base::{limits, time::now_seconds};
use mach_fhir::json::Writer;
use mach_fhir::terminology::expand::{Expansion, Member, Options, expand};
use mach_fhir::terminology::system::Concept;
use mach_fhir::terminology::{Library, ValueSet};
use std::collections::HashMap;
use std::sync::Arc;

/// How the codes are shown.
struct Shown {
    language: Option<String>,
    designations: bool,
    nested: bool,
    offset: usize,
    count: Option<usize>,
}

/// The value set that an operation is about: of the address, sent along, or named by its URL.
///
/// # Errors
/// 400 where none is named, 404 where it is not known, 422 where it is wrong.
pub fn value_set(task: &Task) -> Result<Arc<ValueSet>, Refusal> {
    if let Some(resource) = &task.instance {
        return task.shelves.value_set(resource);
    }
    if let Some(resource) = task.given.resource("valueSet", "ValueSet")? {
        // What is sent may lie anywhere in a larger document.
        return Ok(Arc::new(ValueSet::read(parsed(resource.raw())?.root())?));
    }
    let url = task.given.text("url")?.ok_or_else(|| wanted("`url` or `valueSet` is missing: which value set?"))?;
    Ok(task.library.value_set(&url, task.given.text("valueSetVersion")?.as_deref())?)
}

/// Runs the operation.
///
/// # Errors
/// As [`value_set`]; 400 where the expansion has no end or too many codes.
pub fn run(task: &Task) -> Result<String, Refusal> {
    let set = value_set(task)?;
    let given = &task.given;
    let day = task.day()?;
    let shown = Shown {
        language: task.language()?,
        designations: given.flag("includeDesignations")?.unwrap_or(false),
        nested: given.flag("excludeNested")? == Some(false),
        offset: given.count("offset")?.unwrap_or(0),
        count: given.count("count")?,
    };
    let options = Options {
        filter: given.text("filter")?.unwrap_or_default(),
        active_only: given.flag("activeOnly")?.unwrap_or(false),
        choices_only: given.flag("excludeNotForUI")?.unwrap_or(false),
        day: Some(day),
    };
    if options.filter.chars().count() > limits::SEARCH_CHARS {
        return Err(Refusal::too_costly(format!("`filter` is longer than {} characters", limits::SEARCH_CHARS)));
    }
    let expansion = expand(&task.library, &set, &options)?;
    let total = expansion.members.len();
    let asked = shown.count.unwrap_or(total.saturating_sub(shown.offset));
    if asked.min(total) > limits::EXPANSION_CODES {
        let most = limits::EXPANSION_CODES;
        let text =
            format!("the value set has {total} codes; ask for at most {most} by `count` and `offset`, or `filter`");
        return Err(Refusal::too_costly(text).at("count"));
    }
    let mut out = String::new();
    Writer::object(&mut out, |w| {
        w.text("resourceType", "ValueSet").text_if("url", &set.url).text_if("version", &set.version);
        w.text_if("name", &set.name).text_if("title", &set.title);
        w.text("status", if set.status.is_empty() { "active" } else { &set.status });
        w.nested("expansion", |w| {
            if expansion.is_partial {
                w.list("extension", |l| {
                    l.item(|w| {
                        w.text("url", "http://hl7.org/fhir/StructureDefinition/valueset-unclosed")
                            .raw("valueBoolean", true);
                    });
                });
            }
            w.text("identifier", &identifier());
            w.text("timestamp", &moment::instant(now_seconds()));
            w.raw("total", total);
            if shown.count.is_some() || shown.offset > 0 {
                w.raw("offset", shown.offset);
            }
            w.list("parameter", |l| parameters(l, task, &shown, &options, &expansion));
            contains(w, &expansion, &shown);
        });
    });
    Ok(out)
}

/// A random UUID as URN.
fn identifier() -> String {
    let hex = mach_access::secret::new_token("").unwrap_or_default();
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default().to_owned();
    format!("urn:uuid:{}-{}-4{}-8{}-{}", part(0, 8), part(8, 12), part(13, 16), part(17, 20), part(20, 32))
}

fn parameters(l: &mut Writer<'_>, task: &Task, shown: &Shown, options: &Options, expansion: &Expansion) {
    let mut text = |name: &str, kind: &'static str, value: &str| {
        l.item(|w| {
            w.text("name", name);
            match kind {
                "valueString" | "valueUri" | "valueCode" | "valueDateTime" => w.text(kind, value),
                _ => w.raw(kind, value),
            };
        });
    };
    if !options.filter.is_empty() {
        text("filter", "valueString", &options.filter);
    }
    if let Some(language) = &shown.language {
        text("displayLanguage", "valueCode", language);
    }
    if let Some(count) = shown.count {
        text("offset", "valueInteger", &shown.offset.to_string());
        text("count", "valueInteger", &count.to_string());
    }
    if let Ok(Some(date)) = task.given.text("date") {
        text("date", "valueDateTime", &date);
    }
    for (name, value) in [
        ("activeOnly", options.active_only),
        ("includeDesignations", shown.designations),
        ("excludeNotForUI", options.choices_only),
    ] {
        if value {
            text(name, "valueBoolean", "true");
        }
    }
    text("excludeNested", "valueBoolean", if shown.nested { "false" } else { "true" });
    for used in &expansion.systems {
        let version = if used.version.is_empty() { String::new() } else { format!("|{}", used.version) };
        text("used-codesystem", "valueUri", &format!("{}{version}", used.url));
    }
}

fn contains(w: &mut Writer<'_>, expansion: &Expansion, shown: &Shown) {
    let total = expansion.members.len();
    let paged = shown.count.is_some() || shown.offset > 0;
    if shown.nested && !paged {
        let tree = Nested::new(expansion);
        if !tree.roots.is_empty() {
            w.list("contains", |l| tree.roots.iter().for_each(|at| tree.write(l, expansion, shown, *at)));
        }
        return;
    }
    let from = shown.offset.min(total);
    let to = shown.count.map_or(total, |c| from.saturating_add(c).min(total));
    if from < to {
        w.list("contains", |l| {
            for member in &expansion.members[from..to] {
                l.item(|w| one(w, expansion, shown, member));
            }
        });
    }
}

/// Members under those that stand above them.
struct Nested {
    roots: Vec<usize>,
    below: Vec<Vec<usize>>,
}

impl Nested {
    fn new(expansion: &Expansion) -> Self {
        let by_row: HashMap<(u16, u32), usize> =
            expansion.members.iter().enumerate().filter_map(|(n, m)| Some(((m.system, m.row?), n))).collect();
        let mut tree = Self { roots: Vec::new(), below: vec![Vec::new(); expansion.members.len()] };
        for (n, member) in expansion.members.iter().enumerate() {
            let concept = expansion.concept(member);
            let parent = concept.and_then(|c| c.parents().find_map(|p| by_row.get(&(member.system, p.at)).copied()));
            match parent {
                Some(parent) => tree.below[parent].push(n),
                None => tree.roots.push(n),
            }
        }
        tree
    }

    fn write(&self, l: &mut Writer<'_>, expansion: &Expansion, shown: &Shown, at: usize) {
        l.item(|w| {
            one(w, expansion, shown, &expansion.members[at]);
            if !self.below[at].is_empty() {
                w.list("contains", |l| self.below[at].iter().for_each(|n| self.write(l, expansion, shown, *n)));
            }
        });
    }
}

fn one(w: &mut Writer<'_>, expansion: &Expansion, shown: &Shown, member: &Member) {
    let concept = expansion.concept(member);
    w.text("system", &expansion.system(member).url);
    if concept.is_some_and(Concept::is_abstract) {
        w.raw("abstract", true);
    }
    if concept.is_some_and(Concept::is_inactive) {
        w.raw("inactive", true);
    }
    w.text("code", expansion.code(member));
    w.text_if("display", expansion.display(member, shown.language.as_deref()));
    if shown.designations {
        let own = member.listed.iter().flat_map(|l| &l.designations).map(|(l, v)| (&**l, &**v, ("", "")));
        let of_system = concept.into_iter().flat_map(Concept::designations).map(|d| (d.language, d.value, d.used));
        let all: Vec<_> = own.chain(of_system).collect();
        if !all.is_empty() {
            w.list("designation", |l| all.iter().for_each(|d| designation(l, *d)));
        }
    }
}

/// One designation of ValueSet or Parameters.
fn designation(l: &mut Writer<'_>, (language, value, used): (&str, &str, (&str, &str))) {
    l.item(|w| {
        w.text_if("language", language);
        if !used.1.is_empty() {
            w.nested("use", |w| {
                w.text_if("system", used.0).text("code", used.1);
            });
        }
        w.text("value", value);
    });
}

/// A system and codes of it; `None` for any of its codes.
pub type OfSystem = (String, Option<Vec<String>>);

/// The codes of a value set that a search asks for: by system, `None` where any code of the system is meant.
///
/// # Errors
/// As the expansion; `TooCostly` for more than `FHIR_SET_CODES`.
pub fn searched(library: &Library, set: &ValueSet) -> Result<Vec<OfSystem>, Refusal> {
    let mut out: Vec<OfSystem> = Vec::new();
    let (whole, rest): (Vec<_>, Vec<_>) = match set.excludes.is_empty() && set.is_defined {
        // All codes of a system are those of the system, also where nobody here has a list of them.
        true => set.includes.iter().cloned().partition(|p| p.is_whole() && !is_short(library, &p.system)),
        false => (Vec::new(), set.includes.clone()),
    };
    out.extend(whole.into_iter().map(|p| (p.system.into_string(), None)));
    if rest.is_empty() && set.is_defined {
        return Ok(out);
    }
    let expansion = expand(library, &ValueSet { includes: rest, ..set.clone() }, &Options::default())?;
    if expansion.members.len() > limits::FHIR_SET_CODES {
        let (count, most) = (expansion.members.len(), limits::FHIR_SET_CODES);
        let text = format!("value set `{}` has {count} codes, a search asks for at most {most}", set.shown());
        return Err(Refusal::too_costly(text));
    }
    for member in &expansion.members {
        let (system, code) = (&*expansion.system(member).url, expansion.code(member).to_owned());
        match out.iter_mut().find(|(s, codes)| s == system && codes.is_some()) {
            Some((_, Some(codes))) => codes.push(code),
            _ => out.push((system.to_owned(), Some(vec![code]))),
        }
    }
    Ok(out)
}

/// Whether a system's codes are known here and few enough to be asked one by one.
fn is_short(library: &Library, system: &str) -> bool {
    library.system(system, None).is_ok_and(|s| !s.is_empty() && s.len() <= limits::FHIR_CLAUSES * 5)
}
