//! Handing out: here by a pharmacy of the house, or elsewhere as the national system tells. One sale is one transaction.

use crate::bodies::{self, Handed, Receiver};
use crate::case::{Case, load};
use crate::gateway::INVOICE_CHARS;
use crate::receipt::{self, Receipt};
use crate::work::{Done, No, projected, put};
use mach_base::Minute;
use mach_base::time::now_seconds;
use mach_fhir::ResourceType;
use mach_store::prescriptions::{self, Prescription, Sale, SaleLine, Sending, State};
use mach_store::resources::Put;
use mach_store::{Error, Result, Tx, people, schema};

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
    /// Their signature for it, where one is asked.
    pub receipt: Option<Receipt>,
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
    let mut puts = match handed(tx, &case, handing, (&lines, &pharmacy), now)? {
        Ok(puts) => puts,
        Err(no) => return Ok(Err(no)),
    };
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

/// Takes the lines of a sale from what is left, with the signature of who takes them where one is asked; gives their resources. Nothing
/// is taken where it gives a refusal.
fn handed(
    tx: &mut Tx<'_>,
    case: &Case,
    handing: &Handing,
    (lines, pharmacy): (&[SaleLine], &str),
    now: i64,
) -> Result<Done<Vec<Put>>> {
    let elsewhere = !handing.place.is_empty();
    let mark = receipt::mark(pharmacy, &handing.invoice);
    let id = |line: &SaleLine| format!("{}-{}-{mark}", bodies::id(&case.row.code), line.line);
    let (mut puts, mut note) = (Vec::new(), String::new());
    if !elsewhere {
        let person = people::person(tx, case.row.person)?.map(|p| p.name).unwrap_or_default();
        let today = Minute::of_seconds(now).day();
        let text = match receipt::checked(case, (&person, pharmacy), handing, today) {
            Ok(text) => text,
            Err(no) => return Ok(Err(no)),
        };
        if let Some(text) = text {
            let dispensed: Vec<String> = lines.iter().map(|l| format!("MedicationDispense/{}", id(l))).collect();
            match receipt::keep(tx, case, (&mark, &text, handing), &dispensed, now)? {
                Ok((said, kept)) => (note, puts) = (said, kept),
                Err(no) => return Ok(Err(no)),
            }
        }
    }
    for line in lines {
        let item = usize::try_from(line.line - 1).ok().and_then(|n| case.content.items.get(n));
        let (true, Some(item)) = (tx.hand_out(&case.row, *line, !elsewhere)?, item) else {
            return Err(Error::Refused(format!("{TOO_MUCH}{}", line.line)));
        };
        let handed = Handed {
            mark: &id(line),
            line: line.line,
            quantity: line.quantity,
            pharmacy,
            elsewhere,
            receiver: &handing.receiver,
            note: &note,
            at: now,
        };
        let body = bodies::dispense(&case.row, &case.content, item, &handed);
        puts.push(put(&case.row, ResourceType::MEDICATION_DISPENSE, id(line), body, Vec::new()));
    }
    Ok(Ok(puts))
}

/// The number of an invoice as it counts; `None` where it is none, too long, or more than one line: it stands on a line of what is signed.
pub(crate) fn invoice(typed: &str) -> Option<String> {
    let number = typed.trim();
    let fits = (1..=INVOICE_CHARS).contains(&number.chars().count()) && !number.chars().any(char::is_control);
    fits.then(|| number.to_owned())
}

/// Whether this sale was told before: then nothing more is handed out by it.
pub(crate) fn is_known(case: &Case, handing: &Handing) -> bool {
    let same = |s: &Sale| s.pharmacy == handing.pharmacy && s.place == handing.place && s.invoice == handing.invoice;
    case.sales.iter().any(same)
}

/// Why a sale is none by its quantities: nothing of it, or more than is left.
pub(crate) fn past(case: &Case, handing: &Handing) -> Option<No> {
    let wanted: Vec<&SaleLine> = handing.lines.iter().filter(|l| l.quantity > 0).collect();
    if wanted.is_empty() {
        return Some(No::Nothing);
    }
    let left = |line| case.lines.iter().find(|l| l.line == line).map_or(0, prescriptions::Line::left);
    wanted.iter().find(|l| l.quantity > left(l.line)).map(|l| No::TooMuch(l.line))
}

/// Why nothing is handed out of it now.
pub(crate) fn hindrance(case: &Case, handing: &Handing, elsewhere: bool, now: i64) -> Option<No> {
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
