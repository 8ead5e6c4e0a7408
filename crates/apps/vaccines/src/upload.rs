//! A spreadsheet of a browser, and how far files are.

use crate::Shop;
use crate::import::{self, Refusal};
use crate::row::COLUMNS;
use crate::view::{link, moment};
use askama::Template;
use axum::Extension;
use axum::extract::{Multipart, Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use mach_access::Act;
use mach_house::{Failure, House, Session};
use mach_store::vaccines::{self, File};
use mach_ui::components::{Card, Cell, Column, Definitions, Empty, Icon, Notice, PageHead, Row, Table, Tone, stack};
use mach_ui::http::Problem;
use mach_ui::shell::{Crumb, PageMeta};
use mach_ui::{Html, Lang, format, msg, shell};
use serde::Deserialize;
use std::io::Write;

/// Bytes of an uploaded file; larger ones are imported on the machine (`mach vaccines import`).
pub const UPLOAD_BYTES: usize = 64 << 20;
/// Files and faults of one page.
const ROWS: usize = 200;

#[derive(Template)]
#[template(path = "import.html")]
struct Ask {
    lang: Lang,
    columns: String,
}

fn files(lang: Lang, files: &[File]) -> Html {
    let columns =
        [msg::VAC_FILE, msg::VAC_ISSUED, msg::VAC_READ, msg::VAC_GOOD, msg::VAC_SAME, msg::VAC_BAD, msg::VAC_STATE];
    let rows = files.iter().map(|f| {
        let state = if f.ended.is_some() { msg::VAC_FILE_DONE } else { msg::VAC_FILE_OPEN };
        Row::new([
            Cell::link(&f.name, &format!("/vaccines/import/{}", f.id)),
            Cell::from(moment(f.begun)),
            Cell::from(format::integer(lang, f.read)),
            Cell::from(format::integer(lang, f.good)),
            Cell::from(format::integer(lang, f.same)),
            Cell::from(format::integer(lang, f.bad)),
            Cell::from(lang.t(state).to_owned()),
        ])
    });
    let table = Table::new(lang, lang.t(msg::VAC_FILES), columns.map(|c| Column::text(lang.t(c))).into())
        .rows(rows.collect())
        .empty(Empty::new(Icon::Upload, lang.t(msg::VAC_NO_FILES), ""))
        .stack();
    Card::new(lang.t(msg::VAC_FILES), table).into()
}

async fn shown(house: &House, session: &Session, refused: Option<String>) -> Result<Html, Problem> {
    let decision = house.decide(session, Act::Vaccinate).await?;
    let lang = session.lang;
    let known = house.read(decision, |r| Ok::<_, Failure>(vaccines::files(r, ROWS)?)).await?;
    let columns = COLUMNS.map(|(name, _, must)| if must { format!("{name}*") } else { name.to_owned() }).join(", ");
    let title = lang.t(msg::VAC_IMPORT);
    let crumbs = vec![Crumb::link(lang.t(msg::VAC), "/vaccines"), Crumb::here(title)];
    let meta = PageMeta { crumbs, ..session.meta(title, "/vaccines") };
    let notice = refused.map(|text| Notice::new(lang, Tone::Bad, text).into());
    let ask = Card::new("", Html::template(&Ask { lang, columns }));
    let parts = [Some(PageHead::new(title).into()), notice, Some(ask.into()), Some(files(lang, &known))];
    Ok(shell::page(&meta, stack(parts.into_iter().flatten())))
}

/// `GET /vaccines/import`.
pub(crate) async fn page(State(house): State<House>, session: Session) -> Result<Html, Problem> {
    shown(&house, &session, None).await
}

/// After which fault a page goes on.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    line: i64,
    #[serde(default)]
    field: String,
}

/// `GET /vaccines/import/{file}`.
pub(crate) async fn one(
    State(house): State<House>,
    session: Session,
    Path(id): Path<i64>,
    Query(asked): Query<Asked>,
) -> Result<Html, Problem> {
    let decision = house.decide(&session, Act::Vaccinate).await?;
    let lang = session.lang;
    let found = house
        .read(decision, move |r| {
            let Some(file) = vaccines::file_of(r, id)? else { return Ok::<_, Failure>(None) };
            let faults = vaccines::faults(r, &file, (asked.line, &asked.field), ROWS + 1)?;
            Ok(Some((file, faults)))
        })
        .await?;
    let (file, mut faults) = found.ok_or(Problem::NotFound)?;
    let more = faults.len() > ROWS;
    faults.truncate(ROWS);
    let next = faults.last().filter(|_| more).map(|last| {
        let href = format!("/vaccines/import/{}?line={}&field={}", file.id, last.line, last.field);
        link(lang.t(msg::NEXT_PAGE), href, Icon::Next)
    });
    let number = |n| format::integer(lang, n);
    let sums = Definitions::default()
        .row(lang.t(msg::VAC_READ), number(file.read))
        .row(lang.t(msg::VAC_GOOD), number(file.good))
        .row(lang.t(msg::VAC_DOUBTS), number(file.doubts))
        .row(lang.t(msg::VAC_SAME), number(file.same))
        .row(lang.t(msg::VAC_BAD), number(file.bad));
    let columns = [msg::FINDING_LINE, msg::VAC_FIELD, msg::FORMS_WHY].map(|m| Column::text(lang.t(m)));
    let rows = faults.into_iter().map(|f| Row::new([f.line.to_string(), f.field, f.why]));
    let table = Table::new(lang, lang.t(msg::VAC_FAULTS), columns.into())
        .rows(rows.collect())
        .empty(Empty::new(Icon::Check, lang.t(msg::VAC_NO_FAULTS), ""))
        .stack();
    let crumbs = vec![
        Crumb::link(lang.t(msg::VAC), "/vaccines"),
        Crumb::link(lang.t(msg::VAC_IMPORT), "/vaccines/import"),
        Crumb::here(file.name.as_str()),
    ];
    let meta = PageMeta { crumbs, ..session.meta(file.name.as_str(), "/vaccines") };
    let parts = [
        PageHead::new(file.name.clone()).into(),
        Card::new("", sums).into(),
        Card::new(lang.t(msg::VAC_FAULTS), table).into(),
    ];
    Ok(shell::page(&meta, stack(parts.into_iter().chain(next))))
}

/// `POST /vaccines/import`, multipart field `file`: read to its end, then its own page.
pub(crate) async fn take(
    State(house): State<House>,
    session: Session,
    Extension(shop): Extension<Shop>,
    mut form: Multipart,
) -> Result<Response, Problem> {
    let decision = house.decide(&session, Act::Vaccinate).await?;
    let lang = session.lang;
    let bad = |e: axum::extract::multipart::MultipartError| match e.status().as_u16() {
        413 => Problem::TooLarge,
        _ => Problem::BadRequest(e.body_text()),
    };
    let mut sent = None;
    while let Some(mut field) = form.next_field().await.map_err(bad)? {
        if field.name() != Some("file") {
            continue;
        }
        let name = field.file_name().unwrap_or_default().to_owned();
        // A file of its own that is gone when it was read: an upload is larger than what is kept in memory.
        let mut file = tempfile::NamedTempFile::new().map_err(Problem::internal)?;
        let mut bytes = 0;
        while let Some(chunk) = field.chunk().await.map_err(bad)? {
            bytes += chunk.len();
            if bytes > UPLOAD_BYTES {
                return Err(Problem::TooLarge);
            }
            file.write_all(&chunk).map_err(Problem::internal)?;
        }
        if bytes > 0 {
            sent = Some((file, name));
        }
    }
    let Some((file, name)) = sent else {
        let page = shown(&house, &session, Some(lang.t(msg::VAC_IMPORT_CHOOSE).to_owned())).await?;
        return Ok((StatusCode::BAD_REQUEST, page).into_response());
    };
    let store = house.store().clone();
    // A few are read at a time, so that what they hold in memory has a bound; others wait with their file on the disk.
    let turn = shop.reading.clone().acquire_owned().await.map_err(Problem::internal)?;
    let done = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        import::import(&store, &decision, (file.path(), &name), &mut |_| {})
    });
    match done.await.map_err(Problem::internal)? {
        Ok(file) => Ok(Redirect::to(&format!("/vaccines/import/{}", file.id)).into_response()),
        Err(Refusal::File(why)) => {
            let page = shown(&house, &session, Some(lang.fmt(msg::VAC_FILE_REFUSED, &[("why", &why)]))).await?;
            Ok((StatusCode::BAD_REQUEST, page).into_response())
        }
        Err(Refusal::Busy) => Err(Problem::Conflict(lang.t(msg::VAC_FILE_BUSY).to_owned())),
        Err(Refusal::Store(e)) => Err(Failure::from(e).0),
    }
}
