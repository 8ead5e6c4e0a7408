//! `GET /api/indicators`: the definitions, and the numbers of the pages for other programs.

use crate::asked::{Params, unit};
use crate::error::HocError;
use crate::figures;
use crate::indicators::breakdown::denominator_money;
use crate::indicators::list::current;
use crate::lens::newest;
use crate::parts::{self, Pairs};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use mach_base::{Day, Grain};
use mach_cube::{AnswerRow, By, Cube, Direction, Indicator, Question};
use mach_house::{House, Session};
use mach_store::Reader;
use mach_ui::http::Problem;
use serde::Serialize;
use serde_json::value::RawValue;

/// Parameters of `GET /api/indicators/{id}`.
const KNOWN: [&str; 7] = ["from", "to", "period", "by", "as_of", "facility", "lang"];
/// Months answered where neither `from` nor `to` is given.
const MONTHS: i32 = 12;

/// A definition as the API gives it.
#[derive(Debug, Serialize)]
struct Defined<'a> {
    id: &'a str,
    version: u32,
    group: &'a str,
    name_vi: &'a str,
    name_en: &'a str,
    formula_vi: &'a str,
    formula_en: &'a str,
    source: &'a str,
    unit: &'a str,
    direction: &'static str,
    period: Vec<&'static str>,
    owner: &'a str,
    basis: &'a str,
    not_by: &'a [String],
    decimals: u32,
    valid_from: String,
    valid_to: Option<String>,
}

impl<'a> From<&'a Indicator> for Defined<'a> {
    fn from(i: &'a Indicator) -> Self {
        Self {
            id: &i.id,
            version: i.version,
            group: &i.group,
            name_vi: &i.name_vi,
            name_en: &i.name_en,
            formula_vi: &i.formula_vi,
            formula_en: &i.formula_en,
            source: &i.source,
            unit: &i.unit,
            direction: match i.direction {
                Direction::UpGood => "up_good",
                Direction::DownGood => "down_good",
                Direction::Neutral => "neutral",
            },
            period: i.period.iter().map(|g| g.code()).collect(),
            owner: &i.owner,
            basis: &i.basis,
            not_by: &i.not_by,
            decimals: i.decimals,
            valid_from: i.valid_from.to_string(),
            valid_to: i.valid_to.map(|d| d.to_string()),
        }
    }
}

/// `GET /api/indicators`: `{"indicators": [definition, …]}`, the version in force of each.
pub async fn list(State(house): State<House>, session: Session, pairs: Pairs) -> Result<Response, Problem> {
    parts::read(&house, &session, pairs, |_, params| params.only(&["lang"])).await?;
    let all: Vec<Defined<'_>> = current().map(Defined::from).collect();
    Ok(Json(serde_json::json!({ "indicators": all })).into_response())
}

/// An answer as the API gives it.
#[derive(Debug, Serialize)]
pub struct Given {
    /// Id of the indicator.
    pub indicator: String,
    /// Its unit.
    pub unit: String,
    /// Length of the periods.
    pub period: &'static str,
    /// What the rows are split by.
    pub by: &'static str,
    /// Whose hierarchy the places are of.
    pub as_of: String,
    /// The rows, by period, then place; none for what was not counted.
    pub rows: Vec<GivenRow>,
}

/// One number. Money is in đồng.
#[derive(Debug, Serialize)]
pub struct GivenRow {
    /// `2025-03`.
    pub period: String,
    /// Code of the facility, department or place; empty where it cannot be told; none where nothing is split.
    pub place: Option<String>,
    /// The value, at most four decimals.
    pub value: Box<RawValue>,
    /// What was counted.
    pub numerator: Box<RawValue>,
    /// What it was divided by.
    pub denominator: Option<Box<RawValue>>,
}

/// The exact digits as a JSON number.
fn raw(digits: String) -> Result<Box<RawValue>, HocError> {
    RawValue::from_string(digits).map_err(|e| HocError::Export(e.to_string()))
}

/// The question that `params` ask about `id`: its days default to the newest twelve months.
pub fn question(on: &mut Reader, id: &str, params: &Params) -> Result<Question, HocError> {
    params.only(&KNOWN)?;
    Cube::shared().definitions().indicator(id, Day::today())?;
    let unit = unit(on, params.get("facility"))?;
    let by = params.get("by").unwrap_or("none");
    let takes = "none, facility, department, commune, district, province";
    let by = By::parse(by).ok_or_else(|| HocError::parameter("by", by, takes))?;
    let (from, to) = (day_or_month(params, "from")?, day_or_month(params, "to")?);
    let newest = newest(on)?.unwrap_or_else(Day::today).end_of(Grain::Month);
    let to = to.map_or_else(|| from.map_or(newest, |(_, end)| end.max(newest)), |(_, end)| end);
    let from = from.map_or_else(|| to.step(Grain::Month, 1 - MONTHS), |(start, _)| start);
    Ok(Question {
        period: params.period()?,
        by,
        as_of: params.day("as_of")?,
        facility: unit.map(|u| u.number),
        ..Question::new(id, from, to)
    })
}

fn day_or_month(params: &Params, name: &'static str) -> Result<Option<(Day, Day)>, HocError> {
    let takes = "2025-03-31 or 2025-03";
    let text = params.get(name).unwrap_or_default();
    let span = params.span(name).map_err(|_| HocError::parameter(name, text, takes))?;
    // A quarter or a year is no bound here: which of its days would be meant is not said.
    match span {
        Some(_) if !matches!(text.len(), 7 | 10) || text.contains('Q') => Err(HocError::parameter(name, text, takes)),
        span => Ok(span),
    }
}

/// Answers `question`.
pub fn answer(on: &mut Reader, question: &Question) -> Result<Given, HocError> {
    let cube = Cube::shared();
    let answer = cube.answer(on, question)?;
    let indicator = cube.definitions().indicator(&question.indicator, question.to)?;
    let money = (figures::is_money(cube.definitions(), &indicator.numerator), denominator_money(indicator));
    let row = |r: AnswerRow| -> Result<GivenRow, HocError> {
        Ok(GivenRow {
            value: raw(r.value.to_string())?,
            numerator: raw(figures::plain_sum(r.numerator, money.0))?,
            denominator: r.denominator.map(|d| raw(figures::plain_sum(d, money.1))).transpose()?,
            period: r.period,
            place: r.place,
        })
    };
    Ok(Given {
        indicator: answer.indicator,
        unit: answer.unit,
        period: question.period.code(),
        by: question.by.code(),
        as_of: answer.as_of.to_string(),
        rows: answer.rows.into_iter().map(row).collect::<Result<_, _>>()?,
    })
}

/// `GET /api/indicators/{id}?from=&to=&period=&by=&as_of=&facility=`; CSV where `Accept` asks for it.
pub async fn one(
    State(house): State<House>,
    session: Session,
    Path(id): Path<String>,
    headers: HeaderMap,
    pairs: Pairs,
) -> Result<Response, Problem> {
    let lang = session.lang;
    let (_, given) = parts::read(&house, &session, pairs, move |on, params| {
        let question = question(on, &id, params)?;
        answer(on, &question)
    })
    .await?;
    let accepts = headers.get(header::ACCEPT).and_then(|v| v.to_str().ok()).unwrap_or_default();
    if accepts.contains("text/csv") {
        let text = given.csv().map_err(|e| e.problem(lang))?;
        return Ok(([(header::CONTENT_TYPE, "text/csv; charset=utf-8")], text).into_response());
    }
    Ok(Json(given).into_response())
}

impl Given {
    /// `period,place,value,numerator,denominator`.
    pub fn csv(&self) -> Result<Vec<u8>, HocError> {
        let mut out = csv::Writer::from_writer(Vec::new());
        out.write_record(["period", "place", "value", "numerator", "denominator"])?;
        for r in &self.rows {
            let place = r.place.as_deref().unwrap_or_default();
            let below = r.denominator.as_ref().map_or("", |d| d.get());
            let place = crate::export::harmless(place);
            out.write_record([r.period.as_str(), place.as_ref(), r.value.get(), r.numerator.get(), below])?;
        }
        out.into_inner().map_err(|e| HocError::Export(e.to_string()))
    }
}
