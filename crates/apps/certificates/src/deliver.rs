//! The queue to the gateway: what is due is sent, one after another; what fails is tried again, later each time.

use crate::bodies::{self, Sent};
use crate::case;
use crate::desk::{Desk, Keys};
use crate::gateway::{Answer, Channel, Message, Net, message};
use crate::{signing, work};
use mach_access::{Act, Actor, Decision, decide};
use mach_base::time::now_seconds;
use mach_house::follow::{Again, follow, until};
use mach_store::certificates::{self, Certificate, Sending, State};
use mach_store::{Error, Result, Store};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Certificates sent before the queue is looked at again.
const TOGETHER: usize = 20;
/// Seconds before the second try; doubled with each.
const FIRST_WAIT: i64 = 15;
/// Seconds between two tries, at most: several fit into the four hours.
const LONGEST_WAIT: i64 = 1_800;
/// Between two looks, however many commits come.
const QUIET: Duration = Duration::from_millis(100);
/// The longest the queue rests without being looked at.
const REST: Duration = Duration::from_secs(60);

/// When a message that failed `tried` times is tried again.
pub fn next_try(now: i64, tried: i64) -> i64 {
    now + (FIRST_WAIT << tried.clamp(0, 10)).min(LONGEST_WAIT)
}

/// Sends what is due once; gives how many messages were tried.
///
/// # Errors
/// Of the store, where not even the queue can be read.
pub fn once(store: &Store, gateway: &dyn Channel, keys: &dyn Keys, now: i64) -> Result<usize> {
    let decision = decide(&Actor::console(), Act::Certify).map_err(|e| mach_store::Error::Refused(e.to_string()))?;
    let due = {
        let mut reader = store.read(&decision)?;
        certificates::due(&mut reader, now, TOGETHER)?
    };
    for row in &due {
        // One that cannot be sent stands aside, so that those behind it go out within their hours.
        if let Err(e) = one(store, &decision, (gateway, keys), row, now) {
            tracing::error!("driver certificate {} could not be sent: {e}", row.code);
            let (row, next) = (row.clone(), next_try(now, row.tried));
            store.write(&decision, move |tx| work::put_off(tx, &row, next))?;
        }
    }
    Ok(due.len())
}

fn one(
    store: &Store,
    decision: &Decision,
    (gateway, keys): (&dyn Channel, &dyn Keys),
    row: &Certificate,
    now: i64,
) -> Result<()> {
    let Some(case) = case::load(&mut store.read(decision)?, &row.code)? else { return Ok(()) };
    // The reason of a revocation stands in the certificate itself.
    let why = if row.state == State::Revoked { reason(store, decision, row)? } else { String::new() };
    let facility = mach_house::facility_name(&case.facility);
    // An earlier try may have come through although its answer was lost: nobody knows whether it is there.
    let tried_before = !case.sent.action.is_empty();
    let known = !case.sent.receipt.is_empty() || (row.state == State::Revoked && tried_before);
    let first = if known { "EDIT" } else { "ADD" };
    let sealing = signing::seal_of(&mut store.read(decision)?, keys, &case, now);
    let (chain, key) = match sealing {
        Ok(seal) => seal,
        Err(why) => {
            let said = Sent { said: why, ..case.sent.clone() };
            let (row, next) = (case.row, next_try(now, row.tried));
            return store.write(decision, move |tx| work::sent(tx, &row, said, Sending::Due, Some(next)));
        }
    };
    let sealed = |action| -> Result<Message> {
        let mut message = message(&case, action, &why, &facility);
        let id = match case.sent.receipt.is_empty() {
            true => bodies::id(&case.row.code),
            false => case.sent.receipt.clone(),
        };
        let xml = message.xml(&id, &bodies::shown(now), &case.row.head);
        message.seal(&xml, &chain, &key).map_err(|e| Error::Refused(e.to_string()))?;
        Ok(message)
    };
    let message = sealed(first)?;
    let (copy, digest) = (row.clone(), mach_sign::hex(&mach_sign::sha256(message.signed.as_bytes())));
    let goes = store.write(decision, move |tx| {
        let goes = work::begin_sending(tx, &copy, first)?;
        if goes {
            tx.log_event("signature", &format!("{} seal: {digest}", copy.code))?;
        }
        Ok(goes)
    })?;
    if !goes {
        return Ok(());
    }
    let post = |message: &Message| gateway.send(&case.facility, message);
    let mut action = first;
    let mut answer = post(&message);
    if action == "ADD" && tried_before && matches!(answer, Answer::Refused(_)) {
        // It is there, as it was before it was corrected.
        let refused = answer;
        let again = sealed("EDIT")?;
        // Each message that is sealed is a leaf, before it goes out.
        let (code, digest) = (row.code.clone(), mach_sign::hex(&mach_sign::sha256(again.signed.as_bytes())));
        store.write(decision, move |tx| tx.log_event("signature", &format!("{code} seal: {digest}")).map(drop))?;
        (action, answer) = ("EDIT", post(&again));
        if matches!(answer, Answer::Refused(_)) {
            (action, answer) = ("ADD", refused);
        }
    }
    let (action, receipt) = (action.to_owned(), case.sent.receipt.clone());
    let (said, sending, next) = match answer {
        Answer::Taken(receipt) => (Sent { receipt, said: String::new(), action }, Sending::Sent, None),
        Answer::Refused(why) => (Sent { receipt, said: why, action }, Sending::Refused, None),
        Answer::Failed(why) => (Sent { receipt, said: why, action }, Sending::Due, Some(next_try(now, case.row.tried))),
    };
    let row = case.row;
    store.write(decision, move |tx| work::sent(tx, &row, said, sending, next))
}

fn reason(store: &Store, decision: &Decision, row: &Certificate) -> Result<String> {
    use mach_fhir::ResourceType;
    let mut reader = store.read(decision)?;
    let prefix = format!("{}-p", crate::bodies::id(&row.code));
    let found = mach_store::resources::of_patient(&mut reader, row.person, ResourceType::PROVENANCE, None, 50)?;
    let last = found.into_iter().filter(|p| p.id.starts_with(&prefix) && p.id.ends_with("-r")).max_by_key(|p| p.rid);
    let Some(last) = last else { return Ok(String::new()) };
    let tree = mach_fhir::Tree::parse(last.body.as_str()).map_err(|e| mach_store::Error::Files(e.to_string()))?;
    let first = tree.root().get("reason").and_then(|r| r.items().next());
    Ok(first.and_then(|r| r.get_text("text")).unwrap_or_default().into_owned())
}

/// Sends what is due for as long as the program runs: to the gateway that is set up in the data folder, else to `instead`. Where
/// there is neither, it waits.
pub fn start(
    store: &Store,
    data: &Path,
    instead: Option<Box<dyn Channel>>,
    desk: Arc<Desk>,
) -> tokio::task::JoinHandle<()> {
    let (at, data) = (store.clone(), data.to_path_buf());
    follow(store, "the queue of driver certificates", QUIET, move || {
        let net = Net::of(&data)?;
        let gateway = net.as_ref().map(|net| net as &dyn Channel).or(instead.as_deref());
        let Some(gateway) = gateway else { return Ok(Again::Commit(REST)) };
        let look = || -> Result<Again> {
            if once(&at, gateway, desk.as_ref(), now_seconds())? >= TOGETHER {
                return Ok(Again::After(Duration::ZERO));
            }
            let decision =
                decide(&Actor::console(), Act::Certify).map_err(|e| mach_store::Error::Refused(e.to_string()))?;
            Ok(until(certificates::next_due(&mut at.read(&decision)?)?, REST))
        };
        look().map_err(|e| e.to_string())
    })
}
