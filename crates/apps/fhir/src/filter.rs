//! `_filter`: a search as an expression. R4 §3.1.3: `eq ne co sw ew gt lt ge le ap sa eb pr po ss sb in ni re`, `and`, `or`,
//! `not(…)`, brackets, chains with dots, and filters of a reference's target (`subject[active eq true].name co x`). Filters of
//! elements that are no references are refused: the index does not know which values stand in one element.

use crate::clauses::{ENDS, Reading, SAME, Wrong};
use crate::moment;
use crate::refusal::Refusal;
use mach_base::limits;
use mach_fhir::ResourceType;
use mach_fhir::definitions::ParamKind;
use mach_fhir::index::Param;
use mach_store::search::{Clause, Compare, Range};

/// The expression as a clause on resources of type `kind`.
pub fn clause(reading: &Reading<'_>, kind: ResourceType, text: &str) -> Result<Clause, Wrong> {
    let mut parser = Parser { reading, kind, tokens: tokens(text)?, at: 0, depth: 0 };
    // An expression without a part of it is another expression: nothing of it is passed over.
    let clause = parser.any().map_err(|e| match e {
        Wrong::Unknown(text) => Wrong::Refused(wrong(&text)),
        refused => refused,
    })?;
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
            '[' | ']' => {
                chars.next();
                tokens.push(c.to_string());
            }
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
                let name = name.to_owned();
                if self.peek() == Some("[") {
                    return self.filtered(&name);
                }
                let (op, value) = (self.next()?, self.next()?);
                self.compare(&name, &op, value.strip_prefix('"').unwrap_or(&value))
            }
        }
    }

    /// `subject[active eq true].name co x`: both hold of one and the same target.
    fn filtered(&mut self, name: &str) -> Result<Clause, Wrong> {
        let param = self.reading.param(self.kind, name)?;
        if param.kind != ParamKind::Reference {
            let how = format!("`_filter`: `{name}[…]` is supported where `{name}` is a reference");
            return Err(Refusal::unsupported(how).at("_filter").into());
        }
        let begin = self.at + 1;
        let (mut any, mut wrong, mut end) = (Vec::new(), None, None);
        for target in self.reading.targets(param) {
            let mut there = Self {
                reading: self.reading,
                kind: target,
                tokens: std::mem::take(&mut self.tokens),
                at: begin,
                depth: self.depth + 1,
            };
            let read = there.target();
            let at = there.at;
            self.tokens = there.tokens;
            match read {
                Ok(clause) => {
                    end = Some(at);
                    any.push(Clause::Chain { param: Param(param.number), target, clause: Box::new(clause) });
                }
                Err(Wrong::Unknown(text)) => wrong = wrong.or(Some(Wrong::Unknown(text))),
                Err(refused) => wrong = Some(refused),
            }
        }
        match (end, wrong) {
            (Some(end), _) => {
                self.at = end;
                Ok(Clause::Any(any))
            }
            (None, wrong) => Err(wrong.unwrap_or_else(|| Wrong::Refused(self::wrong("nothing can be filtered there")))),
        }
    }

    /// What stands after the `[` of one target: a filter, `]`, and what is asked of the same one.
    fn target(&mut self) -> Result<Clause, Wrong> {
        let filter = self.any()?;
        if self.next()? != "]" {
            return Err(wrong("a `[` is not closed").into());
        }
        let path = self.next()?;
        let Some(rest) = path.strip_prefix('.').filter(|r| !r.is_empty()) else {
            return Err(wrong("after `]` comes `.` and a parameter").into());
        };
        let rest = rest.to_owned();
        let asked = if self.peek() == Some("[") {
            self.filtered(&rest)?
        } else {
            let (op, value) = (self.next()?, self.next()?);
            self.compare(&rest, &op, value.strip_prefix('"').unwrap_or(&value))?
        };
        Ok(Clause::All(vec![filter, asked]))
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
        // Values are never case sensitive (R4 §3.1.3.1); of which kind a chain's last one is, its own type tells.
        let (is_text, is_chained) = (of == Some(ParamKind::String), name != last && !last.starts_with('_'));
        match op {
            "eq" if is_text || is_chained => read(&format!("{name}:{SAME}"), &escaped),
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
            "ew" if is_text || is_chained => read(&format!("{name}:{ENDS}"), &escaped),
            "in" => read(&format!("{name}:in"), &escaped),
            "ni" => Ok(Clause::Not(Box::new(read(&format!("{name}:in"), &escaped)?))),
            "ss" => read(&format!("{name}:above"), &escaped),
            "sb" => read(&format!("{name}:below"), &escaped),
            "po" => self.overlaps(name, of, value),
            _ => Err(Refusal::unsupported(format!("`_filter`: the operator `{op}` is not supported"))
                .at("_filter")
                .into()),
        }
    }

    /// `date po 2026-03`: the times have some moment in common.
    fn overlaps(&self, name: &str, of: Option<ParamKind>, value: &str) -> Result<Clause, Wrong> {
        if of != Some(ParamKind::Date) {
            return Err(wrong(&format!("`po` asks dates, which `{name}` is not")).into());
        }
        let param = self.reading.param(self.kind, name)?;
        let (low, high) = moment::seconds(value).ok_or_else(|| wrong(&format!("`{value}` is no date")))?;
        Ok(Clause::Date { param: Param(param.number), range: Range { compare: Compare::Ap, low, high } })
    }
}
