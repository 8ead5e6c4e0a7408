//! The columns of text that are sealed, each as it is: what a conversion and a turn of keys go over.

use crate::Result;
use crate::distribution::every;
use crate::sql::{self, Arg, Execute, Row};
use mach_seal::Purpose;

/// A column that is sealed.
pub(crate) struct Cells {
    pub(crate) table: &'static str,
    pub(crate) column: &'static str,
    pub(crate) purpose: Purpose,
    /// What its rows are named by, before their keys.
    name: &'static str,
    /// Its key's columns, and which of them are texts.
    keys: &'static [(&'static str, bool)],
    /// The number by which a large table is gone over in steps.
    by: Option<&'static str>,
}

const fn cells(
    (table, column): (&'static str, &'static str),
    purpose: Purpose,
    name: &'static str,
    keys: &'static [(&'static str, bool)],
) -> Cells {
    Cells { table, column, purpose, name, keys, by: None }
}

/// All of them, but people's numbers and certificates', which are found too.
pub(crate) const CELLS: [Cells; 9] = [
    Cells {
        by: Some("id"),
        ..cells(("claim", "main_dx"), Purpose::Body, "claim", &[("facility", false), ("link", true)])
    },
    cells(("check_in", "body"), Purpose::Body, "check_in", &[("facility", false), ("link", true)]),
    cells(
        ("subscription_header", "headers"),
        Purpose::Secret,
        "subscription_header",
        &[("facility", false), ("fhir", true)],
    ),
    cells(
        ("idempotency", "answer"),
        Purpose::Body,
        "idempotency",
        &[("facility", false), ("account", false), ("key", true)],
    ),
    cells(("signer", "subscriber"), Purpose::Identity, "signer", &[("facility", false), ("id", false)]),
    cells(("bulk_job", "request"), Purpose::Body, "bulk_job", &[("token", true)]),
    cells(("access_grant", "reason"), Purpose::Body, "access_grant reason", &[("id", false)]),
    cells(("access_grant", "remark"), Purpose::Body, "access_grant remark", &[("id", false)]),
    cells(("view_row", "body"), Purpose::Body, "view_row", &[("vid", false), ("rid", false), ("facility", false)]),
];

enum Key {
    Int(i64),
    Text(String),
}

/// A cell that was found.
pub(crate) struct Cell {
    keys: Vec<Key>,
    pub(crate) text: String,
    /// What its row is named.
    pub(crate) row: String,
}

impl Cells {
    /// The cells that hold something after `after`, and where to go on; `None` where these were the last.
    pub(crate) fn after(&self, on: &mut dyn Execute, after: i64, at_once: usize) -> Result<(Vec<Cell>, Option<i64>)> {
        let keys: Vec<&str> = self.keys.iter().map(|(key, _)| *key).collect();
        let step = match self.by {
            Some(by) => format!(" AND {by} > ?1 ORDER BY {by} LIMIT {at_once}"),
            None => String::new(),
        };
        let sql = format!(
            "SELECT {}, {}, {} FROM {} WHERE {} <> ''{step}{}",
            self.by.unwrap_or("0"),
            self.column,
            keys.join(", "),
            self.table,
            self.column,
            every!("whole store")
        );
        let args = [Arg::Int(after)];
        let args = if self.by.is_some() { &args[..] } else { &[] };
        let mut last = after;
        let found = sql::list(on, &sql, args, |r| {
            last = r.int(0)?;
            self.read(r)
        })?;
        let more = self.by.is_some() && found.len() == at_once;
        Ok((found, more.then_some(last)))
    }

    fn read(&self, r: &dyn Row) -> Result<Cell> {
        let mut row = self.name.to_owned();
        let mut keys = Vec::with_capacity(self.keys.len());
        for (n, (_, text)) in self.keys.iter().enumerate() {
            let (key, shown) = match text {
                true => (Key::Text(r.text(n + 2)?.to_owned()), r.text(n + 2)?.to_owned()),
                false => (Key::Int(r.int(n + 2)?), r.int(n + 2)?.to_string()),
            };
            row.push(' ');
            row.push_str(&shown);
            keys.push(key);
        }
        Ok(Cell { keys, text: r.text(1)?.to_owned(), row })
    }

    /// Puts a sealed text in the place of a cell's.
    pub(crate) fn put(&self, tx: &mut dyn Execute, cell: &Cell, sealed: &str) -> Result<()> {
        let keys = self.keys.iter().enumerate().map(|(n, (key, _))| format!("{key} = ?{}", n + 2));
        let keys: Vec<String> = keys.collect();
        let sql = format!("UPDATE {} SET {} = ?1 WHERE {}", self.table, self.column, keys.join(" AND "));
        let of = cell.keys.iter().map(|key| match key {
            Key::Int(n) => Arg::Int(*n),
            Key::Text(text) => Arg::from(text),
        });
        let args: Vec<Arg<'_>> = std::iter::once(Arg::from(sealed)).chain(of).collect();
        tx.push(&sql, &args)
    }
}
