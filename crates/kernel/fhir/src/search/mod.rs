//! What a search may find a resource by: the values of every search parameter of its type.
//!
//! Expressions are compiled once per type and parted at their unions, so that a parameter shared by thirty types costs one
//! path; the types of elements come from the definitions while walking.

mod convert;
mod target;
mod value;

use crate::definitions::{Definitions, ParamKind, SearchParam, TypeId};
use crate::limits;
use crate::path::{Environment, Expression, Host, Item, Items, Mode, Node, PathError};
use crate::tree::{Tree, Value};
use crate::types::ResourceType;
use std::sync::OnceLock;

pub use target::Target;
pub use value::{Found, SearchValue};

/// The compiled search parameters of one resource type.
#[derive(Debug)]
pub struct Extractor {
    rules: Vec<Rule>,
    /// Steps of one expression, where it is not HL7's.
    steps: Option<u64>,
}

/// One operand of one parameter's expression.
#[derive(Debug)]
struct Rule {
    number: u16,
    code: &'static str,
    kind: ParamKind,
    expression: Expression,
    /// The code system that a `code` at the end of the path is of, by its required binding.
    system: Option<&'static str>,
    components: Vec<Component>,
}

#[derive(Debug)]
struct Component {
    kind: ParamKind,
    operands: Vec<Expression>,
}

impl Extractor {
    /// Compiles the parameters that `definitions` has for a type.
    ///
    /// # Errors
    /// Where an expression is no FHIRPath.
    pub fn compile(definitions: &Definitions, kind: ResourceType) -> Result<Self, PathError> {
        let Some(id) = definitions.find(kind.name()) else { return Ok(Self { rules: Vec::new(), steps: None }) };
        let mut rules = Vec::new();
        for param in definitions.params_of(kind.name()).filter(|p| !p.expression.is_empty()) {
            rules.extend(rules_of(definitions, param, id)?);
        }
        Ok(Self { rules, steps: None })
    }

    /// The values of one parameter that others defined, under `number`, on resources of a type.
    ///
    /// # Errors
    /// Where the expression is no FHIRPath.
    pub fn custom(
        definitions: &Definitions,
        of: ResourceType,
        (number, kind): (u16, ParamKind),
        expression: &str,
    ) -> Result<Self, PathError> {
        let whole = Expression::compile(expression, definitions, TypeId::UNKNOWN, Mode::Lenient)?;
        let mut rules = Vec::new();
        if let Some(id) = definitions.find(of.name())
            && let Some(mine) = whole.for_type(definitions, id)
        {
            for expression in mine.operands() {
                let system = if kind == ParamKind::Token { expression.code_system(definitions, id) } else { None };
                rules.push(Rule { number, code: "", kind, expression, system, components: Vec::new() });
            }
        }
        Ok(Self { rules, steps: Some(limits::SEARCH_STEPS) })
    }

    /// Whether no resource of its type can have a value.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The extractor of a type by the R4 definitions, compiled when first asked.
    pub fn r4(kind: ResourceType) -> &'static Self {
        static ALL: OnceLock<Vec<OnceLock<Extractor>>> = OnceLock::new();
        let all = ALL.get_or_init(|| (0..=ResourceType::all().count()).map(|_| OnceLock::new()).collect());
        all[usize::from(kind.number())].get_or_init(|| {
            Self::compile(crate::definitions::r4(), kind).expect("a test compiles the parameters of every type")
        })
    }

    /// The values of a resource, parameter by parameter.
    ///
    /// # Errors
    /// Where an expression cannot be computed on it or passes a limit: a resource that is valid gives none.
    pub fn extract<'t>(&self, definitions: &'t Definitions, tree: &'t Tree<'t>) -> Result<Vec<Found<'t>>, PathError> {
        let root = Item::Node(Node::root(tree, definitions));
        let mut environment = Environment::of(definitions, root);
        environment.steps = self.steps.unwrap_or(environment.steps);
        let mut out = Vec::with_capacity(self.rules.len());
        for rule in &self.rules {
            let items = rule.expression.evaluate_in(&environment, &Types { definitions })?;
            if rule.kind == ParamKind::Composite {
                rule.composites(&mut environment, items, &mut out)?;
                continue;
            }
            for item in &items {
                convert::values(definitions, rule.kind, item, rule.system, &mut |value| {
                    out.push(Found { number: rule.number, code: rule.code, value });
                });
            }
        }
        Ok(out)
    }
}

/// The values of a resource by the R4 definitions.
///
/// # Errors
/// As `Extractor::extract`.
pub fn extract<'t>(kind: ResourceType, tree: &'t Tree<'t>) -> Result<Vec<Found<'t>>, PathError> {
    Extractor::r4(kind).extract(crate::definitions::r4(), tree)
}

fn rules_of(definitions: &Definitions, param: &SearchParam, id: TypeId) -> Result<Vec<Rule>, PathError> {
    let whole = Expression::compile(param.expression, definitions, TypeId::UNKNOWN, Mode::Lenient)?;
    let Some(mine) = whole.for_type(definitions, id) else { return Ok(Vec::new()) };
    let mut rules = Vec::new();
    for expression in mine.operands() {
        let mut components = Vec::new();
        let mut parts = param.components.clone();
        // R4 gives the two parts of this one each other's expressions.
        if let ("http://hl7.org/fhir/SearchParameter/DocumentReference-relationship", [a, b]) =
            (param.url, parts.as_mut_slice())
        {
            std::mem::swap(&mut a.1, &mut b.1);
        }
        for (url, expression) in &parts {
            let kind = definitions.params.iter().find(|p| p.url == *url).map_or(ParamKind::Token, |p| p.kind);
            let whole = Expression::compile(expression, definitions, TypeId::UNKNOWN, Mode::Lenient)?;
            components.push(Component { kind, operands: whole.operands() });
        }
        let system = if param.kind == ParamKind::Token { expression.code_system(definitions, id) } else { None };
        rules.push(Rule { number: param.number, code: param.code, kind: param.kind, expression, system, components });
    }
    Ok(rules)
}

impl Rule {
    /// One composite per item: the values of each part, found under that item.
    fn composites<'t>(
        &self,
        environment: &mut Environment<'t>,
        items: Items<'t>,
        out: &mut Vec<Found<'t>>,
    ) -> Result<(), PathError> {
        let definitions = environment.definitions;
        let root = std::mem::take(&mut environment.context);
        for item in items {
            environment.context = vec![item];
            let mut parts = Vec::with_capacity(self.components.len());
            for component in &self.components {
                let mut part = Vec::new();
                for expression in &component.operands {
                    for found in &expression.evaluate_in(environment, &Types { definitions })? {
                        convert::values(definitions, component.kind, found, None, &mut |value| part.push(value));
                    }
                }
                parts.push(part);
            }
            if parts.iter().all(|p| !p.is_empty()) {
                let value = SearchValue::Composite(parts);
                out.push(Found { number: self.number, code: self.code, value });
            }
        }
        environment.context = root;
        Ok(())
    }
}

/// Resolves references to their types, which is all that `where(resolve() is Patient)` asks.
struct Types<'d> {
    definitions: &'d Definitions,
}

impl<'t> Host<'t> for Types<'_> {
    fn resolve(&self, reference: &str) -> Option<Node<'t>> {
        let target = Target::read(reference)?;
        self.definitions.find(target.kind?).map(Node::of_type)
    }

    fn resolve_logical(&self, reference: Value<'t>) -> Option<Node<'t>> {
        self.definitions.find(&reference.get_text("type")?).map(Node::of_type)
    }
}
