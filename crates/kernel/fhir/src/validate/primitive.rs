//! The formats of primitives (R4 §2.24.0.1), by hand: half a million a second pass here.

use crate::definitions::{Definitions, TypeId, TypeKind};
use crate::tree::{Kind, Value};

/// A primitive type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Primitive {
    Boolean,
    Integer,
    PositiveInt,
    UnsignedInt,
    Decimal,
    Text,
    Markdown,
    Code,
    Id,
    Uri,
    Url,
    Canonical,
    Oid,
    Uuid,
    Base64,
    Date,
    DateTime,
    Instant,
    Time,
    Xhtml,
}

/// The primitive of each type, by its number.
pub fn by_type(definitions: &Definitions) -> Vec<Option<Primitive>> {
    definitions.types().map(|(id, _)| of(definitions, id)).collect()
}

fn of(definitions: &Definitions, id: TypeId) -> Option<Primitive> {
    use Primitive as P;
    let kind = definitions.get(id);
    if kind.kind != TypeKind::Primitive {
        return None;
    }
    Some(match kind.name {
        "boolean" => P::Boolean,
        "integer" => P::Integer,
        "positiveInt" => P::PositiveInt,
        "unsignedInt" => P::UnsignedInt,
        "decimal" => P::Decimal,
        "markdown" => P::Markdown,
        "code" => P::Code,
        "id" => P::Id,
        "uri" => P::Uri,
        "url" => P::Url,
        "canonical" => P::Canonical,
        "oid" => P::Oid,
        "uuid" => P::Uuid,
        "base64Binary" => P::Base64,
        "date" => P::Date,
        "dateTime" => P::DateTime,
        "instant" => P::Instant,
        "time" => P::Time,
        "xhtml" => P::Xhtml,
        _ => P::Text,
    })
}

/// Bytes of a string (R4: "Strings SHALL NOT exceed 1MB in size").
pub const STRING_BYTES: usize = 1 << 20;

/// What is wrong with a value of a primitive; what only looks odd is left to `odd`.
pub fn check(primitive: Primitive, value: Value<'_>) -> Option<String> {
    use Primitive as P;
    match (primitive, value.kind()) {
        (P::Boolean, Kind::Boolean) => None,
        (P::Boolean, _) => Some("`true` or `false` is expected, without quotes".into()),
        (P::Integer | P::PositiveInt | P::UnsignedInt, Kind::Number) => integer(primitive, value.raw()),
        (P::Integer | P::PositiveInt | P::UnsignedInt, _) => Some("an integer is expected, without quotes".into()),
        (P::Decimal, Kind::Number) => None,
        (P::Decimal, _) => Some("a number is expected, without quotes".into()),
        (_, Kind::String) => {
            let text = value.text()?;
            if text.is_empty() { Some("a text must not be empty".into()) } else { written(primitive, &text) }
        }
        _ => Some("a text in quotes is expected".into()),
    }
}

fn integer(primitive: Primitive, digits: &str) -> Option<String> {
    let least = match primitive {
        Primitive::PositiveInt => 1,
        Primitive::UnsignedInt => 0,
        _ => i32::MIN,
    };
    match digits.parse::<i32>() {
        Ok(n) if n >= least => None,
        Ok(_) => Some(format!("`{digits}` is less than {least}")),
        Err(_) => Some(format!("`{digits}` is no integer of 32 bits")),
    }
}

/// The problem of a text that is not empty.
fn written(primitive: Primitive, text: &str) -> Option<String> {
    use Primitive as P;
    let problem = |ok: bool, what: &str| (!ok).then(|| format!("`{}` is {what}", shortened(text)));
    match primitive {
        P::Text | P::Markdown => {
            if text.len() > STRING_BYTES {
                return Some(format!("a text must not be longer than {STRING_BYTES} bytes"));
            }
            problem(!has_control(text), "not allowed: a text holds no control characters but tab and line ends")
        }
        P::Code => problem(is_code(text), "no code: no blanks at its ends, no two of them together"),
        P::Id => problem(is_id(text), "no id: 1 to 64 letters, digits, `-` and `.`"),
        P::Uri | P::Url | P::Canonical => uri(text),
        P::Oid => problem(text.strip_prefix("urn:oid:").is_some_and(is_oid), "no OID: `urn:oid:` and numbers"),
        P::Uuid => problem(
            text.strip_prefix("urn:uuid:").is_some_and(|u| is_uuid(u) && !u.bytes().any(|b| b.is_ascii_uppercase())),
            "no UUID: `urn:uuid:` and a UUID in small letters",
        ),
        P::Base64 => problem(is_base64(text), "no base64"),
        P::Date => problem(is_date(text), "no date: YYYY, YYYY-MM or YYYY-MM-DD of a day that exists"),
        P::DateTime => problem(is_date_time(text), "no dateTime: a date, or a date with time, seconds and zone"),
        P::Instant => problem(is_instant(text), "no instant: YYYY-MM-DDThh:mm:ss with zone"),
        P::Time => problem(is_time(text), "no time: hh:mm:ss"),
        P::Boolean | P::Integer | P::PositiveInt | P::UnsignedInt | P::Decimal | P::Xhtml => None,
    }
}

/// The first characters, for a message.
pub fn shortened(text: &str) -> String {
    const SHOWN: usize = 80;
    match text.char_indices().nth(SHOWN) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

fn has_control(text: &str) -> bool {
    text.bytes().any(|b| b < 0x20 && !matches!(b, b'\t' | b'\n' | b'\r'))
}

/// `[^\s]+(\s[^\s]+)*`
fn is_code(text: &str) -> bool {
    let mut blank = true;
    for c in text.chars() {
        // Blanks as the pattern of R4 has them: a no-break space is a letter to it.
        let here = c.is_ascii_whitespace();
        if here && (blank || c != ' ') || c.is_control() {
            return false;
        }
        blank = here;
    }
    !blank
}

/// `[A-Za-z0-9\-\.]{1,64}`
pub fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.'))
}

fn uri(text: &str) -> Option<String> {
    let shown = || shortened(text);
    if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Some(format!("`{}`: a URI holds no blanks", shown()));
    }
    if text.starts_with("oid:") || text.starts_with("uuid:") {
        return Some(format!("`{}`: a URI of this kind starts with `urn:`", shown()));
    }
    match text.split_once("urn:uuid:") {
        Some(("", id)) if !is_uuid(id) => return Some(format!("`{}` is no UUID", shown())),
        _ => {}
    }
    match text.split_once("urn:oid:") {
        Some(("", id)) if !is_oid(id.split('|').next().unwrap_or(id)) => Some(format!("`{}` is no OID", shown())),
        _ => None,
    }
}

/// `[0-2](\.(0|[1-9][0-9]*))+`
pub fn is_oid(text: &str) -> bool {
    let mut parts = text.split('.');
    let number = |p: &str| !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit()) && (p == "0" || !p.starts_with('0'));
    parts.next().is_some_and(|p| matches!(p, "0" | "1" | "2")) && text.contains('.') && parts.all(number)
}

/// Eight, four, four, four and twelve hexadecimal digits.
pub fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(n, b)| match n {
            8 | 13 | 18 | 23 => b == b'-',
            _ => b.is_ascii_hexdigit(),
        })
}

/// Whether it is base64, blanks between aside.
pub fn is_base64(text: &str) -> bool {
    base64_length(text).is_some()
}

/// Bytes that a base64 text encodes; `None` where it is none.
pub fn base64_length(text: &str) -> Option<usize> {
    let (mut digits, mut padding) = (0_usize, 0_usize);
    for b in text.bytes() {
        match b {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' if padding == 0 => digits += 1,
            b'=' => padding += 1,
            b' ' | b'\n' | b'\r' | b'\t' => {}
            _ => return None,
        }
    }
    ((digits + padding).is_multiple_of(4) && padding <= 2 && digits > 0).then(|| digits * 3 / 4)
}

fn digits(bytes: &[u8], from: usize, count: usize) -> Option<u32> {
    let part = bytes.get(from..from + count)?;
    part.iter().try_fold(0, |n, b| b.is_ascii_digit().then(|| n * 10 + u32::from(b - b'0')))
}

/// `YYYY`, `YYYY-MM`, `YYYY-MM-DD`, of days that exist.
pub fn is_date(text: &str) -> bool {
    date(text.as_bytes()).is_some()
}

fn date(bytes: &[u8]) -> Option<()> {
    let year = digits(bytes, 0, 4).filter(|y| *y > 0)?;
    if bytes.len() == 4 {
        return Some(());
    }
    let month = digits(bytes, 5, 2).filter(|m| bytes[4] == b'-' && (1..=12).contains(m))?;
    if bytes.len() == 7 {
        return Some(());
    }
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    let day = digits(bytes, 8, 2).filter(|_| bytes[7] == b'-')?;
    (bytes.len() == 10 && (1..=days).contains(&day)).then_some(())
}

/// A date, or an instant.
pub fn is_date_time(text: &str) -> bool {
    if text.contains('T') { is_instant(text) } else { is_date(text) }
}

/// `YYYY-MM-DDThh:mm:ss(.f+)?(Z|±hh:mm)`
pub fn is_instant(text: &str) -> bool {
    let bytes = text.as_bytes();
    if bytes.len() < 20 || bytes[10] != b'T' || date(&bytes[..10]).is_none() {
        return false;
    }
    let Some(zone) = clock(&bytes[11..]) else { return false };
    match zone {
        b"Z" => true,
        [b'+' | b'-', rest @ ..] if rest.len() == 5 && rest[2] == b':' => {
            let (hours, minutes) = (digits(rest, 0, 2), digits(rest, 3, 2));
            matches!((hours, minutes), (Some(0..=13), Some(0..=59)) | (Some(14), Some(0)))
        }
        _ => false,
    }
}

/// `hh:mm:ss(.f+)?`
pub fn is_time(text: &str) -> bool {
    clock(text.as_bytes()).is_some_and(<[u8]>::is_empty)
}

/// Reads a time of day; what follows it.
fn clock(bytes: &[u8]) -> Option<&[u8]> {
    digits(bytes, 0, 2).filter(|h| *h < 24)?;
    digits(bytes, 3, 2).filter(|m| bytes[2] == b':' && *m < 60)?;
    // Leap seconds are written as 60.
    digits(bytes, 6, 2).filter(|s| bytes[5] == b':' && *s <= 60)?;
    let rest = &bytes[8..];
    let [b'.', fraction @ ..] = rest else { return Some(rest) };
    let count = fraction.iter().take_while(|b| b.is_ascii_digit()).count();
    (count > 0).then(|| &fraction[count..])
}

/// What is allowed and should be otherwise.
pub fn odd(primitive: Primitive, value: Value<'_>) -> Option<&'static str> {
    use Primitive as P;
    let text = value.text()?;
    match primitive {
        P::Text | P::Markdown if text.trim().is_empty() => Some("a text should not be blanks only"),
        P::Text if text.trim_ascii().len() != text.len() => Some("a text should not start or end with blanks"),
        P::Text | P::Markdown if has_tag(&text) => {
            Some("the text looks like it holds HTML, which is not shown as such")
        }
        P::Date | P::DateTime | P::Instant if !matches!(text.get(..2), Some("18" | "19" | "20")) => {
            Some("the year is outside of what is likely (1800 to 2099)")
        }
        _ => None,
    }
}

fn has_tag(text: &str) -> bool {
    text.match_indices('<').any(|(at, _)| {
        let rest = text[at + 1..].trim_start_matches('/');
        let name = rest.bytes().take_while(u8::is_ascii_alphanumeric).count();
        let known = ["script", "img", "a", "iframe", "object", "div", "span", "p", "br", "b", "i", "style"];
        name > 0 && known.iter().any(|k| k.eq_ignore_ascii_case(&rest[..name])) && rest.contains('>')
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Tree;

    #[test]
    fn formats() {
        use Primitive as P;
        for (primitive, right, wrong) in [
            (P::Boolean, &["true", "false"] as &[&str], &["\"true\"", "1", "{}"] as &[&str]),
            (
                P::Integer,
                &["0", "-5", "2147483647", "-2147483648"],
                &["2147483648", "1.0", "1e3", "\"1\"", "-2147483649"],
            ),
            (P::PositiveInt, &["1"], &["0", "-1"]),
            (P::UnsignedInt, &["0"], &["-1"]),
            (P::Decimal, &["1.00", "-0.5", "1e-7"], &["\"1\"", "true"]),
            (P::Text, &["\"a\"", "\" \"", r#""a\nb""#], &["\"\"", "1", r#""a\u0001""#]),
            (P::Code, &["\"a\"", "\"a b\"", "\">=\""], &["\"a  b\"", "\" a\"", "\"a \"", "\"\"", r#""a\tb""#]),
            (P::Id, &["\"A-1.b\""], &["\"a_b\"", "\"a b\"", "\"é\""]),
            (
                P::Uri,
                &[
                    "\"http://x/y\"",
                    "\"urn:oid:1.2.840\"",
                    "\"urn:uuid:c757873d-ec9a-4326-a141-556f43239520\"",
                    "\"#a\"",
                    "\"x\"",
                ],
                &[
                    "\"http://x y\"",
                    "\"oid:1.2\"",
                    "\"urn:oid:3.x\"",
                    "\"urn:oid:1.02\"",
                    "\"urn:uuid:c757873\"",
                    "\"urn:oid:1\"",
                ],
            ),
            (P::Oid, &["\"urn:oid:2.0\""], &["\"1.2\"", "\"urn:oid:2.00\""]),
            (
                P::Uuid,
                &["\"urn:uuid:c757873d-ec9a-4326-a141-556f43239520\""],
                &["\"c757873d-ec9a-4326-a141-556f43239520\"", "\"urn:uuid:C757873d-ec9a-4326-a141-556f43239520\""],
            ),
            (P::Base64, &["\"aGE=\"", "\"aG Eh\"", "\"aGEh\""], &["\"aGE\"", "\"a===\"", "\"aG=h\"", "\"ä\""]),
            (
                P::Date,
                &["\"2024-02-29\"", "\"1974\"", "\"1974-12\"", "\"2000-02-29\""],
                &[
                    "\"2023-02-29\"",
                    "\"1900-02-29\"",
                    "\"1974-13\"",
                    "\"74\"",
                    "\"0000\"",
                    "\"1974-1-1\"",
                    "\"1974-04-31\"",
                    "\"1974-12-25T10:00:00Z\"",
                    "\"1974-12-00\"",
                ],
            ),
            (
                P::DateTime,
                &["\"2024\"", "\"2024-01-01T00:00:00Z\"", "\"2024-01-01T23:59:60.123+14:00\""],
                &[
                    "\"2024-01-01T00:00:00\"",
                    "\"2024-01-01T00:00Z\"",
                    "\"2024-01-01T24:00:00Z\"",
                    "\"2024-01-01T00:00:00+14:01\"",
                    "\"2024-01-01 00:00:00Z\"",
                    "\"2024-01T00:00:00Z\"",
                    "\"2024-01-01T00:00:00.Z\"",
                ],
            ),
            (P::Instant, &["\"2015-02-07T13:28:17.239+02:00\""], &["\"2015-02-07\"", "\"2015-02-07T13:28Z\""]),
            (
                P::Time,
                &["\"13:28:17\"", "\"13:28:17.5\""],
                &["\"24:00:00\"", "\"13:28\"", "\"13:28:17Z\"", "\"\u{e9}3:28:17\""],
            ),
        ] {
            for text in right {
                let tree = Tree::parse(*text).unwrap();
                assert_eq!(check(primitive, tree.root()), None, "{primitive:?} {text}");
            }
            for text in wrong {
                let tree = Tree::parse(*text).unwrap();
                assert!(check(primitive, tree.root()).is_some(), "{primitive:?} {text}");
            }
        }
    }

    #[test]
    fn texts_have_a_bound() {
        let of = |n: usize| format!("\"{}\"", "x".repeat(n));
        let text = |n| check(Primitive::Text, Tree::parse(of(n)).unwrap().root());
        assert_eq!(text(STRING_BYTES), None);
        assert!(text(STRING_BYTES + 1).is_some());
    }
}
