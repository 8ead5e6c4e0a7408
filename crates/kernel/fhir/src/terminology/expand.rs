//! The codes of a value set, one by one.

use super::Problem;
use super::library::Library;
use super::member::{Asking, Known, Tests, Wanted};
use super::system::{CodeSystem, Concept, Content};
use super::value_set::{Listed, Part, ValueSet};
use super::{Membership, grammar};
use mach_base::Day;
use std::collections::HashSet;
use std::sync::Arc;

/// Codes looked at for one expansion, those of imports counted each time.
pub const LOOKED_AT: usize = 2_000_000;

/// What is wanted of an expansion.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Words that must begin words of a code's texts, accents and case aside; or the beginning of the code.
    pub filter: String,
    /// Only codes in use.
    pub active_only: bool,
    /// Leave out codes that only group others.
    pub choices_only: bool,
    /// The day on which codes must be in use; any where `None`.
    pub day: Option<Day>,
}

/// One code of an expansion.
#[derive(Clone, Debug)]
pub struct Member {
    /// Its system, by number in `Expansion::systems`.
    pub system: u16,
    /// Its concept, where the system is known.
    pub row: Option<u32>,
    /// What the value set itself says of it.
    pub listed: Option<Arc<Listed>>,
}

/// A code system that codes of an expansion are of.
#[derive(Clone, Debug)]
pub struct Used {
    /// Canonical URL.
    pub url: Box<str>,
    /// Version; empty where unknown.
    pub version: Box<str>,
    /// Its content, where it is known.
    pub content: Option<Arc<CodeSystem>>,
}

/// An expansion.
#[derive(Clone, Debug, Default)]
pub struct Expansion {
    /// Systems.
    pub systems: Vec<Used>,
    /// Codes, in the order of the definition.
    pub members: Vec<Member>,
    /// Whether there are codes that are not here: a code system is only partly known.
    pub is_partial: bool,
}

impl Expansion {
    /// A member's system.
    pub fn system(&self, member: &Member) -> &Used {
        &self.systems[usize::from(member.system)]
    }

    /// A member's concept.
    pub fn concept(&self, member: &Member) -> Option<Concept<'_>> {
        Some(self.system(member).content.as_deref()?.at(member.row?))
    }

    /// A member's code.
    pub fn code<'a>(&'a self, member: &'a Member) -> &'a str {
        match (self.concept(member), &member.listed) {
            (Some(concept), _) => concept.code(),
            (None, Some(listed)) => &listed.code,
            (None, None) => "",
        }
    }

    /// A member's words: those of the value set before those of the system, in a language where there are some.
    pub fn display<'a>(&'a self, member: &'a Member, language: Option<&str>) -> &'a str {
        let own = member.listed.as_deref();
        if let (Some(listed), Some(language)) = (own, language)
            && let Some((_, words)) = listed.designations.iter().find(|(l, _)| grammar::same_language(l, language))
        {
            return words;
        }
        let concept = self.concept(member);
        if let (Some(concept), Some(language)) = (concept, language)
            && concept.designations().any(|d| grammar::same_language(d.language, language))
        {
            return concept.display_in(Some(language));
        }
        match own.filter(|l| !l.display.is_empty()) {
            Some(listed) => &listed.display,
            None => concept.map_or("", Concept::display),
        }
    }
}

/// Expands a value set.
///
/// # Errors
/// `Unknown` where content that it needs is not here, `TooCostly` where it has no end or too many codes, `Invalid` where a
/// definition is wrong.
pub fn expand(library: &Library, set: &ValueSet, options: &Options) -> Result<Expansion, Problem> {
    let folded = mach_base::text::fold(&options.filter);
    let words = folded.split(' ').filter(|w| !w.is_empty()).map(|w| format!(" {w}")).collect();
    let begin = options.filter.trim().to_lowercase();
    let mut work = Work {
        asking: Asking::new(library),
        outer: Asking::new(library),
        out: Expansion::default(),
        seen: HashSet::new(),
        left: LOOKED_AT,
        only_active: options.active_only,
        options,
        words,
        begin,
    };
    work.set(set, &[])?;
    Ok(work.out)
}

struct Work<'l> {
    asking: Asking<'l>,
    /// Asks conditions from outside, which begin anew at their own value set.
    outer: Asking<'l>,
    out: Expansion,
    seen: HashSet<(u16, Box<str>)>,
    left: usize,
    /// A value set that is being expanded, or the asker, leaves out codes that are no longer used.
    only_active: bool,
    options: &'l Options,
    words: Vec<String>,
    /// The filter's text, lower case, as a code may begin.
    begin: String,
}

/// Conditions that imports and excludes set from outside: of which set, of which part, from which import on, and whether
/// they must hold.
type Outer<'a> = (&'a ValueSet, &'a Part, usize, bool);

impl Work<'_> {
    fn set(&mut self, set: &ValueSet, outer: &[Outer<'_>]) -> Result<(), Problem> {
        self.asking.enter(set)?;
        let only_active = self.only_active;
        self.only_active |= set.inactive == Some(false);
        let done = self.set_inside(set, outer);
        self.only_active = only_active;
        self.asking.leave();
        done
    }

    fn set_inside(&mut self, set: &ValueSet, outer: &[Outer<'_>]) -> Result<(), Problem> {
        let mut conditions = outer.to_vec();
        conditions.extend(set.excludes.iter().map(|part| (set, part, 0, false)));
        let parts = match (set.is_defined, set.came_expanded.is_empty()) {
            (true, _) => &set.includes,
            (false, false) => &set.came_expanded,
            (false, true) => return Err(Problem::Unknown(format!("value set `{}` has no content", set.shown()))),
        };
        let before = self.out.members.len();
        for part in parts {
            match self.part(set, part, &conditions) {
                // Its author expanded it where the code system was known.
                Err(Problem::Unknown(_)) if set.is_defined && !set.came_expanded.is_empty() => {
                    for gone in self.out.members.split_off(before) {
                        let code = self.out.code(&gone).into();
                        self.seen.remove(&(gone.system, code));
                    }
                    for part in &set.came_expanded {
                        self.part(set, part, &conditions)?;
                    }
                    return Ok(());
                }
                done => done?,
            }
        }
        Ok(())
    }

    fn part(&mut self, set: &ValueSet, part: &Part, outer: &[Outer<'_>]) -> Result<(), Problem> {
        if part.system.is_empty() {
            // The codes of the first import that are in all others.
            let Some(first) = part.imports.first() else { return Ok(()) };
            let import = self.asking.import(set, first)?.ok_or_else(|| self.lacking())?;
            let mut conditions = outer.to_vec();
            if part.imports.len() > 1 {
                conditions.push((set, part, 1, true));
            }
            return self.set(&import, &conditions);
        }
        let known = self.asking.known(&part.system, &part.version)?;
        let content = match &known {
            Known::Listed(system) => Some(Arc::clone(system)),
            _ => None,
        };
        let number = self.used(part, content.clone());
        let mut conditions = outer.to_vec();
        if !part.imports.is_empty() {
            conditions.push((set, part, 0, true));
        }
        if !part.listed.is_empty() {
            self.asking.lacking = None;
            for listed in &part.listed {
                let row = content.as_ref().and_then(|s| s.find(&listed.code)).map(|c| c.at);
                let member = Member { system: number, row, listed: Some(Arc::clone(listed)) };
                self.take(member, &conditions)?;
            }
            return Ok(());
        }
        let Some(system) = content else {
            return Err(match known {
                Known::Grammar(_) => Problem::TooCostly(format!(
                    "the codes of `{}` have no end: they can be validated, not listed",
                    part.system
                )),
                _ => self.lacking(),
            });
        };
        self.out.is_partial |= system.head.content != Content::Complete;
        let tests = Tests::new(&system, &part.filters)?;
        for concept in system.concepts() {
            self.spend()?;
            if tests.hold(concept) {
                let member = Member { system: number, row: Some(concept.at), listed: None };
                self.take(member, &conditions)?;
            }
        }
        Ok(())
    }

    fn lacking(&mut self) -> Problem {
        let text = self.asking.lacking.take().or_else(|| self.outer.lacking.take());
        Problem::Unknown(text.unwrap_or_else(|| "content of the value set is not known here".to_owned()))
    }

    fn spend(&mut self) -> Result<(), Problem> {
        self.left = self
            .left
            .checked_sub(1)
            .ok_or_else(|| Problem::TooCostly(format!("the expansion would look at more than {LOOKED_AT} codes")))?;
        Ok(())
    }

    fn used(&mut self, part: &Part, content: Option<Arc<CodeSystem>>) -> u16 {
        let version = content.as_ref().map_or_else(|| part.version.clone(), |c| c.head.version.clone());
        let same = |u: &Used| u.url == part.system && u.version == version;
        if let Some(at) = self.out.systems.iter().position(same) {
            return at as u16;
        }
        self.out.systems.push(Used { url: part.system.clone(), version, content });
        (self.out.systems.len() - 1) as u16
    }

    /// Takes a code if it is wanted and not there yet.
    fn take(&mut self, member: Member, conditions: &[Outer<'_>]) -> Result<(), Problem> {
        self.spend()?;
        let concept = self.out.concept(&member);
        if let Some(concept) = concept {
            let inactive = concept.is_inactive() && self.only_active;
            let held = concept.holds(self.options.day);
            if inactive || !held || (self.options.choices_only && concept.is_abstract()) {
                return Ok(());
            }
        }
        if !self.says(&member) {
            return Ok(());
        }
        let code: Box<str> = self.out.code(&member).into();
        let system = self.out.system(&member).url.clone();
        let wanted = Wanted { system: Some(&system), code: &code, day: None };
        for (of, part, first, must) in conditions {
            let held = self.condition(of, part, *first, wanted)?;
            if held == Membership::Unknown {
                return Err(self.lacking());
            }
            if (held == Membership::In) != *must {
                return Ok(());
            }
        }
        if self.seen.insert((member.system, code)) {
            self.out.members.push(member);
        }
        Ok(())
    }

    fn condition(
        &mut self,
        of: &ValueSet,
        part: &Part,
        first: usize,
        wanted: Wanted<'_>,
    ) -> Result<Membership, Problem> {
        // An exclude holds as a whole; of an include that imports, only its other imports are left to ask.
        let rest = |imports: &[Box<str>]| Part { imports: imports.to_vec(), ..Part::default() };
        let is_exclude = of.excludes.iter().any(|e| std::ptr::eq(e, part));
        if is_exclude {
            return self.outer.part_holds(of, part, wanted);
        }
        self.outer.part_holds(of, &rest(&part.imports[first..]), wanted)
    }

    fn says(&self, member: &Member) -> bool {
        if self.begin.is_empty() {
            return true;
        }
        if let Some(concept) = self.out.concept(member)
            && concept.system.says(concept.at, &self.begin, &self.words)
        {
            return true;
        }
        let Some(listed) = &member.listed else { return false };
        let mut text = format!(" {}", mach_base::text::fold(&listed.display));
        for (_, words) in &listed.designations {
            text.push(' ');
            text.push_str(&mach_base::text::fold(words));
        }
        let by_words = !self.words.is_empty() && self.words.iter().all(|w| text.contains(w.as_str()));
        by_words || listed.code.to_lowercase().starts_with(&self.begin)
    }
}
