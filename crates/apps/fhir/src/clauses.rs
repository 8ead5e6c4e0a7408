//! Parameters as clauses: what a name, a modifier and a value ask. R4 §3.1.1.

use crate::cost::{self, Cost};
use crate::custom::{Customs, Used};
use crate::missing::missing;
use crate::query::{Pair, plain, split};
use crate::refusal::Refusal;
use crate::terms::{Shelves, search::Terms};
use crate::tokens::{system_and_code, token, tokens, uri};
use crate::units;
use crate::{moment, near, unions};
use mach_access::Scope;
use mach_base::limits;
use mach_fhir::definitions::{Definitions, ParamKind, SearchParam};
use mach_fhir::index::Param;
use mach_fhir::search::Target;
use mach_fhir::{ResourceType, definitions};
use mach_store::search::{Clause, TextTest};
use mach_store::sql::Query;
use std::cell::{Cell, RefCell};

/// Why a parameter makes no clause.
#[derive(Debug)]
pub enum Wrong {
    /// The type has no such parameter: ignored, unless the sender wants to be told.
    Unknown(String),
    /// It has, and this use of it is refused.
    Refused(Refusal),
}

impl From<Refusal> for Wrong {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// A clause, or why there is none.
pub type Made = Result<Clause, Wrong>;

/// What `ew` of `_filter` is read as: no modifier that a query can have.
pub const ENDS: &str = "\u{1}ends";
/// What `eq` of `_filter` is read as: the whole of a string, case aside; of other kinds, what they are without a modifier.
pub const SAME: &str = "\u{1}same";

/// Reads parameters of one server.
pub struct Reading<'a> {
    /// The definitions.
    pub definitions: &'a Definitions,
    /// This server's base URL: references to it are references to resources here.
    pub base: &'a str,
    /// Value sets and hierarchies.
    terms: Terms,
    /// Parameters that others defined, and those of them that were asked by.
    customs: Customs,
    used: RefCell<Vec<Used>>,
    /// Whether a parameter was named that R4 does not have.
    missed: Cell<bool>,
    cost: Cost,
}

impl<'a> Reading<'a> {
    /// Reads parameters of the server at `base`.
    pub fn new(base: &'a str) -> Self {
        let (terms, customs) = (Terms::default(), Customs::default());
        Self {
            definitions: definitions::r4(),
            base,
            terms,
            customs,
            used: RefCell::default(),
            missed: Cell::new(false),
            cost: Cost::default(),
        }
    }

    /// Reads them in a transaction, which keeps nothing of what was stored for the next.
    ///
    /// # Errors
    /// Of the store.
    pub fn within(base: &'a str, on: &mut dyn Query, scope: Scope, pairs: &[Pair]) -> Result<Self, Refusal> {
        let terms = Terms::of(&Shelves::default(), on, scope, pairs)?;
        Ok(Self::new(base).knowing(terms))
    }

    /// Reads them with what the asker may know of value sets and hierarchies.
    #[must_use]
    pub fn knowing(mut self, terms: Terms) -> Self {
        self.terms = terms;
        self
    }

    /// Reads them with the parameters that others defined.
    #[must_use]
    pub fn with(mut self, customs: Customs) -> Self {
        (self.customs, self.cost) = (customs, Cost::default());
        self
    }

    /// Whether a parameter was named that R4 does not have: others may have defined it.
    pub fn missed(&self) -> bool {
        self.missed.get()
    }

    /// The parameters of others that were asked by so far, each once.
    pub fn used(&self) -> Vec<Used> {
        let mut used = self.used.borrow().clone();
        used.sort_unstable_by_key(|(custom, kind)| (custom.param.number, *kind));
        used.dedup_by_key(|(custom, kind)| (custom.param.number, *kind));
        used
    }

    /// What `name=value` asks of resources of type `kind`.
    pub fn clause(&self, kind: ResourceType, name: &str, value: &str) -> Made {
        self.nested(kind, name, value, 0)
    }

    fn nested(&self, kind: ResourceType, name: &str, value: &str, depth: usize) -> Made {
        if depth > limits::FHIR_CHAIN {
            return Err(Refusal::too_costly(format!("a chain of more than {} links", limits::FHIR_CHAIN)).into());
        }
        self.cost.add(1)?;
        if let Some(rest) = name.strip_prefix("_has:") {
            return self.has(kind, rest, value, depth);
        }
        if let Some((head, rest)) = name.split_once('.') {
            return self.chain(kind, (head, rest), value, depth);
        }
        let (code, modifier) = name.split_once(':').unwrap_or((name, ""));
        if value.is_empty() {
            return Err(Refusal::invalid(format!("`{name}` has no value")).at(name).into());
        }
        match code {
            "_id" => return each(value, name, |v| self.id(v, modifier, name)),
            "_lastUpdated" => {
                return each(value, name, |v| match modifier {
                    "" => Ok(Clause::LastUpdated(moment::date_range(v)?)),
                    _ => Err(no_modifier(name, modifier)),
                });
            }
            "_list" => {
                let item = self.param(ResourceType::LIST, "item")?;
                return each(value, name, |v| {
                    if !modifier.is_empty() {
                        return Err(no_modifier(name, modifier));
                    }
                    let id = v.strip_prefix("List/").unwrap_or(v);
                    if id.starts_with('$') {
                        let text = format!(
                            "`_list`: `{id}` is a list that a server makes up; stored ones are asked for by id"
                        );
                        return Err(Refusal::unsupported(text).at("_list"));
                    }
                    Ok(Clause::Referred {
                        source: ResourceType::LIST,
                        param: Param(item.number),
                        clause: Box::new(Clause::Id(id.to_owned())),
                    })
                });
            }
            _ => {}
        }
        let param = self.param(kind, code)?;
        if modifier == "missing" {
            return missing(param, name, value);
        }
        let clause = self.values(param, name, modifier, value)?;
        self.cost.add(cost::of(&clause))?;
        Ok(clause)
    }

    /// The parameter `code` of `kind`.
    pub fn param(&self, kind: ResourceType, code: &str) -> Result<&'static SearchParam, Wrong> {
        if let Some(param) = definitions::r4().param(kind.name(), code) {
            return Ok(param);
        }
        self.missed.set(true);
        let unknown = || Wrong::Unknown(format!("`{}` has no search parameter `{code}`", kind.name()));
        let custom = self.customs.find(kind, code).ok_or_else(unknown)?;
        self.used.borrow_mut().push((custom, kind));
        Ok(&custom.param)
    }

    /// The references of `kind` that others defined, which are asked by from now on.
    pub fn own_references(&self, kind: ResourceType) -> Vec<&'static SearchParam> {
        self.missed.set(true);
        let own = self.customs.of_type(kind).filter(|custom| custom.param.kind == ParamKind::Reference);
        let own: Vec<Used> = own.map(|custom| (custom, kind)).collect();
        self.used.borrow_mut().extend(&own);
        own.into_iter().map(|(custom, _)| &custom.param).collect()
    }

    fn id(&self, value: &str, modifier: &str, name: &str) -> Result<Clause, Refusal> {
        if !modifier.is_empty() {
            return Err(no_modifier(name, modifier));
        }
        Ok(Clause::Id(plain(value)))
    }

    fn values(&self, param: &SearchParam, name: &str, modifier: &str, value: &str) -> Made {
        if param.kind == ParamKind::Token && matches!(modifier, "not" | "not-in") {
            let positive = if modifier == "not" { "" } else { "in" };
            let any = each(value, name, |v| self.value(param, name, positive, v))?;
            return Ok(Clause::Not(Box::new(any)));
        }
        each(value, name, |v| self.value(param, name, modifier, v))
    }

    fn value(&self, param: &SearchParam, name: &str, modifier: &str, value: &str) -> Result<Clause, Refusal> {
        self.closed(param, name, modifier, value).map(unions::opened)
    }

    /// The same, where a parameter that is two others is still itself.
    fn closed(&self, param: &SearchParam, name: &str, modifier: &str, value: &str) -> Result<Clause, Refusal> {
        let number = Param(param.number);
        let modifier = if modifier == SAME && param.kind != ParamKind::String { "" } else { modifier };
        match param.kind {
            ParamKind::Token => self.token(number, name, modifier, value),
            ParamKind::String => match modifier {
                "" => Ok(text(number, TextTest::Starts(words(name, value)?))),
                "contains" => Ok(text(number, TextTest::Contains(words(name, value)?))),
                // `_filter` alone asks so.
                ENDS => Ok(text(number, TextTest::Ends(words(name, value)?))),
                SAME => Ok(text(number, TextTest::Same(words(name, value)?))),
                "exact" => Ok(text(number, TextTest::Exact(mach_base::text::nfc(&plain(value))))),
                _ => Err(no_modifier(name, modifier)),
            },
            ParamKind::Uri => uri(number, name, modifier, &plain(value)),
            ParamKind::Date if modifier.is_empty() => {
                Ok(Clause::Date { param: number, range: moment::date_range(value).map_err(|r| r.at(name))? })
            }
            ParamKind::Number if modifier.is_empty() => {
                let (range, _) = moment::number_range(value).map_err(|r| r.at(name))?;
                Ok(Clause::Quantity { param: number, range, system: None, unit: None })
            }
            ParamKind::Quantity if modifier.is_empty() => units::quantity(number, name, value, false),
            ParamKind::Reference => self.reference(param, name, modifier, value),
            ParamKind::Composite if modifier.is_empty() => self.composite(param, name, value),
            ParamKind::Special if param.code == "near" && modifier.is_empty() => near::near(number, name, value),
            ParamKind::Special => Err(Refusal::unsupported(format!("`{name}` is not supported")).at(name)),
            ParamKind::Date | ParamKind::Number | ParamKind::Quantity | ParamKind::Composite => {
                Err(no_modifier(name, modifier))
            }
        }
    }

    fn token(&self, param: Param, name: &str, modifier: &str, value: &str) -> Result<Clause, Refusal> {
        match modifier {
            "" => token(param, name, value),
            "text" => Ok(Clause::Text { param, test: TextTest::Starts(words(name, value)?), shown: true }),
            "of-type" => {
                let parts: Vec<String> = split(value, '|').iter().map(|p| plain(p)).collect();
                let [system, code, number] = parts.as_slice() else {
                    return Err(Refusal::invalid(format!("`{name}`: write `type-system|type-code|value`")).at(name));
                };
                Ok(Clause::Token {
                    param,
                    system: Some(system.clone()),
                    code: Some(format!("{code}|{number}")),
                    second: true,
                })
            }
            "in" => self.terms.within(param, name, value, self.base),
            "above" | "below" => self.terms.around(param, name, value, modifier == "below"),
            _ => Err(no_modifier(name, modifier)),
        }
    }

    fn reference(&self, param: &SearchParam, name: &str, modifier: &str, value: &str) -> Result<Clause, Refusal> {
        let number = Param(param.number);
        let value = plain(value);
        match modifier {
            "identifier" => {
                let (system, code) = system_and_code(name, &value)?;
                Ok(tokens(number, system, code, true))
            }
            "" => Ok(self.target(param, &value)),
            of_type => {
                let kind = ResourceType::parse(of_type).ok_or_else(|| no_modifier(name, modifier))?;
                let id = value.strip_prefix(&format!("{of_type}/")).unwrap_or(&value);
                if id.contains('/') {
                    return Err(Refusal::invalid(format!("`{name}`: `{value}` is no id of a {of_type}")).at(name));
                }
                Ok(Clause::Reference { param: number, target: Some(kind), id: id.to_owned() })
            }
        }
    }

    fn target(&self, param: &SearchParam, value: &str) -> Clause {
        let number = Param(param.number);
        let here = value.strip_prefix(self.base).and_then(|r| r.strip_prefix('/')).unwrap_or(value);
        if let Some(target) = Target::read(here)
            && target.base.is_empty()
            && let Some(kind) = target.kind.and_then(ResourceType::parse)
        {
            return Clause::Reference { param: number, target: Some(kind), id: target.id.to_owned() };
        }
        let url = Clause::Url { param: number, url: here.to_owned() };
        if here.contains([':', '/']) {
            return url;
        }
        let ids = self.targets(param).into_iter().map(|kind| Clause::Reference {
            param: number,
            target: Some(kind),
            id: here.to_owned(),
        });
        let mut any: Vec<Clause> = match param.targets.len() {
            0..=12 => ids.collect(),
            _ => vec![Clause::Reference { param: number, target: None, id: here.to_owned() }],
        };
        if any.len() == 1 {
            return any.remove(0);
        }
        any.push(url);
        Clause::Any(any)
    }

    /// The types a reference parameter may point to.
    pub fn targets(&self, param: &SearchParam) -> Vec<ResourceType> {
        let mut types: Vec<ResourceType> = Vec::new();
        for name in &param.targets {
            match ResourceType::parse(name) {
                Some(kind) => types.push(kind),
                None => return ResourceType::all().collect(),
            }
        }
        if types.is_empty() { ResourceType::all().collect() } else { types }
    }

    fn composite(&self, param: &SearchParam, name: &str, value: &str) -> Result<Clause, Refusal> {
        let parts = split(value, '$');
        let wanted = param.components.len();
        if parts.len() != wanted || !matches!(wanted, 2 | 3) {
            let how = format!("`{name}`: write {wanted} values with `$` between them");
            return Err(Refusal::invalid(how).at(name));
        }
        let mut components = Vec::with_capacity(wanted);
        for (url, _) in &param.components {
            let component = self.definitions.params.iter().find(|p| p.url == *url);
            components
                .push(component.ok_or_else(|| Refusal::unsupported(format!("`{name}` is not supported")).at(name))?);
        }
        let number = Param(param.number);
        let mut any = Vec::new();
        // A value may be told as several ways to the same thing: an id as that of several types, a unit as others.
        for first in alternatives(self.closed(components[0], name, "", &parts[0])?) {
            let (system, code) = match first {
                Clause::Token { system, code: Some(code), .. } => (system, code),
                Clause::Reference { target, id, .. } => (target.map(|kind| kind.name().to_owned()), id),
                Clause::Url { .. } => continue,
                _ => return Err(Refusal::invalid(format!("`{name}`: the first value must be a code")).at(name)),
            };
            if wanted == 3 {
                let range = |n: usize| moment::number_range(&parts[n]).map(|(range, _)| range).map_err(|r| r.at(name));
                any.push(Clause::Triple { param: number, system, code, first: range(1)?, second: range(2)? });
                continue;
            }
            let second = match components[1].kind {
                ParamKind::Quantity => units::quantity(number, name, &parts[1], true)?,
                _ => self.closed(components[1], name, "", &parts[1])?,
            };
            for second in alternatives(second) {
                let (system, code) = (system.clone(), code.clone());
                any.push(Clause::Pair { param: number, system, code, second: Box::new(second) });
            }
        }
        Ok(one_or_any(any))
    }

    /// `subject:Patient.name=x`.
    fn chain(&self, kind: ResourceType, (head, rest): (&str, &str), value: &str, depth: usize) -> Made {
        let (code, of_type) = head.split_once(':').unwrap_or((head, ""));
        let param = self.param(kind, code)?;
        if param.kind != ParamKind::Reference {
            return Err(Refusal::invalid(format!("`{code}` is no reference and has no `.{rest}`")).at(head).into());
        }
        let targets = match of_type {
            "" => self.targets(param),
            name => {
                let named = ResourceType::parse(name)
                    .ok_or_else(|| Refusal::invalid(format!("`{name}` is no resource type")).at(head))?;
                if !self.targets(param).contains(&named) {
                    return Err(Refusal::invalid(format!("`{code}` never refers to a {name}")).at(head).into());
                }
                vec![named]
            }
        };
        let mut any = Vec::new();
        let mut wrong = None;
        for target in targets {
            match self.nested(target, rest, value, depth + 1) {
                Ok(clause) => any.push(Clause::Chain { param: Param(param.number), target, clause: Box::new(clause) }),
                Err(Wrong::Unknown(text)) => wrong = wrong.or(Some(Wrong::Unknown(text))),
                // What is wrong with the value is wrong for one target's parameter; another may read it.
                Err(refused) => wrong = Some(refused),
            }
        }
        match wrong {
            Some(wrong) if any.is_empty() => Err(wrong),
            _ => Ok(one_or_any(any)),
        }
    }

    /// `_has:Observation:patient:code=x`, the part after the first colon.
    fn has(&self, kind: ResourceType, text: &str, value: &str, depth: usize) -> Made {
        let mut parts = text.splitn(3, ':');
        let (Some(source), Some(code), Some(rest)) = (parts.next(), parts.next(), parts.next()) else {
            let how = format!("`_has:{text}`: write `_has:Type:reference:parameter`");
            return Err(Refusal::invalid(how).at("_has").into());
        };
        let source = ResourceType::parse(source)
            .ok_or_else(|| Refusal::invalid(format!("`{source}` is no resource type")).at("_has"))?;
        let param = self.param(source, code)?;
        if param.kind != ParamKind::Reference || !self.targets(param).contains(&kind) {
            let how = format!("`{}.{code}` never refers to a {}", source.name(), kind.name());
            return Err(Refusal::invalid(how).at("_has").into());
        }
        let clause = Box::new(self.nested(source, rest, value, depth + 1)?);
        Ok(Clause::Referred { source, param: Param(param.number), clause })
    }

    /// What places a resource of type `kind` in the compartment of some Patient; `None` where that type is never in one.
    pub fn of_someone(&self, kind: ResourceType) -> Option<Clause> {
        if kind == ResourceType::PATIENT {
            return Some(Clause::EVERYTHING);
        }
        let params = self.definitions.compartment("Patient", kind.name())?.iter();
        let any = params.filter_map(|code| self.definitions.param(kind.name(), code)).map(|p| Clause::Chain {
            param: Param(p.number),
            target: ResourceType::PATIENT,
            clause: Box::new(Clause::EVERYTHING),
        });
        Some(one_or_any(any.collect()))
    }

    /// What places a resource of type `kind` in the compartment of `of`/`id`; `None` where that type is never in it.
    pub fn compartment(&self, of: &str, id: &str, kind: ResourceType) -> Option<Clause> {
        let target = ResourceType::parse(of)?;
        let params = self.definitions.compartment(of, kind.name());
        let mut any: Vec<Clause> = params
            .unwrap_or_default()
            .iter()
            .filter_map(|code| self.definitions.param(kind.name(), code))
            .map(|p| Clause::Reference { param: Param(p.number), target: Some(target), id: id.to_owned() })
            .collect();
        if kind == target {
            any.push(Clause::Id(id.to_owned()));
        } else if params.is_none() {
            return None;
        }
        Some(one_or_any(any))
    }
}

fn alternatives(clause: Clause) -> Vec<Clause> {
    match clause {
        Clause::Any(of) => of,
        one => vec![one],
    }
}

/// One clause, or any of several.
pub fn one_or_any(mut any: Vec<Clause>) -> Clause {
    if any.len() == 1 { any.remove(0) } else { Clause::Any(any) }
}

fn each(value: &str, name: &str, read: impl Fn(&str) -> Result<Clause, Refusal>) -> Made {
    let mut any = Vec::new();
    for part in split(value, ',') {
        if part.is_empty() {
            return Err(Refusal::invalid(format!("`{name}` has an empty value between its commas")).at(name).into());
        }
        any.push(read(&part)?);
        if any.len() > limits::FHIR_CLAUSES {
            return Err(Refusal::too_costly(format!("more than {} values", limits::FHIR_CLAUSES)).at(name).into());
        }
    }
    Ok(one_or_any(any))
}

/// 400: the parameter has no such modifier here.
pub fn no_modifier(name: &str, modifier: &str) -> Refusal {
    let (modifier, name) = (modifier.trim_start_matches('\u{1}'), name.replace('\u{1}', ""));
    Refusal::unsupported(format!("the modifier `:{modifier}` is not supported on `{name}`")).at(name)
}

fn words(name: &str, value: &str) -> Result<String, Refusal> {
    let value = plain(value);
    if mach_base::text::fold(&value).is_empty() {
        return Err(Refusal::invalid(format!("`{name}`: `{value}` has no letter and no digit")).at(name));
    }
    Ok(value)
}

/// A text of a parameter.
pub fn text(param: Param, test: TextTest) -> Clause {
    Clause::Text { param, test, shown: false }
}
