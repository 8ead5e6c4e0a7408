//! A second opinion on searches: random resources kept as plain values, random queries answered by looking at each of them
//! in turn. It shares nothing with the planner but the meaning of R4.

use crate::support::{PROVINCE, Place};

/// Numbers that are the same on every run.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % n
    }

    pub fn of<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.below(list.len())]
    }

    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

/// A date as written, and the first and last day it means, counted by hand: 12 months of 28 days are used only.
#[derive(Clone, Debug)]
struct When {
    text: String,
    low: i64,
    high: i64,
}

fn when(random: &mut Random) -> When {
    let (y, m, d) = (2020 + random.below(4) as i64, 1 + random.below(12) as i64, 1 + random.below(28) as i64);
    let day = |y: i64, m: i64, d: i64| y * 400 + m * 32 + d;
    match random.below(4) {
        0 => When { text: format!("{y}"), low: day(y, 1, 1), high: day(y, 12, 31) },
        1 => When { text: format!("{y}-{m:02}"), low: day(y, m, 1), high: day(y, m, 31) },
        _ => When { text: format!("{y}-{m:02}-{d:02}"), low: day(y, m, d), high: day(y, m, d) },
    }
}

#[derive(Debug)]
struct Person {
    family: Option<&'static str>,
    gender: Option<&'static str>,
    birth: Option<When>,
    numbers: Vec<(&'static str, usize)>,
}

#[derive(Debug)]
struct Seen {
    person: Option<usize>,
    code: &'static str,
    status: &'static str,
    /// Begin and end in days; as JSON.
    time: Option<(i64, i64, String)>,
    /// Hundredths of the number, and its unit.
    value: Option<(i64, &'static str)>,
}

const FAMILIES: [&str; 6] = ["Nguyễn", "Ngô", "Trần", "Đặng", "Đào", "Lê"];
const FOLDED: [&str; 6] = ["nguyen", "ngo", "tran", "dang", "dao", "le"];
const CODES: [&str; 4] = ["a", "b", "c", "d"];
const STATUS: [&str; 3] = ["final", "amended", "preliminary"];
const UCUM: &str = "http://unitsofmeasure.org";

impl Person {
    fn random(random: &mut Random) -> Self {
        Self {
            family: random.chance(85).then(|| random.of(&FAMILIES)),
            gender: random.chance(80).then(|| random.of(&["male", "female", "other"])),
            birth: random.chance(80).then(|| when(random)),
            numbers: (0..random.below(3)).map(|_| (random.of(&["urn:a", "urn:b"]), random.below(5))).collect(),
        }
    }

    fn json(&self, n: usize) -> String {
        let mut json = format!(r#"{{"resourceType":"Patient","id":"p{n}""#);
        if let Some(family) = self.family {
            json.push_str(&format!(r#","name":[{{"family":"{family}"}}]"#));
        }
        if let Some(gender) = self.gender {
            json.push_str(&format!(r#","gender":"{gender}""#));
        }
        if let Some(birth) = &self.birth {
            json.push_str(&format!(r#","birthDate":"{}""#, birth.text));
        }
        if !self.numbers.is_empty() {
            let each = self.numbers.iter().map(|(s, v)| format!(r#"{{"system":"{s}","value":"{v}"}}"#));
            json.push_str(&format!(r#","identifier":[{}]"#, each.collect::<Vec<_>>().join(",")));
        }
        json + "}"
    }
}

impl Seen {
    fn random(random: &mut Random, people: usize) -> Self {
        let time = match random.below(5) {
            0 => None,
            1 => {
                let (a, b) = (when(random), when(random));
                let (a, b) = if a.low <= b.low { (a, b) } else { (b, a) };
                let high = b.high.max(a.high);
                let b = if high == b.high { b } else { a.clone() };
                Some(match random.below(3) {
                    0 => (a.low, i64::MAX, format!(r#""effectivePeriod":{{"start":"{}"}}"#, a.text)),
                    1 => (i64::MIN, b.high, format!(r#""effectivePeriod":{{"end":"{}"}}"#, b.text)),
                    _ => (a.low, b.high, format!(r#""effectivePeriod":{{"start":"{}","end":"{}"}}"#, a.text, b.text)),
                })
            }
            _ => {
                let at = when(random);
                Some((at.low, at.high, format!(r#""effectiveDateTime":"{}""#, at.text)))
            }
        };
        Self {
            person: random.chance(90).then(|| random.below(people)),
            code: random.of(&CODES),
            status: random.of(&STATUS),
            time,
            value: random.chance(70).then(|| (random.below(400) as i64 * 5 - 500, random.of(&["mg", "g"]))),
        }
    }

    fn json(&self, n: usize) -> String {
        let mut json = format!(
            r#"{{"resourceType":"Observation","id":"o{n}","status":"{}","code":{{"coding":[{{"system":"urn:c","code":"{}"}}]}}"#,
            self.status, self.code
        );
        if let Some(person) = self.person {
            json.push_str(&format!(r#","subject":{{"reference":"Patient/p{person}"}}"#));
        }
        if let Some((_, _, time)) = &self.time {
            json.push_str(&format!(",{time}"));
        }
        if let Some((value, unit)) = self.value {
            let sign = if value < 0 { "-" } else { "" };
            let (whole, part) = (value.abs() / 100, value.abs() % 100);
            json.push_str(&format!(
                r#","valueQuantity":{{"value":{sign}{whole}.{part:02},"unit":"{unit}","system":"{UCUM}","code":"{unit}"}}"#
            ));
        }
        json + "}"
    }
}

/// A query's text and its meaning, one after the other.
type Test<T> = (String, Box<dyn Fn(&World, &T) -> bool>);

struct World {
    people: Vec<Person>,
    seen: Vec<Seen>,
}

const PREFIXES: [&str; 9] = ["", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb"];

/// R4 §3.1.1.4.5 on two ranges.
fn compares(prefix: &str, (low, high): (i64, i64), (from, to): (i64, i64)) -> bool {
    match prefix {
        "" | "eq" => low >= from && high <= to,
        "ne" => !(low >= from && high <= to),
        "gt" => high > to,
        "lt" => low < from,
        "ge" => high >= from,
        "le" => low <= to,
        "sa" => low > to,
        _ => high < from,
    }
}

fn folded(family: &str) -> &'static str {
    FOLDED[FAMILIES.iter().position(|f| *f == family).unwrap()]
}

fn about_person(random: &mut Random, before: &str) -> Test<Person> {
    match random.below(6) {
        0 => {
            let gender = random.of(&["male", "female", "other"]);
            (format!("{before}gender={gender}"), Box::new(move |_, p| p.gender == Some(gender)))
        }
        1 => {
            let gender = random.of(&["male", "female"]);
            (format!("{before}gender:not={gender}"), Box::new(move |_, p| p.gender != Some(gender)))
        }
        2 => {
            let (family, length) = (random.below(6), 1 + random.below(4));
            let start: String = FOLDED[family].chars().take(length).collect();
            let text = format!("{before}family={start}");
            (text, Box::new(move |_, p| p.family.is_some_and(|f| folded(f).starts_with(&start))))
        }
        3 => {
            let (prefix, at) = (random.of(&PREFIXES), when(random));
            let text = format!("{before}birthdate={prefix}{}", at.text);
            let holds = move |p: &Person| {
                p.birth.as_ref().is_some_and(|b| compares(prefix, (b.low, b.high), (at.low, at.high)))
            };
            (text, Box::new(move |_, p| holds(p)))
        }
        4 => {
            let (system, value) = (random.of(&["urn:a", "urn:b", ""]), random.below(5));
            let bar = if system.is_empty() { "" } else { "|" };
            let text = format!("{before}identifier={system}{bar}{value}");
            let of = move |(s, v): &(&str, usize)| *v == value && (system.is_empty() || *s == system);
            (text, Box::new(move |_, p| p.numbers.iter().any(of)))
        }
        _ => {
            let missing = random.chance(50);
            (format!("{before}gender:missing={missing}"), Box::new(move |_, p| p.gender.is_none() == missing))
        }
    }
}

fn about_seen(random: &mut Random, before: &str) -> Test<Seen> {
    match random.below(9) {
        0 => {
            let code = random.of(&CODES);
            let system = random.of(&["urn:c|", ""]);
            (format!("{before}code={system}{code}"), Box::new(move |_, s| s.code == code))
        }
        1 => {
            let code = random.of(&CODES);
            (format!("{before}code:not={code}"), Box::new(move |_, s| s.code != code))
        }
        2 => {
            let (a, b) = (random.of(&STATUS), random.of(&STATUS));
            (format!("{before}status={a},{b}"), Box::new(move |_, s| s.status == a || s.status == b))
        }
        3 | 4 => {
            let (prefix, at) = (random.of(&PREFIXES), when(random));
            let text = format!("{before}date={prefix}{}", at.text);
            let holds = move |s: &Seen| {
                s.time.as_ref().is_some_and(|(low, high, _)| compares(prefix, (*low, *high), (at.low, at.high)))
            };
            (text, Box::new(move |_, s| holds(s)))
        }
        5 => {
            let missing = random.chance(50);
            (format!("{before}date:missing={missing}"), Box::new(move |_, s| s.time.is_none() == missing))
        }
        6 | 7 => {
            let prefix = random.of(&PREFIXES[..7]);
            let (number, half, text) = match random.below(3) {
                0 => {
                    let n = random.below(15) as i64 + 1;
                    (n * 100, 50, n.to_string())
                }
                1 => {
                    let n = random.below(150) as i64 + 1;
                    (n * 10, 5, format!("{}.{}", n / 10, n % 10))
                }
                _ => {
                    let n = random.below(1_500) as i64 + 1;
                    (n, 0, format!("{}.{:02}", n / 100, n % 100))
                }
            };
            let unit = random.of(&["", "mg", "g"]);
            // In hundred-thousandths, so that grams and milligrams are whole.
            let scale = move |unit: &str| if unit == "g" { 1_000_000 } else { 1_000 };
            let holds = move |(value, own): (i64, &str)| {
                let (value, asked) = match unit {
                    "" => (value * 1_000, 1_000),
                    _ => (value * scale(own), scale(unit)),
                };
                // Half of the last digit; of two decimals, half a hundredth.
                let slack = half * asked + if half == 0 { asked / 2 } else { 0 };
                let (from, upper) = (number * asked - slack, number * asked + slack);
                match prefix {
                    "" | "eq" => value >= from && value < upper,
                    "ne" => !(value >= from && value < upper),
                    "gt" => value > number * asked,
                    "lt" => value < number * asked,
                    "ge" => value >= number * asked,
                    _ => value <= number * asked,
                }
            };
            let tail = if unit.is_empty() { String::new() } else { format!("|{UCUM}|{unit}") };
            let text = format!("{before}value-quantity={prefix}{text}{tail}");
            (text, Box::new(move |_, s| s.value.is_some_and(holds)))
        }
        _ => {
            let missing = random.chance(50);
            (format!("{before}subject:missing={missing}"), Box::new(move |_, s| s.person.is_none() == missing))
        }
    }
}

fn of_seen(random: &mut Random, people: usize) -> Test<Seen> {
    match random.below(5) {
        0 => {
            let (text, holds) = about_person(random, "patient.");
            (text, Box::new(move |w, s| s.person.is_some_and(|p| holds(w, &w.people[p]))))
        }
        1 => {
            let n = random.below(people);
            (format!("patient=Patient/p{n}"), Box::new(move |_, s| s.person == Some(n)))
        }
        _ => about_seen(random, ""),
    }
}

fn of_person(random: &mut Random) -> Test<Person> {
    if random.chance(30) {
        let (text, holds) = about_seen(random, "_has:Observation:patient:");
        return (
            text,
            Box::new(move |w, p| {
                w.seen.iter().any(|s| s.person.is_some_and(|n| std::ptr::eq(&w.people[n], p)) && holds(w, s))
            }),
        );
    }
    about_person(random, "")
}

/// Ids in the order that a sort asks, ties by age.
fn sorted(world: &World, mut found: Vec<usize>, sort: &str) -> Vec<usize> {
    for part in sort.split(',').rev().filter(|p| !p.is_empty()) {
        let (name, down) = part.strip_prefix('-').map_or((part, false), |n| (n, true));
        let key = |n: &usize| -> (bool, i64, &str) {
            let one = &world.seen[*n];
            match name {
                "date" => one.time.as_ref().map_or((true, 0, ""), |(low, ..)| (false, *low, "")),
                "status" => (false, 0, one.status),
                "code" => (false, 0, one.code),
                _ => (false, *n as i64, ""),
            }
        };
        found.sort_by(|a, b| {
            let ((none_a, ..), (none_b, ..)) = (key(a), key(b));
            let order = (key(a).1, key(a).2).cmp(&(key(b).1, key(b).2));
            let valued = !none_a && !none_b;
            // Of the latest first, the latest written first.
            let tie = if sort == "-date" && valued { b.cmp(a) } else { std::cmp::Ordering::Equal };
            none_a.cmp(&none_b).then(if down && valued { order.reverse() } else { order }).then(tie)
        });
    }
    found
}

#[tokio::test]
async fn random_searches_find_what_looking_at_each_finds() {
    let full = std::env::var_os("MACH_TEST_FULL").is_some();
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let place = Place::new();
    let people: Vec<Person> = (0..40).map(|_| Person::random(&mut random)).collect();
    let seen: Vec<Seen> = (0..150).map(|_| Seen::random(&mut random, people.len())).collect();
    let bodies = people.iter().enumerate().map(|(n, p)| ("Patient", format!("p{n}"), p.json(n)));
    let bodies = bodies.chain(seen.iter().enumerate().map(|(n, s)| ("Observation", format!("o{n}"), s.json(n))));
    let entries: Vec<String> = bodies
        .map(|(kind, id, body)| format!(r#"{{"resource":{body},"request":{{"method":"PUT","url":"{kind}/{id}"}}}}"#))
        .collect();
    let bundle = format!(r#"{{"resourceType":"Bundle","type":"transaction","entry":[{}]}}"#, entries.join(","));
    let answer = place.post(PROVINCE, "/fhir", &bundle).await;
    assert!(answer.status.is_success(), "{}", answer.text);
    let world = World { people, seen };
    let (mut hits, mut empty) = (0, 0);
    for round in 0..if full { 4_000 } else { 400 } {
        let count = 1 + random.below(60);
        let (path, expect) = if random.chance(60) {
            let tests: Vec<Test<Seen>> =
                (0..1 + random.below(3)).map(|_| of_seen(&mut random, world.people.len())).collect();
            let holds = |s: &Seen| tests.iter().all(|(_, t)| t(&world, s));
            let found = (0..world.seen.len()).filter(|n| holds(&world.seen[*n])).collect();
            let sort = random.of(&["", "date", "-date", "status,-date", "-status", "code,date", "-code,status"]);
            let found = sorted(&world, found, sort);
            let mut query: Vec<String> = tests.iter().map(|(text, _)| text.clone()).collect();
            query.extend((!sort.is_empty()).then(|| format!("_sort={sort}")));
            (format!("Observation?{}", query.join("&")), found.iter().map(|n| format!("o{n}")).collect::<Vec<_>>())
        } else {
            let tests: Vec<Test<Person>> = (0..1 + random.below(3)).map(|_| of_person(&mut random)).collect();
            let holds = |p: &Person| tests.iter().all(|(_, t)| t(&world, p));
            let found = (0..world.people.len()).filter(|n| holds(&world.people[*n]));
            let query: Vec<String> = tests.iter().map(|(text, _)| text.clone()).collect();
            (format!("Patient?{}", query.join("&")), found.map(|n| format!("p{n}")).collect::<Vec<_>>())
        };
        let got = place.all(PROVINCE, &format!("/fhir/{path}&_count={count}")).await;
        assert_eq!(got, expect, "round {round}: {path}");
        let counted = place.get(PROVINCE, &format!("/fhir/{path}&_summary=count")).await;
        assert_eq!(counted.json()["total"], expect.len(), "round {round}: {path}");
        hits += usize::from(!expect.is_empty());
        empty += usize::from(expect.is_empty());
    }
    assert!(hits > 100 && empty > 10, "{hits} queries with hits, {empty} without: the dice are loaded");
}
