//! Results of XML4: Observation.

use super::frame::{CATEGORY, Exact, Frame, Head, Place, UCUM, category, identified, named, token};
use crate::dossier::{LineTable, ResultLine};
use mach_base::Decimal;
use mach_fhir::ResourceType;
use mach_fhir::json::Writer;

const INDEX: &str = "urn:mach:codes:MA_CHI_SO";
const SERVICE: &str = "urn:mach:codes:MA_DICH_VU";

/// Units as laboratories write them, and their UCUM codes. A unit that is not here stays a text.
const UNITS: &[(&str, &str)] = &[
    ("%", "%"),
    ("g/L", "g/L"),
    ("g/dL", "g/dL"),
    ("mg/L", "mg/L"),
    ("mg/dL", "mg/dL"),
    ("mmol/L", "mmol/L"),
    ("µmol/L", "umol/L"),
    ("μmol/L", "umol/L"),
    ("umol/L", "umol/L"),
    ("nmol/L", "nmol/L"),
    ("pmol/L", "pmol/L"),
    ("ng/mL", "ng/mL"),
    ("ng/L", "ng/L"),
    ("pg/mL", "pg/mL"),
    ("U/L", "U/L"),
    ("IU/L", "[IU]/L"),
    ("mIU/L", "m[IU]/L"),
    ("fL", "fL"),
    ("pg", "pg"),
    ("10*9/L", "10*9/L"),
    ("10^9/L", "10*9/L"),
    ("G/L", "10*9/L"),
    ("10*12/L", "10*12/L"),
    ("10^12/L", "10*12/L"),
    ("T/L", "10*12/L"),
    ("s", "s"),
    ("mm/h", "mm/h"),
    ("mL/min/1.73m2", "mL/min/{1.73_m2}"),
];

/// The UCUM code of a unit as written, ignoring case where UCUM knows no other unit in that case.
fn ucum(unit: &str) -> Option<&'static str> {
    let exact = UNITS.iter().find(|(written, _)| *written == unit);
    exact
        .or_else(|| UNITS.iter().find(|(written, _)| written.len() > 2 && written.eq_ignore_ascii_case(unit)))
        .map(|u| u.1)
}

pub(super) fn write(frame: &mut Frame<'_>) {
    let dossier = frame.dossier;
    for line in &dossier.results {
        result(frame, line);
    }
}

/// Category by the group of the service the result belongs to; without one, a value makes it a laboratory result.
fn kind(frame: &Frame<'_>, line: &ResultLine) -> (&'static str, &'static str) {
    let of_service = |l: &&crate::dossier::Line| l.table == LineTable::Service && l.code == line.service;
    match frame.dossier.lines.iter().find(of_service).map(|l| l.group) {
        Some(1) => ("laboratory", "Xét nghiệm"),
        Some(2) => ("imaging", "Chẩn đoán hình ảnh"),
        Some(_) => ("procedure", "Thăm dò chức năng"),
        None if line.value.is_empty() => ("imaging", "Chẩn đoán hình ảnh"),
        None => ("laboratory", "Xét nghiệm"),
    }
}

fn result(frame: &mut Frame<'_>, line: &ResultLine) {
    let at = line.at.unwrap_or(frame.dossier.left);
    let code = if line.code.is_empty() { (SERVICE, line.service.as_str()) } else { (INDEX, line.code.as_str()) };
    let index = token(code.0, code.1);
    let place = Place::line(4, line.number);
    frame.put(Head { kind: ResourceType::OBSERVATION, place, date: at, index }, |frame, w| {
        w.text("status", "final");
        let (kind, name) = kind(frame, line);
        category(w, CATEGORY, kind, name);
        named(w, "code", code, &line.name);
        frame.patient(w, "subject");
        frame.encounter(w);
        w.text("effectiveDateTime", &at.to_string());
        if !line.reader.is_empty() {
            w.list("performer", |list| {
                list.item(|w| identified(w, "urn:mach:codes:MA_BAC_SI", &line.reader));
            });
        }
        value(w, line);
        note(w, line);
    });
}

/// Comparators of FHIR, longest first.
const COMPARATORS: [(&str, &str); 6] = [("<=", "<="), (">=", ">="), ("≤", "<="), ("≥", ">="), ("<", "<"), (">", ">")];

/// A quantity where the text is a decimal with or without comparator, else the text; the conclusion where there is no
/// value. A decimal comma is no decimal: it stays text.
fn value(w: &mut Writer<'_>, line: &ResultLine) {
    let (comparator, number) = COMPARATORS
        .iter()
        .find_map(|(written, code)| Some((*code, line.value.strip_prefix(written)?.trim_start())))
        .unwrap_or(("", &line.value));
    match number.parse::<Decimal>() {
        Ok(decimal) => {
            w.nested("valueQuantity", |w| {
                w.raw("value", Exact(decimal)).text_if("comparator", comparator).text_if("unit", &line.unit);
                if let Some(code) = ucum(&line.unit) {
                    w.text("system", UCUM).text("code", code);
                }
            });
        }
        Err(_) if !line.value.is_empty() => {
            let with_unit = [line.value.as_str(), &line.unit].join(" ");
            w.text("valueString", with_unit.trim_end());
        }
        Err(_) => {
            w.text_if("valueString", &line.conclusion);
        }
    }
}

fn note(w: &mut Writer<'_>, line: &ResultLine) {
    let conclusion = if line.value.is_empty() { "" } else { &line.conclusion };
    if line.description.is_empty() && conclusion.is_empty() {
        return;
    }
    w.list("note", |list| {
        for text in [line.description.as_str(), conclusion] {
            if !text.is_empty() {
                list.item(|w| {
                    w.text("text", text);
                });
            }
        }
    });
}
