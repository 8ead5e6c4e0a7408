//! What a person has or had: diagnoses of all visits, by ICD-10 category, those that stay first.

use crate::chronic::Chronic;
use crate::fact::{Concept, Fact, claim_of};
use mach_base::Day;
use mach_terms::Icd10;
use mach_ui::Lang;
use serde::Deserialize;
use std::collections::HashMap;

/// Days before the newest visit in which a passing disease still stands in the list.
const RECENT_DAYS: i32 = 365;

/// What is read of a `Condition`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ConditionBody {
    pub(crate) code: Concept,
}

/// All diagnoses of one category.
#[derive(Clone, Debug)]
pub(crate) struct Condition {
    /// Three characters: `E11`.
    pub(crate) category: String,
    /// The codes met, newest first, without repeats: `E11.9`.
    pub(crate) codes: Vec<String>,
    /// Its name where the list has none: what the newest claim says.
    said: String,
    /// Whether it stays.
    pub(crate) chronic: bool,
    /// The first day it was met.
    pub(crate) since: Day,
    /// The last day it was met.
    pub(crate) last: Day,
    /// Number of visits.
    pub(crate) times: usize,
    /// The newest fact.
    pub(crate) newest: Fact<ConditionBody>,
}

/// What a record shows of conditions.
#[derive(Clone, Debug, Default)]
pub(crate) struct Conditions {
    /// Those that stay, oldest first.
    pub(crate) chronic: Vec<Condition>,
    /// Others of the last year, newest first.
    pub(crate) recent: Vec<Condition>,
    /// The rest, newest first.
    pub(crate) past: Vec<Condition>,
}

impl Condition {
    /// Its name in the reader's language.
    pub(crate) fn name(&self, lang: Lang) -> String {
        // One code alone is told exactly; several are told by what they have in common.
        let code = if let [one] = self.codes.as_slice() { one } else { &self.category };
        let icd = Icd10::shared();
        match icd.get(code).or_else(|| icd.category(code)) {
            Some(diagnosis) => lang.pick(&*diagnosis.name_vi, &*diagnosis.name_en).to_owned(),
            None => self.said.clone(),
        }
    }
}

/// The first three characters of an ICD-10 code.
pub(crate) fn category_of(code: &str) -> String {
    code.trim().chars().take(3).collect::<String>().to_uppercase()
}

/// Groups diagnoses (newest first) by category.
pub(crate) fn group(facts: Vec<Fact<ConditionBody>>) -> Conditions {
    let newest_visit = facts.iter().map(|f| f.at.day()).max().unwrap_or(Day(0));
    let mut groups: Vec<Condition> = Vec::new();
    let mut visits: HashMap<String, Vec<Option<i64>>> = HashMap::new();
    for fact in facts {
        let code = fact.body.code.code().to_owned();
        let category = category_of(&code);
        let claim = claim_of(&fact.id);
        let seen = visits.entry(category.clone()).or_default();
        let again = claim.is_some() && seen.contains(&claim);
        seen.push(claim);
        let day = fact.at.day();
        match groups.iter_mut().find(|g| g.category == category) {
            Some(group) => {
                group.since = group.since.min(day);
                group.last = group.last.max(day);
                group.times += usize::from(!again);
                if !group.codes.contains(&code) {
                    group.codes.push(code);
                }
            }
            None => groups.push(Condition {
                chronic: Chronic::shared().holds(&category),
                said: fact.body.code.words().to_owned(),
                codes: vec![code],
                category,
                since: day,
                last: day,
                times: 1,
                newest: fact,
            }),
        }
    }
    let (mut chronic, passing): (Vec<_>, Vec<_>) = groups.into_iter().partition(|g| g.chronic);
    chronic.sort_by(|a, b| (a.since, &a.category).cmp(&(b.since, &b.category)));
    let (mut recent, mut past): (Vec<_>, Vec<_>) =
        passing.into_iter().partition(|g| newest_visit.0 - g.last.0 <= RECENT_DAYS);
    for list in [&mut recent, &mut past] {
        list.sort_by(|a, b| (b.last, &a.category).cmp(&(a.last, &b.category)));
    }
    Conditions { chronic, recent, past }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fact::Coding;
    use mach_base::Minute;
    use mach_fhir::ResourceType;

    /// `day code claim` for each, newest first.
    fn facts(text: &str) -> Vec<Fact<ConditionBody>> {
        let of = |line: &str| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let at = Minute(i64::from(Day::parse_iso(words[0]).unwrap().0) * 1440);
            let coding = vec![Coding { code: words[1].into(), ..Coding::default() }];
            let body = ConditionBody { code: Concept { coding, text: format!("nói {}", words[1]) } };
            Fact { kind: ResourceType::CONDITION, id: format!("c{}-1-1", words[2]), at, origin: None, body }
        };
        text.lines().map(str::trim).filter(|l| !l.is_empty()).map(of).collect()
    }

    fn show(list: &[Condition]) -> Vec<String> {
        list.iter()
            .map(|c| format!("{} {} {}–{} ×{}", c.category, c.codes.join("+"), c.since, c.last, c.times))
            .collect()
    }

    #[test]
    fn the_chronic_stand_first_and_the_old_apart() {
        let all = group(facts(
            "2026-03-18 E11.9 4
             2026-03-18 I10 4
             2026-03-18 E11.2 4
             2025-12-11 J18.9 3
             2025-02-02 I10 2
             2025-01-02 A09 5
             2024-01-01 E11.9 1",
        ));
        assert_eq!(
            show(&all.chronic),
            ["E11 E11.9+E11.2 2024-01-01–2026-03-18 ×2", "I10 I10 2025-02-02–2026-03-18 ×2"]
        );
        assert_eq!(show(&all.recent), ["J18 J18.9 2025-12-11–2025-12-11 ×1"]);
        assert_eq!(show(&all.past), ["A09 A09 2025-01-02–2025-01-02 ×1"]);
    }

    #[test]
    fn names_come_from_the_list() {
        for (codes, expect) in [
            ("2026-01-01 J18.9 1", "Viêm phổi"),
            ("2026-01-01 E11.9 1\n2026-01-01 E11.2 1", "Bệnh đái tháo đường type 2"),
            ("2026-01-01 ZZZ 1", "nói ZZZ"),
        ] {
            let all = group(facts(codes));
            let name = all.chronic.iter().chain(&all.recent).map(|c| c.name(Lang::Vi)).next().unwrap();
            assert!(name.starts_with(expect), "{codes}: {name}");
        }
    }

    #[test]
    fn nobody_has_nothing() {
        let none = group(Vec::new());
        assert!(none.chronic.is_empty() && none.recent.is_empty() && none.past.is_empty());
    }
}
