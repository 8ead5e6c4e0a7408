//! A store, the real router upon it, and askers by token.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use mach_access::{Act, Actor, Role, decide, secret};
use mach_fhir_api::Interface;
use mach_house::{House, Settings};
use mach_store::{Store, schema};
use mach_test_engines::Home;
use serde_json::Value;
use tower::ServiceExt;

/// A place with a store and the interface upon it.
pub struct Place {
    pub store: Store,
    pub app: Router,
    pub interface: Interface,
    /// The data folder.
    pub folder: tempfile::TempDir,
    pub home: Home,
}

/// Tokens: the province, two facilities, one that only reads.
pub const PROVINCE: &str = "province";
pub const A: &str = "facility-a";
pub const B: &str = "facility-b";
pub const READER: &str = "reader";

impl Place {
    pub fn new() -> Self {
        let home = mach_test_engines::home!();
        let store = home.open();
        let decision = decide(&Actor::console(), Act::Administer).unwrap();
        store
            .write(&decision, |tx| {
                let a = schema::facility_id(tx, "46001")?;
                let b = schema::facility_id(tx, "46002")?;
                for (name, facility, role) in [
                    (PROVINCE, None, Role::SystemWriter),
                    (A, Some(a), Role::SystemWriter),
                    (B, Some(b), Role::SystemWriter),
                    (READER, None, Role::SystemReader),
                ] {
                    tx.add_system_token(&secret::token_hash(name), facility, role, name)?;
                }
                Ok(())
            })
            .unwrap();
        Self::upon(home, store, tempfile::tempdir().unwrap())
    }

    fn upon(home: Home, store: Store, folder: tempfile::TempDir) -> Self {
        let interface = Interface::upon(&store, folder.path());
        let house = House::new(store.clone(), Settings::default());
        let app = mach_ui::http::serve(interface.router().with_state(house));
        Self { store, app, interface, folder, home }
    }

    /// The same place after the program was ended and started again.
    pub fn again(self) -> Self {
        let Self { store, app, interface, folder, home } = self;
        drop((store, app, interface));
        let store = home.open();
        Self::upon(home, store, folder)
    }

    /// Sends one request as `who`.
    pub async fn send(&self, who: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let plain = |b: u8| b.is_ascii_graphic() && !matches!(b, b'"' | b'<' | b'>' | b'`' | b'\\');
        let uri: String =
            path.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect();
        let mut request = Request::builder().method(method).uri(uri).header(header::HOST, "mach.test");
        if !who.is_empty() {
            request = request.header(header::AUTHORIZATION, format!("Bearer {who}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = self.app.clone().oneshot(request.body(Body::from(body.to_owned())).unwrap()).await.unwrap();
        let status = answer.status();
        let headers = answer.headers().iter().map(|(n, v)| (n.to_string(), v.to_str().unwrap().to_owned())).collect();
        let bytes = to_bytes(answer.into_body(), 256 << 20).await.unwrap();
        Answer { status, headers, text: String::from_utf8(bytes.to_vec()).unwrap() }
    }

    pub async fn get(&self, who: &str, path: &str) -> Answer {
        self.send(who, "GET", path, &[], "").await
    }

    pub async fn post(&self, who: &str, path: &str, body: &str) -> Answer {
        self.send(who, "POST", path, &[("content-type", "application/fhir+json")], body).await
    }

    pub async fn put(&self, who: &str, path: &str, body: &str) -> Answer {
        self.send(who, "PUT", path, &[("content-type", "application/fhir+json")], body).await
    }

    /// Stores a resource under its own id; fails where that is refused.
    #[track_caller]
    pub fn given<'p>(&'p self, who: &'p str, body: &'p str) -> impl Future<Output = ()> + 'p {
        let caller = std::panic::Location::caller();
        async move {
            let json: Value = serde_json::from_str(body).unwrap();
            let path = format!("/fhir/{}/{}", json["resourceType"].as_str().unwrap(), json["id"].as_str().unwrap());
            let answer = self.put(who, &path, body).await;
            assert!(answer.status.is_success(), "{caller}: {answer:?}");
        }
    }

    /// Ids of all matches over all pages, in order; checks total, ids told once, and links.
    pub async fn all(&self, who: &str, path: &str) -> Vec<String> {
        let mut found = Vec::new();
        let mut next = Some(path.to_owned());
        let mut total = None;
        while let Some(path) = next {
            let answer = self.get(who, &path).await;
            assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text);
            found.extend(answer.matches());
            let json = answer.json();
            total = total.or(json["total"].as_i64());
            assert!(json["total"].is_null() || json["total"].as_i64() == total, "one total over all pages");
            next = answer.link("next");
            assert!(found.len() < 100_000, "pages without end");
        }
        if let Some(total) = total {
            assert_eq!(total, found.len() as i64, "total = entries over all pages: {path}");
        }
        found
    }
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: Vec<(String, String)>,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|e| panic!("{e}: {}", self.text))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(n, _)| n == name).map_or("", |(_, v)| v)
    }

    /// Ids of entries of `mode`.
    pub fn ids(&self, mode: &str) -> Vec<String> {
        let json = self.json();
        let entries = json["entry"].as_array().cloned().unwrap_or_default();
        let of_mode = entries.iter().filter(|e| e["search"]["mode"] == mode);
        of_mode.map(|e| e["resource"]["id"].as_str().unwrap_or("-").to_owned()).collect()
    }

    pub fn matches(&self) -> Vec<String> {
        self.ids("match")
    }

    /// A link, from the path on.
    pub fn link(&self, relation: &str) -> Option<String> {
        let json = self.json();
        let links = json["link"].as_array()?;
        let link = links.iter().find(|l| l["relation"] == relation)?["url"].as_str()?;
        Some(link.strip_prefix("http://mach.test").expect("our own base").to_owned())
    }

    /// Fails unless it is an OperationOutcome with this status.
    #[track_caller]
    pub fn refused(&self, status: u16) -> String {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        let json = self.json();
        assert_eq!(json["resourceType"], "OperationOutcome", "{}", self.text);
        json["issue"][0]["diagnostics"].as_str().unwrap_or_default().to_owned()
    }
}
