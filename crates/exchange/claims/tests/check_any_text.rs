//! Whatever stands in a field, the check answers, and what is no number or date where one belongs is refused.

#![expect(clippy::unwrap_used, reason = "a broken expectation fails the test")]
#![expect(dead_code, reason = "the cases of the rules are another test's")]

mod check_support;

use check_support::Draft;
use mach_base::Decimal;
use mach_claims::check::{Codes, Rules, Severity, report};
use mach_claims::layout::Kind;
use mach_terms::Icd10;

/// Texts that have broken programs: of the wrong kind, at the edges of 64 bits, cut inside a character by a careless slice.
const TEXTS: [&str; 9] = [
    "ạ",
    ";;;",
    "9223372036854775807",
    "-9223372036854775808",
    "99999999999999999999999",
    "20250230",
    "DN446001234567é",
    "Kạạạạ",
    "1;2;3;4;5;6;7;8;9",
];

#[test]
fn any_text_in_any_field_is_answered() {
    let (rules, codes, icd) = (Rules::shared(), Codes::shared(), Icd10::shared());
    for decision in ["4210", "130", "4750", "3176", "3176/0"] {
        let right = Draft::of(decision).claim();
        for table in right.tables() {
            for field in &table.layout().fields {
                for text in TEXTS {
                    let mut claim = right.clone();
                    assert!(claim.set(table.number(), 1, &field.tag, Some(text)));
                    let report = report(&claim, rules, codes, icd);
                    let number = field.kind == Kind::Number && !field.tag.starts_with("SO_CCCD");
                    let wrong = number && text.parse::<Decimal>().is_err() || field.notes.contains("fmt yyyyMMddHHmm");
                    let place = format!("{decision} XML{} {}={text}", table.number(), field.tag);
                    assert!(!wrong || report.refused(), "{place} is accepted");
                    assert_eq!(
                        report.refused(),
                        report.findings.iter().any(|f| f.severity == Severity::Refuse),
                        "{place}"
                    );
                }
            }
        }
    }
}
