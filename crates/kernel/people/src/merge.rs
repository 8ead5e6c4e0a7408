//! What people decide about people: merging two, undoing it, keeping two apart.
//!
//! A merge moves no number and no name: the merged person keeps them and points to the other (`merged_into`), and whoever
//! is found by them is followed there. Moved are claims, resources but the Patient itself, what opens or closes the record, and
//! the facilities that know the person; each is listed in the merge log, so that undoing restores exactly what was. What arrived after the merge
//! stays with the person who was kept.

use crate::patient::root_row;
use crate::{Error, Reason, Result, tokens};
use mach_base::Minute;
use mach_fhir::ResourceType;
use mach_store::people::{self as rows, MergeRow, Moved, PersonRow, ReviewRow};
use mach_store::sql::{Execute, Query};

/// Who decides, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct By {
    /// Account number; 0 is the console.
    pub account: i64,
    /// The minute.
    pub at: Minute,
}

/// What a reviewer says of a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// One person: the other is merged into `keep`.
    Merge {
        /// Which of the pair stays.
        keep: i64,
    },
    /// Two people. The pair is never asked about again.
    Apart,
}

/// An open pair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Review {
    /// Number of the item.
    pub id: i64,
    /// Why it is open.
    pub reason: Reason,
    /// The person met first, as they are today.
    pub one: PersonRow,
    /// The person met later, as they are today.
    pub other: PersonRow,
    /// The facility whose claim raised it.
    pub facility: i64,
    /// When that visit began.
    pub seen: Minute,
}

const TOOK_NATIONAL: i64 = 1;
const TOOK_INSURANCE: i64 = 2;

fn patient_type() -> i64 {
    i64::from(ResourceType::PATIENT.number())
}

fn unmerged(tx: &mut dyn Execute, person: i64) -> Result<PersonRow> {
    let row = rows::person(tx, person)?.ok_or(Error::Unknown("person"))?;
    if row.merged_into.is_some() { Err(Error::Merged(person)) } else { Ok(row) }
}

/// Merges `lose` into `keep`; gives the merge's number. The Patient resources of both are to be written again.
///
/// # Errors
/// [`Error::SamePerson`], [`Error::Merged`] where either was merged already, [`Error::Unknown`].
pub fn merge(tx: &mut dyn Execute, keep: i64, lose: i64, by: By, why: &str) -> Result<i64> {
    if keep == lose {
        return Err(Error::SamePerson);
    }
    let (mut kept, mut lost) = (unmerged(tx, keep)?, unmerged(tx, lose)?);
    let mut took = 0;
    for (bit, to, from) in
        [(TOOK_NATIONAL, &mut kept.national, &lost.national), (TOOK_INSURANCE, &mut kept.insurance, &lost.insurance)]
    {
        if to.is_none() && from.is_some() {
            to.clone_from(from);
            took |= bit;
        }
    }
    let log =
        MergeRow { id: 0, keep, lose, account: by.account, why: why.to_owned(), at: by.at.0, took, undone_at: None };
    let id = rows::insert_merge(tx, &log)?;
    if took != 0 {
        rows::update_person(tx, &kept)?;
    }
    lost.merged_into = Some(keep);
    rows::update_person(tx, &lost)?;
    for facility in rows::facilities_of(tx, lose)? {
        if rows::insert_facility(tx, keep, facility)? {
            rows::insert_moved(tx, id, Moved::Facility, facility)?;
            tokens::add(tx, &tokens::facility(facility), keep)?;
        }
    }
    rows::move_record(tx, id, lose, keep, patient_type())?;
    Ok(id)
}

/// Undoes a merge: both people, their claims, resources and facilities are as before it; gives the merge. Review items
/// it settled are open again. The Patient resources of both are to be written again.
///
/// # Errors
/// [`Error::Undone`], [`Error::UndoOtherFirst`] where the kept person has since been merged themselves, [`Error::Unknown`].
pub fn undo_merge(tx: &mut dyn Execute, id: i64, by: By) -> Result<MergeRow> {
    let merge = rows::merge(tx, id)?.ok_or(Error::Unknown("merge"))?;
    if merge.undone_at.is_some() {
        return Err(Error::Undone);
    }
    let mut kept = rows::person(tx, merge.keep)?.ok_or(Error::Unknown("person"))?;
    if let Some(other) = kept.merged_into {
        return Err(Error::UndoOtherFirst(other));
    }
    let mut lost = rows::person(tx, merge.lose)?.ok_or(Error::Unknown("person"))?;
    for (bit, to, from) in
        [(TOOK_NATIONAL, &mut kept.national, &lost.national), (TOOK_INSURANCE, &mut kept.insurance, &lost.insurance)]
    {
        if merge.took & bit != 0 && to == from {
            *to = None;
        }
    }
    rows::update_person(tx, &kept)?;
    lost.merged_into = None;
    rows::update_person(tx, &lost)?;
    for facility in rows::moved(tx, id, Moved::Facility)? {
        rows::delete_facility(tx, merge.keep, facility)?;
        tokens::remove(tx, &tokens::facility(facility), merge.keep)?;
    }
    rows::return_record(tx, id, merge.keep, merge.lose)?;
    rows::reopen_reviews(tx, id)?;
    rows::end_merge(tx, id, by.account, by.at.0)?;
    Ok(merge)
}

/// Merges into `person`, newest first, undone ones too.
pub fn merges(on: &mut dyn Query, person: i64) -> Result<Vec<MergeRow>> {
    Ok(rows::merges_of(on, person)?)
}

/// Open pairs past item `after`, oldest first, at most `limit`. Pairs that other merges made one person are left out.
pub fn open_reviews(on: &mut dyn Query, after: i64, limit: usize) -> Result<Vec<Review>> {
    let mut open = Vec::new();
    let mut after = after;
    loop {
        let page = rows::open_reviews(on, after, limit as i64)?;
        let Some(last) = page.last().map(|row| row.id) else { return Ok(open) };
        for row in page {
            open.extend(expand(on, &row)?);
            if open.len() == limit {
                return Ok(open);
            }
        }
        after = last;
    }
}

/// One open pair; `None` where it is settled, or one person by now.
pub fn review(on: &mut dyn Query, id: i64) -> Result<Option<Review>> {
    match rows::review(on, id)?.filter(|row| row.state == 0) {
        Some(row) => expand(on, &row),
        None => Ok(None),
    }
}

/// Number of open pairs.
pub fn open_review_count(on: &mut dyn Query) -> Result<i64> {
    Ok(rows::open_review_count(on)?)
}

fn expand(on: &mut dyn Query, row: &ReviewRow) -> Result<Option<Review>> {
    let (one, other) = (root_row(on, row.one)?, root_row(on, row.other)?);
    let reason = Reason::from_number(row.reason).ok_or(Error::Unknown("reason"))?;
    let review = Review { id: row.id, reason, one, other, facility: row.facility, seen: Minute(row.seen) };
    Ok((review.one.id != review.other.id).then_some(review))
}

/// Settles an open pair; gives the merge where it was merged.
///
/// # Errors
/// [`Error::Settled`], [`Error::Unknown`] also where `keep` is none of the two, and those of [`merge()`].
pub fn settle(tx: &mut dyn Execute, id: i64, verdict: Verdict, by: By, why: &str) -> Result<Option<i64>> {
    let row = rows::review(tx, id)?.ok_or(Error::Unknown("review item"))?;
    if row.state != 0 {
        return Err(Error::Settled);
    }
    let merged = match verdict {
        Verdict::Apart => None,
        Verdict::Merge { keep } => {
            let (one, other) = (root_row(tx, row.one)?.id, root_row(tx, row.other)?.id);
            let lose = match keep {
                k if k == one => other,
                k if k == other => one,
                _ => return Err(Error::Unknown("person")),
            };
            Some(merge(tx, keep, lose, by, why)?)
        }
    };
    let state = if merged.is_some() { 1 } else { 2 };
    rows::settle_review(tx, id, (state, merged), (by.account, by.at.0))?;
    Ok(merged)
}
