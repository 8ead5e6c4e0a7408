//! One claim in the words of care, whatever layout it was written in: what the record, the cube and the pages read.

use mach_base::decimal::{Money, Quantity};
use mach_base::{Day, Minute};

/// A claim (hồ sơ đề nghị thanh toán) of one visit or stay, layouts 4210, 130, 4750 and 3176 alike.
///
/// Codes are those of `claims-codes.csv` in the 130 family's spelling; 4210 codes are carried over where they mean the
/// same (`MA_LOAI_KCB` 1 → `01`). Text is NFC and trimmed; an absent value is `None` or empty, never a guess.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dossier {
    /// `MACSKCB`, five characters.
    pub facility: String,
    /// `MA_LK`: the visit's key within the facility.
    pub link: String,
    /// `NGAYLAP` of the envelope.
    pub written_on: Option<Day>,
    /// The person, as this claim names them.
    pub person: PersonOnClaim,
    /// `MA_LOAI_KCB`, two digits.
    pub kind: String,
    /// `MA_DOITUONG_KCB` (130 family), or `MA_LYDO_VVIEN` carried over: 1→`1.1`, 2→`2`, 3→`3.1`, 4→`1.11`.
    pub entry: String,
    /// `NGAY_VAO`.
    pub arrived: Minute,
    /// `NGAY_VAO_NOI_TRU`.
    pub admitted: Option<Minute>,
    /// `NGAY_RA`.
    pub left: Minute,
    /// `SO_NGAY_DTRI` as written.
    pub days: i64,
    /// `KET_QUA_DTRI`.
    pub result: String,
    /// `MA_LOAI_RV`, or `TINH_TRANG_RV` carried over (1→1, 2→2, 3→3, 4→4).
    pub leave: String,
    /// `MA_KHOA` in order of treatment; never empty strings.
    pub departments: Vec<String>,
    /// `MA_BENH_CHINH`.
    pub main_diagnosis: String,
    /// `MA_BENH_KT`.
    pub other_diagnoses: Vec<String>,
    /// `CHAN_DOAN_RV` (4210: `TEN_BENH`).
    pub diagnosis_text: String,
    /// `LY_DO_VV`.
    pub reason_text: String,
    /// `MA_TAI_NAN`, empty or `0` where none.
    pub accident: String,
    /// `MA_NOI_DI`: the facility that referred here.
    pub referred_from: Option<String>,
    /// `MA_NOI_DEN`: the facility referred to.
    pub referred_to: Option<String>,
    /// `CAN_NANG`, kg.
    pub weight_kg: Option<Quantity>,
    /// Claim totals.
    pub totals: Totals,
    /// XML2 then XML3 lines, in the file's order.
    pub lines: Vec<Line>,
    /// XML4.
    pub results: Vec<ResultLine>,
    /// XML5.
    pub notes: Vec<NoteLine>,
    /// XML9: one per child.
    pub births: Vec<BirthLine>,
    /// XML6–XML8, XML10–XML15: papers, kept with all their fields.
    pub papers: Vec<Paper>,
}

/// The person of a claim.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PersonOnClaim {
    /// `MA_BN`: the facility's number.
    pub local_id: String,
    /// `HO_TEN`, as written.
    pub name: String,
    /// `NGAY_SINH`, with what is known of it.
    pub birth: Birth,
    /// `GIOI_TINH`: `1` male, `2` female, `3` undetermined.
    pub sex: String,
    /// `SO_CCCD`, if it has one of the legal shapes.
    pub national_id: Option<String>,
    /// The social-insurance number: the last ten digits of the card (`MA_THE_BHYT`), where there is a card.
    pub insurance_id: Option<String>,
    /// Cards of the claim, in order.
    pub cards: Vec<Card>,
    /// `DIEN_THOAI`.
    pub phone: Option<String>,
    /// `MA_DANTOC`.
    pub ethnicity: String,
    /// `MA_QUOCTICH`.
    pub nationality: String,
    /// `MA_NGHE_NGHIEP`.
    pub occupation: String,
    /// `DIA_CHI`.
    pub address: String,
    /// `MATINH_CU_TRU`.
    pub province: String,
    /// `MAHUYEN_CU_TRU`; empty after 2025-06-30.
    pub district: String,
    /// `MAXA_CU_TRU`; 4210 has none.
    pub commune: String,
}

/// A birth date as far as it is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Birth {
    /// The year.
    pub year: i32,
    /// The day, where month and day are known.
    pub day: Option<Day>,
    /// Minute of the day, where known.
    pub minute: Option<Minute>,
}

/// An insurance card (thẻ BHYT).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Card {
    /// `MA_THE_BHYT`, 15 characters.
    pub number: String,
    /// `MA_DKBD`.
    pub registered_at: String,
    /// `GT_THE_TU`.
    pub from: Option<Day>,
    /// `GT_THE_DEN`.
    pub to: Option<Day>,
}

/// Claim totals (XML1), as written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// `T_THUOC`.
    pub drugs: Money,
    /// `T_VTYT`.
    pub supplies: Money,
    /// `T_TONGCHI_BV`; 4210: `T_TONGCHI`.
    pub cost: Money,
    /// `T_TONGCHI_BH`; 4210: `T_TONGCHI`.
    pub covered: Money,
    /// `T_BHTT`: asked of the insurer.
    pub insurer: Money,
    /// `T_BNCCT`: co-payment.
    pub copay: Money,
    /// `T_BNTT`: paid by the patient outside the scope.
    pub patient: Money,
    /// `T_NGUONKHAC`.
    pub other: Money,
}

/// Which table a line stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LineTable {
    /// XML2: drugs, blood.
    Drug,
    /// XML3: services, beds, supplies.
    Service,
}

/// A cost line of XML2 or XML3.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// Its table.
    pub table: LineTable,
    /// Position in the table, from 1.
    pub number: u32,
    /// `MA_NHOM`.
    pub group: u8,
    /// `MA_THUOC`, `MA_DICH_VU`, or `MA_VAT_TU` where there is no service.
    pub code: String,
    /// `TEN_THUOC`, `TEN_DICH_VU` or `TEN_VAT_TU`.
    pub name: String,
    /// `DON_VI_TINH`.
    pub unit: String,
    /// `HAM_LUONG`.
    pub strength: String,
    /// `DUONG_DUNG`.
    pub route: String,
    /// `LIEU_DUNG`.
    pub dose: String,
    /// `CACH_DUNG`.
    pub instruction: String,
    /// `SO_LUONG`.
    pub quantity: Quantity,
    /// `DON_GIA` (XML2), `DON_GIA_BV` (XML3).
    pub price: Quantity,
    /// `THANH_TIEN_BV`; 4210: `THANH_TIEN`.
    pub cost: Money,
    /// `T_BHTT`.
    pub insurer: Money,
    /// `MA_KHOA`.
    pub department: String,
    /// `MA_BAC_SI`.
    pub doctor: String,
    /// `MA_BENH`.
    pub diagnosis: String,
    /// `NGAY_YL`.
    pub ordered: Option<Minute>,
    /// `NGAY_TH_YL`.
    pub performed: Option<Minute>,
    /// `NGAY_KQ`.
    pub resulted: Option<Minute>,
}

/// A result line of XML4.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ResultLine {
    /// Position, from 1.
    pub number: u32,
    /// `MA_DICH_VU`.
    pub service: String,
    /// `MA_CHI_SO`.
    pub code: String,
    /// `TEN_CHI_SO`.
    pub name: String,
    /// `GIA_TRI`.
    pub value: String,
    /// `DON_VI_DO`.
    pub unit: String,
    /// `MO_TA`.
    pub description: String,
    /// `KET_LUAN`.
    pub conclusion: String,
    /// `NGAY_KQ`.
    pub at: Option<Minute>,
    /// `MA_BS_DOC_KQ`.
    pub reader: String,
}

/// A note of XML5.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NoteLine {
    /// Position, from 1.
    pub number: u32,
    /// `DIEN_BIEN_LS` (4210: `DIEN_BIEN`).
    pub text: String,
    /// `HOI_CHAN`.
    pub consultation: String,
    /// `PHAU_THUAT`.
    pub procedure: String,
    /// `THOI_DIEM_DBLS` (4210: `NGAY_YL`).
    pub at: Option<Minute>,
    /// `NGUOI_THUC_HIEN`.
    pub author: String,
}

/// A child of XML9.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BirthLine {
    /// Position, from 1.
    pub number: u32,
    /// `NGAY_SINH_CON`.
    pub at: Option<Minute>,
    /// `GIOI_TINH_CON`.
    pub sex: String,
    /// `CAN_NANG_CON`, grams.
    pub weight_g: Option<i64>,
    /// `SINHCON_PHAUTHUAT` = 1.
    pub caesarean: bool,
    /// `NGUOI_DO_DE`.
    pub attendant: String,
    /// `HO_TEN_CON`.
    pub name: String,
}

/// A paper that travels with a claim: discharge paper, summary, leave certificate, transfer, appointment, programme sheet.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Paper {
    /// Table number: 6–8, 10–15.
    pub table: u8,
    /// Position, from 1.
    pub number: u32,
    /// `NGAY_CT` where the paper has one.
    pub dated: Option<Day>,
    /// Every field with a value, in the layout's order: tag and text.
    pub fields: Vec<(&'static str, String)>,
}

/// Kinds that are inpatient stays: inpatient, day-inpatient, observation at a station, under four hours.
pub const INPATIENT_KINDS: [&str; 4] = ["03", "04", "06", "09"];
/// Kinds that are outpatient visits with an examination.
pub const OUTPATIENT_KINDS: [&str; 9] = ["01", "02", "05", "08", "10", "11", "12", "13", "14"];

impl Dossier {
    /// Whether this claim withdraws an earlier one (`MA_DOITUONG_KCB` 8): it is kept, and counts nowhere.
    pub fn withdrawn(&self) -> bool {
        self.entry == "8"
    }

    /// Whether it is an inpatient stay.
    pub fn inpatient(&self) -> bool {
        INPATIENT_KINDS.contains(&self.kind.as_str())
    }

    /// Main diagnosis, then the others.
    pub fn diagnoses(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.main_diagnosis.as_str()).chain(self.other_diagnoses.iter().map(String::as_str))
    }
}
