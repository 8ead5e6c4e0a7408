//! The golden matrix of the policy, and what a policy file must be.

use mach_access::policy::{Class, Hidden, Policy, Purpose, Question, Relation};
use mach_access::sensitive::{Label, Labels};
use mach_access::{Act, Actor, Reach, Role, Scope, decide};
use std::fmt::Write;
use std::path::Path;

/// Every role, act, relation, kind of resources and sensitivity: what is permitted, and by which rows.
fn matrix(policy: &Policy) -> String {
    let mut out = String::from(
        "# Written by `MACH_WRITE_MATRIX=1 cargo test -p mach-access`; a change of it is a change of the policy: read it.\n\
         # role act - (whether at all) rows\n\
         # role act relation  kind:ordinary,hiv,mental,genetic,vip …  rows\n",
    );
    let labels = [Labels::NONE].into_iter().chain(Label::ALL.map(|l| Labels::NONE.with(l))).collect::<Vec<_>>();
    for (role, act) in Role::ALL.iter().flat_map(|r| Act::ALL.iter().map(move |a| (*r, *a))) {
        let general = policy.why(&Question { role, act, record: None });
        let mark = if policy.grants(role, act) { '+' } else { '-' };
        let _ = writeln!(out, "{} {} - {mark} {}", role.code(), act.code(), ids(&general));
        for relation in Relation::ALL {
            let mut because = Vec::new();
            let _ = write!(out, "{} {} {}", role.code(), act.code(), relation.code());
            for class in Class::ALL {
                let marks: String = labels
                    .iter()
                    .map(|labels| {
                        let rules = policy.why(&Question { role, act, record: Some((*relation, *class, *labels)) });
                        because.extend(rules.iter().map(|r| r.id.clone()));
                        let open = match policy.hidden(role, act, *relation, *class) {
                            Hidden::All => false,
                            Hidden::Labelled(hidden) => hidden.bits() & labels.bits() == 0,
                        };
                        assert_eq!(open, !rules.is_empty(), "what is open has a reason, what is closed has none");
                        if open { '+' } else { '-' }
                    })
                    .collect();
                let _ = write!(out, " {}:{marks}", class.code());
            }
            because.sort();
            because.dedup();
            let _ = writeln!(out, " {}", because.join(","));
        }
    }
    out.lines().map(str::trim_end).collect::<Vec<_>>().join("\n") + "\n"
}

fn ids(rules: &[&mach_access::policy::Rule]) -> String {
    rules.iter().map(|r| r.id.as_str()).collect::<Vec<_>>().join(",")
}

#[test]
fn the_matrix_is_what_was_agreed() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/matrix.txt");
    let now = matrix(Policy::shared());
    if std::env::var_os("MACH_WRITE_MATRIX").is_some() {
        std::fs::write(&path, &now).unwrap();
    }
    let agreed = std::fs::read_to_string(&path).unwrap();
    let differs = now.lines().zip(agreed.lines()).find(|(a, b)| a != b);
    assert_eq!(differs, None, "(now, agreed): the policy is not the one of tests/matrix.txt");
    assert_eq!(now.lines().count(), agreed.lines().count());
}

/// What must hold whatever the rows say.
#[test]
fn some_things_hold_of_any_policy() {
    let policy = Policy::shared();
    for role in Role::ALL {
        for act in Act::ALL {
            let about = Relation::ALL.iter().flat_map(|r| Class::ALL.iter().map(move |c| (*r, *c)));
            let opens = |(relation, class)| policy.hidden(role, act, relation, class) != Hidden::All;
            if about.clone().any(opens) {
                assert!(policy.grants(role, act), "{role:?} {act:?}");
            }
        }
    }
    let hidden = |role, act, relation| policy.hidden(role, act, relation, Class::Care);
    for label in Label::ALL {
        for (role, act, relation) in [
            (Role::Leader, Act::ReadFhir, Relation::Department),
            (Role::Leader, Act::ReadRecord, Relation::Department),
            (Role::Clinician, Act::ReadFhir, Relation::OwnFacility),
            (Role::Head, Act::ReadRecord, Relation::OwnFacility),
        ] {
            let Hidden::Labelled(labels) = hidden(role, act, relation) else { panic!("{role:?} sees nothing") };
            assert!(labels.has(label), "{role:?} {act:?} {relation:?} {label:?}");
        }
    }
    assert_eq!(hidden(Role::Clinician, Act::ReadRecord, Relation::BreakGlass), Hidden::Labelled(Labels::NONE));
    assert_eq!(hidden(Role::Administrator, Act::ReadFhir, Relation::OwnFacility), Hidden::All);
    assert_eq!(hidden(Role::Citizen, Act::ReadOwn, Relation::Household), Hidden::All);
    let student = (Role::Visitor, Act::ViewDesk);
    assert_eq!(policy.hidden_for(student, Relation::Desk, Class::Identity, Purpose::Education), Hidden::All);
    let court = policy.hidden_for(student, Relation::Desk, Class::Identity, Purpose::Legal);
    assert_eq!(court, Hidden::Labelled(Labels::NONE));
}

#[test]
fn a_scope_says_what_is_left() {
    let actor = |role, facility, opened| Actor {
        account: 3,
        role,
        facility,
        reach: Reach { opened, ..Reach::default() },
        ..Actor::console()
    };
    let scope = |actor: &Actor, act| decide(actor, act).unwrap().scope();
    assert_eq!(scope(&actor(Role::SystemWriter, None, false), Act::ReadFhir), Scope::All);
    assert_eq!(scope(&actor(Role::SystemWriter, Some(4), false), Act::ReadFhir), Scope::Facility(4));
    let wide = scope(&actor(Role::SystemWriter, Some(4), true), Act::ReadFhir);
    assert_eq!((wide.facility(), wide.bound()), (Some(4), None), "rows of others may be opened");
    let doctor = scope(&actor(Role::Clinician, Some(4), false), Act::ReadFhir);
    assert_eq!((doctor.facility(), doctor.bound()), (Some(4), Some(4)));
    assert!(matches!(doctor, Scope::Part(part) if part.standing == Some(Relation::OwnFacility)));
    // A citizen has no standing: each record must be opened, and a facility's number of theirs means nothing.
    let citizen = scope(&actor(Role::Citizen, Some(4), true), Act::ReadOwn);
    assert!(matches!(citizen, Scope::Part(part) if part.standing.is_none() && part.facility.is_none()));
    assert!(matches!(scope(&actor(Role::Citizen, None, false), Act::UseAccount), Scope::Part(_)));
}

#[test]
fn a_broken_policy_says_where() {
    let head = "rule,role,relation,act,class,sensitivity,purpose,why\n";
    for (row, what) in [
        ("X,nobody,-,use-account,-,-,TREAT,w", "no"),
        ("X,leader,-,fly,-,-,TREAT,w", "fly"),
        ("X,leader,department,read-fhir,care,hiv,TREAT,w", "ordinary"),
        ("X,leader,department,read-fhir,care,-,TREAT,w", "together"),
        ("X,leader,-,read-fhir,care,-,TREAT,w", "together"),
        ("X,leader,department,read-fhir,care,lues,TREAT,w", "lues"),
        ("X,leader,cousin,read-fhir,care,ordinary,TREAT,w", "cousin"),
        ("X,leader,-,use-account,-,-,FUN,w", "FUN"),
        ("X,leader,-,use-account,-,-,TREAT,", "empty"),
        (",leader,-,use-account,-,-,TREAT,w", "empty"),
        ("X,leader,-,use-account,-,-,TREAT", ""),
    ] {
        let failed = Policy::read(&format!("{head}# a remark\n{row}\n")).unwrap_err().to_string();
        assert!(failed.contains("line 3") && failed.contains(what), "{row}: {failed}");
    }
    let twice = format!("{head}X,leader,-,use-account,-,-,TREAT,w\nX,leader,-,use-account,-,-,TREAT,w\n");
    assert!(Policy::read(&twice).unwrap_err().to_string().contains("twice"));
    assert!(Policy::read("").is_err() && Policy::read("rule,role\n").is_err());
}
