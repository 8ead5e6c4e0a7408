//! Providers: where each is, whom it signs on, what its words mean here. One file of the data folder for each, `sign-on/NAME`, sealed with
//! the keys of the house. What is set up counts from then on, without a restart.
//!
//! A file is a list of fields ([`FIELDS`]); a list that is shipped, or an administrator's own, is begun with (`content/sign-on`).

use crate::wire;
use mach_house::files;
use mach_seal::Purpose;
use mach_sign::key::SoftKey;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// A field of a provider: its name, whether it is a secret, what it says.
pub type Field = (&'static str, bool, &'static str);

/// All fields.
pub const FIELDS: &[Field] = &[
    ("label", false, "what people know it as: its button says so"),
    ("for", false, "whom it signs on: staff, citizens or both"),
    (
        "issuer",
        false,
        "who it is: https://…; what else there is to know is asked there (/.well-known/openid-configuration)",
    ),
    ("authorize", false, "where browsers are sent, where that is not asked"),
    ("token", false, "where codes are redeemed, where that is not asked"),
    ("userinfo", false, "where more of somebody is asked; `no`: nowhere"),
    ("jwks", false, "where its keys are, where that is not asked"),
    ("end-session", false, "where browsers sign out, where that is not asked"),
    ("client-id", false, "what it calls this program"),
    ("proof", false, "how this program proves itself: basic (usual), post, key or none"),
    ("secret", true, "the secret of basic and post"),
    ("key", false, "`new`: makes the key of `key` and prints its public part; then its name"),
    ("scope", false, "what is asked for; openid if not given"),
    ("acr", false, "acr_values: which assurance is asked for"),
    ("max-age", false, "seconds since somebody proved there who they are, at most"),
    ("identity", false, "what is believed: id-token (usual), or userinfo of a provider without one"),
    (
        "username",
        false,
        "the claim that is a sign-in name here: links an account that has none yet; not of administrators",
    ),
    ("second", false, "what counts as a second factor: amr:VALUE or acr:VALUE, separated by commas"),
    ("levels", false, "levels of assurance that are enough, separated by commas"),
    ("claim.subject", false, "the claim with the subject, of userinfo; sub if not given"),
    (
        "claim.called",
        false,
        "the claim with what somebody is called there; preferred_username, email or name if not given",
    ),
    ("claim.level", false, "the claim with the level of assurance; acr if not given"),
    ("claim.number", false, "the claim with a citizen's number (CCCD)"),
    ("claim.name", false, "the claim with a citizen's name; name if not given"),
    ("claim.birth", false, "the claim with a citizen's date of birth; birthdate if not given"),
    ("private", false, "yes: also in a private network, and without TLS there"),
    ("logout", false, "yes: who signs out here is led to signing out there"),
];

/// The secret key of `key`, which nobody types.
const KEY: &str = "key.secret";

/// What is shipped to begin with: name and text.
const SHIPPED: &[(&str, &str)] = &[("national", include_str!("../../../../content/sign-on/national.json"))];

/// The fields of a provider as they are kept.
pub type Fields = BTreeMap<String, String>;

/// How this program proves itself to a provider.
pub(crate) enum Proof {
    /// Not.
    None,
    /// By a secret, in the head of the request (`client_secret_basic`).
    Basic(String),
    /// By a secret, in its body (`client_secret_post`).
    Post(String),
    /// By a signature (`private_key_jwt`): the key and its name.
    Key(Box<SoftKey>, String),
}

/// Which claims say what; dots lead into objects.
pub(crate) struct Mapping {
    pub(crate) subject: String,
    pub(crate) called: String,
    pub(crate) level: String,
    pub(crate) number: String,
    pub(crate) name: String,
    pub(crate) birth: String,
}

/// Addresses of a provider that its configuration says.
#[derive(Clone, Default)]
pub(crate) struct Addresses {
    pub(crate) authorize: String,
    pub(crate) token: String,
    pub(crate) userinfo: String,
    pub(crate) jwks: String,
    pub(crate) end_session: String,
}

/// A provider that is set up.
pub struct Provider {
    /// What it is called in addresses.
    pub name: String,
    /// What people know it as.
    pub label: String,
    /// Whether it signs on who works here.
    pub staff: bool,
    /// Whether it signs on citizens.
    pub citizens: bool,
    /// Whether it may be in a private network.
    pub private: bool,
    /// Whether who signs out here is led to signing out there.
    pub logout: bool,
    pub(crate) issuer: String,
    pub(crate) at: Addresses,
    pub(crate) client: String,
    pub(crate) proof: Proof,
    pub(crate) scope: String,
    pub(crate) acr: String,
    pub(crate) max_age: Option<i64>,
    pub(crate) by_userinfo: bool,
    pub(crate) username: String,
    pub(crate) second: Vec<(String, String)>,
    pub(crate) levels: Vec<String>,
    pub(crate) mapping: Mapping,
}

/// Without what is secret.
impl std::fmt::Debug for Provider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Provider").field("name", &self.name).field("issuer", &self.known_as()).finish_non_exhaustive()
    }
}

fn list(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

impl Provider {
    /// Reads a provider's fields.
    ///
    /// # Errors
    /// What is wrong with which field, for who set it.
    pub fn read(name: &str, fields: &Fields) -> Result<Self, String> {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if name.is_empty() || name.len() > 32 || !name.chars().all(fits) {
            return Err(format!("`{name}` is no name: lower-case letters, digits and `-`, at most 32"));
        }
        if let Some(unknown) = fields.keys().find(|k| *k != KEY && FIELDS.iter().all(|(f, ..)| f != k)) {
            return Err(format!("a provider has no field `{unknown}`"));
        }
        let text = |field: &str| fields.get(field).map(|v| v.trim().to_owned()).unwrap_or_default();
        let or = |field: &str, usual: &str| Some(text(field)).filter(|t| !t.is_empty()).unwrap_or(usual.to_owned());
        let needed = |field: &str| match text(field) {
            t if t.is_empty() => Err(format!("`{field}` is missing")),
            t => Ok(t),
        };
        let yes = |field: &str| match or(field, "no").as_str() {
            "yes" => Ok(true),
            "no" => Ok(false),
            other => Err(format!("`{field}` is yes or no, not `{other}`")),
        };
        let private = yes("private")?;
        let address = |field: &str| match text(field) {
            t if t.is_empty() || (field == "userinfo" && t == "no") => Ok(t),
            t => wire::endpoint(&t, private).map(|_| t).map_err(|e| format!("`{field}`: {e}")),
        };
        let (staff, citizens) = match or("for", "staff").as_str() {
            "staff" => (true, false),
            "citizens" => (false, true),
            "both" => (true, true),
            other => return Err(format!("`for` is staff, citizens or both, not `{other}`")),
        };
        let proof = match or("proof", if text("secret").is_empty() { "none" } else { "basic" }).as_str() {
            "none" => Proof::None,
            "basic" => Proof::Basic(needed("secret")?),
            "post" => Proof::Post(needed("secret")?),
            "key" => {
                let pem = needed(KEY).map_err(|_| "`key` is missing: set key=new".to_owned())?;
                Proof::Key(Box::new(SoftKey::from_pem(&pem).map_err(|e| e.to_string())?), needed("key")?)
            }
            other => return Err(format!("`proof` is basic, post, key or none, not `{other}`")),
        };
        let by_userinfo = match or("identity", "id-token").as_str() {
            "id-token" => false,
            "userinfo" => true,
            other => return Err(format!("`identity` is id-token or userinfo, not `{other}`")),
        };
        let seconds =
            |t: String| t.parse().ok().filter(|s| *s > 0).ok_or("`max-age` is a number of seconds".to_owned());
        let max_age = Some(text("max-age")).filter(|t| !t.is_empty()).map(seconds).transpose()?;
        let second = list(&text("second")).into_iter().map(|one| match one.split_once(':') {
            Some((claim @ ("amr" | "acr"), value)) if !value.is_empty() => Ok((claim.to_owned(), value.to_owned())),
            _ => Err(format!("`second`: `{one}` is no amr:VALUE or acr:VALUE")),
        });
        let provider = Self {
            name: name.to_owned(),
            label: or("label", name),
            staff,
            citizens,
            private,
            logout: yes("logout")?,
            issuer: address("issuer")?,
            at: Addresses {
                authorize: address("authorize")?,
                token: address("token")?,
                userinfo: address("userinfo")?,
                jwks: address("jwks")?,
                end_session: address("end-session")?,
            },
            client: needed("client-id")?,
            proof,
            scope: or("scope", "openid"),
            acr: text("acr"),
            max_age,
            by_userinfo,
            username: text("username"),
            second: second.collect::<Result<_, _>>()?,
            levels: list(&text("levels")),
            mapping: Mapping {
                subject: or("claim.subject", "sub"),
                called: text("claim.called"),
                level: or("claim.level", "acr"),
                number: text("claim.number"),
                name: or("claim.name", "name"),
                birth: or("claim.birth", "birthdate"),
            },
        };
        provider.whole()
    }

    /// What fields ask of one another.
    fn whole(self) -> Result<Self, String> {
        let without = |what: &str| Err(what.to_owned());
        if self.label.chars().count() > 60 {
            return without("`label` is longer than 60 characters");
        }
        if !self.by_userinfo && self.issuer.is_empty() {
            return without("`issuer` is missing: an ID token says who made it");
        }
        if self.issuer.is_empty() && (self.at.authorize.is_empty() || self.at.token.is_empty()) {
            return without("without an `issuer` that is asked, `authorize` and `token` are needed");
        }
        if self.by_userinfo && (self.at.userinfo == "no" || (self.issuer.is_empty() && self.at.userinfo.is_empty())) {
            return without("`userinfo` is missing: nothing else says who it is");
        }
        if self.by_userinfo && (self.max_age.is_some() || !self.second.is_empty()) {
            return without(
                "`max-age` and `second` are of providers with ID tokens: nothing else is bound to this very sign-in",
            );
        }
        if !self.scope.split(' ').any(|s| s == "openid") && !self.by_userinfo {
            return without("`scope` must hold openid");
        }
        if self.citizens && self.mapping.number.is_empty() {
            return without("`claim.number` is missing: a citizen is known by their number");
        }
        Ok(self)
    }

    /// Whether it says when somebody proved who they are, so that it can be asked to have them do so anew.
    pub fn proves(&self) -> bool {
        !self.by_userinfo
    }

    /// The issuer, or what stands for it where there is none: links hold for it alone.
    pub fn known_as(&self) -> &str {
        if self.issuer.is_empty() { &self.at.token } else { &self.issuer }
    }

    /// The public part of its key as a JWK Set, for the provider; none where it has no key.
    pub fn public_keys(&self) -> Option<String> {
        use mach_sign::key::Signer;
        let Proof::Key(key, name) = &self.proof else { return None };
        let jwk = mach_sign::jwt::public_jwk(key.public(), name).ok()?;
        Some(serde_json::json!({ "keys": [jwk] }).to_string())
    }
}

fn place(data: &Path, name: &str) -> PathBuf {
    data.join("sign-on").join(name)
}

/// What its file is sealed for.
fn row(name: &str) -> String {
    format!("sign-on provider {name}")
}

/// The fields of a provider of a data folder; `None` where it is not set up.
///
/// # Errors
/// What cannot be read or opened, also where it lies in clear.
pub fn fields(data: &Path, name: &str) -> Result<Option<Fields>, String> {
    let path = place(data, name);
    let at = |e: &dyn std::fmt::Display| format!("`{}`: {e}", path.display());
    let sealed = match std::fs::read_to_string(&path) {
        Ok(sealed) => sealed,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(at(&e)),
    };
    let text = mach_seal::open_text(&row(name), sealed.trim()).map_err(|e| at(&e))?;
    serde_json::from_str(&text).map(Some).map_err(|e| at(&e))
}

/// Sets a provider up so; `key=new` makes its key. Gives what it is then.
///
/// # Errors
/// What is wrong with its fields; of the keys and of the file.
pub fn keep(data: &Path, name: &str, mut fields: Fields) -> Result<Provider, String> {
    if fields.get("key").is_some_and(|k| k == "new") {
        let key = SoftKey::generate().map_err(|e| e.to_string())?;
        let id: String = mach_access::secret::new_token("").map_err(|e| e.to_string())?.chars().take(16).collect();
        fields.insert(KEY.to_owned(), key.to_pem());
        fields.insert("key".to_owned(), id);
    }
    let provider = Provider::read(name, &fields)?;
    let all = names(data)?;
    if !all.iter().any(|n| n == name) && all.len() >= mach_base::limits::SIGN_ON_PROVIDERS {
        return Err(format!("there are {} providers already", all.len()));
    }
    let text = serde_json::to_string(&fields).map_err(|e| e.to_string())?;
    let ring = mach_seal::ring().map_err(|e| e.to_string())?;
    let sealed = ring.seal_text(Purpose::Secret, &row(name), &text).map_err(|e| e.to_string())?;
    files::keep(&place(data, name), &sealed, true)?;
    Ok(provider)
}

/// Signs nobody on by it any longer; false where it was not set up.
///
/// # Errors
/// Of the file.
pub fn forget(data: &Path, name: &str) -> Result<bool, String> {
    let path = place(data, name);
    match std::fs::remove_file(&path) {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(e) => Err(format!("`{}`: {e}", path.display())),
    }
}

/// The names of the providers that are set up.
///
/// # Errors
/// Of the folder.
pub fn names(data: &Path) -> Result<Vec<String>, String> {
    let folder = data.join("sign-on");
    let at = |e: std::io::Error| format!("`{}`: {e}", folder.display());
    let all = match std::fs::read_dir(&folder) {
        Ok(all) => all,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(at(e)),
    };
    let mut names = Vec::new();
    for entry in all {
        let name = entry.map_err(at)?.file_name().to_string_lossy().into_owned();
        // Parts of files that are being written have a dot.
        if !name.contains('.') {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// The fields that are shipped under a name, or that an administrator has put in their place.
///
/// # Errors
/// That there are none, or that they cannot be read.
pub fn shipped(name: &str) -> Result<Fields, String> {
    let names = || SHIPPED.iter().map(|(n, _)| *n).collect::<Vec<_>>().join(", ");
    let found = SHIPPED.iter().find(|(n, _)| *n == name);
    let (_, text) = found.ok_or_else(|| format!("nothing is shipped as `{name}`\nhint: there are {}", names()))?;
    let file = format!("sign-on/{name}.json");
    serde_json::from_str(&mach_base::content::text(&file, text)).map_err(|e| format!("`content/{file}`: {e}"))
}

/// How long the folder must have been as it is before what was read of it is believed: clocks of files are coarse.
const SETTLED: Duration = Duration::from_secs(2);

type Read = (SystemTime, Arc<Vec<Arc<Provider>>>);

/// The providers of a data folder, read again where the folder changed.
pub(crate) struct Providers {
    data: PathBuf,
    read: Mutex<Option<Read>>,
}

impl Providers {
    pub(crate) fn of(data: &Path) -> Self {
        Self { data: data.to_owned(), read: Mutex::new(None) }
    }

    /// All of them. One that cannot be read stands in the log, and signs nobody on.
    pub(crate) fn all(&self) -> Arc<Vec<Arc<Provider>>> {
        let Ok(changed) = std::fs::metadata(self.data.join("sign-on")).and_then(|m| m.modified()) else {
            return Arc::default();
        };
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, all)) = read.as_ref().filter(|(at, _)| *at == changed) {
            return Arc::clone(all);
        }
        let all: Arc<Vec<Arc<Provider>>> = Arc::new(self.read_all());
        let settled = changed.elapsed().is_ok_and(|since| since > SETTLED);
        *read = settled.then(|| (changed, Arc::clone(&all)));
        all
    }

    fn read_all(&self) -> Vec<Arc<Provider>> {
        let one = |name: &String| -> Result<Option<Provider>, String> {
            fields(&self.data, name)?.map(|fields| Provider::read(name, &fields)).transpose()
        };
        let names = names(&self.data).unwrap_or_else(|why| {
            tracing::error!("providers of sign-on cannot be read: {why}");
            Vec::new()
        });
        let read = names.iter().filter_map(|name| match one(name) {
            Ok(found) => found.map(Arc::new),
            Err(why) => {
                tracing::error!("the provider `{name}` signs nobody on: {why}");
                None
            }
        });
        read.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(fields: &[(&str, &str)]) -> Result<Provider, String> {
        Provider::read("bv", &fields.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect())
    }

    #[test]
    fn fields_are_read_whole_or_not_at_all() {
        let base = [("issuer", "https://sso.vn"), ("client-id", "mach")];
        let provider = read(&base).expect("a provider");
        assert!(provider.staff && !provider.citizens && !provider.private && provider.label == "bv");
        assert_eq!((provider.scope.as_str(), provider.known_as()), ("openid", "https://sso.vn"));
        for (field, value, said) in [
            ("for", "all", "`for` is staff"),
            ("colour", "red", "no field `colour`"),
            ("issuer", "http://sso.vn", "without TLS"),
            ("issuer", "sso.vn", "`issuer`"),
            ("issuer", "", "`issuer` is missing"),
            ("token", "ftp://sso.vn/token", "`token`"),
            ("client-id", " ", "`client-id` is missing"),
            ("proof", "basic", "`secret` is missing"),
            ("proof", "key", "`key` is missing"),
            ("proof", "jwt", "`proof` is"),
            ("identity", "cookie", "`identity` is"),
            ("max-age", "soon", "`max-age`"),
            ("max-age", "-1", "`max-age`"),
            ("second", "mfa", "`second`"),
            ("second", "amr:", "`second`"),
            ("private", "1", "`private` is yes or no"),
            ("scope", "profile", "openid"),
            ("for", "citizens", "`claim.number` is missing"),
            ("for", "both", "`claim.number` is missing"),
        ] {
            let mut fields: BTreeMap<&str, &str> = base.into();
            fields.insert(field, value);
            let wrong = read(&fields.into_iter().collect::<Vec<_>>()).expect_err(field);
            assert!(wrong.contains(said), "{field}={value}: {wrong}");
        }
        for name in ["", "BV", "a/b", "..", "a b", &"a".repeat(33)] {
            assert!(Provider::read(name, &Fields::new()).is_err_and(|e| e.contains("no name")), "{name}");
        }
        let private = read(&[("issuer", "http://10.0.0.5/sso"), ("client-id", "m"), ("private", "yes")]);
        assert!(private.is_ok_and(|p| p.private));
        let bare = [
            ("identity", "userinfo"),
            ("client-id", "m"),
            ("authorize", "https://a.vn/a"),
            ("token", "https://a.vn/t"),
        ];
        assert!(read(&bare).is_err_and(|e| e.contains("`userinfo` is missing")));
        let with = [&bare[..], &[("userinfo", "https://a.vn/u")]].concat();
        assert!(read(&with).is_ok_and(|p| p.known_as() == "https://a.vn/t"));
        assert!(read(&[&with[..], &[("second", "amr:otp")]].concat()).is_err_and(|e| e.contains("ID tokens")));
    }

    #[test]
    fn what_is_shipped_can_be_begun_with() {
        for (name, _) in SHIPPED {
            let mut fields = shipped(name).expect(name);
            assert!(!fields.contains_key("client-id") && !fields.contains_key("secret"), "{name}: it is nobody's yet");
            fields.insert("client-id".to_owned(), "mach".to_owned());
            fields.insert("secret".to_owned(), "secret".to_owned());
            Provider::read(name, &fields).expect(name);
        }
        assert!(shipped("none").is_err());
    }
}
