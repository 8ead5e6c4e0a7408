//! Keys and certificates of the demonstration: an authority of its own, that nobody else trusts, and what it issues to the
//! doctors, the head and the seal of one facility.

use crate::desk::Desk;
use mach_access::{Act as May, Actor, Role, decide};
use mach_base::Day;
use mach_sign::authority::{Authority, Profile, Request};
use mach_sign::certificate::Certificate;
use mach_sign::key::{Signer as _, SoftKey};
use mach_sign::name::Name;
use mach_sign::oid;
use mach_sign::time::{DAY, now};
use mach_signing::phone::Phone;
use mach_store::signing::{Act, Provider, Signer};
use mach_store::{Error, Result, Store, accounts, schema};
use std::io::Write;
use std::path::Path;

/// Days for which everything here is valid.
const DAYS: i64 = 3_650;
/// Who subscribes to the simulated signing service: nobody's number.
const SUBSCRIBER: &str = "046000000001";

fn failed(e: impl std::fmt::Display) -> Error {
    Error::Files(format!("the demonstration's keys: {e}"))
}

fn public(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = path.parent().unwrap_or(path);
    std::fs::create_dir_all(folder).and_then(|()| std::fs::write(path, bytes)).map_err(failed)
}

/// A file that only its owner reads.
fn secret(path: &Path, text: &str) -> Result<()> {
    std::fs::create_dir_all(path.parent().unwrap_or(path)).map_err(failed)?;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).and_then(|mut file| file.write_all(text.as_bytes())).map_err(failed)
}

struct Issuer {
    issuing: Authority,
    organisation: String,
}

impl Issuer {
    fn request(&self, common: &str, profile: Profile) -> Request {
        request(&[(oid::COUNTRY, "VN"), (oid::ORGANIZATION, &self.organisation), (oid::COMMON_NAME, common)], profile)
    }

    fn issue(&self, common: &str, profile: Profile) -> Result<(SoftKey, Vec<Certificate>)> {
        let key = SoftKey::generate().map_err(failed)?;
        let own = self.issuing.issue(&self.request(common, profile), key.public()).map_err(failed)?;
        Ok((key, vec![own, self.issuing.certificate().clone()]))
    }
}

fn request(name: &[(&[u8], &str)], profile: Profile) -> Request {
    let now = now();
    Request {
        subject: Name::of(name),
        profile,
        not_before: now - DAY,
        not_after: now + DAYS * DAY,
        ocsp: None,
        crl: None,
    }
}

fn pem(chain: &[Certificate]) -> String {
    chain.iter().map(Certificate::to_pem).collect()
}

/// What the first doctor has besides a soft key: a subscription with the simulated signing service, whose phone is a page.
fn subscribe(store: &Store, (desk, issuer): (&Desk, &Issuer), doctor: &Signer, name: &str) -> Result<()> {
    let (key, chain) = issuer.issue(name, Profile::Document)?;
    Phone::upon(desk.data()).enrol(SUBSCRIBER, &key, &chain).map_err(failed)?;
    let signer =
        Signer { provider: Provider::SmartCa, subscriber: SUBSCRIBER.to_owned(), chain: pem(&chain), ..doctor.clone() };
    let decision = decide(&Actor::console(), May::Administer).map_err(failed)?;
    store.write(&decision, move |tx| tx.add_signer(&signer).map(drop))
}

/// Makes the authority and lets the clinicians and heads of `facility` sign; does nothing where the desk trusts somebody
/// already.
///
/// # Errors
/// Of the store and of the files.
pub fn make(store: &Store, desk: &Desk, facility: &str) -> Result<()> {
    let trust = desk.trust_folder();
    if trust.join("roots").exists() {
        return Ok(());
    }
    let authority =
        |common| [(oid::COUNTRY, "VN"), (oid::ORGANIZATION, "Mạch, dữ liệu mẫu"), (oid::COMMON_NAME, common)];
    let root_key = SoftKey::generate().map_err(failed)?;
    let root = Authority::root(root_key, &request(&authority("Gốc mẫu"), Profile::Authority(1))).map_err(failed)?;
    let key = SoftKey::generate().map_err(failed)?;
    let below = root.issue(&request(&authority("CA mẫu"), Profile::Authority(0)), key.public()).map_err(failed)?;
    let issuing = Authority::of(key, below).map_err(failed)?;
    let (from, until) = (now() - DAY, now() + DAYS * DAY);
    public(&trust.join("authorities/demo.pem"), issuing.certificate().to_pem().as_bytes())?;
    for (name, by) in [("demo-root", &root), ("demo-issuing", &issuing)] {
        let list = by.crl(&[], from, until).map_err(failed)?;
        public(&trust.join(format!("lists/{name}.crl")), list.raw())?;
    }
    let issuer = Issuer { issuing, organisation: mach_house::facility_name(facility) };
    let (time, chain) = issuer.issue("Dấu thời gian mẫu", Profile::Timestamp)?;
    secret(&desk.time_file(), &format!("{}{}", time.to_pem(), pem(&chain)))?;
    let decision = decide(&Actor::console(), May::Administer).map_err(failed)?;
    let people: Vec<_> = {
        let mut reader = store.read(&decision)?;
        let all = accounts::all(&mut reader)?;
        let id = schema::facilities(&mut reader)?.into_iter().find(|(_, c)| c == facility).map(|(id, _)| id);
        all.into_iter().map(|(_, a)| a).filter(|a| a.actor.facility == id && id.is_some()).collect()
    };
    let mut wanted = vec![(0, format!("Con dấu {}", issuer.organisation), Act::Seal, String::new())];
    for person in people {
        let act = match person.actor.role {
            Role::Clinician => Act::Conclude,
            Role::Head => Act::Countersign,
            _ => continue,
        };
        let licence = format!("{:06}/HUE-CCHN (mẫu)", person.actor.account);
        wanted.push((person.actor.account, person.display, act, licence));
    }
    let code = facility.to_owned();
    let facility = store.write(&decision, move |tx| {
        let id = schema::facility_id(tx, &code)?;
        tx.register_signing_policy(id, "01/QĐ-MẪU, 01/01/2026 (dữ liệu mẫu)", Day(Day::today().0 - 1))?;
        Ok(id)
    })?;
    let mut subscribed = false;
    for (account, name, act, licence) in wanted {
        let (key, chain) = issuer.issue(&name, Profile::Document)?;
        let today = Day::today();
        let signer = Signer {
            id: 0,
            facility,
            account,
            licence,
            // Who concludes prescribes too, by the same licence.
            acts: match act {
                Act::Conclude => format!("{} {}", act.code(), Act::Prescribe.code()),
                _ => act.code().to_owned(),
            },
            from: today,
            to: Day(today.0 + 3_650),
            provider: Provider::Soft,
            subscriber: String::new(),
            chain: pem(&chain),
            ended: None,
        };
        // Before the soft key, which is the newest then: nobody waits for a phone who did not choose it.
        if act == Act::Conclude && !subscribed {
            subscribe(store, (desk, &issuer), &signer, &name)?;
            subscribed = true;
        }
        let id = store.write(&decision, move |tx| tx.add_signer(&signer))?;
        secret(&desk.key_file(id), &key.to_pem())?;
        if act == Act::Seal {
            public(&trust.join("signers/demo-seal.pem"), pem(&chain).as_bytes())?;
        }
    }
    // Last: from now on somebody is trusted, and this is not made again.
    public(&trust.join("roots/demo.pem"), root.certificate().to_pem().as_bytes())
}
