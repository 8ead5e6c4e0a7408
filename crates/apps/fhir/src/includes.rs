//! What comes with a search: `_include` and `_revinclude`.

use crate::clauses::{Reading, Wrong};
use crate::query::{Pair, plain, split};
use crate::refusal::Refusal;
use mach_fhir::ResourceType;
use mach_fhir::definitions::{self, ParamKind, SearchParam};
use mach_fhir::index::Param;
use mach_store::search::Includes;

/// One `_include` or `_revinclude`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Include {
    /// What to follow.
    pub what: Vec<(ResourceType, Vec<Param>, Option<ResourceType>)>,
    /// From sources to targets, or back.
    pub back: bool,
    /// Also from what was included.
    pub iterate: bool,
}

impl Include {
    /// The part that follows from resources of one type; going back, the types that may refer are in `what`.
    pub fn steps(&self) -> impl Iterator<Item = Includes<'_>> {
        self.what.iter().map(|(source, params, target)| Includes { source: *source, params, target: *target })
    }
}

/// Reads one of them.
///
/// # Errors
/// 400 where it cannot be followed.
pub(crate) fn include(reading: &Reading<'_>, types: &[ResourceType], pair: &Pair) -> Result<Include, Wrong> {
    let (name, modifier) = pair.name.split_once(':').unwrap_or((&pair.name, ""));
    if !matches!(modifier, "" | "iterate" | "recurse") {
        let how = format!("the modifier `:{modifier}` is not supported on `{name}`");
        return Err(Refusal::unsupported(how).at(name).into());
    }
    let back = name == "_revinclude";
    let mut include = Include { what: Vec::new(), back, iterate: !modifier.is_empty() };
    if pair.value == "*" {
        let sources: Vec<ResourceType> = if back { ResourceType::all().collect() } else { types.to_vec() };
        for source in sources {
            include.what.extend(references(reading, source, back.then_some(types)));
        }
        return Ok(include);
    }
    let value = plain(&pair.value);
    let parts = split(&value, ':');
    let wrong = || Refusal::invalid(format!("`{name}`: write `Type:parameter` or `Type:parameter:Target`")).at(name);
    let (source, code, target) = match parts.as_slice() {
        [source, code] => (source, code, None),
        [source, code, target] => (source, code, Some(target)),
        _ => return Err(wrong().into()),
    };
    let source = ResourceType::parse(source)
        .ok_or_else(|| Refusal::invalid(format!("`{name}`: `{source}` is no resource type")).at(name))?;
    let target = match target {
        None => None,
        Some(t) => Some(
            ResourceType::parse(t)
                .ok_or_else(|| Refusal::invalid(format!("`{name}`: `{t}` is no resource type")).at(name))?,
        ),
    };
    if code == "*" {
        include.what = references(reading, source, back.then_some(types));
        return Ok(include);
    }
    let param = reading.param(source, code)?;
    if param.kind != ParamKind::Reference {
        return Err(Refusal::invalid(format!("`{name}`: `{}.{code}` is no reference", source.name())).at(name).into());
    }
    include.what.push((source, vec![Param(param.number)], target));
    Ok(include)
}

/// All reference parameters of `source`, those that others defined by themselves; only those that may point to one of `to`, if
/// given.
pub fn references(
    reading: &Reading<'_>,
    source: ResourceType,
    to: Option<&[ResourceType]>,
) -> Vec<(ResourceType, Vec<Param>, Option<ResourceType>)> {
    let points = |p: &SearchParam| to.is_none_or(|to| reading.targets(p).iter().any(|t| to.contains(t)));
    let numbers = |params: &mut dyn Iterator<Item = &SearchParam>| -> Vec<Param> {
        params.filter(|p| p.kind == ParamKind::Reference && points(p)).map(|p| Param(p.number)).collect()
    };
    let r4 = numbers(&mut definitions::r4().params_of(source.name()));
    let own = numbers(&mut reading.own_references(source).into_iter());
    [r4, own].into_iter().filter(|numbers| !numbers.is_empty()).map(|numbers| (source, numbers, None)).collect()
}
