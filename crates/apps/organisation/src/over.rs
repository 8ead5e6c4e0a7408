//! What a sheet says laid over what is stored: what other programs wrote into a resource stays.
//!
//! Of each list a sheet knows some elements and no others: the official name, the telephone at work, the licence. [`own`] tells
//! which; the first of a kind is the sheet's, everything else in the list is left where it stands.

use crate::bodies::{KIND_SYSTEM, PART_SYSTEM, POSITION_SYSTEM, in_use, system};
use mach_base::Day;
use mach_fhir::ResourceType;
use mach_terms::IdentifierSystems;
use serde_json::{Value, json};

/// Kinds of organisations, HL7's.
pub const ORGANIZATION_TYPE: &str = "http://terminology.hl7.org/CodeSystem/organization-type";

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Whether two URIs name the same kind of number.
pub fn same_system(a: &Value, b: &Value) -> bool {
    let known = IdentifierSystems::shared();
    a == b || known.get(text(a)).zip(known.get(text(b))).is_some_and(|(a, b)| a.name == b.name)
}

/// Whether something that has a period holds today.
pub fn holds_now(period: &Value) -> bool {
    let (today, day) = (Day::today(), |end: &str| Day::parse_iso(text(&period[end])));
    day("start").is_none_or(|d| d <= today) && day("end").is_none_or(|d| today <= d)
}

/// The system of a concept's codes that sheets write.
fn own_system(concept: &Value) -> Option<&str> {
    let known = [ORGANIZATION_TYPE, KIND_SYSTEM, POSITION_SYSTEM, PART_SYSTEM];
    let codings = concept["coding"].as_array()?;
    codings.iter().map(|c| text(&c["system"])).find(|s| known.contains(s))
}

/// Which of the elements that a sheet knows an element of the list `name` is; `None` where sheets know nothing of it.
fn own_kind(kind: ResourceType, name: &str, item: &Value) -> Option<String> {
    let used = |wanted: &str| item["use"].is_null() || item["use"] == wanted;
    let is_own = match (kind, name) {
        (ResourceType::ORGANIZATION | ResourceType::HEALTHCARE_SERVICE, "type")
        | (ResourceType::PRACTITIONER_ROLE, "code") => return own_system(item).map(str::to_owned),
        (ResourceType::ORGANIZATION, "telecom") => item["system"] == "phone" && used("work"),
        (ResourceType::ORGANIZATION, "address") => used("work"),
        (ResourceType::PRACTITIONER, "name") => used("official"),
        (ResourceType::PRACTITIONER, "qualification") => {
            let mut numbers = item["identifier"].as_array().into_iter().flatten();
            numbers.any(|i| same_system(&i["system"], &json!(system("cchn"))))
        }
        (ResourceType::PRACTITIONER_ROLE, "specialty") => item["coding"].is_null(),
        (ResourceType::HEALTHCARE_SERVICE, "location") => return item["reference"].as_str().map(str::to_owned),
        (ResourceType::CHARGE_ITEM_DEFINITION, "propertyGroup") => item["applicability"].is_null(),
        _ => false,
    };
    is_own.then(|| name.to_owned())
}

/// Lists of which sheets know some elements only.
fn is_shared(kind: ResourceType, name: &str) -> bool {
    matches!(
        (kind, name),
        (ResourceType::ORGANIZATION, "type" | "telecom" | "address")
            | (ResourceType::PRACTITIONER, "name" | "qualification")
            | (ResourceType::PRACTITIONER_ROLE, "code" | "specialty")
            | (ResourceType::HEALTHCARE_SERVICE, "type" | "location")
            | (ResourceType::CHARGE_ITEM_DEFINITION, "propertyGroup")
    )
}

/// The element of a stored list that a sheet shows: the first that it knows; `Null` where there is none.
pub fn own<'a>(kind: ResourceType, body: &'a Value, name: &str) -> &'a Value {
    let mut all = body[name].as_array().into_iter().flatten();
    all.find(|item| own_kind(kind, name, item).is_some()).unwrap_or(&Value::Null)
}

/// `new` laid over what is stored: what others wrote stays, what is `null` goes.
pub fn laid_over(kind: ResourceType, old: Option<&Value>, new: &Value) -> Value {
    let mut out = old.and_then(Value::as_object).cloned().unwrap_or_default();
    for (name, value) in new.as_object().into_iter().flatten() {
        let kept = out.get(name).and_then(Value::as_array).map_or(&[] as &[Value], Vec::as_slice);
        let value = match name.as_str() {
            "identifier" => identifiers(kept, value),
            "extension" => extensions(kept, value),
            _ if is_shared(kind, name) => shared(kind, name, kept, value),
            _ => value.clone(),
        };
        out.insert(name.clone(), value);
    }
    let mut out = Value::Object(out);
    if old.is_some_and(|old| !in_use(old)) && kind == ResourceType::PRACTITIONER_ROLE && in_use(&out) {
        // Who was put back works again.
        if let Some(period) = out["period"].as_object_mut() {
            period.remove("end");
        }
    }
    pruned(out)
}

/// The elements that sheets know in the place of those that stand there, the others untouched.
fn shared(kind: ResourceType, name: &str, kept: &[Value], new: &Value) -> Value {
    let mut left: Vec<(Option<String>, &Value)> =
        new.as_array().into_iter().flatten().map(|v| (own_kind(kind, name, v), v)).collect();
    let mut seen = Vec::new();
    let mut out = Vec::new();
    for item in kept {
        let Some(its) = own_kind(kind, name, item).filter(|k| !seen.contains(k)) else {
            out.push(item.clone());
            continue;
        };
        match left.iter().position(|(k, _)| k.as_ref() == Some(&its)) {
            Some(at) => out.push(element(name, item, left.remove(at).1)),
            // A place that another program named is none of ours to take away.
            None if name == "location" => out.push(item.clone()),
            None => {}
        }
        seen.push(its);
    }
    out.extend(left.into_iter().map(|(_, v)| v.clone()));
    Value::Array(out)
}

/// One element of a list over the one that stands in its place.
fn element(name: &str, old: &Value, new: &Value) -> Value {
    let coded = |v: &Value| {
        let codings = v["coding"].as_array().into_iter().flatten();
        codings.map(|c| (c["system"].clone(), c["code"].clone())).collect::<Vec<_>>()
    };
    let mut out = old.clone();
    match name {
        // The same code keeps what others said of it.
        "type" | "code" if coded(new).iter().all(|c| coded(old).contains(c)) => {
            if new["text"].is_string() {
                out["text"] = new["text"].clone();
            }
        }
        "type" | "code" => return new.clone(),
        "propertyGroup" => {
            let base = &new["priceComponent"][0];
            let is_base = |c: &Value| c["type"] == "base";
            let known = out["priceComponent"].as_array().and_then(|all| all.iter().position(is_base));
            match known {
                Some(at) => out["priceComponent"][at]["amount"] = base["amount"].clone(),
                None => out["priceComponent"] = json!([base]),
            }
        }
        _ => {
            for (member, value) in new.as_object().into_iter().flatten() {
                let kept = old[member].as_array().map_or(&[] as &[Value], Vec::as_slice);
                out[member] = if member == "extension" { extensions(kept, value) } else { value.clone() };
            }
        }
    }
    out
}

/// Extensions by URL, ours over theirs. A last day that is stored stays: it is set on its own page.
fn extensions(kept: &[Value], new: &Value) -> Value {
    let ours: Vec<&Value> = new.as_array().into_iter().flatten().collect();
    let over = |k: &Value| match ours.iter().find(|o| o["url"] == k["url"]) {
        Some(o) if k["valuePeriod"]["end"].is_string() => {
            let mut period = (*o).clone();
            period["valuePeriod"]["end"] = k["valuePeriod"]["end"].clone();
            period
        }
        Some(o) => (*o).clone(),
        None => k.clone(),
    };
    let mut out: Vec<Value> = kept.iter().map(over).collect();
    out.extend(ours.into_iter().filter(|o| !kept.iter().any(|k| k["url"] == o["url"])).cloned());
    Value::Array(out)
}

/// Identifiers: ours in the place of the one of its kind that holds now; one without a value says that there is none. Those that
/// ended, that begin later, and those of other kinds stay, and so do the periods that are stored: codes end and begin on their
/// own page.
fn identifiers(kept: &[Value], new: &Value) -> Value {
    let ours: Vec<&Value> = new.as_array().into_iter().flatten().collect();
    // The code of the facility itself is what its parts hang on: typed, it is the first, whichever followed it.
    let is_first = |o: &Value| same_system(&o["system"], &json!(system("facility")));
    let same = |a: &Value, b: &Value| same_system(&a["system"], &b["system"]) && a["value"] == b["value"];
    let stays = |k: &Value| {
        !holds_now(&k["period"])
            || ours.iter().all(|o| !same_system(&o["system"], &k["system"]) || same(o, k) || is_first(o))
    };
    let mut out: Vec<Value> = kept.iter().filter(|k| stays(k)).cloned().collect();
    for o in ours.iter().filter(|o| o["value"].is_string()) {
        let there = kept.iter().any(|k| same(k, o) && (is_first(o) || holds_now(&k["period"])));
        if !there {
            out.push((*o).clone());
        }
    }
    Value::Array(out)
}

/// Without members that are `null` or empty: FHIR has neither.
fn pruned(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let kept = members.into_iter().map(|(k, v)| (k, pruned(v)));
            Value::Object(kept.filter(|(_, v)| !v.is_null() && v != &json!([]) && v != &json!({})).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(pruned).collect()),
        other => other,
    }
}
