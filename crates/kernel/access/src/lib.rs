//! Who may do what, decided once per request and carried as a value down to the query.
//!
//! A [`Decision`] has no other constructor than [`decide`]; the store gives rows only to a `Decision`. The full policy
//! (relations, sensitivity, consent, break-glass) takes this place without changing those who carry the value.

pub mod secret;
pub mod totp;

/// What an account is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Health department: sees the whole province.
    Leader,
    /// Sends claim files and reads the figures of one facility.
    Operator,
    /// Treats people at one facility.
    Clinician,
    /// Makes and changes accounts: those of one facility, or of the province where the account names none.
    Administrator,
    /// Another program of one facility, by API key.
    Sender,
    /// Another system by token, reading FHIR: of one facility, or of the province where its token names none.
    SystemReader,
    /// Another system by token, reading and writing FHIR.
    SystemWriter,
    /// The command line of the machine the data lies on.
    Console,
}

impl Role {
    /// As stored.
    pub fn code(self) -> &'static str {
        match self {
            Self::Leader => "leader",
            Self::Operator => "operator",
            Self::Clinician => "clinician",
            Self::Administrator => "administrator",
            Self::Sender => "sender",
            Self::SystemReader => "system-reader",
            Self::SystemWriter => "system-writer",
            Self::Console => "console",
        }
    }

    /// From its stored form.
    pub fn parse(code: &str) -> Option<Self> {
        [
            Self::Leader,
            Self::Operator,
            Self::Clinician,
            Self::Administrator,
            Self::Sender,
            Self::SystemReader,
            Self::SystemWriter,
            Self::Console,
        ]
        .into_iter()
        .find(|r| r.code() == code)
    }

    /// Whether accounts of this role belong to one facility.
    pub fn has_facility(self) -> bool {
        matches!(self, Self::Operator | Self::Clinician | Self::Sender)
    }
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// Account number; 0 for the console.
    pub account: i64,
    /// Name shown and audited.
    pub name: String,
    /// Role of the account.
    pub role: Role,
    /// The facility's number in the store, for roles that have one.
    pub facility: Option<i64>,
}

impl Actor {
    /// The console: whoever can run the program on the data folder.
    pub fn console() -> Self {
        Self { account: 0, name: "console".to_owned(), role: Role::Console, facility: None }
    }
}

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Act {
    /// Indicators and their charts.
    ReadFigures,
    /// Claims, their versions and findings.
    ReadClaims,
    /// Receiving claim files, re-checking refused ones.
    SendClaims,
    /// Searching people.
    SearchPeople,
    /// Reading a person's record.
    ReadRecord,
    /// Merging people, keeping them apart, undoing a merge.
    ReviewPeople,
    /// Accounts, keys, content.
    Administer,
    /// Signing in and out; reading one's own account.
    UseAccount,
    /// Reading resources by the FHIR interface.
    ReadFhir,
    /// Writing resources by the FHIR interface.
    WriteFhir,
}

impl Act {
    /// Every act, in the order of the policy table.
    pub const ALL: [Self; 10] = [
        Self::ReadFigures,
        Self::ReadClaims,
        Self::SendClaims,
        Self::SearchPeople,
        Self::ReadRecord,
        Self::ReviewPeople,
        Self::Administer,
        Self::UseAccount,
        Self::ReadFhir,
        Self::WriteFhir,
    ];

    /// As audited.
    pub fn code(self) -> &'static str {
        match self {
            Self::ReadFigures => "read-figures",
            Self::ReadClaims => "read-claims",
            Self::SendClaims => "send-claims",
            Self::SearchPeople => "search-people",
            Self::ReadRecord => "read-record",
            Self::ReviewPeople => "review-people",
            Self::Administer => "administer",
            Self::UseAccount => "use-account",
            Self::ReadFhir => "read-fhir",
            Self::WriteFhir => "write-fhir",
        }
    }
}

/// Whose rows a decision opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The whole province.
    All,
    /// One facility, by its number in the store.
    Facility(i64),
}

impl Scope {
    /// The one facility, where there is one.
    pub fn facility(self) -> Option<i64> {
        match self {
            Self::All => None,
            Self::Facility(id) => Some(id),
        }
    }
}

/// A granted request: who, what, whose. The only key to the store.
#[derive(Clone, Debug)]
pub struct Decision {
    actor: Actor,
    act: Act,
    scope: Scope,
}

impl Decision {
    /// Who asked.
    pub fn actor(&self) -> &Actor {
        &self.actor
    }
    /// What was granted.
    pub fn act(&self) -> Act {
        self.act
    }
    /// Whose rows it opens.
    pub fn scope(&self) -> Scope {
        self.scope
    }
}

/// A refused request. Says nothing of what lies behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("access denied")]
pub struct Denied;

/// Decides whether `actor` may do `act`, and on whose rows: the one policy table.
pub fn decide(actor: &Actor, act: Act) -> Result<Decision, Denied> {
    use Act::*;
    use Role::*;
    let granted = match actor.role {
        Console => true,
        Leader => !matches!(act, SendClaims | Administer | WriteFhir),
        Operator => matches!(act, ReadFigures | ReadClaims | SendClaims | UseAccount),
        Clinician => matches!(act, ReadFigures | SearchPeople | ReadRecord | UseAccount | ReadFhir | WriteFhir),
        Administrator => matches!(act, Administer | UseAccount),
        Sender => matches!(act, SendClaims | ReadFigures),
        SystemReader => matches!(act, ReadFhir),
        SystemWriter => matches!(act, ReadFhir | WriteFhir),
    };
    let scope = match (actor.role.has_facility(), actor.facility) {
        (true, Some(id)) => Scope::Facility(id),
        // A facility role without a facility is a broken account: it opens nothing.
        (true, None) => return Err(Denied),
        // A system's token names a facility or speaks for the province; so does an administrator's account.
        (false, Some(id)) if matches!(actor.role, SystemReader | SystemWriter | Administrator) => Scope::Facility(id),
        (false, _) => Scope::All,
    };
    if granted { Ok(Decision { actor: actor.clone(), act, scope }) } else { Err(Denied) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_table() {
        let table = "
            leader        + + - + + + - + + -
            operator      + + + - - - - + - -
            clinician     + - - + + - - + + +
            administrator - - - - - - + + - -
            sender        + - + - - - - - - -
            system-reader - - - - - - - - + -
            system-writer - - - - - - - - + +
            console       + + + + + + + + + +";
        for line in table.lines().filter(|l| !l.trim().is_empty()) {
            let mut words = line.split_whitespace();
            let role = Role::parse(words.next().unwrap()).unwrap();
            for (act, want) in Act::ALL.into_iter().zip(words) {
                let actor = Actor { account: 1, name: "x".into(), role, facility: role.has_facility().then_some(7) };
                let got = decide(&actor, act);
                assert_eq!(got.is_ok(), want == "+", "{role:?} {act:?}");
                if let Ok(decision) = got {
                    let scope = if role.has_facility() { Scope::Facility(7) } else { Scope::All };
                    assert_eq!(decision.scope(), scope, "{role:?}");
                }
            }
        }
    }

    #[test]
    fn a_facility_role_without_facility_opens_nothing() {
        for role in [Role::Operator, Role::Clinician, Role::Sender] {
            let actor = Actor { account: 1, name: "x".into(), role, facility: None };
            assert!(Act::ALL.into_iter().all(|act| decide(&actor, act).is_err()));
        }
    }
}
