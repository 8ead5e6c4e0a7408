//! A person as pages name them: birth and age, sex, masked numbers.

use mach_base::Day;
use mach_store::people::PersonRow;
use mach_ui::components::Sex;
use mach_ui::{Lang, format, msg};

/// Administrative sex by its stored number.
pub fn sex(person: &PersonRow) -> Sex {
    match person.sex {
        1 => Sex::Male,
        2 => Sex::Female,
        3 => Sex::Other,
        _ => Sex::Unknown,
    }
}

/// The day of birth, where it is known.
pub fn birth_day(person: &PersonRow) -> Option<Day> {
    person.birth_day.and_then(|d| i32::try_from(d).ok()).map(Day)
}

/// The year of birth, where it is known.
pub fn birth_year(person: &PersonRow) -> Option<i32> {
    i32::try_from(person.birth_year).ok().filter(|y| *y != 0)
}

/// Day or year of birth, and age: `12/03/1985 · 41 tuổi`.
pub fn birth_and_age(lang: Lang, person: &PersonRow, today: Day) -> String {
    match (birth_day(person), birth_year(person)) {
        (Some(day), _) => format!("{} · {}", format::date(day), format::age(lang, day, today)),
        (None, Some(year)) => format!("{year} · {}", format::age_of_year(lang, year, today)),
        (None, None) => lang.t(msg::BIRTH_UNKNOWN).to_owned(),
    }
}

/// National and insurance number, masked: `046162•••217 · 462•••001`.
pub fn masked_ids(person: &PersonRow) -> String {
    let ids: Vec<String> =
        [&person.national, &person.insurance].into_iter().flatten().map(|id| format::masked(id)).collect();
    ids.join(" · ")
}
