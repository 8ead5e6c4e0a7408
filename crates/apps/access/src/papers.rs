//! Papers that came with a request: the letter of a court, scanned. Laid to it by the desk while it waits, and seen by who decides it.

use crate::Keys;
use crate::case::{Whole, look_up, moved};
use crate::form::{moment, stack};
use axum::Extension;
use axum::extract::multipart::MultipartError;
use axum::extract::{Multipart, Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use mach_access::{Act, decide as may, secret};
use mach_base::limits;
use mach_house::{Failure, House, Session};
use mach_store::desk::{self, NewPaper, Paper, State as Stands};
use mach_ui::components::{Card, Cell, Column, Empty, Icon, Row, Table, Upload};
use mach_ui::http::Problem;
use mach_ui::{Html, Lang, Msg, msg};
use sha2::{Digest, Sha256};

/// What is taken, by how it begins: media type, ending of a name.
const KINDS: [(&[u8], &str, &str); 3] = [
    (b"%PDF-", "application/pdf", "pdf"),
    (&[0xff, 0xd8, 0xff], "image/jpeg", "jpg"),
    (&[0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a], "image/png", "png"),
];
/// What a browser offers.
pub(crate) const ACCEPTED: &str = ".pdf,.jpg,.jpeg,.png";

/// The media type of a file by its first bytes, whatever it is called.
pub(crate) fn kind_of(bytes: &[u8]) -> Option<&'static str> {
    KINDS.iter().find(|(magic, ..)| bytes.starts_with(magic)).map(|(_, kind, _)| *kind)
}

/// How the name of a file of a media type ends.
pub(crate) fn ending_of(kind: &str) -> &'static str {
    KINDS.iter().find(|(_, known, _)| *known == kind).map_or("bin", |(.., ending)| *ending)
}

/// What a file is called when it is given out again; nothing of its own name.
fn given_name(paper: &Paper) -> String {
    format!("giay-to-{}.{}", paper.id, ending_of(&paper.kind))
}

/// The card of a request's papers, with the form that adds some while it waits.
pub(crate) fn card(session: &Session, found: &Whole, error: Option<String>) -> Option<Html> {
    let (lang, request) = (session.lang, &found.request);
    let adds = request.state == Stands::Waits && may(&session.actor, Act::RegisterAccess).is_ok();
    if found.papers.is_empty() && !adds {
        return None;
    }
    let row = |paper: &Paper| {
        let size = (paper.size + 1_023) / 1_024;
        Row::new([
            Cell::link(&paper.name, &format!("/access/desk/{}/papers/{}", request.id, paper.id)),
            Cell(Html::text(&format!("{size} KB"))),
            Cell::two(&moment(paper.made), &paper.made_name),
            Cell(Html::text(&paper.hash)),
        ])
    };
    let columns = [msg::DESK_PAPER_FILE, msg::DESK_PAPER_SIZE, msg::DESK_MADE, msg::DESK_COPY_HASH];
    let table = Table::new(lang, lang.t(msg::DESK_PAPERS), columns.map(|c| Column::text(lang.t(c))).to_vec())
        .rows(found.papers.iter().map(row).collect())
        .empty(Empty::new(Icon::Upload, lang.t(msg::DESK_PAPERS_NONE), ""))
        .stack();
    let mut parts = Vec::new();
    parts.push(Html::from(Table { caption_hidden: true, ..table }));
    if adds {
        let most = [("most", limits::DESK_PAPERS.to_string())];
        parts.push(Html::text(&lang.fmt(msg::DESK_PAPERS_LEAD, &most.each_ref().map(|(n, v)| (*n, v.as_str())))));
        let action = format!("/access/desk/{}/papers", request.id);
        let max_megabytes = (limits::DESK_PAPERS_BYTES >> 20) as u64;
        parts.push(Upload { lang, action, accept: ACCEPTED.to_owned(), max_megabytes, error }.into());
    }
    Some(Card::new(lang.t(msg::DESK_PAPERS), stack(parts)).into())
}

/// Files of the field `files`, each with its name.
async fn files(mut form: Multipart) -> Result<Vec<(String, Vec<u8>)>, Problem> {
    let bad = |e: MultipartError| match e.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::TooLarge,
        _ => Problem::BadRequest(e.body_text()),
    };
    let mut found = Vec::new();
    while let Some(field) = form.next_field().await.map_err(bad)? {
        if field.name() != Some("files") {
            continue;
        }
        let name = field.file_name().unwrap_or_default().to_owned();
        let bytes = field.bytes().await.map_err(bad)?;
        if !bytes.is_empty() {
            found.push((name, bytes.to_vec()));
        }
        if found.len() > limits::DESK_PAPERS {
            break;
        }
    }
    Ok(found)
}

/// What is wrong with the files: nothing of them is kept then.
fn wrong(lang: Lang, found: &[(String, Vec<u8>)], before: usize) -> Option<String> {
    let told = |text: Msg, name: &str| lang.fmt(text, &[("name", name)]);
    if found.is_empty() {
        return Some(lang.t(msg::DESK_PAPERS_CHOOSE).to_owned());
    }
    if before + found.len() > limits::DESK_PAPERS {
        return Some(lang.fmt(msg::DESK_PAPERS_LEAD, &[("most", &limits::DESK_PAPERS.to_string())]));
    }
    if let Some((name, _)) = found.iter().find(|(_, bytes)| bytes.len() > limits::DESK_PAPER_BYTES) {
        let most = (limits::DESK_PAPER_BYTES >> 20).to_string();
        return Some(lang.fmt(msg::DESK_PAPER_LARGE, &[("name", name), ("most", &most)]));
    }
    found.iter().find(|(_, bytes)| kind_of(bytes).is_none()).map(|(name, _)| told(msg::DESK_PAPER_KIND, name))
}

/// `POST /access/desk/{id}/papers`, multipart field `files`: lays papers to a request that waits; all of them or none.
pub(crate) async fn add(
    State(house): State<House>,
    session: Session,
    Extension(keys): Extension<Keys>,
    Path(id): Path<String>,
    form: Multipart,
) -> Result<Response, Problem> {
    let decision = house.decide(&session, Act::RegisterAccess).await?;
    let (_, found) = look_up(&house, &session, (&id, &keys)).await?;
    let (lang, request) = (session.lang, found.request.id);
    if found.request.state != Stands::Waits {
        return Err(moved(lang));
    }
    let sent = files(form).await?;
    if let Some(error) = wrong(lang, &sent, found.papers.len()) {
        let page = crate::case::with_paper_error(&session, &found, error);
        return Ok((StatusCode::BAD_REQUEST, page).into_response());
    }
    let plain = |name: &str| -> String {
        name.chars().filter(|c| !c.is_control()).take(limits::NAME_CHARS).collect::<String>().trim().to_owned()
    };
    let new: Vec<NewPaper> = sent
        .into_iter()
        .filter_map(|(name, file)| {
            let (kind, hash) = (kind_of(&file)?, secret::hex(&Sha256::digest(&file)));
            Some(NewPaper { kind, hash, name: plain(&name), file })
        })
        .map(|paper| match paper.name.is_empty() {
            true => NewPaper { name: lang.t(msg::DESK_PAPERS).to_owned(), ..paper },
            false => paper,
        })
        .collect();
    let kept = house
        .write(decision, move |tx| {
            // Decided meanwhile, or somebody else laid some to it.
            let waits = desk::by_id(tx, request)?.is_some_and(|r| r.state == Stands::Waits);
            if !waits || desk::papers_of(tx, request)?.len() + new.len() > limits::DESK_PAPERS {
                return Ok(false);
            }
            for paper in &new {
                tx.add_request_paper(request, paper)?;
            }
            Ok(true)
        })
        .await?;
    if kept { Ok(Redirect::to(&format!("/access/desk/{request}")).into_response()) } else { Err(moved(lang)) }
}

/// `GET /access/desk/{id}/papers/{paper}`: as it came, for the desk and for who decides.
pub(crate) async fn give(
    State(house): State<House>,
    session: Session,
    Extension(keys): Extension<Keys>,
    Path((id, paper)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let (decision, found) = look_up(&house, &session, (&id, &keys)).await?;
    let (request, paper): (i64, i64) = (found.request.id, paper.parse().map_err(|_| Problem::NotFound)?);
    let read = move |r: &mut mach_store::Reader| -> Result<_, Failure> { Ok(desk::paper_of(r, request, paper)?) };
    let (paper, file) = house.read(decision.clone(), read).await?.ok_or(Problem::NotFound)?;
    let target = format!("desk paper {} of request {request}", paper.id);
    house.write(decision, move |tx| tx.audit(None, &target, "granted")).await?;
    let headers = [
        (header::CONTENT_TYPE, paper.kind.clone()),
        // It is somebody else's file: it is never opened as a page of ours.
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{}\"", given_name(&paper))),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
    ];
    Ok((headers, file).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_file_is_its_first_bytes_say() {
        for (bytes, kind) in [
            (&b"%PDF-1.7\n"[..], Some("application/pdf")),
            (&[0xff, 0xd8, 0xff, 0xe0, 0], Some("image/jpeg")),
            (b"\x89PNG\r\n\x1a\n....", Some("image/png")),
            (b"\x89PNG", None),
            (b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>", None),
            (b"<!DOCTYPE html>%PDF-", None),
            (b"MZ", None),
            (b"PK\x03\x04", None),
            (b"GIF89a", None),
            (b"", None),
        ] {
            assert_eq!(kind_of(bytes), kind, "{bytes:?}");
        }
    }
}
