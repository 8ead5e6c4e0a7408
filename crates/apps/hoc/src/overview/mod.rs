//! `GET /hoc`: the province, or one facility, on one page.

pub(crate) mod diagnoses;
mod drivers;
mod freshness;
mod map;
pub(crate) mod money;
pub(crate) mod ranking;
mod sheets;
mod trend;

pub use drivers::{Drivers, read as drivers};
pub use ranking::{Ranked, rank};
pub use trend::{TrendData, trend_card, trend_data};

use crate::error::HocError;
use crate::export::Format;
use crate::freshness::Freshness;
use crate::lens::{Address, Lens};
use crate::parts::{self, Pairs, grid, line};
use crate::tiles::{self, Figure};
use crate::{asked::Params, figures};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use mach_access::{Act, decide};
use mach_cube::{Answer, Cube, Definitions, Top};
use mach_house::{House, Session};
use mach_store::Reader;
use mach_ui::components::{Field, FieldKind, Notice, PageHead, Tone};
use mach_ui::http::Problem;
use mach_ui::{Html, Lang, format, msg};
use std::time::Instant;

/// The indicator of trend, ranking and map where the reader chose none.
const HEADLINE: &str = "CD01";
/// Rows of a top list.
pub(crate) const TOP: usize = 10;

/// Everything the page shows, as the cube answered it.
#[derive(Clone, Debug)]
pub struct Overview {
    /// The tiles.
    pub figures: Vec<Figure>,
    /// The chosen indicator over time.
    pub trend: TrendData,
    /// The chosen indicator by facility, or by department of the one facility.
    pub ranking: Ranked,
    /// Cases by chapter, now and then.
    pub chapters: (Top, Option<Top>),
    /// Cases by diagnosis, now and then.
    pub diagnoses: (Top, Option<Top>),
    /// Money by payer.
    pub money: Top,
    /// Visits by commune of the patients.
    pub map: Answer,
    /// Who has sent when.
    pub freshness: Freshness,
}

/// `GET /hoc?period=&at=&facility=&as_of=&compare=&indicator=&format=`.
pub async fn page(State(house): State<House>, session: Session, pairs: Pairs) -> Result<Response, Problem> {
    let lang = session.lang;
    let started = Instant::now();
    let sees_certificates = decide(&session.actor, Act::ReadCertificates).is_ok();
    let read = parts::read(&house, &session, pairs, move |on, params| {
        let lens = Lens::read(on, params)?;
        let headline = headline(params)?;
        let format = Format::asked(params)?;
        let overview = if lens.newest.is_some() { Some(gather(on, &lens, headline)?) } else { None };
        let drivers = if sees_certificates { drivers::read(on, &lens)? } else { None };
        Ok((lens, headline, format, overview, drivers))
    });
    let (_, (lens, headline, format, overview, drivers)) = read.await?;
    let gathered = started.elapsed();
    let title = lang.fmt(msg::HOC_OF, &[("place", &lens.subject())]);
    let Some(overview) = overview else {
        let parts = vec![PageHead::new(&title).into(), parts::nothing_yet(&session)];
        return Ok(parts::page(&session, &title, "/hoc", Vec::new(), parts).into_response());
    };
    if let Some(format) = format {
        return sheets::export(lang, &lens, &overview).respond(format).map_err(|e| e.problem(lang));
    }
    let page =
        parts::page(&session, &title, "/hoc", Vec::new(), body(lang, &title, &lens, headline, (&overview, drivers)));
    tracing::debug!(?gathered, whole = ?started.elapsed(), "overview");
    Ok(page.into_response())
}

fn headline(params: &Params) -> Result<&'static str, HocError> {
    let asked = params.get("indicator").unwrap_or(HEADLINE);
    let known = Definitions::shared().indicators().iter().find(|i| i.id == asked);
    known.map(|i| i.id.as_str()).ok_or_else(|| HocError::parameter("indicator", asked, "an id of /hoc/indicators"))
}

/// Reads all that the page shows through `lens`.
pub fn gather(on: &mut Reader, lens: &Lens, headline: &str) -> Result<Overview, HocError> {
    let cube = Cube::shared();
    let question = lens.question(headline);
    let base = lens.items_base();
    let mut top = |measure: &str, limit: usize| -> Result<(Top, Option<Top>), HocError> {
        let now = cube.top(on, measure, &question, limit)?;
        let then = match base {
            None => None,
            Some((from, to)) => {
                let question = mach_cube::Question { from, to, ..question.clone() };
                Some(cube.top(on, measure, &question, usize::MAX)?)
            }
        };
        Ok((now, then))
    };
    let (chapters, diagnoses) = (top("chapter", usize::MAX)?, top("cases", TOP)?);
    Ok(Overview {
        chapters,
        diagnoses,
        money: cube.top(on, "money", &question, usize::MAX)?,
        figures: tiles::overview(&cube, on, lens)?,
        trend: trend_data(&cube, on, &question)?,
        ranking: rank(&cube, on, lens, headline)?,
        map: map::read(&cube, on, lens, headline)?,
        freshness: Freshness::read(on, lens.days.1)?,
    })
}

/// The parts of the page, from top to bottom.
fn body(lang: Lang, title: &str, lens: &Lens, headline: &str, (o, drivers): (&Overview, Option<Drivers>)) -> Vec<Html> {
    let mut here = lens.to("/hoc");
    if headline != HEADLINE {
        here = here.with("indicator", headline);
    }
    let mut parts = vec![
        head(lang, title, lens, &here, o),
        filters(lang, lens, headline, &here),
        o.freshness.alert(lang, lens.own),
        tile_grids(lang, lens, &o.figures),
        notes(lang, lens),
        grid(
            "grid-main tops",
            vec![
                grid("stack", vec![trend_card(lang, lens, &o.trend).into(), money::card(lang, lens, &o.money)]),
                map::card(lang, lens, &o.map),
            ],
        ),
        grid(
            "grid-main tops",
            vec![ranking::card(lang, lens, &o.ranking).into(), freshness::card(lang, lens, &o.freshness)],
        ),
        grid("grid-2", vec![diagnoses::chapters(lang, lens, &o.chapters), diagnoses::top(lang, lens, &o.diagnoses)]),
    ];
    parts.extend(drivers::card(lang, lens, drivers));
    parts
}

fn head(lang: Lang, title: &str, lens: &Lens, here: &Address, o: &Overview) -> Html {
    let newest = lens.newest.map(|d| d.vi()).unwrap_or_default();
    let (sent, all) = (o.freshness.sent(), o.freshness.rows.len());
    let (sent, all) = (format::integer(lang, sent as i64), format::integer(lang, all as i64));
    let told = if lens.own {
        lang.fmt(msg::HOC_DATA_UNTIL, &[("date", &newest)])
    } else {
        lang.fmt(msg::HOC_AS_TOLD, &[("time", &newest), ("sent", &sent), ("all", &all)])
    };
    let mut actions = vec![parts::periods(lang, lens, here).into()];
    actions.extend(parts::steps(lang, lens, here));
    actions.extend(parts::exports(lang, here));
    PageHead::new(title).lead(format!("{} · {told}", parts::days(lang, lens))).actions(actions).into()
}

fn filters(lang: Lang, lens: &Lens, headline: &str, here: &Address) -> Html {
    let all = Definitions::shared().indicators().iter().filter(|i| i.valid_to.is_none());
    let choices = all.map(|i| (i.id.clone(), figures::name(lang, i).to_owned())).collect();
    let field = Field::new("indicator", lang.t(msg::HOC_HEADLINE), FieldKind::Choice(choices)).value(headline);
    parts::filters(lang, lens, here, vec![field])
}

#[derive(askama::Template)]
#[template(
    source = "<div class=\"tiles {{ class }}\">{% for (id, tile) in tiles %}<div data-test=\"tile-{{ id }}\">{{ tile }}</div>{% endfor %}</div>",
    ext = "html"
)]
struct Tiles {
    class: &'static str,
    tiles: Vec<(String, Html)>,
}

fn tile_grids(lang: Lang, lens: &Lens, all: &[Figure]) -> Html {
    let (leading, others) = all.split_at(tiles::LEADING.len().min(all.len()));
    let grid = |class, figures: &[Figure]| {
        let tiles = figures.iter().map(|f| (f.indicator.id.clone(), tiles::tile(lang, lens, f).into())).collect();
        Html::template(&Tiles { class, tiles })
    };
    Html::concat([grid("leading", leading), grid("others", others)])
}

/// What has to be known to read the changes: Tết, a period that is not over, the year districts ended.
pub(crate) fn notes(lang: Lang, lens: &Lens) -> Html {
    let bases = lens.bases();
    let mut out = Vec::new();
    if let Some(tet) = bases.tet {
        let values = [("tet", tet.day.vi()), ("this", parts::span(bases.this)), ("before", parts::span(tet.days))];
        let values: Vec<(&str, &str)> = values.iter().map(|(n, v)| (*n, v.as_str())).collect();
        out.push(Notice::new(lang, Tone::Info, lang.fmt(msg::HOC_TET_NOTE, &values)).into());
    }
    if bases.unfinished {
        let (this, before) = (bases.this.1.vi(), parts::span(bases.previous));
        out.push(line("hint", lang.fmt(msg::HOC_UNFINISHED, &[("date", &this), ("before", &before)])));
    }
    Html::concat(out)
}
