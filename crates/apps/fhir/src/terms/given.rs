//! The parameters of an operation: a query, a Parameters resource, or the one resource it is about.

use super::capability::Operation;
use crate::query::{self, Pair};
use crate::refusal::Refusal;
use crate::serve::Asked;
use axum::http::Method;
use mach_fhir::Tree;
use mach_fhir::terminology::map::Other;
use mach_fhir::tree::Value;

/// Parameters that change an answer and are not read here: refused rather than passed over.
const REFUSED: [&str; 9] = [
    "context",
    "contextDirection",
    "profile",
    "exclude-system",
    "system-version",
    "check-system-version",
    "force-system-version",
    "useSupplement",
    "limitedExpansion",
];

/// What was sent with an operation.
pub struct Given {
    pairs: Vec<Pair>,
    body: Option<Tree<'static>>,
}

/// A code with its system and words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coding {
    /// Code system; `None` where it tells none.
    pub system: Option<String>,
    /// Version of the system.
    pub version: Option<String>,
    /// The code.
    pub code: String,
    /// Its words, as the asker believes.
    pub display: Option<String>,
}

impl Given {
    /// Reads what was sent.
    ///
    /// # Errors
    /// 400 where it cannot be read, or has a parameter that is not supported.
    pub fn read(asked: &Asked) -> Result<Self, Refusal> {
        let mut given = Self { pairs: query::pairs(&asked.query)?, body: None };
        if asked.method == Method::POST && !asked.body.is_empty() {
            let kind = asked.caller.header("content-type").unwrap_or_default();
            if kind.starts_with("application/x-www-form-urlencoded") {
                let form = std::str::from_utf8(&asked.body).map_err(|_| Refusal::invalid("the form is not UTF-8"))?;
                given.pairs.extend(query::pairs(form)?);
            } else {
                let text = asked.json()?.to_owned();
                let tree = Tree::parse(text).map_err(|e| Refusal::invalid(format!("the body is no JSON: {e}")))?;
                if tree.root().get_text("resourceType").is_none() {
                    return Err(Refusal::invalid("send a Parameters resource"));
                }
                given.body = Some(tree);
            }
        }
        if let Some(name) = given.names().into_iter().find(|n| REFUSED.contains(&n.as_str())) {
            return Err(Refusal::unsupported(format!("the parameter `{name}` is not supported")).at(name));
        }
        Ok(given)
    }

    fn names(&self) -> Vec<String> {
        let of_body = self.parameters().filter_map(|p| p.get_text("name")).map(|n| n.into_owned());
        self.pairs.iter().map(|p| p.name.clone()).chain(of_body).collect()
    }

    /// Refuses parameters that the operation does not have.
    ///
    /// # Errors
    /// 400.
    pub fn only(&self, operation: Option<&Operation>) -> Result<(), Refusal> {
        let known = operation.map_or(&[][..], |o| o.parameters);
        match self.names().into_iter().find(|n| !n.starts_with('_') && !known.contains(&n.as_str())) {
            Some(name) => Err(Refusal::invalid(format!("the operation has no parameter `{name}`")).at(name)),
            None => Ok(()),
        }
    }

    fn parameters(&self) -> impl Iterator<Item = Value<'_>> {
        let root = self.body.as_ref().map(Tree::root);
        let root = root.filter(|r| r.get_text("resourceType").as_deref() == Some("Parameters"));
        root.and_then(|r| r.get("parameter")).into_iter().flat_map(Value::items)
    }

    fn named<'g>(&'g self, name: &str) -> impl Iterator<Item = Value<'g>> {
        self.parameters().filter(move |p| p.get_text("name").as_deref() == Some(name))
    }

    /// All values of a parameter of a primitive type, as text.
    ///
    /// # Errors
    /// 400 where one has another type.
    pub fn texts(&self, name: &str) -> Result<Vec<String>, Refusal> {
        let mut out: Vec<String> = self.pairs.iter().filter(|p| p.name == name).map(|p| p.value.clone()).collect();
        for parameter in self.named(name) {
            let value = parameter.members().find(|(n, _)| n.starts_with("value")).map(|(_, v)| v);
            let text = value.and_then(|v| match v.text() {
                Some(text) => Some(text.into_owned()),
                None => v.number().or_else(|| v.boolean().map(|_| v.raw())).map(str::to_owned),
            });
            out.push(text.ok_or_else(|| Refusal::invalid(format!("`{name}` must have a primitive value")).at(name))?);
        }
        Ok(out)
    }

    /// The value of a parameter of a primitive type; an empty one is none.
    ///
    /// # Errors
    /// 400 where it is there twice or has another type.
    pub fn text(&self, name: &str) -> Result<Option<String>, Refusal> {
        let mut all = self.texts(name)?;
        if all.len() > 1 {
            return Err(Refusal::invalid(format!("`{name}` stands more than once")).at(name));
        }
        Ok(all.pop().filter(|t| !t.is_empty()))
    }

    /// A boolean parameter.
    ///
    /// # Errors
    /// 400 where it is something else.
    pub fn flag(&self, name: &str) -> Result<Option<bool>, Refusal> {
        match self.text(name)?.as_deref() {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(other) => Err(Refusal::invalid(format!("`{name}` is `true` or `false`, not `{other}`")).at(name)),
        }
    }

    /// A number of 0 or more.
    ///
    /// # Errors
    /// 400 where it is something else.
    pub fn count(&self, name: &str) -> Result<Option<usize>, Refusal> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let wrong = || Refusal::invalid(format!("`{name}` cannot be `{text}`: a number of 0 or more")).at(name);
        text.parse().map(Some).map_err(|_| wrong())
    }

    /// A Coding parameter; in a query `system|code`.
    ///
    /// # Errors
    /// 400 where it has no code.
    pub fn coding(&self, name: &str) -> Result<Option<Coding>, Refusal> {
        if let Some(pair) = self.pairs.iter().find(|p| p.name == name) {
            let (system, code) = pair.value.split_once('|').unwrap_or(("", &pair.value));
            let system = Some(system.to_owned()).filter(|s| !s.is_empty());
            return Ok(Some(Coding { system, code: code.to_owned(), ..Coding::default() }));
        }
        let Some(parameter) = self.named(name).next() else { return Ok(None) };
        let value = parameter.get("valueCoding");
        let value = value.ok_or_else(|| Refusal::invalid(format!("`{name}` must be a `valueCoding`")).at(name))?;
        read_coding(value, name).map(Some)
    }

    /// The codings of a CodeableConcept parameter.
    ///
    /// # Errors
    /// 400 where it is something else or has no coding.
    pub fn concept(&self, name: &str) -> Result<Option<Vec<Coding>>, Refusal> {
        let Some(parameter) = self.named(name).next() else { return Ok(None) };
        let value = parameter.get("valueCodeableConcept");
        let value =
            value.ok_or_else(|| Refusal::invalid(format!("`{name}` must be a `valueCodeableConcept`")).at(name))?;
        let codings = value.get("coding").into_iter().flat_map(Value::items).map(|c| read_coding(c, name));
        let codings = codings.collect::<Result<Vec<_>, _>>()?;
        if codings.is_empty() {
            return Err(Refusal::invalid(format!("`{name}` has no `coding`")).at(name));
        }
        Ok(Some(codings))
    }

    /// A resource parameter of that type, or the body itself where it is of that type.
    ///
    /// # Errors
    /// 400 where it is of another.
    pub fn resource(&self, name: &str, kind: &str) -> Result<Option<Value<'_>>, Refusal> {
        let root = self.body.as_ref().map(Tree::root);
        let found = match root.filter(|r| r.get_text("resourceType").as_deref() == Some(kind)) {
            Some(root) => Some(root),
            None => match self.named(name).next() {
                None => None,
                Some(p) => Some(
                    p.get("resource")
                        .ok_or_else(|| Refusal::invalid(format!("`{name}` must be a `resource`")).at(name))?,
                ),
            },
        };
        match found.map(|r| r.get_text("resourceType").unwrap_or_default() == kind) {
            Some(false) => Err(Refusal::invalid(format!("`{name}` must be a {kind}")).at(name)),
            _ => Ok(found),
        }
    }

    /// What is known beside a code: the `dependency` parts of `$translate`.
    pub fn dependencies(&self) -> Vec<Other> {
        let parts = |p: Value<'_>| {
            let part = |name: &str| {
                let parts = p.get("part").into_iter().flat_map(Value::items);
                parts.filter(|q| q.get_text("name").as_deref() == Some(name)).last().map(|q| q.raw().to_owned())
            };
            let value = |raw: Option<String>| {
                let tree = Tree::parse(raw?).ok()?;
                let (_, value) = tree.root().members().find(|(n, _)| n.starts_with("value"))?;
                let code = value.get("coding").and_then(|c| c.items().next()).unwrap_or(value);
                let text = code.get_text("code").or_else(|| value.get_text("text")).or_else(|| value.text());
                text.map(|t| t.into_owned())
            };
            Some(Other {
                property: value(part("element"))?.into(),
                value: value(part("concept"))?.into(),
                ..Other::default()
            })
        };
        self.named("dependency").filter_map(parts).collect()
    }
}

fn read_coding(value: Value<'_>, name: &str) -> Result<Coding, Refusal> {
    let text = |n: &str| value.get_text(n).map(|t| t.into_owned()).filter(|t| !t.is_empty());
    let code =
        text("code").ok_or_else(|| Refusal::invalid(format!("`{name}` has a coding without `code`")).at(name))?;
    Ok(Coding { system: text("system"), version: text("version"), code, display: text("display") })
}
