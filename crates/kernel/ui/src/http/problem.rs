//! What can go wrong while answering, and the one mapping to a status and to words.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::{Lang, Msg, msg};

/// Why a request gets no ordinary answer. Handlers give `Result<_, Problem>`.
///
/// Texts inside are for the reader, in the reader's language, except that of [`Problem::Internal`], which only the log sees.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// 400: what was wrong and what to do.
    #[error("bad request: {0}")]
    BadRequest(String),
    /// 401; a page sends the reader to `/sign-in` and back.
    #[error("not signed in")]
    Unauthenticated,
    /// 401: signed in, but the session is locked, or the act wants a fresh proof of who asks; a page sends the reader to
    /// `/prove` and back.
    #[error("must prove who they are")]
    Prove,
    /// 403.
    #[error("forbidden")]
    Forbidden,
    /// 403: a browser sent this from another site.
    #[error("request from another origin")]
    OtherOrigin,
    /// 404; also where the reader may not know that the thing exists.
    #[error("not found")]
    NotFound,
    /// 405.
    #[error("method not allowed")]
    MethodNotAllowed,
    /// 409: what changed meanwhile.
    #[error("conflict: {0}")]
    Conflict(String),
    /// 413.
    #[error("too large")]
    TooLarge,
    /// 429.
    #[error("too many requests")]
    TooMany,
    /// 500: for the log only.
    #[error("internal: {0}")]
    Internal(String),
    /// 503.
    #[error("unavailable")]
    Unavailable,
}

impl Problem {
    /// An inner error that the reader can do nothing about.
    pub fn internal(error: impl std::fmt::Display) -> Self {
        Self::Internal(error.to_string())
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::BadRequest(_) => StatusCode::BAD_REQUEST,
            Self::Unauthenticated | Self::Prove => StatusCode::UNAUTHORIZED,
            Self::Forbidden | Self::OtherOrigin => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooMany => StatusCode::TOO_MANY_REQUESTS,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The problem that a status without one stands for; for what axum itself refuses.
    pub(crate) fn of_status(status: StatusCode) -> Self {
        match status.as_u16() {
            401 => Self::Unauthenticated,
            403 => Self::Forbidden,
            404 => Self::NotFound,
            405 => Self::MethodNotAllowed,
            409 => Self::Conflict(String::new()),
            413 => Self::TooLarge,
            429 => Self::TooMany,
            503 => Self::Unavailable,
            400..=499 => Self::BadRequest(String::new()),
            _ => Self::Internal(String::new()),
        }
    }

    /// Title and advice.
    pub fn words(&self) -> (Msg, Msg) {
        match self {
            Self::BadRequest(_) => (msg::ERROR_400, msg::ERROR_400_DO),
            Self::Unauthenticated => (msg::ERROR_401, msg::ERROR_401_DO),
            Self::Prove => (msg::ERROR_PROVE, msg::ERROR_PROVE_DO),
            Self::Forbidden => (msg::ERROR_403, msg::ERROR_403_DO),
            Self::OtherOrigin => (msg::ERROR_403, msg::ERROR_ORIGIN),
            Self::NotFound => (msg::ERROR_404, msg::ERROR_404_DO),
            Self::MethodNotAllowed => (msg::ERROR_405, msg::ERROR_405_DO),
            Self::Conflict(_) => (msg::ERROR_409, msg::ERROR_409_DO),
            Self::TooLarge => (msg::ERROR_413, msg::ERROR_413_DO),
            Self::TooMany => (msg::ERROR_429, msg::ERROR_429_DO),
            Self::Internal(_) => (msg::ERROR_500, msg::ERROR_500_DO),
            Self::Unavailable => (msg::ERROR_503, msg::ERROR_503_DO),
        }
    }

    /// What the reader may see of this very case, beside the title.
    pub fn detail(&self) -> Option<&str> {
        match self {
            Self::BadRequest(text) | Self::Conflict(text) if !text.is_empty() => Some(text),
            _ => None,
        }
    }

    /// FHIR `OperationOutcome` (R4, `issue-type` codes) for `/api/` and `/fhir`; `id` is that of a request that broke.
    pub fn outcome(&self, lang: Lang, id: Option<&str>) -> serde_json::Value {
        serde_json::json!({
            "resourceType": "OperationOutcome",
            "issue": [{
                "severity": "error",
                "code": self.code(),
                "details": { "text": self.detail().unwrap_or(lang.t(self.words().0)) },
                "diagnostics": self.advice(lang, id),
            }],
        })
    }

    /// The same in XML.
    pub(crate) fn outcome_xml(&self, lang: Lang, id: Option<&str>) -> String {
        let escaped =
            |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
        format!(
            "<OperationOutcome xmlns=\"http://hl7.org/fhir\"><issue><severity value=\"error\"/><code value=\"{}\"/>\
             <details><text value=\"{}\"/></details><diagnostics value=\"{}\"/></issue></OperationOutcome>",
            self.code(),
            escaped(self.detail().unwrap_or(lang.t(self.words().0))),
            escaped(&self.advice(lang, id)),
        )
    }

    /// What to do, with the id to name.
    fn advice(&self, lang: Lang, id: Option<&str>) -> String {
        let advice = lang.t(self.words().1);
        match id {
            Some(id) => format!("{advice} {}", lang.fmt(msg::ERROR_ID, &[("id", id)])),
            None => advice.to_owned(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::BadRequest(_) => "invalid",
            Self::Unauthenticated | Self::Prove => "login",
            Self::Forbidden | Self::OtherOrigin => "forbidden",
            Self::NotFound => "not-found",
            Self::MethodNotAllowed => "not-supported",
            Self::Conflict(_) => "conflict",
            Self::TooLarge => "too-long",
            Self::TooMany => "throttled",
            Self::Internal(_) => "exception",
            Self::Unavailable => "transient",
        }
    }
}

impl IntoResponse for Problem {
    /// The status alone; [`crate::http::serve`] gives it the page or the JSON, in the reader's language.
    fn into_response(self) -> Response {
        if let Self::Internal(text) = &self {
            tracing::error!("{text}");
        }
        let mut response = self.status().into_response();
        if self == Self::TooMany {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("10"));
        }
        response.extensions_mut().insert(self);
        response
    }
}
