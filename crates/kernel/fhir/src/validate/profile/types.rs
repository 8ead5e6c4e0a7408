//! Where a path of a StructureDefinition lies in the base types.

use crate::definitions::{Definitions, Element, TypeId, TypeKind};

/// An element of the base type, reached by a segment of a path.
pub(super) struct Place<'d> {
    /// The element; `None` where its type is open.
    pub element: Option<&'d Element>,
    /// Its name: `value` of `value[x]` and of `valueQuantity`.
    pub name: String,
    /// The name of the slice that a short name stands for, and its type: `valueQuantity`.
    pub choice: Option<(String, TypeId)>,
    /// Its type; `UNKNOWN` where it has several.
    pub kind: TypeId,
}

/// What a segment of a path means below `holder`; `None` where there is no such element.
pub(super) fn place<'d>(definitions: &'d Definitions, holder: TypeId, segment: &str) -> Option<Place<'d>> {
    let name = segment.strip_suffix("[x]").unwrap_or(segment);
    if holder == TypeId::UNKNOWN {
        return Some(Place { element: None, name: name.to_owned(), choice: None, kind: TypeId::UNKNOWN });
    }
    if let Some(element) = definitions.element(holder, name) {
        let kind = match element.types.as_slice() {
            [one] => one.id,
            _ => TypeId::UNKNOWN,
        };
        return Some(Place { element: Some(element), name: name.to_owned(), choice: None, kind });
    }
    if let Some((element, kind)) = definitions.json_member(holder, name) {
        let choice = Some((name.to_owned(), kind));
        return Some(Place { element: Some(element), name: element.name.to_owned(), choice, kind });
    }
    // The value of a primitive, and what all elements have.
    let primitive = definitions.get(holder).kind == TypeKind::Primitive;
    (primitive && name == "value").then(|| Place {
        element: None,
        name: name.to_owned(),
        choice: None,
        kind: TypeId::UNKNOWN,
    })
}

/// The type a profile's URL or a type's code names.
pub(super) fn type_of_code(definitions: &Definitions, code: &str) -> Option<TypeId> {
    const PATH: &str = "http://hl7.org/fhirpath/System.";
    const CORE: &str = "http://hl7.org/fhir/StructureDefinition/";
    match code.strip_prefix(PATH) {
        Some("String") => Some(definitions.known().string),
        Some("Boolean") => Some(definitions.known().boolean),
        Some("Integer") => Some(definitions.known().integer),
        Some("Decimal") => Some(definitions.known().decimal),
        Some("Date") => Some(definitions.known().date),
        Some("DateTime") => Some(definitions.known().date_time),
        Some("Time") => Some(definitions.known().time),
        Some(_) => None,
        None => definitions.find(code.strip_prefix(CORE).unwrap_or(code)),
    }
}
