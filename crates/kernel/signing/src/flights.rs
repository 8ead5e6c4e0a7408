//! Signatures under way: each is a row that outlives a restart. A paper is made, prepared, signed by a key at hand or by its
//! owner's phone, checked, and only then taken for signed: PAdES B-T with validation data (B-LT) where there is proof of time.
//!
//! What is signed is an app's: it gives [`Papers`], one for its acts.

mod desktop;

pub use desktop::{brought, given_file};

use crate::ask::asker_may;
use crate::desk::{Desk, Keys};
use crate::papers::catch_up;
use crate::turn::Turn;
use crate::words::{Halt, MAY_NOT, PAPER_CHANGED, PATIENCE_OVER, REFUSED, UNSIGNED, UNTRUSTED, hindrance, later};
use mach_access::{Act as May, Actor, Decision, decide};
use mach_base::Minute;
use mach_base::time::now_seconds;
use mach_documents::{Seal, SealText, draw_seal};
use mach_house::House;
use mach_house::follow::{Again, follow, until};
use mach_sign::certificate::Certificate;
use mach_sign::pades::{self, Appearance, AskTime, Request};
use mach_sign::pdf::Update;
use mach_sign::remote::{Flight as Under, Stage};
use mach_sign::trust::Trust;
use mach_store::signing::{self, Act, Due, Flight, Provider, Signer};
use mach_store::sql::Query;
use mach_store::{Error, Reader, Result, Store, Tx};
use mach_ui::http::Problem;
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

/// Where a file was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// Nowhere: what was signed stands otherwise by now, and the file is nobody's.
    Nobodys,
    /// It lacks a further signature, and is given to nobody.
    Unfinished,
    /// It is the paper.
    Whole,
    /// It is the paper, and others ended with it.
    Replacing,
}

/// What an app lets be signed.
pub trait Papers: Send + Sync {
    /// What these papers are called in the program's log.
    fn what(&self) -> &'static str;

    /// Where somebody looks at the paper of a code.
    fn page(&self, code: &str) -> String;

    /// For which acts. No two apps have the same.
    fn acts(&self) -> &'static [Act];

    /// What somebody must be permitted to ask for it.
    fn may(&self) -> May;

    /// What is to be signed, by a name that is another whenever it was changed; `None`: nobody wants it signed any more.
    ///
    /// # Errors
    /// Of the store.
    fn revision(&self, on: &mut dyn Query, flight: &Flight) -> Result<Option<String>>;

    /// Whether who asked may still do so: their account is open, at the facility, and permits it.
    ///
    /// # Errors
    /// Of the store.
    fn may_still(&self, on: &mut dyn Query, flight: &Flight, now: i64) -> Result<bool> {
        let _ = now;
        asker_may(on, flight, self.may())
    }

    /// Makes the paper of a signature that begins. `keys` knows the address that papers name, and signs their codes.
    ///
    /// # Errors
    /// Why not: for good, or for now.
    fn prepare(&self, on: &mut Reader, flight: &Flight, keys: &dyn Keys) -> std::result::Result<Ready, Halt>;

    /// Takes the file that was signed and verified, in the transaction that ends the signature.
    ///
    /// # Errors
    /// Of the store.
    fn take(&self, tx: &mut Tx<'_>, flight: &Flight, file: &[u8], now: i64) -> Result<Taken>;
}

/// How a step ended.
enum Step {
    /// The owner of the key has not confirmed yet.
    Waiting,
    /// Signed: the whole file, and of which revision.
    Signed(Vec<u8>, String),
}

fn console(papers: &dyn Papers) -> Result<Decision> {
    decide(&Actor::console(), papers.may()).map_err(|e| Error::Refused(e.to_string()))
}

/// When something that failed `tried` times is tried again.
fn next_try(now: i64, tried: i64) -> i64 {
    now + (FIRST_WAIT << tried.clamp(0, 10)).min(LONGEST_WAIT)
}

/// Looks at the signatures under way that are due; gives how many.
///
/// # Errors
/// Of the store, where not even the queue can be read or a signature put off.
pub fn once(store: &Store, keys: &dyn Keys, papers: &'static dyn Papers, now: i64) -> Result<usize> {
    let decision = console(papers)?;
    let due = signing::flights_due(&mut store.read(&decision)?, papers.acts(), now, TOGETHER)?;
    for flight in &due {
        // One whose step cannot be written stands aside for those behind it.
        if let Err(e) = attend(store, keys, papers, flight, now) {
            tracing::error!("a signature of {} {} could not be kept: {e}", papers.what(), flight.code);
            let (flight, next) = (flight.clone(), next_try(now, flight.tried));
            store.write(&decision, move |tx| tx.put_off_flight(&flight, next))?;
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
            let due = Due { id: f.id, facility: f.facility, code: f.code, act: f.act, tried: f.tried };
            attend(store, keys, papers, &due, now_seconds())
        }
        None => Ok(()),
    }
}

/// Takes signatures that were just asked for as far as they go without their owner's phone. They are asked for all the same where
/// that fails now: the queue goes on with them.
///
/// # Errors
/// Where the work could not even be begun.
pub async fn at_once(
    house: &House,
    desk: &Arc<Desk>,
    papers: &'static dyn Papers,
    wanted: Vec<(i64, String, Act)>,
) -> std::result::Result<(), Problem> {
    let (store, desk) = (house.store().clone(), Arc::clone(desk));
    let work = move || {
        for (facility, code, act) in &wanted {
            if let Err(e) = now_of(&store, desk.as_ref(), papers, (*facility, code, *act)) {
                tracing::error!("a signature of {} {code} that was just asked for: {e}", papers.what());
            }
        }
    };
    tokio::task::spawn_blocking(work).await.map_err(Problem::internal)
}

/// A signature that is still wanted, and what it is of: the last one for its act.
fn standing(on: &mut dyn Query, papers: &dyn Papers, due: &Due) -> Result<Option<(Flight, String)>> {
    let last = signing::flight_of(on, due.facility, &due.code, due.act)?;
    let Some(flight) = last.filter(|f| f.id == due.id && f.ended.is_none()) else { return Ok(None) };
    let revision = papers.revision(on, &flight)?;
    Ok(revision.map(|revision| (flight, revision)))
}

/// Takes a signature one step further and keeps where it is.
fn attend(store: &Store, keys: &dyn Keys, papers: &'static dyn Papers, due: &Due, now: i64) -> Result<()> {
    let _turn = Turn::at(due.id);
    let decision = console(papers)?;
    let found = standing(&mut store.read(&decision)?, papers, due)?;
    let Some((mut flight, revision)) = found else {
        let due = due.clone();
        return store.write(&decision, move |tx| match standing(tx, papers, &due)? {
            Some(_) => Ok(()),
            None => tx.end_flight(due.facility, due.id),
        });
    };
    if flight.next.is_none() {
        return Ok(());
    }
    flight.tried += 1;
    match step(store, &decision, (keys, papers), (&mut flight, &revision), now) {
        Ok(Step::Signed(file, of)) => {
            let taken = store.write(&decision, move |tx| taken(tx, papers, (&flight, &of), &file, now))?;
            if taken == Taken::Replacing {
                keys.papers_changed();
            }
            return Ok(());
        }
        Ok(Step::Waiting) if now - flight.began > PATIENCE => {
            (flight.next, flight.said) = (None, PATIENCE_OVER.to_owned());
        }
        // It answers: what went wrong before is over, and the next fault is a first one.
        Ok(Step::Waiting) => (flight.tried, flight.next, flight.said) = (0, Some(now + ASK_AGAIN), String::new()),
        Err(Halt::Stopped(why)) => {
            tracing::warn!("a signature of {} {} stopped: {why}", papers.what(), flight.code);
            (flight.next, flight.said) = (None, why);
        }
        Err(Halt::Later(why)) => {
            tracing::warn!("a signature of {} {} has to wait: {why}", papers.what(), flight.code);
            (flight.next, flight.said) = (Some(next_try(now, flight.tried)), why);
        }
    }
    // Where it was given up meanwhile, it stays so.
    store.write(&decision, move |tx| tx.keep_flight(&flight).map(drop))
}

/// Takes a file that was signed and checked, where it is wanted still: it is the app's from now on, its hash stays with the
/// signature, its mark makes it known wherever it is taken up. All of that is one transaction: what the power cut is signed anew.
/// `of`: the revision that was signed.
///
/// # Errors
/// Of the store.
pub fn taken(
    tx: &mut Tx<'_>,
    papers: &'static dyn Papers,
    (flight, of): (&Flight, &str),
    file: &[u8],
    now: i64,
) -> Result<Taken> {
    let due = Due { id: flight.id, facility: flight.facility, code: flight.code.clone(), act: flight.act, tried: 0 };
    let Some((_, revision)) = standing(tx, papers, &due)? else {
        tx.end_flight(flight.facility, flight.id)?;
        return Ok(Taken::Nobodys);
    };
    if revision != of {
        let stopped = Flight { next: None, said: PAPER_CHANGED.to_owned(), ..flight.clone() };
        tx.keep_flight(&stopped)?;
        return Ok(Taken::Nobodys);
    }
    let taken = papers.take(tx, flight, file, now)?;
    if taken == Taken::Nobodys {
        tx.end_flight(flight.facility, flight.id)?;
        return Ok(taken);
    }
    let hash = mach_sign::sha256(file);
    let said = format!("{} {} by signer {}: {}", flight.code, flight.act.code(), flight.signer, mach_sign::hex(&hash));
    tx.log_event("signature", &said)?;
    // By this hash the file is known again wherever it is taken up.
    let done = Flight { ended: Some(now), next: None, said: String::new(), state: hash.to_vec(), ..flight.clone() };
    tx.keep_flight(&done)?;
    // What lacks a signature was given to nobody, and counts nowhere.
    let mark = pades::last_mark(file).map_err(|e| Error::Files(format!("the paper of {}: {e}", flight.code)))?;
    tx.keep_paper(flight.facility, &flight.code, &mark, taken != Taken::Unfinished)?;
    Ok(taken)
}

/// One step.
fn step(
    store: &Store,
    decision: &Decision,
    (keys, papers): (&dyn Keys, &'static dyn Papers),
    (flight, revision): (&mut Flight, &str),
    now: i64,
) -> std::result::Result<Step, Halt> {
    let stopped = |code: &str| Err(Halt::stopped(code));
    let mut reader = store.read(decision).map_err(later)?;
    let signer = signing::signer_of(&mut reader, flight.facility, flight.signer).map_err(later)?;
    let today = Minute::of_seconds(now).day();
    let Some(signer) = signer.filter(|s| s.account == flight.account && s.holds(flight.act, today)) else {
        return stopped(MAY_NOT);
    };
    // A phone may answer a day later: who asked must be allowed to sign still.
    if !papers.may_still(&mut reader, flight, now).map_err(later)? {
        return stopped(MAY_NOT);
    }
    let Ok(chain) = Certificate::from_pem(&signer.chain) else { return stopped(UNTRUSTED) };
    let trust = keys.trust().map_err(later)?;
    if let Some(why) = hindrance(&chain, &trust, now) {
        return Err(why);
    }
    if signer.provider == Provider::Vgca {
        return desktop::given(store, decision, (reader, keys, papers), (flight, revision));
    }
    let mut under = match flight.state.is_empty() {
        false => {
            // A service may take its time: the store is not held meanwhile.
            drop(reader);
            Under::from_bytes(&flight.state).map_err(later)?
        }
        true => {
            let ready = papers.prepare(&mut reader, flight, keys)?;
            drop(reader);
            let mut under = prepared(&ready, flight, (&signer, &chain), now)?;
            revision.clone_into(&mut under.revision);
            // Kept before anybody is asked: after a restart the same question is asked under the same id.
            flight.state = under.to_bytes();
            let kept = flight.clone();
            // Given up meanwhile: nobody is asked.
            if !store.write(decision, move |tx| tx.keep_flight(&kept)).map_err(later)? {
                return stopped(UNSIGNED);
            }
            under
        }
    };
    // Of what was prepared before this was kept with it, the app's own question must do.
    if !under.revision.is_empty() && under.revision != revision {
        return stopped(PAPER_CHANGED);
    }
    let stamp = |signature: &[u8]| keys.time(signature);
    let time: Option<&AskTime<'_>> = if keys.has_time() { Some(&stamp) } else { None };
    let signed = match signer.provider {
        Provider::Soft => {
            let key = keys.soft(&signer).map_err(later)?;
            Some(under.sign(&key, &trust, now, time).map_err(later)?)
        }
        Provider::Token => {
            let signature = keys.token(&signer, under.prepared().to_be_signed())?;
            Some(under.signed(&signature, &trust, now, time).map_err(later)?)
        }
        Provider::SmartCa | Provider::MySign | Provider::Vgca => {
            let service = keys.service(signer.provider).map_err(later)?;
            let service = service.ok_or_else(|| later("no signing service is set up here"))?;
            let signed = under.step_timed(service.as_ref(), &trust, now, time);
            flight.state = under.to_bytes();
            let signed = signed.map_err(later)?;
            if let Stage::Refused(why) = &under.stage {
                return Err(Halt::Stopped(format!("{REFUSED}{why}")));
            }
            signed
        }
    };
    let Some(signed) = signed else { return Ok(Step::Waiting) };
    whole(signed, time.is_some(), (&chain, &trust), now).map(|file| Step::Signed(file, revision.to_owned()))
}

/// The whole file, with validation data where its time is `proved`, looked at as anybody will look at it before it is anybody's.
pub(crate) fn whole(
    signed: Vec<u8>,
    proved: bool,
    (chain, trust): (&[Certificate], &Trust),
    now: i64,
) -> std::result::Result<Vec<u8>, Halt> {
    let whole = match proved {
        true => {
            let others: Vec<Certificate> = chain.iter().chain(&trust.between).cloned().collect();
            pades::add_validation_data(&signed, &others, &trust.evidence).map_err(later)?
        }
        false => signed,
    };
    match pades::verify(&whole, trust, now).map_err(later)?.is_good() {
        true => Ok(whole),
        false => Err(later("what was signed does not verify")),
    }
}

/// Makes a file ready for a signature.
fn prepared(
    ready: &Ready,
    flight: &Flight,
    (signer, chain): (&Signer, &[Certificate]),
    now: i64,
) -> std::result::Result<Under, Halt> {
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
    let prepared = pades::prepare(&ready.file, &request).map_err(later)?;
    Under::new(prepared, &signer.subscriber, &ready.shown).map_err(later)
}

/// Looks at signatures under way for as long as the program runs, until what this gives is aborted.
pub fn start(store: &Store, desk: Arc<Desk>, papers: &'static dyn Papers) -> JoinHandle<()> {
    let at = store.clone();
    follow(store, papers.what(), QUIET, move || {
        let look = || -> Result<Again> {
            catch_up(&at, &desk);
            if once(&at, desk.as_ref(), papers, now_seconds())? >= TOGETHER {
                return Ok(Again::After(Duration::ZERO));
            }
            let next = signing::next_flight(&mut at.read(&console(papers)?)?, papers.acts())?;
            Ok(until(next, REST))
        };
        look().map_err(|e| e.to_string())
    })
}
