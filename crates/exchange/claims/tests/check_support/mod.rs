//! Claims to check, built in code: one that is right in every layout, and small changes of it.

pub mod cases;

use mach_claims::check::{Codes, Report, Rules, report};
use mach_claims::layout::{Field, Kind, Layout, Layouts, Need};
use mach_claims::{Problem, RawClaim};
use mach_terms::Icd10;

/// A claim before it becomes one: rows of tables, each a list of tags and texts.
#[derive(Clone)]
pub struct Draft {
    layout: &'static Layout,
    facility: String,
    written_on: String,
    rows: Vec<(u8, Vec<(String, String)>)>,
    problems: Vec<&'static str>,
    own: Vec<String>,
}

/// Year and month of the claim in `decision`: a day on which it is in force.
fn month(decision: &str) -> &'static str {
    match decision {
        "4210" => "201903",
        "130" => "202306",
        "4750" => "202408",
        _ => "202503",
    }
}

/// What stands in `tag` of any table; `%` is the month. Empty: left to [`filler`].
fn common(decision: &str, tag: &str) -> &'static str {
    match tag {
        "MA_LK" => "LK001",
        "STT" => "1",
        "MA_BN" | "MA_YTE" => "BN001",
        "HO_TEN" => "NGUYỄN THỊ AN",
        "SO_CCCD" => "046185000001",
        "NGAY_SINH" if decision == "4210" => "19850520",
        "NGAY_SINH" => "198505200000",
        "GIOI_TINH" => "2",
        "MA_QUOCTICH" => "000",
        "MA_DANTOC" => "01",
        "MA_NGHE_NGHIEP" => "00000",
        "DIA_CHI" => "12 Lê Lợi",
        "MATINH_CU_TRU" => "46",
        "MAHUYEN_CU_TRU" => "474",
        "MAXA_CU_TRU" => "19789",
        "MA_THE_BHYT" | "MA_THE" => "DN4460012345678",
        "MA_DKBD" | "MA_CSKCB" | "NOI_LAY_MAU_XN" | "NOI_XN_KD" | "NOI_BDDT_ARV" => "46001",
        "GT_THE_TU" => "20180101",
        "GT_THE_DEN" => "20281231",
        "MA_BENH_CHINH" | "MA_BENH" => "J18.9",
        "MA_BENH_KT" | "MA_BENHKHAC" => "I10;E11.9",
        "MA_DOITUONG_KCB" => "1.1",
        "NGAY_VAO" => "%100800",
        "NGAY_VAO_NOI_TRU" => "%100830",
        "NGAY_RA" => "%121000",
        "SO_NGAY_DTRI" => "3",
        "MA_LOAI_KCB" if decision == "4210" => "3",
        "MA_LOAI_KCB" => "03",
        "MA_KHOA" | "MA_KHOA_RV" => "K03",
        "CAN_NANG" => "52.5",
        "MA_TTDV" => "4620000001",
        "MA_BHXH" => "4620000002",
        _ => "",
    }
}

/// Tags that are optional and filled all the same, in XML0 to XML3.
const ALSO: [&str; 10] = [
    "SO_CCCD",
    "MA_THE_BHYT",
    "MA_DKBD",
    "GT_THE_TU",
    "GT_THE_DEN",
    "MA_BENH_KT",
    "MA_BENHKHAC",
    "NGAY_VAO_NOI_TRU",
    "NGAY_SINH",
    "STT",
];

/// Something legal for a required field that no check looks at more closely.
fn filler(field: &Field) -> &'static str {
    let notes = &field.notes;
    if notes.contains("fmt yyyyMMddHHmm") {
        "%121000"
    } else if notes.contains("fmt yyyyMMdd") {
        "%12"
    } else if field.kind == Kind::Number || field.code_list.as_ref().is_some_and(|l| !l.starts_with("EXT")) {
        "1"
    } else {
        "X"
    }
}

/// Amounts of lines: table, then `TAG=text` of each line. 4210 has its own names for them.
const LINES: [(u8, &str, &str); 6] = [
    (
        2,
        "MA_THUOC=40.1 MA_NHOM=4 TEN_THUOC=Thuốc SO_DANG_KY=VD-1-20 TT_THAU=12/QĐ;G1;N2;2024 PHAM_VI=1 TYLE_TT_BH=100 \
        SO_LUONG=10 DON_GIA=1250.5 THANH_TIEN_BV=12505 THANH_TIEN_BH=12505 MUC_HUONG=80 T_BNTT=0 T_BNCCT=2501 T_BHTT=10004",
        "TYLE_TT=100 THANH_TIEN=12505",
    ),
    (
        3,
        "MA_DICH_VU=02.1896 MA_NHOM=13 TEN_DICH_VU=Khám PHAM_VI=1 SO_LUONG=1 DON_GIA_BV=42100 DON_GIA_BH=42100 \
        TYLE_TT_BH=100 THANH_TIEN_BV=42100 THANH_TIEN_BH=42100 MUC_HUONG=80 T_BNTT=0 T_BNCCT=8420 T_BHTT=33680 MA_KHOA=K01",
        "DON_GIA=42100 TYLE_TT=100 THANH_TIEN=42100",
    ),
    (
        3,
        "MA_DICH_VU=23.0003.1494 MA_NHOM=1 TEN_DICH_VU=Glucose PHAM_VI=1 SO_LUONG=1 DON_GIA_BV=21800 DON_GIA_BH=21800 \
        TYLE_TT_BH=100 THANH_TIEN_BV=21800 THANH_TIEN_BH=21800 MUC_HUONG=80 T_BNTT=0 T_BNCCT=4360 T_BHTT=17440 \
        NGUOI_THUC_HIEN=001 NGAY_TH_YL=%100850 NGAY_KQ=%100900 MA_MAY=SH.1.46001.A1",
        "DON_GIA=21800 TYLE_TT=100 THANH_TIEN=21800",
    ),
    (
        3,
        "MA_DICH_VU=18.0119.0028 MA_NHOM=2 TEN_DICH_VU=X-quang PHAM_VI=1 SO_LUONG=1 DON_GIA_BV=70000 DON_GIA_BH=65400 \
        TYLE_TT_BH=100 THANH_TIEN_BV=70000 THANH_TIEN_BH=65400 MUC_HUONG=80 T_BNTT=4600 T_BNCCT=13080 T_BHTT=52320 \
        NGUOI_THUC_HIEN=001 NGAY_TH_YL=%100850 NGAY_KQ=%100900 MA_MAY=XQ.1.46001.A1",
        "DON_GIA=65400 TYLE_TT=100 THANH_TIEN=65400 T_BNTT=0",
    ),
    (
        3,
        "MA_VAT_TU=N03.01 MA_NHOM=10 TEN_VAT_TU=Bơm PHAM_VI=1 SO_LUONG=2 DON_GIA_BV=10000 DON_GIA_BH=10000 TYLE_TT_BH=50 \
        THANH_TIEN_BV=20000 THANH_TIEN_BH=10000 MUC_HUONG=80 T_BNTT=10000 T_BNCCT=2000 T_BHTT=8000 TT_THAU=12/QĐ;G1;N1;2024",
        "DON_GIA=10000 TYLE_TT=50 THANH_TIEN=10000 T_BNTT=0",
    ),
    (
        3,
        "MA_DICH_VU=K03.1918 MA_NHOM=15 TEN_DICH_VU=Giường PHAM_VI=1 SO_LUONG=3 DON_GIA_BV=200000 DON_GIA_BH=200000 \
        TYLE_TT_BH=100 THANH_TIEN_BV=600000 THANH_TIEN_BH=600000 MUC_HUONG=80 T_BNTT=0 T_BNCCT=120000 T_BHTT=480000",
        "DON_GIA=200000 TYLE_TT=100 THANH_TIEN=600000",
    ),
];
/// Of every line.
const EVERY_LINE: &str = "NGAY_YL=%100840 MA_PTTT=1 NGUON_CTRA=1 T_NGUONKHAC_NSNN=0 T_NGUONKHAC_VTNN=0 \
    T_NGUONKHAC_VTTN=0 T_NGUONKHAC_CL=0 T_NGUONKHAC=0 TYLE_TT_DV=100 T_NGOAIDS=0";
/// Totals that follow.
const TOTALS: &str = "T_THUOC=12505 T_VTYT=20000 T_TONGCHI_BV=766405 T_TONGCHI_BH=751805 T_BNTT=14600 T_BNCCT=150361 \
    T_BHTT=601444 T_NGUONKHAC=0 T_BHTT_GDV=601444";
const TOTALS_4210: &str = "T_TONGCHI=751805 T_VTYT=10000 T_BNTT=0 T_NGOAIDS=0 NGAY_TTOAN=%121000";
/// Of other tables, one entry per row.
const OTHERS: [(u8, &str); 14] = [
    (4, "MA_DICH_VU=23.0003.1494 MA_CHI_SO=GLU TEN_CHI_SO=Glucose GIA_TRI=5.1 NGAY_KQ=%100900"),
    (4, "MA_DICH_VU=18.0119.0028 TEN_CHI_SO=X-quang KET_LUAN=Tốt"),
    (5, "DIEN_BIEN_LS=Khá THOI_DIEM_DBLS=%101500"),
    (
        6,
        "LOAI_DTRI_LAO=0 MA_TINH_TRANG_DK=9 MA_XU_TRI=1 NGAY_BAT_DAU_XU_TRI=%10 NGAY_KET_THUC_XU_TRI=%12 \
        SO_NGAY_CAP_THUOC_ARV=2",
    ),
    (7, "MA_KHOA_RV=K03"),
    (8, "TOMTAT_KQ=Gọn"),
    (9, "MA_BHXH_NND=4620000002"),
    (10, "CHAN_DOAN_RV=Nghỉ·dưỡng·thai SO_NGAY=3 TU_NGAY=%10 DEN_NGAY=%12"),
    (11, "SO_NGAY_NGHI=3 TU_NGAY=%10 DEN_NGAY=%12"),
    (13, ""),
    (14, "NGAY_HEN_KL=%26"),
    (15, ""),
    (0, "MA_DOITUONG_KCB=2 MA_DICH_VU=02.1896 TEN_DICH_VU=Khám LY_DO_VNT=Sốt"),
    (1, "NAM_QT=# THANG_QT=12 NGAY_TAI_KHAM=%26"),
];

impl Draft {
    /// A right claim of `decision`; of `3176/0` and its like a right check-in.
    pub fn of(decision: &str) -> Self {
        let (decision, check_in) = decision.split_once('/').map_or((decision, false), |(d, _)| (d, true));
        let layout = Layouts::shared().get(decision).unwrap();
        let mut draft = Self {
            layout,
            facility: "46001".into(),
            written_on: format!("{}13", month(decision)),
            rows: Vec::new(),
            problems: Vec::new(),
            own: Vec::new(),
        };
        let old = decision == "4210";
        let head = OTHERS.iter().find(|(t, _)| *t == 1).unwrap().1;
        if check_in {
            draft.push(0, &[OTHERS.iter().find(|(t, _)| *t == 0).unwrap().1]);
            return draft;
        }
        draft.push(1, &[head, TOTALS, if old { TOTALS_4210 } else { "" }]);
        for (table, line, line_4210) in LINES {
            draft.push(table, &[EVERY_LINE, line, if old { line_4210 } else { "" }]);
        }
        for (table, row) in OTHERS.iter().filter(|(t, _)| *t > 1) {
            draft.push(*table, &[row]);
        }
        draft
    }

    /// Adds a row: required fields filled, then these texts where the layout has the tag.
    fn push(&mut self, number: u8, texts: &[&str]) {
        let Some(table) = self.layout.table(number) else { return };
        let decision = self.layout.decision.as_str();
        let mut row: Vec<(String, String)> = Vec::new();
        for field in &table.fields {
            let said =
                texts.iter().rev().flat_map(|t| t.split(' ')).find_map(|t| t.strip_prefix(&format!("{}=", field.tag)));
            let filled = field.required == Need::Required || number <= 3 && ALSO.contains(&field.tag.as_str());
            let text = match (said, common(decision, &field.tag)) {
                (Some(text), _) => text,
                (None, "") if filled && field.required == Need::Required => filler(field),
                (None, text) if filled => text,
                _ => continue,
            };
            row.push((field.tag.clone(), text.to_owned()));
        }
        let line = self.rows.iter().filter(|(t, _)| *t == number).count() + 1;
        if let Some((_, stt)) = row.iter_mut().find(|(tag, _)| tag == "STT") {
            *stt = line.to_string();
        }
        self.rows.push((number, row));
    }

    /// Changes it. Steps are joined by ` | `: `3:2 TAG=text` (row 2 of XML3; `1 TAG=text` is row 1), `-4` drops XML4,
    /// `+3:2` repeats that row, `!ID` a problem the reader found, `?ID` a finding of the caller, `@46002` the envelope's
    /// facility, `~20250311` its day. `%` stands for the month, `·` for a space.
    pub fn change(mut self, steps: &str) -> Self {
        for step in steps.split(" | ").filter(|s| !s.is_empty()) {
            let (mark, rest) = step.split_at(1);
            match mark {
                "-" => {
                    let table: u8 = rest.parse().unwrap();
                    self.rows.retain(|(t, _)| *t != table);
                }
                "+" => {
                    let (table, at) = self.place(rest);
                    let row = self.rows[at].1.clone();
                    self.rows.push((table, row));
                }
                "!" => self.problems.push(rest.to_owned().leak()),
                "?" => self.own.push(rest.to_owned()),
                "@" => self.facility = rest.to_owned(),
                "~" => self.written_on = rest.to_owned(),
                _ => self.set(step),
            }
        }
        self
    }

    fn place(&self, place: &str) -> (u8, usize) {
        let (table, line) = place.split_once(':').unwrap_or((place, "1"));
        let (table, line): (u8, usize) = (table.parse().unwrap(), line.parse().unwrap());
        let found = self.rows.iter().enumerate().filter(|(_, (t, _))| *t == table).nth(line - 1);
        (table, found.unwrap_or_else(|| panic!("no row {place}")).0)
    }

    fn set(&mut self, step: &str) {
        let (place, rest) = step.split_once(' ').unwrap();
        let (tag, text) = rest.split_once('=').unwrap();
        let (table, at) = self.place(place);
        let known = self.layout.table(table).unwrap().index(tag).is_some();
        assert!(known, "layout {} has no {tag} in XML{table}", self.layout.decision);
        let row = &mut self.rows[at].1;
        row.retain(|(t, _)| t != tag);
        row.push((tag.to_owned(), text.to_owned()));
    }

    /// The claim.
    pub fn claim(&self) -> RawClaim {
        let month = month(&self.layout.decision);
        let written_on = self.written_on.replace('%', month);
        let mut claim = RawClaim::new(self.layout, &self.facility, &written_on);
        for (table, row) in &self.rows {
            let text = |t: &str| t.replace('·', " ").replace('%', month).replace('#', &month[..4]);
            let row: Vec<_> = row.iter().map(|(tag, t)| (tag.as_str(), text(t))).collect();
            let row: Vec<_> = row.iter().map(|(tag, t)| (*tag, t.as_str())).collect();
            assert!(claim.add_row(*table, &row));
        }
        claim.problems = self.problems.iter().map(|id| Problem::new(id, ["a", "b"])).collect();
        claim
    }

    /// What its check says.
    pub fn report(&self) -> Report {
        let rules = Rules::shared();
        let mut report = report(&self.claim(), rules, Codes::shared(), Icd10::shared());
        for id in &self.own {
            report.push(rules.finding(id, "LK001", ["46001".to_owned(), "46002".to_owned()]));
        }
        report
    }
}
