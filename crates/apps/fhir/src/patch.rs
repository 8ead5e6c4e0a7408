//! JSON Patch (RFC 6902) on resources: everything a patch does not touch keeps its bytes, digits included.

use crate::refusal::Refusal;
use mach_fhir::Tree;
use mach_fhir::json::quote;
use mach_fhir::tree::{Kind, Value};

/// Operations of one patch.
const OPERATIONS: usize = 1_000;

/// A patch, read.
#[derive(Clone, Debug)]
pub struct Patch {
    steps: Vec<Step>,
}

#[derive(Clone, Debug)]
enum Step {
    Add(Pointer, Json),
    Remove(Pointer),
    Replace(Pointer, Json),
    Move(Pointer, Pointer),
    Copy(Pointer, Pointer),
    Test(Pointer, Json),
}

/// A JSON Pointer (RFC 6901), unescaped.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pointer(Vec<String>);

/// JSON that can be changed; scalars keep their text.
#[derive(Clone, Debug, PartialEq)]
enum Json {
    /// A number, string, `true`, `false`, `null`, as written.
    Scalar(String),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    fn of(value: Value<'_>) -> Self {
        match value.kind() {
            Kind::Array => Self::Array(value.items().map(Self::of).collect()),
            Kind::Object => Self::Object(value.members().map(|(n, v)| (n.to_owned(), Self::of(v))).collect()),
            _ => Self::Scalar(value.raw().to_owned()),
        }
    }

    fn write(&self, out: &mut String) {
        match self {
            Self::Scalar(text) => out.push_str(text),
            Self::Array(items) => {
                out.push('[');
                for (n, item) in items.iter().enumerate() {
                    if n > 0 {
                        out.push(',');
                    }
                    item.write(out);
                }
                out.push(']');
            }
            Self::Object(members) => {
                out.push('{');
                for (n, (name, value)) in members.iter().enumerate() {
                    if n > 0 {
                        out.push(',');
                    }
                    quote(out, name);
                    out.push(':');
                    value.write(out);
                }
                out.push('}');
            }
        }
    }

    /// Equal as JSON: members in any order, strings by their text, numbers by value.
    fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Scalar(a), Self::Scalar(b)) => a == b || scalars_equal(a, b),
            (Self::Array(a), Self::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.same(b)),
            (Self::Object(a), Self::Object(b)) => {
                a.len() == b.len() && a.iter().all(|(name, v)| b.iter().any(|(n, w)| n == name && v.same(w)))
            }
            _ => false,
        }
    }

    fn get(&self, step: &str) -> Option<&Self> {
        match self {
            Self::Object(members) => members.iter().find(|(n, _)| n == step).map(|(_, v)| v),
            Self::Array(items) => items.get(index(step)?),
            Self::Scalar(_) => None,
        }
    }

    fn get_mut(&mut self, step: &str) -> Option<&mut Self> {
        match self {
            Self::Object(members) => members.iter_mut().find(|(n, _)| n == step).map(|(_, v)| v),
            Self::Array(items) => items.get_mut(index(step)?),
            Self::Scalar(_) => None,
        }
    }

    fn at(&self, pointer: &Pointer) -> Option<&Self> {
        pointer.0.iter().try_fold(self, |here, step| here.get(step))
    }

    fn holder(&mut self, pointer: &Pointer) -> Option<(&mut Self, String)> {
        let (last, way) = pointer.0.split_last()?;
        let holder = way.iter().try_fold(self, |here, step| here.get_mut(step))?;
        Some((holder, last.clone()))
    }

    fn add(&mut self, pointer: &Pointer, value: Self) -> Option<()> {
        if pointer.0.is_empty() {
            *self = value;
            return Some(());
        }
        let (holder, last) = self.holder(pointer)?;
        match holder {
            Self::Object(members) => match members.iter_mut().find(|(n, _)| *n == last) {
                Some((_, old)) => *old = value,
                None => members.push((last, value)),
            },
            Self::Array(items) => {
                let at = if last == "-" { items.len() } else { index(&last)? };
                if at > items.len() {
                    return None;
                }
                items.insert(at, value);
            }
            Self::Scalar(_) => return None,
        }
        Some(())
    }

    fn remove(&mut self, pointer: &Pointer) -> Option<Self> {
        let (holder, last) = self.holder(pointer)?;
        match holder {
            Self::Object(members) => {
                let at = members.iter().position(|(n, _)| *n == last)?;
                Some(members.remove(at).1)
            }
            Self::Array(items) => {
                let at = index(&last).filter(|at| *at < items.len())?;
                Some(items.remove(at))
            }
            Self::Scalar(_) => None,
        }
    }

    /// FHIR has no empty objects and arrays: what a removal emptied goes too.
    fn prune(&mut self) {
        match self {
            Self::Array(items) => {
                items.iter_mut().for_each(Self::prune);
                items.retain(|i| !i.is_empty());
            }
            Self::Object(members) => {
                members.iter_mut().for_each(|(_, v)| v.prune());
                members.retain(|(_, v)| !v.is_empty());
            }
            Self::Scalar(_) => {}
        }
    }

    fn is_empty(&self) -> bool {
        match self {
            Self::Scalar(_) => false,
            Self::Array(items) => items.is_empty(),
            Self::Object(members) => members.is_empty(),
        }
    }
}

fn scalars_equal(a: &str, b: &str) -> bool {
    let read = |text: &str| Tree::parse(text.to_owned()).ok();
    let (Some(x), Some(y)) = (read(a), read(b)) else { return false };
    match (x.root().text(), y.root().text()) {
        (Some(x), Some(y)) => x == y,
        (None, None) => match (mach_fhir::Decimal::parse(a), mach_fhir::Decimal::parse(b)) {
            (Some(x), Some(y)) => x.compare(y).is_eq(),
            _ => false,
        },
        _ => false,
    }
}

fn index(step: &str) -> Option<usize> {
    let plain = step == "0" || (!step.starts_with('0') && !step.is_empty() && step.bytes().all(|b| b.is_ascii_digit()));
    if plain { step.parse().ok() } else { None }
}

impl Pointer {
    fn read(text: &str) -> Result<Self, Refusal> {
        if text.is_empty() {
            return Ok(Self(Vec::new()));
        }
        let rest = text
            .strip_prefix('/')
            .ok_or_else(|| Refusal::invalid(format!("`{text}` is no JSON Pointer: it begins with `/`")))?;
        let mut steps = Vec::new();
        for step in rest.split('/') {
            let tail = step.replace("~0", "").replace("~1", "");
            if tail.contains('~') {
                return Err(Refusal::invalid(format!("`{text}`: `~` is written `~0`")));
            }
            steps.push(step.replace("~1", "/").replace("~0", "~"));
        }
        Ok(Self(steps))
    }

    fn shown(&self) -> String {
        self.0.iter().map(|s| format!("/{s}")).collect()
    }

    fn is_within(&self, other: &Self) -> bool {
        self.0.len() > other.0.len() && self.0[..other.0.len()] == other.0
    }
}

impl Patch {
    /// Reads a JSON Patch.
    ///
    /// # Errors
    /// 400 where it is none.
    pub fn json(text: &str) -> Result<Self, Refusal> {
        let tree = Tree::parse(text).map_err(|e| Refusal::invalid(format!("the patch is no JSON: {e}")))?;
        if !tree.root().is_array() {
            return Err(Refusal::invalid("a JSON Patch is an array of operations"));
        }
        let mut steps = Vec::new();
        for op in tree.root().items() {
            steps.push(step(op)?);
            if steps.len() > OPERATIONS {
                return Err(Refusal::too_costly(format!("more than {OPERATIONS} operations in one patch")));
            }
        }
        Ok(Self { steps })
    }

    /// The resource after the patch.
    ///
    /// # Errors
    /// 422 where an operation does not fit the resource; nothing is changed then.
    pub fn apply(&self, body: &str) -> Result<String, Refusal> {
        let tree = Tree::parse(body).map_err(Refusal::internal)?;
        let mut json = Json::of(tree.root());
        for (n, step) in self.steps.iter().enumerate() {
            let failed = |what: &str, at: &Pointer| {
                Refusal::unprocessable("processing", format!("operation {n}: {what} at `{}`", at.shown()))
            };
            let there = |json: &Json, at: &Pointer| json.at(at).cloned().ok_or_else(|| failed("nothing is there,", at));
            match step {
                Step::Add(at, value) => {
                    json.add(at, value.clone()).ok_or_else(|| failed("nothing can be added", at))?;
                }
                Step::Remove(at) => {
                    json.remove(at).ok_or_else(|| failed("nothing is there to remove", at))?;
                }
                Step::Replace(at, value) => {
                    there(&json, at)?;
                    match json.holder(at) {
                        None => json = value.clone(),
                        Some((holder, last)) => {
                            if let Some(old) = holder.get_mut(&last) {
                                *old = value.clone();
                            }
                        }
                    }
                }
                Step::Move(from, to) => {
                    if to.is_within(from) {
                        return Err(failed("a value cannot move into itself", to));
                    }
                    let value = json.remove(from).ok_or_else(|| failed("nothing is there to move", from))?;
                    json.add(to, value).ok_or_else(|| failed("nothing can be added", to))?;
                }
                Step::Copy(from, to) => {
                    let value = there(&json, from)?;
                    json.add(to, value).ok_or_else(|| failed("nothing can be added", to))?;
                }
                Step::Test(at, value) => {
                    if !there(&json, at)?.same(value) {
                        return Err(failed("the test fails", at));
                    }
                }
            }
        }
        json.prune();
        let mut out = String::with_capacity(body.len());
        json.write(&mut out);
        Ok(out)
    }
}

fn step(op: Value<'_>) -> Result<Step, Refusal> {
    let text = |name: &str| {
        op.get_text(name)
            .ok_or_else(|| Refusal::invalid(format!("a patch operation has no text `{name}`: {}", op.raw())))
    };
    let value = || {
        op.get("value")
            .map(Json::of)
            .ok_or_else(|| Refusal::invalid(format!("a patch operation has no `value`: {}", op.raw())))
    };
    let path = Pointer::read(&text("path")?)?;
    Ok(match text("op")?.as_ref() {
        "add" => Step::Add(path, value()?),
        "remove" => Step::Remove(path),
        "replace" => Step::Replace(path, value()?),
        "move" => Step::Move(Pointer::read(&text("from")?)?, path),
        "copy" => Step::Copy(Pointer::read(&text("from")?)?, path),
        "test" => Step::Test(path, value()?),
        other => return Err(Refusal::invalid(format!("`{other}` is no operation of JSON Patch"))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_do_what_the_rfc_says() {
        let check = |body: &str, patch: &str, expect: Option<&str>| {
            let got = Patch::json(patch).and_then(|p| p.apply(body));
            assert_eq!(got.as_deref().ok(), expect, "{patch}: {got:?}");
        };
        let body = r#"{"a":1.00,"b":["x","y"],"c":{"d":true}}"#;
        check(
            body,
            r#"[{"op":"add","path":"/b/1","value":"z"}]"#,
            Some(r#"{"a":1.00,"b":["x","z","y"],"c":{"d":true}}"#),
        );
        check(
            body,
            r#"[{"op":"add","path":"/b/-","value":2.50}]"#,
            Some(r#"{"a":1.00,"b":["x","y",2.50],"c":{"d":true}}"#),
        );
        check(body, r#"[{"op":"remove","path":"/c/d"}]"#, Some(r#"{"a":1.00,"b":["x","y"]}"#));
        check(
            body,
            r#"[{"op":"replace","path":"/a","value":{"e~/f":1}},{"op":"test","path":"/a/e~0~1f","value":1}]"#,
            Some(r#"{"a":{"e~/f":1},"b":["x","y"],"c":{"d":true}}"#),
        );
        check(
            body,
            r#"[{"op":"move","from":"/b/0","path":"/e"}]"#,
            Some(r#"{"a":1.00,"b":["y"],"c":{"d":true},"e":"x"}"#),
        );
        check(
            body,
            r#"[{"op":"copy","from":"/c","path":"/b/0"}]"#,
            Some(r#"{"a":1.00,"b":[{"d":true},"x","y"],"c":{"d":true}}"#),
        );
        check(body, r#"[{"op":"test","path":"/a","value":1}]"#, Some(body));
        for bad in [
            r#"[{"op":"test","path":"/a","value":2}]"#,
            r#"[{"op":"remove","path":"/z"}]"#,
            r#"[{"op":"replace","path":"/b/2","value":1}]"#,
            r#"[{"op":"add","path":"/b/3","value":1}]"#,
            r#"[{"op":"add","path":"/b/01","value":1}]"#,
            r#"[{"op":"add","path":"/z/z","value":1}]"#,
            r#"[{"op":"move","from":"/c","path":"/c/e"}]"#,
            r#"[{"op":"add","path":"a","value":1}]"#,
            r#"[{"op":"add","path":"/a"}]"#,
            r#"[{"op":"fly","path":"/a"}]"#,
            r#"{"op":"remove","path":"/a"}"#,
        ] {
            check(body, bad, None);
        }
    }
}
