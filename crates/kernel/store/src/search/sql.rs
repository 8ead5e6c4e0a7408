//! Clauses as SQL. Numbers and hashes stand in the statement's arguments, texts too: no text of a caller is ever SQL.

use super::many;
use super::plan::{is_told_by_indexes, lists_exactly};
use super::value::{CANONICAL, SECOND, SHOWN, UNIT_TEXT, folded};
use super::{Clause, Compare, Range, Table, TextTest};
use crate::distribution::unless_one;
use crate::resources::{as_of, code_hash, id_key, system_hash, token_hash, visible, within};
use crate::sql::Arg;
use mach_access::Scope;
use mach_fhir::ResourceType;

/// Arguments of a statement being built.
#[derive(Clone, Debug, Default)]
pub(super) struct Args(Vec<Value>);

#[derive(Clone, Debug)]
enum Value {
    Int(i64),
    Text(String),
}

impl Args {
    pub(super) fn int(&mut self, value: i64) -> String {
        self.0.push(Value::Int(value));
        format!("?{}", self.0.len())
    }

    pub(super) fn text(&mut self, value: String) -> String {
        self.0.push(Value::Text(value));
        format!("?{}", self.0.len())
    }

    pub(super) fn list(&self) -> Vec<Arg<'_>> {
        self.0
            .iter()
            .map(|v| match v {
                Value::Int(i) => Arg::Int(*i),
                Value::Text(t) => Arg::Text(t),
            })
            .collect()
    }
}

/// Builds one statement: its arguments, its aliases, whose state is asked.
#[derive(Clone)]
pub(super) struct Builder {
    pub(super) args: Args,
    scope: Scope,
    /// The argument that names the asked state: as an argument, so that the same search later is the same statement.
    seq: String,
    aliases: usize,
}

/// Rows of one index table that tell versions: `alias` must be `x`.
pub(super) struct Rows {
    pub(super) table: Table,
    /// Condition on `x`.
    pub(super) condition: String,
    /// Whether rows come in the order of their versions.
    pub(super) in_order: bool,
}

/// Keeps PostgreSQL from making a join of a test: it is asked of each row, by the key that leads to it, on both engines.
pub(super) const FENCE: &str = " LIMIT 1 OFFSET 0";

/// Periods longer than this stand in an index of their own; written out in its DDL.
const LONG_SECONDS: i64 = 86_400;

impl Builder {
    pub(super) fn new(scope: Scope, seq: i64) -> Self {
        let mut args = Args::default();
        let seq = args.int(seq);
        Self { args, scope, seq, aliases: 0 }
    }

    fn alias(&mut self) -> String {
        self.aliases += 1;
        format!("a{}", self.aliases)
    }

    /// The arguments of `sql`: those that it does not name are its last.
    pub(super) fn given(&self, sql: &str) -> Vec<Arg<'_>> {
        let mut given = self.args.list();
        while !given.is_empty() && !sql.contains(&format!("?{}", given.len())) {
            given.pop();
        }
        given
    }

    /// That row `alias` of `resource` is there for the asker in the asked state.
    pub(super) fn there(&self, alias: &str) -> String {
        format!("{alias}.deleted = 0 AND {} AND {}", self.then(alias), visible(alias, self.scope))
    }

    /// That row `alias` of `resource` was current in the asked state.
    pub(super) fn then(&self, alias: &str) -> String {
        as_of(alias, &self.seq)
    }

    /// That row `alias` of an index lies where the asker may look.
    pub(super) fn within(&self, alias: &str) -> String {
        within(alias, self.scope)
    }

    /// The mark of a statement that asks every shard, where this one does.
    pub(super) fn spread(&self) -> &'static str {
        unless_one(self.scope)
    }

    /// The rows of a clause that is answered by one table; `None` for the others.
    pub(super) fn rows(&mut self, clause: &Clause, kind: ResourceType) -> Option<Rows> {
        let of = i64::from(kind.number());
        let (table, param, rest, in_order) = match clause {
            Clause::Token { param, system, code, second } => {
                let param = i64::from(param.0) + if *second { SECOND } else { 0 };
                let mut rest = String::new();
                if let Some(code) = code {
                    rest.push_str(&format!(" AND x.hash = {}", self.args.int(code_hash(code))));
                }
                if let Some(system) = system {
                    rest.push_str(&format!(" AND x.system = {}", self.args.int(system_hash(system))));
                }
                (Table::Token, param, rest, code.is_some())
            }
            Clause::Codes { param, systems, codes } => {
                // Hashes stand in the text itself: statements take fewer arguments than a value set has codes.
                let list = |hashes: Vec<i64>| hashes.iter().map(i64::to_string).collect::<Vec<_>>().join(",");
                let (codes, systems) = (
                    list(codes.iter().map(|c| code_hash(c)).collect()),
                    list(systems.iter().map(|s| system_hash(s)).collect()),
                );
                let none = codes.is_empty() || systems.is_empty();
                let rest = match none {
                    true => " AND 1 = 0".to_owned(),
                    false => format!(" AND x.hash IN ({codes}) AND x.system IN ({systems})"),
                };
                (Table::Token, i64::from(param.0), rest, false)
            }
            Clause::Text { param, test, shown } => {
                let param = i64::from(param.0) + if *shown { SHOWN } else { 0 };
                (Table::Text, param, self.text("x", test), false)
            }
            Clause::Date { param, range } => (Table::Date, i64::from(param.0), self.range("x", *range), false),
            Clause::Quantity { param, range, system, unit } => {
                let rest = self.quantity(*range, system.as_deref(), unit.as_deref(), ("x.system", "x.unit"));
                (Table::Quantity, i64::from(param.0), rest, false)
            }
            Clause::Reference { param, target, id } => {
                let key = self.args.int(id_key(id));
                let rest = match target {
                    Some(target) => format!(" AND x.target = {} AND x.key = {key}", target.number()),
                    None => format!(" AND x.key = {key}"),
                };
                (Table::Reference, i64::from(param.0), rest, target.is_some())
            }
            Clause::Url { param, url } => {
                let key = self.args.int(token_hash(url));
                (Table::Reference, i64::from(param.0), format!(" AND x.target = 0 AND x.key = {key}"), true)
            }
            Clause::Pair { param, system, code, second } => {
                let mut rest = format!(" AND x.hash = {}", self.args.int(code_hash(code)));
                if let Some(system) = system {
                    rest.push_str(&format!(" AND x.system = {}", self.args.int(system_hash(system))));
                }
                rest.push_str(&self.second_of_pair(second));
                (Table::Pair, i64::from(param.0), rest, true)
            }
            Clause::Triple { param, system, code, first, second } => {
                let mut rest = format!(" AND x.hash = {}", self.args.int(code_hash(code)));
                if let Some(system) = system {
                    rest.push_str(&format!(" AND x.system = {}", self.args.int(system_hash(system))));
                }
                rest.push_str(&self.number("x.low", *first));
                rest.push_str(&self.number("x.high", *second));
                (Table::Pair, i64::from(param.0), rest, true)
            }
            Clause::Near { param, place, within } => {
                let square = |column: &str, at: i64| {
                    format!("(CAST({column} AS BIGINT) - ({at})) * (CAST({column} AS BIGINT) - ({at}))")
                };
                let [x, y, z] = *place;
                let sum = [square("x.low", x), square("x.high", y), square("x.second", z)].join(" + ");
                let rest = format!(" AND x.hash = {} AND {sum} <= {within}", self.args.int(code_hash("")));
                (Table::Pair, i64::from(param.0), rest, false)
            }
            Clause::Has { param, tables: [table] } => (*table, i64::from(param.0), String::new(), false),
            _ => return None,
        };
        let within = self.within("x");
        Some(Rows { table, condition: format!("x.param = {param} AND x.type = {of}{rest}{within}"), in_order })
    }

    fn second_of_pair(&mut self, second: &Clause) -> String {
        match second {
            Clause::Token { system, code, .. } => {
                let mut rest = String::new();
                if let Some(code) = code {
                    rest.push_str(&format!(" AND x.low = {}", self.args.int(code_hash(code))));
                }
                if let Some(system) = system {
                    rest.push_str(&format!(" AND x.high = {}", self.args.int(system_hash(system))));
                }
                rest
            }
            Clause::Text { test: TextTest::Exact(text) | TextTest::Uri(text), .. } => {
                format!(" AND x.low = {}", self.args.int(token_hash(text)))
            }
            Clause::Text { test, .. } => self.text("x", test),
            Clause::Date { range, .. } => self.range("x", *range),
            Clause::Quantity { range, system, unit, .. } => {
                self.quantity(*range, system.as_deref(), unit.as_deref(), ("x.second", "x.unit"))
            }
            Clause::Reference { target, id, .. } => {
                let key = self.args.int(id_key(id));
                let of = target.map_or(String::new(), |t| format!(" AND x.high = {}", t.number()));
                format!(" AND x.low = {key}{of}")
            }
            Clause::Url { url, .. } => format!(" AND x.low = {}", self.args.int(token_hash(url))),
            _ => " AND 1 = 0".to_owned(),
        }
    }

    fn text(&mut self, x: &str, test: &TextTest) -> String {
        let mut between = |low: String| {
            let end = self.args.text(format!("{low}\u{10ffff}"));
            let low = self.args.text(low);
            format!(" AND {x}.folded >= {low} AND {x}.folded < {end}")
        };
        match test {
            TextTest::Starts(text) => between(folded(text)),
            TextTest::Below(uri) => {
                let inside = between(format!("{}/", uri.trim_end_matches('/')));
                let itself = self.args.text(uri.clone());
                format!(" AND ({x}.folded = {itself} OR ({}))", inside.trim_start_matches(" AND "))
            }
            TextTest::Same(text) => format!(" AND {x}.folded = {}", self.args.text(folded(text))),
            TextTest::Uri(uri) => format!(" AND {x}.folded = {}", self.args.text(uri.clone())),
            TextTest::Exact(text) => {
                let (short, exact) = (self.args.text(folded(text)), self.args.int(token_hash(text)));
                format!(" AND {x}.folded = {short} AND {x}.exact = {exact}")
            }
            // Folded texts hold letters, digits and spaces: nothing that LIKE reads otherwise.
            TextTest::Contains(text) => {
                format!(" AND {x}.folded LIKE {}", self.args.text(format!("%{}%", folded(text))))
            }
            TextTest::Ends(text) => format!(" AND {x}.folded LIKE {}", self.args.text(format!("%{}", folded(text)))),
        }
    }

    /// Bounds on one exact number.
    fn number(&mut self, column: &str, range: Range) -> String {
        let (low, high) = (range.low, range.high);
        let mut n = |v: i64| self.args.int(v);
        match range.compare {
            Compare::Eq | Compare::Ap => format!(" AND {column} BETWEEN {} AND {}", n(low), n(high)),
            Compare::Ne => format!(" AND {column} NOT BETWEEN {} AND {}", n(low), n(high)),
            Compare::Gt | Compare::Sa => format!(" AND {column} > {}", n(high)),
            Compare::Lt | Compare::Eb => format!(" AND {column} < {}", n(low)),
            Compare::Ge => format!(" AND {column} >= {}", n(low)),
            Compare::Le => format!(" AND {column} <= {}", n(high)),
        }
    }

    /// Bounds on `low` and `high` of a row.
    fn range(&mut self, x: &str, range: Range) -> String {
        let (low, high) = (range.low, range.high);
        let mut n = |v: i64| self.args.int(v);
        match range.compare {
            Compare::Eq => format!(" AND {x}.low >= {} AND {x}.low <= {} AND {x}.high <= {}", n(low), n(high), n(high)),
            Compare::Ne => format!(" AND ({x}.low < {} OR {x}.high > {})", n(low), n(high)),
            Compare::Gt => format!(" AND {x}.high > {}", n(high)),
            Compare::Lt => format!(" AND {x}.low < {}", n(low)),
            Compare::Ge => format!(" AND {x}.high >= {}", n(low)),
            Compare::Le => format!(" AND {x}.low <= {}", n(high)),
            Compare::Sa => format!(" AND {x}.low > {}", n(high)),
            Compare::Eb => format!(" AND {x}.high < {}", n(low)),
            Compare::Ap => format!(" AND {x}.low <= {} AND {x}.high >= {}", n(high), n(low)),
        }
    }

    /// Dates that a condition holds of, as statements that begin in the middle of the index by `low`: but for the few long
    /// periods, a value that ends after a moment begins at most a day before it.
    fn dates(&mut self, param: mach_fhir::index::Param, range: Range, kind: ResourceType) -> String {
        let head = format!(
            "SELECT x.rid, x.facility FROM index_date x WHERE x.param = {} AND x.type = {}{}",
            param.0,
            kind.number(),
            self.within("x")
        );
        let exact = self.range("x", range);
        let from = match range.compare {
            Compare::Gt => range.high,
            Compare::Ge | Compare::Ap => range.low,
            Compare::Eb => return format!("{head}{exact} AND x.low < {}", self.args.int(range.low)),
            _ => return format!("{head}{exact}"),
        };
        let (from, low) = (self.args.int(from), self.args.int(from.saturating_sub(LONG_SECONDS)));
        format!(
            "{head}{exact} AND x.low >= {low}
            UNION ALL {head}{exact} AND x.low < x.high - {LONG_SECONDS} AND x.high >= {from} AND x.low < {low}"
        )
    }

    fn quantity(&mut self, range: Range, system: Option<&str>, unit: Option<&str>, columns: (&str, &str)) -> String {
        let mut rest = self.range("x", range);
        let (system_column, unit_column) = columns;
        match (system, unit) {
            (Some(system), _) => {
                rest.push_str(&format!(" AND {system_column} = {}", self.args.int(system_hash(system))))
            }
            // Without a system the unit is the code or the printed text; base units are never meant.
            (None, _) => rest.push_str(&format!(" AND {system_column} <> {}", system_hash(CANONICAL))),
        }
        match unit {
            Some(unit) => rest.push_str(&format!(" AND {unit_column} = {}", self.args.int(system_hash(unit)))),
            None if system.is_none() => {
                rest.push_str(&format!(" AND {system_column} <> {}", system_hash(UNIT_TEXT)));
            }
            None => {}
        }
        rest
    }

    /// The clause as a condition on row `r` of `resource`, which is of type `kind`.
    pub(super) fn condition(&mut self, clause: &Clause, kind: ResourceType, r: &str) -> String {
        match clause {
            Clause::All(of) => self.joined(of, kind, r, " AND ", "1 = 1"),
            Clause::Any(of) => self.joined(of, kind, r, " OR ", "1 = 0"),
            Clause::Not(of) => format!("NOT ({})", self.condition(of, kind, r)),
            Clause::Id(id) => {
                let (key, id) = (self.args.int(id_key(id)), self.args.text(id.clone()));
                format!("({r}.key = {key} AND {r}.id = {id})")
            }
            Clause::LastUpdated(range) => {
                let (low, high) = (range.low, range.high);
                let mut n = |v: i64| self.args.int(v);
                match range.compare {
                    Compare::Eq | Compare::Ap => format!("{r}.at BETWEEN {} AND {}", n(low), n(high)),
                    Compare::Ne => format!("{r}.at NOT BETWEEN {} AND {}", n(low), n(high)),
                    Compare::Gt | Compare::Sa => format!("{r}.at > {}", n(high)),
                    Compare::Lt | Compare::Eb => format!("{r}.at < {}", n(low)),
                    Compare::Ge => format!("{r}.at >= {}", n(low)),
                    Compare::Le => format!("{r}.at <= {}", n(high)),
                }
            }
            Clause::Type(wanted) => format!("{r}.type = {}", wanted.number()),
            Clause::Has { param, tables } if tables.len() != 1 => {
                let of: Vec<Clause> =
                    tables.iter().map(|t| Clause::Has { param: *param, tables: std::slice::from_ref(t) }).collect();
                self.joined(&of, kind, r, " OR ", "1 = 0")
            }
            Clause::Chain { param, target, clause } => self.chain(*param, *target, clause, kind, r),
            Clause::Referred { source, param, clause } => self.referred(*source, *param, clause, kind, r),
            one => match self.rows(one, kind) {
                Some(rows) => self.exists(&rows, r),
                None => "1 = 0".to_owned(),
            },
        }
    }

    /// The same where a row `x` of an index already tells version and facility of `r`: what an index alone can say is asked
    /// of `x`, before the version's own row is looked up.
    pub(super) fn narrowed(&mut self, clause: &Clause, kind: ResourceType, x: &str, r: &str) -> String {
        match clause {
            Clause::All(of) if !of.is_empty() => {
                let parts: Vec<String> = of.iter().map(|c| self.narrowed(c, kind, x, r)).collect();
                parts.join(" AND ")
            }
            one => self.condition(one, kind, if is_told_by_indexes(one) { x } else { r }),
        }
    }

    fn joined(&mut self, of: &[Clause], kind: ResourceType, r: &str, word: &str, none: &str) -> String {
        let parts: Vec<String> = of.iter().map(|c| self.condition(c, kind, r)).collect();
        if parts.is_empty() { none.to_owned() } else { many::joined(parts, word) }
    }

    fn exists(&mut self, rows: &Rows, r: &str) -> String {
        let alias = self.alias();
        let condition = rows.condition.replace("x.", &format!("{alias}."));
        let name = rows.table.name();
        if rows.table == Table::Token && !rows.in_order {
            // Without a code the index does not lead to one version.
            return format!("{r}.rid IN (SELECT {alias}.rid FROM {name} {alias} WHERE {condition})");
        }
        format!(
            "EXISTS (SELECT 1 FROM {name} {alias} WHERE {condition} AND {alias}.rid = {r}.rid
                AND {alias}.facility = {r}.facility{FENCE})"
        )
    }

    fn chain(
        &mut self,
        param: mach_fhir::index::Param,
        target: ResourceType,
        clause: &Clause,
        kind: ResourceType,
        r: &str,
    ) -> String {
        let (x, t) = (self.alias(), self.alias());
        let inner = self.condition(clause, target, &t);
        let there = self.there(&t);
        format!(
            "EXISTS (SELECT 1 FROM index_reference {x} CROSS JOIN resource {t} WHERE {x}.param = {} AND {x}.type = {}
                AND {x}.rid = {r}.rid AND {x}.facility = {r}.facility AND {x}.target = {target_number} AND {t}.type = {target_number}
                AND {t}.key = {x}.key AND {} AND {there} AND {inner}{FENCE})",
            param.0,
            kind.number(),
            self.reachable(r, &t),
            target_number = target.number(),
        )
    }

    fn referred(
        &mut self,
        source: ResourceType,
        param: mach_fhir::index::Param,
        clause: &Clause,
        kind: ResourceType,
        r: &str,
    ) -> String {
        let (x, s) = (self.alias(), self.alias());
        let inner = self.narrowed(clause, source, &x, &s);
        let there = self.there(&s);
        format!(
            "EXISTS (SELECT 1 FROM index_reference {x} CROSS JOIN resource {s} WHERE {x}.param = {} AND {x}.type = {}
                AND {x}.target = {} AND {x}.key = {r}.key AND {inner} AND {s}.rid = {x}.rid AND {s}.facility = {x}.facility
                AND {} AND {there}{FENCE})",
            param.0,
            source.number(),
            kind.number(),
            self.reachable(&s, r),
        )
    }

    /// That a reference of row `from` may mean row `to`: ids are a facility's own.
    pub(super) fn reachable(&self, from: &str, to: &str) -> String {
        format!("({to}.facility = {from}.facility OR {to}.facility = 0 OR {from}.facility = 0)")
    }

    /// `clause`, about resources of `kind`, as a statement that lists the numbers of versions, in any state and of any
    /// facility, perhaps one more than once and perhaps others besides (`plan::lists_exactly`); `None` where it does not list.
    pub(super) fn listing(&mut self, clause: &Clause, kind: ResourceType) -> Option<String> {
        match clause {
            Clause::Any(of) if !of.is_empty() => {
                let parts: Option<Vec<String>> = of.iter().map(|c| self.listing(c, kind)).collect();
                Some(many::union(&parts?))
            }
            Clause::All(of) => of.iter().find_map(|c| self.listing(c, kind)),
            Clause::Id(id) => {
                let key = self.args.int(id_key(id));
                Some(format!(
                    "SELECT x.rid, x.facility FROM resource x WHERE x.type = {} AND x.key = {key} AND {}{}",
                    kind.number(),
                    self.then("x"),
                    self.within("x")
                ))
            }
            Clause::Date { param, range } => Some(self.dates(*param, *range, kind)),
            Clause::Chain { param, target, clause } => {
                let inner = self.listing(clause, *target)?;
                let (t, q) = (self.alias(), self.alias());
                let rest = match lists_exactly(clause) {
                    true => "1 = 1".to_owned(),
                    false => self.condition(clause, *target, &t),
                };
                let there = self.there(&t);
                Some(format!(
                    "SELECT x.rid, x.facility FROM (SELECT DISTINCT * FROM ({inner}) {q}) {q}d CROSS JOIN resource {t}
                        CROSS JOIN index_reference x WHERE {t}.rid = {q}d.rid AND {t}.facility = {q}d.facility AND {there}
                        AND {rest} AND x.param = {} AND x.type = {} AND x.target = {} AND x.key = {t}.key AND {}{}",
                    param.0,
                    kind.number(),
                    target.number(),
                    self.reachable("x", &t),
                    self.within("x")
                ))
            }
            Clause::Referred { source, param, clause } => {
                let inner = self.listing(clause, *source)?;
                let (s, q, y) = (self.alias(), self.alias(), self.alias());
                let rest = match lists_exactly(clause) {
                    true => "1 = 1".to_owned(),
                    false => self.narrowed(clause, *source, &format!("{q}d"), &s),
                };
                let there = self.there(&s);
                let of = kind.number();
                Some(format!(
                    "SELECT x.rid, x.facility FROM (SELECT DISTINCT * FROM ({inner}) {q}) {q}d CROSS JOIN resource {s}
                        CROSS JOIN index_reference {y} CROSS JOIN resource x WHERE {s}.rid = {q}d.rid
                        AND {s}.facility = {q}d.facility AND {there} AND {rest} AND {y}.param = {} AND {y}.type = {}
                        AND {y}.rid = {s}.rid AND {y}.facility = {s}.facility AND {y}.target = {of} AND x.type = {of}
                        AND x.key = {y}.key AND {} AND {}{}",
                    param.0,
                    source.number(),
                    self.reachable(&s, "x"),
                    self.then("x"),
                    self.within("x")
                ))
            }
            Clause::Not(_) | Clause::LastUpdated(_) | Clause::Type(_) | Clause::Any(_) => None,
            Clause::Has { tables, .. } if tables.len() != 1 => None,
            one => {
                let rows = self.rows(one, kind)?;
                Some(format!("SELECT x.rid, x.facility FROM {} x WHERE {}", rows.table.name(), rows.condition))
            }
        }
    }
}
