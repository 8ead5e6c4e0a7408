//! Order of times (claims format §7, §8): of the visit, and of its lines.

use mach_base::{Day, Minute};

use super::context::{Context, args};
use crate::raw::RawRow;

/// `NGAY_VAO_NOI_TRU` of XML1 and XML0: not before arrival.
pub(super) fn admission(cx: &mut Context<'_>, row: RawRow<'_>) {
    let minute = |tag| Minute::parse_compact(row.get(tag));
    if let (Some(arrived), Some(admitted)) = (minute("NGAY_VAO"), minute("NGAY_VAO_NOI_TRU"))
        && admitted < arrived
    {
        cx.at(row, "NGAY_VAO_NOI_TRU", "TIME-ADMIT", args![admitted.vi(), arrived.vi()]);
    }
}

/// The visit as a whole.
pub(super) fn head(cx: &mut Context<'_>, head: RawRow<'_>) {
    admission(cx, head);
    period(cx, head);
    let (Some(arrived), Some(left)) = (cx.arrived, cx.left) else { return };
    if left < arrived {
        return cx.at_head("NGAY_RA", "TIME-LEAVE", args![left.vi(), arrived.vi(), "NGAY_VAO"]);
    }
    if let Some(admitted) = cx.admitted.filter(|admitted| left < *admitted) {
        cx.at_head("NGAY_RA", "TIME-LEAVE", args![left.vi(), admitted.vi(), "NGAY_VAO_NOI_TRU"]);
    }
    if let Some(paid) = Minute::parse_compact(head.get("NGAY_TTOAN")).filter(|paid| *paid < left) {
        cx.at_head("NGAY_TTOAN", "TIME-PAID", args![paid.vi(), left.vi()]);
    }
    if let Some(written) = Day::parse_compact(&cx.raw.written_on).filter(|written| *written < left.day()) {
        cx.at_head("NGAY_RA", "TIME-WRITTEN", args![written.vi(), left.day().vi()]);
    }
    days(cx, head, arrived, left);
}

/// `SO_NGAY_DTRI`, which the portal computes. Kinds 05 and 08 count days of supply or service; 4210 has no such rule.
fn days(cx: &mut Context<'_>, head: RawRow<'_>, arrived: Minute, left: Minute) {
    let Ok(days) = head.get("SO_NGAY_DTRI").parse::<i64>() else { return };
    let expect = match cx.kind {
        "01" | "07" | "09" => 0,
        "02" | "03" | "04" | "06" => i64::from(left.day().0 - arrived.day().0) + 1,
        _ => return,
    };
    if days != expect {
        cx.at_head("SO_NGAY_DTRI", "DAYS-COUNT", args![days, expect, cx.kind]);
    }
}

/// `NAM_QT`, `THANG_QT`: a month, not before that of discharge.
fn period(cx: &mut Context<'_>, head: RawRow<'_>) {
    let (Ok(year), Ok(month)) = (head.get("NAM_QT").parse::<i32>(), head.get("THANG_QT").parse::<i32>()) else {
        return;
    };
    if !(1..=12).contains(&month) {
        return cx.at_head("THANG_QT", "PERIOD-MONTH", args![month]);
    }
    let Some((left_year, left_month, _)) = cx.left.map(|m| m.day().ymd()) else { return };
    if (year, month) < (left_year, left_month as i32) {
        let (asked, left) = (format!("{month:02}/{year}"), format!("{left_month:02}/{left_year}"));
        cx.at_head("THANG_QT", "PERIOD-EARLY", args![asked, left]);
    }
}

/// Orders, their performance and results.
pub(super) fn lines(cx: &mut Context<'_>) {
    let raw = cx.raw;
    for row in raw.rows(2).chain(raw.rows(3)) {
        let minute = |tag| Minute::parse_compact(row.get(tag));
        let Some(ordered) = minute("NGAY_YL") else { continue };
        if let (Some(arrived), Some(left)) = (cx.arrived, cx.left)
            && !(arrived..=left).contains(&ordered)
            && arrived <= left
        {
            cx.at(row, "NGAY_YL", "TIME-ORDER", args![ordered.vi(), arrived.vi(), left.vi()]);
        }
        let (performed, resulted) = (minute("NGAY_TH_YL"), minute("NGAY_KQ"));
        if let Some(performed) = performed.filter(|p| *p < ordered) {
            cx.at(row, "NGAY_TH_YL", "TIME-PERFORM", args![performed.vi(), ordered.vi()]);
        }
        let Some(resulted) = resulted else { continue };
        if resulted < ordered {
            cx.at(row, "NGAY_KQ", "TIME-RESULT", args![resulted.vi(), ordered.vi()]);
        } else if let Some(performed) = performed.filter(|p| resulted < *p) {
            cx.at(row, "NGAY_KQ", "TIME-RESULT-PERFORM", args![resulted.vi(), performed.vi()]);
        }
    }
}
