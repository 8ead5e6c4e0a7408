//! A concept map: which code of one system stands for which of another.

use super::Problem;
use super::read::{list, text};
use crate::tree::Value;

/// Elements of one concept map.
const ELEMENTS: usize = 500_000;

/// A condition on, or a further product of, a mapping.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Other {
    /// The element (a URI).
    pub property: Box<str>,
    /// System of the value; may be empty.
    pub system: Box<str>,
    /// The value.
    pub value: Box<str>,
    /// Its words; may be empty.
    pub display: Box<str>,
}

/// One target of a code.
#[derive(Clone, Debug, Default)]
pub struct Target {
    /// Its code; empty where there is none (`unmatched`).
    pub code: Box<str>,
    /// Its words.
    pub display: Box<str>,
    /// `equivalence` of R4, as target relative to source.
    pub equivalence: Box<str>,
    /// What must be known beside the code.
    pub depends_on: Vec<Other>,
    /// What else comes of it.
    pub product: Vec<Other>,
}

/// What a group does with codes it does not map.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Unmapped {
    /// Nothing.
    #[default]
    None,
    /// The same code.
    Provided,
    /// One code for all: code and display.
    Fixed(Box<str>, Box<str>),
    /// Asks another map.
    Other(Box<str>),
}

/// Mappings from one system to another.
#[derive(Clone, Debug, Default)]
pub struct Group {
    /// Source system; empty where any.
    pub source: Box<str>,
    /// Target system.
    pub target: Box<str>,
    /// Version of the target system; may be empty.
    pub target_version: Box<str>,
    /// Code, display, targets; sorted by code.
    elements: Vec<(Box<str>, Box<str>, Vec<Target>)>,
    /// What is done with others.
    pub unmapped: Unmapped,
}

/// A concept map.
#[derive(Clone, Debug, Default)]
pub struct ConceptMap {
    /// Canonical URL.
    pub url: Box<str>,
    /// Version.
    pub version: Box<str>,
    /// Source value set, or empty.
    pub source: Box<str>,
    /// Target value set, or empty.
    pub target: Box<str>,
    /// Groups.
    pub groups: Vec<Group>,
}

/// One answer of a translation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match {
    /// `equivalence` of R4: of what was found, relative to what was asked.
    pub equivalence: Box<str>,
    /// System, version, code, display; no code where nothing matches.
    pub system: Box<str>,
    /// Version of the system; may be empty.
    pub version: Box<str>,
    /// Code; empty where nothing matches.
    pub code: Box<str>,
    /// Words; may be empty.
    pub display: Box<str>,
    /// What else comes of it.
    pub product: Vec<Other>,
    /// The map it is from.
    pub source: Box<str>,
}

/// A code to be translated.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// Its system; empty where unknown.
    pub system: &'a str,
    /// The code.
    pub code: &'a str,
    /// Only into this system.
    pub target_system: Option<&'a str>,
    /// Backwards: the code is a target.
    pub reverse: bool,
    /// What is known beside the code.
    pub known: &'a [Other],
}

impl ConceptMap {
    /// Reads a ConceptMap resource.
    ///
    /// # Errors
    /// More than the limits.
    pub fn read(resource: Value<'_>) -> Result<Self, Problem> {
        let either = |a: &str, b: &str| {
            let first = text(resource, a);
            if first.is_empty() { text(resource, b) } else { first }
        };
        let mut count = 0;
        let mut groups = Vec::new();
        for group in list(resource, "group") {
            let mut elements: Vec<_> = list(group, "element")
                .map(|e| {
                    let targets: Vec<Target> = list(e, "target").map(read_target).collect();
                    (text(e, "code"), text(e, "display"), targets)
                })
                .collect();
            count += elements.len();
            if count > ELEMENTS {
                return Err(Problem::TooCostly(format!("a concept map of more than {ELEMENTS} codes")));
            }
            elements.sort_by(|a, b| a.0.cmp(&b.0));
            let unmapped = match group.get("unmapped").map(|u| (text(u, "mode"), u)) {
                Some((mode, _)) if &*mode == "provided" => Unmapped::Provided,
                Some((mode, u)) if &*mode == "fixed" => Unmapped::Fixed(text(u, "code"), text(u, "display")),
                Some((_, u)) => Unmapped::Other(text(u, "url")),
                None => Unmapped::None,
            };
            groups.push(Group {
                source: text(group, "source"),
                target: text(group, "target"),
                target_version: text(group, "targetVersion"),
                elements,
                unmapped,
            });
        }
        Ok(Self {
            url: text(resource, "url"),
            version: text(resource, "version"),
            source: either("sourceUri", "sourceCanonical"),
            target: either("targetUri", "targetCanonical"),
            groups,
        })
    }

    /// What a code stands for in this map; the URLs of other maps to ask for it are added to `others`.
    pub fn translate(&self, question: Question<'_>, others: &mut Vec<Box<str>>) -> Vec<Match> {
        let mut out = Vec::new();
        for group in &self.groups {
            let (here, there) =
                if question.reverse { (&group.target, &group.source) } else { (&group.source, &group.target) };
            let system_fits = question.system.is_empty() || here.is_empty() || **here == *question.system;
            if !system_fits || question.target_system.is_some_and(|t| t != &**there) {
                continue;
            }
            if question.reverse {
                self.backwards(group, question, &mut out);
            } else {
                self.forwards(group, question, &mut out, others);
            }
        }
        out
    }

    fn found(&self, group: &Group, equivalence: &str, code: &str, display: &str) -> Match {
        Match {
            equivalence: equivalence.into(),
            system: group.target.clone(),
            version: group.target_version.clone(),
            code: code.into(),
            display: display.into(),
            product: Vec::new(),
            source: self.url.clone(),
        }
    }

    fn forwards(&self, group: &Group, question: Question<'_>, out: &mut Vec<Match>, others: &mut Vec<Box<str>>) {
        let first = group.elements.partition_point(|(code, ..)| **code < *question.code);
        let own: Vec<&Target> = group.elements[first..]
            .iter()
            .take_while(|(code, ..)| **code == *question.code)
            .flat_map(|(_, _, targets)| targets)
            .collect();
        let is_mapped = group.elements.get(first).is_some_and(|(code, ..)| **code == *question.code);
        for target in own {
            let fits = |d: &Other| question.known.iter().any(|k| k.property == d.property && k.value == d.value);
            if target.depends_on.iter().all(fits) {
                let mut found = self.found(group, &target.equivalence, &target.code, &target.display);
                found.product = target.product.clone();
                out.push(found);
            }
        }
        if is_mapped {
            return;
        }
        match &group.unmapped {
            Unmapped::None => {}
            Unmapped::Provided => out.push(self.found(group, "equal", question.code, "")),
            Unmapped::Fixed(code, display) => out.push(self.found(group, "relatedto", code, display)),
            Unmapped::Other(url) => others.push(url.clone()),
        }
    }

    fn backwards(&self, group: &Group, question: Question<'_>, out: &mut Vec<Match>) {
        for (code, display, targets) in &group.elements {
            for target in targets.iter().filter(|t| *t.code == *question.code) {
                out.push(Match {
                    system: group.source.clone(),
                    version: Box::default(),
                    ..self.found(group, turned(&target.equivalence), code, display)
                });
            }
        }
    }
}

/// The equivalence seen from the other side.
fn turned(equivalence: &str) -> &str {
    match equivalence {
        "wider" => "narrower",
        "narrower" => "wider",
        "subsumes" => "specializes",
        "specializes" => "subsumes",
        same => same,
    }
}

/// Whether an equivalence says that something was found.
pub fn is_match(equivalence: &str) -> bool {
    !matches!(equivalence, "unmatched" | "disjoint")
}

fn read_target(target: Value<'_>) -> Target {
    let others = |name: &str| -> Vec<Other> {
        list(target, name)
            .map(|o| Other {
                property: text(o, "property"),
                system: text(o, "system"),
                value: text(o, "value"),
                display: text(o, "display"),
            })
            .collect()
    };
    Target {
        code: text(target, "code"),
        display: text(target, "display"),
        equivalence: text(target, "equivalence"),
        depends_on: others("dependsOn"),
        product: others("product"),
    }
}
