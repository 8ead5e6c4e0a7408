//! `_filter`: a search as an expression. R4 §3.1.3, the part that has a meaning here: `eq ne co sw ew gt lt ge le ap sa eb
//! pr in re`, `and`, `or`, `not(…)`, brackets, chains with dots. `po`, `ss`, `sb`, `ni` and element filters (`[…]`) are refused.

use crate::clauses::{Reading, Wrong};
use crate::refusal::Refusal;
use mach_base::limits;
use mach_fhir::ResourceType;
use mach_fhir::definitions::ParamKind;
use mach_store::search::Clause;

/// The expression as a clause on resources of type `kind`.
pub fn clause(reading: &Reading<'_>, kind: ResourceType, text: &str) -> Result<Clause, Wrong> {
    let mut parser = Parser { reading, kind, tokens: tokens(text)?, at: 0, depth: 0 };
    let clause = parser.any()?;
    match parser.peek() {
        None => Ok(clause),
        Some(token) => Err(wrong(&format!("`{token}` is not expected there")).into()),
    }
}

fn wrong(text: &str) -> Refusal {
    Refusal::invalid(format!("`_filter`: {text}")).at("_filter")
}

fn tokens(text: &str) -> Result<Vec<String>, Refusal> {
    let mut tokens: Vec<String> = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.peek().copied() {
        match c {
            ' ' => {
                chars.next();
            }
            '(' | ')' => {
                chars.next();
                tokens.push(c.to_string());
            }
            '"' => {
                chars.next();
                let mut token = String::from('"');
                loop {
                    match chars.next() {
                        Some('\\') => token.extend(chars.next()),
                        Some('"') => break,
                        Some(c) => token.push(c),
                        None => return Err(wrong("a text is not closed")),
                    }
                }
                tokens.push(token);
            }
            '[' | ']' => return Err(Refusal::unsupported("`_filter`: `[…]` is not supported").at("_filter")),
            _ => {
                let mut token = String::new();
                while let Some(c) = chars.peek().copied().filter(|c| !matches!(c, ' ' | '(' | ')' | '"' | '[' | ']')) {
                    token.push(c);
                    chars.next();
                }
                tokens.push(token);
            }
        }
        if tokens.len() > limits::FHIR_CLAUSES * 4 {
            return Err(Refusal::too_costly("`_filter` is too long"));
        }
    }
    Ok(tokens)
}

struct Parser<'a, 'r> {
    reading: &'a Reading<'r>,
    kind: ResourceType,
    tokens: Vec<String>,
    at: usize,
    depth: usize,
}

impl Parser<'_, '_> {
    fn peek(&self) -> Option<&str> {
        self.tokens.get(self.at).map(String::as_str)
    }

    fn next(&mut self) -> Result<String, Refusal> {
        let token = self.tokens.get(self.at).cloned().ok_or_else(|| wrong("it ends too early"))?;
        self.at += 1;
        Ok(token)
    }

    /// `a or b`; `and` binds tighter, as R4 leaves open and most read it.
    fn any(&mut self) -> Result<Clause, Wrong> {
        self.depth += 1;
        if self.depth > limits::FHIR_INCLUDE_DEPTH {
            return Err(Refusal::too_costly("`_filter`: too many brackets").into());
        }
        let mut any = vec![self.all()?];
        while self.peek() == Some("or") {
            self.at += 1;
            any.push(self.all()?);
        }
        self.depth -= 1;
        Ok(Clause::Any(any))
    }

    fn all(&mut self) -> Result<Clause, Wrong> {
        let mut all = vec![self.one()?];
        while self.peek() == Some("and") {
            self.at += 1;
            all.push(self.one()?);
        }
        Ok(Clause::All(all))
    }

    fn one(&mut self) -> Result<Clause, Wrong> {
        let token = self.next()?;
        match token.as_str() {
            "(" => {
                let inner = self.any()?;
                self.close()?;
                Ok(inner)
            }
            "not" if self.peek() == Some("(") => {
                self.at += 1;
                let inner = self.any()?;
                self.close()?;
                Ok(Clause::Not(Box::new(inner)))
            }
            name => {
                let (name, op) = (name.to_owned(), self.next()?);
                let value = self.next()?;
                self.compare(&name, &op, value.strip_prefix('"').unwrap_or(&value))
            }
        }
    }

    fn close(&mut self) -> Result<(), Refusal> {
        if self.next()? == ")" { Ok(()) } else { Err(wrong("a bracket is not closed")) }
    }

    fn compare(&self, name: &str, op: &str, value: &str) -> Result<Clause, Wrong> {
        let read = |name: &str, value: &str| self.reading.clause(self.kind, name, value);
        // A comma is a comma here, not an alternative.
        let escaped = value.replace('\\', "\\\\").replace(',', "\\,");
        let last = name.rsplit('.').next().unwrap_or(name);
        let of = if name == last { self.reading.param(self.kind, last).ok().map(|p| p.kind) } else { None };
        let is_text = of == Some(ParamKind::String);
        match op {
            "eq" if is_text => read(&format!("{name}:exact"), &escaped),
            "eq" | "re" => read(name, &escaped),
            "ne" => Ok(Clause::Not(Box::new(self.compare(name, "eq", value)?))),
            "co" => read(&format!("{name}:contains"), &escaped),
            "sw" => read(name, &escaped),
            "gt" | "lt" | "ge" | "le" | "ap" | "sa" | "eb" => read(name, &format!("{op}{escaped}")),
            "pr" => match value {
                "true" => read(&format!("{name}:missing"), "false"),
                "false" => read(&format!("{name}:missing"), "true"),
                _ => Err(wrong("`pr` is followed by `true` or `false`").into()),
            },
            "in" => read(&format!("{name}:in"), &escaped),
            _ => Err(Refusal::unsupported(format!("`_filter`: the operator `{op}` is not supported"))
                .at("_filter")
                .into()),
        }
    }
}
