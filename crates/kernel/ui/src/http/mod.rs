//! How HTTP is answered: problems as pages or JSON, security headers, language, cookies, same-origin check, ids of requests, panics caught.

mod ask;
pub mod cookie;
mod origin;
mod problem;
mod request;
mod serve;

pub use ask::{REQUEST_ID, RequestId};
pub use origin::is_same_origin;
pub use problem::Problem;
pub use request::{Here, safe_next};
pub use serve::{CSP, serve};
