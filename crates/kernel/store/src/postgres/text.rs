//! Statements as PostgreSQL reads them: our text is written for both engines, and only this differs.

use std::collections::HashMap;

/// Tables with one integer as their primary key, and that column.
pub(super) type Keys = HashMap<String, String>;

/// A statement in PostgreSQL's spelling, and what must be known of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Translated {
    pub(super) text: String,
    /// Arguments (from 0) that are asked whether they are `NULL`: the server cannot infer their type from that.
    pub(super) null_tested: Vec<usize>,
    /// The table whose highest key this statement may change.
    pub(super) moves_key: Option<String>,
}

/// Spells `sql` for PostgreSQL: `?1` becomes `$1`, and a row inserted without its integer key gets the next one (SQLite
/// does that by itself).
pub(super) fn translate(sql: &str, keys: &Keys) -> Translated {
    let text = numbered(sql);
    let null_tested = null_tested(&text);
    let (text, moves_key) = match Insert::of(&text, keys) {
        Some(insert) if !insert.has_key => {
            let next = format!("(SELECT coalesce(max({}), 0) + 1 FROM {})", insert.key, insert.table);
            (insert.with_key(&next), Some(insert.table.to_owned()))
        }
        Some(insert) => (text.clone(), Some(insert.table.to_owned())),
        None => {
            let from = text.trim_start().strip_prefix("DELETE FROM ").and_then(|t| t.split_whitespace().next());
            let table = from.filter(|t| keys.contains_key(*t)).map(str::to_owned);
            (text, table)
        }
    };
    Translated { text, null_tested, moves_key }
}

/// An `INSERT` of one row whose key the caller counts itself, as one argument more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Counted {
    pub(super) table: String,
    pub(super) highest: String,
    pub(super) text: String,
}

/// The insert with its key as argument number `args + 1`; `None` where `sql` is no insert of one row without its key.
pub(super) fn counted(sql: &str, keys: &Keys, args: usize) -> Option<Counted> {
    let text = numbered(sql);
    let insert = Insert::of(&text, keys).filter(|i| !i.has_key)?;
    Some(Counted {
        table: insert.table.to_owned(),
        highest: format!("SELECT coalesce(max({}), 0) FROM {}", insert.key, insert.table),
        text: insert.with_key(&format!("${}", args + 1)),
    })
}

/// An `INSERT` of one row whose values are its arguments in their order: many rows of it go as one statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rows {
    pub(super) table: String,
    columns: String,
    width: usize,
}

impl Rows {
    /// `None` where `sql` is another statement. `key` is a column more, whose value stands first.
    pub(super) fn of(sql: &str, key: Option<&str>) -> Option<Self> {
        let (table, rest) = sql.trim().strip_prefix("INSERT INTO ")?.split_once('(')?;
        let (columns, rest) = rest.split_once(')')?;
        let values = rest.trim().strip_prefix("VALUES (")?.strip_suffix(')')?;
        let width = columns.split(',').count();
        let in_order = values.split(',').enumerate().all(|(n, value)| value.trim() == format!("?{}", n + 1));
        if !in_order || values.split(',').count() != width {
            return None;
        }
        let (columns, width) = match key {
            Some(key) => (format!("{key}, {columns}"), width + 1),
            None => (columns.to_owned(), width),
        };
        Some(Self { table: table.trim().to_owned(), columns, width })
    }

    /// Which of a row's values is that of a column.
    pub(super) fn place_of(&self, column: &str) -> Option<usize> {
        self.columns.split(',').position(|name| name.trim() == column)
    }

    /// Arguments of one row.
    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// The statement that adds rows given column by column, each as an array of one of these types.
    pub(super) fn insert<'t>(&self, types: impl Iterator<Item = &'t str>) -> String {
        let marks: Vec<String> = types.enumerate().map(|(n, of)| format!("${}::{of}[]", n + 1)).collect();
        format!("INSERT INTO {}({}) SELECT * FROM unnest({})", self.table, self.columns, marks.join(", "))
    }
}

/// Whether a statement names a table: as a word of its own that is nobody's column.
pub(super) fn names(sql: &str, table: &str) -> bool {
    let is_of_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    sql.match_indices(table).any(|(at, _)| {
        let before = sql[..at].chars().next_back();
        let after = sql[at + table.len()..].chars().next();
        before.is_none_or(|c| !is_of_word(c) && c != '.') && after.is_none_or(|c| !is_of_word(c))
    })
}

/// `?1` as `$1`, outside quotes.
fn numbered(sql: &str) -> String {
    let mut quoted = false;
    sql.chars()
        .map(|c| {
            quoted ^= c == '\'';
            if c == '?' && !quoted { '$' } else { c }
        })
        .collect()
}

fn null_tested(text: &str) -> Vec<usize> {
    let words: Vec<&str> = text.split(|c: char| c.is_whitespace() || c == '(').filter(|w| !w.is_empty()).collect();
    let tested =
        words.windows(2).filter(|w| w[1] == "IS").filter_map(|w| w[0].strip_prefix('$')?.parse::<usize>().ok());
    tested.filter_map(|n| n.checked_sub(1)).collect()
}

struct Insert<'a> {
    table: &'a str,
    key: &'a str,
    has_key: bool,
    columns: &'a str,
    rest: &'a str,
}

impl<'a> Insert<'a> {
    fn of(text: &'a str, keys: &'a Keys) -> Option<Self> {
        let (table, rest) = text.trim_start().strip_prefix("INSERT INTO ")?.split_once('(')?;
        let table = table.trim();
        let (columns, rest) = rest.split_once(')')?;
        let key = keys.get(table)?;
        let has_key = columns.split(',').any(|c| c.trim() == key);
        Some(Self { table, key, has_key, columns, rest })
    }

    fn with_key(&self, value: &str) -> String {
        let Self { table, key, columns, rest, .. } = self;
        let rest = rest.replacen("VALUES (", &format!("VALUES ({value}, "), 1);
        format!("INSERT INTO {table}({key}, {columns}){rest}")
    }
}

/// A statement that creates a table or an index, with PostgreSQL's types. Texts sort by their bytes, as in SQLite.
pub(super) fn definition(sql: &str) -> String {
    let mut out = String::with_capacity(sql.len() + 64);
    let mut word = String::new();
    for c in sql.chars().chain(['\n']) {
        if c.is_ascii_alphanumeric() || c == '_' {
            word.push(c);
            continue;
        }
        out.push_str(match word.as_str() {
            "INTEGER" => "BIGINT",
            "TEXT" => "TEXT COLLATE \"C\"",
            "BLOB" => "BYTEA",
            other => other,
        });
        word.clear();
        out.push(c);
    }
    let out = out.replace("{clustered}", "").trim_end().to_owned();
    // `{key id}`: a counted key, with the column that tells the shard.
    let Some((head, (key, end))) = out.split_once("{key ").and_then(|(h, rest)| Some((h, rest.split_once('}')?)))
    else {
        return out;
    };
    let head = head.replacen(" BIGINT PRIMARY KEY", " BIGINT NOT NULL", 1);
    format!("{}, PRIMARY KEY({key}, facility){end}", head.trim_end())
}

/// How PostgreSQL is to keep some tables; each holds without it, only larger or slower.
pub(super) const STORAGE: &[&str] = &[
    // Bodies are compressed already. Those past 2 KB lie beside their row, in pieces that fill their pages.
    "ALTER TABLE pack ALTER COLUMN body SET STORAGE EXTERNAL",
    // Hashes and random numbers do not shrink.
    "ALTER TABLE log_batch ALTER COLUMN entries SET STORAGE EXTERNAL",
    "ALTER TABLE log_batch ALTER COLUMN salts SET STORAGE EXTERNAL",
    // Sums are written again and again: room on their pages keeps the index out of it.
    "ALTER TABLE cell SET (fillfactor = 85)",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> Keys {
        HashMap::from([("claim".to_owned(), "id".to_owned())])
    }

    #[test]
    fn statements_are_spelled_for_the_server() {
        let next = "(SELECT coalesce(max(id), 0) + 1 FROM claim)";
        // (ours, theirs, arguments asked whether they are NULL, table whose highest key moves)
        let cases = [
            (
                "SELECT a FROM t WHERE b = ?1 AND c = '?'",
                "SELECT a FROM t WHERE b = $1 AND c = '?'".to_owned(),
                vec![],
                None,
            ),
            (
                "SELECT 1 WHERE (?2 IS NULL OR f = ?2) AND ?11 IS NOT NULL",
                "SELECT 1 WHERE ($2 IS NULL OR f = $2) AND $11 IS NOT NULL".to_owned(),
                vec![1, 10],
                None,
            ),
            (
                "INSERT INTO claim(link) VALUES (?1) ON CONFLICT DO NOTHING",
                format!("INSERT INTO claim(id, link) VALUES ({next}, $1) ON CONFLICT DO NOTHING"),
                vec![],
                Some("claim"),
            ),
            (
                "INSERT INTO claim(id, link) VALUES (?1, ?2)",
                "INSERT INTO claim(id, link) VALUES ($1, $2)".to_owned(),
                vec![],
                Some("claim"),
            ),
            ("INSERT INTO fact(a) VALUES (?1)", "INSERT INTO fact(a) VALUES ($1)".to_owned(), vec![], None),
            ("DELETE FROM claim WHERE id = ?1", "DELETE FROM claim WHERE id = $1".to_owned(), vec![], Some("claim")),
            ("DELETE FROM fact", "DELETE FROM fact".to_owned(), vec![], None),
        ];
        for (sql, text, null_tested, moves) in cases {
            let moves_key = moves.map(str::to_owned);
            assert_eq!(translate(sql, &keys()), Translated { text, null_tested, moves_key }, "{sql}");
        }
        let own = counted("INSERT INTO claim(link, a)\n VALUES (?1, ?2)", &keys(), 2).unwrap();
        assert_eq!(own.text, "INSERT INTO claim(id, link, a)\n VALUES ($3, $1, $2)");
        assert_eq!(counted("INSERT INTO fact(a) VALUES (?1)", &keys(), 1), None);
        assert_eq!(counted("INSERT INTO claim(id) VALUES (?1)", &keys(), 1), None);
    }

    #[test]
    fn rows_of_one_statement_are_added_together() {
        let rows = Rows::of("INSERT INTO fact(a, b)\n VALUES (?1, ?2)", None).unwrap();
        assert_eq!((rows.width(), rows.table.as_str()), (2, "fact"));
        assert_eq!(
            rows.insert(["int8", "text"].into_iter()),
            "INSERT INTO fact(a, b) SELECT * FROM unnest($1::int8[], $2::text[])"
        );
        let keyed = Rows::of("INSERT INTO claim(link) VALUES (?1)", Some("id")).unwrap();
        assert_eq!(
            keyed.insert(["int8", "int8"].into_iter()),
            "INSERT INTO claim(id, link) SELECT * FROM unnest($1::int8[], $2::int8[])"
        );
        for other in [
            "INSERT INTO fact(a, b) VALUES (?2, ?1)",
            "INSERT INTO fact(a, b) VALUES (?1, 3)",
            "INSERT INTO fact(a) VALUES (?1) ON CONFLICT DO NOTHING",
            "INSERT INTO fact(a) SELECT ?1",
            "DELETE FROM fact",
        ] {
            assert_eq!(Rows::of(other, None), None, "{other}");
        }
    }

    #[test]
    fn a_table_is_named_by_its_word_alone() {
        for (sql, named) in [
            ("SELECT body FROM pack WHERE id = ?1", true),
            ("SELECT r.pack FROM resource r", false),
            ("SELECT p.body FROM resource r LEFT JOIN pack p ON p.id = r.pack", true),
            ("SELECT vpack, packs FROM resource", false),
            ("DELETE FROM pack", true),
        ] {
            assert_eq!(names(sql, "pack"), named, "{sql}");
        }
    }

    #[test]
    fn tables_are_defined_with_the_server_s_types() {
        assert_eq!(
            definition("CREATE TABLE a(id INTEGER PRIMARY KEY, b TEXT NOT NULL, c BLOB, INTEGERS TEXT) {clustered}"),
            "CREATE TABLE a(id BIGINT PRIMARY KEY, b TEXT COLLATE \"C\" NOT NULL, c BYTEA, INTEGERS TEXT COLLATE \"C\")"
        );
        assert_eq!(
            definition("CREATE TABLE a(id INTEGER PRIMARY KEY, facility INT NOT NULL {key id})"),
            "CREATE TABLE a(id BIGINT NOT NULL, facility INT NOT NULL, PRIMARY KEY(id, facility))"
        );
    }
}
