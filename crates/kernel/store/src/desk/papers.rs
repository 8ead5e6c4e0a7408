//! Papers that came with a request to the access desk (the letter of a court), as they were scanned.

use crate::sealed::{self, row};
use crate::sql::{self, Execute, Query, Row};
use crate::{Error, Result, Tx};
use mach_base::time::now_seconds;
use mach_seal::Purpose as Sealed;

/// The table of papers; whether a certified copy carries the facility's digital seal.
pub(crate) const PAPERS: &[&str] = &[
    "ALTER TABLE access_copy ADD COLUMN signed INTEGER NOT NULL DEFAULT 0",
    "CREATE TABLE access_paper(id INTEGER PRIMARY KEY, request INTEGER NOT NULL, made INTEGER NOT NULL, made_by INTEGER NOT NULL,
        made_name TEXT NOT NULL, kind TEXT NOT NULL, size INTEGER NOT NULL, hash TEXT NOT NULL, name TEXT NOT NULL,
        file TEXT NOT NULL)",
    "CREATE INDEX access_paper_request ON access_paper(request, id)",
];

/// A paper of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paper {
    /// Its number.
    pub id: i64,
    /// Of which request.
    pub request: i64,
    /// When it was laid to it, seconds since 1970 UTC.
    pub made: i64,
    /// By whom.
    pub made_name: String,
    /// Its media type.
    pub kind: String,
    /// Bytes.
    pub size: i64,
    /// SHA-256 of the file, in hexadecimal digits.
    pub hash: String,
    /// What the file was called.
    pub name: String,
}

/// A paper to be kept.
#[derive(Clone, Debug)]
pub struct NewPaper {
    /// Its media type.
    pub kind: &'static str,
    /// SHA-256 of the file, in hexadecimal digits.
    pub hash: String,
    /// What the file was called.
    pub name: String,
    /// The file.
    pub file: Vec<u8>,
}

const COLUMNS: &str = "id, request, made, made_name, kind, size, hash, name";

fn paper(r: &dyn Row) -> Result<Paper> {
    let id = r.int(0)?;
    Ok(Paper {
        id,
        request: r.int(1)?,
        made: r.int(2)?,
        made_name: r.text(3)?.to_owned(),
        kind: r.text(4)?.to_owned(),
        size: r.int(5)?,
        hash: r.text(6)?.to_owned(),
        name: sealed::opened(&row!("access_paper name", id), r.text(7)?)?,
    })
}

impl Tx<'_> {
    /// Lays a paper to a request. Its hash stands in the trail, and so in the log.
    pub fn add_request_paper(&mut self, request: i64, new: &NewPaper) -> Result<i64> {
        let (by, by_name) = {
            let actor = self.decision().actor();
            (actor.account, actor.name.clone())
        };
        let next = self.next_key("access_paper")?;
        let name = sealed::text(Sealed::Body, &row!("access_paper name", next), &new.name)?;
        let file = sealed::text(Sealed::Body, &row!("access_paper", next), &mach_tlog::base64(&new.file))?;
        let id = self.insert(
            "INSERT INTO access_paper(request, made, made_by, made_name, kind, size, hash, name, file)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            &[
                request.into(),
                now_seconds().into(),
                by.into(),
                (&by_name).into(),
                new.kind.into(),
                (new.file.len() as i64).into(),
                (&new.hash).into(),
                (&name).into(),
                (&file).into(),
            ],
        )?;
        if id != next {
            return Err(Error::Missing("the paper's own number"));
        }
        self.audit(None, &format!("desk paper {id} of request {request} sha256 {}", new.hash), "granted")?;
        Ok(id)
    }
}

/// Papers of a request, in the order in which they came.
pub fn papers_of(on: &mut dyn Query, request: i64) -> Result<Vec<Paper>> {
    let sql = format!("SELECT {COLUMNS} FROM access_paper WHERE request = ?1 ORDER BY id");
    sql::list(on, &sql, &[request.into()], paper)
}

/// A paper of a request and its file, byte for byte.
pub fn paper_of(on: &mut dyn Query, request: i64, id: i64) -> Result<Option<(Paper, Vec<u8>)>> {
    let sql = format!("SELECT {COLUMNS}, file FROM access_paper WHERE id = ?1 AND request = ?2");
    sql::first(on, &sql, &[id.into(), request.into()], |r| {
        let text = sealed::opened(&row!("access_paper", id), r.text(8)?)?;
        Ok((paper(r)?, mach_tlog::from_base64(&text).ok_or(Error::Column(8))?))
    })
}
