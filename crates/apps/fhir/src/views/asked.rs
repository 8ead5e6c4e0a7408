//! What a run of a view is asked for: by query, by Parameters, or by a ViewDefinition posted as it is.

use crate::members;
use crate::moment;
use crate::query::{self, Pair};
use crate::refusal::Refusal;
use crate::serve::Asked;
use axum::http::{Method, StatusCode};
use mach_fhir::Tree;
use mach_fhir::tree::Value;
use mach_fhir::view::Format;

/// A run.
#[derive(Debug)]
pub struct Run {
    /// The id of a stored view.
    pub id: Option<String>,
    /// A view sent along.
    pub view: Option<String>,
    /// How rows are written.
    pub format: Format,
    /// Whether CSV begins with the names of its columns.
    pub header: bool,
    /// Rows, at most.
    pub limit: Option<u64>,
    /// Resources written at or after this second.
    pub since: Option<i64>,
    /// Ids of Patients.
    pub patients: Vec<String>,
    /// Groups.
    pub groups: Vec<String>,
    /// Resources sent along, in place of those here.
    pub resources: Option<Vec<String>>,
}

impl Run {
    /// Reads what is asked.
    ///
    /// # Errors
    /// 400 where a parameter is unknown, not supported, or cannot be read; 406.
    pub fn read(asked: &Asked, id: Option<String>) -> Result<Self, Refusal> {
        let mut run = Self {
            id,
            view: None,
            format: Format::Ndjson,
            header: true,
            limit: None,
            since: None,
            patients: Vec::new(),
            groups: Vec::new(),
            resources: None,
        };
        let mut format = None;
        let base = asked.caller.base.as_str();
        for Pair { name, value } in query::pairs(&asked.query)? {
            run.take(&name, &value, base, &mut format)?;
        }
        if asked.method == Method::POST && !asked.body.is_empty() {
            let tree = Tree::parse(asked.json()?).map_err(|e| Refusal::invalid(format!("the body is no JSON: {e}")))?;
            match tree.root().get_text("resourceType").as_deref() {
                Some("Parameters") => {
                    for parameter in tree.root().get("parameter").into_iter().flat_map(Value::items) {
                        run.parameter(parameter, base, &mut format)?;
                    }
                }
                Some("ViewDefinition") => run.view = Some(tree.root().raw().to_owned()),
                _ => return Err(Refusal::invalid("post Parameters, or a ViewDefinition")),
            }
        }
        match (&run.id, &run.view) {
            (None, None) => {
                let text =
                    "say which view: `viewResource`, `viewReference`, or `/ViewDefinition/{id}/$viewdefinition-run`";
                return Err(Refusal::invalid(text));
            }
            (Some(_), Some(_)) => return Err(Refusal::invalid("either `viewResource` or a stored view, not both")),
            _ => {}
        }
        run.format = match format {
            Some(format) => format,
            None => accepted(asked.caller.header("accept").unwrap_or_default())?,
        };
        Ok(run)
    }

    fn parameter(&mut self, parameter: Value<'_>, base: &str, format: &mut Option<Format>) -> Result<(), Refusal> {
        let name = parameter.get_text("name").unwrap_or_default();
        match (name.as_ref(), parameter.get("resource")) {
            ("viewResource", Some(view)) => self.view = Some(view.raw().to_owned()),
            ("resource", Some(resource)) => {
                self.resources.get_or_insert_default().push(resource.raw().to_owned());
            }
            ("viewResource" | "resource", None) => {
                return Err(Refusal::invalid(format!("`{name}` holds no `resource`")).at(name.as_ref()));
            }
            _ => {
                let value = parameter.members().find(|(n, _)| n.starts_with("value")).map(|(_, v)| v);
                let text = value.and_then(|v| match v.is_object() {
                    true => v.get_text("reference").map(|t| t.into_owned()),
                    false => v.text().map_or_else(|| Some(v.raw().to_owned()), |t| Some(t.into_owned())),
                });
                let text = text.ok_or_else(|| Refusal::invalid(format!("`{name}` has no value")).at(name.as_ref()))?;
                self.take(&name, &text, base, format)?;
            }
        }
        Ok(())
    }

    fn take(&mut self, name: &str, value: &str, base: &str, format: &mut Option<Format>) -> Result<(), Refusal> {
        let wrong = || Refusal::invalid(format!("`{name}` cannot be `{value}`")).at(name);
        match name {
            "_format" => {
                let text = format!("`{value}` is not written here; csv, ndjson, json and parquet are");
                let known = Format::parse(&value.replace(' ', "+"));
                *format = Some(known.ok_or_else(|| Refusal::unsupported(text).at("_format"))?);
            }
            "header" => self.header = value.parse().map_err(|_| wrong())?,
            "_limit" | "_count" => self.limit = Some(value.parse().map_err(|_| wrong())?),
            "_since" => self.since = Some(moment::seconds(value).ok_or_else(wrong)?.0),
            "patient" => self.patients.push(members::patient_id(value, base)?),
            "group" => self.groups.push(value.to_owned()),
            "viewReference" => {
                let plain = value.strip_prefix(base).unwrap_or(value).trim_start_matches('/');
                let id =
                    plain.strip_prefix("ViewDefinition/").filter(|id| crate::write::is_id(id)).ok_or_else(wrong)?;
                if self.id.as_deref().is_some_and(|own| own != id) {
                    return Err(Refusal::invalid("the address and `viewReference` name different views"));
                }
                self.id = Some(id.to_owned());
            }
            "source" => {
                return Err(Refusal::unsupported(
                    "a view is run over this server's resources only, or over `resource`s sent along",
                )
                .at("source"));
            }
            _ => return Err(Refusal::unsupported(format!("`{name}` is not supported by a run of a view")).at(name)),
        }
        Ok(())
    }
}

/// The first format that is accepted; NDJSON where anything is.
fn accepted(accept: &str) -> Result<Format, Refusal> {
    if accept.trim().is_empty() {
        return Ok(Format::Ndjson);
    }
    let mut kinds = accept.split(',').map(|k| k.split(';').next().unwrap_or_default().trim());
    let found = kinds.find_map(|kind| match kind {
        "*/*" | "application/*" | "application/octet-stream" => Some(Format::Ndjson),
        "text/*" => Some(Format::Csv),
        kind => Format::parse(kind),
    });
    found.ok_or_else(|| {
        let text = format!("`{accept}` is not written here; ask for text/csv, application/x-ndjson, application/json or application/vnd.apache.parquet");
        Refusal::new(StatusCode::NOT_ACCEPTABLE, "not-supported", text)
    })
}
