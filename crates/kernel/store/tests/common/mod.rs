//! A store with some of everything in it.

use mach_access::{Act, Actor, Decision, decide};
use mach_fhir::index::Param;
use mach_fhir::{IndexValue, ResourceType};
use mach_store::resources::Put;
use mach_store::{Store, cells, digest, schema};

pub fn console() -> Decision {
    decide(&Actor::console(), Act::Administer).unwrap()
}

/// Thirty transactions of forty resources with facts, files and audit entries.
pub fn fill(store: &Store) {
    for batch in 0..30_i64 {
        let puts = (0..40).map(|n| Put {
            kind: ResourceType::OBSERVATION,
            id: format!("o-{batch}-{n}"),
            body: format!(r#"{{"resourceType":"Observation","valueString":"giá trị {}"}}"#, batch * n),
            patient: (n % 3 > 0).then_some(n),
            date: (n % 4 > 0).then_some(n * 1000),
            facility: Some(1),
            index: vec![IndexValue::Token { param: Param::CODE, system: "s".to_owned(), code: format!("c{n}") }],
        });
        let puts: Vec<Put> = puts.collect();
        store
            .write(&console(), move |tx| {
                schema::facility_id(tx, "46001")?;
                tx.put(&puts)?;
                tx.receive_file("tệp.xml", i64::MIN + batch, None)?;
                let fact = cells::Fact { measure: 1, item: 0, day: mach_base::Day(20_000), value: -5 - batch };
                let mut changes = cells::CellChanges::default();
                changes.set(batch + 1, cells::ClaimFacts::new(1, 0, 0, vec![fact]));
                cells::apply(tx, &changes)?;
                tx.audit(None, "x", "granted")
            })
            .unwrap();
    }
}

/// What the store holds.
pub fn digests(store: &Store) -> Vec<(&'static str, u64, String)> {
    digest::tables(&mut store.read(&console()).unwrap()).unwrap()
}
