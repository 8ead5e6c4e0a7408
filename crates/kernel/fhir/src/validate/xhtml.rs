//! Narratives (R4 §2.4.1): well-formed XHTML, only the elements and attributes that are allowed, and some content.

use crate::limits;
use crate::xml::{XHTML, narrative};
use quick_xml::NsReader;
use quick_xml::events::{BytesStart, Event};
use quick_xml::name::ResolveResult;

/// Elements of HTML 4.0 chapters 7–11 (without section 4 of 9) and 15, `a`, `img`, and styles inline.
const ELEMENTS: [&str; 55] = [
    "p",
    "br",
    "div",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "a",
    "span",
    "b",
    "em",
    "i",
    "strong",
    "small",
    "big",
    "tt",
    "dfn",
    "q",
    "var",
    "abbr",
    "acronym",
    "cite",
    "blockquote",
    "hr",
    "address",
    "bdo",
    "kbd",
    "ul",
    "ol",
    "li",
    "dl",
    "dt",
    "dd",
    "pre",
    "table",
    "caption",
    "colgroup",
    "col",
    "thead",
    "tr",
    "tfoot",
    "tbody",
    "th",
    "td",
    "code",
    "samp",
    "img",
    "map",
    "area",
    "sub",
    "sup",
    "ins",
    "del",
];

/// Attributes of any element.
const ATTRIBUTES: [&str; 22] = [
    "title",
    "style",
    "class",
    "id",
    "idref",
    "lang",
    "xml:lang",
    "dir",
    "accesskey",
    "tabindex",
    "span",
    "width",
    "align",
    "valign",
    "char",
    "charoff",
    "abbr",
    "axis",
    "headers",
    "scope",
    "rowspan",
    "colspan",
];

/// Attributes of one element.
const OWN: [(&str, &[&str]); 11] = [
    ("a", &["charset", "type", "name", "href", "hreflang", "rel", "rev", "shape", "coords"]),
    ("img", &["src", "alt", "longdesc", "height", "usemap", "ismap", "border"]),
    ("blockquote", &["cite"]),
    ("q", &["cite"]),
    ("map", &["name"]),
    ("area", &["shape", "coords", "href", "nohref", "alt"]),
    ("table", &["summary", "border", "frame", "rules", "cellspacing", "cellpadding"]),
    ("pre", &["space", "xml:space"]),
    ("td", &["nowrap", "height", "bgcolor"]),
    ("th", &["nowrap", "height", "bgcolor"]),
    ("ol", &["start", "type"]),
];

/// What is wrong with the `div` of a narrative; the first thing.
pub fn check(div: &str) -> Option<String> {
    let mut reader = NsReader::from_str(div.trim());
    reader.config_mut().check_end_names = true;
    let (mut depth, mut has_content, mut ended) = (0_usize, false, false);
    loop {
        let (is_xhtml, event) = match reader.read_resolved_event() {
            Ok((ResolveResult::Bound(space), event)) => (space.into_inner() == XHTML, event),
            Ok((_, event)) => (false, event),
            Err(e) => return Some(format!("the narrative is no XHTML: {e}")),
        };
        match event {
            Event::Start(start) => {
                if let Some(problem) = element(&start, is_xhtml, depth, ended) {
                    return Some(problem);
                }
                has_content |= start.local_name().into_inner() == "img";
                depth += 1;
                if depth > limits::TREE_DEPTH {
                    return Some(format!("the narrative nests deeper than {} elements", limits::TREE_DEPTH));
                }
            }
            Event::Empty(start) => {
                if let Some(problem) = element(&start, is_xhtml, depth, ended) {
                    return Some(problem);
                }
                has_content |= start.local_name().into_inner() == "img";
                ended |= depth == 0;
            }
            Event::End(_) => {
                depth = depth.saturating_sub(1);
                ended |= depth == 0;
            }
            Event::Text(text) => {
                let blank = text.trim_ascii().is_empty();
                if !blank && depth == 0 {
                    return Some("text stands outside of the `div`".into());
                }
                has_content |= !blank;
            }
            Event::CData(_) => has_content = true,
            Event::GeneralRef(name) => {
                let name = name.into_inner();
                if !is_entity(&name) {
                    return Some(format!("the entity `&{name};` is not known"));
                }
                has_content |= name != "nbsp";
            }
            Event::DocType(_) => return Some("a document type is not allowed".into()),
            Event::PI(_) | Event::Decl(_) => return Some("a processing instruction is not allowed".into()),
            Event::Comment(_) => {}
            Event::Eof if depth > 0 => return Some("the narrative ends before its elements do".into()),
            Event::Eof if !ended => return Some("the narrative is no `div`".into()),
            Event::Eof => return (!has_content).then(|| "the narrative has no content".into()),
        }
    }
}

fn element(start: &BytesStart<'_>, is_xhtml: bool, depth: usize, ended: bool) -> Option<String> {
    let name = start.local_name().into_inner();
    if depth == 0 && (ended || name != "div") {
        return Some(format!("the narrative is one `div`, here is `{name}`"));
    }
    if !is_xhtml {
        return Some(format!("`{name}` is not of the namespace `{XHTML}`"));
    }
    if !ELEMENTS.contains(&name) {
        return Some(format!("the element `{name}` is not allowed in a narrative"));
    }
    let own = OWN.iter().find(|(n, _)| *n == name).map_or(&[] as &[&str], |(_, list)| list);
    for attribute in start.attributes() {
        let Ok(attribute) = attribute else { return Some(format!("an attribute of `{name}` is malformed")) };
        let key = attribute.key.into_inner();
        if matches!(key, "href" | "src" | "cite" | "longdesc") && is_script(&attribute.value) {
            return Some(format!("the attribute `{key}` of `{name}` is a script"));
        }
        if key == "xmlns" || key.starts_with("xmlns:") || ATTRIBUTES.contains(&key) || own.contains(&key) {
            continue;
        }
        return Some(format!("the attribute `{key}` of `{name}` is not allowed in a narrative"));
    }
    None
}

/// Whether a link runs a script: blanks and control characters within it are passed over, as browsers do.
fn is_script(value: &str) -> bool {
    let Ok(value) = quick_xml::escape::unescape(value) else { return true };
    let link: String = value.chars().filter(|c| !c.is_whitespace() && !c.is_control()).collect();
    let link = link.to_ascii_lowercase();
    ["javascript:", "vbscript:", "data:text/html"].iter().any(|scheme| link.starts_with(scheme))
}

/// Numbers of characters, and names that XML or HTML 4.0 has.
fn is_entity(name: &str) -> bool {
    match name.strip_prefix('#') {
        Some(number) => match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok().and_then(char::from_u32).is_some(),
            None => number.parse().ok().and_then(char::from_u32).is_some(),
        },
        None => narrative::is_known(name),
    }
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn narratives() {
        let div = |inner: &str| format!("<div xmlns=\"http://www.w3.org/1999/xhtml\">{inner}</div>");
        for inner in [
            "a",
            "<p style=\"x\">a<br/>b</p>",
            "<table border=\"1\"><tr><td colspan=\"2\">1 &lt; 2</td></tr></table>",
            "<img src=\"#a\" alt=\"b\"/>",
            "&nbsp;x",
            "&Eacute;&thetasym;",
            "<!-- a -->b",
            "<a href=\"http://x\">x</a>",
            "&#233;",
        ] {
            assert_eq!(check(&div(inner)), None, "{inner}");
        }
        let wrong = [
            div(""),
            div("  "),
            div("<script>a</script>"),
            div("<p onclick=\"x\">a</p>"),
            div("<a href=\"javascript:x()\">a</a>"),
            div("<a href=\" Java&#x73;cript:x()\">a</a>"),
            div("<p>a"),
            div("<b>a</i>"),
            div("<form>a</form>"),
            div("<td href=\"x\">a</td>"),
            div("&#xD800;"),
            div("&none;"),
            "<div>a</div>".to_owned(),
            "a".to_owned(),
            "<p xmlns=\"http://www.w3.org/1999/xhtml\">a</p>".to_owned(),
            format!("{}{}", div("a"), div("b")),
            format!("<!DOCTYPE html>{}", div("a")),
            format!("<?xml version=\"1.0\"?>{}", div("a")),
            div(&"<b>".repeat(500)),
        ];
        for text in wrong {
            assert!(check(&text).is_some(), "{text}");
        }
    }
}
