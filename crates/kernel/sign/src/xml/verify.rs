//! Reading the signatures of an XML document.

use super::canonical::{Method, canonicalize};
use super::sign::by_id;
use super::{ENVELOPED, HASHES, NAMESPACE, SCHEMES, bad, parse};
use crate::certificate::Certificate;
use crate::key::{Scheme, ecdsa_der};
use crate::revocation::Evidence;
use crate::time::{self, Moment};
use crate::trust::{Purpose, Standing, Trust};
use crate::{Error, Result, limits};
use roxmltree::{Document, Node, NodeId};
use std::cell::Cell;

/// What of the document a signature covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Covered {
    /// All of it.
    Whole,
    /// One element with what is in it, as a path of names: `root/part[2]`.
    Element(String),
}

/// One signature.
#[derive(Clone, Debug)]
pub struct Signature {
    /// Whose, where a certificate fits.
    pub certificate: Option<Certificate>,
    /// How it was signed.
    pub scheme: Option<Scheme>,
    /// The time the signer says, where the signature covers it.
    pub said: Option<Moment>,
    /// What it covers.
    pub covered: Vec<Covered>,
    /// That the signer signed this; why not.
    pub integrity: Result<()>,
    /// Where the certificate stood at the time said.
    pub then: Standing,
    /// Where it stands now.
    pub now: Standing,
}

impl Signature {
    /// Whether it covers the whole document.
    pub fn is_whole(&self) -> bool {
        self.covered.contains(&Covered::Whole)
    }

    /// Whether it counts. The time is only the signer's word, so the certificate must stand now too.
    pub fn is_good(&self) -> bool {
        self.integrity.is_ok() && self.then.is_good() && self.now.is_good()
    }
}

/// Reads all signatures of a document and checks each.
///
/// # Errors
/// `Malformed` where it is not XML, `TooLarge`.
pub fn verify(text: &str, trust: &Trust, now: Moment) -> Result<Vec<Signature>> {
    let document = parse(text)?;
    let is_signature = |n: &Node<'_, '_>| n.has_tag_name((NAMESPACE, "Signature"));
    let nodes: Vec<_> = document.descendants().filter(is_signature).collect();
    if nodes.len() > limits::XML_SIGNATURES {
        return Err(Error::TooLarge { what: "the signatures of an XML file", limit: limits::XML_SIGNATURES });
    }
    let work = Work { document: &document, left: Cell::new(FORMS * text.len() + FORMS_BYTES) };
    Ok(nodes.into_iter().map(|node| one(&work, node, trust, now)).collect())
}

/// All canonical forms of a document's parts together may be so many times as long as it is, and some bytes more: whoever
/// signs with a key of their own could have each of a thousand references say the whole.
const FORMS: usize = 4;
const FORMS_BYTES: usize = 1 << 20;

/// A document, and how much of it may still be brought to a canonical form.
struct Work<'d, 'i> {
    document: &'d Document<'i>,
    left: Cell<usize>,
}

impl Work<'_, '_> {
    fn canonical(&self, node: Node<'_, '_>, form: &Method, without: Option<NodeId>) -> Result<Vec<u8>> {
        let bytes = canonicalize(node, form, without)?;
        let cost = bytes.len().max(node.range().len());
        let left = self.left.get().checked_sub(cost);
        self.left.set(left.ok_or(Error::TooLarge { what: "what an XML file's signatures cover", limit: FORMS_BYTES })?);
        Ok(bytes)
    }
}

/// What a signature was found to be of.
#[derive(Default)]
struct Found {
    certificate: Option<Certificate>,
    scheme: Option<Scheme>,
    covered: Vec<Covered>,
    /// The time that the signer says and has signed.
    said: Option<Moment>,
}

fn one(work: &Work<'_, '_>, node: Node<'_, '_>, trust: &Trust, now: Moment) -> Signature {
    let mut found = Found::default();
    let integrity = check(work, node, &mut found);
    let unread = || Standing::Untrusted("the certificate could not be read".to_owned());
    let mut out = Signature {
        certificate: found.certificate,
        scheme: found.scheme,
        said: found.said,
        covered: found.covered,
        integrity,
        then: unread(),
        now: unread(),
    };
    if let Some(certificate) = &out.certificate {
        let others = certificates(node);
        let standing = |at| trust.standing(certificate, &others, &Evidence::default(), at, Purpose::Document);
        (out.then, out.now) = (standing(out.said.unwrap_or(now)), standing(now));
        if out.said.is_some_and(|said| said > now + time::CLOCK_SKEW) {
            out.integrity = Err(Error::False("it says a time that is still to come".to_owned()));
        }
    }
    out
}

fn child<'a, 'i>(node: Node<'a, 'i>, name: &str) -> Result<Node<'a, 'i>> {
    let mut found = node.children().filter(|n| n.has_tag_name((NAMESPACE, name)));
    match (found.next(), found.next()) {
        (Some(node), None) => Ok(node),
        (None, _) => Err(bad(format!("a signature without {name}"))),
        _ => Err(bad(format!("a signature with several {name}"))),
    }
}

fn algorithm<'a>(node: Node<'a, '_>) -> &'a str {
    node.attribute("Algorithm").unwrap_or_default()
}

fn bytes(node: Node<'_, '_>) -> Result<Vec<u8>> {
    if node.children().any(|n| !n.is_text()) {
        return Err(bad("something other than base64"));
    }
    crate::from_base64(node.text().unwrap_or_default())
}

fn certificates(signature: Node<'_, '_>) -> Vec<Certificate> {
    let nodes = signature.descendants().filter(|n| n.has_tag_name((NAMESPACE, "X509Certificate")));
    nodes.take(limits::CERTIFICATES).filter_map(|n| Certificate::parse(&bytes(n).ok()?).ok()).collect()
}

/// A canonical form as a document names it.
fn method(node: Node<'_, '_>) -> Result<Method> {
    let mut method = Method::of(algorithm(node))
        .ok_or_else(|| Error::Unsupported(format!("canonical form or transform `{}`", algorithm(node))))?;
    let listed = node.children().find(|n| n.tag_name().name() == "InclusiveNamespaces");
    if let Some(list) = listed.and_then(|n| n.attribute("PrefixList")) {
        method.prefixes = list.split_ascii_whitespace().map(str::to_owned).collect();
    }
    Ok(method)
}

fn check(work: &Work<'_, '_>, signature: Node<'_, '_>, out: &mut Found) -> Result<()> {
    let info = child(signature, "SignedInfo")?;
    let address = algorithm(child(info, "SignatureMethod")?);
    let found = SCHEMES.into_iter().find(|(_, a)| *a == address).map(|(s, _)| s);
    let found = found.ok_or_else(|| Error::Unsupported(format!("signature algorithm `{address}`")))?;
    out.scheme = Some(found);
    let value = bytes(child(signature, "SignatureValue")?)?;
    let value = match found {
        Scheme::EcdsaP256Sha256 | Scheme::EcdsaP384Sha384 => ecdsa_der(&value)?,
        _ => value,
    };
    let signed = work.canonical(info, &method(child(info, "CanonicalizationMethod")?)?, None)?;
    let all = certificates(signature);
    if all.is_empty() {
        return Err(Error::Unsupported("a signature without a certificate: nobody knows whose key it is".to_owned()));
    }
    // Certificates have no order here; the signer's is the one whose key fits.
    let signer = all.iter().find(|c| c.key.verify(found, &signed, &value).is_ok());
    out.certificate = signer.or(all.first()).cloned();
    if signer.is_none() {
        return Err(Error::False("not by the key of any certificate that came along".to_owned()));
    }
    let references: Vec<_> = info.children().filter(|n| n.has_tag_name((NAMESPACE, "Reference"))).collect();
    if references.is_empty() || references.len() > limits::XML_REFERENCES {
        return Err(bad("a signature of nothing, or of too much"));
    }
    for reference in references {
        let part = reference_holds(work, signature, reference, &mut out.said)?;
        out.covered.extend(part);
    }
    Ok(())
}

/// Checks one reference; what it covers, nothing where that lies inside the signature itself.
fn reference_holds(
    work: &Work<'_, '_>,
    signature: Node<'_, '_>,
    reference: Node<'_, '_>,
    said: &mut Option<Moment>,
) -> Result<Option<Covered>> {
    let document = work.document;
    let uri = reference.attribute("URI").ok_or_else(|| Error::Unsupported("a reference without URI".to_owned()))?;
    let node = match uri.strip_prefix('#') {
        None if uri.is_empty() => document.root(),
        Some(id) if !id.starts_with("xpointer") => by_id(document, id)?,
        _ => return Err(Error::Unsupported(format!("a reference to `{uri}`"))),
    };
    let mut form = Method::inclusive();
    let mut enveloped = false;
    let transforms = reference.children().find(|n| n.has_tag_name((NAMESPACE, "Transforms")));
    let transforms: Vec<_> = transforms.iter().flat_map(|n| n.children().filter(Node::is_element)).collect();
    for (i, transform) in transforms.iter().enumerate() {
        if algorithm(*transform) == ENVELOPED && i == 0 {
            enveloped = true;
        } else if i + 1 == transforms.len() {
            form = method(*transform)?;
        } else {
            return Err(Error::Unsupported(format!("transform `{}`", algorithm(*transform))));
        }
    }
    let address = algorithm(child(reference, "DigestMethod")?);
    let hash = HASHES.into_iter().find(|(_, a)| *a == address).map(|(h, _)| h);
    let hash = hash.ok_or_else(|| Error::Unsupported(format!("digest `{address}`")))?;
    let without = enveloped.then(|| signature.id());
    if hash.digest(&[&work.canonical(node, &form, without)?]) != bytes(child(reference, "DigestValue")?)? {
        return Err(Error::False(format!("`{}` is not what was signed", path(node))));
    }
    if node.ancestors().any(|n| n == signature) {
        // A time beside it that no reference covers is anybody's.
        let time = node.descendants().find(|n| n.tag_name().name().eq_ignore_ascii_case("SigningTime"));
        let time = time.and_then(|n| n.text()).and_then(|t| t.trim().parse::<jiff::Timestamp>().ok());
        *said = said.or(time.map(|t| t.as_second()));
        return Ok(None);
    }
    let whole = node.is_root() || node == document.root_element();
    Ok(Some(if whole { Covered::Whole } else { Covered::Element(path(node)) }))
}

/// The way to a node by names and places.
fn path(node: Node<'_, '_>) -> String {
    let step = |n: Node<'_, '_>| {
        let name: String = n.tag_name().name().chars().take(64).collect();
        let before = n.prev_siblings().skip(1).filter(|s| s.is_element() && s.tag_name() == n.tag_name()).count();
        if before == 0 { name } else { format!("{name}[{}]", before + 1) }
    };
    let mut steps: Vec<_> = node.ancestors().filter(Node::is_element).map(step).collect();
    steps.reverse();
    if steps.is_empty() { "the document".to_owned() } else { steps.join("/") }
}
