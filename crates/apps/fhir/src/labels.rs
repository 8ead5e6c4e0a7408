//! `$meta` of a type and of everything: the profiles, tags and security labels in use, as far as the asker sees resources.

use crate::clauses::{Reading, Wrong};
use crate::operations::identity;
use crate::refusal::Refusal;
use crate::serve::{Asked, blocking};
use axum::http::StatusCode;
use axum::response::Response;
use mach_access::Act;
use mach_base::limits;
use mach_fhir::tree::Value;
use mach_fhir::{ResourceType, Tree};
use mach_store::resources;
use mach_store::search::{self, Ask, Clause, Hit};
use std::collections::BTreeMap;
use std::time::Instant;

/// The lists of a Meta, and the parameters that find who has them.
const LISTS: [(&str, &str); 3] = [("profile", "_profile"), ("security", "_security"), ("tag", "_tag")];
/// Resources looked at together.
const TOGETHER: usize = 400;

/// Labels of one list, by what they are.
type Labels = BTreeMap<String, String>;

/// Tells the labels in use: of one type, of all where `None`.
///
/// # Errors
/// 400 where looking takes too long or finds too much; 503 where something is not indexed yet.
pub async fn in_use(asked: Asked, kind: Option<ResourceType>) -> Result<Response, Refusal> {
    let decision = asked.caller.decide(&asked.house, Act::ReadFhir).await?;
    blocking(move || {
        let kinds: Vec<ResourceType> = kind.map_or_else(|| ResourceType::all().collect(), |kind| vec![kind]);
        let mut reader = asked.store.read(&decision)?;
        asked.state.trust(&asked.store, &mut reader, &kinds)?;
        let (scope, seq, began) = (reader.scope(), search::snapshot(&mut reader)?, Instant::now());
        let reading = Reading::new(&asked.caller.base);
        let mut found = [const { Labels::new() }; LISTS.len()];
        for kind in kinds {
            let any = LISTS.iter().map(|(_, code)| reading.clause(kind, &format!("{code}:missing"), "false"));
            let any =
                any.collect::<Result<Vec<Clause>, Wrong>>().map_err(|_| Refusal::internal("a parameter of Meta"))?;
            let ask = Ask { asked: vec![(kind, Clause::Any(any))], scope, seq };
            let mut after: Option<Hit> = None;
            loop {
                let hits = search::page(&mut reader, &ask, &[], after.as_ref(), TOGETHER)?;
                let rids: Vec<i64> = hits.iter().map(|hit| hit.rid).collect();
                for resource in resources::of_rids(&mut reader, &rids)? {
                    take(&mut found, &resource.body)?;
                }
                if hits.len() < TOGETHER {
                    break;
                }
                if began.elapsed() > limits::FHIR_PATIENCE || found.iter().any(|l| l.len() > limits::FHIR_COUNTED) {
                    return Err(Refusal::too_costly("there are too many labels to tell them all: ask type by type"));
                }
                after = hits.into_iter().next_back();
            }
        }
        drop(reader);
        let of = kind.map_or("", ResourceType::name);
        asked.state.look(&decision, None, format!("{of}/$meta").trim_start_matches('/').to_owned(), "granted")?;
        asked.caller.answer(StatusCode::OK, told(&found), false)
    })
    .await
}

fn take(found: &mut [Labels; LISTS.len()], body: &str) -> Result<(), Refusal> {
    let tree = Tree::parse(body).map_err(Refusal::internal)?;
    for ((list, _), labels) in LISTS.iter().zip(found) {
        let here = tree.root().get("meta").and_then(|meta| meta.get(list));
        for label in here.into_iter().flat_map(Value::items) {
            labels.entry(identity(label)).or_insert_with(|| label.raw().to_owned());
        }
    }
    Ok(())
}

fn told(found: &[Labels; LISTS.len()]) -> String {
    let lists = LISTS.iter().zip(found).filter(|(_, labels)| !labels.is_empty()).map(|((list, _), labels)| {
        let labels: Vec<&str> = labels.values().map(String::as_str).collect();
        format!("\"{list}\":[{}]", labels.join(","))
    });
    let mut lists: Vec<String> = lists.collect();
    if lists.is_empty() {
        // No element is empty; why this one has nothing is told in the way of FHIR.
        const ABSENT: &str = "http://hl7.org/fhir/StructureDefinition/data-absent-reason";
        lists.push(format!("\"extension\":[{{\"url\":\"{ABSENT}\",\"valueCode\":\"not-applicable\"}}]"));
    }
    let meta = lists.join(",");
    format!("{{\"resourceType\":\"Parameters\",\"parameter\":[{{\"name\":\"return\",\"valueMeta\":{{{meta}}}}}]}}")
}
