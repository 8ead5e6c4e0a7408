//! The person who is examined confirms what they declared where they do not draw: by a code on their telephone, or by a reader of
//! fingerprints. The page shows exactly what is confirmed ([`declared::text`]), and the first digits of its hash.

use crate::case::Case;
use crate::declared::{self, HISTORY, text};
use crate::desk::Desk;
use crate::view::{by, link, meta, refusal, seen};
use axum::extract::{Form, Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::{Extension, Json};
use mach_access::{Act, Decision};
use mach_base::time::now_seconds;
use mach_house::{Failure, House, Session};
use mach_sign::{hex, sha256};
use mach_signing::confirm::{self, No, Of, READER, Verdict};
use mach_signing::patient::Way;
use mach_signing::reader;
use mach_store::certificates::State as Stands;
use mach_store::people;
use mach_store::signing::Act as Signs;
use mach_ui::components::{
    Button, Card, Definitions, Field, FieldKind, Icon, Notice, PageHead, PostForm, Tone, field_form, line, muted, stack,
};
use mach_ui::http::{CSP, Problem};
use mach_ui::{Html, Lang, msg, shell};
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;

/// Digits of the hash that page and message show.
const SHOWN_DIGITS: usize = 8;

/// What is confirmed just now.
struct Declared {
    decision: Decision,
    case: Case,
    telephone: String,
    shown: String,
    hash: [u8; 32],
    of: Of,
}

/// The declaration of a case, where it is done and may still be confirmed.
async fn declared_of(house: &House, session: &Session, code: &str) -> Result<Declared, Problem> {
    let (decision, case) = seen(house, session, code, Act::Certify).await?;
    let own = decision.scope().facility().is_some_and(|facility| facility == case.row.facility);
    let done = case.parts.iter().any(|part| part.link == HISTORY && part.done);
    if !own || !done || case.row.state != Stands::Examining {
        return Err(Problem::NotFound);
    }
    let person = case.row.person;
    let found = house.read(decision.clone(), move |r| people::person(r, person).map_err(Failure::from)).await?;
    let telephone = found.and_then(|person| person.phone).unwrap_or_default();
    let shown = text(&case, &case.answers);
    let hash = sha256(shown.as_bytes());
    let of = (case.row.facility, case.row.code.clone(), Signs::Declare);
    Ok(Declared { decision, case, telephone, shown, hash, of })
}

impl Declared {
    fn mark(&self) -> String {
        hex(&self.hash)
    }

    fn action(&self) -> String {
        format!("/certificates/case/{}/declare", self.case.row.code)
    }
}

/// A telephone as a page may show it.
fn hidden(telephone: &str) -> String {
    let last: String = telephone.chars().rev().take(3).collect::<Vec<_>>().into_iter().rev().collect();
    format!("•••{last}")
}

fn by_code(lang: Lang, d: &Declared, desk: &Desk, error: Option<String>) -> Html {
    if d.telephone.is_empty() {
        return Card::new(lang.t(msg::DECLARE_CODE), line(lang.t(msg::DECLARE_NO_PHONE))).into();
    }
    let waits = desk.confirmations().waits(&d.of, &d.hash, now_seconds());
    let label = if waits { msg::DECLARE_SEND_AGAIN } else { msg::DECLARE_SEND };
    let send = PostForm::new(lang, d.action(), Button::submit(lang.t(label))).with("do", "send").with("seen", d.mark());
    let to = line(&lang.fmt(msg::DECLARE_PHONE, &[("phone", &hidden(&d.telephone))]));
    let typed = (waits || error.is_some()).then(|| {
        let mut field = Field::new("code", lang.t(msg::DECLARE_TYPED), FieldKind::Digits).required();
        field.error = error;
        let button = Button::choosing(lang.t(msg::DECLARE_CONFIRM), "code").icon(Icon::Check).as_primary();
        let hidden = vec![("seen", d.mark())];
        field_form(lang, d.action(), ("", hidden), &[field], [button.into()])
    });
    Card::new(lang.t(msg::DECLARE_CODE), stack([Some(to), typed, Some(send.into())].into_iter().flatten())).into()
}

fn page_of(session: &Session, desk: &Desk, d: &Declared, (notice, error): (Option<Html>, Option<String>)) -> Response {
    let lang = session.lang;
    let title = lang.t(msg::DECLARE);
    let lines = Html::concat(d.shown.lines().map(line));
    let digits = d.mark()[..SHOWN_DIGITS].to_owned();
    let facts = Definitions::default().row("SHA-256", format!("{digits}…"));
    let stands = declared::said(lang, &d.case).map(|said| Notice::new(lang, Tone::Info, said).into());
    let reader = (!confirm::readers(desk.data()).is_empty()).then(|| {
        let form = reader::form(lang, &d.action(), &[("seen", d.mark())]);
        Card::new(lang.t(msg::DECLARE_READER), form).into()
    });
    let home = format!("/certificates/case/{}", d.case.row.code);
    let parts = [
        Some(
            PageHead::new(title)
                .lead(lang.t(msg::DECLARE_LEAD))
                .actions([link(lang.t(msg::BACK), home, Icon::Previous)])
                .into(),
        ),
        notice,
        stands,
        Some(Card::new(lang.t(msg::GKSK_DECLARATION), Html::concat([lines, facts.into()])).into()),
        Some(by_code(lang, d, desk, error)),
        reader,
        Some(muted(lang.t(msg::DECLARE_NOTE))),
    ];
    let page = shell::page(&meta(session, &d.case, title), stack(parts.into_iter().flatten()));
    let mut response = page.into_response();
    // No other page of certificates may speak to programs of the reader's machine.
    if let Ok(policy) = HeaderValue::from_str(&format!("{CSP}; connect-src 'self' {READER}")) {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// `GET /certificates/case/{code}/declare`.
pub(crate) async fn page(
    State(house): State<House>,
    Extension(desk): Extension<Arc<Desk>>,
    session: Session,
    Path(code): Path<String>,
) -> Result<Response, Problem> {
    let declared = declared_of(&house, &session, &code).await?;
    Ok(page_of(&session, &desk, &declared, (None, None)))
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Posted {
    #[serde(default, rename = "do")]
    what: String,
    /// The hash of what the page showed.
    #[serde(default)]
    seen: String,
    #[serde(default)]
    code: String,
    #[serde(default)]
    statement: String,
}

/// `POST /certificates/case/{code}/declare/question`: what a reader is asked, as JSON.
pub(crate) async fn question(
    State(house): State<House>,
    Extension(desk): Extension<Arc<Desk>>,
    session: Session,
    Path(code): Path<String>,
) -> Result<Json<serde_json::Value>, Problem> {
    let d = declared_of(&house, &session, &code).await?;
    let nonce = desk.confirmations().question(&d.of, d.hash, now_seconds()).map_err(|_| Problem::Unavailable)?;
    Ok(Json(json!({ "document": d.mark(), "nonce": nonce, "number": d.case.row.national })))
}

async fn send(house: &House, session: &Session, desk: &Arc<Desk>, d: &Declared) -> Result<Html, Problem> {
    let (lang, now) = (session.lang, now_seconds());
    let told = |tone, text: String| Ok(Notice::new(lang, tone, text).into());
    let code = match desk.confirmations().code(&d.of, d.hash, now) {
        Ok(code) => code,
        Err(No::Wait(seconds)) => {
            return told(Tone::Warning, lang.fmt(msg::DECLARE_WAIT, &[("n", &seconds.to_string())]));
        }
        Err(No::Busy) => return Err(Problem::Unavailable),
    };
    let digits = &d.mark()[..SHOWN_DIGITS];
    let minutes = confirm::HOLDS_SECONDS / 60;
    let text = format!(
        "Mach: ma {code} xac nhan to khai suc khoe {digits}, trong {minutes} phut. Chi doc ma khi to khai dung."
    );
    let (keys, to) = (Arc::clone(desk), d.telephone.clone());
    let sent =
        tokio::task::spawn_blocking(move || keys.messages().send(&to, &text)).await.map_err(Problem::internal)?;
    let (person, target) =
        (d.case.row.person, format!("code for the declaration of driver certificate {}", d.case.row.code));
    let outcome = if sent.is_ok() { "granted" } else { "failed" };
    house.write(d.decision.clone(), move |tx| tx.audit(Some(person), &target, outcome)).await?;
    match sent {
        Ok(()) => told(Tone::Good, lang.fmt(msg::DECLARE_SENT, &[("phone", &hidden(&d.telephone))])),
        Err(e) => {
            tracing::warn!("a code could not be sent: {e}");
            desk.confirmations().not_sent(&d.of, now);
            told(Tone::Bad, lang.t(msg::DECLARE_NOT_SENT).to_owned())
        }
    }
}

/// `POST /certificates/case/{code}/declare`: `do` says `send`, `code` or `statement`.
pub(crate) async fn confirm(
    State(house): State<House>,
    Extension(desk): Extension<Arc<Desk>>,
    session: Session,
    Path(code): Path<String>,
    Form(posted): Form<Posted>,
) -> Result<Response, Problem> {
    let d = declared_of(&house, &session, &code).await?;
    let (lang, now) = (session.lang, now_seconds());
    if posted.seen != d.mark() {
        return Err(Problem::Conflict(lang.t(msg::DECLARE_CHANGED).to_owned()));
    }
    let (way, verdict) = match posted.what.as_str() {
        "send" => {
            let notice = send(&house, &session, &desk, &d).await?;
            return Ok(page_of(&session, &desk, &d, (Some(notice), None)));
        }
        "code" => {
            let typed: String = posted.code.chars().filter(char::is_ascii_digit).take(12).collect();
            (Way::Code, desk.confirmations().typed(&d.of, &d.hash, (&typed, &d.telephone), now))
        }
        "statement" => {
            let number = &d.case.row.national;
            let asked = (posted.statement.as_str(), number.as_str());
            (Way::Finger, desk.confirmations().stated(&d.of, &d.hash, asked, desk.data(), now))
        }
        _ => return Err(Problem::BadRequest(lang.t(msg::FORM_NO_CHOICE).to_owned())),
    };
    let given = match verdict {
        Verdict::Right(given) => given,
        other => {
            let (person, target) =
                (d.case.row.person, format!("declaration of driver certificate {}: {other:?}", d.case.row.code));
            house.write(d.decision.clone(), move |tx| tx.audit(Some(person), &target, "denied")).await?;
            let bad = |text: &str| Some(Notice::new(lang, Tone::Bad, text.to_owned()).into());
            let told = match other {
                Verdict::Wrong(0) | Verdict::Over => (bad(lang.t(msg::DECLARE_OVER)), None),
                Verdict::Wrong(left) => (None, Some(lang.fmt(msg::DECLARE_WRONG, &[("n", &left.to_string())]))),
                _ => (bad(lang.t(msg::DECLARE_REFUSED)), None),
            };
            return Ok((StatusCode::BAD_REQUEST, page_of(&session, &desk, &d, told)).into_response());
        }
    };
    let (at, who, hash) = (d.case.row.code.clone(), by(&session), d.hash);
    match house.write(d.decision, move |tx| declared::confirmed(tx, &at, &who, hash, (way, &given))).await? {
        Ok(()) => Ok(Redirect::to(&format!("/certificates/case/{}?done=declared", d.case.row.code)).into_response()),
        Err(no) => Err(refusal(lang, no)),
    }
}
