//! Bundles: entries are who their fullUrl says; documents and messages hold what they are made of.

use super::meaning::is_absolute;
use super::primitive::{self, shortened};
use super::run::{Entries, Part, Run};
use crate::path::Node;
use crate::search::Target;
use crate::tree::Value;
use std::collections::HashSet;

/// The entries of a bundle by how they are referred to.
pub(super) fn entries<'t>(bundle: Option<Value<'t>>) -> Entries<'t> {
    let mut out = Entries::default();
    for entry in bundle.and_then(|b| b.get("entry")).into_iter().flat_map(Value::items) {
        let Some(resource) = entry.get("resource") else { continue };
        if let Some(url) = entry.get_text("fullUrl") {
            out.by_url.entry(url).or_insert(resource);
        }
        if let (Some(kind), Some(id)) = (resource.get_text("resourceType"), resource.get_text("id")) {
            out.by_id.entry(format!("{kind}/{id}")).or_insert(resource);
        }
    }
    out
}

fn list<'t>(value: Value<'t>, name: &str) -> impl Iterator<Item = Value<'t>> + use<'t> {
    value.get(name).into_iter().flat_map(Value::each)
}

impl<'t> Run<'_, 't> {
    /// Whether an entry's resource has the id it must have.
    pub fn entry_id(&mut self, entry: Value<'t>, node: Node<'t>) {
        let is_missing = node.value.is_some_and(|v| v.get("id").is_none());
        if !is_missing || entry.get("response").is_some() {
            return;
        }
        let url = entry.get_text("fullUrl");
        let needs = match entry.get("request") {
            Some(request) => request.get_text("method").as_deref() == Some("PUT") && request.get("url").is_none(),
            None => url.is_none_or(|u| !u.starts_with("urn:")),
        };
        if needs {
            self.error("required", "a resource in such an entry has an id");
        }
    }

    /// A bundle as a whole.
    pub fn bundle(&mut self, bundle: Value<'t>) {
        let kind = bundle.get_text("type").unwrap_or_default().into_owned();
        let may_miss = matches!(kind.as_str(), "transaction" | "transaction-response" | "batch" | "batch-response");
        let mut seen = HashSet::new();
        for (n, entry) in list(bundle, "entry").enumerate() {
            self.path.extend([Part::Name("entry"), Part::Item(n)]);
            let resource = entry.get("resource");
            match entry.get_text("fullUrl") {
                Some(url) => {
                    self.full_url(&url, resource);
                    let version = resource.and_then(|r| r.get("meta")?.get_text("versionId"));
                    if !seen.insert((url.clone(), version)) && kind != "history" {
                        let text = format!("bdl-7: the fullUrl `{}` stands on two entries", shortened(&url));
                        self.error("invariant", text);
                    }
                }
                None if !may_miss && resource.is_some() => {
                    self.error("required", "an entry has a fullUrl, except in a transaction or batch");
                }
                None => {}
            }
            if kind == "searchset" {
                self.search_entry(entry, resource);
            }
            self.path.truncate(self.path.len() - 2);
        }
        let first = list(bundle, "entry").next().and_then(|e| e.get("resource"));
        let name = first.and_then(|r| r.get_text("resourceType"));
        match (kind.as_str(), first, name.as_deref()) {
            ("document", Some(composition), Some("Composition")) => {
                self.document_bundle(bundle, composition);
                self.all_linked(bundle);
            }
            ("message", Some(header), Some("MessageHeader")) => {
                for focus in list(header, "focus") {
                    self.must_hold(bundle, focus, "MessageHeader.focus");
                }
            }
            ("document" | "message", None, _) => {
                self.error("invariant", format!("the first entry of a {kind} holds a resource"));
            }
            _ => {}
        }
    }

    /// An entry of what a search found: a resource, an OperationOutcome where it is the outcome.
    fn search_entry(&mut self, entry: Value<'t>, resource: Option<Value<'t>>) {
        let Some(resource) = resource else {
            return self.error("required", "an entry of a searchset holds a resource");
        };
        let mode = entry.get("search").and_then(|s| s.get_text("mode"));
        let is_outcome = resource.get_text("resourceType").as_deref() == Some("OperationOutcome");
        if mode.as_deref() == Some("outcome") && !is_outcome {
            self.error("business-rule", "an entry of mode `outcome` is an OperationOutcome");
        }
    }

    fn full_url(&mut self, url: &str, resource: Option<Value<'t>>) {
        let problem = |run: &mut Self, text: String| run.within(Part::Name("fullUrl"), |run| run.error("value", text));
        if !is_absolute(url) {
            return problem(self, format!("`{}` is no absolute URL, which a fullUrl is", shortened(url)));
        }
        let Some(resource) = resource else { return };
        let (Some(kind), id) = (resource.get_text("resourceType"), resource.get_text("id")) else { return };
        if url.starts_with("urn:") {
            return;
        }
        let Some(id) = id else { return };
        let is_rest = Target::read(url).is_some_and(|t| !t.base.is_empty());
        if is_rest && !url.ends_with(&format!("/{kind}/{id}")) {
            let text = format!("`{}` is the URL of another resource than `{kind}/{id}`", shortened(url));
            return problem(self, text);
        }
        // A canonical URL as fullUrl is the resource's own.
        let is_canonical = resource.get_text("url").is_some_and(|u| u == url);
        if !is_rest && !is_canonical && !url.ends_with(&format!("/{id}")) {
            problem(self, format!("`{}` does not end with the resource's id `{id}`", shortened(url)));
        }
    }

    /// What a document's Composition is made of stands in the document.
    fn document_bundle(&mut self, bundle: Value<'t>, composition: Value<'t>) {
        for name in ["subject", "encounter", "author", "custodian"] {
            for reference in list(composition, name) {
                self.must_hold(bundle, reference, &format!("Composition.{name}"));
            }
        }
        for attester in list(composition, "attester") {
            for party in list(attester, "party") {
                self.must_hold(bundle, party, "Composition.attester.party");
            }
        }
        for event in list(composition, "event") {
            for detail in list(event, "detail") {
                self.must_hold(bundle, detail, "Composition.event.detail");
            }
        }
        let mut sections: Vec<_> = list(composition, "section").collect();
        while let Some(section) = sections.pop() {
            for name in ["entry", "author", "focus"] {
                for reference in list(section, name) {
                    self.must_hold(bundle, reference, &format!("Composition.section.{name}"));
                }
            }
            sections.extend(list(section, "section"));
        }
    }

    fn must_hold(&mut self, bundle: Value<'t>, reference: Value<'t>, what: &str) {
        let Some(text) = reference.get_text("reference").filter(|t| !t.starts_with('#')) else { return };
        // As seen from the first entry.
        let url = list(bundle, "entry").next().and_then(|e| e.get_text("fullUrl"));
        if let Some(scope) = self.scopes.last_mut() {
            scope.full_url = url;
        }
        let found = self.resolved(&text).is_some();
        if let Some(scope) = self.scopes.last_mut() {
            scope.full_url = None;
        }
        if !found {
            let shown = primitive::shortened(&text);
            self.error("not-found", format!("`{shown}` ({what}) is not in the bundle"));
        }
    }
}
