//! Distinguished names: who a certificate is of.

use crate::der::{self, Reader, tag};
use crate::{Result, oid};

/// A name, as its exact bytes.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Name {
    raw: Vec<u8>,
}

const LABELS: [(&[u8], &str); 10] = [
    (oid::COMMON_NAME, "CN"),
    (oid::TITLE, "T"),
    (oid::ORGANIZATIONAL_UNIT, "OU"),
    (oid::ORGANIZATION, "O"),
    (oid::LOCALITY, "L"),
    (oid::STATE, "ST"),
    (oid::COUNTRY, "C"),
    (oid::USER_ID, "UID"),
    (oid::SERIAL_NUMBER, "SERIALNUMBER"),
    (oid::EMAIL, "E"),
];

impl Name {
    /// From the bytes of a `Name`.
    ///
    /// # Errors
    /// `Malformed`.
    pub fn parse(raw: &[u8]) -> Result<Self> {
        let name = Self { raw: raw.to_vec() };
        name.read()?;
        Ok(name)
    }

    /// Of parts in order: identifier and text.
    pub fn of(parts: &[(&[u8], &str)]) -> Self {
        let part = |(id, text): &(&[u8], &str)| {
            let country = *id == oid::COUNTRY;
            let text = der::value(if country { tag::PRINTABLE_STRING } else { tag::UTF8_STRING }, text.as_bytes());
            der::set(vec![der::sequence(&[&der::oid(id), &text])])
        };
        Self { raw: der::value(tag::SEQUENCE, &parts.iter().map(part).collect::<Vec<_>>().concat()) }
    }

    /// Its exact bytes.
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }

    fn read(&self) -> Result<Vec<(Vec<u8>, String)>> {
        let mut out = Vec::new();
        let mut parts = der::single(&self.raw)?.reader();
        if der::single(&self.raw)?.tag != tag::SEQUENCE {
            return Err(crate::malformed("name", "no sequence"));
        }
        while !parts.is_empty() {
            let mut values = parts.expect(tag::SET)?.reader();
            while !values.is_empty() {
                let mut pair: Reader<'_> = values.sequence()?;
                let id = pair.expect(tag::OID)?.content.to_vec();
                out.push((id, pair.any()?.text()));
                pair.end()?;
            }
        }
        Ok(out)
    }

    /// The first part of this kind.
    pub fn get(&self, id: &[u8]) -> Option<String> {
        self.read().ok()?.into_iter().find(|(i, _)| i == id).map(|(_, text)| text)
    }

    /// The name to show: common name, else organisation, else everything.
    pub fn common(&self) -> String {
        self.get(oid::COMMON_NAME).or_else(|| self.get(oid::ORGANIZATION)).unwrap_or_else(|| self.to_string())
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (i, (id, text)) in self.read().unwrap_or_default().iter().enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            match LABELS.iter().find(|(known, _)| known == id) {
                Some((_, label)) => write!(f, "{comma}{label}={text}")?,
                None => write!(f, "{comma}{}={text}", oid::dotted(id))?,
            }
        }
        Ok(())
    }
}

impl std::fmt::Debug for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Name({self})")
    }
}
