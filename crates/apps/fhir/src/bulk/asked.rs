//! What an export is asked for, as a request and as the store keeps it.

use crate::clauses::Reading;
use crate::custom::{Customs, Used};
use crate::members::{self, Patients};
use crate::moment;
use crate::query::{self, Pair, join};
use crate::read;
use crate::refusal::Refusal;
use crate::render::Shape;
use crate::search::{Handling, Place, Search};
use crate::serve::Asked;
use axum::http::Method;
use mach_fhir::tree::Value;
use mach_fhir::{ResourceType, Tree};
use mach_store::Reader;
use mach_store::search::Clause;
use std::collections::HashSet;

/// Whose resources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Level {
    /// Everybody's and nobody's.
    System,
    /// Those of Patients.
    Patient,
    /// Those of a group's members.
    Group(String),
}

/// An export.
#[derive(Clone, Debug)]
pub struct Export {
    /// Types, in the order they are written.
    pub types: Vec<ResourceType>,
    /// `_elements`.
    pub elements: Vec<String>,
    /// `_typeFilter`: searches of a type, any of which may match.
    pub filters: Vec<(ResourceType, String)>,
    /// `_since`, as a second.
    pub since: Option<i64>,
    /// Whose; `None` for the whole system.
    pub patients: Option<Patients>,
    /// This server's URL as the asker knows it.
    pub base: String,
    /// Search parameters of the asker's own.
    pub customs: Customs,
    /// Those of them that the filters asked by when it was taken on.
    pub used: Vec<u16>,
    /// The scopes of the token of an app that asked; empty where no app did.
    pub scopes: String,
}

/// What must hold of resources of a type.
#[derive(Debug)]
pub struct Filter {
    /// As a clause.
    pub clause: Clause,
    /// The types whose index it needs.
    pub trusted: Vec<ResourceType>,
    /// The search parameters of others that it asks by.
    pub customs: Vec<Used>,
}

impl Export {
    /// Reads a request.
    ///
    /// # Errors
    /// 400 where a parameter is unknown or not supported, unless `Prefer: handling=lenient`; where one cannot be read; 404
    /// where the group, or a Patient that is named, is not there.
    pub fn read(asked: &Asked, level: &Level, reader: &mut Reader) -> Result<Self, Refusal> {
        let base = asked.caller.base.clone();
        let prefers = asked.caller.headers.get_all("prefer").iter().filter_map(|v| v.to_str().ok());
        let lenient = prefers.flat_map(|v| v.split([',', ';'])).any(|p| p.trim() == "handling=lenient");
        let mut pairs = query::pairs(&asked.query)?;
        if asked.method == Method::POST && !asked.body.is_empty() {
            pairs.extend(parameters(asked.json()?)?);
        }
        let scope = reader.scope();
        let customs = Customs::all(reader, scope)?;
        let scopes = crate::app::scopes_of(&asked.caller.session);
        let mut export = Self { base, customs, scopes, ..Self::empty() };
        let mut named = HashSet::new();
        let mut has_types = false;
        for Pair { name, value } in &pairs {
            let wrong = |text: String| Refusal::invalid(text).at(name.clone());
            match name.as_str() {
                "_outputFormat" => match value.replace(' ', "+").as_str() {
                    "application/fhir+ndjson" | "application/ndjson" | "ndjson" => {}
                    _ => {
                        let text = format!("`{value}` is not written; `application/fhir+ndjson` is");
                        return Err(Refusal::unsupported(text).at("_outputFormat"));
                    }
                },
                "_since" => {
                    let since = moment::seconds(value).filter(|_| value.contains('T'));
                    let since =
                        since.ok_or_else(|| wrong(format!("`{value}` is no instant; write `2026-01-31T00:00:00Z`")))?;
                    export.since = Some(since.0);
                }
                "_type" => {
                    has_types = true;
                    for one in value.split(',').filter(|t| !t.is_empty()) {
                        match ResourceType::parse(one) {
                            Some(kind) if *level == Level::System || members::in_compartment(kind) => {
                                if !export.types.contains(&kind) {
                                    export.types.push(kind);
                                }
                            }
                            _ if lenient => {}
                            Some(_) => {
                                return Err(wrong(format!("`{one}` belongs to no Patient; export it by `/$export`")));
                            }
                            None => return Err(wrong(format!("`{one}` is no resource type of FHIR R4"))),
                        }
                    }
                }
                "_elements" => export.elements.extend(value.split(',').filter(|e| !e.is_empty()).map(str::to_owned)),
                "_typeFilter" => export.filters.extend(filters(value)?),
                "patient" if *level != Level::System => {
                    named.extend(
                        value
                            .split(',')
                            .map(|p| members::patient_id(p, &export.base))
                            .collect::<Result<Vec<_>, _>>()?,
                    );
                }
                "_format" | "_pretty" => {}
                _ if lenient => {}
                _ => {
                    let text =
                        format!("`{name}` is not supported here; send `Prefer: handling=lenient` to have it ignored");
                    return Err(Refusal::unsupported(text).at(name.clone()));
                }
            }
        }
        if !has_types {
            export.types =
                ResourceType::all().filter(|k| *level == Level::System || members::in_compartment(*k)).collect();
        }
        if export.types.is_empty() {
            return Err(Refusal::invalid("no type is left to be exported").at("_type"));
        }
        if let Some((kind, _)) = export.filters.iter().find(|(kind, _)| !export.types.contains(kind)) {
            let text = format!("`{}` is filtered and not among the types exported", kind.name());
            return Err(Refusal::invalid(text).at("_typeFilter"));
        }
        export.patients = whose(reader, level, named, &export.base)?;
        // What cannot be searched for is said now, not by a job that fails.
        for kind in export.types.clone() {
            if let Some(filter) = export.search(kind)? {
                export.used.extend(filter.customs.iter().map(|(custom, _)| custom.param.number));
            }
        }
        Ok(export)
    }

    fn empty() -> Self {
        Self {
            types: Vec::new(),
            elements: Vec::new(),
            filters: Vec::new(),
            since: None,
            patients: None,
            base: String::new(),
            customs: Customs::default(),
            used: Vec::new(),
            scopes: String::new(),
        }
    }

    /// As the store keeps it.
    pub fn write(&self) -> String {
        let mut pairs = Vec::new();
        let mut push = |name: &str, value: String| pairs.push(Pair { name: name.to_owned(), value });
        push("base", self.base.clone());
        push("types", self.types.iter().map(|k| k.name()).collect::<Vec<_>>().join(","));
        push("elements", self.elements.join(","));
        if let Some(since) = self.since {
            push("since", since.to_string());
        }
        match &self.patients {
            None => {}
            Some(Patients::All) => push("all", String::new()),
            Some(Patients::These(ids)) => push("patients", ids.iter().cloned().collect::<Vec<_>>().join(",")),
        }
        if !self.used.is_empty() {
            push("used", self.used.iter().map(u16::to_string).collect::<Vec<_>>().join(","));
        }
        if !self.scopes.is_empty() {
            push("scopes", self.scopes.clone());
        }
        for (kind, filter) in &self.filters {
            push(kind.name(), filter.clone());
        }
        join(&pairs)
    }

    /// From what the store keeps.
    ///
    /// # Errors
    /// 500 where it is not that.
    pub fn stored(text: &str) -> Result<Self, Refusal> {
        let mut export = Self::empty();
        let list = |value: &str| value.split(',').filter(|v| !v.is_empty()).map(str::to_owned).collect::<Vec<_>>();
        for Pair { name, value } in query::pairs(text)? {
            match name.as_str() {
                "base" => export.base = value,
                "scopes" => export.scopes = value,
                "types" => export.types = list(&value).iter().filter_map(|t| ResourceType::parse(t)).collect(),
                "elements" => export.elements = list(&value),
                "since" => export.since = value.parse().ok(),
                "used" => export.used = list(&value).iter().filter_map(|n| n.parse().ok()).collect(),
                "all" => export.patients = Some(Patients::All),
                "patients" => export.patients = Some(Patients::These(list(&value).into_iter().collect())),
                kind => {
                    let kind = ResourceType::parse(kind).ok_or_else(|| Refusal::internal("a stored job is damaged"))?;
                    export.filters.push((kind, value));
                }
            }
        }
        Ok(export)
    }

    /// What must hold of resources of a type, but for the time and the Patient.
    ///
    /// # Errors
    /// 400 where a filter is no search, or asks by a search parameter that is another one meanwhile.
    pub fn clause(&self, kind: ResourceType) -> Result<Clause, Refusal> {
        let Some(filter) = self.search(kind)? else { return Ok(Clause::EVERYTHING) };
        if filter.customs.iter().any(|(custom, _)| !self.used.contains(&custom.param.number)) {
            let text = "a search parameter of `_typeFilter` was changed since the export was asked for: ask again";
            return Err(Refusal::invalid(text).at("_typeFilter"));
        }
        Ok(filter.clause)
    }

    /// The filter of a type.
    ///
    /// # Errors
    /// 400 where it is no search.
    pub fn search(&self, kind: ResourceType) -> Result<Option<Filter>, Refusal> {
        let mut all = Filter { clause: Clause::NOTHING, trusted: Vec::new(), customs: Vec::new() };
        let mut any = Vec::new();
        for (_, filter) in self.filters.iter().filter(|(of, _)| *of == kind) {
            let pairs = query::pairs(filter)?;
            let reading = Reading::new(&self.base).with(self.customs.clone());
            let search = Search::read(&reading, &Place::Type(kind), &pairs, Handling::Strict)?;
            if !search.includes.is_empty()
                || !search.sorts.is_empty()
                || !search.words.is_empty()
                || search.page.is_some()
            {
                let text = format!("`{filter}`: a filter holds conditions only");
                return Err(Refusal::unsupported(text).at("_typeFilter"));
            }
            all.trusted.extend(search.trusted());
            all.customs.extend(search.customs);
            any.extend(search.asked.into_iter().map(|(_, clause)| clause));
        }
        all.clause = Clause::Any(any);
        Ok(matches!(&all.clause, Clause::Any(any) if !any.is_empty()).then_some(all))
    }

    /// How resources are shown.
    pub fn shape(&self) -> Shape {
        Shape { elements: self.elements.clone(), ..Shape::default() }
    }
}

fn whose(reader: &mut Reader, level: &Level, named: HashSet<String>, base: &str) -> Result<Option<Patients>, Refusal> {
    let scope = reader.scope();
    for id in &named {
        read::current(reader, scope, ResourceType::PATIENT, id)?;
    }
    Ok(match level {
        Level::System => None,
        Level::Patient if named.is_empty() => Some(Patients::All),
        Level::Patient => Some(Patients::These(named)),
        Level::Group(id) => {
            let members = members::of_group(reader, scope, id, base)?;
            if let Some(other) = named.iter().find(|id| !members.contains(*id)) {
                return Err(Refusal::invalid(format!("`Patient/{other}` is no member of `Group/{id}`")).at("patient"));
            }
            Some(Patients::These(if named.is_empty() { members } else { named }))
        }
    })
}

/// `Type?query,Type?query`: a comma within a query stands where no type follows.
fn filters(value: &str) -> Result<Vec<(ResourceType, String)>, Refusal> {
    let mut out: Vec<(ResourceType, String)> = Vec::new();
    for part in value.split(',') {
        match (part.split_once('?').and_then(|(k, q)| Some((ResourceType::parse(k)?, q))), out.last_mut()) {
            (Some((kind, query)), _) => out.push((kind, query.to_owned())),
            (None, Some((_, query))) => {
                query.push(',');
                query.push_str(part);
            }
            (None, None) => {
                let text = format!("`{value}`: write `Type?parameter=value`");
                return Err(Refusal::invalid(text).at("_typeFilter"));
            }
        }
    }
    Ok(out)
}

/// The parameters of a Parameters resource, as those of a query.
pub fn parameters(text: &str) -> Result<Vec<Pair>, Refusal> {
    let tree = Tree::parse(text).map_err(|e| Refusal::invalid(format!("the body is no JSON: {e}")))?;
    if tree.root().get_text("resourceType").as_deref() != Some("Parameters") {
        return Err(Refusal::invalid("an operation is posted with Parameters"));
    }
    let mut out = Vec::new();
    for parameter in tree.root().get("parameter").into_iter().flat_map(Value::items) {
        let name = parameter.get_text("name").unwrap_or_default().into_owned();
        let value = parameter.members().find(|(n, _)| n.starts_with("value")).map(|(_, v)| v);
        let text = value.and_then(|v| match v.is_object() {
            true => v.get_text("reference").map(|t| t.into_owned()),
            false => v.text().map(|t| t.into_owned()),
        });
        let value = text.ok_or_else(|| Refusal::invalid(format!("`{name}` has no value")).at(name.clone()))?;
        out.push(Pair { name, value });
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_keep_their_commas() {
        let read = |text: &str| {
            let parts = filters(text)?.into_iter().map(|(k, q)| format!("{} {q}", k.name())).collect::<Vec<_>>();
            Ok::<_, Refusal>(parts.join(" | "))
        };
        assert_eq!(
            read("Observation?code=a,b&status=final,Condition?code=c").unwrap(),
            "Observation code=a,b&status=final | Condition code=c"
        );
        assert!(read("status=final").is_err() && read("Nothing?x=y").is_err());
    }

    #[test]
    fn what_is_kept_comes_back() {
        let export = Export {
            types: vec![ResourceType::PATIENT, ResourceType::OBSERVATION],
            elements: vec!["id".to_owned()],
            filters: vec![(ResourceType::OBSERVATION, "code=a%26b&status=x".to_owned())],
            since: Some(5),
            patients: Some(Patients::These(["a".to_owned()].into())),
            base: "http://x/fhir".to_owned(),
            used: vec![4096, 4100],
            ..Export::empty()
        };
        let back = Export::stored(&export.write()).unwrap();
        assert_eq!(format!("{back:?}"), format!("{export:?}"));
    }
}
