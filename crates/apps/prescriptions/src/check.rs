//! A prescription as it is written, and what the rules of its day say of it.

use crate::rules::{Drug, Kind, Rules};
use crate::words::{hundredths, written};
use mach_base::Day;
use mach_base::text::fold;
use serde::{Deserialize, Serialize};

/// A diagnosis.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnosis {
    /// ICD-10 code.
    pub code: String,
    /// Its name, and what the doctor adds.
    pub name: String,
}

/// One medicine as prescribed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// Code of the medicine.
    pub drug: String,
    /// Label, as it was when prescribed.
    pub name: String,
    /// Active ingredient.
    pub ingredient: String,
    /// Trade name.
    pub trade: String,
    /// Unit.
    pub unit: String,
    /// How much, hundredths.
    pub quantity: i64,
    /// For how many days.
    pub days: i64,
    /// How to use it.
    pub usage: String,
}

impl Item {
    /// `days` days and `quantity` hundredths of a medicine.
    pub fn of(drug: &Drug, quantity: i64, days: i64, usage: &str) -> Self {
        Self {
            drug: drug.code.clone(),
            name: drug.label(),
            ingredient: drug.ingredient.clone(),
            trade: drug.trade.clone(),
            unit: drug.unit.clone(),
            quantity,
            days,
            usage: usage.to_owned(),
        }
    }

    /// `07 viên`.
    pub fn amount(&self) -> String {
        format!("{} {}", written(self.quantity), self.unit)
    }
}

/// A prescription as written: these bytes, as JSON, are kept; their hash stands in the signed paper.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// Its code.
    pub code: String,
    /// Kind.
    pub kind: String,
    /// Facility code.
    pub facility: String,
    /// The person, by number in the record.
    pub person: i64,
    /// Day it was written, and then the day it was signed; ISO.
    pub day: String,
    /// The day its use begins, ISO: later than `day` for later parts only.
    pub from: String,
    /// Which part of how many; 0: it stands alone.
    pub part: i64,
    /// How many parts.
    pub parts: i64,
    /// Diagnoses, the main one first.
    pub diagnoses: Vec<Diagnosis>,
    /// Weight in kilograms; empty where not asked.
    pub weight: String,
    /// Who came with a small child; empty where not asked.
    pub companion: String,
    /// Advice.
    pub advice: String,
    /// Comes again after so many days; 0: not said.
    pub again: i64,
    /// An acute illness.
    pub acute: bool,
    /// Medicines.
    pub items: Vec<Item>,
    /// Who wrote it.
    pub doctor: String,
    /// The code of the one it takes the place of.
    pub replaces: String,
    /// Why warnings were passed over.
    pub reason: String,
}

impl Content {
    /// The day its use begins.
    pub fn begins(&self) -> Option<Day> {
        Day::parse_iso(&self.from).or_else(|| Day::parse_iso(&self.day))
    }

    /// The last day of a line's use, days since 1970-01-01.
    pub fn until(&self, item: &Item) -> i64 {
        self.begins().map_or(0, |d| i64::from(d.0)) + item.days - 1
    }

    /// The code of the main diagnosis; empty where there is none.
    pub fn icd(&self) -> &str {
        self.diagnoses.first().map_or("", |d| d.code.as_str())
    }

    /// `Viêm phế quản cấp (J20); …`.
    pub fn diagnosis(&self) -> String {
        let one = |d: &Diagnosis| if d.code.is_empty() { d.name.clone() } else { format!("{} ({})", d.name, d.code) };
        self.diagnoses.iter().map(one).collect::<Vec<_>>().join("; ")
    }

    /// Most days by its kind, course and illness.
    fn most_days(&self, rules: &Rules, kind: &Kind) -> i64 {
        match (self.acute, rules.is_chronic(self.icd())) {
            (true, _) => kind.acute,
            (false, true) => kind.chronic,
            (false, false) => kind.longest,
        }
    }

    /// The same in as many parts as its kind asks: alone where it is acute, short, or of another kind. A quantity that cannot be
    /// divided into whole units stays as it is in each: [`undivided`] finds it.
    pub fn in_parts(&self, rules: &Rules) -> Vec<Self> {
        let day = Day::parse_iso(&self.day);
        let part = day.and_then(|d| rules.kind(&self.kind, d)).map_or(0, |k| k.part);
        let longest = self.items.iter().map(|i| i.days).max().unwrap_or(0);
        let (Some(day), true, false) = (day, part > 0 && longest > part, self.acute) else { return vec![self.clone()] };
        let parts = (longest + part - 1) / part;
        let one = |n: i64| {
            let before = (n - 1) * part;
            let share = |item: &Item| {
                let days = (item.days - before).clamp(0, part);
                let quantity = match item.quantity * days % (item.days * 100) {
                    0 => item.quantity * days / item.days,
                    _ => item.quantity,
                };
                (days > 0).then(|| Item { days, quantity, ..item.clone() })
            };
            let from = Day(day.0 + i32::try_from(before).unwrap_or(0)).to_string();
            Self { part: n, parts, from, items: self.items.iter().filter_map(share).collect(), ..self.clone() }
        };
        (1..=parts).map(one).collect()
    }
}

/// The lines whose quantity cannot be divided into whole units for the parts that their kind asks for.
pub fn undivided(rules: &Rules, content: &Content) -> Vec<Finding> {
    let Some(day) = Day::parse_iso(&content.day) else { return Vec::new() };
    let parts = content.in_parts(rules);
    let length = rules.kind(&content.kind, day).map_or(0, |k| k.part);
    let mut out = Findings { rules, day, found: Vec::new() };
    for (n, item) in (1..).zip(&content.items) {
        let shares = parts.iter().flat_map(|p| p.items.iter().filter(|i| i.drug == item.drug)).map(|i| i.quantity);
        let whole = content.items.iter().filter(|i| i.drug == item.drug).map(|i| i.quantity).sum::<i64>();
        if parts.len() > 1 && shares.sum::<i64>() != whole {
            out.say("divided", format!("quantity-{n}"), &item.name, (&length.to_string(), ""));
        }
    }
    out.found
}

/// What the rules need of the person.
#[derive(Clone, Debug, Default)]
pub struct Subject {
    /// Age in months; `None` where birth is not known.
    pub months: Option<i32>,
    /// Whether a national number is known.
    pub has_number: bool,
    /// Substances of allergies on the record.
    pub allergies: Vec<String>,
    /// Other prescriptions in use: code, and folded ingredient.
    pub in_use: Vec<(String, String)>,
}

/// What is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The field it concerns: `kind`, `weight`, `drug-3`, …
    pub field: String,
    /// The name of the rule.
    pub rule: String,
    /// What, in Vietnamese and English.
    pub text: (String, String),
    /// Whether it forbids signing; else a reason passes it over.
    pub forbids: bool,
}

/// What is being found, by the rules of a day.
struct Findings<'a> {
    rules: &'a Rules,
    day: Day,
    found: Vec<Finding>,
}

impl Findings<'_> {
    /// Says a rule where it is in force.
    fn say(&mut self, rule: &str, field: String, drug: &str, (n, of): (&str, &str)) {
        let Some(rule) = self.rules.rule(rule, self.day) else { return };
        let n = if n.is_empty() { rule.value.to_string() } else { n.to_owned() };
        let fill = |text: &str| text.replace("{drug}", drug).replace("{n}", &n).replace("{of}", of);
        let text = (fill(&rule.vi), fill(&rule.en));
        self.found.push(Finding { field, rule: rule.name.clone(), text, forbids: rule.forbids });
    }
}

/// Checks a prescription by the rules of its day.
pub fn check(rules: &Rules, content: &Content, subject: &Subject) -> Vec<Finding> {
    let day = Day::parse_iso(&content.day);
    let Some((day, kind)) = day.and_then(|d| Some((d, rules.kind(&content.kind, d)?))) else {
        let text = ("Loại đơn không có hiệu lực vào ngày này".into(), "This kind is not in force on that day".into());
        return vec![Finding { field: "kind".into(), rule: "in-force".into(), text, forbids: true }];
    };
    let mut out = Findings { rules, day, found: Vec::new() };
    let most_items = rules.rule("items", day).map_or(0, |r| r.value);
    if content.items.is_empty() || i64::try_from(content.items.len()).unwrap_or(i64::MAX) > most_items {
        out.say("items", "drug-1".into(), "", ("", ""));
    }
    let named = content.diagnoses.first().is_some_and(|d| !d.code.is_empty() && !d.name.trim().is_empty());
    if !named {
        out.say("diagnosis", "icd".into(), "", ("", ""));
    }
    for diagnosis in content.diagnoses.iter().filter(|d| !d.code.is_empty()) {
        if mach_terms::Icd10::shared().get(&diagnosis.code).is_none() {
            out.say("icd", "icd".into(), "", ("", &diagnosis.code));
        }
    }
    let young = |name: &str| rules.rule(name, day).zip(subject.months).is_some_and(|(r, m)| i64::from(m) < r.value);
    if !subject.has_number && !young("weight") {
        out.say("identity", "number".into(), "", ("", ""));
    }
    if young("weight") && hundredths(&content.weight).is_none_or(|w| w == 0) {
        out.say("weight", "weight".into(), "", ("", ""));
    }
    if young("companion") && content.companion.trim().is_empty() {
        out.say("companion", "companion".into(), "", ("", ""));
    }
    for n in 1..=content.items.len() {
        line(&mut out, content, (kind, subject), n);
    }
    out.found
}

/// Checks the `n`th line.
fn line(out: &mut Findings<'_>, content: &Content, (kind, subject): (&Kind, &Subject), n: usize) {
    let Some(item) = content.items.get(n - 1) else { return };
    let rules = out.rules;
    let field = |name: &str| format!("{name}-{n}");
    let label = item.name.as_str();
    let Some(drug) = rules.drug(&item.drug) else { return out.say("listed", field("drug"), label, ("", "")) };
    if drug.kind != content.kind {
        out.say("kind", field("drug"), label, ("", &drug.kind.to_uppercase()));
    }
    if item.quantity <= 0 {
        out.say("quantity", field("quantity"), label, ("", ""));
    } else if content.kind == "n" && item.quantity % 100 != 0 {
        out.say("whole", field("quantity"), label, ("", ""));
    }
    if item.usage.trim().is_empty() {
        out.say("usage", field("usage"), label, ("", ""));
    }
    let most = content.most_days(rules, kind);
    let used = if content.part > 0 { (content.part - 1) * kind.part + item.days } else { item.days };
    if !(1..=most).contains(&used) {
        out.say("days", field("days"), label, (&most.to_string(), &kind.source));
    } else if kind.part > 0 && !content.acute && item.days > kind.part {
        // Longer than a part and not in parts.
        out.say("divided", field("quantity"), label, (&kind.part.to_string(), ""));
    } else if drug.most_a_day > 0 && item.quantity > drug.most_a_day * item.days {
        out.say("daily", field("quantity"), label, (&written(drug.most_a_day), &drug.unit));
    }
    let (before, folded) = (&content.items[..n - 1], fold(&drug.ingredient));
    if before.iter().any(|other| fold(&other.ingredient) == folded) {
        out.say("twice", field("drug"), label, ("", ""));
    }
    if let Some((code, _)) = subject.in_use.iter().find(|(code, i)| *i == folded && *code != content.replaces) {
        out.say("in-use", field("drug"), label, ("", code));
    }
    let concerns = |allergy: &&String| {
        let allergy = fold(allergy);
        drug.allergy.iter().any(|word| allergy.contains(word.as_str())) || allergy.contains(&folded)
    };
    if let Some(allergy) = subject.allergies.iter().find(concerns) {
        out.say("allergy", field("drug"), label, ("", allergy));
    }
    let others = before.iter().filter_map(|i| Some((i.name.as_str(), rules.drug(&i.drug)?)));
    let in_use = subject.in_use.iter().filter(|(code, _)| *code != content.replaces);
    let in_use = in_use.filter_map(|(_, i)| {
        let known = rules.drugs().iter().find(|d| fold(&d.ingredient) == *i)?;
        Some((known.ingredient.as_str(), known))
    });
    for (name, other) in others.chain(in_use) {
        let Some(found) = rules.interaction(&drug.inn, &other.inn) else { continue };
        let more = [&found.condition, &found.consequence, &found.management].map(|t| t.trim().trim_end_matches('.'));
        let more = more.into_iter().filter(|t| !t.is_empty()).collect::<Vec<_>>().join(". ");
        let rule = if found.contraindicated { "contraindicated" } else { "interaction" };
        out.say(rule, field("drug"), label, ("", &format!("{name}. {more}")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(kind: &str, drug: &str, days: i64, quantity: i64) -> Content {
        let known = Rules::shared().drug(drug).expect("a medicine");
        Content {
            kind: kind.into(),
            day: "2026-11-26".into(),
            diagnoses: vec![Diagnosis { code: "J20".into(), name: "Viêm phế quản cấp".into() }],
            items: vec![Item::of(known, quantity, days, "Ngày 2 lần")],
            ..Content::default()
        }
    }

    fn adult() -> Subject {
        Subject { months: Some(400), has_number: true, ..Subject::default() }
    }

    fn found(c: &Content, s: &Subject) -> Vec<(String, bool)> {
        check(Rules::shared(), c, s).into_iter().map(|f| (f.field, f.forbids)).collect()
    }

    fn ill(c: Content, icd: &str) -> Content {
        Content { diagnoses: vec![Diagnosis { code: icd.into(), name: "x".into() }], ..c }
    }

    #[test]
    fn days_of_supply_follow_kind_illness_and_day() {
        for (kind, drug, icd, acute, day, days, good) in [
            ("c", "AML005", "J20", false, "2026-11-26", 30, true),
            ("c", "AML005", "J20", false, "2026-11-26", 31, false),
            ("c", "AML005", "I10", false, "2026-11-26", 90, true),
            ("c", "AML005", "I10", false, "2026-11-26", 91, false),
            ("c", "AML005", "I10", false, "2025-06-30", 90, false),
            ("c", "AML005", "I10", false, "2025-06-30", 30, true),
            ("n", "MOR010", "C34", true, "2026-11-26", 7, true),
            ("n", "MOR010", "C34", true, "2026-11-26", 8, false),
            ("n", "MOR010", "C34", false, "2026-11-26", 30, true),
            ("n", "MOR010", "C34", false, "2026-11-26", 31, false),
            ("h", "DIA005", "F41", true, "2026-11-26", 10, true),
            ("h", "DIA005", "F41", true, "2026-11-26", 11, false),
            ("h", "DIA005", "F41", false, "2026-11-26", 31, false),
            ("c", "AML005", "J20", false, "2026-11-26", 0, false),
        ] {
            let c = Content { acute, day: day.into(), ..ill(content(kind, drug, days, 6_000), icd) };
            let parts = c.in_parts(Rules::shared());
            let wrong = parts.iter().flat_map(|c| check(Rules::shared(), c, &adult())).any(|f| f.rule == "days");
            assert_eq!(!wrong, good, "{kind} {drug} {icd} {acute} {day} {days}");
        }
        let early = Content { day: "2026-02-28".into(), ..content("t", "BOT001", 7, 700) };
        assert_eq!(found(&early, &adult()), [("kind".to_owned(), true)], "before Circular 55/2025 is in force");
        assert!(found(&Content { day: "2026-03-01".into(), ..early }, &adult()).is_empty());
    }

    #[test]
    fn narcotics_for_long_come_in_parts() {
        let rules = Rules::shared();
        let month = ill(content("n", "MOR030", 30, 6_000), "C34");
        let parts = month.in_parts(rules);
        let told: Vec<_> = parts.iter().map(|p| (p.part, p.parts, p.items[0].days, p.items[0].quantity)).collect();
        assert_eq!(told, [(1, 3, 10, 2_000), (2, 3, 10, 2_000), (3, 3, 10, 2_000)]);
        let from: Vec<_> = parts.iter().map(|p| p.from.as_str()).collect();
        assert_eq!(from, ["2026-11-26", "2026-12-06", "2026-12-16"]);
        assert!(parts.iter().all(|p| found(p, &adult()).is_empty()));
        // 25 days: the last part is shorter and so is its quantity.
        let short = ill(content("n", "MOR030", 25, 5_000), "C34").in_parts(rules);
        assert_eq!(short.last().map(|p| (p.items[0].days, p.items[0].quantity)), Some((5, 1_000)));
        // 50 tablets over 30 days give no whole number in a part.
        let odd = ill(content("n", "MOR030", 30, 5_000), "C34").in_parts(rules);
        assert_eq!(odd[0].items[0].quantity, 5_000, "not divided: {odd:?}");
        let divides = |quantity| undivided(rules, &ill(content("n", "MOR030", 30, quantity), "C34")).is_empty();
        assert!(divides(6_000) && !divides(5_000) && undivided(rules, &content("c", "AML005", 30, 50)).is_empty());
        assert_eq!(ill(content("n", "MOR030", 10, 2_000), "C34").in_parts(rules).len(), 1);
        assert_eq!(Content { acute: true, ..month.clone() }.in_parts(rules).len(), 1, "acute is not in parts");
        // Written in one piece it is forbidden.
        assert_eq!(found(&month, &adult()), [("quantity-1".to_owned(), true)]);
    }

    #[test]
    fn what_forbids_and_what_warns() {
        let good = content("c", "AMO500", 5, 1_000);
        assert!(found(&good, &adult()).is_empty());
        let one = |c: &Content, s: &Subject, field: &str, forbids: bool| {
            assert_eq!(found(c, s), [(field.to_owned(), forbids)]);
        };
        one(&content("c", "MOR010", 5, 1_000), &adult(), "drug-1", true);
        one(&content("n", "MOR010", 5, 1_050), &adult(), "quantity-1", true);
        one(&content("c", "PAR500", 5, 4_100), &adult(), "quantity-1", false);
        assert!(found(&content("c", "PAR500", 5, 4_000), &adult()).is_empty(), "at the bound");
        one(&good, &Subject { allergies: vec!["Dị ứng Penicillin".into()], ..adult() }, "drug-1", false);
        one(&good, &Subject { in_use: vec![("x".into(), fold("Amoxicilin"))], ..adult() }, "drug-1", false);
        one(&good, &Subject { has_number: false, ..adult() }, "number", false);
        let before = Content { day: "2025-06-30".into(), ..good.clone() };
        assert!(found(&before, &Subject { has_number: false, ..adult() }).is_empty(), "not asked before 2025-07-01");
        one(&ill(good.clone(), "J20.99"), &adult(), "icd", false);
        one(&Content { diagnoses: Vec::new(), ..good.clone() }, &adult(), "icd", true);
        let replaced = Content { replaces: "x".into(), ..good.clone() };
        assert!(found(&replaced, &Subject { in_use: vec![("x".into(), fold("Amoxicilin"))], ..adult() }).is_empty());
        let mut twice = good.clone();
        twice.items.push(twice.items[0].clone());
        one(&twice, &adult(), "drug-2", false);
        for (months, asked) in [(71, true), (72, false)] {
            let child = Subject { months: Some(months), has_number: true, ..Subject::default() };
            let want =
                if asked { vec![("weight".to_owned(), true), ("companion".to_owned(), true)] } else { Vec::new() };
            assert_eq!(found(&good, &child), want, "{months} months");
        }
        let child = Subject { months: Some(71), ..Subject::default() };
        let told = Content { weight: "12,5".into(), companion: "Mẹ".into(), ..good.clone() };
        assert!(found(&told, &child).is_empty());
        let many = |n: usize| Content { items: vec![good.items[0].clone(); n], ..good.clone() };
        let forbidden = |n: usize| check(Rules::shared(), &many(n), &adult()).iter().any(|f| f.rule == "items");
        assert!(!forbidden(20) && forbidden(21) && forbidden(0));
    }

    #[test]
    fn interactions_are_told_within_the_prescription_and_with_what_is_in_use() {
        let rules = Rules::shared();
        let mut both = content("c", "AMI200", 5, 1_000);
        both.items.push(Item::of(rules.drug("DOM010").expect("domperidon"), 1_000, 5, "Ngày 2 lần"));
        let told = check(rules, &both, &adult());
        let [one] = told.as_slice() else { panic!("{told:?}") };
        assert_eq!((one.rule.as_str(), one.forbids, one.field.as_str()), ("contraindicated", false, "drug-2"));
        assert!(one.text.0.contains("Amiodaron"), "{one:?}");
        let alone = content("c", "DOM010", 5, 1_000);
        let using = Subject { in_use: vec![("x".into(), fold("Amiodaron"))], ..adult() };
        assert_eq!(check(rules, &alone, &using).first().map(|f| f.rule.clone()), Some("contraindicated".into()));
        let early = Content { day: "2021-12-31".into(), ..alone };
        assert!(check(rules, &early, &using).is_empty(), "before the decision is in force");
    }
}
