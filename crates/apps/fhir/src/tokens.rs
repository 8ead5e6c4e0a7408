//! URIs and tokens as clauses.

use crate::clauses::{no_modifier, one_or_any, text};
use crate::query::{plain, split};
use crate::refusal::Refusal;
use mach_base::limits;
use mach_fhir::index::Param;
use mach_store::search::{Clause, TextTest};
use mach_terms::IdentifierSystems;

/// A URI as it is, below or above it.
///
/// # Errors
/// 400 where the modifier is another.
pub fn uri(param: Param, name: &str, modifier: &str, value: &str) -> Result<Clause, Refusal> {
    match modifier {
        "" => Ok(text(param, TextTest::Uri(value.to_owned()))),
        "below" => Ok(text(param, TextTest::Below(value.to_owned()))),
        "above" => {
            // The URI itself and everything it lies below.
            let mut any = vec![text(param, TextTest::Uri(value.to_owned()))];
            let mut rest = value;
            while let Some((above, _)) = rest.rsplit_once('/').filter(|(a, _)| !a.ends_with('/')) {
                if any.len() > 2 * limits::FHIR_CLAUSES {
                    let text = format!("`{name}`: a URI of more than {} parts", limits::FHIR_CLAUSES);
                    return Err(Refusal::too_costly(text).at(name));
                }
                any.extend([above.to_owned(), format!("{above}/")].map(|u| text(param, TextTest::Uri(u))));
                rest = above;
            }
            Ok(Clause::Any(any))
        }
        _ => Err(no_modifier(name, modifier)),
    }
}

/// `system|code`, of which one may be missing.
///
/// # Errors
/// 400 where both are.
pub fn system_and_code(name: &str, value: &str) -> Result<(Option<String>, Option<String>), Refusal> {
    match value.split_once('|') {
        None => Ok((None, Some(value.to_owned()))),
        Some(("", "")) => Err(Refusal::invalid(format!("`{name}`: `|` alone asks nothing")).at(name)),
        Some((system, "")) => Ok((Some(system.to_owned()), None)),
        Some((system, code)) => Ok((Some(system.to_owned()), Some(code.to_owned()))),
    }
}

/// A token: `code`, `system|code`, `|code`, `system|`.
///
/// # Errors
/// 400 where it is none of these.
pub fn token(param: Param, name: &str, value: &str) -> Result<Clause, Refusal> {
    let parts = split(value, '|');
    if parts.len() > 2 {
        return Err(Refusal::invalid(format!("`{name}`: `{value}` has more than one `|`")).at(name));
    }
    let joined: Vec<String> = parts.iter().map(|p| plain(p)).collect();
    let (system, code) = match joined.as_slice() {
        [code] => (None, Some(code.clone())),
        [system, code] if code.is_empty() && system.is_empty() => {
            return Err(Refusal::invalid(format!("`{name}`: `|` alone asks nothing")).at(name));
        }
        [system, code] if code.is_empty() => (Some(system.clone()), None),
        [system, code] => (Some(system.clone()), Some(code.clone())),
        _ => (None, None),
    };
    Ok(tokens(param, system, code, false))
}

/// A token under every spelling of its system: the URIs that mean one number are one.
pub fn tokens(param: Param, system: Option<String>, code: Option<String>, second: bool) -> Clause {
    let one = |system: Option<String>| Clause::Token { param, system, code: code.clone(), second };
    let known = system.as_deref().and_then(|s| IdentifierSystems::shared().get(s));
    let Some(known) = known else { return one(system) };
    let mut spellings = known.uris.clone();
    spellings.extend(system.filter(|s| !known.uris.contains(s)));
    one_or_any(spellings.into_iter().map(|s| one(Some(s))).collect())
}
