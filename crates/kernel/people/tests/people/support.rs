//! A store of its own, and a small synthetic population.

use mach_access::{Act, Actor, Decision, decide};
use mach_base::{Day, Minute};
use mach_people::{Birth, Evidence, Resolved, resolve};
use mach_store::sql::Query;
use mach_store::{Store, Tx};
use mach_test_engines::Home;

pub struct Folder {
    pub store: Option<Store>,
    home: Home,
}

impl Folder {
    pub fn new() -> Self {
        let home = mach_test_engines::home!();
        Self { store: Some(home.open()), home }
    }

    /// The same store opened again, as a second process would.
    pub fn again(&self) -> Store {
        self.home.open()
    }

    pub fn decision(act: Act) -> Decision {
        decide(&Actor::console(), act).unwrap()
    }

    pub fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Tx<'_>) -> mach_store::Result<T> + Send + 'static,
    ) -> mach_store::Result<T> {
        self.store.as_ref().unwrap().write(&Self::decision(Act::ReviewPeople), work)
    }

    pub fn read<T>(&self, work: impl FnOnce(&mut dyn Query) -> T) -> T {
        work(&mut self.store.as_ref().unwrap().read(&Self::decision(Act::ReadRecord)).unwrap())
    }

    pub fn resolve(&self, claim: &Claim) -> Resolved {
        let claim = claim.clone();
        self.write(move |tx| Ok(resolve(tx, &claim.evidence())?)).unwrap()
    }
}

/// What a claim says, owned.
#[derive(Clone, Debug, Default)]
pub struct Claim {
    pub facility: i64,
    pub local: String,
    pub national: Option<String>,
    pub insurance: Option<String>,
    pub name: String,
    pub year: i32,
    pub day: Option<Day>,
    pub sex: i64,
    pub phone: Option<String>,
    pub address: String,
    pub seen: i64,
}

impl Claim {
    /// `facility; local; national; insurance; name; birth; sex`.
    pub fn of(text: &str) -> Self {
        let f: Vec<&str> = text.split(';').map(str::trim).collect();
        let known = |t: &str| (!t.is_empty()).then(|| t.to_owned());
        Self {
            facility: f[0].parse().unwrap(),
            local: f[1].to_owned(),
            national: known(f[2]),
            insurance: known(f[3]),
            name: f[4].to_owned(),
            year: f[5].get(..4).map_or(0, |y| y.parse().unwrap()),
            day: Day::parse_iso(f[5]),
            sex: f[6].parse().unwrap(),
            ..Self::default()
        }
    }

    pub fn evidence(&self) -> Evidence<'_> {
        Evidence {
            facility: self.facility,
            local_id: &self.local,
            national_id: self.national.as_deref(),
            insurance_id: self.insurance.as_deref(),
            name: &self.name,
            birth: Birth { year: self.year, day: self.day },
            sex: self.sex,
            phone: self.phone.as_deref(),
            address: &self.address,
            seen: Minute(self.seen),
            ..Evidence::default()
        }
    }
}

/// A small generator (splitmix64): the same seed, the same people.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % n as u64) as usize
    }

    pub fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }
}

pub const SURNAMES: [&str; 8] = ["Nguyễn", "Nguyễn", "Nguyễn", "Trần", "Lê", "Phạm", "Tôn Nữ", "Hồ"];
pub const MIDDLES: [&str; 8] = ["Thị", "Thị", "Văn", "Văn", "Đức", "Ngọc", "Thanh", ""];
pub const GIVEN: [&str; 14] =
    ["Anh", "An", "Ân", "Hoa", "Hòa", "Đức", "Bình", "Nga", "Ngà", "Thảo", "Văn", "Vân", "Xuân", "Yến"];

pub fn random_claim(random: &mut Random, number: usize) -> Claim {
    let name = format!("{} {} {}", random.pick(&SURNAMES), random.pick(&MIDDLES), random.pick(&GIVEN));
    let year = 1940 + random.below(80) as i32;
    Claim {
        facility: 1 + random.below(5) as i64,
        local: format!("BN{number:05}"),
        national: (random.below(10) > 0).then(|| format!("046{:09}", number * 7919 % 1_000_000_000)),
        insurance: (random.below(10) > 1).then(|| format!("46{:08}", number * 104_729 % 100_000_000)),
        name: name.split_whitespace().collect::<Vec<_>>().join(" "),
        year,
        day: Day::from_ymd(year, 1 + random.below(12) as u32, 1 + random.below(28) as u32)
            .filter(|_| random.below(5) > 0),
        sex: 1 + random.below(2) as i64,
        phone: (random.below(2) == 0).then(|| format!("09{:08}", number * 31 % 100_000_000)),
        address: "Tổ 5, phường Thuận Hóa".to_owned(),
        seen: 29_000_000 + number as i64,
    }
}

/// Every row of the tables, as text, sorted.
pub fn dump(on: &mut dyn Query, tables: &[&str]) -> Vec<String> {
    let mut out = Vec::new();
    for table in tables {
        on.each(&format!("SELECT * FROM {table} /* every shard: whole store */"), &[], &mut |row| {
            let mut line = (*table).to_owned();
            for column in 0.. {
                if let Ok(value) = row.opt_int(column) {
                    line.push_str(&format!("|{value:?}"));
                } else if let Ok(value) = row.text(column) {
                    line.push_str(&format!("|{value}"));
                } else if let Ok(value) = row.blob(column) {
                    line.push_str(&format!("|{value:?}"));
                } else {
                    break;
                }
            }
            out.push(line);
            Ok(())
        })
        .unwrap();
    }
    out.sort_unstable();
    out
}
