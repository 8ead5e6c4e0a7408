//! What care cost and who paid.

use crate::fact::{Fact, Quantity};
use mach_base::decimal::Money;
use serde::Deserialize;
use std::collections::BTreeMap;

/// What is read of a `Claim`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ClaimBody {
    extension: Vec<Extension>,
    total: Quantity,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Extension {
    url: String,
    value_money: Quantity,
}

/// Amounts by payer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Payers {
    /// All of it (`T_TONGCHI_BV`).
    pub(crate) total: Money,
    /// Asked of the insurer (`T_BHTT`).
    pub(crate) insurer: Money,
    /// Co-payment (`T_BNCCT`).
    pub(crate) copay: Money,
    /// The patient alone (`T_BNTT`).
    pub(crate) patient: Money,
    /// Others (`T_NGUONKHAC`).
    pub(crate) other: Money,
}

impl Payers {
    fn of(body: &ClaimBody) -> Self {
        let money = |quantity: &Quantity| quantity.decimal().and_then(|d| Money::from_decimal(d).ok());
        let paid = |tag: &str| {
            let extension = body.extension.iter().find(|e| e.url.strip_prefix("urn:mach:claim:") == Some(tag));
            extension.and_then(|e| money(&e.value_money)).unwrap_or_default()
        };
        Self {
            total: money(&body.total).unwrap_or_default(),
            insurer: paid("T_BHTT"),
            copay: paid("T_BNCCT"),
            patient: paid("T_BNTT"),
            other: paid("T_NGUONKHAC"),
        }
    }

    fn add(&mut self, more: &Self) {
        for (sum, part) in [
            (&mut self.total, more.total),
            (&mut self.insurer, more.insurer),
            (&mut self.copay, more.copay),
            (&mut self.patient, more.patient),
            (&mut self.other, more.other),
        ] {
            sum.0 = sum.0.saturating_add(part.0);
        }
    }
}

/// What a record shows of costs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Costs {
    /// Number of claims summed.
    pub(crate) claims: usize,
    /// Their sum.
    pub(crate) sum: Payers,
    /// The sum by the year of leaving, newest first.
    pub(crate) years: Vec<(i32, Payers)>,
}

/// Sums claims; a claim lies in the year its person left.
pub(crate) fn sum(facts: &[Fact<ClaimBody>]) -> Costs {
    let mut costs = Costs { claims: facts.len(), ..Costs::default() };
    let mut years: BTreeMap<i32, Payers> = BTreeMap::new();
    for fact in facts {
        let payers = Payers::of(&fact.body);
        costs.sum.add(&payers);
        years.entry(fact.at.day().ymd().0).or_default().add(&payers);
    }
    costs.years = years.into_iter().rev().collect();
    costs
}

#[cfg(test)]
mod tests {
    use super::*;
    use mach_base::{Day, Minute};
    use mach_fhir::ResourceType;

    fn claim(day: &str, amounts: [&str; 5]) -> Fact<ClaimBody> {
        let [total, insurer, copay, patient, other] = amounts;
        let extension = |tag: &str, value: &str| {
            format!(r#"{{"url":"urn:mach:claim:{tag}","valueMoney":{{"value":{value},"currency":"VND"}}}}"#)
        };
        let parts = [("T_BHTT", insurer), ("T_BNCCT", copay), ("T_BNTT", patient), ("T_NGUONKHAC", other)];
        let extensions: Vec<_> = parts.iter().map(|(tag, value)| extension(tag, value)).collect();
        let json =
            format!(r#"{{"extension":[{}],"total":{{"value":{total}}},"item":[{{"net":1}}]}}"#, extensions.join(","));
        let at = Minute(i64::from(Day::parse_iso(day).unwrap().0) * 1440);
        let body = serde_json::from_str(&json).unwrap();
        Fact { kind: ResourceType::CLAIM, id: "c1-1-1".into(), at, origin: None, body }
    }

    #[test]
    fn years_add_up_to_the_sum_to_the_last_hundredth() {
        let costs = sum(&[
            claim("2026-03-18", ["100000.55", "80000.44", "20000.11", "0", "0"]),
            claim("2026-01-01", ["50000", "0", "0", "45000.5", "4999.5"]),
            claim("2025-12-31", ["1", "0.8", "0.2", "0", "0"]),
        ]);
        let all = |p: &Payers| [p.total, p.insurer, p.copay, p.patient, p.other].map(|m| m.0);
        assert_eq!(all(&costs.sum), [15_000_155, 8_000_124, 2_000_031, 4_500_050, 499_950]);
        let years: Vec<_> = costs.years.iter().map(|(y, p)| (*y, p.total.0)).collect();
        assert_eq!(years, [(2026, 15_000_055), (2025, 100)]);
        assert_eq!(costs.claims, 3);
    }

    #[test]
    fn nothing_costs_nothing() {
        assert_eq!(sum(&[]).sum, Payers::default());
    }
}
