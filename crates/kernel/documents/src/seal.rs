//! What is seen of a digital signature on the page: a frame with who, when and why.

use crate::canvas::{Canvas, Glyphs, packed};
use crate::font::Face;
use mach_sign::pdf::{Dictionary, Object, Update, name};

/// What the frame says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SealText {
    /// Who.
    pub signer: String,
    /// As what: role, facility.
    pub role: String,
    /// When: seconds since 1970.
    pub at: i64,
}

/// Adds the frame as a form of a size in points; its number. Goes into [`mach_sign::pades::Appearance`].
pub fn draw_seal(update: &mut Update<'_, '_>, (width, height): (f64, f64), text: &SealText) -> u32 {
    let mut canvas = Canvas::default();
    let mut glyphs = Glyphs::default();
    canvas.colour([0.72, 0.07, 0.12]);
    canvas.frame((0.75, 0.75), (width - 1.5, height - 1.5), 1.0);
    let when = format!("Ngày ký: {}", mach_sign::time::to_vietnamese(text.at));
    let signer = format!("Ký bởi: {}", text.signer);
    let mut lines = vec![(Face::Bold, "ĐÃ KÝ SỐ".to_owned()), (Face::Regular, signer)];
    if !text.role.is_empty() {
        lines.push((Face::Regular, text.role.clone()));
    }
    lines.push((Face::Regular, when));
    // As large as fits: the longest line into the width, all lines into the height.
    let longest = lines.iter().map(|(face, t)| Glyphs::width(t, *face)).fold(1.0, f64::max);
    let size = ((width - 10.0) / longest).min((height - 8.0) / (lines.len() as f64 * 1.2)).clamp(3.0, 11.0);
    let mut y = height - (height - lines.len() as f64 * size * 1.2) / 2.0 - size * 0.9;
    for (face, line) in &lines {
        canvas.text(&mut glyphs, (5.0, y), *face, size, line);
        y -= size * 1.2;
    }
    let fonts = glyphs.embed(update);
    let number = |n: f64| Object::Real(format!("{n:.2}"));
    let form = Dictionary::new()
        .with("Type", name("XObject"))
        .with("Subtype", name("Form"))
        .with("BBox", Object::Array(vec![number(0.0), number(0.0), number(width), number(height)]))
        .with("Resources", Object::Dictionary(Dictionary::new().with("Font", Object::Dictionary(fonts))));
    update.add(packed(form, canvas.content.as_bytes()))
}
