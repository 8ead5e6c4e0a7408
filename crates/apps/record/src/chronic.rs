//! Diseases that stay: what a record shows first.

use mach_base::content;
use std::sync::OnceLock;

const FILE: &str = "chronic.csv";

/// Why the list cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`chronic.csv` line {line}: {what}")]
pub(crate) struct ChronicError {
    line: usize,
    what: &'static str,
}

/// Ranges of three-character ICD-10 categories, both ends included.
#[derive(Debug)]
pub(crate) struct Chronic {
    ranges: Vec<(String, String)>,
}

impl Chronic {
    /// The list in use.
    ///
    /// # Panics
    /// Where it does not have its shape.
    pub(crate) fn shared() -> &'static Self {
        static LIST: OnceLock<Chronic> = OnceLock::new();
        LIST.get_or_init(|| {
            let text = content::text(FILE, include_str!("../../../../content/chronic.csv"));
            Self::read(&text).unwrap_or_else(|e| panic!("{e}"))
        })
    }

    pub(crate) fn read(text: &str) -> Result<Self, ChronicError> {
        let mut lines = text.lines().enumerate();
        if lines.next().map(|(_, header)| header) != Some("first,last,what") {
            return Err(ChronicError { line: 1, what: "the first line must be `first,last,what`" });
        }
        let mut ranges = Vec::new();
        for (at, line) in lines {
            let mut parts = line.split(',');
            let mut category = || parts.next().filter(|c| is_category(c)).map(str::to_owned);
            match (category(), category()) {
                (Some(first), Some(last)) if first <= last => ranges.push((first, last)),
                _ => return Err(ChronicError { line: at + 1, what: "two categories like `E10`, the lower first" }),
            }
        }
        Ok(Self { ranges })
    }

    /// Whether the three-character category is one of them.
    pub(crate) fn holds(&self, category: &str) -> bool {
        self.ranges.iter().any(|(first, last)| (first.as_str()..=last.as_str()).contains(&category))
    }
}

fn is_category(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() == 3 && bytes[0].is_ascii_uppercase() && bytes[1..].iter().all(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn categories() {
        for (category, expect) in
            [("E11", true), ("E14", true), ("E15", false), ("J18", false), ("I10", true), ("C97", true), ("", false)]
        {
            assert_eq!(Chronic::shared().holds(category), expect, "{category}");
        }
    }

    #[test]
    fn broken_lists_are_refused() {
        for (text, line) in [("", 1), ("first,last,what\nE10,E1,x\n", 2), ("first,last,what\nA15,A19,x\nE14,E10,x", 3)]
        {
            assert_eq!(Chronic::read(text).unwrap_err().line, line, "{text}");
        }
    }
}
