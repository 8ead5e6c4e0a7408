//! A checked claim in the words of care.
//!
//! Conversion never guesses: an empty field is `None` or empty, and a text that cannot be what its field says is an
//! error that names it. The checks refuse such claims before; this is the second lock.

mod field;
mod lines;
mod person;

use mach_base::Day;

use self::field::{Fields, list};
use crate::dossier::{Dossier, Totals};
use crate::layout::Family;
use crate::raw::RawClaim;

/// A text that cannot be what its field says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("XML{table}:{line} {tag}: `{text}` is not {expected}")]
pub struct ConvertError {
    /// Table.
    pub table: u8,
    /// Row, from 1.
    pub line: u32,
    /// Tag.
    pub tag: String,
    /// What stands there, cut at 100 characters.
    pub text: String,
    /// What should.
    pub expected: &'static str,
}

/// 4210's `MA_LOAI_KCB` and the 130 family's.
const KINDS: [(&str, &str); 4] = [("1", "01"), ("2", "02"), ("3", "03"), ("9", "09")];
/// 4210's `MA_LYDO_VVIEN` and the `MA_DOITUONG_KCB` that means the same.
const ENTRIES: [(&str, &str); 4] = [("1", "1.1"), ("2", "2"), ("3", "3.1"), ("4", "1.11")];

/// What `claim` says, in the words of care.
///
/// # Errors
/// The first text that cannot be what its field says. A check-in, which has no XML1, is one.
pub fn to_dossier(claim: &RawClaim) -> Result<Dossier, ConvertError> {
    let missing = || ConvertError {
        table: 1,
        line: 1,
        tag: "MA_LK".to_owned(),
        text: String::new(),
        expected: "a claim with XML1",
    };
    let head = Fields::new(claim.table(1).and_then(|t| t.row(1)).ok_or_else(missing)?, claim.family);
    let old = claim.family == Family::Q4210;
    let by_family = |new, before| if old { before } else { new };
    let facility = |tag| Some(head.code(tag)).filter(|code| !code.is_empty());
    Ok(Dossier {
        facility: claim.facility.clone(),
        link: head.text("MA_LK"),
        // Some exporters put the time behind the day.
        written_on: claim.written_on.get(..8).and_then(Day::parse_compact),
        person: person::person(head)?,
        kind: kind(head, old)?,
        entry: if old { head.carried("MA_LYDO_VVIEN", &ENTRIES)? } else { head.code("MA_DOITUONG_KCB") },
        arrived: head.minute("NGAY_VAO")?,
        admitted: head.minute_or_none("NGAY_VAO_NOI_TRU")?,
        left: head.minute("NGAY_RA")?,
        days: head.integer("SO_NGAY_DTRI")?.unwrap_or_default(),
        result: head.code("KET_QUA_DTRI"),
        leave: head.code(by_family("MA_LOAI_RV", "TINH_TRANG_RV")),
        departments: list(head.get("MA_KHOA")),
        main_diagnosis: head.code(by_family("MA_BENH_CHINH", "MA_BENH")),
        other_diagnoses: list(head.get(by_family("MA_BENH_KT", "MA_BENHKHAC"))),
        diagnosis_text: head.text(by_family("CHAN_DOAN_RV", "TEN_BENH")),
        reason_text: head.text("LY_DO_VV"),
        accident: head.code("MA_TAI_NAN"),
        referred_from: facility(by_family("MA_NOI_DI", "MA_NOI_CHUYEN")),
        referred_to: facility("MA_NOI_DEN"),
        weight_kg: head.quantity("CAN_NANG")?,
        totals: totals(head, old)?,
        lines: lines::lines(claim)?,
        results: lines::results(claim)?,
        notes: lines::notes(claim)?,
        births: lines::births(claim)?,
        papers: lines::papers(claim)?,
    })
}

/// Two digits; the 130 pilot's sheet calls it a number, so that `1` is written for `01`.
fn kind(head: Fields, old: bool) -> Result<String, ConvertError> {
    if old {
        return head.carried("MA_LOAI_KCB", &KINDS);
    }
    let code = head.get("MA_LOAI_KCB");
    Ok(if code.len() == 1 { format!("0{code}") } else { code.to_owned() })
}

fn totals(head: Fields, old: bool) -> Result<Totals, ConvertError> {
    let by_family = |new, before| if old { before } else { new };
    Ok(Totals {
        drugs: head.money("T_THUOC")?,
        supplies: head.money("T_VTYT")?,
        cost: head.money(by_family("T_TONGCHI_BV", "T_TONGCHI"))?,
        covered: head.money(by_family("T_TONGCHI_BH", "T_TONGCHI"))?,
        insurer: head.money("T_BHTT")?,
        copay: head.money("T_BNCCT")?,
        patient: head.money("T_BNTT")?,
        other: head.money("T_NGUONKHAC")?,
    })
}

#[cfg(test)]
mod tests;
