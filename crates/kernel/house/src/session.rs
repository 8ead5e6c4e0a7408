//! Who is asking: a person's session cookie, or a program's API key.

use crate::pace::{Pace, Rate, Who};
use crate::recent::{Opened, Recent};
use crate::waiting::Counts;
use crate::{House, pages};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, header};
use mach_access::{Act, Actor, Decision, Role, decide, secret};
use mach_base::limits;
use mach_base::time::now_seconds;
use mach_store::sessions::State;
use mach_store::{accounts, notices, schema, sessions};
use mach_terms::Facilities;
use mach_ui::components::Icon;
use mach_ui::http::{Here, Problem, cookie};
use mach_ui::look::Look;
use mach_ui::shell::{NavGroup, NavItem, PageMeta, UserView, initials};
use mach_ui::{Lang, Msg, msg};
use std::sync::Arc;
use std::time::Instant;

/// Name of the session cookie.
pub const SESSION_COOKIE: &str = "mach_session";
/// The header that asks for a part of a page: nothing stands around it.
pub const PART: &str = "x-part";
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
    recent: Arc<Recent>,
    /// What waits for them, where a page is opened.
    counts: Arc<Counts>,
    /// Whether there is work for their role.
    has_work: bool,
    /// When it began, seconds, where it opens a page.
    opens: Option<i64>,
}

/// The decision by which the house itself reads sessions, keys and second factors.
///
/// # Errors
/// Where the policy does not let the console: a broken policy.
pub fn house_decision() -> Result<Decision, Problem> {
    decide(&Actor::console(), Act::UseAccount).map_err(Problem::internal)
}

/// A session that is about to begin. Its token only the browser keeps.
pub struct NewSession {
    token: String,
    /// What it is kept under.
    pub hash: [u8; 32],
    /// What the browser calls itself.
    pub agent: String,
}

impl NewSession {
    /// One for the browser that sent these headers.
    ///
    /// # Errors
    /// Where the machine gives no random numbers.
    pub fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let token = secret::new_token("").map_err(Problem::internal)?;
        let agent = headers.get(header::USER_AGENT).and_then(|v| v.to_str().ok()).unwrap_or_default();
        let hash = secret::token_hash(&token);
        Ok(Self { token, hash, agent: agent.chars().take(limits::NAME_CHARS).collect() })
    }

    /// What gives it to the browser, once it is kept.
    pub fn cookie(&self, house: &House) -> HeaderValue {
        session_cookie(house, &self.token, None)
    }
}

/// The cookie of a session; it ends with the browser where no time is said.
pub(crate) fn session_cookie(house: &House, token: &str, max_age_seconds: Option<i64>) -> HeaderValue {
    cookie::set(SESSION_COOKIE, token, cookie::Options { max_age_seconds, secure: house.secure() })
}

pub(crate) fn session_token(headers: &HeaderMap) -> Option<[u8; 32]> {
    cookie::get(headers, SESSION_COOKIE).map(secret::token_hash)
}

/// The token of `Authorization: Bearer`.
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    // The scheme in any case: RFC 9110 §11.1.
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim_start())
}

struct Found {
    look: Option<String>,
    actor: Actor,
    began: i64,
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
                let (actor, began, seen, proven, state) = match (key, token) {
                    (Some(key), _) => match accounts::by_api_key(reader, &key)? {
                        Some(actor) => (actor, now, now, now, State::Open),
                        None => return Ok(None),
                    },
                    (None, Some(token)) => match sessions::live(reader, &token)? {
                        Some(live) => (live.account.actor, live.began, live.seen, live.proven, live.state),
                        None => return Ok(None),
                    },
                    (None, None) => return Ok(None),
                };
                let facility_code = match actor.facility {
                    Some(id) => schema::facility_code(reader, id)?,
                    None => None,
                };
                let look = match token {
                    Some(_) => notices::look(reader, actor.account)?,
                    None => None,
                };
                Ok(Some(Found { look, actor, began, facility_code, seen, proven, state }))
            })
            .await?
            .ok_or(Problem::Unauthenticated)?;
        // What somebody let an app do is asked at the records' interface, and nowhere else.
        if found.actor.app.is_some() && parts.uri.path() != "/fhir" && !parts.uri.path().starts_with("/fhir/") {
            return Err(Problem::Unauthenticated);
        }
        match found.state {
            State::Open => {}
            State::Half => return Err(Problem::Unauthenticated),
            State::Locked => return Err(Problem::Prove),
        }
        let token = if key.is_some() { None } else { token };
        if token.is_some() || is_for_person(&found.actor) {
            crate::pace::of_account(house, found.actor.account)?;
        }
        if let Some(token) = token.filter(|_| now_seconds() - found.seen > TOUCH_SECONDS) {
            house.write(house_decision()?, move |tx| tx.touch_session(&token)).await?;
        }
        let is_page =
            !["/api/", "/fhir"].iter().any(|start| here.starts_with(start)) && !parts.headers.contains_key(PART);
        let opens = (token.is_some() && parts.method == Method::GET).then_some(found.began);
        let counts = match opens.filter(|_| is_page) {
            Some(_) => house.counts_lately(&found.actor).await,
            None => Arc::default(),
        };
        if token.is_some() && opens.is_none() {
            house.counted().forget(found.actor.account);
        }
        if let Some(chosen) = &found.look {
            Look::parse(chosen).choose();
        }
        let has_work = house.has_work(&found.actor);
        let Found { actor, facility_code, proven, .. } = found;
        let (pace, recent) = (Arc::clone(house.pace()), Arc::clone(house.recent()));
        Ok(Self {
            actor,
            facility_code,
            lang,
            here,
            demo: house.demo(),
            token,
            proven,
            pace,
            recent,
            counts,
            has_work,
            opens,
        })
    }
}

/// Whether an app asks in a person's name: it is counted as they are.
fn is_for_person(actor: &Actor) -> bool {
    actor.app.as_ref().is_some_and(|app| app.narrow.for_person)
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

    /// When they last proved who they are, seconds since 1970 UTC.
    pub fn proven_at(&self) -> i64 {
        self.proven
    }

    /// Counts that somebody is looked for, whatever the way: where the search runs. Programs are not counted.
    ///
    /// # Errors
    /// `TooMany` where a person looks for people faster than anybody reads.
    pub fn looks_for_people(&self) -> Result<(), Problem> {
        if self.token.is_none() && !is_for_person(&self.actor) {
            return Ok(());
        }
        let who = Who::Search(self.actor.account);
        self.pace.take(who, Rate::SEARCH, Instant::now()).map_err(|_| Problem::TooMany)
    }

    /// The rail, with how much waits behind its links.
    fn rail(&self) -> Vec<NavGroup> {
        let mut rail = pages::rail_of(&self.actor);
        let badge = |count: i64| u32::try_from(count).ok().filter(|n| *n > 0);
        for item in rail.iter_mut().flat_map(|group| &mut group.items) {
            let of_page = self.counts.work.iter().filter(|(queue, _)| queue.page == item.href);
            item.badge = badge(of_page.map(|(_, waiting)| waiting.count).sum());
        }
        if self.has_work {
            let all = badge(self.counts.work.iter().map(|(_, waiting)| waiting.count).sum());
            let work = NavItem { label: msg::WORK, href: "/work", icon: Icon::Work, badge: all };
            rail.insert(0, NavGroup { label: None, items: vec![work] });
        }
        rail
    }

    /// The same session, told what waits now.
    pub fn with_counts(self, counts: Arc<Counts>) -> Self {
        Self { counts, ..self }
    }

    /// The pages that this session opened last, the last first.
    pub fn recent(&self) -> Vec<Opened> {
        self.opens.map(|began| self.recent.of((self.actor.account, began), Instant::now())).unwrap_or_default()
    }

    /// The shell's data of a page of this session: who, the rail of the role, `active` marked.
    pub fn meta(&self, title: impl Into<String>, active: &'static str) -> PageMeta {
        let title = title.into();
        if let Some(began) = self.opens.filter(|_| !active.is_empty()) {
            let page = Opened { title: title.clone(), href: self.here.clone() };
            self.recent.note((self.actor.account, began), page, Instant::now());
        }
        let facility_name = match &self.facility_code {
            Some(code) => facility_name(code),
            None if self.actor.role == Role::Citizen => String::new(),
            None => self.lang.t(msg::DEPARTMENT_OF_HEALTH).to_owned(),
        };
        // Who uses no pages of their own, such as a visitor of the access desk, gets no box and no bell that refuse them.
        let may = decide(&self.actor, Act::UseAccount).is_ok();
        let user = UserView {
            name: self.actor.name.clone(),
            role_label: self.lang.t(role_label(self.actor.role)).to_owned(),
            facility_name,
            initials: initials(&self.actor.name),
        };
        PageMeta {
            lang: self.lang,
            title,
            here: self.here.clone(),
            user: Some(user),
            nav: self.rail(),
            no_search: !may,
            unread: may.then_some(self.counts.unread),
            active: active.to_owned(),
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
