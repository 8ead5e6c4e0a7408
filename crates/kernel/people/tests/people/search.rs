//! Search answers exactly what looking at everybody answers.

use super::support::{Claim, Folder, Random, random_claim};
use mach_base::text::fold;
use mach_people::{Page, search};
use std::collections::BTreeSet;

const PEOPLE: usize = 3000;

fn populate(folder: &Folder, seed: u64, people: usize) -> Vec<(i64, Claim)> {
    let mut random = Random(seed);
    let claims: Vec<Claim> = (0..people).map(|n| random_claim(&mut random, n)).collect();
    folder
        .write(move |tx| {
            let mut known = Vec::new();
            for claim in claims {
                let resolved = mach_people::resolve(tx, &claim.evidence())?;
                assert!(resolved.created, "{claim:?}");
                known.push((resolved.person, claim));
            }
            Ok(known)
        })
        .unwrap()
}

fn all_pages(folder: &Folder, text: &str, scope: Option<i64>, limit: usize) -> Vec<i64> {
    let (mut people, mut after) = (Vec::new(), None);
    loop {
        let page = Page { after, limit };
        let found = folder.read(|on| search(on, text, scope, &page)).unwrap();
        assert!(found.hits.len() <= limit, "{text}");
        people.extend(found.hits.iter().map(|hit| hit.person.id));
        after = found.next;
        if after.is_none() {
            return people;
        }
    }
}

fn named(claim: &Claim, words: &str) -> bool {
    let name = fold(&claim.name);
    fold(words).split(' ').all(|word| name.split(' ').any(|w| w.starts_with(word)))
}

#[test]
fn names_years_and_scopes_as_by_looking_at_everybody() {
    let folder = Folder::new();
    let people = populate(&folder, 1, PEOPLE);
    let mut found_any = 0;
    for (words, year, scope) in [
        ("nguyen", None, None),
        ("nguyễn đức", None, None),
        ("duc nguyen", None, None),
        ("n", None, None),
        ("ng", None, Some(2)),
        ("ng th", None, None),
        ("nguyen thi hoa", None, None),
        ("van van", None, None),
        ("thi van", Some(1980), None),
        ("hoa", Some(1955), None),
        ("ton nu", None, Some(1)),
        ("an", None, Some(5)),
        ("x y", None, None),
        ("khong co ai", None, None),
        ("hoà", None, Some(99)),
    ] {
        let text = year.map_or(words.to_owned(), |y: i32| format!("{words} {y}"));
        let expect: BTreeSet<i64> = people
            .iter()
            .filter(|(_, c)| {
                named(c, words) && year.is_none_or(|y| y == c.year) && scope.is_none_or(|s| s == c.facility)
            })
            .map(|(person, _)| *person)
            .collect();
        found_any += expect.len();
        for limit in [7, 100] {
            let found = all_pages(&folder, &text, scope, limit);
            assert_eq!(found.len(), found.iter().collect::<BTreeSet<_>>().len(), "`{text}` repeats someone");
            assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), expect, "`{text}` in {scope:?} by {limit}");
        }
    }
    assert!(found_any > PEOPLE);
}

#[test]
fn four_digits_are_a_year_and_the_end_of_a_number() {
    let folder = Folder::new();
    let people = populate(&folder, 5, 2000);
    let born = people.iter().filter(|(_, c)| c.year == 1960).map(|(person, _)| *person);
    let ends = |n: &Option<String>| n.as_ref().is_some_and(|n| n.ends_with("1960"));
    let any = |c: &Claim| c.local.ends_with("1960") || [&c.national, &c.insurance, &c.phone].into_iter().any(ends);
    let numbered = people.iter().filter(|(_, c)| any(c)).map(|(person, _)| *person);
    let expect: BTreeSet<i64> = born.chain(numbered).collect();
    let found = all_pages(&folder, "1960", None, 10);
    assert!(found.len() > 10);
    assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), expect);
}

#[test]
fn given_name_stands_first() {
    let folder = Folder::new();
    populate(&folder, 2, 400);
    let page = Page { after: None, limit: 100 };
    let found = folder.read(|on| search(on, "van", None, &page)).unwrap();
    let given: Vec<bool> = found.hits.iter().map(|hit| fold(&hit.person.name).ends_with(" van")).collect();
    let first_other = given.iter().position(|g| !g).unwrap();
    assert!(first_other > 0 && given[first_other..].iter().all(|g| !g));
}

#[test]
fn numbers_and_days_find_their_people() {
    let folder = Folder::new();
    let people = populate(&folder, 3, 800);
    let (mut by_day, mut by_phone) = (0, 0);
    for (person, claim) in people.iter().step_by(37) {
        let whole = |n: &Option<String>| n.clone();
        let mut texts: Vec<String> = [whole(&claim.national), whole(&claim.insurance)].into_iter().flatten().collect();
        texts.extend(claim.national.as_ref().map(|n| n[6..].to_owned()));
        texts.extend(claim.insurance.as_ref().map(|n| format!("GD4{}", &format!("01{n}"))));
        texts.push(claim.local.clone());
        texts.push(claim.local.to_lowercase());
        texts.push(format!("{} {}", claim.local, claim.name));
        if let Some(phone) = &claim.phone {
            by_phone += 1;
            texts.push(format!("{} {} {}", &phone[..4], &phone[4..7], &phone[7..]));
        }
        if let Some(day) = claim.day {
            by_day += 1;
            texts.push(day.vi());
            texts.push(format!("{} {}", fold(&claim.name), day.vi()));
        }
        for text in texts {
            assert!(all_pages(&folder, &text, None, 50).contains(person), "`{text}` for {claim:?}");
            assert!(all_pages(&folder, &text, Some(claim.facility), 50).contains(person), "`{text}` in scope");
            assert!(
                !all_pages(&folder, &text, Some(claim.facility % 5 + 1), 50).contains(person),
                "`{text}` out of scope"
            );
        }
    }
    assert!(by_day > 5 && by_phone > 3);
}

#[test]
fn short_numbers_and_nothing_find_nobody_and_say_so() {
    let folder = Folder::new();
    populate(&folder, 4, 50);
    let page = Page { after: None, limit: 20 };
    for (text, short) in [("", false), ("  ,", false), ("12", true)] {
        let found = folder.read(|on| search(on, text, None, &page)).unwrap();
        assert_eq!((found.hits.len(), found.short, found.next), (0, short, None), "`{text}`");
    }
}

#[test]
fn former_names_still_find() {
    let folder = Folder::new();
    let first = folder.resolve(&Claim::of("1; A1; 046185000001; ; Nguyễn Thị Hoa; 1985-03-12; 2"));
    let renamed = Claim { seen: 5, ..Claim::of("1; A1; 046185000001; ; Nguyễn Thị Phượng; 1985-03-12; 2") };
    let second = folder.resolve(&renamed);
    assert_eq!((second.person, second.created, second.changed), (first.person, false, true));
    for text in ["hoa", "phuong", "nguyen thi"] {
        assert_eq!(all_pages(&folder, text, None, 10), [first.person], "{text}");
    }
}
