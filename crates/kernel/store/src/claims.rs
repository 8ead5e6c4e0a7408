//! The ledger of what was received: files, claims, their versions. Nothing that came in is ever forgotten.

use crate::digest;
use crate::distribution::every;
use crate::log::{self, Fact};
use crate::pack::{self, Place};
use crate::sealed::{self, row};
use crate::sql::{self, Arg, Execute, Query, Row};
use crate::{Error, Result, Tx};
use mach_base::time::now_seconds;
use mach_seal::Purpose;
use mach_tlog::fact::Kind;

/// The files that wait for who sent them, few of all.
pub(crate) const BROKEN: &[&str] =
    &["CREATE INDEX received_file_broken ON received_file(account, at) WHERE done = 0 OR findings <> ''"];

/// Tables of files and claims.
pub const DDL: &[&str] = &[
    "CREATE TABLE received_file(id INTEGER PRIMARY KEY, at INTEGER NOT NULL, account INTEGER NOT NULL, facility INTEGER,
        name TEXT NOT NULL, bytes INTEGER NOT NULL DEFAULT 0, accepted INTEGER NOT NULL DEFAULT 0,
        refused INTEGER NOT NULL DEFAULT 0, duplicate INTEGER NOT NULL DEFAULT 0, replaced INTEGER NOT NULL DEFAULT 0,
        check_ins INTEGER NOT NULL DEFAULT 0, findings TEXT NOT NULL DEFAULT '', done INTEGER NOT NULL DEFAULT 0)",
    "CREATE TABLE claim(id INTEGER PRIMARY KEY, facility INT NOT NULL, link TEXT NOT NULL, keyed INTEGER NOT NULL,
        version INTEGER NOT NULL, hash BLOB NOT NULL, state INTEGER NOT NULL, accepted INTEGER, person INTEGER,
        file INTEGER NOT NULL, at INTEGER NOT NULL, layout TEXT NOT NULL, kind TEXT NOT NULL, arrived INTEGER, left_day INTEGER,
        counted_day INTEGER NOT NULL, main_dx TEXT NOT NULL, cost INTEGER NOT NULL, insurer INTEGER NOT NULL,
        lines INTEGER NOT NULL, refusals INTEGER NOT NULL, warnings INTEGER NOT NULL {key id})",
    "CREATE UNIQUE INDEX claim_link ON claim(facility, link)",
    "CREATE INDEX claim_person ON claim(person, arrived) WHERE person IS NOT NULL",
    "CREATE INDEX claim_state ON claim(state, id)",
    "CREATE INDEX claim_facility_state ON claim(facility, state, id)",
    "CREATE TABLE claim_version(claim INTEGER NOT NULL, version INTEGER NOT NULL, facility INT NOT NULL,
        accepted INTEGER NOT NULL,
        hash BLOB NOT NULL, file INTEGER NOT NULL, position INTEGER NOT NULL, at INTEGER NOT NULL, layout TEXT NOT NULL,
        pack INTEGER NOT NULL, slot INTEGER NOT NULL, findings INTEGER NOT NULL,
        PRIMARY KEY(claim, version, facility)) {clustered}",
    "CREATE TABLE check_in(facility INT NOT NULL, link TEXT NOT NULL, arrived INTEGER NOT NULL, kind TEXT NOT NULL,
        file INTEGER NOT NULL, at INTEGER NOT NULL, body TEXT NOT NULL, PRIMARY KEY(facility, link)) {clustered}",
    "CREATE TABLE claim_count(facility INT NOT NULL, state INTEGER NOT NULL, n INTEGER NOT NULL,
        PRIMARY KEY(facility, state)) {clustered}",
    "CREATE TABLE freshness(facility INT NOT NULL, at INTEGER NOT NULL, file INTEGER NOT NULL, last_day INTEGER NOT NULL,
        PRIMARY KEY(facility)) {clustered}",
];

/// Where a claim stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// The latest version is accepted and counts.
    Accepted = 1,
    /// Never accepted; the latest version is refused.
    Refused = 2,
    /// An earlier version is accepted and counts; the latest was refused.
    Disputed = 3,
    /// The latest version withdraws the claim: kept, counts nowhere.
    Withdrawn = 4,
}

impl State {
    /// From its stored number.
    pub fn from_number(number: i64) -> Option<Self> {
        [Self::Accepted, Self::Refused, Self::Disputed, Self::Withdrawn].into_iter().find(|s| *s as i64 == number)
    }

    /// As pages and the API name it.
    pub fn code(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::Disputed => "disputed",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// From its name.
    pub fn parse(code: &str) -> Option<Self> {
        (1..=4).filter_map(Self::from_number).find(|s| s.code() == code)
    }
}

/// What is already known of a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Its number, the same over all versions.
    pub id: i64,
    /// The latest version received.
    pub version: i64,
    /// Content hash of the latest version.
    pub hash: Vec<u8>,
    /// Where it stands.
    pub state: State,
    /// The version that counts, if one does.
    pub accepted: Option<i64>,
    /// The person it belongs to.
    pub person: Option<i64>,
    /// The day it counts as received on.
    pub counted_day: i64,
}

/// A version to be kept.
#[derive(Clone, Debug)]
pub struct NewVersion {
    /// The facility's number.
    pub facility: i64,
    /// `MA_LK`; where none could be read, a text made from the file's hash and the position.
    pub link: String,
    /// Whether `link` is a real `MA_LK`: only then the claim counts as received.
    pub keyed: bool,
    /// Content hash.
    pub hash: Vec<u8>,
    /// Its state from now on.
    pub state: State,
    /// The person, where the version is accepted.
    pub person: Option<i64>,
    /// The file it came in.
    pub file: i64,
    /// Its position in the file, from 1.
    pub position: i64,
    /// `4210`, `130`, `4750`, `3176`, or empty where none could be chosen.
    pub layout: String,
    /// Where its source lies; its findings lie in the next slot.
    pub place: Place,
    /// SHA-256 of source and findings.
    pub digests: Digests,
    /// Number of findings that refuse it, and that warn.
    pub refusals: i64,
    /// Warnings.
    pub warnings: i64,
    /// The day it counts as received on.
    pub counted_day: i64,
    /// What lists show of it.
    pub summary: Summary,
}

/// SHA-256 of what is kept of a version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Digests {
    /// Of its source.
    pub source: [u8; 32],
    /// Of its findings.
    pub findings: [u8; 32],
}

impl Digests {
    /// Of these bytes.
    pub fn of(source: &[u8], findings: &[u8]) -> Self {
        Self { source: digest::sha256(source), findings: digest::sha256(findings) }
    }
}

/// What lists show of a claim.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// `MA_LOAI_KCB`.
    pub kind: String,
    /// Minute of arrival.
    pub arrived: Option<i64>,
    /// Day of leaving.
    pub left_day: Option<i64>,
    /// Main diagnosis.
    pub main_dx: String,
    /// Total cost, 1/100 đồng.
    pub cost: i64,
    /// Asked of the insurer, 1/100 đồng.
    pub insurer: i64,
    /// Lines of all tables.
    pub lines: i64,
}

/// Totals of one file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FileTotals {
    /// New claims accepted.
    pub accepted: i64,
    /// Claims refused.
    pub refused: i64,
    /// Claims already known with the same content.
    pub duplicate: i64,
    /// Claims accepted as a new version of a known one.
    pub replaced: i64,
    /// Check-in messages taken.
    pub check_ins: i64,
}

/// What a check-in message says.
#[derive(Clone, Copy, Debug)]
pub struct CheckIn<'a> {
    /// Minute of arrival.
    pub arrived: i64,
    /// `MA_LOAI_KCB`.
    pub kind: &'a str,
    /// All its fields, JSON.
    pub body: &'a str,
}

const KNOWN: &str = "id, version, hash, state, accepted, person, counted_day";

fn known_row(r: &dyn Row) -> Result<Known> {
    Ok(Known {
        id: r.int(0)?,
        version: r.int(1)?,
        hash: r.blob(2)?.to_vec(),
        state: State::from_number(r.int(3)?).ok_or(Error::Column(3))?,
        accepted: r.opt_int(4)?,
        person: r.opt_int(5)?,
        counted_day: r.int(6)?,
    })
}

/// What is known of the claim `link` of `facility`.
pub fn known(on: &mut dyn Query, facility: i64, link: &str) -> Result<Option<Known>> {
    let sql = format!("SELECT {KNOWN} FROM claim WHERE facility = ?1 AND link = ?2");
    sql::first(on, &sql, &[facility.into(), link.into()], known_row)
}

impl Tx<'_> {
    /// Notes that a file has come in; its totals follow with each batch.
    pub fn receive_file(&mut self, name: &str, bytes: i64, facility: Option<i64>) -> Result<i64> {
        let account = self.decision().actor().account;
        self.insert(
            "INSERT INTO received_file(at, account, facility, name, bytes) VALUES (?1, ?2, ?3, ?4, ?5)",
            &[now_seconds().into(), account.into(), facility.into(), name.into(), bytes.into()],
        )
    }

    /// Adds what became of a batch of a file's claims; `done` closes it, `findings` (JSON) are those of the file itself.
    pub fn add_file_totals(&mut self, file: i64, add: FileTotals, findings: &str, done: bool) -> Result<()> {
        self.push(
            "UPDATE received_file SET accepted = accepted + ?2, refused = refused + ?3, duplicate = duplicate + ?4,
                replaced = replaced + ?5, check_ins = check_ins + ?6, findings = findings || ?7, done = ?8 WHERE id = ?1",
            &[
                file.into(),
                add.accepted.into(),
                add.refused.into(),
                add.duplicate.into(),
                add.replaced.into(),
                add.check_ins.into(),
                findings.into(),
                i64::from(done).into(),
            ],
        )?;
        Ok(())
    }

    /// Keeps a version of a claim: the first where `known` is none. Gives the claim's number and the version's.
    pub fn add_claim_version(&mut self, known: Option<&Known>, new: &NewVersion) -> Result<(i64, i64)> {
        let version = known.map_or(1, |k| k.version + 1);
        let counts = matches!(new.state, State::Accepted | State::Withdrawn);
        let accepted = if counts { Some(version) } else { known.and_then(|k| k.accepted) };
        if known.is_none_or(|k| k.state != new.state) {
            if let Some(known) = known {
                self.count_claim(new.facility, known.state, -1)?;
            }
            self.count_claim(new.facility, new.state, 1)?;
        }
        let at = now_seconds();
        let id = match known {
            None => self.insert_claim(version, accepted, at, new)?,
            Some(known) => {
                self.update_claim(known, version, accepted, at, new)?;
                known.id
            }
        };
        self.push(
            "INSERT INTO claim_version(claim, version, accepted, hash, file, position, at, layout, pack, slot, findings,
                facility) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
            &[
                id.into(),
                version.into(),
                i64::from(counts).into(),
                new.hash.as_slice().into(),
                new.file.into(),
                new.position.into(),
                at.into(),
                (&new.layout).into(),
                new.place.pack.into(),
                new.place.slot.into(),
                (new.refusals + new.warnings).into(),
                new.facility.into(),
            ],
        )?;
        let kept = log::ClaimVersionFact {
            claim: id,
            version,
            facility: new.facility,
            accepted: counts,
            hash: &new.hash,
            file: new.file,
            position: new.position,
            at,
            layout: &new.layout,
            findings: new.refusals + new.warnings,
        };
        let (fact, describe) = kept.describe((&new.digests.source, &new.digests.findings));
        self.log(fact, &describe, false)?;
        Ok((id, version))
    }

    /// Keeps the number of claims in each state: counting a million rows is no work for a page.
    fn count_claim(&mut self, facility: i64, state: State, by: i64) -> Result<()> {
        self.push(
            "INSERT INTO claim_count(facility, state, n) VALUES (?1, ?2, ?3)
                ON CONFLICT(facility, state) DO UPDATE SET n = claim_count.n + excluded.n",
            &[facility.into(), (state as i64).into(), by.into()],
        )
        .map(drop)
    }

    fn sealed_diagnosis(new: &NewVersion) -> Result<String> {
        sealed::text(Purpose::Body, &row!("claim", new.facility, new.link), &new.summary.main_dx)
    }

    fn insert_claim(&mut self, version: i64, accepted: Option<i64>, at: i64, new: &NewVersion) -> Result<i64> {
        let s = &new.summary;
        let diagnosis = Self::sealed_diagnosis(new)?;
        let id = self.insert(
            "INSERT INTO claim(facility, link, keyed, version, hash, state, accepted, person, file, at, layout, kind, arrived,
                left_day, counted_day, main_dx, cost, insurer, lines, refusals, warnings)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21)",
            &[
                new.facility.into(),
                (&new.link).into(),
                i64::from(new.keyed).into(),
                version.into(),
                new.hash.as_slice().into(),
                (new.state as i64).into(),
                accepted.into(),
                new.person.into(),
                new.file.into(),
                at.into(),
                (&new.layout).into(),
                (&s.kind).into(),
                s.arrived.into(),
                s.left_day.into(),
                new.counted_day.into(),
                (&diagnosis).into(),
                s.cost.into(),
                s.insurer.into(),
                s.lines.into(),
                new.refusals.into(),
                new.warnings.into(),
            ],
        )?;
        let (fact, describe) = log::claim(id, (version, accepted), at, new);
        self.log(fact, &describe, false)?;
        Ok(id)
    }

    fn update_claim(
        &mut self,
        known: &Known,
        version: i64,
        accepted: Option<i64>,
        at: i64,
        new: &NewVersion,
    ) -> Result<()> {
        let fact = Fact { facility: new.facility, ..Fact::numbered(Kind::Claim, known.id) };
        self.push(
            "UPDATE claim SET version = ?2, hash = ?3, state = ?4, accepted = ?5, file = ?6, at = ?7, refusals = ?8,
                warnings = ?9 WHERE id = ?1 AND facility = ?10",
            &[
                known.id.into(),
                version.into(),
                new.hash.as_slice().into(),
                (new.state as i64).into(),
                accepted.into(),
                new.file.into(),
                at.into(),
                new.refusals.into(),
                new.warnings.into(),
                new.facility.into(),
            ],
        )?;
        // A refused version beside an accepted one leaves what lists show of the accepted one.
        if new.state == State::Disputed {
            return log::again(self, &[fact]);
        }
        let s = &new.summary;
        let diagnosis = Self::sealed_diagnosis(new)?;
        self.push(
            "UPDATE claim SET person = ?2, layout = ?3, kind = ?4, arrived = ?5, left_day = ?6, counted_day = ?7, main_dx = ?8,
                cost = ?9, insurer = ?10, lines = ?11 WHERE id = ?1 AND facility = ?12",
            &[
                known.id.into(),
                new.person.into(),
                (&new.layout).into(),
                (&s.kind).into(),
                s.arrived.into(),
                s.left_day.into(),
                new.counted_day.into(),
                (&diagnosis).into(),
                s.cost.into(),
                s.insurer.into(),
                s.lines.into(),
                new.facility.into(),
            ],
        )?;
        log::again(self, &[fact])
    }

    /// Keeps a check-in message (XML0); a later one of the same visit takes its place. True where it was new.
    pub fn check_in(&mut self, facility: i64, link: &str, file: i64, new: &CheckIn<'_>) -> Result<bool> {
        let row = row!("check_in", facility, link);
        let before = "SELECT body FROM check_in WHERE facility = ?1 AND link = ?2";
        let before = sql::first(self, before, &[facility.into(), link.into()], |r| sealed::opened(&row, r.text(0)?))?;
        if before.as_deref() == Some(new.body) {
            return Ok(false);
        }
        let sealed = sealed::text(Purpose::Body, &row, new.body)?;
        let args: [Arg<'_>; 7] = [
            facility.into(),
            link.into(),
            new.arrived.into(),
            new.kind.into(),
            file.into(),
            now_seconds().into(),
            (&sealed).into(),
        ];
        self.push(
            "INSERT INTO check_in(facility, link, arrived, kind, file, at, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                ON CONFLICT(facility, link) DO UPDATE SET arrived = excluded.arrived, kind = excluded.kind,
                file = excluded.file, at = excluded.at, body = excluded.body",
            &args,
        )?;
        let fact = Fact { facility, name: link.to_owned(), ..Fact::numbered(Kind::CheckIn, 0) };
        log::again(self, &[fact])?;
        Ok(true)
    }

    /// Notes that `facility` has sent, and the last day its claims speak of.
    pub fn note_freshness(&mut self, facility: i64, file: i64, last_day: i64) -> Result<()> {
        self.push(
            "INSERT INTO freshness(facility, at, file, last_day) VALUES (?1, ?2, ?3, ?4) ON CONFLICT(facility) DO UPDATE
                SET at = excluded.at, file = excluded.file,
                last_day = CASE WHEN excluded.last_day > freshness.last_day THEN excluded.last_day ELSE freshness.last_day END",
            &[facility.into(), now_seconds().into(), file.into(), last_day.into()],
        )?;
        Ok(())
    }
}

/// When a facility last sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Freshness {
    /// The facility's number.
    pub facility: i64,
    /// When its last file came, seconds since 1970 UTC.
    pub at: i64,
    /// The last day its claims speak of.
    pub last_day: i64,
}

/// When each facility last sent, in the order of their numbers.
pub fn freshness(on: &mut dyn Query) -> Result<Vec<Freshness>> {
    let sql = format!("SELECT facility, at, last_day FROM freshness ORDER BY facility{}", every!("sums"));
    sql::list(on, &sql, &[], |r| Ok(Freshness { facility: r.int(0)?, at: r.int(1)?, last_day: r.int(2)? }))
}

/// A version as kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// Its number, from 1.
    pub version: i64,
    /// Whether it was accepted.
    pub accepted: bool,
    /// When it came, seconds since 1970 UTC.
    pub at: i64,
    /// The file it came in, by name.
    pub file: String,
    /// Position in that file.
    pub position: i64,
    /// Its layout.
    pub layout: String,
    /// Number of findings.
    pub findings: i64,
    /// Where source and findings lie.
    pub place: Place,
}

/// Every version of a facility's claim, newest first.
pub fn versions(on: &mut dyn Query, facility: i64, claim: i64) -> Result<Vec<Version>> {
    let sql = "SELECT v.version, v.accepted, v.at, f.name, v.position, v.layout, v.findings, v.pack, v.slot
        FROM claim_version v JOIN received_file f ON f.id = v.file WHERE v.claim = ?1 AND v.facility = ?2
            ORDER BY v.version DESC";
    sql::list(on, sql, &[claim.into(), facility.into()], |r| {
        Ok(Version {
            version: r.int(0)?,
            accepted: r.int(1)? != 0,
            at: r.int(2)?,
            file: r.text(3)?.to_owned(),
            position: r.int(4)?,
            layout: r.text(5)?.to_owned(),
            findings: r.int(6)?,
            place: Place { facility, pack: r.int(7)?, slot: r.int(8)? },
        })
    })
}

/// The source of a version as it was kept, and its findings as JSON.
pub fn source_and_findings(on: &mut dyn Query, place: Place) -> Result<(Vec<u8>, String)> {
    let bodies = pack::read(on, place.facility, place.pack)?;
    let damaged = || Error::Damaged(place.pack);
    let slot = usize::try_from(place.slot).map_err(|_| damaged())?;
    let findings = bodies.get(slot + 1).ok_or_else(damaged)?.to_vec();
    let source = bodies.get(slot).ok_or_else(damaged)?.to_vec();
    Ok((source, String::from_utf8(findings).map_err(|_| damaged())?))
}
