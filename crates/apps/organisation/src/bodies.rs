//! A facility as FHIR resources: Organization, Location, Practitioner, PractitionerRole, HealthcareService,
//! ChargeItemDefinition. What another program wrote into them stays: only what a sheet knows is set.

use crate::check::identity;
use crate::hours::{self, FHIR as DAYS};
use crate::kinds::Kinds;
use crate::over::ORGANIZATION_TYPE;
use crate::sheet::{DEPARTMENTS, Draft, FACILITY, HOURS, ROOMS, SERVICES, STAFF};
use mach_fhir::ResourceType;
use mach_places::Places;
use mach_terms::IdentifierSystems;
use mach_ui::Lang;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// Kinds of facilities.
pub const KIND_SYSTEM: &str = "urn:mach:codes:facility-kind";
/// Positions of staff.
pub const POSITION_SYSTEM: &str = "urn:mach:codes:position";
/// Codes of departments, rooms and services within their facility.
pub const PART_SYSTEM: &str = "urn:mach:codes:facility-part";
/// HL7's extension: when an organisation works.
pub const PERIOD: &str = "http://hl7.org/fhir/StructureDefinition/organization-period";
/// What took the place of a facility that ended.
pub const SUCCESSOR: &str = "urn:mach:extension:facility-successor";
const PLACE_TYPE: &str = "http://terminology.hl7.org/CodeSystem/location-physical-type";

/// A resource: type and id.
pub type Key = (ResourceType, String);
/// Resources by type and id, in the order they refer to each other.
pub type Bodies = BTreeMap<(u16, String), (ResourceType, Value)>;

/// The URI of a kind of number, by its short name in `content/fhir/identifier-systems.csv`.
pub fn system(name: &str) -> &'static str {
    IdentifierSystems::shared().get(name).and_then(|s| s.uris.first()).map_or("", String::as_str)
}

/// The id of a facility's Organization and of its Location.
pub fn root_id(code: &str) -> String {
    format!("f{code}")
}

/// What all ids of a facility's parts begin with; with what follows they have at most 20 characters.
pub fn prefix(code: &str) -> String {
    format!("f{code}-")
}

fn short(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().take(5).map(|b| format!("{b:02x}")).collect()
}

/// The id of the Practitioner who is this within a facility.
pub fn practitioner_id(code: &str, licence: &str, name: &str) -> String {
    format!("f{code}-p-{}", short(&identity(licence, name)))
}

/// Gives each row of staff the id of the Practitioner it is: the one it was read from, so that a corrected name or licence stays
/// the same person; else one that is stored with this licence or name; else a new one.
pub fn identify(draft: &mut Draft, parts: &[crate::read::Part]) {
    let code = draft.facility("code").to_owned();
    let stored: BTreeMap<String, String> = parts
        .iter()
        .filter(|p| p.kind == ResourceType::PRACTITIONER)
        .map(|p| (p.id.clone(), crate::read::identity_of(&p.body)))
        .collect();
    let mut taken = BTreeSet::new();
    for row in 0..draft.sheets[STAFF].len() {
        let id = draft.get(STAFF, row, "id").to_owned();
        let is_theirs = stored.contains_key(&id) && taken.insert(id);
        if !is_theirs {
            draft.set(STAFF, row, "id", "");
        }
    }
    for row in 0..draft.sheets[STAFF].len() {
        if !draft.get(STAFF, row, "id").is_empty() {
            continue;
        }
        let (licence, name) = (draft.get(STAFF, row, "licence").to_owned(), draft.get(STAFF, row, "name").to_owned());
        let who = identity(&licence, &name);
        let known = stored.iter().find(|(id, held)| **held == who && !taken.contains(*id)).map(|(id, _)| id.clone());
        // The id of another who once had this licence or name is not theirs.
        let free = |id: &String| !stored.contains_key(id) && !taken.contains(id);
        let id = known.or_else(|| {
            let mut made = (1..).map(|n| match n {
                1 => practitioner_id(&code, &licence, &name),
                n => practitioner_id(&code, &format!("{licence} {n}"), &name),
            });
            made.find(free)
        });
        let id = id.unwrap_or_default();
        draft.set(STAFF, row, "id", &id);
        taken.insert(id);
    }
}

fn reference(kind: &str, id: &str) -> Value {
    json!({ "reference": format!("{kind}/{id}") })
}

fn part_identifier(facility: &str, code: &str) -> Value {
    json!([{ "system": PART_SYSTEM, "value": format!("{facility}.{code}") }])
}

/// The column of a kind of code.
fn key_of(name: &str) -> &'static str {
    if name == "facility" { "code" } else { "gln" }
}

/// A text, or nothing where it is empty: then the member goes.
fn text(value: &str) -> Value {
    if value.is_empty() { Value::Null } else { json!(value) }
}

/// A period, without the ends it lacks.
fn period(from: &str, to: &str) -> Value {
    let ends = [("start", from), ("end", to)].into_iter().filter(|(_, v)| !v.is_empty());
    let ends: Map<String, Value> = ends.map(|(k, v)| (k.to_owned(), json!(v))).collect();
    if ends.is_empty() { Value::Null } else { Value::Object(ends) }
}

fn available(hours: &[hours::Hours], (from, to): (&str, &str)) -> Value {
    let one = |h: &hours::Hours| {
        let days: Vec<&str> = h.days.iter().filter_map(|d| DAYS.get(*d).copied()).collect();
        json!({ "daysOfWeek": days, from: format!("{}:00", h.from), to: format!("{}:00", h.to) })
    };
    if hours.is_empty() { Value::Null } else { hours.iter().map(one).collect() }
}

struct Made {
    bodies: Bodies,
}

impl Made {
    fn put(&mut self, kind: ResourceType, id: String, mut body: Value) {
        body["resourceType"] = json!(kind.name());
        body["id"] = json!(id);
        self.bodies.insert((kind.number(), id), (kind, body));
    }
}

/// The resources of a draft that was found right and whose people have their ids ([`identify`]). Members that are `null` go from what is stored.
pub fn bodies(draft: &Draft) -> Bodies {
    let mut made = Made { bodies: Bodies::new() };
    let code = draft.facility("code");
    root(&mut made, draft, code);
    for row in 0..draft.sheets[DEPARTMENTS].len() {
        let part = draft.get(DEPARTMENTS, row, "code");
        let body = json!({
            "identifier": part_identifier(code, part),
            "active": true,
            "type": [{ "coding": [{ "system": ORGANIZATION_TYPE, "code": "dept" }] }],
            "name": draft.get(DEPARTMENTS, row, "name"),
            "partOf": reference("Organization", &root_id(code)),
        });
        made.put(ResourceType::ORGANIZATION, format!("{}d-{part}", prefix(code)), body);
    }
    for row in 0..draft.sheets[ROOMS].len() {
        room(&mut made, draft, row);
    }
    for row in 0..draft.sheets[STAFF].len() {
        person(&mut made, draft, row);
    }
    for row in 0..draft.sheets[SERVICES].len() {
        service(&mut made, draft, row);
    }
    made.bodies
}

fn root(made: &mut Made, draft: &Draft, code: &str) {
    let get = |key| draft.get(FACILITY, 0, key);
    let kind = Kinds::shared().kind(get("kind"));
    let held =
        |name| json!({ "system": system(name), "value": text(get(key_of(name))), "period": period(get("from"), "") });
    let identifiers = [held("facility"), held("facility-gln")];
    let commune = Places::shared().get(get("commune"), mach_base::Day::today());
    let address = json!({
        "use": "work",
        "text": text(get("address")),
        "city": commune.map(|u| u.full_name()),
        "postalCode": Value::Null,
        "country": "VN",
        "extension": [{ "url": "urn:mach:extension:commune", "valueCode": get("commune") }],
    });
    let phone = if get("phone").is_empty() {
        Value::Null
    } else {
        json!([{ "system": "phone", "value": get("phone"), "use": "work" }])
    };
    let kind_name = kind.map(|k| k.name(Lang::Vi)).unwrap_or_default();
    let body = json!({
        "extension": [{ "url": PERIOD, "valuePeriod": period(get("from"), "") }],
        "identifier": identifiers,
        "active": true,
        "type": [
            { "coding": [{ "system": ORGANIZATION_TYPE, "code": "prov" }] },
            { "coding": [{ "system": KIND_SYSTEM, "code": get("kind"), "display": kind_name }] },
        ],
        "name": get("name"),
        "telecom": phone,
        "address": [address.clone()],
    });
    made.put(ResourceType::ORGANIZATION, root_id(code), body);
    let all: Vec<hours::Hours> = (0..draft.sheets[HOURS].len())
        .filter_map(|row| {
            let get = |key| draft.get(HOURS, row, key);
            hours::of(get("days"), get("from"), get("to"))
        })
        .collect();
    let body = json!({
        "identifier": [{ "system": system("facility"), "value": code }],
        "status": "active",
        "name": get("name"),
        "mode": "instance",
        "physicalType": { "coding": [{ "system": PLACE_TYPE, "code": "si" }] },
        "managingOrganization": reference("Organization", &root_id(code)),
        "address": address,
        "hoursOfOperation": available(&all, ("openingTime", "closingTime")),
    });
    made.put(ResourceType::LOCATION, root_id(code), body);
}

fn department(code: &str, part: &str) -> Value {
    let id = if part.is_empty() { root_id(code) } else { format!("{}d-{part}", prefix(code)) };
    reference("Organization", &id)
}

fn room(made: &mut Made, draft: &Draft, row: usize) {
    let (code, part) = (draft.facility("code"), draft.get(ROOMS, row, "code"));
    let id = format!("{}r-{part}", prefix(code));
    let managing = department(code, draft.get(ROOMS, row, "department"));
    let place = |physical: &str, name: &str, within: &str, part: &str| {
        json!({
            "identifier": part_identifier(code, part),
            "status": "active",
            "name": name,
            "mode": "instance",
            "physicalType": { "coding": [{ "system": PLACE_TYPE, "code": physical }] },
            "managingOrganization": managing,
            "partOf": reference("Location", within),
        })
    };
    let name = draft.get(ROOMS, row, "name");
    made.put(ResourceType::LOCATION, id.clone(), place("ro", name, &root_id(code), part));
    for bed in 1..=draft.get(ROOMS, row, "beds").parse::<u32>().unwrap_or(0) {
        let body = place("bd", &format!("{name} · {bed}"), &id, &format!("{part}.{bed}"));
        made.put(ResourceType::LOCATION, format!("{}b-{part}-{bed:02}", prefix(code)), body);
    }
}

fn person(made: &mut Made, draft: &Draft, row: usize) {
    let get = |key| draft.get(STAFF, row, key);
    let code = draft.facility("code");
    let id = get("id").to_owned();
    let words: Vec<&str> = get("name").split_whitespace().collect();
    let (family, given) = words.split_first().map_or((None, Vec::new()), |(f, g)| (Some(*f), g.to_vec()));
    let name = if given.is_empty() {
        json!([{ "use": "official", "text": get("name"), "family": Value::Null, "given": Value::Null }])
    } else {
        json!([{ "use": "official", "text": get("name"), "family": family, "given": given }])
    };
    let licence = get("licence");
    let (identifiers, qualification) = if licence.is_empty() {
        // None of this kind.
        (json!([{ "system": system("cchn"), "value": Value::Null }]), Value::Null)
    } else {
        let number = json!({ "system": system("cchn"), "value": licence });
        let held = json!([{ "identifier": [number.clone()], "code": { "text": get("scope") }, "period": period(get("from"), get("to")) }]);
        (json!([number]), held)
    };
    let body = json!({ "identifier": identifiers, "active": true, "name": name, "qualification": qualification });
    made.put(ResourceType::PRACTITIONER, id.clone(), body);
    let position = Kinds::shared().position(get("position")).map(|p| p.name(Lang::Vi)).unwrap_or_default();
    let specialty = if get("scope").is_empty() { Value::Null } else { json!([{ "text": get("scope") }]) };
    let hours = hours::parse(get("hours")).unwrap_or_default();
    let body = json!({
        "active": true,
        "practitioner": { "reference": format!("Practitioner/{id}"), "display": get("name") },
        "organization": department(code, get("department")),
        "code": [{ "coding": [{ "system": POSITION_SYSTEM, "code": get("position"), "display": position }] }],
        "specialty": specialty,
        "availableTime": available(&hours, ("availableStartTime", "availableEndTime")),
    });
    made.put(ResourceType::PRACTITIONER_ROLE, id.replacen("-p-", "-a-", 1), body);
}

fn service(made: &mut Made, draft: &Draft, row: usize) {
    let get = |key| draft.get(SERVICES, row, key);
    let code = draft.facility("code");
    let id = format!("{}v-{}", prefix(code), short(get("code")));
    let body = json!({
        "identifier": part_identifier(code, get("code")),
        "active": true,
        "providedBy": reference("Organization", &root_id(code)),
        "type": [{ "coding": [{ "system": PART_SYSTEM, "code": get("code") }], "text": get("name") }],
        "name": get("name"),
        "location": [reference("Location", &root_id(code))],
    });
    made.put(ResourceType::HEALTHCARE_SERVICE, id.clone(), body);
    if let Ok(price) = get("price").parse::<i64>() {
        let body = json!({
            "url": format!("urn:mach:price:{code}:{}", short(get("code"))),
            "identifier": part_identifier(code, get("code")),
            "title": get("name"),
            "status": "active",
            "effectivePeriod": period(get("from"), ""),
            "code": { "coding": [{ "system": PART_SYSTEM, "code": get("code") }], "text": get("name") },
            "propertyGroup": [{ "priceComponent": [{
                "type": "base",
                "amount": { "value": price, "currency": "VND" },
            }] }],
        });
        made.put(ResourceType::CHARGE_ITEM_DEFINITION, id, body);
    }
}

/// A part that is no longer there: kept, and said to be gone.
pub fn ended(kind: ResourceType, old: &Value, on: &str) -> Value {
    let mut body = old.clone();
    match kind {
        ResourceType::LOCATION => body["status"] = json!("inactive"),
        ResourceType::CHARGE_ITEM_DEFINITION => {
            body["status"] = json!("retired");
            body["effectivePeriod"]["end"] = json!(on);
        }
        ResourceType::PRACTITIONER_ROLE => {
            body["active"] = json!(false);
            body["period"]["end"] = json!(on);
        }
        _ => body["active"] = json!(false),
    }
    body
}

/// Whether a stored part is in use.
pub fn in_use(body: &Value) -> bool {
    body["active"] != json!(false) && !matches!(body["status"].as_str(), Some("inactive" | "retired"))
}
