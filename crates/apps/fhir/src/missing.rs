//! Whether a resource has any value of a parameter.

use crate::clauses::Made;
use crate::refusal::Refusal;
use crate::unions;
use mach_fhir::definitions::{ParamKind, SearchParam};
use mach_fhir::index::Param;
use mach_store::search::value::{second_param, shown_param};
use mach_store::search::{Clause, Table};

/// That a resource has a value of the parameter: in whichever table it may stand. A concept of words alone and a reference
/// by identifier are values too.
fn has(param: &SearchParam) -> Clause {
    let number = Param(param.number);
    let stands = |param: Param, tables: &'static [Table]| Clause::Has { param, tables };
    match param.kind {
        ParamKind::Token => {
            Clause::Any(vec![stands(number, &[Table::Token]), stands(shown_param(number), &[Table::Text])])
        }
        ParamKind::Reference => {
            Clause::Any(vec![stands(number, &[Table::Reference]), stands(second_param(number), &[Table::Token])])
        }
        ParamKind::String | ParamKind::Uri => stands(number, &[Table::Text]),
        ParamKind::Date => stands(number, &[Table::Date]),
        ParamKind::Number | ParamKind::Quantity => stands(number, &[Table::Quantity]),
        ParamKind::Composite | ParamKind::Special => stands(number, &[Table::Pair]),
    }
}

/// What `:missing` asks.
///
/// # Errors
/// 400 where the value is neither of the two.
pub fn missing(param: &SearchParam, name: &str, value: &str) -> Made {
    let has = unions::opened(has(param));
    match value {
        "false" => Ok(has),
        "true" => Ok(Clause::Not(Box::new(has))),
        _ => Err(Refusal::invalid(format!("`{name}` is `true` or `false`, not `{value}`")).at(name).into()),
    }
}
