//! Getting back in: one administrator asks, another allows.

use crate::edit::code_page;
use crate::form::{Closed, Failure, Proven, new_code};
use axum::extract::{Form, Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use mach_access::{Role, secret};
use mach_base::limits::RECOVERY_CODE_MINUTES;
use mach_house::{House, proof};
use mach_store::accounts;
use mach_store::factors::{self, NotAllowed};
use mach_ui::http::Problem;
use mach_ui::msg;
use serde::Deserialize;

/// `POST /admin/accounts/{id}/recovery`.
pub(crate) async fn ask(
    State(house): State<House>,
    Proven { session, decision }: Proven,
    Path(id): Path<i64>,
) -> Result<Redirect, Closed> {
    let by = session.actor.account;
    let asked = house
        .write(decision, move |tx| {
            let scope = tx.scope();
            let known = accounts::by_id(tx, scope, id)?.is_some_and(|a| a.actor.role != Role::Citizen);
            if known {
                tx.ask_recovery(id, by)?;
            }
            tx.audit(None, &format!("account {id} recovery asked"), if known { "granted" } else { "failed" })?;
            Ok(known)
        })
        .await?;
    if asked { Ok(Redirect::to("/admin/accounts?done=asked")) } else { Err(Problem::NotFound.into()) }
}

#[derive(Deserialize)]
pub(crate) struct Verdict {
    verdict: String,
}

/// `POST /admin/recoveries/{id}`: the answer to an allowed one is the only time its code is shown.
pub(crate) async fn settle(
    State(house): State<House>,
    Proven { session, decision }: Proven,
    Path(id): Path<i64>,
    Form(typed): Form<Verdict>,
) -> Result<Response, Closed> {
    if typed.verdict != "allow" {
        let refused = house
            .write(decision, move |tx| {
                let scope = tx.scope();
                let refused = tx.refuse_recovery(scope, id)?;
                tx.audit(None, &format!("recovery {id} refused"), if refused { "granted" } else { "failed" })?;
                Ok(refused)
            })
            .await?;
        let to = Redirect::to("/admin/accounts?done=refused").into_response();
        return if refused { Ok(to) } else { Err(Problem::NotFound.into()) };
    }
    let code = new_code()?;
    let (hash, by) = (secret::token_hash(&proof::plain_code(&code)), session.actor.account);
    let name = house
        .read(decision.clone(), move |r| {
            let scope = r.scope();
            Ok::<_, Failure>(factors::recovery(r, scope, id)?.map(|w| w.account.name))
        })
        .await?;
    let allowed = house
        .write(decision, move |tx| {
            let scope = tx.scope();
            let allowed = tx.allow_recovery(scope, id, by, &hash)?;
            tx.audit(None, &format!("recovery {id} allowed"), if allowed.is_ok() { "granted" } else { "denied" })?;
            Ok(allowed)
        })
        .await?;
    match (allowed, name) {
        (Ok(()), Some(name)) => {
            let page =
                code_page(&session, session.lang.t(msg::RECOVERY_ALLOWED), (&name, &code), RECOVERY_CODE_MINUTES);
            Ok(page.into_response())
        }
        (Err(NotAllowed::SamePerson), _) => {
            Err(Problem::Conflict(session.lang.t(msg::RECOVERY_SAME_PERSON).to_owned()).into())
        }
        _ => Err(Problem::NotFound.into()),
    }
}
