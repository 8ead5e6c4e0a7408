//! A dated code list: departments, service groups and other small lists whose rows come and go by law.

use std::collections::HashMap;

use mach_base::Day;

use crate::Error;
use crate::table::each_row;

/// One row of a [`CodeList`], in force from `valid_from` to `valid_to`, both included; open where `None`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeEntry {
    /// The code as written in files.
    pub code: String,
    /// Vietnamese name.
    pub name_vi: String,
    /// English name; may be empty.
    pub name_en: String,
    /// First day.
    pub valid_from: Option<Day>,
    /// Last day.
    pub valid_to: Option<Day>,
}

impl CodeEntry {
    /// Whether the row is in force on `on`.
    pub fn holds(&self, on: Day) -> bool {
        self.valid_from.is_none_or(|d| d <= on) && self.valid_to.is_none_or(|d| on <= d)
    }
}

/// A list of codes by day. Columns: `code,name_vi,name_en,valid_from,valid_to`.
#[derive(Debug, Default)]
pub struct CodeList {
    entries: Vec<CodeEntry>,
    by_code: HashMap<String, Vec<u32>>,
}

impl CodeList {
    /// Reads the list `file` from `text`.
    ///
    /// # Errors
    /// A wrong header, an empty code or Vietnamese name, a wrong day, or two rows of one code on the same day.
    pub fn read(file: &str, text: &str) -> Result<Self, Error> {
        let mut list = Self::default();
        each_row(file, text, "code,name_vi,name_en,valid_from,valid_to", |row| {
            let entry = CodeEntry {
                code: row.required(0, "code")?.to_owned(),
                name_vi: row.required(1, "name_vi")?.to_owned(),
                name_en: row.text(2).to_owned(),
                valid_from: row.day_opt(3)?,
                valid_to: row.day_opt(4)?,
            };
            let same = list.by_code.entry(entry.code.clone()).or_default();
            if same.iter().any(|&i| overlap(&list.entries[i as usize], &entry)) {
                return Err(row.error(format!("`{}` stands twice on the same day", entry.code)));
            }
            same.push(list.entries.len() as u32);
            list.entries.push(entry);
            Ok(())
        })?;
        Ok(list)
    }

    /// The row of `code` in force on `on`.
    pub fn get(&self, code: &str, on: Day) -> Option<&CodeEntry> {
        self.by_code.get(code)?.iter().map(|&i| &self.entries[i as usize]).find(|e| e.holds(on))
    }

    /// Every row in force on `on`, in file order.
    pub fn on(&self, on: Day) -> impl Iterator<Item = &CodeEntry> {
        self.entries.iter().filter(move |e| e.holds(on))
    }

    /// Every row, in file order.
    pub fn all(&self) -> &[CodeEntry] {
        &self.entries
    }
}

fn overlap(a: &CodeEntry, b: &CodeEntry) -> bool {
    let starts_by_end = |x: &CodeEntry, y: &CodeEntry| match (x.valid_from, y.valid_to) {
        (Some(from), Some(to)) => from <= to,
        _ => true,
    };
    starts_by_end(a, b) && starts_by_end(b, a)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "code,name_vi,name_en,valid_from,valid_to\n";

    #[test]
    fn a_code_is_asked_by_day() {
        let text =
            format!("{HEAD}K01,Khoa Khám bệnh,,,2024-12-31\nK01,Khoa Khám,Examination,2025-01-01,\nK02,Nội,,,\n");
        let list = CodeList::read("k.csv", &text).unwrap();
        for (code, on, expect) in [
            ("K01", "2010-01-01", Some("Khoa Khám bệnh")),
            ("K01", "2024-12-31", Some("Khoa Khám bệnh")),
            ("K01", "2025-01-01", Some("Khoa Khám")),
            ("K02", "2025-01-01", Some("Nội")),
            ("K03", "2025-01-01", None),
        ] {
            let on = Day::parse_iso(on).unwrap();
            assert_eq!(list.get(code, on).map(|e| e.name_vi.as_str()), expect, "{code} {on}");
            assert_eq!(list.on(on).count(), 2);
        }
    }

    #[test]
    fn a_code_stands_once_on_a_day() {
        for (rows, good) in [
            ("A,a,,,2024-12-31\nA,b,,2024-12-31,\n", false),
            ("A,a,,,\nA,b,,2024-12-31,\n", false),
            ("A,a,,2025-01-01,\nA,b,,,2024-12-31\n", true),
            (",a,,,\n", false),
            ("A,,,,\n", false),
        ] {
            assert_eq!(CodeList::read("k.csv", &format!("{HEAD}{rows}")).is_ok(), good, "{rows}");
        }
    }
}
