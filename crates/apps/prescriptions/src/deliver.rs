//! The queues to the national system: prescriptions are sent, sales told, sales elsewhere asked for; what fails is tried again,
//! later each time.

use crate::case::{self, Case};
use crate::dispense::{self, Handing};
use crate::gateway::{Account, Answer, Net, Transport, lines_of, look, message, sale_message, send, tell};
use mach_access::{Act, Actor, Decision, Scope, decide};
use mach_base::time::now_seconds;
use mach_house::follow::{Again, follow, until};
use mach_sign::jws;
use mach_signing::desk::Keys;
use mach_signing::seal::seal_of;
use mach_store::notices::Kind;
use mach_store::prescriptions::{self, Prescription, Sale, Sending, State};
use mach_store::signing::Act as Signs;
use mach_store::{Error, Result, Store, Tx, accounts, people, schema};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;

/// Pieces of each queue before it is looked at again.
const TOGETHER: usize = 20;
/// Seconds before the second try; doubled with each.
const FIRST_WAIT: i64 = 15;
/// Seconds between two tries, at most.
const LONGEST_WAIT: i64 = 1_800;
/// Seconds between two questions what was sold elsewhere.
const LOOK_EVERY: i64 = 900;
/// Seconds for which is asked after the last day: pharmacies tell late.
const LOOK_AFTER: i64 = 86_400;
/// Between two looks, however many commits come.
const QUIET: Duration = Duration::from_millis(100);
/// The longest the queue rests without being looked at.
const REST: Duration = Duration::from_secs(60);

/// When something that failed `tried` times is tried again.
pub fn next_try(now: i64, tried: i64) -> i64 {
    now + (FIRST_WAIT << tried.clamp(0, 10)).min(LONGEST_WAIT)
}

/// The national system, and what is needed to talk to it.
pub struct System<'a> {
    /// Carries what is asked.
    pub transport: &'a dyn Transport,
    /// Keys that seal what is sent.
    pub keys: &'a dyn Keys,
    /// The account of a facility (by code) and a doctor (by account).
    pub account: &'a dyn Fn(&str, i64) -> Account,
}

fn console() -> Result<Decision> {
    decide(&Actor::console(), Act::Prescribe).map_err(|e| Error::Refused(e.to_string()))
}

/// Does what is due once; gives how many pieces were tried.
///
/// # Errors
/// Of the store, where not even the queues can be read.
pub fn once(store: &Store, system: &System<'_>, now: i64) -> Result<usize> {
    let decision = console()?;
    let (due, looks) = {
        let mut reader = store.read(&decision)?;
        (prescriptions::due(&mut reader, now, TOGETHER)?, prescriptions::looks_due(&mut reader, now, TOGETHER)?)
    };
    for row in &due {
        aside(store, &decision, row, now, one(store, &decision, system, row, now))?;
    }
    // A sale is told after its prescription.
    let sales = prescriptions::sales_due(&mut store.read(&decision)?, now, TOGETHER)?;
    for (sale, code) in &sales {
        if let Err(e) = told(store, &decision, system, (sale, code), now) {
            tracing::error!("a sale of prescription {code} could not be told: {e}");
            let (sale, next) = (sale.clone(), next_try(now, sale.tried));
            store.write(&decision, move |tx| tx.told_of_sale(&sale, Sending::Due, "", Some(next)))?;
        }
    }
    for row in &looks {
        aside(store, &decision, row, now, looked(store, &decision, system, row, now))?;
    }
    Ok(due.len() + sales.len() + looks.len())
}

/// What cannot be done for a reason of our own stands aside, so that those behind it go on.
fn aside(store: &Store, decision: &Decision, row: &Prescription, now: i64, done: Result<()>) -> Result<()> {
    let Err(e) = done else { return Ok(()) };
    tracing::error!("prescription {} and the national system: {e}", row.code);
    let (row, next) = (row.clone(), now + LONGEST_WAIT);
    store.write(decision, move |tx| tx.put_off_prescription(&row, next))
}

/// Sends a prescription.
fn one(store: &Store, decision: &Decision, system: &System<'_>, row: &Prescription, now: i64) -> Result<()> {
    let mut reader = store.read(decision)?;
    let Some(case) = case::load(&mut reader, &row.code)? else { return Ok(()) };
    if case.altered {
        return Err(Error::Refused("what is kept is not what was written".to_owned()));
    }
    let person = people::person(&mut reader, row.person)?.ok_or(Error::Missing("a person"))?;
    let seal = seal_of(&mut reader, system.keys, row.facility, (row.account, Signs::Prescribe), now);
    drop(reader);
    let mut message = message(&case, &person);
    let answer = match seal {
        Err(why) => Answer::Failed(why),
        Ok((chain, key)) => {
            let plain = message.to_string();
            let signature =
                jws::sign(plain.as_bytes(), &key, &chain, now).map_err(|e| Error::Refused(e.to_string()))?;
            let (code, mark) = (row.code.clone(), case::digest(signature.as_bytes()));
            store.write(decision, move |tx| tx.log_event("signature", &format!("{code} seal: {mark}")))?;
            message["signature"] = signature.into();
            send(system.transport, &(system.account)(&case.facility, row.account), &message)
        }
    };
    let code = row.code.clone();
    store.write(decision, move |tx| sent(tx, &code, answer, now))
}

/// Writes what became of a try to send.
fn sent(tx: &mut Tx<'_>, code: &str, answer: Answer, now: i64) -> Result<()> {
    let Some(mut row) = prescriptions::by_code(tx, code)? else { return Ok(()) };
    let (sending, next) = match &answer {
        Answer::Taken(receipt) => {
            row.receipt.clone_from(receipt);
            row.said = String::new();
            (Sending::Sent, None)
        }
        Answer::Refused(why) => {
            row.said.clone_from(why);
            (Sending::Refused, None)
        }
        Answer::Failed(why) => {
            row.said.clone_from(why);
            (Sending::Due, Some(next_try(now, row.tried)))
        }
    };
    // Taken back while it was on its way: the system has it all the same, and its receipt stays.
    if row.sending != Sending::Due {
        if sending == Sending::Sent {
            row.sending = sending;
            tx.keep_prescription(&row)?;
        }
        return Ok(());
    }
    (row.sending, row.next, row.tried) = (sending, next, row.tried + 1);
    if sending == Sending::Sent && matches!(row.state, State::Signed | State::Partly) {
        row.look = Some(now + LOOK_EVERY);
    }
    tx.keep_prescription(&row)?;
    if sending == Sending::Refused {
        tx.notify(row.account, Kind::PrescriptionRefused, now, &format!("/prescriptions/case/{code}"))?;
    }
    tx.audit(Some(row.person), &format!("prescription {code} sending {}", sending.code()), "granted")
}

/// Tells of a sale, where the system has its prescription.
fn told(store: &Store, decision: &Decision, system: &System<'_>, (sale, code): (&Sale, &str), now: i64) -> Result<()> {
    let mut reader = store.read(decision)?;
    let Some(case) = case::load(&mut reader, code)? else { return Ok(()) };
    let pharmacy = schema::facility_code(&mut reader, sale.pharmacy)?.unwrap_or_default();
    drop(reader);
    let answer = match case.row.sending {
        Sending::Sent => {
            let account = (system.account)(&pharmacy, sale.account);
            tell(system.transport, &account, &sale_message(&case, sale, &pharmacy))
        }
        // What was never sent and never will be has no sales there.
        Sending::None => Answer::Refused("the prescription was not sent".to_owned()),
        Sending::Due | Sending::Refused => Answer::Failed("the prescription is not there yet".to_owned()),
    };
    let (sending, said, next) = match answer {
        Answer::Taken(_) => (Sending::Sent, String::new(), None),
        Answer::Refused(why) => (Sending::Refused, why, None),
        Answer::Failed(why) => (Sending::Due, why, Some(next_try(now, sale.tried))),
    };
    let sale = sale.clone();
    store.write(decision, move |tx| tx.told_of_sale(&sale, sending, &said, next))
}

/// Asks what was sold elsewhere, and writes down what is new.
fn looked(store: &Store, decision: &Decision, system: &System<'_>, row: &Prescription, now: i64) -> Result<()> {
    let mut reader = store.read(decision)?;
    let Some(case) = case::load(&mut reader, &row.code)? else { return Ok(()) };
    let ours = schema::facilities(&mut reader)?;
    drop(reader);
    let account = (system.account)(&case.facility, row.account);
    let sold = match look(system.transport, &account, &row.code) {
        Ok(sold) => sold,
        Err(why) => {
            tracing::warn!("what was sold of prescription {} is not known: {why}", row.code);
            Vec::new()
        }
    };
    // The house's own pharmacies told it themselves.
    let elsewhere = sold.into_iter().filter(|s| ours.iter().all(|(_, code)| *code != s.place));
    for sold in elsewhere {
        let Some(lines) = lines_of(&case, &sold) else {
            tracing::warn!("prescription {}: sold elsewhere was what was not prescribed ({})", row.code, sold.invoice);
            continue;
        };
        let (code, account) = (row.code.clone(), 0);
        let handing =
            Handing { place: sold.place, invoice: sold.invoice, lines, account, at: now, ..Handing::default() };
        let done = store.write(decision, move |tx| dispense::dispense(tx, &code, &handing))?;
        if let Err(no) = done {
            tracing::warn!("prescription {}: a sale elsewhere was not taken: {no:?}", row.code);
        }
    }
    let code = row.code.clone();
    store.write(decision, move |tx| {
        let Some(mut row) = prescriptions::by_code(tx, &code)? else { return Ok(()) };
        row.look = row.look.and(next_look(&row, now));
        tx.keep_prescription(&row).map(drop)
    })
}

fn next_look(row: &Prescription, now: i64) -> Option<i64> {
    let open = matches!(row.state, State::Signed | State::Partly) && row.expires.is_some_and(|e| now < e + LOOK_AFTER);
    open.then_some(now + LOOK_EVERY)
}

/// Whether more was handed out of a line than was prescribed: pharmacies elsewhere and here sold at the same time.
pub fn oversold(case: &Case) -> bool {
    case.lines.iter().any(|l| l.dispensed > l.prescribed)
}

/// The accounts of a demonstration: a simulator's receipts are worth nothing.
fn simulated(facility: &str, doctor: i64) -> Account {
    Account {
        facility: facility.to_owned(),
        doctor: doctor.to_string(),
        password: "simulator".to_owned(),
        app: ("mach".to_owned(), "simulator".to_owned()),
    }
}

/// The account of one who signs in here.
fn account_of(store: &Store, net: &Net, facility: &str, account: i64) -> Account {
    let name = || -> Result<String> {
        let found = accounts::by_id(&mut store.read(&console()?)?, Scope::All, account)?;
        Ok(found.map(|a| a.name).unwrap_or_default())
    };
    // Without a name the facility's own account is asked for.
    let name = name().unwrap_or_else(|e| {
        tracing::error!("the account of a doctor is not known: {e}");
        String::new()
    });
    net.account(facility, &name)
}

/// Does what is due for as long as the program runs: with the system that is set up in the data folder, else with `instead`, a
/// simulator. Where there is neither, it waits.
pub fn start<K>(store: &Store, data: &Path, instead: Option<Box<dyn Transport>>, keys: Arc<K>) -> JoinHandle<()>
where
    K: Keys + Send + Sync + 'static,
{
    let (at, data) = (store.clone(), data.to_path_buf());
    follow(store, "the queue of prescriptions", QUIET, move || {
        let net = Net::of(&data)?;
        let own = |facility: &str, doctor: i64| match &net {
            Some(net) => account_of(&at, net, facility, doctor),
            None => simulated(facility, doctor),
        };
        let transport = net.as_ref().map(|net| net as &dyn Transport).or(instead.as_deref());
        let Some(transport) = transport else { return Ok(Again::Commit(REST)) };
        let look = || -> Result<Again> {
            let system = System { transport, keys: keys.as_ref(), account: &own };
            if once(&at, &system, now_seconds())? >= TOGETHER {
                return Ok(Again::After(Duration::ZERO));
            }
            Ok(until(prescriptions::next_due(&mut at.read(&console()?)?)?, REST))
        };
        look().map_err(|e| e.to_string())
    })
}
