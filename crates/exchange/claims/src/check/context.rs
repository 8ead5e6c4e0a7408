//! What every check works on: the claim, its day and layout, the lists, and where findings go.

use mach_base::{Day, Minute};

use super::codes::Codes;
use super::finding::{Finding, Report};
use super::plan::Plan;
use super::rules::Rules;
use crate::layout::Family;
use crate::raw::{RawClaim, RawRow};

/// Texts for the placeholders of a message.
macro_rules! args {
    ($($arg:expr),* $(,)?) => { [$($arg.to_string()),*] };
}
pub(super) use args;

/// One claim being checked.
pub(super) struct Context<'a> {
    pub(super) raw: &'a RawClaim,
    pub(super) codes: &'a Codes,
    rules: &'a Rules,
    pub(super) plan: Option<&'a Plan>,
    /// Day of discharge (of arrival where that cannot be read): the day by which rules and codes are chosen.
    pub(super) day: Day,
    /// The row of XML1.
    pub(super) head: Option<RawRow<'a>>,
    /// `NGAY_VAO`.
    pub(super) arrived: Option<Minute>,
    /// `NGAY_VAO_NOI_TRU`.
    pub(super) admitted: Option<Minute>,
    /// `NGAY_RA`.
    pub(super) left: Option<Minute>,
    /// `MA_LOAI_KCB` in the 130 family's spelling.
    pub(super) kind: &'a str,
    report: Report,
}

impl<'a> Context<'a> {
    pub(super) fn new(raw: &'a RawClaim, rules: &'a Rules, codes: &'a Codes) -> Self {
        let head = raw.table(1).and_then(|t| t.row(1));
        let minute = |tag| Minute::parse_compact(raw.head(tag));
        let day =
            raw.day().or_else(|| Day::parse_compact(&raw.written_on)).or(raw.layout.valid_from).unwrap_or_default();
        Self {
            raw,
            codes,
            rules,
            plan: rules.plan(raw.read_as),
            day,
            head,
            arrived: minute("NGAY_VAO"),
            admitted: minute("NGAY_VAO_NOI_TRU"),
            left: minute("NGAY_RA"),
            kind: two_digits(raw.head("MA_LOAI_KCB")),
            report: Report::default(),
        }
    }

    /// Decision of the claim's layout.
    pub(super) fn decision(&self) -> &'a str {
        &self.raw.read_as.decision
    }

    /// Whether the layout is 4210.
    pub(super) fn is_4210(&self) -> bool {
        self.raw.read_as.family == Family::Q4210
    }

    /// A text of XML1.
    pub(super) fn head(&self, tag: &str) -> &'a str {
        self.head.map_or("", |row| row.get(tag))
    }

    /// What the reader found, as findings.
    pub(super) fn structure(&mut self) {
        for problem in &self.raw.problems {
            let mut finding = self.rules.of_problem(problem, self.raw.link());
            if let Some(rule) = self.rules.rule(problem.rule, self.decision(), self.day) {
                finding.severity = rule.severity;
            }
            self.report.push(finding);
        }
    }

    /// Refuses a claim whose layout the rule book does not know.
    pub(super) fn unchecked(&mut self) {
        let args = [self.day.to_string(), "?".to_owned(), self.decision().to_owned()];
        self.report.push(self.rules.finding("XML-LAYOUT", self.raw.link(), args));
    }

    /// Reports a field of a row.
    pub(super) fn at<const N: usize>(&mut self, row: RawRow<'_>, tag: &str, rule: &str, args: [String; N]) {
        let repeats = self.raw.read_as.table(row.table()).is_none_or(|t| t.repeats);
        let line = repeats.then(|| row.line());
        self.find(Some(row.table()), line, tag, rule, args);
    }

    /// Reports a field of XML1.
    pub(super) fn at_head<const N: usize>(&mut self, tag: &str, rule: &str, args: [String; N]) {
        self.find(Some(1), None, tag, rule, args);
    }

    /// Reports a table as a whole.
    pub(super) fn at_table<const N: usize>(&mut self, table: u8, rule: &str, args: [String; N]) {
        self.find(Some(table), None, "", rule, args);
    }

    fn find<const N: usize>(&mut self, table: Option<u8>, line: Option<u32>, tag: &str, rule: &str, args: [String; N]) {
        // No row of the rule for this layout and day: the rule does not hold here.
        let Some(rule) = self.rules.rule(rule, self.decision(), self.day) else { return };
        self.report.push(Finding {
            severity: rule.severity,
            rule: rule.clone(),
            link: self.raw.link().to_owned(),
            table,
            line,
            tag: tag.to_owned(),
            args: args.into(),
        });
    }

    pub(super) fn done(self) -> Report {
        self.report
    }
}

/// `1` of 4210, or of a number field in 130, as `01`.
pub(super) fn two_digits(kind: &str) -> &str {
    const SHORT: [&str; 9] = ["01", "02", "03", "04", "05", "06", "07", "08", "09"];
    SHORT.into_iter().find(|k| k.get(1..) == Some(kind)).unwrap_or(kind)
}
