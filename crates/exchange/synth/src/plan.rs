//! How many claims each facility closes in each month and on which days: workdays, weekends, holidays, Tết.

use crate::calendar::{Day, month_days, month_start, weekday};
use crate::lists::lists;
use crate::province::{FacilityKind, Province};
use crate::random::Chance;

/// How busy a day is; Monday of an ordinary week is about 100.
pub fn busy(kind: FacilityKind, day: Day) -> u64 {
    const HOSPITAL: [u64; 7] = [106, 101, 98, 98, 97, 56, 38];
    const STATION: [u64; 7] = [108, 102, 100, 98, 94, 34, 10];
    let week = if matches!(kind, FacilityKind::Station | FacilityKind::Clinic) { STATION } else { HOSPITAL };
    let usual = week[weekday(day) as usize];
    let lists = lists();
    let tet = lists.tet.iter().any(|&first| (first - 3..=first + 4).contains(&day));
    match (tet, lists.holiday(day)) {
        // The week of Tết has about two fifths of an ordinary week, whatever its weekdays.
        (true, _) => 34,
        (false, true) => usual.min(40) * 3 / 4,
        (false, false) => usual,
    }
}

/// Claims per month and facility, in that order; their sum is exactly `total`.
pub fn allot(province: &Province, from: Day, to: Day, months: std::ops::Range<i32>, total: u64) -> Vec<Vec<u64>> {
    let first = months.start;
    let weights: Vec<Vec<u64>> = months
        .map(|month| {
            let days = days_of(month, from, to);
            // Three in a hundred more every year.
            let growth = 1_200 + 3 * (month - first) as u64;
            province
                .facilities
                .iter()
                .map(|f| f.weight * growth * days.clone().map(|day| busy(f.kind, day)).sum::<u64>())
                .collect()
        })
        .collect();
    let all: u128 = weights.iter().flatten().map(|&w| u128::from(w)).sum();
    let mut sum: u128 = 0;
    let mut given: u64 = 0;
    weights
        .iter()
        .map(|row| {
            row.iter()
                .map(|&weight| {
                    sum += u128::from(weight);
                    let reached = (u128::from(total) * sum).checked_div(all).unwrap_or(0) as u64;
                    let here = reached - given;
                    given = reached;
                    here
                })
                .collect()
        })
        .collect()
}

/// Days of a month within the range asked for.
pub fn days_of(month: i32, from: Day, to: Day) -> std::ops::Range<Day> {
    let start = month_start(month);
    start.max(from)..(start + month_days(month)).min(to + 1)
}

/// `count` days of the range, busy ones more often, in order.
pub fn draw_days(kind: FacilityKind, days: std::ops::Range<Day>, count: u64, chance: &mut Chance) -> Vec<Day> {
    let weights: Vec<u32> = days.clone().map(|day| busy(kind, day) as u32).collect();
    let mut drawn: Vec<Day> = (0..count).map(|_| days.start + chance.weighted(&weights) as Day).collect();
    drawn.sort_unstable();
    drawn
}

/// Claims that go into one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Days of leaving, in order.
    pub days: Vec<Day>,
    /// `NGAYLAP`.
    pub written: Day,
}

/// Cuts a month into files of at most fifty claims and four days; about one file in seven holds a single claim.
pub fn batches(days: &[Day], chance: &mut Chance) -> Vec<Batch> {
    let mut all = Vec::new();
    let mut rest = days;
    while let Some(&first) = rest.first() {
        let most = if chance.percent(15) { 1 } else { chance.between(20, 50) as usize };
        let near = rest.iter().take_while(|&&day| day < first + 4).count();
        let (batch, after) = rest.split_at(most.min(near));
        let last = batch.last().copied().unwrap_or(first);
        let lag = if chance.percent(6) { chance.between(12, 32) } else { chance.between(0, 4) };
        all.push(Batch { days: batch.to_vec(), written: last + lag as Day });
        rest = after;
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calendar::{day_number, month_number};

    #[test]
    fn allots_exactly_what_is_asked() {
        let province = Province::read();
        let (from, to) = (day_number(2025, 1, 10), day_number(2025, 12, 20));
        for total in [1, 997, 20_000] {
            let plan = allot(&province, from, to, month_number(from)..month_number(to) + 1, total);
            assert_eq!(plan.iter().flatten().sum::<u64>(), total);
            assert_eq!(plan.len(), 12);
        }
        let silent = province.facilities.iter().position(|f| f.kind == FacilityKind::Silent).unwrap();
        let plan = allot(&province, from, to, month_number(from)..month_number(to) + 1, 20_000);
        assert!(plan.iter().all(|month| month[silent] == 0));
    }

    #[test]
    fn tet_is_quiet() {
        let week = |from: Day| (from..from + 7).map(|day| busy(FacilityKind::HealthCentre, day)).sum::<u64>();
        let (usual, tet) = (week(day_number(2025, 3, 3)), week(day_number(2025, 1, 27)));
        assert!(tet * 100 / usual < 45 && tet * 100 / usual > 30, "{tet} {usual}");
    }

    #[test]
    fn batches_keep_every_day() {
        let mut chance = Chance::new(3, 3, 3);
        let days = draw_days(FacilityKind::Hospital, 20_000..20_030, 300, &mut chance);
        let batches = batches(&days, &mut chance);
        assert_eq!(batches.iter().flat_map(|b| b.days.clone()).collect::<Vec<_>>(), days);
        assert!(batches.iter().all(|b| b.days.len() <= 50 && b.written >= *b.days.last().unwrap()));
        assert!(batches.iter().any(|b| b.days.len() == 1));
    }
}
