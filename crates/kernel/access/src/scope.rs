//! Whose rows a decision opens: a value that goes down to the query.

use crate::app::{Narrowed, Need};
use crate::policy::{Policy, Relation};
use crate::{Act, Actor, Role};

/// Whose rows a decision opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The whole province, sensitive facts too.
    All,
    /// One facility, by its number in the store, sensitive facts too.
    Facility(i64),
    /// What the policy leaves of it, and what was opened beyond.
    Part(Part),
}

/// What reaches beyond the facility of an account, as it is now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// Whether records of single people are opened to the account or its facility.
    pub opened: bool,
    /// The key of the Practitioner the account is, by which encounters name who treats; 0 where it is none.
    pub practitioner: i64,
    /// The key of the Location that is the account's ward; 0 where it has none.
    pub ward: i64,
}

/// Rows as far as the policy opens them to one asker for one act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Role of the asker.
    pub role: Role,
    /// What is asked.
    pub act: Act,
    /// Account of the asker.
    pub account: i64,
    /// What joins the asker to everybody; none where each record must be opened by itself.
    pub standing: Option<Relation>,
    /// The asker's facility, where there is one.
    pub facility: Option<i64>,
    /// What reaches beyond.
    pub reach: Reach,
    /// Minutes since 1970 UTC, rounded up: what ends within this minute has ended.
    pub minute: i64,
    /// What the token of an app leaves of it, where an app asks.
    pub app: Option<Narrowed>,
}

impl Part {
    pub(crate) fn new(actor: &Actor, act: Act, standing: Option<Relation>, facility: Option<i64>) -> Self {
        let minute = mach_base::time::now_seconds().div_euclid(60) + 1;
        Self {
            role: actor.role,
            act,
            account: actor.account,
            standing,
            facility,
            reach: actor.reach,
            minute,
            app: actor.app.as_ref().map(Narrowed::from),
        }
    }

    /// Whether something of what it reaches by its standing stays hidden.
    pub fn hides(self) -> bool {
        self.app.is_some()
            || !self.standing.is_some_and(|relation| Policy::shared().opens_all(self.role, self.act, relation))
    }
}

impl Scope {
    /// The asker's facility, where there is one: for which they write.
    pub fn facility(self) -> Option<i64> {
        match self {
            Self::All => None,
            Self::Facility(id) => Some(id),
            Self::Part(part) => part.facility,
        }
    }

    /// The same where an app needs something else of it.
    #[must_use]
    pub fn needing(self, need: Need) -> Self {
        match self {
            Self::Part(part) => Self::Part(Part { app: part.app.map(|a| a.needing(need)), ..part }),
            scope => scope,
        }
    }

    /// The same without what an app's token takes away: for what is looked up and not shown.
    #[must_use]
    pub fn of_person(self) -> Self {
        match self {
            Self::Part(part) => Self::Part(Part { app: None, ..part }),
            scope => scope,
        }
    }

    /// What the token of an app leaves, where an app asks.
    pub fn app(self) -> Option<Narrowed> {
        match self {
            Self::Part(part) => part.app,
            Self::All | Self::Facility(_) => None,
        }
    }

    /// The one facility in which (or in the province's own) every row must lie; none where rows of others may be opened.
    pub fn bound(self) -> Option<i64> {
        match self {
            Self::Part(part) if part.reach.opened => None,
            scope => scope.facility(),
        }
    }
}
