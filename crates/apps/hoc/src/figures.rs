//! Numbers as people read them: values with their unit, changes, medians. All in exact integers.

use mach_base::Decimal;
use mach_base::decimal::{Fixed, Money, round_div};
use mach_cube::{Definitions, Direction, Form, Indicator, Unit, Value, change_percent};
use mach_store::cells::Part;
use mach_ui::components::{Change, Direction as Way};
use mach_ui::{Lang, format, msg};

/// The unit that Vietnamese definitions write for money.
const DONG: &str = "đồng";
/// The unit of shares.
const PERCENT: &str = "%";

/// A value as a plain decimal.
pub fn decimal(value: Value) -> Decimal {
    Decimal { units: value.0, scale: 4 }
}

/// The name of `indicator` in `lang`.
pub fn name(lang: Lang, indicator: &Indicator) -> &str {
    lang.pick(&indicator.name_vi, &indicator.name_en)
}

/// The unit of `indicator` as it stands behind a number; empty where English has no word for the counted thing.
pub fn unit(lang: Lang, indicator: &Indicator) -> String {
    let known = match indicator.unit.as_str() {
        DONG => Some(msg::DONG),
        "phút" => Some(msg::HOC_UNIT_MINUTES),
        "ngày" => Some(msg::HOC_UNIT_DAYS),
        "người" => Some(msg::HOC_UNIT_PEOPLE),
        "ca" => Some(msg::HOC_UNIT_CASES),
        "lượt" => Some(msg::HOC_UNIT_TIMES),
        _ => None,
    };
    known.map_or_else(|| indicator.unit.clone(), |m| lang.t(m).to_owned())
}

/// The number alone, with the digits of its definition: `1.234`, `6,4`.
pub fn number(lang: Lang, indicator: &Indicator, value: Value) -> String {
    let rounded = format::rounded(decimal(value), indicator.decimals);
    format::number(lang, rounded)
}

/// Number and unit: `91,2 %`, `1.234 lượt`, `1.234.567 đ`.
pub fn full(lang: Lang, indicator: &Indicator, value: Value) -> String {
    join(&number(lang, indicator, value), &unit(lang, indicator))
}

/// Number and unit of a tile: money in millions and billions. The number and what stands smaller behind it.
pub fn short(lang: Lang, indicator: &Indicator, value: Value) -> (String, String) {
    if indicator.unit == DONG {
        let whole = format::rounded(decimal(value), 0);
        return (join(&format::compact(lang, whole), lang.t(msg::DONG)), String::new());
    }
    if indicator.unit == PERCENT {
        return (full(lang, indicator, value), String::new());
    }
    (number(lang, indicator, value), unit(lang, indicator))
}

fn join(number: &str, unit: &str) -> String {
    if unit.is_empty() { number.to_owned() } else { format!("{number}{}{unit}", format::NBSP) }
}

/// How `this` differs from `base`, in words: percent of the base, or points where the value is a share.
///
/// None where there is no base to speak of: nothing was counted then, or it was zero.
pub fn change(
    lang: Lang,
    indicator: &Indicator,
    (this, base): (Option<Value>, Option<Value>),
    against: &str,
) -> Option<Change> {
    if indicator.form == Form::Change {
        return None;
    }
    let (this, base) = (this?, base?);
    let (by, sign) = if indicator.unit == PERCENT {
        let places = indicator.decimals.max(1);
        let points = format::rounded(Decimal { units: this.0.checked_sub(base.0)?, scale: 4 }, places);
        let text = format::number(lang, absolute(points));
        (lang.fmt(msg::CHANGE_POINTS, &[("value", &text)]).replace(' ', "\u{a0}"), points.units.signum())
    } else {
        let percent = format::rounded(decimal(change_percent(this, base)?), 1);
        (format::percent(lang, absolute(percent), 1), percent.units.signum())
    };
    let direction = match sign {
        0 => Way::Flat,
        1.. => Way::Up,
        _ => Way::Down,
    };
    let good = match (indicator.direction, sign) {
        (Direction::Neutral, _) | (_, 0) => None,
        (Direction::UpGood, s) => Some(s > 0),
        (Direction::DownGood, s) => Some(s < 0),
    };
    Some(Change { direction, by, against: against.to_owned(), good })
}

fn absolute(n: Decimal) -> Decimal {
    Decimal { units: n.units.saturating_abs(), scale: n.scale }
}

/// The change in one cell of a table: `▲ 4,2 %`; an em dash where there is none.
pub fn change_text(change: Option<&Change>) -> String {
    change.map_or_else(|| "—".to_owned(), |c| format!("{}\u{a0}{}", c.mark(), c.by))
}

/// The middle of `values`; of an even number the mean of the two in the middle, rounded half away from zero.
pub fn median(mut values: Vec<Value>) -> Option<Value> {
    values.sort_unstable();
    let middle = values.len() / 2;
    match (values.len(), values.get(middle), values.get(middle.wrapping_sub(1))) {
        (0, ..) => None,
        (n, Some(above), Some(below)) if n % 2 == 0 => {
            let sum = i128::from(above.0) + i128::from(below.0);
            i64::try_from(round_div(sum, 2)).ok().map(Fixed)
        }
        (_, middle, _) => middle.copied(),
    }
}

/// Whether sums of `parts` are money, in hundredths of a đồng.
pub fn is_money(definitions: &Definitions, parts: &[Part]) -> bool {
    let of = |part: &Part| definitions.measures().iter().find(|m| m.number == part.measure);
    parts.iter().any(|p| of(p).is_some_and(|m| m.unit == Unit::Money))
}

/// A sum of facts as read: a count, or money.
pub fn sum(lang: Lang, value: i64, money: bool) -> String {
    if money { format::money(lang, Fixed(value)) } else { format::integer(lang, value) }
}

/// A sum of facts as plain digits: `1234`, or đồng with what hundredths it has.
pub fn plain_sum(value: i64, money: bool) -> String {
    if money { Money::to_string(&Fixed(value)) } else { value.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mach_base::Day;

    fn indicator(id: &str) -> &'static Indicator {
        Definitions::shared().indicator(id, Day(20_500)).unwrap()
    }

    fn v(text: &str) -> Value {
        Value::parse(text).unwrap()
    }

    #[test]
    fn values_read_as_their_definition_says() {
        for (id, value, full_text, short_text) in [
            ("CD01", "218460", "218.460 lượt", "218.460|lượt"),
            ("CD08", "91.2345", "91,2 %", "91,2 %|"),
            ("CD09", "6.35", "6,4 ngày", "6,4|ngày"),
            ("FI01", "312800000000", "312.800.000.000 đ", "312,8 tỷ đ|"),
            ("FI01", "1234.5", "1.235 đ", "1.235 đ|"),
        ] {
            let (number, unit) = short(Lang::Vi, indicator(id), v(value));
            let shown = (full(Lang::Vi, indicator(id), v(value)), format!("{number}|{unit}"));
            let shown = (shown.0.replace('\u{a0}', " "), shown.1.replace('\u{a0}', " "));
            assert_eq!((shown.0.as_str(), shown.1.as_str()), (full_text, short_text), "{id}");
        }
    }

    #[test]
    fn changes_say_how_much_and_whether_that_is_good() {
        for (id, this, base, expect) in [
            ("CD01", Some("104"), Some("100"), Some(("▲ 4,0 %", None))),
            ("CD01", Some("96"), Some("100"), Some(("▼ 4,0 %", None))),
            ("CD15", Some("3"), Some("4"), Some(("▼ 25,0 %", Some(true)))),
            ("PC02", Some("3"), Some("4"), Some(("▼ 25,0 %", Some(false)))),
            ("BH07", Some("1.70"), Some("2.60"), Some(("▼ 0,90 điểm", Some(true)))),
            ("CD08", Some("91.2"), Some("88.1"), Some(("▲ 3,1 điểm", None))),
            ("CD01", Some("10000"), Some("10001"), Some(("= 0,0 %", None))),
            ("CD01", Some("5"), Some("0"), None),
            ("CD01", Some("5"), None, None),
            ("CD01", None, Some("5"), None),
            ("CD18", Some("5"), Some("4"), None),
        ] {
            let got = change(Lang::Vi, indicator(id), (this.map(v), base.map(v)), "x");
            let shown = got.as_ref().map(|c| (change_text(Some(c)).replace('\u{a0}', " "), c.good));
            assert_eq!(shown.as_ref().map(|(t, g)| (t.as_str(), *g)), expect, "{id} {this:?} {base:?}");
        }
    }

    #[test]
    fn medians() {
        for (values, expect) in [
            (vec![], None),
            (vec!["3"], Some("3")),
            (vec!["9", "1", "3"], Some("3")),
            (vec!["4", "1", "2", "9"], Some("3")),
            (vec!["0.0001", "0.0002"], Some("0.0002")),
        ] {
            assert_eq!(median(values.iter().map(|t| v(t)).collect()), expect.map(v), "{values:?}");
        }
    }
}
