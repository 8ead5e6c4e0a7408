//! References as texts.

use crate::types::ResourceType;

/// What a literal reference names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target<'a> {
    /// Base URL of the server, without its last `/`; empty for a relative reference.
    pub base: &'a str,
    /// `Patient`; `None` where only the id is told.
    pub kind: Option<&'a str>,
    /// Logical id.
    pub id: &'a str,
    /// Version, where told.
    pub version: Option<&'a str>,
}

impl<'a> Target<'a> {
    /// Reads `[base/]Type/id[/_history/version]`; `None` for fragments (`#x`), `urn:` and other texts.
    pub fn read(text: &'a str) -> Option<Self> {
        let (path, version) = match text.split_once("/_history/") {
            Some((path, version)) => (path, Some(version)),
            None => (text, None),
        };
        let (rest, id) = path.rsplit_once('/')?;
        let (base, kind) = rest.rsplit_once('/').map_or(("", rest), |(b, k)| (b, k));
        ResourceType::parse(kind)?;
        let plain =
            |id: &str| !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.'));
        if !plain(id) || id.len() > 64 || version.is_some_and(|v| !plain(v)) || text.starts_with('#') {
            return None;
        }
        Some(Self { base, kind: Some(kind), id, version })
    }
}
