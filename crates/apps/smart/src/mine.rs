//! `/account/apps`: what I let apps do.

use crate::{Smart, words};
use axum::Extension;
use axum::extract::{Path, Query};
use axum::response::Redirect;
use mach_access::Act;
use mach_house::{Failure, Session};
use mach_store::smart::{self, Let};
use mach_ui::components::{Button, Card, Empty, Icon, Notice, PageHead, PostForm, Tone, line, muted, stack};
use mach_ui::format::moment;
use mach_ui::http::Problem;
use mach_ui::{Html, Lang, msg, shell};
use serde::Deserialize;

#[derive(Default, Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    done: String,
}

pub(crate) async fn page(
    Extension(smart): Extension<Smart>,
    session: Session,
    Query(asked): Query<Asked>,
) -> Result<Html, Problem> {
    let (house, lang) = (&smart.inner.house, session.lang);
    let decision = house.decide(&session, Act::UseAccount).await?;
    let account = session.actor.account;
    let given = house.read(decision, move |r| smart::apps_of_account(r, account).map_err(Failure::from)).await?;
    let title = lang.t(msg::SMART_MINE);
    let mut parts = vec![Html::from(PageHead::new(title).lead(lang.t(msg::SMART_MINE_LEAD)))];
    if asked.done == "end" {
        parts.push(Notice::new(lang, Tone::Good, lang.t(msg::SMART_GRANT_ENDED)).into());
    }
    if given.is_empty() {
        parts.push(Empty::new(Icon::Shield, lang.t(msg::SMART_MINE_NONE), lang.t(msg::SMART_MINE_NONE_DO)).into());
    }
    parts.extend(given.iter().map(|g| card(lang, g)));
    Ok(shell::page(&session.meta(title, "/account"), stack(parts)))
}

fn card(lang: Lang, given: &Let) -> Html {
    let mut body: Vec<Html> = words::of_scopes(lang, &given.scopes).iter().map(|text| line(text)).collect();
    let when = [("from", moment(given.from)), ("until", moment(given.until))];
    let when: Vec<(&str, &str)> = when.iter().map(|(name, at)| (*name, at.as_str())).collect();
    body.push(muted(&lang.fmt(msg::SMART_SINCE, &when)));
    let action = format!("/account/apps/{}/end", given.app);
    let end = PostForm::new(lang, action, Button::submit(lang.t(msg::SMART_STOP))).sure(lang.t(msg::SMART_STOP_SURE));
    body.push(end.into());
    Card::new(&given.name, stack(body)).into()
}

pub(crate) async fn end(
    Extension(smart): Extension<Smart>,
    session: Session,
    Path(app): Path<i64>,
) -> Result<Redirect, Problem> {
    let house = &smart.inner.house;
    let decision = house.decide(&session, Act::UseAccount).await?;
    let account = session.actor.account;
    let ended = house.write(decision, move |tx| tx.end_app_of_account(account, app));
    if ended.await? { Ok(Redirect::to("/account/apps?done=end")) } else { Err(Problem::NotFound) }
}
