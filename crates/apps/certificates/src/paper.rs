//! The paper: what was examined and concluded, with the code and QR by which anybody can check it.

use crate::bodies;
use crate::case::Case;
use crate::desk::{Desk, Keys};
use crate::part::FILES;
use crate::pdf::check_address;
use crate::view::{points, result_word, seen};
use askama::Template;
use axum::Extension;
use axum::extract::{Path, State};
use mach_access::Act;
use mach_forms::Value;
use mach_forms::render::{self, View};
use mach_house::{House, Session};
use mach_store::certificates::State as Stands;
use mach_ui::components::{Definitions, print_button};
use mach_ui::http::Problem;
use mach_ui::{Html, Lang, msg, shell};
use std::sync::Arc;

#[derive(Template)]
#[template(path = "paper.html")]
struct Paper {
    lang: Lang,
    facility: String,
    number: String,
    photo: String,
    address: String,
    qr: String,
    code: String,
    watermark: String,
    title: String,
    source: String,
    person: Html,
    answers: Html,
    result: String,
    valid: String,
    signatures: Html,
}

fn qr(text: &str) -> Result<String, Problem> {
    let code = qrcode::QrCode::new(text.as_bytes()).map_err(Problem::internal)?;
    let svg = code.render::<qrcode::render::svg::Color<'_>>().min_dimensions(120, 120).build();
    Ok(svg.split_once("?>").map_or(svg.clone(), |(_, rest)| rest.to_owned()))
}

fn person(lang: Lang, case: &Case) -> Definitions {
    let who = case.particulars();
    Definitions::default()
        .row(lang.t(msg::GKSK_NAME), case.row.name.to_uppercase())
        .row(lang.t(msg::GKSK_BORN), who.born_text())
        .row(lang.t(msg::GKSK_ID), case.row.national.as_str())
        .row(lang.t(msg::GKSK_ADDRESS), who.address)
        .row(lang.t(msg::GKSK_CLASS), case.row.class.as_str())
}

/// `GET /certificates/case/{code}/paper`.
pub(crate) async fn page(
    State(house): State<House>,
    session: Session,
    Extension(desk): Extension<Arc<Desk>>,
    Path(code): Path<String>,
) -> Result<Html, Problem> {
    let (_, case) = seen(&house, &session, &code, Act::ReadCertificates).await?;
    let lang = session.lang;
    let photo = match case.answers.value(&case.form, "photo") {
        Some(Value::Attachment(f)) => {
            f.url.strip_prefix("Binary/").map(|id| format!("{FILES}{id}")).unwrap_or_default()
        }
        _ => String::new(),
    };
    let watermark = match case.row.state {
        Stands::Issued => String::new(),
        Stands::Revoked => lang.t(msg::GKSK_CHECK_REVOKED).to_owned(),
        _ => lang.t(msg::GKSK_DRAFT).to_owned(),
    };
    let signed = case.attesters.iter().map(|(mode, when, by)| {
        let role = if *mode == "official" { msg::GKSK_HEAD } else { msg::GKSK_DOCTOR };
        format!("{}: {}, {}", lang.t(role), by.name, bodies::shown(*when))
    });
    let view = View { lang, form: &case.form, answers: &case.answers, problems: &[], part: None, files: FILES };
    let address = check_address(desk.base(), &case.row.code);
    let valid = case.valid_until().map(|d| lang.fmt(msg::GKSK_VALID, &[("day", &d.vi())])).unwrap_or_default();
    let paper = Paper {
        lang,
        facility: mach_house::facility_name(&case.facility),
        number: case.number(),
        photo,
        qr: qr(&address)?,
        address,
        code: case.row.code.clone(),
        watermark,
        title: case.form.title.in_lang(lang).to_owned(),
        source: case.form.source.clone(),
        person: person(lang, &case).into(),
        answers: render::readable(view),
        result: result_word(lang, &case.row.result),
        valid,
        signatures: points(signed.collect()),
    };
    let body = Html::concat([print_button(lang), Html::template(&paper)]);
    Ok(shell::page(&crate::view::meta(&session, &case, lang.t(msg::GKSK_PAPER)), body))
}
