//! Two facilities, each with its people, papers and claims, and somebody of every role.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use mach_access::{Act, Actor, Role, decide, secret};
use mach_base::{Day, Minute};
use mach_house::{House, SESSION_COOKIE, Settings};
use mach_people::{Birth, Evidence};
use mach_store::accounts::NewAccount;
use mach_store::certificates::{self, Certificate};
use mach_store::claims::{self, Digests, NewVersion, Summary};
use mach_store::pack::Place;
use mach_store::prescriptions::{self, Prescription};
use mach_store::sessions::State as Session;
use mach_store::{Store, Tx, schema};
use mach_test_engines::Home;
use tower::ServiceExt;

/// National numbers of the people of the two facilities.
pub const HERE: &str = "046085000001";
pub const THERE: &str = "046090000002";

pub struct World {
    pub app: Router,
    pub house: House,
    pub store: Store,
    _home: Home,
}

pub struct Answer {
    pub status: StatusCode,
    pub to: String,
    pub cookies: Vec<String>,
    pub body: String,
}

/// `test` on each engine.
pub async fn both<F: Future<Output = ()>>(test: impl Fn(World) -> F) {
    test(World::new(Home::folder())).await;
    test(World::new(Home::postgres())).await;
}

pub fn certificate(facility: i64, code: &str, national: &str, name: &str) -> Certificate {
    Certificate {
        id: 0,
        person: 1,
        opened: 1_760_000_000,
        concluded: None,
        due: None,
        tried: 0,
        next: None,
        facility,
        state: certificates::State::Examining,
        year: 2026,
        serial: 12,
        sending: certificates::Sending::None,
        code: code.into(),
        class: "C".into(),
        result: String::new(),
        form: String::new(),
        name: name.into(),
        national: national.into(),
        doctor: String::new(),
        head: String::new(),
        drug: false,
        alcohol: false,
    }
}

pub fn prescription(facility: i64, person: i64, account: i64, code: &str) -> Prescription {
    Prescription {
        id: 0,
        person,
        account,
        written: 1_760_000_000,
        signed: None,
        opens: None,
        expires: None,
        tried: 0,
        next: None,
        look: None,
        facility,
        state: prescriptions::State::Draft,
        sending: prescriptions::Sending::None,
        part: 0,
        sensitive: false,
        kind: "c".into(),
        code: code.into(),
        series: String::new(),
        replaces: String::new(),
        digest: String::new(),
        paper: String::new(),
        receipt: String::new(),
        said: String::new(),
    }
}

fn claim(tx: &mut Tx<'_>, facility: i64, link: &str) -> mach_store::Result<()> {
    let file = tx.receive_file("a.xml", 9, Some(facility))?;
    let new = NewVersion {
        facility,
        link: link.into(),
        keyed: true,
        hash: link.as_bytes().to_vec(),
        state: claims::State::Refused,
        person: None,
        file,
        position: 1,
        layout: "3176".into(),
        place: Place { facility, pack: 1, slot: 0 },
        digests: Digests::of(link.as_bytes(), b""),
        refusals: 1,
        warnings: 0,
        counted_day: 0,
        summary: Summary::default(),
    };
    tx.add_claim_version(None, &new).map(drop)
}

impl World {
    pub fn new(home: Home) -> Self {
        let store = home.open();
        let house = House::new(store.clone(), Settings::default());
        let app = mach_ui::http::serve(mach_shell::router().with_state(house.clone()));
        let world = Self { app, house, store, _home: home };
        world.write(|tx| {
            for (code, national, name) in [("46001", HERE, "Nguyễn Đức An"), ("46002", THERE, "Nguyễn Đức Bình")]
            {
                let facility = schema::facility_id(tx, code)?;
                let born = Day::from_ymd(1985, 3, 9);
                let evidence = Evidence {
                    facility,
                    national_id: Some(national),
                    name,
                    birth: Birth { year: 1985, day: born },
                    sex: 1,
                    seen: Minute::now(),
                    ..Evidence::default()
                };
                let person = mach_people::resolve(tx, &evidence).unwrap().person;
                for (name, role) in [("doctor", Role::Clinician), ("operator", Role::Operator), ("head", Role::Head)] {
                    Self::account(tx, &format!("{name}-{code}"), role, Some(facility))?;
                }
                tx.keep_certificate(&certificate(facility, &format!("AAAAAAA{code}"), national, name))?;
                let doctor = Self::account(tx, &format!("writer-{code}"), Role::Clinician, Some(facility))?;
                tx.keep_prescription(&prescription(facility, person, doctor, &format!("{code}aaaaaaa-c")))?;
                let secret = Prescription {
                    sensitive: true,
                    ..prescription(facility, person, doctor, &format!("{code}bbbbbbb-c"))
                };
                tx.keep_prescription(&secret)?;
                claim(tx, facility, &format!("LK{code}"))?;
            }
            Self::account(tx, "leader", Role::Leader, None)?;
            Self::account(tx, "citizen", Role::Citizen, None)?;
            Self::account(tx, "visitor", Role::Visitor, None)?;
            Self::account(tx, "citizen-1", Role::Citizen, None)?;
            Self::account(tx, "admin", Role::Administrator, None).map(drop)
        });
        world
    }

    /// An account with a session whose token is its name.
    fn account(tx: &mut Tx<'_>, name: &str, role: Role, facility: Option<i64>) -> mach_store::Result<i64> {
        let new = NewAccount { name: name.into(), display: name.into(), role, facility, password: String::new() };
        let id = tx.set_account(&new)?;
        tx.begin_session(&secret::token_hash(name), id, Session::Open, "")?;
        Ok(id)
    }

    pub fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Tx<'_>) -> mach_store::Result<T> + Send + 'static,
    ) -> T {
        self.store.write(&decide(&Actor::console(), Act::Administer).unwrap(), work).unwrap()
    }

    pub async fn ask(&self, who: &str, method: &str, path: &str, form: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if !who.is_empty() {
            request = request.header(header::COOKIE, format!("{SESSION_COOKIE}={who}"));
        }
        if method == "POST" {
            request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = self.app.clone().oneshot(request.body(Body::from(form.to_owned())).unwrap()).await.unwrap();
        let text = |v: &header::HeaderValue| v.to_str().unwrap().to_owned();
        let to = answer.headers().get(header::LOCATION).map(text).unwrap_or_default();
        let cookies = answer.headers().get_all(header::SET_COOKIE).iter().map(text).collect();
        let status = answer.status();
        let bytes = to_bytes(answer.into_body(), 8 << 20).await.unwrap();
        Answer { status, to, cookies, body: String::from_utf8(bytes.to_vec()).unwrap() }
    }

    pub async fn get(&self, who: &str, path: &str) -> Answer {
        self.ask(who, "GET", path, "", &[]).await
    }
}
