//! The CapabilityStatement: written from the definitions and from what the handler does, so that it stays true.

use crate::caller::{Caller, FHIR_XML, Format, as_xml, format};
use crate::custom::Customs;
use crate::query::{self, Pair};
use crate::refusal::{FHIR_JSON, Refusal};
use crate::serve::{Asked, blocking};
use crate::subscription::topic;
use crate::terms;
use axum::extract::State as With;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use mach_access::Act;
use mach_fhir::ResourceType;
use mach_fhir::definitions::{self, ParamKind, SearchParam};
use mach_fhir::json::Writer;
use mach_house::House;
use std::sync::LazyLock;

/// When this statement last changed.
const DATE: &str = "2026-11-26";
/// Stands for the server's URL in the prepared text.
const BASE: &str = "\u{1}base";
/// Stands for the same without `/fhir`.
const ROOT: &str = "\u{1}root";
/// Where SMART says how tokens are got (`mach_smart`).
const OAUTH: &str = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris";

/// `GET /fhir/metadata`; open to everyone, it says nothing of what is stored. Who is known is told the search parameters of
/// their own too.
pub async fn metadata(
    With(house): With<House>,
    uri: Uri,
    headers: HeaderMap,
    caller: Result<Caller, Refusal>,
) -> Result<Response, Refusal> {
    let pairs = query::pairs(uri.query().unwrap_or_default())?;
    let caller = caller.ok();
    let base = caller.as_ref().map_or_else(|| crate::caller::base(&house, &headers, false), |c| c.base.clone());
    let body = text(&house, caller.as_ref(), &pairs, (&base, &house.address(&headers))).await?;
    Ok(match format(uri.query(), &headers)? {
        Format::Json => ([(header::CONTENT_TYPE, FHIR_JSON)], body).into_response(),
        Format::Xml => ([(header::CONTENT_TYPE, FHIR_XML)], as_xml(&body)?).into_response(),
    })
}

/// The same as an entry of a batch.
///
/// # Errors
/// 400.
pub async fn answer(asked: &Asked) -> Result<Response, Refusal> {
    let caller = &asked.caller;
    let root = asked.house.address(&caller.headers);
    let body = text(&asked.house, Some(caller), &asked.pairs()?, (&caller.base, &root)).await?;
    caller.answer(StatusCode::OK, body, false)
}

/// `base`: the address of the interface; `root`: that by which apps know this server.
async fn text(
    house: &House,
    caller: Option<&Caller>,
    pairs: &[Pair],
    (base, root): (&str, &str),
) -> Result<String, Refusal> {
    static TEXT: LazyLock<Prepared> = LazyLock::new(|| Prepared::of(&statement(&Customs::default())));
    static TERMS: LazyLock<Prepared> = LazyLock::new(|| Prepared::of(&terms::statement(BASE, DATE)));
    Ok(match pairs.iter().find(|p| p.name == "mode").map(|p| p.value.as_str()) {
        None | Some("full" | "normative") => match caller {
            Some(caller) => match own_statement(house, caller).await? {
                Some(own) => Prepared::of(&own).at(base, root),
                None => TEXT.at(base, root),
            },
            None => TEXT.at(base, root),
        },
        Some("terminology") => TERMS.at(base, root),
        Some(other) => {
            let text = format!("`mode` cannot be `{other}`: `full`, `normative` or `terminology`");
            return Err(Refusal::invalid(text).at("mode"));
        }
    })
}

/// A statement without the addresses of its server: what stands before the first, and behind each. Every request fills them in.
struct Prepared {
    first: String,
    rest: Vec<(bool, String)>,
}

impl Prepared {
    fn of(text: &str) -> Self {
        // As the mark of both stands in JSON.
        let mut parts = text.split("\\u0001");
        let first = parts.next().unwrap_or_default().to_owned();
        let rest = parts.map(|part| match part.strip_prefix(&ROOT[1..]) {
            Some(behind) => (true, behind.to_owned()),
            None => (false, part.strip_prefix(&BASE[1..]).unwrap_or(part).to_owned()),
        });
        Self { first, rest: rest.collect() }
    }

    fn at(&self, base: &str, root: &str) -> String {
        let address = |is_root: bool| if is_root { root } else { base };
        let long: usize = self.rest.iter().map(|(is_root, text)| address(*is_root).len() + text.len()).sum();
        let mut out = String::with_capacity(self.first.len() + long);
        out.push_str(&self.first);
        for (is_root, text) in &self.rest {
            out.push_str(address(*is_root));
            out.push_str(text);
        }
        out
    }
}

/// The statement for who may search by parameters of their own; `None` where they have none.
async fn own_statement(house: &House, caller: &Caller) -> Result<Option<String>, Refusal> {
    let Ok(decision) = caller.decide(house, Act::ReadFhir).await else { return Ok(None) };
    let store = house.store().clone();
    blocking(move || {
        let customs = Customs::all(&mut store.read(&decision)?, decision.scope())?;
        Ok((!customs.is_empty()).then(|| statement(&customs)))
    })
    .await
}

/// Operations on all types.
const OPERATIONS: [(&str, &str); 4] = [
    ("meta", "http://hl7.org/fhir/OperationDefinition/Resource-meta"),
    ("meta-add", "http://hl7.org/fhir/OperationDefinition/Resource-meta-add"),
    ("meta-delete", "http://hl7.org/fhir/OperationDefinition/Resource-meta-delete"),
    ("validate", "http://hl7.org/fhir/OperationDefinition/Resource-validate"),
];

/// Operations on the whole system.
const SYSTEM_OPERATIONS: [(&str, &str); 4] = [
    ("meta", "http://hl7.org/fhir/OperationDefinition/Resource-meta"),
    ("export", "http://hl7.org/fhir/uv/bulkdata/OperationDefinition/export"),
    ("import", "urn:mach:operation:import"),
    ("viewdefinition-run", "https://sql-on-fhir.org/ig/OperationDefinition/$viewdefinition-run"),
];

const INTERACTIONS: [&str; 9] =
    ["read", "vread", "update", "patch", "delete", "history-instance", "history-type", "create", "search-type"];

/// Types that are messages between programs and are never stored for themselves.
pub const NOT_STORED: [ResourceType; 1] = [ResourceType::PARAMETERS];

fn statement(customs: &Customs) -> String {
    let mut out = String::new();
    Writer::object(&mut out, |w| {
        w.text("resourceType", "CapabilityStatement").text("status", "active").text("date", DATE);
        w.text("kind", "instance").text("fhirVersion", "4.0.1");
        w.nested("software", |w| {
            w.text("name", "Mạch").text("version", env!("CARGO_PKG_VERSION"));
        });
        w.nested("implementation", |w| {
            w.text("description", "Hồ sơ sức khỏe của tỉnh (the province's health record)").text("url", BASE);
        });
        w.list("format", |l| {
            l.item_text("application/fhir+json").item_text("application/fhir+xml").item_text("json").item_text("xml");
        });
        w.list("patchFormat", |l| {
            for format in crate::patch::FORMATS {
                l.item_text(format);
            }
        });
        w.list("rest", |l| {
            l.item(|w| rest(w, customs));
        });
    });
    out
}

fn rest(w: &mut Writer<'_>, customs: &Customs) {
    w.list("extension", |l| {
        l.item(|w| {
            w.text("url", "http://hl7.org/fhir/StructureDefinition/capabilitystatement-websocket");
            w.text("valueUri", &format!("{BASE}/$ws"));
        });
    });
    w.text("mode", "server");
    w.nested("security", security);
    w.list("resource", |l| {
        for kind in ResourceType::all().filter(|k| stored(*k)) {
            l.item(|w| resource(w, kind, customs));
        }
    });
    w.list("interaction", |l| {
        for code in ["transaction", "batch", "history-system", "search-system"] {
            l.item(|w| {
                w.text("code", code);
            });
        }
    });
    w.list("operation", |l| {
        for (name, definition) in SYSTEM_OPERATIONS {
            l.item(|w| {
                w.text("name", name).text("definition", definition);
            });
        }
    });
    w.list("compartment", |l| {
        let mut names: Vec<&str> = definitions::r4().compartments().map(|(name, ..)| name).collect();
        names.sort_unstable();
        names.dedup();
        for name in names {
            l.item_text(&format!("http://hl7.org/fhir/CompartmentDefinition/{}", name.to_lowercase()));
        }
    });
}

fn security(w: &mut Writer<'_>) {
    w.list("extension", |l| {
        l.item(|w| {
            w.text("url", OAUTH);
            w.list("extension", |l| {
                for name in ["authorize", "token", "introspect", "revoke"] {
                    l.item(|w| {
                        w.text("url", name).text("valueUri", &format!("{ROOT}/oauth/{name}"));
                    });
                }
            });
        });
    });
    w.raw("cors", true);
    w.list("service", |l| {
        l.item(|w| {
            w.list("coding", |l| {
                l.item(|w| {
                    w.text("system", "http://terminology.hl7.org/CodeSystem/restful-security-service");
                    w.text("code", "SMART-on-FHIR").text("display", "SMART-on-FHIR");
                });
            });
        });
    });
    w.text(
        "description",
        "Authorization: Bearer, a token of SMART App Launch or of `mach token new`; or the session of a signed-in person",
    );
}

/// Whether resources of a type are stored.
pub fn stored(kind: ResourceType) -> bool {
    definitions::r4().find(kind.name()).is_some() && !NOT_STORED.contains(&kind)
}

fn resource(w: &mut Writer<'_>, kind: ResourceType, customs: &Customs) {
    const BACKPORT: &str = "http://hl7.org/fhir/uv/subscriptions-backport";
    if kind == ResourceType::SUBSCRIPTION {
        w.list("extension", |l| {
            for topic in topic::all() {
                l.item(|w| {
                    let of = "StructureDefinition/capabilitystatement-subscriptiontopic-canonical";
                    w.text("url", &format!("{BACKPORT}/{of}")).text("valueCanonical", &topic.url);
                });
            }
        });
    }
    w.text("type", kind.name()).text("profile", &format!("http://hl7.org/fhir/StructureDefinition/{}", kind.name()));
    if kind == ResourceType::SUBSCRIPTION {
        w.list("supportedProfile", |l| {
            l.item_text(&format!("{BACKPORT}/StructureDefinition/backport-subscription"));
        });
    }
    w.list("interaction", |l| {
        for code in INTERACTIONS {
            l.item(|w| {
                w.text("code", code);
            });
        }
    });
    w.text("versioning", "versioned-update").raw("readHistory", true).raw("updateCreate", true);
    w.raw("conditionalCreate", true).text("conditionalRead", "full-support").raw("conditionalUpdate", true);
    w.text("conditionalDelete", "multiple");
    w.list("referencePolicy", |l| {
        l.item_text("literal").item_text("logical");
    });
    let own = || customs.of_type(kind).map(|c| &c.param);
    let references: Vec<&SearchParam> =
        searched(kind).chain(own()).filter(|p| p.kind == ParamKind::Reference).collect();
    w.list("searchInclude", |l| {
        l.item_text("*");
        for param in &references {
            l.item_text(&format!("{}:{}", kind.name(), param.code));
        }
    });
    w.list("searchRevInclude", |l| {
        l.item_text("*");
        for (source, param) in referring(kind) {
            l.item_text(&format!("{}:{}", source.name(), param.code));
        }
    });
    w.list("searchParam", |l| {
        for param in searched(kind).chain(own()) {
            l.item(|w| {
                w.text("name", param.code).text("definition", param.url).text("type", kind_code(param.kind));
            });
        }
    });
    w.list("operation", |l| {
        for (name, definition) in OPERATIONS {
            l.item(|w| {
                w.text("name", name).text("definition", definition);
            });
        }
        for operation in terms::OPERATIONS.iter().filter(|o| o.kind == kind) {
            l.item(|w| {
                w.text("name", operation.name).text("definition", operation.definition);
            });
        }
        if kind == ResourceType::SUBSCRIPTION {
            for name in ["status", "events", "get-ws-binding-token"] {
                l.item(|w| {
                    let definition = format!("{BACKPORT}/OperationDefinition/backport-subscription-{name}");
                    w.text("name", name).text("definition", &definition);
                });
            }
        }
        let export = match kind {
            ResourceType::PATIENT => Some("patient-export"),
            ResourceType::GROUP => Some("group-export"),
            _ => None,
        };
        if let Some(export) = export {
            l.item(|w| {
                let definition = format!("http://hl7.org/fhir/uv/bulkdata/OperationDefinition/{export}");
                w.text("name", "export").text("definition", &definition);
            });
        }
        if matches!(kind, ResourceType::PATIENT | ResourceType::ENCOUNTER) {
            l.item(|w| {
                let definition = format!("http://hl7.org/fhir/OperationDefinition/{}-everything", kind.name());
                w.text("name", "everything").text("definition", &definition);
            });
        }
    });
}

/// Parameters by which resources of other types refer to those of `kind` by name.
fn referring(kind: ResourceType) -> impl Iterator<Item = (ResourceType, &'static SearchParam)> {
    let all = ResourceType::all().filter(|k| stored(*k));
    all.flat_map(|source| definitions::r4().params_of(source.name()).map(move |p| (source, p)))
        .filter(move |(_, p)| p.kind == ParamKind::Reference && p.targets.contains(&kind.name()))
}

/// The parameters that a search of a type understands.
fn searched(kind: ResourceType) -> impl Iterator<Item = &'static SearchParam> {
    definitions::r4()
        .params_of(kind.name())
        .filter(|p| p.code != "_query" && (p.kind != ParamKind::Special || matches!(p.code, "near" | "_filter")))
}

fn kind_code(kind: ParamKind) -> &'static str {
    match kind {
        ParamKind::Number => "number",
        ParamKind::Date => "date",
        ParamKind::String => "string",
        ParamKind::Token => "token",
        ParamKind::Reference => "reference",
        ParamKind::Composite => "composite",
        ParamKind::Quantity => "quantity",
        ParamKind::Uri => "uri",
        ParamKind::Special => "special",
    }
}
