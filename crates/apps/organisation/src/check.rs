//! What must hold of a facility before anything of it is stored; the same for what is typed and for a spreadsheet.

use crate::hours;
use crate::kinds::Kinds;
use crate::limits;
use crate::sheet::{DEPARTMENTS, Draft, FACILITY, HOURS, Holds, ROLES, ROOMS, SERVICES, SHEETS, STAFF};
use mach_access::Role;
use mach_base::Day;
use mach_base::text::{is_facility_code, name_key};
use mach_places::{Level, Places};
use mach_store::accounts::is_account_name;
use mach_ui::{Lang, Msg, msg};
use std::collections::{HashMap, HashSet};

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// Sheet, by number.
    pub sheet: usize,
    /// Row within the sheet, from 0.
    pub row: usize,
    /// Name of the column.
    pub col: &'static str,
    /// What is wrong and what to do.
    pub text: String,
}

struct Check<'a> {
    lang: Lang,
    draft: &'a Draft,
    flaws: Vec<Flaw>,
}

/// Whether 13 digits are a GLN: GS1 General Specifications, §7.9, check digit.
pub fn is_gln(text: &str) -> bool {
    let digits: Vec<u32> = text.chars().filter_map(|c| c.to_digit(10)).collect();
    if digits.len() != 13 || text.len() != 13 {
        return false;
    }
    let sum: u32 = digits[..12].iter().zip([1, 3].into_iter().cycle()).map(|(d, w)| d * w).sum();
    (10 - sum % 10) % 10 == digits[12]
}

/// Everything that is wrong with a draft, in the order of its sheets; `limits::FLAWS` at most.
pub fn check(lang: Lang, draft: &Draft) -> Vec<Flaw> {
    let mut check = Check { lang, draft, flaws: Vec::new() };
    check.cells();
    check.facility();
    check.unique(DEPARTMENTS, "code");
    check.unique(ROOMS, "code");
    check.unique(SERVICES, "code");
    check.departments_exist(ROOMS);
    check.departments_exist(STAFF);
    check.staff();
    check.hours();
    check.flaws.sort_by_key(|f| (f.sheet, f.row));
    check.flaws.truncate(limits::FLAWS);
    check.flaws
}

impl Check<'_> {
    fn wrong(&mut self, (sheet, row): (usize, usize), col: &'static str, text: Msg) {
        self.told((sheet, row), col, self.lang.t(text).to_owned());
    }

    fn told(&mut self, (sheet, row): (usize, usize), col: &'static str, text: String) {
        if !self.flaws.iter().any(|f| (f.sheet, f.row, f.col) == (sheet, row, col)) {
            self.flaws.push(Flaw { sheet, row, col, text });
        }
    }

    /// Each cell by itself: there where it must be, not too long, of its kind, and no formula.
    fn cells(&mut self) {
        for (n, sheet) in SHEETS.iter().enumerate() {
            let rows = self.draft.sheets[n].len();
            if rows > limits::ROWS {
                let text = self.lang.fmt(msg::ORG_WRONG_ROWS, &[("n", &limits::ROWS.to_string())]);
                self.told((n, limits::ROWS), sheet.cols[0].key, text);
            }
            for row in 0..rows.min(limits::ROWS) {
                for col in sheet.cols {
                    let text = self.draft.get(n, row, col.key);
                    if let Some(wrong) = cell(col.holds, col.required, text) {
                        let most = match col.holds {
                            Holds::Code(most) => most,
                            _ => limits::CELL_CHARS,
                        };
                        let text = self.lang.fmt(wrong, &[("n", &most.to_string())]);
                        self.told((n, row), col.key, text);
                    }
                }
            }
        }
    }

    fn facility(&mut self) {
        let at = (FACILITY, 0);
        if self.draft.sheets[FACILITY].len() != 1 {
            self.wrong((FACILITY, self.draft.sheets[FACILITY].len()), "name", msg::ORG_WRONG_ONE);
        }
        if !is_facility_code(self.draft.facility("code")) {
            self.wrong(at, "code", msg::ORG_CODE_HINT);
        }
        let gln = self.draft.facility("gln");
        if !gln.is_empty() && !is_gln(gln) {
            self.wrong(at, "gln", msg::ORG_WRONG_GLN);
        }
        let commune = Places::shared().get(self.draft.facility("commune"), Day::today());
        if commune.is_none_or(|u| u.level != Level::Commune) {
            self.wrong(at, "commune", msg::ORG_WRONG_COMMUNE);
        }
    }

    fn unique(&mut self, sheet: usize, col: &'static str) {
        let mut seen = HashSet::new();
        for row in 0..self.draft.sheets[sheet].len() {
            let code = self.draft.get(sheet, row, col).to_owned();
            if !code.is_empty() && !seen.insert(code) {
                self.wrong((sheet, row), col, msg::ORG_WRONG_TWICE);
            }
        }
    }

    fn departments_exist(&mut self, sheet: usize) {
        let rows = 0..self.draft.sheets[DEPARTMENTS].len();
        let known: HashSet<&str> = rows.map(|row| self.draft.get(DEPARTMENTS, row, "code")).collect();
        for row in 0..self.draft.sheets[sheet].len() {
            let code = self.draft.get(sheet, row, "department");
            if !code.is_empty() && !known.contains(code) {
                let text = self.lang.fmt(msg::ORG_WRONG_DEPARTMENT, &[("code", code)]);
                self.told((sheet, row), "department", text);
            }
        }
    }

    fn staff(&mut self) {
        let (mut who, mut accounts) = (HashMap::new(), HashSet::new());
        for row in 0..self.draft.sheets[STAFF].len() {
            let at = (STAFF, row);
            let get = |key| self.draft.get(STAFF, row, key).to_owned();
            let (licence, from, to) = (get("licence"), Day::parse_iso(&get("from")), Day::parse_iso(&get("to")));
            let licensed = Kinds::shared().position(&get("position")).is_some_and(|p| p.licensed);
            if licensed && licence.is_empty() {
                self.wrong(at, "licence", msg::ORG_WRONG_LICENCE);
            }
            if !licence.is_empty() && get("scope").is_empty() {
                self.wrong(at, "scope", msg::ORG_WRONG_SCOPE);
            }
            if !licence.is_empty() && get("from").is_empty() {
                self.wrong(at, "from", msg::ORG_WRONG_LICENCE_FROM);
            }
            if let (Some(from), Some(to)) = (from, to)
                && to < from
            {
                self.wrong(at, "to", msg::ORG_WRONG_PERIOD);
            }
            if who.insert(identity(&licence, &get("name")), row).is_some() {
                self.wrong(at, if licence.is_empty() { "name" } else { "licence" }, msg::ORG_WRONG_TWICE);
            }
            if hours::parse(&get("hours")).is_none() {
                self.wrong(at, "hours", msg::ORG_HOURS_HINT);
            }
            let (account, role) = (get("account"), get("role"));
            if !account.is_empty() {
                if !is_account_name(&account) {
                    self.wrong(at, "account", msg::ACCOUNT_NAME_HINT);
                } else if !accounts.insert(account.clone()) {
                    self.wrong(at, "account", msg::ORG_WRONG_TWICE);
                }
                if Role::parse(&role).is_none_or(|r| !ROLES.contains(&r)) {
                    self.wrong(at, "role", msg::ORG_WRONG_ROLE);
                }
            }
        }
        if accounts.len() > limits::ACCOUNTS {
            let text = self.lang.fmt(msg::ORG_WRONG_ACCOUNTS, &[("n", &limits::ACCOUNTS.to_string())]);
            self.told((STAFF, 0), "account", text);
        }
    }

    fn hours(&mut self) {
        for row in 0..self.draft.sheets[HOURS].len() {
            let get = |key| self.draft.get(HOURS, row, key);
            if hours::days(get("days")).is_none() {
                self.wrong((HOURS, row), "days", msg::ORG_DAYS_HINT);
            } else if hours::of(get("days"), get("from"), get("to")).is_none() {
                self.wrong((HOURS, row), "from", msg::ORG_WRONG_HOURS);
            }
        }
    }
}

/// Who somebody is within a facility: by licence, else by name.
pub fn identity(licence: &str, name: &str) -> String {
    if licence.is_empty() { format!("name {}", name_key(name)) } else { format!("licence {}", licence.to_uppercase()) }
}

/// What is wrong with a cell by itself.
fn cell(holds: Holds, required: bool, text: &str) -> Option<Msg> {
    if text.is_empty() {
        return required.then_some(msg::ORG_WRONG_EMPTY);
    }
    if text.chars().count() > limits::CELL_CHARS {
        return Some(msg::ORG_WRONG_LONG);
    }
    // What a spreadsheet would take for a formula when the list is opened there.
    if holds == Holds::Text && text.starts_with(['=', '@', '-']) {
        return Some(msg::ORG_WRONG_FORMULA);
    }
    match holds {
        Holds::Code(most) => {
            let fits = text.len() <= most && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
            (!fits).then_some(msg::ORG_WRONG_CODE)
        }
        Holds::Day => Day::parse_iso(text).is_none().then_some(msg::ORG_WRONG_DAY),
        Holds::Beds => text.parse::<u32>().map_or(true, |n| n > limits::BEDS).then_some(msg::ORG_WRONG_BEDS),
        Holds::Price => {
            text.parse::<i64>().map_or(true, |n| !(0..=limits::PRICE).contains(&n)).then_some(msg::ORG_WRONG_PRICE)
        }
        Holds::Kind => Kinds::shared().kind(text).is_none().then_some(msg::ORG_WRONG_CHOICE),
        Holds::Position => Kinds::shared().position(text).is_none().then_some(msg::ORG_WRONG_CHOICE),
        Holds::Role => Role::parse(text).is_none_or(|r| !ROLES.contains(&r)).then_some(msg::ORG_WRONG_CHOICE),
        Holds::Text | Holds::Clock | Holds::Commune | Holds::Id => None,
    }
}
