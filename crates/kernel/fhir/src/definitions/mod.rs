//! The R4 definitions, compiled: types and their elements, invariants, search parameters, compartments, value sets.
//!
//! Read once, when first asked (`r4()`), from 100 KB that are part of the program; all names borrow from that text.

mod load;

use std::collections::HashMap;
use std::sync::LazyLock;

pub use load::LoadError;

static PACKED: &[u8] = include_bytes!("../../../../../content/fhir/r4.txt.zst");

/// The definitions of FHIR R4 (4.0.1).
pub fn r4() -> &'static Definitions {
    static R4: LazyLock<Definitions> = LazyLock::new(|| {
        Definitions::load(r4_text().leak()).expect("a test reads the committed definitions with this same function")
    });
    &R4
}

/// The text of the committed definitions, as the generator wrote it.
pub fn r4_text() -> String {
    let bytes = zstd::decode_all(PACKED).expect("a test unpacks the committed definitions with this same function");
    String::from_utf8(bytes).expect("the generator writes UTF-8")
}

/// Number of a type in its `Definitions`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TypeId(pub u16);

impl TypeId {
    /// No type of the definitions: an element nobody defined, or a value of FHIRPath itself.
    pub const UNKNOWN: Self = Self(0);
}

/// What a type is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TypeKind {
    /// One value: `code`, `date`.
    Primitive,
    /// A data type with elements: `Quantity`.
    Complex,
    /// A resource: `Patient`.
    Resource,
    /// Elements inside one resource or type: `Patient.contact`.
    Backbone,
}

/// A type.
#[derive(Clone, Debug)]
pub struct Type {
    /// `Patient`, `Quantity`, `code`, or the path of a backbone: `Patient.contact`.
    pub name: &'static str,
    /// What it is.
    pub kind: TypeKind,
    /// Whether no instance is of exactly this type.
    pub is_abstract: bool,
    /// The type it specialises.
    pub base: Option<TypeId>,
    /// Invariants of the whole type.
    pub constraints: Vec<u16>,
    /// Pattern of a primitive's text; empty where there is none.
    pub regex: &'static str,
    /// Its elements, inherited ones first: the order of FHIR XML.
    pub elements: Vec<Element>,
    /// JSON names, sorted: `value[x]` stands once per type, as `valueQuantity`.
    json_names: Vec<(String, u16, u16)>,
    /// Elements by their name without `[x]`, sorted.
    by_name: Vec<(&'static str, u16)>,
}

/// An element of a type.
#[derive(Clone, Debug)]
pub struct Element {
    /// Its name; that of a choice without `[x]`.
    pub name: &'static str,
    /// Whether it is a choice of types: `value[x]`.
    pub is_choice: bool,
    /// Fewest occurrences.
    pub min: u32,
    /// Most occurrences; `u32::MAX` for `*`.
    pub max: u32,
    /// Part of the summary view.
    pub is_summary: bool,
    /// Changes the meaning of the rest.
    pub is_modifier: bool,
    /// The types it may have.
    pub types: Vec<ElementType>,
    /// Its value set.
    pub binding: Option<Binding>,
    /// Invariants on this element; `ele-1` stands on all and is not listed.
    pub constraints: Vec<u16>,
}

impl Element {
    /// Whether JSON writes it as an array.
    pub fn is_list(&self) -> bool {
        self.max > 1
    }
}

/// One type of an element.
#[derive(Clone, Debug)]
pub struct ElementType {
    /// The type.
    pub id: TypeId,
    /// Types a reference or canonical may point to; empty for any.
    pub targets: Vec<TypeId>,
}

/// How strictly an element's codes come from a value set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strength {
    /// One of these.
    Required,
    /// One of these where one fits.
    Extensible,
    /// Better one of these.
    Preferred,
    /// For instance these.
    Example,
}

/// A value set bound to an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binding {
    /// How strictly.
    pub strength: Strength,
    /// Index in `value_sets`.
    pub value_set: u16,
    /// A wider value set that no code may leave, of an extensible or preferred binding.
    pub max: Option<u16>,
}

/// An invariant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Constraint {
    /// `pat-1`.
    pub key: &'static str,
    /// Whether breaking it makes the resource invalid, or only worth a warning.
    pub is_error: bool,
    /// FHIRPath.
    pub expression: &'static str,
    /// In words, English, by HL7.
    pub human: &'static str,
}

/// A value set, expanded as far as the base code systems go.
#[derive(Clone, Debug)]
pub struct ValueSet {
    /// Canonical URL.
    pub url: &'static str,
    /// Whether its content is known at all.
    pub is_known: bool,
    /// Codes by system; `None` where any code of that system may be in it. System `*`: any system.
    pub systems: Vec<(&'static str, Option<Vec<&'static str>>)>,
}

impl ValueSet {
    /// Whether it holds a code: `None` where these definitions cannot tell. Without a system, any system's code counts.
    pub fn contains(&self, system: Option<&str>, code: &str) -> Option<bool> {
        if !self.is_known {
            return None;
        }
        let mut open = false;
        for (other, codes) in &self.systems {
            if system.is_some_and(|s| s != *other) && *other != "*" {
                continue;
            }
            match codes {
                Some(codes) if codes.contains(&code) => return Some(true),
                Some(_) => {}
                None => open = true,
            }
        }
        (!open).then_some(false)
    }
}

/// The type of a search parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are those of FHIR R4 §3.1.1.4")]
pub enum ParamKind {
    Number,
    Date,
    String,
    Token,
    Reference,
    Composite,
    Quantity,
    Uri,
    Special,
}

/// A search parameter.
#[derive(Clone, Debug)]
pub struct SearchParam {
    /// Its stored number, shared by all parameters of this code.
    pub number: u16,
    /// `birthdate`.
    pub code: &'static str,
    /// Its type.
    pub kind: ParamKind,
    /// Canonical URL.
    pub url: &'static str,
    /// Types it is for; `Resource` and `DomainResource` mean all.
    pub base: Vec<&'static str>,
    /// Types a reference may point to.
    pub targets: Vec<&'static str>,
    /// FHIRPath; empty for `_text`, `_content` and `_query`.
    pub expression: &'static str,
    /// Of a composite: canonical URL of the part and its expression.
    pub components: Vec<(&'static str, &'static str)>,
}

/// Definitions of one FHIR version.
#[derive(Debug, Default)]
pub struct Definitions {
    types: Vec<Type>,
    by_name: HashMap<&'static str, TypeId>,
    /// Invariants; elements and types name them by index.
    pub constraints: Vec<Constraint>,
    /// Value sets; bindings name them by index.
    pub value_sets: Vec<ValueSet>,
    value_set_by_url: HashMap<&'static str, u16>,
    /// Search parameters.
    pub params: Vec<SearchParam>,
    params_of: HashMap<&'static str, Vec<u16>>,
    /// By compartment and resource type: the parameters that place a resource in it.
    compartments: HashMap<(&'static str, &'static str), Vec<&'static str>>,
    known: Known,
}

/// Types that code names.
#[derive(Clone, Copy, Debug, Default)]
#[expect(missing_docs, reason = "each is the type of its name")]
pub struct Known {
    pub element: TypeId,
    pub resource: TypeId,
    pub domain_resource: TypeId,
    pub extension: TypeId,
    pub string: TypeId,
    pub uri: TypeId,
    pub code: TypeId,
    pub id: TypeId,
    pub boolean: TypeId,
    pub integer: TypeId,
    pub decimal: TypeId,
    pub date: TypeId,
    pub date_time: TypeId,
    pub instant: TypeId,
    pub time: TypeId,
    pub quantity: TypeId,
    pub reference: TypeId,
    pub coding: TypeId,
    pub codeable_concept: TypeId,
    pub identifier: TypeId,
    pub period: TypeId,
    pub timing: TypeId,
    pub range: TypeId,
    pub human_name: TypeId,
    pub address: TypeId,
    pub contact_point: TypeId,
    pub money: TypeId,
    pub sampled_data: TypeId,
    pub xhtml: TypeId,
    pub annotation: TypeId,
}

impl Default for TypeId {
    fn default() -> Self {
        Self::UNKNOWN
    }
}

impl Definitions {
    /// The type of that number.
    pub fn get(&self, id: TypeId) -> &Type {
        &self.types[usize::from(id.0)]
    }

    /// The type of that name: `Patient`, `Patient.contact`, `code`.
    pub fn find(&self, name: &str) -> Option<TypeId> {
        self.by_name.get(name).copied()
    }

    /// Types that this code names.
    pub fn known(&self) -> &Known {
        &self.known
    }

    /// All types with their numbers; the first is `UNKNOWN`.
    pub fn types(&self) -> impl Iterator<Item = (TypeId, &Type)> {
        self.types.iter().enumerate().map(|(n, t)| (TypeId(n as u16), t))
    }

    /// Whether `id` is `ancestor` or specialises it.
    pub fn is_a(&self, id: TypeId, ancestor: TypeId) -> bool {
        let mut here = Some(id);
        while let Some(id) = here {
            if id == ancestor {
                return true;
            }
            here = self.get(id).base;
        }
        false
    }

    /// The element a JSON member is, and its type: `valueQuantity` is `value` as `Quantity`.
    pub fn json_member(&self, id: TypeId, name: &str) -> Option<(&Element, TypeId)> {
        let of = self.get(id);
        let at = of.json_names.binary_search_by(|(n, _, _)| n.as_str().cmp(name)).ok()?;
        let (_, element, kind) = &of.json_names[at];
        Some((&of.elements[usize::from(*element)], TypeId(*kind)))
    }

    /// As `json_member`, with the element's place among those of its type.
    pub fn json_member_at(&self, id: TypeId, name: &str) -> Option<(usize, &Element, TypeId)> {
        let of = self.get(id);
        let at = of.json_names.binary_search_by(|(n, _, _)| n.as_str().cmp(name)).ok()?;
        let (_, element, kind) = &of.json_names[at];
        Some((usize::from(*element), &of.elements[usize::from(*element)], TypeId(*kind)))
    }

    /// All JSON names of a type's elements: the name, the element's place among those of the type, its type.
    pub fn json_names(&self, id: TypeId) -> impl Iterator<Item = (&str, usize, TypeId)> {
        self.get(id).json_names.iter().map(|(name, at, kind)| (name.as_str(), usize::from(*at), TypeId(*kind)))
    }

    /// The element of that name, a choice by its name without `[x]`.
    pub fn element(&self, id: TypeId, name: &str) -> Option<&Element> {
        let of = self.get(id);
        let at = of.by_name.binary_search_by(|(n, _)| (*n).cmp(name)).ok()?;
        Some(&of.elements[usize::from(of.by_name[at].1)])
    }

    /// The JSON name of an element as a type: `valueQuantity`.
    pub fn json_name(&self, element: &Element, id: TypeId) -> String {
        if element.is_choice { load::choice_name(element.name, self.get(id).name) } else { element.name.to_owned() }
    }

    /// A value set by its canonical URL, with or without a version.
    pub fn value_set(&self, url: &str) -> Option<&ValueSet> {
        let url = url.split('|').next().unwrap_or(url);
        self.value_set_by_url.get(url).map(|n| &self.value_sets[usize::from(*n)])
    }

    /// The search parameters of a resource type, those of all types included.
    pub fn params_of(&self, resource: &str) -> impl Iterator<Item = &SearchParam> {
        self.params_of.get(resource).into_iter().flatten().map(|n| &self.params[usize::from(*n)])
    }

    /// One search parameter of a resource type.
    pub fn param(&self, resource: &str, code: &str) -> Option<&SearchParam> {
        self.params_of(resource).find(|p| p.code == code)
    }

    /// The parameters that place a resource in a compartment (`Patient`, `Encounter`, `Practitioner`, `Device`,
    /// `RelatedPerson`); `None` where that type is not in it. An own resource is placed by `{def}`, which is left out.
    pub fn compartment(&self, compartment: &str, resource: &str) -> Option<&[&'static str]> {
        // Keys are 'static; a lookup by borrowed text goes over the few compartments.
        self.compartments.iter().find(|((c, r), _)| *c == compartment && *r == resource).map(|(_, p)| p.as_slice())
    }

    /// All compartments and their resource types.
    pub fn compartments(&self) -> impl Iterator<Item = (&'static str, &'static str, &[&'static str])> {
        self.compartments.iter().map(|((c, r), p)| (*c, *r, p.as_slice()))
    }
}
