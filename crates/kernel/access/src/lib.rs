//! Who may do what, decided once per request and carried as a value down to the query.
//!
//! A [`Decision`] has no other constructor than [`decide`]; the store gives rows only to a `Decision`. What is permitted is
//! data: [`policy`] reads it from `content/access/policy.csv`, [`sensitive`] what makes a fact sensitive. Sketch: a decision
//! is two look-ups in tables of a few KB.

pub mod ages;
pub mod app;
pub mod guardians;
pub mod policy;
mod scope;
pub mod secret;
pub mod sensitive;
pub mod totp;

pub use scope::{Part, Reach, Scope};

use policy::{Policy, Purpose, Relation};

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
    /// Answers for one facility: reviews emergencies, approves what its access desk was asked.
    Head,
    /// A person, for their own record and those entrusted to them.
    Citizen,
    /// Who looks by a permission of the access desk.
    Visitor,
    /// Another system by token, collecting the audit trail.
    SystemAuditor,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Leader,
        Self::Operator,
        Self::Clinician,
        Self::Administrator,
        Self::Sender,
        Self::SystemReader,
        Self::SystemWriter,
        Self::Console,
        Self::Head,
        Self::Citizen,
        Self::Visitor,
        Self::SystemAuditor,
    ];

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
            Self::Head => "head",
            Self::Citizen => "citizen",
            Self::Visitor => "visitor",
            Self::SystemAuditor => "system-auditor",
        }
    }

    /// From its stored form.
    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|r| r.code() == code)
    }

    /// Whether accounts of this role belong to one facility.
    pub fn has_facility(self) -> bool {
        matches!(self, Self::Operator | Self::Clinician | Self::Sender | Self::Head)
    }

    /// Whether it may belong to a facility, and speaks for the province where it does not.
    pub fn may_have_facility(self) -> bool {
        matches!(self, Self::SystemReader | Self::SystemWriter | Self::SystemAuditor | Self::Administrator)
    }

    /// What joins it to everybody whose facts it may meet; none where each record must be opened to it by itself.
    fn standing(self, facility: Option<i64>) -> Option<Relation> {
        match self {
            Self::Citizen | Self::Visitor => None,
            _ if facility.is_some() => Some(Relation::OwnFacility),
            _ => Some(Relation::Department),
        }
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
    /// What reaches beyond that.
    pub reach: Reach,
    /// The app that asks in their name, where it is one: what its token leaves.
    pub app: Option<app::App>,
}

impl Actor {
    /// The console: whoever can run the program on the data folder.
    pub fn console() -> Self {
        Self {
            account: 0,
            name: "console".to_owned(),
            role: Role::Console,
            facility: None,
            reach: Reach::default(),
            app: None,
        }
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
    /// Reading the audit trail.
    ReadAudit,
    /// Opening a record in an emergency.
    BreakGlass,
    /// Reviewing emergencies, approving what the access desk was asked.
    ReviewAccess,
    /// Writing down what the access desk is asked.
    RegisterAccess,
    /// Reading one's own record, or one that was entrusted.
    ReadOwn,
    /// Looking by a permission of the access desk.
    ViewDesk,
    /// Receiving, examining, concluding, signing and revoking certificates.
    Certify,
    /// Reading certificates, their lists and statistics.
    ReadCertificates,
    /// Signing for a facility what its doctors concluded, and taking it back.
    Countersign,
    /// An agency's look-up of a certificate, with its purpose.
    LookUpCertificates,
    /// Reading doses of vaccine, passes and who is in doubt.
    ReadVaccines,
    /// Receiving doses, mending the identity of who got them.
    Vaccinate,
    /// Signing passes one by one, and taking them back.
    IssuePasses,
    /// Beginning and stopping batches of passes; shows counts only.
    RunBatches,
    /// Reading prescriptions and their lists.
    ReadPrescriptions,
    /// Writing, signing, replacing and cancelling prescriptions.
    Prescribe,
    /// Looking a prescription up by its code, and handing out its medicines.
    Dispense,
    /// Marking whose record is of public interest, and naming who may open it.
    ProtectPeople,
    /// Writing down who speaks for a child.
    RegisterProxies,
}

impl Act {
    /// Every act, in the order of the policy table.
    pub const ALL: [Self; 29] = [
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
        Self::ReadAudit,
        Self::BreakGlass,
        Self::ReviewAccess,
        Self::RegisterAccess,
        Self::ReadOwn,
        Self::ViewDesk,
        Self::Certify,
        Self::ReadCertificates,
        Self::Countersign,
        Self::LookUpCertificates,
        Self::ReadVaccines,
        Self::Vaccinate,
        Self::IssuePasses,
        Self::RunBatches,
        Self::ReadPrescriptions,
        Self::Prescribe,
        Self::Dispense,
        Self::ProtectPeople,
        Self::RegisterProxies,
    ];

    /// From its name.
    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|a| a.code() == code)
    }

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
            Self::ReadAudit => "read-audit",
            Self::BreakGlass => "break-glass",
            Self::ReviewAccess => "review-access",
            Self::RegisterAccess => "register-access",
            Self::ReadOwn => "read-own",
            Self::ViewDesk => "view-desk",
            Self::Certify => "certify",
            Self::ReadCertificates => "read-certificates",
            Self::Countersign => "countersign",
            Self::LookUpCertificates => "look-up-certificates",
            Self::ReadVaccines => "read-vaccines",
            Self::Vaccinate => "vaccinate",
            Self::IssuePasses => "issue-passes",
            Self::RunBatches => "run-batches",
            Self::ReadPrescriptions => "read-prescriptions",
            Self::Prescribe => "prescribe",
            Self::Dispense => "dispense",
            Self::ProtectPeople => "protect-people",
            Self::RegisterProxies => "register-proxies",
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
    /// What for, by the policy.
    pub fn purpose(&self) -> Purpose {
        Policy::shared().purpose(self.actor.role, self.act)
    }
}

/// A refused request. Says nothing of what lies behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("access denied")]
pub struct Denied;

/// Decides whether `actor` may do `act`, and on whose rows: what the policy permits, and nothing else.
pub fn decide(actor: &Actor, act: Act) -> Result<Decision, Denied> {
    let policy = Policy::shared();
    if !policy.grants(actor.role, act) || actor.app.as_ref().is_some_and(|app| !is_for_app(app, act)) {
        return Err(Denied);
    }
    let facility = match (actor.role.has_facility(), actor.facility) {
        // A facility role without a facility is a broken account: it opens nothing.
        (true, None) => return Err(Denied),
        (true, facility) => facility,
        (false, facility) => facility.filter(|_| actor.role.may_have_facility()),
    };
    let standing = actor.role.standing(facility);
    let about_records =
        policy.rules().iter().any(|r| r.acts.contains(&act) && r.concerns_records() && r.roles.contains(&actor.role));
    let whole = standing.is_some_and(|relation| !about_records || policy.opens_all(actor.role, act, relation));
    let whole = whole && actor.app.is_none();
    let scope = match (whole && !(about_records && actor.reach.opened), facility) {
        (true, None) => Scope::All,
        (true, Some(facility)) => Scope::Facility(facility),
        (false, facility) => Scope::Part(Part::new(actor, act, standing, facility)),
    };
    Ok(Decision { actor: actor.clone(), act, scope })
}

/// Whether the token of an app is good for an act at all: resources by the FHIR interface, and nothing else.
fn is_for_app(app: &app::App, act: Act) -> bool {
    let opens = |right| app.narrow.opens(None, app::Need::One(right));
    match act {
        Act::ReadFhir => [app::Right::Read, app::Right::Search].into_iter().any(opens),
        Act::WriteFhir => app::Right::ALL.into_iter().filter(|r| r.writes()).any(opens),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_table() {
        let table = "
            leader         + + - + + + - + + - + - + + - - - + - + + - - + - - - + -
            operator       + + + - - - - + - - - - - + - - - + - - + + - - + - + - +
            clinician      + - - + + - - + + + - + - + - - + + - - + + - - + + + - -
            administrator  - - - - - - + + - - + - + - - - - - - - - - - + - - - - -
            sender         + - + - - - - - - - - - - - - - + + - - - + - - - - + - -
            system-reader  - - - - - - - - + - - - - - - - - - - + - - - - - - - - -
            system-writer  - - - - - - - - + + - - - - - - - - - - - - - - - - - - -
            console        + + + + + + + + + + + + + + + + + + + + + + + + + + + + +
            head           + + - + + - - + + - + - + + - - + + + - + + + - + - - + +
            citizen        - - - - - - - + + - - - - - + - - - - - - - - - - - - - -
            visitor        - - - - - - - - - - - - - - - + - - - - - - - - - - - - -
            system-auditor - - - - - - - - - - + - - - - - - - - - - - - - - - - - -";
        for line in table.lines().filter(|l| !l.trim().is_empty()) {
            let mut words = line.split_whitespace();
            let role = Role::parse(words.next().unwrap()).unwrap();
            for (act, want) in Act::ALL.into_iter().zip(words) {
                let facility = role.has_facility().then_some(7);
                let actor = Actor { account: 1, role, facility, ..Actor::console() };
                let got = decide(&actor, act);
                assert_eq!(got.is_ok(), want == "+", "{role:?} {act:?}");
                if let Ok(decision) = got {
                    assert_eq!(decision.scope().facility(), role.has_facility().then_some(7), "{role:?}");
                }
            }
        }
    }

    #[test]
    fn a_facility_role_without_facility_opens_nothing() {
        for role in [Role::Operator, Role::Clinician, Role::Sender, Role::Head] {
            let actor = Actor { account: 1, role, ..Actor::console() };
            assert!(Act::ALL.into_iter().all(|act| decide(&actor, act).is_err()));
        }
    }
}
