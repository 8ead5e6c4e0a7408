//! A line without axis, for a tile.

use mach_base::Decimal;

use crate::Html;
use crate::chart::{place, px};

const WIDTH: f64 = 92.0;
const HEIGHT: f64 = 26.0;
/// Room for the dot at the end.
const EDGE: f64 = 3.0;

/// The shape of `values`, oldest first, in equal steps of time; a gap breaks the line. Nothing below two values.
///
/// Hidden from screen readers: the number and its change beside it say the same.
pub fn spark(values: &[Option<Decimal>]) -> Html {
    let known: Vec<f64> = values.iter().flatten().map(|v| place(*v)).collect();
    if known.len() < 2 {
        return Html::EMPTY;
    }
    let (low, high) = known.iter().fold((f64::MAX, f64::MIN), |(l, h), v| (l.min(*v), h.max(*v)));
    let height = |v: f64| {
        if high > low { HEIGHT - EDGE - (v - low) / (high - low) * (HEIGHT - 2.0 * EDGE) } else { HEIGHT / 2.0 }
    };
    let step = (WIDTH - 2.0 * EDGE) / (values.len() - 1) as f64;
    let mut d = String::new();
    let mut end = String::new();
    let mut drawing = false;
    for (i, value) in values.iter().enumerate() {
        let Some(v) = value else {
            drawing = false;
            continue;
        };
        let (x, y) = (px(EDGE + i as f64 * step), px(height(place(*v))));
        d.push_str(&format!("{}{x} {y}", if drawing { 'L' } else { 'M' }));
        end = format!("<circle cx=\"{x}\" cy=\"{y}\" r=\"2.6\"/>");
        drawing = true;
    }
    Html::trusted(format!(
        "<svg class=\"spark\" width=\"{WIDTH}\" height=\"{HEIGHT}\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" aria-hidden=\"true\"><path d=\"{d}\"/>{end}</svg>"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(values: &[Option<i64>], path: &str) {
        let values: Vec<_> = values.iter().map(|v| v.map(|units| Decimal { units, scale: 0 })).collect();
        let html = spark(&values);
        if path.is_empty() {
            assert!(html.is_empty());
        } else {
            assert!(html.as_str().contains(&format!("d=\"{path}\"")), "{html}");
        }
    }

    #[test]
    fn shapes() {
        check(&[], "");
        check(&[Some(1)], "");
        check(&[Some(0), Some(10)], "M3 23L89 3");
        check(&[Some(5), Some(5)], "M3 13L89 13");
        check(&[Some(0), None, Some(10)], "M3 23M89 3");
    }
}
