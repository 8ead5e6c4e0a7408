//! Papers that travel with a claim: discharge paper, leave certificates, appointment, HIV sheet (claims format §7, §8).

use mach_base::{Day, Minute};

use super::context::{Context, args};
use crate::raw::RawRow;

/// Longest sick leave on one paper, and for tuberculosis.
const SICK_DAYS: (i64, i64) = (30, 180);
/// Size of the result summary above which reviewers ask for a shorter one.
const SUMMARY_CHARS: usize = 4_000;

pub(super) fn check(cx: &mut Context<'_>) {
    let raw = cx.raw;
    raw.rows(6).for_each(|row| hiv(cx, row));
    raw.rows(7).for_each(|row| discharge(cx, row));
    for row in raw.rows(8) {
        let length = row.get("TOMTAT_KQ").chars().count();
        if length > SUMMARY_CHARS {
            cx.at(row, "TOMTAT_KQ", "AUDIT-SUMMARY-LONG", args![length]);
        }
    }
    raw.rows(10).for_each(|row| prenatal(cx, row));
    raw.rows(11).for_each(|row| sick(cx, row));
    raw.rows(14).for_each(|row| appointment(cx, row));
}

fn day(row: RawRow<'_>, tag: &str) -> Option<Day> {
    let text = row.get(tag);
    Day::parse_compact(text).or_else(|| Minute::parse_compact(text).map(Minute::day))
}

fn hiv(cx: &mut Context<'_>, row: RawRow<'_>) {
    let (Some(from), Some(to)) = (day(row, "NGAY_BAT_DAU_XU_TRI"), day(row, "NGAY_KET_THUC_XU_TRI")) else { return };
    let Ok(days) = row.get("SO_NGAY_CAP_THUOC_ARV").parse::<i64>() else { return };
    let most = i64::from(to.0 - from.0);
    if days > most {
        cx.at(row, "SO_NGAY_CAP_THUOC_ARV", "ARV-DAYS", args![days, most]);
    }
}

fn discharge(cx: &mut Context<'_>, row: RawRow<'_>) {
    if let (Some(dated), Some(left)) = (day(row, "NGAY_CT"), cx.left.map(Minute::day))
        && dated != left
    {
        cx.at(row, "NGAY_CT", "PAPER-DAY", args![dated.vi(), left.vi()]);
    }
    order(cx, row, "NGOAITRU_TUNGAY", "NGOAITRU_DENNGAY");
}

/// The last day of a leave against its first; true where both are there and in order.
fn order(cx: &mut Context<'_>, row: RawRow<'_>, first: &str, last: &str) -> bool {
    let (Some(from), Some(to)) = (day(row, first), day(row, last)) else { return false };
    if to < from {
        cx.at(row, last, "LEAVE-ORDER", args![to.vi(), from.vi()]);
    }
    from <= to
}

fn start(cx: &mut Context<'_>, row: RawRow<'_>) {
    if let (Some(from), Some(arrived)) = (day(row, "TU_NGAY"), cx.arrived.map(Minute::day))
        && from != arrived
    {
        cx.at(row, "TU_NGAY", "LEAVE-START", args![from.vi(), arrived.vi()]);
    }
}

fn prenatal(cx: &mut Context<'_>, row: RawRow<'_>) {
    start(cx, row);
    if !row.get("CHAN_DOAN_RV").to_lowercase().contains("dưỡng thai") {
        cx.at(row, "CHAN_DOAN_RV", "LEAVE-TEXT", []);
    }
    if !order(cx, row, "TU_NGAY", "DEN_NGAY") {
        return;
    }
    let (Some(from), Some(to)) = (day(row, "TU_NGAY"), day(row, "DEN_NGAY")) else { return };
    let Ok(days) = row.get("SO_NGAY").parse::<i64>() else { return };
    let between = i64::from(to.0 - from.0);
    // The text of 130 and 4750 says the difference, its example one more; 3176 says one more.
    let right = days == between + 1 || days == between && cx.decision() != "3176";
    if !right {
        cx.at(row, "SO_NGAY", "LEAVE-PRENATAL-DAYS", args![days, from.vi(), to.vi(), between + 1]);
    }
}

fn sick(cx: &mut Context<'_>, row: RawRow<'_>) {
    start(cx, row);
    order(cx, row, "TU_NGAY", "DEN_NGAY");
    let Ok(days) = row.get("SO_NGAY_NGHI").parse::<i64>() else { return };
    let tuberculosis = ("A15".."A20").contains(&cx.head("MA_BENH_CHINH"));
    let most = if tuberculosis { SICK_DAYS.1 } else { SICK_DAYS.0 };
    if days > most {
        cx.at(row, "SO_NGAY_NGHI", "LEAVE-SICK-DAYS", args![days, most]);
    }
}

fn appointment(cx: &mut Context<'_>, row: RawRow<'_>) {
    if let (Some(booked), Some(left)) = (day(row, "NGAY_HEN_KL"), cx.left.map(Minute::day))
        && booked < left
    {
        cx.at(row, "NGAY_HEN_KL", "TIME-APPOINTMENT", args![booked.vi(), left.vi()]);
    }
    if let (Some(dated), Some(arrived)) = (day(row, "NGAY_CT"), cx.arrived.map(Minute::day))
        && dated < arrived
    {
        cx.at(row, "NGAY_CT", "TIME-APPOINTMENT-PAPER", args![dated.vi(), arrived.vi()]);
    }
}
