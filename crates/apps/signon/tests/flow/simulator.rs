//! A provider of OpenID Connect that does as it is told, also wrongly.

use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use mach_base::time::now_seconds;
use mach_sign::jwt::{self, Jwk, Read};
use mach_sign::key::{Hash, Scheme, Signer, SoftKey};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

pub const CLIENT: &str = "mach";
pub const SECRET: &str = "bí mật: 50% & +";

/// How it signs an ID token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signs {
    Es256,
    Rs256,
    Ps256,
    /// Not at all.
    None,
    /// By the secret that both know.
    SecretHs256,
    /// By its public key, as if that were a secret.
    PublicHs256,
    /// By a key that it does not publish, under a name that it does.
    Swapped,
    /// By a key of another name.
    Unknown,
    /// By the right key, and then something was changed.
    Altered,
    /// As ES256, and says that it was RS256.
    Mislabelled,
}

/// What goes wrong on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    Well,
    Huge,
    Redirects,
    Broken,
    NoJson,
    Refuses,
    Hangs,
}

/// What it is told to do.
pub struct Told {
    pub signs: Signs,
    /// Claims of ID tokens that are others; `null`: left out.
    pub claims: Value,
    /// What userinfo says.
    pub userinfo: Value,
    pub token: Wire,
    pub users: Wire,
    pub gives_id_token: bool,
    /// What it says of itself besides.
    pub metadata: Value,
    /// Codes that can be redeemed, with the request they were asked for by.
    pub codes: HashMap<String, HashMap<String, String>>,
    /// How often each address was asked.
    pub asked: HashMap<&'static str, usize>,
    /// The public keys of `private_key_jwt`; else the secret is asked for.
    pub keys_of_client: Option<String>,
}

pub struct Simulator {
    pub url: String,
    pub told: Mutex<Told>,
    ec: SoftKey,
    other: SoftKey,
    rsa: Option<SoftKey>,
}

pub type Shared = Arc<Simulator>;

impl Simulator {
    /// One that listens; it ends with the test's runtime. `rsa`: has a key of RSA too, made by OpenSSL.
    pub async fn start(rsa: bool) -> Shared {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let told = Told {
            signs: Signs::Es256,
            claims: json!({}),
            userinfo: json!({ "sub": "s-1", "preferred_username": "lan@bv.vn" }),
            token: Wire::Well,
            users: Wire::Well,
            gives_id_token: true,
            metadata: json!({}),
            codes: HashMap::new(),
            asked: HashMap::new(),
            keys_of_client: None,
        };
        let simulator = Arc::new(Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            told: Mutex::new(told),
            ec: SoftKey::generate().unwrap(),
            other: SoftKey::generate().unwrap(),
            rsa: if rsa { mach_test_sign::rsa_key(2048) } else { None },
        });
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(metadata))
            .route("/keys", get(keys))
            .route("/token", post(token))
            .route("/userinfo", get(userinfo))
            .route("/elsewhere", get(elsewhere).post(elsewhere))
            .with_state(Arc::clone(&simulator));
        tokio::spawn(async move { axum::serve(listener, router).await });
        simulator
    }

    pub fn has_rsa(&self) -> bool {
        self.rsa.is_some()
    }

    pub fn tell(&self, told: impl FnOnce(&mut Told)) {
        told(&mut self.told.lock().unwrap());
    }

    pub fn asked(&self, what: &'static str) -> usize {
        self.told.lock().unwrap().asked.get(what).copied().unwrap_or(0)
    }

    fn counts(&self, what: &'static str) {
        *self.told.lock().unwrap().asked.entry(what).or_default() += 1;
    }

    /// Somebody signed in by a request: a code for them.
    pub fn gives(&self, request: HashMap<String, String>) -> String {
        let mut told = self.told.lock().unwrap();
        let code = format!("code {}", told.codes.len());
        told.codes.insert(code.clone(), request);
        code
    }

    /// A token of these claims.
    pub fn signed(&self, claims: &Value, signs: Signs) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let by_hand = |algorithm: &str, key: &[u8]| {
            let signed = format!("{}.{}", part(&json!({ "alg": algorithm, "kid": "ec" })), part(claims));
            let mac = if key.is_empty() { Vec::new() } else { hmac(key, signed.as_bytes()) };
            format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac))
        };
        let rsa = |scheme| {
            let key = SoftKey::from_pem(&self.rsa.as_ref().unwrap().to_pem()).unwrap().with_scheme(scheme).unwrap();
            jwt::sign(claims, &key, "rsa").unwrap()
        };
        match signs {
            Signs::Es256 => jwt::sign(claims, &self.ec, "ec").unwrap(),
            Signs::Rs256 => rsa(Scheme::RsaPkcs1(Hash::Sha256)),
            Signs::Ps256 => rsa(Scheme::RsaPss(Hash::Sha256)),
            Signs::None => by_hand("none", &[]),
            Signs::SecretHs256 => by_hand("HS256", SECRET.as_bytes()),
            Signs::PublicHs256 => by_hand("HS256", self.ec.public().info()),
            Signs::Swapped => jwt::sign(claims, &self.other, "ec").unwrap(),
            Signs::Unknown => jwt::sign(claims, &self.other, "other").unwrap(),
            Signs::Altered => {
                let good = jwt::sign(claims, &self.ec, "ec").unwrap();
                let parts: Vec<&str> = good.split('.').collect();
                let mut other = claims.clone();
                other["sub"] = json!("s-2");
                format!("{}.{}.{}", parts[0], part(&other), parts[2])
            }
            Signs::Mislabelled => {
                let good = jwt::sign(claims, &self.ec, "ec").unwrap();
                let (_, rest) = good.split_once('.').unwrap();
                format!("{}.{rest}", part(&json!({ "alg": "RS256", "kid": "ec" })))
            }
        }
    }
}

/// HMAC-SHA-256 (RFC 2104).
fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let key = if key.len() > 64 { Sha256::digest(key).to_vec() } else { key.to_vec() };
    let padded = |with: u8| -> Vec<u8> { (0..64).map(|n| key.get(n).copied().unwrap_or(0) ^ with).collect() };
    let inner = Sha256::digest([padded(0x36), message.to_vec()].concat());
    Sha256::digest([padded(0x5c), inner.to_vec()].concat()).to_vec()
}

async fn metadata(State(it): State<Shared>) -> Json<Value> {
    it.counts("metadata");
    let url = &it.url;
    let mut all = json!({
        "issuer": url, "authorization_endpoint": format!("{url}/authorize"), "token_endpoint": format!("{url}/token"),
        "userinfo_endpoint": format!("{url}/userinfo"), "jwks_uri": format!("{url}/keys"),
        "end_session_endpoint": format!("{url}/end?x=1"),
    });
    for (name, value) in it.told.lock().unwrap().metadata.as_object().unwrap() {
        all[name] = value.clone();
    }
    Json(all)
}

async fn keys(State(it): State<Shared>) -> Json<Value> {
    it.counts("keys");
    let mut keys = vec![jwt::public_jwk(it.ec.public(), "ec").unwrap()];
    if let Some(rsa) = &it.rsa {
        let (n, e) = rsa_numbers(rsa.public().bytes());
        keys.push(json!({ "kty": "RSA", "use": "sig", "kid": "rsa", "n": n, "e": e }));
    }
    keys.push(json!({ "kty": "OKP", "crv": "Ed25519", "x": "AA", "kid": "of a kind nobody knows here" }));
    Json(json!({ "keys": keys }))
}

/// Modulus and exponent of an RSA key in DER: two INTEGERs of a SEQUENCE.
fn rsa_numbers(der: &[u8]) -> (String, String) {
    fn next(der: &[u8]) -> (&[u8], &[u8]) {
        let (length, at) = match der[1] {
            short if short < 0x80 => (usize::from(short), 2),
            0x81 => (usize::from(der[2]), 3),
            _ => (usize::from(der[2]) << 8 | usize::from(der[3]), 4),
        };
        (&der[at..at + length], &der[at + length..])
    }
    let (inside, _) = next(der);
    let (n, rest) = next(inside);
    let (e, _) = next(rest);
    let text = |number: &[u8]| {
        let from = number.iter().position(|b| *b != 0).unwrap_or(0);
        URL_SAFE_NO_PAD.encode(&number[from..])
    };
    (text(n), text(e))
}

async fn elsewhere(State(it): State<Shared>) -> Json<Value> {
    it.counts("elsewhere");
    Json(json!({ "access_token": "t", "token_type": "Bearer", "sub": "s-1" }))
}

/// What goes wrong, if anything.
async fn wrong(wire: Wire) -> Option<Response> {
    Some(match wire {
        Wire::Well => return None,
        Wire::Huge => Json(json!({ "access_token": "t".repeat(300 << 10), "token_type": "Bearer" })).into_response(),
        Wire::Redirects => Redirect::temporary("/elsewhere").into_response(),
        Wire::Broken => (StatusCode::INTERNAL_SERVER_ERROR, "<b>broken</b>").into_response(),
        Wire::NoJson => "<b>no json</b>".into_response(),
        Wire::Refuses => (StatusCode::UNAUTHORIZED, Json(json!({ "error": "invalid_client" }))).into_response(),
        Wire::Hangs => std::future::pending().await,
    })
}

/// Whether a request to the token endpoint proves the client.
fn is_client(it: &Simulator, headers: &HeaderMap, form: &HashMap<String, String>) -> bool {
    if let Some(keys) = it.told.lock().unwrap().keys_of_client.clone() {
        let read = Read::parse(&form["client_assertion"], 8_192).unwrap();
        let claims = read.verified(&Jwk::read_set(&keys, 8).unwrap()).unwrap();
        let now = now_seconds();
        let (exp, aud) = (claims["exp"].as_i64().unwrap(), claims["aud"].as_str().unwrap());
        return claims["iss"] == CLIENT
            && claims["sub"] == CLIENT
            && aud == format!("{}/token", it.url)
            && (now..now + 300).contains(&exp)
            && claims["jti"].as_str().is_some_and(|j| j.len() > 20);
    }
    if form.get("client_secret").is_some_and(|s| s == SECRET) {
        return form["client_id"] == CLIENT;
    }
    let basic = headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok()?.strip_prefix("Basic "));
    let Some(basic) = basic else { return false };
    let both = String::from_utf8(STANDARD.decode(basic).unwrap()).unwrap();
    let (client, secret) = both.split_once(':').unwrap();
    let plain = |text: &str| {
        form_urlencoded::parse(format!("v={text}").as_bytes()).next().map(|(_, v)| v.into_owned()).unwrap()
    };
    plain(client) == CLIENT && plain(secret) == SECRET
}

async fn token(State(it): State<Shared>, headers: HeaderMap, Form(form): Form<HashMap<String, String>>) -> Response {
    it.counts("token");
    let wire = it.told.lock().unwrap().token;
    if let Some(wrong) = wrong(wire).await {
        return wrong;
    }
    if !is_client(&it, &headers, &form) {
        return (StatusCode::UNAUTHORIZED, Json(json!({ "error": "invalid_client" }))).into_response();
    }
    let request = it.told.lock().unwrap().codes.remove(&form["code"]);
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(form["code_verifier"].as_bytes()));
    let fits = |r: &HashMap<String, String>| {
        r["code_challenge"] == challenge
            && r["redirect_uri"] == form["redirect_uri"]
            && r["code_challenge_method"] == "S256"
    };
    let Some(request) = request.filter(fits).filter(|_| form["grant_type"] == "authorization_code") else {
        return (StatusCode::BAD_REQUEST, Json(json!({ "error": "invalid_grant" }))).into_response();
    };
    let (signs, changed, gives) = {
        let told = it.told.lock().unwrap();
        (told.signs, told.claims.clone(), told.gives_id_token)
    };
    let (now, access) = (now_seconds(), "an-access-token");
    let mut claims = json!({
        "iss": it.url, "aud": CLIENT, "sub": "s-1", "iat": now, "exp": now + 300, "nonce": request.get("nonce"),
        "at_hash": URL_SAFE_NO_PAD.encode(&Sha256::digest(access.as_bytes())[..16]),
    });
    for (name, value) in changed.as_object().unwrap() {
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().shift_remove(name)),
            value => claims[name] = value.clone(),
        }
    }
    let mut answer = json!({ "access_token": access, "token_type": "bearer" });
    if gives {
        answer["id_token"] = json!(it.signed(&claims, signs));
    }
    Json(answer).into_response()
}

async fn userinfo(State(it): State<Shared>, headers: HeaderMap) -> Response {
    it.counts("userinfo");
    let wire = it.told.lock().unwrap().users;
    if let Some(wrong) = wrong(wire).await {
        return wrong;
    }
    if headers.get(header::AUTHORIZATION).is_none_or(|v| v != "Bearer an-access-token") {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    Json(it.told.lock().unwrap().userinfo.clone()).into_response()
}
