//! Small parts of the pages: where a fact comes from, how a value moved over time.

use crate::catalogue::Range;
use crate::fact::{Fact, Origin, claim_of};
use askama::Template;
use mach_access::{Act, decide};
use mach_base::Decimal;
use mach_fhir::ResourceType;
use mach_house::{Session, facility_name};
use mach_ui::{Html, Lang, format, msg};

/// Who reads whose record: what every part of the page needs to know.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    /// The reader's language.
    pub(crate) lang: Lang,
    /// The person's number.
    pub(crate) person: i64,
    /// Whether links to claims lead anywhere for this reader.
    pub(crate) claims: bool,
    /// Whether merges may be undone.
    pub(crate) reviews: bool,
}

impl Reading {
    pub(crate) fn new(session: &Session, person: i64) -> Self {
        let may = |act| decide(&session.actor, act).is_ok();
        Self { lang: session.lang, person, claims: may(Act::ReadClaims), reviews: may(Act::ReviewPeople) }
    }

    /// The address of a claim's page, where the reader may open it.
    pub(crate) fn claim_href(self, claim: Option<i64>) -> Option<String> {
        claim.filter(|_| self.claims).map(|id| format!("/claims/{id}"))
    }

    /// The address of a resource of this record.
    pub(crate) fn resource_href(self, kind: ResourceType, id: &str) -> String {
        format!("/people/{}/resources/{}/{}", self.person, kind.name(), format::query_value(id))
    }

    /// Facility, claim, table, line and version of a fact in one line.
    pub(crate) fn origin_text(self, origin: &Origin) -> String {
        let place = self.lang.fmt(
            msg::PROVENANCE_OF,
            &[("claim", &origin.link), ("table", &origin.table), ("line", &origin.line), ("version", &origin.version)],
        );
        format!("{} · {place}", facility_name(&origin.facility))
    }

    /// Where a fact comes from, folded away behind one word.
    pub(crate) fn source<T>(self, fact: &Fact<T>) -> Html {
        Html::template(&Source { lang: self.lang, line: self.source_line(fact) })
    }

    /// The same without the fold.
    pub(crate) fn source_line<T>(self, fact: &Fact<T>) -> Html {
        Html::template(&SourceLine {
            lang: self.lang,
            text: fact.origin.as_ref().map_or(String::new(), |o| self.origin_text(o)),
            claim: self.claim_href(claim_of(&fact.id)),
            fhir: self.resource_href(fact.kind, &fact.id),
        })
    }
}

#[derive(Template)]
#[template(path = "source.html")]
struct Source {
    lang: Lang,
    line: Html,
}

#[derive(Template)]
#[template(path = "source-line.html")]
struct SourceLine {
    lang: Lang,
    text: String,
    claim: Option<String>,
    fhir: String,
}

/// A range as read: `3,9–6,4`, `≤ 5,2`, `≥ 90`.
pub(crate) fn range_text(lang: Lang, range: Range) -> String {
    let number = |d| format::number(lang, d);
    match (range.low, range.high) {
        (Some(low), Some(high)) => format!("{}–{}", number(low), number(high)),
        (None, Some(high)) => format!("≤{}{}", format::NBSP, number(high)),
        (Some(low), None) => format!("≥{}{}", format::NBSP, number(low)),
        (None, None) => String::new(),
    }
}

const WIDTH: f64 = 96.0;
const HEIGHT: f64 = 28.0;
const EDGE: f64 = 4.0;

/// A line of values over time (equal time, equal width) with the reference range as a band behind it.
#[derive(Debug, Template)]
#[template(path = "trend.html")]
pub(crate) struct Line {
    width: f64,
    height: f64,
    path: String,
    end: (String, String),
    band: Option<(String, String)>,
}

impl Line {
    /// The line of `values` (any unit of time, value), in any order; none below two different times.
    pub(crate) fn of(values: &[(i64, Decimal)], range: Option<Range>) -> Option<Self> {
        let mut points: Vec<(i64, f64)> = values.iter().map(|(at, d)| (*at, place(*d))).collect();
        points.sort_by_key(|(at, _)| *at);
        let ((first, _), (last, newest)) = (*points.first()?, *points.last()?);
        if first == last {
            return None;
        }
        let (mut low, mut high) = points.iter().fold((f64::MAX, f64::MIN), |(l, h), (_, v)| (l.min(*v), h.max(*v)));
        // The nearer bounds of the range are drawn where they fit without flattening the line.
        let reach = (high - low).max(high.abs() * 0.1);
        let bound = |d: Option<Decimal>| d.map(place).filter(|b| *b > low - reach && *b < high + reach);
        let (floor, roof) = range.map_or((None, None), |r| (bound(r.low), bound(r.high)));
        low = floor.map_or(low, |b| low.min(b));
        high = roof.map_or(high, |b| high.max(b));
        let x = |at: i64| EDGE + (at - first) as f64 / (last - first) as f64 * (WIDTH - 2.0 * EDGE);
        let y = |v: f64| {
            if high > low { HEIGHT - EDGE - (v - low) / (high - low) * (HEIGHT - 2.0 * EDGE) } else { HEIGHT / 2.0 }
        };
        let mut path = String::new();
        for (i, (at, value)) in points.iter().enumerate() {
            path.push_str(&format!("{}{:.1} {:.1}", if i == 0 { 'M' } else { 'L' }, x(*at), y(*value)));
        }
        let inside = range.filter(|_| floor.is_some() || roof.is_some());
        let band = inside.map(|r| {
            let top = if r.high.is_some() { roof.map_or(0.0, y) } else { 0.0 };
            let bottom = if r.low.is_some() { floor.map_or(HEIGHT, y) } else { HEIGHT };
            (format!("{top:.1}"), format!("{:.1}", (bottom - top).max(0.0)))
        });
        let end = (format!("{:.1}", x(last)), format!("{:.1}", y(newest)));
        Some(Self { width: WIDTH, height: HEIGHT, path, end, band })
    }
}

/// Where a number lies, for drawing only.
fn place(n: Decimal) -> f64 {
    n.units as f64 / 10_f64.powi(n.scale as i32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn d(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    #[test]
    fn equal_time_is_equal_width() {
        let line = Line::of(&[(100, d("5")), (0, d("1")), (25, d("3"))], None).unwrap();
        assert_eq!(line.path, "M4.0 24.0L26.0 14.0L92.0 4.0");
        assert_eq!((line.end.0.as_str(), line.band.is_none()), ("92.0", true));
    }

    #[test]
    fn the_range_is_a_band_where_it_is_near() {
        let range = |low: &str, high: &str| Range { low: low.parse().ok(), high: high.parse().ok() };
        for (range, band) in [
            (range("2", "4"), Some(("9.0", "10.0"))),
            (range("", "3"), Some(("14.0", "14.0"))),
            (range("100", "200"), None),
        ] {
            let line = Line::of(&[(0, d("1")), (10, d("5"))], Some(range)).unwrap();
            assert_eq!(line.band.as_ref().map(|(y, h)| (y.as_str(), h.as_str())), band, "{range:?}");
        }
    }

    #[test]
    fn one_time_is_no_line() {
        assert!(Line::of(&[], None).is_none());
        assert!(Line::of(&[(5, d("1")), (5, d("2"))], None).is_none());
        let flat = Line::of(&[(0, d("1")), (1, d("1"))], None).unwrap();
        assert_eq!(flat.path, "M4.0 14.0L92.0 14.0");
    }

    #[test]
    fn ranges_are_told() {
        for (low, high, text) in [("3.9", "6.4", "3,9–6,4"), ("", "5.2", "≤ 5,2"), ("90", "", "≥ 90"), ("", "", "")]
        {
            let range = Range { low: low.parse().ok(), high: high.parse().ok() };
            assert_eq!(range_text(Lang::Vi, range).replace(format::NBSP, " "), text);
        }
    }
}
