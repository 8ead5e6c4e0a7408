use super::*;
use crate::dossier::{BirthLine, Card, Line, LineTable, NoteLine, Paper, PersonOnClaim, ResultLine, Totals};
use mach_base::Day;
use mach_base::decimal::{Money, Quantity};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

struct Names;

impl DiagnosisNames for Names {
    fn name(&self, code: &str) -> Option<(&str, &str)> {
        match code {
            "I10" => Some(("Bệnh lý tăng huyết áp", "Essential (primary) hypertension")),
            "E11.9" => Some(("Đái tháo đường type 2, chưa có biến chứng", "")),
            _ => None,
        }
    }
}

const CONTEXT: Context<'_> = Context {
    claim: 42,
    version: 3,
    patient: "p7",
    facility_name: "Bệnh viện Giao thông vận tải",
    names: &Names,
    dispenses: false,
};

fn minute(text: &str) -> Minute {
    Minute::parse_compact(text).unwrap()
}

fn line(table: LineTable, number: u32, group: u8, name: &str) -> Line {
    Line {
        table,
        number,
        group,
        code: format!("{group}.{number}"),
        name: name.to_owned(),
        unit: "Viên".to_owned(),
        strength: String::new(),
        route: "1.01".to_owned(),
        dose: "Sáng 1 \"viên\"".to_owned(),
        instruction: String::new(),
        quantity: Quantity::parse("10.5").unwrap(),
        price: Quantity::parse("1200.125").unwrap(),
        cost: Money::parse("12601.31").unwrap(),
        insurer: Money::parse("10081.05").unwrap(),
        department: "K02".to_owned(),
        doctor: "0001234".to_owned(),
        diagnosis: "I10;E11.9".to_owned(),
        ordered: Some(minute("202503090845")),
        performed: (number == 1).then(|| minute("202503090930")),
        resulted: None,
    }
}

fn lines() -> Vec<Line> {
    use LineTable::{Drug, Service};
    let mut lines: Vec<Line> = (1..=6).map(|n| line(Drug, n, 4, "Amlodipin 5mg")).collect();
    let services =
        [(13, "Khám nội"), (1, "Định lượng HbA1c"), (2, "X-quang ngực"), (8, "Mổ"), (18, "Tiêm"), (15, "Giường")];
    lines.extend((1..).zip(services).map(|(n, (group, name))| line(Service, n, group, name)));
    lines.extend((7..=12).map(|n| line(Service, n, 10, "Bơm tiêm")));
    lines
}

fn dossier() -> Dossier {
    let result = |number, value: &str, unit: &str, conclusion: &str| ResultLine {
        number,
        service: "1.2".to_owned(),
        code: format!("CS{number}"),
        name: "Chỉ số".to_owned(),
        value: value.to_owned(),
        unit: unit.to_owned(),
        conclusion: conclusion.to_owned(),
        at: Some(minute("202503091000")),
        ..ResultLine::default()
    };
    Dossier {
        facility: "46001".to_owned(),
        link: "LK 1#2".to_owned(),
        person: PersonOnClaim {
            cards: vec![
                Card { number: "GD4464620000001".to_owned(), registered_at: "46001".to_owned(), ..Card::default() },
                Card { number: "HN2464620000001".to_owned(), from: Day::parse_iso("2025-03-01"), ..Card::default() },
            ],
            ..PersonOnClaim::default()
        },
        kind: "03".to_owned(),
        entry: "2".to_owned(),
        arrived: minute("202503090840"),
        left: minute("202503111000"),
        result: "2".to_owned(),
        leave: "1".to_owned(),
        departments: vec!["K02".to_owned(), "K19".to_owned()],
        main_diagnosis: "I10".to_owned(),
        other_diagnoses: vec!["E11.9".to_owned(), "Z99.9".to_owned()],
        diagnosis_text: "Tăng huyết áp độ 2".to_owned(),
        reason_text: "Đau đầu\nchóng mặt".to_owned(),
        referred_from: Some("46002".to_owned()),
        totals: Totals {
            cost: Money::parse("226823.58").unwrap(),
            insurer: Money::parse("181458.9").unwrap(),
            copay: Money::parse("45364.68").unwrap(),
            ..Totals::default()
        },
        lines: lines(),
        results: vec![
            result(1, "7.10", "%", ""),
            result(2, "<0.5", "mmol/l", ""),
            result(3, "Âm tính", "", "bình thường"),
            result(4, "", "", "Tim phổi bình thường"),
            result(5, "7,1", "G/L", ""),
        ],
        notes: vec![
            NoteLine {
                number: 1,
                text: "Tỉnh CSST<M75_T37.5_HA130/85_NT18_HL2>".to_owned(),
                author: "0001234".to_owned(),
                ..NoteLine::default()
            },
            NoteLine { number: 2, consultation: "Mời tim mạch".to_owned(), ..NoteLine::default() },
        ],
        births: vec![BirthLine {
            number: 1,
            weight_g: Some(3100),
            name: "Bé <A&B>".to_owned(),
            ..BirthLine::default()
        }],
        papers: vec![
            Paper { table: 6, number: 1, dated: None, fields: vec![("MA_LYDO_DTRI", "1".to_owned())] },
            Paper {
                table: 7,
                number: 1,
                dated: Day::parse_iso("2025-03-11"),
                fields: vec![("SO_LUU_TRU", "77".to_owned()), ("GHI_CHU", "a <b> & c\nd".to_owned())],
            },
        ],
        ..Dossier::default()
    }
}

fn bodies(dossier: &Dossier, context: &Context<'_>) -> BTreeMap<String, Value> {
    let mut out = BTreeMap::new();
    for resource in resources(dossier, context) {
        let value: Value = serde_json::from_str(&resource.body).unwrap_or_else(|e| panic!("{e}: {}", resource.body));
        assert_eq!(value["resourceType"], resource.kind.name());
        assert_eq!(value["id"], resource.id);
        let twice = out.insert(format!("{}/{}", resource.kind.name(), resource.id), value);
        assert_eq!(twice, None, "{} is written twice", resource.id);
    }
    out
}

fn all() -> BTreeMap<String, Value> {
    bodies(&dossier(), &CONTEXT)
}

fn references(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            into.extend(fields.get("reference").and_then(Value::as_str).map(str::to_owned));
            fields.values().for_each(|v| references(v, into));
        }
        Value::Array(items) => items.iter().for_each(|v| references(v, into)),
        _ => {}
    }
}

/// No empty string, list or object anywhere: FHIR has none.
fn full(value: &Value) -> bool {
    match value {
        Value::String(s) => !s.is_empty(),
        Value::Array(items) => !items.is_empty() && items.iter().all(full),
        Value::Object(fields) => !fields.is_empty() && fields.values().all(full),
        _ => true,
    }
}

#[test]
fn counts_by_type() {
    let mut counts = BTreeMap::<String, usize>::new();
    for name in all().keys() {
        *counts.entry(name.split('/').next().unwrap().to_owned()).or_default() += 1;
    }
    let expect = [
        ("Claim", 1),
        ("Condition", 3),
        ("Coverage", 2),
        ("DocumentReference", 2),
        ("Encounter", 1),
        ("MedicationRequest", 6),
        ("Observation", 5 + 2 + 4),
        ("Procedure", 4),
    ];
    assert_eq!(counts.iter().map(|(k, v)| (k.as_str(), *v)).collect::<Vec<_>>(), expect);
    let with = bodies(&dossier(), &Context { dispenses: true, ..CONTEXT });
    assert_eq!(with.keys().filter(|k| k.starts_with("MedicationDispense/")).count(), 1);
}

#[test]
fn references_stay_within_the_claim() {
    let all = bodies(&dossier(), &Context { dispenses: true, ..CONTEXT });
    let mut patients = 0;
    for (name, value) in &all {
        let mut found = Vec::new();
        references(value, &mut found);
        assert!(found.iter().any(|r| r == "Patient/p7"), "{name} names its patient");
        patients += 1;
        for reference in found {
            let outside = ["Patient/p7", "Organization/f46001"].contains(&reference.as_str());
            assert!(outside || all.contains_key(&reference), "{name} points to {reference}");
        }
    }
    assert_eq!(patients, all.len());
}

#[test]
fn every_fact_says_where_it_comes_from() {
    for (name, value) in all() {
        let source = value["meta"]["source"].as_str().unwrap();
        let (claim, place) = source.split_once("#XML").unwrap();
        assert_eq!(claim, "urn:mach:claim:46001:LK%201%232:3", "{name}");
        let id = name.split_once('/').unwrap().1;
        let expect = format!("c42-{}", place.replace('/', "-"));
        assert!(id == expect || id.strip_prefix(&expect).is_some_and(|part| part.starts_with('-')), "{name}: {source}");
        assert!(id.len() <= 64 && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'), "{id}");
    }
}

/// The least an accepted claim has.
fn named() -> Dossier {
    Dossier { facility: "46001".to_owned(), link: "1".to_owned(), ..Dossier::default() }
}

#[test]
fn nothing_is_empty_even_of_an_empty_claim() {
    let bare = Dossier {
        lines: vec![Line { name: String::new(), code: String::new(), ..line(LineTable::Drug, 1, 4, "") }],
        results: vec![ResultLine { number: 1, ..ResultLine::default() }],
        notes: vec![NoteLine { number: 1, ..NoteLine::default() }],
        births: vec![BirthLine { number: 1, ..BirthLine::default() }],
        ..named()
    };
    for dossier in [bare, dossier(), named()] {
        for (name, value) in bodies(&dossier, &Context { facility_name: "", ..CONTEXT }) {
            assert!(full(&value), "{name}: {value}");
        }
    }
}

#[test]
fn elements_that_must_be_there_are() {
    for (name, value) in bodies(&dossier(), &Context { dispenses: true, ..CONTEXT }) {
        let required: &[&str] = match name.split('/').next().unwrap() {
            "Encounter" => &["status", "class", "subject"],
            "Coverage" => &["status", "beneficiary", "payor"],
            "Condition" => &["subject", "code", "verificationStatus"],
            "MedicationRequest" => &["status", "intent", "medicationCodeableConcept", "subject"],
            "MedicationDispense" => &["status", "medicationCodeableConcept"],
            "Procedure" => &["status", "subject"],
            "Observation" => &["status", "code"],
            "DocumentReference" => &["status", "content"],
            "Claim" => &["status", "type", "use", "patient", "created", "provider", "priority", "insurance"],
            other => panic!("{other} is not expected"),
        };
        for element in required {
            assert!(!value[*element].is_null(), "{name} has no {element}");
        }
    }
}

/// Money as written, in hundredths: JSON numbers are read as text.
fn amount(value: &Value) -> Money {
    assert_eq!(value["currency"], "VND");
    Money::parse(&value["value"].to_string()).unwrap()
}

#[test]
fn amounts_are_those_of_the_claim() {
    let d = dossier();
    let claim = &all()["Claim/c42-1-1"];
    assert_eq!(amount(&claim["total"]), d.totals.cost);
    let items = claim["item"].as_array().unwrap();
    assert_eq!(items.len(), d.lines.len());
    for (item, line) in items.iter().zip(&d.lines) {
        assert_eq!(amount(&item["net"]), line.cost);
        assert_eq!(item["unitPrice"]["value"].to_string(), line.price.to_string());
        assert_eq!(item["quantity"]["value"].to_string(), line.quantity.to_string());
    }
    let net: Money = items.iter().map(|item| amount(&item["net"])).sum();
    assert_eq!(net, d.totals.cost);
    let payer = |tag: &str| {
        let url = format!("urn:mach:claim:{tag}");
        let extension = claim["extension"].as_array().unwrap().iter().find(|e| e["url"] == url.as_str()).unwrap();
        amount(&extension["valueMoney"])
    };
    assert_eq!((payer("T_BHTT"), payer("T_BNCCT")), (d.totals.insurer, d.totals.copay));
    assert_eq!(payer("T_BNTT"), Money::ZERO);
    let places: BTreeSet<&str> = items.iter().map(|i| i["extension"][0]["valueString"].as_str().unwrap()).collect();
    assert!(places.len() == items.len() && places.contains("XML2/6") && places.contains("XML3/12"));
}

#[test]
fn results_keep_their_digits() {
    let all = all();
    let value = |n: u32| &all[&format!("Observation/c42-4-{n}")];
    let quantity = |n: u32| value(n)["valueQuantity"].to_string();
    assert!(quantity(1).starts_with("{\"value\":7.1"), "{}", quantity(1));
    let written = resources(&dossier(), &CONTEXT).into_iter().find(|r| r.id == "c42-4-1").unwrap().body;
    assert!(written.contains("\"value\":7.10,\"unit\":\"%\",\"system\":\"http://unitsofmeasure.org\",\"code\":\"%\""));
    assert_eq!(
        quantity(2),
        r#"{"value":0.5,"comparator":"<","unit":"mmol/l","system":"http://unitsofmeasure.org","code":"mmol/L"}"#
    );
    assert_eq!((&value(3)["valueString"], &value(3)["note"][0]["text"]), (&"Âm tính".into(), &"bình thường".into()));
    assert_eq!(value(4)["valueString"], "Tim phổi bình thường");
    assert_eq!(value(5)["valueString"], "7,1 G/L");
    assert_eq!(value(1)["category"][0]["coding"][0]["code"], "laboratory");
}

#[test]
fn vital_signs_become_observations() {
    let all = all();
    let pressure = &all["Observation/c42-5-1-ha"];
    assert_eq!(pressure["code"]["coding"][0]["code"], "85354-9");
    let component = |n: usize| pressure["component"][n]["valueQuantity"].clone();
    assert_eq!((component(0)["value"].clone(), component(1)["value"].clone()), (130.into(), 85.into()));
    assert_eq!(component(0)["code"], "mm[Hg]");
    for (part, code, unit, value) in
        [("m", "8867-4", "/min", "75"), ("t", "8310-5", "Cel", "37.5"), ("nt", "9279-1", "/min", "18")]
    {
        let sign = &all[&format!("Observation/c42-5-1-{part}")];
        assert_eq!(sign["code"]["coding"][0]["code"], code);
        assert_eq!(sign["valueQuantity"]["code"], unit);
        assert_eq!(sign["valueQuantity"]["value"].to_string(), value);
        assert_eq!(sign["category"][0]["coding"][0]["code"], "vital-signs");
    }
    assert_eq!(all["Observation/c42-5-2"]["valueString"], "Hội chẩn: Mời tim mạch");
}

#[test]
fn diagnoses_have_vietnamese_names() {
    let all = all();
    let coding = &all["Condition/c42-1-1"]["code"]["coding"][0];
    assert_eq!((&coding["system"], &coding["code"]), (&frame::ICD10.into(), &"I10".into()));
    assert_eq!(coding["display"], "Bệnh lý tăng huyết áp");
    assert_eq!(coding["_display"]["extension"][0]["extension"][1]["valueString"], "Essential (primary) hypertension");
    assert_eq!(all["Condition/c42-1-1"]["code"]["text"], "Tăng huyết áp độ 2");
    assert_eq!(all["Condition/c42-1-2"]["code"]["text"], "Đái tháo đường type 2, chưa có biến chứng");
    assert_eq!(all["Condition/c42-1-3"]["code"]["text"], "Z99.9");
}

#[test]
fn papers_keep_every_field() {
    let all = all();
    let data = |id: &str| all[id]["content"][0]["attachment"]["data"].as_str().unwrap().to_owned();
    let paper = paper_fields(&data("DocumentReference/c42-7-1")).unwrap();
    assert_eq!(paper, [("SO_LUU_TRU".into(), "77".into()), ("GHI_CHU".into(), "a <b> & c\nd".into())]);
    let birth = paper_fields(&data("DocumentReference/c42-9-1")).unwrap();
    assert_eq!(birth, [("HO_TEN_CON".into(), "Bé <A&B>".into()), ("CAN_NANG_CON".into(), "3100".into())]);
    assert_eq!(all["DocumentReference/c42-7-1"]["description"], "Giấy ra viện");
    assert!(!all.contains_key("DocumentReference/c42-6-1"), "the HIV sheet makes no resource");
    for bad in ["", "!", "YQ=="] {
        assert_eq!(paper_fields(bad), None, "{bad}");
    }
}

#[test]
fn a_new_version_writes_the_same_ids() {
    let ids = |version, d: &Dossier| -> Vec<String> {
        resources(d, &Context { version, ..CONTEXT }).into_iter().map(|r| format!("{:?} {}", r.kind, r.id)).collect()
    };
    let first = dossier();
    let mut second = dossier();
    second.lines[0].quantity = Quantity::parse("3").unwrap();
    second.main_diagnosis = "J20".to_owned();
    assert_eq!(ids(1, &first), ids(2, &second));
    assert_eq!(resources(&first, &CONTEXT), resources(&first, &CONTEXT));
}

#[test]
fn a_withdrawal_has_none() {
    assert_eq!(resources(&Dossier { entry: "8".to_owned(), ..dossier() }, &CONTEXT), []);
}

#[test]
fn codes_are_found() {
    let found: Vec<NewResource> = resources(&dossier(), &CONTEXT)
        .into_iter()
        .filter(|r| r.index.iter().any(|v| matches!(v, IndexValue::Token { code, .. } if code == "I10")))
        .collect();
    assert_eq!(found.iter().map(|r| r.id.as_str()).collect::<Vec<_>>(), ["c42-1-1"]);
    let encounter = &resources(&dossier(), &CONTEXT)[0];
    let (low, high) = (dossier().arrived.0, dossier().left.0);
    assert!(encounter.index.contains(&IndexValue::Date { param: mach_fhir::index::Param::DATE, low, high }));
}

#[test]
fn exact_decimals_are_json() {
    for (text, shown) in [("7.10", "7.10"), ("07.1", "7.1"), ("-0.05", "-0.05"), ("12", "12"), ("0.0", "0.0")] {
        let shown_as = frame::Exact(text.parse().unwrap()).to_string();
        assert_eq!(shown_as, shown);
        assert!(serde_json::from_str::<Value>(&shown_as).is_ok());
    }
}
