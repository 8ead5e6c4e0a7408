//! Kinds of facilities and what each is set up with: data of `content/organisation/kinds.json`.

use mach_base::content;
use mach_base::text::fold;
use mach_terms::{FacilityKind, Tier};
use mach_ui::Lang;
use serde::Deserialize;
use std::sync::OnceLock;

/// A kind of facility.
#[derive(Clone, Debug, Deserialize)]
pub struct Kind {
    /// Its code: `station`, `hospital-2`.
    pub code: String,
    vi: String,
    en: String,
    /// Departments it is set up with.
    pub departments: Vec<Named>,
    /// Rooms it is set up with.
    pub rooms: Vec<Room>,
    /// Services it is set up with; their prices are the facility's to say.
    pub services: Vec<Named>,
    /// URLs of the shipped forms that are kept for it.
    pub forms: Vec<String>,
    /// Roles its accounts usually have.
    pub roles: Vec<String>,
    /// What it is in the register of facilities, and so beside whom it is ranked; a clinic where the list does not say.
    #[serde(default)]
    register: Registered,
}

/// What a kind of facility is in the register, as `content/facilities.csv` writes it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Registered {
    kind: String,
    tier: String,
    grade: Option<u8>,
}

/// A code and a name.
#[derive(Clone, Debug, Deserialize)]
pub struct Named {
    /// Code within the facility.
    pub code: String,
    /// Vietnamese name.
    pub name: String,
}

/// A room of a profile.
#[derive(Clone, Debug, Deserialize)]
pub struct Room {
    /// Code within the facility.
    pub code: String,
    /// Vietnamese name.
    pub name: String,
    /// Code of its department.
    pub department: String,
    /// Beds in it.
    pub beds: u32,
}

/// What somebody is employed as.
#[derive(Clone, Debug, Deserialize)]
pub struct Position {
    /// Its code: `doctor`.
    pub code: String,
    vi: String,
    en: String,
    /// Whether it is practised under a licence (Law 15/2023/QH15, Article 26).
    pub licensed: bool,
}

/// Everything of the file.
#[derive(Clone, Debug, Deserialize)]
pub struct Kinds {
    /// Kinds of facilities, as they are offered.
    pub kinds: Vec<Kind>,
    /// Positions of staff.
    pub positions: Vec<Position>,
}

fn said<'a>(lang: Lang, vi: &'a str, en: &'a str) -> &'a str {
    match lang {
        Lang::Vi => vi,
        Lang::En => en,
    }
}

impl Kind {
    /// What it is called.
    pub fn name(&self, lang: Lang) -> &str {
        said(lang, &self.vi, &self.en)
    }
}

impl Kind {
    /// Kind, tier and grade in the register.
    pub fn in_register(&self) -> (FacilityKind, Tier, Option<u8>) {
        let kind = FacilityKind::parse(&self.register.kind).unwrap_or(FacilityKind::Clinic);
        (kind, Tier::parse(&self.register.tier).unwrap_or(Tier::Province), self.register.grade)
    }
}

impl Position {
    /// What it is called.
    pub fn name(&self, lang: Lang) -> &str {
        said(lang, &self.vi, &self.en)
    }
}

impl Kinds {
    /// The kinds in use.
    ///
    /// # Panics
    /// Where the administrator's own file cannot be read: half a list is worse than none.
    pub fn shared() -> &'static Self {
        static KINDS: OnceLock<Kinds> = OnceLock::new();
        KINDS.get_or_init(|| {
            let text =
                content::text("organisation/kinds.json", include_str!("../../../../content/organisation/kinds.json"));
            match serde_json::from_str(&text) {
                Ok(kinds) => kinds,
                Err(e) => panic!("content/organisation/kinds.json: {e}"),
            }
        })
    }

    /// The kind with this code.
    pub fn kind(&self, code: &str) -> Option<&Kind> {
        self.kinds.iter().find(|k| k.code == code)
    }

    /// The position with this code.
    pub fn position(&self, code: &str) -> Option<&Position> {
        self.positions.iter().find(|p| p.code == code)
    }
}

/// Whether `typed` means the entry with this code and these names, accents and case aside.
pub(crate) fn means(typed: &str, spellings: &[&str]) -> bool {
    let typed = fold(typed.trim());
    spellings.iter().any(|s| fold(s) == typed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn profiles_hold_together() {
        let kinds = Kinds::shared();
        assert_eq!(kinds.kinds.len(), 8);
        for kind in &kinds.kinds {
            let departments: HashSet<&str> = kind.departments.iter().map(|d| d.code.as_str()).collect();
            assert_eq!(departments.len(), kind.departments.len(), "{}", kind.code);
            assert!(kind.rooms.iter().all(|r| departments.contains(r.department.as_str())), "{}", kind.code);
            let known = (&kind.register.kind, &kind.register.tier);
            assert!(FacilityKind::parse(known.0).is_some() && Tier::parse(known.1).is_some(), "{}", kind.code);
            assert!(kind.roles.iter().all(|r| mach_access::Role::parse(r).is_some()), "{}", kind.code);
            for url in &kind.forms {
                assert!(
                    mach_forms::library::shipped().iter().any(|f| f.url == *url),
                    "{} has no form {url}",
                    kind.code
                );
            }
        }
        assert!(kinds.positions.iter().any(|p| p.licensed) && kinds.position("doctor").is_some());
    }
}
