//! What codes mean: which value sets hold them, which systems know them. Asked by searches, validation and the operations.

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

/// A source of codes. Implementations do no I/O while they are asked: what they know was read before.
pub trait Terminology {
    /// Whether a value set (its canonical URL, with or without `|version`) holds a code. Without a system, the code of any
    /// system of the set counts.
    fn in_value_set(&self, value_set: &str, system: Option<&str>, code: &str) -> Membership;
    /// Whether a code system has a code.
    fn in_system(&self, system: &str, code: &str) -> Membership;
    /// The preferred words of a code.
    fn display(&self, system: &str, code: &str) -> Option<String>;
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
