//! Signatures under way, and what they ended with.

use super::{Act, Provider};
use crate::distribution::every;
use crate::sealed::{self, row};
use crate::sql::{self, Arg, Execute, Query, Row};
use crate::{Result, Tx};
use mach_base::time::now_seconds;
use mach_seal::Purpose;
use std::collections::HashMap;

/// A signature under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flight {
    /// Number of the row; 0: not yet written.
    pub id: i64,
    /// The facility.
    pub facility: i64,
    /// What is signed: the code of a certificate.
    pub code: String,
    /// For what.
    pub act: Act,
    /// With which signer's certificate.
    pub signer: i64,
    /// Who signs.
    pub account: i64,
    /// Their name.
    pub name: String,
    /// When they asked for it, seconds.
    pub began: i64,
    /// When it is looked at next, seconds; `None`: not by itself.
    pub next: Option<i64>,
    /// How often it was looked at.
    pub tried: i64,
    /// What keeps it, in words.
    pub said: String,
    /// What is kept between steps, and at last the SHA-256 of the file that was signed; empty: nothing was prepared yet, or it
    /// was given up.
    pub state: Vec<u8>,
    /// When it ended, done or given up, seconds.
    pub ended: Option<i64>,
}

impl Flight {
    /// The SHA-256 of the file that it ended with; `None` while it is under way, and where it was given up.
    pub fn done(&self) -> Option<[u8; 32]> {
        self.ended.and_then(|_| self.state.as_slice().try_into().ok())
    }

    /// Whether somebody or something still works at it.
    pub fn is_under_way(&self) -> bool {
        self.ended.is_none() && self.next.is_some()
    }
}

/// A signature that is to be looked at, without what is kept of it: one that cannot be read keeps no other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// Number of its row.
    pub id: i64,
    /// The facility.
    pub facility: i64,
    /// What is signed: the code of a certificate.
    pub code: String,
    /// For what.
    pub act: Act,
    /// How often it was looked at.
    pub tried: i64,
}

const FLIGHT: &str = "id, facility, code, act, signer, account, name, began, next, tried, said, state, ended";

fn flight(r: &dyn Row) -> Result<Flight> {
    let text = |i| r.text(i).map(str::to_owned);
    Ok(Flight {
        id: r.int(0)?,
        facility: r.int(1)?,
        code: text(2)?,
        act: Act::of(r.int(3)?)?,
        signer: r.int(4)?,
        account: r.int(5)?,
        name: text(6)?,
        began: r.int(7)?,
        next: r.opt_int(8)?,
        tried: r.int(9)?,
        said: text(10)?,
        state: sealed::bytes_opened(&flight_row(r.int(1)?, r.text(2)?, r.int(7)?), r.blob(11)?)?,
        ended: r.opt_int(12)?,
    })
}

/// What a flight's row is named: a paper of a facility, and when it began.
pub(crate) fn flight_row(facility: i64, code: &str, began: i64) -> String {
    row!("flight", facility, code, began)
}

fn among(acts: &[Act]) -> String {
    acts.iter().map(|a| (*a as i64).to_string()).collect::<Vec<_>>().join(", ")
}

/// Signatures under way for one of these acts that are to be looked at, the longest waiting first.
pub fn flights_due(on: &mut dyn Query, acts: &[Act], now: i64, limit: usize) -> Result<Vec<Due>> {
    let sql = format!(
        "SELECT id, facility, code, act, tried FROM flight WHERE next IS NOT NULL AND next <= ?1 AND act IN ({})
            ORDER BY next, id LIMIT {limit}{}",
        among(acts),
        every!("province")
    );
    sql::list(on, &sql, &[now.into()], |r| {
        let (code, act) = (r.text(2)?.to_owned(), Act::of(r.int(3)?)?);
        Ok(Due { id: r.int(0)?, facility: r.int(1)?, code, act, tried: r.int(4)? })
    })
}

/// When a signature for one of these acts is looked at next, seconds; `None` where none is under way by itself.
pub fn next_flight(on: &mut dyn Query, acts: &[Act]) -> Result<Option<i64>> {
    let (among, every) = (among(acts), every!("province"));
    let sql = format!("SELECT min(next) FROM flight WHERE next IS NOT NULL AND act IN ({among}){every}");
    Ok(sql::first(on, &sql, &[], |r| r.opt_int(0))?.flatten())
}

/// The last signature of a certificate for an act, under way or done.
pub fn flight_of(on: &mut dyn Query, facility: i64, code: &str, act: Act) -> Result<Option<Flight>> {
    let sql = format!("SELECT {FLIGHT} FROM flight WHERE code = ?1 AND facility = ?2 AND act = ?3 ORDER BY id DESC");
    sql::first(on, &sql, &[code.into(), facility.into(), (act as i64).into()], flight)
}

/// A signature in a list: without the paper that lies in it while it is under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Brief {
    /// For what.
    pub act: Act,
    /// Who signs.
    pub account: i64,
    /// Their name.
    pub name: String,
    /// When they asked for it, seconds.
    pub began: i64,
    /// Whether somebody or something still works at it.
    pub is_under_way: bool,
    /// Whether a file was signed.
    pub is_done: bool,
}

/// The last signatures of a facility's certificates, by code and act.
pub fn in_brief(on: &mut dyn Query, facility: i64, codes: &[&str]) -> Result<HashMap<(String, i64), Brief>> {
    let mut out = HashMap::new();
    if codes.is_empty() {
        return Ok(out);
    }
    let marks: Vec<String> = (2..codes.len() + 2).map(|n| format!("?{n}")).collect();
    // Only what ended holds something short.
    let sql = format!(
        "SELECT code, act, account, name, began, next, ended, CASE WHEN ended IS NULL THEN NULL ELSE state END FROM flight
            WHERE facility = ?1 AND code IN ({}) ORDER BY id",
        marks.join(", ")
    );
    let args: Vec<Arg<'_>> = [facility.into()].into_iter().chain(codes.iter().map(|c| (*c).into())).collect();
    let found = sql::list(on, &sql, &args, |r| {
        let (code, act, began, ended) = (r.text(0)?.to_owned(), r.int(1)?, r.int(4)?, r.opt_int(6)?);
        let is_done = match ended {
            Some(_) => sealed::bytes_opened(&flight_row(facility, &code, began), r.blob(7)?)?.len() == 32,
            None => false,
        };
        let is_under_way = ended.is_none() && r.opt_int(5)?.is_some();
        let (account, name) = (r.int(2)?, r.text(3)?.to_owned());
        Ok(((code, act), Brief { act: Act::of(act)?, account, name, began, is_under_way, is_done }))
    })?;
    out.extend(found);
    Ok(out)
}

/// Signatures that an account owes with keys of a provider, the longest waiting first, and since when; without what is kept of
/// them.
pub fn owed(
    on: &mut dyn Query,
    (facility, account): (i64, i64),
    provider: Provider,
    limit: usize,
) -> Result<Vec<(Due, i64)>> {
    let sql = format!(
        "SELECT f.id, f.facility, f.code, f.act, f.tried, f.began FROM flight f
            JOIN signer s ON s.id = f.signer AND s.facility = f.facility
            WHERE f.facility = ?1 AND f.account = ?2 AND s.provider = ?3 AND f.ended IS NULL AND f.next IS NOT NULL
            ORDER BY f.id LIMIT {limit}"
    );
    sql::list(on, &sql, &[facility.into(), account.into(), (provider as i64).into()], |r| {
        let (code, act) = (r.text(2)?.to_owned(), Act::of(r.int(3)?)?);
        Ok((Due { id: r.int(0)?, facility: r.int(1)?, code, act, tried: r.int(4)? }, r.int(5)?))
    })
}

impl Tx<'_> {
    /// Writes a signature that begins, or the new state of one; false where it ended meanwhile, which is for ever.
    ///
    /// # Errors
    /// Of the store.
    pub fn keep_flight(&mut self, f: &Flight) -> Result<bool> {
        // The paper lies in it, with its person's numbers.
        let state = sealed::bytes(Purpose::Body, &flight_row(f.facility, &f.code, f.began), &f.state)?;
        if f.id == 0 {
            self.insert(
                "INSERT INTO flight(facility, code, act, signer, account, name, began, next, tried, said, state)
                    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
                &[
                    f.facility.into(),
                    (&f.code).into(),
                    (f.act as i64).into(),
                    f.signer.into(),
                    f.account.into(),
                    (&f.name).into(),
                    f.began.into(),
                    f.next.into(),
                    f.tried.into(),
                    (&f.said).into(),
                    state.as_slice().into(),
                ],
            )?;
            return Ok(true);
        }
        let kept = self.run(
            "UPDATE flight SET next = ?3, tried = ?4, said = ?5, state = ?6, ended = ?7
                WHERE id = ?1 AND facility = ?2 AND ended IS NULL",
            &[
                f.id.into(),
                f.facility.into(),
                f.next.into(),
                f.tried.into(),
                (&f.said).into(),
                state.as_slice().into(),
                f.ended.into(),
            ],
        )?;
        Ok(kept == 1)
    }

    /// Puts off a signature whose step could not be written; nothing else of it is touched.
    ///
    /// # Errors
    /// Of the store.
    pub fn put_off_flight(&mut self, due: &Due, next: i64) -> Result<()> {
        let sql = "UPDATE flight SET next = ?3, tried = ?4
            WHERE id = ?1 AND facility = ?2 AND ended IS NULL AND next IS NOT NULL";
        self.run(sql, &[due.id.into(), due.facility.into(), next.into(), (due.tried + 1).into()]).map(drop)
    }

    /// Gives one signature up.
    ///
    /// # Errors
    /// Of the store.
    pub fn end_flight(&mut self, facility: i64, id: i64) -> Result<()> {
        let sql =
            "UPDATE flight SET ended = ?3, next = NULL, state = ?4 WHERE id = ?1 AND facility = ?2 AND ended IS NULL";
        let nothing: &[u8] = &[];
        self.run(sql, &[id.into(), facility.into(), now_seconds().into(), nothing.into()]).map(drop)
    }

    /// Gives up what is being signed of a certificate: it was opened again, or taken back.
    ///
    /// # Errors
    /// Of the store.
    pub fn end_flights(&mut self, facility: i64, code: &str) -> Result<()> {
        let sql =
            "UPDATE flight SET ended = ?3, next = NULL, state = ?4 WHERE code = ?1 AND facility = ?2 AND ended IS NULL";
        let nothing: &[u8] = &[];
        self.run(sql, &[code.into(), facility.into(), now_seconds().into(), nothing.into()]).map(drop)
    }
}
