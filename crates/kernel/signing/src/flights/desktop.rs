//! Signatures by the state's desktop signer (VGCA), on the signer's own machine: whole files go there and come back.

use super::{Papers, Step, console, standing, taken, whole};
use crate::desk::Keys;
use crate::turn::Turn;
use crate::words::{
    BROUGHT_EDITED, BROUGHT_FALSE, BROUGHT_NO_PDF, BROUGHT_NOT_ONE, BROUGHT_OTHER_CERTIFICATE, BROUGHT_OTHER_FILE,
    Halt, MAY_NOT, PAPER_CHANGED, UNSIGNED, UNTRUSTED, hindrance, later,
};
use mach_access::Decision;
use mach_base::Minute;
use mach_sign::certificate::Certificate;
use mach_sign::remote::vgca::{Given, Wrong};
use mach_store::signing::{self, Due, Flight, Provider};
use mach_store::{Reader, Result, Store};

/// A file waits for the signer's own machine: it is made once and kept, so that the same is given however often it is fetched.
pub(super) fn given(
    store: &Store,
    decision: &Decision,
    (mut reader, keys, papers): (Reader, &dyn Keys, &'static dyn Papers),
    (flight, revision): (&mut Flight, &str),
) -> std::result::Result<Step, Halt> {
    if !flight.state.is_empty() {
        return match Given::from_bytes(&flight.state).map_err(later)?.revision == revision {
            true => Ok(Step::Waiting),
            false => Err(Halt::stopped(PAPER_CHANGED)),
        };
    }
    let ready = papers.prepare(&mut reader, flight, keys)?;
    drop(reader);
    flight.state = Given { revision: revision.to_owned(), file: ready.file }.to_bytes();
    let kept = flight.clone();
    match store.write(decision, move |tx| tx.keep_flight(&kept)).map_err(later)? {
        true => Ok(Step::Waiting),
        false => Err(Halt::stopped(UNSIGNED)),
    }
}

/// The file that a signer's own machine is to sign; `None` where nobody wants it signed any more, or not in this form.
///
/// # Errors
/// Of the store.
pub fn given_file(store: &Store, papers: &'static dyn Papers, due: &Due) -> Result<Option<Vec<u8>>> {
    let decision = console(papers)?;
    let found = standing(&mut store.read(&decision)?, papers, due)?.filter(|(f, _)| f.next.is_some());
    let given = found.and_then(|(flight, revision)| {
        Given::from_bytes(&flight.state).ok().filter(|given| given.revision == revision)
    });
    Ok(given.map(|given| given.file))
}

/// The word for what is wrong with a file.
fn word(wrong: Wrong) -> Halt {
    Halt::stopped(match wrong {
        Wrong::NoPdf => BROUGHT_NO_PDF,
        Wrong::OtherFile => BROUGHT_OTHER_FILE,
        Wrong::NotOneMore => BROUGHT_NOT_ONE,
        Wrong::Edited => BROUGHT_EDITED,
        Wrong::OtherCertificate => BROUGHT_OTHER_CERTIFICATE,
        Wrong::DoesNotCount => BROUGHT_FALSE,
    })
}

/// Takes the file that a signer's own machine brought back, where it is the one that was given with their signature. Brought
/// again, it changes nothing. The inner error says why it was not taken; the signature waits on.
///
/// # Errors
/// Of the store.
pub fn brought(
    store: &Store,
    keys: &dyn Keys,
    papers: &'static dyn Papers,
    due: &Due,
    (file, now): (&[u8], i64),
) -> Result<std::result::Result<(), Halt>> {
    let _turn = Turn::at(due.id);
    let decision = console(papers)?;
    let mut reader = store.read(&decision)?;
    let Some((flight, revision)) = standing(&mut reader, papers, due)?.filter(|(f, _)| f.next.is_some()) else {
        return Ok(Err(Halt::stopped(UNSIGNED)));
    };
    let today = Minute::of_seconds(now).day();
    let signer = signing::signer_of(&mut reader, flight.facility, flight.signer)?;
    let signer = signer.filter(|s| s.account == flight.account && s.holds(flight.act, today));
    let may = papers.may_still(&mut reader, &flight, now)?;
    let Some(signer) = signer.filter(|s| may && s.provider == Provider::Vgca) else {
        return Ok(Err(Halt::stopped(MAY_NOT)));
    };
    drop(reader);
    let looked = || -> std::result::Result<Vec<u8>, Halt> {
        let given = Given::from_bytes(&flight.state).map_err(later)?;
        if given.revision != revision {
            return Err(Halt::stopped(PAPER_CHANGED));
        }
        let chain = Certificate::from_pem(&signer.chain).map_err(|_| Halt::stopped(UNTRUSTED))?;
        let trust = keys.trust().map_err(later)?;
        if let Some(why) = hindrance(&chain, &trust, now) {
            return Err(why);
        }
        let own = chain.first().ok_or_else(|| Halt::stopped(UNTRUSTED))?;
        given.check(file, own, &trust, now).map_err(word)?;
        whole(file.to_vec(), false, (&chain, &trust), now)
    };
    let file = match looked() {
        Ok(file) => file,
        Err(halt) => return Ok(Err(halt)),
    };
    let taken = store.write(&decision, move |tx| taken(tx, papers, (&flight, &revision), &file, now))?;
    if taken == super::Taken::Replacing {
        keys.papers_changed();
    }
    Ok(if taken == super::Taken::Nobodys { Err(Halt::stopped(PAPER_CHANGED)) } else { Ok(()) })
}
