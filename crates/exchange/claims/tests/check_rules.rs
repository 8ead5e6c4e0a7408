//! Every rule of the rule book refuses or warns where it should, and nowhere else.

#![expect(clippy::unwrap_used, reason = "a broken expectation fails the test")]

mod check_support;

use std::collections::BTreeSet;

use check_support::Draft;
use check_support::cases::{self, Case};
use mach_base::limits;
use mach_claims::check::{Codes, Finding, Lang, Report, Rules, Severity, report};
use mach_claims::{Layouts, Problem};
use mach_terms::Icd10;

fn ids(report: &Report) -> BTreeSet<&str> {
    report.findings.iter().map(|f| f.rule.id()).collect()
}

#[test]
fn right_claims_are_right() {
    for decision in ["4210", "130", "4750", "3176", "130/0", "4750/0", "3176/0"] {
        let report = Draft::of(decision).report();
        let said: Vec<_> =
            report.findings.iter().map(|f| (f.rule.id(), f.table, f.line, &f.tag, f.message(Lang::En))).collect();
        assert!(said.is_empty(), "{decision}: {said:#?}");
    }
}

/// What is wrong with a case, in words; none where it is right.
fn failure(case: &Case) -> Option<String> {
    let Case { rule, layout, bad, near, also } = case;
    let report = Draft::of(layout).change(bad).report();
    let expect: BTreeSet<_> = also.iter().chain([rule]).copied().collect();
    if ids(&report) != expect {
        let said: Vec<_> = report.findings.iter().map(|f| (f.rule.id(), f.line, &f.tag, f.message(Lang::En))).collect();
        return Some(format!("{rule} {layout} `{bad}` says {said:#?}"));
    }
    let near_report = Draft::of(layout).change(near).report();
    ids(&near_report).contains(rule).then(|| format!("{rule} {layout} near `{near}` says it too"))
}

#[test]
fn every_rule_speaks_where_it_should() {
    let failures: Vec<_> = cases::all().filter_map(failure).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Rules of the reader: their problems become findings as they are. What makes the reader find them is its own tests'.
fn structural(id: &str) -> bool {
    id.starts_with("XML-")
}

#[test]
fn every_row_of_the_rule_book_has_a_case() {
    for row in Rules::shared().list() {
        let spoken = cases::all().filter(|c| c.rule == row.id()).any(|c| {
            let found = Draft::of(c.layout).change(c.bad).report().findings;
            let layout = c.layout.split('/').next().unwrap().to_owned();
            let mine = row.layouts.is_empty() || row.layouts.contains(&layout);
            mine && found.iter().any(|f| f.rule.id() == row.id() && f.severity == row.severity)
        });
        let long = row.id() == "AUDIT-SUMMARY-LONG";
        assert!(
            spoken || long || structural(row.id()),
            "{} {} {:?} has no case",
            row.id(),
            row.severity.code(),
            row.layouts
        );
    }
    for case in cases::all() {
        assert!(Rules::shared().list().iter().any(|r| r.id() == case.rule), "{} is no rule", case.rule);
    }
}

#[test]
fn problems_of_the_reader_are_findings() {
    for row in Rules::shared().list().iter().filter(|r| structural(r.id())) {
        let report = Draft::of("3176").change(&format!("!{}", row.id())).report();
        let [finding] = &report.findings[..] else { panic!("{}: {:?}", row.id(), report.findings) };
        assert_eq!((finding.rule.id(), finding.severity), (row.id(), row.severity));
        assert_eq!(report.refused(), row.severity == Severity::Refuse);
    }
}

#[test]
fn a_rule_the_book_lacks_refuses() {
    let report = Draft::of("3176").change("!XML-FROM-TOMORROW").report();
    assert!(report.refused());
    assert!(report.findings[0].message(Lang::Vi).contains("XML-FROM-TOMORROW"));
}

#[test]
fn a_wrong_layout_says_only_that() {
    let mut claim = Draft::of("4210").claim();
    claim.layout = Layouts::shared().get("3176").unwrap();
    claim.problems.push(Problem::new("XML-LAYOUT", ["2025-03-12", "3176", "4210"]));
    let report = report(&claim, Rules::shared(), Codes::shared(), Icd10::shared());
    assert_eq!(ids(&report), BTreeSet::from(["XML-LAYOUT"]));
}

#[test]
fn long_summaries_are_warned_of() {
    for (length, said) in [(4_000, false), (4_001, true)] {
        let report = Draft::of("3176").change(&format!("8 TOMTAT_KQ={}", "ắ".repeat(length))).report();
        assert_eq!(ids(&report).contains("AUDIT-SUMMARY-LONG"), said, "{length}");
    }
}

#[test]
fn support_shared_by_the_facility_is_right() {
    let report = Draft::of("3176").change(cases::SHARED).report();
    assert_eq!(report.findings, []);
}

#[test]
fn messages_are_whole() {
    for case in cases::all() {
        for f in Draft::of(case.layout).change(case.bad).report().findings {
            for text in [f.message(Lang::Vi), f.message(Lang::En), f.hint(Lang::Vi), f.hint(Lang::En)] {
                assert!(!text.contains(['{', '}', '…']), "{}: {text}", f.rule.id());
            }
        }
    }
}

#[test]
fn findings_as_json() {
    let report = Draft::of("3176").change("1 T_THUOC=12506 | 3:2 MA_MAY=").report();
    let json = |f: &Finding| serde_json::to_value(f.in_file("a.xml")).unwrap();
    assert_eq!(
        json(&report.findings[0]),
        serde_json::json!({
            "file": "a.xml", "ma_lk": "LK001", "table": "XML3", "line": 2, "tag": "MA_MAY",
            "rule": "FLD-PRACTICE", "severity": "warn",
            "message_vi": "Nên có MA_MAY trong trường hợp này: MA_NHOM là 1 2 3 và MA_DICH_VU không chứa .K..",
            "message_en": "MA_MAY is expected here: MA_NHOM in 1 2 3 and MA_DICH_VU unlike *.K.*.",
            "hint_vi": "Điền MA_MAY; giám định thường yêu cầu.",
            "hint_en": "Fill in MA_MAY; reviewers usually ask for it.",
        })
    );
    let total = serde_json::to_value(&report.findings[1]).unwrap();
    assert_eq!(total["message_en"], "T_THUOC is 12506; the sum of XML2 is 12505.");
    assert_eq!((&total["table"], &total["line"]), (&"XML1".into(), &serde_json::Value::Null));
    assert!(total.get("file").is_none());
}

#[test]
fn findings_are_counted_past_the_limit_and_refusals_stay() {
    let mut draft = Draft::of("3176");
    for _ in 0..limits::FINDINGS_PER_CLAIM {
        draft = draft.change("+3:5 | 3:6 MA_KHOA=NOI");
    }
    let mut claim = draft.claim();
    for line in 6..6 + limits::FINDINGS_PER_CLAIM as u32 {
        assert!(claim.set(3, line, "MA_KHOA", Some("NOI")));
    }
    let report = report(&claim, Rules::shared(), Codes::shared(), Icd10::shared());
    assert_eq!(report.findings.len(), limits::FINDINGS_PER_CLAIM);
    assert!(report.total() > limits::FINDINGS_PER_CLAIM && report.refused());
    let kept = report.findings.iter().filter(|f| f.severity == Severity::Refuse).count();
    assert_eq!(kept, report.refusals.min(limits::FINDINGS_PER_CLAIM));
}
