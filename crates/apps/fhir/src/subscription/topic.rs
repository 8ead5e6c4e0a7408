//! Topics: what can be subscribed to beside plain criteria. They are data, `content/fhir/topics.json`, an administrator's to
//! change: R5 SubscriptionTopics in a list.

use crate::query;
use mach_base::content;
use mach_fhir::json::{Writer, quote};
use mach_fhir::tree::Value;
use mach_fhir::{ResourceType, Tree};
use std::sync::LazyLock;

/// A topic.
#[derive(Clone, Debug)]
pub struct Topic {
    /// Its id.
    pub id: String,
    /// Its canonical URL.
    pub url: String,
    /// Its version.
    pub version: String,
    /// What it is.
    pub title: String,
    /// What happens.
    pub triggers: Vec<Trigger>,
    /// Parameters that may narrow it.
    pub filters: Vec<(ResourceType, String)>,
}

/// Something that happens to a resource.
#[derive(Clone, Debug)]
pub struct Trigger {
    /// Of which type.
    pub kind: ResourceType,
    /// `create`, `update`, `delete`.
    pub on: Vec<String>,
    /// What must have held before, as a search.
    pub previous: Option<String>,
    /// What must hold now.
    pub current: Option<String>,
    /// Both, or either.
    pub both: bool,
    /// Whether the test of before passes where there was nothing before.
    pub create_passes: bool,
    /// Whether the test of now passes where there is nothing now.
    pub delete_passes: bool,
}

/// All topics.
///
/// # Panics
/// Where `content/fhir/topics.json` cannot be read: a broken list stops the start.
pub fn all() -> &'static [Topic] {
    static ALL: LazyLock<Vec<Topic>> = LazyLock::new(|| {
        let text = content::text("fhir/topics.json", include_str!("../../../../../content/fhir/topics.json"));
        read(&text).unwrap_or_else(|e| panic!("content/fhir/topics.json: {e}"))
    });
    &ALL
}

/// The topic that a canonical names, with or without its version.
pub fn find(canonical: &str) -> Option<&'static Topic> {
    let (url, version) = canonical.split_once('|').map_or((canonical, None), |(url, v)| (url, Some(v)));
    all().iter().find(|t| t.url == url && version.is_none_or(|v| v == t.version))
}

fn read(text: &str) -> Result<Vec<Topic>, String> {
    let tree = Tree::parse(text).map_err(|e| e.to_string())?;
    tree.root().items().map(|item| one(item).map_err(|e| format!("{}: {e}", item.path()))).collect()
}

fn one(item: Value<'_>) -> Result<Topic, String> {
    let text = |name: &str| item.get_text(name).map(|t| t.into_owned()).ok_or(format!("`{name}` is missing"));
    let triggers = item.get("resourceTrigger").into_iter().flat_map(Value::items).map(trigger);
    let filters = item.get("canFilterBy").into_iter().flat_map(Value::items).map(|f| {
        let name = f.get_text("filterParameter").ok_or("`filterParameter` is missing")?;
        Ok::<_, String>((kind(f)?, name.into_owned()))
    });
    Ok(Topic {
        id: text("id")?,
        url: text("url")?,
        version: text("version")?,
        title: text("title")?,
        triggers: triggers.collect::<Result<_, _>>()?,
        filters: filters.collect::<Result<_, _>>()?,
    })
}

fn kind(of: Value<'_>) -> Result<ResourceType, String> {
    let name = of.get_text("resource").unwrap_or_default();
    let name = name.rsplit('/').next().unwrap_or_default();
    ResourceType::parse(name).ok_or_else(|| format!("`{name}` is no resource type"))
}

fn trigger(item: Value<'_>) -> Result<Trigger, String> {
    let criteria = item.get("queryCriteria");
    let text = |name: &str| criteria.and_then(|c| c.get_text(name)).map(|t| t.into_owned());
    let named: Vec<String> = item
        .get("supportedInteraction")
        .into_iter()
        .flat_map(Value::items)
        .filter_map(|i| i.text().map(|t| t.into_owned()))
        .collect();
    for search in [text("previous"), text("current")].into_iter().flatten() {
        query::pairs(&search).map_err(|e| e.text)?;
    }
    Ok(Trigger {
        kind: kind(item)?,
        on: if named.is_empty() { ["create", "update", "delete"].map(str::to_owned).to_vec() } else { named },
        previous: text("previous"),
        current: text("current"),
        both: criteria.and_then(|c| c.get("requireBoth")).and_then(Value::boolean).unwrap_or(false),
        create_passes: text("resultForCreate").as_deref() != Some("test-fails"),
        delete_passes: text("resultForDelete").as_deref() != Some("test-fails"),
    })
}

/// A topic as R4 can carry it: a Basic with the extensions that stand for the elements of R5.
pub fn as_basic(topic: &Topic) -> String {
    const R5: &str = "http://hl7.org/fhir/5.0/StructureDefinition/extension-SubscriptionTopic";
    let mut out = String::new();
    Writer::object(&mut out, |w| {
        w.text("resourceType", "Basic").text("id", &topic.id);
        w.list("extension", |l| {
            let mut simple = |element: &str, value: &'static str, text: &str| {
                l.item(|w| {
                    w.text("url", &format!("{R5}.{element}")).text(value, text);
                });
            };
            simple("url", "valueUri", &topic.url);
            simple("version", "valueString", &topic.version);
            simple("title", "valueString", &topic.title);
            simple("status", "valueCode", "active");
            for trigger in &topic.triggers {
                l.item(|w| {
                    w.text("url", &format!("{R5}.resourceTrigger"));
                    w.list("extension", |l| triggers(l, trigger));
                });
            }
            for (kind, name) in &topic.filters {
                l.item(|w| {
                    w.text("url", &format!("{R5}.canFilterBy"));
                    w.list("extension", |l| {
                        part(l, "resource", "valueUri", kind.name());
                        part(l, "filterParameter", "valueString", name);
                    });
                });
            }
        });
        w.nested("code", |w| {
            w.list("coding", |l| {
                l.item(|w| {
                    w.text("system", "http://hl7.org/fhir/fhir-types").text("code", "SubscriptionTopic");
                });
            });
        });
    });
    out
}

fn part(l: &mut Writer<'_>, url: &str, value: &'static str, text: &str) {
    l.item(|w| {
        w.text("url", url).text(value, text);
    });
}

fn triggers(l: &mut Writer<'_>, trigger: &Trigger) {
    part(l, "resource", "valueUri", trigger.kind.name());
    for on in &trigger.on {
        part(l, "supportedInteraction", "valueCode", on);
    }
    if trigger.previous.is_none() && trigger.current.is_none() {
        return;
    }
    l.item(|w| {
        w.text("url", "queryCriteria");
        w.list("extension", |l| {
            if let Some(previous) = &trigger.previous {
                part(l, "previous", "valueString", previous);
                part(
                    l,
                    "resultForCreate",
                    "valueCode",
                    if trigger.create_passes { "test-passes" } else { "test-fails" },
                );
            }
            if let Some(current) = &trigger.current {
                part(l, "current", "valueString", current);
                part(
                    l,
                    "resultForDelete",
                    "valueCode",
                    if trigger.delete_passes { "test-passes" } else { "test-fails" },
                );
            }
            l.item(|w| {
                w.text("url", "requireBoth").raw("valueBoolean", trigger.both);
            });
        });
    });
}

/// All topics as a search answer.
pub fn listed(base: &str, id: Option<&str>) -> String {
    let found: Vec<&Topic> = all().iter().filter(|t| id.is_none_or(|id| t.id == id)).collect();
    let mut out = format!("{{\"resourceType\":\"Bundle\",\"type\":\"searchset\",\"total\":{}", found.len());
    for (n, topic) in found.iter().enumerate() {
        out.push_str(if n == 0 { ",\"entry\":[{\"fullUrl\":" } else { ",{\"fullUrl\":" });
        quote(&mut out, &format!("{base}/SubscriptionTopic/{}", topic.id));
        out.push_str(",\"resource\":");
        out.push_str(&as_basic(topic));
        out.push_str(",\"search\":{\"mode\":\"match\"}}");
    }
    out.push_str(if found.is_empty() { "}" } else { "]}" });
    out
}
