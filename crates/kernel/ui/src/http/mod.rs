//! How HTTP is answered: problems as pages or JSON, security headers, language, cookies, same-origin check.

pub mod cookie;
mod origin;
mod problem;
mod request;
mod serve;

pub use origin::is_same_origin;
pub use problem::Problem;
pub use request::{Here, safe_next};
pub use serve::{CSP, serve};
