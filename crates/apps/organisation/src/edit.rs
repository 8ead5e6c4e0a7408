//! `/admin/facilities/{code}/edit/{sheet}`: rows of a facility changed; what is taken out ends.

use crate::check::Flaw;
use crate::keep::{self, No};
use crate::read;
use crate::register;
use crate::sheet::{Draft, FACILITY, SHEETS, number};
use crate::view::{HOME, SheetForm, by, into, meta, posted, value};
use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use mach_house::admin::Closed;
use mach_house::{Failure, House, Session};
use mach_ui::components::{Button, Card, Icon, Notice, PageHead, Tone, stack};
use mach_ui::http::Problem;
use mach_ui::shell::Crumb;
use mach_ui::{Html, msg, shell};

struct Shown<'a> {
    code: &'a str,
    sheet: usize,
    draft: &'a Draft,
    flaws: &'a [Flaw],
    seen: String,
    notice: Option<Html>,
}

fn shown(session: &Session, s: Shown<'_>) -> Html {
    let lang = session.lang;
    let title = format!("{} · {}", lang.t(SHEETS[s.sheet].label), s.draft.facility("name"));
    let home = format!("{HOME}/{}", s.code);
    let mut buttons = vec![Button::choosing(lang.t(msg::ORG_SAVE), "save").icon(Icon::Check).as_primary().into()];
    if s.sheet != FACILITY {
        buttons.push(Button::choosing(lang.t(msg::ORG_MORE), "more").icon(Icon::Down).into());
    }
    buttons.push(Button::link(lang.t(msg::CANCEL), home.clone()).into());
    let form = SheetForm {
        lang,
        sheet: s.sheet,
        draft: s.draft,
        flaws: s.flaws,
        action: format!("{home}/edit/{}", SHEETS[s.sheet].key),
        seen: s.seen,
        accounts: false,
        buttons,
    };
    let parts = [
        Some(PageHead::new(title.as_str()).lead(lang.t(msg::ORG_EDIT_LEAD)).into()),
        s.notice,
        Some(Card::new("", form.html()).into()),
    ];
    let path = vec![Crumb::link(s.draft.facility("name"), home)];
    shell::page(&meta(session, &title, path), stack(parts.into_iter().flatten()))
}

/// `GET /admin/facilities/{code}/edit/{sheet}`.
pub(crate) async fn page(
    State(house): State<House>,
    session: Session,
    Path((code, sheet)): Path<(String, String)>,
) -> Result<Html, Closed> {
    let decision = into(&house, &session, &code, true).await?;
    let sheet = number(&sheet).ok_or(Problem::NotFound)?;
    let wanted = code.clone();
    let found = house
        .read(decision.clone(), move |r| {
            let scope = r.scope();
            Ok::<_, Failure>(read::facility(r, scope, &wanted)?)
        })
        .await?
        .ok_or(Problem::NotFound)?;
    let target = format!("facility {code}: {}", SHEETS[sheet].key);
    house.write(decision, move |tx| tx.audit(None, &target, "granted")).await?;
    let seen = keep::mark(&found);
    Ok(shown(&session, Shown { code: &code, sheet, draft: &found.draft, flaws: &[], seen, notice: None }))
}

/// `POST /admin/facilities/{code}/edit/{sheet}`.
pub(crate) async fn change(
    State(house): State<House>,
    session: Session,
    Path((code, sheet)): Path<(String, String)>,
    Form(fields): Form<Vec<(String, String)>>,
) -> Result<Response, Closed> {
    let decision = into(&house, &session, &code, true).await?;
    let sheet = number(&sheet).ok_or(Problem::NotFound)?;
    let lang = session.lang;
    let (wanted, seen) = (code.clone(), value(&fields, "seen").to_owned());
    let found = house.read(decision.clone(), move |r| {
        let scope = r.scope();
        Ok::<_, Failure>(read::facility(r, scope, &wanted)?)
    });
    let mut draft = found.await?.ok_or(Problem::NotFound)?.draft;
    draft.sheets[sheet] = posted(sheet, &fields);
    let more = value(&fields, "do") == "more";
    let (rows, key, mark, who) = (draft.clone(), code.clone(), seen.clone(), by(&session));
    let done = house.write(decision, move |tx| {
        let done = keep::change(tx, &key, sheet, rows, &mark, &who)?;
        let scope = tx.scope();
        Ok((done, if more { read::facility(tx, scope, &key)? } else { None }))
    });
    let (done, saved) = done.await?;
    register::refresh(&house).await?;
    let empty = |draft: &mut Draft| {
        draft.sheets[sheet].extend((0..5).map(|_| vec![String::new(); SHEETS[sheet].cols.len()]));
    };
    let (status, flaws, notice) = match done {
        Ok(()) if saved.is_some() => {
            let Some(mut saved) = saved else { return Err(Problem::NotFound.into()) };
            let seen = keep::mark(&saved);
            empty(&mut saved.draft);
            let notice = Some(Notice::new(lang, Tone::Good, lang.t(msg::ORG_CHANGED)).into());
            let page = shown(&session, Shown { code: &code, sheet, draft: &saved.draft, flaws: &[], seen, notice });
            return Ok(page.into_response());
        }
        Ok(()) => {
            let to = format!("{HOME}/{code}?done=changed#{}", SHEETS[sheet].key);
            return Ok(Redirect::to(&to).into_response());
        }
        Err(No::Unknown | No::Above) => return Err(Problem::NotFound.into()),
        Err(No::Changed) => {
            let notice = Notice::new(lang, Tone::Bad, lang.t(msg::ORG_CHANGED_MEANWHILE)).into();
            (StatusCode::CONFLICT, Vec::new(), Some(notice))
        }
        Err(No::Flaws(flaws)) => {
            // A row of one sheet may hang on a row of another: that is told where it is, in words.
            let other = flaws.iter().find(|f| f.sheet != sheet);
            let notice = other.map(|f| {
                let text =
                    format!("{} · {} {}: {}", lang.t(SHEETS[f.sheet].label), lang.t(msg::ORG_ROW), f.row + 1, f.text);
                Notice::new(lang, Tone::Bad, text).into()
            });
            if more {
                empty(&mut draft);
            }
            (StatusCode::BAD_REQUEST, flaws, notice)
        }
    };
    let page = shown(&session, Shown { code: &code, sheet, draft: &draft, flaws: &flaws, seen, notice });
    Ok((status, page).into_response())
}
