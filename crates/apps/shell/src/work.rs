//! `GET /work`: everything that waits for me, by kind, what is due first on top.

use axum::extract::State;
use mach_access::Act;
use mach_base::limits::WAITING_ROWS;
use mach_base::time::now_seconds;
use mach_house::waiting::{Queue, Waiting};
use mach_house::{House, Session};
use mach_ui::components::{Button, Card, Empty, Icon, LinkItem, Links, PageHead, Tone, chip};
use mach_ui::http::Problem;
use mach_ui::{Html, Lang, format, msg, shell};

/// What is due so soon stands out, seconds.
const SOON_SECONDS: i64 = 3600;

pub(crate) async fn page(State(house): State<House>, session: Session) -> Result<Html, Problem> {
    let decision = house.decide(&session, Act::UseAccount).await?;
    // Asked now, so that the list and the numbers of the rail are of one moment.
    let counts = house.counts(&session.actor).await?;
    house.write(decision, |tx| tx.audit(None, "work", "granted")).await?;
    let session = session.with_counts(counts.clone());
    let (lang, now) = (session.lang, now_seconds());
    let meta = session.meta(lang.t(msg::WORK), "/work");
    let head = PageHead::new(lang.t(msg::WORK)).lead(lang.t(msg::WORK_LEAD));
    let body = match counts.work.is_empty() {
        true => nothing(lang),
        false => {
            let items = counts.work.iter().map(|(queue, waiting)| item(lang, queue, *waiting, now)).collect();
            Links { title: String::new(), items, all: None }.into()
        }
    };
    Ok(shell::page(&meta, Html::concat([head.into(), Card::new("", body).into()])))
}

fn nothing(lang: Lang) -> Html {
    let mut empty = Empty::new(Icon::Check, lang.t(msg::WORK_NONE), lang.t(msg::WORK_NONE_DO));
    empty.action = Button::link(lang.t(msg::SEARCH), "/search").icon(Icon::Search).into();
    empty.into()
}

/// `12`, or `1.000+` where there may be more.
pub(crate) fn many(lang: Lang, count: i64) -> String {
    let more = if count >= WAITING_ROWS { "+" } else { "" };
    format!("{}{more}", format::integer(lang, count))
}

fn item(lang: Lang, queue: &Queue, waiting: Waiting, now: i64) -> LinkItem {
    let when = |seconds: i64| format::moment(seconds);
    let detail = match (waiting.due, waiting.oldest) {
        (Some(due), _) if due < now => lang.fmt(msg::WORK_LATE, &[("when", &when(due))]),
        (Some(due), _) => lang.fmt(msg::WORK_DUE, &[("when", &when(due))]),
        (None, Some(oldest)) => lang.fmt(msg::WORK_SINCE, &[("when", &when(oldest))]),
        (None, None) => String::new(),
    };
    let tone = match waiting.due {
        Some(due) if due < now => Tone::Bad,
        Some(due) if due < now + SOON_SECONDS => Tone::Warning,
        _ => Tone::Info,
    };
    LinkItem::new(queue.icon, lang.t(queue.label), queue.href)
        .detail(detail)
        .note(chip(tone, &many(lang, waiting.count)))
}
