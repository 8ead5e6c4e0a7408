//! A pass: what its QR code says (decision 5772/QĐ-BYT, in the form of the EU's certificate), signed; taken back and published.

use crate::bodies;
use crate::keys::Signer;
use crate::products::{Product, Products};
use mach_base::text::fold;
use mach_base::time::now_seconds;
use mach_base::{Day, Grain, Minute};
use mach_fhir::{IndexValue, ResourceType, index::Param};
use mach_house::trust::Shelf;
use mach_sign::hc1::{self, Claims, HEALTH, Value};
use mach_store::people::{self, PersonRow};
use mach_store::resources::{self, Put};
use mach_store::vaccines::{self, Dose, Pass};
use mach_store::{Error, Result, Store, Tx};
use std::path::Path;

/// Months a pass counts: decision 5772/QĐ-BYT says twelve, then it is issued anew.
pub const MONTHS: i32 = 12;
const CODE: usize = 16;
/// Where the list of passes taken back lies in the data folder.
pub const LIST: &str = "trust/revoked/own.jws";

/// A new code: 16 letters and digits of which none looks like another, 80 random bits.
///
/// # Errors
/// Where the system gives no random bytes.
pub fn new_code() -> Result<String> {
    const LETTERS: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
    let mut bytes = [0_u8; CODE];
    getrandom::fill(&mut bytes).map_err(|e| Error::Files(format!("no random numbers: {e}")))?;
    Ok(bytes.iter().map(|b| char::from(LETTERS[usize::from(*b) & 31])).collect())
}

/// The unique certificate identifier of a code.
pub fn identifier(code: &str) -> String {
    format!("URN:UVCI:01:VN:{code}")
}

/// A name as machine-readable documents of ICAO 9303 write it: capitals without accents, `<` between words.
pub fn transliterated(name: &str) -> String {
    let plain = fold(name).to_uppercase();
    let words = plain.split(|c: char| !c.is_ascii_alphabetic()).filter(|w| !w.is_empty());
    words.collect::<Vec<_>>().join("<")
}

/// Until when a pass issued at `now` counts: the same time of the same day of Viet Nam a year later.
pub fn expiry(now: i64) -> i64 {
    let day = Minute::of_seconds(now).day();
    let (y, m, d) = day.ymd();
    let first = Day::from_ymd(y, m, 1).unwrap_or(day).step(Grain::Month, MONTHS);
    let days = i64::from(first.0) + i64::from(d) - 1 - i64::from(day.0);
    now + days * 86_400
}

/// The dose that a pass of these is about: the last one.
pub fn counted(doses: &[Dose]) -> Option<&Dose> {
    doses.iter().filter(|d| d.pass).max_by_key(|d| (d.day, d.number, d.id))
}

/// What the pass of a person says; `None` where their birth or the product is not known.
pub fn claims(person: &PersonRow, dose: &Dose, code: &str, now: i64) -> Option<Claims> {
    let product = Products::shared().find(&dose.product).filter(|p| p.has_pass())?;
    let born = match person.birth_day {
        Some(day) => bodies::day(day).to_string(),
        None if person.birth_year > 0 => person.birth_year.to_string(),
        None => return None,
    };
    let (family, given) = person.name.split_once(' ').unwrap_or((&person.name, ""));
    let mut name = vec![("fn", Value::text(family)), ("fnt", Value::text(&transliterated(family)))];
    if !given.is_empty() {
        name.extend([("gn", Value::text(given)), ("gnt", Value::text(&transliterated(given)))]);
    }
    let entry = Value::record(vec![
        ("tg", Value::text(&product.target)),
        ("vp", Value::text(&product.vp)),
        ("mp", Value::text(&product.mp)),
        ("ma", Value::text(&product.ma)),
        ("dn", Value::Int(dose.number)),
        ("sd", Value::Int(product.doses.max(dose.number))),
        ("dt", Value::text(&bodies::day(dose.day).to_string())),
        ("co", Value::text("VN")),
        ("is", Value::text("Bộ Y tế")),
        ("ci", Value::text(&identifier(code))),
    ]);
    let record = Value::record(vec![
        ("ver", Value::text("1.3.0")),
        ("nam", Value::record(name)),
        ("dob", Value::text(&born)),
        ("v", Value::Array(vec![entry])),
    ]);
    let content = (HEALTH, Value::Map(vec![(Value::Int(1), record)]));
    Some(Claims { issuer: "VN".to_owned(), issued: now, expires: expiry(now), content })
}

/// A pass with its code's text, signed and not yet kept.
#[derive(Clone, Debug)]
pub struct Signed {
    /// The row.
    pub row: Pass,
    /// The text of the QR code.
    pub qr: String,
}

/// Signs the pass of a person; `None` where too little is known of them.
///
/// # Errors
/// What the key says.
pub fn sign(signer: &Signer, person: &PersonRow, doses: &[Dose], batch: i64, now: i64) -> Result<Option<Signed>> {
    let code = new_code()?;
    let Some(dose) = counted(doses) else { return Ok(None) };
    let Some(claims) = claims(person, dose, &code, now) else { return Ok(None) };
    let qr = hc1::sign(&claims, &signer.key, &signer.certificate).map_err(|e| Error::Refused(e.to_string()))?;
    let row = Pass {
        id: 0,
        person: person.id,
        issued: now,
        expires: claims.expires,
        revoked: None,
        batch,
        facility: dose.facility,
        code,
    };
    Ok(Some(Signed { row, qr }))
}

fn put(row: &Pass, qr: &str) -> Put {
    let identifier = identifier(&row.code);
    let index =
        IndexValue::Token { param: Param::IDENTIFIER, system: bodies::PASSES.to_owned(), code: identifier.clone() };
    Put {
        kind: ResourceType::DOCUMENT_REFERENCE,
        id: bodies::pass_id(&row.code),
        body: bodies::pass(row, &identifier, &mach_sign::base64(qr.as_bytes())),
        patient: Some(row.person),
        date: Some(Minute::of_seconds(row.issued).0),
        facility: Some(row.facility),
        index: vec![index],
    }
}

/// Keeps signed passes: their rows and resources.
///
/// # Errors
/// Of the store.
pub fn keep(tx: &mut Tx<'_>, passes: &[Signed]) -> Result<()> {
    passes.iter().try_for_each(|p| tx.add_pass(&p.row))?;
    tx.put(&passes.iter().map(|p| put(&p.row, &p.qr)).collect::<Vec<_>>()).map(drop)
}

/// Why no pass is issued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum No {
    /// There is no such person or pass here.
    Unknown,
    /// No dose counts for a pass.
    NoDose,
    /// Their identity is in doubt.
    Doubtful,
    /// There is a valid one.
    There,
    /// Their birth is not known.
    Birth,
}

/// Issues the pass of one person.
///
/// # Errors
/// Of the store and of the key.
pub fn issue(tx: &mut Tx<'_>, signer: &Signer, person: i64) -> Result<std::result::Result<String, No>> {
    let now = now_seconds();
    let doses = vaccines::of_person(tx, person)?;
    if doses.is_empty() {
        return Ok(Err(No::Unknown));
    }
    if counted(&doses).is_none() {
        return Ok(Err(No::NoDose));
    }
    if vaccines::is_doubtful(tx, person)? {
        return Ok(Err(No::Doubtful));
    }
    // Whichever facility issued it.
    if vaccines::has_valid_pass(tx, person, now)? {
        return Ok(Err(No::There));
    }
    let row = people::person(tx, person)?.ok_or(Error::Missing("a person"))?;
    if row.merged_into.is_some() {
        return Ok(Err(No::Unknown));
    }
    let Some(signed) = sign(signer, &row, &doses, 0, now)? else { return Ok(Err(No::Birth)) };
    keep(tx, std::slice::from_ref(&signed))?;
    tx.audit(Some(person), &format!("vaccine pass {} issued", signed.row.code), "granted")?;
    Ok(Ok(signed.row.code))
}

/// The text of a pass's QR code.
///
/// # Errors
/// Of the store; `Missing` where its resource is not there.
pub fn text(on: &mut dyn mach_store::sql::Query, pass: &Pass) -> Result<String> {
    let scope = on.scope();
    let id = bodies::pass_id(&pass.code);
    let kept = resources::current(on, scope, ResourceType::DOCUMENT_REFERENCE, &id)?.filter(|r| !r.deleted);
    let kept = kept.ok_or(Error::Missing("the resource of a pass"))?;
    let tree = mach_fhir::Tree::parse(kept.body.as_str()).map_err(|e| Error::Files(e.to_string()))?;
    let first = tree.root().get("content").and_then(|c| c.items().next());
    let data = first.and_then(|c| c.get("attachment")?.get_text("data").map(|d| d.into_owned())).unwrap_or_default();
    let bytes = mach_sign::from_base64(&data).map_err(|e| Error::Files(e.to_string()))?;
    String::from_utf8(bytes).map_err(|e| Error::Files(e.to_string()))
}

/// Takes a pass back; one that was taken back already stays so.
///
/// # Errors
/// Of the store.
pub fn revoke(tx: &mut Tx<'_>, code: &str, why: &str) -> Result<std::result::Result<i64, No>> {
    let Some(mut pass) = vaccines::pass_of_code(tx, code)? else { return Ok(Err(No::Unknown)) };
    if pass.revoked.is_some() {
        return Ok(Ok(pass.person));
    }
    let qr = text(tx, &pass)?;
    let now = now_seconds();
    if !tx.revoke_pass(&pass, now)? {
        return Ok(Err(No::Unknown));
    }
    pass.revoked = Some(now);
    tx.put(&[put(&pass, &qr)])?;
    tx.audit(Some(pass.person), &format!("vaccine pass {code} revoked: {why}"), "granted")?;
    Ok(Ok(pass.person))
}

/// Signs the list of passes that were taken back and writes it where `/verify` looks; gives its text (JWS). It holds no name
/// and no code: the first half of each identifier's SHA-256. Whoever publishes reads the store after those who published before
/// have written: the newest list stays.
///
/// # Errors
/// Of the store, the key and files; where `trust/signers` does not hold the certificate: nobody would believe the list, and
/// one that nobody believes stops the checking of all.
pub fn publish(store: &Store, signer: &Signer, data: &Path) -> std::result::Result<String, String> {
    let decision = mach_access::decide(&mach_access::Actor::console(), mach_access::Act::ReadVaccines)
        .map_err(|e| e.to_string())?;
    let path = data.join(LIST);
    let at = |e: std::io::Error| format!("`{}`: {e}", path.display());
    std::fs::create_dir_all(path.parent().unwrap_or(data)).map_err(at)?;
    let lock = std::fs::File::create(path.with_extension("lock")).map_err(at)?;
    lock.lock().map_err(at)?;
    if !Shelf::read(&data.join(mach_house::trust::FOLDER))?.signers.contains(&signer.certificate) {
        return Err("the key's certificate is not in trust/signers: nobody would believe the list".to_owned());
    }
    let now = now_seconds();
    let marks = marks(store, &decision, now)?;
    let list = serde_json::json!({ "issuer": "VN", "issued": now, "revoked": marks }).to_string();
    let chain = [signer.certificate.clone()];
    let text = mach_sign::jws::sign(list.as_bytes(), &signer.key, &chain, now).map_err(|e| e.to_string())?;
    mach_house::files::keep(&path, &text, false)?;
    Ok(text)
}

fn marks(store: &Store, decision: &mach_access::Decision, now: i64) -> std::result::Result<Vec<String>, String> {
    let mut reader = store.read(decision).map_err(|e| e.to_string())?;
    let codes = vaccines::revoked(&mut reader, now).map_err(|e| e.to_string())?;
    let mut marks: Vec<String> = codes.iter().map(|code| hc1::mark(&identifier(code))).collect();
    marks.sort_unstable();
    Ok(marks)
}

/// Publishes the list where it lacks a pass that was taken back, or cannot be used: what could not be published when it was to
/// be. True where it was published.
///
/// # Errors
/// As [`publish`].
pub fn heal(store: &Store, signer: &Signer, data: &Path) -> std::result::Result<bool, String> {
    let decision = mach_access::decide(&mach_access::Actor::console(), mach_access::Act::ReadVaccines)
        .map_err(|e| e.to_string())?;
    let wanted = marks(store, &decision, now_seconds())?;
    if wanted.is_empty() && !data.join(LIST).exists() {
        return Ok(false);
    }
    let known = Shelf::read(&data.join(mach_house::trust::FOLDER))?.revoked;
    if known.is_ok_and(|known| wanted.iter().all(|mark| known.contains(mark))) {
        return Ok(false);
    }
    publish(store, signer, data).map(|_| true)
}

/// What the QR code of a pass says: its paper says this and nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// Name.
    pub name: String,
    /// Day or year of birth, as written.
    pub born: String,
    /// The product, of the list; `None` where the list has it no more.
    pub product: Option<&'static Product>,
    /// The how manieth dose.
    pub number: i64,
    /// Of how many.
    pub of: i64,
    /// When it was given, as written.
    pub day: String,
    /// Until when the code counts, seconds.
    pub expires: i64,
}

/// Reads it; `None` where it is no such code.
pub fn said(qr: &str) -> Option<Said> {
    let claims = hc1::Code::parse(qr).ok()?.claims;
    let record = claims.content.1.get(1)?;
    let named = |of: &Value, name: &str| of.named(name).and_then(Value::as_text).unwrap_or_default().to_owned();
    let Some(Value::Array(entries)) = record.named("v") else { return None };
    let entry = entries.first()?;
    let whole = |name: &str| match entry.named(name) {
        Some(Value::Int(n)) => Some(*n),
        _ => None,
    };
    let name = record.named("nam")?;
    let mp = named(entry, "mp");
    Some(Said {
        name: format!("{} {}", named(name, "fn"), named(name, "gn")).trim().to_owned(),
        born: named(record, "dob"),
        product: Products::shared().all().iter().find(|p| p.mp == mp),
        number: whole("dn")?,
        of: whole("sd")?,
        day: named(entry, "dt"),
        expires: claims.expires,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::Signer;
    use mach_sign::authority::{Authority, Profile, Request};
    use mach_sign::hc1::Code;
    use mach_sign::key::{Signer as _, SoftKey};
    use mach_sign::name::Name;
    use mach_sign::trust::Trust;

    #[test]
    fn names_are_written_as_passports_write_them() {
        assert_eq!(transliterated("Nguyễn"), "NGUYEN");
        assert_eq!(transliterated("Thị Đông-Hà"), "THI<DONG<HA");
    }

    #[test]
    fn a_pass_says_the_last_dose_and_counts_a_year() {
        let request = Request {
            subject: Name::of(&[(mach_sign::oid::COMMON_NAME, "Thử")]),
            profile: Profile::Authority(0),
            not_before: now_seconds() - 1000,
            not_after: now_seconds() + 86_400_000,
            ocsp: None,
            crl: None,
        };
        let root = Authority::root(SoftKey::generate().expect("a key"), &request).expect("a root");
        let key = SoftKey::generate().expect("a key");
        let request = Request { profile: Profile::Document, ..request };
        let certificate = root.issue(&request, key.public()).expect("a certificate");
        let signer = Signer { key, certificate: certificate.clone() };
        let dose = |day, number, pass| Dose {
            id: 0,
            digest: 0,
            person: 7,
            facility: 1,
            day,
            number,
            pass,
            product: if pass { "VAXZEVRIA" } else { "CUM" }.into(),
            lot: String::new(),
        };
        let doses = [dose(18_900, 2, true), dose(18_800, 1, true), dose(19_000, 1, false)];
        let person = PersonRow { id: 7, name: "Đặng Thị Ưng".into(), birth_year: 1985, ..PersonRow::default() };
        let now = now_seconds();
        let signed = sign(&signer, &person, &doses, 0, now).expect("signed").expect("known enough");
        let report = Code::parse(&signed.qr).expect("read").verify(
            &[certificate],
            &Trust::in_anchors(vec![root.certificate().clone()]),
            now,
        );
        assert!(report.is_good());
        assert_eq!(hc1::identifiers(&report.claims), [identifier(&signed.row.code)]);
        let map = report.claims.content.1.get(1).expect("the record");
        assert_eq!(map.named("dob").and_then(Value::as_text), Some("1985"));
        let Some(Value::Array(list)) = map.named("v") else { panic!("no doses") };
        assert_eq!(
            (list.len(), list[0].named("dn"), list[0].named("sd")),
            (1, Some(&Value::Int(2)), Some(&Value::Int(2)))
        );
        let nobody = PersonRow { birth_year: 0, ..person.clone() };
        assert!(sign(&signer, &nobody, &doses, 0, now).expect("asked").is_none());
        assert!(sign(&signer, &person, &doses[2..], 0, now).expect("asked").is_none(), "no pass for this vaccine");
        let day = |text: &str| i64::from(Day::parse_iso(text).expect("a day").0) * 86_400 + 3_600;
        let said = said(&signed.qr).expect("read");
        let shown = (said.name.as_str(), said.born.as_str(), said.number, said.of, said.day.as_str(), said.expires);
        assert_eq!(shown, ("Đặng Thị Ưng", "1985", 2, 2, "2021-09-30", signed.row.expires));
        assert_eq!(said.product.map(|p| p.code.as_str()), Some("VAXZEVRIA"));
        assert_eq!(super::said("HC1:x"), None);
        assert_eq!(expiry(day("2026-11-26")), day("2027-11-26"));
        // From midnight to seven in Viet Nam it is still the day before in Greenwich.
        assert_eq!(expiry(day("2026-11-26") - 5 * 3_600), day("2027-11-26") - 5 * 3_600);
        assert_eq!(expiry(day("2026-11-30") + 20 * 3_600), day("2027-11-30") + 20 * 3_600);
        assert_eq!(expiry(day("2024-02-29")), day("2025-03-01"), "a day that is not there");
    }
}
