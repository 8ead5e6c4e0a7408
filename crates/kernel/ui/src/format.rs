//! Numbers, money, dates, ages and identifiers as people read them: `1.234.567,8` in Vietnamese, `1,234,567.8` in English.
//!
//! Units never part from their number: the space between them does not break (U+00A0).

use mach_base::decimal::{Money, round_div};
use mach_base::{Day, Decimal, Grain, Minute};

use crate::{Lang, Msg, msg};

/// The space that keeps a unit with its number.
pub const NBSP: char = '\u{a0}';
/// The sign before a negative number, as wide as a plus.
const MINUS: char = '\u{2212}';

/// A count: `1.234.567`.
pub fn integer(lang: Lang, n: i64) -> String {
    number(lang, Decimal { units: n, scale: 0 })
}

/// A decimal with the digits it has: `7,80` stays `7,80`.
pub fn number(lang: Lang, n: Decimal) -> String {
    let (group, point) = lang.pick(('.', ','), (',', '.'));
    let unit = 10_u64.saturating_pow(n.scale);
    let abs = n.units.unsigned_abs();
    let whole = (abs / unit).to_string();
    let mut out = String::with_capacity(whole.len() * 2);
    if n.units < 0 {
        out.push(MINUS);
    }
    for (i, digit) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i).is_multiple_of(3) {
            out.push(group);
        }
        out.push(digit);
    }
    if n.scale > 0 {
        out.push(point);
        out.push_str(&format!("{:0width$}", abs % unit, width = n.scale as usize));
    }
    out
}

/// `n` rounded half away from zero to at most `places` digits after the point.
pub fn rounded(n: Decimal, places: u32) -> Decimal {
    if n.scale <= places {
        return n;
    }
    let units = round_div(i128::from(n.units), 10_i128.pow(n.scale - places));
    Decimal { units: i64::try_from(units).unwrap_or(i64::MAX), scale: places }
}

/// `n` rounded to `places`, with a sign where it is not zero: `+4,2`, `−0,6`.
pub fn signed(lang: Lang, n: Decimal, places: u32) -> String {
    let n = rounded(n, places);
    let plus = if n.units > 0 { "+" } else { "" };
    format!("{plus}{}", number(lang, n))
}

/// A share in hundredths, rounded to `places`: `78,4 %`.
pub fn percent(lang: Lang, n: Decimal, places: u32) -> String {
    format!("{}{NBSP}%", number(lang, rounded(n, places)))
}

/// Money with every digit it has: `1.234.567 đ`, `0,5 đ`.
pub fn money(lang: Lang, amount: Money) -> String {
    let exact = Decimal { units: amount.0, scale: 2 }.trimmed();
    format!("{}{NBSP}{}", number(lang, exact), lang.t(msg::DONG))
}

/// Money for a tile: `312,8 tỷ đ`, `12,3 triệu đ`, below a million every đồng.
pub fn money_short(lang: Lang, amount: Money) -> String {
    if amount.0.unsigned_abs() < 100_000_000 {
        return money(lang, Money::from_decimal(rounded(Decimal { units: amount.0, scale: 2 }, 0)).unwrap_or(amount));
    }
    format!("{}{NBSP}{}", compact(lang, Decimal { units: amount.0, scale: 2 }), lang.t(msg::DONG))
}

/// A number for an axis or a tile: one digit after the point and the word for its size from a hundred thousand on.
pub fn compact(lang: Lang, n: Decimal) -> String {
    let size = i128::from(n.units.unsigned_abs()) / 10_i128.pow(n.scale);
    let steps: [(u32, i128, Msg); 3] =
        [(9, 1_000_000_000, msg::BILLION), (6, 1_000_000, msg::MILLION), (3, 100_000, msg::THOUSAND)];
    match steps.iter().find(|(_, from, _)| size >= *from) {
        Some((digits, _, word)) => {
            let scaled = rounded(Decimal { units: n.units, scale: n.scale + digits }, 1).trimmed();
            format!("{}{NBSP}{}", number(lang, scaled), lang.t(*word))
        }
        None => number(lang, n),
    }
}

/// A day: `09/03/2025` in both languages, as every form of the country writes it.
pub fn date(day: Day) -> String {
    day.vi()
}

/// A minute: `09/03/2025 08:40`.
pub fn date_time(minute: Minute) -> String {
    minute.vi()
}

/// Seconds since 1970 UTC as a minute of Viet Nam.
pub fn moment(seconds: i64) -> String {
    date_time(Minute::of_seconds(seconds))
}

/// The period of length `grain` that starts at `start`: `Tháng 3/2026`, `Quý 1/2026`, `Năm 2026`, `09/03/2025`.
pub fn period(lang: Lang, start: Day, grain: Grain) -> String {
    let (year, month, _) = start.ymd();
    let (year, quarter, month) = (year.to_string(), ((month - 1) / 3 + 1).to_string(), month.to_string());
    match grain {
        Grain::Day => date(start),
        Grain::Month => lang.fmt(msg::PERIOD_MONTH_OF, &[("month", &month), ("year", &year)]),
        Grain::Quarter => lang.fmt(msg::PERIOD_QUARTER_OF, &[("quarter", &quarter), ("year", &year)]),
        Grain::Year => lang.fmt(msg::PERIOD_YEAR_OF, &[("year", &year)]),
    }
}

/// The same under a chart: `09/03`, `T3`, `Q1`, `2026`.
pub fn period_short(lang: Lang, start: Day, grain: Grain) -> String {
    let (year, month, day) = start.ymd();
    match grain {
        Grain::Day => format!("{day:02}/{month:02}"),
        Grain::Month => lang.fmt(msg::PERIOD_SHORT_MONTH, &[("month", &month.to_string())]),
        Grain::Quarter => lang.fmt(msg::PERIOD_SHORT_QUARTER, &[("quarter", &((month - 1) / 3 + 1).to_string())]),
        Grain::Year => year.to_string(),
    }
}

/// The name of a grain: `Ngày`, `Tháng`, `Quý`, `Năm`.
pub fn grain(lang: Lang, grain: Grain) -> &'static str {
    lang.t(match grain {
        Grain::Day => msg::PERIOD_DAY,
        Grain::Month => msg::PERIOD_MONTH,
        Grain::Quarter => msg::PERIOD_QUARTER,
        Grain::Year => msg::PERIOD_YEAR,
    })
}

/// The age on the day `on` of someone born on `birth`: days in the first month, months under 72, then years.
pub fn age(lang: Lang, birth: Day, on: Day) -> String {
    let ((by, bm, bd), (y, m, d)) = (birth.ymd(), on.ymd());
    let months = (y - by) * 12 + m as i32 - bm as i32 - i32::from(d < bd);
    let (message, n) = match months {
        ..=-1 => return lang.t(msg::AGE_UNKNOWN).to_owned(),
        0 => (msg::AGE_DAYS, on.0 - birth.0),
        1..72 => (msg::AGE_MONTHS, months),
        _ => (msg::AGE_YEARS, months / 12),
    };
    keep_together(lang.fmt(message, &[("n", &n.to_string())]))
}

/// The age in years reached in the year of `on`, where only the year of birth is known.
pub fn age_of_year(lang: Lang, year: i32, on: Day) -> String {
    match on.ymd().0 - year {
        n @ 0.. => keep_together(lang.fmt(msg::AGE_YEARS, &[("n", &n.to_string())])),
        _ => lang.t(msg::AGE_UNKNOWN).to_owned(),
    }
}

/// An identifier of which only the ends show: `046162•••217`. Eight characters or fewer show the last two.
pub fn masked(id: &str) -> String {
    let chars: Vec<char> = id.chars().collect();
    let (head, tail) = match chars.len() {
        0 => return String::new(),
        1..=8 => (0, 2.min(chars.len() / 2)),
        9..=11 => (3, 3),
        _ => (6, 3),
    };
    let ends = |part: &[char]| part.iter().collect::<String>();
    format!("{}•••{}", ends(&chars[..head]), ends(&chars[chars.len() - tail..]))
}

/// How long ago `then` was: `vừa xong`, `12 phút trước`, `2 giờ trước`, `3 ngày trước`.
pub fn ago(lang: Lang, then: Minute, now: Minute) -> String {
    match now.0 - then.0 {
        ..2 => lang.t(msg::JUST_NOW).to_owned(),
        minutes => lang.fmt(msg::AGO, &[("span", &span(lang, minutes))]),
    }
}

/// A length of time in its largest whole unit: `45 phút`, `2 giờ`, `3 ngày`.
pub fn span(lang: Lang, minutes: i64) -> String {
    let (message, n) = match minutes {
        ..60 => (msg::DURATION_MINUTES, minutes),
        60..2_880 => (msg::DURATION_HOURS, minutes / 60),
        _ => (msg::DURATION_DAYS, minutes / 1_440),
    };
    keep_together(lang.fmt(message, &[("n", &integer(lang, n))]))
}

/// `text` as a value in a query: everything but letters, digits and `-._~/` percent-encoded.
pub fn query_value(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for b in text.bytes() {
        match b {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => out.push(b.into()),
            b => out.push_str(&format!("%{b:02X}")),
        }
    }
    out
}

/// `address` (path and query) with the query value `name` set to `value`, other values kept: for links that change one thing.
pub fn with_query(address: &str, name: &str, value: &str) -> String {
    let (path, query) = address.split_once('?').unwrap_or((address, ""));
    let kept = query.split('&').filter(|p| !p.is_empty() && p.split('=').next() != Some(name));
    let set = format!("{name}={}", query_value(value));
    let all: Vec<&str> = kept.chain((!value.is_empty()).then_some(set.as_str())).collect();
    if all.is_empty() { path.to_owned() } else { format!("{path}?{}", all.join("&")) }
}

fn keep_together(text: String) -> String {
    text.replace(' ', "\u{a0}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn d(text: &str) -> Decimal {
        text.parse().unwrap()
    }
    fn day(text: &str) -> Day {
        Day::parse_iso(text).unwrap()
    }
    fn plain(text: String) -> String {
        text.replace(NBSP, " ")
    }

    #[test]
    fn numbers() {
        for (n, vi, en) in [
            ("0", "0", "0"),
            ("999", "999", "999"),
            ("1000", "1.000", "1,000"),
            ("1234567", "1.234.567", "1,234,567"),
            ("-1234.50", "−1.234,50", "−1,234.50"),
            ("0.05", "0,05", "0.05"),
        ] {
            assert_eq!((number(Lang::Vi, d(n)).as_str(), number(Lang::En, d(n)).as_str()), (vi, en), "{n}");
        }
        assert_eq!(integer(Lang::Vi, i64::MIN), "−9.223.372.036.854.775.808");
        for (n, places, shown) in
            [("4.25", 1, "+4,3"), ("-0.6", 1, "−0,6"), ("-0.04", 1, "0,0"), ("0", 0, "0"), ("12", 1, "+12")]
        {
            assert_eq!(signed(Lang::Vi, d(n), places), shown, "{n}");
        }
        assert_eq!(plain(percent(Lang::Vi, d("78.4499"), 1)), "78,4 %");
    }

    #[test]
    fn amounts_of_money() {
        for (amount, full, short) in [
            ("0", "0 đ", "0 đ"),
            ("1234", "1.234 đ", "1.234 đ"),
            ("1234.5", "1.234,5 đ", "1.235 đ"),
            ("999999.4", "999.999,4 đ", "999.999 đ"),
            ("12345678", "12.345.678 đ", "12,3 triệu đ"),
            ("312800000000", "312.800.000.000 đ", "312,8 tỷ đ"),
            ("-5000000000", "−5.000.000.000 đ", "−5 tỷ đ"),
        ] {
            let m = Money::parse(amount).unwrap();
            assert_eq!((plain(money(Lang::Vi, m)).as_str(), plain(money_short(Lang::Vi, m)).as_str()), (full, short));
        }
        assert_eq!(plain(compact(Lang::En, d("218460"))), "218.5 thousand");
        assert_eq!(plain(compact(Lang::Vi, d("99999"))), "99.999");
    }

    #[test]
    fn ages() {
        for (birth, on, vi) in [
            ("2025-03-01", "2025-03-01", "0 ngày"),
            ("2025-03-01", "2025-03-04", "3 ngày"),
            ("2025-03-31", "2025-04-30", "30 ngày"),
            ("2024-10-09", "2025-03-09", "5 tháng"),
            ("2019-03-10", "2025-03-09", "71 tháng"),
            ("2019-03-09", "2025-03-09", "6 tuổi"),
            ("1962-06-01", "2026-03-18", "63 tuổi"),
            ("2026-01-01", "2025-01-01", "Chưa rõ tuổi"),
        ] {
            assert_eq!(plain(age(Lang::Vi, day(birth), day(on))), vi, "{birth} {on}");
        }
        assert_eq!(plain(age_of_year(Lang::En, 1962, day("2026-03-18"))), "64 y");
    }

    #[test]
    fn identifiers_show_their_ends() {
        for (id, shown) in [
            ("046162000217", "046162•••217"),
            ("GD4464621234567", "GD4464•••567"),
            ("123456789", "123•••789"),
            ("12345678", "•••78"),
            ("1", "•••"),
            ("", ""),
        ] {
            assert_eq!(masked(id), shown);
        }
    }

    #[test]
    fn addresses_change_one_value() {
        for (address, name, value, expect) in [
            ("/hoc", "lang", "en", "/hoc?lang=en"),
            ("/hoc?period=month&lang=vi", "lang", "en", "/hoc?period=month&lang=en"),
            ("/hoc?lang=vi", "lang", "", "/hoc"),
            ("/people?q=a%20b", "lang", "en", "/people?q=a%20b&lang=en"),
            ("/people", "q", "Đức & An", "/people?q=%C4%90%E1%BB%A9c%20%26%20An"),
        ] {
            assert_eq!(with_query(address, name, value), expect);
        }
    }

    #[test]
    fn periods_and_spans() {
        let start = day("2026-03-01");
        for (g, long, short) in [
            (Grain::Day, "01/03/2026", "01/03"),
            (Grain::Month, "Tháng 3/2026", "T3"),
            (Grain::Quarter, "Quý 1/2026", "Q1"),
            (Grain::Year, "Năm 2026", "2026"),
        ] {
            assert_eq!((period(Lang::Vi, start, g).as_str(), period_short(Lang::Vi, start, g).as_str()), (long, short));
        }
        for (minutes, shown) in
            [(0, "vừa xong"), (2, "2 phút trước"), (59, "59 phút trước"), (150, "2 giờ trước"), (4_400, "3 ngày trước")]
        {
            assert_eq!(plain(ago(Lang::Vi, Minute(0), Minute(minutes))), shown);
        }
    }
}
