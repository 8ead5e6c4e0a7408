//! Resource types as small numbers that never change: they are stored.

use std::collections::HashMap;
use std::sync::LazyLock;

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

// `SubscriptionStatus` is of R4B; topic-based subscriptions for R4 speak of it.
types! {
    1 PATIENT "Patient", 2 COVERAGE "Coverage", 3 ENCOUNTER "Encounter", 4 CONDITION "Condition",
    5 MEDICATION_REQUEST "MedicationRequest", 6 MEDICATION_DISPENSE "MedicationDispense", 7 PROCEDURE "Procedure",
    8 OBSERVATION "Observation", 9 DOCUMENT_REFERENCE "DocumentReference", 10 CLAIM "Claim",
    11 ORGANIZATION "Organization", 12 LOCATION "Location", 13 PRACTITIONER "Practitioner",
    14 PRACTITIONER_ROLE "PractitionerRole", 15 PROVENANCE "Provenance", 16 AUDIT_EVENT "AuditEvent",
    17 ACCOUNT "Account", 18 ACTIVITY_DEFINITION "ActivityDefinition", 19 ADVERSE_EVENT "AdverseEvent",
    20 ALLERGY_INTOLERANCE "AllergyIntolerance", 21 APPOINTMENT "Appointment",
    22 APPOINTMENT_RESPONSE "AppointmentResponse", 23 BASIC "Basic", 24 BINARY "Binary",
    25 BIOLOGICALLY_DERIVED_PRODUCT "BiologicallyDerivedProduct", 26 BODY_STRUCTURE "BodyStructure",
    27 BUNDLE "Bundle", 28 CAPABILITY_STATEMENT "CapabilityStatement", 29 CARE_PLAN "CarePlan",
    30 CARE_TEAM "CareTeam", 31 CATALOG_ENTRY "CatalogEntry", 32 CHARGE_ITEM "ChargeItem",
    33 CHARGE_ITEM_DEFINITION "ChargeItemDefinition", 34 CLAIM_RESPONSE "ClaimResponse",
    35 CLINICAL_IMPRESSION "ClinicalImpression", 36 CODE_SYSTEM "CodeSystem", 37 COMMUNICATION "Communication",
    38 COMMUNICATION_REQUEST "CommunicationRequest", 39 COMPARTMENT_DEFINITION "CompartmentDefinition",
    40 COMPOSITION "Composition", 41 CONCEPT_MAP "ConceptMap", 42 CONSENT "Consent", 43 CONTRACT "Contract",
    44 COVERAGE_ELIGIBILITY_REQUEST "CoverageEligibilityRequest",
    45 COVERAGE_ELIGIBILITY_RESPONSE "CoverageEligibilityResponse", 46 DETECTED_ISSUE "DetectedIssue",
    47 DEVICE "Device", 48 DEVICE_DEFINITION "DeviceDefinition", 49 DEVICE_METRIC "DeviceMetric",
    50 DEVICE_REQUEST "DeviceRequest", 51 DEVICE_USE_STATEMENT "DeviceUseStatement",
    52 DIAGNOSTIC_REPORT "DiagnosticReport", 53 DOCUMENT_MANIFEST "DocumentManifest",
    54 EFFECT_EVIDENCE_SYNTHESIS "EffectEvidenceSynthesis", 55 ENDPOINT "Endpoint",
    56 ENROLLMENT_REQUEST "EnrollmentRequest", 57 ENROLLMENT_RESPONSE "EnrollmentResponse",
    58 EPISODE_OF_CARE "EpisodeOfCare", 59 EVENT_DEFINITION "EventDefinition", 60 EVIDENCE "Evidence",
    61 EVIDENCE_VARIABLE "EvidenceVariable", 62 EXAMPLE_SCENARIO "ExampleScenario",
    63 EXPLANATION_OF_BENEFIT "ExplanationOfBenefit", 64 FAMILY_MEMBER_HISTORY "FamilyMemberHistory", 65 FLAG "Flag",
    66 GOAL "Goal", 67 GRAPH_DEFINITION "GraphDefinition", 68 GROUP "Group", 69 GUIDANCE_RESPONSE "GuidanceResponse",
    70 HEALTHCARE_SERVICE "HealthcareService", 71 IMAGING_STUDY "ImagingStudy", 72 IMMUNIZATION "Immunization",
    73 IMMUNIZATION_EVALUATION "ImmunizationEvaluation", 74 IMMUNIZATION_RECOMMENDATION "ImmunizationRecommendation",
    75 IMPLEMENTATION_GUIDE "ImplementationGuide", 76 INSURANCE_PLAN "InsurancePlan", 77 INVOICE "Invoice",
    78 LIBRARY "Library", 79 LINKAGE "Linkage", 80 LIST "List", 81 MEASURE "Measure",
    82 MEASURE_REPORT "MeasureReport", 83 MEDIA "Media", 84 MEDICATION "Medication",
    85 MEDICATION_ADMINISTRATION "MedicationAdministration", 86 MEDICATION_KNOWLEDGE "MedicationKnowledge",
    87 MEDICATION_STATEMENT "MedicationStatement", 88 MEDICINAL_PRODUCT "MedicinalProduct",
    89 MEDICINAL_PRODUCT_AUTHORIZATION "MedicinalProductAuthorization",
    90 MEDICINAL_PRODUCT_CONTRAINDICATION "MedicinalProductContraindication",
    91 MEDICINAL_PRODUCT_INDICATION "MedicinalProductIndication",
    92 MEDICINAL_PRODUCT_INGREDIENT "MedicinalProductIngredient",
    93 MEDICINAL_PRODUCT_INTERACTION "MedicinalProductInteraction",
    94 MEDICINAL_PRODUCT_MANUFACTURED "MedicinalProductManufactured",
    95 MEDICINAL_PRODUCT_PACKAGED "MedicinalProductPackaged",
    96 MEDICINAL_PRODUCT_PHARMACEUTICAL "MedicinalProductPharmaceutical",
    97 MEDICINAL_PRODUCT_UNDESIRABLE_EFFECT "MedicinalProductUndesirableEffect",
    98 MESSAGE_DEFINITION "MessageDefinition", 99 MESSAGE_HEADER "MessageHeader",
    100 MOLECULAR_SEQUENCE "MolecularSequence", 101 NAMING_SYSTEM "NamingSystem",
    102 NUTRITION_ORDER "NutritionOrder", 103 OBSERVATION_DEFINITION "ObservationDefinition",
    104 OPERATION_DEFINITION "OperationDefinition", 105 OPERATION_OUTCOME "OperationOutcome",
    106 ORGANIZATION_AFFILIATION "OrganizationAffiliation", 107 PARAMETERS "Parameters",
    108 PAYMENT_NOTICE "PaymentNotice", 109 PAYMENT_RECONCILIATION "PaymentReconciliation", 110 PERSON "Person",
    111 PLAN_DEFINITION "PlanDefinition", 112 QUESTIONNAIRE "Questionnaire",
    113 QUESTIONNAIRE_RESPONSE "QuestionnaireResponse", 114 RELATED_PERSON "RelatedPerson",
    115 REQUEST_GROUP "RequestGroup", 116 RESEARCH_DEFINITION "ResearchDefinition",
    117 RESEARCH_ELEMENT_DEFINITION "ResearchElementDefinition", 118 RESEARCH_STUDY "ResearchStudy",
    119 RESEARCH_SUBJECT "ResearchSubject", 120 RISK_ASSESSMENT "RiskAssessment",
    121 RISK_EVIDENCE_SYNTHESIS "RiskEvidenceSynthesis", 122 SCHEDULE "Schedule",
    123 SEARCH_PARAMETER "SearchParameter", 124 SERVICE_REQUEST "ServiceRequest", 125 SLOT "Slot",
    126 SPECIMEN "Specimen", 127 SPECIMEN_DEFINITION "SpecimenDefinition",
    128 STRUCTURE_DEFINITION "StructureDefinition", 129 STRUCTURE_MAP "StructureMap", 130 SUBSCRIPTION "Subscription",
    131 SUBSTANCE "Substance", 132 SUBSTANCE_NUCLEIC_ACID "SubstanceNucleicAcid",
    133 SUBSTANCE_POLYMER "SubstancePolymer", 134 SUBSTANCE_PROTEIN "SubstanceProtein",
    135 SUBSTANCE_REFERENCE_INFORMATION "SubstanceReferenceInformation",
    136 SUBSTANCE_SOURCE_MATERIAL "SubstanceSourceMaterial", 137 SUBSTANCE_SPECIFICATION "SubstanceSpecification",
    138 SUPPLY_DELIVERY "SupplyDelivery", 139 SUPPLY_REQUEST "SupplyRequest", 140 TASK "Task",
    141 TERMINOLOGY_CAPABILITIES "TerminologyCapabilities", 142 TEST_REPORT "TestReport",
    143 TEST_SCRIPT "TestScript", 144 VALUE_SET "ValueSet", 145 VERIFICATION_RESULT "VerificationResult",
    146 VISION_PRESCRIPTION "VisionPrescription", 147 SUBSCRIPTION_STATUS "SubscriptionStatus",
}

impl ResourceType {
    /// The stored number.
    pub fn number(self) -> u16 {
        self.0
    }

    /// The type of a stored number.
    pub fn from_number(number: u16) -> Option<Self> {
        (1..=Self::NAMES.len()).contains(&usize::from(number)).then_some(Self(number))
    }

    /// The type named `name` (`Patient`), exactly.
    pub fn parse(name: &str) -> Option<Self> {
        static BY_NAME: LazyLock<HashMap<&'static str, u16>> =
            LazyLock::new(|| ResourceType::NAMES.iter().map(|(number, name)| (*name, *number)).collect());
        BY_NAME.get(name).map(|number| Self(*number))
    }

    /// Its name in FHIR.
    pub fn name(self) -> &'static str {
        // Numbers run on from 1, which the test below holds.
        Self::NAMES.get(usize::from(self.0).wrapping_sub(1)).map_or("Resource", |(_, name)| name)
    }

    /// All types, by number.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::NAMES.iter().map(|(number, _)| Self(*number))
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
