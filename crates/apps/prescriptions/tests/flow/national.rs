//! The national system: what is sent, told and asked for, over a bad line.

use crate::both;
use mach_base::time::now_seconds;
use mach_prescriptions::deliver::oversold;
use mach_prescriptions::simulator::Fault;
use mach_prescriptions::work::{self, No};
use mach_sign::jws;
use mach_signing::desk::Keys as _;
use mach_store::prescriptions::{Sending, State};
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
