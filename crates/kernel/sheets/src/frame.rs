//! What holds the sheets of a book together: which there are, where they lie, the texts they share, which formats are days.

use crate::days::{is_day, is_known_day};
use crate::parts::Parts;
use crate::xml::{Xml, attribute, resolved, unescaped};
use crate::{CELL_CHARS, KINDS, Wrong};
use quick_xml::events::Event;
use std::collections::HashSet;
use std::io::{Read, Seek};

/// A relationship of a part.
pub(crate) struct Link {
    pub(crate) id: String,
    /// The end of its type: `worksheet`, `styles`.
    pub(crate) kind: String,
    /// The part it leads to.
    pub(crate) target: String,
}

/// The name of a part that is named from a folder: `..` goes up.
fn joined(folder: &str, target: &str) -> String {
    let base = if target.starts_with('/') { "" } else { folder };
    let mut out: Vec<&str> = Vec::new();
    for step in base.split('/').chain(target.split(['/', '\\'])) {
        match step {
            "" | "." => {}
            ".." => drop(out.pop()),
            step => out.push(step),
        }
    }
    out.join("/")
}

fn folder(part: &str) -> (&str, &str) {
    part.rsplit_once('/').unwrap_or(("", part))
}

/// The relationships of a part (of the whole file, where it is empty).
pub(crate) fn links<R: Read + Seek>(parts: &mut Parts<R>, of: &str) -> Result<Vec<Link>, Wrong> {
    let (inside, name) = folder(of);
    let path = joined(inside, &format!("_rels/{name}.rels"));
    let mut out = Vec::new();
    let Some(mut xml) = parts.part(&path)? else { return Ok(out) };
    loop {
        match xml.next()? {
            Event::Start(start) if start.local_name().into_inner() == "Relationship" => {
                let get = |name| Ok::<_, Wrong>(attribute(&start, name)?.unwrap_or_default());
                if out.len() == KINDS {
                    return Err(Wrong::Large("relationships"));
                }
                if get("TargetMode")? != "External" {
                    let kind = get("Type")?.rsplit('/').next().unwrap_or_default().to_owned();
                    out.push(Link { id: get("Id")?, kind, target: joined(inside, &get("Target")?) });
                }
            }
            Event::Eof => break,
            _ => {}
        }
    }
    Ok(out)
}

/// The texts that cells share: one after the other, and where each ends.
#[derive(Default)]
pub(crate) struct Strings {
    text: String,
    ends: Vec<u32>,
}

impl Strings {
    pub(crate) fn get(&self, n: usize) -> Option<&str> {
        let end = *self.ends.get(n)?;
        let start = if n == 0 { 0 } else { *self.ends.get(n - 1)? };
        self.text.get(usize::try_from(start).ok()?..usize::try_from(end).ok()?)
    }

    pub(crate) fn read<R: Read + Seek>(parts: &mut Parts<R>, name: &str, most: usize) -> Result<Self, Wrong> {
        let mut out = Self::default();
        let Some(mut xml) = parts.part(name)? else { return Err(Wrong::unreadable("no shared texts")) };
        loop {
            match xml.next()? {
                Event::Start(start) if start.local_name().into_inner() == "si" => {
                    let text = string(&mut xml, "si")?;
                    if out.text.len() + text.len() + (out.ends.len() + 1) * size_of::<u32>() > most {
                        return Err(Wrong::Large("shared texts"));
                    }
                    out.text.push_str(&text);
                    out.ends.push(u32::try_from(out.text.len()).map_err(|_| Wrong::Large("shared texts"))?);
                }
                Event::Eof => break,
                _ => {}
            }
        }
        Ok(out)
    }
}

/// The text of an item up to its end `end`: its runs, without the readings of East Asian names.
pub(crate) fn string<R: Read>(xml: &mut Xml<'_, R>, end: &str) -> Result<String, Wrong> {
    let (mut out, mut reading, mut within) = (String::new(), 0_usize, false);
    loop {
        match xml.next()? {
            Event::Start(start) => match start.local_name().into_inner() {
                "rPh" => reading += 1,
                "t" => within = reading == 0,
                _ => {}
            },
            Event::End(closed) => match closed.local_name().into_inner() {
                "rPh" => reading = reading.saturating_sub(1),
                "t" => within = false,
                name if name == end => return Ok(unescaped(&out)),
                _ => {}
            },
            Event::Text(text) if within => out.push_str(&text.xml10_content()),
            Event::CData(text) if within => out.push_str(&text.xml10_content()),
            Event::GeneralRef(reference) if within => out.push(resolved(&reference)?),
            Event::Eof => return Err(Wrong::unreadable("a part ends too early")),
            _ => {}
        }
        // Four bytes a character at most: longer texts are none of a cell's.
        if out.len() > CELL_CHARS * 4 {
            return Err(Wrong::Large("characters of one cell"));
        }
    }
}

/// By number of a cell's format: whether it shows days.
pub(crate) fn styles<R: Read + Seek>(parts: &mut Parts<R>, name: &str) -> Result<Vec<bool>, Wrong> {
    let (mut out, mut days, mut other, mut within) = (Vec::new(), HashSet::new(), HashSet::new(), false);
    let Some(mut xml) = parts.part(name)? else { return Ok(out) };
    loop {
        match xml.next()? {
            Event::Start(start) => {
                let number = |name| Ok::<_, Wrong>(attribute(&start, name)?.and_then(|n| n.parse::<u32>().ok()));
                match start.local_name().into_inner() {
                    "numFmt" => {
                        let code = attribute(&start, "formatCode")?.unwrap_or_default();
                        if let Some(n) = number("numFmtId")? {
                            if is_day(&code) {
                                days.insert(n)
                            } else {
                                other.insert(n)
                            };
                        }
                    }
                    "cellXfs" => within = true,
                    "xf" if within => {
                        let n = number("numFmtId")?.unwrap_or(0);
                        out.push(days.contains(&n) || is_known_day(n) && !other.contains(&n));
                    }
                    _ => {}
                }
                if out.len() > KINDS || days.len() + other.len() > KINDS {
                    return Err(Wrong::Large("formats"));
                }
            }
            Event::End(end) if end.local_name().into_inner() == "cellXfs" => within = false,
            Event::Eof => break,
            _ => {}
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_named_from_where_one_stands() {
        for (folder, target, wanted) in [
            ("xl", "worksheets/sheet1.xml", "xl/worksheets/sheet1.xml"),
            ("xl", "/xl/worksheets/sheet1.xml", "xl/worksheets/sheet1.xml"),
            ("xl", "../a/./b.xml", "a/b.xml"),
            ("", "..\\..\\etc", "etc"),
        ] {
            assert_eq!(joined(folder, target), wanted);
        }
    }

    #[test]
    fn texts_are_their_runs() {
        let text = "<si><r><rPr><b/></rPr><t>Nguyễn </t></r><r><t xml:space=\"preserve\">An &amp; B&#x69;</t></r><rPh><t>x</t></rPh></si>";
        assert_eq!(string(&mut Xml::new(text.as_bytes(), &mut 10_000), "si").as_deref(), Ok("Nguyễn An & Bi"));
        let long = |n: usize| {
            string(&mut Xml::new(format!("<si><t>{}</t></si>", "ế".repeat(n)).as_bytes(), &mut { u64::MAX }), "si")
                .is_ok()
        };
        assert!(long(CELL_CHARS));
        assert!(!long(CELL_CHARS * 2));
    }
}
