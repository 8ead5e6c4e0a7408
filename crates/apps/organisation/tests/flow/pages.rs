//! The pages of facilities: what was typed is never lost, who may do what, what is told.

use crate::common::{by, draft};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use mach_access::{Act, Actor, Role, decide, secret};
use mach_house::{House, SESSION_COOKIE, Settings};
use mach_organisation::keep::{self, Keys};
use mach_organisation::{limits, read};
use mach_store::accounts::NewAccount;
use mach_store::sessions::State;
use mach_store::{Store, Tx, schema};
use tower::ServiceExt;

const PASSWORD: &str = "một câu thật dài để nhớ";

struct Place {
    app: Router,
    store: Store,
    _folder: tempfile::TempDir,
}

struct Answer {
    status: StatusCode,
    to: String,
    cookie: String,
    body: String,
}

impl Answer {
    /// Names and values of its hidden fields.
    fn hidden(&self) -> Vec<(String, String)> {
        let plain = |t: &str| {
            t.replace("&#34;", "\"")
                .replace("&#39;", "'")
                .replace("&#60;", "<")
                .replace("&#62;", ">")
                .replace("&#38;", "&")
        };
        let inputs = self.body.split("<input type=\"hidden\" name=\"").skip(1);
        let pair = |input: &str| {
            let (name, rest) = input.split_once("\" value=\"").unwrap();
            (plain(name), plain(rest.split_once("\">").unwrap().0))
        };
        inputs.map(pair).collect()
    }
}

/// Pairs as a browser posts them.
fn form(pairs: &[(&str, &str)]) -> String {
    let plain = |t: &str| {
        let one = |b: u8| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") };
        t.bytes().map(one).collect::<String>()
    };
    pairs.iter().map(|(n, v)| format!("{}={}", plain(n), plain(v))).collect::<Vec<_>>().join("&")
}

impl Place {
    /// One facility, an administrator of the province (`admin`) and one of the facility (`own`), both with a second factor.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let house = House::new(store.clone(), Settings::default());
        let routes = mach_organisation::router().merge(mach_house::sign_in::router()).with_state(house.clone());
        let carried = routes.layer(axum::middleware::from_fn_with_state(house, mach_house::carry::carry));
        let place = Self { app: mach_ui::http::serve(carried), store, _folder: folder };
        let password = secret::hash_password(PASSWORD).unwrap();
        place.write(move |tx| {
            let facility = schema::facility_id(tx, "46X01")?;
            for (name, facility) in [("admin", None), ("own", Some(facility))] {
                let (display, password) = (format!("Chị {name}"), password.clone());
                let role = Role::Administrator;
                let id = tx.set_account(&NewAccount { name: name.into(), display, role, facility, password })?;
                tx.propose_factor(id, b"12345678901234567890")?;
                tx.confirm_factor(id, 1, &[])?;
                tx.begin_session(&secret::token_hash(name), id, State::Open, "")?;
            }
            Ok(())
        });
        place.install();
        place
    }

    fn install(&self) {
        let (draft, keys) = (draft(), Keys::of(&draft()).unwrap());
        self.write(move |tx| keep::install(tx, &draft, &keys, &by())).unwrap();
    }

    fn write<T: Send + 'static>(&self, work: impl FnOnce(&mut Tx<'_>) -> mach_store::Result<T> + Send + 'static) -> T {
        let actor = Actor { account: 1, role: Role::Administrator, ..Actor::console() };
        self.store.write(&decide(&actor, Act::Administer).unwrap(), work).unwrap()
    }

    fn facility(&self) -> read::Facility {
        let actor = Actor { account: 1, role: Role::Administrator, ..Actor::console() };
        let mut reader = self.store.read(&decide(&actor, Act::Administer).unwrap()).unwrap();
        let scope = reader.scope();
        read::facility(&mut reader, scope, "46X01").unwrap().unwrap()
    }

    fn lock(&self, who: &str) {
        let token = secret::token_hash(who);
        self.write(move |tx| tx.lock_session(&token));
    }

    async fn ask(&self, who: &str, method: &str, path: &str, (kind, body): (&str, String)) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if !who.is_empty() {
            request = request.header(header::COOKIE, format!("{SESSION_COOKIE}={who}"));
        }
        if method == "POST" {
            request = request.header(header::CONTENT_TYPE, kind).header(header::CONTENT_LENGTH, body.len());
        }
        let answer = self.app.clone().oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
        let header = |name| answer.headers().get(name).map(|v| v.to_str().unwrap().to_owned()).unwrap_or_default();
        let (status, to, cookie) = (answer.status(), header(header::LOCATION), header(header::SET_COOKIE));
        let cookie = cookie.split(';').next().unwrap().trim_start_matches(&format!("{SESSION_COOKIE}=")).to_owned();
        let bytes = to_bytes(answer.into_body(), 64 << 20).await.unwrap();
        Answer { status, to, cookie, body: String::from_utf8(bytes.to_vec()).unwrap() }
    }

    async fn get(&self, who: &str, path: &str) -> Answer {
        self.ask(who, "GET", path, ("", String::new())).await
    }

    async fn post(&self, who: &str, path: &str, pairs: &[(&str, &str)]) -> Answer {
        self.ask(who, "POST", path, ("application/x-www-form-urlencoded", form(pairs))).await
    }
}

fn borrowed(pairs: &[(String, String)]) -> Vec<(&str, &str)> {
    pairs.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect()
}

#[tokio::test]
async fn what_was_typed_goes_through_the_door_of_the_proof() {
    let place = Place::new();
    let mut typed = vec![("do".to_owned(), "save".to_owned()), ("seen".to_owned(), keep::mark(&place.facility()))];
    for n in 0..limits::ROWS {
        typed.push((format!("r{n}-code"), format!("DV{n}")));
        typed.push((format!("r{n}-name"), format!("Dịch vụ \"số\" {n} & <khác>")));
        typed.push((format!("r{n}-price"), (n + 1).to_string()));
        typed.push((format!("r{n}-from"), String::new()));
    }
    place.lock("admin");
    let path = "/admin/facilities/46X01/edit/services";
    let door = place.post("admin", path, &borrowed(&typed)).await;
    assert_eq!(door.status, StatusCode::UNAUTHORIZED, "{}", door.to);
    assert!(door.body.contains("name=\"password\"") && door.body.contains("action=\"/prove\""));

    // A wrong password loses nothing either.
    let mut fields = door.hidden();
    fields.push(("password".to_owned(), "sai".to_owned()));
    let door = place.post("admin", "/prove", &borrowed(&fields)).await;
    assert_eq!(door.status, StatusCode::UNAUTHORIZED);
    let mut fields = door.hidden();
    fields.push(("password".to_owned(), PASSWORD.to_owned()));
    let back = place.post("admin", "/prove", &borrowed(&fields)).await;
    assert_eq!(back.status, StatusCode::OK);
    assert!(back.body.contains(&format!("action=\"{path}\"")), "it goes where it was going");
    assert_eq!(back.hidden(), typed, "each field, as it was typed");
    let kept = place.post(&back.cookie, path, &borrowed(&back.hidden())).await;
    assert_eq!(
        (kept.status, kept.to.as_str()),
        (StatusCode::SEE_OTHER, "/admin/facilities/46X01?done=changed#services")
    );
    assert_eq!(place.facility().draft.sheets[mach_organisation::sheet::SERVICES].len(), limits::ROWS);
}

#[tokio::test]
async fn an_act_of_one_button_is_asked_again_and_a_file_is_said_to_be_lost() {
    let place = Place::new();
    place.lock("admin");
    let door = place.post("admin", "/admin/facilities/new", &[]).await;
    assert_eq!(door.status, StatusCode::UNAUTHORIZED);
    let mut fields = door.hidden();
    fields.push(("password".to_owned(), PASSWORD.to_owned()));
    let back = place.post("admin", "/prove", &borrowed(&fields)).await;
    assert!(back.body.contains("action=\"/admin/facilities/new\"") && back.hidden().is_empty());

    place.lock(&back.cookie);
    let sent = "--x\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.xlsx\"\r\n\r\nPK\r\n--x--\r\n";
    let kind = "multipart/form-data; boundary=x";
    let lost = place.ask(&back.cookie, "POST", "/admin/facilities/import", (kind, sent.to_owned())).await;
    assert_eq!(lost.status, StatusCode::UNAUTHORIZED);
    assert!(lost.body.contains("Tệp vừa gửi chưa được nhận"), "{}", lost.body);
    // Nothing is carried for who is nobody, nor more than fits.
    assert!(place.post("", "/admin/facilities/new", &[]).await.to.starts_with("/sign-in"));
    let long = "x".repeat(mach_base::limits::CARRIED_BYTES);
    let (fits, over) = (long[2..].to_owned(), long[1..].to_owned());
    for (value, carried) in [(fits, true), (over, false)] {
        let form = ("application/x-www-form-urlencoded", format!("a={value}"));
        let door = place.ask(&back.cookie, "POST", "/admin/facilities/new", form).await;
        assert_eq!((door.status, door.hidden().len() > 1), (StatusCode::UNAUTHORIZED, carried));
    }
}

#[tokio::test]
async fn a_code_is_changed_where_it_is_right_and_found_by_both() {
    let place = Place::new();
    let recode = |value, from| [("system", "facility"), ("value", value), ("from", from)];
    let path = "/admin/facilities/46X01/recode";
    for (value, from, told) in [
        ("46X01", "2026-07-01", "Mã này đang dùng."),
        ("46001", "2026-07-01", "Mã này của cơ sở khác."),
        ("46X99", "2025-07-01", "Ngày bắt đầu phải sau"),
        ("46X99", "hôm nay", "Ngày viết như 31/12/2026."),
        ("46X9", "2026-07-01", "đúng 5 chữ hoặc số"),
    ] {
        // Who looks after the facility alone is told no less.
        let refused = place.post("own", path, &recode(value, from)).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{value} {from}");
        assert!(refused.body.contains(told) && refused.body.contains(&format!("value=\"{value}\"")), "{told}");
    }
    let changed = place.post("own", path, &recode("46X99", "2026-07-01")).await;
    assert_eq!(changed.to, "/admin/facilities/46X01?done=changed");
    assert_eq!(place.get("admin", "/admin/facilities/46X99").await.to, "/admin/facilities/46X01");
    let found = place.get("admin", "/admin/facilities?q=46X99").await.body;
    assert!(found.contains("/admin/facilities/46X01") && !found.contains("/admin/facilities/46X99\""), "{found}");
    // Everybody who asks the register knows both.
    assert_eq!(mach_house::facility_name("46X99"), "Phòng khám Thử");
    let known = mach_terms::Facilities::shared().get("46X01").unwrap();
    assert_eq!(
        (known.kind, known.valid_to.map(|d| d.to_string())),
        (mach_terms::FacilityKind::Clinic, Some("2026-06-30".into()))
    );
    assert!(place.get("own", "/admin/facilities/46X02").await.status == StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_province_is_not_undone_by_a_facility_and_nothing_twice() {
    let place = Place::new();
    let close = [("last", "2030-12-31"), ("successor", "46001")];
    let wrong =
        place.post("admin", "/admin/facilities/46X01/close", &[("last", "2030-12-31"), ("successor", "99X99")]).await;
    assert!(wrong.status == StatusCode::BAD_REQUEST && wrong.body.contains("Không có cơ sở mang mã này"));
    assert_eq!(place.post("admin", "/admin/facilities/46X01/close", &close).await.status, StatusCode::SEE_OTHER);
    let undo = |page: &Answer| page.body.contains("action=\"/admin/facilities/46X01/undo\"");
    assert!(!undo(&place.get("own", "/admin/facilities/46X01").await));
    let page = place.get("admin", "/admin/facilities/46X01").await;
    assert!(undo(&page));
    let seen = page.hidden().into_iter().find(|(n, _)| n == "seen").unwrap().1;
    let path = "/admin/facilities/46X01/undo";
    assert_eq!(place.post("own", path, &[("seen", &seen)]).await.status, StatusCode::FORBIDDEN);
    assert_eq!(place.post("admin", path, &[("seen", &seen)]).await.to, "/admin/facilities/46X01?done=undone");
    assert_eq!(place.post("admin", path, &[("seen", &seen)]).await.to, "/admin/facilities/46X01?done=conflict");
    assert_eq!(place.facility().until, None);
}

#[tokio::test]
async fn rows_are_saved_and_more_are_given_and_every_look_is_written_down() {
    let place = Place::new();
    let path = "/admin/facilities/46X01/edit/departments";
    let page = place.get("own", path).await;
    let mut typed = page.hidden();
    typed.push(("do".to_owned(), "more".to_owned()));
    for (n, (code, name)) in [("KB", "Khoa Khám bệnh"), ("MOI", "Khoa Mới")].into_iter().enumerate() {
        typed.push((format!("r{n}-code"), code.to_owned()));
        typed.push((format!("r{n}-name"), name.to_owned()));
    }
    // The rooms of the departments that went hang in the air: told, and what was typed stands there with rows to spare.
    let refused = place.post("own", path, &borrowed(&typed)).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert!(refused.body.contains("value=\"Khoa Mới\"") && refused.body.contains("name=\"r8-code\""));
    let rooms = place.facility().draft.sheets[mach_organisation::sheet::ROOMS].len();
    let mut kept = place.facility().draft.sheets[mach_organisation::sheet::DEPARTMENTS].clone();
    kept.push(vec!["MOI".to_owned(), "Khoa Mới".to_owned()]);
    let mut typed = page.hidden();
    typed.push(("do".to_owned(), "more".to_owned()));
    for (n, row) in kept.iter().enumerate() {
        typed.push((format!("r{n}-code"), row[0].clone()));
        typed.push((format!("r{n}-name"), row[1].clone()));
    }
    let saved = place.post("own", path, &borrowed(&typed)).await;
    assert_eq!(saved.status, StatusCode::OK, "{}", saved.body);
    let now = place.facility();
    assert!(now.draft.sheets[mach_organisation::sheet::DEPARTMENTS].iter().any(|r| r[0] == "MOI"));
    assert_eq!(now.draft.sheets[mach_organisation::sheet::ROOMS].len(), rooms);
    // The page that came back can be saved again: it holds the mark of what is stored now.
    assert!(saved.hidden().contains(&("seen".to_owned(), keep::mark(&now))));

    place.get("admin", "/admin/facilities/new").await;
    let actor = Actor { account: 1, role: Role::Administrator, ..Actor::console() };
    let mut reader = place.store.read(&decide(&actor, Act::Administer).unwrap()).unwrap();
    for wanted in ["facility 46X01: departments", "facility drafts"] {
        let told = mach_store::audit::of_target(&mut reader, wanted).unwrap();
        assert_eq!(told.len(), 1, "{wanted}");
    }
}
