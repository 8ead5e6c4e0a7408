//! The evidence of a claim: the decoded tables exactly as received, kept as one body and turned back into a claim.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mach_claims::raw::RawClaim;
use mach_claims::read::{Item, Reader};

/// The parts of a kept claim.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Source {
    /// `MACSKCB` of the envelope.
    pub facility: String,
    /// `NGAYLAP` of the envelope.
    pub written_on: String,
    /// Tables in the file's order: `LOAIHOSO` and inner XML.
    pub tables: Vec<(String, Vec<u8>)>,
}

impl Source {
    /// What is kept of a claim.
    pub fn of(claim: &RawClaim) -> Self {
        let tables = claim.sources().map(|(name, xml)| (name.to_owned(), xml.as_bytes().to_vec())).collect();
        Self { facility: claim.facility.clone(), written_on: claim.written_on.clone(), tables }
    }

    /// As one body: a line each for facility and day, then for each table a line `XML1 1234` and so many bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = format!("{}\n{}\n", one_line(&self.facility), one_line(&self.written_on)).into_bytes();
        for (name, xml) in &self.tables {
            out.extend(format!("{} {}\n", one_line(name), xml.len()).into_bytes());
            out.extend_from_slice(xml);
        }
        out
    }

    /// Reads what `encode` wrote; `None` where it did not.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        let line = |rest: &mut &[u8]| {
            let end = rest.iter().position(|b| *b == b'\n')?;
            let text = std::str::from_utf8(&rest[..end]).ok()?.to_owned();
            *rest = &rest[end + 1..];
            Some(text)
        };
        let (facility, written_on) = (line(&mut rest)?, line(&mut rest)?);
        let mut tables = Vec::new();
        while !rest.is_empty() {
            let head = line(&mut rest)?;
            let (name, length) = head.rsplit_once(' ')?;
            let length: usize = length.parse().ok()?;
            tables.push((name.to_owned(), rest.get(..length)?.to_vec()));
            rest = &rest[length..];
        }
        Some(Self { facility, written_on, tables })
    }

    /// A claim file of this one claim, tables in base64.
    pub fn envelope(&self) -> String {
        let mut out = String::from("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<GIAMDINHHS><THONGTINDONVI><MACSKCB>");
        escape(&mut out, &self.facility);
        out.push_str("</MACSKCB></THONGTINDONVI><THONGTINHOSO><NGAYLAP>");
        escape(&mut out, &self.written_on);
        out.push_str("</NGAYLAP><SOLUONGHOSO>1</SOLUONGHOSO><DANHSACHHOSO><HOSO>");
        for (name, xml) in &self.tables {
            out.push_str("<FILEHOSO><LOAIHOSO>");
            escape(&mut out, name);
            out.push_str("</LOAIHOSO><NOIDUNGFILE>");
            out.push_str(&STANDARD.encode(xml));
            out.push_str("</NOIDUNGFILE></FILEHOSO>");
        }
        out.push_str("</HOSO></DANHSACHHOSO></THONGTINHOSO><CHUKYDONVI/></GIAMDINHHS>\n");
        out
    }

    /// The claim again, as the reader gives it; `None` where its tables cannot be read as a claim.
    pub fn claim(&self) -> Option<Item> {
        let envelope = self.envelope();
        Reader::new(envelope.as_bytes()).next()?.ok()
    }
}

fn one_line(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
}

fn escape(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_comes_back() {
        let source = Source {
            facility: "46001".to_owned(),
            written_on: "20250310".to_owned(),
            tables: vec![
                ("XML1".to_owned(), "<TONG_HOP>\n & đ</TONG_HOP>".as_bytes().to_vec()),
                ("XML2".to_owned(), Vec::new()),
            ],
        };
        assert_eq!(Source::decode(&source.encode()), Some(source.clone()));
        for cut in 0..source.encode().len() {
            assert_ne!(Source::decode(&source.encode()[..cut]), Some(source.clone()), "cut at {cut}");
        }
    }
}
