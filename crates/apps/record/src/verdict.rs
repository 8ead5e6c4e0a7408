//! What reviewers decide: `POST /people/review/{item}` and `POST /people/merges/{merge}/undo`.

use crate::opening::number;
use axum::extract::{Form, Path, State};
use axum::response::Redirect;
use mach_access::Act;
use mach_base::Minute;
use mach_base::limits::NAME_CHARS;
use mach_fhir::ResourceType;
use mach_house::{House, Session};
use mach_people::{By, Error as PeopleError, MergeRow, Verdict, patient_index, patient_json};
use mach_store::resources::Put;
use mach_store::{Tx, schema};
use mach_ui::http::Problem;
use mach_ui::{Lang, msg};
use serde::Deserialize;
use std::collections::HashMap;

#[derive(Deserialize)]
pub(crate) struct Typed {
    #[serde(default)]
    verdict: String,
    #[serde(default)]
    keep: String,
    #[serde(default)]
    why: String,
}

impl Typed {
    /// What was decided, and why; or what is missing.
    fn read(&self, lang: Lang) -> Result<(Verdict, String), Problem> {
        let missing = |text: &str| Problem::BadRequest(text.to_owned());
        let verdict = match self.verdict.as_str() {
            "merge" => {
                let keep = number(&self.keep).map_err(|_| missing(lang.t(msg::REVIEW_KEEP_MISSING)))?;
                Verdict::Merge { keep }
            }
            "apart" => Verdict::Apart,
            _ => return Err(missing(lang.t(msg::REVIEW_VERDICT_MISSING))),
        };
        let why = mach_base::text::nfc(self.why.trim());
        if why.is_empty() || why.chars().count() > NAME_CHARS {
            return Err(missing(&lang.fmt(msg::REVIEW_WHY_MISSING, &[("max", &NAME_CHARS.to_string())])));
        }
        Ok((verdict, why))
    }
}

/// Settles a pair. Both Patient resources are written in the same transaction.
pub(crate) async fn settle(
    State(house): State<House>,
    session: Session,
    Path(item): Path<String>,
    Form(typed): Form<Typed>,
) -> Result<Redirect, Problem> {
    let decision = house.decide(&session, Act::ReviewPeople).await?;
    let item = number(&item)?;
    let (verdict, why) = typed.read(session.lang)?;
    let by = By { account: session.actor.account, at: Minute::now() };
    let settled = house
        .write(decision, move |tx| match mach_people::settle(tx, item, verdict, by, &why) {
            Ok(merge) => {
                let people = match merge {
                    Some(merge) => both(tx, merge)?,
                    None => Vec::new(),
                };
                rewrite(tx, &people)?;
                audit(tx, &people, &format!("review {item}"), "granted")?;
                Ok(Ok(merge))
            }
            Err(error) => refused(tx, error, &format!("review {item}")),
        })
        .await?;
    let merge = settled.map_err(|error| told(session.lang, &error))?;
    Ok(Redirect::to(&match merge {
        Some(merge) => format!("/people/review?done=merged&merge={merge}"),
        None => "/people/review?done=apart".to_owned(),
    }))
}

/// Takes a merge back, in the same way.
pub(crate) async fn undo(
    State(house): State<House>,
    session: Session,
    Path(merge): Path<String>,
) -> Result<Redirect, Problem> {
    let decision = house.decide(&session, Act::ReviewPeople).await?;
    let merge = number(&merge)?;
    let by = By { account: session.actor.account, at: Minute::now() };
    let undone: Result<MergeRow, PeopleError> = house
        .write(decision, move |tx| match mach_people::undo_merge(tx, merge, by) {
            Ok(row) => {
                let people = [row.keep, row.lose];
                rewrite(tx, &people)?;
                audit(tx, &people, &format!("undo merge {merge}"), "granted")?;
                Ok(Ok(row))
            }
            Err(error) => refused(tx, error, &format!("undo merge {merge}")),
        })
        .await?;
    let row = undone.map_err(|error| told(session.lang, &error))?;
    Ok(Redirect::to(&format!("/people/{}?undone={}", row.keep, row.lose)))
}

/// Notes that nothing was done. The rules of people refuse before they write; the store's own failures take all back.
fn refused<T>(tx: &mut Tx<'_>, error: PeopleError, target: &str) -> mach_store::Result<Result<T, PeopleError>> {
    if let PeopleError::Store(error) = error {
        return Err(error);
    }
    tx.audit(None, target, "failed")?;
    Ok(Err(error))
}

/// What the reader is told of a refusal.
fn told(lang: Lang, error: &PeopleError) -> Problem {
    let number = |n: &i64| n.to_string();
    match error {
        PeopleError::Unknown("review item" | "merge") => Problem::NotFound,
        PeopleError::Unknown(_) => Problem::BadRequest(lang.t(msg::REVIEW_KEEP_MISSING).to_owned()),
        PeopleError::Settled | PeopleError::SamePerson => Problem::Conflict(lang.t(msg::REVIEW_SETTLED).to_owned()),
        PeopleError::Merged(n) => Problem::Conflict(lang.fmt(msg::REVIEW_WAS_MERGED, &[("number", &number(n))])),
        PeopleError::Undone => Problem::Conflict(lang.t(msg::REVIEW_UNDO_DONE).to_owned()),
        PeopleError::UndoOtherFirst(n) => {
            Problem::Conflict(lang.fmt(msg::REVIEW_UNDO_FIRST, &[("number", &number(n))]))
        }
        PeopleError::Store(e) => Problem::internal(e),
    }
}

fn both(tx: &mut Tx<'_>, merge: i64) -> mach_store::Result<Vec<i64>> {
    let row = mach_store::people::merge(tx, merge)?.ok_or(mach_store::Error::Missing("a merge"))?;
    Ok(vec![row.keep, row.lose])
}

fn audit(tx: &mut Tx<'_>, people: &[i64], target: &str, outcome: &str) -> mach_store::Result<()> {
    if people.is_empty() {
        return tx.audit(None, target, outcome);
    }
    people.iter().try_for_each(|person| tx.audit(Some(*person), target, outcome))
}

/// Writes the Patient resources of `people` as they are now.
fn rewrite(tx: &mut Tx<'_>, people: &[i64]) -> mach_store::Result<()> {
    let codes: HashMap<i64, String> = schema::facilities(tx)?.into_iter().collect();
    let code = |id: i64| codes.get(&id).cloned().unwrap_or_default();
    let mut puts = Vec::with_capacity(people.len());
    for person in people {
        let view = mach_people::view(tx, *person)?.ok_or(mach_store::Error::Missing("a person"))?;
        puts.push(Put {
            kind: ResourceType::PATIENT,
            id: mach_people::fhir_id(*person),
            body: patient_json(&view, &code),
            patient: Some(*person),
            date: None,
            facility: None,
            index: patient_index(&view, &code),
        });
    }
    tx.put(&puts).map(drop)
}
