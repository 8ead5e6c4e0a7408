//! What each kind of fact is described by: at the time of writing from what is written, later from the row.
//!
//! The two must agree to the byte. A column that is not described here is not proved: those are what follows from others
//! (index, places in packs, sums) and what changes by itself (failed sign-ins, last use of a session).

use super::Fact;
use crate::claims::NewVersion;
use mach_fhir::ResourceType;
use mach_tlog::fact::{Describe, Kind};
use mach_tlog::receipt::CONTENT;

/// A resource version, without its bytes.
#[derive(Clone, Debug)]
pub(crate) struct ResourceFact<'a> {
    pub(crate) kind: i64,
    pub(crate) id: &'a str,
    pub(crate) facility: i64,
    pub(crate) version: i64,
    /// Number of its first version; 0 where it is that.
    pub(crate) entity: i64,
    pub(crate) seq: i64,
    pub(crate) at: i64,
    pub(crate) patient: Option<i64>,
    pub(crate) date: Option<i64>,
    pub(crate) deleted: bool,
    /// Account, role and act of the change that wrote it.
    pub(crate) by: (i64, &'a str, &'a str),
}

impl ResourceFact<'_> {
    /// Its name in the log.
    pub(crate) fn fact(&self, rid: i64) -> Fact {
        let (facility, version, name) = (self.facility, self.version, self.id.to_owned());
        Fact { kind: Kind::Resource, key: rid, facility, version, of: self.kind, name }
    }

    /// Its description; `body` is the SHA-256 of its bytes, none for a deletion.
    pub(crate) fn describe(&self, body: Option<[u8; 32]>) -> Describe {
        let name = u16::try_from(self.kind).ok().and_then(ResourceType::from_number).map_or("?", ResourceType::name);
        let described = Describe::new(Kind::Resource)
            .text("type", name)
            .text("id", self.id)
            .int("version", self.version)
            .int("facility", self.facility)
            .int("entity", self.entity)
            .int("change", self.seq)
            .int("at", self.at)
            .opt_int("patient", self.patient)
            .opt_int("date", self.date)
            .int("deleted", i64::from(self.deleted))
            .int("account", self.by.0)
            .text("role", self.by.1)
            .text("act", self.by.2);
        match body {
            Some(body) => described.bytes(CONTENT, &body),
            None => described,
        }
    }
}

/// An entry of the audit trail: number, time, account and name, role, act, facility, person, target, outcome.
pub(crate) fn audit(id: i64, entry: &crate::audit::Row<'_>) -> Describe {
    Describe::new(Kind::Audit)
        .int("id", id)
        .int("at", entry.at)
        .int("account", entry.account)
        .text("name", entry.name)
        .text("role", entry.role)
        .text("act", entry.act)
        .int("facility", entry.facility)
        .opt_int("person", entry.person)
        .text("target", entry.target)
        .text("outcome", entry.outcome)
}

pub(super) fn event(id: i64, at: i64, by: (i64, &str), act: &str, detail: &str) -> Describe {
    let described = Describe::new(Kind::Event).int("id", id).int("at", at).int("account", by.0).text("name", by.1);
    described.text("act", act).text("detail", detail)
}

/// The number of a facility or a department (`of` 0 or 1).
pub(crate) fn number(of: i64, id: i64, code: &str) -> (Fact, Describe) {
    let fact = Fact { of, name: code.to_owned(), ..Fact::numbered(Kind::Number, id) };
    let table = if of == 1 { "department" } else { "facility" };
    (fact, Describe::new(Kind::Number).text("of", table).int("id", id).text("code", code))
}

/// Where a claim stands: its number, its version and the accepted one, since when, and what lists show of it.
pub(crate) fn claim(id: i64, versions: (i64, Option<i64>), at: i64, new: &NewVersion) -> (Fact, Describe) {
    let fact = Fact { facility: new.facility, ..Fact::numbered(Kind::Claim, id) };
    let s = &new.summary;
    let described = Describe::new(Kind::Claim)
        .int("id", id)
        .int("facility", new.facility)
        .text("link", &new.link)
        .int("keyed", i64::from(new.keyed))
        .int("version", versions.0)
        .bytes("hash", &new.hash)
        .int("state", new.state as i64)
        .opt_int("accepted", versions.1)
        .opt_int("person", new.person)
        .int("file", new.file)
        .int("at", at)
        .text("layout", &new.layout)
        .text("kind", &s.kind)
        .opt_int("arrived", s.arrived)
        .opt_int("left", s.left_day)
        .int("counted", new.counted_day)
        .text("diagnosis", &s.main_dx)
        .int("cost", s.cost)
        .int("insurer", s.insurer)
        .int("lines", s.lines)
        .int("refusals", new.refusals)
        .int("warnings", new.warnings);
    (fact, described)
}

/// A version of a claim, with the digests of its source and of its findings.
pub(crate) struct ClaimVersionFact<'a> {
    pub(crate) claim: i64,
    pub(crate) version: i64,
    pub(crate) facility: i64,
    pub(crate) accepted: bool,
    pub(crate) hash: &'a [u8],
    pub(crate) file: i64,
    pub(crate) position: i64,
    pub(crate) at: i64,
    pub(crate) layout: &'a str,
    pub(crate) findings: i64,
}

impl ClaimVersionFact<'_> {
    /// Its name in the log and its description; `digests` of source and findings.
    pub(crate) fn describe(&self, digests: (&[u8], &[u8])) -> (Fact, Describe) {
        let (facility, version) = (self.facility, self.version);
        let fact = Fact { facility, version, ..Fact::numbered(Kind::ClaimVersion, self.claim) };
        let described = Describe::new(Kind::ClaimVersion)
            .int("claim", self.claim)
            .int("version", version)
            .int("facility", facility)
            .int("accepted", i64::from(self.accepted))
            .bytes("hash", self.hash)
            .int("file", self.file)
            .int("position", self.position)
            .int("at", self.at)
            .text("layout", self.layout)
            .int("findings", self.findings)
            .bytes(CONTENT, digests.0)
            .bytes("findings-sha256", digests.1);
        (fact, described)
    }
}
