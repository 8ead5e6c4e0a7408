//! `GET /people`: finding a person.

use crate::emergency;
use crate::error::Error;
use crate::people_view::{birth_and_age, masked_ids, sex};
use askama::Template;
use axum::extract::{Query, State};
use mach_access::Act;
use mach_base::limits::SEARCH_CHARS;
use mach_base::{Day, Minute};
use mach_house::{House, Session, facility_name};
use mach_people::{Page as Part, PersonRow};
use mach_store::claims::State as ClaimState;
use mach_store::claims_list::{self, ClaimRow};
use mach_store::resources;
use mach_store::sql::Query as Rows;
use mach_ui::components::{Card, Cell, Column, Empty, Field, FieldKind, Filters, Icon, PageHead, Pager, Row, Table};
use mach_ui::http::Problem;
use mach_ui::{Html, Lang, format, msg, shell};
use serde::Deserialize;

/// People of one page.
const PAGE: usize = 25;
/// People shown before anything is typed, and the claims looked through for them.
const RECENT: usize = 15;
const RECENT_CLAIMS: usize = 60;

#[derive(Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    q: String,
    after: Option<String>,
}

/// A person with what the list shows of their visits.
struct Line {
    person: PersonRow,
    last: Option<ClaimRow>,
    visits: i64,
}

/// What was found.
#[derive(Default)]
struct Answer {
    lines: Vec<Line>,
    next: Option<String>,
    /// Whether this page goes on from another.
    continued: bool,
    short: bool,
}

pub(crate) async fn page(
    State(house): State<House>,
    session: Session,
    Query(asked): Query<Asked>,
) -> Result<Html, Problem> {
    let decision = house.decide(&session, Act::SearchPeople).await?;
    let text: String = asked.q.trim().chars().take(SEARCH_CHARS).collect();
    let (question, after) = (text.clone(), asked.after);
    if !text.is_empty() {
        session.looks_for_people()?;
    }
    let scope = decision.scope().facility();
    let answer = house
        .read(decision.clone(), move |reader| {
            if question.is_empty() { recent(reader, scope) } else { find(reader, &question, scope, after) }
        })
        .await?;
    // Who searched and how much was typed; never the text, which is someone's name or number.
    let target = format!("search {} chars", text.chars().count());
    house.write(decision, move |tx| tx.audit(None, &target, "granted")).await?;
    Ok(render(&session, &text, &answer))
}

fn find(on: &mut dyn Rows, text: &str, scope: Option<i64>, after: Option<String>) -> Result<Answer, Error> {
    let continued = after.is_some();
    // Somebody of public interest is found by those only who may open their record.
    let found = mach_people::search_open(on, text, scope, &Part { after, limit: PAGE })?;
    let lines = found.hits.into_iter().map(|hit| line(on, hit.person)).collect::<Result<Vec<_>, _>>()?;
    Ok(Answer { lines, next: found.next, continued, short: found.short })
}

fn line(on: &mut dyn Rows, person: PersonRow) -> Result<Line, Error> {
    let last = claims_list::visits_of_person(on, person.id, None, 1)?.pop();
    Ok(Line { last, visits: claims_list::visit_count(on, person.id)?, person })
}

/// People of the claims received last, each once.
fn recent(on: &mut dyn Rows, scope: Option<i64>) -> Result<Answer, Error> {
    let claims = claims_list::page(on, scope, Some(ClaimState::Accepted), None, RECENT_CLAIMS)?;
    let mut people: Vec<i64> = Vec::new();
    for person in claims.iter().filter_map(|c| c.person) {
        if !people.contains(&person) && people.len() < RECENT && resources::may_open(on, person)? {
            people.push(person);
        }
    }
    let rows =
        people.into_iter().map(|id| Ok(mach_store::people::person(on, id)?)).collect::<Result<Vec<_>, Error>>()?;
    let mut lines = rows.into_iter().flatten().map(|row| line(on, row)).collect::<Result<Vec<_>, _>>()?;
    lines.sort_by_key(|l| std::cmp::Reverse(l.last.as_ref().and_then(|v| v.arrived)));
    Ok(Answer { lines, ..Answer::default() })
}

#[derive(Template)]
#[template(path = "search.html")]
struct Page {
    head: PageHead,
    form: Filters,
    how: String,
    list: Html,
    pager: Option<Pager>,
}

fn render(session: &Session, text: &str, answer: &Answer) -> Html {
    let lang = session.lang;
    let mut meta = session.meta(lang.t(msg::PEOPLE), "/people");
    meta.query = text.to_owned();
    let scope = match &session.facility_code {
        Some(code) => lang.fmt(msg::PEOPLE_SCOPE_FACILITY, &[("facility", &facility_name(code))]),
        None => lang.t(msg::PEOPLE_SCOPE_ALL).to_owned(),
    };
    let head = PageHead::new(lang.t(msg::PEOPLE)).lead(format!("{} {scope}", lang.t(msg::PEOPLE_LEAD)));
    let head = head.actions(emergency::button(session, None));
    let mut field = Field::new("q", lang.t(msg::SEARCH_LABEL), FieldKind::Search).value(text);
    field.max_chars = SEARCH_CHARS;
    let form =
        Filters { lang, action: "/people".into(), fields: vec![field], kept: Vec::new(), active: !text.is_empty() };
    let count = format::integer(lang, answer.lines.len() as i64);
    let first = format!("/people?q={}", format::query_value(text));
    let pager = answer.next.is_some().then(|| Pager {
        lang,
        previous: None,
        next: answer.next.as_ref().map(|next| format::with_query(&first, "after", next)),
        shown: lang.fmt(msg::PEOPLE_SHOWN, &[("count", &count)]),
    });
    // All of them are on this page only where it is the first and there is no next.
    let whole = answer.next.is_none() && !answer.continued;
    let title = match (text.is_empty(), session.actor.facility) {
        (false, _) if whole => lang.fmt(msg::PEOPLE_FOUND, &[("count", &count)]),
        (false, _) => lang.fmt(msg::PEOPLE_SHOWN, &[("count", &count)]),
        (true, Some(_)) => lang.t(msg::PEOPLE_RECENT).to_owned(),
        (true, None) => lang.t(msg::PEOPLE_RECENT_ALL).to_owned(),
    };
    let table = table(lang, &title, answer).empty(nobody(lang, text, answer.short)).stack().walk();
    let list = if answer.lines.is_empty() { Html::from(table) } else { Card::new(title, table).into() };
    let how = if text.is_empty() { lang.t(msg::PEOPLE_HOW).to_owned() } else { String::new() };
    shell::page(&meta, Html::template(&Page { head, form, how, list, pager }))
}

fn nobody(lang: Lang, text: &str, short: bool) -> Empty {
    match (text.is_empty(), short) {
        (true, _) => Empty::new(Icon::People, lang.t(msg::PEOPLE_RECENT_NONE), lang.t(msg::PEOPLE_RECENT_NONE_DO)),
        (false, true) => Empty::new(Icon::Search, lang.t(msg::PEOPLE_SHORT), lang.t(msg::PEOPLE_SHORT_DO)),
        (false, false) => {
            let title = lang.fmt(msg::PEOPLE_NONE, &[("query", text)]);
            Empty::new(Icon::Search, title, lang.t(msg::PEOPLE_NONE_DO))
        }
    }
}

#[derive(Template)]
#[template(path = "person-cell.html")]
struct PersonCell<'a> {
    id: i64,
    name: &'a str,
}

fn table(lang: Lang, caption: &str, answer: &Answer) -> Table {
    let today = Day::today();
    let columns = vec![
        Column::text(lang.t(msg::NAME)),
        Column::text(lang.t(msg::PEOPLE_BIRTH)),
        Column::text(lang.t(msg::SEX)),
        Column::text(lang.t(msg::PEOPLE_IDS)),
        Column::text(lang.t(msg::PEOPLE_LAST_VISIT)),
        Column::number(lang.t(msg::PEOPLE_VISITS)),
    ];
    let row = |line: &Line| {
        let person = &line.person;
        let last = line.last.as_ref().map_or_else(Cell::default, |visit| {
            let day = Minute(visit.arrived.unwrap_or_default()).day();
            Cell::two(&format::date(day), &facility_name(&visit.facility))
        });
        Row::new([
            Cell(Html::template(&PersonCell { id: person.id, name: &person.name })),
            birth_and_age(lang, person, today).into(),
            sex(person).text(lang).into(),
            masked_ids(person).into(),
            last,
            format::integer(lang, line.visits).into(),
        ])
    };
    Table::new(lang, caption, columns).rows(answer.lines.iter().map(row).collect())
}
