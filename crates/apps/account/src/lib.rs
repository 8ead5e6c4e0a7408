//! Accounts: one's own, and those an administrator looks after.
//!
//! | route | act | does |
//! |---|---|---|
//! | `GET /account` | use account | who I am, my password, my second factor, my sessions |
//! | `POST /account/password` | use account | another password; every session ends |
//! | `POST /account/second-factor/new` | use account, proven | makes a secret |
//! | `GET`, `POST /account/second-factor` | use account | shows it as QR and text; confirms it by a code, shows the codes for paper once |
//! | `POST /account/second-factor/remove` | use account, proven | takes it away |
//! | `GET`, `POST /account/passkeys` | use account, proven | my passkeys; keeps a new one |
//! | `POST /account/passkeys/options` | use account, proven | what the browser makes a passkey by |
//! | `POST /account/passkeys/{id}/remove` | use account, proven | takes a passkey away |
//! | `POST /account/sessions/{mark}/end` | use account | ends another session of mine |
//! | `GET /admin/accounts` | administer | accounts, wishes to get back in |
//! | `GET`, `POST /admin/accounts/new` | administer, proven | makes an account; shows the code it is opened with once |
//! | `GET`, `POST /admin/accounts/{id}` | administer, proven | its name, role, facility; closes it |
//! | `POST /admin/accounts/{id}/invite` | administer, proven | another opening code, where nobody has opened it; shown once |
//! | `POST /admin/accounts/{id}/recovery` | administer, proven | asks that its owner may get back in |
//! | `POST /admin/recoveries/{id}` | administer, proven | another administrator allows or refuses it |
//!
//! An administrator needs a second factor before any page of administration opens. One of a facility sees its accounts only.

mod admin;
mod edit;
mod factor;
mod form;
mod mine;
mod passkey;
mod recovery;

use axum::Router;
use axum::routing::{get, post};
use mach_house::House;

/// The routes of this crate; see the table above.
pub fn router() -> Router<House> {
    Router::new()
        .route("/account", get(mine::page))
        .route("/account/password", post(mine::password))
        .route("/account/second-factor", get(factor::page).post(factor::confirm))
        .route("/account/second-factor/new", post(factor::propose))
        .route("/account/second-factor/remove", post(factor::remove))
        .route("/account/passkeys", get(passkey::page).post(passkey::add))
        .route("/account/passkeys/options", post(passkey::options))
        .route("/account/passkeys/{id}/remove", post(passkey::remove))
        .route("/account/sessions/{mark}/end", post(mine::end_session))
        .route("/admin/accounts", get(admin::page))
        .route("/admin/accounts/new", get(edit::new_page).post(edit::make))
        .route("/admin/accounts/{id}", get(edit::page).post(edit::change))
        .route("/admin/accounts/{id}/invite", post(edit::invite))
        .route("/admin/accounts/{id}/recovery", post(recovery::ask))
        .route("/admin/recoveries/{id}", post(recovery::settle))
}
