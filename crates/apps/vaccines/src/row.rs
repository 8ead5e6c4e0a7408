//! A row of a spreadsheet: its columns by name, what is wrong with it, what is in doubt.

use crate::products::{Product, Products};
use mach_base::text::{fold, nfc};
use mach_base::{Day, limits};
use mach_people::Birth;
use mach_store::vaccines::Reason;
use sha2::{Digest, Sha256};

/// Columns of a file: the name, other names (folded) that exports write, whether it must be there.
pub const COLUMNS: [(&str, &[&str], bool); 14] = [
    ("HO_TEN", &["ho va ten", "ho ten", "name"], true),
    ("NGAY_SINH", &["ngay sinh", "birth date"], true),
    ("GIOI_TINH", &["gioi tinh", "sex"], true),
    ("SO_CCCD", &["cccd", "so cccd", "cmnd/cccd", "cccd/cmnd/ho chieu", "so dinh danh"], true),
    ("VAC_XIN", &["vac xin", "ten vac xin", "loai vac xin", "vaccine"], true),
    ("NGAY_TIEM", &["ngay tiem", "ngay gio tiem", "date"], true),
    ("MUI_SO", &["mui so", "mui thu", "lieu thu"], false),
    ("SO_LO", &["so lo", "lo vac xin", "lot"], false),
    ("CO_SO_TIEM", &["ma co so tiem", "ma co so", "facility"], false),
    ("QUOC_TICH", &["quoc tich", "nationality"], false),
    ("DIEN_THOAI", &["dien thoai", "so dien thoai", "phone"], false),
    ("MA_XA", &["ma xa", "ma phuong xa", "commune"], false),
    ("DIA_CHI", &["dia chi", "noi o hien tai", "address"], false),
    ("MA_DOI_TUONG", &["ma doi tuong", "subject"], false),
];

const NAME: usize = 0;
const BORN: usize = 1;
const SEX: usize = 2;
const NUMBER: usize = 3;
const VACCINE: usize = 4;
const GIVEN: usize = 5;
const DOSE: usize = 6;
const LOT: usize = 7;
const FACILITY: usize = 8;
const NATIONALITY: usize = 9;
const PHONE: usize = 10;
const COMMUNE: usize = 11;
const ADDRESS: usize = 12;
const LOCAL: usize = 13;

/// Characters of one cell.
pub const CELL_CHARS: usize = 255;
/// Characters of a passport's number.
const PASSPORT: std::ops::RangeInclusive<usize> = 6..=9;
/// Doses of one vaccine that a person may have.
pub const MOST_DOSES: i64 = 20;

/// Where a file has which column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header([Option<usize>; COLUMNS.len()]);

impl Header {
    /// Reads the first row.
    ///
    /// # Errors
    /// Which column is missing or stands twice.
    pub fn read<'a>(cells: impl Iterator<Item = &'a str>) -> Result<Self, String> {
        let mut out = [None; COLUMNS.len()];
        for (at, cell) in cells.enumerate() {
            let folded = fold(cell.trim());
            let column = COLUMNS.iter().position(|(name, others, _)| {
                name.eq_ignore_ascii_case(cell.trim()) || others.contains(&folded.as_str())
            });
            if let Some(place) = column.and_then(|n| out.get_mut(n))
                && place.replace(at).is_some()
            {
                return Err(format!("column `{}` stands twice", cell.trim()));
            }
        }
        match COLUMNS.iter().zip(&out).find(|((_, _, must), at)| *must && at.is_none()) {
            Some(((name, ..), _)) => Err(format!("column {name} is missing")),
            None => Ok(Self(out)),
        }
    }
}

/// Whether a number names the person: trusted, or why not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// It can be theirs.
    Number(String),
    /// It is missing or cannot be; with what was written.
    Doubtful(Reason, String),
}

/// A dose as a row says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// Full name.
    pub name: String,
    /// Birth, as far as known.
    pub birth: Birth,
    /// 1 male, 2 female, 3 other.
    pub sex: i64,
    /// The national number.
    pub identity: Identity,
    /// The vaccine.
    pub product: &'static Product,
    /// When.
    pub day: Day,
    /// The how manieth.
    pub number: i64,
    /// Lot.
    pub lot: String,
    /// Facility code; empty: the sender's.
    pub facility: String,
    /// Nationality code; `000` is Viet Nam.
    pub nationality: String,
    /// Telephone.
    pub phone: String,
    /// Commune code.
    pub commune: String,
    /// Address.
    pub address: String,
    /// The sender's own number of the person; made of their particulars where the file has none.
    pub local: String,
    /// Whether the file has that number.
    pub has_local: bool,
}

/// What is wrong in a row: column, what and what is wanted.
pub type Wrong = Vec<(&'static str, String)>;

/// Checks a CCCD against what it says of its owner (digits 4–6: century with sex, year): Circular 59/2021/TT-BCA.
pub fn identity(number: &str, birth: Birth, sex: i64) -> Identity {
    // Only what people write between the groups of a number goes: a word is no number, whatever is left of it.
    let kept = number.trim().chars().filter(|c| !matches!(c, ' ' | '\u{a0}' | '.' | '-' | '\''));
    let plain: String = kept.flat_map(char::to_uppercase).collect();
    let doubtful = |reason| Identity::Doubtful(reason, number.chars().take(30).collect());
    if plain.is_empty() {
        return doubtful(Reason::Missing);
    }
    if !plain.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return doubtful(Reason::Malformed);
    }
    let digits: Vec<i64> = plain.bytes().filter(u8::is_ascii_digit).map(|b| i64::from(b - b'0')).collect();
    // ICAO 9303: at most nine characters.
    let is_passport = !plain.starts_with(|c: char| c.is_ascii_digit()) && PASSPORT.contains(&plain.len());
    if is_passport && digits.len() >= 5 {
        return Identity::Number(plain);
    }
    if digits.len() != 12 || plain.len() != 12 || digits.iter().all(|d| Some(d) == digits.first()) {
        return doubtful(Reason::Malformed);
    }
    let (century, year) = (digits[3] / 2, digits[4] * 10 + digits[5]);
    let (says_year, says_sex) = (1900 + 100 * century + year, 1 + digits[3] % 2);
    if digits[..3].iter().all(|d| *d == 0) || century > 4 {
        return doubtful(Reason::Malformed);
    }
    let year_differs = birth.year != 0 && i64::from(birth.year) != says_year;
    if year_differs || (matches!(sex, 1 | 2) && sex != says_sex) {
        return doubtful(Reason::Contradicts);
    }
    Identity::Number(plain)
}

/// A birth as people and exports write it: `09/03/1985`, `1985-03-09`, with a time behind it; a year alone.
fn birth(text: &str) -> Option<Birth> {
    let first = text.split_whitespace().next().unwrap_or_default();
    if let Some(day) = day(first) {
        return Some(Birth { year: day.ymd().0, day: Some(day) });
    }
    let year: i32 = first.parse().ok().filter(|_| first.len() == 4)?;
    Some(Birth { year, day: None })
}

/// A day as people and exports write it.
pub(crate) fn day(text: &str) -> Option<Day> {
    let text = text.split(['T', ' ']).next().unwrap_or_default();
    if let Some(day) = Day::parse_iso(text).or_else(|| Day::parse_compact(text)) {
        return Some(day);
    }
    let parts: Vec<&str> = text.split(['/', '-', '.']).collect();
    let [d, m, y] = parts.as_slice() else { return None };
    if y.len() != 4 || d.len() > 2 || m.len() > 2 {
        return None;
    }
    Day::from_ymd(y.parse().ok()?, m.parse().ok()?, d.parse().ok()?)
}

fn clean(cell: &str) -> String {
    let text: String = cell.trim().chars().filter(|c| !c.is_control()).collect();
    nfc(text.split_whitespace().collect::<Vec<_>>().join(" ").as_str())
}

/// Reads a row; `cell` gives the text of a column of the file.
///
/// # Errors
/// All that is wrong with it.
pub fn read<'a>(header: &Header, cell: impl Fn(usize) -> Option<&'a str>, today: Day) -> Result<Given, Wrong> {
    let at = |n: usize| header.0.get(n).copied().flatten().and_then(&cell).unwrap_or_default().trim();
    let mut wrong = Wrong::new();
    for ((name, ..), place) in COLUMNS.iter().zip(&header.0) {
        if place.and_then(&cell).is_some_and(|c| c.chars().count() > CELL_CHARS) {
            wrong.push((name, format!("longer than {CELL_CHARS} characters")));
        }
        if let Some(text) = place.and_then(&cell).filter(|c| mach_sheets::is_error(c)) {
            wrong.push((name, format!("the spreadsheet shows the error {} here", text.trim())));
        }
    }
    if !wrong.is_empty() {
        return Err(wrong);
    }
    let name = clean(at(NAME));
    if name.is_empty() || name.chars().count() > limits::NAME_CHARS || !name.chars().any(char::is_alphabetic) {
        wrong.push(("HO_TEN", "a name is wanted".to_owned()));
    }
    let oldest = today.ymd().0 - 130;
    let born = birth(at(BORN)).filter(|b| b.year >= oldest && b.year <= today.ymd().0);
    let born = born.filter(|b| b.day.is_none_or(|d| d <= today));
    if born.is_none() {
        wrong.push(("NGAY_SINH", "a day or year of birth is wanted, dd/MM/yyyy, not in the future".to_owned()));
    }
    let sex = match fold(at(SEX)).as_str() {
        "1" | "nam" | "male" | "m" => Some(1),
        "2" | "nu" | "female" | "f" => Some(2),
        "3" | "khac" | "other" => Some(3),
        _ => None,
    };
    if sex.is_none() {
        wrong.push(("GIOI_TINH", "1 (Nam), 2 (Nữ) or 3 (khác) is wanted".to_owned()));
    }
    let product = Products::shared().find(at(VACCINE));
    if product.is_none() {
        wrong.push(("VAC_XIN", "this vaccine is not in the list (content/vaccines/products.csv)".to_owned()));
    }
    let given = day(at(GIVEN)).filter(|d| *d <= today);
    match (given, born) {
        (None, _) => wrong.push(("NGAY_TIEM", "a day is wanted, dd/MM/yyyy, not in the future".to_owned())),
        (Some(day), Some(born)) if born.day.is_some_and(|b| day < b) || day.ymd().0 < born.year => {
            wrong.push(("NGAY_TIEM", "before the day of birth".to_owned()));
        }
        _ => {}
    }
    let number = match at(DOSE) {
        "" => Some(1),
        text => text.rsplit(' ').next().unwrap_or(text).parse().ok().filter(|n| (1..=MOST_DOSES).contains(n)),
    };
    if number.is_none() {
        wrong.push(("MUI_SO", format!("a number from 1 to {MOST_DOSES} is wanted")));
    }
    let facility = at(FACILITY).to_uppercase();
    if !facility.is_empty() && (facility.len() != 5 || !facility.bytes().all(|b| b.is_ascii_alphanumeric())) {
        wrong.push(("CO_SO_TIEM", "the facility's code of five characters is wanted".to_owned()));
    }
    let commune = at(COMMUNE).to_owned();
    if !commune.is_empty() && (commune.len() > 5 || !commune.bytes().all(|b| b.is_ascii_digit())) {
        wrong.push(("MA_XA", "the commune's code of five digits is wanted".to_owned()));
    }
    let (Some(birth), Some(sex), Some(product), Some(day), Some(number), true) =
        (born, sex, product, given, number, wrong.is_empty())
    else {
        return Err(wrong);
    };
    let phone: String = at(PHONE).chars().filter(|c| c.is_ascii_digit() || *c == '+').take(20).collect();
    let has_local = !at(LOCAL).is_empty();
    let local = match clean(at(LOCAL)) {
        local if local.is_empty() => {
            // Where they live tells namesakes apart: two who are one meet in the queue, one who is two would lose a dose.
            let lives = format!("{}|{}", at(COMMUNE), fold(at(ADDRESS)));
            let particulars = format!("{}|{}|{:?}|{sex}|{phone}|{lives}", fold(&name), birth.year, birth.day);
            format!("TC{}", mach_sign::hex(&Sha256::digest(particulars)[..8]).to_uppercase())
        }
        local => local,
    };
    let commune = if commune.is_empty() { commune } else { format!("{commune:0>5}") };
    Ok(Given {
        identity: identity(at(NUMBER), birth, sex),
        birth,
        sex,
        product,
        day,
        number,
        lot: clean(at(LOT)),
        facility,
        nationality: clean(at(NATIONALITY)),
        phone,
        commune,
        address: clean(at(ADDRESS)),
        local,
        has_local,
        name,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: [&str; 8] =
        ["Họ và tên", "NGAY_SINH", "gioi tinh", "Số CCCD", "Vắc xin", "Ngày tiêm", "Mũi số", "CO_SO_TIEM"];

    fn one(cells: [&str; 8]) -> Result<Given, Wrong> {
        let header = Header::read(HEAD.into_iter()).expect("the header");
        read(&header, |n| cells.get(n).copied(), Day::parse_iso("2026-11-26").expect("a day"))
    }

    #[test]
    fn rows_are_read_as_exports_write_them() {
        let good = one([
            "  Nguyễn  Văn An ",
            "09/03/1985",
            "Nam",
            "046085000001",
            "AstraZeneca",
            "01/08/2021 09:30",
            "Mũi 2",
            "",
        ]);
        let good = good.expect("good");
        assert_eq!((good.name.as_str(), good.sex, good.number), ("Nguyễn Văn An", 1, 2));
        assert_eq!(good.identity, Identity::Number("046085000001".into()));
        let again = one(["NGUYỄN VĂN AN", "1985-03-09", "1", "046 085 000 001", "vaxzevria", "2021-08-01", "2", ""]);
        let again = again.expect("good");
        assert_eq!(
            (&again.identity, again.day, again.number),
            (&good.identity, good.day, good.number),
            "written otherwise"
        );
    }

    #[test]
    fn what_is_wrong_is_told_by_column() {
        let wrong = one(["", "32/13/1985", "x", "1", "muối", "01/08/2031", "99", "460"]).expect_err("refused");
        let columns: Vec<_> = wrong.iter().map(|(c, _)| *c).collect();
        assert_eq!(columns, ["HO_TEN", "NGAY_SINH", "GIOI_TINH", "VAC_XIN", "NGAY_TIEM", "MUI_SO", "CO_SO_TIEM"]);
        let before = one(["An", "2021-08-02", "1", "", "VGB", "2021-08-01", "1", ""]).expect_err("refused");
        assert_eq!(before[0].0, "NGAY_TIEM");
        let long = |n: usize| one(["An", "1985", "1", "", "VGB", "2021-08-01", "1", &"9".repeat(n)]);
        assert!(long(CELL_CHARS + 1).expect_err("refused")[0].1.contains("255"));
        assert_eq!(long(CELL_CHARS).expect_err("refused")[0].0, "CO_SO_TIEM");
        let error = one(["#N/A", "1985", "1", "", "VGB", "#REF!", "1", ""]).expect_err("refused");
        assert_eq!(error.iter().map(|(c, _)| *c).collect::<Vec<_>>(), ["HO_TEN", "NGAY_TIEM"]);
        for (n, good) in [("20", true), ("21", false), ("0", false)] {
            assert_eq!(one(["An", "1985", "1", "", "VGB", "2021-08-01", n, ""]).is_ok(), good, "{n}");
        }
        assert!(Header::read(["HO_TEN"].into_iter()).is_err_and(|e| e.contains("NGAY_SINH")));
        assert!(Header::read(HEAD.into_iter().chain(["Vac xin"])).is_err_and(|e| e.contains("twice")));
    }

    #[test]
    fn numbers_say_the_year_and_the_sex() {
        let born = |year| Birth { year, day: None };
        let reason = |number: &str, year, sex| match identity(number, born(year), sex) {
            Identity::Number(_) => None,
            Identity::Doubtful(reason, _) => Some(reason),
        };
        for (number, year, sex, want) in [
            ("046085000001", 1985, 1, None),
            ("046185000001", 1985, 2, None),
            ("046205000001", 2005, 1, None),
            ("046085000001", 1985, 3, None),
            ("B1234567", 1985, 1, None),
            ("", 1985, 1, Some(Reason::Missing)),
            ("không có", 1985, 1, Some(Reason::Malformed)),
            ("không có 12345", 1985, 1, Some(Reason::Malformed)),
            ("mất 046085", 1985, 1, Some(Reason::Malformed)),
            ("C01X00T47", 1985, 1, None),
            ("AB12345678", 1985, 1, Some(Reason::Malformed)),
            ("B1234", 1985, 1, Some(Reason::Malformed)),
            ("ABCDE12345", 1985, 1, Some(Reason::Malformed)),
            ("046.085-000 001", 1985, 1, None),
            ("Số 046085000001", 1985, 1, Some(Reason::Malformed)),
            ("191777001", 1985, 1, Some(Reason::Malformed)),
            ("111111111111", 1911, 2, Some(Reason::Malformed)),
            ("000085000001", 1985, 1, Some(Reason::Malformed)),
            ("046085000001", 1986, 1, Some(Reason::Contradicts)),
            ("046085000001", 1985, 2, Some(Reason::Contradicts)),
        ] {
            assert_eq!(reason(number, year, sex), want, "{number} {year} {sex}");
        }
    }
}
