//! The gateway over a network, set up as the real one is.

use crate::world::World;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use mach_base::time::now_seconds;
use mach_certificates::deliver;
use mach_certificates::gateway::{Fault, Message, Net, Simulator};
use mach_house::gateway::{GKSK, Gateway};
use mach_store::certificates::Sending;
use std::collections::BTreeMap;
use std::path::Path;

/// MD5 of `matkhau`, as `md5sum` says it.
const HASHED: &str = "a788f6d55914857d4b97c1de99cb896b";

async fn take(State(gateway): State<Simulator>, headers: HeaderMap, body: Bytes) -> (StatusCode, String) {
    let word = |name: &str| headers.get(name).map_or("", |v| v.to_str().unwrap_or_default());
    if (word("Username"), word("Password")) != ("46001_BV", HASHED) {
        return (StatusCode::UNAUTHORIZED, String::new());
    }
    let message = Message::read(std::str::from_utf8(&body).expect("text")).expect("a message");
    let (status, said) = gateway.post(&message);
    (StatusCode::from_u16(status).expect("a status"), said)
}

#[test]
fn the_gateway_is_reached_as_it_is_set_up() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let _inside = runtime.enter();
    let simulator = Simulator::default();
    let app = Router::new().route("/egw/api/hssk/gksk", post(take)).with_state(simulator.clone());
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).expect("a port");
    let base = format!("http://{}/egw", listener.local_addr().expect("an address"));
    runtime.spawn(async move { axum::serve(listener, app).await });

    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path();
    assert!(Net::of(data).expect("read").is_none(), "nothing is set up");
    let mut gateway = Gateway { base, private: false, accounts: BTreeMap::new() };
    let kept = |gateway: &Gateway| {
        gateway.keep(data, GKSK).expect("kept");
        Net::of(data).expect("read").expect("set up")
    };
    let account = |password: &str| {
        [("user", "46001_BV"), ("password", password)].map(|(n, v)| (n.to_owned(), v.to_owned())).into()
    };
    let world = World::new(mach_test_engines::Home::folder());
    let code = world.open("046085000071");
    world.issue(&code, "");
    let mut now = now_seconds() + 1;
    let mut tried = |net: &Net| {
        assert_eq!(deliver::once(&world.store, net, &world.keys, now).expect("the queue"), 1);
        let case = world.case(&code);
        now = case.row.next.unwrap_or(now);
        (case.row.sending, case.sent.said)
    };
    let waits = |(sending, said): (Sending, String), why: &str| {
        assert!(sending == Sending::Due && said.contains(why), "{said}");
    };
    waits(tried(&kept(&gateway)), "no account of 46001");
    gateway.accounts.insert("46001".to_owned(), account("matkhau"));
    waits(tried(&kept(&gateway)), "private network");
    gateway.private = true;
    let sealed = std::fs::read_to_string(data.join("gateways/gksk")).expect("a file");
    assert!(!sealed.contains("matkhau") && !sealed.contains("46001"), "{sealed}");
    let wrong = Gateway { accounts: [("46001".to_owned(), account("sai"))].into(), ..gateway.clone() };
    waits(tried(&kept(&wrong)), "does not accept the account");
    simulator.fail([Fault::Silent, Fault::Garbage, Fault::Lost]);
    for why in ["504", "Bảo trì", "504"] {
        waits(tried(&kept(&gateway)), why);
    }
    assert_eq!(tried(&kept(&gateway)), (Sending::Sent, String::new()));
    assert_eq!(simulator.taken()[0].1.get("KETLUAN"), "A0-1");
    simulator.fail([Fault::Refuses]);
    let second = world.open("046085000072");
    world.issue(&second, "");
    assert_eq!(deliver::once(&world.store, &kept(&gateway), &world.keys, now_seconds() + 2).expect("the queue"), 1);
    assert_eq!(world.case(&second).row.sending, Sending::Refused);
    forgotten(data);
}

fn forgotten(data: &Path) {
    assert_eq!((Gateway::forget(data, GKSK), Gateway::forget(data, GKSK)), (Ok(true), Ok(false)));
    assert!(Net::of(data).expect("read").is_none());
}
