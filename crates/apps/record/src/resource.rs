//! `GET /people/{person}/resources/{kind}/{id}`: one FHIR resource of a record, as stored, with its versions.

use crate::cards::link;
use crate::error::Result;
use crate::fact::{claim_of, origin_of};
use crate::opening::{Seen, see};
use crate::people_view;
use crate::record::marked;
use crate::view::Reading;
use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Redirect, Response};
use mach_base::{Day, Minute};
use mach_fhir::ResourceType;
use mach_house::{House, Session};
use mach_people::PersonRow;
use mach_store::{Reader, log, people, resources};
use mach_ui::components::{Button, Card, Cell, Column, Definitions, PageHead, Row, Table};
use mach_ui::http::Problem;
use mach_ui::shell::{self, Crumb};
use mach_ui::{Html, format, msg};
use serde::Deserialize;

#[derive(Deserialize)]
pub(crate) struct Asked {
    /// Anything: the exact bytes instead of a page.
    raw: Option<String>,
    /// An earlier version.
    version: Option<i64>,
    /// Anything: the proof that it is in the transparency log, as a file.
    proof: Option<String>,
}

/// A version: its number, when it was written (seconds), whether it took the resource away, its body.
type Version = (i64, i64, bool, String);

struct Shown {
    person: PersonRow,
    versions: Vec<Version>,
    /// The receipt of the current version, where it was asked for and a checkpoint holds it.
    receipt: Option<String>,
}

pub(crate) async fn page(
    State(house): State<House>,
    session: Session,
    Path((person, kind, id)): Path<(String, String, String)>,
    Query(asked): Query<Asked>,
) -> std::result::Result<Response, Problem> {
    let kind = ResourceType::parse(&kind).ok_or(Problem::NotFound);
    // Types that do not exist are looked for like others: who may not open the record learns nothing here either.
    let target = kind.as_ref().map_or_else(|_| " resource".to_owned(), |kind| format!(" {}/{id}", kind.name()));
    let wanted = id.clone();
    let proof = asked.proof.is_some();
    let found = see(&house, &session, &person, &target, move |reader, number| match kind {
        Ok(kind) => gather(reader, number, (kind, &wanted), proof).map(|shown| shown.map(|shown| (kind, shown))),
        Err(_) => Ok(None),
    });
    match found.await? {
        Seen::Moved(root) => Ok(Redirect::to(&format!("/people/{root}?moved={person}")).into_response()),
        Seen::Here(number, (kind, shown)) => {
            let number_of = |v: &Version| asked.version.is_none_or(|wanted| wanted == v.0);
            let version = shown.versions.iter().find(|v| number_of(v)).ok_or(Problem::NotFound)?.clone();
            if asked.proof.is_some() {
                // Until the next checkpoint, some seconds after it was written, there is none.
                let receipt = shown.receipt.ok_or(Problem::Unavailable)?;
                let name = format!("attachment; filename=\"{}-{id}.proof.json\"", kind.name());
                let kind = "application/json".to_owned();
                return Ok(
                    ([(header::CONTENT_TYPE, kind), (header::CONTENT_DISPOSITION, name)], receipt).into_response()
                );
            }
            if asked.raw.is_some() {
                return raw(version);
            }
            Ok(render(&session, Reading::new(&session, number), (kind, &id), &shown, &version).into_response())
        }
    }
}

/// The versions of a resource, if it is in this person's record.
fn gather(on: &mut Reader, person: i64, (kind, id): (ResourceType, &str), proof: bool) -> Result<Option<Shown>> {
    let Some(owner) = resources::owner(on, kind, id)? else { return Ok(None) };
    if mach_people::root(on, owner)? != person {
        return Ok(None);
    }
    let versions = resources::history(on, kind, id)?;
    let row = people::person(on, person)?;
    let receipt = match resources::get(on, kind, id)?.filter(|_| proof) {
        Some(now) => log::receipt(on, &now)?.map(|receipt| receipt.encode()),
        None => None,
    };
    Ok(row.filter(|_| !versions.is_empty()).map(|person| Shown { person, versions, receipt }))
}

/// The exact bytes; a version that took the resource away has none.
fn raw((_, _, deleted, body): Version) -> std::result::Result<Response, Problem> {
    if deleted {
        return Err(Problem::NotFound);
    }
    Ok(([(header::CONTENT_TYPE, "application/fhir+json; charset=utf-8")], body).into_response())
}

#[derive(Template)]
#[template(path = "pre.html")]
struct Pre<'a> {
    label: &'a str,
    text: String,
}

fn render(
    session: &Session,
    reading: Reading,
    (kind, id): (ResourceType, &str),
    shown: &Shown,
    version: &Version,
) -> Html {
    let lang = session.lang;
    let name = &shown.person.name;
    let title = format!("{}/{id}", kind.name());
    let mut meta = session.meta(title.clone(), "/people");
    meta.crumbs = vec![
        crate::record::up(session),
        Crumb::link(name.clone(), format!("/people/{}", reading.person)),
        Crumb::here(title.clone()),
    ];
    meta.banner = marked(people_view::plain_banner(lang, &shown.person, Day::today()));
    let here = reading.resource_href(kind, id);
    let address = format!("{here}?version={}", version.0);
    let raw = Button::link(lang.t(msg::RECORD_RESOURCE_JSON), format!("{address}&raw=1"));
    let proof = Button::link(lang.t(msg::RECORD_PROOF), format!("{here}?proof=1"));
    let head = PageHead::new(lang.t(msg::RECORD_RESOURCE))
        .lead(lang.fmt(msg::RECORD_RESOURCE_LEAD, &[("type", kind.name()), ("id", id)]))
        .actions((!version.2).then(|| [Html::from(raw), proof.into()]).into_iter().flatten());
    let origin = origin_of(&version.3);
    let mut source = Definitions::default();
    if let Some(origin) = &origin {
        source = source.row(lang.t(msg::RECORD_SOURCE), reading.origin_text(origin));
    }
    if let Some(claim) = reading.claim_href(claim_of(id)) {
        source = source.row(lang.t(msg::CLAIM), link(lang.t(msg::RECORD_OPEN_CLAIM), &claim));
    }
    source = source.row(lang.t(msg::RECORD_VERSION), version.0.to_string());
    source = source.row(lang.t(msg::RECORD_WRITTEN_AT), format::date_time(Minute::of_seconds(version.1)));
    let body = Html::template(&Pre { label: lang.t(msg::RECORD_RESOURCE_BODY), text: readable(&version.3) });
    let parts = [
        Html::from(head),
        Card::new(lang.t(msg::PROVENANCE), source).into(),
        Card::new(lang.t(msg::RECORD_RESOURCE_BODY), body).into(),
        Card::new(lang.t(msg::RECORD_VERSIONS), versions(reading, &here, shown)).into(),
    ];
    shell::page(&meta, Html::template(&Stacked { parts: parts.to_vec() }))
}

#[derive(Template)]
#[template(path = "stacked.html")]
pub(crate) struct Stacked {
    pub(crate) parts: Vec<Html>,
}

/// JSON with line breaks; what is no JSON as it is.
fn readable(body: &str) -> String {
    let value = serde_json::from_str::<serde_json::Value>(body).ok();
    value.and_then(|v| serde_json::to_string_pretty(&v).ok()).unwrap_or_else(|| body.to_owned())
}

fn versions(reading: Reading, here: &str, shown: &Shown) -> Html {
    let lang = reading.lang;
    let columns = [msg::RECORD_VERSION, msg::RECORD_WRITTEN_AT, msg::STATUS].map(|m| Column::text(lang.t(m))).to_vec();
    let row = |(at, (number, written, deleted, _)): (usize, &Version)| {
        let state = match (deleted, at) {
            (true, _) => lang.t(msg::RECORD_VERSION_DELETED),
            (false, 0) => lang.t(msg::RECORD_VERSION_CURRENT),
            (false, _) => "",
        };
        Row::new([
            Cell::link(&number.to_string(), &format!("{here}?version={number}")),
            format::date_time(Minute::of_seconds(*written)).into(),
            state.into(),
        ])
    };
    let rows = shown.versions.iter().enumerate().map(row).collect();
    Table::new(lang, lang.t(msg::RECORD_VERSIONS), columns).rows(rows).into()
}
