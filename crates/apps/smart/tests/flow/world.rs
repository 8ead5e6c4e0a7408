//! A store with two facilities, their people and apps, and what apps and browsers send.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use mach_access::secret::token_hash;
use mach_access::{Act, Actor, Decision, Role, decide};
use mach_fhir::ResourceType;
use mach_fhir_api::Interface;
use mach_house::{House, Settings};
use mach_store::accounts::NewAccount;
use mach_store::resources::{Index, Save};
use mach_store::sessions::State;
use mach_store::smart::{NewApp, Proof};
use mach_store::sql::Execute;
use mach_store::{Store, schema};
use mach_test_engines::Home;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tower::ServiceExt;

pub const ISSUER: &str = "http://mach.test";
pub const CALLBACK: &str = "https://app.example.vn/cb";
pub const VERIFIER: &str = "a-verifier-of-forty-three-letters-and-no-less";
pub const SECRET: &str = "a secret";

/// The challenge of a verifier.
pub fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()))
}

pub struct World {
    pub store: Store,
    pub app: Router,
    pub house: House,
    _folder: tempfile::TempDir,
    _home: Home,
}

pub fn console() -> Decision {
    decide(&Actor::console(), Act::Administer).unwrap()
}

#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub location: String,
    pub policy: String,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    /// A parameter of the address it leads to.
    pub fn sent(&self, name: &str) -> Option<String> {
        let query = self.location.split_once('?')?.1;
        form_urlencoded::parse(query.as_bytes()).find(|(n, _)| n == name).map(|(_, v)| v.into_owned())
    }

    /// Ids of the matches of a search.
    pub fn ids(&self) -> Vec<String> {
        assert_eq!(self.status, StatusCode::OK, "{self:?}");
        let json = self.json();
        let entries = json["entry"].as_array().cloned().unwrap_or_default();
        let mut ids: Vec<String> =
            entries.iter().map(|e| e["resource"]["id"].as_str().unwrap_or_default().to_owned()).collect();
        ids.sort();
        ids
    }
}

/// A form's body.
pub fn form(pairs: &[(&str, &str)]) -> String {
    let mut out = form_urlencoded::Serializer::new(String::new());
    pairs.iter().for_each(|(name, value)| {
        out.append_pair(name, value);
    });
    out.finish()
}

pub fn new_app(proof: Proof, scopes: &str, facility: Option<i64>) -> NewApp {
    NewApp {
        name: "Ứng dụng thử".to_owned(),
        proof,
        keys: String::new(),
        keys_url: String::new(),
        private: false,
        redirects: vec![CALLBACK.to_owned()],
        launch: "https://app.example.vn/launch".to_owned(),
        scopes: scopes.to_owned(),
        facility,
    }
}

/// What the shared apps are allowed.
pub const ALLOWED: &str = "openid fhirUser profile launch launch/patient offline_access patient/*.cruds user/*.cruds";

impl World {
    /// Facilities A (1) and B (2) with a doctor each; Patients p1, p2 of A and p3 of B, each with a laboratory and a vital sign.
    pub async fn new() -> Self {
        let home = mach_test_engines::home!();
        let store = home.open();
        let folder = tempfile::tempdir().unwrap();
        let house = House::new(store.clone(), Settings::default());
        house.listens_at(ISSUER);
        let interface = Interface::upon(&store, folder.path());
        let routes = interface
            .router()
            .merge(mach_house::sign_in::router())
            .merge(mach_smart::router(&house))
            .with_state(house.clone());
        // As the program serves it: what comes from a peer is counted.
        let counted = axum::middleware::from_fn_with_state(house.clone(), mach_house::pace::by_address);
        let routes = routes.layer(counted);
        let world = Self { app: mach_ui::http::serve(routes), house, store, _folder: folder, _home: home };
        world
            .store
            .write(&console(), |tx| {
                let (a, b) = (schema::facility_id(tx, "46001")?, schema::facility_id(tx, "46002")?);
                for (name, role, facility) in [
                    ("doctor-a", Role::Clinician, Some(a)),
                    ("doctor-b", Role::Clinician, Some(b)),
                    ("leader", Role::Leader, None),
                    ("operator", Role::Operator, Some(a)),
                ] {
                    let (display, password) = (format!("Bác sĩ {name}"), "none".to_owned());
                    let id =
                        tx.set_account(&NewAccount { name: name.to_owned(), display, role, facility, password })?;
                    tx.begin_session(&token_hash(name), id, State::Open, "test")?;
                }
                tx.add_system_token(&token_hash("A"), Some(a), Role::SystemWriter, "A")?;
                tx.add_system_token(&token_hash("B"), Some(b), Role::SystemWriter, "B")?;
                let patient = |id: &str, person, facility| Save {
                    kind: ResourceType::PATIENT,
                    id: id.to_owned(),
                    body: Some(json!({ "resourceType": "Patient", "id": id }).to_string()),
                    patient: Some(person),
                    date: None,
                    facility,
                    fresh: false,
                    index: Index::default(),
                };
                tx.save(&mut [patient("p1", 1, a), patient("p2", 2, a), patient("p3", 3, b)])?;
                tx.add_app("public", &new_app(Proof::Public, ALLOWED, None), None)?;
                tx.add_app("secret", &new_app(Proof::Secret, ALLOWED, None), Some(&token_hash(SECRET)))?;
                tx.add_app("of-b", &new_app(Proof::Public, ALLOWED, Some(b)), None)?;
                tx.add_app("few", &new_app(Proof::Public, "patient/Observation.rs launch/patient", None), None)
                    .map(drop)
            })
            .unwrap();
        for (who, patient) in [("A", "p1"), ("A", "p2"), ("B", "p3")] {
            for (kind, code) in [("laboratory", "lab"), ("vital-signs", "vital")] {
                let id = format!("{code}-{patient}");
                let body = observation(&id, patient, kind);
                let answer = world.fhir(who, "PUT", &format!("Observation/{id}"), &body).await;
                assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
            }
        }
        world
    }

    pub async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if headers.iter().all(|(name, _)| *name != "host") {
            request = request.header(header::HOST, "mach.test");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = self.app.clone().oneshot(request.body(Body::from(body.to_owned())).unwrap()).await.unwrap();
        let text = |name| {
            answer
                .headers()
                .get(name)
                .and_then(|v: &header::HeaderValue| v.to_str().ok())
                .unwrap_or_default()
                .to_owned()
        };
        let (location, policy) = (text(header::LOCATION), text(header::CONTENT_SECURITY_POLICY));
        let status = answer.status();
        let bytes = to_bytes(answer.into_body(), 16 << 20).await.unwrap();
        Answer { status, location, policy, text: String::from_utf8(bytes.to_vec()).unwrap() }
    }

    /// As if somebody had proven so long ago who they are.
    pub fn proven(&self, who: &'static str, seconds_ago: i64) {
        let at = mach_base::time::now_seconds() - seconds_ago;
        self.store
            .write(&console(), move |tx| {
                let sql = "UPDATE session SET proven = ?2 WHERE token = ?1";
                tx.run(sql, &[token_hash(who).as_slice().into(), at.into()]).map(drop)
            })
            .unwrap();
    }

    /// Somebody more who is signed in by their name; an administrator with a second factor.
    pub fn comes(&self, name: &'static str, role: Role, facility: Option<i64>) {
        self.store
            .write(&console(), move |tx| {
                let (display, password) = (name.to_owned(), "none".to_owned());
                let new = NewAccount { name: name.to_owned(), display, role, facility, password };
                let id = tx.set_account(&new)?;
                if role == Role::Administrator {
                    tx.propose_factor(id, b"secret")?;
                    tx.confirm_factor(id, 0, &[])?;
                }
                tx.begin_session(&token_hash(name), id, State::Open, "test")
            })
            .unwrap();
    }

    /// A request to the records' interface by a token.
    pub async fn fhir(&self, token: &str, method: &str, path: &str, body: &str) -> Answer {
        let bearer = format!("Bearer {token}");
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/fhir+json")];
        self.send(method, &format!("/fhir/{path}"), &headers, body).await
    }

    pub async fn get(&self, token: &str, path: &str) -> Answer {
        self.fhir(token, "GET", path, "").await
    }

    /// A page as somebody who is signed in asks for it.
    pub async fn page(&self, who: &str, method: &str, path: &str, body: &str) -> Answer {
        let cookie = format!("mach_session={who}");
        let headers = [("cookie", cookie.as_str()), ("content-type", "application/x-www-form-urlencoded")];
        self.send(method, path, &headers, body).await
    }

    /// The machine's form, from whatever page.
    pub async fn form(&self, path: &str, pairs: &[(&str, &str)]) -> Answer {
        let headers = [
            ("content-type", "application/x-www-form-urlencoded"),
            ("origin", "https://app.example.vn"),
            ("sec-fetch-site", "cross-site"),
        ];
        self.send("POST", path, &headers, &form(pairs)).await
    }

    /// The same with a secret.
    pub async fn basic(&self, path: &str, pairs: &[(&str, &str)]) -> Answer {
        let basic = format!("Basic {}", STANDARD.encode(format!("secret:{}", SECRET.replace(' ', "+"))));
        let headers = [("content-type", "application/x-www-form-urlencoded"), ("authorization", basic.as_str())];
        self.send("POST", path, &headers, &form(pairs)).await
    }

    /// The query of a good request for a code, with some of it changed; what is empty is left out.
    pub fn request(client: &str, scope: &str, with: &[(&str, &str)]) -> String {
        let challenge = challenge(VERIFIER);
        let aud = format!("{ISSUER}/fhir");
        let mut pairs = vec![
            ("response_type", "code"),
            ("client_id", client),
            ("redirect_uri", CALLBACK),
            ("scope", scope),
            ("state", "st&te"),
            ("aud", aud.as_str()),
            ("code_challenge", challenge.as_str()),
            ("code_challenge_method", "S256"),
            ("nonce", "n0"),
        ];
        for (name, value) in with {
            pairs.retain(|(n, _)| n != name);
            pairs.push((name, value));
        }
        pairs.retain(|(_, value)| !value.is_empty());
        form(&pairs)
    }

    /// What somebody's yes is answered with.
    pub async fn decided(&self, who: &str, request: &str, with: &[(&str, &str)]) -> Answer {
        let mut pairs = vec![("request_shown", request), ("decision", "allow")];
        for (name, value) in with {
            pairs.retain(|(n, _)| n != name);
            pairs.push((name, value));
        }
        self.page(who, "POST", "/oauth/authorize", &form(&pairs)).await
    }

    /// A code that `who` let an app have, for patient p1 where one must be chosen.
    pub async fn code(&self, who: &str, client: &str, scope: &str) -> String {
        let answer = self.decided(who, &Self::request(client, scope, &[]), &[("patient", "p1")]).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{answer:?}");
        answer.sent("code").unwrap_or_else(|| panic!("no code: {answer:?}"))
    }

    /// The parameters that fetch tokens for a code.
    pub fn exchange<'a>(client: &'a str, code: &'a str) -> Vec<(&'a str, &'a str)> {
        vec![
            ("grant_type", "authorization_code"),
            ("client_id", client),
            ("code", code),
            ("redirect_uri", CALLBACK),
            ("code_verifier", VERIFIER),
        ]
    }

    /// The tokens of the public app that `who` let in.
    pub async fn tokens(&self, who: &str, scope: &str) -> Value {
        let code = self.code(who, "public", scope).await;
        let answer = self.form("/oauth/token", &Self::exchange("public", &code)).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        answer.json()
    }

    /// Its access token.
    pub async fn token(&self, who: &str, scope: &str) -> String {
        self.tokens(who, scope).await["access_token"].as_str().unwrap().to_owned()
    }

    /// Whether a token still opens anything.
    pub async fn is_good(&self, token: &str) -> bool {
        self.get(token, "Observation?_summary=count").await.status == StatusCode::OK
    }
}

/// An Observation of a patient and a category.
pub fn observation(id: &str, patient: &str, category: &str) -> String {
    json!({
        "resourceType": "Observation", "id": id, "status": "final", "code": { "text": id },
        "category": [{ "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": category }] }],
        "subject": { "reference": format!("Patient/{patient}") },
    })
    .to_string()
}
