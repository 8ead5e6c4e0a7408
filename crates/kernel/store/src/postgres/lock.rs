//! The second lock: row-level security on every table whose rows are a facility's.
//!
//! Two are locked once only: what is read within a write, and whoever sees the whole province. The program's account owns the
//! tables, writes them, and is not held by the lock: one writer decides over all facilities, and `COPY` does not write through
//! policies. Readers whose decision leaves something out put on another role, which may
//! only read and is held: `mach_facility` sees rows of one facility and the province's, `mach_people` those of people whom
//! the facility knows or who were opened to it too. Which facility and account, the session says; where it says nothing
//! the policies give only the province's. Whoever sees everything puts on no role, so that nothing is asked of them for a row.
//!
//! A statement that looks into tables that are not locked, and into no other, sees the same in every role: for it none is put on. A
//! session is looked up between two reads of its owner, and costs no change of roles and back.
//!
//! Sketch: a role is put on where a connection's next reader needs another one than the last, in the round trip of its first
//! statement (about 20 µs at the server). Statements are prepared for each role apart: changing roles plans nothing anew. A
//! row costs one comparison with a number that is read once for a statement.

use crate::Result;
use crate::distribution::{Spread, TABLES};
use crate::engine::Engine;
use crate::search::value::token_hash;
use crate::sees::Sees;
use crate::sql::{self, Execute, Query};
use std::collections::HashMap;
use std::sync::LazyLock;

/// Who sees rows of a facility.
const FACILITY: &str = "mach_facility";
/// Who sees rows of people too.
const PEOPLE: &str = "mach_people";
/// Names the schema itself: where it is the account's own, another role would look elsewhere.
pub(super) const STAY: &str = "SELECT set_config('search_path', quote_ident(current_schema()), false)";
/// Puts on a role and says for whom.
pub(super) const PUT_ON: &str = "SELECT set_config('role', ?1, false), set_config('mach.facility', ?2, false),
    set_config('mach.account', ?3, false)";
/// Tables whose rows have no person, and are reached from rows that have one. Bodies and versions are known by their place.
const FROM_PEOPLE: [&str; 10] = [
    "pack",
    "index_token",
    "index_text",
    "index_date",
    "index_dated",
    "index_quantity",
    "index_reference",
    "index_pair",
    "search_param_row",
    "claim_version",
];
/// Ways in which a connection sees, each with its own prepared statements.
pub(super) const WAYS: usize = 3;

impl Sees {
    /// What is put on: role, facility, account.
    pub(super) fn worn(self) -> (&'static str, String, String) {
        match self {
            Self::Everything => ("none", String::new(), String::new()),
            Self::Facility(facility) => (FACILITY, facility.to_string(), String::new()),
            Self::People { facility, account } => (PEOPLE, facility.to_string(), account.to_string()),
        }
    }

    pub(super) fn way(self) -> usize {
        match self {
            Self::Everything => 0,
            Self::Facility(_) => 1,
            Self::People { .. } => 2,
        }
    }
}

/// Whether a table of the schema is locked, by its name.
static LOCKED: LazyLock<HashMap<&str, bool>> =
    LazyLock::new(|| TABLES.iter().map(|(name, by)| (*name, *by == Spread::By("facility"))).collect());

/// Whether a statement names tables that lie open, and no locked one. What it names otherwise (columns, its own words) may only make it
/// one that does not: a view or a function of the schema could hide a table, and there are none.
pub(super) fn is_open(sql: &str) -> bool {
    let words = sql.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let mut named = words.filter_map(|word| LOCKED.get(word.to_ascii_lowercase().as_str()).copied()).peekable();
    named.peek().is_some() && !named.any(|locked| locked)
}

/// A number of the session, read once for a statement; nothing where it was not said.
fn said(name: &str) -> String {
    format!("(SELECT nullif(current_setting('mach.{name}', true), '')::bigint)")
}

/// A table, and its column of the person whom a row is about.
struct Table {
    name: String,
    person: Option<String>,
}

/// All tables, by name.
fn tables(engine: &mut Engine) -> Result<Vec<Table>> {
    let sql =
        "SELECT CAST(c.relname AS TEXT), (SELECT CAST(a.attname AS TEXT) FROM pg_attribute a WHERE a.attrelid = c.oid
            AND a.attname IN ('patient', 'person') AND NOT a.attisdropped LIMIT 1)
        FROM pg_class c WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' ORDER BY 1";
    sql::list(engine, sql, &[], |r| {
        Ok(Table { name: r.text(0)?.to_owned(), person: r.opt_text(1)?.map(str::to_owned) })
    })
}

/// The condition on a row for one role. A subselect with `OFFSET` is asked for its row, never made into a table of all.
fn condition(table: &Table, role: &str) -> String {
    let facility = said("facility");
    let own = format!("facility = 0 OR facility = {facility}");
    match &table.person {
        _ if role == FACILITY => own,
        None if FROM_PEOPLE.contains(&table.name.as_str()) => "true".to_owned(),
        None => own,
        Some(person) => format!(
            "{own} OR EXISTS (SELECT 1 FROM person_facility pf WHERE pf.person = {name}.{person} AND pf.facility = {facility}
                OFFSET 0) OR EXISTS (SELECT 1 FROM access_grant g WHERE g.person = {name}.{person} AND g.ended = 0
                AND (g.account = {} OR g.facility = {facility})
                AND g.until > (SELECT floor(extract(epoch FROM now()) / 60)::bigint) OFFSET 0)",
            said("account"),
            name = table.name
        ),
    }
}

/// What makes the policies of a table, without their name.
fn policies(table: &Table) -> [(&'static str, String); 2] {
    [FACILITY, PEOPLE].map(|role| (role, format!("FOR SELECT TO {role} USING ({})", condition(table, role))))
}

/// Locks the tables where they are not locked so yet; gives whether they are.
pub(crate) fn lock(engine: &mut Engine) -> Result<bool> {
    let of_facility = |name: &str| TABLES.iter().any(|(table, by)| *table == name && *by == Spread::By("facility"));
    let (held, free): (Vec<Table>, Vec<Table>) = tables(engine)?.into_iter().partition(|t| of_facility(&t.name));
    let all: String = held.iter().flat_map(policies).map(|(_, text)| text).collect();
    // The name says of which text they are, and of which tables that lie open.
    let open: String = free.iter().map(|table| table.name.as_str()).collect::<Vec<_>>().join(" ");
    let name = format!("mach_{:016x}", token_hash(&format!("{all} {open}")));
    if is_locked(engine, &name, held.len())? {
        return Ok(true);
    }
    engine.begin()?;
    let made = make(engine, &name, (&held, &free));
    match made {
        Ok(()) => engine.commit()?,
        Err(why) => {
            engine.rollback()?;
            tracing::warn!(
                "rows are locked once, not twice: row-level security could not be set up ({why}). As an administrator of the \
                 database: CREATE ROLE {FACILITY} NOLOGIN; CREATE ROLE {PEOPLE} NOLOGIN; GRANT {FACILITY}, {PEOPLE} TO the \
                 account of mach"
            );
        }
    }
    is_locked(engine, &name, held.len())
}

/// What a role must be to the account that puts it on. From version 16 on a membership may be without the right to do so: who makes
/// a role has only such a one.
fn put_on_by(version: i64) -> &'static str {
    if version >= 160_000 { "SET" } else { "MEMBER" }
}

fn right_to_put_on(engine: &mut Engine) -> Result<&'static str> {
    sql::int(engine, "SELECT CAST(current_setting('server_version_num') AS BIGINT)", &[]).map(put_on_by)
}

/// Whether each of so many tables has its policies by this name, and the roles can be put on.
fn is_locked(engine: &mut Engine, name: &str, tables: usize) -> Result<bool> {
    let right = right_to_put_on(engine)?;
    let sql = format!(
        "SELECT (SELECT count(*) FROM pg_policies p JOIN pg_class c ON c.relname = p.tablename AND c.relrowsecurity
                AND c.relnamespace = current_schema()::regnamespace
                WHERE p.schemaname = current_schema() AND p.policyname IN (?1 || '_f', ?1 || '_p')),
            (SELECT count(*) FROM pg_roles WHERE rolname IN ('{FACILITY}', '{PEOPLE}') AND NOT rolbypassrls AND NOT rolsuper
                AND pg_has_role(oid, '{right}'))"
    );
    let mut found = (0, 0);
    engine.each(&sql, &[name.into()], &mut |r| {
        found = (r.int(0)?, r.int(1)?);
        Ok(())
    })?;
    Ok(found == (i64::try_from(tables).unwrap_or(i64::MAX) * 2, 2))
}

/// Makes roles, rights and policies anew.
fn make(engine: &mut Engine, name: &str, (held, free): (&[Table], &[Table])) -> Result<()> {
    let right = right_to_put_on(engine)?;
    for role in [FACILITY, PEOPLE] {
        // Roles are the server's, not the database's: another one may have made it, or make it at this moment.
        engine.run(
            &format!(
                "DO $$ BEGIN IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = '{role}') THEN CREATE ROLE {role} NOLOGIN;
                END IF; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$"
            ),
            &[],
        )?;
        engine.run(
            &format!(
                "DO $$ BEGIN IF NOT pg_has_role('{role}', '{right}') THEN EXECUTE format('GRANT {role} TO %I', current_user);
                END IF; END $$"
            ),
            &[],
        )?;
        engine.run(
            &format!("DO $$ BEGIN EXECUTE format('GRANT USAGE ON SCHEMA %I TO {role}', current_schema()); END $$"),
            &[],
        )?;
    }
    for table in held {
        let old =
            "SELECT CAST(policyname AS TEXT) FROM pg_policies WHERE schemaname = current_schema() AND tablename = ?1
            AND policyname LIKE 'mach\\_%'";
        let old = sql::list(engine, old, &[(&table.name).into()], |r| Ok(r.text(0)?.to_owned()))?;
        for policy in old {
            engine.run(&format!("DROP POLICY {policy} ON {}", table.name), &[])?;
        }
        for ((_, policy), end) in policies(table).iter().zip(["f", "p"]) {
            engine.run(&format!("CREATE POLICY {name}_{end} ON {} {policy}", table.name), &[])?;
        }
        engine.run(&format!("ALTER TABLE {} ENABLE ROW LEVEL SECURITY", table.name), &[])?;
    }
    for table in held.iter().chain(free) {
        engine.run(&format!("GRANT SELECT ON {} TO {FACILITY}, {PEOPLE}", table.name), &[])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Kind, Place};
    use crate::postgres::Target;
    use crate::sql::{Arg, Row};
    use crate::{Error, Store};
    use mach_access::{Act, Actor, Decision, Role, decide};
    use std::sync::Arc;

    const A: i64 = 7;
    const B: i64 = 9;
    /// A person whom A knows; one who was opened to an account; one who is nobody's here.
    const KNOWN: i64 = 1;
    const OPENED: i64 = 2;
    const STRANGER: i64 = 3;
    const ACCOUNT: i64 = 44;

    /// A store with a row of the province, of A and of B in every table that is a facility's: of B one for each person.
    fn filled() -> Option<(Store, Place, Arc<mach_test_engines::Server>)> {
        let server = mach_test_engines::Server::shared()?;
        let url = server.database();
        let store = Store::connect(&url).unwrap();
        let place = Place::Server(Arc::new(Target::parse(&url).unwrap()));
        let mut engine = place.writer().unwrap();
        engine.begin().unwrap();
        for table in engine.tables().unwrap() {
            if !TABLES.contains(&(table.name.as_str(), Spread::By("facility"))) {
                continue;
            }
            let is_about = table.columns.iter().any(|(name, _)| name == "person" || name == "patient");
            let rows = [(0, STRANGER), (A, STRANGER), (B, STRANGER), (B, KNOWN), (B, OPENED)];
            for (n, (facility, person)) in (1_i64..).zip(rows).take(if is_about { 5 } else { 3 }) {
                let names: Vec<&str> = table.columns.iter().map(|(name, _)| name.as_str()).collect();
                let marks: Vec<String> = (1..=names.len()).map(|n| format!("?{n}")).collect();
                let text = n.to_string();
                let value = |(name, kind): &(String, Kind)| match (name.as_str(), kind) {
                    ("facility", _) => Arg::Int(facility),
                    ("person" | "patient", _) => Arg::Int(person),
                    (_, Kind::Text) => Arg::Text(&text),
                    (_, Kind::Blob) => Arg::Blob(text.as_bytes()),
                    _ => Arg::Int(n),
                };
                let args: Vec<Arg<'_>> = table.columns.iter().map(value).collect();
                let sql = format!("INSERT INTO {}({}) VALUES ({})", table.name, names.join(", "), marks.join(", "));
                engine.run(&sql, &args).unwrap();
            }
        }
        engine.run("INSERT INTO person_facility(person, facility) VALUES (?1, ?2)", &[KNOWN.into(), A.into()]).unwrap();
        engine
            .run(
                "INSERT INTO access_grant(id, person, account, facility, relation, purpose, since, until, made, made_by,
                    made_name, at_facility, reason, source) VALUES (1, ?1, ?2, 0, 1, 1, 0, 99999999999, 0, 0, '', 0, '', '')",
                &[OPENED.into(), ACCOUNT.into()],
            )
            .unwrap();
        engine.commit().unwrap();
        Some((store, place, server))
    }

    /// The facilities whose rows come without any condition, with the people of B's.
    fn seen(engine: &mut Engine, table: &Table) -> Vec<(i64, i64)> {
        let person = table.person.as_deref().unwrap_or("0");
        let sql = format!("SELECT facility, CAST({person} AS BIGINT) FROM {} ORDER BY 1, 2", table.name);
        sql::list(engine, &sql, &[], |r| Ok((r.int(0)?, r.int(1)?))).unwrap()
    }

    #[test]
    fn no_row_of_another_facility_comes_where_a_statement_has_no_condition() {
        let Some((store, place, _server)) = filled() else { return };
        let target = match &store.inner.place {
            Place::Server(target) => Arc::clone(target),
            Place::File(_) => unreachable!("it is a server's"),
        };
        assert!(target.locked.load(std::sync::atomic::Ordering::Relaxed), "the test server lets roles be made");
        let (mut writer, place) = (place.writer().unwrap(), Place::Server(target));
        let mut reader = place.reader().unwrap();
        let mut with_person = 0;
        for table in tables(&mut writer).unwrap() {
            if !TABLES.contains(&(table.name.as_str(), Spread::By("facility"))) {
                continue;
            }
            let mut as_who = |sees| {
                reader.begin_reading(false, sees).unwrap();
                let found = seen(&mut reader, &table);
                assert!(reader.end_reading());
                found
            };
            let facilities = |rows: Vec<(i64, i64)>| rows.into_iter().map(|(f, _)| f).collect::<Vec<_>>();
            let name = &table.name;
            let of_b = if table.person.is_some() { 3 } else { 1 };
            assert_eq!(facilities(as_who(Sees::Everything)), [vec![0, A], vec![B; of_b]].concat(), "{name}");
            assert_eq!(facilities(as_who(Sees::Facility(A))), [0, A], "{name}");
            assert_eq!(facilities(as_who(Sees::Facility(B))), [vec![0], vec![B; of_b]].concat(), "{name}");
            let of_account = as_who(Sees::People { facility: A, account: ACCOUNT });
            let of_nobody = as_who(Sees::People { facility: -1, account: ACCOUNT + 1 });
            if table.person.is_some() {
                with_person += 1;
                let rest = [(0, STRANGER), (A, STRANGER)];
                assert_eq!(of_account, [rest.as_slice(), &[(B, KNOWN), (B, OPENED)]].concat(), "{name}");
                assert_eq!(of_nobody, rest[..1], "{name}");
            } else if !FROM_PEOPLE.contains(&name.as_str()) {
                assert_eq!((facilities(of_account), facilities(of_nobody)), (vec![0, A], vec![0]), "{name}");
            }
        }
        assert!(with_person >= 5, "resources, claims, the trail, doses and passes are about people: {with_person}");
    }

    #[test]
    fn a_session_that_says_nothing_sees_nothing_and_writes_nothing() {
        let Some((_store, place, _server)) = filled() else { return };
        let mut reader = place.reader().unwrap();
        for role in [FACILITY, PEOPLE] {
            reader.begin_reading(true, Sees::Everything).unwrap();
            let Engine::Postgres(pg) = &mut reader else { unreachable!("it is a server's") };
            pg.batch(&format!("SET ROLE {role}")).unwrap();
            let count =
                |engine: &mut Engine| sql::int(engine, "SELECT count(*) FROM resource WHERE facility <> 0", &[]);
            assert_eq!(count(&mut reader).unwrap(), 0, "{role}");
            for sql in ["DELETE FROM resource", "UPDATE audit SET name = 'x'", "INSERT INTO meta VALUES ('x', 1)"] {
                assert!(reader.each(sql, &[], &mut |_| Ok(())).is_err(), "{role}: {sql}");
            }
        }
    }

    fn of(facility: Option<i64>) -> Decision {
        decide(&Actor { account: -1, role: Role::SystemReader, facility, ..Actor::console() }, Act::ReadFhir).unwrap()
    }

    #[test]
    fn what_one_reader_put_on_is_never_another_s() {
        let Some((store, _, _server)) = filled() else { return };
        let count = |facility| {
            let sql = "SELECT count(*) FROM resource /* every shard: whole store */";
            sql::int(&mut store.read(&of(facility)).unwrap(), sql, &[]).unwrap()
        };
        let all = [None, Some(A), Some(B), None, Some(A), Some(A)];
        assert_eq!(all.map(count), [5, 2, 4, 5, 2, 2]);
        // A statement that fails in the transaction in which the role was put on; one that is cut off by its caller.
        for alone in [false, true] {
            for (first, then) in [(Some(A), None), (None, Some(A)), (Some(A), Some(B))] {
                let open = |facility| if alone { store.read_one(&of(facility)) } else { store.read(&of(facility)) };
                let mut reader = open(first).unwrap();
                let broken = reader.each("SELECT 1 / (id - id) FROM facility UNION SELECT 1 / 0", &[], &mut |_| Ok(()));
                assert!(broken.is_err());
                drop(reader);
                assert_eq!(count(then), [5, 2, 4][then.map_or(0, |f| if f == A { 1 } else { 2 })]);
                let refused: crate::Result<()> = open(first).unwrap().each(
                    "SELECT rid FROM resource /* every shard: whole store */",
                    &[],
                    &mut |_: &dyn Row| Err(Error::Stopped),
                );
                assert!(refused.is_err());
                assert_eq!(count(then), [5, 2, 4][then.map_or(0, |f| if f == A { 1 } else { 2 })]);
                let cut = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                    open(first).unwrap().each(
                        "SELECT rid FROM resource /* every shard: whole store */",
                        &[],
                        &mut |_: &dyn Row| panic!("a caller's own fault"),
                    )
                }));
                assert!(cut.is_err());
                assert_eq!(count(then), [5, 2, 4][then.map_or(0, |f| if f == A { 1 } else { 2 })]);
            }
        }
    }

    #[test]
    fn what_needs_no_role_names_open_tables_alone() {
        for (sql, open) in [
            ("SELECT s.seen FROM session s JOIN account a ON a.id = s.account WHERE s.token = ?1", true),
            ("SELECT id FROM facility WHERE code = ?1", true),
            ("SELECT rid FROM resource WHERE id = ?1", false),
            ("SELECT 1 FROM account a WHERE EXISTS (SELECT 1 FROM RESOURCE r WHERE r.patient = a.id)", false),
            ("SELECT 1 FROM account, \"claim\"", false),
            ("WITH session AS (SELECT 1 FROM audit) SELECT 1 FROM session", false),
            // What names no table, or one that nobody knows.
            ("SELECT pg_backend_pid()", false),
            ("SELECT 1 FROM unknown_view", false),
            ("SELECT set_config('role', ?1, false)", false),
            ("", false),
        ] {
            assert_eq!(is_open(sql), open, "{sql}");
        }
        // What the server locks is what the list says, and nothing of the schema hides a table from it.
        let Some((_store, place, _server)) = filled() else { return };
        let mut engine = place.writer().unwrap();
        let locked = "SELECT CAST(relname AS TEXT) FROM pg_class WHERE relnamespace = current_schema()::regnamespace
            AND relkind IN ('r', 'p') AND relrowsecurity ORDER BY 1";
        let locked = sql::list(&mut engine, locked, &[], |r| Ok(r.text(0)?.to_owned())).unwrap();
        let mut listed: Vec<&str> = LOCKED.iter().filter(|(_, locked)| **locked).map(|(name, _)| *name).collect();
        listed.sort_unstable();
        assert_eq!(locked, listed);
        let hidden = "SELECT (SELECT count(*) FROM pg_class WHERE relnamespace = current_schema()::regnamespace
                AND relkind NOT IN ('r', 'p', 'i', 'I', 'S', 't')) + (SELECT count(*) FROM pg_proc
                WHERE pronamespace = current_schema()::regnamespace)";
        assert_eq!(sql::int(&mut engine, hidden, &[]).unwrap(), 0, "views, foreign tables, functions");
        let mut all: Vec<String> = tables(&mut engine).unwrap().into_iter().map(|table| table.name).collect();
        all.retain(|name| !LOCKED.contains_key(name.as_str()));
        assert!(all.is_empty(), "tables that no list knows: {all:?}");
    }

    #[test]
    fn looking_a_session_up_changes_no_role() {
        let Some((store, place, _server)) = filled() else { return };
        let target = match &store.inner.place {
            Place::Server(target) => Arc::clone(target),
            Place::File(_) => unreachable!("it is a server's"),
        };
        drop(place);
        let mut reader = Place::Server(target).reader().unwrap();
        let role = |reader: &mut Engine| {
            let Engine::Postgres(pg) = reader else { unreachable!("it is a server's") };
            pg.role()
        };
        let read = |reader: &mut Engine, sees, sql| {
            reader.begin_reading(true, sees).unwrap();
            let found = sql::int(reader, sql, &[]).unwrap();
            assert!(reader.end_reading());
            found
        };
        let resources = "SELECT count(*) FROM resource /* every shard: whole store */";
        assert_eq!(read(&mut reader, Sees::Facility(A), resources), 2);
        assert_eq!(role(&mut reader), Some(Sees::Facility(A)));
        assert_eq!(read(&mut reader, Sees::Everything, "SELECT count(*) FROM session"), 0);
        assert_eq!(role(&mut reader), Some(Sees::Facility(A)), "a session is found in any role");
        // And what is locked is asked for in its asker's, whatever was asked between.
        assert_eq!(read(&mut reader, Sees::Everything, resources), 5);
        assert_eq!(read(&mut reader, Sees::Facility(B), "SELECT count(*) FROM access_grant"), 1);
        assert_eq!(read(&mut reader, Sees::Facility(B), resources), 4);
        assert_eq!(role(&mut reader), Some(Sees::Facility(B)));
    }

    #[test]
    fn policies_are_made_once_and_again_where_they_are_gone() {
        let Some((store, place, _server)) = filled() else { return };
        let mut engine = place.writer().unwrap();
        let names = |engine: &mut Engine| {
            let sql = "SELECT CAST(policyname AS TEXT) || ' ' || CAST(tablename AS TEXT) FROM pg_policies ORDER BY 1";
            sql::list(engine, sql, &[], |r| Ok(r.text(0)?.to_owned())).unwrap()
        };
        let before = names(&mut engine);
        assert!(lock(&mut engine).unwrap() && names(&mut engine) == before);
        engine.run("ALTER TABLE resource DISABLE ROW LEVEL SECURITY", &[]).unwrap();
        engine.run(&format!("DROP POLICY {} ON audit", before[0].split(' ').next().unwrap()), &[]).unwrap();
        assert!(lock(&mut engine).unwrap() && names(&mut engine) == before);
        drop(store);
    }

    #[test]
    fn an_account_that_is_no_superuser_puts_on_the_roles_it_made() {
        assert_eq!([150_019, 160_000, 170_002].map(put_on_by), ["MEMBER", "SET", "SET"]);
        // A server of its own: the roles are the server's, and others made them on the shared one.
        let Some(server) = mach_test_engines::Server::start(false) else { return };
        let url = server.database();
        let name = url.split_once("@/").and_then(|(_, rest)| rest.split_once('?')).unwrap().0;
        server.sql(&format!("CREATE ROLE plain LOGIN CREATEROLE; ALTER DATABASE {name} OWNER TO plain"));
        let store = Store::connect(&url.replace("mach@", "plain@")).unwrap();
        let Place::Server(target) = &store.inner.place else { unreachable!("it is a server's") };
        assert!(target.is_locked());
        let sql = "SELECT count(*) FROM resource /* every shard: whole store */";
        assert_eq!(sql::int(&mut store.read(&of(Some(A))).unwrap(), sql, &[]).unwrap(), 0);
    }
}
