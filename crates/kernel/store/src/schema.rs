//! The schema: tables by module, moved forward in place.

use crate::engine::Engine;
use crate::sql::{self, Execute};
use crate::{
    Error, Result, accounts, audit, bulk, cells, certificates, citizens, claims, desk, factors, grants, log, marks,
    notices, params, passkeys, people, prescriptions, resources, sealed, sessions, sign_on, signing, smart,
    subscriptions, vaccines, views,
};

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
const STEPS: &[&[&str]] = &[
    bulk::DDL,
    log::DDL,
    subscriptions::DDL,
    views::DDL,
    resources::LABELS,
    grants::DDL,
    accounts::CARE,
    certificates::DDL,
    citizens::DDL,
    resources::BY_VERSION,
    signing::DDL,
    resources::BY_KEY,
    params::DDL,
    vaccines::DDL,
    sealed::STEP,
    grants::ENDS,
    vaccines::ONCE,
    prescriptions::DDL,
    desk::DDL,
    smart::DDL,
    passkeys::DDL,
    notices::DDL,
    claims::BROKEN,
    desk::SOUGHT,
    marks::DDL,
    desk::PAPERS,
    resources::DATED,
    sign_on::DDL,
    sign_on::LEVELS,
    grants::GUARDIANS,
];
/// The version whose step makes the tables of the transparency log.
const LOGGED: i64 = 3;

/// The name in `meta` that a copy leaves until it is whole.
pub(crate) const COPYING: &str = "copying";

/// Creates the tables of a new store, or moves an older store's forward. A newer one is left alone.
pub(crate) fn bring_up_to_date(engine: &mut Engine) -> Result<()> {
    bring_to(engine, STEPS)?;
    sealed::scrub(engine)?;
    engine.narrow()?;
    engine.lock_rows()
}

fn bring_to(engine: &mut Engine, steps: &[&[&str]]) -> Result<()> {
    engine.begin()?;
    let done = within(engine, steps);
    match &done {
        Ok(_) => engine.commit()?,
        Err(_) => engine.rollback()?,
    }
    engine.tables_are_there(false)?;
    done
}

fn within(engine: &mut Engine, steps: &[&[&str]]) -> Result<()> {
    let version = 1 + i64::try_from(steps.len()).unwrap_or(i64::MAX - 1);
    if !engine.has_table("meta")? {
        for statement in [
            DDL,
            resources::DDL,
            claims::DDL,
            claims::BROKEN,
            people::DDL,
            cells::DDL,
            accounts::DDL,
            sessions::DDL,
            factors::DDL,
            audit::DDL,
            bulk::DDL,
            log::DDL,
            subscriptions::DDL,
            views::DDL,
            grants::DDL,
            grants::ENDS,
            desk::DDL,
            certificates::DDL,
            citizens::DDL,
            signing::DDL,
            params::DDL,
            vaccines::DDL,
            vaccines::ONCE,
            prescriptions::DDL,
            smart::DDL,
            passkeys::DDL,
            notices::DDL,
            desk::SOUGHT,
            marks::DDL,
            desk::PAPERS,
            sign_on::DDL,
            sign_on::LEVELS,
            grants::GUARDIANS,
        ]
        .concat()
        {
            engine.define(statement)?;
        }
        engine.tables_are_there(true)?;
        engine.run("INSERT INTO meta(name, value) VALUES ('schema', ?1)", &[version.into()])?;
        sealed::claim(engine)?;
        sealed::mend(engine, true)?;
        return relabel(engine);
    }
    if meta(engine, COPYING)?.is_some() {
        return Err(Error::Unfinished);
    }
    let found = meta(engine, "schema")?.ok_or(Error::Missing("the schema's version"))?;
    if found > version {
        return Err(Error::Newer { found, known: version });
    }
    let steps = steps.get(usize::try_from(found - 1).unwrap_or(0)..).unwrap_or_default();
    steps.iter().flat_map(|step| step.iter()).try_for_each(|statement| engine.define(statement))?;
    sealed::claim(engine)?;
    if found < sealed::SEALED {
        sealed::adopt(engine)?;
    }
    if steps.contains(&resources::DATED) {
        engine.run(resources::DATED_ROWS, &[])?;
    }
    if found < LOGGED {
        engine.tables_are_there(true)?;
        log::adopt(engine)?;
    }
    if found < version {
        engine.run("UPDATE meta SET value = ?1 WHERE name = 'schema'", &[version.into()])?;
    }
    sealed::mend(engine, false)?;
    relabel(engine)
}

/// Labels given in one statement's round.
const RELABELLED: usize = 1_000;

/// Gives every resource its labels anew where the rules that give them are not those it was written with: a store is not
/// served with facts that yesterday's rules left open.
fn relabel(engine: &mut Engine) -> Result<()> {
    let rules = crate::search::value::token_hash(mach_access::sensitive::Sensitive::shared().text());
    if meta(engine, "labels")? == Some(rules) {
        return Ok(());
    }
    let sql = format!(
        "SELECT rid, facility, pack, slot, label FROM resource WHERE rid > ?1 AND deleted = 0 ORDER BY rid LIMIT {RELABELLED}"
    );
    let mut last = i64::MIN;
    loop {
        let rows = sql::list(engine, &sql, &[last.into()], |r| {
            Ok((r.int(0)?, crate::pack::Place { facility: r.int(1)?, pack: r.int(2)?, slot: r.int(3)? }, r.int(4)?))
        })?;
        let Some((end, ..)) = rows.last() else { break };
        last = *end;
        let (mut of_open, mut parts): ((i64, i64), crate::pack::Bodies) = Default::default();
        for (rid, place, label) in rows {
            let of = (place.facility, place.pack);
            if of_open != of {
                // A damaged or erased pack must not keep the store from opening: what cannot be read cannot be shown.
                parts = match crate::pack::read(engine, of.0, of.1) {
                    Err(e @ Error::Sealed(_)) => return Err(e),
                    read => read.unwrap_or_default(),
                };
                of_open = of;
            }
            let body = usize::try_from(place.slot).ok().and_then(|slot| parts.get(slot));
            let Some(body) = body.and_then(|b| std::str::from_utf8(b).ok()) else { continue };
            let now = resources::label::of(body).bits();
            if now != label {
                let sql = "UPDATE resource SET label = ?2 WHERE rid = ?1 AND facility = ?3";
                engine.run(sql, &[rid.into(), now.into(), place.facility.into()])?;
            }
        }
    }
    engine.run("DELETE FROM meta WHERE name = 'labels'", &[])?;
    engine.run("INSERT INTO meta(name, value) VALUES ('labels', ?1)", &[rules.into()]).map(drop)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Place;
    use crate::postgres::Target;
    use crate::sql::Query;
    use std::sync::Arc;

    const ONE: &[&str] = &["CREATE TABLE later(id INTEGER PRIMARY KEY, facility INT NOT NULL {key id})"];
    const TWO: &[&str] =
        &["ALTER TABLE later ADD COLUMN text TEXT NOT NULL DEFAULT 'x'", "CREATE INDEX later_text ON later(text)"];

    fn version(engine: &mut Engine) -> i64 {
        meta(engine, "schema").unwrap().unwrap()
    }

    fn an_older_store_moves_forward(place: &Place) {
        let mut engine = place.writer().unwrap();
        bring_to(&mut engine, &[]).unwrap();
        assert_eq!(version(&mut engine), 1);
        bring_to(&mut engine, &[ONE]).unwrap();
        engine.begin().unwrap();
        engine.insert("INSERT INTO later(facility) VALUES (?1)", &[7.into()]).unwrap();
        engine.settle().unwrap();
        engine.commit().unwrap();
        // Two steps at once, of which the first was done: its row stays, and the new column is there.
        bring_to(&mut engine, &[ONE, TWO]).unwrap();
        let row = |engine: &mut Engine| {
            sql::list(engine, "SELECT id, facility, text FROM later", &[], |r| {
                Ok((r.int(0)?, r.int(1)?, r.text(2)?.to_owned()))
            })
        };
        assert_eq!((version(&mut engine), row(&mut engine).unwrap()), (3, vec![(1, 7, "x".to_owned())]));
        // A step that fails takes the whole move back.
        let broken: &[&str] =
            &["CREATE TABLE never(id INTEGER PRIMARY KEY)", "CREATE TABLE later(id INTEGER PRIMARY KEY)"];
        assert!(bring_to(&mut engine, &[ONE, TWO, broken]).is_err());
        let mut engine = place.writer().unwrap();
        assert_eq!((version(&mut engine), engine.has_table("never").unwrap()), (3, false));
        bring_to(&mut engine, &[ONE, TWO]).unwrap();
        // An older program leaves it alone.
        assert!(matches!(bring_to(&mut engine, &[ONE]), Err(Error::Newer { found: 3, known: 2 })));
        engine.each("SELECT text FROM later", &[], &mut |_| Ok(())).unwrap();
    }

    fn codes_get_the_dates_that_stand_beside_them(place: &Place) {
        let mut engine = place.writer().unwrap();
        let before = STEPS.iter().take_while(|step| **step != resources::DATED).count();
        let steps = &STEPS[..=before];
        bring_to(&mut engine, steps).unwrap();
        engine.begin().unwrap();
        for statement in [
            "DROP TABLE index_dated",
            // By two systems, by two dates; of another type, of another parameter; without a date.
            "INSERT INTO index_token(param, type, hash, rid, system, facility) VALUES (2, 8, 5, 1, 6, 3), (2, 8, 5, 1, 7, 3),
                (2, 8, 5, 2, 6, 3), (2, 7, 5, 3, 6, 3), (1, 8, 5, 1, 6, 3), (2, 8, 5, 4, 6, 3)",
            "INSERT INTO index_date(rid, low, high, facility, param, type) VALUES (1, 10, 20, 3, 3, 8), (1, 10, 30, 3, 3, 8),
                (1, 40, 40, 3, 3, 8), (2, 9, 9, 3, 3, 8), (3, 8, 8, 3, 3, 8), (4, 7, 7, 3, 5, 8)",
        ] {
            engine.define(statement).unwrap();
        }
        let version = before as i64 + 1;
        engine.run("UPDATE meta SET value = ?1 WHERE name = 'schema'", &[version.into()]).unwrap();
        engine.settle().unwrap();
        engine.commit().unwrap();
        bring_to(&mut engine, steps).unwrap();
        let select = "SELECT type, hash, low, rid, system, facility FROM index_dated WHERE facility = 3 AND param = 2
            ORDER BY type, low, system";
        let rows = sql::list(&mut engine, select, &[], |r| {
            Ok([r.int(0)?, r.int(1)?, r.int(2)?, r.int(3)?, r.int(4)?, r.int(5)?])
        });
        let expected: Vec<[i64; 6]> = [[8, 9, 2, 6], [8, 10, 1, 6], [8, 10, 1, 7], [8, 40, 1, 6], [8, 40, 1, 7]]
            .map(|[t, l, r, s]| [t, 5, l, r, s, 3])
            .into();
        assert_eq!(rows.unwrap(), expected);
    }

    /// Tables of the index as they were before `resources::BY_VERSION`.
    const BY_PARAMETER: &[&str] = &[
        "DROP TABLE index_text",
        "DROP TABLE index_date",
        "DROP TABLE index_quantity",
        "DROP TABLE index_reference",
        "CREATE TABLE index_text(rid INTEGER NOT NULL, exact INTEGER NOT NULL, facility INT NOT NULL, param SMALLINT NOT NULL,
            type SMALLINT NOT NULL, folded TEXT NOT NULL, PRIMARY KEY(param, type, rid, folded, exact, facility)) {clustered}",
        "CREATE INDEX index_text_value ON index_text(param, type, folded, rid)",
        "CREATE TABLE index_date(rid INTEGER NOT NULL, low INTEGER NOT NULL, high INTEGER NOT NULL, facility INT NOT NULL,
            param SMALLINT NOT NULL, type SMALLINT NOT NULL, PRIMARY KEY(param, type, rid, low, high, facility)) {clustered}",
        "CREATE INDEX index_date_value ON index_date(param, type, low, rid)",
        "CREATE INDEX index_date_long ON index_date(param, type, high) WHERE low < high - 86400",
        "CREATE TABLE index_quantity(rid INTEGER NOT NULL, low INTEGER NOT NULL, high INTEGER NOT NULL, system INT NOT NULL,
            unit INT NOT NULL, facility INT NOT NULL, param SMALLINT NOT NULL, type SMALLINT NOT NULL,
            PRIMARY KEY(param, type, rid, low, high, system, unit, facility)) {clustered}",
        "CREATE INDEX index_quantity_value ON index_quantity(param, type, low, rid)",
        "CREATE TABLE index_reference(key INTEGER NOT NULL, rid INTEGER NOT NULL, facility INT NOT NULL, target SMALLINT NOT NULL,
            param SMALLINT NOT NULL, type SMALLINT NOT NULL, PRIMARY KEY(param, type, rid, target, key, facility)) {clustered}",
        "CREATE INDEX index_reference_target ON index_reference(param, type, target, key, rid)",
        "INSERT INTO index_text(rid, exact, facility, param, type, folded) VALUES (9, 2, 3, 4, 5, 'an'), (8, 2, 3, 4, 5, 'an')",
        "INSERT INTO index_date(rid, low, high, facility, param, type) VALUES (9, 1, 2, 3, 4, 5), (8, 1, 200000, 3, 4, 5)",
        "INSERT INTO index_quantity(rid, low, high, system, unit, facility, param, type) VALUES (9, 1, 2, 3, 4, 5, 6, 7)",
        "INSERT INTO index_reference(key, rid, facility, target, param, type) VALUES (1, 9, 2, 3, 4, 5), (1, 8, 2, 3, 4, 5)",
    ];

    fn an_index_by_parameter_becomes_one_by_version(place: &Place) {
        let mut engine = place.writer().unwrap();
        let before = STEPS.iter().take_while(|step| **step != resources::BY_VERSION).count();
        let steps = &STEPS[..=before];
        bring_to(&mut engine, steps).unwrap();
        let names = ["index_text", "index_date", "index_quantity", "index_reference"];
        let tables = |engine: &mut Engine| {
            engine.tables().unwrap().into_iter().filter(|t| t.name.starts_with("index_")).collect::<Vec<_>>()
        };
        let rows = |engine: &mut Engine| {
            names.map(|name| {
                let select = format!("SELECT * FROM {name} ORDER BY rid");
                sql::list(engine, &select, &[], |r| {
                    (0..).map_while(|n| r.shown(n).transpose()).collect::<Result<Vec<_>>>()
                })
                .unwrap()
            })
        };
        let new = tables(&mut engine);
        engine.begin().unwrap();
        BY_PARAMETER.iter().for_each(|statement| engine.define(statement).unwrap());
        let version = before as i64 + 1;
        engine.run("UPDATE meta SET value = ?1 WHERE name = 'schema'", &[version.into()]).unwrap();
        let old = rows(&mut engine);
        engine.settle().unwrap();
        engine.commit().unwrap();
        bring_to(&mut engine, steps).unwrap();
        assert_eq!(tables(&mut engine), new);
        assert_eq!(rows(&mut engine), old);
        assert_eq!(old.each_ref().map(Vec::len), [2, 2, 1, 2]);
    }

    #[test]
    fn an_index_by_parameter_becomes_one_by_version_on_sqlite() {
        let folder = tempfile::tempdir().unwrap();
        an_index_by_parameter_becomes_one_by_version(&Place::File(folder.path().join("mach.db")));
    }

    #[test]
    fn an_index_by_parameter_becomes_one_by_version_on_postgresql() {
        let Some(server) = mach_test_engines::Server::shared() else { return };
        an_index_by_parameter_becomes_one_by_version(&Place::Server(Arc::new(
            Target::parse(&server.database()).unwrap(),
        )));
    }

    #[test]
    fn codes_get_the_dates_that_stand_beside_them_on_sqlite() {
        let folder = tempfile::tempdir().unwrap();
        codes_get_the_dates_that_stand_beside_them(&Place::File(folder.path().join("mach.db")));
    }

    #[test]
    fn codes_get_the_dates_that_stand_beside_them_on_postgresql() {
        let Some(server) = mach_test_engines::Server::shared() else { return };
        codes_get_the_dates_that_stand_beside_them(&Place::Server(Arc::new(
            Target::parse(&server.database()).unwrap(),
        )));
    }

    #[test]
    fn an_older_store_moves_forward_on_sqlite() {
        let folder = tempfile::tempdir().unwrap();
        an_older_store_moves_forward(&Place::File(folder.path().join("mach.db")));
    }

    #[test]
    fn an_older_store_moves_forward_on_postgresql() {
        let Some(server) = mach_test_engines::Server::shared() else { return };
        an_older_store_moves_forward(&Place::Server(Arc::new(Target::parse(&server.database()).unwrap())));
    }
}
