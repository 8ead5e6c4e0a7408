//! Facilities that are being set up: each is a Task with what was typed so far, so that nothing typed is lost.

use crate::limits;
use crate::sheet::{Draft, FACILITY, SHEETS};
use mach_base::time::{instant_text, now_seconds};
use mach_fhir::ResourceType;
use mach_store::resources::{self, Put};
use mach_store::sql::Query;
use mach_store::{Error, Result, Tx};
use serde_json::{Value, json};

const PREFIX: &str = "setup-";

/// Rows as one text.
fn written(rows: &[Vec<String>]) -> Result<String> {
    let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
    for row in rows {
        writer.write_record(row).map_err(|e| Error::Files(e.to_string()))?;
    }
    let bytes = writer.into_inner().map_err(|e| Error::Files(e.to_string()))?;
    String::from_utf8(bytes).map_err(|e| Error::Files(e.to_string()))
}

fn read_rows(text: &str, columns: usize) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
    let row = |r: csv::StringRecord| (0..columns).map(|n| r.get(n).unwrap_or_default().to_owned()).collect();
    reader.records().filter_map(std::result::Result::ok).map(row).collect()
}

/// A new name of a draft.
///
/// # Errors
/// Without random numbers.
pub fn new_id() -> Result<String> {
    let token = mach_access::secret::new_token("").map_err(|e| Error::Files(e.to_string()))?;
    let hash = mach_access::secret::token_hash(&token);
    Ok(format!("{PREFIX}{}", hash.iter().take(5).map(|b| format!("{b:02x}")).collect::<String>()))
}

/// Whether a text may be the name of a draft.
pub fn is_id(id: &str) -> bool {
    id.strip_prefix(PREFIX).is_some_and(|rest| rest.len() == 10 && rest.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// Keeps a draft; false where there are too many.
///
/// # Errors
/// Of the store.
pub fn keep(tx: &mut Tx<'_>, id: &str, draft: &Draft, by: &str) -> Result<bool> {
    let known = resources::with_prefix(tx, 0, ResourceType::TASK, PREFIX)?;
    if known.len() >= limits::DRAFTS && !known.iter().any(|k| k == id) {
        return Ok(false);
    }
    let mut inputs = Vec::new();
    for (n, sheet) in SHEETS.iter().enumerate().filter(|(n, _)| !draft.sheets[*n].is_empty()) {
        inputs.push(json!({ "type": { "text": sheet.key }, "valueString": written(&draft.sheets[n])? }));
    }
    let mut body = json!({
        "resourceType": "Task",
        "id": id,
        "status": "draft",
        "intent": "proposal",
        "code": { "text": "facility-setup" },
        "description": draft.facility("name"),
        "lastModified": instant_text(now_seconds() * 1000),
        "owner": { "display": by },
        "input": inputs,
    });
    if let Some(members) = body.as_object_mut() {
        members.retain(|_, v| v != &json!([]) && v != &json!(""));
    }
    tx.put(&[Put {
        kind: ResourceType::TASK,
        id: id.to_owned(),
        body: body.to_string(),
        patient: None,
        date: None,
        facility: None,
        index: Vec::new(),
    }])?;
    tx.audit(None, &format!("facility draft {id}"), "granted")?;
    Ok(true)
}

/// The draft of this name.
///
/// # Errors
/// Of the store.
pub fn load(on: &mut dyn Query, id: &str) -> Result<Option<Draft>> {
    let scope = on.scope();
    let found = resources::current(on, scope, ResourceType::TASK, id)?.filter(|r| !r.deleted);
    let Some(found) = found.filter(|_| is_id(id)) else { return Ok(None) };
    let body: Value = serde_json::from_str(&found.body).unwrap_or_default();
    let mut draft = Draft::default();
    for (n, sheet) in SHEETS.iter().enumerate() {
        let inputs = body["input"].as_array().into_iter().flatten();
        let mut texts = inputs.filter(|i| i["type"]["text"] == sheet.key).filter_map(|i| i["valueString"].as_str());
        draft.sheets[n] = texts.next().map(|t| read_rows(t, sheet.cols.len())).unwrap_or_default();
    }
    draft.sheets[FACILITY].truncate(1);
    Ok(Some(draft))
}

/// Every draft: its name, that of its facility, when it was last typed into.
///
/// # Errors
/// Of the store.
pub fn all(on: &mut dyn Query) -> Result<Vec<(String, String, i64)>> {
    let scope = on.scope();
    let mut out = Vec::new();
    for found in resources::of_prefix(on, (scope, 0), ResourceType::TASK, PREFIX)? {
        let body: Value = serde_json::from_str(&found.body).unwrap_or_default();
        out.push((found.id, body["description"].as_str().unwrap_or_default().to_owned(), found.at));
    }
    out.sort_by_key(|(_, _, at)| std::cmp::Reverse(*at));
    Ok(out)
}
