//! Shelves of definitions, asked in order: a facility's own, the province's, what the product ships.

use super::map::ConceptMap;
use super::member::{Asking, Wanted};
use super::system::{CodeSystem, Content};
use super::value_set::ValueSet;
use super::{Membership, Problem, Subsumption, Terminology, grammar};
use crate::tree::Tree;
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

type Make<T> = Box<dyn Fn() -> Result<T, Problem> + Send + Sync>;

/// One definition, made when it is first asked for.
pub struct Entry<T> {
    /// Canonical URL.
    pub url: Box<str>,
    /// Version; may be empty.
    pub version: Box<str>,
    make: Make<T>,
    made: OnceLock<Result<Arc<T>, Problem>>,
}

impl<T> std::fmt::Debug for Entry<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}|{}", self.url, self.version)
    }
}

impl<T> Entry<T> {
    /// A definition that `make` makes.
    pub fn new(url: &str, version: &str, make: impl Fn() -> Result<T, Problem> + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self { url: url.into(), version: version.into(), make: Box::new(make), made: OnceLock::new() })
    }

    /// The definition.
    ///
    /// # Errors
    /// Why it cannot be made.
    pub fn get(&self) -> Result<Arc<T>, Problem> {
        self.made.get_or_init(|| (self.make)().map(Arc::new)).clone()
    }

    /// The definition, if it was asked for before.
    pub fn made(&self) -> Option<&Arc<T>> {
        self.made.get().and_then(|m| m.as_ref().ok())
    }
}

/// Definitions that are seen together.
#[derive(Debug, Default)]
pub struct Shelf {
    systems: HashMap<Box<str>, Vec<Arc<Entry<CodeSystem>>>>,
    sets: HashMap<Box<str>, Vec<Arc<Entry<ValueSet>>>>,
    /// Value sets that are all codes of a system: by their URL, the system's URL and version.
    whole: HashMap<Box<str>, (Box<str>, Box<str>)>,
    maps: Vec<Arc<Entry<ConceptMap>>>,
}

/// The latest of several versions: numbers in them by value.
fn latest<T>(entries: &[Arc<Entry<T>>]) -> Option<&Arc<Entry<T>>> {
    let key = |v: &str| -> Vec<(u64, String)> {
        let part = |p: &str| (p.parse().unwrap_or(0), p.to_owned());
        v.split(['.', '-']).map(part).collect()
    };
    entries.iter().max_by_key(|e| key(&e.version))
}

fn of_version<'e, T>(entries: &'e [Arc<Entry<T>>], version: Option<&str>) -> Option<&'e Arc<Entry<T>>> {
    match version {
        None => latest(entries),
        Some(version) => entries.iter().rfind(|e| &*e.version == version),
    }
}

impl Shelf {
    /// Adds a code system; `value_set` is the value set of all its codes, or empty.
    pub fn add_system(&mut self, entry: Arc<Entry<CodeSystem>>, value_set: &str) {
        if !value_set.is_empty() {
            let whole = (entry.url.clone(), entry.version.clone());
            self.whole.insert(value_set.split('|').next().unwrap_or(value_set).into(), whole);
        }
        self.systems.entry(entry.url.clone()).or_default().push(entry);
    }

    /// Adds a value set.
    pub fn add_set(&mut self, entry: Arc<Entry<ValueSet>>) {
        self.sets.entry(entry.url.clone()).or_default().push(entry);
    }

    /// Adds a concept map.
    pub fn add_map(&mut self, entry: Arc<Entry<ConceptMap>>) {
        self.maps.push(entry);
    }

    /// Adds the resources of a text: `kind TAB id TAB url TAB version TAB json` a line; other lines are passed over.
    pub fn add_lines(&mut self, text: &'static str) {
        for line in text.lines() {
            let mut fields = line.splitn(5, '\t');
            let mut next = || fields.next().unwrap_or_default();
            let (kind, _, url, version, json) = (next(), next(), next(), next(), next());
            match kind {
                "CodeSystem" => {
                    let value_set = member_of_text(json, "\"valueSet\":\"");
                    self.add_system(
                        Entry::new(url, version, move || CodeSystem::read(parsed(json)?.root())),
                        value_set,
                    );
                }
                "ValueSet" => self.add_set(Entry::new(url, version, move || ValueSet::read(parsed(json)?.root()))),
                "ConceptMap" => self.add_map(Entry::new(url, version, move || ConceptMap::read(parsed(json)?.root()))),
                _ => {}
            }
        }
    }

    /// The code systems, in no order.
    pub fn systems(&self) -> impl Iterator<Item = &Arc<Entry<CodeSystem>>> {
        self.systems.values().flatten()
    }

    /// The value sets, in no order.
    pub fn sets(&self) -> impl Iterator<Item = &Arc<Entry<ValueSet>>> {
        self.sets.values().flatten()
    }

    /// The concept maps, in order.
    pub fn maps(&self) -> &[Arc<Entry<ConceptMap>>] {
        &self.maps
    }
}

/// The text after `mark` up to the next quote: for members whose values hold no escapes.
fn member_of_text<'t>(json: &'t str, mark: &str) -> &'t str {
    // Only before the concepts: these may speak of anything.
    let head = json.split("\"concept\":[").next().unwrap_or_default();
    head.split_once(mark).and_then(|(_, rest)| rest.split('"').next()).unwrap_or_default()
}

fn parsed(json: &str) -> Result<Tree<'_>, Problem> {
    Tree::parse(json).map_err(|e| Problem::invalid(e.to_string()))
}

/// `url|version` apart.
pub fn canonical(text: &str) -> (&str, Option<&str>) {
    text.split_once('|').map_or((text, None), |(url, version)| (url, Some(version).filter(|v| !v.is_empty())))
}

/// Shelves in the order in which they are asked. Cloning it clones references.
#[derive(Clone, Debug, Default)]
pub struct Library {
    shelves: Vec<Arc<Shelf>>,
}

impl Library {
    /// A library of shelves; what stands on an earlier one goes before.
    pub fn new(shelves: Vec<Arc<Shelf>>) -> Self {
        Self { shelves }
    }

    /// Its shelves.
    pub fn shelves(&self) -> &[Arc<Shelf>] {
        &self.shelves
    }

    /// A code system: of that version, or the latest of the first shelf that has it.
    ///
    /// # Errors
    /// `Unknown`; `Invalid` or `TooCostly` where it is here and cannot be used.
    pub fn system(&self, url: &str, version: Option<&str>) -> Result<Arc<CodeSystem>, Problem> {
        let found = self.shelves.iter().filter_map(|s| s.systems.get(url)).find_map(|e| of_version(e, version));
        let shown = version.map(|v| format!("|{v}")).unwrap_or_default();
        found.ok_or_else(|| Problem::Unknown(format!("code system `{url}{shown}` is not known here")))?.get()
    }

    /// A value set by its canonical URL, with its version if one is given.
    ///
    /// # Errors
    /// As `system`.
    pub fn value_set(&self, canonical_url: &str, version: Option<&str>) -> Result<Arc<ValueSet>, Problem> {
        let (url, named) = canonical(canonical_url);
        let version = named.or(version);
        for shelf in &self.shelves {
            if let Some(found) = shelf.sets.get(url).and_then(|e| of_version(e, version)) {
                return found.get();
            }
            if let Some((system, of)) = shelf.whole.get(url)
                && version.is_none_or(|v| v == &**of)
            {
                return Ok(Arc::new(ValueSet::of_system(url, system, of)));
            }
        }
        let shown = version.map(|v| format!("|{v}")).unwrap_or_default();
        Err(Problem::Unknown(format!("value set `{url}{shown}` is not known here")))
    }

    /// A value set as profiles and imports name it: another version serves where the named one is not here.
    ///
    /// # Errors
    /// As `system`.
    pub fn value_set_near(&self, canonical_url: &str) -> Result<Arc<ValueSet>, Problem> {
        match self.value_set(canonical_url, None) {
            Err(Problem::Unknown(text)) => {
                self.value_set(canonical(canonical_url).0, None).map_err(|_| Problem::Unknown(text))
            }
            found => found,
        }
    }

    /// A concept map.
    ///
    /// # Errors
    /// As `system`.
    pub fn map(&self, canonical_url: &str, version: Option<&str>) -> Result<Arc<ConceptMap>, Problem> {
        let (url, named) = canonical(canonical_url);
        let version = named.or(version);
        for shelf in &self.shelves {
            let of_url: Vec<_> = shelf.maps.iter().filter(|m| &*m.url == url).cloned().collect();
            if let Some(found) = of_version(&of_url, version) {
                return found.get();
            }
        }
        let shown = version.map(|v| format!("|{v}")).unwrap_or_default();
        Err(Problem::Unknown(format!("concept map `{url}{shown}` is not known here")))
    }

    /// All concept maps that can be used, each URL once.
    pub fn maps(&self) -> Vec<Arc<ConceptMap>> {
        let mut seen = std::collections::HashSet::new();
        let entries = self.shelves.iter().flat_map(|s| &s.maps);
        entries.filter(|e| e.url.is_empty() || seen.insert(e.url.clone())).filter_map(|e| e.get().ok()).collect()
    }

    /// Whether a code is in a system.
    fn system_has(&self, system: &str, code: &str) -> Membership {
        let found = match self.system(system, None) {
            Ok(found) => found,
            Err(_) => return grammar_has(system, code),
        };
        match (found.find(code), found.head.content) {
            (Some(_), _) => Membership::In,
            (None, Content::Complete) => Membership::Out,
            (None, _) => grammar_has(system, code),
        }
    }
}

fn grammar_has(system: &str, code: &str) -> Membership {
    match grammar::Grammar::of(system).map(|g| g.holds(code)) {
        Some(true) => Membership::In,
        Some(false) => Membership::Out,
        None => Membership::Unknown,
    }
}

impl Terminology for Library {
    fn in_value_set(&self, value_set: &str, system: Option<&str>, code: &str) -> Membership {
        let Ok(set) = self.value_set_near(value_set) else { return Membership::Unknown };
        Asking::new(self).holds(&set, Wanted { system, code, day: None }).unwrap_or(Membership::Unknown)
    }

    fn in_system(&self, system: &str, code: &str) -> Membership {
        self.system_has(system, code)
    }

    fn display(&self, system: &str, code: &str) -> Option<String> {
        let found = self.system(system, None).ok()?;
        let display = found.find(code)?.display();
        Some(display.to_owned()).filter(|d| !d.is_empty())
    }

    fn subsumes(&self, system: &str, a: &str, b: &str) -> Option<Subsumption> {
        let found = self.system(system, None).ok()?;
        let (a, b) = (found.find(a)?, found.find(b)?);
        Some(match (a.at == b.at, b.is_a(a), a.is_a(b)) {
            (true, ..) => Subsumption::Equivalent,
            (_, true, _) => Subsumption::Subsumes,
            (_, _, true) => Subsumption::SubsumedBy,
            _ => Subsumption::Neither,
        })
    }
}
