//! Tokens that a person's sets are kept under.
//!
//! `word` for each word of a name they bear or bore, `=word` for the given name (the last word), `<c` for each letter a
//! word begins with (so that one typed letter is one set and not a thousand), `#1985` for the year of birth, `@12` for
//! a facility that knows them. Folded words hold only letters and digits, so the marks cannot collide.

use crate::sets::{Bits, place};
use mach_base::text::fold;
use mach_store::people as rows;
use mach_store::sql::Execute;

/// Words of a name that are indexed; the longest Vietnamese names have seven.
const NAME_WORDS: usize = 16;

/// The set of everybody with this given name.
pub(crate) fn given(word: &str) -> String {
    format!("={word}")
}

/// The set of everybody with a word that begins so.
pub(crate) fn initial(letter: &str) -> String {
    format!("<{letter}")
}

/// The set of everybody born in this year.
pub(crate) fn year(year: i64) -> String {
    format!("#{year}")
}

/// The set of everybody a facility knows.
pub(crate) fn facility(facility: i64) -> String {
    format!("@{facility}")
}

/// The tokens of a name, each once, sorted (writers take them in one order).
pub(crate) fn of_name(name: &str) -> Vec<String> {
    let folded = fold(name);
    let mut tokens = Vec::new();
    for word in folded.split(' ').filter(|w| !w.is_empty()).take(NAME_WORDS) {
        tokens.extend(word.chars().next().map(|c| initial(c.encode_utf8(&mut [0; 4]))));
        tokens.push(word.to_owned());
    }
    tokens.extend(folded.rsplit(' ').next().filter(|w| !w.is_empty()).map(given));
    tokens.sort_unstable();
    tokens.dedup();
    tokens
}

/// Puts a person into the set of `token`.
pub(crate) fn add(tx: &mut dyn Execute, token: &str, person: i64) -> mach_store::Result<()> {
    change(tx, token, person, |bits, place| bits.insert(place))
}

/// Takes a person out of the set of `token`.
pub(crate) fn remove(tx: &mut dyn Execute, token: &str, person: i64) -> mach_store::Result<()> {
    change(tx, token, person, |bits, place| {
        bits.remove(place);
        true
    })
}

fn change(
    tx: &mut dyn Execute,
    token: &str,
    person: i64,
    with: impl FnOnce(&mut Bits, usize) -> bool,
) -> mach_store::Result<()> {
    let (chunk, place) = place(person);
    let mut bits = Bits::default();
    if let Some(packed) = rows::set(tx, token, chunk)? {
        bits.add_packed(&packed);
    }
    if with(&mut bits, place) {
        rows::put_set(tx, token, chunk, &bits.pack())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_give_each_token_once() {
        assert_eq!(of_name("Hồ Hoàng Hồ"), ["<h", "=ho", "ho", "hoang"]);
        assert_eq!(of_name("Nguyễn Đức"), ["<d", "<n", "=duc", "duc", "nguyen"]);
        assert!(of_name(" - ").is_empty());
    }
}
