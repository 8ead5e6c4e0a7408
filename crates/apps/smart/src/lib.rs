//! Other programs that ask by what somebody lets them: SMART App Launch 2.2, OAuth 2.1, OpenID Connect.
//!
//! | route | act | does |
//! |---|---|---|
//! | `GET /fhir/.well-known/smart-configuration`, `/.well-known/openid-configuration`, `/.well-known/oauth-authorization-server` | open | where everything is |
//! | `GET /oauth/jwks` | open | the keys that sign ID tokens |
//! | `GET`, `POST /oauth/authorize` | use account | shows who asks for what, gives a code |
//! | `POST /oauth/token` | the app's proof | a code, a refresh token or an app's own proof for an access token |
//! | `POST /oauth/introspect`, `/oauth/revoke` | the app's proof | what a token is; ends it |
//! | `GET`, `POST /oauth/userinfo` | an access token | who signed in |
//! | `GET`, `POST /apps/launch/{person}` | read FHIR | opens an app from a patient's page |
//! | `GET /account/apps`, `POST /account/apps/{app}/end` | use account | what I let apps do; ends it |
//! | `GET /admin/apps`, `GET`, `POST /admin/apps/new`, `/admin/apps/{id}` | administer | apps, registered and changed |
//! | `POST /admin/apps/{id}/secret`, `…/end`, `…/grants/{grant}/end` | administer, proven | another secret; shuts it out or lets it in; ends a grant |
//!
//! What a token opens is the store's to decide (`mach_access::app`, `mach_store::smart::scope`); here tokens are given and taken.
//! A redirect goes to an address that was registered letter by letter or nowhere. Sketch of a token by a code: three statements
//! in one transaction, one signature of P-256 where an ID token is asked for.

mod admin;
mod authorize;
mod client;
mod consent;
mod discovery;
mod edit;
mod identity;
mod inspect;
mod launch;
mod mine;
mod oauth;
mod token;
mod words;

use axum::extract::DefaultBodyLimit;
use axum::http::HeaderMap;
use axum::middleware::from_fn;
use axum::routing::{get, post};
use axum::{Extension, Router};
use mach_house::House;
use std::sync::Arc;

/// What requests share.
#[derive(Clone)]
pub(crate) struct Smart {
    inner: Arc<Inner>,
}

struct Inner {
    house: House,
    keys: client::Keys,
}

impl Smart {
    /// The issuer: `https://host`.
    pub(crate) fn issuer(&self, headers: &HeaderMap) -> String {
        self.inner.house.address(headers)
    }

    /// The address of the records' interface.
    pub(crate) fn fhir(&self, headers: &HeaderMap) -> String {
        format!("{}/fhir", self.issuer(headers))
    }
}

/// Bytes of a request to the machine's addresses, and of the forms of people.
const BODY_BYTES: usize = 256 << 10;

/// The routes of this crate; see the table above.
pub fn router(house: &House) -> Router<House> {
    let smart = Smart { inner: Arc::new(Inner { house: house.clone(), keys: client::Keys::default() }) };
    let machines = Router::new()
        .route("/fhir/.well-known/smart-configuration", get(discovery::smart))
        .route("/.well-known/openid-configuration", get(discovery::openid))
        .route("/.well-known/oauth-authorization-server", get(discovery::openid))
        .route("/oauth/jwks", get(discovery::jwks))
        .route("/oauth/token", post(token::token).fallback(oauth::posts_only))
        .route("/oauth/introspect", post(inspect::introspect).fallback(oauth::posts_only))
        .route("/oauth/revoke", post(inspect::revoke).fallback(oauth::posts_only))
        .route("/oauth/userinfo", get(inspect::userinfo).post(inspect::userinfo))
        .layer(from_fn(oauth::open_to_pages));
    Router::new()
        .merge(machines)
        .route("/oauth/authorize", get(authorize::show).post(authorize::decided))
        .route("/apps/launch/{person}", get(launch::page).post(launch::open))
        .route("/account/apps", get(mine::page))
        .route("/account/apps/{app}/end", post(mine::end))
        .route("/admin/apps", get(admin::page))
        .route("/admin/apps/new", get(edit::new_page).post(edit::register))
        .route("/admin/apps/{id}", get(edit::page).post(edit::change))
        .route("/admin/apps/{id}/secret", post(edit::secret))
        .route("/admin/apps/{id}/end", post(edit::end))
        .route("/admin/apps/{id}/grants/{grant}/end", post(admin::end_grant))
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .layer(Extension(smart))
}
