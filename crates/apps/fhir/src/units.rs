//! Quantities across units.

use crate::moment;
use crate::query::{plain, split};
use crate::refusal::Refusal;
use mach_fhir::Decimal;
use mach_fhir::index::Param;
use mach_fhir::path::quantity::base_units;
use mach_store::search::number::sortable;
use mach_store::search::value::CANONICAL;
use mach_store::search::{Clause, Range};

/// The system of UCUM's codes.
pub const UCUM: &str = "http://unitsofmeasure.org";

/// Units that a quantity within a composite is looked for in, beside the asked one: there only values as written are kept.
const COMMON: [&str; 96] = [
    "kg", "g", "mg", "ug", "ng", "pg", "[lb_av]", "[oz_av]", "m", "cm", "mm", "um", "nm", "[in_i]", "[ft_i]", "L",
    "dL", "mL", "uL", "nL", "pL", "fL", "kg/m2", "g/cm2", "g/L", "g/dL", "g/mL", "mg/L", "mg/dL", "mg/mL", "ug/L",
    "ug/dL", "ug/mL", "ng/L", "ng/dL", "ng/mL", "pg/mL", "pg/dL", "mol/L", "mmol/L", "umol/L", "nmol/L", "pmol/L",
    "mmol/dL", "mmol", "umol", "mol", "mmol/mol", "mmol/kg", "meq/L", "U/L", "kU/L", "mU/L", "U/mL", "mU/mL", "[IU]/L",
    "[IU]/mL", "k[IU]/L", "m[IU]/L", "m[IU]/mL", "u[IU]/mL", "%", "1", "[ppm]", "10*3/uL", "10*6/uL", "10*9/L",
    "10*12/L", "10*3/mL", "/uL", "/mL", "/L", "/min", "/s", "/h", "Hz", "Pa", "kPa", "mm[Hg]", "cm[H2O]", "bar", "Cel",
    "[degF]", "K", "s", "min", "h", "d", "wk", "mo", "a", "ms", "L/min", "mL/min", "mL/s", "kat/L",
];

/// A value with its ends as sortable numbers in base units, and those units.
pub fn based(code: &str, low: Option<Decimal>, high: Option<Decimal>) -> Option<(i64, i64, String)> {
    let base = base_units(code)?;
    let number = |d: Decimal| base.of(d).map(|d| sortable(d.units(), d.scale()));
    let low = match low {
        Some(low) => number(low)?,
        None => i64::MIN,
    };
    let high = match high {
        Some(high) => number(high)?,
        None => i64::MAX,
    };
    Some((low, high, base.unit.clone()))
}

/// `5.4|http://unitsofmeasure.org|mg` as a clause. A UCUM unit is asked in base units too, so that `5000 mg` is found by
/// `5 g`; `written` where only values as written are kept.
pub fn quantity(param: Param, name: &str, value: &str, written: bool) -> Result<Clause, Refusal> {
    let parts: Vec<String> = split(value, '|').iter().map(|p| plain(p)).collect();
    let (range, number) = moment::number_range(&parts[0]).map_err(|r| r.at(name))?;
    let some = |n: usize| parts.get(n).filter(|p| !p.is_empty()).cloned();
    if !matches!(parts.len(), 1 | 3) {
        return Err(Refusal::invalid(format!("`{name}`: write `number|system|code` or `number||code`")).at(name));
    }
    let asked =
        |range: Range, system: Option<String>, unit: Option<String>| Clause::Quantity { param, range, system, unit };
    let plain = asked(range, some(1), some(2));
    let (Some(system), Some(unit)) = (some(1), some(2)) else { return Ok(plain) };
    let Some(base) = base_units(&unit).filter(|_| system == UCUM) else { return Ok(plain) };
    let step = moment::half_digit(&parts[0]);
    let mut any = vec![plain];
    let into = |value: Decimal| base.of(value);
    if let Some(range) = moment::range_in(range.compare, number, step, &into) {
        if !written {
            any.push(asked(range, Some(CANONICAL.to_owned()), Some(base.unit.clone())));
        }
        // Values whose unit is a base unit have no second row.
        any.push(asked(range, Some(UCUM.to_owned()), Some(base.unit.clone())));
    }
    if written {
        for other in COMMON.iter().filter(|o| **o != unit) {
            let Some(there) = base_units(other).filter(|o| o.unit == base.unit) else { continue };
            let into = |value: Decimal| there.from(base.of(value)?);
            if let Some(range) = moment::range_in(range.compare, number, step, &into) {
                any.push(asked(range, Some(UCUM.to_owned()), Some((*other).to_owned())));
            }
        }
    }
    Ok(Clause::Any(any))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_units_are_exact() {
        let d = |t: &str| Decimal::parse(t);
        let of = |unit: &str, value: &str| based(unit, d(value), d(value)).unwrap();
        assert_eq!(of("mg", "5000"), of("g", "5"));
        assert_eq!(of("mg", "5000.0"), of("kg", "0.005"));
        assert_eq!(of("mmol/L", "5.50"), of("umol/mL", "5.5"));
        assert_ne!(of("mg", "5000"), of("g", "5.001"));
        assert_ne!(of("mg", "1").2, of("mL", "1").2);
        assert_eq!(based("nonsense-unit", d("1"), d("1")), None);
        for unit in COMMON {
            assert!(base_units(unit).is_some(), "{unit}");
        }
    }
}
