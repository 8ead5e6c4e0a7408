//! What a patient signs: an electronic signature, not a digital one (Law on Electronic Transactions 20/2023/QH15, article 22;
//! Circular 13/2025/TT-BYT). No key stands behind it, but: what exactly was shown, by its hash; what they gave, by its hash; the
//! moment; who stood beside. All of that is a leaf of the transparency log in the transaction that keeps it. It holds for what was
//! shown and for nothing else: where that changed since, nobody signed it.

use mach_sign::{hex, sha256};
use mach_store::signing::{self, Act, Flight};
use mach_store::sql::Query;
use mach_store::{Result, Tx};

/// By which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Drawn by hand on a screen.
    Pad,
    /// By a code that was sent to their telephone.
    Code,
    /// By a finger, as a reader says that is registered here.
    Finger,
    /// By hand on a printed paper that the house keeps: no electronic signature. Whoever stands beside says so.
    Paper,
}

impl Way {
    /// As it is kept.
    pub fn code(self) -> &'static str {
        match self {
            Self::Pad => "pad",
            Self::Code => "code",
            Self::Finger => "finger",
            Self::Paper => "paper",
        }
    }

    /// The way of a code.
    pub fn parse(code: &str) -> Option<Self> {
        [Self::Pad, Self::Code, Self::Finger, Self::Paper].into_iter().find(|w| w.code() == code)
    }
}

/// What somebody is about to sign.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The facility.
    pub facility: i64,
    /// The code of the paper.
    pub code: &'a str,
    /// For what.
    pub act: Act,
    /// The account of whoever stands beside, and their name.
    pub witness: (i64, &'a str),
    /// Exactly what is shown.
    pub shown: &'a [u8],
    /// By which way, and what they gave: the drawing, the code with where and when it came, the reader's statement.
    pub given: (Way, &'a [u8]),
}

/// A patient's signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// When, seconds.
    pub at: i64,
    /// By which way.
    pub way: Way,
    /// Who stood beside.
    pub witness: String,
    /// SHA-256 of exactly what was shown.
    pub shown: [u8; 32],
    /// SHA-256 of what they gave, hexadecimal.
    pub mark: String,
}

impl Signed {
    fn of(flight: &Flight) -> Option<Self> {
        let mut said = flight.said.splitn(3, ' ');
        let (way, mark, witness) = (Way::parse(said.next()?)?, said.next()?.to_owned(), said.next()?.to_owned());
        Some(Self { at: flight.began, way, witness, shown: flight.done()?, mark })
    }

    /// Whether it is of this.
    pub fn is_of(&self, shown: &[u8]) -> bool {
        self.shown == sha256(shown)
    }
}

/// The last signature of a paper's patient.
///
/// # Errors
/// Of the store.
pub fn of(on: &mut dyn Query, facility: i64, code: &str, act: Act) -> Result<Option<Signed>> {
    Ok(signing::flight_of(on, facility, code, act)?.as_ref().and_then(Signed::of))
}

/// Keeps a patient's signature; false where what they gave signs something else already: a drawing is not carried over to a text
/// that its owner did not see.
///
/// # Errors
/// Of the store.
pub fn sign(tx: &mut Tx<'_>, asked: &Asked<'_>, now: i64) -> Result<bool> {
    let (way, given) = asked.given;
    let (shown, mark) = (sha256(asked.shown), hex(&sha256(given)));
    if let Some(last) = of(tx, asked.facility, asked.code, asked.act)?.filter(|s| s.mark == mark) {
        return Ok(last.shown == shown);
    }
    let (account, witness) = asked.witness;
    let signed = Flight {
        id: 0,
        facility: asked.facility,
        code: asked.code.to_owned(),
        act: asked.act,
        signer: 0,
        account,
        // The paper says whose it is: the row holds nothing of the person in clear.
        name: String::new(),
        began: now,
        next: None,
        tried: 0,
        said: format!("{} {mark} {witness}", way.code()),
        state: shown.to_vec(),
        ended: None,
    };
    tx.keep_flight(&signed)?;
    // A row is made under way, and ends at once.
    if let Some(row) = signing::flight_of(tx, asked.facility, asked.code, asked.act)? {
        tx.keep_flight(&Flight { ended: Some(now), ..row })?;
    }
    // Bound to what was drawn: alone the hash of few words tells them to who tries.
    let bound = hex(&sha256(&[shown.as_slice(), given].concat()));
    let said = format!("{} bound {bound} given {mark} by {}, witness {account}", asked.code, way.code());
    tx.log_event("patient-signature", &said)?;
    Ok(true)
}
