//! A resource as it is sent: read, its shape looked at, made ready to be stored.

use crate::extract::{Extract, extract};
use crate::refusal::Refusal;
use crate::render::with_id;
use crate::subscription;
use crate::write::{Action, Target};
use mach_fhir::{ResourceType, Tree, validate};
use mach_store::resources::Index;

/// A resource as sent, read once.
#[derive(Clone, Debug)]
pub struct Body {
    /// The exact bytes.
    pub text: String,
    /// Its own id, if it tells one.
    pub id: Option<String>,
}

/// A body under its id, with what it is found by.
#[derive(Clone, Debug)]
pub struct Ready {
    pub(crate) id: String,
    pub(crate) text: String,
    pub(crate) extract: Extract,
    pub(crate) index: Index,
    /// Headers of a Subscription's receiver, kept beside it.
    pub(crate) headers: Vec<(String, Option<String>)>,
}

impl Ready {
    /// Its id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The bytes that will be stored.
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// Reads a resource as sent.
///
/// # Errors
/// 400 where it is no JSON or of another type, 422 where its shape is not that of its type: all that is wrong is said, each
/// with its place.
pub fn body(kind: ResourceType, text: &str) -> Result<Body, Refusal> {
    let tree = read(kind, text)?;
    let unfit = validate::unfit(&tree);
    if !unfit.is_empty() {
        return Err(Refusal::unfit(unfit));
    }
    named(kind, &tree)
}

/// Reads a resource that comes from what is stored: of whatever shape.
///
/// # Errors
/// As `body`, but for the shape.
pub fn kept(kind: ResourceType, text: &str) -> Result<Body, Refusal> {
    named(kind, &read(kind, text)?)
}

fn read(kind: ResourceType, text: &str) -> Result<Tree<'_>, Refusal> {
    let tree = Tree::parse(text).map_err(|e| Refusal::invalid(format!("the resource is no JSON: {e}")))?;
    match tree.root().get_text("resourceType") {
        Some(name) if name == kind.name() => Ok(tree),
        Some(name) => {
            let text = format!("`resourceType` is `{name}`, the address says `{}`", kind.name());
            Err(Refusal::invalid(text).at("resourceType"))
        }
        None => Err(Refusal::invalid("`resourceType` is missing, or no text").at("resourceType")),
    }
}

fn named(kind: ResourceType, tree: &Tree<'_>) -> Result<Body, Refusal> {
    let id = match tree.root().get("id") {
        None => None,
        Some(id) => Some(id.text().filter(|id| is_id(id)).ok_or_else(|| {
            let text = "`id` must be 1 to 64 letters, digits, `-` and `.`";
            Refusal::unprocessable("value", text).at(format!("{}.id", kind.name()))
        })?),
    };
    Ok(Body { text: tree.source().to_owned(), id: id.map(|id| id.into_owned()) })
}

/// Whether `id` may be a resource's id. R4 §2.24.0.1.
pub fn is_id(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.'))
}

/// The body under `id`, with what it is found by.
///
/// # Errors
/// 422 where it cannot be indexed.
pub fn ready(kind: ResourceType, text: &str, id: &str, base: &str) -> Result<Ready, Refusal> {
    let admitted = match kind {
        ResourceType::SUBSCRIPTION => Some(subscription::admit(text, base)?),
        _ => None,
    };
    let text = admitted.as_ref().map_or(text, |a| a.text.as_str());
    let tree = Tree::parse(text).map_err(Refusal::internal)?;
    let text = with_id(&tree, text, id).into_owned();
    let mut extract = extract(kind, &tree, base)?;
    drop(tree);
    let index = Index::of(kind, &std::mem::take(&mut extract.values));
    Ok(Ready { id: id.to_owned(), text, extract, index, headers: admitted.map(|a| a.headers).unwrap_or_default() })
}

/// An update as asked: with its id where the address tells it.
///
/// # Errors
/// 400 where body and address disagree, 422 where the body cannot be a resource.
pub fn update(
    kind: ResourceType,
    target: Target,
    text: &str,
    if_match: Option<i64>,
    if_none_match: bool,
    base: &str,
) -> Result<Action, Refusal> {
    let body = body(kind, text)?;
    let ready = match &target {
        Target::Query(_) => None,
        Target::Id(id) => {
            if body.id.as_ref() != Some(id) {
                let own = body.id.as_deref().unwrap_or("none");
                let text = format!("the address says id `{id}`, the resource says `{own}`");
                return Err(Refusal::invalid(text).at(format!("{}.id", kind.name())));
            }
            Some(ready(kind, &body.text, id, base)?)
        }
    };
    Ok(Action::Update { target, body, ready, if_match, if_none_match })
}

/// A condition without what may stand before it: `Patient?`, `?`.
pub fn criteria(kind: ResourceType, text: &str) -> String {
    let text = text.trim();
    text.strip_prefix(kind.name())
        .filter(|rest| rest.starts_with('?'))
        .unwrap_or(text)
        .trim_start_matches('?')
        .to_owned()
}
