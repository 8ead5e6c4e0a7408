//! What a claim becomes in its transaction: a version in the ledger, a person, resources, facts in the cube. All or none.

use crate::prepare::{Body, Prepared};
use crate::subject::{AcceptedClaim, RefusedClaim};
use mach_access::secret::hex;
use mach_base::{Day, Minute};
use mach_claims::check::{Finding, Rules, Severity};
use mach_claims::dossier::Dossier;
use mach_claims::record;
use mach_cube::Definitions;
use mach_cube::subject::Subject;
use mach_fhir::index::Param;
use mach_fhir::json::Writer;
use mach_fhir::{IndexValue, ResourceType};
use mach_people::{Evidence, patient_index, patient_json};
use mach_places::Places;
use mach_store::cells::{self, CellChanges, ClaimFacts};
use mach_store::claims::{self, CheckIn, FileTotals, Known, NewVersion, State, Summary};
use mach_store::pack;
use mach_store::resources::{self, Put};
use mach_store::{Error, Result, Tx, schema};
use mach_terms::{Facilities, Icd10};
use std::collections::{BTreeSet, HashMap, HashSet};

/// A step of a batch, in the order of the files.
#[derive(Debug)]
pub enum Item {
    /// A file begins.
    Begin {
        /// Its name.
        name: String,
        /// Its size in bytes.
        bytes: u64,
    },
    /// A claim of the file that began last.
    Claim(Box<Prepared>),
    /// A finding of the file itself.
    FileFinding(Finding),
    /// The file ends.
    End,
}

/// The file that a batch goes on with from the batch before.
#[derive(Debug, Default)]
pub struct Ledger {
    file: Option<i64>,
    /// A batch before was taken back: what follows it may not be kept either.
    broken: bool,
}

/// What became of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Accepted as a new claim.
    Accepted,
    /// Refused and kept with its findings.
    Refused,
    /// Known with this content: nothing changed.
    Duplicate,
    /// Accepted as a new version of a known claim.
    Replaced,
    /// A check-in message taken.
    CheckIn,
}

impl Outcome {
    /// As JSON and pages name it.
    pub fn code(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::Duplicate => "duplicate",
            Self::Replaced => "replaced",
            Self::CheckIn => "check-in",
        }
    }
}

/// What became of a claim, and why.
#[derive(Clone, Debug)]
pub struct ClaimOutcome {
    /// Place in its file, from 1.
    pub position: u64,
    /// The facility it stands under.
    pub facility: String,
    /// `MA_LK`; empty where it could not be read.
    pub link: String,
    /// Its number in the store.
    pub claim: Option<i64>,
    /// What became of it.
    pub outcome: Outcome,
    /// Findings kept.
    pub findings: Vec<Finding>,
    /// Findings that refuse, counted.
    pub refusals: i64,
    /// Findings that warn, counted.
    pub warnings: i64,
}

/// Writes a batch. On error the caller's transaction takes all of it back, and batches after it are refused too.
pub fn batch(tx: &mut Tx<'_>, items: Vec<Item>, ledger: &mut Ledger) -> Result<Vec<ClaimOutcome>> {
    if std::mem::replace(&mut ledger.broken, true) {
        return Err(Error::Refused("the batch before this one was not stored".to_owned()));
    }
    let mut batch = Batch::new(tx)?;
    let mut outcomes = Vec::new();
    for item in items {
        match item {
            Item::Begin { name, bytes } => {
                let facility = tx.scope().facility();
                ledger.file = Some(tx.receive_file(&name, i64::try_from(bytes).unwrap_or(i64::MAX), facility)?);
            }
            Item::Claim(prepared) => {
                let file = ledger.file.ok_or(Error::Missing("the file of a claim"))?;
                let outcome = batch.claim(tx, file, *prepared, Again::No)?;
                tx.add_file_totals(file, totals(outcome.outcome), "", false)?;
                outcomes.push(outcome);
            }
            Item::FileFinding(finding) => {
                let file = ledger.file.ok_or(Error::Missing("the file of a finding"))?;
                let json = json(&finding)?;
                tx.add_file_totals(file, FileTotals::default(), &format!("{json}\n"), false)?;
            }
            Item::End => {
                let file = ledger.file.take().ok_or(Error::Missing("the file that ends"))?;
                tx.add_file_totals(file, FileTotals::default(), "", true)?;
                tx.audit(None, &format!("file {file}"), "granted")?;
            }
        }
    }
    batch.finish(tx)?;
    ledger.broken = false;
    Ok(outcomes)
}

/// Checks a kept version again with today's rules: a claim that now passes is accepted, one that does not gets its new
/// findings. `prepared` was made from the kept evidence.
pub fn again(tx: &mut Tx<'_>, file: i64, prepared: Prepared) -> Result<ClaimOutcome> {
    let mut batch = Batch::new(tx)?;
    let outcome = batch.claim(tx, file, prepared, Again::Yes)?;
    batch.finish(tx)?;
    Ok(outcome)
}

fn json<T: serde::Serialize + ?Sized>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|e| Error::Files(e.to_string()))
}

/// A file's totals of one claim.
pub fn totals(outcome: Outcome) -> FileTotals {
    let mut totals = FileTotals::default();
    *match outcome {
        Outcome::Accepted => &mut totals.accepted,
        Outcome::Refused => &mut totals.refused,
        Outcome::Duplicate => &mut totals.duplicate,
        Outcome::Replaced => &mut totals.replaced,
        Outcome::CheckIn => &mut totals.check_ins,
    } = 1;
    totals
}

/// Whether the same content is looked at once more.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Again {
    No,
    Yes,
}

/// Where a claim stands in the ledger before it is written.
struct Seat {
    facility: i64,
    code: String,
    link: String,
    keyed: bool,
    known: Option<Known>,
}

/// What a batch gathers and writes once at its end.
#[derive(Default)]
struct Batch {
    evidence: pack::Open,
    changes: CellChanges,
    puts: Vec<Put>,
    people: BTreeSet<i64>,
    touched: HashSet<i64>,
    codes: HashMap<i64, String>,
    named: HashSet<i64>,
    fresh: HashMap<i64, (i64, i64)>,
}

impl Batch {
    fn new(tx: &mut Tx<'_>) -> Result<Self> {
        Ok(Self { codes: schema::facilities(tx)?.into_iter().collect(), ..Self::default() })
    }

    fn claim(&mut self, tx: &mut Tx<'_>, file: i64, mut prepared: Prepared, again: Again) -> Result<ClaimOutcome> {
        let seat = self.seat(tx, &mut prepared)?;
        let duplicate = seat.known.as_ref().is_some_and(|k| k.hash == prepared.hash);
        let outcome = match &prepared.body {
            Body::CheckIn { arrived, kind, fields } => {
                let message = CheckIn { arrived: *arrived, kind, body: fields };
                let new = tx.check_in(seat.facility, &seat.link, file, &message)?;
                if new { Outcome::CheckIn } else { Outcome::Duplicate }
            }
            _ if duplicate && again == Again::No => Outcome::Duplicate,
            Body::Sound(_) if seat.known.as_ref().is_some_and(|k| k.accepted.is_some()) => Outcome::Replaced,
            Body::Sound(_) => Outcome::Accepted,
            Body::Refused { .. } => Outcome::Refused,
        };
        let claim = match outcome {
            Outcome::Duplicate | Outcome::CheckIn => seat.known.as_ref().map(|k| k.id),
            _ => Some(self.keep(tx, file, &seat, &prepared)?),
        };
        let report = prepared.report;
        Ok(ClaimOutcome {
            position: prepared.position,
            facility: seat.code,
            link: prepared.link,
            claim,
            outcome,
            refusals: report.refusals as i64,
            warnings: report.warnings as i64,
            findings: report.findings,
        })
    }

    /// Finds the claim's place; a claim of another facility than the sender's is refused and kept under the sender.
    fn seat(&mut self, tx: &mut Tx<'_>, prepared: &mut Prepared) -> Result<Seat> {
        let readable = mach_base::text::is_facility_code(&prepared.facility);
        let named = if readable { prepared.facility.clone() } else { UNREADABLE.to_owned() };
        let mut facility = self.facility(tx, &named)?;
        let mut keyed = readable && !prepared.link.is_empty();
        if let Some(sender) = tx.scope().facility().filter(|s| *s != facility) {
            if readable {
                let code = self.codes.get(&sender).cloned().unwrap_or_default();
                refuse(prepared, Rules::shared().finding("ENV-SENDER", &prepared.link, [code, named]));
            }
            (facility, keyed) = (sender, false);
        }
        let code = self.codes.get(&facility).cloned().unwrap_or_default();
        let link = if keyed { prepared.link.clone() } else { format!("?{}", &hex(&prepared.hash)[..24]) };
        let known = claims::known(tx, facility, &link)?;
        Ok(Seat { facility, code, link, keyed, known })
    }

    fn facility(&mut self, tx: &mut Tx<'_>, code: &str) -> Result<i64> {
        let id = schema::facility_id(tx, code)?;
        self.codes.entry(id).or_insert_with(|| code.to_owned());
        if self.named.insert(id) && code != UNREADABLE {
            let organization = organization(code);
            if resources::get(tx, organization.kind, &organization.id)?.is_none() {
                self.puts.push(organization);
            }
        }
        Ok(id)
    }

    /// Writes a version and everything that follows from it; gives the claim's number.
    fn keep(&mut self, tx: &mut Tx<'_>, file: i64, seat: &Seat, prepared: &Prepared) -> Result<i64> {
        if seat.known.as_ref().is_some_and(|k| self.touched.contains(&k.id)) {
            // Its earlier version of this very batch must be in its place before the next one is compared with it.
            self.flush(tx)?;
        }
        let findings = json(&prepared.report.findings)?;
        let place = self.evidence.add(tx, seat.facility, &[&prepared.source, findings.as_bytes()])?;
        let mut version = NewVersion {
            facility: seat.facility,
            link: seat.link.clone(),
            keyed: seat.keyed,
            hash: prepared.hash.to_vec(),
            state: State::Refused,
            person: seat.known.as_ref().and_then(|k| k.person),
            file,
            position: prepared.position as i64,
            layout: prepared.layout.clone(),
            place,
            digests: claims::Digests::of(&prepared.source, findings.as_bytes()),
            refusals: prepared.report.refusals as i64,
            warnings: prepared.report.warnings as i64,
            counted_day: i64::from(Day::today().0),
            summary: Summary::default(),
        };
        let claim = match &prepared.body {
            Body::Sound(dossier) => self.accept(tx, seat, dossier, version)?,
            Body::Refused { summary, day } => {
                if seat.known.as_ref().is_some_and(|k| k.accepted.is_some()) {
                    version.state = State::Disputed;
                }
                let day = day.unwrap_or_else(Day::today);
                (version.counted_day, version.summary) = (i64::from(day.0), summary.clone());
                let state = version.state;
                let (claim, _) = tx.add_claim_version(seat.known.as_ref(), &version)?;
                if state == State::Refused && seat.keyed {
                    let facts = mach_cube::facts(Definitions::shared(), &RefusedClaim { day });
                    self.changes.set(claim, ClaimFacts::new(seat.facility, 0, 0, facts));
                }
                claim
            }
            Body::CheckIn { .. } => return Err(Error::Missing("a claim's body")),
        };
        self.touched.insert(claim);
        Ok(claim)
    }

    fn accept(&mut self, tx: &mut Tx<'_>, seat: &Seat, dossier: &Dossier, mut version: NewVersion) -> Result<i64> {
        let evidence = evidence(dossier, seat.facility);
        let resolved = mach_people::resolve(tx, &evidence).map_err(people_error)?;
        if resolved.changed {
            self.people.insert(resolved.person);
        }
        version.state = if dossier.withdrawn() { State::Withdrawn } else { State::Accepted };
        version.person = Some(resolved.person);
        version.counted_day = i64::from(dossier.left.day().0);
        version.summary = summary(dossier);
        let (claim, number) = tx.add_claim_version(seat.known.as_ref(), &version)?;
        if dossier.withdrawn() {
            self.changes.clear(seat.facility, claim);
        } else {
            let facts = mach_cube::facts(Definitions::shared(), &AcceptedClaim::new(dossier) as &dyn Subject);
            let department = match dossier.departments.last() {
                Some(code) => schema::department_id(tx, code)?,
                None => 0,
            };
            self.changes.set(claim, ClaimFacts::new(seat.facility, department, commune_key(dossier), facts));
        }
        self.record(tx, seat, dossier, (claim, number, resolved.person))?;
        let fresh = self.fresh.entry(seat.facility).or_insert((version.file, version.counted_day));
        *fresh = (version.file, fresh.1.max(version.counted_day));
        Ok(claim)
    }

    /// The claim's resources: written over those of an earlier version, which are taken away where they are no more.
    fn record(&mut self, tx: &mut Tx<'_>, seat: &Seat, dossier: &Dossier, ids: (i64, i64, i64)) -> Result<()> {
        let (claim, version, person) = ids;
        let patient = mach_people::fhir_id(person);
        let name = Facilities::shared().get(&seat.code).map(|f| f.name.clone()).unwrap_or_default();
        let context = record::Context {
            claim,
            version: u32::try_from(version).unwrap_or(u32::MAX),
            patient: &patient,
            facility_name: &name,
            names: Icd10::shared(),
            dispenses: true,
        };
        let made = record::resources(dossier, &context);
        if version > 1 {
            let ids: HashSet<(ResourceType, &str)> = made.iter().map(|r| (r.kind, r.id.as_str())).collect();
            let prefix = format!("c{claim}-");
            for kind in &CLAIM_KINDS {
                for id in resources::with_prefix(tx, seat.facility, *kind, &prefix)? {
                    if !ids.contains(&(*kind, id.as_str())) {
                        tx.delete(*kind, &id)?;
                    }
                }
            }
        }
        self.puts.extend(made.into_iter().map(|r| Put {
            kind: r.kind,
            id: r.id,
            body: r.body,
            patient: Some(person),
            date: Some(r.date.0),
            facility: Some(seat.facility),
            index: r.index,
        }));
        Ok(())
    }

    fn flush(&mut self, tx: &mut Tx<'_>) -> Result<()> {
        self.evidence.close(tx)?;
        let puts = std::mem::take(&mut self.puts);
        tx.put(&puts)?;
        self.touched.clear();
        Ok(())
    }

    fn finish(&mut self, tx: &mut Tx<'_>) -> Result<()> {
        for person in std::mem::take(&mut self.people) {
            let view = mach_people::view(tx, person).map_err(people_error)?.ok_or(Error::Missing("a person"))?;
            let codes = &self.codes;
            let code = |id: i64| codes.get(&id).cloned().unwrap_or_default();
            self.puts.push(Put {
                kind: ResourceType::PATIENT,
                id: mach_people::fhir_id(person),
                body: patient_json(&view, &code),
                patient: Some(person),
                date: None,
                facility: None,
                index: patient_index(&view, &code),
            });
        }
        self.flush(tx)?;
        cells::apply(tx, &std::mem::take(&mut self.changes))?;
        for (facility, (file, day)) in std::mem::take(&mut self.fresh) {
            tx.note_freshness(facility, file, day)?;
        }
        Ok(())
    }
}

/// The code under which claims stand whose facility cannot be read.
const UNREADABLE: &str = "-----";

/// Types of resources that a claim becomes.
const CLAIM_KINDS: [ResourceType; 9] = [
    ResourceType::COVERAGE,
    ResourceType::ENCOUNTER,
    ResourceType::CONDITION,
    ResourceType::MEDICATION_REQUEST,
    ResourceType::MEDICATION_DISPENSE,
    ResourceType::PROCEDURE,
    ResourceType::OBSERVATION,
    ResourceType::DOCUMENT_REFERENCE,
    ResourceType::CLAIM,
];

/// The Organization of a facility: what its claims' resources refer to.
fn organization(code: &str) -> Put {
    let id = record::organization_id(code);
    let name = Facilities::shared().get(code).map_or_else(|| code.to_owned(), |f| f.name.clone());
    let mut body = String::new();
    Writer::object(&mut body, |w| {
        w.text("resourceType", "Organization").text("id", &id);
        w.list("identifier", |list| {
            list.item(|w| {
                w.text("system", FACILITY_SYSTEM).text("value", code);
            });
        });
        w.text("name", &name);
    });
    let index = vec![
        IndexValue::Token { param: Param::IDENTIFIER, system: FACILITY_SYSTEM.to_owned(), code: code.to_owned() },
        IndexValue::Text { param: Param::NAME, text: name },
    ];
    Put { kind: ResourceType::ORGANIZATION, id, body, patient: None, date: None, facility: None, index }
}

/// Identifier system of facility codes (`MA_CSKCB`).
const FACILITY_SYSTEM: &str = "urn:mach:codes:MA_CSKCB";

/// Turns a sound claim into a refused one by one more finding.
fn refuse(prepared: &mut Prepared, finding: Finding) {
    debug_assert_eq!(finding.severity, Severity::Refuse);
    prepared.report.push(finding);
    if let Body::Sound(dossier) = &prepared.body {
        prepared.body = Body::Refused { summary: summary(dossier), day: Some(dossier.left.day()) };
    }
}

fn summary(d: &Dossier) -> Summary {
    Summary {
        kind: d.kind.clone(),
        arrived: Some(d.arrived.0),
        left_day: Some(i64::from(d.left.day().0)),
        main_dx: d.main_diagnosis.clone(),
        cost: d.totals.cost.0,
        insurer: d.totals.insurer.0,
        lines: (d.lines.len() + d.results.len() + d.notes.len()) as i64,
    }
}

/// The patient's commune by its code on the day of arrival; a code of the other era is taken for what it was.
fn commune_key(d: &Dossier) -> i64 {
    let on = d.arrived.day();
    let places = Places::shared();
    let key = places.key(&d.person.commune, on).or_else(|| {
        let cut = mach_places::Era::CHANGE;
        let other = if on < cut { cut } else { Day(cut.0 - 1) };
        places.key(&d.person.commune, other)
    });
    key.map_or(0, |k| k.0)
}

fn evidence(d: &Dossier, facility: i64) -> Evidence<'_> {
    let p = &d.person;
    Evidence {
        facility,
        local_id: &p.local_id,
        national_id: p.national_id.as_deref(),
        insurance_id: p.insurance_id.as_deref(),
        name: &p.name,
        birth: mach_people::Birth { year: p.birth.year, day: p.birth.day },
        sex: p.sex.parse().unwrap_or(0),
        phone: p.phone.as_deref(),
        address: &p.address,
        province: &p.province,
        district: &p.district,
        commune: &p.commune,
        ethnicity: &p.ethnicity,
        nationality: &p.nationality,
        occupation: &p.occupation,
        seen: Minute(d.arrived.0),
    }
}

fn people_error(error: mach_people::Error) -> Error {
    match error {
        mach_people::Error::Store(e) => e,
        other => Error::Files(other.to_string()),
    }
}
