//! `/admin/signatures`: under which rules a facility signs, and who may sign with which certificate. Until the rules are
//! registered nothing is signed at a facility (Circular 13/2025/TT-BYT; Law on Electronic Transactions 20/2023/QH15).

use crate::batch::{DEPARTMENT, facility_of};
use crate::desk::Desk;
use crate::view::{link, told};
use axum::Extension;
use axum::extract::{Form, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use mach_base::Day;
use mach_base::limits::NAME_CHARS;
use mach_house::admin::{Closed, administrator, proven_administrator};
use mach_house::{Failure, House, Session};
use mach_sign::certificate::Certificate;
use mach_store::signing::{self, Act, Provider, Signer};
use mach_store::{accounts, schema};
use mach_ui::components::{
    Button, Card, Cell, Column, Empty, Field, FieldKind, Icon, Notice, PageHead, PostForm, Row, Table, Tone, chip,
    field_form, muted, stack,
};
use mach_ui::shell::PageMeta;
use mach_ui::{Html, Lang, Msg, msg, shell};
use serde::Deserialize;
use std::collections::HashMap;
use std::sync::Arc;

/// Signers on a page.
const SHOWN: usize = 200;

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    done: String,
    /// The row before which the list of signers begins.
    #[serde(default)]
    before: Option<i64>,
}

/// What was typed into either form.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Typed {
    pub(crate) facility: String,
    pub(crate) document: String,
    pub(crate) from: String,
    pub(crate) account: String,
    pub(crate) licence: String,
    pub(crate) act: String,
    pub(crate) to: String,
    pub(crate) provider: String,
    pub(crate) subscriber: String,
    pub(crate) chain: String,
}

pub(crate) type Errors = Vec<(&'static str, String)>;

pub(crate) fn act_word(act: Act) -> Msg {
    match act {
        Act::Conclude => msg::SIGNER_CONCLUDE,
        Act::Countersign => msg::SIGNER_COUNTERSIGN,
        Act::Seal => msg::SIGNER_SEAL,
        Act::Prescribe => msg::SIGNER_PRESCRIBE,
        Act::Declare => msg::SIGNER_DECLARE,
        Act::Receive => msg::SIGNER_RECEIVE,
    }
}

pub(crate) fn with(mut fields: Vec<Field>, errors: &Errors) -> Vec<Field> {
    told(&mut fields, errors);
    fields
}

fn policy_form(lang: Lang, typed: &Typed, errors: &Errors) -> Html {
    let fields = vec![
        Field::new("facility", lang.t(msg::SIGNER_FACILITY), FieldKind::Text)
            .value(&typed.facility)
            .hint(lang.t(msg::SIGNER_FACILITY_HINT))
            .required(),
        Field::new("document", lang.t(msg::SIGNER_DOCUMENT), FieldKind::Text).value(&typed.document).required(),
        Field::new("from", lang.t(msg::FROM), FieldKind::Date).value(&typed.from).required(),
    ];
    let lead = lang.t(msg::SIGNER_POLICY_LEAD);
    let button = Button::submit(lang.t(msg::SIGNER_POLICY_SAVE)).into();
    let body = field_form(lang, "/admin/signatures/policy", (lead, Vec::new()), &with(fields, errors), [button]);
    Card::new(lang.t(msg::SIGNER_POLICY), body).into()
}

/// The way to open a signer's token.
fn pin_link(lang: Lang, s: &Signer, facility: &str) -> Html {
    match s.provider {
        Provider::Token => {
            let href = format!("/admin/signatures/pin?id={}&facility={facility}", s.id);
            link(lang.t(msg::TOKEN_PIN), href, Icon::Keyboard)
        }
        _ => Html::EMPTY,
    }
}

struct Known {
    policies: Vec<(String, Option<signing::Policy>)>,
    signers: Vec<(Signer, String, String)>,
    /// Where the next page begins.
    next: Option<i64>,
}

fn known(r: &mut mach_store::Reader, before: Option<i64>) -> mach_store::Result<Known> {
    let (scope, today) = (r.scope(), Day::today());
    let department = (0, DEPARTMENT.to_owned());
    let codes: HashMap<i64, String> = schema::facilities(r)?.into_iter().chain([department]).collect();
    let mut found = signing::signers(r, before, SHOWN + 1)?;
    let more = found.len() > SHOWN;
    found.truncate(SHOWN);
    let next = found.last().filter(|_| more).map(|s| s.id);
    let mut signers = Vec::new();
    for signer in found {
        let name = accounts::by_id(r, scope, signer.account)?.map(|a| a.display).unwrap_or_default();
        let code = codes.get(&signer.facility).cloned().unwrap_or_default();
        signers.push((signer, name, code));
    }
    // The own facility, or those that have signers: a province has hundreds that sign nothing.
    let mut wanted: Vec<i64> = scope.facility().into_iter().chain(signers.iter().map(|(s, ..)| s.facility)).collect();
    wanted.sort_unstable();
    wanted.dedup();
    let mut policies = Vec::new();
    for id in wanted {
        policies.push((codes.get(&id).cloned().unwrap_or_default(), signing::policy(r, id, today)?));
    }
    Ok(Known { policies, signers, next })
}

/// What a facility is called, and the department.
fn place(lang: Lang, code: &str) -> String {
    if code == DEPARTMENT { lang.t(msg::DEPARTMENT_OF_HEALTH).to_owned() } else { mach_house::facility_name(code) }
}

fn lists(lang: Lang, known: &Known) -> [Html; 2] {
    let columns = [msg::SIGNER_FACILITY, msg::SIGNER_DOCUMENT, msg::FROM].map(|m| Column::text(lang.t(m)));
    let rows = known.policies.iter().map(|(code, policy)| {
        let name = Cell::from(place(lang, code));
        match policy {
            Some(p) => Row::new([name, Cell::from(p.document.clone()), Cell::from(p.from.vi())]),
            None => {
                Row::new([name, Cell(chip(Tone::Warning, lang.t(msg::SIGNER_NO_POLICY))), Cell::from(String::new())])
            }
        }
    });
    let policies = Table::new(lang, lang.t(msg::SIGNER_POLICIES), columns.into())
        .rows(rows.collect())
        .empty(Empty::new(Icon::Review, lang.t(msg::SIGNER_NO_POLICY), ""))
        .stack();
    let columns = [
        msg::SIGNER_WHO,
        msg::SIGNER_FACILITY,
        msg::SIGNER_ACT,
        msg::SIGNER_LICENCE,
        msg::SIGNER_PERIOD,
        msg::SIGNER_CERTIFICATE,
        msg::SIGNER_STATE,
    ]
    .map(|m| Column::text(lang.t(m)));
    let today = Day::today();
    let rows = known.signers.iter().map(|(s, name, code)| {
        let who = if s.account == 0 { lang.t(msg::SIGNER_SEAL).to_owned() } else { name.clone() };
        let act = Act::WITH_KEYS.into_iter().filter(|a| s.acts.split(' ').any(|c| c == a.code()));
        let acts: Vec<&str> = act.map(|a| lang.t(act_word(a))).collect();
        let own = Certificate::from_pem(&s.chain).ok().and_then(|c| c.into_iter().next());
        let until = own.map(|c| format!("{}, {}", c.issuer.common(), mach_sign::time::to_vietnamese(c.not_after)));
        let holds = s.ended.is_none() && s.from <= today && today <= s.to;
        let state = match holds {
            true => Html::concat([
                pin_link(lang, s, code),
                PostForm::new(lang, "/admin/signatures/end", Button::submit(lang.t(msg::SIGNER_END)))
                    .with("id", s.id.to_string())
                    .with("facility", code.clone())
                    .sure(lang.t(msg::ARE_YOU_SURE))
                    .into(),
            ]),
            false => chip(Tone::Plain, lang.t(msg::SIGNER_OVER)),
        };
        Row::new([
            Cell::from(format!("{} · {who}", s.id)),
            Cell::from(place(lang, code)),
            Cell::from(acts.join(", ")),
            Cell::from(s.licence.clone()),
            Cell::from(format!("{} – {}", s.from.vi(), s.to.vi())),
            Cell::from(until.unwrap_or_default()),
            Cell(state),
        ])
    });
    let signers = Table::new(lang, lang.t(msg::SIGNERS), columns.into())
        .rows(rows.collect())
        .empty(Empty::new(Icon::Person, lang.t(msg::SIGNER_NONE), ""))
        .stack();
    [Card::new(lang.t(msg::SIGNER_POLICIES), policies).into(), Card::new(lang.t(msg::SIGNERS), signers).into()]
}

async fn shown(
    house: &House,
    session: &Session,
    (notice, before): (Option<Html>, Option<i64>),
    (typed, errors): (&Typed, &Errors),
) -> Result<Html, Closed> {
    let decision = administrator(house, session).await?;
    let found = house.read(decision, move |r| Ok::<_, Failure>(known(r, before)?)).await?;
    let lang = session.lang;
    let title = lang.t(msg::SIGNATURES);
    let [policies, signers] = lists(lang, &found);
    let add = Button::link(lang.t(msg::SIGNER_ADD), "/admin/signatures/signer").icon(Icon::Person).as_primary();
    let parts = [
        Some(PageHead::new(title).lead(lang.t(msg::SIGNATURES_LEAD)).actions([add.into()]).into()),
        notice,
        Some(policies),
        Some(policy_form(lang, typed, errors)),
        Some(signers),
        found.next.map(|id| link(lang.t(msg::NEXT_PAGE), format!("/admin/signatures?before={id}"), Icon::Next)),
        Some(muted(lang.t(msg::SIGNER_KEYS_NOTE))),
    ];
    let meta: PageMeta = session.meta(title, "/admin/signatures");
    Ok(shell::page(&meta, stack(parts.into_iter().flatten())))
}

/// `GET /admin/signatures`.
pub(crate) async fn page(
    State(house): State<House>,
    session: Session,
    Query(asked): Query<Asked>,
) -> Result<Html, Closed> {
    let lang = session.lang;
    let notice = (!asked.done.is_empty()).then(|| Notice::new(lang, Tone::Good, lang.t(msg::SIGNATURES_SAVED)).into());
    let (none, errors) = (Typed { from: Day::today().to_string(), ..Typed::default() }, Errors::new());
    shown(&house, &session, (notice, asked.before), (&none, &errors)).await
}

fn document(lang: Lang, text: &str, errors: &mut Errors) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.is_empty() || text.chars().count() > NAME_CHARS {
        errors.push(("document", lang.t(msg::GKSK_DOCUMENT_WANTED).to_owned()));
    }
    text
}

/// `POST /admin/signatures/policy`: a facility's rules of signing are registered.
pub(crate) async fn policy(
    State(house): State<House>,
    session: Session,
    Form(typed): Form<Typed>,
) -> Result<Response, Closed> {
    let decision = proven_administrator(&house, &session).await?;
    let lang = session.lang;
    let mut errors = Errors::new();
    let document = document(lang, &typed.document, &mut errors);
    let from = Day::parse_iso(&typed.from);
    if from.is_none() {
        errors.push(("from", lang.t(msg::FORM_NO_DATE).to_owned()));
    }
    let code = typed.facility.trim().to_owned();
    let facility = house.read(decision.clone(), move |r| Ok::<_, Failure>(facility_of(r, &code)?)).await?;
    if facility.is_none() {
        errors.push(("facility", lang.t(msg::SIGNER_FACILITY_WRONG).to_owned()));
    }
    let (Some(facility), Some(from), true) = (facility, from, errors.is_empty()) else {
        let page = shown(&house, &session, (None, None), (&typed, &errors)).await?;
        return Ok((StatusCode::BAD_REQUEST, page).into_response());
    };
    house
        .write(decision, move |tx| {
            tx.register_signing_policy(facility, &document, from)?;
            tx.audit(None, &format!("rules of signing of facility {facility}"), "granted")
        })
        .await?;
    Ok(Redirect::to("/admin/signatures?done=policy").into_response())
}

/// Which signer, of which facility.
#[derive(Debug, Deserialize)]
pub(crate) struct Ended {
    id: i64,
    facility: String,
}

/// `POST /admin/signatures/end`: somebody may sign no longer.
pub(crate) async fn end(
    State(house): State<House>,
    Extension(desk): Extension<Arc<Desk>>,
    session: Session,
    Form(ended): Form<Ended>,
) -> Result<Redirect, Closed> {
    let decision = proven_administrator(&house, &session).await?;
    let Ended { id, facility } = ended;
    let found = house.read(decision.clone(), move |r| Ok::<_, Failure>(facility_of(r, &facility)?)).await?;
    let facility = found.ok_or(mach_ui::http::Problem::NotFound)?;
    let done = house.write(decision, move |tx| {
        let done = tx.end_signer(facility, id)?;
        tx.audit(None, &format!("signer {id} of facility {facility} ended"), if done { "granted" } else { "failed" })?;
        Ok(done)
    });
    match done.await? {
        true => {
            let forgotten = tokio::task::spawn_blocking(move || desk.forget_pin(id));
            forgotten.await.map_err(mach_ui::http::Problem::internal)?.map_err(mach_ui::http::Problem::Internal)?;
            Ok(Redirect::to("/admin/signatures?done=end"))
        }
        false => Err(mach_ui::http::Problem::NotFound.into()),
    }
}
