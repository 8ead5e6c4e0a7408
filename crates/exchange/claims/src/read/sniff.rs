//! What bytes are, before they are parsed, and what their texts decode to.

use quick_xml::Reader;
use quick_xml::events::{BytesDecl, BytesRef, Event};

use crate::raw::{Problem, trim};

/// UTF-8 byte order mark.
const BOM: &[u8] = b"\xEF\xBB\xBF";

/// First bytes of what is sent by mistake, and its name.
const MAGIC: [(&[u8], &str); 9] = [
    (b"PK\x03\x04", "ZIP (.zip, .xlsx, .docx)"),
    (b"PK\x05\x06", "ZIP"),
    (b"\x1F\x8B", "gzip"),
    (b"%PDF", "PDF"),
    (b"\xD0\xCF\x11\xE0", "Microsoft Office (.xls, .doc)"),
    (b"Rar!", "RAR"),
    (b"7z\xBC\xAF\x27\x1C", "7-Zip"),
    (b"\x28\xB5\x2F\xFD", "Zstandard"),
    (b"{", "JSON"),
];

/// First bytes of other encodings of XML.
const ENCODINGS: [(&[u8], &str); 6] = [
    (b"\x00\x00\xFE\xFF", "UTF-32"),
    (b"\xFF\xFE\x00\x00", "UTF-32"),
    (b"\xFE\xFF", "UTF-16"),
    (b"\xFF\xFE", "UTF-16"),
    (b"<\x00", "UTF-16"),
    (b"\x00<", "UTF-16"),
];

/// Looks at the beginning of a file or of a decoded table. Gives the bytes of its byte order mark to skip.
///
/// Problems: `XML-ENCODING` [encoding found], `XML-NOT-XML` [what it seems to be].
pub(super) fn head(bytes: &[u8]) -> Result<usize, Problem> {
    if let Some((_, name)) = ENCODINGS.iter().find(|(magic, _)| bytes.starts_with(magic)) {
        return Err(Problem::new("XML-ENCODING", [*name]));
    }
    if let Some((_, name)) = MAGIC.iter().find(|(magic, _)| bytes.starts_with(magic)) {
        return Err(Problem::new("XML-NOT-XML", [*name]));
    }
    let skip = if bytes.starts_with(BOM) { BOM.len() } else { 0 };
    let text = bytes[skip..].trim_ascii_start();
    match text.first() {
        Some(b'<') => {}
        None => return Err(Problem::new("XML-NOT-XML", ["0 byte"])),
        Some(_) => return Err(Problem::new("XML-NOT-XML", [shown(text)])),
    }
    let lower: Vec<u8> = text.iter().take(14).map(u8::to_ascii_lowercase).collect();
    if lower.starts_with(b"<!doctype html") || lower.starts_with(b"<html") {
        return Err(Problem::new("XML-NOT-XML", ["HTML"]));
    }
    Ok(skip)
}

/// The first characters of what was found, fit for a message.
pub(super) fn shown(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(64)]);
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(24).collect()
}

/// Refuses a declared encoding other than UTF-8.
pub(super) fn declared(declaration: &BytesDecl) -> Result<(), Problem> {
    match declaration.encoding() {
        None => Ok(()),
        Some(Ok(name)) if ["utf-8", "utf8"].contains(&name.to_ascii_lowercase().as_str()) => Ok(()),
        Some(Ok(name)) => Err(Problem::new("XML-ENCODING", [shown(name.as_bytes())])),
        Some(Err(e)) => Err(Problem::new("XML-SYNTAX", [e.to_string(), "0".into()])),
    }
}

/// The bytes of a table as text: UTF-8 without characters that XML forbids.
///
/// Problems: those of `head`, and `XML-ENCODING` [bytes found] or `XML-SYNTAX` [character, byte offset].
pub(super) fn text(bytes: &[u8]) -> Result<&str, Problem> {
    head(bytes)?;
    let text = std::str::from_utf8(bytes).map_err(|e| {
        let at = e.valid_up_to();
        Problem::new("XML-ENCODING", [format!("0x{:02X} (byte {at})", bytes[at])])
    })?;
    legal(text).map(|()| text)
}

/// Refuses control characters, which XML forbids and the parser lets pass: `XML-SYNTAX` [character, byte offset].
pub(super) fn legal(text: &str) -> Result<(), Problem> {
    match text.bytes().position(|b| b < 0x20 && !matches!(b, b'\t' | b'\n' | b'\r')) {
        Some(at) => Err(Problem::new("XML-SYNTAX", [format!("U+{:04X}", text.as_bytes()[at]), at.to_string()])),
        None => Ok(()),
    }
}

/// The character a reference stands for: the five names of XML and numbers of legal characters, nothing else.
///
/// Problem: `XML-ENTITY` [its name].
pub(super) fn resolve(reference: &BytesRef) -> Result<char, Problem> {
    let refused = || Problem::new("XML-ENTITY", [shown(reference.as_bytes())]);
    if reference.is_char_ref() {
        let char = reference.resolve_char_ref().ok().flatten().ok_or_else(refused)?;
        let legal = matches!(char, '\t' | '\n' | '\r' | ' '..='\u{FFFD}' | '\u{10000}'..);
        return if legal { Ok(char) } else { Err(refused()) };
    }
    match &**reference {
        "amp" => Ok('&'),
        "lt" => Ok('<'),
        "gt" => Ok('>'),
        "quot" => Ok('"'),
        "apos" => Ok('\''),
        _ => Err(refused()),
    }
}

/// `XML-SYNTAX` [what the parser says, byte offset], or `XML-ENCODING` for bytes that are no UTF-8.
pub(super) fn syntax(error: &quick_xml::Error, offset: u64) -> Problem {
    match error {
        quick_xml::Error::Encoding(e) => Problem::new("XML-ENCODING", [e.to_string()]),
        e => Problem::new("XML-SYNTAX", [e.to_string(), offset.to_string()]),
    }
}

/// What `NOIDUNGFILE` holds: base64 text, or the inner XML itself.
pub(super) enum Content<'a> {
    Base64(std::borrow::Cow<'a, str>),
    Xml(std::borrow::Cow<'a, str>),
}

/// Tells base64 from inline XML, also where either is wrapped in CDATA or escaped.
pub(super) fn content(raw: &str) -> Result<Content<'_>, Problem> {
    if memchr::memchr2(b'<', b'&', raw.as_bytes()).is_none() {
        return Ok(Content::Base64(raw.into()));
    }
    let mut reader = Reader::from_str(raw);
    let mut text = String::new();
    loop {
        let offset = reader.buffer_position();
        match reader.read_event().map_err(|e| syntax(&e, offset))? {
            Event::Text(t) => text.push_str(&t),
            Event::CData(t) => text.push_str(&t),
            Event::GeneralRef(r) => text.push(resolve(&r)?),
            Event::Eof => break,
            Event::Comment(_) | Event::PI(_) => {}
            // Markup of its own: the inner XML stands here as it is.
            _ => return Ok(Content::Xml(raw.into())),
        }
    }
    let is_xml = trim(text.trim_start_matches('\u{feff}')).starts_with('<');
    Ok(if is_xml { Content::Xml(text.into()) } else { Content::Base64(text.into()) })
}
