//! The phone of the demonstration: a signing service of the protocol of VNPT SmartCA that is answered here instead of over a
//! network, and a page that is its subscriber's phone. It gets digests, as the real one does; what it signs is verified like any
//! provider's answer. Only a demonstration mounts it (`mach demo`), and a service that `mach gateway` set up comes before it.
//!
//! | route | who | does |
//! |---|---|---|
//! | `GET /demo/phone` | who may sign | what their phone is asked |
//! | `POST /demo/phone/{transaction}` | whose request it is | `agree`, `refuse`; who does nothing stays silent |
//!
//! | file of the data folder | |
//! |---|---|
//! | `simulated/smartca/requests.json` | what was asked, and what was answered: a restart finds it |
//! | `simulated/smartca/keys/N.pem` | the key and certificates of a subscriber |

use crate::desk::Desk;
use crate::desktop::{All, Known, signer};
use crate::flights;
use crate::waits::SHOWN_DIGITS;
use axum::extract::{Form, Path as At, Query, State};
use axum::response::Redirect;
use axum::routing::{get, post};
use axum::{Extension, Router};
use mach_base::Minute;
use mach_base::time::now_seconds;
use mach_house::files::keep;
use mach_house::{Failure, House, Session};
use mach_sign::certificate::Certificate;
use mach_sign::key::SoftKey;
use mach_sign::remote::simulator::{ACCOUNT, Asked, Provider as Provides, Said, smartca};
use mach_sign::remote::{Flight as Under, Service, SmartCa, Transport, sign_digest};
use mach_sign::{Error, Result, digest_from_hex};
use mach_store::signing::{self, Due, Provider};
use mach_ui::components::{
    Button, Card, Definitions, Empty, Icon, Layout, Notice, PageHead, PostForm, Tone, laid_out, line, stack,
};
use mach_ui::http::Problem;
use mach_ui::shell::{Crumb, PageMeta};
use mach_ui::{Html, msg, shell};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Where the page is.
pub const PAGE: &str = "/demo/phone";
/// Requests that are kept, the newest.
const KEPT: usize = 500;
/// Requests on the page.
const SHOWN: usize = 50;
/// Characters of what a phone shows.
const SHOWN_CHARS: usize = 200;

/// What somebody pressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Pressed {
    Nothing,
    Agree,
    Refuse,
}

/// A signature that the phone is asked for.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Request {
    transaction: String,
    subscriber: String,
    digest: String,
    shown: String,
    /// Seconds.
    asked: i64,
    pressed: Pressed,
}

/// The service, in files of the data folder.
#[derive(Debug)]
pub struct Phone {
    folder: PathBuf,
    turn: Mutex<()>,
}

fn failed(e: impl std::fmt::Display) -> Error {
    Error::Refused(format!("the simulated service: {e}"))
}

impl Phone {
    /// Upon a data folder.
    pub fn upon(data: &Path) -> Self {
        Self { folder: data.join("simulated").join("smartca"), turn: Mutex::new(()) }
    }

    /// Somebody subscribes: their key and certificates, the own one first.
    ///
    /// # Errors
    /// Of the files.
    pub fn enrol(&self, subscriber: &str, key: &SoftKey, chain: &[Certificate]) -> std::result::Result<(), String> {
        let chain: String = chain.iter().map(Certificate::to_pem).collect();
        keep(&self.key_file(subscriber), &format!("{}{chain}", key.to_pem()), true)
    }

    /// A client of it.
    pub fn service(&self) -> impl Service + '_ {
        let (sp_id, sp_password) = (ACCOUNT.0.to_owned(), ACCOUNT.1.to_owned());
        SmartCa { base: String::new(), sp_id, sp_password, transport: self }
    }

    /// A subscriber's id comes from elsewhere: it is no name of a file.
    fn key_file(&self, subscriber: &str) -> PathBuf {
        let name = mach_sign::hex(&mach_sign::sha256(subscriber.as_bytes())[..8]);
        self.folder.join("keys").join(format!("{name}.pem"))
    }

    fn key(&self, subscriber: &str) -> Result<Option<String>> {
        match std::fs::read_to_string(self.key_file(subscriber)) {
            Ok(text) => Ok(Some(text)),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(failed(e)),
        }
    }

    fn file(&self) -> PathBuf {
        self.folder.join("requests.json")
    }

    fn all(&self) -> Result<Vec<Request>> {
        match std::fs::read_to_string(self.file()) {
            Ok(text) => serde_json::from_str(&text).map_err(failed),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(e) => Err(failed(e)),
        }
    }

    /// Changes what is kept, one after the other; false where `change` says that there is nothing to keep.
    fn change(&self, change: impl FnOnce(&mut Vec<Request>) -> bool) -> Result<bool> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all = self.all()?;
        if !change(&mut all) {
            return Ok(false);
        }
        let gone = all.len().saturating_sub(KEPT);
        all.drain(..gone);
        let text = serde_json::to_string_pretty(&all).map_err(failed)?;
        keep(&self.file(), &text, true).map_err(failed)?;
        Ok(true)
    }

    fn one(&self, transaction: &str) -> Result<Option<Request>> {
        Ok(self.all()?.into_iter().find(|r| r.transaction == transaction))
    }

    /// Its owner presses a button; false where there is nothing to answer any more: an answer stands.
    fn press(&self, transaction: &str, pressed: Pressed) -> Result<bool> {
        self.change(|all| {
            let open = |r: &&mut Request| r.transaction == transaction && r.pressed == Pressed::Nothing;
            all.iter_mut().find(open).map(|r| r.pressed = pressed).is_some()
        })
    }
}

impl Provides for &Phone {
    fn chain(&self, subscriber: &str) -> Result<Vec<Certificate>> {
        self.key(subscriber)?.map_or_else(|| Ok(Vec::new()), |text| Certificate::from_pem(&text))
    }

    fn asked(&self, transaction: &str, asked: &Asked<'_>) -> Result<bool> {
        if transaction.is_empty() || digest_from_hex(asked.digest).is_err() || self.key(asked.subscriber)?.is_none() {
            return Ok(false);
        }
        let (digest, shown) = (asked.digest.to_owned(), asked.shown.chars().take(SHOWN_CHARS).collect());
        let (transaction, subscriber) = (transaction.to_owned(), asked.subscriber.to_owned());
        if let Some(known) = self.one(&transaction)? {
            return Ok(known.digest == digest && known.subscriber == subscriber);
        }
        let new = Request { transaction, subscriber, digest, shown, asked: now_seconds(), pressed: Pressed::Nothing };
        self.change(|all| {
            all.push(new);
            true
        })
    }

    fn said(&self, transaction: &str) -> Result<Option<Said>> {
        let Some(request) = self.one(transaction)? else { return Ok(None) };
        Ok(Some(match request.pressed {
            Pressed::Nothing => Said::Nothing,
            Pressed::Refuse => Said::Refused,
            Pressed::Agree => {
                let key = self.key(&request.subscriber)?.ok_or_else(|| failed("the key is gone"))?;
                Said::Signed(sign_digest(&SoftKey::from_pem(&key)?, &digest_from_hex(&request.digest)?)?)
            }
        }))
    }
}

impl Transport for &Phone {
    fn post(&self, address: &str, _bearer: Option<&str>, body: &Value) -> Result<(u16, Vec<u8>)> {
        smartca(self, address, body).map(|answer| (200, answer.to_string().into_bytes()))
    }
}

/// The routes of this module, for a demonstration alone; `papers` are all that may be signed.
pub fn router(desk: Arc<Desk>, papers: All) -> Router<House> {
    Router::new()
        .route("/demo/phone", get(page))
        .route("/demo/phone/{transaction}", post(press))
        .layer(Extension(desk))
        .layer(Extension(Known(papers)))
}

/// What the phone of who asks is asked: of signatures under way that are theirs, and of no others.
async fn own(
    house: &House,
    desk: &Arc<Desk>,
    (facility, account): (i64, i64),
    decision: mach_access::Decision,
) -> std::result::Result<Vec<(Due, Request)>, Problem> {
    let found = house.read(decision, move |r| {
        let owed = signing::owed(r, (facility, account), Provider::SmartCa, SHOWN).map_err(Failure::from)?;
        let mut out = Vec::new();
        for (due, _) in owed {
            let flight = signing::flight_of(r, facility, &due.code, due.act).map_err(Failure::from)?;
            let under = flight.filter(|f| f.id == due.id).and_then(|f| Under::from_bytes(&f.state).ok());
            out.extend(under.map(|u| (due, u.transaction)));
        }
        Ok::<_, Failure>(out)
    });
    let (found, desk) = (found.await?, Arc::clone(desk));
    let asked = move || -> Result<Vec<(Due, Request)>> {
        let Some(phone) = desk.phone() else { return Ok(Vec::new()) };
        let all = phone.all()?;
        let of = |(due, transaction): (Due, String)| {
            let request = all.iter().find(|r| r.transaction == transaction && r.pressed == Pressed::Nothing)?;
            Some((due, request.clone()))
        };
        Ok(found.into_iter().filter_map(of).collect())
    };
    tokio::task::spawn_blocking(asked).await.map_err(Problem::internal)?.map_err(Problem::internal)
}

#[derive(Debug, Default, Deserialize)]
struct Done {
    #[serde(default)]
    done: String,
}

/// `GET /demo/phone`.
async fn page(
    State(house): State<House>,
    session: Session,
    Extension(desk): Extension<Arc<Desk>>,
    Extension(Known(papers)): Extension<Known>,
    Query(asked): Query<Done>,
) -> std::result::Result<Html, Problem> {
    let (decision, facility) = signer(&house, &session, papers).await?;
    let (lang, account) = (session.lang, session.actor.account);
    let waiting = own(&house, &desk, (facility, account), decision.clone()).await?;
    house.write(decision, |tx| tx.audit(None, "what a simulated phone is asked", "granted")).await?;
    let cards = waiting.iter().map(|(_, request)| {
        let facts = Definitions::default()
            .row(lang.t(msg::PHONE_ASKS), "Mạch")
            .row(lang.t(msg::PHONE_DIGITS), request.digest.chars().take(SHOWN_DIGITS).collect::<String>())
            .row(lang.t(msg::PHONE_SINCE), Minute::of_seconds(request.asked).vi());
        let action = format!("{PAGE}/{}", request.transaction);
        let agree = Button::primary(lang.t(msg::PHONE_AGREE)).icon(Icon::Check);
        let refuse = Button::submit(lang.t(msg::PHONE_REFUSE));
        let press = |button, what: &str| Html::from(PostForm::new(lang, action.clone(), button).with("do", what));
        let buttons = laid_out(Layout::Row, [press(agree, "agree"), press(refuse, "refuse")]);
        Html::from(Card::new(request.shown.clone(), stack([facts.into(), buttons])))
    });
    let mut cards: Vec<Html> = cards.collect();
    if cards.is_empty() {
        cards.push(Empty::new(Icon::Check, lang.t(msg::PHONE_NONE), "").into());
    } else {
        cards.push(line(lang.t(msg::PHONE_SILENT)));
    }
    let done = match asked.done.as_str() {
        "agree" => Some((Tone::Good, msg::PHONE_AGREED)),
        "refuse" => Some((Tone::Warning, msg::PHONE_REFUSED)),
        "over" => Some((Tone::Bad, msg::PHONE_OVER)),
        _ => None,
    };
    let title = lang.t(msg::PHONE);
    let again = Button::link(lang.t(msg::WAITS_AGAIN), PAGE).icon(Icon::Undo).into();
    let head = PageHead::new(title).lead(lang.t(msg::PHONE_LEAD)).actions([again]);
    let note = Notice::new(lang, Tone::Warning, lang.t(msg::PHONE_NOTE));
    let meta = PageMeta { crumbs: vec![Crumb::here(title)], ..session.meta(title, PAGE) };
    let done = done.map(|(tone, text)| Notice::new(lang, tone, lang.t(text)).into());
    let parts = [Some(head.into()), Some(note.into()), done].into_iter().flatten();
    Ok(shell::page(&meta, stack(parts.chain(cards))))
}

#[derive(Debug, Default, Deserialize)]
struct Press {
    #[serde(default, rename = "do")]
    what: String,
}

/// `POST /demo/phone/{transaction}`: the owner answers, and the signature goes on.
async fn press(
    State(house): State<House>,
    session: Session,
    Extension(desk): Extension<Arc<Desk>>,
    Extension(known): Extension<Known>,
    At(transaction): At<String>,
    Form(pressed): Form<Press>,
) -> std::result::Result<Redirect, Problem> {
    let (decision, facility) = signer(&house, &session, known.0).await?;
    let (lang, account) = (session.lang, session.actor.account);
    let waiting = own(&house, &desk, (facility, account), decision.clone()).await?;
    let (due, _) = waiting.into_iter().find(|(_, r)| r.transaction == transaction).ok_or(Problem::NotFound)?;
    let answer = match pressed.what.as_str() {
        "agree" => Pressed::Agree,
        "refuse" => Pressed::Refuse,
        _ => return Err(Problem::BadRequest(lang.t(msg::FORM_NO_CHOICE).to_owned())),
    };
    let (target, at) = (format!("simulated phone: {} of {}", pressed.what, due.code), Arc::clone(&desk));
    house.write(decision, move |tx| tx.audit(None, &target, "granted")).await?;
    let kept = tokio::task::spawn_blocking(move || at.phone().map_or(Ok(false), |p| p.press(&transaction, answer)));
    // Pressed at two places at once: the first counts.
    if !kept.await.map_err(Problem::internal)?.map_err(Problem::internal)? {
        return Ok(Redirect::to(&format!("{PAGE}?done=over")));
    }
    let papers = known.of(due.act).ok_or(Problem::NotFound)?;
    flights::at_once(&house, &desk, papers, vec![(due.facility, due.code, due.act)]).await?;
    Ok(Redirect::to(&format!("{PAGE}?done={}", pressed.what)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use mach_sign::key::{Scheme, Signer as _};
    use mach_sign::remote::Answer;
    use mach_test_sign::Family;

    #[test]
    fn it_signs_what_its_owner_agrees_to_and_a_restart_finds_what_was_asked() {
        let folder = tempfile::tempdir().expect("a folder");
        let doctor = Family::new().doctor("Bác sĩ");
        let phone = Phone::upon(folder.path());
        phone.enrol("046090000001", &doctor.key, &doctor.chain).expect("enrolled");
        let digest = mach_sign::sha256(b"a paper");
        let ask = |to: &str, transaction: &str, digest: &[u8; 32]| {
            Phone::upon(folder.path()).service().ask(to, transaction, digest, "Đơn thuốc")
        };
        let answer = |transaction: &str| Phone::upon(folder.path()).service().answer(transaction);
        assert_eq!(phone.service().certificates("046090000001").expect("one")[0][0].raw(), doctor.certificate().raw());
        for stranger in ["046090000002", "../../../etc/passwd", ""] {
            assert!(phone.service().certificates(stranger).is_err(), "{stranger}");
            assert!(ask(stranger, "t0", &digest).is_err(), "{stranger}");
        }
        for _ in 0..2 {
            assert_eq!(ask("046090000001", "t1", &digest).expect("asked"), "t1", "the same again is the same");
        }
        assert!(ask("046090000001", "t1", &[7; 32]).is_err(), "not of other bytes");
        assert_eq!(phone.all().expect("read").len(), 1);
        assert_eq!(answer("t1"), Ok(Answer::Waiting), "silence");
        assert!(phone.press("t1", Pressed::Agree).expect("kept"));
        assert!(!phone.press("t1", Pressed::Refuse).expect("read"), "an answer stands");
        let Ok(Answer::Signed(signature)) = answer("t1") else { panic!("no signature") };
        let key = doctor.key.public();
        assert_eq!(key.verify(Scheme::EcdsaP256Sha256, b"a paper", &signature), Ok(()));
        ask("046090000001", "t2", &digest).expect("asked");
        assert!(phone.press("t2", Pressed::Refuse).expect("kept"));
        assert!(matches!(answer("t2"), Ok(Answer::Refused(_))));
        assert!(answer("t3").is_err() && !phone.press("t3", Pressed::Agree).expect("read"), "nobody asked");
    }
}
