//! The QR code of a citizen's identity card (CCCD, căn cước), as a scanner types it.

use mach_base::Day;

/// What the card says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Card {
    /// 12 digits.
    pub number: String,
    /// Full name.
    pub name: String,
    /// Day of birth.
    pub born: Option<Day>,
    /// Year of birth, where the card tells no more.
    pub year: i32,
    /// 1 male, 2 female, 0 not told.
    pub sex: i64,
    /// Residence, as printed.
    pub address: String,
    /// Day of issue.
    pub issued: Option<Day>,
}

/// Reads `number|old number|name|ddMMyyyy|Nam or Nữ|address|ddMMyyyy`, with any further parts left alone; `None` where it is
/// no such code. Newer cards append parts; older ones tell a year, or month and year, of birth.
pub fn read(text: &str) -> Option<Card> {
    let parts: Vec<&str> = text.trim().split('|').map(str::trim).collect();
    let [number, _, name, born, sex, address, issued, ..] = parts.as_slice() else { return None };
    let digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
    if number.len() != 12 || !digits(number) || name.is_empty() || !digits(born) {
        return None;
    }
    let day = |text: &str| {
        let part = |range: std::ops::Range<usize>| text.get(range)?.parse::<u32>().ok();
        Day::from_ymd(i32::try_from(part(4..8)?).ok()?, part(2..4)?, part(0..2)?).filter(|_| text.len() == 8)
    };
    let year = born.len().checked_sub(4).and_then(|at| born.get(at..)?.parse().ok())?;
    if !matches!(born.len(), 4 | 6 | 8) || (born.len() == 8 && day(born).is_none()) {
        return None;
    }
    let sex = match mach_base::text::fold(sex).as_str() {
        "nam" => 1,
        "nu" => 2,
        _ => 0,
    };
    Some(Card {
        number: (*number).to_owned(),
        name: (*name).to_owned(),
        born: day(born),
        year,
        sex,
        address: (*address).to_owned(),
        issued: day(issued),
    })
}

/// Whether a 12-digit number fits birth and sex (its 4th digit tells century and sex, the next two the year). It only warns:
/// people have corrected births. Decree 137/2015, Article 13, and Circular 59/2021 by public descriptions.
pub fn is_odd(number: &str, year: i32, sex: i64) -> bool {
    let digit = |at: usize| number.as_bytes().get(at).map(|b| i32::from(b.wrapping_sub(b'0')));
    let (12, Some(fourth), Some(tens), Some(ones)) = (number.len(), digit(3), digit(4), digit(5)) else { return false };
    let written = 1900 + fourth / 2 * 100 + tens * 10 + ones;
    let female = i64::from(fourth % 2 == 1);
    (year != 0 && written != year) || (matches!(sex, 1 | 2) && female != sex - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cards_as_scanners_type_them() {
        let card = read("046085001234|191234567|Nguyễn Văn An|09031985|Nam|Thôn 1, Phú Vang, Huế|01012022\r\n")
            .expect("a card");
        assert_eq!(
            (card.number.as_str(), card.name.as_str(), card.year, card.sex),
            ("046085001234", "Nguyễn Văn An", 1985, 1)
        );
        assert_eq!(card.born, Day::from_ymd(1985, 3, 9));
        assert_eq!(card.issued, Day::from_ymd(2022, 1, 1));
        let newer = read("046185001234||Lê Thị Bé|1985|Nữ|Huế|01012025||Cha|Mẹ|").expect("a newer card");
        assert_eq!((newer.born, newer.year, newer.sex), (None, 1985, 2));
        for bad in [
            "",
            "x",
            "046085001234",
            "04608500123|1|A|09031985|Nam|X|01012022",
            "046085001234||A|31021985|Nam|X|1",
            "a|b|c|d|e|f|g",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn numbers_that_do_not_fit_are_odd() {
        for (number, year, sex, odd) in [
            ("046085001234", 1985, 1, false),
            ("046185001234", 1985, 2, false),
            ("046085001234", 1985, 2, true),
            ("046085001234", 1986, 1, true),
            ("046205001234", 2005, 1, false),
            ("191234567", 1985, 1, false),
        ] {
            assert_eq!(is_odd(number, year, sex), odd, "{number}");
        }
    }
}
