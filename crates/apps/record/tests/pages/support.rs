//! A house in a folder of its own: two facilities, accounts of each role, claims written the way an import writes them.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use mach_access::{Act, Actor, Role, decide, secret};
use mach_base::decimal::{Money, Quantity};
use mach_base::{Day, Minute};
use mach_claims::dossier::{Birth, Card, Dossier, Line, LineTable, NoteLine, Paper, PersonOnClaim, ResultLine, Totals};
use mach_claims::record::{self, Context};
use mach_house::{House, SESSION_COOKIE, Settings};
use mach_people::Evidence;
use mach_store::accounts::NewAccount;
use mach_store::claims::{self, NewVersion, State, Summary};
use mach_store::resources::Put;
use mach_store::{Store, Tx, audit, pack, schema};
use mach_terms::Icd10;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use tower::ServiceExt;

/// Facility of the first clinician, and of the second.
pub const A: &str = "46001";
pub const B: &str = "46002";

pub struct Place {
    pub app: Router,
    store: Option<Store>,
    path: PathBuf,
}

static NEXT: AtomicU32 = AtomicU32::new(0);

impl Place {
    /// An empty house with the accounts `leader`, `operator` (A), `doctor-a`, `doctor-b`.
    pub fn new() -> Self {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("mach-record-{}-{number}", std::process::id()));
        let store = Store::open(&path).unwrap();
        let house = House::new(store.clone(), Settings::default());
        let app = mach_ui::http::serve(mach_record::router().with_state(house));
        let place = Self { app, store: Some(store), path };
        place.write(|tx| {
            for (name, role, facility) in [
                ("leader", Role::Leader, None),
                ("operator", Role::Operator, Some(A)),
                ("doctor-a", Role::Clinician, Some(A)),
                ("doctor-b", Role::Clinician, Some(B)),
            ] {
                let facility = facility.map(|code| schema::facility_id(tx, code)).transpose()?;
                let (display, password) = (format!("BS. {name}"), "none".to_owned());
                let account = tx.set_account(&NewAccount { name: name.into(), display, role, facility, password })?;
                tx.begin_session(&secret::token_hash(name), account, mach_store::sessions::State::Open, "test")?;
            }
            Ok(())
        });
        place
    }

    pub fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Tx<'_>) -> mach_store::Result<T> + Send + 'static,
    ) -> T {
        let decision = decide(&Actor::console(), Act::SendClaims).unwrap();
        self.store.as_ref().unwrap().write(&decision, work).unwrap()
    }

    /// Stores a claim, its person and its resources; gives (claim, person).
    pub fn claim(&self, dossier: Dossier) -> (i64, i64) {
        self.write(move |tx| store_claim(tx, &dossier))
    }

    /// `who act target outcome` of every look at a person's record, newest first.
    pub fn looks(&self, person: i64) -> Vec<String> {
        let decision = decide(&Actor::console(), Act::ReadRecord).unwrap();
        let mut reader = self.store.as_ref().unwrap().read(&decision).unwrap();
        let entries = audit::of_person(&mut reader, person, 50).unwrap();
        entries.iter().map(|e| format!("{} {} {} {}", e.name, e.act, e.target, e.outcome)).collect()
    }

    pub async fn get(&self, who: &str, path: &str) -> Answer {
        self.ask(who, Request::get(path)).await
    }

    pub async fn post(&self, who: &str, path: &str, form: &str) -> Answer {
        let request = Request::post(path).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.send(who, request, Body::from(form.to_owned())).await
    }

    async fn ask(&self, who: &str, request: axum::http::request::Builder) -> Answer {
        self.send(who, request, Body::empty()).await
    }

    async fn send(&self, who: &str, request: axum::http::request::Builder, body: Body) -> Answer {
        let request = match who {
            "" => request,
            who => request.header(header::COOKIE, format!("{SESSION_COOKIE}={who}")),
        };
        let answer = self.app.clone().oneshot(request.body(body).unwrap()).await.unwrap();
        let to = answer.headers().get(header::LOCATION).map(|v| v.to_str().unwrap().to_owned());
        let kind = answer.headers().get(header::CONTENT_TYPE).map(|v| v.to_str().unwrap().to_owned());
        let status = answer.status();
        let bytes = to_bytes(answer.into_body(), 8 << 20).await.unwrap();
        Answer {
            status,
            to: to.unwrap_or_default(),
            kind: kind.unwrap_or_default(),
            body: String::from_utf8(bytes.to_vec()).unwrap(),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.store = None;
        self.app = Router::new();
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub to: String,
    pub kind: String,
    pub body: String,
}

impl Answer {
    /// Fails where the page lacks one of `parts` or the status is not 200.
    #[track_caller]
    pub fn shows(&self, parts: &[&str]) {
        assert_eq!(self.status, StatusCode::OK, "{}", self.body);
        let plain = self.body.replace('\u{a0}', " ");
        for part in parts {
            assert!(plain.contains(part), "`{part}` is missing in {plain}");
        }
    }

    #[track_caller]
    pub fn hides(&self, parts: &[&str]) {
        for part in parts {
            assert!(!self.body.contains(part), "`{part}` is shown");
        }
    }

    /// Number of people in the list.
    pub fn rows(&self) -> usize {
        self.body.matches("data-test=\"person-row\"").count()
    }
}

fn store_claim(tx: &mut Tx<'_>, d: &Dossier) -> mach_store::Result<(i64, i64)> {
    let facility = schema::facility_id(tx, &d.facility)?;
    let p = &d.person;
    let resolved = mach_people::resolve(
        tx,
        &Evidence {
            facility,
            local_id: &p.local_id,
            national_id: p.national_id.as_deref(),
            insurance_id: p.insurance_id.as_deref(),
            name: &p.name,
            birth: mach_people::Birth { year: p.birth.year, day: p.birth.day },
            sex: p.sex.parse().unwrap_or(0),
            phone: p.phone.as_deref(),
            address: &p.address,
            seen: d.arrived,
            ..Evidence::default()
        },
    )?;
    let person = resolved.person;
    let known = claims::known(tx, facility, &d.link)?;
    let file = tx.receive_file("a.xml", 1, Some(facility))?;
    let mut open = pack::Open::default();
    let place = open.add(tx, facility, &[b"source", b"[]"])?;
    open.close(tx)?;
    let summary = Summary {
        kind: d.kind.clone(),
        arrived: Some(d.arrived.0),
        left_day: Some(i64::from(d.left.day().0)),
        main_dx: d.main_diagnosis.clone(),
        cost: d.totals.cost.0,
        insurer: d.totals.insurer.0,
        lines: d.lines.len() as i64,
    };
    let (claim, version) = tx.add_claim_version(
        known.as_ref(),
        &NewVersion {
            facility,
            link: d.link.clone(),
            keyed: true,
            hash: vec![known.as_ref().map_or(1, |k| k.version as u8 + 1)],
            state: if d.withdrawn() { State::Withdrawn } else { State::Accepted },
            person: Some(person),
            file,
            position: 1,
            layout: "130".into(),
            place,
            digests: Default::default(),
            refusals: 0,
            warnings: 0,
            counted_day: i64::from(d.left.day().0),
            summary,
        },
    )?;
    let patient = mach_people::fhir_id(person);
    let context = Context {
        claim,
        version: version as u32,
        patient: &patient,
        facility_name: "",
        names: Icd10::shared(),
        dispenses: false,
    };
    let made = record::resources(d, &context).into_iter().map(|r| Put {
        kind: r.kind,
        id: r.id,
        body: r.body,
        patient: Some(person),
        date: Some(r.date.0),
        facility: Some(facility),
        index: r.index,
    });
    tx.put(&made.collect::<Vec<_>>())?;
    let view = mach_people::view(tx, person)?.unwrap();
    let code = |id: i64| format!("F{id}");
    tx.put(&[Put {
        kind: mach_fhir::ResourceType::PATIENT,
        id: patient,
        body: mach_people::patient_json(&view, &code),
        patient: Some(person),
        date: None,
        facility: None,
        index: mach_people::patient_index(&view, &code),
    }])?;
    Ok((claim, person))
}

/// `2026-03-18 08:40` as a minute.
pub fn at(text: &str) -> Minute {
    let (day, clock) = text.split_once(' ').unwrap();
    let (h, m) = clock.split_once(':').unwrap();
    let minutes = h.parse::<i64>().unwrap() * 60 + m.parse::<i64>().unwrap();
    Minute(i64::from(Day::parse_iso(day).unwrap().0) * 1440 + minutes)
}

/// `local; national; insurance; name; birth; sex`.
pub fn person(text: &str) -> PersonOnClaim {
    let f: Vec<&str> = text.split(';').map(str::trim).collect();
    let known = |t: &str| (!t.is_empty()).then(|| t.to_owned());
    let cards = known(f[2]).map(|number| Card {
        number: format!("GD446{number}"),
        registered_at: A.into(),
        from: Day::parse_iso("2026-01-01"),
        to: Day::parse_iso("2099-12-31"),
    });
    PersonOnClaim {
        local_id: f[0].to_owned(),
        national_id: known(f[1]),
        insurance_id: known(f[2]),
        name: f[3].to_owned(),
        birth: Birth { year: f[4][..4].parse().unwrap(), day: Day::parse_iso(f[4]), minute: None },
        sex: f[5].to_owned(),
        cards: cards.into_iter().collect(),
        address: "Tổ 5, phường Thuận Hóa".into(),
        ..PersonOnClaim::default()
    }
}

/// A visit of `person` at `facility`.
pub fn visit(facility: &str, link: &str, person: PersonOnClaim, arrived: &str, diagnoses: &[&str]) -> Dossier {
    let money = |n: i64| mach_base::decimal::Fixed::<2>(n * 100);
    let totals: Totals = Totals {
        cost: money(250_000),
        insurer: money(200_000),
        copay: money(40_000),
        patient: money(10_000),
        other: Money::default(),
        ..Totals::default()
    };
    Dossier {
        facility: facility.into(),
        link: link.into(),
        person,
        kind: "01".into(),
        entry: "1.1".into(),
        arrived: at(arrived),
        left: Minute(at(arrived).0 + 60),
        result: "1".into(),
        leave: "1".into(),
        main_diagnosis: diagnoses[0].into(),
        other_diagnoses: diagnoses[1..].iter().map(|d| (*d).to_owned()).collect(),
        totals,
        ..Dossier::default()
    }
}

/// A drug line.
pub fn drug(number: u32, name: &str, ordered: &str) -> Line {
    Line {
        table: LineTable::Drug,
        number,
        group: 4,
        code: format!("40.{name}"),
        name: name.into(),
        unit: "viên".into(),
        strength: "500 mg".into(),
        route: String::new(),
        dose: "2 viên/ngày".into(),
        instruction: "sau ăn".into(),
        quantity: Quantity::parse("60").unwrap(),
        price: Quantity::parse("500").unwrap(),
        cost: Money::parse("30000").unwrap(),
        insurer: Money::default(),
        department: String::new(),
        doctor: String::new(),
        diagnosis: String::new(),
        ordered: Some(at(ordered)),
        performed: None,
        resulted: None,
    }
}

/// A laboratory result.
pub fn result(number: u32, code: &str, value: &str, unit: &str, when: &str) -> ResultLine {
    ResultLine {
        number,
        code: code.into(),
        name: format!("Xét nghiệm {code}"),
        value: value.into(),
        unit: unit.into(),
        at: Some(at(when)),
        ..ResultLine::default()
    }
}

/// A note.
pub fn note(text: &str, when: &str) -> NoteLine {
    NoteLine { number: 1, text: text.into(), at: Some(at(when)), ..NoteLine::default() }
}

/// A discharge paper.
pub fn paper() -> Paper {
    let fields = vec![("SO_LUU_TRU", "LT-77".to_owned()), ("NGAY_VAO", "202603180840".to_owned())];
    Paper { table: 7, number: 1, dated: Day::parse_iso("2026-03-18"), fields }
}
