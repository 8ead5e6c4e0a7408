//! People whose identity is in doubt, by commune; a station's worker mends them by the card.

use crate::mend::{self, Card as OnCard, No};
use crate::view::{commune, link, moment};
use axum::extract::{Form, Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use mach_access::{Act, Decision, decide};
use mach_base::{Day, limits};
use mach_fhir::{ResourceType, Tree};
use mach_house::{Failure, House, Session};
use mach_people::{Agreement, Birth, compare_names};
use mach_store::people::{self, PersonRow};
use mach_store::resources;
use mach_store::vaccines::{self, Doubtful, Reason};
use mach_ui::components::{
    Button, Card, Cell, Column, Definitions, Empty, Field, FieldKind, Icon, Notice, PageHead, Row, Segment, Table,
    Tone, field_form, stack,
};
use mach_ui::http::Problem;
use mach_ui::shell::{Crumb, PageMeta};
use mach_ui::{Html, Msg, format, msg, shell};
use serde::Deserialize;

/// Rows of one page.
const ROWS: usize = 50;
/// Communes shown as segments.
const COMMUNES: usize = 200;
/// People born on a day that are looked at for being the same.
const ALIKE: i64 = 200;

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Asked {
    commune: Option<String>,
    #[serde(default)]
    after: i64,
}

fn why(reason: Reason) -> Msg {
    match reason {
        Reason::Missing => msg::VAC_DOUBT_MISSING,
        Reason::Malformed => msg::VAC_DOUBT_MALFORMED,
        Reason::Contradicts => msg::VAC_DOUBT_CONTRADICTS,
        Reason::Anothers => msg::VAC_DOUBT_ANOTHERS,
    }
}

/// `GET /vaccines/queue`.
pub(crate) async fn page(
    State(house): State<House>,
    session: Session,
    Query(asked): Query<Asked>,
) -> Result<Html, Problem> {
    let decision = house.decide(&session, Act::ReadVaccines).await?;
    let lang = session.lang;
    let wanted = asked.commune.clone();
    let (mut rows, names, counts) = house
        .read(decision.clone(), move |r| {
            let rows = vaccines::doubts(r, wanted.as_deref(), asked.after, ROWS + 1)?;
            let names = rows.iter().map(|d| Ok(people::person(r, d.person)?.map(|p| p.name).unwrap_or_default()));
            let names = names.collect::<Result<Vec<_>, mach_store::Error>>()?;
            Ok::<_, Failure>((rows, names, vaccines::communes(r)?))
        })
        .await?;
    house.write(decision, |tx| tx.audit(None, "vaccination identities in doubt", "granted")).await?;
    let more = rows.len() > ROWS;
    rows.truncate(ROWS);
    let may = decide(&session.actor, Act::Vaccinate).is_ok();
    let all: i64 = counts.iter().map(|(_, n)| n).sum();
    let label = |name: &str, n: i64| format!("{name} ({})", format::integer(lang, n));
    let mut segment = Segment::new(lang.t(msg::VAC_COMMUNE));
    segment = segment.item(label(lang.t(msg::VAC_ALL), all), "/vaccines/queue", asked.commune.is_none());
    for (code, n) in counts.iter().take(COMMUNES) {
        let on = asked.commune.as_deref() == Some(code.as_str());
        segment = segment.item(label(&commune(lang, code), *n), format!("/vaccines/queue?commune={code}"), on);
    }
    let columns = [msg::VAC_PERSON, msg::VAC_COMMUNE, msg::FORMS_WHY, msg::VAC_SINCE].map(|m| Column::text(lang.t(m)));
    let lines = rows.iter().zip(&names).map(|(d, name)| {
        let href = format!("/vaccines/queue/{}", d.id);
        let person = if may { Cell::link(name, &href) } else { Cell::from(name.clone()) };
        let cells = [commune(lang, &d.commune), lang.t(why(d.reason)).to_owned(), moment(d.opened)].map(Cell::from);
        Row::new([person].into_iter().chain(cells))
    });
    let table = Table::new(lang, lang.t(msg::VAC_QUEUE), columns.into())
        .rows(lines.collect())
        .empty(Empty::new(Icon::Check, lang.t(msg::VAC_QUEUE_EMPTY), ""))
        .stack()
        .walk();
    let next = rows.last().filter(|_| more).map(|last| {
        let of = asked.commune.as_ref().map(|c| format!("commune={c}&")).unwrap_or_default();
        link(lang.t(msg::NEXT_PAGE), format!("/vaccines/queue?{of}after={}", last.id), Icon::Next)
    });
    let title = lang.t(msg::VAC_QUEUE);
    let crumbs = vec![Crumb::link(lang.t(msg::VAC), "/vaccines"), Crumb::here(title)];
    let meta = PageMeta { crumbs, ..session.meta(title, "/vaccines") };
    let head = PageHead::new(title).lead(lang.t(msg::VAC_QUEUE_LEAD));
    let parts = [Some(head.into()), Some(segment.into()), Some(Card::new("", table).into()), next];
    Ok(shell::page(&meta, stack(parts.into_iter().flatten())))
}

/// A doubt with what is known of it.
struct Open {
    doubt: Doubtful,
    person: PersonRow,
    written: String,
    alike: Vec<PersonRow>,
}

async fn open(house: &House, decision: &Decision, id: i64) -> Result<Open, Problem> {
    let found = house
        .read(decision.clone(), move |r| {
            let Some(doubt) = vaccines::doubt(r, id)? else { return Ok::<_, Failure>(None) };
            let person = people::person(r, doubt.person)?.ok_or(mach_store::Error::Missing("a person"))?;
            let scope = r.scope();
            let task = resources::current(r, scope, ResourceType::TASK, &crate::bodies::task_id(doubt.id))?;
            let body = task.map(|t| t.body).unwrap_or_default();
            let tree = Tree::parse(body.as_str()).ok();
            let first = tree.as_ref().and_then(|t| t.root().get("input")?.items().next());
            let written = first.and_then(|i| i.get_text("valueString").map(|t| t.into_owned())).unwrap_or_default();
            let mut alike = Vec::new();
            for other in person.birth_day.map_or(Ok(Vec::new()), |d| people::born_on(r, d, 0, ALIKE))? {
                let Some(other) = people::person(r, other)? else { continue };
                let known = match scope.facility() {
                    Some(facility) => people::knows(r, facility, other.id)?,
                    None => true,
                };
                let same = compare_names(&other.name, &person.name) == Agreement::Same;
                if known && same && other.id != person.id && other.merged_into.is_none() && other.national.is_some() {
                    alike.push(other);
                }
            }
            Ok(Some(Open { doubt, person, written, alike }))
        })
        .await?;
    let open = found.ok_or(Problem::NotFound)?;
    let person = open.person.id;
    house.write(decision.clone(), move |tx| tx.audit(Some(person), "vaccination identity", "granted")).await?;
    Ok(open)
}

/// What was typed.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Typed {
    #[serde(default)]
    number: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    born: String,
    #[serde(default)]
    sex: String,
}

fn shown(session: &Session, open: &Open, typed: &Typed, wrong: Option<(&str, Msg)>) -> Html {
    let lang = session.lang;
    let d = &open.doubt;
    let facts = Definitions::default()
        .row(lang.t(msg::FORMS_WHY), lang.t(why(d.reason)))
        .row(lang.t(msg::VAC_WRITTEN), open.written.clone())
        .row(lang.t(msg::VAC_COMMUNE), commune(lang, &d.commune))
        .row(lang.t(msg::VAC_ADDRESS), open.person.address.clone())
        .row(lang.t(msg::VAC_PHONE), open.person.phone.clone().unwrap_or_default())
        .row(lang.t(msg::VAC_SINCE), moment(d.opened));
    let sexes = [("1", msg::SEX_MALE), ("2", msg::SEX_FEMALE), ("3", msg::SEX_OTHER)];
    let sexes = sexes.map(|(v, w)| (v.to_owned(), lang.t(w).to_owned())).into();
    let mut fields = [
        Field::new("number", lang.t(msg::VAC_ID), FieldKind::Text).value(&typed.number).required(),
        Field::new("name", lang.t(msg::VAC_PERSON), FieldKind::Text).value(&typed.name).required(),
        Field::new("born", lang.t(msg::VAC_BORN), FieldKind::Date).value(&typed.born).required(),
        Field::new("sex", lang.t(msg::VAC_SEX), FieldKind::Choice(sexes)).value(&typed.sex).to_choose(lang),
    ];
    if let Some((name, why)) = wrong
        && let Some(field) = fields.iter_mut().find(|f| f.name == name)
    {
        field.error = Some(lang.t(why).to_owned());
    }
    let action = format!("/vaccines/queue/{}", d.id);
    let button = Button::primary(lang.t(msg::VAC_MEND)).icon(Icon::Check).into();
    let body = field_form(lang, action, (lang.t(msg::VAC_MEND_LEAD), Vec::new()), &fields, [button]);
    let alike = (!open.alike.is_empty()).then(|| {
        let columns = [msg::VAC_PERSON, msg::VAC_ID, msg::VAC_ADDRESS].map(|m| Column::text(lang.t(m)));
        let rows = open
            .alike
            .iter()
            .map(|p| Row::new([p.name.clone(), p.national.clone().unwrap_or_default(), p.address.clone()]));
        let table = Table::new(lang, lang.t(msg::VAC_ALIKE), columns.into()).rows(rows.collect()).stack();
        Card::new(lang.t(msg::VAC_ALIKE), table).into()
    });
    let closed = d.closed.map(|_| Notice::new(lang, Tone::Good, lang.t(msg::VAC_MENDED)).into());
    let crumbs = vec![
        Crumb::link(lang.t(msg::VAC), "/vaccines"),
        Crumb::link(lang.t(msg::VAC_QUEUE), "/vaccines/queue"),
        Crumb::here(open.person.name.as_str()),
    ];
    let meta = PageMeta { crumbs, ..session.meta(open.person.name.as_str(), "/vaccines") };
    let form = d.closed.is_none().then(|| Card::new(lang.t(msg::VAC_MEND), body).into());
    let head = PageHead::new(open.person.name.clone()).into();
    let parts = [Some(head), closed, Some(Card::new("", facts).into()), alike, form];
    shell::page(&meta, stack(parts.into_iter().flatten()))
}

/// `GET /vaccines/queue/{id}`.
pub(crate) async fn one(State(house): State<House>, session: Session, Path(id): Path<i64>) -> Result<Html, Problem> {
    let decision = house.decide(&session, Act::Vaccinate).await?;
    let open = open(&house, &decision, id).await?;
    let typed = Typed {
        number: String::new(),
        name: open.person.name.clone(),
        born: open.person.birth_day.map(|d| crate::bodies::day(d).to_string()).unwrap_or_default(),
        sex: open.person.sex.to_string(),
    };
    Ok(shown(&session, &open, &typed, None))
}

/// `POST /vaccines/queue/{id}`.
pub(crate) async fn mend(
    State(house): State<House>,
    session: Session,
    Path(id): Path<i64>,
    Form(typed): Form<Typed>,
) -> Result<Response, Problem> {
    let decision = house.decide(&session, Act::Vaccinate).await?;
    let open = open(&house, &decision, id).await?;
    let lang = session.lang;
    let refused = |field: &str, why: Msg| {
        Ok((StatusCode::BAD_REQUEST, shown(&session, &open, &typed, Some((field, why)))).into_response())
    };
    let name = typed.name.split_whitespace().collect::<Vec<_>>().join(" ");
    if name.is_empty() || name.chars().count() > limits::NAME_CHARS || name.chars().any(char::is_control) {
        return refused("name", msg::GKSK_NAME_WRONG);
    }
    let Some(born) = crate::row::day(typed.born.trim()).filter(|d| *d <= Day::today()) else {
        return refused("born", msg::GKSK_BORN_WRONG);
    };
    let Some(sex) = typed.sex.parse().ok().filter(|s| (1..=3).contains(s)) else {
        return refused("sex", msg::FORM_NO_CHOICE);
    };
    let birth = Birth { year: born.ymd().0, day: Some(born) };
    let card = OnCard { number: typed.number.clone(), name, birth, sex };
    let done = house.write(decision, move |tx| mend::mend(tx, id, &card)).await;
    match done {
        Ok(Ok(person)) => Ok(Redirect::to(&format!("/vaccines/people/{person}?done=mend")).into_response()),
        Ok(Err(No::Unknown)) => Err(Problem::Conflict(lang.t(msg::VAC_SETTLED).to_owned())),
        Ok(Err(No::Number)) => refused("number", msg::VAC_NUMBER_WRONG),
        Ok(Err(No::Anothers)) => refused("number", msg::VAC_NUMBER_ANOTHERS),
        Ok(Err(No::NotTheirs)) => refused("name", msg::VAC_CARD_OTHER),
        // The refusal of our own closure.
        Err(Problem::Internal(text)) if text.contains(mend::ANOTHERS) => refused("number", msg::VAC_NUMBER_ANOTHERS),
        Err(other) => Err(other),
    }
}
