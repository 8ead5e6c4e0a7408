//! What the pages of this crate share.

use askama::Template;
use axum::response::{IntoResponse, Redirect, Response};
use mach_access::{Act, Decision};
use mach_base::Minute;
use mach_house::{Failure, House, Session};
use mach_store::factors;
use mach_ui::components::{Button, ErrorSummary, Field, Layout, laid_out};
use mach_ui::http::Problem;
use mach_ui::{Html, Lang, format};

/// A form of fields with one button.
#[derive(Template)]
#[template(path = "form.html")]
struct FormBody {
    action: String,
    errors: Html,
    fields: Vec<Html>,
    button: Button,
}

/// A form of fields with one button; their errors stand above it.
pub(crate) fn form(lang: Lang, action: &str, fields: &[Field], button: Button) -> Html {
    Html::template(&FormBody {
        action: action.to_owned(),
        errors: ErrorSummary::of(lang, fields).into(),
        fields: fields.iter().map(|f| f.html(lang)).collect(),
        button,
    })
}

/// A time in seconds as it is shown.
pub(crate) fn moment(seconds: i64) -> String {
    format::date_time(Minute::of_seconds(seconds))
}

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
