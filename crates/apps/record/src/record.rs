//! `GET /people/{person}`: the record of one person across all facilities.

use crate::cards;
use crate::conditions::ConditionBody;
use crate::costs::ClaimBody;
use crate::documents::DocumentBody;
use crate::emergency;
use crate::error::Result;
use crate::fact::Facts;
use crate::medicines::MedicationBody;
use crate::opening::{Seen, see};
use crate::people_view::{self, CoverageBody, EncounterBody};
use crate::results::{ObservationBody, Subject};
use crate::view::Reading;
use crate::visits::Before;
use crate::{conditions, costs, medicines, results};
use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use mach_access::policy::{Purpose, Relation};
use mach_access::{Act, Role, decide};
use mach_base::{Day, Minute};
use mach_fhir::ResourceType;
use mach_house::{House, Session};
use mach_people::{MergeRow, NumberKind, PersonView};
use mach_store::claims_list::ClaimRow;
use mach_store::sql::Query as Rows;
use mach_store::{audit, claims_list, people, resources, schema};
use mach_ui::components::{Button, Notice, PageHead, Tone, print_button};
use mach_ui::http::Problem;
use mach_ui::shell::{self, Crumb};
use mach_ui::{Html, Lang, format, msg};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::HashMap;

/// Visits of one page of the timeline.
const VISITS: usize = 50;
const CONDITIONS: usize = 400;
pub(crate) const ORDERS: usize = 200;
pub(crate) const OBSERVATIONS: usize = 200;
pub(crate) const DOCUMENTS: usize = 30;
pub(crate) const BILLS: usize = 200;
const LOOKS: usize = 20;

/// Everything the page shows, as read.
pub(crate) struct Record {
    pub(crate) view: PersonView,
    /// Codes of facilities by their numbers in the store.
    pub(crate) facilities: HashMap<i64, String>,
    pub(crate) visits: Vec<ClaimRow>,
    /// Where older visits go on.
    pub(crate) older: Option<Before>,
    visit_count: i64,
    pub(crate) newest_visit: Option<Minute>,
    pub(crate) conditions: Facts<ConditionBody>,
    pub(crate) orders: Facts<MedicationBody>,
    pub(crate) observations: Facts<ObservationBody>,
    pub(crate) documents: Facts<DocumentBody>,
    pub(crate) bills: Facts<ClaimBody>,
    coverage: Facts<CoverageBody>,
    encounter: Facts<EncounterBody>,
    /// Merges into this person, with the other's name.
    pub(crate) merges: Vec<(MergeRow, String)>,
    pub(crate) looks: Vec<audit::Entry>,
    /// By what the record is open to the reader beyond their standing.
    opened: Vec<(Relation, Purpose, i64)>,
}

#[derive(Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    before: String,
    /// The person whose merge was just undone.
    undone: Option<i64>,
    /// The person whose address led here.
    moved: Option<i64>,
}

pub(crate) async fn page(
    State(house): State<House>,
    session: Session,
    Path(person): Path<String>,
    Query(asked): Query<Asked>,
) -> std::result::Result<Response, Problem> {
    let before = match asked.before.as_str() {
        "" => None,
        text => Some(Before::parse(text).ok_or(Problem::NotFound)?),
    };
    match see(&house, &session, &person, "", move |reader, id| gather(reader, id, before)).await? {
        Seen::Moved(root) => Ok(Redirect::to(&format!("/people/{root}?moved={person}")).into_response()),
        Seen::Here(id, record) => {
            let reading = Reading::new(&session, id);
            Ok(render(&session, reading, record, &asked).into_response())
        }
    }
}

fn facts<T: DeserializeOwned>(on: &mut dyn Rows, person: i64, kind: ResourceType, limit: usize) -> Result<Facts<T>> {
    Ok(Facts::of(&resources::of_patient(on, person, kind, None, limit)?, limit))
}

fn gather(on: &mut mach_store::Reader, id: i64, before: Option<Before>) -> Result<Option<Record>> {
    let Some(view) = mach_people::view(on, id)? else { return Ok(None) };
    let mut visits = claims_list::visits_of_person(on, id, before.map(|b| (b.0, b.1)), VISITS + 1)?;
    let more = visits.len() > VISITS;
    visits.truncate(VISITS);
    let newest_visit = match before {
        None => visits.first().and_then(|v| v.arrived),
        Some(_) => claims_list::visits_of_person(on, id, None, 1)?.first().and_then(|v| v.arrived),
    };
    let mut merges = Vec::new();
    for merge in mach_people::merges(on, id)? {
        let other = people::person(on, merge.lose)?.map(|p| p.name).unwrap_or_default();
        merges.push((merge, other));
    }
    Ok(Some(Record {
        older: visits.last().filter(|_| more).map(|v| Before(v.arrived.unwrap_or_default(), v.id)),
        visits,
        visit_count: claims_list::visit_count(on, id)?,
        newest_visit: newest_visit.map(Minute),
        conditions: facts(on, id, ResourceType::CONDITION, CONDITIONS)?,
        orders: facts(on, id, ResourceType::MEDICATION_REQUEST, ORDERS)?,
        observations: facts(on, id, ResourceType::OBSERVATION, OBSERVATIONS)?,
        documents: facts(on, id, ResourceType::DOCUMENT_REFERENCE, DOCUMENTS)?,
        bills: facts(on, id, ResourceType::CLAIM, BILLS)?,
        coverage: facts(on, id, ResourceType::COVERAGE, 3)?,
        encounter: facts(on, id, ResourceType::ENCOUNTER, 1)?,
        merges,
        looks: audit::of_person(on, id, LOOKS)?,
        opened: resources::opened_by(on, id)?,
        facilities: schema::facilities(on)?.into_iter().collect(),
        view,
    }))
}

impl Record {
    fn unread(&self) -> usize {
        [
            self.conditions.unread,
            self.orders.unread,
            self.observations.unread,
            self.documents.unread,
            self.bills.unread,
            self.coverage.unread,
            self.encounter.unread,
        ]
        .iter()
        .sum()
    }

    /// The name of the facility with this number.
    pub(crate) fn facility_name(&self, number: i64) -> String {
        self.facilities.get(&number).map_or_else(|| number.to_string(), |code| mach_house::facility_name(code))
    }
}

#[derive(Template)]
#[template(path = "banner.html")]
struct Banner {
    banner: Html,
}

/// The banner with the mark that tests look for.
pub(crate) fn marked(banner: impl Into<Html>) -> Html {
    Html::template(&Banner { banner: banner.into() })
}

#[derive(Template)]
#[template(path = "record.html")]
struct Page {
    head: PageHead,
    notices: Vec<Notice>,
    first: Vec<Html>,
    second: Vec<Html>,
    third: Vec<Html>,
}

/// Where a record is one of several.
pub(crate) fn up(session: &Session) -> Crumb {
    match session.actor.role {
        Role::Citizen => Crumb::link(session.lang.t(msg::ME), "/me"),
        Role::Visitor => Crumb::link(session.lang.t(msg::DESK_VIEW), "/desk/view"),
        _ => Crumb::link(session.lang.t(msg::PEOPLE), "/people"),
    }
}

fn render(session: &Session, reading: Reading, mut record: Record, asked: &Asked) -> Html {
    // Who comes by the access desk is shown what is known of the person, not how it came together and who else looked.
    let is_visitor = session.actor.role == Role::Visitor;
    if is_visitor {
        record.view.numbers.retain(|number| number.kind != NumberKind::Local);
        record.merges.clear();
        record.looks.clear();
    }
    let (lang, today) = (session.lang, Day::today());
    let person = &record.view.person;
    let mut meta = session.meta(person.name.clone(), "/people");
    meta.crumbs = vec![up(session), Crumb::here(person.name.clone())];
    meta.banner = marked(people_view::banner(lang, person, &record.coverage, &record.encounter, today));
    let subject = Subject { sex: person.sex, adult_from: people_view::adult_from(person) };
    let head = PageHead::new(lang.t(msg::RECORD))
        .lead(lang.fmt(msg::RECORD_VISITS, &[("count", &record.visit_count.to_string())]))
        .actions(
            emergency::button(session, Some(reading.person))
                .into_iter()
                .chain(apps(session, reading.person))
                .chain([print_button(lang)]),
        );
    let notices = notices(lang, &record, asked);
    let newest = record.newest_visit.unwrap_or_default();
    let conditions = conditions::group(record.conditions.read.clone());
    let medicines = medicines::group(record.orders.read.clone(), newest);
    let results = results::group(record.observations.read.clone(), subject);
    let page = Page {
        head,
        notices,
        first: [
            cards::conditions(reading, &conditions, record.conditions.more),
            cards::medicines(reading, &medicines, record.newest_visit, record.orders.more),
            cards::numbers(reading, &record),
        ]
        .into_iter()
        .chain(
            (!is_visitor)
                .then(|| [cards::merges(reading, &record), cards::looks(reading, &record)])
                .into_iter()
                .flatten(),
        )
        .collect(),
        second: vec![cards::timeline(reading, &record, !asked.before.is_empty())],
        third: cards::results(reading, &results, subject, record.observations.more)
            .into_iter()
            .chain([
                cards::documents(reading, &record.documents),
                cards::costs(reading, &costs::sum(&record.bills.read), record.bills.more),
            ])
            .chain(cards::notes(reading, &results))
            .collect(),
    };
    shell::page(&meta, Html::template(&page))
}

/// The way to apps that are opened with this patient (`mach-smart`), for whoever may ask for records by them.
fn apps(session: &Session, person: i64) -> Option<Html> {
    decide(&session.actor, Act::ReadFhir).ok()?;
    Some(Button::link(session.lang.t(msg::SMART_OPEN), format!("/apps/launch/{person}")).into())
}

fn notices(lang: Lang, record: &Record, asked: &Asked) -> Vec<Notice> {
    let mut notices = Vec::new();
    if let Some((.., until)) = record.opened.iter().find(|(relation, ..)| *relation == Relation::BreakGlass) {
        let until = format::date_time(Minute::of_seconds(until * 60));
        let open = Notice::new(lang, Tone::Bad, lang.fmt(msg::EMERGENCY_OPEN, &[("until", &until)]));
        notices.push(Notice { says_kind: true, ..open });
    }
    if let Some((.., until)) = record.opened.iter().find(|(relation, ..)| *relation == Relation::Desk) {
        let until = format::date_time(Minute::of_seconds(until * 60));
        notices.push(Notice::new(lang, Tone::Warning, lang.fmt(msg::DESK_BANNER, &[("until", &until)])));
    }
    if let Some((.., until)) = record.opened.iter().find(|(relation, ..)| *relation == Relation::Named) {
        let until = format::date_time(Minute::of_seconds(until * 60));
        notices.push(Notice::new(lang, Tone::Warning, lang.fmt(msg::PROTECT_BANNER, &[("until", &until)])));
    }
    let number = |n: i64| n.to_string();
    // Numbers of an address are only believed where the merges of this record say the same.
    let known = |n: &i64| record.merges.iter().any(|(merge, _)| merge.lose == *n) || record.view.merged.contains(n);
    if let Some(moved) = asked.moved.filter(known) {
        notices.push(Notice::new(lang, Tone::Info, lang.fmt(msg::RECORD_MOVED, &[("number", &number(moved))])));
    }
    if let Some(undone) = asked.undone.filter(known) {
        let mut notice = Notice::new(lang, Tone::Good, lang.fmt(msg::RECORD_UNDONE, &[("number", &number(undone))]));
        notice.more = cards::link(
            &lang.fmt(msg::RECORD_OPEN_OTHER, &[("number", &number(undone))]),
            &format!("/people/{undone}"),
        );
        notices.push(notice);
    }
    let unread = record.unread();
    if unread > 0 {
        let text = lang.fmt(msg::RECORD_UNREAD, &[("count", &unread.to_string())]);
        notices.push(Notice::new(lang, Tone::Bad, text));
    }
    notices
}
