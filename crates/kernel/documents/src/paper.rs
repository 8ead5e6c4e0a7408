//! A document on its sheets.

use crate::Result;
use crate::block::Block;
use crate::canvas::Glyphs;
use crate::file;
use crate::font::Face;
use crate::layout::Layout;

/// Points of a millimetre.
const MM: f64 = 72.0 / 25.4;

/// What is printed on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Sheet {
    /// 210 × 297 mm.
    A4,
    /// 148 × 210 mm: prescriptions.
    A5,
    /// A roll, 80 mm wide, as long as it has to be: receipts, queue tickets.
    Receipt,
    /// A label of so many millimetres: specimens, wristbands.
    Label(f64, f64),
}

impl Sheet {
    fn size(self) -> (f64, f64) {
        match self {
            Self::A4 => (210.0 * MM, 297.0 * MM),
            Self::A5 => (148.0 * MM, 210.0 * MM),
            Self::Receipt => (80.0 * MM, 3000.0 * MM),
            Self::Label(width, height) => (width * MM, height * MM),
        }
    }

    /// White at the edges: left and right, top, bottom.
    fn margins(self) -> (f64, f64, f64) {
        match self {
            Self::A4 => (20.0 * MM, 18.0 * MM, 20.0 * MM),
            Self::A5 => (12.0 * MM, 11.0 * MM, 14.0 * MM),
            Self::Receipt => (4.0 * MM, 4.0 * MM, 4.0 * MM),
            Self::Label(..) => (1.5 * MM, 1.5 * MM, 1.5 * MM),
        }
    }
}

/// Room that was kept for what is seen of a signature.
#[derive(Clone, Debug, PartialEq)]
pub struct Seal {
    /// Its name.
    pub name: String,
    /// Page, the first is 0.
    pub page: usize,
    /// Left, bottom, right, top in points.
    pub rectangle: [f64; 4],
}

/// A document that is put together.
#[derive(Clone, Debug)]
pub struct Paper {
    pub(crate) title: String,
    sheet: Sheet,
    blocks: Vec<Block>,
    draft: bool,
    numbered: bool,
    foot: String,
    pub(crate) language: String,
    pub(crate) identifiers: Vec<String>,
    pub(crate) made: i64,
}

/// A document as a file.
#[derive(Clone, Debug)]
pub struct Rendered {
    /// PDF/A-2b.
    pub pdf: Vec<u8>,
    /// How many pages.
    pub pages: usize,
    /// Where signatures are seen.
    pub seals: Vec<Seal>,
    /// Characters that the font has not; `?` stands for them on the paper.
    pub missing: Vec<char>,
}

impl Rendered {
    /// Room for a signature by its name.
    pub fn seal(&self, name: &str) -> Option<&Seal> {
        self.seals.iter().find(|s| s.name == name)
    }
}

impl Paper {
    /// A document of a title; it stands in the file, not on the page.
    pub fn new(sheet: Sheet, title: &str) -> Self {
        Self {
            title: title.to_owned(),
            sheet,
            blocks: Vec::new(),
            draft: false,
            numbered: matches!(sheet, Sheet::A4 | Sheet::A5),
            foot: String::new(),
            language: "vi".to_owned(),
            identifiers: Vec::new(),
            made: 0,
        }
    }

    /// On A4.
    pub fn a4(title: &str) -> Self {
        Self::new(Sheet::A4, title)
    }

    /// On A5.
    pub fn a5(title: &str) -> Self {
        Self::new(Sheet::A5, title)
    }

    /// Adds a block.
    pub fn add(&mut self, block: Block) -> &mut Self {
        self.blocks.push(block);
        self
    }

    /// Marks each page *BẢN NHÁP*: nobody has signed it yet.
    pub fn draft(&mut self, yes: bool) -> &mut Self {
        self.draft = yes;
        self
    }

    /// A short text at the foot of each page, beside its number.
    pub fn foot(&mut self, text: &str) -> &mut Self {
        text.clone_into(&mut self.foot);
        self
    }

    /// When it was made: seconds since 1970.
    pub fn made(&mut self, at: i64) -> &mut Self {
        self.made = at;
        self
    }

    /// What it is bound to: a number, or `urn:sha-256:…` of the data it shows.
    pub fn identifier(&mut self, identifier: &str) -> &mut Self {
        self.identifiers.push(identifier.to_owned());
        self
    }

    /// As a file. The same document gives the same bytes.
    ///
    /// # Errors
    /// `TooTall`, `TooLarge`, `Picture`, `Qr`.
    pub fn render(&self) -> Result<Rendered> {
        let size = self.sheet.size();
        let margins = self.sheet.margins();
        let mut layout = Layout::new(size, margins);
        layout.blocks(&self.blocks)?;
        let (mut pages, mut glyphs, mut seals, y) = layout.done();
        let count = pages.len();
        let mut height = size.1;
        if self.sheet == Sheet::Receipt && count == 1 {
            // Cut off below what is printed.
            height = size.1 - y + margins.2;
            let down = size.1 - height;
            pages[0].content = format!("q 1 0 0 1 0 {:.2} cm\n{}Q\n", -down, pages[0].content);
            for seal in &mut seals {
                seal.rectangle[1] -= down;
                seal.rectangle[3] -= down;
            }
        }
        for (i, page) in pages.iter_mut().enumerate() {
            if self.numbered {
                let y = margins.2 * 0.5;
                let number = format!("Trang {}/{count}", i + 1);
                let x = size.0 - margins.0 - Glyphs::width(&number, Face::Regular) * 9.0;
                page.text(&mut glyphs, (x, y), Face::Regular, 9.0, &number);
                page.text(&mut glyphs, (margins.0, y), Face::Italic, 9.0, &self.foot);
            }
            if self.draft {
                page.watermark(&mut glyphs, (size.0, height), "BẢN NHÁP");
            }
        }
        let pdf = file::write(self, (size.0, height), &pages, &glyphs)?;
        Ok(Rendered { pdf, pages: count, seals, missing: glyphs.missing })
    }
}
