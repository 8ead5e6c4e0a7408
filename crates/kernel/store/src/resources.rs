//! Versioned resources: exact bytes, the rows that find them, every version kept.

use crate::pack::{self, Place};
use crate::sql::{self, Arg, Execute, Query, Row};
use crate::{Error, Result, Tx};
use mach_base::text::fold;
use mach_fhir::{IndexValue, ResourceType};
use sha2::{Digest, Sha256};

/// Tables of resources and their search index.
pub const DDL: &[&str] = &[
    "CREATE TABLE pack(id INTEGER PRIMARY KEY, body BLOB NOT NULL)",
    "CREATE TABLE resource(rid INTEGER PRIMARY KEY, type INTEGER NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL,
        seq INTEGER NOT NULL, at INTEGER NOT NULL, pack INTEGER NOT NULL, slot INTEGER NOT NULL, patient INTEGER,
        date INTEGER, facility INTEGER, deleted INTEGER NOT NULL DEFAULT 0)",
    "CREATE UNIQUE INDEX resource_id ON resource(type, id)",
    "CREATE INDEX resource_patient ON resource(patient, type, date) WHERE patient IS NOT NULL",
    "CREATE TABLE resource_past(rid INTEGER NOT NULL, version INTEGER NOT NULL, seq INTEGER NOT NULL, at INTEGER NOT NULL,
        pack INTEGER NOT NULL, slot INTEGER NOT NULL, deleted INTEGER NOT NULL, PRIMARY KEY(rid, version)) {clustered}",
    "CREATE TABLE index_token(param INTEGER NOT NULL, type INTEGER NOT NULL, hash INTEGER NOT NULL, system INTEGER NOT NULL,
        rid INTEGER NOT NULL, PRIMARY KEY(param, type, hash, system, rid)) {clustered}",
    "CREATE TABLE index_text(param INTEGER NOT NULL, type INTEGER NOT NULL, folded TEXT NOT NULL, rid INTEGER NOT NULL,
        PRIMARY KEY(param, type, folded, rid)) {clustered}",
    "CREATE TABLE index_date(param INTEGER NOT NULL, type INTEGER NOT NULL, low INTEGER NOT NULL, high INTEGER NOT NULL,
        rid INTEGER NOT NULL, PRIMARY KEY(param, type, low, high, rid)) {clustered}",
    "CREATE TABLE index_reference(param INTEGER NOT NULL, type INTEGER NOT NULL, target INTEGER NOT NULL, id TEXT NOT NULL,
        rid INTEGER NOT NULL, PRIMARY KEY(param, type, target, id, rid)) {clustered}",
];

/// A resource to be written: created where its id is new, a new version where its body differs.
#[derive(Clone, Debug)]
pub struct Put {
    /// Resource type.
    pub kind: ResourceType,
    /// FHIR id within its type.
    pub id: String,
    /// The exact bytes, JSON.
    pub body: String,
    /// The person it belongs to, by number.
    pub patient: Option<i64>,
    /// Its own clinical time, minutes of local time: what a timeline sorts by.
    pub date: Option<i64>,
    /// The facility whose fact it is.
    pub facility: Option<i64>,
    /// What a search finds it by.
    pub index: Vec<IndexValue>,
}

/// What became of a `Put`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// The id was new.
    Created,
    /// A new version.
    Updated,
    /// The same bytes as before: nothing was written.
    Unchanged,
}

/// A stored resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// Resource type.
    pub kind: ResourceType,
    /// FHIR id.
    pub id: String,
    /// Version, from 1.
    pub version: i64,
    /// When this version was written, seconds since 1970 UTC.
    pub at: i64,
    /// Its clinical time.
    pub date: Option<i64>,
    /// The facility whose fact it is.
    pub facility: Option<i64>,
    /// The exact bytes.
    pub body: String,
}

struct Current {
    rid: i64,
    version: i64,
    seq: i64,
    at: i64,
    place: Place,
    deleted: i64,
}

const CURRENT: &str = "SELECT rid, version, seq, at, pack, slot, deleted FROM resource WHERE type = ?1 AND id = ?2";

fn current(on: &mut dyn Query, kind: ResourceType, id: &str) -> Result<Option<Current>> {
    sql::first(on, CURRENT, &[number(kind), id.into()], |r| {
        Ok(Current {
            rid: r.int(0)?,
            version: r.int(1)?,
            seq: r.int(2)?,
            at: r.int(3)?,
            place: Place { pack: r.int(4)?, slot: r.int(5)? },
            deleted: r.int(6)?,
        })
    })
}

fn number(kind: ResourceType) -> Arg<'static> {
    Arg::Int(i64::from(kind.number()))
}

impl Tx<'_> {
    /// Writes resources and their index rows. Bodies given together are packed together.
    pub fn put(&mut self, puts: &[Put]) -> Result<Vec<Written>> {
        let mut open = pack::Open::default();
        let mut places = Vec::with_capacity(puts.len());
        for put in puts {
            // Two slots: the body, and what it is indexed by, so that a later version can take those rows away.
            let index = encode(&put.index);
            places.push(open.add(self, &[put.body.as_bytes(), index.as_bytes()])?);
        }
        open.close(self)?;
        puts.iter().zip(places).map(|(put, place)| self.put_one(put, place)).collect()
    }

    fn put_one(&mut self, put: &Put, place: Place) -> Result<Written> {
        let at = mach_base::time::now_seconds();
        let seq = self.seq();
        let insert = "INSERT INTO resource(type, id, version, seq, at, pack, slot, patient, date, facility)
            VALUES (?1, ?2, 1, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT(type, id) DO NOTHING RETURNING rid";
        let args = [
            number(put.kind),
            (&put.id).into(),
            seq.into(),
            at.into(),
            place.pack.into(),
            place.slot.into(),
            put.patient.into(),
            put.date.into(),
            put.facility.into(),
        ];
        if let Some(rid) = sql::first(self, insert, &args, |r| r.int(0))? {
            self.index(put.kind, rid, &put.index)?;
            return Ok(Written::Created);
        }
        let old = current(self, put.kind, &put.id)?.ok_or(Error::Missing("a resource"))?;
        if old.deleted == 0 && pack::body(self, old.place)? == put.body.as_bytes() {
            // The same bytes may still belong to another person after a merge.
            self.run("UPDATE resource SET patient = ?2 WHERE rid = ?1", &[old.rid.into(), put.patient.into()])?;
            return Ok(Written::Unchanged);
        }
        self.retire(put.kind, &old)?;
        self.run(
            "UPDATE resource SET version = ?2, seq = ?3, at = ?4, pack = ?5, slot = ?6, patient = ?7, date = ?8,
                facility = ?9, deleted = 0 WHERE rid = ?1",
            &[
                old.rid.into(),
                (old.version + 1).into(),
                seq.into(),
                at.into(),
                place.pack.into(),
                place.slot.into(),
                put.patient.into(),
                put.date.into(),
                put.facility.into(),
            ],
        )?;
        self.index(put.kind, old.rid, &put.index)?;
        Ok(Written::Updated)
    }

    /// Deletes a resource: its id answers as gone, its versions stay. False where there is nothing to delete.
    pub fn delete(&mut self, kind: ResourceType, id: &str) -> Result<bool> {
        let Some(old) = current(self, kind, id)?.filter(|c| c.deleted == 0) else { return Ok(false) };
        self.retire(kind, &old)?;
        let (at, seq) = (mach_base::time::now_seconds(), self.seq());
        self.run(
            "UPDATE resource SET version = ?2, seq = ?3, at = ?4, deleted = 1 WHERE rid = ?1",
            &[old.rid.into(), (old.version + 1).into(), seq.into(), at.into()],
        )?;
        Ok(true)
    }

    /// Moves the current version to the past and takes its index rows away.
    fn retire(&mut self, kind: ResourceType, old: &Current) -> Result<()> {
        self.run(
            "INSERT INTO resource_past(rid, version, seq, at, pack, slot, deleted) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            &[
                old.rid.into(),
                old.version.into(),
                old.seq.into(),
                old.at.into(),
                old.place.pack.into(),
                old.place.slot.into(),
                old.deleted.into(),
            ],
        )?;
        if old.deleted == 0 {
            let encoded = pack::body(self, Place { slot: old.place.slot + 1, ..old.place })?;
            let encoded = String::from_utf8(encoded).map_err(|_| Error::Damaged(old.place.pack))?;
            for value in decode(&encoded).ok_or(Error::Damaged(old.place.pack))? {
                self.index_row(Change::Remove, kind, old.rid, &value)?;
            }
        }
        Ok(())
    }

    fn index(&mut self, kind: ResourceType, rid: i64, values: &[IndexValue]) -> Result<()> {
        values.iter().try_for_each(|value| self.index_row(Change::Add, kind, rid, value))
    }

    fn index_row(&mut self, what: Change, kind: ResourceType, rid: i64, value: &IndexValue) -> Result<()> {
        let add = matches!(what, Change::Add);
        let kind = number(kind);
        match value {
            IndexValue::Token { param, system, code } => {
                let statement = if add {
                    "INSERT INTO index_token(param, type, hash, system, rid) VALUES (?1, ?2, ?3, ?4, ?5)
                        ON CONFLICT DO NOTHING"
                } else {
                    "DELETE FROM index_token WHERE param = ?1 AND type = ?2 AND hash = ?3 AND system = ?4 AND rid = ?5"
                };
                let (hash, system) = (token_hash(code), system_hash(system));
                self.run(statement, &[i64::from(param.0).into(), kind, hash.into(), system.into(), rid.into()])?;
            }
            IndexValue::Text { param, text } => {
                let statement = if add {
                    "INSERT INTO index_text(param, type, folded, rid) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING"
                } else {
                    "DELETE FROM index_text WHERE param = ?1 AND type = ?2 AND folded = ?3 AND rid = ?4"
                };
                self.run(statement, &[i64::from(param.0).into(), kind, (&fold(text)).into(), rid.into()])?;
            }
            IndexValue::Date { param, low, high } => {
                let statement = if add {
                    "INSERT INTO index_date(param, type, low, high, rid) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING"
                } else {
                    "DELETE FROM index_date WHERE param = ?1 AND type = ?2 AND low = ?3 AND high = ?4 AND rid = ?5"
                };
                self.run(statement, &[i64::from(param.0).into(), kind, (*low).into(), (*high).into(), rid.into()])?;
            }
            IndexValue::Reference { param, target, id } => {
                let statement = if add {
                    "INSERT INTO index_reference(param, type, target, id, rid) VALUES (?1, ?2, ?3, ?4, ?5)
                        ON CONFLICT DO NOTHING"
                } else {
                    "DELETE FROM index_reference WHERE param = ?1 AND type = ?2 AND target = ?3 AND id = ?4 AND rid = ?5"
                };
                self.run(statement, &[i64::from(param.0).into(), kind, number(*target), id.into(), rid.into()])?;
            }
        }
        Ok(())
    }
}

enum Change {
    Add,
    Remove,
}

/// The 64-bit hash of a token's code. Its system stands beside it, so that one row serves `code` and `system|code`.
pub fn token_hash(code: &str) -> i64 {
    i64::from_le_bytes(first_bytes(code))
}

/// The 32-bit hash of a token's system: systems are few, and a short number keeps the row short.
pub fn system_hash(system: &str) -> i64 {
    i64::from(u32::from_le_bytes(first_bytes(system)))
}

fn first_bytes<const N: usize>(text: &str) -> [u8; N] {
    let digest: [u8; 32] = Sha256::digest(text.as_bytes()).into();
    std::array::from_fn(|i| digest[i])
}

/// Index values as text: fields parted by U+001F, values by U+001E. Neither occurs in XML or JSON text we accept.
fn encode(values: &[IndexValue]) -> String {
    let parts: Vec<String> = values
        .iter()
        .map(|value| match value {
            IndexValue::Token { param, system, code } => format!("t\u{1f}{}\u{1f}{system}\u{1f}{code}", param.0),
            IndexValue::Text { param, text } => format!("s\u{1f}{}\u{1f}{text}", param.0),
            IndexValue::Date { param, low, high } => format!("d\u{1f}{}\u{1f}{low}\u{1f}{high}", param.0),
            IndexValue::Reference { param, target, id } => {
                format!("r\u{1f}{}\u{1f}{}\u{1f}{id}", param.0, target.number())
            }
        })
        .collect();
    parts.join("\u{1e}")
}

fn decode(text: &str) -> Option<Vec<IndexValue>> {
    if text.is_empty() {
        return Some(Vec::new());
    }
    text.split('\u{1e}')
        .map(|part| {
            let fields: Vec<&str> = part.split('\u{1f}').collect();
            let param = mach_fhir::index::Param(fields.get(1)?.parse().ok()?);
            Some(match (fields[0], fields.len()) {
                ("t", 4) => IndexValue::Token { param, system: fields[2].to_owned(), code: fields[3].to_owned() },
                ("s", 3) => IndexValue::Text { param, text: fields[2].to_owned() },
                ("d", 4) => IndexValue::Date { param, low: fields[2].parse().ok()?, high: fields[3].parse().ok()? },
                ("r", 4) => IndexValue::Reference {
                    param,
                    target: ResourceType::from_number(fields[2].parse().ok()?)?,
                    id: fields[3].to_owned(),
                },
                _ => return None,
            })
        })
        .collect()
}

const COLUMNS: &str = "type, id, version, at, date, facility, pack, slot";

fn header(r: &dyn Row) -> Result<(Resource, Place)> {
    let kind = u16::try_from(r.int(0)?).ok().and_then(ResourceType::from_number).ok_or(Error::Column(0))?;
    let resource = Resource {
        kind,
        id: r.text(1)?.to_owned(),
        version: r.int(2)?,
        at: r.int(3)?,
        date: r.opt_int(4)?,
        facility: r.opt_int(5)?,
        body: String::new(),
    };
    Ok((resource, Place { pack: r.int(6)?, slot: r.int(7)? }))
}

fn with_bodies(on: &mut dyn Query, rows: Vec<(Resource, Place)>) -> Result<Vec<Resource>> {
    let mut unpacked: Option<(i64, Vec<Vec<u8>>)> = None;
    let mut out = Vec::with_capacity(rows.len());
    for (mut resource, place) in rows {
        if unpacked.as_ref().is_none_or(|(pack, _)| *pack != place.pack) {
            unpacked = Some((place.pack, pack::read(on, place.pack)?));
        }
        let damaged = || Error::Damaged(place.pack);
        let bodies = &unpacked.as_ref().ok_or_else(damaged)?.1;
        let slot = usize::try_from(place.slot).map_err(|_| damaged())?;
        let bytes = bodies.get(slot).ok_or_else(damaged)?;
        resource.body = String::from_utf8(bytes.clone()).map_err(|_| damaged())?;
        out.push(resource);
    }
    Ok(out)
}

/// The current version of a resource; `None` where it never was or was deleted.
pub fn get(on: &mut dyn Query, kind: ResourceType, id: &str) -> Result<Option<Resource>> {
    let sql = format!("SELECT {COLUMNS} FROM resource WHERE type = ?1 AND id = ?2 AND deleted = 0");
    let rows = sql::list(on, &sql, &[number(kind), id.into()], header)?;
    Ok(with_bodies(on, rows)?.pop())
}

/// The person a resource belongs to, deleted or not; `None` where there is none such, or it is nobody's.
pub fn owner(on: &mut dyn Query, kind: ResourceType, id: &str) -> Result<Option<i64>> {
    let sql = "SELECT patient FROM resource WHERE type = ?1 AND id = ?2";
    Ok(sql::first(on, sql, &[number(kind), id.into()], |r| r.opt_int(0))?.flatten())
}

/// Resources of one type of one person, newest first by their own time, at most `limit`, older than `before` if given.
pub fn of_patient(
    on: &mut dyn Query,
    patient: i64,
    kind: ResourceType,
    before: Option<i64>,
    limit: usize,
) -> Result<Vec<Resource>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM resource WHERE patient = ?1 AND type = ?2 AND date < ?3 AND deleted = 0
            ORDER BY date DESC, rid LIMIT ?4"
    );
    let args = [patient.into(), number(kind), before.unwrap_or(i64::MAX).into(), (limit as i64).into()];
    let rows = sql::list(on, &sql, &args, header)?;
    with_bodies(on, rows)
}

/// Every version of a resource, newest first: (version, written at, deleted, body).
pub fn history(on: &mut dyn Query, kind: ResourceType, id: &str) -> Result<Vec<(i64, i64, bool, String)>> {
    let Some(now) = current(on, kind, id)? else { return Ok(Vec::new()) };
    let mut versions = vec![(now.version, now.at, now.deleted != 0, now.place)];
    let past = "SELECT version, at, deleted, pack, slot FROM resource_past WHERE rid = ?1 ORDER BY version DESC";
    versions.extend(sql::list(on, past, &[now.rid.into()], |r| {
        Ok((r.int(0)?, r.int(1)?, r.int(2)? != 0, Place { pack: r.int(3)?, slot: r.int(4)? }))
    })?);
    versions
        .into_iter()
        .map(|(version, at, deleted, place)| {
            let bytes = if deleted { Vec::new() } else { pack::body(on, place)? };
            Ok((version, at, deleted, String::from_utf8(bytes).map_err(|_| Error::Damaged(place.pack))?))
        })
        .collect()
}

/// Ids of current resources of `kind` whose id begins with `prefix`.
pub fn with_prefix(on: &mut dyn Query, kind: ResourceType, prefix: &str) -> Result<Vec<String>> {
    let sql = "SELECT id FROM resource WHERE type = ?1 AND id >= ?2 AND id < ?3 AND deleted = 0";
    let end = format!("{prefix}\u{7f}");
    sql::list(on, sql, &[number(kind), prefix.into(), (&end).into()], |r| Ok(r.text(0)?.to_owned()))
}

/// Ids of resources of `kind` that have the token, in the order they were first written.
pub fn with_token(
    on: &mut dyn Query,
    kind: ResourceType,
    param: mach_fhir::index::Param,
    system: Option<&str>,
    code: &str,
    limit: usize,
) -> Result<Vec<String>> {
    let sql = "SELECT r.id FROM index_token t JOIN resource r ON r.rid = t.rid
        WHERE t.param = ?1 AND t.type = ?2 AND t.hash = ?3 AND (?5 IS NULL OR t.system = ?5) ORDER BY t.rid LIMIT ?4";
    let system = system.map(system_hash);
    let args = [i64::from(param.0).into(), number(kind), token_hash(code).into(), (limit as i64).into(), system.into()];
    sql::list(on, sql, &args, |r| Ok(r.text(0)?.to_owned()))
}
