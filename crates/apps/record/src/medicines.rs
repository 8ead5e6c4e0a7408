//! What a person takes or took: medicines ordered, the same one once.

use crate::fact::{Concept, Fact, Quantity};
use mach_base::text::fold;
use mach_base::{Day, Minute};
use serde::Deserialize;

/// Days before the newest visit in which an order still counts as being taken.
pub(crate) const CURRENT_DAYS: i64 = 60;

/// What is read of a `MedicationRequest`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct MedicationBody {
    pub(crate) medication_codeable_concept: Concept,
    pub(crate) dosage_instruction: Vec<Dosage>,
    pub(crate) dispense_request: Dispense,
}

/// FHIR `Dosage`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Dosage {
    pub(crate) text: String,
    pub(crate) patient_instruction: String,
}

/// `MedicationRequest.dispenseRequest`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Dispense {
    pub(crate) quantity: Quantity,
}

impl MedicationBody {
    /// Dose and instruction in one line.
    pub(crate) fn dose(&self) -> String {
        let parts = self.dosage_instruction.iter().flat_map(|d| [d.text.as_str(), d.patient_instruction.as_str()]);
        let mut said: Vec<&str> = Vec::new();
        for part in parts.filter(|p| !p.is_empty()) {
            if !said.contains(&part) {
                said.push(part);
            }
        }
        said.join(" — ")
    }
}

/// All orders of one medicine.
#[derive(Clone, Debug)]
pub(crate) struct Medicine {
    /// The newest order.
    pub(crate) newest: Fact<MedicationBody>,
    /// The first day it was ordered.
    pub(crate) since: Day,
    /// Number of orders.
    pub(crate) times: usize,
}

impl Medicine {
    /// Its name with strength.
    pub(crate) fn name(&self) -> &str {
        self.newest.body.medication_codeable_concept.words()
    }
}

/// What a record shows of medicines, newest order first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Medicines {
    /// Ordered within [`CURRENT_DAYS`] before the newest visit.
    pub(crate) current: Vec<Medicine>,
    /// Others.
    pub(crate) past: Vec<Medicine>,
}

/// Groups orders (newest first) by medicine; `newest_visit` is when the person was last seen anywhere.
pub(crate) fn group(facts: Vec<Fact<MedicationBody>>, newest_visit: Minute) -> Medicines {
    let mut all: Vec<((String, String), Medicine)> = Vec::new();
    for fact in facts {
        let concept = &fact.body.medication_codeable_concept;
        let key = (concept.code().to_owned(), fold(concept.words()));
        let day = fact.at.day();
        match all.iter_mut().find(|(k, _)| *k == key) {
            Some((_, medicine)) => {
                medicine.since = medicine.since.min(day);
                medicine.times += 1;
            }
            None => all.push((key, Medicine { newest: fact, since: day, times: 1 })),
        }
    }
    let from = newest_visit.day().0 - CURRENT_DAYS as i32;
    let (current, past) = all.into_iter().map(|(_, m)| m).partition(|m| m.newest.at.day().0 >= from);
    Medicines { current, past }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mach_fhir::ResourceType;

    fn at(day: &str) -> Minute {
        Minute(i64::from(Day::parse_iso(day).unwrap().0) * 1440 + 500)
    }

    fn fact(day: &str, code: &str, name: &str) -> Fact<MedicationBody> {
        let json = format!(
            r#"{{"medicationCodeableConcept":{{"coding":[{{"code":"{code}","display":"{name}"}}],"text":"{name}"}},
                "dosageInstruction":[{{"text":"2 viên/ngày","patientInstruction":"sau ăn"}}],
                "dispenseRequest":{{"quantity":{{"value":60,"unit":"viên"}}}}}}"#
        );
        let body = serde_json::from_str(&json).unwrap();
        Fact { kind: ResourceType::MEDICATION_REQUEST, id: "c1-2-1".into(), at: at(day), origin: None, body }
    }

    #[test]
    fn current_is_what_was_ordered_within_sixty_days() {
        let orders = vec![
            fact("2026-03-18", "40.1", "Metformin 500 mg"),
            fact("2026-02-16", "40.1", "METFORMIN 500 mg"),
            fact("2026-01-17", "40.2", "Amlodipin 5 mg"),
            fact("2026-01-16", "40.3", "Naproxen 500 mg"),
            fact("2025-01-16", "40.1", "Metformin 850 mg"),
        ];
        let all = group(orders, at("2026-03-18"));
        let show = |list: &[Medicine]| -> Vec<String> {
            list.iter().map(|m| format!("{} ×{} {}", m.name(), m.times, m.since)).collect()
        };
        assert_eq!(show(&all.current), ["Metformin 500 mg ×2 2026-02-16", "Amlodipin 5 mg ×1 2026-01-17"]);
        assert_eq!(show(&all.past), ["Naproxen 500 mg ×1 2026-01-16", "Metformin 850 mg ×1 2025-01-16"]);
        let later = group(vec![fact("2026-01-17", "1", "A")], at("2026-03-19"));
        assert_eq!((later.current.len(), later.past.len()), (0, 1));
    }

    #[test]
    fn a_dose_is_one_line() {
        let fact = fact("2026-03-18", "1", "A");
        assert_eq!(fact.body.dose(), "2 viên/ngày — sau ăn");
        assert_eq!(fact.body.dispense_request.quantity.decimal().unwrap().units, 60);
        assert_eq!(MedicationBody::default().dose(), "");
    }
}
