//! References within a transaction: `urn:uuid:` and other fullUrls become the ids that were given, `Type?criteria` become what
//! they match. Everything else keeps its bytes.

use crate::refusal::Refusal;
use crate::serve::type_of;
use crate::write::Deciding;
use mach_fhir::json::quote;
use mach_fhir::tree::Value;
use mach_fhir::{ResourceType, Tree};
use std::borrow::Cow;
use std::collections::HashMap;

/// What each fullUrl and each condition became.
#[derive(Debug, Default)]
pub struct Links {
    known: HashMap<String, String>,
}

impl Links {
    /// Notes what a fullUrl is; false where it was noted before.
    pub fn add(&mut self, url: &str, kind: ResourceType, id: &str) -> bool {
        let fresh = !self.known.contains_key(url);
        self.set(url, kind, id);
        fresh
    }

    /// Notes what a fullUrl is. A RESTful one is known by its end too: relative references speak of it so.
    pub fn set(&mut self, url: &str, kind: ResourceType, id: &str) {
        let here = format!("{}/{id}", kind.name());
        if let Some(at) = url.rfind(&format!("/{}/", kind.name())).filter(|_| url.contains("://")) {
            self.known.insert(url[at + 1..].to_owned(), here.clone());
        }
        self.known.insert(url.to_owned(), here);
    }

    /// Asks the conditions that a resource's references hold.
    ///
    /// # Errors
    /// 412 where one matches no resource, or several.
    pub fn resolve_conditions(&mut self, deciding: &mut Deciding<'_, '_>, text: &str) -> Result<(), Refusal> {
        let tree = Tree::parse(text).map_err(|e| Refusal::invalid(e.to_string()))?;
        let mut conditions = Vec::new();
        strings(tree.root(), &mut |value, text| {
            if value.name() == Some("reference") && is_condition(text) {
                conditions.push(text.to_string());
            }
        });
        for condition in conditions {
            if self.known.contains_key(&condition) {
                continue;
            }
            let Some((kind, criteria)) = condition.split_once('?') else { continue };
            let kind = type_of(kind)?;
            let mut found = deciding.matching(kind, criteria, 2)?;
            match (found.pop(), found.is_empty()) {
                (Some(one), true) => self.known.insert(condition, format!("{}/{}", kind.name(), one.id)),
                (Some(_), false) => return Err(Refusal::several(&condition)),
                (None, _) => {
                    return Err(Refusal::precondition(format!("the reference `{condition}` matches no resource")));
                }
            };
        }
        Ok(())
    }

    /// The resource with its references set.
    ///
    /// # Errors
    /// 400 where it is no JSON.
    pub fn rewrite<'t>(&self, text: &'t str) -> Result<Cow<'t, str>, Refusal> {
        if self.known.is_empty() {
            return Ok(Cow::Borrowed(text));
        }
        let tree = Tree::parse(text).map_err(|e| Refusal::invalid(e.to_string()))?;
        let mut edits: Vec<(std::ops::Range<usize>, &str)> = Vec::new();
        strings(tree.root(), &mut |value, text| {
            // Other elements than references carry a fullUrl only as a `urn:` (R4: uri, url, canonical, oid, uuid).
            if value.name() == Some("reference") || text.starts_with("urn:") {
                let (plain, _) = text.split_once('#').unwrap_or((text, ""));
                if let Some(to) = self.known.get(plain) {
                    edits.push((value.range(), to));
                }
            }
        });
        if edits.is_empty() {
            return Ok(Cow::Borrowed(text));
        }
        let mut out = String::with_capacity(text.len());
        let mut at = 0;
        for (range, to) in edits {
            out.push_str(&text[at..range.start]);
            quote(&mut out, to);
            at = range.end;
        }
        out.push_str(&text[at..]);
        Ok(Cow::Owned(out))
    }
}

/// Whether a text may hold references that are conditions.
pub fn has_conditions(text: &str) -> bool {
    let Ok(tree) = Tree::parse(text) else { return false };
    let mut any = false;
    strings(tree.root(), &mut |value, text| any |= value.name() == Some("reference") && is_condition(text));
    any
}

fn is_condition(text: &str) -> bool {
    text.split_once('?').is_some_and(|(kind, _)| ResourceType::parse(kind).is_some())
}

/// Every string inside, in document order.
fn strings<'t>(value: Value<'t>, each: &mut dyn FnMut(Value<'t>, &str)) {
    if let Some(text) = value.text() {
        return each(value, &text);
    }
    value.members().for_each(|(_, v)| strings(v, each));
    value.items().for_each(|v| strings(v, each));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_set_and_nothing_else() {
        let mut links = Links::default();
        assert!(links.add("urn:uuid:1", ResourceType::PATIENT, "p1"));
        assert!(!links.add("urn:uuid:1", ResourceType::PATIENT, "p2"));
        links.set("urn:uuid:1", ResourceType::PATIENT, "p1");
        links.set("http://other/Encounter/9", ResourceType::ENCOUNTER, "e1");
        let text = r#"{"subject":{"reference":"urn:uuid:1"},"v":1.00,"x":"urn:uuid:1","y":"Encounter/9","encounter":{"reference":"Encounter/9"},"z":{"reference":"http://other/Encounter/9"},"o":{"reference":"Patient/z"}}"#;
        let expect = r#"{"subject":{"reference":"Patient/p1"},"v":1.00,"x":"Patient/p1","y":"Encounter/9","encounter":{"reference":"Encounter/e1"},"z":{"reference":"Encounter/e1"},"o":{"reference":"Patient/z"}}"#;
        assert_eq!(links.rewrite(text).unwrap(), expect);
        assert!(
            has_conditions(r#"{"reference":"Patient?identifier=1"}"#) && !has_conditions(r#"{"url":"Patient?x=1"}"#)
        );
    }
}
