//! What is done to facilities, each in one transaction: resources, accounts, provenance and audit together or not at all.

use crate::bodies::{self, PERIOD, in_use, root_id};
use crate::check::{Flaw, check};
use crate::kinds::Kinds;
use crate::limits;
use crate::over::{holds_now, laid_over};
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
    /// The code of the facility that they look after; none: the province.
    pub facility: Option<String>,
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
        let password = proof::nobodys_password()?;
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
pub(crate) fn write(
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
    let mut agent = json!({
        "who": { "reference": format!("Practitioner/account-{}", by.account), "display": by.name },
    });
    if let Some(own) = &by.facility {
        agent["onBehalfOf"] = json!({ "reference": format!("Organization/{}", root_id(own)) });
    }
    let provenance = json!({
        "resourceType": "Provenance",
        "id": change_id(code),
        "target": targets,
        "recorded": instant_text(now_seconds() * 1000),
        "activity": { "text": what },
        "agent": [agent],
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
pub(crate) fn change_id(code: &str) -> String {
    format!("f{code}-change")
}

/// What of `parts` differs from the draft, as it is to be stored. Its people have their ids.
fn difference(parts: &[Part], draft: &Draft) -> Vec<(ResourceType, String, Option<Value>)> {
    let wanted = bodies::bodies(draft);
    let mut out = Vec::new();
    for ((_, id), (kind, body)) in &wanted {
        let old = parts.iter().find(|p| p.kind == *kind && p.id == *id).map(|p| &p.body);
        let mut new = laid_over(*kind, old, body);
        let ended = read::extension(&new, PERIOD).is_some_and(|e| !holds_now(&e["valuePeriod"]) && old.is_some());
        if ended && new["active"] == true {
            // What has ended is not at work again because its name was corrected.
            new["active"] = old.map_or(json!(true), |o| o["active"].clone());
        }
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
    let elsewhere = read::kept_under(tx, &code)?.is_some();
    if elsewhere || known.as_ref().is_some_and(|f| !f.draft.facility("kind").is_empty()) {
        flaws.push(Flaw { sheet: FACILITY, row: 0, col: "code", text: by.lang.t(msg::ORG_WRONG_TAKEN).to_owned() });
    }
    for row in 0..draft.sheets[STAFF].len() {
        let name = draft.get(STAFF, row, "account");
        let taken = if name.is_empty() { None } else { accounts::by_name(tx, name)? };
        let number = schema::facility_of_code(tx, &code)?;
        // What is left of this facility's making, which was taken back, may be made again.
        let is_left = |a: &accounts::Account| a.closed && number.is_some() && a.actor.facility == number;
        if taken.is_some_and(|a| !is_left(&a)) {
            flaws.push(Flaw { sheet: STAFF, row, col: "account", text: by.lang.t(msg::ACCOUNT_NAME_TAKEN).to_owned() });
        }
    }
    if !flaws.is_empty() {
        flaws.sort_by_key(|f| (f.sheet, f.row));
        return Ok(Err(flaws));
    }
    let parts = known.map(|f| f.parts).unwrap_or_default();
    let mut draft = draft.clone();
    bodies::identify(&mut draft, &parts);
    let changed = difference(&parts, &draft);
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
        let new = NewAccount {
            name: name.to_owned(),
            display: get("name").to_owned(),
            role,
            facility: Some(number),
            password: keys.password.clone(),
        };
        tx.make_account(&new, by.account, &secret::token_hash(&proof::plain_code(key)), Some(get("id")))?;
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
    /// It is the province's to take back.
    Above,
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
    bodies::identify(&mut draft, &facility.parts);
    let changed = difference(&facility.parts, &draft);
    if !changed.is_empty() {
        write(tx, code, &changed, &format!("changed: {}", SHEETS[sheet].key), by)?;
    }
    Ok(Ok(()))
}
