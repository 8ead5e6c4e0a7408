//! Signing services over a network, set up as the real ones are: what is asked goes out, what comes back is checked.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use mach_house::gateway::{Gateway, Kind, MYSIGN, SMARTCA};
use mach_sign::Error;
use mach_sign::pades::{self, Request};
use mach_sign::remote::{Fault, Flight, MySignSimulator, Service, Simulator, Stage, Transport};
use mach_signing::services;
use mach_store::signing::Provider;
use mach_test_sign::Family;
use mach_test_sign::paper::rendered;
use std::sync::{Arc, Mutex};
use tokio::runtime::Runtime;

/// A simulator behind a door.
type Door = Arc<Mutex<dyn FnMut(&str, Option<&str>, &serde_json::Value) -> mach_sign::Result<(u16, Vec<u8>)> + Send>>;

async fn knock(State(door): State<Door>, uri: Uri, headers: HeaderMap, body: Bytes) -> (StatusCode, Vec<u8>) {
    let ticket = headers.get("Authorization").and_then(|v| v.to_str().ok()?.strip_prefix("Bearer "));
    let body = serde_json::from_slice(&body).expect("JSON");
    let mut ask = door.lock().expect("a lock");
    match (*ask)(uri.path(), ticket, &body) {
        Ok((status, answer)) => (StatusCode::from_u16(status).expect("a status"), answer),
        Err(e) => (StatusCode::BAD_GATEWAY, e.to_string().into_bytes()),
    }
}

fn served(runtime: &Runtime, door: Door) -> String {
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).expect("a port");
    let base = format!("http://{}/provider", listener.local_addr().expect("an address"));
    let app = Router::new().fallback(knock).with_state(door);
    runtime.spawn(async move { axum::serve(listener, app).await });
    base
}

/// What a test does to a simulator of either kind.
struct Phone {
    gateway: (Kind, Provider),
    account: [(&'static str, &'static str); 2],
    fault: Box<dyn Fn(Fault)>,
    confirm: Box<dyn Fn()>,
    count: Box<dyn Fn() -> usize>,
    door: Door,
}

macro_rules! provider {
    ($simulator:expr, $kind:expr, $provider:expr, $account:expr) => {{
        let all = Arc::new(Mutex::new($simulator));
        let its = || Arc::clone(&all);
        let (fault, confirm, count, door) = (its(), its(), its(), its());
        Phone {
            gateway: ($kind, $provider),
            account: $account,
            fault: Box::new(move |f| *fault.lock().expect("a lock").fault.borrow_mut() = f),
            confirm: Box::new(move || *confirm.lock().expect("a lock").confirmed.borrow_mut() = true),
            count: Box::new(move || count.lock().expect("a lock").count()),
            door: Arc::new(Mutex::new(move |path: &str, ticket: Option<&str>, body: &serde_json::Value| {
                (&*door.lock().expect("a lock")).post(path, ticket, body)
            })),
        }
    }};
}

fn signs(family: &Family, chain: &[mach_sign::certificate::Certificate], provider: &Phone) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let _inside = runtime.enter();
    let folder = tempfile::tempdir().expect("a folder");
    let (kind, of) = provider.gateway;
    assert!(services::of(folder.path(), of).expect("read").is_none(), "nothing is set up");
    let base = served(&runtime, Arc::clone(&provider.door));
    let service = |words: &[(&str, &str)]| -> Box<dyn Service> {
        let account = words.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        let gateway = Gateway { base: base.clone(), private: true, accounts: [(String::new(), account)].into() };
        gateway.keep(folder.path(), kind).expect("kept");
        services::of(folder.path(), of).expect("read").expect("set up")
    };
    let wrong = service(&[provider.account[0], (provider.account[1].0, "sai")]);
    assert!(matches!(wrong.certificates("046090000001"), Err(Error::Refused(_))), "not with another secret");
    let service = service(&provider.account);
    let found = service.certificates("046090000001").expect("certificates");
    assert_eq!(
        found[0].iter().map(|c| c.raw()).collect::<Vec<_>>(),
        chain[..2].iter().map(|c| c.raw()).collect::<Vec<_>>()
    );

    let request = Request { chain, at: family.now, ..Request::default() };
    let prepared = pades::prepare(&rendered().pdf, &request).expect("prepared");
    let mut flight = Flight::new(prepared, "046090000001", "Giấy khám sức khỏe 00001").expect("a flight");
    let trust = family.trust(&[]);
    let mut step = |stands: fn(&Stage) -> bool| {
        let done = flight.step(service.as_ref(), &trust, family.now);
        assert!(stands(&flight.stage), "{:?}", flight.stage);
        done
    };
    let is_ready = |s: &Stage| *s == Stage::Ready;
    let is_asked = |s: &Stage| matches!(s, Stage::Asked(_));
    for fault in [Fault::Down, Fault::Broken, Fault::Garbage] {
        (provider.fault)(fault);
        assert!(step(is_ready).is_err(), "{fault:?}");
    }
    (provider.fault)(Fault::None);
    assert_eq!(step(is_asked), Ok(None));
    assert_eq!(step(is_asked), Ok(None), "nobody has confirmed");
    (provider.confirm)();
    for fault in [Fault::OtherKey, Fault::OtherBytes, Fault::Down] {
        (provider.fault)(fault);
        assert!(step(is_asked).is_err(), "{fault:?}");
    }
    (provider.fault)(Fault::None);
    let signed = step(|s| matches!(s, Stage::Signed(_))).expect("an answer").expect("a file");
    assert!(pades::verify(&signed, &trust, family.now).expect("a report").is_good());
    assert_eq!((provider.count)(), 1, "one question on the phone");
}

#[test]
fn smartca_signs_over_a_network() {
    let family = Family::new();
    let doctor = family.doctor("Bác sĩ");
    let chain = doctor.chain.clone();
    let simulator = Simulator::new(doctor.key, doctor.chain).expect("a provider");
    let account = [("sp-id", "mach"), ("sp-password", "secret")];
    signs(&family, &chain, &provider!(simulator, SMARTCA, Provider::SmartCa, account));
}

#[test]
fn mysign_signs_over_a_network() {
    let family = Family::new();
    let doctor = family.doctor("Bác sĩ");
    let chain = doctor.chain.clone();
    let simulator = MySignSimulator::new(doctor.key, doctor.chain).expect("a provider");
    let account = [("client-id", "mach"), ("client-secret", "secret")];
    signs(&family, &chain, &provider!(simulator, MYSIGN, Provider::MySign, account));
}
