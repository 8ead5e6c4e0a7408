//! What a text finds, each kind asked by its own act: who may not do it is not told whether there is something.
//!
//! Sketch at 40,000 people: sets of bits for the names (2–5 ms), one row by its key for each kind of number, words of some forty
//! pages and two hundred facilities in memory (0.2 ms): under 10 ms, and the entry in the trail.

use crate::{numbers, search};
use mach_access::{Act, Decision, decide};
use mach_base::Day;
use mach_base::limits::FOUND_ROWS;
use mach_base::text::fold;
use mach_forms::library;
use mach_house::pages::says;
use mach_house::person::{birth_and_age, masked_ids, sex};
use mach_house::{Failure, House, Session, pages};
use mach_people::Page;
use mach_store::schema;
use mach_terms::Facilities;
use mach_ui::components::{Icon, LinkItem, Links};
use mach_ui::http::Problem;
use mach_ui::{Lang, Msg, format, msg};
use std::collections::HashSet;

/// Letters from which on people are looked for.
const PEOPLE_CHARS: usize = 2;

/// What was found.
#[derive(Default)]
pub(crate) struct Found {
    /// Lines by kind; kinds without a line are left out.
    pub groups: Vec<Links>,
    /// A number was typed that is too short to look for.
    pub short: bool,
}

impl Found {
    fn add(&mut self, lang: Lang, title: Msg, items: Vec<LinkItem>, all: Option<(String, String)>) {
        if !items.is_empty() {
            self.groups.push(Links { title: lang.t(title).to_owned(), items, all });
        }
    }
}

/// Everything that `text` finds for a session, people first. Who looked and how much was typed is audited; never the text, which is
/// somebody's name or number.
pub(crate) async fn all(house: &House, session: &Session, text: &str) -> Result<Found, Problem> {
    let (lang, mut found) = (session.lang, Found::default());
    if text.is_empty() {
        return Ok(found);
    }
    let may = |act| decide(&session.actor, act).ok();
    if text.chars().count() >= PEOPLE_CHARS
        && let Some(decision) = may(Act::SearchPeople)
    {
        people(house, session, decision, text, &mut found).await?;
    }
    let typed = text.to_owned();
    if let Some(decision) = may(Act::ReadCertificates) {
        let text = typed.clone();
        let work = move |r: &mut mach_store::Reader| Ok::<_, Failure>(numbers::certificates(r, &text, FOUND_ROWS)?);
        let items = house.read(decision.clone(), work).await?;
        shown(house, decision, "search certificates", &items).await?;
        found.add(lang, msg::FIND_CERTIFICATES, items, None);
    }
    if let Some(decision) = may(Act::ReadPrescriptions) {
        let (text, account) = (typed.clone(), session.actor.account);
        let work = move |r: &mut mach_store::Reader| Ok::<_, Failure>(numbers::prescription(r, &text, account)?);
        let items: Vec<LinkItem> = house.read(decision.clone(), work).await?.into_iter().collect();
        shown(house, decision, "search prescriptions", &items).await?;
        found.add(lang, msg::FIND_PRESCRIPTIONS, items, None);
    }
    if let Some(decision) = may(Act::ReadClaims) {
        let (text, scope) = (typed.clone(), decision.scope());
        let work =
            move |r: &mut mach_store::Reader| Ok::<_, Failure>(numbers::claims(r, lang, &text, (scope, FOUND_ROWS))?);
        let items = house.read(decision.clone(), work).await?;
        shown(house, decision, "search claims", &items).await?;
        found.add(lang, msg::FIND_CLAIMS, items, None);
    }
    let of_house = pages::found(&session.actor, text).into_iter().take(FOUND_ROWS);
    found.add(lang, msg::FIND_PAGES, of_house.map(|p| LinkItem::new(p.icon, lang.t(p.label), p.href)).collect(), None);
    if let Some(decision) = may(Act::Administer) {
        let (forms, asked) = (forms(lang), fold(text));
        let work = move |r: &mut mach_store::Reader| {
            let scope = r.scope();
            let all = library::all(r, scope)?;
            Ok::<_, Failure>(
                all.iter()
                    .filter(|e| Lang::ALL.iter().any(|lang| says(e.form.title.in_lang(*lang), &asked)))
                    .map(&forms)
                    .take(FOUND_ROWS)
                    .collect(),
            )
        };
        let items = house.read(decision, work).await?;
        found.add(lang, msg::FIND_FORMS, items, None);
    }
    let items = facilities(house, session, text).await?;
    found.add(lang, msg::FIND_FACILITIES, items, None);
    Ok(found)
}

/// An entry in the trail where rows of a kind were shown.
async fn shown(house: &House, decision: Decision, what: &'static str, items: &[LinkItem]) -> Result<(), Problem> {
    match items.len() {
        0 => Ok(()),
        n => house.write(decision, move |tx| tx.audit(None, &format!("{what}: {n}"), "granted")).await,
    }
}

async fn people(
    house: &House,
    session: &Session,
    decision: Decision,
    text: &str,
    found: &mut Found,
) -> Result<(), Problem> {
    session.looks_for_people()?;
    let (lang, typed, scope) = (session.lang, text.to_owned(), decision.scope().facility());
    let work = move |reader: &mut mach_store::Reader| {
        let page = Page { after: None, limit: FOUND_ROWS };
        // Somebody of public interest is found by those only who may open their record.
        let answer = mach_people::search_open(reader, &typed, scope, &page).map_err(mach_store::Error::from)?;
        let rows: Vec<_> = answer.hits.into_iter().map(|hit| hit.person).collect();
        Ok::<_, Failure>((rows, answer.next.is_some(), answer.short))
    };
    let (rows, more, short) = house.read(decision.clone(), work).await?;
    let target = format!("search {} chars", text.chars().count());
    house.write(decision, move |tx| tx.audit(None, &target, "granted")).await?;
    found.short = short;
    let today = Day::today();
    let items = rows.iter().map(|p| {
        let parts = [birth_and_age(lang, p, today), sex(p).text(lang).to_owned(), masked_ids(p)];
        let detail: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        LinkItem::new(Icon::Person, &p.name, format!("/people/{}", p.id)).detail(detail.join(" · "))
    });
    let all = lang.fmt(msg::FIND_PEOPLE_ALL, &[("query", text)]);
    found.add(lang, msg::FIND_PEOPLE, items.collect(), more.then(|| (all, search::people_address(text))));
    Ok(())
}

fn forms(lang: Lang) -> impl Fn(&library::Entry) -> LinkItem {
    move |entry| {
        let canonical = entry.form.canonical();
        let href = format!("/admin/forms/preview?form={}", format::query_value(&canonical));
        LinkItem::new(Icon::Review, entry.form.title.in_lang(lang), href).detail(canonical)
    }
}

/// Facilities by name or code, to those who have pages of more than one: whoever sees the figures of the province, and who
/// administers.
async fn facilities(house: &House, session: &Session, text: &str) -> Result<Vec<LinkItem>, Problem> {
    let asked = fold(text);
    // Signs alone name nothing, and each code begins with nothing.
    if asked.is_empty() {
        return Ok(Vec::new());
    }
    let is_of_one = session.actor.facility.is_some();
    let (decision, base) = match (decide(&session.actor, Act::Administer), decide(&session.actor, Act::ReadFigures)) {
        (Ok(decision), _) => (decision, "/admin/facilities/"),
        (_, Ok(decision)) if !is_of_one => (decision, "/hoc?facility="),
        _ => return Ok(Vec::new()),
    };
    let own = session.facility_code.clone().filter(|_| is_of_one);
    let today = Day::today();
    let named: Vec<(String, String)> = Facilities::shared()
        .on(today)
        .filter(|f| own.as_ref().is_none_or(|own| *own == f.code))
        .filter(|f| fold(&f.code).starts_with(&asked) || says(&f.name, &asked))
        .map(|f| (f.code.clone(), f.name.clone()))
        .collect();
    // Figures are of facilities that sent something.
    let asks_figures = base.starts_with("/hoc");
    let work = move |r: &mut mach_store::Reader| {
        let sent: HashSet<String> = match asks_figures {
            true => schema::facilities(r)?.into_iter().map(|(_, code)| code).collect(),
            false => HashSet::new(),
        };
        let open = named.into_iter().filter(|(code, _)| !asks_figures || sent.contains(code)).take(FOUND_ROWS);
        let item =
            |(code, name): (String, String)| LinkItem::new(Icon::Facility, name, format!("{base}{code}")).detail(code);
        Ok::<_, Failure>(open.map(item).collect())
    };
    house.read(decision, work).await
}
