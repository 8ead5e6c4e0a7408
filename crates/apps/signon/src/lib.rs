//! Signing on by somebody else: a relying party of OpenID Connect Core 1.0, for people who work here and for citizens.
//!
//! | route | act | does |
//! |---|---|---|
//! | `GET /sign-in/with/{provider}` | open | sends a browser to a provider |
//! | `GET /sign-in/back/{provider}` | open | takes it back: who it is, and a session for them |
//! | `GET /sign-in/out/{provider}` | open | sends a browser to where it signs out of the provider |
//! | `POST /sign-in/ended/{provider}` | the provider's signature | ends sessions that the provider signed on (Back-Channel Logout 1.0) |
//! | `GET /prove/with/{provider}` | a session that it began | sends a browser to a provider, to prove anew who it is |
//! | `GET /account/sign-on` | use account | which providers sign my account on |
//! | `GET /account/sign-on/with/{provider}` | use account, proven | sends a browser to a provider, to link it |
//! | `POST /account/sign-on` | use account, proven | links whom the provider said |
//! | `POST /account/sign-on/{link}/end` | use account, proven | takes a link away |
//! | `GET /admin/sign-on` | administer | which accounts providers sign on |
//! | `GET /admin/sign-on/{link}`, `POST …/end` | administer, proven | takes a link of somebody else's account away, and says why |
//!
//! Which providers there are is configuration ([`provider`], `mach sign-on`). Nothing of a sign-in that is under way is kept here: the
//! browser carries it, sealed; what was used once is a row. Nobody is known by what a provider says they are called: an account is
//! linked by its owner, or the configuration says which claim is a sign-in name; a citizen is the person whose number, name and birth
//! all agree. Sketch of a sign-in: two or three requests to the provider, three small transactions, two signatures checked.

mod admin;
mod answer;
mod begin;
mod claims;
mod ended;
mod id_token;
mod mine;
mod person;
mod prove;
pub mod provider;
mod published;
mod refused;
mod tokens;
mod wire;

use axum::http::HeaderMap;
use axum::routing::{get, post};
use axum::{Extension, Router};
use mach_house::House;
use mach_house::ways::{Way, Whose};
pub use person::works_here;
use provider::{Provider, Providers};
use std::path::Path;
use std::sync::Arc;

/// What requests share.
#[derive(Clone)]
pub(crate) struct SignOn {
    inner: Arc<Inner>,
}

struct Inner {
    house: House,
    providers: Arc<Providers>,
    published: published::Published,
}

impl SignOn {
    pub(crate) fn house(&self) -> &House {
        &self.inner.house
    }

    /// A provider by its name.
    pub(crate) fn provider(&self, name: &str) -> Option<Arc<Provider>> {
        self.inner.providers.all().iter().find(|p| p.name == name).cloned()
    }

    /// Where a provider sends a browser back to.
    pub(crate) fn back(&self, headers: &HeaderMap, provider: &Provider) -> String {
        format!("{}{}{}", self.inner.house.address(headers), BACK, provider.name)
    }
}

/// What of a provider is reached, for who set it up.
///
/// # Errors
/// What is not.
pub async fn tried(provider: &Provider) -> Result<Vec<String>, String> {
    let published = published::Published::default();
    let at = published.metadata(provider).await?.at;
    let mut told = vec![format!("browsers go to {}", at.authorize), format!("codes go to {}", at.token)];
    if !provider.by_userinfo {
        let keys = published.keys(provider, &at.jwks, false).await.map_err(|why| format!("its keys: {why}"))?;
        told.push(format!("{} keys at {}", keys.len(), at.jwks));
    }
    Ok(told)
}

/// Where browsers come back, before the provider's name.
pub const BACK: &str = "/sign-in/back/";
/// Where a provider tells that somebody signed out there, before its name.
pub const ENDED: &str = "/sign-in/ended/";

/// The routes of this crate; see the table above. `data` is the folder of the configuration.
pub fn router(house: &House, data: &Path) -> Router<House> {
    let providers = Arc::new(Providers::of(data));
    let of = Arc::clone(&providers);
    house.asks_ways(Box::new(move |whose| {
        let fits = |p: &&Arc<Provider>| if whose == Whose::Citizens { p.citizens } else { p.staff };
        let way = |p: &Arc<Provider>| Way {
            name: p.name.clone(),
            label: p.label.clone(),
            is_told: p.logout,
            proves: p.proves(),
        };
        of.all().iter().filter(fits).map(way).collect()
    }));
    let published = published::Published::default();
    let shared = SignOn { inner: Arc::new(Inner { house: house.clone(), providers, published }) };
    Router::new()
        .route("/sign-in/with/{provider}", get(begin::with))
        .route("/sign-in/back/{provider}", get(answer::back))
        .route("/sign-in/out/{provider}", get(ended::out))
        .route("/sign-in/ended/{provider}", post(ended::ended))
        .route("/account/sign-on", get(mine::page).post(mine::link))
        .route("/account/sign-on/with/{provider}", get(mine::with))
        .route("/account/sign-on/{link}/end", post(mine::end))
        .route("/prove/with/{provider}", get(prove::with))
        .route("/admin/sign-on", get(admin::page))
        .route("/admin/sign-on/{link}", get(admin::one))
        .route("/admin/sign-on/{link}/end", post(admin::end))
        .layer(Extension(shared))
}
