//! A store that was made before anything was sealed.

use super::cells::{ASKED, CELLS, Cells, Key};
use super::{ring, row, text};
use crate::engine::Engine;
use crate::pack::{self, Place};
use crate::people::{self, NumberRow};
use crate::search::rows::{Rows, TOKEN};
use crate::sql::{self, Arg, Execute};
use crate::{Error, Result};
use mach_fhir::ResourceType;
use mach_seal::{Keyring, Purpose};

/// Rows converted between two statements that hold them.
const AT_ONCE: usize = 2_000;
/// The same of packs, of which each may be some megabytes.
const PACKS: usize = 100;

/// Seals what a store made before has in clear. Runs in the transaction that moves the store forward; what is damaged stays
/// as it is, and keeps nothing else from being sealed.
pub(crate) fn adopt(engine: &mut Engine) -> Result<()> {
    packs(engine)?;
    tokens(engine)?;
    pairs(engine)?;
    people(engine)?;
    numbers(engine)?;
    texts(engine)?;
    jobs(engine)?;
    super::ask_for_scrub(engine)
}

/// Seals what the first program that sealed left in clear.
pub(crate) fn late(engine: &mut Engine) -> Result<()> {
    cells(engine, &ASKED)?;
    crate::log::seal_old_salts(engine)
}

/// The first rows of `sql`, and whether there may be more.
fn some<T>(
    engine: &mut Engine,
    sql: &str,
    (args, at_once): (&[Arg<'_>], usize),
    map: impl FnMut(&dyn sql::Row) -> Result<T>,
) -> Result<(Vec<T>, bool)> {
    let rows = sql::list(engine, &format!("{sql} LIMIT {at_once}"), args, map)?;
    let more = rows.len() == at_once;
    Ok((rows, more))
}

fn packs(engine: &mut Engine) -> Result<()> {
    let (mut after, mut more) = (0, true);
    while more {
        let sql = "SELECT id, facility, body FROM pack WHERE id > ?1 ORDER BY id";
        let row = |r: &dyn sql::Row| Ok((r.int(0)?, r.int(1)?, r.blob(2)?.to_vec()));
        let (rows, on) = some(engine, sql, (&[Arg::Int(after)], PACKS), row)?;
        for (id, facility, body) in rows {
            after = id;
            if body.is_empty() {
                continue;
            }
            let sealed = pack::seal((facility, id), &body)?;
            let update = "UPDATE pack SET body = ?3 WHERE id = ?1 AND facility = ?2";
            engine.push(update, &[id.into(), facility.into(), sealed.as_slice().into()])?;
        }
        more = on;
    }
    Ok(())
}

/// Rows of tokens again under their keyed hashes. They move within their own key: they are put aside, and come back from there.
fn tokens(engine: &mut Engine) -> Result<()> {
    const COLUMNS: &str = "param, type, hash, rid, system, facility";
    engine.define(
        "CREATE TABLE token_before(hash INTEGER NOT NULL, rid INTEGER NOT NULL, system INT NOT NULL, facility INT NOT NULL,
            param SMALLINT NOT NULL, type SMALLINT NOT NULL,
            PRIMARY KEY(param, type, hash, rid, system, facility)) {clustered}",
    )?;
    engine.run(&format!("INSERT INTO token_before({COLUMNS}) SELECT {COLUMNS} FROM index_token"), &[])?;
    engine.run("DELETE FROM index_token", &[])?;
    // No parameter has a number below zero.
    let (mut after, mut more) = ([-1, 0, 0, 0, 0, 0], true);
    while more {
        let sql = format!(
            "SELECT {COLUMNS} FROM token_before WHERE ({COLUMNS}) > (?1, ?2, ?3, ?4, ?5, ?6) ORDER BY {COLUMNS}"
        );
        let args = after.map(Arg::Int);
        let row = |r: &dyn sql::Row| Ok([r.int(0)?, r.int(1)?, r.int(2)?, r.int(3)?, r.int(4)?, r.int(5)?]);
        let (rows, on) = some(engine, &sql, (&args, AT_ONCE), row)?;
        after = rows.last().copied().unwrap_or(after);
        let mut keyed: Vec<[i64; 6]> = rows;
        keyed.iter_mut().for_each(|row| row[2] = super::keyed(row[2]));
        keyed.sort_unstable();
        let values: Vec<Arg<'_>> = keyed.iter().flatten().map(|n| Arg::Int(*n)).collect();
        engine.add(&TOKEN, &values)?;
        more = on;
    }
    engine.run("DROP TABLE token_before", &[]).map(drop)
}

/// Rows of pairs are made again from the values kept beside the bodies: a row does not tell what its second value is.
fn pairs(engine: &mut Engine) -> Result<()> {
    engine.define(
        "CREATE TABLE pair_before(rid INTEGER NOT NULL, facility INT NOT NULL, PRIMARY KEY(rid, facility)) {clustered}",
    )?;
    engine.run("INSERT INTO pair_before(rid, facility) SELECT DISTINCT rid, facility FROM index_pair", &[])?;
    engine.run("DELETE FROM index_pair", &[])?;
    let (mut after, mut more) = (i64::MIN, true);
    while more {
        let sql = "SELECT p.rid, p.facility, r.type, CASE WHEN r.vpack = 0 THEN r.pack ELSE r.vpack END,
            CASE WHEN r.vpack = 0 THEN r.slot + 1 ELSE r.vslot END
            FROM pair_before p JOIN resource r ON r.rid = p.rid AND r.facility = p.facility WHERE p.rid > ?1 ORDER BY p.rid";
        let (found, on) = some(engine, sql, (&[Arg::Int(after)], AT_ONCE), |r| {
            let facility = r.int(1)?;
            Ok((r.int(0)?, r.int(2)?, Place { facility, pack: r.int(3)?, slot: r.int(4)? }))
        })?;
        let mut rows = Rows::default();
        for (rid, kind, place) in found {
            after = rid;
            match pair(engine, &mut rows, (rid, kind, place)) {
                Err(Error::Damaged(pack)) => {
                    tracing::error!("body {pack} is damaged: what lies in it is not found by pairs of values any more");
                }
                done => done?,
            }
        }
        rows.add(engine)?;
        more = on;
    }
    engine.run("DROP TABLE pair_before", &[]).map(drop)
}

fn pair(engine: &mut Engine, rows: &mut Rows, (rid, kind, place): (i64, i64, Place)) -> Result<()> {
    let damaged = || Error::Damaged(place.pack);
    let kind = u16::try_from(kind).ok().and_then(ResourceType::from_number).ok_or_else(damaged)?;
    let encoded = String::from_utf8(pack::body(engine, place)?).map_err(|_| damaged())?;
    rows.push_pairs(kind, (place.facility, rid), &encoded, place.pack)
}

fn people(engine: &mut Engine) -> Result<()> {
    let (mut after, mut more) = (0, true);
    while more {
        let sql = "SELECT id, national, insurance, phone FROM person WHERE id > ?1 ORDER BY id";
        let (rows, on) = some(engine, sql, (&[Arg::Int(after)], AT_ONCE), |r| {
            let text = |n| r.opt_text(n).map(|t| t.map(str::to_owned));
            Ok((r.int(0)?, [text(1)?, text(2)?, text(3)?]))
        })?;
        for (id, numbers) in rows {
            let sealed = people::sealed_numbers(id, &numbers)?;
            let arg = |n: usize| sealed[n].as_ref().map_or(Arg::Null, Arg::from);
            let update = "UPDATE person SET national = ?2, insurance = ?3, phone = ?4 WHERE id = ?1";
            engine.push(update, &[id.into(), arg(0), arg(1), arg(2)])?;
            after = id;
        }
        more = on;
    }
    Ok(())
}

/// Numbers go under their keyed hashes, between which those that still wait lie: nothing of them is sealed yet.
fn numbers(engine: &mut Engine) -> Result<()> {
    let (mut after, mut more) = ((String::new(), 0, 0), true);
    while more {
        let sql = "SELECT key, kind, scope, person FROM person_number
            WHERE sealed = '' AND (key, kind, scope) > (?1, ?2, ?3) ORDER BY key, kind, scope";
        let args = [Arg::from(&after.0), after.1.into(), after.2.into()];
        let row = |r: &dyn sql::Row| Ok((r.text(0)?.to_owned(), r.int(1)?, r.int(2)?, r.int(3)?));
        let (rows, on) = some(engine, sql, (&args, AT_ONCE), row)?;
        if let Some((key, kind, scope, _)) = rows.last() {
            after = (key.clone(), *kind, *scope);
        }
        for (key, kind, scope, person) in rows {
            let delete = "DELETE FROM person_number WHERE key = ?1 AND kind = ?2 AND scope = ?3";
            engine.run(delete, &[(&key).into(), kind.into(), scope.into()])?;
            people::insert_number(engine, &NumberRow { kind, scope, key, person })?;
        }
        more = on;
    }
    Ok(())
}

/// Jobs asked before: what they have written lies in clear, and does not go on sealed. They have ended long ago, so that they
/// and their files are taken away.
fn jobs(engine: &mut Engine) -> Result<()> {
    engine.run("UPDATE bulk_job SET state = 'failed' WHERE state = 'running'", &[])?;
    engine.run("UPDATE bulk_job SET ended = 1", &[]).map(drop)
}

/// Seals the cells of a column that are not sealed yet.
fn cells(engine: &mut Engine, cells: &Cells) -> Result<()> {
    let mut after: Option<Vec<Key>> = None;
    loop {
        let found = cells.after(engine, after.as_deref(), AT_ONCE)?;
        for cell in &found {
            let is_sealed = Keyring::text_bytes(&cell.text).is_some_and(|bytes| Keyring::number_of(&bytes).is_some());
            if !is_sealed {
                cells.put(engine, cell, &text(cells.purpose, &cell.row, &cell.text)?)?;
            }
        }
        match found.into_iter().nth(AT_ONCE - 1) {
            Some(last) => after = Some(last.keys),
            None => return Ok(()),
        }
    }
}

/// Texts and bytes of tables that are small.
fn texts(engine: &mut Engine) -> Result<()> {
    let factors =
        sql::list(engine, "SELECT account, secret FROM second_factor", &[], |r| Ok((r.int(0)?, r.blob(1)?.to_vec())))?;
    for (account, secret) in factors {
        let sealed = ring()?.seal(Purpose::Secret, &row!("second_factor", account), &secret)?;
        let update = "UPDATE second_factor SET secret = ?2 WHERE account = ?1";
        engine.run(update, &[account.into(), sealed.as_slice().into()])?;
    }
    // Rows of stored views are made anew from the resources.
    engine.run("DELETE FROM view_row", &[])?;
    engine.run("UPDATE view_stored SET last = 0, seq = 0", &[])?;
    CELLS.iter().try_for_each(|of| cells(engine, of))?;
    let (mut after, mut more) = (0, true);
    while more {
        let sql = "SELECT id, facility, code, began, state FROM flight WHERE id > ?1 ORDER BY id";
        let (flights, on) = some(engine, sql, (&[Arg::Int(after)], PACKS), |r| {
            let row = crate::signing::flight_row(r.int(1)?, r.text(2)?, r.int(3)?);
            Ok((r.int(0)?, r.int(1)?, row, r.blob(4)?.to_vec()))
        })?;
        for (id, facility, row, plain) in flights {
            after = id;
            let sealed = super::bytes(Purpose::Body, &row, &plain)?;
            let update = "UPDATE flight SET state = ?3 WHERE id = ?1 AND facility = ?2";
            engine.push(update, &[id.into(), facility.into(), sealed.as_slice().into()])?;
        }
        more = on;
    }
    let (mut after, mut more) = (0, true);
    while more {
        let sql = "SELECT id, facility, code, national FROM certificate WHERE id > ?1 AND national <> '' ORDER BY id";
        let row = |r: &dyn sql::Row| Ok((r.int(0)?, r.int(1)?, r.text(2)?.to_owned(), r.text(3)?.to_owned()));
        let (rows, on) = some(engine, sql, (&[Arg::Int(after)], AT_ONCE), row)?;
        for (id, facility, code, plain) in rows {
            after = id;
            let sealed = crate::certificates::sealed_national((facility, &code), &plain)?;
            let update = "UPDATE certificate SET national = ?3 WHERE id = ?1 AND facility = ?2";
            engine.push(update, &[id.into(), facility.into(), (&sealed).into()])?;
        }
        more = on;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Place as At;
    use crate::resources::{Index, Save, Value, code_hash, token_hash};
    use crate::sealed::{KEYRING, NEWEST, REVISION_NAME, SEALED, opened};
    use crate::sql::Row;
    use crate::{Store, digest, factors, grants};
    use mach_access::policy::Relation;
    use mach_access::{Act, Actor, Decision, decide};
    use mach_fhir::index::Param;
    use std::collections::HashMap;
    use std::path::Path;

    const CCCD: &str = "079085012345";
    const FACTOR: &[u8] = b"twenty bytes secret.";

    fn console() -> Decision {
        decide(&Actor::console(), Act::Administer).unwrap()
    }

    fn filled(store: &Store) {
        let param = Param(1);
        let token = |code: &str| Value::Token { param, system: "s".into(), code: code.into() };
        let second = Box::new(Value::Token { param, system: "t".into(), code: "second".into() });
        let pair = Value::Pair { param: Param(2), first: ("s".into(), "first".into()), second };
        let save = Save {
            kind: ResourceType::PATIENT,
            fresh: false,
            id: "p".into(),
            body: Some(format!("{{\"resourceType\":\"Patient\",\"id\":\"p\",\"x\":\"{CCCD}\"}}")),
            patient: None,
            date: None,
            facility: 0,
            index: Index::of(ResourceType::PATIENT, &[token(CCCD), pair]),
        };
        store
            .write(&console(), move |tx| {
                tx.save(&mut [save])?;
                let (national, phone) = (Some(CCCD.to_owned()), Some("0905987654".to_owned()));
                people::insert_person(
                    tx,
                    &people::PersonRow { id: 1, national, phone, ..people::PersonRow::default() },
                )?;
                let key: String = CCCD.chars().rev().collect();
                people::insert_number(tx, &NumberRow { kind: 1, scope: 0, key, person: 1 })?;
                tx.grant(&grants::NewGrant {
                    person: 1,
                    account: 5,
                    facility: 0,
                    relation: Relation::BreakGlass,
                    purpose: mach_access::policy::Purpose::Emergency,
                    until: i64::MAX / 2,
                    reason: format!("{CCCD} khong tinh"),
                    source: String::new(),
                    from: 0,
                    review: grants::Review::Waits,
                })?;
                tx.propose_factor(5, FACTOR).map(drop)
            })
            .unwrap();
    }

    /// What the version before would have left.
    fn as_before(path: &Path) {
        let mut engine = At::File(path.to_owned()).writer().unwrap();
        engine.begin().unwrap();
        let all = |engine: &mut Engine, sql: &str| {
            sql::list(engine, sql, &[], |r| Ok((r.int(0)?, r.int(1)?, r.blob(2)?.to_vec()))).unwrap()
        };
        for (id, facility, body) in all(&mut engine, "SELECT id, facility, body FROM pack") {
            let plain = mach_seal::open(&row!("pack", facility, id), &body).unwrap();
            engine.run("UPDATE pack SET body = ?2 WHERE id = ?1", &[id.into(), plain.as_slice().into()]).unwrap();
        }
        for (account, _, secret) in all(&mut engine, "SELECT account, 0, secret FROM second_factor") {
            let plain = mach_seal::open(&row!("second_factor", account), &secret).unwrap();
            let sql = "UPDATE second_factor SET secret = ?2 WHERE account = ?1";
            engine.run(sql, &[account.into(), plain.as_slice().into()]).unwrap();
        }
        for cells in &CELLS {
            for cell in cells.after(&mut engine, None, AT_ONCE).unwrap() {
                let plain = opened(&cell.row, &cell.text).unwrap();
                cells.put(&mut engine, &cell, &plain).unwrap();
            }
        }
        for column in ["national", "phone"] {
            let sql = format!("SELECT {column} FROM person WHERE id = 1");
            let plain = |r: &dyn Row| opened(&row!("person", column, 1), r.text(0)?);
            let plain = sql::first(&mut engine, &sql, &[], plain).unwrap().unwrap();
            engine.run(&format!("UPDATE person SET {column} = ?1 WHERE id = 1"), &[(&plain).into()]).unwrap();
        }
        let hashes: HashMap<i64, i64> =
            [CCCD, "first", "second"].iter().map(|code| (code_hash(code), token_hash(code))).collect();
        for table in ["index_token", "index_pair"] {
            for (new, old) in &hashes {
                let sql = format!("UPDATE {table} SET hash = ?2 WHERE hash = ?1");
                engine.run(&sql, &[(*new).into(), (*old).into()]).unwrap();
            }
        }
        let (new, old) = (code_hash("second"), token_hash("second"));
        engine.run("UPDATE index_pair SET low = ?2 WHERE low = ?1", &[new.into(), old.into()]).unwrap();
        let key: String = CCCD.chars().rev().collect();
        for sql in ["DROP INDEX person_number_ending", "DROP INDEX access_grant_until", "DELETE FROM person_number"] {
            engine.run(sql, &[]).unwrap();
        }
        // What later steps make.
        for made in ["INDEX dose_once", "INDEX dose_to_pass", "INDEX person_merge_lose", "INDEX audit_visitor"] {
            engine.run(&format!("DROP {made}"), &[]).unwrap();
        }
        for made in [
            "TABLE notice",
            "TABLE look",
            "TABLE index_dated",
            "INDEX certificate_refused",
            "INDEX received_file_broken",
        ] {
            engine.run(&format!("DROP {made}"), &[]).unwrap();
        }
        for made in [
            "prescription_line",
            "prescription",
            "sale_line",
            "sale",
            "smart_app",
            "smart_grant",
            "smart_code",
            "smart_token",
            "smart_launch",
            "smart_once",
            "smart_key",
            "passkey",
            "sign_on",
            "sign_on_once",
            "sign_on_ended",
            "access_guardian",
        ] {
            engine.run(&format!("DROP TABLE {made}"), &[]).unwrap();
        }
        for made in ["access_paper", "person_mark", "access_copy", "access_request_person", "access_request"] {
            engine.run(&format!("DROP TABLE {made}"), &[]).unwrap();
        }
        for column in ["parts", "first", "last"] {
            engine.run(&format!("ALTER TABLE access_grant DROP COLUMN {column}"), &[]).unwrap();
        }
        for column in ["provider", "subject", "there", "level"] {
            engine.run(&format!("ALTER TABLE session DROP COLUMN {column}"), &[]).unwrap();
        }
        for column in ["ending", "sealed"] {
            engine.run(&format!("ALTER TABLE person_number DROP COLUMN {column}"), &[]).unwrap();
        }
        let number = "INSERT INTO person_number(key, kind, scope, person) VALUES (?1, 1, 0, 1)";
        engine.run(number, &[(&key).into()]).unwrap();
        engine.run("UPDATE meta SET value = ?1 WHERE name = 'schema'", &[(SEALED - 1).into()]).unwrap();
        for name in [KEYRING, NEWEST, REVISION_NAME] {
            engine.run("DELETE FROM meta WHERE name = ?1", &[name.into()]).unwrap();
        }
        engine.commit().unwrap();
        engine.checkpoint().unwrap();
    }

    fn has(folder: &Path, needle: &str) -> bool {
        let files = std::fs::read_dir(folder).unwrap().map(|e| std::fs::read(e.unwrap().path()).unwrap_or_default());
        let backwards: String = needle.chars().rev().collect();
        let mut files = files.into_iter();
        files.any(|f| [needle, &backwards].iter().any(|n| f.windows(n.len()).any(|w| w == n.as_bytes())))
    }

    type Pairs = Vec<(i64, i64, i64)>;

    fn all_of(store: &Store) -> (Vec<(&'static str, u64, String)>, Pairs) {
        let mut reader = store.read(&console()).unwrap();
        let pairs = sql::list(
            &mut reader,
            "SELECT hash, n, low FROM index_pair WHERE facility = 0 ORDER BY hash, n",
            &[],
            |r| Ok((r.int(0)?, r.int(1)?, r.int(2)?)),
        );
        (digest::tables(&mut reader).unwrap(), pairs.unwrap())
    }

    #[test]
    fn one_damaged_body_keeps_no_store_from_being_sealed_and_old_jobs_go() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        filled(&store);
        for (token, ended) in [("done", true), ("running", false)] {
            let add = move |tx: &mut crate::Tx<'_>| {
                let job = tx.add_job(token, "export", "r", "a", 1)?;
                if ended { tx.end_job(job, crate::bulk::State::Done, "done").map(drop) } else { Ok(()) }
            };
            store.write(&console(), add).unwrap();
        }
        drop(store);
        as_before(&folder.path().join("mach.db"));
        let mut engine = At::File(folder.path().join("mach.db")).writer().unwrap();
        assert!(engine.run("UPDATE pack SET body = substr(body, 1, 9)", &[]).unwrap() > 0);
        drop(engine);
        let store = Store::open(folder.path()).unwrap();
        assert!(!store.check(&console(), &mut |_| ()).unwrap().is_empty(), "what is lost is named");
        let mut reader = store.read(&console()).unwrap();
        // Their files lie in clear: they are taken away with them.
        let gone = crate::bulk::ended_before(&mut reader, 10).unwrap();
        assert_eq!(gone.iter().map(|job| job.token.as_str()).collect::<Vec<_>>(), ["done", "running"]);
        assert!(crate::bulk::next(&mut reader).unwrap().is_none());
        assert!(engine_tables(folder.path()).iter().all(|name| !name.ends_with("_before")));
    }

    fn engine_tables(folder: &Path) -> Vec<String> {
        let mut engine = At::File(folder.join("mach.db")).reader().unwrap();
        engine.tables().unwrap().into_iter().map(|t| t.name).collect()
    }

    #[test]
    fn a_store_made_before_is_sealed_when_it_is_opened() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        filled(&store);
        let before = all_of(&store);
        drop(store);
        assert!(!has(folder.path(), CCCD), "a new store is sealed from the beginning");
        as_before(&folder.path().join("mach.db"));
        assert!(has(folder.path(), CCCD));

        let store = Store::open(folder.path()).unwrap();
        assert_eq!(all_of(&store), before);
        let mut reader = store.read(&console()).unwrap();
        let person = people::person(&mut reader, 1).unwrap().unwrap();
        assert_eq!((person.national.as_deref(), person.phone.as_deref()), (Some(CCCD), Some("0905987654")));
        let key: String = CCCD.chars().rev().collect();
        assert_eq!(people::number(&mut reader, &key, 1, 0).unwrap(), Some(1));
        assert_eq!(people::numbers_ending(&mut reader, "5432", 9).unwrap().len(), 1);
        assert!(people::numbers_ending(&mut reader, "54329", 9).unwrap().is_empty());
        assert_eq!(grants::of_account(&mut reader, 5).unwrap()[0].reason, format!("{CCCD} khong tinh"));
        assert_eq!(factors::factor(&mut reader, 5).unwrap().unwrap().secret, FACTOR);
        drop(reader);
        assert!(!has(folder.path(), CCCD) && !has(folder.path(), "twenty bytes secret."), "nothing is left of it");
    }
}
