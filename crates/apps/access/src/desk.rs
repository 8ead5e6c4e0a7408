//! `/access/desk`: what a court, an investigation, an insurer, a student or a researcher asks is written down. What becomes of it
//! is in `case`.

use crate::form::{Errors, moment, stack};
use axum::Form;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use mach_access::policy::Purpose;
use mach_access::{Act, Decision, decide as may};
use mach_base::{Day, limits};
use mach_house::{Failure, House, Session};
use mach_store::desk::{self, Extent, NewRequest, Request, Words};
use mach_store::people;
use mach_ui::components::{
    Button, Card, Cell, Column, Empty, Field, FieldKind, Icon, Notice, PageHead, Row, Table, Tone, chip, field_form,
};
use mach_ui::http::Problem;
use mach_ui::{Html, Lang, Msg, msg, shell};
use serde::Deserialize;

/// Requests on one page, and looks of one request.
const SHOWN: usize = 50;
/// Who may ask, by what for.
pub(crate) const PURPOSES: [(Purpose, Msg); 4] = [
    (Purpose::Legal, msg::DESK_LEGAL),
    (Purpose::Payment, msg::DESK_PAYMENT),
    (Purpose::Education, msg::DESK_EDUCATION),
    (Purpose::Research, msg::DESK_RESEARCH),
];

pub(crate) fn purpose_label(lang: Lang, purpose: Purpose) -> &'static str {
    PURPOSES.iter().find(|(p, _)| *p == purpose).map_or("", |(_, label)| lang.t(*label))
}

/// What of a record may be asked: the bits of [`desk::PARTS`].
pub(crate) const PARTS: [(i64, Msg); 7] = [
    (0, msg::DESK_PART_ALL),
    (63 - 32, msg::DESK_PART_CARE),
    (1 | 2, msg::DESK_PART_VISITS),
    (4, msg::DESK_PART_MEDICINES),
    (8, msg::DESK_PART_RESULTS),
    (16, msg::DESK_PART_PROCEDURES),
    (32, msg::DESK_PART_MONEY),
];

/// What is asked of a record, in words: the part, and from when to when.
pub(crate) fn extent_label(lang: Lang, extent: Extent) -> String {
    let part = PARTS.iter().find(|(bits, _)| *bits == extent.parts).map_or("", |(_, label)| lang.t(*label));
    let day =
        |day: Option<i64>| day.and_then(|d| i32::try_from(d).ok()).map_or_else(|| "…".to_owned(), |d| Day(d).vi());
    match (extent.first, extent.last) {
        (None, None) => part.to_owned(),
        (first, last) => format!("{part}, {} – {}", day(first), day(last)),
    }
}

/// Lets in who writes requests down, or decides them.
pub(crate) async fn staff(house: &House, session: &Session) -> Result<Decision, Problem> {
    let writes = may(&session.actor, Act::RegisterAccess).is_ok();
    house.decide(session, if writes { Act::RegisterAccess } else { Act::ReviewAccess }).await
}

#[derive(Deserialize, Default)]
pub(crate) struct Asked {
    before: Option<i64>,
    #[serde(default)]
    done: String,
}

/// What is typed of a request.
#[derive(Deserialize, Default)]
pub(crate) struct Typed {
    #[serde(default)]
    purpose: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    body: String,
    #[serde(default)]
    paper: String,
    #[serde(default)]
    ground: String,
    #[serde(default)]
    parts: String,
    #[serde(default)]
    first: String,
    #[serde(default)]
    last: String,
    #[serde(default)]
    why: String,
    #[serde(default)]
    numbers: String,
    #[serde(default)]
    days: String,
}

/// What is said of a text that is longer than `most` characters.
pub(crate) fn too_long(lang: Lang, text: &str, most: usize) -> Option<String> {
    (text.chars().count() > most).then(|| lang.fmt(msg::FIELD_TOO_LONG, &[("max", &most.to_string())]))
}

pub(crate) async fn list(
    State(house): State<House>,
    session: Session,
    Query(asked): Query<Asked>,
) -> Result<Html, Problem> {
    let decision = staff(&house, &session).await?;
    let found = requests(&house, &decision, asked.before).await?;
    house.write(decision, |tx| tx.audit(None, "desk", "granted")).await?;
    Ok(render(&session, &found, &asked, (&Typed::default(), &Vec::new())))
}

async fn requests(house: &House, decision: &Decision, before: Option<i64>) -> Result<Vec<Request>, Problem> {
    let facility = decision.scope().facility().unwrap_or(0);
    house
        .read(decision.clone(), move |r| -> Result<Vec<Request>, Failure> {
            Ok(desk::of_facility(r, facility, (before, SHOWN + 1))?)
        })
        .await
}

pub(crate) fn state_chip(lang: Lang, request: &Request) -> Html {
    match request.state {
        desk::State::Waits => chip(Tone::Warning, lang.t(msg::DESK_WAITS)),
        desk::State::Approved if request.is_open() => chip(Tone::Good, lang.t(msg::DESK_OPEN)),
        desk::State::Approved => chip(Tone::Plain, lang.t(msg::DESK_OVER)),
        desk::State::Refused => chip(Tone::Bad, lang.t(msg::DESK_REFUSED)),
        desk::State::Ended => chip(Tone::Plain, lang.t(msg::DESK_ENDED)),
        desk::State::Withdrawn => chip(Tone::Plain, lang.t(msg::DESK_WITHDRAWN)),
    }
}

fn render(session: &Session, found: &[Request], asked: &Asked, (typed, errors): (&Typed, &Errors)) -> Html {
    let lang = session.lang;
    let title = lang.t(msg::DESK);
    let mut parts = vec![Html::from(PageHead::new(title).lead(lang.t(msg::DESK_LEAD)))];
    if asked.done == "written" {
        parts.push(Notice::new(lang, Tone::Good, lang.t(msg::DESK_WRITTEN)).into());
    }
    let shown = &found[..found.len().min(SHOWN)];
    let row = |request: &Request| {
        let who = Cell::link(&request.words.name, &format!("/access/desk/{}", request.id));
        Row::new([
            who,
            Cell::two(&request.words.body, &request.words.paper),
            Cell(Html::text(purpose_label(lang, request.purpose))),
            Cell(Html::text(&moment(request.made))),
            Cell(state_chip(lang, request)),
        ])
    };
    let columns = [msg::DESK_NAME, msg::DESK_BODY, msg::DESK_PURPOSE, msg::DESK_MADE, msg::DESK_STATE];
    let table = Table::new(lang, title, columns.map(|c| Column::text(lang.t(c))).to_vec())
        .rows(shown.iter().map(row).collect())
        .empty(Empty::new(Icon::Review, lang.t(msg::DESK_NONE), ""))
        .stack();
    let mut listed = vec![Html::from(Table { caption_hidden: true, ..table })];
    if let Some(last) = shown.last().filter(|_| found.len() > SHOWN) {
        listed.push(Button::link(lang.t(msg::NEXT_PAGE), format!("/access/desk?before={}", last.id)).into());
    }
    parts.push(Card::new(lang.t(msg::DESK_ALL), stack(listed)).into());
    if may(&session.actor, Act::RegisterAccess).is_ok() {
        let form = field_form(
            lang,
            "/access/desk",
            ("", Vec::new()),
            &fields(lang, typed, errors),
            [Button::primary(lang.t(msg::DESK_WRITE)).into()],
        );
        parts.push(Card::new(lang.t(msg::DESK_NEW), form).into());
    }
    shell::page(&session.meta(title, "/access/desk"), stack(parts))
}

fn fields(lang: Lang, typed: &Typed, errors: &Errors) -> Vec<Field> {
    let choices = PURPOSES.map(|(p, label)| (p.code().to_owned(), lang.t(label).to_owned())).to_vec();
    let text =
        |name: &'static str, label, kind, value: &str| Field::new(name, lang.t(label), kind).value(value).required();
    let days = limits::DESK_DAYS.to_string();
    let most = limits::DESK_PEOPLE.to_string();
    let parts = PARTS.map(|(bits, label)| (bits.to_string(), lang.t(label).to_owned())).to_vec();
    let fields = [
        text("purpose", msg::DESK_PURPOSE, FieldKind::Choice(choices), &typed.purpose).to_choose(lang),
        text("name", msg::DESK_NAME, FieldKind::Text, &typed.name),
        text("body", msg::DESK_BODY, FieldKind::Text, &typed.body),
        text("paper", msg::DESK_PAPER, FieldKind::Text, &typed.paper).hint(lang.t(msg::DESK_PAPER_HINT)),
        text("ground", msg::DESK_GROUND, FieldKind::Text, &typed.ground).hint(lang.t(msg::DESK_GROUND_HINT)),
        text("why", msg::DESK_WHY, FieldKind::Lines, &typed.why),
        text("numbers", msg::DESK_NUMBERS, FieldKind::Lines, &typed.numbers)
            .hint(lang.fmt(msg::DESK_NUMBERS_HINT, &[("most", &most)])),
        text("parts", msg::DESK_EXTENT, FieldKind::Choice(parts), &typed.parts).to_choose(lang),
        Field::new("first", lang.t(msg::DESK_FIRST), FieldKind::Date).value(&typed.first),
        Field::new("last", lang.t(msg::DESK_LAST), FieldKind::Date)
            .value(&typed.last)
            .hint(lang.t(msg::DESK_PERIOD_HINT)),
        text("days", msg::DESK_DAYS, FieldKind::Digits, &typed.days)
            .hint(lang.fmt(msg::DESK_DAYS_HINT, &[("most", &days)])),
    ];
    fields.into_iter().map(|field| field.told(errors)).collect()
}

pub(crate) async fn write(
    State(house): State<House>,
    session: Session,
    Form(typed): Form<Typed>,
) -> Result<Response, Problem> {
    let decision = house.decide(&session, Act::RegisterAccess).await?;
    let lang = session.lang;
    let mut errors: Errors = Vec::new();
    let plain = |text: &str| text.trim().to_owned();
    let words = Words {
        name: plain(&typed.name),
        body: plain(&typed.body),
        paper: plain(&typed.paper),
        ground: plain(&typed.ground),
        why: plain(&typed.why),
    };
    let filled = [
        ("name", &words.name, limits::NAME_CHARS),
        ("body", &words.body, limits::NAME_CHARS),
        ("paper", &words.paper, limits::NAME_CHARS),
        ("ground", &words.ground, limits::DESK_TEXT_CHARS),
        ("why", &words.why, limits::DESK_TEXT_CHARS),
    ];
    for (name, text, most) in filled {
        if text.is_empty() {
            errors.push((name, lang.t(msg::DESK_EMPTY).to_owned()));
        }
        errors.extend(too_long(lang, text, most).map(|error| (name, error)));
    }
    let purpose = PURPOSES.iter().map(|(p, _)| *p).find(|p| p.code() == typed.purpose);
    if purpose.is_none() {
        errors.push(("purpose", lang.t(msg::FIELD_CHOOSE).to_owned()));
    }
    let extent = extent(&typed);
    if let Err((name, error)) = &extent {
        errors.push((name, lang.t(*error).to_owned()));
    }
    let days = typed.days.trim().parse::<i64>().ok().filter(|d| (1..=limits::DESK_DAYS).contains(d));
    if days.is_none() {
        let most = limits::DESK_DAYS.to_string();
        errors.push(("days", lang.fmt(msg::DESK_DAYS_HINT, &[("most", &most)])));
    }
    let numbers: Vec<String> = typed.numbers.lines().map(plain).filter(|line| !line.is_empty()).collect();
    if numbers.is_empty() || numbers.len() > limits::DESK_PEOPLE {
        let most = limits::DESK_PEOPLE.to_string();
        errors.push(("numbers", lang.fmt(msg::DESK_NUMBERS_HINT, &[("most", &most)])));
    } else if let Some(error) = numbers.iter().find_map(|number| too_long(lang, number, limits::NAME_CHARS)) {
        errors.push(("numbers", error));
    } else if errors.is_empty() {
        match find(&house, &decision, numbers).await? {
            Ok(people) => {
                let (Some(purpose), Some(days), Ok(extent)) = (purpose, days, extent) else {
                    return Err(Problem::NotFound);
                };
                let new = NewRequest { purpose, days, extent, words, people };
                house.write(decision, move |tx| tx.add_request(&new)).await?;
                return Ok(Redirect::to("/access/desk?done=written").into_response());
            }
            // Who tries numbers is seen.
            Err(unknown) => {
                house.write(decision.clone(), |tx| tx.audit(None, "desk request", "failed")).await?;
                errors.push(("numbers", lang.fmt(msg::DESK_NOBODY, &[("number", &unknown)])));
            }
        }
    }
    let found = requests(&house, &decision, None).await?;
    let page = render(&session, &found, &Asked::default(), (&typed, &errors));
    Ok((StatusCode::BAD_REQUEST, page).into_response())
}

/// What of the records was typed; the field that cannot be understood, and why.
fn extent(typed: &Typed) -> Result<Extent, (&'static str, Msg)> {
    let bits = typed.parts.parse::<i64>().ok();
    let known = |bits: &i64| PARTS.iter().any(|(known, _)| known == bits);
    // What is opened is asked for: nobody gets a whole record because nothing was chosen.
    let parts = bits.filter(known).ok_or(("parts", msg::FIELD_CHOOSE))?;
    let day = |name: &'static str, text: &str| match text {
        "" => Ok(None),
        text => Day::parse_iso(text).map(|day| Some(i64::from(day.0))).ok_or((name, msg::DESK_DAY_WRONG)),
    };
    let (first, last) = (day("first", typed.first.trim())?, day("last", typed.last.trim())?);
    match (first, last) {
        (Some(first), Some(last)) if first > last => Err(("last", msg::DESK_PERIOD_WRONG)),
        _ => Ok(Extent { parts, first, last }),
    }
}

/// Whom the numbers name; the first that names nobody, or nobody whom the facility knows.
async fn find(
    house: &House,
    decision: &Decision,
    numbers: Vec<String>,
) -> Result<std::result::Result<Vec<i64>, String>, Problem> {
    let own = decision.scope().facility();
    house
        .read(decision.clone(), move |r| -> Result<_, Failure> {
            let mut found = Vec::new();
            for number in numbers {
                let person = mach_people::by_exact_number(r, &number).map_err(Problem::internal)?;
                let known = match (person, own) {
                    (Some(person), Some(own)) => people::knows(r, own, person)?,
                    (person, _) => person.is_some(),
                };
                match person.filter(|_| known) {
                    Some(person) if !found.contains(&person) => found.push(person),
                    Some(_) => {}
                    None => return Ok(Err(number)),
                }
            }
            Ok(Ok(found))
        })
        .await
}
