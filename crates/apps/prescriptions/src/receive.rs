//! The pharmacy's page on which who takes controlled medicines reads what they get and signs for it; and the paper of it.

use crate::case::Case;
use crate::dispense::{self, Handing};
use crate::pharmacy::{Typed, found, hand_out, handing, meta};
use crate::receipt::{self, Receipt};
use crate::view::{link, refusal};
use crate::write::MOST_LINES;
use askama::Template;
use axum::extract::{Form, Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::{Extension, Json};
use mach_access::Decision;
use mach_base::Minute;
use mach_base::time::now_seconds;
use mach_documents::{Block, Paper, Style, Text};
use mach_house::{Failure, House, Session};
use mach_sign::{hex, sha256};
use mach_signing::confirm::{self, HOLDS_SECONDS, No as Later, READER, Verdict};
use mach_signing::desk::Desk;
use mach_signing::patient::{Signed, Way};
use mach_signing::reader;
use mach_signing::seal::{Said, own_seal, seal_paper};
use mach_store::people::PersonRow;
use mach_store::signing::Act as Signs;
use mach_ui::components::{
    Button, Card, Definitions, Field, FieldKind, Icon, Notice, PageHead, Tone, field_form, line, muted, stack,
};
use mach_ui::http::{CSP, Problem};
use mach_ui::{Html, assets, msg, shell};
use serde_json::{Value, json};
use std::sync::Arc;

/// The place of the pharmacy's seal on a receipt.
const SEAL: &str = "pharmacy";
/// Digits of the hash that page and message both name.
const SHOWN_DIGITS: usize = 8;
/// What of a form is of the sale, and goes along while it is signed.
const OF_SALE: [&str; 4] = ["invoice", "receiver", "receiver-number", "receiver-phone"];

#[derive(Template)]
#[template(path = "receipt-pad.html")]
struct Pad<'a> {
    lang: mach_ui::Lang,
    action: String,
    hidden: &'a [(&'static str, String)],
    wrong: bool,
    script: String,
}

/// What is about to be signed.
pub(crate) struct Asked<'a> {
    pub(crate) house: &'a House,
    pub(crate) session: &'a Session,
    pub(crate) desk: &'a Arc<Desk>,
    pub(crate) case: &'a Case,
    pub(crate) typed: &'a Typed,
    handing: Handing,
    text: String,
    hash: [u8; 32],
    ways: &'static [Way],
    of: confirm::Of,
}

impl<'a> Asked<'a> {
    /// Of a sale; `None` where no signature is asked for it.
    pub(crate) fn of(
        (house, session, desk): (&'a House, &'a Session, &'a Arc<Desk>),
        (case, person): (&'a Case, &PersonRow),
        (typed, handing): (&'a Typed, Handing),
        pharmacy: &str,
    ) -> Option<Self> {
        let today = Minute::of_seconds(now_seconds()).day();
        let rule = receipt::asked(&case.row.kind, today)?;
        let text = receipt::text(case, &person.name, pharmacy, &handing, today);
        let hash = sha256(text.as_bytes());
        let name = receipt::name(&case.row.code, &receipt::mark(pharmacy, &handing.invoice));
        let of = (case.row.facility, name, Signs::Receive);
        Some(Self { house, session, desk, case, typed, handing, text, hash, ways: &rule.ways, of })
    }

    fn action(&self) -> String {
        format!("/prescriptions/dispense/{}", self.case.row.code)
    }

    fn digits(&self) -> String {
        hex(&self.hash)[..SHOWN_DIGITS].to_owned()
    }

    fn telephone(&self) -> String {
        let typed = self.typed.get("receiver-phone").map(String::as_str).unwrap_or_default();
        typed.chars().filter(char::is_ascii_digit).take(15).collect()
    }

    /// The sale as it was typed, and the hash of what is shown.
    fn hidden(&self) -> Vec<(&'static str, String)> {
        let get = |name: &str| self.typed.get(name).cloned().unwrap_or_default();
        let of_sale = OF_SALE.into_iter().map(|name| (name, get(name)));
        let quantities = QUANTITIES.iter().copied().zip(1..).take(self.case.lines.len());
        let quantities = quantities.map(|(name, n)| (name, get(&format!("quantity-{n}"))));
        of_sale.chain(quantities).chain([("seen", hex(&self.hash))]).collect()
    }

    fn by_code(&self, error: Option<String>) -> Html {
        let lang = self.session.lang;
        let to = self.telephone();
        if to.len() < 9 {
            return Card::new(lang.t(msg::DECLARE_CODE), line(lang.t(msg::RX_RECEIPT_NO_PHONE))).into();
        }
        let waits = self.desk.confirmations().waits(&self.of, &self.hash, now_seconds());
        let label = if waits { msg::DECLARE_SEND_AGAIN } else { msg::DECLARE_SEND };
        let hidden = self.hidden();
        let button = Button::choosing(lang.t(label), "send").into();
        let send = field_form(lang, self.action(), ("", hidden.clone()), &[], [button]);
        let told = line(&lang.fmt(msg::DECLARE_PHONE, &[("phone", &to)]));
        let typed = (waits || error.is_some()).then(|| {
            let mut field = Field::new("code", lang.t(msg::DECLARE_TYPED), FieldKind::Digits).required();
            field.error = error;
            let button = Button::choosing(lang.t(msg::DECLARE_CONFIRM), "code").icon(Icon::Check).as_primary();
            field_form(lang, self.action(), ("", hidden), &[field], [button.into()])
        });
        Card::new(lang.t(msg::DECLARE_CODE), stack([Some(told), typed, Some(send)].into_iter().flatten())).into()
    }

    fn way(&self, way: Way, wrong: &Wrong) -> Option<Html> {
        let (lang, hidden, action) = (self.session.lang, self.hidden(), self.action());
        match way {
            Way::Pad => {
                let (wrong, script) = (matches!(wrong, Wrong::Drawing), assets::url("forms.js"));
                let pad = Pad { lang, action, hidden: &hidden, wrong, script };
                Some(Card::new(lang.t(msg::RX_RECEIPT_PAD), Html::template(&pad)).into())
            }
            Way::Code => {
                let error = if let Wrong::Code(text) = wrong { Some(text.clone()) } else { None };
                Some(self.by_code(error))
            }
            Way::Finger => {
                let is_here = !confirm::readers(self.desk.data()).is_empty();
                is_here.then(|| Card::new(lang.t(msg::DECLARE_READER), reader::form(lang, &action, &hidden)).into())
            }
            Way::Paper => {
                let button = Button::choosing(lang.t(msg::RX_RECEIPT_PAPER_DONE), "paper").into();
                let lead = (lang.t(msg::RX_RECEIPT_PAPER_LEAD), hidden);
                let body = field_form(lang, action, lead, &[], [button]);
                Some(Card::new(lang.t(msg::RX_RECEIPT_PAPER), body).into())
            }
        }
    }

    /// The page: what is signed, to the letter, and the ways.
    pub(crate) fn page(&self, notice: Option<Html>, wrong: &Wrong) -> Response {
        let lang = self.session.lang;
        let title = lang.t(msg::RX_TAKING);
        let lines = Html::concat(self.text.lines().map(line));
        let facts = Definitions::default().row("SHA-256", format!("{}…", self.digits()));
        let back = format!("/prescriptions/dispense?code={}", self.case.row.code);
        let head = PageHead::new(title).lead(lang.t(msg::RX_RECEIPT_LEAD));
        let shown = Card::new(title, Html::concat([lines, facts.into()]));
        let above =
            [Some(head.actions([link(lang.t(msg::BACK), back, Icon::Previous)]).into()), notice, Some(shown.into())];
        let ways = self.ways.iter().filter_map(|way| self.way(*way, wrong));
        let parts = above.into_iter().flatten().chain(ways).chain([muted(lang.t(msg::RX_RECEIPT_NOTE))]);
        let page = shell::page(&meta(self.session, title), stack(parts));
        let status = if matches!(wrong, Wrong::Nothing) { StatusCode::OK } else { StatusCode::BAD_REQUEST };
        let mut response = (status, page).into_response();
        // No other page of the pharmacy may speak to programs of the reader's machine.
        if let Ok(policy) = HeaderValue::from_str(&format!("{CSP}; connect-src 'self' {READER}")) {
            response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
        }
        response
    }

    /// Sends a code to the telephone that the receiver names.
    async fn send(&self, decision: &Decision) -> Result<Response, Problem> {
        let (lang, now, to) = (self.session.lang, now_seconds(), self.telephone());
        let told = |tone, text: String| Ok(self.page(Some(Notice::new(lang, tone, text).into()), &Wrong::Nothing));
        if to.len() < 9 {
            return Ok(self.page(None, &Wrong::Other));
        }
        let code = match self.desk.confirmations().code(&self.of, self.hash, now) {
            Ok(code) => code,
            Err(Later::Wait(n)) => {
                return told(Tone::Warning, lang.fmt(msg::DECLARE_WAIT, &[("n", &n.to_string())]));
            }
            Err(Later::Busy) => return Err(Problem::Unavailable),
        };
        let (digits, minutes) = (self.digits(), HOLDS_SECONDS / 60);
        let text = format!(
            "Mach: ma {code} xac nhan da nhan thuoc {digits}, trong {minutes} phut. Chi doc ma khi da nhan du thuoc."
        );
        let (keys, number) = (Arc::clone(self.desk), to.clone());
        let sent = tokio::task::spawn_blocking(move || keys.messages().send(&number, &text)).await;
        let sent = sent.map_err(Problem::internal)?;
        let target = format!("code for the receipt of prescription {}", self.of.1);
        self.audit(decision, target, if sent.is_ok() { "granted" } else { "failed" }).await?;
        match sent {
            Ok(()) => told(Tone::Good, lang.fmt(msg::DECLARE_SENT, &[("phone", &to)])),
            Err(e) => {
                tracing::warn!("a code could not be sent: {e}");
                self.desk.confirmations().not_sent(&self.of, now);
                told(Tone::Bad, lang.t(msg::RX_RECEIPT_NOT_SENT).to_owned())
            }
        }
    }

    async fn audit(&self, decision: &Decision, target: String, outcome: &'static str) -> Result<(), Problem> {
        let person = self.case.row.person;
        self.house.write(decision.clone(), move |tx| tx.audit(Some(person), &target, outcome)).await
    }

    /// What they gave, by the way they chose; else what is wrong with it.
    fn given(&self, what: &str) -> Result<(Way, Vec<u8>), (Option<Html>, Wrong)> {
        let (lang, now) = (self.session.lang, now_seconds());
        let get = |name: &str| self.typed.get(name).map(|t| t.trim()).unwrap_or_default();
        let bad = |text: &str| Some(Notice::new(lang, Tone::Bad, text.to_owned()).into());
        let (way, verdict) = match what {
            "pad" => match receipt::drawn(get("drawn")) {
                Some(drawn) => return Ok((Way::Pad, drawn)),
                None => return Err((None, Wrong::Drawing)),
            },
            "paper" => {
                let said = format!("paper, {}, witness {}", self.of.1, self.session.actor.account);
                return Ok((Way::Paper, said.into_bytes()));
            }
            "code" => {
                let typed: String = get("code").chars().filter(char::is_ascii_digit).take(12).collect();
                let to = self.telephone();
                (Way::Code, self.desk.confirmations().typed(&self.of, &self.hash, (&typed, &to), now))
            }
            "statement" => {
                let asked = (get("statement"), self.handing.receiver.number.as_str());
                let (desk, of) = (self.desk, &self.of);
                (Way::Finger, desk.confirmations().stated(of, &self.hash, asked, desk.data(), now))
            }
            _ => return Err((bad(lang.t(msg::FORM_NO_CHOICE)), Wrong::Other)),
        };
        match verdict {
            Verdict::Right(given) => Ok((way, given)),
            Verdict::Wrong(0) | Verdict::Over => Err((bad(lang.t(msg::DECLARE_OVER)), Wrong::Other)),
            Verdict::Wrong(left) => Err((None, Wrong::Code(lang.fmt(msg::DECLARE_WRONG, &[("n", &left.to_string())])))),
            Verdict::Refused(why) => {
                tracing::warn!("a reader's statement for {} was refused: {why}", self.of.1);
                Err((bad(lang.t(msg::DECLARE_REFUSED)), Wrong::Other))
            }
        }
    }

    /// Answers what was posted: shows what is to be signed, or takes the signature and hands out.
    pub(crate) async fn answer(self, decision: Decision) -> Result<Response, Problem> {
        let lang = self.session.lang;
        let what = self.typed.get("do").cloned().unwrap_or_default();
        if dispense::is_known(self.case, &self.handing) {
            return self.hand_out(decision, None).await;
        }
        // What cannot be handed out is not signed for.
        if let Some(no) = dispense::hindrance(self.case, &self.handing, false, now_seconds()) {
            return Err(refusal(lang, &no));
        }
        if let Some(no) = dispense::past(self.case, &self.handing) {
            return Err(refusal(lang, &no));
        }
        if what.is_empty() {
            return Ok(self.page(None, &Wrong::Nothing));
        }
        let seen = self.typed.get("seen").map(|t| t.trim()).unwrap_or_default();
        if seen != hex(&self.hash) {
            let changed = Notice::new(lang, Tone::Bad, lang.t(msg::RX_RECEIPT_CHANGED));
            return Ok(self.page(Some(changed.into()), &Wrong::Other));
        }
        if what == "send" {
            return self.send(&decision).await;
        }
        let (way, given) = match self.given(&what) {
            Ok(given) => given,
            Err((notice, wrong)) => {
                self.audit(&decision, format!("receipt of prescription {}: not signed", self.of.1), "denied").await?;
                return Ok(self.page(notice, &wrong));
            }
        };
        let witness = (self.session.actor.account, self.session.actor.name.clone());
        let receipt = Receipt { shown: self.hash, way, given, witness };
        self.hand_out(decision, Some(receipt)).await
    }

    async fn hand_out(self, decision: Decision, receipt: Option<Receipt>) -> Result<Response, Problem> {
        let (lang, handing) = (self.session.lang, Handing { receipt, ..self.handing });
        match hand_out(self.house, decision, self.case, handing).await? {
            Ok(()) => {
                let to = format!("/prescriptions/dispense?code={}&done=dispense", self.case.row.code);
                Ok(Redirect::to(&to).into_response())
            }
            Err(no) => Err(refusal(lang, &no)),
        }
    }
}

/// Names of the fields of quantities, by line.
const QUANTITIES: [&str; MOST_LINES] = [
    "quantity-1",
    "quantity-2",
    "quantity-3",
    "quantity-4",
    "quantity-5",
    "quantity-6",
    "quantity-7",
    "quantity-8",
    "quantity-9",
    "quantity-10",
    "quantity-11",
    "quantity-12",
    "quantity-13",
    "quantity-14",
    "quantity-15",
    "quantity-16",
    "quantity-17",
    "quantity-18",
    "quantity-19",
    "quantity-20",
];

/// What is wrong with what was given.
pub(crate) enum Wrong {
    Nothing,
    Drawing,
    Code(String),
    Other,
}

/// `POST /prescriptions/dispense/{code}/question`: what a reader of fingerprints is asked, as JSON.
pub(crate) async fn question(
    State(house): State<House>,
    Extension(desk): Extension<Arc<Desk>>,
    session: Session,
    Path(code): Path<String>,
    Form(typed): Form<Typed>,
) -> Result<Json<Value>, Problem> {
    let (decision, case, person) = found(&house, &session, &code).await?.ok_or(Problem::NotFound)?;
    let handing = handing(&session, &decision, &case, &typed)?;
    let pharmacy = session.facility_code.clone().unwrap_or_default();
    let asked = Asked::of((&house, &session, &desk), (&case, &person), (&typed, handing), &pharmacy);
    let asked = asked.filter(|a| a.ways.contains(&Way::Finger)).ok_or(Problem::NotFound)?;
    let nonce = desk.confirmations().question(&asked.of, asked.hash, now_seconds());
    let nonce = nonce.map_err(|_| Problem::Unavailable)?;
    let number = &asked.handing.receiver.number;
    Ok(Json(json!({ "document": hex(&asked.hash), "nonce": nonce, "number": number })))
}

/// `GET /prescriptions/dispense/{code}/receipt/{mark}`: what was signed, with what is said of the signature, to be printed; under the
/// pharmacy's digital seal where it is asked for by the pharmacy itself and its seal is at hand.
pub(crate) async fn printed(
    State(house): State<House>,
    Extension(desk): Extension<Arc<Desk>>,
    session: Session,
    Path((code, mark)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let (decision, case, _) = found(&house, &session, &code).await?.ok_or(Problem::NotFound)?;
    let (at, own) = (case.clone(), session.facility_code.clone().unwrap_or_default());
    let facility = decision.scope().facility().unwrap_or(0);
    let is_own = case.sales.iter().any(|s| s.pharmacy == facility && receipt::mark(&own, &s.invoice) == mark);
    let (keys, now) = (Arc::clone(&desk), now_seconds());
    let kept = house.read(crate::pharmacy::own()?, move |r| {
        let Some(signed) = receipt::of(r, &at, &mark)? else { return Ok::<_, Failure>(None) };
        // What is not at hand is no fault: then the paper bears no seal.
        let seal = is_own.then(|| own_seal(r, keys.as_ref(), facility, now).ok()).flatten();
        Ok(Some((receipt::shown(r, &at, &mark, &signed)?, signed, seal)))
    });
    let (text, signed, seal) = kept.await?.ok_or(Problem::NotFound)?;
    let text = text.ok_or_else(|| Problem::Conflict(session.lang.t(msg::RX_ALTERED).to_owned()))?;
    let name = format!("attachment; filename=\"bien-nhan-{}.pdf\"", case.row.code);
    let pharmacy = mach_house::facility_name(&own);
    let made = move || {
        let rendered = paper(&case, &text, &signed, seal.is_some()).render().map_err(|e| e.to_string())?;
        let Some((chain, key)) = seal else { return Ok(rendered.pdf) };
        let said = Said { facility: &pharmacy, role: "Nơi cấp thuốc", reason: "Biên nhận thuốc" };
        seal_paper((&rendered, SEAL), (&chain, &key), desk.as_ref(), (&said, now))
    };
    let pdf = tokio::task::spawn_blocking(made).await.map_err(Problem::internal)?.map_err(Problem::internal)?;
    let headers = [(header::CONTENT_TYPE, "application/pdf".to_owned()), (header::CONTENT_DISPOSITION, name)];
    Ok((headers, pdf).into_response())
}

/// The paper of a receipt, A5.
fn paper(case: &Case, text: &str, signed: &Signed, sealed: bool) -> Paper {
    let code = case.row.code.to_uppercase();
    let mut paper = Paper::a5(&format!("Biên nhận thuốc {code}"));
    let small = |text: &str| Block::Paragraph(Text::plain(text), Style { size: 10.5, after: 3.0, ..Style::default() });
    paper.identifier(&code).identifier(&format!("urn:sha-256:{}", hex(&signed.shown))).foot(&code).made(signed.at);
    paper.identifier(&mach_sign::pades::patient(signed.way.code()));
    let mut lines = text.lines();
    paper.add(Block::title(lines.next().unwrap_or_default()));
    for line in lines {
        paper.add(small(line));
    }
    paper.add(Block::Space(6.0)).add(Block::Rule(1.0));
    paper.add(small(&receipt::said(mach_ui::Lang::Vi, signed)));
    paper.add(small(&format!("SHA-256 của nội dung trên: {}", hex(&signed.shown))));
    if signed.way == Way::Paper {
        let line = "........................................................";
        paper.add(Block::Space(8.0));
        paper.add(small(&format!("Người nhận (ký, ghi rõ họ tên): {line}")));
    }
    if sealed {
        paper.add(Block::Space(8.0)).add(Block::seal(SEAL, 170.0, 46.0));
    }
    paper
}

/// What stands on pages of a sale's signature: in words, with its paper.
pub(crate) fn row(lang: mach_ui::Lang, case: &Case, mark: &str, signed: &Signed) -> Html {
    let href = format!("/prescriptions/dispense/{}/receipt/{mark}", case.row.code);
    let print = link(lang.t(msg::RX_RECEIPT_PRINT), href, Icon::Print);
    Html::concat([line(&receipt::said(lang, signed)), print])
}
