//! Where forms are found: a facility's own, then the province's and the shipped ones.
//!
//! Each version of a form is a Questionnaire of its own, whose id follows from URL and version: a version, once stored, never
//! changes but for its status. Before the first response of a shipped version is written, that version is stored too, so
//! that the response can be read when the program ships another one.

use crate::compile::Flaw;
use crate::form::Form;
use crate::limits;
use mach_access::Scope;
use mach_base::Day;
use mach_fhir::ResourceType;
use mach_fhir::json::quote;
use mach_fhir::{IndexValue, Tree, index::Param};
use mach_store::resources::{self, Put};
use mach_store::sql::Query;
use mach_store::{Error, Result, Tx};
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

/// The forms of `content/forms`.
const SHIPPED: &[(&str, &str)] = &[
    ("forms/driver-2015.json", include_str!("../../../../content/forms/driver-2015.json")),
    ("forms/driver-2024.json", include_str!("../../../../content/forms/driver-2024.json")),
];

/// Who keeps a form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// Comes with the program.
    Shipped,
    /// Added by an administrator of the province.
    Province,
    /// A facility's own.
    Facility,
}

/// A form and who keeps it.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The form.
    pub form: Arc<Form>,
    /// Who keeps it.
    pub origin: Origin,
}

/// Compiles the forms of this program now where any stands in the place of a shipped one, so that a broken one is told at the
/// start. The shipped ones are known to be whole and wait until one is asked for: what they mean needs the terminology of R4.
///
/// # Panics
/// Where one of them cannot be used.
pub fn load() {
    let is_replaced =
        |(name, text): &(&str, &'static str)| matches!(mach_base::content::text(name, text), Cow::Owned(_));
    if SHIPPED.iter().any(is_replaced) {
        shipped();
    }
}

/// The forms that come with the program, or stand in their place under the data folder's `content/forms`.
///
/// # Panics
/// Where one of them cannot be used: starting with half the forms is worse.
pub fn shipped() -> &'static [Arc<Form>] {
    static ALL: LazyLock<Vec<Arc<Form>>> = LazyLock::new(|| {
        let compile = |(name, text): &(&str, &'static str)| {
            let body = mach_base::content::text(name, text);
            match Form::compile(&body) {
                Ok(form) => Arc::new(form),
                Err(flaws) => panic!("content file `{name}`: {}", told(&flaws)),
            }
        };
        SHIPPED.iter().map(compile).collect()
    });
    &ALL
}

/// Flaws in one line.
pub fn told(flaws: &[Flaw]) -> String {
    flaws.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

fn hex(bytes: &[u8], most: usize) -> String {
    Sha256::digest(bytes).iter().take(most).map(|b| format!("{b:02x}")).collect()
}

/// The id of the Questionnaire that keeps a version: `form-` and a digest of `url|version`.
pub fn id_of(canonical: &str) -> String {
    format!("form-{}", hex(canonical.as_bytes(), 16))
}

/// The form of a stored body, compiled once.
fn compiled(body: &str) -> Result<Arc<Form>> {
    static KNOWN: LazyLock<Mutex<HashMap<String, Arc<Form>>>> = LazyLock::new(Mutex::default);
    let key = hex(body.as_bytes(), 32);
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(form) = known.get(&key) {
        return Ok(Arc::clone(form));
    }
    let form = Form::compile(body).map_err(|flaws| Error::Refused(format!("a stored form: {}", told(&flaws))))?;
    let form = Arc::new(form);
    if known.len() >= limits::VERSIONS {
        known.clear();
    }
    known.insert(key, Arc::clone(&form));
    Ok(form)
}

/// Every form that `scope` may fill in or look at: all versions, by URL, the newest first.
///
/// # Errors
/// Of the store.
pub fn all(on: &mut dyn Query, scope: Scope) -> Result<Vec<Entry>> {
    let mut entries: Vec<Entry> = Vec::new();
    let keepers = scope.facility().into_iter().chain([0]);
    for facility in keepers {
        let rids = resources::definitions(on, facility, &[ResourceType::QUESTIONNAIRE])?;
        for resource in resources::of_rids(on, &rids)? {
            // Questionnaires that other systems keep here need not be forms of ours.
            let Ok(form) = compiled(&resource.body) else { continue };
            let origin = if facility == 0 { Origin::Province } else { Origin::Facility };
            entries.push(Entry { form, origin });
        }
    }
    for form in shipped() {
        match entries.iter_mut().find(|e| e.origin == Origin::Province && e.form.canonical() == form.canonical()) {
            Some(kept) if with_status(&kept.form.body, "x") == with_status(&form.body, "x") => {
                kept.origin = Origin::Shipped
            }
            Some(_) => {}
            None => entries.push(Entry { form: Arc::clone(form), origin: Origin::Shipped }),
        }
    }
    entries.sort_by(|a, b| {
        let key =
            |e: &Entry| (e.form.url.clone(), std::cmp::Reverse((e.origin == Origin::Facility, parts(&e.form.version))));
        key(a).cmp(&key(b))
    });
    Ok(entries)
}

/// A version's parts: numbers by value.
fn parts(version: &str) -> Vec<(u64, String)> {
    version.split(['.', '-']).map(|p| (p.parse().unwrap_or(0), p.to_owned())).collect()
}

/// The form at `url` to be filled in on `day`: the facility's own before the province's, the highest version that is active
/// and holds on that day.
///
/// # Errors
/// Of the store.
pub fn current(on: &mut dyn Query, scope: Scope, url: &str, day: Day) -> Result<Option<Arc<Form>>> {
    let found = all(on, scope)?.into_iter();
    Ok(found.map(|e| e.form).find(|f| f.url == url && f.status == "active" && f.holds_on(day)))
}

/// The form of exactly this version (`url|version`), whatever its status: by which a response is read.
///
/// # Errors
/// Of the store.
pub fn version(on: &mut dyn Query, scope: Scope, canonical: &str) -> Result<Option<Arc<Form>>> {
    let stored = resources::current(on, scope, ResourceType::QUESTIONNAIRE, &id_of(canonical))?.filter(|r| !r.deleted);
    if let Some(resource) = stored {
        return compiled(&resource.body).map(Some);
    }
    Ok(shipped().iter().find(|f| f.canonical() == canonical).cloned())
}

/// What became of a form that was to be added.
#[derive(Clone, Debug)]
pub enum Added {
    /// It is kept.
    New(Arc<Form>),
    /// This very version was there already.
    Known(Arc<Form>),
    /// This version is there with other content: a version never changes; the new one needs its own number.
    Taken,
    /// There are `limits::VERSIONS` already.
    Full,
}

/// Keeps a form that compiles, for the facility of the decision or for the province.
///
/// # Errors
/// Of the store.
pub fn add(tx: &mut Tx<'_>, form: Form) -> Result<Added> {
    let (scope, canonical) = (tx.scope(), form.canonical());
    let facility = scope.facility().unwrap_or(0);
    if let Some(known) = version(tx, scope, &canonical)? {
        let same = with_status(&known.body, "x") == with_status(&form.body, "x");
        return Ok(if same { Added::Known(known) } else { Added::Taken });
    }
    if resources::definitions(tx, facility, &[ResourceType::QUESTIONNAIRE])?.len() >= limits::VERSIONS {
        return Ok(Added::Full);
    }
    write(tx, &form, scope.facility())?;
    tx.audit(None, &format!("form {canonical} added"), "granted")?;
    Ok(Added::New(compiled(&stored_body(&form))?))
}

/// Stores the version of a shipped form, so that responses to it stay readable for ever.
///
/// # Errors
/// Of the store.
pub fn ensure(tx: &mut Tx<'_>, form: &Form) -> Result<()> {
    let id = id_of(&form.canonical());
    let scope = tx.scope();
    if resources::current(tx, scope, ResourceType::QUESTIONNAIRE, &id)?.is_none_or(|r| r.deleted) {
        write(tx, form, None)?;
    }
    Ok(())
}

/// Sets the status of a kept version; false where this decision's facility keeps no such version.
///
/// # Errors
/// Of the store.
pub fn set_status(tx: &mut Tx<'_>, canonical: &str, status: &str) -> Result<bool> {
    let (scope, id) = (tx.scope(), id_of(canonical));
    let stored = resources::current(tx, scope, ResourceType::QUESTIONNAIRE, &id)?.filter(|r| !r.deleted);
    let body = match stored {
        Some(resource) if resource.facility != scope.facility() => return Ok(false),
        Some(resource) => resource.body,
        None if scope.facility().is_some() => return Ok(false),
        None => match shipped().iter().find(|f| f.canonical() == canonical) {
            Some(form) => form.body.clone(),
            None => return Ok(false),
        },
    };
    let Ok(form) = Form::compile(&with_status(&body, status)) else { return Ok(false) };
    write(tx, &form, scope.facility())?;
    tx.audit(None, &format!("form {canonical} {status}"), "granted")?;
    Ok(true)
}

fn write(tx: &mut Tx<'_>, form: &Form, facility: Option<i64>) -> Result<()> {
    let token =
        |param, system: &str, code: &str| IndexValue::Token { param, system: system.to_owned(), code: code.to_owned() };
    tx.put(&[Put {
        kind: ResourceType::QUESTIONNAIRE,
        id: id_of(&form.canonical()),
        body: stored_body(form),
        patient: None,
        date: None,
        facility,
        index: vec![token(Param::STATUS, "http://hl7.org/fhir/publication-status", &form.status)],
    }])?;
    Ok(())
}

/// The body under the id it is kept by.
fn stored_body(form: &Form) -> String {
    with_member(&form.body, "id", &id_of(&form.canonical()))
}

fn with_status(body: &str, status: &str) -> String {
    with_member(&with_member(body, "status", status), "id", "x")
}

/// A JSON object with one text member set.
fn with_member(body: &str, name: &str, value: &str) -> String {
    let Ok(tree) = Tree::parse(body) else { return body.to_owned() };
    let mut quoted = String::new();
    quote(&mut quoted, value);
    if let Some(old) = tree.root().get(name) {
        let range = old.range();
        return format!("{}{quoted}{}", &body[..range.start], &body[range.end..]);
    }
    let at = tree.root().get("resourceType").map_or(1, |v| v.range().end);
    format!("{},\"{name}\":{quoted}{}", &body[..at], &body[at..])
}
