//! Who works for one facility gets nothing of another by any page, fragment, file or interface that is mounted: what is another's
//! answers byte for byte as what is nowhere, and no list is another one for it. Generated from the routes themselves.

use super::routes::paths;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, StatusCode, header};
use mach_access::{Act, Actor, Role, decide, secret};
use mach_house::{House, SESSION_COOKIE, Settings};
use mach_store::accounts::NewAccount;
use mach_store::sessions::State;
use mach_store::{Store, schema};
use tower::ServiceExt;

/// In every row of B's.
const HIDDEN: i64 = 707_077;
/// In no row.
const NOWHERE: i64 = 707_078;
/// Who works at A.
const ROLES: [(&str, Role); 3] = [("head", Role::Head), ("doctor", Role::Clinician), ("clerk", Role::Operator)];
/// Lists that are everybody's, whosever the rows: each with the reason.
const COMMON: &[(&str, &str)] = &[
    ("/verify/papers.tsv", "hashes of papers that no longer count"),
    ("/vaccines/revoked", "the signed list of passes taken back"),
    ("/log/checkpoint", "commitments"),
    ("/healthz", "says ok"),
];

async fn ask(app: &Router, who: &str, method: &Method, path: &str) -> (StatusCode, String, String) {
    let request = Request::builder()
        .method(method.clone())
        .uri(path)
        .header(header::COOKIE, format!("{SESSION_COOKIE}={who}"))
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::empty())
        .unwrap();
    let answer = app.clone().oneshot(request).await.unwrap();
    let to = answer.headers().get(header::LOCATION).map(|v| v.to_str().unwrap().to_owned()).unwrap_or_default();
    let status = answer.status();
    let bytes = to_bytes(answer.into_body(), 64 << 20).await.unwrap();
    (status, to, timeless(&String::from_utf8_lossy(&bytes)))
}

/// What was answered, whenever that was.
fn timeless(text: &str) -> String {
    let mut parts = text.split("\"lastUpdated\":\"");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |told, part| told + part.split_once('"').map_or("", |(_, rest)| rest))
}

/// The path with one number in the place of every part that is asked for.
fn filled(path: &str, number: i64) -> String {
    let part = |part: &str| if part.starts_with('{') { number.to_string() } else { part.to_owned() };
    path.split('/').map(part).collect::<Vec<_>>().join("/")
}

fn without(text: &str, number: i64) -> String {
    text.replace(&number.to_string(), "#")
}

#[tokio::test]
async fn what_is_another_facilitys_is_nowhere_on_every_route() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let console = decide(&Actor::console(), Act::Administer).unwrap();
    let b = store
        .write(&console, |tx| {
            let a = schema::facility_id(tx, "46001")?;
            for (name, role) in ROLES {
                let (name, display) = (name.to_owned(), name.to_owned());
                let new = NewAccount { name, display, role, facility: Some(a), password: String::new() };
                let id = tx.set_account(&new)?;
                tx.begin_session(&secret::token_hash(role.code()), id, State::Open, "")?;
            }
            schema::facility_id(tx, "46002")
        })
        .unwrap();
    let app = super::application(House::new(store.clone(), Settings::default()), folder.path());
    let paths = paths(&app);
    let lists: Vec<&String> =
        paths.iter().filter(|p| !p.contains('{') && COMMON.iter().all(|(common, _)| common != p)).collect();
    // Lists as they are without B, twice: those that tell the time are no two times the same.
    let mut before = Vec::new();
    for (_, role) in ROLES {
        for path in &lists {
            let first = ask(&app, role.code(), &Method::GET, path).await;
            if first == ask(&app, role.code(), &Method::GET, path).await {
                before.push((role, *path, first));
            }
        }
    }
    assert!(before.len() * 10 > lists.len() * ROLES.len() * 9, "most are stable: {} of {}", before.len(), lists.len());
    let rows = store.write(&console, move |tx| mach_test_engines::fill(tx, b, HIDDEN)).unwrap();
    assert!(rows > 35, "B has something in every table: {rows}");
    let mut told = Vec::new();
    for (role, path, first) in before {
        let then = ask(&app, role.code(), &Method::GET, path).await;
        if then != first {
            told.push(format!("{} GET {path}: a list is another one: {}, then {}", role.code(), first.2, then.2));
        }
    }
    let (mut asked, mut opened) = (0, 0);
    for (_, role) in ROLES {
        for path in paths.iter().filter(|p| p.contains('{') && !p.starts_with("/assets")) {
            for method in [Method::GET, Method::POST, Method::PUT, Method::DELETE] {
                let hidden = ask(&app, role.code(), &method, &filled(path, HIDDEN)).await;
                if hidden.0 == StatusCode::METHOD_NOT_ALLOWED {
                    continue;
                }
                let nowhere = ask(&app, role.code(), &method, &filled(path, NOWHERE)).await;
                asked += 1;
                opened += usize::from(hidden.0.is_success());
                let same = hidden.0 == nowhere.0
                    && without(&hidden.1, HIDDEN) == without(&nowhere.1, NOWHERE)
                    && without(&hidden.2, HIDDEN) == without(&nowhere.2, NOWHERE);
                if !same {
                    told.push(format!("{} {method} {path}: {} where nothing is {}", role.code(), hidden.0, nowhere.0));
                }
            }
        }
    }
    assert!(told.is_empty(), "B shows through: {told:#?}");
    assert!(asked > 150, "every route is asked: {asked}, {opened} answered");
}
