//! The money of a claim: Claim, its items and its totals by payer.

use super::frame::{Frame, Head, Place, coded, coding, money, named};
use super::services::group_name;
use crate::dossier::{Line, LineTable};
use mach_base::decimal::Money;
use mach_fhir::ResourceType;
use mach_fhir::json::Writer;

/// Extension that says which line of the claim an item is: `XML3/4`.
const LINE: &str = "urn:mach:claim:line";
const PRIORITY: &str = "http://terminology.hl7.org/CodeSystem/processpriority";
const TYPE: &str = "http://terminology.hl7.org/CodeSystem/claim-type";

pub(super) fn write(frame: &mut Frame<'_>) {
    let d = frame.dossier;
    let head = Head { kind: ResourceType::CLAIM, place: Place::line(1, 1), date: d.left, index: Vec::new() };
    frame.put(head, |frame, w| {
        payers(frame, w);
        w.list("identifier", |list| {
            list.item(|w| {
                w.text("system", &format!("urn:mach:facility:{}:MA_LK", d.facility)).text("value", &d.link);
            });
        });
        w.text("status", "active");
        coded(w, "type", TYPE, if d.inpatient() { "institutional" } else { "professional" }, "");
        w.text("use", "claim");
        frame.patient(w, "patient");
        w.nested("billablePeriod", |w| {
            w.text("start", &d.arrived.to_string()).text("end", &d.left.to_string());
        });
        w.text("created", &d.written_on.unwrap_or(d.left.day()).to_string());
        frame.organization(w, "provider");
        coded(w, "priority", PRIORITY, "normal", "");
        diagnoses(frame, w);
        insurance(frame, w);
        if !d.lines.is_empty() {
            w.list("item", |list| {
                for (sequence, line) in (1..).zip(&d.lines) {
                    list.item(|w| item(frame, w, sequence, line));
                }
            });
        }
        money(w, "total", d.totals.cost);
    });
}

/// Totals by payer and kind, each an extension by its tag.
fn payers(frame: &Frame<'_>, w: &mut Writer<'_>) {
    let t = &frame.dossier.totals;
    w.list("extension", |list| {
        for (tag, amount) in [
            ("urn:mach:claim:T_TONGCHI_BH", t.covered),
            ("urn:mach:claim:T_BHTT", t.insurer),
            ("urn:mach:claim:T_BNCCT", t.copay),
            ("urn:mach:claim:T_BNTT", t.patient),
            ("urn:mach:claim:T_NGUONKHAC", t.other),
            ("urn:mach:claim:T_THUOC", t.drugs),
            ("urn:mach:claim:T_VTYT", t.supplies),
        ] {
            list.item(|w| {
                w.text("url", tag);
                money(w, "valueMoney", amount);
            });
        }
    });
}

fn diagnoses(frame: &Frame<'_>, w: &mut Writer<'_>) {
    let count = frame.dossier.diagnoses().filter(|c| !c.is_empty()).count();
    if count == 0 {
        return;
    }
    w.list("diagnosis", |list| {
        for sequence in 1..=count as u32 {
            list.item(|w| {
                w.raw("sequence", sequence).nested("diagnosisReference", |w| {
                    w.text("reference", &format!("Condition/{}", frame.id(Place::line(1, sequence))));
                });
            });
        }
    });
}

/// FHIR asks for at least one insurance: who has no card pays alone, and the reference says so.
fn insurance(frame: &Frame<'_>, w: &mut Writer<'_>) {
    let cards = frame.dossier.person.cards.len() as u32;
    w.list("insurance", |list| {
        for sequence in 1..=cards.max(1) {
            list.item(|w| {
                w.raw("sequence", sequence).raw("focal", sequence == 1).nested("coverage", |w| {
                    if cards == 0 {
                        w.text("display", "Người bệnh tự chi trả");
                    } else {
                        w.text("reference", &format!("Coverage/{}", frame.id(Place::line(1, sequence))));
                    }
                });
            });
        }
    });
}

fn item(frame: &Frame<'_>, w: &mut Writer<'_>, sequence: u32, line: &Line) {
    let (table, system) = match line.table {
        LineTable::Drug => (2, "urn:mach:codes:MA_THUOC"),
        LineTable::Service if line.group == 10 || line.group == 11 => (3, "urn:mach:codes:MA_VAT_TU"),
        LineTable::Service => (3, "urn:mach:codes:MA_DICH_VU"),
    };
    w.list("extension", |list| {
        list.item(|w| {
            w.text("url", LINE).text("valueString", &format!("XML{table}/{}", line.number));
        });
        if line.insurer != Money::ZERO {
            list.item(|w| {
                w.text("url", "urn:mach:claim:T_BHTT");
                money(w, "valueMoney", line.insurer);
            });
        }
    });
    w.raw("sequence", sequence);
    w.nested("category", |w| coding(w, "urn:mach:codes:MA_NHOM", &line.group.to_string(), group_name(line.group)));
    named(w, "productOrService", (system, &line.code), &line.name);
    if let Some(at) = line.performed.or(line.ordered) {
        w.text("servicedDate", &at.day().to_string());
    }
    w.nested("quantity", |w| {
        w.raw("value", line.quantity).text_if("unit", &line.unit);
    });
    money(w, "unitPrice", line.price);
    money(w, "net", line.cost);
    w.list("encounter", |list| frame.encounter_item(list));
}
