//! Passes in batch: begun and stopped by hand, moved on by the worker. It shows counts and nobody.

use crate::view::moment;
use crate::{Shop, batch, keys};
use axum::Extension;
use axum::extract::{Form, State};
use axum::response::Redirect;
use mach_access::Act;
use mach_base::time::now_seconds;
use mach_house::{Failure, House, Session};
use mach_store::vaccines::{self, Batch};
use mach_ui::components::{
    Button, Card, Cell, Column, Empty, Icon, Notice, PageHead, PostForm, Progress, Row, Table, Tone, chip, line, stack,
};
use mach_ui::http::Problem;
use mach_ui::{Html, Lang, format, msg, shell};
use serde::Deserialize;

/// Batches of one page.
const ROWS: usize = 50;

fn word(lang: Lang, b: &Batch) -> Html {
    match (b.ended, b.stopped) {
        (None, _) => chip(Tone::Info, lang.t(msg::VAC_BATCH_RUNS)),
        (Some(_), true) => chip(Tone::Warning, lang.t(msg::VAC_BATCH_STOPPED)),
        (Some(_), false) => chip(Tone::Good, lang.t(msg::VAC_BATCH_DONE)),
    }
}

fn table(lang: Lang, batches: &[Batch]) -> Html {
    let columns =
        [msg::VAC_ISSUED, msg::VAC_STATE, msg::VAC_MADE, msg::VAC_PASSED_OVER, msg::VAC_TOTAL, msg::VAC_ENDED];
    let rows = batches.iter().map(|b| {
        let number = |n| Cell::from(format::integer(lang, n));
        let ended = b.ended.map(moment).unwrap_or_default();
        Row::new([
            Cell::from(moment(b.begun)),
            Cell(word(lang, b)),
            number(b.made),
            number(b.passed_over),
            number(b.total),
            Cell::from(ended),
        ])
    });
    let table = Table::new(lang, lang.t(msg::VAC_BATCHES), columns.map(|c| Column::text(lang.t(c))).into())
        .rows(rows.collect())
        .empty(Empty::new(Icon::Shield, lang.t(msg::VAC_NO_BATCHES), ""))
        .stack();
    Card::new("", table).into()
}

/// `GET /vaccines/batches`.
pub(crate) async fn page(
    State(house): State<House>,
    session: Session,
    Extension(shop): Extension<Shop>,
) -> Result<Html, Problem> {
    let decision = house.decide(&session, Act::RunBatches).await?;
    let lang = session.lang;
    let batches = house.read(decision, |r| Ok::<_, Failure>(vaccines::batches(r, ROWS)?)).await?;
    let data = shop.data.clone();
    let key = tokio::task::spawn_blocking(move || keys::open(&data)).await.map_err(Problem::internal)?;
    let running = batches.iter().find(|b| b.ended.is_none());
    let post = |label, act: &str, icon| {
        PostForm::new(lang, "/vaccines/batches", Button::primary(lang.t(label)).icon(icon)).with("do", act)
    };
    let now = match (running, key) {
        (Some(b), _) => {
            let (made, total) = (b.made + b.passed_over, b.total);
            let text = format!("{} / {}", format::integer(lang, made), format::integer(lang, total));
            let rate = b.made / (now_seconds() - b.begun).max(1);
            let progress = Progress {
                label: lang.t(msg::VAC_BATCH_RUNS).to_owned(),
                done: made.unsigned_abs(),
                total: Some(total.unsigned_abs()),
                text: lang.fmt(msg::VAC_RATE, &[("done", &text), ("rate", &format::integer(lang, rate))]),
            };
            let stop = post(msg::VAC_BATCH_STOP, "stop", Icon::Undo).sure(lang.t(msg::ARE_YOU_SURE));
            Html::concat([progress.into(), stop.into()])
        }
        (None, Ok(Some(_))) => {
            Html::concat([line(lang.t(msg::VAC_BATCH_LEAD)), post(msg::VAC_BATCH_BEGIN, "begin", Icon::Check).into()])
        }
        (None, Ok(None)) => Notice::new(lang, Tone::Warning, lang.t(msg::VAC_NO_KEY)).into(),
        (None, Err(e)) => Notice::new(lang, Tone::Bad, e).into(),
    };
    let title = lang.t(msg::VAC_BATCHES);
    let parts = [
        PageHead::new(title).lead(lang.t(msg::VAC_BATCHES_LEAD)).into(),
        Card::new("", now).into(),
        table(lang, &batches),
    ];
    Ok(shell::page(&session.meta(title, "/vaccines/batches"), stack(parts)))
}

/// What is asked.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Wanted {
    #[serde(default, rename = "do")]
    wanted: String,
}

/// `POST /vaccines/batches`: `do` is `begin` or `stop`.
pub(crate) async fn act(
    State(house): State<House>,
    session: Session,
    Extension(shop): Extension<Shop>,
    Form(Wanted { wanted }): Form<Wanted>,
) -> Result<Redirect, Problem> {
    let decision = house.decide(&session, Act::RunBatches).await?;
    let (store, account) = (house.store().clone(), session.actor.account);
    let done = match wanted.as_str() {
        "begin" => {
            crate::person::signer(session.lang, &shop).await?;
            tokio::task::spawn_blocking(move || batch::begin(&store, &decision, account).map(|n| n.is_some())).await
        }
        "stop" => tokio::task::spawn_blocking(move || batch::stop(&store, &decision)).await,
        _ => return Err(Problem::BadRequest("do".to_owned())),
    };
    let done = done.map_err(Problem::internal)?.map_err(|e| Failure::from(e).0)?;
    shop.worker.wake();
    match done {
        true => Ok(Redirect::to("/vaccines/batches")),
        false => Err(Problem::Conflict(session.lang.t(msg::VAC_BATCH_OTHER).to_owned())),
    }
}
