//! What the pages of this crate share: a form, a secret shown once, and who may come in.

use askama::Template;
use mach_access::{Decision, Role};
use mach_house::Session;
use mach_store::sql::Query;
use mach_store::{Error, Result as Stored, accounts};
use mach_ui::components::{Button, Field, field_form};
use mach_ui::{Html, Lang, msg};

/// A form of fields with one button; their errors stand above it.
pub(crate) fn form(lang: Lang, action: impl Into<String>, fields: &[Field], button: Button) -> Html {
    field_form(lang, action, ("", Vec::new()), fields, [button.into()])
}

/// Codes that are shown this once.
#[derive(Template)]
#[template(path = "codes.html")]
struct Codes<'a> {
    codes: &'a [String],
}

/// Codes that are shown this once, large enough to copy by hand.
pub(crate) fn codes(codes: &[String]) -> Html {
    Html::template(&Codes { codes })
}

pub(crate) use mach_house::Failure;
pub(crate) use mach_house::admin::{Closed, Proven, administrator};
pub(crate) use mach_house::proof::new_code;
pub(crate) use mach_ui::format::moment;

/// One's own account.
pub(crate) fn own(on: &mut dyn Query, decision: &Decision) -> Stored<accounts::Account> {
    accounts::by_id(on, decision.scope(), decision.actor().account)?.ok_or(Error::Missing("the account of a session"))
}

/// Roles of people, those that `by` may give.
pub(crate) fn roles(by: &Session) -> Vec<Role> {
    let all = [Role::Leader, Role::Head, Role::Operator, Role::Clinician, Role::Administrator];
    all.into_iter().filter(|r| by.actor.facility.is_none() || *r != Role::Leader).collect()
}

/// What an account's state is called.
pub(crate) fn state(lang: Lang, account: &accounts::Account) -> (mach_ui::components::Tone, &'static str) {
    use mach_ui::components::Tone;
    if account.closed {
        (Tone::Plain, lang.t(msg::ACCOUNT_CLOSED))
    } else if account.rests_until > mach_base::time::now_seconds() {
        (Tone::Warning, lang.t(msg::ACCOUNT_RESTS))
    } else {
        (Tone::Good, lang.t(msg::ACCOUNT_OPEN))
    }
}
