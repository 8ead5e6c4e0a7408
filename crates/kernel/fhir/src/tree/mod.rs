//! A compact JSON tree over the exact source bytes.
//!
//! Sketch: 20 bytes per value in one vector, in document order, so that a parse is one allocation that grows and a walk is
//! a scan. Nothing is copied: strings, digits and the bytes of any part are ranges of the source, so a part can be hashed
//! or written again exactly as it came (`1.00` stays `1.00`), members in the order of the sender.

mod parse;

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

pub use parse::Limits;

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `null`.
    Null,
    /// `true` or `false`.
    Boolean,
    /// A number, as written.
    Number,
    /// A string.
    String,
    /// An array.
    Array,
    /// An object.
    Object,
}

#[derive(Clone, Copy, Debug)]
struct Node {
    /// Byte range of the value, quotes and brackets included.
    start: u32,
    end: u32,
    /// Index of the value after this one and all inside it.
    next: u32,
    /// The member's name: where it starts in the source (or in `keys`, with `KEY_DECODED`), and its length.
    key: u32,
    key_len: u16,
    kind: Kind,
    flags: u8,
}

/// The string holds `\` escapes.
const ESCAPED: u8 = 1;
/// The name held escapes: its text stands in `keys`.
const KEY_DECODED: u8 = 2;
/// The value is a member of an object.
const MEMBER: u8 = 4;

/// A parsed JSON document and its source.
#[derive(Clone, Debug)]
pub struct Tree<'s> {
    source: Cow<'s, str>,
    nodes: Vec<Node>,
    keys: String,
}

/// Why a text is no JSON tree, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}{}: {problem}", Shown(.path))]
pub struct TreeError {
    /// What is wrong there.
    pub problem: Problem,
    /// Byte offset from the start of the text.
    pub offset: usize,
    /// Line, from 1.
    pub line: usize,
    /// Column in bytes, from 1.
    pub column: usize,
    /// Path of the value that was being read: `entry[3].resource.name`; empty at the root.
    pub path: String,
}

struct Shown<'a>(&'a str);
impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, ", in `{}`", self.0) }
    }
}

/// What is wrong with a JSON text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Not UTF-8.
    #[error("the text is not UTF-8")]
    NotUtf8,
    /// More bytes than allowed.
    #[error("the document is longer than {0} bytes")]
    TooLong(usize),
    /// Deeper than allowed.
    #[error("nested deeper than {0} levels")]
    TooDeep(usize),
    /// A name longer than allowed.
    #[error("a member's name is longer than {0} bytes")]
    LongName(usize),
    /// The same name twice in one object: two readers would see two documents.
    #[error("the member `{0}` stands twice in one object")]
    Duplicate(String),
    /// Something else than the grammar wants there.
    #[error("expected {0}")]
    Expected(&'static str),
    /// Text after the value.
    #[error("text after the end of the document")]
    Trailing,
    /// A control character in a string, a wrong escape, or half of a surrogate pair.
    #[error("{0}")]
    Text(&'static str),
}

impl<'s> Tree<'s> {
    /// Reads a document within the limits of the crate.
    ///
    /// # Errors
    /// Where the text is no JSON by RFC 8259, names a member twice in one object, or passes a limit.
    pub fn parse(source: impl Into<Cow<'s, str>>) -> Result<Self, TreeError> {
        Self::parse_within(source, &Limits::default())
    }

    /// Reads a document within `limits`.
    ///
    /// # Errors
    /// As `parse`.
    pub fn parse_within(source: impl Into<Cow<'s, str>>, limits: &Limits) -> Result<Self, TreeError> {
        let source = source.into();
        let (nodes, keys) = parse::parse(&source, limits)?;
        Ok(Self { source, nodes, keys })
    }

    /// Reads a document from bytes, which must be UTF-8. A byte order mark is refused as RFC 8259 §8.1 allows.
    ///
    /// # Errors
    /// As `parse`.
    pub fn parse_bytes(source: &'s [u8]) -> Result<Self, TreeError> {
        match std::str::from_utf8(source) {
            Ok(text) => Self::parse(text),
            Err(e) => Err(parse::located(source, e.valid_up_to(), Problem::NotUtf8)),
        }
    }

    /// The whole document as one value.
    pub fn root(&self) -> Value<'_> {
        Value { tree: self, at: 0 }
    }

    /// The exact source.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// How many values it holds.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Never: a document is at least one value.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Bytes of memory beside the source.
    pub fn overhead(&self) -> usize {
        self.nodes.capacity() * size_of::<Node>() + self.keys.capacity()
    }

    /// The same tree, owning its source.
    pub fn into_owned(self) -> Tree<'static> {
        Tree { source: Cow::Owned(self.source.into_owned()), nodes: self.nodes, keys: self.keys }
    }

    fn key(&self, node: &Node) -> Option<&str> {
        if node.flags & MEMBER == 0 {
            return None;
        }
        let range = node.key as usize..node.key as usize + usize::from(node.key_len);
        Some(if node.flags & KEY_DECODED == 0 { &self.source[range] } else { &self.keys[range] })
    }
}

/// One value of a tree. Copying it copies a reference.
#[derive(Clone, Copy)]
pub struct Value<'t> {
    tree: &'t Tree<'t>,
    at: u32,
}

impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.raw())
    }
}

/// The same value of the same tree.
impl PartialEq for Value<'_> {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.tree, other.tree) && self.at == other.at
    }
}

impl<'t> Value<'t> {
    fn node(self) -> &'t Node {
        &self.tree.nodes[self.at as usize]
    }

    /// What it is.
    pub fn kind(self) -> Kind {
        self.node().kind
    }

    /// Whether it is an object.
    pub fn is_object(self) -> bool {
        self.kind() == Kind::Object
    }

    /// Whether it is an array.
    pub fn is_array(self) -> bool {
        self.kind() == Kind::Array
    }

    /// Whether it is `null`.
    pub fn is_null(self) -> bool {
        self.kind() == Kind::Null
    }

    /// Its bytes in the source.
    pub fn range(self) -> Range<usize> {
        let node = self.node();
        node.start as usize..node.end as usize
    }

    /// Its exact JSON.
    pub fn raw(self) -> &'t str {
        &self.tree.source[self.range()]
    }

    /// Its place in document order, from 0: a key for maps over one tree.
    pub fn position(self) -> u32 {
        self.at
    }

    /// The value at a place of document order.
    pub fn at(tree: &'t Tree<'t>, position: u32) -> Option<Self> {
        ((position as usize) < tree.nodes.len()).then_some(Self { tree, at: position })
    }

    /// The text of a string, escapes read; `None` for anything else.
    pub fn text(self) -> Option<Cow<'t, str>> {
        let node = self.node();
        if node.kind != Kind::String {
            return None;
        }
        let inner = &self.tree.source[node.start as usize + 1..node.end as usize - 1];
        Some(if node.flags & ESCAPED == 0 { Cow::Borrowed(inner) } else { Cow::Owned(parse::unescape(inner)) })
    }

    /// Whether it is a text with escapes.
    pub fn is_escaped(self) -> bool {
        self.node().flags & ESCAPED != 0
    }

    /// The digits of a number as written.
    pub fn number(self) -> Option<&'t str> {
        (self.kind() == Kind::Number).then(|| self.raw())
    }

    /// `true` or `false`.
    pub fn boolean(self) -> Option<bool> {
        (self.kind() == Kind::Boolean).then(|| self.raw() == "true")
    }

    /// Its name, where it is a member of an object.
    pub fn name(self) -> Option<&'t str> {
        self.tree.key(self.node())
    }

    /// The member named `name` of an object.
    pub fn get(self, name: &str) -> Option<Value<'t>> {
        self.members().find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    /// The member `name` as text: `get(name)?.text()`.
    pub fn get_text(self, name: &str) -> Option<Cow<'t, str>> {
        self.get(name)?.text()
    }

    /// The members of an object in their order; nothing for other values.
    pub fn members(self) -> impl Iterator<Item = (&'t str, Value<'t>)> + Clone {
        let tree = self.tree;
        self.inside(Kind::Object).map(move |v| (tree.key(v.node()).unwrap_or_default(), v))
    }

    /// The items of an array in their order; nothing for other values.
    pub fn items(self) -> impl Iterator<Item = Value<'t>> + Clone {
        self.inside(Kind::Array)
    }

    /// The items of an array, or the value itself where it is none: FHIR's "one or many".
    pub fn each(self) -> impl Iterator<Item = Value<'t>> + Clone {
        let alone = (!self.is_array()).then_some(self);
        alone.into_iter().chain(self.items())
    }

    fn inside(self, kind: Kind) -> Inside<'t> {
        let node = self.node();
        let end = if node.kind == kind { node.next } else { self.at + 1 };
        Inside { tree: self.tree, at: self.at + 1, end }
    }

    /// The way to it from the root: names of members, and places in arrays as digits.
    pub fn pointer(self) -> Vec<String> {
        let mut steps = Vec::new();
        let mut here = Value { tree: self.tree, at: 0 };
        while here.at != self.at {
            let kids = here.inside(here.kind());
            let Some((n, kid)) = kids.enumerate().find(|(_, k)| self.at < k.node().next) else { break };
            steps.push(kid.name().map_or_else(|| n.to_string(), str::to_owned));
            here = kid;
        }
        steps
    }

    /// Where it stands from the root: `entry[3].resource.name[0]`; empty for the root.
    pub fn path(self) -> String {
        let mut path = String::new();
        let mut here = Value { tree: self.tree, at: 0 };
        while here.at != self.at {
            let holder = here;
            let kids = holder.inside(holder.kind());
            let Some((n, kid)) = kids.enumerate().find(|(_, k)| self.at < k.node().next) else { break };
            match kid.name() {
                Some(name) if path.is_empty() => path.push_str(name),
                Some(name) => path.extend([".", name]),
                None => path.push_str(&format!("[{n}]")),
            }
            here = kid;
        }
        path
    }
}

#[derive(Clone)]
struct Inside<'t> {
    tree: &'t Tree<'t>,
    at: u32,
    end: u32,
}

impl<'t> Iterator for Inside<'t> {
    type Item = Value<'t>;
    fn next(&mut self) -> Option<Value<'t>> {
        if self.at >= self.end {
            return None;
        }
        let value = Value { tree: self.tree, at: self.at };
        self.at = value.node().next;
        Some(value)
    }
}

#[cfg(test)]
mod tests;
