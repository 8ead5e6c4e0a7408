//! Signatures under way: each is a row that outlives a restart. A paper is made, prepared, signed by a key at hand or by its
//! owner's phone, checked, and only then taken for signed: PAdES B-T with validation data (B-LT) where there is proof of time.

use crate::case::Case;
use crate::desk::Keys;
use crate::{pdf, signed, work};
use mach_access::{Act as May, Actor, Decision, decide};
use mach_base::time::now_seconds;
use mach_base::{Day, Minute};
use mach_documents::{Rendered, SealText, draw_seal};
use mach_fhir::{ResourceType, Tree};
use mach_house::follow::{Again, follow, until};
use mach_sign::certificate::Certificate;
use mach_sign::pades::{self, Appearance, AskTime, Request};
use mach_sign::pdf::Update;
use mach_sign::remote::{Flight as Under, Stage};
use mach_sign::revocation::Evidence;
use mach_sign::trust::{Purpose, Standing, Trust};
use mach_signing::turn::Turn;
use mach_store::signing::{self, Act, Due, Flight, Provider, Signer};
use mach_store::sql::Query;
use mach_store::{Error, Result, Store, resources};
use mach_ui::{Lang, msg};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Signatures looked at before the queue is looked at again.
const TOGETHER: usize = 50;
/// Seconds between two questions to a provider whether its owner has confirmed.
const ASK_AGAIN: i64 = 3;
/// Seconds before something that failed is tried again, at first; doubled with each.
const FIRST_WAIT: i64 = 5;
/// The same, at most.
const LONGEST_WAIT: i64 = 600;
/// Seconds after which a signature that nobody confirms ends.
const PATIENCE: i64 = 86_400;
/// Between two looks, however many commits come.
const QUIET: Duration = Duration::from_millis(100);
/// The longest the queue rests without being looked at.
const REST: Duration = Duration::from_secs(60);

/// What the FHIR id of a signed paper ends with.
pub(crate) const PAPER: &str = "-paper";

/// The FHIR id of the Binary that holds the signed paper.
pub fn paper_id(code: &str) -> String {
    format!("{}{PAPER}", crate::bodies::id(code))
}

/// The signed paper as it is kept; `None` where nobody signed it.
///
/// # Errors
/// Of the store.
pub fn signed_paper(on: &mut dyn Query, case: &Case) -> Result<Option<Vec<u8>>> {
    let scope = mach_access::Scope::Facility(case.row.facility);
    let found = resources::current(on, scope, ResourceType::BINARY, &paper_id(&case.row.code))?.filter(|r| !r.deleted);
    let Some(found) = found else { return Ok(None) };
    let tree = Tree::parse(found.body.as_str()).map_err(|e| Error::Files(e.to_string()))?;
    let data = tree.root().get_text("data").unwrap_or_default();
    mach_sign::from_base64(&data).map(Some).map_err(|e| Error::Files(e.to_string()))
}

/// How a step ended.
enum Step {
    /// The owner of the key has not confirmed yet.
    Waiting,
    /// Signed: the whole file.
    Signed(Vec<u8>),
}

/// Why a step was not taken.
enum Halt {
    /// It ends here, until somebody asks again.
    Stopped(String),
    /// It may be otherwise later.
    Later(String),
}

/// Something that may be otherwise later.
fn later(why: impl std::fmt::Display) -> Halt {
    Halt::Later(why.to_string())
}

fn console() -> Result<Decision> {
    decide(&Actor::console(), May::Certify).map_err(|e| Error::Refused(e.to_string()))
}

/// Why something is not signed, in the reader's language, where what is kept with it is one of our words for it.
pub(crate) fn known(lang: Lang, said: &str) -> Option<&'static str> {
    let message = match said {
        REVOKED => msg::SIGNING_REVOKED,
        EXPIRED => msg::SIGNING_EXPIRED,
        NOT_YET => msg::SIGNING_NOT_YET,
        UNCHECKED => msg::SIGNING_UNCHECKED,
        UNTRUSTED => msg::SIGNING_UNTRUSTED,
        MAY_NOT => msg::SIGNING_MAY_NOT,
        PATIENCE_OVER => msg::SIGNING_PATIENCE,
        NO_SEAL => msg::SIGNING_NO_SEAL,
        PAPER_CHANGED => msg::SIGNING_PAPER_CHANGED,
        UNSIGNED => msg::GKSK_UNSIGNED,
        FAULT => msg::SIGNING_FAULT,
        refused if refused.starts_with(REFUSED) => msg::SIGNING_REFUSED,
        _ => return None,
    };
    Some(lang.t(message))
}

/// The same, where anything else is a fault: what the machine said of it is in the program's log, and is nobody's on a page.
pub(crate) fn word(lang: Lang, said: &str) -> &'static str {
    match said {
        "" => "",
        said => known(lang, said).unwrap_or_else(|| lang.t(msg::SIGNING_FAULT)),
    }
}

const REVOKED: &str = "certificate-revoked";
const EXPIRED: &str = "certificate-expired";
const NOT_YET: &str = "certificate-not-yet";
const UNCHECKED: &str = "certificate-unchecked";
const UNTRUSTED: &str = "certificate-untrusted";
const MAY_NOT: &str = "signer-may-not";
const PATIENCE_OVER: &str = "not-confirmed";
const NO_SEAL: &str = "no-seal";
const PAPER_CHANGED: &str = "paper-changed";
const UNSIGNED: &str = "unsigned";
const FAULT: &str = "fault";
/// What the owner of a key answered stands behind it.
const REFUSED: &str = "refused: ";

/// Why a certificate's owner cannot sign with it now; `None` where they can. Nothing is signed on a guess: where no revocation
/// data is at hand, it waits for them.
fn hindrance(chain: &[Certificate], trust: &Trust, now: i64) -> Option<Halt> {
    let stopped = |code: &str| Some(Halt::Stopped(code.to_owned()));
    let Some(own) = chain.first() else { return stopped(UNTRUSTED) };
    match trust.standing(own, chain, &Evidence::default(), now, Purpose::Document) {
        Standing::Valid => None,
        Standing::ValidUnchecked => Some(later(UNCHECKED)),
        Standing::NotYet => Some(later(NOT_YET)),
        Standing::Expired => stopped(EXPIRED),
        Standing::Revoked(_) => stopped(REVOKED),
        Standing::Untrusted(_) | Standing::WrongUse(_) => stopped(UNTRUSTED),
    }
}

/// When something that failed `tried` times is tried again.
fn next_try(now: i64, tried: i64) -> i64 {
    now + (FIRST_WAIT << tried.clamp(0, 10)).min(LONGEST_WAIT)
}

/// Looks at the signatures under way that are due; gives how many.
///
/// # Errors
/// Of the store, where not even the queue can be read or a signature put off.
pub fn once(store: &Store, keys: &dyn Keys, now: i64) -> Result<usize> {
    let decision = console()?;
    let due = signing::flights_due(&mut store.read(&decision)?, &Act::OF_CERTIFICATES, now, TOGETHER)?;
    for flight in &due {
        // One whose step cannot be written stands aside for those behind it.
        if let Err(e) = attend(store, keys, flight, now) {
            tracing::error!("a signature of driver certificate {} could not be kept: {e}", flight.code);
            let (flight, next) = (flight.clone(), next_try(now, flight.tried));
            store.write(&decision, move |tx| tx.put_off_flight(&flight, next))?;
        }
    }
    Ok(due.len())
}

/// Looks at the signature of one certificate for one act now, where it is under way.
///
/// # Errors
/// Of the store.
pub fn now_of(store: &Store, keys: &dyn Keys, code: &str, act: Act) -> Result<()> {
    let decision = console()?;
    let flight = {
        let mut reader = store.read(&decision)?;
        let Some(row) = mach_store::certificates::by_code(&mut reader, code)? else { return Ok(()) };
        signing::flight_of(&mut reader, row.facility, code, act)?
    };
    match flight.filter(Flight::is_under_way) {
        Some(f) => {
            let due = Due { id: f.id, facility: f.facility, code: f.code, act: f.act, tried: f.tried };
            attend(store, keys, &due, now_seconds())
        }
        None => Ok(()),
    }
}

/// Takes a signature one step further and keeps where it is.
fn attend(store: &Store, keys: &dyn Keys, due: &Due, now: i64) -> Result<()> {
    let _turn = Turn::at(due.id);
    let decision = console()?;
    let found = signed::standing(&mut store.read(&decision)?, due)?;
    let Some((case, mut flight)) = found else {
        let due = due.clone();
        return store.write(&decision, move |tx| signed::give_up(tx, &due));
    };
    if flight.next.is_none() {
        return Ok(());
    }
    flight.tried += 1;
    let step = step(store, &decision, keys, (&case, &mut flight), now);
    match step {
        Ok(Step::Signed(file)) => return store.write(&decision, move |tx| work::signed(tx, &flight, &file)),
        Ok(Step::Waiting) if now - flight.began > PATIENCE => {
            (flight.next, flight.said) = (None, PATIENCE_OVER.to_owned());
        }
        Ok(Step::Waiting) => {
            flight.said = String::new();
            flight.next = Some(now + ASK_AGAIN);
        }
        Err(Halt::Stopped(why)) => {
            tracing::warn!("a signature of driver certificate {} stopped: {why}", flight.code);
            (flight.said, flight.next) = (why, None);
        }
        Err(Halt::Later(why)) => {
            tracing::warn!("a signature of driver certificate {} has to wait: {why}", flight.code);
            flight.said = why;
            flight.next = Some(next_try(now, flight.tried));
        }
    }
    // Where it was given up meanwhile, it stays so.
    store.write(&decision, move |tx| tx.keep_flight(&flight).map(drop))
}

/// One step.
fn step(
    store: &Store,
    decision: &Decision,
    keys: &dyn Keys,
    (case, flight): (&Case, &mut Flight),
    now: i64,
) -> std::result::Result<Step, Halt> {
    let stopped = |code: &str| Err(Halt::Stopped(code.to_owned()));
    let mut reader = store.read(decision).map_err(later)?;
    let signer = signing::signer_of(&mut reader, flight.facility, flight.signer).map_err(later)?;
    let today = Minute::of_seconds(now).day();
    let Some(signer) = signer.filter(|s| s.holds(flight.act, today)) else { return stopped(MAY_NOT) };
    // A phone may answer a day later: who asked must be allowed to sign still.
    if !signed::may_still(&mut reader, flight, now).map_err(later)? {
        return stopped(MAY_NOT);
    }
    let Ok(chain) = Certificate::from_pem(&signer.chain) else { return stopped(UNTRUSTED) };
    let trust = keys.trust().map_err(later)?;
    if let Some(why) = hindrance(&chain, &trust, now) {
        return Err(why);
    }
    let mut under = match flight.state.is_empty() {
        false => Under::from_bytes(&flight.state).map_err(later)?,
        true => {
            let under = prepare(&mut reader, case, flight, (&signer, &chain), (keys.base(), now))?;
            // Kept before anybody is asked: after a restart the same question is asked under the same id.
            flight.state = under.to_bytes();
            let kept = flight.clone();
            drop(reader);
            // Given up meanwhile: nobody is asked.
            if !store.write(decision, move |tx| tx.keep_flight(&kept)).map_err(later)? {
                return stopped(UNSIGNED);
            }
            under
        }
    };
    let stamp = |signature: &[u8]| keys.time(signature);
    let time: Option<&AskTime<'_>> = if keys.has_time() { Some(&stamp) } else { None };
    let signed = match signer.provider {
        Provider::Soft => {
            let key = keys.soft(&signer).map_err(later)?;
            Some(under.sign(&key, &trust, now, time).map_err(later)?)
        }
        Provider::SmartCa => {
            let service = keys.service().ok_or_else(|| later("no signing service is set up here"))?;
            let signed = under.step_timed(service, &trust, now, time).map_err(later)?;
            flight.state = under.to_bytes();
            if let Stage::Refused(why) = &under.stage {
                return Err(Halt::Stopped(format!("{REFUSED}{why}")));
            }
            signed
        }
    };
    let Some(signed) = signed else { return Ok(Step::Waiting) };
    let whole = match time.is_some() {
        true => {
            let others: Vec<Certificate> = chain.iter().chain(&trust.between).cloned().collect();
            pades::add_validation_data(&signed, &others, &trust.evidence).map_err(later)?
        }
        false => signed,
    };
    // The file is looked at as anybody will look at it, before it is anybody's.
    let report = pades::verify(&whole, &trust, now).map_err(later)?;
    match report.is_good() {
        true => Ok(Step::Signed(whole)),
        false => Err(later("what was signed does not verify")),
    }
}

/// What a signature is set upon: for the doctor a new paper; for the head what the doctor signed, to the byte, and a new paper
/// only where the doctor signed in another system.
fn beneath(on: &mut dyn Query, case: &Case, act: Act, new: &Rendered) -> std::result::Result<Vec<u8>, Halt> {
    let doctor = case.flight(Act::Conclude).filter(|_| act == Act::Countersign);
    let Some(doctor) = doctor else { return Ok(new.pdf.clone()) };
    let hash = doctor.done().ok_or_else(|| Halt::Stopped(UNSIGNED.to_owned()))?;
    // It lies where others may write, too.
    let file = signed_paper(on, case).map_err(later)?.filter(|file| mach_sign::sha256(file) == hash);
    file.ok_or_else(|| Halt::Stopped(PAPER_CHANGED.to_owned()))
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

/// Makes the paper ready for a signature: the doctor's upon a new one, the head's upon what the doctor signed.
fn prepare(
    on: &mut dyn Query,
    case: &Case,
    flight: &Flight,
    (signer, chain): (&Signer, &[Certificate]),
    (base, now): (&str, i64),
) -> std::result::Result<Under, Halt> {
    let photo = pdf::photo(on, case).map_err(later)?;
    let paper = pdf::written(case, photo, &pdf::check_address(base, &case.row.code)).paper();
    let rendered = render(paper, case).map_err(later)?;
    let file = beneath(on, case, flight.act, &rendered)?;
    let (seal, role, reason) = match flight.act {
        Act::Conclude => ("doctor", "Bác sĩ kết luận", "Kết luận khám sức khỏe"),
        Act::Countersign | Act::Seal | Act::Prescribe => {
            ("facility", "Đại diện cơ sở khám sức khỏe", "Ký duyệt giấy khám sức khỏe")
        }
    };
    let seal = rendered.seal(seal).ok_or_else(|| later("the paper has no place for this signature"))?;
    let [left, bottom, right, top] = seal.rectangle;
    let text = SealText { signer: flight.name.clone(), role: role.to_owned(), at: now };
    let draw = |update: &mut Update<'_, '_>| Ok(draw_seal(update, (right - left, top - bottom), &text));
    let facility = mach_house::facility_name(&case.facility);
    let request = Request {
        chain,
        at: now,
        reason: Some(reason),
        location: Some(&facility),
        appearance: Some(Appearance { page: seal.page, rectangle: seal.rectangle, draw: &draw }),
    };
    let prepared = pades::prepare(&file, &request).map_err(later)?;
    let shown = format!("Giấy khám sức khỏe lái xe {}", case.number());
    Under::new(prepared, &signer.subscriber, &shown).map_err(later)
}

fn render(mut paper: mach_documents::Paper, case: &Case) -> std::result::Result<Rendered, String> {
    // Made when it was concluded, whenever it is laid out: the same case gives the same bytes and places.
    paper.made(case.row.concluded.unwrap_or(case.row.opened));
    paper.render().map_err(|e| e.to_string())
}

/// The certificate that seals what a facility sends to other systems, and its key: the facility's seal, else that of whoever
/// signed for it, where the key is at hand.
///
/// # Errors
/// Why there is none.
pub(crate) fn seal_of(
    on: &mut dyn Query,
    keys: &dyn Keys,
    case: &Case,
    now: i64,
) -> std::result::Result<(Vec<Certificate>, mach_sign::key::SoftKey), String> {
    let today: Day = Minute::of_seconds(now).day();
    let told = |e: Error| e.to_string();
    let mut found = signing::signing_with(on, case.row.facility, 0, Act::Seal, today).map_err(told)?;
    if found.is_none() {
        let head = case.attesters.iter().find(|(mode, _, by)| *mode == "official" && by.account != 0);
        if let Some((_, _, by)) = head {
            found = signing::signing_with(on, case.row.facility, by.account, Act::Countersign, today).map_err(told)?;
        }
    }
    let signer = found.filter(|s| s.provider == Provider::Soft).ok_or(NO_SEAL)?;
    // What the machine says of a fault goes to its log, and a word for it to the page.
    let fault = |e: &dyn std::fmt::Display| {
        tracing::warn!("the seal upon driver certificate {}: {e}", case.row.code);
        FAULT.to_owned()
    };
    let chain = Certificate::from_pem(&signer.chain).map_err(|_| UNTRUSTED)?;
    if let Some(Halt::Stopped(why) | Halt::Later(why)) = hindrance(&chain, &keys.trust().map_err(|e| fault(&e))?, now) {
        return Err(why);
    }
    let key = crate::desk::for_gateway(keys.soft(&signer).map_err(|e| fault(&e))?).map_err(|e| fault(&e))?;
    Ok((chain, key))
}

/// Writes the list of papers that were taken back beside the trusted certificates, for verifiers without the house. What cannot
/// be written now is written by the queue of signatures, which begins with it.
///
/// # Errors
/// Of the store, and of the folder.
pub fn publish(store: &Store, desk: &crate::desk::Desk) -> Result<()> {
    // Whoever reads last writes last.
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    desk.papers_changed();
    let papers = signing::ended_papers(&mut store.read(&console()?)?)?;
    let (folder, text) = (desk.trust_folder(), mach_house::trust::papers_text(&papers));
    let write = || {
        std::fs::create_dir_all(&folder)?;
        let new = folder.join("papers.new");
        std::fs::write(&new, &text)?;
        std::fs::rename(&new, folder.join(mach_house::trust::PAPERS))
    };
    write().map_err(|e| Error::Files(format!("`{}`: {e}", folder.display())))?;
    desk.papers_written();
    Ok(())
}

/// Looks at signatures under way for as long as the program runs.
pub fn start(store: &Store, desk: Arc<crate::desk::Desk>) -> tokio::task::JoinHandle<()> {
    let at = store.clone();
    follow(store, "signatures of driver certificates", QUIET, move || {
        let look = || -> Result<Again> {
            // When the program starts, and where it failed: the list says what the store says.
            if desk.are_papers_stale()
                && let Err(e) = publish(&at, &desk)
            {
                tracing::error!("the list of papers taken back could not be written: {e}");
            }
            if once(&at, desk.as_ref(), now_seconds())? >= TOGETHER {
                return Ok(Again::After(Duration::ZERO));
            }
            Ok(until(signing::next_flight(&mut at.read(&console()?)?, &Act::OF_CERTIFICATES)?, REST))
        };
        look().map_err(|e| e.to_string())
    })
}
