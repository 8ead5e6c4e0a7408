//! A part of an examination is kept: its response, its pictures, and what the record learns of it.

use crate::bodies::{self, By};
use crate::case::{self, Case, Part};
use crate::declared;
use crate::signed::signs_with;
use crate::work::{No, conclude, may_conclude, practitioner, put, response, token};
use mach_access::Scope;
use mach_base::time::now_seconds;
use mach_fhir::ResourceType;
use mach_fhir::index::Param;
use mach_forms::{Answers, Form, Value, extract};
use mach_signing::ask::Chosen;
use mach_store::certificates::State;
use mach_store::resources::{self, Put};
use mach_store::signing::Act;
use mach_store::{Error, Result, Tx};
use sha2::{Digest, Sha256};

/// A part as it was posted.
pub struct Posted {
    /// `linkId` of the part.
    pub part: String,
    /// All answers of the case with those of the part.
    pub answers: Answers,
    /// The version of the part it was made upon.
    pub version: i64,
    /// Whether its doctor concludes it.
    pub finish: bool,
    /// Whether the page sent it by itself: it must not undo what its reader did meanwhile.
    pub quiet: bool,
}

/// Keeps a part: as a draft, or concluded with what the record learns of it. Gives its version now.
///
/// # Errors
/// Of the store.
pub fn keep(tx: &mut Tx<'_>, code: &str, by: &By, posted: Posted) -> Result<std::result::Result<i64, No>> {
    let Some(mut case) = case::load(tx, code)? else { return Ok(Err(No::Unknown)) };
    let Some(part) = case.parts.iter().find(|p| p.link == posted.part).cloned() else { return Ok(Err(No::Unknown)) };
    if case.row.state != State::Examining {
        return Ok(Err(No::State));
    }
    // What the page keeps by itself never undoes what its doctor concluded, however old or new it is.
    if posted.quiet && part.done {
        return Ok(Ok(part.version));
    }
    if part.version != posted.version {
        // Its own doctor's page may be a step behind the draft that it keeps by itself; nobody else's may.
        if part.author.0 != by.reference() || part.version < posted.version {
            return Ok(Err(No::Changed));
        }
    }
    let mut answers = posted.answers;
    let mut puts = Vec::new();
    files(&case, &mut answers, &mut puts);
    let now = now_seconds();
    let status = if posted.finish { "completed" } else { "in-progress" };
    let about = case::about(&case, &posted.part, status, by, now);
    let mine = only(&case.form, &answers, &posted.part);
    puts.extend(practitioner(&case.row, by));
    puts.push(response(&case.row, &about.id, mine.json(&case.form, &about)));
    let made = if posted.finish { observations(&case, &answers, &posted.part, &about) } else { Vec::new() };
    withdraw(tx, &case, &part, &made, &mut puts)?;
    puts.extend(made);
    if posted.part == "applicant" {
        let class = answers.code(&case.form, "class");
        if !class.is_empty() && class != case.row.class {
            case.row.class = class;
            tx.keep_certificate(&case.row)?;
        }
    }
    tx.put(&puts)?;
    if posted.finish && posted.part == declared::HISTORY {
        declared::done(tx, &case, &answers, by)?;
    }
    tx.audit(Some(case.row.person), &format!("driver certificate {code} {} {status}", posted.part), "granted")?;
    let scope = tx.scope();
    let kept = resources::current(tx, scope, ResourceType::QUESTIONNAIRE_RESPONSE, &about.id)?;
    Ok(Ok(kept.map_or(0, |r| r.version)))
}

fn observations(case: &Case, answers: &Answers, part: &str, about: &mach_forms::About) -> Vec<Put> {
    let source = extract::Source {
        response: about.id.clone(),
        subject: about.subject.clone(),
        encounter: about.encounter.clone(),
        effective: about.authored.clone(),
        performer: about.author.clone(),
    };
    let made = extract::observations(&case.form, answers, Some(part), &source);
    let one = |o: extract::Observation| {
        let index = vec![token(Param::CODE, &o.code.0, &o.code.1)];
        put(&case.row, ResourceType::OBSERVATION, o.id, o.body, index)
    };
    made.into_iter().map(one).collect()
}

/// Observations that a part concluded earlier gave and that are not made again: they are no longer true.
pub(crate) fn withdraw(tx: &mut Tx<'_>, case: &Case, part: &Part, made: &[Put], puts: &mut Vec<Put>) -> Result<()> {
    if !part.done {
        return Ok(());
    }
    let about = mach_forms::About { id: case::response_id(&case.row.code, &part.link), ..Default::default() };
    let scope = Scope::Facility(case.row.facility);
    for old in observations(case, &case.answers, &part.link, &about) {
        if made.iter().any(|m| m.id == old.id) {
            continue;
        }
        let Some(stored) = resources::current(tx, scope, ResourceType::OBSERVATION, &old.id)? else { continue };
        if !stored.deleted {
            puts.push(Put { body: bodies::with_status(&stored.body, "entered-in-error"), ..old });
        }
    }
    Ok(())
}

/// The answers of one part alone.
pub(crate) fn only(form: &Form, answers: &Answers, part: &str) -> Answers {
    let mut out = Answers::open(form);
    for (n, item) in form.items.iter().enumerate().filter(|(_, i)| i.link == part) {
        debug_assert_eq!(item.link, part);
        if let (Some(to), Some(from)) = (out.nodes.get_mut(n), answers.nodes.get(n)) {
            to.clone_from(from);
        }
    }
    out
}

/// Pictures go into Binary resources of their own; the response says where they are.
fn files(case: &Case, answers: &mut Answers, puts: &mut Vec<Put>) {
    fn look(case: &Case, nodes: &mut [mach_forms::Node], puts: &mut Vec<Put>) {
        for slot in nodes.iter_mut().flat_map(|n| &mut n.slots) {
            if let Some(Value::Attachment(file)) = &mut slot.value
                && !file.data.is_empty()
            {
                let hash = Sha256::digest(file.data.as_bytes());
                let mark: String = hash.iter().take(8).map(|b| format!("{b:02x}")).collect();
                let id = format!("{}-{mark}", bodies::id(&case.row.code));
                let body = bodies::binary(&id, &file.content_type, &file.data, case.row.person);
                puts.push(put(&case.row, ResourceType::BINARY, id.clone(), body, Vec::new()));
                (file.url, file.data) = (format!("Binary/{id}"), String::new());
            }
            look(case, &mut slot.items, puts);
        }
    }
    look(case, &mut answers.nodes, puts);
}

/// Keeps the conclusion's part and concludes; where it may not be concluded yet, the part is kept as a draft all the same:
/// nothing typed is lost. Gives the part's version, and why it was not concluded.
///
/// # Errors
/// Of the store.
pub fn keep_conclusion(
    tx: &mut Tx<'_>,
    code: &str,
    by: &By,
    posted: Posted,
    chosen: Chosen,
) -> Result<std::result::Result<(i64, Option<No>), No>> {
    let Some(case) = case::load(tx, code)? else { return Ok(Err(No::Unknown)) };
    let refused = match may_conclude(&case, &posted.answers) {
        Ok(()) => signs_with(tx, &case, by, (Act::Conclude, chosen))?.err(),
        Err(no) => Some(no),
    };
    let kept = keep(tx, code, by, Posted { finish: refused.is_none(), ..posted })?;
    let version = match (kept, refused) {
        (Ok(version), None) => version,
        (kept, refused) => return Ok(kept.map(|version| (version, refused))),
    };
    match conclude(tx, code, by, chosen)? {
        Ok(()) => Ok(Ok((version, None))),
        // The same was asked a moment ago in this transaction: it goes back as a whole.
        Err(no) => Err(Error::Refused(format!("a conclusion that was just allowed: {no:?}"))),
    }
}
