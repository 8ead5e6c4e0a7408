//! What belongs to a document: every entry is reached from its Composition, or refers to what is (R4 §3.3.1).

use super::primitive::shortened;
use super::run::{Part, Run};
use crate::search::Target;
use crate::tree::Value;
use std::collections::HashMap;

fn entries<'t>(bundle: Value<'t>) -> impl Iterator<Item = Value<'t>> + use<'t> {
    bundle.get("entry").into_iter().flat_map(Value::items)
}

/// The texts by which anything in a resource refers to others: references, and URIs of entries.
fn mentions<'t>(resource: Value<'t>, mut each: impl FnMut(&str)) {
    let mut waiting = vec![resource];
    while let Some(here) = waiting.pop() {
        for (name, value) in here.members() {
            if let Some(text) = value.text().filter(|_| name != "div" && name != "data") {
                each(&text);
            }
            waiting.push(value);
        }
        for item in here.items() {
            if let Some(text) = item.text() {
                each(&text);
            }
            waiting.push(item);
        }
    }
}

/// `base/Type/id` of a text, as seen from an entry of this URL.
fn absolute(text: &str, from: &str) -> String {
    let text = text.split(['|', '#']).next().unwrap_or(text);
    match Target::read(text) {
        Some(t) => {
            let own = Target::read(from).map_or("", |f| f.base);
            let base = if t.base.is_empty() { own } else { t.base };
            let kind = t.kind.unwrap_or_default();
            if base.is_empty() { format!("{kind}/{}", t.id) } else { format!("{base}/{kind}/{}", t.id) }
        }
        None => text.to_owned(),
    }
}

impl<'t> Run<'_, 't> {
    /// Entries of a document that have nothing to do with it.
    pub fn all_linked(&mut self, bundle: Value<'t>) {
        let all: Vec<_> = entries(bundle).collect();
        let url = |entry: Value<'t>| entry.get_text("fullUrl").unwrap_or_default();
        let mut places: HashMap<String, Vec<usize>> = HashMap::new();
        for (n, entry) in all.iter().enumerate() {
            places.entry(url(*entry).into_owned()).or_default().push(n);
            // A reference without a server, from an entry without one.
            let resource = entry.get("resource");
            let part = |name: &str| resource.and_then(|r| r.get_text(name)).unwrap_or_default();
            places.entry(format!("{}/{}", part("resourceType"), part("id"))).or_default().push(n);
        }
        let mut linked: Vec<Vec<usize>> = vec![Vec::new(); all.len()];
        for (n, entry) in all.iter().enumerate() {
            let own = url(*entry).into_owned();
            let Some(resource) = entry.get("resource") else { continue };
            let mut to = Vec::new();
            mentions(resource, |text| {
                let found = places.get(text).or_else(|| places.get(&absolute(text, &own)));
                to.extend(found.into_iter().flatten().copied().filter(|m| *m != n));
            });
            to.sort_unstable();
            to.dedup();
            for m in to {
                // Either way: a Provenance refers to what it is about.
                linked[n].push(m);
                linked[m].push(n);
            }
        }
        let mut reached = vec![false; all.len()];
        let mut waiting = vec![0];
        while let Some(n) = waiting.pop() {
            if let Some(new) = reached.get_mut(n).filter(|r| !**r) {
                *new = true;
                waiting.extend(&linked[n]);
            }
        }
        for (n, entry) in all.iter().enumerate().filter(|(n, _)| !reached[*n]) {
            // A stylesheet is named by nothing.
            let kind = entry.get("resource").and_then(|r| r.get_text("resourceType")).unwrap_or_default();
            if kind == "Binary" {
                continue;
            }
            self.path.extend([Part::Name("entry"), Part::Item(n)]);
            let text = format!("`{}` is linked with nothing of the document", shortened(&url(*entry)));
            self.error("business-rule", text);
            self.path.truncate(self.path.len() - 2);
        }
    }
}
