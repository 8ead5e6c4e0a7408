//! Search parameters that others defined (`SearchParameter` resources): their numbers, how far resources were read for them,
//! and the rows they made.
//!
//! A number means one definition of one facility for ever: a changed definition gets another. For each number and type it is
//! kept up to which version resources were read; what is newer is read before a search asks by it, so that a write need not
//! know of them. What a version is found by lies in packs, like what it is found by otherwise.

use crate::distribution::{every, unless_one};
use crate::pack::{self, Place};
use crate::resources::{Resource, Value, after, within};
use crate::search::codec;
use crate::search::rows::Rows;
use crate::search::value::token_hash;
use crate::sql::{self, Arg, Execute, Query};
use crate::{Error, Result, Tx};
use mach_access::Scope;
use mach_fhir::ResourceType;

/// The first number that is nobody's of FHIR R4.
pub const FIRST: u16 = 1 << 12;
/// One past the last.
const END: i64 = 1 << 13;

/// Tables of search parameters.
pub const DDL: &[&str] = &[
    "CREATE TABLE search_param(number INTEGER PRIMARY KEY, digest INTEGER NOT NULL, facility INT NOT NULL,
        current SMALLINT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL)",
    "CREATE UNIQUE INDEX search_param_digest ON search_param(facility, digest)",
    "CREATE TABLE search_param_done(number INTEGER NOT NULL, type INTEGER NOT NULL, rid INTEGER NOT NULL,
        PRIMARY KEY(number, type)) {clustered}",
    "CREATE TABLE search_param_row(rid INTEGER NOT NULL, pack INTEGER NOT NULL, number INT NOT NULL, slot INT NOT NULL,
        facility INT NOT NULL, PRIMARY KEY(rid, number, facility)) {clustered}",
];

/// A search parameter in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Defined {
    /// Its number.
    pub number: u16,
    /// Whose it is; 0 is the province.
    pub facility: i64,
    /// Id of its SearchParameter.
    pub id: String,
    /// What it says, as its writer condensed it.
    pub body: String,
}

/// Those a scope may search by: the facility's own before the province's.
pub fn known(on: &mut dyn Query, scope: Scope) -> Result<Vec<Defined>> {
    let own = scope.facility().unwrap_or(0);
    listed(on, &format!("facility IN (0, {own})"))
}

/// How many definitions a facility (0: the province) ever had.
pub fn ever(on: &mut dyn Query, facility: i64) -> Result<i64> {
    sql::int(on, "SELECT count(*) FROM search_param WHERE facility = ?1", &[facility.into()])
}

/// All in use, of whomever.
pub fn all(on: &mut dyn Query) -> Result<Vec<Defined>> {
    listed(on, "1 = 1")
}

fn listed(on: &mut dyn Query, whose: &str) -> Result<Vec<Defined>> {
    let sql = format!(
        "SELECT number, facility, id, body FROM search_param WHERE current = 1 AND {whose}
            ORDER BY facility DESC, number"
    );
    sql::list(on, &sql, &[], |r| {
        let number = u16::try_from(r.int(0)?).map_err(|_| Error::Column(0))?;
        Ok(Defined { number, facility: r.int(1)?, id: r.text(2)?.to_owned(), body: r.text(3)?.to_owned() })
    })
}

/// Resources of `kind` that were not read for the parameter yet, at most `limit`, and the version up to which there is no
/// other.
pub fn unread(on: &mut dyn Query, of: &Defined, kind: ResourceType, limit: usize) -> Result<(Vec<Resource>, i64)> {
    let done = done(on, of.number, kind)?;
    let newest = format!("SELECT coalesce(max(rid), 0) FROM resource WHERE type = ?1{}", every!("not indexed"));
    let newest = sql::int(on, &newest, &[i64::from(kind.number()).into()])?;
    if newest <= done {
        return Ok((Vec::new(), done));
    }
    let found = after(on, kind, done, limit)?;
    let upto = found.last().filter(|_| found.len() == limit).map_or(newest, |r| r.rid);
    Ok((found, upto))
}

/// Whether there are such.
pub fn is_behind(on: &mut dyn Query, of: &Defined, kind: ResourceType) -> Result<bool> {
    let done = done(on, of.number, kind)?;
    let sql = format!(
        "SELECT count(*) FROM (SELECT rid FROM resource WHERE type = ?1 AND rid > ?2 LIMIT 1) n{}",
        every!("not indexed")
    );
    Ok(sql::int(on, &sql, &[i64::from(kind.number()).into(), done.into()])? > 0)
}

fn done(on: &mut dyn Query, number: u16, kind: ResourceType) -> Result<i64> {
    let sql = "SELECT rid FROM search_param_done WHERE number = ?1 AND type = ?2";
    let args = [i64::from(number).into(), i64::from(kind.number()).into()];
    Ok(sql::first(on, sql, &args, |r| r.int(0))?.unwrap_or(0))
}

/// What others' parameters find a version by.
pub(crate) fn values_of(on: &mut dyn Query, scope: Scope, rid: i64) -> Result<Vec<Value>> {
    let sql = format!(
        "SELECT p.facility, p.pack, p.slot FROM search_param_row p WHERE p.rid = ?1{}{}",
        within("p", scope),
        unless_one(scope)
    );
    let places =
        sql::list(on, &sql, &[rid.into()], |r| Ok(Place { facility: r.int(0)?, pack: r.int(1)?, slot: r.int(2)? }))?;
    let mut values = Vec::new();
    for place in places {
        let encoded = String::from_utf8(pack::body(on, place)?).map_err(|_| Error::Damaged(place.pack))?;
        values.extend(codec::decode(&encoded).ok_or(Error::Damaged(place.pack))?);
    }
    Ok(values)
}

impl Tx<'_> {
    /// What the SearchParameter `id` of a facility (0: the province) says from now on; `None`: it is searched by no more.
    ///
    /// # Errors
    /// `Refused` where no number is left.
    pub fn define_param(&mut self, facility: i64, id: &str, body: Option<&str>) -> Result<()> {
        let stop = "UPDATE search_param SET current = 0 WHERE facility = ?1 AND id = ?2 AND current = 1";
        self.run(stop, &[facility.into(), id.into()])?;
        let Some(body) = body else { return Ok(()) };
        let digest = token_hash(body);
        let again = "UPDATE search_param SET current = 1, id = ?3 WHERE facility = ?1 AND digest = ?2";
        if self.run(again, &[facility.into(), digest.into(), id.into()])? > 0 {
            return Ok(());
        }
        let first = i64::from(FIRST);
        let next = format!("SELECT coalesce(max(number) + 1, {first}) FROM search_param");
        let number = sql::int(self, &next, &[])?;
        if number >= END {
            return Err(Error::Refused("there is no number left for another search parameter".into()));
        }
        let insert =
            "INSERT INTO search_param(number, facility, digest, id, current, body) VALUES (?1, ?2, ?3, ?4, 1, ?5)";
        self.run(insert, &[number.into(), facility.into(), digest.into(), id.into(), body.into()]).map(drop)
    }

    /// Gives resources of `kind` the rows by which parameter `number` finds them: all up to version `upto` were read then.
    pub fn read_for(
        &mut self,
        number: u16,
        kind: ResourceType,
        made: &[(Resource, Vec<Value>)],
        upto: i64,
    ) -> Result<()> {
        let before = done(self, number, kind)?;
        let (mut open, mut rows) = (pack::Open::default(), Rows::default());
        // What another has read meanwhile has its rows.
        for (resource, values) in made.iter().filter(|(r, v)| r.rid > before && !v.is_empty()) {
            let facility = resource.facility.unwrap_or(0);
            let place = open.add(self, facility, &[codec::encode(values).as_bytes()])?;
            values.iter().for_each(|value| rows.push(kind, (facility, resource.rid), value));
            let insert = "INSERT INTO search_param_row(rid, number, pack, slot, facility) VALUES (?1, ?2, ?3, ?4, ?5)";
            let number = i64::from(number);
            self.push(
                insert,
                &[resource.rid.into(), number.into(), place.pack.into(), place.slot.into(), facility.into()],
            )?;
        }
        open.close(self)?;
        rows.add(self)?;
        if upto > before {
            let (number, kind) = (i64::from(number), i64::from(kind.number()));
            let forget = "DELETE FROM search_param_done WHERE number = ?1 AND type = ?2";
            self.push(forget, &[number.into(), kind.into()])?;
            let insert = "INSERT INTO search_param_done(number, type, rid) VALUES (?1, ?2, ?3)";
            self.push(insert, &[number.into(), kind.into(), upto.into()])?;
        }
        Ok(())
    }

    /// Takes away the rows that search parameters made of version `rid`, and destroys what they say: nobody remembers where
    /// it lies.
    pub(crate) fn unread_for(&mut self, kind: ResourceType, facility: i64, rid: i64) -> Result<()> {
        let sql = "SELECT pack, slot FROM search_param_row WHERE rid = ?1 AND facility = ?2";
        let of: [Arg<'_>; 2] = [rid.into(), facility.into()];
        let places = sql::list(self, sql, &of, |r| Ok(Place { facility, pack: r.int(0)?, slot: r.int(1)? }))?;
        for place in places {
            let encoded = String::from_utf8(pack::body(self, place)?).map_err(|_| Error::Damaged(place.pack))?;
            let mut rows = Rows::default();
            rows.push_encoded(kind, (facility, rid), &encoded, place.pack)?;
            rows.remove(self)?;
            pack::empty(self, place)?;
        }
        self.run("DELETE FROM search_param_row WHERE rid = ?1 AND facility = ?2", &of).map(drop)
    }
}
