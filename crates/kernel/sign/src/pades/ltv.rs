//! Level B-LT: what is needed to check a signature years later, kept in the file (DSS, one more revision).

use crate::certificate::Certificate;
use crate::pdf::{Dictionary, Object, Pdf, Update, View, name};
use crate::revocation::{Crl, Evidence, Ocsp};
use crate::{Error, Result, limits};

const KINDS: [&str; 3] = ["Certs", "CRLs", "OCSPs"];

/// Appends certificates and revocation data as a revision of their own.
///
/// # Errors
/// `Malformed`.
pub fn add_validation_data(bytes: &[u8], certificates: &[Certificate], evidence: &Evidence) -> Result<Vec<u8>> {
    let pdf = Pdf::parse(bytes)?;
    let mut update = Update::new(&pdf)?;
    let (root, mut catalog) = update.view().catalog()?;
    let old = update.view().entry(&catalog, "DSS")?;
    let mut dss = old.dictionary().cloned().unwrap_or_default().with("Type", name("DSS"));
    let new: [Vec<&[u8]>; 3] = [
        certificates.iter().map(Certificate::raw).collect(),
        evidence.lists.iter().map(Crl::raw).collect(),
        evidence.answers.iter().map(Ocsp::raw).collect(),
    ];
    for (key, values) in KINDS.into_iter().zip(new) {
        let mut list = match update.view().entry(&dss, key)? {
            Object::Array(list) => list,
            _ => Vec::new(),
        };
        let have = streams(update.view(), &dss, key)?;
        for value in values {
            if !have.iter().any(|h| h == value) {
                let length = Dictionary::new().with("Length", Object::Int(value.len() as i64));
                let number = update.add(Object::Stream(length, value.to_vec()));
                list.push(Object::Reference(number, 0));
            }
        }
        if !list.is_empty() {
            dss.set(key, Object::Array(list));
        }
    }
    match catalog.get("DSS").and_then(Object::reference) {
        Some(number) => update.set(number, Object::Dictionary(dss)),
        None => {
            let number = update.add(Object::Dictionary(dss));
            catalog.set("DSS", Object::Reference(number, 0));
            update.set(root, Object::Dictionary(catalog));
        }
    }
    Ok(update.finish())
}

fn streams(view: &View<'_, '_>, dss: &Dictionary, key: &str) -> Result<Vec<Vec<u8>>> {
    let mut out: Vec<Vec<u8>> = Vec::new();
    let mut size = 0;
    for value in view.entry(dss, key)?.array().unwrap_or_default() {
        if let Object::Stream(dictionary, bytes) = view.resolve(value)? {
            out.push(crate::pdf::unpack(&dictionary, &bytes)?);
            size += out.last().map_or(0, Vec::len);
            if out.len() > limits::PDF_EVIDENCE || size > limits::DER_BYTES {
                return Err(Error::TooLarge { what: "the validation data of a PDF file", limit: limits::DER_BYTES });
            }
        }
    }
    Ok(out)
}

/// The certificates and revocation data that a file holds; what of it cannot be read proves nothing and is left out.
///
/// # Errors
/// `Malformed` where the file itself is.
pub fn validation_data(view: &View<'_, '_>) -> Result<(Vec<Certificate>, Evidence)> {
    let (_, catalog) = view.catalog()?;
    let dss = view.entry(&catalog, "DSS")?;
    let Some(dss) = dss.dictionary() else { return Ok((Vec::new(), Evidence::default())) };
    let [certificates, lists, answers] = KINDS.map(|key| streams(view, dss, key));
    let certificates = certificates?.iter().filter_map(|c| Certificate::parse(c).ok()).collect();
    let lists = lists?.iter().filter_map(|c| Crl::parse(c).ok()).collect();
    let answers = answers?.iter().filter_map(|c| Ocsp::parse(c).ok()).collect();
    Ok((certificates, Evidence { lists, answers }))
}
