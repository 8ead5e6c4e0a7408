//! Signatures under way: each is a row that outlives a restart. A paper is made, prepared, signed by a key at hand or by its
//! owner's phone, checked, and only then taken for signed: PAdES B-T with validation data (B-LT) where there is proof of time.
//!
//! What is signed is an app's: it gives [`Papers`], one for its acts.

use crate::desk::Keys;
use crate::turn::Turn;
use mach_access::{Act as May, Actor, Decision, Scope, decide};
use mach_base::Minute;
use mach_base::time::now_seconds;
use mach_documents::{Seal, SealText, draw_seal};
use mach_house::follow::{Again, follow, until};
use mach_sign::certificate::Certificate;
use mach_sign::key::SoftKey;
use mach_sign::pades::{self, Appearance, AskTime, Request};
use mach_sign::pdf::Update;
use mach_sign::remote::{Flight as Under, Stage};
use mach_sign::revocation::Evidence;
use mach_sign::trust::{Purpose, Standing, Trust};
use mach_store::signing::{self, Act, Due, Flight, Provider, Signer};
use mach_store::sql::Query;
use mach_store::{Error, Reader, Result, Store, Tx, accounts};
use mach_ui::{Lang, msg};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;

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

/// A paper that is ready to be signed.
pub struct Ready {
    /// The file, PDF.
    pub file: Vec<u8>,
    /// Where the signature is seen.
    pub seal: Seal,
    /// As what its owner signs; stands in the frame.
    pub role: String,
    /// What for; stands in the signature.
    pub reason: String,
    /// The facility's name.
    pub location: String,
    /// What its owner sees on the phone.
    pub shown: String,
}

/// What an app lets be signed.
pub trait Papers: Send + Sync {
    /// For which acts. No two apps have the same.
    fn acts(&self) -> &'static [Act];

    /// What somebody must be permitted to ask for it.
    fn may(&self) -> May;

    /// Makes the paper of a signature that begins; the outer error passes, the inner one stops it: words of the house, or a
    /// code that [`word`] knows.
    ///
    /// # Errors
    /// What may be otherwise later.
    fn prepare(
        &self,
        on: &mut Reader,
        flight: &Flight,
        base: &str,
    ) -> std::result::Result<std::result::Result<Ready, String>, String>;

    /// Takes the file that was signed and verified, in the transaction that ends the signature. `false`: what was signed
    /// stands otherwise by now, and the file is nobody's.
    ///
    /// # Errors
    /// Of the store.
    fn take(&self, tx: &mut Tx<'_>, flight: &Flight, file: &[u8], now: i64) -> Result<bool>;
}

/// How a step ended.
enum Step {
    /// The owner of the key has not confirmed yet.
    Waiting,
    /// Signed: the whole file.
    Signed(Vec<u8>),
    /// It ends here, until somebody asks again.
    Stopped(String),
    /// Not now; why.
    Later(String),
}

const REVOKED: &str = "certificate-revoked";
const EXPIRED: &str = "certificate-expired";
const NOT_YET: &str = "certificate-not-yet";
const UNCHECKED: &str = "certificate-unchecked";
const UNTRUSTED: &str = "certificate-untrusted";
const MAY_NOT: &str = "signer-may-not";
const PATIENCE_OVER: &str = "not-confirmed";
/// Why nothing is sealed where no seal is registered.
pub const NO_SEAL: &str = "no-seal";

/// Why something is not signed, in the reader's language: the words kept with a signature are codes where the house says them,
/// and a provider's own text else.
pub fn word(lang: Lang, said: &str) -> String {
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

/// The words of [`hindrance`] that may pass by themselves: a list comes in, a day begins.
fn passes(why: &str) -> bool {
    matches!(why, UNCHECKED | NOT_YET)
}

/// Why a certificate's owner cannot sign with it now; `None` where they can. Nothing is signed on a guess: where no revocation
/// data is at hand, too.
fn hindrance(chain: &[Certificate], trust: &Trust, now: i64) -> Option<&'static str> {
    let Some(own) = chain.first() else { return Some(UNTRUSTED) };
    match trust.standing(own, chain, &Evidence::default(), now, Purpose::Document) {
        Standing::Valid => None,
        Standing::ValidUnchecked => Some(UNCHECKED),
        Standing::NotYet => Some(NOT_YET),
        Standing::Expired => Some(EXPIRED),
        Standing::Revoked(_) => Some(REVOKED),
        Standing::Untrusted(_) | Standing::WrongUse(_) => Some(UNTRUSTED),
    }
}

fn console(papers: &'static dyn Papers) -> Result<Decision> {
    decide(&Actor::console(), papers.may()).map_err(|e| Error::Refused(e.to_string()))
}

/// Looks at the signatures under way that are due; gives how many.
///
/// # Errors
/// Of the store, where not even the queue can be read.
pub fn once(store: &Store, keys: &dyn Keys, papers: &'static dyn Papers, now: i64) -> Result<usize> {
    let decision = console(papers)?;
    let due = signing::flights_due(&mut store.read(&decision)?, papers.acts(), now, TOGETHER)?;
    for one in &due {
        // One that cannot be written stands aside: those behind it are signed all the same.
        if let Err(e) = attend(store, keys, papers, one, now) {
            tracing::error!("the signature of {} could not be taken further: {e}", one.code);
            let one = one.clone();
            store.write(&decision, move |tx| tx.put_off_flight(&one, now + LONGEST_WAIT))?;
        }
    }
    Ok(due.len())
}

/// Looks at one signature now, where it is under way.
///
/// # Errors
/// Of the store.
pub fn now_of(
    store: &Store,
    keys: &dyn Keys,
    papers: &'static dyn Papers,
    (facility, code, act): (i64, &str, Act),
) -> Result<()> {
    let decision = console(papers)?;
    let flight = signing::flight_of(&mut store.read(&decision)?, facility, code, act)?;
    match flight.filter(Flight::is_under_way) {
        Some(f) => {
            let one = Due { id: f.id, facility: f.facility, code: f.code, act: f.act, tried: f.tried };
            attend(store, keys, papers, &one, now_seconds())
        }
        None => Ok(()),
    }
}

/// Takes a signature one step further and keeps where it is.
fn attend(store: &Store, keys: &dyn Keys, papers: &'static dyn Papers, one: &Due, now: i64) -> Result<()> {
    let _turn = Turn::at(one.id);
    let decision = console(papers)?;
    let found = signing::flight_of(&mut store.read(&decision)?, one.facility, &one.code, one.act)?;
    let Some(mut flight) = found.filter(|f| f.id == one.id && f.is_under_way()) else {
        return Ok(());
    };
    flight.tried += 1;
    let step = step(store, &decision, (keys, papers), &mut flight, now);
    let later = |tried: i64| Some(now + (FIRST_WAIT << tried.clamp(0, 10)).min(LONGEST_WAIT));
    match step {
        Ok(Step::Signed(file)) => {
            store.write(&decision, move |tx| taken(tx, papers, &flight, &file, now))?;
            // It may stand in the place of another.
            keys.papers_changed();
            return Ok(());
        }
        Ok(Step::Waiting) if now - flight.began > PATIENCE => {
            (flight.said, flight.next) = (PATIENCE_OVER.to_owned(), None);
        }
        Ok(Step::Waiting) => (flight.said, flight.next) = (String::new(), Some(now + ASK_AGAIN)),
        Ok(Step::Stopped(why)) => (flight.said, flight.next) = (why, None),
        Ok(Step::Later(why)) => (flight.said, flight.next) = (why, later(flight.tried)),
        Err(why) => {
            tracing::warn!("a signature of {} has to wait: {why}", flight.code);
            (flight.said, flight.next) = (why, later(flight.tried));
        }
    }
    store.write(&decision, move |tx| tx.keep_flight(&flight)).map(drop)
}

/// Takes a signed file, where the signature still stands.
fn taken(tx: &mut Tx<'_>, papers: &'static dyn Papers, flight: &Flight, file: &[u8], now: i64) -> Result<()> {
    let stands = signing::flight_of(tx, flight.facility, &flight.code, flight.act)?;
    if !stands.is_some_and(|f| f.id == flight.id && f.ended.is_none()) {
        return Ok(());
    }
    if papers.take(tx, flight, file, now)? {
        let hash = mach_sign::hex(&mach_sign::sha256(file));
        tx.log_event(
            "signature",
            &format!("{} {} by signer {}: {hash}", flight.code, flight.act.code(), flight.signer),
        )?;
    }
    let ended = Flight { ended: Some(now), next: None, said: String::new(), state: Vec::new(), ..flight.clone() };
    tx.keep_flight(&ended).map(drop)
}

/// Whether who asked may still do so: their account is open, at the facility, and permits it.
fn may_still(on: &mut dyn Query, papers: &'static dyn Papers, flight: &Flight) -> Result<bool> {
    if flight.account == 0 {
        return Ok(true);
    }
    let account = accounts::by_id(on, Scope::Facility(flight.facility), flight.account)?.filter(|a| !a.closed);
    Ok(account.is_some_and(|a| decide(&a.actor, papers.may()).is_ok()))
}

/// One step; an error is something that may be otherwise later.
fn step(
    store: &Store,
    decision: &Decision,
    (keys, papers): (&dyn Keys, &'static dyn Papers),
    flight: &mut Flight,
    now: i64,
) -> std::result::Result<Step, String> {
    let told = |e: &dyn std::fmt::Display| e.to_string();
    let mut reader = store.read(decision).map_err(|e| told(&e))?;
    let signer = signing::signer_of(&mut reader, flight.facility, flight.signer).map_err(|e| told(&e))?;
    let today = Minute::of_seconds(now).day();
    let open = may_still(&mut reader, papers, flight).map_err(|e| told(&e))?;
    let Some(signer) = signer.filter(|s| open && s.account == flight.account && s.holds(flight.act, today)) else {
        return Ok(Step::Stopped(MAY_NOT.to_owned()));
    };
    let Ok(chain) = Certificate::from_pem(&signer.chain) else { return Ok(Step::Stopped(UNTRUSTED.to_owned())) };
    let trust = keys.trust()?;
    match hindrance(&chain, &trust, now) {
        Some(why) if passes(why) => return Ok(Step::Later(why.to_owned())),
        Some(why) => return Ok(Step::Stopped(why.to_owned())),
        None => {}
    }
    let ready = match flight.state.is_empty() {
        true => Some(papers.prepare(&mut reader, flight, keys.base())?),
        false => None,
    };
    drop(reader);
    let mut under = match ready {
        None => Under::from_bytes(&flight.state).map_err(|e| told(&e))?,
        Some(Err(why)) => return Ok(Step::Stopped(why)),
        Some(Ok(ready)) => {
            let under = prepared(&ready, flight, (&signer, &chain), now)?;
            // Kept before anybody is asked: after a restart the same question is asked under the same id.
            flight.state = under.to_bytes();
            let kept = flight.clone();
            if !store.write(decision, move |tx| tx.keep_flight(&kept)).map_err(|e| told(&e))? {
                return Err("it was given up meanwhile".to_owned());
            }
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
    match pades::verify(&whole, &trust, now).map_err(|e| told(&e))?.is_good() {
        true => Ok(Step::Signed(whole)),
        false => Err("what was signed does not verify".to_owned()),
    }
}

/// Makes a file ready for a signature.
fn prepared(
    ready: &Ready,
    flight: &Flight,
    (signer, chain): (&Signer, &[Certificate]),
    now: i64,
) -> std::result::Result<Under, String> {
    let [left, bottom, right, top] = ready.seal.rectangle;
    let text = SealText { signer: flight.name.clone(), role: ready.role.clone(), at: now };
    let draw = |update: &mut Update<'_, '_>| Ok(draw_seal(update, (right - left, top - bottom), &text));
    let request = Request {
        chain,
        at: now,
        reason: Some(&ready.reason),
        location: Some(&ready.location),
        appearance: Some(Appearance { page: ready.seal.page, rectangle: ready.seal.rectangle, draw: &draw }),
    };
    let prepared = pades::prepare(&ready.file, &request).map_err(|e| e.to_string())?;
    Under::new(prepared, &signer.subscriber, &ready.shown).map_err(|e| e.to_string())
}

/// The certificate that seals what a facility sends to other systems, and its key: the facility's seal, else that of whoever
/// signed for it (an account and the act), where the key is at hand.
///
/// # Errors
/// Why there is none: a code that [`word`] knows, or words.
pub fn seal_of(
    on: &mut dyn Query,
    keys: &dyn Keys,
    facility: i64,
    (account, act): (i64, Act),
    now: i64,
) -> std::result::Result<(Vec<Certificate>, SoftKey), String> {
    let today = Minute::of_seconds(now).day();
    let told = |e: Error| e.to_string();
    let mut found = signing::signing_with(on, facility, 0, Act::Seal, today).map_err(told)?;
    if found.is_none() && account != 0 {
        found = signing::signing_with(on, facility, account, act, today).map_err(told)?;
    }
    let signer = found.filter(|s| s.provider == Provider::Soft).ok_or(NO_SEAL)?;
    let chain = Certificate::from_pem(&signer.chain).map_err(|e| e.to_string())?;
    if let Some(why) = hindrance(&chain, &keys.trust()?, now) {
        return Err(why.to_owned());
    }
    Ok((chain, keys.soft(&signer)?))
}

/// Looks at signatures under way for as long as the program runs, until what this gives is aborted.
pub fn start<K: Keys + Send + Sync + 'static>(
    store: &Store,
    name: &'static str,
    keys: Arc<K>,
    papers: &'static dyn Papers,
) -> JoinHandle<()> {
    let at = store.clone();
    follow(store, name, QUIET, move || {
        let look = || -> Result<Again> {
            if once(&at, keys.as_ref(), papers, now_seconds())? >= TOGETHER {
                return Ok(Again::After(Duration::ZERO));
            }
            let next = signing::next_flight(&mut at.read(&console(papers)?)?, papers.acts())?;
            Ok(until(next, REST))
        };
        look().map_err(|e| e.to_string())
    })
}
