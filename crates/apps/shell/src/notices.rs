//! `/notices`: what happened that concerns me. A notice says what kind of thing it was and leads to it; what is behind it is read
//! there, by the rights of whoever follows.

use axum::extract::{Form, Path, Query, State};
use axum::response::Redirect;
use mach_access::Act;
use mach_base::limits::PAGE_ROWS;
use mach_house::{Failure, House, Session};
use mach_store::notices::{self, Kind, Notice};
use mach_ui::components::{Button, Card, Empty, Icon, LinkItem, Links, PageHead, Pager, PostForm};
use mach_ui::http::{Problem, safe_next};
use mach_ui::{Html, Lang, format, msg, shell};
use serde::Deserialize;

#[derive(Deserialize)]
pub(crate) struct Asked {
    before: Option<i64>,
}

pub(crate) async fn page(
    State(house): State<House>,
    session: Session,
    Query(asked): Query<Asked>,
) -> Result<Html, Problem> {
    let decision = house.decide(&session, Act::UseAccount).await?;
    let account = session.actor.account;
    let work = move |r: &mut mach_store::Reader| {
        Ok::<_, Failure>(notices::of_account(r, account, asked.before, PAGE_ROWS + 1)?)
    };
    let mut all = house.read(decision, work).await?;
    let more = all.len() > PAGE_ROWS;
    all.truncate(PAGE_ROWS);
    let lang = session.lang;
    let meta = session.meta(lang.t(msg::NOTICES), "/notices");
    let mut head = PageHead::new(lang.t(msg::NOTICES)).lead(lang.t(msg::NOTICES_LEAD));
    let newest = all.first().map(|n| n.id.to_string()).filter(|_| all.iter().any(|n| !n.is_read));
    if let Some(newest) = newest {
        let read = PostForm::new(lang, "/notices/read", Button::submit(lang.t(msg::NOTICES_READ)).icon(Icon::Check));
        head = head.actions([read.with("until", newest).into()]);
    }
    let body: Html = match all.is_empty() {
        true => Empty::new(Icon::Bell, lang.t(msg::NOTICES_NONE), lang.t(msg::NOTICES_NONE_DO)).into(),
        false => Links { title: String::new(), items: all.iter().map(|n| item(lang, n)).collect(), all: None }.into(),
    };
    let next = all.last().filter(|_| more).map(|n| format!("/notices?before={}", n.id));
    let shown = lang.fmt(msg::ROWS_SHOWN, &[("count", &format::integer(lang, all.len() as i64))]);
    let pager = next.map_or(Html::EMPTY, |next| Pager { lang, previous: None, next: Some(next), shown }.into());
    Ok(shell::page(&meta, Html::concat([head.into(), Card::new("", body).into(), pager])))
}

fn item(lang: Lang, notice: &Notice) -> LinkItem {
    let (icon, title) = match notice.kind {
        Some(Kind::CertificateRefused) => (Icon::Warning, msg::NOTICE_CERTIFICATE_REFUSED),
        Some(Kind::PrescriptionRefused) => (Icon::Warning, msg::NOTICE_PRESCRIPTION_REFUSED),
        Some(Kind::RecordOpened) => (Icon::Shield, msg::NOTICE_RECORD_OPENED),
        Some(Kind::DelegationBegins) => (Icon::Person, msg::NOTICE_DELEGATION),
        Some(Kind::ImportFinished) => (Icon::Upload, msg::NOTICE_IMPORT),
        Some(Kind::ProxyMade) => (Icon::People, msg::NOTICE_PROXY_MADE),
        Some(Kind::ProxyEnded) => (Icon::People, msg::NOTICE_PROXY_ENDED),
        Some(Kind::SignOnLinked) => (Icon::Shield, msg::NOTICE_SIGN_ON),
        Some(Kind::SignOnEnded) => (Icon::Shield, msg::NOTICE_SIGN_ON_ENDED),
        Some(Kind::ProxyReview) => (Icon::People, msg::NOTICE_PROXY_REVIEW),
        None => (Icon::Info, msg::NOTICE_OTHER),
    };
    let mut item = LinkItem::new(icon, lang.t(title), format!("/notices/{}", notice.id));
    item.is_new = !notice.is_read;
    let read = lang.t(if notice.is_read { msg::NOTICE_IS_READ } else { msg::NOTICE_IS_NEW });
    item.detail(format!("{} · {read}", format::moment(notice.at)))
}

/// Follows a notice: from now on it was read.
pub(crate) async fn follow(
    State(house): State<House>,
    session: Session,
    Path(id): Path<i64>,
) -> Result<Redirect, Problem> {
    let decision = house.decide(&session, Act::UseAccount).await?;
    let account = session.actor.account;
    let href = house.write(decision, move |tx| tx.read_notices(account, id, false)).await?.ok_or(Problem::NotFound)?;
    house.counts(&session.actor).await?;
    Ok(Redirect::to(safe_next(&href)))
}

#[derive(Deserialize)]
pub(crate) struct Until {
    until: i64,
}

/// Notes that all up to one were read.
pub(crate) async fn read(
    State(house): State<House>,
    session: Session,
    Form(typed): Form<Until>,
) -> Result<Redirect, Problem> {
    let decision = house.decide(&session, Act::UseAccount).await?;
    let account = session.actor.account;
    house.write(decision, move |tx| tx.read_notices(account, typed.until, true)).await?;
    Ok(Redirect::to("/notices"))
}
