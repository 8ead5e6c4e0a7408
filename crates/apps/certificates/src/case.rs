//! One case as it is now: its row, its person, the parts of its form and what the standard says of them.

use crate::bodies::{self, By, Sent};
use crate::rules::{self, Fitness};
use mach_access::Scope;
use mach_base::{Day, Minute};
use mach_fhir::{ResourceType, Tree};
use mach_forms::{About, Answers, Coding, Context, Form, Kind, Value, library};
use mach_signing::patient::{self, Signed};
use mach_store::certificates::{self, Certificate};
use mach_store::resources::{self, Resource};
use mach_store::signing::{self, Act, Flight};
use mach_store::sql::Query;
use mach_store::{Error, Result, schema};
use std::sync::Arc;

/// The form of driver health certificates.
pub const FORM: &str = "urn:mach:forms:driver-health";
/// The part that a doctor concludes with.
pub const CONCLUSION: &str = "conclusion";
/// The part that women alone are asked.
pub const MATERNITY: &str = "maternity";
/// Days within which different results of one person are told.
pub const CLASH_DAYS: i64 = 30;

/// A part of the form, and how far it is.
#[derive(Clone, Debug)]
pub struct Part {
    /// `linkId` of its group.
    pub link: String,
    /// Whether its doctor concluded it.
    pub done: bool,
    /// Whether anything is written in it.
    pub begun: bool,
    /// Who concluded or wrote it: reference and name.
    pub author: (String, String),
    /// Its stored version; 0: none.
    pub version: i64,
}

/// What papers and messages tell of the person.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Particulars {
    /// Day of birth as the record has it: `1985-03-09`, or a year.
    pub born: String,
    /// R4 `administrative-gender`.
    pub gender: String,
    /// Residence in one line.
    pub address: String,
}

impl Particulars {
    /// Of a Patient, as JSON.
    fn of(patient: &str) -> Self {
        let Ok(tree) = Tree::parse(patient) else { return Self::default() };
        let text = |name: &str| tree.root().get_text(name).unwrap_or_default().into_owned();
        let address = tree.root().get("address").and_then(|a| a.items().next()?.get_text("text"));
        Self { born: text("birthDate"), gender: text("gender"), address: address.unwrap_or_default().into_owned() }
    }

    /// Day of birth as papers write it; as the record has it where it is no whole day.
    pub fn born_text(&self) -> String {
        Day::parse_iso(&self.born).map_or_else(|| self.born.clone(), Day::vi)
    }
}

/// Everything known of a case.
pub struct Case {
    /// Its row.
    pub row: Certificate,
    /// Code of its facility.
    pub facility: String,
    /// Its form, in the version it was opened with.
    pub form: Arc<Form>,
    /// The answers of all parts.
    pub answers: Answers,
    /// Its parts, those that the person is not asked left out.
    pub parts: Vec<Part>,
    /// The Patient, as JSON.
    pub patient: String,
    /// What was sent.
    pub sent: Sent,
    /// Signatures, as the Composition has them.
    pub attesters: Vec<bodies::Attester>,
    /// The digital signatures of its conclusion, under way or done: the doctor's, the head's.
    pub flights: Vec<Flight>,
    /// The person's signature under what they declare, if any.
    pub declared: Option<Signed>,
    /// Other recent cases of this person: at this facility, for the province at any.
    pub others: Vec<(Certificate, String)>,
}

impl Case {
    /// The day the examination counts on.
    pub fn day(&self) -> Day {
        Minute::of_seconds(self.row.concluded.unwrap_or(self.row.opened)).day()
    }

    /// What the standard says.
    pub fn fitness(&self) -> Fitness {
        rules::fitness(&self.form, &self.answers, &self.row.class, self.day())
    }

    /// What papers and messages tell of the person.
    pub fn particulars(&self) -> Particulars {
        Particulars::of(&self.patient)
    }

    /// What expressions of the form may ask.
    pub fn context(&self) -> Context {
        context(&self.patient)
    }

    /// The parts that must be concluded first.
    pub fn open_parts(&self) -> impl Iterator<Item = &Part> {
        self.parts.iter().filter(|p| !p.done && p.link != CONCLUSION)
    }

    /// The last day it is valid: twelve months after the conclusion (Circular 36/2024, Annex II).
    pub fn valid_until(&self) -> Option<Day> {
        let (y, m, d) = Minute::of_seconds(self.row.concluded?).day().ymd();
        Day::from_ymd(y + 1, m, d).or_else(|| Day::from_ymd(y + 1, m, 28))
    }

    /// Whether it was issued before, and so has been in somebody's hands.
    pub fn was_issued(&self) -> bool {
        self.row.due.is_some()
    }

    /// Its number on the paper; empty: none yet.
    pub fn number(&self) -> String {
        bodies::number(&self.row, &self.facility)
    }

    /// The digital signature for an act, where one was asked for since the conclusion.
    pub fn flight(&self, act: Act) -> Option<&Flight> {
        self.flights.iter().find(|f| f.act == act)
    }

    /// Whether this account of the house concluded it: who does must not sign for the head.
    pub fn is_by(&self, account: i64) -> bool {
        let says = self.attesters.iter().find(|(mode, ..)| *mode == "professional").map(|(_, _, by)| by.account);
        account != 0 && [says, self.flight(Act::Conclude).map(|f| f.account)].contains(&Some(account))
    }

    /// Others of this person with another result.
    pub fn clashes(&self) -> bool {
        !self.row.result.is_empty()
            && self.others.iter().any(|(o, _)| !o.result.is_empty() && o.result != self.row.result)
    }
}

/// Seconds of local midnight, at which a day begins: Viet Nam is seven hours east of UTC.
pub fn midnight(day: Day) -> i64 {
    i64::from(day.0) * 86_400 - 7 * 3_600
}

/// What expressions of the form may ask, of a Patient.
pub fn context(patient: &str) -> Context {
    Context::default().with("patient", patient)
}

/// The FHIR id of a part's response.
pub fn response_id(code: &str, part: &str) -> String {
    format!("{}-{part}", bodies::id(code))
}

/// The case with this look-up code, as the reader may see it.
///
/// # Errors
/// Of the store.
pub fn load(on: &mut dyn Query, code: &str) -> Result<Option<Case>> {
    let Some(row) = certificates::by_code(on, code)? else { return Ok(None) };
    // A facility varies forms: the case is read as its own facility sees it, whoever looks.
    let scope = Scope::Facility(row.facility);
    let form = library::version(on, scope, &row.form)?.ok_or(Error::Missing("the form of a certificate"))?;
    let patient = resources::get(on, ResourceType::PATIENT, &mach_people::fhir_id(row.person))?;
    let patient = patient.map(|p| p.body).unwrap_or_default();
    let mut observed = resources::of_patient(on, row.person, ResourceType::OBSERVATION, None, RECALLED)?;
    // A form begins with what its own facility observed: another's findings are not told by the way.
    observed.retain(|o| o.facility == Some(row.facility));
    let (mut answers, _) = form.start(&context(&patient), &|codes, days| recall(&observed, &row, codes, days));
    let mut parts = Vec::new();
    for (n, item) in form.items.iter().enumerate().filter(|(_, i)| i.kind == Kind::Group) {
        let stored =
            resources::current(on, scope, ResourceType::QUESTIONNAIRE_RESPONSE, &response_id(code, &item.link))?;
        let stored = stored.filter(|r| !r.deleted);
        if let Some(stored) = &stored {
            let read = Answers::read(&form, &stored.body).map_err(Error::Files)?;
            if let (Some(mine), Some(theirs)) = (answers.nodes.get_mut(n), read.nodes.into_iter().nth(n)) {
                *mine = theirs;
            }
        }
        parts.push(part(&item.link, stored.as_ref()));
    }
    form.settle(&mut answers, &context(&patient));
    if answers.code(&form, "sex") != "female" {
        parts.retain(|p| p.link != MATERNITY);
    }
    let facility = schema::facility_code(on, row.facility)?.unwrap_or_default();
    let mut others = Vec::new();
    for other in certificates::others(on, row.person, code, row.opened - CLASH_DAYS * 86_400)? {
        let at = schema::facility_code(on, other.facility)?.unwrap_or_default();
        others.push((other, at));
    }
    let sent = resources::current(on, scope, ResourceType::TASK, &format!("{}-send", bodies::id(code)))?;
    let sent = sent.map(|t| sent_of(&t.body)).unwrap_or_default();
    let composition = resources::current(on, scope, ResourceType::COMPOSITION, &bodies::id(code))?;
    let attesters = composition.map(|c| attesters(&c.body)).unwrap_or_default();
    let mut flights = Vec::new();
    for act in [Act::Conclude, Act::Countersign] {
        // Those of an earlier conclusion are history.
        let flight = signing::flight_of(on, row.facility, code, act)?;
        flights.extend(flight.filter(|f| row.concluded.is_some_and(|at| f.began >= at)));
    }
    let declared = patient::of(on, row.facility, code, Act::Declare)?;
    Ok(Some(Case { row, facility, form, answers, parts, patient, sent, attesters, flights, declared, others }))
}

/// Observations of a person looked at for values at the start.
const RECALLED: usize = 200;

fn recall(observed: &[Resource], row: &Certificate, codes: &[Coding], days: i64) -> Option<Value> {
    let since = Minute::of_seconds(row.opened - days * 86_400).0;
    observed.iter().filter(|o| o.date.is_some_and(|d| d >= since)).find_map(|o| {
        let tree = Tree::parse(o.body.as_str()).ok()?;
        let root = tree.root();
        let is = |c: &Coding| {
            root.get("code").and_then(|k| k.get("coding")).into_iter().flat_map(mach_fhir::tree::Value::items).any(
                |k| {
                    k.get_text("code").as_deref() == Some(&c.code) && k.get_text("system").as_deref() == Some(&c.system)
                },
            )
        };
        codes.iter().any(is).then(|| Value::member(root, "value")).flatten()
    })
}

fn part(link: &str, stored: Option<&Resource>) -> Part {
    let mut part = Part { link: link.to_owned(), done: false, begun: false, author: Default::default(), version: 0 };
    let Some(stored) = stored else { return part };
    (part.begun, part.version) = (true, stored.version);
    if let Ok(tree) = Tree::parse(stored.body.as_str()) {
        part.done = matches!(tree.root().get_text("status").as_deref(), Some("completed" | "amended"));
        if let Some(author) = tree.root().get("author") {
            let text = |name| author.get_text(name).unwrap_or_default().into_owned();
            part.author = (text("reference"), text("display"));
        }
    }
    part
}

fn sent_of(body: &str) -> Sent {
    let mut sent = Sent::default();
    let Ok(tree) = Tree::parse(body) else { return sent };
    let said = tree.root().get("statusReason").and_then(|r| r.get_text("text"));
    sent.said = said.unwrap_or_default().into_owned();
    for output in tree.root().get("output").into_iter().flat_map(mach_fhir::tree::Value::items) {
        let value = output.get_text("valueString").unwrap_or_default().into_owned();
        match output.get("type").and_then(|t| t.get_text("text")).as_deref() {
            Some("receipt") => sent.receipt = value,
            Some("action") => sent.action = value,
            _ => {}
        }
    }
    sent
}

fn attesters(body: &str) -> Vec<bodies::Attester> {
    let Ok(tree) = Tree::parse(body) else { return Vec::new() };
    let list = tree.root().get("attester").into_iter().flat_map(mach_fhir::tree::Value::items);
    list.filter_map(|a| {
        let mode = if a.get_text("mode").as_deref() == Some("professional") { "professional" } else { "official" };
        let party = a.get("party")?;
        let reference = party.get_text("reference").unwrap_or_default().into_owned();
        let account = reference.strip_prefix("Practitioner/account-").and_then(|n| n.parse().ok()).unwrap_or(0);
        let name = party.get_text("display").unwrap_or_default().into_owned();
        let when = mach_base::time::parse_instant(&a.get_text("time")?)? / 1000;
        Some((mode, when, By { account, name }))
    })
    .collect()
}

/// What a part's response says beside its answers.
pub fn about(case: &Case, part: &str, status: &str, by: &By, now: i64) -> About {
    About {
        id: response_id(&case.row.code, part),
        status: status.to_owned(),
        subject: format!("Patient/{}", mach_people::fhir_id(case.row.person)),
        encounter: format!("Encounter/{}", bodies::id(&case.row.code)),
        authored: bodies::instant(now),
        author: (by.reference(), by.name.clone()),
    }
}
