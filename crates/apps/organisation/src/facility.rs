//! `GET /admin/facilities/{code}`: a facility; its end, its codes, its last change taken back.

use crate::acts::{self, Last};
use crate::check::{Flaw, is_gln};
use crate::keep::{By, No};
use crate::list::state_of;
use crate::read::{self, Code, Facility, code_systems};
use crate::register;
use crate::sheet::{FACILITY, Holds, SHEETS, day, shown};
use crate::view::{HOME, by, card, into, meta, value};
use axum::extract::{Form, Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use mach_base::Day;
use mach_base::text::is_facility_code;
use mach_house::admin::Closed;
use mach_house::{Failure, House, Session};
use mach_places::Places;
use mach_terms::Facilities;
use mach_ui::components::{
    Button, Card, Cell, Column, Definitions, Field, FieldKind, Icon, Layout, Notice, PageHead, PostForm, Row, Table,
    Tone, field_form, laid_out, line, muted, stack,
};
use mach_ui::http::Problem;
use mach_ui::{Html, Lang, format, msg, shell};
use serde::Deserialize;

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    done: String,
}

/// What its commune was and became, by day.
fn places(lang: Lang, code: &str) -> Vec<(String, Html)> {
    let places = Places::shared();
    let Some(unit) = places.get(code, Day::today()) else { return Vec::new() };
    let province = places.province_of(unit, Day::today()).map(|p| p.full_name()).unwrap_or_default();
    let since = lang.fmt(msg::ORG_PLACE_SINCE, &[("day", &unit.valid_from.vi())]);
    let mut rows = vec![(
        lang.t(msg::ORG_COMMUNE).to_owned(),
        Html::text(&format!("{}, {province} ({code}) · {since}", unit.full_name())),
    )];
    let before: Vec<String> = places
        .predecessors(unit.key)
        .iter()
        .filter_map(|s| places.unit(s.old))
        .map(|u| format!("{} ({})", u.full_name(), u.code))
        .collect();
    if !before.is_empty() {
        rows.push((lang.t(msg::ORG_PLACE_BEFORE).to_owned(), Html::text(&before.join("; "))));
    }
    rows
}

fn system_name(lang: Lang, system: &str) -> &'static str {
    match code_systems().iter().position(|(_, uri)| *uri == system) {
        Some(0) => lang.t(msg::ORG_CODE),
        Some(_) => lang.t(msg::ORG_GLN),
        None => lang.t(msg::ORG_OTHER_CODE),
    }
}

/// What was posted of a form here, and what is wrong with it: field and text.
#[derive(Default)]
struct Posted {
    act: String,
    fields: Vec<(String, String)>,
    errors: Vec<(&'static str, String)>,
}

impl Posted {
    /// A field of the form of `act`, as it was filled in.
    fn filled(&self, act: &str, field: Field) -> Field {
        if self.act != act {
            return field;
        }
        let was = value(&self.fields, &field.name).to_owned();
        let typed = field.value(was);
        typed.told(&self.errors)
    }
}

fn recode_fields(lang: Lang, posted: &Posted) -> Vec<Field> {
    let systems = code_systems().map(|(name, uri)| (name.to_owned(), system_name(lang, uri).to_owned())).into();
    let fields = [
        Field::new("system", lang.t(msg::ORG_CODE_KIND), FieldKind::Choice(systems)).to_choose(lang),
        Field::new("value", lang.t(msg::ORG_NEW_CODE), FieldKind::Text).required(),
        Field::new("from", lang.t(msg::ORG_FROM_DAY), FieldKind::Date).required(),
    ];
    fields.into_iter().map(|f| posted.filled("recode", f)).collect()
}

/// The way to the proof, in the place of a form that needs one: what is typed into it would come too early.
fn to_prove(session: &Session, code: &str, text: mach_ui::Msg) -> Html {
    let here = format!("{HOME}/{code}");
    let to = format!("/prove?next={}", format::query_value(&here));
    Html::concat([line(session.lang.t(msg::ORG_PROVE_FIRST)), Button::link(session.lang.t(text), to).into()])
}

fn codes(session: &Session, facility: &Facility, asked: &Posted) -> Html {
    let lang = session.lang;
    let shown_day = |d: &str| shown(lang, Holds::Day, d);
    let row = |c: &Code| {
        let to = if c.to.is_empty() { lang.t(msg::ORG_IN_FORCE).to_owned() } else { shown_day(&c.to) };
        Row::new([c.value.clone(), system_name(lang, &c.system).to_owned(), shown_day(&c.from), to])
    };
    let columns =
        [msg::ORG_VALUE, msg::ORG_CODE_KIND, msg::ORG_FROM_DAY, msg::ORG_TO_DAY].map(|c| Column::text(lang.t(c)));
    let table = Table::new(lang, lang.t(msg::ORG_CODES), columns.into()).rows(facility.codes.iter().map(row).collect());
    let fields = recode_fields(lang, asked);
    let action = format!("{HOME}/{}/recode", facility.code);
    let button = Button::submit(lang.t(msg::ORG_RECODE)).into();
    let form = match session.is_proven() {
        Ok(()) => field_form(lang, action, (lang.t(msg::ORG_RECODE_LEAD), Vec::new()), &fields, [button]),
        Err(_) => to_prove(session, &facility.code, msg::ORG_RECODE),
    };
    let body = Html::concat([Table { caption_hidden: true, ..table.stack() }.into(), form]);
    let mut card = Card::new(lang.t(msg::ORG_CODES), body);
    card.id = "codes".to_owned();
    card.into()
}

fn closing(session: &Session, facility: &Facility, posted: &Posted) -> Html {
    let lang = session.lang;
    let fields = [
        Field::new("last", lang.t(msg::ORG_LAST_DAY), FieldKind::Date).required(),
        Field::new("successor", lang.t(msg::ORG_SUCCESSOR), FieldKind::Text).hint(lang.t(msg::ORG_SUCCESSOR_HINT)),
    ];
    let fields = fields.map(|f| posted.filled("close", f));
    let action = format!("{HOME}/{}/close", facility.code);
    let button = Button { danger: true, ..Button::submit(lang.t(msg::ORG_CLOSE)) };
    let form = match session.is_proven() {
        Ok(()) => field_form(lang, action, (lang.t(msg::ORG_CLOSE_LEAD), Vec::new()), &fields, [button.into()]),
        Err(_) => to_prove(session, &facility.code, msg::ORG_CLOSE),
    };
    Card::new(lang.t(msg::ORG_CLOSE), form).into()
}

fn undoing(lang: Lang, code: &str, last: &Last, by: &By) -> Html {
    let when = format::date_time(mach_base::Minute::of_seconds(last.at));
    let text =
        lang.fmt(msg::ORG_LAST_CHANGE, &[("what", &what(lang, &last.what)), ("who", &last.who), ("when", &when)]);
    if !last.may_be_undone_by(by) {
        return muted(&text);
    }
    let undo =
        PostForm::new(lang, format!("{HOME}/{code}/undo"), Button::submit(lang.t(msg::ORG_UNDO)).icon(Icon::Undo));
    let undo = undo.with("seen", &*last.mark).sure(lang.t(msg::ORG_UNDO_SURE));
    laid_out(Layout::Row, [muted(&text), undo.into()])
}

/// A kept word for what was done, in the reader's language.
fn what(lang: Lang, kept: &str) -> String {
    if let Some(sheet) = kept.strip_prefix("changed: ").and_then(crate::sheet::number) {
        return lang.fmt(msg::ORG_DID_CHANGE, &[("what", lang.t(SHEETS[sheet].label))]);
    }
    let known = match kept {
        "made" => msg::ORG_DID_MAKE,
        "ended" => msg::ORG_DID_CLOSE,
        "another code" => msg::ORG_DID_RECODE,
        _ => msg::ORG_DID_UNDO,
    };
    lang.t(known).to_owned()
}

fn about(lang: Lang, facility: &Facility) -> Html {
    let get = |key: &str, holds| shown(lang, holds, facility.draft.facility(key));
    let mut all = Definitions::default()
        .row(lang.t(msg::ORG_KIND), Html::text(&get("kind", Holds::Kind)))
        .row(lang.t(msg::ORG_ADDRESS), Html::text(&get("address", Holds::Text)))
        .row(lang.t(msg::ORG_PHONE), Html::text(&get("phone", Holds::Text)))
        .row(lang.t(msg::ORG_FROM), Html::text(&get("from", Holds::Day)));
    all.rows.extend(places(lang, facility.draft.facility("commune")));
    if !facility.successor.is_empty() {
        let link = Cell::link(&facility.successor, &format!("{HOME}/{}", facility.successor)).0;
        all = all.row(lang.t(msg::ORG_SUCCESSOR), link);
    }
    let edit = Button::link(lang.t(msg::ORG_EDIT), format!("{HOME}/{}/edit/facility", facility.code));
    Card::new(lang.t(SHEETS[FACILITY].label), all).actions([edit.into()]).into()
}

/// A facility of the register that is not set up here.
fn register_page(session: &Session, code: &str) -> Result<Html, Problem> {
    let lang = session.lang;
    let known = Facilities::shared().by_code(code, Day::today()).ok_or(Problem::NotFound)?;
    let beds = if known.beds == 0 { String::new() } else { known.beds.to_string() };
    let mut all = Definitions::default()
        .row(lang.t(msg::ORG_CODE), Html::text(code))
        .row(lang.t(msg::ORG_KIND), Html::text(known.kind.name_vi()))
        .row(lang.t(msg::ORG_BEDS), Html::text(&beds));
    all.rows.extend(places(lang, known.commune(Day::today())));
    let parts = [
        Html::from(PageHead::new(known.name.as_str())),
        Notice::new(lang, Tone::Info, lang.t(msg::ORG_REGISTER_ONLY)).into(),
        Card::new(lang.t(SHEETS[FACILITY].label), all).into(),
    ];
    Ok(shell::page(&meta(session, &known.name, Vec::new()), stack(parts)))
}

/// What is shown of a facility.
struct Seen {
    facility: Option<Facility>,
    last: Option<Last>,
    /// The code under which it is kept, where it is asked for by another.
    elsewhere: Option<String>,
}

async fn seen(house: &House, decision: mach_access::Decision, code: &str) -> Result<Seen, Problem> {
    let wanted = code.to_owned();
    house
        .read(decision, move |r| {
            let scope = r.scope();
            let facility = read::facility(r, scope, &wanted)?.filter(|f| !f.draft.facility("kind").is_empty());
            let elsewhere = if facility.is_none() { read::kept_under(r, &wanted)? } else { None };
            Ok::<_, Failure>(Seen { facility, last: acts::last(r, &wanted)?, elsewhere })
        })
        .await
}

/// `GET /admin/facilities/{code}`.
pub(crate) async fn page(
    State(house): State<House>,
    session: Session,
    Path(code): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Closed> {
    let decision = into(&house, &session, &code, false).await?;
    let seen = seen(&house, decision.clone(), &code).await?;
    let target = format!("facility {code}");
    house.write(decision, move |tx| tx.audit(None, &target, "granted")).await?;
    if let Some(kept) = seen.elsewhere {
        return Ok(Redirect::to(&format!("{HOME}/{kept}")).into_response());
    }
    let Some(facility) = seen.facility else { return Ok(register_page(&session, &code)?.into_response()) };
    let done = match asked.done.as_str() {
        "made" => Some((Tone::Good, msg::ORG_MADE)),
        "changed" => Some((Tone::Good, msg::ORG_CHANGED)),
        "undone" => Some((Tone::Good, msg::ORG_UNDONE)),
        "conflict" => Some((Tone::Bad, msg::ORG_CHANGED_MEANWHILE)),
        _ => None,
    };
    Ok(shown_whole(&session, &facility, seen.last.as_ref(), done, &Posted::default()).into_response())
}

fn shown_whole(
    session: &Session,
    facility: &Facility,
    last: Option<&Last>,
    done: Option<(Tone, mach_ui::Msg)>,
    posted: &Posted,
) -> Html {
    let (lang, code) = (session.lang, facility.code.as_str());
    let title = facility.draft.facility("name").to_owned();
    let export = Button::link(lang.t(msg::ORG_EXPORT), format!("{HOME}/{code}/facility.xlsx")).icon(Icon::Download);
    let edit = |n: usize| {
        let to = format!("{HOME}/{code}/edit/{}", SHEETS[n].key);
        vec![Html::from(Button::link(lang.t(msg::ORG_EDIT), to))]
    };
    let mut parts = vec![Html::from(PageHead::new(title.as_str()).actions([state_of(lang, facility), export.into()]))];
    parts.extend(done.map(|(tone, text)| Html::from(Notice::new(lang, tone, lang.t(text)))));
    parts.extend(last.map(|l| undoing(lang, code, l, &by(session))));
    parts.push(about(lang, facility));
    parts.extend((1..SHEETS.len()).map(|n| card(lang, n, &facility.draft, false, edit(n))));
    parts.push(codes(session, facility, posted));
    if facility.until.is_none() {
        parts.push(closing(session, facility, posted));
    } else {
        parts.push(line(lang.t(msg::ORG_REOPEN_LEAD)));
    }
    shell::page(&meta(session, &title, Vec::new()), stack(parts))
}

/// `POST /admin/facilities/{code}/{act}`.
pub(crate) async fn act(
    State(house): State<House>,
    session: Session,
    Path((code, act)): Path<(String, String)>,
    Form(fields): Form<Vec<(String, String)>>,
) -> Result<Response, Closed> {
    let decision = into(&house, &session, &code, true).await?;
    let (who, key) = (by(&session), code.clone());
    let done = match act.as_str() {
        "undo" => {
            let mark = value(&fields, "seen").to_owned();
            let undone = house.write(decision.clone(), move |tx| {
                let done = acts::undo(tx, &key, &mark, &who)?;
                let scope = tx.scope();
                Ok((done, read::facility(tx, scope, &key)?.is_some()))
            });
            match undone.await? {
                // It was its making that was taken back.
                (Ok(()), false) => {
                    register::refresh(&house).await?;
                    return Ok(Redirect::to(&format!("{HOME}?done=undone")).into_response());
                }
                (done, _) => done,
            }
        }
        "close" => match day(value(&fields, "last")) {
            None => Err(wrong_day(&session, "last")),
            Some(last) => {
                let successor = value(&fields, "successor").trim().to_uppercase();
                house.write(decision.clone(), move |tx| acts::close(tx, &key, last, &successor, &who)).await?
            }
        },
        "recode" => recode(&house, &session, decision.clone(), &code, &fields).await?,
        _ => return Err(Problem::NotFound.into()),
    };
    register::refresh(&house).await?;
    let done = match done {
        Ok(()) if act == "undo" => "undone",
        Ok(()) => "changed",
        Err(No::Changed) => "conflict",
        Err(No::Above) => return Err(Problem::Forbidden.into()),
        Err(No::Flaws(flaws)) => {
            let seen = seen(&house, decision, &code).await?;
            let facility = seen.facility.ok_or(Problem::NotFound)?;
            let errors = flaws.into_iter().map(|f| (f.col, f.text)).collect();
            let page = shown_whole(&session, &facility, seen.last.as_ref(), None, &Posted { act, fields, errors });
            return Ok((StatusCode::BAD_REQUEST, page).into_response());
        }
        Err(No::Unknown) => return Err(Problem::NotFound.into()),
    };
    Ok(Redirect::to(&format!("{HOME}/{code}?done={done}")).into_response())
}

fn wrong(session: &Session, col: &'static str, text: mach_ui::Msg) -> No {
    No::Flaws(vec![Flaw { sheet: FACILITY, row: 0, col, text: session.lang.t(text).to_owned() }])
}

fn wrong_day(session: &Session, col: &'static str) -> No {
    wrong(session, col, msg::ORG_WRONG_DAY)
}

async fn recode(
    house: &House,
    session: &Session,
    decision: mach_access::Decision,
    code: &str,
    fields: &[(String, String)],
) -> Result<Result<(), No>, Problem> {
    let wanted = value(fields, "system");
    let Some(system) = code_systems().into_iter().find(|(name, _)| *name == wanted) else {
        return Ok(Err(wrong(session, "system", msg::FIELD_CHOOSE)));
    };
    let Some(from) = day(value(fields, "from")) else { return Ok(Err(wrong_day(session, "from"))) };
    let new = value(fields, "value").trim().to_uppercase();
    let (fits, text) = match system.0 {
        "facility" => (is_facility_code(&new), msg::ORG_CODE_HINT),
        _ => (is_gln(&new), msg::ORG_WRONG_GLN),
    };
    if !fits {
        return Ok(Err(wrong(session, "value", text)));
    }
    let (key, who) = (code.to_owned(), by(session));
    house.write(decision, move |tx| acts::recode(tx, &key, system.1, &new, from, &who)).await
}
