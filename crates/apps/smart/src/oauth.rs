//! The protocol's own words: parameters that come once, errors as JSON, pages of other origins.

use axum::Json;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use mach_house::Failure;
use mach_ui::http::Problem;
use std::collections::HashMap;

/// An error as RFC 6749 §5.2 writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) status: StatusCode,
    pub(crate) error: &'static str,
    pub(crate) text: String,
}

impl Refused {
    pub(crate) fn new(error: &'static str, text: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, error, text: text.into() }
    }

    /// The app did not prove that it is the one.
    pub(crate) fn client(text: impl Into<String>) -> Self {
        Self { status: StatusCode::UNAUTHORIZED, ..Self::new("invalid_client", text) }
    }

    pub(crate) fn request(text: impl Into<String>) -> Self {
        Self::new("invalid_request", text)
    }

    pub(crate) fn grant(text: impl Into<String>) -> Self {
        Self::new("invalid_grant", text)
    }

    pub(crate) fn scope(text: impl Into<String>) -> Self {
        Self::new("invalid_scope", text)
    }
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        let (status, error) = match problem.status() {
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => {
                (problem.status(), "temporarily_unavailable")
            }
            status => (status, "server_error"),
        };
        if let Problem::Internal(text) = &problem {
            tracing::error!("{text}");
        }
        Self { status, error, text: "try again later".to_owned() }
    }
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        failure.0.into()
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let body = serde_json::json!({ "error": self.error, "error_description": self.text });
        let mut response = (self.status, Json(body)).into_response();
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"mach\""));
        }
        response
    }
}

/// The body of a request to a machine's address. What is no text, or too long, is refused in the protocol's words.
pub(crate) struct Sent(pub(crate) String);

impl<S: Send + Sync> FromRequest<S> for Sent {
    type Rejection = Refused;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refused> {
        String::from_request(request, state).await.map(Self).map_err(|e| match e.status() {
            StatusCode::PAYLOAD_TOO_LARGE => {
                let status = StatusCode::PAYLOAD_TOO_LARGE;
                Refused { status, ..Refused::request(format!("the body is longer than {} bytes", crate::BODY_BYTES)) }
            }
            _ => Refused::request("the body is a form in UTF-8"),
        })
    }
}

/// What another method than POST is answered with.
pub(crate) async fn posts_only() -> Response {
    let refused = Refused { status: StatusCode::METHOD_NOT_ALLOWED, ..Refused::request("send it by POST") };
    ([(header::ALLOW, "POST")], refused).into_response()
}

/// Parameters of a request, each once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Params(HashMap<String, String>);

impl Params {
    /// Reads a query or a form.
    ///
    /// # Errors
    /// The first that comes twice (RFC 6749 §3.1).
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        let mut all = HashMap::new();
        for (name, value) in form_urlencoded::parse(text.as_bytes()).into_owned() {
            // What is empty counts as not sent.
            if !value.is_empty() && all.insert(name.clone(), value).is_some() {
                return Err(name);
            }
        }
        Ok(Self(all))
    }

    /// Reads the form of a request to a machine's address.
    ///
    /// # Errors
    /// `invalid_request`.
    pub(crate) fn form(headers: &HeaderMap, body: &str) -> Result<Self, Refused> {
        let kind = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
        if !kind.to_ascii_lowercase().starts_with("application/x-www-form-urlencoded") {
            return Err(Refused::request("send `application/x-www-form-urlencoded`"));
        }
        Self::read(body).map_err(|name| Refused::request(format!("`{name}` comes more than once")))
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// # Errors
    /// `invalid_request` where it is not there.
    pub(crate) fn wanted(&self, name: &str) -> Result<&str, Refused> {
        self.get(name).ok_or_else(|| Refused::request(format!("`{name}` is missing")))
    }

    pub(crate) fn has_bool(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }
}

/// Lets pages of any origin use the machines' addresses: no cookie is looked at there, so nobody's session is used by a page of
/// others. What they get they must bring a proof for.
pub(crate) async fn open_to_pages(request: Request, next: Next) -> Response {
    let mut response = if request.method() == Method::OPTIONS {
        let mut response = StatusCode::NO_CONTENT.into_response();
        let headers = response.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST, OPTIONS"));
        let sent = HeaderValue::from_static("Authorization, Content-Type, Accept");
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, sent);
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
        response
    } else {
        next.run(request).await
    };
    response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    response
}

#[cfg(test)]
mod tests {
    use super::Params;

    #[test]
    fn a_parameter_comes_once() {
        let read = Params::read("a=1&b=%20x&c=").unwrap();
        assert_eq!((read.get("a"), read.get("b"), read.get("c")), (Some("1"), Some(" x"), None));
        assert_eq!(Params::read("a=1&a=1").unwrap_err(), "a");
    }
}
