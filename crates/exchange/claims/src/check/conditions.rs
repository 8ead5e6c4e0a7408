//! Conditions under which a field must be filled, as data: `content/claims/conditions.csv`.
//!
//! A row replaces the layout's own word on whether the field is required. `when` is `always`, `never`, or terms joined by
//! `and`, those by `or`: `[XML1.]TAG filled`, `empty`, `in a b`, `not in a b`, `has a b` (a `;` list holds one of them),
//! `unlike *text*`, `< yyyymmdd`. A term `in`/`has` about an empty field is false, `not in` and `unlike` true.

use mach_base::content;

use super::rules::{Rows, RulesError};
use crate::layout::{Layout, TableLayout};
use crate::raw::RawRow;

const CONDITIONS: (&str, &str) =
    ("claims/conditions.csv", include_str!("../../../../../content/claims/conditions.csv"));

/// All conditions, as read.
#[derive(Debug)]
pub(super) struct Conditions {
    rows: Vec<Condition>,
}

/// One row of the list.
#[derive(Debug)]
pub(super) struct Condition {
    layouts: Vec<String>,
    table: u8,
    tag: String,
    /// Rule that speaks where the field is empty though needed.
    pub(super) rule: String,
    /// The words of the condition for the message: in Vietnamese, and as the list has them.
    pub(super) when: [String; 2],
    expr: Expr<String>,
}

/// `or` of `and` of terms; `F` is how a field is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Expr<F>(Vec<Vec<Term<F>>>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Term<F> {
    field: F,
    test: Test,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Test {
    Filled,
    Empty,
    In(Vec<String>),
    NotIn(Vec<String>),
    Has(Vec<String>),
    Unlike(String),
    Before(String),
}

/// A field by its place: in the same row, or in XML1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Row(usize),
    Head(usize),
}

impl Conditions {
    /// Reads the list; a rule it names must be one of those `known`.
    pub(super) fn load(known: impl Fn(&str) -> bool) -> Result<Self, RulesError> {
        Self::read(&content::text(CONDITIONS.0, CONDITIONS.1), known)
    }

    fn read(text: &str, known: impl Fn(&str) -> bool) -> Result<Self, RulesError> {
        let row = |row: super::rules::Row| {
            let when = row.get("when").to_owned();
            if !known(row.get("rule")) {
                return Err(row.wrong("rule"));
            }
            Ok(Condition {
                layouts: row.words("layouts").map(str::to_owned).collect(),
                table: row.get("table").parse().map_err(|_| row.wrong("table"))?,
                tag: row.get("tag").to_owned(),
                rule: row.get("rule").to_owned(),
                expr: parse(&when).ok_or_else(|| row.wrong("when"))?,
                when: [in_vietnamese(&when), when],
            })
        };
        Ok(Self { rows: Rows::read(CONDITIONS.0, text)?.into_iter().map(row).collect::<Result<_, _>>()? })
    }

    /// The condition of `tag`, with its fields looked up. One that names a field the layout lacks is taken as not met.
    pub(super) fn of(&self, layout: &Layout, table: &TableLayout, tag: &str) -> Option<(&Condition, Expr<Place>)> {
        let mine = |c: &&Condition| {
            c.table == table.table && c.tag == tag && (c.layouts.is_empty() || c.layouts.contains(&layout.decision))
        };
        let condition = self.rows.iter().find(mine)?;
        Some((condition, condition.expr.placed(layout, table)))
    }
}

impl Expr<String> {
    fn placed(&self, layout: &Layout, table: &TableLayout) -> Expr<Place> {
        let place = |name: &str| match name.strip_prefix("XML1.") {
            Some(tag) => layout.table(1)?.index(tag).map(Place::Head),
            None => table.index(name).map(Place::Row),
        };
        let term = |t: &Term<String>| Some(Term { field: place(&t.field)?, test: t.test.clone() });
        Expr(self.0.iter().filter_map(|all| all.iter().map(term).collect()).collect())
    }
}

impl Expr<Place> {
    /// Whether it holds for `row`, of a claim with this head.
    pub(super) fn holds(&self, row: RawRow<'_>, head: Option<RawRow<'_>>) -> bool {
        self.0.iter().any(|all| {
            all.iter().all(|term| {
                let value = match term.field {
                    Place::Row(i) => row.at(i),
                    Place::Head(i) => head.map_or("", |h| h.at(i)),
                };
                term.test.holds(value)
            })
        })
    }
}

impl Test {
    fn holds(&self, value: &str) -> bool {
        let among = |list: &[String], v: &str| list.iter().any(|l| l == v);
        match self {
            Self::Filled => !value.is_empty(),
            Self::Empty => value.is_empty(),
            Self::In(list) => among(list, value),
            Self::NotIn(list) => !among(list, value),
            Self::Has(list) => value.split(';').any(|v| among(list, v.trim())),
            Self::Unlike(part) => !value.contains(part.as_str()),
            Self::Before(day) => !value.is_empty() && value < day.as_str(),
        }
    }
}

/// The words of a condition as a Vietnamese reader says them.
fn in_vietnamese(when: &str) -> String {
    const WORDS: [(&str, &str); 10] = [
        (" not in ", " khác "),
        (" in ", " là "),
        (" filled", " có giá trị"),
        (" empty", " để trống"),
        (" has ", " có mã "),
        (" unlike *", " không chứa "),
        (" < ", " trước "),
        (" and ", " và "),
        (" or ", " hoặc "),
        ("*", ""),
    ];
    let said = WORDS.iter().fold(when.to_owned(), |text, (word, vi)| text.replace(word, vi));
    if said == "always" { "mọi trường hợp".to_owned() } else { said }
}

fn parse(when: &str) -> Option<Expr<String>> {
    match when {
        "always" => return Some(Expr(vec![Vec::new()])),
        "never" => return Some(Expr(Vec::new())),
        _ => {}
    }
    let term = |text: &str| {
        let (field, rest) = text.trim().split_once(' ')?;
        let words = |list: &str| {
            Some(list.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
                .filter(|w| !w.is_empty() && !w.iter().any(|w| w == "and" || w == "or"))
        };
        let test = match rest.trim() {
            "filled" => Test::Filled,
            "empty" => Test::Empty,
            rest => {
                if let Some(list) = rest.strip_prefix("not in ") {
                    Test::NotIn(words(list)?)
                } else if let Some(list) = rest.strip_prefix("in ") {
                    Test::In(words(list)?)
                } else if let Some(list) = rest.strip_prefix("has ") {
                    Test::Has(words(list)?)
                } else if let Some(day) = rest.strip_prefix("< ") {
                    Test::Before(day.trim().to_owned())
                } else {
                    Test::Unlike(rest.strip_prefix("unlike *")?.strip_suffix('*')?.to_owned())
                }
            }
        };
        let name = field.strip_prefix("XML1.").unwrap_or(field);
        let tag = !name.is_empty() && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
        tag.then(|| Term { field: field.to_owned(), test })
    };
    let all = |text: &str| text.split(" and ").map(term).collect::<Option<Vec<_>>>();
    when.split(" or ").map(all).collect::<Option<Vec<_>>>().map(Expr)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::Layouts;
    use crate::raw::RawClaim;

    #[test]
    fn conditions_are_read() {
        for bad in [
            "",
            "MA_NHOM",
            "MA_NHOM is 7",
            "MA_NHOM in ",
            "ma_nhom in 7",
            "MA_NHOM in 7 and",
            "A unlike x",
            "A filled or",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
        let list = "layouts,table,tag,when,rule\n*,1,GHI_CHU,always,FLD-LOST\n";
        assert!(matches!(
            Conditions::read(list, |id| id == "FLD-REQUIRED"),
            Err(RulesError::Value { column: "rule", .. })
        ));
        assert!(Conditions::read(list, |id| id == "FLD-LOST").is_ok());
        let layouts = Layouts::shared();
        for c in &Conditions::load(|_| true).unwrap().rows {
            for decision in &c.layouts {
                let layout = layouts.get(decision).unwrap();
                let table = layout.table(c.table).unwrap();
                assert!(table.index(&c.tag).is_some(), "{decision} XML{} has no {}", c.table, c.tag);
                assert_eq!(
                    c.expr.placed(layout, table).0.len(),
                    c.expr.0.len(),
                    "{decision} XML{} {}: {}",
                    c.table,
                    c.tag,
                    c.when[1]
                );
            }
        }
    }

    #[test]
    fn conditions_are_said() {
        for (when, vi) in [
            ("always", "mọi trường hợp"),
            ("MA_NHOM in 1 2 and MA_DICH_VU unlike *.K.*", "MA_NHOM là 1 2 và MA_DICH_VU không chứa .K."),
            ("MA_NHOM not in 7 or MA_XU_TRI has 1", "MA_NHOM khác 7 hoặc MA_XU_TRI có mã 1"),
            (
                "A filled and B empty and XML1.NGAY_RA < 20250701",
                "A có giá trị và B để trống và XML1.NGAY_RA trước 20250701",
            ),
        ] {
            assert_eq!(in_vietnamese(when), vi);
        }
    }

    #[test]
    fn conditions_are_judged() {
        let layout = Layouts::shared().get("3176").unwrap();
        let mut claim = RawClaim::new(layout, "46001", "20250310");
        claim.add_row(1, &[("NGAY_RA", "202503100900")]);
        claim.add_row(3, &[("MA_NHOM", "10"), ("MA_DICH_VU", "01.0001.K.46002"), ("MA_BENH", "A00;1")]);
        let row = claim.table(3).unwrap().row(1).unwrap();
        for (when, expect) in [
            ("always", true),
            ("never", false),
            ("MA_NHOM filled", true),
            ("MA_VAT_TU filled", false),
            ("MA_VAT_TU empty", true),
            ("MA_NHOM in 1 10", true),
            ("MA_VAT_TU in 1", false),
            ("MA_NHOM not in 10", false),
            ("MA_VAT_TU not in 10", true),
            ("MA_BENH has 1", true),
            ("MA_BENH has 2", false),
            ("MA_DICH_VU unlike *.K.*", false),
            ("MA_VAT_TU unlike *.K.*", true),
            ("XML1.NGAY_RA < 20250701", true),
            ("XML1.NGAY_RA < 20250101", false),
            ("XML1.NGAY_VAO < 20250701", false),
            ("MA_NHOM in 10 and MA_VAT_TU filled", false),
            ("MA_NHOM in 10 and MA_VAT_TU filled or MA_BENH filled", true),
        ] {
            let expr = parse(when).unwrap().placed(layout, layout.table(3).unwrap());
            assert_eq!(expr.holds(row, claim.table(1).unwrap().row(1)), expect, "{when}");
        }
    }
}
