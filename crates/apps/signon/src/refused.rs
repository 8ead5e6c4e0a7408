//! Why nobody was signed on, as the person is told, and as the audit trail is. Nothing of a provider's own text is shown.

use crate::SignOn;
use crate::provider::Provider;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use mach_base::limits::SIGN_IN_REST_MINUTES;
use mach_house::house_decision;
use mach_ui::http::Problem;
use mach_ui::{Lang, Msg, msg, pages};

/// Why nobody was signed on.
#[derive(Debug)]
pub(crate) enum Refused {
    /// This browser is not on its way, or was too long: no state, another one, or one that was used.
    Away(&'static str),
    /// The provider says no: its code.
    Declined(String),
    /// The provider does not answer as it should, or not at all: why, for the log.
    Silent(String),
    /// What it answered is not proven: why.
    Untrusted(String),
    /// The level of assurance is not enough.
    Level,
    /// No account here is linked.
    Nobody,
    /// No citizen's record agrees with what the provider says.
    NoCitizen,
    /// Who proved themselves there is not who began the session, or that one ended.
    Another,
    /// The account rests.
    Rests,
    /// Another problem.
    Problem(Problem),
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl Refused {
    /// The status, what happened, what to do.
    fn words(&self) -> (StatusCode, Msg, Msg) {
        match self {
            Self::Away(_) => (StatusCode::BAD_REQUEST, msg::SIGN_ON_AWAY, msg::SIGN_ON_AWAY_DO),
            Self::Declined(_) => (StatusCode::FORBIDDEN, msg::SIGN_ON_DECLINED, msg::SIGN_ON_DECLINED_DO),
            Self::Silent(_) => (StatusCode::BAD_GATEWAY, msg::SIGN_ON_SILENT, msg::SIGN_ON_SILENT_DO),
            Self::Untrusted(_) => (StatusCode::FORBIDDEN, msg::SIGN_ON_UNTRUSTED, msg::SIGN_ON_UNTRUSTED_DO),
            Self::Level => (StatusCode::FORBIDDEN, msg::SIGN_ON_LEVEL, msg::SIGN_ON_LEVEL_DO),
            Self::Nobody => (StatusCode::FORBIDDEN, msg::SIGN_ON_NOBODY, msg::SIGN_ON_NOBODY_DO),
            Self::NoCitizen => (StatusCode::FORBIDDEN, msg::SIGN_ON_NO_CITIZEN, msg::SIGN_ON_NO_CITIZEN_DO),
            Self::Another => (StatusCode::FORBIDDEN, msg::SIGN_ON_ANOTHER, msg::SIGN_ON_ANOTHER_DO),
            Self::Rests => (StatusCode::FORBIDDEN, msg::SIGN_IN_REST, msg::SIGN_ON_REST_DO),
            Self::Problem(problem) => (problem.status(), problem.words().0, problem.words().1),
        }
    }

    /// In the audit trail.
    fn code(&self) -> String {
        match self {
            Self::Away(why) => format!("not on the way: {why}"),
            Self::Declined(code) => format!("declined: {code}"),
            Self::Silent(_) => "no answer".to_owned(),
            Self::Untrusted(why) => format!("not proven: {why}"),
            Self::Level => "level".to_owned(),
            Self::Nobody => "no account".to_owned(),
            Self::NoCitizen => "no citizen".to_owned(),
            Self::Another => "another session's".to_owned(),
            Self::Rests => "rests".to_owned(),
            Self::Problem(problem) => problem.to_string(),
        }
    }

    /// Writes it down, and makes the page of it; `door`: where this person signs in otherwise.
    pub(crate) async fn page(
        self,
        on: &SignOn,
        lang: Lang,
        provider: &Provider,
        (again, door): (&str, &str),
    ) -> Response {
        let problem = match self {
            Self::Problem(problem) => return problem.into_response(),
            other => other,
        };
        let (name, code) = (&provider.name, problem.code());
        match &problem {
            Self::Silent(why) => tracing::warn!("sign-on by `{name}`: {why}"),
            _ => tracing::info!("sign-on by `{name}`: {code}"),
        }
        let target = format!("sign-on {name}: {code}");
        let written = match house_decision() {
            Ok(decision) => on.house().write(decision, move |tx| tx.audit(None, &target, "denied")).await,
            Err(broken) => Err(broken),
        };
        if let Err(problem) = written {
            return problem.into_response();
        }
        let (status, what, todo) = problem.words();
        let minutes = SIGN_IN_REST_MINUTES.to_string();
        let said = |text: Msg| lang.fmt(text, &[("name", &provider.label), ("minutes", &minutes)]);
        let title = said(msg::SIGN_ON_SHUT);
        let ways = [(lang.t(msg::SIGN_ON_AGAIN), again), (lang.t(msg::SIGN_ON_OTHERWISE), door)];
        let ways = ways.map(|(label, href)| (label.to_owned(), href.to_owned()));
        (status, pages::shut(lang, (&title, &said(what), &said(todo)), &ways)).into_response()
    }
}
