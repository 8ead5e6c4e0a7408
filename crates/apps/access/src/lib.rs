//! Who may see what, for those who look after it: the policy.
//!
//! | route | act | shows |
//! |---|---|---|
//! | `GET /admin/access` | administer | the policy, row by row; who may do what, tried out |

mod form;
mod policy;

use axum::Router;
use axum::routing::get;
use mach_house::House;

/// The routes of this crate; see the table above.
pub fn router() -> Router<House> {
    Router::new().route("/admin/access", get(policy::page))
}
