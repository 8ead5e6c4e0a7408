//! `$validate`.
//!
//! Packages lie in a folder of the data folder. They are read when the first validation asks for them: a server that never
//! validates keeps no profiles in memory. What is put there later counts from the next start.

use crate::found;
use crate::refusal::Refusal;
use crate::serve::{Asked, blocking};
use axum::http::StatusCode;
use axum::response::Response;
use mach_access::Act;
use mach_fhir::package::Package;
use mach_fhir::tree::Value;
use mach_fhir::validate::{self, Issue, Knowledge, Severity};
use mach_fhir::{ResourceType, Tree};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

static FOLDER: OnceLock<PathBuf> = OnceLock::new();

/// Tells where packages (`*.tgz`) lie; before the first validation, once.
pub fn packages_in(folder: PathBuf) {
    // A second folder is not for a running server.
    let _ = FOLDER.set(folder);
}

/// The packages of a folder in the order of their names, and what could not be read, with the reason. A folder that is not
/// there has none.
pub fn read_packages(folder: &Path) -> (Vec<Package>, Vec<String>) {
    let (mut packages, mut unread) = (Vec::new(), Vec::new());
    let files = std::fs::read_dir(folder).into_iter().flatten().filter_map(|f| f.ok().map(|f| f.path()));
    let mut files: Vec<_> = files.filter(|f| f.extension().is_some_and(|e| e == "tgz")).collect();
    files.sort();
    for file in files {
        let read = std::fs::read(&file).map_err(|e| e.to_string());
        match read.and_then(|bytes| Package::read(&bytes).map_err(|e| e.to_string())) {
            Ok(package) => {
                unread.extend(package.unread.iter().map(|problem| format!("{}: {problem}", file.display())));
                packages.push(package);
            }
            Err(problem) => unread.push(format!("{}: {problem}", file.display())),
        }
    }
    (packages, unread)
}

fn knowledge() -> &'static Knowledge {
    static KNOWN: OnceLock<Knowledge> = OnceLock::new();
    KNOWN.get_or_init(|| {
        let (packages, unread) = FOLDER.get().map(|folder| read_packages(folder)).unwrap_or_default();
        unread.iter().for_each(|problem| tracing::warn!("package {problem}"));
        Knowledge::new(&packages)
    })
}

/// What the request is about, from its body and its query.
struct Asking {
    text: Option<String>,
    mode: Option<String>,
    profiles: Vec<String>,
}

fn read(asked: &Asked, kind: ResourceType) -> Result<Asking, Refusal> {
    let mut asking = Asking { text: None, mode: None, profiles: Vec::new() };
    for pair in asked.pairs()? {
        match pair.name.as_str() {
            "mode" => asking.mode = Some(pair.value),
            "profile" => asking.profiles.push(pair.value),
            _ => {}
        }
    }
    if asked.body.is_empty() {
        return Ok(asking);
    }
    let text = asked.json()?;
    let sent = Tree::parse(text).map_err(|e| Refusal::invalid(format!("the body is no JSON: {e}")))?;
    let root = sent.root();
    let parts = || root.get("parameter").into_iter().flat_map(Value::items);
    let named = |part: &Value<'_>, name: &str| part.get_text("name").as_deref() == Some(name);
    let is_asking = ["resource", "mode", "profile"].iter().any(|name| parts().any(|p| named(&p, name)));
    let is_parameters = root.get_text("resourceType").as_deref() == Some("Parameters");
    if !is_parameters || (kind == ResourceType::PARAMETERS && !is_asking) {
        asking.text = Some(text.to_owned());
        return Ok(asking);
    }
    for part in parts() {
        let value = || part.members().find(|(n, _)| n.starts_with("value")).and_then(|(_, v)| v.text());
        match part.get_text("name").as_deref() {
            Some("resource") => asking.text = part.get("resource").map(|r| r.raw().to_owned()),
            Some("mode") => asking.mode = value().map(|v| v.into_owned()),
            Some("profile") => asking.profiles.extend(value().map(|v| v.into_owned())),
            _ => {}
        }
    }
    Ok(asking)
}

/// `POST Type/$validate`, `POST Type/id/$validate`: a verdict is a 200 with an OperationOutcome, whatever it is. A stored
/// resource is looked at where none is sent and the address names it.
///
/// # Errors
/// 400 where the body cannot be read, the mode does not exist, or there is nothing to validate; 404 for an instance.
pub async fn run(asked: Asked, kind: ResourceType, id: Option<String>) -> Result<Response, Refusal> {
    let decision = asked.caller.decide(&asked.house, Act::ReadFhir).await?;
    blocking(move || {
        let asking = read(&asked, kind)?;
        let mode = asking.mode.as_deref().unwrap_or_default();
        if !matches!(mode, "" | "create" | "update" | "delete" | "profile") {
            let text = format!("`{mode}` is no mode: `create`, `update`, `delete` or `profile`");
            return Err(Refusal::invalid(text).at("mode"));
        }
        let stored = match (&id, &asking.text) {
            (Some(id), text) if text.is_none() || mode == "delete" => {
                let mut reader = asked.store.read(&decision)?;
                let found = found::must_exist(&mut reader, kind, id)?;
                asked.state.look(&decision, found.patient, format!("{}/{id}/$validate", kind.name()), "granted")?;
                Some(found.body)
            }
            _ => None,
        };
        if mode == "delete" {
            if id.is_none() {
                return Err(Refusal::invalid("`delete` is asked of one resource: `Type/id/$validate`"));
            }
            let text = "nothing speaks against deleting it: who refers to it is not asked";
            return asked.caller.answer(StatusCode::OK, validate::outcome(&[note(Severity::Information, text)]), false);
        }
        let Some(text) = asking.text.or(stored) else {
            let text = "there is nothing to validate: send a resource, or Parameters with a `resource`";
            return Err(Refusal::invalid(text));
        };
        let issues = verdict(&text, kind, mode, id.as_deref(), &asking.profiles)?;
        asked.caller.answer(StatusCode::OK, validate::outcome(&issues), false)
    })
    .await
}

fn note(severity: Severity, text: impl Into<String>) -> Issue {
    let code = if severity == Severity::Information { "informational" } else { "invalid" };
    Issue { severity, code, text: text.into(), path: String::new() }
}

fn verdict(
    text: &str,
    kind: ResourceType,
    mode: &str,
    id: Option<&str>,
    profiles: &[String],
) -> Result<Vec<Issue>, Refusal> {
    let tree = Tree::parse(text).map_err(|e| Refusal::invalid(format!("the resource is no JSON: {e}")))?;
    let known = knowledge().validator();
    let mut issues = match known.validate(&tree, profiles) {
        Ok(issues) => issues,
        Err(problem) => {
            let mut issues = known.validate(&tree, &[]).map_err(Refusal::internal)?;
            issues.push(Issue { code: "not-found", ..note(Severity::Error, problem.to_string()) });
            issues
        }
    };
    let root = tree.root();
    let named = root.get_text("resourceType");
    if let Some(named) = named.filter(|n| *n != kind.name()) {
        issues.push(note(Severity::Error, format!("the resource is a `{named}`, the address says `{}`", kind.name())));
    }
    let own = root.get_text("id");
    match (mode, id, own.as_deref()) {
        ("update", _, None) => issues.push(note(Severity::Error, "an update needs the resource's `id`")),
        ("update", Some(id), Some(own)) if id != own => {
            let text = format!("the resource says id `{own}`, the address `{id}`");
            issues.push(note(Severity::Error, text));
        }
        ("create", _, Some(_)) => issues.push(note(Severity::Information, "a create gives the resource a new `id`")),
        _ => {}
    }
    Ok(issues)
}
