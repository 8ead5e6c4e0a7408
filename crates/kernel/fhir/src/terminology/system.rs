//! A code system in memory: its concepts in document order, who stands under whom, and what each is said to be.
//!
//! Sketch: 40 bytes a concept beside its texts, which lie in one buffer; a code is found by binary search over row numbers
//! (13,000 codes: 14 comparisons), an ancestor by walking up. Nothing is allocated while it is asked.

use mach_base::Day;
use std::sync::OnceLock;

mod build;

pub use build::Builder;

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
