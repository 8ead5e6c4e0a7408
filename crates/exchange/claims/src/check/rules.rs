//! The rule book: what each rule is called, how severe it is, when and for which layouts it holds, and its words.
//!
//! Source: `content/claims/rules.csv`. A rule may have several rows: each says how severe it is for some layouts and days;
//! a claim to which no row applies is not checked by the rule. Ids never change their meaning.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use mach_base::{Day, content};

use super::conditions::Conditions;
use super::finding::Finding;
use super::plan::Plan;
use crate::layout::{Layout, Layouts};
use crate::raw::Problem;

const RULES: (&str, &str) = ("claims/rules.csv", include_str!("../../../../../content/claims/rules.csv"));

/// Why the rule book cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RulesError {
    /// Not CSV, or a column is missing.
    #[error("{file}: {error}")]
    Csv {
        /// Content file.
        file: &'static str,
        /// What the CSV reader found.
        error: csv::Error,
    },
    /// A value that means nothing.
    #[error("{file} line {line}: column `{column}` cannot be `{value}`")]
    Value {
        /// Content file.
        file: &'static str,
        /// Line of the file, from 1.
        line: u64,
        /// Its column.
        column: &'static str,
        /// What stands there.
        value: String,
    },
}

/// What becomes of a claim with such a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// It is accepted, and the finding shown.
    Warn,
    /// It is refused.
    Refuse,
}

impl Severity {
    /// `refuse` or `warn`, as files and JSON write it.
    pub fn code(self) -> &'static str {
        match self {
            Self::Warn => "warn",
            Self::Refuse => "refuse",
        }
    }
}

/// Language of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lang {
    /// Vietnamese.
    Vi,
    /// English.
    En,
}

/// The words of a rule, shared by its rows.
#[derive(Debug, PartialEq, Eq)]
struct Words {
    message_vi: String,
    message_en: String,
    hint_vi: String,
    hint_en: String,
}

/// One row of the rule book.
#[derive(Debug, PartialEq, Eq)]
pub struct Rule {
    id: String,
    /// What becomes of a claim that breaks it.
    pub severity: Severity,
    /// First day of discharge it holds for; `None` is open.
    pub since: Option<Day>,
    /// Last day; `None` is open.
    pub until: Option<Day>,
    /// Decisions it holds for; empty is all.
    pub layouts: Vec<String>,
    /// Tables it looks at, for readers of the list; empty is any.
    pub tables: Vec<u8>,
    words: Arc<Words>,
}

impl Rule {
    /// Its stable id, such as `TOTAL-BHTT`.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The message with its placeholders: `{tag}`, `{0}`, `{1}` ….
    pub fn message(&self, lang: Lang) -> &str {
        match lang {
            Lang::Vi => &self.words.message_vi,
            Lang::En => &self.words.message_en,
        }
    }

    /// What to do, with the same placeholders.
    pub fn hint(&self, lang: Lang) -> &str {
        match lang {
            Lang::Vi => &self.words.hint_vi,
            Lang::En => &self.words.hint_en,
        }
    }

    fn holds(&self, decision: &str, day: Day) -> bool {
        (self.layouts.is_empty() || self.layouts.iter().any(|l| l == decision))
            && self.since.is_none_or(|d| d <= day)
            && self.until.is_none_or(|d| day <= d)
    }
}

/// The rule book, with what it needs of the layouts worked out once.
#[derive(Debug)]
pub struct Rules {
    rows: Vec<Arc<Rule>>,
    by_id: HashMap<String, Vec<usize>>,
    plans: Vec<(String, Plan)>,
}

impl Rules {
    /// Reads the rules and conditions, the administrator's where there are any.
    ///
    /// # Errors
    /// A list that is no CSV, lacks a column, or holds a value without meaning.
    pub fn load() -> Result<Self, RulesError> {
        let rows = read(&content::text(RULES.0, RULES.1))?;
        let mut by_id: HashMap<String, Vec<usize>> = HashMap::new();
        for (i, rule) in rows.iter().enumerate() {
            by_id.entry(rule.id.clone()).or_default().push(i);
        }
        let layouts = Layouts::shared().all();
        let conditions = Conditions::load(|id| by_id.contains_key(id))?;
        let plans = layouts.iter().map(|l| (l.decision.clone(), Plan::new(l, layouts, &conditions))).collect();
        Ok(Self { rows, by_id, plans })
    }

    /// The rules of this process.
    ///
    /// # Panics
    /// Where the content cannot be read: call [`Rules::load`] at start to report that in words.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Rules> = OnceLock::new();
        SHARED.get_or_init(|| Self::load().unwrap_or_else(|e| panic!("claim rules: {e}")))
    }

    /// Every row, in the order of the file: for `mach claims rules`.
    pub fn list(&self) -> &[Arc<Rule>] {
        &self.rows
    }

    /// The row of rule `id` that holds for a claim of layout `decision` discharged on `day`.
    pub fn rule(&self, id: &str, decision: &str, day: Day) -> Option<&Arc<Rule>> {
        self.by_id.get(id)?.iter().map(|i| &self.rows[*i]).find(|r| r.holds(decision, day))
    }

    /// A finding of the caller's own, such as `ENV-SENDER` with the sender and the claim's facility.
    pub fn finding(&self, id: &str, link: &str, args: impl IntoIterator<Item = String>) -> Finding {
        let rule = self.any(id);
        Finding {
            severity: rule.severity,
            rule,
            link: link.to_owned(),
            table: None,
            line: None,
            tag: String::new(),
            args: args.into_iter().collect(),
        }
    }

    /// What the reader found, as a finding.
    pub fn of_problem(&self, problem: &Problem, link: &str) -> Finding {
        Finding {
            table: problem.table,
            line: problem.line,
            tag: problem.tag.clone(),
            ..self.finding(problem.rule, link, problem.args.iter().cloned())
        }
    }

    /// The first row of `id`. An id the book lacks refuses under its own name: a lost line of the list opens nothing.
    fn any(&self, id: &str) -> Arc<Rule> {
        let known = self.by_id.get(id).and_then(|rows| rows.first()).map(|i| Arc::clone(&self.rows[*i]));
        known.unwrap_or_else(|| {
            let words = Words {
                message_vi: format!("Hồ sơ bị từ chối: {id}."),
                message_en: format!("The claim is refused: {id}."),
                hint_vi: "Báo người quản trị: danh sách quy tắc thiếu mã này.".to_owned(),
                hint_en: "Tell the administrator: the list of rules lacks this id.".to_owned(),
            };
            Arc::new(Rule {
                id: id.to_owned(),
                severity: Severity::Refuse,
                since: None,
                until: None,
                layouts: Vec::new(),
                tables: Vec::new(),
                words: Arc::new(words),
            })
        })
    }

    /// What the fields of `layout` must be.
    pub(super) fn plan(&self, layout: &Layout) -> Option<&Plan> {
        self.plans.iter().find(|(decision, _)| *decision == layout.decision).map(|(_, plan)| plan)
    }
}

fn read(text: &str) -> Result<Vec<Arc<Rule>>, RulesError> {
    let file = RULES.0;
    let mut words: HashMap<String, Arc<Words>> = HashMap::new();
    let mut rows = Vec::new();
    for row in Rows::read(file, text)? {
        let id = row.get("id");
        if id.is_empty() || !id.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'-') {
            return Err(row.wrong("id"));
        }
        let severity = match row.get("severity") {
            "refuse" => Severity::Refuse,
            "warn" => Severity::Warn,
            _ => return Err(row.wrong("severity")),
        };
        let tables = row.words("tables").map(str::parse).collect::<Result<_, _>>().map_err(|_| row.wrong("tables"))?;
        let words = match words.get(id) {
            Some(words) => Arc::clone(words),
            None => {
                let text = |column| {
                    Some(row.get(column).to_owned()).filter(|t| !t.is_empty()).ok_or_else(|| row.wrong(column))
                };
                let new = Arc::new(Words {
                    message_vi: text("message_vi")?,
                    message_en: text("message_en")?,
                    hint_vi: text("hint_vi")?,
                    hint_en: text("hint_en")?,
                });
                words.insert(id.to_owned(), Arc::clone(&new));
                new
            }
        };
        rows.push(Arc::new(Rule {
            id: id.to_owned(),
            severity,
            since: row.day("since")?,
            until: row.day("until")?,
            layouts: row.words("layouts").map(str::to_owned).collect(),
            tables,
            words,
        }));
    }
    Ok(rows)
}

/// A content list, row by row, by column name.
pub(super) struct Row {
    file: &'static str,
    columns: Arc<csv::StringRecord>,
    values: csv::StringRecord,
}

/// Reads content lists.
pub(super) struct Rows;

impl Rows {
    pub(super) fn read(file: &'static str, text: &str) -> Result<Vec<Row>, RulesError> {
        let csv_error = |error| RulesError::Csv { file, error };
        let mut reader = csv::Reader::from_reader(text.trim_start_matches('\u{feff}').as_bytes());
        let columns = Arc::new(reader.headers().map_err(csv_error)?.clone());
        let row =
            |values: Result<_, _>| Ok(Row { file, columns: Arc::clone(&columns), values: values.map_err(csv_error)? });
        reader.into_records().map(row).collect()
    }
}

impl Row {
    /// The value of `column`; empty where the list has no such column.
    pub(super) fn get(&self, column: &str) -> &str {
        let at = self.columns.iter().position(|c| c == column);
        at.and_then(|i| self.values.get(i)).unwrap_or_default().trim()
    }

    /// The words of `column`; none where it says `*`.
    pub(super) fn words(&self, column: &str) -> impl Iterator<Item = &str> {
        self.get(column).split_whitespace().filter(|w| *w != "*")
    }

    /// An open or an ISO day.
    pub(super) fn day(&self, column: &'static str) -> Result<Option<Day>, RulesError> {
        match self.get(column) {
            "" => Ok(None),
            text => Day::parse_iso(text).map(Some).ok_or_else(|| self.wrong(column)),
        }
    }

    pub(super) fn wrong(&self, column: &'static str) -> RulesError {
        let line = self.values.position().map_or(0, csv::Position::line);
        RulesError::Value { file: self.file, line, column, value: self.get(column).to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "id,severity,since,until,layouts,tables,message_vi,message_en,hint_vi,hint_en\n";

    #[test]
    fn broken_rule_books_are_refused() {
        for row in [
            ",refuse,,,*,*,a,b,c,d",
            "lower,refuse,,,*,*,a,b,c,d",
            "A,perhaps,,,*,*,a,b,c,d",
            "A,warn,2025-02-30,,*,*,a,b,c,d",
            "A,warn,,,*,x,a,b,c,d",
            "A,warn,,,*,*,,b,c,d",
            "A,warn,,,*,*,a,b,c,",
        ] {
            assert!(matches!(read(&format!("{HEAD}{row}\n")), Err(RulesError::Value { .. })), "{row}");
        }
        assert!(matches!(read(&format!("{HEAD}A,warn\n")), Err(RulesError::Csv { .. })));
    }

    #[test]
    fn rows_hold_by_layout_and_day() {
        let text = format!("{HEAD}A,refuse,2025-01-01,2025-12-31,3176,1,v,e,h,i\nA,warn,,,4210 130,*,,,,\n");
        let rows = read(&text).unwrap();
        let day = |t| Day::parse_iso(t).unwrap();
        for (decision, on, row) in [
            ("3176", "2025-01-01", Some(0)),
            ("3176", "2025-12-31", Some(0)),
            ("3176", "2026-01-01", None),
            ("3176", "2024-12-31", None),
            ("130", "2024-12-31", Some(1)),
            ("4750", "2025-06-01", None),
        ] {
            assert_eq!(rows.iter().position(|r| r.holds(decision, day(on))), row, "{decision} {on}");
        }
        assert_eq!(rows[1].message(Lang::En), "e");
    }
}
