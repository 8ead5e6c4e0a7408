//! The page.

use crate::{Shelf, words};
use askama::Template;
use axum::Extension;
use axum::extract::{Multipart, State};
use axum::response::{IntoResponse, Response};
use mach_access::{Act, Actor, decide};
use mach_base::limits;
use mach_house::{Failure, House};
use mach_sign::verdict::Verdict;
use mach_store::signing;
use mach_ui::components::{
    Button, Card, Definitions, Field, FieldKind, Icon, Layout, Notice, PageHead, Tone, laid_out,
};
use mach_ui::http::{Here, Problem};
use mach_ui::shell::{self, PageMeta};
use mach_ui::{Html, Lang, msg};
use std::path::Path;
use std::sync::Arc;

/// Where trusted certificates lie.
#[derive(Clone)]
pub struct Folder(pub Arc<Path>);

#[derive(Template)]
#[template(path = "verify.html")]
struct Form {
    lang: Lang,
    code: Html,
    button: Button,
    hint: String,
}

fn page(lang: Lang, here: Here, parts: Vec<Html>) -> Html {
    let code = Field::new("code", lang.t(msg::VERIFY_CODE), FieldKind::Lines).hint(lang.t(msg::VERIFY_CODE_HINT));
    let megabytes = (limits::VERIFY_BYTES >> 20).to_string();
    let form = Html::template(&Form {
        lang,
        code: code.html(lang),
        button: Button::primary(lang.t(msg::VERIFY_GO)).icon(Icon::Check),
        hint: lang.fmt(msg::VERIFY_FILE_HINT, &[("n", &megabytes)]),
    });
    let head: Html = PageHead::new(lang.t(msg::VERIFY)).lead(lang.t(msg::VERIFY_LEAD)).into();
    let all = [head].into_iter().chain(parts).chain([form]);
    let meta =
        PageMeta { lang, title: lang.t(msg::VERIFY).to_owned(), here: here.0, no_search: true, ..PageMeta::default() };
    shell::page(&meta, laid_out(Layout::Stack, all))
}

/// `GET /verify`.
pub async fn form(lang: Lang, here: Here) -> Html {
    page(lang, here, Vec::new())
}

/// `POST /verify`, multipart: `file`, or `code`.
pub async fn verify(
    State(house): State<House>,
    lang: Lang,
    here: Here,
    Extension(folder): Extension<Folder>,
    mut form: Multipart,
) -> Result<Response, Problem> {
    let bad = |e: axum::extract::multipart::MultipartError| match e.status().as_u16() {
        413 => Problem::TooLarge,
        _ => Problem::BadRequest(e.body_text()),
    };
    let (mut bytes, mut twice) = (Vec::new(), false);
    while let Some(field) = form.next_field().await.map_err(bad)? {
        if matches!(field.name(), Some("file" | "code")) {
            let sent = field.bytes().await.map_err(bad)?;
            if !sent.trim_ascii().is_empty() {
                twice |= !bytes.is_empty();
                bytes = sent.to_vec();
            }
        }
    }
    // One answer is of one thing: nobody must take it for that of the other.
    if twice {
        return Err(Problem::BadRequest(lang.t(msg::VERIFY_BOTH).to_owned()));
    }
    if bytes.is_empty() {
        return Err(Problem::BadRequest(lang.t(msg::VERIFY_NOTHING).to_owned()));
    }
    if bytes.len() > limits::VERIFY_BYTES {
        return Err(Problem::TooLarge);
    }
    // What somebody hands in can take seconds: a few at a time, so that the rest of the program keeps its threads.
    static AT_ONCE: tokio::sync::Semaphore = tokio::sync::Semaphore::const_new(4);
    let _turn = AT_ONCE.acquire().await.map_err(Problem::internal)?;
    let hash = mach_sign::hex(&mach_sign::sha256(&bytes));
    let shelf = move || Shelf::kept(&folder.0).map(|s| s.examine(&bytes));
    let verdict = tokio::task::spawn_blocking(shelf).await.map_err(Problem::internal)?.map_err(Problem::internal)?;
    let known: Vec<String> = verdict.iter().flat_map(Verdict::marks).chain([hash]).collect();
    let decision = decide(&Actor::console(), Act::ReadCertificates).map_err(Problem::internal)?;
    let paper = house.read(decision, move |r| Ok::<_, Failure>(signing::paper(r, &known)?)).await?;
    let parts = match verdict {
        Ok(verdict) => found(lang, &verdict, paper.as_ref()),
        Err(why) => {
            let said = lang.fmt(msg::VERIFY_UNREADABLE, &[("why", &words::reason(lang, &why))]);
            vec![Notice::new(lang, Tone::Bad, said).into()]
        }
    };
    Ok(page(lang, here, parts).into_response())
}

fn definitions(lines: Vec<words::Line>) -> Definitions {
    lines.into_iter().fold(Definitions::default(), |d, (name, value)| d.row(name, Html::text(&value)))
}

fn found(lang: Lang, verdict: &Verdict, paper: Option<&signing::Paper>) -> Vec<Html> {
    let ended = paper.and_then(|p| Some((p.ended?, p.why.as_str())));
    let (tone, said) = if verdict.is_good() {
        (Tone::Good, msg::VERIFY_GOOD)
    } else if verdict.withdrawn {
        (Tone::Bad, msg::VERIFY_WITHDRAWN)
    } else if verdict.findings.is_empty() {
        (Tone::Warning, msg::VERIFY_UNSIGNED)
    } else {
        (Tone::Bad, msg::VERIFY_BAD)
    };
    // A green word beside a red one would be read as the answer.
    let tone = if ended.is_some() && tone == Tone::Good { Tone::Info } else { tone };
    let mut parts: Vec<Html> = vec![Notice::new(lang, tone, lang.t(said)).into()];
    // Right signatures upon a paper that was taken back since: that comes first.
    if paper.is_some() {
        let (_, said) = words::paper(lang, ended);
        parts.insert(0, Notice::new(lang, if ended.is_some() { Tone::Bad } else { Tone::Good }, said).into());
    }
    for (i, finding) in verdict.findings.iter().enumerate() {
        let title = lang.fmt(msg::VERIFY_SIGNATURE, &[("n", &(i + 1).to_string())]);
        parts.push(Card::new(title, definitions(words::lines(lang, finding))).into());
    }
    let claims = words::claims(lang, verdict);
    if !claims.is_empty() {
        parts.push(Card::new(lang.t(msg::VERIFY_CONTENT), definitions(claims)).into());
    }
    if let Some(payload) = words::payload(lang, verdict) {
        parts.push(Card::new(payload.0.clone(), definitions(vec![payload])).into());
    }
    parts
}

/// `GET /verify/papers.tsv`: marks of papers that were issued here and taken back.
pub async fn papers(State(house): State<House>) -> Result<Response, Problem> {
    let decision = decide(&Actor::console(), Act::ReadCertificates).map_err(Problem::internal)?;
    let ended = house.read(decision, |r| Ok::<_, Failure>(signing::ended_papers(r)?)).await?;
    let headers = [(axum::http::header::CONTENT_TYPE, "text/tab-separated-values; charset=utf-8")];
    Ok((headers, mach_house::trust::papers_text(&ended)).into_response())
}
