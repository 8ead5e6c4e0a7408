//! The columns of text that are sealed, each as it is: what a conversion and a turn of keys go over.

use crate::Result;
use crate::distribution::every;
use crate::sql::{self, Arg, Execute, Query, Row};
use mach_seal::Purpose;

/// A column that is sealed.
pub(crate) struct Cells {
    pub(crate) table: &'static str,
    pub(crate) column: &'static str,
    pub(crate) purpose: Purpose,
    /// What its rows are named by, before their keys.
    name: &'static str,
    /// Its key's columns, and which of them are texts; in the order of an index, by which it is gone over in steps.
    keys: &'static [(&'static str, bool)],
}

const fn cells(
    (table, column): (&'static str, &'static str),
    purpose: Purpose,
    name: &'static str,
    keys: &'static [(&'static str, bool)],
) -> Cells {
    Cells { table, column, purpose, name, keys }
}

/// All of them, but people's numbers and certificates', which are found too.
pub(crate) const CELLS: [Cells; 22] = [
    cells(("claim", "main_dx"), Purpose::Body, "claim", &[("facility", false), ("link", true)]),
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
    ASKED,
    cells(("access_grant", "reason"), Purpose::Body, "access_grant reason", &[("id", false)]),
    cells(("access_grant", "remark"), Purpose::Body, "access_grant remark", &[("id", false)]),
    cells(("access_request", "body"), Purpose::Body, "access_request", &[("id", false)]),
    cells(("access_request", "remark"), Purpose::Body, "access_request remark", &[("id", false)]),
    cells(("sign_on_ended", "why"), Purpose::Body, "sign_on_ended", &[("id", false)]),
    cells(("access_guardian", "ground"), Purpose::Body, "access_guardian ground", &[("id", false)]),
    cells(("access_guardian", "number"), Purpose::Identity, "access_guardian number", &[("id", false)]),
    cells(("access_guardian", "issuer"), Purpose::Identity, "access_guardian issuer", &[("id", false)]),
    cells(("access_guardian", "file"), Purpose::Body, "access_guardian", &[("id", false)]),
    cells(("sign_on", "called"), Purpose::Identity, "sign_on", &[("id", false)]),
    cells(("access_copy", "file"), Purpose::Body, "access_copy", &[("id", false)]),
    cells(("access_paper", "name"), Purpose::Body, "access_paper name", &[("id", false)]),
    cells(("access_paper", "file"), Purpose::Body, "access_paper", &[("id", false)]),
    cells(("person_mark", "reason"), Purpose::Body, "person_mark", &[("id", false)]),
    cells(("view_row", "body"), Purpose::Body, "view_row", &[("vid", false), ("rid", false), ("facility", false)]),
];

/// What a bulk job was asked for, which an earlier program left in clear.
pub(crate) const ASKED: Cells = cells(("bulk_job", "asked"), Purpose::Body, "bulk_job asked", &[("token", true)]);

/// A value of a key.
#[derive(Clone, Debug)]
pub(crate) enum Key {
    Int(i64),
    Text(String),
}

impl Key {
    fn arg(&self) -> Arg<'_> {
        match self {
            Self::Int(n) => Arg::Int(*n),
            Self::Text(text) => Arg::from(text),
        }
    }
}

/// A cell that was found.
pub(crate) struct Cell {
    /// Its key: where the next step goes on.
    pub(crate) keys: Vec<Key>,
    pub(crate) text: String,
    /// What its row is named.
    pub(crate) row: String,
}

impl Cells {
    /// The cells that hold something past the key `after`, in order, at most `at_once`; the first ones without it.
    pub(crate) fn after(&self, on: &mut dyn Query, after: Option<&[Key]>, at_once: usize) -> Result<Vec<Cell>> {
        let keys = self.keys.iter().map(|(key, _)| *key).collect::<Vec<_>>().join(", ");
        let marks = (1..=self.keys.len()).map(|n| format!("?{n}")).collect::<Vec<_>>().join(", ");
        let past = after.map_or(String::new(), |_| format!(" AND ({keys}) > ({marks})"));
        let sql = format!(
            "SELECT {}, {keys} FROM {} WHERE {} <> ''{past} ORDER BY {keys} LIMIT {at_once}{}",
            self.column,
            self.table,
            self.column,
            every!("whole store")
        );
        let args: Vec<Arg<'_>> = after.unwrap_or_default().iter().map(Key::arg).collect();
        sql::list(on, &sql, &args, |r| self.read(r))
    }

    fn read(&self, r: &dyn Row) -> Result<Cell> {
        let mut row = self.name.to_owned();
        let mut keys = Vec::with_capacity(self.keys.len());
        for (n, (_, text)) in self.keys.iter().enumerate() {
            let (key, shown) = match text {
                true => (Key::Text(r.text(n + 1)?.to_owned()), r.text(n + 1)?.to_owned()),
                false => (Key::Int(r.int(n + 1)?), r.int(n + 1)?.to_string()),
            };
            row.push(' ');
            row.push_str(&shown);
            keys.push(key);
        }
        Ok(Cell { keys, text: r.text(0)?.to_owned(), row })
    }

    /// Puts a sealed text in the place of a cell's.
    pub(crate) fn put(&self, tx: &mut dyn Execute, cell: &Cell, sealed: &str) -> Result<()> {
        let keys = self.keys.iter().enumerate().map(|(n, (key, _))| format!("{key} = ?{}", n + 2));
        let keys: Vec<String> = keys.collect();
        let sql = format!("UPDATE {} SET {} = ?1 WHERE {}", self.table, self.column, keys.join(" AND "));
        let args: Vec<Arg<'_>> = std::iter::once(Arg::from(sealed)).chain(cell.keys.iter().map(Key::arg)).collect();
        tx.push(&sql, &args)
    }
}
