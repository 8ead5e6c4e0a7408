//! JSON Patch (RFC 6902).

use super::edit::{Way, find, index, shown};
use super::{Document, PatchError, Result, bounded, unfit, unreadable};
use crate::decimal::Decimal;
use crate::tree::{Kind, Tree, Value};

/// A JSON Patch, read.
#[derive(Clone, Debug)]
pub(super) struct Operations(Vec<Step>);

#[derive(Clone, Debug)]
enum Step {
    Add(Vec<String>, String),
    Remove(Vec<String>),
    Replace(Vec<String>, String),
    Move(Vec<String>, Vec<String>),
    Copy(Vec<String>, Vec<String>),
    Test(Vec<String>, String),
}

/// A JSON Pointer (RFC 6901), unescaped.
fn pointer(text: &str) -> Result<Vec<String>> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let Some(rest) = text.strip_prefix('/') else {
        return unreadable(format!("`{text}` is no JSON Pointer: it begins with `/`"));
    };
    let mut steps = Vec::new();
    for step in rest.split('/') {
        if step.replace("~0", "").replace("~1", "").contains('~') {
            return unreadable(format!("`{text}`: `~` is written `~0`"));
        }
        steps.push(step.replace("~1", "/").replace("~0", "~"));
    }
    Ok(steps)
}

fn step(op: Value<'_>) -> Result<Step> {
    let missing = |name: &str| PatchError::Unreadable(format!("a patch operation has no `{name}`: {}", op.raw()));
    let text = |name: &str| op.get_text(name).ok_or_else(|| missing(name));
    let value = || op.get("value").map(|v| v.raw().to_owned()).ok_or_else(|| missing("value"));
    let path = pointer(&text("path")?)?;
    Ok(match text("op")?.as_ref() {
        "add" => Step::Add(path, value()?),
        "remove" => Step::Remove(path),
        "replace" => Step::Replace(path, value()?),
        "move" => Step::Move(pointer(&text("from")?)?, path),
        "copy" => Step::Copy(pointer(&text("from")?)?, path),
        "test" => Step::Test(path, value()?),
        other => return unreadable(format!("`{other}` is no operation of JSON Patch")),
    })
}

/// Equal as JSON: members in any order, strings by their text, numbers by value.
fn same(a: Value<'_>, b: Value<'_>) -> bool {
    match (a.kind(), b.kind()) {
        (Kind::String, Kind::String) => a.text() == b.text(),
        (Kind::Number, Kind::Number) => match (Decimal::parse(a.raw()), Decimal::parse(b.raw())) {
            (Some(x), Some(y)) => x.compare(y).is_eq(),
            _ => a.raw() == b.raw(),
        },
        (Kind::Array, Kind::Array) => {
            a.items().count() == b.items().count() && a.items().zip(b.items()).all(|(x, y)| same(x, y))
        }
        (Kind::Object, Kind::Object) => {
            a.members().count() == b.members().count()
                && a.members().all(|(name, x)| b.get(name).is_some_and(|y| same(x, y)))
        }
        (x, y) => x == y && a.raw() == b.raw(),
    }
}

impl Document {
    fn raw_at(&mut self, way: &Way) -> Result<String> {
        let tree = self.tree()?;
        find(tree.root(), way).map_or_else(|| unfit(format!("nothing is at `{}`", shown(way))), |v| Ok(v.raw().into()))
    }

    fn add(&mut self, way: &Way, raw: &str) -> Result<()> {
        let Some((last, above)) = way.split_last() else { return self.replace(way, raw) };
        let tree = self.tree()?;
        let nowhere = || unfit(format!("nothing can be added at `{}`", shown(way)));
        let Some(holder) = find(tree.root(), above) else { return nowhere() };
        match holder.kind() {
            Kind::Object => self.set(above, last, raw),
            Kind::Array if last == "-" => self.insert(above, holder.items().count(), raw),
            Kind::Array => match index(last) {
                Some(at) => self.insert(above, at, raw),
                None => nowhere(),
            },
            _ => nowhere(),
        }
    }
}

impl Operations {
    pub(super) fn read(text: &str) -> Result<Self> {
        let tree = Tree::parse(text).map_err(|e| PatchError::Unreadable(format!("the patch is no JSON: {e}")))?;
        if !tree.root().is_array() {
            return unreadable("a JSON Patch is an array of operations");
        }
        bounded(tree.root().items().count())?;
        tree.root().items().map(step).collect::<Result<_>>().map(Self)
    }

    pub(super) fn apply(&self, body: &str) -> Result<String> {
        let mut document = Document::new(body);
        for (n, step) in self.0.iter().enumerate() {
            one(&mut document, step).map_err(|e| match e {
                PatchError::Unfit(text) => PatchError::Unfit(format!("operation {n}: {text}")),
                other => other,
            })?;
        }
        if document.tree()?.root().get("resourceType").is_some() {
            document.prune()?;
        }
        Ok(document.text)
    }
}

fn one(document: &mut Document, step: &Step) -> Result<()> {
    match step {
        Step::Add(at, raw) => document.add(at, raw),
        Step::Remove(at) => document.remove(at).map(drop),
        Step::Replace(at, raw) => document.replace(at, raw),
        Step::Move(from, to) => {
            if to.len() > from.len() && to.starts_with(from) {
                return unfit(format!("`{}` cannot move into itself", shown(from)));
            }
            if from == to {
                return document.raw_at(from).map(drop);
            }
            let raw = document.remove(from)?;
            document.add(to, &raw)
        }
        Step::Copy(from, to) => {
            let raw = document.raw_at(from)?;
            document.add(to, &raw)
        }
        Step::Test(at, raw) => {
            let (there, wanted) = (document.raw_at(at)?, raw.as_str());
            let read = |text: &str| Tree::parse(text.to_owned()).map_err(|e| PatchError::Unfit(e.to_string()));
            if same(read(&there)?.root(), read(wanted)?.root()) {
                return Ok(());
            }
            unfit(format!("the test at `{}` fails", shown(at)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Patch;

    #[test]
    fn operations_do_what_the_rfc_says() {
        let check = |body: &str, patch: &str, expect: Option<&str>| {
            let got = Patch::json(patch).and_then(|p| p.apply(body));
            assert_eq!(got.as_deref().ok(), expect, "{patch}: {got:?}");
        };
        let body = r#"{"a":1.00,"b":["x","y"],"c":{"d":true}}"#;
        let add = r#"[{"op":"add","path":"/b/1","value":"z"}]"#;
        check(body, add, Some(r#"{"a":1.00,"b":["x","z","y"],"c":{"d":true}}"#));
        let end = r#"[{"op":"add","path":"/b/-","value":2.50}]"#;
        check(body, end, Some(r#"{"a":1.00,"b":["x","y",2.50],"c":{"d":true}}"#));
        check(body, r#"[{"op":"remove","path":"/c/d"}]"#, Some(r#"{"a":1.00,"b":["x","y"],"c":{}}"#));
        check(
            r#"{"resourceType":"Patient","a":[{"b":1}]}"#,
            r#"[{"op":"remove","path":"/a/0/b"}]"#,
            Some(r#"{"resourceType":"Patient"}"#),
        );
        check(
            body,
            r#"[{"op":"replace","path":"/a","value":{"e~/f":1}},{"op":"test","path":"/a/e~0~1f","value":1.0}]"#,
            Some(r#"{"a":{"e~/f":1},"b":["x","y"],"c":{"d":true}}"#),
        );
        let moved = r#"[{"op":"move","from":"/b/0","path":"/e"}]"#;
        check(body, moved, Some(r#"{"a":1.00,"b":["y"],"c":{"d":true},"e":"x"}"#));
        let copied = r#"[{"op":"copy","from":"/c","path":"/b/0"}]"#;
        check(body, copied, Some(r#"{"a":1.00,"b":[{"d":true},"x","y"],"c":{"d":true}}"#));
        check(body, r#"[{"op":"test","path":"/a","value":1}]"#, Some(body));
        check(body, r#"[{"op":"replace","path":"","value":[]}]"#, Some("[]"));
        for bad in [
            r#"[{"op":"test","path":"/a","value":2}]"#,
            r#"[{"op":"test","path":"/a","value":"1.00"}]"#,
            r#"[{"op":"remove","path":"/z"}]"#,
            r#"[{"op":"replace","path":"/b/2","value":1}]"#,
            r#"[{"op":"add","path":"/b/3","value":1}]"#,
            r#"[{"op":"add","path":"/b/01","value":1}]"#,
            r#"[{"op":"add","path":"/z/z","value":1}]"#,
            r#"[{"op":"add","path":"/a/z","value":1}]"#,
            r#"[{"op":"move","from":"/c","path":"/c/e"}]"#,
            r#"[{"op":"move","from":"/z","path":"/z"}]"#,
            r#"[{"op":"add","path":"a","value":1}]"#,
            r#"[{"op":"add","path":"/a"}]"#,
            r#"[{"op":"fly","path":"/a"}]"#,
            r#"[7]"#,
            r#"{"op":"remove","path":"/a"}"#,
        ] {
            check(body, bad, None);
        }
    }
}
