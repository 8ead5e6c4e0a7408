//! Handing out: here by a pharmacy of the house, or elsewhere as the national system tells. One sale is one transaction.

use crate::bodies::{self, Handed, Receiver};
use crate::case::{Case, digest, load};
use crate::work::{Done, No, projected, put};
use mach_base::time::now_seconds;
use mach_fhir::ResourceType;
use mach_store::prescriptions::{self, Prescription, Sale, SaleLine, Sending, State};
use mach_store::{Error, Result, Tx, schema};

/// What a pharmacy hands out at once.
#[derive(Clone, Debug, Default)]
pub struct Handing {
    /// The pharmacy, by facility number; 0: elsewhere.
    pub pharmacy: i64,
    /// The national code of a pharmacy elsewhere; empty: it is one of the house.
    pub place: String,
    /// Whose account; 0: a program's.
    pub account: i64,
    /// The pharmacy's own number of the sale, at most 20 characters.
    pub invoice: String,
    /// Line and hundredths of its unit.
    pub lines: Vec<SaleLine>,
    /// Who takes it; asked of narcotics and psychotropics.
    pub receiver: Receiver,
    /// When, seconds; 0: now.
    pub at: i64,
}

/// What takes a sale back as a whole: the line of which too little is left.
pub const TOO_MUCH: &str = "more than is left of line ";

/// The line that an error of [`dispense`] names; `None`: it is another error.
pub fn too_much(error: &str) -> Option<i64> {
    error.rsplit_once(TOO_MUCH).and_then(|(_, line)| line.trim().parse().ok())
}

/// Whether who takes it must be named.
pub fn names_receiver(p: &Prescription) -> bool {
    matches!(p.kind.as_str(), "n" | "h")
}

/// Hands out, never more than is left, each sale once: all lines or none. What was sold elsewhere is written down whatever is
/// left: it has happened.
///
/// # Errors
/// Of the store; `Refused` with [`TOO_MUCH`] takes the whole sale back.
pub fn dispense(tx: &mut Tx<'_>, code: &str, handing: &Handing) -> Result<Done<()>> {
    let Some(mut case) = load(tx, code)? else { return Ok(Err(No::Unknown)) };
    let elsewhere = !handing.place.is_empty();
    let now = if handing.at > 0 { handing.at } else { now_seconds() };
    let lines: Vec<SaleLine> = handing.lines.iter().copied().filter(|l| l.quantity > 0).collect();
    if lines.is_empty() {
        return Ok(Err(No::Nothing));
    }
    if let Some(known) = tx.sale_of(&case.row, handing.pharmacy, &handing.place, &handing.invoice)? {
        let mut asked = lines;
        asked.sort_by_key(|l| l.line);
        return Ok(if known.lines == asked { Ok(()) } else { Err(No::OtherSale) });
    }
    if let Some(no) = hindrance(&case, handing, elsewhere, now) {
        return Ok(Err(no));
    }
    let pharmacy = match elsewhere {
        true => handing.place.clone(),
        false => schema::facility_code(tx, handing.pharmacy)?.unwrap_or_default(),
    };
    let mark = digest(format!("{pharmacy}|{}", handing.invoice).as_bytes());
    let mut puts = Vec::new();
    for line in &lines {
        let item = usize::try_from(line.line - 1).ok().and_then(|n| case.content.items.get(n));
        let (true, Some(item)) = (tx.hand_out(&case.row, *line, !elsewhere)?, item) else {
            return Err(Error::Refused(format!("{TOO_MUCH}{}", line.line)));
        };
        let id = format!("{}-{}-{}", bodies::id(&case.row.code), line.line, &mark[..12]);
        let (line, quantity, receiver) = (line.line, line.quantity, &handing.receiver);
        let handed = Handed { mark: &id, line, quantity, pharmacy: &pharmacy, elsewhere, receiver, at: now };
        let body = bodies::dispense(&case.row, &case.content, item, &handed);
        puts.push(put(&case.row, ResourceType::MEDICATION_DISPENSE, id, body, Vec::new()));
    }
    tx.add_sale(&Sale {
        id: 0,
        prescription: case.row.id,
        at: now,
        tried: 0,
        // What was sold elsewhere is what the national system told.
        next: (!elsewhere).then(now_seconds),
        pharmacy: handing.pharmacy,
        account: handing.account,
        facility: case.row.facility,
        sending: if elsewhere { Sending::Sent } else { Sending::Due },
        place: handing.place.clone(),
        invoice: handing.invoice.clone(),
        said: String::new(),
        lines,
    })?;
    let counted = prescriptions::lines(tx, &case.row)?;
    if matches!(case.row.state, State::Signed | State::Partly) {
        let done = counted.iter().all(|l| l.left() == 0);
        case.row.state = if done { State::Done } else { State::Partly };
        if done {
            case.row.look = None;
        }
        tx.keep_prescription(&case.row)?;
        puts.extend(projected(&case.row, &case.content));
    }
    tx.put(&puts)?;
    tx.audit(Some(case.row.person), &format!("prescription {code} dispensed by {pharmacy}"), "granted")?;
    Ok(Ok(()))
}

/// Why nothing is handed out of it now.
fn hindrance(case: &Case, handing: &Handing, elsewhere: bool, now: i64) -> Option<No> {
    if case.altered {
        return Some(No::Altered);
    }
    if elsewhere {
        return case.row.signed.is_none().then_some(No::State);
    }
    if !matches!(case.row.state, State::Signed | State::Partly) {
        return Some(No::State);
    }
    if case.row.opens.is_none_or(|o| now < o) {
        return Some(No::Early);
    }
    if case.row.expires.is_none_or(|e| now > e) {
        return Some(No::Expired);
    }
    let unnamed = handing.receiver.name.trim().is_empty() || handing.receiver.number.trim().is_empty();
    (names_receiver(&case.row) && unnamed).then_some(No::NoReceiver)
}
