//! Whether a value set holds a code: asked of its definition, without an expansion.

use super::grammar::Grammar;
use super::library::Library;
use super::system::{CodeSystem, Concept, Content};
use super::value_set::{Filter, Listed, Op, Part, ValueSet};
use super::{Membership, Problem};
use mach_base::Day;
use std::sync::Arc;

/// Value sets that import one another, at most so deep.
pub const DEPTH: usize = 24;
/// Bytes of a filter's compiled regular expression.
const REGEX_BYTES: usize = 1 << 18;

/// A code looked for.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// Its system; any where `None`.
    pub system: Option<&'a str>,
    /// The code.
    pub code: &'a str,
    /// The day on which it must be in use; any where `None`.
    pub day: Option<Day>,
}

/// What is known of a code system.
pub(super) enum Known {
    /// Its codes, or some of them.
    Listed(Arc<CodeSystem>),
    /// A grammar.
    Grammar(Grammar),
    /// Nothing.
    Nothing,
}

/// Asks value sets of one library.
pub struct Asking<'l> {
    pub(super) library: &'l Library,
    /// The URLs of the value sets being asked.
    stack: Vec<Box<str>>,
    /// What was missing, where the answer is `Unknown`.
    pub lacking: Option<String>,
    /// The system in which the code was found.
    pub found: Option<Box<str>>,
    /// The words of the value set itself for the code, where it has some.
    pub listed: Option<Arc<Listed>>,
}

impl<'l> Asking<'l> {
    /// Asks a library.
    pub fn new(library: &'l Library) -> Self {
        Self { library, stack: Vec::new(), lacking: None, found: None, listed: None }
    }

    pub(super) fn known(&mut self, system: &str, version: &str) -> Result<Known, Problem> {
        let version = Some(version).filter(|v| !v.is_empty());
        match self.library.system(system, version) {
            Ok(found) if matches!(found.head.content, Content::Complete | Content::Fragment | Content::Example) => {
                return Ok(Known::Listed(found));
            }
            Ok(_) | Err(Problem::Unknown(_)) => {}
            Err(other) => return Err(other),
        }
        if let Some(grammar) = Grammar::of(system) {
            return Ok(Known::Grammar(grammar));
        }
        let version = version.map(|v| format!("|{v}")).unwrap_or_default();
        self.lacking.get_or_insert_with(|| format!("the content of code system `{system}{version}` is not known here"));
        Ok(Known::Nothing)
    }

    /// Enters a value set; `leave` must follow.
    pub(super) fn enter(&mut self, set: &ValueSet) -> Result<(), Problem> {
        if !set.url.is_empty() && self.stack.contains(&set.url) {
            return Err(Problem::invalid(format!("value set `{}` imports itself", set.url)));
        }
        if self.stack.len() >= DEPTH {
            return Err(Problem::TooCostly(format!("value sets import one another more than {DEPTH} deep")));
        }
        self.stack.push(set.url.clone());
        Ok(())
    }

    pub(super) fn leave(&mut self) {
        self.stack.pop();
    }

    pub(super) fn import(&mut self, within: &ValueSet, url: &str) -> Result<Option<Arc<ValueSet>>, Problem> {
        if let Some((_, set)) = within.contained.iter().find(|(id, _)| &**id == url) {
            return Ok(Some(Arc::clone(set)));
        }
        match self.library.value_set_near(url) {
            Ok(set) => Ok(Some(set)),
            Err(Problem::Unknown(text)) => {
                self.lacking.get_or_insert(text);
                Ok(None)
            }
            Err(other) => Err(other),
        }
    }

    /// Whether `set` holds a code.
    ///
    /// # Errors
    /// Where a definition is wrong: it imports itself, goes in a circle, has a filter that cannot be read.
    pub fn holds(&mut self, set: &ValueSet, wanted: Wanted<'_>) -> Result<Membership, Problem> {
        self.enter(set)?;
        let answer = self.holds_inside(set, wanted);
        self.leave();
        answer
    }

    fn holds_inside(&mut self, set: &ValueSet, wanted: Wanted<'_>) -> Result<Membership, Problem> {
        if !set.is_defined && set.came_expanded.is_empty() {
            self.lacking.get_or_insert_with(|| format!("value set `{}` has no content", set.shown()));
            return Ok(Membership::Unknown);
        }
        let mut answer = Membership::Out;
        let parts = if set.is_defined { &set.includes } else { &set.came_expanded };
        for part in parts {
            answer = answer.or(self.part_holds(set, part, wanted)?);
            if answer == Membership::In {
                break;
            }
        }
        if answer == Membership::Unknown {
            for part in &set.came_expanded {
                answer = answer.or(self.part_holds(set, part, wanted)?);
            }
        }
        for part in &set.excludes {
            if answer == Membership::Out {
                break;
            }
            answer = answer.and(!self.part_holds(set, part, wanted)?);
        }
        if set.inactive == Some(false) && answer == Membership::In {
            let system = self.found.clone().unwrap_or_default();
            if let Known::Listed(system) = self.known(&system, "")?
                && system.find(wanted.code).is_some_and(Concept::is_inactive)
            {
                return Ok(Membership::Out);
            }
        }
        Ok(answer)
    }

    /// Whether an include holds a code: all it names must.
    pub(super) fn part_holds(
        &mut self,
        set: &ValueSet,
        part: &Part,
        wanted: Wanted<'_>,
    ) -> Result<Membership, Problem> {
        if wanted.system.is_some_and(|s| !part.system.is_empty() && s != &*part.system) {
            return Ok(Membership::Out);
        }
        let mut answer = if part.system.is_empty() { Membership::In } else { self.system_part(part, wanted)? };
        for url in &part.imports {
            if answer == Membership::Out {
                break;
            }
            let held = match self.import(set, url)? {
                Some(import) => self.holds(&import, wanted)?,
                None => Membership::Unknown,
            };
            answer = answer.and(held);
        }
        if answer == Membership::In && !part.system.is_empty() {
            self.found = Some(part.system.clone());
        }
        Ok(answer)
    }

    fn system_part(&mut self, part: &Part, wanted: Wanted<'_>) -> Result<Membership, Problem> {
        if !part.listed.is_empty() {
            let lacking = self.lacking.clone();
            let known = self.known(&part.system, &part.version)?;
            // What is listed needs no code system.
            self.lacking = lacking;
            let system = match &known {
                Known::Listed(system) => Some(system),
                _ => None,
            };
            let case_sensitive = system.is_none_or(|s| s.head.case_sensitive);
            let Some(listed) = part.listed(wanted.code, case_sensitive) else { return Ok(Membership::Out) };
            let concept = system.and_then(|s| s.find(wanted.code));
            if concept.is_some_and(|c| !c.holds(wanted.day)) {
                return Ok(Membership::Out);
            }
            self.listed = Some(Arc::clone(listed));
            return Ok(Membership::In);
        }
        match self.known(&part.system, &part.version)? {
            Known::Nothing => Ok(Membership::Unknown),
            Known::Grammar(grammar) => {
                if !grammar.holds(wanted.code) {
                    return Ok(Membership::Out);
                }
                let mut answer = Membership::In;
                for filter in &part.filters {
                    answer = answer.and(grammar_filter(grammar, filter, wanted.code)?);
                }
                Ok(answer)
            }
            Known::Listed(system) => {
                let tests = Tests::new(&system, &part.filters)?;
                if let Some(concept) = system.find(wanted.code) {
                    let held = concept.holds(wanted.day) && tests.hold(concept);
                    return Ok(if held { Membership::In } else { Membership::Out });
                }
                if system.head.content == Content::Complete {
                    return Ok(Membership::Out);
                }
                let url = &part.system;
                self.lacking.get_or_insert_with(|| format!("only a part of code system `{url}` is known here"));
                Ok(Membership::Unknown)
            }
        }
    }
}

fn grammar_filter(grammar: Grammar, filter: &Filter, code: &str) -> Result<Membership, Problem> {
    let held = match (&*filter.property, filter.op) {
        // `a` as canonical unit means time: a year is itself made of seconds.
        ("canonical", Op::Equals) => {
            grammar.canonical(code).is_some_and(|c| Some(c) == grammar.canonical(&filter.value))
        }
        ("code" | "concept", Op::Equals) => *filter.value == *code,
        ("code" | "concept", Op::Regex) => pattern(filter)?.is_match(code),
        ("code" | "concept", Op::In) => filter.value.split(',').any(|v| v.trim() == code),
        _ => return Ok(Membership::Unknown),
    };
    Ok(if held { Membership::In } else { Membership::Out })
}

fn pattern(filter: &Filter) -> Result<regex::Regex, Problem> {
    regex::RegexBuilder::new(&format!("^(?:{})$", filter.value))
        .size_limit(REGEX_BYTES)
        .build()
        .map_err(|_| Problem::invalid(format!("the filter's pattern `{}` cannot be read", filter.value)))
}

/// Filters of one include, made ready for many concepts of one system.
pub(super) struct Tests<'s>(Vec<Test<'s>>);

struct Test<'s> {
    filter: &'s Filter,
    /// Numbers of concepts at, under or above the filter's value, sorted.
    rows: Vec<u32>,
    pattern: Option<regex::Regex>,
}

impl<'s> Tests<'s> {
    pub(super) fn new(system: &'s CodeSystem, filters: &'s [Filter]) -> Result<Self, Problem> {
        let mut tests = Vec::with_capacity(filters.len());
        for filter in filters {
            let url = &system.head.url;
            let own = matches!(&*filter.property, "concept" | "code" | "display" | "parent" | "child" | "inactive");
            if !own && !system.has_property(&filter.property) {
                let property = &filter.property;
                return Err(Problem::invalid(format!("code system `{url}` has no property `{property}` to filter by")));
            }
            let of_hierarchy = matches!(filter.op, Op::IsA | Op::DescendentOf | Op::IsNotA | Op::Generalizes);
            if of_hierarchy && !matches!(&*filter.property, "concept" | "code") {
                return Err(Problem::invalid(format!(
                    "a filter by hierarchy names `concept`, not `{}`",
                    filter.property
                )));
            }
            let mut rows = Vec::new();
            if of_hierarchy {
                // A value that is no code has nothing under it.
                let concept = system.find(&filter.value);
                rows = match (concept, filter.op) {
                    (None, _) => Vec::new(),
                    (Some(c), Op::Generalizes) => c.ancestors(),
                    (Some(c), _) => c.descendants(),
                };
                if filter.op == Op::DescendentOf {
                    rows.retain(|r| concept.is_none_or(|c| c.at != *r));
                }
                rows.sort_unstable();
            }
            let pattern = if filter.op == Op::Regex { Some(pattern(filter)?) } else { None };
            tests.push(Test { filter, rows, pattern });
        }
        Ok(Self(tests))
    }

    pub(super) fn hold(&self, concept: Concept<'_>) -> bool {
        self.0.iter().all(|t| t.holds(concept))
    }
}

impl Test<'_> {
    fn holds(&self, concept: Concept<'_>) -> bool {
        let value = &*self.filter.value;
        let any = |test: &dyn Fn(&str) -> bool| match &*self.filter.property {
            "concept" | "code" => test(concept.code()),
            "display" => test(concept.display()),
            "parent" => concept.parents().any(|p| test(p.code())),
            "child" => concept.children().any(|c| test(c.code())),
            "inactive" => test(if concept.is_inactive() { "true" } else { "false" }),
            name => concept.properties().any(|p| p.name == name && test(p.value)),
        };
        match self.filter.op {
            Op::IsA | Op::DescendentOf | Op::Generalizes => self.rows.binary_search(&concept.at).is_ok(),
            Op::IsNotA => self.rows.binary_search(&concept.at).is_err(),
            Op::Equals => any(&|v| v == value),
            Op::In => any(&|v| value.split(',').any(|one| one.trim() == v)),
            Op::NotIn => !any(&|v| value.split(',').any(|one| one.trim() == v)),
            Op::Regex => any(&|v| self.pattern.as_ref().is_some_and(|p| p.is_match(v))),
            Op::Exists => any(&|_| true) == (value == "true"),
        }
    }
}
