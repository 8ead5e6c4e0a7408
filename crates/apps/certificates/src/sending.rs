//! How a certificate's sending stands, as it is written before and after each try.

use crate::bodies::Sent;
use crate::case;
use crate::work::{No, task};
use mach_access::Act;
use mach_base::time::now_seconds;
use mach_store::certificates::{self, Certificate, Sending};
use mach_store::notices::Kind;
use mach_store::{Result, Tx};

/// Puts a certificate to the head of the queue again.
///
/// # Errors
/// Of the store.
pub fn send_again(tx: &mut Tx<'_>, code: &str) -> Result<std::result::Result<(), No>> {
    let Some(mut case) = case::load(tx, code)? else { return Ok(Err(No::Unknown)) };
    if !matches!(case.row.sending, Sending::Due | Sending::Refused) {
        return Ok(Err(No::State));
    }
    (case.row.sending, case.row.next) = (Sending::Due, Some(now_seconds()));
    tx.put(&[task(&case.row, &case.sent)])?;
    tx.keep_certificate(&case.row)?;
    tx.audit(Some(case.row.person), &format!("driver certificate {code} to be sent again"), "granted")?;
    Ok(Ok(()))
}

/// Notes, before a message goes out, that the gateway may have it from now on. False where it stands otherwise meanwhile and
/// must not go out.
///
/// # Errors
/// Of the store.
pub fn begin_sending(tx: &mut Tx<'_>, c: &Certificate, action: &str) -> Result<bool> {
    let Some(case) = case::load(tx, &c.code)? else { return Ok(false) };
    if case.row.state != c.state || case.row.sending != Sending::Due || case.row.concluded != c.concluded {
        return Ok(false);
    }
    if case.sent.action != action {
        tx.put(&[task(&case.row, &Sent { action: action.to_owned(), ..case.sent.clone() })])?;
    }
    Ok(true)
}

/// Puts off a certificate that could not be sent for a reason of our own, so that those behind it go out.
///
/// # Errors
/// Of the store.
pub fn put_off(tx: &mut Tx<'_>, c: &Certificate, next: i64) -> Result<()> {
    // As it stands now: it may have been signed, corrected or taken back since the queue was read.
    let Some(row) = certificates::by_code(tx, &c.code)?.filter(|r| r.sending == Sending::Due) else { return Ok(()) };
    tx.keep_certificate(&Certificate { tried: row.tried + 1, next: Some(next), ..row })
}

/// Writes what became of a try to send.
///
/// # Errors
/// Of the store.
pub fn sent(tx: &mut Tx<'_>, c: &Certificate, said: Sent, sending: Sending, next: Option<i64>) -> Result<()> {
    let Some(case) = case::load(tx, &c.code)? else { return Ok(()) };
    let mut case = case;
    // Taken back or corrected while it was on its way: what waits now is another message. The receipt stays all the same: the
    // gateway has it, and the next message is an EDIT.
    if case.row.state != c.state || case.row.sending != Sending::Due || case.row.concluded != c.concluded {
        if sending == Sending::Sent {
            let kept = Sent { said: case.sent.said.clone(), ..said };
            tx.put(&[task(&case.row, &kept)])?;
            tx.audit(
                Some(case.row.person),
                &format!("driver certificate {} receipt of an earlier state", c.code),
                "granted",
            )?;
        }
        return Ok(());
    }
    (case.row.sending, case.row.next, case.row.tried) = (sending, next, case.row.tried + 1);
    tx.put(&[task(&case.row, &said)])?;
    tx.keep_certificate(&case.row)?;
    if sending == Sending::Refused {
        let href = format!("/certificates/case/{}", c.code);
        tx.notify_those(c.facility, Act::Certify, Kind::CertificateRefused, &href)?;
    }
    tx.audit(Some(case.row.person), &format!("driver certificate {} sending {}", c.code, sending.code()), "granted")
}
