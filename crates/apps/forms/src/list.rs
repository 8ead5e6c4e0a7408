//! `/admin/forms`: every form there is, one more from a file, the state of a version.

use askama::Template;
use axum::extract::{Form as Body, Multipart, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use mach_forms::library::{self, Added, Entry, Origin};
use mach_forms::{Flaw, Form};
use mach_house::admin::{Closed, administrator, proven_administrator};
use mach_house::{Failure, House, Session};
use mach_ui::components::{
    Button, Card, Cell, Column, Empty, Icon, Layout, Notice, PageHead, PostForm, Row, Table, Tone, chip, laid_out,
};
use mach_ui::http::Problem;
use mach_ui::shell::PageMeta;
use mach_ui::{Html, Lang, format, msg, shell};
use serde::Deserialize;
use std::sync::Arc;

#[derive(Template)]
#[template(path = "add.html")]
struct AddForm {
    lang: Lang,
}

/// What a page is told by its address.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Asked {
    /// `url|version`.
    #[serde(default)]
    pub form: String,
    #[serde(default)]
    done: String,
}

/// The address of a page about one version.
pub(crate) fn about(page: &str, form: &Form) -> String {
    format!("/admin/forms/{page}?form={}", format::query_value(&form.canonical()))
}

/// The form that is asked about, as this administrator may see it.
pub(crate) async fn found(house: &House, decision: &mach_access::Decision, form: &str) -> Result<Arc<Form>, Problem> {
    let canonical = form.to_owned();
    let found = house.read(decision.clone(), move |r| {
        let scope = r.scope();
        Ok::<_, Failure>(library::version(r, scope, &canonical)?)
    });
    found.await?.ok_or(Problem::NotFound)
}

fn status(lang: Lang, form: &Form) -> Html {
    match form.status.as_str() {
        "active" => chip(Tone::Good, lang.t(msg::FORMS_ACTIVE)),
        "draft" => chip(Tone::Info, lang.t(msg::FORMS_DRAFT)),
        _ => chip(Tone::Plain, lang.t(msg::FORMS_RETIRED)),
    }
}

/// `01/01/2025 –`.
fn period(form: &Form) -> String {
    let day = |d: Option<mach_base::Day>| d.map(|d| d.vi()).unwrap_or_default();
    match form.period {
        (None, None) => "—".to_owned(),
        (from, to) => format!("{} – {}", day(from), day(to)).trim().to_owned(),
    }
}

fn row(session: &Session, entry: &Entry) -> Row {
    let (lang, form) = (session.lang, &entry.form);
    let keeper = lang.t(match entry.origin {
        Origin::Shipped => msg::FORMS_SHIPPED,
        Origin::Province => msg::FORMS_PROVINCE,
        Origin::Facility => msg::FORMS_FACILITY,
    });
    // Who keeps a version sets its state.
    let may = match entry.origin {
        Origin::Facility => true,
        Origin::Shipped | Origin::Province => session.actor.facility.is_none(),
    };
    let (word, next) =
        if form.status == "active" { (msg::FORMS_RETIRE, "retired") } else { (msg::FORMS_USE, "active") };
    let change = PostForm::new(lang, "/admin/forms/status", Button::submit(lang.t(word)))
        .with("form", form.canonical())
        .with("status", next);
    let change = if next == "retired" { change.sure(lang.t(msg::FORMS_RETIRE_SURE)) } else { change };
    let links = [
        Some(Button::link(lang.t(msg::FORMS_PAPER), about("paper", form)).icon(Icon::Print).into()),
        Some(Button::link(lang.t(msg::FORMS_FILE), about("file", form)).icon(Icon::Download).into()),
        may.then(|| change.into()),
    ];
    Row::new([
        Cell::link(form.title.in_lang(lang), &about("preview", form)),
        Cell::from(form.version.clone()),
        Cell::from(period(form)),
        Cell(status(lang, form)),
        Cell::from(keeper.to_owned()),
        Cell::from(format::integer(lang, i64::try_from(form.questions()).unwrap_or(i64::MAX))),
        Cell(laid_out(Layout::Row, links.into_iter().flatten())),
    ])
}

fn shown(session: &Session, entries: &[Entry], notice: Option<Html>) -> Html {
    let lang = session.lang;
    let columns = vec![
        Column::text(lang.t(msg::FORMS_TITLE)),
        Column::text(lang.t(msg::FORMS_VERSION)),
        Column::text(lang.t(msg::FORMS_PERIOD)),
        Column::text(lang.t(msg::FORMS_STATUS)),
        Column::text(lang.t(msg::FORMS_KEEPER)),
        Column::number(lang.t(msg::FORMS_QUESTIONS)),
        Column::text(""),
    ];
    let table = Table::new(lang, lang.t(msg::FORMS), columns)
        .rows(entries.iter().map(|e| row(session, e)).collect())
        .empty(Empty::new(Icon::Review, lang.t(msg::FORMS_NONE), lang.t(msg::FORMS_NONE_DO)))
        .stack();
    let parts = [
        Some(Html::from(PageHead::new(lang.t(msg::FORMS)).lead(lang.t(msg::FORMS_LEAD)))),
        notice,
        Some(Card::new("", table).into()),
        Some(Card::new(lang.t(msg::FORMS_ADD), Html::template(&AddForm { lang })).into()),
    ];
    let meta: PageMeta = session.meta(lang.t(msg::FORMS), "/admin/forms");
    shell::page(&meta, laid_out(Layout::Stack, parts.into_iter().flatten()))
}

async fn entries(house: &House, decision: &mach_access::Decision) -> Result<Vec<Entry>, Problem> {
    let read = house.read(decision.clone(), |r| {
        let scope = r.scope();
        Ok::<_, Failure>(library::all(r, scope)?)
    });
    read.await
}

/// `GET /admin/forms`.
pub(crate) async fn page(
    State(house): State<House>,
    session: Session,
    Query(asked): Query<Asked>,
) -> Result<Html, Closed> {
    let decision = administrator(&house, &session).await?;
    let lang = session.lang;
    let notice = match asked.done.as_str() {
        "added" => Some((Tone::Good, msg::FORMS_ADDED)),
        "known" => Some((Tone::Info, msg::FORMS_KNOWN)),
        "changed" => Some((Tone::Good, msg::FORMS_CHANGED)),
        _ => None,
    };
    let notice = notice.map(|(tone, text)| Notice::new(lang, tone, lang.t(text)).into());
    Ok(shown(&session, &entries(&house, &decision).await?, notice))
}

/// What is wrong with a file, place by place.
fn flaws(lang: Lang, flaws: &[Flaw]) -> Html {
    let columns = vec![Column::text(lang.t(msg::FORMS_PLACE)), Column::text(lang.t(msg::FORMS_WHY))];
    let rows = flaws.iter().map(|f| Row::new([Cell::from(f.at.clone()), Cell::from(f.text.clone())])).collect();
    let text = lang.fmt(msg::FORMS_REFUSED, &[("n", &flaws.len().to_string())]);
    let table = Table::new(lang, lang.t(msg::FORMS_PLACE), columns).rows(rows);
    Html::concat([Notice::new(lang, Tone::Bad, text).into(), Card::new("", table).into()])
}

/// `POST /admin/forms`, multipart field `file`.
pub(crate) async fn add(
    State(house): State<House>,
    session: Session,
    multipart: Multipart,
) -> Result<Response, Closed> {
    let decision = proven_administrator(&house, &session).await?;
    let lang = session.lang;
    let posted = mach_forms::http::posted(multipart).await?;
    let Some(file) = posted.file_of("file") else {
        return Err(Problem::BadRequest(lang.t(msg::FORMS_CHOOSE).to_owned()).into());
    };
    let not_text = || vec![Flaw { at: "Questionnaire".to_owned(), text: "the file is no text in UTF-8".to_owned() }];
    let compiled = std::str::from_utf8(&file.bytes).map_err(|_| not_text()).and_then(Form::compile);
    let notice = match compiled {
        Err(found) => flaws(lang, &found),
        Ok(form) => {
            let added = house.write(decision.clone(), move |tx| library::add(tx, form)).await?;
            let refused = |text| Html::from(Notice::new(lang, Tone::Bad, lang.t(text)));
            match added {
                Added::New(_) => return Ok(Redirect::to("/admin/forms?done=added").into_response()),
                Added::Known(_) => return Ok(Redirect::to("/admin/forms?done=known").into_response()),
                Added::Taken => refused(msg::FORMS_TAKEN),
                Added::Full => refused(msg::FORMS_FULL),
            }
        }
    };
    let entries = entries(&house, &decision).await?;
    Ok((StatusCode::BAD_REQUEST, shown(&session, &entries, Some(notice))).into_response())
}

/// `GET /admin/forms/file`.
pub(crate) async fn file(
    State(house): State<House>,
    session: Session,
    Query(asked): Query<Asked>,
) -> Result<Response, Closed> {
    let decision = administrator(&house, &session).await?;
    let form = found(&house, &decision, &asked.form).await?;
    let name: String = format!("{}-{}", form.url, form.version)
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '-' | '.') { c } else { '-' })
        .collect();
    let headers = [
        (header::CONTENT_TYPE, "application/fhir+json; charset=utf-8".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}.json\"")),
    ];
    Ok((headers, form.body.clone()).into_response())
}

/// A version's new state.
#[derive(Debug, Deserialize)]
pub(crate) struct NewStatus {
    form: String,
    status: String,
}

/// `POST /admin/forms/status`.
pub(crate) async fn set_status(
    State(house): State<House>,
    session: Session,
    Body(wanted): Body<NewStatus>,
) -> Result<Redirect, Closed> {
    let decision = proven_administrator(&house, &session).await?;
    if !matches!(wanted.status.as_str(), "active" | "retired") {
        return Err(Problem::BadRequest(wanted.status).into());
    }
    let done = house.write(decision, move |tx| library::set_status(tx, &wanted.form, &wanted.status)).await?;
    if done { Ok(Redirect::to("/admin/forms?done=changed")) } else { Err(Problem::NotFound.into()) }
}
