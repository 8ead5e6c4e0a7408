//! Notes of XML5: the text, and the vital signs in it, each an Observation.

use super::frame::{CATEGORY, Exact, Frame, Head, LOINC, Place, UCUM, category, coded, coding, identified, token};
use super::vitals::vitals;
use crate::dossier::NoteLine;
use mach_base::Minute;
use mach_fhir::ResourceType;
use mach_fhir::json::Writer;

pub(super) fn write(frame: &mut Frame<'_>) {
    let dossier = frame.dossier;
    for line in &dossier.notes {
        let at = line.at.unwrap_or(dossier.arrived);
        note(frame, line, at);
        signs(frame, line, at);
    }
}

/// Progress note (LOINC 11506-3): course, consultation, operation, each under its own heading where there is more.
fn note(frame: &mut Frame<'_>, line: &NoteLine, at: Minute) {
    let mut text = line.text.clone();
    for (heading, part) in [("Hội chẩn", &line.consultation), ("Phẫu thuật, thủ thuật", &line.procedure)] {
        if !part.is_empty() {
            if !text.is_empty() {
                text.push('\n');
            }
            text.push_str(heading);
            text.push_str(": ");
            text.push_str(part);
        }
    }
    if text.is_empty() {
        return;
    }
    let place = Place::line(5, line.number);
    frame.put(Head { kind: ResourceType::OBSERVATION, place, date: at, index: Vec::new() }, |frame, w| {
        w.text("status", "final");
        category(w, CATEGORY, "exam", "Khám");
        coded(w, "code", LOINC, "11506-3", "Diễn biến lâm sàng");
        about(frame, w, line, at);
        w.text("valueString", &text);
    });
}

fn about(frame: &Frame<'_>, w: &mut Writer<'_>, line: &NoteLine, at: Minute) {
    frame.patient(w, "subject");
    frame.encounter(w);
    w.text("effectiveDateTime", &at.to_string());
    if !line.author.is_empty() {
        w.list("performer", |list| {
            list.item(|w| identified(w, "urn:mach:codes:MA_BAC_SI", &line.author));
        });
    }
}

/// A vital sign: part of the id, LOINC code, Vietnamese name, unit as shown, UCUM code.
struct Sign(&'static str, &'static str, &'static str, &'static str, &'static str);

const PULSE: Sign = Sign("m", "8867-4", "Mạch", "lần/phút", "/min");
const TEMPERATURE: Sign = Sign("t", "8310-5", "Nhiệt độ", "°C", "Cel");
const BREATHS: Sign = Sign("nt", "9279-1", "Nhịp thở", "lần/phút", "/min");
const PRESSURE: Sign = Sign("ha", "85354-9", "Huyết áp", "mmHg", "mm[Hg]");
const SYSTOLIC: (&str, &str) = ("8480-6", "Huyết áp tâm thu");
const DIASTOLIC: (&str, &str) = ("8462-4", "Huyết áp tâm trương");

fn signs(frame: &mut Frame<'_>, line: &NoteLine, at: Minute) {
    let found = vitals(&line.text);
    if let Some((systolic, diastolic)) = found.blood_pressure {
        sign(frame, (line, at), &PRESSURE, |w| {
            w.list("component", |list| {
                for ((code, name), value) in [(SYSTOLIC, systolic), (DIASTOLIC, diastolic)] {
                    list.item(|w| {
                        w.nested("code", |w| coding(w, LOINC, code, name));
                        quantity(w, value, &PRESSURE);
                    });
                }
            });
        });
    }
    if let Some(pulse) = found.pulse {
        sign(frame, (line, at), &PULSE, |w| quantity(w, pulse, &PULSE));
    }
    if let Some(temperature) = found.temperature {
        sign(frame, (line, at), &TEMPERATURE, |w| quantity(w, Exact(temperature), &TEMPERATURE));
    }
    if let Some(breaths) = found.breaths {
        sign(frame, (line, at), &BREATHS, |w| quantity(w, breaths, &BREATHS));
    }
}

fn quantity(w: &mut Writer<'_>, value: impl std::fmt::Display, sign: &Sign) {
    w.nested("valueQuantity", |w| {
        w.raw("value", value).text("unit", sign.3).text("system", UCUM).text("code", sign.4);
    });
}

fn sign(frame: &mut Frame<'_>, (line, at): (&NoteLine, Minute), sign: &Sign, value: impl FnOnce(&mut Writer<'_>)) {
    let place = Place { table: 5, line: line.number, part: sign.0 };
    let index = token(LOINC, sign.1);
    frame.put(Head { kind: ResourceType::OBSERVATION, place, date: at, index }, |frame, w| {
        w.text("status", "final");
        category(w, CATEGORY, "vital-signs", "Dấu hiệu sinh tồn");
        coded(w, "code", LOINC, sign.1, sign.2);
        about(frame, w, line, at);
        value(w);
    });
}
