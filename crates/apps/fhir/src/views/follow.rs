//! Stored views follow the commit log: before one is read, it is brought up to the state it is asked of.

use super::{View, compiled};
use crate::refusal::Refusal;
use crate::render;
use crate::state::{State, own_decision};
use axum::http::StatusCode;
use mach_access::Decision;
use mach_fhir::Tree;
use mach_fhir::view::pack;
use mach_store::views::{self, Changed, Made, Stored};
use mach_store::{Store, resources, search};

/// Versions followed in one transaction.
const TOGETHER: usize = 500;

/// The view, as of a state that is no older than this call. Rows are made for every facility: who reads them sees those
/// of the resources that it may see.
///
/// # Errors
/// Of the store; 404 where the view was deleted meanwhile.
pub fn up_to_date(state: &State, store: &Store, decision: &Decision, view: Stored) -> Result<Stored, Refusal> {
    let own = own_decision()?;
    let seq = search::snapshot(&mut store.read(&own)?)?;
    let _one = state.following();
    let mut view = fresh(store, decision, &view)?;
    if view.seq >= seq {
        return Ok(view);
    }
    let text = view.body.clone();
    let (_, compiled) = compiled(&text)?;
    loop {
        let mut reader = store.read(&own)?;
        let changed = views::changed(&mut reader, &view, seq, TOGETHER)?;
        let live: Vec<i64> = changed.iter().filter(|c| c.live).map(|c| c.rid).collect();
        let found = resources::of_rids(&mut reader, &live)?;
        drop(reader);
        let made: Vec<Made> = found.iter().map(|r| rows_of(&compiled, r)).collect::<Result<_, _>>()?;
        let is_last = changed.len() < TOGETHER;
        let last = changed.last().map_or(view.last, |c: &Changed| c.rid);
        // Until all is followed, the rows are those of no one state, and say so.
        let through = if is_last { seq } else { view.seq };
        let stored = view.clone();
        let moved = store.write(&own, move |tx| tx.follow(&stored, (last, through), &changed, &made))?;
        view = match moved {
            true => Stored { last, seq: through, ..view },
            false => fresh(store, decision, &view)?,
        };
        if view.seq >= seq {
            return Ok(view);
        }
    }
}

fn fresh(store: &Store, decision: &Decision, view: &Stored) -> Result<Stored, Refusal> {
    let found = views::get(&mut store.read(decision)?, decision.scope(), &view.id)?;
    let found = found.filter(|f| f.vid == view.vid);
    let found = found.ok_or_else(|| Refusal::not_found("ViewDefinition", &view.id))?;
    if found.version != view.version {
        let text = format!("`ViewDefinition/{}` was changed meanwhile: ask again", view.id);
        return Err(Refusal::new(StatusCode::CONFLICT, "conflict", text));
    }
    Ok(found)
}

fn rows_of(view: &View, resource: &resources::Resource) -> Result<Made, Refusal> {
    let body = render::with_meta(&resource.body, resource.version, resource.at)?;
    let tree = Tree::parse(body.as_str()).map_err(Refusal::internal)?;
    let facility = resource.facility.unwrap_or(0);
    Ok(match view.rows(&tree) {
        Ok(rows) => Made { rid: resource.rid, facility, failed: false, body: pack(&rows) },
        Err(e) => Made { rid: resource.rid, facility, failed: true, body: e.to_string() },
    })
}
