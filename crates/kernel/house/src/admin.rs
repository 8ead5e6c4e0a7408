//! Who may open the pages of administration.

use crate::{Failure, House, Session};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Redirect, Response};
use mach_access::{Act, Decision};
use mach_store::factors;
use mach_ui::http::Problem;

/// Why an administrator's page does not open.
#[derive(Debug)]
pub enum Closed {
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
///
/// # Errors
/// 403, and the way to the second factor where they have none.
pub async fn administrator(house: &House, session: &Session) -> Result<Decision, Closed> {
    let decision = house.decide(session, Act::Administer).await?;
    let id = session.actor.account;
    let confirmed = house.read(decision.clone(), move |r| Ok::<bool, Failure>(factors::is_guarded(r, id)?)).await?;
    if confirmed { Ok(decision) } else { Err(Closed::NoFactor) }
}

/// Lets an administrator in who proved lately who they are: before anything is changed.
///
/// # Errors
/// As [`administrator`], and the way to the proof.
pub async fn proven_administrator(house: &House, session: &Session) -> Result<Decision, Closed> {
    let decision = administrator(house, session).await?;
    session.is_proven()?;
    Ok(decision)
}

/// An administrator who proved lately who they are, as a handler takes them: of the page with the form, so that the proof is asked
/// before anything is typed, and of what it posts.
#[derive(Debug)]
pub struct Proven {
    /// Who.
    pub session: Session,
    /// That they may.
    pub decision: Decision,
}

impl FromRequestParts<House> for Proven {
    type Rejection = Closed;

    async fn from_request_parts(parts: &mut Parts, house: &House) -> Result<Self, Closed> {
        let session = Session::from_request_parts(parts, house).await?;
        let decision = proven_administrator(house, &session).await?;
        Ok(Self { session, decision })
    }
}
