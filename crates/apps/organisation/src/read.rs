//! A facility's stored resources as sheets again: what the pages show and change.

use crate::bodies::{
    self, KIND_SYSTEM, PART_SYSTEM, PERIOD, POSITION_SYSTEM, SUCCESSOR, in_use, prefix, root_id, system,
};
use crate::check::identity;
use crate::hours::{self, FHIR as DAYS, Hours};
use crate::over::{holds_now, own};
use crate::sheet::{DEPARTMENTS, Draft, FACILITY, HOURS, ROOMS, SERVICES, STAFF};
use mach_access::Scope;
use mach_base::Day;
use mach_fhir::ResourceType;
use mach_fhir::index::Param;
use mach_store::resources::{self, Resource};
use mach_store::sql::Query;
use mach_store::{Result, schema};
use mach_terms::IdentifierSystems;
use serde_json::Value;

/// Types of a facility's parts.
pub const KINDS: [ResourceType; 6] = [
    ResourceType::ORGANIZATION,
    ResourceType::LOCATION,
    ResourceType::PRACTITIONER,
    ResourceType::PRACTITIONER_ROLE,
    ResourceType::HEALTHCARE_SERVICE,
    ResourceType::CHARGE_ITEM_DEFINITION,
];

/// A part as it is stored.
#[derive(Clone, Debug)]
pub struct Part {
    /// Type.
    pub kind: ResourceType,
    /// FHIR id.
    pub id: String,
    /// Version.
    pub version: i64,
    /// Its body.
    pub body: Value,
}

/// A code of a facility and when it held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Code {
    /// URI of its system.
    pub system: String,
    /// The code.
    pub value: String,
    /// First day.
    pub from: String,
    /// Last day, empty where it holds.
    pub to: String,
}

/// A facility.
#[derive(Clone, Debug)]
pub struct Facility {
    /// The code it is known by here.
    pub code: String,
    /// All its parts, the ended too.
    pub parts: Vec<Part>,
    /// As sheets: what is in use.
    pub draft: Draft,
    /// Codes old and new.
    pub codes: Vec<Code>,
    /// Last day of work, where there is one.
    pub until: Option<Day>,
    /// The code of the facility that took its place.
    pub successor: String,
}

/// Whose facility's resource a part of this type is: prices are the facility's own, the rest is the province's register.
pub fn keeper(kind: ResourceType, number: i64) -> i64 {
    if kind == ResourceType::CHARGE_ITEM_DEFINITION { number } else { 0 }
}

fn part(resource: Resource) -> Option<Part> {
    let body = serde_json::from_str(&resource.body).ok()?;
    Some(Part { kind: resource.kind, id: resource.id, version: resource.version, body })
}

/// All parts of the facility with this code, as `scope` may see them.
///
/// # Errors
/// Of the store.
pub fn parts(on: &mut dyn Query, scope: Scope, code: &str) -> Result<Vec<Part>> {
    let number = schema::facility_of_code(on, code)?.unwrap_or(-1);
    let mut out = Vec::new();
    for kind in KINDS {
        if matches!(kind, ResourceType::ORGANIZATION | ResourceType::LOCATION) {
            let root = resources::current(on, scope, kind, &root_id(code))?.filter(|r| !r.deleted);
            out.extend(root.and_then(part));
        }
        let found = resources::of_prefix(on, (scope, keeper(kind, number)), kind, &prefix(code))?;
        out.extend(found.into_iter().filter_map(part));
    }
    Ok(out)
}

/// The code under which a facility is kept that has `code` now, or had it, or will have it; none where it is kept under `code`
/// itself, or nowhere.
///
/// # Errors
/// Of the store.
pub fn kept_under(on: &mut dyn Query, code: &str) -> Result<Option<String>> {
    let token = (Param::IDENTIFIER, Some(system("facility")));
    let ids = resources::with_token(on, ResourceType::ORGANIZATION, token.0, token.1, code, 10)?;
    let kept = |id: &String| {
        let kept = id.strip_prefix('f')?;
        (mach_base::text::is_facility_code(kept) && kept != code).then(|| kept.to_owned())
    };
    Ok(ids.iter().find_map(kept))
}

/// Who a stored Practitioner is within its facility.
pub fn identity_of(body: &Value) -> String {
    let licence = own(ResourceType::PRACTITIONER, body, "qualification");
    let name = own(ResourceType::PRACTITIONER, body, "name");
    identity(text(&licence["identifier"][0]["value"]), text(&name["text"]))
}

/// The facility with this code; `None` where nothing of it is stored.
///
/// # Errors
/// Of the store.
pub fn facility(on: &mut dyn Query, scope: Scope, code: &str) -> Result<Option<Facility>> {
    let parts = parts(on, scope, code)?;
    let Some(root) = parts.iter().find(|p| p.kind == ResourceType::ORGANIZATION && p.id == root_id(code)) else {
        return Ok(None);
    };
    let body = root.body.clone();
    let draft = draft(code, &parts);
    let until = extension(&body, PERIOD).and_then(|e| Day::parse_iso(text(&e["valuePeriod"]["end"])));
    let successor = extension(&body, SUCCESSOR).map(|e| text(&e["valueReference"]["identifier"]["value"]).to_owned());
    Ok(Some(Facility {
        code: code.to_owned(),
        codes: codes_of(&body),
        draft,
        until,
        successor: successor.unwrap_or_default(),
        parts,
    }))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// The extension with this URL.
pub fn extension<'a>(body: &'a Value, url: &str) -> Option<&'a Value> {
    body["extension"].as_array()?.iter().find(|e| e["url"] == url)
}

/// The code of the extension with this URL, empty where there is none.
pub fn extension_code<'a>(body: &'a Value, url: &str) -> &'a str {
    extension(body, url).map_or("", |e| text(&e["valueCode"]))
}

/// Whether two URIs name the same kind of number.
fn is_system(value: &Value, name: &str) -> bool {
    IdentifierSystems::shared().get(text(value)).is_some_and(|s| s.name == name)
}

/// Codes of a stored Organization, old and new.
pub fn codes_of(body: &Value) -> Vec<Code> {
    let all = body["identifier"].as_array().into_iter().flatten();
    let read = |v: &Value| Code {
        system: text(&v["system"]).to_owned(),
        value: text(&v["value"]).to_owned(),
        from: text(&v["period"]["start"]).to_owned(),
        to: text(&v["period"]["end"]).to_owned(),
    };
    all.map(read).collect()
}

fn coded<'a>(list: &'a Value, wanted: &str) -> &'a str {
    let concepts = list.as_array().into_iter().flatten();
    let mut codings = concepts.filter_map(|c| c["coding"].as_array()).flatten();
    codings.find(|c| c["system"] == wanted).map(|c| text(&c["code"])).unwrap_or_default()
}

/// The code of a part within its facility.
fn part_code<'a>(facility: &str, body: &'a Value) -> &'a str {
    let all = body["identifier"].as_array().into_iter().flatten();
    let mut ours = all.filter(|i| i["system"] == PART_SYSTEM).map(|i| text(&i["value"]));
    ours.find_map(|v| v.strip_prefix(facility)?.strip_prefix('.')).unwrap_or_default()
}

/// The department an Organization reference means, empty for the facility itself.
fn department_of<'a>(facility: &str, reference: &'a Value) -> &'a str {
    let id = text(&reference["reference"]).strip_prefix("Organization/").unwrap_or_default();
    id.strip_prefix(&*format!("{}d-", prefix(facility))).unwrap_or_default()
}

fn read_hours(list: &Value, (from, to): (&str, &str)) -> Vec<Hours> {
    let short = |v: &Value| text(v).chars().take(5).collect::<String>();
    let days = |v: &Value| {
        let all = v["daysOfWeek"].as_array().into_iter().flatten();
        all.filter_map(|d| DAYS.iter().position(|x| d == x)).collect::<Vec<_>>()
    };
    let all = list.as_array().into_iter().flatten();
    let read = all.map(|v| Hours { days: days(v), from: short(&v[from]), to: short(&v[to]) });
    read.filter(|h| !h.days.is_empty() && !h.from.is_empty() && !h.to.is_empty()).collect()
}

fn draft(code: &str, parts: &[Part]) -> Draft {
    let mut draft = Draft::default();
    let of = |kind: ResourceType| parts.iter().filter(move |p| p.kind == kind && in_use(&p.body));
    for p in of(ResourceType::ORGANIZATION) {
        let part = part_code(code, &p.body);
        if !part.is_empty() {
            draft.sheets[DEPARTMENTS].push(vec![part.to_owned(), text(&p.body["name"]).to_owned()]);
        }
    }
    if let Some(p) = parts.iter().find(|p| p.kind == ResourceType::ORGANIZATION && p.id == root_id(code)) {
        draft.sheets[FACILITY].push(root_row(code, &p.body));
    }
    let beds = |room: &str| {
        let start = format!("{}b-{room}-", prefix(code));
        of(ResourceType::LOCATION).filter(|p| p.id.strip_prefix(&*start).is_some_and(|n| n.len() == 2)).count()
    };
    for p in of(ResourceType::LOCATION) {
        if p.id == root_id(code) {
            for h in read_hours(&p.body["hoursOfOperation"], ("openingTime", "closingTime")) {
                draft.sheets[HOURS].push(vec![hours::days_text(&h.days), h.from, h.to]);
            }
            continue;
        }
        let Some(room) = p.id.strip_prefix(&*format!("{}r-", prefix(code))) else { continue };
        let count = beds(room);
        draft.sheets[ROOMS].push(vec![
            room.to_owned(),
            text(&p.body["name"]).to_owned(),
            department_of(code, &p.body["managingOrganization"]).to_owned(),
            if count == 0 { String::new() } else { count.to_string() },
        ]);
    }
    for p in of(ResourceType::PRACTITIONER_ROLE) {
        let id = p.id.replacen("-a-", "-p-", 1);
        let Some(person) = of(ResourceType::PRACTITIONER).find(|x| x.id == id) else { continue };
        let held = own(ResourceType::PRACTITIONER, &person.body, "qualification");
        let scope = match text(&held["code"]["text"]) {
            // Without a licence there is what they do all the same.
            "" => text(&own(ResourceType::PRACTITIONER_ROLE, &p.body, "specialty")["text"]),
            scope => scope,
        };
        draft.sheets[STAFF].push(vec![
            text(&own(ResourceType::PRACTITIONER, &person.body, "name")["text"]).to_owned(),
            coded(&p.body["code"], POSITION_SYSTEM).to_owned(),
            text(&held["identifier"][0]["value"]).to_owned(),
            scope.to_owned(),
            text(&held["period"]["start"]).to_owned(),
            text(&held["period"]["end"]).to_owned(),
            department_of(code, &p.body["organization"]).to_owned(),
            hours::text(&read_hours(&p.body["availableTime"], ("availableStartTime", "availableEndTime"))),
            String::new(),
            String::new(),
            id,
        ]);
    }
    for p in of(ResourceType::HEALTHCARE_SERVICE) {
        let price = of(ResourceType::CHARGE_ITEM_DEFINITION).find(|c| c.id == p.id);
        let amount = price.map(|c| {
            let group = own(ResourceType::CHARGE_ITEM_DEFINITION, &c.body, "propertyGroup");
            let mut components = group["priceComponent"].as_array().into_iter().flatten();
            let base = components.find(|c| c["type"] == "base");
            base.map_or_else(String::new, |c| c["amount"]["value"].to_string())
        });
        draft.sheets[SERVICES].push(vec![
            part_code(code, &p.body).to_owned(),
            text(&p.body["name"]).to_owned(),
            amount.filter(|a| a != "null").unwrap_or_default(),
            price.map(|c| text(&c.body["effectivePeriod"]["start"]).to_owned()).unwrap_or_default(),
        ]);
    }
    // As people read lists: by code, staff by name.
    draft.sheets[DEPARTMENTS].sort();
    draft.sheets[ROOMS].sort();
    draft.sheets[SERVICES].sort();
    draft.sheets[STAFF].sort_by_key(|r| r.first().map(|n| mach_base::text::name_key(n)));
    draft
}

fn root_row(code: &str, body: &Value) -> Vec<String> {
    let in_force = |name: &str| {
        let all = body["identifier"].as_array().into_iter().flatten();
        let mut held = all.filter(|i| is_system(&i["system"], name) && holds_now(&i["period"]));
        held.next().map(|i| text(&i["value"]).to_owned()).unwrap_or_default()
    };
    let address = own(ResourceType::ORGANIZATION, body, "address");
    let from = extension(body, PERIOD).map(|e| text(&e["valuePeriod"]["start"]).to_owned());
    vec![
        coded(&body["type"], KIND_SYSTEM).to_owned(),
        text(&body["name"]).to_owned(),
        code.to_owned(),
        in_force("facility-gln"),
        extension_code(address, "urn:mach:extension:commune").to_owned(),
        text(&address["text"]).to_owned(),
        text(&own(ResourceType::ORGANIZATION, body, "telecom")["value"]).to_owned(),
        from.unwrap_or_default(),
    ]
}

/// The system of facility codes and the one of global location numbers.
pub fn code_systems() -> [(&'static str, &'static str); 2] {
    [("facility", system("facility")), ("facility-gln", bodies::system("facility-gln"))]
}

/// The kind of a stored Organization, empty where it is none that was set up here.
pub fn kind_of(body: Option<&Value>) -> &str {
    body.map_or("", |body| coded(&body["type"], KIND_SYSTEM))
}

/// A stored Organization in short.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Its kind, empty where it was not set up here.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Its last day.
    pub until: Option<Day>,
    /// Every code it had, has or will have.
    pub codes: Vec<String>,
}

/// A stored Organization in short.
pub fn summary(body: &str) -> Option<Summary> {
    let body: Value = serde_json::from_str(body).ok()?;
    let until = extension(&body, PERIOD).and_then(|e| Day::parse_iso(text(&e["valuePeriod"]["end"])));
    let codes = codes_of(&body).into_iter().map(|c| c.value).collect();
    Some(Summary { kind: kind_of(Some(&body)).to_owned(), name: text(&body["name"]).to_owned(), until, codes })
}
