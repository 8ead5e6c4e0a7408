//! A search as asked: what is looked for, in which order, what comes with it, and what stands in `self`.

use crate::clauses::{Reading, Wrong, no_modifier};
use crate::cost;
use crate::custom::{Customs, Used};
use crate::filter;
use crate::includes::include;
pub use crate::includes::{Include, references};
use crate::query::{Pair, join};
use crate::refusal::Refusal;
use crate::render::Shape;
use crate::token::PageToken;
use crate::unions;
use mach_base::limits;
use mach_fhir::ResourceType;
use mach_fhir::definitions::ParamKind;
use mach_fhir::index::Param;
use mach_store::search::{Clause, Key, Order, Sort};
use mach_store::sql::Query;

/// What is done with a parameter that a type does not have. `Prefer: handling`, R4 §3.1.1.3.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Handling {
    /// Left out, and absent from `self`.
    #[default]
    Lenient,
    /// Refused with 400.
    Strict,
}

/// How exactly the number of matches is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Total {
    /// Not at all.
    None,
    /// Exactly where few rows tell it; left out where counting would cost more than the page.
    Usual,
    /// Exactly.
    Accurate,
}

/// Where a search looks.
#[derive(Clone, Debug)]
pub enum Place {
    /// A type.
    Type(ResourceType),
    /// All types.
    System,
    /// A compartment (`Patient`, id), one type or all.
    Compartment(String, String, Option<ResourceType>),
    /// The compartments of all Patients.
    Everyone,
}

impl Place {
    /// Whether a search here, by these parameters, looks for people: by what they are called or numbered, or by way of them.
    pub fn finds_people(&self, pairs: &[Pair]) -> bool {
        let here = match self {
            Self::Type(kind) => {
                matches!(*kind, ResourceType::PATIENT | ResourceType::PERSON | ResourceType::RELATED_PERSON)
            }
            Self::System | Self::Everyone => true,
            // Whose compartment it is was known.
            Self::Compartment(..) => false,
        };
        here || pairs.iter().any(|p| p.name.contains('.') || p.name.starts_with("_has:"))
    }
}

/// A search.
#[derive(Clone, Debug)]
pub struct Search {
    /// Types and what must hold of each. Types of which nothing can match are left out.
    pub asked: Vec<(ResourceType, Clause)>,
    /// Order; empty is that of the versions.
    pub sorts: Vec<Sort>,
    /// Matches a page; 0 asks for the count alone.
    pub count: usize,
    /// Total.
    pub total: Total,
    /// What comes along.
    pub includes: Vec<Include>,
    /// How resources are shown.
    pub shape: Shape,
    /// Words that must stand in narrative (`_text`) or anywhere (`_content`), folded.
    pub words: Vec<(Anywhere, String)>,
    /// The parameters of others that it asks by: resources must have been read for them.
    pub customs: Vec<Used>,
    /// Where the page before ended.
    pub page: Option<PageToken>,
    /// The parameters that were understood: `self`.
    pub own: Vec<Pair>,
    /// This server's URL.
    pub base: String,
    /// What was not, for the log and for `handling=strict`.
    pub ignored: Vec<String>,
}

/// Where words are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anywhere {
    /// In the narrative.
    Narrative,
    /// In the whole resource.
    Content,
}

impl Search {
    /// Reads a search.
    ///
    /// # Errors
    /// 400 where a parameter cannot be read or is not supported; where `handling` is strict, also where one is unknown.
    pub fn read(reading: &Reading<'_>, place: &Place, pairs: &[Pair], handling: Handling) -> Result<Self, Refusal> {
        let named = named_types(pairs)?;
        let types = types_of(place, named.as_deref());
        let mut search = Self {
            asked: Vec::new(),
            sorts: Vec::new(),
            count: limits::FHIR_PAGE_DEFAULT,
            total: Total::Usual,
            includes: Vec::new(),
            shape: Shape::default(),
            words: Vec::new(),
            customs: Vec::new(),
            page: None,
            own: Vec::new(),
            base: reading.base.to_owned(),
            ignored: Vec::new(),
        };
        let mut clauses: Vec<(ResourceType, Vec<Clause>)> = Vec::new();
        for kind in &types {
            let mut within = match place {
                Place::Compartment(of, id, _) => match reading.compartment(of, id, *kind) {
                    Some(clause) => vec![clause],
                    None => continue,
                },
                Place::Everyone => match reading.of_someone(*kind) {
                    Some(clause) => vec![clause],
                    None => continue,
                },
                _ => Vec::new(),
            };
            // One type is looked in; others that `_type` names are not there.
            if named.as_ref().is_some_and(|named| !named.contains(kind)) {
                within = vec![Clause::NOTHING];
            }
            clauses.push((*kind, within));
        }
        let mut includes = Vec::new();
        for pair in pairs {
            match search.control(pair, &mut includes)? {
                Control::Taken => search.own.push(pair.clone()),
                Control::Unsaid => {}
                Control::Clause => match add(reading, &mut clauses, pair) {
                    Ok(()) => search.own.push(pair.clone()),
                    Err(Wrong::Unknown(text)) => search.ignored.push(text),
                    Err(Wrong::Refused(refusal)) => return Err(refusal),
                },
            }
        }
        for (pair, sort) in pairs.iter().filter(|p| p.name == "_sort").map(|p| (p, &p.value)) {
            match sorts(reading, &types, sort) {
                Ok(sorts) => {
                    search.sorts.extend(sorts);
                    search.own.push(pair.clone());
                }
                Err(Wrong::Unknown(text)) => search.ignored.push(text),
                Err(Wrong::Refused(refusal)) => return Err(refusal),
            }
        }
        if search.sorts.len() > limits::FHIR_SORTS {
            let text = format!("more than {} parts to sort by", limits::FHIR_SORTS);
            return Err(Refusal::too_costly(text).at("_sort"));
        }
        for pair in includes {
            match include(reading, &types, &pair) {
                Ok(include) => {
                    search.includes.push(include);
                    search.own.push(pair);
                }
                Err(Wrong::Unknown(text)) => search.ignored.push(text),
                Err(Wrong::Refused(refusal)) => return Err(refusal),
            }
        }
        // Whatever stands beside it: of a count there are no entries.
        if search.own.iter().any(|p| p.name == "_summary" && p.value == "count") {
            (search.count, search.total) = (0, Total::Accurate);
        }
        if let (Handling::Strict, Some(text)) = (handling, search.ignored.first()) {
            return Err(Refusal::invalid(text.clone()));
        }
        if !search.page_is_its_own() {
            return Err(Refusal::invalid("`_page` belongs to a search of another `_sort`").at("_page"));
        }
        search.customs = reading.used();
        search.asked = clauses.into_iter().map(|(kind, all)| (kind, Clause::All(all))).collect();
        search.asked.iter().try_for_each(|(_, clause)| cost::bounded(clause))?;
        Ok(search)
    }

    /// Reads a search; where it names what R4 does not have, once more with what the asker's own parameters say.
    ///
    /// # Errors
    /// As `read`, and of the store.
    pub fn read_on(
        reading: Reading<'_>,
        on: &mut dyn Query,
        place: &Place,
        pairs: &[Pair],
        handling: Handling,
    ) -> Result<Self, Refusal> {
        let read = Self::read(&reading, place, pairs, handling);
        if !reading.missed() {
            return read;
        }
        let scope = on.scope();
        let customs = Customs::all(on, scope)?;
        if customs.is_empty() { read } else { Self::read(&reading.with(customs), place, pairs, handling) }
    }

    /// Takes a parameter that is not about what is found.
    fn control(&mut self, pair: &Pair, includes: &mut Vec<Pair>) -> Result<Control, Refusal> {
        let value = pair.value.as_str();
        let wrong = || Refusal::invalid(format!("`{}` cannot be `{value}`", pair.name)).at(pair.name.clone());
        let (base, modifier) = pair.name.split_once(':').unwrap_or((&pair.name, ""));
        if !modifier.is_empty() && PLAIN.contains(&base) {
            return Err(no_modifier(base, modifier));
        }
        match base {
            "_format" | "_pretty" => {
                self.shape.pretty |= base == "_pretty" && value == "true";
                return Ok(Control::Taken);
            }
            "_count" => {
                let count: usize = value.parse().map_err(|_| wrong())?;
                self.count = count.min(limits::FHIR_PAGE);
                if count == 0 {
                    self.total = Total::Accurate;
                }
            }
            "_total" => {
                self.total = match value {
                    "none" => Total::None,
                    "accurate" => Total::Accurate,
                    "estimate" => Total::Usual,
                    _ => return Err(wrong()),
                }
            }
            "_summary" => {
                if value != "count" {
                    self.shape.summary(value).ok_or_else(wrong)?;
                }
            }
            "_elements" => {
                self.shape.elements.extend(value.split(',').filter(|e| !e.is_empty()).map(str::to_owned));
            }
            "_contained" if value == "false" => {}
            "_contained" | "_containedType" => {
                return Err(
                    Refusal::unsupported("contained resources are not searched for themselves").at("_contained")
                );
            }
            "_query" => return Err(Refusal::unsupported("there are no named queries here").at("_query")),
            "_score" => {
                return Err(
                    Refusal::unsupported("matches have no score here: words are there or they are not").at("_score")
                );
            }
            "_sort" => return Ok(Control::Unsaid),
            "_include" | "_revinclude" => {
                includes.push(pair.clone());
                return Ok(Control::Unsaid);
            }
            "_type" => {}
            "_text" | "_content" => {
                let place = if base == "_text" { Anywhere::Narrative } else { Anywhere::Content };
                let folded = mach_base::text::fold(value);
                if folded.is_empty() {
                    return Err(wrong());
                }
                self.words.push((place, folded));
            }
            "_page" => {
                self.page = Some(PageToken::read(value)?);
                return Ok(Control::Unsaid);
            }
            _ => return Ok(Control::Clause),
        }
        Ok(Control::Taken)
    }

    /// Whether its page ended by keys of its order.
    fn page_is_its_own(&self) -> bool {
        let fits = |(key, sort): (&Key, &Sort)| match key {
            Key::None => true,
            Key::Int(_) => matches!(sort.order, Order::LastUpdated | Order::Date(_) | Order::Quantity(_)),
            Key::Text(_) => {
                matches!(sort.order, Order::Id | Order::Text(_) | Order::Token(_) | Order::Reference(_))
            }
        };
        self.page.as_ref().is_none_or(|page| {
            page.after.keys.len() == self.sorts.len() && page.after.keys.iter().zip(&self.sorts).all(fits)
        })
    }

    /// The types whose index rows this search looks at: those a search must be able to trust.
    pub fn trusted(&self) -> Vec<ResourceType> {
        let mut types = Vec::new();
        for (kind, clause) in &self.asked {
            looked_at(clause, *kind, &mut types);
            if self.sorts.iter().any(|s| !matches!(s.order, Order::LastUpdated | Order::Id)) {
                types.push(*kind);
            }
        }
        for (source, ..) in self.includes.iter().flat_map(|i| &i.what) {
            types.push(*source);
        }
        types.sort_unstable();
        types.dedup();
        types
    }

    /// The query of `self`.
    pub fn own_query(&self) -> String {
        join(&self.own)
    }
}

/// Parameters about the answer: none has a modifier.
const PLAIN: [&str; 15] = [
    "_format",
    "_pretty",
    "_count",
    "_total",
    "_summary",
    "_elements",
    "_contained",
    "_containedType",
    "_query",
    "_score",
    "_sort",
    "_type",
    "_text",
    "_content",
    "_page",
];

enum Control {
    Taken,
    Unsaid,
    Clause,
}

fn looked_at(clause: &Clause, kind: ResourceType, types: &mut Vec<ResourceType>) {
    match clause {
        Clause::All(of) | Clause::Any(of) => of.iter().for_each(|c| looked_at(c, kind, types)),
        Clause::Not(of) => looked_at(of, kind, types),
        Clause::Id(_) | Clause::LastUpdated(_) | Clause::Type(_) => {}
        Clause::Chain { target, clause, .. } => {
            types.push(kind);
            looked_at(clause, *target, types);
        }
        Clause::Referred { source, clause, .. } => {
            types.push(*source);
            looked_at(clause, *source, types);
        }
        _ => types.push(kind),
    }
}

/// The types that `_type` names, each once; `None` where it does not stand there.
fn named_types(pairs: &[Pair]) -> Result<Option<Vec<ResourceType>>, Refusal> {
    let mut types = Vec::new();
    for name in pairs.iter().filter(|p| p.name == "_type").flat_map(|p| p.value.split(',')) {
        let kind = ResourceType::parse(name)
            .ok_or_else(|| Refusal::invalid(format!("`_type`: `{name}` is no resource type")).at("_type"))?;
        if !types.contains(&kind) {
            types.push(kind);
        }
    }
    Ok(Some(types).filter(|types| !types.is_empty()))
}

fn types_of(place: &Place, named: Option<&[ResourceType]>) -> Vec<ResourceType> {
    match place {
        Place::Type(kind) | Place::Compartment(_, _, Some(kind)) => vec![*kind],
        Place::System | Place::Everyone | Place::Compartment(_, _, None) => {
            named.map_or_else(|| ResourceType::all().collect(), <[_]>::to_vec)
        }
    }
}

fn add(reading: &Reading<'_>, clauses: &mut [(ResourceType, Vec<Clause>)], pair: &Pair) -> Result<(), Wrong> {
    let mut made = Vec::with_capacity(clauses.len());
    for (kind, _) in clauses.iter() {
        made.push(match pair.name.as_str() {
            "_filter" => filter::clause(reading, *kind, &pair.value)?,
            name => reading.clause(*kind, name, &pair.value)?,
        });
    }
    for ((_, all), clause) in clauses.iter_mut().zip(made) {
        all.push(clause);
    }
    Ok(())
}

fn sorts(reading: &Reading<'_>, types: &[ResourceType], value: &str) -> Result<Vec<Sort>, Wrong> {
    let mut sorts = Vec::new();
    for part in value.split(',') {
        let (code, descending) = part.strip_prefix('-').map_or((part, false), |code| (code, true));
        let order = match code {
            "_lastUpdated" => Order::LastUpdated,
            "_id" => Order::Id,
            "" => return Err(Refusal::invalid("`_sort` has an empty part").at("_sort").into()),
            "_score" => return Err(Refusal::unsupported("matches have no score here").at("_sort").into()),
            code => {
                let kind = types.first().copied().unwrap_or(ResourceType::PATIENT);
                let param = reading.param(kind, code)?;
                for other in types.iter().skip(1) {
                    let same = reading.param(*other, code)?;
                    if (same.number, same.kind) != (param.number, param.kind) {
                        let text = format!(
                            "`_sort`: `{code}` of `{}` is another parameter than that of `{}`",
                            other.name(),
                            kind.name()
                        );
                        return Err(Refusal::unsupported(text).at("_sort").into());
                    }
                }
                let number = Param(param.number);
                match param.kind {
                    ParamKind::Date => Order::Date(number),
                    ParamKind::String | ParamKind::Uri => Order::Text(number),
                    ParamKind::Number | ParamKind::Quantity => Order::Quantity(number),
                    ParamKind::Token => Order::Token(number),
                    ParamKind::Reference => Order::Reference(number),
                    ParamKind::Composite | ParamKind::Special => {
                        return Err(Refusal::unsupported(format!("`_sort` by `{code}` is not supported"))
                            .at("_sort")
                            .into());
                    }
                }
            }
        };
        let or = match order {
            Order::Token(param) | Order::Quantity(param) => unions::of(param),
            _ => None,
        };
        let (order, or) = match (order, or) {
            (Order::Token(_), Some([one, or])) => (Order::Token(one), Some(or)),
            (Order::Quantity(_), Some([one, or])) => (Order::Quantity(one), Some(or)),
            (order, _) => (order, None),
        };
        sorts.push(Sort { order, descending, or });
    }
    Ok(sorts)
}
