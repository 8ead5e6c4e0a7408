//! Changes of what is stored: taken back once, by who may; people stay who they are; what others wrote stays.

use crate::common::{World, by, draft, expected, row, without_ids};
use mach_fhir::ResourceType;
use mach_organisation::keep::{self, By, No};
use mach_organisation::sheet::{FACILITY, ROOMS, STAFF};

fn a_change_is_taken_back_once_and_by_who_may(home: &mach_test_engines::Home) {
    let world = World::new(home);
    world.install(&draft()).expect("made");
    assert_eq!(world.edit(ROOMS, |rows| rows[0][1] = "Phòng A".to_owned()), Ok(()));
    let seen = world.last().mark;
    assert_eq!(world.edit(ROOMS, |rows| rows[0][1] = "Phòng B".to_owned()), Ok(()));
    assert_eq!(world.undo_by(&seen, by()), Err(No::Changed), "another change came meanwhile");
    let seen = world.last().mark;
    // Who looks after one facility takes back their own and their colleagues', not the province's.
    let of_facility = |account| By { account, facility: Some("46X01".into()), ..by() };
    assert_eq!(world.undo_by(&seen, of_facility(8)), Err(No::Above));
    assert!(!world.last().may_be_undone_by(&of_facility(8)) && world.last().may_be_undone_by(&of_facility(7)));
    assert_eq!(world.undo_by(&seen, by()), Ok(()));
    assert_eq!(world.undo_by(&seen, by()), Err(No::Changed), "two clicks take back one change");
    assert_eq!(world.facility("46X01").expect("there").draft.sheets[ROOMS][0][1], "Phòng A");
    let now = world.facility("46X01").expect("there");
    let (mut rows, mark) = (now.draft.clone(), keep::mark(&now));
    rows.sheets[ROOMS][0][1] = "Phòng C".to_owned();
    let who = of_facility(8);
    let done = world.store.write(&world.admin, move |tx| keep::change(tx, "46X01", ROOMS, rows, &mark, &who));
    assert_eq!(done.expect("written"), Ok(()));
    assert_eq!(world.undo_by(&world.last().mark, of_facility(9)), Ok(()));
}

fn people_stay_who_they_are(home: &mach_test_engines::Home) {
    let world = World::new(home);
    world.install(&draft()).expect("made");
    let staff = |world: &World| world.facility("46X01").expect("there").draft.sheets[STAFF].clone();
    let (an, binh) = (staff(&world)[0].clone(), staff(&world)[1].clone());
    assert_eq!((an[0].as_str(), binh[0].as_str()), ("Nguyễn Văn An", "Trần Thị Bình"));
    // A licence put right, and a name: the same people, and Bình's account is still hers.
    let put_right = |rows: &mut Vec<Vec<String>>| {
        rows[0][2] = "0009/H-GPHN".to_owned();
        rows[1][0] = "Trần Thị Bính".to_owned();
    };
    assert_eq!(world.edit(STAFF, put_right), Ok(()));
    let ids: Vec<String> = staff(&world).iter().map(|r| r[10].clone()).collect();
    assert_eq!(ids, [an[10].clone(), binh[10].clone()]);
    let practitioners = |world: &World| {
        let parts = world.facility("46X01").expect("there").parts;
        parts.iter().filter(|p| p.kind == ResourceType::PRACTITIONER).count()
    };
    assert_eq!(practitioners(&world), 2);
    assert_eq!(world.body(ResourceType::PRACTITIONER, &an[10])["identifier"].as_array().map(Vec::len), Some(1));
    // Who comes with the number that An once had by mistake is somebody else.
    let other = row(&["Lê Văn Cường", "doctor", "0001/H-GPHN", "Ngoại khoa", "2020-01-01", "", "", "", "", "", ""]);
    assert_eq!(world.edit(STAFF, |rows| rows.push(other)), Ok(()));
    assert_eq!(practitioners(&world), 3);
    let ids: Vec<String> = staff(&world).iter().map(|r| r[10].clone()).collect();
    assert_eq!(ids.iter().collect::<std::collections::HashSet<_>>().len(), 3);
    // An id that is nobody's, or said twice, is not believed.
    let forged = |rows: &mut Vec<Vec<String>>| {
        let first = rows[0][10].clone();
        rows[1][10] = first;
        rows[2][10] = "f46X01-p-ffffffffff".to_owned();
    };
    assert_eq!(world.edit(STAFF, forged), Ok(()));
    assert_eq!(practitioners(&world), 3);
    assert_eq!(staff(&world).iter().map(|r| r[10].clone()).collect::<Vec<_>>(), ids);

    // Who goes and comes back works again: no end in the past.
    let role = an[10].replacen("-p-", "-a-", 1);
    let gone = staff(&world).into_iter().find(|r| r[10] == an[10]).expect("An");
    assert_eq!(world.edit(STAFF, |rows| rows.retain(|r| r[10] != an[10])), Ok(()));
    assert!(world.body(ResourceType::PRACTITIONER_ROLE, &role)["period"]["end"].is_string());
    assert_eq!(world.edit(STAFF, |rows| rows.push([&gone[..10], &[String::new()]].concat())), Ok(()));
    let back = world.body(ResourceType::PRACTITIONER_ROLE, &role);
    assert_eq!((back["active"].clone(), back["period"].is_null()), (true.into(), true), "{back}");
    // Without a licence there is a scope all the same.
    assert_eq!(
        world.edit(STAFF, |rows| rows[2][1..6].clone_from_slice(&row(&["clerk", "", "Thu ngân", "", ""]))),
        Ok(())
    );
    let clerk = staff(&world).into_iter().find(|r| r[1] == "clerk").expect("a clerk");
    assert_eq!((clerk[2].as_str(), clerk[3].as_str()), ("", "Thu ngân"));
    assert!(world.body(ResourceType::PRACTITIONER, &clerk[10])["identifier"].is_null());
}

fn what_others_wrote_stays(home: &mach_test_engines::Home) {
    use serde_json::json;
    let world = World::new(home);
    world.install(&draft()).expect("made");
    let an = world.facility("46X01").expect("there").draft.sheets[STAFF][0][10].clone();
    let role = an.replacen("-p-", "-a-", 1);
    let lab = json!({ "coding": [{ "system": "urn:x:type", "code": "lab" }] });
    let mail = json!({ "system": "email", "value": "a@b.vn" });
    let old = json!({ "use": "old", "text": "Địa chỉ cũ" });
    world.put(ResourceType::ORGANIZATION, "f46X01", |body| {
        body["type"].as_array_mut().expect("a list").insert(0, lab.clone());
        body["telecom"].as_array_mut().expect("a list").insert(0, mail.clone());
        body["address"].as_array_mut().expect("a list").insert(0, old.clone());
        body["address"][1]["line"] = json!(["Tầng 2"]);
        body["alias"] = json!(["PK Thử"]);
    });
    let degree = json!({ "code": { "text": "Thạc sĩ y học" } });
    let maiden = json!({ "use": "maiden", "text": "Nguyễn Thị An" });
    world.put(ResourceType::PRACTITIONER, &an, |body| {
        body["qualification"].as_array_mut().expect("a list").insert(0, degree.clone());
        body["name"].as_array_mut().expect("a list").insert(0, maiden.clone());
        body["name"][1]["prefix"] = json!(["BS"]);
    });
    let coded = json!({ "coding": [{ "system": "http://snomed.info/sct", "code": "394802001" }] });
    world.put(ResourceType::PRACTITIONER_ROLE, &role, |body| {
        body["specialty"].as_array_mut().expect("a list").insert(0, coded.clone());
        body["code"][0]["coding"].as_array_mut().expect("a list").push(json!({ "system": "urn:x", "code": "md" }));
    });
    // It is read as before, and an edit of everything leaves what others wrote.
    let now = world.facility("46X01").expect("there");
    assert_eq!(without_ids(&now.draft), expected(draft()));
    let rewrite = |rows: &mut Vec<Vec<String>>| {
        rows[0][5] = "2 Lê Lợi".to_owned();
        rows[0][6] = "0236".to_owned();
    };
    assert_eq!(world.edit(FACILITY, rewrite), Ok(()));
    let body = world.body(ResourceType::ORGANIZATION, "f46X01");
    assert_eq!((body["type"][0].clone(), body["type"].as_array().map(Vec::len)), (lab, Some(3)));
    assert_eq!((&body["telecom"][0], &body["telecom"][1]["value"]), (&mail, &json!("0236")));
    assert_eq!((&body["address"][0], &body["address"][1]["text"]), (&old, &json!("2 Lê Lợi")));
    assert_eq!((&body["address"][1]["line"], &body["alias"]), (&json!(["Tầng 2"]), &json!(["PK Thử"])));
    let rewrite = |rows: &mut Vec<Vec<String>>| {
        rows[0][0] = "Nguyễn Văn Ân".to_owned();
        rows[0][3] = "Nội tổng hợp".to_owned();
    };
    assert_eq!(world.edit(STAFF, rewrite), Ok(()));
    let body = world.body(ResourceType::PRACTITIONER, &an);
    assert_eq!(
        (&body["qualification"][0], &body["qualification"][1]["code"]["text"]),
        (&degree, &json!("Nội tổng hợp"))
    );
    assert_eq!((&body["name"][0], &body["name"][1]["text"]), (&maiden, &json!("Nguyễn Văn Ân")));
    assert_eq!(body["name"][1]["prefix"], json!(["BS"]));
    let body = world.body(ResourceType::PRACTITIONER_ROLE, &role);
    assert_eq!((&body["specialty"][0], &body["specialty"][1]["text"]), (&coded, &json!("Nội tổng hợp")));
    assert_eq!(body["code"][0]["coding"].as_array().map(Vec::len), Some(2), "the same position keeps its other code");
    // What is emptied goes, and nothing beside it.
    assert_eq!(world.edit(FACILITY, |rows| rows[0][6].clear()), Ok(()));
    assert_eq!(world.body(ResourceType::ORGANIZATION, "f46X01")["telecom"], json!([mail]));
}

mach_test_engines::on_both_engines!(
    a_change_is_taken_back_once_and_by_who_may,
    people_stay_who_they_are,
    what_others_wrote_stays
);
