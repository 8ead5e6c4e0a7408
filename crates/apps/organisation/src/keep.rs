//! What is done to facilities, each in one transaction: resources, accounts, provenance and audit together or not at all.

use crate::bodies::{self, PERIOD, SUCCESSOR, in_use, laid_over, root_id};
use crate::check::{Flaw, check};
use crate::kinds::Kinds;
use crate::limits;
use crate::read::{self, Facility, Part, keeper};
use crate::sheet::{Draft, FACILITY, SHEETS, STAFF};
use mach_access::{Role, secret};
use mach_base::Day;
use mach_base::time::{instant_text, now_seconds};
use mach_fhir::IndexValue;
use mach_fhir::ResourceType;
use mach_fhir::index::Param;
use mach_forms::library;
use mach_house::proof;
use mach_store::accounts::{self, NewAccount};
use mach_store::resources::{self, Put};
use mach_store::sql::Query;
use mach_store::{Error, Result, Tx, schema};
use mach_ui::{Lang, msg};
use serde_json::{Value, json};

/// Who acts.
#[derive(Clone, Debug)]
pub struct By {
    /// Account.
    pub account: i64,
    /// Name.
    pub name: String,
    /// Language in which flaws are told.
    pub lang: Lang,
}

/// An account that was made: its name and the code that opens it, to be shown once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// Full name of its owner.
    pub display: String,
    /// Account name.
    pub name: String,
    /// The code.
    pub code: String,
}

/// What an account of a new facility needs that is slow or random, made before the transaction.
#[derive(Clone, Debug)]
pub struct Keys {
    /// The hash of a password that nobody knows.
    pub password: String,
    /// A code for each account.
    pub codes: Vec<String>,
}

impl Keys {
    /// Keys for the accounts of a draft.
    ///
    /// # Errors
    /// Of the system's random numbers.
    pub fn of(draft: &Draft) -> std::result::Result<Self, mach_ui::http::Problem> {
        let wanted = (0..draft.sheets[STAFF].len()).filter(|row| !draft.get(STAFF, *row, "account").is_empty()).count();
        let unknown = secret::new_token("").map_err(mach_ui::http::Problem::internal)?;
        let password = secret::hash_password(&unknown).map_err(mach_ui::http::Problem::internal)?;
        let codes = (0..wanted.min(limits::ACCOUNTS)).map(|_| proof::new_code());
        Ok(Self { password, codes: codes.collect::<std::result::Result<_, _>>()? })
    }
}

fn put(kind: ResourceType, id: &str, body: &Value, number: i64) -> Put {
    let mut index = Vec::new();
    if let Some(name) = body["name"].as_str() {
        index.push(IndexValue::Text { param: Param::NAME, text: name.to_owned() });
    }
    for identifier in body["identifier"].as_array().into_iter().flatten() {
        let (Some(system), Some(code)) = (identifier["system"].as_str(), identifier["value"].as_str()) else {
            continue;
        };
        index.push(IndexValue::Token { param: Param::IDENTIFIER, system: system.to_owned(), code: code.to_owned() });
    }
    let facility = Some(keeper(kind, number)).filter(|f| *f != 0);
    Put { kind, id: id.to_owned(), body: body.to_string(), patient: None, date: None, facility, index }
}

/// Writes what changed, and who changed it.
fn write(
    tx: &mut Tx<'_>,
    code: &str,
    changed: &[(ResourceType, String, Option<Value>)],
    what: &str,
    by: &By,
) -> Result<()> {
    let number = schema::facility_id(tx, code)?;
    let puts: Vec<Put> =
        changed.iter().filter_map(|(kind, id, body)| Some(put(*kind, id, body.as_ref()?, number))).collect();
    tx.put(&puts)?;
    for (kind, id, _) in changed.iter().filter(|(_, _, body)| body.is_none()) {
        tx.delete(*kind, id)?;
    }
    let scope = tx.scope();
    let mut targets = Vec::new();
    for (kind, id, _) in changed {
        let version = resources::current(tx, scope, *kind, id)?.map_or(0, |r| r.version);
        targets.push(json!({ "reference": format!("{}/{id}/_history/{version}", kind.name()) }));
    }
    let who = json!({ "reference": format!("Practitioner/account-{}", by.account), "display": by.name });
    let provenance = json!({
        "resourceType": "Provenance",
        "id": change_id(code),
        "target": targets,
        "recorded": instant_text(now_seconds() * 1000),
        "activity": { "text": what },
        "agent": [{ "who": who }],
    });
    tx.put(&[Put {
        kind: ResourceType::PROVENANCE,
        id: change_id(code),
        body: provenance.to_string(),
        patient: None,
        date: None,
        facility: Some(number),
        index: Vec::new(),
    }])?;
    tx.audit(None, &format!("facility {code} {what}"), "granted")
}

/// The id of the Provenance of a facility's last change.
fn change_id(code: &str) -> String {
    format!("f{code}-change")
}

/// What of `parts` differs from the draft, as it is to be stored.
fn difference(parts: &[Part], draft: &Draft) -> Vec<(ResourceType, String, Option<Value>)> {
    let wanted = bodies::bodies(draft);
    let mut out = Vec::new();
    for ((_, id), (kind, body)) in &wanted {
        let old = parts.iter().find(|p| p.kind == *kind && p.id == *id).map(|p| &p.body);
        let new = laid_over(old, body);
        if old != Some(&new) {
            out.push((*kind, id.clone(), Some(new)));
        }
    }
    let today = Day::today().to_string();
    for part in parts.iter().filter(|p| in_use(&p.body) && !wanted.contains_key(&(p.kind.number(), p.id.clone()))) {
        out.push((part.kind, part.id.clone(), Some(bodies::ended(part.kind, &part.body, &today))));
    }
    out
}

/// Makes a facility of a draft: all of it or, where something is wrong, nothing.
///
/// # Errors
/// Of the store.
pub fn install(
    tx: &mut Tx<'_>,
    draft: &Draft,
    keys: &Keys,
    by: &By,
) -> Result<std::result::Result<Vec<Opened>, Vec<Flaw>>> {
    let mut flaws = check(by.lang, draft);
    let (scope, code) = (tx.scope(), draft.facility("code").to_owned());
    let known = read::facility(tx, scope, &code)?;
    if known.as_ref().is_some_and(|f| !f.draft.facility("kind").is_empty()) {
        flaws.push(Flaw { sheet: FACILITY, row: 0, col: "code", text: by.lang.t(msg::ORG_WRONG_TAKEN).to_owned() });
    }
    for row in 0..draft.sheets[STAFF].len() {
        let name = draft.get(STAFF, row, "account");
        if !name.is_empty() && accounts::by_name(tx, name)?.is_some() {
            flaws.push(Flaw { sheet: STAFF, row, col: "account", text: by.lang.t(msg::ACCOUNT_NAME_TAKEN).to_owned() });
        }
    }
    if !flaws.is_empty() {
        flaws.sort_by_key(|f| (f.sheet, f.row));
        return Ok(Err(flaws));
    }
    let parts = known.map(|f| f.parts).unwrap_or_default();
    let changed = difference(&parts, draft);
    write(tx, &code, &changed, "made", by)?;
    for url in Kinds::shared().kind(draft.facility("kind")).into_iter().flat_map(|k| &k.forms) {
        for form in library::shipped().iter().filter(|f| f.url == *url) {
            library::ensure(tx, form)?;
        }
    }
    let number = schema::facility_id(tx, &code)?;
    let mut opened = Vec::new();
    for row in 0..draft.sheets[STAFF].len() {
        let get = |key| draft.get(STAFF, row, key);
        let (name, role) = (get("account"), Role::parse(get("role")));
        let (false, Some(role)) = (name.is_empty(), role) else { continue };
        let key = keys.codes.get(opened.len()).ok_or(Error::Missing("a code for an account"))?;
        let id = tx.set_account(&NewAccount {
            name: name.to_owned(),
            display: get("name").to_owned(),
            role,
            facility: Some(number),
            password: keys.password.clone(),
        })?;
        tx.invite(id, by.account, &secret::token_hash(&proof::plain_code(key)))?;
        let practitioner = bodies::practitioner_id(&code, get("licence"), get("name"));
        tx.set_care(id, Some(&practitioner), None)?;
        tx.audit(None, &format!("account {id} made {}", role.code()), "granted")?;
        opened.push(Opened { display: get("name").to_owned(), name: name.to_owned(), code: key.clone() });
    }
    Ok(Ok(opened))
}

/// Why a change was not made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum No {
    /// There is no such facility.
    Unknown,
    /// What was typed is wrong.
    Flaws(Vec<Flaw>),
    /// Somebody changed it meanwhile.
    Changed,
}

/// A mark of a facility as it is: what was read is what is changed.
pub fn mark(facility: &Facility) -> String {
    let all: Vec<String> =
        facility.parts.iter().map(|p| format!("{}/{}/{}", p.kind.number(), p.id, p.version)).collect();
    secret::token_hash(&all.join(" ")).iter().take(8).map(|b| format!("{b:02x}")).collect()
}

/// Puts the rows of one sheet in the place of those that are stored; parts that are no longer there end.
///
/// # Errors
/// Of the store.
pub fn change(
    tx: &mut Tx<'_>,
    code: &str,
    sheet: usize,
    rows: Draft,
    seen: &str,
    by: &By,
) -> Result<std::result::Result<(), No>> {
    let scope = tx.scope();
    let Some(facility) = read::facility(tx, scope, code)? else { return Ok(Err(No::Unknown)) };
    if mark(&facility) != seen {
        return Ok(Err(No::Changed));
    }
    let mut draft = facility.draft.clone();
    draft.sheets[sheet] = rows.sheets[sheet].clone();
    // The code is what everything of the facility hangs on: it is ended and followed, never overwritten.
    if draft.facility("code") != code {
        let text = by.lang.t(msg::ORG_WRONG_CODE_FIXED).to_owned();
        return Ok(Err(No::Flaws(vec![Flaw { sheet: FACILITY, row: 0, col: "code", text }])));
    }
    let flaws = check(by.lang, &draft);
    if !flaws.is_empty() {
        return Ok(Err(No::Flaws(flaws)));
    }
    let changed = difference(&facility.parts, &draft);
    if !changed.is_empty() {
        write(tx, code, &changed, &format!("changed: {}", SHEETS[sheet].key), by)?;
    }
    Ok(Ok(()))
}

fn root(facility: &Facility) -> Option<&Value> {
    let mut all = facility.parts.iter().filter(|p| p.kind == ResourceType::ORGANIZATION);
    all.find(|p| p.id == root_id(&facility.code)).map(|p| &p.body)
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
    for held in all.iter_mut().filter(|i| i["system"] == system && i["period"]["end"].is_null()) {
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
    targets: Vec<(ResourceType, String, i64)>,
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
    Ok(Some(Last {
        what: body["activity"]["text"].as_str().unwrap_or_default().to_owned(),
        who: body["agent"][0]["who"]["display"].as_str().unwrap_or_default().to_owned(),
        at: found.at,
        targets: body["target"].as_array().into_iter().flatten().filter_map(target).collect(),
    }))
}

/// Takes the last change back: each part it wrote is again what it was before. Undone, it can be done again the same way.
///
/// # Errors
/// Of the store.
pub fn undo(tx: &mut Tx<'_>, code: &str, by: &By) -> Result<std::result::Result<(), No>> {
    let Some(last) = last(tx, code)? else { return Ok(Err(No::Unknown)) };
    let scope = tx.scope();
    let mut back = Vec::new();
    for (kind, id, version) in last.targets {
        let now = resources::current(tx, scope, kind, &id)?.map_or(0, |r| r.version);
        if now != version {
            return Ok(Err(No::Changed));
        }
        let before = match version {
            0 | 1 => None,
            _ => resources::version(tx, scope, kind, &id, version - 1)?.filter(|r| !r.deleted),
        };
        let body = before.map(|r| serde_json::from_str(&r.body)).transpose();
        back.push((kind, id, body.map_err(|e| Error::Files(e.to_string()))?));
    }
    write(tx, code, &back, "undone", by)?;
    Ok(Ok(()))
}
