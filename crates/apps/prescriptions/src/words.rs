//! Quantities: read from what was typed, and written as the circular asks.

/// A quantity with at most two decimals, in hundredths: `0,5` is 50.
pub fn hundredths(text: &str) -> Option<i64> {
    let text = text.trim().replace(',', ".");
    let (whole, part) = text.split_once('.').unwrap_or((&text, ""));
    let digits = |t: &str| t.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || whole.len() > 6 || part.len() > 2 || !digits(whole) || !digits(part) {
        return None;
    }
    let part: i64 = format!("{part:0<2}").parse().ok()?;
    Some(whole.parse::<i64>().ok()? * 100 + part)
}

/// Hundredths as written: below ten with a leading 0.
pub fn written(quantity: i64) -> String {
    let whole = if quantity < 1_000 { format!("{:02}", quantity / 100) } else { (quantity / 100).to_string() };
    match quantity % 100 {
        0 => whole,
        part => format!("{whole},{}", format!("{part:02}").trim_end_matches('0')),
    }
}

const DIGITS: [&str; 10] = ["không", "một", "hai", "ba", "bốn", "năm", "sáu", "bảy", "tám", "chín"];

fn below_thousand(n: usize, full: bool) -> String {
    let (hundred, ten, one) = (n / 100, n / 10 % 10, n % 10);
    let mut out = Vec::new();
    if hundred > 0 || full {
        out.push(format!("{} trăm", DIGITS[hundred]));
    }
    match ten {
        0 if one > 0 && !out.is_empty() => out.push("lẻ".to_owned()),
        0 => {}
        1 => out.push("mười".to_owned()),
        _ => out.push(format!("{} mươi", DIGITS[ten])),
    }
    match (ten, one) {
        (_, 0) => {}
        (2.., 1) => out.push("mốt".to_owned()),
        (1.., 5) => out.push("lăm".to_owned()),
        _ => out.push(DIGITS[one].to_owned()),
    }
    out.join(" ")
}

/// A whole number below a million in Vietnamese words, beginning with a capital: how quantities of narcotics are written.
pub fn in_words(n: i64) -> String {
    let n = usize::try_from(n).unwrap_or_default() % 1_000_000;
    let text = match (n / 1_000, n % 1_000) {
        (0, 0) => "không".to_owned(),
        (0, rest) => below_thousand(rest, false),
        (thousands, 0) => format!("{} nghìn", below_thousand(thousands, false)),
        (thousands, rest) => format!("{} nghìn {}", below_thousand(thousands, false), below_thousand(rest, true)),
    };
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_read_and_written_as_the_circular_asks() {
        for (text, want) in [
            ("7", Some(700)),
            ("0,5", Some(50)),
            ("12.25", Some(1_225)),
            ("999999", Some(99_999_900)),
            ("1000000", None),
            ("", None),
            ("-1", None),
            ("1,234", None),
            ("1e3", None),
            ("1.2.3", None),
        ] {
            assert_eq!(hundredths(text), want, "{text}");
        }
        let shown = [(700, "07"), (1_000, "10"), (50, "00,5"), (1_225, "12,25"), (905, "09,05")];
        for (quantity, want) in shown {
            assert_eq!(written(quantity), want);
        }
        for (n, words) in [
            (0, "Không"),
            (7, "Bảy"),
            (10, "Mười"),
            (15, "Mười lăm"),
            (21, "Hai mươi mốt"),
            (60, "Sáu mươi"),
            (105, "Một trăm lẻ năm"),
            (1_005, "Một nghìn không trăm lẻ năm"),
            (20_000, "Hai mươi nghìn"),
        ] {
            assert_eq!(in_words(n), words);
        }
    }
}
