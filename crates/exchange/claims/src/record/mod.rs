//! Claims as FHIR resources of one record.
