//! A store of random claims with the same facts as a plain list, and the routes on top of it.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use mach_access::{Act, Actor, Decision, Role, decide, secret};
use mach_base::{Day, Grain};
use mach_cube::{CellChanges, ClaimFacts, Definitions, Fact, code_item};
use mach_house::{House, Settings};
use mach_places::{Era, PlaceKey};
use mach_store::accounts::NewAccount;
use mach_store::claims::{NewVersion, State, Summary};
use mach_store::pack::Place;
use mach_store::{Store, cells, schema};
use tower::ServiceExt;

/// The facilities: two centres of one class, a hospital with beds, a station.
pub const FACILITIES: [&str; 4] = ["46016", "46017", "46001", "46150"];
/// The facility of the operator.
pub const OWN: &str = "46016";

pub fn day(text: &str) -> Day {
    Day::parse_iso(text).unwrap()
}

pub fn console() -> Decision {
    decide(&Actor::console(), Act::ReadFigures).unwrap()
}

/// A xorshift: the same province every time.
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, n: i64) -> i64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n as u64) as i64
    }

    pub fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len() as i64) as usize]
    }
}

/// One contribution where it stands.
#[derive(Clone, Debug)]
pub struct Counted {
    pub facility: &'static str,
    pub measure: &'static str,
    pub item: i64,
    pub day: Day,
    pub value: i64,
}

pub struct World {
    _folder: tempfile::TempDir,
    pub store: Store,
    pub app: Router,
    pub counted: Vec<Counted>,
}

/// An answer.
pub struct Got {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Got {
    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    Nobody,
    Leader,
    Operator,
    Clinician,
    Key,
}

impl World {
    /// Routes on an empty store, with an account of each role.
    pub fn empty() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let made = store.write(&console(), |tx| {
            for (code, want) in FACILITIES.into_iter().zip(1..) {
                assert_eq!(schema::facility_id(tx, code)?, want);
            }
            for (name, role, facility) in [
                ("leader", Role::Leader, None),
                ("operator", Role::Operator, Some(1)),
                ("clinician", Role::Clinician, Some(1)),
            ] {
                let display = name.to_owned();
                let new = NewAccount { name: name.to_owned(), display, role, facility, password: String::new() };
                let id = tx.set_account(&new)?;
                tx.begin_session(&secret::token_hash(name), id, mach_store::sessions::State::Open, "test")?;
            }
            tx.add_api_key(&secret::token_hash("key"), 1, "HIS")
        });
        made.unwrap();
        let house = House::new(store.clone(), Settings { demo: true, ..Settings::default() });
        let app = mach_ui::http::serve(mach_hoc::router().with_state(house));
        Self { _folder: folder, store, app, counted: Vec::new() }
    }

    /// The same with `count` random claims from 2024 to 2026-04.
    pub fn filled(count: i64) -> Self {
        let mut world = Self::empty();
        let mut dice = Dice(46);
        let old = ["19774", "19777", "19780", "20035"].map(|c| PlaceKey::new(c, Era::Districts));
        let new = ["19774", "19789", "20035", "00004"].map(|c| PlaceKey::new(c, Era::TwoLevels));
        let communes: Vec<i64> = old.into_iter().chain(new).flatten().map(|k| k.0).chain([0]).collect();
        let mut changes = CellChanges::default();
        let mut claims = Vec::new();
        for id in 1..=count {
            let facility = 1 + dice.below(4);
            let commune = dice.of(&communes);
            let left = Day(day("2024-01-01").0 + dice.below(850) as i32);
            let counted = claim(&mut dice, FACILITIES[facility as usize - 1], left);
            let number = |m: &str| Definitions::shared().measure(m).unwrap().number;
            let facts =
                counted.iter().map(|c| Fact { measure: number(c.measure), item: c.item, day: c.day, value: c.value });
            changes.set(id, ClaimFacts::new(facility, dice.of(&[0, 1, 19]), commune, facts.collect()));
            claims.push((id, facility, left));
            world.counted.extend(counted);
        }
        let write = world.store.write(&console(), move |tx| {
            let file = tx.receive_file("=file.xml", 1, None)?;
            for (id, facility, left) in claims {
                assert_eq!(tx.add_claim_version(None, &version(id, facility, file, left))?.0, id);
                tx.note_freshness(facility, file, left.0.into())?;
            }
            cells::apply(tx, &changes)
        });
        write.unwrap();
        world
    }

    pub async fn get(&self, who: Who, path: &str) -> Got {
        self.ask(who, path, "*/*").await
    }

    pub async fn ask(&self, who: Who, path: &str, accept: &str) -> Got {
        let mut request = Request::get(path).header("accept", accept);
        request = match who {
            Who::Nobody => request,
            Who::Leader => request.header("cookie", "mach_session=leader"),
            Who::Operator => request.header("cookie", "mach_session=operator"),
            Who::Clinician => request.header("cookie", "mach_session=clinician"),
            Who::Key => request.header("authorization", "Bearer key"),
        };
        let answer = self.app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let (parts, body) = answer.into_parts();
        let body = to_bytes(body, 1 << 24).await.unwrap().to_vec();
        Got { status: parts.status, headers: parts.headers, body }
    }

    /// Sum of a measure (`money:1` for one item) over the list.
    pub fn sum(&self, measure: &str, (from, to): (Day, Day), facility: Option<&str>) -> i64 {
        let (id, item) = measure.split_once(':').unwrap_or((measure, ""));
        let item: Option<i64> = item.parse().ok();
        let all = self.counted.iter().filter(|c| c.measure == id && item.is_none_or(|i| i == c.item));
        let all = all.filter(|c| from <= c.day && c.day <= to && facility.is_none_or(|f| f == c.facility));
        all.map(|c| c.value).sum()
    }
}

/// What one claim counts for: a bit of everything, money in whole đồng.
fn claim(dice: &mut Dice, facility: &'static str, left: Day) -> Vec<Counted> {
    let mut out = Vec::new();
    let mut add = |measure, item, day, value| {
        if value != 0 {
            out.push(Counted { facility, measure, item, day, value });
        }
    };
    let inpatient = dice.below(4) == 0;
    let arrived = if inpatient { Day(left.0 - dice.below(9) as i32) } else { left };
    let cost = (1 + dice.below(900_000)) * 100;
    for measure in ["closed", "received"] {
        add(measure, 0, left, 1);
    }
    add("cost", 0, left, cost);
    add("drug_cost", 0, left, cost / 300 * 100);
    (1..=4).for_each(|payer| add("money", payer, left, cost / 400 * 100));
    if inpatient {
        add("admissions", 0, arrived, 1);
        add("discharges", 0, left, 1);
        add("ip_cost", 0, left, cost);
        add("stay_days", 0, left, i64::from(left.0 - arrived.0 + 1));
        (arrived.0..=left.0).for_each(|d| add("bed_days", 0, Day(d), 1));
    } else {
        add("op_visits", 0, arrived, 1);
        add("op_closed", 0, left, 1);
        add("op_cost", 0, left, cost);
        add("wait_minutes", 0, arrived, dice.below(90));
        add("waits", 0, arrived, 1);
        add("op_with_drugs", 0, left, dice.below(2));
    }
    for measure in ["referrals_out", "operations", "emergencies", "notifiable", "injuries", "copd_asthma", "births"] {
        add(measure, 0, arrived, i64::from(dice.below(5) == 0));
    }
    for measure in ["on_time", "with_national_id", "htn_bp", "dm_a1c", "deliveries", "refused"] {
        add(measure, 0, left, i64::from(dice.below(3) == 0));
    }
    let (code, chapter) = dice.of(&[("I10", 9), ("J18", 10), ("E11", 4), ("A09", 1)]);
    add("cases", code_item(code, 3), left, 1);
    add("chapter", chapter, left, 1);
    if dice.below(20) == 0 {
        add("deaths", 0, left, 1);
        add("death_causes", code_item(code, 3), left, 1);
    }
    out
}

fn version(id: i64, facility: i64, file: i64, left: Day) -> NewVersion {
    NewVersion {
        facility,
        link: format!("=LK{id}"),
        keyed: true,
        hash: vec![1],
        state: State::Accepted,
        person: Some(id),
        file,
        position: id,
        layout: "130".into(),
        place: Place { facility, pack: 1, slot: 0 },
        digests: Default::default(),
        refusals: 0,
        warnings: 0,
        counted_day: left.0.into(),
        summary: Summary { main_dx: "J18.9".into(), cost: 100, left_day: Some(left.0.into()), ..Summary::default() },
    }
}

/// Months of the world's data.
pub fn months() -> Vec<(Day, Day)> {
    let first = day("2024-01-01");
    (0..28).map(|i| first.step(Grain::Month, i)).map(|d| (d, d.end_of(Grain::Month))).collect()
}
