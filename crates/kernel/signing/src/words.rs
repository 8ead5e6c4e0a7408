//! Why something is not signed: kept with a signature as a word of the house, told to the reader in their language. What a
//! machine says of a fault stands in the program's log, and is nobody's on a page.

use mach_sign::certificate::Certificate;
use mach_sign::revocation::Evidence;
use mach_sign::trust::{Purpose, Standing, Trust};
use mach_ui::{Lang, msg};

/// The certificate was revoked.
pub const REVOKED: &str = "certificate-revoked";
/// The certificate is over.
pub const EXPIRED: &str = "certificate-expired";
/// The certificate's first day is to come.
pub const NOT_YET: &str = "certificate-not-yet";
/// Nobody can say whether the certificate was revoked.
pub const UNCHECKED: &str = "certificate-unchecked";
/// The certificate leads to nobody who is trusted, or is for another use.
pub const UNTRUSTED: &str = "certificate-untrusted";
/// Who asked may not sign any more.
pub const MAY_NOT: &str = "signer-may-not";
/// Nobody confirmed within a day.
pub const PATIENCE_OVER: &str = "not-confirmed";
/// The facility registered no rules under which it signs.
pub const NO_POLICY: &str = "no-policy";
/// No seal is registered.
pub const NO_SEAL: &str = "no-seal";
/// What was signed is not what is kept.
pub const PAPER_CHANGED: &str = "paper-changed";
/// Nobody wants the signature any more, or another is missing before it.
pub const UNSIGNED: &str = "unsigned";
/// What the owner of a key answered stands behind it.
pub const REFUSED: &str = "refused: ";
/// The token is not plugged in.
pub const TOKEN_ABSENT: &str = "token-absent";
/// Nobody typed the token's PIN since the program began, and none is sealed.
pub const TOKEN_PIN_MISSING: &str = "token-pin-missing";
/// The PIN is wrong. It is not tried again.
pub const TOKEN_PIN_WRONG: &str = "token-pin-wrong";
/// One more wrong PIN would lock the token: that try is its owner's.
pub const TOKEN_LAST_TRY: &str = "token-last-try";
/// The token is locked.
pub const TOKEN_LOCKED: &str = "token-locked";
/// The token was pulled out, or forgot us, meanwhile.
pub const TOKEN_LOST: &str = "token-lost";
/// No key, or more than one, fits the address.
pub const TOKEN_KEY_ABSENT: &str = "token-key-absent";
/// The token cannot sign as the circular asks.
pub const TOKEN_SCHEME: &str = "token-scheme";
/// A fault whose words are in the log.
pub const FAULT: &str = "fault";

/// What a signer's own machine brought is no PDF.
pub const BROUGHT_NO_PDF: &str = "brought-no-pdf";
/// It is not the file that was given.
pub const BROUGHT_OTHER_FILE: &str = "brought-other-file";
/// It has not exactly one signature more.
pub const BROUGHT_NOT_ONE: &str = "brought-not-one";
/// More than a signature was put in.
pub const BROUGHT_EDITED: &str = "brought-edited";
/// It is signed with another certificate than the registered one.
pub const BROUGHT_OTHER_CERTIFICATE: &str = "brought-other-certificate";
/// Its signature does not count.
pub const BROUGHT_FALSE: &str = "brought-false";
/// It is larger than a signature can make the file that was given.
pub const BROUGHT_LARGE: &str = "brought-large";

/// Why a step was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Halt {
    /// It ends here, until somebody asks again.
    Stopped(String),
    /// It may be otherwise later.
    Later(String),
}

impl Halt {
    /// It ends here, by a word of the house.
    pub fn stopped(code: &str) -> Self {
        Self::Stopped(code.to_owned())
    }

    /// What is kept of it.
    pub fn said(self) -> String {
        let (Self::Stopped(said) | Self::Later(said)) = self;
        said
    }
}

/// Something that may be otherwise later.
pub fn later(why: impl std::fmt::Display) -> Halt {
    Halt::Later(why.to_string())
}

/// Why something is not signed, in the reader's language, where what is kept with it is one of our words for it.
pub fn known(lang: Lang, said: &str) -> Option<&'static str> {
    let message = match said {
        REVOKED => msg::SIGNING_REVOKED,
        EXPIRED => msg::SIGNING_EXPIRED,
        NOT_YET => msg::SIGNING_NOT_YET,
        UNCHECKED => msg::SIGNING_UNCHECKED,
        UNTRUSTED => msg::SIGNING_UNTRUSTED,
        MAY_NOT => msg::SIGNING_MAY_NOT,
        PATIENCE_OVER => msg::SIGNING_PATIENCE,
        NO_POLICY => msg::SIGNING_NO_POLICY,
        NO_SEAL => msg::SIGNING_NO_SEAL,
        PAPER_CHANGED => msg::SIGNING_PAPER_CHANGED,
        UNSIGNED => msg::SIGNING_UNSIGNED,
        TOKEN_ABSENT => msg::TOKEN_ABSENT,
        TOKEN_PIN_MISSING => msg::TOKEN_PIN_MISSING,
        TOKEN_PIN_WRONG => msg::TOKEN_PIN_WRONG,
        TOKEN_LAST_TRY => msg::TOKEN_LAST_TRY,
        TOKEN_LOCKED => msg::TOKEN_LOCKED,
        TOKEN_LOST => msg::TOKEN_LOST,
        TOKEN_KEY_ABSENT => msg::TOKEN_KEY_ABSENT,
        TOKEN_SCHEME => msg::TOKEN_SCHEME,
        FAULT => msg::SIGNING_FAULT,
        BROUGHT_NO_PDF => msg::BROUGHT_NO_PDF,
        BROUGHT_OTHER_FILE => msg::BROUGHT_OTHER_FILE,
        BROUGHT_NOT_ONE => msg::BROUGHT_NOT_ONE,
        BROUGHT_EDITED => msg::BROUGHT_EDITED,
        BROUGHT_OTHER_CERTIFICATE => msg::BROUGHT_OTHER_CERTIFICATE,
        BROUGHT_FALSE => msg::BROUGHT_FALSE,
        BROUGHT_LARGE => msg::BROUGHT_LARGE,
        refused if refused.starts_with(REFUSED) => msg::SIGNING_REFUSED,
        _ => return None,
    };
    Some(lang.t(message))
}

/// The same, where anything else is a fault.
pub fn word(lang: Lang, said: &str) -> &'static str {
    match said {
        "" => "",
        said => known(lang, said).unwrap_or_else(|| lang.t(msg::SIGNING_FAULT)),
    }
}

/// Why a certificate's owner cannot sign with it now; `None` where they can. Nothing is signed on a guess: where no revocation
/// data is at hand, it waits for them.
pub fn hindrance(chain: &[Certificate], trust: &Trust, now: i64) -> Option<Halt> {
    let stopped = |code: &str| Some(Halt::stopped(code));
    let Some(own) = chain.first() else { return stopped(UNTRUSTED) };
    match trust.standing(own, chain, &Evidence::default(), now, Purpose::Document) {
        Standing::Valid => None,
        Standing::ValidUnchecked => Some(later(UNCHECKED)),
        Standing::NotYet => Some(later(NOT_YET)),
        Standing::Expired => stopped(EXPIRED),
        Standing::Revoked(_) => stopped(REVOKED),
        Standing::Untrusted(_) | Standing::WrongUse(_) => stopped(UNTRUSTED),
    }
}
