//! Which tables a claim has (claims format §3), who sends it, and the numbering of rows.

use std::collections::HashSet;

use super::context::{Context, args};

pub(super) fn check(cx: &mut Context<'_>) {
    let (envelope, facility) = (cx.raw.facility.as_str(), cx.head("MA_CSKCB"));
    if !envelope.is_empty() && !facility.is_empty() && envelope != facility {
        cx.at_head("MA_CSKCB", "ENV-FACILITY", args![envelope, facility]);
    }
    let raw = cx.raw;
    for table in raw.tables() {
        if !table.layout().repeats && table.len() > 1 {
            cx.at_table(table.number(), "TAB-ONE-ROW", args![table.number(), table.len()]);
        }
        numbering(cx, table.number());
    }
    if !cx.is_4210() {
        presence(cx);
    }
}

/// `STT` once per table. Rising numbers, the usual case, need no memory.
fn numbering(cx: &mut Context<'_>, table: u8) {
    let raw = cx.raw;
    let number = |text: &str| text.parse::<u64>().ok();
    let mut last = None;
    let rising = raw.rows(table).all(|row| {
        let now = number(row.get("STT"));
        let more = now.is_none() || now > last;
        last = now.or(last);
        more
    });
    if rising {
        return;
    }
    let mut seen = HashSet::new();
    for row in raw.rows(table) {
        let text = row.get("STT");
        if number(text).is_some_and(|n| !seen.insert(n)) {
            cx.at(row, "STT", "STT-TWICE", args![text]);
        }
    }
}

fn presence(cx: &mut Context<'_>) {
    let raw = cx.raw;
    let has = |table: u8| raw.rows(table).next().is_some();
    let (kind, leave) = (cx.kind, cx.head("MA_LOAI_RV"));
    // Work done at another facility (`.K.`) has its results there.
    let work = |row: crate::raw::RawRow<'_>| {
        matches!(row.get("MA_NHOM"), "1" | "2" | "3") && !row.get("MA_DICH_VU").contains(".K.")
    };
    if !has(4) && raw.rows(3).any(work) {
        cx.at_table(4, "TAB-XML4-MISSING", []);
    }
    if !has(5) && matches!(kind, "02" | "03" | "04" | "05" | "06" | "08" | "09") {
        cx.at_table(5, "TAB-XML5-MISSING", args![kind]);
    }
    let discharge_paper = matches!(kind, "03" | "04" | "09") && leave != "3";
    match (has(7), discharge_paper) {
        (false, true) => cx.at_table(7, "TAB-XML7-MISSING", args![kind]),
        (true, false) => cx.at_table(7, "TAB-XML7-UNEXPECTED", args![kind, leave]),
        _ => {}
    }
    match (has(8), matches!(kind, "03" | "04" | "06")) {
        (false, true) => cx.at_table(8, "TAB-XML8-MISSING", args![kind]),
        (true, false) => cx.at_table(8, "TAB-XML8-UNEXPECTED", args![kind]),
        _ => {}
    }
    if !has(13) && matches!(leave, "2" | "5") {
        cx.at_table(13, "TAB-XML13-MISSING", args![leave]);
    }
    let booked = cx.head("NGAY_TAI_KHAM");
    if !has(14) && !booked.is_empty() {
        cx.at_table(14, "TAB-XML14-MISSING", args![booked]);
    }
}
