//! Sealing anew with the newest keys, while others read and write.

use super::cells::{CELLS, Cells, Key};
use super::{ring, row};
use crate::distribution::every;
use crate::sql::{self, Execute, Row};
use crate::{Error, Result, Store, Tx};
use mach_access::Decision;
use mach_seal::{Keyring, Purpose};
use std::sync::Arc;

/// Rows looked at in one transaction: writers take turns.
const AT_ONCE: usize = 500;

/// A step over rows with a number: those past it; gives where to go on, if there may be more.
type Numbered = fn(&mut Tx<'_>, i64, &mut Resealed) -> Result<Option<i64>>;

/// What came of sealing anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resealed {
    /// Rows that were sealed with the newest keys.
    pub rows: u64,
    /// Rows that were changed or moved since they were sealed, and stay as they are: `mach store check` names the bodies.
    pub damaged: u64,
}

impl Resealed {
    /// Counts a row; gives what it is sealed as now, where it has to be written.
    fn count<T>(&mut self, again: Result<Option<T>>) -> Result<Option<T>> {
        match again {
            Ok(Some(new)) => {
                self.rows += 1;
                Ok(Some(new))
            }
            Ok(None) => Ok(None),
            Err(Error::Damaged(_)) => {
                self.damaged += 1;
                Ok(None)
            }
            Err(e) => Err(e),
        }
    }
}

impl Store {
    /// Adds new keys, with which everything is sealed from now on. What is older is sealed with them by [`Self::reseal`].
    ///
    /// # Errors
    /// `Sealed` where the keyring cannot be written.
    pub fn turn_keys(&self, decision: &Decision) -> Result<Arc<Keyring>> {
        let ring = mach_seal::rotate()?;
        let number = ring.number(Purpose::Body);
        // Noted before anything is sealed with them: from now on an older copy of the keyring is refused.
        self.write(decision, move |tx| {
            super::note_newest(tx, number.into())?;
            tx.audit(None, &format!("keys turned: {number}"), "granted")
        })?;
        Ok(ring)
    }

    /// Seals with the newest keys what is sealed with older ones. May be cut off and run again; `told` hears how many rows
    /// were sealed so far.
    ///
    /// # Errors
    /// `Sealed` where a key is missing.
    pub fn reseal(&self, decision: &Decision, told: &mut dyn FnMut(u64)) -> Result<Resealed> {
        let mut done = Resealed::default();
        let outcome = self.reseal_all(decision, (&mut done, told));
        let (text, said) = (
            format!("sealed anew: {} rows, {} damaged", done.rows, done.damaged),
            if outcome.is_ok() { "granted" } else { "failed" },
        );
        self.write(decision, move |tx| tx.audit(None, &text, said))?;
        outcome.map(|()| done)
    }

    fn reseal_all(&self, decision: &Decision, (done, told): (&mut Resealed, &mut dyn FnMut(u64))) -> Result<()> {
        let numbered: [Numbered; 5] = [packs, people, salts, flights, certificates];
        for step in numbered {
            self.steps(decision, (-1, step), (done, told))?;
        }
        self.steps(decision, (String::new(), |tx, after, of| numbers(tx, &after, of)), (done, told))?;
        for cells in &CELLS {
            self.steps(decision, (None, move |tx, after, of| of_cells(tx, cells, after, of)), (done, told))?;
        }
        self.steps(decision, ((), |tx, (), of| factors(tx, of).map(|()| None)), (done, told))
    }

    /// Does `step` from `first` on until there is no more, each in a transaction of its own.
    fn steps<C: Send + 'static>(
        &self,
        decision: &Decision,
        (first, step): (C, impl Fn(&mut Tx<'_>, C, &mut Resealed) -> Result<Option<C>> + Clone + Send + 'static),
        (done, told): (&mut Resealed, &mut dyn FnMut(u64)),
    ) -> Result<()> {
        let mut next = Some(first);
        while let Some(from) = next {
            let step = step.clone();
            let (after, of) = self.write(decision, move |tx| {
                let mut of = Resealed::default();
                step(tx, from, &mut of).map(|after| (after, of))
            })?;
            next = after;
            (done.rows, done.damaged) = (done.rows + of.rows, done.damaged + of.damaged);
            told(done.rows);
        }
        Ok(())
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

/// A text of `row` under the newest key; `None` where it is already. `Damaged` where it was changed.
fn again(purpose: Purpose, row: &str, sealed: &str) -> Result<Option<String>> {
    if !is_old_text(sealed, purpose)? {
        return Ok(None);
    }
    let plain = undamaged(mach_seal::open_text(row, sealed))?;
    super::text(purpose, row, &plain).map(Some)
}

/// The same of bytes.
fn bytes_again(purpose: Purpose, row: &str, sealed: &[u8]) -> Result<Option<Vec<u8>>> {
    if !is_old(sealed, purpose)? {
        return Ok(None);
    }
    let plain = undamaged(mach_seal::open(row, sealed))?;
    Ok(Some(ring()?.seal(purpose, row, &plain)?))
}

fn undamaged<T>(opened: std::result::Result<T, mach_seal::Error>) -> Result<T> {
    match opened {
        Err(mach_seal::Error::Closed) => Err(Error::Damaged(0)),
        opened => Ok(opened?),
    }
}

/// Where to go on, if there may be more.
fn next<T>(rows: &[T], last: impl Fn(&T) -> i64) -> Option<i64> {
    rows.last().filter(|_| rows.len() == AT_ONCE).map(last)
}

fn packs(tx: &mut Tx<'_>, after: i64, of: &mut Resealed) -> Result<Option<i64>> {
    let sql = format!(
        "SELECT id, facility, body FROM pack WHERE id > ?1 ORDER BY id LIMIT {AT_ONCE}{}",
        every!("whole store")
    );
    let rows = sql::list(tx, &sql, &[after.into()], |r| Ok((r.int(0)?, r.int(1)?, r.blob(2)?.to_vec())))?;
    for (id, facility, body) in &rows {
        if let Some(new) = of.count(bytes_again(Purpose::Body, &row!("pack", facility, id), body))? {
            let update = "UPDATE pack SET body = ?3 WHERE id = ?1 AND facility = ?2";
            tx.push(update, &[(*id).into(), (*facility).into(), new.as_slice().into()])?;
        }
    }
    Ok(next(&rows, |r| r.0))
}

fn people(tx: &mut Tx<'_>, after: i64, of: &mut Resealed) -> Result<Option<i64>> {
    let sql = format!(
        "SELECT id, national, insurance, phone FROM person WHERE id > ?1 ORDER BY id LIMIT {AT_ONCE}{}",
        every!("whole store")
    );
    let rows = sql::list(tx, &sql, &[after.into()], |r| {
        let text = |n| r.opt_text(n).map(|t| t.map(str::to_owned));
        Ok((r.int(0)?, [text(1)?, text(2)?, text(3)?]))
    })?;
    for (id, numbers) in &rows {
        for (column, number) in ["national", "insurance", "phone"].iter().zip(numbers) {
            let Some(number) = number else { continue };
            if let Some(new) = of.count(again(Purpose::Identity, &row!("person", column, id), number))? {
                tx.push(&format!("UPDATE person SET {column} = ?2 WHERE id = ?1"), &[(*id).into(), (&new).into()])?;
            }
        }
    }
    Ok(next(&rows, |r| r.0))
}

fn numbers(tx: &mut Tx<'_>, after: &str, of: &mut Resealed) -> Result<Option<String>> {
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
    for (key, kind, scope, person, text) in &rows {
        let row = crate::people::number_row_name(*kind, *scope, *person);
        if let Some(new) = of.count(again(Purpose::Identity, &row, text))? {
            let update = "UPDATE person_number SET sealed = ?4 WHERE key = ?1 AND kind = ?2 AND scope = ?3";
            tx.push(update, &[key.into(), (*kind).into(), (*scope).into(), (&new).into()])?;
        }
    }
    Ok(rows.last().filter(|_| more).map(|r| r.0.clone()))
}

fn of_cells(
    tx: &mut Tx<'_>,
    cells: &'static Cells,
    after: Option<Vec<Key>>,
    of: &mut Resealed,
) -> Result<Option<Option<Vec<Key>>>> {
    let found = cells.after(tx, after.as_deref(), AT_ONCE)?;
    for cell in &found {
        if let Some(new) = of.count(again(cells.purpose, &cell.row, &cell.text))? {
            cells.put(tx, cell, &new)?;
        }
    }
    Ok(found.into_iter().nth(AT_ONCE - 1).map(|last| Some(last.keys)))
}

fn salts(tx: &mut Tx<'_>, after: i64, of: &mut Resealed) -> Result<Option<i64>> {
    let (rows, more) = crate::log::salts_after(tx, after)?;
    for (first, _, sealed) in &rows {
        if is_old(sealed, Purpose::Body)? {
            let plain = undamaged(mach_seal::open(&row!("log_batch", first), sealed));
            if let Some(plain) = of.count(plain.map(Some))? {
                crate::log::put_salts(tx, *first, &plain)?;
            }
        }
    }
    Ok(rows.last().filter(|_| more).map(|r| r.0))
}

fn flights(tx: &mut Tx<'_>, after: i64, of: &mut Resealed) -> Result<Option<i64>> {
    let sql = format!(
        "SELECT id, facility, code, began, state FROM flight WHERE id > ?1 ORDER BY id LIMIT {AT_ONCE}{}",
        every!("whole store")
    );
    let rows = sql::list(tx, &sql, &[after.into()], |r| {
        let row = crate::signing::flight_row(r.int(1)?, r.text(2)?, r.int(3)?);
        Ok((r.int(0)?, r.int(1)?, row, r.blob(4)?.to_vec()))
    })?;
    for (id, facility, row, old) in &rows {
        if let Some(new) = of.count(bytes_again(Purpose::Body, row, old))? {
            let update = "UPDATE flight SET state = ?3 WHERE id = ?1 AND facility = ?2";
            tx.push(update, &[(*id).into(), (*facility).into(), new.as_slice().into()])?;
        }
    }
    Ok(next(&rows, |r| r.0))
}

fn certificates(tx: &mut Tx<'_>, after: i64, of: &mut Resealed) -> Result<Option<i64>> {
    let sql = format!(
        "SELECT id, facility, code, national FROM certificate WHERE id > ?1 AND national <> '' ORDER BY id
            LIMIT {AT_ONCE}{}",
        every!("whole store")
    );
    let four = |r: &dyn Row| Ok((r.int(0)?, r.int(1)?, r.text(2)?.to_owned(), r.text(3)?.to_owned()));
    let rows = sql::list(tx, &sql, &[after.into()], four)?;
    for (id, facility, code, cell) in &rows {
        // Before what is sealed stands what finds it.
        let Some((blind, sealed)) = cell.split_at_checked(crate::certificates::BLIND_CHARS) else { continue };
        if let Some(new) = of.count(again(Purpose::Identity, &row!("certificate", facility, code), sealed))? {
            let new = format!("{blind}{new}");
            let update = "UPDATE certificate SET national = ?3 WHERE id = ?1 AND facility = ?2";
            tx.push(update, &[(*id).into(), (*facility).into(), (&new).into()])?;
        }
    }
    Ok(next(&rows, |r| r.0))
}

/// Few: one transaction.
fn factors(tx: &mut Tx<'_>, of: &mut Resealed) -> Result<()> {
    let sql = format!("SELECT account, secret FROM second_factor{}", every!("whole store"));
    for (account, secret) in sql::list(tx, &sql, &[], |r| Ok((r.int(0)?, r.blob(1)?.to_vec())))? {
        if let Some(new) = of.count(bytes_again(Purpose::Secret, &row!("second_factor", account), &secret))? {
            let update = "UPDATE second_factor SET secret = ?2 WHERE account = ?1";
            tx.run(update, &[account.into(), new.as_slice().into()])?;
        }
    }
    crate::smart::reseal(tx, &mut |row, sealed| of.count(bytes_again(Purpose::Secret, row, sealed)))
}
