//! The outermost layer of the pages and the API.

use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use axum::{Json, Router, middleware};

use mach_base::limits;
use tower_http::compression::CompressionLayer;

use crate::http::ask::Caught;
use crate::http::{Here, Problem, REQUEST_ID, RequestId, cookie, is_same_origin};
use crate::look::Look;
use crate::{Lang, assets, format, pages};
use tracing::Instrument;

/// Everything from this origin, nothing inline, no frames, no plug-ins.
pub const CSP: &str = "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; \
                       frame-ancestors 'none'";

const HEADERS: [(HeaderName, &str); 5] = [
    (header::CONTENT_SECURITY_POLICY, CSP),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), "camera=(), microphone=(), geolocation=()"),
];

/// Where apps fetch tokens and ask about them (RFC 6749, 7009, 7662).
const APP_ADDRESSES: [&str; 3] = ["/oauth/token", "/oauth/introspect", "/oauth/revoke"];

/// A year, in seconds: how long the choice of a language is kept.
const LANG_SECONDS: i64 = 365 * 24 * 3600;

/// Wraps the whole application: assets, language, same-origin check, problems as pages or JSON, security headers, gzip.
///
/// Every answer carries the id of its request, and so does every line of the log that the request leaves. A handler that
/// panics answers 500; a 500 says nothing but that id, whatever its handler wrote.
///
/// A body is at most [`limits::BODY_BYTES`]; a route that takes more says so with its own [`DefaultBodyLimit`].
/// Call it once, on the merged router, after `with_state` and outside every other layer.
pub fn serve(app: Router) -> Router {
    app.merge(assets::router())
        .merge(crate::pwa::router())
        .fallback(|| async { Problem::NotFound })
        .layer(DefaultBodyLimit::max(limits::BODY_BYTES))
        .layer(middleware::from_fn(answer))
        .layer(CompressionLayer::new())
}

async fn answer(mut request: Request, next: Next) -> Response {
    let asked = Asked::of(&request);
    let chosen = Lang::asked(request.uri());
    let look = Look::of(request.headers());
    request.extensions_mut().insert(asked.lang);
    request.extensions_mut().insert(asked.here.clone());
    request.extensions_mut().insert(asked.id.clone());
    let span = tracing::error_span!("request", id = asked.id.as_str(), what = asked.what());
    let answered = async {
        // A browser adds cookies by itself, never a token: what carries one was sent by who holds it.
        let bearer = request.headers().get(header::AUTHORIZATION).and_then(|v| v.to_str().ok());
        let has_token = bearer.is_some_and(|v| v.starts_with("Bearer "));
        // Nor does anything look at cookies where apps fetch tokens: they prove themselves, from whatever page.
        let for_apps = APP_ADDRESSES.contains(&request.uri().path());
        if !has_token && !for_apps && !is_same_origin(request.method(), request.headers()) {
            return Problem::OtherOrigin.into_response();
        }
        let answered = Caught::new(next.run(request)).await;
        answered.unwrap_or_else(|panic| Problem::internal(format!("a handler panicked: {panic}")).into_response())
    };
    let explained = async {
        let response = answered.instrument(span).await;
        let refused = response.status().is_client_error() || response.status().is_server_error();
        if refused { asked.explain(response) } else { response }
    };
    let mut response = look.around(explained).await;
    if let Some(lang) = chosen {
        let options = cookie::Options { max_age_seconds: Some(LANG_SECONDS), secure: false };
        response.headers_mut().append(header::SET_COOKIE, cookie::set("lang", lang.code(), options));
    }
    for (name, value) in HEADERS {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    if let Ok(id) = HeaderValue::from_str(asked.id.as_str()) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// A problem in the words of RFC 6749 §5.2, which are ASCII; for pages of any origin too: no cookie is looked at where it is told.
fn oauth(status: StatusCode, problem: &Problem) -> Response {
    let error = match status.as_u16() {
        429 | 503 => "temporarily_unavailable",
        500.. => "server_error",
        _ => "invalid_request",
    };
    let (what, todo) = problem.words();
    let text = [what, todo].map(|text| Lang::En.t(text).replace(|c: char| !c.is_ascii(), "-")).join(". ");
    let body = serde_json::json!({ "error": error, "error_description": text });
    ([(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*")], (status, Json(body))).into_response()
}

/// What is kept of a request until its answer is known.
struct Asked {
    lang: Lang,
    here: Here,
    method: Method,
    id: RequestId,
}

impl Asked {
    fn of(request: &Request) -> Self {
        let lang = Lang::of(request.uri(), request.headers());
        let id = RequestId::of(request.headers());
        Self { lang, here: Here::of(request.uri()), method: request.method().clone(), id }
    }

    /// Method and the first two parts of the path, for the log: what stands behind them may name people.
    fn what(&self) -> String {
        let path = self.here.0.split('?').next().unwrap_or_default();
        let parts: Vec<&str> = path.split('/').take(3).collect();
        format!("{} {}", self.method, parts.join("/"))
    }

    /// Gives a bare refusal its words. Answers that brought their own page or JSON stay as they are.
    fn explain(&self, response: Response) -> Response {
        let known = response.extensions().get::<Problem>().cloned();
        let kind = response.headers().get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
        let status = response.status();
        let broken = status == StatusCode::INTERNAL_SERVER_ERROR;
        let worded = kind.starts_with("text/html") || kind.contains("json") || kind.contains("xml");
        if known.is_none() && worded && !broken {
            return response;
        }
        let problem = known.unwrap_or_else(|| Problem::of_status(status));
        let id = broken.then_some(self.id.as_str());
        let fhir =
            self.here.0.strip_prefix("/fhir").is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']));
        if fhir && kind.contains("xml") {
            let xml = [(header::CONTENT_TYPE, "application/fhir+xml; charset=utf-8")];
            let answer = (status, xml, problem.outcome_xml(self.lang, id)).into_response();
            return self.with_headers_of(response, answer);
        }
        if fhir {
            let json = [(header::CONTENT_TYPE, "application/fhir+json; charset=utf-8")];
            let answer = (status, json, problem.outcome(self.lang, id).to_string()).into_response();
            return self.with_headers_of(response, answer);
        }
        if self.here.0.starts_with("/api/") {
            return self.with_headers_of(response, (status, Json(problem.outcome(self.lang, id))).into_response());
        }
        if APP_ADDRESSES.contains(&self.here.0.split('?').next().unwrap_or_default()) {
            return self.with_headers_of(response, oauth(status, &problem));
        }
        let door = match problem {
            Problem::Unauthenticated => Some("/sign-in"),
            Problem::Prove => Some("/prove"),
            _ => None,
        };
        if let Some(door) = door {
            let next = if self.method == Method::GET { self.here.0.as_str() } else { "/" };
            return Redirect::to(&format!("{door}?next={}", format::query_value(next))).into_response();
        }
        let status = if status == StatusCode::UNPROCESSABLE_ENTITY { StatusCode::BAD_REQUEST } else { status };
        let page = (status, pages::problem(self.lang, &self.here.0, &problem, id)).into_response();
        self.with_headers_of(response, page)
    }

    /// `answer` with what `bare` told beside its body: `Allow`, `Retry-After`, cookies.
    fn with_headers_of(&self, bare: Response, mut answer: Response) -> Response {
        let (parts, _) = bare.into_parts();
        let mut last = None;
        for (name, value) in parts.headers {
            last = name.or(last);
            let Some(name) = last.clone() else { continue };
            if name != header::CONTENT_TYPE && name != header::CONTENT_LENGTH {
                answer.headers_mut().append(name, value);
            }
        }
        answer
    }
}
