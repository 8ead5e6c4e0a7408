//! Resources of many types that refer to one: its compartment, asked in one statement.

use super::run::{Hit, One, Wanted};
use super::sql::Builder;
use super::{Ask, Clause, Range, plan};
use crate::Result;
use crate::resources::id_key;
use crate::sql::Query;
use mach_fhir::ResourceType;
use mach_fhir::index::Param;

/// What refers to one resource, by some parameters of some types, and perhaps the resource itself.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Compartment<'a> {
    target: ResourceType,
    id: &'a str,
    /// By which parameter of which type.
    by: Vec<(Param, ResourceType)>,
    itself: bool,
    /// When their versions were written.
    written: Vec<Range>,
}

impl<'a> Compartment<'a> {
    /// The compartment that is asked for, where this is what all types are asked.
    pub(super) fn of(types: &[One<'a>]) -> Option<Self> {
        let mut whole: Option<Self> = None;
        for (kind, clause) in types {
            let part = Self::part(*kind, clause)?;
            match &mut whole {
                None => whole = Some(part),
                Some(whole) => {
                    if (whole.target, whole.id, &whole.written) != (part.target, part.id, &part.written) {
                        return None;
                    }
                    whole.by.extend(part.by);
                    whole.itself |= part.itself;
                }
            }
        }
        whole
    }

    fn part(kind: ResourceType, clause: &'a Clause) -> Option<Self> {
        let mut rest = Vec::new();
        plan::flat(clause, &mut rest);
        let mut written = Vec::new();
        rest.retain(|clause| match clause {
            Clause::LastUpdated(range) => {
                written.push(*range);
                false
            }
            _ => true,
        });
        let any: &[Clause] = match rest.as_slice() {
            [Clause::Any(of)] => of,
            [one] => std::slice::from_ref(*one),
            _ => return None,
        };
        let (mut of, mut by, mut itself) = (None, Vec::new(), None);
        for clause in any {
            match clause {
                Clause::Reference { param, target: Some(target), id } => {
                    if of.is_some_and(|of| of != (*target, id.as_str())) {
                        return None;
                    }
                    of = Some((*target, id.as_str()));
                    by.push((*param, kind));
                }
                Clause::Id(id) => itself = Some((kind, id.as_str())),
                _ => return None,
            }
        }
        let (target, id) = of.or(itself)?;
        if itself.is_some_and(|itself| itself != (target, id)) {
            return None;
        }
        Some(Self { target, id, by, itself: itself.is_some(), written })
    }

    /// A page of it in the order of versions, and how many there are.
    pub(super) fn page(
        &self,
        on: &mut dyn Query,
        ask: &Ask,
        Wanted { after, limit, counted }: Wanted<'_>,
    ) -> Result<(Vec<Hit>, Option<i64>)> {
        let mut builder = Builder::new(ask.scope, ask.seq);
        let (target, key) = (self.target.number(), builder.args.int(id_key(self.id)));
        let mut arms = Vec::new();
        if !self.by.is_empty() {
            let pairs: Vec<String> = self.by.iter().map(|(p, kind)| format!("({}, {})", p.0, kind.number())).collect();
            arms.push(format!(
                "SELECT x.rid, x.facility FROM (VALUES {}) v CROSS JOIN index_reference x WHERE x.param = v.column1
                    AND x.type = v.column2 AND x.target = {target} AND x.key = {key}{}",
                pairs.join(", "),
                builder.within("x")
            ));
        }
        if self.itself {
            let id = builder.args.text(self.id.to_owned());
            arms.push(format!(
                "SELECT o.rid, o.facility FROM resource o WHERE o.type = {target} AND o.key = {key} AND o.id = {id}{}",
                builder.within("o")
            ));
        }
        let mut rest = String::new();
        for range in &self.written {
            let clause = Clause::LastUpdated(*range);
            rest.push_str(&format!(" AND {}", builder.condition(&clause, self.target, "r")));
        }
        if let Some(after) = after {
            rest.push_str(&format!(" AND r.rid > {}", builder.args.int(after.rid)));
        }
        let sql = format!(
            "SELECT r.rid FROM ({}) q CROSS JOIN resource r WHERE r.rid = q.rid AND r.facility = q.facility AND {}{rest}{}",
            arms.join(" UNION ALL "),
            builder.there("r"),
            builder.spread()
        );
        // They are put in order here: an engine asked for an order may read a whole table in it. The least are kept.
        let most = limit.max(counted.map_or(0, |n| n + 1));
        let (mut rids, mut cut) = (Vec::new(), false);
        on.each(&sql, &builder.given(&sql), &mut |r| {
            rids.push(r.int(0)?);
            if rids.len() > 2 * most {
                cut |= keep_least(&mut rids, most);
            }
            Ok(())
        })?;
        cut |= keep_least(&mut rids, most);
        let total = counted.filter(|n| !cut && rids.len() <= *n).and_then(|_| i64::try_from(rids.len()).ok());
        rids.truncate(limit);
        Ok((rids.into_iter().map(|rid| Hit { rid, keys: Vec::new() }).collect(), total))
    }
}

/// Puts numbers in order, each once, and keeps the least; true where some were left out.
fn keep_least(rids: &mut Vec<i64>, most: usize) -> bool {
    rids.sort_unstable();
    rids.dedup();
    let cut = rids.len() > most;
    rids.truncate(most);
    cut
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::Compare;

    fn refers(param: u16, id: &str) -> Clause {
        Clause::Reference { param: Param(param), target: Some(ResourceType::PATIENT), id: id.to_owned() }
    }

    #[test]
    fn only_what_all_types_are_asked_alike_is_a_compartment() {
        let range = Range { compare: Compare::Ge, low: 5, high: 5 };
        let itself = Clause::All(vec![Clause::Any(vec![refers(1, "a"), Clause::Id("a".into())])]);
        let others = Clause::All(vec![Clause::Any(vec![refers(2, "a"), refers(3, "a")])]);
        let since = |clause: &Clause| Clause::All(vec![clause.clone(), Clause::LastUpdated(range)]);
        let (patient, observation) = (ResourceType::PATIENT, ResourceType::OBSERVATION);
        let by = vec![(Param(1), patient), (Param(2), observation), (Param(3), observation)];
        let whole = Compartment { target: patient, id: "a", by, itself: true, written: Vec::new() };
        assert_eq!(Compartment::of(&[(patient, &itself), (observation, &others)]), Some(whole));
        let (one, two) = (since(&itself), since(&others));
        let written = Compartment::of(&[(patient, &one), (observation, &two)]).map(|c| c.written);
        assert_eq!(written, Some(vec![range]));
        // Another id, another time, another type's id, another kind of clause: each type is asked by itself.
        let another = Clause::All(vec![refers(2, "b")]);
        assert_eq!(Compartment::of(&[(patient, &itself), (observation, &another)]), None);
        assert_eq!(Compartment::of(&[(patient, &itself), (observation, &two)]), None);
        assert_eq!(Compartment::of(&[(observation, &itself)]), None);
        assert_eq!(Compartment::of(&[(patient, &Clause::EVERYTHING)]), None);
        let token = Clause::Token { param: Param(9), system: None, code: Some("x".into()), second: false };
        let narrowed = Clause::All(vec![others.clone(), token]);
        assert_eq!(Compartment::of(&[(observation, &narrowed)]), None);
    }

    #[test]
    fn the_least_are_kept() {
        let mut rids = vec![5, 1, 5, 3, 1];
        assert!(!keep_least(&mut rids, 3));
        assert_eq!(rids, [1, 3, 5]);
        assert!(keep_least(&mut rids, 2));
        assert_eq!(rids, [1, 3]);
    }
}
