//! Canonical XML: one way to write what an XML document says (1.0 inclusive, and exclusive).

use super::bad;
use crate::{Error, Result, limits};
use roxmltree::{Node, NodeId};
use std::collections::{BTreeMap, BTreeSet};

/// Which canonical form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Method {
    /// Only namespaces that are used where they stand.
    pub exclusive: bool,
    /// Comments too.
    pub comments: bool,
    /// Prefixes that the exclusive form keeps all the same.
    pub prefixes: Vec<String>,
}

const METHODS: [(bool, bool, &str); 4] = [
    (false, false, "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"),
    (false, true, "http://www.w3.org/TR/2001/REC-xml-c14n-20010315#WithComments"),
    (true, false, "http://www.w3.org/2001/10/xml-exc-c14n#"),
    (true, true, "http://www.w3.org/2001/10/xml-exc-c14n#WithComments"),
];

const XML: &str = "http://www.w3.org/XML/1998/namespace";

impl Method {
    /// The inclusive form without comments: what applies where none is named.
    pub fn inclusive() -> Self {
        Self { exclusive: false, comments: false, prefixes: Vec::new() }
    }

    /// The exclusive form without comments.
    pub fn exclusive() -> Self {
        Self { exclusive: true, ..Self::inclusive() }
    }

    /// The one of an identifier, where it is one.
    pub fn of(address: &str) -> Option<Self> {
        let (exclusive, comments, _) = METHODS.into_iter().find(|(_, _, a)| *a == address)?;
        Some(Self { exclusive, comments, prefixes: Vec::new() })
    }

    /// Its identifier.
    pub fn address(&self) -> &'static str {
        let found = METHODS.into_iter().find(|(e, c, _)| (*e, *c) == (self.exclusive, self.comments));
        found.map_or("", |(_, _, address)| address)
    }
}

/// The canonical form of a node and what is in it, one subtree left out.
///
/// # Errors
/// `Malformed` where namespaces are not what XML allows.
pub fn canonicalize(node: Node<'_, '_>, method: &Method, without: Option<NodeId>) -> Result<Vec<u8>> {
    let mut writer = Writer { method, without, out: Vec::new() };
    if node.is_root() {
        let mut before = true;
        for child in node.children() {
            let is_element = child.is_element();
            let is_written = is_element || child.is_pi() || child.is_comment() && method.comments;
            if !is_written {
                continue;
            }
            if !is_element && !before {
                writer.out.push(b'\n');
            }
            writer.node(child, &BTreeMap::new(), true)?;
            if is_element {
                before = false;
            } else if before {
                writer.out.push(b'\n');
            }
        }
    } else {
        writer.node(node, &BTreeMap::new(), true)?;
    }
    Ok(writer.out)
}

struct Writer<'m> {
    method: &'m Method,
    without: Option<NodeId>,
    out: Vec<u8>,
}

/// The name as it is written, prefix and all.
fn written_name<'a>(node: Node<'a, '_>) -> Result<&'a str> {
    let text = &node.document().input_text()[node.range().start..];
    let text = text.strip_prefix('<').ok_or_else(|| bad("an element is not where it stands"))?;
    let end = text.find(|c: char| c.is_ascii_whitespace() || c == '/' || c == '>');
    Ok(&text[..end.unwrap_or(text.len())])
}

fn prefix_of(name: &str) -> &str {
    name.split_once(':').map_or("", |(prefix, _)| prefix)
}

impl Writer<'_> {
    fn node(&mut self, node: Node<'_, '_>, above: &BTreeMap<String, String>, is_top: bool) -> Result<()> {
        if self.without == Some(node.id()) {
            return Ok(());
        }
        if node.is_text() {
            escape(node.text().unwrap_or_default(), false, &mut self.out);
        } else if node.is_comment() {
            if self.method.comments {
                self.put(&["<!--", node.text().unwrap_or_default(), "-->"]);
            }
        } else if let Some(pi) = node.pi() {
            match pi.value {
                Some(value) if !value.is_empty() => self.put(&["<?", pi.target, " ", value, "?>"]),
                _ => self.put(&["<?", pi.target, "?>"]),
            }
        } else if node.is_element() {
            self.element(node, above, is_top)?;
        }
        Ok(())
    }

    fn put(&mut self, parts: &[&str]) {
        parts.iter().for_each(|part| self.out.extend(part.as_bytes()));
    }

    fn element(&mut self, node: Node<'_, '_>, above: &BTreeMap<String, String>, is_top: bool) -> Result<()> {
        let name = written_name(node)?;
        let source = node.document().input_text();
        // Namespace, local name, name as written, value.
        let mut attributes: Vec<(&str, &str, String, &str)> = Vec::new();
        let mut used = BTreeSet::from([prefix_of(name).to_owned()]);
        for attribute in node.attributes() {
            let written = source[attribute.range_qname()].to_owned();
            let prefix = prefix_of(&written);
            if !prefix.is_empty() && prefix != "xml" {
                used.insert(prefix.to_owned());
            }
            attributes.push((attribute.namespace().unwrap_or_default(), attribute.name(), written, attribute.value()));
        }
        if is_top && !self.method.exclusive {
            for ancestor in node.ancestors().skip(1) {
                for a in ancestor.attributes().filter(|a| a.namespace() == Some(XML)) {
                    if !attributes.iter().any(|(namespace, local, ..)| *namespace == XML && *local == a.name()) {
                        attributes.push((XML, a.name(), format!("xml:{}", a.name()), a.value()));
                    }
                }
            }
        }
        attributes.sort();
        let mut scope: BTreeMap<String, String> = BTreeMap::new();
        if node.namespaces().count() > limits::XML_NAMESPACES {
            return Err(Error::TooLarge { what: "the namespaces of an XML element", limit: limits::XML_NAMESPACES });
        }
        for namespace in node.namespaces() {
            let prefix = namespace.name().unwrap_or_default();
            if prefix != "xml" {
                scope.insert(prefix.to_owned(), namespace.uri().to_owned());
            }
        }
        let mut rendered = above.clone();
        let mut declared = Vec::new();
        let wanted = |prefix: &str| {
            let listed = if prefix.is_empty() { "#default" } else { prefix };
            !self.method.exclusive || used.contains(prefix) || self.method.prefixes.iter().any(|p| p == listed)
        };
        let none = String::new();
        let keys: BTreeSet<&String> = scope.keys().chain([&none]).collect();
        for prefix in keys {
            let address = scope.get(prefix).unwrap_or(&none);
            let before = above.get(prefix).unwrap_or(&none);
            if wanted(prefix) && address != before {
                declared.push((prefix.clone(), address.clone()));
                rendered.insert(prefix.clone(), address.clone());
            }
        }
        self.put(&["<", name]);
        for (prefix, address) in &declared {
            self.put(&if prefix.is_empty() { [" xmlns", "", "=\""] } else { [" xmlns:", prefix.as_str(), "=\""] });
            escape(address, true, &mut self.out);
            self.out.push(b'"');
        }
        for (_, _, written, value) in &attributes {
            self.put(&[" ", written, "=\""]);
            escape(value, true, &mut self.out);
            self.out.push(b'"');
        }
        self.out.push(b'>');
        for child in node.children() {
            self.node(child, &rendered, false)?;
        }
        self.put(&["</", name, ">"]);
        Ok(())
    }
}

fn escape(text: &str, in_attribute: bool, out: &mut Vec<u8>) {
    for b in text.bytes() {
        match (b, in_attribute) {
            (b'&', _) => out.extend(b"&amp;"),
            (b'<', _) => out.extend(b"&lt;"),
            (b'>', false) => out.extend(b"&gt;"),
            (b'\r', _) => out.extend(b"&#xD;"),
            (b'"', true) => out.extend(b"&quot;"),
            (b'\t', true) => out.extend(b"&#x9;"),
            (b'\n', true) => out.extend(b"&#xA;"),
            _ => out.push(b),
        }
    }
}

/// The canonical form of a text of XML, for tests and tools.
///
/// # Errors
/// `Malformed`.
pub fn of_text(text: &str, method: &Method) -> Result<Vec<u8>> {
    let document = super::parse(text)?;
    canonicalize(document.root(), method, None)
}
