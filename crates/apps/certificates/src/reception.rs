//! Reception: the card is scanned, the class chosen, and the person is in the queue.

use crate::card::{self, Card};
use crate::rules;
use crate::view::told;
use crate::work::{self, Arrival};
use axum::extract::{Form, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use mach_access::Act;
use mach_base::Day;
use mach_house::{House, Session};
use mach_ui::components::{Button, Card as Panel, Field, FieldKind, Icon, Notice, PageHead, Tone, field_form, stack};
use mach_ui::http::Problem;
use mach_ui::shell::{Crumb, PageMeta};
use mach_ui::{Html, Lang, msg, shell};
use serde::Deserialize;

/// The youngest who may drive anything a certificate is for (A1 is from 18; mopeds, from 16, need none).
const YOUNGEST: i32 = 16;

/// What was typed.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Typed {
    #[serde(default)]
    qr: String,
    #[serde(default)]
    number: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    born: String,
    #[serde(default)]
    sex: String,
    #[serde(default)]
    address: String,
    #[serde(default)]
    phone: String,
    #[serde(default)]
    class: String,
    #[serde(default, rename = "do")]
    wanted: String,
}

impl Typed {
    /// With what the card says in the place of what was typed.
    fn with(self, card: Card) -> Self {
        Self {
            qr: String::new(),
            number: card.number,
            name: card.name,
            born: card.born.map_or_else(|| card.year.to_string(), |d| d.to_string()),
            sex: card.sex.to_string(),
            address: card.address,
            ..self
        }
    }
}

type Errors = Vec<(&'static str, String)>;

/// What was typed, as somebody who came.
///
/// # Errors
/// What is wrong, by field.
pub(crate) fn arrival(lang: Lang, typed: &TypedArrival<'_>) -> Result<Arrival, Errors> {
    let mut errors = Errors::new();
    let mut wrong = |field, message| errors.push((field, lang.t(message).to_owned()));
    let number: String = typed.number.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_uppercase();
    let digits = number.bytes().all(|b| b.is_ascii_digit());
    let passport = number.bytes().all(|b| b.is_ascii_alphanumeric()) && !digits && (6..=15).contains(&number.len());
    let national = digits && matches!(number.len(), 9 | 12);
    if !national && !passport {
        wrong("number", msg::GKSK_ID_WRONG);
    }
    let name = typed.name.split_whitespace().collect::<Vec<_>>().join(" ");
    if name.is_empty() || name.chars().count() > mach_base::limits::NAME_CHARS || name.chars().any(char::is_control) {
        wrong("name", msg::GKSK_NAME_WRONG);
    }
    let today = Day::today();
    let born = mach_forms::fields::date(typed.born.trim()).and_then(|d| Day::parse_iso(&d)).filter(|d| *d < today);
    match born {
        None => wrong("born", msg::GKSK_BORN_WRONG),
        Some(born) => {
            let ((y, m, d), (by, bm, bd)) = (today.ymd(), born.ymd());
            if y - by - i32::from((m, d) < (bm, bd)) < YOUNGEST {
                wrong("born", msg::GKSK_AGE_WRONG);
            }
        }
    }
    let sex = typed.sex.parse().ok().filter(|s| (1..=3).contains(s));
    if sex.is_none() {
        wrong("sex", msg::FORM_NO_CHOICE);
    }
    if rules::class(typed.class, today).is_none() {
        wrong("class", msg::GKSK_CLASS_WRONG);
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    Ok(Arrival {
        number,
        name,
        born,
        sex: sex.unwrap_or(0),
        address: typed.address.chars().take(mach_base::limits::NAME_CHARS).collect(),
        phone: typed.phone.chars().filter(|c| c.is_ascii_digit() || *c == '+').take(20).collect(),
        class: typed.class.to_owned(),
    })
}

/// The particulars of somebody who came, as typed or as another program sends them.
pub(crate) struct TypedArrival<'a> {
    pub(crate) number: &'a str,
    pub(crate) name: &'a str,
    pub(crate) born: &'a str,
    pub(crate) sex: &'a str,
    pub(crate) address: &'a str,
    pub(crate) phone: &'a str,
    pub(crate) class: &'a str,
}

fn fields(lang: Lang, typed: &Typed, errors: &Errors) -> Vec<Field> {
    let sexes = [("", msg::FORM_CHOOSE), ("1", msg::SEX_MALE), ("2", msg::SEX_FEMALE), ("3", msg::SEX_OTHER)];
    let sexes = sexes.map(|(v, w)| (v.to_owned(), lang.t(w).to_owned())).into();
    let mut classes = vec![(String::new(), lang.t(msg::FORM_CHOOSE).to_owned())];
    classes.extend(rules::classes(Day::today()).map(|c| (c.code.clone(), c.code.clone())));
    let mut number = Field::new("number", lang.t(msg::GKSK_ID), FieldKind::Text).value(&typed.number).required();
    let year = typed.born.get(..4).and_then(|y| y.parse().ok()).unwrap_or(0);
    if card::is_odd(&typed.number, year, typed.sex.parse().unwrap_or(0)) {
        number = number.hint(lang.t(msg::GKSK_ID_ODD));
    }
    let born_kind =
        if Day::parse_iso(&typed.born).is_some() || typed.born.is_empty() { FieldKind::Date } else { FieldKind::Text };
    let mut all = vec![
        number,
        Field::new("name", lang.t(msg::GKSK_NAME), FieldKind::Text).value(&typed.name).required(),
        Field::new("born", lang.t(msg::GKSK_BORN), born_kind).value(&typed.born).required(),
        Field::new("sex", lang.t(msg::GKSK_SEX), FieldKind::Choice(sexes)).value(&typed.sex).required(),
        Field::new("address", lang.t(msg::GKSK_ADDRESS), FieldKind::Text).value(&typed.address),
        Field::new("phone", lang.t(msg::GKSK_PHONE), FieldKind::Digits).value(&typed.phone),
        Field::new("class", lang.t(msg::GKSK_CLASS), FieldKind::Choice(classes)).value(&typed.class).required(),
    ];
    told(&mut all, errors);
    all
}

fn shown(session: &Session, typed: &Typed, errors: &Errors, notice: Option<(Tone, mach_ui::Msg)>) -> Html {
    let lang = session.lang;
    let title = lang.t(msg::GKSK_NEW);
    let mut scan = Field::new("qr", lang.t(msg::GKSK_SCAN), FieldKind::Text).hint(lang.t(msg::GKSK_SCAN_HINT));
    scan.max_chars = 1_000;
    scan.autofocus = typed.number.is_empty();
    let kept = vec![("class", typed.class.clone()), ("phone", typed.phone.clone())];
    let read = Button::choosing(lang.t(msg::GKSK_SCAN_READ), "read").icon(Icon::Person).into();
    let scan = field_form(lang, "/certificates/new", ("", kept), &[scan], [read]);
    let receive = Button::choosing(lang.t(msg::GKSK_RECEIVE), "receive").icon(Icon::Check).as_primary().into();
    let by_hand = field_form(lang, "/certificates/new", ("", Vec::new()), &fields(lang, typed, errors), [receive]);
    let notice = notice.map(|(tone, text)| Notice::new(lang, tone, lang.t(text)).into());
    let parts = [
        Some(PageHead::new(title).into()),
        notice,
        Some(Panel::new("", scan).into()),
        Some(Panel::new(lang.t(msg::GKSK_PERSON), by_hand).into()),
    ];
    let crumbs = vec![Crumb::link(lang.t(msg::GKSK), "/certificates"), Crumb::here(title)];
    let meta = PageMeta { crumbs, ..session.meta(title, "/certificates") };
    shell::page(&meta, stack(parts.into_iter().flatten()))
}

/// `GET /certificates/new`.
pub(crate) async fn page(State(house): State<House>, session: Session) -> Result<Html, Problem> {
    house.decide(&session, Act::Certify).await?;
    Ok(shown(&session, &Typed::default(), &Errors::new(), None))
}

/// `POST /certificates/new`: a scanned card fills the fields in; the second press receives.
pub(crate) async fn receive(
    State(house): State<House>,
    session: Session,
    Form(typed): Form<Typed>,
) -> Result<Response, Problem> {
    let decision = house.decide(&session, Act::Certify).await?;
    let lang = session.lang;
    if typed.wanted != "receive" {
        let bad = |typed: &Typed| {
            let page = shown(&session, typed, &Errors::new(), Some((Tone::Bad, msg::GKSK_SCAN_WRONG)));
            (StatusCode::BAD_REQUEST, page).into_response()
        };
        return Ok(match card::read(&typed.qr) {
            Some(card) => shown(&session, &typed.with(card), &Errors::new(), Some((Tone::Good, msg::GKSK_SCAN_GOOD)))
                .into_response(),
            None => bad(&typed),
        });
    }
    let t = &typed;
    let asked = TypedArrival {
        number: &t.number,
        name: &t.name,
        born: &t.born,
        sex: &t.sex,
        address: &t.address,
        phone: &t.phone,
        class: &t.class,
    };
    let arrival = match arrival(lang, &asked) {
        Ok(arrival) => arrival,
        Err(errors) => return Ok((StatusCode::BAD_REQUEST, shown(&session, &typed, &errors, None)).into_response()),
    };
    let facility = decision.scope().facility().ok_or(Problem::Forbidden)?;
    let row = house.write(decision, move |tx| work::open(tx, facility, &arrival)).await?;
    Ok(Redirect::to(&format!("/certificates/case/{}", row.code)).into_response())
}
