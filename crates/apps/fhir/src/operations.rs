//! Operations: `$everything`, `$meta`, `$meta-add`, `$meta-delete`, `$validate`.

use crate::clauses::Reading;
use crate::custom::Customs;
use crate::found;
use crate::query::Pair;
use crate::read;
use crate::refusal::Refusal;
use crate::render;
use crate::search::{Handling, Include, Place, Search, references};
use crate::serve::{Asked, blocking, short, transact, type_of};
use crate::subscription::operations as subscription;
use crate::write::{self, Action, Op, Target};
use axum::http::{Method, StatusCode};
use axum::response::Response;
use mach_access::Act;
use mach_base::limits;
use mach_fhir::json::quote;
use mach_fhir::tree::Value;
use mach_fhir::{ResourceType, Tree, validate};

/// Runs the operation `name` on what the address names before it.
///
/// # Errors
/// 404 where there is no such operation there; those of the operation.
pub async fn run(asked: Asked, name: &str, on: Vec<String>) -> Result<Response, Refusal> {
    let on: Vec<&str> = on.iter().map(String::as_str).collect();
    if crate::terms::is_operation(name, &on) {
        return crate::terms::run(asked, name, &on).await;
    }
    if !matches!(asked.method, Method::GET | Method::HEAD | Method::POST) {
        return Err(asked.not_allowed());
    }
    match (name, on.as_slice()) {
        ("$everything", ["Patient"]) => everything(asked, None).await,
        ("$everything", [kind @ ("Patient" | "Encounter"), id]) => {
            everything(asked, Some((type_of(kind)?, (*id).to_owned()))).await
        }
        ("$meta", []) => crate::labels::in_use(asked, None).await,
        ("$meta", [kind]) => crate::labels::in_use(asked, Some(type_of(kind)?)).await,
        ("$meta", [kind, id]) => meta(asked, type_of(kind)?, (*id).to_owned(), None).await,
        ("$meta", [kind, id, "_history", version]) => {
            meta(asked, type_of(kind)?, (*id).to_owned(), Some((*version).to_owned())).await
        }
        ("$meta-add", [kind, id]) => change_meta(asked, type_of(kind)?, (*id).to_owned(), true).await,
        ("$meta-delete", [kind, id]) => change_meta(asked, type_of(kind)?, (*id).to_owned(), false).await,
        ("$validate", [kind]) => crate::validation::run(asked, type_of(kind)?, None).await,
        ("$validate", [kind, id]) => crate::validation::run(asked, type_of(kind)?, Some((*id).to_owned())).await,
        ("$status", ["Subscription"]) => subscription::status(asked, None).await,
        ("$status", ["Subscription", id]) => subscription::status(asked, Some((*id).to_owned())).await,
        ("$events", ["Subscription", id]) => subscription::events(asked, (*id).to_owned()).await,
        ("$get-ws-binding-token", ["Subscription"]) => subscription::binding_token(asked, None).await,
        ("$get-ws-binding-token", ["Subscription", id]) => {
            subscription::binding_token(asked, Some((*id).to_owned())).await
        }
        ("$export", _) => {
            let on = on.iter().map(|s| (*s).to_owned()).collect();
            crate::bulk::export(asked, on).await
        }
        ("$proof", [kind, id, "_history", version]) => {
            crate::receipt::proof(asked, type_of(kind)?, (*id).to_owned(), (*version).to_owned()).await
        }
        _ => {
            let text = format!("`{name}` is no operation of `/{}`", on.join("/"));
            Err(Refusal::new(StatusCode::NOT_FOUND, "not-supported", text))
        }
    }
}

/// The whole record of a patient or of an encounter: its compartment, and what that refers to; of all patients, page by page.
async fn everything(asked: Asked, of: Option<(ResourceType, String)>) -> Result<Response, Refusal> {
    let decision = asked.caller.decide(&asked.house, Act::ReadFhir).await?;
    let mut pairs = Vec::new();
    let mut paged = false;
    let (mut start, mut end) = (None, None);
    let mut given = asked.pairs()?;
    if asked.method == Method::POST && !asked.body.is_empty() {
        given.extend(crate::bulk::parameters(asked.json()?)?);
    }
    for pair in given {
        match pair.name.as_str() {
            "start" => start = Some(crate::moment::seconds(&pair.value).ok_or_else(|| wrong(&pair))?.0),
            "end" => end = Some(crate::moment::seconds(&pair.value).ok_or_else(|| wrong(&pair))?.1),
            "_since" => pairs.push(Pair { name: "_lastUpdated".to_owned(), value: format!("ge{}", pair.value) }),
            "_count" => {
                paged = true;
                pairs.push(pair);
            }
            "_type" | "_page" | "_elements" | "_summary" | "_format" | "_pretty" => pairs.push(pair),
            _ if asked.caller.handling == Handling::Strict => {
                let text = format!("`$everything` has no parameter `{}`", pair.name);
                return Err(Refusal::invalid(text).at(pair.name));
            }
            _ => {}
        }
    }
    if of.is_none() {
        asked.caller.session.looks_for_people()?;
    }
    blocking(move || {
        let place = match &of {
            Some((kind, id)) => Place::Compartment(kind.name().to_owned(), id.clone(), None),
            None => Place::Everyone,
        };
        let path = of.as_ref().map_or("Patient".to_owned(), |(kind, id)| format!("{}/{id}", kind.name()));
        let mut reader = asked.store.read(&decision)?;
        let customs = Customs::all(&mut reader, decision.scope())?;
        let reading = Reading::new(&asked.caller.base).with(customs);
        let mut search = Search::read(&reading, &place, &pairs, asked.caller.handling)?;
        if !paged && of.is_some() {
            search.count = limits::FHIR_COUNTED;
        }
        // Whatever the record refers to and is nobody's record itself: who, where, with what.
        let what = search.asked.iter().flat_map(|(kind, _)| references(&reading, *kind, None)).collect();
        search.includes.push(Include { what, back: false, iterate: false });
        search.customs = reading.used();
        let person = match &of {
            Some((kind, id)) => found::must_exist(&mut reader, *kind, id)?.patient,
            None => None,
        };
        let mut page = found::page(&asked.state, &asked.store, &mut reader, &search)?;
        drop(reader);
        if start.is_some() || end.is_some() {
            page.matches.retain(|r| r.kind == ResourceType::PATIENT || within(r.date, start, end));
            page.total = None;
        }
        asked.state.look(&decision, person, short(format!("{path}/$everything")), "granted")?;
        let body = found::bundle(&asked.caller, &format!("/{path}/$everything"), &search, &page)?;
        asked.caller.answer(StatusCode::OK, body, search.shape.pretty)
    })
    .await
}

fn wrong(pair: &Pair) -> Refusal {
    Refusal::invalid(format!("`{}` cannot be `{}`", pair.name, pair.value)).at(pair.name.clone())
}

/// Whether a clinical time (minutes of local time) lies between two seconds; what has none is always within.
fn within(date: Option<i64>, start: Option<i64>, end: Option<i64>) -> bool {
    let Some(at) = date.map(|minute| minute * 60 - 7 * 3600) else { return true };
    start.is_none_or(|s| at >= s) && end.is_none_or(|e| at <= e)
}

async fn meta(asked: Asked, kind: ResourceType, id: String, version: Option<String>) -> Result<Response, Refusal> {
    let decision = asked.caller.decide(&asked.house, Act::ReadFhir).await?;
    blocking(move || {
        let mut reader = asked.store.read(&decision)?;
        let scope = reader.scope();
        let found = match &version {
            None => read::current(&mut reader, scope, kind, &id)?,
            Some(version) => read::version(&mut reader, scope, kind, &id, version)?,
        };
        drop(reader);
        asked.state.look(&decision, found.patient, short(format!("{}/{id}/$meta", kind.name())), "granted")?;
        let body = meta_parameters(&render::with_meta(&found.body, found.version, found.at)?)?;
        asked.caller.answer(StatusCode::OK, body, false)
    })
    .await
}

fn meta_parameters(resource: &str) -> Result<String, Refusal> {
    let tree = Tree::parse(resource).map_err(Refusal::internal)?;
    let meta = tree.root().get("meta").map_or("{}", Value::raw);
    Ok(format!("{{\"resourceType\":\"Parameters\",\"parameter\":[{{\"name\":\"return\",\"valueMeta\":{meta}}}]}}"))
}

async fn change_meta(asked: Asked, kind: ResourceType, id: String, add: bool) -> Result<Response, Refusal> {
    if asked.method != Method::POST {
        let text = "`$meta-add` and `$meta-delete` are posted";
        return Err(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "not-supported", text));
    }
    let decision = asked.caller.decide(&asked.house, Act::WriteFhir).await?;
    blocking(move || {
        let given = asked.json()?.to_owned();
        let base = asked.caller.base.clone();
        let body = transact(&asked.store, &decision, base, move |deciding| {
            let scope = deciding.scope;
            let now = read::current(deciding.tx, scope, kind, &id)?;
            let text = merged(&now.body, &given, add)?;
            let body = write::kept(kind, &text)?;
            let ready = Some(write::ready(kind, &body.text, &id, deciding.base)?);
            let (target, if_match) = (Target::Id(id.clone()), Some(now.version));
            let action = Action::Update { target, body, ready, if_match, if_none_match: false };
            let planned = deciding.plan(Op { kind, action })?;
            let done = deciding.carry_out(vec![planned])?.pop().and_then(|d| d.resource);
            let done = done.ok_or_else(|| Refusal::internal("a write gave nothing"))?;
            deciding.tx.audit(done.patient, &short(format!("{}/{id} meta", kind.name())), "granted")?;
            meta_parameters(&render::with_meta(&done.body, done.version, done.at)?)
        })?;
        asked.caller.answer(StatusCode::OK, body, false)
    })
    .await
}

/// A coding's identity; a profile is its own.
pub fn identity(value: Value<'_>) -> String {
    value.text().map_or_else(
        || format!("{}|{}", value.get_text("system").unwrap_or_default(), value.get_text("code").unwrap_or_default()),
        |t| t.into_owned(),
    )
}

/// The resource with profiles, tags and security labels of a Parameters added or taken away.
fn merged(body: &str, given: &str, add: bool) -> Result<String, Refusal> {
    let given = Tree::parse(given).map_err(|e| Refusal::invalid(format!("the body is no JSON: {e}")))?;
    if given.root().get_text("resourceType").as_deref() != Some("Parameters") {
        return Err(Refusal::invalid("send Parameters with a `meta` of `valueMeta`").at("resourceType"));
    }
    let unfit = validate::unfit(&given);
    if !unfit.is_empty() {
        return Err(Refusal::unfit(unfit));
    }
    let parameters = given.root().get("parameter").into_iter().flat_map(Value::items);
    let meta = parameters.filter_map(|p| p.get("valueMeta")).next();
    let meta = meta.ok_or_else(|| Refusal::invalid("send Parameters with a `meta` of `valueMeta`"))?;
    let tree = Tree::parse(body).map_err(Refusal::internal)?;
    let old = tree.root().get("meta");
    let mut new = String::from("{");
    let member = |out: &mut String, name: &str, raw: &str| {
        if out.len() > 1 {
            out.push(',');
        }
        quote(out, name);
        out.push(':');
        out.push_str(raw);
    };
    const LISTS: [&str; 3] = ["profile", "security", "tag"];
    for (name, value) in old.into_iter().flat_map(Value::members).filter(|(n, _)| !LISTS.contains(n)) {
        member(&mut new, name, value.raw());
    }
    for list in LISTS {
        let here: Vec<Value<'_>> = old.and_then(|m| m.get(list)).into_iter().flat_map(Value::items).collect();
        let there: Vec<Value<'_>> = meta.get(list).into_iter().flat_map(Value::items).collect();
        let named = |list: &[Value<'_>], one: Value<'_>| list.iter().any(|v| identity(*v) == identity(one));
        let kept: Vec<&str> = match add {
            true => {
                let fresh = there.iter().filter(|v| !named(&here, **v));
                here.iter().chain(fresh).map(|v| v.raw()).collect()
            }
            false => here.iter().filter(|v| !named(&there, **v)).map(|v| v.raw()).collect(),
        };
        if !kept.is_empty() {
            member(&mut new, list, &format!("[{}]", kept.join(",")));
        }
    }
    new.push('}');
    // An empty object is none of FHIR's: nothing is left to say.
    if new == "{}" {
        return Ok(without(body, &tree, "meta"));
    }
    if let Some(old) = old {
        let range = old.range();
        return Ok(format!("{}{new}{}", &body[..range.start], &body[range.end..]));
    }
    let at = tree.root().get("id").or_else(|| tree.root().get("resourceType")).map_or(1, |v| v.range().end);
    Ok(format!("{},\"meta\":{new}{}", &body[..at], &body[at..]))
}

/// The text of an object without a member of it.
fn without(body: &str, tree: &Tree<'_>, name: &str) -> String {
    let kept = tree.root().members().filter(|(n, _)| *n != name);
    let members = kept.map(|(n, value)| {
        let mut text = String::new();
        quote(&mut text, n);
        text.push(':');
        text.push_str(value.raw());
        text
    });
    match tree.root().get(name) {
        None => body.to_owned(),
        Some(_) => format!("{{{}}}", members.collect::<Vec<_>>().join(",")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_come_and_go() {
        let given = r#"{"resourceType":"Parameters","parameter":[{"name":"meta","valueMeta":{"tag":[{"system":"s","code":"a"},{"system":"s","code":"b"}],"profile":["p"]}}]}"#;
        let body = r#"{"resourceType":"Patient","id":"x","meta":{"source":"q","tag":[{"system":"s","code":"a","display":"A"}]},"n":1.0}"#;
        let added = merged(body, given, true).unwrap();
        assert_eq!(
            added,
            r#"{"resourceType":"Patient","id":"x","meta":{"source":"q","profile":["p"],"tag":[{"system":"s","code":"a","display":"A"},{"system":"s","code":"b"}]},"n":1.0}"#
        );
        assert_eq!(
            merged(&added, given, false).unwrap(),
            r#"{"resourceType":"Patient","id":"x","meta":{"source":"q"},"n":1.0}"#
        );
        assert_eq!(
            merged(r#"{"resourceType":"Patient","id":"x"}"#, given, false).unwrap(),
            r#"{"resourceType":"Patient","id":"x"}"#
        );
        let only = r#"{"resourceType":"Patient","meta":{"profile":["p"]},"id":"x"}"#;
        assert_eq!(merged(only, given, false).unwrap(), r#"{"resourceType":"Patient","id":"x"}"#);
    }
}
