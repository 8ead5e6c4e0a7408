//! Whole pages that belong to no app: sign-in and the problem page.

use askama::Template;

use crate::components::{Button, Field, FieldKind, Icon, Notice, Tone};
use crate::http::Problem;
use crate::shell::{self, PageMeta};
use crate::{Html, Lang, msg};

/// What the sign-in page shows.
#[derive(Clone, Debug, Default)]
pub struct SignIn {
    /// The reader's language.
    pub lang: Lang,
    /// Path and query of this page.
    pub here: String,
    /// Where to go afterwards; a path of this site.
    pub next: String,
    /// The user name typed before.
    pub username: String,
    /// Why the last try failed, in the reader's language.
    pub error: Option<String>,
    /// Something good to know above the form: signed out.
    pub notice: Option<String>,
    /// Other ways in, below the form.
    pub more: Html,
    /// The accounts of a demonstration, if this is one.
    pub demo: Vec<DemoAccount>,
}

/// An account that a demonstration offers.
#[derive(Clone, Debug)]
pub struct DemoAccount {
    /// What it may do.
    pub role: String,
    /// User name.
    pub username: String,
    /// Password.
    pub password: String,
}

/// `GET /sign-in`; the form posts `username`, `password` and `next` to `/sign-in`.
pub fn sign_in(view: &SignIn) -> Html {
    let lang = view.lang;
    let mut username = Field::new("username", lang.t(msg::USERNAME), FieldKind::Text).required();
    username.value = view.username.clone();
    username.autocomplete = "username";
    username.autofocus = view.username.is_empty();
    let mut password = Field::new("password", lang.t(msg::PASSWORD), FieldKind::Password).required();
    password.autocomplete = "current-password";
    password.autofocus = !view.username.is_empty();
    let body = Html::template(&SignInBody {
        lang,
        view,
        error: view.error.as_ref().map(|e| Notice::new(lang, Tone::Bad, e.clone())),
        fields: [username, password].map(|f| f.html(lang)),
        button: Button::primary(lang.t(msg::SIGN_IN)),
    });
    let meta = PageMeta { lang, title: lang.t(msg::SIGN_IN).into(), here: view.here.clone(), ..PageMeta::default() };
    shell::bare(&meta, body)
}

#[derive(Template)]
#[template(path = "sign-in.html")]
struct SignInBody<'a> {
    lang: Lang,
    view: &'a SignIn,
    error: Option<Notice>,
    fields: [Html; 2],
    button: Button,
}

/// A page that asks one thing before it lets the reader on: a code, the password again, a new password.
#[derive(Clone, Debug, Default)]
pub struct Door {
    /// The reader's language.
    pub lang: Lang,
    /// Path and query of this page.
    pub here: String,
    /// What is asked.
    pub title: String,
    /// Why, in a sentence.
    pub lead: String,
    /// Where the form goes.
    pub action: String,
    /// Where to go afterwards; a path of this site.
    pub next: String,
    /// What is asked for.
    pub fields: Vec<Field>,
    /// Names and values that travel with it unseen.
    pub hidden: Vec<(String, String)>,
    /// What the button says.
    pub button: String,
    /// Why the last try failed, in the reader's language.
    pub error: Option<String>,
    /// Whether the reader is signed in, and may sign out instead.
    pub is_signed_in: bool,
    /// Another way in, below the form.
    pub more: Html,
    /// Whether there is nothing to fill in and nothing to press: other ways only.
    pub asks_nothing: bool,
    /// A second button for who proved elsewhere who they are (`by=elsewhere`); empty: none.
    pub also: String,
}

/// The page of a door.
pub fn door(view: &Door) -> Html {
    let lang = view.lang;
    let body = Html::template(&DoorBody {
        lang,
        view,
        error: view.error.as_ref().map(|e| Notice::new(lang, Tone::Bad, e.clone())),
        fields: view.fields.iter().map(|f| f.html(lang)).collect(),
        button: Button::primary(&view.button),
    });
    let meta = PageMeta { lang, title: view.title.clone(), here: view.here.clone(), ..PageMeta::default() };
    shell::bare(&meta, body)
}

#[derive(Template)]
#[template(path = "door.html")]
struct DoorBody<'a> {
    lang: Lang,
    view: &'a Door,
    error: Option<Notice>,
    fields: Vec<Html>,
    button: Button,
}

/// Links to other ways in, label and address; nothing where there are none.
pub fn ways_part(lang: Lang, ways: &[(String, String)]) -> Html {
    if ways.is_empty() { Html::EMPTY } else { Html::template(&WaysPart { lang, ways }) }
}

#[derive(Template)]
#[template(path = "ways.html")]
struct WaysPart<'a> {
    lang: Lang,
    ways: &'a [(String, String)],
}

/// A way that is gone in a tab of its own, while the page waits: what it is called, and its address.
pub fn beside(lang: Lang, label: &str, href: &str) -> Html {
    Html::template(&Beside { lang, label, href })
}

#[derive(Template)]
#[template(path = "beside.html")]
struct Beside<'a> {
    lang: Lang,
    label: &'a str,
    href: &'a str,
}

/// A page that says that something is done, and nothing else.
pub fn good(lang: Lang, here: String, (title, text): (&str, &str)) -> Html {
    let body = Html::template(&Good { title, notice: Notice::new(lang, Tone::Good, text) });
    shell::bare(&PageMeta { lang, title: title.into(), here, ..PageMeta::default() }, body)
}

#[derive(Template)]
#[template(source = "<div class=\"sign-in\"><h1>{{ title }}</h1>{{ notice }}</div>", ext = "html")]
struct Good<'a> {
    title: &'a str,
    notice: Notice,
}

/// The page of a door that did not open: what happened, what to do, and where to go on: label and address, the first first of all.
pub fn shut(lang: Lang, (title, text, advice): (&str, &str, &str), ways: &[(String, String)]) -> Html {
    let notice = Notice::new(lang, Tone::Bad, text);
    let body = Html::template(&Shut { title, notice, advice, ways });
    // The address of this page was good once: nobody is led to it again.
    let meta = PageMeta { lang, title: title.into(), here: "/sign-in".into(), ..PageMeta::default() };
    shell::bare(&meta, body)
}

#[derive(Template)]
#[template(path = "shut.html")]
struct Shut<'a> {
    title: &'a str,
    notice: Notice,
    advice: &'a str,
    ways: &'a [(String, String)],
}

/// The button of a passkey with its script: `what` is `sign-in` or `prove`, `next` where to go afterwards.
pub fn passkey_part(lang: Lang, what: &'static str, next: &str) -> Html {
    Html::template(&PasskeyPart { lang, what, next, script: crate::assets::url("passkey.js") })
}

#[derive(Template)]
#[template(path = "passkey.html")]
struct PasskeyPart<'a> {
    lang: Lang,
    what: &'static str,
    next: &'a str,
    script: String,
}

/// `GET /sign-in/passkey`: in by a passkey, without a name. A page of its own: the first page of all loads no script for it.
pub fn passkey_door(lang: Lang, here: &str, next: &str) -> Html {
    let part = passkey_part(lang, "sign-in", next);
    let body = Html::template(&PasskeyDoor { lang, part, back: crate::format::query_value(next) });
    let title = lang.t(msg::PASSKEY_SIGN_IN).into();
    shell::bare(&PageMeta { lang, title, here: here.into(), ..PageMeta::default() }, body)
}

#[derive(Template)]
#[template(path = "passkey-door.html")]
struct PasskeyDoor {
    lang: Lang,
    part: Html,
    back: String,
}

/// The page of a problem: what happened, what to do, a way home. The same shape for every problem; `id` is that of a
/// request that broke, for the reader to name and the log to find.
pub fn problem(lang: Lang, here: &str, problem: &Problem, id: Option<&str>) -> Html {
    let (title, advice) = problem.words();
    let named = id.map(|id| lang.fmt(msg::ERROR_ID, &[("id", id)]));
    let body = Html::template(&ProblemBody {
        lang,
        title: lang.t(title),
        advice: lang.t(advice),
        detail: problem.detail().or(named.as_deref()),
        status: problem.status().as_u16(),
    });
    let meta = PageMeta { lang, title: lang.t(title).into(), here: here.into(), ..PageMeta::default() };
    shell::bare(&meta, body)
}

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemBody<'a> {
    lang: Lang,
    title: &'a str,
    advice: &'a str,
    detail: Option<&'a str>,
    status: u16,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sign_in_keeps_the_name_and_says_why() {
        let view =
            SignIn { username: "a\"b".into(), error: Some("sai".into()), next: "/hoc".into(), ..SignIn::default() };
        let page = sign_in(&view);
        for part in [
            "action=\"/sign-in\"",
            "value=\"a&#34;b\"",
            "type=\"password\"",
            "autocomplete=\"current-password\"",
            "role=\"alert\"",
            "name=\"next\" value=\"/hoc\"",
        ] {
            assert!(page.as_str().contains(part), "{part} in {}", page.as_str());
        }
    }

    #[test]
    fn a_problem_never_shows_inner_text() {
        let page = problem(Lang::En, "/x", &Problem::Internal("SELECT * FROM".into()), Some("a1-2"));
        assert!(!page.as_str().contains("SELECT") && page.as_str().contains("The server had a problem"));
        let page = problem(Lang::Vi, "/x", &Problem::BadRequest("<tháng>".into()), None);
        assert!(page.as_str().contains("&#60;tháng&#62;"));
    }
}
