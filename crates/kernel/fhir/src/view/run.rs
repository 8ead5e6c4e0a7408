//! Rows of one resource.

use super::{Cell, Column, Each, Path, REPEAT_DEPTH, ROWS_PER_RESOURCE, Select, View, ViewError};
use crate::definitions::{Definitions, TypeKind};
use crate::path::{Environment, Host, Item, Items, Node};
use crate::tree::{Kind, Value};
use std::collections::BTreeMap;

type Result<T> = std::result::Result<T, ViewError>;
type Rows = Vec<Vec<Cell>>;

pub(super) fn rows(view: &View, resource: Value<'_>) -> Result<Rows> {
    if resource.get_text("resourceType").as_deref() != Some(&view.resource) {
        return Ok(Vec::new());
    }
    let root = Item::Node(Node::resource(resource, view.definitions));
    let run = Run { view, around: Environment::of(view.definitions, root.clone()) };
    let focus = Focus { items: vec![root], index: 0 };
    for condition in &view.conditions {
        if !run.holds(condition, &focus)? {
            return Ok(Vec::new());
        }
    }
    run.rows(&view.root, &focus)
}

struct Run<'v, 't> {
    view: &'v View,
    around: Environment<'t>,
}

/// What a row is made around: an element, or none; and its place in its list.
struct Focus<'t> {
    items: Items<'t>,
    index: usize,
}

struct Variables<'v> {
    constants: &'v BTreeMap<String, Item<'static>>,
    index: usize,
}

impl<'t> Host<'t> for Variables<'_> {
    fn variable(&self, name: &str) -> Option<Items<'t>> {
        if name == "rowIndex" {
            return i64::try_from(self.index).ok().map(|n| vec![Item::Integer(n)]);
        }
        self.constants.get(name).map(|item| vec![item.clone()])
    }
}

impl<'t> Run<'_, 't> {
    fn evaluate(&self, path: &Path, focus: &Focus<'t>) -> Result<Items<'t>> {
        let environment = Environment { context: focus.items.clone(), ..self.around.clone() };
        let host = Variables { constants: &self.view.constants, index: focus.index };
        path.expression.evaluate_in(&environment, &host).map_err(|e| path.failed(e))
    }

    /// Whether a condition gives `true`; nothing counts as `false`.
    fn holds(&self, path: &Path, focus: &Focus<'t>) -> Result<bool> {
        let items = self.evaluate(path, focus)?;
        let found = match items.as_slice() {
            [] => return Ok(false),
            [item] => match item.plain(self.view.definitions) {
                None => return Ok(false),
                Some(Item::Boolean(value)) => return Ok(value),
                Some(_) => format!("one `{}`", item.type_name(self.view.definitions)),
            },
            several => format!("{} items", several.len()),
        };
        let expression = path.text.to_string();
        Err(ViewError::Condition { at: path.at.clone(), expression, found })
    }

    fn rows(&self, select: &Select, focus: &Focus<'t>) -> Result<Rows> {
        let found = match &select.each {
            Each::Here => return self.rows_at(select, focus),
            Each::Of { path, .. } => self.evaluate(path, focus)?,
            Each::Repeat(paths) => {
                let mut found = Vec::new();
                self.repeat(paths, focus, 0, &mut found)?;
                found
            }
        };
        if found.is_empty() && matches!(&select.each, Each::Of { or_null: true, .. }) {
            return self.rows_at(select, &Focus { items: Vec::new(), index: 0 });
        }
        let mut out = Vec::new();
        for (index, item) in found.into_iter().enumerate() {
            out.extend(self.rows_at(select, &Focus { items: vec![item], index })?);
            fits(out.len())?;
        }
        Ok(out)
    }

    /// Elements reached by the paths, each before what is reached from it.
    fn repeat(&self, paths: &[Path], focus: &Focus<'t>, depth: usize, found: &mut Items<'t>) -> Result<()> {
        if depth > REPEAT_DEPTH {
            return Err(ViewError::Limit("levels of `repeat`"));
        }
        for path in paths {
            for item in self.evaluate(path, focus)? {
                found.push(item.clone());
                fits(found.len())?;
                self.repeat(paths, &Focus { items: vec![item], index: focus.index }, depth + 1, found)?;
            }
        }
        Ok(())
    }

    /// The rows around one element: own columns, beside every row of each nested select and of the union.
    fn rows_at(&self, select: &Select, focus: &Focus<'t>) -> Result<Rows> {
        let own = select.columns.iter().map(|(column, path)| self.cell(column, path, focus));
        let mut rows = vec![own.collect::<Result<Vec<_>>>()?];
        for nested in &select.selects {
            rows = beside(rows, self.rows(nested, focus)?)?;
        }
        if !select.unions.is_empty() {
            let mut all = Vec::new();
            for part in &select.unions {
                all.extend(self.rows(part, focus)?);
                fits(all.len())?;
            }
            rows = beside(rows, all)?;
        }
        Ok(rows)
    }

    fn cell(&self, column: &Column, path: &Path, focus: &Focus<'t>) -> Result<Cell> {
        let definitions = self.view.definitions;
        let items = self.evaluate(path, focus)?;
        let count = items.len();
        let mut cells = Vec::with_capacity(count);
        for item in &items {
            let cell = cell_of(item, definitions);
            if let (Cell::Json(_), Some(declared)) = (&cell, &column.kind)
                && is_primitive(declared, definitions)
            {
                let (column, declared) = (column.name.clone(), declared.clone());
                return Err(ViewError::Complex { column, declared, found: item.type_name(definitions) });
            }
            cells.push(cell);
        }
        if column.is_collection {
            return Ok(Cell::List(cells));
        }
        match count {
            0 | 1 => Ok(cells.pop().unwrap_or(Cell::Null)),
            count => Err(ViewError::Several { column: column.name.clone(), count }),
        }
    }
}

fn fits(rows: usize) -> Result<()> {
    if rows > ROWS_PER_RESOURCE { Err(ViewError::Limit("rows of a resource")) } else { Ok(()) }
}

/// Every row of the one beside every row of the other.
fn beside(left: Rows, right: Rows) -> Result<Rows> {
    fits(left.len().saturating_mul(right.len()))?;
    if let [row] = right.as_slice() {
        return Ok(left
            .into_iter()
            .map(|mut cells| {
                cells.extend_from_slice(row);
                cells
            })
            .collect());
    }
    let pair = |l: &Vec<Cell>, r: &Vec<Cell>| l.iter().chain(r).cloned().collect::<Vec<_>>();
    Ok(left.iter().flat_map(|l| right.iter().map(move |r| pair(l, r))).collect())
}

fn is_primitive(declared: &str, definitions: &Definitions) -> bool {
    let name = declared.rsplit('/').next().unwrap_or(declared);
    definitions.find(name).is_some_and(|id| definitions.get(id).kind == TypeKind::Primitive)
}

/// Texts and digits of a resource go out as they came in.
fn cell_of(item: &Item<'_>, definitions: &Definitions) -> Cell {
    match item {
        Item::Node(node) => node.value.map_or(Cell::Null, |value| cell_of_value(node, value, definitions)),
        Item::Boolean(value) => Cell::Bool(*value),
        Item::Integer(number) => Cell::Integer(*number),
        Item::Decimal(number) => Cell::Decimal(number.to_string()),
        other => other.to_text().map_or_else(|| Cell::Json(other.to_json()), |text| Cell::Text(text.into_owned())),
    }
}

fn cell_of_value(node: &Node<'_>, value: Value<'_>, definitions: &Definitions) -> Cell {
    match value.kind() {
        Kind::Null => Cell::Null,
        Kind::Boolean => Cell::Bool(value.boolean().unwrap_or_default()),
        Kind::String => Cell::Text(value.text().unwrap_or_default().into_owned()),
        Kind::Number => {
            let digits = value.raw();
            let is_decimal = definitions.is_a(node.id, definitions.known().decimal);
            let whole = if is_decimal { None } else { digits.parse().ok() };
            whole.map_or_else(|| Cell::Decimal(digits.to_owned()), Cell::Integer)
        }
        Kind::Array | Kind::Object => Cell::Json(value.raw().to_owned()),
    }
}
