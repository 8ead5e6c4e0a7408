//! A store with people who work here and a citizen, a provider, and browsers with their cookies.

use crate::simulator::{CLIENT, SECRET, Shared, Simulator};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use mach_access::secret::token_hash;
use mach_access::{Act, Actor, Decision, Role, decide};
use mach_base::Day;
use mach_house::{House, SESSION_COOKIE, Settings};
use mach_signon::provider::{self, Fields};
use mach_store::accounts::NewAccount;
use mach_store::audit::{self, Asked};
use mach_store::people::{self, NumberRow, PersonRow};
use mach_store::sessions::State;
use mach_store::sign_on::NewLink;
use mach_store::{Store, Tx, schema};
use mach_test_engines::Home;
use std::collections::{BTreeMap, HashMap};
use tower::ServiceExt;

pub const HERE: &str = "https://mach.test";
pub const CCCD: &str = "046184000001";

pub struct World {
    pub store: Store,
    pub app: Router,
    pub provider: Shared,
    pub folder: tempfile::TempDir,
    _home: Home,
}

pub fn console() -> Decision {
    decide(&Actor::console(), Act::Administer).unwrap()
}

#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub location: String,
    pub text: String,
}

impl Answer {
    /// The parameters of the address it leads to.
    pub fn sent(&self) -> HashMap<String, String> {
        let query = self.location.split_once('?').unwrap_or_else(|| panic!("leads nowhere: {self:?}")).1;
        form_urlencoded::parse(query.as_bytes()).into_owned().collect()
    }
}

/// A form's body, or a query.
pub fn form(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

impl World {
    /// Doctor (1), operator (2), administrator (3), a citizen known by [`CCCD`]; a provider `bv` of staff.
    pub async fn new() -> Self {
        Self::with(&[]).await
    }

    /// The same; fields of the provider that are others.
    pub async fn with(fields: &[(&str, &str)]) -> Self {
        Self::upon(Simulator::start(false).await, fields).await
    }

    /// The same with this provider.
    pub async fn upon(provider: Shared, fields: &[(&str, &str)]) -> Self {
        let home = mach_test_engines::home!();
        let store = home.open();
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings { secure: true, public: Some(HERE.to_owned()), ..Settings::default() };
        let house = House::new(store.clone(), settings);
        let routes = mach_house::sign_in::router().merge(mach_signon::router(&house, folder.path())).with_state(house);
        let world = Self { app: mach_ui::http::serve(routes), store, provider, folder, _home: home };
        world.write(|tx| {
            let a = schema::facility_id(tx, "46001")?;
            for (name, role, facility) in [
                ("doctor", Role::Clinician, Some(a)),
                ("operator", Role::Operator, Some(a)),
                ("admin", Role::Administrator, None),
            ] {
                let (display, password) = (name.to_owned(), "none".to_owned());
                tx.set_account(&NewAccount { name: name.to_owned(), display, role, facility, password })?;
            }
            let birth_day = Day::from_ymd(1984, 3, 9).map(|d| i64::from(d.0));
            let name = "Nguyễn Thị Lan".to_owned();
            people::insert_person(tx, &PersonRow { id: 1, name, birth_year: 1984, birth_day, ..Default::default() })?;
            people::insert_number(tx, &NumberRow { kind: 1, scope: 0, key: CCCD.chars().rev().collect(), person: 1 })
                .map(drop)
        });
        world.sets("bv", fields);
        world
    }

    /// Sets a provider at the simulator up.
    pub fn sets(&self, name: &str, fields: &[(&str, &str)]) {
        let base =
            [("issuer", self.provider.url.as_str()), ("client-id", CLIENT), ("secret", SECRET), ("private", "yes")];
        let all = base.iter().chain(fields).map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
        let all: Fields = all.filter(|(_, v)| !v.is_empty()).collect();
        let without = fields.iter().filter(|(_, v)| v.is_empty()).map(|(n, _)| *n);
        let all = without.fold(all, |mut all, name| {
            all.remove(name);
            all
        });
        provider::keep(self.folder.path(), name, all).unwrap();
    }

    pub fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Tx<'_>) -> mach_store::Result<T> + Send + 'static,
    ) -> T {
        self.store.write(&console(), work).unwrap()
    }

    /// Links an account with a subject of the provider.
    pub fn links(&self, account: i64, subject: &str) {
        let new = NewLink {
            issuer: self.provider.url.clone(),
            subject: subject.to_owned(),
            called: "lan".to_owned(),
            account,
        };
        self.write(move |tx| tx.link_sign_on(&new).map(drop));
    }

    /// What the trail says of signing on: target and outcome, the newest first.
    pub fn trail(&self) -> Vec<(String, String)> {
        let mut reader = self.store.read(&console()).unwrap();
        let all = audit::events(&mut reader, &Asked::default(), 500).unwrap();
        let of = all.into_iter().filter(|e| e.target.contains("sign-on"));
        of.map(|e| (e.target, e.outcome)).collect()
    }

    pub fn sessions(&self) -> i64 {
        let mut reader = self.store.read(&console()).unwrap();
        mach_store::sql::int(&mut reader, "SELECT count(*) FROM session", &[]).unwrap()
    }

    /// A browser without cookies.
    pub fn browser(&self) -> Browser<'_> {
        Browser { world: self, cookies: BTreeMap::new() }
    }

    /// A browser of somebody who is signed in and has just proven who they are.
    pub fn signed_in(&self, account: i64, token: &'static str) -> Browser<'_> {
        self.write(move |tx| tx.begin_session(&token_hash(token), account, State::Open, "test"));
        let mut browser = self.browser();
        browser.cookies.insert(SESSION_COOKIE.to_owned(), token.to_owned());
        browser
    }
}

pub struct Browser<'a> {
    world: &'a World,
    pub cookies: BTreeMap<String, String>,
}

impl Browser<'_> {
    pub async fn ask(&mut self, method: &str, path: &str, body: &str) -> Answer {
        let cookies: Vec<String> = self.cookies.iter().map(|(n, v)| format!("{n}={v}")).collect();
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "mach.test")
            .header(header::COOKIE, cookies.join("; "))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(body.to_owned()))
            .unwrap();
        let answer = self.world.app.clone().oneshot(request).await.unwrap();
        for cookie in answer.headers().get_all(header::SET_COOKIE) {
            let cookie = cookie.to_str().unwrap();
            assert!(cookie.contains("; HttpOnly; SameSite=Lax") && cookie.contains("; Secure"), "{cookie}");
            let (name, rest) = cookie.split_once('=').unwrap();
            let value = rest.split(';').next().unwrap();
            match cookie.contains("Max-Age=0") {
                true => drop(self.cookies.remove(name)),
                false => drop(self.cookies.insert(name.to_owned(), value.to_owned())),
            }
        }
        let status = answer.status();
        let location =
            answer.headers().get(header::LOCATION).map(|v| v.to_str().unwrap().to_owned()).unwrap_or_default();
        let bytes = to_bytes(answer.into_body(), 16 << 20).await.unwrap();
        Answer { status, location, text: String::from_utf8(bytes.to_vec()).unwrap() }
    }

    pub async fn get(&mut self, path: &str) -> Answer {
        self.ask("GET", path, "").await
    }

    /// Goes to the provider by `path`, signs in there, and gives the address it is sent back to, on this site.
    pub async fn away(&mut self, path: &str) -> String {
        let sent = self.get(path).await;
        assert_eq!(sent.status, StatusCode::SEE_OTHER, "{sent:?}");
        assert!(sent.location.starts_with(&format!("{}/authorize?", self.world.provider.url)), "{sent:?}");
        let request = sent.sent();
        let back = request["redirect_uri"].strip_prefix(HERE).unwrap().to_owned();
        let state = request["state"].clone();
        let code = self.world.provider.gives(request);
        format!("{back}?{}", form(&[("code", &code), ("state", &state)]))
    }

    /// Signs on by the provider from `path` to the end.
    pub async fn signs_on(&mut self, path: &str) -> Answer {
        let back = self.away(path).await;
        self.get(&back).await
    }

    pub fn session(&self) -> Option<&String> {
        self.cookies.get(SESSION_COOKIE)
    }

    /// Whether it is signed in.
    pub async fn is_in(&mut self) -> bool {
        self.get("/account/sign-on").await.status == StatusCode::OK
    }
}

/// The value of a hidden field.
pub fn hidden(page: &str, name: &str) -> String {
    let start = format!("name=\"{name}\" value=\"");
    let (_, rest) = page.split_once(&start).unwrap_or_else(|| panic!("no {name}: {page}"));
    rest.split('"').next().unwrap().to_owned()
}
