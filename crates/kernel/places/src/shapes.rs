//! The map of a province's communes as SVG paths.
//!
//! Boundaries are drawn equirectangular with longitudes shortened by the cosine of the middle latitude, on a grid of
//! whole units: neighbours share their borders' points, so rounding keeps them together.

use std::collections::HashMap;
use std::sync::OnceLock;

use mach_base::content;
use serde_json::Value;

use crate::{Era, Error, PlaceKey, usable};

/// Width of the drawing in SVG user units; the height follows from the province's shape.
const WIDTH: f64 = 1000.0;

/// The boundary files that ship, by province.
const FILES: [(&str, &str, &str); 1] =
    [("46", "boundaries-hue.geojson", include_str!("../../../../content/boundaries-hue.geojson"))];

/// A commune on the map.
#[derive(Clone, Debug, PartialEq)]
pub struct Shape {
    /// Code of the commune, of the era from 2025-07-01.
    pub code: String,
    /// Its key.
    pub key: PlaceKey,
    /// Type and name, as the boundary file has it.
    pub name: String,
    /// SVG path data, whole units, to be filled with the even-odd rule.
    pub path: String,
    /// A point inside with room for a label to both sides: x, y.
    pub label: (i32, i32),
    /// How wide the shape is at the label, in user units: pages leave out names that need more.
    pub label_room: i32,
}

/// A province's communes, for `viewBox="0 0 {width} {height}"`.
#[derive(Clone, Debug, PartialEq)]
pub struct Map {
    /// Width in user units.
    pub width: i32,
    /// Height in user units.
    pub height: i32,
    /// The communes, by code.
    pub shapes: Vec<Shape>,
}

/// The map of `province` (two digits) since 2025-07-01; `None` where no boundaries ship.
pub fn province_map(province: &str) -> Option<&'static Map> {
    static MAPS: OnceLock<HashMap<&'static str, Map>> = OnceLock::new();
    let maps = MAPS.get_or_init(|| {
        FILES.iter().map(|(code, file, text)| (*code, usable(draw(file, &content::text(file, text))))).collect()
    });
    maps.get(province)
}

type Ring = Vec<(f64, f64)>;

fn draw(file: &'static str, text: &str) -> Result<Map, Error> {
    let wrong = |what: &str| Error::Shapes { file, what: what.to_owned() };
    let json: Value = serde_json::from_str(text).map_err(|e| wrong(&e.to_string()))?;
    let features = json["features"].as_array().ok_or_else(|| wrong("no `features`"))?;
    let mut communes = Vec::new();
    for feature in features {
        let code = feature["properties"]["code"].as_str().unwrap_or_default();
        let key = PlaceKey::new(code, Era::TwoLevels).ok_or_else(|| wrong(&format!("`{code}` is no commune code")))?;
        let name = feature["properties"]["name"].as_str().unwrap_or_default().to_owned();
        let rings =
            rings(&feature["geometry"]).ok_or_else(|| wrong(&format!("`{code}` is no Polygon or MultiPolygon")))?;
        communes.push((code.to_owned(), key, name, rings));
    }
    let points = || communes.iter().flat_map(|c| c.3.iter().flatten());
    let (west, east) = points().fold((f64::MAX, f64::MIN), |(a, b), p| (a.min(p.0), b.max(p.0)));
    let (south, north) = points().fold((f64::MAX, f64::MIN), |(a, b), p| (a.min(p.1), b.max(p.1)));
    let shrink = ((south + north) / 2.0).to_radians().cos();
    let scale = WIDTH / ((east - west) * shrink);
    if !scale.is_finite() || scale <= 0.0 {
        return Err(wrong("no area"));
    }
    let to_grid =
        |p: &(f64, f64)| (((p.0 - west) * shrink * scale).round() as i32, ((north - p.1) * scale).round() as i32);
    let mut shapes: Vec<Shape> = communes
        .iter()
        .map(|(code, key, name, rings)| {
            let rings: Vec<Vec<(i32, i32)>> = rings.iter().map(|r| thin(r.iter().map(to_grid))).collect();
            let (label, label_room) = label(&rings);
            Shape { code: code.clone(), key: *key, name: name.clone(), path: path(&rings), label, label_room }
        })
        .collect();
    shapes.sort_by(|a, b| a.code.cmp(&b.code));
    Ok(Map { width: WIDTH as i32, height: ((north - south) * scale).round() as i32, shapes })
}

/// All rings of a Polygon or MultiPolygon, holes among them.
fn rings(geometry: &Value) -> Option<Vec<Ring>> {
    let coordinates = geometry["coordinates"].as_array()?;
    let polygons: Vec<&Value> = match geometry["type"].as_str()? {
        "Polygon" => coordinates.iter().collect(),
        "MultiPolygon" => {
            coordinates.iter().map(Value::as_array).collect::<Option<Vec<_>>>()?.into_iter().flatten().collect()
        }
        _ => return None,
    };
    let point = |p: &Value| Some((p.get(0)?.as_f64()?, p.get(1)?.as_f64()?));
    // RFC 7946 §3.1.6: a linear ring has four or more positions.
    let ring = |r: &Value| r.as_array()?.iter().map(point).collect::<Option<Ring>>().filter(|r| r.len() > 3);
    polygons.into_iter().map(ring).collect()
}

/// Drops points that fall on the one before, and the closing point.
fn thin(points: impl Iterator<Item = (i32, i32)>) -> Vec<(i32, i32)> {
    let mut out: Vec<(i32, i32)> = points.collect();
    out.dedup();
    if out.len() > 1 && out.first() == out.last() {
        out.pop();
    }
    out
}

/// Relative path data. Rings that shrank to less than a triangle are left out.
fn path(rings: &[Vec<(i32, i32)>]) -> String {
    let mut out = String::new();
    for ring in rings.iter().filter(|r| r.len() > 2) {
        let mut at = ring[0];
        out.push_str(&format!("M{},{}l", at.0, at.1));
        for (n, p) in ring.iter().enumerate().skip(1) {
            let (dx, dy) = (p.0 - at.0, p.1 - at.1);
            let (before, between) = (if n == 1 || dx < 0 { "" } else { " " }, if dy < 0 { "" } else { "," });
            out.push_str(&format!("{before}{dx}{between}{dy}"));
            at = *p;
        }
        out.push('z');
    }
    out
}

/// The middle and the length of the widest stretch inside the shape, over fifteen lines across it.
fn label(rings: &[Vec<(i32, i32)>]) -> ((i32, i32), i32) {
    const LINES: i32 = 16;
    let ys = || rings.iter().flatten().map(|p| p.1);
    let (top, bottom) = (ys().min().unwrap_or(0), ys().max().unwrap_or(0));
    let mut best = (0.0, (rings.first().and_then(|r| r.first()).copied().unwrap_or_default(), 0));
    for i in 1..LINES {
        // Half a unit off the grid, so that no line runs through a corner.
        let y = f64::from(top) + f64::from(bottom - top) * f64::from(i) / f64::from(LINES);
        let y = y.floor() + 0.5;
        let mut crossings: Vec<f64> = rings.iter().flat_map(|ring| crossings(ring, y)).collect();
        crossings.sort_by(f64::total_cmp);
        for pair in crossings.chunks_exact(2) {
            // Nearer the middle of the shape wins among equals.
            let off_middle = (f64::from(i) / f64::from(LINES) - 0.5).abs();
            let worth = (pair[1] - pair[0]) * (1.0 - off_middle);
            if worth > best.0 {
                let middle = ((pair[0] + pair[1]) / 2.0).round() as i32;
                best = (worth, ((middle, y.round() as i32), (pair[1] - pair[0]) as i32));
            }
        }
    }
    best.1
}

/// Where the closed `ring` crosses the height `y`.
fn crossings(ring: &[(i32, i32)], y: f64) -> impl Iterator<Item = f64> {
    let next = ring.iter().cycle().skip(1);
    ring.iter().zip(next).filter_map(move |(a, b)| {
        let (ax, ay, bx, by) = (f64::from(a.0), f64::from(a.1), f64::from(b.0), f64::from(b.1));
        ((ay > y) != (by > y)).then(|| ax + (y - ay) * (bx - ax) / (by - ay))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Places;

    #[test]
    fn the_map_joins_with_the_communes() {
        let map = province_map("46").unwrap();
        let communes = Places::shared().communes("46", Era::CHANGE);
        assert_eq!(map.shapes.len(), 40);
        for (shape, unit) in map.shapes.iter().zip(communes) {
            assert_eq!((shape.code.as_str(), shape.key), (&*unit.code, unit.key));
            assert_eq!(shape.name, unit.full_name());
            assert!(shape.path.starts_with('M') && shape.path.ends_with('z'), "{}", shape.code);
            let (x, y) = shape.label;
            assert!((0..=map.width).contains(&x) && (0..=map.height).contains(&y), "{}", shape.code);
            assert!((5..500).contains(&shape.label_room), "{}", shape.code);
        }
        // Pages carry the whole map: half a first page before compression.
        assert!(map.shapes.iter().map(|s| s.path.len()).sum::<usize>() < 60_000);
        assert!(province_map("01").is_none());
    }

    /// Reads the paths back: every corner is on the drawing, every label inside its commune and in no other.
    #[test]
    fn labels_lie_in_their_commune() {
        let map = province_map("46").unwrap();
        let rings: Vec<Vec<Vec<(i32, i32)>>> = map.shapes.iter().map(|s| read_path(&s.path)).collect();
        for p in rings.iter().flatten().flatten() {
            assert!((0..=map.width).contains(&p.0) && (0..=map.height).contains(&p.1), "{p:?}");
        }
        for (i, shape) in map.shapes.iter().enumerate() {
            let inside = |rings: &Vec<Vec<(i32, i32)>>| {
                let (x, y) = (f64::from(shape.label.0) + 0.25, f64::from(shape.label.1) - 0.5);
                rings.iter().flat_map(|r| crossings(r, y)).filter(|&c| c < x).count() % 2 == 1
            };
            let holders: Vec<usize> = (0..rings.len()).filter(|&j| inside(&rings[j])).collect();
            assert_eq!(holders, [i], "{}", shape.name);
        }
    }

    fn read_path(path: &str) -> Vec<Vec<(i32, i32)>> {
        let ring = |text: &str| {
            let spaced = text.replace('-', " -").replace([',', 'l'], " ");
            let n: Vec<i32> = spaced.split_whitespace().map(|t| t.parse().unwrap()).collect();
            let mut at = (0, 0);
            n.chunks_exact(2)
                .map(|d| {
                    at = (at.0 + d[0], at.1 + d[1]);
                    at
                })
                .collect()
        };
        path.trim_end_matches('z').split('z').map(|t| ring(t.trim_start_matches('M'))).collect()
    }

    #[test]
    fn a_square_with_a_hole_is_drawn() {
        let text = r#"{"features":[{"properties":{"code":"00001","name":"Xã A"},"geometry":{"type":"Polygon","coordinates":
            [[[100,0],[100.1,0],[100.1,0.1],[100,0.1],[100,0]],[[100.01,0.05],[100.05,0.05],[100.05,0.09],[100.01,0.05]]]}}]}"#;
        let map = draw("t.geojson", text).unwrap();
        assert_eq!((map.width, map.height), (1000, 1000));
        assert_eq!(map.shapes[0].path, "M0,1000l1000,0 0,-1000-1000,0zM100,500l400,0 0,-400z".replace(" 0,-", " 0-"));
        for bad in ["", "{}", r#"{"features":[{"properties":{"code":"1"}}]}"#, r#"{"features":[]}"#] {
            assert!(matches!(draw("t.geojson", bad), Err(Error::Shapes { .. })), "{bad}");
        }
        for geometry in ["null", r#"{"type":"Point","coordinates":[1,2]}"#, r#"{"type":"Polygon","coordinates":[[]]}"#]
        {
            let text = format!(r#"{{"features":[{{"properties":{{"code":"00001"}},"geometry":{geometry}}}]}}"#);
            assert!(matches!(draw("t.geojson", &text), Err(Error::Shapes { .. })), "{geometry}");
        }
    }
}
