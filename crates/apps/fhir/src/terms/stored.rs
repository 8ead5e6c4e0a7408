//! Definitions that were stored through the interface, kept ready between requests.
//!
//! What is kept holds as long as no code system, value set or concept map was written: one look at the last number of each
//! type tells. A definition is known by the number of its version and read once.

use super::ours;
use crate::refusal::Refusal;
use mach_access::Scope;
use mach_base::limits;
use mach_fhir::terminology::{self, CodeSystem, ConceptMap, Entry, Library, Problem, Shelf, ValueSet};
use mach_fhir::tree::Value;
use mach_fhir::{ResourceType, Tree};
use mach_store::resources::{self, Resource};
use mach_store::sql::Query;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

const KINDS: [ResourceType; 3] = [ResourceType::CODE_SYSTEM, ResourceType::VALUE_SET, ResourceType::CONCEPT_MAP];
/// Bodies fetched together.
const TOGETHER: usize = 64;

/// The shelves of all facilities, as far as they were asked.
#[derive(Clone, Default)]
pub struct Shelves(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    /// By facility; 0 is the province.
    owners: HashMap<i64, Owner>,
    /// By the number of the version, with the bytes of the body.
    read: HashMap<i64, (usize, Arc<Stored>)>,
    bytes: usize,
}

/// What one facility defined.
struct Owner {
    /// The last written number of each type.
    stamp: Vec<i64>,
    current: Vec<i64>,
    shelf: Arc<Shelf>,
}

/// One stored definition.
enum Stored {
    System(Arc<Entry<CodeSystem>>, Box<str>),
    Set(Arc<Entry<ValueSet>>),
    Map(Arc<Entry<ConceptMap>>),
}

impl Shelves {
    /// What `scope` may ask: a facility its own definitions and the province's, the province its own.
    ///
    /// # Errors
    /// Of the store.
    pub fn library(&self, on: &mut dyn Query, scope: Scope) -> Result<Library, Refusal> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut shelves = Vec::new();
        for owner in scope.facility().into_iter().chain([0]) {
            shelves.push(kept.shelf(on, owner)?);
        }
        shelves.extend([ours::shelf(), terminology::r4_shelf()]);
        Ok(Library::new(shelves))
    }

    fn kept(&self, rid: i64) -> Option<Arc<Stored>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.read.get(&rid).map(|(_, stored)| Arc::clone(stored))
    }

    /// A stored code system.
    ///
    /// # Errors
    /// Why it cannot be used.
    pub fn system(&self, resource: &Resource) -> Result<Arc<CodeSystem>, Refusal> {
        match self.kept(resource.rid).as_deref() {
            Some(Stored::System(entry, _)) => Ok(entry.get()?),
            _ => Ok(Arc::new(CodeSystem::read(super::parsed(&resource.body)?.root())?)),
        }
    }

    /// A stored value set.
    ///
    /// # Errors
    /// Why it cannot be used.
    pub fn value_set(&self, resource: &Resource) -> Result<Arc<ValueSet>, Refusal> {
        match self.kept(resource.rid).as_deref() {
            Some(Stored::Set(entry)) => Ok(entry.get()?),
            _ => Ok(Arc::new(ValueSet::read(super::parsed(&resource.body)?.root())?)),
        }
    }

    /// A stored concept map.
    ///
    /// # Errors
    /// Why it cannot be used.
    pub fn map(&self, resource: &Resource) -> Result<Arc<ConceptMap>, Refusal> {
        match self.kept(resource.rid).as_deref() {
            Some(Stored::Map(entry)) => Ok(entry.get()?),
            _ => Ok(Arc::new(ConceptMap::read(super::parsed(&resource.body)?.root())?)),
        }
    }
}

impl Kept {
    fn shelf(&mut self, on: &mut dyn Query, owner: i64) -> Result<Arc<Shelf>, Refusal> {
        let stamp = resources::last_written(on, owner, &KINDS)?;
        if let Some(known) = self.owners.get(&owner).filter(|o| o.stamp == stamp) {
            return Ok(Arc::clone(&known.shelf));
        }
        let current = match stamp.iter().any(|rid| *rid > 0) {
            true => resources::definitions(on, owner, &KINDS)?,
            false => Vec::new(),
        };
        for gone in self.owners.remove(&owner).map(|o| o.current).unwrap_or_default() {
            if current.binary_search(&gone).is_err()
                && let Some((bytes, _)) = self.read.remove(&gone)
            {
                self.bytes -= bytes;
            }
        }
        let fresh: Vec<i64> = current.iter().filter(|r| !self.read.contains_key(r)).copied().collect();
        for some in fresh.chunks(TOGETHER) {
            for resource in resources::of_rids(on, some)? {
                let bytes = resource.body.len();
                let fits = self.bytes + bytes <= limits::TERMINOLOGY_BYTES;
                if let Some(stored) = stored(resource.kind, resource.body, fits) {
                    let bytes = if fits { bytes } else { 0 };
                    self.bytes += bytes;
                    self.read.insert(resource.rid, (bytes, Arc::new(stored)));
                }
            }
        }
        let mut shelf = Shelf::default();
        for (_, stored) in current.iter().filter_map(|r| self.read.get(r)) {
            match &**stored {
                Stored::System(entry, value_set) => shelf.add_system(Arc::clone(entry), value_set),
                Stored::Set(entry) => shelf.add_set(Arc::clone(entry)),
                Stored::Map(entry) => shelf.add_map(Arc::clone(entry)),
            }
        }
        let shelf = Arc::new(shelf);
        self.owners.insert(owner, Owner { stamp, current, shelf: Arc::clone(&shelf) });
        Ok(shelf)
    }
}

/// A definition whose body is read when it is first asked for, and let go then.
fn stored(kind: ResourceType, body: String, fits: bool) -> Option<Stored> {
    let tree = Tree::parse(body.as_str()).ok()?;
    let field = |name: &str| tree.root().get_text(name).map(|t| t.into_owned()).unwrap_or_default();
    let (url, version, value_set) = (field("url"), field("version"), field("valueSet"));
    // Supplements say more about another system; they are none themselves.
    if kind == ResourceType::CODE_SYSTEM && (url.is_empty() || field("content") == "supplement") {
        return None;
    }
    drop(tree);
    let body = fits.then_some(body);
    Some(match kind {
        ResourceType::CODE_SYSTEM => {
            Stored::System(Entry::new(&url, &version, once(body, CodeSystem::read)), value_set.into())
        }
        ResourceType::VALUE_SET => Stored::Set(Entry::new(&url, &version, once(body, ValueSet::read))),
        _ => Stored::Map(Entry::new(&url, &version, once(body, ConceptMap::read))),
    })
}

fn once<T>(
    body: Option<String>,
    read: impl Fn(Value<'_>) -> Result<T, Problem> + Send + Sync + 'static,
) -> impl Fn() -> Result<T, Problem> + Send + Sync + 'static {
    let slot = Mutex::new(body);
    move || {
        let body = slot.lock().unwrap_or_else(PoisonError::into_inner).take();
        let body = body.ok_or_else(|| {
            let most = limits::TERMINOLOGY_BYTES;
            Problem::TooCostly(format!("the stored code systems, value sets and concept maps pass {most} bytes"))
        })?;
        let tree = Tree::parse(body).map_err(|e| Problem::Invalid(e.to_string()))?;
        read(tree.root())
    }
}
