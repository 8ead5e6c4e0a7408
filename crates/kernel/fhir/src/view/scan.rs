//! What a view has to know of an expression's text beyond what FHIRPath compiles.

use std::ops::Range;

/// SQL on FHIR wants `''` of `join()` over nothing, where FHIRPath gives nothing.
const JOIN_OF_NOTHING: &str = ".combine('').first()";

/// Names of an expression.
pub(super) struct Scan {
    /// The expression to compile.
    pub text: String,
    /// The names it asks for as `%name`.
    pub variables: Vec<String>,
}

impl Scan {
    /// Reads the text of an expression, strings and comments left out. A text that is no FHIRPath gives anything: the
    /// compiler refuses it.
    pub fn of(source: &str) -> Self {
        let mut scan = Self { text: String::with_capacity(source.len()), variables: Vec::new() };
        // For every open parenthesis whether it is that of `join`; and the last word, as long as nothing follows it.
        let mut open = Vec::new();
        let mut word: Option<Range<usize>> = None;
        let mut at = 0;
        while let Some(first) = source[at..].chars().next() {
            let rest = &source[at..];
            let length = token(rest, first);
            let here = at..at + length;
            at += length;
            scan.text.push_str(&source[here.clone()]);
            match first {
                '(' => open.push(word.take().is_some_and(|w| &source[w] == "join")),
                ')' if open.pop() == Some(true) => scan.text.push_str(JOIN_OF_NOTHING),
                '%' => scan.variables.push(variable(&rest[1..length]).to_owned()),
                c if is_inside(c) => word = Some(here),
                c if c.is_whitespace() || rest.starts_with("//") || rest.starts_with("/*") => {}
                _ => word = None,
            }
        }
        scan
    }
}

fn is_inside(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// Bytes of the token that `rest` begins with.
fn token(rest: &str, first: char) -> usize {
    let word = |text: &str| text.find(|c| !is_inside(c)).unwrap_or(text.len());
    match first {
        '\'' | '`' | '"' => 1 + quoted(&rest[1..], first),
        '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
        '/' if rest.starts_with("/*") => rest[2..].find("*/").map_or(rest.len(), |n| n + 4),
        '%' => match rest[1..].chars().next() {
            Some(quote @ ('\'' | '`' | '"')) => 2 + quoted(&rest[2..], quote),
            // `%vs-name` without quotes is of older drafts, and still written.
            _ if rest.starts_with("%vs-") || rest.starts_with("%ext-") => {
                rest[1..].find(|c| !is_inside(c) && c != '-').map_or(rest.len(), |n| n + 1)
            }
            _ => 1 + word(&rest[1..]),
        },
        c if is_inside(c) => word(rest),
        c => c.len_utf8(),
    }
}

/// Bytes up to and with the closing quote.
fn quoted(inner: &str, quote: char) -> usize {
    let mut escaped = false;
    for (n, c) in inner.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return n + 1,
            _ => {}
        }
    }
    inner.len()
}

/// The name of a variable without its quotes.
fn variable(name: &str) -> &str {
    let quote = |c| matches!(c, '\'' | '`' | '"');
    name.strip_prefix(quote).map_or(name, |inner| inner.strip_suffix(quote).unwrap_or(inner))
}
