//! One person: doses, passes; a pass is issued and taken back. The list of passes taken back.

use crate::bodies::day;
use crate::pass::{self, No};
use crate::products::Products;
use crate::view::{link, moment, refusal};
use crate::{Shop, keys};
use axum::Extension;
use axum::extract::{Form, Path, Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Redirect, Response};
use mach_access::{Act, Decision, decide};
use mach_base::time::now_seconds;
use mach_base::{Day, Minute};
use mach_house::{Failure, House, Session};
use mach_store::people::{self, PersonRow};
use mach_store::schema;
use mach_store::vaccines::{self, Dose, Pass};
use mach_ui::components::{
    Allergies, Button, Card, Cell, Column, Empty, Field, FieldKind, Icon, Notice, PageHead, PatientBanner, PostForm,
    Row, Sex, Table, Tone, chip, field_form, line, stack,
};
use mach_ui::http::Problem;
use mach_ui::shell::{Crumb, PageMeta};
use mach_ui::{Html, Lang, msg, shell};
use serde::Deserialize;

/// What is known of a person here.
pub(crate) struct Seen {
    pub(crate) row: PersonRow,
    pub(crate) doses: Vec<Dose>,
    pub(crate) passes: Vec<Pass>,
    pub(crate) doubtful: bool,
    facilities: std::collections::HashMap<i64, String>,
}

/// A person as the session may see them: who has no dose here is not there. That is audited.
pub(crate) async fn seen(house: &House, decision: &Decision, person: i64) -> Result<Seen, Problem> {
    let found = house
        .read(decision.clone(), move |r| {
            let doses = vaccines::of_person(r, person)?;
            let passes = vaccines::passes(r, person)?;
            let row = people::person(r, person)?.filter(|_| !doses.is_empty());
            let facilities = schema::facilities(r)?.into_iter().collect();
            let doubtful = vaccines::is_doubtful(r, person)?;
            Ok::<_, Failure>(row.map(|row| Seen { row, doses, passes, doubtful, facilities }))
        })
        .await?;
    let found = found.ok_or(Problem::NotFound)?;
    house.write(decision.clone(), move |tx| tx.audit(Some(person), "doses of vaccine", "granted")).await?;
    Ok(found)
}

fn banner(lang: Lang, p: &PersonRow) -> PatientBanner {
    PatientBanner {
        born: p.birth_day.map(day),
        birth_year: i32::try_from(p.birth_year).ok().filter(|y| *y != 0),
        sex: match p.sex {
            1 => Sex::Male,
            2 => Sex::Female,
            3 => Sex::Other,
            _ => Sex::Unknown,
        },
        ids: p.national.iter().map(|n| (lang.t(msg::VAC_ID).to_owned(), n.clone())).collect(),
        allergies: Allergies::NotAsked,
        ..PatientBanner::new(lang, p.name.as_str(), Day::today())
    }
}

fn doses(lang: Lang, seen: &Seen) -> Html {
    let columns = [msg::VAC_VACCINE, msg::VAC_NUMBER, msg::VAC_DAY, msg::VAC_LOT, msg::VAC_FACILITY];
    let rows = seen.doses.iter().map(|d| {
        let product = Products::shared().find(&d.product).map_or(d.product.as_str(), |p| p.name.as_str());
        let facility = seen.facilities.get(&d.facility).map(|c| mach_house::facility_name(c)).unwrap_or_default();
        Row::new([product.to_owned(), d.number.to_string(), day(d.day).vi(), d.lot.clone(), facility])
    });
    let table = Table::new(lang, lang.t(msg::VAC_DOSES), columns.map(|c| Column::text(lang.t(c))).into());
    Card::new(lang.t(msg::VAC_DOSES), table.rows(rows.collect()).stack()).into()
}

fn passes(lang: Lang, seen: &Seen) -> Html {
    let now = now_seconds();
    let columns = [msg::VAC_CODE, msg::VAC_STATE, msg::VAC_ISSUED_AT, msg::VAC_EXPIRES, msg::VAC_PAPER];
    let rows = seen.passes.iter().map(|p| {
        let (tone, word) = match p.revoked {
            Some(_) => (Tone::Bad, msg::VAC_STATE_REVOKED),
            None if p.expires <= now => (Tone::Warning, msg::VAC_STATE_EXPIRED),
            None => (Tone::Good, msg::VAC_STATE_VALID),
        };
        Row::new([
            Cell::from(p.code.clone()),
            Cell(chip(tone, lang.t(word))),
            Cell::from(moment(p.issued)),
            Cell::from(Minute::of_seconds(p.expires).day().vi()),
            Cell::link("PDF", &format!("/vaccines/passes/{}/pass.pdf", p.code)),
        ])
    });
    let table = Table::new(lang, lang.t(msg::VAC_PASSES), columns.map(|c| Column::text(lang.t(c))).into())
        .rows(rows.collect())
        .empty(Empty::new(Icon::Shield, lang.t(msg::VAC_NO_PASS), ""))
        .stack();
    Card::new(lang.t(msg::VAC_PASSES), table).into()
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    done: String,
}

/// `GET /vaccines/people/{person}`.
pub(crate) async fn page(
    State(house): State<House>,
    session: Session,
    Path(person): Path<i64>,
    Query(asked): Query<Asked>,
) -> Result<Html, Problem> {
    let decision = house.decide(&session, Act::ReadVaccines).await?;
    let seen = seen(&house, &decision, person).await?;
    let lang = session.lang;
    let done = match asked.done.as_str() {
        "issue" => Some(msg::VAC_ISSUED_NOW),
        "revoke" => Some(msg::VAC_REVOKED_NOW),
        "revoke-later" => Some(msg::VAC_REVOKED_LATER),
        "mend" => Some(msg::VAC_MENDED),
        _ => None,
    };
    let now = now_seconds();
    let valid = seen.passes.iter().find(|p| p.revoked.is_none() && p.expires > now);
    let mut acts = Vec::new();
    if seen.doubtful {
        acts.push(Notice::new(lang, Tone::Warning, lang.t(msg::VAC_IN_DOUBT)).into());
    }
    if decide(&session.actor, Act::IssuePasses).is_ok() {
        match valid {
            None if pass::counted(&seen.doses).is_some() && !seen.doubtful => {
                let button = Button::primary(lang.t(msg::VAC_ISSUE)).icon(Icon::Check);
                let issue = PostForm::new(lang, format!("/vaccines/people/{person}/issue"), button);
                let body = Html::concat([line(lang.t(msg::VAC_ISSUE_LEAD)), issue.into()]);
                acts.push(Card::new(lang.t(msg::VAC_ISSUE), body).into());
            }
            Some(valid) => {
                let why = Field::new("why", lang.t(msg::VAC_WHY), FieldKind::Text).required();
                let action = format!("/vaccines/passes/{}/revoke", valid.code);
                let button = Button::submit(lang.t(msg::VAC_REVOKE)).into();
                let body = field_form(lang, action, (lang.t(msg::VAC_REVOKE_LEAD), Vec::new()), &[why], [button]);
                acts.push(Card::new(lang.t(msg::VAC_REVOKE), body).into());
            }
            None => {}
        }
    }
    let mut actions = Vec::new();
    if decide(&session.actor, Act::ReadRecord).is_ok() {
        actions.push(link(lang.t(msg::NAV_PEOPLE), format!("/people/{person}"), Icon::Person));
    }
    let head = PageHead::new(seen.row.name.clone()).lead(lang.t(msg::VAC_PERSON_LEAD)).actions(actions);
    let notice = done.map(|text| Notice::new(lang, Tone::Good, lang.t(text)).into());
    let parts = [Some(head.into()), notice, Some(doses(lang, &seen)), Some(passes(lang, &seen))];
    let crumbs = vec![Crumb::link(lang.t(msg::VAC), "/vaccines"), Crumb::here(seen.row.name.as_str())];
    let meta = PageMeta {
        crumbs,
        banner: banner(lang, &seen.row).into(),
        ..session.meta(seen.row.name.as_str(), "/vaccines")
    };
    Ok(shell::page(&meta, stack(parts.into_iter().flatten().chain(acts))))
}

/// The key that signs here, or why nobody can sign.
pub(crate) async fn signer(lang: Lang, shop: &Shop) -> Result<keys::Signer, Problem> {
    let data = shop.data.clone();
    let signer = tokio::task::spawn_blocking(move || keys::open(&data)).await.map_err(Problem::internal)?;
    let broken = |e: String| {
        tracing::error!("the key of vaccine passes: {e}");
        Problem::Conflict(lang.t(msg::VAC_KEY_BROKEN).to_owned())
    };
    signer.map_err(broken)?.ok_or_else(|| Problem::Conflict(lang.t(msg::VAC_NO_KEY).to_owned()))
}

/// `POST /vaccines/people/{person}/issue`.
pub(crate) async fn issue(
    State(house): State<House>,
    session: Session,
    Extension(shop): Extension<Shop>,
    Path(person): Path<i64>,
) -> Result<Redirect, Problem> {
    let decision = house.decide(&session, Act::IssuePasses).await?;
    let signer = signer(session.lang, &shop).await?;
    match house.write(decision, move |tx| pass::issue(tx, &signer, person)).await? {
        Ok(_) => Ok(Redirect::to(&format!("/vaccines/people/{person}?done=issue"))),
        Err(no) => Err(refusal(session.lang, no)),
    }
}

/// Why a pass is taken back.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Reason {
    #[serde(default)]
    why: String,
}

/// `POST /vaccines/passes/{code}/revoke`.
pub(crate) async fn revoke(
    State(house): State<House>,
    session: Session,
    Extension(shop): Extension<Shop>,
    Path(code): Path<String>,
    Form(reason): Form<Reason>,
) -> Result<Redirect, Problem> {
    let decision = house.decide(&session, Act::IssuePasses).await?;
    let why: String = reason.why.trim().chars().take(500).collect();
    if why.is_empty() {
        return Err(Problem::BadRequest(session.lang.t(msg::VAC_WHY_WANTED).to_owned()));
    }
    let code = code.to_uppercase();
    let person = match house.write(decision, move |tx| pass::revoke(tx, &code, &why)).await? {
        Ok(person) => person,
        Err(No::Unknown) => return Err(Problem::NotFound),
        Err(no) => return Err(refusal(session.lang, no)),
    };
    // It is taken back here. Where the list cannot be published now, the worker does it as soon as it can.
    let (store, data) = (house.store().clone(), shop.data.clone());
    let published = tokio::task::spawn_blocking(move || {
        let signer = keys::open(&data)?.ok_or("there is no key")?;
        pass::publish(&store, &signer, &data)
    });
    let done = match published.await.map_err(Problem::internal)? {
        Ok(_) => "revoke",
        Err(e) => {
            tracing::error!("the list of passes taken back is not published: {e}");
            "revoke-later"
        }
    };
    Ok(Redirect::to(&format!("/vaccines/people/{person}?done={done}")))
}

/// `GET /vaccines/revoked`: the list as it was last signed.
pub(crate) async fn revoked(Extension(shop): Extension<Shop>) -> Result<Response, Problem> {
    let path = shop.data.join(pass::LIST);
    let text =
        match tokio::task::spawn_blocking(move || std::fs::read_to_string(path)).await.map_err(Problem::internal)? {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Err(Problem::NotFound),
            Err(e) => return Err(Problem::internal(e)),
        };
    Ok(([(header::CONTENT_TYPE, "application/jose")], text).into_response())
}
