//! Who signed in, said in a signed token (OpenID Connect Core 1.0), and the keys that sign: the newest signs, those before it stay
//! published until nothing they signed is good any more.

use crate::Smart;
use crate::oauth::Refused;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mach_access::{Role, secret};
use mach_base::limits;
use mach_base::time::now_seconds;
use mach_house::{Failure, House, house_decision};
use mach_sign::jwt;
use mach_sign::key::{Signer, SoftKey};
use mach_store::smart::scope::Scope;
use mach_store::smart::{self, Grant, SigningKey};
use mach_store::sql::Query;
use mach_store::{accounts, grants, resources};
use mach_ui::http::Problem;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

const DAY: i64 = 86_400;

/// The keys as they are kept, one made where the newest is too old to sign.
async fn keys(house: &House) -> Result<Vec<SigningKey>, Refused> {
    let oldest = now_seconds() - limits::SMART_KEY_DAYS * DAY;
    let found = kept(house).await?;
    if found.first().is_some_and(|key| key.made > oldest) {
        return Ok(found);
    }
    let made = SoftKey::generate().map_err(Problem::internal)?;
    let name = secret::new_token("").map_err(Problem::internal)?.chars().take(16).collect();
    let key = SigningKey { name, secret: made.to_pem(), made: now_seconds() };
    // Tokens of the last but one ended long ago.
    let gone = oldest - limits::SMART_KEY_DAYS * DAY;
    house.write(house_decision()?, move |tx| tx.turn_signing_key(&key, oldest, gone)).await?;
    Ok(kept(house).await?)
}

async fn kept(house: &House) -> Result<Vec<SigningKey>, Problem> {
    house.read(house_decision()?, |r| smart::signing_keys(r).map_err(Failure::from)).await
}

/// What others verify ID tokens with.
pub(crate) async fn published(smart: &Smart) -> Result<Vec<Value>, Refused> {
    let all = keys(&smart.inner.house).await?;
    let jwk = |key: &SigningKey| -> Result<Value, Problem> {
        let soft = SoftKey::from_pem(&key.secret).map_err(Problem::internal)?;
        jwt::public_jwk(soft.public(), &key.name).map_err(Problem::internal)
    };
    Ok(all.iter().map(jwk).collect::<Result<_, _>>()?)
}

/// Whom an account is, as programs are told.
pub(crate) struct Who {
    name: String,
    login: String,
    /// `Practitioner/x` or `Patient/x`.
    fhir: Option<String>,
}

/// The subject of an account: the same for every program, and no number of a person.
pub(crate) fn subject(account: i64) -> String {
    format!("a{account}")
}

/// Whom an account is; `None` where it is closed.
pub(crate) fn who(on: &mut dyn Query, account: i64) -> mach_store::Result<Option<Who>> {
    let found = accounts::by_id(on, mach_access::Scope::All, account)?.filter(|a| !a.closed);
    let Some(found) = found else { return Ok(None) };
    let fhir = if found.actor.role == Role::Citizen {
        let own = grants::of_account(on, account)?;
        let own = own.iter().find(|g| g.relation == mach_access::policy::Relation::OneSelf).map(|g| g.person);
        own.map(|person| resources::patient_of(on, person)).transpose()?.flatten().map(|id| format!("Patient/{id}"))
    } else {
        accounts::practitioner_of(on, account)?.map(|id| format!("Practitioner/{id}"))
    };
    // A citizen's sign-in name is made of their person's number, which is nobody's business.
    let login = if found.actor.role == Role::Citizen { String::new() } else { found.name };
    Ok(Some(Who { name: found.display, login, fhir }))
}

impl Who {
    /// The claims that scopes open.
    pub(crate) fn claims(&self, scopes: &[Scope], fhir_base: &str) -> Map<String, Value> {
        let mut all = Map::new();
        if scopes.contains(&Scope::Profile) {
            all.insert("name".to_owned(), json!(self.name));
            if !self.login.is_empty() {
                all.insert("preferred_username".to_owned(), json!(self.login));
            }
        }
        if let (true, Some(fhir)) = (scopes.contains(&Scope::FhirUser), &self.fhir) {
            all.insert("fhirUser".to_owned(), json!(format!("{fhir_base}/{fhir}")));
        }
        all
    }
}

/// What an ID token is made of.
pub(crate) struct Asked<'a> {
    pub(crate) issuer: String,
    pub(crate) client: &'a str,
    pub(crate) grant: &'a Grant,
    pub(crate) scopes: &'a [Scope],
    pub(crate) nonce: &'a str,
    pub(crate) access: &'a str,
}

/// An ID token; `None` where none was asked for, or the account is closed.
pub(crate) async fn id_token(smart: &Smart, asked: Asked<'_>) -> Result<Option<String>, Refused> {
    if !asked.scopes.contains(&Scope::OpenId) {
        return Ok(None);
    }
    let house = &smart.inner.house;
    let account = asked.grant.account;
    let who = house.read(house_decision()?, move |r| who(r, account).map_err(Failure::from)).await?;
    let Some(who) = who else { return Ok(None) };
    let now = now_seconds();
    let mut claims = who.claims(asked.scopes, &format!("{}/fhir", asked.issuer));
    let half = &Sha256::digest(asked.access.as_bytes())[..16];
    for (name, value) in [
        ("iss", json!(asked.issuer)),
        ("sub", json!(subject(account))),
        ("aud", json!(asked.client)),
        ("iat", json!(now)),
        ("exp", json!(now + limits::SMART_ACCESS_SECONDS)),
        ("auth_time", json!(asked.grant.proven)),
        ("at_hash", json!(URL_SAFE_NO_PAD.encode(half))),
    ] {
        claims.insert(name.to_owned(), value);
    }
    if !asked.nonce.is_empty() {
        claims.insert("nonce".to_owned(), json!(asked.nonce));
    }
    let all = keys(house).await?;
    let key = all.first().ok_or_else(|| Problem::internal("no key signs ID tokens"))?;
    let soft = SoftKey::from_pem(&key.secret).map_err(Problem::internal)?;
    Ok(Some(jwt::sign(&Value::Object(claims), &soft, &key.name).map_err(Problem::internal)?))
}
