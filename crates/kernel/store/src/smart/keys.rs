//! The keys that sign ID tokens: sealed, several at a time, the newest one in use.

use crate::distribution::every;
use crate::sealed::{self, row};
use crate::sql::{self, Execute, Query};
use crate::{Result, Tx};
use mach_base::time::now_seconds;
use mach_seal::Purpose;

/// A key that signs ID tokens.
#[derive(Clone)]
pub struct SigningKey {
    /// What JWKs call it (`kid`).
    pub name: String,
    /// The secret key, PKCS#8 in PEM.
    pub secret: String,
    /// When it was made, seconds.
    pub made: i64,
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SigningKey({})", self.name)
    }
}

/// All that are kept, the newest first.
pub fn signing_keys(on: &mut dyn Query) -> Result<Vec<SigningKey>> {
    sql::list(on, "SELECT name, secret, made FROM smart_key ORDER BY made DESC, id DESC", &[], |r| {
        let name = r.text(0)?.to_owned();
        let plain = mach_seal::open(&row!("smart_key", &name), r.blob(1)?)?;
        let secret = String::from_utf8(plain).map_err(|_| crate::Error::Column(1))?;
        Ok(SigningKey { name, secret, made: r.int(2)? })
    })
}

impl Tx<'_> {
    /// Keeps a new key, if the newest is older than `oldest` (seconds since 1970 UTC) or there is none, and takes away those made
    /// before `gone`. Gives whether it was kept: another program may have been first.
    pub fn turn_signing_key(&mut self, key: &SigningKey, oldest: i64, gone: i64) -> Result<bool> {
        let newest = sql::first(self, "SELECT made FROM smart_key ORDER BY made DESC LIMIT 1", &[], |r| r.int(0))?;
        if newest.is_some_and(|made| made > oldest) {
            return Ok(false);
        }
        let sealed = sealed::ring()?.seal(Purpose::Secret, &row!("smart_key", &key.name), key.secret.as_bytes())?;
        self.run("DELETE FROM smart_key WHERE made < ?1", &[gone.into()])?;
        self.insert(
            "INSERT INTO smart_key(name, secret, made) VALUES (?1, ?2, ?3)",
            &[(&key.name).into(), sealed.as_slice().into(), now_seconds().into()],
        )?;
        self.audit(None, "key of sign-on made", "granted")?;
        Ok(true)
    }
}

/// Seals what is sealed at a row anew; nothing where it is so already.
type Again<'a> = dyn FnMut(&str, &[u8]) -> Result<Option<Vec<u8>>> + 'a;

/// Seals the keys with the newest keys of the store; few: one transaction. `again` gives what is new.
pub(crate) fn reseal(tx: &mut Tx<'_>, again: &mut Again<'_>) -> Result<()> {
    let sql = format!("SELECT id, name, secret FROM smart_key{}", every!("whole store"));
    for (id, name, secret) in sql::list(tx, &sql, &[], |r| Ok((r.int(0)?, r.text(1)?.to_owned(), r.blob(2)?.to_vec())))?
    {
        if let Some(new) = again(&row!("smart_key", name), &secret)? {
            let args = [id.into(), new.as_slice().into()];
            tx.run("UPDATE smart_key SET secret = ?2 WHERE id = ?1", &args)?;
        }
    }
    Ok(())
}
