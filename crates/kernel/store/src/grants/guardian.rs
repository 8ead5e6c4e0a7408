//! What was seen when somebody was written down as speaking for a grown person who cannot: one paper to a grant, as it was scanned.

use crate::sealed::{self, row};
use crate::sql::{self, Execute, Query, Row};
use crate::{Error, Result, Tx};
use mach_seal::Purpose as Sealed;

/// The table of papers; `id` is the grant's. Days are days since 1970.
pub(crate) const GUARDIANS: &[&str] =
    &["CREATE TABLE access_guardian(id INTEGER PRIMARY KEY, ground TEXT NOT NULL, paper TEXT NOT NULL, day INTEGER NOT NULL,
        last INTEGER, review INTEGER, kind TEXT NOT NULL, size INTEGER NOT NULL, hash TEXT NOT NULL, number TEXT NOT NULL,
        issuer TEXT NOT NULL, file TEXT NOT NULL)"];

/// The paper by which somebody speaks for a grown person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guardian {
    /// Why, a code of `content/access/guardians.csv`.
    pub ground: String,
    /// What the paper is, a code of the same.
    pub paper: String,
    /// Its day.
    pub day: i64,
    /// The last day on which it holds, where it says one.
    pub last: Option<i64>,
    /// The day by which it is looked at anew, where it says none.
    pub review: Option<i64>,
    /// Its number.
    pub number: String,
    /// Who gave it.
    pub issuer: String,
    /// Media type of the scan.
    pub kind: String,
    /// Bytes of the scan.
    pub size: i64,
    /// SHA-256 of the scan, in hexadecimal digits.
    pub hash: String,
}

const COLUMNS: &str = "id, ground, paper, day, last, review, number, issuer, kind, size, hash";

fn guardian(r: &dyn Row) -> Result<Guardian> {
    let id = r.int(0)?;
    Ok(Guardian {
        ground: sealed::opened(&row!("access_guardian ground", id), r.text(1)?)?,
        paper: r.text(2)?.to_owned(),
        day: r.int(3)?,
        last: r.opt_int(4)?,
        review: r.opt_int(5)?,
        number: sealed::opened(&row!("access_guardian number", id), r.text(6)?)?,
        issuer: sealed::opened(&row!("access_guardian issuer", id), r.text(7)?)?,
        kind: r.text(8)?.to_owned(),
        size: r.int(9)?,
        hash: r.text(10)?.to_owned(),
    })
}

impl Tx<'_> {
    /// Keeps the paper of a grant, and its scan. The scan's hash stands in the trail of the person, and so in the log.
    pub fn keep_guardian(&mut self, (grant, person): (i64, i64), new: &Guardian, file: &[u8]) -> Result<()> {
        // Why somebody cannot speak for themselves says what ails them.
        let ground = sealed::text(Sealed::Body, &row!("access_guardian ground", grant), &new.ground)?;
        let number = sealed::text(Sealed::Identity, &row!("access_guardian number", grant), &new.number)?;
        let issuer = sealed::text(Sealed::Identity, &row!("access_guardian issuer", grant), &new.issuer)?;
        let file = sealed::text(Sealed::Body, &row!("access_guardian", grant), &mach_tlog::base64(file))?;
        self.run(
            "INSERT INTO access_guardian(id, ground, paper, day, last, review, number, issuer, kind, size, hash, file)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
            &[
                grant.into(),
                (&ground).into(),
                (&new.paper).into(),
                new.day.into(),
                new.last.into(),
                new.review.into(),
                (&number).into(),
                (&issuer).into(),
                (&new.kind).into(),
                new.size.into(),
                (&new.hash).into(),
                (&file).into(),
            ],
        )?;
        self.audit(Some(person), &format!("guardian's paper of grant {grant} sha256 {}", new.hash), "granted")
    }
}

/// The paper of a grant, where it is a guardian's of a grown person.
pub fn guardian_of(on: &mut dyn Query, grant: i64) -> Result<Option<Guardian>> {
    sql::first(on, &format!("SELECT {COLUMNS} FROM access_guardian WHERE id = ?1"), &[grant.into()], guardian)
}

/// The scan of it, byte for byte.
pub fn guardian_scan(on: &mut dyn Query, grant: i64) -> Result<Option<(Guardian, Vec<u8>)>> {
    let sql = format!("SELECT {COLUMNS}, file FROM access_guardian WHERE id = ?1");
    sql::first(on, &sql, &[grant.into()], |r| {
        let text = sealed::opened(&row!("access_guardian", grant), r.text(11)?)?;
        Ok((guardian(r)?, mach_tlog::from_base64(&text).ok_or(Error::Column(11))?))
    })
}
