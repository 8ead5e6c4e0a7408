//! What a merge of two people does to their doses, passes and doubts, so that undoing it finds all as it was.

use super::{DOSE, Dose, dose};
use crate::Result;
use crate::distribution::every;
use crate::people::Moved;
use crate::sql::{self, Execute, Query};

/// A dose that the other has too.
const TWIN: &str = "EXISTS (SELECT 1 FROM dose d WHERE d.person = ?2 AND d.facility = dose.facility
    AND d.product = dose.product AND d.day = dose.day AND d.number = dose.number)";
/// A doubt of a facility that doubts the other too.
const DOUBTED: &str =
    "EXISTS (SELECT 1 FROM vaccine_doubt d WHERE d.person = ?2 AND d.facility = vaccine_doubt.facility)";

/// The doses of `from` that `to` has too: they are one, and stay where they are.
pub(crate) fn twins(on: &mut dyn Query, from: i64, to: i64) -> Result<Vec<Dose>> {
    let sql = format!("SELECT {DOSE} FROM dose WHERE person = ?1 AND {TWIN}{}", every!("person merge"));
    sql::list(on, &sql, &[from.into(), to.into()], dose)
}

/// Gives the doses, passes and doubts of `from` to `to`, and notes each under `merge`.
pub(crate) fn move_rows(tx: &mut dyn Execute, merge: i64, from: i64, to: i64) -> Result<()> {
    let (every, never) = (every!("person merge"), "1 = 0");
    for (table, kind, stays) in [
        ("dose", Moved::Dose, TWIN.to_owned()),
        ("vaccine_pass", Moved::Pass, never.to_owned()),
        ("vaccine_doubt", Moved::Doubt, format!("({DOUBTED} OR closed IS NOT NULL)")),
        ("vaccine_doubt", Moved::Settled, format!("({DOUBTED} OR closed IS NULL)")),
    ] {
        let which = format!("WHERE person = ?1 AND NOT {stays}");
        let moved = sql::list(
            tx,
            &format!("SELECT id FROM {table} {which} AND ?2 > 0{every}"),
            &[from.into(), to.into()],
            |r| r.int(0),
        )?;
        for id in moved {
            crate::people::insert_moved(tx, merge, kind, id)?;
        }
        tx.run(&format!("UPDATE {table} SET person = ?2 {which}{every}"), &[from.into(), to.into()])?;
    }
    Ok(())
}

/// Gives back to `lose` what `merge` moved and `keep` still has. A doubt that was open is open again: what settled it is undone.
pub(crate) fn return_rows(tx: &mut dyn Execute, merge: i64, keep: i64, lose: i64) -> Result<()> {
    for (table, kind, also) in [
        ("dose", Moved::Dose, ""),
        ("vaccine_pass", Moved::Pass, ""),
        ("vaccine_doubt", Moved::Doubt, ", closed = NULL"),
        ("vaccine_doubt", Moved::Settled, ""),
    ] {
        let sql = format!(
            "UPDATE {table} SET person = ?3{also} WHERE person = ?2 AND id IN (
                SELECT moved FROM person_merge_moved WHERE merge = ?1 AND kind = {}){}",
            kind as i64,
            every!("person merge")
        );
        tx.run(&sql, &[merge.into(), keep.into(), lose.into()])?;
    }
    Ok(())
}
