//! Conditions, medicines, the timeline, papers.

use super::{Group, Groups, Item, empty, link, muted};
use crate::conditions::{Condition, Conditions};
use crate::documents::{Document, DocumentBody};
use crate::fact::Facts;
use crate::medicines::{Medicine, Medicines};
use crate::record::{DOCUMENTS, ORDERS, Record};
use crate::view::Reading;
use crate::visits;
use askama::Template;
use mach_base::Minute;
use mach_ui::components::{Card, Definitions, Icon};
use mach_ui::{Html, Lang, format, msg};

/// What the person has or had; `cut` where older diagnoses were not read.
pub(crate) fn conditions(reading: Reading, all: &Conditions, cut: bool) -> Html {
    let lang = reading.lang;
    let items = |list: &[Condition]| list.iter().map(|c| condition(reading, c, cut)).collect::<Vec<_>>();
    let group = |heading: String, folded, items| Group { heading, folded, note: String::new(), items };
    let past = lang.fmt(msg::RECORD_PAST_CONDITIONS, &[("count", &all.past.len().to_string())]);
    let body = Html::template(&Groups {
        empty: lang.t(msg::CONDITIONS_EMPTY).to_owned(),
        groups: vec![
            group(lang.t(msg::RECORD_CHRONIC).to_owned(), false, items(&all.chronic)),
            group(lang.t(msg::RECORD_RECENT).to_owned(), false, items(&all.recent)),
            group(past, true, items(&all.past)),
        ],
        note: String::new(),
    });
    Html::from(Card { id: "conditions".into(), ..Card::new(lang.t(msg::CONDITIONS), body) })
}

fn condition(reading: Reading, c: &Condition, cut: bool) -> Item {
    let lang = reading.lang;
    let since = if cut { msg::RECORD_SINCE_BEFORE } else { msg::RECORD_SINCE };
    let mut detail = vec![c.codes.join(", "), lang.fmt(since, &[("date", &format::date(c.since))])];
    if c.times > 1 {
        detail.push(lang.fmt(msg::RECORD_VISITS, &[("count", &c.times.to_string())]));
    }
    if c.last != c.since {
        detail.push(lang.fmt(msg::RECORD_LAST_MET, &[("date", &format::date(c.last))]));
    }
    Item { title: c.name(lang), detail: detail.join(" · "), source: reading.source(&c.newest) }
}

/// What the person takes and took.
pub(crate) fn medicines(reading: Reading, all: &Medicines, newest_visit: Option<Minute>, cut: bool) -> Html {
    let lang = reading.lang;
    let items = |list: &[Medicine]| list.iter().map(|m| medicine(reading, m)).collect::<Vec<_>>();
    let day = newest_visit.map_or(String::new(), |m| format::date(m.day()));
    let note = match (all.current.is_empty(), all.past.is_empty()) {
        (true, true) => String::new(),
        (true, false) => lang.t(msg::RECORD_CURRENT_NONE).to_owned(),
        (false, _) => lang.fmt(msg::RECORD_CURRENT_NOTE, &[("date", &day)]),
    };
    let past = lang.fmt(msg::RECORD_PAST_MEDICINES, &[("count", &all.past.len().to_string())]);
    let shown = ORDERS.to_string();
    let body = Html::template(&Groups {
        empty: lang.t(msg::MEDICINES_EMPTY).to_owned(),
        groups: vec![
            Group { heading: String::new(), folded: false, note, items: items(&all.current) },
            Group { heading: past, folded: true, note: String::new(), items: items(&all.past) },
        ],
        note: if cut { lang.fmt(msg::RECORD_NEWEST_ONLY, &[("count", &shown)]) } else { String::new() },
    });
    Html::from(Card { id: "medicines".into(), ..Card::new(lang.t(msg::MEDICINES_CURRENT), body) })
}

fn medicine(reading: Reading, m: &Medicine) -> Item {
    let lang = reading.lang;
    let body = &m.newest.body;
    let mut detail = vec![body.dose()];
    let quantity = &body.dispense_request.quantity;
    if let Some(value) = quantity.decimal() {
        let amount = format!("{}{}{}", format::number(lang, value.trimmed()), format::NBSP, quantity.unit);
        detail.push(lang.fmt(msg::RECORD_QUANTITY, &[("quantity", amount.trim_end_matches(format::NBSP))]));
    }
    detail.push(lang.fmt(msg::RECORD_ORDERED, &[("date", &format::date(m.newest.at.day()))]));
    if m.times > 1 {
        detail.push(lang.fmt(msg::RECORD_ORDERS, &[("count", &m.times.to_string())]));
        detail.push(lang.fmt(msg::RECORD_SINCE, &[("date", &format::date(m.since))]));
    }
    detail.retain(|part| !part.is_empty());
    Item { title: m.name().to_owned(), detail: detail.join(" · "), source: reading.source(&m.newest) }
}

/// Visits of all facilities; `later` where the page does not begin with the newest.
pub(crate) fn timeline(reading: Reading, record: &Record, later: bool) -> Html {
    let (lang, here) = (reading.lang, format!("/people/{}", reading.person));
    let mut links = Vec::new();
    if later {
        links.push(link(lang.t(msg::RECORD_NEWEST), &format!("{here}#timeline")));
    }
    if let Some(older) = record.older {
        links.push(link(lang.t(msg::RECORD_OLDER), &format!("{here}?before={}#timeline", older.text())));
    }
    let body = Html::concat([visits::timeline(reading, &record.visits).into(), Html::template(&After { links })]);
    Html::from(Card { id: "timeline".into(), ..Card::new(lang.t(msg::TIMELINE), body) })
}

#[derive(Template)]
#[template(path = "after.html")]
struct After {
    links: Vec<Html>,
}

#[derive(Template)]
#[template(path = "folds.html")]
struct Folds {
    folds: Vec<Fold>,
    note: String,
}

/// Something behind its title.
struct Fold {
    title: String,
    when: String,
    body: Html,
}

/// Papers, each with all its fields.
pub(crate) fn documents(reading: Reading, all: &Facts<DocumentBody>) -> Html {
    let lang = reading.lang;
    let body = if all.read.is_empty() {
        empty(Icon::Claims, lang.t(msg::DOCUMENTS_EMPTY))
    } else {
        let shown = DOCUMENTS.to_string();
        Html::template(&Folds {
            folds: all.read.iter().map(|paper| document(reading, paper)).collect(),
            note: if all.more { lang.fmt(msg::RECORD_NEWEST_ONLY, &[("count", &shown)]) } else { String::new() },
        })
    };
    Html::from(Card { id: "documents".into(), ..Card::new(lang.t(msg::DOCUMENTS), body) })
}

fn document(reading: Reading, paper: &Document) -> Fold {
    let fields = match paper.body.fields() {
        Some(fields) => {
            let rows = fields.into_iter().map(|f| (f.name, Html::text(&f.value))).collect();
            Html::from(Definitions { rows })
        }
        None => muted(reading.lang.t(msg::RECORD_PAPER_DAMAGED)),
    };
    let source = small(reading.lang, reading.source_line(paper));
    Fold {
        title: paper.body.title().to_owned(),
        when: format::date(paper.at.day()),
        body: Html::concat([fields, source]),
    }
}

#[derive(Template)]
#[template(path = "source-small.html")]
struct Small {
    lang: Lang,
    line: Html,
}

/// A source line that stands open.
fn small(lang: Lang, line: Html) -> Html {
    Html::template(&Small { lang, line })
}
