//! From a StructureDefinition to rules.

use super::super::library::is_simple_quantity;
use super::constraint::{binding, invariant, is_base_binding, patterns};
use super::types::{place, type_of_code};
use super::{By, Context, Discriminator, Profile, Rest, Rules, Slice, Slicing, Step, TypeRule};
use crate::definitions::{Definitions, Element, TypeId, TypeKind};
use crate::limits;
use crate::path::{Expression, Mode};
use crate::tree::{Tree, Value};
use std::sync::Arc;

/// Why a StructureDefinition makes no profile.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// It defines a type of its own.
    #[error("it is no profile of a type of FHIR R4 but defines one")]
    Logical,
    /// Its type is none of R4.
    #[error("its type `{0}` is not of FHIR R4")]
    Type(String),
    /// Its base is not loaded.
    #[error("its base `{0}` is not known, and it has no snapshot")]
    Base(String),
    /// Neither differential nor snapshot.
    #[error("it has neither a snapshot nor a differential")]
    Empty,
    /// Too large, or too many on top of each other.
    #[error("it passes the limit of {0}")]
    Limit(&'static str),
    /// A path that leads nowhere.
    #[error("`{path}`: {problem}")]
    Element {
        /// Of which element.
        path: String,
        /// What is wrong.
        problem: String,
    },
}

type Result<T> = std::result::Result<T, ProfileError>;

/// A StructureDefinition as a profile: its differential over `base`, or its snapshot where it has one and `from_snapshot`.
///
/// # Errors
/// Where it is no profile of a type of R4, or an element cannot be placed in that type.
pub fn compile(
    definition: Value<'_>,
    base: Option<&Profile>,
    from_snapshot: bool,
    definitions: &Definitions,
) -> Result<Profile> {
    let get = |name: &str| definition.get_text(name).unwrap_or_default().into_owned();
    let code = get("type");
    if get("kind") == "logical" || get("derivation") == "specialization" {
        return Err(ProfileError::Logical);
    }
    let kind = type_of_code(definitions, &code).ok_or(ProfileError::Type(code))?;
    let part = |name: &str| definition.get(name).and_then(|s| s.get("element")).filter(|e| e.is_array());
    let (snapshot, differential) = (part("snapshot").filter(|_| from_snapshot), part("differential"));
    let elements = snapshot.or(differential).ok_or(ProfileError::Empty)?;
    let root = match (snapshot, base) {
        (None, Some(base)) => base.root.clone(),
        _ => Rules { name: definitions.get(kind).name.to_owned(), ..Rules::default() },
    };
    let mut profile = Profile {
        url: get("url"),
        version: get("version"),
        kind,
        root,
        contexts: contexts(definition, definitions),
        context_invariants: Vec::new(),
        is_modifier: snapshot.is_none() && base.is_some_and(|b| b.is_modifier),
        unread: Vec::new(),
        flaws: Vec::new(),
    };
    for text in list(definition, "contextInvariant").filter_map(Value::text) {
        match Expression::compile(&text, definitions, TypeId::UNKNOWN, Mode::Lenient) {
            Ok(expression) => profile.context_invariants.push(Arc::new(expression)),
            Err(e) => profile.unread.push(format!("a context invariant does not compile: {e}")),
        }
    }
    let mut reader = Reader { definitions, profile, last: Vec::new() };
    for (n, element) in elements.items().enumerate() {
        if n >= limits::PROFILE_ELEMENTS {
            return Err(ProfileError::Limit("elements of a profile"));
        }
        reader.element(element)?;
    }
    let mut profile = reader.profile;
    prune(&mut profile.root);
    Ok(profile)
}

pub(super) fn list<'t>(value: Value<'t>, name: &str) -> impl Iterator<Item = Value<'t>> + use<'t> {
    value.get(name).into_iter().flat_map(Value::items)
}

fn contexts(definition: Value<'_>, definitions: &Definitions) -> Vec<Context> {
    let read = |context: Value<'_>| {
        let expression = context.get_text("expression").unwrap_or_default();
        match context.get_text("type").as_deref() {
            Some("element") => Context::Element(expression.into_owned()),
            Some("extension") => Context::Extension(expression.into_owned()),
            Some("fhirpath") => Expression::compile(&expression, definitions, TypeId::UNKNOWN, Mode::Lenient)
                .map_or(Context::Open, |e| Context::Path(Arc::new(e))),
            _ => Context::Open,
        }
    };
    list(definition, "context").map(read).collect()
}

/// Leaves out what asks nothing.
fn prune(rules: &mut Rules) {
    rules.children.iter_mut().for_each(prune);
    if let (true, [kind]) = (rules.types.is_empty(), std::mem::take(&mut rules.named).as_slice()) {
        rules.types.push(TypeRule::of(*kind));
    }
    rules.children.retain(|c| !c.is_empty());
    rules.slices.iter_mut().for_each(|s| prune(&mut s.rules));
    if rules.slices.is_empty() && rules.slicing.as_ref().is_some_and(|s| s.rest != Rest::Closed) {
        rules.slicing = None;
    }
}

/// A segment of an element's path: name and slices, outermost first.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Segment {
    name: String,
    slices: Vec<String>,
}

struct Reader<'d> {
    definitions: &'d Definitions,
    profile: Profile,
    /// The path of the element before, with its slices.
    last: Vec<Segment>,
}

impl Reader<'_> {
    fn element(&mut self, element: Value<'_>) -> Result<()> {
        let path = element.get_text("path").unwrap_or_default().into_owned();
        let problem = |problem: String| ProfileError::Element { path: path.clone(), problem };
        let segments = self.segments(&path, element);
        self.last.clone_from(&segments);
        let mut holder = self.profile.kind;
        let mut kind = holder;
        let mut base: Option<&Element> = None;
        let mut rules = &mut self.profile.root;
        let mut is_slice = false;
        for segment in segments.iter().skip(1) {
            holder = kind;
            let found = place(self.definitions, holder, &segment.name);
            let unknown =
                || problem(format!("`{}` has no element `{}`", self.definitions.get(holder).name, segment.name));
            let found = found.ok_or_else(unknown)?;
            base = found.element;
            kind = found.kind;
            rules = child(rules, &found.name);
            is_slice = false;
            let mut names = segment.slices.clone();
            if let Some((name, of)) = found.choice {
                if names.is_empty() {
                    // `valueQuantity` for `value[x]` narrows it to that type, if it is the only one named so.
                    if !rules.named.contains(&of) {
                        rules.named.push(of);
                    }
                    names.push(name);
                }
                if rules.slicing.is_none() {
                    rules.slicing = Some(Slicing { by: vec![of_this()], is_ordered: false, rest: Rest::Open });
                }
                kind = of;
            }
            for (n, name) in names.iter().enumerate() {
                rules = slice(rules, name);
                is_slice = true;
                if n == 0 && base.is_some_and(|e| e.is_choice) {
                    // A slice of a choice is of one type: its name tells which, until its types do.
                    let named = self.definitions.json_member(holder, name).map(|(_, of)| of);
                    kind = if kind == TypeId::UNKNOWN { named.unwrap_or(kind) } else { kind };
                    if rules.types.is_empty() && kind != TypeId::UNKNOWN {
                        rules.types.push(TypeRule::of(kind));
                    }
                }
            }
            if let ([one], TypeId::UNKNOWN) = (rules.types.as_slice(), kind) {
                kind = one.kind;
            }
        }
        let is_simple = base.is_some_and(|e| {
            let choice = if e.is_choice { "[x]" } else { "" };
            is_simple_quantity(&format!("{}.{}{choice}", self.definitions.get(holder).name, e.name))
        });
        let is_root = segments.len() == 1;
        let known = Known { definitions: self.definitions, base, kind, is_root, is_slice, is_simple };
        fill(rules, element, &known, &mut self.profile.unread).map_err(problem)?;
        self.profile.flaws.extend(flaws(element, &known).into_iter().map(|flaw| format!("`{path}`: {flaw}")));
        if segments.len() == 1 && element.get("isModifier").and_then(Value::boolean) == Some(true) {
            self.profile.is_modifier = true;
        }
        Ok(())
    }

    /// The segments of a path with their slices: told by the id where it is of this path, else by the elements before.
    fn segments(&self, path: &str, element: Value<'_>) -> Vec<Segment> {
        let names: Vec<&str> = path.split('.').collect();
        let id = element.get_text("id").unwrap_or_default();
        let ids: Vec<&str> = id.split('.').collect();
        let stem = |part: &str| part.split(':').next().unwrap_or_default().trim_end_matches("[x]").to_owned();
        let own = element.get_text("sliceName");
        let same = ids.len() == names.len()
            && ids.iter().zip(&names).skip(1).all(|(i, n)| n.trim_end_matches("[x]").starts_with(&stem(i)));
        if same && (own.is_none() || ids.last().is_some_and(|i| i.contains(':'))) {
            let segment = |(id, name): (&&str, &&str)| {
                // `value[x]:valueQuantity` with the path `valueQuantity`: the id tells the slice.
                let (_, slices) = id.split_once(':').unwrap_or((id, ""));
                let slices = slices.split('/').filter(|s| !s.is_empty()).map(str::to_owned).collect();
                Segment { name: (*name).to_owned(), slices }
            };
            return ids.iter().zip(&names).map(segment).collect();
        }
        let mut out = Vec::with_capacity(names.len());
        let mut along = true;
        for (n, name) in names.iter().enumerate() {
            let before = self.last.get(n).filter(|s| along && s.name == *name);
            let is_last = n + 1 == names.len();
            along = before.is_some();
            let slices = match (&own, before) {
                (Some(own), _) if is_last => own.split('/').map(str::to_owned).collect(),
                (_, Some(before)) if !is_last => before.slices.clone(),
                _ => Vec::new(),
            };
            out.push(Segment { name: (*name).to_owned(), slices });
        }
        out
    }
}

fn child<'r>(rules: &'r mut Rules, name: &str) -> &'r mut Rules {
    let at = rules.children.iter().position(|c| c.name == name).unwrap_or_else(|| {
        rules.children.push(Rules { name: name.to_owned(), ..Rules::default() });
        rules.children.len() - 1
    });
    &mut rules.children[at]
}

fn slice<'r>(rules: &'r mut Rules, name: &str) -> &'r mut Rules {
    let at = rules.slices.iter().position(|s| s.name == name).unwrap_or_else(|| {
        let inner = Rules { name: rules.name.clone(), ..Rules::default() };
        rules.slices.push(Slice { name: name.to_owned(), rules: inner });
        rules.slices.len() - 1
    });
    &mut rules.slices[at].rules
}

fn of_this() -> Discriminator {
    Discriminator { by: By::Type, steps: Vec::new() }
}

/// What the base says of an element, so that it is not said again.
pub(super) struct Known<'d> {
    pub(super) definitions: &'d Definitions,
    pub(super) base: Option<&'d Element>,
    pub(super) kind: TypeId,
    pub(super) is_root: bool,
    pub(super) is_slice: bool,
    /// Whether its Quantity is a SimpleQuantity.
    pub(super) is_simple: bool,
}

type Fill<T> = std::result::Result<T, String>;

fn fill(rules: &mut Rules, element: Value<'_>, known: &Known<'_>, unread: &mut Vec<String>) -> Fill<()> {
    cardinality(rules, element, known)?;
    if let Some(types) = types(element, known, unread)? {
        rules.types = types;
    }
    for (name, member) in element.members() {
        let value = || Tree::parse(member.raw().to_owned()).map(Arc::new).map_err(|e| e.to_string());
        if name.strip_prefix("fixed").is_some_and(is_type) {
            rules.fixed = Some(value()?);
        } else if name.strip_prefix("pattern").is_some_and(is_type) {
            rules.pattern = Some(value()?);
        } else if name.strip_prefix("minValue").is_some_and(is_type) {
            rules.least = Some(value()?);
        } else if name.strip_prefix("maxValue").is_some_and(is_type) {
            rules.most = Some(value()?);
        } else if name == "maxLength" {
            rules.max_length = member.number().and_then(|n| n.parse().ok());
        }
    }
    if let Some(binding) = element.get("binding").and_then(binding)
        && !is_base_binding(&binding, known)
    {
        rules.binding = Some(binding);
    }
    for constraint in list(element, "constraint") {
        invariant(rules, constraint, known);
    }
    patterns(rules, element, known);
    if let Some(slicing) = element.get("slicing") {
        rules.slicing = Some(read_slicing(slicing, known.definitions)?);
    }
    Ok(())
}

/// Fixed values and patterns that are of none of the element's types, and types that only a text can be narrowed to.
fn flaws(element: Value<'_>, known: &Known<'_>) -> Vec<String> {
    let Some(base) = known.base.filter(|b| !b.types.is_empty()) else { return Vec::new() };
    let definitions = known.definitions;
    let mut out = Vec::new();
    for (name, _) in element.members() {
        let suffix = name.strip_prefix("fixed").or_else(|| name.strip_prefix("pattern")).filter(|rest| is_type(rest));
        let Some(suffix) = suffix else { continue };
        let mut letters = suffix.chars();
        let small = letters.next().map(|c| c.to_ascii_lowercase()).into_iter().chain(letters).collect::<String>();
        let Some(kind) = definitions.find(suffix).or_else(|| definitions.find(&small)) else { continue };
        if !base.types.iter().any(|t| definitions.is_a(kind, t.id)) {
            out.push(format!("`{name}` is of none of the element's types"));
        }
    }
    // What is written as a text of FHIRPath is a text.
    let is_text = |id: TypeId| {
        let name = definitions.get(id).name;
        !matches!(name, "boolean" | "integer" | "decimal" | "unsignedInt" | "positiveInt")
    };
    let codes = list(element, "type").filter_map(|t| t.get_text("code"));
    if codes.into_iter().any(|code| code == "string") && !base.types.iter().any(|t| is_text(t.id)) {
        out.push("the type `string` is none of the base's".into());
    }
    out
}

/// `fixedCode`, and not a member that only starts alike.
fn is_type(rest: &str) -> bool {
    rest.starts_with(|c: char| c.is_ascii_uppercase())
}

fn cardinality(rules: &mut Rules, element: Value<'_>, known: &Known<'_>) -> Fill<()> {
    if known.is_root {
        return Ok(());
    }
    let of_base = known.base.filter(|_| !known.is_slice);
    let min = element.get("min").and_then(|m| m.number()?.parse::<u32>().ok());
    let max = element.get_text("max").map(|m| if &*m == "*" { Ok(u32::MAX) } else { m.parse::<u32>() });
    let max = max.transpose().map_err(|_| "`max` is neither a number nor `*`".to_owned())?;
    if let Some(min) = min {
        rules.min = (min > of_base.map_or(0, |b| b.min)).then_some(min);
        if of_base.is_some_and(|b| min < b.min) {
            return Err(format!("`min` {min} is less than that of the base"));
        }
    }
    if let Some(max) = max {
        let base = known.base.map_or(u32::MAX, |b| b.max);
        if max > base && base != u32::MAX {
            return Err("`max` is more than that of the base".into());
        }
        let unsaid = if known.is_slice && base > 1 { u32::MAX } else { base };
        rules.max = (max < unsaid).then_some(max);
    }
    match (rules.min, rules.max) {
        (Some(min), Some(max)) if min > max => Err(format!("`min` {min} is more than `max` {max}")),
        _ => Ok(()),
    }
}

/// The types, where they are narrower than those of the base.
fn types(element: Value<'_>, known: &Known<'_>, unread: &mut Vec<String>) -> Fill<Option<Vec<TypeRule>>> {
    if known.is_root || element.get("type").is_none() {
        return Ok(None);
    }
    let mut out: Vec<TypeRule> = Vec::new();
    for kind in list(element, "type") {
        let code = kind.get_text("code").unwrap_or_default();
        let Some(id) = type_of_code(known.definitions, &code) else {
            unread.push(format!("the type `{code}` is not of FHIR R4"));
            return Ok(None);
        };
        let urls = |name: &str| list(kind, name).filter_map(Value::text).map(|u| u.into_owned()).collect::<Vec<_>>();
        let mut profiles = urls("profile");
        profiles.retain(|url| !(known.is_simple && url.ends_with("/SimpleQuantity")));
        let (targets, ways) = (urls("targetProfile"), urls("aggregation"));
        out.push(TypeRule { kind: id, profiles, targets, ways });
    }
    let Some(base) = known.base else { return Ok(Some(out)) };
    // `id` and the values of primitives are written as types of FHIRPath; backbones as BackboneElement or Element.
    let is_primitive = |id: TypeId| known.definitions.get(id).kind == TypeKind::Primitive;
    let fits = |rule: &TypeRule| {
        base.types.iter().any(|t| {
            known.definitions.is_a(rule.kind, t.id)
                || known.definitions.is_a(t.id, rule.kind)
                || (is_primitive(t.id) && rule.kind == known.definitions.known().string)
        })
    };
    if let Some(rule) = out.iter().find(|r| !base.types.is_empty() && !fits(r)) {
        return Err(format!("the type `{}` is none of the base's", known.definitions.get(rule.kind).name));
    }
    let string = known.definitions.known().string;
    let all = out.len() == base.types.len() || base.types.is_empty();
    let plain = out.iter().all(|r| {
        // A wider type than the base's (BackboneElement, a string for an id) says nothing.
        let says_less = |t: TypeId| known.definitions.is_a(t, r.kind) || (is_primitive(t) && r.kind == string);
        if !base.types.iter().any(|t| says_less(t.id)) {
            return false;
        }
        let of_base = base.types.iter().find(|t| t.id == r.kind);
        let no_targets = r.targets.is_empty()
            || of_base.is_some_and(|t| {
                let named = |url: &String| url.rsplit('/').next().and_then(|n| known.definitions.find(n));
                r.targets.len() == t.targets.len()
                    && r.targets.iter().all(|u| named(u).is_some_and(|id| t.targets.contains(&id)))
            });
        r.profiles.is_empty() && no_targets && r.ways.is_empty()
    });
    Ok(Some(if all && plain { Vec::new() } else { out }))
}

fn read_slicing(slicing: Value<'_>, definitions: &Definitions) -> Fill<Slicing> {
    let mut by = Vec::new();
    for discriminator in list(slicing, "discriminator") {
        let kind = match discriminator.get_text("type").as_deref() {
            Some("value") => By::Value,
            Some("pattern") => By::Pattern,
            Some("exists") => By::Exists,
            Some("type") => By::Type,
            Some("profile") => By::Profile,
            other => return Err(format!("the discriminator's type `{}` is not known", other.unwrap_or_default())),
        };
        let path = discriminator.get_text("path").unwrap_or_default();
        by.push(Discriminator { by: kind, steps: steps(&path, definitions)? });
    }
    let rest = match slicing.get_text("rules").as_deref() {
        Some("closed") => Rest::Closed,
        Some("openAtEnd") => Rest::OpenAtEnd,
        _ => Rest::Open,
    };
    Ok(Slicing { by, is_ordered: slicing.get("ordered").and_then(Value::boolean) == Some(true), rest })
}

/// The restricted FHIRPath of discriminators (R4 §5.1.0.9).
fn steps(path: &str, definitions: &Definitions) -> Fill<Vec<Step>> {
    let mut out = Vec::new();
    let mut rest = path.trim();
    while !rest.is_empty() {
        // A point within the argument of a function is no end of a step.
        let mut depth = 0;
        let end = rest.find(|c| {
            depth += i32::from(c == '(') - i32::from(c == ')');
            c == '.' && depth == 0
        });
        let (one, after) = end.map_or((rest, ""), |at| (&rest[..at], &rest[at + 1..]));
        rest = after;
        let argument = |name: &str| {
            let inner = one.strip_prefix(name)?.strip_prefix('(')?.strip_suffix(')')?.trim();
            Some(inner.trim_matches(['\'', '"', '`']))
        };
        if one == "$this" {
            continue;
        }
        out.push(if let Some(url) = argument("extension") {
            Step::Extension(url.to_owned())
        } else if argument("resolve").is_some() {
            Step::Resolve
        } else if let Some(name) = argument("ofType") {
            Step::OfType(definitions.find(name).ok_or_else(|| format!("the type `{name}` is not known"))?)
        } else if one.contains(['(', ' ', '[']) && !one.ends_with("[x]") {
            return Err(format!("the discriminator `{path}` is not of the form that R4 allows"));
        } else {
            Step::Name(one.trim_end_matches("[x]").to_owned())
        });
    }
    Ok(out)
}
