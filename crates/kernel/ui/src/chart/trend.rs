//! A line over time, this period against the same period last year.

use std::fmt::Write;

use askama::Template;
use mach_base::{Day, Decimal};

use crate::chart::scale::Scale;
use crate::chart::{place, px};
use crate::components::{Cell, Column, Row, Table};
use crate::html::component;
use crate::{Html, Lang, escape, format, msg};

/// A line chart. Equal time is equal width; a missing value breaks the line; every value is in the table twin.
#[derive(Clone, Debug, Template)]
#[template(path = "components/figure.html")]
pub struct Trend {
    /// The reader's language.
    pub lang: Lang,
    /// What is shown, with its unit: *Lượt khám theo tháng*.
    pub title: String,
    /// The unit of the values.
    pub unit: String,
    /// The points, oldest first.
    pub points: Vec<TrendPoint>,
    /// Days that change how the line is read: Tết, 01/07/2025.
    pub notes: Vec<TrendNote>,
    /// Digits after the point in the table.
    pub places: u32,
}
component!(Trend);

/// One period.
#[derive(Clone, Debug)]
pub struct TrendPoint {
    /// Its first day.
    pub day: Day,
    /// Its name in the table: *Tháng 3/2026*.
    pub label: String,
    /// Its name under the axis: *T3*.
    pub short: String,
    /// The value; none where nothing was counted.
    pub now: Option<Decimal>,
    /// The value of the same period a year before.
    pub before: Option<Decimal>,
    /// Where the value leads.
    pub href: Option<String>,
}

/// A day marked by a line down the chart.
#[derive(Clone, Debug)]
pub struct TrendNote {
    /// The day.
    pub day: Day,
    /// What happened.
    pub text: String,
}

const LEFT: f64 = 62.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 20.0;
const BOTTOM: f64 = 28.0;

/// More points than this are drawn without a dot each.
const DENSE: usize = 45;

/// A drawing for one kind of screen; the style sheet shows the one that fits, so that letters keep their size.
struct Format {
    class: &'static str,
    width: f64,
    height: f64,
    /// Most names under the axis.
    names: usize,
}

const FORMATS: [Format; 2] = [
    Format { class: "wide", width: 760.0, height: 250.0, names: 13 },
    Format { class: "slim", width: 360.0, height: 220.0, names: 6 },
];

impl Trend {
    /// The line itself, nothing where there is no value.
    fn svg(&self) -> Html {
        let values = self.points.iter().flat_map(|p| [p.now, p.before]).flatten().map(place);
        let (least, greatest) = values.fold((f64::MAX, f64::MIN), |(l, h), v| (l.min(v), h.max(v)));
        if least > greatest {
            return Html::trusted(format!("<p class=\"muted\">{}</p>", self.lang.t(msg::NO_DATA)));
        }
        Html::concat(FORMATS.iter().map(|format| self.drawing(format, least, greatest)))
    }

    fn drawing(&self, format: &'static Format, least: f64, greatest: f64) -> Html {
        let plot = Plot::new(&self.points, Scale::of(least, greatest), format);
        let title = escape(&self.title);
        let mut out = format!(
            "<svg class=\"trend {}\" viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{title}\"><title>{title}</title><desc>{}</desc>",
            format.class,
            format.width,
            format.height,
            escape(&self.summary())
        );
        plot.axis(self.lang, &self.points, &mut out);
        self.notes.iter().for_each(|n| plot.note(n, &mut out));
        plot.line("before", &self.points, |p| p.before, &mut out);
        plot.line("now", &self.points, |p| p.now, &mut out);
        plot.dots(self, &mut out);
        out.push_str("</svg>");
        Html::trusted(out)
    }

    fn summary(&self) -> String {
        let ends = [self.points.iter().find(|p| p.now.is_some()), self.points.iter().rfind(|p| p.now.is_some())];
        let texts: Vec<_> = ends.into_iter().flatten().map(|p| format!("{}: {}", p.label, self.value(p.now))).collect();
        texts.join(" → ")
    }

    fn value(&self, value: Option<Decimal>) -> String {
        match value {
            Some(v) if self.unit.is_empty() => format::number(self.lang, format::rounded(v, self.places)),
            Some(v) => {
                format!("{}{}{}", format::number(self.lang, format::rounded(v, self.places)), format::NBSP, self.unit)
            }
            None => "—".into(),
        }
    }

    fn legend(&self) -> Html {
        let key = |class: &str, text: &str| {
            format!(
                "<li><svg class=\"key {class}\" width=\"26\" height=\"8\" aria-hidden=\"true\"><path d=\"M1 4H25\"/></svg>{}</li>",
                escape(text)
            )
        };
        let mut keys = key("now", self.lang.t(msg::THIS_PERIOD));
        if self.has_before() {
            keys.push_str(&key("before", self.lang.t(msg::SAME_PERIOD_LAST_YEAR)));
        }
        Html::trusted(format!("<ul class=\"legend\">{keys}</ul>"))
    }

    fn has_before(&self) -> bool {
        self.points.iter().any(|p| p.before.is_some())
    }

    fn twin(&self) -> Html {
        let mut columns = vec![Column::text(self.lang.t(msg::PERIOD)), Column::number(self.lang.t(msg::THIS_PERIOD))];
        if self.has_before() {
            columns.push(Column::number(self.lang.t(msg::SAME_PERIOD_LAST_YEAR)));
        }
        let rows = self.points.iter().map(|p| {
            let now = self.value(p.now);
            let now = p.href.as_deref().map_or_else(|| Cell::from(now.clone()), |href| Cell::link(&now, href));
            Row::new([Cell::from(p.label.as_str()), now, self.value(p.before).into()])
        });
        Table::new(self.lang, self.title.clone(), columns).rows(rows.collect()).into()
    }
}

/// Where things lie.
struct Plot {
    scale: Scale,
    format: &'static Format,
    first: f64,
    days: f64,
}

impl Plot {
    fn new(points: &[TrendPoint], scale: Scale, format: &'static Format) -> Self {
        let day = |p: Option<&TrendPoint>| p.map_or(0.0, |p| f64::from(p.day.0));
        let (first, last) = (day(points.first()), day(points.last()));
        Self { scale, format, first, days: (last - first).max(1.0) }
    }

    fn x(&self, day: Day) -> f64 {
        LEFT + (f64::from(day.0) - self.first) / self.days * (self.format.width - LEFT - RIGHT)
    }

    fn y(&self, value: f64) -> f64 {
        self.format.height - BOTTOM - self.scale.share(value) * (self.format.height - TOP - BOTTOM)
    }

    fn axis(&self, lang: Lang, points: &[TrendPoint], out: &mut String) {
        for tick in &self.scale.ticks {
            let y = px(self.y(place(*tick)));
            let text = format::compact(lang, *tick);
            let x = px(LEFT - 8.0);
            let _ = write!(
                out,
                "<path class=\"grid\" d=\"M{LEFT} {y}H{}\"/><text x=\"{x}\" y=\"{y}\" dy=\"4\" text-anchor=\"end\">{text}</text>",
                self.format.width - RIGHT
            );
        }
        let every = points.len().div_ceil(self.format.names).max(1);
        for (i, p) in points.iter().enumerate() {
            if (points.len() - 1 - i).is_multiple_of(every) {
                let (x, y) = (px(self.x(p.day)), px(self.format.height - 8.0));
                let _ = write!(out, "<text x=\"{x}\" y=\"{y}\" text-anchor=\"middle\">{}</text>", escape(&p.short));
            }
        }
    }

    fn note(&self, note: &TrendNote, out: &mut String) {
        let x = self.x(note.day);
        if !(LEFT..=self.format.width - RIGHT).contains(&x) {
            return;
        }
        // The text stands on the side with more room.
        let (anchor, at) = if x > self.format.width * 0.6 { ("end", x - 5.0) } else { ("start", x + 5.0) };
        let _ = write!(
            out,
            "<path class=\"note\" d=\"M{} {TOP}V{}\"/><text class=\"note\" x=\"{}\" y=\"12\" text-anchor=\"{anchor}\">{}</text>",
            px(x),
            self.format.height - BOTTOM,
            px(at),
            escape(&note.text)
        );
    }

    fn line(
        &self,
        class: &str,
        points: &[TrendPoint],
        value: impl Fn(&TrendPoint) -> Option<Decimal>,
        out: &mut String,
    ) {
        let mut d = String::new();
        let mut pen = 'M';
        for p in points {
            pen = match value(p) {
                Some(v) => {
                    let _ = write!(d, "{pen}{} {}", px(self.x(p.day)), px(self.y(place(v))));
                    'L'
                }
                None => 'M',
            };
        }
        if !d.is_empty() {
            let _ = write!(out, "<path class=\"line {class}\" d=\"{d}\"/>");
        }
    }

    fn dots(&self, trend: &Trend, out: &mut String) {
        // On a dense line only the last value keeps its dot: a mark on each would hide the line.
        let hidden = if trend.points.len() > DENSE { trend.points.len() - 1 } else { 0 };
        for p in &trend.points[hidden..] {
            let Some(v) = p.now else { continue };
            let _ = write!(
                out,
                "<circle class=\"dot\" cx=\"{}\" cy=\"{}\" r=\"3.2\"><title>{}: {}</title></circle>",
                px(self.x(p.day)),
                px(self.y(place(v))),
                escape(&p.label),
                escape(&trend.value(Some(v)))
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trend(values: &[Option<i64>]) -> Trend {
        let points = values.iter().enumerate().map(|(i, v)| {
            let day = Day::from_ymd(2025, 1 + i as u32, 1).unwrap();
            let now = v.map(|units| Decimal { units, scale: 0 });
            TrendPoint {
                day,
                label: format!("Tháng {}", i + 1),
                short: format!("T{}", i + 1),
                now,
                before: now,
                href: None,
            }
        });
        let notes = vec![TrendNote { day: Day::from_ymd(2025, 2, 10).unwrap(), text: "<bỏ cấp huyện>".into() }];
        Trend {
            lang: Lang::Vi,
            title: "Lượt <khám>".into(),
            unit: "lượt".into(),
            points: points.collect(),
            notes,
            places: 0,
        }
    }

    #[test]
    fn equal_time_is_equal_width() {
        let t = trend(&[Some(0), Some(50), Some(100)]);
        let plot = Plot::new(&t.points, Scale::of(0.0, 100.0), &FORMATS[0]);
        let x: Vec<f64> = t.points.iter().map(|p| plot.x(p.day)).collect();
        // January has 31 days, February 28.
        let ratio = (x[1] - x[0]) / (x[2] - x[1]);
        assert!((ratio - 31.0 / 28.0).abs() < 1e-9, "{ratio}");
        assert!((plot.y(100.0) - TOP).abs() < 1e-9 && (plot.y(0.0) - (250.0 - BOTTOM)).abs() < 1e-9);
    }

    #[test]
    fn every_value_is_in_the_twin_and_text_is_escaped() {
        let html = Html::from(trend(&[Some(1_000), None, Some(2_500)])).to_string();
        for part in [
            "role=\"img\"",
            "<title>Lượt &lt;khám&gt;</title>",
            "&lt;bỏ cấp huyện&gt;",
            "<details",
            "1.000\u{a0}lượt",
            "2.500\u{a0}lượt",
            "<td class=\"num\">—",
        ] {
            assert!(html.contains(part), "{part} in {html}");
        }
        let line = html.split("class=\"line now\" d=\"").nth(1).and_then(|s| s.split('"').next()).unwrap();
        assert_eq!(line.matches('M').count(), 2, "a gap breaks the line: {line}");
    }

    #[test]
    fn nothing_is_said() {
        assert!(Html::from(trend(&[None, None])).as_str().contains("Chưa có số liệu"));
        assert!(Html::from(trend(&[])).as_str().contains("Chưa có số liệu"));
        assert!(Html::from(trend(&[Some(5)])).as_str().contains("<circle"));
    }
}
