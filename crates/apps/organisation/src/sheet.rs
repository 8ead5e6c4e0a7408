//! A facility as sheets of rows: what the wizard asks step by step, what a spreadsheet holds, what the page shows.

use crate::kinds::{Kinds, means};
use mach_access::Role;
use mach_base::Day;
use mach_base::text::{fold, nfc};
use mach_house::role_label;
use mach_places::{Level, Places, Unit};
use mach_ui::{Lang, Msg, msg};

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    /// Any text.
    Text,
    /// Letters and digits, at most so many.
    Code(usize),
    /// A day.
    Day,
    /// A number of beds.
    Beds,
    /// Đồng.
    Price,
    /// A time of day.
    Clock,
    /// A commune, by code.
    Commune,
    /// A kind of facility.
    Kind,
    /// A position.
    Position,
    /// A role of an account, or none.
    Role,
    /// Which stored person a row is: travels with the row, nobody types it.
    Id,
}

/// A column.
#[derive(Debug)]
pub struct Col {
    /// Its name in forms.
    pub key: &'static str,
    /// Its heading.
    pub label: Msg,
    /// What it holds.
    pub holds: Holds,
    /// Whether each row has it.
    pub required: bool,
    /// How to fill it.
    pub hint: Option<Msg>,
}

/// A step.
#[derive(Debug)]
pub struct Sheet {
    /// Its name in addresses.
    pub key: &'static str,
    /// What it is called.
    pub label: Msg,
    /// What is asked in it.
    pub lead: Msg,
    /// Its columns.
    pub cols: &'static [Col],
}

const fn col(key: &'static str, label: Msg, holds: Holds, required: bool) -> Col {
    Col { key, label, holds, required, hint: None }
}

const fn hinted(key: &'static str, label: Msg, holds: Holds, required: bool, hint: Msg) -> Col {
    Col { key, label, holds, required, hint: Some(hint) }
}

/// The steps, in their order. Numbers of columns are named below.
pub const SHEETS: [Sheet; 6] = [
    Sheet {
        key: "facility",
        label: msg::ORG_FACILITY,
        lead: msg::ORG_FACILITY_LEAD,
        cols: &[
            col("kind", msg::ORG_KIND, Holds::Kind, true),
            col("name", msg::ORG_NAME, Holds::Text, true),
            hinted("code", msg::ORG_CODE, Holds::Code(5), true, msg::ORG_CODE_HINT),
            hinted("gln", msg::ORG_GLN, Holds::Code(13), false, msg::ORG_GLN_HINT),
            hinted("commune", msg::ORG_COMMUNE, Holds::Commune, true, msg::ORG_COMMUNE_HINT),
            col("address", msg::ORG_ADDRESS, Holds::Text, false),
            col("phone", msg::ORG_PHONE, Holds::Text, false),
            col("from", msg::ORG_FROM, Holds::Day, true),
        ],
    },
    Sheet {
        key: "departments",
        label: msg::ORG_DEPARTMENTS,
        lead: msg::ORG_DEPARTMENTS_LEAD,
        cols: &[
            col("code", msg::ORG_SHORT_CODE, Holds::Code(6), true),
            col("name", msg::ORG_DEPARTMENT_NAME, Holds::Text, true),
        ],
    },
    Sheet {
        key: "rooms",
        label: msg::ORG_ROOMS,
        lead: msg::ORG_ROOMS_LEAD,
        cols: &[
            col("code", msg::ORG_SHORT_CODE, Holds::Code(6), true),
            col("name", msg::ORG_ROOM_NAME, Holds::Text, true),
            col("department", msg::ORG_DEPARTMENT_CODE, Holds::Code(6), false),
            col("beds", msg::ORG_BEDS, Holds::Beds, false),
        ],
    },
    Sheet {
        key: "staff",
        label: msg::ORG_STAFF,
        lead: msg::ORG_STAFF_LEAD,
        cols: &[
            col("name", msg::ORG_PERSON_NAME, Holds::Text, true),
            col("position", msg::ORG_POSITION, Holds::Position, true),
            col("licence", msg::ORG_LICENCE, Holds::Text, false),
            col("scope", msg::ORG_SCOPE, Holds::Text, false),
            col("from", msg::ORG_LICENCE_FROM, Holds::Day, false),
            col("to", msg::ORG_LICENCE_TO, Holds::Day, false),
            col("department", msg::ORG_DEPARTMENT_CODE, Holds::Code(6), false),
            hinted("hours", msg::ORG_WORKING_HOURS, Holds::Text, false, msg::ORG_HOURS_HINT),
            col("account", msg::ORG_ACCOUNT, Holds::Text, false),
            col("role", msg::ORG_ROLE, Holds::Role, false),
            col("id", msg::ORG_PERSON_NAME, Holds::Id, false),
        ],
    },
    Sheet {
        key: "services",
        label: msg::ORG_SERVICES,
        lead: msg::ORG_SERVICES_LEAD,
        cols: &[
            col("code", msg::ORG_SERVICE_CODE, Holds::Text, true),
            col("name", msg::ORG_SERVICE_NAME, Holds::Text, true),
            col("price", msg::ORG_PRICE, Holds::Price, false),
            col("from", msg::ORG_PRICE_FROM, Holds::Day, false),
        ],
    },
    Sheet {
        key: "hours",
        label: msg::ORG_HOURS,
        lead: msg::ORG_HOURS_LEAD,
        cols: &[
            hinted("days", msg::ORG_DAYS, Holds::Text, true, msg::ORG_DAYS_HINT),
            col("from", msg::ORG_HOUR_FROM, Holds::Clock, true),
            col("to", msg::ORG_HOUR_TO, Holds::Clock, true),
        ],
    },
];

impl Sheet {
    /// The columns that people see and fill in; those of accounts only while a facility is made.
    pub fn shown(&'static self, accounts: bool) -> impl Iterator<Item = &'static Col> {
        self.cols.iter().filter(move |c| c.holds != Holds::Id && (accounts || !matches!(c.key, "account" | "role")))
    }
}

/// Number of the sheet of the facility itself.
pub const FACILITY: usize = 0;
/// Number of the sheet of departments.
pub const DEPARTMENTS: usize = 1;
/// Number of the sheet of rooms.
pub const ROOMS: usize = 2;
/// Number of the sheet of staff.
pub const STAFF: usize = 3;
/// Number of the sheet of services.
pub const SERVICES: usize = 4;
/// Number of the sheet of hours.
pub const HOURS: usize = 5;

/// The number of the sheet with this key.
pub fn number(key: &str) -> Option<usize> {
    SHEETS.iter().position(|s| s.key == key)
}

/// One row, a text for each column.
pub type Row = Vec<String>;

/// A facility as it was typed: the rows of each sheet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Draft {
    /// Rows by sheet.
    pub sheets: [Vec<Row>; 6],
}

impl Draft {
    /// The text of a row's column, empty where there is none.
    pub fn get(&self, sheet: usize, row: usize, key: &str) -> &str {
        let Some(at) = SHEETS[sheet].cols.iter().position(|c| c.key == key) else { return "" };
        self.sheets[sheet].get(row).and_then(|r| r.get(at)).map_or("", String::as_str)
    }

    /// Puts a text into a row's column.
    pub fn set(&mut self, sheet: usize, row: usize, key: &str, text: &str) {
        let Some(at) = SHEETS[sheet].cols.iter().position(|c| c.key == key) else { return };
        if let Some(cells) = self.sheets[sheet].get_mut(row) {
            cells.resize(SHEETS[sheet].cols.len(), String::new());
            text.clone_into(&mut cells[at]);
        }
    }

    /// A text of the facility itself.
    pub fn facility(&self, key: &str) -> &str {
        self.get(FACILITY, 0, key)
    }

    /// Fills what is still empty with the profile of a kind.
    pub fn install(&mut self, kind: &crate::kinds::Kind) {
        let from = self.facility("from").to_owned();
        if self.sheets[DEPARTMENTS].is_empty() {
            self.sheets[DEPARTMENTS] = kind.departments.iter().map(|d| vec![d.code.clone(), d.name.clone()]).collect();
            if self.sheets[ROOMS].is_empty() {
                let row = |r: &crate::kinds::Room| {
                    let beds = if r.beds == 0 { String::new() } else { r.beds.to_string() };
                    vec![r.code.clone(), r.name.clone(), r.department.clone(), beds]
                };
                self.sheets[ROOMS] = kind.rooms.iter().map(row).collect();
            }
        }
        if self.sheets[SERVICES].is_empty() {
            let row = |s: &crate::kinds::Named| vec![s.code.clone(), s.name.clone(), String::new(), from.clone()];
            self.sheets[SERVICES] = kind.services.iter().map(row).collect();
        }
        if self.sheets[HOURS].is_empty() {
            let spans = [("07:00", "11:30"), ("13:30", "17:00")];
            self.sheets[HOURS] = spans.map(|(a, b)| vec!["T2-T6".to_owned(), a.to_owned(), b.to_owned()]).into();
        }
    }
}

/// A text as it is kept: composed, without control characters and blanks at its ends, days as `yyyy-MM-dd`, words of lists
/// as their codes. What cannot be read stays as it is, for the check to tell.
pub fn tidy(holds: Holds, text: &str) -> String {
    let clean: String = nfc(text).chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let clean = clean.trim().to_owned();
    if clean.is_empty() {
        return clean;
    }
    match holds {
        Holds::Code(_) => clean.to_uppercase(),
        Holds::Day => day(&clean).map_or(clean, |d| d.to_string()),
        Holds::Price => {
            let plain: String =
                clean.chars().filter(|c| !matches!(c, '.' | ',' | ' ' | '\u{a0}' | 'đ' | '₫')).collect();
            // 35.000,5 is no number of đồng: only groups of three may be left out.
            let groups = clean.split(['.', ',']).skip(1).all(|g| g.chars().filter(char::is_ascii_digit).count() == 3);
            if groups && plain.bytes().all(|b| b.is_ascii_digit()) { plain } else { clean }
        }
        Holds::Commune => commune(&clean).unwrap_or(clean),
        Holds::Kind => {
            let kinds = &Kinds::shared().kinds;
            let found = kinds.iter().find(|k| means(&clean, &[&k.code, k.name(Lang::Vi), k.name(Lang::En)]));
            found.map_or(clean, |k| k.code.clone())
        }
        Holds::Position => {
            let all = &Kinds::shared().positions;
            let found = all.iter().find(|p| means(&clean, &[&p.code, p.name(Lang::Vi), p.name(Lang::En)]));
            found.map_or(clean, |p| p.code.clone())
        }
        Holds::Role => {
            let named = |r: &Role| means(&clean, &[r.code(), Lang::Vi.t(role_label(*r)), Lang::En.t(role_label(*r))]);
            ROLES.into_iter().find(named).map_or(clean, |r| r.code().to_owned())
        }
        Holds::Text | Holds::Beds | Holds::Clock | Holds::Id => clean,
    }
}

/// The code of the commune that a name means today, where it means one only.
fn commune(typed: &str) -> Option<String> {
    let (places, today, wanted) = (Places::shared(), Day::today(), fold(typed));
    let fits = |u: &&Unit| {
        let named = fold(&u.full_name()) == wanted || fold(&u.name_vi) == wanted;
        u.level == Level::Commune && named && u.holds(today)
    };
    let mut found = places.all().iter().filter(fits);
    let first = found.next()?;
    found.next().is_none().then(|| first.code.to_string())
}

/// Roles that an account made here may have: those of one facility.
pub const ROLES: [Role; 4] = [Role::Clinician, Role::Operator, Role::Head, Role::Administrator];

/// A day as it is typed: `31/12/2026` or `2026-12-31`.
pub fn day(text: &str) -> Option<Day> {
    if let Some(day) = Day::parse_iso(text) {
        return Some(day);
    }
    let mut parts = text.split('/').map(str::trim);
    let (d, m, y) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || y.len() != 4 {
        return None;
    }
    Day::from_ymd(y.parse().ok()?, m.parse().ok()?, d.parse().ok()?)
}

/// A text as a spreadsheet has it: as it would be typed there.
pub fn written(holds: Holds, text: &str) -> String {
    match holds {
        Holds::Price | Holds::Commune => text.to_owned(),
        _ => shown(Lang::Vi, holds, text),
    }
}

/// A text as it is shown: names in the place of codes, days and prices as they are written here.
pub fn shown(lang: Lang, holds: Holds, text: &str) -> String {
    match holds {
        Holds::Day => Day::parse_iso(text).map_or_else(|| text.to_owned(), Day::vi),
        Holds::Price => {
            text.parse().map_or_else(|_| text.to_owned(), |n| format!("{} đ", mach_ui::format::integer(lang, n)))
        }
        Holds::Kind => Kinds::shared().kind(text).map_or(text, |k| k.name(lang)).to_owned(),
        Holds::Position => Kinds::shared().position(text).map_or(text, |p| p.name(lang)).to_owned(),
        Holds::Commune => match Places::shared().get(text, Day::today()) {
            Some(unit) => format!("{} ({text})", unit.full_name()),
            None => text.to_owned(),
        },
        Holds::Role => Role::parse(text).map_or(text, |r| lang.t(role_label(r))).to_owned(),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_tidied() {
        for (holds, typed, kept) in [
            (Holds::Day, "1/7/2026", "2026-07-01"),
            (Holds::Day, "31/02/2026", "31/02/2026"),
            (Holds::Price, "1.250.000 đ", "1250000"),
            (Holds::Price, "35.5", "35.5"),
            (Holds::Kind, "bệnh viện hạng ii", "hospital-2"),
            (Holds::Kind, "Benh vien hang III", "hospital-3"),
            (Holds::Position, "bac si", "doctor"),
            (Holds::Code(5), " 46x01\u{7}", "46X01"),
        ] {
            assert_eq!(tidy(holds, typed), kept, "{typed}");
        }
    }

    #[test]
    fn a_profile_fills_only_what_is_empty() {
        let kind = Kinds::shared().kind("station").expect("a station");
        let mut draft = Draft::default();
        draft.sheets[SERVICES] = vec![vec!["X".into(), "Mine".into(), String::new(), String::new()]];
        draft.install(kind);
        assert_eq!(draft.sheets[DEPARTMENTS].len(), kind.departments.len());
        assert_eq!(draft.sheets[SERVICES].len(), 1);
    }
}
