//! What was let ends where its owner, an administrator or an account ends it.

use crate::world::{World, console};
use axum::http::StatusCode;
use mach_store::{accounts, smart};

const SCOPE: &str = "offline_access launch/patient patient/Observation.rs";

#[tokio::test]
async fn whoever_let_an_app_in_sees_and_ends_it() {
    let world = World::new().await;
    let token = world.token("doctor-a", SCOPE).await;
    let mine = world.page("doctor-a", "GET", "/account/apps", "").await;
    assert!(mine.text.contains("Ứng dụng thử") && mine.text.contains("/account/apps/1/end"), "{}", mine.text);
    let others = world.page("doctor-b", "GET", "/account/apps", "").await;
    assert!(!others.text.contains("/account/apps/1/end"));
    assert_eq!(world.page("doctor-b", "POST", "/account/apps/1/end", "").await.status, StatusCode::NOT_FOUND);
    assert!(world.is_good(&token).await);
    assert_eq!(world.page("doctor-a", "POST", "/account/apps/1/end", "").await.status, StatusCode::SEE_OTHER);
    assert!(!world.is_good(&token).await);
}

#[tokio::test]
async fn what_one_app_was_let_again_and_again_is_one() {
    let world = World::new().await;
    let first = world.token("doctor-a", SCOPE).await;
    let second = world.token("doctor-a", "launch/patient patient/Patient.r").await;
    let others = world.token("doctor-b", "user/Observation.rs").await;
    let of_other_app = world.code("doctor-a", "few", "launch/patient patient/Observation.rs").await;
    let of_other_app = world.form("/oauth/token", &World::exchange("few", &of_other_app)).await.json();
    let of_other_app = of_other_app["access_token"].as_str().unwrap();
    let mine = world.page("doctor-a", "GET", "/account/apps", "").await.text;
    assert_eq!([mine.matches("/account/apps/1/end").count(), mine.matches("/end\"").count()], [1, 2], "{mine}");
    assert_eq!(world.page("doctor-a", "POST", "/account/apps/1/end", "").await.status, StatusCode::SEE_OTHER);
    assert!(!world.is_good(&first).await);
    assert_eq!(world.get(&second, "Patient/p1").await.status, StatusCode::UNAUTHORIZED);
    assert!(world.is_good(&others).await && world.is_good(of_other_app).await);
    assert_eq!(world.page("doctor-a", "POST", "/account/apps/1/end", "").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn apps_end_with_what_they_stand_on() {
    let world = World::new().await;
    let of = |name: &'static str| {
        let mut reader = world.store.read(&console()).unwrap();
        accounts::by_name(&mut reader, name).unwrap().unwrap()
    };
    // Another password.
    let token = world.token("doctor-a", SCOPE).await;
    let id = of("doctor-a").actor.account;
    world.store.write(&console(), move |tx| tx.set_password(id, "other")).unwrap();
    assert!(!world.is_good(&token).await);
    // The account closed; signing out alone ends no app.
    let token = world.token("doctor-b", SCOPE.replace("launch/patient patient", "user").as_str()).await;
    let account = of("doctor-b");
    let to = accounts::Change {
        display: account.display.clone(),
        role: account.actor.role,
        facility: account.actor.facility,
        closed: true,
    };
    assert!(world.is_good(&token).await);
    world.store.write(&console(), move |tx| tx.change_account(account.actor.account, &to)).unwrap();
    assert!(!world.is_good(&token).await);
    // The app shut out; let in again it begins anew.
    let token = world.token("leader", "user/Observation.rs").await;
    let shut = |end| {
        world
            .store
            .write(&console(), move |tx| {
                let app = smart::by_client(tx, "public")?.expect("registered");
                tx.end_app(app.id, end)
            })
            .unwrap();
    };
    shut(true);
    assert!(!world.is_good(&token).await);
    let request = World::request("public", SCOPE, &[]);
    let page = world.page("leader", "GET", &format!("/oauth/authorize?{request}"), "").await;
    assert_eq!(page.status, StatusCode::BAD_REQUEST);
    shut(false);
    assert!(!world.is_good(&token).await);
}

#[tokio::test]
async fn the_log_agrees_with_what_was_let() {
    let world = World::new().await;
    let token = world.token("doctor-a", SCOPE).await;
    assert!(world.is_good(&token).await);
    let mut reader = world.store.read(&console()).unwrap();
    for (sql, count) in [("SELECT count(*) FROM smart_app", 4), ("SELECT count(*) FROM smart_grant", 1)] {
        assert_eq!(mach_store::sql::int(&mut reader, sql, &[]).unwrap(), count);
    }
    // Of codes and tokens only hashes are kept.
    let sql = "SELECT count(*) FROM smart_token WHERE hash = ?1";
    let hash = mach_access::secret::token_hash(&token);
    assert_eq!(mach_store::sql::int(&mut reader, sql, &[hash.as_slice().into()]).unwrap(), 1);
    assert_eq!(mach_store::sql::int(&mut reader, sql, &[token.as_bytes().into()]).unwrap(), 0);
}

#[tokio::test]
async fn what_is_over_is_not_ended_again() {
    let world = World::new().await;
    let old = world.token("doctor-a", SCOPE).await;
    world
        .store
        .write(&console(), |tx| {
            use mach_store::sql::Execute;
            tx.run("UPDATE smart_grant SET until = made - 1", &[]).map(drop)
        })
        .unwrap();
    let new = world.token("doctor-a", SCOPE).await;
    assert!(!world.is_good(&old).await && world.is_good(&new).await);
    world
        .store
        .write(&console(), |tx| {
            let app = smart::by_client(tx, "public")?.expect("registered");
            tx.end_app(app.id, true)
        })
        .unwrap();
    let mut reader = world.store.read(&console()).unwrap();
    let app = smart::by_client(&mut reader, "public").unwrap().unwrap().id;
    let given = smart::grants_of_app(&mut reader, app).unwrap();
    let mut ended: Vec<(i64, bool)> = given.iter().map(|g| (g.grant.id, g.grant.ended)).collect();
    ended.sort_unstable();
    assert_eq!(ended, [(1, false), (2, true)]);
}
