//! Doses from spreadsheets: read as a stream, checked row by row, written a few hundred to a transaction together with how far
//! the file is. After a kill the same file goes on where it was; sent again, its doses are there already.

use crate::bodies;
use crate::row::{self, Given, Header, Identity};
use crate::sheet;
use mach_access::Decision;
use mach_base::text::fold;
use mach_base::time::now_seconds;
use mach_base::{Day, Minute};
use mach_fhir::ResourceType;
use mach_people::{Agreement, Evidence, compare_names, patient_index, patient_json};
use mach_store::notices::Kind;
use mach_store::resources::Put;
use mach_store::vaccines::{self, Dose, Fault, File, Reason};
use mach_store::{Error, Pending, Store, Tx, people, schema};
use mach_terms::Facilities;
use sha2::{Digest, Sha256};
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::io::Read;
use std::path::Path;

/// Rows of one transaction.
pub const TOGETHER: usize = 500;
/// Transactions handed in and not yet durable.
const IN_FLIGHT: usize = 3;
/// Rows whose faults are kept of one file; further ones are counted.
pub const FAULTS: i64 = 10_000;

/// Why a transaction is taken back where another reads the same file.
const BUSY: &str = "another hand goes on with this file";

/// Why a file was not read, or not to its end.
#[derive(Clone, Debug)]
pub enum Refusal {
    /// It cannot be used: what is wrong with it.
    File(String),
    /// The same file is being read already.
    Busy,
    /// The store could not keep it: what was kept is kept, and the same file goes on from there.
    Store(Error),
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(why) => f.write_str(why),
            Self::Busy => f.write_str(BUSY),
            Self::Store(e) => e.fmt(f),
        }
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        match error {
            Error::Refused(why) if why == BUSY => Self::Busy,
            error => Self::Store(error),
        }
    }
}

fn digest(path: &Path) -> std::io::Result<String> {
    let mut file = std::fs::File::open(path)?;
    let (mut hash, mut buffer) = (Sha256::new(), vec![0; 1 << 20]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(mach_sign::hex(&hash.finalize())),
            n => hash.update(buffer.get(..n).unwrap_or_default()),
        }
    }
}

/// A row that was read: its line, what it says or what is wrong with it.
type Checked = (i64, Result<Given, row::Wrong>);

/// Imports a file; `each` is told how far it is after each transaction.
///
/// # Errors
/// `File` where it is no spreadsheet or a column is missing: nothing is stored. `Store`.
pub fn import(
    store: &Store,
    decision: &Decision,
    (path, name): (&Path, &str),
    each: &mut dyn FnMut(&File),
) -> Result<File, Refusal> {
    let file_error = |e: std::io::Error| Refusal::File(format!("`{name}`: {e}"));
    let own = decision.scope().facility();
    let mut table = sheet::open(path).map_err(Refusal::File)?;
    let mut rows = table.lines().map_err(|e| Refusal::File(e.to_string()))?;
    let (_, first) = rows.next().ok_or_else(|| Refusal::File("the file is empty".to_owned()))?;
    let first = first.map_err(Refusal::File)?;
    let header = Header::read(first.iter().map(String::as_str)).map_err(Refusal::File)?;
    let width = first.len();
    let new = File {
        begun: now_seconds(),
        account: decision.actor().account,
        facility: own.unwrap_or(0),
        name: name.chars().filter(|c| !c.is_control()).take(200).collect(),
        digest: digest(path).map_err(file_error)?,
        ..File::default()
    };
    let mut file = store.write(decision, move |tx| {
        let file = tx.begin_file(&new)?;
        tx.audit(None, &format!("doses of vaccine, file {}", file.id), "granted")?;
        Ok(file)
    })?;
    each(&file);
    if file.ended.is_some() {
        return Ok(file);
    }
    let today = Day::today();
    let done = usize::try_from(file.read).unwrap_or(usize::MAX);
    let mut rows = rows.skip(done);
    let (mut at, id) = (file.read, file.id);
    let mut flight: VecDeque<Pending<File>> = VecDeque::new();
    loop {
        let chunk: Vec<Checked> = rows
            .by_ref()
            .take(TOGETHER)
            .map(|(line, cells)| {
                let given = match cells {
                    Ok(cells) => match mach_sheets::beyond(width, &cells) {
                        None => row::read(&header, |n| cells.get(n).map(String::as_str), today),
                        Some(at) => Err(vec![("", format!("column {at} has no heading: have the cells slid?"))]),
                    },
                    Err(why) => Err(vec![("", why)]),
                };
                (i64::try_from(line).unwrap_or(i64::MAX), given)
            })
            .collect();
        let last = chunk.len() < TOGETHER;
        let from = at;
        at += i64::try_from(chunk.len()).unwrap_or(0);
        flight.push_back(store.begin_write(decision, move |tx| write(tx, id, from, chunk, last))?);
        while flight.len() >= IN_FLIGHT || (last && !flight.is_empty()) {
            let Some(pending) = flight.pop_front() else { break };
            file = pending.wait()?;
            each(&file);
        }
        if last {
            return Ok(file);
        }
    }
}

/// Facilities as rows name them.
struct Codes {
    by_code: HashMap<String, i64>,
    by_id: HashMap<i64, String>,
}

impl Codes {
    fn of(&mut self, tx: &mut Tx<'_>, code: &str) -> Result<Option<i64>, Error> {
        if let Some(id) = self.by_code.get(code) {
            return Ok(Some(*id));
        }
        if Facilities::shared().get(code).is_none() {
            return Ok(None);
        }
        let id = schema::facility_id(tx, code)?;
        self.by_code.insert(code.to_owned(), id);
        self.by_id.insert(id, code.to_owned());
        Ok(Some(id))
    }
}

fn write(tx: &mut Tx<'_>, id: i64, from: i64, chunk: Vec<Checked>, last: bool) -> Result<File, Error> {
    let mut file = vaccines::file_of(tx, id)?.ok_or(Error::Missing("a file"))?;
    let mut codes = Codes { by_code: HashMap::new(), by_id: HashMap::new() };
    for (id, code) in schema::facilities(tx)? {
        codes.by_code.insert(code.clone(), id);
        codes.by_id.insert(id, code);
    }
    let own = tx.scope().facility();
    let mut work = Work { puts: Vec::with_capacity(chunk.len() + 16), patients: BTreeSet::new() };
    let mut faults = Vec::new();
    for (line, given) in chunk {
        file.read += 1;
        let given = given.and_then(|given| match (own, given.facility.as_str()) {
            (Some(own), code) if !code.is_empty() && codes.by_id.get(&own).is_none_or(|c| c != code) => {
                Err(vec![("CO_SO_TIEM", "another facility's: each sends its own".to_owned())])
            }
            (None, "") => Err(vec![("CO_SO_TIEM", "a facility's code is wanted".to_owned())]),
            _ => Ok(given),
        });
        let placed = match given {
            Ok(given) => match own {
                Some(own) => Ok((given, own)),
                None => match codes.of(tx, &given.facility)? {
                    Some(facility) => Ok((given, facility)),
                    None => Err(vec![("CO_SO_TIEM", "no such facility in the register".to_owned())]),
                },
            },
            Err(wrong) => Err(wrong),
        };
        match placed {
            Ok((given, facility)) => {
                let code = codes.by_id.get(&facility).cloned().unwrap_or_default();
                match work.one(tx, &given, facility, &code)? {
                    Done::Same => file.same += 1,
                    Done::Another { lot } => {
                        let why =
                            format!("such a dose is there, of lot `{lot}`: is this of a namesake? write their number");
                        if file.bad < FAULTS {
                            faults.push(Fault { line, field: "SO_LO".to_owned(), why });
                        }
                        file.bad += 1;
                    }
                    Done::Good { doubtful } => {
                        file.good += 1;
                        file.doubts += i64::from(doubtful);
                    }
                }
            }
            Err(wrong) => {
                if file.bad < FAULTS {
                    let fault = |(field, why): (&str, String)| Fault { line, field: field.to_owned(), why };
                    faults.extend(wrong.into_iter().map(fault));
                }
                file.bad += 1;
            }
        }
    }
    work.patients(tx, &codes)?;
    tx.put(&work.puts)?;
    file.ended = last.then(now_seconds);
    if !tx.keep_file(&file, from, &faults)? {
        return Err(Error::Refused(BUSY.to_owned()));
    }
    // The console reads its own screen.
    if file.ended.is_some() && file.account > 0 {
        tx.notify(file.account, Kind::ImportFinished, now_seconds(), &format!("/vaccines/import/{}", file.id))?;
    }
    Ok(file)
}

enum Done {
    Same,
    /// The person is in doubt and has such a dose of another lot: perhaps they are two.
    Another {
        lot: String,
    },
    Good {
        doubtful: bool,
    },
}

struct Work {
    puts: Vec<Put>,
    patients: BTreeSet<i64>,
}

impl Work {
    fn one(&mut self, tx: &mut Tx<'_>, given: &Given, facility: i64, code: &str) -> Result<Done, Error> {
        let minute = Minute(i64::from(given.day.0) * 1_440);
        let number = match &given.identity {
            Identity::Number(number) if !is_of_another(tx, number, &given.name)? => Some(number.as_str()),
            _ => None,
        };
        let evidence = Evidence {
            facility,
            local_id: if number.is_none() || given.has_local { &given.local } else { "" },
            national_id: number,
            name: &given.name,
            birth: given.birth,
            sex: given.sex,
            phone: Some(given.phone.as_str()).filter(|p| !p.is_empty()),
            address: &given.address,
            commune: &given.commune,
            nationality: &given.nationality,
            seen: minute,
            ..Evidence::default()
        };
        let resolved = mach_people::resolve(tx, &evidence).map_err(people_error)?;
        if resolved.changed {
            self.patients.insert(resolved.person);
        }
        let person = resolved.person;
        let known = people::person(tx, person)?.is_some_and(|p| p.national.is_some());
        let doubt = match &given.identity {
            Identity::Number(_) if number.is_some() && resolved.reviews.is_empty() => None,
            Identity::Number(number) => Some((Reason::Anothers, number.clone())),
            Identity::Doubtful(reason, written) => (!known).then(|| (*reason, written.clone())),
        };
        let mut dose = Dose {
            id: 0,
            digest: 0,
            person,
            facility,
            day: i64::from(given.day.0),
            number: given.number,
            pass: given.product.has_pass(),
            product: given.product.code.clone(),
            lot: given.lot.clone(),
        };
        let mut done = Done::Good { doubtful: doubt.is_some() };
        match tx.same_dose(&dose)? {
            None => dose.id = tx.add_dose(&dose)?,
            Some(there) if given.lot.is_empty() || fold(&there.lot) == fold(&given.lot) => return Ok(Done::Same),
            Some(there) if doubt.is_some() => return Ok(Done::Another { lot: there.lot }),
            // A file that was corrected.
            Some(there) => {
                tx.correct_lot(&there, &given.lot)?;
                dose = there;
                done = Done::Good { doubtful: false };
            }
        }
        if let Some((reason, written)) = &doubt {
            let now = now_seconds();
            if let Some(id) = tx.doubt_person((person, facility), *reason, &given.commune, now)? {
                let body = bodies::task((id, person), (written, ""), ("requested", code), now);
                self.puts.push(put(ResourceType::TASK, bodies::task_id(id), body, (person, facility, minute)));
            }
        }
        let id = vaccines::resource_id(&dose);
        let body = bodies::immunization(given, &id, person, code);
        self.puts.push(put(ResourceType::IMMUNIZATION, id, body, (person, facility, minute)));
        Ok(done)
    }

    fn patients(&mut self, tx: &mut Tx<'_>, codes: &Codes) -> Result<(), Error> {
        let code = |id: i64| codes.by_id.get(&id).cloned().unwrap_or_default();
        for person in std::mem::take(&mut self.patients) {
            self.puts.push(patient(tx, person, &code)?);
        }
        Ok(())
    }
}

/// Whether a number is of somebody with another name: then it says nothing of whom this row is about.
fn is_of_another(tx: &mut Tx<'_>, number: &str, name: &str) -> Result<bool, Error> {
    let Some(owner) = mach_people::by_national(tx, number).map_err(people_error)? else { return Ok(false) };
    Ok(people::person(tx, owner)?.is_some_and(|p| compare_names(&p.name, name) == Agreement::Different))
}

fn put(kind: ResourceType, id: String, body: String, (person, facility, at): (i64, i64, Minute)) -> Put {
    Put { kind, id, body, patient: Some(person), date: Some(at.0), facility: Some(facility), index: Vec::new() }
}

pub(crate) fn people_error(error: mach_people::Error) -> Error {
    match error {
        mach_people::Error::Store(e) => e,
        other => Error::Files(other.to_string()),
    }
}

/// The Patient of a person, to be written.
pub(crate) fn patient(tx: &mut Tx<'_>, person: i64, code: &dyn Fn(i64) -> String) -> Result<Put, Error> {
    let view = mach_people::view(tx, person).map_err(people_error)?.ok_or(Error::Missing("a person"))?;
    Ok(Put {
        kind: ResourceType::PATIENT,
        id: mach_people::fhir_id(person),
        body: patient_json(&view, code),
        patient: Some(person),
        date: None,
        facility: None,
        index: patient_index(&view, code),
    })
}
