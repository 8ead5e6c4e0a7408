//! Scopes (SMART App Launch 2.2 §scopes-and-launch-context), read, narrowed by one another, and as the store understands them.
//!
//! `patient/Observation.rs?category=…|laboratory` and the like: level, type, letters of `cruds`, and tests that every resource
//! must pass. Forms of version 1 (`.read`, `.write`, `.*`) mean `rs`, `cud` and `cruds`. What a server need not understand it
//! leaves out of what it grants, so reading gives `None` and nobody is let in by it.

use crate::resources::{SHARED, code_hash, system_hash};
use mach_access::app::{Narrow, Only, Opened, Parts, Right, Rights};
use mach_base::limits;
use mach_fhir::ResourceType;
use mach_fhir::definitions::{self, ParamKind};
use std::fmt;
use std::sync::{Arc, OnceLock};

/// Whose resources.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Of the patient of the launch.
    Patient,
    /// Whatever the person may see.
    User,
    /// Whatever a system may see that asks for itself.
    System,
}

impl Level {
    /// As it is written.
    pub fn code(self) -> &'static str {
        match self {
            Self::Patient => "patient",
            Self::User => "user",
            Self::System => "system",
        }
    }
}

/// A scope that opens resources.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Resources {
    /// Whose.
    pub level: Level,
    /// Of which type; none: of all.
    pub kind: Option<ResourceType>,
    /// What may be done.
    pub rights: Rights,
    /// Tests that all must hold, as written: `category=http://…|laboratory`, alternatives after commas.
    pub only: Vec<String>,
    /// Whether it was written as version 1 writes it.
    old: bool,
}

/// A scope.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Resources.
    Resources(Resources),
    /// `openid`: who signed in.
    OpenId,
    /// `fhirUser`: by which resource they are known.
    FhirUser,
    /// `profile`: their name.
    Profile,
    /// `launch`: from a page of this server.
    Launch,
    /// `launch/patient`: a patient is chosen where none is given.
    LaunchPatient,
    /// `launch/encounter`.
    LaunchEncounter,
    /// `offline_access`: when nobody is there.
    Offline,
}

/// Words that are scopes by themselves.
const WORDS: [(&str, Scope); 7] = [
    ("openid", Scope::OpenId),
    ("fhirUser", Scope::FhirUser),
    ("profile", Scope::Profile),
    ("launch", Scope::Launch),
    ("launch/patient", Scope::LaunchPatient),
    ("launch/encounter", Scope::LaunchEncounter),
    ("offline_access", Scope::Offline),
];

/// What the words of version 1 mean.
const OLD: [(&str, &[Right]); 3] = [
    ("read", &[Right::Read, Right::Search]),
    ("write", &[Right::Create, Right::Update, Right::Delete]),
    ("*", &Right::ALL),
];

impl Scope {
    /// Reads one; `None` where it is none, or none that is understood here.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some((_, word)) = WORDS.iter().find(|(name, _)| *name == text) {
            return Some(word.clone());
        }
        resources(text).map(Self::Resources)
    }

    /// Reads a list with blanks between; what is not understood is left out.
    pub fn list(text: &str) -> Vec<Self> {
        let mut found: Vec<Self> = text.split_ascii_whitespace().filter_map(Self::parse).collect();
        found.sort();
        found.dedup();
        found.truncate(limits::SMART_SCOPES);
        found
    }

    /// The first of a list that is not understood.
    pub fn unknown(text: &str) -> Option<&str> {
        text.split_ascii_whitespace().find(|word| Self::parse(word).is_none())
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resources(r) => r.fmt(f),
            word => f.write_str(WORDS.iter().find(|(_, w)| w == word).map_or("", |(name, _)| name)),
        }
    }
}

/// Scopes as one text.
pub fn text(scopes: &[Scope]) -> String {
    scopes.iter().map(Scope::to_string).collect::<Vec<_>>().join(" ")
}

impl fmt::Display for Resources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}.", self.level.code(), self.kind.map_or("*", ResourceType::name))?;
        match OLD.iter().find(|(_, rights)| self.old && Rights::of(rights) == self.rights) {
            Some((word, _)) => f.write_str(word)?,
            None => Right::ALL.iter().filter(|r| self.rights.has(**r)).try_for_each(|r| write!(f, "{}", r.letter()))?,
        }
        if self.only.is_empty() { Ok(()) } else { write!(f, "?{}", self.only.join("&")) }
    }
}

fn resources(text: &str) -> Option<Resources> {
    let (path, query) = text.split_once('?').map_or((text, None), |(path, query)| (path, Some(query)));
    let (level, rest) = path.split_once('/')?;
    let level = [Level::Patient, Level::User, Level::System].into_iter().find(|l| l.code() == level)?;
    let (kind, may) = rest.split_once('.')?;
    let kind = if kind == "*" { None } else { Some(ResourceType::parse(kind)?) };
    let old = OLD.iter().find(|(word, _)| *word == may).map(|(_, rights)| Rights::of(rights));
    let rights = old.or_else(|| letters(may))?;
    let mut only = Vec::new();
    for test in query.into_iter().flat_map(|q| q.split('&')) {
        read_test(kind?, test)?;
        only.push(test.to_owned());
    }
    only.sort();
    only.dedup();
    if only.len() > limits::SMART_SCOPE_TESTS {
        return None;
    }
    // A test says what may be seen; what may be written it does not say.
    let rights = if only.is_empty() { rights } else { rights.and(Rights::of(OLD[0].1)) };
    (!rights.is_empty()).then_some(Resources { level, kind, rights, only, old: old.is_some() })
}

/// Letters of `cruds`, in this order, each once.
fn letters(text: &str) -> Option<Rights> {
    let mut rest = text.chars().peekable();
    let given: Vec<Right> = Right::ALL.into_iter().filter(|right| rest.next_if_eq(&right.letter()).is_some()).collect();
    (rest.peek().is_none() && !given.is_empty()).then(|| Rights::of(&given))
}

/// A test as hashes: a token parameter of the type, without modifier, with codes.
fn read_test(kind: ResourceType, test: &str) -> Option<Only> {
    let (name, values) = test.split_once('=')?;
    let param = definitions::r4().param(kind.name(), name).filter(|p| p.kind == ParamKind::Token)?;
    let value = |text: &str| {
        let text = unescaped(text)?;
        let (system, code) = match text.split_once('|') {
            None => (None, text.as_str()),
            Some((system, code)) => (Some(system_hash(system)), code),
        };
        (!code.is_empty() && !code.contains('|')).then(|| (code_hash(code), system))
    };
    let any: Vec<_> = values.split(',').map(value).collect::<Option<_>>()?;
    (any.len() <= limits::SMART_SCOPE_TESTS).then_some(Only { param: param.number, any })
}

/// `%XX` of a text as bytes.
fn unescaped(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(b) = rest.next() {
        if b == b'%' {
            let digits = [rest.next()?, rest.next()?];
            out.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
        } else {
            out.push(b);
        }
    }
    String::from_utf8(out).ok()
}

impl Resources {
    /// What both open; `None` where that is nothing.
    fn and(&self, other: &Self) -> Option<Self> {
        if self.level != other.level || (self.kind.is_some() && other.kind.is_some() && self.kind != other.kind) {
            return None;
        }
        let mut only: Vec<String> = self.only.iter().chain(&other.only).cloned().collect();
        only.sort();
        only.dedup();
        let mut rights = self.rights.and(other.rights);
        if !only.is_empty() {
            rights = rights.and(Rights::of(OLD[0].1));
        }
        let kind = self.kind.or(other.kind);
        (!rights.is_empty()).then_some(Self { level: self.level, kind, rights, only, old: self.old })
    }

    /// Whether it opens all that `other` opens.
    fn covers(&self, other: &Self) -> bool {
        self.level == other.level
            && (self.kind.is_none() || self.kind == other.kind)
            && self.rights.and(other.rights) == other.rights
            && self.only.iter().all(|test| other.only.contains(test))
    }
}

/// What is granted of what is wished: what is `allowed`, with no more than the rights in `may`. Never more than either.
pub fn granted(wished: &[Scope], allowed: &[Scope], may: Rights) -> Vec<Scope> {
    let mut words = Vec::new();
    let mut opened: Vec<Resources> = Vec::new();
    for wish in wished {
        let Scope::Resources(wish) = wish else {
            if allowed.contains(wish) {
                words.push(wish.clone());
            }
            continue;
        };
        for allowed in allowed {
            let Scope::Resources(allowed) = allowed else { continue };
            let Some(mut both) = wish.and(allowed) else { continue };
            both.rights = both.rights.and(may);
            if !both.rights.is_empty() && !opened.iter().any(|o| o.covers(&both)) {
                opened.retain(|o| !both.covers(o));
                opened.push(both);
            }
        }
    }
    opened.truncate(limits::SMART_SCOPES);
    let mut all: Vec<Scope> = words.into_iter().chain(opened.into_iter().map(Scope::Resources)).collect();
    all.sort();
    all
}

/// Whether `wider` opens all that `narrower` opens.
pub fn covers(wider: &[Scope], narrower: &[Scope]) -> bool {
    narrower.iter().all(|wish| match wish {
        Scope::Resources(wish) => wider.iter().any(|w| matches!(w, Scope::Resources(w) if w.covers(wish))),
        word => wider.contains(word),
    })
}

/// Numbers of the types that belong to nobody.
fn registers() -> &'static [u16] {
    static NUMBERS: OnceLock<Vec<u16>> = OnceLock::new();
    NUMBERS.get_or_init(|| SHARED.iter().map(|t| t.number()).collect())
}

/// What the scopes of a token leave, as the store understands it.
pub fn narrow(scopes: &str, person: Option<i64>, client: i64, for_person: bool) -> Arc<Narrow> {
    let mut opened = Vec::new();
    for scope in Scope::list(scopes) {
        let Scope::Resources(r) = scope else { continue };
        // What a person lets an app do is one thing, what a system may do for itself another.
        if (r.level == Level::System) == for_person {
            continue;
        }
        let tests = r.kind.map(|kind| r.only.iter().map(|t| read_test(kind, t)).collect::<Option<Vec<_>>>());
        let Some(only) = tests.unwrap_or(Some(Vec::new())) else { continue };
        let (of_patient, kind) = (r.level == Level::Patient, r.kind.map(ResourceType::number));
        opened.push(Opened { of_patient, kind, rights: r.rights, only });
    }
    Narrow::new(Parts { text: scopes.to_owned(), opened, person, client, for_person, registers: registers() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(text: &str) -> Option<String> {
        Scope::parse(text).map(|s| s.to_string())
    }

    #[test]
    fn scopes_are_read_as_they_are_written() {
        for text in [
            "openid",
            "launch/patient",
            "patient/*.cruds",
            "user/Observation.rs",
            "system/Patient.s",
            "patient/Observation.read",
            "user/*.*",
            "user/Practitioner.write",
            "patient/Observation.rs?category=http://terminology.hl7.org/CodeSystem/observation-category|laboratory",
        ] {
            assert_eq!(show(text).as_deref(), Some(text));
        }
        // Tests in their order; what they cannot say of writing is left out.
        let tests = "patient/Observation.cruds?code=a&category=b";
        assert_eq!(show(tests).as_deref(), Some("patient/Observation.rs?category=b&code=a"));
    }

    #[test]
    fn what_is_no_scope_opens_nothing() {
        for text in [
            "",
            "patient/Observation",
            "patient/Observation.",
            "patient/Observation.sr",
            "patient/Observation.rr",
            "patient/Observation.x",
            "patient/Observations.rs",
            "Patient/Observation.rs",
            "patient/Observation.rs?",
            "patient/Observation.rs?nothing=1",
            "patient/Observation.rs?category",
            "patient/Observation.rs?category=",
            "patient/Observation.rs?category:not=a",
            "patient/Observation.rs?subject.name=a",
            "patient/Observation.rs?date=2024",
            "patient/Observation.rs?category=a||b",
            "patient/Observation.rs?category=%zz",
            "patient/Observation.c?category=a",
            "patient/*.rs?category=a",
            "online_access",
            "launch/",
            "admin",
        ] {
            assert_eq!(show(text), None, "{text}");
        }
    }

    #[test]
    fn a_grant_is_never_wider_than_the_wish_or_what_is_allowed() {
        let read = Rights::of(&[Right::Read, Right::Search]);
        for (wished, allowed, may, expect) in [
            (
                "patient/*.rs",
                "patient/Observation.rs patient/Patient.r",
                Rights::ALL,
                "patient/Patient.r patient/Observation.rs",
            ),
            ("patient/Observation.cruds", "patient/*.rs", Rights::ALL, "patient/Observation.rs"),
            ("user/*.cruds", "user/*.cruds", read, "user/*.rs"),
            ("user/*.*", "user/*.*", Rights::ALL, "user/*.*"),
            ("system/*.rs", "user/*.rs patient/*.rs", Rights::ALL, ""),
            ("user/Observation.rs", "patient/Observation.rs", Rights::ALL, ""),
            (
                "patient/Observation.rs",
                "patient/Observation.rs?category=a",
                Rights::ALL,
                "patient/Observation.rs?category=a",
            ),
            (
                "patient/Observation.rs?category=b",
                "patient/Observation.rs?category=a",
                Rights::ALL,
                "patient/Observation.rs?category=a&category=b",
            ),
            ("openid offline_access patient/*.r", "openid patient/*.rs", Rights::ALL, "patient/*.r openid"),
            ("patient/Observation.c", "patient/Observation.rs?category=a", Rights::ALL, ""),
            ("patient/*.rs patient/Observation.rs", "patient/*.rs", Rights::ALL, "patient/*.rs"),
        ] {
            let (wished, allowed) = (Scope::list(wished), Scope::list(allowed));
            let got = granted(&wished, &allowed, may);
            assert_eq!(text(&got), expect, "{wished:?} {allowed:?}");
            assert!(covers(&allowed, &got), "{got:?}");
        }
    }
}
