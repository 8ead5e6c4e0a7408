//! Digital signatures of a facility: under which rules it signs, who may sign with which certificate, for whom somebody else
//! may, what is being signed just now, and which papers were signed. What is signed, and why, is in resources; each change
//! here is a leaf of the transparency log with the transaction that makes it.

mod flights;

pub(crate) use flights::flight_row;
pub use flights::{Brief, Due, Flight, flight_of, flights_due, in_brief, next_flight, owed};

use crate::accounts;
use crate::distribution::{every, unless_one, within};
use crate::notices::Kind;
use crate::sealed::{self, row};
use crate::sql::{self, Execute, Query, Row};
use crate::{Result, Tx};
use mach_access::{Act as May, Scope, decide};
use mach_base::Day;
use mach_base::time::now_seconds;
use mach_seal::Purpose;
use sha2::{Digest, Sha256};

/// Its tables.
pub const DDL: &[&str] = &[
    "CREATE TABLE signing_policy(id INTEGER PRIMARY KEY, facility INT NOT NULL, document TEXT NOT NULL, from_day INT NOT NULL,
        made INTEGER NOT NULL, account INTEGER NOT NULL, ended INTEGER {key id})",
    "CREATE INDEX signing_policy_facility ON signing_policy(facility, id)",
    "CREATE TABLE signer(id INTEGER PRIMARY KEY, facility INT NOT NULL, account INTEGER NOT NULL, licence TEXT NOT NULL,
        acts TEXT NOT NULL, from_day INT NOT NULL, to_day INT NOT NULL, provider INT NOT NULL, subscriber TEXT NOT NULL,
        chain TEXT NOT NULL, made INTEGER NOT NULL, ended INTEGER {key id})",
    "CREATE INDEX signer_account ON signer(facility, account, id)",
    "CREATE TABLE delegation(id INTEGER PRIMARY KEY, facility INT NOT NULL, head INTEGER NOT NULL, deputy INTEGER NOT NULL,
        from_at INTEGER NOT NULL, to_at INTEGER NOT NULL, document TEXT NOT NULL, ended INTEGER {key id})",
    "CREATE INDEX delegation_deputy ON delegation(facility, deputy, id)",
    "CREATE TABLE flight(id INTEGER PRIMARY KEY, facility INT NOT NULL, code TEXT NOT NULL, act INT NOT NULL,
        signer INTEGER NOT NULL, account INTEGER NOT NULL, name TEXT NOT NULL, began INTEGER NOT NULL, next INTEGER,
        tried INT NOT NULL DEFAULT 0, said TEXT NOT NULL, state BLOB NOT NULL, ended INTEGER {key id})",
    "CREATE INDEX flight_code ON flight(code, facility)",
    "CREATE INDEX flight_next ON flight(next, facility) WHERE next IS NOT NULL",
    "CREATE TABLE signed_paper(id INTEGER PRIMARY KEY, facility INT NOT NULL, hash TEXT NOT NULL, code TEXT NOT NULL,
        made INTEGER NOT NULL, ended INTEGER, why TEXT NOT NULL {key id})",
    "CREATE INDEX signed_paper_hash ON signed_paper(hash, facility)",
    "CREATE INDEX signed_paper_code ON signed_paper(code, facility)",
];

/// What is signed for. Stored as its number: never renumbered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// A doctor concludes.
    Conclude = 1,
    /// The head of a facility signs for it.
    Countersign = 2,
    /// The facility's own seal, on what it sends to other systems.
    Seal = 3,
    /// A doctor signs a prescription.
    Prescribe = 4,
    /// A patient signs what they declare: an electronic signature, by no key.
    Declare = 5,
    /// Who takes controlled medicines signs that they got them: by no key either.
    Receive = 6,
}

impl Act {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Conclude, Self::Countersign, Self::Seal, Self::Prescribe, Self::Declare, Self::Receive];
    /// Those that somebody is registered for with a certificate.
    pub const WITH_KEYS: [Self; 4] = [Self::Conclude, Self::Countersign, Self::Seal, Self::Prescribe];
    /// Those of certificates.
    pub const OF_CERTIFICATES: [Self; 2] = [Self::Conclude, Self::Countersign];

    /// As stored and as forms name it.
    pub fn code(self) -> &'static str {
        match self {
            Self::Conclude => "conclude",
            Self::Countersign => "countersign",
            Self::Seal => "seal",
            Self::Prescribe => "prescribe",
            Self::Declare => "declare",
            Self::Receive => "receive",
        }
    }

    fn of(number: i64) -> Result<Self> {
        Self::ALL.into_iter().find(|a| *a as i64 == number).ok_or(crate::Error::Column(3))
    }
}

/// Where a key is. Stored as its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provider {
    /// In a file of this machine.
    Soft = 1,
    /// With VNPT SmartCA; its owner confirms on a phone.
    SmartCa = 2,
    /// In a token of this machine (PKCS#11).
    Token = 3,
    /// With Viettel MySign; its owner confirms on a phone.
    MySign = 4,
    /// In a token of its owner's machine, with the state's desktop signer (VGCA).
    Vgca = 5,
}

impl Provider {
    /// All.
    pub const ALL: [Self; 5] = [Self::Soft, Self::SmartCa, Self::Token, Self::MySign, Self::Vgca];

    /// As forms name it.
    pub fn code(self) -> &'static str {
        match self {
            Self::Soft => "soft",
            Self::SmartCa => "smartca",
            Self::Token => "token",
            Self::MySign => "mysign",
            Self::Vgca => "vgca",
        }
    }
}

/// The rules under which a facility signs, as it registered them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Number of the row.
    pub id: i64,
    /// The decision that put them into force: number and date.
    pub document: String,
    /// From which day.
    pub from: Day,
    /// When it was registered, seconds.
    pub made: i64,
}

/// Somebody who may sign, with a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signer {
    /// Number of the row; 0: not yet written.
    pub id: i64,
    /// The facility.
    pub facility: i64,
    /// The account; 0: the facility's own seal.
    pub account: i64,
    /// Number of the practice licence.
    pub licence: String,
    /// What may be signed for: [`Act::code`]s, parted by spaces.
    pub acts: String,
    /// First day.
    pub from: Day,
    /// Last day.
    pub to: Day,
    /// Where the key is.
    pub provider: Provider,
    /// The subscriber's id with the provider, or the address of the key in its token (RFC 7512); empty for soft keys.
    pub subscriber: String,
    /// The certificate, then those that issued it, as PEM.
    pub chain: String,
    /// When it was ended, seconds.
    pub ended: Option<i64>,
}

impl Signer {
    /// Whether it holds on a day for an act.
    pub fn holds(&self, act: Act, day: Day) -> bool {
        self.ended.is_none() && self.from <= day && day <= self.to && self.acts.split(' ').any(|a| a == act.code())
    }
}

/// A right to sign in the head's place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delegation {
    /// Number of the row; 0: not yet written.
    pub id: i64,
    /// The facility.
    pub facility: i64,
    /// Whose right it is.
    pub head: i64,
    /// Who may use it.
    pub deputy: i64,
    /// From which second.
    pub from: i64,
    /// Up to, not with, which second.
    pub to: i64,
    /// The decision: number and date.
    pub document: String,
    /// When it was ended, seconds.
    pub ended: Option<i64>,
}

/// A signature upon a paper, and how the paper stands. The last signature of a paper is the paper: it covers all that came
/// before, and nothing that somebody adds behind changes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paper {
    /// SHA-256 of exactly what the signature covers, hexadecimal; of whole files, where they were given out before that.
    pub mark: String,
    /// The code of its certificate.
    pub code: String,
    /// When it was issued, seconds.
    pub made: i64,
    /// Since when it is not valid, seconds.
    pub ended: Option<i64>,
    /// `revoked`, `replaced`, [`UNFINISHED`], [`OPEN`].
    pub why: String,
}

fn day(n: i64) -> Result<Day> {
    i32::try_from(n).map(Day).map_err(|_| crate::Error::Column(0))
}

const SIGNER: &str = "id, facility, account, licence, acts, from_day, to_day, provider, subscriber, chain, ended";

fn signer(r: &dyn Row) -> Result<Signer> {
    let text = |i| r.text(i).map(str::to_owned);
    let provider = r.int(7)?;
    Ok(Signer {
        id: r.int(0)?,
        facility: r.int(1)?,
        account: r.int(2)?,
        licence: text(3)?,
        acts: text(4)?,
        from: day(r.int(5)?)?,
        to: day(r.int(6)?)?,
        provider: Provider::ALL.into_iter().find(|p| *p as i64 == provider).ok_or(crate::Error::Column(7))?,
        // With some services it is a national number.
        subscriber: sealed::opened(&row!("signer", r.int(1)?, r.int(0)?), r.text(8)?)?,
        chain: text(9)?,
        ended: r.opt_int(10)?,
    })
}

/// The rules in force at a facility on a day; `None`: nothing may be signed.
pub fn policy(on: &mut dyn Query, facility: i64, today: Day) -> Result<Option<Policy>> {
    let sql = "SELECT id, document, from_day, made FROM signing_policy WHERE facility = ?1 AND from_day <= ?2
        AND ended IS NULL ORDER BY id DESC";
    sql::first(on, sql, &[facility.into(), i64::from(today.0).into()], |r| {
        Ok(Policy { id: r.int(0)?, document: r.text(1)?.to_owned(), from: day(r.int(2)?)?, made: r.int(3)? })
    })
}

/// Everybody who may sign or might, as the reader may see them, the newest first, before row `before` if given.
pub fn signers(on: &mut dyn Query, before: Option<i64>, limit: usize) -> Result<Vec<Signer>> {
    let scope = on.scope();
    let sql = format!(
        "SELECT {SIGNER} FROM signer WHERE id < ?1 AND {} ORDER BY id DESC LIMIT {limit}{}",
        within(scope),
        unless_one(scope)
    );
    sql::list(on, &sql, &[before.unwrap_or(i64::MAX).into()], signer)
}

/// One of them at its facility.
pub fn signer_of(on: &mut dyn Query, facility: i64, id: i64) -> Result<Option<Signer>> {
    let sql = format!("SELECT {SIGNER} FROM signer WHERE id = ?1 AND facility = ?2");
    sql::first(on, &sql, &[id.into(), facility.into()], signer)
}

/// With what an account (0: the facility's seal) may sign for an act at a facility on a day, the newest first.
pub fn signers_for(on: &mut dyn Query, facility: i64, account: i64, act: Act, today: Day) -> Result<Vec<Signer>> {
    let sql =
        format!("SELECT {SIGNER} FROM signer WHERE facility = ?1 AND account = ?2 AND ended IS NULL ORDER BY id DESC");
    let mut found = sql::list(on, &sql, &[facility.into(), account.into()], signer)?;
    found.retain(|s| s.holds(act, today));
    Ok(found)
}

/// With what an account signs where nobody chose: the newest.
pub fn signing_with(on: &mut dyn Query, facility: i64, account: i64, act: Act, today: Day) -> Result<Option<Signer>> {
    Ok(signers_for(on, facility, account, act, today)?.into_iter().next())
}

/// Delegations of a facility that hold now or later, the newest first: a right of whoever is no head there any more passes on
/// nothing.
pub fn delegations(on: &mut dyn Query, facility: i64, now: i64) -> Result<Vec<Delegation>> {
    let sql = "SELECT id, facility, head, deputy, from_at, to_at, document, ended FROM delegation WHERE facility = ?1
        AND ended IS NULL AND to_at > ?2 ORDER BY id DESC LIMIT 100";
    let mut found = sql::list(on, sql, &[facility.into(), now.into()], |r| {
        Ok(Delegation {
            id: r.int(0)?,
            facility: r.int(1)?,
            head: r.int(2)?,
            deputy: r.int(3)?,
            from: r.int(4)?,
            to: r.int(5)?,
            document: r.text(6)?.to_owned(),
            ended: r.opt_int(7)?,
        })
    })?;
    let mut heads: Vec<i64> = found.iter().map(|d| d.head).collect();
    heads.sort_unstable();
    heads.dedup();
    for head in heads {
        let account = accounts::by_id(on, Scope::Facility(facility), head)?.filter(|a| !a.closed);
        if account.is_none_or(|a| decide(&a.actor, May::Countersign).is_err()) {
            found.retain(|d| d.head != head);
        }
    }
    Ok(found)
}

/// Whether an account may sign in the head's place now.
pub fn is_deputy(on: &mut dyn Query, facility: i64, account: i64, now: i64) -> Result<bool> {
    Ok(delegations(on, facility, now)?.iter().any(|d| d.deputy == account && d.from <= now))
}

/// Why a paper is not valid that lacks a further signature.
pub const UNFINISHED: &str = "unfinished";
/// Why the code of a paper is not valid that lacks a further signature. Unlike what is unfinished it stands in the list for
/// offline verifiers: the code says nothing of what its paper lacks.
pub const OPEN: &str = "open";

fn paper_row(r: &dyn Row) -> Result<Paper> {
    let text = |i| r.text(i).map(str::to_owned);
    Ok(Paper { mark: text(0)?, code: text(1)?, made: r.int(2)?, ended: r.opt_int(3)?, why: text(4)? })
}

/// The paper with one of these marks, which stand the newest first, whichever facility gave it out.
pub fn paper(on: &mut dyn Query, marks: &[String]) -> Result<Option<Paper>> {
    let sql = concat!(
        "SELECT hash, code, made, ended, why FROM signed_paper WHERE hash = ?1 ORDER BY id DESC",
        every!("province")
    );
    for (n, mark) in marks.iter().enumerate() {
        let found = sql::first(on, sql, &[mark.into()], paper_row)?;
        // What lacks a signature says nothing where another came after it.
        if let Some(paper) = found.filter(|p| n == 0 || p.why != UNFINISHED) {
            return Ok(Some(paper));
        }
    }
    Ok(None)
}

/// Papers that were taken back, oldest first, for the list that offline verifiers take along.
pub fn ended_papers(on: &mut dyn Query) -> Result<Vec<Paper>> {
    let sql = concat!(
        "SELECT hash, code, made, ended, why FROM signed_paper WHERE ended IS NOT NULL AND why <> 'unfinished'
            ORDER BY ended, id",
        every!("province")
    );
    sql::list(on, sql, &[], paper_row)
}

/// Signers whose certificates lie with something that has no place there: facility, number and what lies there.
pub fn chains_with_secrets(on: &mut dyn Query) -> Result<Vec<(i64, i64, String)>> {
    let sql = concat!(
        "SELECT facility, id, chain FROM signer WHERE chain LIKE '%PRIVATE KEY%' ORDER BY id",
        every!("province")
    );
    sql::list(on, sql, &[], |r| Ok((r.int(0)?, r.int(1)?, r.text(2)?.to_owned())))
}

impl Tx<'_> {
    /// Writes a signer's certificates alone, in the place of what also held a secret key.
    ///
    /// # Errors
    /// Of the store.
    pub fn clean_chain(&mut self, facility: i64, id: i64, chain: &str) -> Result<()> {
        let sql = "UPDATE signer SET chain = ?3 WHERE id = ?1 AND facility = ?2";
        self.run(sql, &[id.into(), facility.into(), chain.into()])?;
        let hash: String = Sha256::digest(chain.as_bytes()).iter().map(|b| format!("{b:02x}")).collect();
        self.log_event("signer", &format!("{id}: a secret key was removed, certificates {hash}")).map(drop)
    }

    /// Registers the rules under which a facility signs, in place of those before.
    ///
    /// # Errors
    /// Of the store.
    pub fn register_signing_policy(&mut self, facility: i64, document: &str, from: Day) -> Result<i64> {
        let account = self.decision().actor().account;
        let now = now_seconds();
        // Rules that begin later do not end those that hold until then.
        let sql = "UPDATE signing_policy SET ended = ?2 WHERE facility = ?1 AND ended IS NULL AND from_day >= ?3";
        self.run(sql, &[facility.into(), now.into(), i64::from(from.0).into()])?;
        let sql = "INSERT INTO signing_policy(facility, document, from_day, made, account) VALUES (?1, ?2, ?3, ?4, ?5)";
        let id = self
            .insert(sql, &[facility.into(), document.into(), i64::from(from.0).into(), now.into(), account.into()])?;
        self.log_event("signature-policy", &format!("facility {facility} from {from}: {document}"))?;
        Ok(id)
    }

    /// Lets somebody sign.
    ///
    /// # Errors
    /// Of the store; `Refused` where a secret key stands among the certificates.
    pub fn add_signer(&mut self, s: &Signer) -> Result<i64> {
        // Backups and copies would carry it on for ever.
        if s.chain.contains("PRIVATE KEY") {
            return Err(crate::Error::Refused("a secret key among the certificates".to_owned()));
        }
        let subscriber = row!("signer", s.facility, self.next_key("signer")?);
        let subscriber = sealed::text(Purpose::Identity, &subscriber, &s.subscriber)?;
        let id = self.insert(
            "INSERT INTO signer(facility, account, licence, acts, from_day, to_day, provider, subscriber, chain, made)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            &[
                s.facility.into(),
                s.account.into(),
                (&s.licence).into(),
                (&s.acts).into(),
                i64::from(s.from.0).into(),
                i64::from(s.to.0).into(),
                (s.provider as i64).into(),
                (&subscriber).into(),
                (&s.chain).into(),
                now_seconds().into(),
            ],
        )?;
        let hash: String = Sha256::digest(s.chain.as_bytes()).iter().map(|b| format!("{b:02x}")).collect();
        let said = format!(
            "{id}: account {} of facility {} may {} from {} to {}, licence {}, key {}, certificates {hash}",
            s.account,
            s.facility,
            s.acts,
            s.from,
            s.to,
            s.licence,
            s.provider.code()
        );
        self.log_event("signer", &said)?;
        Ok(id)
    }

    /// Ends that somebody may sign; false where there is none such any more.
    ///
    /// # Errors
    /// Of the store.
    pub fn end_signer(&mut self, facility: i64, id: i64) -> Result<bool> {
        let sql = "UPDATE signer SET ended = ?3 WHERE id = ?1 AND facility = ?2 AND ended IS NULL";
        let done = self.run(sql, &[id.into(), facility.into(), now_seconds().into()])? == 1;
        if done {
            self.log_event("signer", &format!("{id}: ended"))?;
        }
        Ok(done)
    }

    /// Lets somebody sign in the head's place for a time.
    ///
    /// # Errors
    /// Of the store.
    pub fn delegate(&mut self, d: &Delegation) -> Result<i64> {
        let id = self.insert(
            "INSERT INTO delegation(facility, head, deputy, from_at, to_at, document) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            &[d.facility.into(), d.head.into(), d.deputy.into(), d.from.into(), d.to.into(), (&d.document).into()],
        )?;
        let said = format!("{id}: account {} for {} from {} to {}: {}", d.deputy, d.head, d.from, d.to, d.document);
        self.log_event("delegation", &said)?;
        self.notify(d.deputy, Kind::DelegationBegins, d.from.max(now_seconds()), "/certificates/sign")?;
        Ok(id)
    }

    /// Ends a delegation; false where there is none such any more.
    ///
    /// # Errors
    /// Of the store.
    pub fn end_delegation(&mut self, facility: i64, id: i64) -> Result<bool> {
        let sql = "UPDATE delegation SET ended = ?3 WHERE id = ?1 AND facility = ?2 AND ended IS NULL";
        let done = self.run(sql, &[id.into(), facility.into(), now_seconds().into()])? == 1;
        if done {
            self.log_event("delegation", &format!("{id}: ended"))?;
            // What never began is not told.
            let of = "SELECT deputy, from_at FROM delegation WHERE id = ?1 AND facility = ?2";
            let of = sql::first(self, of, &[id.into(), facility.into()], |r| Ok((r.int(0)?, r.int(1)?)))?;
            if let Some((deputy, from)) = of {
                self.take_notice_back(deputy, Kind::DelegationBegins, from)?;
            }
        }
        Ok(done)
    }

    /// Notes a signature upon a paper by its mark: its last one, with which it is given out, or one that others follow.
    ///
    /// # Errors
    /// Of the store.
    pub fn keep_paper(&mut self, facility: i64, code: &str, mark: &str, is_last: bool) -> Result<()> {
        let now = now_seconds();
        let (ended, why) = if is_last { (None, "") } else { (Some(now), UNFINISHED) };
        let sql = "INSERT INTO signed_paper(facility, hash, code, made, ended, why) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        self.insert(sql, &[facility.into(), mark.into(), code.into(), now.into(), ended.into(), why.into()]).map(drop)
    }

    /// Notes the code of a paper that is signed and lacks a further signature: not valid until [`Self::open_code`].
    ///
    /// # Errors
    /// Of the store.
    pub fn keep_code(&mut self, facility: i64, code: &str, mark: &str) -> Result<()> {
        let sql = "INSERT INTO signed_paper(facility, hash, code, made, ended, why) VALUES (?1, ?2, ?3, ?4, ?4, ?5)";
        self.insert(sql, &[facility.into(), mark.into(), code.into(), now_seconds().into(), OPEN.into()]).map(drop)
    }

    /// The code of a paper is valid: the paper has its last signature.
    ///
    /// # Errors
    /// Of the store.
    pub fn open_code(&mut self, facility: i64, code: &str, mark: &str) -> Result<()> {
        let sql =
            "UPDATE signed_paper SET ended = NULL, why = '', made = ?4 WHERE code = ?1 AND facility = ?2 AND hash = ?3
            AND why = ?5";
        let args = [code.into(), facility.into(), mark.into(), now_seconds().into(), OPEN.into()];
        if self.run(sql, &args)? > 0 {
            return Ok(());
        }
        // Signed by who concluded before such codes were noted.
        self.keep_paper(facility, code, mark, true)
    }

    /// Notes that the papers of a certificate are no longer valid, with whatever part of their signatures: `revoked` or
    /// `replaced`.
    ///
    /// # Errors
    /// Of the store.
    pub fn end_papers(&mut self, facility: i64, code: &str, why: &str) -> Result<()> {
        let sql = "UPDATE signed_paper SET ended = ?3, why = ?4 WHERE code = ?1 AND facility = ?2
            AND (ended IS NULL OR why IN ('unfinished', 'open'))";
        if self.run(sql, &[code.into(), facility.into(), now_seconds().into(), why.into()])? > 0 {
            self.log_event("paper", &format!("{code}: {why}"))?;
        }
        Ok(())
    }
}
