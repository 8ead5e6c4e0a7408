//! The national system: what is sent, told and asked for, over a bad line.

use crate::both;
use crate::world::World;
use axum::Router;
use axum::body::Bytes;
use axum::extract;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use mach_base::time::now_seconds;
use mach_house::gateway::{Gateway, PRESCRIPTIONS};
use mach_prescriptions::deliver::{self, System, oversold};
use mach_prescriptions::gateway::{Call, Net, Transport as _, look};
use mach_prescriptions::simulator::{Fault, Simulator};
use mach_prescriptions::work::{self, No};
use mach_sign::jws;
use mach_signing::desk::Keys as _;
use mach_store::prescriptions::{self, Filter, Prescription, Sending, State};
use mach_store::waiting;
use serde_json::Value;

#[test]
fn a_bad_line_loses_nothing_and_doubles_nothing() {
    both(|world| {
        let code = world.signed("c", "LOR010", 500);
        world.system.fail([Fault::Slow, Fault::Garbage, Fault::Repeats, Fault::Broken, Fault::Lost]);
        let mut now = now_seconds() + 1;
        for tries in 1..=5 {
            assert_eq!(world.deliver(now), 1);
            assert_eq!(world.deliver(now), 0, "it rests before the next try");
            let row = world.case(&code).row;
            assert_eq!((row.sending, row.tried, row.said.is_empty()), (Sending::Due, tries, false));
            now = row.next.expect("another try");
        }
        assert_eq!(world.deliver(now), 1);
        let row = world.case(&code).row;
        assert_eq!((row.sending, row.receipt.as_str(), row.said.as_str()), (Sending::Sent, code.as_str(), ""));
        let taken = world.system.prescriptions();
        let sent = &taken[&code];
        assert_eq!((taken.len(), sent["gioi_tinh"].as_i64(), sent["loai_don_thuoc"].as_str()), (1, Some(2), Some("c")));
        assert_eq!(sent["thong_tin_don_thuoc"][0]["so_luong"], "05");
        signed_as_sent(sent, &world.keys.trust().expect("trust"), now);
        let refused = world.signed("c", "OME020", 500);
        world.system.fail([Fault::Refuses]);
        let later = now_seconds() + 2;
        world.deliver(later);
        assert_eq!(world.case(&refused).row.sending, Sending::Refused);
        world.deliver(later + 10);
        assert_eq!(world.case(&refused).row.tried, 1, "a refusal waits for a person");
        let at = refused.clone();
        assert_eq!(world.act(move |tx, _| work::send_again(tx, &at)), Ok(()));
        world.deliver(now_seconds() + 2);
        assert_eq!(world.case(&refused).row.sending, Sending::Sent);
        let at = refused.clone();
        assert_eq!(world.act(move |tx, _| work::send_again(tx, &at)), Err(No::State));
    });
}

#[test]
fn what_was_given_back_and_then_taken_back_waits_no_more() {
    both(|world| {
        let (first, second) = (world.signed("c", "LOR010", 500), world.signed("c", "OME020", 500));
        world.system.fail([Fault::Refuses, Fault::Refuses]);
        world.deliver(now_seconds() + 1);
        let waits = |world: &World| {
            let account = world.by.account;
            let mut reader = world.store.read(&world.doctor).expect("a reader");
            let filter = Filter { account, is_refused: true, ..Filter::default() };
            let listed = prescriptions::list(&mut reader, filter, 9).expect("a list");
            let count = waiting::prescriptions_refused(&mut reader, account).expect("a count").count;
            (count, listed.into_iter().map(|p| p.code).collect::<Vec<_>>())
        };
        assert_eq!(waits(&world), (2, vec![second.clone(), first.clone()]));
        let at = first.clone();
        assert_eq!(world.act(move |tx, by| work::cancel(tx, &at, by, "nhầm người")), Ok(()));
        assert_eq!(waits(&world), (1, vec![second.clone()]));
        let row = world.case(&first).row;
        assert_eq!((row.state, row.sending, row.next), (State::Cancelled, Sending::None, None));
        let at = first.clone();
        assert_eq!(world.act(move |tx, _| work::send_again(tx, &at)), Err(No::State));
        // One that an older program took back and left as given back: it neither waits nor is sent.
        let left = Prescription { sending: Sending::Due, next: Some(1), ..row };
        world.store.write(&world.doctor, move |tx| tx.keep_prescription(&left)).expect("kept");
        let at = first.clone();
        assert_eq!(world.act(move |tx, _| work::send_again(tx, &at)), Err(No::State));
        assert_eq!(world.deliver(now_seconds() + 2), 0);
        let due = prescriptions::next_due(&mut world.store.read(&world.console).expect("a reader")).expect("asked");
        assert_eq!(due, None);
    });
}

/// The signature is of exactly the rest of the message, by the facility's seal.
fn signed_as_sent(sent: &Value, trust: &mach_sign::trust::Trust, now: i64) {
    let mut plain = sent.clone();
    let signature = plain.as_object_mut().expect("fields").remove("signature").expect("signed");
    let read = jws::verify(signature.as_str().expect("text"), None, trust, now).expect("true");
    assert!(read.is_good(), "{read:?}");
    assert_eq!(serde_json::from_slice::<Value>(&read.payload).expect("JSON"), plain);
    assert_eq!(read.certificate.subject.common(), "Bs 0");
}

#[test]
fn sales_here_are_told_and_sales_elsewhere_come_back() {
    both(|world| {
        let code = world.signed("c", "PAR500", 1_000);
        world.sell(&code, world.other, "HD1", 300).expect("asked").expect("handed out");
        let now = now_seconds() + 1;
        world.system.fail([Fault::Slow]);
        world.deliver(now);
        assert!(world.system.sales().is_empty(), "not before its prescription is there");
        let mut next = world.case(&code).row.next.expect("another try");
        world.deliver(next);
        assert_eq!(world.case(&code).sales[0].sending, Sending::Sent);
        let told = world.system.sales();
        let said = |name: &str| told[0][name].as_str().map(str::to_owned);
        assert_eq!((told.len(), said("ma_co_so"), said("ma_hoa_don")), (1, Some("46002".into()), Some("HD1".into())));
        assert_eq!(told[0]["thong_tin_don_thuoc"][0]["so_luong"], "03");
        // An answer that is lost: told again, it is the same sale.
        world.sell(&code, world.other, "HD2", 100).expect("asked").expect("handed out");
        world.system.fail([Fault::Lost]);
        world.deliver(next + 1);
        let sale = world.case(&code).sales[1].clone();
        assert_eq!((sale.sending, sale.tried), (Sending::Due, 1));
        next = sale.next.expect("another try");
        world.deliver(next);
        assert_eq!((world.case(&code).sales[1].sending, world.system.sales().len()), (Sending::Sent, 2));
        // A pharmacy elsewhere: what it sold comes back, once.
        world.system.sell(&code, ("NT001", "A1"), "PAR500", "5");
        let look = world.case(&code).row.look.expect("asked for");
        world.deliver(look);
        let case = world.case(&code);
        assert_eq!((case.lines[0].dispensed, case.row.state, case.sales.len()), (900, State::Partly, 3));
        assert_eq!((case.sales[2].place.as_str(), case.sales[2].sending), ("NT001", Sending::Sent));
        let look = case.row.look.expect("asked again");
        world.deliver(look);
        assert_eq!(world.case(&code).sales.len(), 3, "the same sale is the same");
        // A line that is down, an answer of another prescription, and what was not prescribed change nothing.
        world.system.sell(&code, ("NT001", "A2"), "MOR010", "5");
        for fault in [Fault::Slow, Fault::Garbage, Fault::Repeats] {
            world.system.fail([fault]);
            let look = world.case(&code).row.look.expect("asked again");
            world.deliver(look);
            assert_eq!(world.case(&code).sales.len(), 3);
        }
        // Elsewhere more was sold than is left: it has happened, and is seen.
        world.system.sell(&code, ("NT002", "B1"), "PAR500", "4");
        let look = world.case(&code).row.look.expect("asked again");
        world.deliver(look);
        let case = world.case(&code);
        assert_eq!((case.lines[0].dispensed, case.row.state, case.row.look), (1_300, State::Done, None));
        assert!(oversold(&case));
    });
}

#[test]
fn what_is_taken_back_on_its_way_is_not_sent_and_no_seal_waits() {
    both(|world| {
        let code = world.signed("c", "PAR500", 1_000);
        let at = code.clone();
        assert_eq!(world.act(move |tx, by| work::cancel(tx, &at, by, "nhầm")), Ok(()));
        let now = now_seconds() + 1;
        assert_eq!((world.deliver(now), world.system.asked()), (0, 0));
        // Its sale is of a prescription that was never sent: it is refused, not tried for ever.
        let sold = world.signed("c", "IBU400", 1_000);
        let mut row = world.case(&sold).row;
        (row.sending, row.next) = (Sending::None, None);
        world.store.write(&world.doctor, move |tx| tx.keep_prescription(&row)).expect("written");
        world.sell(&sold, world.other, "HD1", 100).expect("asked").expect("handed out");
        world.deliver(now + 1);
        assert_eq!(world.case(&sold).sales[0].sending, Sending::Refused);
    });
}

/// The system's own doors around the simulator.
async fn door(
    extract::State(system): extract::State<Simulator>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, String) {
    let word = |name: &str| headers.get(name).map_or("", |v| v.to_str().unwrap_or_default());
    let body = (method == Method::POST).then(|| serde_json::from_slice::<Value>(&body).expect("JSON"));
    let token = word("Authorization").trim_start_matches("Bearer ");
    let path = uri.path().trim_start_matches("/x");
    // Who it is: the doctor of this facility alone.
    if path.starts_with("/api/auth/") {
        let is = |name: &str, wanted: &str| body.as_ref().is_some_and(|b| b[name] == wanted);
        let known = is("ma_lien_thong_co_so_kham_chua_benh", "CS46001") && is("ma_lien_thong_bac_si", "BS7");
        if !known || !is("password", "matkhau") {
            return (StatusCode::UNAUTHORIZED, r#"{"error":"Sai mật khẩu"}"#.to_owned());
        }
    }
    let call = Call { path, token, app: (word("app-name"), word("app-key")), body: body.as_ref() };
    match system.ask(&call) {
        Ok((status, said)) => (StatusCode::from_u16(status).expect("a status"), said),
        Err(why) => (StatusCode::BAD_GATEWAY, why),
    }
}

#[test]
fn the_system_is_reached_as_it_is_set_up() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let _inside = runtime.enter();
    let world = crate::World::new(mach_test_engines::Home::folder());
    let app = Router::new().fallback(door).with_state(world.system.clone());
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).expect("a port");
    let base = format!("http://{}/x", listener.local_addr().expect("an address"));
    runtime.spawn(async move { axum::serve(listener, app).await });
    let folder = tempfile::tempdir().expect("a folder");
    let account = |words: &[(&str, &str)]| words.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    let mut gateway = Gateway { base, private: true, ..Gateway::default() };
    let kept = |gateway: &Gateway| {
        gateway.keep(folder.path(), PRESCRIPTIONS).expect("kept");
        Net::of(folder.path()).expect("read").expect("set up")
    };
    let mut now = now_seconds() + 1;
    let code = world.signed("c", "LOR010", 500);
    let mut tried = |net: &Net| {
        let own = |facility: &str, _: i64| net.account(facility, "thu");
        let system = System { transport: net, keys: &world.keys, account: &own };
        assert_eq!(deliver::once(&world.store, &system, now).expect("the queue"), 1);
        let row = world.case(&code).row;
        now = row.next.unwrap_or(now);
        (row.sending, row.said)
    };
    let (sending, said) = tried(&kept(&gateway));
    assert!(sending == Sending::Due && said.contains("no account"), "{said}");
    gateway.accounts.insert(String::new(), account(&[("app-name", "mach"), ("app-key", "khoa")]));
    gateway.accounts.insert("46001".to_owned(), account(&[("facility", "CS46001"), ("password", "matkhau")]));
    gateway.accounts.insert("46001/thu".to_owned(), account(&[("doctor", "BS8")]));
    let (_, said) = tried(&kept(&gateway));
    assert!(said.contains("not accepted"), "{said}");
    gateway.accounts.insert("46001/thu".to_owned(), account(&[("doctor", "BS7")]));
    let net = kept(&gateway);
    world.system.fail([Fault::Slow, Fault::Lost, Fault::Broken, Fault::Garbage, Fault::Repeats]);
    for why in ["502", "502", "500", "Bảo trì", "does not name this prescription"] {
        let (sending, said) = tried(&net);
        assert!(sending == Sending::Due && said.contains(why), "{said}");
    }
    assert_eq!(tried(&net), (Sending::Sent, String::new()));
    assert!(world.system.prescriptions().contains_key(&code));
    // What was sold elsewhere is asked for with the pharmacy's key.
    world.system.sell(&code, ("NT99", "H1"), "LOR010", "2");
    let sold = look(&net, &net.account("46001", "thu"), &code).expect("asked");
    assert_eq!((sold.len(), sold[0].invoice.as_str()), (1, "H1"));
}
