//! What the pages of this crate share.

use crate::pass::No;
use mach_ui::components::{Button, Icon};
use mach_ui::http::Problem;
use mach_ui::{Html, Lang, msg};

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
