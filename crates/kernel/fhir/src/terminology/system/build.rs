//! Makes code systems, and refuses those that cannot be one.

use super::super::Problem;
use super::{CONCEPTS, CodeSystem, DesignationRow, Head, Links, PropertyRow, Row, Span};
use mach_base::Day;
use std::collections::HashMap;

/// Makes a code system, concept by concept.
#[derive(Debug, Default)]
pub struct Builder {
    system: CodeSystem,
    text: String,
    /// Child and parent, by number.
    links: Vec<(u32, u32)>,
    /// The same, one of them by code: row, code, whether the code is the parent's.
    named: Vec<(u32, Box<str>, bool)>,
    names: HashMap<Box<str>, u16>,
}

impl Builder {
    /// A system without concepts.
    pub fn new(head: Head) -> Self {
        Self { system: CodeSystem { head, ..CodeSystem::default() }, ..Self::default() }
    }

    fn span(&mut self, text: &str) -> Span {
        let at = self.text.len() as u32;
        self.text.push_str(text);
        Span { at, len: text.len() as u32 }
    }

    /// Adds a concept; gives its number. What follows is said of it.
    ///
    /// # Errors
    /// Without a code, or where there are too many.
    pub fn concept(
        &mut self,
        parent: Option<u32>,
        code: &str,
        display: &str,
        definition: &str,
    ) -> Result<u32, Problem> {
        if code.is_empty() {
            return Err(Problem::invalid(format!(
                "code system `{}` has a concept without a code",
                self.system.head.url
            )));
        }
        if self.system.rows.len() >= CONCEPTS || self.text.len() > (u32::MAX / 2) as usize {
            let url = &self.system.head.url;
            return Err(Problem::TooCostly(format!("code system `{url}` has more than {CONCEPTS} concepts")));
        }
        let at = self.system.rows.len() as u32;
        self.links.extend(parent.map(|p| (at, p)));
        let row = Row {
            code: self.span(code),
            display: self.span(display),
            definition: self.span(definition),
            valid: (i32::MIN, i32::MAX),
            properties: self.system.properties.len() as u32,
            designations: self.system.designations.len() as u32,
            ..Row::default()
        };
        self.system.rows.push(row);
        Ok(at)
    }

    /// The last concept groups others and is no choice itself.
    pub fn set_abstract(&mut self) {
        self.system.rows.last_mut().into_iter().for_each(|r| r.is_abstract = true);
    }

    /// The last concept is no longer to be used.
    pub fn set_inactive(&mut self) {
        self.system.rows.last_mut().into_iter().for_each(|r| r.is_inactive = true);
    }

    /// The days on which the last concept may be used.
    pub fn set_valid(&mut self, from: Option<Day>, to: Option<Day>) {
        let valid = (from.map_or(i32::MIN, |d| d.0), to.map_or(i32::MAX, |d| d.0));
        self.system.rows.last_mut().into_iter().for_each(|r| r.valid = valid);
    }

    /// A parent of the last concept, by its code; it may come later.
    pub fn parent(&mut self, code: &str) {
        let last = self.system.rows.len() as u32 - 1;
        self.named.push((last, code.into(), true));
    }

    /// A child of the last concept, by its code; it may come later.
    pub fn child(&mut self, code: &str) {
        let last = self.system.rows.len() as u32 - 1;
        self.named.push((last, code.into(), false));
    }

    /// A property of the last concept.
    pub fn property(&mut self, name: &str, kind: &'static str, value: &str, system: &str) {
        let next = self.names.len() as u16;
        let number = *self.names.entry(name.into()).or_insert(next);
        if number == next {
            self.system.names.push(name.into());
        }
        let row = PropertyRow { name: number, kind, value: self.span(value), system: self.span(system) };
        self.system.properties.push(row);
    }

    /// Other words of the last concept.
    pub fn designation(&mut self, language: &str, (use_system, use_code): (&str, &str), value: &str) {
        let row = DesignationRow {
            language: self.span(language),
            use_system: self.span(use_system),
            use_code: self.span(use_code),
            value: self.span(value),
        };
        self.system.designations.push(row);
    }

    /// The system, ready to be asked.
    ///
    /// # Errors
    /// A code that stands twice, a parent that does not exist, a hierarchy that goes in a circle.
    pub fn finish(mut self) -> Result<CodeSystem, Problem> {
        let url = self.system.head.url.clone();
        let wrong = |what: String| Problem::invalid(format!("code system `{url}`: {what}"));
        self.system.text = self.text.into();
        let mut system = self.system;
        let count = system.rows.len();
        let mut keyed: Vec<(Box<str>, u32)> =
            system.concepts().map(|c| (system.key(c.code()).into_owned().into(), c.at)).collect();
        keyed.sort_unstable();
        if let Some(twice) = keyed.windows(2).find(|w| w[0].0 == w[1].0) {
            return Err(wrong(format!("the code `{}` stands twice", twice[0].0)));
        }
        system.by_code = keyed.into_iter().map(|(_, at)| at).collect();
        for (row, code, is_parent) in self.named {
            let other = system
                .find(&code)
                .ok_or_else(|| wrong(format!("`{}` names `{code}`, which is no code of it", system.at(row).code())))?;
            self.links.push(if is_parent { (row, other.at) } else { (other.at, row) });
        }
        self.links.sort_unstable();
        self.links.dedup();
        system.parents = Links::new(count, &self.links);
        let mut down: Vec<(u32, u32)> = self.links.iter().map(|(child, parent)| (*parent, *child)).collect();
        down.sort_unstable();
        system.children = Links::new(count, &down);
        if let Some(at) = circle(&system) {
            return Err(wrong(format!("the hierarchy goes in a circle at `{}`", system.at(at).code())));
        }
        Ok(system)
    }
}

/// A concept on a circle: what is left after taking away, again and again, those without a parent that is left.
fn circle(system: &CodeSystem) -> Option<u32> {
    let mut above: Vec<usize> = (0..system.rows.len() as u32).map(|r| system.parents.of(r).len()).collect();
    let mut free: Vec<u32> = (0..system.rows.len() as u32).filter(|r| above[*r as usize] == 0).collect();
    let mut taken = 0;
    while let Some(row) = free.pop() {
        taken += 1;
        for child in system.children.of(row) {
            above[*child as usize] -= 1;
            if above[*child as usize] == 0 {
                free.push(*child);
            }
        }
    }
    if taken == system.rows.len() { None } else { above.iter().position(|n| *n > 0).map(|n| n as u32) }
}
