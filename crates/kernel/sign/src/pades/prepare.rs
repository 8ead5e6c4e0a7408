//! Writing a signature into a PDF file.

use crate::certificate::Certificate;
use crate::cms::{self, Attributes};
use crate::key::{Hash, Scheme, Signer};
use crate::pdf::{Dictionary, Object, Pdf, Update, name, text};
use crate::time::{self, Moment};
use crate::{Error, Result, limits, malformed, oid};

/// What is seen of a signature on a page.
pub struct Appearance<'a> {
    /// Page, the first is 0.
    pub page: usize,
    /// Left, bottom, right, top in points from the page's lower left corner.
    pub rectangle: [f64; 4],
    /// Adds the form XObject, whose box is that of the rectangle moved to the origin; gives its number.
    pub draw: &'a dyn Fn(&mut Update<'_, '_>) -> Result<u32>,
}

impl std::fmt::Debug for Appearance<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Appearance({}, {:?})", self.page, self.rectangle)
    }
}

/// How to sign.
#[derive(Debug, Default)]
pub struct Request<'a> {
    /// The signer's certificate, then those that issued it.
    pub chain: &'a [Certificate],
    /// The time the signer says: now.
    pub at: Moment,
    /// Why; shown by viewers.
    pub reason: Option<&'a str>,
    /// Where; shown by viewers.
    pub location: Option<&'a str>,
    /// What is seen of it; nothing where absent.
    pub appearance: Option<Appearance<'a>>,
}

/// A file that waits for its signature. It is whole, except that the signature is zeros.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prepared {
    file: Vec<u8>,
    /// The signature with its `<` and `>`.
    room: (usize, usize),
    attributes: Attributes,
    chain: Vec<Certificate>,
}

const BYTE_RANGE: &str = "[0 0000000000 0000000000 0000000000]";

/// Writes the file with room for a signature.
///
/// # Errors
/// `Malformed` for files that are not clean, `Refused` where the file allows no further signature.
pub fn prepare(bytes: &[u8], request: &Request<'_>) -> Result<Prepared> {
    let signer = request.chain.first().ok_or_else(|| Error::Refused("no certificate to sign with".to_owned()))?;
    let pdf = Pdf::parse(bytes)?;
    let mut update = Update::new(&pdf)?;
    let (root, mut catalog) = update.view().catalog()?;
    // No signature here is a certification (DocMDP): after one, readers allow no field that was not there before, and who
    // countersigns is often not known yet. Edits are found all the same.
    let form = update.view().entry(&catalog, "AcroForm")?;
    let mut form = form.dictionary().cloned().unwrap_or_default();
    let mut fields = match update.view().entry(&form, "Fields")? {
        Object::Array(fields) => fields,
        _ => Vec::new(),
    };
    if locked(&update, &catalog)? {
        return Err(Error::Refused("the first signer of this file allows no further signature".to_owned()));
    }

    let signature = update.reserve();
    let mut place = Dictionary::new()
        .with("Type", name("Sig"))
        .with("Filter", name("Adobe.PPKLite"))
        .with("SubFilter", name("ETSI.CAdES.detached"))
        .with("Name", text(&signer.subject.common()))
        .with("M", Object::String(time::to_pdf(request.at).into_bytes()));
    for (key, value) in [("Reason", request.reason), ("Location", request.location)] {
        if let Some(value) = value {
            place.set(key, text(value));
        }
    }
    // Written as names of no other use, found again in the file and overwritten.
    place.set("ByteRange", name("ByteRangeGoesHere"));
    place.set("Contents", name("ContentsGoHere"));
    update.set(signature, Object::Dictionary(place));

    let field = update.reserve();
    let page_at = request.appearance.as_ref().map_or(0, |a| a.page);
    let page = update.view().pages()?.get(page_at).copied();
    let page = page.ok_or_else(|| Error::Refused(format!("the file has no page {}", page_at + 1)))?;
    let rectangle = request.appearance.as_ref().map_or([0.0; 4], |a| a.rectangle);
    let mut widget = Dictionary::new()
        .with("Type", name("Annot"))
        .with("Subtype", name("Widget"))
        .with("FT", name("Sig"))
        .with("T", text(&field_name(&update, &fields)?))
        .with("V", Object::Reference(signature, 0))
        // Printed, and locked against moving.
        .with("F", Object::Int(132))
        .with("P", Object::Reference(page, 0))
        .with("Rect", Object::Array(rectangle.map(|n| Object::Real(format!("{n:.2}"))).to_vec()));
    if let Some(appearance) = &request.appearance {
        let drawn = (appearance.draw)(&mut update)?;
        widget.set("AP", Object::Dictionary(Dictionary::new().with("N", Object::Reference(drawn, 0))));
    }
    update.set(field, Object::Dictionary(widget));
    attach(&mut update, page, field)?;

    fields.push(Object::Reference(field, 0));
    match form.get("Fields").and_then(Object::reference) {
        Some(number) => update.set(number, Object::Array(fields)),
        None => form.set("Fields", Object::Array(fields)),
    }
    form.set("SigFlags", Object::Int(3));
    match catalog.get("AcroForm").and_then(Object::reference) {
        Some(number) => update.set(number, Object::Dictionary(form)),
        None if catalog.get("AcroForm").is_some() => catalog.set("AcroForm", Object::Dictionary(form)),
        None => {
            let number = update.add(Object::Dictionary(form));
            catalog.set("AcroForm", Object::Reference(number, 0));
        }
    }
    update.set(root, Object::Dictionary(catalog));

    let (file, room) = make_room(bytes.len(), update, signature)?;
    let digest: [u8; 32] = Hash::Sha256
        .digest(&[&file[..room.0], &file[room.1..]])
        .try_into()
        .map_err(|_| malformed("PDF", "a digest of another length"))?;
    let attributes = Attributes::new(oid::DATA, &digest, signer);
    Ok(Prepared { file, room, attributes, chain: request.chain.to_vec() })
}

/// Writes the revision, with the byte range set and zeros where the signature goes.
fn make_room(old: usize, mut update: Update<'_, '_>, signature: u32) -> Result<(Vec<u8>, (usize, usize))> {
    let lost = || malformed("PDF", "the signature's own place is not where it was written");
    let Object::Dictionary(mut place) = update.get(signature)? else { return Err(lost()) };
    place.set("ByteRange", Object::Real(BYTE_RANGE.to_owned()));
    place.set("Contents", Object::Real(format!("<{}>", "0".repeat(2 * limits::CONTAINER_BYTES))));
    update.set(signature, Object::Dictionary(place));
    let mut file = update.finish();
    if file.len() > limits::PDF_BYTES {
        return Err(Error::TooLarge { what: "a PDF file", limit: limits::PDF_BYTES });
    }
    let find =
        |file: &[u8], wanted: &[u8]| file[old..].windows(wanted.len()).position(|w| w == wanted).map(|at| at + old);
    let zeros = [b"/Contents <".as_slice(), &[b'0'; 64]].concat();
    let begin = find(&file, &zeros).ok_or_else(lost)? + 10;
    let end = begin + 2 * limits::CONTAINER_BYTES + 2;
    let range = find(&file, BYTE_RANGE.as_bytes()).ok_or_else(lost)?;
    let said = format!("[0 {begin:010} {end:010} {:010}]", file.len() - end);
    file[range..range + said.len()].copy_from_slice(said.as_bytes());
    Ok((file, (begin, end)))
}

/// Adds an annotation to a page.
fn attach(update: &mut Update<'_, '_>, page: u32, annotation: u32) -> Result<()> {
    let object = update.get(page)?;
    let mut dictionary =
        object.dictionary().cloned().ok_or_else(|| malformed("PDF", "a page that is no dictionary"))?;
    let mut list = match update.view().entry(&dictionary, "Annots")? {
        Object::Array(list) => list,
        _ => Vec::new(),
    };
    list.push(Object::Reference(annotation, 0));
    match dictionary.get("Annots").and_then(Object::reference) {
        Some(number) => update.set(number, Object::Array(list)),
        None => {
            dictionary.set("Annots", Object::Array(list));
            update.set(page, Object::Dictionary(dictionary));
        }
    }
    Ok(())
}

/// Whether the first signer allowed nothing more.
fn locked(update: &Update<'_, '_>, catalog: &Dictionary) -> Result<bool> {
    let view = update.view();
    let permissions = view.entry(catalog, "Perms")?;
    let Some(first) = permissions.dictionary().map(|d| view.entry(d, "DocMDP")).transpose()? else { return Ok(false) };
    let Some(first) = first.dictionary() else { return Ok(false) };
    Ok(super::changes::level(view, first)? == Some(1))
}

/// A field's name that no other has.
fn field_name(update: &Update<'_, '_>, fields: &[Object]) -> Result<String> {
    let mut taken = Vec::new();
    for field in fields {
        let field = update.view().resolve(field)?;
        taken.extend(field.dictionary().and_then(|d| d.get("T")).and_then(Object::to_text));
    }
    let mut names = (1..).map(|n| format!("Signature{n}"));
    names.find(|n| !taken.contains(n)).ok_or_else(|| malformed("PDF", "no name is left"))
}

impl Prepared {
    /// Exactly the bytes to sign.
    pub fn to_be_signed(&self) -> &[u8] {
        self.attributes.to_be_signed()
    }

    /// SHA-256 of them: what a service that takes a digest is sent.
    pub fn digest(&self) -> [u8; 32] {
        crate::sha256(self.to_be_signed())
    }

    /// The certificate that must sign.
    pub fn signer(&self) -> Option<&Certificate> {
        self.chain.first()
    }

    /// Its certificate, then those that issued it.
    pub fn chain(&self) -> &[Certificate] {
        &self.chain
    }

    /// Checks a signature that came back, and under which scheme it is one: services do not say.
    ///
    /// # Errors
    /// `False` where it is not by the certificate's key over exactly these bytes.
    pub fn recognise(&self, signature: &[u8]) -> Result<Scheme> {
        let signer = self.signer().ok_or_else(|| Error::Refused("no certificate to sign with".to_owned()))?;
        signer.key.recognise(self.to_be_signed(), signature)
    }

    /// The signed file. `timestamp` is a token of the signature's bytes, where the level is B-T or more.
    ///
    /// # Errors
    /// `False` where the signature is not by the certificate's key, `TooLarge` where it does not fit.
    pub fn finish(mut self, signature: &[u8], timestamp: Option<&[u8]>) -> Result<Vec<u8>> {
        let scheme = self.recognise(signature)?;
        let container = cms::encode(None, &self.attributes, scheme, signature, &self.chain, timestamp)?;
        let text = crate::hex(&container);
        let room = &mut self.file[self.room.0 + 1..self.room.1 - 1];
        if text.len() > room.len() {
            return Err(Error::TooLarge { what: "a signature with its certificates", limit: limits::CONTAINER_BYTES });
        }
        room[..text.len()].copy_from_slice(text.as_bytes());
        Ok(self.file)
    }

    /// As bytes to keep while the signature is under way.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.file.len() + 8192);
        out.extend(b"mach-prepared/v1\n");
        let mut put = |bytes: &[u8]| {
            out.extend((bytes.len() as u64).to_be_bytes());
            out.extend(bytes);
        };
        put(&(self.room.0 as u64).to_be_bytes());
        put(&(self.room.1 as u64).to_be_bytes());
        put(self.attributes.to_be_signed());
        put(&self.file);
        self.chain.iter().for_each(|c| put(c.raw()));
        out
    }

    /// What was kept.
    ///
    /// # Errors
    /// `Malformed`.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let bad = || malformed("prepared signature", "not what was kept");
        let mut rest = bytes.strip_prefix(b"mach-prepared/v1\n").ok_or_else(bad)?;
        let mut parts = Vec::new();
        while let Some((length, after)) = rest.split_first_chunk::<8>() {
            let length = usize::try_from(u64::from_be_bytes(*length)).map_err(|_| bad())?;
            parts.push(after.get(..length).ok_or_else(bad)?);
            rest = &after[length..];
        }
        let [begin, end, attributes, file, chain @ ..] = parts.as_slice() else { return Err(bad()) };
        let n = |part: &[u8]| -> Result<usize> {
            let bytes: [u8; 8] = part.try_into().map_err(|_| bad())?;
            usize::try_from(u64::from_be_bytes(bytes)).map_err(|_| bad())
        };
        let room = (n(begin)?, n(end)?);
        if !rest.is_empty() || room.0 + 2 > room.1 || room.1 > file.len() {
            return Err(bad());
        }
        let chain = chain.iter().map(|c| Certificate::parse(c)).collect::<Result<_>>()?;
        Ok(Self { file: file.to_vec(), room, attributes: Attributes::from_bytes(attributes)?, chain })
    }
}

/// Gets the signature's bytes and gives a timestamp token of them.
pub type AskTime<'a> = dyn Fn(&[u8]) -> Result<Vec<u8>> + 'a;

/// Signs with a key that is at hand. `timestamp` gets the signature's bytes and gives a token of them.
///
/// # Errors
/// As [`prepare`] and [`Prepared::finish`]; what the key or the timestamp say.
pub fn sign(bytes: &[u8], request: &Request<'_>, key: &dyn Signer, timestamp: Option<&AskTime<'_>>) -> Result<Vec<u8>> {
    let prepared = prepare(bytes, request)?;
    let signature = key.sign(prepared.to_be_signed())?;
    let token = timestamp.map(|ask| ask(&signature)).transpose()?;
    prepared.finish(&signature, token.as_deref())
}
