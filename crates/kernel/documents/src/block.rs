//! What documents are made of.

use crate::font::Face;

/// Where lines stand in their column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Align {
    /// At its left edge.
    #[default]
    Left,
    /// In its middle.
    Centre,
    /// At its right edge.
    Right,
}

/// How a paragraph looks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Style {
    /// Points.
    pub size: f64,
    /// Where lines stand.
    pub align: Align,
    /// From line to line, in sizes.
    pub leading: f64,
    /// Points of white after it.
    pub after: f64,
}

impl Default for Style {
    fn default() -> Self {
        Self { size: 12.0, align: Align::Left, leading: 1.25, after: 2.0 }
    }
}

/// Text in pieces of one face each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text(pub Vec<(Face, String)>);

impl Text {
    /// Upright text.
    pub fn plain(text: &str) -> Self {
        Self(vec![(Face::Regular, text.to_owned())])
    }

    /// Heavy text.
    pub fn bold(text: &str) -> Self {
        Self(vec![(Face::Bold, text.to_owned())])
    }

    /// Slanted text.
    pub fn italic(text: &str) -> Self {
        Self(vec![(Face::Italic, text.to_owned())])
    }

    /// With another piece after it.
    #[must_use]
    pub fn then(mut self, face: Face, text: &str) -> Self {
        self.0.push((face, text.to_owned()));
        self
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self::plain(text)
    }
}

/// A cell of a table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cell {
    /// What stands in it.
    pub text: Text,
    /// Where.
    pub align: Align,
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self { text: Text::plain(text), align: Align::Left }
    }
}

/// One piece of a document.
#[derive(Clone, Debug, PartialEq)]
pub enum Block {
    /// Lines of text.
    Paragraph(Text, Style),
    /// Labels with values: `Họ và tên: NGUYỄN VĂN AN`, side by side where `columns` is more than one.
    Fields {
        /// Label and value.
        rows: Vec<(String, String)>,
        /// Side by side.
        columns: usize,
        /// Points.
        size: f64,
    },
    /// Labels with boxes, some of them ticked.
    Boxes {
        /// Label, ticked.
        items: Vec<(String, bool)>,
        /// Side by side.
        columns: usize,
        /// Points.
        size: f64,
    },
    /// Rows of cells with lines around; the head is written again on each page.
    Table {
        /// Widths, as parts of the whole.
        widths: Vec<f64>,
        /// The head; none where empty.
        head: Vec<Cell>,
        /// Rows.
        rows: Vec<Vec<Cell>>,
        /// Points.
        size: f64,
    },
    /// Blocks side by side; widths as parts of the whole. Kept on one page.
    Columns(Vec<(f64, Vec<Block>)>),
    /// Blocks that stay together on one page.
    Together(Vec<Block>),
    /// White, in points.
    Space(f64),
    /// A line across; how much of the width.
    Rule(f64),
    /// A QR code: text, points wide.
    Qr {
        /// What it says.
        text: String,
        /// Points wide.
        size: f64,
        /// Where.
        align: Align,
    },
    /// A JPEG picture.
    Picture {
        /// The file.
        jpeg: Vec<u8>,
        /// Points wide.
        width: f64,
        /// Points high.
        height: f64,
        /// Where.
        align: Align,
    },
    /// Room for what is seen of a signature, found again by its name.
    Seal {
        /// Name.
        name: String,
        /// Points wide.
        width: f64,
        /// Points high.
        height: f64,
        /// Where.
        align: Align,
    },
    /// The next page.
    PageBreak,
}

impl Block {
    /// The title of a paper.
    pub fn title(text: &str) -> Self {
        let style = Style { size: 14.0, align: Align::Centre, after: 4.0, ..Style::default() };
        Self::Paragraph(Text::bold(text), style)
    }

    /// The heading of a part.
    pub fn heading(text: &str) -> Self {
        Self::Paragraph(Text::bold(text), Style { after: 3.0, ..Style::default() })
    }

    /// Lines of upright text.
    pub fn paragraph(text: &str) -> Self {
        Self::Paragraph(Text::plain(text), Style::default())
    }

    /// Lines in the middle.
    pub fn centred(text: Text, size: f64) -> Self {
        Self::Paragraph(text, Style { size, align: Align::Centre, after: 1.0, ..Style::default() })
    }

    /// Labels with values, one below the other.
    pub fn fields(rows: Vec<(&str, &str)>) -> Self {
        let rows = rows.into_iter().map(|(a, b)| (a.to_owned(), b.to_owned())).collect();
        Self::Fields { rows, columns: 1, size: 12.0 }
    }

    /// Room for a signature, in the middle of its column.
    pub fn seal(name: &str, width: f64, height: f64) -> Self {
        Self::Seal { name: name.to_owned(), width, height, align: Align::Centre }
    }

    /// The head of an official paper (decree 30/2020): the body and its parent, the nation's name and motto.
    pub fn official_head(parent: &str, body: &str, number: &str) -> Self {
        let mut left =
            vec![Self::centred(Text::plain(parent), 12.0), Self::centred(Text::bold(body), 12.0), Self::Rule(0.4)];
        if !number.is_empty() {
            left.push(Self::centred(Text::plain(&format!("Số: {number}")), 12.0));
        }
        let right = vec![
            Self::centred(Text::bold("CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM"), 12.0),
            Self::centred(Text::bold("Độc lập - Tự do - Hạnh phúc"), 12.5),
            Self::Rule(0.6),
        ];
        Self::Columns(vec![(0.43, left), (0.57, right)])
    }
}
