//! Writing a draft: for whom, why, which medicines.

use crate::case;
use crate::check::{Content, Diagnosis, Finding, Item, Subject};
use crate::rules::Rules;
use crate::view::{banner, by, findings, refusal};
use crate::words::{hundredths, written};
use crate::work::{self, No, TEXT_CHARS};
use askama::Template;
use axum::extract::{Form, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use mach_access::{Act, Decision};
use mach_base::Day;
use mach_house::{Failure, House, Session};
use mach_store::people::{self, PersonRow};
use mach_ui::components::{
    Button, Card, ErrorSummary, Field, FieldKind, Icon, Notice, PageHead, PatientBanner, Tone, field_form, stack,
};
use mach_ui::http::Problem;
use mach_ui::shell::{Crumb, PageMeta};
use mach_ui::{Html, Lang, Msg, msg, shell};
use serde::Deserialize;
use std::collections::HashMap;

/// Lines of the form at first; there is always one more than were filled, up to those of a prescription.
const LINES: usize = 4;
/// Lines that are read.
pub(crate) const MOST_LINES: usize = 20;

#[derive(Template)]
#[template(path = "write.html")]
struct WriteForm<'a> {
    action: &'static str,
    errors: Html,
    hidden: Vec<(&'static str, String)>,
    lead: &'a str,
    drugs: Vec<String>,
    groups: Vec<Group>,
    buttons: Html,
}

struct Group {
    title: String,
    fields: Vec<Html>,
}

#[derive(Template)]
#[template(path = "drug.html")]
struct DrugField<'a> {
    lang: Lang,
    name: &'a str,
    label: &'a str,
    value: &'a str,
    error: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    person: String,
    #[serde(default)]
    number: String,
    #[serde(default)]
    replaces: String,
}

type Typed = HashMap<String, String>;

/// Whom it is for: by number in the record, or a national or insurance number.
async fn person(
    house: &House,
    decision: &Decision,
    (asked, account): (&Asked, i64),
) -> Result<Option<(PersonRow, Subject, Option<Content>)>, Problem> {
    let wanted = asked.person.trim().parse::<i64>().ok();
    let (number, replaces) = (asked.number.trim().to_owned(), asked.replaces.clone());
    let found = house
        .read(decision.clone(), move |r| {
            let id = match wanted {
                Some(id) => Some(id),
                None if number.is_empty() => None,
                None => {
                    mach_people::by_exact_number(r, &number).map_err(|e| mach_store::Error::Files(e.to_string()))?
                }
            };
            let Some(id) = id else { return Ok::<_, Failure>(None) };
            let Some(subject) = case::subject(r, id, Day::today(), "")? else { return Ok(None) };
            let row = people::person(r, id)?.ok_or(mach_store::Error::Missing("a person"))?;
            let old = match crate::code::parse(&replaces) {
                Some(code) => case::load(r, &code)?.filter(|c| c.row.person == id && c.is_open_to(account)),
                None => None,
            };
            Ok(Some((row, subject, old.map(|c| c.content))))
        })
        .await?;
    let (id, outcome) = match &found {
        Some((row, ..)) => (Some(row.id), "granted"),
        None => (None, "failed"),
    };
    house.write(decision.clone(), move |tx| tx.audit(id, "to be prescribed for", outcome)).await?;
    Ok(found)
}

fn framed(session: &Session, banner: Option<PatientBanner>, parts: Vec<Html>) -> Html {
    let title = session.lang.t(msg::RX_NEW);
    let crumbs = vec![Crumb::link(session.lang.t(msg::RX), "/prescriptions"), Crumb::here(title)];
    let banner = banner.map(Html::from).unwrap_or_default();
    let meta = PageMeta { crumbs, banner, ..session.meta(title, "/prescriptions") };
    shell::page(&meta, stack([PageHead::new(title).into()].into_iter().chain(parts)))
}

fn ask(session: &Session, wrong: bool) -> Html {
    let lang = session.lang;
    let mut field =
        Field::new("number", lang.t(msg::RX_WHO), FieldKind::Text).hint(lang.t(msg::RX_WHO_HINT)).required();
    if wrong {
        field.error = Some(lang.t(msg::RX_WHO_WRONG).to_owned());
    }
    let button = Button::primary(lang.t(msg::RX_FIND)).icon(Icon::Search).into();
    let hidden = vec![("do", "find".to_owned())];
    let form = field_form(lang, "/prescriptions/new", ("", hidden), &[field], [button]);
    framed(session, None, vec![Card::new("", form).into()])
}

fn typed_of(old: &Content) -> Typed {
    let mut typed = Typed::new();
    let mut set = |name: &str, value: String| drop(typed.insert(name.to_owned(), value));
    set("kind", old.kind.clone());
    let codes: Vec<&str> = old.diagnoses.iter().map(|d| d.code.as_str()).filter(|c| !c.is_empty()).collect();
    set("icd", codes.join("; "));
    set("weight", old.weight.clone());
    set("companion", old.companion.clone());
    set("advice", old.advice.clone());
    set("course", if old.acute { "acute" } else { "long" }.to_owned());
    set("replaces", old.code.clone());
    for (n, item) in (1..).zip(&old.items) {
        let choice = Rules::shared().drug(&item.drug).map_or(item.drug.clone(), crate::rules::Drug::choice);
        set(&format!("drug-{n}"), choice);
        set(&format!("quantity-{n}"), written(item.quantity));
        set(&format!("days-{n}"), item.days.to_string());
        set(&format!("usage-{n}"), item.usage.clone());
    }
    typed
}

/// What is being put together: fields with what was typed and what is wrong.
struct Making<'a> {
    lang: Lang,
    typed: &'a Typed,
    found: &'a [Finding],
    all: Vec<Field>,
}

impl Making<'_> {
    fn value(&self, name: &str) -> String {
        self.typed.get(name).cloned().unwrap_or_default()
    }

    fn error(&self, name: &str) -> Option<String> {
        let wrong = self.found.iter().find(|f| f.field == name && f.forbids)?;
        Some(self.lang.pick(&wrong.text.0, &wrong.text.1).to_owned())
    }

    fn field(&mut self, field: Field) -> Html {
        let mut field = field;
        field.value = self.value(&field.name);
        field.error = self.error(&field.name);
        let html = field.html(self.lang);
        self.all.push(field);
        html
    }

    fn plain(&mut self, name: &str, label: Msg, kind: FieldKind) -> Html {
        self.field(Field::new(name, self.lang.t(label), kind))
    }

    fn drug(&mut self, name: &str) -> Html {
        let (lang, value, error) = (self.lang, self.value(name), self.error(name));
        let mut field = Field::new(name, lang.t(msg::RX_DRUG), FieldKind::Text);
        field.error.clone_from(&error);
        self.all.push(field);
        Html::template(&DrugField { lang, name, label: lang.t(msg::RX_DRUG), value: &value, error })
    }

    fn line(&mut self, n: usize) -> Group {
        let of = |name: &str| format!("{name}-{n}");
        Group {
            title: self.lang.fmt(msg::RX_LINE, &[("n", &n.to_string())]),
            fields: vec![
                self.drug(&of("drug")),
                self.plain(&of("quantity"), msg::RX_QUANTITY, FieldKind::Text),
                self.plain(&of("days"), msg::RX_DAYS, FieldKind::Digits),
                self.plain(&of("usage"), msg::RX_USAGE, FieldKind::Text),
            ],
        }
    }
}

fn shown(session: &Session, (row, subject): (&PersonRow, &Subject), typed: &Typed, found: &[Finding]) -> Html {
    let (lang, rules, today) = (session.lang, Rules::shared(), Day::today());
    let mut making = Making { lang, typed, found, all: Vec::new() };
    let t = |m| lang.t(m).to_owned();
    let kinds = rules.kinds(today).map(|k| (k.code.clone(), k.name.clone())).collect();
    let courses = vec![("long".to_owned(), t(msg::RX_LONG)), ("acute".to_owned(), t(msg::RX_ACUTE))];
    let icd = Field::new("icd", t(msg::RX_ICD), FieldKind::Text).hint(t(msg::RX_ICD_HINT)).required();
    let mut head = vec![
        making.field(Field::new("kind", t(msg::RX_KIND), FieldKind::Choice(kinds)).required()),
        making.field(Field::new("course", t(msg::RX_COURSE), FieldKind::Choice(courses)).required()),
        making.field(icd),
        making.plain("diagnosis", msg::RX_DIAGNOSIS, FieldKind::Text),
    ];
    if subject.months.is_some_and(|m| i64::from(m) < rules.child_months(today)) {
        head.push(making.field(Field::new("weight", t(msg::RX_WEIGHT), FieldKind::Text).required()));
        head.push(making.field(Field::new("companion", t(msg::RX_COMPANION), FieldKind::Text).required()));
    }
    let filled = (1..=MOST_LINES).filter(|n| !making.value(&format!("drug-{n}")).trim().is_empty()).max().unwrap_or(0);
    let mut groups = vec![Group { title: String::new(), fields: head }];
    for n in 1..=(filled + 1).clamp(LINES, MOST_LINES) {
        groups.push(making.line(n));
    }
    let mut advice = Field::new("advice", t(msg::RX_ADVICE), FieldKind::Lines);
    advice.max_chars = TEXT_CHARS;
    let foot = vec![making.field(advice), making.plain("again", msg::RX_AGAIN, FieldKind::Digits)];
    groups.push(Group { title: String::new(), fields: foot });
    let keep: Html = Button::primary(lang.t(msg::RX_KEEP)).icon(Icon::Check).into();
    let more: Html = Button::choosing(lang.t(msg::RX_MORE_LINES), "more").into();
    let form = WriteForm {
        action: "/prescriptions/new",
        errors: ErrorSummary::of(lang, &making.all).into(),
        hidden: vec![("person", row.id.to_string()), ("replaces", making.value("replaces"))],
        lead: lang.t(msg::RX_SAVE_LEAD),
        drugs: rules.drugs().iter().map(crate::rules::Drug::choice).collect(),
        groups,
        buttons: Html::concat([keep, more]),
    };
    let mut parts = Vec::new();
    if !making.value("replaces").is_empty() {
        let text = lang.fmt(msg::RX_REPLACES, &[("code", &making.value("replaces"))]);
        parts.push(Notice::new(lang, Tone::Info, text).into());
    }
    if !found.is_empty() {
        let notice = Notice::new(lang, Tone::Bad, lang.t(msg::RX_RULES));
        parts.push(Notice { more: findings(lang, found), ..notice }.into());
    }
    parts.push(Html::template(&form));
    framed(session, Some(banner(lang, row, &subject.allergies)), parts)
}

/// `GET /prescriptions/new?person=…&replaces=…`.
pub(crate) async fn page(
    State(house): State<House>,
    session: Session,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    let decision = house.decide(&session, Act::Prescribe).await?;
    if asked.person.is_empty() && asked.number.is_empty() {
        return Ok(ask(&session, false).into_response());
    }
    let Some((row, subject, old)) = person(&house, &decision, (&asked, session.actor.account)).await? else {
        return Ok((StatusCode::NOT_FOUND, ask(&session, true)).into_response());
    };
    let typed = old.as_ref().map(typed_of).unwrap_or_default();
    Ok(shown(&session, (&row, &subject), &typed, &[]).into_response())
}

/// What was typed that is no number, as findings beside the rules'.
fn wrong(field: String, message: Msg) -> Finding {
    let text = (Lang::Vi.t(message).to_owned(), Lang::En.t(message).to_owned());
    Finding { field, rule: "typed".to_owned(), text, forbids: true }
}

/// The diagnoses: codes parted by `;` or `,`, the doctor's own words with the first.
fn diagnoses(codes: &str, words: &str) -> Vec<Diagnosis> {
    let codes = codes.split([';', ',']).map(|c| c.trim().to_uppercase()).filter(|c| !c.is_empty()).take(12);
    let mut out: Vec<Diagnosis> = codes
        .map(|code| {
            let name = mach_terms::Icd10::shared().get(&code).map(|d| d.name_vi.to_string()).unwrap_or_default();
            Diagnosis { code: code.chars().take(12).collect(), name }
        })
        .collect();
    match out.first_mut() {
        Some(first) if first.name.is_empty() => words.clone_into(&mut first.name),
        Some(first) if !words.is_empty() && first.name != words => first.name = format!("{}; {words}", first.name),
        Some(_) => {}
        None if words.is_empty() => {}
        None => out.push(Diagnosis { code: String::new(), name: words.to_owned() }),
    }
    out
}

/// What was typed as a prescription, and what of it could not be read.
fn read(lang: Lang, person: i64, typed: &Typed) -> Result<(Content, Vec<Finding>), Problem> {
    let get = |name: &str| typed.get(name).map(|t| t.trim().to_owned()).unwrap_or_default();
    if typed.values().any(|t| t.chars().count() > TEXT_CHARS) {
        return Err(Problem::BadRequest(lang.fmt(msg::RX_LONG_TEXT, &[("n", &TEXT_CHARS.to_string())])));
    }
    let rules = Rules::shared();
    let (mut items, mut found) = (Vec::new(), Vec::new());
    for n in 1..=MOST_LINES {
        let [drug, quantity, days, usage] = ["drug", "quantity", "days", "usage"].map(|f| get(&format!("{f}-{n}")));
        if [&drug, &quantity, &days, &usage].iter().all(|t| t.is_empty()) {
            continue;
        }
        let Some(known) = rules.typed(&drug) else {
            found.push(wrong(format!("drug-{n}"), msg::RX_DRUG_UNKNOWN));
            continue;
        };
        let (amount, length) = (hundredths(&quantity), days.parse::<i64>().ok().filter(|d| (1..=1_000).contains(d)));
        if amount.is_none_or(|q| q == 0) {
            found.push(wrong(format!("quantity-{n}"), msg::RX_NUMBER_WRONG));
        }
        if length.is_none() {
            found.push(wrong(format!("days-{n}"), msg::RX_NUMBER_WRONG));
        }
        items.push(Item::of(known, amount.unwrap_or(0), length.unwrap_or(0), &usage));
    }
    let weight = get("weight");
    if !weight.is_empty() && hundredths(&weight).is_none() {
        found.push(wrong("weight".to_owned(), msg::RX_NUMBER_WRONG));
    }
    let again = get("again");
    let again_days = again.parse::<i64>().ok().filter(|d| (0..=365).contains(d));
    if !again.is_empty() && again_days.is_none() {
        found.push(wrong("again".to_owned(), msg::RX_NUMBER_WRONG));
    }
    // Toxic ones first, as the circular asks.
    items.sort_by_key(|i| rules.drug(&i.drug).map_or(1, |d| i32::from(d.kind == "c")));
    let content = Content {
        kind: get("kind"),
        person,
        diagnoses: diagnoses(&get("icd"), &get("diagnosis")),
        weight,
        companion: get("companion"),
        advice: get("advice"),
        again: again_days.unwrap_or(0),
        acute: get("course") == "acute",
        items,
        replaces: crate::code::parse(&get("replaces")).unwrap_or_default(),
        ..Content::default()
    };
    Ok((content, found))
}

/// `POST /prescriptions/new`.
pub(crate) async fn take(
    State(house): State<House>,
    session: Session,
    Form(typed): Form<Typed>,
) -> Result<Response, Problem> {
    let decision = house.decide(&session, Act::Prescribe).await?;
    let get = |name: &str| typed.get(name).cloned().unwrap_or_default();
    let asked = Asked { person: get("person"), number: get("number"), replaces: get("replaces") };
    let Some((row, subject, _)) = person(&house, &decision, (&asked, session.actor.account)).await? else {
        return Ok((StatusCode::BAD_REQUEST, ask(&session, true)).into_response());
    };
    if get("do") == "find" {
        return Ok(Redirect::to(&format!("/prescriptions/new?person={}", row.id)).into_response());
    }
    if get("do") == "more" {
        return Ok(shown(&session, (&row, &subject), &typed, &[]).into_response());
    }
    let facility = decision.scope().facility().ok_or(Problem::Forbidden)?;
    let (content, unread) = read(session.lang, row.id, &typed)?;
    let again = |found: &[Finding]| {
        let page = shown(&session, (&row, &subject), &typed, found);
        (StatusCode::BAD_REQUEST, page).into_response()
    };
    if !unread.is_empty() {
        return Ok(again(&unread));
    }
    let by = by(&session);
    match house.write(decision, move |tx| work::write(tx, facility, &by, content)).await? {
        Ok(code) => Ok(Redirect::to(&format!("/prescriptions/case/{code}")).into_response()),
        Err(No::Rules(found)) => Ok(again(&found)),
        Err(no) => Err(refusal(session.lang, &no)),
    }
}
