//! A code system in memory: its concepts in document order, who stands under whom, and what each is said to be.
//!
//! Sketch: 40 bytes a concept beside its texts, which lie in one buffer; a code is found by binary search over row numbers
//! (13,000 codes: 14 comparisons), an ancestor by walking up. Nothing is allocated while it is asked.

use super::Problem;
use mach_base::Day;
use std::collections::HashMap;
use std::sync::OnceLock;

/// Concepts of one code system (SNOMED CT international has 360,000 active ones).
pub const CONCEPTS: usize = 500_000;

/// How much of a code system's content is here. R4 `codesystem-content-mode`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Content {
    /// All codes: a code that is not here does not exist.
    #[default]
    Complete,
    /// Some of them.
    Fragment,
    /// A few, to show how it looks.
    Example,
    /// None.
    NotPresent,
    /// Further words for the codes of another system.
    Supplement,
}

impl Content {
    /// The code of FHIR as a mode.
    pub fn parse(code: &str) -> Option<Self> {
        Some(match code {
            "complete" => Self::Complete,
            "fragment" => Self::Fragment,
            "example" => Self::Example,
            "not-present" => Self::NotPresent,
            "supplement" => Self::Supplement,
            _ => return None,
        })
    }

    /// The code of FHIR.
    pub fn code(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Fragment => "fragment",
            Self::Example => "example",
            Self::NotPresent => "not-present",
            Self::Supplement => "supplement",
        }
    }
}

/// A range of the texts.
#[derive(Clone, Copy, Debug, Default)]
struct Span {
    at: u32,
    len: u32,
}

#[derive(Debug, Default)]
struct Row {
    code: Span,
    display: Span,
    definition: Span,
    /// First and last day of use; the ends of `i32` where open.
    valid: (i32, i32),
    /// Where its properties and designations begin; they end where the next concept's begin.
    properties: u32,
    designations: u32,
    is_abstract: bool,
    is_inactive: bool,
}

#[derive(Debug)]
struct PropertyRow {
    name: u16,
    kind: &'static str,
    value: Span,
    system: Span,
}

#[derive(Debug)]
struct DesignationRow {
    language: Span,
    use_system: Span,
    use_code: Span,
    value: Span,
}

/// What a code system says of itself.
#[derive(Debug, Default)]
pub struct Head {
    /// Canonical URL.
    pub url: Box<str>,
    /// Its version; empty where it tells none.
    pub version: Box<str>,
    /// Its name for programs.
    pub name: Box<str>,
    /// Its name for people.
    pub title: Box<str>,
    /// Language of the displays; empty where it tells none.
    pub language: Box<str>,
    /// How much of it is here.
    pub content: Content,
    /// Whether `a` and `A` are two codes.
    pub case_sensitive: bool,
    /// Canonical URL of the value set of all its codes; empty where it has none.
    pub value_set: Box<str>,
    /// Declared properties: code and type.
    pub declared: Vec<(Box<str>, Box<str>)>,
}

/// A code system.
#[derive(Debug, Default)]
pub struct CodeSystem {
    /// What it says of itself.
    pub head: Head,
    text: Box<str>,
    rows: Vec<Row>,
    by_code: Vec<u32>,
    names: Vec<Box<str>>,
    properties: Vec<PropertyRow>,
    designations: Vec<DesignationRow>,
    parents: Links,
    children: Links,
    /// Folded words of each concept, and where each concept's end; made at the first search by words.
    folded: OnceLock<(Box<str>, Vec<u32>)>,
}

/// For each row, other rows.
#[derive(Debug, Default)]
struct Links {
    starts: Vec<u32>,
    to: Vec<u32>,
}

impl Links {
    fn new(count: usize, pairs: &[(u32, u32)]) -> Self {
        let mut starts = vec![0u32; count + 1];
        pairs.iter().for_each(|(from, _)| starts[*from as usize + 1] += 1);
        for i in 0..count {
            starts[i + 1] += starts[i];
        }
        let mut next = starts.clone();
        let mut to = vec![0; pairs.len()];
        for (from, there) in pairs {
            let slot = &mut next[*from as usize];
            to[*slot as usize] = *there;
            *slot += 1;
        }
        Self { starts, to }
    }

    fn of(&self, row: u32) -> &[u32] {
        let at = row as usize;
        match (self.starts.get(at), self.starts.get(at + 1)) {
            (Some(start), Some(end)) => &self.to[*start as usize..*end as usize],
            _ => &[],
        }
    }
}

/// One property of a concept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Property<'a> {
    /// Its code.
    pub name: &'a str,
    /// `code`, `string`, `integer`, `boolean`, `dateTime`, `decimal` or `Coding`.
    pub kind: &'static str,
    /// The value as text; a Coding's code.
    pub value: &'a str,
    /// A Coding's system.
    pub system: &'a str,
}

/// Other words of a concept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Designation<'a> {
    /// BCP 47 language; empty where it tells none.
    pub language: &'a str,
    /// What it is for: system and code; empty where it tells none.
    pub used: (&'a str, &'a str),
    /// The words.
    pub value: &'a str,
}

/// A concept of a code system.
#[derive(Clone, Copy, Debug)]
pub struct Concept<'a> {
    /// The system.
    pub system: &'a CodeSystem,
    /// Its number there, in document order.
    pub at: u32,
}

impl CodeSystem {
    fn part(&self, span: Span) -> &str {
        &self.text[span.at as usize..span.at as usize + span.len as usize]
    }

    fn key<'a>(&self, code: &'a str) -> std::borrow::Cow<'a, str> {
        if self.head.case_sensitive { code.into() } else { code.to_lowercase().into() }
    }

    /// How many concepts it has.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The concept of a code, in the case the system cares for.
    pub fn find(&self, code: &str) -> Option<Concept<'_>> {
        let key = self.key(code);
        let order = |row: &u32| self.key(self.part(self.rows[*row as usize].code)).as_ref().cmp(key.as_ref());
        self.by_code.binary_search_by(order).ok().map(|n| Concept { system: self, at: self.by_code[n] })
    }

    /// The concept of a number below `len`.
    pub fn at(&self, at: u32) -> Concept<'_> {
        Concept { system: self, at }
    }

    /// All concepts in document order.
    pub fn concepts(&self) -> impl Iterator<Item = Concept<'_>> {
        (0..self.rows.len() as u32).map(|at| Concept { system: self, at })
    }

    /// Whether it declares a property, or a concept has it.
    pub fn has_property(&self, name: &str) -> bool {
        self.names.iter().any(|n| &**n == name) || self.head.declared.iter().any(|(n, _)| &**n == name)
    }

    /// Whether every word of `words` (folded) begins a word of the concept's texts, or the code begins so.
    pub fn says(&self, at: u32, code: &str, words: &[String]) -> bool {
        let (text, ends) = self.folded.get_or_init(|| self.fold());
        let start = if at == 0 { 0 } else { ends[at as usize - 1] };
        let own = &text[start as usize..ends[at as usize] as usize];
        let whole = self.part(self.rows[at as usize].code).to_lowercase();
        whole.starts_with(code) || (!words.is_empty() && words.iter().all(|w| own.contains(w.as_str())))
    }

    fn fold(&self) -> (Box<str>, Vec<u32>) {
        let mut text = String::new();
        let mut ends = Vec::with_capacity(self.rows.len());
        for concept in self.concepts() {
            for words in [concept.display()].into_iter().chain(concept.designations().map(|d| d.value)) {
                text.push(' ');
                text.push_str(&mach_base::text::fold(words));
            }
            ends.push(text.len() as u32);
        }
        (text.into(), ends)
    }

    /// Bytes of memory.
    pub fn size(&self) -> usize {
        let folded = self.folded.get().map_or(0, |(text, ends)| text.len() + ends.len() * 4);
        self.text.len()
            + self.rows.len() * (size_of::<Row>() + 4 * 3)
            + (self.parents.to.len() + self.children.to.len()) * 4
            + self.properties.len() * size_of::<PropertyRow>()
            + self.designations.len() * size_of::<DesignationRow>()
            + folded
    }
}

impl<'a> Concept<'a> {
    fn row(self) -> &'a Row {
        &self.system.rows[self.at as usize]
    }

    /// Its code, as the system spells it.
    pub fn code(self) -> &'a str {
        self.system.part(self.row().code)
    }

    /// Its words; empty where it has none.
    pub fn display(self) -> &'a str {
        self.system.part(self.row().display)
    }

    /// What it means, at length; empty where that is not told.
    pub fn definition(self) -> &'a str {
        self.system.part(self.row().definition)
    }

    /// Whether it only groups others.
    pub fn is_abstract(self) -> bool {
        self.row().is_abstract
    }

    /// Whether it is no longer to be used.
    pub fn is_inactive(self) -> bool {
        self.row().is_inactive
    }

    /// First and last day of use, where it tells them.
    pub fn valid(self) -> (Option<Day>, Option<Day>) {
        let (from, to) = self.row().valid;
        (Some(Day(from)).filter(|d| d.0 != i32::MIN), Some(Day(to)).filter(|d| d.0 != i32::MAX))
    }

    /// Whether it may be used on a day; always where none is asked.
    pub fn holds(self, day: Option<Day>) -> bool {
        let (from, to) = self.row().valid;
        day.is_none_or(|d| from <= d.0 && d.0 <= to)
    }

    /// Its properties, those of the hierarchy aside.
    pub fn properties(self) -> impl Iterator<Item = Property<'a>> {
        let system = self.system;
        let end = system.rows.get(self.at as usize + 1).map_or(system.properties.len(), |r| r.properties as usize);
        system.properties[self.row().properties as usize..end].iter().map(|p| Property {
            name: &system.names[usize::from(p.name)],
            kind: p.kind,
            value: system.part(p.value),
            system: system.part(p.system),
        })
    }

    /// Its other words.
    pub fn designations(self) -> impl Iterator<Item = Designation<'a>> {
        let system = self.system;
        let end = system.rows.get(self.at as usize + 1).map_or(system.designations.len(), |r| r.designations as usize);
        system.designations[self.row().designations as usize..end].iter().map(|d| Designation {
            language: system.part(d.language),
            used: (system.part(d.use_system), system.part(d.use_code)),
            value: system.part(d.value),
        })
    }

    /// Those directly above.
    pub fn parents(self) -> impl Iterator<Item = Concept<'a>> {
        let system = self.system;
        system.parents.of(self.at).iter().map(|at| Concept { system, at: *at })
    }

    /// Those directly below.
    pub fn children(self) -> impl Iterator<Item = Concept<'a>> {
        let system = self.system;
        system.children.of(self.at).iter().map(|at| Concept { system, at: *at })
    }

    /// Itself and all above it, each once.
    pub fn ancestors(self) -> Vec<u32> {
        closure(self.at, &self.system.parents)
    }

    /// Itself and all below it, each once.
    pub fn descendants(self) -> Vec<u32> {
        closure(self.at, &self.system.children)
    }

    /// Whether it is `other` or stands below it.
    pub fn is_a(self, other: Concept<'_>) -> bool {
        self.at == other.at || self.ancestors().contains(&other.at)
    }

    /// Its words in a language (`vi`, `en-GB`): the display where that is of the language or no other words are.
    pub fn display_in(self, language: Option<&str>) -> &'a str {
        let Some(language) = language.filter(|l| !super::grammar::same_language(&self.system.head.language, l)) else {
            return self.display();
        };
        let fit = |d: &Designation<'a>| super::grammar::same_language(d.language, language);
        self.designations().find(fit).map_or_else(|| self.display(), |d| d.value)
    }
}

fn closure(from: u32, links: &Links) -> Vec<u32> {
    let mut all = vec![from];
    let mut seen = std::collections::HashSet::from([from]);
    let mut next = 0;
    while let Some(row) = all.get(next).copied() {
        next += 1;
        all.extend(links.of(row).iter().filter(|r| seen.insert(**r)));
    }
    all
}

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
