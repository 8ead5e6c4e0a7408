//! Who is asking: a person's session cookie, or a program's API key.

use crate::House;
use crate::pace::{Pace, Rate, Who};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use mach_access::{Act, Actor, Decision, Role, decide, secret};
use mach_base::limits;
use mach_base::time::now_seconds;
use mach_store::sessions::State;
use mach_store::{accounts, schema, sessions};
use mach_terms::Facilities;
use mach_ui::components::Icon;
use mach_ui::http::{Here, Problem, cookie};
use mach_ui::shell::{NavGroup, NavItem, PageMeta, UserView, initials};
use mach_ui::{Lang, Msg, msg};
use std::sync::Arc;
use std::time::Instant;

/// Name of the session cookie.
pub const SESSION_COOKIE: &str = "mach_session";
/// Seconds between two notes that a session is in use: one write a minute, not one a request.
const TOUCH_SECONDS: i64 = 60;

/// The signed-in person or program of a request. Extracting it fails with 401 where there is none.
#[derive(Clone, Debug)]
pub struct Session {
    /// Who.
    pub actor: Actor,
    /// The facility's code, for roles that have one.
    pub facility_code: Option<String>,
    /// Language of the answer.
    pub lang: Lang,
    /// Where the reader is.
    pub here: String,
    /// Whether the data is synthetic.
    pub demo: bool,
    /// The hash of the session's token; none for a program's key.
    pub token: Option<[u8; 32]>,
    /// When they last proved who they are, seconds; a program does so with every request.
    proven: i64,
    pace: Arc<Pace>,
}

/// The decision by which the house itself reads sessions, keys and second factors.
pub(crate) fn house_decision() -> Result<Decision, Problem> {
    decide(&Actor::console(), Act::UseAccount).map_err(Problem::internal)
}

pub(crate) fn session_token(headers: &HeaderMap) -> Option<[u8; 32]> {
    cookie::get(headers, SESSION_COOKIE).map(secret::token_hash)
}

pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    // The scheme in any case: RFC 9110 §11.1.
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim_start())
}

struct Found {
    actor: Actor,
    facility_code: Option<String>,
    seen: i64,
    proven: i64,
    state: State,
}

impl FromRequestParts<House> for Session {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, house: &House) -> Result<Self, Problem> {
        let lang = extract(Lang::from_request_parts(parts, house).await);
        let here = extract(Here::from_request_parts(parts, house).await).0;
        let key = bearer(&parts.headers).map(secret::token_hash);
        let token = session_token(&parts.headers);
        if key.is_none() && token.is_none() {
            return Err(Problem::Unauthenticated);
        }
        let found = house
            .glance(house_decision()?, move |reader| {
                let now = now_seconds();
                let (actor, seen, proven, state) = match (key, token) {
                    (Some(key), _) => match accounts::by_api_key(reader, &key)? {
                        Some(actor) => (actor, now, now, State::Open),
                        None => return Ok(None),
                    },
                    (None, Some(token)) => match sessions::live(reader, &token)? {
                        Some(live) => (live.account.actor, live.seen, live.proven, live.state),
                        None => return Ok(None),
                    },
                    (None, None) => return Ok(None),
                };
                let facility_code = match actor.facility {
                    Some(id) => schema::facility_code(reader, id)?,
                    None => None,
                };
                Ok(Some(Found { actor, facility_code, seen, proven, state }))
            })
            .await?
            .ok_or(Problem::Unauthenticated)?;
        match found.state {
            State::Open => {}
            State::Half => return Err(Problem::Unauthenticated),
            State::Locked => return Err(Problem::Prove),
        }
        let token = if key.is_some() { None } else { token };
        if token.is_some() {
            crate::pace::of_account(house, found.actor.account)?;
        }
        if let Some(token) = token.filter(|_| now_seconds() - found.seen > TOUCH_SECONDS) {
            house.write(house_decision()?, move |tx| tx.touch_session(&token)).await?;
        }
        let Found { actor, facility_code, proven, .. } = found;
        Ok(Self { actor, facility_code, lang, here, demo: house.demo(), token, proven, pace: Arc::clone(house.pace()) })
    }
}

fn extract<T>(result: Result<T, std::convert::Infallible>) -> T {
    match result {
        Ok(value) => value,
        Err(never) => match never {},
    }
}

impl Session {
    /// Whether they proved who they are so lately that something dangerous may be done.
    ///
    /// # Errors
    /// `Prove` where they did not.
    pub fn is_proven(&self) -> Result<(), Problem> {
        if now_seconds() - self.proven <= limits::PROVEN_MINUTES * 60 { Ok(()) } else { Err(Problem::Prove) }
    }

    /// Counts that somebody is looked for, whatever the way: where the search runs. Programs are not counted.
    ///
    /// # Errors
    /// `TooMany` where a person looks for people faster than anybody reads.
    pub fn looks_for_people(&self) -> Result<(), Problem> {
        if self.token.is_none() {
            return Ok(());
        }
        let who = Who::Search(self.actor.account);
        self.pace.take(who, Rate::SEARCH, Instant::now()).map_err(|_| Problem::TooMany)
    }

    /// The shell's data of a page of this session: who, the rail of the role, `active` marked.
    pub fn meta(&self, title: impl Into<String>, active: &'static str) -> PageMeta {
        let facility_name = match &self.facility_code {
            Some(code) => facility_name(code),
            None if self.actor.role == Role::Citizen => String::new(),
            None => self.lang.t(msg::DEPARTMENT_OF_HEALTH).to_owned(),
        };
        let user = UserView {
            name: self.actor.name.clone(),
            role_label: self.lang.t(role_label(self.actor.role)).to_owned(),
            facility_name,
            initials: initials(&self.actor.name),
        };
        PageMeta {
            lang: self.lang,
            title: title.into(),
            here: self.here.clone(),
            user: Some(user),
            nav: nav(self.actor.role),
            active: active.to_owned(),
            no_search: decide(&self.actor, Act::SearchPeople).is_err(),
            ..PageMeta::default()
        }
    }
}

/// The name of the facility with `code`; the code itself where the register lacks it.
pub fn facility_name(code: &str) -> String {
    Facilities::shared().get(code).map_or_else(|| code.to_owned(), |f| f.name.clone())
}

/// What a role is called.
pub fn role_label(role: Role) -> Msg {
    match role {
        Role::Leader => msg::ROLE_LEADER,
        Role::Console => msg::ROLE_SYSTEM,
        Role::Operator | Role::Sender | Role::SystemReader | Role::SystemWriter | Role::SystemAuditor => {
            msg::ROLE_OPERATOR
        }
        Role::Head => msg::ROLE_HEAD,
        Role::Citizen => msg::ROLE_CITIZEN,
        Role::Visitor => msg::ROLE_VISITOR,
        Role::Clinician => msg::ROLE_CLINICIAN,
        Role::Administrator => msg::ROLE_ADMINISTRATOR,
    }
}

/// The rail of a role: what it may open, and nothing else.
fn nav(role: Role) -> Vec<NavGroup> {
    let may = |act| {
        let facility = role.has_facility().then_some(0);
        decide(&Actor { role, facility, ..Actor::console() }, act).is_ok()
    };
    let item = |label, href, icon| NavItem { label, href, icon, badge: None };
    let groups = [
        (
            msg::NAV_OPERATIONS,
            vec![
                (Act::ReadFigures, item(msg::NAV_OVERVIEW, "/hoc", Icon::Overview)),
                (Act::ReadFigures, item(msg::NAV_INDICATORS, "/hoc/indicators", Icon::Indicators)),
                (Act::ReadClaims, item(msg::NAV_CLAIMS, "/claims", Icon::Claims)),
                (Act::SendClaims, item(msg::NAV_UPLOAD, "/claims/send", Icon::Upload)),
            ],
        ),
        (
            msg::NAV_CARE,
            vec![
                (Act::SearchPeople, item(msg::NAV_PEOPLE, "/people", Icon::People)),
                (Act::ReviewPeople, item(msg::NAV_REVIEW, "/people/review", Icon::Review)),
                (Act::ReadCertificates, item(msg::GKSK, "/certificates", Icon::Check)),
                (Act::ReadVaccines, item(msg::VAC, "/vaccines", Icon::Shield)),
                (Act::ReadPrescriptions, item(msg::RX, "/prescriptions", Icon::Medicine)),
                (Act::ReviewAccess, item(msg::NAV_ACCESS_REVIEW, "/access/reviews", Icon::Review)),
                (Act::RegisterAccess, item(msg::DESK, "/access/desk", Icon::Review)),
                (Act::ViewDesk, item(msg::DESK_VIEW, "/desk/view", Icon::Review)),
                (Act::ReadOwn, item(msg::ME, "/me", Icon::People)),
            ],
        ),
        (
            msg::NAV_ADMINISTRATION,
            vec![
                (Act::RunBatches, item(msg::VAC_BATCHES, "/vaccines/batches", Icon::Check)),
                (Act::Administer, item(msg::NAV_ACCOUNTS, "/admin/accounts", Icon::People)),
                (Act::Administer, item(msg::ORG, "/admin/facilities", Icon::Facility)),
                (Act::Administer, item(msg::FORMS, "/admin/forms", Icon::Review)),
                (Act::Administer, item(msg::SIGNATURES, "/admin/signatures", Icon::Check)),
                (Act::Administer, item(msg::CARE, "/admin/care", Icon::People)),
                (Act::Administer, item(msg::NAV_POLICY, "/admin/access", Icon::Review)),
            ],
        ),
    ];
    groups
        .into_iter()
        .map(|(label, items)| NavGroup {
            label: Some(label),
            items: items.into_iter().filter(|(act, _)| may(*act)).map(|(_, item)| item).collect(),
        })
        .filter(|group| !group.items.is_empty())
        .collect()
}
