//! A form tried out: as its users see it, computed and checked as theirs, and nothing stored.

use crate::list::{Asked, about, found};
use askama::Template;
use axum::extract::{Multipart, Query, State};
use mach_forms::render::{self, Target, View};
use mach_forms::{Answers, Context, Form, Problem as Wrong};
use mach_house::admin::{Closed, administrator};
use mach_house::{House, Session};
use mach_ui::components::{Button, Card, Icon, Layout, Notice, PageHead, Tone, laid_out, line, print_button};
use mach_ui::shell::{Crumb, PageMeta};
use mach_ui::{Html, Lang, msg, shell};

#[derive(Template)]
#[template(path = "checks.html")]
struct Buttons {
    lang: Lang,
}

fn meta(session: &Session, form: &Form) -> PageMeta {
    let (lang, title) = (session.lang, form.title.in_lang(session.lang));
    let crumbs = vec![Crumb::link(lang.t(msg::FORMS), "/admin/forms"), Crumb::here(title)];
    PageMeta { crumbs, ..session.meta(title, "/admin/forms") }
}

fn head(session: &Session, form: &Form) -> PageHead {
    let lang = session.lang;
    let lead = [form.version.as_str(), form.source.as_str(), lang.t(msg::FORMS_PREVIEW_LEAD)];
    let lead: Vec<&str> = lead.into_iter().filter(|t| !t.is_empty()).collect();
    let paper = Button::link(lang.t(msg::FORMS_PAPER), about("paper", form)).icon(Icon::Print);
    let file = Button::link(lang.t(msg::FORMS_FILE), about("file", form)).icon(Icon::Download);
    PageHead::new(form.title.in_lang(lang)).lead(lead.join(" · ")).actions([paper.into(), file.into()])
}

fn shown(session: &Session, form: &Form, answers: &Answers, problems: &[Wrong], notice: Option<Html>) -> Html {
    let lang = session.lang;
    let target = Target {
        action: about("preview", form),
        draft: about("preview", form),
        tries: true,
        buttons: Html::template(&Buttons { lang }),
        ..Target::default()
    };
    let view = View { lang, form, answers, problems, part: None, files: "" };
    let notes = (!form.notes.is_empty()).then(|| {
        let lines = form.notes.iter().map(|n| line(n));
        Html::from(Card::new(lang.t(msg::FORMS_NOTES), Html::concat(lines)))
    });
    let parts = [Some(head(session, form).into()), notes, notice, Some(render::form(view, &target))];
    shell::page(&meta(session, form), laid_out(Layout::Stack, parts.into_iter().flatten()))
}

/// `GET /admin/forms/preview`.
pub(crate) async fn page(
    State(house): State<House>,
    session: Session,
    Query(asked): Query<Asked>,
) -> Result<Html, Closed> {
    let decision = administrator(&house, &session).await?;
    let form = found(&house, &decision, &asked.form).await?;
    let (answers, _) = form.start(&Context::default(), &|_, _| None);
    Ok(shown(&session, &form, &answers, &[], None))
}

/// `POST /admin/forms/preview`.
pub(crate) async fn tried(
    State(house): State<House>,
    session: Session,
    Query(asked): Query<Asked>,
    multipart: Multipart,
) -> Result<Html, Closed> {
    let decision = administrator(&house, &session).await?;
    let form = found(&house, &decision, &asked.form).await?;
    let posted = mach_forms::http::posted(multipart).await?;
    let lang = session.lang;
    let context = Context::default();
    let (start, _) = form.start(&context, &|_, _| None);
    let mut answers = form.read_posted(&posted, &start, None);
    form.settle(&mut answers, &context);
    let finish = matches!(posted.get("do"), "check" | "read");
    let problems = form.check(&answers, &context, None, finish);
    if posted.get("do") == "read" {
        return Ok(read(&session, &form, &answers));
    }
    let good = problems.is_empty() && finish;
    let notice = good.then(|| Notice::new(lang, Tone::Good, lang.t(msg::FORMS_GOOD)).into());
    Ok(shown(&session, &form, &answers, &problems, notice))
}

fn read(session: &Session, form: &Form, answers: &Answers) -> Html {
    let lang = session.lang;
    let view = View { lang, form, answers, problems: &[], part: None, files: "" };
    let head = PageHead::new(form.title.in_lang(lang)).lead(form.source.clone()).actions([print_button(lang)]);
    let parts = [head.into(), Card::new("", render::readable(view)).into()];
    shell::page(&meta(session, form), laid_out(Layout::Stack, parts))
}

/// `GET /admin/forms/paper`: everything that may be asked, open.
pub(crate) async fn paper(
    State(house): State<House>,
    session: Session,
    Query(asked): Query<Asked>,
) -> Result<Html, Closed> {
    let decision = administrator(&house, &session).await?;
    let form = found(&house, &decision, &asked.form).await?;
    Ok(read(&session, &form, &Answers::open(&form)))
}
