//! Reading the rows of facts back, and describing them as they are now.

use super::Fact;
use super::facts::{ClaimVersionFact, ResourceFact, audit, claim, event, number};
use crate::claims::{NewVersion, State, Summary};
use crate::distribution::every;
use crate::pack::{self, Place};
use crate::sealed::{self, row};
use crate::sql::{Arg, Query, Row};
use crate::{Error, Result};
use mach_tlog::fact::{Describe, Kind};
use mach_tlog::receipt::CONTENT;

/// Where the rows of a kind are, and how they are read.
struct Source {
    kind: Kind,
    /// Selects what `row` reads, without `WHERE` and `ORDER`.
    select: &'static str,
    /// The column (or expression) that is `Fact::key`; the name of the fact where that is its key.
    key: &'static str,
    /// What names a row: key, facility, version, of, name; from where.
    names: &'static str,
    row: fn(&dyn Row) -> Result<Read>,
}

/// A row that was read.
struct Read {
    fact: Fact,
    /// The description but for what lies in packs.
    describe: Unfinished,
}

enum Unfinished {
    Done(Describe),
    /// Facility, pack, slot of a resource's body; `None` where it has none.
    Resource(Box<OwnedResource>, Option<(i64, i64)>),
    ClaimVersion(Box<OwnedClaimVersion>, (i64, i64)),
}

struct OwnedResource {
    kind: i64,
    id: String,
    ints: [i64; 5],
    patient: Option<i64>,
    date: Option<i64>,
    deleted: bool,
    by: (i64, String, String),
}

impl OwnedResource {
    fn borrowed(&self) -> ResourceFact<'_> {
        let [facility, version, entity, seq, at] = self.ints;
        let (patient, date, deleted) = (self.patient, self.date, self.deleted);
        let by = (self.by.0, self.by.1.as_str(), self.by.2.as_str());
        ResourceFact { kind: self.kind, id: &self.id, facility, version, entity, seq, at, patient, date, deleted, by }
    }
}

struct OwnedClaimVersion {
    ints: [i64; 8],
    hash: Vec<u8>,
    layout: String,
}

impl OwnedClaimVersion {
    fn borrowed(&self) -> ClaimVersionFact<'_> {
        let [claim, version, facility, accepted, file, position, at, findings] = self.ints;
        let (accepted, hash, layout) = (accepted != 0, self.hash.as_slice(), self.layout.as_str());
        ClaimVersionFact { claim, version, facility, accepted, hash, file, position, at, layout, findings }
    }
}

fn done((fact, describe): (Fact, Describe)) -> Read {
    Read { fact, describe: Unfinished::Done(describe) }
}

/// Columns of a row, each taken in turn.
fn ints<const N: usize>(r: &dyn Row, from: usize) -> Result<[i64; N]> {
    let mut out = [0; N];
    for (n, out) in out.iter_mut().enumerate() {
        *out = r.int(from + n)?;
    }
    Ok(out)
}

fn resource_row(r: &dyn Row) -> Result<Read> {
    let place = (r.int(11)?, r.int(12)?);
    let owned = OwnedResource {
        kind: r.int(1)?,
        id: r.text(2)?.to_owned(),
        ints: ints(r, 3)?,
        patient: r.opt_int(8)?,
        date: r.opt_int(9)?,
        deleted: r.int(10)? != 0,
        by: (
            r.opt_int(13)?.unwrap_or(i64::MIN),
            r.opt_text(14)?.unwrap_or_default().to_owned(),
            r.opt_text(15)?.unwrap_or_default().to_owned(),
        ),
    };
    let fact = owned.borrowed().fact(r.int(0)?);
    let place = (!owned.deleted).then_some(place);
    Ok(Read { fact, describe: Unfinished::Resource(Box::new(owned), place) })
}

fn claim_version_row(r: &dyn Row) -> Result<Read> {
    let owned = OwnedClaimVersion { ints: ints(r, 0)?, hash: r.blob(8)?.to_vec(), layout: r.text(9)?.to_owned() };
    let [key, version, facility, ..] = owned.ints;
    let fact = Fact { facility, version, ..Fact::numbered(Kind::ClaimVersion, key) };
    Ok(Read { fact, describe: Unfinished::ClaimVersion(Box::new(owned), (r.int(10)?, r.int(11)?)) })
}

fn audit_row(r: &dyn Row) -> Result<Read> {
    let entry = crate::audit::Row {
        at: r.int(1)?,
        account: r.int(2)?,
        name: r.text(3)?,
        role: r.text(4)?,
        act: r.text(5)?,
        facility: r.int(6)?,
        person: r.opt_int(7)?,
        target: r.text(8)?,
        outcome: r.text(9)?,
    };
    let fact = Fact { facility: entry.facility, ..Fact::numbered(Kind::Audit, r.int(0)?) };
    Ok(done((fact, audit(r.int(0)?, &entry))))
}

fn account_row(r: &dyn Row) -> Result<Read> {
    let fact = Fact { name: r.text(1)?.to_owned(), ..Fact::numbered(Kind::Account, r.int(0)?) };
    let described = Describe::new(Kind::Account)
        .int("id", r.int(0)?)
        .text("name", r.text(1)?)
        .text("display", r.text(2)?)
        .text("role", r.text(3)?)
        .opt_int("facility", r.opt_int(4)?)
        .digest_of("password-sha256", r.text(5)?.as_bytes())
        .int("closed", r.int(6)?);
    Ok(done((fact, described)))
}

fn api_key_row(r: &dyn Row) -> Result<Read> {
    let described =
        Describe::new(Kind::ApiKey).int("id", r.int(0)?).bytes("hash", r.blob(1)?).int("facility", r.int(2)?);
    let described = described.text("name", r.text(3)?).int("made", r.int(4)?).opt_int("revoked", r.opt_int(5)?);
    Ok(done((Fact::numbered(Kind::ApiKey, r.int(0)?), described)))
}

fn system_token_row(r: &dyn Row) -> Result<Read> {
    let described = Describe::new(Kind::SystemToken)
        .int("id", r.int(0)?)
        .bytes("hash", r.blob(1)?)
        .opt_int("facility", r.opt_int(2)?)
        .text("role", r.text(3)?)
        .text("name", r.text(4)?)
        .int("made", r.int(5)?)
        .opt_int("revoked", r.opt_int(6)?);
    Ok(done((Fact::numbered(Kind::SystemToken, r.int(0)?), described)))
}

fn claim_row(r: &dyn Row) -> Result<Read> {
    let summary = Summary {
        kind: r.text(12)?.to_owned(),
        arrived: r.opt_int(13)?,
        left_day: r.opt_int(14)?,
        main_dx: sealed::opened(&row!("claim", r.int(1)?, r.text(2)?), r.text(16)?)?,
        cost: r.int(17)?,
        insurer: r.int(18)?,
        lines: r.int(19)?,
    };
    let new = NewVersion {
        facility: r.int(1)?,
        link: r.text(2)?.to_owned(),
        keyed: r.int(3)? != 0,
        hash: r.blob(5)?.to_vec(),
        state: State::from_number(r.int(6)?).ok_or(Error::Column(6))?,
        person: r.opt_int(8)?,
        file: r.int(9)?,
        position: 0,
        layout: r.text(11)?.to_owned(),
        place: Place { facility: r.int(1)?, pack: 0, slot: 0 },
        digests: Default::default(),
        refusals: r.int(20)?,
        warnings: r.int(21)?,
        counted_day: r.int(15)?,
        summary,
    };
    Ok(done(claim(r.int(0)?, (r.int(4)?, r.opt_int(7)?), r.int(10)?, &new)))
}

fn check_in_row(r: &dyn Row) -> Result<Read> {
    let sealed = r.text(6)?;
    // What does not open was changed: it is described as it lies there, which is not what the log says.
    let body = sealed::opened(&row!("check_in", r.int(0)?, r.text(1)?), sealed).unwrap_or_else(|_| sealed.to_owned());
    let fact = Fact { facility: r.int(0)?, name: r.text(1)?.to_owned(), ..Fact::numbered(Kind::CheckIn, 0) };
    let described = Describe::new(Kind::CheckIn)
        .int("facility", r.int(0)?)
        .text("link", r.text(1)?)
        .int("arrived", r.int(2)?)
        .text("kind", r.text(3)?)
        .int("file", r.int(4)?)
        .int("at", r.int(5)?)
        .digest_of(CONTENT, body.as_bytes());
    Ok(done((fact, described)))
}

fn number_row(r: &dyn Row) -> Result<Read> {
    Ok(done(number(r.int(1)?, r.int(0)?, r.text(2)?)))
}

fn event_row(r: &dyn Row) -> Result<Read> {
    let described = event(r.int(0)?, r.int(1)?, (r.int(2)?, r.text(3)?), r.text(4)?, r.text(5)?);
    Ok(done((Fact::numbered(Kind::Event, r.int(0)?), described)))
}

/// What an app may be granted at most.
fn app_row(r: &dyn Row) -> Result<Read> {
    let described = Describe::new(Kind::App).int("id", r.int(0)?).text("client", r.text(1)?).text("name", r.text(2)?);
    let described = described.text("proof", r.text(3)?).digest_of("secret-sha256", r.opt_blob(4)?.unwrap_or_default());
    let described = described.text("keys", r.text(5)?).text("keys-url", r.text(6)?).text("redirects", r.text(7)?);
    let described = described.text("launch", r.text(8)?).text("scopes", r.text(9)?);
    let described = described.opt_int("facility", r.opt_int(10)?).int("ended", r.int(11)?);
    Ok(done((Fact::numbered(Kind::App, r.int(0)?), described)))
}

fn app_grant_row(r: &dyn Row) -> Result<Read> {
    let described = Describe::new(Kind::AppGrant).int("id", r.int(0)?).int("app", r.int(1)?).int("account", r.int(2)?);
    let described = described.text("scopes", r.text(3)?).text("patient", r.text(4)?).int("made", r.int(5)?);
    let described = described.int("until", r.int(6)?).int("ended", r.int(7)?).text("why", r.text(8)?);
    Ok(done((Fact::numbered(Kind::AppGrant, r.int(0)?), described)))
}

const SOURCES: [Source; 12] = [
    Source {
        kind: Kind::Resource,
        select: "SELECT r.rid, r.type, r.id, r.facility, r.version, r.eid, r.seq, r.at, r.patient, r.date, r.deleted, r.pack,
            r.slot, c.account, c.role, c.act FROM resource r LEFT JOIN commit_log c ON c.seq = r.seq",
        key: "r.rid",
        names: "SELECT rid, facility, version, type, id FROM resource ORDER BY rid",
        row: resource_row,
    },
    Source {
        kind: Kind::Audit,
        select: "SELECT id, at, account, name, role, act, facility, person, target, outcome FROM audit",
        key: "id",
        names: "SELECT id, facility, 0, 0, '' FROM audit ORDER BY id",
        row: audit_row,
    },
    Source {
        kind: Kind::Account,
        select: "SELECT id, name, display, role, facility, password, closed FROM account",
        key: "id",
        names: "SELECT id, 0, 0, 0, name FROM account ORDER BY id",
        row: account_row,
    },
    Source {
        kind: Kind::ApiKey,
        select: "SELECT id, hash, facility, name, made, revoked FROM api_key",
        key: "id",
        names: "SELECT id, 0, 0, 0, '' FROM api_key ORDER BY id",
        row: api_key_row,
    },
    Source {
        kind: Kind::SystemToken,
        select: "SELECT id, hash, facility, role, name, made, revoked FROM system_token",
        key: "id",
        names: "SELECT id, 0, 0, 0, '' FROM system_token ORDER BY id",
        row: system_token_row,
    },
    Source {
        kind: Kind::ClaimVersion,
        select: "SELECT claim, version, facility, accepted, file, position, at, findings, hash, layout, pack, slot
            FROM claim_version",
        key: "claim",
        names: "SELECT claim, facility, version, 0, '' FROM claim_version ORDER BY claim, version",
        row: claim_version_row,
    },
    Source {
        kind: Kind::Claim,
        select: "SELECT id, facility, link, keyed, version, hash, state, accepted, person, file, at, layout, kind, arrived,
            left_day, counted_day, main_dx, cost, insurer, lines, refusals, warnings FROM claim",
        key: "id",
        names: "SELECT id, facility, 0, 0, '' FROM claim ORDER BY id",
        row: claim_row,
    },
    Source {
        kind: Kind::CheckIn,
        select: "SELECT facility, link, arrived, kind, file, at, body FROM check_in",
        key: "",
        names: "SELECT 0, facility, 0, 0, link FROM check_in ORDER BY facility, link",
        row: check_in_row,
    },
    Source {
        kind: Kind::Number,
        select: "SELECT id, side, code FROM (SELECT id, 0 AS side, code FROM facility
            UNION ALL SELECT id, 1 AS side, code FROM department) n",
        key: "id",
        names: "SELECT id, 0, 0, side, code FROM (SELECT id, 0 AS side, code FROM facility
            UNION ALL SELECT id, 1 AS side, code FROM department) n ORDER BY side, id",
        row: number_row,
    },
    Source {
        kind: Kind::Event,
        select: "SELECT id, at, account, name, act, detail FROM log_event",
        key: "id",
        names: "SELECT id, 0, 0, 0, '' FROM log_event ORDER BY id",
        row: event_row,
    },
    Source {
        kind: Kind::App,
        select: "SELECT id, client, name, kind, secret, keys, keys_url, redirects, launch, scopes, facility, ended FROM smart_app",
        key: "id",
        names: "SELECT id, 0, 0, 0, '' FROM smart_app ORDER BY id",
        row: app_row,
    },
    Source {
        kind: Kind::AppGrant,
        select: "SELECT id, app, account, scopes, patient, made, until, ended, why FROM smart_grant",
        key: "id",
        names: "SELECT id, 0, 0, 0, '' FROM smart_grant ORDER BY id",
        row: app_grant_row,
    },
];

fn source(kind: Kind) -> Result<&'static Source> {
    SOURCES.iter().find(|s| s.kind == kind).ok_or(Error::Missing("a kind of fact"))
}

/// Keys nearer to each other than this are read together.
const GAP: i64 = 16;

/// What identifies a fact: its name only where that is the key.
pub(super) fn identity(fact: &Fact) -> (Kind, i64, i64, i64, &str) {
    match fact.kind {
        Kind::CheckIn => (fact.kind, 0, fact.facility, 0, &fact.name),
        Kind::Number => (fact.kind, fact.key, 0, fact.of, ""),
        Kind::ClaimVersion => (fact.kind, fact.key, fact.version, 0, ""),
        kind => (kind, fact.key, 0, 0, ""),
    }
}

/// A fact as its row names it, and its description.
pub(super) type Described = (Fact, Describe);

/// Facts as they are now: each as its row names it with its description, or none where its row is gone. Bodies that cannot be read describe as
/// no bytes at all, which agrees with no leaf.
pub(super) fn load(on: &mut dyn Query, facts: &[Fact]) -> Result<Vec<(Fact, Option<Described>)>> {
    let mut out = Vec::with_capacity(facts.len());
    for source in &SOURCES {
        let mut asked: Vec<&Fact> = facts.iter().filter(|f| f.kind == source.kind).collect();
        asked.sort_unstable_by_key(|f| identity(f));
        asked.dedup_by_key(|f| identity(f));
        if asked.is_empty() {
            continue;
        }
        let mut read = Vec::with_capacity(asked.len());
        let mut take = |r: &dyn Row| {
            let row = (source.row)(r)?;
            if asked.binary_search_by_key(&identity(&row.fact), |f| identity(f)).is_ok() {
                read.push(row);
            }
            Ok(())
        };
        if source.key.is_empty() {
            for fact in &asked {
                let sql = format!("{} WHERE facility = ?1 AND link = ?2", source.select);
                on.each(&sql, &[fact.facility.into(), (&fact.name).into()], &mut take)?;
            }
        } else {
            let key = source.key;
            let sql = format!("{} WHERE {key} >= ?1 AND {key} <= ?2{}", source.select, every!("whole store"));
            for near in asked.chunk_by(|a, b| b.key - a.key <= GAP) {
                let range: [Arg<'_>; 2] = [near[0].key.into(), near[near.len() - 1].key.into()];
                on.each(&sql, &range, &mut take)?;
            }
        }
        let mut found = finish(on, read)?;
        found.sort_unstable_by(|a, b| identity(&a.0).cmp(&identity(&b.0)));
        for fact in asked {
            let at = found.binary_search_by(|(f, _)| identity(f).cmp(&identity(fact)));
            out.push((fact.clone(), at.ok().map(|at| found[at].clone())));
        }
    }
    Ok(out)
}

/// A pack that was read: its facility and number, its bodies.
type Opened = ((i64, i64), Option<pack::Bodies>);

/// Reads what lies in packs, each pack once.
fn finish(on: &mut dyn Query, mut read: Vec<Read>) -> Result<Vec<(Fact, Describe)>> {
    let place = |r: &Read| match &r.describe {
        Unfinished::Done(_) | Unfinished::Resource(_, None) => None,
        Unfinished::Resource(_, Some((pack, _))) | Unfinished::ClaimVersion(_, (pack, _)) => {
            Some((r.fact.facility, *pack))
        }
    };
    read.sort_by_key(place);
    let mut open: Option<Opened> = None;
    let mut out = Vec::with_capacity(read.len());
    for row in read {
        if let Some(at) = place(&row)
            && open.as_ref().is_none_or(|(opened, _)| *opened != at)
        {
            let bodies = match pack::read(on, at.0, at.1) {
                Ok(bodies) => Some(bodies),
                Err(Error::Damaged(_)) => None,
                Err(e) => return Err(e),
            };
            open = Some((at, bodies));
        }
        let body = |slot: i64| {
            let bodies = open.as_ref().and_then(|(_, bodies)| bodies.as_ref());
            usize::try_from(slot).ok().and_then(|slot| bodies?.get(slot))
        };
        let digest = |bytes: Option<&[u8]>| bytes.map(crate::digest::sha256).unwrap_or_default();
        let describe = match row.describe {
            Unfinished::Done(describe) => describe,
            Unfinished::Resource(owned, place) => {
                let body = place.and_then(|(_, slot)| body(slot));
                owned.borrowed().describe(body.map(crate::digest::sha256))
            }
            Unfinished::ClaimVersion(owned, (_, slot)) => {
                owned.borrowed().describe((&digest(body(slot)), &digest(body(slot + 1)))).1
            }
        };
        out.push((row.fact, describe));
    }
    Ok(out)
}

/// Every row of a kind, by its name, in the order of keys.
pub(super) fn names(on: &mut dyn Query, kind: Kind, take: &mut dyn FnMut(Fact) -> Result<()>) -> Result<()> {
    let sql = format!("{}{}", source(kind)?.names, every!("whole store"));
    on.each(&sql, &[], &mut |r| {
        let [key, facility, version, of] = ints(r, 0)?;
        take(Fact { kind, key, facility, version, of, name: r.text(4)?.to_owned() })
    })
}
