//! What is signed: the paper of a certificate, by the doctor who concluded and then by the head, on one file. How it is signed
//! is [`mach_signing::flights`].

use crate::bodies::By;
use crate::case::{self, Case};
use crate::{code, pdf, signed};
use mach_access::{Act as May, Scope, decide};
use mach_documents::Rendered;
use mach_fhir::{ResourceType, Tree};
use mach_sign::certificate::Certificate;
use mach_sign::key::SoftKey;
use mach_signing::ask;
use mach_signing::desk::Keys;
use mach_signing::flights::{Papers, Ready, Taken};
use mach_signing::words::{self, FAULT, Halt, PAPER_CHANGED, UNSIGNED, later};
use mach_store::certificates::State;
use mach_store::signing::{self, Act, Flight};
use mach_store::sql::Query;
use mach_store::{Error, Reader, Result, Tx, resources};
use mach_ui::{Lang, msg};

/// What the FHIR id of a signed paper ends with.
pub(crate) const PAPER: &str = "-paper";

/// Driver health certificates, as [`mach_signing::flights`] sees them.
pub struct Certificates;

impl Papers for Certificates {
    fn what(&self) -> &'static str {
        "driver certificate"
    }

    fn page(&self, code: &str) -> String {
        format!("/certificates/case/{code}")
    }

    fn acts(&self) -> &'static [Act] {
        &Act::OF_CERTIFICATES
    }

    fn may(&self) -> May {
        May::Certify
    }

    /// Its conclusion, by the moment and by the versions of its parts.
    fn revision(&self, on: &mut dyn Query, flight: &Flight) -> Result<Option<String>> {
        let found = case::load(on, &flight.code)?;
        let case = found.filter(|c| c.row.state == State::Concluded && c.row.facility == flight.facility);
        // Signatures of an earlier conclusion are history.
        let case = case.filter(|c| c.flight(flight.act).is_some_and(|f| f.id == flight.id));
        Ok(case.map(|c| {
            let parts = c.parts.iter().map(|p| format!(".{}", p.version)).collect::<String>();
            format!("{}{parts}", c.row.concluded.unwrap_or_default())
        }))
    }

    /// Its role signs for this, or it stands in the place of a head who does.
    fn may_still(&self, on: &mut dyn Query, flight: &Flight, now: i64) -> Result<bool> {
        let Some(actor) = ask::asker(on, flight)? else { return Ok(false) };
        let may = |act| decide(&actor, act).is_ok();
        match flight.act {
            Act::Conclude => Ok(may(May::Certify)),
            _ => Ok(may(May::Countersign)
                || (may(May::Certify) && signing::is_deputy(on, flight.facility, flight.account, now)?)),
        }
    }

    fn prepare(&self, on: &mut Reader, flight: &Flight, keys: &dyn Keys) -> std::result::Result<Ready, Halt> {
        let found = case::load(on, &flight.code).map_err(later)?;
        let case = found.ok_or_else(|| Halt::stopped(UNSIGNED))?;
        let photo = pdf::photo(on, &case).map_err(later)?;
        let mut paper = pdf::written(&case, photo, &code::text(&case, keys)).paper();
        // Made when it was concluded, whenever it is laid out: the same case gives the same bytes and places.
        paper.made(case.row.concluded.unwrap_or(case.row.opened));
        let rendered = paper.render().map_err(later)?;
        let file = beneath(on, &case, flight.act, &rendered)?;
        let (seal, role, reason) = match flight.act {
            Act::Conclude => ("doctor", "Bác sĩ kết luận", "Kết luận khám sức khỏe"),
            _ => ("facility", "Đại diện cơ sở khám sức khỏe", "Ký duyệt giấy khám sức khỏe"),
        };
        let seal = rendered.seal(seal).cloned();
        Ok(Ready {
            file,
            seal: seal.ok_or_else(|| later("the paper has no place for this signature"))?,
            role: role.to_owned(),
            reason: reason.to_owned(),
            location: mach_house::facility_name(&case.facility),
            shown: format!("Giấy khám sức khỏe lái xe {}", case.number()),
        })
    }

    fn take(&self, tx: &mut Tx<'_>, flight: &Flight, file: &[u8], now: i64) -> Result<Taken> {
        signed::signed(tx, flight, file, now)
    }
}

/// The FHIR id of the Binary that holds the signed paper.
pub fn paper_id(code: &str) -> String {
    format!("{}{PAPER}", crate::bodies::id(code))
}

/// The signed paper as it is kept; `None` where nobody signed it.
///
/// # Errors
/// Of the store.
pub fn signed_paper(on: &mut dyn Query, case: &Case) -> Result<Option<Vec<u8>>> {
    let scope = Scope::Facility(case.row.facility);
    let found = resources::current(on, scope, ResourceType::BINARY, &paper_id(&case.row.code))?.filter(|r| !r.deleted);
    let Some(found) = found else { return Ok(None) };
    let tree = Tree::parse(found.body.as_str()).map_err(|e| Error::Files(e.to_string()))?;
    let data = tree.root().get_text("data").unwrap_or_default();
    mach_sign::from_base64(&data).map(Some).map_err(|e| Error::Files(e.to_string()))
}

/// Why something is not signed, in the reader's language, where what is kept with it is one of our words for it.
pub(crate) fn known(lang: Lang, said: &str) -> Option<&'static str> {
    match said {
        // Here it is the doctor's that is missing.
        UNSIGNED => Some(lang.t(msg::GKSK_UNSIGNED)),
        said => words::known(lang, said),
    }
}

/// The same, where anything else is a fault.
pub(crate) fn word(lang: Lang, said: &str) -> &'static str {
    known(lang, said).unwrap_or_else(|| words::word(lang, said))
}

/// What a signature is set upon: for the doctor a new paper; for the head what the doctor signed, to the byte, and a new paper
/// only where the doctor signed in another system.
fn beneath(on: &mut dyn Query, case: &Case, act: Act, new: &Rendered) -> std::result::Result<Vec<u8>, Halt> {
    let doctor = case.flight(Act::Conclude).filter(|_| act == Act::Countersign);
    let Some(doctor) = doctor else { return Ok(new.pdf.clone()) };
    let hash = doctor.done().ok_or_else(|| Halt::stopped(UNSIGNED))?;
    // It lies where others may write, too.
    let file = signed_paper(on, case).map_err(later)?.filter(|file| mach_sign::sha256(file) == hash);
    file.ok_or_else(|| Halt::stopped(PAPER_CHANGED))
}

/// Whether this is the file that was signed last, and nothing that was put in its place.
///
/// # Errors
/// Of the store.
pub fn is_as_signed(on: &mut dyn Query, case: &Case, file: &[u8]) -> Result<bool> {
    let hash = mach_sign::sha256(file);
    let done = [Act::Countersign, Act::Conclude].into_iter().find_map(|act| case.flight(act)?.done());
    match done {
        Some(done) => Ok(done == hash),
        // Signed before its hash was kept with the signature: then it was noted when it was given out.
        None => Ok(signing::paper(on, &[mach_sign::hex(&hash)])?.is_some_and(|p| p.code == case.row.code)),
    }
}

/// The facility's seal upon a message, else the key of the head who signed, as the gateway wants it.
///
/// # Errors
/// Why there is none, as [`known`] knows it.
pub(crate) fn seal_of(
    on: &mut dyn Query,
    keys: &dyn Keys,
    case: &Case,
    now: i64,
) -> std::result::Result<(Vec<Certificate>, SoftKey), String> {
    let head: Option<&By> = case.attesters.iter().find(|(mode, ..)| *mode == "official").map(|(_, _, by)| by);
    let account = head.map_or(0, |by| by.account);
    let (chain, key) = mach_signing::seal::seal_of(on, keys, case.row.facility, (account, Act::Countersign), now)?;
    let key = crate::desk::for_gateway(key).map_err(|e| {
        tracing::warn!("the seal upon driver certificate {}: {e}", case.row.code);
        FAULT.to_owned()
    })?;
    Ok((chain, key))
}
