//! Places on earth, and what is near them.

use crate::query::{plain, split};
use crate::refusal::Refusal;
use mach_fhir::Decimal;
use mach_fhir::index::Param;
use mach_store::search::Clause;

/// Metres from the middle of the earth to its surface, as most count distances (IUGG's mean radius).
const EARTH: f64 = 6_371_008.8;
/// The radius of the globe on which places are kept: 1.3 cm of the earth are one.
const GLOBE: f64 = 5e8;

/// A place as it is kept, from its degrees; `None` where they have too many digits.
pub fn kept(latitude: Decimal, longitude: Decimal) -> Option<[i64; 3]> {
    Some(place(latitude.to_string().parse().ok()?, longitude.to_string().parse().ok()?))
}

/// A place as it is kept: on a globe, so that a distance is sums and products of whole numbers.
fn place(latitude: f64, longitude: f64) -> [i64; 3] {
    let (latitude, longitude) = (latitude.to_radians(), longitude.to_radians());
    let on = |x: f64| (x * GLOBE).round() as i64;
    [on(latitude.cos() * longitude.cos()), on(latitude.cos() * longitude.sin()), on(latitude.sin())]
}

/// `latitude|longitude|distance|units` (R4 Location): places no further than that along the ground.
pub fn near(param: Param, name: &str, value: &str) -> Result<Clause, Refusal> {
    let wrong =
        |what: &str| Refusal::invalid(format!("`{name}`: {what}; write `latitude|longitude|distance|km`")).at(name);
    let parts: Vec<String> = split(value, '|').iter().map(|p| plain(p)).collect();
    if !(2..=4).contains(&parts.len()) {
        return Err(wrong("it has two to four parts"));
    }
    let number = |n: usize, most: f64| -> Result<f64, Refusal> {
        let digits = Decimal::parse(&parts[n]).ok_or_else(|| wrong(&format!("`{}` is no number", parts[n])))?;
        let value: f64 = digits.to_string().parse().map_err(|_| wrong("a number has too many digits"))?;
        if value.abs() <= most { Ok(value) } else { Err(wrong(&format!("`{}` is out of range", parts[n]))) }
    };
    let (latitude, longitude) = (number(0, 90.0)?, number(1, 180.0)?);
    let given = |n: usize| parts.get(n).is_some_and(|p| !p.is_empty());
    let metres_each = match parts.get(3).map(String::as_str) {
        None | Some("" | "km") => 1_000.0,
        Some("m") => 1.0,
        Some("cm") => 0.01,
        Some("[mi_us]" | "[mi_i]" | "mi") => 1_609.344,
        Some("[ft_i]" | "ft") => 0.3048,
        Some("[nmi_i]" | "nmi") => 1_852.0,
        Some(other) => return Err(wrong(&format!("`{other}` is no unit of length that is known here"))),
    };
    // R4 leaves the distance to the server where none is told: a district's.
    let distance = if given(2) { number(2, 1e9)? * metres_each } else { 10_000.0 };
    if distance < 0.0 {
        return Err(wrong("a distance is not negative"));
    }
    let angle = (distance / EARTH).min(std::f64::consts::PI);
    // The straight line under the ground; one more for what rounding to whole numbers may add.
    let chord = 2.0 * (angle / 2.0).sin() * GLOBE + 1.0;
    Ok(Clause::Near { param, place: place(latitude, longitude), within: (chord * chord) as i64 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_along_the_ground() {
        let param = Param(1);
        let holds = |query: &str, latitude: f64, longitude: f64| {
            let Ok(Clause::Near { place: [x, y, z], within, .. }) = near(param, "near", query) else {
                panic!("{query}")
            };
            let [a, b, c] = place(latitude, longitude);
            (x - a) * (x - a) + (y - b) * (y - b) + (z - c) * (z - c) <= within
        };
        // Huế to Đà Nẵng is 79.6 km by the great circle.
        assert!(holds("16.4637|107.5909|81|km", 16.0544, 108.2022));
        assert!(!holds("16.4637|107.5909|78|km", 16.0544, 108.2022));
        assert!(holds("0|179.999|1|km", 0.0, -179.999));
        assert!(holds("10|20|0|m", 10.0, 20.0) && !holds("10|20|1|m", 10.0001, 20.0));
        assert!(holds("0|0|30000", 0.0, 180.0));
        for bad in ["1", "91|0", "0|181", "a|b", "1|2|-3", "1|2|3|lightyear", "1|2|3|km|x"] {
            assert!(near(param, "near", bad).is_err(), "{bad}");
        }
    }
}
