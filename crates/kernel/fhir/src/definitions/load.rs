//! Reads the compiled definitions: lines of tab-separated fields, written by `gen/mod.rs`.
//!
//! | Line | Fields |
//! |---|---|
//! | `C` | key, severity, expression, words — invariants, in the order of their numbers |
//! | `V` | URL, `?` where unknown, then `system\|code code …` or `system\|*` — value sets, in the order of their numbers |
//! | `T` | name, kind (`p c r b`, then `a` if abstract), base, numbers of invariants, pattern |
//! | `E` | name, min, max, flags (`s m`), types `A,Reference(B+C)`, binding `r12/13`, invariants — of the `T` before it |
//! | `S` | number, code, type, URL, bases, targets, expression, components `URL expression;…` — search parameters |
//! | `M` | compartment, resource, parameters |

use super::{
    Binding, Constraint, Definitions, Element, ElementType, Known, ParamKind, SearchParam, Strength, Type, TypeId,
    TypeKind, ValueSet,
};

/// The text is no compiled definitions.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("definitions, line {line}: {problem}")]
pub struct LoadError {
    line: usize,
    problem: &'static str,
}

/// `value` as `Quantity`: `valueQuantity`.
pub(super) fn choice_name(name: &str, kind: &str) -> String {
    let mut out = String::with_capacity(name.len() + kind.len());
    out.push_str(name);
    let mut letters = kind.chars();
    out.extend(letters.next().map(|c| c.to_ascii_uppercase()));
    out.push_str(letters.as_str());
    out
}

/// A type before its neighbours are known.
struct Draft {
    base: &'static str,
    /// Types of its elements, as written.
    types: Vec<&'static str>,
}

impl Definitions {
    /// Reads compiled definitions.
    ///
    /// # Errors
    /// Where a line is not of the format.
    pub fn load(text: &'static str) -> Result<Self, LoadError> {
        let mut reader = Reader { out: Self::default(), drafts: Vec::new() };
        reader.out.types.push(unknown());
        reader.drafts.push(Draft { base: "", types: Vec::new() });
        for (n, line) in text.lines().enumerate() {
            reader.line(line).map_err(|problem| LoadError { line: n + 1, problem })?;
        }
        reader.finish().map_err(|problem| LoadError { line: 0, problem })
    }
}

fn unknown() -> Type {
    Type {
        name: "",
        kind: TypeKind::Complex,
        is_abstract: true,
        base: None,
        constraints: Vec::new(),
        regex: "",
        elements: Vec::new(),
        json_names: Vec::new(),
        by_name: Vec::new(),
    }
}

struct Reader {
    out: Definitions,
    drafts: Vec<Draft>,
}

type Read<T> = Result<T, &'static str>;

fn numbers(text: &str) -> Read<Vec<u16>> {
    text.split(',').filter(|t| !t.is_empty()).map(|t| t.parse().map_err(|_| "not a number")).collect()
}

fn list(text: &'static str) -> Vec<&'static str> {
    text.split(',').filter(|t| !t.is_empty()).collect()
}

impl Reader {
    fn line(&mut self, line: &'static str) -> Read<()> {
        let (tag, rest) = line.split_once('\t').ok_or("no fields")?;
        let mut fields = rest.split('\t');
        match tag {
            "C" => self.constraint(&mut fields),
            "V" => self.value_set(&mut fields),
            "T" => self.kind(&mut fields),
            "E" => self.element(&mut fields),
            "S" => self.param(&mut fields),
            "M" => self.compartment(&mut fields),
            "mach-fhir-definitions" if rest == "1" => Ok(()),
            "source" => Ok(()),
            _ => Err("no such line"),
        }
    }

    fn constraint(&mut self, fields: &mut std::str::Split<'static, char>) -> Read<()> {
        let mut next = || fields.next().ok_or("a field is missing");
        let (key, severity) = (next()?, next()?);
        self.out.constraints.push(Constraint {
            key,
            is_error: severity == "error",
            expression: next()?,
            human: next()?,
        });
        Ok(())
    }

    fn value_set(&mut self, fields: &mut std::str::Split<'static, char>) -> Read<()> {
        let mut next = || fields.next().ok_or("a field is missing");
        let (url, state) = (next()?, next()?);
        let systems = fields
            .map(|f| {
                let (system, codes) = f.split_once('|').ok_or("no `|`")?;
                Ok((system, (codes != "*").then(|| codes.split(' ').filter(|c| !c.is_empty()).collect())))
            })
            .collect::<Read<_>>()?;
        let number = u16::try_from(self.out.value_sets.len()).map_err(|_| "too many value sets")?;
        self.out.value_set_by_url.insert(url, number);
        self.out.value_sets.push(ValueSet { url, is_known: state.is_empty(), systems });
        Ok(())
    }

    fn kind(&mut self, fields: &mut std::str::Split<'static, char>) -> Read<()> {
        let mut next = || fields.next().ok_or("a field is missing");
        let (name, kind, base, constraints) = (next()?, next()?, next()?, next()?);
        let id = TypeId(u16::try_from(self.out.types.len()).map_err(|_| "too many types")?);
        self.out.by_name.insert(name, id);
        self.out.types.push(Type {
            name,
            kind: match kind.as_bytes().first() {
                Some(b'p') => TypeKind::Primitive,
                Some(b'c') => TypeKind::Complex,
                Some(b'r') => TypeKind::Resource,
                Some(b'b') => TypeKind::Backbone,
                _ => return Err("no such kind of type"),
            },
            is_abstract: kind.ends_with('a'),
            constraints: numbers(constraints)?,
            // The pattern is the last field and may itself hold anything.
            regex: fields.next().unwrap_or_default(),
            ..unknown()
        });
        self.drafts.push(Draft { base, types: Vec::new() });
        Ok(())
    }

    fn element(&mut self, fields: &mut std::str::Split<'static, char>) -> Read<()> {
        let mut next = || fields.next().ok_or("a field is missing");
        let (name, min, max, flags, types) = (next()?, next()?, next()?, next()?, next()?);
        let (binding, constraints) = (next()?, next()?);
        let plain = name.strip_suffix("[x]");
        let element = Element {
            name: plain.unwrap_or(name),
            is_choice: plain.is_some(),
            min: min.parse().map_err(|_| "not a number")?,
            max: if max == "*" { u32::MAX } else { max.parse().map_err(|_| "not a number")? },
            is_summary: flags.contains('s'),
            is_modifier: flags.contains('m'),
            types: Vec::new(),
            binding: read_binding(binding)?,
            constraints: numbers(constraints)?,
        };
        let (Some(of), Some(draft)) = (self.out.types.last_mut(), self.drafts.last_mut()) else {
            return Err("an element before any type");
        };
        of.elements.push(element);
        draft.types.push(types);
        Ok(())
    }

    fn param(&mut self, fields: &mut std::str::Split<'static, char>) -> Read<()> {
        let mut next = || fields.next().ok_or("a field is missing");
        let number = next()?.parse().map_err(|_| "not a number")?;
        let (code, kind, url, base, targets) = (next()?, next()?, next()?, next()?, next()?);
        let (expression, components) = (next()?, next()?);
        let components = components.split(';').filter_map(|c| c.split_once(' ')).collect();
        let kind = match kind {
            "number" => ParamKind::Number,
            "date" => ParamKind::Date,
            "string" => ParamKind::String,
            "token" => ParamKind::Token,
            "reference" => ParamKind::Reference,
            "composite" => ParamKind::Composite,
            "quantity" => ParamKind::Quantity,
            "uri" => ParamKind::Uri,
            "special" => ParamKind::Special,
            _ => return Err("no such type of parameter"),
        };
        let (base, targets) = (list(base), list(targets));
        self.out.params.push(SearchParam { number, code, kind, url, base, targets, expression, components });
        Ok(())
    }

    fn compartment(&mut self, fields: &mut std::str::Split<'static, char>) -> Read<()> {
        let mut next = || fields.next().ok_or("a field is missing");
        let (compartment, resource) = (next()?, next()?);
        let params = list(next()?).into_iter().filter(|p| !p.starts_with('{')).collect();
        self.out.compartments.insert((compartment, resource), params);
        Ok(())
    }

    fn finish(mut self) -> Read<Definitions> {
        for n in 1..self.drafts.len() {
            let base = self.drafts[n].base;
            self.out.types[n].base =
                if base.is_empty() { None } else { Some(self.out.find(base).ok_or("a base is not defined")?) };
            for at in 0..self.drafts[n].types.len() {
                let types = self.element_types(self.drafts[n].types[at])?;
                self.out.types[n].elements[at].types = types;
            }
        }
        let mut inherited = vec![false; self.out.types.len()];
        for n in 1..self.out.types.len() {
            self.inherit(n, &mut inherited);
        }
        for n in 1..self.out.types.len() {
            self.name_members(n);
        }
        self.place_params();
        self.out.known = known(&self.out)?;
        Ok(self.out)
    }

    fn element_types(&self, text: &'static str) -> Read<Vec<ElementType>> {
        let find = |name: &str| self.out.find(name).ok_or("an element's type is not defined");
        let read = |one: &'static str| {
            let (name, targets) = one.split_once('(').unwrap_or((one, ""));
            let targets = targets.trim_end_matches(')').split('+').filter(|t| !t.is_empty());
            // Profiles of other guides are no types; what they narrow is left open.
            Ok(ElementType { id: find(name)?, targets: targets.filter_map(|t| self.out.find(t)).collect() })
        };
        text.split(',').filter(|t| !t.is_empty()).map(read).collect()
    }

    /// Puts the elements of the base types before a type's own.
    fn inherit(&mut self, n: usize, done: &mut [bool]) {
        if std::mem::replace(&mut done[n], true) {
            return;
        }
        let Some(base) = self.out.types[n].base else { return };
        let base = usize::from(base.0);
        self.inherit(base, done);
        let mut all = self.out.types[base].elements.clone();
        all.append(&mut self.out.types[n].elements);
        self.out.types[n].elements = all;
        let mut constraints = self.out.types[base].constraints.clone();
        constraints.append(&mut self.out.types[n].constraints);
        // A snapshot repeats those of its base.
        let mut seen = std::collections::HashSet::new();
        constraints.retain(|c| seen.insert(*c));
        self.out.types[n].constraints = constraints;
    }

    fn name_members(&mut self, n: usize) {
        let mut json = Vec::new();
        let mut plain = Vec::new();
        for (at, element) in self.out.types[n].elements.iter().enumerate() {
            plain.push((element.name, at as u16));
            for one in &element.types {
                let name = self.out.json_name(element, one.id);
                json.push((name, at as u16, one.id.0));
                if !element.is_choice {
                    break;
                }
            }
        }
        json.sort();
        plain.sort_unstable();
        self.out.types[n].json_names = json;
        self.out.types[n].by_name = plain;
    }

    fn place_params(&mut self) {
        let resources = self.out.types.iter().filter(|t| t.kind == TypeKind::Resource && !t.is_abstract);
        let names: Vec<_> = resources.map(|t| t.name).collect();
        for name in names {
            let for_it =
                |p: &SearchParam| p.base.iter().any(|b| *b == name || *b == "Resource" || *b == "DomainResource");
            let numbers =
                self.out.params.iter().enumerate().filter(|(_, p)| for_it(p)).map(|(n, _)| n as u16).collect();
            self.out.params_of.insert(name, numbers);
        }
    }
}

fn read_binding(text: &str) -> Read<Option<Binding>> {
    let Some(strength) = text.bytes().next() else { return Ok(None) };
    let strength = match strength {
        b'r' => Strength::Required,
        b'e' => Strength::Extensible,
        b'p' => Strength::Preferred,
        b'x' => Strength::Example,
        _ => return Err("no such strength"),
    };
    let (set, max) = text[1..].split_once('/').map_or((&text[1..], None), |(s, m)| (s, Some(m)));
    let number = |t: &str| t.parse().map_err(|_| "not a number");
    Ok(Some(Binding { strength, value_set: number(set)?, max: max.map(number).transpose()? }))
}

fn known(definitions: &Definitions) -> Read<Known> {
    let find = |name: &str| definitions.find(name).ok_or("a type of the base is missing");
    Ok(Known {
        element: find("Element")?,
        resource: find("Resource")?,
        domain_resource: find("DomainResource")?,
        extension: find("Extension")?,
        string: find("string")?,
        uri: find("uri")?,
        code: find("code")?,
        id: find("id")?,
        boolean: find("boolean")?,
        integer: find("integer")?,
        decimal: find("decimal")?,
        date: find("date")?,
        date_time: find("dateTime")?,
        instant: find("instant")?,
        time: find("time")?,
        quantity: find("Quantity")?,
        reference: find("Reference")?,
        coding: find("Coding")?,
        codeable_concept: find("CodeableConcept")?,
        identifier: find("Identifier")?,
        period: find("Period")?,
        timing: find("Timing")?,
        range: find("Range")?,
        human_name: find("HumanName")?,
        address: find("Address")?,
        contact_point: find("ContactPoint")?,
        money: find("Money")?,
        sampled_data: find("SampledData")?,
        xhtml: find("xhtml")?,
        annotation: find("Annotation")?,
    })
}
