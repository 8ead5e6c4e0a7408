//! An XLSX file: its sheets, and the rows of one of them at a time.

use crate::frame::{Strings, links, styles};
use crate::parts::Parts;
use crate::rows::Rows;
use crate::xml::attribute;
use crate::{KINDS, Limits, Wrong};
use quick_xml::events::Event;
use std::io::{Read, Seek};

/// A sheet: what it is called, where it lies.
struct Sheet {
    name: String,
    part: String,
}

/// A book that was opened.
pub struct Book<R> {
    parts: Parts<R>,
    sheets: Vec<Sheet>,
    strings: Strings,
    days: Vec<bool>,
    is_1904: bool,
}

impl<R: Read + Seek> Book<R> {
    /// Opens a book: its frame and shared texts are read, no sheet yet. `input` stands at its beginning.
    ///
    /// # Errors
    /// What is wrong with it, or which limit it passes.
    pub fn open(input: R, limits: &Limits) -> Result<Self, Wrong> {
        let mut parts = Parts::open(input, limits)?;
        let whole = links(&mut parts, "")?.into_iter().find(|l| l.kind == "officeDocument");
        let main = whole.map_or_else(|| "xl/workbook.xml".to_owned(), |l| l.target);
        let links = links(&mut parts, &main)?;
        let mut book =
            Self { parts, sheets: Vec::new(), strings: Strings::default(), days: Vec::new(), is_1904: false };
        let mut named = Vec::new();
        let mut xml = book.parts.part(&main)?.ok_or_else(|| Wrong::unreadable("no workbook"))?;
        loop {
            match xml.next()? {
                Event::Start(start) => match start.local_name().into_inner() {
                    "workbookPr" => {
                        book.is_1904 = matches!(attribute(&start, "date1904")?.as_deref(), Some("1" | "true"))
                    }
                    "sheet" if named.len() == KINDS => return Err(Wrong::Large("sheets")),
                    "sheet" => named.push((
                        attribute(&start, "name")?.unwrap_or_default(),
                        attribute(&start, "id")?.unwrap_or_default(),
                    )),
                    _ => {}
                },
                Event::Eof => break,
                _ => {}
            }
        }
        drop(xml);
        for (name, id) in named {
            let link =
                links.iter().find(|l| l.id == id).ok_or_else(|| Wrong::unreadable("a sheet that lies nowhere"))?;
            // Sheets that are a chart or a dialogue have no cells.
            if link.kind == "worksheet" {
                book.sheets.push(Sheet { name, part: link.target.clone() });
            }
        }
        if book.sheets.is_empty() {
            return Err(Wrong::unreadable("no sheet"));
        }
        if let Some(link) = links.iter().find(|l| l.kind == "sharedStrings") {
            book.strings = Strings::read(&mut book.parts, &link.target, limits.strings)?;
        }
        if let Some(link) = links.iter().find(|l| l.kind == "styles") {
            book.days = styles(&mut book.parts, &link.target)?;
        }
        Ok(book)
    }

    /// The names of the sheets, in their order.
    pub fn sheets(&self) -> impl ExactSizeIterator<Item = &str> {
        self.sheets.iter().map(|s| s.name.as_str())
    }

    /// Whether days count from 1904.
    pub fn is_1904(&self) -> bool {
        self.is_1904
    }

    /// The rows of sheet `n`, from its first. Reading a sheet again counts again to what may be unpacked.
    ///
    /// # Errors
    /// Where there is no such sheet.
    pub fn rows(&mut self, n: usize) -> Result<Rows<'_, R>, Wrong> {
        let sheet = self.sheets.get(n).ok_or_else(|| Wrong::unreadable("no such sheet"))?;
        Rows::begin(&mut self.parts, (&sheet.name, &sheet.part), &self.strings, &self.days, self.is_1904)
    }
}
