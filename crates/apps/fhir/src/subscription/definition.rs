//! A Subscription resource, read: what it watches, whom it tells and how. Also what of it must not be shown.

use super::topic::{self, Trigger};
use crate::clauses::Reading;
use crate::moment;
use crate::query::{self, Pair};
use crate::refusal::Refusal;
use crate::search::{Handling, Place, Search};
use mach_base::limits;
use mach_fhir::json::quote;
use mach_fhir::tree::Value;
use mach_fhir::{ResourceType, Tree};
use mach_house::call::endpoint::{self, Endpoint};
use mach_store::Tx;
use mach_store::resources::Resource;
use mach_store::search::Clause;
use mach_store::sql::Query;
use mach_store::subscriptions::{self as kept, State};

const BACKPORT: &str = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/";
/// What stands in place of a header's value.
const HIDDEN: &str = "***";
/// Events in one notification where nothing is asked.
const BATCH: usize = 20;
/// Seconds a receiver has where nothing is asked.
const SECONDS: u32 = 30;

/// What is watched.
#[derive(Clone, Debug)]
pub struct Watch {
    /// Resources of this type,
    pub kind: ResourceType,
    /// when one is made,
    pub create: bool,
    /// changed,
    pub update: bool,
    /// or taken away;
    pub delete: bool,
    /// what must have held before,
    pub previous: Option<Clause>,
    /// what must hold now,
    pub current: Option<Clause>,
    /// both, or either;
    pub both: bool,
    /// whether the first passes where there was nothing,
    pub create_passes: bool,
    /// and the second where there is nothing now.
    pub delete_passes: bool,
    /// What must hold beside.
    pub filter: Option<Clause>,
    /// Types whose index rows these ask.
    pub indexed: Vec<ResourceType>,
}

/// How much a notification of a topic tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// That something happened.
    Empty,
    /// To what.
    IdOnly,
    /// And how it is now.
    Full,
}

/// The form of what is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mime {
    /// `application/fhir+json`.
    Json,
    /// `application/fhir+xml`.
    Xml,
}

/// How it is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Channel {
    /// This server calls.
    Hook(Endpoint),
    /// The receiver holds a websocket open.
    Socket,
}

/// A Subscription, read.
#[derive(Clone, Debug)]
pub struct Definition {
    /// What its author wants it to be.
    pub status: State,
    /// The topic's canonical; `None` where it is a plain criterion.
    pub topic: Option<String>,
    /// What is watched.
    pub watches: Vec<Watch>,
    /// How it is told.
    pub channel: Channel,
    /// The media type of the payload; `None` for an empty one.
    pub mime: Option<Mime>,
    /// How much is told.
    pub content: Content,
    /// Seconds of silence after which it is said that all is well.
    pub heartbeat: Option<u32>,
    /// Seconds the receiver has.
    pub timeout: u32,
    /// Events in one notification.
    pub batch: usize,
    /// When it ends, seconds.
    pub end: Option<i64>,
}

fn wrong(place: &str, why: impl Into<String>) -> Refusal {
    Refusal::unprocessable("value", why).at(format!("Subscription.{place}"))
}

/// The value of an extension of the backport guide on an element, or on the shadow of a primitive one.
fn extension<'t>(of: Option<Value<'t>>, name: &str) -> impl Iterator<Item = Value<'t>> {
    let url = format!("{BACKPORT}{name}");
    let all = of.and_then(|v| v.get("extension")).into_iter().flat_map(Value::items);
    all.filter(move |e| e.get_text("url").is_some_and(|u| u == url))
        .filter_map(|e| e.members().find(|(name, _)| name.starts_with("value")).map(|(_, v)| v))
}

fn number(of: Option<Value<'_>>, name: &str) -> Result<Option<u32>, Refusal> {
    let Some(value) = extension(of, name).next() else { return Ok(None) };
    let read = value.number().and_then(|n| n.parse::<u32>().ok());
    read.map(Some).ok_or_else(|| wrong("channel.extension", format!("`{name}` is a whole number of seconds or events")))
}

impl Definition {
    /// Reads a Subscription of the server at `base`.
    ///
    /// # Errors
    /// 422: what in it cannot be carried out.
    pub fn read(text: &str, base: &str) -> Result<Self, Refusal> {
        let tree = Tree::parse(text).map_err(|e| Refusal::invalid(e.to_string()))?;
        let root = tree.root();
        let status = root.get_text("status").and_then(|s| State::parse(&s)).filter(|s| *s != State::Gone);
        let status = status.ok_or_else(|| wrong("status", "`status` is requested, active, error or off"))?;
        let criteria = root.get_text("criteria").ok_or_else(|| wrong("criteria", "`criteria` is missing"))?;
        let channel = root.get("channel").ok_or_else(|| wrong("channel", "`channel` is missing"))?;
        let filters: Vec<String> = extension(root.get("_criteria"), "backport-filter-criteria")
            .filter_map(|f| f.text().map(|t| t.into_owned()))
            .collect();
        let (topic, watches) = match criteria.split('?').next().and_then(ResourceType::parse) {
            Some(kind) => (None, vec![plain(kind, &criteria, base)?]),
            None => (Some(criteria.clone().into_owned()), of_topic(&criteria, &filters, base)?),
        };
        let mime = mime(channel)?;
        let payload = extension(channel.get("_payload"), "backport-payload-content").next();
        let content = match payload.and_then(Value::text).as_deref() {
            Some("empty") | None => Content::Empty,
            Some("id-only") => Content::IdOnly,
            Some("full-resource") => Content::Full,
            Some(other) => return Err(wrong("channel.payload", format!("`{other}`: empty, id-only or full-resource"))),
        };
        if topic.is_some() && mime.is_none() {
            return Err(wrong("channel.payload", "a topic's notification is a Bundle: say `application/fhir+json`"));
        }
        let timeout = number(Some(channel), "backport-timeout")?.unwrap_or(SECONDS);
        let batch = number(Some(channel), "backport-max-count")?.map_or(BATCH, |n| n as usize);
        if timeout == 0 || batch == 0 {
            return Err(wrong("channel.extension", "a timeout or a count of 0 lets nothing through"));
        }
        let end = match root.get_text("end") {
            None => None,
            Some(text) => {
                Some(moment::seconds(&text).ok_or_else(|| wrong("end", format!("`{text}` is no instant")))?.1)
            }
        };
        Ok(Self {
            status,
            topic,
            watches,
            channel: channel_of(channel)?,
            mime,
            content,
            heartbeat: number(Some(channel), "backport-heartbeat-period")?.filter(|n| *n > 0),
            timeout: timeout.min(limits::SUBSCRIPTION_SECONDS),
            batch: batch.min(limits::SUBSCRIPTION_BATCH),
            end,
        })
    }
}

fn channel_of(channel: Value<'_>) -> Result<Channel, Refusal> {
    if extension(channel.get("_type"), "backport-channel-type").next().is_some() {
        return Err(wrong("channel.type", "other channels than rest-hook and websocket are not supported"));
    }
    let endpoint = channel.get_text("endpoint");
    match channel.get_text("type").as_deref() {
        Some("rest-hook") => {
            let url = endpoint.ok_or_else(|| wrong("channel.endpoint", "a rest-hook needs an endpoint"))?;
            Endpoint::parse(&url).map(Channel::Hook).map_err(|why| wrong("channel.endpoint", why))
        }
        Some("websocket") => Ok(Channel::Socket),
        Some(other @ ("email" | "sms" | "message")) => {
            Err(wrong("channel.type", format!("`{other}` is not supported; use rest-hook or websocket")))
        }
        _ => Err(wrong("channel.type", "`type` is rest-hook or websocket")),
    }
}

fn mime(channel: Value<'_>) -> Result<Option<Mime>, Refusal> {
    let Some(text) = channel.get_text("payload") else { return Ok(None) };
    let plain = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match plain.as_str() {
        "" => Ok(None),
        "application/fhir+json" | "application/json" => Ok(Some(Mime::Json)),
        "application/fhir+xml" | "application/xml" => Ok(Some(Mime::Xml)),
        _ => Err(wrong("channel.payload", format!("`{text}`: application/fhir+json or application/fhir+xml"))),
    }
}

/// What a search asks of one resource.
fn clause(kind: ResourceType, pairs: &[Pair], base: &str) -> Result<(Option<Clause>, Vec<ResourceType>), Refusal> {
    let mut search = Search::read(&Reading::new(base), &Place::Type(kind), pairs, Handling::Strict)?;
    let control = pairs.iter().find(|p| p.name.starts_with('_') && !of_one(&p.name));
    if let Some(pair) = control {
        return Err(Refusal::unsupported(format!("`{}` says nothing of one resource", pair.name)));
    }
    let indexed = search.trusted();
    let clause = search.asked.pop().map(|(_, clause)| clause).filter(|_| !pairs.is_empty());
    Ok((clause, indexed))
}

fn of_one(name: &str) -> bool {
    let code = name.split([':', '.']).next().unwrap_or_default();
    matches!(
        code,
        "_id" | "_lastUpdated" | "_tag" | "_profile" | "_security" | "_source" | "_has" | "_filter" | "_list"
    )
}

fn asked(kind: ResourceType, query: &str, base: &str) -> Result<(Option<Clause>, Vec<ResourceType>), Refusal> {
    clause(kind, &query::pairs(query)?, base)
}

fn criteria_refused(refusal: Refusal) -> Refusal {
    wrong("criteria", refusal.text)
}

fn plain(kind: ResourceType, criteria: &str, base: &str) -> Result<Watch, Refusal> {
    let query = criteria.split_once('?').map_or("", |(_, q)| q);
    let (current, indexed) = asked(kind, query, base).map_err(criteria_refused)?;
    Ok(Watch {
        kind,
        create: true,
        update: true,
        delete: false,
        previous: None,
        current,
        both: false,
        create_passes: true,
        delete_passes: true,
        filter: None,
        indexed,
    })
}

fn of_topic(canonical: &str, filters: &[String], base: &str) -> Result<Vec<Watch>, Refusal> {
    let Some(topic) = topic::find(canonical) else {
        let known: Vec<&str> = topic::all().iter().map(|t| t.url.as_str()).collect();
        let why = format!("`{canonical}` is neither `Type?parameters` nor a topic; topics are {}", known.join(", "));
        return Err(wrong("criteria", why));
    };
    let mut by_type: Vec<(ResourceType, Vec<Pair>)> = Vec::new();
    for filter in filters {
        let (name, query) = filter.split_once('?').unwrap_or((filter, ""));
        let kind = ResourceType::parse(name).filter(|k| topic.triggers.iter().any(|t| t.kind == *k));
        let kind = kind.ok_or_else(|| wrong("criteria", format!("`{filter}`: this topic is not about `{name}`")))?;
        let pairs = query::pairs(query).map_err(criteria_refused)?;
        for pair in &pairs {
            let code = pair.name.split([':', '.']).next().unwrap_or_default();
            if !topic.filters.iter().any(|(k, f)| *k == kind && f == code) {
                return Err(wrong("criteria", format!("`{filter}`: this topic cannot be filtered by `{code}`")));
            }
        }
        by_type.push((kind, pairs));
    }
    topic.triggers.iter().map(|t| watch(t, &by_type, base)).collect()
}

fn watch(trigger: &Trigger, filters: &[(ResourceType, Vec<Pair>)], base: &str) -> Result<Watch, Refusal> {
    let on = |name: &str| trigger.on.iter().any(|o| o == name);
    let (mut tests, mut indexed) = ([None, None], Vec::new());
    for (test, query) in tests.iter_mut().zip([&trigger.previous, &trigger.current]) {
        if let Some(query) = query {
            let (clause, types) = asked(trigger.kind, query, base)?;
            *test = clause;
            indexed.extend(types);
        }
    }
    let mut all = Vec::new();
    for (_, pairs) in filters.iter().filter(|(kind, _)| *kind == trigger.kind) {
        let (clause, types) = clause(trigger.kind, pairs, base).map_err(criteria_refused)?;
        all.extend(clause);
        indexed.extend(types);
    }
    indexed.sort_unstable();
    indexed.dedup();
    let [previous, current] = tests;
    Ok(Watch {
        kind: trigger.kind,
        create: on("create"),
        update: on("update"),
        delete: on("delete"),
        previous,
        current,
        both: trigger.both,
        create_passes: trigger.create_passes,
        delete_passes: trigger.delete_passes,
        filter: (!all.is_empty()).then_some(Clause::All(all)),
        indexed,
    })
}

/// A Subscription as it is stored: without the values of its headers, and not active before this server has made it so.
#[derive(Clone, Debug)]
pub struct Admitted {
    /// Its bytes.
    pub text: String,
    /// Its headers: name, and value where it was given.
    pub headers: Vec<(String, Option<String>)>,
}

/// Reads a Subscription as sent.
///
/// # Errors
/// 422: what in it cannot be carried out.
pub fn admit(text: &str, base: &str) -> Result<Admitted, Refusal> {
    Definition::read(text, base)?;
    let tree = Tree::parse(text).map_err(|e| Refusal::invalid(e.to_string()))?;
    let root = tree.root();
    let mut edits = Vec::new();
    let mut headers = Vec::new();
    if let Some(status) = root.get("status").filter(|s| s.text().as_deref() == Some("active")) {
        edits.push((status.range(), "\"requested\"".to_owned()));
    }
    for (n, item) in root.get("channel").and_then(|c| c.get("header")).into_iter().flat_map(Value::each).enumerate() {
        let place = format!("channel.header[{n}]");
        if n >= limits::SUBSCRIPTION_HEADERS {
            return Err(wrong(&place, format!("more than {} headers", limits::SUBSCRIPTION_HEADERS)));
        }
        let line = item.text().ok_or_else(|| wrong(&place, "a header is text"))?;
        let (name, value) = endpoint::header(&line).map_err(|why| wrong(&place, why))?;
        headers.push((name.to_owned(), Some(value.to_owned()).filter(|v| v != HIDDEN)));
        let mut hidden = String::new();
        quote(&mut hidden, &format!("{name}: {HIDDEN}"));
        edits.push((item.range(), hidden));
    }
    edits.sort_by_key(|(range, _)| std::cmp::Reverse(range.start));
    let mut text = text.to_owned();
    for (range, new) in edits {
        text.replace_range(range, &new);
    }
    Ok(Admitted { text, headers })
}

/// Keeps the headers of a Subscription that is being written, beside it.
///
/// # Errors
/// 422 where a value is left out that the writer did not give before, or where there are too many subscriptions.
pub fn keep(tx: &mut Tx<'_>, facility: i64, id: &str, headers: &[(String, Option<String>)]) -> Result<(), Refusal> {
    let account = tx.decision().actor().account;
    let known = kept::of(tx, facility, id)?.is_some();
    if !known && kept::count_of(tx, account)? >= limits::SUBSCRIPTIONS {
        let text = format!("this account has {} live subscriptions; end one of them", limits::SUBSCRIPTIONS);
        return Err(Refusal::unprocessable("too-costly", text).at("Subscription"));
    }
    let before = kept::headers(tx, facility, id)?.filter(|(by, _)| *by == account).map(|(_, lines)| lines);
    let mut lines = Vec::with_capacity(headers.len());
    for (n, (name, value)) in headers.iter().enumerate() {
        let value = match value {
            Some(value) => value.clone(),
            None => lines_of(before.as_deref().unwrap_or_default())
                .find(|(own, _)| own.eq_ignore_ascii_case(name))
                .map(|(_, value)| value.to_owned())
                .ok_or_else(|| wrong(&format!("channel.header[{n}]"), format!("give the value of `{name}`")))?,
        };
        lines.push(format!("{name}: {value}"));
    }
    Ok(tx.keep_headers(facility, id, account, &lines.join("\n"))?)
}

/// Kept headers as names and values.
pub fn lines_of(kept: &str) -> impl Iterator<Item = (&str, &str)> {
    kept.lines().filter_map(|line| line.split_once(": "))
}

/// The resource with the values of its headers again, for the account that gave them; for all others as it is.
///
/// # Errors
/// Of the store.
pub fn shown_to(on: &mut dyn Query, account: i64, resource: &mut Resource) -> Result<(), Refusal> {
    let kept = kept::headers(on, resource.facility.unwrap_or(0), &resource.id)?;
    let Some((_, lines)) = kept.filter(|(by, _)| *by == account) else { return Ok(()) };
    let tree = Tree::parse(resource.body.as_str()).map_err(Refusal::internal)?;
    let items = tree.root().get("channel").and_then(|c| c.get("header")).into_iter().flat_map(Value::each);
    let mut edits: Vec<_> = items
        .zip(lines.lines())
        .map(|(item, line)| {
            let mut plain = String::new();
            quote(&mut plain, line);
            (item.range(), plain)
        })
        .collect();
    edits.reverse();
    let mut body = resource.body.clone();
    for (range, new) in edits {
        body.replace_range(range, &new);
    }
    resource.body = body;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(criteria: &str, rest: &str, channel: &str) -> String {
        format!(
            r#"{{"resourceType":"Subscription","status":"requested","reason":"x","criteria":"{criteria}",{rest}"channel":{{{channel}}}}}"#
        )
    }
    const HOOK: &str = r#""type":"rest-hook","endpoint":"https://h.vn/x""#;

    #[test]
    fn what_cannot_be_carried_out_is_refused() {
        let refused = |text: &str, place: &str| {
            let refusal = Definition::read(text, "http://h/fhir").expect_err(text);
            assert_eq!((refusal.status.as_u16(), refusal.expression.as_str()), (422, place), "{text}: {refusal}");
        };
        assert!(Definition::read(&sent("Observation?code=http://loinc.org|1", "", HOOK), "").is_ok());
        assert!(Definition::read(&sent("Observation", "", HOOK), "").is_ok());
        refused(&sent("Observation?nonsense=1", "", HOOK), "Subscription.criteria");
        refused(&sent("Observation?code:what=1", "", HOOK), "Subscription.criteria");
        refused(&sent("Observation?date=sometime", "", HOOK), "Subscription.criteria");
        refused(&sent("Observation?_include=Observation:subject", "", HOOK), "Subscription.criteria");
        refused(&sent("Observation?_content=x", "", HOOK), "Subscription.criteria");
        refused(&sent("Nothing?x=1", "", HOOK), "Subscription.criteria");
        refused(&sent("urn:mach:topic:none", "", HOOK), "Subscription.criteria");
        refused(&sent("Patient", "", r#""type":"email","endpoint":"mailto:x@y""#), "Subscription.channel.type");
        refused(&sent("Patient", "", r#""type":"rest-hook""#), "Subscription.channel.endpoint");
        refused(&sent("Patient", "", r#""type":"rest-hook","endpoint":"ftp://h/x""#), "Subscription.channel.endpoint");
        refused(&sent("Patient", "", &format!(r#"{HOOK},"payload":"text/csv""#)), "Subscription.channel.payload");
        refused(&sent("Patient", r#""end":"never","#, HOOK), "Subscription.end");
        refused(&sent("urn:mach:topic:patient-change", "", HOOK), "Subscription.channel.payload");
        let topic = |filter: &str| {
            let filter = format!(
                r#""_criteria":{{"extension":[{{"url":"{BACKPORT}backport-filter-criteria","valueString":"{filter}"}}]}},"#
            );
            sent("urn:mach:topic:encounter-start", &filter, &format!(r#"{HOOK},"payload":"application/fhir+json""#))
        };
        let read = Definition::read(&topic("Encounter?patient=Patient/1"), "").unwrap();
        assert!(read.watches[0].filter.is_some() && read.watches[0].both && !read.watches[0].delete);
        refused(&topic("Encounter?length=3"), "Subscription.criteria");
        refused(&topic("Patient?_id=3"), "Subscription.criteria");
    }

    #[test]
    fn values_of_headers_are_taken_out_and_nothing_else_changes() {
        let channel = format!(r#"{HOOK},"header":["Authorization: Bearer s3cret","X-A: b"]"#);
        let text = sent("Patient", "", &channel).replace("requested", "active");
        let admitted = admit(&text, "").unwrap();
        let expect = text.replace("Bearer s3cret", "***").replace("X-A: b", "X-A: ***").replace("active", "requested");
        assert_eq!(admitted.text, expect);
        assert_eq!(admitted.headers[0], ("Authorization".to_owned(), Some("Bearer s3cret".to_owned())));
        assert_eq!(admit(&admitted.text, "").unwrap().headers[0], ("Authorization".to_owned(), None));
        let many = |n: usize| format!(r#"{HOOK},"header":[{}]"#, vec![r#""X: y""#; n].join(","));
        assert!(admit(&sent("Patient", "", &many(limits::SUBSCRIPTION_HEADERS)), "").is_ok());
        assert!(admit(&sent("Patient", "", &many(limits::SUBSCRIPTION_HEADERS + 1)), "").is_err());
        assert!(admit(&sent("Patient", "", &format!(r#"{HOOK},"header":["X: a\r\nY: b"]"#)), "").is_err());
    }
}
