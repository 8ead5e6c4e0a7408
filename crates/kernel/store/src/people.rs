//! Rows of people: one per person, the numbers that name them, the sets that find them, merges and what is in doubt.
//!
//! What these rows mean (who is whom, how a search is answered) is decided by `mach-people`; here they are only read and
//! written. Person numbers are given in order of arrival, so that `person_set` can keep sets of people as bits.

mod doubts;

pub use doubts::*;

use crate::Result;
use crate::distribution::every;
use crate::sealed::{self, row};
use crate::sql::{self, Arg, Execute, Query, Row};
use mach_seal::Purpose;

/// The tables of this module.
pub const DDL: &[&str] = &[
    "CREATE TABLE person(id INTEGER PRIMARY KEY, name TEXT NOT NULL, birth_year INTEGER NOT NULL, birth_day INTEGER,
        sex INTEGER NOT NULL, national TEXT, insurance TEXT, phone TEXT, address TEXT NOT NULL, province TEXT NOT NULL,
        district TEXT NOT NULL, commune TEXT NOT NULL, ethnicity TEXT NOT NULL, nationality TEXT NOT NULL,
        occupation TEXT NOT NULL, seen INTEGER NOT NULL, merged_into INTEGER)",
    "CREATE INDEX person_birth ON person(birth_day, id) WHERE birth_day IS NOT NULL",
    "CREATE INDEX person_merged ON person(merged_into) WHERE merged_into IS NOT NULL",
    // A number is found whole by its keyed hash, and by the keyed hash of its last characters; itself it is sealed.
    "CREATE TABLE person_number(key TEXT NOT NULL, kind INTEGER NOT NULL, scope INTEGER NOT NULL, person INTEGER NOT NULL,
        ending INTEGER NOT NULL DEFAULT 0, sealed TEXT NOT NULL DEFAULT '', PRIMARY KEY(key, kind, scope)) {clustered}",
    "CREATE INDEX person_number_ending ON person_number(ending) WHERE ending <> 0",
    "CREATE INDEX person_number_person ON person_number(person)",
    "CREATE TABLE person_facility(person INTEGER NOT NULL, facility INT NOT NULL,
        PRIMARY KEY(person, facility)) {clustered}",
    "CREATE TABLE person_set(token TEXT NOT NULL, chunk INTEGER NOT NULL, people BLOB NOT NULL,
        PRIMARY KEY(token, chunk)) {clustered}",
    "CREATE TABLE person_review(id INTEGER PRIMARY KEY, one INTEGER NOT NULL, other INTEGER NOT NULL,
        reason INTEGER NOT NULL, facility INTEGER NOT NULL, seen INTEGER NOT NULL, state INTEGER NOT NULL, merge INTEGER,
        account INTEGER, at INTEGER, UNIQUE(one, other))",
    "CREATE INDEX person_review_open ON person_review(id) WHERE state = 0",
    "CREATE TABLE person_merge(id INTEGER PRIMARY KEY, keep INTEGER NOT NULL, lose INTEGER NOT NULL, account INTEGER NOT NULL,
        why TEXT NOT NULL, at INTEGER NOT NULL, took INTEGER NOT NULL, undone_account INTEGER, undone_at INTEGER)",
    "CREATE INDEX person_merge_keep ON person_merge(keep)",
    "CREATE TABLE person_merge_moved(merge INTEGER NOT NULL, kind INTEGER NOT NULL, moved INTEGER NOT NULL,
        PRIMARY KEY(merge, kind, moved)) {clustered}",
];

/// The tables of this module whose rows say who is whom: what a merge and its undoing must leave as they were.
pub const STATE_TABLES: [&str; 9] = [
    "person",
    "person_number",
    "person_facility",
    "person_set",
    "person_review",
    "resource",
    "access_grant",
    "access_refusal",
    "person_mark",
];

/// A row of `person`: what the latest claim says of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PersonRow {
    /// Number, in order of arrival, from 1.
    pub id: i64,
    /// Name as written, NFC.
    pub name: String,
    /// Year of birth; 0 where unknown.
    pub birth_year: i64,
    /// Day of birth as days since 1970-01-01, where known.
    pub birth_day: Option<i64>,
    /// 1 male, 2 female, 3 undetermined, 0 unknown.
    pub sex: i64,
    /// National number (CCCD, CMND).
    pub national: Option<String>,
    /// Social-insurance number.
    pub insurance: Option<String>,
    /// Telephone.
    pub phone: Option<String>,
    /// Address as written.
    pub address: String,
    /// Province code.
    pub province: String,
    /// District code; empty after 2025-06-30.
    pub district: String,
    /// Commune code.
    pub commune: String,
    /// Ethnic group code.
    pub ethnicity: String,
    /// Nationality code.
    pub nationality: String,
    /// Occupation code.
    pub occupation: String,
    /// Minute of the visit these values come from.
    pub seen: i64,
    /// The person this one was merged into.
    pub merged_into: Option<i64>,
}

/// A row of `person_number`: a number that names one person.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NumberRow {
    /// What kind of number, as `mach-people` counts them.
    pub kind: i64,
    /// Where it is unique: a facility's number, a person's number, or 0 for the whole country.
    pub scope: i64,
    /// The number's characters from last to first.
    pub key: String,
    /// Whom it names.
    pub person: i64,
}

/// Characters of a number's end that find it.
pub const ENDING: usize = 4;
/// Numbers of one ending that are opened to see whether they end as asked.
const ENDING_ALIKE: usize = 32_000;

const PERSON: &str =
    "SELECT id, name, birth_year, birth_day, sex, national, insurance, phone, address, province, district,
    commune, ethnicity, nationality, occupation, seen, merged_into FROM person";

fn number_cell(row: &dyn Row, column: usize, (name, id): (&str, i64)) -> Result<Option<String>> {
    row.opt_text(column)?.map(|sealed| sealed::opened(&row!("person", name, id), sealed)).transpose()
}

/// National, insurance and telephone number of person `id` as their columns keep them.
pub(crate) fn sealed_numbers(id: i64, numbers: &[Option<String>; 3]) -> Result<[Option<String>; 3]> {
    let seal = |n: usize, name: &str| {
        let number = numbers[n].as_deref();
        number.map(|number| sealed::text(Purpose::Identity, &row!("person", name, id), number)).transpose()
    };
    Ok([seal(0, "national")?, seal(1, "insurance")?, seal(2, "phone")?])
}

fn person_row(r: &dyn Row) -> Result<PersonRow> {
    let text = |i| r.text(i).map(str::to_owned);
    let id = r.int(0)?;
    Ok(PersonRow {
        id,
        name: text(1)?,
        birth_year: r.int(2)?,
        birth_day: r.opt_int(3)?,
        sex: r.int(4)?,
        national: number_cell(r, 5, ("national", id))?,
        insurance: number_cell(r, 6, ("insurance", id))?,
        phone: number_cell(r, 7, ("phone", id))?,
        address: text(8)?,
        province: text(9)?,
        district: text(10)?,
        commune: text(11)?,
        ethnicity: text(12)?,
        nationality: text(13)?,
        occupation: text(14)?,
        seen: r.int(15)?,
        merged_into: r.opt_int(16)?,
    })
}

fn opt(text: Option<&String>) -> Arg<'_> {
    text.map_or(Arg::Null, Arg::from)
}

fn person_args<'a>(p: &'a PersonRow, numbers: &'a [Option<String>; 3]) -> [Arg<'a>; 17] {
    [
        p.id.into(),
        (&p.name).into(),
        p.birth_year.into(),
        p.birth_day.into(),
        p.sex.into(),
        opt(numbers[0].as_ref()),
        opt(numbers[1].as_ref()),
        opt(numbers[2].as_ref()),
        (&p.address).into(),
        (&p.province).into(),
        (&p.district).into(),
        (&p.commune).into(),
        (&p.ethnicity).into(),
        (&p.nationality).into(),
        (&p.occupation).into(),
        p.seen.into(),
        p.merged_into.into(),
    ]
}

fn numbers_of_row(p: &PersonRow) -> Result<[Option<String>; 3]> {
    sealed_numbers(p.id, &[p.national.clone(), p.insurance.clone(), p.phone.clone()])
}

/// The person with number `id`, merged or not.
pub fn person(on: &mut dyn Query, id: i64) -> Result<Option<PersonRow>> {
    sql::first(on, &format!("{PERSON} WHERE id = ?1"), &[id.into()], person_row)
}

/// People merged directly into `id`, in number order.
pub fn merged_into(on: &mut dyn Query, id: i64) -> Result<Vec<i64>> {
    let sql = format!("SELECT id FROM person WHERE merged_into = ?1 ORDER BY id{}", every!("person merge"));
    sql::list(on, &sql, &[id.into()], |r| r.int(0))
}

/// People born on `day` with numbers past `after`, in number order.
pub fn born_on(on: &mut dyn Query, day: i64, after: i64, limit: i64) -> Result<Vec<i64>> {
    let sql = "SELECT id FROM person WHERE birth_day = ?1 AND id > ?2 ORDER BY id LIMIT ?3";
    let sql = format!("{sql}{}", every!("person search"));
    sql::list(on, &sql, &[day.into(), after.into(), limit.into()], |r| r.int(0))
}

/// The number the next person gets. Writers take turns (one transaction writes at a time), so it is free.
pub fn next_person(on: &mut dyn Query) -> Result<i64> {
    sql::int(on, &format!("SELECT coalesce(max(id), 0) + 1 FROM person{}", every!("person count")), &[])
}

/// Adds a person; fails where the number is taken.
pub fn insert_person(tx: &mut dyn Execute, person: &PersonRow) -> Result<()> {
    tx.push(
        "INSERT INTO person(id, name, birth_year, birth_day, sex, national, insurance, phone, address, province, district,
            commune, ethnicity, nationality, occupation, seen, merged_into)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)",
        &person_args(person, &numbers_of_row(person)?),
    )?;
    Ok(())
}

/// Writes all columns of the person again.
pub fn update_person(tx: &mut dyn Execute, person: &PersonRow) -> Result<()> {
    tx.push(
        "UPDATE person SET name = ?2, birth_year = ?3, birth_day = ?4, sex = ?5, national = ?6, insurance = ?7, phone = ?8,
            address = ?9, province = ?10, district = ?11, commune = ?12, ethnicity = ?13, nationality = ?14,
            occupation = ?15, seen = ?16, merged_into = ?17 WHERE id = ?1",
        &person_args(person, &numbers_of_row(person)?),
    )?;
    Ok(())
}

/// Writes only the minute of the visit the person's values were last confirmed by.
pub fn touch_person(tx: &mut dyn Execute, id: i64, seen: i64) -> Result<()> {
    tx.push("UPDATE person SET seen = ?2 WHERE id = ?1", &[id.into(), seen.into()])?;
    Ok(())
}

/// Whom a number names.
pub fn number(on: &mut dyn Query, key: &str, kind: i64, scope: i64) -> Result<Option<i64>> {
    sql::first(
        on,
        "SELECT person FROM person_number WHERE key = ?1 AND kind = ?2 AND scope = ?3",
        &[(&blind(key)?).into(), kind.into(), scope.into()],
        |r| r.int(0),
    )
}

/// What a number is found by.
fn blind(key: &str) -> Result<String> {
    Ok(sealed::ring()?.blind_text(format!("number {key}").as_bytes()))
}

/// What numbers are found by that end alike: of `backwards` the first characters; 0 where there are fewer.
fn ending(backwards: &str) -> Result<i64> {
    let end: String = backwards.chars().take(ENDING).collect();
    if end.chars().count() < ENDING {
        return Ok(0);
    }
    // 0 says that there is none.
    Ok(match mach_seal::blind(format!("ending {end}").as_bytes())? {
        0 => 1,
        hash => hash,
    })
}

/// Numbers whose endings are found anew, at once.
const ENDINGS: usize = 2_000;

/// Finds the endings anew that an earlier program gave one hash, 1, to half of all.
pub(crate) fn mend_endings(tx: &mut dyn Execute) -> Result<()> {
    let sql = format!(
        "SELECT key, kind, scope, person, sealed FROM person_number
            WHERE ending = 1 AND (key, kind, scope) > (?1, ?2, ?3) ORDER BY key, kind, scope LIMIT {ENDINGS}{}",
        every!("whole store")
    );
    let mut after = (String::new(), i64::MIN, i64::MIN);
    loop {
        let args = [Arg::from(&after.0), after.1.into(), after.2.into()];
        let rows = sql::list(tx, &sql, &args, |r| {
            Ok((r.text(0)?.to_owned(), r.int(1)?, r.int(2)?, r.int(3)?, r.text(4)?.to_owned()))
        })?;
        for (key, kind, scope, person, sealed) in &rows {
            let name = number_row_name(*kind, *scope, *person);
            let Ok(backwards) = sealed::opened(&name, sealed) else {
                tracing::error!("a number of person {person} does not open: it is not found by its end");
                continue;
            };
            let update = "UPDATE person_number SET ending = ?4 WHERE key = ?1 AND kind = ?2 AND scope = ?3";
            tx.push(update, &[key.into(), (*kind).into(), (*scope).into(), ending(&backwards)?.into()])?;
        }
        match rows.last() {
            Some((key, kind, scope, ..)) if rows.len() == ENDINGS => after = (key.clone(), *kind, *scope),
            _ => return Ok(()),
        }
    }
}

pub(crate) fn number_row_name(kind: i64, scope: i64, person: i64) -> String {
    row!("person_number", kind, scope, person)
}

/// Adds a number; gives whether it was free. A number that names someone stays theirs.
pub fn insert_number(tx: &mut dyn Execute, row: &NumberRow) -> Result<bool> {
    let sealed = sealed::text(Purpose::Identity, &number_row_name(row.kind, row.scope, row.person), &row.key)?;
    let added = tx.run(
        "INSERT INTO person_number(key, kind, scope, person, ending, sealed) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT(key, kind, scope) DO NOTHING",
        &[
            (&blind(&row.key)?).into(),
            row.kind.into(),
            row.scope.into(),
            row.person.into(),
            ending(&row.key)?.into(),
            (&sealed).into(),
        ],
    )?;
    Ok(added > 0)
}

fn number_row(r: &dyn Row) -> Result<NumberRow> {
    let (kind, scope, person) = (r.int(0)?, r.int(1)?, r.int(3)?);
    Ok(NumberRow { kind, scope, key: sealed::opened(&number_row_name(kind, scope, person), r.text(2)?)?, person })
}

/// Every number of a person, by kind, then scope, then key.
pub fn numbers_of(on: &mut dyn Query, person: i64) -> Result<Vec<NumberRow>> {
    let sql = "SELECT kind, scope, sealed, person FROM person_number WHERE person = ?1";
    let mut rows = sql::list(on, &format!("{sql}{}", every!("person record")), &[person.into()], number_row)?;
    rows.sort();
    Ok(rows)
}

/// Numbers whose characters, from last to first, are `key`; at most `limit`.
pub fn numbers_with(on: &mut dyn Query, key: &str, limit: i64) -> Result<Vec<NumberRow>> {
    let sql = format!(
        "SELECT kind, scope, sealed, person FROM person_number WHERE key = ?1 ORDER BY kind, scope LIMIT ?2{}",
        every!("person search")
    );
    sql::list(on, &sql, &[(&blind(key)?).into(), limit.into()], number_row)
}

/// Numbers whose last characters, from last to first, are `backwards`, which has [`ENDING`] of them at least; in key order.
pub fn numbers_ending(on: &mut dyn Query, backwards: &str, limit: usize) -> Result<Vec<NumberRow>> {
    let sql = format!(
        "SELECT kind, scope, sealed, person FROM person_number WHERE ending = ?1 AND ending <> 0 LIMIT {ENDING_ALIKE}{}",
        every!("person search")
    );
    let mut found = Vec::new();
    on.each(&sql, &[ending(backwards)?.into()], &mut |r| {
        let row = number_row(r)?;
        if row.key.starts_with(backwards) {
            found.push(row);
        }
        Ok(())
    })?;
    found.sort_by(|a, b| (&a.key, a.kind, a.scope).cmp(&(&b.key, b.kind, b.scope)));
    found.truncate(limit);
    Ok(found)
}

/// Notes that a facility knows a person; gives whether that is new.
pub fn insert_facility(tx: &mut dyn Execute, person: i64, facility: i64) -> Result<bool> {
    let added = tx.run(
        "INSERT INTO person_facility(person, facility) VALUES (?1, ?2) ON CONFLICT(person, facility) DO NOTHING",
        &[person.into(), facility.into()],
    )?;
    Ok(added > 0)
}

/// Takes back what `insert_facility` noted.
pub fn delete_facility(tx: &mut dyn Execute, person: i64, facility: i64) -> Result<()> {
    tx.push("DELETE FROM person_facility WHERE person = ?1 AND facility = ?2", &[person.into(), facility.into()])?;
    Ok(())
}

/// Facilities with a claim of the person.
pub fn facilities_of(on: &mut dyn Query, person: i64) -> Result<Vec<i64>> {
    let sql = "SELECT facility FROM person_facility WHERE person = ?1 ORDER BY facility";
    sql::list(on, sql, &[person.into()], |r| r.int(0))
}

/// Whether the facility has a claim of the person.
pub fn knows(on: &mut dyn Query, facility: i64, person: i64) -> Result<bool> {
    let sql = "SELECT 1 FROM person_facility WHERE person = ?1 AND facility = ?2";
    Ok(sql::first(on, sql, &[person.into(), facility.into()], |r| r.int(0))?.is_some())
}

/// The people of one chunk under a token, as `mach-people` packs them.
pub fn set(on: &mut dyn Query, token: &str, chunk: i64) -> Result<Option<Vec<u8>>> {
    let sql = "SELECT people FROM person_set WHERE token = ?1 AND chunk = ?2";
    sql::first(on, sql, &[token.into(), chunk.into()], |r| Ok(r.blob(0)?.to_vec()))
}

/// The chunks `from..to` of a token, each handed to `each`.
pub fn sets(
    on: &mut dyn Query,
    token: &str,
    chunks: std::ops::Range<i64>,
    each: &mut dyn FnMut(i64, &[u8]) -> Result<()>,
) -> Result<()> {
    on.each(
        "SELECT chunk, people FROM person_set WHERE token = ?1 AND chunk >= ?2 AND chunk < ?3 ORDER BY chunk",
        &[token.into(), chunks.start.into(), chunks.end.into()],
        &mut |r| each(r.int(0)?, r.blob(1)?),
    )
}

/// Writes the people of one chunk under a token; none left takes the row away.
pub fn put_set(tx: &mut dyn Execute, token: &str, chunk: i64, people: &[u8]) -> Result<()> {
    if people.is_empty() {
        tx.push("DELETE FROM person_set WHERE token = ?1 AND chunk = ?2", &[token.into(), chunk.into()])?;
        return Ok(());
    }
    tx.push(
        "INSERT INTO person_set(token, chunk, people) VALUES (?1, ?2, ?3)
         ON CONFLICT(token, chunk) DO UPDATE SET people = excluded.people",
        &[token.into(), chunk.into(), people.into()],
    )?;
    Ok(())
}

/// The first token past `after` that starts with `prefix` (`after` itself never answers).
pub fn next_token(on: &mut dyn Query, prefix: &str, after: &str) -> Result<Option<String>> {
    let sql =
        format!("SELECT token FROM person_set WHERE token > ?1 ORDER BY token LIMIT 1{}", every!("person search"));
    let found = sql::first(on, &sql, &[after.into()], |r| Ok(r.text(0)?.to_owned()))?;
    Ok(found.filter(|token| token.starts_with(prefix)))
}
