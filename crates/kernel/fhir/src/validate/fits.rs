//! Whether a document has the right shape, and nothing more: the way of every write.
//!
//! Sketch: `shape` says what is wrong and where, and keeps a path to say it. Nearly all that is written is right, so this asks
//! only whether: for each type one table of its members, found by a hash of their length and three of their letters, with all
//! the walk wants to know of each; nothing is allocated. 1.2 KB of a resource take about 2 µs. A `false` is no verdict: `shape`
//! is asked then. Companions of primitives (`_birthDate`), comments and characters written as `\u` are left to it as well.

use super::primitive::{self, Primitive};
use crate::definitions::{self, Definitions, TypeId, TypeKind};
use crate::tree::{Kind, Tree, Value};
use std::sync::LazyLock;

/// What a member holds.
#[derive(Clone, Copy)]
enum What {
    Primitive(Primitive),
    /// An object of a type.
    Object,
    /// A resource that is of a type.
    Resource,
}

/// A member of a type, by its JSON name.
#[derive(Clone, Copy)]
struct Slot {
    name: &'static str,
    /// The bit of its element; of a choice all names share one.
    bit: u128,
    kind: TypeId,
    what: What,
    /// Most items of its array; `None` where it is none.
    most: Option<u32>,
}

/// The members of a type: a power of two of places, at most half of them taken.
#[derive(Default)]
struct Members {
    slots: Vec<Option<Slot>>,
    required: u128,
    is_resource: bool,
    is_abstract: bool,
}

fn place(name: &[u8], places: usize) -> usize {
    let (Some(first), Some(last)) = (name.first(), name.last()) else { return 0 };
    let middle = name[name.len() / 2];
    let mixed = usize::from(*first).wrapping_mul(0x9E5)
        ^ usize::from(*last).wrapping_mul(0x1F3)
        ^ usize::from(middle).wrapping_mul(0x6B)
        ^ name.len().wrapping_mul(0x25);
    mixed & (places - 1)
}

impl Members {
    fn find(&self, name: &str) -> Option<&Slot> {
        let places = self.slots.len();
        let mut at = place(name.as_bytes(), places.max(1));
        loop {
            let slot = self.slots.get(at)?.as_ref()?;
            if slot.name == name {
                return Some(slot);
            }
            at = (at + 1) & (places - 1);
        }
    }
}

struct Fits {
    r4: &'static Definitions,
    types: Vec<Members>,
    resource: TypeId,
    /// `Bundle.entry`.
    entry: TypeId,
}

fn table() -> &'static Fits {
    static TABLE: LazyLock<Fits> = LazyLock::new(|| Fits::of(definitions::r4()));
    &TABLE
}

/// Whether a resource has the right shape for sure. Where not, `shape` says what is wrong, if anything.
pub fn fits(tree: &Tree<'_>) -> bool {
    let table = table();
    table.resource(tree.root(), table.resource, true)
}

/// As `fits`, of a Bundle without the resources of its entries.
pub fn envelope_fits(tree: &Tree<'_>) -> bool {
    let table = table();
    table.resource(tree.root(), table.resource, false)
}

impl Fits {
    fn of(r4: &'static Definitions) -> Self {
        let primitives = primitive::by_type(r4);
        let types = r4.types().map(|(id, of)| {
            let mut slots: Vec<Option<Slot>> = vec![None; (r4.json_names(id).count() * 2 + 1).next_power_of_two()];
            for (name, at, kind) in r4.json_names(id) {
                let element = &of.elements[at];
                let what = match primitives[usize::from(kind.0)] {
                    Some(primitive) => What::Primitive(primitive),
                    None if r4.get(kind).kind == TypeKind::Resource => What::Resource,
                    None => What::Object,
                };
                let most = element.is_list().then_some(element.max);
                let mut to = place(name.as_bytes(), slots.len());
                while slots[to].is_some() {
                    to = (to + 1) & (slots.len() - 1);
                }
                slots[to] = Some(Slot { name, bit: bit(at), kind, what, most });
            }
            let required = of.elements.iter().enumerate().filter(|(_, e)| e.min > 0);
            Members {
                slots,
                required: required.fold(0, |all, (at, _)| all | bit(at)),
                is_resource: of.kind == TypeKind::Resource,
                is_abstract: of.is_abstract,
            }
        });
        let types = types.collect();
        let entry = r4.find("Bundle.entry").unwrap_or(TypeId::UNKNOWN);
        Self { r4, types, resource: r4.known().resource, entry }
    }

    fn resource(&self, value: Value<'_>, expected: TypeId, deep: bool) -> bool {
        let Some(name) = value.get("resourceType").filter(|n| !n.is_escaped()) else { return false };
        let Some(id) = name.text().and_then(|name| self.r4.find(&name)) else { return false };
        let of = &self.types[usize::from(id.0)];
        of.is_resource && !of.is_abstract && self.r4.is_a(id, expected) && self.object(value, id, deep)
    }

    fn object(&self, value: Value<'_>, id: TypeId, deep: bool) -> bool {
        let of = &self.types[usize::from(id.0)];
        let mut seen = 0_u128;
        let mut any = false;
        for (name, member) in value.members() {
            any = true;
            let Some(slot) = of.find(name) else {
                if of.is_resource && name == "resourceType" {
                    continue;
                }
                return false;
            };
            // A choice has one value of one type.
            if seen & slot.bit != 0 {
                return false;
            }
            seen |= slot.bit;
            let fine = match slot.most {
                None => self.item(slot, member, id, deep),
                Some(most) => self.list(slot, member, most, id, deep),
            };
            if !fine {
                return false;
            }
        }
        any && seen & of.required == of.required
    }

    fn list(&self, slot: &Slot, value: Value<'_>, most: u32, of: TypeId, deep: bool) -> bool {
        let mut count = 0_u32;
        for item in value.items() {
            count += 1;
            if !self.item(slot, item, of, deep) {
                return false;
            }
        }
        // What is no array has no items.
        (1..=most).contains(&count)
    }

    fn item(&self, slot: &Slot, value: Value<'_>, of: TypeId, deep: bool) -> bool {
        match slot.what {
            What::Primitive(primitive) => is_written(primitive, value),
            What::Object => value.is_object() && self.object(value, slot.kind, deep),
            What::Resource if !deep && of == self.entry && slot.name == "resource" => value.is_object(),
            What::Resource => self.resource(value, slot.kind, deep),
        }
    }
}

fn bit(at: usize) -> u128 {
    // No type has more than 128 elements: a test looks.
    1_u128.checked_shl(at as u32).unwrap_or(0)
}

/// Whether a value is one of the primitive for sure.
fn is_written(primitive: Primitive, value: Value<'_>) -> bool {
    use Primitive as P;
    let raw = value.raw();
    match (primitive, value.kind()) {
        (P::Text | P::Markdown | P::Xhtml, Kind::String) => {
            let inner = &raw[1..raw.len() - 1];
            // The parser lets no control character through that is not written as an escape.
            let fine = !value.is_escaped() || no_control(inner.as_bytes());
            // A narrative has no bound of its own.
            let short = primitive == P::Xhtml || inner.len() <= primitive::STRING_BYTES;
            !inner.is_empty() && short && fine
        }
        (P::Code | P::Uri | P::Url | P::Canonical, Kind::String) if !value.is_escaped() => {
            let inner = &raw.as_bytes()[1..raw.len() - 1];
            let plain = !inner.is_empty() && inner.iter().all(|b| (0x21..0x7F).contains(b));
            let odd = || matches!(inner.first(), Some(b'u' | b'o')) && primitive != P::Code;
            (plain && !odd()) || primitive::check(primitive, value).is_none()
        }
        _ => primitive::check(primitive, value).is_none(),
    }
}

/// Whether a JSON text holds no escape of a character that may be a control character.
fn no_control(inner: &[u8]) -> bool {
    let mut at = 0;
    while let Some(step) = inner[at..].iter().position(|b| *b == b'\\') {
        match inner.get(at + step + 1) {
            Some(b'b' | b'f' | b'u') | None => return false,
            Some(_) => at += step + 2,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::super::shape;
    use super::*;

    #[test]
    fn every_element_has_a_bit_and_every_name_is_found() {
        let r4 = definitions::r4();
        for (id, of) in r4.types() {
            assert!(of.elements.len() <= 128, "{}", of.name);
            for (name, ..) in r4.json_names(id) {
                assert!(table().types[usize::from(id.0)].find(name).is_some_and(|s| s.name == name), "{name}");
            }
            for name in ["", "x", "_id", "resourceTyp"] {
                assert!(table().types[usize::from(id.0)].find(name).is_none());
            }
        }
    }

    #[test]
    fn what_fits_has_no_wrong_shape() {
        for (text, fine) in [
            (r#"{"resourceType":"Patient","name":[{"family":"A","given":["B","C"]}],"deceasedBoolean":true}"#, true),
            (r#"{"resourceType":"Patient","deceasedBoolean":true,"deceasedDateTime":"2020"}"#, false),
            (r#"{"resourceType":"Patient","name":[]}"#, false),
            (r#"{"resourceType":"Patient","name":{"family":"A"}}"#, false),
            (r#"{"resourceType":"Patient","active":[true]}"#, false),
            (r#"{"resourceType":"Patient","active":null}"#, false),
            (r#"{"resourceType":"Patient","name":[null]}"#, false),
            (r#"{"resourceType":"Patient","text":{"status":"generated","div":"<div>\n\"a\"</div>"}}"#, true),
            (r#"{"resourceType":"Patient","implicitRules":""}"#, false),
            (r#"{"resourceType":"Patient","implicitRules":"urn:oid:9"}"#, false),
            (r#"{"resourceType":"Patient","implicitRules":"urn:oid:1.2"}"#, true),
            (r#"{"resourceType":"Patient","language":"a  b"}"#, false),
            (r#"{"resourceType":"Patient","language":"a b"}"#, true),
            (r#"{"resourceType":"Patient","contained":[{"resourceType":"Observation"}]}"#, false),
            (r#"{"resourceType":"Patient","contained":[{"resourceType":"Resource"}]}"#, false),
            (r#"{"resourceType":"Quantity"}"#, false),
            (r#"[]"#, false),
            (r#"1"#, false),
        ] {
            let tree = Tree::parse(text).unwrap();
            assert_eq!(fits(&tree), fine, "{text}");
            assert_eq!(shape(&tree).is_empty(), fine, "{text}");
        }
    }

    #[test]
    fn an_envelope_is_a_bundle_without_its_resources() {
        let of = |entry: &str| {
            let text = format!(r#"{{"resourceType":"Bundle","type":"batch","entry":[{entry}]}}"#);
            envelope_fits(&Tree::parse(text).unwrap())
        };
        assert!(of(r#"{"resource":{"resourceType":"Nothing"},"request":{"method":"POST","url":"Nothing"}}"#));
        assert!(!of(r#"{"resource":[],"request":{"method":"POST","url":"Nothing"}}"#));
        assert!(!of(r#"{"request":{"method":"POST","urI":"Nothing"}}"#));
        assert!(!of("1"));
    }
}
