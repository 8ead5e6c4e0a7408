//! The work itself: month by month, facility by facility, file by file.

use std::path::PathBuf;

use crate::calendar::{Day, day_of, month_days, month_name, month_start};
use crate::care::Setting;
use crate::claim::{Claim, Layout};
use crate::defects::Damage;
use crate::desk::serve;
use crate::files::{ClaimFile, directory, style};
use crate::lists::lists;
use crate::manifest::{Defect, Figures, Head, write};
use crate::orders::drug;
use crate::plan::{allot, batches, days_of, draw_days};
use crate::population::Population;
use crate::province::{Facility, Province};
use crate::random::{Chance, mix};
use crate::tally::Tally;
use crate::{Options, Summary, SynthError};

/// Ten-thousandths of a share.
fn share(value: f64) -> u32 {
    (value * 10_000.0).round() as u32
}

/// Sees every claim with its `NGAYLAP` and its damage: tests count again from it.
pub type Watch<'a> = &'a mut dyn FnMut(&Claim, Day, Option<Damage>);

/// Everything that lives through the work.
struct Work<'a> {
    options: &'a Options,
    province: &'a Province,
    people: Population,
    tally: Tally,
    /// The sums after the replacements, where some are written.
    after: Option<Tally>,
    /// Next long-term patient due at each facility.
    due: Vec<usize>,
    defects: Vec<Defect>,
    done: u64,
    summary: Summary,
}

/// One facility in one month.
#[derive(Clone, Copy)]
struct Cell {
    facility: usize,
    month: i32,
    layout: Layout,
    /// Of a thousand claims, how many are long-term returns.
    returns: u32,
}

/// Generates everything; `watch` sees every claim written.
pub fn run(options: &Options, progress: &mut dyn FnMut(u64), watch: Watch) -> Result<Summary, SynthError> {
    let province = Province::read();
    let (from, to) = (options.from.number(), options.to.number());
    let tally = Tally::new(province.facilities.len(), from, to);
    let months = tally.months();
    let plan = allot(&province, from, to, months.clone(), options.dossiers);
    // As many people as give long-term patients about one visit a month.
    let size = (options.dossiers * 45 / 10 / months.len() as u64).clamp(400, options.dossiers.max(400) + 200);
    directory(options.out.clone())?;
    let mut work = Work {
        options,
        province: &province,
        people: Population::settle(&province, size as usize, options.seed, from),
        after: (options.replace > 0.0).then(|| tally.clone()),
        tally,
        due: vec![0; province.facilities.len()],
        defects: Vec::new(),
        done: 0,
        summary: Summary { dossiers: options.dossiers, ..Summary::default() },
    };
    for (month, counts) in months.zip(plan) {
        for (facility, count) in counts.into_iter().enumerate().filter(|&(_, count)| count > 0) {
            work.cell(facility, month, count, progress, watch)?;
        }
    }
    progress(options.dossiers);
    work.finish()
}

/// Whether a facility sent layout 130 while others still sent 4210.
fn pilot(facility: &Facility) -> bool {
    matches!(facility.code, "46001" | "46013" | "46015" | "46108" | "46117")
}

impl Work<'_> {
    fn cell(
        &mut self,
        facility: usize,
        month: i32,
        count: u64,
        progress: &mut dyn FnMut(u64),
        watch: Watch,
    ) -> Result<(), SynthError> {
        let here = &self.province.facilities[facility];
        let (from, to) = (self.options.from.number(), self.options.to.number());
        let mut chance = Chance::new(self.options.seed, mix(month as u64, 101), facility as u64);
        let days = draw_days(here.kind, days_of(month, from, to), count, &mut chance);
        let layout = Layout::on(month_start(month), pilot(here));
        let cell = Cell { facility, month, layout, returns: self.returns(facility, count) };
        let folder = directory(self.options.out.join(here.code).join(month_name(month)))?;
        let first_style = style(facility, &mut chance);
        let mut file = ClaimFile::new(self.province, facility, from, first_style);
        let again = month_start(month) + month_days(month) + 15;
        let mut replacement = ClaimFile::new(self.province, facility, again, first_style);
        let mut serial = 0;
        for (place, batch) in batches(&days, &mut chance).into_iter().enumerate() {
            file.restart(batch.written, style(facility, &mut chance));
            for left in batch.days {
                serial += 1;
                let claim = self.claim(cell, left, serial, &mut chance);
                self.enter(&claim, batch.written, (&mut file, &mut replacement), &mut chance, watch);
                self.done += 1;
                if self.done.is_multiple_of(200) {
                    progress(self.done);
                }
            }
            file.save(&folder.join(format!("HS_{}_{}_{:03}.xml", here.code, month_name(month), place + 1)))?;
            self.summary.files += 1;
        }
        if replacement.claims() > 0 {
            let folder = directory(self.options.out.join("replacements"))?;
            replacement.save(&folder.join(format!("TT_{}_{}.xml", here.code, month_name(month))))?;
        }
        Ok(())
    }

    /// How many of a thousand visits are returns: what the kind of facility sees, as far as it has such patients.
    fn returns(&self, facility: usize, count: u64) -> u32 {
        let patients = self.people.chronic[facility].len() as u64;
        let usual = match self.province.facilities[facility].letter {
            'S' => 400,
            'G' => 340,
            'M' => 760,
            'P' => 560,
            'C' => 450,
            _ => 0,
        };
        usual.min((patients * 1_000).checked_div(count).unwrap_or(0)) as u32
    }

    fn claim(&mut self, cell: Cell, left: Day, serial: u64, chance: &mut Chance) -> Claim {
        let setting = Setting {
            province: self.province,
            facility: cell.facility,
            layout: cell.layout,
            earliest: self.options.from.number(),
            left,
        };
        let patients = &self.people.chronic[cell.facility];
        let due = if !patients.is_empty() && chance.in_ten_thousand(cell.returns * 10) {
            let next = self.due[cell.facility];
            self.due[cell.facility] = next + 1;
            Some(patients[next % patients.len()])
        } else {
            None
        };
        let mut claim = serve(&mut self.people, &setting, due, chance);
        let code = self.province.facilities[cell.facility].code;
        claim.link = format!("{code}{}{serial:05}", month_name(cell.month).replace('-', ""));
        claim
    }

    fn enter(
        &mut self,
        claim: &Claim,
        written: Day,
        files: (&mut ClaimFile, &mut ClaimFile),
        chance: &mut Chance,
        watch: Watch,
    ) {
        let (file, replacement) = files;
        let damaged = chance.in_ten_thousand(share(self.options.defects));
        let damage = damaged.then(|| Damage::choose(claim, chance));
        file.add(claim, &self.people, damage);
        self.summary.lines += claim.lines() as u64;
        watch(claim, written, damage);
        if let Some(damage) = damage {
            let (kind, hint) = damage.names();
            let facility = self.province.facilities[claim.facility].code;
            self.defects.push(Defect { facility, link: claim.link.clone(), kind, hint });
            self.summary.defects += 1;
            self.each_tally(|tally, _| tally.refuse(claim.facility, day_of(claim.left)));
            return;
        }
        self.each_tally(|tally, province| tally.accept(province, claim, written, 1));
        if chance.in_ten_thousand(share(self.options.replace)) {
            self.replace(claim, written, replacement);
        }
    }

    fn each_tally(&mut self, mut count: impl FnMut(&mut Tally, &Province)) {
        count(&mut self.tally, self.province);
        if let Some(after) = &mut self.after {
            count(after, self.province);
        }
    }

    /// Writes the claim once more with one more medicine.
    fn replace(&mut self, claim: &Claim, written: Day, file: &mut ClaimFile) {
        let Some(after) = &mut self.after else { return };
        let again = file.written();
        let mut new = claim.clone();
        let more = lists().drugs.iter().position(|d| d.id == "amox").unwrap_or(0);
        let ordered = new.drugs.last().map_or(new.left - 1, |line| line.ordered);
        drug(&mut new, more, 5, ordered, *claim.departments.last().unwrap_or(&1));
        let station = self.province.facilities[claim.facility].kind == crate::province::FacilityKind::Station;
        new.settle(station);
        after.accept(self.province, claim, written, -1);
        after.accept(self.province, &new, again, 1);
        file.add(&new, &self.people, None);
        self.summary.replaced += 1;
    }

    fn finish(mut self) -> Result<Summary, SynthError> {
        self.summary.people = self.people.people.iter().filter(|person| person.seen).count() as u64;
        let head = Head {
            dossiers: self.summary.dossiers,
            people: self.summary.people,
            seed: self.options.seed,
            days: (self.options.from.to_string(), self.options.to.to_string()),
            files: self.summary.files,
        };
        let save = |name: &str, tally: &Tally| {
            let path: PathBuf = self.options.out.join(name);
            let figures = Figures { province: self.province, tally };
            write(&path, &head, &figures, &self.defects).map_err(|cause| SynthError::File { path, cause })
        };
        save("manifest.json", &self.tally)?;
        if let Some(after) = &self.after {
            save("manifest-after-replacements.json", after)?;
        }
        Ok(self.summary)
    }
}
