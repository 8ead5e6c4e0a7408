//! What the QR code of a certificate says: the address where it is checked, and behind it the paper's own words, signed, so that
//! who has no network reads them at `/verify` all the same.

use crate::case::Case;
use crate::declared;
use crate::pdf::check_address;
use crate::view::result_word;
use mach_base::{Day, Minute};
use mach_signing::codes::{Said, of_paper};
use mach_signing::desk::Keys;
use mach_signing::patient::Way;
use mach_store::{Result, Tx};
use mach_ui::{Lang, msg};

/// Seconds from the beginning of a day in Viet Nam to that of the count of days.
const ZONE: i64 = 7 * 3_600;

/// Which paper it is: a conclusion that was corrected makes another.
fn id(case: &Case) -> String {
    format!("{}.{}", case.row.code, case.row.concluded.unwrap_or_default())
}

/// By which way the examined person signed what they declared; empty where nobody did.
fn signed_by(case: &Case) -> String {
    let word = declared::way(case).map(|way| match way {
        Way::Pad => msg::VERIFY_PATIENT_PAD,
        Way::Code => msg::VERIFY_PATIENT_CODE,
        Way::Finger => msg::VERIFY_PATIENT_FINGER,
        Way::Paper => msg::VERIFY_PATIENT_PAPER,
    });
    word.map(|word| Lang::Vi.t(word).to_owned()).unwrap_or_default()
}

/// The code of the paper that is about to be signed.
pub(crate) fn text(case: &Case, keys: &dyn Keys) -> String {
    let address = check_address(keys.base(), &case.row.code);
    let (Some(concluded), Some(until)) = (case.row.concluded, case.valid_until()) else { return address };
    let said = Said {
        facility: &case.facility,
        id: id(case),
        issued: concluded,
        expires: i64::from(until.0 + 1) * 86_400 - ZONE - 1,
        lines: vec![
            ("Giấy", "Giấy khám sức khỏe lái xe".to_owned()),
            ("Số", case.number()),
            ("Họ và tên", case.row.name.to_uppercase()),
            ("Ngày sinh", case.particulars().born_text()),
            ("Hạng", case.row.class.clone()),
            ("Kết luận", result_word(Lang::Vi, &case.row.result)),
            ("Ngày khám", Minute::of_seconds(concluded).day().vi()),
            ("Giá trị đến", Day::vi(until)),
            ("Người khám ký lời khai", signed_by(case)),
        ],
    };
    of_paper(keys, &address, said)
}

fn mark(case: &Case) -> String {
    mach_sign::hex(&mach_sign::hc1::paper_mark(&case.facility, &id(case)))
}

/// Notes the code of a paper that its doctor signed: it is read, and good for nothing, until the paper is given out.
///
/// # Errors
/// Of the store.
pub(crate) fn keep(tx: &mut Tx<'_>, case: &Case) -> Result<()> {
    tx.keep_code(case.row.facility, &case.row.code, &mark(case))
}

/// The code of a paper that is given out, beside the marks of its signatures: with the paper it ends.
///
/// # Errors
/// Of the store.
pub(crate) fn open(tx: &mut Tx<'_>, case: &Case) -> Result<()> {
    tx.open_code(case.row.facility, &case.row.code, &mark(case))
}
