//! Every field by itself: filled, size, number, date, code, shape, and equal to XML1 where it repeats it.

use mach_base::Decimal;
use mach_base::decimal::DecimalError;
use mach_base::text::nfc;

use super::codes::Known;
use super::context::{Context, args};
use super::plan::{FieldPlan, Want};
use crate::layout::{Field, Kind};
use crate::raw::RawRow;

pub(super) fn check(cx: &mut Context<'_>) {
    let raw = cx.raw;
    let Some(plan) = cx.plan else {
        // A layout the rules were not read for: unchecked is refused, never passed.
        return cx.unchecked();
    };
    for table in raw.tables() {
        let plans = plan.table(table.number());
        let fields = &table.layout().fields;
        for row in table.rows() {
            for (i, (plan, field)) in plans.iter().zip(fields).enumerate() {
                match row.at(i) {
                    "" => wanted(cx, row, field, plan),
                    text => filled(cx, row, field, plan, text),
                }
            }
        }
    }
}

fn wanted(cx: &mut Context<'_>, row: RawRow<'_>, field: &Field, plan: &FieldPlan) {
    match &plan.want {
        Want::Never => {}
        Want::Always => cx.at(row, &field.tag, "FLD-REQUIRED", []),
        Want::When { expr, rule, when } => {
            if expr.holds(row, cx.head) {
                cx.at(row, &field.tag, rule, when.clone());
            }
        }
    }
}

fn filled(cx: &mut Context<'_>, row: RawRow<'_>, field: &Field, plan: &FieldPlan, text: &str) {
    size(cx, row, field, plan, text);
    if let Some(places) = plan.number {
        number(cx, row, field, places, text);
    }
    if plan.multi {
        if text.contains(';') && text.split(';').any(|v| v.trim().is_empty()) {
            cx.at(row, &field.tag, "FMT-LIST", args![text]);
        }
        for value in text.split(';').map(str::trim).filter(|v| !v.is_empty()) {
            single(cx, row, field, plan, value);
        }
    } else {
        single(cx, row, field, plan, text);
    }
    if let Some(head_field) = plan.same_as {
        same(cx, row, field, head_field, text);
    }
}

fn size(cx: &mut Context<'_>, row: RawRow<'_>, field: &Field, plan: &FieldPlan, text: &str) {
    let Some(listed) = plan.listed else { return };
    // Bytes are at least characters: most texts are settled without counting.
    if text.len() <= listed as usize {
        return;
    }
    let length = nfc(text).chars().count();
    match plan.limit {
        Some(limit) if length > limit as usize => cx.at(row, &field.tag, "FLD-LENGTH", args![length, limit]),
        limit if length > listed as usize => {
            let most = limit.map_or_else(|| "n".to_owned(), |n| n.to_string());
            cx.at(row, &field.tag, "FLD-LENGTH-LISTED", args![length, listed, most]);
        }
        _ => {}
    }
}

fn number(cx: &mut Context<'_>, row: RawRow<'_>, field: &Field, places: Option<u32>, text: &str) {
    match text.parse::<Decimal>() {
        Ok(decimal) => {
            if decimal.units < 0 {
                cx.at(row, &field.tag, "FLD-NEGATIVE", args![text]);
            }
            if let Some(places) = places.filter(|p| decimal.trimmed().scale > *p) {
                cx.at(row, &field.tag, "FLD-DECIMALS", args![text, places]);
            }
        }
        Err(DecimalError::NotANumber | DecimalError::TooFine(_) | DecimalError::TooLarge) => {
            cx.at(row, &field.tag, "FLD-NUMBER", args![text]);
        }
    }
}

/// One value, of those joined by `;` where the field is a list.
fn single(cx: &mut Context<'_>, row: RawRow<'_>, field: &Field, plan: &FieldPlan, value: &str) {
    if let Some(form) = plan.date.filter(|form| !form.fits(value)) {
        cx.at(row, &field.tag, "FLD-DATE", args![value, form.name()]);
    }
    if let Some((list, unsure)) = &plan.codes {
        code(cx, row, field, list, *unsure, value);
    }
    if let Some(form) = plan.form.filter(|form| !form.fits(value)) {
        cx.at(row, &field.tag, form.rule(), args![value]);
    }
}

fn code(cx: &mut Context<'_>, row: RawRow<'_>, field: &Field, list: &str, unsure: bool, value: &str) {
    let known = match cx.codes.known(list, value, cx.day) {
        // A number field drops leading zeros: `1` is code `01`, and `01` is code `1`.
        Known::No if field.kind == Kind::Number => number_code(cx, list, value),
        known => known,
    };
    let rule = match known {
        Known::Yes => return,
        Known::OtherDay => "FLD-CODE-ERA",
        Known::No if unsure => "FLD-CODE-UNSURE",
        Known::No => "FLD-CODE",
    };
    cx.at(row, &field.tag, rule, args![value, list]);
}

fn number_code(cx: &Context<'_>, list: &str, value: &str) -> Known {
    let short = value.trim_start_matches('0');
    match cx.codes.known(list, if short.is_empty() { "0" } else { short }, cx.day) {
        Known::No => cx.codes.known(list, &format!("0{short}"), cx.day),
        known => known,
    }
}

fn same(cx: &mut Context<'_>, row: RawRow<'_>, field: &Field, head_field: usize, text: &str) {
    let expect = cx.head.map_or("", |head| head.at(head_field));
    if text == expect || nfc(text) == nfc(expect) {
        return;
    }
    // 3176 widened arrival and discharge of XML13 to lists: one of them is this visit's.
    if row.table() == 13 && text.split(';').any(|v| v.trim() == expect) && field.tag.starts_with("NGAY_") {
        return;
    }
    cx.at(row, &field.tag, "SAME-XML1", args![text, expect]);
}
