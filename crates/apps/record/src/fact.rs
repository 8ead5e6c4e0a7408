//! Stored resources as facts: what the FHIR JSON says, and where it came from.
//!
//! Only the fields that pages show are read; everything else of a body is skipped. Numbers keep the digits they were
//! written with.

use mach_base::{Day, Decimal, Minute};
use mach_fhir::ResourceType;
use mach_store::resources::Resource;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

/// Where a fact stands in the claim it came with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    /// The facility's code.
    pub(crate) facility: String,
    /// `MA_LK`.
    pub(crate) link: String,
    /// Which time the claim was sent, from 1.
    pub(crate) version: String,
    /// `XML4`.
    pub(crate) table: String,
    /// Line in the table, from 1.
    pub(crate) line: String,
}

/// `urn:mach:claim:{facility}:{MA_LK}:{version}#XML{table}/{line}`, as claims write `meta.source`.
const SOURCE: &str = "urn:mach:claim:";

impl Origin {
    /// Reads a `meta.source`; `None` where a resource did not come with a claim.
    pub(crate) fn parse(source: &str) -> Option<Self> {
        let (claim, place) = source.strip_prefix(SOURCE)?.split_once('#')?;
        let mut parts = claim.split(':');
        let (facility, link, version) = (parts.next()?, parts.next()?, parts.next()?);
        let (table, line) = place.split_once('/')?;
        let whole = parts.next().is_none() && table.starts_with("XML");
        whole.then(|| Self {
            facility: unescape(facility),
            link: unescape(link),
            version: version.to_owned(),
            table: table.to_owned(),
            line: line.to_owned(),
        })
    }
}

/// `%XX` back to bytes; what is no UTF-8 afterwards shows as U+FFFD.
fn unescape(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = text.get(at + 1..at + 3).filter(|_| bytes[at] == b'%').and_then(|h| u8::from_str_radix(h, 16).ok());
        out.push(hex.unwrap_or(bytes[at]));
        at += if hex.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// The claim's number in a resource id `c{claim}-{table}-{line}`.
pub(crate) fn claim_of(id: &str) -> Option<i64> {
    id.strip_prefix('c')?.split_once('-')?.0.parse().ok()
}

/// One fact: when, from where, and what its body says.
#[derive(Clone, Debug)]
pub(crate) struct Fact<T> {
    /// Type of the resource.
    pub(crate) kind: ResourceType,
    /// Its FHIR id.
    pub(crate) id: String,
    /// Its own time.
    pub(crate) at: Minute,
    /// Where it came from.
    pub(crate) origin: Option<Origin>,
    /// The body.
    pub(crate) body: T,
}

/// Facts of one kind, in the order they were read.
#[derive(Clone, Debug)]
pub(crate) struct Facts<T> {
    /// Those that could be read.
    pub(crate) read: Vec<Fact<T>>,
    /// How many could not: the page says so, because silence would look like health.
    pub(crate) unread: usize,
    /// Whether there are older ones that were not asked for.
    pub(crate) more: bool,
}

impl<T: DeserializeOwned> Facts<T> {
    /// Reads the bodies of `resources`, of which at most `limit` were asked for.
    pub(crate) fn of(resources: &[Resource], limit: usize) -> Self {
        let mut facts = Self { read: Vec::with_capacity(resources.len()), unread: 0, more: resources.len() >= limit };
        for resource in resources {
            match fact(resource) {
                Some(fact) => facts.read.push(fact),
                None => {
                    tracing::warn!("{}/{} cannot be read as FHIR", resource.kind.name(), resource.id);
                    facts.unread += 1;
                }
            }
        }
        facts
    }
}

#[derive(Default, Deserialize)]
struct Meta {
    #[serde(default)]
    source: String,
}

#[derive(Deserialize)]
struct Sourced {
    #[serde(default)]
    meta: Meta,
}

/// The `meta.source` of a body.
pub(crate) fn origin_of(body: &str) -> Option<Origin> {
    Origin::parse(&serde_json::from_str::<Sourced>(body).ok()?.meta.source)
}

fn fact<T: DeserializeOwned>(resource: &Resource) -> Option<Fact<T>> {
    // Two passes over a body of a kilobyte: reading both at once (`flatten`) would lose the digits of numbers.
    let body = serde_json::from_str(&resource.body).ok()?;
    let origin = origin_of(&resource.body);
    let at = Minute(resource.date.unwrap_or_default());
    Some(Fact { kind: resource.kind, id: resource.id.clone(), at, origin, body })
}

/// FHIR `Coding`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub(crate) struct Coding {
    pub(crate) system: String,
    pub(crate) code: String,
    pub(crate) display: String,
}

/// FHIR `CodeableConcept`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub(crate) struct Concept {
    pub(crate) coding: Vec<Coding>,
    pub(crate) text: String,
}

impl Concept {
    /// The first code, or nothing.
    pub(crate) fn code(&self) -> &str {
        self.coding.first().map_or("", |c| &c.code)
    }

    /// What it says in words: its text, else the first display, else the code.
    pub(crate) fn words(&self) -> &str {
        let display = self.coding.first().map_or("", |c| &c.display);
        [self.text.as_str(), display, self.code()].into_iter().find(|t| !t.is_empty()).unwrap_or_default()
    }
}

/// FHIR `Quantity` and `Money`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Quantity {
    value: Option<Box<RawValue>>,
    pub(crate) comparator: String,
    pub(crate) unit: String,
    /// UCUM, where it is known.
    pub(crate) code: String,
}

impl Quantity {
    /// The value with the digits it was written with.
    pub(crate) fn decimal(&self) -> Option<Decimal> {
        self.value.as_ref()?.get().parse().ok()
    }
}

/// FHIR `Period`, as text.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Period {
    pub(crate) start: String,
    pub(crate) end: String,
}

/// The day of a FHIR `date` or `dateTime`.
pub(crate) fn day_of(text: &str) -> Option<Day> {
    Day::parse_iso(text.get(..10)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_read_back() {
        let origin = |link: &str, version: &str, table: &str, line: &str| {
            let (facility, link) = ("46001".to_owned(), link.to_owned());
            Some(Origin { facility, link, version: version.into(), table: table.into(), line: line.into() })
        };
        for (source, expect) in [
            ("urn:mach:claim:46001:LK-1:2#XML4/3", origin("LK-1", "2", "XML4", "3")),
            ("urn:mach:claim:46001:a%3Ab%20%C4%91:1#XML1/1", origin("a:b đ", "1", "XML1", "1")),
            ("urn:mach:claim:46001:50%25%:1#XML1/1", origin("50%%", "1", "XML1", "1")),
            ("urn:mach:claim:46001:a:b:1#XML1/1", None),
            ("urn:mach:claim:46001:LK-1:1", None),
            ("https://elsewhere.test/1#XML1/1", None),
            ("", None),
        ] {
            assert_eq!(Origin::parse(source), expect, "{source}");
        }
    }

    #[test]
    fn claims_are_named_by_ids() {
        for (id, claim) in [("c12-4-1", Some(12)), ("c9-5-2-ha", Some(9)), ("p12", None), ("c-1", None), ("", None)] {
            assert_eq!(claim_of(id), claim, "{id}");
        }
    }

    #[test]
    fn numbers_keep_their_digits() {
        for (json, expect) in [("7.80", Some((780, 2))), ("-12", Some((-12, 0))), ("1e3", None), ("\"7\"", None)] {
            let quantity: Quantity = serde_json::from_str(&format!("{{\"value\":{json}}}")).unwrap();
            assert_eq!(quantity.decimal().map(|d| (d.units, d.scale)), expect, "{json}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_counted() {
        let resource = |body: &str| Resource {
            rid: 1,
            kind: ResourceType::CONDITION,
            id: "c1-1-1".into(),
            version: 1,
            at: 0,
            date: Some(5),
            facility: None,
            patient: None,
            deleted: false,
            body: body.into(),
        };
        #[derive(Deserialize)]
        struct Body {
            code: Concept,
        }
        let stored = [
            resource(r#"{"code":{"text":"x"},"meta":{"source":"urn:mach:claim:4:L:1#XML1/1"}}"#),
            resource(r#"{"code":7}"#),
        ];
        let facts: Facts<Body> = Facts::of(&stored, 3);
        assert_eq!((facts.read.len(), facts.unread, facts.more), (1, 1, false));
        assert_eq!(facts.read[0].body.code.words(), "x");
        assert_eq!(facts.read[0].origin.as_ref().map(|o| o.table.as_str()), Some("XML1"));
        assert!(Facts::<Body>::of(&stored, 2).more);
    }
}
