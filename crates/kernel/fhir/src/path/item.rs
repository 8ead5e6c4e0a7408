//! Values of an evaluation.

use super::moment::{Moment, MomentKind};
use super::quantity::{Quantity, Unit};
use crate::decimal::Decimal;
use crate::definitions::{Definitions, TypeId, TypeKind};
use crate::tree::{Kind, Tree, Value};
use std::borrow::Cow;

/// A collection.
pub type Items<'t> = Vec<Item<'t>>;

/// One value.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the variants are the types of FHIRPath N1 §10")]
pub enum Item<'t> {
    /// An element of a resource.
    Node(Node<'t>),
    Boolean(bool),
    Integer(i64),
    Decimal(Decimal),
    Text(Cow<'t, str>),
    /// `Date`, `DateTime` or `Time`.
    Moment(Moment),
    Quantity(Box<Quantity>),
    /// What `type()` gives.
    Type {
        namespace: &'static str,
        name: Cow<'t, str>,
    },
}

/// An element: its JSON, the JSON of its `_name` twin, and its type.
#[derive(Clone, Copy, Debug)]
pub struct Node<'t> {
    /// Its value; `None` for a primitive that has only an id or extensions.
    pub value: Option<Value<'t>>,
    /// Id and extensions of a primitive (`_birthDate`).
    pub extra: Option<Value<'t>>,
    /// Its type.
    pub id: TypeId,
}

impl<'t> Node<'t> {
    /// The whole document, as the resource its `resourceType` names.
    pub fn root(tree: &'t Tree<'t>, definitions: &Definitions) -> Self {
        Self::resource(tree.root(), definitions)
    }

    /// A resource within a document.
    pub fn resource(value: Value<'t>, definitions: &Definitions) -> Self {
        let named = value.get_text("resourceType").and_then(|name| definitions.find(&name));
        Self { value: Some(value), extra: None, id: named.unwrap_or(TypeId::UNKNOWN) }
    }

    /// A node that is known only by its type: the target of a reference that was not read.
    pub fn of_type(id: TypeId) -> Self {
        Self { value: None, extra: None, id }
    }

    /// Whether it is an object of JSON.
    pub fn is_complex(&self) -> bool {
        self.value.is_some_and(Value::is_object)
    }
}

/// A type that an expression names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TypeRef {
    /// A type of FHIRPath itself: `System.Boolean`.
    System(System),
    /// A type of FHIR.
    Fhir(TypeId),
    /// `Quantity` without a namespace: either.
    Quantity(TypeId),
    /// A type of FHIR in the namespace of FHIRPath: `System.Patient`. Nothing is of it.
    Nothing,
}

/// Types of FHIRPath itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of N1 §10")]
pub enum System {
    Any,
    Boolean,
    Integer,
    Decimal,
    String,
    Date,
    DateTime,
    Time,
    Quantity,
}

impl System {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "Any" => Self::Any,
            "Boolean" => Self::Boolean,
            "Integer" => Self::Integer,
            "Decimal" => Self::Decimal,
            "String" => Self::String,
            "Date" => Self::Date,
            "DateTime" => Self::DateTime,
            "Time" => Self::Time,
            "Quantity" => Self::Quantity,
            _ => return None,
        })
    }

    /// `Boolean`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Any => "Any",
            Self::Boolean => "Boolean",
            Self::Integer => "Integer",
            Self::Decimal => "Decimal",
            Self::String => "String",
            Self::Date => "Date",
            Self::DateTime => "DateTime",
            Self::Time => "Time",
            Self::Quantity => "Quantity",
        }
    }
}

impl TypeRef {
    pub(super) fn named(namespace: Option<&str>, name: &str, definitions: &Definitions) -> Option<Self> {
        let fhir = || definitions.find(name).filter(|id| definitions.get(*id).kind != TypeKind::Backbone);
        match namespace {
            Some("FHIR") => fhir().map(Self::Fhir),
            Some("System") => System::named(name).map(Self::System).or_else(|| fhir().map(|_| Self::Nothing)),
            Some(_) => None,
            None if name == "Quantity" => fhir().map(Self::Quantity),
            // Types made by constraint: what they are made of has their elements.
            None if matches!(name, "SimpleQuantity" | "MoneyQuantity") => definitions.find("Quantity").map(Self::Fhir),
            None => fhir().map(Self::Fhir).or_else(|| System::named(name).map(Self::System)),
        }
    }
}

impl<'t> Item<'t> {
    /// A text made by the evaluation.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(Cow::Owned(text.into()))
    }

    /// The type of FHIRPath it is; `None` for an element.
    pub fn system(&self) -> Option<System> {
        Some(match self {
            Self::Node(_) | Self::Type { .. } => return None,
            Self::Boolean(_) => System::Boolean,
            Self::Integer(_) => System::Integer,
            Self::Decimal(_) => System::Decimal,
            Self::Text(_) => System::String,
            Self::Moment(m) => match m.kind {
                MomentKind::Date => System::Date,
                MomentKind::DateTime => System::DateTime,
                MomentKind::Time => System::Time,
            },
            Self::Quantity(_) => System::Quantity,
        })
    }

    /// As a value of FHIRPath, where it is one: `code` is a String, `Quantity` a Quantity. `None` for a primitive without
    /// a value; an element of another type stays itself.
    pub fn plain(&self, definitions: &Definitions) -> Option<Item<'t>> {
        let Self::Node(node) = self else { return Some(self.clone()) };
        let value = node.value?;
        match value.kind() {
            Kind::Boolean => value.boolean().map(Self::Boolean),
            Kind::Number => {
                let digits = value.number()?;
                let whole = || digits.parse().ok().map(Self::Integer);
                if definitions.is_a(node.id, definitions.known().decimal) {
                    Decimal::parse(digits).map(Self::Decimal)
                } else {
                    whole().or_else(|| Decimal::parse(digits).map(Self::Decimal))
                }
            }
            Kind::String => Some(Self::plain_text(node.id, value.text()?, definitions)),
            Kind::Object if definitions.is_a(node.id, definitions.known().quantity) => {
                Some(fhir_quantity(value).map_or_else(|| self.clone(), |q| Self::Quantity(Box::new(q))))
            }
            _ => Some(self.clone()),
        }
    }

    fn plain_text(id: TypeId, text: Cow<'t, str>, definitions: &Definitions) -> Self {
        let known = definitions.known();
        let kind = match id {
            id if id == known.date => MomentKind::Date,
            id if id == known.date_time || id == known.instant => MomentKind::DateTime,
            id if id == known.time => MomentKind::Time,
            _ => return Self::Text(text),
        };
        Moment::parse(&text, kind).map_or(Self::Text(text), Self::Moment)
    }

    /// Whether it is of a type: exactly, for `as` and `ofType` of primitives (R4), or by descent, for `is`.
    pub(super) fn is_of(&self, kind: TypeRef, exactly: bool, definitions: &Definitions) -> bool {
        match (self, kind) {
            (Self::Node(node), TypeRef::Fhir(id) | TypeRef::Quantity(id)) => {
                let exactly = exactly && definitions.get(id).kind == TypeKind::Primitive;
                if exactly { node.id == id } else { definitions.is_a(node.id, id) }
            }
            (Self::Node(node), TypeRef::System(kind)) => {
                // An element that no definition knows is what its JSON is.
                node.id == TypeId::UNKNOWN && self.plain(definitions).and_then(|p| p.system()) == Some(kind)
            }
            (Self::Quantity(_), TypeRef::Quantity(_)) => true,
            (item, TypeRef::System(System::Any)) => item.system().is_some(),
            (item, TypeRef::System(kind)) => item.system() == Some(kind),
            _ => false,
        }
    }

    /// The name of its type as the official suites write it: `code`, `Patient`, `boolean`, `dateTime`, `Quantity`.
    pub fn type_name(&self, definitions: &Definitions) -> String {
        match self {
            Self::Node(node) if node.id == TypeId::UNKNOWN => {
                self.plain(definitions).and_then(|p| p.system()).map_or("Element".into(), |s| lower_first(s.name()))
            }
            Self::Node(node) => backbone_as_base(node.id, definitions).to_owned(),
            Self::Type { .. } => "TypeInfo".to_owned(),
            Self::Quantity(_) => "Quantity".to_owned(),
            other => other.system().map_or(String::new(), |s| lower_first(s.name())),
        }
    }

    /// As JSON: elements as they stand in the resource, dates and quantities as text.
    pub fn to_json(&self) -> String {
        match self {
            Self::Node(node) => match (node.value, node.extra) {
                (Some(value), _) => value.raw().to_owned(),
                (None, Some(extra)) => extra.raw().to_owned(),
                (None, None) => "null".to_owned(),
            },
            Self::Boolean(b) => b.to_string(),
            Self::Integer(n) => n.to_string(),
            Self::Decimal(d) => d.to_string(),
            Self::Type { namespace, name } => quoted(&format!("{namespace}.{name}")),
            Self::Text(_) | Self::Moment(_) | Self::Quantity(_) => quoted(&self.to_text().unwrap_or_default()),
        }
    }

    /// What `toString()` gives; `None` for what has no text.
    pub fn to_text(&self) -> Option<Cow<'t, str>> {
        Some(match self {
            Self::Node(_) | Self::Type { .. } => return None,
            Self::Text(text) => text.clone(),
            Self::Boolean(b) => b.to_string().into(),
            Self::Integer(n) => n.to_string().into(),
            Self::Decimal(d) => d.to_string().into(),
            Self::Moment(m) => m.to_string().into(),
            Self::Quantity(q) => q.to_string().into(),
        })
    }
}

fn lower_first(name: &str) -> String {
    name[..1].to_ascii_lowercase() + &name[1..]
}

/// A backbone has no type of its own in FHIRPath: it is a `BackboneElement` or an `Element`.
pub(super) fn backbone_as_base(id: TypeId, definitions: &Definitions) -> &'static str {
    let kind = definitions.get(id);
    match (kind.kind, kind.base) {
        (TypeKind::Backbone, Some(base)) => definitions.get(base).name,
        _ => kind.name,
    }
}

fn quoted(text: &str) -> String {
    let mut out = String::new();
    crate::json::quote(&mut out, text);
    out
}

const UCUM: &str = "http://unitsofmeasure.org";

/// A FHIR `Quantity` as FHIRPath's: its UCUM code, else its unit as written; time units are calendar durations (R4 §2.16.0.4).
pub(crate) fn fhir_quantity(value: Value<'_>) -> Option<Quantity> {
    let number = Decimal::parse(value.get("value")?.number()?)?;
    let code = value.get_text("code").filter(|_| value.get_text("system").as_deref() == Some(UCUM));
    let unit = match code {
        Some(code) => Unit::from_fhir(&code),
        None => Unit::ucum(&value.get_text("unit").or_else(|| value.get_text("code")).unwrap_or(Cow::Borrowed("1"))),
    };
    Some(Quantity { value: number, unit })
}
