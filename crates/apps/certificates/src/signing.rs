//! Signatures under way: each is a row that outlives a restart. A paper is made, prepared, signed by a key at hand or by its
//! owner's phone, checked, and only then taken for signed: PAdES B-T with validation data (B-LT) where there is proof of time.

use crate::case::{self, Case};
use crate::desk::Keys;
use crate::{pdf, work};
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
use mach_store::signing::{self, Act, Flight, Provider, Signer};
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

/// The FHIR id of the Binary that holds the signed paper.
pub fn paper_id(code: &str) -> String {
    format!("{}-paper", crate::bodies::id(code))
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
    /// It ends here, until somebody asks again.
    Stopped(String),
}

fn console() -> Result<Decision> {
    decide(&Actor::console(), May::Certify).map_err(|e| Error::Refused(e.to_string()))
}

/// Why something is not signed, in the reader's language: the words kept with a signature are codes where the house says them,
/// and a provider's own text else.
pub(crate) fn word(lang: Lang, said: &str) -> String {
    let message = match said {
        REVOKED => msg::SIGNING_REVOKED,
        EXPIRED => msg::SIGNING_EXPIRED,
        NOT_YET => msg::SIGNING_NOT_YET,
        UNCHECKED => msg::SIGNING_UNCHECKED,
        UNTRUSTED => msg::SIGNING_UNTRUSTED,
        MAY_NOT => msg::SIGNING_MAY_NOT,
        PATIENCE_OVER => msg::SIGNING_PATIENCE,
        NO_SEAL => msg::SIGNING_NO_SEAL,
        other => return other.to_owned(),
    };
    lang.t(message).to_owned()
}

const REVOKED: &str = "certificate-revoked";
const EXPIRED: &str = "certificate-expired";
const NOT_YET: &str = "certificate-not-yet";
const UNCHECKED: &str = "certificate-unchecked";
const UNTRUSTED: &str = "certificate-untrusted";
const MAY_NOT: &str = "signer-may-not";
const PATIENCE_OVER: &str = "not-confirmed";
const NO_SEAL: &str = "no-seal";

/// Why a certificate's owner cannot sign with it now; `None` where they can. Nothing is signed on a guess: where no revocation
/// data is at hand, too.
fn hindrance(chain: &[Certificate], trust: &Trust, now: i64) -> Option<String> {
    let Some(own) = chain.first() else { return Some(UNTRUSTED.to_owned()) };
    let code = match trust.standing(own, chain, &Evidence::default(), now, Purpose::Document) {
        Standing::Valid => return None,
        Standing::ValidUnchecked => UNCHECKED,
        Standing::NotYet => NOT_YET,
        Standing::Expired => EXPIRED,
        Standing::Revoked(_) => REVOKED,
        Standing::Untrusted(_) | Standing::WrongUse(_) => UNTRUSTED,
    };
    Some(code.to_owned())
}

/// Looks at the signatures under way that are due; gives how many.
///
/// # Errors
/// Of the store, where not even the queue can be read.
pub fn once(store: &Store, keys: &dyn Keys, now: i64) -> Result<usize> {
    let decision = console()?;
    let due = signing::flights_due(&mut store.read(&decision)?, now, TOGETHER)?;
    for flight in &due {
        attend(store, keys, flight, now)?;
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
    match flight.filter(|f| f.ended.is_none() && f.next.is_some()) {
        Some(flight) => attend(store, keys, &flight, now_seconds()),
        None => Ok(()),
    }
}

/// Takes a signature one step further and keeps where it is.
fn attend(store: &Store, keys: &dyn Keys, flight: &Flight, now: i64) -> Result<()> {
    // The page that asked for it and the queue may come at once: one takes the step, the other sees it taken.
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let decision = console()?;
    let found = signing::flight_of(&mut store.read(&decision)?, flight.facility, &flight.code, flight.act)?;
    let Some(mut flight) = found.filter(|f| f.id == flight.id && f.ended.is_none() && f.next.is_some()) else {
        return Ok(());
    };
    flight.tried += 1;
    let step = step(store, &decision, keys, &mut flight, now);
    match step {
        Ok(Step::Signed(file)) => return store.write(&decision, move |tx| work::signed(tx, &flight, &file)),
        Ok(Step::Waiting) => {
            flight.said = String::new();
            flight.next = Some(now + ASK_AGAIN);
        }
        Ok(Step::Stopped(why)) => (flight.said, flight.next) = (why, None),
        Err(why) => {
            tracing::warn!("a signature of driver certificate {} has to wait: {why}", flight.code);
            flight.said = why;
            flight.next = Some(now + (FIRST_WAIT << flight.tried.clamp(0, 10)).min(LONGEST_WAIT));
        }
    }
    if flight.next.is_some() && now - flight.began > PATIENCE {
        (flight.next, flight.said) = (None, PATIENCE_OVER.to_owned());
    }
    store.write(&decision, move |tx| tx.keep_flight(&flight))
}

/// One step; an error is something that may be otherwise later.
fn step(
    store: &Store,
    decision: &Decision,
    keys: &dyn Keys,
    flight: &mut Flight,
    now: i64,
) -> std::result::Result<Step, String> {
    let told = |e: &dyn std::fmt::Display| e.to_string();
    let mut reader = store.read(decision).map_err(|e| told(&e))?;
    let signer = signing::signer_of(&mut reader, flight.facility, flight.signer).map_err(|e| told(&e))?;
    let today = Minute::of_seconds(now).day();
    let Some(signer) = signer.filter(|s| s.holds(flight.act, today)) else {
        return Ok(Step::Stopped(MAY_NOT.to_owned()));
    };
    let chain = match Certificate::from_pem(&signer.chain) {
        Ok(chain) => chain,
        Err(e) => return Ok(Step::Stopped(e.to_string())),
    };
    let trust = keys.trust()?;
    if let Some(why) = hindrance(&chain, &trust, now) {
        return Ok(Step::Stopped(why));
    }
    let mut under = match flight.state.is_empty() {
        false => Under::from_bytes(&flight.state).map_err(|e| told(&e))?,
        true => {
            let Some(case) = case::load(&mut reader, &flight.code).map_err(|e| told(&e))? else {
                return Ok(Step::Stopped("there is no such certificate".to_owned()));
            };
            let under = prepare(&mut reader, &case, flight, (&signer, &chain), (keys.base(), now))?;
            // Kept before anybody is asked: after a restart the same question is asked under the same id.
            flight.state = under.to_bytes();
            let kept = flight.clone();
            drop(reader);
            store.write(decision, move |tx| tx.keep_flight(&kept)).map_err(|e| told(&e))?;
            under
        }
    };
    let stamp = |signature: &[u8]| keys.time(signature);
    let time: Option<&AskTime<'_>> = if keys.has_time() { Some(&stamp) } else { None };
    let signed = match signer.provider {
        Provider::Soft => Some(under.sign(&keys.soft(&signer)?, &trust, now, time).map_err(|e| told(&e))?),
        Provider::SmartCa => {
            let service = keys.service().ok_or("no signing service is set up here")?;
            let signed = under.step_timed(service, &trust, now, time).map_err(|e| told(&e))?;
            flight.state = under.to_bytes();
            if let Stage::Refused(why) = &under.stage {
                return Ok(Step::Stopped(why.clone()));
            }
            signed
        }
    };
    let Some(signed) = signed else { return Ok(Step::Waiting) };
    let whole = match time.is_some() {
        true => {
            let others: Vec<Certificate> = chain.iter().chain(&trust.between).cloned().collect();
            pades::add_validation_data(&signed, &others, &trust.evidence).map_err(|e| told(&e))?
        }
        false => signed,
    };
    // The file is looked at as anybody will look at it, before it is anybody's.
    let report = pades::verify(&whole, &trust, now).map_err(|e| told(&e))?;
    match report.is_good() {
        true => Ok(Step::Signed(whole)),
        false => Err("what was signed does not verify".to_owned()),
    }
}

/// Makes the paper ready for a signature: the doctor's upon a new one, the head's upon what the doctor signed.
fn prepare(
    on: &mut dyn Query,
    case: &Case,
    flight: &Flight,
    (signer, chain): (&Signer, &[Certificate]),
    (base, now): (&str, i64),
) -> std::result::Result<Under, String> {
    let told = |e: &dyn std::fmt::Display| e.to_string();
    let photo = pdf::photo(on, case).map_err(|e| told(&e))?;
    let paper = pdf::written(case, photo, &pdf::check_address(base, &case.row.code)).paper();
    let rendered = render(paper, case)?;
    let doctor = signing::flight_of(on, flight.facility, &flight.code, Act::Conclude).map_err(|e| told(&e))?;
    let is_second = flight.act == Act::Countersign && doctor.is_some_and(|d| d.ended.is_some());
    let file = match is_second {
        true => signed_paper(on, case).map_err(|e| told(&e))?.ok_or("what the doctor signed is not there")?,
        false => rendered.pdf.clone(),
    };
    let (seal, role, reason) = match flight.act {
        Act::Conclude => ("doctor", "Bác sĩ kết luận", "Kết luận khám sức khỏe"),
        Act::Countersign | Act::Seal => ("facility", "Đại diện cơ sở khám sức khỏe", "Ký duyệt giấy khám sức khỏe"),
    };
    let seal = rendered.seal(seal).ok_or("the paper has no place for this signature")?;
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
    let prepared = pades::prepare(&file, &request).map_err(|e| told(&e))?;
    let shown = format!("Giấy khám sức khỏe lái xe {}", case.number());
    Under::new(prepared, &signer.subscriber, &shown).map_err(|e| told(&e))
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
    let chain = Certificate::from_pem(&signer.chain).map_err(|e| e.to_string())?;
    if let Some(why) = hindrance(&chain, &keys.trust()?, now) {
        return Err(why);
    }
    let key = crate::desk::for_gateway(keys.soft(&signer)?).map_err(|e| e.to_string())?;
    Ok((chain, key))
}

/// Writes the list of papers that are no longer valid beside the trusted certificates, for verifiers without the house.
///
/// # Errors
/// Of the store, and of the folder.
pub fn publish(store: &Store, desk: &crate::desk::Desk) -> Result<()> {
    let papers = signing::ended_papers(&mut store.read(&console()?)?)?;
    let (folder, text) = (desk.trust_folder(), mach_house::trust::papers_text(&papers));
    let write = || {
        std::fs::create_dir_all(&folder)?;
        let new = folder.join("papers.new");
        std::fs::write(&new, &text)?;
        std::fs::rename(&new, folder.join(mach_house::trust::PAPERS))
    };
    write().map_err(|e| Error::Files(format!("`{}`: {e}", folder.display())))
}

/// Looks at signatures under way for as long as the program runs.
pub fn start(store: &Store, desk: Arc<crate::desk::Desk>) -> tokio::task::JoinHandle<()> {
    let at = store.clone();
    follow(store, "signatures of driver certificates", QUIET, move || {
        let look = || -> Result<Again> {
            if once(&at, desk.as_ref(), now_seconds())? >= TOGETHER {
                return Ok(Again::After(Duration::ZERO));
            }
            Ok(until(signing::next_flight(&mut at.read(&console()?)?)?, REST))
        };
        look().map_err(|e| e.to_string())
    })
}
