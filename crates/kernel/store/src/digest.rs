//! A digest of what the store holds: equal content gives equal digests, whenever and in whatever batches it came.

use crate::distribution::every;
use crate::sealed::{self, row};
use crate::sql::Query;
use crate::{Result, pack};
use mach_fhir::ResourceType;
use sha2::{Digest, Sha256};

/// Tables and the columns that are content: no times, no file numbers, no commit numbers.
const TABLES: &[(&str, &str)] = &[
    (
        "claim",
        "SELECT c.id, f.code, c.link, c.keyed, c.version, c.state, c.accepted, c.person, c.layout, c.kind, c.arrived,
            c.left_day, c.main_dx, c.cost, c.insurer, c.lines, c.refusals, c.warnings, c.hash, c.facility FROM claim c
            JOIN facility f ON f.id = c.facility ORDER BY c.id",
    ),
    (
        "claim_version",
        "SELECT claim, version, accepted, layout, findings, hash FROM claim_version ORDER BY claim, version",
    ),
    (
        "fact",
        "SELECT measure, item, day, facility, claim, department, commune, value FROM fact
        ORDER BY measure, item, day, facility, claim",
    ),
    (
        "cell",
        "SELECT measure, grain, kind, start, unit, item, value FROM cell WHERE value <> 0
        ORDER BY measure, grain, kind, start, unit, item",
    ),
    ("check_in", "SELECT facility, link, arrived, kind, body FROM check_in ORDER BY facility, link"),
    (
        "index_token",
        "SELECT param, type, hash, system, rid FROM index_token
        ORDER BY param, type, hash, system, rid",
    ),
    ("index_date", "SELECT param, type, low, high, rid FROM index_date ORDER BY param, type, low, high, rid"),
];

/// The SHA-256 of bytes.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// For each table: its name, how many rows, their SHA-256 in hexadecimal. Resources are digested with their bodies.
pub fn tables(on: &mut dyn Query) -> Result<Vec<(&'static str, u64, String)>> {
    let mut out = Vec::new();
    for (name, sql) in TABLES {
        let mut hash = Sha256::new();
        let mut rows = 0;
        on.each(&format!("{sql}{}", every!("whole store")), &[], &mut |row| {
            rows += 1;
            let mut column = 0;
            // Columns end where the engine has no more.
            while let Some(mut text) = row.shown(column)? {
                match (*name, column) {
                    ("check_in", 4) => {
                        text = sealed::opened(&row!("check_in", row.int(0)?, row.text(1)?), &text)?;
                    }
                    ("claim", 12) => text = sealed::opened(&row!("claim", row.int(19)?, row.text(2)?), &text)?,
                    // The facility's number is there to open the row, and another in another store.
                    ("claim", 19) => break,
                    _ => {}
                }
                hash.update(text.as_bytes());
                hash.update([0x1f]);
                column += 1;
            }
            hash.update([0x1e]);
            Ok(())
        })?;
        out.push((*name, rows, hex(hash)));
    }
    out.push(resources(on)?);
    Ok(out)
}

/// Every version of every resource, by type and id, with its body.
fn resources(on: &mut dyn Query) -> Result<(&'static str, u64, String)> {
    let sql =
        "SELECT type, id, version, deleted, coalesce(patient, 0), coalesce(date, 0), facility, pack, slot FROM resource
        ORDER BY pack, slot";
    let rows = crate::sql::list(on, &format!("{sql}{}", every!("whole store")), &[], |r| {
        Ok((
            (r.int(0)?, r.text(1)?.to_owned(), r.int(2)?, r.int(3)?, r.int(4)?, r.int(5)?),
            (r.int(6)?, r.int(7)?),
            r.int(8)?,
        ))
    })?;
    let mut lines = Vec::with_capacity(rows.len());
    let mut open: Option<(i64, pack::Bodies)> = None;
    for ((kind, id, version, deleted, patient, date), (facility, pack), slot) in rows {
        if open.as_ref().is_none_or(|(p, _)| *p != pack) {
            open = Some((pack, pack::read(on, facility, pack)?));
        }
        let body = open.as_ref().and_then(|(_, b)| b.get(usize::try_from(slot).ok()?)).unwrap_or_default();
        let kind = u16::try_from(kind).ok().and_then(ResourceType::from_number).map_or("?", ResourceType::name);
        let body = hex(Sha256::new_with_prefix(body));
        lines.push(format!("{kind}/{id} {version} {deleted} {patient} {date} {body}\n"));
    }
    lines.sort_unstable();
    let mut hash = Sha256::new();
    lines.iter().for_each(|l| hash.update(l.as_bytes()));
    Ok(("resource", lines.len() as u64, hex(hash)))
}

fn hex(hash: Sha256) -> String {
    mach_access::secret::hex(&hash.finalize())
}
