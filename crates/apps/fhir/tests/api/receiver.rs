//! A receiver of notifications on a real socket, which can be told to misbehave.

use crate::support::{Answer, Place};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use mach_access::{Act, Actor, Decision, decide};
use mach_fhir_api::subscription::{Delivery, Settings};
use serde_json::Value;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// The longest a test waits for something that must come.
const PATIENCE: Duration = Duration::from_secs(60);

/// How the receiver answers one request instead of 200.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// With this status.
    Status(u16),
    /// Not at all.
    Hang,
    /// Sends elsewhere.
    Redirect,
    /// With a body without end.
    Flood,
}

/// A request that came.
#[derive(Clone, Debug)]
pub struct Came {
    pub method: Method,
    pub path: String,
    pub headers: HeaderMap,
    pub body: String,
    /// Whether it was answered with 200.
    pub taken: bool,
}

impl Came {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.body))
    }

    /// `type` of a notification's status.
    pub fn kind(&self) -> String {
        parameter(&self.json()["entry"][0]["resource"], "type").as_str().unwrap_or_default().to_owned()
    }

    /// Numbers and foci of a notification's events.
    pub fn events(&self) -> Vec<(i64, String)> {
        events(&self.json())
    }
}

/// The value of a parameter.
pub fn parameter(parameters: &Value, name: &str) -> Value {
    let all = parameters["parameter"].as_array().cloned().unwrap_or_default();
    let found = all.iter().find(|p| p["name"] == name).cloned().unwrap_or_default();
    let fields = found.as_object().cloned().unwrap_or_default();
    fields.into_iter().find(|(key, _)| key.starts_with("value")).map(|(_, v)| v).unwrap_or_default()
}

/// Numbers and foci of a notification's events.
pub fn events(bundle: &Value) -> Vec<(i64, String)> {
    let all = bundle["entry"][0]["resource"]["parameter"].as_array().cloned().unwrap_or_default();
    let events = all.iter().filter(|p| p["name"] == "notification-event");
    events
        .map(|e| {
            let parts = Value::Object([("parameter".to_owned(), e["part"].clone())].into_iter().collect());
            let number = parameter(&parts, "event-number").as_str().unwrap().parse().unwrap();
            let focus = parameter(&parts, "focus");
            (number, focus["reference"].as_str().unwrap_or_default().rsplit('/').next().unwrap().to_owned())
        })
        .collect()
}

struct Inner {
    faults: Mutex<VecDeque<Fault>>,
    came: watch::Sender<Vec<Came>>,
}

/// A receiver.
pub struct Receiver {
    pub address: SocketAddr,
    inner: Arc<Inner>,
    running: tokio::task::JoinHandle<()>,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.running.abort();
    }
}

async fn take(State(inner): State<Arc<Inner>>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let fault = inner.faults.lock().unwrap().pop_front();
    let path = uri.path_and_query().map_or("/", |p| p.as_str()).to_owned();
    let body = String::from_utf8(body.to_vec()).unwrap();
    let came = Came { method, path, headers, body, taken: fault.is_none() };
    inner.came.send_modify(|all| all.push(came));
    match fault {
        None => StatusCode::OK.into_response(),
        Some(Fault::Status(code)) => StatusCode::from_u16(code).unwrap().into_response(),
        Some(Fault::Hang) => std::future::pending().await,
        Some(Fault::Redirect) => (StatusCode::FOUND, [(header::LOCATION, "/elsewhere")]).into_response(),
        Some(Fault::Flood) => vec![b'x'; 32 << 20].into_response(),
    }
}

impl Receiver {
    pub async fn start() -> Self {
        Self::at("127.0.0.1:0".parse().unwrap()).await
    }

    /// On a certain address.
    pub async fn at(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let inner = Arc::new(Inner { faults: Mutex::default(), came: watch::Sender::new(Vec::new()) });
        let app = Router::new().fallback(take).with_state(Arc::clone(&inner));
        let running = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { address, inner, running }
    }

    /// Answers the next requests so.
    pub fn misbehave(&self, faults: &[Fault]) {
        self.inner.faults.lock().unwrap().extend(faults.iter().copied());
    }

    pub fn came(&self) -> Vec<Came> {
        self.inner.came.borrow().clone()
    }

    /// Waits until what came is enough.
    #[track_caller]
    pub fn until<'r>(&'r self, enough: impl Fn(&[Came]) -> bool + 'r) -> impl Future<Output = Vec<Came>> + 'r {
        let caller = std::panic::Location::caller();
        async move {
            let mut came = self.inner.came.subscribe();
            let waited = tokio::time::timeout(PATIENCE, came.wait_for(|all| enough(all))).await;
            match waited {
                Ok(all) => all.unwrap().clone(),
                Err(_) => {
                    let all = self.came();
                    let told: Vec<String> =
                        all.iter().map(|c| format!("{} {} {}", c.method, c.path, c.taken)).collect();
                    panic!("{caller}: not enough came: {told:?}, last {:?}", all.last().map(|c| &c.body))
                }
            }
        }
    }

    /// Events taken, in the order they came.
    pub fn taken(&self) -> Vec<(i64, String)> {
        self.came().iter().filter(|c| c.taken && !c.body.is_empty()).flat_map(Came::events).collect()
    }
}

pub fn administrator() -> Decision {
    decide(&Actor::console(), Act::Administer).unwrap()
}

impl Place {
    /// Starts to carry out subscriptions.
    pub fn deliver(&self) -> Delivery {
        self.interface.deliver(quick()).unwrap()
    }

    /// Lets a receiver be called.
    pub fn allow(&self, receiver: SocketAddr) {
        let prefix = format!("http://{receiver}/");
        self.store.write(&administrator(), move |tx| tx.allow_prefix(&prefix, false)).unwrap();
    }

    /// Waits until a Subscription has this status; it is looked at again after each commit.
    #[track_caller]
    pub fn status_is<'p>(&'p self, who: &'p str, id: &'p str, status: &'p str) -> impl Future<Output = Answer> + 'p {
        let caller = std::panic::Location::caller();
        async move {
            let (moved, mut seen) = watch::channel(0_u64);
            self.store.on_commit(move || {
                moved.send_modify(|n| *n += 1);
                !moved.is_closed()
            });
            let path = format!("/fhir/Subscription/{id}");
            let look = async {
                loop {
                    let answer = self.get(who, &path).await;
                    if answer.json()["status"] == status {
                        return answer;
                    }
                    seen.changed().await.unwrap();
                }
            };
            match tokio::time::timeout(PATIENCE, look).await {
                Ok(answer) => answer,
                Err(_) => panic!("{caller}: never {status}: {}", self.get(who, &path).await.text),
            }
        }
    }
}

/// Settings with short waits.
pub fn quick() -> Settings {
    Settings {
        first_retry: Duration::from_millis(20),
        tries: 6,
        tick: Duration::from_millis(300),
        ..Settings::new("http://mach.test/fhir")
    }
}

/// A Subscription to a topic, told by rest-hook.
pub fn of_topic(id: &str, topic: &str, filter: &str, channel: &str, content: &str) -> String {
    const URL: &str = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/";
    let filter = if filter.is_empty() {
        String::new()
    } else {
        format!(r#""_criteria":{{"extension":[{{"url":"{URL}backport-filter-criteria","valueString":"{filter}"}}]}},"#)
    };
    let channel = channel.replace("URL", URL);
    format!(
        r#"{{"resourceType":"Subscription","id":"{id}","status":"requested","reason":"test","criteria":"urn:mach:topic:{topic}",{filter}"channel":{{{channel},"payload":"application/fhir+json","_payload":{{"extension":[{{"url":"{URL}backport-payload-content","valueCode":"{content}"}}]}}}}}}"#
    )
}

/// A Subscription to plain criteria.
pub fn plain(id: &str, criteria: &str, channel: &str) -> String {
    format!(
        r#"{{"resourceType":"Subscription","id":"{id}","status":"requested","reason":"test","criteria":"{criteria}","channel":{{{channel}}}}}"#
    )
}

/// A rest-hook channel to a receiver.
pub fn hook(receiver: SocketAddr) -> String {
    format!(r#""type":"rest-hook","endpoint":"http://{receiver}/hook""#)
}

pub fn observation(id: &str, patient: &str, code: &str) -> String {
    format!(
        r#"{{"resourceType":"Observation","id":"{id}","status":"final","code":{{"coding":[{{"system":"s","code":"{code}"}}]}},"subject":{{"reference":"Patient/{patient}"}}}}"#
    )
}
