//! Resource types as small numbers that never change: they are stored.

/// A FHIR R4 resource type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceType(u16);

macro_rules! types {
    ($($number:literal $constant:ident $name:literal),* $(,)?) => {
        impl ResourceType {
            $(#[doc = concat!("`", $name, "`.")] pub const $constant: Self = Self($number);)*
            const NAMES: &'static [(u16, &'static str)] = &[$(($number, $name)),*];
        }
    };
}

types! {
    1 PATIENT "Patient", 2 COVERAGE "Coverage", 3 ENCOUNTER "Encounter", 4 CONDITION "Condition",
    5 MEDICATION_REQUEST "MedicationRequest", 6 MEDICATION_DISPENSE "MedicationDispense", 7 PROCEDURE "Procedure",
    8 OBSERVATION "Observation", 9 DOCUMENT_REFERENCE "DocumentReference", 10 CLAIM "Claim",
    11 ORGANIZATION "Organization", 12 LOCATION "Location", 13 PRACTITIONER "Practitioner",
    14 PRACTITIONER_ROLE "PractitionerRole", 15 PROVENANCE "Provenance", 16 AUDIT_EVENT "AuditEvent",
}

impl ResourceType {
    /// The stored number.
    pub fn number(self) -> u16 {
        self.0
    }

    /// The type of a stored number.
    pub fn from_number(number: u16) -> Option<Self> {
        Self::NAMES.iter().any(|(n, _)| *n == number).then_some(Self(number))
    }

    /// The type named `name` (`Patient`), exactly.
    pub fn parse(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(_, n)| *n == name).map(|(number, _)| Self(*number))
    }

    /// Its name in FHIR.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(n, _)| *n == self.0).map_or("Resource", |(_, name)| name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_are_one_to_one() {
        for (i, (number, name)) in ResourceType::NAMES.iter().enumerate() {
            assert_eq!(ResourceType::parse(name).map(ResourceType::number), Some(*number));
            assert_eq!(ResourceType::from_number(*number).map(ResourceType::name), Some(*name));
            assert_eq!(usize::from(*number), i + 1, "numbers run on, so that none is used twice");
        }
        assert_eq!(ResourceType::parse("patient"), None);
    }
}
