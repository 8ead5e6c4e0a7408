//! Insurance cards of XML1 and XML0 (claims format §4).

use mach_base::Day;

use super::context::{Context, args};
use super::formats;
use crate::raw::RawRow;

/// Values of a `;` list.
fn values(text: &str) -> impl Iterator<Item = &str> {
    text.split(';').map(str::trim).filter(|v| !v.is_empty())
}

pub(super) fn check(cx: &mut Context<'_>, row: RawRow<'_>) {
    let number = if cx.is_4210() { "MA_THE" } else { "MA_THE_BHYT" };
    let cards = row.get(number);
    missing(cx, row, number);
    if cards.is_empty() {
        return;
    }
    for card in values(cards) {
        one(cx, row, number, card);
    }
    let count = values(cards).count();
    for tag in ["MA_DKBD", "GT_THE_TU", "GT_THE_DEN"] {
        let of_tag = values(row.get(tag)).count();
        if of_tag > 0 && of_tag != count {
            cx.at(row, tag, "CARD-COUNT", args![count, of_tag]);
        }
    }
    validity(cx, row);
}

/// Cards may be left out only where the visit is not insured (code 9).
fn missing(cx: &mut Context<'_>, row: RawRow<'_>, number: &str) {
    if cx.is_4210() || row.get("MA_DOITUONG_KCB") == "9" {
        return;
    }
    for tag in [number, "MA_DKBD", "GT_THE_TU", "GT_THE_DEN"] {
        if row.get(tag).is_empty() {
            cx.at(row, tag, "CARD-MISSING", []);
        }
    }
}

fn one(cx: &mut Context<'_>, row: RawRow<'_>, tag: &str, card: &str) {
    if !formats::card(card) {
        return cx.at(row, tag, "CARD-FORMAT", args![card]);
    }
    let (letters, level) = (&card[..2], &card[2..3]);
    if cx.codes.get("THE_DOI_TUONG", letters).is_none() {
        return cx.at(row, tag, "CARD-LETTERS", args![letters, card]);
    }
    if let Some(usual) = cx.codes.usual_level(letters).filter(|usual| *usual != level) {
        cx.at(row, tag, "CARD-LEVEL", args![card, letters, usual]);
    }
}

fn validity(cx: &mut Context<'_>, row: RawRow<'_>) {
    let days = |tag| values(row.get(tag)).map(Day::parse_compact).collect::<Option<Vec<_>>>();
    let (Some(from), Some(to)) = (days("GT_THE_TU"), days("GT_THE_DEN")) else { return };
    for (n, (from, to)) in from.iter().zip(&to).enumerate() {
        if to < from {
            cx.at(row, "GT_THE_DEN", "CARD-DATES", args![n + 1]);
        }
    }
    let Some(left) = cx.left.map(|m| m.day()) else { return };
    if let Some(last) = to.iter().max().filter(|last| **last < left) {
        cx.at(row, "GT_THE_DEN", "CARD-EXPIRED", args![last.vi(), left.vi()]);
    }
    if let Some(first) = from.iter().min().filter(|first| **first > left) {
        cx.at(row, "GT_THE_TU", "CARD-NOT-YET", args![first.vi(), left.vi()]);
    }
}
