//! What is asked of a provider: one request, no redirect followed, an answer in time and of bounded size.

use crate::provider::Provider;
use axum::http::Method;
use mach_base::limits;
use mach_house::call::endpoint::{Allowed, Endpoint};
use mach_house::call::{Call, ask};
use serde_json::Value;
use std::time::Duration;

/// What a provider is asked.
#[derive(Default)]
pub(crate) struct Asked<'a> {
    pub(crate) url: &'a str,
    pub(crate) headers: Vec<(String, String)>,
    /// A form to post; none: GET.
    pub(crate) form: Option<String>,
}

/// An address of a provider that may be called: with TLS and in public, unless its configuration says otherwise.
pub(crate) fn endpoint(url: &str, private: bool) -> Result<Endpoint, String> {
    let endpoint = Endpoint::parse(url)?;
    if !endpoint.tls && !private {
        return Err(format!("`{url}` is not called without TLS"));
    }
    Ok(endpoint)
}

/// Asks; the status, and the object that is answered: `null` where it is none.
pub(crate) async fn json(provider: &Provider, asked: Asked<'_>) -> Result<(u16, Value), String> {
    let mut headers = asked.headers;
    headers.push(("Accept".to_owned(), "application/json".to_owned()));
    let call = Call {
        endpoint: endpoint(asked.url, provider.private)?,
        allowed: if provider.private { Allowed::Anywhere } else { Allowed::Public },
        method: if asked.form.is_some() { Method::POST } else { Method::GET },
        headers,
        body: asked.form.map(|text| ("application/x-www-form-urlencoded", text)),
        within: Duration::from_secs(limits::SMART_FETCH_SECONDS),
    };
    let (status, body) = ask(call, limits::SIGN_ON_ANSWER_BYTES).await?;
    let value = serde_json::from_slice(&body).unwrap_or(Value::Null);
    Ok((status, if value.is_object() { value } else { Value::Null }))
}

/// The same where only an object with status 200 is an answer.
pub(crate) async fn object(provider: &Provider, asked: Asked<'_>) -> Result<Value, String> {
    let url = asked.url.to_owned();
    match json(provider, asked).await? {
        (200, value @ Value::Object(_)) => Ok(value),
        (200, _) => Err(format!("`{url}` answered no JSON object")),
        (status, _) => Err(format!("`{url}` answered {status}")),
    }
}
