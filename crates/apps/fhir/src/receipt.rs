//! `GET {type}/{id}/_history/{version}/$proof`: the record with the proof that it is in the transparency log, one file that is
//! checked without this server (`docs/transparency.md`).

use crate::read;
use crate::refusal::Refusal;
use crate::serve::{Asked, blocking, short};
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use mach_access::Act;
use mach_fhir::ResourceType;
use mach_store::log;

/// Seconds after which the next checkpoint holds what was just written.
const NEXT_CHECKPOINT: u32 = 5;

/// Gives the receipt of a version.
///
/// # Errors
/// 404, 410 as for reading that version; 409 where the log has no such record; 503 where no checkpoint holds it yet.
pub async fn proof(asked: Asked, kind: ResourceType, id: String, version: String) -> Result<Response, Refusal> {
    if !matches!(asked.method, Method::GET | Method::HEAD) {
        return Err(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "not-supported", "`$proof` is asked by GET"));
    }
    let decision = asked.caller.decide(&asked.house, Act::ReadFhir).await?;
    blocking(move || {
        let mut reader = asked.store.read(&decision)?;
        let scope = reader.scope();
        let found = read::version(&mut reader, scope, kind, &id, &version)?;
        let receipt = log::receipt(&mut reader, &found).map_err(|e| match e {
            mach_store::Error::Refused(why) => Refusal::new(StatusCode::CONFLICT, "conflict", why),
            other => other.into(),
        })?;
        drop(reader);
        let target = format!("{}/{id}/_history/{version}/$proof", kind.name());
        asked.state.look(&decision, found.patient, short(target), "granted")?;
        let Some(receipt) = receipt else {
            let text = "no checkpoint of the transparency log holds this version yet; ask again in some seconds";
            let early = Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "transient", text);
            return Err(Refusal { retry_after: Some(NEXT_CHECKPOINT), ..early });
        };
        let name = format!("attachment; filename=\"{}-{id}-{version}.proof.json\"", kind.name());
        let headers = [(header::CONTENT_TYPE, "application/json".to_owned()), (header::CONTENT_DISPOSITION, name)];
        Ok((headers, receipt.encode()).into_response())
    })
    .await
}
