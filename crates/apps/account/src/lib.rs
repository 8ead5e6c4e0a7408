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
use mach_access::Act;
use mach_house::House;
use mach_house::waiting::Queue;
use mach_store::factors;
use mach_store::waiting;
use mach_ui::components::Icon;
use mach_ui::msg;

/// What waits of accounts: who wants to get back in, where another administrator asked for them.
pub const WORK: &[Queue] = &[Queue {
    act: Act::Administer,
    label: msg::WORK_RECOVERIES,
    icon: Icon::Person,
    href: "/admin/accounts",
    page: "/admin/accounts",
    ask: |r, who| {
        let scope = r.scope();
        let wait = |w: &factors::Recovery| {
            !w.is_allowed && w.asked_by != who.account && w.account.actor.account != who.account
        };
        let asked: Vec<i64> = factors::recoveries(r, scope)?.iter().filter(|w| wait(w)).map(|w| w.asked).collect();
        let count = i64::try_from(asked.len()).unwrap_or(i64::MAX);
        Ok(waiting::Waiting { count, oldest: asked.into_iter().min(), due: None })
    },
}];

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
