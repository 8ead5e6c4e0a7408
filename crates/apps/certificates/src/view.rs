//! What the pages of this crate share.

use crate::bodies::By;
use crate::case::Case;
use crate::work::No;
use askama::Template;
use mach_access::{Act, Decision};
use mach_base::Day;
use mach_house::{Failure, House, Session};
use mach_store::certificates::{Certificate, Sending, State};
use mach_ui::components::{Allergies, Button, Field, Icon, PatientBanner, Sex, Tone, chip};
use mach_ui::http::Problem;
use mach_ui::shell::{Crumb, PageMeta};
use mach_ui::{Html, Lang, Msg, msg};

#[derive(Template)]
#[template(path = "points.html")]
struct Points {
    points: Vec<String>,
}

/// A list of sentences.
pub(crate) fn points(points: Vec<String>) -> Html {
    Html::template(&Points { points })
}

/// Who acts in a session.
pub(crate) fn by(session: &Session) -> By {
    By { account: session.actor.account, name: session.actor.name.clone() }
}

/// The page's frame of one case, with its person in the banner.
pub(crate) fn meta(session: &Session, case: &Case, title: &str) -> PageMeta {
    let lang = session.lang;
    let home = format!("/certificates/case/{}", case.row.code);
    let mut crumbs = vec![Crumb::link(lang.t(msg::GKSK), "/certificates")];
    match title.is_empty() {
        true => crumbs.push(Crumb::here(case.row.name.as_str())),
        false => crumbs.extend([Crumb::link(case.row.name.as_str(), home), Crumb::here(title)]),
    }
    let shown = if title.is_empty() { case.row.name.as_str() } else { title };
    PageMeta { crumbs, banner: banner(lang, case).into(), ..session.meta(shown, "/certificates") }
}

fn banner(lang: Lang, case: &Case) -> PatientBanner {
    let who = case.particulars();
    let sex = match who.gender.as_str() {
        "male" => Sex::Male,
        "female" => Sex::Female,
        "other" => Sex::Other,
        _ => Sex::Unknown,
    };
    PatientBanner {
        born: Day::parse_iso(&who.born),
        birth_year: who.born.get(..4).and_then(|y| y.parse().ok()),
        sex,
        ids: vec![(lang.t(msg::GKSK_ID).to_owned(), case.row.national.clone())],
        allergies: Allergies::NotAsked,
        ..PatientBanner::new(lang, case.row.name.as_str(), Day::today())
    }
}

/// What a state is called.
pub(crate) fn state_word(state: State) -> Msg {
    match state {
        State::Examining => msg::GKSK_STATE_EXAMINING,
        State::Concluded => msg::GKSK_STATE_CONCLUDED,
        State::Issued => msg::GKSK_STATE_ISSUED,
        State::Revoked => msg::GKSK_STATE_REVOKED,
        State::Cancelled => msg::GKSK_STATE_CANCELLED,
    }
}

/// Its chip.
pub(crate) fn state_chip(lang: Lang, state: State) -> Html {
    let tone = match state {
        State::Examining => Tone::Info,
        State::Concluded => Tone::Warning,
        State::Issued => Tone::Good,
        State::Revoked => Tone::Bad,
        State::Cancelled => Tone::Plain,
    };
    chip(tone, lang.t(state_word(state)))
}

/// What a result is called; the code itself where it is none.
pub(crate) fn result_word(lang: Lang, result: &str) -> String {
    match result {
        "A0-1" => lang.t(msg::GKSK_FIT).to_owned(),
        "A0-2" => lang.t(msg::GKSK_UNFIT).to_owned(),
        "A0-3" => lang.t(msg::GKSK_AGAIN).to_owned(),
        "" => "—".to_owned(),
        other => other.to_owned(),
    }
}

/// How far a certificate is on its way to the gateway.
pub(crate) fn sending_chip(lang: Lang, c: &Certificate, now: i64) -> Html {
    let due = c.due.unwrap_or(now);
    let when = crate::bodies::shown(due);
    match c.sending {
        Sending::None => chip(Tone::Plain, lang.t(msg::GKSK_SEND_NONE)),
        Sending::Due if due < now => chip(Tone::Bad, &lang.fmt(msg::GKSK_SEND_LATE, &[("when", &when)])),
        Sending::Due => chip(Tone::Info, &lang.fmt(msg::GKSK_SEND_DUE, &[("when", &when)])),
        Sending::Sent => chip(Tone::Good, lang.t(msg::GKSK_SENT)),
        Sending::Refused => chip(Tone::Bad, &lang.fmt(msg::GKSK_SEND_REFUSED, &[("why", "")])),
    }
}

/// A link that looks like a button.
pub(crate) fn link(label: &str, href: impl Into<String>, icon: Icon) -> Html {
    Button::link(label, href).icon(icon).into()
}

/// Puts what is wrong to its fields.
pub(crate) fn told(fields: &mut [Field], errors: &[(&'static str, String)]) {
    for (name, text) in errors {
        if let Some(field) = fields.iter_mut().find(|f| f.name == *name) {
            field.error = Some(text.clone());
        }
    }
}

/// Why something was not done, in words.
pub(crate) fn why_not(lang: Lang, no: No) -> &'static str {
    lang.t(match no {
        No::Unknown => msg::ERROR_404,
        No::State => msg::GKSK_PART_CLOSED,
        No::Changed => msg::GKSK_CHANGED_MEANWHILE,
        No::Incomplete => msg::GKSK_INCOMPLETE,
        No::Differs => msg::GKSK_DIFFERS_WANTED,
        No::Same => msg::GKSK_SIGN_SAME,
        No::NotHead => msg::GKSK_NOT_HEAD,
        No::NoPolicy => msg::GKSK_NO_POLICY,
        No::NoSigner => msg::GKSK_NO_SIGNER,
        No::Unsigned => msg::GKSK_UNSIGNED,
    })
}

/// The same, as an answer.
pub(crate) fn refusal(lang: Lang, no: No) -> Problem {
    match no {
        No::Unknown => Problem::NotFound,
        No::NotHead => Problem::Forbidden,
        No::Differs => Problem::BadRequest(why_not(lang, no).to_owned()),
        no => Problem::Conflict(why_not(lang, no).to_owned()),
    }
}

/// The case with this code, seen by somebody: that is audited.
pub(crate) async fn seen(house: &House, session: &Session, code: &str, act: Act) -> Result<(Decision, Case), Problem> {
    let decision = house.decide(session, act).await?;
    let wanted = code.to_uppercase();
    let case = house.read(decision.clone(), move |r| Ok::<_, Failure>(crate::case::load(r, &wanted)?)).await?;
    let case = case.ok_or(Problem::NotFound)?;
    let (person, target) = (case.row.person, format!("driver certificate {}", case.row.code));
    house.write(decision.clone(), move |tx| tx.audit(Some(person), &target, "granted")).await?;
    Ok((decision, case))
}
