//! A verdict in words, for the page and for the command line.

use mach_sign::Error;
use mach_sign::hc1::{Age, Value};
use mach_sign::time::{Moment, to_vietnamese};
use mach_sign::trust::Standing;
use mach_sign::verdict::{Extent, Finding, Verdict};
use mach_ui::components::Tone;
use mach_ui::{Lang, Msg, msg};

/// A name and what stands beside it.
pub type Line = (String, String);

/// Characters of a signed text that are shown.
const SHOWN: usize = 4_000;

/// What stood in a foreign file, made safe to show: nothing that moves a terminal's caret or turns the text around.
fn plain(text: &str) -> String {
    let moves = |c: char| {
        (c.is_control() && c != '\n')
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|c| if moves(c) { '\u{fffd}' } else { c }).collect()
}

/// Why something is not accepted, in the reader's language; the detail is the kernel's own, in English.
pub fn reason(lang: Lang, why: &Error) -> String {
    let word = lang.t(match why {
        Error::Malformed { .. } => msg::VERIFY_WHY_MALFORMED,
        Error::TooLarge { .. } => msg::VERIFY_WHY_LARGE,
        Error::Unsupported(_) => msg::VERIFY_WHY_UNSUPPORTED,
        Error::False(_) => msg::VERIFY_WHY_FALSE,
        Error::Refused(_) => msg::VERIFY_WHY_REFUSED,
    });
    lang.pick(word.to_owned(), plain(&why.to_string()))
}

/// What is said of it first: how it looks, and in which sentence.
pub fn sentence(verdict: &Verdict) -> (Tone, Msg) {
    if verdict.is_good() {
        return (Tone::Good, msg::VERIFY_GOOD);
    }
    let code = verdict.claims.as_ref().zip(verdict.findings.first());
    match code {
        // What is not signed right says nothing of itself, not even what it is.
        Some((_, f)) if f.certificate.is_none() && matches!(f.wrong, Some(Error::Refused(_))) => {
            (Tone::Bad, msg::VERIFY_OTHER_ISSUER)
        }
        Some((_, f)) if f.certificate.is_none() => (Tone::Bad, msg::VERIFY_ALTERED),
        _ if verdict.withdrawn => (Tone::Bad, msg::VERIFY_WITHDRAWN),
        Some(((_, Age::Over), _)) => (Tone::Bad, msg::VERIFY_CODE_OVER),
        Some(((_, Age::ToCome), _)) => (Tone::Bad, msg::VERIFY_CODE_TO_COME),
        _ if verdict.findings.is_empty() => (Tone::Warning, msg::VERIFY_UNSIGNED),
        _ => (Tone::Bad, msg::VERIFY_BAD),
    }
}

/// What the house says of the paper itself.
pub fn paper(lang: Lang, ended: Option<(i64, &str)>) -> Line {
    let said = match ended {
        None => lang.t(msg::VERIFY_PAPER_GOOD).to_owned(),
        Some((at, why)) => {
            let message = match why {
                "revoked" => msg::VERIFY_PAPER_REVOKED,
                mach_store::signing::UNFINISHED | mach_store::signing::OPEN => {
                    return (lang.t(msg::VERIFY_PAPER).to_owned(), lang.t(msg::VERIFY_PAPER_UNFINISHED).to_owned());
                }
                _ => msg::VERIFY_PAPER_REPLACED,
            };
            lang.fmt(message, &[("when", &to_vietnamese(at))])
        }
    };
    (lang.t(msg::VERIFY_PAPER).to_owned(), said)
}

/// What a JWS is of, as text.
pub fn payload(lang: Lang, verdict: &Verdict) -> Option<Line> {
    let bytes = verdict.payload.as_ref()?;
    let text: String = String::from_utf8_lossy(bytes).chars().take(SHOWN).collect();
    Some((lang.t(msg::VERIFY_PAYLOAD).to_owned(), plain(&text)))
}

fn when(at: Option<Moment>) -> Option<String> {
    at.map(to_vietnamese)
}

fn standing(lang: Lang, standing: &Standing) -> String {
    match standing {
        Standing::Valid => lang.t(msg::VERIFY_VALID).to_owned(),
        Standing::ValidUnchecked => lang.t(msg::VERIFY_VALID_UNCHECKED).to_owned(),
        Standing::NotYet => lang.t(msg::VERIFY_NOT_YET).to_owned(),
        Standing::Expired => lang.t(msg::VERIFY_EXPIRED).to_owned(),
        Standing::Revoked(r) => lang.fmt(msg::VERIFY_REVOKED, &[("when", &to_vietnamese(r.at))]),
        Standing::Untrusted(_) => lang.t(msg::VERIFY_UNTRUSTED).to_owned(),
        Standing::WrongUse(_) => lang.t(msg::VERIFY_WRONG_USE).to_owned(),
    }
}

/// One signature. Of the signer the common name and the organisation alone: certificates here hold the signer's citizen number.
pub fn lines(lang: Lang, finding: &Finding) -> Vec<Line> {
    let mut out = Vec::new();
    let mut put = |name: Msg, value: String| out.push((lang.t(name).to_owned(), plain(&value)));
    let unknown = || lang.t(msg::VERIFY_UNKNOWN).to_owned();
    let signer = finding.certificate.as_ref();
    put(msg::VERIFY_SIGNER, signer.and_then(|c| c.subject.get(mach_sign::oid::COMMON_NAME)).unwrap_or_else(unknown));
    if let Some(organisation) = signer.and_then(|c| c.subject.get(mach_sign::oid::ORGANIZATION)) {
        put(msg::VERIFY_ORGANISATION, organisation);
    }
    put(msg::VERIFY_ISSUER, signer.map_or_else(unknown, |c| c.issuer.common()));
    put(msg::VERIFY_SAID, when(finding.said).unwrap_or_else(unknown));
    put(msg::VERIFY_PROVED, when(finding.proved).unwrap_or_else(|| lang.t(msg::VERIFY_NOT_PROVED).to_owned()));
    let whole = match (&finding.wrong, &finding.extent) {
        (Some(why), _) => lang.fmt(msg::VERIFY_FALSE, &[("why", &reason(lang, why))]),
        (None, Extent::Whole) => lang.t(msg::VERIFY_WHOLE).to_owned(),
        (None, Extent::ThenSigned) => lang.t(msg::VERIFY_THEN_SIGNED).to_owned(),
        (None, Extent::Parts(parts)) => lang.fmt(msg::VERIFY_PARTS, &[("parts", &parts.join(", "))]),
        (None, Extent::Edited(how)) => {
            let places = lang.fmt(msg::VERIFY_PLACES, &[("n", &how.len().to_string())]);
            lang.fmt(msg::VERIFY_EDITED, &[("how", &lang.pick(places, how.join("; ")))])
        }
    };
    put(msg::VERIFY_INTEGRITY, whole);
    put(msg::VERIFY_THEN, standing(lang, &finding.then));
    put(msg::VERIFY_NOW, standing(lang, &finding.now));
    if let Some(scheme) = finding.scheme {
        let note = if scheme.is_in_policy() { "" } else { lang.t(msg::VERIFY_OUT_OF_POLICY) };
        put(msg::VERIFY_SCHEME, format!("{} {note}", scheme.name()).trim_end().to_owned());
    }
    out
}

/// What a paper says of patients' signatures on it: electronic ones, without a key.
pub fn patients(lang: Lang, verdict: &Verdict) -> Vec<Line> {
    let words = verdict.patients.iter().filter_map(|kind| {
        Some(lang.t(match kind.as_str() {
            "pad" => msg::VERIFY_PATIENT_PAD,
            "code" => msg::VERIFY_PATIENT_CODE,
            "finger" => msg::VERIFY_PATIENT_FINGER,
            "paper" => msg::VERIFY_PATIENT_PAPER,
            _ => return None,
        }))
    });
    words.map(|word| (lang.t(msg::VERIFY_PATIENT).to_owned(), word.to_owned())).collect()
}

/// What a QR code says, name by name as it names it.
pub fn claims(lang: Lang, verdict: &Verdict) -> Vec<Line> {
    let Some((claims, age)) = &verdict.claims else { return Vec::new() };
    let mut out = vec![
        (lang.t(msg::VERIFY_CODE_ISSUER).to_owned(), plain(&claims.issuer)),
        (lang.t(msg::VERIFY_CODE_ISSUED).to_owned(), to_vietnamese(claims.issued)),
        (lang.t(msg::VERIFY_CODE_EXPIRES).to_owned(), to_vietnamese(claims.expires)),
    ];
    if *age != Age::Current {
        out.push((lang.t(msg::VERIFY_INTEGRITY).to_owned(), lang.t(msg::VERIFY_CODE_NOT_CURRENT).to_owned()));
    }
    leaves("", &claims.content.1, &mut out);
    out
}

fn leaves(path: &str, value: &Value, out: &mut Vec<Line>) {
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match value {
        Value::Map(pairs) => pairs.iter().for_each(|(key, value)| match key {
            Value::Text(key) => leaves(&below(key), value, out),
            // Numbers of the outer map only say which form it is.
            _ => leaves(path, value, out),
        }),
        Value::Array(list) => {
            list.iter().enumerate().for_each(|(i, v)| leaves(&below(&(i + 1).to_string()), v, out));
        }
        Value::Text(text) => out.push((plain(path), plain(text))),
        Value::Int(n) => out.push((plain(path), n.to_string())),
        Value::Bool(yes) => out.push((plain(path), yes.to_string())),
        _ => {}
    }
}
