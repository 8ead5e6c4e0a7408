//! What a search asks of terminology: the codes of a value set, and those above or below a code.

use super::{Shelves, expand};
use crate::query::{Pair, plain};
use crate::read;
use crate::refusal::Refusal;
use mach_access::Scope;
use mach_base::limits;
use mach_fhir::ResourceType;
use mach_fhir::index::Param;
use mach_fhir::terminology::{Library, Problem, ValueSet, r4};
use mach_store::search::Clause;
use mach_store::sql::Query;
use std::collections::HashMap;
use std::sync::Arc;

/// What one search may ask: read before it is made, under the asker's scope.
#[derive(Clone, Debug, Default)]
pub struct Terms {
    library: Option<Library>,
    /// Value sets that it names by their address here.
    by_id: HashMap<String, Result<Arc<ValueSet>, Refusal>>,
}

impl Terms {
    /// Reads what the parameters need: nothing, for most.
    ///
    /// # Errors
    /// Of the store.
    pub fn of(shelves: &Shelves, on: &mut dyn Query, scope: Scope, pairs: &[Pair]) -> Result<Self, Refusal> {
        let needs = |p: &Pair| {
            [":in", ":not-in", ":above", ":below"].iter().any(|m| p.name.ends_with(m)) || p.name == "_filter"
        };
        let mut terms = Self::default();
        for pair in pairs.iter().filter(|p| needs(p)) {
            if terms.library.is_none() {
                terms.library = Some(shelves.library(on, scope)?);
            }
            for rest in pair.value.split("ValueSet/").skip(1) {
                let id: String =
                    rest.chars().take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.')).collect();
                if id.is_empty() || terms.by_id.contains_key(&id) {
                    continue;
                }
                let found = read::current(on, scope, ResourceType::VALUE_SET, &id);
                terms.by_id.insert(id, found.and_then(|r| shelves.value_set(&r)));
            }
        }
        Ok(terms)
    }

    fn library(&self) -> &Library {
        self.library.as_ref().unwrap_or_else(|| r4())
    }

    /// Tokens that are in the value set `name` says: its canonical URL, or its address at `base`.
    ///
    /// # Errors
    /// 400 where the value set is not known to the asker, its codes are not known here, or they are too many.
    pub fn within(&self, param: Param, name: &str, value: &str, base: &str) -> Result<Clause, Refusal> {
        let value = plain(value);
        let here = value.strip_prefix(base).map_or(value.as_str(), |r| r.trim_start_matches('/'));
        let set = match here.strip_prefix("ValueSet/").filter(|id| !id.contains('/')) {
            Some(id) => match self.by_id.get(id) {
                Some(Ok(set)) => Ok(Arc::clone(set)),
                Some(Err(refusal)) if refusal.status.as_u16() < 500 && refusal.code != "not-found" => {
                    Err(refusal.clone())
                }
                _ => Err(unknown(&value)),
            },
            None => self.library().value_set(&value, None).map_err(|p| match p {
                Problem::Unknown(_) => unknown(&value),
                other => other.into(),
            }),
        };
        let parts = set.and_then(|set| expand::searched(self.library(), &set));
        let parts = parts.map_err(|mut refusal| {
            if refusal.code == "not-found" {
                refusal.text = format!("the codes of value set `{value}` are not all known here: {}", refusal.text);
            }
            // A parameter that cannot be answered is the request's fault: what it names is not this resource.
            refusal.status = axum::http::StatusCode::BAD_REQUEST;
            refusal.text = format!("`{name}`: {}", refusal.text);
            refusal.at(name)
        })?;
        let any = parts.into_iter().map(|(system, codes)| match codes {
            Some(codes) => of_codes(param, system, codes),
            None => Clause::Token { param, system: Some(system), code: None, second: false },
        });
        Ok(Clause::Any(any.collect()))
    }

    /// Tokens at and below a code, or at and above it.
    ///
    /// # Errors
    /// 400 where no system is named, or system or code are not known here.
    pub fn around(&self, param: Param, name: &str, value: &str, below: bool) -> Result<Clause, Refusal> {
        let parts: Vec<String> = crate::query::split(value, '|').iter().map(|p| plain(p)).collect();
        let [system, code] = parts.as_slice() else {
            return Err(Refusal::invalid(format!("`{name}`: write `system|code`: a hierarchy is a system's")).at(name));
        };
        let wrong = |text: String| Refusal::new(axum::http::StatusCode::BAD_REQUEST, "not-found", text).at(name);
        let found = self.library().system(system, None).map_err(|p| wrong(format!("`{name}`: {p}")))?;
        let concept =
            found.find(code).ok_or_else(|| wrong(format!("`{name}`: `{code}` is no code of `{system}` known here")))?;
        let rows = if below { concept.descendants() } else { concept.ancestors() };
        if rows.len() > limits::FHIR_SET_CODES {
            let (count, most) = (rows.len(), limits::FHIR_SET_CODES);
            return Err(
                Refusal::too_costly(format!("`{name}`: {count} codes, a search asks for at most {most}")).at(name)
            );
        }
        let codes = rows.into_iter().map(|r| found.at(r).code().to_owned()).collect();
        Ok(of_codes(param, system.clone(), codes))
    }
}

fn unknown(value: &str) -> Refusal {
    Refusal::unsupported(format!("value set `{value}` is not known here"))
}

/// Elements of type `code` may carry no system: their codes are asked without one, too.
fn of_codes(param: Param, system: String, codes: Vec<String>) -> Clause {
    Clause::Codes { param, systems: vec![system, String::new()], codes: codes.into() }
}
