//! The spreadsheet: the template, a facility as one, and a filled one: all of it is right, or nothing is stored.

use crate::book::{self, Fault};
use crate::check::check;
use crate::drafts;
use crate::limits;
use crate::read;
use crate::sheet::Draft;
use crate::view::{enter, into, of_province};
use crate::wizard::{begin_shown, installed, made_shown};
use askama::Template;
use axum::extract::{Multipart, Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use mach_house::admin::Closed;
use mach_house::{Failure, House, Session};
use mach_ui::components::{Card, Column, Field, FieldKind, Icon, Row, Table, Tone};
use mach_ui::http::Problem;
use mach_ui::{Html, Lang, msg};

#[derive(Template)]
#[template(path = "upload.html")]
struct Ask {
    lang: Lang,
    field: Html,
}

/// The form that takes a file, with what is wrong with one that was sent.
pub(crate) fn form(lang: Lang, error: Option<String>) -> Html {
    let mut field = Field::new("file", lang.t(msg::ORG_UPLOAD_FILE), FieldKind::File(".xlsx")).required();
    field.error = error;
    Html::template(&Ask { lang, field: field.html(lang) })
}

fn file(name: &str, draft: &Draft) -> Result<Response, Problem> {
    let bytes = book::write(draft).map_err(Problem::internal)?;
    let headers = [
        (header::CONTENT_TYPE, book::MEDIA.to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}.xlsx\"")),
    ];
    Ok((headers, bytes).into_response())
}

/// `GET /admin/facilities/template.xlsx`.
pub(crate) async fn template(State(house): State<House>, session: Session) -> Result<Response, Closed> {
    enter(&house, &session, false).await?;
    Ok(file("co-so-y-te", &Draft::default())?)
}

/// `GET /admin/facilities/{code}/facility.xlsx`.
pub(crate) async fn export(
    State(house): State<House>,
    session: Session,
    Path(code): Path<String>,
) -> Result<Response, Closed> {
    let decision = into(&house, &session, &code, false).await?;
    let wanted = code.clone();
    let found = house
        .read(decision.clone(), move |r| {
            let scope = r.scope();
            Ok::<_, Failure>(read::facility(r, scope, &wanted)?)
        })
        .await?
        .ok_or(Problem::NotFound)?;
    let target = format!("facility {code} exported");
    house.write(decision, move |tx| tx.audit(None, &target, "granted")).await?;
    Ok(file(&format!("co-so-{code}"), &found.draft)?)
}

fn faults(lang: Lang, faults: &[Fault]) -> Html {
    let row = |f: &Fault| Row::new([f.sheet.clone(), f.place.clone(), f.text.clone()]);
    let columns = [msg::ORG_SHEET, msg::ORG_PLACE, msg::ORG_WHY].map(|c| Column::text(lang.t(c)));
    let table = Table::new(lang, lang.t(msg::ORG_FLAWS_TABLE), columns.into())
        .rows(faults.iter().take(limits::FLAWS).map(row).collect());
    let table = Table { caption_hidden: true, ..table.stack() };
    Card { tone: Tone::Bad, ..Card::new(lang.t(msg::ORG_FLAWS_TABLE), table) }.into()
}

/// `POST /admin/facilities/import`, multipart field `file`.
pub(crate) async fn take(
    State(house): State<House>,
    session: Session,
    multipart: Multipart,
) -> Result<Response, Closed> {
    let decision = of_province(&house, &session, true).await?;
    let lang = session.lang;
    let sent = mach_forms::http::posted(multipart).await?;
    let bytes = sent.file_of("file").map(|f| f.bytes.clone());
    let read = tokio::task::spawn_blocking(move || match bytes {
        Some(bytes) => book::read(lang, &bytes),
        None => Err(vec![Fault {
            sheet: String::new(),
            place: String::new(),
            text: lang.t(msg::ORG_UPLOAD_NONE).to_owned(),
        }]),
    });
    let wrong = match read.await.map_err(Problem::internal)? {
        Err(faults) => faults,
        Ok(found) => {
            let flaws = check(lang, &found.draft);
            let flaws = match flaws.is_empty() {
                true => match installed(&house, &session, decision.clone(), found.draft.clone(), None).await? {
                    Ok(opened) => return Ok(made_shown(&session, &found.draft, &opened)),
                    Err(flaws) => flaws,
                },
                false => flaws,
            };
            flaws.iter().map(|f| found.fault(lang, f)).collect()
        }
    };
    let open = house.read(decision, |r| Ok::<_, Failure>(drafts::all(r)?)).await?;
    // What is wrong with the file as a whole stands at its field alone; what is wrong in its cells stands in a table, too.
    let (table, text) = match wrong.as_slice() {
        [one] if one.sheet.is_empty() => (None, one.text.clone()),
        all => (Some(faults(lang, all)), lang.fmt(msg::ORG_FILE_REFUSED, &[("n", &all.len().to_string())])),
    };
    let page = begin_shown(&session, &open, (table, Some(text)));
    Ok((StatusCode::BAD_REQUEST, page).into_response())
}
