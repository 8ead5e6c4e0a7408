//! What the pages of this crate share.

use mach_base::Minute;
use mach_ui::components::{Button, Field, field_form};
use mach_ui::{Html, Lang, format};

pub(crate) use mach_house::admin::{Closed, administrator};
pub(crate) use mach_ui::components::stack;

/// A form of fields with one button; their errors stand above it.
pub(crate) fn form(lang: Lang, action: &str, fields: &[Field], button: Button) -> Html {
    field_form(lang, action, ("", Vec::new()), fields, [button.into()])
}

/// A time in seconds as it is shown.
pub(crate) fn moment(seconds: i64) -> String {
    format::date_time(Minute::of_seconds(seconds))
}
