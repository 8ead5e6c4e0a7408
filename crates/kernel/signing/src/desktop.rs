//! `/signing/desktop`: papers that wait for the state's desktop signer (VGCA), a program on the signer's own machine with the key
//! in a USB token. The page's script speaks to it; the program itself has no session here, so it fetches and brings each file by
//! an address of its own ([`crate::handings`]). What is brought is looked at as [`crate::flights::brought`] says.
//!
//! | route | who | does |
//! |---|---|---|
//! | `GET /signing/desktop` | who may sign, proven | what waits for their token |
//! | `POST /signing/desktop/{act}/{code}` | the signer, proven | opens the addresses of one file, as JSON |
//! | `GET /signing/desktop/{act}/{code}?session=` | the signer | what became of it, as JSON |
//! | `GET /signing/state/{act}/{code}` | the signer | whether it waits still, as JSON |
//! | `GET /signing/file/{secret}/{name}` | who has the secret | the file, once |
//! | `POST /signing/file/{secret}` | who has the secret | the signed file, once |

use crate::desk::Desk;
use crate::flights::{self, Papers};
use crate::handings::Outcome;
use crate::words::{BROUGHT_LARGE, BROUGHT_NO_PDF, FAULT, Halt, PAPER_CHANGED, UNSIGNED, word};
use askama::Template;
use axum::extract::{DefaultBodyLimit, FromRequest as _, Multipart, Path, Query, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use mach_access::{Act as May, Actor, Decision, decide};
use mach_base::time::now_seconds;
use mach_base::{Minute, limits};
use mach_house::{Failure, House, Session};
use mach_sign::remote::vgca::{self, Given};
use mach_store::signing::{self, Act, Due, Flight, Provider};
use mach_ui::components::{Button, Card, Cell, Column, Empty, Icon, Notice, PageHead, Row, Table, Tone, stack};
use mach_ui::http::{CSP, Problem};
use mach_ui::shell::{Crumb, PageMeta};
use mach_ui::{Html, Lang, Msg, assets, msg, shell};
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;

/// Where the page is.
pub const PAGE: &str = "/signing/desktop";
/// Papers on the page.
const SHOWN: usize = 50;
/// The most that a signature makes a file larger: its certificates, lists, a picture of a seal.
pub const SIGNATURE_BYTES: usize = 2 << 20;

/// The papers of the house.
pub type All = &'static [&'static dyn Papers];

/// The routes of this module; `papers` are all that may be signed.
pub fn router(desk: Arc<Desk>, papers: All) -> Router<House> {
    Router::new()
        .route("/signing/desktop", get(page))
        .route("/signing/desktop/{act}/{code}", get(told).post(open))
        .route("/signing/state/{act}/{code}", get(crate::waits::state))
        .route("/signing/file/{secret}", post(bring))
        .route("/signing/file/{secret}/{name}", get(fetch))
        .layer(Extension(desk))
        .layer(Extension(Known(papers)))
        .layer(DefaultBodyLimit::max(limits::VERIFY_BYTES))
}

/// The same, as requests carry them.
#[derive(Clone, Copy)]
pub(crate) struct Known(pub(crate) All);

impl Known {
    pub(crate) fn of(self, act: Act) -> Option<&'static dyn Papers> {
        self.0.iter().copied().find(|p| p.acts().contains(&act))
    }
}

/// Whether one of these signatures waits for the desktop signer of an account.
pub fn waits<'f>(flights: impl IntoIterator<Item = &'f Flight>, account: i64) -> bool {
    flights.into_iter().any(|f| f.account == account && f.is_under_way() && Given::is_in(&f.state))
}

/// The way to the page.
pub fn link(lang: Lang) -> Html {
    Button::link(lang.t(msg::DESKTOP_SIGN), PAGE).icon(Icon::Shield).into()
}

/// The decision under which somebody signs something here.
pub(crate) async fn signer(house: &House, session: &Session, papers: All) -> Result<(Decision, i64), Problem> {
    let mays: Vec<May> = papers.iter().map(|p| p.may()).collect();
    let may = mays.iter().copied().find(|may| decide(&session.actor, *may).is_ok());
    let decision = house.decide(session, may.or(mays.first().copied()).ok_or(Problem::Forbidden)?).await?;
    let facility = decision.scope().facility().ok_or(Problem::Forbidden)?;
    Ok((decision, facility))
}

#[derive(Template)]
#[template(path = "desktop-row.html")]
struct Waiting<'a> {
    lang: Lang,
    path: String,
    label: &'a str,
}

#[derive(Template)]
#[template(path = "desktop.html")]
struct Page {
    lang: Lang,
    table: Html,
    several: bool,
    address: &'static str,
    script: String,
}

fn act_word(act: Act) -> Msg {
    match act {
        Act::Conclude => msg::SIGNER_CONCLUDE,
        Act::Countersign => msg::SIGNER_COUNTERSIGN,
        Act::Seal => msg::SIGNER_SEAL,
        Act::Prescribe => msg::SIGNER_PRESCRIBE,
        Act::Declare => msg::SIGNER_DECLARE,
        Act::Receive => msg::SIGNER_RECEIVE,
    }
}

/// `GET /signing/desktop`. No other page may speak to programs of the reader's machine.
async fn page(
    State(house): State<House>,
    session: Session,
    Extension(Known(papers)): Extension<Known>,
) -> Result<Response, Problem> {
    let (decision, facility) = signer(&house, &session, papers).await?;
    session.is_proven()?;
    let (lang, account) = (session.lang, session.actor.account);
    let found = house.read(decision.clone(), move |r| {
        signing::owed(r, (facility, account), Provider::Vgca, SHOWN).map_err(Failure::from)
    });
    let found = found.await?;
    house.write(decision, |tx| tx.audit(None, "papers that wait for the desktop signer", "granted")).await?;
    let rows = found.iter().filter_map(|(due, began)| {
        let label = lang.fmt(msg::DESKTOP_SIGN_ONE, &[("code", &due.code)]);
        let path = format!("{}/{}", due.act.code(), due.code);
        let papers = Known(papers).of(due.act)?;
        Some(Row::new([
            Cell::link(&due.code.to_uppercase(), &papers.page(&due.code)),
            Cell::from(lang.t(act_word(due.act))),
            Cell::from(Minute::of_seconds(*began).vi()),
            Cell(Html::template(&Waiting { lang, path, label: &label })),
        ]))
    });
    let columns = [msg::DESKTOP_PAPER, msg::SIGNER_ACT, msg::DESKTOP_SINCE, msg::SIGNER_STATE];
    let table = Table::new(lang, lang.t(msg::DESKTOP_WAITING), columns.map(|m| Column::text(lang.t(m))).into())
        .rows(rows.collect())
        .empty(Empty::new(Icon::Check, lang.t(msg::DESKTOP_NONE), ""))
        .stack();
    let (several, script) = (found.len() > 1, assets::url("desktop.js"));
    let body = Page { lang, table: table.into(), several, address: vgca::ADDRESS, script };
    let title = lang.t(msg::DESKTOP_SIGN);
    let head = PageHead::new(title).lead(lang.t(msg::DESKTOP_LEAD));
    let meta = PageMeta { crumbs: vec![Crumb::here(title)], ..session.meta(title, PAGE) };
    let note = Notice::new(lang, Tone::Info, lang.t(msg::DESKTOP_NOTE));
    let page = shell::page(&meta, stack([head.into(), note.into(), Card::new("", Html::template(&body)).into()]));
    let mut response = page.into_response();
    let policy = format!("{CSP}; connect-src 'self' {}", vgca::ADDRESS);
    let policy = HeaderValue::from_str(&policy).map_err(Problem::internal)?;
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    Ok(response)
}

/// The signature of an address that is the asker's own.
pub(crate) async fn own(
    house: &House,
    session: &Session,
    known: Known,
    (act, code): (&str, &str),
) -> Result<(Decision, Due, &'static dyn Papers), Problem> {
    let (decision, facility) = signer(house, session, known.0).await?;
    let act = Act::WITH_KEYS.into_iter().find(|a| a.code() == act).ok_or(Problem::NotFound)?;
    let papers = known.of(act).ok_or(Problem::NotFound)?;
    let (code, account) = (code.to_owned(), session.actor.account);
    let found = house.read(decision.clone(), move |r| {
        let flight = signing::flight_of(r, facility, &code, act).map_err(Failure::from)?;
        Ok::<_, Failure>(flight.filter(|f| f.account == account))
    });
    let f = found.await?.ok_or(Problem::NotFound)?;
    let due = Due { id: f.id, facility: f.facility, code: f.code, act: f.act, tried: f.tried };
    Ok((decision, due, papers))
}

/// The file of a signature, as it is to be signed now.
async fn file_of(house: &House, papers: &'static dyn Papers, due: &Due) -> Result<Option<Vec<u8>>, Problem> {
    let (store, due) = (house.store().clone(), due.clone());
    let found = tokio::task::spawn_blocking(move || flights::given_file(&store, papers, &due)).await;
    found.map_err(Problem::internal)?.map_err(|e| Failure::from(e).0)
}

/// `POST /signing/desktop/{act}/{code}`: opens the addresses of one file.
async fn open(
    State(house): State<House>,
    session: Session,
    Extension(desk): Extension<Arc<Desk>>,
    Extension(known): Extension<Known>,
    Path((act, code)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let (decision, due, papers) = own(&house, &session, known, (&act, &code)).await?;
    session.is_proven()?;
    let lang = session.lang;
    if file_of(&house, papers, &due).await?.is_none() {
        let said = json!({ "error": lang.t(msg::DESKTOP_GONE) });
        return Ok((StatusCode::CONFLICT, Json(said)).into_response());
    }
    let target = format!("paper {} for the desktop signer", due.code);
    house.write(decision, move |tx| tx.audit(None, &target, "granted")).await?;
    let name = format!("{}.pdf", due.code);
    let opened = desk.handings().open(due, session.actor.account, now_seconds()).ok_or(Problem::Unavailable)?;
    Ok(Json(json!({
        "fetch": format!("/signing/file/{}/{name}", opened.fetch),
        "bring": format!("/signing/file/{}", opened.bring),
        "session": opened.session,
    }))
    .into_response())
}

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    session: String,
}

/// `GET /signing/desktop/{act}/{code}?session=`: `signed`, `refused` with why, `away`, or `over` where nothing comes any more.
async fn told(
    State(house): State<House>,
    session: Session,
    Extension(desk): Extension<Arc<Desk>>,
    Extension(known): Extension<Known>,
    Path((act, code)): Path<(String, String)>,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    let (_, due, papers) = own(&house, &session, known, (&act, &code)).await?;
    let outcome = desk.handings().outcome(&asked.session, session.actor.account, now_seconds());
    let (state, why) = match outcome {
        Some(Outcome::Taken) => ("signed", ""),
        Some(Outcome::Refused(why)) => ("refused", word(session.lang, &why)),
        Some(Outcome::Away) if file_of(&house, papers, &due).await?.is_some() => ("away", ""),
        _ => ("over", ""),
    };
    Ok(Json(json!({ "state": state, "why": why })).into_response())
}

/// The house's own decision: the program that asks has nothing but the secret.
fn own_decision() -> Result<Decision, Problem> {
    decide(&Actor::console(), May::Certify).map_err(Problem::internal)
}

/// `GET /signing/file/{secret}/{name}`: an address that is over, was used or never was, is one and the same to who asks.
async fn fetch(
    State(house): State<House>,
    Extension(desk): Extension<Arc<Desk>>,
    Extension(known): Extension<Known>,
    Path((secret, _name)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let due = desk.handings().fetch(&secret, now_seconds()).ok_or(Problem::NotFound)?;
    let papers = known.of(due.act).ok_or(Problem::NotFound)?;
    let file = file_of(&house, papers, &due).await?;
    let (target, outcome) = (
        format!("paper {} fetched by the desktop signer", due.code),
        if file.is_some() { "granted" } else { "failed" },
    );
    house.write(own_decision()?, move |tx| tx.audit(None, &target, outcome)).await?;
    let file = file.ok_or(Problem::NotFound)?;
    let headers = [(header::CONTENT_TYPE, "application/pdf"), (header::CONTENT_DISPOSITION, "attachment")];
    Ok((headers, file).into_response())
}

/// What the program is answered, in the fields that it reads.
fn answered(said: &std::result::Result<(), String>) -> Response {
    let why = said.as_ref().err().map_or("", |said| word(Lang::Vi, said));
    let body = json!({ "Status": said.is_ok(), "Message": why, "FileName": "", "FileServer": "" });
    let status = match said.as_ref().err().map(String::as_str) {
        None => StatusCode::OK,
        Some(BROUGHT_LARGE) => StatusCode::PAYLOAD_TOO_LARGE,
        Some(FAULT) => StatusCode::SERVICE_UNAVAILABLE,
        Some(UNSIGNED | PAPER_CHANGED) => StatusCode::CONFLICT,
        Some(_) => StatusCode::UNPROCESSABLE_ENTITY,
    };
    (status, Json(body)).into_response()
}

/// The one file of a form, under the name that the program gives it.
async fn uploaded(request: Request, most: usize) -> std::result::Result<Vec<u8>, String> {
    let broken = |e: axum::extract::multipart::MultipartError| match e.status() {
        StatusCode::PAYLOAD_TOO_LARGE => BROUGHT_LARGE.to_owned(),
        _ => BROUGHT_NO_PDF.to_owned(),
    };
    let form = Multipart::from_request(request, &()).await;
    let mut form = form.map_err(|_| BROUGHT_NO_PDF.to_owned())?;
    while let Some(mut field) = form.next_field().await.map_err(broken)? {
        if field.name() != Some("uploadfile") {
            continue;
        }
        let mut file = Vec::new();
        while let Some(piece) = field.chunk().await.map_err(broken)? {
            if file.len() + piece.len() > most {
                return Err(BROUGHT_LARGE.to_owned());
            }
            file.extend_from_slice(&piece);
        }
        return Ok(file);
    }
    Err(BROUGHT_NO_PDF.to_owned())
}

/// `POST /signing/file/{secret}`. The address is used up by whatever comes first.
async fn bring(
    State(house): State<House>,
    Extension(desk): Extension<Arc<Desk>>,
    Extension(known): Extension<Known>,
    Path(secret): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let due = desk.handings().bring(&secret, now_seconds()).ok_or(Problem::NotFound)?;
    let papers = known.of(due.act).ok_or(Problem::NotFound)?;
    let said = match file_of(&house, papers, &due).await? {
        None => Err(UNSIGNED.to_owned()),
        Some(given) => match uploaded(request, given.len() + SIGNATURE_BYTES).await {
            Ok(file) => looked_at(&house, &desk, papers, &due, file).await?,
            Err(said) => Err(said),
        },
    };
    let (target, outcome) = match &said {
        Ok(()) => (format!("paper {} brought signed by the desktop signer", due.code), "granted"),
        Err(why) => (format!("paper {} brought by the desktop signer, not taken: {why}", due.code), "denied"),
    };
    house.write(own_decision()?, move |tx| tx.audit(None, &target, outcome)).await?;
    let outcome = said.clone().map_or_else(Outcome::Refused, |()| Outcome::Taken);
    desk.handings().ended(&due, outcome, now_seconds());
    Ok(answered(&said))
}

/// Takes what was brought, or says by a word of the house why not.
async fn looked_at(
    house: &House,
    desk: &Arc<Desk>,
    papers: &'static dyn Papers,
    due: &Due,
    file: Vec<u8>,
) -> Result<std::result::Result<(), String>, Problem> {
    // What somebody brings can take seconds to read: a few at a time.
    static AT_ONCE: tokio::sync::Semaphore = tokio::sync::Semaphore::const_new(4);
    let _turn = AT_ONCE.acquire().await.map_err(Problem::internal)?;
    let (store, keys, at) = (house.store().clone(), Arc::clone(desk), due.clone());
    let work = move || flights::brought(&store, keys.as_ref(), papers, &at, (&file, now_seconds()));
    let done = tokio::task::spawn_blocking(work).await.map_err(Problem::internal)?;
    Ok(done.map_err(|e| Failure::from(e).0)?.map_err(|halt| match halt {
        Halt::Later(why) if crate::words::known(Lang::Vi, &why).is_none() => {
            tracing::warn!("what the desktop signer brought of {}: {why}", due.code);
            FAULT.to_owned()
        }
        halt => halt.said(),
    }))
}
