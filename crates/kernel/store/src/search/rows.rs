//! Rows of the index: what values become, written together in the order of their keys.
//!
//! A bundle's hundred resources have a thousand rows. In the order of their keys they touch each page once, and an engine at
//! the other end of a wire takes them as one block a table.

use super::value::{SECOND, SHOWN, SecondColumns, Value, code_hash, folded, id_key, system_hash, token_hash};
use crate::sql::{Arg, Execute, Into, Width};
use crate::{Error, Result};
use mach_fhir::ResourceType;
use mach_fhir::index::Param;

pub(crate) const TOKEN: Into = Into {
    table: "index_token",
    columns: &[
        ("param", Width::Small),
        ("type", Width::Small),
        ("hash", Width::Whole),
        ("rid", Width::Whole),
        ("system", Width::Middle),
        ("facility", Width::Middle),
    ],
    insert: "INSERT INTO index_token(param, type, hash, rid, system, facility) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
};
const DATE: Into = Into {
    table: "index_date",
    columns: &[
        ("param", Width::Small),
        ("type", Width::Small),
        ("rid", Width::Whole),
        ("low", Width::Whole),
        ("high", Width::Whole),
        ("facility", Width::Middle),
    ],
    insert: "INSERT INTO index_date(param, type, rid, low, high, facility) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
};
const DATED: Into = Into {
    table: "index_dated",
    columns: &[
        ("param", Width::Small),
        ("type", Width::Small),
        ("hash", Width::Whole),
        ("low", Width::Whole),
        ("rid", Width::Whole),
        ("system", Width::Middle),
        ("facility", Width::Middle),
    ],
    insert: "INSERT INTO index_dated(param, type, hash, low, rid, system, facility) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
};
const QUANTITY: Into = Into {
    table: "index_quantity",
    columns: &[
        ("param", Width::Small),
        ("type", Width::Small),
        ("rid", Width::Whole),
        ("low", Width::Whole),
        ("high", Width::Whole),
        ("system", Width::Middle),
        ("unit", Width::Middle),
        ("facility", Width::Middle),
    ],
    insert: "INSERT INTO index_quantity(param, type, rid, low, high, system, unit, facility)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
};
const REFERENCE: Into = Into {
    table: "index_reference",
    columns: &[
        ("param", Width::Small),
        ("type", Width::Small),
        ("rid", Width::Whole),
        ("target", Width::Small),
        ("key", Width::Whole),
        ("facility", Width::Middle),
    ],
    insert: "INSERT INTO index_reference(param, type, rid, target, key, facility) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
};
const TEXT: Into = Into {
    table: "index_text",
    columns: &[
        ("param", Width::Small),
        ("type", Width::Small),
        ("rid", Width::Whole),
        ("exact", Width::Whole),
        ("facility", Width::Middle),
        ("folded", Width::Text),
    ],
    insert: "INSERT INTO index_text(param, type, rid, exact, facility, folded) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
};
const PAIR: Into = Into {
    table: "index_pair",
    columns: &[
        ("param", Width::Small),
        ("type", Width::Small),
        ("hash", Width::Whole),
        ("rid", Width::Whole),
        ("n", Width::Whole),
        ("facility", Width::Middle),
        ("system", Width::Middle),
        ("low", Width::Whole),
        ("high", Width::Whole),
        ("second", Width::Middle),
        ("unit", Width::Middle),
        ("folded", Width::Text),
    ],
    insert: "INSERT INTO index_pair(param, type, hash, rid, n, facility, system, low, high, second, unit, folded)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
};

/// Rows gathered for one write.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rows {
    tokens: Vec<[i64; 6]>,
    dates: Vec<[i64; 6]>,
    quantities: Vec<[i64; 8]>,
    references: Vec<[i64; 6]>,
    texts: Vec<([i64; 5], String)>,
    pairs: Vec<([i64; 11], String)>,
}

impl Rows {
    /// Adds rows that were made before their version had its number.
    pub(crate) fn take(&mut self, mut made: Self, (facility, rid): (i64, i64)) {
        made.tokens.iter_mut().for_each(|row| (row[3], row[5]) = (rid, facility));
        made.dates.iter_mut().for_each(|row| (row[2], row[5]) = (rid, facility));
        made.quantities.iter_mut().for_each(|row| (row[2], row[7]) = (rid, facility));
        made.references.iter_mut().for_each(|row| (row[2], row[5]) = (rid, facility));
        made.texts.iter_mut().for_each(|(row, _)| (row[2], row[4]) = (rid, facility));
        made.pairs.iter_mut().for_each(|(row, _)| (row[3], row[5]) = (rid, facility));
        self.tokens.append(&mut made.tokens);
        self.dates.append(&mut made.dates);
        self.quantities.append(&mut made.quantities);
        self.references.append(&mut made.references);
        self.texts.append(&mut made.texts);
        self.pairs.append(&mut made.pairs);
    }

    /// Adds the rows of one value of a resource version, by its facility and number.
    pub(crate) fn push(&mut self, kind: ResourceType, (facility, rid): (i64, i64), value: &Value) {
        let of = i64::from(kind.number());
        match value {
            Value::Token { param, system, code } => {
                self.tokens.push([param.0.into(), of, code_hash(code), rid, system_hash(system), facility]);
            }
            Value::Second { param, system, code } => {
                let param = i64::from(param.0) + SECOND;
                self.tokens.push([param, of, code_hash(code), rid, system_hash(system), facility]);
            }
            Value::Shown { param, text } => {
                self.texts.push(([i64::from(param.0) + SHOWN, of, rid, 0, facility], folded(text)));
            }
            Value::Text { param, text } => {
                self.texts.push(([param.0.into(), of, rid, token_hash(text), facility], folded(text)));
            }
            Value::Joined { param, text } => self.texts.push(([param.0.into(), of, rid, 0, facility], folded(text))),
            Value::Uri { param, uri } => self.texts.push(([param.0.into(), of, rid, 0, facility], uri.clone())),
            Value::Date { param, low, high } => self.dates.push([param.0.into(), of, rid, *low, *high, facility]),
            Value::Quantity { param, low, high, system, unit } => {
                let (system, unit) = (system_hash(system), system_hash(unit));
                self.quantities.push([param.0.into(), of, rid, *low, *high, system, unit, facility]);
            }
            Value::Reference { param, target, id } => {
                self.references.push([param.0.into(), of, rid, target.number().into(), id_key(id), facility]);
            }
            Value::Url { param, url } => self.references.push([param.0.into(), of, rid, 0, token_hash(url), facility]),
            Value::Pair { param, first, second } => self.pair(*param, of, (facility, rid), first, second),
            Value::Triple { param, first, .. } => self.pair(*param, of, (facility, rid), first, value),
        }
    }

    fn pair(&mut self, param: Param, of: i64, (facility, rid): (i64, i64), first: &(String, String), second: &Value) {
        let c = SecondColumns::of(second);
        // The number of a pair is what it says, so that the same pair is one row and its removal finds it.
        let mut said = String::new();
        super::codec::encode_one(&mut said, second);
        let n = code_hash(&format!("{}\u{1f}{said}", first.0));
        let (hash, system) = (code_hash(&first.1), system_hash(&first.0));
        let row = [param.0.into(), of, hash, rid, n, facility, system, c.low, c.high, c.second, c.unit];
        self.pairs.push((row, c.folded));
    }

    /// Adds the rows of a version's values as they are kept beside its body in `pack`.
    pub(crate) fn push_encoded(&mut self, kind: ResourceType, at: (i64, i64), encoded: &str, pack: i64) -> Result<()> {
        let values = super::codec::decode(encoded).ok_or(Error::Damaged(pack))?;
        values.iter().for_each(|value| self.push(kind, at, value));
        Ok(())
    }

    /// The same of pairs only.
    pub(crate) fn push_pairs(&mut self, kind: ResourceType, at: (i64, i64), encoded: &str, pack: i64) -> Result<()> {
        let values = super::codec::decode(encoded).ok_or(Error::Damaged(pack))?;
        let pairs = values.iter().filter(|v| matches!(v, Value::Pair { .. } | Value::Triple { .. }));
        pairs.for_each(|value| self.push(kind, at, value));
        Ok(())
    }

    /// Writes the rows. Their versions must have none yet.
    pub(crate) fn add(mut self, tx: &mut dyn Execute) -> Result<()> {
        self.order();
        tx.add(&TOKEN, &plain(&self.tokens))?;
        tx.add(&DATE, &plain(&self.dates))?;
        tx.add(&DATED, &plain(&self.dated()))?;
        tx.add(&QUANTITY, &plain(&self.quantities))?;
        tx.add(&REFERENCE, &plain(&self.references))?;
        tx.add(&TEXT, &with_text(&self.texts))?;
        tx.add(&PAIR, &with_text(&self.pairs))
    }

    /// Takes the rows away.
    pub(crate) fn remove(mut self, tx: &mut dyn Execute) -> Result<()> {
        self.order();
        let sql = "DELETE FROM index_token WHERE param = ?1 AND type = ?2 AND hash = ?3 AND rid = ?4 AND system = ?5
            AND facility = ?6";
        self.tokens.iter().try_for_each(|row| tx.push(sql, &row.map(Arg::Int)))?;
        let sql = "DELETE FROM index_date WHERE param = ?1 AND type = ?2 AND rid = ?3 AND low = ?4 AND high = ?5
            AND facility = ?6";
        self.dates.iter().try_for_each(|row| tx.push(sql, &row.map(Arg::Int)))?;
        let sql = "DELETE FROM index_dated WHERE param = ?1 AND type = ?2 AND hash = ?3 AND low = ?4 AND rid = ?5 AND system = ?6
            AND facility = ?7";
        self.dated().iter().try_for_each(|row| tx.push(sql, &row.map(Arg::Int)))?;
        let sql = "DELETE FROM index_quantity WHERE param = ?1 AND type = ?2 AND rid = ?3 AND low = ?4 AND high = ?5
            AND system = ?6 AND unit = ?7 AND facility = ?8";
        self.quantities.iter().try_for_each(|row| tx.push(sql, &row.map(Arg::Int)))?;
        let sql = "DELETE FROM index_reference WHERE param = ?1 AND type = ?2 AND rid = ?3 AND target = ?4 AND key = ?5
            AND facility = ?6";
        self.references.iter().try_for_each(|row| tx.push(sql, &row.map(Arg::Int)))?;
        let sql = "DELETE FROM index_text WHERE param = ?1 AND type = ?2 AND rid = ?3 AND exact = ?4 AND facility = ?5
            AND folded = ?6";
        with_text(&self.texts).chunks(6).try_for_each(|row| tx.push(sql, row))?;
        let sql = "DELETE FROM index_pair WHERE param = ?1 AND type = ?2 AND hash = ?3 AND rid = ?4 AND n = ?5
            AND facility = ?6";
        self.pairs.iter().try_for_each(|(row, _)| {
            let [param, of, hash, rid, n, facility, ..] = *row;
            tx.push(sql, &[param, of, hash, rid, n, facility].map(Arg::Int))
        })
    }

    /// The codes of each version with each of its dates, in the order of their keys. Dates must stand by their version.
    fn dated(&self) -> Vec<[i64; 7]> {
        let date = i64::from(Param::DATE.0);
        let dates: Vec<(i64, i64)> =
            self.dates.iter().filter(|row| row[0] == date).map(|row| (row[2], row[3])).collect();
        let mut dated = Vec::new();
        for [param, of, hash, rid, system, facility] in &self.tokens {
            if *param != i64::from(Param::CODE.0) {
                continue;
            }
            let first = dates.partition_point(|(of, _)| of < rid);
            let its = dates[first..].iter().take_while(|(of, _)| of == rid);
            dated.extend(its.map(|(_, low)| [*param, *of, *hash, *low, *rid, *system, *facility]));
        }
        dated.sort_unstable();
        dated.dedup();
        dated
    }

    /// Puts the rows in the order of their keys, each once.
    fn order(&mut self) {
        fn once<T: Ord>(rows: &mut Vec<T>) {
            rows.sort_unstable();
            rows.dedup();
        }
        /// By their version first.
        fn by_version<T: Ord>(rows: &mut Vec<T>, rid: impl Fn(&T) -> i64) {
            rows.sort_unstable_by(|a, b| rid(a).cmp(&rid(b)).then_with(|| a.cmp(b)));
            rows.dedup();
        }
        once(&mut self.tokens);
        by_version(&mut self.dates, |row| row[2]);
        by_version(&mut self.quantities, |row| row[2]);
        by_version(&mut self.references, |row| row[2]);
        by_version(&mut self.texts, |(row, _)| row[2]);
        once(&mut self.pairs);
        // A pair's key does not tell its columns: they follow from what it says.
        self.pairs.dedup_by_key(|(row, _)| [row[0], row[1], row[2], row[3], row[4], row[5]]);
    }
}

fn plain<const N: usize>(rows: &[[i64; N]]) -> Vec<Arg<'static>> {
    rows.iter().flatten().map(|n| Arg::Int(*n)).collect()
}

fn with_text<const N: usize>(rows: &[([i64; N], String)]) -> Vec<Arg<'_>> {
    rows.iter().flat_map(|(row, text)| row.iter().map(|n| Arg::Int(*n)).chain([Arg::Text(text)])).collect()
}
