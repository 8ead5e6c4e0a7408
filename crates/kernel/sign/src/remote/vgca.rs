//! The state's desktop signer (VGCA, Ban Cơ yếu): a program on the signer's own machine, with the key in a USB token. A page
//! (`web/ts/desktop.ts`) speaks to it at `wss://127.0.0.1:8987/SignApproved`: `{FileUploadHandler, SessionId, FileName}`; it fetches
//! the file, signs it by its own rules, and posts the whole signed file back (multipart, `uploadfile`). So nothing is prepared
//! here: what comes back is believed only where it is the very file that was given, with one signature more and nothing else, by
//! the certificate that was to sign.

use crate::certificate::Certificate;
use crate::pades;
use crate::time::Moment;
use crate::trust::Trust;
use crate::{Result, malformed};
use serde_json::{Value, json};

/// Where the program listens, on the signer's machine.
pub const ADDRESS: &str = "wss://127.0.0.1:8987";

/// A file that was given to the program, as bytes that outlive a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// Of what it is, by a name that is another where that was changed.
    pub revision: String,
    /// The file.
    pub file: Vec<u8>,
}

const MARK: &[u8] = b"mach-given/v1\n";

impl Given {
    /// As bytes to keep.
    pub fn to_bytes(&self) -> Vec<u8> {
        [MARK, json!({ "revision": self.revision }).to_string().as_bytes(), b"\n", &self.file].concat()
    }

    /// What was kept.
    ///
    /// # Errors
    /// `Malformed`.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let bad = || malformed("a file given to be signed", "not what was kept");
        let rest = bytes.strip_prefix(MARK).ok_or_else(bad)?;
        let end = rest.iter().position(|b| *b == b'\n').ok_or_else(bad)?;
        let head: Value = serde_json::from_slice(&rest[..end]).map_err(|_| bad())?;
        let revision = head.get("revision").and_then(Value::as_str).ok_or_else(bad)?.to_owned();
        Ok(Self { revision, file: rest[end + 1..].to_vec() })
    }

    /// Whether what is kept of a signature under way is a file given to the program.
    pub fn is_in(bytes: &[u8]) -> bool {
        bytes.starts_with(MARK)
    }

    /// Whether what was brought back is this file, to the byte, with one signature more and nothing else, by `signer`, that counts
    /// now.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(
        &self,
        brought: &[u8],
        signer: &Certificate,
        trust: &Trust,
        now: Moment,
    ) -> std::result::Result<(), Wrong> {
        if !brought.starts_with(b"%PDF-") {
            return Err(Wrong::NoPdf);
        }
        if !brought.starts_with(&self.file) {
            return Err(Wrong::OtherFile);
        }
        let report = pades::verify(brought, trust, now).map_err(|_| Wrong::NoPdf)?;
        let before = pades::verify(&self.file, trust, now).map_or(0, |report| report.signatures.len());
        if report.signatures.len() != before + 1 {
            return Err(Wrong::NotOneMore);
        }
        // A signature covers what it comes with: what else its revision brought along is asked by itself.
        if pades::edits_since(&self.file, brought).map_or(true, |edits| !edits.is_empty()) {
            return Err(Wrong::Edited);
        }
        let last = report.signatures.last();
        if last.and_then(|s| s.certificate.as_ref()) != Some(signer) {
            return Err(Wrong::OtherCertificate);
        }
        match report.is_good() {
            true => Ok(()),
            false => Err(Wrong::DoesNotCount),
        }
    }
}

/// What is wrong with a file that was brought back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// It is no PDF file that can be understood in one way only.
    NoPdf,
    /// It is not the file that was given.
    OtherFile,
    /// It has not exactly one signature more.
    NotOneMore,
    /// More than a signature was put in.
    Edited,
    /// It is signed with another certificate.
    OtherCertificate,
    /// The signature does not count.
    DoesNotCount,
}

/// The program as tests need it: it signs what it is given, with faults.
pub mod simulator {
    use crate::certificate::Certificate;
    use crate::key::SoftKey;
    use crate::pades::{self, Request};
    use crate::pdf::{Object, Pdf, Update};
    use crate::time::Moment;
    use crate::{Error, Result};

    /// What goes wrong.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Fault {
        /// Nothing.
        None,
        /// It is not running.
        Down,
        /// Its owner will not.
        Refuses,
        /// It brings something that is no PDF.
        Garbage,
        /// It brings the file as it got it.
        Unsigned,
        /// It signs another file.
        OtherFile,
        /// It changes the page first, and its signature covers that too.
        Edits,
        /// It signs with another token.
        OtherToken,
        /// It signs twice.
        Twice,
        /// What it brings was changed on the way: the signature does not count.
        Changed,
    }

    /// The program, with the token of one signer.
    #[derive(Debug)]
    pub struct Desktop {
        /// The token's key and certificate, with those that issued it.
        pub token: (SoftKey, Vec<Certificate>),
        /// Another token.
        pub other: (SoftKey, Vec<Certificate>),
        /// Another file.
        pub file: Vec<u8>,
        /// What goes wrong.
        pub fault: Fault,
    }

    /// The file with nothing on its first page any more.
    fn blank(file: &[u8]) -> Result<Vec<u8>> {
        let pdf = Pdf::parse(file)?;
        let mut update = Update::new(&pdf)?;
        let page = update.view().pages()?.first().copied().unwrap_or_default();
        let mut words = update.get(page)?.dictionary().cloned().unwrap_or_default();
        words.remove("Contents");
        update.set(page, Object::Dictionary(words));
        Ok(update.finish())
    }

    impl Desktop {
        /// What it brings back of a file.
        ///
        /// # Errors
        /// `Refused` where it does not run or its owner will not.
        pub fn sign(&self, file: &[u8], at: Moment) -> Result<Vec<u8>> {
            let with = |(key, chain): &(SoftKey, Vec<Certificate>), file: &[u8]| {
                pades::sign(file, &Request { chain, at, ..Request::default() }, key, None)
            };
            match self.fault {
                Fault::None => with(&self.token, file),
                Fault::Down => Err(Error::Refused("the program does not run".to_owned())),
                Fault::Refuses => Err(Error::Refused("the owner will not".to_owned())),
                Fault::Garbage => Ok(b"<html>".to_vec()),
                Fault::Unsigned => Ok(file.to_vec()),
                Fault::OtherFile => with(&self.token, &self.file),
                Fault::Edits => with(&self.token, &blank(file)?),
                Fault::OtherToken => with(&self.other, file),
                Fault::Twice => with(&self.token, &with(&self.token, file)?),
                Fault::Changed => {
                    let mut signed = with(&self.token, file)?;
                    let wanted = b"/Contents <";
                    let from = signed.windows(wanted.len()).rposition(|w| w == wanted).unwrap_or_default();
                    let hole = signed.get_mut(from + wanted.len()..).unwrap_or_default();
                    let end = hole.iter().position(|b| *b == b'>').unwrap_or_default();
                    // What is left of zeros is room: before it ends the signature itself.
                    let last = hole.get(..end).and_then(|digits| digits.iter().rposition(|b| *b != b'0'));
                    if let Some(digit) = last.and_then(|n| hole.get_mut(n.saturating_sub(8))) {
                        *digit = if *digit == b'0' { b'1' } else { b'0' };
                    }
                    Ok(signed)
                }
            }
        }
    }
}
