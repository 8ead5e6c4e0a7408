//! FHIRPath Patch (R4 fhirpatch.html): operations in a Parameters, places named by FHIRPath.
//!
//! A primitive is two members of JSON (`given` and `_given`), which are changed together; items of their lists stand at the
//! same places, `null` where one of the two has nothing.

mod given;
mod lists;

use super::edit::{Way, find};
use super::{Document, PatchError, Result, bounded, unfit, unreadable};
use crate::definitions::{self, Definitions, TypeId};
use crate::limits;
use crate::path::{Environment, Expression, Item, Mode, NoHost, Node};
use crate::tree::{Tree, Value};
use given::{Given, Made, element_of, given, make};

/// A FHIRPath Patch, read.
#[derive(Clone, Debug)]
pub(super) struct Operations(Vec<Operation>);

#[derive(Clone, Debug)]
struct Operation {
    path: String,
    what: What,
}

#[derive(Clone, Debug)]
enum What {
    Add { name: String, value: Given },
    Insert { index: usize, value: Given },
    Delete,
    Replace { value: Given },
    Move { source: usize, destination: usize },
}

impl Operations {
    pub(super) fn read(root: Value<'_>) -> Result<Self> {
        if root.get_text("resourceType").as_deref() != Some("Parameters") {
            return unreadable("a FHIRPath Patch is a Parameters resource");
        }
        let all: Vec<Value<'_>> = root.get("parameter").into_iter().flat_map(Value::items).collect();
        bounded(all.len())?;
        let read = |(n, parameter): (usize, &Value<'_>)| {
            operation(*parameter).map_err(|text| PatchError::Unreadable(format!("operation {n}: {text}")))
        };
        all.iter().enumerate().map(read).collect::<Result<_>>().map(Self)
    }

    pub(super) fn apply(&self, body: &str) -> Result<String> {
        let mut document = Document::new(body);
        for (n, operation) in self.0.iter().enumerate() {
            one(&mut document, operation).map_err(|e| match e {
                PatchError::Unfit(text) => PatchError::Unfit(format!("operation {n}, `{}`: {text}", operation.path)),
                PatchError::Unreadable(text) => {
                    PatchError::Unreadable(format!("operation {n}, `{}`: {text}", operation.path))
                }
                other => other,
            })?;
        }
        Ok(document.text)
    }
}

fn operation(parameter: Value<'_>) -> std::result::Result<Operation, String> {
    match parameter.get_text("name").as_deref() {
        Some("operation") => {}
        other => return Err(format!("a parameter is named `operation`, not `{}`", other.unwrap_or_default())),
    }
    let mut parts: Vec<(String, Value<'_>)> = Vec::new();
    for part in parameter.get("part").into_iter().flat_map(Value::items) {
        let name = part.get_text("name").unwrap_or_default().into_owned();
        let known = ["type", "path", "name", "value", "index", "source", "destination"];
        if !known.contains(&name.as_str()) {
            return Err(format!("`{name}` is no part of an operation"));
        }
        if parts.iter().any(|(n, _)| *n == name) {
            return Err(format!("the part `{name}` stands twice"));
        }
        parts.push((name, part));
    }
    let part = |name: &str| parts.iter().find(|(n, _)| n == name).map(|(_, p)| *p);
    let typed = |name: &str| {
        let value = part(name)?.members().find(|(n, _)| n.starts_with("value"))?.1;
        Some(value.text().map_or_else(|| value.raw().to_owned(), |t| t.into_owned()))
    };
    let text = |name: &str| typed(name).filter(|t| !t.is_empty()).ok_or_else(|| format!("it has no `{name}`"));
    let place = |name: &str| {
        let text = text(name)?;
        text.parse::<usize>().map_err(|_| format!("`{name}` is a place in a list, from 0, not `{text}`"))
    };
    let value = || part("value").ok_or("it has no `value`".to_owned()).and_then(|p| given(p, 0));
    let what = match text("type")?.as_str() {
        "add" => What::Add { name: text("name")?, value: value()? },
        "insert" => What::Insert { index: place("index")?, value: value()? },
        "delete" => What::Delete,
        "replace" => What::Replace { value: value()? },
        "move" => What::Move { source: place("source")?, destination: place("destination")? },
        other => return Err(format!("`{other}` is no type of an operation: add, insert, delete, replace, move")),
    };
    Ok(Operation { path: text("path")?, what })
}

/// Where an element stands: the object that holds its members, its name, its place in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    holder: Vec<String>,
    name: String,
    index: Option<usize>,
    id: TypeId,
    is_complex: bool,
}

impl Place {
    fn of(root: Value<'_>, node: &Node<'_>) -> Result<Self> {
        let Some(value) = node.value.or(node.extra) else {
            return unfit("it gives what stands nowhere in the resource");
        };
        let mut way = value.pointer();
        let holds = |way: &Way| find(root, way).is_some_and(Value::is_array);
        let index = match way.split_last() {
            Some((last, above)) if holds(above) => {
                let index = last.parse().ok();
                way.pop();
                index
            }
            _ => None,
        };
        let name = way.pop().unwrap_or_default();
        let name = if node.value.is_none() { name.trim_start_matches('_').to_owned() } else { name };
        Ok(Self { holder: way, name, index, id: node.id, is_complex: node.is_complex() })
    }

    fn is_root(&self) -> bool {
        self.name.is_empty()
    }

    /// The way to its own object.
    fn way(&self, name: &str) -> Vec<String> {
        let mut way = self.holder.clone();
        if !self.is_root() {
            way.push(name.to_owned());
            way.extend(self.index.map(|i| i.to_string()));
        }
        way
    }
}

/// The type of what stands at the end of a way.
fn type_at(r4: &Definitions, root: Value<'_>, way: &Way) -> TypeId {
    let mut id = Node::resource(root, r4).id;
    let mut here = root;
    for step in way {
        if here.is_object() {
            let name = step.trim_start_matches('_');
            id = r4.json_member(id, name).map_or(TypeId::UNKNOWN, |(_, id)| id);
            if step.starts_with('_') {
                id = r4.known().element;
            }
        }
        match find(here, std::slice::from_ref(step)) {
            Some(next) => here = next,
            None => return id,
        }
        if here.get("resourceType").is_some() {
            id = Node::resource(here, r4).id;
        }
    }
    id
}

/// The places a path gives.
fn places(tree: &Tree<'static>, path: &str) -> Result<Vec<Place>> {
    let r4 = definitions::r4();
    let root = Node::root(tree, r4);
    let read = |e: crate::path::PathError| PatchError::Unreadable(e.to_string());
    let expression = Expression::compile(path, r4, root.id, Mode::Strict).map_err(read)?;
    let mut environment = Environment::of(r4, Item::Node(root));
    environment.steps = limits::PATCH_STEPS;
    let items = expression.evaluate_in(&environment, &NoHost).map_err(|e| PatchError::Unfit(e.to_string()))?;
    let place = |item: &Item<'_>| match item {
        Item::Node(node) => Place::of(tree.root(), node),
        _ => unfit("it gives a computed value, not an element of the resource"),
    };
    items.iter().map(place).collect()
}

fn single(mut places: Vec<Place>) -> Result<Place> {
    match (places.pop(), places.len()) {
        (Some(place), 0) => Ok(place),
        (None, _) => unfit("nothing is there"),
        (Some(_), more) => unfit(format!("{} elements are there, one is wanted", more + 1)),
    }
}

fn one(document: &mut Document, operation: &Operation) -> Result<()> {
    let r4 = definitions::r4();
    let tree = document.tree()?;
    let found = places(&tree, &operation.path)?;
    match &operation.what {
        What::Add { name, value } => {
            let place = single(found)?;
            add(document, r4, &tree, &place, name, value)
        }
        What::Delete => {
            if found.is_empty() {
                return Ok(());
            }
            let place = single(found)?;
            if place.is_root() {
                return unfit("a patch does not delete the resource itself");
            }
            document.take_away(&place)
        }
        What::Replace { value } => {
            let place = single(found)?;
            if place.is_root() {
                return unfit("a patch does not replace the resource itself");
            }
            let element = element_of(r4, type_at(r4, tree.root(), &place.holder), &place.name)?;
            // A choice may change its type, so any of its names will do.
            let made = make(r4, element, element.name, value)?;
            document.put_instead(&place, &made)
        }
        What::Insert { index, value } if found.is_empty() => {
            let Some((above, name)) = parent_of(&operation.path) else { return unfit("nothing is there") };
            let place = single(places(&tree, above)?)?;
            if *index > 0 {
                return unfit(format!("the list is empty, nothing can be inserted at {index}"));
            }
            let id = type_at(r4, tree.root(), &place.way(&place.name));
            if !element_of(r4, id, name)?.is_list() {
                return unfit(format!("`{name}` is no list"));
            }
            add(document, r4, &tree, &place, name, value)
        }
        What::Insert { index, value } => {
            let (place, length) = whole_list(&tree, &found)?;
            if *index > length {
                return unfit(format!("the list has {length} elements, nothing can be inserted at {index}"));
            }
            let element = element_of(r4, type_at(r4, tree.root(), &place.holder), &place.name)?;
            let made = make(r4, element, &place.name, value)?;
            document.put_in_list(&place.holder, &made, *index, length)
        }
        What::Move { source, destination } => {
            let (place, length) = whole_list(&tree, &found)?;
            for (name, at) in [("source", source), ("destination", destination)] {
                if *at >= length {
                    return unfit(format!("`{name}` is {at}, the list has {length} elements"));
                }
            }
            let made = document.cut_from_list(&place, *source)?;
            document.put_in_list(&place.holder, &made, *destination, length - 1)
        }
    }
}

/// `Patient.identifier` as `Patient` and `identifier`: the last step, where it is a name.
fn parent_of(path: &str) -> Option<(&str, &str)> {
    let (above, name) = path.trim().rsplit_once('.')?;
    let name = name.trim().trim_matches('`');
    let plain = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    plain.then_some((above, name))
}

/// The list that the places are all of, and its length.
fn whole_list(tree: &Tree<'_>, found: &[Place]) -> Result<(Place, usize)> {
    let Some(first) = found.first() else { return unfit("nothing is there") };
    let length = list_length(tree.root(), &first.holder, &first.name);
    let of_one = |p: &Place| p.holder == first.holder && p.name == first.name && p.index.is_some();
    if !found.iter().all(of_one) || found.len() != length {
        return unfit("it names no whole list of one element");
    }
    Ok((first.clone(), length))
}

fn list_length(root: Value<'_>, holder: &Way, name: &str) -> usize {
    let Some(object) = find(root, holder) else { return 0 };
    let length = |name: &str| object.get(name).map_or(0, |a| a.items().count());
    length(name).max(length(&format!("_{name}")))
}

fn add(
    document: &mut Document,
    r4: &Definitions,
    tree: &Tree<'_>,
    place: &Place,
    name: &str,
    value: &Given,
) -> Result<()> {
    let (holder, id) = if place.is_complex {
        (place.way(&place.name), place.id)
    } else {
        // What a primitive has beside its value: id and extensions.
        (place.way(&format!("_{}", place.name)), r4.known().element)
    };
    let element = element_of(r4, id, name)?;
    let made = make(r4, element, name, value)?;
    if !place.is_complex && find(tree.root(), &holder).is_none_or(Value::is_null) {
        let empty = Made { name: place.name.clone(), value: None, extra: Some("{}".to_owned()) };
        match place.index {
            None => document.set(&place.holder, &format!("_{}", place.name), "{}")?,
            Some(at) => {
                let length = list_length(tree.root(), &place.holder, &place.name);
                document.cut_and_keep(&place.holder, &format!("_{}", place.name), at)?;
                document.one_in_list(
                    &place.holder,
                    &format!("_{}", place.name),
                    at,
                    length - 1,
                    empty.extra.as_deref(),
                )?;
            }
        }
    }
    let object = find(tree.root(), &holder);
    let is_of = |member: &str| {
        let member = member.trim_start_matches('_');
        member == made.name
            || (element.is_choice && r4.json_member(id, member).is_some_and(|(e, _)| e.name == element.name))
    };
    if !element.is_list() {
        if let Some((there, _)) = object.into_iter().flat_map(Value::members).find(|(n, _)| is_of(n)) {
            return unfit(format!("`{}` is there already", there.trim_start_matches('_')));
        }
        if let Some(raw) = &made.value {
            document.set(&holder, &made.name, raw)?;
        }
        if let Some(raw) = &made.extra {
            document.set(&holder, &format!("_{}", made.name), raw)?;
        }
        return Ok(());
    }
    let length = list_length(tree.root(), &holder, &made.name);
    document.put_in_list(&holder, &made, length, length)
}

#[cfg(test)]
mod tests;
