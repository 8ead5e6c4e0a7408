//! What a receiver is sent: notification Bundles of the backport guide, and the resources of plain subscriptions.

use super::definition::{Content, Definition};
use crate::moment::instant;
use crate::refusal::Refusal;
use crate::render;
use mach_access::secret;
use mach_base::{limits, time::now_seconds};
use mach_fhir::json::{Writer, quote};
use mach_store::resources::Resource;
use mach_store::subscriptions::{State, Subscription};

const PROFILE: &str = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/";

/// Why a notification is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Is anybody there?
    Handshake,
    /// All is well and nothing happened.
    Heartbeat,
    /// Something happened.
    Event,
    /// Asked how it stands.
    Status,
    /// Asked what happened.
    Events,
}

impl Kind {
    fn code(self) -> &'static str {
        match self {
            Self::Handshake => "handshake",
            Self::Heartbeat => "heartbeat",
            Self::Event => "event-notification",
            Self::Status => "query-status",
            Self::Events => "query-event",
        }
    }
}

/// An event as it is told.
#[derive(Clone, Debug)]
pub struct Told {
    /// Its number.
    pub n: i64,
    /// When.
    pub at: i64,
    /// What it is about; `None` where it may not be seen.
    pub resource: Option<Resource>,
}

/// A subscription in the words of a notification.
pub struct Note<'a> {
    /// Why.
    pub kind: Kind,
    /// Of which subscription.
    pub of: &'a Subscription,
    /// As it is defined; `None` where it cannot be read.
    pub definition: Option<&'a Definition>,
    /// This server's URL.
    pub base: &'a str,
    /// The last event it may tell of.
    pub last: i64,
}

impl Note<'_> {
    /// The status as `Parameters`, with `events` where the content allows it.
    pub fn status(&self, events: &[Told], content: Content) -> String {
        let mut out = String::new();
        Writer::object(&mut out, |w| {
            w.text("resourceType", "Parameters");
            w.nested("meta", |w| {
                w.list("profile", |l| {
                    l.item_text(&format!("{PROFILE}backport-subscription-status-r4"));
                });
            });
            w.list("parameter", |l| self.parameters(l, events, content));
        });
        out
    }

    fn parameters(&self, l: &mut Writer<'_>, events: &[Told], content: Content) {
        l.item(|w| {
            w.text("name", "subscription");
            w.nested("valueReference", |w| {
                w.text("reference", &format!("{}/Subscription/{}", self.base, self.of.fhir));
            });
        });
        let mut simple = |name: &str, value: &'static str, text: &str| {
            l.item(|w| {
                w.text("name", name).text(value, text);
            });
        };
        if let Some(topic) = self.definition.and_then(|d| d.topic.as_deref()) {
            simple("topic", "valueCanonical", topic);
        }
        // The code system of R4 has no word for what is deleted.
        let state = if self.of.state == State::Gone { State::Off } else { self.of.state };
        simple("status", "valueCode", state.code());
        simple("type", "valueCode", self.kind.code());
        simple("events-since-subscription-start", "valueString", &self.last.to_string());
        for event in events {
            l.item(|w| {
                w.text("name", "notification-event");
                w.list("part", |l| {
                    l.item(|w| {
                        w.text("name", "event-number").text("valueString", &event.n.to_string());
                    });
                    l.item(|w| {
                        w.text("name", "timestamp").text("valueInstant", &instant(event.at));
                    });
                    if let Some(resource) = event.resource.as_ref().filter(|_| content != Content::Empty) {
                        l.item(|w| {
                            w.text("name", "focus");
                            w.nested("valueReference", |w| {
                                w.text("reference", &self.address(resource));
                            });
                        });
                    }
                });
            });
        }
        if !self.of.said.is_empty() {
            l.item(|w| {
                w.text("name", "error");
                w.nested("valueCodeableConcept", |w| {
                    w.text("text", &self.of.said);
                });
            });
        }
    }

    fn address(&self, resource: &Resource) -> String {
        format!("{}/{}/{}", self.base, resource.kind.name(), resource.id)
    }

    /// A notification. Bundles of R4 carry it as a history.
    ///
    /// # Errors
    /// 500 where a stored body is damaged.
    pub fn bundle(&self, events: &[Told], content: Content) -> Result<String, Refusal> {
        let mut out = String::from("{\"resourceType\":\"Bundle\",\"id\":");
        quote(&mut out, &uuid()?);
        out.push_str(&format!(
            ",\"meta\":{{\"profile\":[\"{PROFILE}backport-subscription-notification-r4\"]}},\"type\":\"history\",\"timestamp\":"
        ));
        quote(&mut out, &instant(now_seconds()));
        out.push_str(&format!(",\"entry\":[{{\"fullUrl\":\"urn:uuid:{}\",\"resource\":", uuid()?));
        out.push_str(&self.status(events, content));
        out.push_str(",\"request\":{\"method\":\"GET\",\"url\":");
        quote(&mut out, &format!("{}/Subscription/{}/$status", self.base, self.of.fhir));
        out.push_str("},\"response\":{\"status\":\"200\"}}");
        let mut told: Vec<String> = Vec::new();
        for resource in events.iter().filter_map(|e| e.resource.as_ref()).filter(|_| content != Content::Empty) {
            let full = content == Content::Full && !resource.deleted;
            let address = self.address(resource);
            if !full && told.contains(&address) {
                continue;
            }
            out.push_str(",{\"fullUrl\":");
            quote(&mut out, &address);
            if full {
                out.push_str(",\"resource\":");
                out.push_str(&render::with_meta(&resource.body, resource.version, resource.at)?);
            } else {
                told.push(address.clone());
            }
            let (method, status) = match (resource.deleted, resource.version) {
                (true, _) => ("DELETE", "204"),
                (false, 1) => ("PUT", "201"),
                (false, _) => ("PUT", "200"),
            };
            out.push_str(&format!(
                ",\"request\":{{\"method\":\"{method}\",\"url\":\"{}/{}\"}},\"response\":{{\"status\":\"{status}\"}}}}",
                resource.kind.name(),
                resource.id
            ));
        }
        out.push_str("]}");
        Ok(out)
    }
}

/// So many of the events, at least one, that a notification of them does not grow past its limit.
pub fn fitting(mut events: Vec<Told>, content: Content) -> Vec<Told> {
    if content != Content::Full {
        return events;
    }
    let mut bytes = 0;
    let fit = events
        .iter()
        .take_while(|e| {
            let before = bytes;
            bytes += e.resource.as_ref().map_or(0, |r| r.body.len());
            before == 0 || bytes <= limits::SUBSCRIPTION_BYTES
        })
        .count();
    events.truncate(fit.max(1));
    events
}

/// A random UUID. RFC 9562 §5.4.
fn uuid() -> Result<String, Refusal> {
    let random = secret::new_token("").map_err(Refusal::internal)?;
    let r = random.get(..32).ok_or_else(|| Refusal::internal("a token is too short"))?;
    Ok(format!("{}-{}-4{}-a{}-{}", &r[..8], &r[8..12], &r[13..16], &r[17..20], &r[20..32]))
}
