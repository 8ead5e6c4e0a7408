//! What a check found, in words.

use std::sync::Arc;

use mach_base::limits;
use serde::ser::{Serialize, SerializeStruct, Serializer};

use super::rules::{Lang, Rule, Severity};

/// One thing that is wrong, or doubtful, in a claim.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The rule that found it, with its words.
    pub rule: Arc<Rule>,
    /// Whether the claim is refused for it; the rule's severity for this claim's layout and day.
    pub severity: Severity,
    /// `MA_LK`; empty where it cannot be read.
    pub link: String,
    /// Table: 0–15.
    pub table: Option<u8>,
    /// Row of the table, from 1; none for tables of one row.
    pub line: Option<u32>,
    /// XML tag, or empty.
    pub tag: String,
    /// What was found and expected: `{0}`, `{1}` of the message.
    pub args: Vec<String>,
}

impl Finding {
    /// What is wrong.
    pub fn message(&self, lang: Lang) -> String {
        self.fill(self.rule.message(lang))
    }

    /// What to do about it.
    pub fn hint(&self, lang: Lang) -> String {
        self.fill(self.rule.hint(lang))
    }

    /// The same finding with the name of the file it stands in, for JSON.
    pub fn in_file<'a>(&'a self, file: &'a str) -> Located<'a> {
        Located { file: Some(file), finding: self }
    }

    fn fill(&self, template: &str) -> String {
        let mut out = String::with_capacity(template.len() + 16);
        let mut rest = template;
        while let Some(open) = rest.find('{') {
            out.push_str(&rest[..open]);
            let Some(len) = rest[open..].find('}') else { break };
            match &rest[open + 1..open + len] {
                "tag" => out.push_str(&self.tag),
                key => match key.parse::<usize>().ok().and_then(|n| self.args.get(n)) {
                    Some(arg) => out.push_str(arg),
                    None => out.push('…'),
                },
            }
            rest = &rest[open + len + 1..];
        }
        out.push_str(rest);
        out
    }
}

/// A finding and the file it stands in.
///
/// JSON: `{file?, ma_lk, table: "XML3", line, tag, rule, severity, message_vi, message_en, hint_vi, hint_en}`.
#[derive(Clone, Copy, Debug)]
pub struct Located<'a> {
    /// Name of the file.
    pub file: Option<&'a str>,
    /// The finding.
    pub finding: &'a Finding,
}

impl Serialize for Located<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let f = self.finding;
        let mut out = serializer.serialize_struct("Finding", 11)?;
        if let Some(file) = self.file {
            out.serialize_field("file", file)?;
        }
        out.serialize_field("ma_lk", &f.link)?;
        out.serialize_field("table", &f.table.map(|n| format!("XML{n}")))?;
        out.serialize_field("line", &f.line)?;
        out.serialize_field("tag", Some(f.tag.as_str()).filter(|t| !t.is_empty()).unwrap_or_default())?;
        out.serialize_field("rule", f.rule.id())?;
        out.serialize_field("severity", f.severity.code())?;
        out.serialize_field("message_vi", &f.message(Lang::Vi))?;
        out.serialize_field("message_en", &f.message(Lang::En))?;
        out.serialize_field("hint_vi", &f.hint(Lang::Vi))?;
        out.serialize_field("hint_en", &f.hint(Lang::En))?;
        out.end()
    }
}

impl Serialize for Finding {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Located { file: None, finding: self }.serialize(serializer)
    }
}

/// The findings of one claim: at most [`limits::FINDINGS_PER_CLAIM`] kept, all counted; a refusal is never pushed out by
/// a warning.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// Those kept, in the order found.
    pub findings: Vec<Finding>,
    /// How many refuse the claim, kept or not.
    pub refusals: usize,
    /// How many warn, kept or not.
    pub warnings: usize,
}

impl Report {
    /// Whether the claim is refused.
    pub fn refused(&self) -> bool {
        self.refusals > 0
    }

    /// All findings, kept or not.
    pub fn total(&self) -> usize {
        self.refusals + self.warnings
    }

    /// Adds a finding of the caller's own (`ENV-SENDER`, `ENV-DUPLICATE`).
    pub fn push(&mut self, finding: Finding) {
        let refuse = finding.severity == Severity::Refuse;
        if refuse {
            self.refusals += 1;
        } else {
            self.warnings += 1;
        }
        if self.findings.len() >= limits::FINDINGS_PER_CLAIM {
            let weaker = self.findings.iter().rposition(|f| f.severity == Severity::Warn);
            let Some(at) = weaker.filter(|_| refuse) else { return };
            self.findings.remove(at);
        }
        self.findings.push(finding);
    }
}
