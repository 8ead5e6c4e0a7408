//! Does a statement name the keys of the tables it asks?

use super::{SCATTERED, Spread, TABLES};
use std::cell::RefCell;
use std::collections::HashSet;

/// Statements remembered as good, by hash: searches are many, and most come again.
const REMEMBERED: usize = 20_000;

/// Fails loudly where a statement asks more shards than it says.
///
/// # Panics
/// Where a statement on a distributed table neither names its key nor is marked as one of [`SCATTERED`].
#[cfg_attr(not(debug_assertions), expect(dead_code, reason = "statements are looked at in debug builds"))]
pub(crate) fn guard(sql: &str) {
    thread_local! {
        static GOOD: RefCell<HashSet<u64>> = RefCell::default();
    }
    let hash = std::hash::BuildHasher::hash_one(&std::hash::BuildHasherDefault::<std::hash::DefaultHasher>::new(), sql);
    if GOOD.with_borrow(|good| good.contains(&hash)) {
        return;
    }
    if let Err(why) = check(sql) {
        panic!("{why}; name the key, or mark the statement with `every!` and list it in distribution.rs:\n{sql}");
    }
    GOOD.with_borrow_mut(|good| {
        if good.len() >= REMEMBERED {
            good.clear();
        }
        good.insert(hash);
    });
}

/// Words, numbers, arguments and signs of a statement; texts in quotes are one sign.
fn tokens(sql: &str) -> Vec<&str> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '?' | '$');
    let mut out = Vec::new();
    let mut rest = sql;
    while let Some(c) = rest.chars().next() {
        let length = if is_word(c) {
            rest.find(|c| !is_word(c)).unwrap_or(rest.len())
        } else if c == '\'' {
            rest[1..].find('\'').map_or(rest.len(), |end| end + 2)
        } else {
            c.len_utf8()
        };
        let (token, after) = rest.split_at(length);
        if !token.trim().is_empty() {
            out.push(token);
        }
        rest = after;
    }
    out
}

/// A table in a statement: under what name, and the key it must be asked by.
struct Part<'a> {
    alias: &'a str,
    table: &'static str,
    key: &'static str,
    /// An `INSERT` that gives the key.
    keyed: bool,
}

const NO_ALIAS: [&str; 18] = [
    "WHERE",
    "SET",
    "ON",
    "CROSS",
    "JOIN",
    "LEFT",
    "ORDER",
    "GROUP",
    "LIMIT",
    "VALUES",
    "SELECT",
    "UNION",
    "DEFAULT",
    "(",
    ")",
    ",",
    "INNER",
    "RETURNING",
];

fn parts<'a>(tokens: &[&'a str]) -> Vec<Part<'a>> {
    let mut parts = Vec::new();
    for (at, word) in tokens.iter().enumerate() {
        if !matches!(*word, "FROM" | "JOIN" | "INTO" | "UPDATE") {
            continue;
        }
        let Some(name) = tokens.get(at + 1) else { continue };
        let Some((table, Spread::By(key))) = TABLES.iter().find(|(table, _)| table == name) else { continue };
        let alias = tokens.get(at + 2).filter(|t| !NO_ALIAS.contains(t) && *word != "INTO").copied().unwrap_or("");
        let given = tokens.iter().skip(at + 2).take_while(|t| **t != ")").any(|t| t == key);
        parts.push(Part { alias, table, key, keyed: *word == "INTO" && given });
    }
    parts
}

/// Whether `token` is the key of `part`.
fn names(token: &str, part: &Part<'_>) -> bool {
    match token.split_once('.') {
        Some((alias, column)) => alias == part.alias && column == part.key,
        None => part.alias.is_empty() && token == part.key,
    }
}

/// Whether each distributed table of `sql` is asked by its key, or the statement is marked.
fn check(sql: &str) -> Result<(), String> {
    if let Some((_, name)) = sql.split_once("/* every shard: ") {
        let name = name.split(" */").next().unwrap_or_default();
        let listed = SCATTERED.iter().any(|(n, _)| *n == name);
        return if listed { Ok(()) } else { Err(format!("`{name}` is not listed")) };
    }
    let tokens = tokens(sql);
    let mut parts = parts(&tokens);
    let is_value = |token: &str| token.starts_with(['?', '$', '-']) || token.starts_with(|c: char| c.is_ascii_digit());
    // Keys that equal a value, then keys that equal a key known before, until no more are found.
    loop {
        let mut found = None;
        for (n, part) in parts.iter().enumerate().filter(|(_, p)| !p.keyed) {
            let known = |token: &str| {
                is_value(token)
                    || parts.iter().any(|other| other.keyed && !other.alias.is_empty() && names(token, other))
            };
            let keyed = tokens.windows(3).any(|w| match w[1] {
                "=" => (names(w[0], part) && known(w[2])) || (names(w[2], part) && known(w[0])),
                "IN" => names(w[0], part) && w[2] == "(",
                _ => false,
            });
            if keyed {
                found = Some(n);
                break;
            }
        }
        match found {
            Some(n) => parts[n].keyed = true,
            None => break,
        }
    }
    match parts.iter().find(|p| !p.keyed) {
        Some(part) => Err(format!("`{}` is asked without `{}`", part.table, part.key)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_names_its_key_or_is_listed() {
        let good = [
            "SELECT id FROM account WHERE name = ?1",
            "SELECT id FROM claim WHERE facility = ?1 AND link = ?2",
            "SELECT x.rid FROM index_token x CROSS JOIN resource r WHERE x.facility IN (4, 0) AND r.facility = x.facility",
            "INSERT INTO pack(id, facility, body) VALUES (?1, ?2, ?3)",
            "INSERT INTO claim_count(facility, state, n) VALUES (?1, ?2, ?3) ON CONFLICT(facility, state) DO UPDATE
                SET n = claim_count.n + excluded.n",
            "UPDATE resource SET until = ?2 WHERE rid = ?1 AND facility = ?3",
            "DELETE FROM fact WHERE measure = ?1 AND facility = ?4",
            "SELECT count(*) FROM resource /* every shard: any of a type */",
            "SELECT 1 FROM person p WHERE p.id = ?1 AND EXISTS (SELECT 1 FROM cell c WHERE c.measure = 4)",
        ];
        for sql in good {
            assert_eq!(check(sql), Ok(()), "{sql}");
        }
        let bad = [
            ("SELECT rid FROM resource WHERE rid = ?1", "resource"),
            ("SELECT facility FROM resource WHERE rid = ?1", "resource"),
            ("SELECT r.rid FROM resource r WHERE r.facility = r.rid", "resource"),
            ("SELECT x.rid FROM index_token x CROSS JOIN resource r WHERE r.facility = x.facility", "index_token"),
            (
                "SELECT x.rid FROM index_token x CROSS JOIN resource r WHERE x.facility = ?1 AND r.rid = x.rid",
                "resource",
            ),
            ("INSERT INTO pack(id, body) VALUES (?1, ?2)", "pack"),
            ("UPDATE resource SET until = ?2 WHERE rid = ?1", "resource"),
            ("DELETE FROM claim", "claim"),
            ("SELECT 'x.facility = 4' FROM claim x WHERE x.id = ?1", "claim"),
            ("SELECT 1 FROM person p WHERE p.id = ?1 AND EXISTS (SELECT 1 FROM cell c WHERE c.unit = 4)", "cell"),
            ("SELECT rid FROM resource /* every shard: because */", "not listed"),
        ];
        for (sql, why) in bad {
            assert!(check(sql).is_err_and(|e| e.contains(why)), "{sql}: {:?}", check(sql));
        }
    }
}
