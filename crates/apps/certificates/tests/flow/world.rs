//! A facility to try certificates in.

use mach_access::{Act as May, Actor, Decision, Role, decide};
use mach_base::Day;
use mach_base::time::now_seconds;
use mach_certificates::bodies::By;
use mach_certificates::case::{self, Case};
use mach_certificates::gateway::Simulator;
use mach_certificates::signing::Certificates;
use mach_certificates::work::{self, Arrival, No, Posted};
use mach_certificates::{deliver, desk};
use mach_fhir::{ResourceType, Tree};
use mach_forms::fields;
use mach_sign::key::{Signer as _, SoftKey};
use mach_sign::remote::Service;
use mach_sign::revocation::Evidence;
use mach_sign::trust::Trust;
use mach_signing::flights;
use mach_signing::words::Halt;
use mach_store::accounts::{Change, NewAccount};
use mach_store::certificates::State;
use mach_store::resources::Put;
use mach_store::signing::{Act, Delegation, Provider, Signer};
use mach_store::{Store, resources, schema};
use mach_test_sign::{Family, Person};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::sync::Arc;

const HEALTHY: &str =
    "class=C purpose=new height=165 weight=60 mental-acute=none mental-chronic=none nervous-epilepsy=none
    nervous-paralysis=none nervous-vertigo=false eye-right-without=10 eye-left-without=10 eye-both-without=10
    eye-field-horizontal=1 eye-field-vertical=1 eye-colour=1 ent-voice-right=5 ent-voice-left=5 ent-whisper-right=5
    ent-whisper-left=5 pulse=72 systolic=120 diastolic=78 cardio-rhythm=none respiratory-dyspnoea=none limb-loss=none
    endocrine-coma=false drug-morphine=0 drug-amphetamine=0 drug-methamphetamine=0 drug-marijuana=0 alcohol=0
    alcohol~unit=mg/L mental-meets=meets nervous-meets=meets eye-meets=meets ent-meets=meets cardio-meets=meets
    respiratory-meets=meets musculoskeletal-meets=meets endocrine-meets=meets hx-true=true conclusion-result=A0-1";

/// Keys in memory, trust in a family of test certificates, and a signing service where one is set.
pub struct Keys {
    pub family: Family,
    /// By number of the signer.
    pub people: RefCell<BTreeMap<i64, Person>>,
    /// Signers whose certificates are revoked now.
    pub revoked: RefCell<Vec<i64>>,
    pub service: Option<Box<dyn Service>>,
    /// What keeps tokens from signing.
    pub token: RefCell<Option<Halt>>,
    /// Whether no list of revoked certificates is at hand.
    pub without_lists: Cell<bool>,
}

impl Keys {
    fn new() -> Self {
        let (people, revoked) = (RefCell::default(), RefCell::default());
        let (token, without_lists) = (RefCell::new(None), Cell::new(false));
        Self { family: Family::new(), people, revoked, service: None, token, without_lists }
    }
}

impl desk::Keys for Keys {
    fn trust(&self) -> Result<Arc<Trust>, String> {
        let people = self.people.borrow();
        let revoked: Vec<_> =
            self.revoked.borrow().iter().filter_map(|id| Some((people.get(id)?, self.family.now - 60))).collect();
        let mut trust = self.family.trust(&revoked);
        if self.without_lists.get() {
            trust.evidence = Evidence::default();
        }
        Ok(Arc::new(trust))
    }

    fn soft(&self, signer: &Signer) -> Result<SoftKey, String> {
        let people = self.people.borrow();
        let person = people.get(&signer.id).ok_or("no such key")?;
        SoftKey::from_pem(&person.key.to_pem()).map_err(|e| e.to_string())
    }

    fn token(&self, signer: &Signer, message: &[u8]) -> Result<Vec<u8>, Halt> {
        match self.token.borrow().clone() {
            Some(halt) => Err(halt),
            None => self.soft(signer).and_then(|key| key.sign(message).map_err(|e| e.to_string())).map_err(Halt::Later),
        }
    }

    fn service(&self, _provider: Provider) -> Result<Option<Box<dyn Service + '_>>, String> {
        Ok(self.service.as_deref().map(|s| Box::new(s) as Box<dyn Service>))
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

/// A facility with a doctor (account 1), a head (2), another doctor (3), certificates of the first two, and another facility.
pub struct World {
    pub store: Store,
    pub facility: i64,
    pub doctor: Decision,
    pub head: Decision,
    pub stranger: Decision,
    pub keys: Keys,
    home: mach_test_engines::Home,
}

fn clinician(facility: i64) -> Decision {
    let (account, facility) = (facility * 10, Some(facility));
    let actor = Actor { account, name: "Bs".into(), role: Role::Clinician, facility, ..Actor::console() };
    decide(&actor, May::Certify).expect("clinicians certify")
}

impl World {
    pub fn new(home: mach_test_engines::Home) -> Self {
        let store = home.open();
        let console = decide(&Actor::console(), May::Administer).expect("the console may all");
        let ids =
            store.write(&console, |tx| Ok((schema::facility_id(tx, "46001")?, schema::facility_id(tx, "46002")?)));
        let (facility, other) = ids.expect("facilities");
        let actor =
            Actor { account: 2, name: "Trưởng".into(), role: Role::Head, ..clinician(facility).actor().clone() };
        let head = decide(&actor, May::Countersign).expect("heads countersign");
        let keys = Keys::new();
        let world = Self { store, facility, doctor: clinician(facility), head, stranger: clinician(other), keys, home };
        for (account, role) in [(1, Role::Clinician), (2, Role::Head), (3, Role::Clinician)] {
            assert_eq!(world.account(account, role), account);
        }
        let today = Day::today();
        world.administer(move |tx| tx.register_signing_policy(facility, "01/QĐ", today).map(drop));
        for (account, act) in [(1, Act::Conclude), (2, Act::Countersign), (0, Act::Seal)] {
            world.signer(account, act, Provider::Soft);
        }
        world
    }

    /// The data folder, where the store is one.
    pub fn folder(&self) -> std::path::PathBuf {
        self.home.path().expect("a folder").to_owned()
    }

    /// Closes the store while somebody else works upon it, and opens it again.
    pub fn away(&mut self, work: impl FnOnce()) {
        let elsewhere = mach_test_engines::Home::folder();
        self.store = elsewhere.open();
        work();
        self.store = self.home.open();
    }

    pub fn open(&self, number: &str) -> String {
        let facility = self.facility;
        let arrival = Arrival {
            number: number.into(),
            name: "Nguyễn Văn Thử".into(),
            born: Day::from_ymd(1985, 3, 9),
            sex: 1,
            class: "C".into(),
            ..Arrival::default()
        };
        self.store.write(&self.doctor, move |tx| work::open(tx, facility, &arrival)).expect("opened").code
    }

    pub fn case(&self, code: &str) -> Case {
        let mut reader = self.store.read(&self.doctor).expect("a reader");
        case::load(&mut reader, code).expect("read").expect("there")
    }

    pub fn answers(&self, code: &str, changes: &str) -> mach_forms::Answers {
        let case = self.case(code);
        let mut posted = fields::Posted::default();
        for field in changes.split_whitespace().chain(HEALTHY.split_whitespace()) {
            if let Some((name, value)) = field.split_once('=').filter(|(name, _)| !posted.has(name)) {
                posted.text(name, value);
            }
        }
        let mut answers = case.form.read_posted(&posted, &case.answers, None);
        case.form.settle(&mut answers, &case.context());
        answers
    }

    pub fn examine(&self, code: &str, changes: &str) {
        let answers = self.answers(code, changes);
        for part in self.case(code).parts {
            let kept =
                Posted { part: part.link, answers: answers.clone(), version: part.version, finish: true, quiet: false };
            let at = code.to_owned();
            let done = self.store.write(&self.doctor, move |tx| work::keep(tx, &at, &by(1), kept)).expect("written");
            assert!(done.is_ok(), "{done:?}");
        }
    }

    pub fn act(
        &self,
        code: &str,
        act: impl FnOnce(&mut mach_store::Tx<'_>, &str) -> mach_store::Result<Result<(), No>> + Send + 'static,
    ) -> Result<(), No> {
        let at = code.to_owned();
        self.store.write(&self.doctor, move |tx| act(tx, &at)).expect("written")
    }

    pub fn act_as_head(
        &self,
        code: &str,
        act: impl FnOnce(&mut mach_store::Tx<'_>, &str) -> mach_store::Result<Result<(), No>> + Send + 'static,
    ) -> Result<(), No> {
        let at = code.to_owned();
        self.store.write(&self.head, move |tx| act(tx, &at)).expect("written")
    }

    pub fn issue(&self, code: &str, changes: &str) {
        self.examine(code, changes);
        assert_eq!(self.act(code, |tx, at| work::conclude(tx, at, &by(1), None)), Ok(()));
        self.digitally();
        assert_eq!(self.act_as_head(code, |tx, at| work::sign(tx, at, &by(2), None, None)), Ok(()));
        self.digitally();
        assert_eq!(self.case(code).row.state, State::Issued);
    }

    /// What an administrator does.
    pub fn administer<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut mach_store::Tx<'_>) -> mach_store::Result<T> + Send + 'static,
    ) -> T {
        let console = decide(&Actor::console(), May::Administer).expect("the console may all");
        self.store.write(&console, work).expect("written")
    }

    /// Makes an account of the facility.
    pub fn account(&self, n: i64, role: Role) -> i64 {
        let (name, facility, password) = (format!("Bs {n}"), Some(self.facility), "x".to_owned());
        let new = NewAccount { display: name.clone(), name, role, facility, password };
        self.administer(move |tx| tx.set_account(&new))
    }

    /// What an account is from now on.
    pub fn becomes(&self, account: i64, role: Role, closed: bool) {
        let to = Change { display: format!("Bs {account}"), role, facility: Some(self.facility), closed };
        self.administer(move |tx| tx.change_account(account, &to));
    }

    /// Lets an account sign in the head's place; gives the number of it.
    pub fn delegate(&self, deputy: i64) -> i64 {
        let (facility, now) = (self.facility, now_seconds());
        let document = "02/QĐ".to_owned();
        let given =
            Delegation { id: 0, facility, head: 2, deputy, from: now - 1, to: now + 1_000, document, ended: None };
        self.administer(move |tx| tx.delegate(&given))
    }

    /// Writes over a resource of a case as whoever may write FHIR does.
    pub fn overwrite(&self, kind: ResourceType, id: &str, change: impl FnOnce(&str) -> String) {
        let scope = self.doctor.scope();
        let mut reader = self.store.read(&self.doctor).expect("a reader");
        let old = resources::current(&mut reader, scope, kind, id).expect("read").expect("there");
        drop(reader);
        let (patient, date, facility) = (old.patient, old.date, old.facility);
        let put = Put { kind, id: old.id, body: change(&old.body), patient, date, facility, index: Vec::new() };
        self.administer(move |tx| tx.put(&[put]));
    }

    /// Lets an account sign, with a new key and certificate.
    pub fn signer(&self, account: i64, act: Act, provider: Provider) -> i64 {
        let person = self.keys.family.doctor(&format!("Bs {account}"));
        let signer = Signer {
            id: 0,
            facility: self.facility,
            account,
            licence: "1".into(),
            acts: act.code().into(),
            from: Day::today(),
            to: Day(Day::today().0 + 3),
            provider,
            subscriber: "046090000001".into(),
            chain: person.chain.iter().map(mach_sign::certificate::Certificate::to_pem).collect(),
            ended: None,
        };
        let id = self.administer(move |tx| tx.add_signer(&signer));
        self.keys.people.borrow_mut().insert(id, person);
        id
    }

    /// The signatures under way that are due at a moment.
    pub fn queue(&self, now: i64) {
        flights::once(&self.store, &self.keys, &Certificates, now).expect("the queue");
    }

    /// One round of the signatures under way.
    pub fn digitally(&self) {
        self.queue(now_seconds());
    }

    /// The status of the Observation of a question's part, by question.
    pub fn observed(&self, code: &str, part: &str) -> Vec<(String, String)> {
        let case = self.case(code);
        let mut reader = self.store.read(&self.doctor).expect("a reader");
        let found =
            resources::of_patient(&mut reader, case.row.person, ResourceType::OBSERVATION, None, 200).expect("read");
        let of = format!("QuestionnaireResponse/{}", case::response_id(code, part));
        let mine = found.iter().filter(|o| o.body.contains(&of)).map(|o| {
            let tree = Tree::parse(o.body.as_str()).expect("JSON");
            let text = tree.root().get("code").and_then(|c| c.get_text("text")).unwrap_or_default().into_owned();
            (text, tree.root().get_text("status").unwrap_or_default().into_owned())
        });
        mine.collect()
    }

    pub fn deliver(&self, gateway: &Simulator, now: i64) -> usize {
        deliver::once(&self.store, gateway, &self.keys, now).expect("the queue")
    }
}

pub fn by(account: i64) -> By {
    By { account, name: format!("Bs {account}") }
}
