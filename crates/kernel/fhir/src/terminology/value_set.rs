//! A value set as it is defined: what it includes and excludes. Nothing is expanded here.

use super::Problem;
use super::read::{list, text};
use crate::tree::Value;
use std::sync::Arc;

/// Includes and excludes of one value set.
const PARTS: usize = 2_000;
/// Codes that one value set lists itself.
const LISTED: usize = 500_000;

/// How a filter compares. R4 `filter-operator`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of FHIR R4")]
pub enum Op {
    Equals,
    IsA,
    DescendentOf,
    IsNotA,
    Regex,
    In,
    NotIn,
    Generalizes,
    Exists,
}

impl Op {
    fn parse(code: &str) -> Option<Self> {
        Some(match code {
            "=" => Self::Equals,
            "is-a" => Self::IsA,
            "descendent-of" => Self::DescendentOf,
            "is-not-a" => Self::IsNotA,
            "regex" => Self::Regex,
            "in" => Self::In,
            "not-in" => Self::NotIn,
            "generalizes" => Self::Generalizes,
            "exists" => Self::Exists,
            _ => return None,
        })
    }
}

/// One filter of an include.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// Property of the code system, or `concept`, `code`, `display`.
    pub property: Box<str>,
    /// How.
    pub op: Op,
    /// With what.
    pub value: Box<str>,
}

/// A code that a value set lists, with its own words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listed {
    /// The code.
    pub code: Box<str>,
    /// Words that stand before those of the code system; empty where none do.
    pub display: Box<str>,
    /// Language and words.
    pub designations: Vec<(Box<str>, Box<str>)>,
}

/// One include or exclude: what it names must all hold.
#[derive(Clone, Debug, Default)]
pub struct Part {
    /// Code system; empty where it only imports.
    pub system: Box<str>,
    /// Version of the code system; empty where any.
    pub version: Box<str>,
    /// Codes it lists; empty where it takes all or filters.
    pub listed: Vec<Arc<Listed>>,
    /// Numbers of `listed` in the order of their codes.
    pub(super) by_code: Vec<u32>,
    /// Filters, all of which must hold.
    pub filters: Vec<Filter>,
    /// Value sets that must all hold the code.
    pub imports: Vec<Box<str>>,
}

impl Part {
    /// The listed code, compared as it is or without regard to case.
    pub fn listed(&self, code: &str, case_sensitive: bool) -> Option<&Arc<Listed>> {
        let exact = self.by_code.binary_search_by(|n| (*self.listed[*n as usize].code).cmp(code));
        match exact {
            Ok(n) => Some(&self.listed[self.by_code[n] as usize]),
            Err(_) if case_sensitive => None,
            Err(_) => self.listed.iter().find(|l| l.code.to_lowercase() == code.to_lowercase()),
        }
    }

    /// Whether it takes a whole code system.
    pub fn is_whole(&self) -> bool {
        !self.system.is_empty() && self.listed.is_empty() && self.filters.is_empty() && self.imports.is_empty()
    }

    fn new(system: Box<str>, listed: Vec<Arc<Listed>>) -> Self {
        let mut by_code: Vec<u32> = (0..listed.len() as u32).collect();
        by_code.sort_by(|a, b| listed[*a as usize].code.cmp(&listed[*b as usize].code));
        Self { system, listed, by_code, ..Self::default() }
    }

    fn read(part: Value<'_>, url: &str) -> Result<Self, Problem> {
        let listed: Vec<Arc<Listed>> = list(part, "concept").map(|c| Arc::new(read_listed(c))).collect();
        if listed.len() > LISTED {
            return Err(Problem::TooCostly(format!("value set `{url}` lists more than {LISTED} codes")));
        }
        let mut filters = Vec::new();
        for filter in list(part, "filter") {
            let op = text(filter, "op");
            let op = Op::parse(&op)
                .ok_or_else(|| Problem::invalid(format!("value set `{url}`: `{op}` is no filter operator of R4")))?;
            filters.push(Filter { property: text(filter, "property"), op, value: text(filter, "value") });
        }
        let mut read = Self::new(text(part, "system"), listed);
        read.version = text(part, "version");
        read.filters = filters;
        read.imports = list(part, "valueSet").filter_map(Value::text).map(|t| t.into_owned().into()).collect();
        let wrong = |what: &str| Err(Problem::invalid(format!("value set `{url}`: {what}")));
        if read.system.is_empty() && read.imports.is_empty() {
            return wrong("an include names neither a code system nor a value set");
        }
        if read.system.is_empty() && !(read.listed.is_empty() && read.filters.is_empty()) {
            return wrong("codes and filters need a code system");
        }
        if !read.listed.is_empty() && !read.filters.is_empty() {
            return wrong("an include has both codes and filters, of which R4 allows one (vsd-3)");
        }
        Ok(read)
    }
}

fn read_listed(concept: Value<'_>) -> Listed {
    let designations = list(concept, "designation").map(|d| (text(d, "language"), text(d, "value"))).collect();
    Listed { code: text(concept, "code"), display: text(concept, "display"), designations }
}

/// A value set.
#[derive(Clone, Debug, Default)]
pub struct ValueSet {
    /// Canonical URL; empty where it was given inline without one.
    pub url: Box<str>,
    /// Version.
    pub version: Box<str>,
    /// Name for programs.
    pub name: Box<str>,
    /// Name for people.
    pub title: Box<str>,
    /// `draft`, `active`, `retired`, `unknown`.
    pub status: Box<str>,
    /// Whether codes no longer in use are in it.
    pub inactive: Option<bool>,
    /// What it takes.
    pub includes: Vec<Part>,
    /// What it leaves out.
    pub excludes: Vec<Part>,
    /// The expansion that came with it, by code system: asked where a code system of `includes` is not known.
    pub came_expanded: Vec<Part>,
    /// Whether it has a definition at all.
    pub is_defined: bool,
    /// Value sets it contains, by `#id`.
    pub contained: Vec<(Box<str>, Arc<ValueSet>)>,
}

impl ValueSet {
    /// Reads a ValueSet resource.
    ///
    /// # Errors
    /// What R4 forbids, or more than the limits.
    pub fn read(resource: Value<'_>) -> Result<Self, Problem> {
        let url = text(resource, "url");
        let shown = if url.is_empty() { text(resource, "name") } else { url.clone() };
        let compose = resource.get("compose");
        let parts = |name: &str| -> Result<Vec<Part>, Problem> {
            let parts = compose.into_iter().flat_map(|c| list(c, name)).map(|p| Part::read(p, &shown));
            let parts = parts.collect::<Result<Vec<_>, _>>()?;
            if parts.len() > PARTS {
                return Err(Problem::TooCostly(format!("value set `{shown}` has more than {PARTS} includes")));
            }
            Ok(parts)
        };
        let (includes, excludes) = (parts("include")?, parts("exclude")?);
        if compose.is_some() && includes.is_empty() {
            return Err(Problem::invalid(format!("value set `{shown}` has a `compose` that includes nothing")));
        }
        let mut contained = Vec::new();
        for inner in list(resource, "contained").filter(|c| &*text(*c, "resourceType") == "ValueSet") {
            contained.push((format!("#{}", text(inner, "id")).into(), Arc::new(Self::read(inner)?)));
        }
        let mut codes = Vec::new();
        if let Some(holder) = resource.get("expansion") {
            gather(holder, &mut codes);
        }
        let mut came_expanded: Vec<Part> = Vec::new();
        let mut systems: Vec<Box<str>> = codes.iter().map(|(s, _)| s.clone()).collect();
        systems.sort_unstable();
        systems.dedup();
        for system in systems {
            let listed = codes.iter().filter(|(s, _)| *s == system).map(|(_, l)| l.clone()).collect();
            came_expanded.push(Part::new(system, listed));
        }
        Ok(Self {
            url,
            version: text(resource, "version"),
            name: text(resource, "name"),
            title: text(resource, "title"),
            status: text(resource, "status"),
            inactive: compose.and_then(|c| c.get("inactive")).and_then(Value::boolean),
            is_defined: compose.is_some(),
            includes,
            excludes,
            came_expanded,
            contained,
        })
    }

    /// The value set of all codes of a system, under the URL the system gives it.
    pub fn of_system(url: &str, system: &str, version: &str) -> Self {
        let part = Part { system: system.into(), version: version.into(), ..Part::default() };
        Self {
            url: url.into(),
            version: version.into(),
            status: "active".into(),
            includes: vec![part],
            is_defined: true,
            ..Self::default()
        }
    }

    /// Its URL, or what else it is called by.
    pub fn shown(&self) -> &str {
        [&self.url, &self.name].into_iter().find(|t| !t.is_empty()).map_or("(inline)", |t| t)
    }
}

fn gather(holder: Value<'_>, into: &mut Vec<(Box<str>, Arc<Listed>)>) {
    for entry in list(holder, "contains") {
        let code = text(entry, "code");
        if !code.is_empty() && entry.get("abstract").and_then(Value::boolean) != Some(true) {
            into.push((text(entry, "system"), Arc::new(read_listed(entry))));
        }
        gather(entry, into);
    }
}
