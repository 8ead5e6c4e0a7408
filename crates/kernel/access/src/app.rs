//! What the token of an app leaves of what its person, or its system, may do: never more, and by the records' interface alone.
//!
//! A [`Narrow`] is what the scopes of a token say (SMART App Launch 2.2), in the numbers of the store. It travels with the
//! [`Actor`](crate::Actor), and into each [`Part`](crate::Part) as a [`Narrowed`]: a mark that can be copied, by which the store
//! finds the narrowing again for as long as somebody holds it. A mark that leads nowhere opens nothing.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak};

/// What may be done with resources of a type: the letters `cruds` of scopes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Right {
    /// `c`.
    Create,
    /// `r`: by its id, with its versions.
    Read,
    /// `u`: patches too.
    Update,
    /// `d`.
    Delete,
    /// `s`: searches, histories of a type.
    Search,
}

impl Right {
    /// All, in the order in which a scope writes them.
    pub const ALL: [Self; 5] = [Self::Create, Self::Read, Self::Update, Self::Delete, Self::Search];

    /// Its letter.
    pub fn letter(self) -> char {
        match self {
            Self::Create => 'c',
            Self::Read => 'r',
            Self::Update => 'u',
            Self::Delete => 'd',
            Self::Search => 's',
        }
    }

    fn bit(self) -> u8 {
        1 << self as u8
    }

    /// Whether it changes something.
    pub fn writes(self) -> bool {
        matches!(self, Self::Create | Self::Update | Self::Delete)
    }
}

/// Some of the rights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Rights(u8);

impl Rights {
    /// None of them.
    pub const NONE: Self = Self(0);
    /// All of them.
    pub const ALL: Self = Self(0b1_1111);

    /// These.
    pub fn of(rights: &[Right]) -> Self {
        Self(rights.iter().fold(0, |bits, right| bits | right.bit()))
    }

    /// Whether `right` is among them.
    pub fn has(self, right: Right) -> bool {
        self.0 & right.bit() != 0
    }

    /// Those that are in both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// What a request needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Need {
    /// One right.
    One(Right),
    /// To read and to search both: operations, and whatever did not say what it needs.
    #[default]
    Operation,
}

impl Need {
    /// The rights that each must be there.
    pub fn rights(self) -> &'static [Right] {
        match self {
            Self::One(Right::Create) => &[Right::Create],
            Self::One(Right::Read) => &[Right::Read],
            Self::One(Right::Update) => &[Right::Update],
            Self::One(Right::Delete) => &[Right::Delete],
            Self::One(Right::Search) => &[Right::Search],
            Self::Operation => &[Right::Read, Right::Search],
        }
    }
}

/// That a resource is found by a token parameter: one of its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Only {
    /// Number of the search parameter.
    pub param: u16,
    /// Hashes of code and system; no system: any.
    pub any: Vec<(i64, Option<i64>)>,
}

/// What one scope opens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// Whether only what belongs to the patient of the launch, and registers that belong to nobody.
    pub of_patient: bool,
    /// Number of the resource type; none: all types.
    pub kind: Option<u16>,
    /// What may be done.
    pub rights: Rights,
    /// All of these must hold; a scope that has any reads only.
    pub only: Vec<Only>,
}

/// What a token leaves.
#[derive(Debug)]
pub struct Narrow {
    mark: u64,
    /// The scopes, as they were granted.
    pub text: String,
    /// What each opens.
    pub opened: Vec<Opened>,
    /// The person of the launch, where there is one.
    pub person: Option<i64>,
    /// The client that holds the token, by its number.
    pub client: i64,
    /// Whether it was given for a person, and not to a system for itself.
    pub for_person: bool,
    /// Numbers of the types that belong to nobody: facilities, staff, lists.
    pub registers: &'static [u16],
}

/// What a narrowing is made of.
#[derive(Debug)]
pub struct Parts {
    /// See [`Narrow::text`].
    pub text: String,
    /// See [`Narrow::opened`].
    pub opened: Vec<Opened>,
    /// See [`Narrow::person`].
    pub person: Option<i64>,
    /// See [`Narrow::client`].
    pub client: i64,
    /// See [`Narrow::for_person`].
    pub for_person: bool,
    /// See [`Narrow::registers`].
    pub registers: &'static [u16],
}

type Held = HashMap<u64, Weak<Narrow>>;

/// Those that somebody holds.
static HELD: LazyLock<Mutex<Held>> = LazyLock::new(Mutex::default);

fn held() -> MutexGuard<'static, Held> {
    // What is in it is whole at any time.
    HELD.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Narrow {
    /// A narrowing, found by its mark for as long as it is held.
    pub fn new(parts: Parts) -> Arc<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let Parts { text, opened, person, client, for_person, registers } = parts;
        let mark = NEXT.fetch_add(1, Ordering::Relaxed);
        let new = Arc::new(Self { mark, text, opened, person, client, for_person, registers });
        held().insert(mark, Arc::downgrade(&new));
        new
    }

    /// Whether some type is opened by each of what `need` asks, for whomever.
    pub fn opens(&self, kind: Option<u16>, need: Need) -> bool {
        let fits = |o: &Opened| kind.is_none() || o.kind.is_none() || o.kind == kind;
        need.rights().iter().all(|right| self.opened.iter().any(|o| o.rights.has(*right) && fits(o)))
    }

    /// Whether a resource of a type that belongs to `person` may be made, changed or deleted.
    pub fn lets(&self, kind: u16, right: Right, person: Option<i64>) -> bool {
        self.opened.iter().any(|o| {
            let whose = !o.of_patient || (person.is_some() && person == self.person);
            o.rights.has(right) && o.kind.is_none_or(|k| k == kind) && o.only.is_empty() && whose
        })
    }
}

impl Drop for Narrow {
    fn drop(&mut self) {
        held().remove(&self.mark);
    }
}

/// A narrowing in hand, and what the request needs of it.
#[derive(Clone, Debug)]
pub struct App {
    /// What the token leaves.
    pub narrow: Arc<Narrow>,
    /// What is needed.
    pub need: Need,
}

impl PartialEq for App {
    fn eq(&self, other: &Self) -> bool {
        self.narrow.mark == other.narrow.mark && self.need == other.need
    }
}

impl Eq for App {}

/// The mark of a narrowing, as scopes carry it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Narrowed {
    mark: u64,
    /// What is needed.
    pub need: Need,
}

impl Narrowed {
    /// The narrowing itself; `None` where nobody holds it any more: then nothing is open.
    pub fn narrow(self) -> Option<Arc<Narrow>> {
        held().get(&self.mark).and_then(Weak::upgrade)
    }

    /// The same with another need.
    #[must_use]
    pub fn needing(self, need: Need) -> Self {
        Self { need, ..self }
    }
}

impl From<&App> for Narrowed {
    fn from(app: &App) -> Self {
        Self { mark: app.narrow.mark, need: app.need }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Act, Actor, Role, Scope, decide};

    fn narrow(opened: Vec<Opened>) -> Arc<Narrow> {
        let text = String::new();
        Narrow::new(Parts { text, opened, person: Some(7), client: 1, for_person: true, registers: &[] })
    }

    fn scope(of_patient: bool, kind: Option<u16>, rights: &[Right]) -> Opened {
        Opened { of_patient, kind, rights: Rights::of(rights), only: Vec::new() }
    }

    fn actor(role: Role, opened: Vec<Opened>) -> Actor {
        let app = Some(App { narrow: narrow(opened), need: Need::default() });
        Actor { account: 5, role, facility: role.has_facility().then_some(3), app, ..Actor::console() }
    }

    #[test]
    fn an_app_does_nothing_but_ask_for_records() {
        for role in Role::ALL {
            let app = actor(role, vec![scope(false, None, &Right::ALL)]);
            let person = Actor { app: None, ..app.clone() };
            for act in Act::ALL {
                let records = matches!(act, Act::ReadFhir | Act::WriteFhir);
                assert_eq!(decide(&app, act).is_ok(), records && decide(&person, act).is_ok(), "{role:?} {act:?}");
            }
        }
    }

    #[test]
    fn an_app_that_may_read_does_not_write() {
        let reader = actor(Role::Clinician, vec![scope(true, None, &[Right::Read, Right::Search])]);
        assert!(decide(&reader, Act::ReadFhir).is_ok() && decide(&reader, Act::WriteFhir).is_err());
        let writer = actor(Role::Clinician, vec![scope(true, Some(4), &[Right::Create])]);
        assert!(decide(&writer, Act::ReadFhir).is_err() && decide(&writer, Act::WriteFhir).is_ok());
        assert!(decide(&actor(Role::Clinician, Vec::new()), Act::ReadFhir).is_err());
    }

    #[test]
    fn what_nobody_holds_is_gone() {
        let app = actor(Role::SystemReader, vec![scope(false, None, &Right::ALL)]);
        let decision = decide(&app, Act::ReadFhir).unwrap();
        drop(app);
        let Scope::Part(part) = decision.scope() else { panic!("an app is shown a part") };
        let narrowed = part.app.expect("a mark");
        assert!(narrowed.narrow().is_some(), "the decision holds it");
        drop(decision);
        assert!(narrowed.narrow().is_none());
    }

    #[test]
    fn writes_are_bound_to_the_patient() {
        let narrow = narrow(vec![scope(true, Some(4), &[Right::Create]), scope(false, Some(5), &[Right::Update])]);
        assert!(narrow.lets(4, Right::Create, Some(7)));
        assert!(!narrow.lets(4, Right::Create, Some(8)) && !narrow.lets(4, Right::Create, None));
        assert!(!narrow.lets(4, Right::Update, Some(7)) && narrow.lets(5, Right::Update, Some(8)));
        assert!(narrow.opens(Some(4), Need::One(Right::Create)) && !narrow.opens(Some(4), Need::Operation));
        assert!(narrow.opens(None, Need::One(Right::Update)) && !narrow.opens(Some(6), Need::One(Right::Update)));
    }
}
