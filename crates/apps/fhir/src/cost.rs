//! How much a search asks: a short address may mean thousands of tests, by references of any type and units that convert.

use crate::refusal::Refusal;
use mach_base::limits;
use mach_store::search::Clause;
use std::cell::Cell;

/// Codes that are asked about as one.
const CODES: usize = 100;

/// Tests made so far.
#[derive(Debug, Default)]
pub struct Cost(Cell<usize>);

impl Cost {
    /// Takes note of more of them.
    ///
    /// # Errors
    /// 400 where they are too many.
    pub fn add(&self, tests: usize) -> Result<(), Refusal> {
        let all = self.0.get().saturating_add(tests);
        self.0.set(all);
        if all > limits::FHIR_TESTS { Err(too_many(limits::FHIR_TESTS)) } else { Ok(()) }
    }
}

/// That a type is asked no more than a statement should be.
///
/// # Errors
/// 400 where it is.
pub fn bounded(clause: &Clause) -> Result<(), Refusal> {
    if of(clause) > limits::FHIR_TYPE_TESTS { Err(too_many(limits::FHIR_TYPE_TESTS)) } else { Ok(()) }
}

fn too_many(most: usize) -> Refusal {
    let how = "ask for fewer values, or name the type of a reference (`subject:Patient=…`)";
    Refusal::too_costly(format!("the search comes to more than {most} tests: {how}"))
}

/// The tests of a clause.
pub fn of(clause: &Clause) -> usize {
    match clause {
        Clause::All(all) | Clause::Any(all) => all.iter().map(of).sum(),
        Clause::Not(inner) | Clause::Chain { clause: inner, .. } | Clause::Referred { clause: inner, .. } => {
            1 + of(inner)
        }
        Clause::Codes { codes, .. } => 1 + codes.len() / CODES,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_counted_to_the_limit() {
        let some = |n: usize| Clause::Any(vec![Clause::Id("x".into()); n]);
        assert!(bounded(&some(limits::FHIR_TYPE_TESTS)).is_ok());
        assert!(bounded(&some(limits::FHIR_TYPE_TESTS + 1)).is_err());
        assert_eq!(of(&Clause::Not(Box::new(Clause::All(vec![some(2), some(3)])))), 6);
        let cost = Cost::default();
        assert!(cost.add(limits::FHIR_TESTS).is_ok() && cost.add(1).is_err() && cost.add(usize::MAX).is_err());
    }
}
