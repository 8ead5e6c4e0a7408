//! What the pages of this crate share: sheets as forms and tables, flaws, who may come in.

use crate::check::Flaw;
use crate::keep::By;
use crate::kinds::Kinds;
use crate::limits;
use crate::sheet::{Draft, FACILITY, Holds, ROLES, SHEETS, STAFF, Sheet, shown, tidy};
use askama::Template;
use mach_access::{Act, Decision};
use mach_base::text::is_facility_code;
use mach_house::admin::{Closed, administrator, proven_administrator};
use mach_house::{House, Session, role_label};
use mach_ui::components::{Card, Cell, Column, ErrorSummary, Field, FieldKind, Layout, Row, Table, laid_out, muted};
use mach_ui::http::Problem;
use mach_ui::shell::{Crumb, PageMeta};
use mach_ui::{Html, Lang, msg};

/// The list.
pub(crate) const HOME: &str = "/admin/facilities";
/// Empty rows under those that are filled.
const SPARE: usize = 2;

#[derive(Template)]
#[template(path = "cell.html")]
struct Input<'a> {
    name: String,
    label: String,
    value: &'a str,
    choices: Vec<(String, String)>,
    numeric: bool,
    wrong: bool,
    error: &'a str,
    most: usize,
}

#[derive(Template)]
#[template(path = "rows.html")]
struct Rows {
    action: String,
    errors: Html,
    seen: String,
    body: Html,
    buttons: Html,
}

#[derive(Template)]
#[template(path = "number.html")]
struct Number<'a> {
    number: usize,
    name: String,
    id: &'a str,
}

fn choices(lang: Lang, holds: Holds) -> Vec<(String, String)> {
    match holds {
        Holds::Kind => Kinds::shared().kinds.iter().map(|k| (k.code.clone(), k.name(lang).to_owned())).collect(),
        Holds::Position => {
            Kinds::shared().positions.iter().map(|p| (p.code.clone(), p.name(lang).to_owned())).collect()
        }
        Holds::Role => ROLES.iter().map(|r| (r.code().to_owned(), lang.t(role_label(*r)).to_owned())).collect(),
        _ => Vec::new(),
    }
}

/// Names of a row's fields.
fn field_name(row: usize, key: &str) -> String {
    format!("r{row}-{key}")
}

/// A sheet's form: one facility as fields, others as a table of rows with some to spare.
pub(crate) struct SheetForm<'a> {
    /// The reader's language.
    pub lang: Lang,
    /// Sheet, by number.
    pub sheet: usize,
    /// What was typed.
    pub draft: &'a Draft,
    /// What is wrong with it.
    pub flaws: &'a [Flaw],
    /// Where it goes.
    pub action: String,
    /// The mark of what was read.
    pub seen: String,
    /// Whether accounts may be asked for: only while a facility is made.
    pub accounts: bool,
    /// Its buttons.
    pub buttons: Vec<Html>,
}

impl SheetForm<'_> {
    fn flaw(&self, row: usize, key: &str) -> Option<&Flaw> {
        self.flaws.iter().find(|f| (f.sheet, f.row, f.col) == (self.sheet, row, key))
    }

    fn summary(&self) -> Html {
        let sheet = &SHEETS[self.sheet];
        let told = |f: &Flaw| {
            let label = sheet.cols.iter().find(|c| c.key == f.col).map_or("", |c| self.lang.t(c.label));
            let place = if self.sheet == FACILITY {
                label.to_owned()
            } else {
                format!("{} {} · {label}", self.lang.t(msg::ORG_ROW), f.row + 1)
            };
            (field_name(f.row, f.col), format!("{place}: {}", f.text))
        };
        let errors = self.flaws.iter().filter(|f| f.sheet == self.sheet).map(told).collect();
        ErrorSummary { lang: self.lang, errors }.into()
    }

    /// The form.
    pub(crate) fn html(self) -> Html {
        let body = if self.sheet == FACILITY { self.fields() } else { self.table() };
        Html::template(&Rows {
            errors: self.summary(),
            action: self.action,
            seen: self.seen,
            body,
            buttons: Html::concat(self.buttons),
        })
    }

    fn fields(&self) -> Html {
        let field = |col: &crate::sheet::Col| {
            let kind = match col.holds {
                Holds::Day => FieldKind::Date,
                Holds::Kind => {
                    let none = (String::new(), self.lang.t(msg::FORM_CHOOSE).to_owned());
                    FieldKind::Choice(std::iter::once(none).chain(choices(self.lang, Holds::Kind)).collect())
                }
                _ => FieldKind::Text,
            };
            let mut field = Field::new(field_name(0, col.key), self.lang.t(col.label), kind);
            field.value = self.draft.facility(col.key).to_owned();
            field.hint = col.hint.map(|h| self.lang.t(h).to_owned()).unwrap_or_default();
            field.error = self.flaw(0, col.key).map(|f| f.text.clone());
            // Without `required` of the browser a draft can be kept half filled.
            field.max_chars = limits::CELL_CHARS;
            field.html(self.lang)
        };
        laid_out(Layout::Two, SHEETS[FACILITY].cols.iter().map(field))
    }

    fn columns(&self) -> impl Iterator<Item = &'static crate::sheet::Col> {
        let sheet: &'static Sheet = &SHEETS[self.sheet];
        sheet.shown(self.accounts)
    }

    /// The number of a row, and which stored person it is, where it is one.
    fn number(&self, row: usize) -> Html {
        let id = self.draft.get(self.sheet, row, "id");
        Html::template(&Number { number: row + 1, name: field_name(row, "id"), id })
    }

    fn table(&self) -> Html {
        let lang = self.lang;
        let filled = self.draft.sheets[self.sheet].len();
        let row = |row: usize| {
            let number = Cell(self.number(row));
            let cells = self.columns().map(|col| {
                let flaw = self.flaw(row, col.key);
                Cell(Html::template(&Input {
                    name: field_name(row, col.key),
                    label: format!("{} · {} {}", lang.t(col.label), lang.t(msg::ORG_ROW), row + 1),
                    value: &match col.holds {
                        Holds::Day => shown(lang, Holds::Day, self.draft.get(self.sheet, row, col.key)),
                        _ => self.draft.get(self.sheet, row, col.key).to_owned(),
                    },
                    choices: choices(lang, col.holds),
                    numeric: matches!(col.holds, Holds::Beds | Holds::Price),
                    wrong: flaw.is_some(),
                    error: flaw.map(|f| f.text.as_str()).unwrap_or_default(),
                    most: match col.holds {
                        Holds::Code(most) => most,
                        _ => limits::CELL_CHARS,
                    },
                }))
            });
            Row::new(std::iter::once(number).chain(cells).collect::<Vec<_>>())
        };
        let heads = self.columns().map(|c| {
            let star = if c.required { " *" } else { "" };
            Column::text(format!("{}{star}", lang.t(c.label)))
        });
        let columns = std::iter::once(Column::text(lang.t(msg::ORG_ROW))).chain(heads).collect();
        let hints = self.columns().filter_map(|c| Some(format!("{}: {}", lang.t(c.label), lang.t(c.hint?))));
        let hints: Vec<Html> = hints.map(|h| muted(&h)).collect();
        let shown = (filled + SPARE).min(limits::ROWS);
        let table = Table::new(lang, lang.t(SHEETS[self.sheet].label), columns).rows((0..shown).map(row).collect());
        let table = Table { caption_hidden: true, ..table.stack() };
        Html::concat([table.into()].into_iter().chain(hints))
    }
}

/// What was posted of a sheet, as rows; rows without any text go.
pub(crate) fn posted(sheet: usize, fields: &[(String, String)]) -> Vec<Vec<String>> {
    let cols = SHEETS[sheet].cols;
    let mut rows: Vec<Vec<String>> = Vec::new();
    for (name, value) in fields {
        let Some((row, key)) = name.strip_prefix('r').and_then(|n| n.split_once('-')) else { continue };
        let (Ok(row), Some(at)) = (row.parse::<usize>(), cols.iter().position(|c| c.key == key)) else { continue };
        if row > limits::ROWS {
            continue;
        }
        while rows.len() <= row {
            rows.push(vec![String::new(); cols.len()]);
        }
        if let Some(cell) = rows.get_mut(row).and_then(|r| r.get_mut(at)) {
            // Longer ones stay too long, for the check to tell; much longer ones were never typed.
            let text: String = value.chars().take(limits::CELL_CHARS + 1).collect();
            *cell = tidy(cols[at].holds, &text);
        }
    }
    let is_typed = |r: &Vec<String>| r.iter().zip(cols).any(|(t, c)| !t.is_empty() && c.holds != Holds::Id);
    rows.retain(is_typed);
    rows
}

/// A field of a posted form.
pub(crate) fn value<'a>(fields: &'a [(String, String)], name: &str) -> &'a str {
    fields.iter().find(|(n, _)| n == name).map_or("", |(_, v)| v.as_str())
}

/// A sheet to read.
pub(crate) fn table(lang: Lang, sheet: usize, draft: &Draft, accounts: bool) -> Html {
    let row = |row: usize| {
        let cells =
            SHEETS[sheet].shown(accounts).map(|c| Cell::from(shown(lang, c.holds, draft.get(sheet, row, c.key))));
        Row::new(cells.collect::<Vec<_>>())
    };
    let columns = SHEETS[sheet].shown(accounts).map(|c| match c.holds {
        Holds::Beds | Holds::Price => Column::number(lang.t(c.label)),
        _ => Column::text(lang.t(c.label)),
    });
    let rows: Vec<Row> = (0..draft.sheets[sheet].len()).map(row).collect();
    if rows.is_empty() {
        return muted(lang.t(msg::ORG_NONE_YET));
    }
    let table = Table::new(lang, lang.t(SHEETS[sheet].label), columns.collect()).rows(rows);
    Table { caption_hidden: true, ..table.stack() }.into()
}

/// A card of a sheet, with how many rows it has.
pub(crate) fn card(lang: Lang, sheet: usize, draft: &Draft, accounts: bool, actions: Vec<Html>) -> Html {
    let count = draft.sheets[sheet].len();
    let title = format!("{} ({count})", lang.t(SHEETS[sheet].label));
    let mut card = Card::new(title, table(lang, sheet, draft, accounts)).actions(actions);
    card.id = SHEETS[sheet].key.to_owned();
    card.into()
}

/// The shell's data of a page here.
pub(crate) fn meta(session: &Session, title: &str, path: Vec<Crumb>) -> PageMeta {
    let mut crumbs = vec![Crumb::link(session.lang.t(msg::ORG), HOME)];
    crumbs.extend(path);
    crumbs.push(Crumb::here(title));
    PageMeta { crumbs, ..session.meta(title, HOME) }
}

/// Who acts.
pub(crate) fn by(session: &Session) -> By {
    let (account, name) = (session.actor.account, session.actor.name.clone());
    By { account, name, lang: session.lang, facility: session.facility_code.clone() }
}

/// Lets an administrator of the province in: who makes facilities.
pub(crate) async fn of_province(house: &House, session: &Session, proven: bool) -> Result<Decision, Closed> {
    let decision = enter(house, session, proven).await?;
    if session.actor.facility.is_some() { Err(Problem::Forbidden.into()) } else { Ok(decision) }
}

/// Lets an administrator in.
pub(crate) async fn enter(house: &House, session: &Session, proven: bool) -> Result<Decision, Closed> {
    if proven { proven_administrator(house, session).await } else { administrator(house, session).await }
}

/// Lets an administrator in to one facility: their own, or any where they look after the province.
pub(crate) async fn into(house: &House, session: &Session, code: &str, proven: bool) -> Result<Decision, Closed> {
    let decision = enter(house, session, proven).await?;
    // What is not theirs is answered as what is not there.
    let is_theirs = session.facility_code.as_deref().is_none_or(|own| own == code);
    debug_assert!(decision.act() == Act::Administer);
    if is_facility_code(code) && is_theirs { Ok(decision) } else { Err(Problem::NotFound.into()) }
}

/// Whether a sheet is asked for staff accounts.
pub(crate) fn has_accounts(draft: &Draft) -> bool {
    (0..draft.sheets[STAFF].len()).any(|row| !draft.get(STAFF, row, "account").is_empty())
}
