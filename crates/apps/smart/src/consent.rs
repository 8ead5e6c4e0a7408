//! The page that says which app gets what, and of whom.

use crate::authorize::{Consent, is_citizen};
use crate::oauth::Params;
use crate::words;
use mach_access::Act;
use mach_access::policy::Relation;
use mach_base::limits;
use mach_house::{Failure, House, Session, facility_name, role_label};
use mach_people::Page;
use mach_store::sql::Query;
use mach_store::{grants, people, resources};
use mach_ui::components::{
    Button, Card, Definitions, Field, FieldKind, Filters, Notice, PageHead, Tone, field_form, line, muted, stack,
};
use mach_ui::http::{Here, Problem};
use mach_ui::shell::PageMeta;
use mach_ui::{Html, Lang, Msg, msg, shell};

/// People that are offered at a time.
const OFFERED: usize = 10;
/// Pages of a search that are looked through for them.
const SEARCHED: usize = 10;

/// Says on a page what is wrong: there is nobody else to tell.
pub(crate) fn refused(lang: Lang, here: &Here, text: Msg) -> Html {
    let title = lang.t(msg::SMART_REFUSED).to_owned();
    let meta = PageMeta { lang, title: title.clone(), here: here.0.clone(), ..PageMeta::default() };
    let parts = [
        Html::from(PageHead::new(title)),
        Notice::new(lang, Tone::Bad, lang.t(text)).into(),
        line(lang.t(msg::SMART_REFUSED_DO)),
    ];
    shell::bare(&meta, stack(parts))
}

/// A patient that may be chosen.
struct Choice {
    id: String,
    name: String,
}

/// Whether the session may be shown the Patient with this id.
pub(crate) async fn may_see(house: &House, session: &Session, id: &str) -> Result<bool, Problem> {
    let decision = house.decide(session, Act::ReadFhir).await?;
    let (scope, id) = (decision.scope(), id.to_owned());
    house.read(decision, move |r| Ok::<_, Failure>(resources::person_of(r, scope, &id)?.is_some())).await
}

/// Patients that are offered: one's own, or those that a search finds.
async fn offered(house: &House, session: &Session, find: &str) -> Result<Vec<Choice>, Problem> {
    if !is_citizen(session) {
        if find.trim().is_empty() {
            return Ok(Vec::new());
        }
        house.decide(session, Act::SearchPeople).await?;
        session.looks_for_people()?;
    }
    let decision = house.decide(session, Act::ReadFhir).await?;
    let (citizen, account, text) = (is_citizen(session), session.actor.account, find.trim().to_owned());
    let (scope, chars) = (decision.scope(), find.chars().count());
    let offered = house
        .read(decision, move |r| -> Result<Vec<Choice>, Failure> {
            if !citizen {
                return found(r, scope, &text);
            }
            let own = grants::of_account(r, account)?;
            let own = own.iter().filter(|g| g.relation == Relation::OneSelf).map(|g| g.person);
            own.filter_map(|person| choice(r, scope, person).transpose()).collect()
        })
        .await?;
    if !citizen {
        let decision = house.decide(session, Act::SearchPeople).await?;
        house.write(decision, move |tx| tx.audit(None, &format!("search {chars} chars"), "granted")).await?;
    }
    Ok(offered)
}

/// Patients that a search finds and the asker may be shown, at most [`OFFERED`]: those who are hidden take nobody's place.
fn found(on: &mut dyn Query, scope: mach_access::Scope, text: &str) -> Result<Vec<Choice>, Failure> {
    let (mut found, mut after): (Vec<Choice>, Option<String>) = Default::default();
    for _ in 0..SEARCHED {
        let part = Page { after, limit: OFFERED };
        let page = mach_people::search_open(on, text, scope.facility(), &part).map_err(Problem::internal)?;
        for hit in page.hits {
            if let Some(choice) = choice(on, scope, hit.person.id)?
                && found.iter().all(|known| known.id != choice.id)
            {
                found.push(choice);
            }
        }
        after = page.next;
        if after.is_none() || found.len() >= OFFERED {
            break;
        }
    }
    found.truncate(OFFERED);
    Ok(found)
}

fn choice(on: &mut dyn Query, scope: mach_access::Scope, person: i64) -> Result<Option<Choice>, Failure> {
    let Some(row) = people::person(on, person)? else { return Ok(None) };
    let Some(id) = resources::patient_of(on, person)? else { return Ok(None) };
    // A person whose Patient is hidden is not offered.
    if resources::person_of(on, scope, &id)? != Some(person) {
        return Ok(None);
    }
    let born = if row.birth_year == 0 { String::new() } else { format!(" · {}", row.birth_year) };
    Ok(Some(Choice { id, name: format!("{}{born}", row.name) }))
}

/// The page of consent. `request`: the query it came by, which the form carries.
pub(crate) async fn page(
    house: &House,
    consent: &Consent,
    params: &Params,
    request: &str,
    error: Option<Msg>,
) -> Result<Html, Problem> {
    let session = &consent.session;
    let lang = session.lang;
    let app = &consent.asked.app;
    let find = params.get("find").unwrap_or_default();
    let choices = if consent.chooses { offered(house, session, find).await? } else { Vec::new() };
    let who = lang.fmt(
        msg::SMART_CONSENT_WHO,
        &[("name", &session.actor.name), ("role", lang.t(role_label(session.actor.role)))],
    );
    let facility = session.facility_code.as_deref().map(facility_name).unwrap_or_default();
    let mut about = Definitions::default()
        .row(lang.t(msg::SMART_APP), Html::text(&app.what.name))
        .row(
            lang.t(msg::SMART_CONSENT_YOU),
            Html::text(&if facility.is_empty() { who } else { format!("{who} · {facility}") }),
        )
        .row(lang.t(msg::SMART_CONSENT_TO), Html::text(&words::site(&consent.asked.redirect)));
    if let Some((launch, _)) = &consent.launch {
        let name = name_of(house, session, &launch.patient).await?;
        about = about.row(lang.t(msg::SMART_CONSENT_PATIENT), Html::text(&name));
    }
    let wants: Vec<Html> = words::of_scopes(lang, &consent.granted).iter().map(|text| line(text)).collect();
    let title = lang.fmt(msg::SMART_CONSENT, &[("app", &app.what.name)]);
    let mut parts = vec![Html::from(PageHead::new(&title).lead(lang.t(msg::SMART_CONSENT_LEAD)))];
    parts.extend(error.map(|text| Html::from(Notice::new(lang, Tone::Bad, lang.t(text)))));
    parts.push(Card::new(lang.t(msg::SMART_CONSENT_WHAT), stack([Html::from(about), stack(wants)])).into());
    if consent.chooses && !is_citizen(session) {
        let mut field = Field::new("find", lang.t(msg::SMART_FIND), FieldKind::Search).value(find);
        field.max_chars = limits::SEARCH_CHARS;
        let kept = form_urlencoded::parse(request.as_bytes()).into_owned().filter(|(name, _)| name != "find").collect();
        let form =
            Filters { lang, action: "/oauth/authorize".into(), fields: vec![field], kept, active: !find.is_empty() };
        parts.push(Card::new(lang.t(msg::SMART_CHOOSE), form).into());
    }
    let mut fields = Vec::new();
    if consent.chooses && !choices.is_empty() {
        let one = choices.len() == 1;
        let first = (String::new(), lang.t(msg::SMART_CHOOSE).to_owned());
        let all = choices.iter().map(|c| (c.id.clone(), c.name.clone()));
        let all = if one { all.collect() } else { std::iter::once(first).chain(all).collect() };
        fields.push(Field::new("patient", lang.t(msg::SMART_CONSENT_PATIENT), FieldKind::Choice(all)).required());
    }
    let nothing = consent.chooses && choices.is_empty() && is_citizen(session);
    if nothing {
        parts.push(Notice::new(lang, Tone::Warning, lang.t(msg::SMART_OWN_NONE)).into());
    }
    if consent.chooses && choices.is_empty() && !find.is_empty() {
        parts.push(Notice::new(lang, Tone::Warning, lang.t(msg::SMART_FIND_NONE)).into());
    }
    let hidden = |decision: &str| vec![("request_shown", request.to_owned()), ("decision", decision.to_owned())];
    if !consent.chooses || !choices.is_empty() {
        let allow = Button::primary(lang.t(msg::SMART_ALLOW));
        let form = field_form(lang, "/oauth/authorize", ("", hidden("allow")), &fields, [allow.into()]);
        parts.push(Card::new("", form).into());
    }
    // It is told that nothing was let.
    let deny = Button::submit(lang.t(if nothing { msg::SMART_BACK } else { msg::SMART_DENY }));
    parts.push(field_form(lang, "/oauth/authorize", ("", hidden("deny")), &[], [deny.into()]));
    parts.push(muted(lang.t(msg::SMART_CONSENT_END)));
    Ok(shell::page(&session.meta(title, "/account"), stack(parts)))
}

/// The name of a Patient's person, as far as the session may know.
pub(crate) async fn name_of(house: &House, session: &Session, patient: &str) -> Result<String, Problem> {
    let decision = house.decide(session, Act::ReadFhir).await?;
    let (scope, id) = (decision.scope(), patient.to_owned());
    let found = house.read(decision, move |r| -> Result<_, Failure> {
        let Some(person) = resources::person_of(r, scope, &id)? else { return Ok(None) };
        Ok(people::person(r, person)?.map(|p| p.name))
    });
    Ok(found.await?.unwrap_or_else(|| patient.to_owned()))
}
