//! How PostgreSQL finds rows of the search index: by less than all they say.
//!
//! SQLite keeps such a table as its key's tree, and every column of the key is the row itself. PostgreSQL keeps the row and beside it
//! an index entry with all of the key once more. Rows of the search index are written by their version and taken away with it, each
//! once (`search::rows`), so that nothing needs their whole key to be unique: an index by what a search names is enough, half as
//! large, and entries that are alike share one.

use crate::sql;
use crate::{Error, Result};

/// A table without a primary key here.
struct Narrow {
    table: &'static str,
    /// What tells its rows apart, in the order of the other engine's key.
    key: &'static [&'static str],
    /// What finds its rows: in place of the key, and of an index that need not tell versions.
    by: &'static [&'static str],
    /// Indexes that these replace.
    instead: &'static [&'static str],
}

const NARROW: &[Narrow] = &[
    Narrow {
        table: "index_token",
        key: &["param", "type", "hash", "rid", "system", "facility"],
        by: &["CREATE INDEX index_token_narrow ON index_token(param, type, hash, rid)"],
        instead: &[],
    },
    Narrow {
        table: "index_pair",
        key: &["param", "type", "hash", "rid", "n", "facility"],
        by: &["CREATE INDEX index_pair_narrow ON index_pair(param, type, hash, rid)"],
        instead: &[],
    },
    Narrow {
        table: "index_dated",
        key: &["param", "type", "hash", "low", "rid", "system", "facility"],
        by: &["CREATE INDEX index_dated_narrow ON index_dated(param, type, hash, low, rid)"],
        instead: &[],
    },
    // By version: new ones stand at the end, and pages are left full.
    Narrow {
        table: "index_text",
        key: &["rid", "param", "type", "facility", "exact", "folded"],
        by: &[
            "CREATE INDEX index_text_narrow ON index_text(rid, param, type) WITH (fillfactor = 100)",
            "CREATE INDEX index_text_said ON index_text(param, type, folded)",
        ],
        instead: &["index_text_value"],
    },
    Narrow {
        table: "index_date",
        key: &["rid", "param", "type", "facility", "low", "high"],
        by: &["CREATE INDEX index_date_narrow ON index_date(rid, param, type) WITH (fillfactor = 100)"],
        instead: &[],
    },
    Narrow {
        table: "index_quantity",
        key: &["rid", "param", "type", "facility", "low", "high", "system", "unit"],
        by: &[
            "CREATE INDEX index_quantity_narrow ON index_quantity(rid, param, type) WITH (fillfactor = 100)",
            "CREATE INDEX index_quantity_said ON index_quantity(param, type, low)",
        ],
        instead: &["index_quantity_value"],
    },
    Narrow {
        table: "index_reference",
        key: &["rid", "param", "type", "facility", "target", "key"],
        by: &["CREATE INDEX index_reference_narrow ON index_reference(rid, param, type) WITH (fillfactor = 100)"],
        instead: &[],
    },
];

/// What tells the rows of `table` apart, where it has no primary key.
pub(crate) fn key_of(table: &str) -> Option<&'static [&'static str]> {
    NARROW.iter().find(|narrow| narrow.table == table).map(|narrow| narrow.key)
}

/// Gives the search index of a store its narrow indexes, where it has primary keys yet: a new store, or an older program's.
pub(crate) fn narrow(on: &mut super::Pg) -> Result<()> {
    if wide(on)?.is_empty() {
        return Ok(());
    }
    on.begin()?;
    // Another process may have done it while this one waited for its turn.
    let made = wide(on).and_then(|wide| wide.iter().try_for_each(|narrow| narrow.make(on)));
    match made {
        Ok(()) => on.commit(),
        Err(e) => {
            on.rollback()?;
            Err(e)
        }
    }
}

/// The tables that have a primary key yet.
fn wide(on: &mut super::Pg) -> Result<Vec<&'static Narrow>> {
    let sql = "SELECT count(*) FROM pg_index WHERE indrelid = to_regclass(?1) AND indisprimary";
    let mut wide = Vec::new();
    for narrow in NARROW {
        if sql::int(on, sql, &[narrow.table.into()])? > 0 {
            wide.push(narrow);
        }
    }
    Ok(wide)
}

impl Narrow {
    fn make(&self, on: &mut super::Pg) -> Result<()> {
        let Self { table, by, instead, .. } = self;
        let key = primary_key(on, table)?;
        on.batch(&format!("ALTER TABLE {table} DROP CONSTRAINT {key}"))?;
        instead.iter().try_for_each(|index| on.batch(&format!("DROP INDEX {index}")))?;
        by.iter().try_for_each(|index| on.batch(index))
    }
}

/// The name of a table's primary key: a table that was renamed keeps its first one.
fn primary_key(on: &mut super::Pg, table: &str) -> Result<String> {
    let sql = "SELECT CAST(conname AS TEXT) FROM pg_constraint WHERE conrelid = to_regclass(?1) AND contype = 'p'";
    sql::first(on, sql, &[table.into()], |r| Ok(r.text(0)?.to_owned()))?.ok_or(Error::Missing("a primary key"))
}
