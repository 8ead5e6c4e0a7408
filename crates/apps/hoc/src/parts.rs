//! What the pages of this app share: their frame, their head with periods and exports, their filters.

use crate::asked::Params;
use crate::error::HocError;
use crate::lens::{Address, Compare, Lens};
use askama::Template;
use axum::extract::Query;
use mach_access::{Act, Decision};
use mach_base::{Day, Grain};
use mach_house::{Failure, House, Session};
use mach_store::Reader;
use mach_terms::{Facilities, Facility, FacilityKind};
use mach_ui::components::{Button, Empty, Field, FieldKind, Filters, Icon, Segment, print_button};
use mach_ui::http::Problem;
use mach_ui::shell::Crumb;
use mach_ui::{Html, Lang, format, msg, shell};

/// The pairs of a query.
pub(crate) type Pairs = Query<Vec<(String, String)>>;

/// Decides, reads off the async threads, and puts what went wrong into the reader's words.
pub(crate) async fn read<T: Send + 'static>(
    house: &House,
    session: &Session,
    Query(pairs): Pairs,
    work: impl FnOnce(&mut Reader, &Params) -> Result<T, HocError> + Send + 'static,
) -> Result<(Decision, T), Problem> {
    let decision = house.decide(session, Act::ReadFigures).await?;
    let lang = session.lang;
    let params = Params::new(pairs).map_err(|e| e.problem(lang))?;
    let found = house.read(decision.clone(), move |on| work(on, &params).map_err(|e| Failure(e.problem(lang)))).await?;
    Ok((decision, found))
}

#[derive(Template)]
#[template(source = "{% for part in parts %}<div class=\"section\">{{ part }}</div>{% endfor %}", ext = "html")]
struct Stack {
    parts: Vec<Html>,
}

#[derive(Template)]
#[template(source = "<div class=\"{{ class }}\">{% for part in parts %}{{ part }}{% endfor %}</div>", ext = "html")]
struct Grid {
    class: &'static str,
    parts: Vec<Html>,
}

/// Parts side by side, in the grid of `class`.
pub(crate) fn grid(class: &'static str, parts: Vec<Html>) -> Html {
    Html::template(&Grid { class, parts: parts.into_iter().filter(|p| !p.is_empty()).collect() })
}

#[derive(Template)]
#[template(source = "<p class=\"{{ class }}\">{{ text }}</p>", ext = "html")]
struct Line {
    class: &'static str,
    text: String,
}

/// One line of smaller text.
pub(crate) fn line(class: &'static str, text: impl Into<String>) -> Html {
    Html::template(&Line { class, text: text.into() })
}

#[derive(Template)]
#[template(source = "<a data-test=\"{{ test }}\" href=\"{{ href }}\">{{ text }}</a>", ext = "html")]
struct Link<'a> {
    test: &'a str,
    href: String,
    text: &'a str,
}

/// A link that tests find by `test`.
pub(crate) fn link(test: &str, text: &str, href: impl Into<String>) -> Html {
    Html::template(&Link { test, href: href.into(), text })
}

/// A page of this app: parts one under another.
pub(crate) fn page(session: &Session, title: &str, active: &'static str, crumbs: Vec<Crumb>, parts: Vec<Html>) -> Html {
    let mut meta = session.meta(title, active);
    meta.crumbs = crumbs;
    meta.demo = session.demo;
    let parts = parts.into_iter().filter(|p| !p.is_empty()).collect();
    shell::page(&meta, Html::template(&Stack { parts }))
}

/// What stands in the place of figures where nothing has come yet.
pub(crate) fn nothing_yet(session: &Session) -> Html {
    let lang = session.lang;
    let mut empty = Empty::new(Icon::Claims, lang.t(msg::HOC_EMPTY), lang.t(msg::HOC_EMPTY_DO));
    if mach_access::decide(&session.actor, Act::SendClaims).is_ok() {
        empty.action = Button::link(lang.t(msg::UPLOAD), "/claims/send").icon(Icon::Upload).as_primary().into();
    }
    empty.into()
}

/// The lengths of period, each keeping where the reader is.
pub(crate) fn periods(lang: Lang, lens: &Lens, here: &Address) -> Segment {
    // Into a shorter period one goes by its last one with data: the newest month of a year, not its January.
    let last = lens.newest.map_or(lens.days.1, |n| lens.days.1.min(n.max(lens.days.0)));
    [Grain::Day, Grain::Month, Grain::Quarter, Grain::Year].into_iter().fold(
        Segment::new(lang.t(msg::PERIOD)),
        |s, g| {
            let to = here.clone().without("from").without("to").without("period").with("at", last.label(g));
            let to = if g == Grain::Month { to } else { to.with("period", g.code()) };
            s.item(format::grain(lang, g), to, !lens.ranged && g == lens.period)
        },
    )
}

/// Steps to the period before and after.
pub(crate) fn steps(lang: Lang, lens: &Lens, here: &Address) -> Vec<Html> {
    if lens.ranged {
        return Vec::new();
    }
    let to = |steps: i32| here.clone().with("at", lens.days.0.step(lens.period, steps).label(lens.period));
    let mut out = vec![Button::link(lang.t(msg::PERIOD_PREVIOUS), to(-1)).icon(Icon::Previous).into()];
    if lens.newest.is_some_and(|n| lens.days.1 < n) {
        out.push(Button::link(lang.t(msg::PERIOD_NEXT), to(1)).icon(Icon::Next).into());
    }
    out
}

/// Print, CSV and Excel of what is on screen.
pub(crate) fn exports(lang: Lang, here: &Address) -> Vec<Html> {
    vec![
        print_button(lang),
        Button::link(lang.t(msg::EXPORT_CSV), here.clone().with("format", "csv")).icon(Icon::Download).into(),
        Button::link(lang.t(msg::EXPORT_XLSX), here.clone().with("format", "xlsx"))
            .icon(Icon::Download)
            .as_primary()
            .into(),
    ]
}

/// The days looked at, in words: `Tháng 3/2026`, `05/03/2026 – 18/03/2026`.
pub(crate) fn days(lang: Lang, lens: &Lens) -> String {
    if lens.ranged {
        return span(lens.days);
    }
    format::period(lang, lens.days.0, lens.period)
}

/// First and last day: `05/03/2026 – 18/03/2026`.
pub(crate) fn span((from, to): (Day, Day)) -> String {
    if from == to { from.vi() } else { format!("{} – {}", from.vi(), to.vi()) }
}

/// Periods offered in the list of periods.
const CHOICES: i32 = 36;

/// The filter row of a page: period, facility, comparison, hierarchy. `more` stand before the comparison.
pub(crate) fn filters(lang: Lang, lens: &Lens, here: &Address, more: Vec<Field>) -> Html {
    let mut fields = Vec::new();
    if !lens.ranged {
        fields.push(at_field(lang, lens));
    }
    if !lens.own {
        fields.push(unit_field(lang, lens));
    }
    fields.extend(more);
    let compare = vec![
        (String::new(), lang.t(msg::SAME_PERIOD_LAST_YEAR).to_owned()),
        (Compare::Last.code().to_owned(), lang.t(msg::PERIOD_PREVIOUS).to_owned()),
    ];
    let chosen = if lens.compare == Compare::Last { Compare::Last.code() } else { "" };
    fields.push(Field::new("compare", lang.t(msg::HOC_COMPARE), FieldKind::Choice(compare)).value(chosen));
    let as_of = lens.as_of.map(|d| d.to_string()).unwrap_or_default();
    fields.push(Field::new("as_of", lang.t(msg::AS_OF), FieldKind::Date).value(as_of));
    let named: Vec<&str> = fields.iter().map(|f| f.name.as_str()).collect();
    let kept =
        here.pairs().iter().filter(|(n, _)| !named.contains(&n.as_str()) && n != "department").cloned().collect();
    let action = here.to_string().split('?').next().unwrap_or_default().to_owned();
    let active = lens.as_of.is_some() || lens.compare == Compare::Last || (lens.unit.is_some() && !lens.own);
    Filters { lang, action, fields, kept, active }.into()
}

fn at_field(lang: Lang, lens: &Lens) -> Field {
    let start = lens.days.0;
    if lens.period == Grain::Day {
        return Field::new("at", lang.t(msg::PERIOD), FieldKind::Date).value(start.to_string());
    }
    let newest = lens.newest.unwrap_or(start).max(start).start_of(lens.period);
    let mut starts: Vec<Day> = (0..CHOICES).map(|i| newest.step(lens.period, -i)).collect();
    if !starts.contains(&start) {
        starts.push(start);
    }
    let choices = starts.iter().map(|d| (d.label(lens.period), format::period(lang, *d, lens.period))).collect();
    Field::new("at", lang.t(msg::PERIOD), FieldKind::Choice(choices)).value(start.label(lens.period))
}

fn unit_field(lang: Lang, lens: &Lens) -> Field {
    let mut choices = vec![(String::new(), lang.t(msg::HOC_ALL_FACILITIES).to_owned())];
    choices.extend(reporting(lens.days.1).map(|f| (f.code.clone(), f.name.clone())));
    let chosen = lens.unit.as_ref().map(|u| u.code.clone()).unwrap_or_default();
    if let Some(unit) = lens.unit.as_ref().filter(|u| !choices.iter().any(|(code, _)| *code == u.code)) {
        choices.push((unit.code.clone(), unit.name.clone()));
    }
    Field::new("facility", lang.t(msg::FACILITY), FieldKind::Choice(choices)).value(chosen)
}

/// The facilities of the register that treat people, and so send claims, on `on`.
pub(crate) fn reporting(on: Day) -> impl Iterator<Item = &'static Facility> {
    Facilities::shared().on(on).filter(|f| !matches!(f.kind, FacilityKind::Unit | FacilityKind::Department))
}

/// The name of a department by the insurer's list (`MA_KHOA`), with its code; the code alone where the list lacks it.
pub(crate) fn department_name(lang: Lang, code: &str) -> String {
    match mach_claims::check::Codes::shared().get("MA_KHOA", code) {
        _ if code.is_empty() => lang.t(msg::HOC_NO_DEPARTMENT).to_owned(),
        Some(known) => format!("{code} · {}", lang.pick(&known.meaning_vi, &known.meaning_en)),
        None => code.to_owned(),
    }
}

/// The class whose members a facility is ranked with: `Trung tâm Y tế hạng 2`.
pub(crate) fn class_name(lang: Lang, f: &Facility) -> String {
    let kind = lang.t(match f.kind {
        FacilityKind::Hospital => msg::HOC_KIND_HOSPITAL,
        FacilityKind::SpecialisedHospital => msg::HOC_KIND_SPECIALISED,
        FacilityKind::HealthCentre => msg::HOC_KIND_CENTRE,
        FacilityKind::Clinic => msg::HOC_KIND_CLINIC,
        FacilityKind::Unit => msg::HOC_KIND_UNIT,
        FacilityKind::Department => msg::DEPARTMENT_OF_HEALTH,
        FacilityKind::Station => msg::HOC_KIND_STATION,
    });
    match f.grade {
        Some(grade) => lang.fmt(msg::HOC_CLASS, &[("kind", kind), ("grade", &grade.to_string())]),
        None => kind.to_owned(),
    }
}
