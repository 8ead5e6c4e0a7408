//! Whatever it is that somebody holds: a PDF, an XML file, the text of a QR code, a JWS. Who, when, over what, then and now.

use crate::certificate::Certificate;
use crate::hc1::{self, Age, Claims, Code, PREFIX};
use crate::key::Scheme;
use crate::pades::{self, Coverage};
use crate::time::Moment;
use crate::trust::{Standing, Trust};
use crate::xml::Covered;
use crate::{Error, Result, jws, xml};

/// What it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A PDF file.
    Pdf,
    /// An XML file.
    Xml,
    /// The text of a QR code.
    Code,
    /// A JWS with its content.
    Jws,
}

/// What a signature covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Extent {
    /// All of it.
    Whole,
    /// All of it but further signatures.
    ThenSigned,
    /// These parts only.
    Parts(Vec<String>),
    /// What was signed has been edited since; how.
    Edited(Vec<String>),
}

/// One signature.
#[derive(Clone, Debug)]
pub struct Finding {
    /// Whose, where that could be read.
    pub certificate: Option<Certificate>,
    /// The time the signer says.
    pub said: Option<Moment>,
    /// The time that is proved.
    pub proved: Option<Moment>,
    /// How it was signed.
    pub scheme: Option<Scheme>,
    /// Why it is false; nothing where it is true.
    pub wrong: Option<Error>,
    /// What it covers.
    pub extent: Extent,
    /// Where the certificate stood then.
    pub then: Standing,
    /// Where it stands now.
    pub now: Standing,
    /// SHA-256 of exactly the bytes that it covers, for somebody's signature in a PDF file; of a paper's code [`hc1::mark_of`].
    pub mark: Option<[u8; 32]>,
    /// Whether it counts.
    pub good: bool,
}

/// What was found.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// What it is.
    pub kind: Kind,
    /// Its signatures.
    pub findings: Vec<Finding>,
    /// What a QR code says, and whether it counts by its own dates.
    pub claims: Option<(Claims, Age)>,
    /// What a JWS is of, as it stands in it: to be shown as text only.
    pub payload: Option<Vec<u8>>,
    /// Whether a list of its issuer says that it was taken back; whoever has such lists says so.
    pub withdrawn: bool,
    /// What a PDF file says of patients' signatures on it, under a signature that counts: `pad`, `code`, `finger`, `paper`.
    pub patients: Vec<String>,
}

impl Verdict {
    /// Whether there is a signature and every one counts, over the whole.
    pub fn is_good(&self) -> bool {
        let whole = |f: &Finding| matches!(f.extent, Extent::Whole | Extent::ThenSigned);
        !self.withdrawn && !self.findings.is_empty() && self.findings.iter().all(|f| f.good && whole(f))
    }
}

impl Verdict {
    /// The marks of its signatures in hexadecimal, the newest first: by these a paper is known, whatever follows them in its file.
    pub fn marks(&self) -> impl Iterator<Item = String> {
        self.findings.iter().rev().filter_map(|f| f.mark).map(|mark| crate::hex(&mark))
    }
}

/// Examines what somebody holds. `signers` are the certificates of those who may sign QR codes, which carry none.
///
/// # Errors
/// `Unsupported` where it is nothing of what is known here; `Malformed`, `TooLarge`.
pub fn examine(bytes: &[u8], trust: &Trust, signers: &[Certificate], now: Moment) -> Result<Verdict> {
    if bytes.starts_with(b"%PDF-") {
        return pdf(bytes, trust, now);
    }
    let unknown = || Error::Unsupported("neither a PDF file nor XML, nor the text of a signed QR code".to_owned());
    let text = std::str::from_utf8(bytes).map_err(|_| unknown())?;
    let trimmed = text.trim_start_matches('\u{feff}').trim();
    if trimmed.starts_with(PREFIX) || hc1::is_address(trimmed) {
        return code(trimmed, trust, signers, now);
    }
    if trimmed.starts_with('<') {
        return xml_file(text, trust, now);
    }
    if trimmed.split('.').count() == 3 && !trimmed.contains(char::is_whitespace) {
        return token(trimmed, trust, now);
    }
    Err(unknown())
}

fn pdf(bytes: &[u8], trust: &Trust, now: Moment) -> Result<Verdict> {
    let report = pades::verify(bytes, trust, now)?;
    // A timestamp of the file says when it was there, and nobody signs with it.
    let is_signed = report.signatures.iter().any(|s| !s.is_timestamp);
    let finding = |s: &pades::Signature| Finding {
        certificate: s.certificate.clone(),
        said: s.said,
        proved: s.proved,
        scheme: s.scheme,
        wrong: s.integrity.clone().err().or_else(|| s.is_ahead.then(to_come)),
        extent: match &s.coverage {
            Coverage::Whole => Extent::Whole,
            Coverage::ThenSigned => Extent::ThenSigned,
            Coverage::Edited(how) => Extent::Edited(how.clone()),
        },
        then: s.then.clone(),
        now: s.now.clone(),
        mark: s.mark.filter(|_| !s.is_timestamp),
        good: s.is_good() && is_signed,
    };
    let mut verdict = Verdict {
        kind: Kind::Pdf,
        findings: report.signatures.iter().map(finding).collect(),
        claims: None,
        payload: None,
        withdrawn: false,
        patients: Vec::new(),
    };
    // What nobody answers for says nothing.
    if verdict.is_good() {
        verdict.patients = pades::patients(bytes);
    }
    Ok(verdict)
}

fn to_come() -> Error {
    Error::False("it says a time that is still to come".to_owned())
}

fn xml_file(text: &str, trust: &Trust, now: Moment) -> Result<Verdict> {
    let finding = |s: xml::Signature| Finding {
        said: s.said,
        proved: None,
        scheme: s.scheme,
        extent: if s.is_whole() {
            Extent::Whole
        } else {
            let path = |c: &Covered| match c {
                Covered::Whole => String::new(),
                Covered::Element(path) => path.clone(),
            };
            Extent::Parts(s.covered.iter().map(path).collect())
        },
        mark: None,
        good: s.is_good(),
        wrong: s.integrity.err(),
        certificate: s.certificate,
        then: s.then,
        now: s.now,
    };
    let findings = xml::verify(text, trust, now)?.into_iter().map(finding).collect();
    Ok(Verdict { kind: Kind::Xml, findings, claims: None, payload: None, withdrawn: false, patients: Vec::new() })
}

fn code(text: &str, trust: &Trust, signers: &[Certificate], now: Moment) -> Result<Verdict> {
    let report = Code::parse(text)?.verify(signers, trust, now);
    let late = match report.age {
        Age::Current => None,
        Age::Over => Some(Error::Refused("its last day is over".to_owned())),
        Age::ToCome => Some(to_come()),
    };
    let finding = Finding {
        // What anybody wrote is the mark of nothing.
        mark: report.integrity.is_ok().then(|| hc1::mark_of(&report.claims)).flatten(),
        good: report.is_good(),
        said: Some(report.claims.issued),
        proved: None,
        scheme: Some(report.scheme),
        wrong: report.integrity.err().or(late),
        extent: Extent::Whole,
        certificate: report.certificate,
        then: report.then,
        now: report.now,
    };
    Ok(Verdict {
        kind: Kind::Code,
        findings: vec![finding],
        claims: Some((report.claims, report.age)),
        payload: None,
        withdrawn: false,
        patients: Vec::new(),
    })
}

fn token(text: &str, trust: &Trust, now: Moment) -> Result<Verdict> {
    let found = jws::examine(text, None, trust, now)?;
    let finding = Finding {
        mark: None,
        good: found.is_good(),
        said: found.said,
        proved: None,
        scheme: Some(found.scheme),
        wrong: found.integrity.err(),
        extent: Extent::Whole,
        certificate: Some(found.certificate),
        then: found.then,
        now: found.now,
    };
    let payload = Some(found.payload);
    let findings = vec![finding];
    Ok(Verdict { kind: Kind::Jws, findings, claims: None, payload, withdrawn: false, patients: Vec::new() })
}
