//! Diagnoses against the ICD-10 list, the person's sex and age (claims format §9).

use mach_base::Day;
use mach_terms::{Conflict, Icd10, Sex, Status};

use super::context::{Context, args};
use super::person::Birth;

/// Most accompanying diagnoses (`MA_BENH_KT`).
const OTHERS: usize = 12;

/// What checks ask of the list of diagnoses. Codes come as written, trimmed.
pub trait Diagnoses {
    /// Whether the list has `code` for a discharge on `on`.
    fn known(&self, code: &str, on: Day) -> bool;
    /// Whether finer codes stand below it.
    fn is_parent(&self, code: &str) -> bool;
    /// Whether it is for the other sex than `sex` (`GIOI_TINH`: 1 male, 2 female; others never conflict).
    fn sex_conflict(&self, code: &str, sex: &str) -> bool;
    /// Whether it is for another age than `days` since birth and `years` completed.
    fn age_conflict(&self, code: &str, days: i32, years: i32) -> bool;
    /// Whether it may stand as main diagnosis.
    fn may_be_main(&self, code: &str) -> bool;
}

impl Diagnoses for Icd10 {
    fn known(&self, code: &str, _on: Day) -> bool {
        // The list of a revision replaces the file; retired codes stay in it for earlier claims.
        self.get(code).is_some_and(|d| d.status != Status::Reserved)
    }

    fn is_parent(&self, code: &str) -> bool {
        self.is_parent(code)
    }

    fn sex_conflict(&self, code: &str, sex: &str) -> bool {
        let sex = match sex {
            "1" => Sex::Male,
            "2" => Sex::Female,
            _ => return false,
        };
        self.conflicts(code, Some(sex), None).iter().any(|c| matches!(c, Conflict::Sex { .. }))
    }

    fn age_conflict(&self, code: &str, days: i32, years: i32) -> bool {
        !self.conflicts(code, None, Some((days, years))).is_empty()
    }

    fn may_be_main(&self, code: &str) -> bool {
        self.may_be_main(code)
    }
}

fn values(text: &str) -> impl Iterator<Item = &str> {
    text.split(';').map(str::trim).filter(|v| !v.is_empty())
}

pub(super) fn check(cx: &mut Context<'_>, list: &dyn Diagnoses) {
    let (main_tag, other_tag) = if cx.is_4210() { ("MA_BENH", "MA_BENHKHAC") } else { ("MA_BENH_CHINH", "MA_BENH_KT") };
    let main = cx.head(main_tag);
    if main.contains([';', ',']) {
        cx.at_head(main_tag, "ICD-MAIN-ONE", args![main]);
    } else if !main.is_empty() {
        if list.known(main, cx.day) {
            known_main(cx, list, main_tag, main);
        } else {
            cx.at_head(main_tag, "ICD-MAIN", args![main]);
        }
    }
    let others = cx.head(other_tag);
    for code in values(others) {
        if list.known(code, cx.day) {
            person(cx, list, other_tag, code);
        } else {
            cx.at_head(other_tag, "ICD-OTHER", args![code]);
        }
    }
    let count = values(others).count();
    if count > OTHERS {
        cx.at_head(other_tag, "ICD-COUNT", args![count]);
    }
    let traditional = values(cx.head("MA_BENH_YHCT")).count();
    if traditional > 0 && traditional != count + 1 {
        cx.at_head("MA_BENH_YHCT", "ICD-TRADITIONAL", args![traditional, count + 1]);
    }
    lines(cx, list);
}

fn known_main(cx: &mut Context<'_>, list: &dyn Diagnoses, tag: &str, main: &str) {
    if list.is_parent(main) {
        cx.at_head(tag, "ICD-PARENT", args![main]);
    }
    if main.starts_with("Z00") || main.starts_with("R53") {
        cx.at_head(tag, "ICD-SYMPTOM", args![main]);
    } else if !list.may_be_main(main) {
        cx.at_head(tag, "ICD-NOT-MAIN", args![main]);
    }
    person(cx, list, tag, main);
}

fn person(cx: &mut Context<'_>, list: &dyn Diagnoses, tag: &str, code: &str) {
    if list.sex_conflict(code, cx.head("GIOI_TINH")) {
        cx.at_head(tag, "ICD-SEX", args![code]);
    }
    let age = Birth::parse(cx.head("NGAY_SINH")).zip(cx.arrived).and_then(|(birth, at)| birth.age(at.day()));
    if age.is_some_and(|(days, years)| list.age_conflict(code, days, years)) {
        cx.at_head(tag, "ICD-AGE", args![code]);
    }
}

/// Diagnoses of lines. Most lines repeat the one before.
fn lines(cx: &mut Context<'_>, list: &dyn Diagnoses) {
    let raw = cx.raw;
    let mut right = "";
    for row in raw.rows(2).chain(raw.rows(3)) {
        let text = row.get("MA_BENH");
        if text == right {
            continue;
        }
        match values(text).find(|code| !list.known(code, cx.day)) {
            Some(unknown) => cx.at(row, "MA_BENH", "ICD-LINE", args![unknown]),
            None => right = text,
        }
    }
}
