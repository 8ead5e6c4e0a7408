//! A claim's person: looked up, decided, written.

use crate::decide::{Candidate, Candidates, Decision, Evidence, Whose, decide};
use crate::names::Birth;
use crate::numbers::{self, NumberKind};
use crate::patient::root_row;
use crate::{Result, tokens};
use mach_base::Day;
use mach_base::text::fold;
use mach_store::people::{self as rows, NumberRow, PersonRow, ReviewRow};
use mach_store::sql::Execute;

/// Whose claim it is, and what that changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resolved {
    /// Number of the person.
    pub person: i64,
    /// The person was not met before.
    pub created: bool,
    /// Particulars or numbers changed: the Patient resource is to be written again. True where `created`.
    pub changed: bool,
    /// Review items this claim opened.
    pub reviews: Vec<i64>,
}

/// Finds or makes the person of a claim, in the claim's transaction, and takes over what the claim newly says of them.
///
/// # Errors
/// Only the store's own.
pub fn resolve(tx: &mut dyn Execute, evidence: &Evidence<'_>) -> Result<Resolved> {
    let mut known = Known::look_up(tx, evidence)?;
    let mut decision = known.decide(evidence);
    if decision.person == Whose::New && !known.rows.is_empty() {
        known.look_up_alone(tx, evidence)?;
        decision = known.decide(evidence);
    }
    let mut resolved = match decision.person {
        Whose::Existing(id) => known.update(tx, evidence, id)?,
        Whose::New => known.create(tx, evidence, !decision.doubts.is_empty())?,
    };
    if rows::insert_facility(tx, resolved.person, evidence.facility)? {
        tokens::add(tx, &tokens::facility(evidence.facility), resolved.person)?;
    }
    for doubt in &decision.doubts {
        let row = ReviewRow {
            id: 0,
            one: resolved.person.min(doubt.other),
            other: resolved.person.max(doubt.other),
            reason: doubt.reason as i64,
            facility: evidence.facility,
            seen: evidence.seen.0,
            state: 0,
            merge: None,
        };
        resolved.reviews.extend(rows::insert_review(tx, &row)?);
    }
    Ok(resolved)
}

/// One number of the claim, and which of the looked-up people it names.
struct Claimed {
    kind: NumberKind,
    scope: i64,
    key: String,
    owner: Option<usize>,
}

struct Known {
    rows: Vec<PersonRow>,
    claimed: Vec<Claimed>,
    alone: Option<usize>,
}

impl Known {
    fn look_up(tx: &mut dyn Execute, evidence: &Evidence<'_>) -> Result<Self> {
        let mut known = Self { rows: Vec::new(), claimed: Vec::new(), alone: None };
        let local = Some(evidence.local_id);
        for (kind, scope, value) in [
            (NumberKind::National, 0, evidence.national_id),
            (NumberKind::Insurance, 0, evidence.insurance_id),
            (NumberKind::Local, evidence.facility, local),
        ] {
            let Some(value) = value.filter(|v| !v.is_empty()) else { continue };
            let key = numbers::key(value);
            let owner = known.owner(tx, &key, kind, scope)?;
            known.claimed.push(Claimed { kind, scope, key, owner });
        }
        Ok(known)
    }

    fn look_up_alone(&mut self, tx: &mut dyn Execute, evidence: &Evidence<'_>) -> Result<()> {
        if let Some(key) = alone_key(evidence) {
            self.alone = self.owner(tx, &key, NumberKind::Alone, 0)?;
        }
        Ok(())
    }

    fn owner(&mut self, tx: &mut dyn Execute, key: &str, kind: NumberKind, scope: i64) -> Result<Option<usize>> {
        let Some(person) = rows::number(tx, key, kind as i64, scope)? else { return Ok(None) };
        if let Some(at) = self.rows.iter().position(|row| row.id == person) {
            return Ok(Some(at));
        }
        let row = root_row(tx, person)?;
        if let Some(at) = self.rows.iter().position(|known| known.id == row.id) {
            return Ok(Some(at));
        }
        self.rows.push(row);
        Ok(Some(self.rows.len() - 1))
    }

    fn candidate(&self, owner: Option<usize>) -> Option<Candidate<'_>> {
        let row = &self.rows[owner?];
        Some(Candidate {
            person: row.id,
            name: &row.name,
            birth: birth_of(row),
            sex: row.sex,
            national_id: row.national.as_deref(),
            insurance_id: row.insurance.as_deref(),
        })
    }

    fn decide(&self, evidence: &Evidence<'_>) -> Decision {
        let by = |kind| self.candidate(self.claimed.iter().find(|c| c.kind == kind).and_then(|c| c.owner));
        let candidates = Candidates {
            national: by(NumberKind::National),
            insurance: by(NumberKind::Insurance),
            local: by(NumberKind::Local),
            alone: self.candidate(self.alone),
        };
        decide(evidence, &candidates)
    }

    fn update(&self, tx: &mut dyn Execute, evidence: &Evidence<'_>, id: i64) -> Result<Resolved> {
        let old = self.rows.iter().find(|row| row.id == id).ok_or(crate::Error::Unknown("person"))?;
        let mut row = old.clone();
        self.absorb(&mut row, evidence);
        let mut changed = PersonRow { seen: old.seen, ..row.clone() } != *old;
        if changed {
            rows::update_person(tx, &row)?;
        } else if row.seen != old.seen {
            rows::touch_person(tx, id, row.seen)?;
        }
        if row.name != old.name {
            let before = tokens::of_name(&old.name);
            for token in tokens::of_name(&row.name).iter().filter(|t| !before.contains(t)) {
                tokens::add(tx, token, id)?;
            }
        }
        if row.birth_year != old.birth_year && row.birth_year != 0 {
            tokens::add(tx, &tokens::year(row.birth_year), id)?;
        }
        changed |= self.attach(tx, id)? > 0;
        if row.phone != old.phone {
            add_phone(tx, &row)?;
        }
        Ok(Resolved { person: id, changed, ..Resolved::default() })
    }

    fn create(&self, tx: &mut dyn Execute, evidence: &Evidence<'_>, doubted: bool) -> Result<Resolved> {
        let id = rows::next_person(tx)?;
        let mut row = PersonRow { id, seen: i64::MIN, ..PersonRow::default() };
        self.absorb(&mut row, evidence);
        rows::insert_person(tx, &row)?;
        for token in tokens::of_name(&row.name) {
            tokens::add(tx, &token, id)?;
        }
        if row.birth_year != 0 {
            tokens::add(tx, &tokens::year(row.birth_year), id)?;
        }
        let attached = self.attach(tx, id)?;
        add_phone(tx, &row)?;
        if (doubted || attached == 0)
            && let Some(key) = alone_key(evidence)
        {
            rows::insert_number(tx, &NumberRow { kind: NumberKind::Alone as i64, scope: 0, key, person: id })?;
        }
        Ok(Resolved { person: id, created: true, changed: true, reviews: Vec::new() })
    }

    /// Gives the person those of the claim's numbers that name nobody yet.
    fn attach(&self, tx: &mut dyn Execute, person: i64) -> Result<usize> {
        let mut added = 0;
        for claimed in self.claimed.iter().filter(|c| c.owner.is_none()) {
            let (kind, scope, key) = (claimed.kind as i64, claimed.scope, claimed.key.clone());
            added += usize::from(rows::insert_number(tx, &NumberRow { kind, scope, key, person })?);
        }
        Ok(added)
    }

    /// Takes over what the claim says: all of it from a later visit, only what was missing from an earlier one.
    fn absorb(&self, row: &mut PersonRow, evidence: &Evidence<'_>) {
        let newer = evidence.seen.0 >= row.seen;
        let take = |to: &mut String, from: &str| {
            if !from.is_empty() && to != from && (newer || to.is_empty()) {
                from.clone_into(to);
            }
        };
        take(&mut row.name, evidence.name);
        take(&mut row.ethnicity, evidence.ethnicity);
        take(&mut row.nationality, evidence.nationality);
        take(&mut row.occupation, evidence.occupation);
        if matches!(evidence.sex, 1..=3) && (newer || row.sex == 0) {
            row.sex = evidence.sex;
        }
        if let Some(phone) = evidence.phone.filter(|_| newer || row.phone.is_none()) {
            row.phone = Some(phone.to_owned());
        }
        absorb_birth(row, evidence.birth, newer);
        absorb_address(row, evidence, newer);
        for claimed in &self.claimed {
            let theirs = claimed.owner.is_none_or(|at| self.rows[at].id == row.id);
            match (claimed.kind, theirs) {
                (NumberKind::National, true) => take_number(&mut row.national, evidence.national_id, newer),
                (NumberKind::Insurance, true) => take_number(&mut row.insurance, evidence.insurance_id, newer),
                _ => {}
            }
        }
        row.seen = row.seen.max(evidence.seen.0);
    }
}

/// A longer number stays before a shorter one: CCCD (12 digits) before CMND (9).
fn take_number(to: &mut Option<String>, from: Option<&str>, newer: bool) {
    let better = |old: &str, new: &str| new.len() > old.len() || (newer && new.len() == old.len() && new != old);
    if let Some(new) = from
        && to.as_deref().is_none_or(|old| better(old, new))
    {
        *to = Some(new.to_owned());
    }
}

fn absorb_birth(row: &mut PersonRow, birth: Birth, newer: bool) {
    let year = i64::from(birth.year);
    if year == 0 {
        return;
    }
    let finer = row.birth_year == year && row.birth_day.is_none();
    if row.birth_year == 0 || finer || (newer && (birth.day.is_some() || row.birth_year != year)) {
        row.birth_year = year;
        row.birth_day = birth.day.map(|day| i64::from(day.0));
    }
}

/// An address is taken whole. One without a commune (layout 4210) does not replace one with a commune in its province.
fn absorb_address(row: &mut PersonRow, evidence: &Evidence<'_>, newer: bool) {
    let empty = row.address.is_empty() && row.province.is_empty() && row.commune.is_empty();
    let says = !evidence.address.is_empty() || !evidence.province.is_empty() || !evidence.commune.is_empty();
    let coarser = evidence.commune.is_empty() && !row.commune.is_empty() && evidence.province == row.province;
    if says && (empty || (newer && !coarser)) {
        evidence.address.clone_into(&mut row.address);
        evidence.province.clone_into(&mut row.province);
        evidence.district.clone_into(&mut row.district);
        evidence.commune.clone_into(&mut row.commune);
    }
}

fn add_phone(tx: &mut dyn Execute, row: &PersonRow) -> Result<()> {
    let Some(digits) = row.phone.as_deref().map(numbers::phone_digits).filter(|d| !d.is_empty()) else { return Ok(()) };
    let (kind, key) = (NumberKind::Phone as i64, numbers::key(&digits));
    rows::insert_number(tx, &NumberRow { kind, scope: row.id, key, person: row.id })?;
    Ok(())
}

/// What marks a claim that stood in a conflict: its strongest number with its particulars. The next claim that says
/// exactly this is the same person's, not one more new person.
fn alone_key(evidence: &Evidence<'_>) -> Option<String> {
    let number = match (evidence.national_id, evidence.insurance_id, evidence.local_id) {
        (Some(national), _, _) => format!("n{national}"),
        (_, Some(insurance), _) => format!("i{insurance}"),
        (_, _, "") => return None,
        (_, _, local) => format!("l{}.{local}", evidence.facility),
    };
    Some(format!("{number}|{}|{}|{}", fold(evidence.name), evidence.birth.year, evidence.sex))
}

pub(crate) fn birth_of(row: &PersonRow) -> Birth {
    let day = row.birth_day.and_then(|day| i32::try_from(day).ok()).map(Day);
    Birth { year: i32::try_from(row.birth_year).unwrap_or_default(), day }
}
