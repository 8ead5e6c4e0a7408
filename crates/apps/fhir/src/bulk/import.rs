//! `$import`: a body of NDJSON, or a manifest of files that lie here. Nothing is fetched from anywhere else.
//!
//! The manifest is that of the SMART bulk import proposal, as JSON or as Parameters: `inputSource`, `input` of `type` and
//! `url`, `storageDetail`. A `url` is `file:NAME`, a file below `imports/` of the data folder (below `imports/CODE/` for a
//! facility's asker), or a file of an export of the asker's own.

use super::worker::Shared;
use super::{accepted, bulk_of, may_ask};
use crate::caller::Caller;
use crate::load::{self, Event, Options};
use crate::query::{self, Pair, join};
use crate::refusal::Refusal;
use crate::serve::{Asked, blocking, short};
use crate::state::{State, own_decision};
use crate::stream;
use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::State as With;
use axum::http::{Method, StatusCode, Uri};
use axum::response::Response;
use mach_access::{Act, Decision, decide, secret};
use mach_base::limits;
use mach_fhir::Tree;
use mach_fhir::tree::Value;
use mach_house::House;
use mach_store::bulk::{self, File, Job};
use mach_store::{schema, search};
use std::io::Write;
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, Instant};

/// Name of the file of what was refused.
const ERRORS: &str = "errors.ndjson";
/// Name of a body that was sent along, in the job's folder.
const SENT: &str = "sent.ndjson";

/// How often an import tells how far it is, and hears whether it was cancelled.
const TELL: Duration = Duration::from_millis(300);

/// `POST /fhir/$import`. The body is not held in memory: it may be larger than any other.
///
/// # Errors
/// 400, 403, 413, 415, 422, 429.
pub async fn kick_off(
    With(house): With<House>,
    Extension(state): Extension<State>,
    uri: Uri,
    caller: Caller,
    body: Body,
) -> Result<Response, Refusal> {
    crate::app::not_for_apps(&caller.session, "`$import`")?;
    let decision = caller.decide(&house, Act::WriteFhir).await?;
    let content =
        caller.header("content-type").unwrap_or_default().split(';').next().unwrap_or_default().trim().to_owned();
    let asked = Asked {
        caller,
        method: Method::POST,
        segments: vec!["$import".to_owned()],
        query: uri.query().unwrap_or_default().to_owned(),
        body: Bytes::new(),
        store: house.store().clone(),
        house,
        state,
    };
    let deciding = decision.clone();
    let asked = blocking(move || {
        bulk_of(&asked)?;
        may_ask(&asked, &deciding)?;
        Ok(asked)
    })
    .await?;
    let token = secret::new_token("").map_err(Refusal::internal)?;
    let inputs = match content.as_str() {
        "application/fhir+ndjson" | "application/ndjson" | "application/x-ndjson" => {
            let folder = bulk_of(&asked)?.folder_of(&token);
            let sent = keep(&folder, body).await;
            if let Err(refusal) = sent {
                bulk_of(&asked)?.remove(&token);
                return Err(refusal);
            }
            vec![Input { url: "body".to_owned(), kind: "Resource".to_owned(), path: folder.join(SENT) }]
        }
        "" | "application/json" | "application/fhir+json" => {
            let mut text = Vec::new();
            stream::each_piece(body, |piece| {
                text.extend(piece);
                if text.len() > limits::BODY_BYTES { Err(too_large(limits::BODY_BYTES as u64)) } else { Ok(()) }
            })
            .await?;
            let text = String::from_utf8(text).map_err(|_| Refusal::invalid("the manifest is not UTF-8"))?;
            manifest(&text)?
                .into_iter()
                .map(|(kind, url)| {
                    let path = found(&asked, &decision, &url)?;
                    Ok(Input { url, kind, path })
                })
                .collect::<Result<Vec<_>, Refusal>>()?
        }
        other => {
            let text = format!("`{other}`: send `application/fhir+ndjson`, or a manifest as `application/fhir+json`");
            return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not-supported", text));
        }
    };
    blocking(move || {
        let request = format!("{}/$import", asked.caller.base);
        let mut pairs = vec![Pair { name: "base".to_owned(), value: asked.caller.base.clone() }];
        for input in &inputs {
            pairs.push(Pair { name: "kind".to_owned(), value: input.kind.clone() });
            pairs.push(Pair { name: "url".to_owned(), value: input.url.clone() });
            pairs.push(Pair { name: "path".to_owned(), value: input.path.to_string_lossy().into_owned() });
        }
        let (name, kept) = (token.clone(), join(&pairs));
        asked.store.write(&decision, move |tx| {
            tx.audit(None, "import", "granted")?;
            let seq = search::snapshot(tx)?;
            tx.add_job(&name, "import", &request, &kept, seq)
        })?;
        bulk_of(&asked)?.ring();
        Ok(accepted(&asked.caller.base, &token))
    })
    .await
}

/// One file to import.
struct Input {
    url: String,
    kind: String,
    path: PathBuf,
}

fn too_large(most: u64) -> Refusal {
    Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "too-long", format!("at most {most} bytes in one request"))
}

/// Writes a body to the disk as it comes.
async fn keep(folder: &Path, body: Body) -> Result<(), Refusal> {
    std::fs::create_dir_all(folder).map_err(Refusal::internal)?;
    let path = folder.join(SENT);
    let file = std::fs::File::create(&path).map_err(Refusal::internal)?;
    let mut file = mach_seal::Writer::at(file, &mach_seal::name_of(&path), 0);
    let mut bytes = 0;
    stream::each_piece(body, |piece| {
        bytes += piece.len() as u64;
        if bytes > limits::IMPORT_BODY_BYTES {
            return Err(too_large(limits::IMPORT_BODY_BYTES));
        }
        file.write_all(piece).map_err(Refusal::internal)
    })
    .await?;
    let (file, _) = file.end().map_err(Refusal::internal)?;
    file.sync_all().map_err(Refusal::internal)
}

/// Type and address of every input of a manifest.
fn manifest(text: &str) -> Result<Vec<(String, String)>, Refusal> {
    let tree = Tree::parse(text).map_err(|e| Refusal::invalid(format!("the manifest is no JSON: {e}")))?;
    let root = tree.root();
    let mut out = Vec::new();
    let mut add = |kind: Option<String>, url: Option<String>| -> Result<(), Refusal> {
        let url = url.ok_or_else(|| Refusal::invalid("an input has no `url`").at("input"))?;
        out.push((kind.unwrap_or_else(|| "Resource".to_owned()), url));
        Ok(())
    };
    let format = |format: Option<String>| match format.as_deref() {
        None | Some("application/fhir+ndjson" | "application/ndjson") => Ok(()),
        Some(other) => Err(Refusal::unsupported(format!("`inputFormat` cannot be `{other}`")).at("inputFormat")),
    };
    let owned = |value: Value<'_>, name: &str| value.get_text(name).map(|t| t.into_owned());
    if root.get_text("resourceType").as_deref() == Some("Parameters") {
        let text = |p: Value<'_>| {
            p.members().find(|(n, _)| n.starts_with("value")).and_then(|(_, v)| v.text().map(|t| t.into_owned()))
        };
        for parameter in root.get("parameter").into_iter().flat_map(Value::items) {
            match parameter.get_text("name").as_deref() {
                Some("input") => {
                    let part = |wanted: &str| {
                        let mut parts = parameter.get("part").into_iter().flat_map(Value::items);
                        parts.find(|p| p.get_text("name").as_deref() == Some(wanted)).and_then(text)
                    };
                    add(part("type"), part("url"))?;
                }
                Some("inputFormat") => format(text(parameter))?,
                _ => {}
            }
        }
    } else {
        format(owned(root, "inputFormat"))?;
        for input in root.get("input").into_iter().flat_map(Value::items) {
            add(owned(input, "type"), owned(input, "url"))?;
        }
    }
    match out.len() {
        0 => Err(Refusal::invalid("the manifest names no `input`").at("input")),
        n if n > limits::PAGE_ROWS => {
            Err(Refusal::too_costly(format!("at most {} inputs", limits::PAGE_ROWS)).at("input"))
        }
        _ => Ok(out),
    }
}

/// The file that an address means; nothing but what lies here for the asker.
fn found(asked: &Asked, decision: &Decision, url: &str) -> Result<PathBuf, Refusal> {
    let refused = |text: &str| Refusal::invalid(format!("`{url}` {text}")).at("input.url");
    if let Some(name) = url.strip_prefix("file:") {
        let name = Path::new(name);
        let is_plain = |c: Component<'_>| match c {
            Component::Normal(part) => !part.to_string_lossy().starts_with('.'),
            _ => false,
        };
        if name.as_os_str().is_empty() || !name.components().all(is_plain) {
            return Err(refused("is no name of a file in the folder of imports"));
        }
        let mut root = bulk_of(asked)?.imports();
        if let Some(facility) = decision.scope().facility() {
            let code = schema::facility_code(&mut asked.store.read(decision)?, facility)?;
            root.push(code.ok_or_else(|| Refusal::internal("a facility without a code"))?);
        }
        // A link that leads out of the folder is not followed.
        let inside = root.canonicalize().ok().zip(root.join(name).canonicalize().ok());
        let inside = inside.filter(|(root, path)| path.starts_with(root) && path.is_file());
        return inside.map(|(_, path)| path).ok_or_else(|| refused("does not lie in the folder of imports"));
    }
    if let Some(rest) = url.strip_prefix(&format!("{}/bulk/", asked.caller.base)) {
        let mut reader = asked.store.read(decision)?;
        let own = rest.split_once('/').map(|(token, name)| (token.to_owned(), name.to_owned()));
        if let Some((token, name)) = own
            && let Some(job) = bulk::of_token(&mut reader, decision, &token)?
            && bulk::files(&mut reader, job.jid)?.iter().any(|f| f.name == name && f.list != "error")
            && job.kind == "export"
        {
            return Ok(bulk_of(asked)?.folder_of(&token).join(name));
        }
        return Err(refused("is no file of an export of yours"));
    }
    Err(refused(
        "is fetched from nowhere: send the lines as `application/fhir+ndjson`, or lay the file into `imports/` and write `file:NAME`",
    ))
}

/// Does an import; false where it was cancelled or the program is ending. After a restart it begins again: what was stored
/// is known, what was refused is refused again.
///
/// # Errors
/// Why it cannot be done.
pub fn work(shared: &Shared, job: &Job) -> Result<bool, Refusal> {
    let decision = decide(&job.actor, Act::WriteFhir)
        .map_err(|_| Refusal::new(StatusCode::FORBIDDEN, "forbidden", "the asker may not write any more"))?;
    let own = own_decision()?;
    let folder = shared.folder_of(&job.token);
    std::fs::create_dir_all(&folder).map_err(Refusal::internal)?;
    let path = folder.join(ERRORS);
    let errors = std::fs::File::create(&path).map_err(Refusal::internal)?;
    let mut errors = mach_seal::Writer::at(errors, &mach_seal::name_of(&path), 0);
    let (mut base, mut inputs) = (String::new(), Vec::<Input>::new());
    for Pair { name, value } in query::pairs(&job.asked)? {
        match (name.as_str(), inputs.last_mut()) {
            ("base", _) => base = value,
            ("kind", _) => inputs.push(Input { url: String::new(), kind: value, path: PathBuf::new() }),
            ("url", Some(input)) => input.url = value,
            ("path", Some(input)) => input.path = PathBuf::from(value),
            _ => {}
        }
    }
    let (mut refused, mut files) = (0, Vec::new());
    for input in &inputs {
        let options = Options { workers: 1, again: false, base: base.clone() };
        let mut broken: Option<std::io::Error> = None;
        let mut gone = false;
        let mut told = Instant::now();
        let done =
            load::load_while(&shared.store, &decision, std::slice::from_ref(&input.path), &options, &mut |event| {
                let mut note = |refusal: Refusal| {
                    let mut line = refusal.outcome();
                    line.push('\n');
                    refused += 1;
                    broken = broken.take().or(errors.write_all(line.as_bytes()).err());
                };
                match event {
                    Event::Refused { refused, .. } => {
                        let entry = refused.at.entry.map_or(String::new(), |n| format!(" entry[{n}]"));
                        let text = format!("{} line {}{entry}: {}", input.url, refused.at.line, refused.refusal.text);
                        note(Refusal { text, ..refused.refusal.clone() });
                    }
                    Event::Unreadable { problem, .. } => {
                        note(Refusal::invalid(format!("{} cannot be read to its end: {problem}", input.url)));
                    }
                    Event::Stored(summary) if told.elapsed() > TELL => {
                        told = Instant::now();
                        let progress =
                            format!("{} of {}: {} resources", files.len() + 1, inputs.len(), stored(summary));
                        let jid = job.jid;
                        let moved = shared.store.write(&own, move |tx| tx.move_job(jid, "", &progress, &[]));
                        gone = !moved.unwrap_or(true);
                    }
                    Event::Stored(_) | Event::Bytes(_) => {}
                }
                !gone && !shared.is_stopping()
            });
        if let Some(e) = broken {
            return Err(Refusal::internal(e));
        }
        let Some(summary) = done? else { return Ok(false) };
        files.push(File {
            n: i64::try_from(files.len()).unwrap_or(i64::MAX),
            list: "output".to_owned(),
            kind: input.kind.clone(),
            name: input.url.clone(),
            count: i64::try_from(stored(&summary)).unwrap_or(i64::MAX),
            bytes: 0,
        });
    }
    let (errors, bytes) = errors.end().map_err(Refusal::internal)?;
    errors.sync_all().map_err(Refusal::internal)?;
    let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
    let n = i64::try_from(files.len()).unwrap_or(i64::MAX);
    let (list, kind) = ("error".to_owned(), "OperationOutcome".to_owned());
    files.push(File { n, list, kind, name: ERRORS.to_owned(), count: refused, bytes });
    let (jid, target) = (job.jid, short(format!("import {}", job.jid)));
    Ok(shared.store.write(&own, move |tx| {
        tx.audit(None, &target, "granted")?;
        tx.move_job(jid, "", "done", &files)
    })?)
}

/// Resources that are there after a load because of it, or of one before.
fn stored(summary: &load::Summary) -> u64 {
    summary.created + summary.updated + summary.unchanged + summary.known
}
