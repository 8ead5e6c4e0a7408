//! The profiles and extensions that are known: those of R4, and those of packages.

use super::profile::{self, Profile, ProfileError};
use crate::definitions;
use crate::limits;
use crate::package::{Definition, Package};
use crate::tree::Tree;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

static PACKED: &[u8] = include_bytes!("../../../../../content/fhir/r4-profiles.txt.zst");

/// The text of the committed profiles, as the generator wrote it.
pub fn r4_profiles_text() -> String {
    let bytes = zstd::decode_all(PACKED).expect("a test unpacks the committed profiles with this same function");
    String::from_utf8(bytes).expect("the generator writes UTF-8")
}

/// The profiles of R4, unpacked when first asked for.
struct Base {
    /// JSON by URL.
    lines: HashMap<&'static str, &'static str>,
    /// Paths of the Quantities without comparator.
    simple: Vec<&'static str>,
}

fn base() -> &'static Base {
    static BASE: LazyLock<Base> = LazyLock::new(|| {
        let text: &'static str = r4_profiles_text().leak();
        let mut lines = text.lines();
        let simple = lines.next().and_then(|l| l.rsplit('\t').next()).unwrap_or_default().split(',').collect();
        // Each line is an object whose `url` is written before anything longer.
        let url = |line: &'static str| {
            let (_, after) = line.split_once("\"url\":\"")?;
            after.split_once('"').map(|(url, _)| url)
        };
        Base { lines: lines.filter_map(|l| Some((url(l)?, l))).collect(), simple }
    });
    &BASE
}

/// Whether the Quantity at a path of a base type has no comparator.
pub fn is_simple_quantity(path: &str) -> bool {
    base().simple.contains(&path)
}

type Compiled = Result<Arc<Profile>, ProfileError>;

/// What profiles are known, by canonical URL. Compiled when first asked for, and kept.
#[derive(Debug, Default)]
pub struct Library {
    definitions: HashMap<String, Vec<Definition>>,
    compiled: Mutex<HashMap<String, Option<Compiled>>>,
}

impl Library {
    /// The profiles of R4 and those of packages; a later one of the same URL and version hides an earlier.
    pub fn new<'p>(packages: impl IntoIterator<Item = &'p Package>) -> Self {
        let mut all: HashMap<String, Vec<Definition>> = HashMap::new();
        for definition in packages.into_iter().flat_map(|p| &p.definitions) {
            if matches!(definition.kind.as_str(), "StructureDefinition" | "Questionnaire") && !definition.url.is_empty()
            {
                let list = all.entry(definition.url.clone()).or_default();
                list.retain(|d| d.version != definition.version || d.kind != definition.kind);
                list.push(definition.clone());
            }
        }
        Self { definitions: all, compiled: Mutex::default() }
    }

    /// The profiles of R4 alone.
    pub fn r4() -> &'static Self {
        static R4: LazyLock<Library> = LazyLock::new(Library::default);
        &R4
    }

    /// The JSON of a definition of a package by its canonical, the newest where it tells no version.
    pub fn text(&self, kind: &str, canonical: &str) -> Option<Arc<str>> {
        let (url, version) = canonical.split_once('|').unwrap_or((canonical, ""));
        let mut known = self.definitions.get(url)?.iter().filter(|d| d.kind == kind);
        let found = match version {
            "" => known.max_by(|a, b| version_order(&a.version).cmp(&version_order(&b.version)))?,
            // `1.0` names all versions that start so.
            _ => known.find(|d| {
                d.version == version || d.version.strip_prefix(version).is_some_and(|rest| rest.starts_with('.'))
            })?,
        };
        Some(found.text.clone())
    }

    /// The profile of a canonical (`url` or `url|version`); `None` where it is not known.
    pub fn profile(&self, canonical: &str) -> Option<Compiled> {
        self.profile_within(canonical, 0)
    }

    fn profile_within(&self, canonical: &str, depth: usize) -> Option<Compiled> {
        let lock = || self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = lock().get(canonical) {
            return known.clone();
        }
        // Compiled without the lock: bases are looked up within.
        let compiled = self.compile(canonical, depth);
        // What the definitions have is finite; what resources ask for is not.
        if compiled.is_some() {
            lock().insert(canonical.to_owned(), compiled.clone());
        }
        compiled
    }

    fn compile(&self, canonical: &str, depth: usize) -> Option<Compiled> {
        let own = self.text("StructureDefinition", canonical);
        let url = canonical.split('|').next().unwrap_or(canonical);
        let version = canonical.split_once('|').map(|(_, v)| v);
        let of_base = || {
            let is_r4 = version.is_none_or(|v| "4.0.1".starts_with(v));
            base().lines.get(url).filter(|_| is_r4).copied()
        };
        let text: &str = match &own {
            Some(text) => text,
            None => of_base()?,
        };
        if depth >= limits::PROFILE_DEPTH {
            return Some(Err(ProfileError::Limit("profiles on top of each other")));
        }
        Some(self.compile_text(text, depth))
    }

    /// A StructureDefinition that need not be in the library, over bases that are.
    ///
    /// # Errors
    /// Where it makes no profile.
    pub fn compile_text(&self, text: &str, depth: usize) -> Compiled {
        let tree = Tree::parse(text).map_err(|_| ProfileError::Empty)?;
        let root = tree.root();
        let r4 = definitions::r4();
        let has_snapshot = root.get("snapshot").is_some();
        let url = root.get_text("baseDefinition").unwrap_or_default();
        let core = url.strip_prefix(CORE).and_then(|name| r4.find(name));
        let base = match self.profile_within(&url, depth + 1) {
            _ if core.is_some() || has_snapshot => None,
            Some(base) => Some(base?),
            None => return Err(ProfileError::Base(url.into_owned())),
        };
        profile::compile(root, base.as_deref(), has_snapshot, r4).map(Arc::new)
    }
}

/// Where the definitions of R4 are named.
pub const CORE: &str = "http://hl7.org/fhir/StructureDefinition/";

/// A version so that later ones are greater: numbers as numbers, a release after its drafts.
fn version_order(version: &str) -> (Vec<u64>, bool, String) {
    let (numbers, draft) = version.split_once('-').unwrap_or((version, ""));
    let numbers = numbers.split('.').map(|n| n.parse().unwrap_or(0)).collect();
    (numbers, draft.is_empty(), draft.to_owned())
}

/// The URLs of the profiles of R4, sorted.
pub fn r4_profile_urls() -> Vec<&'static str> {
    let mut urls: Vec<_> = base().lines.keys().copied().collect();
    urls.sort_unstable();
    urls
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions() {
        let package = |versions: &[&str]| {
            let of = |v: &&str| Definition {
                kind: "StructureDefinition".into(),
                url: "http://x".into(),
                version: (*v).into(),
                text: format!("{{\"version\":\"{v}\"}}").into(),
            };
            Package { definitions: versions.iter().map(of).collect(), ..Package::default() }
        };
        let library = Library::new([&package(&["1.9.0", "1.10.0", "2.0.0-ballot"]), &package(&["1.0.1"])]);
        let text = |c: &str| library.text("StructureDefinition", c).map(|t| t.to_string());
        assert_eq!(text("http://x").unwrap(), "{\"version\":\"2.0.0-ballot\"}");
        assert_eq!(text("http://x|1.10").unwrap(), "{\"version\":\"1.10.0\"}");
        assert_eq!(text("http://x|1.0.1").unwrap(), "{\"version\":\"1.0.1\"}");
        assert_eq!((text("http://x|1.0.2"), text("http://y")), (None, None));
    }

    #[test]
    fn every_profile_of_r4_compiles() {
        let urls = r4_profile_urls();
        assert_eq!(urls.len(), 439);
        for url in urls {
            if url.ends_with("/picoelement") {
                // Published with a path that EvidenceVariable does not have.
                assert!(matches!(Library::r4().profile(url), Some(Err(ProfileError::Element { .. }))));
                continue;
            }
            let profile = Library::r4().profile(url).expect("it is known").unwrap_or_else(|e| panic!("{url}: {e}"));
            assert_eq!(profile.unread, Vec::<String>::new(), "{url}");
        }
    }
}
