//! `/admin/apps/new`, `/admin/apps/{id}`: an app registered and changed.

use crate::{Smart, admin, words};
use axum::Extension;
use axum::Form;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use mach_access::secret::{self, token_hash};
use mach_base::limits;
use mach_base::text::is_facility_code;
use mach_house::admin::{Closed, Proven, administrator};
use mach_house::call::endpoint::{Endpoint, is_never};
use mach_house::{Failure, Session};
use mach_sign::jwt::Jwk;
use mach_store::schema;
use mach_store::smart::scope::Scope;
use mach_store::smart::{self, App, NewApp, Proof};
use mach_ui::components::{
    Button, Card, Definitions, Field, FieldKind, Notice, PageHead, PostForm, Tone, field_form, line, stack,
};
use mach_ui::http::Problem;
use mach_ui::shell::{Crumb, PageMeta};
use mach_ui::{Html, Lang, msg, shell};
use serde::Deserialize;

/// What a new app is offered.
const OFFERED: &str = "openid fhirUser profile launch launch/patient patient/*.rs";

/// What the form was filled with.
#[derive(Clone, Default, Deserialize)]
pub(crate) struct Typed {
    name: String,
    #[serde(default)]
    proof: String,
    #[serde(default)]
    redirects: String,
    #[serde(default)]
    launch: String,
    #[serde(default)]
    scopes: String,
    #[serde(default)]
    keys: String,
    #[serde(default)]
    keys_url: String,
    #[serde(default)]
    private: String,
    #[serde(default)]
    facility: String,
}

impl Typed {
    fn of(app: &App) -> Self {
        let what = &app.what;
        Self {
            name: what.name.clone(),
            proof: what.proof.code().to_owned(),
            redirects: what.redirects.join("\n"),
            launch: what.launch.clone(),
            scopes: what.scopes.replace(' ', "\n"),
            keys: what.keys.clone(),
            keys_url: what.keys_url.clone(),
            private: if what.private { "yes" } else { "" }.to_owned(),
            facility: String::new(),
        }
    }
}

/// What is wrong with it, by field.
type Errors = Vec<(&'static str, String)>;

/// An address at which an app may be answered: TLS, this very machine, or a scheme of the app's own with a dot in it (RFC 8252).
pub(crate) fn is_redirect(url: &str) -> bool {
    let plain = |b: u8| b.is_ascii_graphic() && !matches!(b, b'#' | b'"' | b'<' | b'>' | b'\\' | b'*' | b'\'');
    if url.len() > limits::SMART_REDIRECT_BYTES || !url.bytes().all(plain) {
        return false;
    }
    let Some((scheme, rest)) = url.split_once(':') else { return false };
    match scheme {
        "https" => Endpoint::parse(url).is_ok(),
        "http" => Endpoint::parse(url).is_ok_and(|e| matches!(e.host.as_str(), "localhost" | "127.0.0.1" | "::1")),
        own => {
            let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'+');
            own.contains('.')
                && own.bytes().all(fits)
                && own.starts_with(|c: char| c.is_ascii_lowercase())
                && rest.starts_with('/')
        }
    }
}

/// Why this server may not be made to fetch keys at an address; `None` where it may. Into its own network only an administrator of
/// the province leads it; what `was` entered before stays.
fn refused_keys(lang: Lang, typed: &Typed, of_province: bool, was: Option<&NewApp>) -> Option<String> {
    let (url, private) = (typed.keys_url.trim(), typed.private == "yes");
    let wrong = || lang.fmt(msg::SMART_REDIRECT_WRONG, &[("url", url)]);
    let Some(endpoint) = Endpoint::parse(url).ok().filter(|e| e.tls || e.is_number()) else { return Some(wrong()) };
    if endpoint.host.parse().is_ok_and(is_never) {
        return Some(lang.fmt(msg::SMART_KEYS_NEVER, &[("url", url)]));
    }
    let as_it_was = was.is_some_and(|w| w.keys_url == url && w.private == private);
    let inside = private || endpoint.is_number();
    (inside && !of_province && !as_it_was).then(|| lang.t(msg::SMART_KEYS_PROVINCE).to_owned())
}

/// What was typed as an app. `of_province`: by an administrator who is bound to no facility; `was`: what is changed.
fn checked(
    lang: Lang,
    typed: &Typed,
    proof: Option<Proof>,
    of_province: bool,
    was: Option<&NewApp>,
) -> Result<NewApp, Errors> {
    let mut errors = Errors::new();
    let mut wrong = |field, text: String| errors.push((field, text));
    let name = typed.name.trim();
    if name.is_empty() || name.chars().count() > limits::NAME_CHARS {
        wrong("name", lang.t(msg::SMART_NAME_WANTED).to_owned());
    }
    let redirects: Vec<String> = typed.redirects.split_ascii_whitespace().map(str::to_owned).collect();
    if let Some(bad) = redirects.iter().find(|r| !is_redirect(r)) {
        wrong("redirects", lang.fmt(msg::SMART_REDIRECT_WRONG, &[("url", bad)]));
    } else if redirects.len() > limits::SMART_REDIRECTS {
        wrong("redirects", lang.fmt(msg::SMART_REDIRECTS_MANY, &[("most", &limits::SMART_REDIRECTS.to_string())]));
    }
    let launch = typed.launch.trim();
    if !launch.is_empty() && (launch.contains(char::is_whitespace) || !is_redirect(launch)) {
        wrong("launch", lang.fmt(msg::SMART_REDIRECT_WRONG, &[("url", launch)]));
    }
    let scopes = Scope::list(&typed.scopes);
    if let Some(unknown) = Scope::unknown(&typed.scopes) {
        wrong("scopes", lang.fmt(msg::SMART_SCOPE_WRONG, &[("scope", unknown)]));
    } else if scopes.is_empty() {
        wrong("scopes", lang.t(msg::SMART_SCOPES_WANTED).to_owned());
    } else if typed.scopes.len() > limits::SMART_SCOPE_BYTES
        || typed.scopes.split_ascii_whitespace().count() > limits::SMART_SCOPES
    {
        let most = [limits::SMART_SCOPES, limits::SMART_SCOPE_BYTES].map(|n| n.to_string());
        wrong("scopes", lang.fmt(msg::SMART_SCOPES_MANY, &[("most", &most[0]), ("bytes", &most[1])]));
    }
    let asks_people =
        scopes.iter().any(|s| !matches!(s, Scope::Resources(r) if r.level == smart::scope::Level::System));
    if redirects.is_empty() && asks_people {
        wrong("redirects", lang.t(msg::SMART_REDIRECTS_WANTED).to_owned());
    }
    let (keys, keys_url) = (typed.keys.trim(), typed.keys_url.trim());
    if proof == Some(Proof::Key) {
        match (keys.is_empty(), keys_url.is_empty()) {
            (true, true) | (false, false) => wrong("keys_url", lang.t(msg::SMART_KEYS_WANTED).to_owned()),
            (false, true) => {
                let why = match Jwk::read_set(keys, limits::SMART_KEYS) {
                    _ if keys.len() > limits::SMART_KEYS_BYTES => Some(format!("> {} byte", limits::SMART_KEYS_BYTES)),
                    read => read.err().map(|e| e.to_string()),
                };
                if let Some(why) = why {
                    wrong("keys", lang.fmt(msg::SMART_KEYS_WRONG, &[("why", &why)]));
                }
            }
            (true, false) => {
                if let Some(text) = refused_keys(lang, typed, of_province, was) {
                    wrong("keys_url", text);
                }
            }
        }
    }
    let Some(proof) = proof else {
        wrong("proof", lang.t(msg::SMART_PROOF_WANTED).to_owned());
        return Err(errors);
    };
    if !errors.is_empty() {
        return Err(errors);
    }
    let of_key = |text: &str| if proof == Proof::Key { text.to_owned() } else { String::new() };
    Ok(NewApp {
        name: name.to_owned(),
        proof,
        keys: of_key(keys),
        keys_url: of_key(keys_url),
        private: proof == Proof::Key && !keys_url.is_empty() && typed.private == "yes",
        redirects,
        launch: launch.to_owned(),
        scopes: smart::scope::text(&scopes),
        facility: None,
    })
}

fn fields(session: &Session, typed: &Typed, app: Option<&App>, errors: &Errors) -> Vec<Field> {
    let lang = session.lang;
    let text = |name: &str, label, kind, value: &str| Field::new(name, lang.t(label), kind).value(value);
    let mut all = vec![text("name", msg::SMART_NAME, FieldKind::Text, &typed.name).required()];
    if app.is_none() {
        let choices = Proof::ALL.iter().map(|p| (p.code().to_owned(), lang.t(words::proof(*p)).to_owned())).collect();
        all.push(text("proof", msg::SMART_PROOF, FieldKind::Choice(choices), &typed.proof).to_choose(lang));
        if session.actor.facility.is_none() {
            let facility = text("facility", msg::ACCOUNT_FACILITY, FieldKind::Text, &typed.facility);
            all.push(facility.hint(lang.t(msg::SMART_FACILITY_HINT)));
        }
    }
    let redirects = text("redirects", msg::SMART_REDIRECTS, FieldKind::Lines, &typed.redirects);
    all.push(redirects.hint(lang.t(msg::SMART_REDIRECTS_HINT)));
    let launch = text("launch", msg::SMART_LAUNCH, FieldKind::Text, &typed.launch);
    all.push(launch.hint(lang.t(msg::SMART_LAUNCH_HINT)));
    let scopes = text("scopes", msg::SMART_SCOPES, FieldKind::Lines, &typed.scopes);
    all.push(scopes.hint(lang.t(msg::SMART_SCOPES_HINT)));
    if app.is_none_or(|a| a.what.proof == Proof::Key) {
        let url = text("keys_url", msg::SMART_KEYS_URL, FieldKind::Text, &typed.keys_url);
        all.push(url.hint(lang.t(msg::SMART_KEYS_HINT)));
        let mut private = vec![(String::new(), lang.t(msg::SMART_PRIVATE_NO).to_owned())];
        if session.actor.facility.is_none() || app.is_some_and(|a| a.what.private) {
            private.push(("yes".to_owned(), lang.t(msg::SMART_PRIVATE_YES).to_owned()));
        }
        all.push(text("private", msg::SMART_PRIVATE, FieldKind::Choice(private), &typed.private));
        all.push(text("keys", msg::SMART_KEYS, FieldKind::Lines, &typed.keys));
    }
    all.into_iter().map(|field| field.told(errors)).collect()
}

fn meta(session: &Session, title: &str) -> PageMeta {
    let crumbs = vec![Crumb::link(session.lang.t(msg::SMART_APPS), "/admin/apps"), Crumb::here(title)];
    PageMeta { crumbs, ..session.meta(title, "/admin/apps") }
}

fn new_form(session: &Session, typed: &Typed, errors: &Errors) -> Html {
    let lang = session.lang;
    let title = lang.t(msg::SMART_NEW);
    let fields = fields(session, typed, None, errors);
    let button = Button::primary(lang.t(msg::SMART_REGISTER));
    let body = field_form(lang, "/admin/apps/new", ("", Vec::new()), &fields, [button.into()]);
    let parts = [Html::from(PageHead::new(title).lead(lang.t(msg::SMART_NEW_LEAD))), Card::new("", body).into()];
    shell::page(&meta(session, title), stack(parts))
}

pub(crate) async fn new_page(Proven { session, .. }: Proven) -> Html {
    let typed = Typed { scopes: OFFERED.replace(' ', "\n"), ..Typed::default() };
    new_form(&session, &typed, &Errors::new())
}

/// A new secret, where the app proves itself by one.
fn new_secret(proof: Proof) -> Result<Option<String>, Problem> {
    (proof == Proof::Secret).then(|| secret::new_token("mach_s_").map_err(Problem::internal)).transpose()
}

pub(crate) async fn register(
    Extension(smart): Extension<Smart>,
    Proven { session, decision }: Proven,
    Form(typed): Form<Typed>,
) -> Result<Response, Closed> {
    let (house, lang) = (&smart.inner.house, session.lang);
    let refused = |errors: &Errors| (StatusCode::BAD_REQUEST, new_form(&session, &typed, errors)).into_response();
    let of_province = session.actor.facility.is_none();
    let new = match checked(lang, &typed, Proof::parse(&typed.proof), of_province, None) {
        Ok(new) => new,
        Err(errors) => return Ok(refused(&errors)),
    };
    let code = match &session.facility_code {
        Some(own) => Some(own.clone()),
        None => Some(typed.facility.trim().to_ascii_uppercase()).filter(|code| !code.is_empty()),
    };
    if code.as_deref().is_some_and(|code| !is_facility_code(code)) {
        return Ok(refused(&vec![("facility", lang.t(msg::SMART_FACILITY_HINT).to_owned())]));
    }
    let secret = new_secret(new.proof)?;
    let client = secret::new_token("app-").map_err(Problem::internal)?.chars().take(20).collect::<String>();
    let (hash, name, scope) = (secret.as_deref().map(token_hash), client.clone(), decision.scope());
    let made = house.write(decision, move |tx| {
        if smart::apps(tx, scope)?.len() >= limits::SMART_APPS {
            return Ok(None);
        }
        let facility = code.map(|code| schema::facility_id(tx, &code)).transpose()?;
        tx.add_app(&name, &NewApp { facility, ..new }, hash.as_ref()).map(Some)
    });
    match (made.await?, secret) {
        (None, _) => Err(Problem::Conflict(lang.t(msg::SMART_APPS_MANY).to_owned()).into()),
        (Some(id), secret) => Ok(shown_once(&session, id, &client, secret.as_deref()).into_response()),
    }
}

/// What the app's makers are to be told; a secret is shown this once.
fn shown_once(session: &Session, id: i64, client: &str, secret: Option<&str>) -> Html {
    let lang = session.lang;
    let title = lang.t(msg::SMART_REGISTERED);
    let mut told = Definitions::default().row(lang.t(msg::SMART_CLIENT), Html::text(client));
    let mut parts = vec![Html::from(PageHead::new(title))];
    if let Some(secret) = secret {
        told = told.row(lang.t(msg::SMART_SECRET), Html::text(secret));
        parts.push(Notice::new(lang, Tone::Warning, lang.t(msg::SMART_SECRET_ONCE)).into());
    }
    parts.push(Card::new("", told).into());
    parts.push(Button::link(lang.t(msg::SMART_TO_APP), format!("/admin/apps/{id}")).as_primary().into());
    shell::page(&meta(session, title), stack(parts))
}

async fn show(smart: &Smart, session: &Session, id: i64, typed: Option<(&Typed, &Errors)>) -> Result<Html, Closed> {
    let (house, lang) = (&smart.inner.house, session.lang);
    let decision = administrator(house, session).await?;
    let app = admin::app_of(house, &decision, id).await?;
    let given = house.read(decision, move |r| smart::grants_of_app(r, id).map_err(Failure::from)).await?;
    let (own, none) = (Typed::of(&app), Errors::new());
    let (typed, errors) = typed.unwrap_or((&own, &none));
    let head = PageHead::new(&app.what.name).actions([admin::state(lang, &app)]);
    let about = Definitions::default()
        .row(lang.t(msg::SMART_CLIENT), Html::text(&app.client))
        .row(lang.t(msg::SMART_PROOF), Html::text(lang.t(words::proof(app.what.proof))));
    let fields = fields(session, typed, Some(&app), errors);
    let save = Button::primary(lang.t(msg::SMART_SAVE));
    let form = field_form(lang, format!("/admin/apps/{id}"), ("", Vec::new()), &fields, [save.into()]);
    let mut acts = Vec::new();
    if app.what.proof == Proof::Secret {
        let again =
            PostForm::new(lang, format!("/admin/apps/{id}/secret"), Button::submit(lang.t(msg::SMART_SECRET_NEW)));
        acts.push(Html::from(again.sure(lang.t(msg::SMART_SECRET_NEW_SURE))));
    }
    let (label, sure, what) = match app.ended {
        true => (msg::SMART_OPEN_AGAIN, msg::SMART_OPEN_AGAIN_SURE, "open"),
        false => (msg::SMART_END, msg::SMART_END_SURE, "end"),
    };
    let mut button = Button::submit(lang.t(label));
    button.danger = !app.ended;
    let end = PostForm::new(lang, format!("/admin/apps/{id}/end"), button).with("what", what).sure(lang.t(sure));
    acts.push(end.into());
    let parts = [
        Html::from(head),
        Card::new("", about).into(),
        admin::grants(lang, &given),
        Card::new(lang.t(msg::SMART_CHANGE), stack([line(lang.t(msg::SMART_CHANGE_LEAD)), form])).into(),
        Card::new(lang.t(msg::SMART_STATE), stack(acts)).into(),
    ];
    Ok(shell::page(&meta(session, &app.what.name), stack(parts)))
}

pub(crate) async fn page(
    Extension(smart): Extension<Smart>,
    session: Session,
    Path(id): Path<i64>,
) -> Result<Html, Closed> {
    show(&smart, &session, id, None).await
}

pub(crate) async fn change(
    Extension(smart): Extension<Smart>,
    Proven { session, decision }: Proven,
    Path(id): Path<i64>,
    Form(typed): Form<Typed>,
) -> Result<Response, Closed> {
    let house = &smart.inner.house;
    let app = admin::app_of(house, &decision, id).await?;
    let of_province = session.actor.facility.is_none();
    match checked(session.lang, &typed, Some(app.what.proof), of_province, Some(&app.what)) {
        Ok(new) => {
            house.write(decision, move |tx| tx.change_app(id, &new)).await?;
            Ok(Redirect::to(&format!("/admin/apps/{id}")).into_response())
        }
        Err(errors) => {
            let page = show(&smart, &session, id, Some((&typed, &errors))).await?;
            Ok((StatusCode::BAD_REQUEST, page).into_response())
        }
    }
}

pub(crate) async fn secret(
    Extension(smart): Extension<Smart>,
    Proven { session, decision }: Proven,
    Path(id): Path<i64>,
) -> Result<Html, Closed> {
    let house = &smart.inner.house;
    let app = admin::app_of(house, &decision, id).await?;
    let secret = new_secret(app.what.proof)?.ok_or(Problem::NotFound)?;
    let hash = token_hash(&secret);
    house.write(decision, move |tx| tx.set_app_secret(id, &hash)).await?;
    Ok(shown_once(&session, id, &app.client, Some(&secret)))
}

#[derive(Deserialize)]
pub(crate) struct End {
    what: String,
}

pub(crate) async fn end(
    Extension(smart): Extension<Smart>,
    Proven { decision, .. }: Proven,
    Path(id): Path<i64>,
    Form(end): Form<End>,
) -> Result<Redirect, Closed> {
    let house = &smart.inner.house;
    admin::app_of(house, &decision, id).await?;
    house.write(decision, move |tx| tx.end_app(id, end.what != "open")).await?;
    Ok(Redirect::to(&format!("/admin/apps/{id}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use mach_sign::key::{Signer, SoftKey};

    /// The fields that are wrong.
    fn wrong(typed: &Typed, of_province: bool, was: Option<&NewApp>) -> Vec<&'static str> {
        let found = checked(Lang::En, typed, Proof::parse(&typed.proof), of_province, was);
        found.err().unwrap_or_default().into_iter().map(|(field, _)| field).collect()
    }

    fn typed(proof: Proof) -> Typed {
        let owned = str::to_owned;
        let (name, redirects) = (owned("App"), owned("https://a.vn/cb"));
        Typed { name, proof: owned(proof.code()), redirects, scopes: owned("patient/*.rs"), ..Typed::default() }
    }

    #[test]
    fn keys_are_fetched_from_within_where_the_province_says_so() {
        let at = |url: &str, private: &str| Typed {
            keys_url: url.to_owned(),
            private: private.to_owned(),
            ..typed(Proof::Key)
        };
        for (url, private, facility, province) in [
            ("https://app.vn/jwks", "", true, true),
            ("https://app.vn/jwks", "yes", false, true),
            ("http://app.vn/jwks", "", false, false),
            ("https://10.0.0.1/jwks", "", false, true),
            ("http://127.0.0.1:9/jwks", "", false, true),
            ("http://[::1]:9/jwks", "", false, true),
            ("http://localhost:9/jwks", "", false, true),
            ("https://8.8.8.8/jwks", "", false, true),
            ("https://169.254.169.254/latest", "yes", false, false),
            ("https://[fe80::1]/", "yes", false, false),
            ("https://[::ffff:169.254.169.254]/", "yes", false, false),
            ("https://100.100.100.200/", "", false, false),
            ("ftp://app.vn/", "", false, false),
            ("https://user@app.vn/", "", false, false),
        ] {
            let typed = at(url, private);
            let good = [wrong(&typed, false, None), wrong(&typed, true, None)].map(|w| w.is_empty());
            assert_eq!(good, [facility, province], "{url} {private}");
        }
        // What the province entered, a facility's administrator leaves as it is, and changes nothing of it.
        let was = checked(Lang::En, &at("https://10.0.0.1/jwks", ""), Some(Proof::Key), true, None);
        let was = was.unwrap_or_else(|e| panic!("{e:?}"));
        assert!(wrong(&at("https://10.0.0.1/jwks", ""), false, Some(&was)).is_empty());
        for (url, private) in [("https://10.0.0.2/jwks", ""), ("https://10.0.0.1/jwks", "yes")] {
            assert_eq!(wrong(&at(url, private), false, Some(&was)), ["keys_url"], "{url} {private}");
        }
    }

    #[test]
    fn what_an_app_is_registered_with_has_its_limits() {
        let open = typed(Proof::Public);
        let lines = |count: usize, line: &dyn Fn(usize) -> String| (0..count).map(line).collect::<Vec<_>>().join(" ");
        let redirect = |n: usize| format!("https://a.vn/{n}");
        let scope = |_: usize| "patient/*.rs".to_owned();
        let key = SoftKey::generate().unwrap_or_else(|e| panic!("{e}"));
        let jwk = mach_sign::jwt::public_jwk(key.public(), "k").unwrap_or_else(|e| panic!("{e}"));
        let set = |count: usize| serde_json::json!({ "keys": vec![jwk.clone(); count] }).to_string();
        let padded = |bytes: usize| format!("{{{}{}", " ".repeat(bytes - set(1).len()), &set(1)[1..]);
        let with_keys = |keys: String| Typed { keys, ..typed(Proof::Key) };
        for past in [0, 1] {
            for (field, typed) in [
                ("name", Typed { name: "x".repeat(limits::NAME_CHARS + past), ..open.clone() }),
                ("redirects", Typed { redirects: lines(limits::SMART_REDIRECTS + past, &redirect), ..open.clone() }),
                ("scopes", Typed { scopes: lines(limits::SMART_SCOPES + past, &scope), ..open.clone() }),
                (
                    "scopes",
                    Typed { scopes: format!("{:1$}", "openid", limits::SMART_SCOPE_BYTES + past), ..open.clone() },
                ),
                ("keys", with_keys(set(limits::SMART_KEYS + past))),
                ("keys", with_keys(padded(limits::SMART_KEYS_BYTES + past))),
            ] {
                let expect = if past == 0 { vec![] } else { vec![field] };
                assert_eq!(wrong(&typed, false, None), expect, "{field}");
            }
        }
        for (field, typed) in [
            ("name", Typed { name: " ".to_owned(), ..open.clone() }),
            ("redirects", Typed { redirects: String::new(), ..open.clone() }),
            ("scopes", Typed { scopes: String::new(), ..open.clone() }),
            ("scopes", Typed { scopes: "patient/Nothing.rs".to_owned(), ..open.clone() }),
            ("proof", Typed { proof: "other".to_owned(), ..open.clone() }),
            ("keys_url", typed(Proof::Key)),
            ("keys", with_keys("{}".to_owned())),
        ] {
            assert_eq!(wrong(&typed, true, None), [field]);
        }
    }

    #[test]
    fn addresses_of_apps_are_whole_and_safe() {
        let longest = format!("https://a.vn/{}", "x".repeat(mach_base::limits::SMART_REDIRECT_BYTES - 13));
        for url in [
            "https://app.example.vn/cb",
            "https://app.example.vn:8443/cb?x=1",
            "http://localhost:3000/cb",
            "http://127.0.0.1/cb",
            "vn.example.app:/cb",
            &longest,
        ] {
            assert!(is_redirect(url), "{url}");
        }
        for url in [
            "http://app.example.vn/cb",
            "https://app.example.vn/cb#x",
            "https://*.example.vn/cb",
            "https://user@evil.vn/cb",
            "https://app.example.vn/../cb",
            "https:///cb",
            "javascript:alert(1)",
            "data:text/html,x",
            "app:/cb",
            "/cb",
            "//evil.vn/cb",
            "https://a.vn/ b",
            &format!("{longest}x"),
        ] {
            assert!(!is_redirect(url), "{url}");
        }
    }
}
