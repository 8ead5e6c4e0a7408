//! What reviewers look at (claims format §10): warnings only.

use std::collections::HashMap;

use mach_base::decimal::{Money, Quantity};
use mach_base::{Decimal, Minute};

use super::context::{Context, args};
use super::lines::{Line, Lines};

const HOUR: i64 = 60;
/// No bed is paid below this stay.
const BED_FROM: i64 = 4 * HOUR;
/// Up to this stay one bed day is paid.
const ONE_BED_UP_TO: i64 = 24 * HOUR;
/// Above this weight grams were probably written.
const WEIGHT_KG: i64 = 200;

pub(super) fn check(cx: &mut Context<'_>, lines: &Lines<'_>) {
    weight(cx);
    beds(cx, lines);
    if matches!(cx.kind, "03" | "04") {
        exams(cx, lines);
        outpatient_orders(cx, lines);
    }
    ceilings(cx, lines);
}

fn weight(cx: &mut Context<'_>) {
    let Ok(weight) = cx.head("CAN_NANG").parse::<Decimal>() else { return };
    if Quantity::from_decimal(weight).is_ok_and(|w| w.0 > WEIGHT_KG * 1_000) {
        cx.at_head("CAN_NANG", "AUDIT-WEIGHT", args![cx.head("CAN_NANG")]);
    }
}

fn beds(cx: &mut Context<'_>, lines: &Lines<'_>) {
    let (Some(arrived), Some(left)) = (cx.arrived, cx.left) else { return };
    let stay = left.0 - arrived.0;
    let bed = |l: &&Line<'_>| l.row.table() == 3 && matches!(l.group, "14" | "15" | "16");
    let Some(first) = lines.all.iter().find(bed).map(|l| l.row) else { return };
    let charged: Quantity = lines.all.iter().filter(bed).filter_map(|l| l.quantity).sum();
    let days = i64::from(left.day().0 - arrived.day().0) + 1;
    let over = |days: i64| charged.0 > days.saturating_mul(1_000);
    if stay < BED_FROM {
        cx.at(first, "SO_LUONG", "AUDIT-BED-SHORT", []);
    } else if stay <= ONE_BED_UP_TO {
        if over(1) {
            cx.at(first, "SO_LUONG", "AUDIT-BED-DAY", args![charged]);
        }
    } else if over(days) {
        cx.at(first, "SO_LUONG", "AUDIT-BED-OVERLAP", args![charged, days]);
    }
}

fn exams(cx: &mut Context<'_>, lines: &Lines<'_>) {
    let exam = |l: &&Line<'_>| l.row.table() == 3 && l.group == "13";
    let count = lines.all.iter().filter(exam).count();
    if let Some(second) = lines.all.iter().filter(exam).nth(1) {
        cx.at(second.row, "MA_NHOM", "AUDIT-EXAM-INPATIENT", args![count]);
    }
}

/// Orders after admission that name the outpatient department.
fn outpatient_orders(cx: &mut Context<'_>, lines: &Lines<'_>) {
    let Some(admitted) = cx.admitted else { return };
    for line in &lines.all {
        let ordered = Minute::parse_compact(line.row.get("NGAY_YL"));
        if line.group != "13"
            && line.row.get("MA_KHOA") == "K01"
            && let Some(ordered) = ordered.filter(|o| *o > admitted)
        {
            cx.at(line.row, "MA_KHOA", "AUDIT-WARD-K01", args![ordered.vi()]);
        }
    }
}

/// The insurer's part of a supply package against its ceiling.
fn ceilings(cx: &mut Context<'_>, lines: &Lines<'_>) {
    let mut packages: HashMap<&str, (Money, Money, &Line<'_>)> = HashMap::new();
    for line in lines.all.iter().filter(|l| l.row.table() == 3 && matches!(l.group, "10" | "11")) {
        let ceiling = Money::parse(line.row.get("T_TRANTT")).unwrap_or_default();
        if ceiling == Money::ZERO {
            continue;
        }
        let (sum, most, _) = packages.entry(line.row.get("GOI_VTYT")).or_insert((Money::ZERO, ceiling, line));
        *sum += line.insurer;
        *most = (*most).max(ceiling);
    }
    let mut over: Vec<_> = packages.into_iter().filter(|(_, (sum, most, _))| sum > most).collect();
    over.sort_by_key(|(_, (.., line))| line.row.line());
    for (name, (sum, ceiling, line)) in over {
        cx.at(line.row, "T_BHTT", "AUDIT-CEILING", args![name, sum, ceiling]);
    }
}
