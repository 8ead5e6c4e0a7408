//! What a grant of the access desk opens, fact by fact: by its visitor's own decision, so that nothing else can be among them.
//! Where the policy does not tell who a person is, a fact is its code and its year. What is left out is said beside them, by its
//! rule: whether the record has any of what a purpose may not see is not told.

use mach_access::policy::{Class, Hidden, Policy, Relation};
use mach_access::sensitive::{Label, Labels};
use mach_access::{Act, Role};
use mach_base::{Day, Minute};
use mach_fhir::tree::Value;
use mach_fhir::{ResourceType, Tree};
use mach_house::{Failure, facility_name};
use mach_store::grants::Grant;
use mach_store::people::PersonRow;
use mach_store::{Reader, desk, people, resources, schema};
use mach_ui::{Lang, Msg, msg};

/// Facts of each kind on a page or in a copy.
pub(crate) const FACTS: usize = 200;
/// Years of a group of ages; who is very old is told by their age alone.
const AGES: i32 = 5;
const OLDEST: i32 = 90;
/// Kinds of facts, in their order; those that may stand without a name have a code.
pub(crate) const KINDS: [(ResourceType, Msg, bool); 9] = [
    (ResourceType::ENCOUNTER, msg::DESK_KIND_VISIT, false),
    (ResourceType::CONDITION, msg::DESK_KIND_CONDITION, true),
    (ResourceType::ALLERGY_INTOLERANCE, msg::DESK_KIND_ALLERGY, false),
    (ResourceType::MEDICATION_REQUEST, msg::DESK_KIND_MEDICINE, true),
    (ResourceType::IMMUNIZATION, msg::DESK_KIND_VACCINE, false),
    (ResourceType::OBSERVATION, msg::DESK_KIND_RESULT, true),
    (ResourceType::DIAGNOSTIC_REPORT, msg::DESK_KIND_REPORT, false),
    (ResourceType::PROCEDURE, msg::DESK_KIND_PROCEDURE, true),
    (ResourceType::CLAIM, msg::DESK_KIND_CLAIM, false),
];

/// Types that say who the person is.
const WHO: [ResourceType; 3] = [ResourceType::PATIENT, ResourceType::PERSON, ResourceType::RELATED_PERSON];

/// Whether a permission tells who the person is.
pub(crate) fn names(grant: &Grant) -> bool {
    let asked = (Role::Visitor, Act::ViewDesk);
    Policy::shared().hidden_for(asked, Relation::Desk, Class::Identity, grant.purpose) != Hidden::All
}

/// A fact. Without a name: nothing that tells whose it is.
pub(crate) struct Fact {
    pub(crate) kind: Msg,
    /// `dd/MM/yyyy`; the year alone where nobody is named.
    pub(crate) when: String,
    pub(crate) code: String,
    pub(crate) said: String,
    pub(crate) value: String,
}

/// What a grant opens.
pub(crate) struct Facts {
    pub(crate) person: i64,
    /// Who it is, where that is told.
    pub(crate) who: Option<PersonRow>,
    pub(crate) sex: i64,
    pub(crate) ages: Option<String>,
    pub(crate) facts: Vec<Fact>,
    /// Bytes of what the facts were read from, in their order: type, id, version and body.
    pub(crate) sources: Vec<String>,
    /// Of some kind there are more than [`FACTS`].
    more: bool,
    left: Left,
}

/// What is not among the facts, by the rules that leave it out.
struct Left {
    /// The one facility whose facts they are; none: every facility's.
    facility: Option<String>,
    /// What is sensitive so is kept from the purpose.
    labels: Labels,
    /// A period was asked: what has no date is in none.
    has_period: bool,
    /// Nobody is named: what has no code is free text.
    is_nameless: bool,
    /// Types of the record that are open, and of which there are no facts here.
    kinds: Vec<ResourceType>,
}

/// The labels that are kept from a purpose of the desk wherever they stand.
fn kept_back(grant: &Grant) -> Labels {
    let hidden = |class: &Class| {
        match Policy::shared().hidden_for((Role::Visitor, Act::ViewDesk), Relation::Desk, *class, grant.purpose) {
            Hidden::Labelled(labels) => labels,
            // All of a class is closed: its types are not among those that are open.
            Hidden::All => Labels::NONE,
        }
    };
    Class::ALL.iter().map(hidden).fold(Labels::NONE, Labels::and)
}

impl Facts {
    /// What is left out, a sentence for each rule that leaves something out.
    pub(crate) fn left_out(&self, lang: Lang) -> Vec<String> {
        let left = &self.left;
        let mut said = Vec::new();
        if self.more {
            said.push(lang.fmt(msg::DESK_FACTS_MORE, &[("most", &FACTS.to_string())]));
        }
        if let Some(facility) = &left.facility {
            said.push(lang.fmt(msg::DESK_LEFT_FACILITY, &[("facility", facility)]));
        }
        if !left.labels.is_empty() {
            let label = |label: &Label| match label {
                Label::Hiv => lang.t(msg::DESK_LABEL_HIV),
                Label::Mental => lang.t(msg::DESK_LABEL_MENTAL),
                Label::Genetic => lang.t(msg::DESK_LABEL_GENETIC),
                Label::Vip => lang.t(msg::DESK_LABEL_VIP),
            };
            let labels: Vec<&str> = Label::ALL.iter().filter(|l| left.labels.has(**l)).map(label).collect();
            said.push(lang.fmt(msg::DESK_LEFT_LABELS, &[("labels", &labels.join(", "))]));
        }
        if left.has_period {
            said.push(lang.t(msg::DESK_LEFT_UNDATED).to_owned());
        }
        if left.is_nameless {
            said.push(lang.t(msg::DESK_LEFT_UNCODED).to_owned());
        }
        if !left.kinds.is_empty() {
            let kinds: Vec<&str> = left.kinds.iter().map(|kind| kind.name()).collect();
            said.push(lang.fmt(msg::DESK_LEFT_KINDS, &[("kinds", &kinds.join(", "))]));
        }
        said
    }
}

/// A code with what it is called; nothing that was typed as free text.
fn coding(concept: Option<Value<'_>>) -> Option<(String, String)> {
    let coding = concept?.get("coding")?.items().find(|coding| coding.get_text("code").is_some())?;
    let text = |name: &str| coding.get_text(name).unwrap_or_default().into_owned();
    Some((text("code"), text("display")))
}

fn fact(body: &str, kind: Msg, is_named: bool) -> Option<Fact> {
    let tree = Tree::parse(body).ok()?;
    let root = tree.root();
    let concept = ["code", "medicationCodeableConcept", "vaccineCode", "type", "serviceType"]
        .iter()
        .find_map(|name| root.get(name))
        .map(|value| value.items().next().unwrap_or(value));
    let coded = coding(concept);
    let free =
        concept.filter(|_| is_named).and_then(|c| c.get_text("text")).map(|text| (String::new(), text.into_owned()));
    let (code, mut said) = match (coded, is_named) {
        (Some(coded), _) => coded,
        (None, true) => free.clone().unwrap_or_default(),
        (None, false) => return None,
    };
    if said.is_empty() {
        said = free.map(|(_, text)| text).unwrap_or_default();
    }
    let dates = [
        "recordedDate",
        "onsetDateTime",
        "effectiveDateTime",
        "authoredOn",
        "performedDateTime",
        "occurrenceDateTime",
        "issued",
        "created",
    ];
    let start = ["period", "effectivePeriod", "performedPeriod"].iter().find_map(|p| root.get(p)?.get_text("start"));
    let date = dates.iter().find_map(|name| root.get_text(name)).or(start).unwrap_or_default();
    let when = match (is_named, date.get(..10).and_then(Day::parse_iso)) {
        (true, Some(day)) => day.vi(),
        (true, None) => date.into_owned(),
        (false, _) => date.get(..4).unwrap_or_default().to_owned(),
    };
    let number = |quantity: Value<'_>, unit: &str| {
        // The digits as they were written.
        let number = quantity.get("value").and_then(|v| v.number().map(str::to_owned)).unwrap_or_default();
        format!("{number} {}", quantity.get_text(unit).unwrap_or_default())
    };
    let value = match (root.get("valueQuantity"), root.get("total")) {
        (Some(quantity), _) => number(quantity, "unit"),
        (None, Some(money)) => number(money, "currency"),
        (None, None) => match (is_named, root.get_text("valueString").or_else(|| root.get_text("conclusion"))) {
            (true, Some(text)) => text.into_owned(),
            _ => coding(root.get("valueCodeableConcept")).map(|(_, said)| said).unwrap_or_default(),
        },
    };
    Some(Fact { kind, when, code, said, value })
}

/// A group of ages: `40–44`; `90+`.
fn ages(row: &PersonRow) -> Option<String> {
    let born = i32::try_from(row.birth_year).ok().filter(|year| *year > 0)?;
    let age = (Day::today().ymd().0 - born).max(0);
    let from = age / AGES * AGES;
    Some(if age >= OLDEST { format!("{OLDEST}+") } else { format!("{from}–{}", from + AGES - 1) })
}

/// What `grant`, narrowed to `extent`, opens to the reader, who is its visitor; none where it opens nothing, or nothing any more.
pub(crate) fn gather(r: &mut Reader, grant: &Grant, extent: desk::Extent) -> Result<Option<Facts>, Failure> {
    if !grant.holds() || grant.relation != Relation::Desk || !resources::may_open(r, grant.person)? {
        return Ok(None);
    }
    let is_named = names(grant);
    let row = people::person(r, grant.person)?.unwrap_or_default();
    let (mut facts, mut sources, mut more) = (Vec::new(), Vec::new(), false);
    for (kind, label, without_name) in KINDS {
        if !is_named && !without_name {
            continue;
        }
        let mut found = resources::of_patient(r, grant.person, kind, None, FACTS + 1)?;
        if found.len() <= FACTS {
            found.extend(resources::undated_of_patient(r, grant.person, kind, FACTS + 1 - found.len())?);
        }
        more |= found.len() > FACTS;
        for resource in found.iter().take(FACTS) {
            let Some(fact) = fact(&resource.body, label, is_named) else { continue };
            facts.push(fact);
            sources.push(format!("{}/{}/{} {}", kind.name(), resource.id, resource.version, resource.body));
        }
    }
    // Who a person is stands above the facts, where it is told.
    let has_facts =
        |kind: &ResourceType| KINDS.iter().any(|(of, _, without_name)| of == kind && (is_named || *without_name));
    let mut kinds = resources::kinds_of_patient(r, grant.person)?;
    kinds.retain(|kind| !WHO.contains(kind) && !has_facts(kind));
    let facility = match grant.at_facility {
        0 => None,
        facility => schema::facility_code(r, facility)?.map(|code| facility_name(&code)),
    };
    let has_period = extent.first.is_some() || extent.last.is_some();
    let left = Left { facility, labels: kept_back(grant), has_period, is_nameless: !is_named, kinds };
    let (person, sex, ages) = (grant.person, row.sex, ages(&row));
    Ok(Some(Facts { person, who: is_named.then_some(row), sex, ages, facts, sources, more, left }))
}

/// What a sex is called; nothing where it is not known.
pub(crate) fn sex_label(lang: Lang, sex: i64) -> &'static str {
    match sex {
        1 => lang.t(msg::SEX_MALE),
        2 => lang.t(msg::SEX_FEMALE),
        _ => "",
    }
}

/// The day of birth as it is known.
pub(crate) fn born(row: &PersonRow) -> String {
    let day = row.birth_day.and_then(|day| i32::try_from(day).ok()).map(|day| Day(day).vi());
    day.unwrap_or_else(|| if row.birth_year > 0 { row.birth_year.to_string() } else { String::new() })
}

/// Now, as a day.
pub(crate) fn day_of(seconds: i64) -> Day {
    Minute::of_seconds(seconds).day()
}
