//! Writing claims: official order, every tag of the layout, empty ones kept, extras left out.
//!
//! What is written reads back equal, field by field ([`RawClaim::same_fields`]).

use std::io::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::layout::TableLayout;
use crate::raw::{RawClaim, RawRow, RawTable};

const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>";

/// An envelope (`GIAMDINHHS`) being written, claim by claim.
pub struct Envelope<W> {
    out: W,
    left: usize,
}

impl<W: Write> Envelope<W> {
    /// Begins an envelope of `facility` (`MACSKCB`) of the day `written_on` (`yyyyMMdd`) for `count` claims.
    ///
    /// # Errors
    /// What `out` reports.
    pub fn begin(mut out: W, facility: &str, written_on: &str, count: usize) -> io::Result<Self> {
        write!(
            out,
            "{DECLARATION}<GIAMDINHHS><THONGTINDONVI><MACSKCB>{}</MACSKCB></THONGTINDONVI><THONGTINHOSO>\
             <NGAYLAP>{}</NGAYLAP><SOLUONGHOSO>{count}</SOLUONGHOSO><DANHSACHHOSO>",
            escaped(facility)?,
            escaped(written_on)?
        )?;
        Ok(Self { out, left: count })
    }

    /// Writes one claim (`HOSO`), its tables in order, as base64.
    ///
    /// # Errors
    /// What `out` reports; `InvalidInput` for a character that XML cannot hold, or a claim past the announced number.
    pub fn claim(&mut self, claim: &RawClaim) -> io::Result<()> {
        self.left = self.left.checked_sub(1).ok_or_else(|| invalid("more claims than announced"))?;
        self.out.write_all(b"<HOSO>")?;
        for table in claim.tables() {
            let content = STANDARD.encode(inner_xml(table)?);
            let number = table.number();
            write!(
                self.out,
                "<FILEHOSO><LOAIHOSO>XML{number}</LOAIHOSO><NOIDUNGFILE>{content}</NOIDUNGFILE></FILEHOSO>"
            )?;
        }
        self.out.write_all(b"</HOSO>")
    }

    /// Ends the envelope and gives back what it was written to.
    ///
    /// # Errors
    /// What `out` reports; `InvalidInput` where fewer claims were written than announced.
    pub fn finish(mut self) -> io::Result<W> {
        if self.left > 0 {
            return Err(invalid("fewer claims than announced"));
        }
        self.out.write_all(b"</DANHSACHHOSO></THONGTINHOSO><CHUKYDONVI></CHUKYDONVI></GIAMDINHHS>")?;
        self.out.flush()?;
        Ok(self.out)
    }
}

/// Writes one envelope with these claims; facility and day are those of the first.
///
/// # Errors
/// As [`Envelope`].
pub fn envelope<W: Write>(out: W, claims: &[&RawClaim]) -> io::Result<W> {
    let (facility, written_on) = claims.first().map_or(("", ""), |c| (&*c.facility, &*c.written_on));
    let mut envelope = Envelope::begin(out, facility, written_on, claims.len())?;
    claims.iter().try_for_each(|claim| envelope.claim(claim))?;
    envelope.finish()
}

/// Writes check-in messages (XML0) under their own root.
///
/// # Errors
/// What `out` reports; `InvalidInput` for a character that XML cannot hold.
pub fn check_ins<W: Write>(mut out: W, claims: &[&RawClaim]) -> io::Result<W> {
    let mut xml = format!("{DECLARATION}<CHI_TIEU_TRANG_THAI_KCB><DSACH_TRANG_THAI_KCB>");
    for row in claims.iter().flat_map(|c| c.rows(0)) {
        xml.push_str("<TRANG_THAI_KCB>");
        write_row(&mut xml, row)?;
        xml.push_str("</TRANG_THAI_KCB>");
    }
    xml.push_str("</DSACH_TRANG_THAI_KCB><CHUKYDONVI></CHUKYDONVI></CHI_TIEU_TRANG_THAI_KCB>");
    out.write_all(xml.as_bytes())?;
    out.flush()?;
    Ok(out)
}

/// The inner XML of one table, with declaration.
///
/// # Errors
/// `InvalidInput` for a character that XML cannot hold.
pub fn inner_xml(table: RawTable) -> io::Result<String> {
    let TableLayout { path, .. } = table.layout();
    let (row_name, wrappers) = path.split_last().ok_or_else(|| invalid("a table without a path"))?;
    let mut xml = String::with_capacity(64 + table.len() * table.layout().fields.len() * 32);
    xml.push_str(DECLARATION);
    wrappers.iter().for_each(|name| tag(&mut xml, "<", name));
    for row in table.rows() {
        tag(&mut xml, "<", row_name);
        write_row(&mut xml, row)?;
        tag(&mut xml, "</", row_name);
    }
    wrappers.iter().rev().for_each(|name| tag(&mut xml, "</", name));
    Ok(xml)
}

fn write_row(xml: &mut String, row: RawRow) -> io::Result<()> {
    for (field, text) in row.fields() {
        tag(xml, "<", &field.tag);
        xml.push_str(&escaped(text.unwrap_or(""))?);
        tag(xml, "</", &field.tag);
    }
    Ok(())
}

fn tag(xml: &mut String, open: &str, name: &str) {
    xml.push_str(open);
    xml.push_str(name);
    xml.push('>');
}

/// `text` with what XML would take for something else written as references; `>` too, so that `]]>` cannot arise, and
/// carriage returns, which a reader would take for line ends.
fn escaped(text: &str) -> io::Result<std::borrow::Cow<'_, str>> {
    let special = |b: u8| matches!(b, b'&' | b'<' | b'>') || (b < 0x20 && b != b'\n' && b != b'\t');
    if !text.bytes().any(special) {
        return Ok(text.into());
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\r' => out.push_str("&#13;"),
            '\n' | '\t' => out.push(c),
            c if c < ' ' => return Err(invalid("a control character")),
            c => out.push(c),
        }
    }
    Ok(out.into())
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, what)
}
