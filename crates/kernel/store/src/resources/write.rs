//! Writing resources: versions, the rows that find them, what is stale.

use super::{Put, Resource, Value, Written, id_key, label};
use crate::distribution::every;
use crate::grants;
use crate::log::{self, Fact, ResourceFact};
use crate::pack::{self, Place};
use crate::search::codec;
use crate::search::rows::Rows;
use crate::sql::{self, Arg, Execute, Query, Row};
use crate::{Error, Result, Tx};
use mach_base::limits;
use mach_fhir::ResourceType;
use mach_tlog::fact::Kind;
use std::collections::{BTreeMap, HashMap};

/// Ended versions whose index rows one write takes away, where they are old enough: more than one write makes.
const SWEPT: usize = 2;
/// Of writes that end nothing, every so manieth sweeps.
const SWEEP_EVERY: i64 = 16;
/// From so many on, bodies are packed beside the writing of their rows: a thread more costs as much as packing a few.
const ASIDE: usize = 48;
/// Identities asked about in one statement.
const ASKED: usize = 64;

/// A resource as the FHIR interface writes it, with everything it is found by.
#[derive(Clone, Debug)]
pub struct Save {
    /// Resource type.
    pub kind: ResourceType,
    /// FHIR id.
    pub id: String,
    /// The exact bytes; `None` deletes.
    pub body: Option<String>,
    /// The person it belongs to.
    pub patient: Option<i64>,
    /// Its clinical time, minutes of local time.
    pub date: Option<i64>,
    /// The facility whose fact it is; 0 is the province.
    pub facility: i64,
    /// Its id was made for it by this server: nothing of that id can be there, so that nobody looks. Where something is, the
    /// write fails.
    pub fresh: bool,
    /// What it is found by, completely.
    pub index: Index,
}

/// What a resource is found by, made ready for the writer, who is one: hashed, folded, written out.
#[derive(Clone, Debug, Default)]
pub struct Index {
    rows: Rows,
    /// As it is kept beside the body.
    encoded: String,
}

impl Index {
    /// Of a resource of `kind` with these values.
    pub fn of(kind: ResourceType, values: &[Value]) -> Self {
        let mut rows = Rows::default();
        values.iter().for_each(|value| rows.push(kind, (0, 0), value));
        Self { rows, encoded: codec::encode(values) }
    }
}

/// What was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Saved {
    /// Number of the version.
    pub rid: i64,
    /// Version, from 1.
    pub version: i64,
    /// When, seconds since 1970 UTC.
    pub at: i64,
}

/// What a version's row and its leaf say of its text: labels, digest; nothing of a deletion.
type OfText = Option<(i64, [u8; 32])>;

fn told_by(body: &str) -> (i64, [u8; 32]) {
    (label::of(body).bits(), digest(body))
}

fn digest(body: &str) -> [u8; 32] {
    crate::digest::sha256(body.as_bytes())
}

/// Type, facility and key.
type Identity = (u16, i64, i64);

struct Current {
    rid: i64,
    version: i64,
    entity: i64,
    place: Place,
    patient: Option<i64>,
    date: Option<i64>,
    deleted: bool,
    label: i64,
}

fn current(on: &mut dyn Query, kind: ResourceType, id: &str, facility: i64) -> Result<Option<Current>> {
    let sql = "SELECT rid, version, CASE WHEN eid = 0 THEN rid ELSE eid END, pack, slot, patient, date, deleted,
        label FROM resource WHERE type = ?1 AND key = ?2 AND facility = ?3 AND until = 0";
    sql::first(on, sql, &[number(kind), id_key(id).into(), facility.into()], |r| current_row(r, facility))
}

fn current_row(r: &dyn Row, facility: i64) -> Result<Current> {
    Ok(Current {
        rid: r.int(0)?,
        version: r.int(1)?,
        entity: r.int(2)?,
        place: Place { facility, pack: r.int(3)?, slot: r.int(4)? },
        patient: r.opt_int(5)?,
        date: r.opt_int(6)?,
        deleted: r.int(7)? != 0,
        label: r.int(8)?,
    })
}

fn number(kind: ResourceType) -> Arg<'static> {
    Arg::Int(i64::from(kind.number()))
}

/// A version's row, but for its number.
struct NewRow<'a> {
    kind: ResourceType,
    id: &'a str,
    facility: i64,
    version: i64,
    at: i64,
    place: Place,
    patient: Option<i64>,
    date: Option<i64>,
    deleted: bool,
    entity: i64,
    indexed: bool,
    label: i64,
}

const INSERT: &str =
    "INSERT INTO resource(type, key, id, facility, version, seq, at, pack, slot, patient, date, deleted,
    eid, indexed, label) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)";

impl NewRow<'_> {
    fn args(&self, seq: i64) -> [Arg<'_>; 15] {
        [
            number(self.kind),
            id_key(self.id).into(),
            self.id.into(),
            self.facility.into(),
            self.version.into(),
            seq.into(),
            self.at.into(),
            self.place.pack.into(),
            self.place.slot.into(),
            self.patient.into(),
            self.date.into(),
            i64::from(self.deleted).into(),
            self.entity.into(),
            i64::from(self.indexed).into(),
            self.label.into(),
        ]
    }
}

impl Tx<'_> {
    /// Writes resources and the index rows their writer gave. Bodies given together are packed together. A body that is
    /// what it was makes no new version.
    pub fn put(&mut self, puts: &[Put]) -> Result<Vec<Written>> {
        let mut open = pack::Open::default();
        let mut places = Vec::with_capacity(puts.len());
        let mut indexes = Vec::with_capacity(puts.len());
        for put in puts {
            let values: Vec<Value> = put.index.iter().map(Value::from).collect();
            // Two slots: the body, and what it is indexed by, so that a later version can take those rows away.
            let facility = put.facility.unwrap_or(0);
            places.push(open.add(self, facility, &[put.body.as_bytes(), codec::encode(&values).as_bytes()])?);
            indexes.push(values);
        }
        open.close(self)?;
        let rows = puts.iter().zip(places).zip(&indexes);
        rows.map(|((put, place), values)| self.put_one(put, place, values)).collect()
    }

    fn put_one(&mut self, put: &Put, place: Place, values: &[Value]) -> Result<Written> {
        let at = self.at();
        let facility = put.facility.unwrap_or(0);
        let mut row = NewRow {
            kind: put.kind,
            id: &put.id,
            facility,
            version: 1,
            at,
            place,
            patient: put.patient,
            date: put.date,
            deleted: false,
            entity: 0,
            indexed: false,
            label: label::of(&put.body).bits(),
        };
        if let Some(rid) = self.insert_row(&row, Some(&put.body))? {
            self.index(put.kind, (facility, rid), values)?;
            return Ok(Written::Created);
        }
        let old = current(self, put.kind, &put.id, facility)?.ok_or(Error::Missing("a resource"))?;
        if !old.deleted && pack::body(self, old.place)? == put.body.as_bytes() {
            if old.patient == put.patient {
                return Ok(Written::Unchanged);
            }
            // The same bytes may still belong to another person after a merge.
            let update = "UPDATE resource SET patient = ?2 WHERE rid = ?1 AND facility = ?3";
            self.run(update, &[old.rid.into(), put.patient.into(), facility.into()])?;
            log::again(self, &[Fact::numbered(Kind::Resource, old.rid)])?;
            return Ok(Written::Unchanged);
        }
        self.retire(facility, &old, at)?;
        (row.version, row.entity) = (old.version + 1, old.entity);
        let rid = self.insert_row(&row, Some(&put.body))?.ok_or(Error::Missing("a resource"))?;
        self.index(put.kind, (facility, rid), values)?;
        Ok(Written::Updated)
    }

    /// Writes resources with everything they are found by: each makes a new version, whatever it was before. Give each
    /// identity at most once.
    pub fn save(&mut self, saves: &mut [Save]) -> Result<Vec<Saved>> {
        let at = self.at();
        let mut now = self.currents(saves)?;
        let own = |save: &Save| (save.kind.number(), save.facility, id_key(&save.id));
        if let Some(save) = saves.iter().find(|save| now.get(&own(save)).is_some_and(|(id, _)| *id != save.id)) {
            return Err(Error::Refused(format!("the id `{}` cannot be told from another one", save.id)));
        }
        let (mut rows, first) = (Rows::default(), self.next_key("resource")?);
        for (save, rid) in saves.iter_mut().zip(first..).filter(|(save, _)| save.body.is_some()) {
            rows.take(std::mem::take(&mut save.index.rows), (save.facility, rid));
        }
        let (texts, places) = self.write_bodies(saves, rows)?;
        let (mut done, mut ended) = (Vec::with_capacity(saves.len()), BTreeMap::new());
        for (((save, text), place), rid) in saves.iter().zip(texts).zip(places).zip(first..) {
            let old = now.remove(&own(save));
            if let Some((_, old)) = &old {
                self.retire(save.facility, old, at)?;
                *ended.entry(save.facility).or_insert(0) += SWEPT;
            }
            let saved = self.save_one((save, text), old.map(|(_, old)| old).as_ref(), place, at)?;
            if saved.rid != rid {
                return Err(Error::Missing("the version's own number"));
            }
            done.push(saved);
        }
        // Who only creates leaves nothing to sweep; a write now and then still takes away what is left.
        if ended.is_empty()
            && self.seq() % SWEEP_EVERY == 0
            && let Some(save) = saves.first()
        {
            ended.insert(save.facility, SWEPT);
        }
        ended.into_iter().try_for_each(|(facility, most)| self.sweep(facility, at, most))?;
        Ok(done)
    }

    /// Writes bodies and the rows that find them. Where they are many, what takes no store is done beside the writing of rows.
    fn write_bodies(&mut self, saves: &[Save], rows: Rows) -> Result<(Vec<OfText>, Vec<Place>)> {
        let bodies = saves.iter().map(|save| match &save.body {
            Some(body) => (save.facility, vec![body.as_bytes(), save.index.encoded.as_bytes()]),
            None => (save.facility, Vec::new()),
        });
        let bodies: Vec<(i64, Vec<&[u8]>)> = bodies.collect();
        let make = || (saves.iter().map(|save| save.body.as_deref().map(told_by)).collect(), pack::make(&bodies));
        let ((texts, blocks), added) = if saves.len() < ASIDE {
            (make(), rows.add(self))
        } else {
            std::thread::scope(|scope| {
                let aside = scope.spawn(make);
                let added = rows.add(self);
                aside.join().map(|made| (made, added)).map_err(|_| Error::Stopped)
            })?
        };
        added?;
        let places = pack::put(self, blocks?, saves.len())?;
        Ok((texts, places))
    }

    /// The current versions of these identities, with their ids.
    fn currents(&mut self, saves: &[Save]) -> Result<HashMap<Identity, (String, Current)>> {
        let mut keys: BTreeMap<(u16, i64), Vec<i64>> = BTreeMap::new();
        for save in saves.iter().filter(|save| !save.fresh) {
            keys.entry((save.kind.number(), save.facility)).or_default().push(id_key(&save.id));
        }
        let mut found = HashMap::new();
        for ((kind, facility), mut keys) in keys {
            keys.sort_unstable();
            for some in keys.chunks(ASKED) {
                // Lists of few lengths, so that statements stay few.
                let marks = some.len().next_power_of_two();
                let list: Vec<String> = (3..3 + marks).map(|n| format!("?{n}")).collect();
                let sql = format!(
                    "SELECT rid, version, CASE WHEN eid = 0 THEN rid ELSE eid END, pack, slot, patient, date, deleted, label, key, id
                    FROM resource WHERE type = ?1 AND facility = ?2 AND until = 0 AND key IN ({})",
                    list.join(", ")
                );
                let mut args: Vec<Arg<'_>> = vec![i64::from(kind).into(), facility.into()];
                args.extend((0..marks).map(|n| Arg::Int(some[n.min(some.len() - 1)])));
                self.each(&sql, &args, &mut |r| {
                    found.insert((kind, facility, r.int(9)?), (r.text(10)?.to_owned(), current_row(r, facility)?));
                    Ok(())
                })?;
            }
        }
        Ok(found)
    }

    fn save_one(
        &mut self,
        (save, text): (&Save, OfText),
        old: Option<&Current>,
        place: Place,
        at: i64,
    ) -> Result<Saved> {
        let kept = old.filter(|_| save.body.is_none());
        let row = NewRow {
            kind: save.kind,
            id: &save.id,
            facility: save.facility,
            version: old.map_or(1, |o| o.version + 1),
            at,
            // A deletion keeps the place of what it ended, and whose it was: who could see the resource sees that it is gone.
            place: kept.map_or(place, |o| o.place),
            patient: save.patient.or(kept.and_then(|o| o.patient)),
            date: save.date.or(kept.and_then(|o| o.date)),
            deleted: save.body.is_none(),
            entity: old.map_or(0, |o| o.entity),
            indexed: true,
            label: text.map_or(kept.map_or(0, |o| o.label), |(label, _)| label),
        };
        let seq = self.seq();
        let rid = self.insert(INSERT, &row.args(seq))?;
        self.log_row(&row, rid, text.map(|(_, digest)| digest))?;
        grants::follow(self, (save.kind, &save.id, save.facility), save.patient, save.body.as_deref())?;
        Ok(Saved { rid, version: row.version, at })
    }

    /// Writes the row of a version and its leaf of the log; `None`, and neither, where the resource has a current version.
    fn insert_row(&mut self, row: &NewRow<'_>, body: Option<&str>) -> Result<Option<i64>> {
        let seq = self.seq();
        let insert = format!("{INSERT} ON CONFLICT(type, key, facility, until) DO NOTHING RETURNING rid");
        let Some(rid) = sql::first(self, &insert, &row.args(seq), |r| r.int(0))? else { return Ok(None) };
        self.log_row(row, rid, body.map(digest))?;
        Ok(Some(rid))
    }

    /// Hands a version to the transparency log.
    fn log_row(&mut self, row: &NewRow<'_>, rid: i64, body: Option<[u8; 32]>) -> Result<()> {
        let decision = self.decision;
        let fact = ResourceFact {
            kind: i64::from(row.kind.number()),
            id: row.id,
            facility: row.facility,
            version: row.version,
            entity: row.entity,
            seq: self.seq(),
            at: row.at,
            patient: row.patient,
            date: row.date,
            deleted: row.deleted,
            by: (decision.actor().account, decision.actor().role.code(), decision.act().code()),
        };
        let describe = fact.describe(body);
        self.log(fact.fact(rid), &describe, false)
    }

    /// Deletes a resource: its id answers as gone, its versions stay. False where there is nothing to delete.
    pub fn delete(&mut self, kind: ResourceType, id: &str) -> Result<bool> {
        let Some(old) = super::get(self, kind, id)? else { return Ok(false) };
        self.save(&mut [Save {
            kind,
            id: id.to_owned(),
            body: None,
            patient: None,
            date: None,
            facility: old.facility.unwrap_or(0),
            fresh: false,
            index: Index::default(),
        }])?;
        Ok(true)
    }

    /// Ends the current version; its index rows stay until no page can still need them.
    fn retire(&mut self, facility: i64, old: &Current, at: i64) -> Result<()> {
        let seq = self.seq();
        // A version ended by the change that brought it was never current: its own number keeps it apart from others.
        let end =
            "UPDATE resource SET until = CASE WHEN seq = ?2 THEN -rid ELSE ?2 END WHERE rid = ?1 AND facility = ?3";
        self.push(end, &[old.rid.into(), seq.into(), facility.into()])?;
        if !old.deleted {
            let stale = "INSERT INTO index_stale(at, rid, facility) VALUES (?1, ?2, ?3)";
            self.push(stale, &[at.into(), old.rid.into(), facility.into()])?;
        }
        Ok(())
    }

    /// Takes away index rows of a facility's versions that ended long ago.
    fn sweep(&mut self, facility: i64, now: i64, most: usize) -> Result<()> {
        let before = now - limits::SEARCH_SNAPSHOT_SECONDS;
        let sql =
            format!("SELECT at, rid FROM index_stale WHERE facility = ?1 AND at < ?2 ORDER BY at, rid LIMIT {most}");
        for (at, rid) in sql::list(self, &sql, &[facility.into(), before.into()], |r| Ok((r.int(0)?, r.int(1)?)))? {
            self.unindex_ended(facility, rid)?;
            let swept = "DELETE FROM index_stale WHERE facility = ?1 AND at = ?2 AND rid = ?3";
            self.push(swept, &[facility.into(), at.into(), rid.into()])?;
        }
        Ok(())
    }

    /// Takes away the index rows of version `rid` that ended, those of others' search parameters too.
    fn unindex_ended(&mut self, facility: i64, rid: i64) -> Result<()> {
        match self.unindex(facility, rid)? {
            Some(kind) => self.unread_for(kind, facility, rid),
            None => Ok(()),
        }
    }

    /// Takes away the index rows of version `rid`; its type, where others' search parameters have rows of it too.
    fn unindex(&mut self, facility: i64, rid: i64) -> Result<Option<ResourceType>> {
        let sql = "SELECT type, CASE WHEN vpack = 0 THEN pack ELSE vpack END, CASE WHEN vpack = 0 THEN slot + 1 ELSE vslot END,
            (SELECT count(*) FROM search_param_row p WHERE p.rid = ?1 AND p.facility = ?2)
            FROM resource WHERE rid = ?1 AND facility = ?2";
        let found = sql::first(self, sql, &[rid.into(), facility.into()], |r| {
            Ok((r.int(0)?, Place { facility, pack: r.int(1)?, slot: r.int(2)? }, r.int(3)? > 0))
        })?;
        let (kind, place, is_custom) = found.ok_or(Error::Missing("a resource version"))?;
        let kind = u16::try_from(kind).ok().and_then(ResourceType::from_number).ok_or(Error::Damaged(place.pack))?;
        let encoded = String::from_utf8(pack::body(self, place)?).map_err(|_| Error::Damaged(place.pack))?;
        let mut rows = Rows::default();
        rows.push_encoded(kind, (facility, rid), &encoded, place.pack)?;
        rows.remove(self)?;
        Ok(is_custom.then_some(kind))
    }

    /// Takes away the index rows of an ended version now, where they are still there.
    pub(crate) fn unindex_now(&mut self, facility: i64, rid: i64) -> Result<()> {
        let stale = "DELETE FROM index_stale WHERE facility = ?1 AND rid = ?2";
        if self.run(stale, &[facility.into(), rid.into()])? > 0 {
            self.unindex_ended(facility, rid)?;
        }
        Ok(())
    }

    /// Gives resources the index rows of all their parameters in place of those their writer gave. Rows that were written
    /// anew meanwhile are left alone.
    pub fn reindex(&mut self, resources: &[(Resource, Vec<Value>)]) -> Result<usize> {
        let (mut open, mut rows, mut done) = (pack::Open::default(), Rows::default(), 0);
        for (resource, values) in resources {
            let facility = resource.facility.unwrap_or(0);
            let still = "SELECT count(*) FROM resource WHERE rid = ?1 AND facility = ?2 AND until = 0 AND deleted = 0";
            if sql::int(self, still, &[resource.rid.into(), facility.into()])? == 0 {
                continue;
            }
            self.unindex(facility, resource.rid)?;
            let place = open.add(self, facility, &[codec::encode(values).as_bytes()])?;
            values.iter().for_each(|value| rows.push(resource.kind, (facility, resource.rid), value));
            self.push(
                "UPDATE resource SET indexed = 1, vpack = ?2, vslot = ?3 WHERE rid = ?1 AND facility = ?4",
                &[resource.rid.into(), place.pack.into(), place.slot.into(), facility.into()],
            )?;
            done += 1;
        }
        open.close(self)?;
        rows.add(self)?;
        Ok(done)
    }

    /// Marks every current resource as not yet indexed: after new search parameters.
    pub fn forget_index(&mut self) -> Result<usize> {
        let sql = "UPDATE resource SET indexed = 0 WHERE until = 0 AND deleted = 0 AND indexed = 1";
        self.run(&format!("{sql}{}", every!("not indexed")), &[])
    }

    fn index(&mut self, kind: ResourceType, at: (i64, i64), values: &[Value]) -> Result<()> {
        let mut rows = Rows::default();
        values.iter().for_each(|value| rows.push(kind, at, value));
        rows.add(self)
    }
}
