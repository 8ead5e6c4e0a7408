//! Sending files from the browser.

use super::page;
use crate::api;
use crate::files::Input;
use axum::extract::{Multipart, State};
use mach_access::Act;
use mach_base::limits;
use mach_claims::check::{Finding, Lang as RuleLang, Severity};
use mach_house::{House, Session};
use mach_ui::components::{
    Button, Card, Cell, Column, Empty, Icon, Notice, PageHead, Row, Severity as Grave, Table, Tone, Upload,
    severity_chip,
};
use mach_ui::http::Problem;
use mach_ui::{Html, Lang, format, msg};

/// `GET /claims/send`.
pub async fn form(State(house): State<House>, session: Session) -> Result<Html, Problem> {
    house.decide(&session, Act::SendClaims).await?;
    let lang = session.lang;
    let head = PageHead::new(lang.t(msg::UPLOAD));
    Ok(page(&session, lang.t(msg::UPLOAD), "/claims/send", vec![head.into(), upload(lang).into()]))
}

fn upload(lang: Lang) -> Upload {
    Upload {
        lang,
        action: "/claims/send".to_owned(),
        accept: ".xml".to_owned(),
        max_megabytes: limits::CLAIM_BODY_BYTES as u64 >> 20,
        error: None,
    }
}

/// `POST /claims/send`, multipart field `files`.
pub async fn receive(State(house): State<House>, session: Session, mut form: Multipart) -> Result<Html, Problem> {
    let decision = house.decide(&session, Act::SendClaims).await?;
    let lang = session.lang;
    let mut inputs = Vec::new();
    let too_large = |e: axum::extract::multipart::MultipartError| match e.status().as_u16() {
        413 => Problem::TooLarge,
        _ => Problem::BadRequest(e.body_text()),
    };
    while let Some(field) = form.next_field().await.map_err(too_large)? {
        if field.name() != Some("files") {
            continue;
        }
        let name = field.file_name().unwrap_or_default().chars().take(limits::NAME_CHARS).collect::<String>();
        let bytes = field.bytes().await.map_err(too_large)?.to_vec();
        if !bytes.is_empty() {
            inputs.push(Input::Body { name, bytes });
        }
    }
    if inputs.is_empty() {
        return Err(Problem::BadRequest(lang.t(msg::UPLOAD_CHOOSE).to_owned()));
    }
    let received = api::take(&house, &decision, inputs).await?;
    let n = |v: i64| format::integer(lang, v);
    let c = received.summary.claims;
    let text = lang.fmt(
        msg::UPLOAD_RESULT,
        &[
            ("accepted", &n(c.accepted + c.check_ins)),
            ("refused", &n(c.refused)),
            ("duplicate", &n(c.duplicate)),
            ("replaced", &n(c.replaced)),
        ],
    );
    let tone = if received.summary.refused() { Tone::Bad } else { Tone::Good };
    let findings: Vec<&Finding> = received.findings.iter().map(|(_, f)| f).collect();
    let parts = vec![
        PageHead::new(lang.t(msg::UPLOAD)).actions([Button::link(lang.t(msg::CLAIMS), "/claims").into()]).into(),
        Notice::new(lang, tone, text).into(),
        Card::new(lang.t(msg::FINDINGS), findings_table(lang, &findings)).into(),
        upload(lang).into(),
    ];
    Ok(page(&session, lang.t(msg::UPLOAD), "/claims/send", parts))
}

/// Findings, those that refuse first.
pub fn findings_table(lang: Lang, findings: &[&Finding]) -> Table {
    let columns = vec![
        Column::text(lang.t(msg::FINDING_SAYS)),
        Column::text(lang.t(msg::SEVERITY)),
        Column::text(lang.t(msg::FINDING_WHERE)),
        Column::text(lang.t(msg::FINDING_DO)),
        Column::text(lang.t(msg::FINDING_RULE)),
    ];
    let mut sorted: Vec<&&Finding> = findings.iter().collect();
    sorted.sort_by_key(|f| std::cmp::Reverse(f.severity));
    let words = lang.pick(RuleLang::Vi, RuleLang::En);
    let rows = sorted
        .into_iter()
        .map(|f| {
            let grave = if f.severity == Severity::Refuse { Grave::Refuse } else { Grave::Warn };
            Row::new([
                Cell::from(f.message(words)),
                Cell(severity_chip(lang, grave)),
                Cell::two(&f.tag, &place(lang, f.table, f.line)),
                Cell::from(f.hint(words)),
                Cell::from(f.rule.id().to_owned()),
            ])
        })
        .collect();
    Table::new(lang, lang.t(msg::FINDINGS), columns)
        .rows(rows)
        .empty(Empty::new(Icon::Check, lang.t(msg::FINDINGS_NONE), ""))
        .stack()
}

/// `XML3 dòng 2`.
pub fn place(lang: Lang, table: Option<u8>, line: Option<u32>) -> String {
    let table = table.map(|t| format!("XML{t}"));
    let line = line.map(|l| format!("{} {l}", lang.t(msg::FINDING_LINE).to_lowercase()));
    [table, line].into_iter().flatten().collect::<Vec<_>>().join(" ")
}
