//! A citizen's own pages: which records are open to them, who looked, who may read theirs, whom they keep out.

use crate::desk;
use crate::form::{Errors, form, moment, stack};
use axum::Form;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use mach_access::policy::{Policy, Purpose, Relation};
use mach_access::{Act, Decision, Role};
use mach_base::{Day, limits};
use mach_house::{Failure, House, Session, facility_name, role_label};
use mach_store::audit::{self, Entry};
use mach_store::grants::{self, Grant, NewGrant, Review};
use mach_store::notices::Kind;
use mach_store::sql::Query as Rows;
use mach_store::{passkeys, people, resources, schema};
use mach_ui::components::{
    Button, Card, Cell, Column, Empty, Field, FieldKind, Icon, Notice, PageHead, PostForm, Row, Table, Tone, chip,
};
use mach_ui::http::Problem;
use mach_ui::shell::Crumb;
use mach_ui::{Html, Lang, msg, shell};
use serde::Deserialize;
use std::collections::HashMap;

/// Looks on one page.
const LOOKS: usize = 200;
/// Emergencies on one page.
const EMERGENCIES: usize = 50;
/// Those whom a person lets in by themselves.
const LET_IN: [Relation; 2] = [Relation::Proxy, Relation::Household];
/// Days ahead to which somebody may be let in.
const SHARE_DAYS: i32 = 5 * 366;
const DAY: i64 = 86_400;

/// The account of a number that names nobody.
const NOBODY: i64 = -1;

/// A number by its last characters, as its owner knows it again.
fn last_of(number: &str) -> String {
    let plain: Vec<char> = number.chars().filter(char::is_ascii_alphanumeric).collect();
    format!("•••{}", plain[plain.len().saturating_sub(3)..].iter().collect::<String>())
}

#[derive(Deserialize, Default)]
pub(crate) struct Asked {
    #[serde(default)]
    done: String,
}

/// What a citizen's page shows.
struct Mine {
    /// Records open to the account, one's own first, each with its person's name.
    open: Vec<(Grant, String)>,
    /// Who may read one's own record, and whether by a paper of a guardian.
    shared: Vec<(Grant, bool)>,
    /// Whether others are kept out: by oneself; by what a facility wrote down.
    refuses: (bool, bool),
    /// Whether the account has a passkey that opens something.
    has_key: bool,
}

/// The person whose account this is.
fn own_person(on: &mut dyn Rows, account: i64) -> mach_store::Result<Option<i64>> {
    let own = grants::of_account(on, account)?;
    Ok(own.iter().find(|g| g.relation == Relation::OneSelf).map(|g| g.person))
}

pub(crate) async fn page(
    State(house): State<House>,
    session: Session,
    Query(asked): Query<Asked>,
) -> Result<Html, Problem> {
    let decision = house.decide(&session, Act::ReadOwn).await?;
    let mine = mine(&house, &decision).await?;
    house.write(decision, |tx| tx.audit(None, "own page", "granted")).await?;
    Ok(render(&session, &mine, &asked, (&Share::default(), &Errors::new())))
}

async fn mine(house: &House, decision: &Decision) -> Result<Mine, Problem> {
    let account = decision.actor().account;
    house
        .read(decision.clone(), move |r| -> Result<Mine, Failure> {
            let mut open = Vec::new();
            for grant in grants::of_account(r, account)? {
                let name = people::person(r, grant.person)?.map(|p| p.name).unwrap_or_default();
                open.push((grant, name));
            }
            open.sort_by_key(|(grant, _)| grant.relation != Relation::OneSelf);
            let (mut shared, mut refuses) = (Vec::new(), (false, false));
            if let Some(own) = own_person(r, account)? {
                for grant in grants::held(r, own, &LET_IN)? {
                    let is_guardian = grants::guardian_of(r, grant.id)?.is_some();
                    shared.push((grant, is_guardian));
                }
                refuses = grants::refuses_all(r, own)?;
            }
            let has_key = passkeys::of_account(r, account)?.iter().any(|key| key.copied.is_none());
            Ok(Mine { open, shared, refuses, has_key })
        })
        .await
}

fn render(session: &Session, mine: &Mine, asked: &Asked, typed: (&Share, &Errors)) -> Html {
    let lang = session.lang;
    let mut parts = vec![Html::from(PageHead::new(lang.t(msg::ME)).lead(lang.t(msg::ME_LEAD)))];
    if asked.done == "shared" {
        parts.push(Notice::new(lang, Tone::Good, lang.t(msg::ME_SHARE_DONE)).into());
    }
    for (grant, name) in &mine.open {
        let own = grant.relation == Relation::OneSelf;
        let title = if own { lang.t(msg::ME_OWN).to_owned() } else { lang.fmt(msg::ME_OF, &[("name", name)]) };
        let until = lang.fmt(msg::ME_UNTIL, &[("until", &moment(grant.until))]);
        let open = Button::link(lang.t(msg::ME_OPEN), format!("/people/{}", grant.person));
        let open = if own { open.as_primary() } else { open };
        let looks = Button::link(lang.t(msg::ME_LOOKS), format!("/me/looks/{}", grant.person));
        let note = if own { name.clone() } else { until };
        let mut acts = vec![Html::from(open), looks.into()];
        if grant.relation == Relation::Proxy {
            let stop =
                PostForm::new(lang, format!("/me/share/{}/end", grant.id), Button::submit(lang.t(msg::ME_GIVE_UP)));
            acts.push(stop.sure(lang.t(msg::ME_GIVE_UP_SURE)).into());
        }
        let acts = mach_ui::components::laid_out(mach_ui::components::Layout::Row, acts);
        let body = stack([Html::text(&note), acts]);
        parts.push(Card::new(title, body).into());
    }
    if mine.open.iter().any(|(grant, _)| grant.relation == Relation::OneSelf) {
        parts.push(shares(lang, mine, typed));
        parts.push(refusal(lang, mine.refuses));
    }
    parts.push(keys(session, mine.has_key));
    shell::page(&session.meta(lang.t(msg::ME), "/me"), stack(parts))
}

/// The way to one's passkeys. They ask for a proof that is fresh, and a citizen has no password: who came in by a code, and not
/// lately, comes in anew.
fn keys(session: &Session, has_key: bool) -> Html {
    let lang = session.lang;
    let (lead, label, href) = match has_key || session.is_proven().is_ok() {
        true => (msg::ME_KEYS_LEAD, msg::PASSKEYS, "/account/passkeys"),
        false => (msg::ME_KEYS_AGAIN, msg::SIGN_IN, "/me/sign-in"),
    };
    let body = stack([Html::text(lang.t(lead)), Button::link(lang.t(label), href).into()]);
    Card::new(lang.t(msg::PASSKEYS), body).into()
}

fn shares(lang: Lang, mine: &Mine, (typed, errors): (&Share, &Errors)) -> Html {
    let fields = [
        Field::new("number", lang.t(msg::ME_SHARE_NUMBER), FieldKind::Digits).value(&*typed.number).required(),
        Field::new("until", lang.t(msg::ME_SHARE_UNTIL), FieldKind::Date).value(&*typed.until).required(),
    ];
    let fields = fields.map(|field| field.told(errors));
    let mut parts = vec![Html::text(lang.t(msg::ME_SHARE_LEAD))];
    for (grant, is_guardian) in &mine.shared {
        let until = lang.fmt(msg::ME_UNTIL, &[("until", &moment(grant.until))]);
        if *is_guardian {
            // By a court's decision, or what stands for it: it ends with that, at the desk that wrote it down.
            let who = Html::text(&format!("{} · {until}", grant.reason));
            parts.push(stack([who, mach_ui::components::muted(lang.t(msg::GUARDIAN_MINE))]));
            continue;
        }
        let stop = PostForm::new(lang, format!("/me/share/{}/end", grant.id), Button::submit(lang.t(msg::ME_STOP)));
        let stop = Html::from(stop.sure(lang.t(msg::ME_STOP_SURE)));
        parts.push(stack([Html::text(&format!("{} · {until}", grant.reason)), stop]));
    }
    parts.push(form(lang, "/me/share", &fields, Button::submit(lang.t(msg::ME_SHARE_DO))));
    Card::new(lang.t(msg::ME_SHARE), stack(parts)).into()
}

fn refusal(lang: Lang, (own, written): (bool, bool)) -> Html {
    let (label, value) = if own { (msg::ME_REFUSE_END, "0") } else { (msg::ME_REFUSE_DO, "1") };
    let button = PostForm::new(lang, "/me/refusal", Button::submit(lang.t(label))).with("refuse", value);
    let mut parts = Vec::new();
    for (is_so, text) in [(own, msg::ME_REFUSED), (written, msg::ME_REFUSED_WRITTEN)] {
        if is_so {
            parts.push(Notice::new(lang, Tone::Info, lang.t(text)).into());
        }
    }
    parts.extend([Html::text(lang.t(msg::ME_REFUSE_LEAD)), button.into()]);
    Card::new(lang.t(msg::ME_REFUSE), stack(parts)).into()
}

#[derive(Deserialize, Default)]
pub(crate) struct Share {
    #[serde(default)]
    number: String,
    #[serde(default)]
    until: String,
}

pub(crate) async fn share(
    State(house): State<House>,
    session: Session,
    Form(typed): Form<Share>,
) -> Result<Response, Problem> {
    let decision = house.decide(&session, Act::ReadOwn).await?;
    let (lang, today, account) = (session.lang, Day::today(), session.actor.account);
    let day = Day::parse_iso(&typed.until).filter(|d| (today.0..=today.0 + SHARE_DAYS).contains(&d.0));
    let number = typed.number.trim().to_owned();
    let mut errors = Errors::new();
    if number.is_empty() {
        errors.push(("number", lang.t(msg::FIELD_REQUIRED).to_owned()));
    }
    errors.extend(desk::too_long(lang, &number, limits::NAME_CHARS).map(|error| ("number", error)));
    let Some(day) = day.filter(|_| errors.is_empty()) else {
        if day.is_none() {
            errors.push(("until", lang.t(msg::ME_SHARE_WRONG).to_owned()));
        }
        return refused(&house, &session, &decision, (&typed, &errors)).await;
    };
    // The day ends when it does in Viet Nam.
    let until = (i64::from(day.0) + 1) * DAY - 7 * 3_600;
    session.looks_for_people()?;
    let done = house
        .write(decision.clone(), move |tx| {
            let own = own_person(tx, account)?;
            let Some(own) = own else { return tx.audit(None, "share", "failed").map(|()| "shared") };
            if grants::held(tx, own, &LET_IN)?.len() >= limits::SHARES {
                return tx.audit(Some(own), "share", "failed").map(|()| "many");
            }
            let carer = mach_people::by_exact_number(tx, &number);
            let carer = carer.map_err(|e| mach_store::Error::Refused(e.to_string()))?;
            // A number that names nobody is let in too: nobody comes, and the page does not tell which numbers are known.
            let reader = match carer.filter(|carer| *carer != own) {
                Some(carer) => tx.citizen_account(carer)?.unwrap_or(NOBODY),
                None => NOBODY,
            };
            tx.grant(&NewGrant {
                person: own,
                account: reader,
                facility: 0,
                relation: Relation::Proxy,
                purpose: Purpose::Family,
                until,
                reason: last_of(&number),
                source: String::new(),
                from: 0,
                review: Review::NotNeeded,
            })
            .map(|_| "shared")
        })
        .await?;
    if done == "many" {
        let many = lang.fmt(msg::ME_SHARE_MANY, &[("most", &limits::SHARES.to_string())]);
        return refused(&house, &session, &decision, (&typed, &vec![("number", many)])).await;
    }
    Ok(Redirect::to("/me?done=shared").into_response())
}

/// The page with what was typed and what is wrong with it.
async fn refused(
    house: &House,
    session: &Session,
    decision: &Decision,
    typed: (&Share, &Errors),
) -> Result<Response, Problem> {
    let mine = mine(house, decision).await?;
    Ok((StatusCode::BAD_REQUEST, render(session, &mine, &Asked::default(), typed)).into_response())
}

pub(crate) async fn end_share(
    State(house): State<House>,
    session: Session,
    Path(id): Path<String>,
) -> Result<Redirect, Problem> {
    let decision = house.decide(&session, Act::ReadOwn).await?;
    let (id, account): (i64, i64) = (id.parse().map_err(|_| Problem::NotFound)?, session.actor.account);
    let ended = house
        .write(decision, move |tx| {
            let own = own_person(tx, account)?;
            match grants::by_id(tx, id)? {
                // Whose record it is, or who was let in.
                Some(g) if LET_IN.contains(&g.relation) && (Some(g.person) == own || g.account == account) => {
                    // Whom a guardian speaks for does not end it; the guardian may.
                    if g.account != account && grants::guardian_of(tx, id)?.is_some() {
                        return Ok(false);
                    }
                    let ended = crate::guardians::end(tx, &g)?;
                    if ended && g.at_facility != 0 {
                        crate::proxies::tell(tx, (g.person, g.account), Kind::ProxyEnded)?;
                    }
                    Ok(ended)
                }
                _ => Ok(false),
            }
        })
        .await?;
    if ended { Ok(Redirect::to("/me")) } else { Err(Problem::NotFound) }
}

#[derive(Deserialize)]
pub(crate) struct Refusal {
    #[serde(default)]
    refuse: String,
}

pub(crate) async fn refuse(
    State(house): State<House>,
    session: Session,
    Form(typed): Form<Refusal>,
) -> Result<Redirect, Problem> {
    let decision = house.decide(&session, Act::ReadOwn).await?;
    let account = session.actor.account;
    let known = house
        .write(decision, move |tx| {
            let Some(own) = own_person(tx, account)? else { return Ok(false) };
            if typed.refuse != "1" {
                tx.end_own_refusals(own)?;
            } else if !grants::refuses_all(tx, own)?.0 {
                tx.refuse(own, 0, &format!("{}{own}", grants::BY_SELF))?;
            }
            Ok(true)
        })
        .await?;
    if known { Ok(Redirect::to("/me")) } else { Err(Problem::NotFound) }
}

struct Looks {
    person: i64,
    name: String,
    /// Each with its number, and whether there are earlier ones.
    entries: (Vec<(i64, Entry)>, bool),
    emergencies: (Vec<Grant>, bool),
    /// What the access desk opened, newest first.
    desk: Vec<Grant>,
    codes: HashMap<i64, String>,
}

/// Where a page of looks begins: what comes before these.
#[derive(Deserialize, Default, Clone, Copy)]
pub(crate) struct Before {
    look: Option<i64>,
    emergency: Option<i64>,
}

/// At most `most` of what was found, and whether there is more.
fn page_of<T>(mut found: Vec<T>, most: usize) -> (Vec<T>, bool) {
    let more = found.len() > most;
    found.truncate(most);
    (found, more)
}

pub(crate) async fn looks(
    State(house): State<House>,
    session: Session,
    Path(person): Path<String>,
    Query(before): Query<Before>,
) -> Result<Html, Problem> {
    let decision = house.decide(&session, Act::ReadOwn).await?;
    let person: i64 = person.parse().map_err(|_| Problem::NotFound)?;
    let account = session.actor.account;
    let found = house
        .read(decision.clone(), move |r| -> Result<Option<Looks>, Failure> {
            if !resources::may_open(r, person)? {
                return Ok(None);
            }
            let name = people::person(r, person)?.map(|p| p.name).unwrap_or_default();
            let asked = (before.emergency, EMERGENCIES + 1);
            let mut emergencies = grants::by_relation(r, person, Relation::BreakGlass, asked)?;
            // Why it was one may be what the person tells nobody.
            if own_person(r, account)? != Some(person) {
                emergencies.iter_mut().for_each(|grant| grant.reason.clear());
            }
            let entries = page_of(audit::looks_at(r, person, (before.look, LOOKS + 1))?, LOOKS);
            let emergencies = page_of(emergencies, EMERGENCIES);
            let desk = grants::by_relation(r, person, Relation::Desk, (None, EMERGENCIES))?;
            let codes = schema::facilities(r)?.into_iter().collect();
            Ok(Some(Looks { person, name, entries, emergencies, desk, codes }))
        })
        .await?;
    let outcome = if found.is_some() { "granted" } else { "denied" };
    house.write(decision, move |tx| tx.audit(Some(person), &format!("looks {person}"), outcome)).await?;
    let found = found.ok_or(Problem::NotFound)?;
    Ok(shown(&session, &found))
}

fn shown(session: &Session, found: &Looks) -> Html {
    let lang = session.lang;
    let title = lang.t(msg::ME_LOOKS);
    let mut meta = session.meta(title, "/me");
    meta.crumbs = vec![Crumb::link(lang.t(msg::ME), "/me"), Crumb::here(title)];
    let place = |id: Option<i64>| match id.and_then(|id| found.codes.get(&id)) {
        Some(code) => facility_name(code),
        None => lang.t(msg::DEPARTMENT_OF_HEALTH).to_owned(),
    };
    let mut parts =
        vec![Html::from(PageHead::new(title).lead(format!("{} · {}", found.name, lang.t(msg::ME_LOOKS_LEAD))))];
    let at = |what: &str, id: i64| format!("/me/looks/{}?{what}={id}", found.person);
    for grant in &found.emergencies.0 {
        let facility = place(Some(grant.at_facility).filter(|f| *f != 0));
        let text = format!("{} · {} · {facility} · {}", lang.t(msg::ME_EMERGENCY), grant.made_name, moment(grant.made));
        let mut notice = Notice::new(lang, Tone::Warning, text);
        notice.more = Html::text(&grant.reason);
        parts.push(notice.into());
    }
    if let Some(last) = found.emergencies.0.last().filter(|_| found.emergencies.1) {
        parts.push(Button::link(lang.t(msg::ME_EMERGENCY_OLDER), at("emergency", last.id)).into());
    }
    for grant in &found.desk {
        let facility = place(Some(grant.at_facility).filter(|f| *f != 0));
        let until = moment(grant.until);
        let (what, state) = match grant.holds() {
            true => (desk::purpose_label(lang, grant.purpose), lang.fmt(msg::ME_UNTIL, &[("until", &until)])),
            false => (desk::purpose_label(lang, grant.purpose), lang.t(msg::DESK_OVER).to_owned()),
        };
        let text = format!("{} · {what} · {facility} · {} · {state}", lang.t(msg::DESK), moment(grant.made));
        let mut notice = Notice::new(lang, Tone::Info, text);
        notice.more = Html::text(&grant.reason);
        parts.push(notice.into());
    }
    let row = |(_, entry): &(i64, Entry)| {
        let (role, act) = (Role::parse(&entry.role), Act::parse(&entry.act));
        let role = role.map_or("", |r| lang.t(role_label(r)));
        let emergency = act == Some(Act::BreakGlass);
        let why = match (Role::parse(&entry.role), act) {
            _ if emergency => chip(Tone::Bad, lang.t(msg::ME_EMERGENCY)),
            (Some(Role::Visitor), _) => Html::text(entry.purpose.map_or("", |p| desk::purpose_label(lang, p))),
            (Some(role), Some(act)) => Html::text(lang.t(purpose(Policy::shared().purpose(role, act)))),
            _ => Html::text(lang.t(msg::ME_PURPOSE_OTHER)),
        };
        let denied = entry.outcome != "granted";
        let when = if denied {
            format!("{} · {}", moment(entry.at), lang.t(msg::RECORD_OUTCOME_DENIED))
        } else {
            moment(entry.at)
        };
        Row::new([
            match Role::parse(&entry.role) {
                // What the program does by itself has no name.
                Some(Role::Console) => Cell(Html::text(role)),
                _ => Cell::two(&entry.name, role),
            },
            Cell(Html::text(&place(entry.facility))),
            Cell(Html::text(&when)),
            Cell(why),
        ])
    };
    let columns = [msg::ME_WHO, msg::ME_WHERE, msg::ME_WHEN, msg::ME_WHY].map(|m| Column::text(lang.t(m))).to_vec();
    let empty = Empty::new(Icon::People, lang.t(msg::ME_LOOKS_NONE), "");
    let table = Table::new(lang, title, columns).rows(found.entries.0.iter().map(row).collect()).empty(empty).stack();
    parts.push(Table { caption_hidden: true, ..table }.into());
    if let Some((last, _)) = found.entries.0.last().filter(|_| found.entries.1) {
        parts.push(Button::link(lang.t(msg::ME_LOOKS_OLDER), at("look", *last)).into());
    }
    shell::page(&meta, stack(parts))
}

fn purpose(purpose: Purpose) -> mach_ui::Msg {
    match purpose {
        Purpose::Treatment => msg::ME_PURPOSE_TREAT,
        Purpose::Payment => msg::ME_PURPOSE_PAY,
        Purpose::Operations | Purpose::PublicHealth | Purpose::System => msg::ME_PURPOSE_RUN,
        Purpose::Emergency => msg::ME_PURPOSE_EMERGENCY,
        Purpose::Patient | Purpose::Family => msg::ME_PURPOSE_OWN,
        Purpose::Research | Purpose::Education | Purpose::Legal => msg::ME_PURPOSE_OTHER,
    }
}
