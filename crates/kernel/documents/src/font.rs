//! The fonts: Tinos, as wide as Times New Roman, whose letters decree 30/2020 asks of official papers. Read as far as
//! measuring and embedding need; what is embedded is cut down to the letters used.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

/// Which face of the font.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Face {
    /// Upright.
    #[default]
    Regular,
    /// Heavy.
    Bold,
    /// Slanted.
    Italic,
}

impl Face {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Regular, Self::Bold, Self::Italic];

    /// The font of this face.
    pub fn font(self) -> &'static Font {
        static FONTS: OnceLock<[Font; 3]> = OnceLock::new();
        let fonts = FONTS.get_or_init(|| {
            [
                Font::read("Tinos", include_bytes!("../../../../content/fonts/Tinos-Regular.ttf")),
                Font::read("Tinos-Bold", include_bytes!("../../../../content/fonts/Tinos-Bold.ttf")),
                Font::read("Tinos-Italic", include_bytes!("../../../../content/fonts/Tinos-Italic.ttf")),
            ]
        });
        &fonts[self as usize]
    }
}

/// A TrueType font of the product's own: it is known to be well-formed.
#[derive(Debug)]
pub struct Font {
    /// Its name for PostScript.
    pub name: &'static str,
    data: &'static [u8],
    tables: BTreeMap<[u8; 4], (usize, usize)>,
    /// Glyph of each character.
    glyphs: BTreeMap<char, u16>,
    /// Widths of glyphs, thousandths of the size.
    widths: Vec<f64>,
    /// Units of the design square.
    pub units: f64,
    /// Where each glyph's outline begins and ends.
    outlines: Vec<usize>,
}

fn u16_at(data: &[u8], at: usize) -> u16 {
    data.get(at..at + 2).map_or(0, |b| u16::from_be_bytes([b[0], b[1]]))
}

fn i16_at(data: &[u8], at: usize) -> i16 {
    u16_at(data, at) as i16
}

fn u32_at(data: &[u8], at: usize) -> u32 {
    u32::from(u16_at(data, at)) << 16 | u32::from(u16_at(data, at + 2))
}

impl Font {
    fn read(name: &'static str, data: &'static [u8]) -> Self {
        let mut tables = BTreeMap::new();
        for i in 0..usize::from(u16_at(data, 4)) {
            let at = 12 + 16 * i;
            let tag = [data[at], data[at + 1], data[at + 2], data[at + 3]];
            tables.insert(tag, (u32_at(data, at + 8) as usize, u32_at(data, at + 12) as usize));
        }
        let table = |tag: &[u8; 4]| tables.get(tag).map_or(0, |(at, _)| *at);
        let units = f64::from(u16_at(data, table(b"head") + 18));
        let count = usize::from(u16_at(data, table(b"maxp") + 4));
        let metrics = usize::from(u16_at(data, table(b"hhea") + 34)).max(1);
        let width = |g: usize| f64::from(u16_at(data, table(b"hmtx") + 4 * g.min(metrics - 1))) * 1000.0 / units;
        let widths = (0..count).map(width).collect();
        let long = u16_at(data, table(b"head") + 50) == 1;
        let place = |i: usize| {
            let at = table(b"loca");
            if long { u32_at(data, at + 4 * i) as usize } else { 2 * usize::from(u16_at(data, at + 2 * i)) }
        };
        let outlines = (0..=count).map(place).collect();
        let glyphs = read_glyphs(data, table(b"cmap"));
        Self { name, data, tables, glyphs, widths, units, outlines }
    }

    /// The glyph of a character.
    pub fn glyph(&self, c: char) -> Option<u16> {
        self.glyphs.get(&c).copied().filter(|g| *g != 0)
    }

    /// How wide a glyph is, in thousandths of the size.
    pub fn width(&self, glyph: u16) -> f64 {
        self.widths.get(usize::from(glyph)).copied().unwrap_or(0.0)
    }

    fn table(&self, tag: &[u8; 4]) -> &'static [u8] {
        self.tables.get(tag).map_or(&[][..], |(at, length)| &self.data[*at..at + length])
    }

    /// A value of a table in thousandths of the size.
    fn scaled(&self, tag: &[u8; 4], at: usize) -> i64 {
        (f64::from(i16_at(self.table(tag), at)) * 1000.0 / self.units).round() as i64
    }

    /// What a font descriptor says: box, slant, rise, fall, height of capitals.
    pub fn measures(&self) -> ([i64; 4], i64, i64, i64, i64) {
        let bounds = [36, 38, 40, 42].map(|at| self.scaled(b"head", at));
        let slant = (f64::from(u32_at(self.table(b"post"), 4) as i32) / 65536.0).round() as i64;
        (bounds, slant, self.scaled(b"hhea", 4), self.scaled(b"hhea", 6), self.scaled(b"OS/2", 88))
    }

    fn outline(&self, glyph: u16) -> &'static [u8] {
        let g = usize::from(glyph);
        match (self.outlines.get(g), self.outlines.get(g + 1)) {
            (Some(from), Some(to)) => self.table(b"glyf").get(*from..*to).unwrap_or_default(),
            _ => &[],
        }
    }

    /// The font with the outlines of these glyphs only; numbers stay as they are.
    pub fn subset(&self, used: &BTreeSet<u16>) -> Vec<u8> {
        let mut keep = BTreeSet::from([0]);
        let mut todo: Vec<u16> = used.iter().copied().collect();
        while let Some(glyph) = todo.pop() {
            if keep.insert(glyph) {
                todo.extend(parts(self.outline(glyph)));
            }
        }
        // The highest number kept ends the tables.
        let count = usize::from(keep.last().copied().unwrap_or(0)) + 1;
        let mut glyf = Vec::new();
        let mut loca = Vec::new();
        for glyph in 0..count {
            loca.extend((glyf.len() as u32).to_be_bytes());
            if keep.contains(&(glyph as u16)) {
                glyf.extend(self.outline(glyph as u16));
                glyf.resize(glyf.len().next_multiple_of(4), 0);
            }
        }
        loca.extend((glyf.len() as u32).to_be_bytes());
        let mut head = self.table(b"head").to_vec();
        head[8..12].fill(0);
        head[50..52].copy_from_slice(&[0, 1]);
        let mut hhea = self.table(b"hhea").to_vec();
        let metrics = usize::from(u16_at(&hhea, 34)).min(count);
        hhea[34..36].copy_from_slice(&(metrics as u16).to_be_bytes());
        let all = usize::from(u16_at(self.table(b"hhea"), 34));
        let hmtx = self.table(b"hmtx");
        let mut short = hmtx[..4 * metrics].to_vec();
        if count > metrics {
            short.extend(&hmtx[4 * all..4 * all + 2 * (count - metrics)]);
        }
        let mut maxp = self.table(b"maxp").to_vec();
        maxp[4..6].copy_from_slice(&(count as u16).to_be_bytes());
        let parts: [(&[u8; 4], Vec<u8>); 6] =
            [(b"glyf", glyf), (b"head", head), (b"hhea", hhea), (b"hmtx", short), (b"loca", loca), (b"maxp", maxp)];
        assemble(&parts)
    }
}

/// The glyphs that a glyph is put together of.
fn parts(outline: &[u8]) -> Vec<u16> {
    let mut out = Vec::new();
    if i16_at(outline, 0) >= 0 {
        return out;
    }
    let mut at = 10;
    loop {
        let flags = u16_at(outline, at);
        out.push(u16_at(outline, at + 2));
        at += if flags & 1 != 0 { 8 } else { 6 };
        at += match flags & 0xc8 {
            8 => 2,
            0x40 => 4,
            0x80 => 8,
            _ => 0,
        };
        if flags & 0x20 == 0 {
            return out;
        }
    }
}

/// A font file of tables in alphabetic order.
fn assemble(tables: &[(&[u8; 4], Vec<u8>)]) -> Vec<u8> {
    let count = tables.len() as u16;
    let power = 1_u16 << count.ilog2();
    let mut out = vec![0, 1, 0, 0];
    for n in [count, 16 * power, power.ilog2() as u16, 16 * (count - power)] {
        out.extend(n.to_be_bytes());
    }
    let sum = |bytes: &[u8]| {
        bytes.chunks(4).fold(0_u32, |sum, c| {
            let mut word = [0; 4];
            word[..c.len()].copy_from_slice(c);
            sum.wrapping_add(u32::from_be_bytes(word))
        })
    };
    let mut at = 12 + 16 * tables.len();
    let mut head_at = 0;
    for (tag, bytes) in tables {
        if *tag == b"head" {
            head_at = at;
        }
        out.extend(*tag);
        out.extend(sum(bytes).to_be_bytes());
        out.extend((at as u32).to_be_bytes());
        out.extend((bytes.len() as u32).to_be_bytes());
        at += bytes.len().next_multiple_of(4);
    }
    for (_, bytes) in tables {
        out.extend(bytes);
        out.resize(out.len().next_multiple_of(4), 0);
    }
    let adjust = 0xb1b0_afba_u32.wrapping_sub(sum(&out));
    out[head_at + 8..head_at + 12].copy_from_slice(&adjust.to_be_bytes());
    out
}

/// The glyphs of the basic plane (format 4).
fn read_glyphs(data: &[u8], cmap: usize) -> BTreeMap<char, u16> {
    let tables = (0..usize::from(u16_at(data, cmap + 2))).map(|i| cmap + u32_at(data, cmap + 8 + 8 * i) as usize);
    let mut out = BTreeMap::new();
    for at in tables.filter(|at| u16_at(data, *at) == 4) {
        let segments = usize::from(u16_at(data, at + 6)) / 2;
        let (ends, starts) = (at + 14, at + 16 + 2 * segments);
        let (deltas, offsets) = (starts + 2 * segments, starts + 4 * segments);
        for s in 0..segments {
            let (first, last) = (u16_at(data, starts + 2 * s), u16_at(data, ends + 2 * s));
            let (delta, offset) = (u16_at(data, deltas + 2 * s), u16_at(data, offsets + 2 * s));
            for code in first..=last {
                let glyph = if offset == 0 {
                    code.wrapping_add(delta)
                } else {
                    let place = offsets + 2 * s + usize::from(offset) + 2 * usize::from(code - first);
                    match u16_at(data, place) {
                        0 => 0,
                        g => g.wrapping_add(delta),
                    }
                };
                if let (Some(c), true) = (char::from_u32(u32::from(code)), glyph != 0) {
                    out.entry(c).or_insert(glyph);
                }
                if code == u16::MAX {
                    break;
                }
            }
        }
    }
    out
}
