//! `GET /admin/facilities/{code}`: a facility; its end, its codes, its last change taken back.

use crate::check::is_gln;
use crate::keep::{self, Last, No};
use crate::list::state_of;
use crate::read::{self, Code, Facility, code_systems};
use crate::sheet::{FACILITY, Holds, SHEETS, day, shown};
use crate::view::{HOME, by, card, into, meta, value};
use axum::extract::{Form, Path, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use mach_base::Day;
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

fn codes(lang: Lang, facility: &Facility) -> Html {
    let shown_day = |d: &str| shown(lang, Holds::Day, d);
    let row = |c: &Code| {
        let to = if c.to.is_empty() { lang.t(msg::ORG_IN_FORCE).to_owned() } else { shown_day(&c.to) };
        Row::new([c.value.clone(), system_name(lang, &c.system).to_owned(), shown_day(&c.from), to])
    };
    let columns =
        [msg::ORG_VALUE, msg::ORG_CODE_KIND, msg::ORG_FROM_DAY, msg::ORG_TO_DAY].map(|c| Column::text(lang.t(c)));
    let table = Table::new(lang, lang.t(msg::ORG_CODES), columns.into()).rows(facility.codes.iter().map(row).collect());
    let systems = code_systems().map(|(name, uri)| (name.to_owned(), system_name(lang, uri).to_owned())).into();
    let fields = [
        Field::new("system", lang.t(msg::ORG_CODE_KIND), FieldKind::Choice(systems)),
        Field::new("value", lang.t(msg::ORG_NEW_CODE), FieldKind::Text).required(),
        Field::new("from", lang.t(msg::ORG_FROM_DAY), FieldKind::Date).required(),
    ];
    let action = format!("{HOME}/{}/recode", facility.code);
    let button = Button::submit(lang.t(msg::ORG_RECODE)).into();
    let form = field_form(lang, action, (lang.t(msg::ORG_RECODE_LEAD), Vec::new()), &fields, [button]);
    let body = Html::concat([Table { caption_hidden: true, ..table.stack() }.into(), form]);
    let mut card = Card::new(lang.t(msg::ORG_CODES), body);
    card.id = "codes".to_owned();
    card.into()
}

fn closing(lang: Lang, facility: &Facility) -> Html {
    let fields = [
        Field::new("last", lang.t(msg::ORG_LAST_DAY), FieldKind::Date).required(),
        Field::new("successor", lang.t(msg::ORG_SUCCESSOR), FieldKind::Text).hint(lang.t(msg::ORG_SUCCESSOR_HINT)),
    ];
    let action = format!("{HOME}/{}/close", facility.code);
    let button = Button { danger: true, ..Button::submit(lang.t(msg::ORG_CLOSE)) };
    let form = field_form(lang, action, (lang.t(msg::ORG_CLOSE_LEAD), Vec::new()), &fields, [button.into()]);
    Card::new(lang.t(msg::ORG_CLOSE), form).into()
}

fn undoing(lang: Lang, code: &str, last: &Last) -> Html {
    let when = format::date_time(mach_base::Minute::of_seconds(last.at));
    let text =
        lang.fmt(msg::ORG_LAST_CHANGE, &[("what", &what(lang, &last.what)), ("who", &last.who), ("when", &when)]);
    let undo =
        PostForm::new(lang, format!("{HOME}/{code}/undo"), Button::submit(lang.t(msg::ORG_UNDO)).icon(Icon::Undo));
    let undo = undo.sure(lang.t(msg::ORG_UNDO_SURE));
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

/// `GET /admin/facilities/{code}`.
pub(crate) async fn page(
    State(house): State<House>,
    session: Session,
    Path(code): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Html, Closed> {
    let decision = into(&house, &session, &code, false).await?;
    let lang = session.lang;
    let wanted = code.clone();
    let found = house
        .read(decision.clone(), move |r| {
            let scope = r.scope();
            let found = read::facility(r, scope, &wanted)?.filter(|f| !f.draft.facility("kind").is_empty());
            Ok::<_, Failure>((found, keep::last(r, &wanted)?))
        })
        .await?;
    let target = format!("facility {code}");
    house.write(decision, move |tx| tx.audit(None, &target, "granted")).await?;
    let (Some(facility), last) = found else { return Ok(register_page(&session, &code)?) };
    let title = facility.draft.facility("name").to_owned();
    let done = match asked.done.as_str() {
        "made" => Some((Tone::Good, msg::ORG_MADE)),
        "changed" => Some((Tone::Good, msg::ORG_CHANGED)),
        "undone" => Some((Tone::Good, msg::ORG_UNDONE)),
        "conflict" => Some((Tone::Bad, msg::ORG_CHANGED_MEANWHILE)),
        _ => None,
    };
    let export = Button::link(lang.t(msg::ORG_EXPORT), format!("{HOME}/{code}/facility.xlsx")).icon(Icon::Download);
    let edit = |n: usize| {
        let to = format!("{HOME}/{code}/edit/{}", SHEETS[n].key);
        vec![Html::from(Button::link(lang.t(msg::ORG_EDIT), to))]
    };
    let mut parts = vec![Html::from(PageHead::new(title.as_str()).actions([state_of(lang, &facility), export.into()]))];
    parts.extend(done.map(|(tone, text)| Html::from(Notice::new(lang, tone, lang.t(text)))));
    parts.extend(last.as_ref().map(|l| undoing(lang, &code, l)));
    parts.push(about(lang, &facility));
    parts.extend((1..SHEETS.len()).map(|n| card(lang, n, &facility.draft, false, edit(n))));
    parts.push(codes(lang, &facility));
    if facility.until.is_none() {
        parts.push(closing(lang, &facility));
    } else {
        parts.push(line(lang.t(msg::ORG_REOPEN_LEAD)));
    }
    Ok(shell::page(&meta(&session, &title, Vec::new()), stack(parts)))
}

/// `POST /admin/facilities/{code}/{act}`.
pub(crate) async fn act(
    State(house): State<House>,
    session: Session,
    Path((code, act)): Path<(String, String)>,
    Form(fields): Form<Vec<(String, String)>>,
) -> Result<Response, Closed> {
    let decision = into(&house, &session, &code, true).await?;
    let (lang, who, key) = (session.lang, by(&session), code.clone());
    let refused = |text| Problem::BadRequest(lang.t(text).to_owned());
    let done = match act.as_str() {
        "undo" => {
            let undone = house.write(decision, move |tx| {
                let done = keep::undo(tx, &key, &who)?;
                let scope = tx.scope();
                Ok((done, read::facility(tx, scope, &key)?.is_some()))
            });
            match undone.await? {
                // It was its making that was taken back.
                (Ok(()), false) => return Ok(Redirect::to(&format!("{HOME}?done=undone")).into_response()),
                (done, _) => done,
            }
        }
        "close" => {
            let last = day(value(&fields, "last")).ok_or_else(|| refused(msg::ORG_WRONG_DAY))?;
            let successor = value(&fields, "successor").trim().to_uppercase();
            let is_code = successor.len() == 5 && successor.bytes().all(|b| b.is_ascii_alphanumeric());
            if !successor.is_empty() && (!is_code || successor == code) {
                return Err(refused(msg::ORG_SUCCESSOR_HINT).into());
            }
            house.write(decision, move |tx| keep::close(tx, &key, last, &successor, &who)).await?
        }
        "recode" => {
            let wanted = value(&fields, "system");
            let system = code_systems().into_iter().find(|(name, _)| *name == wanted).ok_or(Problem::NotFound)?;
            let from = day(value(&fields, "from")).ok_or_else(|| refused(msg::ORG_WRONG_DAY))?;
            let new = value(&fields, "value").trim().to_uppercase();
            let fits = match system.0 {
                "facility" => new.len() == 5 && new.bytes().all(|b| b.is_ascii_alphanumeric()),
                _ => is_gln(&new),
            };
            if !fits {
                let text = if system.0 == "facility" { msg::ORG_CODE_HINT } else { msg::ORG_WRONG_GLN };
                return Err(refused(text).into());
            }
            house.write(decision, move |tx| keep::recode(tx, &key, system.1, &new, from, &who)).await?
        }
        _ => return Err(Problem::NotFound.into()),
    };
    let done = match done {
        Ok(()) if act == "undo" => "undone",
        Ok(()) => "changed",
        Err(No::Changed) => "conflict",
        Err(_) => return Err(Problem::NotFound.into()),
    };
    Ok(Redirect::to(&format!("{HOME}/{code}?done={done}")).into_response())
}
