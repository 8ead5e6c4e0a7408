//! Members and lists of a resource under change, primitives and their twins together.

use super::super::edit::{Way, find, shown};
use super::super::{Document, Result, unfit};
use super::given::Made;
use super::{Place, list_length};
use crate::tree::{Kind, Value};

impl Document {
    /// One array of the two that a list may be: an item before `at`, of `length` places.
    pub(super) fn one_in_list(
        &mut self,
        holder: &Way,
        name: &str,
        at: usize,
        length: usize,
        raw: Option<&str>,
    ) -> Result<()> {
        let tree = self.tree()?;
        let mut way = holder.to_vec();
        way.push(name.to_owned());
        let there = find(tree.root(), &way);
        if there.is_some_and(|t| !t.is_array()) {
            return unfit(format!("`{}` is no array", shown(&way)));
        }
        let Some(count) = there.map(|a| a.items().count()) else {
            let Some(raw) = raw else { return Ok(()) };
            let items: Vec<&str> = (0..=length).map(|n| if n == at { raw } else { "null" }).collect();
            return self.set(holder, name, &format!("[{}]", items.join(",")));
        };
        if raw.is_none() && at >= count {
            return Ok(());
        }
        for n in count..at {
            self.insert(&way, n, "null")?;
        }
        self.insert(&way, at, raw.unwrap_or("null"))
    }

    pub(super) fn put_in_list(&mut self, holder: &Way, made: &Made, at: usize, length: usize) -> Result<()> {
        self.one_in_list(holder, &made.name, at, length, made.value.as_deref())?;
        self.one_in_list(holder, &format!("_{}", made.name), at, length, made.extra.as_deref())
    }

    /// Takes an item out of an array, where it is that long; the array stays, empty or not.
    pub(super) fn cut_and_keep(&mut self, holder: &Way, name: &str, at: usize) -> Result<Option<String>> {
        let tree = self.tree()?;
        let mut way = holder.to_vec();
        way.extend([name.to_owned(), at.to_string()]);
        if find(tree.root(), &way).is_none() {
            return Ok(None);
        }
        self.remove(&way).map(|raw| Some(raw).filter(|raw| raw != "null"))
    }

    pub(super) fn cut_from_list(&mut self, place: &Place, at: usize) -> Result<Made> {
        let value = self.cut_and_keep(&place.holder, &place.name, at)?;
        let extra = self.cut_and_keep(&place.holder, &format!("_{}", place.name), at)?;
        Ok(Made { name: place.name.clone(), value, extra })
    }

    /// Members that say nothing any more.
    fn drop_idle(&mut self, holder: &Way, name: &str) -> Result<()> {
        let twin = format!("_{name}");
        let tree = self.tree()?;
        let object = find(tree.root(), holder);
        let idle = |name: &str| object.and_then(|o| o.get(name)).map(|v| v.is_array() && v.items().all(Value::is_null));
        let (own, other) = (idle(name), idle(&twin));
        for (name, gone) in
            [(&twin, other == Some(true)), (&name.to_owned(), own == Some(true) && other != Some(false))]
        {
            if gone {
                let mut way = holder.to_vec();
                way.push(name.clone());
                self.remove(&way)?;
            }
        }
        Ok(())
    }

    pub(super) fn take_away(&mut self, place: &Place) -> Result<()> {
        match place.index {
            Some(at) => {
                self.cut_from_list(place, at)?;
                self.drop_idle(&place.holder, &place.name)?;
            }
            None => {
                for name in [place.name.clone(), format!("_{}", place.name)] {
                    let tree = self.tree()?;
                    let mut way = place.holder.clone();
                    way.push(name);
                    if find(tree.root(), &way).is_some() {
                        self.remove(&way)?;
                    }
                }
            }
        }
        // What is empty now goes too, up to the resource.
        let mut way = place.holder.clone();
        while !way.is_empty() {
            let tree = self.tree()?;
            let empty = find(tree.root(), &way).is_some_and(|v| {
                !matches!(v.kind(), Kind::String | Kind::Number | Kind::Boolean)
                    && v.members().next().is_none()
                    && v.items().next().is_none()
            });
            if !empty {
                break;
            }
            self.remove(&way)?;
            way.pop();
        }
        Ok(())
    }

    pub(super) fn put_instead(&mut self, place: &Place, made: &Made) -> Result<()> {
        if let Some(at) = place.index {
            let length = list_length(self.tree()?.root(), &place.holder, &place.name);
            self.cut_from_list(place, at)?;
            self.put_in_list(&place.holder, made, at, length - 1)?;
            return self.drop_idle(&place.holder, &place.name);
        }
        let pairs = [
            (place.name.clone(), made.name.clone(), &made.value),
            (format!("_{}", place.name), format!("_{}", made.name), &made.extra),
        ];
        for (old, new, raw) in pairs {
            if let (true, Some(raw)) = (old == new, raw) {
                self.set(&place.holder, &new, raw)?;
                continue;
            }
            let tree = self.tree()?;
            let mut way = place.holder.clone();
            way.push(old);
            if find(tree.root(), &way).is_some() {
                self.remove(&way)?;
            }
            if let Some(raw) = raw {
                self.set(&place.holder, &new, raw)?;
            }
        }
        Ok(())
    }
}
