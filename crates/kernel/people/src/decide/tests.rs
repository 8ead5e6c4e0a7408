use super::*;
use mach_base::Day;

/// `name; birth (yyyy or yyyy-MM-dd); sex; national; insurance`, empty where unknown.
fn person(number: i64, text: &str) -> Candidate<'_> {
    let f: Vec<&str> = text.split(';').map(str::trim).collect();
    let day = Day::parse_iso(f[1]);
    let year = f[1].get(..4).map_or(0, |y| y.parse().unwrap());
    let known = |t: &'static str| (!t.is_empty()).then_some(t);
    let leak = |t: &str| -> &'static str { Box::leak(t.to_owned().into_boxed_str()) };
    Candidate {
        person: number,
        name: f[0],
        birth: Birth { year, day },
        sex: f[2].parse().unwrap_or(0),
        national_id: known(leak(f[3])),
        insurance_id: known(leak(f[4])),
    }
}

struct Case {
    why: &'static str,
    claim: &'static str,
    /// People who own the claim's national number, insurance number, facility number, and its earlier conflict.
    national: Option<(i64, &'static str)>,
    insurance: Option<(i64, &'static str)>,
    local: Option<(i64, &'static str)>,
    alone: Option<(i64, &'static str)>,
    person: Whose,
    doubts: &'static [(Reason, i64)],
}

const NONE: Case = Case {
    why: "",
    claim: HOA,
    national: None,
    insurance: None,
    local: None,
    alone: None,
    person: Whose::New,
    doubts: &[],
};
const fn is(person: i64) -> Whose {
    Whose::Existing(person)
}

const HOA: &str = "Nguyễn Thị Hoa; 1985-03-12; 2; 046185000001; 4620000001";
const HOA_NO_PAPERS: &str = "Nguyễn Thị Hoa; 1985-03-12; 2; ;";
const HOA_YEAR: &str = "Nguyễn Thị Hoa; 1985; 2; ;";
const HOA_TYPO: &str = "Nguyễn Thi Hoaa; 1985-03-12; 2; 046185000001; 4620000001";
const HOA_RENAMED: &str = "Nguyễn Thị Bích Phượng; 1985-03-12; 2; 046185000001; 4620000001";
const HOA_WRONG_YEAR: &str = "Nguyễn Thị Hoa; 1958-03-12; 2; 046185000001; 4620000001";
const HOA_OTHER_CARD: &str = "Nguyễn Thị Hoa; 1985-03-12; 2; ; 4620000099";
const HOA_OTHER_CCCD: &str = "Nguyễn Thị Hoa; 1985-03-12; 2; 046185000099; 4620000001";
const HOA_CMND: &str = "Nguyễn Thị Hoa; 1985-03-12; 2; 191000001; 4620000001";
const HOA_CARD_ONLY: &str = "Nguyễn Thị Hoa; 1985-03-12; 2; ; 4620000001";
const HOA_DAY: &str = "Nguyễn Thị Hoa; 1985-12-03; 2; ;";
const HOA_MALE: &str = "Nguyễn Thị Hoa; 1985-03-12; 1; ;";
const BINH: &str = "Trần Văn Bình; 1972-07-01; 1; 046072000002; 4620000002";
const BINH_NO_PAPERS: &str = "Trần Văn Bình; 1972-07-01; 1; ;";
const BINH_BORN_AS_HOA: &str = "Trần Văn Bình; 1985-03-12; 1; ; 4620000001";
const BINH_YEAR_OF_HOA: &str = "Trần Văn Bình; 1985-09-09; 1; 046185000001;";
const LAN_BORN_AS_HOA: &str = "Lê Lan; 1985-03-12; 2; ; 4620000001";
const NO_NAME: &str = "; ; ; ; 4620000001";

#[rustfmt::skip]
const CASES: &[Case] = &[
    Case { why: "nobody known", ..NONE },
    Case { why: "CCCD, all agrees", national: Some((1, HOA)), person: is(1), ..NONE },
    Case { why: "CCCD, slip in the name", national: Some((1, HOA_TYPO)), person: is(1), ..NONE },
    Case { why: "CCCD, other name, same birth", national: Some((1, HOA_RENAMED)), person: is(1), ..NONE },
    Case { why: "CCCD, other year, same name", national: Some((1, HOA_WRONG_YEAR)), person: is(1), ..NONE },
    Case { why: "CCCD, other name, same year only", national: Some((1, BINH_YEAR_OF_HOA)), person: is(1), ..NONE },
    Case { why: "CCCD of a stranger", national: Some((2, BINH)), doubts: &[(Reason::NationalIdOfAnother, 2)], ..NONE },
    Case { why: "CCCD, owner without name", national: Some((1, NO_NAME)), person: is(1), ..NONE },
    Case { why: "CCCD and card agree", national: Some((1, HOA)), insurance: Some((1, HOA)), person: is(1), ..NONE },
    Case { why: "CCCD, card and facility agree", national: Some((1, HOA)), insurance: Some((1, HOA)), local: Some((1, HOA)), person: is(1), ..NONE },
    Case { why: "CCCD one, card another", national: Some((1, HOA)), insurance: Some((2, BINH)), person: is(1), doubts: &[(Reason::TwoPeople, 2)], ..NONE },
    Case { why: "CCCD one, card her double", national: Some((1, HOA)), insurance: Some((3, HOA_CARD_ONLY)), person: is(1), doubts: &[(Reason::TwoPeople, 3)], ..NONE },
    Case { why: "stranger's CCCD, own card without CCCD", national: Some((2, BINH)), insurance: Some((3, HOA_CARD_ONLY)), person: is(3), doubts: &[(Reason::NationalIdOfAnother, 2)], ..NONE },
    Case { why: "stranger's CCCD, own card with own CCCD", national: Some((2, BINH)), insurance: Some((3, HOA_OTHER_CCCD)), doubts: &[(Reason::NationalIdOfAnother, 2), (Reason::InsuranceWithOtherNationalId, 3)], ..NONE },
    Case { why: "stranger's CCCD and card", national: Some((2, BINH)), insurance: Some((2, BINH)), doubts: &[(Reason::NationalIdOfAnother, 2)], ..NONE },
    Case { why: "stranger's CCCD, own facility number", national: Some((2, BINH)), local: Some((1, HOA_NO_PAPERS)), person: is(1), doubts: &[(Reason::NationalIdOfAnother, 2)], ..NONE },
    Case { why: "card, all agrees", insurance: Some((1, HOA_CARD_ONLY)), person: is(1), ..NONE },
    Case { why: "card, owner has the same CCCD kept elsewhere", insurance: Some((1, HOA)), person: is(1), ..NONE },
    Case { why: "card, other CCCD", insurance: Some((1, HOA_OTHER_CCCD)), doubts: &[(Reason::InsuranceWithOtherNationalId, 1)], ..NONE },
    Case { why: "card, CMND beside CCCD", insurance: Some((1, HOA_CMND)), person: is(1), ..NONE },
    Case { why: "card, other name, same birth, same sex", insurance: Some((1, LAN_BORN_AS_HOA)), person: is(1), ..NONE },
    Case { why: "card, other name and sex", insurance: Some((1, BINH_BORN_AS_HOA)), doubts: &[(Reason::InsuranceOfAnother, 1)], ..NONE },
    Case { why: "card of a stranger without CCCD", insurance: Some((2, "Trần Văn Bình; 1972; 1; ; 4620000001")), doubts: &[(Reason::InsuranceOfAnother, 2)], ..NONE },
    Case { why: "card, other name, birth unknown", insurance: Some((2, "Trần Văn Bình; ; ; ; 4620000001")), doubts: &[(Reason::InsuranceOfAnother, 2)], ..NONE },
    Case { why: "card, owner without particulars", insurance: Some((1, NO_NAME)), person: is(1), ..NONE },
    Case { why: "card, same name, other day", insurance: Some((1, "Nguyễn Thị Hoa; 1985-12-03; 2; ; 4620000001")), person: is(1), ..NONE },
    Case { why: "card, same name, other day and sex", insurance: Some((1, "Nguyễn Thị Hoa; 1985-12-03; 1; ; 4620000001")), doubts: &[(Reason::InsuranceOfAnother, 1)], ..NONE },
    Case { why: "card, year only", insurance: Some((1, "Nguyễn Thị Hoa; 1985; 2; ; 4620000001")), person: is(1), ..NONE },
    Case { why: "facility number, all agrees", local: Some((1, HOA_NO_PAPERS)), person: is(1), ..NONE },
    Case { why: "facility number, year only", local: Some((1, HOA_YEAR)), person: is(1), ..NONE },
    Case { why: "facility number, other day", local: Some((1, HOA_DAY)), doubts: &[(Reason::LocalIdOfAnother, 1)], ..NONE },
    Case { why: "facility number, other sex", local: Some((1, HOA_MALE)), doubts: &[(Reason::LocalIdOfAnother, 1)], ..NONE },
    Case { why: "facility number, other name", local: Some((1, LAN_BORN_AS_HOA)), doubts: &[(Reason::LocalIdOfAnother, 1)], ..NONE },
    Case { why: "facility number of a stranger", local: Some((2, BINH_NO_PAPERS)), ..NONE },
    Case { why: "facility number, no particulars known", local: Some((1, NO_NAME)), ..NONE },
    Case { why: "facility number, other card", local: Some((1, HOA_OTHER_CARD)), doubts: &[(Reason::LocalIdWithOtherNumbers, 1)], ..NONE },
    Case { why: "facility number, other CCCD", local: Some((1, HOA_OTHER_CCCD)), doubts: &[(Reason::LocalIdWithOtherNumbers, 1)], ..NONE },
    Case { why: "facility number, CMND beside CCCD", local: Some((1, HOA_CMND)), person: is(1), ..NONE },
    Case { why: "papers one, facility number her double", national: Some((1, HOA)), local: Some((3, HOA_NO_PAPERS)), person: is(1), doubts: &[(Reason::LocalIdOfTwin, 3)], ..NONE },
    Case { why: "papers one, facility number a stranger", national: Some((1, HOA)), local: Some((2, BINH)), person: is(1), ..NONE },
    Case { why: "card one, facility number her double", insurance: Some((1, HOA_CARD_ONLY)), local: Some((3, HOA_NO_PAPERS)), person: is(1), doubts: &[(Reason::LocalIdOfTwin, 3)], ..NONE },
    Case { why: "other CCCD on card, facility number agrees", insurance: Some((1, HOA_OTHER_CCCD)), local: Some((3, HOA_NO_PAPERS)), person: is(3), doubts: &[(Reason::InsuranceWithOtherNationalId, 1)], ..NONE },
    Case { why: "all three name three", national: Some((1, HOA)), insurance: Some((2, BINH)), local: Some((3, HOA_YEAR)), person: is(1), doubts: &[(Reason::TwoPeople, 2), (Reason::LocalIdOfTwin, 3)], ..NONE },
    Case { why: "doubted once, named twice", national: Some((2, BINH)), insurance: Some((2, BINH)), local: Some((2, BINH)), doubts: &[(Reason::NationalIdOfAnother, 2)], ..NONE },
    Case { why: "conflict met before", national: Some((2, BINH)), alone: Some((5, "Nguyễn Thị Hoa; 1985-03-12; 2; ; 4620000001")), person: is(5), doubts: &[(Reason::NationalIdOfAnother, 2)], ..NONE },
    Case { why: "conflict met before, now another card", national: Some((2, BINH)), alone: Some((5, HOA_OTHER_CARD)), doubts: &[(Reason::NationalIdOfAnother, 2)], ..NONE },
    Case { why: "a good number goes before the earlier conflict", national: Some((1, HOA)), alone: Some((5, HOA_NO_PAPERS)), person: is(1), ..NONE },
    Case { why: "claim without papers, nobody known", claim: HOA_NO_PAPERS, ..NONE },
    Case { why: "claim without papers, facility number agrees", claim: HOA_NO_PAPERS, local: Some((1, HOA)), person: is(1), ..NONE },
    Case { why: "claim with year only, facility number agrees", claim: HOA_YEAR, local: Some((1, HOA)), person: is(1), ..NONE },
    Case { why: "claim without name or birth, CCCD", claim: "; ; ; 046185000001;", national: Some((1, HOA)), person: is(1), ..NONE },
    Case { why: "claim without name or birth, facility number", claim: "; ; ; ;", local: Some((1, HOA)), ..NONE },
    Case { why: "passports change", claim: "John Smith; 1980-01-01; 1; C1234567;", local: Some((1, "John Smith; 1980-01-01; 1; B7654321;")), person: is(1), ..NONE },
];

fn check(case: &Case) {
    let claim = person(0, case.claim);
    let evidence = Evidence {
        facility: 1,
        local_id: "BN1",
        national_id: claim.national_id,
        insurance_id: claim.insurance_id,
        name: claim.name,
        birth: claim.birth,
        sex: claim.sex,
        ..Evidence::default()
    };
    let found = |who: Option<(i64, &'static str)>| who.map(|(number, text)| person(number, text));
    let candidates = Candidates {
        national: found(case.national),
        insurance: found(case.insurance),
        local: found(case.local),
        alone: found(case.alone),
    };
    let decision = decide(&evidence, &candidates);
    let doubts: Vec<(Reason, i64)> = decision.doubts.iter().map(|d| (d.reason, d.other)).collect();
    assert_eq!((decision.person, doubts.as_slice()), (case.person, case.doubts), "{}", case.why);
}

#[test]
fn every_case() {
    assert!(CASES.len() >= 40);
    CASES.iter().for_each(check);
}

#[test]
fn nobody_is_in_doubt_with_themselves() {
    for case in CASES {
        if let Whose::Existing(person) = case.person {
            assert!(case.doubts.iter().all(|(_, other)| *other != person), "{}", case.why);
        }
    }
}

#[test]
fn reasons_are_stored_by_number() {
    for (i, reason) in Reason::ALL.into_iter().enumerate() {
        assert_eq!(reason as i64, i as i64 + 1);
        assert_eq!(Reason::from_number(reason as i64), Some(reason));
    }
    assert_eq!(Reason::from_number(0), None);
}
