//! Reading the signatures of a PDF file: who, when, over what, and what happened since.

use super::{changes, validation_data};
use crate::certificate::Certificate;
use crate::cms::SignedData;
use crate::key::{Hash, Scheme};
use crate::pdf::{Dictionary, Object, Pdf, View};
use crate::revocation::Evidence;
use crate::time::{self, Moment};
use crate::timestamp::Token;
use crate::trust::{Purpose, Standing, Trust};
use crate::{Error, Result, limits, malformed};

/// What a signature covers of the file as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Coverage {
    /// All of it.
    Whole,
    /// All of it but further signatures and validation data.
    ThenSigned,
    /// What was signed has been edited since; how.
    Edited(Vec<String>),
}

/// One signature.
#[derive(Clone, Debug)]
pub struct Signature {
    /// The name of its field.
    pub field: String,
    /// Whose, where its container could be read.
    pub certificate: Option<Certificate>,
    /// Why and where, as the signer said.
    pub reason: Option<String>,
    /// Where, as the signer said.
    pub location: Option<String>,
    /// The time the signer says.
    pub said: Option<Moment>,
    /// The time the signer says is still to come, and nothing proves another.
    pub is_ahead: bool,
    /// The time that is proved by a trusted timestamp.
    pub proved: Option<Moment>,
    /// How it was signed.
    pub scheme: Option<Scheme>,
    /// SHA-256 of exactly the bytes that it covers, where these could be told: the same however the file goes on after them.
    pub mark: Option<[u8; 32]>,
    /// A timestamp of the file, not somebody's signature.
    pub is_timestamp: bool,
    /// That the signer signed these bytes; why not.
    pub integrity: Result<()>,
    /// What it covers.
    pub coverage: Coverage,
    /// Where the certificate stood when it was used: at the proved time, else at the time said.
    pub then: Standing,
    /// Where it stands now.
    pub now: Standing,
    /// Certificates that came in its own container.
    others: Vec<Certificate>,
}

impl Signature {
    /// Whether it counts: whole, by somebody trusted, who could sign then. Without proof of the time the signer's own word
    /// is not enough once the certificate is revoked or over: the key's thief would say the same.
    pub fn is_good(&self) -> bool {
        let whole = self.integrity.is_ok() && !matches!(self.coverage, Coverage::Edited(_));
        whole && !self.is_ahead && self.then.is_good() && (self.proved.is_some() || self.now.is_good())
    }
}

/// All signatures of a file, in the order they were made.
#[derive(Clone, Debug)]
pub struct Report {
    /// They.
    pub signatures: Vec<Signature>,
}

impl Report {
    /// Whether there is a signature and every one counts.
    pub fn is_good(&self) -> bool {
        self.signatures.iter().any(|s| !s.is_timestamp) && self.signatures.iter().all(Signature::is_good)
    }
}

/// Reads all signatures of a file and checks each.
///
/// # Errors
/// `Malformed` where the file cannot be understood in one way only.
pub fn verify(bytes: &[u8], trust: &Trust, now: Moment) -> Result<Report> {
    let pdf = Pdf::parse(bytes)?;
    let view = pdf.last();
    let (certificates, evidence) = validation_data(&view)?;
    let mut found = Vec::new();
    for (field, signature, number) in fields(&view)? {
        let one = Check { pdf: &pdf, trust, now, certificates: &certificates, evidence: &evidence };
        found.push(one.signature(field, &signature, number)?);
    }
    found.sort_by_key(|(end, _)| *end);
    // A file's timestamp proves that all signatures before it were there.
    let proofs: Vec<_> =
        found.iter().filter(|(_, s)| s.is_timestamp && s.is_good()).map(|(e, s)| (*e, s.proved)).collect();
    for (end, signature) in &mut found {
        let proof = proofs.iter().filter(|(e, _)| e > end).filter_map(|(_, at)| *at).min();
        if let (None, Some(at), false) = (signature.proved, proof, signature.is_timestamp) {
            signature.proved = Some(at);
            if let Some(certificate) = &signature.certificate {
                signature.then = trust.standing(certificate, &signature.others, &evidence, at, Purpose::Document);
            }
        }
    }
    Ok(Report { signatures: found.into_iter().map(|(_, s)| s).collect() })
}

/// Fields of a form.
const FIELDS: usize = 10_000;

/// The signed fields: name, what is in them, and its object's number.
fn fields(view: &View<'_, '_>) -> Result<Vec<(String, Dictionary, u32)>> {
    let (_, catalog) = view.catalog()?;
    let form = view.entry(&catalog, "AcroForm")?;
    let Some(form) = form.dictionary() else { return Ok(Vec::new()) };
    let mut todo: Vec<(Object, String, bool)> = Vec::new();
    let start = view.entry(form, "Fields")?;
    todo.extend(start.array().unwrap_or_default().iter().rev().map(|f| (f.clone(), String::new(), false)));
    let mut out = Vec::new();
    let mut steps = 0;
    if todo.len() > FIELDS {
        return Err(malformed("PDF", "too many fields"));
    }
    while let Some((field, above, is_signature)) = todo.pop() {
        steps += 1;
        if steps > FIELDS {
            return Err(malformed("PDF", "too many fields"));
        }
        let object = view.resolve(&field)?;
        let Some(d) = object.dictionary() else { continue };
        if above.len() > limits::PDF_KEYS || todo.len() > FIELDS {
            return Err(malformed("PDF", "too many fields"));
        }
        let own = d.get("T").and_then(Object::to_text).unwrap_or_default();
        let full = if above.is_empty() { own } else { format!("{above}.{own}") };
        let is_signature = d.is("FT", "Sig") || (is_signature && d.get("FT").is_none());
        if let Some(kids) = view.entry(d, "Kids")?.array() {
            if kids.len() > FIELDS {
                return Err(malformed("PDF", "too many fields"));
            }
            todo.extend(kids.iter().rev().map(|k| (k.clone(), full.clone(), is_signature)));
        }
        let Some(value) = d.get("V").filter(|_| is_signature) else { continue };
        let number = value.reference().ok_or_else(|| malformed("PDF", "a signature that is no object of its own"))?;
        if let Object::Dictionary(signature) = view.get(number)? {
            // One that stands in several fields is told once: whether a later field may show it is asked with the changes.
            if out.iter().any(|(_, _, n)| *n == number) {
                continue;
            }
            // Each is checked against all that came after it.
            if out.len() == limits::PDF_SIGNATURES {
                return Err(malformed("PDF", "too many signatures"));
            }
            out.push((full, signature, number));
        }
    }
    Ok(out)
}

/// The bytes from the beginning to the hole of a signature, and from there to where it ends.
type Covered = ((usize, usize), usize);

/// What of the file is signed: the hole with the signature, and the end.
fn range(pdf: &Pdf<'_>, d: &Dictionary, number: u32) -> Result<Covered> {
    let bad = |why: &str| Error::False(format!("the signed range of bytes is false: {why}"));
    let list: Option<Vec<usize>> = d
        .get("ByteRange")
        .and_then(Object::array)
        .and_then(|l| l.iter().map(|n| n.int().and_then(|n| usize::try_from(n).ok())).collect());
    let Some([0, begin, end, rest]) = list.as_deref() else {
        return Err(bad("not from the beginning of the file"));
    };
    let (begin, end) = (*begin, *end);
    let bytes = pdf.bytes();
    let covered = end.checked_add(*rest).filter(|n| *n <= bytes.len()).ok_or_else(|| bad("past the end"))?;
    if begin + 2 > end {
        return Err(bad("no room for the signature"));
    }
    // The hole is this signature's own Contents and nothing else.
    let Some((from, to)) = pdf.last().extent(number)? else { return Err(bad("the signature is packed")) };
    let hole = &bytes[begin..end];
    let digits = &hole[1..hole.len() - 1];
    let is_own = from < begin && end < to && bytes[from..begin].trim_ascii_end().ends_with(b"/Contents");
    let hexadecimal = hole[0] == b'<' && hole[hole.len() - 1] == b'>' && digits.iter().all(u8::is_ascii_hexdigit);
    if !is_own || !hexadecimal {
        return Err(bad("the hole is not the signature's own place"));
    }
    Ok(((begin, end), covered))
}

/// What is covered, without the hole.
fn parts<'p>(pdf: &'p Pdf<'_>, ((begin, end), covered): Covered) -> [&'p [u8]; 2] {
    [&pdf.bytes()[..begin], &pdf.bytes()[end..covered]]
}

fn mark(parts: &[&[u8]]) -> Option<[u8; 32]> {
    Hash::Sha256.digest(parts).try_into().ok()
}

/// The marks of a file's signatures ([`Signature::mark`]), in the order they were made. Whether they are good is not asked.
///
/// # Errors
/// As [`verify`].
pub fn marks(bytes: &[u8]) -> Result<Vec<[u8; 32]>> {
    let pdf = Pdf::parse(bytes)?;
    let mut found = Vec::new();
    for (_, signature, number) in fields(&pdf.last())? {
        if let (false, Ok(covered)) = (is_timestamp(&signature), range(&pdf, &signature, number)) {
            found.push((covered.1, mark(&parts(&pdf, covered))));
        }
    }
    found.sort_by_key(|(end, _)| *end);
    Ok(found.into_iter().filter_map(|(_, mark)| mark).collect())
}

/// The mark of the last signature, hexadecimal: what a paper is known by from the moment it is given out.
///
/// # Errors
/// As [`verify`]; also where nobody signed.
pub fn last_mark(bytes: &[u8]) -> Result<String> {
    let marks = marks(bytes)?;
    marks.last().map(|mark| crate::hex(mark)).ok_or_else(|| crate::malformed("PDF", "nobody signed it"))
}

fn is_timestamp(signature: &Dictionary) -> bool {
    signature.is("SubFilter", "ETSI.RFC3161")
}

struct Check<'c> {
    pdf: &'c Pdf<'c>,
    trust: &'c Trust,
    now: Moment,
    certificates: &'c [Certificate],
    evidence: &'c Evidence,
}

impl Check<'_> {
    /// One signature, and how many bytes from the beginning it covers.
    fn signature(&self, field: String, d: &Dictionary, number: u32) -> Result<(usize, Signature)> {
        let words = |key| d.get(key).and_then(Object::to_text);
        let mut out = Signature {
            field,
            certificate: None,
            reason: words("Reason"),
            location: words("Location"),
            said: words("M").and_then(|m| time::from_pdf(&m)),
            is_ahead: false,
            proved: None,
            scheme: None,
            mark: None,
            is_timestamp: is_timestamp(d),
            integrity: Ok(()),
            coverage: Coverage::Whole,
            then: Standing::Untrusted("the certificate could not be read".to_owned()),
            now: Standing::Untrusted("the certificate could not be read".to_owned()),
            others: Vec::new(),
        };
        let covered = match range(self.pdf, d, number) {
            Ok(covered) => covered,
            Err(e) => {
                out.integrity = Err(e);
                return Ok((usize::MAX, out));
            }
        };
        out.coverage = self.coverage(d, covered.1)?;
        let parts = parts(self.pdf, covered);
        out.mark = mark(&parts);
        if let Err(e) = self.container(d, &parts, &mut out) {
            out.integrity = Err(e);
        }
        Ok((covered.1, out))
    }

    fn coverage(&self, d: &Dictionary, covered: usize) -> Result<Coverage> {
        let bytes = self.pdf.bytes();
        let is_end = |end: usize| covered >= end && bytes[end..covered].iter().all(|b| matches!(b, b'\r' | b'\n'));
        let revisions = self.pdf.revisions();
        let Some(signed) = revisions.iter().position(|r| is_end(r.end) && covered - r.end <= 2) else {
            return Ok(Coverage::Edited(vec![
                "the signed bytes do not end where a revision of the file does".to_owned(),
            ]));
        };
        if signed + 1 == revisions.len() {
            return Ok(Coverage::Whole);
        }
        let level = changes::level(&self.pdf.view(signed), d)?;
        let edits = changes::after(self.pdf, signed, level)?;
        Ok(if edits.is_empty() { Coverage::ThenSigned } else { Coverage::Edited(edits) })
    }

    fn container(&self, d: &Dictionary, parts: &[&[u8]], out: &mut Signature) -> Result<()> {
        let Some(Object::String(contents)) = d.get("Contents") else {
            return Err(malformed("PDF", "a signature without its contents"));
        };
        if out.is_timestamp {
            let end = contents.iter().rposition(|b| *b != 0).map_or(0, |n| n + 1);
            let mut reader = crate::der::Reader::new(contents);
            let value = reader.any()?.raw;
            if value.len() < end {
                return Err(malformed("CMS", "something stands after the container"));
            }
            let token = Token::parse(value)?;
            if !token.is_of(parts) {
                return Err(Error::False("the content is not the one that was signed".to_owned()));
            }
            let others: Vec<_> = token.certificates().iter().chain(self.certificates).cloned().collect();
            out.certificate = Some(token.signer().clone());
            out.said = Some(token.at);
            let standing = |at| self.trust.standing(token.signer(), &others, self.evidence, at, Purpose::Timestamp);
            out.then = standing(token.at);
            out.now = standing(self.now);
            out.proved = (out.then.is_good() && token.at <= self.now + time::CLOCK_SKEW).then_some(token.at);
            return Ok(());
        }
        if !d.is("SubFilter", "ETSI.CAdES.detached") && !d.is("SubFilter", "adbe.pkcs7.detached") {
            return Err(Error::Unsupported("a signature in another container than CMS, detached".to_owned()));
        }
        let data = SignedData::parse(contents, true)?;
        if data.content.is_some() {
            return Err(malformed("CMS", "content inside, where the file is the content"));
        }
        out.scheme = Some(data.scheme);
        out.certificate = Some(data.signer.clone());
        out.said = out.said.or(data.signing_time);
        let others: Vec<_> = data.certificates.iter().chain(self.certificates).cloned().collect();
        if let Some(token) = &data.timestamp {
            let token = Token::parse(token)?;
            if !token.is_of(&[&data.signature]) {
                return Err(Error::False("the timestamp is of another signature".to_owned()));
            }
            let others: Vec<_> = token.certificates().iter().chain(&others).cloned().collect();
            let standing = self.trust.standing(token.signer(), &others, self.evidence, token.at, Purpose::Timestamp);
            if standing.is_good() && token.at <= self.now + time::CLOCK_SKEW {
                out.proved = Some(token.at);
            }
        }
        let standing = |at| self.trust.standing(&data.signer, &others, self.evidence, at, Purpose::Document);
        out.now = standing(self.now);
        out.then = standing(out.proved.or(out.said).unwrap_or(self.now));
        out.others.clone_from(&others);
        out.is_ahead = out.proved.is_none() && out.said.is_some_and(|said| said > self.now + time::CLOCK_SKEW);
        data.verify(parts)
    }
}
