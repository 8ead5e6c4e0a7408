//! `GET /hoc/claims`: the claims that a number counts, each with what it adds; together they are the number.

use crate::asked::Params;
use crate::error::HocError;
use crate::export::{Export, Field, Format, Sheet};
use crate::figures;
use crate::indicators::breakdown::denominator_money;
use crate::lens::{Address, Lens};
use crate::overview::diagnoses::{chapter_name, diagnosis_name};
use crate::overview::money::PAYERS;
use crate::parts::{self, Pairs, line, link};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use mach_access::{Act, Actor, decide};
use mach_base::decimal::Fixed;
use mach_base::{Day, limits};
use mach_cube::{Cube, Cursor, Denominator, FactRow, Form, Side, code_item};
use mach_house::{House, Session, facility_name};
use mach_store::claims_list::{self, ClaimRow};
use mach_store::{Reader, schema};
use mach_ui::components::{Card, Cell, Column, PageHead, Pager, Row, Segment, Table};
use mach_ui::http::Problem;
use mach_ui::shell::Crumb;
use mach_ui::{Html, Lang, format, msg};

/// What a list is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Of {
    /// One side of an indicator's number.
    Indicator {
        /// Its id.
        id: String,
        /// Whether the denominator is listed.
        denominator: bool,
    },
    /// One item of a list: a diagnosis, a chapter, a cause of death, a payer.
    Item {
        /// The measure.
        measure: &'static str,
        /// The item as addresses write it.
        item: String,
    },
}

/// The measures whose items can be listed.
const MEASURES: [&str; 4] = ["cases", "chapter", "death_causes", "money"];

impl Of {
    fn read(params: &Params) -> Result<Self, HocError> {
        if let Some(measure) = params.get("measure") {
            let known = MEASURES.into_iter().find(|m| *m == measure);
            let takes = "cases, chapter, death_causes, money";
            let measure = known.ok_or_else(|| HocError::parameter("measure", measure, takes))?;
            return Ok(Self::Item { measure, item: params.get("item").unwrap_or_default().to_owned() });
        }
        let id = params.get("indicator").unwrap_or_default().to_owned();
        Cube::shared().definitions().indicator(&id, Day::today())?;
        let denominator = match params.get("side") {
            None | Some("num") => false,
            Some("den") => true,
            Some(other) => return Err(HocError::parameter("side", other, "num, den")),
        };
        Ok(Self::Indicator { id, denominator })
    }

    fn item(measure: &str, item: &str) -> Result<i64, HocError> {
        let wrong = || HocError::parameter("item", item, "a code of three characters, or a number");
        match measure {
            "cases" | "death_causes" if (1..=7).contains(&item.chars().count()) => Ok(code_item(item, 3)),
            "cases" | "death_causes" => Err(wrong()),
            _ => item.parse().map_err(|_| wrong()),
        }
    }
}

/// The list of a number's claims: one page of it.
#[derive(Clone, Debug, Default)]
pub struct List {
    /// The page.
    pub rows: Vec<ListRow>,
    /// Rows of the whole list.
    pub count: i64,
    /// Sum of what they add: the number that was opened.
    pub sum: i64,
    /// Whether that is money, in hundredths of a đồng.
    pub money: bool,
    /// Where the next page begins.
    pub next: Option<Cursor>,
    /// Sums of numerator and denominator, where both are lists of claims.
    pub sides: Option<(i64, i64)>,
}

/// One row.
#[derive(Clone, Debug)]
pub struct ListRow {
    /// What the claim adds.
    pub fact: FactRow,
    /// The claim.
    pub claim: Option<ClaimRow>,
    /// The facility's code.
    pub facility: String,
}

/// Finds the list of `of` through `lens`; none where nothing was counted.
fn side(on: &mut Reader, lens: &Lens, of: &Of) -> Result<Option<(Side, List)>, HocError> {
    let cube = Cube::shared();
    match of {
        Of::Item { measure, item } => {
            let side = cube.top_drill(on, measure, Some(Of::item(measure, item)?), &lens.question(""))?;
            Ok(Some((side, List { money: *measure == "money", ..List::default() })))
        }
        Of::Indicator { id, denominator } => {
            let indicator = cube.definitions().indicator(id, lens.days.1)?;
            let listed = matches!(indicator.denominator, Denominator::Parts(_)) || indicator.form == Form::Change;
            let below =
                || HocError::parameter("side", "den", "num: the denominator of this indicator is no sum of claims");
            if *denominator && !listed {
                return Err(below());
            }
            let Some(drill) = cube.drill(on, &lens.question(id), lens.days, None)? else { return Ok(None) };
            let sides = drill.denominator.as_ref().map(|_| (drill.row.numerator, drill.row.denominator.unwrap_or(0)));
            let (side, money) = match denominator {
                true => (drill.denominator.ok_or_else(below)?, denominator_money(indicator)),
                false => (drill.numerator, figures::is_money(cube.definitions(), &indicator.numerator)),
            };
            Ok(Some((side, List { money, sides, ..List::default() })))
        }
    }
}

/// Reads one page of the list of `of` through `lens`.
pub fn read(on: &mut Reader, lens: &Lens, of: &Of, after: Option<Cursor>) -> Result<List, HocError> {
    let Some((side, mut list)) = side(on, lens, of)? else { return Ok(List::default()) };
    (list.count, list.sum) = side.totals(on)?;
    let facts = side.page(on, after, limits::PAGE_ROWS)?;
    if let Some(last) = facts.last().filter(|_| facts.len() == limits::PAGE_ROWS).map(FactRow::cursor)
        && !side.page(on, Some(last), 1)?.is_empty()
    {
        list.next = Some(last);
    }
    list.rows = rows(on, facts)?;
    Ok(list)
}

fn rows(on: &mut Reader, facts: Vec<FactRow>) -> Result<Vec<ListRow>, HocError> {
    let ids: Vec<(i64, i64)> = facts.iter().map(|f| (f.facility, f.claim)).collect();
    let mut claims = claims_list::by_ids(on, &ids)?.into_iter().peekable();
    let mut out: Vec<ListRow> = Vec::with_capacity(facts.len());
    for fact in facts {
        // Claims come in the order of the facts; one without a claim is left out there and stays here.
        let claim = claims.next_if(|c| c.id == fact.claim);
        let facility = match &claim {
            Some(claim) => claim.facility.clone(),
            None => schema::facility_code(on, fact.facility)?.unwrap_or_default(),
        };
        out.push(ListRow { fact, claim, facility });
    }
    Ok(out)
}

/// `20454.3.17.1.0`: where a page ended, for an address.
fn cursor_text(Cursor(parts): Cursor) -> String {
    parts.map(|p| p.to_string()).join(".")
}

fn cursor(params: &Params) -> Result<Option<Cursor>, HocError> {
    let Some(text) = params.get("after") else { return Ok(None) };
    let parts: Option<Vec<i64>> = text.split('.').map(|p| p.parse().ok()).collect();
    let parts = parts.and_then(|p| <[i64; 5]>::try_from(p).ok());
    parts.map(|p| Some(Cursor(p))).ok_or_else(|| HocError::parameter("after", text, "the address of a next page"))
}

/// `GET /hoc/claims?indicator=&side=num|den&measure=&item=&from=&to=&facility=&department=&commune=&district=&province=&as_of=&after=&format=`.
pub async fn page(State(house): State<House>, session: Session, pairs: Pairs) -> Result<Response, Problem> {
    let lang = session.lang;
    let (decision, (lens, of, list, after, export)) = parts::read(&house, &session, pairs, move |on, params| {
        let of = Of::read(params)?;
        let (lens, after) = (Lens::read(on, params)?, cursor(params)?);
        let format = Format::asked(params)?;
        let export = format.map(|f| Ok::<_, HocError>((f, export(on, lang, &lens, &of)?))).transpose()?;
        let list = if export.is_some() { List::default() } else { read(on, &lens, &of, after)? };
        Ok((lens, of, list, after, export))
    })
    .await?;
    let here = address(&lens, &of);
    if let Some((format, export)) = export {
        let what = here.to_string();
        house.write(decision, move |tx| tx.audit(None, &format!("export {what}"), "granted")).await?;
        return export.respond(format).map_err(|e| e.problem(lang));
    }
    let title = title(lang, &lens, &of);
    let lead = format!("{} · {}", lens.subject(), parts::span(lens.days));
    let head = PageHead::new(title.clone()).lead(lead).actions(parts::exports(lang, &here));
    let up = match &of {
        Of::Indicator { id, .. } => lens.to(&format!("/hoc/indicators/{id}")),
        Of::Item { .. } => lens.to("/hoc/diseases"),
    };
    let crumbs = vec![
        Crumb::link(lang.t(msg::NAV_OVERVIEW), lens.to("/hoc")),
        Crumb::link(title.clone(), up),
        Crumb::here(lang.t(msg::HOC_CLAIMS)),
    ];
    let parts = vec![
        head.into(),
        sides(lang, &here, &of, &list),
        Card::new("", Html::concat([summary(lang, &list), table(lang, &session.actor, &list).into()])).into(),
        pager(lang, &here, &list, after).into(),
    ];
    Ok(parts::page(&session, &title, "/hoc/indicators", crumbs, parts).into_response())
}

/// The address of the first page.
fn address(lens: &Lens, of: &Of) -> Address {
    match of {
        Of::Indicator { id, denominator } => {
            let here = lens.claims(id, lens.days);
            if *denominator { here.with("side", "den") } else { here }
        }
        Of::Item { measure, item } => lens.items(measure, item),
    }
}

fn title(lang: Lang, lens: &Lens, of: &Of) -> String {
    match of {
        Of::Indicator { id, .. } => Cube::shared()
            .definitions()
            .indicator(id, lens.days.1)
            .map_or_else(|_| id.clone(), |i| figures::name(lang, i).to_owned()),
        Of::Item { measure: "chapter", item } => chapter_name(lang, item.parse().unwrap_or(0)),
        Of::Item { measure: "money", item } => {
            let payer = PAYERS.iter().find(|(n, _)| n.to_string() == *item);
            lang.t(payer.map_or(msg::PAYERS, |(_, label)| *label)).to_owned()
        }
        Of::Item { measure: "death_causes", item } => {
            format!("{}: {}", lang.t(msg::HOC_DEATH_CAUSES), diagnosis_name(lang, item))
        }
        Of::Item { item, .. } => diagnosis_name(lang, item),
    }
}

/// Both sides of a ratio, one of them on.
fn sides(lang: Lang, here: &Address, of: &Of, list: &List) -> Html {
    let (Of::Indicator { denominator, .. }, Some((above, below))) = (of, list.sides) else { return Html::EMPTY };
    let label = |m: mach_ui::Msg, n: i64| format!("{} {}", lang.t(m), format::integer(lang, n));
    let money = list.money;
    let whole = |n: i64| if money { Fixed::<2>(n).rounded() } else { n };
    Segment::new(lang.t(msg::DRILL))
        .item(label(msg::HOC_NUMERATOR, whole(above)), here.clone().without("side"), !denominator)
        .item(label(msg::HOC_DENOMINATOR, whole(below)), here.clone().with("side", "den"), *denominator)
        .into()
}

fn summary(lang: Lang, list: &List) -> Html {
    let (count, sum) = (format::integer(lang, list.count), figures::sum(lang, list.sum, list.money));
    line("lead", lang.fmt(msg::HOC_CLAIMS_SUM, &[("count", &count), ("sum", &sum)]))
}

fn table(lang: Lang, actor: &Actor, list: &List) -> Table {
    let may = (decide(actor, Act::ReadClaims).is_ok(), decide(actor, Act::ReadRecord).is_ok());
    let mut columns = vec![
        Column::text(lang.t(msg::CLAIM)),
        Column::text(lang.t(msg::DATE)),
        Column::text(lang.t(msg::FACILITY)),
        Column::text(lang.t(msg::DIAGNOSIS)),
        Column::number(lang.t(msg::HOC_ADDS)),
        Column::number(lang.t(msg::CLAIM_TOTAL)),
    ];
    if may.1 {
        columns.push(Column::text(lang.t(msg::PERSON)));
    }
    let rows = list.rows.iter().map(|r| row(lang, may, list.money, r)).collect();
    Table::new(lang, lang.t(msg::HOC_CLAIMS), columns)
        .rows(rows)
        .empty(line("muted", lang.t(msg::NOT_COUNTED)))
        .walk()
        .stack()
}

fn row(lang: Lang, (claims, records): (bool, bool), money: bool, r: &ListRow) -> Row {
    let known = r.claim.as_ref();
    let name = match known {
        Some(c) if c.keyed => c.link.as_str(),
        _ => lang.t(msg::CLAIM_UNREADABLE),
    };
    let name = match claims {
        true => link("claim-row", name, format!("/claims/{}", r.fact.claim)),
        false => Html::text(name),
    };
    let diagnosis = known.map_or("", |c| &c.main_dx);
    let said = mach_terms::Icd10::shared().get(diagnosis).map_or("", |d| lang.pick(&*d.name_vi, &*d.name_en));
    let mut cells = vec![
        Cell(name),
        r.fact.day.vi().into(),
        Cell::two(&facility_name(&r.facility), &r.facility),
        Cell::two(diagnosis, said),
        figures::sum(lang, r.fact.value, money).into(),
        known.map_or_else(|| "—".into(), |c| Cell::from(format::money(lang, Fixed(c.cost)))),
    ];
    if records {
        cells.push(match known.and_then(|c| c.person) {
            Some(person) => Cell::link(lang.t(msg::OPEN_RECORD), &format!("/people/{person}")),
            None => "—".into(),
        });
    }
    Row::new(cells)
}

fn pager(lang: Lang, here: &Address, list: &List, after: Option<Cursor>) -> Pager {
    Pager {
        lang,
        previous: after.map(|_| here.to_string()),
        next: list.next.map(|c| here.clone().with("after", cursor_text(c)).to_string()),
        shown: lang.fmt(msg::ROWS_SHOWN, &[("count", &format::integer(lang, list.rows.len() as i64))]),
    }
}

/// The whole list, up to the limit of an export.
fn export(on: &mut Reader, lang: Lang, lens: &Lens, of: &Of) -> Result<Export, HocError> {
    let columns =
        [msg::CODE, msg::CLAIM_LINK_ID, msg::DATE, msg::FACILITY, msg::DIAGNOSIS, msg::HOC_ADDS, msg::CLAIM_TOTAL];
    let mut sheet =
        Sheet { title: title(lang, lens, of), columns: columns.map(|c| lang.t(c).to_owned()).into(), rows: Vec::new() };
    let found = side(on, lens, of)?;
    let mut after = None;
    while let Some((side, list)) = &found {
        let facts = side.page(on, after, limits::PAGE_ROWS)?;
        after = facts.last().map(FactRow::cursor);
        let more = facts.len() == limits::PAGE_ROWS && sheet.rows.len() + facts.len() < limits::EXPORT_ROWS;
        sheet.rows.extend(rows(on, facts)?.iter().map(|r| fields(r, list.money)));
        if !more {
            break;
        }
    }
    Ok(Export { name: format!("claims-{}-{}", lens.days.0, lens.days.1), sheets: vec![sheet] })
}

fn fields(r: &ListRow, money: bool) -> Vec<Field> {
    let known = r.claim.as_ref();
    let adds = mach_base::Decimal { units: r.fact.value, scale: if money { 2 } else { 0 } };
    let cost = known.map(|c| mach_base::Decimal { units: c.cost, scale: 2 });
    vec![
        r.fact.claim.to_string().into(),
        known.filter(|c| c.keyed).map(|c| c.link.clone()).into(),
        r.fact.day.to_string().into(),
        r.facility.as_str().into(),
        known.map(|c| c.main_dx.clone()).into(),
        adds.into(),
        cost.into(),
    ]
}
