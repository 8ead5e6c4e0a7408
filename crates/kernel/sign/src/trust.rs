//! Trust: is there a path from a certificate to an authority that is trusted, was it valid then, is it now.

use crate::certificate::{Certificate, usage};
use crate::limits;
use crate::revocation::{Evidence, Revoked};
use crate::time::Moment;

/// The authorities that are trusted, what they issue between, and what is known of revocations.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    /// Certificates that are trusted as they are: the national root, foreign lists that are recognised, a demonstration's.
    pub anchors: Vec<Certificate>,
    /// Authorities between, which are checked like any other.
    pub between: Vec<Certificate>,
    /// Lists and answers that are at hand.
    pub evidence: Evidence,
}

/// What a certificate is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Signing documents.
    Document,
    /// Timestamps.
    Timestamp,
}

/// Where a certificate stands at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Valid, and revocation data says so.
    Valid,
    /// Valid as far as its own dates and its path go; nothing is known of revocation.
    ValidUnchecked,
    /// Its first day was still to come.
    NotYet,
    /// Its last day was over.
    Expired,
    /// It, or an authority above it, had been revoked.
    Revoked(Revoked),
    /// No path leads to a trusted authority.
    Untrusted(String),
    /// It may not be used for this.
    WrongUse(String),
}

impl Standing {
    /// Whether a signature by it counts.
    pub fn is_good(&self) -> bool {
        matches!(self, Self::Valid | Self::ValidUnchecked)
    }
}

/// Purposes under which certificates for documents are issued.
const DOCUMENT: [&[u8]; 6] = [
    crate::oid::EKU_DOCUMENT,
    crate::oid::EKU_MICROSOFT_DOCUMENT,
    crate::oid::EKU_ADOBE_DOCUMENT,
    crate::oid::EKU_EMAIL,
    crate::oid::EKU_CLIENT,
    crate::oid::EKU_ANY,
];

impl Trust {
    /// Trust in these authorities alone.
    pub fn in_anchors(anchors: Vec<Certificate>) -> Self {
        Self { anchors, ..Self::default() }
    }

    /// The path from a certificate to an anchor, both included, over `others` too; signatures are checked, dates not.
    ///
    /// # Errors
    /// Why there is none.
    pub fn path<'a>(
        &'a self,
        leaf: &'a Certificate,
        others: &'a [Certificate],
    ) -> Result<Vec<&'a Certificate>, String> {
        let mut path = vec![leaf];
        let mut why = "no authority that is trusted has issued it".to_owned();
        if self.extend(&mut path, others, &mut why, &mut limits::PATHS.clone()) { Ok(path) } else { Err(why) }
    }

    fn extend<'a>(
        &'a self,
        path: &mut Vec<&'a Certificate>,
        others: &'a [Certificate],
        why: &mut String,
        left: &mut u32,
    ) -> bool {
        let Some(last) = path.last().copied() else { return false };
        if self.anchors.iter().any(|a| a == last) {
            return true;
        }
        if path.len() >= limits::CHAIN {
            return false;
        }
        // Authorities already on the path below, this one not counted.
        let below = path.len() as u64 - 1;
        for next in self.anchors.iter().chain(&self.between).chain(others.iter().take(limits::CERTIFICATES)) {
            if !last.names_issuer(next) || path.contains(&next) {
                continue;
            }
            if *left == 0 {
                "too many certificates of one name".clone_into(why);
                return false;
            }
            *left -= 1;
            if let Err(e) = may_issue(next, below).and_then(|()| last.signed_by(next).map_err(|e| e.to_string())) {
                *why = format!("{}: {e}", next.subject.common());
                continue;
            }
            path.push(next);
            if self.extend(path, others, why, left) {
                return true;
            }
            path.pop();
        }
        false
    }

    /// Where a certificate stands at a moment: `others` are certificates, `evidence` is revocation data that came along.
    pub fn standing(
        &self,
        leaf: &Certificate,
        others: &[Certificate],
        evidence: &Evidence,
        at: Moment,
        purpose: Purpose,
    ) -> Standing {
        if let Some(id) = &leaf.unknown_critical {
            return Standing::WrongUse(format!("it has a critical extension that is not known here: {id}"));
        }
        let fits = match purpose {
            Purpose::Document => leaf.may(usage::DIGITAL_SIGNATURE | usage::NON_REPUDIATION) && leaf.is_for(&DOCUMENT),
            Purpose::Timestamp => leaf.purposes.as_deref().is_some_and(|p| p == [crate::oid::EKU_TIMESTAMPING]),
        };
        if !fits || (leaf.authority.is_some() && !self.anchors.contains(leaf)) {
            return Standing::WrongUse("it was not issued for this".to_owned());
        }
        let path = match self.path(leaf, others) {
            Ok(path) => path,
            Err(why) => return Standing::Untrusted(why),
        };
        for c in &path {
            if at < c.not_before {
                return Standing::NotYet;
            }
            if at > c.not_after {
                return Standing::Expired;
            }
        }
        let mut checked = true;
        for pair in path.windows(2) {
            let known = [self.evidence.status(pair[0], pair[1]), evidence.status(pair[0], pair[1])];
            let mut fresh = false;
            for status in known.into_iter().flatten() {
                if let Some(revoked) = status.revoked
                    && revoked.at <= at
                {
                    return Standing::Revoked(revoked);
                }
                // Said of a moment at or after the one asked about, or still standing then.
                fresh |= status.from >= at || status.until.is_some_and(|until| until >= at);
            }
            checked &= fresh;
        }
        if checked { Standing::Valid } else { Standing::ValidUnchecked }
    }
}

fn may_issue(c: &Certificate, below: u64) -> Result<(), String> {
    if c.unknown_critical.is_some() {
        return Err("it has a critical extension that is not known here".to_owned());
    }
    match c.authority {
        None => Err("it may not issue certificates".to_owned()),
        Some(Some(most)) if most < below => Err("too many authorities stand below it".to_owned()),
        Some(_) if !c.may(usage::KEY_CERT_SIGN) => Err("it may not issue certificates".to_owned()),
        Some(_) => Ok(()),
    }
}
