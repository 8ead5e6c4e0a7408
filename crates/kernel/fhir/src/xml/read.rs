//! XML to JSON: the definitions say what is a list, a number, an attribute.

use super::{FHIR, XHTML, XmlError};
use crate::definitions::{Definitions, TypeId, TypeKind};
use crate::json::quote;
use crate::limits;
use crate::tree::Tree;
use quick_xml::events::{BytesStart, Event};
use quick_xml::name::ResolveResult;
use quick_xml::{NsReader, XmlVersion};

/// FHIR XML as FHIR JSON.
///
/// # Errors
/// Where the text is no XML, passes a limit, or holds elements or attributes that the definitions do not have.
pub fn to_json(text: &str, definitions: &Definitions) -> Result<String, XmlError> {
    to_json_noting(text, definitions).map(|(json, _)| json)
}

/// As `to_json`, and where elements stand out of the order that their type gives them (the first of each object).
///
/// # Errors
/// As `to_json`.
pub fn to_json_noting(text: &str, definitions: &Definitions) -> Result<(String, Vec<XmlError>), XmlError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (path, disorder) = (Vec::new(), Vec::new());
    let mut reader = Reader { text, xml: NsReader::from_str(text), path, definitions, disorder };
    if text.len() > limits::DOCUMENT_BYTES {
        return reader.fail("the document is too long");
    }
    let root = reader.document()?;
    let mut out = String::with_capacity(text.len());
    reader.resource(&root, &mut out)?;
    Ok((out, reader.disorder))
}

/// An element as it stands in the XML.
struct Element {
    name: String,
    /// `id`, `url`, `value`.
    attributes: Vec<(String, String)>,
    children: Vec<Element>,
    /// Narrative: the XHTML as written.
    xhtml: Option<String>,
    offset: usize,
}

impl Element {
    fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }
}

/// A member of a JSON object.
struct Member<'n> {
    name: &'n str,
    kind: TypeId,
    is_list: bool,
}

struct Reader<'a> {
    text: &'a str,
    xml: NsReader<&'a [u8]>,
    path: Vec<String>,
    definitions: &'a Definitions,
    /// What is wrong and can be read: elements out of order, entities that only HTML has.
    disorder: Vec<XmlError>,
}

type Read<T> = Result<T, XmlError>;

impl<'a> Reader<'a> {
    fn fail<T>(&self, problem: impl Into<String>) -> Read<T> {
        self.fail_at(self.xml.buffer_position() as usize, problem)
    }

    fn fail_at<T>(&self, offset: usize, problem: impl Into<String>) -> Read<T> {
        let offset = offset.min(self.text.len());
        let line = self.text.as_bytes()[..offset].iter().filter(|b| **b == b'\n').count() + 1;
        Err(XmlError { problem: problem.into(), offset, line, path: self.path.join(".") })
    }

    fn document(&mut self) -> Read<Element> {
        let mut stack: Vec<Element> = Vec::new();
        loop {
            let offset = self.xml.buffer_position() as usize;
            let (namespace, event) = match self.xml.read_resolved_event() {
                Ok((ResolveResult::Bound(space), event)) => (space.into_inner().to_owned(), event),
                Ok((_, event)) => (String::new(), event),
                Err(e) => return self.fail_at(offset, e.to_string()),
            };
            let done = match event {
                Event::Start(start) | Event::Empty(start) if namespace == XHTML => {
                    let closed = self.text[..self.xml.buffer_position() as usize].ends_with("/>");
                    Some(self.narrative(&start, offset, closed)?)
                }
                Event::Start(start) => {
                    let element = self.open(&start, &namespace, offset)?;
                    if stack.len() >= limits::XML_DEPTH {
                        return self.fail(format!("elements nested deeper than {}", limits::XML_DEPTH));
                    }
                    stack.push(element);
                    None
                }
                Event::Empty(start) => Some(self.open(&start, &namespace, offset)?),
                Event::End(_) => stack.pop(),
                Event::Text(text) if text.trim_ascii().is_empty() => None,
                Event::Text(_) | Event::CData(_) | Event::GeneralRef(_) => {
                    return self.fail_at(offset, "text between elements has no meaning in FHIR");
                }
                Event::DocType(_) => return self.fail_at(offset, "a document type is not allowed"),
                Event::Comment(_) | Event::Decl(_) | Event::PI(_) => None,
                Event::Eof => return self.fail_at(offset, "the document ends before its root does"),
            };
            if let Some(element) = done {
                match stack.last_mut() {
                    Some(holder) => holder.children.push(element),
                    None => return self.end(element),
                }
            }
        }
    }

    /// After the root only comments and blanks stand.
    fn end(&mut self, root: Element) -> Read<Element> {
        loop {
            match self.xml.read_event() {
                Ok(Event::Eof) => return Ok(root),
                Ok(Event::Comment(_) | Event::PI(_)) => {}
                Ok(Event::Text(text)) if text.trim_ascii().is_empty() => {}
                _ => return self.fail("something stands after the root"),
            }
        }
    }

    fn open(&self, start: &BytesStart<'_>, namespace: &str, offset: usize) -> Read<Element> {
        let name = start.local_name().into_inner().to_owned();
        if namespace != FHIR {
            return self.fail_at(offset, format!("`{name}` is not of the namespace `{FHIR}`"));
        }
        let mut attributes = Vec::new();
        for attribute in start.attributes() {
            let attribute = match attribute {
                Ok(attribute) => attribute,
                Err(e) => return self.fail_at(offset, e.to_string()),
            };
            let key = attribute.key.into_inner();
            if key == "xmlns" || key.starts_with("xmlns:") || key.starts_with("xsi:") || key.starts_with("xml:") {
                continue;
            }
            match attribute.normalized_value(XmlVersion::Implicit1_0) {
                Ok(value) => attributes.push((key.to_owned(), value.into_owned())),
                Err(e) => return self.fail_at(offset, e.to_string()),
            }
        }
        Ok(Element { name, attributes, children: Vec::new(), xhtml: None, offset })
    }

    /// A `div` is kept as it was written.
    fn narrative(&mut self, start: &BytesStart<'_>, offset: usize, closed: bool) -> Read<Element> {
        let name = start.local_name().into_inner().to_owned();
        let mut depth = usize::from(!closed);
        while depth > 0 {
            let at = self.xml.buffer_position() as usize;
            match self.xml.read_event() {
                Ok(Event::Start(_)) => depth += 1,
                Ok(Event::End(_)) => depth -= 1,
                Ok(Event::Eof) => return self.fail("the narrative does not end"),
                Ok(Event::GeneralRef(name)) if !is_declared(&name) && self.disorder.len() < limits::ISSUES => {
                    let problem = format!("the entity `&{};` is not one of XML's five", name.into_inner());
                    self.disorder.extend(self.fail_at::<()>(at, problem).err());
                }
                Ok(_) => {}
                Err(e) => return self.fail_at(at, e.to_string()),
            }
        }
        let raw = self.text[offset..self.xml.buffer_position() as usize].replace("\r\n", "\n");
        let declared = start.attributes().flatten().any(|a| a.key.into_inner() == "xmlns");
        let raw = match raw.strip_prefix(&format!("<{name}")) {
            Some(rest) if !declared => format!("<{name} xmlns=\"{XHTML}\"{rest}"),
            _ => raw,
        };
        Ok(Element { name, attributes: Vec::new(), children: Vec::new(), xhtml: Some(raw), offset })
    }

    fn resource(&mut self, element: &Element, out: &mut String) -> Read<()> {
        let kind = self.definitions.find(&element.name);
        let kind = kind.filter(|id| self.definitions.get(*id).kind == TypeKind::Resource);
        let Some(id) = kind else {
            return self.fail_at(element.offset, format!("`{}` is no resource", element.name));
        };
        out.push_str("{\"resourceType\":");
        quote(out, &element.name);
        self.path.push(element.name.clone());
        self.members(element, id, false, out)?;
        self.path.pop();
        out.push('}');
        Ok(())
    }

    /// Writes the members of an object whose `{` stands already; `first` where nothing stands after it.
    fn members(&mut self, element: &Element, id: TypeId, mut first: bool, out: &mut String) -> Read<()> {
        let mut done = vec![false; element.children.len()];
        for (name, value) in &element.attributes {
            let allowed = self.definitions.json_member(id, name).is_some();
            let resource = self.definitions.get(id).kind == TypeKind::Resource;
            if !allowed || resource || !matches!(name.as_str(), "id" | "url") {
                return self.fail_at(element.offset, format!("`{}` has no attribute `{name}`", element.name));
            }
            comma(&mut first, out);
            quote(out, name);
            out.push(':');
            quote(out, value);
        }
        self.in_order(element, id);
        for n in 0..element.children.len() {
            if done[n] {
                continue;
            }
            let name = element.children[n].name.as_str();
            let Some((definition, kind)) = self.definitions.json_member(id, name) else {
                return self.fail_at(element.children[n].offset, format!("`{}` has no element `{name}`", element.name));
            };
            // Ids of elements and URLs of extensions are attributes.
            let is_attribute = name == "id" && self.definitions.get(id).kind != TypeKind::Resource
                || name == "url" && id == self.definitions.known().extension;
            if is_attribute {
                let at = element.children[n].offset;
                return self.fail_at(at, format!("`{name}` of `{}` is an attribute", element.name));
            }
            let is_list = definition.is_list();
            let same: Vec<&Element> = element.children.iter().filter(|c| c.name == name).collect();
            for (at, child) in element.children.iter().enumerate() {
                done[at] |= child.name == name;
            }
            if same.len() > 1 && !is_list {
                return self.fail_at(same[1].offset, format!("`{name}` stands more than once"));
            }
            self.path.push(name.to_owned());
            if self.definitions.get(kind).kind == TypeKind::Primitive {
                self.primitives(&Member { name, kind, is_list }, &same, &mut first, out)?;
            } else {
                comma(&mut first, out);
                quote(out, name);
                out.push_str(if is_list { ":[" } else { ":" });
                for (n, child) in same.iter().enumerate() {
                    out.push_str(if n > 0 { "," } else { "" });
                    self.complex(child, kind, out)?;
                }
                out.push_str(if is_list { "]" } else { "" });
            }
            self.path.pop();
        }
        Ok(())
    }

    /// Notes the first child that stands out of order.
    fn in_order(&mut self, element: &Element, id: TypeId) {
        let mut last = 0;
        for child in &element.children {
            let Some((at, _, _)) = self.definitions.json_member_at(id, &child.name) else { continue };
            if at < last && self.disorder.len() < limits::ISSUES {
                let noted = self.fail_at::<()>(child.offset, format!("`{}` stands out of order", child.name));
                self.disorder.extend(noted.err());
                return;
            }
            last = last.max(at);
        }
    }

    fn complex(&mut self, element: &Element, kind: TypeId, out: &mut String) -> Read<()> {
        let of = self.definitions.get(kind);
        if of.kind == TypeKind::Resource {
            return match element.children.as_slice() {
                [one] => self.resource(one, out),
                _ => self.fail_at(element.offset, "one resource is wanted here"),
            };
        }
        out.push('{');
        self.members(element, kind, true, out)?;
        out.push('}');
        Ok(())
    }

    /// `"name":value` and `"_name":{…}`, or both as lists of equal length.
    fn primitives(&mut self, member: &Member<'_>, all: &[&Element], first: &mut bool, out: &mut String) -> Read<()> {
        let Member { name, kind, is_list } = *member;
        let has_value = |e: &Element| e.attribute("value").is_some() || e.xhtml.is_some();
        let has_extra = |e: &Element| e.attribute("id").is_some() || !e.children.is_empty();
        for element in all {
            let odd = element.attributes.iter().find(|(n, _)| n != "id" && n != "value");
            if let Some((odd, _)) = odd {
                return self.fail_at(element.offset, format!("`{name}` has no attribute `{odd}`"));
            }
        }
        if let Some(empty) = all.iter().find(|e| !has_value(e) && !has_extra(e)) {
            return self.fail_at(empty.offset, format!("`{name}` has neither a value nor extensions"));
        }
        let (open, close) = if is_list { ("[", "]") } else { ("", "") };
        if all.iter().any(|e| has_value(e)) {
            comma(first, out);
            quote(out, name);
            out.extend([":", open]);
            for (n, element) in all.iter().enumerate() {
                out.push_str(if n > 0 { "," } else { "" });
                self.value(element, kind, out)?;
            }
            out.push_str(close);
        }
        if all.iter().any(|e| has_extra(e)) {
            comma(first, out);
            quote(out, &format!("_{name}"));
            out.extend([":", open]);
            for (n, element) in all.iter().enumerate() {
                out.push_str(if n > 0 { "," } else { "" });
                self.extra(element, out)?;
            }
            out.push_str(close);
        }
        Ok(())
    }

    fn value(&self, element: &Element, kind: TypeId, out: &mut String) -> Read<()> {
        let Some(text) = element.xhtml.as_deref().or(element.attribute("value")) else {
            out.push_str("null");
            return Ok(());
        };
        let known = self.definitions.known();
        let text_of = |ok: bool, what: &str| {
            if ok { Ok(text.trim()) } else { self.fail_at(element.offset, format!("`{text}` is no {what}")) }
        };
        let trimmed = text.trim();
        if kind == known.boolean {
            out.push_str(text_of(matches!(trimmed, "true" | "false"), "boolean")?);
        } else if self.definitions.is_a(kind, known.integer) || kind == known.decimal {
            let fits = kind == known.decimal || trimmed.parse::<i64>().is_ok();
            let number = fits && Tree::parse(trimmed).is_ok_and(|t| t.root().number().is_some());
            out.push_str(text_of(number, "number")?);
        } else {
            quote(out, text);
        }
        Ok(())
    }

    fn extra(&mut self, element: &Element, out: &mut String) -> Read<()> {
        if element.attribute("id").is_none() && element.children.is_empty() {
            out.push_str("null");
            return Ok(());
        }
        let (attributes, children) = (element.attributes.iter().filter(|(n, _)| n != "value"), &element.children);
        out.push('{');
        let mut first = true;
        for (name, value) in attributes {
            comma(&mut first, out);
            quote(out, name);
            out.push(':');
            quote(out, value);
        }
        if let Some(other) = children.iter().find(|c| c.name != "extension") {
            return self.fail_at(other.offset, format!("`{}` has no element `{}`", element.name, other.name));
        }
        if !children.is_empty() {
            comma(&mut first, out);
            out.push_str("\"extension\":[");
            let extension = self.definitions.known().extension;
            for (n, child) in children.iter().enumerate() {
                out.push_str(if n > 0 { "," } else { "" });
                self.complex(child, extension, out)?;
            }
            out.push(']');
        }
        out.push('}');
        Ok(())
    }
}

/// Numbers, and the names XML itself has.
fn is_declared(name: &str) -> bool {
    name.starts_with('#') || super::narrative::is_of_xml(name)
}

fn comma(first: &mut bool, out: &mut String) {
    if !std::mem::take(first) {
        out.push(',');
    }
}
