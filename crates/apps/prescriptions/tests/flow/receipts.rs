//! Who takes narcotics signs for them: bound to exactly what they read, kept with the sale or not at all.

use crate::both;
use crate::world::World;
use mach_base::Day;
use mach_fhir::validate::{Validator, is_valid};
use mach_fhir::{ResourceType, Tree};
use mach_prescriptions::bodies::Receiver;
use mach_prescriptions::dispense::Handing;
use mach_prescriptions::receipt::{self, Receipt};
use mach_prescriptions::work::No;
use mach_sign::sha256;
use mach_signing::patient::Way;
use mach_store::prescriptions::{SaleLine, State};
use mach_store::{people, resources, schema};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\nnot looked into further";

fn handing(world: &World, invoice: &str, quantity: i64) -> Handing {
    let lines = vec![SaleLine { line: 1, quantity }];
    let receiver = Receiver { name: "Lê Thị Nhận".into(), number: "046190000009".into() };
    Handing { pharmacy: world.other, invoice: invoice.into(), lines, receiver, ..Handing::default() }
}

/// The same, signed as it is read.
pub fn signed(world: &World, code: &str, of: &Handing, way: Way, given: &[u8]) -> Handing {
    let case = world.case(code);
    let person = people::person(&mut world.reader(), world.person).expect("read").expect("a person").name;
    let pharmacy = schema::facility_code(&mut world.reader(), of.pharmacy).expect("read").expect("a facility");
    let text = receipt::text(&case, &person, &pharmacy, of, Day::today());
    let witness = (7, "Dược sĩ Mẫu".to_owned());
    let receipt = Receipt { shown: sha256(text.as_bytes()), way, given: given.to_vec(), witness };
    Handing { receipt: Some(receipt), ..of.clone() }
}

#[test]
fn nothing_is_handed_out_without_the_signature_of_exactly_this_sale() {
    both(|world| {
        let code = world.signed("n", "MOR010", 2_000);
        let first = handing(&world, "A", 500);
        assert_eq!(world.hand(&code, first.clone()).expect("asked"), Err(No::NoReceipt));
        let good = signed(&world, &code, &first, Way::Pad, PNG);
        // Signed for other lines, under another number, by somebody else, at another pharmacy: nobody signed this.
        let receipt = good.receipt.clone();
        let receiver = Receiver { name: "Người Khác".into(), ..first.receiver.clone() };
        for other in [
            Handing { receipt: receipt.clone(), ..handing(&world, "A", 600) },
            Handing { receipt: receipt.clone(), ..handing(&world, "B", 500) },
            Handing { receipt: receipt.clone(), receiver, ..first.clone() },
            Handing { receipt, pharmacy: world.facility, ..first.clone() },
        ] {
            assert_eq!(world.hand(&code, other).expect("asked"), Err(No::ReceiptChanged));
        }
        let nobody = Handing { receiver: Receiver::default(), ..good.clone() };
        assert_eq!(world.hand(&code, nobody).expect("asked"), Err(No::NoReceiver));
        // More than is left takes the whole sale back, and its signature with it.
        let much = signed(&world, &code, &handing(&world, "M", 2_001), Way::Pad, PNG);
        assert!(world.hand(&code, much).is_err());
        let case = world.case(&code);
        assert_eq!((case.lines[0].dispensed, case.sales.len(), case.receipts.len()), (0, 0, 0));
        assert_eq!(world.hand(&code, good.clone()).expect("asked"), Ok(()));
        assert_eq!(world.hand(&code, good.clone()).expect("asked"), Ok(()), "the same sale again is the same");
        let unsigned = Handing { receipt: None, ..good };
        assert_eq!(world.hand(&code, unsigned).expect("asked"), Ok(()), "as it is where an answer was lost");
        let case = world.case(&code);
        assert_eq!((case.lines[0].dispensed, case.row.state, case.receipts.len()), (500, State::Partly, 1));
    });
}

#[test]
fn it_stands_in_the_record_by_whichever_way() {
    both(|world| {
        let code = world.signed("h", "DIA005", 800);
        for (n, (way, given)) in
            [(Way::Pad, PNG), (Way::Code, b"code"), (Way::Finger, b"a.b.c"), (Way::Paper, b"paper")].iter().enumerate()
        {
            let sale = handing(&world, &format!("S{n}"), 200);
            let sale = signed(&world, &code, &sale, *way, given);
            assert_eq!(world.hand(&code, sale).expect("asked"), Ok(()), "{way:?}");
        }
        let case = world.case(&code);
        let ways: Vec<_> = case.receipts.iter().map(|(_, s)| (s.way, s.witness.as_str())).collect();
        let by = |way| (way, "Dược sĩ Mẫu");
        assert_eq!(ways, [Way::Pad, Way::Code, Way::Finger, Way::Paper].map(by));
        for (mark, kept) in &case.receipts {
            let text = receipt::shown(&mut world.reader(), &case, mark, kept).expect("read").expect("what was signed");
            assert!(text.contains("Lê Thị Nhận") && text.contains("02 (Hai) viên"), "{text}");
        }
        let of = |kind| resources::of_patient(&mut world.reader(), world.person, kind, None, 100).expect("read");
        let (mut notes, mut signatures) = (0, Vec::new());
        for found in of(ResourceType::MEDICATION_DISPENSE).into_iter().chain(of(ResourceType::PROVENANCE)) {
            let body = found.body.as_str();
            let issues = Validator::r4().validate(&Tree::parse(body).expect("JSON"), &[]).expect("R4");
            assert!(is_valid(&issues), "{body} {issues:?}");
            notes += usize::from(body.contains("\"note\":[{\"text\":\"Người nhận"));
            signatures.extend(body.contains("receive by").then(|| body.contains("\"signature\"")));
        }
        signatures.sort_unstable();
        assert_eq!((notes, signatures), (4, vec![false, true, true, true]), "ink is no electronic signature");
    });
}

#[test]
fn a_drawing_is_a_picture_of_bounded_size() {
    let url = |bytes: &[u8]| format!("data:image/png;base64,{}", mach_sign::base64(bytes));
    assert_eq!(receipt::drawn(&url(PNG)).as_deref(), Some(PNG));
    assert_eq!(receipt::drawn(&mach_sign::base64(PNG)).as_deref(), Some(PNG), "as a program sends it");
    let large = [PNG, &vec![0; receipt::DRAWN_BYTES]].concat();
    for bad in
        ["", "data:image/png;base64,", "data:image/png;base64,****", &url(b"<svg onload=alert(1)>"), &url(&large)]
    {
        assert_eq!(receipt::drawn(bad), None, "{}", bad.chars().take(40).collect::<String>());
    }
}
