//! Arithmetic of the claim (claims format §7): totals of XML1 are sums of lines.

use mach_base::decimal::Money;

use super::context::{Context, args};
use super::lines::{Line, Lines};

/// What sums of rounded lines may differ by: 0.05 đồng was enough for every real file seen.
const TOLERANCE: Money = mach_base::decimal::Fixed(5);

fn differ(a: Money, b: Money) -> bool {
    // In 128 bits: two unlikely totals could be further apart than 64 hold.
    (i128::from(a.0) - i128::from(b.0)).abs() > i128::from(TOLERANCE.0)
}

pub(super) fn check(cx: &mut Context<'_>, lines: &Lines<'_>) {
    if !lines.complete {
        return;
    }
    let sum = |of: &dyn Fn(&Line<'_>) -> Money| lines.all.iter().map(of).sum::<Money>();
    let drugs = sum(&|l| if l.row.table() == 2 { l.cost } else { Money::ZERO });
    let supply = |l: &Line<'_>| l.row.table() == 3 && matches!(l.group, "10" | "11");
    let supplies = sum(&|l| if supply(l) { l.cost } else { Money::ZERO });
    let (cost, covered) = (sum(&|l| l.cost), sum(&|l| l.covered));
    let mut expect = vec![
        ("T_THUOC", "TOTAL-DRUGS", drugs),
        ("T_VTYT", "TOTAL-SUPPLIES", supplies),
        ("T_BNTT", "TOTAL-BNTT", sum(&|l| l.patient)),
        ("T_BNCCT", "TOTAL-BNCCT", sum(&|l| l.copay)),
        ("T_BHTT", "TOTAL-BHTT", sum(&|l| l.insurer)),
        ("T_NGUONKHAC", "TOTAL-NGUONKHAC", sum(&|l| l.other)),
    ];
    if cx.is_4210() {
        expect.push(("T_TONGCHI", "TOTAL-COST", cost));
        expect.push(("T_NGOAIDS", "TOTAL-NGOAIDS", sum(&|l| l.outside)));
    } else {
        expect.push(("T_TONGCHI_BV", "TOTAL-BV", cost));
        expect.push(("T_TONGCHI_BH", "TOTAL-BH", covered));
        if !defence_card(cx) {
            expect.push(("T_BHTT_GDV", "TOTAL-GDV", sum(&|l| if l.by_fee { l.insurer } else { Money::ZERO })));
        }
    }
    for (tag, rule, sum) in expect {
        // Empty or unreadable totals are reported as fields.
        if let Some(written) = Money::parse(cx.head(tag)).ok().filter(|w| differ(*w, sum)) {
            cx.at_head(tag, rule, args![written, sum]);
        }
    }
    if !cx.is_4210() {
        between(cx);
    }
}

/// Totals against each other.
fn between(cx: &mut Context<'_>) {
    let money = |tag| Money::parse(cx.head(tag)).ok();
    let [Some(cost), Some(covered), Some(patient), Some(copay), Some(insurer), Some(other)] =
        ["T_TONGCHI_BV", "T_TONGCHI_BH", "T_BNTT", "T_BNCCT", "T_BHTT", "T_NGUONKHAC"].map(money)
    else {
        return;
    };
    let paid = patient + copay + insurer + other;
    if differ(cost, paid) {
        cx.at_head("T_TONGCHI_BV", "TOTAL-BALANCE", args![cost, paid]);
    }
    // Without another source this follows from the lines; with one inside the insured part it may differ.
    if other != Money::ZERO && differ(insurer, covered - copay) {
        cx.at_head("T_BHTT", "TOTAL-FORMULA", args![insurer, covered - copay]);
    }
}

/// Cards of the army, police and cipher staff: their `T_BHTT_GDV` is not checked.
fn defence_card(cx: &Context<'_>) -> bool {
    let cards = cx.head("MA_THE_BHYT");
    cards.split(';').any(|c| ["QN", "CA", "CY"].iter().any(|letters| c.trim().starts_with(letters)))
}
