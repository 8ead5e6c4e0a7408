//! Numbers of the person, merges into them, who looked.

use super::{Group, Groups, Item, muted};
use crate::people_view::number_label;
use crate::record::Record;
use crate::view::Reading;
use mach_access::{Act, Role};
use mach_base::Minute;
use mach_people::MergeRow;
use mach_store::audit::Entry;
use mach_ui::components::{Button, Card, Definitions, Icon, PostForm};
use mach_ui::{Html, Lang, Msg, format, msg};

/// Every number of the person, and where they live.
pub(crate) fn numbers(reading: Reading, record: &Record) -> Html {
    let lang = reading.lang;
    let mut list = Definitions::default();
    for number in &record.view.numbers {
        let label = number_label(lang, number, &record.facility_name(number.facility));
        list = list.row(label, number.value.as_str());
    }
    let person = &record.view.person;
    let phone_known = record.view.numbers.iter().any(|n| Some(n.value.as_str()) == person.phone.as_deref());
    if let Some(phone) = person.phone.as_deref().filter(|p| !p.is_empty() && !phone_known) {
        list = list.row(lang.t(msg::RECORD_NUMBER_PHONE), phone);
    }
    list = list.row(lang.t(msg::ADDRESS), person.address.as_str());
    // Told as of a visit that the reader is shown: the day of a hidden one would tell of it.
    let seen = record.newest_visit.map(|visit| visit.0.min(person.seen));
    let seen = seen.map(|seen| lang.fmt(msg::RECORD_ADDRESS_SEEN, &[("date", &format::date(Minute(seen).day()))]));
    let patient = reading.resource_href(mach_fhir::ResourceType::PATIENT, &mach_people::fhir_id(reading.person));
    let body = Html::concat([
        list.into(),
        seen.map_or_else(Html::default, |seen| muted(&seen)),
        super::link(lang.t(msg::RECORD_OPEN_FHIR), &patient),
    ]);
    Html::from(Card { id: "numbers".into(), ..Card::new(lang.t(msg::RECORD_NUMBERS), body) })
}

/// Merges into this person; reviewers may take them back.
pub(crate) fn merges(reading: Reading, record: &Record) -> Html {
    let lang = reading.lang;
    let body = Html::template(&Groups {
        empty: lang.t(msg::RECORD_MERGES_NONE).to_owned(),
        groups: vec![Group {
            heading: String::new(),
            folded: false,
            note: String::new(),
            items: record.merges.iter().map(|(merge, name)| merged(reading, merge, name)).collect(),
        }],
        note: String::new(),
    });
    Html::from(Card { id: "merges".into(), ..Card::new(lang.t(msg::RECORD_MERGES), body) })
}

fn merged(reading: Reading, merge: &MergeRow, name: &str) -> Item {
    let lang = reading.lang;
    let mut detail = vec![format::date_time(Minute(merge.at))];
    if !merge.why.is_empty() {
        detail.push(lang.fmt(msg::RECORD_MERGE_WHY, &[("why", &merge.why)]));
    }
    let undo = match merge.undone_at {
        Some(at) => {
            detail.push(lang.fmt(msg::RECORD_MERGE_UNDONE, &[("when", &format::date_time(Minute(at)))]));
            Html::EMPTY
        }
        None if reading.reviews => undo_form(lang, merge.id),
        None => Html::EMPTY,
    };
    let title = lang.fmt(msg::RECORD_MERGE_OF, &[("number", &merge.lose.to_string()), ("name", name)]);
    Item { title, detail: detail.join(" · "), source: undo }
}

/// The button that takes a merge back, behind its question.
pub(crate) fn undo_form(lang: Lang, merge: i64) -> Html {
    let button = Button::submit(lang.t(msg::REVIEW_UNDO)).icon(Icon::Undo);
    PostForm::new(lang, format!("/people/merges/{merge}/undo"), button).sure(lang.t(msg::RECORD_UNDO_SURE)).into()
}

/// Who looked at this record.
pub(crate) fn looks(reading: Reading, record: &Record) -> Html {
    let lang = reading.lang;
    let body = Html::template(&Groups {
        empty: lang.t(msg::RECORD_ACCESS_NONE).to_owned(),
        groups: vec![Group {
            heading: String::new(),
            folded: false,
            note: String::new(),
            items: record.looks.iter().map(|entry| look(lang, record, entry)).collect(),
        }],
        note: String::new(),
    });
    Html::from(Card { id: "looks".into(), ..Card::new(lang.t(msg::ACCESS_LOG), body) })
}

fn look(lang: Lang, record: &Record, entry: &Entry) -> Item {
    let facility =
        entry.facility.map_or_else(|| lang.t(msg::RECORD_PROVINCE_WIDE).to_owned(), |id| record.facility_name(id));
    let detail = [
        format::date_time(Minute::of_seconds(entry.at)),
        facility,
        lang.t(act(&entry.act)).to_owned(),
        lang.t(outcome(&entry.outcome)).to_owned(),
    ];
    let title = format!("{} · {}", entry.name, lang.t(role(&entry.role)));
    Item { title, detail: detail.join(" · "), source: Html::EMPTY }
}

fn role(code: &str) -> Msg {
    match Role::parse(code) {
        Some(Role::Leader) => msg::ROLE_LEADER,
        Some(Role::Operator) => msg::ROLE_OPERATOR,
        Some(Role::Clinician) => msg::ROLE_CLINICIAN,
        Some(Role::Administrator) => msg::ROLE_ADMINISTRATOR,
        Some(Role::Head) => msg::ROLE_HEAD,
        Some(Role::Citizen) => msg::ROLE_CITIZEN,
        Some(Role::Visitor) => msg::ROLE_VISITOR,
        Some(Role::Sender | Role::SystemReader | Role::SystemWriter | Role::SystemAuditor) => msg::RECORD_PROGRAM,
        Some(Role::Console) | None => msg::RECORD_CONSOLE,
    }
}

fn act(code: &str) -> Msg {
    match Act::ALL.into_iter().find(|act| act.code() == code) {
        Some(Act::ReadRecord) => msg::RECORD_ACT_READ,
        Some(Act::ReviewPeople) => msg::RECORD_ACT_REVIEW,
        Some(Act::SearchPeople) => msg::RECORD_ACT_SEARCH,
        _ => msg::RECORD_ACT_OTHER,
    }
}

fn outcome(code: &str) -> Msg {
    match code {
        "granted" => msg::RECORD_OUTCOME_GRANTED,
        "denied" => msg::RECORD_OUTCOME_DENIED,
        _ => msg::RECORD_OUTCOME_FAILED,
    }
}
