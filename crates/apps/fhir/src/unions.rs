//! Parameters that are two others together: they have no rows of their own.
//!
//! R4 finds an Observation by `combo-code` wherever `code` or `component-code` finds it, and so for five more. Their rows
//! would be those of the two again, almost half of all that an Observation is found by.

use mach_fhir::definitions;
use mach_fhir::index::Param;
use mach_store::search::Clause;
use mach_store::search::value::shown_param;
use std::sync::LazyLock;

/// The parameters, each with the two that it is. R4, Observation: the expressions are the unions of those of the two.
const UNIONS: [(&str, [&str; 2]); 6] = [
    ("combo-code", ["code", "component-code"]),
    ("combo-code-value-concept", ["code-value-concept", "component-code-value-concept"]),
    ("combo-code-value-quantity", ["code-value-quantity", "component-code-value-quantity"]),
    ("combo-data-absent-reason", ["data-absent-reason", "component-data-absent-reason"]),
    ("combo-value-concept", ["value-concept", "component-value-concept"]),
    ("combo-value-quantity", ["value-quantity", "component-value-quantity"]),
];

/// The two parameters that `param` is, where it is such a one.
pub fn of(param: Param) -> Option<[Param; 2]> {
    static NUMBERS: LazyLock<Vec<(Param, [Param; 2])>> = LazyLock::new(|| {
        let number = |code: &str| definitions::r4().param("Observation", code).map(|p| Param(p.number));
        let known = UNIONS.iter().filter_map(|(code, [a, b])| Some((number(code)?, [number(a)?, number(b)?])));
        known.collect()
    });
    NUMBERS.iter().find(|(union, _)| *union == param).map(|(_, both)| *both)
}

/// `clause` about the two wherever it is about one that is two.
pub fn opened(clause: Clause) -> Clause {
    let all = |of: Vec<Clause>| of.into_iter().map(opened).collect();
    match clause {
        Clause::All(of) => Clause::All(all(of)),
        Clause::Any(of) => Clause::Any(all(of)),
        Clause::Not(of) => Clause::Not(Box::new(opened(*of))),
        leaf => {
            // Printed texts and the like of a parameter stand under its number and some more.
            let Some(param) = param_of(&leaf) else { return leaf };
            let more = param.0 & !(shown_param(Param(0)).0 - 1);
            match of(Param(param.0 - more)) {
                Some(both) => Clause::Any(both.map(|p| about(leaf.clone(), Param(p.0 + more))).to_vec()),
                None => leaf,
            }
        }
    }
}

/// The parameter of a clause of the kinds that such parameters have.
fn param_of(clause: &Clause) -> Option<Param> {
    match clause {
        Clause::Token { param, .. }
        | Clause::Codes { param, .. }
        | Clause::Text { param, .. }
        | Clause::Quantity { param, .. }
        | Clause::Pair { param, .. }
        | Clause::Has { param, .. } => Some(*param),
        _ => None,
    }
}

fn about(mut clause: Clause, new: Param) -> Clause {
    match &mut clause {
        Clause::Token { param, .. }
        | Clause::Codes { param, .. }
        | Clause::Text { param, .. }
        | Clause::Quantity { param, .. }
        | Clause::Pair { param, .. }
        | Clause::Has { param, .. } => *param = new,
        _ => {}
    }
    clause
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_exactly_what_the_two_find() {
        let r4 = definitions::r4();
        for (code, two) in UNIONS {
            let expression = |code: &str| {
                let param = r4.param("Observation", code).unwrap();
                let parts = param.expression.split('|').map(|p| p.trim().trim_matches(['(', ')']).to_owned());
                // Those that other types share the parameter with are not about Observations.
                let mut parts: Vec<String> = parts.filter(|p| p.starts_with("Observation")).collect();
                parts.sort();
                parts
            };
            let mut both = [expression(two[0]), expression(two[1])].concat();
            both.sort();
            assert_eq!(expression(code), both, "{code}");
            let number = Param(r4.param("Observation", code).unwrap().number);
            assert!(of(number).is_some(), "{code}");
        }
        assert_eq!(of(Param::DATE), None);
    }
}
