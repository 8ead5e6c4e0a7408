//! What the pages of this crate share.

use crate::pass::No;
use askama::Template;
use mach_ui::components::{Button, ErrorSummary, Field, Icon, Layout, laid_out};
use mach_ui::http::Problem;
use mach_ui::{Html, Lang, msg};

/// A form of fields with its buttons; errors stand above it.
#[derive(Template)]
#[template(path = "form.html")]
struct FormBody {
    action: String,
    errors: Html,
    hidden: Vec<(&'static str, String)>,
    lead: String,
    fields: Vec<Html>,
    buttons: Html,
}

/// A form of fields.
pub(crate) fn form(
    lang: Lang,
    action: impl Into<String>,
    (lead, hidden): (&str, Vec<(&'static str, String)>),
    fields: &[Field],
    buttons: impl IntoIterator<Item = Html>,
) -> Html {
    Html::template(&FormBody {
        action: action.into(),
        errors: ErrorSummary::of(lang, fields).into(),
        hidden,
        lead: lead.to_owned(),
        fields: fields.iter().map(|f| f.html(lang)).collect(),
        buttons: Html::concat(buttons),
    })
}

#[derive(Template)]
#[template(path = "line.html")]
struct Line<'a> {
    text: &'a str,
    muted: bool,
}

/// A paragraph.
pub(crate) fn line(text: &str) -> Html {
    Html::template(&Line { text, muted: false })
}

/// Parts below each other.
pub(crate) fn stack(parts: impl IntoIterator<Item = Html>) -> Html {
    laid_out(Layout::Stack, parts)
}

/// A link that looks like a button.
pub(crate) fn link(label: &str, href: impl Into<String>, icon: Icon) -> Html {
    Button::link(label, href).icon(icon).into()
}

/// Why no pass was issued, for the reader.
pub(crate) fn refusal(lang: Lang, no: No) -> Problem {
    match no {
        No::Unknown => Problem::NotFound,
        No::NoDose => Problem::Conflict(lang.t(msg::VAC_NO_DOSE).to_owned()),
        No::Doubtful => Problem::Conflict(lang.t(msg::VAC_IN_DOUBT).to_owned()),
        No::There => Problem::Conflict(lang.t(msg::VAC_PASS_THERE).to_owned()),
        No::Birth => Problem::Conflict(lang.t(msg::VAC_NO_BIRTH).to_owned()),
    }
}

/// Seconds as a moment of local time.
pub(crate) fn moment(seconds: i64) -> String {
    mach_base::Minute::of_seconds(seconds).vi()
}

/// A commune's name by its code.
pub(crate) fn commune(lang: Lang, code: &str) -> String {
    if code.is_empty() {
        return lang.t(msg::VAC_NO_COMMUNE).to_owned();
    }
    let units = mach_places::Places::shared();
    let unit = units.get(code, mach_base::Day::today()).or_else(|| units.get(code, mach_base::Day(20_000)));
    unit.map_or_else(|| code.to_owned(), mach_places::Unit::full_name)
}
