//! The schema: tables by module, moved forward in place.

use crate::engine::Engine;
use crate::sql::{self, Execute};
use crate::{Error, Result, accounts, audit, bulk, cells, claims, log, people, resources};

/// The schema this program writes.
const VERSION: i64 = 1 + STEPS.len() as i64;

/// Tables every module needs.
const DDL: &[&str] = &[
    "CREATE TABLE meta(name TEXT PRIMARY KEY, value INTEGER NOT NULL)",
    "CREATE TABLE commit_log(seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, account INTEGER NOT NULL, role TEXT NOT NULL,
        act TEXT NOT NULL, facility INTEGER)",
    "CREATE TABLE facility(id INTEGER PRIMARY KEY, code TEXT NOT NULL UNIQUE)",
    "CREATE TABLE department(id INTEGER PRIMARY KEY, code TEXT NOT NULL UNIQUE)",
];

/// What moves a store forward: the statements that make version 2 of version 1, then those that make version 3, and so on.
/// They run on both engines (`{clustered}`, `INTEGER`, `TEXT`, `BLOB` as in the tables above).
const STEPS: &[&[&str]] = &[bulk::DDL, log::DDL];
/// The version whose step makes the tables of the transparency log.
const LOGGED: i64 = 3;

/// The name in `meta` that a copy leaves until it is whole.
pub(crate) const COPYING: &str = "copying";

/// Creates the tables of a new store, or moves an older store's forward. A newer one is left alone.
pub(crate) fn bring_up_to_date(engine: &mut Engine) -> Result<()> {
    engine.begin()?;
    let done = within(engine);
    match &done {
        Ok(_) => engine.commit()?,
        Err(_) => engine.rollback()?,
    }
    engine.tables_are_there(false)?;
    done
}

fn within(engine: &mut Engine) -> Result<()> {
    if !engine.has_table("meta")? {
        for statement in
            [DDL, resources::DDL, claims::DDL, people::DDL, cells::DDL, accounts::DDL, audit::DDL, bulk::DDL, log::DDL]
                .concat()
        {
            engine.define(statement)?;
        }
        engine.tables_are_there(true)?;
        engine.run("INSERT INTO meta(name, value) VALUES ('schema', ?1)", &[VERSION.into()])?;
        return Ok(());
    }
    if meta(engine, COPYING)?.is_some() {
        return Err(Error::Unfinished);
    }
    let found = meta(engine, "schema")?.ok_or(Error::Missing("the schema's version"))?;
    if found > VERSION {
        return Err(Error::Newer { found, known: VERSION });
    }
    let steps = STEPS.iter().skip(usize::try_from(found - 1).unwrap_or(0));
    steps.flat_map(|step| step.iter()).try_for_each(|statement| engine.define(statement))?;
    if found < LOGGED {
        engine.tables_are_there(true)?;
        log::adopt(engine)?;
    }
    if found < VERSION {
        engine.run("UPDATE meta SET value = ?1 WHERE name = 'schema'", &[VERSION.into()])?;
    }
    Ok(())
}

fn meta(engine: &mut Engine, name: &str) -> Result<Option<i64>> {
    sql::first(engine, "SELECT value FROM meta WHERE name = ?1", &[name.into()], |r| r.int(0))
}

/// The number of the facility with `code` (five characters), given one if it has none yet.
pub fn facility_id(tx: &mut dyn Execute, code: &str) -> Result<i64> {
    intern(tx, "facility", code)
}

/// The number of a department: `K19` is 19; any other code gets a number from 1000.
pub fn department_id(tx: &mut dyn Execute, code: &str) -> Result<i64> {
    if let Some(n) = code.strip_prefix('K').filter(|d| d.len() == 2).and_then(|d| d.parse().ok()) {
        return Ok(n);
    }
    intern(tx, "department", code).map(|id| id + 1000)
}

fn intern(tx: &mut dyn Execute, table: &'static str, code: &str) -> Result<i64> {
    let find = format!("SELECT id FROM {table} WHERE code = ?1");
    if let Some(id) = sql::first(tx, &find, &[code.into()], |r| r.int(0))? {
        return Ok(id);
    }
    let id = tx.insert(&format!("INSERT INTO {table}(code) VALUES (?1)"), &[code.into()])?;
    let (fact, describe) = log::number(i64::from(table == "department"), id, code);
    tx.log(fact, &describe, false)?;
    Ok(id)
}

/// The code of department `id`, as `department_id` gave it.
pub fn department_code(on: &mut dyn sql::Query, id: i64) -> Result<Option<String>> {
    if id < 1000 {
        return Ok((id > 0).then(|| format!("K{id:02}")));
    }
    sql::first(on, "SELECT code FROM department WHERE id = ?1", &[(id - 1000).into()], |r| Ok(r.text(0)?.to_owned()))
}

/// The code of facility `id`.
pub fn facility_code(on: &mut dyn sql::Query, id: i64) -> Result<Option<String>> {
    sql::first(on, "SELECT code FROM facility WHERE id = ?1", &[id.into()], |r| Ok(r.text(0)?.to_owned()))
}

/// The number of the facility with `code`, if it has one.
pub fn facility_of_code(on: &mut dyn sql::Query, code: &str) -> Result<Option<i64>> {
    sql::first(on, "SELECT id FROM facility WHERE code = ?1", &[code.into()], |r| r.int(0))
}

/// All facilities that have a number: (number, code).
pub fn facilities(on: &mut dyn sql::Query) -> Result<Vec<(i64, String)>> {
    sql::list(on, "SELECT id, code FROM facility ORDER BY code", &[], |r| Ok((r.int(0)?, r.text(1)?.to_owned())))
}
