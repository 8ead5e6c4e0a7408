//! Which person a claim gets, over whole histories: numbers, order, batches, later and earlier visits.

use super::support::{Claim, Folder, Random, dump, random_claim};
use mach_people::{Number, NumberKind, fhir_id, patient_json, person_of, view};
use mach_store::people::STATE_TABLES;

/// Claims one after another, each with the person number it must get.
fn check(why: &str, claims: &[(&str, i64)]) {
    let folder = Folder::new();
    for (at, (claim, expect)) in claims.iter().enumerate() {
        let claim = Claim { seen: at as i64, ..Claim::of(claim) };
        assert_eq!(folder.resolve(&claim).person, *expect, "{why}: claim {at}");
    }
}

#[test]
fn histories() {
    check(
        "papers come one after another and stay with the person",
        &[
            ("1; A1; ; ; Nguyễn Thị Hoa; 1985; 2", 1),
            ("1; A1; ; 4620000001; Nguyễn Thị Hoa; 1985-03-12; 2", 1),
            ("2; B9; 046185000001; 4620000001; Nguyễn Thị Hoa; 1985-03-12; 2", 1),
            ("3; C7; 046185000001; ; Nguyễn Thị Hoa; 1985-03-12; 2", 1),
            ("2; B9; ; ; Nguyen Thi Hoa; 1985; 2", 1),
        ],
    );
    check(
        "twins share everything but their numbers",
        &[
            ("1; A1; 046215000001; ; Lê Gia An; 2015-06-01; 1", 1),
            ("1; A2; 046215000002; ; Lê Gia Anh; 2015-06-01; 1", 2),
            ("1; A1; ; ; Lê Gia An; 2015-06-01; 1", 1),
            ("1; A2; ; ; Lê Gia Anh; 2015-06-01; 1", 2),
        ],
    );
    check(
        "a lent card makes no one person of two",
        &[
            ("1; A1; 046185000001; 4620000001; Nguyễn Thị Hoa; 1985-03-12; 2", 1),
            ("1; A2; 046172000002; 4620000001; Trần Văn Bình; 1972-07-01; 1", 2),
            ("2; B2; 046172000002; ; Trần Văn Bình; 1972-07-01; 1", 2),
            ("2; B1; ; 4620000001; Nguyễn Thị Hoa; 1985-03-12; 2", 1),
        ],
    );
    check(
        "a facility starts its numbers again every year",
        &[
            ("1; 000001; ; ; Nguyễn Thị Hoa; 1985; 2", 1),
            ("1; 000001; ; ; Trần Văn Bình; 1972; 1", 2),
            ("1; 000001; ; ; Nguyễn Thị Hoa; 1985; 2", 1),
            ("1; 000001; ; ; Trần Văn Bình; 1972; 1", 2),
            ("2; 000001; ; ; Nguyễn Thị Hoa; 1985; 2", 3),
        ],
    );
    check(
        "nothing to know someone by: a person for each claim",
        &[("1; ; ; ; Nguyễn Thị Hoa; 1985; 2", 1), ("1; ; ; ; Nguyễn Thị Hoa; 1985; 2", 2)],
    );
}

#[test]
fn batches_change_nothing() {
    let mut random = Random(9);
    let mut claims: Vec<Claim> = (0..150).map(|n| random_claim(&mut random, n)).collect();
    for again in 0..150 {
        // Second visits, some under another's card or number.
        let mut claim = claims[again].clone();
        claim.seen += 1000;
        match random.below(5) {
            0 => claim.insurance.clone_from(&claims[random.below(150)].insurance),
            1 => claim.national.clone_from(&claims[random.below(150)].national),
            2 => claim.facility += 1,
            3 => claim.day = None,
            _ => {}
        }
        claims.push(claim);
    }
    let state = |batch: usize| {
        let folder = Folder::new();
        for part in claims.chunks(batch) {
            let part = part.to_vec();
            folder
                .write(move |tx| {
                    for claim in &part {
                        mach_people::resolve(tx, &claim.evidence())?;
                    }
                    Ok(())
                })
                .unwrap();
        }
        folder.read(|on| dump(on, &STATE_TABLES))
    };
    let one_by_one = state(1);
    assert!(one_by_one.iter().any(|row| row.starts_with("person_review|")));
    assert_eq!(state(17), one_by_one);
    assert_eq!(state(300), one_by_one);
}

#[test]
fn two_writers_make_one_person_of_one() {
    const PEOPLE: usize = 60;
    let folder = Folder::new();
    let mut random = Random(3);
    let claims: Vec<Claim> = (0..PEOPLE).map(|n| random_claim(&mut random, n)).collect();
    let stores = [folder.again(), folder.again()];
    std::thread::scope(|scope| {
        for store in &stores {
            scope.spawn(|| {
                for claim in claims.clone() {
                    let work = move |tx: &mut mach_store::Tx<'_>| Ok(mach_people::resolve(tx, &claim.evidence())?);
                    store.write(&Folder::decision(mach_access::Act::SendClaims), work).unwrap();
                }
            });
        }
    });
    let people = folder.read(|on| dump(on, &["person"]));
    assert_eq!(people.len(), PEOPLE);
}

#[test]
fn the_later_visit_is_believed() {
    let folder = Folder::new();
    let base = Claim::of("1; A1; 046185000001; ; Nguyễn Thị Hoa; 1985-03-12; 2");
    let later = Claim { seen: 200, address: "Phú Vang".into(), phone: Some("0905.111.222".into()), ..base.clone() };
    let earlier = Claim { seen: 100, address: "Hương Thủy".into(), name: "Nguyen Thi Hoa".into(), ..base.clone() };
    let newest = Claim { seen: 300, year: 1985, day: None, ..base };
    let changes = [&later, &earlier, &later, &newest].map(|claim| folder.resolve(claim).changed);
    assert_eq!(changes, [true, false, false, false]);
    let person = folder.read(|on| view(on, 1)).unwrap().expect("person").person;
    assert_eq!((person.name.as_str(), person.address.as_str(), person.seen), ("Nguyễn Thị Hoa", "Phú Vang", 300));
    assert!(person.birth_day.is_some(), "a year alone does not replace a day");
}

#[test]
fn the_patient_says_what_is_known() {
    let folder = Folder::new();
    let claim = Claim::of("1; A\"1; 046185000001; 4620000001; Nguyễn Thị Hoa; 1985; 2");
    folder.resolve(&Claim { address: "5 Lê Lợi".into(), phone: Some("0905".into()), ..claim });
    let seen = folder.read(|on| view(on, 1)).unwrap().expect("person");
    assert!(seen.numbers.contains(&Number { kind: NumberKind::Local, facility: 1, value: "A\"1".into() }));
    let body = patient_json(&seen, &|facility| format!("4600{facility}"));
    let patient: serde_json::Value = serde_json::from_str(&body).unwrap();
    let expect = serde_json::json!({
        "resourceType": "Patient",
        "id": "p1",
        "identifier": [
            {"system": "http://fhir.hl7.org.vn/core/sid/cccd", "value": "046185000001"},
            {"system": "http://fhir.hl7.org.vn/core/sid/bhyt", "value": "4620000001"},
            {"system": "urn:mach:facility:46001:MA_BN", "value": "A\"1"},
        ],
        "active": true,
        "name": [{"use": "official", "text": "Nguyễn Thị Hoa", "family": "Nguyễn", "given": ["Thị", "Hoa"]}],
        "telecom": [{"system": "phone", "value": "0905"}],
        "gender": "female",
        "birthDate": "1985",
        "address": [{"use": "home", "text": "5 Lê Lợi", "country": "VN"}],
    });
    assert_eq!(patient, expect);
}

#[test]
fn patient_ids_come_back() {
    for number in [1, 42, i64::MAX] {
        assert_eq!(person_of(&fhir_id(number)), Some(number));
    }
    for bad in ["", "p", "p0", "p01", "p-1", "c1", "p99999999999999999999", "p1 "] {
        assert_eq!(person_of(bad), None, "{bad}");
    }
}
