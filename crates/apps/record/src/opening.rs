//! Who may open whose record, decided and audited in one place for every page of it.

use crate::error::Result;
use mach_access::{Act, Role};
use mach_house::{House, Session};
use mach_store::{Reader, resources};
use mach_ui::http::Problem;

/// What became of a wish to see something of a person's record.
pub(crate) enum Seen<T> {
    /// It is here; the look is in the audit trail.
    Here(i64, T),
    /// The person was merged into another one, whom the reader may see.
    Moved(i64),
}

enum Found<T> {
    Here(T),
    Moved(i64),
    /// There is none such, or not for this reader: both look the same from outside.
    Hidden,
}

/// The number in an address, exactly as links write it.
pub(crate) fn number(text: &str) -> std::result::Result<i64, Problem> {
    let digits = !text.starts_with('0') && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| digits).ok_or(Problem::NotFound)
}

/// Reads something of the record of the person `text` names, if the session may open it; `gather` gives `None` where the
/// record has no such thing. `target` names what was looked at in the audit trail.
///
/// A facility opens only records of people it knows. Everything else answers 404, the same as what does not exist.
pub(crate) async fn see<T: Send + 'static>(
    house: &House,
    session: &Session,
    text: &str,
    target: &str,
    gather: impl FnOnce(&mut Reader, i64) -> Result<Option<T>> + Send + 'static,
) -> std::result::Result<Seen<T>, Problem> {
    let act = match session.actor.role {
        Role::Citizen => Act::ReadOwn,
        Role::Visitor => Act::ViewDesk,
        _ => Act::ReadRecord,
    };
    let decision = house.decide(session, act).await?;
    let person = number(text)?;
    let found = house
        .read(decision.clone(), move |reader| -> Result<Found<T>> {
            Ok(match visible(reader, person)? {
                None => Found::Hidden,
                Some(root) if root != person => Found::Moved(root),
                Some(_) => gather(reader, person)?.map_or(Found::Hidden, Found::Here),
            })
        })
        .await?;
    let outcome = if matches!(found, Found::Hidden) { "denied" } else { "granted" };
    let target = format!("person {person}{target}");
    // The record is shown only once the look is written down.
    house.write(decision, move |tx| tx.audit(Some(person), &target, outcome)).await?;
    match found {
        Found::Here(what) => Ok(Seen::Here(person, what)),
        Found::Moved(root) => Ok(Seen::Moved(root)),
        Found::Hidden => Err(Problem::NotFound),
    }
}

/// The person that `person` is today, if the reader may see them.
fn visible(reader: &mut Reader, person: i64) -> Result<Option<i64>> {
    let root = match mach_people::root(reader, person) {
        Ok(root) => root,
        Err(mach_people::Error::Unknown(_)) => return Ok(None),
        Err(e) => return Err(e.into()),
    };
    Ok((resources::may_open(reader, root)? && resources::may_know(reader, root)?).then_some(root))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_one_spelling() {
        for (text, expect) in
            [("12", Some(12)), ("012", None), ("+12", None), ("-1", None), ("0", None), ("", None), ("1e3", None)]
        {
            assert_eq!(number(text).ok(), expect, "{text}");
        }
        assert!(number("99999999999999999999").is_err());
    }
}
