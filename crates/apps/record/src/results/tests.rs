use super::*;
use mach_base::{Day, Minute};
use mach_fhir::ResourceType;

fn fact(day: &str, body: &str) -> Fact<ObservationBody> {
    let at = Minute(i64::from(Day::parse_iso(day).unwrap().0) * 1440);
    let body = serde_json::from_str(body).unwrap();
    Fact { kind: ResourceType::OBSERVATION, id: "c1-4-1".into(), at, origin: None, body }
}

/// `day code value unit`, newest first; a value may begin with a comparator.
fn laboratory(lines: &str) -> Vec<Fact<ObservationBody>> {
    let of = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let value = words[2].trim_start_matches(['<', '>']);
        let comparator = &words[2][..words[2].len() - value.len()];
        fact(
            words[0],
            &format!(
                r#"{{"category":[{{"coding":[{{"code":"laboratory"}}]}}],
                    "code":{{"coding":[{{"code":"{}"}}],"text":"tên {}"}},
                    "valueQuantity":{{"value":{value},"comparator":"{comparator}","unit":"{}"}}}}"#,
                words[1], words[1], words[3]
            ),
        )
    };
    lines.lines().map(str::trim).filter(|l| !l.is_empty()).map(of).collect()
}

const WOMAN: Subject = Subject { sex: 2, adult_from: None };

fn show(series: &Series) -> String {
    let newest = &series.newest().body;
    let number = |d: Decimal| mach_ui::format::signed(Lang::Vi, d, d.scale);
    format!(
        "{}: {} {} {:?} {} ×{}",
        series.name(Lang::Vi),
        newest.value(Lang::Vi),
        newest.unit(),
        series.flag,
        series.change.map_or("–".into(), number),
        series.values.len()
    )
}

#[test]
fn values_have_flag_change_and_trend() {
    let all = group(
        laboratory(
            "2026-03-18 HBA1C 7.8 %
             2026-03-18 K 4.1 mmol/L
             2026-03-01 CREA 92 umol/L
             2026-02-01 K 3.30 mmol/L
             2026-01-01 HBA1C 8.25 %
             2025-06-01 GLU 160 mg/dL
             2025-01-01 CRP <0.5 mg/L
             2024-01-01 HBA1C 6.5 %",
        ),
        WOMAN,
    );
    let shown: Vec<_> = all.laboratory.iter().map(show).collect();
    assert_eq!(
        shown,
        [
            "HbA1c: 7,8 % Some(High) −0,45 ×3",
            "Creatinin máu: 92 umol/L Some(High) – ×1",
            "Kali: 4,1 mmol/L Some(Normal) +0,80 ×2",
            "Glucose máu: 160 mg/dL None – ×1",
            "CRP: <\u{a0}0,5 mg/L Some(Normal) – ×1",
        ]
    );
}

#[test]
fn other_units_are_other_series_and_never_compared() {
    let all = group(laboratory("2026-03-18 GLU 8.9 mmol/L\n2026-01-01 GLU 160 mg/dL"), WOMAN);
    let shown: Vec<_> = all.laboratory.iter().map(show).collect();
    assert_eq!(shown, ["Glucose máu: 8,9 mmol/L Some(High) – ×1", "Glucose máu: 160 mg/dL None – ×1"]);
}

#[test]
fn children_are_not_judged_by_ranges_of_adults() {
    let girl = Subject { sex: 2, adult_from: Day::parse_iso("2026-03-18") };
    for (day, expect) in [("2026-03-17", None), ("2026-03-18", Some(Flag::Low))] {
        let all = group(laboratory(&format!("{day} HGB 105 g/L")), girl);
        assert_eq!((all.laboratory[0].flag, all.laboratory[0].range.is_some()), (expect, expect.is_some()), "{day}");
    }
}

#[test]
fn everything_stands_in_its_place() {
    let of = |category: &str, rest: &str| {
        let category = format!(r#""category":[{{"coding":[{{"code":"{category}"}}]}}]"#);
        fact("2026-03-18", &format!(r#"{{{category},"code":{{"text":"x"}},{rest}}}"#))
    };
    let pressure =
        r#""component":[{"valueQuantity":{"value":128,"unit":"mmHg"}},{"valueQuantity":{"value":79,"unit":"mmHg"}}]"#;
    let all = group(
        vec![
            of("exam", r#""valueString":"Tỉnh""#),
            of("imaging", r#""valueString":"Bình thường","note":[{"text":"Không thấy tổn thương"},{"text":""}]"#),
            of("procedure", r#""valueString":"Nhịp xoang""#),
            of("vital-signs", pressure),
            of("laboratory", r#""valueString":"Âm tính""#),
        ],
        WOMAN,
    );
    assert_eq!((all.notes.len(), all.findings.len(), all.vital.len(), all.laboratory.len()), (1, 2, 1, 1));
    assert_eq!(all.findings[0].body.notes().collect::<Vec<_>>(), ["Không thấy tổn thương"]);
    let shown = all.vital[0].newest().body.clone();
    assert_eq!((shown.value(Lang::Vi).as_str(), shown.unit()), ("128/79", "mmHg"));
    assert_eq!(all.laboratory[0].newest().body.value(Lang::Vi), "Âm tính");
}
