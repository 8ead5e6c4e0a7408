//! Certificates against a real store: the way of one, what is refused, who sees what, and what becomes of a bad gateway.

use mach_access::{Act, Actor, Decision, Role, decide};
use mach_base::Day;
use mach_base::time::now_seconds;
use mach_certificates::bodies::By;
use mach_certificates::case::{self, CONCLUSION, Case};
use mach_certificates::deliver;
use mach_certificates::gateway::{Fault, Simulator};
use mach_certificates::work::{self, Arrival, No, Posted};
use mach_fhir::validate::{Validator, is_valid};
use mach_fhir::{ResourceType, Tree};
use mach_forms::library::{self, Added};
use mach_forms::{Form, fields};
use mach_store::certificates::{self, Filter, Sending, State};
use mach_store::{Store, resources, schema};

const HEALTHY: &str =
    "class=C purpose=new height=165 weight=60 mental-acute=none mental-chronic=none nervous-epilepsy=none
    nervous-paralysis=none nervous-vertigo=false eye-right-without=10 eye-left-without=10 eye-both-without=10
    eye-field-horizontal=1 eye-field-vertical=1 eye-colour=1 ent-voice-right=5 ent-voice-left=5 ent-whisper-right=5
    ent-whisper-left=5 pulse=72 systolic=120 diastolic=78 cardio-rhythm=none respiratory-dyspnoea=none limb-loss=none
    endocrine-coma=false drug-morphine=0 drug-amphetamine=0 drug-methamphetamine=0 drug-marijuana=0 alcohol=0
    alcohol~unit=mg/L mental-meets=meets nervous-meets=meets eye-meets=meets ent-meets=meets cardio-meets=meets
    respiratory-meets=meets musculoskeletal-meets=meets endocrine-meets=meets hx-true=true conclusion-result=A0-1";

struct World {
    store: Store,
    facility: i64,
    doctor: Decision,
    stranger: Decision,
    _home: mach_test_engines::Home,
}

fn clinician(facility: i64) -> Decision {
    let (account, facility) = (facility * 10, Some(facility));
    let actor = Actor { account, name: "Bs".into(), role: Role::Clinician, facility, ..Actor::console() };
    decide(&actor, Act::Certify).expect("clinicians certify")
}

impl World {
    fn new(home: mach_test_engines::Home) -> Self {
        let store = home.open();
        let console = decide(&Actor::console(), Act::Administer).expect("the console may all");
        let ids =
            store.write(&console, |tx| Ok((schema::facility_id(tx, "46001")?, schema::facility_id(tx, "46002")?)));
        let (facility, other) = ids.expect("facilities");
        Self { store, facility, doctor: clinician(facility), stranger: clinician(other), _home: home }
    }

    fn open(&self, number: &str) -> String {
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

    fn case(&self, code: &str) -> Case {
        let mut reader = self.store.read(&self.doctor).expect("a reader");
        case::load(&mut reader, code).expect("read").expect("there")
    }

    fn answers(&self, code: &str, changes: &str) -> mach_forms::Answers {
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

    fn examine(&self, code: &str, changes: &str) {
        let answers = self.answers(code, changes);
        for part in self.case(code).parts {
            let kept =
                Posted { part: part.link, answers: answers.clone(), version: part.version, finish: true, quiet: false };
            let at = code.to_owned();
            let done = self.store.write(&self.doctor, move |tx| work::keep(tx, &at, &by(1), kept)).expect("written");
            assert!(done.is_ok(), "{done:?}");
        }
    }

    fn act(
        &self,
        code: &str,
        act: impl FnOnce(&mut mach_store::Tx<'_>, &str) -> mach_store::Result<Result<(), No>> + Send + 'static,
    ) -> Result<(), No> {
        let at = code.to_owned();
        self.store.write(&self.doctor, move |tx| act(tx, &at)).expect("written")
    }

    fn issue(&self, code: &str, changes: &str) {
        self.examine(code, changes);
        assert_eq!(self.act(code, |tx, at| work::conclude(tx, at, &by(1))), Ok(()));
        assert_eq!(self.act(code, |tx, at| work::sign(tx, at, &by(2))), Ok(()));
    }

    fn deliver(&self, gateway: &Simulator, now: i64) -> usize {
        deliver::once(&self.store, gateway, now).expect("the queue")
    }
}

fn by(account: i64) -> By {
    By { account, name: format!("Bs {account}") }
}

fn goes_its_way(home: mach_test_engines::Home) {
    let world = World::new(home);
    let code = world.open("046085000001");
    assert_eq!(world.act(&code, |tx, at| work::conclude(tx, at, &by(1))), Err(No::Incomplete));
    world.examine(&code, "");
    assert!(world.case(&code).fitness().is_fit());
    assert_eq!(world.act(&code, |tx, at| work::sign(tx, at, &by(2))), Err(No::State), "not before the conclusion");
    assert_eq!(world.act(&code, |tx, at| work::conclude(tx, at, &by(1))), Ok(()));
    assert_eq!(world.act(&code, |tx, at| work::sign(tx, at, &by(1))), Err(No::Same));
    assert_eq!(world.act(&code, |tx, at| work::sign(tx, at, &by(2))), Ok(()));
    assert_eq!(world.act(&code, |tx, at| work::sign(tx, at, &by(2))), Err(No::State), "not twice");
    let case = world.case(&code);
    assert_eq!((case.row.state, case.row.serial, case.row.sending), (State::Issued, 1, Sending::Due));
    assert!(case.number().starts_with("00001/GKSKLX/46001/"));
    assert_eq!(case.attesters.len(), 2);

    let gateway = Simulator::default();
    let now = now_seconds() + 1;
    assert_eq!(world.deliver(&gateway, now), 1);
    assert_eq!(world.deliver(&gateway, now), 0, "once is enough");
    assert_eq!(world.case(&code).row.sending, Sending::Sent);
    assert_eq!(gateway.taken()[0].1.get("KETLUAN"), "A0-1");

    // Corrected: the number stays, the gateway gets an EDIT.
    assert_eq!(world.act(&code, |tx, at| work::correct(tx, at, &by(1), "sai")), Ok(()));
    world.issue(&code, "conclusion-illness=nhẹ");
    assert_eq!(world.case(&code).row.serial, 1);
    assert_eq!(world.deliver(&gateway, now + 1), 1);
    let last = gateway.taken().pop().expect("a message").1;
    assert_eq!((last.action, last.get("TINHTRANGBENH")), ("EDIT", "nhẹ"));

    assert_eq!(world.act(&code, |tx, at| work::revoke(tx, at, &by(2), "Cấp nhầm")), Ok(()));
    assert_eq!(world.deliver(&gateway, now + 2), 1);
    let last = gateway.taken().pop().expect("a message").1;
    assert_eq!((last.get("KETLUAN"), last.get("LYDO")), ("A0-2", "THU HỒI: Cấp nhầm"));
    let case = world.case(&code);
    assert_eq!((case.row.state, case.row.sending), (State::Revoked, Sending::Sent));
    every_resource_is_valid(&world, case.row.person);
}

fn every_resource_is_valid(world: &World, person: i64) {
    let mut reader = world.store.read(&world.doctor).expect("a reader");
    let kinds = [
        ResourceType::ENCOUNTER,
        ResourceType::QUESTIONNAIRE_RESPONSE,
        ResourceType::OBSERVATION,
        ResourceType::COMPOSITION,
        ResourceType::PROVENANCE,
        ResourceType::TASK,
    ];
    for kind in kinds {
        let found = resources::of_patient(&mut reader, person, kind, None, 200).expect("read");
        assert!(!found.is_empty(), "no {}", kind.name());
        for one in found {
            let tree = Tree::parse(one.body.as_str()).expect("JSON");
            let issues = Validator::r4().validate(&tree, &[]).expect("R4");
            assert!(is_valid(&issues), "{}/{}: {issues:?}\n{}", kind.name(), one.id, one.body);
        }
    }
}

fn refusals(home: mach_test_engines::Home) {
    let world = World::new(home);
    let code = world.open("046085000002");
    // The doctor may differ from the standard, with a reason.
    world.examine(&code, "eye-colour=4");
    assert_eq!(world.act(&code, |tx, at| work::conclude(tx, at, &by(1))), Err(No::Differs));
    world.examine(&code, "eye-colour=4 conclusion-differs=đã-hội-chẩn");
    assert_eq!(world.act(&code, |tx, at| work::conclude(tx, at, &by(1))), Ok(()));
    // A part written meanwhile at another screen is not overwritten; a concluded case takes no more parts.
    let second = world.open("046085000003");
    let answers = world.answers(&second, "");
    let eye = |version| Posted { part: "eye".into(), answers: answers.clone(), version, finish: false, quiet: false };
    let (first, stale, after) = (eye(0), eye(0), eye(1));
    assert_eq!(
        world.act(&second, move |tx, at| Ok(work::keep(tx, at, &by(1), first)?.map(|v| assert_eq!(v, 1)))),
        Ok(())
    );
    assert_eq!(world.act(&second, move |tx, at| Ok(work::keep(tx, at, &by(3), stale)?.map(|_| ()))), Err(No::Changed));
    assert_eq!(
        world.act(&second, move |tx, at| Ok(work::keep(tx, at, &by(3), after)?.map(|v| assert_eq!(v, 2)))),
        Ok(())
    );
    // What the page keeps by itself never undoes what its doctor concluded meanwhile.
    let (own, quiet) = (Posted { finish: true, ..eye(2) }, Posted { quiet: true, ..eye(2) });
    assert_eq!(world.act(&second, move |tx, at| Ok(work::keep(tx, at, &by(3), own)?.map(|_| ()))), Ok(()));
    assert_eq!(world.act(&second, move |tx, at| Ok(work::keep(tx, at, &by(3), quiet)?.map(|_| ()))), Ok(()));
    assert!(world.case(&second).parts.iter().any(|p| p.link == "eye" && p.done));
    let late = eye(9);
    assert_eq!(world.act(&code, move |tx, at| Ok(work::keep(tx, at, &by(1), late)?.map(|_| ()))), Err(No::State));
    assert_eq!(world.act("AAAAAAAAAAAA", |tx, at| work::sign(tx, at, &by(1))), Err(No::Unknown));
    assert_eq!(world.act(&second, |tx, at| work::revoke(tx, at, &by(1), "x")), Err(No::State));
    assert_eq!(world.act(&second, work::cancel), Ok(()));
    assert!(world.case(&code).parts.iter().all(|p| p.link != "maternity"), "men are not asked");
    assert!(world.case(&code).parts.iter().any(|p| p.link == CONCLUSION));
}

fn another_facility_sees_nothing(home: mach_test_engines::Home) {
    let world = World::new(home);
    let code = world.open("046085000004");
    world.issue(&code, "");
    let mut reader = world.store.read(&world.stranger).expect("a reader");
    assert!(case::load(&mut reader, &code).expect("read").is_none());
    assert!(certificates::list(&mut reader, &Filter::default(), None, 10).expect("read").is_empty());
    assert!(certificates::states(&mut reader).expect("read").is_empty());
    assert!(certificates::counts(&mut reader, 0, i64::MAX).expect("read").is_empty());
    drop(reader);
    let at = code.clone();
    let done = world.store.write(&world.stranger, move |tx| work::revoke(tx, &at, &by(9), "x")).expect("written");
    assert_eq!(done, Err(No::Unknown));
    // The same person there, with another result: both are told of it.
    let other = world.open("046085000004");
    world.examine(&other, "drug-morphine=1 conclusion-result=A0-2 conclusion-reason=x");
    assert_eq!(world.act(&other, |tx, at| work::conclude(tx, at, &by(1))), Ok(()));
    assert!(world.case(&other).clashes() && world.case(&other).row.drug);
    let mut reader = world.store.read(&world.doctor).expect("a reader");
    let counts = certificates::counts(&mut reader, 0, i64::MAX).expect("read");
    assert_eq!(counts.iter().map(|c| c.count).sum::<i64>(), 2);
    assert_eq!(counts.iter().map(|c| c.drug).sum::<i64>(), 1);
}

fn a_bad_gateway(home: mach_test_engines::Home) {
    let world = World::new(home);
    let code = world.open("046085000005");
    world.issue(&code, "");
    let gateway = Simulator::default();
    gateway.fail([Fault::Silent, Fault::Garbage, Fault::Lost]);
    let mut now = now_seconds() + 1;
    for tried in 1..=3 {
        assert_eq!(world.deliver(&gateway, now), 1);
        let row = world.case(&code).row;
        assert_eq!((row.sending, row.tried), (Sending::Due, tried));
        assert_eq!(world.deliver(&gateway, now), 0, "later, not at once");
        now = row.next.expect("another try");
        assert!(now < row.due.expect("a deadline"));
    }
    assert_eq!(world.deliver(&gateway, now), 1);
    assert_eq!(world.case(&code).row.sending, Sending::Sent, "the same again is the same certificate");
    // Refused: somebody must look; sent again when they say so.
    let second = world.open("046085000006");
    world.issue(&second, "");
    gateway.fail([Fault::Refuses]);
    assert_eq!(world.deliver(&gateway, now), 1);
    let case = world.case(&second);
    assert_eq!((case.row.sending, case.sent.said.as_str()), (Sending::Refused, "Từ chối theo kịch bản"));
    assert_eq!(world.deliver(&gateway, now + 100_000), 0);
    assert_eq!(world.act(&second, work::send_again), Ok(()));
    assert_eq!(world.deliver(&gateway, now + 1), 1);
    assert_eq!(world.case(&second).row.sending, Sending::Sent);
    // Never sent, then revoked: the gateway need not hear of it.
    let third = world.open("046085000007");
    world.issue(&third, "");
    assert_eq!(world.act(&third, |tx, at| work::revoke(tx, at, &by(2), "x")), Ok(()));
    assert_eq!(world.deliver(&gateway, now + 2), 0);
}

#[test]
fn a_certificate_goes_its_way() {
    goes_its_way(mach_test_engines::Home::folder());
    goes_its_way(mach_test_engines::Home::postgres());
}

#[test]
fn what_may_not_be_is_refused() {
    refusals(mach_test_engines::Home::folder());
    refusals(mach_test_engines::Home::postgres());
}

#[test]
fn facilities_are_apart() {
    another_facility_sees_nothing(mach_test_engines::Home::folder());
    another_facility_sees_nothing(mach_test_engines::Home::postgres());
}

#[test]
fn the_queue_outlives_a_bad_gateway() {
    a_bad_gateway(mach_test_engines::Home::folder());
    a_bad_gateway(mach_test_engines::Home::postgres());
}

fn a_facility_varies(home: mach_test_engines::Home) {
    let world = World::new(home);
    let today = Day::today();
    let current = |decision: &Decision| {
        let mut reader = world.store.read(decision).expect("a reader");
        let scope = decision.scope();
        library::current(&mut reader, scope, case::FORM, today).expect("read").expect("a form").version.clone()
    };
    let add = |body: String| {
        let form = Form::compile(&body).expect("a form");
        world.store.write(&world.doctor, move |tx| library::add(tx, form)).expect("written")
    };
    let shipped = library::shipped().iter().find(|f| f.holds_on(today)).expect("a form of today");
    let own = shipped.body.replace("\"version\": \"2024.1\"", "\"version\": \"2024.2\"");
    assert_ne!(own, shipped.body);
    assert!(matches!(add(own.clone()), Added::New(_)));
    assert!(matches!(add(own.clone()), Added::Known(_)), "the same again changes nothing");
    assert!(matches!(add(own.replace("Hạng giấy phép lái xe", "Hạng xe")), Added::Taken), "a version never changes");
    assert_eq!((current(&world.doctor), current(&world.stranger)), ("2024.2".into(), "2024.1".into()));
    // A case opened with it is read by it for ever, also when the facility goes back.
    let code = world.open("046085000008");
    let retired = world
        .store
        .write(&world.doctor, |tx| library::set_status(tx, "urn:mach:forms:driver-health|2024.2", "retired"));
    assert!(retired.expect("written"));
    assert_eq!(current(&world.doctor), "2024.1");
    assert_eq!(world.case(&code).form.version, "2024.2");
    let not_its_own = world
        .store
        .write(&world.stranger, |tx| library::set_status(tx, "urn:mach:forms:driver-health|2024.2", "active"));
    assert!(!not_its_own.expect("written"), "another facility's form is not theirs to change");
}

#[test]
fn a_facility_varies_a_form() {
    a_facility_varies(mach_test_engines::Home::folder());
    a_facility_varies(mach_test_engines::Home::postgres());
}
