//! Text to tokens.

use super::moment::{Moment, MomentKind};
use super::{PathError, Result};
use crate::decimal::Decimal;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    /// A name, and whether it stood in backticks.
    Name(String, bool),
    Text(String),
    Integer(i64),
    Decimal(Decimal),
    Moment(Moment),
    /// `$this` and its like, without `$`.
    Special(String),
    /// `%name`.
    Variable(String),
    /// Punctuation and operators.
    Sign(&'static str),
    End,
}

const SIGNS: [&str; 22] =
    ["<=", ">=", "!=", "!~", "(", ")", "[", "]", "{", "}", ".", ",", "+", "-", "*", "/", "|", "&", "<", ">", "=", "~"];

/// All tokens with the character they start at; the last is `End`.
pub(super) fn tokens(text: &str) -> Result<Vec<(Token, usize)>> {
    let mut lexer = Lexer { text, at: 0 };
    let mut out = Vec::new();
    loop {
        lexer.skip()?;
        let at = lexer.at;
        let token = lexer.next()?;
        let done = token == Token::End;
        out.push((token, at));
        if done {
            return Ok(out);
        }
    }
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

fn is_name_start(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_'
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn fail<T>(&self, problem: impl Into<String>) -> Result<T> {
        Err(PathError::Syntax { at: self.text[..self.at].chars().count(), problem: problem.into() })
    }

    /// Passes blanks and comments.
    fn skip(&mut self) -> Result<()> {
        loop {
            let rest = self.rest();
            let blank = rest.len() - rest.trim_start().len();
            self.at += blank;
            let rest = self.rest();
            if rest.starts_with("//") {
                self.at += rest.find(['\n', '\r']).unwrap_or(rest.len());
            } else if rest.starts_with("/*") {
                match rest.find("*/") {
                    Some(end) => self.at += end + 2,
                    None => return self.fail("a comment without an end"),
                }
            } else {
                return Ok(());
            }
        }
    }

    fn take(&mut self, while_: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|c| !while_(c)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    fn next(&mut self) -> Result<Token> {
        let Some(first) = self.rest().chars().next() else { return Ok(Token::End) };
        match first {
            c if is_name_start(c) => Ok(Token::Name(self.take(is_name).to_owned(), false)),
            '0'..='9' => self.number(),
            '\'' => Ok(Token::Text(self.quoted('\'')?)),
            '`' => Ok(Token::Name(self.quoted('`')?, true)),
            '"' => Ok(Token::Name(self.quoted('"')?, true)),
            '@' => self.moment(),
            '$' => {
                self.at += 1;
                Ok(Token::Special(self.take(is_name).to_owned()))
            }
            '%' => {
                self.at += 1;
                let name = match self.rest().chars().next() {
                    Some(quote @ ('`' | '\'' | '"')) => self.quoted(quote)?,
                    // `%vs-name` without quotes is of older drafts, and still written.
                    _ => self.take(is_name).to_owned(),
                };
                if name.is_empty() { self.fail("a `%` without a name") } else { Ok(Token::Variable(name)) }
            }
            _ => match SIGNS.into_iter().find(|s| self.rest().starts_with(s)) {
                Some(sign) => {
                    self.at += sign.len();
                    Ok(Token::Sign(sign))
                }
                None => self.fail(format!("`{first}` means nothing here")),
            },
        }
    }

    fn number(&mut self) -> Result<Token> {
        let start = self.at;
        self.take(|c| c.is_ascii_digit());
        let rest = self.rest().as_bytes();
        if rest.first() == Some(&b'.') && rest.get(1).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
            self.take(|c| c.is_ascii_digit());
            let digits = &self.text[start..self.at];
            return Decimal::parse(digits)
                .map_or_else(|| self.fail("a number of too many digits"), |d| Ok(Token::Decimal(d)));
        }
        let digits = &self.text[start..self.at];
        digits.parse().map_or_else(|_| self.fail("an integer past 64 bits"), |n| Ok(Token::Integer(n)))
    }

    fn quoted(&mut self, quote: char) -> Result<String> {
        self.at += 1;
        let mut out = String::new();
        let mut chars = self.rest().char_indices();
        while let Some((n, c)) = chars.next() {
            match c {
                c if c == quote => {
                    self.at += n + 1;
                    return Ok(out);
                }
                '\\' => {
                    let Some((_, escaped)) = chars.next() else { break };
                    match escaped {
                        'n' => out.push('\n'),
                        'r' => out.push('\r'),
                        't' => out.push('\t'),
                        'f' => out.push('\u{c}'),
                        'u' => {
                            let digits: String = chars.by_ref().take(4).map(|(_, c)| c).collect();
                            let code = u32::from_str_radix(&digits, 16).ok().filter(|_| digits.len() == 4);
                            match code.and_then(char::from_u32) {
                                Some(c) => out.push(c),
                                None => return self.fail("`\\u` wants four hexadecimal digits"),
                            }
                        }
                        // N1 §4.1.2: a `\` before anything else is ignored.
                        other => out.push(other),
                    }
                }
                c => out.push(c),
            }
        }
        self.fail("a quote without an end")
    }

    fn moment(&mut self) -> Result<Token> {
        let rest = &self.rest()[1..];
        let length = moment_length(rest);
        let (text, kind) = match rest[..length].strip_prefix('T') {
            Some(time) => (time, MomentKind::Time),
            None if rest[..length].contains('T') => (&rest[..length], MomentKind::DateTime),
            None => (&rest[..length], MomentKind::Date),
        };
        match Moment::parse(text.strip_suffix('T').unwrap_or(text), kind) {
            Some(moment) => {
                self.at += 1 + length;
                Ok(Token::Moment(moment))
            }
            None => self.fail(format!("`@{}` is no date or time", &rest[..length])),
        }
    }
}

/// Bytes of the date, date and time, or `T` and time that `text` starts with.
fn moment_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let digits = |at: usize, n: usize| bytes.len() >= at + n && bytes[at..at + n].iter().all(u8::is_ascii_digit);
    let mut at = 0;
    if digits(0, 4) {
        at = 4;
        for _ in 0..2 {
            if bytes.get(at) == Some(&b'-') && digits(at + 1, 2) {
                at += 3;
            } else {
                break;
            }
        }
    }
    if bytes.get(at) != Some(&b'T') {
        return at;
    }
    let dated = at > 0;
    at += 1;
    if !digits(at, 2) {
        return at;
    }
    at += 2;
    let mut parts = 1;
    while parts < 3 && bytes.get(at) == Some(&b':') && digits(at + 1, 2) {
        at += 3;
        parts += 1;
    }
    if parts == 3 && bytes.get(at) == Some(&b'.') && digits(at + 1, 1) {
        at += 1;
        while digits(at, 1) {
            at += 1;
        }
    }
    if dated {
        match bytes.get(at) {
            Some(b'Z') => at += 1,
            Some(b'+' | b'-') if digits(at + 1, 2) && bytes.get(at + 3) == Some(&b':') && digits(at + 4, 2) => at += 6,
            _ => {}
        }
    }
    at
}
