//! What every page shares: the shell, the components, the charts, the two languages, and how HTTP is answered.
//!
//! # A page of another crate
//!
//! Askama templates cannot extend a template of another crate, so the shell takes a finished body:
//!
//! ```
//! use mach_ui::{Html, Lang, components::PageHead, http::Problem, msg, shell::{self, PageMeta}};
//!
//! // `templates/inbox.html` of the app: `{{ head }}<p>{{ lang.t(msg::CLAIMS_LEAD) }}</p>{{ table }}`
//! #[derive(askama::Template)]
//! #[template(source = "{{ head }}<p>{{ lang.t(msg::CLAIMS_LEAD) }}</p>", ext = "html")]
//! struct Inbox { lang: Lang, head: PageHead }
//!
//! fn inbox(lang: Lang) -> Result<Html, Problem> {
//!     let title = lang.t(msg::CLAIMS);
//!     let body = Html::template(&Inbox { lang, head: PageHead::new(title) });
//!     Ok(shell::page(&PageMeta { lang, title: title.into(), active: "/claims".into(), ..PageMeta::default() }, body))
//! }
//! assert!(inbox(Lang::Vi)?.as_str().contains("Hồ sơ BHYT"));
//! # Ok::<(), Problem>(())
//! ```
//!
//! - Put `whitespace = "minimize"` into the app's `askama.toml`; give each template struct a `lang` field.
//! - Text stands in `content/messages/{vi,en}.ftl`, never in a template; `{{ value }}` escapes, components do not.
//! - A handler gives `Result<Html, Problem>`; [`http::serve`] turns problems into pages or, under `/api/`, into
//!   `OperationOutcome`.
//! - Parts stand beside each other by [`components::laid_out`], or in a template by the classes of [`components::Layout`].
//! - The content security policy forbids inline script and style: use the classes of `web/css`, SVG attributes for widths.

pub mod assets;
pub mod chart;
pub mod components;
pub mod format;
pub mod gallery;
mod html;
pub mod http;
mod lang;
pub mod look;
pub mod pages;
mod pwa;
pub mod shell;

pub use html::{Html, escape};
pub use lang::{Lang, Msg, msg};
