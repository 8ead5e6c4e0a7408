//! `GET /admin/facilities`.

use crate::limits;
use crate::read::{self, Facility};
use crate::sheet::{Holds, shown};
use crate::view::{HOME, enter};
use axum::extract::{Query, State};
use mach_access::Scope;
use mach_base::Day;
use mach_base::text::{fold, is_facility_code};
use mach_fhir::ResourceType;
use mach_house::admin::Closed;
use mach_house::{Failure, House, Session};
use mach_store::resources;
use mach_store::sql::Query as Sql;
use mach_terms::Facilities;
use mach_ui::components::{
    Button, Card, Cell, Column, Empty, Field, FieldKind, Filters, Icon, Notice, PageHead, Pager, Row, Table, Tone,
    chip, stack,
};
use mach_ui::{Html, Lang, format, msg, shell};
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    q: String,
    #[serde(default)]
    after: String,
    #[serde(default)]
    done: String,
}

/// A line of the list.
struct Line {
    code: String,
    name: String,
    kind: String,
    /// Whether it is set up here, and not only known from the register.
    is_set_up: bool,
    until: Option<Day>,
    /// Every code it had, has or will have.
    codes: Vec<String>,
}

/// Every facility that is known, by code: those of the register and those that are set up here.
fn names(on: &mut dyn Sql, scope: Scope, own: Option<&str>) -> mach_store::Result<BTreeMap<String, Line>> {
    let today = Day::today();
    let mut all = BTreeMap::new();
    for f in Facilities::shared().all().iter().filter(|f| f.holds(today)) {
        let line = Line {
            code: f.code.clone(),
            name: f.name.clone(),
            kind: f.kind.name_vi().to_owned(),
            is_set_up: false,
            until: f.valid_to,
            codes: Vec::new(),
        };
        all.insert(f.code.clone(), line);
    }
    for found in resources::of_prefix(on, (scope, 0), ResourceType::ORGANIZATION, "f")? {
        let Some(code) = found.id.strip_prefix('f').filter(|c| is_facility_code(c)) else { continue };
        let Some(read::Summary { kind, name, until, codes }) = read::summary(&found.body) else { continue };
        let is_set_up = !kind.is_empty();
        let known = all.get(code).map(|l| l.kind.clone()).unwrap_or_default();
        let kind = if is_set_up { shown(Lang::Vi, Holds::Kind, &kind) } else { known };
        if is_set_up {
            // Its other codes are not other facilities.
            all.retain(|other, line| line.is_set_up || other == code || !codes.contains(other));
        }
        all.insert(code.to_owned(), Line { code: code.to_owned(), name, kind, is_set_up, until, codes });
    }
    if let Some(own) = own {
        all.retain(|code, _| code == own);
    }
    Ok(all)
}

/// The state of a facility in one word.
pub(crate) fn state(lang: Lang, until: Option<Day>) -> Html {
    match until {
        Some(last) if last < Day::today() => chip(Tone::Plain, &lang.fmt(msg::ORG_ENDED, &[("day", &last.vi())])),
        Some(last) => chip(Tone::Warning, &lang.fmt(msg::ORG_ENDS, &[("day", &last.vi())])),
        None => chip(Tone::Good, lang.t(msg::ORG_WORKS)),
    }
}

/// The chip of a facility on its page.
pub(crate) fn state_of(lang: Lang, facility: &Facility) -> Html {
    state(lang, facility.until)
}

fn row(lang: Lang, line: &Line) -> Row {
    let set_up = if line.is_set_up { state(lang, line.until) } else { chip(Tone::Info, lang.t(msg::ORG_NOT_SET_UP)) };
    Row::new([
        Cell::link(&line.name, &format!("{HOME}/{}", line.code)),
        Cell::from(line.code.clone()),
        Cell::from(line.kind.clone()),
        Cell(set_up),
    ])
}

/// `GET /admin/facilities`.
pub(crate) async fn page(
    State(house): State<House>,
    session: Session,
    Query(asked): Query<Asked>,
) -> Result<Html, Closed> {
    let decision = enter(&house, &session, false).await?;
    let lang = session.lang;
    let own = session.facility_code.clone();
    let all = house
        .read(decision.clone(), move |r| {
            let scope = r.scope();
            Ok::<_, Failure>(names(r, scope, own.as_deref())?)
        })
        .await?;
    house.write(decision, |tx| tx.audit(None, "facilities", "granted")).await?;
    let q: String = asked.q.chars().take(mach_base::limits::SEARCH_CHARS).collect();
    let wanted: Vec<String> = fold(&q).split_whitespace().map(str::to_owned).collect();
    let fits = |line: &Line| {
        let codes = line.codes.join(" ");
        let text = [&line.name, &line.code, &line.kind, &codes].map(|t| fold(t)).join(" ");
        wanted.iter().all(|w| text.contains(w.as_str()))
    };
    let mut lines: Vec<&Line> = all
        .values()
        .filter(|l| l.code.as_str() > asked.after.as_str() && fits(l))
        .take(limits::LIST_ROWS + 1)
        .collect();
    let more = lines.len() > limits::LIST_ROWS;
    lines.truncate(limits::LIST_ROWS);
    let query = format::query_value(&q);
    let next = lines.last().filter(|_| more).map(|l| format!("{HOME}?q={query}&after={}", l.code));
    let previous = (!asked.after.is_empty()).then(|| format!("{HOME}?q={query}"));
    let columns = [msg::ORG_NAME, msg::ORG_CODE, msg::ORG_KIND, msg::ORG_STATE].map(|c| Column::text(lang.t(c)));
    let table = Table::new(lang, lang.t(msg::ORG), columns.into())
        .rows(lines.iter().map(|l| row(lang, l)).collect())
        .empty(Empty::new(Icon::Facility, lang.t(msg::ORG_NONE), lang.t(msg::ORG_NONE_DO)))
        .stack()
        .walk();
    let table = Table { caption_hidden: true, ..table };
    let add = session.actor.facility.is_none().then(|| {
        Html::from(Button::link(lang.t(msg::ORG_NEW), format!("{HOME}/new")).icon(Icon::Facility).as_primary())
    });
    let filters = Filters {
        lang,
        action: HOME.to_owned(),
        fields: vec![Field::new("q", lang.t(msg::ORG_SEARCH), FieldKind::Search).value(q.as_str())],
        kept: Vec::new(),
        active: !q.is_empty(),
    };
    let done = match asked.done.as_str() {
        "dropped" => Some(msg::ORG_DROPPED),
        "undone" => Some(msg::ORG_UNDONE),
        _ => None,
    };
    let parts = [
        Some(PageHead::new(lang.t(msg::ORG)).lead(lang.t(msg::ORG_LEAD)).actions(add).into()),
        done.map(|d| Notice::new(lang, Tone::Good, lang.t(d)).into()),
        Some(filters.into()),
        Some(Card::new("", table).into()),
        Some(Pager { lang, previous, next, shown: String::new() }.into()),
    ];
    Ok(shell::page(&session.meta(lang.t(msg::ORG), HOME), stack(parts.into_iter().flatten())))
}
