//! Who looks after accounts sees which of them providers sign on, and takes a link away with a reason.

use crate::world::{World, form};
use axum::http::StatusCode;
use mach_base::limits;
use mach_store::accounts::NewAccount;
use mach_store::sql::Execute;
use mach_store::{accounts, notices, schema};

const WHY: &str = "Nghỉ việc từ 01/11, gắn nhầm";

/// An administrator with a second factor, of a facility or of the province.
fn administrator(world: &World, id: i64) {
    world.write(move |tx| {
        tx.propose_factor(id, b"a secret of twenty b")?;
        tx.confirm_factor(id, 1, &[])
    });
}

#[tokio::test]
async fn a_link_is_taken_away_with_a_reason_and_its_owner_is_told() {
    let world = World::new().await;
    world.links(1, "s-1");
    administrator(&world, 3);
    let mut admin = world.signed_in(3, "admin");
    for who in [1, 2] {
        let mut other = world.signed_in(who, if who == 1 { "doctor" } else { "operator" });
        assert_eq!(other.get("/admin/sign-on").await.status, StatusCode::FORBIDDEN);
        assert_eq!(
            other.ask("POST", "/admin/sign-on/1/end", &form(&[("why", WHY)])).await.status,
            StatusCode::FORBIDDEN
        );
    }
    let list = admin.get("/admin/sign-on").await.text;
    assert!(list.contains("doctor") && list.contains("/admin/sign-on/1\""), "{list}");
    assert!(!list.contains(">lan<"), "who they are there is theirs");
    let mut came = world.browser();
    came.signs_on("/sign-in/with/bv").await;
    assert!(came.is_in().await);
    let long = "x".repeat(limits::DESK_TEXT_CHARS + 1);
    for wrong in ["", "ngắn", long.as_str()] {
        let refused = admin.ask("POST", "/admin/sign-on/1/end", &form(&[("why", wrong)])).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{wrong}");
        assert!(refused.text.contains("id=\"why-error\"") && refused.text.contains(wrong), "{}", refused.text);
    }
    assert!(came.is_in().await);
    let done = admin.ask("POST", "/admin/sign-on/1/end", &form(&[("why", WHY)])).await;
    assert_eq!(done.location, "/admin/sign-on?done=ended");
    assert!(!came.is_in().await, "who came by it is out");
    let list = admin.get("/admin/sign-on?done=ended").await.text;
    assert!(list.contains(WHY) && !list.contains("/admin/sign-on/1\""), "{list}");
    let told = world.write(|tx| notices::of_account(tx, 1, None, 9));
    assert_eq!(told.first().and_then(|n| n.kind), Some(notices::Kind::SignOnEnded));
    assert!(
        world
            .trail()
            .iter()
            .any(|(target, outcome)| { target == "account 1 sign-on link 1 taken away" && outcome == "granted" })
    );
    let kept = world
        .write(|tx| mach_store::sql::list(tx, "SELECT why FROM sign_on_ended", &[], |r| Ok(r.text(0)?.to_owned())));
    assert!(kept.len() == 1 && !kept[0].contains("Nghỉ việc"), "it does not lie in clear");
    for gone in ["1", "999", "x", "-1", "9223372036854775807"] {
        let path = format!("/admin/sign-on/{gone}");
        assert_eq!(admin.get(&path).await.status, StatusCode::NOT_FOUND, "{gone}");
        let end = admin.ask("POST", &format!("{path}/end"), &form(&[("why", WHY)])).await;
        assert_eq!(end.status, StatusCode::NOT_FOUND, "{gone}");
    }
    // A fresh proof is wanted before anything is typed.
    world.links(1, "s-1");
    world.write(|tx| tx.run("UPDATE session SET proven = proven - 86400", &[]));
    assert!(admin.get("/admin/sign-on/1").await.location.starts_with("/prove"));
}

#[tokio::test]
async fn a_facility_s_administrator_sees_its_own_and_the_list_is_turned_page_by_page() {
    let world = World::new().await;
    let most = i64::try_from(limits::PAGE_ROWS).unwrap();
    world.write(move |tx| {
        let (a, b) = (schema::facility_id(tx, "46001")?, schema::facility_id(tx, "46002")?);
        for (name, facility) in [("admin-a", a), ("admin-b", b)] {
            let role = mach_access::Role::Administrator;
            let (name, display) = (name.to_owned(), name.to_owned());
            tx.set_account(&NewAccount { name, display, role, facility: Some(facility), password: String::new() })?;
        }
        Ok(())
    });
    for n in 0..=most {
        // An account takes few of them: what a page holds is of several.
        let account = if n % 2 == 0 { 1 } else { 2 };
        world.write(move |tx| {
            tx.run(
                "INSERT INTO sign_on(issuer, subject, account, called, made, made_by) VALUES ('https://x.vn', ?1, ?2, '', 0, 0)",
                &[n.to_string().as_str().into(), account.into()],
            )
        });
    }
    let id = |name: &'static str| {
        let found = world.write(move |tx| accounts::by_name(tx, name)).unwrap().actor.account;
        administrator(&world, found);
        found
    };
    let (a, b) = (id("admin-a"), id("admin-b"));
    let mut own = world.signed_in(a, "admin-a");
    let first = own.get("/admin/sign-on").await.text;
    assert_eq!(first.matches("/admin/sign-on/").count(), limits::PAGE_ROWS, "{first}");
    let next = first.split("/admin/sign-on?before=").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let last = own.get(&format!("/admin/sign-on?before={next}")).await.text;
    assert_eq!(last.matches("/admin/sign-on/").count(), 1, "{last}");
    let mut other = world.signed_in(b, "admin-b");
    assert_eq!(other.get("/admin/sign-on").await.text.matches("/admin/sign-on/").count(), 0);
    assert_eq!(other.get("/admin/sign-on/1").await.status, StatusCode::NOT_FOUND);
    let end = other.ask("POST", "/admin/sign-on/1/end", &form(&[("why", WHY)])).await;
    assert_eq!(end.status, StatusCode::NOT_FOUND, "what is not theirs is not there");
}
