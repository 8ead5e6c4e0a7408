//! What happened that concerns somebody, and how they like their pages: of accounts, a few rows each. A notice holds what kind of
//! thing happened and where it leads; nothing of anybody's care stands in it.

use crate::sql::{self, Execute, Query, Row};
use crate::{Result, Tx};
use mach_access::{Act, Actor, Reach, Role, decide};
use mach_base::limits::NOTICES_KEPT;
use mach_base::time::now_seconds;

/// Tables of this module, and indexes of what waits.
pub const DDL: &[&str] = &[
    "CREATE TABLE notice(id INTEGER PRIMARY KEY, account INTEGER NOT NULL, at INTEGER NOT NULL, seen INTEGER,
        kind SMALLINT NOT NULL, href TEXT NOT NULL)",
    "CREATE INDEX notice_account ON notice(account, id)",
    "CREATE INDEX notice_unread ON notice(account, at) WHERE seen IS NULL",
    "CREATE TABLE look(account INTEGER PRIMARY KEY, chosen TEXT NOT NULL)",
    "CREATE INDEX certificate_refused ON certificate(facility, id) WHERE sending = 3",
    "CREATE INDEX prescription_refused ON prescription(facility, id) WHERE sending = 3",
];

/// What happened. Stored as its number: never renumbered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The gateway gave a certificate back.
    CertificateRefused = 1,
    /// The national system gave a prescription back.
    PrescriptionRefused = 2,
    /// One's record was opened in an emergency.
    RecordOpened = 3,
    /// One signs in a head's place from now on.
    DelegationBegins = 4,
    /// A spreadsheet was read to its end.
    ImportFinished = 5,
    /// Somebody speaks for a child: told to both.
    ProxyMade = 6,
    /// Nobody does by that any more.
    ProxyEnded = 7,
    /// One's account can be signed on by a provider from now on.
    SignOnLinked = 8,
    /// An administrator took the link of one's account with a provider away.
    SignOnEnded = 9,
    /// The day comes by which it is looked at anew whether somebody speaks for a grown person.
    ProxyReview = 10,
}

impl Kind {
    const ALL: [Self; 10] = [
        Self::CertificateRefused,
        Self::PrescriptionRefused,
        Self::RecordOpened,
        Self::DelegationBegins,
        Self::ImportFinished,
        Self::ProxyMade,
        Self::ProxyEnded,
        Self::SignOnLinked,
        Self::SignOnEnded,
        Self::ProxyReview,
    ];
}

/// A notice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Its number.
    pub id: i64,
    /// When it happened, seconds.
    pub at: i64,
    /// What happened; `None`: something that a newer program wrote.
    pub kind: Option<Kind>,
    /// Where it leads; a path of this site.
    pub href: String,
    /// Whether it was read.
    pub is_read: bool,
}

fn notice(r: &dyn Row) -> Result<Notice> {
    let kind = r.int(2)?;
    let kind = Kind::ALL.into_iter().find(|k| *k as i64 == kind);
    Ok(Notice { id: r.int(0)?, at: r.int(1)?, kind, href: r.text(3)?.to_owned(), is_read: r.opt_int(4)?.is_some() })
}

/// Notices of an account whose time has come, the newest first, before number `before` if given.
pub fn of_account(on: &mut dyn Query, account: i64, before: Option<i64>, limit: usize) -> Result<Vec<Notice>> {
    let sql = format!(
        "SELECT id, at, kind, href, seen FROM notice WHERE account = ?1 AND id < ?2 AND at <= ?3 ORDER BY id DESC LIMIT {limit}"
    );
    sql::list(on, &sql, &[account.into(), before.unwrap_or(i64::MAX).into(), now_seconds().into()], notice)
}

/// How many of them were not read.
pub fn unread(on: &mut dyn Query, account: i64) -> Result<i64> {
    let sql = "SELECT count(*) FROM notice WHERE account = ?1 AND seen IS NULL AND at <= ?2";
    sql::int(on, sql, &[account.into(), now_seconds().into()])
}

/// How an account likes its pages, as it was kept.
pub fn look(on: &mut dyn Query, account: i64) -> Result<Option<String>> {
    sql::first(on, "SELECT chosen FROM look WHERE account = ?1", &[account.into()], |r| Ok(r.text(0)?.to_owned()))
}

impl Tx<'_> {
    /// Tells an account what happened at second `at`, which may lie ahead: it is shown from then on. The oldest beyond
    /// [`NOTICES_KEPT`] go.
    pub fn notify(&mut self, account: i64, kind: Kind, at: i64, href: &str) -> Result<()> {
        let args = [account.into(), at.into(), (kind as i64).into(), href.into()];
        self.insert("INSERT INTO notice(account, at, kind, href) VALUES (?1, ?2, ?3, ?4)", &args)?;
        let sql = format!(
            "DELETE FROM notice WHERE account = ?1 AND id <=
                (SELECT id FROM notice WHERE account = ?1 ORDER BY id DESC LIMIT 1 OFFSET {NOTICES_KEPT})"
        );
        self.run(&sql, &[account.into()]).map(drop)
    }

    /// Takes one notice of a kind back that is for second `at`, where that lies ahead; false where there is none.
    pub fn take_notice_back(&mut self, account: i64, kind: Kind, at: i64) -> Result<bool> {
        let sql = "DELETE FROM notice WHERE account = ?1 AND id =
            (SELECT id FROM notice WHERE account = ?1 AND kind = ?2 AND at = ?3 AND at > ?4 ORDER BY id DESC LIMIT 1)";
        self.run(sql, &[account.into(), (kind as i64).into(), at.into(), now_seconds().into()]).map(|n| n == 1)
    }

    /// Tells every open account of a facility that may do `act`.
    pub fn notify_those(&mut self, facility: i64, act: Act, kind: Kind, href: &str) -> Result<()> {
        let sql = "SELECT id, role FROM account WHERE facility = ?1 AND closed = 0";
        let all = sql::list(self, sql, &[facility.into()], |r| Ok((r.int(0)?, Role::parse(r.text(1)?))))?;
        let may = |account: i64, role: Role| {
            let actor = Actor {
                account,
                name: String::new(),
                role,
                facility: Some(facility),
                reach: Reach::default(),
                app: None,
            };
            decide(&actor, act).is_ok()
        };
        for (account, role) in all {
            if role.is_some_and(|role| may(account, role)) {
                self.notify(account, kind, now_seconds(), href)?;
            }
        }
        Ok(())
    }

    /// Tells a person, where they have an account of their own.
    pub fn notify_person(&mut self, person: i64, kind: Kind, href: &str) -> Result<()> {
        let name = format!("citizen-{person}");
        let sql = "SELECT id FROM account WHERE name = ?1 AND closed = 0";
        match sql::first(self, sql, &[(&name).into()], |r| r.int(0))? {
            Some(account) => self.notify(account, kind, now_seconds(), href),
            None => Ok(()),
        }
    }

    /// Notes that an account read a notice, or all up to it; gives where the notice leads.
    pub fn read_notices(&mut self, account: i64, id: i64, all: bool) -> Result<Option<String>> {
        let now = now_seconds();
        let which = if all { "id <= ?2" } else { "id = ?2" };
        let sql = format!("UPDATE notice SET seen = ?3 WHERE account = ?1 AND {which} AND seen IS NULL AND at <= ?3");
        self.run(&sql, &[account.into(), id.into(), now.into()])?;
        let sql = "SELECT href FROM notice WHERE account = ?1 AND id = ?2 AND at <= ?3";
        sql::first(self, sql, &[account.into(), id.into(), now.into()], |r| Ok(r.text(0)?.to_owned()))
    }

    /// Keeps how an account likes its pages.
    pub fn keep_look(&mut self, account: i64, chosen: &str) -> Result<()> {
        let sql = "INSERT INTO look(account, chosen) VALUES (?1, ?2) ON CONFLICT(account) DO UPDATE SET chosen = excluded.chosen";
        self.run(sql, &[account.into(), chosen.into()]).map(drop)
    }
}
