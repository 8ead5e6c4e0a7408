use mach_base::decimal::{Money, Quantity};

use super::*;
use crate::dossier::{Birth, LineTable};
use crate::layout::Layouts;
use crate::sample::{self, claim};
use mach_base::Minute;

#[test]
fn both_families_say_the_same() {
    let minute = |d: &str, clock: &str| Minute::parse_compact(&format!("{}{clock}", sample::day(d))).unwrap();
    for decision in ["4210", "130", "4750", "3176"] {
        let d = to_dossier(&claim(decision, "LK1", 2)).unwrap();
        assert_eq!((d.facility.as_str(), d.link.as_str()), ("46001", "LK1"));
        assert_eq!(d.written_on, Day::parse_compact(sample::day(decision)));
        assert_eq!((d.kind.as_str(), d.entry.as_str(), d.result.as_str(), d.leave.as_str()), ("03", "1.1", "2", "1"));
        assert_eq!((d.arrived, d.left, d.days), (minute(decision, "0700"), minute(decision, "1630"), 3));
        assert_eq!(d.departments, ["K01", "K02"]);
        assert_eq!(d.diagnoses().collect::<Vec<_>>(), ["J18.9", "I10", "E11.9"]);
        assert_eq!(d.diagnosis_text, "Viêm phổi");
        assert_eq!(d.weight_kg, Some(Quantity::parse("54.5").unwrap()));
        let t = d.totals;
        assert_eq!(
            [t.drugs, t.cost, t.covered, t.insurer, t.copay].map(|m| m.to_string()),
            ["120000", "150500.5", "150500.5", "120400.4", "30100.1"]
        );
        assert_eq!([t.supplies, t.patient, t.other], [Money::ZERO; 3]);

        let p = &d.person;
        assert_eq!((p.name.as_str(), p.sex.as_str(), p.local_id.as_str()), ("Nguyễn Thị Hoa", "2", "BN000123"));
        assert_eq!(p.birth, Birth { year: 1985, day: Day::from_ymd(1985, 4, 12), minute: None });
        assert_eq!(p.insurance_id.as_deref(), Some("0123456789"));
        assert_eq!(p.national_id.as_deref(), (decision != "4210").then_some("046185001234"));
        assert_eq!(
            p.cards.iter().map(|c| (c.number.as_str(), c.registered_at.as_str())).collect::<Vec<_>>(),
            [("DN4460123456789", "46001"), ("GD4460123456789", "46002")]
        );
        assert_eq!(p.cards[1].to, Day::from_ymd(2025, 12, 31));

        assert_eq!(
            d.lines.iter().map(|l| (l.table, l.number)).collect::<Vec<_>>(),
            [(LineTable::Drug, 1), (LineTable::Drug, 2), (LineTable::Service, 1), (LineTable::Service, 2)]
        );
        let (drug, service) = (&d.lines[0], &d.lines[2]);
        assert_eq!((drug.code.as_str(), drug.name.as_str(), drug.group), ("40.17", "Paracetamol", 4));
        assert_eq!((service.code.as_str(), service.name.as_str(), service.group), ("02.1897.0001", "Khám Nội", 13));
        for line in [drug, service] {
            assert_eq!((line.quantity.to_string(), line.price.to_string()), ("2.5".into(), "1000".into()));
            assert_eq!((line.cost.to_string(), line.insurer.to_string()), ("2500".into(), "2000".into()));
            assert_eq!((line.ordered, line.performed), (Some(minute(decision, "0730")), None));
        }
        assert_eq!((d.results[0].code.as_str(), d.results[0].value.as_str()), ("HBA1C", "6.5"));
        assert_eq!((d.notes[0].text.as_str(), d.notes[0].at), ("Tỉnh, HA120/70", Some(minute(decision, "0730"))));
    }
}

/// The dossier of a 3176 (or 4210) claim with one text changed.
fn with(decision: &str, table: u8, tag: &str, text: &str) -> Result<Dossier, ConvertError> {
    let mut claim = claim(decision, "LK1", 1);
    assert!(claim.set(table, 1, tag, Some(text)));
    to_dossier(&claim)
}

#[test]
fn birth_as_far_as_it_is_known() {
    let day = Day::from_ymd(2025, 3, 8);
    for (decision, text, expect) in [
        ("3176", "202503081405", Some((2025, day, Minute::parse_compact("202503081405")))),
        ("3176", "202503080000", Some((2025, day, None))),
        ("3176", "195000000000", Some((1950, None, None))),
        ("3176", "195006000000", Some((1950, None, None))),
        ("4210", "20250308", Some((2025, day, None))),
        ("4210", "1950", Some((1950, None, None))),
        ("3176", "202502300000", None),
        ("3176", "202503082460", None),
        ("3176", "", None),
        ("4210", "19500101x", None),
        ("4210", "năm1", None),
    ] {
        let birth = with(decision, 1, "NGAY_SINH", text).map(|d| d.person.birth).ok();
        assert_eq!(birth, expect.map(|(year, day, minute)| Birth { year, day, minute }), "{text}");
    }
}

#[test]
fn numbers_of_people() {
    for (text, kept) in [
        ("046185001234", true),
        ("123456789", true),
        ("B1234567", true),
        ("b1234567", false),
        ("0461850012", false),
        ("ữ12345", false),
        ("", false),
    ] {
        let id = with("3176", 1, "SO_CCCD", text).unwrap().person.national_id;
        assert_eq!(id, kept.then(|| text.to_owned()));
    }
    for (card, registered, id) in [
        ("DN4460123456789", "46001", Some("0123456789")),
        ("TE1460123456789", "46000", None),
        ("TE1460123456789", "46001", Some("0123456789")),
        ("DN4460000000000", "46001", None),
        ("DN446012345678", "46001", None),
        ("ĐN4460123456789", "46001", None),
        ("", "", None),
    ] {
        let mut claim = claim("3176", "LK1", 0);
        claim.set(1, 1, "MA_THE_BHYT", Some(card));
        claim.set(1, 1, "MA_DKBD", Some(registered));
        let person = to_dossier(&claim).unwrap().person;
        assert_eq!(person.insurance_id.as_deref(), id, "{card}");
        assert_eq!(person.cards.len(), usize::from(!card.is_empty()));
    }
}

#[test]
fn codes_carried_over() {
    for (tag, text, expect) in [
        ("MA_LYDO_VVIEN", "2", Some("2")),
        ("MA_LYDO_VVIEN", "3", Some("3.1")),
        ("MA_LYDO_VVIEN", "4", Some("1.11")),
        ("MA_LYDO_VVIEN", "", Some("")),
        ("MA_LYDO_VVIEN", "5", None),
    ] {
        assert_eq!(with("4210", 1, tag, text).map(|d| d.entry).ok().as_deref(), expect, "{tag} {text}");
    }
    for (decision, text, expect) in [
        ("4210", "1", Some("01")),
        ("4210", "9", Some("09")),
        ("4210", "03", Some("03")),
        ("4210", "7", None),
        ("130", "1", Some("01")),
        ("3176", "14", Some("14")),
    ] {
        assert_eq!(with(decision, 1, "MA_LOAI_KCB", text).map(|d| d.kind).ok().as_deref(), expect, "{decision} {text}");
    }
    let mut old = claim("4210", "LK1", 0);
    old.set(1, 1, "NGAY_VAO_NOI_TRU", Some("202203100800"));
    old.set(1, 1, "MA_NOI_CHUYEN", Some("46010"));
    let dossier = to_dossier(&old).unwrap();
    assert_eq!(
        (dossier.admitted, dossier.referred_from.as_deref()),
        (Minute::parse_compact("202203100800"), Some("46010"))
    );
}

#[test]
fn what_cannot_be_is_named() {
    for (table, tag, text) in [
        (1, "NGAY_VAO", ""),
        (1, "NGAY_RA", "202502301200"),
        (1, "NGAY_VAO_NOI_TRU", "hôm qua"),
        (1, "T_BHTT", "1.234"),
        (1, "T_BHTT", "1e3"),
        (1, "SO_NGAY_DTRI", "2.5"),
        (1, "CAN_NANG", "năm mươi"),
        (1, "GT_THE_TU", "20250101;2025"),
        (2, "MA_NHOM", "300"),
        (2, "MA_NHOM", ""),
        (2, "SO_LUONG", ""),
        (2, "DON_GIA", "99999999999999999999"),
        (3, "NGAY_TH_YL", "20250309"),
        (3, "THANH_TIEN_BV", "một"),
        (4, "NGAY_KQ", "0"),
        (5, "THOI_DIEM_DBLS", "0"),
    ] {
        let error = with("3176", table, tag, text).unwrap_err();
        assert_eq!(
            (error.table, error.line, error.tag.as_str(), error.text.as_str()),
            (table, 1, tag, text),
            "{error}"
        );
    }
    let layout = Layouts::shared().get("3176").unwrap();
    assert!(to_dossier(&RawClaim::new(layout, "46001", "")).is_err());
}

#[test]
fn births_and_papers() {
    let mut claim = claim("3176", "LK1", 0);
    claim.add_row(
        9,
        &[
            ("NGAY_SINH_CON", "202503091105"),
            ("GIOI_TINH_CON", "1"),
            ("CAN_NANG_CON", "3200.0"),
            ("SINHCON_PHAUTHUAT", "1"),
            ("NGUOI_DO_DE", "Lê Thị Mai"),
        ],
    );
    claim.add_row(9, &[("SINHCON_PHAUTHUAT", "0")]);
    claim.add_row(14, &[("NGAY_HEN_KL", "20250401"), ("NGAY_CT", "20250309"), ("HO_TEN", " ")]);
    claim.add_row(7, &[("GHI_CHU", "Nghi\u{309} 3 nga\u{300}y")]);
    let d = to_dossier(&claim).unwrap();
    assert_eq!(
        (d.births[0].weight_g, d.births[0].caesarean, d.births[0].attendant.as_str()),
        (Some(3200), true, "Lê Thị Mai")
    );
    assert_eq!((d.births[1].number, d.births[1].weight_g, d.births[1].caesarean), (2, None, false));
    let papers: Vec<_> = d.papers.iter().map(|p| (p.table, p.number, p.dated, p.fields.clone())).collect();
    let fields =
        |list: &[(&'static str, &str)]| list.iter().map(|(tag, text)| (*tag, (*text).to_owned())).collect::<Vec<_>>();
    assert_eq!(papers[0], (7, 1, None, fields(&[("GHI_CHU", "Nghỉ 3 ngày")])));
    assert_eq!(
        papers[1],
        (14, 1, Day::from_ymd(2025, 3, 9), fields(&[("NGAY_HEN_KL", "20250401"), ("NGAY_CT", "20250309")]))
    );
    let mut supply = crate::sample::claim("3176", "LK1", 0);
    supply.add_row(3, &[("MA_VAT_TU", "N01.02.010"), ("TEN_VAT_TU", "Bông"), ("MA_NHOM", "10"), ("SO_LUONG", "1")]);
    let line = to_dossier(&supply).unwrap().lines.remove(0);
    assert_eq!((line.code.as_str(), line.name.as_str(), line.price), ("N01.02.010", "Bông", Quantity::ZERO));
}
