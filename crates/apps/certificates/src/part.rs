//! One part of an examination: filled in by its doctor, kept as a draft while one types, concluded.

use crate::batch;
use crate::case::{CONCLUSION, Case, Part};
use crate::desk::Desk;
use crate::view::{by, link, meta, points, refusal, seen, why_not};
use crate::work;
use axum::Extension;
use axum::extract::{Multipart, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use mach_access::Act;
use mach_forms::render::{self, Target, View};
use mach_forms::{Answers, Coding, Problem as Wrong, Value};
use mach_house::{House, Session};
use mach_signing::ask::Chosen;
use mach_signing::choice;
use mach_store::certificates::State as Stands;
use mach_store::signing;
use mach_ui::components::{Button, Card, Icon, Notice, PageHead, Tone, line, muted, stack};
use mach_ui::http::Problem;
use mach_ui::{Html, Lang, msg, shell};
use std::sync::Arc;

/// Where pictures are served.
pub(crate) const FILES: &str = "/certificates/files/";

struct Shown<'s> {
    session: &'s Session,
    case: &'s Case,
    part: &'s str,
    answers: &'s Answers,
    problems: &'s [Wrong],
    notice: Option<Html>,
    version: i64,
    done: bool,
    saved: String,
    /// With which certificate its doctor signs; nothing where there is nothing to choose.
    certificates: Option<Html>,
}

impl Shown<'_> {
    fn html(self) -> Html {
        let (lang, case) = (self.session.lang, self.case);
        let item = case.form.item(self.part);
        let title = item.map(|i| i.text.in_lang(lang).to_owned()).unwrap_or_default();
        let address = format!("/certificates/case/{}/part/{}", case.row.code, self.part);
        let finish = if self.part == CONCLUSION { msg::GKSK_CONCLUDE } else { msg::GKSK_PART_FINISH };
        let back = link(lang.t(msg::BACK), format!("/certificates/case/{}", case.row.code), Icon::Previous);
        let open = case.row.state == Stands::Examining;
        let view = View {
            lang,
            form: &case.form,
            answers: self.answers,
            problems: self.problems,
            part: Some(self.part),
            files: FILES,
        };
        let body = if open {
            let buttons = [
                self.certificates.unwrap_or_default(),
                Button::choosing(lang.t(finish), "finish").icon(Icon::Check).as_primary().into(),
                Button::choosing(lang.t(msg::FORM_KEEP), "draft").icon(Icon::Down).into(),
                back,
            ];
            let target = Target {
                action: address.clone(),
                // A concluded part is changed by who presses a button, never by the page itself.
                draft: if self.done { String::new() } else { address },
                tries: false,
                values: vec![("version".to_owned(), self.version.to_string())],
                buttons: Html::concat(buttons),
                saved: self.saved,
            };
            render::form(view, &target)
        } else {
            Html::concat([
                Notice::new(lang, Tone::Info, lang.t(msg::GKSK_PART_CLOSED)).into(),
                Card::new("", render::readable(view)).into(),
                back,
            ])
        };
        let standard = (self.part == CONCLUSION).then(|| standard(lang, case, self.answers));
        let parts = [Some(PageHead::new(title.as_str()).into()), self.notice, standard, Some(body)];
        shell::page(&meta(self.session, case, &title), stack(parts.into_iter().flatten()))
    }
}

/// What the standard says, with what is missing by its question.
pub(crate) fn standard(lang: Lang, case: &Case, answers: &Answers) -> Html {
    use crate::rules::{self, Fitness};
    let fitness = rules::fitness(&case.form, answers, &case.row.class, case.day());
    let unmet = |points: &[&'static rules::Point]| points.iter().map(|p| p.text(lang).to_owned()).collect::<Vec<_>>();
    let (tone, word, list) = match &fitness {
        Fitness::Fit => (Tone::Good, lang.t(msg::GKSK_FITNESS_FIT).to_owned(), Vec::new()),
        Fitness::Unfit(points) => {
            let n = points.len().to_string();
            (Tone::Bad, lang.fmt(msg::GKSK_FITNESS_UNFIT, &[("n", &n)]), unmet(points))
        }
        Fitness::Unknown(missing, points) => {
            let name = |link: &String| {
                let asked = case.form.item(link).map(|i| i.text.in_lang(lang).to_owned());
                format!("{}: {}", lang.t(msg::GKSK_FITNESS_MISSING), asked.unwrap_or_else(|| link.clone()))
            };
            let mut list = unmet(points);
            list.extend(missing.iter().map(name));
            (Tone::Warning, lang.t(msg::GKSK_FITNESS_UNKNOWN).to_owned(), list)
        }
    };
    let group = rules::class(&case.row.class, case.day()).map(|c| c.group.clone()).unwrap_or_else(|| "—".to_owned());
    let about = lang.fmt(msg::GKSK_FITNESS_GROUP, &[("class", &case.row.class), ("group", &group)]);
    let body = [line(&about), points(list), muted(lang.t(msg::GKSK_FITNESS_NOTE))];
    Card::new(lang.t(msg::GKSK_FITNESS), Html::concat(body)).note(mach_ui::components::chip(tone, &word)).into()
}

fn known<'c>(case: &'c Case, part: &str) -> Result<&'c Part, Problem> {
    case.parts.iter().find(|p| p.link == part).ok_or(Problem::NotFound)
}

/// `GET /certificates/case/{code}/part/{part}`.
pub(crate) async fn page(
    State(house): State<House>,
    Extension(desk): Extension<Arc<Desk>>,
    session: Session,
    Path((code, part)): Path<(String, String)>,
) -> Result<Html, Problem> {
    let (_, case) = seen(&house, &session, &code, Act::Certify).await?;
    let (version, done) = known(&case, &part).map(|p| (p.version, p.done))?;
    let mut answers = case.answers.clone();
    proposed(&case, &part, &mut answers);
    let shown = Shown {
        session: &session,
        case: &case,
        part: &part,
        answers: &answers,
        problems: &[],
        notice: None,
        version,
        done,
        saved: String::new(),
        certificates: certificates(&house, &session, &desk, (&case, &part), None).await?,
    };
    Ok(shown.html())
}

/// The choice of the doctor who concludes, where they have several certificates.
async fn certificates(
    house: &House,
    session: &Session,
    desk: &Arc<Desk>,
    (case, part): (&Case, &str),
    chosen: Chosen,
) -> Result<Option<Html>, Problem> {
    if part != CONCLUSION {
        return Ok(None);
    }
    let decision = house.decide(session, Act::Certify).await?;
    let who = (case.row.facility, session.actor.account);
    let mine =
        house.read(decision, move |r| choice::of(r, who, signing::Act::Conclude).map_err(mach_house::Failure::from));
    Ok(choice::field(session.lang, desk, &mine.await?, chosen.unwrap_or(0)).map(|field| field.html(session.lang)))
}

/// The class chosen at reception stands in the form already.
fn proposed(case: &Case, part: &str, answers: &mut Answers) {
    if part == "applicant" && answers.value(&case.form, "class").is_none() {
        let choices = case.form.item("class").map(|i| i.choices.as_slice()).unwrap_or_default();
        let coding = |v: &Value| matches!(v, Value::Coding(Coding { code, .. }) if *code == case.row.class);
        let chosen = choices.iter().find(|c| coding(&c.value)).map(|c| c.value.clone());
        answers.set(&case.form, "class", chosen);
    }
}

/// `POST /certificates/case/{code}/part/{part}`: `do` says `finish` or `draft`; without it the draft keeps itself.
pub(crate) async fn keep(
    State(house): State<House>,
    Extension(desk): Extension<Arc<Desk>>,
    session: Session,
    Path((code, part)): Path<(String, String)>,
    headers: HeaderMap,
    multipart: Multipart,
) -> Result<Response, Problem> {
    let decision = house.decide(&session, Act::Certify).await?;
    let posted = mach_forms::http::posted(multipart).await?;
    let (wanted, lang) = (code.to_uppercase(), session.lang);
    let read = wanted.clone();
    let case = house
        .read(decision.clone(), move |r| Ok::<_, mach_house::Failure>(crate::case::load(r, &read)?))
        .await?
        .ok_or(Problem::NotFound)?;
    known(&case, &part)?;
    let context = case.context();
    let mut answers = case.form.read_posted(&posted, &case.answers, Some(&part));
    case.form.settle(&mut answers, &context);
    let finish = posted.get("do") == "finish";
    let problems = case.form.check(&answers, &context, Some(&part), finish);
    let blocks = problems.iter().any(|p| !p.warns);
    let version = posted.get("version").parse().unwrap_or(-1);
    let concludes = finish && part == CONCLUSION && !blocks;
    let by = by(&session);
    let quiet = headers.contains_key("x-draft");
    let chosen = choice::read(posted.get(choice::FIELD));
    let certificates = certificates(&house, &session, &desk, (&case, &part), chosen).await?;
    let kept = work::Posted { part: part.clone(), answers: answers.clone(), version, finish: finish && !blocks, quiet };
    let write = house.write(decision, move |tx| match concludes {
        true => work::keep_conclusion(tx, &wanted, &by, kept, chosen),
        false => Ok(work::keep(tx, &wanted, &by, kept)?.map(|version| (version, None))),
    });
    let (version, no) = match write.await? {
        Ok(kept) => kept,
        Err(no) => return Err(refusal(lang, no)),
    };
    if finish && !blocks && no.is_none() {
        if concludes {
            batch::now_of(&house, &desk, case.row.code.clone(), signing::Act::Conclude).await?;
        }
        let word = if concludes { "concluded" } else { "part" };
        return Ok(Redirect::to(&format!("/certificates/case/{}?done={word}", case.row.code)).into_response());
    }
    if !finish && !quiet && posted.get("do") == "draft" {
        return Ok(Redirect::to(&format!("/certificates/case/{}?done=draft", case.row.code)).into_response());
    }
    let notice = no.map(|no| Notice::new(lang, Tone::Bad, why_not(lang, no)).into());
    let status = if finish { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    let shown = Shown {
        session: &session,
        case: &case,
        part: &part,
        answers: &answers,
        problems: &problems,
        notice,
        version,
        done: false,
        saved: lang.t(msg::FORM_KEPT).to_owned(),
        certificates,
    };
    Ok((status, shown.html()).into_response())
}
