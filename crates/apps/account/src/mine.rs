//! `/account`: one's own.

use crate::form::{Failure, form, moment, own};
use axum::extract::{Form, Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use mach_access::{Act, secret};
use mach_base::limits;
use mach_house::is_weak;
use mach_house::proof::{self, Verdict};
use mach_house::ways::{Way, Whose};
use mach_house::{House, Session, facility_name, role_label};
use mach_store::accounts::Account;
use mach_store::factors;
use mach_store::sessions::{self, Listed};
use mach_ui::components::{
    Button, Card, Cell, Column, Definitions, Field, FieldKind, Notice, PageHead, PostForm, Row, Table, Tone, chip,
    line, stack,
};
use mach_ui::http::Problem;
use mach_ui::{Html, Lang, Msg, msg, shell};
use serde::Deserialize;

#[derive(Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    done: String,
    #[serde(default)]
    need: String,
}

/// What the page shows.
struct Mine {
    account: Account,
    has_factor: bool,
    paper: i64,
    sessions: Vec<Listed>,
}

pub(crate) async fn page(
    State(house): State<House>,
    session: Session,
    Query(asked): Query<Asked>,
) -> Result<Html, Problem> {
    let notice = match (asked.done.as_str(), asked.need.as_str()) {
        ("session", _) => Some((Tone::Good, msg::ACCOUNT_SESSION_ENDED)),
        ("factor", _) => Some((Tone::Good, msg::FACTOR_REMOVED)),
        (_, "factor") => Some((Tone::Warning, msg::FACTOR_NEEDED)),
        _ => None,
    };
    show(&house, &session, notice, password_fields(session.lang)).await
}

async fn show(
    house: &House,
    session: &Session,
    notice: Option<(Tone, Msg)>,
    fields: Vec<Field>,
) -> Result<Html, Problem> {
    let decision = house.decide(session, Act::UseAccount).await?;
    let mine = house
        .read(decision.clone(), move |r| {
            let account = own(r, &decision)?;
            let id = account.actor.account;
            let has_factor = factors::factor(r, id)?.is_some_and(|f| f.confirmed);
            let (paper, sessions) = (factors::paper_codes(r, id)?, sessions::of_account(r, id)?);
            Ok::<_, Failure>(Mine { account, has_factor, paper, sessions })
        })
        .await?;
    let ways = house.ways(Whose::Staff);
    Ok(render(session, &mine, notice, (&fields, &ways)))
}

fn password_fields(lang: Lang) -> Vec<Field> {
    let field = |name: &str, label, autocomplete| {
        let mut field = Field::new(name, lang.t(label), FieldKind::Password).required();
        field.autocomplete = autocomplete;
        field
    };
    let hint = lang.fmt(msg::PASSWORD_HINT, &[("n", &limits::PASSWORD_CHARS.to_string())]);
    vec![
        field("current", msg::PASSWORD_CURRENT, "current-password"),
        field("password", msg::PASSWORD_NEW, "new-password").hint(hint),
        field("again", msg::PASSWORD_AGAIN, "new-password"),
    ]
}

fn render(session: &Session, mine: &Mine, notice: Option<(Tone, Msg)>, (fields, ways): (&[Field], &[Way])) -> Html {
    let lang = session.lang;
    let meta = session.meta(lang.t(msg::ACCOUNT_MINE), "/account");
    let facility =
        session.facility_code.as_deref().map_or_else(|| lang.t(msg::DEPARTMENT_OF_HEALTH).to_owned(), facility_name);
    let who = Definitions::default()
        .row(lang.t(msg::ACCOUNT_DISPLAY), Html::text(&mine.account.display))
        .row(lang.t(msg::USERNAME), Html::text(&mine.account.name))
        .row(lang.t(msg::ROLE), Html::text(lang.t(role_label(session.actor.role))))
        .row(lang.t(msg::FACILITY), Html::text(&facility));
    let password = form(lang, "/account/password", fields, Button::submit(lang.t(msg::PASSWORD_CHANGE)));
    let mut parts = vec![Html::from(PageHead::new(lang.t(msg::ACCOUNT_MINE)))];
    parts.extend(notice.map(|(tone, text)| Html::from(Notice::new(lang, tone, lang.t(text)))));
    parts.push(Card::new(lang.t(msg::ACCOUNT_WHO), who).into());
    parts.push(factor_card(lang, mine));
    let keys = Button::link(lang.t(msg::PASSKEYS), "/account/passkeys");
    parts.push(Card::new(lang.t(msg::PASSKEYS), Html::concat([line(lang.t(msg::PASSKEYS_LEAD)), keys.into()])).into());
    if !ways.is_empty() {
        let links = Button::link(lang.t(msg::SIGN_ON), "/account/sign-on");
        parts.push(
            Card::new(lang.t(msg::SIGN_ON), Html::concat([line(lang.t(msg::SIGN_ON_LEAD)), links.into()])).into(),
        );
    }
    parts.push(
        Card::new(lang.t(msg::PASSWORD_CHANGE), Html::concat([line(lang.t(msg::PASSWORD_CHANGE_LEAD)), password]))
            .into(),
    );
    parts.push(sessions_card(session, mine));
    shell::page(&meta, stack(parts))
}

fn factor_card(lang: Lang, mine: &Mine) -> Html {
    let body = if mine.has_factor {
        let left = lang.fmt(msg::FACTOR_PAPER_LEFT, &[("n", &mine.paper.to_string())]);
        let mut button = Button::submit(lang.t(msg::FACTOR_REMOVE));
        button.danger = true;
        let remove = PostForm::new(lang, "/account/second-factor/remove", button).sure(lang.t(msg::FACTOR_REMOVE_SURE));
        [line(&format!("{} {left}", lang.t(msg::FACTOR_ON_LEAD))), remove.into()]
    } else {
        let add = PostForm::new(lang, "/account/second-factor/new", Button::submit(lang.t(msg::FACTOR_ADD)));
        [line(lang.t(msg::FACTOR_OFF_LEAD)), add.into()]
    };
    let (tone, word) = if mine.has_factor { (Tone::Good, msg::FACTOR_ON) } else { (Tone::Warning, msg::FACTOR_OFF) };
    let card = Card::new(lang.t(msg::FACTOR), Html::concat(body)).note(chip(tone, lang.t(word)));
    Card { id: "second-factor".to_owned(), ..card }.into()
}

fn sessions_card(session: &Session, mine: &Mine) -> Html {
    let lang = session.lang;
    let this = session.token.as_ref().map(sessions::mark);
    let row = |listed: &Listed| {
        let end: Html = if this.as_ref() == Some(&listed.mark) {
            chip(Tone::Info, lang.t(msg::ACCOUNT_SESSION_THIS))
        } else {
            let action = format!("/account/sessions/{}/end", listed.mark);
            PostForm::new(lang, action, Button::submit(lang.t(msg::ACCOUNT_SESSION_END))).into()
        };
        let agent = if listed.agent.is_empty() { "—" } else { &listed.agent };
        let mut began = moment(listed.began);
        if !listed.provider.is_empty() {
            // How sure the provider was of them, as it said.
            let by = [("name", listed.provider.as_str()), ("level", listed.level.as_str())];
            let text = if listed.level.is_empty() { msg::ACCOUNT_SESSION_BY } else { msg::ACCOUNT_SESSION_AT };
            began = format!("{began} · {}", lang.fmt(text, &by));
        }
        Row::new([Cell::two(agent, &began), Cell(Html::text(&moment(listed.seen))), Cell(end)])
    };
    let columns = vec![
        Column::text(lang.t(msg::ACCOUNT_SESSION_WHERE)),
        Column::text(lang.t(msg::ACCOUNT_SESSION_SEEN)),
        Column::text(""),
    ];
    let table = Table::new(lang, lang.t(msg::ACCOUNT_SESSIONS), columns).rows(mine.sessions.iter().map(row).collect());
    Card::new(lang.t(msg::ACCOUNT_SESSIONS), Table { caption_hidden: true, ..table }.stack()).into()
}

#[derive(Deserialize)]
pub(crate) struct Passwords {
    current: String,
    password: String,
    again: String,
}

pub(crate) async fn password(
    State(house): State<House>,
    session: Session,
    Form(typed): Form<Passwords>,
) -> Result<Response, Problem> {
    let decision = house.decide(&session, Act::UseAccount).await?;
    let lang = session.lang;
    let mut fields = password_fields(lang);
    if is_weak(&typed.password) {
        let text = lang.fmt(msg::PASSWORD_WEAK, &[("n", &limits::PASSWORD_CHARS.to_string())]);
        fields[1] = fields[1].clone().error(text);
    } else if typed.password != typed.again {
        fields[2] = fields[2].clone().error(lang.t(msg::PASSWORD_DIFFERS));
    }
    if fields.iter().all(|f| f.error.is_none()) {
        let asked = decision.clone();
        let account = house.read(decision.clone(), move |r| own(r, &asked).map_err(Failure::from)).await?;
        let verdict = proof::password(&house, Some(&account), typed.current).await?;
        if verdict == Verdict::Right {
            let hash = tokio::task::spawn_blocking(move || secret::hash_password(&typed.password))
                .await
                .map_err(Problem::internal)?
                .map_err(Problem::internal)?;
            let id = account.actor.account;
            house
                .write(decision, move |tx| {
                    tx.set_password(id, &hash)?;
                    tx.audit(None, &format!("account {id} password"), "granted")
                })
                .await?;
            return Ok(Redirect::to("/sign-in?out=password").into_response());
        }
        let text = verdict.said(lang, msg::PROVE_WRONG).unwrap_or_default();
        fields[0] = fields[0].clone().error(text);
    }
    Ok((StatusCode::BAD_REQUEST, show(&house, &session, None, fields).await?).into_response())
}

pub(crate) async fn end_session(
    State(house): State<House>,
    session: Session,
    Path(mark): Path<String>,
) -> Result<Redirect, Problem> {
    let decision = house.decide(&session, Act::UseAccount).await?;
    let id = session.actor.account;
    let ended = house
        .write(decision, move |tx| {
            let ended = tx.end_marked_session(id, &mark)?;
            tx.audit(None, &format!("account {id} session"), if ended { "granted" } else { "failed" })?;
            Ok(ended)
        })
        .await?;
    if ended { Ok(Redirect::to("/account?done=session")) } else { Err(Problem::NotFound) }
}
