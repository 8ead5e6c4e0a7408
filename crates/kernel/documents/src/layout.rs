//! Blocks onto pages, from top to bottom.

use crate::block::{Align, Block, Cell, Style, Text};
use crate::canvas::{Canvas, Glyphs, jpeg_size};
use crate::font::Face;
use crate::paper::Seal;
use crate::{Error, Result, limits};
use unicode_normalization::UnicodeNormalization;

/// A line of text: its words with faces, how wide.
type Line = Vec<(Face, String)>;

/// Pages under way.
pub struct Layout {
    /// Width and height of a page.
    size: (f64, f64),
    /// White at the edges: left and right, top, bottom.
    margins: (f64, f64, f64),
    pages: Vec<Canvas>,
    /// Where the next block's top is, from the bottom.
    y: f64,
    /// Glyphs of all pages.
    pub glyphs: Glyphs,
    seals: Vec<Seal>,
}

/// White around the text of a cell.
const PAD: f64 = 3.0;
/// A text's rise over its line, in sizes.
const RISE: f64 = 0.89;

impl Layout {
    pub fn new(size: (f64, f64), margins: (f64, f64, f64)) -> Self {
        let y = size.1 - margins.1;
        Self { size, margins, pages: vec![Canvas::default()], y, glyphs: Glyphs::default(), seals: Vec::new() }
    }

    /// Pages, glyphs, seals.
    pub fn done(self) -> (Vec<Canvas>, Glyphs, Vec<Seal>, f64) {
        (self.pages, self.glyphs, self.seals, self.y)
    }

    fn page(&mut self) -> &mut Canvas {
        if self.pages.is_empty() {
            self.pages.push(Canvas::default());
        }
        let last = self.pages.len() - 1;
        &mut self.pages[last]
    }

    fn top(&self) -> f64 {
        self.size.1 - self.margins.1
    }

    fn next_page(&mut self) -> Result<()> {
        if self.pages.len() >= limits::PAGES {
            return Err(Error::TooLarge { what: "a document's pages", limit: limits::PAGES });
        }
        self.pages.push(Canvas::default());
        self.y = self.top();
        Ok(())
    }

    /// Room for so much height: on this page, else on the next.
    fn need(&mut self, height: f64) -> Result<()> {
        if self.y - height >= self.margins.2 {
            return Ok(());
        }
        if height > self.top() - self.margins.2 {
            return Err(Error::TooTall);
        }
        self.next_page()
    }

    /// Puts blocks over the whole width.
    pub fn blocks(&mut self, blocks: &[Block]) -> Result<()> {
        let (x, width) = (self.margins.0, self.size.0 - 2.0 * self.margins.0);
        for block in blocks {
            self.block(block, x, width, 0)?;
        }
        Ok(())
    }

    fn block(&mut self, block: &Block, x: f64, width: f64, depth: usize) -> Result<()> {
        if depth > limits::DEPTH {
            return Err(Error::TooLarge { what: "columns within columns", limit: limits::DEPTH });
        }
        match block {
            Block::Paragraph(text, style) => self.paragraph(text, style, x, width),
            Block::Fields { rows, columns, size } => {
                let texts: Vec<_> = rows
                    .iter()
                    .map(|(label, value)| Text::plain(&format!("{label}: ")).then(Face::Bold, value))
                    .collect();
                self.grid(&texts, &[], *columns, *size, (x, width))
            }
            Block::Boxes { items, columns, size } => {
                let texts: Vec<_> = items.iter().map(|(label, _)| Text::plain(label)).collect();
                let ticks: Vec<_> = items.iter().map(|(_, ticked)| *ticked).collect();
                self.grid(&texts, &ticks, *columns, *size, (x, width))
            }
            Block::Table { widths, head, rows, size } => self.table(widths, head, rows, *size, (x, width)),
            Block::Columns(columns) => {
                let height = self.height(block, width, depth)?;
                self.need(height)?;
                let total: f64 = columns.iter().map(|(part, _)| part).sum();
                let (top, mut left) = (self.y, x);
                for (part, blocks) in columns {
                    let column = width * part / total.max(f64::EPSILON);
                    self.y = top;
                    for inner in blocks {
                        self.block(inner, left, column, depth + 1)?;
                    }
                    left += column;
                }
                self.y = top - height;
                Ok(())
            }
            Block::Together(blocks) => {
                let height = self.height(block, width, depth)?;
                self.need(height)?;
                blocks.iter().try_for_each(|inner| self.block(inner, x, width, depth + 1))
            }
            Block::Space(height) => {
                self.y -= height;
                Ok(())
            }
            Block::Rule(part) => {
                self.need(6.0)?;
                let (from, length, y) = (x + width * (1.0 - part) / 2.0, width * part, self.y - 2.0);
                self.page().line((from, y), (from + length, y), 0.7);
                self.y -= 6.0;
                Ok(())
            }
            Block::Qr { text, size, align } => {
                self.need(*size)?;
                let at = (place(*align, x, width, *size), self.y - size);
                self.page().qr(at, *size, text)?;
                self.y -= size;
                Ok(())
            }
            Block::Picture { jpeg, width: w, height, align } => {
                if jpeg.len() > limits::PICTURE_BYTES {
                    return Err(Error::TooLarge { what: "a picture", limit: limits::PICTURE_BYTES });
                }
                jpeg_size(jpeg)?;
                self.need(*height)?;
                let at = (place(*align, x, width, *w), self.y - height);
                self.page().picture(at, (*w, *height), jpeg);
                self.y -= height;
                Ok(())
            }
            Block::Seal { name, width: w, height, align } => {
                self.need(*height)?;
                let left = place(*align, x, width, *w);
                let rectangle = [left, self.y - height, left + w, self.y];
                self.seals.push(Seal { name: name.clone(), page: self.pages.len() - 1, rectangle });
                self.y -= height;
                Ok(())
            }
            Block::PageBreak => self.next_page(),
        }
    }

    fn paragraph(&mut self, text: &Text, style: &Style, x: f64, width: f64) -> Result<()> {
        for line in wrap(text, style.size, width) {
            self.need(style.size * style.leading)?;
            let y = self.y - style.size * RISE;
            self.line(&line, (x, y), style.size, style.align, width);
            self.y -= style.size * style.leading;
        }
        self.y -= style.after;
        Ok(())
    }

    fn line(&mut self, line: &Line, (x, y): (f64, f64), size: f64, align: Align, width: f64) {
        let length: f64 = line.iter().map(|(face, text)| Glyphs::width(text, *face) * size).sum();
        let mut left = place(align, x, width, length);
        let last = self.pages.len() - 1;
        for (face, text) in line {
            self.pages[last].text(&mut self.glyphs, (left, y), *face, size, text);
            left += Glyphs::width(text, *face) * size;
        }
    }

    /// Texts in columns, row by row, with boxes before them where `ticks` are given.
    fn grid(
        &mut self,
        texts: &[Text],
        ticks: &[bool],
        columns: usize,
        size: f64,
        (x, width): (f64, f64),
    ) -> Result<()> {
        let columns = columns.max(1);
        let cell = width / columns as f64;
        let indent = if ticks.is_empty() { 0.0 } else { size * 1.2 };
        for (row, some) in texts.chunks(columns).enumerate() {
            let lines: Vec<_> = some.iter().map(|t| wrap(t, size, cell - indent - 6.0)).collect();
            let most = lines.iter().map(Vec::len).max().unwrap_or(1).max(1);
            let height = most as f64 * size * 1.25 + 1.5;
            self.need(height)?;
            for (i, lines) in lines.iter().enumerate() {
                let left = x + i as f64 * cell;
                if let Some(ticked) = ticks.get(row * columns + i) {
                    let (at, side) = ((left, self.y - size * 0.95), size * 0.8);
                    self.page().frame(at, (side, side), 0.8);
                    if *ticked {
                        self.page().cross(at, side);
                    }
                }
                for (n, line) in lines.iter().enumerate() {
                    let y = self.y - size * RISE - n as f64 * size * 1.25;
                    self.line(line, (left + indent, y), size, Align::Left, cell - indent);
                }
            }
            self.y -= height;
        }
        Ok(())
    }

    fn table(
        &mut self,
        widths: &[f64],
        head: &[Cell],
        rows: &[Vec<Cell>],
        size: f64,
        (x, width): (f64, f64),
    ) -> Result<()> {
        let total: f64 = widths.iter().sum();
        let widths: Vec<f64> = widths.iter().map(|w| width * w / total.max(f64::EPSILON)).collect();
        let bold: Vec<Cell> = head
            .iter()
            .map(|c| Cell {
                text: Text(c.text.0.iter().map(|(_, t)| (Face::Bold, t.clone())).collect()),
                align: Align::Centre,
            })
            .collect();
        let height = |cells: &[Cell]| row_height(cells, &widths, size);
        if !bold.is_empty() {
            let first = rows.first().map_or(0.0, |r| height(r));
            self.need(height(&bold) + first)?;
            self.row(&bold, &widths, size, x);
        }
        for row in rows {
            let before = self.pages.len();
            self.need(height(row))?;
            if self.pages.len() > before && !bold.is_empty() {
                self.row(&bold, &widths, size, x);
                self.need(height(row))?;
            }
            self.row(row, &widths, size, x);
        }
        self.y -= 4.0;
        Ok(())
    }

    fn row(&mut self, cells: &[Cell], widths: &[f64], size: f64, x: f64) {
        let height = row_height(cells, widths, size);
        let mut left = x;
        for (i, width) in widths.iter().enumerate() {
            let y = self.y;
            self.page().frame((left, y - height), (*width, height), 0.5);
            if let Some(cell) = cells.get(i) {
                for (n, line) in wrap(&cell.text, size, width - 2.0 * PAD).iter().enumerate() {
                    let at = (left + PAD, y - PAD - size * RISE - n as f64 * size * 1.2);
                    self.line(line, at, size, cell.align, width - 2.0 * PAD);
                }
            }
            left += width;
        }
        self.y -= height;
    }

    /// How high a block is.
    fn height(&self, block: &Block, width: f64, depth: usize) -> Result<f64> {
        let inner = |blocks: &[Block], width: f64| -> Result<f64> {
            blocks.iter().map(|b| self.height(b, width, depth + 1)).sum()
        };
        if depth > limits::DEPTH {
            return Err(Error::TooLarge { what: "columns within columns", limit: limits::DEPTH });
        }
        Ok(match block {
            Block::Paragraph(text, style) => {
                wrap(text, style.size, width).len() as f64 * style.size * style.leading + style.after
            }
            Block::Columns(columns) => {
                let total: f64 = columns.iter().map(|(part, _)| part).sum();
                let mut most = 0.0_f64;
                for (part, blocks) in columns {
                    most = most.max(inner(blocks, width * part / total.max(f64::EPSILON))?);
                }
                most
            }
            Block::Together(blocks) => inner(blocks, width)?,
            Block::Space(height) => *height,
            Block::Rule(_) => 6.0,
            Block::Qr { size, .. } => *size,
            Block::Picture { height, .. } | Block::Seal { height, .. } => *height,
            Block::PageBreak => 0.0,
            Block::Fields { .. } | Block::Boxes { .. } | Block::Table { .. } => {
                // On a page without end: what it takes is its height.
                let mut trial = Self::new((self.size.0, 1e7), (self.margins.0, 0.0, 0.0));
                trial.block(block, 0.0, width, depth)?;
                1e7 - trial.y
            }
        })
    }
}

fn row_height(cells: &[Cell], widths: &[f64], size: f64) -> f64 {
    let lines = cells.iter().zip(widths).map(|(c, w)| wrap(&c.text, size, w - 2.0 * PAD).len()).max();
    lines.unwrap_or(1).max(1) as f64 * size * 1.2 + 2.0 * PAD
}

fn place(align: Align, x: f64, width: f64, length: f64) -> f64 {
    match align {
        Align::Left => x,
        Align::Centre => x + (width - length) / 2.0,
        Align::Right => x + width - length,
    }
}

/// The lines of a text in a column: broken at spaces, within a word only where it is wider than the column.
fn wrap(text: &Text, size: f64, width: f64) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    let mut line: Line = Vec::new();
    let mut used = 0.0;
    let put = |line: &mut Line, face: Face, word: &str| match line.last_mut() {
        Some((last, text)) if *last == face => text.push_str(word),
        _ => line.push((face, word.to_owned())),
    };
    for (face, piece) in &text.0 {
        let piece: String = piece.nfc().collect();
        for (n, part) in piece.split('\n').enumerate() {
            if n > 0 {
                lines.push(std::mem::take(&mut line));
                used = 0.0;
            }
            for word in part.split_inclusive(' ') {
                let bare = word.trim_end_matches(' ');
                let need = Glyphs::width(bare, *face) * size;
                if used > 0.0 && used + need > width {
                    trim(&mut line);
                    lines.push(std::mem::take(&mut line));
                    used = 0.0;
                }
                if need <= width {
                    put(&mut line, *face, word);
                    used += Glyphs::width(word, *face) * size;
                    continue;
                }
                for c in word.chars() {
                    let letter = c.to_string();
                    let need = Glyphs::width(&letter, *face) * size;
                    if used > 0.0 && used + need > width {
                        lines.push(std::mem::take(&mut line));
                        used = 0.0;
                    }
                    put(&mut line, *face, &letter);
                    used += need;
                }
            }
        }
    }
    trim(&mut line);
    lines.push(line);
    lines
}

/// Takes the spaces off a line's end.
fn trim(line: &mut Line) {
    if let Some((_, text)) = line.last_mut() {
        text.truncate(text.trim_end_matches(' ').len());
    }
}
