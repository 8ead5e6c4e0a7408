//! A facility set up by hand, step by step; each step is kept as a draft.

use crate::check::{Flaw, check};
use crate::drafts;
use crate::keep::{self, Keys, Opened};
use crate::kinds::Kinds;
use crate::register;
use crate::sheet::{Draft, FACILITY, SHEETS, number};
use crate::upload;
use crate::view::{HOME, SheetForm, by, card, has_accounts, meta, of_province, posted};
use askama::Template;
use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use mach_base::Day;
use mach_house::admin::Closed;
use mach_house::{Failure, House, Session};
use mach_ui::components::{
    Button, Card, Cell, Column, Icon, Notice, PageHead, PostForm, Row, Segment, SegmentItem, Table, Tone, line,
    print_button, stack,
};
use mach_ui::http::Problem;
use mach_ui::shell::Crumb;
use mach_ui::{Html, Lang, format, msg, shell};

/// The last step: everything is looked over.
const REVIEW: &str = "review";

fn step_address(draft: &str, step: &str) -> String {
    format!("{HOME}/new/{draft}/{step}")
}

/// `GET /admin/facilities/new`.
pub(crate) async fn begin_page(State(house): State<House>, session: Session) -> Result<Html, Closed> {
    let decision = of_province(&house, &session, true).await?;
    let open = house.read(decision.clone(), |r| Ok::<_, Failure>(drafts::all(r)?)).await?;
    house.write(decision, |tx| tx.audit(None, "facility drafts", "granted")).await?;
    Ok(begin_shown(&session, &open, (None, None)))
}

/// The page on which a facility is begun.
///
/// `refused` is what is wrong with a file that was sent, told beside its field.
pub(crate) fn begin_shown(
    session: &Session,
    open: &[(String, String, i64)],
    (notice, refused): (Option<Html>, Option<String>),
) -> Html {
    let lang = session.lang;
    let title = lang.t(msg::ORG_NEW);
    let hand = PostForm::new(lang, format!("{HOME}/new"), Button::primary(lang.t(msg::ORG_BY_HAND_GO)));
    let hand = Html::concat([line(lang.t(msg::ORG_BY_HAND_LEAD)), hand.into()]);
    let row = |(id, name, at): &(String, String, i64)| {
        let name = if name.is_empty() { lang.t(msg::ORG_NO_NAME) } else { name };
        let drop = PostForm::new(lang, format!("{HOME}/new/{id}/drop"), Button::submit(lang.t(msg::ORG_DROP)));
        Row::new([
            Cell::link(name, &step_address(id, SHEETS[FACILITY].key)),
            Cell::from(format::date_time(mach_base::Minute::of_seconds(*at))),
            Cell(drop.sure(lang.t(msg::ORG_DROP_SURE)).into()),
        ])
    };
    let columns = vec![Column::text(lang.t(msg::ORG_NAME)), Column::text(lang.t(msg::ORG_TYPED)), Column::text("")];
    let table = Table::new(lang, lang.t(msg::ORG_DRAFTS), columns).rows(open.iter().map(row).collect());
    let drafts = (!open.is_empty())
        .then(|| Card::new(lang.t(msg::ORG_DRAFTS), Table { caption_hidden: true, ..table.stack() }).into());
    let parts = [
        Some(PageHead::new(title).lead(lang.t(msg::ORG_NEW_LEAD)).into()),
        notice,
        Some(Card::new(lang.t(msg::ORG_BY_HAND), hand).into()),
        Some(Card::new(lang.t(msg::ORG_BY_FILE), upload::form(lang, refused)).into()),
        drafts,
    ];
    shell::page(&meta(session, title, Vec::new()), stack(parts.into_iter().flatten()))
}

/// `POST /admin/facilities/new`.
pub(crate) async fn begin(State(house): State<House>, session: Session) -> Result<Response, Closed> {
    let decision = of_province(&house, &session, false).await?;
    let mut draft = Draft::default();
    let mut row = vec![String::new(); SHEETS[FACILITY].cols.len()];
    if let Some(from) = row.last_mut() {
        *from = Day::today().to_string();
    }
    draft.sheets[FACILITY].push(row);
    let id = drafts::new_id().map_err(Problem::internal)?;
    let (name, kept) = (session.actor.name.clone(), id.clone());
    let is_kept = house.write(decision.clone(), move |tx| drafts::keep(tx, &kept, &draft, &name)).await?;
    if is_kept {
        return Ok(Redirect::to(&step_address(&id, SHEETS[FACILITY].key)).into_response());
    }
    let open = house.read(decision, |r| Ok::<_, Failure>(drafts::all(r)?)).await?;
    let full = Notice::new(session.lang, Tone::Bad, session.lang.t(msg::ORG_DRAFTS_FULL)).into();
    Ok((StatusCode::BAD_REQUEST, begin_shown(&session, &open, (Some(full), None))).into_response())
}

/// `POST /admin/facilities/new/{draft}/drop`.
pub(crate) async fn drop_draft(
    State(house): State<House>,
    session: Session,
    Path(id): Path<String>,
) -> Result<Redirect, Closed> {
    let decision = of_province(&house, &session, false).await?;
    if !drafts::is_id(&id) {
        return Err(Problem::NotFound.into());
    }
    let gone = house
        .write(decision, move |tx| {
            tx.audit(None, &format!("facility draft {id} dropped"), "granted")?;
            tx.delete(mach_fhir::ResourceType::TASK, &id)
        })
        .await?;
    if gone { Ok(Redirect::to(&format!("{HOME}?done=dropped"))) } else { Err(Problem::NotFound.into()) }
}

async fn loaded(house: &House, decision: mach_access::Decision, id: &str) -> Result<Draft, Problem> {
    let name = id.to_owned();
    house.read(decision, move |r| Ok::<_, Failure>(drafts::load(r, &name)?)).await?.ok_or(Problem::NotFound)
}

fn steps(lang: Lang, id: &str, at: usize, flaws: &[Flaw]) -> Html {
    let mut items: Vec<SegmentItem> = (0..)
        .zip(&SHEETS)
        .map(|(n, sheet)| {
            let mark = if n < at && flaws.iter().any(|f| f.sheet == n) { " !" } else { "" };
            SegmentItem {
                label: format!("{}. {}{mark}", n + 1, lang.t(sheet.label)),
                href: step_address(id, sheet.key),
                on: n == at,
            }
        })
        .collect();
    items.push(SegmentItem {
        label: format!("{}. {}", SHEETS.len() + 1, lang.t(msg::ORG_REVIEW)),
        href: step_address(id, REVIEW),
        on: at == SHEETS.len(),
    });
    Segment { label: lang.t(msg::ORG_STEPS).to_owned(), items }.into()
}

fn title_of(lang: Lang, draft: &Draft) -> String {
    let name = draft.facility("name");
    if name.is_empty() { lang.t(msg::ORG_NEW).to_owned() } else { name.to_owned() }
}

fn path(lang: Lang) -> Vec<Crumb> {
    vec![Crumb::link(lang.t(msg::ORG_NEW), format!("{HOME}/new"))]
}

fn step_shown(session: &Session, id: &str, at: usize, draft: &Draft, told: bool) -> Html {
    let lang = session.lang;
    let all = check(lang, draft);
    let flaws: Vec<Flaw> = if told { all.iter().filter(|f| f.sheet == at).cloned().collect() } else { Vec::new() };
    let title = title_of(lang, draft);
    let mut buttons = vec![Button::choosing(lang.t(msg::ORG_NEXT), "next").icon(Icon::Next).as_primary().into()];
    if at != FACILITY {
        buttons.push(Button::choosing(lang.t(msg::ORG_MORE), "more").icon(Icon::Down).into());
    }
    buttons.push(Button::choosing(lang.t(msg::ORG_KEEP), "keep").icon(Icon::Check).into());
    let form = SheetForm {
        lang,
        sheet: at,
        draft,
        flaws: &flaws,
        action: step_address(id, SHEETS[at].key),
        seen: String::new(),
        accounts: true,
        buttons,
    };
    let parts = [
        PageHead::new(title.as_str()).lead(lang.t(SHEETS[at].lead)).into(),
        steps(lang, id, at, &all),
        Card::new(lang.t(SHEETS[at].label), form.html()).into(),
    ];
    shell::page(&meta(session, &title, path(lang)), stack(parts))
}

fn review_shown(session: &Session, id: &str, draft: &Draft, flaws: &[Flaw]) -> Html {
    let lang = session.lang;
    let title = title_of(lang, draft);
    let link = |n: usize| Html::from(Button::link(lang.t(msg::ORG_EDIT), step_address(id, SHEETS[n].key)));
    let cards = (0..SHEETS.len()).map(|n| card(lang, n, draft, has_accounts(draft), vec![link(n)]));
    let mut parts = vec![
        PageHead::new(title.as_str()).lead(lang.t(msg::ORG_REVIEW_LEAD)).into(),
        steps(lang, id, SHEETS.len(), flaws),
    ];
    if flaws.is_empty() {
        let make = PostForm::new(lang, step_address(id, REVIEW), Button::primary(lang.t(msg::ORG_MAKE)));
        parts.push(make.into());
    } else {
        parts.push(flaws_card(lang, id, flaws));
    }
    parts.extend(cards);
    shell::page(&meta(session, &title, path(lang)), stack(parts))
}

fn flaws_card(lang: Lang, id: &str, flaws: &[Flaw]) -> Html {
    let row = |f: &Flaw| {
        let sheet = &SHEETS[f.sheet];
        let col = sheet.cols.iter().find(|c| c.key == f.col).map_or("", |c| lang.t(c.label));
        let to = format!("{}#r{}-{}", step_address(id, sheet.key), f.row, f.col);
        Row::new([
            Cell::link(&format!("{} · {} {}", lang.t(sheet.label), lang.t(msg::ORG_ROW), f.row + 1), &to),
            Cell::from(col.to_owned()),
            Cell::from(f.text.clone()),
        ])
    };
    let columns = [msg::ORG_PLACE, msg::ORG_COLUMN, msg::ORG_WHY].map(|c| Column::text(lang.t(c)));
    let text = lang.fmt(msg::ORG_FLAWS, &[("n", &flaws.len().to_string())]);
    let table = Table::new(lang, lang.t(msg::ORG_FLAWS_TABLE), columns.into()).rows(flaws.iter().map(row).collect());
    let table = Table { caption_hidden: true, ..table.stack() };
    let card = Card { tone: Tone::Bad, ..Card::new(lang.t(msg::ORG_FLAWS_TABLE), table) };
    Html::concat([Notice::new(lang, Tone::Bad, text).into(), card.into()])
}

/// `GET /admin/facilities/new/{draft}/{step}`.
pub(crate) async fn page(
    State(house): State<House>,
    session: Session,
    Path((id, step)): Path<(String, String)>,
) -> Result<Html, Closed> {
    // What is made at the end needs a fresh proof: it is asked for where nothing was typed yet.
    let decision = of_province(&house, &session, step == REVIEW).await?;
    let draft = loaded(&house, decision.clone(), &id).await?;
    let target = format!("facility draft {id}: {}", number(&step).map_or(REVIEW, |at| SHEETS[at].key));
    house.write(decision, move |tx| tx.audit(None, &target, "granted")).await?;
    if step == REVIEW {
        return Ok(review_shown(&session, &id, &draft, &check(session.lang, &draft)));
    }
    let at = number(&step).ok_or(Problem::NotFound)?;
    let is_touched = draft.sheets[at].iter().any(|r| r.get(1).is_some_and(|t| !t.is_empty()));
    Ok(step_shown(&session, &id, at, &draft, is_touched))
}

/// `POST /admin/facilities/new/{draft}/{step}`.
pub(crate) async fn keep(
    State(house): State<House>,
    session: Session,
    Path((id, step)): Path<(String, String)>,
    Form(fields): Form<Vec<(String, String)>>,
) -> Result<Response, Closed> {
    if step == REVIEW {
        return make(&house, &session, &id).await;
    }
    let decision = of_province(&house, &session, false).await?;
    let at = number(&step).ok_or(Problem::NotFound)?;
    let mut draft = loaded(&house, decision.clone(), &id).await?;
    draft.sheets[at] = posted(at, &fields);
    if at == FACILITY {
        draft.sheets[FACILITY].truncate(1);
    }
    let wrong = check(session.lang, &draft).iter().any(|f| f.sheet == at);
    if at == FACILITY
        && !wrong
        && let Some(kind) = Kinds::shared().kind(draft.facility("kind"))
    {
        draft.install(kind);
    }
    let (name, kept, key) = (session.actor.name.clone(), draft.clone(), id.clone());
    house.write(decision, move |tx| drafts::keep(tx, &key, &kept, &name)).await?;
    let wanted = crate::view::value(&fields, "do");
    if wanted == "more" {
        draft.sheets[at].extend((0..5).map(|_| vec![String::new(); SHEETS[at].cols.len()]));
        return Ok(step_shown(&session, &id, at, &draft, false).into_response());
    }
    if wanted == "keep" {
        return Ok(Redirect::to(&format!("{HOME}/new")).into_response());
    }
    if wrong {
        return Ok((StatusCode::BAD_REQUEST, step_shown(&session, &id, at, &draft, true)).into_response());
    }
    let next = SHEETS.get(at + 1).map_or(REVIEW, |s| s.key);
    Ok(Redirect::to(&step_address(&id, next)).into_response())
}

async fn make(house: &House, session: &Session, id: &str) -> Result<Response, Closed> {
    let decision = of_province(house, session, true).await?;
    let draft = loaded(house, decision.clone(), id).await?;
    let made = installed(house, session, decision, draft.clone(), Some(id.to_owned())).await?;
    match made {
        Ok(opened) => Ok(made_shown(session, &draft, &opened)),
        Err(flaws) => Ok((StatusCode::BAD_REQUEST, review_shown(session, id, &draft, &flaws)).into_response()),
    }
}

/// Makes a facility, and its draft goes with the same commit.
pub(crate) async fn installed(
    house: &House,
    session: &Session,
    decision: mach_access::Decision,
    draft: Draft,
    kept: Option<String>,
) -> Result<Result<Vec<Opened>, Vec<Flaw>>, Problem> {
    let hashed = draft.clone();
    let keys = tokio::task::spawn_blocking(move || Keys::of(&hashed)).await.map_err(Problem::internal)??;
    let who = by(session);
    let made = house
        .write(decision, move |tx| {
            let made = keep::install(tx, &draft, &keys, &who)?;
            if let (Ok(_), Some(id)) = (&made, kept) {
                tx.delete(mach_fhir::ResourceType::TASK, &id)?;
            }
            Ok(made)
        })
        .await?;
    register::refresh(house).await?;
    Ok(made)
}

#[derive(Template)]
#[template(path = "codes.html")]
struct Code<'a> {
    code: &'a str,
}

/// The facility was made: the codes of its accounts are shown this once; without any, the way leads to its page.
pub(crate) fn made_shown(session: &Session, draft: &Draft, opened: &[Opened]) -> Response {
    let lang = session.lang;
    let home = format!("{HOME}/{}", draft.facility("code"));
    if opened.is_empty() {
        return Redirect::to(&format!("{home}?done=made")).into_response();
    }
    let title = draft.facility("name");
    let row = |o: &Opened| {
        Row::new([
            Cell::from(o.display.clone()),
            Cell::from(o.name.clone()),
            Cell(Html::template(&Code { code: &o.code })),
        ])
    };
    let columns = [msg::ACCOUNT_DISPLAY, msg::USERNAME, msg::ORG_OPENING_CODE].map(|c| Column::text(lang.t(c)));
    let table = Table::new(lang, lang.t(msg::ORG_ACCOUNTS_MADE), columns.into());
    let table = Table { caption_hidden: true, ..table.rows(opened.iter().map(row).collect()).stack() };
    let until = mach_base::time::now_seconds() + mach_base::limits::RECOVERY_HOURS * 3_600;
    let until = format::date_time(mach_base::Minute::of_seconds(until));
    let lead = lang.fmt(msg::ORG_ACCOUNTS_LEAD, &[("until", &until)]);
    let body = Html::concat([line(&lead), table.into()]);
    let parts = [
        Html::from(PageHead::new(title).actions([print_button(lang)])),
        Notice::new(lang, Tone::Good, lang.t(msg::ORG_MADE)).into(),
        Card::new(lang.t(msg::ORG_ACCOUNTS_MADE), body).into(),
        Button::link(lang.t(msg::ORG_TO_PAGE), home).as_primary().into(),
    ];
    shell::page(&meta(session, title, Vec::new()), stack(parts)).into_response()
}
