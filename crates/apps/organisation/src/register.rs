//! The facilities that are set up here, made known to everybody who asks the register: names on pages, who may send doses and
//! claims, whose figures are looked at.

use crate::bodies::{prefix, root_id, system};
use crate::keep::By;
use crate::kinds::Kinds;
use crate::over::own;
use crate::read::{self, codes_of, extension_code, kind_of};
use mach_access::{Act, Actor, decide};
use mach_base::Day;
use mach_base::text::is_facility_code;
use mach_fhir::ResourceType;
use mach_house::follow::{Again, follow};
use mach_house::{Failure, House};
use mach_store::resources;
use mach_store::sql::Query;
use mach_store::{Result, Store};
use mach_terms::{Facilities, Facility};
use mach_ui::Lang;
use mach_ui::http::Problem;
use serde_json::Value;
use std::time::Duration;
use tokio::task::JoinHandle;

/// How long another process may not know what was made here.
const LATE: Duration = Duration::from_secs(300);

/// Rows of the register: one for each code that a facility set up here has, had or will have.
fn rows(on: &mut dyn Query) -> Result<Vec<Facility>> {
    let scope = on.scope();
    let mut out = Vec::new();
    for found in resources::of_prefix(on, (scope, 0), ResourceType::ORGANIZATION, "f")? {
        let Some(code) = found.id.strip_prefix('f').filter(|c| is_facility_code(c)).map(str::to_owned) else {
            continue;
        };
        let body: Value = serde_json::from_str(&found.body).unwrap_or_default();
        let Some(kind) = Kinds::shared().kind(kind_of(Some(&body))) else { continue };
        let (kind, tier, grade) = kind.in_register();
        let until = read::extension(&body, crate::bodies::PERIOD)
            .and_then(|e| Day::parse_iso(e["valuePeriod"]["end"].as_str().unwrap_or_default()));
        let address = own(ResourceType::ORGANIZATION, &body, "address");
        let beds = beds(on, &code)?;
        for held in codes_of(&body).into_iter().filter(|c| c.system == system("facility")) {
            let valid_to = Day::parse_iso(&held.to).into_iter().chain(until).min();
            let valid_from = Day::parse_iso(&held.from).unwrap_or(Day(0));
            if valid_to.is_some_and(|to| to < valid_from) || !is_facility_code(&held.value) {
                continue;
            }
            out.push(Facility {
                code: held.value,
                name: body["name"].as_str().unwrap_or_default().to_owned(),
                kind,
                tier,
                grade,
                beds,
                commune_old: String::new(),
                commune_new: extension_code(address, "urn:mach:extension:commune").to_owned(),
                district_old: String::new(),
                valid_from,
                valid_to,
            });
        }
        debug_assert!(found.id == root_id(&code));
    }
    Ok(out)
}

/// The beds in use of a facility.
fn beds(on: &mut dyn Query, code: &str) -> Result<u32> {
    let scope = on.scope();
    let all = resources::of_prefix(on, (scope, 0), ResourceType::LOCATION, &format!("{}b-", prefix(code)))?;
    let is_used =
        |r: &resources::Resource| serde_json::from_str(&r.body).is_ok_and(|b: Value| crate::bodies::in_use(&b));
    Ok(u32::try_from(all.iter().filter(|r| is_used(r)).count()).unwrap_or(u32::MAX))
}

/// Makes what is stored known.
///
/// # Errors
/// Of the store.
pub fn load(store: &Store) -> Result<()> {
    let decision = decide(&Actor::console(), Act::Administer);
    let decision = decision.map_err(|_| mach_store::Error::Missing("a decision to read the register"))?;
    let made = rows(&mut store.read(&decision)?)?;
    Facilities::know(made);
    Ok(())
}

/// Ends what has passed its last day.
fn let_end(store: &Store) -> Result<()> {
    let decision = decide(&Actor::console(), Act::Administer);
    let decision = decision.map_err(|_| mach_store::Error::Missing("a decision to end facilities"))?;
    let by = By { account: 0, name: "Mạch".to_owned(), lang: Lang::Vi, facility: None };
    store.write(&decision, move |tx| crate::acts::let_end(tx, Day::today(), &by)).map(drop)
}

/// The same from a handler that changed something.
pub(crate) async fn refresh(house: &House) -> std::result::Result<(), Problem> {
    let store = house.store().clone();
    let loaded = tokio::task::spawn_blocking(move || load(&store)).await.map_err(Problem::internal)?;
    loaded.map_err(|e| Failure::from(e).0)
}

/// Looks again from time to time: another process may have set one up. Ends when what this gives is aborted.
pub fn watch(store: &Store) -> JoinHandle<()> {
    let its = store.clone();
    follow(store, "the register of facilities", LATE, move || {
        let_end(&its).map_err(|e| e.to_string())?;
        load(&its).map_err(|e| e.to_string())?;
        Ok(Again::After(LATE))
    })
}
