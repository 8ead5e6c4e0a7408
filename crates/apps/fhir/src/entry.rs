//! The entries of a batch or transaction, read.

use crate::caller::{Caller, version_of};
use crate::moment;
use crate::patch::{self, Patch};
use crate::query;
use crate::refusal::Refusal;
use crate::search::Place;
use crate::serve::type_of;
use crate::write::{self, Target};
use mach_base::limits;
use mach_fhir::tree::Value;
use mach_fhir::validate::{self, Issue};
use mach_fhir::{ResourceType, Tree};

/// What an entry asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verb {
    // In the order in which a transaction is carried out.
    /// `DELETE`.
    Delete,
    /// `POST`.
    Post,
    /// `PUT`.
    Put,
    /// `PATCH`.
    Patch,
    /// `GET`, `HEAD`.
    Get,
}

/// An entry, read.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The URL by which others of the bundle refer to it.
    pub full_url: Option<String>,
    /// What is asked.
    pub verb: Verb,
    /// Address below the base, without a query.
    pub path: Vec<String>,
    /// The query, as written.
    pub query: String,
    /// The exact bytes of its resource.
    pub resource: Option<String>,
    /// `ifMatch`.
    pub if_match: Option<i64>,
    /// `ifNoneMatch`.
    pub none_match: Option<String>,
    /// `ifModifiedSince`, as a second.
    pub modified_since: Option<i64>,
    /// `ifNoneExist`, without a leading `?`.
    pub if_none_exist: Option<String>,
}

/// The entries, each read or refused.
pub type Entries = Vec<Result<Entry, Refusal>>;

/// Reads a Bundle: its type and entries.
///
/// # Errors
/// 400 where it is no batch and no transaction, or too long.
pub fn parse(text: &str, base: &str) -> Result<(&'static str, Entries), Refusal> {
    let tree = Tree::parse(text).map_err(|e| Refusal::invalid(format!("the body is no JSON: {e}")))?;
    let root = tree.root();
    if root.get_text("resourceType").as_deref() != Some("Bundle") {
        return Err(Refusal::invalid("only a Bundle is posted to the base; a resource goes to its type").at("Bundle"));
    }
    let kind = match root.get_text("type").as_deref() {
        Some("batch") => "batch",
        Some("transaction") => "transaction",
        other => {
            let text =
                format!("a Bundle posted here is a `batch` or a `transaction`, not `{}`", other.unwrap_or("none"));
            return Err(Refusal::invalid(text).at("Bundle.type"));
        }
    };
    let items: Vec<Value<'_>> = root.get("entry").into_iter().flat_map(Value::items).collect();
    if items.len() > limits::FHIR_BUNDLE {
        let text = format!("{} entries; at most {} in one Bundle", items.len(), limits::FHIR_BUNDLE);
        return Err(Refusal::too_costly(text).at("Bundle.entry"));
    }
    let mut unfit = Unfit::of(validate::unfit_envelope(&tree))?;
    let entries = items.into_iter().enumerate().map(|(n, item)| match unfit.of_entry(n) {
        Some(refusal) => Err(refusal),
        None => entry(item, base).map_err(|r| at(r, n)),
    });
    Ok((kind, entries.collect()))
}

/// What is wrong with the shape of entries, their resources aside.
struct Unfit(Vec<Issue>);

impl Unfit {
    /// 422 where something is wrong with the Bundle beside its entries.
    fn of(issues: Vec<Issue>) -> Result<Self, Refusal> {
        let (within, around): (Vec<_>, Vec<_>) =
            issues.into_iter().partition(|issue| issue.path.starts_with("Bundle.entry["));
        if around.is_empty() { Ok(Self(within)) } else { Err(Refusal::unfit(around)) }
    }

    fn of_entry(&mut self, n: usize) -> Option<Refusal> {
        if self.0.is_empty() {
            return None;
        }
        let place = format!("Bundle.entry[{n}]");
        let here: Vec<Issue> = self.0.extract_if(.., |issue| issue.path.starts_with(&place)).collect();
        (!here.is_empty()).then(|| Refusal::unfit(here))
    }
}

/// The refusal, with the entry it is about.
pub fn at(mut refusal: Refusal, n: usize) -> Refusal {
    let place = format!("Bundle.entry[{n}]");
    if refusal.expression.starts_with("Bundle.entry") {
        return refusal;
    }
    for issue in &mut refusal.more {
        issue.path = format!("{place}: {}", issue.path);
    }
    let expression = if refusal.expression.is_empty() { place } else { format!("{place}: {}", refusal.expression) };
    refusal.at(expression)
}

fn entry(item: Value<'_>, base: &str) -> Result<Entry, Refusal> {
    let request = item.get("request").ok_or_else(|| Refusal::invalid("an entry has no `request`"))?;
    let text = |name: &str| request.get_text(name).map(|t| t.into_owned());
    let verb = match text("method").as_deref() {
        Some("GET" | "HEAD") => Verb::Get,
        Some("POST") => Verb::Post,
        Some("PUT") => Verb::Put,
        Some("PATCH") => Verb::Patch,
        Some("DELETE") => Verb::Delete,
        other => return Err(Refusal::invalid(format!("`{}` is no method of an entry", other.unwrap_or("none")))),
    };
    let url = text("url").ok_or_else(|| Refusal::invalid("an entry's request has no `url`"))?;
    let below = url.strip_prefix(base).unwrap_or(&url).trim_start_matches('/');
    // In a query a system's URL may stand.
    let (path, query) = below.split_once('?').unwrap_or((below, ""));
    if path.contains("://") {
        return Err(Refusal::invalid(format!("`{url}` is not an address of this server")));
    }
    let modified_since = text("ifModifiedSince").map(|t| {
        let wrong = || Refusal::invalid(format!("`{t}` is no instant")).at("request.ifModifiedSince");
        moment::seconds(&t).ok_or_else(wrong)
    });
    let modified_since = modified_since.transpose()?;
    let path = path.split('/').filter(|s| !s.is_empty()).map(query::decode).collect::<Result<Vec<_>, _>>()?;
    Ok(Entry {
        full_url: item.get_text("fullUrl").map(|t| t.into_owned()),
        verb,
        path,
        query: query.to_owned(),
        resource: item.get("resource").map(|r| r.raw().to_owned()),
        if_match: text("ifMatch").map(|t| version_of(&t)).transpose()?,
        none_match: text("ifNoneMatch"),
        modified_since: modified_since.map(|(_, last)| last),
        if_none_exist: text("ifNoneExist").map(|t| t.trim_start_matches('?').to_owned()),
    })
}

impl Entry {
    /// Counts what it looks for among people, where a person asks.
    ///
    /// # Errors
    /// 429 as [`Caller::looks`].
    pub fn looks(&self, caller: &Caller) -> Result<(), Refusal> {
        let place = match self.path.as_slice() {
            [] => Place::System,
            [kind] => match type_of(kind) {
                Ok(kind) => Place::Type(kind),
                Err(_) => return Ok(()),
            },
            _ => Place::Compartment(String::new(), String::new(), None),
        };
        // What cannot be read is refused where it is used.
        let pairs = query::pairs(self.if_none_exist.as_ref().unwrap_or(&self.query)).unwrap_or_default();
        if self.verb == Verb::Get || !pairs.is_empty() { caller.looks(&place, &pairs) } else { Ok(()) }
    }

    /// The type its address names.
    ///
    /// # Errors
    /// 404 where there is no such type, 400 where it is an operation.
    pub fn kind(&self) -> Result<ResourceType, Refusal> {
        if let Some(op) = self.path.iter().find(|s| s.starts_with('$')) {
            return Err(Refusal::unsupported(format!("`{op}`: operations are run within a batch, by GET and POST")));
        }
        type_of(self.path.first().map_or("", String::as_str))
    }

    /// Which resource is to be written.
    ///
    /// # Errors
    /// 400 where the address tells none.
    pub fn target(&self) -> Result<Target, Refusal> {
        match self.path.as_slice() {
            [_, id] if write::is_id(id) => Ok(Target::Id(id.clone())),
            [_] if !self.query.is_empty() => Ok(Target::Query(self.query.clone())),
            _ => Err(Refusal::invalid(format!("`{}` names no resource to write", self.path.join("/")))),
        }
    }

    /// Its resource.
    ///
    /// # Errors
    /// 400 where it has none.
    pub fn body(&self) -> Result<&str, Refusal> {
        self.resource.as_deref().ok_or_else(|| Refusal::invalid("the entry has no `resource`"))
    }

    /// The patch that the resource of a PATCH is: a Binary that holds one, or the Parameters of a FHIRPath Patch.
    ///
    /// # Errors
    /// 400 where it is another thing.
    pub fn patch(text: &str) -> Result<Patch, Refusal> {
        use base64::Engine;
        let tree = Tree::parse(text).map_err(|e| Refusal::invalid(e.to_string()))?;
        let root = tree.root();
        let wrong = || Refusal::invalid("a PATCH entry carries Parameters, or a Binary with a patch in its `data`");
        match root.get_text("resourceType").as_deref() {
            Some("Parameters") => Ok(Patch::parameters(root)?),
            Some("Binary") => {
                let data = root.get_text("data").ok_or_else(wrong)?;
                let bytes = base64::engine::general_purpose::STANDARD.decode(data.as_bytes()).map_err(|_| wrong())?;
                let text = String::from_utf8(bytes).map_err(|_| wrong())?;
                patch::read(&root.get_text("contentType").unwrap_or_default(), &text)
            }
            _ => Err(wrong()),
        }
    }
}

/// The id of an entry's resource as far as it is known before asking.
///
/// # Errors
/// 400 where its address names nothing to write.
pub fn known_id(entry: &Entry) -> Result<Option<String>, Refusal> {
    Ok(match (entry.verb, entry.path.as_slice()) {
        (Verb::Get, _) => None,
        (Verb::Post, [_]) => Some(write::new_id()?),
        (_, [_, id]) if write::is_id(id) => Some(id.clone()),
        (Verb::Post, _) => return Err(Refusal::invalid("a POST entry goes to a type")),
        _ => {
            entry.target()?;
            None
        }
    })
}
