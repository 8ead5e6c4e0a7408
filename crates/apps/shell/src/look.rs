//! `/look`: colours and size of the pages, for anybody; kept by the browser, and with the account of who is signed in.

use axum::extract::{Form, Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Redirect, Response};
use mach_access::{Act, decide};
use mach_house::{House, Session};
use mach_ui::components::{Button, Card, Field, FieldKind, PageHead, field_form};
use mach_ui::http::{Here, Problem, cookie, safe_next};
use mach_ui::look::{COOKIE, Look, Size, Theme};
use mach_ui::shell::PageMeta;
use mach_ui::{Html, Lang, Msg, msg, shell};
use serde::Deserialize;

/// How long a browser keeps the choice, seconds: a year.
const KEPT_SECONDS: i64 = 365 * 24 * 3600;

#[derive(Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    next: String,
}

fn theme_word(theme: Theme) -> Msg {
    match theme {
        Theme::System => msg::LOOK_SYSTEM,
        Theme::Light => msg::LOOK_LIGHT,
        Theme::Dark => msg::LOOK_DARK,
        Theme::Contrast => msg::LOOK_CONTRAST,
    }
}

fn size_word(size: Size) -> Msg {
    match size {
        Size::Normal => msg::LOOK_NORMAL,
        Size::Large => msg::LOOK_LARGE,
        Size::Largest => msg::LOOK_LARGEST,
    }
}

pub(crate) async fn form(
    lang: Lang,
    here: Here,
    session: Result<Session, Problem>,
    Query(asked): Query<Asked>,
) -> Html {
    let title = lang.t(msg::LOOK);
    let meta = match &session {
        Ok(session) => session.meta(title, ""),
        Err(_) => PageMeta { lang, title: title.to_owned(), here: here.0, no_search: true, ..PageMeta::default() },
    };
    let now = Look::now();
    let themes = Theme::ALL.iter().map(|t| (t.code().to_owned(), lang.t(theme_word(*t)).to_owned())).collect();
    let sizes = Size::ALL.iter().map(|s| (s.code().to_owned(), lang.t(size_word(*s)).to_owned())).collect();
    let fields = [
        Field::new("theme", lang.t(msg::LOOK_THEME), FieldKind::Choice(themes)).value(now.theme.code()),
        Field::new("size", lang.t(msg::LOOK_SIZE), FieldKind::Choice(sizes)).value(now.size.code()),
    ];
    let hidden = vec![("next", safe_next(&asked.next).to_owned())];
    let form = field_form(lang, "/look", ("", hidden), &fields, [Button::primary(lang.t(msg::SAVE)).into()]);
    let kept = if session.is_ok() { msg::LOOK_LEAD_ACCOUNT } else { msg::LOOK_LEAD };
    let head = PageHead::new(title).lead(lang.t(kept));
    shell::page(&meta, Html::concat([head.into(), Card::new("", form).into()]))
}

#[derive(Deserialize)]
pub(crate) struct Chosen {
    theme: String,
    size: String,
    #[serde(default)]
    next: String,
}

pub(crate) async fn choose(
    State(house): State<House>,
    session: Result<Session, Problem>,
    Form(chosen): Form<Chosen>,
) -> Result<Response, Problem> {
    let (Some(theme), Some(size)) = (Theme::parse(&chosen.theme), Size::parse(&chosen.size)) else {
        return Err(Problem::BadRequest(format!("{} {}", chosen.theme, chosen.size)));
    };
    let text = Look { theme, size }.text();
    if let Ok(session) = session
        && let Ok(decision) = decide(&session.actor, Act::UseAccount)
    {
        let (account, text) = (session.actor.account, text.clone());
        house.write(decision, move |tx| tx.keep_look(account, &text)).await?;
    }
    let options = cookie::Options { max_age_seconds: Some(KEPT_SECONDS), secure: house.secure() };
    let set = [(header::SET_COOKIE, cookie::set(COOKIE, &text, options))];
    Ok((set, Redirect::to(safe_next(&chosen.next))).into_response())
}
