//! Drugs and blood of XML2: MedicationRequest, MedicationDispense.

use super::frame::{Frame, Head, Place, coding, named, numbered, reference, token};
use crate::dossier::{Line, LineTable};
use mach_base::Minute;
use mach_fhir::ResourceType;
use mach_fhir::json::Writer;

const DRUG: &str = "urn:mach:codes:MA_THUOC";

pub(super) fn write(frame: &mut Frame<'_>) {
    let dossier = frame.dossier;
    for line in dossier.lines.iter().filter(|l| l.table == LineTable::Drug) {
        request(frame, line);
        if let Some(at) = line.performed.filter(|_| frame.context.dispenses) {
            dispense(frame, line, at);
        }
    }
}

fn medication(w: &mut Writer<'_>, line: &Line) {
    let text = if line.strength.is_empty() || line.name.contains(&line.strength) {
        line.name.clone()
    } else {
        format!("{} {}", line.name, line.strength)
    };
    named(w, "medicationCodeableConcept", (DRUG, &line.code), &text);
}

fn dosage(w: &mut Writer<'_>, line: &Line) {
    if line.dose.is_empty() && line.instruction.is_empty() && line.route.is_empty() {
        return;
    }
    w.list("dosageInstruction", |list| {
        list.item(|w| {
            w.text_if("text", &line.dose).text_if("patientInstruction", &line.instruction);
            if !line.route.is_empty() {
                w.nested("route", |w| coding(w, "urn:mach:codes:MA_DUONG_DUNG", &line.route, ""));
            }
        });
    });
}

fn quantity(w: &mut Writer<'_>, line: &Line) {
    w.nested("quantity", |w| {
        w.raw("value", line.quantity).text_if("unit", &line.unit);
    });
}

fn request(frame: &mut Frame<'_>, line: &Line) {
    let at = line.ordered.unwrap_or(frame.dossier.arrived);
    let place = Place::line(2, line.number);
    let index = token(DRUG, &line.code);
    frame.put(Head { kind: ResourceType::MEDICATION_REQUEST, place, date: at, index }, |frame, w| {
        w.text("status", "completed").text("intent", "order");
        medication(w, line);
        frame.patient(w, "subject");
        frame.encounter(w);
        w.text("authoredOn", &at.to_string());
        if !line.doctor.is_empty() {
            numbered(w, "requester", "urn:mach:codes:MA_BAC_SI", &line.doctor);
        }
        frame.reasons(w, &line.diagnosis);
        dosage(w, line);
        w.nested("dispenseRequest", |w| quantity(w, line));
    });
}

fn dispense(frame: &mut Frame<'_>, line: &Line, at: Minute) {
    let place = Place::line(2, line.number);
    let index = token(DRUG, &line.code);
    let request = format!("MedicationRequest/{}", frame.id(place));
    frame.put(Head { kind: ResourceType::MEDICATION_DISPENSE, place, date: at, index }, |frame, w| {
        w.text("status", "completed");
        medication(w, line);
        frame.patient(w, "subject");
        let encounter = format!("Encounter/{}", frame.id(Place::line(1, 1)));
        reference(w, "context", &encounter);
        w.list("authorizingPrescription", |list| {
            list.item(|w| {
                w.text("reference", &request);
            });
        });
        quantity(w, line);
        w.text("whenHandedOver", &at.to_string());
        dosage(w, line);
    });
}
