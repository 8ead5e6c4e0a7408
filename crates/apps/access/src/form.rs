//! What the pages of this crate share.

use axum::response::{IntoResponse, Redirect, Response};
use mach_access::{Act, Decision};
use mach_house::{Failure, House, Session};
use mach_store::factors;
use mach_ui::Html;
use mach_ui::components::{Layout, laid_out};
use mach_ui::http::Problem;

/// Parts below each other.
pub(crate) fn stack(parts: impl IntoIterator<Item = Html>) -> Html {
    laid_out(Layout::Stack, parts)
}

/// Why an administrator's page does not open.
pub(crate) enum Closed {
    /// As everywhere.
    Problem(Problem),
    /// Administrators need a second factor first.
    NoFactor,
}

impl From<Problem> for Closed {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl IntoResponse for Closed {
    fn into_response(self) -> Response {
        match self {
            Self::Problem(problem) => problem.into_response(),
            Self::NoFactor => Redirect::to("/account?need=factor#second-factor").into_response(),
        }
    }
}

/// Lets an administrator in.
pub(crate) async fn administrator(house: &House, session: &Session) -> Result<Decision, Closed> {
    let decision = house.decide(session, Act::Administer).await?;
    let id = session.actor.account;
    let confirmed = house
        .read(decision.clone(), move |r| Ok::<bool, Failure>(factors::factor(r, id)?.is_some_and(|f| f.confirmed)))
        .await?;
    if confirmed { Ok(decision) } else { Err(Closed::NoFactor) }
}
