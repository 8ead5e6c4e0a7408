//! The QR code at the foot of a prescription: what it prescribes, signed, so that who has no network reads it at `/verify`. The
//! code at its head holds the code of the prescription alone, as pharmacies scan it.

use crate::case::Case;
use crate::rules::Rules;
use crate::work::bounds;
use mach_base::{Day, Minute};
use mach_signing::codes::{Said, of_paper};
use mach_signing::desk::Keys;
use mach_store::people::PersonRow;
use mach_store::{Result, Tx};

/// Characters of a code that a telephone reads from a paper of this size.
const MOST: usize = 900;

/// Which paper it is: one that is written anew has another code.
fn id(case: &Case) -> String {
    format!("{}.{}", case.row.code, case.row.written)
}

/// The code of the paper that is about to be signed; nothing where there is no key.
pub(crate) fn text(case: &Case, person: &PersonRow, keys: &dyn Keys, now: i64) -> Option<String> {
    let c = &case.content;
    let today = Minute::of_seconds(now).day();
    let last = i64::from(c.begins().unwrap_or(today).0.max(today.0)) + Rules::shared().valid_days(today) - 1;
    let items: Vec<String> = c.items.iter().map(|i| format!("{}: {}", i.name, i.amount())).collect();
    let count = format!("{} khoản, xem trên đơn", items.len());
    let of = |medicines: String| {
        let said = Said {
            facility: &case.facility,
            id: id(case),
            issued: now,
            expires: bounds(last).1,
            lines: vec![
                ("Giấy", "Đơn thuốc".to_owned()),
                ("Mã đơn", case.row.code.to_uppercase()),
                ("Họ và tên", person.name.to_uppercase()),
                ("Năm sinh", if person.birth_year > 0 { person.birth_year.to_string() } else { String::new() }),
                ("Thuốc", medicines),
                ("Ngày kê", Day::parse_iso(&c.day).map(Day::vi).unwrap_or_default()),
                ("Bác sĩ", c.doctor.clone()),
            ],
        };
        let address = if keys.base().is_empty() { String::new() } else { format!("{}/verify", keys.base()) };
        of_paper(keys, &address, said)
    };
    let whole = of(items.join("; "));
    let fits =
        |code: &String| code.len() <= MOST && (code.contains(mach_sign::hc1::FRAGMENT) || code.starts_with("HC1:"));
    [whole].into_iter().chain(std::iter::once_with(|| of(count.clone()))).find(fits)
}

/// Notes the code of a paper beside the mark of its signature: with the paper it ends.
///
/// # Errors
/// Of the store.
pub(crate) fn keep(tx: &mut Tx<'_>, case: &Case) -> Result<()> {
    let mark = mach_sign::hex(&mach_sign::hc1::paper_mark(&case.facility, &id(case)));
    tx.keep_paper(case.row.facility, &case.row.code, &mark, true)
}
