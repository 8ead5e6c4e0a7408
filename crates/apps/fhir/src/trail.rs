//! The audit trail as AuditEvent (IHE BALP 1.1, RESTful ATNA ITI-81): read and search, never written by anybody.
//!
//! The trail is a table of its own, apart from resources, and each entry is a leaf of the transparency log. Who may read it
//! (`read-audit`: administrators, heads of facilities, the department, `mach token new --scope audit`) is shown it here; one
//! facility's reader sees what was done from that facility. For all others `AuditEvent` is a type like any other: what
//! another system stores of its own trail (ITI-20) comes back to it.

use crate::caller::Caller;
use crate::found::{Entries, open_bundle};
use crate::moment;
use crate::query::Pair;
use crate::refusal::Refusal;
use crate::search::Handling;
use crate::serve::{Asked, blocking, short};
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use mach_access::policy::Policy;
use mach_access::{Act, Role, decide};
use mach_base::limits;
use mach_fhir::ResourceType;
use mach_fhir::json::{Writer, quote};
use mach_store::audit::{self, Event};
use mach_store::search::Compare;
use mach_store::{Reader, resources, schema};
use std::collections::HashMap;

/// What the ids of entries begin with.
const PREFIX: &str = "trail-";
/// Where accounts are numbered.
const ACCOUNTS: &str = "urn:mach:account";
const DCM: &str = "http://dicom.nema.org/resources/ontology/DCM";
const REST: &str = "http://terminology.hl7.org/CodeSystem/audit-event-type";
const REASON: &str = "http://terminology.hl7.org/CodeSystem/v3-ActReason";
const ROLES: &str = "urn:mach:codes:role";

/// Whether the trail is shown to the asker.
pub fn is_asked_by(caller: &Caller) -> bool {
    decide(&caller.session.actor, Act::ReadAudit).is_ok()
}

/// What a page needs beside its entries.
#[derive(Default)]
struct Beside {
    facilities: HashMap<i64, String>,
    patients: HashMap<i64, Option<String>>,
}

impl Beside {
    fn read(on: &mut Reader, events: &[Event]) -> Result<Self, Refusal> {
        let mut beside = Self { facilities: schema::facilities(on)?.into_iter().collect(), ..Self::default() };
        for person in events.iter().filter_map(|e| e.person) {
            if let std::collections::hash_map::Entry::Vacant(free) = beside.patients.entry(person) {
                free.insert(resources::patient_of(on, person)?);
            }
        }
        Ok(beside)
    }
}

/// Read and search.
///
/// # Errors
/// 404 where there is no such entry; 405 for everything that would write.
pub async fn answer(asked: Asked, rest: Vec<String>) -> Result<Response, Refusal> {
    let reads = matches!(asked.method, Method::GET | Method::HEAD);
    let posted = asked.method == Method::POST && rest == ["_search"];
    let decision = asked.caller.decide(&asked.house, Act::ReadAudit).await?;
    match rest.as_slice() {
        [] | [_] if reads || posted => {}
        [_, history, _] if reads && history == "_history" => {}
        _ => {
            let text = "the audit trail is written by what is done here, and by nothing else";
            return Err(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "not-supported", text));
        }
    }
    let pairs = asked.pairs()?;
    blocking(move || {
        let mut reader = asked.store.read(&decision)?;
        match rest.first().filter(|first| *first != "_search") {
            Some(id) => {
                let unknown = || Refusal::not_found("AuditEvent", id);
                let number = id.strip_prefix(PREFIX).and_then(|n| n.parse().ok()).ok_or_else(unknown)?;
                if rest.get(2).is_some_and(|version| version != "1") {
                    return Err(unknown());
                }
                let wanted = audit::Asked { id: Some(number), ..audit::Asked::default() };
                let event = audit::events(&mut reader, &wanted, 1)?.pop().ok_or_else(unknown)?;
                let beside = Beside::read(&mut reader, std::slice::from_ref(&event))?;
                drop(reader);
                asked.state.look(&decision, event.person, short(format!("AuditEvent/{id}")), "granted")?;
                asked.caller.answer(StatusCode::OK, resource(&event, &beside), false)
            }
            None => {
                let search = search(&mut reader, &pairs, asked.caller.handling)?;
                let body = bundle(&mut reader, &asked.caller, &search)?;
                drop(reader);
                let names: Vec<&str> = pairs.iter().map(|p| p.name.as_str()).collect();
                let target = short(format!("search AuditEvent {}", names.join(",")));
                asked.state.look(&decision, search.asked.person, target, "granted")?;
                asked.caller.answer(StatusCode::OK, body, false)
            }
        }
    })
    .await
}

/// The same search as lines of JSON, newest first, at most [`limits::AUDIT_EXPORT`]; `Link: rel=next` says where to go on.
///
/// # Errors
/// As for the search.
pub async fn export(asked: Asked) -> Result<Response, Refusal> {
    if asked.method != Method::GET {
        return Err(asked.not_allowed());
    }
    let decision = asked.caller.decide(&asked.house, Act::ReadAudit).await?;
    let pairs = asked.pairs()?;
    blocking(move || {
        let mut reader = asked.store.read(&decision)?;
        let search = search(&mut reader, &pairs, asked.caller.handling)?;
        let events = audit::events(&mut reader, &search.asked, limits::AUDIT_EXPORT)?;
        let beside = Beside::read(&mut reader, &events)?;
        drop(reader);
        asked.state.look(&decision, search.asked.person, format!("export AuditEvent {}", events.len()), "granted")?;
        let mut body = String::with_capacity(events.len() * 900);
        for event in &events {
            body.push_str(&resource(event, &beside));
            body.push('\n');
        }
        let mut response = ([(header::CONTENT_TYPE, "application/fhir+ndjson")], body).into_response();
        if let Some(last) = events.last().filter(|_| events.len() == limits::AUDIT_EXPORT) {
            let next = format!(
                "<{}/AuditEvent/$export?{}_before={}>; rel=\"next\"",
                asked.caller.base,
                search.own_query(),
                last.id
            );
            crate::caller::with_header(&mut response, header::LINK, &next);
        }
        Ok(response)
    })
    .await
}

struct Search {
    asked: audit::Asked,
    count: usize,
    own: Vec<Pair>,
}

impl Search {
    /// The query that asks the same, with `&` at its end.
    fn own_query(&self) -> String {
        let own = crate::query::join(&self.own);
        if own.is_empty() { own } else { format!("{own}&") }
    }
}

fn search(on: &mut Reader, pairs: &[Pair], handling: Handling) -> Result<Search, Refusal> {
    let mut asked = audit::Asked::default();
    let (mut count, mut own) = (limits::FHIR_PAGE_DEFAULT, Vec::new());
    for pair in pairs {
        let wrong =
            || Refusal::invalid(format!("`{}` cannot be `{}` here", pair.name, pair.value)).at(pair.name.clone());
        let code = pair.value.rsplit('|').next().unwrap_or_default();
        match pair.name.as_str() {
            "_id" => asked.id = Some(pair.value.strip_prefix(PREFIX).and_then(|n| n.parse().ok()).unwrap_or(i64::MIN)),
            "date" | "_lastUpdated" => {
                let range = moment::date_range(&pair.value)?;
                let narrow = |now: &mut Option<i64>, to: i64, later: bool| {
                    *now = Some(now.map_or(to, |n| if later { n.max(to) } else { n.min(to) }));
                };
                match range.compare {
                    Compare::Eq | Compare::Ap => {
                        narrow(&mut asked.from, range.low, true);
                        narrow(&mut asked.until, range.high, false);
                    }
                    Compare::Ge => narrow(&mut asked.from, range.low, true),
                    Compare::Gt | Compare::Sa => narrow(&mut asked.from, range.high.saturating_add(1), true),
                    Compare::Le => narrow(&mut asked.until, range.high, false),
                    Compare::Lt | Compare::Eb => narrow(&mut asked.until, range.low.saturating_sub(1), false),
                    Compare::Ne => return Err(wrong()),
                }
            }
            "agent" | "agent:identifier" => asked.account = Some(code.parse().map_err(|_| wrong())?),
            "agent-name" => asked.name = Some(pair.value.clone()),
            "patient" => {
                let id = pair.value.rsplit('/').next().unwrap_or_default();
                // Nobody's record is nobody's entry.
                asked.person = Some(resources::person_of(on, mach_access::Scope::All, id)?.unwrap_or(i64::MIN));
            }
            "entity" => {
                let parts: Vec<&str> = pair.value.rsplit('/').take(2).collect();
                let [id, kind] = parts.as_slice() else { return Err(wrong()) };
                ResourceType::parse(kind).ok_or_else(wrong)?;
                asked.target = Some(format!("{kind}/{id}"));
            }
            "action" => {
                for word in pair.value.split(',') {
                    let action = word.rsplit('|').next().and_then(|w| w.chars().next().filter(|_| w.len() == 1));
                    asked.actions.push(action.filter(|a| "CRUDE".contains(*a)).ok_or_else(wrong)?);
                }
            }
            "outcome" => {
                for word in pair.value.split(',') {
                    match word.rsplit('|').next().unwrap_or_default() {
                        "0" => asked.outcomes.push("granted"),
                        "4" => asked.outcomes.push("denied"),
                        "8" => asked.outcomes.push("failed"),
                        // Nothing here is ever that.
                        "12" => asked.outcomes.push("none"),
                        _ => return Err(wrong()),
                    }
                }
            }
            "type" => {
                let wanted: Vec<&'static str> =
                    Act::ALL.iter().map(|a| a.code()).filter(|a| kind(a).1 == code).collect();
                asked.acts.extend(if wanted.is_empty() { vec!["none"] } else { wanted });
            }
            "_count" => count = pair.value.parse::<usize>().map_err(|_| wrong())?.min(limits::FHIR_PAGE),
            "_before" => {
                asked.before = Some(pair.value.parse().map_err(|_| wrong())?);
                continue;
            }
            "_sort" if matches!(pair.value.as_str(), "-date" | "-_lastUpdated") => {}
            "_sort" => return Err(Refusal::invalid("the trail is read newest first: `_sort=-date`").at("_sort")),
            "_format" | "_pretty" | "_total" => {}
            _ if handling == Handling::Strict || !pair.name.starts_with('_') => {
                // A filter that is not understood must never widen what is shown.
                let text = format!(
                    "the audit trail is not searched by `{}`; by _id, date, agent, agent-name, patient, entity, action, outcome, type",
                    pair.name
                );
                return Err(Refusal::invalid(text).at(pair.name.clone()));
            }
            _ => continue,
        }
        own.push(pair.clone());
    }
    Ok(Search { asked, count, own })
}

fn bundle(on: &mut Reader, caller: &Caller, search: &Search) -> Result<String, Refusal> {
    let mut events = audit::events(on, &search.asked, search.count + 1)?;
    let more = events.len() > search.count;
    events.truncate(search.count);
    let beside = Beside::read(on, &events)?;
    let own = search.own_query();
    let mut links = vec![("self", format!("{}/AuditEvent?{}", caller.base, own.trim_end_matches('&')))];
    if let Some(last) = events.last().filter(|_| more) {
        links.push(("next", format!("{}/AuditEvent?{own}_before={}", caller.base, last.id)));
    }
    let mut out = open_bundle("searchset", None, &links);
    let mut entries = Entries::default();
    for event in &events {
        entries.next(&mut out);
        out.push_str("\"fullUrl\":");
        quote(&mut out, &format!("{}/AuditEvent/{PREFIX}{}", caller.base, event.id));
        out.push_str(",\"resource\":");
        out.push_str(&resource(event, &beside));
        out.push_str(",\"search\":{\"mode\":\"match\"}}");
    }
    entries.close(&mut out);
    Ok(out)
}

/// The event type of an act: system, code, display.
fn kind(act: &str) -> (&'static str, &'static str, &'static str) {
    match act {
        "use-account" => (DCM, "110114", "User Authentication"),
        "administer" => (DCM, "110137", "User Security Attributes Changed"),
        "break-glass" | "review-access" => (DCM, "110113", "Security Alert"),
        "read-audit" => (DCM, "110101", "Audit Log Used"),
        "send-claims" => (DCM, "110107", "Import"),
        _ => (REST, "rest", "Restful Operation"),
    }
}

/// The interaction of an entry, or what kind of alert it is.
fn subtype(event: &Event, action: char) -> (&'static str, &'static str) {
    const INTERACTION: &str = "http://hl7.org/fhir/restful-interaction";
    match (event.act.as_str(), action) {
        ("break-glass", _) if event.target.ends_with("ended") => (DCM, "110138"),
        ("break-glass", _) => (DCM, "110127"),
        (_, 'C') => (INTERACTION, "create"),
        (_, 'U') => (INTERACTION, "update"),
        (_, 'D') => (INTERACTION, "delete"),
        (_, 'R') if event.target.starts_with("history ") => (INTERACTION, "history"),
        (_, 'R') if event.target.contains("/_history/") => (INTERACTION, "vread"),
        (_, 'R') => (INTERACTION, "read"),
        _ if event.target.starts_with("search ") => (INTERACTION, "search"),
        _ => (INTERACTION, "operation"),
    }
}

/// An entry as the resource it is shown as.
fn resource(event: &Event, beside: &Beside) -> String {
    let action = audit::action(&event.act, &event.target);
    let about = if event.person.is_some() { "Patient" } else { "" };
    let shape = match action {
        'C' => "Create",
        'U' => "Update",
        'D' => "Delete",
        'R' => "Read",
        _ => "Query",
    };
    let patient = event.person.and_then(|p| beside.patients.get(&p).cloned().flatten());
    let mut out = String::with_capacity(900);
    let coding = |w: &mut Writer<'_>, system: &str, code: &str, display: &str| {
        w.text("system", system).text("code", code).text_if("display", display);
    };
    Writer::object(&mut out, |w| {
        w.text("resourceType", "AuditEvent").text("id", &format!("{PREFIX}{}", event.id));
        w.nested("meta", |w| {
            w.text("versionId", "1").text("lastUpdated", &moment::instant(event.at));
            w.list("profile", |w| {
                let profile =
                    format!("https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.{about}{shape}");
                w.item_text(&profile);
            });
        });
        let (system, code, display) = kind(&event.act);
        w.nested("type", |w| coding(w, system, code, display));
        w.list("subtype", |w| {
            let (system, code) = subtype(event, action);
            w.item(|w| coding(w, system, code, ""));
        });
        w.text("action", &action.to_string()).text("recorded", &moment::instant(event.at));
        let (outcome, said) = match event.outcome.as_str() {
            "granted" => ("0", ""),
            "denied" => ("4", "denied"),
            _ => ("8", "failed"),
        };
        w.text("outcome", outcome).text_if("outcomeDesc", said);
        if let (Some(role), Some(act)) = (Role::parse(&event.role), Act::parse(&event.act)) {
            w.list("purposeOfEvent", |w| {
                w.item(|w| {
                    w.list("coding", |w| {
                        w.item(|w| {
                            coding(
                                w,
                                REASON,
                                event.purpose.unwrap_or_else(|| Policy::shared().purpose(role, act)).code(),
                                "",
                            )
                        });
                    });
                });
            });
        }
        w.list("agent", |w| {
            w.item(|w| {
                w.nested("type", |w| {
                    w.list("coding", |w| {
                        w.item(|w| coding(w, DCM, "110153", "Source Role ID"));
                    });
                });
                w.list("role", |w| {
                    w.item(|w| {
                        w.list("coding", |w| {
                            w.item(|w| coding(w, ROLES, &event.role, ""));
                        });
                    });
                });
                w.nested("who", |w| {
                    w.nested("identifier", |w| {
                        w.text("system", ACCOUNTS).text("value", &event.account.to_string());
                    });
                    w.text_if("display", &event.name);
                });
                w.raw("requestor", true);
            });
            w.item(|w| {
                w.nested("type", |w| {
                    w.list("coding", |w| {
                        w.item(|w| coding(w, DCM, "110152", "Destination Role ID"));
                    });
                });
                w.nested("who", |w| {
                    w.text("display", "Mạch");
                });
                w.raw("requestor", false);
            });
        });
        w.nested("source", |w| {
            w.text_if("site", beside.facilities.get(&event.facility).map_or("", String::as_str));
            w.nested("observer", |w| {
                w.text("display", "Mạch");
            });
        });
        w.list("entity", |w| {
            if let Some(id) = &patient {
                entity(w, &format!("Patient/{id}"), ("1", "Person"), ("1", "Patient"));
            }
            let plain = event.target.trim_start_matches("create ").trim_start_matches("delete ");
            let mut parts = plain.split('/');
            let named = match (parts.next(), parts.next()) {
                (Some(kind), Some(id)) if ResourceType::parse(kind).is_some() => Some(format!("{kind}/{id}")),
                _ => None,
            };
            match named {
                Some(what) => entity(w, &what, ("2", "System Object"), ("4", "Domain Resource")),
                None => {
                    let query = event.target.starts_with("search ");
                    let (code, display) = if query { ("24", "Query") } else { ("3", "Report") };
                    w.item(|w| {
                        kinds(w, ("2", "System Object"), (code, display));
                        w.text_if("description", &event.target);
                    });
                }
            }
        });
    });
    out
}

fn kinds(w: &mut Writer<'_>, kind: (&str, &str), role: (&str, &str)) {
    w.nested("type", |w| {
        w.text("system", "http://terminology.hl7.org/CodeSystem/audit-entity-type");
        w.text("code", kind.0).text("display", kind.1);
    });
    w.nested("role", |w| {
        w.text("system", "http://terminology.hl7.org/CodeSystem/object-role");
        w.text("code", role.0).text("display", role.1);
    });
}

fn entity(w: &mut Writer<'_>, what: &str, kind: (&str, &str), role: (&str, &str)) {
    w.item(|w| {
        w.nested("what", |w| {
            w.text("reference", what);
        });
        kinds(w, kind, role);
    });
}
