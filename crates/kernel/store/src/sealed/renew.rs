//! Sealing anew with the newest keys, while others read and write.

use super::cells::{CELLS, Cells};
use super::{ring, row};
use crate::distribution::every;
use crate::sql::{self, Execute, Row};
use crate::{Result, Store, Tx, pack};
use mach_access::Decision;
use mach_seal::{Keyring, Purpose};

/// Rows looked at in one transaction: writers take turns.
const AT_ONCE: usize = 500;

impl Store {
    /// Seals with the newest keys what is sealed with older ones. May be cut off and run again; `told` hears how many rows
    /// were sealed so far. Gives how many there were.
    ///
    /// # Errors
    /// `Sealed` where a value does not open; it and those after it stay as they are.
    pub fn reseal(&self, decision: &Decision, told: &mut dyn FnMut(u64)) -> Result<u64> {
        let mut done = 0;
        let mut after = Some(0);
        while let Some(from) = after {
            let (next, sealed) = self.write(decision, move |tx| packs(tx, from))?;
            (after, done) = (next, done + sealed);
            told(done);
        }
        let mut after = Some(0);
        while let Some(from) = after {
            let (next, sealed) = self.write(decision, move |tx| people(tx, from))?;
            (after, done) = (next, done + sealed);
            told(done);
        }
        let mut after = Some(String::new());
        while let Some(from) = after {
            let (next, sealed) = self.write(decision, move |tx| numbers(tx, &from))?;
            (after, done) = (next, done + sealed);
            told(done);
        }
        for cells in &CELLS {
            let mut after = Some(0);
            while let Some(from) = after {
                let (next, sealed) = self.write(decision, move |tx| of_cells(tx, cells, from))?;
                (after, done) = (next, done + sealed);
                told(done);
            }
        }
        done += self.write(decision, texts)?;
        told(done);
        Ok(done)
    }
}

/// Whether bytes are sealed with an older key than `purpose` is sealed with now.
fn is_old(sealed: &[u8], purpose: Purpose) -> Result<bool> {
    let number = ring()?.number(purpose);
    Ok(Keyring::number_of(sealed).is_some_and(|n| n != number))
}

fn is_old_text(sealed: &str, purpose: Purpose) -> Result<bool> {
    Keyring::text_bytes(sealed).map_or(Ok(false), |bytes| is_old(&bytes, purpose))
}

/// A text of `row` under the newest key; `None` where it is already.
fn again(purpose: Purpose, row: &str, sealed: &str) -> Result<Option<String>> {
    if !is_old_text(sealed, purpose)? {
        return Ok(None);
    }
    super::text(purpose, row, &super::opened(row, sealed)?).map(Some)
}

/// Where to go on, if there may be more.
fn next<T>(rows: &[T], last: impl Fn(&T) -> i64) -> Option<i64> {
    rows.last().filter(|_| rows.len() == AT_ONCE).map(last)
}

fn packs(tx: &mut Tx<'_>, after: i64) -> Result<(Option<i64>, u64)> {
    let sql = format!(
        "SELECT id, facility, body FROM pack WHERE id > ?1 ORDER BY id LIMIT {AT_ONCE}{}",
        every!("whole store")
    );
    let rows = sql::list(tx, &sql, &[after.into()], |r| Ok((r.int(0)?, r.int(1)?, r.blob(2)?.to_vec())))?;
    let mut sealed = 0;
    for (id, facility, body) in &rows {
        if is_old(body, Purpose::Body)? {
            let block = mach_seal::open(&row!("pack", facility, id), body)?;
            let body = pack::seal((*facility, *id), &block)?;
            let update = "UPDATE pack SET body = ?3 WHERE id = ?1 AND facility = ?2";
            tx.push(update, &[(*id).into(), (*facility).into(), body.as_slice().into()])?;
            sealed += 1;
        }
    }
    Ok((next(&rows, |r| r.0), sealed))
}

fn people(tx: &mut Tx<'_>, after: i64) -> Result<(Option<i64>, u64)> {
    let sql = format!(
        "SELECT id, national, insurance, phone FROM person WHERE id > ?1 ORDER BY id LIMIT {AT_ONCE}{}",
        every!("whole store")
    );
    let rows = sql::list(tx, &sql, &[after.into()], |r| {
        let text = |n| r.opt_text(n).map(|t| t.map(str::to_owned));
        Ok((r.int(0)?, [text(1)?, text(2)?, text(3)?]))
    })?;
    let mut sealed = 0;
    for (id, numbers) in &rows {
        for (column, number) in ["national", "insurance", "phone"].iter().zip(numbers) {
            let Some(number) = number else { continue };
            if let Some(new) = again(Purpose::Identity, &row!("person", column, id), number)? {
                tx.push(&format!("UPDATE person SET {column} = ?2 WHERE id = ?1"), &[(*id).into(), (&new).into()])?;
                sealed += 1;
            }
        }
    }
    Ok((next(&rows, |r| r.0), sealed))
}

fn numbers(tx: &mut Tx<'_>, after: &str) -> Result<(Option<String>, u64)> {
    let sql = format!(
        "SELECT key, kind, scope, person, sealed FROM person_number WHERE key > ?1 ORDER BY key LIMIT {AT_ONCE}{}",
        every!("whole store")
    );
    let mut rows = sql::list(tx, &sql, &[after.into()], |r| {
        Ok((r.text(0)?.to_owned(), r.int(1)?, r.int(2)?, r.int(3)?, r.text(4)?.to_owned()))
    })?;
    let more = rows.len() == AT_ONCE;
    // The last key may have more rows: they come with the next round, unless it is the only one.
    let last = rows.last().map(|r| r.0.clone());
    if more && rows.first().map(|r| &r.0) != last.as_ref() {
        rows.retain(|r| Some(&r.0) != last.as_ref());
    }
    let mut sealed = 0;
    for (key, kind, scope, person, text) in &rows {
        let row = crate::people::number_row_name(*kind, *scope, *person);
        if let Some(new) = again(Purpose::Identity, &row, text)? {
            let update = "UPDATE person_number SET sealed = ?4 WHERE key = ?1 AND kind = ?2 AND scope = ?3";
            tx.push(update, &[key.into(), (*kind).into(), (*scope).into(), (&new).into()])?;
            sealed += 1;
        }
    }
    Ok((rows.last().filter(|_| more).map(|r| r.0.clone()), sealed))
}

fn of_cells(tx: &mut Tx<'_>, cells: &'static Cells, after: i64) -> Result<(Option<i64>, u64)> {
    let (found, next) = cells.after(tx, after, AT_ONCE)?;
    let mut sealed = 0;
    for cell in &found {
        if let Some(new) = again(cells.purpose, &cell.row, &cell.text)? {
            cells.put(tx, cell, &new)?;
            sealed += 1;
        }
    }
    Ok((next, sealed))
}

/// The tables that are small enough for one transaction.
fn texts(tx: &mut Tx<'_>) -> Result<u64> {
    let every = every!("whole store");
    let mut sealed = 0;
    let sql = format!("SELECT account, secret FROM second_factor{every}");
    for (account, secret) in sql::list(tx, &sql, &[], |r| Ok((r.int(0)?, r.blob(1)?.to_vec())))? {
        if is_old(&secret, Purpose::Secret)? {
            let row = row!("second_factor", account);
            let new = ring()?.seal(Purpose::Secret, &row, &mach_seal::open(&row, &secret)?)?;
            let update = "UPDATE second_factor SET secret = ?2 WHERE account = ?1";
            tx.run(update, &[account.into(), new.as_slice().into()])?;
            sealed += 1;
        }
    }
    let sql = format!("SELECT id, facility, code, began, state FROM flight{every}");
    let flights = sql::list(tx, &sql, &[], |r| {
        let row = crate::signing::flight_row(r.int(1)?, r.text(2)?, r.int(3)?);
        Ok((r.int(0)?, r.int(1)?, row, r.blob(4)?.to_vec()))
    })?;
    for (id, facility, row, old) in flights {
        if is_old(&old, Purpose::Body)? {
            let new = super::bytes(Purpose::Body, &row, &super::bytes_opened(&row, &old)?)?;
            let update = "UPDATE flight SET state = ?3 WHERE id = ?1 AND facility = ?2";
            tx.run(update, &[id.into(), facility.into(), new.as_slice().into()])?;
            sealed += 1;
        }
    }
    let four = |r: &dyn Row| Ok((r.int(0)?, r.int(1)?, r.text(2)?.to_owned(), r.text(3)?.to_owned()));
    let sql = format!("SELECT id, facility, code, national FROM certificate WHERE national <> ''{every}");
    for (id, facility, code, cell) in sql::list(tx, &sql, &[], four)? {
        let plain = crate::certificates::opened_national((facility, &code), &cell)?;
        let new = crate::certificates::sealed_national((facility, &code), &plain)?;
        if new != cell {
            let update = "UPDATE certificate SET national = ?3 WHERE id = ?1 AND facility = ?2";
            tx.push(update, &[id.into(), facility.into(), (&new).into()])?;
            sealed += 1;
        }
    }
    Ok(sealed)
}
