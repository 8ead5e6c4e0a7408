//! FHIR packages: the `.tgz` of npm that hold profiles and terminology. Read from bytes, within limits; nothing is written.

use crate::limits;
use crate::terminology::{CodeSystem, ConceptMap, Entry as Known, Problem, Shelf, ValueSet};
use crate::tree::{Kind, Tree};
use flate2::read::MultiGzDecoder;
use std::io::Read;
use std::sync::Arc;

/// What of a package is kept; the rest (examples, capability statements) says nothing to validation or terminology.
pub const KINDS: [&str; 7] =
    ["StructureDefinition", "ValueSet", "CodeSystem", "ConceptMap", "SearchParameter", "NamingSystem", "Questionnaire"];

/// A conformance resource of a package.
#[derive(Clone, Debug)]
pub struct Definition {
    /// Resource type: one of `KINDS`.
    pub kind: String,
    /// Canonical URL; empty where it has none (NamingSystem).
    pub url: String,
    /// Business version; may be empty.
    pub version: String,
    /// Its JSON, as in the package.
    pub text: Arc<str>,
}

/// The content of a package.
#[derive(Clone, Debug, Default)]
pub struct Package {
    /// `hl7.fhir.vn.core`; empty where the package tells none.
    pub name: String,
    /// `1.0.0`.
    pub version: String,
    /// Its definitions, in the order of the file.
    pub definitions: Vec<Definition>,
    /// Files that should hold a resource and do not, with the reason.
    pub unread: Vec<String>,
}

/// Why bytes are no package.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PackageError {
    /// Not gzip, or cut off.
    #[error("the package cannot be unpacked: {0}")]
    Unpack(String),
    /// No tar archive inside.
    #[error("the package holds no tar archive: {0}")]
    Archive(&'static str),
    /// Larger than this program takes.
    #[error("the package passes the limit of {0}")]
    Limit(&'static str),
}

type Result<T> = std::result::Result<T, PackageError>;

impl Package {
    /// Reads a `.tgz`.
    ///
    /// # Errors
    /// Where it is no gzipped tar archive, or passes a limit of the crate.
    pub fn read(bytes: &[u8]) -> Result<Self> {
        if bytes.len() > limits::PACKAGE_PACKED {
            return Err(PackageError::Limit("bytes of a package"));
        }
        let mut archive = Archive { from: MultiGzDecoder::new(bytes), read: 0 };
        let mut package = Self::default();
        let mut files = 0;
        while let Some(entry) = archive.next()? {
            files += 1;
            if files > limits::PACKAGE_FILES {
                return Err(PackageError::Limit("files in a package"));
            }
            package.file(&entry.name, entry.content);
        }
        Ok(package)
    }

    /// Takes up one file as if it stood in a package: `profile.json`. A Bundle gives its entries.
    pub fn file(&mut self, name: &str, content: Vec<u8>) {
        let plain = name.rsplit('/').next().unwrap_or(name);
        let aside = name.split('/').any(|part| matches!(part, "example" | "examples" | "other" | "openapi"));
        if !plain.ends_with(".json") || plain.starts_with('.') || aside {
            return;
        }
        let text = match String::from_utf8(content) {
            Ok(text) => text,
            Err(_) => return self.unread.push(format!("{name}: the text is not UTF-8")),
        };
        let tree = match Tree::parse(text.strip_prefix('\u{feff}').unwrap_or(&text)) {
            Ok(tree) => tree,
            Err(e) => return self.unread.push(format!("{name}: {e}")),
        };
        let root = tree.root();
        let get = |name: &str| root.get_text(name).unwrap_or_default();
        if plain == "package.json" && root.get("resourceType").is_none() {
            self.name = get("name").into_owned();
            self.version = get("version").into_owned();
            return;
        }
        if get("resourceType") == "Bundle" {
            let entries = root.get("entry").into_iter().flat_map(crate::tree::Value::items);
            for resource in entries.filter_map(|e| e.get("resource")) {
                self.take(resource);
            }
        } else {
            self.take(root);
        }
    }

    /// Its terminology, to stand before that of R4.
    pub fn shelf(&self) -> Shelf {
        let mut shelf = Shelf::default();
        for definition in &self.definitions {
            let (url, version, text) = (definition.url.as_str(), definition.version.as_str(), definition.text.clone());
            match definition.kind.as_str() {
                "CodeSystem" => {
                    let tree = Tree::parse(&*text).ok();
                    let all = tree.and_then(|t| t.root().get_text("valueSet").map(|v| v.into_owned()));
                    let entry = Known::new(url, version, move || CodeSystem::read(parsed(&text)?.root()));
                    shelf.add_system(entry, &all.unwrap_or_default());
                }
                "ValueSet" => {
                    shelf.add_set(Known::new(url, version, move || ValueSet::read(parsed(&text)?.root())));
                }
                "ConceptMap" => {
                    shelf.add_map(Known::new(url, version, move || ConceptMap::read(parsed(&text)?.root())));
                }
                _ => {}
            }
        }
        shelf
    }

    fn take(&mut self, resource: crate::tree::Value<'_>) {
        let get = |name: &str| resource.get_text(name).unwrap_or_default().into_owned();
        let kind = get("resourceType");
        if resource.kind() == Kind::Object && KINDS.contains(&kind.as_str()) {
            let (url, version) = (get("url"), get("version"));
            self.definitions.push(Definition { kind, url, version, text: resource.raw().into() });
        }
    }
}

fn parsed(text: &str) -> std::result::Result<Tree<'_>, Problem> {
    Tree::parse(text).map_err(|e| Problem::Invalid(e.to_string()))
}

struct Entry {
    name: String,
    content: Vec<u8>,
}

/// A tar archive (ustar, with the long names of pax and GNU), read once from front to back.
struct Archive<R> {
    from: R,
    read: usize,
}

const BLOCK: usize = 512;

impl<R: Read> Archive<R> {
    /// The next regular file.
    fn next(&mut self) -> Result<Option<Entry>> {
        let mut long = None;
        loop {
            let mut header = [0; BLOCK];
            if !self.fill(&mut header)? || header.iter().all(|b| *b == 0) {
                return Ok(None);
            }
            check_sum(&header)?;
            let size = number(&header[124..136])?;
            let content = self.content(size)?;
            match header[156] {
                b'0' | 0 => {
                    let name = long.take().unwrap_or_else(|| name_of(&header));
                    return Ok(Some(Entry { name, content }));
                }
                b'x' => long = pax_path(&content).or(long),
                b'L' => long = Some(text(&content)),
                // Folders, links and the rest have nothing to read.
                _ => long = None,
            }
        }
    }

    /// Fills the buffer; `false` where the archive ends before it.
    fn fill(&mut self, buffer: &mut [u8]) -> Result<bool> {
        let mut at = 0;
        while at < buffer.len() {
            match self.from.read(&mut buffer[at..]) {
                Ok(0) if at == 0 => return Ok(false),
                Ok(0) => return Err(PackageError::Archive("it is cut off")),
                Ok(n) => at += n,
                Err(e) => return Err(PackageError::Unpack(e.to_string())),
            }
        }
        self.read += at;
        if self.read > limits::PACKAGE_UNPACKED {
            return Err(PackageError::Limit("unpacked bytes of a package"));
        }
        Ok(true)
    }

    fn content(&mut self, size: u64) -> Result<Vec<u8>> {
        let size = usize::try_from(size).ok().filter(|s| *s <= limits::PACKAGE_FILE);
        let size = size.ok_or(PackageError::Limit("bytes of one file in a package"))?;
        // The memory grows with what really comes, not with what the header claims.
        let mut content = Vec::new();
        let mut block = [0; BLOCK];
        let mut left = size;
        while left > 0 {
            if !self.fill(&mut block)? {
                return Err(PackageError::Archive("it is cut off"));
            }
            content.extend_from_slice(&block[..left.min(BLOCK)]);
            left = left.saturating_sub(BLOCK);
        }
        Ok(content)
    }
}

fn check_sum(header: &[u8; BLOCK]) -> Result<()> {
    let sum: u64 =
        header.iter().enumerate().map(|(n, b)| if (148..156).contains(&n) { 32 } else { u64::from(*b) }).sum();
    if number(&header[148..156])? == sum { Ok(()) } else { Err(PackageError::Archive("a header's sum is wrong")) }
}

/// Octal digits, or the binary form of GNU.
fn number(field: &[u8]) -> Result<u64> {
    if let [first, rest @ ..] = field
        && first & 0x80 != 0
    {
        return Ok(rest.iter().fold(0_u64, |n, b| (n << 8) | u64::from(*b)));
    }
    let digits = field.iter().skip_while(|b| **b == b' ').take_while(|b| b.is_ascii_digit());
    digits.into_iter().try_fold(0_u64, |n, b| match b {
        b'0'..=b'7' => Ok((n << 3) | u64::from(b - b'0')),
        _ => Err(PackageError::Archive("a number is not octal")),
    })
}

fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

fn name_of(header: &[u8; BLOCK]) -> String {
    let (name, prefix) = (text(&header[..100]), text(&header[345..500]));
    if prefix.is_empty() || &header[257..262] != b"ustar" { name } else { format!("{prefix}/{name}") }
}

/// `27 path=package/x.json\n` of a pax header.
fn pax_path(content: &[u8]) -> Option<String> {
    let content = String::from_utf8_lossy(content);
    content.lines().find_map(|line| line.split_once(' ')?.1.strip_prefix("path=").map(str::to_owned))
}

#[cfg(test)]
mod tests;
