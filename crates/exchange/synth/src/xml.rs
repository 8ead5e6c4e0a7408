//! The generator's own XML writer: rows of fields, written in one of the ways that exporters in the field write them.

use crate::calendar::{Day, Minute, civil, day_of};

/// In which order the fields of a row stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// As in the decision.
    Document,
    /// Last first.
    Reversed,
    /// Starting in the middle.
    Rotated,
}

/// How a file is written. All of it is legal.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// The file begins with an XML declaration.
    pub declared: bool,
    /// The file begins with a byte order mark.
    pub marked: bool,
    /// Inner documents stand in the file as they are, not in base64.
    pub inline: bool,
    /// Inner documents have a declaration (base64 only).
    pub inner_declared: bool,
    /// Inner documents begin with a byte order mark (base64 only).
    pub inner_marked: bool,
    /// Free text stands in CDATA.
    pub cdata: bool,
    /// Order of fields.
    pub order: Order,
    /// Empty fields are left out.
    pub omit_empty: bool,
    /// Lines are broken and indented.
    pub indented: bool,
    /// Base64 is broken into lines of 76 characters.
    pub wrapped: bool,
    /// `CHUKYDONVI`: 0 absent, 1 empty, 2 blank.
    pub signature: u8,
}

#[derive(Clone, Copy, Debug)]
struct Field {
    tag: &'static str,
    start: u32,
    end: u32,
    free: bool,
}

/// The fields of one row, in document order.
#[derive(Debug, Default)]
pub struct Row {
    text: Vec<u8>,
    fields: Vec<Field>,
}

impl Row {
    /// Forgets the fields.
    pub fn clear(&mut self) {
        self.text.clear();
        self.fields.clear();
    }

    fn push(&mut self, tag: &'static str, free: bool, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.text.len() as u32;
        write(&mut self.text);
        self.fields.push(Field { tag, start, end: self.text.len() as u32, free });
    }

    /// A code or other word.
    pub fn put(&mut self, tag: &'static str, value: &str) {
        self.push(tag, false, |out| out.extend_from_slice(value.as_bytes()));
    }

    /// Free text.
    pub fn text(&mut self, tag: &'static str, value: &str) {
        self.push(tag, true, |out| out.extend_from_slice(value.as_bytes()));
    }

    /// An empty field.
    pub fn none(&mut self, tag: &'static str) {
        self.push(tag, false, |_| {});
    }

    /// Several empty fields.
    pub fn nones(&mut self, tags: &[&'static str]) {
        for tag in tags {
            self.none(tag);
        }
    }

    /// A whole number.
    pub fn number(&mut self, tag: &'static str, value: i64) {
        self.push(tag, false, |out| digits(out, value));
    }

    /// Hundredths as a decimal without needless zeros.
    pub fn cents(&mut self, tag: &'static str, value: i64) {
        self.push(tag, false, |out| decimal(out, value, 2));
    }

    /// Thousandths as a decimal without needless zeros.
    pub fn thousandths(&mut self, tag: &'static str, value: i64) {
        self.push(tag, false, |out| decimal(out, value, 3));
    }

    /// `yyyyMMdd`, empty where there is no day.
    pub fn day(&mut self, tag: &'static str, day: Option<Day>) {
        self.push(tag, false, |out| {
            if let Some(day) = day {
                write_day(out, day);
            }
        });
    }

    /// `yyyyMMddHHmm`, empty where there is no time.
    pub fn minute(&mut self, tag: &'static str, minute: Option<Minute>) {
        self.push(tag, false, |out| {
            if let Some(minute) = minute {
                write_day(out, day_of(minute));
                let of_day = minute.rem_euclid(1440);
                padded(out, of_day / 60, 2);
                padded(out, of_day % 60, 2);
            }
        });
    }

    /// A department `K03`, or several with `;`.
    pub fn departments(&mut self, tag: &'static str, all: &[u8]) {
        self.push(tag, false, |out| {
            for (place, &department) in all.iter().enumerate() {
                if place > 0 {
                    out.push(b';');
                }
                out.push(b'K');
                padded(out, i64::from(department), 2);
            }
        });
    }

    /// The value of a field.
    pub fn value(&self, tag: &str) -> Option<&str> {
        let field = self.fields.iter().find(|field| field.tag == tag)?;
        std::str::from_utf8(&self.text[field.start as usize..field.end as usize]).ok()
    }

    /// Puts another value in the place of a field's.
    pub fn replace(&mut self, tag: &str, value: &str) {
        if let Some(place) = self.fields.iter().position(|field| field.tag == tag) {
            let start = self.text.len() as u32;
            self.text.extend_from_slice(value.as_bytes());
            self.fields[place].start = start;
            self.fields[place].end = self.text.len() as u32;
        }
    }

    /// Writes the fields as elements.
    pub fn write(&self, out: &mut Vec<u8>, style: &Style) {
        let count = self.fields.len();
        for place in 0..count {
            let field = match style.order {
                Order::Document => self.fields[place],
                Order::Reversed => self.fields[count - 1 - place],
                Order::Rotated => self.fields[(place + count / 2) % count],
            };
            let value = &self.text[field.start as usize..field.end as usize];
            if value.is_empty() {
                if !style.omit_empty {
                    out.push(b'<');
                    out.extend_from_slice(field.tag.as_bytes());
                    out.extend_from_slice(b"/>");
                    line_end(out, style);
                }
                continue;
            }
            open(out, field.tag);
            if style.cdata && field.free {
                out.extend_from_slice(b"<![CDATA[");
                out.extend_from_slice(value);
                out.extend_from_slice(b"]]>");
            } else {
                escaped(out, value);
            }
            close(out, field.tag);
            line_end(out, style);
        }
    }
}

fn line_end(out: &mut Vec<u8>, style: &Style) {
    if style.indented {
        out.extend_from_slice(b"\r\n");
    }
}

/// `<tag>`.
pub fn open(out: &mut Vec<u8>, tag: &str) {
    out.push(b'<');
    out.extend_from_slice(tag.as_bytes());
    out.push(b'>');
}

/// `</tag>`.
pub fn close(out: &mut Vec<u8>, tag: &str) {
    out.extend_from_slice(b"</");
    out.extend_from_slice(tag.as_bytes());
    out.push(b'>');
}

fn escaped(out: &mut Vec<u8>, value: &[u8]) {
    for &byte in value {
        match byte {
            b'&' => out.extend_from_slice(b"&amp;"),
            b'<' => out.extend_from_slice(b"&lt;"),
            b'>' => out.extend_from_slice(b"&gt;"),
            other => out.push(other),
        }
    }
}

fn digits(out: &mut Vec<u8>, value: i64) {
    if value < 0 {
        out.push(b'-');
    }
    let mut buffer = [0u8; 20];
    let mut place = buffer.len();
    let mut left = value.unsigned_abs();
    loop {
        place -= 1;
        buffer[place] = b'0' + (left % 10) as u8;
        left /= 10;
        if left == 0 {
            break;
        }
    }
    out.extend_from_slice(&buffer[place..]);
}

fn padded(out: &mut Vec<u8>, value: i64, width: u32) {
    for place in (0..width).rev() {
        out.push(b'0' + (value / 10i64.pow(place) % 10) as u8);
    }
}

fn decimal(out: &mut Vec<u8>, value: i64, places: u32) {
    let size = 10i64.pow(places);
    digits(out, value / size);
    let part = value.abs() % size;
    if part > 0 {
        out.push(b'.');
        padded(out, part, places);
        while out.last() == Some(&b'0') {
            out.pop();
        }
    }
}

fn write_day(out: &mut Vec<u8>, day: Day) {
    let (year, month, day) = civil(day);
    padded(out, i64::from(year), 4);
    padded(out, i64::from(month), 2);
    padded(out, i64::from(day), 2);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calendar::{at, day_number};

    const PLAIN: Style = Style {
        declared: true,
        marked: false,
        inline: false,
        inner_declared: false,
        inner_marked: false,
        cdata: false,
        order: Order::Document,
        omit_empty: false,
        indented: false,
        wrapped: false,
        signature: 0,
    };

    fn row() -> Row {
        let mut row = Row::default();
        row.text("A", "CSST<M75>");
        row.none("B");
        row.cents("C", 1_250);
        row.thousandths("D", 1_040);
        row.minute("E", Some(at(day_number(2025, 1, 2), 605)));
        row.departments("F", &[2, 19]);
        row
    }

    #[test]
    fn writes_each_style() {
        for (style, text) in [
            (PLAIN, "<A>CSST&lt;M75&gt;</A><B/><C>12.5</C><D>1.04</D><E>202501021005</E><F>K02;K19</F>"),
            (
                Style { cdata: true, omit_empty: true, ..PLAIN },
                "<A><![CDATA[CSST<M75>]]></A><C>12.5</C><D>1.04</D><E>202501021005</E><F>K02;K19</F>",
            ),
            (
                Style { order: Order::Reversed, omit_empty: true, ..PLAIN },
                "<F>K02;K19</F><E>202501021005</E><D>1.04</D><C>12.5</C><A>CSST&lt;M75&gt;</A>",
            ),
        ] {
            let mut out = Vec::new();
            row().write(&mut out, &style);
            assert_eq!(String::from_utf8(out).unwrap(), text);
        }
    }

    #[test]
    fn a_replaced_field_keeps_its_place() {
        let mut row = row();
        row.replace("C", "-1");
        assert_eq!(row.value("C"), Some("-1"));
        let mut out = Vec::new();
        row.write(&mut out, &PLAIN);
        assert!(String::from_utf8(out).unwrap().contains("<B/><C>-1</C><D>"));
    }
}
