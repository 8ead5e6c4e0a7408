//! Our own provider (`docs/smart.md`) signs on at another house: two programs, each with its own store, that know of one another only what
//! each publishes.

use crate::world::{HERE, World, form, hidden};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use mach_access::Role;
use mach_access::secret::token_hash;
use mach_house::{House, Settings};
use mach_signon::provider;
use mach_store::accounts::NewAccount;
use mach_store::sessions::State;
use mach_store::smart::{NewApp, Proof};
use mach_store::{Store, schema};
use tower::ServiceExt;

const SECRET: &str = "between the two";

struct Other {
    url: String,
    app: Router,
    _folder: tempfile::TempDir,
}

/// A house with its provider on a socket: a head with an open session, and our app.
async fn other() -> Other {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let made = store.write(&crate::world::console(), |tx| {
        let facility = schema::facility_id(tx, "46009")?;
        let (name, display, password) = ("truong.khoa".to_owned(), "Trưởng khoa".to_owned(), "none".to_owned());
        let new = NewAccount { name, display, role: Role::Head, facility: Some(facility), password };
        let id = tx.set_account(&new)?;
        tx.begin_session(&token_hash("there"), id, State::Open, "test")?;
        let app = NewApp {
            name: "Nhà kia".to_owned(),
            proof: Proof::Secret,
            keys: String::new(),
            keys_url: String::new(),
            private: false,
            redirects: vec![format!("{HERE}/sign-in/back/nha-kia")],
            launch: String::new(),
            scopes: "openid profile".to_owned(),
            facility: None,
        };
        tx.add_app("ours", &app, Some(&token_hash(SECRET))).map(drop)
    });
    made.unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let house = House::new(store, Settings { public: Some(url.clone()), ..Settings::default() });
    let routes = mach_house::sign_in::router().merge(mach_smart::router(&house)).with_state(house);
    let app = mach_ui::http::serve(routes);
    let served = app.clone();
    tokio::spawn(async move { axum::serve(listener, served).await });
    Other { url, app, _folder: folder }
}

impl Other {
    /// What a page there answers whom it knows: status, address it leads to, text.
    async fn ask(&self, method: &str, path: &str, body: &str) -> (StatusCode, String, String) {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, self.url.strip_prefix("http://").unwrap())
            .header(header::COOKIE, "mach_session=there")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(body.to_owned()))
            .unwrap();
        let answer = self.app.clone().oneshot(request).await.unwrap();
        let to = answer.headers().get(header::LOCATION).map(|v| v.to_str().unwrap().to_owned()).unwrap_or_default();
        let status = answer.status();
        let bytes = to_bytes(answer.into_body(), 16 << 20).await.unwrap();
        (status, to, String::from_utf8(bytes.to_vec()).unwrap())
    }

    /// Lets a request for a code have one; the address here that it leads back to.
    async fn lets(&self, request: &str) -> String {
        let query =
            request.strip_prefix(&format!("{}/oauth/authorize?", self.url)).unwrap_or_else(|| panic!("{request}"));
        let (mut status, mut to, page) = self.ask("GET", &format!("/oauth/authorize?{query}"), "").await;
        if status == StatusCode::OK {
            let shown = hidden(&page, "request_shown").replace("&#38;", "&");
            let decided = form(&[("request_shown", &shown), ("decision", "allow")]);
            (status, to, _) = self.ask("POST", "/oauth/authorize", &decided).await;
        }
        assert_eq!(status, StatusCode::SEE_OTHER, "{to}");
        to.strip_prefix(HERE).unwrap_or_else(|| panic!("{to}")).to_owned()
    }
}

#[tokio::test]
async fn our_own_provider_signs_on_at_another_house() {
    let (world, other) = (World::new().await, other().await);
    let fields = [
        ("issuer", other.url.as_str()),
        ("client-id", "ours"),
        ("secret", SECRET),
        ("scope", "openid profile"),
        ("private", "yes"),
    ];
    let fields = fields.map(|(n, v)| (n.to_owned(), v.to_owned())).into();
    let kept = provider::keep(world.folder.path(), "nha-kia", fields).unwrap();
    let told = mach_signon::tried(&kept).await.unwrap();
    assert!(told.iter().any(|line| line.contains("1 keys")), "{told:?}");

    let mut owner = world.signed_in(1, "owner");
    let sent = owner.get("/account/sign-on/with/nha-kia").await;
    let back = other.lets(&sent.location).await;
    assert!(back.contains("iss="), "it says whose the answer is: {back}");
    let asked = owner.get(&back).await;
    assert!(asked.status == StatusCode::OK && asked.text.contains("truong.khoa"), "{asked:?}");
    let linked = owner.ask("POST", "/account/sign-on", &form(&[("wish", &hidden(&asked.text, "wish"))])).await;
    assert_eq!(linked.location, "/account/sign-on?done=linked", "{linked:?}");

    let mut browser = world.browser();
    let sent = browser.get("/sign-in/with/nha-kia?next=/account/sign-on").await;
    let back = other.lets(&sent.location).await;
    let came = browser.get(&back).await;
    assert_eq!((came.status, came.location.as_str()), (StatusCode::SEE_OTHER, "/account/sign-on"), "{came:?}");
    assert!(browser.is_in().await);
    // A code is good once, whoever shows it.
    let mut thief = world.browser();
    let own = thief.get("/sign-in/with/nha-kia").await.sent();
    let used = form_urlencoded::parse(back.split_once('?').unwrap().1.as_bytes()).into_owned();
    let used: Vec<(String, String)> =
        used.map(|(n, v)| if n == "state" { (n, own["state"].clone()) } else { (n, v) }).collect();
    let used: Vec<(&str, &str)> = used.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    assert_eq!(thief.get(&format!("/sign-in/back/nha-kia?{}", form(&used))).await.status, StatusCode::FORBIDDEN);
}
