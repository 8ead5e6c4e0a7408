//! One claim: what it says, what the rules found, every version of it.

use super::list::{diagnosis, kind, state_chip, when};
use super::page;
use super::send::place;
use crate::commit;
use crate::export;
use crate::prepare::Bench;
use axum::extract::{Path, Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Redirect, Response};
use mach_access::{Act, decide};
use mach_base::decimal::{Fixed, Quantity};
use mach_base::{Day, Decimal, Minute};
use mach_claims::dossier::{Dossier, LineTable};
use mach_claims::read::Item;
use mach_house::{Failure, House, Session};
use mach_store::claims::{self, Version};
use mach_store::claims_list::{self, ClaimRow};
use mach_ui::components::{
    Button, Card, Cell, Column, Definitions, Empty, Icon, Notice, PageHead, PostForm, Row, Severity, Table, Tone, chip,
    severity_chip,
};
use mach_ui::http::Problem;
use mach_ui::{Html, Lang, format, msg};
use serde::Deserialize;
use serde_json::Value;

/// Lines shown on the page; a claim with more says so and offers its file.
const LINES_SHOWN: usize = 500;

struct View {
    row: ClaimRow,
    versions: Vec<Version>,
    findings: Vec<Value>,
    dossier: Option<Dossier>,
}

/// What a claim's page is asked with.
#[derive(Deserialize)]
pub struct Asked {
    rechecked: Option<String>,
}

/// `GET /claims/{id}`.
pub async fn claim(
    State(house): State<House>,
    session: Session,
    Path(id): Path<i64>,
    Query(asked): Query<Asked>,
) -> Result<Html, Problem> {
    let decision = house.decide(&session, Act::ReadClaims).await?;
    let facility = decision.scope().facility();
    let view = house.read(decision.clone(), move |reader| view(reader, facility, id)).await?;
    let person = view.row.person;
    house.write(decision, move |tx| tx.audit(person, &format!("claim {id}"), "granted")).await?;
    let lang = session.lang;
    let mut parts = vec![head(&session, &view).into()];
    if asked.rechecked.is_some() {
        let status = lang.fmt(msg::RECHECK_DONE, &[("status", state_word(lang, &view.row))]);
        parts.push(Notice::new(lang, Tone::Info, status).into());
    }
    parts.push(summary(lang, &view).into());
    if !view.findings.is_empty() {
        parts.push(findings(&session, &view).into());
    }
    if let Some(dossier) = &view.dossier {
        parts.extend(body(lang, dossier));
    }
    parts.push(history(lang, &view).into());
    Ok(page(&session, &view.row.link, "/claims", parts))
}

fn view(reader: &mut mach_store::Reader, facility: Option<i64>, id: i64) -> Result<View, Failure> {
    let row = claims_list::by_id(reader, facility, id)?.ok_or(Failure(Problem::NotFound))?;
    let versions = claims::versions(reader, row.facility_id, id)?;
    let newest = versions.first().ok_or(Failure(Problem::NotFound))?;
    let (_, text) = claims::source_and_findings(reader, newest.place)?;
    let findings = serde_json::from_str(&text).map_err(|e| Failure(Problem::internal(e)))?;
    let shown = row.accepted.unwrap_or(row.version);
    let dossier =
        export::source(reader, row.facility_id, id, shown)?.and_then(|s| s.claim()).and_then(|item| match item {
            Item::Claim(raw) => mach_claims::convert::to_dossier(&raw).ok(),
            _ => None,
        });
    Ok(View { row, versions, findings, dossier })
}

fn state_word(lang: Lang, row: &ClaimRow) -> &'static str {
    use mach_store::claims::State as S;
    lang.t(match row.state {
        S::Accepted => msg::CLAIM_ACCEPTED,
        S::Refused => msg::CLAIM_REFUSED,
        S::Disputed => msg::CLAIM_DISPUTED,
        S::Withdrawn => msg::CLAIM_WITHDRAWN,
    })
}

fn head(session: &Session, view: &View) -> PageHead {
    let lang = session.lang;
    let row = &view.row;
    let mut actions: Vec<Html> = vec![state_chip(lang, row.state)];
    if let Some(person) = row.person.filter(|_| decide(&session.actor, Act::ReadRecord).is_ok()) {
        let record = Button::link(lang.t(msg::OPEN_RECORD), format!("/people/{person}")).icon(Icon::Person);
        actions.push(record.as_primary().into());
    }
    let facility = mach_house::facility_name(&row.facility);
    let title = if row.keyed { row.link.as_str() } else { lang.t(msg::CLAIM_UNREADABLE) };
    PageHead::new(format!("{} {title}", lang.t(msg::CLAIM)))
        .lead(format!("{facility} · {}", row.facility))
        .actions(actions)
}

fn summary(lang: Lang, view: &View) -> Card {
    let row = &view.row;
    let minute = |m: Option<i64>| m.map_or_else(|| "—".to_owned(), |m| Minute(m).vi());
    let day = |d: Option<i64>| d.and_then(|d| i32::try_from(d).ok()).map_or_else(|| "—".to_owned(), |d| Day(d).vi());
    let mut items: Vec<(String, Html)> = vec![
        (lang.t(msg::CLAIM_KIND).to_owned(), kind(lang, &row.kind).into()),
        (lang.t(msg::CLAIM_ARRIVED).to_owned(), minute(row.arrived).into()),
        (lang.t(msg::CLAIM_LEFT).to_owned(), day(row.left_day).into()),
        (lang.t(msg::DIAGNOSIS).to_owned(), format!("{} {}", row.main_dx, diagnosis(lang, &row.main_dx)).into()),
        (lang.t(msg::CLAIM_TOTAL).to_owned(), format::money(lang, Fixed(row.cost)).into()),
        (lang.t(msg::CLAIM_INSURER_PAYS).to_owned(), format::money(lang, Fixed(row.insurer)).into()),
        (lang.t(msg::CLAIM_LAYOUT).to_owned(), row.layout.clone().into()),
    ];
    if let Some(d) = &view.dossier {
        items.insert(0, (lang.t(msg::PERSON_NAME).to_owned(), d.person.name.clone().into()));
        for (label, amount) in [
            (msg::PAYER_COPAYMENT, d.totals.copay),
            (msg::PAYER_PATIENT, d.totals.patient),
            (msg::PAYER_OTHER, d.totals.other),
        ] {
            items.push((lang.t(label).to_owned(), format::money(lang, amount).into()));
        }
    }
    Card::new(lang.t(msg::CLAIM_VISIT), Definitions { rows: items })
}

fn findings(session: &Session, view: &View) -> Card {
    let lang = session.lang;
    let (says, hint) = lang.pick(("message_vi", "hint_vi"), ("message_en", "hint_en"));
    let columns = [msg::FINDING_SAYS, msg::SEVERITY, msg::FINDING_WHERE, msg::FINDING_DO, msg::FINDING_RULE];
    let columns = columns.map(|m| Column::text(lang.t(m))).into();
    let text = |f: &Value, key: &str| f[key].as_str().unwrap_or_default().to_owned();
    let rows = view
        .findings
        .iter()
        .map(|f| {
            let grave = if f["severity"] == "refuse" { Severity::Refuse } else { Severity::Warn };
            let table = f["table"].as_str().and_then(|t| t.strip_prefix("XML")).and_then(|t| t.parse().ok());
            let line = f["line"].as_u64().and_then(|l| u32::try_from(l).ok());
            Row::new([
                Cell::from(text(f, says)),
                Cell(severity_chip(lang, grave)),
                Cell::two(&text(f, "tag"), &place(lang, table, line)),
                Cell::from(text(f, hint)),
                Cell::from(text(f, "rule")),
            ])
        })
        .collect();
    let table = Table::new(lang, lang.t(msg::FINDINGS), columns).rows(rows).stack();
    let mut actions: Vec<Html> = Vec::new();
    if decide(&session.actor, Act::SendClaims).is_ok() && view.row.refusals > 0 {
        let button = Button::submit(lang.t(msg::RECHECK));
        actions.push(PostForm::new(lang, format!("/claims/{}/recheck", view.row.id), button).into());
    }
    Card::new(lang.t(msg::FINDINGS), table).actions(actions)
}

fn body(lang: Lang, d: &Dossier) -> Vec<Html> {
    let names =
        [msg::LINE_NAME, msg::LINE_CODE, msg::LINE_QUANTITY, msg::LINE_PRICE, msg::LINE_COST, msg::PAYER_INSURER];
    let columns: Vec<Column> = names
        .iter()
        .enumerate()
        .map(|(i, m)| if i < 2 { Column::text(lang.t(*m)) } else { Column::number(lang.t(*m)) })
        .collect();
    let lines = |table: LineTable, title| {
        let rows: Vec<Row> = d
            .lines
            .iter()
            .filter(|l| l.table == table)
            .take(LINES_SHOWN)
            .map(|l| {
                let under = [l.strength.as_str(), l.dose.as_str()].join(" ");
                Row::new([
                    Cell::two(&l.name, under.trim()),
                    Cell::from(l.code.clone()),
                    Cell::two(&thousandths(lang, l.quantity), &l.unit),
                    Cell::from(thousandths(lang, l.price)),
                    Cell::from(format::money(lang, l.cost)),
                    Cell::from(format::money(lang, l.insurer)),
                ])
            })
            .collect();
        let table = Table::new(lang, lang.t(title), columns.clone()).rows(rows).stack();
        Card::new(lang.t(title), table.empty(Empty::new(Icon::Info, lang.t(msg::NONE_HERE), ""))).into()
    };
    let mut cards: Vec<Html> =
        vec![lines(LineTable::Drug, msg::CLAIM_DRUGS), lines(LineTable::Service, msg::CLAIM_SERVICES)];
    if !d.results.is_empty() {
        let columns = [msg::LINE_NAME, msg::RESULT_VALUE, msg::RESULT_CONCLUSION, msg::RESULT_AT];
        let rows = d.results.iter().take(LINES_SHOWN).map(|r| {
            Row::new([
                Cell::two(&r.name, &r.code),
                Cell::from(format!("{} {}", r.value, r.unit).trim().to_owned()),
                Cell::from(r.conclusion.clone()),
                Cell::from(r.at.map(Minute::vi).unwrap_or_default()),
            ])
        });
        let columns = columns.map(|m| Column::text(lang.t(m))).into();
        let table = Table::new(lang, lang.t(msg::CLAIM_RESULTS), columns).rows(rows.collect()).stack();
        cards.push(Card::new(lang.t(msg::CLAIM_RESULTS), table).into());
    }
    cards
}

/// A quantity or unit price in the reader's way of writing numbers.
fn thousandths(lang: Lang, value: Quantity) -> String {
    format::number(lang, Decimal { units: value.0, scale: 3 }.trimmed())
}

fn history(lang: Lang, view: &View) -> Card {
    let columns =
        [msg::CLAIM_VERSION, msg::STATUS, msg::CLAIM_RECEIVED_AT, msg::CLAIM_FILE, msg::FINDINGS, msg::CLAIM_SOURCE];
    let rows = view
        .versions
        .iter()
        .map(|v| {
            let state = match (v.accepted, view.row.accepted == Some(v.version)) {
                (true, true) => chip(Tone::Good, lang.t(msg::CLAIM_CURRENT)),
                (true, false) => chip(Tone::Plain, lang.t(msg::CLAIM_REPLACED)),
                (false, _) => chip(Tone::Bad, lang.t(msg::CLAIM_REFUSED)),
            };
            let name = v.file.rsplit('/').next().unwrap_or(&v.file);
            Row::new([
                Cell::from(v.version.to_string()),
                Cell(state),
                Cell::from(when(v.at)),
                Cell::two(name, &format!("#{}", v.position)),
                Cell::from(format::integer(lang, v.findings)),
                Cell::link("XML", &format!("/claims/{}/versions/{}", view.row.id, v.version)),
            ])
        })
        .collect();
    let columns = columns.map(|m| Column::text(lang.t(m))).into();
    Card::new(lang.t(msg::CLAIM_HISTORY), Table::new(lang, lang.t(msg::CLAIM_HISTORY), columns).rows(rows).stack())
}

/// `POST /claims/{id}/recheck`: the latest version again, with today's rules and lists.
pub async fn recheck(State(house): State<House>, session: Session, Path(id): Path<i64>) -> Result<Redirect, Problem> {
    let decision = house.decide(&session, Act::SendClaims).await?;
    let facility = decision.scope().facility();
    let lang = session.lang;
    let cannot = move || Failure(Problem::Conflict(lang.t(msg::RECHECK_CANNOT).to_owned()));
    let prepared = house
        .read(decision.clone(), move |reader| {
            let row = claims_list::by_id(reader, facility, id)?.ok_or(Failure(Problem::NotFound))?;
            let source = export::source(reader, row.facility_id, id, row.version)?.ok_or(Failure(Problem::NotFound))?;
            match source.claim() {
                Some(Item::Claim(raw)) => Ok(Bench::shared().claim(&raw)),
                _ => Err(cannot()),
            }
        })
        .await?;
    house
        .write(decision, move |tx| {
            let file = tx.receive_file(&format!("recheck of claim {id}"), 0, tx.scope().facility())?;
            let outcome = commit::again(tx, file, prepared)?;
            tx.add_file_totals(file, commit::totals(outcome.outcome), "", true)?;
            tx.audit(None, &format!("claim {id} recheck"), "granted")
        })
        .await?;
    Ok(Redirect::to(&format!("/claims/{id}?rechecked=1")))
}

/// `GET /claims/{id}/versions/{version}`: the version as a claim file, as it was received.
pub async fn download(
    State(house): State<House>,
    session: Session,
    Path((id, version)): Path<(i64, i64)>,
) -> Result<Response, Problem> {
    let decision = house.decide(&session, Act::ReadClaims).await?;
    let facility = decision.scope().facility();
    let xml = house
        .read(decision.clone(), move |reader| {
            let row = claims_list::by_id(reader, facility, id)?.ok_or(Failure(Problem::NotFound))?;
            let source = export::source(reader, row.facility_id, id, version)?.ok_or(Failure(Problem::NotFound))?;
            Ok::<_, Failure>(source.envelope())
        })
        .await?;
    house.write(decision, move |tx| tx.audit(None, &format!("claim {id} version {version}"), "granted")).await?;
    let headers = [
        (header::CONTENT_TYPE, "application/xml; charset=utf-8".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"claim-{id}-{version}.xml\"")),
    ];
    Ok((headers, xml).into_response())
}
