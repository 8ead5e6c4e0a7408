//! A house with two people, two facilities, and who works there.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use mach_access::{Act, Actor, Role, decide, secret};
use mach_access_pages::sms::Simulator;
use mach_house::{House, SESSION_COOKIE, Settings};
use mach_sign::key::SoftKey;
use mach_sign::remote::Service;
use mach_sign::trust::Trust;
use mach_signing::desk::Keys;
use mach_store::accounts::NewAccount;
use mach_store::people::{self, NumberRow, PersonRow};
use mach_store::sessions::State;
use mach_store::signing::{Provider, Signer};
use mach_store::{Store, Tx, schema};
use std::sync::Arc;
use tower::ServiceExt;

pub const CCCD: &str = "046172000002";
pub const PHONE: &str = "0905123456";
pub const RELATIVE: &str = "046172000009";

pub struct Place {
    pub app: Router,
    pub store: Store,
    pub sms: Simulator,
    _folder: tempfile::TempDir,
}

pub struct Answer {
    pub status: StatusCode,
    pub to: String,
    pub cookie: String,
    pub body: String,
}

/// A machine that holds no keys.
struct NoKeys;

impl Keys for NoKeys {
    fn trust(&self) -> Result<Arc<Trust>, String> {
        Err("nobody is trusted here".to_owned())
    }

    fn soft(&self, _: &Signer) -> Result<SoftKey, String> {
        Err("no key is here".to_owned())
    }

    fn service(&self, _: Provider) -> Result<Option<Box<dyn Service + '_>>, String> {
        Ok(None)
    }

    fn has_time(&self) -> bool {
        false
    }

    fn time(&self, _: &[u8]) -> mach_sign::Result<Vec<u8>> {
        Err(mach_sign::Error::Refused("no clock is here".to_owned()))
    }

    fn base(&self) -> &str {
        "https://mach.test"
    }
}

impl Place {
    pub fn new() -> Self {
        Self::with(Arc::new(NoKeys))
    }

    /// The same where copies are sealed with these.
    pub fn with(keys: mach_access_pages::Keys) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let sms = Simulator::default();
        let house = House::new(store.clone(), Settings::default());
        let router = mach_access_pages::router(Arc::new(sms.clone()), keys);
        let app = mach_ui::http::serve(router.with_state(house));
        let place = Self { app, store, sms, _folder: folder };
        place.write(|tx| {
            for (id, name, national, phone) in [(1, "Lê Thị Hoa", CCCD, PHONE), (2, "Trần Văn Bình", RELATIVE, "")]
            {
                let row = PersonRow {
                    id,
                    name: name.to_owned(),
                    national: Some(national.to_owned()),
                    ..PersonRow::default()
                };
                people::insert_person(tx, &row)?;
                let key = |value: &str| value.chars().rev().collect::<String>();
                people::insert_number(tx, &NumberRow { kind: 1, scope: 0, key: key(national), person: id })?;
                if !phone.is_empty() {
                    people::insert_number(tx, &NumberRow { kind: 4, scope: id, key: key(phone), person: id })?;
                }
            }
            for (name, role, code) in [
                ("head-a", Role::Head, "46001"),
                ("head-b", Role::Head, "46002"),
                ("doctor-a", Role::Clinician, "46001"),
                ("clerk-a", Role::Operator, "46001"),
                ("leader", Role::Leader, ""),
                ("admin", Role::Administrator, ""),
            ] {
                let facility = if code.is_empty() { None } else { Some(schema::facility_id(tx, code)?) };
                let new =
                    NewAccount { name: name.into(), display: name.into(), role, facility, password: String::new() };
                let id = tx.set_account(&new)?;
                tx.begin_session(&secret::token_hash(name), id, State::Open, "")?;
            }
            Ok(())
        });
        place
    }

    pub fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Tx<'_>) -> mach_store::Result<T> + Send + 'static,
    ) -> T {
        self.store.write(&decide(&Actor::console(), Act::Administer).unwrap(), work).unwrap()
    }

    pub async fn ask(&self, who: &str, method: &str, path: &str, form: &str) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if !who.is_empty() {
            request = request.header(header::COOKIE, format!("{SESSION_COOKIE}={who}"));
        }
        if method == "POST" {
            request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        }
        let answer = self.app.clone().oneshot(request.body(Body::from(form.to_owned())).unwrap()).await.unwrap();
        let header = |name| answer.headers().get(name).map(|v| v.to_str().unwrap().to_owned()).unwrap_or_default();
        let (status, to, cookie) = (answer.status(), header(header::LOCATION), header(header::SET_COOKIE));
        let cookie = cookie.split(';').next().unwrap().trim_start_matches(&format!("{SESSION_COOKIE}=")).to_owned();
        let bytes = to_bytes(answer.into_body(), 8 << 20).await.unwrap();
        Answer { status, to, cookie, body: String::from_utf8(bytes.to_vec()).unwrap() }
    }

    /// The code of the message with this number from 1: the message leaves after the answer.
    pub async fn code(&self, nth: usize) -> String {
        while self.sms.sent().len() < nth {
            tokio::task::yield_now().await;
        }
        let (to, text) = self.sms.sent()[nth - 1].clone();
        assert_eq!(to, PHONE);
        text.split(|c: char| !c.is_ascii_digit()).find(|w| w.len() == 6).unwrap().to_owned()
    }

    pub async fn signed_in(&self) -> String {
        self.ask("", "POST", "/me/sign-in", &format!("number={CCCD}")).await;
        let code = self.code(1).await;
        let entered = self.ask("", "POST", "/me/sign-in/code", &format!("number={CCCD}&code={code}")).await;
        assert_eq!((entered.status, entered.to.as_str()), (StatusCode::SEE_OTHER, "/me"));
        entered.cookie
    }
}
