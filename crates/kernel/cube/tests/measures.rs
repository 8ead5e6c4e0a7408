//! Measures: what one claim counts for, against a recount written from `docs/measures.md`.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic too")]

mod common;

use common::{Claim, Dice};
use mach_base::Day;
use mach_cube::{ClaimFacts, CubeError, Definitions, facts, item_text};
use proptest::prelude::*;
use std::collections::BTreeMap;

fn counted(claim: &Claim) -> BTreeMap<(String, String, Day), i64> {
    let definitions = Definitions::shared();
    let name = |n: i64| definitions.measures().iter().find(|m| m.number == n).map(|m| m.id.clone()).unwrap();
    let facts = ClaimFacts::new(1, 2, 3, facts(definitions, claim));
    facts.facts().iter().map(|f| ((name(f.measure), item_text(f.item), f.day), f.value)).collect()
}

fn recounted(claim: &Claim) -> BTreeMap<(String, String, Day), i64> {
    let mut out = BTreeMap::new();
    for (measure, item, day, value) in claim.recount() {
        *out.entry((measure.to_owned(), item, day)).or_insert(0) += value;
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn facts_equal_a_recount(seed: u64) {
        let claim = Dice(seed).claim((Day(19_700), Day(20_400)));
        prop_assert_eq!(counted(&claim), recounted(&claim), "{:?}", claim);
    }
}

/// Bounds of measures, each met and missed by one.
#[test]
fn bounds() {
    let base = Claim {
        kind: "01".into(),
        entry: "1.1".into(),
        diagnoses: vec!["J18".into()],
        arrived: Day(20_000),
        left: Day(20_000),
        ..Claim::default()
    };
    type Change = fn(&mut Claim);
    let cases: &[(&str, i64, Change)] = &[
        ("op_visits", 1, |_| {}),
        ("op_visits", 0, |c| c.kind = "07".into()),
        ("op_visits", 0, |c| c.entry = "8".into()),
        ("op_visits", 0, |c| c.refused = true),
        ("refused", 1, |c| c.refused = true),
        ("received", 1, |c| c.refused = true),
        ("received", 0, |c| c.entry = "8".into()),
        ("on_time", 1, |c| c.days_to_send = Some(7)),
        ("on_time", 0, |c| c.days_to_send = Some(8)),
        ("on_time", 0, |_| {}),
        ("waits", 1, |c| c.wait = Some(0)),
        ("waits", 0, |c| c.wait = Some(-1)),
        ("stay_days", 3, |c| (c.kind, c.left) = ("03".into(), Day(20_002))),
        ("stay_days", 0, |c| (c.kind, c.left) = ("09".into(), Day(20_002))),
        ("bed_days", 3, |c| (c.kind, c.left) = ("06".into(), Day(20_002))),
        ("maternal_infant_deaths", 1, |c| (c.result, c.birth) = ("5".into(), Some(Day(20_000 - 364)))),
        ("maternal_infant_deaths", 0, |c| (c.result, c.birth) = ("5".into(), Some(Day(20_000 - 365)))),
        ("maternal_infant_deaths", 1, |c| (c.result, c.diagnoses) = ("5".into(), vec!["O99.8".into()])),
        ("maternal_infant_deaths", 0, |c| (c.result, c.diagnoses) = ("5".into(), vec!["P00".into(), "O80".into()])),
        ("htn_bp_ok", 1, |c| (c.diagnoses, c.pressure) = (vec!["Z00".into(), "I15.9".into()], Some((139, 89)))),
        ("htn_bp_ok", 0, |c| (c.diagnoses, c.pressure) = (vec!["I10".into()], Some((140, 89)))),
        ("htn_bp_ok", 0, |c| (c.diagnoses, c.pressure) = (vec!["I10".into()], Some((139, 90)))),
        ("htn_bp", 0, |c| (c.diagnoses, c.pressure) = (vec!["I16".into()], Some((139, 89)))),
        ("dm_a1c_ok", 1, |c| (c.diagnoses, c.a1c) = (vec!["E14".into()], Some(6999))),
        ("dm_a1c_ok", 0, |c| (c.diagnoses, c.a1c) = (vec!["E14".into()], Some(7000))),
        ("caesareans", 1, |c| c.diagnoses = vec!["O84.2".into()]),
        ("caesareans", 0, |c| c.diagnoses = vec!["O84.1".into()]),
        ("births_low_weight", 1, |c| {
            c.births = vec![(String::new(), Some(2499), None), (String::new(), Some(2500), None)]
        }),
        ("injuries", 0, |c| c.accident = "0".into()),
        ("injuries", 1, |c| c.accident = "8".into()),
        ("with_national_id", 0, |c| c.national_id = "04601234567".into()),
        ("op_with_antibiotic", 0, |c| c.drugs = vec![(7, true), (4, false)]),
        ("op_with_drugs", 0, |c| c.drugs = vec![(7, true)]),
        ("operations", 2, |c| c.services = vec![(8, Some(Day(20_000))), (8, Some(Day(20_000))), (8, None)]),
    ];
    for (measure, want, change) in cases {
        let mut claim = base.clone();
        change(&mut claim);
        let sum: i64 = counted(&claim).iter().filter(|((m, ..), _)| m == measure).map(|(_, v)| v).sum();
        assert_eq!(sum, *want, "{measure} {claim:?}");
    }
}

#[test]
fn the_shipped_definitions_hold_together() {
    let definitions = Definitions::shared();
    assert_eq!(definitions.indicators().len(), 35);
    let contract = include_str!("../../../../docs/measures.md");
    for indicator in definitions.indicators() {
        assert!(contract.contains(&format!("{} ", indicator.id)), "{} is not in the contract", indicator.id);
    }
    for measure in definitions.measures() {
        assert!(contract.contains(&measure.id), "{} is not in the contract", measure.id);
    }
}

#[test]
fn broken_definitions_are_refused() {
    let measure = |rule: &str| {
        format!(
            r#"{{"measures": [{{"id": "a", "number": 1, "name_vi": "a", "name_en": "a", "unit": "count", "rules": [{rule}]}}]}}"#
        )
    };
    let indicators = |numerator: &str, more: &str| {
        format!(
            r#"{{"groups": [{{"id": "G", "name_vi": "g", "name_en": "g"}}], "indicators": [{{"id": "X1", "version": 1,
            "valid_from": "2020-01-01", "valid_to": null, "group": "G", "name_vi": "x", "name_en": "x", "formula_vi": "f",
            "formula_en": "f", "source": "s", "owner": "o", "period": ["month"], "unit": "u", "direction": "neutral",
            "decimals": 0, "numerator": {numerator}, "denominator": null, "scale": 1, "basis": "b"{more}}}]}}"#
        )
    };
    let good = measure(r#"{"day": ["left"]}"#);
    assert!(Definitions::load(&good, &indicators(r#"["a"]"#, "")).is_ok());
    for (rule, want) in [
        (r#"{"day": []}"#, "needs a `day`"),
        (r#"{"day": ["leaving"]}"#, "unknown day `leaving`"),
        (r#"{"day": ["performed"]}"#, "unknown day `performed`"),
        (r#"{"day": ["left"], "when": [{"field": "sort", "in": ["01"]}]}"#, "unknown field `sort`"),
        (r#"{"day": ["left"], "when": [{"field": "kind"}]}"#, "needs one operator"),
        (r#"{"day": ["left"], "when": [{"field": "kind", "in": [1]}]}"#, "`kind` is text"),
        (r#"{"day": ["left"], "when": [{"field": "cost", "in": ["1"]}]}"#, "`cost` is a number"),
        (r#"{"day": ["left"], "when": [{"field": "cost", "digits": 3}]}"#, "`cost` is a number"),
        (r#"{"day": ["left"], "when": [{"field": "kind", "in": ["01"], "present": true}]}"#, "needs one operator"),
        (r#"{"day": ["left"], "when": [{"field": "main_diagnosis", "between": ["A", "B99"]}]}"#, "three characters"),
        (r#"{"day": ["left"], "when": [{"some": "pills"}]}"#, "unknown table `pills`"),
        (r#"{"day": ["left"], "when": [{}]}"#, "needs one of"),
        (r#"{"day": ["left"], "where": [{"field": "group", "in": [8]}]}"#, "`where` without `each`"),
        (r#"{"day": ["left"], "value": "costs"}"#, "unknown number `costs`"),
        (r#"{"day": ["left"], "valid_from": "2025-02-30"}"#, "`2025-02-30` is no day"),
        (r#"{"day": ["left"], "wenn": []}"#, "unknown field `wenn`"),
    ] {
        let error = Definitions::load(&measure(rule), &indicators(r#"["a"]"#, "")).unwrap_err();
        assert!(matches!(&error, CubeError::Definition(e) if e.contains(want)), "{rule}: {error}");
    }
    for (numerator, more, want) in [
        (r#"["b"]"#, "", "unknown measure `b`"),
        (r#"["a:1"]"#, "", "has no items"),
        ("[]", "", "needs a measure"),
        (r#"["a"]"#, r#", "not_by": ["ward"]"#, "unknown split `ward`"),
        (r#"["a"]"#, r#", "kinds": "change""#, "unknown field"),
    ] {
        let error = Definitions::load(&good, &indicators(numerator, more)).unwrap_err();
        assert!(matches!(&error, CubeError::Definition(e) if e.contains(want)), "{numerator}{more}: {error}");
    }
}

/// A rule holds for its days only; a measure may change its rule and keep its number.
#[test]
fn rules_are_dated() {
    let measures = r#"{"measures": [{"id": "a", "number": 7, "name_vi": "a", "name_en": "a", "unit": "count", "rules": [
        {"day": ["left"], "valid_to": "2024-10-03", "value": 1}, {"day": ["left"], "valid_from": "2024-10-04", "value": 10}]}]}"#;
    let definitions = Definitions::load(measures, r#"{"groups": [], "indicators": []}"#).unwrap();
    for (day, want) in [("2024-10-03", 1), ("2024-10-04", 10)] {
        let claim = Claim { left: Day::parse_iso(day).unwrap(), ..Claim::default() };
        let values: Vec<i64> = facts(&definitions, &claim).iter().map(|f| f.value).collect();
        assert_eq!(values, [want], "{day}");
    }
}
