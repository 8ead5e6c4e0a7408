//! What is drawn on one page: PDF's operators, and which glyphs they need.

use crate::font::Face;
use crate::{Error, Result};
use mach_sign::pdf::{Dictionary, Object, name};
use std::collections::BTreeMap;
use std::fmt::Write;
use unicode_normalization::UnicodeNormalization;

/// Where new objects go: a new file, or a revision of one.
pub trait Sink {
    /// Adds an object; its number.
    fn add(&mut self, object: Object) -> u32;
}

impl Sink for mach_sign::pdf::Update<'_, '_> {
    fn add(&mut self, object: Object) -> u32 {
        Self::add(self, object)
    }
}

/// The glyphs that were used of each face, with what they stand for.
#[derive(Clone, Debug, Default)]
pub struct Glyphs {
    used: BTreeMap<Face, BTreeMap<u16, char>>,
    /// Characters that the font has not.
    pub missing: Vec<char>,
}

impl Glyphs {
    /// The glyphs of a text, and how wide it is at size 1.
    pub fn shape(&mut self, text: &str, face: Face) -> (Vec<u16>, f64) {
        let font = face.font();
        let mut width = 0.0;
        let mut out = Vec::with_capacity(text.len());
        for c in text.nfc() {
            let c = if c == '\t' || c == '\u{a0}' { ' ' } else { c };
            let glyph = font.glyph(c).or_else(|| {
                if !self.missing.contains(&c) {
                    self.missing.push(c);
                }
                font.glyph('?')
            });
            if let Some(glyph) = glyph {
                self.used.entry(face).or_default().entry(glyph).or_insert(c);
                width += font.width(glyph) / 1000.0;
                out.push(glyph);
            }
        }
        (out, width)
    }

    /// How wide a text is at size 1.
    pub fn width(text: &str, face: Face) -> f64 {
        let font = face.font();
        text.nfc().filter_map(|c| font.glyph(c).or_else(|| font.glyph('?'))).map(|g| font.width(g)).sum::<f64>()
            / 1000.0
    }

    /// Adds the fonts, cut down to what was used; the dictionary that names them.
    pub fn embed(&self, sink: &mut dyn Sink) -> Dictionary {
        let mut out = Dictionary::new();
        for (face, used) in &self.used {
            out.set(face.resource(), Object::Reference(embed(*face, used, sink), 0));
        }
        out
    }
}

impl Face {
    /// The name by which pages call it.
    fn resource(self) -> &'static str {
        match self {
            Self::Regular => "F0",
            Self::Bold => "F1",
            Self::Italic => "F2",
        }
    }
}

/// A compressed stream.
pub fn packed(dictionary: Dictionary, bytes: &[u8]) -> Object {
    use std::io::Write as _;
    let mut packer = flate2::write::ZlibEncoder::new(Vec::with_capacity(bytes.len() / 2), flate2::Compression::new(6));
    // Writing to a vector does not fail.
    let done = packer.write_all(bytes).and_then(|()| packer.finish()).unwrap_or_default();
    let dictionary = dictionary.with("Filter", name("FlateDecode")).with("Length", Object::Int(done.len() as i64));
    Object::Stream(dictionary, done)
}

fn embed(face: Face, used: &BTreeMap<u16, char>, sink: &mut dyn Sink) -> u32 {
    let font = face.font();
    let bytes = font.subset(&used.keys().copied().collect());
    // Six letters that differ with what was kept.
    let tag: String = mach_sign::sha256(&bytes)[..6].iter().map(|b| (b'A' + b % 26) as char).collect();
    let full = format!("{tag}+{}", font.name);
    let file = sink.add(packed(Dictionary::new().with("Length1", Object::Int(bytes.len() as i64)), &bytes));
    let (bounds, slant, rise, fall, capitals) = font.measures();
    let flags = if face == Face::Italic { 4 | 64 } else { 4 };
    let descriptor = sink.add(Object::Dictionary(
        Dictionary::new()
            .with("Type", name("FontDescriptor"))
            .with("FontName", name(&full))
            .with("Flags", Object::Int(flags))
            .with("FontBBox", Object::Array(bounds.map(Object::Int).to_vec()))
            .with("ItalicAngle", Object::Int(slant))
            .with("Ascent", Object::Int(rise))
            .with("Descent", Object::Int(fall))
            .with("CapHeight", Object::Int(capitals))
            .with("StemV", Object::Int(if face == Face::Bold { 140 } else { 80 }))
            .with("FontFile2", Object::Reference(file, 0)),
    ));
    let mut widths = Vec::new();
    for glyph in used.keys() {
        widths.push(Object::Int(i64::from(*glyph)));
        widths.push(Object::Array(vec![Object::Real(format!("{:.3}", font.width(*glyph)))]));
    }
    let system = Dictionary::new()
        .with("Registry", Object::String(b"Adobe".to_vec()))
        .with("Ordering", Object::String(b"Identity".to_vec()))
        .with("Supplement", Object::Int(0));
    let descendant = sink.add(Object::Dictionary(
        Dictionary::new()
            .with("Type", name("Font"))
            .with("Subtype", name("CIDFontType2"))
            .with("BaseFont", name(&full))
            .with("CIDSystemInfo", Object::Dictionary(system))
            .with("FontDescriptor", Object::Reference(descriptor, 0))
            .with("CIDToGIDMap", name("Identity"))
            .with("DW", Object::Int(0))
            .with("W", Object::Array(widths)),
    ));
    let unicode = sink.add(packed(Dictionary::new(), to_unicode(used).as_bytes()));
    sink.add(Object::Dictionary(
        Dictionary::new()
            .with("Type", name("Font"))
            .with("Subtype", name("Type0"))
            .with("BaseFont", name(&full))
            .with("Encoding", name("Identity-H"))
            .with("DescendantFonts", Object::Array(vec![Object::Reference(descendant, 0)]))
            .with("ToUnicode", Object::Reference(unicode, 0)),
    ))
}

/// What each glyph stands for, so that text can be taken out of the file.
fn to_unicode(used: &BTreeMap<u16, char>) -> String {
    let mut out = "/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n/CIDSystemInfo <</Registry (Adobe) \
                   /Ordering (UCS) /Supplement 0>> def\n/CMapName /Adobe-Identity-UCS def\n/CMapType 2 def\n\
                   1 begincodespacerange\n<0000> <FFFF>\nendcodespacerange\n"
        .to_owned();
    let pairs: Vec<_> = used.iter().collect();
    for some in pairs.chunks(100) {
        let _ = writeln!(out, "{} beginbfchar", some.len());
        for (glyph, c) in some {
            let _ = write!(out, "<{glyph:04X}> <");
            c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| {
                let _ = write!(out, "{unit:04X}");
            });
            out.push_str(">\n");
        }
        out.push_str("endbfchar\n");
    }
    out.push_str("endcmap\nCMapName currentdict /CMap defineresource pop\nend\nend\n");
    out
}

/// A page, or a form that is drawn onto one. Points, from the lower left corner.
#[derive(Clone, Debug, Default)]
pub struct Canvas {
    /// Operators.
    pub content: String,
    /// Pictures: name and file.
    pub pictures: Vec<Vec<u8>>,
}

impl Canvas {
    /// Writes a line of text.
    pub fn text(&mut self, glyphs: &mut Glyphs, at: (f64, f64), face: Face, size: f64, text: &str) {
        let (shaped, _) = glyphs.shape(text, face);
        if shaped.is_empty() {
            return;
        }
        let _ = write!(self.content, "BT /{} {size:.2} Tf {:.2} {:.2} Td <", face.resource(), at.0, at.1);
        for glyph in shaped {
            let _ = write!(self.content, "{glyph:04X}");
        }
        self.content.push_str("> Tj ET\n");
    }

    /// Colour of what is filled and drawn next.
    pub fn colour(&mut self, [r, g, b]: [f64; 3]) {
        let _ = writeln!(self.content, "{r:.2} {g:.2} {b:.2} rg {r:.2} {g:.2} {b:.2} RG");
    }

    /// A straight line.
    pub fn line(&mut self, from: (f64, f64), to: (f64, f64), width: f64) {
        let _ = writeln!(self.content, "{width:.2} w {:.2} {:.2} m {:.2} {:.2} l S", from.0, from.1, to.0, to.1);
    }

    /// The edge of a rectangle.
    pub fn frame(&mut self, at: (f64, f64), (width, height): (f64, f64), line: f64) {
        let _ = writeln!(self.content, "{line:.2} w {:.2} {:.2} {width:.2} {height:.2} re S", at.0, at.1);
    }

    /// A cross in a box that is ticked.
    pub fn cross(&mut self, at: (f64, f64), size: f64) {
        self.line(at, (at.0 + size, at.1 + size), 0.9);
        self.line((at.0, at.1 + size), (at.0 + size, at.1), 0.9);
    }

    /// A QR code of a text, `size` points wide, at its lower left corner.
    ///
    /// # Errors
    /// `Qr` where the text does not fit.
    pub fn qr(&mut self, at: (f64, f64), size: f64, text: &str) -> Result<()> {
        use qrcode::{Color, EcLevel, QrCode};
        let code = QrCode::with_error_correction_level(text, EcLevel::M)
            .or_else(|_| QrCode::with_error_correction_level(text, EcLevel::L))
            .map_err(|_| Error::Qr)?;
        let width = code.width();
        // Four modules of white around it are part of the code.
        let module = size / (width + 8) as f64;
        let colors = code.to_colors();
        let _ = writeln!(self.content, "q 1 0 0 1 {:.2} {:.2} cm {module:.4} 0 0 {module:.4} 0 0 cm 0 g", at.0, at.1);
        for (y, row) in colors.chunks(width).enumerate() {
            let mut x = 0;
            while x < width {
                let run = row[x..].iter().take_while(|c| **c == Color::Dark).count();
                if run > 0 {
                    let _ = writeln!(self.content, "{} {} {run} 1 re", x + 4, width + 3 - y);
                }
                x += run.max(1);
            }
        }
        self.content.push_str("f Q\n");
        Ok(())
    }

    /// A JPEG picture in a rectangle.
    pub fn picture(&mut self, at: (f64, f64), (width, height): (f64, f64), jpeg: &[u8]) {
        let number = self.pictures.len();
        self.pictures.push(jpeg.to_vec());
        let _ = writeln!(self.content, "q {width:.2} 0 0 {height:.2} {:.2} {:.2} cm /P{number} Do Q", at.0, at.1);
    }

    /// Large grey letters across the page, under everything else.
    pub fn watermark(&mut self, glyphs: &mut Glyphs, (width, height): (f64, f64), text: &str) {
        let (shaped, length) = glyphs.shape(text, Face::Bold);
        let size = 0.8 * width.hypot(height) / length.max(1.0);
        let (sine, cosine) = height.atan2(width).sin_cos();
        // The middle of the words on the middle of the page.
        let (along, up) = (length * size / 2.0, size * 0.33);
        let x = width / 2.0 - along * cosine + up * sine;
        let y = height / 2.0 - along * sine - up * cosine;
        let mut out =
            format!("q 0.86 g BT /F1 {size:.2} Tf {cosine:.4} {sine:.4} {:.4} {cosine:.4} {x:.2} {y:.2} Tm <", -sine);
        for glyph in shaped {
            let _ = write!(out, "{glyph:04X}");
        }
        out.push_str("> Tj ET Q\n");
        self.content.insert_str(0, &out);
    }
}

/// Width, height and components of a JPEG file.
///
/// # Errors
/// `Picture` where it is none, or of more than three colours.
pub fn jpeg_size(bytes: &[u8]) -> Result<(u16, u16, u8)> {
    let bad = Error::Picture("not a JPEG file");
    let mut at = 2;
    if !bytes.starts_with(&[0xff, 0xd8]) {
        return Err(bad);
    }
    while let Some([0xff, kind, a, b]) = bytes.get(at..at + 4) {
        let length = usize::from(u16::from_be_bytes([*a, *b]));
        if matches!(kind, 0xc0..=0xc2) {
            let Some([h1, h2, w1, w2, n]) = bytes.get(at + 5..at + 10) else { return Err(bad) };
            let size = (u16::from_be_bytes([*w1, *w2]), u16::from_be_bytes([*h1, *h2]), *n);
            return if matches!(n, 1 | 3) && size.0 > 0 && size.1 > 0 {
                Ok(size)
            } else {
                Err(Error::Picture("neither grey nor of three colours"))
            };
        }
        at += 2 + length;
    }
    Err(bad)
}
