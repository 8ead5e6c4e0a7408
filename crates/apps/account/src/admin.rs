//! `GET /admin/accounts`: the accounts one looks after, and who wants to get back in.

use crate::form::{Closed, Failure, administrator, moment, state};
use axum::extract::{Query, State};
use mach_base::limits;
use mach_house::ways::Whose;
use mach_house::{House, Session, facility_name, role_label};
use mach_store::accounts::{self, Account};
use mach_store::factors::{self, Recovery};
use mach_store::schema;
use mach_ui::components::{
    Button, Card, Cell, Column, Empty, Icon, Notice, PageHead, Pager, PostForm, Row, Table, Tone, chip, muted, stack,
};
use mach_ui::{Html, Lang, format, msg, shell};
use serde::Deserialize;
use std::collections::HashMap;

#[derive(Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    after: String,
    #[serde(default)]
    done: String,
}

struct Found {
    accounts: Vec<Account>,
    more: bool,
    recoveries: Vec<Recovery>,
    codes: HashMap<i64, String>,
}

pub(crate) async fn page(
    State(house): State<House>,
    session: Session,
    Query(asked): Query<Asked>,
) -> Result<Html, Closed> {
    let decision = administrator(&house, &session).await?;
    let after = asked.after.clone();
    let found = house
        .read(decision.clone(), move |r| {
            let scope = r.scope();
            let mut accounts = accounts::page(r, scope, &after, limits::PAGE_ROWS + 1)?;
            let more = accounts.len() > limits::PAGE_ROWS;
            accounts.truncate(limits::PAGE_ROWS);
            let (recoveries, codes) = (factors::recoveries(r, scope)?, schema::facilities(r)?.into_iter().collect());
            Ok::<_, Failure>(Found { accounts, more, recoveries, codes })
        })
        .await?;
    house.write(decision, |tx| tx.audit(None, "accounts", "granted")).await?;
    // Where no provider is set up nothing is said of providers.
    let signs_on = !house.ways(Whose::Staff).is_empty();
    Ok(render(&session, &found, &asked, signs_on))
}

fn render(session: &Session, found: &Found, asked: &Asked, signs_on: bool) -> Html {
    let lang = session.lang;
    let meta = session.meta(lang.t(msg::NAV_ACCOUNTS), "/admin/accounts");
    let add = Button::link(lang.t(msg::ACCOUNT_NEW), "/admin/accounts/new").as_primary();
    let links = signs_on.then(|| Button::link(lang.t(msg::SIGN_ON_ALL), "/admin/sign-on").into());
    let actions = [Some(add.into()), links].into_iter().flatten();
    let mut parts = vec![Html::from(PageHead::new(lang.t(msg::NAV_ACCOUNTS)).actions(actions))];
    let done = match asked.done.as_str() {
        "changed" => Some(msg::ACCOUNT_CHANGED),
        "asked" => Some(msg::RECOVERY_ASKED),
        "refused" => Some(msg::RECOVERY_REFUSED),
        _ => None,
    };
    parts.extend(done.map(|text| Html::from(Notice::new(lang, Tone::Good, lang.t(text)))));
    if !found.recoveries.is_empty() {
        parts.push(recoveries(session, &found.recoveries));
    }
    parts.push(table(lang, found).into());
    if let Some(last) = found.accounts.last() {
        let next = found.more.then(|| format!("/admin/accounts?after={}", format::query_value(&last.name)));
        let previous = (!asked.after.is_empty()).then(|| "/admin/accounts".to_owned());
        parts.push(Pager { lang, previous, next, shown: String::new() }.into());
    }
    shell::page(&meta, stack(parts))
}

fn table(lang: Lang, found: &Found) -> Table {
    let row = |account: &Account| {
        let (tone, word) = state(lang, account);
        let facility = account.actor.facility.and_then(|id| found.codes.get(&id));
        let facility = facility.map_or_else(|| lang.t(msg::DEPARTMENT_OF_HEALTH).to_owned(), |c| facility_name(c));
        Row::new([
            Cell::link(&account.display, &format!("/admin/accounts/{}", account.actor.account)),
            Cell(Html::text(&account.name)),
            Cell(Html::text(lang.t(role_label(account.actor.role)))),
            Cell(Html::text(&facility)),
            Cell(chip(tone, word)),
        ])
    };
    let columns = [msg::ACCOUNT_DISPLAY, msg::USERNAME, msg::ROLE, msg::FACILITY, msg::ACCOUNT_STATE];
    let empty = Empty::new(Icon::People, lang.t(msg::ACCOUNTS_NONE), lang.t(msg::ACCOUNTS_NONE_DO));
    let table = Table::new(lang, lang.t(msg::NAV_ACCOUNTS), columns.map(|c| Column::text(lang.t(c))).to_vec());
    let rows = found.accounts.iter().map(row).collect();
    Table { caption_hidden: true, ..table.rows(rows).empty(empty).walk().stack() }
}

/// Wishes to get back in; who asked for one sees it, and another may settle it.
fn recoveries(session: &Session, wishes: &[Recovery]) -> Html {
    let lang = session.lang;
    let row = |wish: &Recovery| {
        let mine = wish.asked_by == session.actor.account || wish.account.actor.account == session.actor.account;
        let action = format!("/admin/recoveries/{}", wish.id);
        let settle: Html = if wish.is_allowed {
            chip(Tone::Info, lang.t(msg::RECOVERY_ALLOWED))
        } else if mine {
            chip(Tone::Warning, lang.t(msg::RECOVERY_WAITS))
        } else {
            let post = |verdict: &str, label| {
                let form = PostForm::new(lang, &*action, Button::submit(lang.t(label))).with("verdict", verdict);
                Html::from(form.sure(lang.t(msg::RECOVERY_SURE)))
            };
            Html::concat([post("allow", msg::RECOVERY_ALLOW), post("refuse", msg::RECOVERY_REFUSE)])
        };
        let by = lang.fmt(msg::RECOVERY_BY, &[("name", &wish.asked_by_name), ("when", &moment(wish.asked))]);
        Row::new([Cell::two(&wish.account.display, &wish.account.name), Cell(Html::text(&by)), Cell(settle)])
    };
    let columns = [msg::ACCOUNT_DISPLAY, msg::RECOVERY_ASKER].map(|c| Column::text(lang.t(c)));
    let columns = columns.into_iter().chain([Column::text("")]).collect();
    let rows = wishes.iter().take(limits::RECOVERIES).map(row).collect();
    let table = Table::new(lang, lang.t(msg::RECOVERIES), columns).rows(rows);
    let more = lang.fmt(msg::RECOVERIES_MORE, &[("n", &limits::RECOVERIES.to_string())]);
    let more = (wishes.len() > limits::RECOVERIES).then(|| muted(&more));
    let body = Html::concat([Html::from(Table { caption_hidden: true, ..table.stack() })].into_iter().chain(more));
    let card = Card::new(lang.t(msg::RECOVERIES), body);
    Card { tone: Tone::Warning, ..card }.into()
}
