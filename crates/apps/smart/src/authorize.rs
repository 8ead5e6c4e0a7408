//! `/oauth/authorize`: an app asks, its person decides, a code goes back to an address that was registered letter by letter.
//!
//! Whatever is wrong before that address is known is said on a page here, and nothing is sent anywhere. What was shown is asked
//! again when it is decided: the form carries the request, and everything of it is looked at anew.

use crate::oauth::Params;
use crate::{Smart, consent};
use axum::Extension;
use axum::extract::RawQuery;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use mach_access::app::{Right, Rights};
use mach_access::secret::{self, token_hash};
use mach_access::{Act, Role, decide};
use mach_base::limits;
use mach_base::time::now_seconds;
use mach_house::{Failure, House, Session, house_decision};
use mach_store::smart::scope::{self, Level, Scope};
use mach_store::smart::{self, App, Code, Launch, NewGrant, Proof};
use mach_ui::format::query_value;
use mach_ui::http::{CSP, Here, Problem};
use mach_ui::{Lang, Msg, msg};

/// What an app asks for, as far as it does not depend on who is asked.
pub(crate) struct Asked {
    pub(crate) app: App,
    pub(crate) redirect: String,
    state: Option<String>,
    wished: Vec<Scope>,
    challenge: String,
    nonce: String,
    launch: Option<String>,
    prompt: Vec<String>,
    max_age: Option<i64>,
}

/// Why it is not answered with a page of consent.
enum Wrong {
    /// The reader is told here: nobody knows whom else to tell.
    Here(Msg),
    /// The app is told.
    App(Box<(String, Option<String>)>, &'static str, String),
    /// As everywhere.
    Problem(Problem),
}

impl From<Problem> for Wrong {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

type Result<T> = std::result::Result<T, Wrong>;

impl Asked {
    fn wrong(&self, error: &'static str, text: impl Into<String>) -> Wrong {
        Wrong::App(Box::new((self.redirect.clone(), self.state.clone())), error, text.into())
    }

    /// Reads a request: the app and the address first, then what the app is told where it is wrong.
    async fn read(smart: &Smart, headers: &HeaderMap, params: &Params) -> Result<Self> {
        let client = params.get("client_id").ok_or(Wrong::Here(msg::SMART_NO_APP))?.to_owned();
        let house = &smart.inner.house;
        let found = house.read(house_decision()?, move |r| smart::by_client(r, &client).map_err(Failure::from)).await?;
        let app = found.filter(|a| !a.ended).ok_or(Wrong::Here(msg::SMART_NO_APP))?;
        let redirect = params.get("redirect_uri").unwrap_or_default().to_owned();
        if !app.what.redirects.contains(&redirect) {
            return Err(Wrong::Here(msg::SMART_NO_REDIRECT));
        }
        let owned = |name: &str| params.get(name).map(str::to_owned);
        let asked = Self {
            app,
            redirect,
            state: owned("state"),
            wished: Scope::list(params.get("scope").unwrap_or_default()),
            challenge: owned("code_challenge").unwrap_or_default(),
            nonce: owned("nonce").unwrap_or_default(),
            launch: owned("launch"),
            prompt: params.get("prompt").unwrap_or_default().split_ascii_whitespace().map(str::to_owned).collect(),
            max_age: params.get("max_age").and_then(|age| age.parse().ok()),
        };
        asked.checked(smart, headers, params)?;
        Ok(asked)
    }

    fn checked(&self, smart: &Smart, headers: &HeaderMap, params: &Params) -> Result<()> {
        let long = |name: &str| params.get(name).is_some_and(|v| v.len() > limits::SMART_STATE_BYTES);
        if long("state") || long("nonce") || params.get("scope").is_some_and(|s| s.len() > limits::SMART_SCOPE_BYTES) {
            return Err(self.wrong("invalid_request", "`state`, `nonce` or `scope` is too long"));
        }
        if params.get("response_type") != Some("code") {
            return Err(self.wrong("unsupported_response_type", "`response_type` is `code`"));
        }
        if params.get("response_mode").is_some_and(|mode| mode != "query") {
            return Err(self.wrong("invalid_request", "`response_mode` is `query`"));
        }
        for (name, error) in [("request", "request_not_supported"), ("request_uri", "request_uri_not_supported")] {
            if params.has_bool(name) {
                return Err(self.wrong(error, "send the parameters themselves"));
            }
        }
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
        let is_digest = self.challenge.len() == 43 && self.challenge.bytes().all(plain);
        if params.get("code_challenge_method") != Some("S256") || !is_digest {
            return Err(
                self.wrong("invalid_request", "PKCE is wanted: `code_challenge` with `code_challenge_method=S256`")
            );
        }
        let records = |s: &Scope| {
            matches!(s, Scope::Resources(_) | Scope::Launch | Scope::LaunchPatient | Scope::LaunchEncounter)
        };
        let fhir = smart.fhir(headers);
        match params.get("aud").map(|aud| aud.trim_end_matches('/')) {
            Some(aud) if aud != fhir => Err(self.wrong("invalid_request", format!("`aud` is `{fhir}`"))),
            None if self.wished.iter().any(records) => {
                Err(self.wrong("invalid_request", format!("`aud` is missing: `{fhir}`")))
            }
            _ => Ok(()),
        }
    }
}

/// A request, and what its reader may let the app do.
pub(crate) struct Consent {
    pub(crate) asked: Asked,
    pub(crate) session: Session,
    pub(crate) granted: Vec<Scope>,
    /// The launch it came by.
    pub(crate) launch: Option<(Launch, [u8; 32])>,
    /// Whether a patient must be chosen.
    pub(crate) chooses: bool,
}

impl Consent {
    /// `reading`: for how many seconds its reader may have looked at the page.
    async fn read(
        smart: &Smart,
        asked: Asked,
        session: std::result::Result<Session, Problem>,
        reading: i64,
    ) -> Result<Self> {
        let silent = asked.prompt.iter().any(|p| p == "none");
        let session = match session {
            Err(Problem::Unauthenticated | Problem::Prove) if silent => {
                return Err(asked.wrong("login_required", "nobody is signed in"));
            }
            session => session?,
        };
        let house = &smart.inner.house;
        if session.actor.app.is_some() || session.token.is_none() {
            return Err(Problem::Forbidden.into());
        }
        // Nobody else's facility: what a facility's app is told is that facility's.
        if asked.app.what.facility.is_some() && asked.app.what.facility != session.actor.facility {
            return Err(asked.wrong("access_denied", "the app belongs to another facility"));
        }
        let old = now_seconds() - session.proven_at() - reading;
        // Who has just proven it has done what can be done, however little time the app leaves: clocks and forms take theirs.
        let wants_proof = asked.max_age.is_some_and(|age| old > age.max(limits::SMART_SKEW_SECONDS))
            || asked.prompt.iter().any(|p| p == "login") && old > limits::SMART_SKEW_SECONDS
            || asked.wished.contains(&Scope::Offline) && session.is_proven().is_err();
        if wants_proof {
            return Err(if silent {
                asked.wrong("login_required", "who is there must prove it")
            } else {
                Problem::Prove.into()
            });
        }
        let granted = granted(&asked, &session);
        if granted.is_empty() {
            return Err(asked.wrong("invalid_scope", "nothing of `scope` is allowed to this app and this person"));
        }
        let launch = launch_of(house, &asked, &session).await?;
        let of_patient = |s: &Scope| {
            matches!(s, Scope::LaunchPatient) || matches!(s, Scope::Resources(r) if r.level == Level::Patient)
        };
        let chooses = launch.is_none() && granted.iter().any(of_patient);
        if chooses && decide(&session.actor, Act::ReadFhir).is_err() {
            return Err(asked.wrong("access_denied", "who is signed in sees no patients"));
        }
        Ok(Self { asked, session, granted, launch, chooses })
    }

    /// Whether the same was let the same app before, and it proves itself: then nobody is asked again.
    async fn is_known(&self, house: &House) -> std::result::Result<bool, Problem> {
        let asked = &self.asked;
        if self.chooses || asked.app.what.proof == Proof::Public || asked.prompt.iter().any(|p| p == "consent") {
            return Ok(false);
        }
        let decision = house.decide(&self.session, Act::UseAccount).await?;
        let (account, app, granted) = (self.session.actor.account, asked.app.id, self.granted.clone());
        house
            .read(decision, move |r| {
                let given = smart::grants_of_account(r, account).map_err(Failure::from)?;
                let covers =
                    |g: &smart::Given| g.grant.app == app && scope::covers(&Scope::list(&g.grant.scopes), &granted);
                Ok::<_, Failure>(given.iter().any(covers))
            })
            .await
    }

    /// Gives the app its code.
    async fn give(self, smart: &Smart, headers: &HeaderMap, chosen: Option<String>) -> Result<Response> {
        let house = &smart.inner.house;
        let decision = house.decide(&self.session, Act::UseAccount).await?;
        let code = secret::new_token("").map_err(Problem::internal)?;
        let (patient, encounter) = match (&self.launch, chosen) {
            (Some((launch, _)), _) => (launch.patient.clone(), launch.encounter.clone()),
            (None, Some(chosen)) => (chosen, String::new()),
            (None, None) => Default::default(),
        };
        let offline = self.granted.contains(&Scope::Offline);
        let new = NewGrant {
            app: self.asked.app.id,
            account: self.session.actor.account,
            scopes: scope::text(&self.granted),
            patient,
            encounter,
            proven: self.session.proven_at(),
            seconds: if offline { limits::SMART_GRANT_SECONDS } else { limits::SMART_ONLINE_SECONDS },
        };
        let kept = Code {
            hash: token_hash(&code),
            redirect: self.asked.redirect.clone(),
            challenge: self.asked.challenge.clone(),
            nonce: self.asked.nonce.clone(),
        };
        let launch = self.launch.as_ref().map(|(_, hash)| *hash);
        let app = self.asked.app.id;
        let given = house.write(decision, move |tx| {
            // A launch is good once.
            if let Some(hash) = launch
                && !tx.take_launch(&hash)?
            {
                return Ok(false);
            }
            let grant = tx.grant_app(&new, Some(&kept))?;
            tx.audit(None, &format!("app {app} grant {grant}: {}", new.scopes), "granted").map(|()| true)
        });
        if !given.await? {
            return Err(self.asked.wrong("invalid_request", "`launch` is not known, or too old"));
        }
        let issuer = smart.issuer(headers);
        Ok(back(
            &self.asked.redirect,
            &[("code", Some(&code)), ("state", self.asked.state.as_deref()), ("iss", Some(&issuer))],
        ))
    }
}

/// What may be granted: what is asked, what the app is allowed, and what its person may do.
fn granted(asked: &Asked, session: &Session) -> Vec<Scope> {
    let may = |act, rights: &'static [Right]| if decide(&session.actor, act).is_ok() { rights } else { &[] };
    let read = may(Act::ReadFhir, &[Right::Read, Right::Search]);
    let write = may(Act::WriteFhir, &[Right::Create, Right::Update, Right::Delete]);
    let rights = Rights::of(&[read, write].concat());
    let mut wished = asked.wished.clone();
    // What a system may do for itself is nothing that a person lets it do; nothing here chooses a visit.
    wished.retain(|s| !matches!(s, Scope::Resources(r) if r.level == Level::System) && *s != Scope::LaunchEncounter);
    if asked.launch.is_none() {
        wished.retain(|s| *s != Scope::Launch);
    }
    scope::granted(&wished, &Scope::list(&asked.app.what.scopes), rights)
}

async fn launch_of(house: &House, asked: &Asked, session: &Session) -> Result<Option<(Launch, [u8; 32])>> {
    let Some(name) = asked.launch.as_deref() else { return Ok(None) };
    if !asked.wished.contains(&Scope::Launch) {
        return Err(asked.wrong("invalid_request", "`launch` comes with the scope `launch`"));
    }
    let hash = token_hash(name);
    let found = house.read(house_decision()?, move |r| smart::launch_of(r, &hash).map_err(Failure::from)).await?;
    let own = |l: &Launch| l.app == asked.app.id && l.account == session.actor.account;
    let found = found.filter(own).ok_or_else(|| asked.wrong("invalid_request", "`launch` is not known, or too old"))?;
    Ok(Some((found, hash)))
}

/// The way back to an app.
fn back(redirect: &str, params: &[(&str, Option<&str>)]) -> Response {
    let mut pairs = form_urlencoded::Serializer::new(String::new());
    for (name, value) in params {
        if let Some(value) = value {
            pairs.append_pair(name, value);
        }
    }
    let join = if redirect.contains('?') { '&' } else { '?' };
    Redirect::to(&format!("{redirect}{join}{}", pairs.finish())).into_response()
}

fn told(smart: &Smart, (lang, here, headers): (Lang, &Here, &HeaderMap), wrong: Wrong) -> Response {
    match wrong {
        Wrong::Here(text) => (StatusCode::BAD_REQUEST, consent::refused(lang, here, text)).into_response(),
        Wrong::Problem(problem) => problem.into_response(),
        Wrong::App(to, error, text) => {
            let (redirect, state) = *to;
            let issuer = smart.issuer(headers);
            let params = [
                ("error", Some(error)),
                ("error_description", Some(text.as_str())),
                ("state", state.as_deref()),
                ("iss", Some(issuer.as_str())),
            ];
            back(&redirect, &params)
        }
    }
}

/// The way through a door, and back to the request: a form that was sent would be lost there.
fn through(door: &str, request: &str) -> Response {
    let next = query_value(&format!("/oauth/authorize?{request}"));
    Redirect::to(&format!("{door}?next={next}")).into_response()
}

/// A page whose form may lead to an app: browsers hold the way on after a form to the same rule as the form.
fn with_way_to(redirect: &str, mut response: Response) -> Response {
    let origin = match redirect.split_once("://") {
        Some((scheme @ ("https" | "http"), rest)) => {
            format!("{scheme}://{}", rest.split(['/', '?']).next().unwrap_or_default())
        }
        _ => format!("{}:", redirect.split(':').next().unwrap_or_default()),
    };
    let policy = CSP.replace("form-action 'self'", &format!("form-action 'self' {origin}"));
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// `GET /oauth/authorize`
pub(crate) async fn show(
    Extension(smart): Extension<Smart>,
    lang: Lang,
    here: Here,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
    session: std::result::Result<Session, Problem>,
) -> Response {
    let outcome = async {
        let text = query.unwrap_or_default();
        let params = Params::read(&text).map_err(|_| Wrong::Here(msg::SMART_NO_APP))?;
        let asked = Asked::read(&smart, &headers, &params).await?;
        let silent = asked.prompt.iter().any(|p| p == "none");
        let consent = Consent::read(&smart, asked, session, 0).await?;
        let house = &smart.inner.house;
        if consent.is_known(house).await? {
            return consent.give(&smart, &headers, None).await;
        }
        if silent {
            return Err(consent.asked.wrong("consent_required", "somebody must say yes"));
        }
        let redirect = consent.asked.redirect.clone();
        let page = consent::page(house, &consent, &params, &text, None).await?;
        Ok(with_way_to(&redirect, page.into_response()))
    };
    outcome.await.unwrap_or_else(|wrong| told(&smart, (lang, &here, &headers), wrong))
}

/// `POST /oauth/authorize`: what its reader decided.
pub(crate) async fn decided(
    Extension(smart): Extension<Smart>,
    lang: Lang,
    here: Here,
    headers: HeaderMap,
    session: std::result::Result<Session, Problem>,
    body: String,
) -> Response {
    let outcome = async {
        let params = Params::read(&body).map_err(|_| Wrong::Here(msg::SMART_NO_APP))?;
        // The request as it was shown travels in one field.
        let request = params.get("request_shown").ok_or(Wrong::Here(msg::SMART_NO_APP))?;
        let shown = Params::read(request).map_err(|_| Wrong::Here(msg::SMART_NO_APP))?;
        let asked = Asked::read(&smart, &headers, &shown).await?;
        // A no needs nobody's proof.
        if params.get("decision") != Some("allow") {
            return Err(asked.wrong("access_denied", "its person said no"));
        }
        let consent = match Consent::read(&smart, asked, session, limits::SMART_READING_SECONDS).await {
            Err(Wrong::Problem(Problem::Unauthenticated)) => return Ok(through("/sign-in", request)),
            Err(Wrong::Problem(Problem::Prove)) => return Ok(through("/prove", request)),
            consent => consent?,
        };
        let house = &smart.inner.house;
        let chosen = match (consent.chooses, params.get("patient")) {
            (false, _) => None,
            (true, Some(id)) if consent::may_see(house, &consent.session, id).await? => Some(id.to_owned()),
            (true, _) => {
                let redirect = consent.asked.redirect.clone();
                let page = consent::page(house, &consent, &shown, request, Some(msg::SMART_CHOOSE_WANTED)).await?;
                return Ok(with_way_to(&redirect, (StatusCode::BAD_REQUEST, page).into_response()));
            }
        };
        consent.give(&smart, &headers, chosen).await
    };
    outcome.await.unwrap_or_else(|wrong| told(&smart, (lang, &here, &headers), wrong))
}

/// Whether somebody is shown their own record only.
pub(crate) fn is_citizen(session: &Session) -> bool {
    session.actor.role == Role::Citizen
}
