//! The person of a claim.

use mach_base::{Day, Minute};

use super::ConvertError;
use super::field::Fields;
use crate::dossier::{Birth, Card, PersonOnClaim};
use crate::layout::Family;
use crate::raw::trim;

pub(super) fn person(head: Fields) -> Result<PersonOnClaim, ConvertError> {
    let cards = cards(head)?;
    let national_id = head.get("SO_CCCD");
    let some = |text: String| Some(text).filter(|t| !t.is_empty());
    Ok(PersonOnClaim {
        local_id: head.text("MA_BN"),
        name: head.text("HO_TEN"),
        birth: birth(head)?,
        sex: head.code("GIOI_TINH"),
        national_id: is_national_id(national_id).then(|| national_id.to_owned()),
        insurance_id: cards.iter().find_map(insurance_id),
        phone: some(head.text("DIEN_THOAI")),
        ethnicity: head.code("MA_DANTOC"),
        nationality: head.code("MA_QUOCTICH"),
        occupation: head.code("MA_NGHE_NGHIEP"),
        address: head.text("DIA_CHI"),
        province: head.code("MATINH_CU_TRU"),
        district: head.code("MAHUYEN_CU_TRU"),
        commune: head.code("MAXA_CU_TRU"),
        cards,
    })
}

/// `NGAY_SINH`: `yyyyMMddHHmm` with zeros for what is not known (130 family), `yyyyMMdd` or `yyyy` (4210).
fn birth(head: Fields) -> Result<Birth, ConvertError> {
    let text = head.get("NGAY_SINH");
    let wrong = || head.wrong("NGAY_SINH", "a birth date");
    if !matches!(text.len(), 4 | 8 | 12) || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(wrong());
    }
    let year = text[..4].parse().map_err(|_| wrong())?;
    let month_and_day = text.get(4..8).unwrap_or("0000");
    if month_and_day.starts_with("00") || month_and_day.ends_with("00") {
        return Ok(Birth { year, day: None, minute: None });
    }
    let day = Some(Day::parse_compact(&text[..8]).ok_or_else(wrong)?);
    let minute = match text.get(8..) {
        None | Some("" | "0000") => None,
        Some(_) => Some(Minute::parse_compact(text).ok_or_else(wrong)?),
    };
    Ok(Birth { year, day, minute })
}

/// Nine or twelve digits, or a capital letter and seven digits.
fn is_national_id(text: &str) -> bool {
    let digits = |t: &str| t.bytes().all(|b| b.is_ascii_digit());
    match text.len() {
        9 | 12 => digits(text),
        8 => text.as_bytes()[0].is_ascii_uppercase() && text.get(1..).is_some_and(digits),
        _ => false,
    }
}

/// Cards in the order of `MA_THE_BHYT`; the other lists are taken place by place.
fn cards(head: Fields) -> Result<Vec<Card>, ConvertError> {
    let numbers = head.get(if head.family == Family::Q4210 { "MA_THE" } else { "MA_THE_BHYT" });
    let part = |tag: &str, i: usize| trim(head.get(tag).split(';').nth(i).unwrap_or(""));
    let day = |tag: &str, i| match part(tag, i) {
        "" => Ok(None),
        d => Day::parse_compact(d).map(Some).ok_or_else(|| head.wrong(tag, "days yyyyMMdd")),
    };
    let numbers = numbers.split(';').map(trim).enumerate().filter(|(_, number)| !number.is_empty());
    numbers
        .map(|(i, number)| {
            Ok(Card {
                number: number.to_owned(),
                registered_at: part("MA_DKBD", i).to_owned(),
                from: day("GT_THE_TU", i)?,
                to: day("GT_THE_DEN", i)?,
            })
        })
        .collect()
}

/// The last ten digits of a card of fifteen characters. A newborn's temporary card (`TE1…`, registered at province +
/// `000`) carries a running number there, which must not tie two children together.
fn insurance_id(card: &Card) -> Option<String> {
    let digits = card.number.get(5..).filter(|d| d.len() == 10 && d.bytes().all(|b| b.is_ascii_digit()))?;
    let temporary = card.number.starts_with("TE1") && card.registered_at.ends_with("000");
    (!temporary && digits != "0000000000").then(|| digits.to_owned())
}
