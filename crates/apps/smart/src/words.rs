//! Scopes in the words of who reads them.

use mach_access::app::Right;
use mach_fhir::ResourceType;
use mach_store::smart::Proof;
use mach_store::smart::scope::{Level, Resources, Scope};
use mach_ui::{Lang, Msg, msg};

/// Types that have a word; others are called as FHIR calls them.
const TYPES: [(ResourceType, Msg); 11] = [
    (ResourceType::PATIENT, msg::SMART_PATIENT),
    (ResourceType::OBSERVATION, msg::SMART_OBSERVATION),
    (ResourceType::CONDITION, msg::SMART_CONDITION),
    (ResourceType::ENCOUNTER, msg::SMART_ENCOUNTER),
    (ResourceType::MEDICATION_REQUEST, msg::SMART_MEDICATION),
    (ResourceType::ALLERGY_INTOLERANCE, msg::SMART_ALLERGY),
    (ResourceType::PROCEDURE, msg::SMART_PROCEDURE),
    (ResourceType::IMMUNIZATION, msg::SMART_IMMUNIZATION),
    (ResourceType::DIAGNOSTIC_REPORT, msg::SMART_REPORT),
    (ResourceType::DOCUMENT_REFERENCE, msg::SMART_DOCUMENT),
    (ResourceType::PRACTITIONER, msg::SMART_PRACTITIONER),
];

/// A sentence for each thing that is let.
pub(crate) fn of_scopes(lang: Lang, scopes: &[Scope]) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for scope in scopes {
        let text = match scope {
            Scope::Resources(r) => resources(lang, r),
            Scope::OpenId | Scope::FhirUser | Scope::Profile => lang.t(msg::SMART_SAYS_WHO).to_owned(),
            Scope::Launch | Scope::LaunchPatient | Scope::LaunchEncounter => lang.t(msg::SMART_SAYS_PATIENT).to_owned(),
            Scope::Offline => lang.t(msg::SMART_SAYS_OFFLINE).to_owned(),
        };
        if !all.contains(&text) {
            all.push(text);
        }
    }
    all
}

fn resources(lang: Lang, r: &Resources) -> String {
    let verbs = [
        (Right::Read, msg::SMART_MAY_READ),
        (Right::Search, msg::SMART_MAY_READ),
        (Right::Create, msg::SMART_MAY_CREATE),
        (Right::Update, msg::SMART_MAY_UPDATE),
        (Right::Delete, msg::SMART_MAY_DELETE),
    ];
    let mut may: Vec<&str> = verbs.iter().filter(|(right, _)| r.rights.has(*right)).map(|(_, m)| lang.t(*m)).collect();
    may.dedup();
    let what = match r.kind {
        None => lang.t(msg::SMART_EVERYTHING).to_owned(),
        Some(kind) => TYPES
            .iter()
            .find(|(t, _)| *t == kind)
            .map_or_else(|| kind.name().to_owned(), |(_, m)| lang.t(*m).to_owned()),
    };
    let whose = lang.t(match r.level {
        Level::Patient => msg::SMART_OF_PATIENT,
        Level::User => msg::SMART_OF_USER,
        Level::System => msg::SMART_OF_SYSTEM,
    });
    let only = if r.only.is_empty() { String::new() } else { format!(" ({})", r.only.join("; ")) };
    lang.fmt(msg::SMART_MAY, &[("may", &may.join(", ")), ("what", &format!("{what}{only}")), ("whose", whose)])
}

/// The part of an address that a reader knows a site by.
pub(crate) fn site(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', '?']).next().unwrap_or(rest).to_owned()
}

/// How an app proves itself.
pub(crate) fn proof(proof: Proof) -> Msg {
    match proof {
        Proof::Public => msg::SMART_PROOF_PUBLIC,
        Proof::Secret => msg::SMART_PROOF_SECRET,
        Proof::Key => msg::SMART_PROOF_KEY,
    }
}

/// Why a grant has ended.
pub(crate) fn why(why: &str) -> Msg {
    match why {
        "owner" => msg::SMART_WHY_OWNER,
        "administrator" => msg::SMART_WHY_ADMINISTRATOR,
        "account" => msg::SMART_WHY_ACCOUNT,
        "code" | "refresh" | "client" => msg::SMART_WHY_STOLEN,
        _ => msg::SMART_WHY_APP,
    }
}
