//! What the pages of this crate share.

use crate::case::Case;
use crate::check::Finding;
use crate::work::{By, No};
use askama::Template;
use mach_access::{Act, Decision};
use mach_base::{Day, Minute};
use mach_house::{Failure, House, Session};
use mach_store::people::{self, PersonRow};
use mach_store::prescriptions::{Prescription, Sending, State};
use mach_ui::components::{Allergies, Button, Icon, PatientBanner, Sex, Tone, chip};
use mach_ui::http::Problem;
use mach_ui::{Html, Lang, Msg, msg};

#[derive(Template)]
#[template(path = "findings.html")]
struct Findings {
    points: Vec<(String, String)>,
}

/// What the rules say, as a list.
pub(crate) fn findings(lang: Lang, found: &[Finding]) -> Html {
    let text = |f: &Finding| lang.pick(&f.text.0, &f.text.1).to_owned();
    Html::template(&Findings { points: found.iter().map(|f| (f.field.clone(), text(f))).collect() })
}

/// What the rules say, in one line.
pub(crate) fn in_a_line(lang: Lang, found: &[Finding]) -> String {
    found.iter().map(|f| lang.pick(f.text.0.as_str(), f.text.1.as_str())).collect::<Vec<_>>().join("; ")
}

/// A link that looks like a button.
pub(crate) fn link(label: &str, href: impl Into<String>, icon: Icon) -> Html {
    Button::link(label, href).icon(icon).into()
}

/// Who acts in a session.
pub(crate) fn by(session: &Session) -> By {
    By { account: session.actor.account, name: session.actor.name.clone() }
}

/// Seconds as a moment of local time.
pub(crate) fn moment(seconds: i64) -> String {
    Minute::of_seconds(seconds).vi()
}

/// What a state is called.
pub(crate) fn state_word(state: State) -> Msg {
    match state {
        State::Draft => msg::RX_STATE_DRAFT,
        State::Signing => msg::RX_STATE_SIGNING,
        State::Signed => msg::RX_STATE_SIGNED,
        State::Partly => msg::RX_STATE_PARTLY,
        State::Done => msg::RX_STATE_DONE,
        State::Replaced => msg::RX_STATE_REPLACED,
        State::Cancelled => msg::RX_STATE_CANCELLED,
    }
}

/// The chip of a state; past its last day it says so.
pub(crate) fn state_chip(lang: Lang, p: &Prescription, now: i64) -> Html {
    if matches!(p.state, State::Signed | State::Partly) && p.expires.is_some_and(|e| e < now) {
        return chip(Tone::Warning, lang.t(msg::RX_STATE_EXPIRED));
    }
    let tone = match p.state {
        State::Draft | State::Signing => Tone::Info,
        State::Signed | State::Done => Tone::Good,
        State::Partly => Tone::Warning,
        State::Replaced => Tone::Plain,
        State::Cancelled => Tone::Bad,
    };
    chip(tone, lang.t(state_word(p.state)))
}

/// How far a prescription is on its way to the national system.
pub(crate) fn sending_chip(lang: Lang, sending: Sending) -> Html {
    match sending {
        Sending::None => chip(Tone::Plain, lang.t(msg::RX_SEND_NONE)),
        Sending::Due => chip(Tone::Info, lang.t(msg::RX_SEND_DUE)),
        Sending::Sent => chip(Tone::Good, lang.t(msg::RX_SEND_SENT)),
        Sending::Refused => chip(Tone::Bad, lang.t(msg::RX_SEND_REFUSED)),
    }
}

/// The person in the banner, with what is known of allergies.
pub(crate) fn banner(lang: Lang, p: &PersonRow, allergies: &[String]) -> PatientBanner {
    let day = |n: i64| Day(i32::try_from(n).unwrap_or_default());
    PatientBanner {
        born: p.birth_day.map(day),
        birth_year: i32::try_from(p.birth_year).ok().filter(|y| *y != 0),
        sex: match p.sex {
            1 => Sex::Male,
            2 => Sex::Female,
            3 => Sex::Other,
            _ => Sex::Unknown,
        },
        ids: p.national.iter().map(|n| (lang.t(msg::GKSK_ID).to_owned(), n.clone())).collect(),
        allergies: if allergies.is_empty() { Allergies::NotAsked } else { Allergies::Known(allergies.to_vec()) },
        ..PatientBanner::new(lang, p.name.as_str(), Day::today())
    }
}

/// Why something was not done, for the reader.
pub(crate) fn refusal(lang: Lang, no: &No) -> Problem {
    let because = |m: Msg| Problem::Conflict(lang.t(m).to_owned());
    match no {
        No::Unknown => Problem::NotFound,
        No::State => because(msg::RX_NO_STATE),
        No::Rules(found) => Problem::Conflict(in_a_line(lang, found)),
        No::NotYours => because(msg::RX_NOT_YOURS),
        No::NoPolicy => because(msg::RX_NO_POLICY),
        No::NoSigner => because(msg::RX_NO_SIGNER),
        No::Altered => because(msg::RX_ALTERED),
        No::Early => because(msg::RX_EARLY),
        No::Expired => because(msg::RX_EXPIRED),
        No::Nothing => Problem::BadRequest(lang.t(msg::RX_NOTHING).to_owned()),
        No::NoReceiver => Problem::BadRequest(lang.t(msg::RX_NO_RECEIVER).to_owned()),
        No::NoReceipt => Problem::BadRequest(lang.t(msg::RX_NO_RECEIPT).to_owned()),
        No::ReceiptChanged => because(msg::RX_RECEIPT_CHANGED),
        No::TooMuch(n) => Problem::Conflict(lang.fmt(msg::RX_TOO_MUCH, &[("n", &n.to_string())])),
        No::OtherSale => because(msg::RX_OTHER_SALE),
    }
}

/// The prescription with this code and its person, seen by somebody: that is audited.
pub(crate) async fn seen(
    house: &House,
    session: &Session,
    code: &str,
    act: Act,
) -> Result<(Decision, Case, PersonRow), Problem> {
    let decision = house.decide(session, act).await?;
    let wanted = crate::code::parse(code).ok_or(Problem::NotFound)?;
    let account = session.actor.account;
    let found = house
        .read(decision.clone(), move |r| {
            let found = crate::case::load(r, &wanted)?.filter(|c| c.is_open_to(account));
            let Some(case) = found else { return Ok::<_, Failure>(None) };
            let person = people::person(r, case.row.person)?.ok_or(mach_store::Error::Missing("a person"))?;
            Ok(Some((case, person)))
        })
        .await?;
    let (case, person) = found.ok_or(Problem::NotFound)?;
    let (id, target) = (case.row.person, format!("prescription {}", case.row.code));
    house.write(decision.clone(), move |tx| tx.audit(Some(id), &target, "granted")).await?;
    Ok((decision, case, person))
}
