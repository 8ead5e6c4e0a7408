//! A code becomes tokens (OpenID Connect Core §3.1.3), and an access token says more of somebody (§5.3).

use crate::begin::Pending;
use crate::provider::{Proof, Provider};
use crate::published::Metadata;
use crate::refused::Refused;
use crate::wire::{self, Asked};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mach_access::secret;
use mach_base::limits;
use mach_base::time::now_seconds;
use mach_sign::jwt;
use mach_ui::http::Problem;
use serde_json::{Value, json};

const ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// Seconds for which this program's signed proof of itself is good.
const PROOF_SECONDS: i64 = 60;

/// What a code was redeemed for.
pub(crate) struct Tokens {
    pub(crate) access: String,
    pub(crate) id: Option<String>,
}

/// A text as a form writes it (RFC 6749 §2.3.1).
fn as_form(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// A provider's error code, as far as it is one (RFC 6749 §5.2).
pub(crate) fn code_of(error: &str) -> String {
    let fits = |c: &char| c.is_ascii_lowercase() || *c == '_';
    let code: String = error.chars().filter(fits).take(40).collect();
    if code.is_empty() || code.len() != error.len() { "an error".to_owned() } else { code }
}

/// What redeems a code, with this program's proof of itself: headers and a form.
fn request(
    provider: &Provider,
    token: &str,
    pending: &Pending,
    code: &str,
) -> Result<(Vec<(String, String)>, String), Problem> {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("grant_type", "authorization_code")
        .append_pair("code", code)
        .append_pair("redirect_uri", &pending.back)
        .append_pair("code_verifier", &pending.verifier);
    let mut headers = Vec::new();
    match &provider.proof {
        Proof::None => {
            form.append_pair("client_id", &provider.client);
        }
        Proof::Basic(secret) => {
            let both = STANDARD.encode(format!("{}:{}", as_form(&provider.client), as_form(secret)));
            headers.push(("Authorization".to_owned(), format!("Basic {both}")));
        }
        Proof::Post(secret) => {
            form.append_pair("client_id", &provider.client).append_pair("client_secret", secret);
        }
        Proof::Key(key, name) => {
            let (now, client) = (now_seconds(), &provider.client);
            let jti = secret::new_token("").map_err(Problem::internal)?;
            let claims = json!({
                "iss": client, "sub": client, "aud": token, "jti": jti, "iat": now, "exp": now + PROOF_SECONDS,
            });
            let signed = jwt::sign(&claims, key.as_ref(), name).map_err(Problem::internal)?;
            form.append_pair("client_id", client)
                .append_pair("client_assertion_type", ASSERTION)
                .append_pair("client_assertion", &signed);
        }
    }
    Ok((headers, form.finish()))
}

/// Redeems a code.
pub(crate) async fn redeemed(
    provider: &Provider,
    metadata: &Metadata,
    pending: &Pending,
    code: &str,
) -> Result<Tokens, Refused> {
    let token = &metadata.at.token;
    let (headers, form) = request(provider, token, pending, code)?;
    let asked = Asked { url: token, headers, form: Some(form) };
    let (status, answer) = wire::json(provider, asked).await.map_err(Refused::Silent)?;
    let text = |name: &str| answer.get(name).and_then(Value::as_str).filter(|t| !t.is_empty());
    if status != 200 {
        let said = text("error").map(code_of);
        return Err(match said.as_deref() {
            // The code was made for another, was used, or is too old.
            Some("invalid_grant") => Refused::Untrusted("the provider takes no such code".to_owned()),
            Some(code) => Refused::Silent(format!("the token endpoint answered {status} {code}")),
            None => Refused::Silent(format!("the token endpoint answered {status}")),
        });
    }
    if !text("token_type").is_some_and(|t| t.eq_ignore_ascii_case("bearer")) {
        return Err(Refused::Silent("the token endpoint gave no Bearer token".to_owned()));
    }
    // It goes into a header as it is.
    let access = text("access_token").filter(|t| t.bytes().all(|b| b.is_ascii_graphic()));
    let access = access.ok_or_else(|| Refused::Silent("the token endpoint gave no access token".to_owned()))?;
    Ok(Tokens { access: access.to_owned(), id: text("id_token").map(str::to_owned) })
}

/// What userinfo says; an empty object where there is none to ask.
pub(crate) async fn userinfo(provider: &Provider, metadata: &Metadata, access: &str) -> Result<Value, Refused> {
    if metadata.at.userinfo.is_empty() {
        return Ok(json!({}));
    }
    let headers = vec![("Authorization".to_owned(), format!("Bearer {access}"))];
    wire::object(provider, Asked { url: &metadata.at.userinfo, headers, form: None }).await.map_err(Refused::Silent)
}

/// A subject that can be one (OpenID Connect Core §2).
pub(crate) fn is_subject(subject: &str) -> bool {
    (1..=limits::SIGN_ON_SUBJECT_BYTES).contains(&subject.len()) && !subject.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_providers_error_is_a_code_or_nothing() {
        assert_eq!(code_of("access_denied"), "access_denied");
        for text in ["", "<script>", "access denied", "x".repeat(41).as_str(), "sai mật khẩu"] {
            assert_eq!(code_of(text), "an error", "{text}");
        }
    }

    #[test]
    fn a_subject_has_its_limit() {
        let most = "s".repeat(limits::SIGN_ON_SUBJECT_BYTES);
        assert!(is_subject(&most) && !is_subject(&format!("{most}s")) && !is_subject("") && !is_subject("a\nb"));
    }
}
