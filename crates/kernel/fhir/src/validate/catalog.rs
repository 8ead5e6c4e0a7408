//! Code systems and concept maps that agree with themselves.

use super::primitive::shortened;
use super::run::{Part, Run};
use crate::terminology::Membership;
use crate::tree::Value;
use std::collections::HashMap;

fn list<'t>(value: Value<'t>, name: &str) -> impl Iterator<Item = Value<'t>> + use<'t> {
    value.get(name).into_iter().flat_map(Value::items)
}

/// Properties of concepts that FHIR itself defines: they need not be told.
const COMMON: [&str; 9] = [
    "inactive",
    "deprecated",
    "deprecationDate",
    "notSelectable",
    "parent",
    "child",
    "status",
    "itemWeight",
    "synonym",
];

/// The member of a property's value, by the type its definition tells.
fn member_of(kind: &str) -> &'static str {
    match kind {
        "code" => "valueCode",
        "Coding" => "valueCoding",
        "string" => "valueString",
        "integer" => "valueInteger",
        "boolean" => "valueBoolean",
        "dateTime" => "valueDateTime",
        "decimal" => "valueDecimal",
        _ => "",
    }
}

impl<'t> Run<'_, 't> {
    /// A CodeSystem as a whole: supplements supplement, counts count, properties are of their types.
    pub fn code_system(&mut self, system: Value<'t>) {
        let content = system.get_text("content");
        let is_supplement = content.as_deref() == Some("supplement");
        if is_supplement && system.get("supplements").is_none() {
            self.error("business-rule", "a supplement tells in `supplements` what it is one of");
        }
        if !is_supplement && system.get("supplements").is_some() {
            self.error("business-rule", "what supplements another system has the content `supplement`");
        }
        let kinds: HashMap<_, _> =
            list(system, "property").filter_map(|p| Some((p.get_text("code")?, p.get_text("type")?))).collect();
        let mut count = 0_usize;
        let mut waiting: Vec<_> = list(system, "concept").collect();
        let mut problems = Vec::new();
        while let Some(concept) = waiting.pop() {
            count += 1;
            waiting.extend(list(concept, "concept"));
            let own = concept.get_text("code").unwrap_or_default();
            for property in list(concept, "property") {
                let Some(code) = property.get_text("code") else { continue };
                let given = property.members().find(|(name, _)| name.starts_with("value")).map(|(name, _)| name);
                match kinds.get(&code) {
                    Some(kind) if given.is_some_and(|g| g != member_of(kind)) => {
                        problems.push((
                            true,
                            format!("`{}`: the property `{}` is of type `{kind}`", shortened(&own), shortened(&code)),
                        ));
                    }
                    None if !COMMON.contains(&&*code) => {
                        problems.push((
                            false,
                            format!("`{}`: the property `{}` is not defined", shortened(&own), shortened(&code)),
                        ));
                    }
                    _ => {}
                }
            }
        }
        for (is_error, text) in problems {
            if is_error { self.error("business-rule", text) } else { self.warn("business-rule", text) }
        }
        let told = system.get("count").and_then(|n| n.number()?.parse::<usize>().ok());
        if let Some(told) = told
            && content.as_deref() == Some("complete")
            && told != count
        {
            let text = format!("the system is complete with {told} concepts, here are {count}");
            self.within(Part::Name("count"), |run| run.error("business-rule", text));
        }
    }

    /// The codes a ConceptMap maps are codes of their systems, as far as these are known.
    pub fn concept_map(&mut self, map: Value<'t>) {
        let mut wrong = Vec::new();
        for group in list(map, "group") {
            let (source, target) = (group.get_text("source"), group.get_text("target"));
            let mut look = |system: Option<&str>, version: &str, holder: Value<'t>| {
                let (Some(system), Some(code)) = (system, holder.get_text("code")) else { return };
                if group.get(version).is_none() && self.terminology().in_system(system, &code) == Membership::Out {
                    wrong.push(format!("the code system `{system}` has no code `{}`", shortened(&code)));
                }
            };
            for element in list(group, "element") {
                look(source.as_deref(), "sourceVersion", element);
                for mapped in list(element, "target") {
                    look(target.as_deref(), "targetVersion", mapped);
                }
            }
        }
        // HL7's own maps name several codes at once, or codes of systems as they were: no reason to refuse.
        for text in wrong {
            self.warn("code-invalid", text);
        }
    }
}
