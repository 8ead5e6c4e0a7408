//! `/admin/signatures/signer`: somebody may sign with a certificate.

use crate::admin::{Errors, Typed, act_word, with};
use crate::batch::facility_of;
use crate::desk::{Desk, Keys};
use axum::Extension;
use axum::extract::{Form, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use mach_access::Role;
use mach_base::Day;
use mach_base::limits::NAME_CHARS;
use mach_house::admin::{Closed, Proven, proven_administrator};
use mach_house::{Failure, House, Session};
use mach_sign::certificate::Certificate;
use mach_signing::choice::provider_word;
use mach_signing::token::Address;
use mach_store::accounts;
use mach_store::signing::{Act, Provider, Signer};
use mach_ui::components::{Button, Card, Field, FieldKind, PageHead, field_form, muted, stack};
use mach_ui::http::Problem;
use mach_ui::shell::{Crumb, PageMeta};
use mach_ui::{Html, Lang, Msg, msg, shell};
use std::sync::Arc;

/// Bytes of certificates that are pasted.
const CHAIN_BYTES: usize = 32 << 10;

/// The providers whose keys can be used here: those on phones need a service that is set up, tokens a library that speaks to them.
async fn here(desk: &Arc<Desk>) -> Result<Vec<Provider>, Problem> {
    let desk = Arc::clone(desk);
    let is_here = move |provider: &Provider| match provider {
        // What the desktop signer needs is on its owner's machine.
        Provider::Soft | Provider::Vgca => true,
        Provider::Token => desk.has_tokens(),
        Provider::SmartCa | Provider::MySign => desk.service(*provider).map_or_else(
            |e| {
                tracing::error!("a signing service that is set up cannot be used: {e}");
                false
            },
            |service| service.is_some(),
        ),
    };
    let all = move || Provider::ALL.into_iter().filter(is_here).collect();
    tokio::task::spawn_blocking(all).await.map_err(Problem::internal)
}

/// Whether what was typed says where a key of a provider is.
fn names_a_key(provider: Provider, subscriber: &str) -> bool {
    match provider {
        Provider::Soft | Provider::Vgca => true,
        Provider::Token => subscriber.len() <= NAME_CHARS && Address::parse(subscriber).is_some(),
        Provider::SmartCa | Provider::MySign => !subscriber.is_empty() && subscriber.len() <= NAME_CHARS,
    }
}

fn signer_form(lang: Lang, here: &[Provider], typed: &Typed, errors: &Errors) -> Html {
    let acts = Act::WITH_KEYS.map(|a| (a.code().to_owned(), lang.t(act_word(a)).to_owned())).into();
    let providers = here.iter().map(|p| (p.code().to_owned(), lang.t(provider_word(*p)).to_owned())).collect();
    let services = here.iter().any(|p| matches!(p, Provider::SmartCa | Provider::MySign));
    let hint = if services { msg::SIGNER_CHAIN_OR_SERVICE } else { msg::SIGNER_CHAIN_HINT };
    let mut chain =
        Field::new("chain", lang.t(msg::SIGNER_CHAIN), FieldKind::Lines).value(&typed.chain).hint(lang.t(hint));
    if !services {
        chain = chain.required();
    }
    chain.max_chars = CHAIN_BYTES;
    let mut fields = vec![
        Field::new("facility", lang.t(msg::SIGNER_FACILITY), FieldKind::Text)
            .value(&typed.facility)
            .hint(lang.t(msg::SIGNER_FACILITY_HINT))
            .required(),
        Field::new("act", lang.t(msg::SIGNER_ACT), FieldKind::Choice(acts)).value(&typed.act).required(),
        Field::new("account", lang.t(msg::SIGNER_ACCOUNT), FieldKind::Text)
            .value(&typed.account)
            .hint(lang.t(msg::SIGNER_ACCOUNT_HINT)),
        Field::new("licence", lang.t(msg::SIGNER_LICENCE), FieldKind::Text).value(&typed.licence),
        Field::new("from", lang.t(msg::FROM), FieldKind::Date).value(&typed.from).required(),
        Field::new("to", lang.t(msg::TO), FieldKind::Date).value(&typed.to).required(),
        Field::new("provider", lang.t(msg::SIGNER_PROVIDER), FieldKind::Choice(providers))
            .value(&typed.provider)
            .required(),
    ];
    if here.iter().any(|p| !names_a_key(*p, "")) {
        let subscriber = Field::new("subscriber", lang.t(msg::SIGNER_SUBSCRIBER), FieldKind::Text);
        fields.push(subscriber.value(&typed.subscriber).hint(lang.t(msg::SIGNER_SUBSCRIBER_HINT)));
    }
    fields.push(chain);
    let button = Button::submit(lang.t(msg::SIGNER_ADD)).into();
    let lead = lang.t(msg::SIGNER_ADD_LEAD);
    let body = field_form(lang, "/admin/signatures/signer", (lead, Vec::new()), &with(fields, errors), [button]);
    Card::new(lang.t(msg::SIGNER_ADD), body).into()
}

/// What of the form stands by itself.
struct Read {
    act: Option<Act>,
    provider: Option<Provider>,
    period: Option<(Day, Day)>,
    licence: String,
    subscriber: String,
}

fn read(lang: Lang, here: &[Provider], typed: &Typed, errors: &mut Errors) -> Read {
    let act = Act::WITH_KEYS.into_iter().find(|a| a.code() == typed.act);
    let provider = here.iter().copied().find(|p| p.code() == typed.provider);
    let (from, to) = (Day::parse_iso(&typed.from), Day::parse_iso(&typed.to));
    let period = from.zip(to).filter(|(f, t)| f <= t);
    let mut wrong = |name: &'static str, text: Msg| errors.push((name, lang.t(text).to_owned()));
    if act.is_none() {
        wrong("act", msg::FORM_NO_CHOICE);
    }
    if provider.is_none() {
        wrong("provider", msg::FORM_NO_CHOICE);
    }
    if period.is_none() {
        wrong("to", msg::GKSK_PERIOD_WRONG);
    }
    let licence = typed.licence.split_whitespace().collect::<Vec<_>>().join(" ");
    if (licence.is_empty() && act != Some(Act::Seal)) || licence.chars().count() > NAME_CHARS {
        wrong("licence", msg::SIGNER_LICENCE_WANTED);
    }
    let subscriber = typed.subscriber.trim().to_owned();
    if provider.is_some_and(|p| !names_a_key(p, &subscriber)) {
        wrong("subscriber", msg::SIGNER_SUBSCRIBER_WANTED);
    }
    Read { act, provider, period, licence, subscriber }
}

/// The certificates that were typed, as they were read: nothing else of what was pasted is kept, or shown again.
fn chain(lang: Lang, typed: &mut Typed, errors: &mut Errors) -> String {
    let why = match Certificate::from_pem(&typed.chain) {
        _ if typed.chain.contains("PRIVATE KEY") => {
            typed.chain = String::new();
            lang.t(msg::SIGNER_CHAIN_SECRET).to_owned()
        }
        Ok(chain) if typed.chain.len() <= CHAIN_BYTES => return chain.iter().map(Certificate::to_pem).collect(),
        Ok(_) => lang.t(msg::SIGNER_CHAIN_WRONG).to_owned(),
        Err(e) => {
            let said = lang.t(msg::SIGNER_CHAIN_WRONG);
            lang.pick(said.to_owned(), format!("{said} ({e})"))
        }
    };
    errors.push(("chain", why));
    String::new()
}

/// Whether one of this role may hold a certificate for this. A deputy has a head's, and signs while the head delegates.
fn fits(act: Option<Act>, role: Role) -> bool {
    match act {
        Some(Act::Conclude | Act::Prescribe) => role == Role::Clinician,
        Some(Act::Countersign) => matches!(role, Role::Head | Role::Clinician),
        _ => false,
    }
}

/// `POST /admin/signatures/signer`: somebody may sign with a certificate.
pub(crate) async fn add(
    State(house): State<House>,
    Extension(desk): Extension<Arc<Desk>>,
    session: Session,
    Form(mut typed): Form<Typed>,
) -> Result<Response, Closed> {
    let decision = proven_administrator(&house, &session).await?;
    let (lang, here) = (session.lang, here(&desk).await?);
    let mut errors = Errors::new();
    let Read { act, provider, period, licence, subscriber } = read(lang, &here, &typed, &mut errors);
    // Whose key is with a service need paste nothing: it is asked for their certificate.
    if let (Some(provider), true, false) = (provider, typed.chain.trim().is_empty(), subscriber.is_empty()) {
        match of_service(&desk, provider, &subscriber).await {
            Some(Ok(chain)) => typed.chain = chain,
            Some(Err(why)) => {
                tracing::warn!("the certificate of a subscriber: {why}");
                errors.push(("subscriber", lang.t(msg::SIGNER_CHAIN_NOT_GIVEN).to_owned()));
            }
            None => {}
        }
    }
    let chain = chain(lang, &mut typed, &mut errors);
    let (code, name) = (typed.facility.trim().to_owned(), typed.account.trim().to_owned());
    let found = house.read(decision.clone(), move |r| {
        let facility = facility_of(r, &code)?;
        let account = accounts::by_name(r, &name)?.filter(|a| a.actor.facility == facility && !a.closed);
        Ok::<_, Failure>((facility, account))
    });
    let (facility, account) = found.await?;
    if facility.is_none() {
        errors.push(("facility", lang.t(msg::SIGNER_FACILITY_WRONG).to_owned()));
    }
    if facility == Some(0) && act.is_some_and(|act| act != Act::Seal) {
        errors.push(("act", lang.t(msg::SIGNER_DEPARTMENT_SEALS).to_owned()));
    }
    let account = match act == Some(Act::Seal) {
        true => Some(0).filter(|_| typed.account.trim().is_empty()),
        false => account.filter(|a| fits(act, a.actor.role)).map(|a| a.actor.account),
    };
    if account.is_none() {
        errors.push(("account", lang.t(msg::SIGNER_ACCOUNT_WRONG).to_owned()));
    }
    let ready = (facility, account, act, provider, period, errors.is_empty());
    let (Some(facility), Some(account), Some(act), Some(provider), Some((from, to)), true) = ready else {
        return Ok((StatusCode::BAD_REQUEST, asking(&session, &here, &typed, &errors)).into_response());
    };
    let acts = act.code().to_owned();
    let new = Signer { id: 0, facility, account, licence, acts, from, to, provider, subscriber, chain, ended: None };
    house
        .write(decision, move |tx| {
            let id = tx.add_signer(&new)?;
            tx.audit(None, &format!("signer {id} of facility {facility} added"), "granted")
        })
        .await?;
    Ok(Redirect::to("/admin/signatures?done=signer").into_response())
}

/// The certificates of a subscriber, as the service of a provider gives them; `None` where there is no such service.
async fn of_service(desk: &Arc<Desk>, provider: Provider, subscriber: &str) -> Option<Result<String, String>> {
    let (desk, subscriber) = (Arc::clone(desk), subscriber.to_owned());
    let asked = move || {
        let service = desk.service(provider).ok().flatten()?;
        let found = match service.certificates(&subscriber) {
            Ok(found) => found,
            Err(e) => return Some(Err(e.to_string())),
        };
        let now = mach_sign::time::now();
        let mut good =
            found.into_iter().filter(|c| c.first().is_some_and(|c| c.not_before <= now && now < c.not_after));
        Some(match (good.next(), good.next()) {
            (Some(chain), None) => Ok(chain.iter().map(Certificate::to_pem).collect()),
            (None, _) => Err("there is none in force".to_owned()),
            _ => Err("there are several, and which one is for a person to say".to_owned()),
        })
    };
    tokio::task::spawn_blocking(asked).await.unwrap_or_else(|e| Some(Err(e.to_string())))
}

fn asking(session: &Session, here: &[Provider], typed: &Typed, errors: &Errors) -> Html {
    let lang = session.lang;
    let title = lang.t(msg::SIGNER_ADD);
    let parts =
        [PageHead::new(title).into(), signer_form(lang, here, typed, errors), muted(lang.t(msg::SIGNER_KEYS_NOTE))];
    let crumbs = vec![Crumb::link(lang.t(msg::SIGNATURES), "/admin/signatures"), Crumb::here(title)];
    shell::page(&PageMeta { crumbs, ..session.meta(title, "/admin/signatures") }, stack(parts))
}

/// `GET /admin/signatures/signer`: the form.
pub(crate) async fn ask(
    Extension(desk): Extension<Arc<Desk>>,
    Proven { session, .. }: Proven,
) -> Result<Html, Problem> {
    let typed = Typed { from: Day::today().to_string(), ..Typed::default() };
    Ok(asking(&session, &here(&desk).await?, &typed, &Errors::new()))
}
