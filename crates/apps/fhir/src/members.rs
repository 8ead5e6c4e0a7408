//! Which Patients a resource belongs to, and who is in a group: what bulk operations on patients ask.

use crate::extract::extract;
use crate::read;
use crate::refusal::Refusal;
use mach_access::Scope;
use mach_fhir::definitions;
use mach_fhir::tree::Value;
use mach_fhir::{ResourceType, Tree};
use mach_store::resources;
use mach_store::sql::Query;
use std::collections::HashSet;

/// The Patients meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Patients {
    /// Every one.
    All,
    /// These ids.
    These(HashSet<String>),
}

impl Patients {
    fn has(&self, id: &str) -> bool {
        match self {
            Self::All => true,
            Self::These(ids) => ids.contains(id),
        }
    }

    /// Whether a resource lies in the compartment of one of them. R4 CompartmentDefinition/patient.
    ///
    /// # Errors
    /// 422 where the resource cannot be read for its references.
    pub fn own(&self, kind: ResourceType, id: &str, body: &str, base: &str) -> Result<bool, Refusal> {
        if kind == ResourceType::PATIENT {
            return Ok(self.has(id));
        }
        let r4 = definitions::r4();
        let places = r4.compartment("Patient", kind.name()).unwrap_or_default();
        let params: Vec<u16> = places.iter().filter_map(|p| r4.param(kind.name(), p)).map(|p| p.number).collect();
        if params.is_empty() {
            return Ok(false);
        }
        let tree = Tree::parse(body).map_err(Refusal::internal)?;
        Ok(extract(kind, &tree, base)?.values.iter().any(|value| match value {
            resources::Value::Reference { param, target: ResourceType::PATIENT, id } => {
                params.contains(&param.0) && self.has(id)
            }
            _ => false,
        }))
    }
}

/// Whether resources of a type lie in a Patient's compartment.
pub fn in_compartment(kind: ResourceType) -> bool {
    kind == ResourceType::PATIENT
        || definitions::r4().compartment("Patient", kind.name()).is_some_and(|p| !p.is_empty())
}

/// `Patient/x` or `x` as `x`.
///
/// # Errors
/// 400 where it is another thing.
pub fn patient_id(reference: &str, base: &str) -> Result<String, Refusal> {
    let plain = reference.strip_prefix(base).unwrap_or(reference).trim_start_matches('/');
    let id = plain.strip_prefix("Patient/").unwrap_or(plain);
    if crate::write::is_id(id) {
        return Ok(id.to_owned());
    }
    Err(Refusal::invalid(format!("`{reference}` is no reference to a Patient here; write `Patient/…`")).at("patient"))
}

/// The Patients that are active members of the group `id`, as `scope` may see it.
///
/// # Errors
/// 404 where there is no such group.
pub fn of_group(on: &mut dyn Query, scope: Scope, id: &str, base: &str) -> Result<HashSet<String>, Refusal> {
    let id = id.strip_prefix(base).unwrap_or(id).trim_start_matches('/');
    let group = read::current(on, scope, ResourceType::GROUP, id.strip_prefix("Group/").unwrap_or(id))?;
    let tree = Tree::parse(group.body.as_str()).map_err(Refusal::internal)?;
    let members = tree.root().get("member").into_iter().flat_map(Value::items);
    let active = members.filter(|m| m.get("inactive").and_then(|i| i.boolean()) != Some(true));
    let references = active.filter_map(|m| m.get("entity")?.get_text("reference").map(|r| r.into_owned()));
    Ok(references
        .filter(|r| r.strip_prefix(base).unwrap_or(r).trim_start_matches('/').starts_with("Patient/"))
        .filter_map(|r| patient_id(&r, base).ok())
        .collect())
}
