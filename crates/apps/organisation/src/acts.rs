//! What is done to a whole facility: it ends, it gets another code, its last change is taken back.

use crate::bodies::{self, PERIOD, SUCCESSOR, root_id};
use crate::check::Flaw;
use crate::keep::{By, No, change_id, write};
use crate::over::same_system;
use crate::read::{self, Facility};
use crate::sheet::FACILITY;
use mach_base::Day;
use mach_base::text::is_facility_code;
use mach_fhir::ResourceType;
use mach_store::accounts::{self, Change};
use mach_store::resources;
use mach_store::sql::Query;
use mach_store::{Error, Result, Tx, schema};
use mach_terms::Facilities;
use mach_ui::{Msg, msg};
use serde_json::{Value, json};

/// What is wrong with one field.
fn flaw(by: &By, col: &'static str, text: Msg) -> No {
    No::Flaws(vec![Flaw { sheet: FACILITY, row: 0, col, text: by.lang.t(text).to_owned() }])
}

fn root(facility: &Facility) -> Option<&Value> {
    let mut all = facility.parts.iter().filter(|p| p.kind == ResourceType::ORGANIZATION);
    all.find(|p| p.id == root_id(&facility.code)).map(|p| &p.body)
}

/// Whether a code is that of a facility that is known: set up here, under this code or another, or in the register.
fn is_known(on: &mut dyn Query, code: &str) -> Result<bool> {
    let scope = on.scope();
    Ok(Facilities::shared().get(code).is_some()
        || read::kept_under(on, code)?.is_some()
        || resources::current(on, scope, ResourceType::ORGANIZATION, &root_id(code))?.is_some_and(|r| !r.deleted))
}

/// Ends a facility on its last day, and says what takes its place.
///
/// # Errors
/// Of the store.
pub fn close(tx: &mut Tx<'_>, code: &str, last: Day, successor: &str, by: &By) -> Result<std::result::Result<(), No>> {
    let scope = tx.scope();
    let Some(facility) = read::facility(tx, scope, code)? else { return Ok(Err(No::Unknown)) };
    let Some(old) = root(&facility) else { return Ok(Err(No::Unknown)) };
    let mut body = old.clone();
    let from = read::extension(old, PERIOD).map(|e| e["valuePeriod"]["start"].clone()).filter(Value::is_string);
    let began = from.as_ref().and_then(Value::as_str).and_then(Day::parse_iso);
    if began.is_some_and(|began| last < began) {
        return Ok(Err(flaw(by, "last", msg::ORG_WRONG_LAST)));
    }
    if !successor.is_empty() && (successor == code || !is_known(tx, successor)?) {
        return Ok(Err(flaw(by, "successor", msg::ORG_WRONG_SUCCESSOR)));
    }
    let mut period = json!({ "end": last.to_string() });
    if let Some(from) = from {
        period["start"] = from;
    }
    let kept = old["extension"].as_array().into_iter().flatten();
    let mut extensions: Vec<Value> = kept.filter(|e| e["url"] != PERIOD && e["url"] != SUCCESSOR).cloned().collect();
    extensions.push(json!({ "url": PERIOD, "valuePeriod": period }));
    if !successor.is_empty() {
        let next = json!({
            "reference": format!("Organization/{}", root_id(successor)),
            "identifier": { "system": bodies::system("facility"), "value": successor },
        });
        extensions.push(json!({ "url": SUCCESSOR, "valueReference": next }));
    }
    body["extension"] = json!(extensions);
    body["active"] = json!(last >= Day::today());
    write(tx, code, &[(ResourceType::ORGANIZATION, root_id(code), Some(body))], "ended", by)?;
    Ok(Ok(()))
}

/// Facilities whose last day has passed by `today` are active no more: the day counts, not when it was said. Gives how many there
/// were.
///
/// # Errors
/// Of the store.
pub fn let_end(tx: &mut Tx<'_>, today: Day, by: &By) -> Result<usize> {
    let (mut ended, scope) = (0, tx.scope());
    for found in resources::of_prefix(tx, (scope, 0), ResourceType::ORGANIZATION, "f")? {
        let Some(code) = found.id.strip_prefix('f').filter(|c| is_facility_code(c)) else { continue };
        let Some(mut body) = serde_json::from_str::<Value>(&found.body).ok().filter(|b| b["active"] == true) else {
            continue;
        };
        let last = read::extension(&body, PERIOD).and_then(|e| Day::parse_iso(e["valuePeriod"]["end"].as_str()?));
        if last.is_some_and(|last| last < today) {
            body["active"] = json!(false);
            write(tx, code, &[(ResourceType::ORGANIZATION, root_id(code), Some(body))], "last day passed", by)?;
            ended += 1;
        }
    }
    Ok(ended)
}

/// Gives a facility another code from a day on: the one of the same system ends the day before.
///
/// # Errors
/// Of the store.
pub fn recode(
    tx: &mut Tx<'_>,
    code: &str,
    system: &str,
    value: &str,
    from: Day,
    by: &By,
) -> Result<std::result::Result<(), No>> {
    let scope = tx.scope();
    let Some(facility) = read::facility(tx, scope, code)? else { return Ok(Err(No::Unknown)) };
    let Some(old) = root(&facility) else { return Ok(Err(No::Unknown)) };
    let mut body = old.clone();
    let mut all: Vec<Value> = old["identifier"].as_array().cloned().unwrap_or_default();
    let its = |i: &Value| same_system(&i["system"], &json!(system));
    let open = |i: &Value| its(i) && i["period"]["end"].is_null();
    if all.iter().any(|i| open(i) && i["value"] == value) {
        return Ok(Err(flaw(by, "value", msg::ORG_WRONG_SAME_CODE)));
    }
    let is_taken = match system == bodies::system("facility") {
        // Its own earlier code may come back.
        true => value != code && read::kept_under(tx, value)?.is_none_or(|kept| kept != code) && is_known(tx, value)?,
        false => {
            let token = mach_fhir::index::Param::IDENTIFIER;
            let ids = resources::with_token(tx, ResourceType::ORGANIZATION, token, Some(system), value, 10)?;
            ids.iter().any(|id| *id != root_id(code))
        }
    };
    if is_taken {
        return Ok(Err(flaw(by, "value", msg::ORG_WRONG_CODE_TAKEN)));
    }
    let begins = |i: &Value| i["period"]["start"].as_str().and_then(Day::parse_iso);
    if all.iter().any(|i| open(i) && begins(i).is_some_and(|start| from <= start)) {
        return Ok(Err(flaw(by, "from", msg::ORG_WRONG_CODE_FROM)));
    }
    for held in all.iter_mut().filter(|i| open(i)) {
        held["period"]["end"] = json!(Day(from.0 - 1).to_string());
    }
    all.push(json!({ "system": system, "value": value, "period": { "start": from.to_string() } }));
    body["identifier"] = json!(all);
    write(tx, code, &[(ResourceType::ORGANIZATION, root_id(code), Some(body))], "another code", by)?;
    Ok(Ok(()))
}

/// The last change of a facility.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Last {
    /// What was done.
    pub what: String,
    /// By whom.
    pub who: String,
    /// When, seconds.
    pub at: i64,
    /// Which change it is: what is taken back is what was seen.
    pub mark: String,
    /// The account that did it.
    account: String,
    /// Whether it was done by who looks after the province.
    is_of_province: bool,
    targets: Vec<(ResourceType, String, i64)>,
}

impl Last {
    /// Whether it is theirs to take back: who looks after one facility takes back nothing of the province's.
    pub fn may_be_undone_by(&self, by: &By) -> bool {
        by.facility.is_none() || !self.is_of_province || self.account == by.account.to_string()
    }
}

/// The last change that was made here.
///
/// # Errors
/// Of the store.
pub fn last(on: &mut dyn Query, code: &str) -> Result<Option<Last>> {
    let scope = on.scope();
    let found = resources::current(on, scope, ResourceType::PROVENANCE, &change_id(code))?.filter(|r| !r.deleted);
    let Some(found) = found else { return Ok(None) };
    let body: Value = serde_json::from_str(&found.body).unwrap_or_default();
    let target = |t: &Value| {
        let mut parts = t["reference"].as_str()?.split('/');
        let (kind, id) = (ResourceType::parse(parts.next()?)?, parts.next()?.to_owned());
        Some((kind, id, parts.nth(1)?.parse().ok()?))
    };
    let agent = &body["agent"][0];
    let account = agent["who"]["reference"].as_str().and_then(|r| r.strip_prefix("Practitioner/account-"));
    Ok(Some(Last {
        what: body["activity"]["text"].as_str().unwrap_or_default().to_owned(),
        who: agent["who"]["display"].as_str().unwrap_or_default().to_owned(),
        at: found.at,
        mark: found.version.to_string(),
        account: account.unwrap_or_default().to_owned(),
        is_of_province: agent["onBehalfOf"].is_null(),
        targets: body["target"].as_array().into_iter().flatten().filter_map(target).collect(),
    }))
}

/// Takes the last change back, where it is still the one that was `seen`: each part it wrote is again what it was before. Undone,
/// it can be done again the same way. With the making of a facility its accounts close.
///
/// # Errors
/// Of the store.
pub fn undo(tx: &mut Tx<'_>, code: &str, seen: &str, by: &By) -> Result<std::result::Result<(), No>> {
    let Some(last) = last(tx, code)? else { return Ok(Err(No::Unknown)) };
    if last.mark != seen {
        return Ok(Err(No::Changed));
    }
    if !last.may_be_undone_by(by) {
        return Ok(Err(No::Above));
    }
    let scope = tx.scope();
    let mut back = Vec::new();
    for (kind, id, version) in &last.targets {
        let now = resources::current(tx, scope, *kind, id)?.map_or(0, |r| r.version);
        if now != *version {
            return Ok(Err(No::Changed));
        }
        let before = match version {
            0 | 1 => None,
            _ => resources::version(tx, scope, *kind, id, version - 1)?.filter(|r| !r.deleted),
        };
        let body = before.map(|r| serde_json::from_str(&r.body)).transpose();
        back.push((*kind, id.clone(), body.map_err(|e| Error::Files(e.to_string()))?));
    }
    let is_making = back.iter().any(|(kind, id, body)| {
        *kind == ResourceType::ORGANIZATION && *id == root_id(code) && read::kind_of(body.as_ref()).is_empty()
    });
    write(tx, code, &back, "undone", by)?;
    if is_making {
        let number = schema::facility_id(tx, code)?;
        for (_, id, _) in back.iter().filter(|(kind, _, body)| *kind == ResourceType::PRACTITIONER && body.is_none()) {
            close_accounts(tx, number, id)?;
        }
    }
    Ok(Ok(()))
}

/// Closes the accounts of a facility that are this Practitioner.
fn close_accounts(tx: &mut Tx<'_>, facility: i64, practitioner: &str) -> Result<()> {
    for account in accounts::of_practitioner(tx, facility, practitioner)?.into_iter().filter(|a| !a.closed) {
        let (id, role) = (account.actor.account, account.actor.role);
        tx.change_account(id, &Change { display: account.display, role, facility: Some(facility), closed: true })?;
        tx.audit(None, &format!("account {id} {} closed", role.code()), "granted")?;
    }
    Ok(())
}
