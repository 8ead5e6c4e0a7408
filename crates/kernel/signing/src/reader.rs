//! The form by which a reader of fingerprints on somebody's own machine is asked, and its statement sent: `reader.js` does both.

use crate::confirm::READER;
use askama::Template;
use mach_ui::components::Icon;
use mach_ui::{Html, Lang, assets, msg};

#[derive(Template)]
#[template(path = "reader.html")]
struct Reader<'a> {
    lang: Lang,
    /// Where the statement goes; the question comes from `/question` below it.
    action: &'a str,
    hidden: &'a [(&'static str, String)],
    address: &'static str,
    script: String,
}

/// The form; it sends `do=statement`, the statement, and what is `hidden` in it.
pub fn form(lang: Lang, action: &str, hidden: &[(&'static str, String)]) -> Html {
    Html::template(&Reader { lang, action, hidden, address: READER, script: assets::url("reader.js") })
}
