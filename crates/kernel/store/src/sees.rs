//! Which rows a reader's connection may see at all: the second lock, beside the conditions that each statement is composed of.
//!
//! PostgreSQL keeps it as row-level security (`postgres/lock.rs`), so that a statement that has forgotten its condition still
//! gives nothing of another facility. It knows facilities and people, not kinds and sensitivities: those are the first lock's.

use mach_access::{Act, Decision, Scope};

/// What a connection may see.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Sees {
    /// Every row.
    #[default]
    Everything,
    /// Rows of this facility and of the province.
    Facility(i64),
    /// Besides, rows of people whom this facility (-1: none) knows, or who were opened to it or to this account.
    People {
        /// The asker's facility.
        facility: i64,
        /// The asker's account.
        account: i64,
    },
}

/// No facility.
const NOBODYS: i64 = -1;

/// Marks of statements that ask every shard on purpose, for askers of one facility too: numbers that are nobody's in
/// particular, and what is due wherever it lies.
const ON_PURPOSE: [&str; 2] = ["province", "sums"];
/// Marks of statements about one person, wherever they were seen.
const OF_A_PERSON: [&str; 3] = ["person record", "person looks", "person merge"];

impl Sees {
    /// What who was let in by `decision` may see.
    pub(crate) fn of(decision: &Decision) -> Self {
        let account = decision.actor().account;
        // A record is one person's, whoever wrote what stands in it.
        let is_record = matches!(
            decision.act(),
            Act::ReadRecord | Act::SearchPeople | Act::ReviewPeople | Act::BreakGlass | Act::ReadOwn | Act::ViewDesk
        );
        match decision.scope() {
            Scope::All => Self::Everything,
            Scope::Facility(facility) if is_record => Self::People { facility, account },
            Scope::Facility(facility) => Self::Facility(facility),
            Scope::Part(part) => match part.facility {
                Some(facility) if is_record || part.reach.opened => Self::People { facility, account },
                Some(facility) => Self::Facility(facility),
                None if part.standing.is_some() => Self::Everything,
                None => Self::People { facility: NOBODYS, account },
            },
        }
    }

    /// What a statement may see that is run with this: its mark says where it asks every shard.
    pub(crate) fn by(self, sql: &str) -> Self {
        let Self::Facility(facility) = self else { return self };
        let Some(mark) = sql.strip_suffix(" */").and_then(|sql| sql.rsplit_once("every shard: ")) else { return self };
        match mark.1 {
            mark if ON_PURPOSE.contains(&mark) => Self::Everything,
            // The account opens nothing here: what is opened to one makes the decision that of people.
            mark if OF_A_PERSON.contains(&mark) => Self::People { facility, account: NOBODYS },
            _ => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distribution::{SCATTERED, every};
    use mach_access::{Actor, Reach, Role, decide};

    #[test]
    fn a_facility_sees_its_own_and_records_of_people() {
        let of = |role, facility, act, opened| {
            let reach = Reach { opened, ..Reach::default() };
            Sees::of(&decide(&Actor { account: 4, role, facility, reach, ..Actor::console() }, act).unwrap())
        };
        let people = |facility| Sees::People { facility, account: 4 };
        for (role, facility, act, opened, sees) in [
            (Role::SystemReader, None, Act::ReadFhir, false, Sees::Everything),
            (Role::SystemReader, Some(7), Act::ReadFhir, false, Sees::Facility(7)),
            (Role::SystemReader, Some(7), Act::ReadFhir, true, people(7)),
            (Role::Clinician, Some(7), Act::ReadFhir, false, Sees::Facility(7)),
            (Role::Clinician, Some(7), Act::ReadFhir, true, people(7)),
            (Role::Clinician, Some(7), Act::ReadRecord, false, people(7)),
            (Role::Operator, Some(7), Act::ReadClaims, false, Sees::Facility(7)),
            (Role::Leader, None, Act::ReadRecord, false, Sees::Everything),
            (Role::Citizen, None, Act::ReadOwn, true, people(-1)),
            (Role::Visitor, None, Act::ViewDesk, true, people(-1)),
        ] {
            assert_eq!(of(role, facility, act, opened), sees, "{role:?} {act:?} {opened}");
        }
    }

    #[test]
    fn marks_open_what_they_say_and_nothing_to_who_sees_people() {
        let known: Vec<&str> = SCATTERED.iter().map(|(name, _)| *name).collect();
        assert!(ON_PURPOSE.iter().chain(&OF_A_PERSON).all(|mark| known.contains(mark)));
        let one = Sees::Facility(7);
        assert_eq!(one.by("SELECT 1"), one);
        assert_eq!(one.by(concat!("SELECT 1", every!("province"))), Sees::Everything);
        assert_eq!(one.by(concat!("SELECT 1", every!("person record"))), Sees::People { facility: 7, account: -1 });
        for closed in [every!("any of a type"), every!("whole store"), every!("date walk")] {
            assert_eq!(one.by(closed), one, "{closed}");
        }
        let people = Sees::People { facility: 7, account: 4 };
        assert_eq!(people.by(every!("province")), people);
    }
}
