//! `GET /hoc/diseases`: chapters of ICD-10, their diagnoses, and the claims behind each count.

use crate::error::HocError;
use crate::export::{Export, Field, Format, Sheet};
use crate::lens::Lens;
use crate::overview::diagnoses::{self, chapter_name, diagnosis_bar, diagnosis_name};
use crate::parts::{self, Pairs, grid, line};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use mach_base::{Day, Decimal};
use mach_cube::{Cube, Question, Top, TopRow};
use mach_house::{House, Session};
use mach_store::Reader;
use mach_terms::Icd10;
use mach_ui::chart::{BarRow, Bars};
use mach_ui::components::{Card, PageHead, Tone};
use mach_ui::http::Problem;
use mach_ui::shell::Crumb;
use mach_ui::{Html, Lang, format, msg};

/// Diagnoses drawn on the page; the export has all.
const SHOWN: usize = 60;

/// What the page shows.
#[derive(Clone, Debug)]
pub struct Diseases {
    /// The chapter that is open; 0 is that of diagnoses in none.
    pub chapter: Option<i64>,
    /// Cases by chapter, now and then.
    pub chapters: (Top, Option<Top>),
    /// Cases by diagnosis (first three characters) of the open chapter, or of all; now and then.
    pub diagnoses: (Top, Option<Top>),
    /// Deaths by main diagnosis.
    pub deaths: Top,
}

impl Diseases {
    /// Reads the counts through `lens`.
    pub fn read(on: &mut Reader, lens: &Lens, chapter: Option<i64>) -> Result<Self, HocError> {
        let cube = Cube::shared();
        let question = lens.question("");
        let mut top = |measure: &str, days: (Day, Day)| {
            cube.top(on, measure, &Question { from: days.0, to: days.1, ..question.clone() }, usize::MAX)
        };
        let base = lens.items_base();
        let mut both = |measure: &str| -> Result<(Top, Option<Top>), HocError> {
            Ok((top(measure, lens.days)?, base.map(|days| top(measure, days)).transpose()?))
        };
        let (chapters, mut diagnoses) = (both("chapter")?, both("cases")?);
        let mut deaths = top("death_causes", lens.days)?;
        if let Some(chapter) = chapter {
            keep(&mut diagnoses.0, chapter);
            diagnoses.1.iter_mut().for_each(|t| keep(t, chapter));
            keep(&mut deaths, chapter);
        }
        Ok(Self { chapter, chapters, diagnoses, deaths })
    }
}

/// Leaves the diagnoses of `chapter`.
fn keep(top: &mut Top, chapter: i64) {
    let of = |row: &TopRow| Icd10::shared().chapter_of(&row.code).map_or(0, i64::from);
    top.rows.retain(|row| of(row) == chapter);
    top.total = top.rows.iter().map(|r| r.value).sum();
    top.items = top.rows.len();
}

/// `GET /hoc/diseases?period=&at=&from=&to=&facility=&as_of=&compare=&chapter=&format=`.
pub async fn page(State(house): State<House>, session: Session, pairs: Pairs) -> Result<Response, Problem> {
    let lang = session.lang;
    let (_, (lens, format, found)) = parts::read(&house, &session, pairs, |on, params| {
        let lens = Lens::read(on, params)?;
        let takes = "the number of a chapter, 1 to 22";
        let chapter = params.get("chapter").map(|c| {
            c.parse().ok().filter(|n| (0..=22).contains(n)).ok_or_else(|| HocError::parameter("chapter", c, takes))
        });
        let found = Diseases::read(on, &lens, chapter.transpose()?)?;
        Ok((lens, Format::asked(params)?, found))
    })
    .await?;
    if let Some(format) = format {
        return export(lang, &lens, &found).respond(format).map_err(|e| e.problem(lang));
    }
    let title = found.chapter.map_or_else(|| lang.t(msg::HOC_DISEASES).to_owned(), |c| chapter_name(lang, c));
    let mut here = lens.to("/hoc/diseases");
    let mut crumbs = vec![Crumb::link(lang.t(msg::NAV_OVERVIEW), lens.to("/hoc"))];
    if let Some(chapter) = found.chapter {
        crumbs.push(Crumb::link(lang.t(msg::HOC_DISEASES), here.clone()));
        here = here.with("chapter", chapter);
    }
    crumbs.push(Crumb::here(title.clone()));
    let mut actions = vec![parts::periods(lang, &lens, &here).into()];
    actions.extend(parts::steps(lang, &lens, &here));
    actions.extend(parts::exports(lang, &here));
    let lead = format!("{} · {}", lens.subject(), parts::days(lang, &lens));
    let mut page = vec![
        PageHead::new(title.clone()).lead(lead).actions(actions).into(),
        parts::filters(lang, &lens, &here, Vec::new()),
    ];
    if lens.newest.is_none() {
        page.push(parts::nothing_yet(&session));
    } else {
        page.push(grid("grid-2", vec![chapters(lang, &lens, &found), cases(lang, &lens, &found)]));
        page.push(deaths(lang, &lens, &found));
    }
    Ok(parts::page(&session, &title, "/hoc", crumbs, page).into_response())
}

fn bars(lang: Lang, title: &str, label: &str, note: &str, rows: Vec<BarRow>) -> Html {
    if rows.is_empty() {
        return Card::new(title, line("muted", lang.t(msg::NOT_COUNTED))).into();
    }
    let (caption, label, note) = (title.to_owned(), label.to_owned(), note.to_owned());
    let value = lang.t(msg::CASES).to_owned();
    Card::new(title, Bars { lang, caption, label, value, note, ranked: false, rows }).into()
}

fn chapters(lang: Lang, lens: &Lens, found: &Diseases) -> Html {
    let (now, then) = &found.chapters;
    let rows = now.rows.iter().map(|r| BarRow {
        label: chapter_name(lang, r.item),
        href: Some(lens.to("/hoc/diseases").with("chapter", r.item).into()),
        value: Decimal { units: r.value, scale: 0 },
        text: format::integer(lang, r.value),
        value_href: Some(lens.items("chapter", &r.code).into()),
        note: diagnoses::change(lang, r.value, r.item, then.as_ref()),
        tone: if found.chapter == Some(r.item) { Tone::Info } else { Tone::Plain },
    });
    bars(lang, lang.t(msg::DISEASE_CHAPTERS), lang.t(msg::HOC_CHAPTER), lang.t(msg::HOC_CHANGE), rows.collect())
}

fn cases(lang: Lang, lens: &Lens, found: &Diseases) -> Html {
    let (now, then) = &found.diagnoses;
    let rows = now.rows.iter().take(SHOWN);
    let rows = rows.map(|r| diagnosis_bar(lang, lens, (&r.code, r.item, r.value), then.as_ref()));
    bars(lang, lang.t(msg::TOP_DIAGNOSES), lang.t(msg::DIAGNOSIS), lang.t(msg::HOC_CHANGE), rows.collect())
}

fn deaths(lang: Lang, lens: &Lens, found: &Diseases) -> Html {
    let rows = found.deaths.rows.iter().take(SHOWN).map(|r| {
        let claims = lens.items("death_causes", &r.code).to_string();
        BarRow {
            label: diagnosis_name(lang, &r.code),
            href: Some(claims.clone()),
            value: Decimal { units: r.value, scale: 0 },
            text: format::integer(lang, r.value),
            value_href: Some(claims),
            note: Html::EMPTY,
            tone: Tone::Plain,
        }
    });
    bars(lang, lang.t(msg::HOC_DEATH_CAUSES), lang.t(msg::DIAGNOSIS), "", rows.collect())
}

fn export(lang: Lang, lens: &Lens, found: &Diseases) -> Export {
    let sheet = |title: mach_ui::Msg, name: &dyn Fn(&TopRow) -> String, now: &Top, then: Option<&Top>| {
        let columns = [msg::CODE, msg::NAME, msg::CASES, msg::HOC_BASE].map(|c| lang.t(c).to_owned());
        let rows = now.rows.iter().map(|r| {
            let base = then.and_then(|t| t.rows.iter().find(|b| b.item == r.item)).map(|b| b.value);
            vec![Field::from(r.code.as_str()), name(r).into(), r.value.into(), base.into()]
        });
        let rows = rows.take(mach_base::limits::EXPORT_ROWS).collect();
        Sheet { title: lang.t(title).to_owned(), columns: columns.into(), rows }
    };
    let diagnosis = |r: &TopRow| diagnosis_name(lang, &r.code);
    let sheets = vec![
        sheet(msg::DISEASE_CHAPTERS, &|r| chapter_name(lang, r.item), &found.chapters.0, found.chapters.1.as_ref()),
        sheet(msg::TOP_DIAGNOSES, &diagnosis, &found.diagnoses.0, found.diagnoses.1.as_ref()),
        sheet(msg::HOC_DEATH_CAUSES, &diagnosis, &found.deaths, None),
    ];
    Export { name: format!("diseases-{}", lens.days.0.label(lens.period)), sheets }
}
