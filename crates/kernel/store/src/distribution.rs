//! By which column each table is sharded, and which statements ask every shard, each with its reason.
//!
//! On one machine this is a rule of writing. It is kept so that Citus can spread the tables later without a statement being
//! written again: a statement on a distributed table names its key, or is listed here and says so at its end. Every
//! statement that runs in a debug build is looked at where it enters the engine, so that every test of every crate tests this.

#[cfg(any(test, debug_assertions))]
mod check;

#[cfg(debug_assertions)]
pub(crate) use check::guard;

/// How a table lies on several machines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spread {
    /// Sharded by this column, which stands in its primary key and in every unique index.
    By(&'static str),
    /// Whole on every machine: small, or looked into by rows of every shard.
    Everywhere,
}

/// Every table of the schema. Tables by `facility` lie together: rows of one facility are on one machine.
pub const TABLES: &[(&str, Spread)] = &[
    ("resource", Spread::By("facility")),
    ("pack", Spread::By("facility")),
    ("index_token", Spread::By("facility")),
    ("index_text", Spread::By("facility")),
    ("index_date", Spread::By("facility")),
    ("index_dated", Spread::By("facility")),
    ("index_quantity", Spread::By("facility")),
    ("index_reference", Spread::By("facility")),
    ("index_pair", Spread::By("facility")),
    ("index_stale", Spread::By("facility")),
    ("claim", Spread::By("facility")),
    ("claim_version", Spread::By("facility")),
    ("claim_facts", Spread::By("facility")),
    ("claim_count", Spread::By("facility")),
    ("check_in", Spread::By("facility")),
    ("freshness", Spread::By("facility")),
    ("fact", Spread::By("facility")),
    ("audit", Spread::By("facility")),
    ("idempotency", Spread::By("facility")),
    ("person", Spread::By("id")),
    // Numbers are unique in the country: the shard must follow from the number.
    ("person_number", Spread::By("key")),
    ("person_set", Spread::By("token")),
    // An indicator's sums are read together.
    ("cell", Spread::By("measure")),
    // Every facility's search looks into it.
    ("person_facility", Spread::Everywhere),
    // Two people stand in one row.
    ("person_review", Spread::Everywhere),
    ("person_merge", Spread::Everywhere),
    ("person_merge_moved", Spread::Everywhere),
    // One order of all changes.
    ("commit_log", Spread::Everywhere),
    // Small; claims of any facility name the file they came in.
    ("received_file", Spread::Everywhere),
    ("facility", Spread::Everywhere),
    ("department", Spread::Everywhere),
    ("account", Spread::Everywhere),
    ("session", Spread::Everywhere),
    ("second_factor", Spread::Everywhere),
    ("paper_code", Spread::Everywhere),
    ("passkey", Spread::Everywhere),
    ("sign_on", Spread::Everywhere),
    ("sign_on_once", Spread::Everywhere),
    ("sign_on_ended", Spread::Everywhere),
    ("recovery", Spread::Everywhere),
    // Few, and looked into by rows of every shard.
    ("access_grant", Spread::Everywhere),
    ("access_refusal", Spread::Everywhere),
    ("person_mark", Spread::Everywhere),
    ("access_request", Spread::Everywhere),
    ("access_request_person", Spread::Everywhere),
    ("access_copy", Spread::Everywhere),
    ("access_paper", Spread::Everywhere),
    ("access_guardian", Spread::Everywhere),
    ("citizen_code", Spread::Everywhere),
    ("api_key", Spread::Everywhere),
    ("system_token", Spread::Everywhere),
    // Small; every request by a token looks into them.
    ("smart_app", Spread::Everywhere),
    ("smart_grant", Spread::Everywhere),
    ("smart_code", Spread::Everywhere),
    ("smart_token", Spread::Everywhere),
    ("smart_launch", Spread::Everywhere),
    ("smart_once", Spread::Everywhere),
    ("smart_key", Spread::Everywhere),
    // A few rows of each account.
    ("notice", Spread::Everywhere),
    ("look", Spread::Everywhere),
    // One order of all facts.
    ("log_batch", Spread::Everywhere),
    ("log_node", Spread::Everywhere),
    ("log_checkpoint", Spread::Everywhere),
    ("log_again", Spread::Everywhere),
    ("log_event", Spread::Everywhere),
    ("meta", Spread::Everywhere),
    ("bulk_done", Spread::By("facility")),
    // Jobs are few; a job's files are found by its number.
    ("bulk_job", Spread::Everywhere),
    ("bulk_file", Spread::Everywhere),
    // Few; one loop reads them as a whole.
    ("subscription", Spread::Everywhere),
    ("subscription_event", Spread::Everywhere),
    ("subscription_header", Spread::Everywhere),
    ("subscription_prefix", Spread::Everywhere),
    // Few, and looked into by the searches of every facility.
    ("search_param", Spread::Everywhere),
    ("search_param_done", Spread::Everywhere),
    ("search_param_row", Spread::By("facility")),
    ("view_stored", Spread::Everywhere),
    ("view_row", Spread::By("facility")),
    ("certificate", Spread::By("facility")),
    ("signing_policy", Spread::By("facility")),
    ("signer", Spread::By("facility")),
    ("delegation", Spread::By("facility")),
    ("flight", Spread::By("facility")),
    ("signed_paper", Spread::By("facility")),
    ("dose", Spread::By("facility")),
    ("vaccine_doubt", Spread::By("facility")),
    ("vaccine_pass", Spread::By("facility")),
    ("vaccine_file", Spread::By("facility")),
    ("vaccine_fault", Spread::By("facility")),
    ("prescription", Spread::By("facility")),
    ("prescription_line", Spread::By("facility")),
    ("sale", Spread::By("facility")),
    ("sale_line", Spread::By("facility")),
    // Few; one loop moves them on.
    ("vaccine_batch", Spread::Everywhere),
];

/// The statements that ask every shard: (name, reason).
pub const SCATTERED: &[(&str, &str)] = &[
    ("province", "whoever may see the whole province asks without naming a facility"),
    ("person record", "a person's record spans the facilities that saw them"),
    ("person merge", "what belongs to a merged person lies in the facilities that saw them"),
    ("person search", "people are found by birth and by numbers' beginnings wherever they are"),
    ("person count", "the number of the next person follows the highest"),
    ("person looks", "who looked at a record may come from any facility"),
    ("any of a type", "asks only whether there is one; a search of all types leaves out the empty ones"),
    ("walk", "asks only how far the next rows reach, whoever has them"),
    ("not indexed", "resources of imports that wait for their index, whoever sent them"),
    ("log", "versions are read in the order of their writing, whoever wrote them"),
    ("stored views", "a stored view makes rows of the resources of every facility"),
    ("sums", "an indicator of the province is read from facts of all its facilities"),
    ("whole store", "copy, check and digest read everything"),
];

/// The mark at the end of a statement that asks every shard.
macro_rules! every {
    ($name:literal) => {
        concat!(" /* every shard: ", $name, " */")
    };
}
pub(crate) use every;

/// The mark where `scope` is the whole province, nothing where it is one facility.
pub(crate) fn unless_one(scope: mach_access::Scope) -> &'static str {
    if scope.bound().is_some() { "" } else { every!("province") }
}

/// What a statement adds to its condition so that only rows are found that `scope` sees.
pub(crate) fn within(scope: mach_access::Scope) -> String {
    scope.facility().map_or("1 = 1".to_owned(), |f| format!("facility = {f}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::{self, Query};

    #[test]
    fn the_document_gives_the_statements_that_spread_the_tables() {
        let document = include_str!("../../../../docs/postgresql.md");
        for (table, spread) in TABLES {
            let statement = match spread {
                Spread::By(key) if *key == "facility" && *table != "resource" => {
                    format!("SELECT create_distributed_table('{table}', 'facility', colocate_with => 'resource');")
                }
                Spread::By(key) => format!("SELECT create_distributed_table('{table}', '{key}');"),
                Spread::Everywhere => format!("SELECT create_reference_table('{table}');"),
            };
            assert!(document.contains(&statement), "docs/postgresql.md: {statement}");
        }
        for (name, reason) in SCATTERED {
            assert!(document.contains(&format!("| {name} | {reason} |")), "docs/postgresql.md: {name} | {reason}");
        }
    }

    #[test]
    fn every_table_has_its_key_in_every_unique_index() {
        let folder = tempfile::tempdir().unwrap();
        let store = crate::Store::open(folder.path()).unwrap();
        let mut engine = store.inner.place.reader().unwrap();
        let made: Vec<String> = engine.tables().unwrap().into_iter().map(|t| t.name).collect();
        let mut listed: Vec<&str> = TABLES.iter().map(|(table, _)| *table).collect();
        listed.sort_unstable();
        assert_eq!(made, listed, "every table is spread in a known way");
        for (table, spread) in TABLES {
            let Spread::By(key) = spread else { continue };
            let sql = "SELECT l.name, group_concat(i.name) FROM pragma_index_list(?1) l, pragma_index_info(l.name) i
                WHERE l.\"unique\" = 1 GROUP BY l.name";
            engine
                .each(sql, &[(*table).into()], &mut |r| {
                    let columns: Vec<&str> = r.text(1)?.split(',').collect();
                    assert!(columns.contains(key), "{table}: {} is unique over {columns:?}", r.text(0)?);
                    Ok(())
                })
                .unwrap();
            let column = "SELECT count(*) FROM pragma_table_info(?1) WHERE name = ?2 AND \"notnull\" + pk > 0";
            assert_eq!(sql::int(&mut engine, column, &[(*table).into(), (*key).into()]).unwrap(), 1, "{table}.{key}");
        }
    }

    #[test]
    fn every_primary_key_of_postgresql_has_it_too() {
        let Some(server) = mach_test_engines::Server::shared() else { return };
        let store = crate::Store::connect(&server.database()).unwrap();
        let mut engine = store.inner.place.reader().unwrap();
        let sql = "SELECT CAST(i.indrelid::regclass AS TEXT), CAST(i.indexrelid::regclass AS TEXT),
            bool_or(a.attname = ?2)::int::bigint FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid
            AND a.attnum = ANY(i.indkey::int2[]) WHERE i.indisunique AND i.indrelid = to_regclass(?1) GROUP BY 1, 2";
        for (table, spread) in TABLES {
            let Spread::By(key) = spread else { continue };
            let mut indexes = 0;
            engine
                .each(sql, &[(*table).into(), (*key).into()], &mut |r| {
                    assert_eq!(r.int(2)?, 1, "{}", r.text(1)?);
                    indexes += 1;
                    Ok(())
                })
                .unwrap();
            assert!(indexes > 0 || crate::postgres::key_of(table).is_some(), "{table} has a primary key");
        }
    }
}
