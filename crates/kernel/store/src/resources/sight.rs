//! Which rows an asker may see, as conditions on a row of `resource`: integers only, safe to stand in SQL.

use super::SHARED;
use crate::grants::{ENDED, LIVE};
use crate::sql::{self, Query};
use crate::{Result, people};
use mach_access::policy::{Class, Hidden, Policy, Purpose, Relation};
use mach_access::sensitive::{Label, Labels};
use mach_access::{Part, Scope};
use mach_fhir::ResourceType;
use mach_fhir::definitions;
use std::sync::OnceLock;

/// Types that say who a person is.
const IDENTITY: [ResourceType; 3] = [ResourceType::PATIENT, ResourceType::PERSON, ResourceType::RELATED_PERSON];
/// Types about money.
const MONEY: [ResourceType; 13] = [
    ResourceType::CLAIM,
    ResourceType::CLAIM_RESPONSE,
    ResourceType::COVERAGE,
    ResourceType::COVERAGE_ELIGIBILITY_REQUEST,
    ResourceType::COVERAGE_ELIGIBILITY_RESPONSE,
    ResourceType::EXPLANATION_OF_BENEFIT,
    ResourceType::ACCOUNT,
    ResourceType::INVOICE,
    ResourceType::CHARGE_ITEM,
    ResourceType::CONTRACT,
    ResourceType::PAYMENT_NOTICE,
    ResourceType::PAYMENT_RECONCILIATION,
    ResourceType::ENROLLMENT_REQUEST,
];

/// Minutes of a day: what a resource's time is counted in.
const DAY: i64 = 1_440;

fn numbers(types: &[ResourceType]) -> String {
    types.iter().map(|t| t.number().to_string()).collect::<Vec<_>>().join(", ")
}

fn shared() -> &'static str {
    static LIST: OnceLock<String> = OnceLock::new();
    LIST.get_or_init(|| numbers(&SHARED))
}

/// The condition under which a row `alias` of `resource` may be shown to `scope`: its own facility's; the province's
/// registers and lists; the province's rows of a person whom the facility knows and who did not refuse; as far as the policy
/// opens them, and what was opened beyond.
pub(crate) fn visible(alias: &str, scope: Scope) -> String {
    match scope {
        Scope::All => "1 = 1".to_owned(),
        Scope::Facility(facility) => own(alias, facility),
        Scope::Part(part) => part_of(alias, part, part.facility.map(|facility| own(alias, facility)), Extent::Asked),
    }
}

/// The same for whoever reads a person's record as a whole: the relation is to the person, so facts of every facility are in it.
pub(crate) fn in_record(alias: &str, scope: Scope) -> String {
    recorded(alias, scope, Extent::Asked)
}

/// How far a grant of the access desk opens a record.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extent {
    /// To the parts and the days that were asked for.
    Asked,
    /// As if everything had been asked for: what is left out is what the policy hides.
    Whole,
}

fn recorded(alias: &str, scope: Scope, extent: Extent) -> String {
    match scope {
        Scope::All | Scope::Facility(_) => "1 = 1".to_owned(),
        Scope::Part(part) => {
            let bound = part.facility.map(|f| format!("({alias}.facility = {f} OR {})", not_refused(alias, f)));
            part_of(alias, part, bound, extent)
        }
    }
}

fn own(alias: &str, facility: i64) -> String {
    format!(
        "{alias}.facility IN ({facility}, 0) AND ({alias}.facility = {facility} OR {alias}.type IN ({}) OR (EXISTS (
            SELECT 1 FROM person_facility pf WHERE pf.person = {alias}.patient AND pf.facility = {facility})
            AND ({alias}.type = {} OR {})))",
        shared(),
        ResourceType::PATIENT.number(),
        not_refused(alias, facility)
    )
}

/// That the person of a row did not refuse that this facility learns what others know.
fn not_refused(alias: &str, facility: i64) -> String {
    format!(
        "NOT EXISTS (SELECT 1 FROM access_refusal ar WHERE ar.person = {alias}.patient AND ar.facility IN ({facility}, 0)
            AND ar.ended = {LIVE})"
    )
}

fn part_of(alias: &str, part: Part, bound: Option<String>, extent: Extent) -> String {
    let person = of_person(alias, part, bound, extent);
    match part.app {
        Some(app) => format!("({person} AND {})", super::narrow::narrowed(alias, app)),
        None => person,
    }
}

fn of_person(alias: &str, part: Part, bound: Option<String>, extent: Extent) -> String {
    let policy = Policy::shared();
    let of = |relation| opened(alias, &|class| policy.hidden(part.role, part.act, relation, class));
    let bound = bound.unwrap_or_else(|| "1 = 1".to_owned());
    let mut ways = Vec::new();
    if let Some(standing) = part.standing {
        let mut open = vec![of(standing)];
        for (relation, param, key, kind) in [
            (Relation::OwnPatient, "practitioner", part.reach.practitioner, ResourceType::PRACTITIONER),
            (Relation::OwnWard, "location", part.reach.ward, ResourceType::LOCATION),
        ] {
            if let (true, Some(facility)) = (key != 0, part.facility) {
                let person = format!("{alias}.patient");
                open.push(format!("({} AND {})", treated(&person, facility, (param, kind, key)), of(relation)));
            }
        }
        ways.push(format!("({bound} AND ({}))", open.join(" OR ")));
    }
    if part.reach.opened {
        ways.push(granted(alias, part, &bound, extent));
    }
    if ways.is_empty() { "1 = 0".to_owned() } else { format!("({})", ways.join(" OR ")) }
}

/// That a person was opened to the asker, and this row of theirs with them. `bound`: which rows their standing reaches.
fn granted(alias: &str, part: Part, bound: &str, extent: Extent) -> String {
    let policy = Policy::shared();
    let mut open = Vec::new();
    for relation in Relation::ALL {
        for purpose in policy.purposes(part.role, *relation) {
            let of = |class| policy.hidden_for((part.role, part.act), *relation, class, purpose);
            if Class::ALL.iter().all(|class| of(*class) == Hidden::All) {
                continue;
            }
            let mut condition = opened(alias, &of);
            if let (Relation::Referred | Relation::Consented, Some(facility)) = (relation, part.facility) {
                condition = format!("{condition} AND {}", not_refused(alias, facility));
            }
            if *relation == Relation::Named {
                // Of a person of public interest the same as of anybody else, and no more.
                condition = format!("{condition} AND ({bound})");
            }
            if *relation == Relation::Desk {
                // A facility's desk opens what the facility wrote; the department's everything.
                condition = format!("{condition} AND (g.at_facility = 0 OR {alias}.facility = g.at_facility)");
                if extent == Extent::Asked {
                    condition = format!("{condition} AND {}", asked_for(alias));
                }
            }
            open.push(format!(
                "(g.relation = {} AND g.purpose = {} AND {condition})",
                relation.number(),
                purpose.number()
            ));
        }
    }
    if open.is_empty() {
        return "1 = 0".to_owned();
    }
    format!(
        "EXISTS (SELECT 1 FROM access_grant g WHERE g.person = {alias}.patient AND {} AND ({}))",
        live(part),
        open.join(" OR ")
    )
}

/// That a row is of the parts and of the period to which grant `g` is narrowed; who the person is belongs to each.
fn asked_for(alias: &str) -> String {
    let bit = |(bit, types): &(i64, &[ResourceType])| format!("WHEN {alias}.type IN ({}) THEN {bit} ", numbers(types));
    let bits: String = crate::desk::PARTS.iter().map(bit).collect();
    format!(
        "({alias}.type IN ({}, {}) OR ((g.parts = 0 OR (g.parts & CASE {bits}ELSE 0 END) <> 0)
            AND (g.first IS NULL OR {alias}.date >= g.first * {DAY}) AND (g.last IS NULL OR {alias}.date < (g.last + 1) * {DAY})))",
        shared(),
        numbers(&IDENTITY)
    )
}

/// That grant `g` is the asker's and holds now.
fn live(part: Part) -> String {
    let Part { account, minute, .. } = part;
    let facility = part.facility.map_or(String::new(), |f| format!(" OR g.facility = {f}"));
    format!("(g.account = {account}{facility}) AND g.since <= {minute} AND g.until > {minute} AND g.ended <> {ENDED}")
}

/// That somebody of the asker's facility is treating a person: by an encounter that is not long over.
fn treated(person: &str, facility: i64, (param, kind, key): (&str, ResourceType, i64)) -> String {
    let number = definitions::r4().param("Encounter", param).map_or(0, |p| p.number);
    format!(
        "EXISTS (SELECT 1 FROM resource te CROSS JOIN index_reference tx WHERE te.patient = {person} AND te.type = {encounter}
            AND te.facility = {facility} AND te.until = 0 AND te.deleted = 0 AND tx.param = {number} AND tx.type = {encounter}
            AND tx.rid = te.rid AND tx.facility = {facility} AND tx.target = {} AND tx.key = {key})",
        kind.number(),
        encounter = ResourceType::ENCOUNTER.number(),
    )
}

/// That a row is of a kind, and has only labels, that are open.
fn opened(alias: &str, hidden: &dyn Fn(Class) -> Hidden) -> String {
    let of = |hidden: Hidden| match hidden {
        Hidden::All => "1 = 0".to_owned(),
        Hidden::Labelled(labels) if labels.is_empty() => "1 = 1".to_owned(),
        Hidden::Labelled(labels) => free_of(alias, labels),
    };
    let care = hidden(Class::Care);
    if Class::ALL.iter().all(|class| hidden(*class) == care) {
        return of(care);
    }
    let (register, identity, money) = (shared(), numbers(&IDENTITY), numbers(&MONEY));
    format!(
        "CASE WHEN {alias}.type IN ({register}) THEN {} WHEN {alias}.type IN ({identity}) THEN {}
            WHEN {alias}.type IN ({money}) THEN {} ELSE {} END",
        of(hidden(Class::Register)),
        of(hidden(Class::Identity)),
        of(hidden(Class::Money)),
        of(care)
    )
}

/// That a row has none of these labels, nor, where it is about a person of public interest, that person that one.
fn free_of(alias: &str, labels: Labels) -> String {
    let bits = labels.bits();
    let plain = format!("({alias}.label & {bits}) = 0");
    if !labels.has(Label::Vip) {
        return plain;
    }
    format!("{plain} AND {}", not_vip(&format!("{alias}.patient"), Some(&format!("{alias}.facility"))))
}

/// That a person is not marked, nor their Patient, here or the province's own.
fn not_vip(person: &str, facility: Option<&str>) -> String {
    let within = facility.map_or(String::new(), |f| format!(" AND vp.facility IN ({f}, 0)"));
    format!(
        "NOT EXISTS (SELECT 1 FROM resource vp WHERE vp.patient = {person}{within} AND vp.type = {} AND vp.until = 0
            AND (vp.label & {}) <> 0)
        AND NOT EXISTS (SELECT 1 FROM person_mark pm WHERE pm.person = {person} AND pm.ended = 0)",
        ResourceType::PATIENT.number(),
        Label::Vip as u8
    )
}

/// Whether the record of a person may be opened: one the asker's facility knows, or that was opened to them.
pub fn may_open(on: &mut dyn Query, person: i64) -> Result<bool> {
    let part = match on.scope() {
        Scope::All => return Ok(true),
        Scope::Facility(facility) => return people::knows(on, facility, person),
        Scope::Part(part) => part,
    };
    let granted = if part.reach.opened { grants_on(on, part, person)? } else { Vec::new() };
    // Who was named is to the person what they are to others.
    if granted.iter().any(|(relation, ..)| *relation != Relation::Named) {
        return Ok(true);
    }
    let known = match (part.standing, part.facility) {
        (None, _) => return Ok(false),
        (Some(_), None) => true,
        (Some(_), Some(facility)) => people::knows(on, facility, person)?,
    };
    let standing = part.standing.unwrap_or(Relation::OwnFacility);
    let hides_vip = match Policy::shared().hidden(part.role, part.act, standing, Class::Identity) {
        Hidden::All => return Ok(false),
        Hidden::Labelled(labels) => labels.has(Label::Vip),
    };
    let hidden = known && hides_vip && granted.is_empty() && is_vip(on, person)? && !treats(on, part, person)?;
    Ok(known && !hidden)
}

/// Whether the asker treats a person of public interest, in the way that opens who they are.
fn treats(on: &mut dyn Query, part: Part, person: i64) -> Result<bool> {
    let opens = |relation| match Policy::shared().hidden(part.role, part.act, relation, Class::Identity) {
        Hidden::All => false,
        Hidden::Labelled(labels) => !labels.has(Label::Vip),
    };
    let Some(facility) = part.facility else { return Ok(false) };
    let ways = [
        (Relation::OwnPatient, "practitioner", part.reach.practitioner, ResourceType::PRACTITIONER),
        (Relation::OwnWard, "location", part.reach.ward, ResourceType::LOCATION),
    ];
    for (_, param, key, kind) in ways.into_iter().filter(|(relation, _, key, _)| *key != 0 && opens(*relation)) {
        let sql = format!("SELECT 1 AS one FROM meta WHERE {} LIMIT 1", treated("?1", facility, (param, kind, key)));
        if sql::first(on, &sql, &[person.into()], |r| r.int(0))?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether the record of a person may be opened as a whole, with who they are: a permission to learn from care does not tell, and
/// one for parts of a record is not one for its pages.
pub fn may_know(on: &mut dyn Query, person: i64) -> Result<bool> {
    let part = match on.scope() {
        Scope::Part(part) if part.standing.is_none() => part,
        _ => return Ok(true),
    };
    let policy = Policy::shared();
    let sql = format!(
        "SELECT DISTINCT g.relation, g.purpose FROM access_grant g WHERE g.person = ?1 AND g.parts = 0 AND g.first IS NULL
            AND g.last IS NULL AND {}",
        live(part)
    );
    let mut knows = false;
    on.each(&sql, &[person.into()], &mut |r| {
        if let (Some(relation), Some(purpose)) = (Relation::of_number(r.int(0)?), Purpose::of_number(r.int(1)?)) {
            knows |= policy.hidden_for((part.role, part.act), relation, Class::Identity, purpose) != Hidden::All;
        }
        Ok(())
    })?;
    Ok(knows)
}

/// Whether a person, or their Patient anywhere, is marked as of public interest.
pub fn is_vip(on: &mut dyn Query, person: i64) -> Result<bool> {
    let sql = format!(
        "SELECT 1 AS one FROM meta WHERE {} LIMIT 1{}",
        not_vip("?1", None),
        crate::distribution::every!("person record")
    );
    Ok(sql::first(on, &sql, &[person.into()], |r| r.int(0))?.is_none())
}

/// By which relations, and until which minute, a person's record is open to the asker beyond their standing.
fn grants_on(on: &mut dyn Query, part: Part, person: i64) -> Result<Vec<(Relation, Purpose, i64)>> {
    let sql =
        format!("SELECT g.relation, g.purpose, g.until FROM access_grant g WHERE g.person = ?1 AND {}", live(part));
    let mut found = Vec::new();
    on.each(&sql, &[person.into()], &mut |r| {
        if let (Some(relation), Some(purpose)) = (Relation::of_number(r.int(0)?), Purpose::of_number(r.int(1)?)) {
            found.push((relation, purpose, r.int(2)?));
        }
        Ok(())
    })?;
    let policy = Policy::shared();
    let opens = |(relation, purpose, _): &(Relation, Purpose, i64)| {
        let of = |class: &Class| policy.hidden_for((part.role, part.act), *relation, *class, *purpose);
        Class::ALL.iter().any(|class| of(class) != Hidden::All)
    };
    found.retain(opens);
    let hides_vip = |(relation, purpose, _): &(Relation, Purpose, i64)| match policy.hidden_for(
        (part.role, part.act),
        *relation,
        Class::Identity,
        *purpose,
    ) {
        Hidden::All => true,
        Hidden::Labelled(labels) => labels.has(Label::Vip),
    };
    if found.iter().any(hides_vip) && is_vip(on, person)? {
        found.retain(|grant| !hides_vip(grant));
    }
    Ok(found)
}

/// The relations by which a person's record is open to the asker beyond their standing, each with the minute it ends.
pub fn opened_by(on: &mut dyn Query, person: i64) -> Result<Vec<(Relation, Purpose, i64)>> {
    match on.scope() {
        Scope::Part(part) if part.reach.opened => grants_on(on, part, person),
        _ => Ok(Vec::new()),
    }
}

/// The claims of a person of which something sensitive is hidden from the asker: nothing that came with them is shown. What lies
/// outside the parts and the days that were asked for, or is no part of what a purpose needs, hides nothing beside itself. Empty
/// for most.
pub(crate) fn hidden_claims(on: &mut dyn Query, person: i64) -> Result<Vec<i64>> {
    let Scope::Part(part) = on.scope() else { return Ok(Vec::new()) };
    // A standing hides what has a label; everything else it hides from those whom the person refused.
    found_once(on, (person, false), |on| {
        let labelled = part.standing.is_none() || crate::grants::refusals(on, person)?.is_empty();
        claims_with(on, person, labelled, Extent::Whole)
    })
}

/// What is looked for once within a state, however many lists of a page ask.
fn found_once(
    on: &mut dyn Query,
    of: (i64, bool),
    find: impl FnOnce(&mut dyn Query) -> Result<Vec<i64>>,
) -> Result<Vec<i64>> {
    if let Some(known) = on.hidden().and_then(|all| all.get(&of)) {
        return Ok(known.clone());
    }
    let found = find(on)?;
    if let Some(all) = on.hidden() {
        all.insert(of, found.clone());
    }
    Ok(found)
}

/// The claims of a person that are not open to the asker as a whole: they stand in no list of visits. Empty for most.
pub(crate) fn closed_claims(on: &mut dyn Query, person: i64) -> Result<Vec<i64>> {
    let Scope::Part(part) = on.scope() else { return Ok(Vec::new()) };
    found_once(on, (person, true), |on| {
        let labelled = part.standing.is_some() && crate::grants::refusals(on, person)?.is_empty();
        claims_with(on, person, labelled, Extent::Asked)
    })
}

/// The claims of a person with a row, `labelled` where only those count, that is not open to the asker.
fn claims_with(on: &mut dyn Query, person: i64, labelled: bool, extent: Extent) -> Result<Vec<i64>> {
    let sql = format!(
        "SELECT r.id FROM resource r WHERE r.patient = ?1 AND r.until = 0 AND r.deleted = 0{} AND NOT ({}){}",
        if labelled { " AND r.label <> 0" } else { "" },
        recorded("r", on.scope(), extent),
        crate::distribution::every!("person record")
    );
    let mut claims = sql::list(on, &sql, &[person.into()], |r| Ok(claim_of(r.text(0)?)))?;
    claims.sort_unstable();
    claims.dedup();
    Ok(claims.into_iter().flatten().collect())
}

/// The claim that a resource came with: it is named after it, `c12-3-1`.
pub(crate) fn claim_of(id: &str) -> Option<i64> {
    id.strip_prefix('c')?.split('-').next()?.parse().ok()
}
