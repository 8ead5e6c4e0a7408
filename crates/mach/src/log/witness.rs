//! `mach witness`: signs other nodes' checkpoints, where they continue what it signed before (c2sp.org/tlog-witness).
//!
//! It needs no store and sees nothing but sizes and roots. What it signed last is on the disk before it answers.

use super::{at, key, now, write_durably};
use crate::Outcome;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use clap::Args;
use mach_tlog::note::{Algorithm, Verifier};
use mach_tlog::witness::{Answer, Memory, Seen, Witness};
use mach_tlog::{from_base64, hex, limits};
use sha2::{Digest, Sha256};
use std::io::{ErrorKind, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// For whom to sign, and where.
#[derive(Args)]
pub struct Options {
    /// Address and port; port 0 takes a free one. Nothing secret is served: other machines may reach it
    #[arg(long, default_value = "127.0.0.1:8090")]
    listen: SocketAddr,
    /// Public key of a log to sign for, as `mach audit-log key` prints it there; as often as there are logs
    #[arg(long = "log", required = true, value_name = "KEY")]
    logs: Vec<String>,
    /// Name of this witness, taken when its key is made
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    #[command(flatten)]
    tls: crate::serve::tls::Files,
}

/// What is signed last, a file for each log.
struct Files(PathBuf);

impl Files {
    fn of(&self, origin: &str) -> PathBuf {
        self.0.join(format!("{}.seen", hex(&Sha256::digest(origin))))
    }
}

impl Memory for Files {
    type Error = String;

    fn seen(&mut self, origin: &str) -> Result<Option<Seen>, String> {
        let file = self.of(origin);
        let text = match std::fs::read_to_string(&file) {
            Ok(text) => text,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(at(&file, &e)),
        };
        // A memory that cannot be read is no empty memory: nothing is signed until somebody looked.
        let mut lines = text.lines();
        let read = (|| {
            let same = lines.next()? == origin;
            let size = lines.next()?.parse().ok()?;
            let root = from_base64(lines.next()?)?.try_into().ok()?;
            same.then_some(Seen { size, root })
        })();
        read.map(Some).ok_or_else(|| format!("`{}` is damaged", file.display()))
    }

    fn keep(&mut self, origin: &str, seen: Seen) -> Result<(), String> {
        write_durably(&self.of(origin), &format!("{origin}\n{}\n{}\n", seen.size, mach_tlog::base64(&seen.root)), false)
    }
}

struct Served {
    witness: Witness,
    files: Mutex<Files>,
    refused: PathBuf,
}

/// Bytes of refused requests that are kept as evidence.
const EVIDENCE_BYTES: u64 = 16 << 20;

impl Served {
    fn answer(&self, body: &[u8]) -> Result<Answer, String> {
        // One request at a time: what is compared is what is remembered.
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = self.witness.add_checkpoint(&mut *files, body, now().unsigned_abs())?;
        // Signed by the log and refused: that is evidence of a log that shows two histories, or lost count.
        if matches!(answer, Answer::Conflict(_) | Answer::BadProof) {
            let full = std::fs::metadata(&self.refused).is_ok_and(|m| m.len() > EVIDENCE_BYTES);
            if !full {
                let mut file = std::fs::OpenOptions::new().create(true).append(true).open(&self.refused);
                if let Ok(file) = &mut file {
                    let head = format!("--- {} answered {}\n", now(), answer.status());
                    // Evidence is a service; the answer does not wait for it.
                    let _ = file.write_all(head.as_bytes()).and_then(|()| file.write_all(body));
                }
            }
        }
        Ok(answer)
    }
}

/// Runs `mach witness` until Ctrl-C.
pub fn run(data: &Path, options: &Options) -> Outcome {
    let folder = data.join("witness");
    let name = options.name.clone();
    let key = key(&folder.join("key"), Algorithm::Cosignature, |own| {
        name.unwrap_or_else(|| format!("witness.mach.invalid/{own}"))
    })?;
    let log = |text: &String| {
        let key = Verifier::parse(text).map_err(|e| format!("--log `{text}`: {e}"))?;
        if key.algorithm() == Algorithm::Ed25519 {
            Ok(key)
        } else {
            Err(format!("--log `{text}`: not the key of a log"))
        }
    };
    let logs = options.logs.iter().map(log).collect::<Result<Vec<_>, String>>()?;
    let public = format!("{}\n", key.verifier());
    let served = Served {
        witness: Witness { key, logs },
        files: Mutex::new(Files(folder.clone())),
        refused: folder.join("refused.log"),
    };
    let shown = public.clone();
    let routes = axum::Router::new()
        .route("/", get(move || async { shown }))
        .route("/add-checkpoint", post(add_checkpoint))
        .layer(DefaultBodyLimit::max(limits::WITNESS_BYTES))
        .with_state(Arc::new(served));
    let tls = options.tls.load()?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    crate::serve::serve_router(routes, (options.listen, tls), &mut |address| {
        println!("witness {public}listening on {scheme}://{address}");
        std::io::stdout().flush().map_err(|e| e.to_string())
    })
}

async fn add_checkpoint(State(served): State<Arc<Served>>, body: Bytes) -> Response {
    let answered = tokio::task::spawn_blocking(move || served.answer(&body)).await;
    match answered {
        Ok(Ok(answer)) => {
            let status = StatusCode::from_u16(answer.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let (body, kind) = answer.body();
            (status, [(header::CONTENT_TYPE, kind)], body).into_response()
        }
        Ok(Err(why)) => {
            eprintln!("mach: {why}");
            (StatusCode::SERVICE_UNAVAILABLE, "the witness cannot use its memory\n").into_response()
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
