//! Checks of a claim: fields, codes, dates, cards, arithmetic, and what its tables say of each other.
//!
//! Facts: the decisions and the insurer's portal sheet, as dated data in `content/claims/`: `rules.csv` (what is refused,
//! what warns, in which words), `conditions.csv` (when a field must be filled), `codes.csv`, and the layouts themselves.
//! What the portal checks refuses; practice of reviewers and facts of low trust warn.
//!
//! Cost, for a claim of 18 lines: about 1,500 cells by index, each a trim and one or two scans, 18 × 20 lookups by tag for
//! arithmetic: under 150 µs. Nothing is allocated for a field that is right.

mod audit;
mod cards;
mod codes;
mod conditions;
mod context;
mod diagnoses;
mod fields;
mod finding;
mod formats;
mod lines;
mod links;
mod papers;
mod person;
mod plan;
mod rules;
mod tables;
mod times;
mod totals;

pub use codes::{Code, Codes, Known};
pub use diagnoses::Diagnoses;
pub use finding::{Finding, Located, Report};
pub use rules::{Lang, Rule, Rules, RulesError, Severity};

use crate::raw::RawClaim;
use context::Context;

/// Checks a claim or a check-in message, and says all that was found: see [`Report`].
pub fn report(claim: &RawClaim, rules: &Rules, codes: &Codes, diagnoses: &dyn Diagnoses) -> Report {
    let mut cx = Context::new(claim, rules, codes);
    cx.structure();
    // A claim in the wrong layout would fail every field; that it has the wrong layout says it all.
    if claim.layout.decision == claim.read_as.decision {
        if claim.is_check_in() {
            check_in(&mut cx);
        } else {
            whole_claim(&mut cx, diagnoses);
        }
    }
    cx.done()
}

/// As [`report`], only the findings that are kept (see [`mach_base::limits::FINDINGS_PER_CLAIM`]).
pub fn check(claim: &RawClaim, rules: &Rules, codes: &Codes, diagnoses: &dyn Diagnoses) -> Vec<Finding> {
    report(claim, rules, codes, diagnoses).findings
}

/// Checks a check-in message (XML0). It names no diagnosis.
pub fn check_check_in(claim: &RawClaim, rules: &Rules, codes: &Codes) -> Vec<Finding> {
    let mut cx = Context::new(claim, rules, codes);
    cx.structure();
    if claim.layout.decision == claim.read_as.decision {
        check_in(&mut cx);
    }
    cx.done().findings
}

fn check_in(cx: &mut Context<'_>) {
    fields::check(cx);
    for row in cx.raw.rows(0) {
        cards::check(cx, row);
        person::check(cx, row);
        times::admission(cx, row);
        links::first_cost(cx, row);
    }
}

fn whole_claim(cx: &mut Context<'_>, diagnoses: &dyn Diagnoses) {
    tables::check(cx);
    fields::check(cx);
    if let Some(head) = cx.head {
        cards::check(cx, head);
        person::check(cx, head);
        times::head(cx, head);
    }
    let lines = lines::check(cx);
    totals::check(cx, &lines);
    times::lines(cx);
    links::check(cx);
    papers::check(cx);
    diagnoses::check(cx, diagnoses);
    audit::check(cx, &lines);
}
