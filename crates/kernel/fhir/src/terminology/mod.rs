//! What codes mean: which value sets hold them, which systems know them. Asked by searches, validation and the operations.
//!
//! Definitions stand on shelves and are made ready one by one, when they are first asked for. The product's own shelf comes
//! from `content/fhir/terms.txt.zst`, which is unpacked at the first question: 5 MB of text, and no more memory than the
//! systems that are asked about.

pub mod expand;
pub mod grammar;
pub mod library;
pub mod map;
pub mod member;
mod read;
pub mod system;
pub mod value_set;

pub use library::{Entry, Library, Shelf};
pub use map::ConceptMap;
pub use system::CodeSystem;
pub use value_set::ValueSet;

use std::sync::{Arc, LazyLock};

/// Whether a code is in something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Membership {
    /// It is.
    In,
    /// It is not.
    Out,
    /// What is known here cannot tell: the content is missing or only partly known.
    Unknown,
}

impl Membership {
    /// In either.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::In, _) | (_, Self::In) => Self::In,
            (Self::Out, Self::Out) => Self::Out,
            _ => Self::Unknown,
        }
    }

    /// In both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Out, _) | (_, Self::Out) => Self::Out,
            (Self::In, Self::In) => Self::In,
            _ => Self::Unknown,
        }
    }
}

impl std::ops::Not for Membership {
    type Output = Self;
    fn not(self) -> Self {
        match self {
            Self::In => Self::Out,
            Self::Out => Self::In,
            Self::Unknown => Self::Unknown,
        }
    }
}

/// How two codes of one system stand to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subsumption {
    /// They are one.
    Equivalent,
    /// The first is above the second.
    Subsumes,
    /// The first is below the second.
    SubsumedBy,
    /// Neither.
    Neither,
}

/// Why a question about definitions has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// What it needs is not here.
    #[error("{0}")]
    Unknown(String),
    /// A definition is wrong.
    #[error("{0}")]
    Invalid(String),
    /// More than a limit allows.
    #[error("{0}")]
    TooCostly(String),
}

impl Problem {
    fn invalid(text: String) -> Self {
        Self::Invalid(text)
    }
}

/// A source of codes. Implementations do no I/O while they are asked: what they know was read before.
pub trait Terminology {
    /// Whether a value set (its canonical URL, with or without `|version`) holds a code. Without a system, the code of any
    /// system of the set counts.
    fn in_value_set(&self, value_set: &str, system: Option<&str>, code: &str) -> Membership;
    /// Whether a code system has a code.
    fn in_system(&self, system: &str, code: &str) -> Membership;
    /// The preferred words of a code.
    fn display(&self, system: &str, code: &str) -> Option<String>;
    /// How two codes of a system stand to each other; `None` where that is not known.
    fn subsumes(&self, _system: &str, _a: &str, _b: &str) -> Option<Subsumption> {
        None
    }
}

static PACKED: &[u8] = include_bytes!("../../../../../content/fhir/terms.txt.zst");

/// Countries and currencies, which R4 speaks of and does not list.
static ISO: &str = include_str!("../../../../../content/fhir/iso.txt");

/// The code systems, value sets and concept maps of R4, with the tables of v2 and the systems of v3.
pub fn r4() -> &'static Library {
    static R4: LazyLock<Library> = LazyLock::new(|| Library::new(vec![r4_shelf()]));
    &R4
}

/// The shelf of [`r4`], to stand behind others.
pub fn r4_shelf() -> Arc<Shelf> {
    static SHELF: LazyLock<Arc<Shelf>> = LazyLock::new(|| {
        let mut shelf = Shelf::default();
        shelf.add_lines(r4_text().leak());
        shelf.add_lines(ISO);
        Arc::new(shelf)
    });
    Arc::clone(&SHELF)
}

/// The text of the committed terminology, as the generator wrote it.
pub fn r4_text() -> String {
    let bytes = zstd::decode_all(PACKED).expect("a test unpacks the committed terminology with this same function");
    String::from_utf8(bytes).expect("the generator writes UTF-8")
}

/// The enumerated value sets of the definitions themselves, and nothing else.
impl Terminology for crate::Definitions {
    fn in_value_set(&self, value_set: &str, system: Option<&str>, code: &str) -> Membership {
        match self.value_set(value_set).and_then(|set| set.contains(system, code)) {
            Some(true) => Membership::In,
            Some(false) => Membership::Out,
            None => Membership::Unknown,
        }
    }

    fn in_system(&self, _system: &str, _code: &str) -> Membership {
        Membership::Unknown
    }

    fn display(&self, _system: &str, _code: &str) -> Option<String> {
        None
    }
}
