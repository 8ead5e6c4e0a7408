//! Who takes narcotics, psychotropics or precursors signs that they got them: by hand on a screen, by a code sent to their telephone, by a
//! reader of fingerprints, or on paper ([`mach_signing::patient`]). What is asked, and by which ways, is data (`receipts.csv`).
//! It is bound to exactly what was shown: that text is written anew in the transaction of the sale, and where it is another by then,
//! nobody signed it and nothing is handed out.

use crate::bodies::{self, Received};
use crate::case::{Case, digest};
use crate::dispense::Handing;
use crate::rules::{Receipt as Rule, Rules};
use crate::view::moment;
use crate::words::{in_words, written};
use crate::work::{Done, No, file, put};
use mach_base::Day;
use mach_fhir::{ResourceType, Tree};
use mach_signing::patient::{self, Asked, Signed, Way};
use mach_store::resources::{self, Put};
use mach_store::signing::Act;
use mach_store::sql::Query;
use mach_store::{Error, Result, Tx};
use mach_ui::{Lang, msg};

/// Bytes of a drawing.
pub const DRAWN_BYTES: usize = 256 << 10;
/// How a PNG file begins.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";
/// Digits of the mark of a sale.
const MARK_DIGITS: usize = 12;

/// A signature for what is taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// SHA-256 of exactly what was shown.
    pub shown: [u8; 32],
    /// By which way.
    pub way: Way,
    /// What they gave: the drawing, the code with where and when it came, the reader's statement; what the witness says of paper.
    pub given: Vec<u8>,
    /// The account and name of who hands out; 0: a program.
    pub witness: (i64, String),
}

/// What is asked of who takes this kind on a day; `None`: nothing.
pub fn asked(kind: &str, today: Day) -> Option<&'static Rule> {
    Rules::shared().receipt(kind, today)
}

/// Which sale it is, of a pharmacy by its code.
pub fn mark(pharmacy: &str, invoice: &str) -> String {
    digest(format!("{pharmacy}|{invoice}").as_bytes())[..MARK_DIGITS].to_owned()
}

/// By which name the signature is kept.
pub fn name(code: &str, mark: &str) -> String {
    format!("{code}.{mark}")
}

/// A drawing as a page sends it (`data:image/png;base64,…`) or a program (base64); `None` where it is none.
pub fn drawn(text: &str) -> Option<Vec<u8>> {
    let text = text.trim();
    let data = text.strip_prefix("data:image/png;base64,").unwrap_or(text);
    if data.is_empty() || data.len() > DRAWN_BYTES * 4 / 3 {
        return None;
    }
    mach_sign::from_base64(data).ok().filter(|bytes| bytes.starts_with(PNG))
}

/// What is signed, to the letter: who takes what by which prescription, where and on which day. `person` is the patient's name.
pub fn text(case: &Case, person: &str, pharmacy: &str, handing: &Handing, today: Day) -> String {
    let kind = Rules::shared().kind(&case.row.kind, today).map_or("", |k| k.name.as_str());
    let mut out = format!(
        "BIÊN NHẬN THUỐC\nLoại đơn: {kind}\nMã đơn: {}\nNgười bệnh: {}\nNơi cấp phát: {} ({pharmacy})\nSố hóa đơn: {}\nNgày: {}\n",
        case.row.code.to_uppercase(),
        person.to_uppercase(),
        mach_house::facility_name(pharmacy),
        handing.invoice,
        today.vi()
    );
    let mut lines: Vec<_> = handing.lines.iter().filter(|l| l.quantity > 0).collect();
    lines.sort_by_key(|l| l.line);
    for line in lines {
        let item = usize::try_from(line.line - 1).ok().and_then(|n| case.content.items.get(n));
        let (what, unit) = item.map(|i| (i.name.as_str(), i.unit.as_str())).unwrap_or_default();
        // Whole ones in words, as the circular has quantities of narcotics.
        let words =
            if line.quantity % 100 == 0 { format!(" ({})", in_words(line.quantity / 100)) } else { String::new() };
        out.push_str(&format!("Thuốc {}: {what}, số lượng {}{words} {unit}\n", line.line, written(line.quantity)));
    }
    let receiver = &handing.receiver;
    out.push_str(&format!("Người nhận: {}, giấy tờ số {}\n", receiver.name.trim(), receiver.number.trim()));
    out.push_str("Tôi đã nhận đủ số thuốc ghi ở trên.\n");
    out
}

/// What must stand before a sale: where a signature is asked, that it is there, by a way that counts, and of this sale. Gives the text.
pub(crate) fn checked(
    case: &Case,
    (person, pharmacy): (&str, &str),
    handing: &Handing,
    today: Day,
) -> Done<Option<String>> {
    let Some(rule) = asked(&case.row.kind, today) else { return Ok(None) };
    let receipt = handing.receipt.as_ref().filter(|r| rule.ways.contains(&r.way)).ok_or(No::NoReceipt)?;
    let text = text(case, person, pharmacy, handing, today);
    match mach_sign::sha256(text.as_bytes()) == receipt.shown {
        true => Ok(Some(text)),
        false => Err(No::ReceiptChanged),
    }
}

/// Keeps a signature with what it is of, in the transaction of its sale. `dispensed` are the resources of the sale; gives what is said
/// of the signature on them.
pub(crate) fn keep(
    tx: &mut Tx<'_>,
    case: &Case,
    (mark, text, handing): (&str, &str, &Handing),
    dispensed: &[String],
    now: i64,
) -> Result<Done<(String, Vec<Put>)>> {
    let Some(receipt) = &handing.receipt else { return Ok(Err(No::NoReceipt)) };
    let asked = Asked {
        facility: case.row.facility,
        code: &name(&case.row.code, mark),
        act: Act::Receive,
        witness: (receipt.witness.0, &receipt.witness.1),
        shown: text.as_bytes(),
        given: (receipt.way, &receipt.given),
    };
    if !patient::sign(tx, &asked, now)? {
        return Ok(Err(No::ReceiptChanged));
    }
    let Some(signed) = patient::of(tx, case.row.facility, asked.code, Act::Receive)? else {
        return Err(Error::Missing("a signature that was just kept"));
    };
    let id = format!("{}-receive-{mark}", bodies::id(&case.row.code));
    let received = Received {
        id: &id,
        mark,
        dispensed,
        receiver: &handing.receiver,
        witness: (receipt.witness.0, &receipt.witness.1),
        way: receipt.way,
        given: &receipt.given,
        shown: &mach_sign::hex(&receipt.shown),
        at: signed.at,
    };
    let provenance = bodies::received(&case.row, &case.content, &received);
    let puts = vec![
        file(&case.row, &case.content, (&format!("receipt-{mark}"), "text/plain"), text.as_bytes()),
        put(&case.row, ResourceType::PROVENANCE, id, provenance, Vec::new()),
    ];
    Ok(Ok((said(Lang::Vi, &signed), puts)))
}

/// What is said of a signature, on paper and on pages.
pub fn said(lang: Lang, signed: &Signed) -> String {
    let how = match signed.way {
        Way::Pad => msg::RX_RECEIVED_PAD,
        Way::Code => msg::RX_RECEIVED_CODE,
        Way::Finger => msg::RX_RECEIVED_FINGER,
        Way::Paper => msg::RX_RECEIVED_PAPER,
    };
    let when = moment(signed.at);
    lang.fmt(how, &[("when", &when), ("witness", &signed.witness), ("hash", &signed.mark)])
}

/// The signature of a sale; `None` where nobody signed.
///
/// # Errors
/// Of the store.
pub fn of(on: &mut dyn Query, case: &Case, mark: &str) -> Result<Option<Signed>> {
    patient::of(on, case.row.facility, &name(&case.row.code, mark), Act::Receive)
}

/// What was shown, as it is kept; `None` where it is not there, or is no longer what was signed.
///
/// # Errors
/// Of the store.
pub fn shown(on: &mut dyn Query, case: &Case, mark: &str, signed: &Signed) -> Result<Option<String>> {
    let id = format!("{}-receipt-{mark}", bodies::id(&case.row.code));
    let scope = mach_access::Scope::Facility(case.row.facility);
    let found = resources::current(on, scope, ResourceType::BINARY, &id)?.filter(|r| !r.deleted);
    let Some(found) = found else { return Ok(None) };
    let tree = Tree::parse(found.body.as_str()).map_err(|e| Error::Files(e.to_string()))?;
    let data = mach_sign::from_base64(&tree.root().get_text("data").unwrap_or_default());
    Ok(data.ok().filter(|bytes| signed.is_of(bytes)).and_then(|bytes| String::from_utf8(bytes).ok()))
}
