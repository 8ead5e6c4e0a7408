//! With which certificate somebody signs, where they have several: chosen beside the button that signs.

use crate::ask::Chosen;
use crate::desk::Desk;
use mach_base::Day;
use mach_store::Result;
use mach_store::signing::{self, Act, Provider, Signer};
use mach_store::sql::Query;
use mach_ui::components::{Field, FieldKind};
use mach_ui::{Lang, Msg, msg};

/// The name of the field.
pub const FIELD: &str = "with";

/// What somebody may sign with today, the newest first.
///
/// # Errors
/// Of the store.
pub fn of(on: &mut dyn Query, (facility, account): (i64, i64), act: Act) -> Result<Vec<Signer>> {
    signing::signers_for(on, facility, account, act, Day::today())
}

/// What the field holds, as it was sent. A number that is none is no choice of theirs, and is refused as such.
pub fn read(typed: &str) -> Chosen {
    match typed.trim() {
        "" => None,
        number => Some(number.parse().unwrap_or(0)),
    }
}

/// What somebody signs with, in a word.
pub fn provider_word(provider: Provider) -> Msg {
    match provider {
        Provider::Soft => msg::SIGNER_SOFT,
        Provider::SmartCa => msg::SIGNER_SMARTCA,
        Provider::Token => msg::SIGNER_TOKEN,
        Provider::MySign => msg::SIGNER_MYSIGN,
        Provider::Vgca => msg::SIGNER_VGCA,
    }
}

/// The field; `None` where there is nothing to choose. `before`: what was signed with last time.
pub fn field(lang: Lang, desk: &Desk, signers: &[Signer], before: i64) -> Option<Field> {
    if signers.len() < 2 {
        return None;
    }
    let label = |s: &Signer| {
        let at = lang.t(provider_word(s.provider));
        let at = match desk.simulates(s.provider) {
            true => lang.fmt(msg::SIGN_WITH_SIMULATED, &[("at", at)]),
            false => at.to_owned(),
        };
        lang.fmt(msg::SIGN_WITH_ONE, &[("at", &at), ("until", &s.to.vi())])
    };
    let choices = signers.iter().map(|s| (s.id.to_string(), label(s))).collect();
    let chosen = signers.iter().find(|s| s.id == before).or(signers.first()).map(|s| s.id.to_string());
    let field = Field::new(FIELD, lang.t(msg::SIGN_WITH), FieldKind::Choice(choices)).required();
    Some(field.value(chosen.unwrap_or_default()))
}
