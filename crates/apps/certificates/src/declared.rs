//! What the person who is examined declares, and their signature under it.

use crate::bodies;
use crate::case::{self, Case};
use crate::work::{No, put};
use mach_base::time::now_seconds;
use mach_fhir::{ResourceType, Tree};
use mach_forms::{Answers, Item, Value, show};
use mach_signing::patient::{self, Asked, Way};
use mach_store::certificates::State;
use mach_store::signing::Act;
use mach_store::{Error, Result, Tx, resources};
use mach_ui::{Lang, msg};

/// The part that the person declares.
pub(crate) const HISTORY: &str = "history";
/// The question that they sign in.
pub(crate) const HAND: &str = "hx-signature";

/// The declaration to the letter, as the page shows it and the signature is of: who, on which form, each question with its answer.
pub fn text(case: &Case, answers: &Answers) -> String {
    fn lines(case: &Case, answers: &Answers, items: &[Item], out: &mut String) {
        for item in items.iter().filter(|i| i.link != HAND) {
            let said: Vec<String> =
                answers.values(&case.form, &item.link).into_iter().map(|v| show::in_lang(Lang::Vi, item, v)).collect();
            if !said.is_empty() {
                out.push_str(&format!("{}: {}\n", item.text.in_lang(Lang::Vi), said.join("; ")));
            }
            lines(case, answers, &item.items, out);
        }
    }
    let mut out =
        format!("{} ({})\n{} {}\n", case.form.title.in_lang(Lang::Vi), case.row.form, case.row.name, case.row.national);
    let history = case.form.item(HISTORY).map(|i| i.items.as_slice()).unwrap_or_default();
    lines(case, answers, history, &mut out);
    out
}

/// The drawing under the declaration.
fn hand(tx: &mut Tx<'_>, case: &Case, answers: &Answers) -> Result<Option<Vec<u8>>> {
    let Some(Value::Attachment(file)) = answers.value(&case.form, HAND) else { return Ok(None) };
    let data = match file.url.strip_prefix("Binary/") {
        None => file.data.clone(),
        Some(id) => {
            let scope = mach_access::Scope::Facility(case.row.facility);
            let found = resources::current(tx, scope, ResourceType::BINARY, id)?.filter(|r| !r.deleted);
            let Some(found) = found else { return Ok(None) };
            let tree = Tree::parse(found.body.as_str()).map_err(|e| Error::Files(e.to_string()))?;
            tree.root().get_text("data").unwrap_or_default().into_owned()
        }
    };
    Ok(mach_sign::from_base64(&data).ok().filter(|bytes| !bytes.is_empty()))
}

/// The declaration is done: where it was signed by hand, the signature is bound to what it says now.
pub(crate) fn done(tx: &mut Tx<'_>, case: &Case, answers: &Answers, by: &bodies::By) -> Result<()> {
    // What other programs send was signed there.
    if by.account == 0 {
        return Ok(());
    }
    let Some(drawn) = hand(tx, case, answers)? else { return Ok(()) };
    let shown = text(case, answers);
    signed(tx, case, &shown, by, (Way::Pad, &drawn)).map(drop)
}

/// The person confirmed what they were shown: by a code, or by what a reader states. What is kept is compared with it once more.
///
/// # Errors
/// Of the store.
pub(crate) fn confirmed(
    tx: &mut Tx<'_>,
    code: &str,
    by: &bodies::By,
    shown: [u8; 32],
    given: (Way, &[u8]),
) -> Result<std::result::Result<(), No>> {
    let Some(case) = case::load(tx, code)? else { return Ok(Err(No::Unknown)) };
    let done = case.parts.iter().any(|part| part.link == HISTORY && part.done);
    if case.row.state != State::Examining || !done {
        return Ok(Err(No::State));
    }
    let text = text(&case, &case.answers);
    if mach_sign::sha256(text.as_bytes()) != shown {
        return Ok(Err(No::Changed));
    }
    if !signed(tx, &case, &text, by, given)? {
        return Ok(Err(No::Changed));
    }
    if given.0 == Way::Finger {
        let id = format!("{}-statement", bodies::id(&case.row.code));
        let body = bodies::binary(&id, "application/jose", &mach_sign::base64(given.1), case.row.person);
        tx.put(&[put(&case.row, ResourceType::BINARY, id, body, Vec::new())])?;
    }
    let target = format!("declaration of driver certificate {code} signed by {}", given.0.code());
    tx.audit(Some(case.row.person), &target, "granted")?;
    Ok(Ok(()))
}

/// Keeps the signature and exactly what it is of.
fn signed(tx: &mut Tx<'_>, case: &Case, shown: &str, by: &bodies::By, given: (Way, &[u8])) -> Result<bool> {
    let asked = Asked {
        facility: case.row.facility,
        code: &case.row.code,
        act: Act::Declare,
        witness: (by.account, &by.name),
        shown: shown.as_bytes(),
        given,
    };
    let kept = patient::sign(tx, &asked, now_seconds())?;
    if kept {
        let id = format!("{}-declared", bodies::id(&case.row.code));
        let data = mach_sign::base64(shown.as_bytes());
        let body = bodies::binary(&id, "text/plain", &data, case.row.person);
        tx.put(&[put(&case.row, ResourceType::BINARY, id, body, Vec::new())])?;
    }
    Ok(kept)
}

/// By which way the person signed what is declared now; `None` where nobody did.
pub(crate) fn way(case: &Case) -> Option<Way> {
    let signed = case.declared.as_ref()?;
    signed.is_of(text(case, &case.answers).as_bytes()).then_some(signed.way)
}

/// What is said of the signature, on paper and on pages; `None` where nobody signed.
pub(crate) fn said(lang: Lang, case: &Case) -> Option<String> {
    let signed = case.declared.as_ref()?;
    if !signed.is_of(text(case, &case.answers).as_bytes()) {
        return Some(lang.t(msg::GKSK_DECLARED_CHANGED).to_owned());
    }
    // The mark of what was drawn. A hash of what was declared would tell it to who tries the few answers there are.
    let when = bodies::shown(signed.at);
    let how = match signed.way {
        Way::Pad => msg::GKSK_DECLARED,
        Way::Code => msg::GKSK_DECLARED_CODE,
        Way::Finger => msg::GKSK_DECLARED_FINGER,
        Way::Paper => msg::GKSK_DECLARED_PAPER,
    };
    Some(lang.fmt(how, &[("when", &when), ("witness", &signed.witness), ("hash", &signed.mark)]))
}
