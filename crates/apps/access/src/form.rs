//! What the pages of this crate share.

use mach_ui::components::{Button, Field, field_form};
use mach_ui::{Html, Lang};

pub(crate) use mach_house::admin::{Closed, administrator};
pub(crate) use mach_ui::components::stack;
pub(crate) use mach_ui::format::moment;

/// What is wrong with what was typed: the name of a field, and what is said beside it.
pub(crate) type Errors = Vec<(&'static str, String)>;

/// A form of fields with one button; their errors stand above it.
pub(crate) fn form(lang: Lang, action: &str, fields: &[Field], button: Button) -> Html {
    field_form(lang, action, ("", Vec::new()), fields, [button.into()])
}
