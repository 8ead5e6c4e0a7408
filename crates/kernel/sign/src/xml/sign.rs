//! Writing a signature into an XML document.

use super::canonical::{Method, canonicalize};
use super::{ENVELOPED, HASHES, NAMESPACE, SCHEMES, bad, parse};
use crate::certificate::Certificate;
use crate::key::{Scheme, Signer, ecdsa_fixed};
use crate::{Error, Result};
use roxmltree::Node;

/// What is signed of the document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reference {
    /// All of it, the signature itself left out.
    Whole,
    /// The one element whose attribute `Id`, `ID` or `id` is this.
    Id(String),
}

/// How to sign.
#[derive(Clone, Debug)]
pub struct Options<'a> {
    /// The signer's certificate, then those that issued it.
    pub chain: &'a [Certificate],
    /// How the key signs: it stands in what is signed.
    pub scheme: Scheme,
    /// What.
    pub reference: Reference,
    /// The element that the signature goes into, at its end: `CHUKYDONVI` of claim files. The document's own where absent.
    pub into: Option<&'a str>,
    /// The canonical form.
    pub method: Method,
}

/// A document that waits for its signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prepared {
    text: String,
    /// Where the value of the signature goes.
    at: usize,
    to_be_signed: Vec<u8>,
    scheme: Scheme,
    signer: Certificate,
}

fn address<T: PartialEq + Copy>(table: &[(T, &'static str)], wanted: T) -> Result<&'static str> {
    let found = table.iter().find(|(t, _)| *t == wanted).map(|(_, address)| *address);
    found.ok_or_else(|| Error::Unsupported("this algorithm in XML".to_owned()))
}

/// The one element with an Id.
pub(super) fn by_id<'a, 'i>(document: &'a roxmltree::Document<'i>, id: &str) -> Result<Node<'a, 'i>> {
    let has = |n: &Node<'_, '_>| ["Id", "ID", "id"].iter().any(|a| n.attribute(*a) == Some(id));
    let mut found = document.descendants().filter(has);
    match (found.next(), found.next()) {
        (Some(node), None) => Ok(node),
        (None, _) => Err(bad(format!("no element has the Id `{id}`"))),
        _ => Err(Error::False(format!("several elements have the Id `{id}`"))),
    }
}

/// Writes the document with room for a signature.
///
/// # Errors
/// `Malformed` where the document is not XML or has no such element.
pub fn prepare(text: &str, options: &Options<'_>) -> Result<Prepared> {
    let signer = options.chain.first().ok_or_else(|| Error::Refused("no certificate to sign with".to_owned()))?;
    let hash = options.scheme.hash();
    let uri = match &options.reference {
        Reference::Whole => String::new(),
        Reference::Id(id) if id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)) => format!("#{id}"),
        Reference::Id(_) => return Err(bad("an Id of other letters than digits, letters, - _ .")),
    };
    let method = options.method.address();
    let certificates: String = options
        .chain
        .iter()
        .map(|c| format!("<X509Certificate>{}</X509Certificate>", crate::base64(c.raw())))
        .collect();
    let block = |digest: &str| {
        format!(
            "<Signature xmlns=\"{NAMESPACE}\"><SignedInfo><CanonicalizationMethod Algorithm=\"{method}\"/>\
             <SignatureMethod Algorithm=\"{}\"/><Reference URI=\"{uri}\"><Transforms><Transform Algorithm=\"{ENVELOPED}\"/>\
             <Transform Algorithm=\"{method}\"/></Transforms><DigestMethod Algorithm=\"{}\"/>\
             <DigestValue>{digest}</DigestValue></Reference></SignedInfo><SignatureValue></SignatureValue>\
             <KeyInfo><X509Data>{certificates}</X509Data></KeyInfo></Signature>",
            address(&SCHEMES, options.scheme).unwrap_or_default(),
            address(&HASHES, hash).unwrap_or_default(),
        )
    };
    address(&SCHEMES, options.scheme)?;
    let place = Place::find(text, options.into)?;
    // The digest does not depend on what stands in the signature: it is left out.
    let (draft, begin) = place.put(text, &block(""));
    let digest = {
        let document = parse(&draft)?;
        let signature = at(&document, begin)?;
        let node = match &options.reference {
            Reference::Whole => document.root(),
            Reference::Id(id) => by_id(&document, id)?,
        };
        crate::base64(&hash.digest(&[&canonicalize(node, &options.method, Some(signature.id()))?]))
    };
    let (text, begin) = place.put(text, &block(&digest));
    let to_be_signed = {
        let document = parse(&text)?;
        let signature = at(&document, begin)?;
        let info = signature.first_element_child().ok_or_else(|| bad("no SignedInfo"))?;
        canonicalize(info, &options.method, None)?
    };
    let opening = "<SignatureValue>";
    let value = text[begin..].find(opening).ok_or_else(|| bad("no SignatureValue"))? + begin + opening.len();
    Ok(Prepared { text, at: value, to_be_signed, scheme: options.scheme, signer: signer.clone() })
}

fn at<'a, 'i>(document: &'a roxmltree::Document<'i>, begin: usize) -> Result<Node<'a, 'i>> {
    let found = document.descendants().find(|n| n.is_element() && n.range().start == begin);
    found.ok_or_else(|| bad("the signature is not where it was written"))
}

/// Where the signature goes in the text.
enum Place {
    /// Before this byte.
    Before(usize),
    /// Into an element that is written as empty: its `/>` begins at this byte.
    Empty(usize, String),
}

impl Place {
    fn find(text: &str, into: Option<&str>) -> Result<Self> {
        let document = parse(text)?;
        let node = match into {
            None => document.root_element(),
            Some(name) => {
                let mut found = document.descendants().filter(|n| n.is_element() && n.tag_name().name() == name);
                match (found.next(), found.next()) {
                    (Some(node), None) => node,
                    (None, _) => return Err(bad(format!("no element `{name}` to sign into"))),
                    _ => return Err(bad(format!("several elements `{name}`"))),
                }
            }
        };
        let range = node.range();
        let source = &text[range.clone()];
        if source.ends_with("/>") {
            let name = source[1..].split(|c: char| c.is_ascii_whitespace() || c == '/').next().unwrap_or_default();
            return Ok(Self::Empty(range.end - 2, name.to_owned()));
        }
        let end = source.rfind("</").ok_or_else(|| bad("an element without its end"))?;
        Ok(Self::Before(range.start + end))
    }

    /// The text with the block in its place, and where the block begins.
    fn put(&self, text: &str, block: &str) -> (String, usize) {
        match self {
            Self::Before(at) => (format!("{}{block}{}", &text[..*at], &text[*at..]), *at),
            Self::Empty(at, name) => (format!("{}>{block}</{name}>{}", &text[..*at], &text[at + 2..]), at + 1),
        }
    }
}

impl Prepared {
    /// Exactly the bytes to sign.
    pub fn to_be_signed(&self) -> &[u8] {
        &self.to_be_signed
    }

    /// The signed document. ECDSA signatures are given in DER, as keys give them.
    ///
    /// # Errors
    /// `False` where the signature is not by the certificate's key over exactly these bytes.
    pub fn finish(self, signature: &[u8]) -> Result<String> {
        self.signer.key.verify(self.scheme, &self.to_be_signed, signature)?;
        let value = match self.scheme {
            Scheme::EcdsaP256Sha256 => ecdsa_fixed(signature, 32)?,
            Scheme::EcdsaP384Sha384 => ecdsa_fixed(signature, 48)?,
            _ => signature.to_vec(),
        };
        Ok(format!("{}{}{}", &self.text[..self.at], crate::base64(&value), &self.text[self.at..]))
    }
}

/// Signs with a key that is at hand.
///
/// # Errors
/// As [`prepare`] and [`Prepared::finish`]; what the key says.
pub fn sign(text: &str, options: &Options<'_>, key: &dyn Signer) -> Result<String> {
    let prepared = prepare(text, options)?;
    let signature = key.sign(prepared.to_be_signed())?;
    prepared.finish(&signature)
}
