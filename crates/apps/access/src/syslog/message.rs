//! One entry of the trail as a syslog message.

use mach_store::audit::{self, Event};

/// Facility 10 (security), as IHE ATNA has it; severities: notice, and warning for what was refused or is to be looked at.
const SECURITY: u8 = 10 * 8;
const NOTICE: u8 = 5;
const WARNING: u8 = 4;
/// What the message is, by DICOM PS3.15 A.6.
const KIND: &str = "DICOM+RFC3881";
/// Longest text that is written for a name or target: receivers cut messages at some kilobytes.
const TEXT_CHARS: usize = 200;

/// A value of structured data (RFC 5424 §6.3.3), or of an attribute of XML: without control characters, cut.
fn plain(text: &str) -> String {
    text.chars().take(TEXT_CHARS).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn quoted(text: &str) -> String {
    let mut out = String::new();
    for c in plain(text).chars() {
        if matches!(c, '"' | '\\' | ']') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

fn escaped(text: &str) -> String {
    plain(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// A header's word (RFC 5424 §6): printable ASCII without spaces; `-` where nothing is left.
fn word(text: &str) -> String {
    let word: String = text.chars().filter(|c| c.is_ascii_graphic()).take(255).collect();
    if word.is_empty() { "-".to_owned() } else { word }
}

/// Code and meaning of what happened, by DICOM (DCM).
fn kind(event: &Event) -> (&'static str, &'static str) {
    match event.act.as_str() {
        "break-glass" => ("110113", "Security Alert"),
        "use-account" => ("110114", "User Authentication"),
        "read-audit" => ("110101", "Audit Log Used"),
        "administer" | "review-access" | "register-access" => ("110113", "Security Alert"),
        _ if event.target.starts_with("search ") => ("110112", "Query"),
        _ if event.target.starts_with("export") => ("110106", "Export"),
        "read-record" | "read-own" | "view-desk" | "read-fhir" | "write-fhir" | "review-people" => {
            ("110110", "Patient Record")
        }
        _ => ("110100", "Application Activity"),
    }
}

/// The message of an entry; `place`: the code of its facility; `host`: how this machine is called.
pub(super) fn of(event: &Event, place: Option<&str>, host: &str) -> String {
    let is_well = event.outcome == "granted";
    let severity = if is_well && event.act != "break-glass" { NOTICE } else { WARNING };
    let at = mach_base::time::instant_text(event.at * 1_000);
    let (code, meaning) = kind(event);
    let action = audit::action(&event.act, &event.target);
    let outcome = match event.outcome.as_str() {
        "granted" => 0,
        "denied" => 4,
        _ => 8,
    };
    let (account, name, role) = (event.account, &event.name, &event.role);
    let place = place.unwrap_or("-");
    let person = event.person.map_or(String::new(), |person| {
        format!(
            "<ParticipantObjectIdentification ParticipantObjectID=\"p{person}\" ParticipantObjectTypeCode=\"1\" \
             ParticipantObjectTypeCodeRole=\"1\"><ParticipantObjectIDTypeCode csd-code=\"2\" codeSystemName=\"RFC-3881\" \
             originalText=\"Patient Number\"/></ParticipantObjectIdentification>"
        )
    });
    format!(
        "<{}>1 {at} {} mach {} {KIND} [mach@32473 id=\"{}\" account=\"{account}\" name=\"{}\" role=\"{}\" act=\"{}\" \
         outcome=\"{}\" facility=\"{}\" target=\"{}\"] \u{feff}<?xml version=\"1.0\" encoding=\"UTF-8\"?><AuditMessage>\
         <EventIdentification EventActionCode=\"{action}\" EventDateTime=\"{at}\" EventOutcomeIndicator=\"{outcome}\">\
         <EventID csd-code=\"{code}\" codeSystemName=\"DCM\" originalText=\"{meaning}\"/></EventIdentification>\
         <ActiveParticipant UserID=\"{account}\" UserName=\"{}\" UserIsRequestor=\"true\"><RoleIDCode csd-code=\"{}\" \
         codeSystemName=\"mach\" originalText=\"{}\"/></ActiveParticipant>\
         <AuditSourceIdentification AuditSourceID=\"{}\" AuditEnterpriseSiteID=\"{}\"/>{person}\
         <ParticipantObjectIdentification ParticipantObjectID=\"{}\" ParticipantObjectTypeCode=\"2\">\
         <ParticipantObjectIDTypeCode csd-code=\"12\" codeSystemName=\"RFC-3881\" originalText=\"URI\"/>\
         </ParticipantObjectIdentification></AuditMessage>",
        SECURITY + severity,
        word(host),
        std::process::id(),
        event.id,
        quoted(name),
        quoted(role),
        quoted(&event.act),
        quoted(&event.outcome),
        quoted(place),
        quoted(&event.target),
        escaped(name),
        escaped(role),
        escaped(role),
        escaped(&word(host)),
        escaped(place),
        escaped(&event.target),
    )
}

/// Adds a message with the count of its bytes before it (RFC 5425 §4.3).
pub(super) fn frame(out: &mut Vec<u8>, message: &str) {
    out.extend(message.len().to_string().bytes());
    out.push(b' ');
    out.extend(message.bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event() -> Event {
        Event {
            id: 7,
            at: 1_772_600_000,
            account: 3,
            name: "Lê \"An\" ]\\<b>&\n".to_owned(),
            role: "clinician".to_owned(),
            act: "read-record".to_owned(),
            facility: 2,
            person: Some(12),
            target: "person 12".to_owned(),
            outcome: "granted".to_owned(),
            purpose: None,
        }
    }

    #[test]
    fn it_has_head_data_and_an_audit_message() {
        let said = of(&event(), Some("46001"), "mach1 \u{e9}");
        assert!(said.starts_with("<85>1 2026-03-04T11:53:20"), "{said}");
        assert!(said.contains(" mach1 mach "), "{said}");
        // Quotes, brackets and line ends cannot end the data or begin another message.
        assert!(said.contains(r#"name="Lê \"An\" \]\\<b>& ""#), "{said}");
        assert!(said.contains("UserName=\"Lê &quot;An&quot; ]\\&lt;b&gt;&amp; \""), "{said}");
        assert!(
            !said.contains('\n') && said.contains("ParticipantObjectID=\"p12\"") && said.contains("110110"),
            "{said}"
        );
        let refused = Event { outcome: "denied".to_owned(), ..event() };
        assert!(of(&refused, None, "").starts_with("<84>1 ") && of(&refused, None, "").contains("Indicator=\"4\""));
        let emergency = Event { act: "break-glass".to_owned(), ..event() };
        assert!(of(&emergency, None, "").starts_with("<84>1 ") && of(&emergency, None, "").contains("110113"));
    }

    #[test]
    fn frames_count_bytes_not_characters() {
        let mut out = Vec::new();
        frame(&mut out, "é");
        frame(&mut out, "ab");
        assert_eq!(out, "2 é2 ab".as_bytes());
    }
}
