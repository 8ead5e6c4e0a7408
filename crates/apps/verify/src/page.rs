//! The page.

use crate::{Shelf, list, offline, words};
use askama::Template;
use axum::Extension;
use axum::extract::{Multipart, State};
use axum::http::HeaderName;
use axum::response::{IntoResponse, Response};
use mach_access::{Act, Actor, decide};
use mach_base::limits;
use mach_house::{Failure, House};
use mach_sign::key::Signer as _;
use mach_sign::verdict::Verdict;
use mach_store::signing;
use mach_ui::components::{
    Button, Card, Definitions, Field, FieldKind, Icon, Layout, Notice, PageHead, Tone, laid_out, muted,
};
use mach_ui::http::{Here, Problem};
use mach_ui::shell::{self, PageMeta};
use mach_ui::{Html, Lang, msg};
use std::path::Path;
use std::sync::Arc;

/// A signed list, the shelf it says, and the key that signed it.
struct Signed {
    of: Arc<Shelf>,
    by: Vec<u8>,
    text: String,
}

/// The folder of all data: where trusted certificates lie, and the key of lists; and the list as it was last signed.
#[derive(Clone)]
pub struct Data {
    folder: Arc<Path>,
    /// Of a shelf: where that is still the one, so is the list. Whoever asks while it is made waits for it.
    list: Arc<tokio::sync::Mutex<Option<Signed>>>,
}

impl Data {
    /// Of a folder.
    pub fn new(folder: &Path) -> Self {
        Self { folder: Arc::from(folder), list: Arc::default() }
    }

    fn shelf(&self) -> Result<Arc<Shelf>, String> {
        Shelf::kept(&self.folder.join(mach_house::trust::FOLDER))
    }
}

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
    let all = [head, offline::answer(parts), form, offline::part(lang), offline::script()];
    let meta =
        PageMeta { lang, title: lang.t(msg::VERIFY).to_owned(), here: here.0, no_search: true, ..PageMeta::default() };
    shell::page(&meta, laid_out(Layout::Stack, all))
}

/// The page may use the camera; no other may.
const CAMERA: [(HeaderName, &str); 1] =
    [(HeaderName::from_static("permissions-policy"), "camera=(self), microphone=(), geolocation=()")];

/// `GET /verify`.
pub async fn form(lang: Lang, here: Here) -> Response {
    (CAMERA, page(lang, here, Vec::new())).into_response()
}

/// `POST /verify`, multipart: `file`, or `code`.
pub async fn verify(
    State(house): State<House>,
    lang: Lang,
    here: Here,
    Extension(data): Extension<Data>,
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
    let shelf = move || data.shelf().map(|s| (s.examine(&bytes), s));
    let (verdict, shelf) =
        tokio::task::spawn_blocking(shelf).await.map_err(Problem::internal)?.map_err(Problem::internal)?;
    let known: Vec<String> = verdict.iter().flat_map(Verdict::marks).chain([hash]).collect();
    let decision = decide(&Actor::console(), Act::ReadCertificates).map_err(Problem::internal)?;
    let asked = known.clone();
    let paper = house.read(decision, move |r| Ok::<_, Failure>(signing::paper(r, &asked)?)).await?;
    // Of other houses this one knows what their lists say.
    let elsewhere = || known.iter().find_map(|mark| Some((mark, shelf.ended.get(mark)?)));
    let paper = paper.or_else(|| {
        let (mark, (at, why)) = elsewhere()?;
        let (mark, why) = (mark.clone(), why.clone());
        Some(signing::Paper { mark, code: String::new(), made: *at, ended: Some(*at), why })
    });
    let parts = match verdict {
        Ok(verdict) => found(lang, &verdict, paper.as_ref()),
        Err(why) => {
            let said = lang.fmt(msg::VERIFY_UNREADABLE, &[("why", &words::reason(lang, &why))]);
            vec![Notice::new(lang, Tone::Bad, said).into()]
        }
    };
    Ok((CAMERA, page(lang, here, parts)).into_response())
}

fn definitions(lines: Vec<words::Line>) -> Definitions {
    lines.into_iter().fold(Definitions::default(), |d, (name, value)| d.row(name, Html::text(&value)))
}

fn found(lang: Lang, verdict: &Verdict, paper: Option<&signing::Paper>) -> Vec<Html> {
    let ended = paper.and_then(|p| Some((p.ended?, p.why.as_str())));
    let (tone, said) = words::sentence(verdict);
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
    let patients = words::patients(lang, verdict);
    if !patients.is_empty() {
        let note = muted(lang.t(msg::VERIFY_PATIENT_NOTE));
        let said = Html::concat([definitions(patients).into(), note]);
        parts.push(Card::new(lang.t(msg::VERIFY_PATIENT), said).into());
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

/// `GET /verify/list`: the list by which a browser checks codes without a network. Made once for each state of the shelf, which
/// is read again where a file of it changed (a paper ended: its list did) and each minute: anybody may ask, and often.
pub async fn list(State(house): State<House>, Extension(data): Extension<Data>) -> Result<Response, Problem> {
    let mut kept = Arc::clone(&data.list).lock_owned().await;
    let read = move || Ok::<_, String>((data.shelf()?, list::key(&data.folder)?));
    let read = tokio::task::spawn_blocking(read).await.map_err(Problem::internal)?;
    let (shelf, key) = read.map_err(Problem::internal)?;
    let by = key.public().info().to_vec();
    let text = match &*kept {
        Some(signed) if Arc::ptr_eq(&signed.of, &shelf) && signed.by == by => signed.text.clone(),
        _ => {
            let decision = decide(&Actor::console(), Act::ReadCertificates).map_err(Problem::internal)?;
            let ended = house.read(decision, |r| Ok::<_, Failure>(signing::ended_papers(r)?)).await?;
            let of = Arc::clone(&shelf);
            let signed = move || list::text(&key, &of, &ended);
            let made = tokio::task::spawn_blocking(signed).await.map_err(Problem::internal)?;
            let text = made.map_err(Problem::internal)?;
            *kept = Some(Signed { of: shelf, by, text: text.clone() });
            text
        }
    };
    Ok(([(axum::http::header::CONTENT_TYPE, "application/jose")], text).into_response())
}
