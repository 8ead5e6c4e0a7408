//! Search parameters that others define: SearchParameter resources that were stored, active and not of R4 itself.
//!
//! Sketch: at the write of a SearchParameter it is looked at; what cannot be searched by is a 422 that says why. What can is
//! kept, condensed, under a number of its own. A search that names a parameter R4 does not have looks there; before it
//! answers, the resources written since are read for the parameters it names, however they came in.

use crate::extract;
use crate::refusal::Refusal;
use mach_access::Scope;
use mach_base::limits;
use mach_fhir::definitions::{self, ParamKind, SearchParam, TypeKind};
use mach_fhir::json::Writer;
use mach_fhir::search::Extractor;
use mach_fhir::tree::Value;
use mach_fhir::{ResourceType, Tree};
use mach_store::params::{self, Defined};
use mach_store::resources::Resource;
use mach_store::sql::Query;
use mach_store::{Store, Tx, resources};
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

/// Resources read in one transaction.
const READ: usize = 500;
/// Resources read within somebody's own transaction: more are read before it.
const READ_WITHIN: usize = 50;

/// A parameter with what finds its values.
#[derive(Debug)]
pub struct Custom {
    /// Its row.
    pub defined: Defined,
    /// As those of R4 are.
    pub param: SearchParam,
    extractors: Mutex<HashMap<ResourceType, Arc<Extractor>>>,
}

/// The parameters one search may name.
#[derive(Clone, Debug, Default)]
pub struct Customs {
    all: Arc<[&'static Custom]>,
}

/// What an active SearchParameter says, as much of it as searches need.
struct Condensed {
    code: String,
    base: Vec<String>,
    /// JSON.
    body: String,
}

/// What a SearchParameter says; `None` where it is not to be searched by: not active, or one of R4's own.
///
/// # Errors
/// 422 where it is active and cannot be searched by, with the reason.
fn condensed(text: &str) -> Result<Option<Condensed>, Refusal> {
    let tree = Tree::parse(text).map_err(Refusal::internal)?;
    let root = tree.root();
    let get = |name: &str| root.get_text(name).unwrap_or_default();
    let r4 = definitions::r4();
    let url = get("url");
    if get("status") != "active" || r4.params.iter().any(|p| p.url == url) {
        return Ok(None);
    }
    let refuse = |at: &str, why: String| {
        let text = format!("an active SearchParameter is searched by, and this one cannot be: {why}");
        Refusal::unprocessable("business-rule", text).at(format!("SearchParameter.{at}"))
    };
    let code = get("code");
    let letters = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if code.len() > 64 || !code.starts_with(|c: char| c.is_ascii_alphabetic()) || !code.chars().all(letters) {
        return Err(refuse("code", format!("`{code}` is not of letters, digits, `-` and `_`, at most 64")));
    }
    let kind = match get("type").as_ref() {
        "composite" => return Err(refuse("type", "composites of others are not supported".into())),
        other => kind_of(other).ok_or_else(|| refuse("type", format!("`{other}` is defined by no expression")))?,
    };
    let base = texts(root, "base");
    if base.is_empty() {
        return Err(refuse("base", "it names no type".into()));
    }
    for base in &base {
        if r4.find(base).is_none_or(|id| r4.get(id).kind != TypeKind::Resource) {
            return Err(refuse("base", format!("`{base}` is no resource type of FHIR R4")));
        }
        let mut types = ResourceType::all().filter(|kind| applies(base, *kind));
        if let Some(taken) = types.find(|kind| r4.param(kind.name(), &code).is_some()) {
            return Err(refuse("code", format!("`{}` has a parameter `{code}` by R4", taken.name())));
        }
    }
    let targets = texts(root, "target");
    if let Some(target) = targets.iter().find(|t| ResourceType::parse(t).is_none()) {
        return Err(refuse("target", format!("`{target}` is no resource type of FHIR R4")));
    }
    let expression = get("expression");
    if expression.trim().is_empty() {
        return Err(refuse("expression", "it has no expression".into()));
    }
    let said: usize = base.iter().chain(&targets).map(String::len).sum::<usize>() + expression.len() + url.len();
    if said > limits::FHIR_CUSTOM_CHARS {
        let text = format!("it says more than the {} characters that are kept of one", limits::FHIR_CUSTOM_CHARS);
        return Err(refuse("expression", text));
    }
    // Of a base that means all types one stands for all.
    let named = ResourceType::all().filter(|k| base.iter().any(|b| b == k.name()));
    for of in named.chain([ResourceType::PATIENT]) {
        let made = Extractor::custom(r4, of, (0, kind), &expression);
        let made = made.map_err(|e| refuse("expression", format!("the expression is no FHIRPath: {e}")))?;
        if made.is_empty() && base.iter().any(|b| b == of.name()) {
            return Err(refuse("expression", format!("the expression finds nothing in a `{}`", of.name())));
        }
    }
    let mut body = String::new();
    Writer::object(&mut body, |w| {
        w.text("code", &code).text("type", &get("type")).text("url", &url).text("expression", &expression);
        for (name, list) in [("base", &base), ("target", &targets)] {
            w.list(name, |l| {
                for text in list {
                    l.item_text(text);
                }
            });
        }
    });
    Ok(Some(Condensed { code: code.into_owned(), base, body }))
}

fn kind_of(name: &str) -> Option<ParamKind> {
    Some(match name {
        "number" => ParamKind::Number,
        "date" => ParamKind::Date,
        "string" => ParamKind::String,
        "token" => ParamKind::Token,
        "reference" => ParamKind::Reference,
        "quantity" => ParamKind::Quantity,
        "uri" => ParamKind::Uri,
        _ => return None,
    })
}

fn texts(of: Value<'_>, name: &str) -> Vec<String> {
    of.get(name).into_iter().flat_map(Value::items).filter_map(Value::text).map(|t| t.into_owned()).collect()
}

/// Whether a base (`Patient`, `DomainResource`, `Resource`) means a type.
fn applies(base: &str, kind: ResourceType) -> bool {
    let r4 = definitions::r4();
    matches!((r4.find(kind.name()), r4.find(base)), (Some(of), Some(base)) if r4.is_a(of, base))
}

/// Takes note of a SearchParameter that is being written by a facility (0: the province).
///
/// # Errors
/// 422 where it is active and cannot be searched by.
pub fn keep(tx: &mut Tx<'_>, facility: i64, id: &str, text: &str) -> Result<(), Refusal> {
    let said = condensed(text)?;
    if let Some(said) = &said {
        let all = params::all(tx)?;
        let own: Vec<_> = all.iter().filter(|o| o.facility == facility && o.id != id).collect();
        for other in own.iter().filter_map(|o| made(o)).filter(|o| o.param.code == said.code) {
            let both = |k: &ResourceType| other.is_of(*k) && said.base.iter().any(|b| applies(b, *k));
            if let Some(both) = ResourceType::all().find(both) {
                let (id, code, kind) = (&other.defined.id, &said.code, both.name());
                let text = format!("`SearchParameter/{id}` defines `{code}` for `{kind}` already: retire it first");
                return Err(Refusal::unprocessable("duplicate", text).at("SearchParameter.code"));
            }
        }
        if own.len() >= limits::FHIR_CUSTOM_PARAMS {
            let text = format!("at most {} search parameters of one's own are searched by", limits::FHIR_CUSTOM_PARAMS);
            return Err(Refusal::unprocessable("too-costly", text));
        }
        if params::ever(tx, facility)? >= limits::FHIR_CUSTOM_NUMBERS as i64 {
            let most = limits::FHIR_CUSTOM_NUMBERS;
            let text = format!("each definition keeps its number: after {most} of them there are no others");
            return Err(Refusal::unprocessable("too-costly", text));
        }
    }
    Ok(tx.define_param(facility, id, said.map(|s| s.body).as_deref())?)
}

/// Takes note that a SearchParameter of a facility (0: the province) is deleted.
///
/// # Errors
/// Of the store.
pub fn drop(tx: &mut Tx<'_>, facility: i64, id: &str) -> Result<(), Refusal> {
    Ok(tx.define_param(facility, id, None)?)
}

/// A condensed definition.
fn param_of(number: u16, body: &str) -> Option<SearchParam> {
    let tree = Tree::parse(body).ok()?;
    let root = tree.root();
    let get = |name: &str| root.get_text(name).map(|t| lasting(&t)).unwrap_or_default();
    let list = |name: &str| texts(root, name).iter().map(|t| lasting(t)).collect();
    Some(SearchParam {
        number,
        code: get("code"),
        kind: kind_of(get("type"))?,
        url: get("url"),
        base: list("base"),
        targets: list("target"),
        expression: get("expression"),
        components: Vec::new(),
    })
}

/// A text that lives as long as the program, each once: a number means one definition for ever, so these are few.
fn lasting(text: &str) -> &'static str {
    static KEPT: LazyLock<Mutex<HashSet<&'static str>>> = LazyLock::new(Mutex::default);
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = kept.get(text) {
        return known;
    }
    let new: &'static str = text.to_owned().leak();
    kept.insert(new);
    new
}

/// The parameter of a row: made once in the life of the program.
fn made(defined: &Defined) -> Option<&'static Custom> {
    type Key = (u16, i64, String);
    static MADE: LazyLock<Mutex<HashMap<Key, &'static Custom>>> = LazyLock::new(Mutex::default);
    let mut all = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    // Several stores may be open: what a number means is told by its text.
    let key = (defined.number, defined.facility, defined.body.clone());
    if let Some(known) = all.get(&key) {
        return Some(known);
    }
    let param = param_of(defined.number, &defined.body)?;
    let custom: &'static Custom =
        Box::leak(Box::new(Custom { defined: defined.clone(), param, extractors: Mutex::default() }));
    all.insert(key, custom);
    Some(custom)
}

impl Custom {
    /// Whether it is for a type.
    pub fn is_of(&self, kind: ResourceType) -> bool {
        self.param.base.iter().any(|base| applies(base, kind))
    }

    fn extractor(&self, kind: ResourceType) -> Result<Arc<Extractor>, Refusal> {
        let mut all = self.extractors.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = all.get(&kind) {
            return Ok(Arc::clone(known));
        }
        let of = (self.param.number, self.param.kind);
        let new = Extractor::custom(definitions::r4(), kind, of, self.param.expression).map_err(Refusal::internal)?;
        let new = Arc::new(new);
        all.insert(kind, Arc::clone(&new));
        Ok(new)
    }

    fn read(&self, found: Vec<Resource>) -> Result<Vec<(Resource, Vec<resources::Value>)>, Refusal> {
        let read = |resource: Resource| {
            let values = self.values(&resource)?;
            Ok((resource, values))
        };
        found.into_iter().map(read).collect()
    }

    /// What it finds a resource by; nothing where its expression has no answer on it, and the log says so.
    fn values(&self, resource: &Resource) -> Result<Vec<resources::Value>, Refusal> {
        let extractor = self.extractor(resource.kind)?;
        let tree = Tree::parse(resource.body.as_str()).map_err(|e| e.to_string());
        let found = tree.and_then(|tree| extract::by(&extractor, &self.param, &tree).map_err(|e| e.to_string()));
        Ok(found.unwrap_or_else(|e| {
            let (kind, id) = (resource.kind.name(), &resource.id);
            tracing::error!("{kind}/{id} cannot be read for the search parameter `{}`: {e}", self.param.code);
            Vec::new()
        }))
    }
}

impl Customs {
    /// All that `scope` has.
    ///
    /// # Errors
    /// Of the store.
    pub fn all(on: &mut dyn Query, scope: Scope) -> Result<Self, Refusal> {
        Ok(Self { all: params::known(on, scope)?.iter().filter_map(made).collect() })
    }

    /// The parameter `code` of a type; a facility's own hides the province's.
    pub fn find(&self, kind: ResourceType, code: &str) -> Option<&'static Custom> {
        self.of_type(kind).find(|c| c.param.code == code)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Those of a type.
    pub fn of_type(&self, kind: ResourceType) -> impl Iterator<Item = &'static Custom> {
        self.all.iter().copied().filter(move |c| c.is_of(kind))
    }
}

/// A parameter that a search asks by, of a type.
pub type Used = (&'static Custom, ResourceType);

/// Whether resources were written that were not read for one of these parameters.
///
/// # Errors
/// Of the store.
pub fn behind(on: &mut dyn Query, used: &[Used]) -> Result<Option<Used>, Refusal> {
    for (custom, kind) in used {
        if params::is_behind(on, &custom.defined, *kind)? {
            return Ok(Some((custom, *kind)));
        }
    }
    Ok(None)
}

/// Reads some more resources for the parameter; gives how far it came: how many were read, and whether there may be more.
///
/// # Errors
/// Of the store.
pub fn read_some(store: &Store, (custom, kind): Used) -> Result<usize, Refusal> {
    let decision = crate::state::own_decision()?;
    let (found, upto) = params::unread(&mut store.read(&decision)?, &custom.defined, kind, READ)?;
    let count = found.len();
    let made = custom.read(found)?;
    let number = custom.defined.number;
    store.write(&decision, move |tx| tx.read_for(number, kind, &made, upto))?;
    Ok(count)
}

/// Within a transaction: reads what was not read yet for the parameters, and looks again.
///
/// # Errors
/// 503 where that is too much for one transaction.
pub fn settle(tx: &mut Tx<'_>, used: &[Used]) -> Result<(), Refusal> {
    for (custom, kind) in used {
        let (found, upto) = params::unread(tx, &custom.defined, *kind, READ_WITHIN)?;
        if found.len() == READ_WITHIN {
            return Err(not_yet((custom, *kind)));
        }
        if upto > 0 {
            let made = custom.read(found)?;
            tx.read_for(custom.defined.number, *kind, &made, upto)?;
        }
    }
    Ok(())
}

/// The next parameter and type that some resources were not read for, of whomever.
///
/// # Errors
/// Of the store.
pub fn next_behind(on: &mut dyn Query) -> Result<Option<Used>, Refusal> {
    for custom in params::all(on)?.iter().filter_map(made) {
        let types: Vec<Used> = ResourceType::all().filter(|k| custom.is_of(*k)).map(|k| (custom, k)).collect();
        if let Some(found) = behind(on, &types)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// 503: asked again, it can be answered.
pub fn not_yet((custom, kind): Used) -> Refusal {
    let (code, kind) = (custom.param.code, kind.name());
    let text = format!("resources of type `{kind}` are being read for the search parameter `{code}`: ask again");
    let mut refusal = Refusal::new(axum::http::StatusCode::SERVICE_UNAVAILABLE, "incomplete", text);
    refusal.retry_after = Some(10);
    refusal.unindexed = true;
    refusal
}
