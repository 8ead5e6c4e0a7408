//! The state's desktop signer (VGCA, Ban Cơ yếu): a program on the signer's own machine, with the key in a USB token. A page
//! speaks to it at `wss://127.0.0.1:8987/SignApproved`: `{FileUploadHandler, SessionId, FileName}`; it fetches the file, signs it
//! by its own rules, and posts the whole signed file back (multipart, `uploadfile`). So nothing is prepared here: what comes back
//! is believed only where it is the very file that was given, signed once more by the certificate that was to sign.

use crate::certificate::Certificate;
use crate::pades;
use crate::time::Moment;
use crate::trust::Trust;
use crate::{Error, Result, malformed};
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

    /// What the page tells the program: from where it gets the file, and to where it brings it. Both addresses are for this one
    /// file and one use: the program has no session here.
    pub fn question(fetch: &str, bring: &str, session: &str) -> String {
        json!({ "FileUploadHandler": bring, "SessionId": session, "FileName": fetch }).to_string()
    }

    /// Whether what was brought back is this file, to the byte, with one signature more, by `signer`, that counts now.
    ///
    /// # Errors
    /// `Refused` where it is another file or says more than one signature more, `False` where the signature is another's or does
    /// not count; `Malformed` where it is no clean PDF.
    pub fn check(&self, brought: &[u8], signer: &Certificate, trust: &Trust, now: Moment) -> Result<()> {
        if !brought.starts_with(&self.file) {
            return Err(Error::Refused("it is not the file that was given".to_owned()));
        }
        let before = pades::marks(&self.file).map_or(0, |marks| marks.len());
        let report = pades::verify(brought, trust, now)?;
        if report.signatures.len() != before + 1 {
            return Err(Error::Refused("it has not one signature more".to_owned()));
        }
        let last = report.signatures.last().and_then(|s| s.certificate.as_ref());
        if last != Some(signer) {
            return Err(Error::False("by another certificate".to_owned()));
        }
        match report.is_good() {
            true => Ok(()),
            false => Err(Error::False("it does not count".to_owned())),
        }
    }
}

/// The program as tests need it: it signs what it is given, with faults.
pub mod simulator {
    use crate::certificate::Certificate;
    use crate::key::SoftKey;
    use crate::pades::{self, Request};
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
                Fault::OtherToken => with(&self.other, file),
                Fault::Twice => with(&self.token, &with(&self.token, file)?),
                Fault::Changed => {
                    let mut signed = with(&self.token, file)?;
                    let wanted = b"/Contents <";
                    let found = signed.windows(wanted.len()).rposition(|w| w == wanted);
                    // Within the signed attributes, past the heads of the container.
                    if let Some(digit) = found.and_then(|n| signed.get_mut(n + 400)) {
                        *digit = if *digit == b'0' { b'1' } else { b'0' };
                    }
                    Ok(signed)
                }
            }
        }
    }
}
