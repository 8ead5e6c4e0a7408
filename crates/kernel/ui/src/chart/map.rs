//! A map of places, shaded by value.

use std::collections::BTreeMap;
use std::fmt::Write;

use askama::Template;
use mach_base::Decimal;

use crate::chart::place;
use crate::components::{Cell, Column, Row, Table};
use crate::html::component;
use crate::{Html, Lang, escape, format, msg};

/// A choropleth map. Classes hold equally many places; they differ by pattern as well as by colour.
#[derive(Clone, Debug, Template)]
#[template(path = "components/figure.html")]
pub struct Map {
    /// The reader's language.
    pub lang: Lang,
    /// What is shown, with unit.
    pub title: String,
    /// The window on the shapes' coordinates: `min-x min-y width height`.
    pub view_box: [f64; 4],
    /// The places.
    pub shapes: Vec<Shape>,
    /// The values, by place code. A place without one is left white.
    pub values: BTreeMap<String, MapValue>,
    /// What the places are, for the table: *Xã, phường*.
    pub place: String,
    /// What the values are, for the table.
    pub value: String,
    /// Digits after the point in the legend.
    pub places: u32,
}
component!(Map);

/// The outline of a place.
#[derive(Clone, Debug)]
pub struct Shape {
    /// Its code.
    pub code: String,
    /// SVG path data in the coordinates of the map; only `M`, `L`, `Z`, numbers.
    pub path: String,
    /// Its name.
    pub label: String,
}

/// What a place shows.
#[derive(Clone, Debug)]
pub struct MapValue {
    /// For the shade.
    pub value: Decimal,
    /// As read, with unit.
    pub text: String,
    /// Where the place leads.
    pub href: Option<String>,
}

/// Shades of the map.
const CLASSES: usize = 5;

impl Map {
    fn svg(&self) -> Html {
        let classes = Classes::of(self.values.values().map(|v| v.value));
        let [x, y, w, h] = self.view_box;
        let title = escape(&self.title);
        let mut out = format!("<svg class=\"map\" viewBox=\"{x} {y} {w} {h}\" role=\"group\" aria-label=\"{title}\">");
        for shape in &self.shapes {
            let value = self.values.get(&shape.code);
            let class = value.map_or(0, |v| classes.class(v.value) + 1);
            let text = value.map_or(self.lang.t(msg::MAP_NO_VALUE), |v| &v.text);
            let name = self.lang.fmt(msg::MAP_OPEN, &[("place", &shape.label), ("value", text)]);
            let name = escape(&name);
            let path =
                format!("<path d=\"{}\" fill=\"url(#m{class})\"><title>{name}</title></path>", escape(&shape.path));
            let _ = match value.and_then(|v| v.href.as_deref()) {
                Some(href) => write!(out, "<a href=\"{}\" aria-label=\"{name}\">{path}</a>", escape(href)),
                None => write!(out, "<g role=\"img\" aria-label=\"{name}\">{path}</g>"),
            };
        }
        out.push_str("</svg>");
        Html::trusted(out)
    }

    fn legend(&self) -> Html {
        let classes = Classes::of(self.values.values().map(|v| v.value));
        let show = |v: Decimal| format::number(self.lang, format::rounded(v, self.places));
        let mut keys = String::new();
        let mut key = |class: usize, text: &str| {
            keys.push_str(&format!(
                "<li><svg class=\"swatch\" width=\"18\" height=\"14\" aria-hidden=\"true\"><rect width=\"18\" height=\"14\" rx=\"2\" fill=\"url(#m{class})\"/></svg>{}</li>",
                escape(text)
            ));
        };
        for (i, (low, high)) in classes.bounds.iter().enumerate() {
            let (low, high) = (show(*low), show(*high));
            let text = if low == high { low } else { format!("{low} – {high}") };
            key(classes.shade(i) + 1, &text);
        }
        if self.shapes.iter().any(|s| !self.values.contains_key(&s.code)) {
            key(0, self.lang.t(msg::MAP_NO_VALUE));
        }
        Html::trusted(format!("<ul class=\"legend\" aria-label=\"{}\">{keys}</ul>", self.lang.t(msg::MAP_LEGEND)))
    }

    fn twin(&self) -> Html {
        let columns = vec![Column::text(&self.place), Column::number(&self.value)];
        let mut shapes: Vec<_> = self.shapes.iter().map(|s| (self.values.get(&s.code), s)).collect();
        shapes.sort_by(|(a, s), (b, t)| {
            let key = |v: &Option<&MapValue>| v.map_or(f64::MIN, |v| crate::chart::place(v.value));
            key(b).total_cmp(&key(a)).then_with(|| s.label.cmp(&t.label))
        });
        let rows = shapes.into_iter().map(|(value, shape)| {
            let text = value.map_or("—", |v| &v.text);
            let href = value.and_then(|v| v.href.as_deref());
            Row::new([href.map_or_else(|| shape.label.as_str().into(), |h| Cell::link(&shape.label, h)), text.into()])
        });
        Table::new(self.lang, self.title.clone(), columns).rows(rows.collect()).into()
    }
}

/// Least and greatest value of each class, in order.
struct Classes {
    bounds: Vec<(Decimal, Decimal)>,
}

impl Classes {
    /// At most [`CLASSES`] of about equally many values; equal values never part.
    fn of(values: impl Iterator<Item = Decimal>) -> Self {
        let mut sorted: Vec<Decimal> = values.collect();
        sorted.sort_by(|a, b| place(*a).total_cmp(&place(*b)));
        let mut bounds: Vec<(Decimal, Decimal)> = Vec::new();
        for (i, value) in sorted.iter().enumerate() {
            let full = i * CLASSES / sorted.len() >= bounds.len();
            match bounds.last_mut() {
                Some((_, high)) if !full || place(*high) == place(*value) => *high = *value,
                _ => bounds.push((*value, *value)),
            }
        }
        Self { bounds }
    }

    fn class(&self, value: Decimal) -> usize {
        let at = self.bounds.iter().position(|(_, high)| place(value) <= place(*high));
        self.shade(at.unwrap_or(self.bounds.len().saturating_sub(1)))
    }

    /// Spreads few classes over the shades, so that two classes are the lightest and the darkest.
    fn shade(&self, class: usize) -> usize {
        if self.bounds.len() < 2 { CLASSES / 2 } else { class * (CLASSES - 1) / (self.bounds.len() - 1) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn d(units: i64) -> Decimal {
        Decimal { units, scale: 0 }
    }

    #[test]
    fn classes_are_even_and_keep_equals_together() {
        for (values, expect) in [
            (vec![], vec![]),
            (vec![7], vec![2]),
            (vec![1, 9], vec![0, 4]),
            (vec![1, 1, 1, 9], vec![0, 0, 0, 4]),
            ((1..=10).collect(), vec![0, 0, 1, 1, 2, 2, 3, 3, 4, 4]),
        ] {
            let classes = Classes::of(values.iter().copied().map(d));
            let found: Vec<usize> = values.iter().map(|v| classes.class(d(*v))).collect();
            assert_eq!(found, expect, "{values:?}");
        }
    }

    #[test]
    fn places_lead_on_and_are_named() {
        let shape =
            |code: &str| Shape { code: code.into(), path: "M0 0L1 0L1 1Z".into(), label: format!("Xã <{code}>") };
        let values = [("1", Some("/hoc?c=1")), ("2", None)].map(|(c, href)| {
            (c.to_owned(), MapValue { value: d(5), text: "5 lượt".into(), href: href.map(str::to_owned) })
        });
        let map = Map {
            lang: Lang::Vi,
            title: "Lượt khám".into(),
            view_box: [0.0, 0.0, 2.0, 2.0],
            shapes: vec![shape("1"), shape("2"), shape("3")],
            values: values.into(),
            place: "Xã".into(),
            value: "Lượt".into(),
            places: 0,
        };
        let html = Html::from(map).to_string();
        for part in [
            "<a href=\"/hoc?c=1\" aria-label=\"Xã &lt;1&gt;: 5 lượt\">",
            "fill=\"url(#m3)\"",
            "fill=\"url(#m0)\"",
            "Chưa có số liệu",
            "<details",
        ] {
            assert!(html.contains(part), "{part} in {html}");
        }
    }
}
