//! `GET /people/review`: pairs of people in doubt, side by side.

use crate::cards::{link, undo_form};
use crate::error::Error;
use crate::people_view::{birth_and_age, birth_day, birth_year, sex};
use crate::resource::Stacked;
use askama::Template;
use axum::extract::{Query, State};
use mach_access::Act;
use mach_base::limits::NAME_CHARS;
use mach_base::{Day, Minute};
use mach_house::{House, Session, facility_name};
use mach_people::{Agreement, Birth, NumberKind, PersonRow, compare_births, compare_names, compare_sexes};
use mach_store::sql::Query as Rows;
use mach_store::{claims_list, people, schema};
use mach_ui::components::{Card, Cell, Column, Empty, Icon, Notice, PageHead, Pager, Row, Table, Tone, chip};
use mach_ui::http::Problem;
use mach_ui::{Html, Lang, format, msg, shell};
use serde::Deserialize;

/// Pairs of one page.
const PAGE: usize = 10;

#[derive(Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    after: i64,
    /// What was just decided.
    #[serde(default)]
    done: String,
    /// The merge it made.
    merge: Option<i64>,
}

/// One of a pair, with what is known of them.
struct Side {
    person: PersonRow,
    local: Vec<String>,
    facilities: Vec<String>,
    visits: i64,
}

struct Pair {
    item: i64,
    reason: (&'static str, &'static str),
    facility: String,
    seen: Minute,
    sides: [Side; 2],
}

struct Queue {
    open: i64,
    pairs: Vec<Pair>,
    more: bool,
    /// Who was kept by the merge just made, while it stands.
    kept: Option<i64>,
}

pub(crate) async fn page(
    State(house): State<House>,
    session: Session,
    Query(asked): Query<Asked>,
) -> Result<Html, Problem> {
    let decision = house.decide(&session, Act::ReviewPeople).await?;
    let (after, merge) = (asked.after, asked.merge);
    let queue = house.read(decision.clone(), move |reader| gather(reader, after, merge)).await?;
    let shown: Vec<(i64, i64)> =
        queue.pairs.iter().flat_map(|p| p.sides.iter().map(|side| (p.item, side.person.id))).collect();
    house
        .write(decision, move |tx| match shown.is_empty() {
            true => tx.audit(None, "review queue", "granted"),
            false => shown.iter().try_for_each(|(item, id)| tx.audit(Some(*id), &format!("review {item}"), "granted")),
        })
        .await?;
    Ok(render(&session, &queue, &asked))
}

fn gather(on: &mut dyn Rows, after: i64, merge: Option<i64>) -> Result<Queue, Error> {
    let mut open = mach_people::open_reviews(on, after, PAGE + 1)?;
    let more = open.len() > PAGE;
    open.truncate(PAGE);
    let codes: std::collections::HashMap<i64, String> = schema::facilities(on)?.into_iter().collect();
    let name = |id: i64| codes.get(&id).map_or_else(|| id.to_string(), |code| facility_name(code));
    let mut pairs = Vec::with_capacity(open.len());
    for review in open {
        pairs.push(Pair {
            item: review.id,
            reason: review.reason.text(),
            facility: name(review.facility),
            seen: review.seen,
            sides: [side(on, review.one, &name)?, side(on, review.other, &name)?],
        });
    }
    let kept = match merge {
        Some(merge) => people::merge(on, merge)?.filter(|m| m.undone_at.is_none()).map(|m| m.keep),
        None => None,
    };
    Ok(Queue { open: mach_people::open_review_count(on)?, pairs, more, kept })
}

fn side(on: &mut dyn Rows, person: PersonRow, name: &dyn Fn(i64) -> String) -> Result<Side, Error> {
    let numbers = mach_people::view(on, person.id)?.map(|v| v.numbers).unwrap_or_default();
    let local = numbers.iter().filter(|n| n.kind == NumberKind::Local);
    Ok(Side {
        local: local.map(|n| format!("{} ({})", n.value, name(n.facility))).collect(),
        facilities: people::facilities_of(on, person.id)?.into_iter().map(name).collect(),
        visits: claims_list::visit_count(on, person.id)?,
        person,
    })
}

fn render(session: &Session, queue: &Queue, asked: &Asked) -> Html {
    let lang = session.lang;
    let meta = session.meta(lang.t(msg::REVIEW), "/people/review");
    let count = lang.fmt(msg::REVIEW_OPEN, &[("count", &format::integer(lang, queue.open))]);
    let head = PageHead::new(lang.t(msg::REVIEW)).lead(format!("{} {count}.", lang.t(msg::REVIEW_LEAD)));
    let mut parts = vec![Html::from(head)];
    parts.extend(done(lang, queue, asked));
    if queue.pairs.is_empty() {
        parts.push(Empty::new(Icon::Check, lang.t(msg::REVIEW_EMPTY), lang.t(msg::REVIEW_REST)).into());
    }
    parts.extend(queue.pairs.iter().map(|pair| card(lang, pair)));
    if let Some(last) = queue.pairs.last() {
        let next = queue.more.then(|| format!("/people/review?after={}", last.item));
        let previous = (asked.after > 0).then(|| "/people/review".to_owned());
        parts.push(Pager { lang, previous, next, shown: count }.into());
    }
    shell::page(&meta, Html::template(&Stacked { parts }))
}

/// What was just decided; a merge with the way back.
fn done(lang: Lang, queue: &Queue, asked: &Asked) -> Option<Html> {
    match (asked.done.as_str(), asked.merge, queue.kept) {
        ("merged", Some(merge), Some(kept)) => {
            let mut notice = Notice::new(lang, Tone::Good, lang.t(msg::REVIEW_DONE_MERGED));
            let open = link(lang.t(msg::REVIEW_OPEN_RECORD), &format!("/people/{kept}"));
            notice.more = Html::concat([open, undo_form(lang, merge)]);
            Some(notice.into())
        }
        ("apart", ..) => Some(Notice::new(lang, Tone::Good, lang.t(msg::REVIEW_DONE_APART)).into()),
        _ => None,
    }
}

#[derive(Template)]
#[template(path = "pair.html")]
struct PairBody {
    lang: Lang,
    item: i64,
    reason: String,
    raised: String,
    table: Html,
    options: [(i64, String); 2],
    max: usize,
}

fn card(lang: Lang, pair: &Pair) -> Html {
    let date = format::date(pair.seen.day());
    let option = |side: &Side| {
        let (number, visits) = (side.person.id.to_string(), side.visits.to_string());
        let text =
            lang.fmt(msg::REVIEW_KEEP_OPTION, &[("number", &number), ("name", &side.person.name), ("visits", &visits)]);
        (side.person.id, text)
    };
    let body = PairBody {
        lang,
        item: pair.item,
        reason: lang.pick(pair.reason.0, pair.reason.1).to_owned(),
        raised: lang.fmt(msg::REVIEW_RAISED, &[("facility", &pair.facility), ("date", &date)]),
        table: comparison(lang, pair).into(),
        options: [option(&pair.sides[0]), option(&pair.sides[1])],
        max: NAME_CHARS,
    };
    let title = lang.fmt(msg::REVIEW_ITEM, &[("number", &pair.item.to_string())]);
    let tone = Tone::Warning;
    Html::from(Card { tone, id: format!("review-{}", pair.item), ..Card::new(title, Html::template(&body)) })
}

fn comparison(lang: Lang, pair: &Pair) -> Table {
    let [one, other] = &pair.sides;
    let (a, b) = (&one.person, &other.person);
    let today = Day::today();
    let head = |side: &Side| lang.fmt(msg::REVIEW_PERSON, &[("number", &side.person.id.to_string())]);
    let columns = vec![
        Column::text(lang.t(msg::REVIEW_FIELD)),
        Column::text(head(one)),
        Column::text(head(other)),
        Column::text(lang.t(msg::REVIEW_COMPARE)),
    ];
    let birth = |p: &PersonRow| Birth { year: birth_year(p).unwrap_or_default(), day: birth_day(p) };
    let text = |t: &Option<String>| t.clone().unwrap_or_default();
    let row = |label, first: String, second: String, agreement: Option<Agreement>| {
        let verdict = agreement.map_or(Html::EMPTY, |a| agreement_chip(lang, a));
        Row::new([Cell::from(lang.t(label)), first.into(), second.into(), Cell(verdict)])
    };
    let open = |p: &PersonRow| Cell::link(&p.name, &format!("/people/{}", p.id));
    let names = agreement_chip(lang, compare_names(&a.name, &b.name));
    let rows = vec![
        Row::new([Cell::from(lang.t(msg::NAME)), open(a), open(b), Cell(names)]),
        row(
            msg::BORN,
            birth_and_age(lang, a, today),
            birth_and_age(lang, b, today),
            Some(compare_births(birth(a), birth(b))),
        ),
        row(msg::SEX, sex(a).text(lang).into(), sex(b).text(lang).into(), Some(compare_sexes(a.sex, b.sex))),
        row(msg::ID_NATIONAL, text(&a.national), text(&b.national), Some(same(&a.national, &b.national))),
        row(
            msg::RECORD_NUMBER_INSURANCE,
            text(&a.insurance),
            text(&b.insurance),
            Some(same(&a.insurance, &b.insurance)),
        ),
        row(msg::RECORD_NUMBER_PHONE, text(&a.phone), text(&b.phone), Some(same(&a.phone, &b.phone))),
        row(msg::REVIEW_ADDRESS, a.address.clone(), b.address.clone(), None),
        row(msg::REVIEW_LOCAL_IDS, one.local.join(", "), other.local.join(", "), None),
        row(msg::REVIEW_PLACES, one.facilities.join(", "), other.facilities.join(", "), None),
        row(msg::REVIEW_VISITS, one.visits.to_string(), other.visits.to_string(), None),
    ];
    Table::new(lang, lang.t(msg::REVIEW_SAME), columns).rows(rows).stack()
}

fn same(one: &Option<String>, other: &Option<String>) -> Agreement {
    match (one, other) {
        (Some(one), Some(other)) if one == other => Agreement::Same,
        (Some(_), Some(_)) => Agreement::Different,
        _ => Agreement::Unknown,
    }
}

fn agreement_chip(lang: Lang, agreement: Agreement) -> Html {
    match agreement {
        Agreement::Same => chip(Tone::Good, lang.t(msg::REVIEW_AGREES)),
        Agreement::Different => chip(Tone::Bad, lang.t(msg::REVIEW_CONFLICTS)),
        Agreement::Unknown => chip(Tone::Plain, lang.t(msg::REVIEW_MISSING)),
    }
}
