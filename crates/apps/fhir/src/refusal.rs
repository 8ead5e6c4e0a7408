//! Why a request gets no ordinary answer, and the one mapping to a status and an OperationOutcome.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use mach_fhir::json::Writer;
use mach_fhir::validate::Issue;
use mach_ui::http::Problem;

/// The media type of every answer.
pub const FHIR_JSON: &str = "application/fhir+json; charset=utf-8";

/// A refused request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{status} {code}: {text}")]
pub struct Refusal {
    /// HTTP status.
    pub status: StatusCode,
    /// `issue-type` code of R4.
    pub code: &'static str,
    /// What, where, why and what to do, for the developer at the other end. Nothing of what lies in the store.
    pub text: String,
    /// Which element or parameter.
    pub expression: String,
    /// What else is wrong with it, each with its place.
    pub more: Box<[Issue]>,
    /// Seconds after which to ask again.
    pub retry_after: Option<u32>,
    /// Whether it is only that resources it asks about wait to be indexed.
    pub unindexed: bool,
}

impl Refusal {
    /// A refusal.
    pub fn new(status: StatusCode, code: &'static str, text: impl Into<String>) -> Self {
        let (text, expression, more) = (text.into(), String::new(), Box::default());
        Self { status, code, text, expression, more, retry_after: None, unindexed: false }
    }

    /// 400: what cannot be read.
    pub fn invalid(text: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid", text)
    }

    /// 400: what can be read and is not done here.
    pub fn unsupported(text: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "not-supported", text)
    }

    /// 400: more than a limit allows.
    pub fn too_costly(text: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "too-costly", text)
    }

    /// 404: the same words whether it never was or is somebody else's.
    pub fn not_found(kind: &str, id: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", format!("`{kind}/{id}` is not known"))
    }

    /// 410.
    pub fn gone(kind: &str, id: &str) -> Self {
        Self::new(StatusCode::GONE, "deleted", format!("`{kind}/{id}` was deleted"))
    }

    /// 412.
    pub fn precondition(text: impl Into<String>) -> Self {
        Self::new(StatusCode::PRECONDITION_FAILED, "conflict", text)
    }

    /// 412: a condition that must mean one resource means several.
    pub fn several(criteria: &str) -> Self {
        let text = format!("`{criteria}` matches more than one resource");
        Self::new(StatusCode::PRECONDITION_FAILED, "multiple-matches", text)
    }

    /// 422: a resource that cannot be one.
    pub fn unprocessable(code: &'static str, text: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, text)
    }

    /// 422: a resource whose shape is wrong; at least one issue.
    pub fn unfit(issues: Vec<Issue>) -> Self {
        let mut issues = issues.into_iter();
        let Some(first) = issues.next() else { return Self::unprocessable("structure", "its shape is wrong") };
        let text = if first.path.is_empty() { first.text } else { format!("`{}`: {}", first.path, first.text) };
        Self { more: issues.collect(), ..Self::unprocessable(first.code, text).at(first.path) }
    }

    /// 500: for the log only.
    pub fn internal(error: impl std::fmt::Display) -> Self {
        tracing::error!("{error}");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "exception", "an error within the server; it was logged")
    }

    /// The same with the element or parameter it is about.
    pub fn at(mut self, expression: impl Into<String>) -> Self {
        self.expression = expression.into();
        self
    }

    /// The OperationOutcome.
    pub fn outcome(&self) -> String {
        let mut out = String::new();
        Writer::object(&mut out, |w| {
            w.text("resourceType", "OperationOutcome");
            w.list("issue", |list| {
                let first = (self.code, self.text.as_str(), self.expression.as_str());
                let more = self.more.iter().map(|i| (i.code, i.text.as_str(), i.path.as_str()));
                for (code, text, expression) in std::iter::once(first).chain(more) {
                    list.item(|w| {
                        w.text("severity", "error").text("code", code);
                        w.nested("details", |w| {
                            w.text("text", title(self.status));
                        });
                        w.text("diagnostics", text);
                        if !expression.is_empty() {
                            w.list("expression", |l| {
                                l.item_text(expression);
                            });
                        }
                    });
                }
            });
        });
        out
    }
}

/// An OperationOutcome that says something without refusing.
pub fn note(severity: &str, code: &str, text: &str) -> String {
    let mut out = String::new();
    Writer::object(&mut out, |w| {
        w.text("resourceType", "OperationOutcome");
        w.list("issue", |list| {
            list.item(|w| {
                w.text("severity", severity).text("code", code).text("diagnostics", text);
            });
        });
    });
    out
}

/// What happened, for the person in front: Vietnamese, English behind it.
fn title(status: StatusCode) -> &'static str {
    match status.as_u16() {
        400 => "Yêu cầu không đọc được hoặc không được hỗ trợ (bad request)",
        401 => "Cần khóa truy cập hoặc đăng nhập (authentication needed)",
        403 => "Không được phép (forbidden)",
        404 => "Không tìm thấy (not found)",
        405 => "Thao tác không được phép ở đây (method not allowed)",
        406 => "Định dạng trả lời không được hỗ trợ (not acceptable)",
        409 => "Xung đột với dữ liệu hiện có (conflict)",
        410 => "Đã bị xóa (gone)",
        412 => "Điều kiện của yêu cầu không đúng (precondition failed)",
        413 => "Dữ liệu gửi quá lớn (too large)",
        415 => "Định dạng gửi không được hỗ trợ (unsupported media type)",
        422 => "Tài nguyên không hợp lệ (unprocessable)",
        429 => "Quá nhiều yêu cầu (too many requests)",
        507 => "Ổ đĩa của máy chủ đã đầy (insufficient storage)",
        503 => "Tạm thời chưa phục vụ được (unavailable)",
        _ => "Lỗi máy chủ (server error)",
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = (self.status, [(header::CONTENT_TYPE, FHIR_JSON)], self.outcome()).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_static("Bearer realm=\"fhir\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
        }
        response
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        match problem {
            Problem::Unauthenticated => Self::new(StatusCode::UNAUTHORIZED, "login", "send `Authorization: Bearer …`"),
            Problem::Forbidden | Problem::OtherOrigin => {
                Self::new(StatusCode::FORBIDDEN, "forbidden", "this account or token may not do this")
            }
            Problem::Unavailable => {
                let mut refusal = Self::new(StatusCode::SERVICE_UNAVAILABLE, "transient", "the store cannot write now");
                refusal.retry_after = Some(5);
                refusal
            }
            Problem::TooMany => {
                let text = "so many requests came in a row that this one has to wait; ask again in ten seconds";
                let mut refusal = Self::new(StatusCode::TOO_MANY_REQUESTS, "throttled", text);
                refusal.retry_after = Some(10);
                refusal
            }
            Problem::BadRequest(text) => Self::invalid(text),
            Problem::NotFound => Self::new(StatusCode::NOT_FOUND, "not-found", "not found"),
            other => Self::internal(other),
        }
    }
}

impl From<mach_store::Error> for Refusal {
    fn from(error: mach_store::Error) -> Self {
        match error {
            mach_store::Error::Refused(text) => Self::too_costly(text),
            mach_store::Error::Full => Self::new(
                StatusCode::INSUFFICIENT_STORAGE,
                "no-store",
                "the disk of the server is full; nothing of this was stored, what was stored before can be read",
            ),
            other => mach_house::Failure::from(other).0.into(),
        }
    }
}
