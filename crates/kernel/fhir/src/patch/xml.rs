//! XML Patch (RFC 5261), on any XML: changes of the text at the places that `sel` names.
//!
//! A prefix that the patch does not declare means what FHIR's own patches use it for: `f` is FHIR, `h` is XHTML.

use super::xpath::{Found, XPath};
use super::{Document, PatchError, Result, bounded, unfit, unreadable};
use crate::limits;
use crate::xml::{FHIR, XHTML};
use roxmltree::Node;
use std::ops::Range;

/// An XML Patch, read.
#[derive(Clone, Debug)]
pub(super) struct Operations(Vec<Operation>);

#[derive(Clone, Debug)]
struct Operation {
    sel: String,
    path: XPath,
    what: What,
    content: Content,
}

#[derive(Clone, Debug)]
enum What {
    Add(Position),
    AddAttribute(String),
    AddNamespace(String),
    Replace,
    Remove(Blanks),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Position {
    Last,
    First,
    Before,
    After,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Blanks {
    Keep,
    Before,
    After,
    Both,
}

/// What stands inside an operation.
#[derive(Clone, Debug, Default)]
struct Content {
    /// As written, with the namespaces its elements need.
    raw: String,
    /// Its text, entities read.
    text: String,
    elements: usize,
    comments: usize,
    instructions: usize,
    /// The one element, comment or instruction alone.
    only: String,
}

/// Reads XML, no deeper than the crate's limit.
fn parsed(text: &str) -> std::result::Result<roxmltree::Document<'_>, String> {
    if text.len() > limits::DOCUMENT_BYTES {
        return Err("the document is too long".to_owned());
    }
    // The depth first: a parser's own stack is not to be relied on.
    let mut reader = quick_xml::Reader::from_str(text);
    let mut depth = 0_usize;
    loop {
        match reader.read_event() {
            Ok(quick_xml::events::Event::Start(_)) => depth += 1,
            Ok(quick_xml::events::Event::End(_)) => depth = depth.saturating_sub(1),
            Ok(quick_xml::events::Event::Eof) => break,
            Ok(_) => {}
            Err(e) => return Err(e.to_string()),
        }
        if depth > limits::XML_DEPTH {
            return Err(format!("elements nested deeper than {}", limits::XML_DEPTH));
        }
    }
    roxmltree::Document::parse(text).map_err(|e| e.to_string())
}

impl Operations {
    pub(super) fn read(text: &str) -> Result<Self> {
        let document = parsed(text.trim_start_matches('\u{feff}'))
            .map_err(|e| PatchError::Unreadable(format!("the patch is no XML: {e}")))?;
        let root = document.root_element();
        if !matches!(root.tag_name().name(), "diff" | "patch") {
            return unreadable(format!("an XML Patch is a `diff`, not a `{}`", root.tag_name().name()));
        }
        let mut all = Vec::new();
        for node in root.children().filter(Node::is_element) {
            all.push(operation(node)?);
            bounded(all.len())?;
        }
        if all.is_empty() { unreadable("the patch holds no operation") } else { Ok(Self(all)) }
    }

    pub(super) fn apply(&self, text: &str) -> Result<String> {
        if text.trim().is_empty() {
            return unfit("there is no document to patch");
        }
        let mut document = Document::new(text.trim_start_matches('\u{feff}'));
        for (n, operation) in self.0.iter().enumerate() {
            document.note()?;
            let edits = {
                let tree = parsed(&document.text).map_err(PatchError::Unfit)?;
                let about = |e: String| PatchError::Unfit(format!("operation {n}, `{}`: {e}", operation.sel));
                operation.edits(&tree).map_err(about)?
            };
            for (range, with) in edits.into_iter().rev() {
                document.text.replace_range(range, &with);
            }
        }
        parsed(&document.text).map_err(|e| PatchError::Unfit(format!("the patch leaves no XML: {e}")))?;
        Ok(document.text)
    }
}

fn operation(node: Node<'_, '_>) -> Result<Operation> {
    let name = node.tag_name().name();
    let wrong = |what: String| PatchError::Unreadable(format!("`{name}`: {what}"));
    let sel = node.attribute("sel").ok_or_else(|| wrong("it has no `sel`".to_owned()))?;
    let prefixes = |prefix: Option<&str>| match (node.lookup_namespace_uri(prefix), prefix) {
        (Some(uri), _) => Some(uri.to_owned()),
        (None, Some("f")) => Some(FHIR.to_owned()),
        (None, Some("h")) => Some(XHTML.to_owned()),
        (None, Some("xml")) => Some(roxmltree::NS_XML_URI.to_owned()),
        _ => None,
    };
    let path = XPath::read(sel, &prefixes).map_err(wrong)?;
    let what = match (name, node.attribute("type"), node.attribute("pos")) {
        ("add", Some(kind), None) => match (kind.strip_prefix('@'), kind.strip_prefix("namespace::")) {
            (Some(attribute), _) if !attribute.is_empty() => What::AddAttribute(attribute.to_owned()),
            (_, Some(prefix)) if !prefix.is_empty() => What::AddNamespace(prefix.to_owned()),
            _ => return Err(wrong(format!("`{kind}` is no type: `@name` or `namespace::prefix`"))),
        },
        ("add", Some(_), Some(_)) => return Err(wrong("`type` and `pos` do not go together".to_owned())),
        ("add", None, pos) => What::Add(match pos {
            None => Position::Last,
            Some("prepend") => Position::First,
            Some("before") => Position::Before,
            Some("after") => Position::After,
            Some(other) => return Err(wrong(format!("`{other}` is no `pos`: prepend, before, after"))),
        }),
        ("replace", ..) => What::Replace,
        ("remove", ..) => What::Remove(match node.attribute("ws") {
            None => Blanks::Keep,
            Some("before") => Blanks::Before,
            Some("after") => Blanks::After,
            Some("both") => Blanks::Both,
            Some(other) => return Err(wrong(format!("`{other}` is no `ws`: before, after, both"))),
        }),
        _ => return Err(wrong("an operation is `add`, `replace` or `remove`".to_owned())),
    };
    Ok(Operation { sel: sel.to_owned(), path, what, content: content(node) })
}

fn content(node: Node<'_, '_>) -> Content {
    let source = node.document().input_text();
    let mut content = Content::default();
    for child in node.children() {
        let mut raw = source[child.range()].to_owned();
        if child.is_element() {
            content.elements += 1;
            raw = with_namespaces(child, raw);
            content.only = raw.clone();
        } else if child.is_comment() {
            content.comments += 1;
            content.only = raw.clone();
        } else if child.is_pi() {
            content.instructions += 1;
            content.only = raw.clone();
        } else {
            content.text.push_str(child.text().unwrap_or_default());
        }
        content.raw.push_str(&raw);
    }
    content
}

/// An element with the declarations that stand above it in the patch, so that it means the same elsewhere. The default one
/// stands only where the element is of another namespace than FHIR's: a document of FHIR has that one already.
fn with_namespaces(element: Node<'_, '_>, raw: String) -> String {
    let mut declared = String::new();
    for space in element.namespaces() {
        let own = match space.name() {
            None => "xmlns=".to_owned(),
            Some(prefix) => format!("xmlns:{prefix}="),
        };
        let start = &raw[..tag_end(&raw, 0)];
        let used = space.name().is_none_or(|prefix| raw.contains(&format!("{prefix}:")));
        let known = space.name().is_none() && space.uri() == FHIR;
        if used && !known && !start.contains(&own) && space.name() != Some("xml") {
            declared.push_str(&format!(" {own}\"{}\"", escaped(space.uri())));
        }
    }
    let end = raw[1..].find(|c: char| c.is_whitespace() || matches!(c, '/' | '>')).map_or(raw.len(), |n| n + 1);
    format!("{}{declared}{}", &raw[..end], &raw[end..])
}

/// Where the tag that begins at `from` ends: one past its `>`.
fn tag_end(text: &str, from: usize) -> usize {
    let mut quoted = None;
    for (n, b) in text.bytes().enumerate().skip(from) {
        match (quoted, b) {
            (None, b'"' | b'\'') => quoted = Some(b),
            (Some(q), b) if q == b => quoted = None,
            (None, b'>') => return n + 1,
            _ => {}
        }
    }
    text.len()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

type Edits = Vec<(Range<usize>, String)>;

impl Operation {
    /// The changes of the text, in its order.
    fn edits(&self, tree: &roxmltree::Document<'_>) -> std::result::Result<Edits, String> {
        let found = self.path.find(tree.root());
        let one = match found.as_slice() {
            [one] => *one,
            [] => return Err("nothing is there".to_owned()),
            more => return Err(format!("{} nodes are there, one is wanted", more.len())),
        };
        let text = tree.input_text();
        match (&self.what, one) {
            (_, Found::Node(node)) if node.is_root() => Err("the document itself is no node to change".to_owned()),
            (What::Add(position), Found::Node(node)) => self.add(text, node, *position).map(|edit| vec![edit]),
            (What::AddAttribute(name), Found::Node(node)) if node.is_element() => {
                let is_own = |a: &roxmltree::Attribute<'_, '_>| text[a.range_qname()] == **name;
                if node.attributes().any(|a| is_own(&a)) {
                    return Err(format!("the attribute `{name}` is there already"));
                }
                Ok(vec![self.declare(text, node, name)])
            }
            (What::AddNamespace(prefix), Found::Node(node)) if node.is_element() => {
                let name = format!("xmlns:{prefix}");
                if declaration(text, node, &name).is_some() {
                    return Err(format!("the prefix `{prefix}` is declared already"));
                }
                Ok(vec![self.declare(text, node, &name)])
            }
            (What::Replace, Found::Node(node)) => self.replace(node).map(|with| vec![(node.range(), with)]),
            (What::Replace, Found::Attribute(node, n)) => {
                if self.content.elements + self.content.comments > 0 {
                    return Err("an attribute is replaced by a text".to_owned());
                }
                let range = node.attributes().nth(n).map(|a| a.range_value()).ok_or("there is no such attribute")?;
                Ok(vec![(range, escaped(&self.content.text))])
            }
            (What::Replace, Found::Namespace(node)) => {
                let (_, value) = self.declared(text, node)?;
                Ok(vec![(value, escaped(&self.content.text))])
            }
            (What::Remove(blanks), Found::Node(node)) => remove(tree, node, *blanks),
            (What::Remove(_), Found::Attribute(node, n)) => {
                let range = node.attributes().nth(n).map(|a| a.range()).ok_or("there is no such attribute")?;
                Ok(vec![(before_blanks(text, range.start)..range.end, String::new())])
            }
            (What::Remove(_), Found::Namespace(node)) => {
                let (whole, _) = self.declared(text, node)?;
                Ok(vec![(whole, String::new())])
            }
            _ => Err("an element is wanted there".to_owned()),
        }
    }

    fn declared(&self, text: &str, node: Node<'_, '_>) -> std::result::Result<(Range<usize>, Range<usize>), String> {
        let prefix = self.path.prefix().unwrap_or_default();
        declaration(text, node, &format!("xmlns:{prefix}")).ok_or_else(|| format!("`{prefix}` is not declared there"))
    }

    /// A new attribute or declaration at the end of a start tag.
    fn declare(&self, text: &str, node: Node<'_, '_>, name: &str) -> (Range<usize>, String) {
        let end = tag_end(text, node.range().start) - 1;
        let end = if text[..end].ends_with('/') { end - 1 } else { end };
        let end = before_blanks(text, end);
        (end..end, format!(" {name}=\"{}\"", escaped(&self.content.text)))
    }

    fn add(
        &self,
        text: &str,
        node: Node<'_, '_>,
        position: Position,
    ) -> std::result::Result<(Range<usize>, String), String> {
        let (range, raw) = (node.range(), self.content.raw.clone());
        match position {
            Position::Before => return Ok((range.start..range.start, raw)),
            Position::After => return Ok((range.end..range.end, raw)),
            Position::First | Position::Last if !node.is_element() => {
                return Err("something is added into an element, or before or after a node".to_owned());
            }
            _ => {}
        }
        let start = tag_end(text, range.start);
        if text[range.start..start].ends_with("/>") {
            let name = text[range.start + 1..].split(|c: char| c.is_whitespace() || matches!(c, '/' | '>')).next();
            let slash = before_blanks(text, start - 2);
            return Ok((slash..start, format!(">{raw}</{}>", name.unwrap_or_default())));
        }
        let at = match position {
            Position::First => start,
            _ => text[..range.end].rfind("</").unwrap_or(start),
        };
        Ok((at..at, raw))
    }

    fn replace(&self, node: Node<'_, '_>) -> std::result::Result<String, String> {
        let content = &self.content;
        let nodes = (content.elements, content.comments, content.instructions);
        let has_text = !content.text.trim().is_empty();
        if node.is_element() {
            let fits = nodes.0 == 1 && nodes.1 + nodes.2 == 0 && !has_text;
            return if fits {
                Ok(content.only.clone())
            } else {
                Err("an element is replaced by one element".to_owned())
            };
        }
        if node.is_text() {
            let fits = nodes == (0, 0, 0);
            return if fits { Ok(content.raw.clone()) } else { Err("a text is replaced by a text".to_owned()) };
        }
        let fits = if node.is_comment() { nodes == (0, 1, 0) } else { nodes == (0, 0, 1) };
        if fits && !has_text {
            Ok(content.only.clone())
        } else {
            Err("a node is replaced by one of its kind".to_owned())
        }
    }
}

fn before_blanks(text: &str, at: usize) -> usize {
    text[..at].trim_end().len()
}

/// A declaration in a start tag, with the blanks before it, and its value.
fn declaration(text: &str, node: Node<'_, '_>, name: &str) -> Option<(Range<usize>, Range<usize>)> {
    let from = node.range().start;
    let tag = &text[from..tag_end(text, from)];
    let mut at = 0;
    loop {
        let found = at + tag[at..].find(name)?;
        let after = &tag[found + name.len()..];
        let is_whole = tag[..found].ends_with(char::is_whitespace);
        let rest = after.trim_start();
        if is_whole && let Some(value) = rest.strip_prefix('=').map(str::trim_start) {
            let mark = value.chars().next()?;
            let start = from + (tag.len() - value.len()) + 1;
            let end = start + value[1..].find(mark)?;
            return Some((before_blanks(text, from + found)..end + 1, start..end));
        }
        at = found + name.len();
    }
}

fn remove(tree: &roxmltree::Document<'_>, node: Node<'_, '_>, blanks: Blanks) -> std::result::Result<Edits, String> {
    if node == tree.root_element() {
        return Err("a document has a root".to_owned());
    }
    let blank = |n: Option<Node<'_, '_>>| {
        n.filter(|n| n.is_text() && n.text().is_some_and(|t| t.trim().is_empty())).map(|n| n.range())
    };
    let mut range = node.range();
    if matches!(blanks, Blanks::Before | Blanks::Both) {
        range.start = blank(node.prev_sibling()).ok_or("no blanks stand before it")?.start;
    }
    if matches!(blanks, Blanks::After | Blanks::Both) {
        range.end = blank(node.next_sibling()).ok_or("no blanks stand after it")?.end;
    }
    Ok(vec![(range, String::new())])
}

#[cfg(test)]
mod tests {
    use super::super::Patch;

    fn patched(document: &str, operations: &str) -> Result<String, String> {
        let patch = format!("<diff xmlns=\"http://hl7.org/fhir\" xmlns:p=\"urn:p\">{operations}</diff>");
        Patch::xml(&patch).and_then(|p| p.apply_to_document(document)).map_err(|e| e.to_string())
    }

    const DOCUMENT: &str = "<a xmlns='http://hl7.org/fhir' x=\"1\">\n  <b i='1'>t</b><!-- c -->\n  <b i=\"2\" />\n</a>";

    #[test]
    fn places_are_found_and_changed() {
        let check = |operations: &str, from: &str, to: &str| {
            assert_eq!(
                patched(DOCUMENT, operations).as_deref(),
                Ok(DOCUMENT.replace(from, to).as_str()),
                "{operations}"
            );
        };
        check("<add sel='a/b[2]'><c/></add>", "<b i=\"2\" />", "<b i=\"2\"><c/></b>");
        check("<add sel='/f:a/f:b[@i=\"1\"]' pos='prepend'>s</add>", ">t<", ">st<");
        check("<add sel='//b[last()]' pos='after'><p:c/></add>", "/>\n", "/><p:c xmlns:p=\"urn:p\"/>\n");
        check("<add sel='a/b[.=\"t\"]' pos='before'>&lt;</add>", "<b i='1'", "&lt;<b i='1'");
        check("<add sel='a/b[2]' type='@y'>\"&amp;</add>", "<b i=\"2\" />", "<b i=\"2\" y=\"&quot;&amp;\" />");
        check("<add sel='a' type='namespace::q'>urn:q</add>", "x=\"1\"", "x=\"1\" xmlns:q=\"urn:q\"");
        check("<replace sel='a/b[@i=\"1\" and text()]/text()'>u</replace>", ">t<", ">u<");
        check("<replace sel='a/@x'>&lt;2</replace>", "x=\"1\"", "x=\"&lt;2\"");
        check("<replace sel='a/b[not(text())]'><d xmlns='urn:d'/></replace>", "<b i=\"2\" />", "<d xmlns='urn:d'/>");
        check("<replace sel='a/comment()'><!--d--></replace>", "<!-- c -->", "<!--d-->");
        check("<remove sel='a/b[1]/@i'/>", "<b i='1'", "<b");
        check("<remove sel='a/b[position()=2]' ws='before'/>", "\n  <b i=\"2\" />", "");
        check("<remove sel='a/comment()[1]'/>", "<!-- c -->", "");
        check("<remove sel='a/b[contains(@i,\"2\") or starts-with(@i, \"3\")]'/>", "<b i=\"2\" />", "");
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for operations in [
            "",
            "<remove sel='a/b'/>",
            "<remove sel='a/z'/>",
            "<remove sel='a'/>",
            "<remove sel='/'/>",
            "<remove/>",
            "<remove sel='q:a'/>",
            "<remove sel='a/b[1'/>",
            "<remove sel='a/b[1]' ws='both'/>",
            "<remove sel='a/b[1]' ws='much'/>",
            "<remove sel='a/b[count(c)=1]'/>",
            "<replace sel='a/b[1]'>text</replace>",
            "<replace sel='a/b[1]'><c/><d/></replace>",
            "<replace sel='a/@x'><c/></replace>",
            "<add sel='a/@x'><c/></add>",
            "<add sel='a' type='@x'>2</add>",
            "<add sel='a' type='x'>2</add>",
            "<add sel='a' pos='under'><c/></add>",
            "<add sel='a' pos='after'><c/></add>",
            "<fly sel='a'/>",
        ] {
            let got = patched(DOCUMENT, operations);
            assert!(got.is_err(), "{operations}: {got:?}");
        }
        assert!(Patch::xml("<other/>").is_err() && Patch::xml("no").is_err());
        let deep = format!("{}{}", "<a>".repeat(100_000), "</a>".repeat(100_000));
        assert!(patched(&deep, "<remove sel='a/b'/>").is_err());
    }
}
