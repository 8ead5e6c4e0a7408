//! Arithmetic of one cost line (claims format §6), per layout, exact to two decimals.
//!
//! Percentages are hundredths of a percent: from 2026-07-01 a benefit of 47.5 % is written (QĐ 1931/2026).

use mach_base::decimal::{Fixed, Money, Quantity, round_div};

use super::context::{Context, args};
use crate::raw::RawRow;

/// A percentage, as hundredths of a percent.
type Rate = Fixed<2>;
const WHOLE: i128 = 10_000;

/// A cost line with its amounts, as written.
pub(super) struct Line<'a> {
    pub(super) row: RawRow<'a>,
    /// `MA_NHOM`.
    pub(super) group: &'a str,
    pub(super) quantity: Option<Quantity>,
    /// `THANH_TIEN_BV`; 4210: `THANH_TIEN`.
    pub(super) cost: Money,
    /// `THANH_TIEN_BH`; 4210: `THANH_TIEN`.
    pub(super) covered: Money,
    pub(super) insurer: Money,
    pub(super) copay: Money,
    pub(super) patient: Money,
    pub(super) other: Money,
    /// `T_NGOAIDS` of 4210.
    pub(super) outside: Money,
    /// `MA_PTTT` is 1.
    pub(super) by_fee: bool,
}

/// All cost lines.
#[derive(Default)]
pub(super) struct Lines<'a> {
    pub(super) all: Vec<Line<'a>>,
    /// No amount was missing or unreadable: sums can be judged.
    pub(super) complete: bool,
}

pub(super) fn check<'a>(cx: &mut Context<'a>) -> Lines<'a> {
    let raw = cx.raw;
    let mut lines = Lines { all: Vec::with_capacity(32), complete: true };
    for row in raw.rows(2).chain(raw.rows(3)) {
        rates(cx, row);
        match read(cx, row) {
            Some(line) => {
                if cx.is_4210() {
                    amount_4210(cx, &line);
                } else {
                    amounts(cx, &line);
                    balance(cx, &line);
                    service(cx, row);
                }
                shares(cx, &line);
                lines.all.push(line);
            }
            None => lines.complete = false,
        }
    }
    lines
}

/// The amounts of a line; none where one is missing or no amount, which the field checks report.
fn read<'a>(cx: &Context<'a>, row: RawRow<'a>) -> Option<Line<'a>> {
    let money = |tag| Money::parse(row.get(tag)).ok();
    // 4210 leaves what is not there empty.
    let maybe = |tag| if row.get(tag).is_empty() { Some(Money::ZERO) } else { money(tag) };
    let group = row.get("MA_NHOM");
    let quantity = Quantity::parse(row.get("SO_LUONG")).ok();
    let insurer = money("T_BHTT")?;
    if cx.is_4210() {
        let cost = money("THANH_TIEN")?;
        // Some programs write the other source of drugs as T_NGUON_KHAC.
        let misnamed =
            row.extra().find(|(tag, _)| *tag == "T_NGUON_KHAC").and_then(|(_, text)| Money::parse(text.trim()).ok());
        return Some(Line {
            row,
            group,
            quantity,
            cost,
            covered: cost,
            insurer,
            copay: maybe("T_BNCCT")?,
            patient: maybe("T_BNTT")?,
            other: maybe("T_NGUONKHAC")? + misnamed.unwrap_or_default(),
            outside: maybe("T_NGOAIDS")?,
            by_fee: false,
        });
    }
    Some(Line {
        row,
        group,
        quantity,
        cost: money("THANH_TIEN_BV")?,
        covered: money("THANH_TIEN_BH")?,
        insurer,
        copay: money("T_BNCCT")?,
        patient: money("T_BNTT")?,
        other: money("T_NGUONKHAC")?,
        outside: Money::ZERO,
        by_fee: row.get("MA_PTTT") == "1",
    })
}

/// `quantity × price × rate × …`, rounded half away from zero to two decimals; none where it leaves 128 bits.
fn product(quantity: Quantity, price: Quantity, rates: &[Rate]) -> Option<Money> {
    let mut units = i128::from(quantity.0).checked_mul(i128::from(price.0))?;
    let mut scale = WHOLE;
    for rate in rates {
        units = units.checked_mul(i128::from(rate.0))?;
        scale *= WHOLE;
    }
    money(round_div(units, scale))
}

fn money(units: i128) -> Option<Money> {
    i64::try_from(units).ok().map(Fixed)
}

/// `amount × rate`, rounded to two decimals.
fn share(amount: Money, rate: Rate) -> Money {
    money(round_div(i128::from(amount.0) * i128::from(rate.0), WHOLE)).unwrap_or(amount)
}

/// `SO_LUONG × DON_GIA_BV − SO_LUONG × DON_GIA_BH × (100 − TYLE_TT_DV)/100`: the special form that 3176 allows.
fn special(quantity: Quantity, price: Quantity, insured: Quantity, service: Rate) -> Option<Money> {
    let full = i128::from(price.0).checked_mul(WHOLE)?;
    let less = i128::from(insured.0).checked_mul(WHOLE - i128::from(service.0))?;
    money(round_div(i128::from(quantity.0).checked_mul(full.checked_sub(less)?)?, WHOLE * WHOLE))
}

fn rate(row: RawRow<'_>, tag: &str) -> Option<Rate> {
    Rate::parse(row.get(tag)).ok()
}

fn quantity(row: RawRow<'_>, tag: &str) -> Option<Quantity> {
    Quantity::parse(row.get(tag)).ok()
}

fn amount_4210(cx: &mut Context<'_>, line: &Line<'_>) {
    let row = line.row;
    let (Some(q), Some(price), Some(rate)) = (line.quantity, quantity(row, "DON_GIA"), rate(row, "TYLE_TT")) else {
        return;
    };
    if let Some(expect) = product(q, price, &[rate]).filter(|m| *m != line.cost) {
        cx.at(row, "THANH_TIEN", "LINE-AMOUNT", args![line.cost, expect]);
    }
}

/// Amounts a field may hold; the first is what the message names. None leaves 128 bits, or is not allowed.
type Allowed = [Option<Money>; 2];

/// What `THANH_TIEN_BV` and `THANH_TIEN_BH` may be.
fn expected(cx: &Context<'_>, line: &Line<'_>) -> Option<(Allowed, Allowed)> {
    let row = line.row;
    let (q, insured_rate) = (line.quantity?, rate(row, "TYLE_TT_BH")?);
    if row.table() == 2 {
        let price = quantity(row, "DON_GIA")?;
        return Some(([product(q, price, &[]), None], [product(q, price, &[insured_rate]), None]));
    }
    let (price, insured) = (quantity(row, "DON_GIA_BV")?, quantity(row, "DON_GIA_BH")?);
    let service = rate(row, "TYLE_TT_DV")?;
    let with_service = product(q, insured, &[service, insured_rate]);
    let without = product(q, insured, &[insured_rate]);
    Some(match cx.decision() {
        "130" => ([product(q, price, &[]), None], [without, with_service]),
        "4750" => ([product(q, price, &[service]), None], [with_service, without]),
        _ => ([product(q, price, &[service]), special(q, price, insured, service)], [with_service, None]),
    })
}

fn amounts(cx: &mut Context<'_>, line: &Line<'_>) {
    let Some((cost, covered)) = expected(cx, line) else { return };
    if let [Some(expect), _] = cost
        && !cost.contains(&Some(line.cost))
    {
        cx.at(line.row, "THANH_TIEN_BV", "LINE-BV", args![line.cost, expect]);
    }
    let [Some(expect), _] = covered else { return };
    if covered.contains(&Some(line.covered)) {
        return;
    }
    if line.other == Money::ZERO {
        return cx.at(line.row, "THANH_TIEN_BH", "LINE-BH", args![line.covered, expect]);
    }
    // Facility-wide support is taken from the total before it is split (case b): the insured amount shrinks with it.
    let Some(insured_rate) = rate(line.row, "TYLE_TT_BH") else { return };
    let reduced = share(line.cost - line.other, insured_rate);
    if line.covered != reduced {
        cx.at(line.row, "THANH_TIEN_BH", "LINE-BH-SUPPORT", args![line.covered, expect, reduced]);
    }
}

/// Who pays: without another source the split follows from the benefit level.
fn shares(cx: &mut Context<'_>, line: &Line<'_>) {
    if line.other != Money::ZERO {
        return;
    }
    let row = line.row;
    let Some(benefit) = rate(row, "MUC_HUONG") else { return };
    let insurer = share(line.covered, benefit);
    if line.insurer != insurer {
        cx.at(row, "T_BHTT", "LINE-BHTT", args![line.insurer, insurer, benefit]);
    }
    let copay = line.covered - line.insurer;
    if line.copay != copay && !row.get("T_BNCCT").is_empty() {
        cx.at(row, "T_BNCCT", "LINE-BNCCT", args![line.copay, copay]);
    }
    let patient = line.cost - line.covered;
    if line.patient != patient && !cx.is_4210() {
        cx.at(row, "T_BNTT", "LINE-BNTT", args![line.patient, patient]);
    }
}

fn balance(cx: &mut Context<'_>, line: &Line<'_>) {
    let row = line.row;
    let source = |name| Money::parse(row.get(name)).ok();
    let sources = ["T_NGUONKHAC_NSNN", "T_NGUONKHAC_VTNN", "T_NGUONKHAC_VTTN", "T_NGUONKHAC_CL"].map(source);
    if let [Some(a), Some(b), Some(c), Some(d)] = sources {
        let sum = a + b + c + d;
        if sum != line.other {
            cx.at(row, "T_NGUONKHAC", "LINE-SUPPORT", args![line.other, sum]);
        }
    }
    let paid = line.patient + line.copay + line.insurer + line.other;
    if paid != line.cost {
        cx.at(row, "THANH_TIEN_BV", "LINE-BALANCE", args![line.cost, paid]);
    }
}

/// Rates by themselves.
fn rates(cx: &mut Context<'_>, row: RawRow<'_>) {
    let scope = if cx.is_4210() { "TYLE_TT" } else { "TYLE_TT_BH" };
    if row.get("PHAM_VI") == "2" && rate(row, scope).is_some_and(|r| r != Rate::ZERO) {
        cx.at(row, scope, "RATE-SCOPE", args![row.get(scope)]);
    }
    // A card level, times what out of route leaves of it: all, 60, 50, 40 % or nothing.
    let benefit =
        |r: Rate| [80, 95, 100].into_iter().any(|level| [100, 60, 50, 40, 0].into_iter().any(|of| level * of == r.0));
    if let Some(r) = rate(row, "MUC_HUONG").filter(|r| (0..=WHOLE as i64).contains(&r.0) && !benefit(*r)) {
        cx.at(row, "MUC_HUONG", "RATE-BENEFIT", args![r]);
    }
}

/// Prices of a service or supply of XML3.
fn service(cx: &mut Context<'_>, row: RawRow<'_>) {
    if row.table() != 3 {
        return;
    }
    let (Some(price), Some(insured)) = (quantity(row, "DON_GIA_BV"), quantity(row, "DON_GIA_BH")) else { return };
    let service = row.get("MA_DICH_VU");
    let rate_text = row.get("TYLE_TT_DV");
    if rate(row, "TYLE_TT_DV").is_some_and(|r| (0..=WHOLE as i64).contains(&r.0))
        && cx.codes.get("TYLE_TT_DV", rate_text).is_none()
    {
        cx.at(row, "TYLE_TT_DV", "RATE-SERVICE", args![rate_text]);
    }
    if service.ends_with("_TB") && (price, insured) != (Quantity::ZERO, Quantity::ZERO) {
        cx.at(row, "MA_DICH_VU", "FMT-ABORTED", []);
    }
    if service.ends_with(".0000") && insured != Quantity::ZERO {
        cx.at(row, "DON_GIA_BH", "FMT-NO-PRICE", args![service]);
    }
    if row.get("TAI_SU_DUNG") == "1" && price != insured {
        cx.at(row, "DON_GIA_BV", "RATE-REUSE", args![price, insured]);
    } else if insured > price {
        cx.at(row, "DON_GIA_BH", "RATE-PRICE", args![insured, price]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_are_exact() {
        let q = |t| Quantity::parse(t).unwrap();
        let r = |t| Rate::parse(t).unwrap();
        for (quantity, price, rates, expect) in [
            ("3", "1.335", &[][..], "4.01"),
            ("2", "15000", &["50"], "15000"),
            ("0.333", "1000.005", &[], "333"),
            ("1", "0.05", &["50"], "0.03"),
            ("1", "1000", &["47.5"], "475"),
            ("1", "100000", &["33", "80"], "26400"),
            ("7", "1234.567", &["95"], "8209.87"),
        ] {
            let rates: Vec<_> = rates.iter().map(|t| r(t)).collect();
            assert_eq!(product(q(quantity), q(price), &rates).unwrap().to_string(), expect, "{quantity} × {price}");
        }
        let most = Fixed(i64::MAX);
        assert_eq!(product(most, most, &[Fixed(i64::MAX)]), None);
        assert_eq!(special(most, most, Fixed(-i64::MAX), Fixed(0)), None);
        assert_eq!(special(q("1"), q("200000"), q("100000"), r("50")).unwrap().to_string(), "150000");
        assert_eq!(share(Money::parse("0.05").unwrap(), r("50")).to_string(), "0.03");
    }
}
