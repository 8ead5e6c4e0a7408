//! The query of a request: pairs as sent, what each means for the answer, what stands in `self`.

use crate::refusal::Refusal;
use mach_base::limits;

/// One parameter as sent, decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// Name with modifier and chain.
    pub name: String,
    /// Value.
    pub value: String,
}

/// Reads `a=b&c=d`, percent and plus decoded.
///
/// # Errors
/// 400 where a `%` is followed by no two digits, or the bytes are no UTF-8, or there are too many.
pub fn pairs(query: &str) -> Result<Vec<Pair>, Refusal> {
    let mut out = Vec::new();
    for part in query.split('&').filter(|p| !p.is_empty()) {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        out.push(Pair { name: decode(name)?, value: decode(value)? });
        if out.len() > limits::FHIR_CLAUSES {
            return Err(Refusal::too_costly(format!("more than {} parameters", limits::FHIR_CLAUSES)));
        }
    }
    Ok(out)
}

/// Percent and plus decoded.
///
/// # Errors
/// 400 as [`pairs`].
pub fn decode(text: &str) -> Result<String, Refusal> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'+' => out.push(b' '),
            b'%' => {
                let mut digit = || bytes.next().and_then(|b| char::from(b).to_digit(16));
                let (Some(high), Some(low)) = (digit(), digit()) else {
                    return Err(Refusal::invalid(format!("`{text}`: `%` must be followed by two hexadecimal digits")));
                };
                out.push((high * 16 + low) as u8);
            }
            byte => out.push(byte),
        }
    }
    let text = String::from_utf8(out).map_err(|_| Refusal::invalid("the query is not UTF-8"))?;
    if text.contains('\0') {
        return Err(Refusal::invalid("the query holds a NUL character"));
    }
    Ok(text)
}

/// Percent-encodes what may not stand in a query.
pub fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b':' | b'/' | b',' | b'$' | b'*' => {
                out.push(char::from(byte));
            }
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// `name=value&…` again.
pub fn join(pairs: &[Pair]) -> String {
    let parts: Vec<String> = pairs.iter().map(|p| format!("{}={}", encode(&p.name), encode(&p.value))).collect();
    parts.join("&")
}

/// Splits at `by` where no backslash stands before it, and reads `\,` `\|` `\$` `\\`. R4 §3.1.1.4.3.
pub fn split(text: &str, by: char) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let last = parts.len() - 1;
        if c == '\\' && chars.peek().is_some_and(|n| matches!(n, ',' | '|' | '$' | '\\')) {
            // Kept escaped: a later split of the part by another sign must see it.
            parts[last].push(c);
            parts[last].extend(chars.next());
        } else if c == by {
            parts.push(String::new());
        } else {
            parts[last].push(c);
        }
    }
    parts
}

/// Takes the backslashes of escapes away.
pub fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '\\' && chars.peek().is_some_and(|n| matches!(n, ',' | '|' | '$' | '\\')) {
            out.extend(chars.next());
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_and_codes_are_read() {
        assert_eq!(split(r"a\,b,c", ','), [r"a\,b", "c"]);
        assert_eq!(plain(r"a\,b\|c\\d\x"), r"a,b|c\d\x");
        assert_eq!(decode("Nguy%E1%BB%85n+%C4%90%E1%BB%A9c").unwrap(), "Nguyễn Đức");
        for bad in ["%", "%4", "%zz", "%ff", "a%00b"] {
            assert!(decode(bad).is_err(), "{bad}");
        }
        let text = "a b&c=d|e+f%đ";
        assert_eq!(decode(&encode(text)).unwrap(), text);
        let all = pairs("name=a%3D&x&_count=2&&").unwrap();
        assert_eq!(join(&all), "name=a%3D&x=&_count=2");
    }
}
