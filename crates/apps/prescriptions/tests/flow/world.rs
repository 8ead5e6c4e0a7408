//! A facility to prescribe in, another one, and a doctor with a certificate of the test family.

use mach_access::{Act, Actor, Decision, Role, decide};
use mach_base::time::now_seconds;
use mach_base::{Day, Minute};
use mach_people::{Birth, Evidence};
use mach_prescriptions::case::{self, Case};
use mach_prescriptions::check::{Content, Diagnosis, Item};
use mach_prescriptions::deliver::{self, System};
use mach_prescriptions::dispense::{self, Handing};
use mach_prescriptions::gateway::Account;
use mach_prescriptions::rules::Rules;
use mach_prescriptions::signing::Prescriptions;
use mach_prescriptions::simulator::Simulator;
use mach_prescriptions::work::{self, By, Done, No};
use mach_sign::key::SoftKey;
use mach_sign::remote::Service;
use mach_sign::trust::Trust;
use mach_signing::{desk, flights};
use mach_store::prescriptions::SaleLine;
use mach_store::signing::{Act as Signs, Provider, Signer};
use mach_store::{Store, Tx, accounts, schema};
use mach_test_sign::{Family, Person};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// Keys in memory, trust in a family of test certificates.
pub struct Keys {
    pub family: Family,
    /// By number of the signer.
    people: Mutex<BTreeMap<i64, Person>>,
    /// Whether keys can be reached.
    pub down: Mutex<bool>,
}

impl desk::Keys for Keys {
    fn trust(&self) -> Result<Arc<Trust>, String> {
        Ok(Arc::new(self.family.trust(&[])))
    }

    fn soft(&self, signer: &Signer) -> Result<SoftKey, String> {
        if *self.down.lock().expect("a lock") {
            return Err("the key's disk is not there".to_owned());
        }
        let people = self.people.lock().expect("a lock");
        let person = people.get(&signer.id).ok_or("no such key")?;
        SoftKey::from_pem(&person.key.to_pem()).map_err(|e| e.to_string())
    }

    fn service(&self, _provider: Provider) -> Result<Option<Box<dyn Service + '_>>, String> {
        Ok(None)
    }

    fn has_time(&self) -> bool {
        true
    }

    fn time(&self, signature: &[u8]) -> mach_sign::Result<Vec<u8>> {
        Ok(self.family.timestamp(signature, now_seconds()))
    }

    fn base(&self) -> &str {
        "https://mach.test"
    }
}

pub struct World {
    pub store: Store,
    pub facility: i64,
    pub other: i64,
    pub doctor: Decision,
    pub stranger: Decision,
    pub console: Decision,
    pub person: i64,
    pub by: By,
    pub keys: Keys,
    pub system: Simulator,
    _home: mach_test_engines::Home,
}

fn decided(facility: i64, account: i64) -> Decision {
    let actor =
        Actor { account, name: "Bs".into(), role: Role::Clinician, facility: Some(facility), ..Actor::console() };
    decide(&actor, Act::Prescribe).expect("clinicians prescribe")
}

impl World {
    pub fn new(home: mach_test_engines::Home) -> Self {
        let store = home.open();
        let console = decide(&Actor::console(), Act::Prescribe).expect("the console may all");
        let administer = decide(&Actor::console(), Act::Administer).expect("the console may all");
        let made = store.write(&administer, |tx| {
            let (facility, other) = (schema::facility_id(tx, "46001")?, schema::facility_id(tx, "46002")?);
            let account = |tx: &mut Tx<'_>, name: &str, facility| {
                let (display, role) = (format!("Bs {name}"), Role::Clinician);
                let name = name.to_owned();
                tx.set_account(&accounts::NewAccount {
                    name,
                    display,
                    role,
                    facility: Some(facility),
                    password: "x".into(),
                })
            };
            let (doctor, stranger) = (account(tx, "thu", facility)?, account(tx, "la", other)?);
            tx.register_signing_policy(facility, "01/QĐ", Day::today())?;
            Ok((facility, other, doctor, stranger))
        });
        let (facility, other, doctor, stranger) = made.expect("facilities and accounts");
        let by = By { account: doctor, name: "Bs Thử".into() };
        let (people, down) = (Mutex::default(), Mutex::new(false));
        let keys = Keys { family: Family::new(), people, down };
        let (doctor, stranger) = (decided(facility, doctor), decided(other, stranger));
        let mut world = Self {
            store,
            facility,
            other,
            doctor,
            stranger,
            console,
            person: 0,
            by,
            keys,
            system: Simulator::default(),
            _home: home,
        };
        world.signer(world.by.account, Signs::Prescribe);
        world.signer(0, Signs::Seal);
        world.person = world.someone("046085000001", Day::from_ymd(1985, 3, 9));
        world
    }

    pub fn someone(&self, number: &str, born: Option<Day>) -> i64 {
        let (facility, number) = (self.facility, number.to_owned());
        let made = self.store.write(&self.console, move |tx| {
            let year = born.map_or(0, |d| d.ymd().0);
            let evidence = Evidence {
                facility,
                national_id: Some(&number),
                name: "Nguyễn Văn An",
                birth: Birth { year, day: born },
                sex: 1,
                seen: Minute::now(),
                ..Evidence::default()
            };
            Ok(mach_people::resolve(tx, &evidence).expect("resolved").person)
        });
        made.expect("a person")
    }

    pub fn signer(&self, account: i64, act: Signs) -> i64 {
        let person = self.keys.family.doctor(&format!("Bs {account}"));
        let chain = [person.certificate().to_pem(), self.keys.family.issuing.certificate().to_pem()].concat();
        let today = Day::today();
        let signer = Signer {
            id: 0,
            facility: self.facility,
            account,
            licence: "000001/CCHN".into(),
            acts: act.code().into(),
            from: today,
            to: Day(today.0 + 30),
            provider: Provider::Soft,
            subscriber: String::new(),
            chain,
            ended: None,
        };
        let decision = decide(&Actor::console(), Act::Administer).expect("the console may all");
        let id = self.store.write(&decision, move |tx| tx.add_signer(&signer)).expect("a signer");
        self.keys.people.lock().expect("a lock").insert(id, person);
        id
    }

    pub fn content(&self, kind: &str, drug: &str, days: i64, quantity: i64) -> Content {
        let known = Rules::shared().drug(drug).expect("a medicine");
        Content {
            kind: kind.into(),
            person: self.person,
            diagnoses: vec![Diagnosis { code: "J20".into(), name: "Viêm phế quản cấp".into() }],
            items: vec![Item::of(known, quantity, days, "Ngày 2 lần, mỗi lần 1")],
            ..Content::default()
        }
    }

    pub fn write(&self, content: &Content) -> Result<String, No> {
        let (facility, content, by) = (self.facility, content.clone(), self.by.clone());
        self.store.write(&self.doctor, move |tx| work::write(tx, facility, &by, content)).expect("asked")
    }

    /// Asks for the signature, and has it taken as far as it goes.
    pub fn sign(&self, code: &str, reason: &str) -> Result<(), No> {
        let (at, reason, by) = (code.to_owned(), reason.to_owned(), self.by.clone());
        let asked =
            self.store.write(&self.doctor, move |tx| work::sign(tx, &at, &by, &reason, None)).expect("asked")?;
        assert!(asked.iter().any(|c| c == code));
        self.digitally(now_seconds());
        Ok(())
    }

    pub fn digitally(&self, now: i64) {
        flights::once(&self.store, &self.keys, &Prescriptions, now).expect("signatures");
    }

    pub fn signed(&self, kind: &str, drug: &str, quantity: i64) -> String {
        let code = self.write(&self.content(kind, drug, 5, quantity)).expect("written");
        self.sign(&code, "cần").expect("asked");
        assert!(self.case(&code).row.signed.is_some(), "{:?}", self.case(&code).flight);
        code
    }

    pub fn act<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Tx<'_>, &By) -> mach_store::Result<Done<T>> + Send + 'static,
    ) -> Done<T> {
        let by = self.by.clone();
        self.store.write(&self.doctor, move |tx| work(tx, &by)).expect("asked")
    }

    pub fn case(&self, code: &str) -> Case {
        case::load(&mut self.reader(), code).expect("read").expect("there")
    }

    pub fn reader(&self) -> mach_store::Reader {
        self.store.read(&self.doctor).expect("a reader")
    }

    pub fn sell(&self, code: &str, pharmacy: i64, invoice: &str, quantity: i64) -> mach_store::Result<Done<()>> {
        let lines = vec![SaleLine { line: 1, quantity }];
        self.hand(code, Handing { pharmacy, invoice: invoice.into(), lines, ..Handing::default() })
    }

    pub fn hand(&self, code: &str, handing: Handing) -> mach_store::Result<Done<()>> {
        let code = code.to_owned();
        self.store.write(&self.console, move |tx| dispense::dispense(tx, &code, &handing))
    }

    pub fn deliver(&self, now: i64) -> usize {
        let account = |facility: &str, doctor: i64| Account {
            facility: facility.into(),
            doctor: doctor.to_string(),
            password: "x".into(),
            app: ("mach".into(), "x".into()),
        };
        let system = System { transport: &self.system, keys: &self.keys, account: &account };
        deliver::once(&self.store, &system, now).expect("the queue")
    }
}
