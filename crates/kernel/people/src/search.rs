//! Finding people: without accents, by any part of a name, year or day of birth, any number or its last digits.

use crate::names::Birth;
use crate::numbers::{self, NumberKind};
use crate::patient::root_row;
use crate::resolve::birth_of;
use crate::sets::{Bits, CHUNK};
use crate::{Result, tokens};
use mach_base::Day;
use mach_base::limits::{PAGE_ROWS, SEARCH_CHARS};
use mach_base::text::{fold, name_key};
use mach_store::people::{self as rows, PersonRow};
use mach_store::resources;
use mach_store::sql::Query;

/// Digits a number must at least be searched by.
const NUMBER_CHARS: usize = mach_store::people::ENDING;
/// Characters from which on what is typed is first taken for a whole number: the shortest that names people has nine.
const WHOLE_CHARS: usize = 9;
/// Owners of a number's last digits that are looked at. Four digits of CCCD, insurance, facility and telephone numbers
/// of 1.27 million people end alike for about 500.
const NUMBER_OWNERS: usize = 4000;
/// Words that may begin with what was typed; a province's names have about three thousand words in all.
const BEGINNINGS: usize = 600;
/// Pages looked through for people who may be opened, before the rest is left to a next page.
const HIDDEN_PAGES: usize = 8;
/// Chunks read at a time: one statement for each word and block.
const BLOCK: i64 = 16;

/// What was typed, understood.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Question {
    /// Folded beginnings of words of the name, in order.
    pub words: Vec<String>,
    /// Numbers or their last characters.
    pub numbers: Vec<String>,
    /// Year of birth.
    pub year: Option<i32>,
    /// Day of birth.
    pub day: Option<Day>,
    /// Something with digits was typed that is too short to search by, and was not used.
    pub short: bool,
}

/// Which part of the answer is asked for.
#[derive(Clone, Debug)]
pub struct Page {
    /// Where the last page ended ([`Found::next`]).
    pub after: Option<String>,
    /// At most so many, and never more than `PAGE_ROWS`.
    pub limit: usize,
}

/// One person found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonHit {
    /// The person as they are today, merges followed.
    pub person: PersonRow,
}

/// A page of people: those whose given name is the last word typed first, by given name within the page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// People.
    pub hits: Vec<PersonHit>,
    /// Where to go on; `None` at the end.
    pub next: Option<String>,
    /// See [`Question::short`].
    pub short: bool,
}

impl Question {
    /// Understands what was typed: `nguyen duc 1985`, `12/03/1985`, `0905 123 456`, a CCCD, a card, `hoa 4567`.
    pub fn parse(text: &str) -> Self {
        let text: String = text.chars().take(SEARCH_CHARS).collect();
        let mut question = Self::default();
        let mut digits: Vec<&str> = Vec::new();
        for part in text.split(|c: char| c.is_whitespace() || c == ',' || c == ';').filter(|p| !p.is_empty()) {
            if part.bytes().all(|b| b.is_ascii_digit()) {
                digits.push(part);
                continue;
            }
            question.take_digits(&std::mem::take(&mut digits));
            if let Some(day) = parse_day(part) {
                question.day = Some(day);
            } else if part.bytes().any(|b| b.is_ascii_digit()) {
                question.take_number(part);
            } else {
                question.words.extend(fold(part).split(' ').filter(|w| !w.is_empty()).map(str::to_owned));
            }
        }
        question.take_digits(&digits);
        question
    }

    /// Groups of digits: a number written in groups where one of them is short, else each its own.
    fn take_digits(&mut self, groups: &[&str]) {
        if groups.len() > 1 && groups.iter().any(|g| g.len() < NUMBER_CHARS) {
            return self.take_number(&groups.concat());
        }
        for group in groups {
            match group.parse() {
                Ok(year @ 1900..=2099) if group.len() == 4 && self.year.is_none() => self.year = Some(year),
                _ => self.take_number(group),
            }
        }
    }

    fn take_number(&mut self, text: &str) {
        let trimmed = text.trim_matches(|c: char| !c.is_alphanumeric());
        let plain: String =
            if trimmed.chars().any(char::is_alphabetic) { trimmed.to_owned() } else { numbers::phone_digits(trimmed) };
        if plain.chars().count() < NUMBER_CHARS {
            self.short = true;
        } else {
            self.numbers.push(plain);
        }
    }

    fn is_empty(&self) -> bool {
        self.words.is_empty() && self.numbers.is_empty() && self.year.is_none() && self.day.is_none()
    }

    /// Whether all that was typed is four digits taken for a year.
    fn could_be_number(&self) -> bool {
        self.words.is_empty() && self.numbers.is_empty() && self.day.is_none() && self.year.is_some()
    }

    /// Whether a name and a birth are what was asked.
    fn fits(&self, name: &str, birth: Birth) -> bool {
        let folded = fold(name);
        self.words.iter().all(|word| folded.split(' ').any(|w| w.starts_with(word.as_str()))) && self.fits_birth(birth)
    }

    fn fits_birth(&self, birth: Birth) -> bool {
        self.year.is_none_or(|year| year == birth.year) && self.day.is_none_or(|day| birth.day == Some(day))
    }
}

/// `dd/MM/yyyy`, `d-M-yyyy`, `d.M.yyyy` or `yyyy-MM-dd`.
fn parse_day(text: &str) -> Option<Day> {
    if let Some(day) = Day::parse_iso(text) {
        return Some(day);
    }
    let parts: Vec<&str> = text.split(['/', '-', '.']).collect();
    match parts.as_slice() {
        [d, m, y] if d.len() <= 2 && m.len() <= 2 && y.len() == 4 => {
            Day::from_ymd(y.parse().ok()?, m.parse().ok()?, d.parse().ok()?)
        }
        _ => None,
    }
}

/// People who are what `text` asks for; within `scope` only those the facility knows. Nothing typed finds nobody.
///
/// # Errors
/// Only the store's own.
pub fn search(on: &mut dyn Query, text: &str, scope: Option<i64>, page: &Page) -> Result<Found> {
    let question = Question::parse(text);
    let limit = page.limit.clamp(1, PAGE_ROWS);
    let mut found = Found { short: question.short, ..Found::default() };
    if question.is_empty() {
        return Ok(found);
    }
    let after = page.after.as_deref().and_then(Cursor::parse).unwrap_or_default();
    let mut rows = Vec::new();
    if question.could_be_number() && after == Cursor::default() {
        // Four digits that may be a year may as well be the end of a number: some of those few people stand first.
        let numbers = question.year.map(|y| y.to_string()).into_iter().collect();
        let as_number = Question { numbers, ..Question::default() };
        rows = by_number(on, &as_number, scope, after, limit / 2)?.0;
    }
    let limit = limit - rows.len();
    let (mut more, next) = if !question.numbers.is_empty() {
        by_number(on, &question, scope, after, limit)?
    } else if question.words.is_empty() && question.day.is_some() {
        by_day(on, &question, scope, after, limit)?
    } else {
        by_sets(on, &question, scope, after, limit)?
    };
    rows.append(&mut more);
    found.next = next.map(|cursor| cursor.text());
    let mut seen = Vec::with_capacity(rows.len());
    rows.retain(|row| !seen.contains(&row.id) && (seen.push(row.id), true).1);
    found.hits = rows.into_iter().map(|person| PersonHit { person }).collect();
    Ok(found)
}

/// [`search`] among those whose record the asker may open: people who are hidden from them take no place of the page, so that
/// they hide nobody behind them.
///
/// # Errors
/// Only the store's own.
pub fn search_open(on: &mut dyn Query, text: &str, scope: Option<i64>, page: &Page) -> Result<Found> {
    let limit = page.limit.clamp(1, PAGE_ROWS);
    let mut found = Found { next: page.after.clone(), ..Found::default() };
    for _ in 0..HIDDEN_PAGES {
        let part = Page { after: found.next.take(), limit: limit - found.hits.len() };
        let more = search(on, text, scope, &part)?;
        (found.next, found.short) = (more.next, more.short);
        for hit in more.hits {
            let is_new = found.hits.iter().all(|known| known.person.id != hit.person.id);
            if is_new && resources::may_open(on, hit.person.id)? {
                found.hits.push(hit);
            }
        }
        if found.next.is_none() || found.hits.len() == limit {
            break;
        }
    }
    Ok(found)
}

/// Where a page ends: within people whose given name fits (tier 0) or the rest (tier 1), after a person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Cursor {
    tier: u8,
    person: i64,
}

impl Cursor {
    fn parse(text: &str) -> Option<Self> {
        let (tier, person) = text.split_once('.')?;
        Some(Self { tier: tier.parse().ok().filter(|t| *t < 2)?, person: person.parse().ok()? })
    }

    fn text(self) -> String {
        format!("{}.{}", self.tier, self.person)
    }
}

type Rows = (Vec<PersonRow>, Option<Cursor>);

/// Rows of a page in reading order, and the cursor where there is more.
fn page_of(mut rows: Vec<(Cursor, PersonRow)>, limit: usize) -> Rows {
    let next = (rows.len() > limit).then(|| rows[limit - 1].0);
    rows.truncate(limit);
    rows.sort_by_cached_key(|(at, row)| (at.tier, name_key(&row.name), row.birth_year, row.id));
    (rows.into_iter().map(|(_, row)| row).collect(), next)
}

fn by_number(on: &mut dyn Query, question: &Question, scope: Option<i64>, after: Cursor, limit: usize) -> Result<Rows> {
    let mut owners: Option<Vec<i64>> = None;
    for number in &question.numbers {
        let mut of_this = owners_of(on, number)?;
        of_this.sort_unstable();
        of_this.dedup();
        owners = Some(match owners {
            None => of_this,
            Some(before) => before.into_iter().filter(|p| of_this.binary_search(p).is_ok()).collect(),
        });
    }
    let mut rows = Vec::new();
    for person in owners.unwrap_or_default().into_iter().filter(|p| *p > after.person) {
        let Some(own) = rows::person(on, person)? else { continue };
        let today = if own.merged_into.is_some() { root_row(on, person)? } else { own.clone() };
        if !known_to(on, scope, today.id)? {
            continue;
        }
        if [&own, &today].iter().any(|row| question.fits(&row.name, birth_of(row))) {
            rows.push((Cursor { tier: 0, person }, today));
        }
        if rows.len() > limit {
            break;
        }
    }
    Ok(page_of(rows, limit))
}

fn known_to(on: &mut dyn Query, scope: Option<i64>, person: i64) -> Result<bool> {
    Ok(match scope {
        Some(facility) => rows::knows(on, facility, person)?,
        None => true,
    })
}

fn owners_of(on: &mut dyn Query, number: &str) -> Result<Vec<i64>> {
    // A card's last ten characters are the insurance number.
    let card = number.len() == 15
        && number.is_char_boundary(5)
        && number.bytes().take(2).all(|b| b.is_ascii_alphabetic())
        && number.bytes().skip(2).all(|b| b.is_ascii_digit());
    let number = if card { &number[5..] } else { number };
    let mut spellings = vec![number.to_owned(), number.to_uppercase(), number.to_lowercase()];
    spellings.dedup();
    let mut owners = Vec::new();
    // A whole number is found by itself: those that only end alike are not opened for it.
    if number.chars().count() >= WHOLE_CHARS {
        for spelling in &spellings {
            let found = rows::numbers_with(on, &numbers::key(spelling), NUMBER_OWNERS as i64)?;
            owners.extend(found.iter().filter(|n| NumberKind::searchable(n.kind)).map(|n| n.person));
        }
        if !owners.is_empty() {
            return Ok(owners);
        }
    }
    for spelling in spellings {
        let found = rows::numbers_ending(on, &numbers::key(&spelling), NUMBER_OWNERS)?;
        owners.extend(found.iter().filter(|n| NumberKind::searchable(n.kind)).map(|n| n.person));
    }
    Ok(owners)
}

fn by_day(on: &mut dyn Query, question: &Question, scope: Option<i64>, after: Cursor, limit: usize) -> Result<Rows> {
    let day = question.day.map_or(0, |day| i64::from(day.0));
    let (mut rows, mut last) = (Vec::new(), after.person);
    loop {
        let ids = rows::born_on(on, day, last, limit as i64 + 1)?;
        let Some(end) = ids.last() else { break };
        last = *end;
        for person in ids {
            let today = root_row(on, person)?;
            if known_to(on, scope, today.id)? {
                rows.push((Cursor { tier: 0, person }, today));
            }
        }
        if rows.len() > limit {
            break;
        }
    }
    Ok(page_of(rows, limit))
}

fn by_sets(on: &mut dyn Query, question: &Question, scope: Option<i64>, after: Cursor, limit: usize) -> Result<Rows> {
    let mut clauses = Vec::new();
    clauses.extend(scope.map(|facility| vec![tokens::facility(facility)]));
    clauses.extend(question.year.or(question.day.map(|d| d.ymd().0)).map(|year| vec![tokens::year(i64::from(year))]));
    for (at, word) in question.words.iter().enumerate() {
        // Whoever has a word that begins with a longer one of the words has one that begins with this.
        let implied = |(i, w): (usize, &String)| w.starts_with(word.as_str()) && (w.len() > word.len() || i < at);
        if !question.words.iter().enumerate().any(implied) {
            clauses.push(beginnings(on, word)?);
        }
    }
    clauses.sort_by_key(Vec::len);
    let given = question.words.last().map(|word| tokens::given(word));
    let end = rows::next_person(on)?;
    let mut rows = Vec::new();
    for tier in after.tier..2 {
        let wanted = given.as_deref().map(|token| (token, tier == 0));
        if wanted.is_none() && tier == 1 {
            break;
        }
        let mut from = if tier == after.tier { after.person + 1 } else { 0 };
        while rows.len() <= limit && from < end {
            let first = from / CHUNK;
            let block = intersect(on, &clauses, wanted, first..first + BLOCK)?;
            for person in people(&block, first).filter(|p| *p >= from) {
                let own = rows::person(on, person)?.filter(|row| question.fits_birth(birth_of(row)));
                if let Some(own) = own {
                    let today = if own.merged_into.is_some() { root_row(on, person)? } else { own };
                    rows.push((Cursor { tier, person }, today));
                }
                if rows.len() > limit {
                    break;
                }
            }
            from = (first + BLOCK) * CHUNK;
        }
    }
    Ok(page_of(rows, limit))
}

fn people(block: &[Bits], first: i64) -> impl Iterator<Item = i64> + '_ {
    block.iter().zip(first..).flat_map(|(bits, chunk)| bits.places().map(move |place| chunk * CHUNK + place as i64))
}

/// Tokens of the words that begin with `word`, itself first.
fn beginnings(on: &mut dyn Query, word: &str) -> Result<Vec<String>> {
    if word.chars().count() == 1 {
        return Ok(vec![tokens::initial(word)]);
    }
    let mut found = vec![word.to_owned()];
    while found.len() < BEGINNINGS
        && let Some(next) = rows::next_token(on, word, &found[found.len() - 1])?
    {
        found.push(next);
    }
    Ok(found)
}

/// Chunks `chunks` of everybody in all clauses (each the union of its tokens), and with (or without) the given name.
fn intersect(
    on: &mut dyn Query,
    clauses: &[Vec<String>],
    given: Option<(&str, bool)>,
    chunks: std::ops::Range<i64>,
) -> Result<Vec<Bits>> {
    let mut all: Option<Vec<Bits>> = None;
    for clause in clauses {
        let mut union = vec![Bits::default(); BLOCK as usize];
        for token in clause {
            add_sets(on, token, chunks.clone(), &mut union)?;
        }
        if let Some(before) = &all {
            union.iter_mut().zip(before).for_each(|(bits, before)| bits.intersect(before));
        }
        if union.iter().all(Bits::is_empty) {
            return Ok(union);
        }
        all = Some(union);
    }
    let mut all = all.unwrap_or_default();
    if let Some((token, with)) = given {
        let mut named = vec![Bits::default(); BLOCK as usize];
        add_sets(on, token, chunks, &mut named)?;
        for (bits, named) in all.iter_mut().zip(&named) {
            if with { bits.intersect(named) } else { bits.subtract(named) }
        }
    }
    Ok(all)
}

fn add_sets(on: &mut dyn Query, token: &str, chunks: std::ops::Range<i64>, to: &mut [Bits]) -> Result<()> {
    let first = chunks.start;
    rows::sets(on, token, chunks, &mut |chunk, packed| {
        if let Some(bits) = usize::try_from(chunk - first).ok().and_then(|at| to.get_mut(at)) {
            bits.add_packed(packed);
        }
        Ok(())
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn understands_what_is_typed() {
        let day = |t| Day::parse_iso(t).unwrap();
        let words = |w: &[&str]| w.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>();
        for (text, expect) in [
            ("Nguyễn Đức", Question { words: words(&["nguyen", "duc"]), ..Question::default() }),
            ("hoa 1985", Question { words: words(&["hoa"]), year: Some(1985), ..Question::default() }),
            ("12/03/1985", Question { day: Some(day("1985-03-12")), ..Question::default() }),
            ("hoa 2-3-1985", Question { words: words(&["hoa"]), day: Some(day("1985-03-02")), ..Question::default() }),
            ("0905 123 456", Question { numbers: words(&["0905123456"]), ..Question::default() }),
            ("0905.123.456", Question { numbers: words(&["0905123456"]), ..Question::default() }),
            ("DN4460123456789", Question { numbers: words(&["DN4460123456789"]), ..Question::default() }),
            ("BN-001", Question { numbers: words(&["BN-001"]), ..Question::default() }),
            ("an 12", Question { words: words(&["an"]), short: true, ..Question::default() }),
            ("31/02/1985", Question { numbers: words(&["31021985"]), ..Question::default() }),
            ("1985 4567", Question { year: Some(1985), numbers: words(&["4567"]), ..Question::default() }),
            (" , ", Question::default()),
        ] {
            assert_eq!(Question::parse(text), expect, "{text}");
        }
    }

    #[test]
    fn cursors_come_back() {
        let cursor = Cursor { tier: 1, person: 77 };
        assert_eq!(Cursor::parse(&cursor.text()), Some(cursor));
        for bad in ["", "1", "2.5", "a.1", "1.x"] {
            assert_eq!(Cursor::parse(bad), None, "{bad}");
        }
    }
}
