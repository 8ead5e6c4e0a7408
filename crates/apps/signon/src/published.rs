//! What a provider publishes: where everything is (OpenID Connect Discovery 1.0), and its keys. Kept for a while, never asked twice at once.

use crate::provider::{Addresses, Provider};
use crate::wire::{self, Asked};
use mach_base::limits;
use mach_house::call::kept::{Believed, Kept};
use mach_sign::jwt::Jwk;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

const METADATA: Believed =
    Believed { seconds: limits::SIGN_ON_METADATA_SECONDS, again_after: limits::SMART_KEYS_AGAIN_SECONDS };
const KEYS: Believed = Believed { seconds: limits::SMART_KEYS_SECONDS, again_after: limits::SMART_KEYS_AGAIN_SECONDS };

/// Where everything of a provider is; empty where that is not known.
#[derive(Clone, Default)]
pub(crate) struct Metadata {
    pub(crate) at: Addresses,
    /// Whether an answer always says whose it is (RFC 9207).
    pub(crate) says_issuer: bool,
}

#[derive(Default)]
struct Of {
    metadata: Kept<Metadata>,
    keys: Kept<Vec<Jwk>>,
}

/// What was fetched, by provider. Who asks while it is fetched waits for the same answer.
#[derive(Default)]
pub(crate) struct Published(Mutex<HashMap<String, Arc<tokio::sync::Mutex<Of>>>>);

impl Published {
    fn of(&self, provider: &Provider) -> Arc<tokio::sync::Mutex<Of>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(all.entry(provider.name.clone()).or_default())
    }

    /// Where everything is: as configured, what is not from where the provider tells it.
    pub(crate) async fn metadata(&self, provider: &Provider) -> Result<Metadata, String> {
        let own = provider.at.clone();
        let lacks_keys = own.jwks.is_empty() && !provider.by_userinfo;
        let lacks = own.authorize.is_empty() || own.token.is_empty() || lacks_keys;
        if provider.issuer.is_empty() || !lacks {
            return Ok(Metadata { at: cleared(own), says_issuer: false });
        }
        let url = format!("{}/.well-known/openid-configuration", provider.issuer.trim_end_matches('/'));
        // What was allowed belongs to what is believed: an address that may no longer be called is asked anew, and refused.
        let kept_as = format!("{} {url}", provider.private);
        let of = self.of(provider);
        let told = of.lock().await.metadata.get(&kept_as, METADATA, false, told(provider, &url)).await?;
        let mut metadata = Metadata::clone(&told);
        let mine = [
            (own.authorize, &mut metadata.at.authorize),
            (own.token, &mut metadata.at.token),
            (own.userinfo, &mut metadata.at.userinfo),
            (own.jwks, &mut metadata.at.jwks),
            (own.end_session, &mut metadata.at.end_session),
        ];
        mine.into_iter().filter(|(own, _)| !own.is_empty()).for_each(|(own, told)| *told = own);
        metadata.at = cleared(metadata.at);
        Ok(metadata)
    }

    /// The keys of a provider; `again`: those that are known were not enough.
    pub(crate) async fn keys(&self, provider: &Provider, url: &str, again: bool) -> Result<Arc<Vec<Jwk>>, String> {
        let of = self.of(provider);
        let kept_as = format!("{} {url}", provider.private);
        let fetch = async {
            let set = wire::object(provider, Asked { url, ..Asked::default() }).await?;
            Jwk::read_set(&set.to_string(), limits::SMART_KEYS).map_err(|e| e.to_string())
        };
        of.lock().await.keys.get(&kept_as, KEYS, again, fetch).await
    }
}

/// `no` is no address.
fn cleared(at: Addresses) -> Addresses {
    Addresses { userinfo: if at.userinfo == "no" { String::new() } else { at.userinfo }, ..at }
}

/// What a provider says of itself; nothing where it says that it is another one.
async fn told(provider: &Provider, url: &str) -> Result<Metadata, String> {
    let told = wire::object(provider, Asked { url, ..Asked::default() }).await?;
    read(&told, &provider.issuer, provider.private)
}

fn read(told: &Value, issuer: &str, private: bool) -> Result<Metadata, String> {
    let text = |name: &str| told.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    // Discovery §4.3: letter by letter.
    if text("issuer") != issuer {
        return Err(format!("`{issuer}` says that it is `{}`", text("issuer").chars().take(200).collect::<String>()));
    }
    let address = |name: &str| match text(name) {
        t if t.is_empty() => Ok(t),
        t => wire::endpoint(&t, private).map(|_| t).map_err(|e| format!("`{name}`: {e}")),
    };
    let at = Addresses {
        authorize: address("authorization_endpoint")?,
        token: address("token_endpoint")?,
        userinfo: address("userinfo_endpoint")?,
        jwks: address("jwks_uri")?,
        end_session: address("end_session_endpoint")?,
    };
    if at.authorize.is_empty() || at.token.is_empty() {
        return Err(format!("`{issuer}` does not say where browsers and codes go"));
    }
    let says = told.get("authorization_response_iss_parameter_supported").and_then(Value::as_bool);
    Ok(Metadata { at, says_issuer: says == Some(true) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_a_provider_says_of_itself_is_its_own_and_has_tls() {
        let good = json!({
            "issuer": "https://sso.vn", "authorization_endpoint": "https://sso.vn/a", "token_endpoint": "https://sso.vn/t",
            "jwks_uri": "https://keys.vn/k", "authorization_response_iss_parameter_supported": true,
        });
        let metadata = read(&good, "https://sso.vn", false).unwrap();
        assert!(metadata.says_issuer && metadata.at.jwks == "https://keys.vn/k" && metadata.at.userinfo.is_empty());
        for (name, value) in [
            ("issuer", json!("https://sso.vn/")),
            ("issuer", json!("https://evil.vn")),
            ("issuer", Value::Null),
            ("jwks_uri", json!("http://keys.vn/k")),
            ("token_endpoint", json!("http://sso.vn/t")),
            ("token_endpoint", json!("file:///etc/passwd")),
            ("token_endpoint", Value::Null),
            ("authorization_endpoint", json!("javascript:alert(1)")),
            ("authorization_endpoint", json!("https://sso.vn/a#b")),
            ("userinfo_endpoint", json!("http://sso.vn/u")),
            ("end_session_endpoint", json!("https://u:p@sso.vn/e")),
        ] {
            let mut told = good.clone();
            told[name] = value.clone();
            assert!(read(&told, "https://sso.vn", false).is_err(), "{name} {value}");
        }
    }
}
