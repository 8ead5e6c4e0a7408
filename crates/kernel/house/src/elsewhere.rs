//! Proving who one is at the provider that signed one on: what the door of the proof offers, and the session under its new token.
//!
//! Only the provider that began a session may prove it, and only for the same somebody there: what opens nothing anew. Who has no
//! password here has no other way but a passkey.

use crate::proof::Verdict;
use crate::session::{house_decision, session_cookie};
use crate::ways::{Way, Whose};
use crate::{Failure, House};
use axum::http::HeaderValue;
use mach_access::{Role, secret};
use mach_base::time::now_seconds;
use mach_store::accounts::Account;
use mach_store::sessions::{self, State};
use mach_store::sign_on::{self, By};
use mach_ui::http::Problem;
use mach_ui::{Html, Lang, format, msg, pages};

/// What the door of the proof offers to who stands before it.
#[derive(Clone, Debug)]
pub(crate) struct Offers {
    /// Whether their account has a password.
    pub(crate) password: bool,
    /// Whether they are a citizen, who comes in anew where there is nothing else.
    is_citizen: bool,
    /// The provider that signed them on, where it says when somebody proved who they are.
    way: Option<Way>,
}

impl Offers {
    /// What is offered to a session.
    pub(crate) async fn of(house: &House, token: [u8; 32], account: &Account) -> Result<Self, Problem> {
        let by = house.read(house_decision()?, move |r| sign_on::provider_of(r, &token).map_err(Failure::from)).await?;
        let all = [Whose::Staff, Whose::Citizens].into_iter().flat_map(|whose| house.ways(whose));
        let way = all.into_iter().find(|way| way.proves && !by.is_empty() && way.name == by);
        let is_citizen = account.actor.role == Role::Citizen;
        Ok(Self { password: !account.password.is_empty(), is_citizen, way })
    }

    /// Whether they may prove themselves elsewhere.
    pub(crate) fn is_elsewhere(&self) -> bool {
        self.way.is_some()
    }

    /// The ways beside a password. A form that the door carries would not come back from elsewhere: the provider's page opens in a tab
    /// of its own, and the form is asked for again here.
    pub(crate) fn part(&self, lang: Lang, carries: bool, next: &str) -> Html {
        match &self.way {
            Some(way) if carries => {
                let there = format!("/prove/with/{}?next={}", way.name, format::query_value("/prove?done=1"));
                pages::beside(lang, &way.label, &there)
            }
            Some(way) => {
                let there = format!("/prove/with/{}?next={}", way.name, format::query_value(next));
                pages::ways_part(lang, &[(way.label.clone(), there)])
            }
            None if self.is_citizen && !carries => {
                pages::ways_part(lang, &[(lang.t(msg::ME_SIGN_IN).to_owned(), "/me/sign-in".to_owned())])
            }
            None => Html::EMPTY,
        }
    }
}

/// Opens a session under a new token, where the somebody that `by` names is who it was begun by, and they proved at second `proven` who
/// they are; gives its cookie. `None`: it is another session's, or that one ended.
///
/// # Errors
/// Where the store does not answer; `Err(Rests)` in the result where the account rests.
pub async fn proved(
    house: &House,
    token: [u8; 32],
    by: By,
    proven: i64,
) -> Result<Result<Option<HeaderValue>, Verdict>, Problem> {
    let renewed = secret::new_token("").map_err(Problem::internal)?;
    let stored = secret::token_hash(&renewed);
    let done = house
        .write(house_decision()?, move |tx| {
            let Some(live) = sessions::live(tx, &token)?.filter(|live| live.state != State::Half) else {
                return Ok(Ok(false));
            };
            let was = sign_on::signed_on_by(tx, &token)?;
            let id = live.account.actor.account;
            if was.provider.is_empty() || (&was.provider, &was.subject) != (&by.provider, &by.subject) {
                tx.audit(None, &format!("account {id} prove by sign-on {}: somebody else", by.provider), "denied")?;
                return Ok(Ok(false));
            }
            if live.account.rests_until > now_seconds() {
                return Ok(Err(Verdict::Rests));
            }
            tx.signed_in(id)?;
            tx.prove_session(&token, &stored)?;
            tx.signed_on(&stored, &by, proven)?;
            let level = if by.level.is_empty() { String::new() } else { format!(" level {}", by.level) };
            tx.audit(None, &format!("account {id} prove by sign-on {}{level}", by.provider), "granted")?;
            Ok(Ok(true))
        })
        .await?;
    Ok(done.map(|opened| opened.then(|| session_cookie(house, &renewed, None))))
}
