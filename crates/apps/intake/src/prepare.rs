//! What a worker makes of a claim before the writer sees it: everything that needs no database.

use crate::source::Source;
use mach_base::{Day, Minute};
use mach_claims::check::{self, Codes, Finding, Report, Rules};
use mach_claims::convert;
use mach_claims::dossier::Dossier;
use mach_claims::raw::{RawClaim, RawTable};
use mach_claims::read::{Broken, Item};
use mach_store::claims::Summary;
use mach_terms::Icd10;
use sha2::{Digest, Sha256};

/// A claim ready for the writer.
#[derive(Debug)]
pub struct Prepared {
    /// Place in its file, from 1.
    pub position: u64,
    /// `MACSKCB` of the envelope.
    pub facility: String,
    /// `MA_LK`; empty where it could not be read.
    pub link: String,
    /// Content hash, the same for the same content however it was written.
    pub hash: [u8; 32],
    /// Layout's name; empty where none could be chosen.
    pub layout: String,
    /// Evidence, encoded.
    pub source: Vec<u8>,
    /// What the rules found.
    pub report: Report,
    /// What it is.
    pub body: Body,
}

impl Prepared {
    fn of(claim: &RawClaim, report: Report, body: Body) -> Self {
        Self {
            position: claim.index,
            facility: claim.facility.clone(),
            link: claim.link().to_owned(),
            hash: content_hash(claim),
            layout: claim.layout.decision.clone(),
            source: Source::of(claim).encode(),
            report,
            body,
        }
    }
}

/// What a prepared claim is.
#[derive(Debug)]
pub enum Body {
    /// A claim that no rule refuses.
    Sound(Box<Dossier>),
    /// A claim that is refused; what could be read of it.
    Refused {
        /// What lists show.
        summary: Summary,
        /// The day it counts as received on: its `NGAY_RA`, else the envelope's `NGAYLAP`.
        day: Option<Day>,
    },
    /// A check-in message that no rule refuses.
    CheckIn {
        /// Minute of arrival.
        arrived: i64,
        /// `MA_LOAI_KCB`.
        kind: String,
        /// Its fields as JSON.
        fields: String,
    },
}

/// The rule book and lists a worker checks with.
#[derive(Clone, Copy)]
pub struct Bench {
    /// Rules.
    pub rules: &'static Rules,
    /// Code lists.
    pub codes: &'static Codes,
    /// Diagnoses.
    pub diagnoses: &'static Icd10,
}

impl Bench {
    /// The product's rules and lists.
    pub fn shared() -> Self {
        Self { rules: Rules::shared(), codes: Codes::shared(), diagnoses: Icd10::shared() }
    }

    /// Checks one item of a file. `None` for what is no claim (a finding of the file itself: see `file_finding`).
    pub fn prepare(&self, item: Item) -> Result<Prepared, Finding> {
        match item {
            Item::Claim(claim) => Ok(self.claim(&claim)),
            Item::CheckIn(claim) => Ok(self.check_in(&claim)),
            Item::Broken(broken) => Ok(self.broken(&broken)),
            Item::File(problem) => Err(self.rules.of_problem(&problem, "")),
        }
    }

    /// Checks a claim whose tables were read.
    pub fn claim(&self, claim: &RawClaim) -> Prepared {
        let mut report = check::report(claim, self.rules, self.codes, self.diagnoses);
        let body = if report.refused() { refused(claim) } else { self.sound(claim, &mut report) };
        Prepared::of(claim, report, body)
    }

    /// The second lock: a claim that the rules let pass and that still cannot be understood is refused, not guessed at.
    fn sound(&self, claim: &RawClaim, report: &mut Report) -> Body {
        match convert::to_dossier(claim) {
            Ok(dossier) => Body::Sound(Box::new(dossier)),
            Err(e) => {
                let mut finding =
                    self.rules.finding("FLD-CONVERT", claim.link(), [e.text.clone(), e.expected.to_owned()]);
                (finding.table, finding.line, finding.tag) = (Some(e.table), Some(e.line), e.tag);
                report.push(finding);
                refused(claim)
            }
        }
    }

    fn check_in(&self, claim: &RawClaim) -> Prepared {
        let report = check::report(claim, self.rules, self.codes, self.diagnoses);
        let arrived = Minute::parse_compact(claim.head("NGAY_VAO"));
        let body = match arrived {
            Some(arrived) if !report.refused() => Body::CheckIn {
                arrived: arrived.0,
                kind: claim.head("MA_LOAI_KCB").to_owned(),
                fields: fields_json(claim),
            },
            _ => refused(claim),
        };
        Prepared::of(claim, report, body)
    }

    fn broken(&self, broken: &Broken) -> Prepared {
        let mut report = Report::default();
        for problem in &broken.problems {
            report.push(self.rules.of_problem(problem, &broken.link));
        }
        let source = Source {
            facility: broken.facility.clone(),
            written_on: broken.written_on.clone(),
            tables: broken.sources.clone(),
        };
        let source = source.encode();
        let left = broken.left.get(..8).and_then(Day::parse_compact);
        Prepared {
            position: broken.index,
            facility: broken.facility.clone(),
            link: broken.link.clone(),
            hash: Sha256::digest(&source).into(),
            layout: String::new(),
            source,
            report,
            body: Body::Refused {
                summary: Summary { left_day: left.map(|d| i64::from(d.0)), ..Summary::default() },
                day: left.or_else(|| Day::parse_compact(broken.written_on.trim())),
            },
        }
    }
}

/// What lists can show of a refused claim: only what can be read without trusting it.
fn refused(claim: &RawClaim) -> Body {
    let left = claim.head("NGAY_RA").get(..8).and_then(Day::parse_compact);
    let short = |tag| claim.head(tag).chars().take(16).collect::<String>();
    let summary = Summary {
        kind: short("MA_LOAI_KCB"),
        arrived: Minute::parse_compact(claim.head("NGAY_VAO")).map(|m| m.0),
        left_day: left.map(|d| i64::from(d.0)),
        main_dx: [short("MA_BENH_CHINH"), short("MA_BENH")].into_iter().find(|t| !t.is_empty()).unwrap_or_default(),
        cost: 0,
        insurer: 0,
        lines: claim.tables().map(|t| t.len() as i64).sum(),
    };
    Body::Refused { summary, day: left.or_else(|| Day::parse_compact(claim.written_on.trim())) }
}

/// The hash of what a claim says: every text by table, row and place in the layout; an empty tag says what an absent one
/// says, and the envelope's day says nothing.
fn content_hash(claim: &RawClaim) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(claim.facility.as_bytes());
    for row in claim.tables().flat_map(RawTable::rows) {
        hash.update([0xff, row.table()]);
        for (at, (_, text)) in row.fields().enumerate() {
            if let Some(text) = text.filter(|t| !t.is_empty()) {
                hash.update((at as u32).to_le_bytes());
                hash.update((text.len() as u32).to_le_bytes());
                hash.update(text.as_bytes());
            }
        }
    }
    hash.finalize().into()
}

fn fields_json(claim: &RawClaim) -> String {
    let fields = claim.rows(0).flat_map(|row| row.fields().collect::<Vec<_>>());
    let map: serde_json::Map<String, serde_json::Value> =
        fields.filter_map(|(field, text)| Some((field.tag.clone(), text.filter(|t| !t.is_empty())?.into()))).collect();
    serde_json::Value::Object(map).to_string()
}
