//! XML signatures (XMLDSig): one enveloped in the document, over all of it or over one element with an Id.
//!
//! Verifying says which part of the document is covered, because moving the signed part aside and putting another in its
//! place (signature wrapping) leaves every digest as it was: whoever reads the document must read what is covered.

mod canonical;
mod sign;
mod verify;

pub use canonical::{Method, canonicalize, of_text};
pub use sign::{Options, Prepared, Reference, prepare, sign};
pub use verify::{Covered, Signature, verify};

/// The namespace of XML signatures.
pub const NAMESPACE: &str = "http://www.w3.org/2000/09/xmldsig#";

const ENVELOPED: &str = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";

use crate::key::{Hash, Scheme};
use crate::{Error, Result, limits};

const SCHEMES: [(Scheme, &str); 8] = [
    (Scheme::EcdsaP256Sha256, "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"),
    (Scheme::EcdsaP384Sha384, "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384"),
    (Scheme::RsaPkcs1(Hash::Sha256), "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"),
    (Scheme::RsaPkcs1(Hash::Sha384), "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384"),
    (Scheme::RsaPkcs1(Hash::Sha512), "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512"),
    (Scheme::RsaPss(Hash::Sha256), "http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1"),
    (Scheme::RsaPss(Hash::Sha384), "http://www.w3.org/2007/05/xmldsig-more#sha384-rsa-MGF1"),
    (Scheme::RsaPss(Hash::Sha512), "http://www.w3.org/2007/05/xmldsig-more#sha512-rsa-MGF1"),
];

const HASHES: [(Hash, &str); 3] = [
    (Hash::Sha256, "http://www.w3.org/2001/04/xmlenc#sha256"),
    (Hash::Sha384, "http://www.w3.org/2001/04/xmldsig-more#sha384"),
    (Hash::Sha512, "http://www.w3.org/2001/04/xmlenc#sha512"),
];

fn bad(why: impl Into<String>) -> Error {
    crate::malformed("XML", why)
}

/// Parses a document: UTF-8, no document type.
fn parse(text: &str) -> Result<roxmltree::Document<'_>> {
    if text.len() > limits::XML_BYTES {
        return Err(Error::TooLarge { what: "an XML file", limit: limits::XML_BYTES });
    }
    check_depth(text)?;
    roxmltree::Document::parse(text).map_err(|e| bad(e.to_string()))
}

/// That elements are not nested past the limit, before a parser goes down with them.
fn check_depth(text: &str) -> Result<()> {
    let mut depth = 0_usize;
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix("!--") {
            rest = after.split_once("-->").map_or("", |(_, after)| after);
        } else if let Some(after) = rest.strip_prefix("![CDATA[") {
            rest = after.split_once("]]>").map_or("", |(_, after)| after);
        } else if let Some(after) = rest.strip_prefix('?') {
            rest = after.split_once("?>").map_or("", |(_, after)| after);
        } else if rest.starts_with('/') {
            depth = depth.saturating_sub(1);
        } else {
            let mut quote = None;
            let end = rest.bytes().position(|b| match quote {
                Some(q) => {
                    if b == q {
                        quote = None;
                    }
                    false
                }
                None if b == b'"' || b == b'\'' => {
                    quote = Some(b);
                    false
                }
                None => b == b'>',
            });
            let Some(end) = end else { return Err(bad("a tag without its end")) };
            if end > limits::XML_TAG_BYTES {
                return Err(Error::TooLarge { what: "a tag of an XML file", limit: limits::XML_TAG_BYTES });
            }
            if !rest[..end].ends_with('/') {
                depth += 1;
            }
            if depth > limits::XML_DEPTH {
                return Err(Error::TooLarge { what: "the depth of an XML file", limit: limits::XML_DEPTH });
            }
            rest = &rest[end + 1..];
        }
    }
    Ok(())
}
