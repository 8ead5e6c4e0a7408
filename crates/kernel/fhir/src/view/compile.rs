//! From the JSON of a ViewDefinition to the compiled form.

use super::scan::Scan;
use super::{COLUMNS, Column, Each, Path, Select, View, ViewError};
use crate::decimal::Decimal;
use crate::definitions::{Definitions, TypeId, TypeKind};
use crate::path::moment::MomentKind;
use crate::path::{Expression, Item, Mode, Moment, PathError};
use crate::tree::Value;
use std::collections::{BTreeMap, BTreeSet};

type Result<T> = std::result::Result<T, ViewError>;

/// Variables that FHIRPath and this specification define; a constant may not hide them.
const DEFINED: [&str; 7] = ["context", "resource", "rootResource", "ucum", "sct", "loinc", "rowIndex"];

fn refused<T>(at: impl Into<String>, problem: impl Into<String>) -> Result<T> {
    Err(ViewError::Definition { at: at.into(), problem: problem.into() })
}

pub(super) fn view(json: Value<'_>, definitions: &'static Definitions) -> Result<View> {
    if !json.is_object() {
        return refused("", "a ViewDefinition is a JSON object");
    }
    if let Some(kind) = text(json, "", "resourceType")?
        && kind != "ViewDefinition"
    {
        return refused("resourceType", format!("`{kind}` is no ViewDefinition"));
    }
    let Some(resource) = text(json, "", "resource")? else {
        return refused("resource", "the type of resource is missing");
    };
    let known = definitions.find(&resource).map(|id| definitions.get(id));
    if !known.is_some_and(|kind| kind.kind == TypeKind::Resource && !kind.is_abstract) {
        return refused("resource", format!("`{resource}` is no resource type"));
    }
    let mut compiler = Compiler { definitions, constants: BTreeMap::new(), columns: 0 };
    for (at, constant) in list(json, "", "constant")? {
        compiler.constant(&at, constant)?;
    }
    let mut conditions = Vec::new();
    for (at, condition) in list(json, "", "where")? {
        conditions.push(compiler.required_path(condition, &at, "path")?);
    }
    let selects = compiler.selects(json, "", "select")?;
    if selects.is_empty() {
        return refused("select", "a view selects something");
    }
    let root = Select { each: Each::Here, columns: Vec::new(), selects, unions: Vec::new() };
    let columns = columns_of(&root);
    let mut names = BTreeSet::new();
    if let Some(twice) = columns.iter().find(|c| !names.insert(&c.name)) {
        return refused("select", format!("two columns are named `{}`", twice.name));
    }
    let name = text(json, "", "name")?;
    Ok(View { name, resource, constants: compiler.constants, conditions, root, columns, definitions })
}

/// The columns of a select: its own, those of nested selects, those of the union.
fn columns_of(select: &Select) -> Vec<Column> {
    let mut columns: Vec<_> = select.columns.iter().map(|(column, _)| column.clone()).collect();
    columns.extend(select.selects.iter().flat_map(columns_of));
    columns.extend(select.unions.first().map(columns_of).unwrap_or_default());
    columns
}

struct Compiler {
    definitions: &'static Definitions,
    constants: BTreeMap<String, Item<'static>>,
    columns: usize,
}

impl Compiler {
    fn constant(&mut self, at: &str, json: Value<'_>) -> Result<()> {
        let Some(name) = text(json, at, "name")? else { return refused(at, "a constant has a name") };
        if !is_name(&name) {
            return refused(at, format!("`{name}` is no name: letters, digits and `_`, a letter first"));
        }
        if DEFINED.contains(&name.as_str()) || self.constants.contains_key(&name) {
            return refused(at, format!("`%{name}` is already defined"));
        }
        let mut values = json.members().filter(|(key, _)| key.starts_with("value"));
        let (Some((key, value)), None) = (values.next(), values.next()) else {
            return refused(at, format!("the constant `{name}` has one value"));
        };
        let Some(item) = constant(&key["value".len()..], value) else {
            return refused(format!("{at}.{key}"), format!("{} is no value of that type", value.raw()));
        };
        self.constants.insert(name, item);
        Ok(())
    }

    fn selects(&mut self, json: Value<'_>, at: &str, name: &str) -> Result<Vec<Select>> {
        list(json, at, name)?.into_iter().map(|(at, select)| self.select(&at, select)).collect()
    }

    fn select(&mut self, at: &str, json: Value<'_>) -> Result<Select> {
        let each = self.each(at, json)?;
        let mut columns = Vec::new();
        for (at, column) in list(json, at, "column")? {
            columns.push(self.column(&at, column)?);
        }
        let selects = self.selects(json, at, "select")?;
        let unions = self.selects(json, at, "unionAll")?;
        if let Some((first, rest)) = unions.split_first() {
            let wanted = columns_of(first);
            for (n, other) in rest.iter().enumerate() {
                same_columns(&format!("{at}.unionAll[{}]", n + 1), &wanted, &columns_of(other))?;
            }
        }
        Ok(Select { each, columns, selects, unions })
    }

    fn each(&self, at: &str, json: Value<'_>) -> Result<Each> {
        let for_each = self.path(json, at, "forEach")?;
        let or_null = self.path(json, at, "forEachOrNull")?;
        let repeat = json.get("repeat").map(|value| self.repeat(at, value)).transpose()?;
        Ok(match (for_each, or_null, repeat) {
            (None, None, None) => Each::Here,
            (Some(path), None, None) => Each::Of { path, or_null: false },
            (None, Some(path), None) => Each::Of { path, or_null: true },
            (None, None, Some(paths)) => Each::Repeat(paths),
            _ => return refused(at, "only one of `forEach`, `forEachOrNull` and `repeat`"),
        })
    }

    fn repeat(&self, at: &str, value: Value<'_>) -> Result<Vec<Path>> {
        let mut paths = Vec::new();
        for (n, path) in value.items().enumerate() {
            let at = format!("{at}.repeat[{n}]");
            let Some(text) = path.text() else { return refused(at, "a FHIRPath expression is a string") };
            paths.push(self.compiled(at, &text)?);
        }
        if paths.is_empty() { refused(format!("{at}.repeat"), "a list of FHIRPath expressions") } else { Ok(paths) }
    }

    fn column(&mut self, at: &str, json: Value<'_>) -> Result<(Column, Path)> {
        self.columns += 1;
        if self.columns > COLUMNS {
            return Err(ViewError::Limit("columns"));
        }
        let Some(name) = text(json, at, "name")? else { return refused(at, "a column has a name") };
        if !is_name(&name) {
            return refused(at, format!("`{name}` is no name: letters, digits and `_`, a letter first"));
        }
        let is_collection = match json.get("collection") {
            None => false,
            Some(value) => match value.boolean() {
                Some(is) => is,
                None => return refused(format!("{at}.collection"), "true or false"),
            },
        };
        let column = Column { name, kind: text(json, at, "type")?, is_collection };
        Ok((column, self.required_path(json, at, "path")?))
    }

    fn required_path(&self, json: Value<'_>, at: &str, name: &str) -> Result<Path> {
        match self.path(json, at, name)? {
            Some(path) => Ok(path),
            None => refused(join(at, name), "the FHIRPath expression is missing"),
        }
    }

    fn path(&self, json: Value<'_>, at: &str, name: &str) -> Result<Option<Path>> {
        text(json, at, name)?.map(|text| self.compiled(join(at, name), &text)).transpose()
    }

    fn compiled(&self, at: String, text: &str) -> Result<Path> {
        let scan = Scan::of(text);
        let undefined = scan.variables.iter().find(|name| !self.is_defined(name));
        let compiled = Expression::compile(&scan.text, self.definitions, TypeId::UNKNOWN, Mode::Lenient);
        let error = match (compiled, undefined) {
            (Ok(expression), None) => return Ok(Path { at, expression, text: text.into() }),
            (Ok(_), Some(name)) => PathError::Semantic(format!("the constant `%{name}` is not defined")),
            (Err(error), _) => error,
        };
        Err(ViewError::Path { at, expression: text.to_owned(), error })
    }

    fn is_defined(&self, name: &str) -> bool {
        let of_fhir = name.starts_with("vs-") || name.starts_with("ext-");
        of_fhir || DEFINED.contains(&name) || self.constants.contains_key(name)
    }
}

/// The parts of a union are one table: same names, same order, and the same types where both tell.
fn same_columns(at: &str, wanted: &[Column], found: &[Column]) -> Result<()> {
    let names = |columns: &[Column]| columns.iter().map(|c| c.name.clone()).collect::<Vec<_>>();
    if names(wanted) != names(found) {
        let (wanted, found) = (names(wanted).join(", "), names(found).join(", "));
        return refused(at, format!("the columns are ({found}), those of the first part are ({wanted})"));
    }
    for (wanted, found) in wanted.iter().zip(found) {
        let differs = matches!((&wanted.kind, &found.kind), (Some(a), Some(b)) if a != b);
        if differs || wanted.is_collection != found.is_collection {
            return refused(at, format!("the column `{}` is of another type than in the first part", found.name));
        }
    }
    Ok(())
}

/// A constant, by the name of its type as `value[x]` writes it.
fn constant(kind: &str, value: Value<'_>) -> Option<Item<'static>> {
    let moment = |kind| Moment::parse(&value.text()?, kind).map(Item::Moment);
    match kind {
        "Boolean" => value.boolean().map(Item::Boolean),
        "Integer" | "PositiveInt" | "UnsignedInt" | "Integer64" => {
            let number: i64 = match value.number() {
                Some(digits) => digits.parse().ok()?,
                // R5 writes 64-bit integers as strings.
                None if kind == "Integer64" => value.text()?.parse().ok()?,
                None => return None,
            };
            let least = match kind {
                "PositiveInt" => 1,
                "UnsignedInt" => 0,
                _ => i64::MIN,
            };
            (number >= least).then_some(Item::Integer(number))
        }
        "Decimal" => Decimal::parse(value.number()?).map(Item::Decimal),
        "Date" => moment(MomentKind::Date),
        "DateTime" | "Instant" => moment(MomentKind::DateTime),
        "Time" => moment(MomentKind::Time),
        "Base64Binary" | "Canonical" | "Code" | "Id" | "Markdown" | "Oid" | "String" | "Uri" | "Url" | "Uuid" => {
            Some(Item::text(value.text()?))
        }
        _ => None,
    }
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn join(at: &str, name: &str) -> String {
    if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") }
}

/// The member `name`, which is a string that is not empty.
fn text(json: Value<'_>, at: &str, name: &str) -> Result<Option<String>> {
    let Some(value) = json.get(name) else { return Ok(None) };
    match value.text() {
        Some(text) if !text.is_empty() => Ok(Some(text.into_owned())),
        _ => refused(join(at, name), "a string that is not empty"),
    }
}

/// The objects of the list `name`, each with its path.
fn list<'t>(json: Value<'t>, at: &str, name: &str) -> Result<Vec<(String, Value<'t>)>> {
    let at = join(at, name);
    let Some(value) = json.get(name) else { return Ok(Vec::new()) };
    if !value.is_array() || !value.items().all(Value::is_object) {
        return refused(at, "a list of objects");
    }
    Ok(value.items().enumerate().map(|(n, item)| (format!("{at}[{n}]"), item)).collect())
}
