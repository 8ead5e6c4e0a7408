//! A store in which everything that may be a facility's is another facility's too: what nobody of this one must find.

use mach_store::distribution::{Spread, TABLES};
use mach_store::sql::{Arg, Execute, Query};
use mach_store::{Result, Tx};

/// Tables that have a facility and lie everywhere, of which a page may show rows.
const EVERYWHERE: [&str; 5] = ["access_request", "access_grant", "person_mark", "bulk_job", "subscription"];

/// Writes one row of `facility` into every table whose rows are a facility's, on SQLite: every number in it is `number`, every text
/// its digits. Nobody but that facility's own may be shown any of it, so that it need not make sense.
///
/// # Errors
/// Of the store.
pub fn fill(tx: &mut Tx<'_>, facility: i64, number: i64) -> Result<usize> {
    let text = number.to_string();
    let mut filled = 0;
    let of_facility = TABLES.iter().filter(|(_, by)| *by == Spread::By("facility")).map(|(table, _)| *table);
    for table in of_facility.chain(EVERYWHERE) {
        let mut columns: Vec<(String, String)> = Vec::new();
        tx.each("SELECT name, type FROM pragma_table_info(?1)", &[table.into()], &mut |r| {
            columns.push((r.text(0)?.to_owned(), r.text(1)?.to_ascii_uppercase()));
            Ok(())
        })?;
        let has_facility = columns.iter().any(|(name, _)| name == "facility" || name == "at_facility");
        if !has_facility {
            continue;
        }
        let value = |(name, kind): &(String, String)| match (name.as_str(), kind.as_str()) {
            ("facility" | "at_facility", _) => Arg::Int(facility),
            // What is current and was not taken back, read or ended: the first that a page would show.
            ("until" | "deleted" | "ended" | "state" | "review" | "label", kind) if kind != "TEXT" => Arg::Int(0),
            ("revoked" | "closed" | "decided", _) => Arg::Null,
            (_, "TEXT") => Arg::Text(&text),
            (_, "BLOB") => Arg::Blob(text.as_bytes()),
            _ => Arg::Int(number),
        };
        let args: Vec<Arg<'_>> = columns.iter().map(value).collect();
        let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
        let marks: Vec<String> = (1..=names.len()).map(|n| format!("?{n}")).collect();
        let sql = format!("INSERT INTO {table}({}) VALUES ({})", names.join(", "), marks.join(", "));
        filled += usize::from(tx.run(&sql, &args).is_ok());
    }
    Ok(filled)
}
