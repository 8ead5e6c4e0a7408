//! `/account/sign-on`: which providers sign my account on. A link is made in two steps: the provider says who somebody is there, and
//! they say here, on a page of ours, that this is to be them: no address that somebody is led to makes one.

use crate::SignOn;
use crate::begin::{self, For, opened, sealed};
use crate::claims::Said;
use crate::person::works_here;
use crate::provider::Provider;
use crate::refused::Refused;
use axum::Extension;
use axum::extract::{Form, Path, Query};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Redirect, Response};
use mach_access::secret::{hex, token_hash};
use mach_access::{Act, Decision};
use mach_base::limits;
use mach_base::time::now_seconds;
use mach_house::{Failure, House, SESSION_COOKIE, Session, house_decision};
use mach_store::notices::Kind;
use mach_store::sessions::{self, State as Stands};
use mach_store::sign_on::{self, Link, Linked, NewLink};
use mach_ui::components::{
    Button, Card, Cell, Column, Empty, Icon, Notice, PageHead, PostForm, Row, Table, Tone, line, stack,
};
use mach_ui::format::moment;
use mach_ui::http::{Problem, cookie};
use mach_ui::shell::Crumb;
use mach_ui::{Html, Lang, msg, pages, shell};
use serde::{Deserialize, Serialize};

/// What a page asks to be linked.
#[derive(Serialize, Deserialize)]
struct Wish {
    issuer: String,
    subject: String,
    called: String,
    provider: String,
    account: i64,
    until: i64,
}

const ROW: &str = "sign-on wish";

/// That a session is of somebody who works here, and has an account to be linked.
async fn decision(house: &House, session: &Session) -> Result<Decision, Problem> {
    let decision = house.decide(session, Act::UseAccount).await?;
    if works_here(session.actor.role) { Ok(decision) } else { Err(Problem::Forbidden) }
}

#[derive(Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    done: String,
}

/// `GET /account/sign-on`.
pub(crate) async fn page(
    Extension(on): Extension<SignOn>,
    session: Session,
    Query(asked): Query<Asked>,
) -> Result<Html, Problem> {
    let decision = decision(on.house(), &session).await?;
    let (lang, account) = (session.lang, session.actor.account);
    let links = on.house().read(decision, move |r| sign_on::of_account(r, account).map_err(Failure::from)).await?;
    let title = lang.t(msg::SIGN_ON);
    let mut meta = session.meta(title, "/account");
    meta.crumbs = vec![Crumb::link(lang.t(msg::ACCOUNT_MINE), "/account"), Crumb::here(title)];
    let mut parts = vec![Html::from(PageHead::new(title).lead(lang.t(msg::SIGN_ON_LEAD)))];
    let told = match asked.done.as_str() {
        "linked" => Some((Tone::Good, msg::SIGN_ON_LINKED)),
        "ended" => Some((Tone::Good, msg::SIGN_ON_ENDED)),
        "another" => Some((Tone::Bad, msg::SIGN_ON_ANOTHERS)),
        "many" => Some((Tone::Bad, msg::SIGN_ON_MANY)),
        _ => None,
    };
    let most = limits::SIGN_ON_LINKS.to_string();
    parts.extend(told.map(|(tone, text)| Html::from(Notice::new(lang, tone, lang.fmt(text, &[("most", &most)])))));
    let all = on.inner.providers.all();
    let providers: Vec<&Provider> = all.iter().map(AsRef::as_ref).filter(|p| p.staff).collect();
    if providers.is_empty() && links.is_empty() {
        parts.push(Empty::new(Icon::Shield, lang.t(msg::SIGN_ON_NONE), lang.t(msg::SIGN_ON_NONE_DO)).into());
    }
    if !links.is_empty() {
        parts.push(listed(lang, &links, &providers));
    }
    let offers = providers.iter().filter(|p| links.iter().all(|l| l.issuer != p.known_as()));
    parts.extend(offers.map(|p| offer(lang, p)));
    Ok(shell::page(&meta, stack(parts)))
}

fn offer(lang: Lang, provider: &Provider) -> Html {
    let lead = lang.fmt(msg::SIGN_ON_OFFER, &[("name", &provider.label)]);
    let button = Button::link(lang.t(msg::SIGN_ON_LINK), format!("/account/sign-on/with/{}", provider.name));
    Card::new(&provider.label, stack([line(&lead), button.into()])).into()
}

fn listed(lang: Lang, links: &[Link], providers: &[&Provider]) -> Html {
    let row = |link: &Link| {
        let known = providers.iter().find(|p| p.known_as() == link.issuer);
        let label = known.map_or(link.issuer.as_str(), |p| p.label.as_str());
        let mut button = Button::submit(lang.t(msg::SIGN_ON_END));
        button.danger = true;
        let end = PostForm::new(lang, format!("/account/sign-on/{}/end", link.id), button);
        let end = end.sure(lang.t(msg::SIGN_ON_END_SURE));
        let used = link.used.map_or_else(|| lang.t(msg::PASSKEY_NEVER).to_owned(), moment);
        Row::new([
            Cell::two(label, &link.called),
            Cell(Html::text(&moment(link.made))),
            Cell(Html::text(&used)),
            Cell(end.into()),
        ])
    };
    let columns = vec![
        Column::text(lang.t(msg::SIGN_ON_WHERE)),
        Column::text(lang.t(msg::SIGN_ON_SINCE)),
        Column::text(lang.t(msg::PASSKEY_USED)),
        Column::text(""),
    ];
    let table = Table::new(lang, lang.t(msg::SIGN_ON), columns).rows(links.iter().map(row).collect());
    Card::new(lang.t(msg::SIGN_ON_MINE), Table { caption_hidden: true, ..table }.stack()).into()
}

/// `GET /account/sign-on/with/{provider}`.
pub(crate) async fn with(
    Extension(on): Extension<SignOn>,
    Path(name): Path<String>,
    session: Session,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    decision(on.house(), &session).await?;
    session.is_proven()?;
    let token = session.token.ok_or(Problem::Forbidden)?;
    let provider = on.provider(&name).filter(|p| p.staff).ok_or(Problem::NotFound)?;
    let what = For::Link(session.actor.account, hex(&token));
    Ok(begin::sent(&on, session.lang, &headers, &provider, (what, "/account/sign-on")).await)
}

/// Asks somebody who came back whether this is to be them.
pub(crate) async fn asks(
    on: &SignOn,
    provider: &Provider,
    said: &Said,
    (account, session): (i64, &str),
    (lang, headers): (Lang, &HeaderMap),
) -> Result<Response, Refused> {
    let token = cookie::get(headers, SESSION_COOKIE).map(token_hash).filter(|t| hex(t) == session);
    let Some(token) = token else { return Err(Refused::Away("another session")) };
    let live = on.house().read(house_decision()?, move |r| sessions::live(r, &token).map_err(Failure::from)).await?;
    if !live.is_some_and(|l| l.state == Stands::Open && l.account.actor.account == account) {
        return Err(Refused::Away("the session ended"));
    }
    let wish = Wish {
        issuer: provider.known_as().to_owned(),
        subject: said.subject.clone(),
        called: said.called.clone(),
        provider: provider.name.clone(),
        account,
        until: now_seconds() + limits::SIGN_ON_AWAY_SECONDS,
    };
    let words = [("name", provider.label.as_str()), ("called", said.called.as_str())];
    let page = pages::door(&pages::Door {
        lang,
        here: "/account/sign-on".to_owned(),
        title: lang.t(msg::SIGN_ON_SURE).to_owned(),
        lead: lang.fmt(msg::SIGN_ON_SURE_LEAD, &words),
        action: "/account/sign-on".to_owned(),
        hidden: vec![("wish".to_owned(), sealed(ROW, &wish)?)],
        button: lang.t(msg::SIGN_ON_LINK).to_owned(),
        is_signed_in: true,
        more: pages::ways_part(lang, &[(lang.t(msg::SIGN_ON_NOT).to_owned(), "/account/sign-on".to_owned())]),
        ..pages::Door::default()
    });
    Ok(page.into_response())
}

#[derive(Deserialize)]
pub(crate) struct Posted {
    wish: String,
}

/// `POST /account/sign-on`.
pub(crate) async fn link(
    Extension(on): Extension<SignOn>,
    session: Session,
    Form(posted): Form<Posted>,
) -> Result<Response, Problem> {
    let decision = decision(on.house(), &session).await?;
    session.is_proven()?;
    let account = session.actor.account;
    let wish: Option<Wish> = opened(ROW, &posted.wish);
    let wish = wish.filter(|w| w.account == account && w.until >= now_seconds());
    let Some(wish) = wish else {
        return Err(Problem::BadRequest(session.lang.t(msg::SIGN_ON_AWAY).to_owned()));
    };
    let linked = on.house().write(decision, move |tx| {
        let Wish { issuer, subject, called, provider, .. } = wish;
        let linked = tx.link_sign_on(&NewLink { issuer, subject, called, account })?;
        if matches!(linked, Linked::Made(_)) {
            tx.notify(account, Kind::SignOnLinked, now_seconds(), "/account/sign-on")?;
        }
        let outcome = if matches!(linked, Linked::Made(_) | Linked::Was(_)) { "granted" } else { "failed" };
        tx.audit(None, &format!("account {account} linked to sign-on {provider}"), outcome).map(|()| linked)
    });
    let done = match linked.await? {
        Linked::Made(_) | Linked::Was(_) => "linked",
        Linked::Anothers => "another",
        Linked::Full => "many",
    };
    Ok(Redirect::to(&format!("/account/sign-on?done={done}")).into_response())
}

/// `POST /account/sign-on/{link}/end`.
pub(crate) async fn end(
    Extension(on): Extension<SignOn>,
    Path(link): Path<i64>,
    session: Session,
) -> Result<Redirect, Problem> {
    let decision = decision(on.house(), &session).await?;
    session.is_proven()?;
    let account = session.actor.account;
    let ended = on.house().write(decision, move |tx| {
        let ended = tx.drop_sign_on(account, link)?;
        let outcome = if ended { "granted" } else { "failed" };
        tx.audit(None, &format!("account {account} sign-on link {link} ended"), outcome).map(|()| ended)
    });
    if ended.await? { Ok(Redirect::to("/account/sign-on?done=ended")) } else { Err(Problem::NotFound) }
}
