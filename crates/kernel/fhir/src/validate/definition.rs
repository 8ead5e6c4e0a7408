//! Definitions: paths of StructureDefinitions exist in what they narrow, a snapshot keeps its differential, expressions
//! compile, value sets list codes that their systems have.

use super::library;
use super::primitive::shortened;
use super::profile::{self, ProfileError};
use super::run::Run;
use crate::definitions::TypeId;
use crate::path::{Expression, Mode};
use crate::terminology::Membership;
use crate::tree::Value;
use std::collections::HashSet;

fn elements<'t>(definition: Value<'t>, part: &str) -> impl Iterator<Item = Value<'t>> + use<'t> {
    definition.get(part).and_then(|p| p.get("element")).into_iter().flat_map(Value::items)
}

impl<'t> Run<'_, 't> {
    /// A StructureDefinition as a whole.
    pub fn structure_definition(&mut self, definition: Value<'t>) {
        let get = |name: &str| definition.get_text(name).unwrap_or_default();
        let kind = get("type");
        let name = kind.rsplit('/').next().unwrap_or_default();
        for part in ["snapshot", "differential"] {
            self.paths(definition, part, name);
        }
        if get("derivation") != "constraint" || get("kind") == "logical" {
            return;
        }
        // The base is of the same type.
        let base = get("baseDefinition");
        if let Some(of_base) = self.type_of_profile(&base) {
            let own = self.r4.find(&kind);
            let narrows = own.is_some_and(|own| self.r4.is_a(own, of_base));
            if own.is_some() && !narrows {
                let is = self.r4.get(of_base).name;
                self.error("value", format!("the type is `{name}`, that of the base `{}` is `{is}`", shortened(&base)));
            }
        } else if !base.starts_with(library::CORE) {
            self.warn("not-found", format!("the base `{}` is not known", shortened(&base)));
        }
        if kind == "Extension" {
            self.url_of_extension(definition, &get("url"));
        }
        let over = self.library().profile(&base).and_then(Result::ok);
        for from_snapshot in [true, false] {
            match profile::compile(definition, over.as_deref(), from_snapshot, self.r4) {
                Err(ProfileError::Element { path, problem }) => {
                    return self.error("structure", format!("`{}`: {problem}", shortened(&path)));
                }
                Err(ProfileError::Empty) if !from_snapshot => {}
                Err(e @ (ProfileError::Type(_) | ProfileError::Empty)) => return self.error("value", e.to_string()),
                Err(e) => return self.warn("not-supported", e.to_string()),
                Ok(compiled) => {
                    for flaw in compiled.flaws {
                        self.error("value", flaw);
                    }
                    for problem in compiled.unread {
                        self.warn("not-supported", problem);
                    }
                }
            }
        }
        self.snapshot_keeps(definition);
    }

    /// An extension is known by the URL of its definition.
    fn url_of_extension(&mut self, definition: Value<'t>, own: &str) {
        for part in ["snapshot", "differential"] {
            let urls = elements(definition, part).filter(|e| e.get_text("path").as_deref() == Some("Extension.url"));
            for fixed in urls.filter_map(|e| e.get_text("fixedUri")).filter(|u| u != own) {
                let text = format!("{part}: the fixed URL `{}` is not that of the definition", shortened(&fixed));
                self.error("value", text);
            }
        }
    }

    /// A FHIRPath of a definition compiles.
    fn compiles(&mut self, holder: Value<'t>, what: &str) {
        let Some(text) = holder.get_text("expression") else { return };
        if let Err(e) = Expression::compile(&text, self.r4, TypeId::UNKNOWN, Mode::Lenient) {
            self.error("invalid", format!("the expression of {what} is no FHIRPath: {e}"));
        }
    }

    /// A SearchParameter as a whole.
    pub fn search_parameter(&mut self, parameter: Value<'t>) {
        self.compiles(parameter, "the search parameter");
    }

    /// The codes a ValueSet lists are codes of their systems.
    pub fn listed_codes(&mut self, set: Value<'t>) {
        let Some(compose) = set.get("compose") else { return };
        for part in ["include", "exclude"] {
            for include in compose.get(part).into_iter().flat_map(Value::items) {
                let Some(system) = include.get_text("system") else { continue };
                // Units are a grammar, and value sets of units list what only looks like one.
                if include.get("version").is_some() || system == "http://unitsofmeasure.org" {
                    continue;
                }
                for code in include.get("concept").into_iter().flat_map(Value::items).filter_map(|c| c.get_text("code"))
                {
                    if self.terminology().in_system(&system, &code) == Membership::Out {
                        let text = format!("the code system `{system}` has no code `{}`", shortened(&code));
                        self.error("code-invalid", text);
                    }
                }
            }
        }
    }

    /// Paths start with the type; ids are one of a kind; invariants compile.
    fn paths(&mut self, definition: Value<'t>, part: &str, name: &str) {
        let mut ids = HashSet::new();
        for element in elements(definition, part) {
            let path = element.get_text("path").unwrap_or_default();
            let after = path.strip_prefix(name);
            if !name.is_empty() && !after.is_some_and(|rest| rest.is_empty() || rest.starts_with('.')) {
                return self
                    .error("value", format!("{part}: the path `{}` does not start with `{name}`", shortened(&path)));
            }
            for constraint in element.get("constraint").into_iter().flat_map(Value::items) {
                let key = constraint.get_text("key").unwrap_or_default();
                self.compiles(constraint, &format!("the invariant `{}`", shortened(&key)));
            }
            if let Some(id) = element.get_text("id")
                && !ids.insert(id.clone())
            {
                self.error("value", format!("{part}: the id `{}` stands on two elements", shortened(&id)));
            }
        }
    }

    /// What the differential says of an element's number is what the snapshot says.
    fn snapshot_keeps(&mut self, definition: Value<'t>) {
        if definition.get("snapshot").is_none() {
            return;
        }
        let by_id: std::collections::HashMap<_, _> =
            elements(definition, "snapshot").filter_map(|e| Some((e.get_text("id")?, e))).collect();
        for element in elements(definition, "differential") {
            let Some(id) = element.get_text("id") else { continue };
            let Some(kept) = by_id.get(&id) else { continue };
            for name in ["min", "max"] {
                let (a, b) = (element.get(name).map(Value::raw), kept.get(name).map(Value::raw));
                if a.is_some() && a != b {
                    let text = format!("`{}`: the snapshot's `{name}` is not that of the differential", shortened(&id));
                    self.warn("value", text);
                }
            }
        }
    }
}
