//! `/admin/apps`: the apps that are registered, and what was let each.

use crate::{Smart, words};
use axum::Extension;
use axum::extract::Path;
use axum::response::Redirect;
use mach_access::Decision;
use mach_house::admin::{Closed, Proven, administrator};
use mach_house::{Failure, House, Session};
use mach_store::smart::{self, App, Given};
use mach_ui::components::{Button, Card, Cell, Column, Empty, Icon, PageHead, PostForm, Row, Table, Tone, chip, stack};
use mach_ui::format::moment;
use mach_ui::http::Problem;
use mach_ui::{Html, Lang, msg, shell};

/// The app, where the administrator looks after it; 404 where not.
pub(crate) async fn app_of(house: &House, decision: &Decision, id: i64) -> Result<App, Problem> {
    let scope = decision.scope();
    let found = house.read(decision.clone(), move |r| smart::by_id(r, scope, id).map_err(Failure::from)).await?;
    found.ok_or(Problem::NotFound)
}

pub(crate) async fn page(Extension(smart): Extension<Smart>, session: Session) -> Result<Html, Closed> {
    let (house, lang) = (&smart.inner.house, session.lang);
    let decision = administrator(house, &session).await?;
    let scope = decision.scope();
    let apps = house.read(decision, move |r| smart::apps(r, scope).map_err(Failure::from)).await?;
    let title = lang.t(msg::SMART_APPS);
    let new = Button::link(lang.t(msg::SMART_NEW), "/admin/apps/new").as_primary();
    let head = PageHead::new(title).lead(lang.t(msg::SMART_APPS_LEAD)).actions([new.into()]);
    let columns = vec![
        Column::text(lang.t(msg::SMART_APP)),
        Column::text(lang.t(msg::SMART_PROOF)),
        Column::text(lang.t(msg::SMART_STATE)),
    ];
    let row = |app: &App| {
        let open = Button::link(&app.what.name, format!("/admin/apps/{}", app.id));
        Row::new([
            Cell(open.into()),
            Cell::two(lang.t(words::proof(app.what.proof)), &app.client),
            Cell(state(lang, app)),
        ])
    };
    let list: Html = if apps.is_empty() {
        Empty::new(Icon::Search, lang.t(msg::SMART_APPS_NONE), lang.t(msg::SMART_APPS_NONE_DO)).into()
    } else {
        let table = Table::new(lang, title, columns).rows(apps.iter().map(row).collect());
        Card::new("", Table { caption_hidden: true, ..table }.stack()).into()
    };
    Ok(shell::page(&session.meta(title, "/admin/apps"), stack([head.into(), list])))
}

/// Whether an app is let in.
pub(crate) fn state(lang: Lang, app: &App) -> Html {
    match app.ended {
        true => chip(Tone::Plain, lang.t(msg::SMART_SHUT)),
        false => chip(Tone::Good, lang.t(msg::SMART_LET_IN)),
    }
}

/// What was let an app, each to be ended.
pub(crate) fn grants(lang: Lang, given: &[Given]) -> Html {
    let columns =
        vec![Column::text(lang.t(msg::SMART_OWNER)), Column::text(lang.t(msg::SMART_SCOPES)), Column::text("")];
    let row = |g: &Given| {
        let owner = if g.owner.is_empty() { lang.t(msg::SMART_ITSELF) } else { &g.owner };
        let end: Html = if g.grant.ended {
            chip(Tone::Plain, lang.t(words::why(&g.grant.why)))
        } else if g.grant.until <= mach_base::time::now_seconds() {
            chip(Tone::Plain, lang.t(msg::SMART_OVER))
        } else {
            let action = format!("/admin/apps/{}/grants/{}/end", g.grant.app, g.grant.id);
            PostForm::new(lang, action, Button::submit(lang.t(msg::SMART_STOP))).into()
        };
        Row::new([Cell::two(owner, &moment(g.grant.made)), Cell(Html::text(&g.grant.scopes)), Cell(end)])
    };
    let table = Table::new(lang, lang.t(msg::SMART_GRANTS), columns).rows(given.iter().map(row).collect());
    let none = Empty::new(Icon::Shield, lang.t(msg::SMART_GRANTS_NONE), "");
    Card::new(lang.t(msg::SMART_GRANTS), Table { caption_hidden: true, ..table }.empty(none).stack()).into()
}

pub(crate) async fn end_grant(
    Extension(smart): Extension<Smart>,
    Proven { decision, .. }: Proven,
    Path((id, grant)): Path<(i64, i64)>,
) -> Result<Redirect, Closed> {
    let house = &smart.inner.house;
    app_of(house, &decision, id).await?;
    let ended = house.write(decision, move |tx| {
        let all = smart::grants_of_app(tx, id)?;
        match all.iter().any(|g| g.grant.id == grant) {
            true => tx.end_app_grant(grant, "administrator"),
            false => Ok(false),
        }
    });
    if !ended.await? {
        return Err(Problem::NotFound.into());
    }
    Ok(Redirect::to(&format!("/admin/apps/{id}")))
}
