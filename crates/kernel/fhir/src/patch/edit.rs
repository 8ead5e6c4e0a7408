//! Changes of a JSON text at one place; every other byte stays.

use super::{Document, PatchError, Result, unfit};
use crate::json::quote;
use crate::tree::{Kind, Value};

/// A way from the root: names of members, places in arrays as digits.
pub(super) type Way = [String];

/// `12` as a place in an array; `None` for `012`, `-` and names.
pub(super) fn index(step: &str) -> Option<usize> {
    let plain = step == "0" || (!step.starts_with('0') && !step.is_empty() && step.bytes().all(|b| b.is_ascii_digit()));
    if plain { step.parse().ok() } else { None }
}

/// What stands there.
pub(super) fn find<'t>(root: Value<'t>, way: &Way) -> Option<Value<'t>> {
    way.iter().try_fold(root, |here, step| match here.kind() {
        Kind::Object => here.get(step),
        Kind::Array => here.items().nth(index(step)?),
        _ => None,
    })
}

/// `/name/0/given`, for people.
pub(super) fn shown(way: &Way) -> String {
    way.iter().map(|s| format!("/{s}")).collect()
}

fn parts(holder: Value<'_>) -> Vec<Value<'_>> {
    holder.members().map(|(_, v)| v).chain(holder.items()).collect()
}

fn blank(text: &str, from: usize) -> usize {
    from + text[from..].bytes().take_while(u8::is_ascii_whitespace).count()
}

impl Document {
    fn splice(&mut self, range: std::ops::Range<usize>, with: &str) {
        self.text.replace_range(range, with);
    }

    /// Puts `raw` in the place of what stands there.
    pub(super) fn replace(&mut self, way: &Way, raw: &str) -> Result<()> {
        let tree = self.tree()?;
        let Some(value) = find(tree.root(), way) else { return unfit(format!("nothing is at `{}`", shown(way))) };
        self.splice(value.range(), raw);
        Ok(())
    }

    /// Takes away a member or an item, with the comma that parted it; gives what it was.
    pub(super) fn remove(&mut self, way: &Way) -> Result<String> {
        let tree = self.tree()?;
        let nothing = || PatchError::Unfit(format!("nothing is at `{}` to remove", shown(way)));
        let (_, above) = way.split_last().ok_or_else(|| PatchError::Unfit("the whole cannot be removed".to_owned()))?;
        let holder = find(tree.root(), above).ok_or_else(nothing)?;
        let value = find(tree.root(), way).ok_or_else(nothing)?;
        let all = parts(holder);
        let at = all.iter().position(|v| *v == value).ok_or_else(nothing)?;
        let (range, inside) = (value.range(), holder.range());
        let cut = match (at.checked_sub(1).map(|before| all[before].range().end), all.len()) {
            (Some(before), _) => before..range.end,
            (None, 1) => inside.start + 1..inside.end - 1,
            (None, _) => {
                let comma = blank(&self.text, range.end);
                blank(&self.text, inside.start + 1)..blank(&self.text, comma + 1)
            }
        };
        let was = value.raw().to_owned();
        self.splice(cut, "");
        Ok(was)
    }

    /// Adds a member to the object at `holder`, after its others; where it is there already, it is replaced.
    pub(super) fn set(&mut self, holder: &Way, name: &str, raw: &str) -> Result<()> {
        let tree = self.tree()?;
        let object = find(tree.root(), holder).filter(|o| o.is_object());
        let Some(object) = object else { return unfit(format!("no object is at `{}`", shown(holder))) };
        if let Some(old) = object.get(name) {
            self.splice(old.range(), raw);
            return Ok(());
        }
        let mut piece = String::new();
        let at = match parts(object).last() {
            Some(last) => {
                piece.push(',');
                last.range().end
            }
            None => object.range().start + 1,
        };
        quote(&mut piece, name);
        piece.push(':');
        piece.push_str(raw);
        self.splice(at..at, &piece);
        Ok(())
    }

    /// Adds an item to the array at `holder`, before the one at `at`.
    pub(super) fn insert(&mut self, holder: &Way, at: usize, raw: &str) -> Result<()> {
        let tree = self.tree()?;
        let array = find(tree.root(), holder).filter(|a| a.is_array());
        let Some(array) = array else { return unfit(format!("no array is at `{}`", shown(holder))) };
        let items = parts(array);
        if at > items.len() {
            return unfit(format!("`{}` has {} items, none can be added at {at}", shown(holder), items.len()));
        }
        let (place, piece) = match (items.get(at), items.last()) {
            (Some(item), _) => (item.range().start, format!("{raw},")),
            (None, Some(last)) => (last.range().end, format!(",{raw}")),
            (None, None) => (array.range().start + 1, raw.to_owned()),
        };
        self.splice(place..place, &piece);
        Ok(())
    }

    /// FHIR has no empty objects and arrays: they go, and what is empty then.
    pub(super) fn prune(&mut self) -> Result<()> {
        loop {
            let tree = self.tree()?;
            let places = (1..u32::try_from(tree.len()).unwrap_or(u32::MAX)).rev();
            let empty = places
                .filter_map(|at| Value::at(&tree, at))
                .find(|v| matches!(v.kind(), Kind::Object | Kind::Array) && parts(*v).is_empty());
            let Some(empty) = empty else { return Ok(()) };
            let way = empty.pointer();
            self.remove(&way)?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn way(text: &str) -> Vec<String> {
        text.split('/').filter(|s| !s.is_empty()).map(str::to_owned).collect()
    }

    #[test]
    fn what_is_not_touched_keeps_its_bytes() {
        let text = "{ \"a\" : 1.00,\n  \"b\":[ \"x\" , \"y\"] , \"c\":{\"d\" : null} }";
        let after = |change: &dyn Fn(&mut Document)| {
            let mut document = Document::new(text);
            change(&mut document);
            document.text
        };
        assert_eq!(after(&|d| drop(d.remove(&way("/a")))), "{ \"b\":[ \"x\" , \"y\"] , \"c\":{\"d\" : null} }");
        assert_eq!(after(&|d| drop(d.remove(&way("/b/0")))), text.replace("[ \"x\" , \"y\"]", "[ \"y\"]"));
        assert_eq!(after(&|d| drop(d.remove(&way("/b/1")))), text.replace("\"x\" , \"y\"", "\"x\""));
        assert_eq!(after(&|d| drop(d.remove(&way("/c/d")))), text.replace("\"d\" : null", ""));
        assert_eq!(after(&|d| d.set(&[], "e", "2").unwrap()), text.replace("null} }", "null},\"e\":2 }"));
        assert_eq!(after(&|d| d.insert(&way("/b"), 1, "0").unwrap()), text.replace("\"y\"]", "0,\"y\"]"));
        assert_eq!(after(&|d| d.insert(&way("/b"), 2, "0").unwrap()), text.replace("\"y\"]", "\"y\",0]"));
        let mut empty = Document::new("{\"a\":[{\"b\":{}},{}],\"c\":[ ],\"d\":0}");
        empty.prune().unwrap();
        assert_eq!(empty.text, "{\"d\":0}");
    }
}
