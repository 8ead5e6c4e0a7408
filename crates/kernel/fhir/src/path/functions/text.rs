//! Functions of strings (N1 §5.6). Positions count characters.

use super::super::ast::{Call, Expr, Literal};
use super::super::eval::{Evaluation, Frame, execution};
use super::super::item::{Item, Items};
use super::super::{PathError, Result};
use super::{Function as F, bounded, yes};
use crate::limits;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use regex::{Regex, RegexBuilder};
use std::borrow::Cow;

pub(super) fn call<'t>(
    eval: &Evaluation<'_, 't>,
    call: &Call,
    input: Items<'t>,
    frame: Frame<'_, 't>,
) -> Result<Items<'t>> {
    if call.function == F::Join {
        return join(eval, call, &input, frame);
    }
    if input.len() > 1 {
        return execution(format!("`{}` takes one string, {} items are given", call.function.name(), input.len()));
    }
    let name = call.function.name();
    let Some(text) = eval.text(&input, &format!("the input of `{name}`"))? else { return Ok(Vec::new()) };
    match call.function {
        F::Upper => bounded(text.to_uppercase()),
        F::Lower => bounded(text.to_lowercase()),
        F::Length => Ok(vec![Item::Integer(text.chars().count() as i64)]),
        F::ToChars => Ok(text.chars().map(|c| Item::text(c.to_string())).collect()),
        F::Trim => bounded(text.trim().to_owned()),
        F::Substring => substring(eval, call, &text, frame),
        _ => {
            let what = format!("an argument of `{name}`");
            let Some(first) = eval.text(&eval.arg(call, 0, frame)?, &what)? else { return Ok(Vec::new()) };
            with_text(eval, call, &text, &first, frame)
        }
    }
}

fn with_text<'t>(
    eval: &Evaluation<'_, 't>,
    call: &Call,
    text: &str,
    first: &str,
    frame: Frame<'_, 't>,
) -> Result<Items<'t>> {
    let found = |at: Option<usize>| {
        let chars = at.map_or(-1, |at| text[..at].chars().count() as i64);
        Ok(vec![Item::Integer(chars)])
    };
    match call.function {
        F::IndexOf => found(text.find(first)),
        F::LastIndexOf => found(text.rfind(first)),
        F::StartsWith => yes(text.starts_with(first)),
        F::EndsWith => yes(text.ends_with(first)),
        F::Contains => yes(text.contains(first)),
        F::Matches | F::MatchesFull => {
            let flags = flags(eval, call, 1, frame)?;
            yes(with_pattern(call, first, flags, |p| p.is_match(text))?)
        }
        F::Replace | F::ReplaceMatches => {
            let Some(with) = eval.text(&eval.arg(call, 1, frame)?, "a replacement")? else { return Ok(Vec::new()) };
            // Every place may grow by the replacement.
            if text.len().saturating_add(1).saturating_mul(with.len() + 1) > limits::TEXT_BYTES * 64 {
                return Err(PathError::Limit("bytes of a string"));
            }
            if call.function == F::Replace {
                return bounded(text.replace(first, &with));
            }
            if first.is_empty() {
                return bounded(text.to_owned());
            }
            let flags = flags(eval, call, 2, frame)?;
            let with = braced(&with);
            bounded(with_pattern(call, first, flags, |p| p.replace_all(text, with.as_str()).into_owned())?)
        }
        F::Split if first.is_empty() => Ok(text.chars().map(|c| Item::text(c.to_string())).collect()),
        F::Split => Ok(text.split(first).map(Item::text).collect()),
        F::Encode => encode(text, first),
        F::Decode => Ok(decode(text, first)?.map(Item::text).into_iter().collect()),
        F::Escape => escape(text, first),
        _ => unescape(text, first),
    }
}

/// `$1` as `${1}`: the replacement `$1a` names group 1.
fn braced(replacement: &str) -> String {
    let mut out = String::with_capacity(replacement.len() + 4);
    let mut chars = replacement.chars().peekable();
    while let Some(c) = chars.next() {
        out.push(c);
        if c == '$' && chars.peek().is_some_and(char::is_ascii_digit) {
            out.push('{');
            while let Some(digit) = chars.next_if(char::is_ascii_digit) {
                out.push(digit);
            }
            out.push('}');
        }
    }
    out
}

fn flags<'t>(eval: &Evaluation<'_, 't>, call: &Call, n: usize, frame: Frame<'_, 't>) -> Result<Cow<'t, str>> {
    Ok(eval.text(&eval.arg(call, n, frame)?, "the flags of a pattern")?.unwrap_or_default())
}

/// Compiles a pattern, or takes the one compiled before where it is written out in the expression.
fn with_pattern<T>(call: &Call, pattern: &str, flags: Cow<'_, str>, then: impl Fn(&Regex) -> T) -> Result<T> {
    if let Some(known) = call.pattern.get() {
        return Ok(then(known));
    }
    let whole = format!("^(?:{pattern})$");
    let compiled = RegexBuilder::new(if call.function == F::MatchesFull { &whole } else { pattern })
        // N1 §5.6: single-line mode, `.` matches a line end too.
        .dot_matches_new_line(true)
        .case_insensitive(flags.contains('i'))
        .multi_line(flags.contains('m'))
        .size_limit(limits::REGEX_BYTES)
        .build()
        .map_err(|e| PathError::Execution(format!("the pattern `{pattern}` cannot be used: {e}")))?;
    let written = |arg: Option<&Expr>| matches!(arg, Some(Expr::Literal(Literal::Text(_))));
    let flags_at = if call.function == F::ReplaceMatches { 2 } else { 1 };
    if written(call.args.first()) && call.args.get(flags_at).is_none_or(|f| written(Some(f))) {
        return Ok(then(call.pattern.get_or_init(|| compiled)));
    }
    Ok(then(&compiled))
}

fn substring<'t>(eval: &Evaluation<'_, 't>, call: &Call, text: &str, frame: Frame<'_, 't>) -> Result<Items<'t>> {
    let start = eval.integer(&eval.arg(call, 0, frame)?, "the start of `substring`")?;
    let length = eval.integer(&eval.arg(call, 1, frame)?, "the length of `substring`")?;
    let Some(start) = start.and_then(|n| usize::try_from(n).ok()) else { return Ok(Vec::new()) };
    if start >= text.chars().count() {
        return Ok(Vec::new());
    }
    let length = length.map_or(usize::MAX, |n| usize::try_from(n).unwrap_or(0));
    Ok(vec![Item::text(text.chars().skip(start).take(length).collect::<String>())])
}

fn join<'t>(eval: &Evaluation<'_, 't>, call: &Call, input: &[Item<'t>], frame: Frame<'_, 't>) -> Result<Items<'t>> {
    if input.is_empty() {
        return Ok(Vec::new());
    }
    let separator = eval.text(&eval.arg(call, 0, frame)?, "a separator")?.unwrap_or_default();
    let mut out = String::new();
    for (n, item) in input.iter().enumerate() {
        let Some(text) = eval.text(std::slice::from_ref(item), "an item of `join`")? else { continue };
        if n > 0 {
            out.push_str(&separator);
        }
        out.push_str(&text);
        if out.len() > limits::TEXT_BYTES {
            return Err(PathError::Limit("bytes of a string"));
        }
    }
    bounded(out)
}

fn encode<'t>(text: &str, how: &str) -> Result<Items<'t>> {
    match how {
        "hex" => bounded(text.bytes().map(|b| format!("{b:02x}")).collect()),
        "base64" => bounded(STANDARD.encode(text)),
        "urlbase64" => bounded(URL_SAFE.encode(text)),
        _ => execution(format!("there is no encoding `{how}`")),
    }
}

fn decode(text: &str, how: &str) -> Result<Option<String>> {
    let bytes = match how {
        "hex" => {
            let pair = |n: usize| text.get(n..n + 2).and_then(|h| u8::from_str_radix(h, 16).ok());
            if text.len().is_multiple_of(2) { (0..text.len()).step_by(2).map(pair).collect() } else { None }
        }
        "base64" => STANDARD.decode(text).ok(),
        "urlbase64" => URL_SAFE.decode(text).ok(),
        _ => return execution(format!("there is no encoding `{how}`")),
    };
    Ok(bytes.and_then(|b| String::from_utf8(b).ok()))
}

const HTML: [(&str, &str); 5] = [("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("\"", "&quot;"), ("'", "&#39;")];

fn escape<'t>(text: &str, how: &str) -> Result<Items<'t>> {
    match how {
        "html" => bounded(HTML.iter().fold(text.to_owned(), |t, (plain, escaped)| t.replace(plain, escaped))),
        "json" => {
            let mut out = String::new();
            crate::json::quote(&mut out, text);
            bounded(out[1..out.len() - 1].to_owned())
        }
        _ => execution(format!("there is no escaping `{how}`")),
    }
}

fn unescape<'t>(text: &str, how: &str) -> Result<Items<'t>> {
    match how {
        "html" => bounded(HTML.iter().rev().fold(text.to_owned(), |t, (plain, escaped)| t.replace(escaped, plain))),
        "json" => {
            // Quotes may stand bare: the literal around has lost its own.
            let mut quoted = String::from("\"");
            let mut escaped = false;
            for c in text.chars() {
                if c == '"' && !escaped {
                    quoted.push('\\');
                }
                escaped = c == '\\' && !escaped;
                quoted.push(c);
            }
            quoted.push('"');
            match serde_json::from_str::<String>(&quoted) {
                Ok(plain) => bounded(plain),
                Err(_) => Ok(Vec::new()),
            }
        }
        _ => execution(format!("there is no escaping `{how}`")),
    }
}
