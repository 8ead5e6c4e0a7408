//! Writes: what each request means, decided within the transaction that carries it out.
//!
//! Everything that can be refused is refused before the first row is written, so that one entry's refusal needs no
//! savepoint. Conditions (`If-Match`, `If-None-Exist`, `Type?criteria`) are asked inside the transaction: the writer is one,
//! so twenty identical conditional creates are one create and nineteen matches.

use crate::app;
use crate::binary;
pub use crate::body::{Body, Ready, body, is_id, kept, ready};
use crate::caller::{ANY_VERSION, NO_VERSION, facility_of, may_change};
use crate::clauses::Reading;
use crate::custom;
pub use crate::id::new_id;
use crate::patch::Patch;
use crate::query;
use crate::refusal::Refusal;
use crate::search::{Handling, Place, Search};
use crate::subscription;
use axum::http::StatusCode;
use mach_access::Scope;
use mach_access::app::{Need, Right};
use mach_base::limits;
use mach_fhir::ResourceType;
use mach_store::Tx;
use mach_store::resources::{self, Index, Resource, Save};
use mach_store::search::{self, Ask};
use mach_store::sql::Query;
use std::collections::HashMap;

/// Which resource is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// That of this id.
    Id(String),
    /// The one that matches.
    Query(String),
}

/// What is asked.
#[derive(Clone, Debug)]
pub enum Action {
    /// POST.
    Create {
        /// Under the id it gets.
        ready: Ready,
        /// `If-None-Exist`.
        if_none_exist: Option<String>,
    },
    /// PUT.
    Update {
        /// Which.
        target: Target,
        /// As sent.
        body: Body,
        /// With its id, where the target tells one.
        ready: Option<Ready>,
        /// `If-Match`.
        if_match: Option<i64>,
        /// `If-None-Match: *`.
        if_none_match: bool,
    },
    /// PATCH.
    Patch {
        /// Which.
        target: Target,
        /// How.
        patch: Patch,
        /// `If-Match`.
        if_match: Option<i64>,
    },
    /// DELETE.
    Delete {
        /// Which.
        target: Target,
        /// `If-Match`.
        if_match: Option<i64>,
    },
}

/// One write.
#[derive(Clone, Debug)]
pub struct Op {
    /// Resource type.
    pub kind: ResourceType,
    /// What.
    pub action: Action,
}

/// What became of a write.
#[derive(Clone, Debug)]
pub struct Done {
    /// 200, 201 or 204.
    pub status: StatusCode,
    /// Resource type.
    pub kind: ResourceType,
    /// Its id; empty where nothing was meant.
    pub id: String,
    /// The person it belongs to.
    pub patient: Option<i64>,
    /// The version now, without body where it was deleted.
    pub resource: Option<Resource>,
    /// Whether that version came by this write, and was not only found.
    pub written: bool,
    /// Of a deletion of several: the others, with their persons.
    pub also: Vec<(String, Option<i64>)>,
}

/// A write that was decided and not yet written.
#[derive(Debug)]
pub struct Planned {
    done: Done,
    save: Option<Save>,
    /// Of a deletion of several: the others.
    more: Vec<Save>,
}

impl Planned {
    /// Nothing to write: the condition of a create matched.
    pub fn found(found: Resource) -> Self {
        planned(StatusCode::OK, found)
    }

    /// The identities it writes.
    pub fn identities(&self) -> impl Iterator<Item = (ResourceType, &str)> {
        self.save.iter().chain(&self.more).map(|s| (s.kind, s.id.as_str()))
    }

    /// Type and id of what it is about.
    pub fn named(&self) -> (ResourceType, &str) {
        (self.done.kind, &self.done.id)
    }
}

/// What decides writes within one transaction.
pub struct Deciding<'t, 'x> {
    /// The transaction.
    pub tx: &'t mut Tx<'x>,
    /// This server's URL.
    pub base: &'t str,
    /// Whose rows may be seen and written.
    pub scope: Scope,
    /// Persons of Patients already looked up.
    people: HashMap<String, Option<i64>>,
}

impl<'t, 'x> Deciding<'t, 'x> {
    /// Decides writes in `tx`.
    pub fn new(tx: &'t mut Tx<'x>, base: &'t str) -> Self {
        let scope = tx.scope();
        Self { tx, base, scope, people: HashMap::new() }
    }

    /// Decides one write; nothing is written yet.
    ///
    /// # Errors
    /// 403, 404, 409, 412 and those of the search and of the resource.
    pub fn plan(&mut self, op: Op) -> Result<Planned, Refusal> {
        let right = match op.action {
            Action::Create { .. } => Right::Create,
            Action::Update { .. } | Action::Patch { .. } => Right::Update,
            Action::Delete { .. } => Right::Delete,
        };
        // An app is let do this one thing for as long as it is decided.
        let narrower = app::of_write(self.scope, op.kind, right)?;
        let scope = std::mem::replace(&mut self.scope, narrower);
        let planned = self.planned(op);
        self.scope = scope;
        planned
    }

    fn planned(&mut self, op: Op) -> Result<Planned, Refusal> {
        match op.action {
            Action::Create { ready, if_none_exist } => self.create(op.kind, ready, if_none_exist.as_deref()),
            Action::Update { target, body, ready, if_match, if_none_match } => {
                self.update(op.kind, &target, (body, ready), if_match, if_none_match)
            }
            Action::Patch { target, patch, if_match } => self.patch(op.kind, &target, &patch, if_match),
            Action::Delete { target, if_match } => self.delete(op.kind, &target, if_match),
        }
    }

    /// Writes what was decided, in one piece.
    ///
    /// # Errors
    /// Of the store.
    pub fn carry_out(&mut self, planned: Vec<Planned>) -> Result<Vec<Done>, Refusal> {
        let mut planned = planned;
        let mut saves: Vec<Save> = Vec::with_capacity(planned.len());
        let counts: Vec<(bool, usize)> = planned.iter().map(|p| (p.save.is_some(), p.more.len())).collect();
        planned.iter_mut().for_each(|p| saves.extend(p.save.take().into_iter().chain(p.more.drain(..))));
        let saved = self.tx.save(&mut saves)?;
        let mut saved = saves.into_iter().zip(saved);
        let mut done = Vec::with_capacity(planned.len());
        for (mut one, (has, more)) in planned.into_iter().zip(counts) {
            if let Some((save, saved)) = saved.by_ref().take(usize::from(has)).next() {
                one.done.resource = Some(Resource {
                    rid: saved.rid,
                    kind: save.kind,
                    id: save.id,
                    version: saved.version,
                    at: saved.at,
                    date: save.date,
                    facility: Some(save.facility).filter(|f| *f != 0),
                    patient: save.patient,
                    deleted: save.body.is_none(),
                    body: save.body.unwrap_or_default(),
                });
            }
            saved.by_ref().take(more).for_each(drop);
            done.push(one.done);
        }
        Ok(done)
    }

    /// The resources that match, at most `limit`.
    ///
    /// # Errors
    /// 400 where the criteria cannot be read or know nothing of one parameter; 403 where an app may not search for them; 412 where
    /// there are none.
    pub fn matching(&mut self, kind: ResourceType, criteria: &str, limit: usize) -> Result<Vec<Resource>, Refusal> {
        app::may_ask(self.scope, kind)?;
        let pairs = query::pairs(criteria)?;
        if pairs.iter().all(|p| p.name.starts_with('_') && !matches!(p.name.as_str(), "_id" | "_tag" | "_profile")) {
            return Err(Refusal::precondition(format!(
                "`{criteria}` names no resource: a condition needs a parameter"
            )));
        }
        // What is not understood must never widen a condition; an app needs the right to search for one.
        let scope = self.scope.needing(Need::One(Right::Search));
        let reading = Reading::within(self.base, self.tx, scope, &pairs)?;
        let search = Search::read_on(reading, self.tx, &Place::Type(kind), &pairs, Handling::Strict)?;
        indexed(self.tx, &search.trusted())?;
        custom::settle(self.tx, &search.customs)?;
        let ask = Ask { asked: search.asked, scope, seq: self.tx.seq() };
        let hits = search::page(self.tx, &ask, &[], None, limit)?;
        let rids: Vec<i64> = hits.iter().map(|h| h.rid).collect();
        Ok(resources::of_rids(self.tx, &rids)?)
    }

    fn one_matching(&mut self, kind: ResourceType, criteria: &str) -> Result<Option<Resource>, Refusal> {
        let mut found = self.matching(kind, criteria, 2)?;
        if found.len() > 1 {
            return Err(Refusal::several(&format!("{}?{criteria}", kind.name())));
        }
        Ok(found.pop())
    }

    /// The current version of a target, deletions included.
    fn current(&mut self, kind: ResourceType, target: &Target) -> Result<Option<Resource>, Refusal> {
        match target {
            Target::Id(id) => Ok(resources::current(self.tx, self.scope, kind, id)?),
            Target::Query(criteria) => self.one_matching(kind, criteria),
        }
    }

    fn create(&mut self, kind: ResourceType, ready: Ready, condition: Option<&str>) -> Result<Planned, Refusal> {
        if let Some(criteria) = condition
            && let Some(found) = self.one_matching(kind, criteria)?
        {
            return Ok(planned(StatusCode::OK, found));
        }
        self.save(kind, ready, facility_of(self.scope), (StatusCode::CREATED, true))
    }

    fn update(
        &mut self,
        kind: ResourceType,
        target: &Target,
        (body, made): (Body, Option<Ready>),
        if_match: Option<i64>,
        if_none_match: bool,
    ) -> Result<Planned, Refusal> {
        let mut now = self.current(kind, target)?;
        let id = match (target, &now, &body.id) {
            (Target::Id(id), ..) => id.clone(),
            (Target::Query(_), Some(found), Some(own)) if *own != found.id => {
                let text = format!("the resource says id `{own}`, the condition matches another one");
                return Err(Refusal::invalid(text).at(format!("{}.id", kind.name())));
            }
            (Target::Query(_), Some(found), _) => found.id.clone(),
            (Target::Query(_), None, Some(own)) => {
                now = resources::current(self.tx, self.scope, kind, own)?;
                own.clone()
            }
            (Target::Query(_), None, None) => new_id()?,
        };
        let live = now.as_ref().filter(|n| !n.deleted);
        // Who is shown only a part may not choose ids: one that is taken by what is hidden would tell.
        if now.is_none() && matches!(self.scope, Scope::Part(part) if part.hides()) {
            return Err(Refusal::not_found(kind.name(), &id));
        }
        check_version(now.as_ref(), if_match)?;
        if if_none_match && live.is_some() {
            return Err(Refusal::precondition(format!("`{}/{id}` exists", kind.name())));
        }
        may_change(self.scope, now.as_ref())?;
        let ready = match made {
            Some(made) => made,
            None => ready(kind, &body.text, &id, self.base)?,
        };
        let facility = now.as_ref().map_or(facility_of(self.scope), |n| n.facility.unwrap_or(0));
        let status = if live.is_some() { StatusCode::OK } else { StatusCode::CREATED };
        self.save(kind, ready, facility, (status, false))
    }

    fn patch(
        &mut self,
        kind: ResourceType,
        target: &Target,
        patch: &Patch,
        if_match: Option<i64>,
    ) -> Result<Planned, Refusal> {
        let now = self.current(kind, target)?;
        let unknown = || match target {
            Target::Id(id) => Refusal::not_found(kind.name(), id),
            Target::Query(criteria) => Refusal::not_found(kind.name(), &format!("?{criteria}")),
        };
        let now = now.ok_or_else(unknown)?;
        if now.deleted {
            return Err(Refusal::gone(kind.name(), &now.id));
        }
        check_version(Some(&now), if_match)?;
        may_change(self.scope, Some(&now))?;
        let text = crate::patch::apply(patch, &now.body)?;
        // What was stored before shapes were looked at can be mended step by step: `apply` has compared.
        let patched = kept(kind, &text)?;
        if patched.id.as_deref() != Some(now.id.as_str()) {
            return Err(Refusal::unprocessable("business-rule", "a patch must not change the id"));
        }
        let ready = ready(kind, &patched.text, &now.id, self.base)?;
        self.save(kind, ready, now.facility.unwrap_or(0), (StatusCode::OK, false))
    }

    fn delete(&mut self, kind: ResourceType, target: &Target, if_match: Option<i64>) -> Result<Planned, Refusal> {
        let found = match target {
            Target::Id(_) => self.current(kind, target)?.into_iter().collect(),
            Target::Query(criteria) => {
                let found = self.matching(kind, criteria, limits::FHIR_DELETED + 1)?;
                if found.len() > limits::FHIR_DELETED {
                    return Err(Refusal::precondition(format!(
                        "`{}?{criteria}` matches more than {} resources, the most that one request deletes",
                        kind.name(),
                        limits::FHIR_DELETED
                    )));
                }
                if found.len() > 1 && if_match.is_some() {
                    return Err(Refusal::several(&format!("{}?{criteria}", kind.name())));
                }
                found
            }
        };
        check_version(found.first(), if_match)?;
        let id = match (target, found.first()) {
            (Target::Id(id), _) => id.clone(),
            (_, Some(now)) => now.id.clone(),
            _ => String::new(),
        };
        let mut saves = Vec::with_capacity(found.len());
        // Whether it never was, is gone, or is somebody else's: nothing is there after.
        for now in found.into_iter().filter(|n| !n.deleted) {
            may_change(self.scope, Some(&now))?;
            if kind == ResourceType::SEARCH_PARAMETER {
                custom::drop(self.tx, now.facility.unwrap_or(0), &now.id)?;
            }
            saves.push(Save {
                kind,
                id: now.id,
                body: None,
                patient: now.patient,
                date: now.date,
                facility: now.facility.unwrap_or(0),
                fresh: false,
                index: Index::default(),
            });
        }
        let patient = saves.first().and_then(|s| s.patient);
        let also = saves.iter().skip(1).map(|s| (s.id.clone(), s.patient)).collect();
        let done = Done {
            status: StatusCode::NO_CONTENT,
            kind,
            id,
            patient,
            resource: None,
            written: !saves.is_empty(),
            also,
        };
        let mut saves = saves.into_iter();
        Ok(Planned { done, save: saves.next(), more: saves.collect() })
    }

    fn save(
        &mut self,
        kind: ResourceType,
        ready: Ready,
        facility: i64,
        (status, fresh): (StatusCode, bool),
    ) -> Result<Planned, Refusal> {
        let patient = match &ready.extract.patient {
            Some(id) => self.person(id)?,
            // Of a new id nobody is known yet.
            None if kind == ResourceType::PATIENT && !fresh => self.person(&ready.id)?,
            None if kind == ResourceType::BINARY => self.person_of_context(&ready.text)?,
            None => None,
        };
        app::may_keep(self.scope, kind, patient)?;
        if kind == ResourceType::SUBSCRIPTION {
            subscription::keep(self.tx, facility, &ready.id, &ready.headers)?;
        }
        if kind == ResourceType::SEARCH_PARAMETER {
            custom::keep(self.tx, facility, &ready.id, &ready.text)?;
        }
        let done =
            Done { status, kind, id: ready.id.clone(), patient, resource: None, written: true, also: Vec::new() };
        let save = Save {
            kind,
            id: ready.id,
            body: Some(ready.text),
            patient,
            date: ready.extract.date,
            facility,
            fresh,
            index: ready.index,
        };
        Ok(Planned { done, save: Some(save), more: Vec::new() })
    }

    /// The person to whom what a Binary's `securityContext` names belongs: their record is where it lies.
    fn person_of_context(&mut self, text: &str) -> Result<Option<i64>, Refusal> {
        match binary::context_of(text, self.base) {
            None => Ok(None),
            Some((ResourceType::PATIENT, id)) => self.person(&id),
            Some((kind, id)) => {
                let found = resources::current(self.tx, self.scope.of_person(), kind, &id)?;
                Ok(found.and_then(|r| r.patient))
            }
        }
    }

    /// The person of a Patient that the asker may see: writing about a hidden one must not make it known.
    fn person(&mut self, id: &str) -> Result<Option<i64>, Refusal> {
        if let Some(known) = self.people.get(id) {
            return Ok(*known);
        }
        let person = resources::person_of(self.tx, self.scope.of_person(), id)?;
        self.people.insert(id.to_owned(), person);
        Ok(person)
    }
}

/// That searches find every resource of these types; within a transaction there is no waiting.
///
/// # Errors
/// 503.
pub fn indexed(on: &mut dyn Query, kinds: &[ResourceType]) -> Result<(), Refusal> {
    for kind in kinds {
        if resources::pending(on, Some(*kind))? > 0 {
            let text = format!("resources of type `{}` are being indexed: ask again", kind.name());
            let mut refusal = Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "incomplete", text);
            refusal.retry_after = Some(10);
            refusal.unindexed = true;
            return Err(refusal);
        }
    }
    Ok(())
}

fn planned(status: StatusCode, found: Resource) -> Planned {
    let (kind, id, patient) = (found.kind, found.id.clone(), found.patient);
    let done = Done { status, kind, id, patient, resource: Some(found), written: false, also: Vec::new() };
    Planned { done, save: None, more: Vec::new() }
}

fn check_version(now: Option<&Resource>, if_match: Option<i64>) -> Result<(), Refusal> {
    match (now, if_match) {
        (_, None) => Ok(()),
        (Some(now), Some(wanted)) if (now.version == wanted || wanted == ANY_VERSION) && !now.deleted => Ok(()),
        (Some(now), Some(NO_VERSION)) if !now.deleted => Err(Refusal::precondition(format!(
            "`If-Match` asks for no version of this server; it is {} now",
            now.version
        ))),
        (Some(now), Some(wanted)) if !now.deleted => {
            Err(Refusal::precondition(format!("`If-Match` asks for version {wanted}; it is {} now", now.version)))
        }
        _ => Err(Refusal::precondition("`If-Match`: there is no such version now")),
    }
}
