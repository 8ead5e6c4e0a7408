//! Codes: are they of the value set, of their system, in its words.

use super::issue::Severity;
use super::meaning::is_absolute;
use super::primitive::shortened;
use super::profile::BindingRule;
use super::run::{Part, Run};
use crate::definitions::Strength;
use crate::path::Node;
use crate::terminology::Membership;
use crate::terminology::grammar::Grammar;
use crate::tree::{Kind, Value};

impl<'t> Run<'_, 't> {
    /// A coded element against its value set.
    pub fn bound(&mut self, node: &Node<'t>, binding: &BindingRule) {
        let Some(value) = node.value else { return };
        let known = self.r4.known();
        match value.kind() {
            Kind::String => self.of_set(&[value.text().map(|t| (None, t.into_owned()))], binding),
            Kind::Object if self.r4.is_a(node.id, known.codeable_concept) => {
                let codings = value.get("coding").into_iter().flat_map(Value::items);
                let codes: Vec<_> = codings.map(coded).collect();
                if codes.iter().all(Option::is_none) {
                    return self.without_code(binding);
                }
                self.of_set(&codes, binding);
            }
            Kind::Object if node.id == known.coding || self.r4.is_a(node.id, known.quantity) => {
                let code = coded(value);
                if code.is_none() && node.id == known.coding {
                    return self.without_code(binding);
                }
                self.of_set(&[code], binding);
            }
            _ => {}
        }
    }

    /// A concept in words only.
    fn without_code(&mut self, binding: &BindingRule) {
        let text = format!("no code is given, one of the value set `{}` is wanted", binding.set);
        match binding.strength {
            Strength::Required => self.error("code-invalid", text),
            // What no code may leave, words alone leave (as HL7's validator has it).
            Strength::Extensible if binding.max.is_some() => self.error("code-invalid", text),
            Strength::Extensible => self.warn("code-invalid", text),
            _ => {}
        }
    }

    /// Whether one of the codes is of the set.
    fn of_set(&mut self, codes: &[Option<(Option<String>, String)>], binding: &BindingRule) {
        let codes: Vec<_> = codes.iter().flatten().collect();
        let Some((_, first)) = codes.first() else { return };
        let (terminology, r4) = (self.terminology(), self.r4);
        let found = |set: &str| {
            // The enumerated sets of R4 are at hand; what they do not know for sure is asked.
            let of_r4 = r4.value_set(set);
            if codes.iter().any(|(s, code)| of_r4.is_some_and(|v| v.contains(s.as_deref(), code) == Some(true))) {
                return Membership::In;
            }
            let asked = codes.iter().map(|(system, code)| terminology.in_value_set(set, system.as_deref(), code));
            let asked: Vec<_> = asked.collect();
            if asked.contains(&Membership::In) {
                Membership::In
            } else if asked.contains(&Membership::Unknown) {
                Membership::Unknown
            } else {
                Membership::Out
            }
        };
        // Media types are of a grammar and of a registry nobody ships.
        if binding.set.starts_with("http://hl7.org/fhir/ValueSet/mimetypes") {
            // `json`, `xml` and `ttl` stand for three of them (R4 §3.1.0.1.9), where formats are told.
            // Published parameters hold blanks and slashes: only the type itself is looked at.
            let kind = first.split(';').next().unwrap_or_default().trim_end();
            let is_known = Grammar::Mime.holds(kind) || matches!(first.as_str(), "json" | "xml" | "ttl");
            if !is_known && binding.strength == Strength::Required {
                self.error("code-invalid", format!("`{}` is no media type", shortened(first)));
            }
            return;
        }
        let shown = shortened(first);
        if let Some(max) = &binding.max
            && found(max) == Membership::Out
        {
            self.error("code-invalid", format!("`{shown}` is not of the value set `{max}`, the widest allowed"));
        }
        let severity = match (binding.strength, found(&binding.set)) {
            (Strength::Example, _) | (_, Membership::In) => return,
            (Strength::Required, Membership::Out) => Severity::Error,
            (Strength::Extensible, Membership::Out) => Severity::Warning,
            (Strength::Preferred, Membership::Out) => Severity::Information,
            (Strength::Required, Membership::Unknown) => {
                let text = format!("whether `{shown}` is of the value set `{}` is not known here", binding.set);
                return self.warn("not-found", text);
            }
            (_, Membership::Unknown) => return,
        };
        self.say(severity, "code-invalid", format!("`{shown}` is not of the value set `{}`", binding.set));
    }

    /// Whether the resource says that it is in another language than English, the one in which HL7 names its codes.
    fn speaks_otherwise(&self) -> bool {
        let said = self.scopes.iter().rev().find_map(|scope| scope.node.value?.get_text("language"));
        said.is_some_and(|language| !language.split('-').next().is_some_and(|l| l.eq_ignore_ascii_case("en")))
    }

    /// What is asked of every Coding, bound or not.
    pub fn coding(&mut self, value: Value<'t>) {
        let (system, code) = (value.get_text("system"), value.get_text("code"));
        let Some(system) = system else {
            if code.is_some() {
                self.warn("code-invalid", "a code without a system has no meaning");
            }
            return;
        };
        if !is_absolute(&system) {
            let text = format!("`{}` is no absolute URI, which a code system's is", shortened(&system));
            return self.within(Part::Name("system"), |run| run.error("code-invalid", text));
        }
        if system.starts_with("http://hl7.org/fhir/ValueSet/")
            || system.starts_with("http://terminology.hl7.org/ValueSet/")
        {
            let text = format!("`{}` is a value set, not a code system", shortened(&system));
            return self.within(Part::Name("system"), |run| run.error("code-invalid", text));
        }
        let Some(code) = code else { return };
        if self.terminology().in_system(&system, &code) == Membership::Out {
            let text = format!("the code system `{system}` has no code `{}`", shortened(&code));
            return self.within(Part::Name("code"), |run| run.error("code-invalid", text));
        }
        if let Some(given) = value.get_text("display")
            && let Some(right) = self.terminology().display(&system, &code)
            && !same_words(&given, &right)
        {
            let text = format!("`{}` is called `{right}`, not `{}`", shortened(&code), shortened(&given));
            // HL7 says how its own codes are called; lists of others come in many wordings and languages.
            let is_hl7 = ["http://hl7.org/fhir/", "http://terminology.hl7.org/CodeSystem/"];
            let is_hl7 =
                is_hl7.iter().any(|s| system.starts_with(s)) && !system.starts_with("http://hl7.org/fhir/sid/");
            let severity = if is_hl7 && !self.speaks_otherwise() { Severity::Error } else { Severity::Warning };
            self.within(Part::Name("display"), |run| run.say(severity, "code-invalid", text));
        }
    }
}

/// System and code: a code without a system is of none, not of any.
fn coded(value: Value<'_>) -> Option<(Option<String>, String)> {
    let code = value.get_text("code")?.into_owned();
    Some((Some(value.get_text("system").unwrap_or_default().into_owned()), code))
}

/// Case and blanks aside.
fn same_words(a: &str, b: &str) -> bool {
    let words = |t: &str| t.split_whitespace().map(str::to_lowercase).collect::<Vec<_>>();
    words(a) == words(b)
}
