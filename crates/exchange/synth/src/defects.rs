//! Known ways to damage a claim, each refused by a rule of the insurer's portal.

use crate::calendar::{DAY_MINUTES, civil, day_of};
use crate::claim::{Claim, Layout};
use crate::identity::compact;
use crate::random::Chance;
use crate::xml::Row;

/// A way to damage a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// The total is one đồng too high.
    TotalOffByOne,
    /// `NGAY_VAO` is a 30 February.
    NoSuchDay,
    /// A negative amount.
    Negative,
    /// A required tag is empty.
    Missing,
    /// An ICD-10 code that is not in the list.
    UnknownDiagnosis,
    /// One line's amount is not quantity × price.
    WrongLine,
    /// A card of fourteen characters.
    ShortCard,
    /// Another facility's code inside.
    OtherFacility,
    /// Letters in a number.
    Letters,
    /// A sex outside the list.
    UnknownSex,
    /// Left before arriving.
    LeftBeforeArriving,
}

/// All of them.
pub const ALL: [Damage; 11] = [
    Damage::TotalOffByOne,
    Damage::NoSuchDay,
    Damage::Negative,
    Damage::Missing,
    Damage::UnknownDiagnosis,
    Damage::WrongLine,
    Damage::ShortCard,
    Damage::OtherFacility,
    Damage::Letters,
    Damage::UnknownSex,
    Damage::LeftBeforeArriving,
];

impl Damage {
    /// Name in the manifest, and the tag and rule it breaks.
    pub fn names(self) -> (&'static str, &'static str) {
        match self {
            Damage::TotalOffByOne => {
                ("total_off_by_one", "XML1.T_TONGCHI_BV (4210: T_TONGCHI): tổng khác tổng các dòng 1 đồng")
            }
            Damage::NoSuchDay => ("no_such_day", "XML1.NGAY_VAO: ngày 30/02 không có thật"),
            Damage::Negative => ("negative_amount", "XML1.T_BNCCT: số tiền âm"),
            Damage::Missing => ("missing_required", "XML1.HO_TEN: bắt buộc nhưng để trống"),
            Damage::UnknownDiagnosis => {
                ("unknown_icd10", "XML1.MA_BENH_CHINH (4210: MA_BENH): mã không có trong ICD-10")
            }
            Damage::WrongLine => ("wrong_line_sum", "XML3.THANH_TIEN_BV (4210: THANH_TIEN): khác số lượng × đơn giá"),
            Damage::ShortCard => ("short_card", "XML1.MA_THE_BHYT (4210: MA_THE): thẻ 14 ký tự"),
            Damage::OtherFacility => ("other_facility", "XML1.MA_CSKCB: khác MACSKCB của phong bì"),
            Damage::Letters => ("letters_in_number", "XML1.SO_NGAY_DTRI: có chữ trong trường số"),
            Damage::UnknownSex => ("unknown_sex", "XML1.GIOI_TINH: mã 9 ngoài danh mục"),
            Damage::LeftBeforeArriving => ("left_before_arriving", "XML1.NGAY_VAO sau NGAY_RA"),
        }
    }

    /// One that can be done to this claim.
    pub fn choose(claim: &Claim, chance: &mut Chance) -> Damage {
        match chance.one(&ALL) {
            Damage::ShortCard if !claim.insured() => Damage::Missing,
            Damage::WrongLine if claim.services.is_empty() => Damage::TotalOffByOne,
            chosen => chosen,
        }
    }

    /// Damages a row of XML1 or XML3 (`table`), the first of its table.
    pub fn apply(self, table: u8, row: &mut Row, claim: &Claim) {
        let old = claim.layout == Layout::L4210;
        let pick = |new: &'static str, before: &'static str| if old { before } else { new };
        match (self, table) {
            (Damage::TotalOffByOne, 1) => {
                row.replace(pick("T_TONGCHI_BV", "T_TONGCHI"), &dong(claim.total.cost + 100));
            }
            (Damage::NoSuchDay, 1) => row.replace("NGAY_VAO", &format!("{:04}02300800", civil(day_of(claim.left)).0)),
            (Damage::Negative, 1) => row.replace("T_BNCCT", &format!("-{}", dong(claim.total.copay.max(100_000)))),
            (Damage::Missing, 1) => row.replace("HO_TEN", ""),
            (Damage::UnknownDiagnosis, 1) => row.replace(pick("MA_BENH_CHINH", "MA_BENH"), "K99.9"),
            (Damage::WrongLine, 3) => {
                let cost = claim.services.first().map_or(0, |line| line.money.cost);
                row.replace(pick("THANH_TIEN_BV", "THANH_TIEN"), &dong(cost + 100_000));
            }
            (Damage::ShortCard, 1) => {
                let card = claim.who.card.as_ref().map_or("", |card| &card.number[..14]);
                row.replace(pick("MA_THE_BHYT", "MA_THE"), card);
            }
            (Damage::OtherFacility, 1) => {
                let inside = if row.value("MA_CSKCB") == Some("46010") { "46011" } else { "46010" };
                row.replace("MA_CSKCB", inside);
            }
            (Damage::Letters, 1) => row.replace("SO_NGAY_DTRI", "1O"),
            (Damage::UnknownSex, 1) => row.replace("GIOI_TINH", "9"),
            (Damage::LeftBeforeArriving, 1) => {
                row.replace("NGAY_VAO", &format!("{}0800", compact(day_of(claim.left + 3 * DAY_MINUTES))));
            }
            _ => {}
        }
    }
}

/// Hundredths of đồng as a decimal.
fn dong(cents: i64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}
