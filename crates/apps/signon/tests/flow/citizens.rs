//! Citizens: known by number, name and birth together, or not at all, and nobody learns which of them was wrong.

use crate::simulator::Simulator;
use crate::world::{CCCD, World};
use axum::http::StatusCode;
use mach_store::sessions;
use serde_json::{Value, json};

/// A provider of citizens as the national portal is: no ID token, no discovery.
async fn world() -> World {
    let simulator = Simulator::start(false).await;
    simulator.tell(|told| {
        told.gives_id_token = false;
        told.userinfo = says("uid-1", CCCD, "NGUYEN THI LAN", "09/03/1984");
    });
    let at = |path: &str| format!("{}{path}", simulator.url);
    let (authorize, token, userinfo) = (at("/authorize"), at("/token"), at("/userinfo"));
    let fields = [
        ("for", "citizens"),
        ("issuer", ""),
        ("identity", "userinfo"),
        ("authorize", authorize.as_str()),
        ("token", &token),
        ("userinfo", &userinfo),
        ("claim.subject", "uid"),
        ("claim.number", "number"),
        ("claim.name", "full"),
        ("claim.birth", "born"),
        ("claim.level", "loa"),
        ("levels", "2"),
    ];
    World::upon(simulator, &fields).await
}

fn says(uid: &str, number: &str, full: &str, born: &str) -> Value {
    json!({ "uid": uid, "number": number, "full": full, "born": born, "loa": 2 })
}

const DOOR: &str = "/sign-in/with/bv?of=citizens";

#[tokio::test]
async fn a_citizen_comes_to_their_own_pages() {
    let world = world().await;
    assert!(
        !world.browser().get("/sign-in").await.text.contains("/sign-in/with/"),
        "not at the door of who works here"
    );
    assert_eq!(world.browser().get("/sign-in/with/bv").await.status, StatusCode::NOT_FOUND);
    let mut browser = world.browser();
    let came = browser.signs_on(DOOR).await;
    assert_eq!((came.status, came.location.as_str()), (StatusCode::SEE_OTHER, "/me"), "{came:?}");
    let token = mach_access::secret::token_hash(browser.session().unwrap());
    let live = world.write(move |tx| sessions::live(tx, &token)).unwrap();
    assert_eq!((live.account.name.as_str(), live.proven), ("citizen-1", 0));
    assert_eq!(world.trail()[0], ("citizen sign-on bv level 2".to_owned(), "granted".to_owned()));
    // Their account is theirs, and is linked with nothing: each time all three must agree.
    assert_eq!(browser.get("/account/sign-on").await.status, StatusCode::FORBIDDEN);
    // A name may have a slip of the pen, as where claims are put together; a year of birth alone agrees with its day.
    for (full, born) in [("Nguyễn Thị Lam", "1984-03-09"), ("Nguyễn Thị Lan", "1984")] {
        world.provider.tell(|told| told.userinfo = says("uid-2", CCCD, full, born));
        assert_eq!(world.browser().signs_on(DOOR).await.status, StatusCode::SEE_OTHER, "{full} {born}");
    }
}

#[tokio::test]
async fn whoever_does_not_agree_in_everything_is_told_the_same() {
    let world = world().await;
    let mut told = Vec::new();
    for userinfo in [
        says("u", "046184000002", "Nguyễn Thị Lan", "09/03/1984"),
        says("u", CCCD, "Trần Văn Bình", "09/03/1984"),
        says("u", CCCD, "Nguyễn Thị Lan", "10/03/1984"),
        says("u", CCCD, "Nguyễn Thị Lan", "1985"),
        says("u", CCCD, "", "09/03/1984"),
        says("u", CCCD, "Nguyễn Thị Lan", ""),
        says("u", "", "Nguyễn Thị Lan", "09/03/1984"),
        says("u", &CCCD[..9], "Nguyễn Thị Lan", "09/03/1984"),
    ] {
        world.provider.tell(|t| t.userinfo = userinfo);
        let refused = world.browser().signs_on(DOOR).await;
        assert_eq!(world.trail()[0], ("sign-on bv: no citizen".to_owned(), "denied".to_owned()));
        told.push((refused.status, refused.text));
    }
    assert_eq!(told[0].0, StatusCode::FORBIDDEN);
    assert!(told.iter().all(|one| *one == told[0]), "{told:#?}");
    assert!(told[0].1.contains("href=\"/me/sign-in\""), "{}", told[0].1);
    assert_eq!(world.sessions(), 0);
    // Too low a level is the citizen's to raise: it is told before anybody is looked for.
    world.provider.tell(|told| told.userinfo["loa"] = json!(1));
    assert!(world.browser().signs_on(DOOR).await.text.contains("Mức xác thực"));
    // Nobody here is signed in by what a citizen's provider says, and a citizen's account that was closed stays so.
    world.provider.tell(|told| told.userinfo = says("u", CCCD, "Nguyễn Thị Lan", "09/03/1984"));
    world.browser().signs_on(DOOR).await;
    world.write(|tx| {
        use mach_store::sql::Execute;
        tx.run("UPDATE account SET closed = 1 WHERE name = 'citizen-1'", &[]).map(drop)
    });
    assert_eq!(world.browser().signs_on(DOOR).await.status, StatusCode::FORBIDDEN);
}
