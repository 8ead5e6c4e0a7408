//! Every mounted route has a decision: nobody gets anything from one that does not ask who they are.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use mach_house::{House, Settings};
use mach_store::Store;
use std::collections::BTreeSet;
use tower::ServiceExt;

/// Routes that are open to everybody, each with the reason.
const OPEN: &[(&str, &str)] = &[
    ("/healthz", "says ok, or that the store is damaged"),
    ("/sign-in", "the door"),
    ("/recover", "the door of who lost their factor"),
    ("/me/sign-in", "the door of citizens: says the same whatever is typed"),
    ("/me/sign-in/code", "the same"),
    ("/desk", "the door of who was let in by the access desk"),
    ("/assets/{file}", "style and script"),
    ("/manifest.webmanifest", "the app's name and icon"),
    ("/sw.js", "keeps style and script"),
    ("/offline", "says that there is no network"),
    ("/ui", "the gallery: no data"),
    ("/ui/problem", "the same"),
    ("/ui/sign-in", "the same"),
    ("/log/checkpoint", "commitments, and nothing of anybody"),
    ("/log/tile/{*path}", "the same"),
    ("/fhir/metadata", "what this server can"),
    ("/fhir/$ws", "what may be bound is decided by message"),
    ("/sign-in/passkey", "the door without a name"),
    ("/passkey", "a door: refuses what answers no challenge"),
    ("/passkey/options", "a challenge: random bytes, and of nobody"),
    ("/sign-in/with/{provider}", "sends a browser to a provider that signs it on; no data"),
    ("/sign-in/back/{provider}", "a door: refuses who is on no way back"),
    ("/sign-in/out/{provider}", "sends a browser to where it signs out of a provider; no data"),
    ("/sign-in/ended/{provider}", "ends sessions where the provider's signature says so"),
    ("/sign-out", "ends what there is"),
    ("/sign-in/code", "the second half of the door"),
    ("/look", "colours and size of the pages: no data"),
    ("/prove", "a door; a form without its fields is refused before anybody is looked up"),
    ("/verify", "reads the paper that is handed in, and no record"),
    ("/verify/papers.tsv", "hashes of papers that no longer count"),
    ("/verify/list", "the signed list for checking without a network: certificates and hashes"),
    ("/certificates/check", "says of a paper in hand what stands on it"),
    ("/signing/file/{secret}", "a file by a secret of one use, that a signer's session made"),
    ("/signing/file/{secret}/{name}", "the same"),
    ("/vaccines/revoked", "the signed list of passes taken back: no name, no code"),
    ("/api/certificates/openapi.json", "how programs ask; no data"),
    ("/api/prescriptions/openapi.json", "the same"),
    ("/.well-known/oauth-authorization-server", "where apps find the doors; no data"),
    ("/.well-known/openid-configuration", "the same"),
    ("/fhir/.well-known/smart-configuration", "the same"),
    ("/oauth/jwks", "public keys"),
    ("/oauth/authorize", "refuses an app that nobody registered, and sends anybody else to the door"),
    ("/oauth/token", "a door of apps: refuses who is none"),
    ("/oauth/introspect", "the same"),
    ("/oauth/revoke", "the same"),
];

/// The paths of a router, as it tells them itself.
pub(super) fn paths(router: &axum::Router) -> BTreeSet<String> {
    let told = format!("{router:?}");
    let marks = told.split("RouteId(").skip(1);
    marks
        .filter_map(|rest| Some(rest.split_once("): \"")?.1.split_once('"')?.0.to_owned()))
        .filter(|p| p.starts_with('/') && !p.contains("axum_fallback"))
        .collect()
}

#[tokio::test]
async fn every_mounted_route_asks_who_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::new(Store::open(folder.path()).unwrap(), Settings::default());
    let app = super::application(house, folder.path());
    let paths = paths(&app);
    assert!(paths.len() > 50, "the router tells its routes: {paths:?}");
    for (open, reason) in OPEN {
        assert!(paths.contains(*open), "{open} ({reason}) is not mounted");
    }
    let mut without = Vec::new();
    for path in paths.iter().filter(|p| OPEN.iter().all(|(open, _)| open != p)) {
        let filled: String =
            path.split('/').map(|part| if part.starts_with('{') { "1" } else { part }).collect::<Vec<_>>().join("/");
        for method in [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            let request = Request::builder()
                .method(method.clone())
                .uri(&filled)
                .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
                .body(Body::empty())
                .unwrap();
            let answer = app.clone().oneshot(request).await.unwrap();
            let to = answer.headers().get(header::LOCATION).map(|v| v.to_str().unwrap_or_default().to_owned());
            let led_to_the_door = to.is_some_and(|to| to.starts_with("/sign-in"));
            let refused = matches!(answer.status(), StatusCode::UNAUTHORIZED | StatusCode::METHOD_NOT_ALLOWED);
            if !refused && !led_to_the_door {
                without.push(format!("{method} {path}: {}", answer.status()));
            }
        }
    }
    assert!(without.is_empty(), "no decision, and not listed as open: {without:#?}");
}

/// Every value under a name, wherever it stands.
fn named<'v>(value: &'v serde_json::Value, name: &str, out: &mut Vec<&'v serde_json::Value>) {
    match value {
        serde_json::Value::Object(fields) => fields.iter().for_each(|(key, value)| {
            if key == name {
                out.push(value);
            }
            named(value, name, out);
        }),
        serde_json::Value::Array(list) => list.iter().for_each(|value| named(value, name, out)),
        _ => {}
    }
}

#[tokio::test]
async fn what_is_documented_is_mounted_and_what_is_mounted_is_documented() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::new(Store::open(folder.path()).unwrap(), Settings::default());
    let app = super::application(house, folder.path());
    let ask = async |method: &str, path: &str| {
        let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
        let answer = app.clone().oneshot(request).await.unwrap();
        let status = answer.status();
        (status, axum::body::to_bytes(answer.into_body(), usize::MAX).await.unwrap())
    };
    for start in ["/api/certificates", "/api/prescriptions"] {
        let own = format!("{start}/openapi.json");
        let (status, bytes) = ask("GET", &own).await;
        assert_eq!(status, StatusCode::OK);
        let document: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        let documented: BTreeSet<String> = document["paths"].as_object().unwrap().keys().cloned().collect();
        let mounted: BTreeSet<String> =
            paths(&app).into_iter().filter(|path| path.starts_with(start) && *path != own).collect();
        assert_eq!(documented, mounted);
        for (path, operations) in document["paths"].as_object().unwrap() {
            let filled = path.replace("{code}", "none");
            for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
                let operation = operations.get(method.to_lowercase());
                let wanted =
                    if operation.is_some() { StatusCode::UNAUTHORIZED } else { StatusCode::METHOD_NOT_ALLOWED };
                assert_eq!(ask(method, &filled).await.0, wanted, "{method} {path}");
                let Some(operation) = operation else { continue };
                for status in ["401", "403", "429"] {
                    assert!(operation["responses"].get(status).is_some(), "{method} {path} lacks {status}");
                }
                let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
                let named =
                    parameters.iter().any(|p| p["in"] == "path" && p["name"] == "code" && p["required"] == true);
                assert_eq!(named, path.contains("{code}"), "{method} {path} names what stands in it");
                assert!(!named || operation["responses"].get("404").is_some(), "{method} {path} lacks 404");
            }
        }
        let mut references = Vec::new();
        named(&document, "$ref", &mut references);
        assert!(references.len() > 5);
        for reference in references {
            let pointer = reference.as_str().and_then(|r| r.strip_prefix('#')).unwrap();
            assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
        }
    }
}
