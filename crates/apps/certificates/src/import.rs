//! Finished examinations of a spreadsheet: a row each, each kept or refused by itself, with what is wrong in which row.

use crate::take::{Person, Refusal, Sent, take_one};
use askama::Template;
use axum::extract::{Multipart, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use mach_access::Act;
use mach_house::{House, Session};
use mach_sheets::{Limits, Table as Spreadsheet};
use mach_ui::components::{Card, Column, Icon, Notice, PageHead, Row, Table, Tone, stack};
use mach_ui::http::Problem;
use mach_ui::shell::{Crumb, PageMeta};
use mach_ui::{Html, Lang, msg, shell};
use serde_json::{Map, Value};
use std::io::Cursor;

/// Rows of one file.
const ROWS: usize = 2_000;
/// Columns that are no answers.
const COLUMNS: [&str; 9] = ["number", "name", "born", "sex", "address", "phone", "class", "doctor", "head"];

#[derive(Template)]
#[template(path = "import.html")]
struct Ask {
    lang: Lang,
    columns: String,
}

fn shown(session: &Session, done: Option<Html>) -> Html {
    let lang = session.lang;
    let title = lang.t(msg::GKSK_IMPORT);
    let columns = format!("{}, height, weight, eye-colour, alcohol, alcohol~unit, …", COLUMNS.join(", "));
    let ask = Card::new("", Html::template(&Ask { lang, columns }));
    let crumbs = vec![Crumb::link(lang.t(msg::GKSK), "/certificates"), Crumb::here(title)];
    let meta = PageMeta { crumbs, ..session.meta(title, "/certificates") };
    let parts = [Some(PageHead::new(title).into()), done, Some(ask.into())];
    shell::page(&meta, stack(parts.into_iter().flatten()))
}

/// `GET /certificates/import`.
pub(crate) async fn page(State(house): State<House>, session: Session) -> Result<Html, Problem> {
    house.decide(&session, Act::Certify).await?;
    Ok(shown(&session, None))
}

/// What an XLSX file may be: two thousand rows fit many times.
const LIMITS: Limits = Limits { parts: 200, unpacked: 64 << 20, strings: 8 << 20 };
/// Columns that a file must have.
const WANTED: [&str; 6] = ["number", "name", "born", "sex", "class", "doctor"];

/// The rows of a file, CSV or XLSX.
///
/// # Errors
/// What is wrong with the file as a whole, or with a row that is none.
fn rows(lang: Lang, bytes: &[u8]) -> Result<Vec<(u64, Sent)>, String> {
    let is_head = |cells: &[String]| WANTED.iter().all(|w| cells.iter().any(|c| c.trim() == *w));
    let mut table = Spreadsheet::open(Cursor::new(bytes), &LIMITS, &is_head).map_err(|e| e.to_string())?;
    let mut lines = table.lines().map_err(|e| e.to_string())?;
    let utf8 = |line: u64, why: String| match std::str::from_utf8(bytes) {
        Err(_) if !bytes.starts_with(b"PK") => lang.t(msg::GKSK_IMPORT_UTF8).to_owned(),
        _ => lang.fmt(msg::GKSK_IMPORT_ROW, &[("line", &line.to_string()), ("why", &why)]),
    };
    let trimmed = |cells: Vec<String>| cells.iter().map(|c| c.trim().to_owned()).collect::<Vec<_>>();
    let header = match lines.next() {
        Some((line, cells)) => trimmed(cells.map_err(|why| utf8(line, why))?),
        None => Vec::new(),
    };
    for wanted in WANTED {
        if !header.iter().any(|h| h == wanted) {
            return Err(lang.fmt(msg::GKSK_IMPORT_COLUMN, &[("name", wanted)]));
        }
    }
    let mut out = Vec::new();
    for (line, cells) in lines {
        let cells = trimmed(cells.map_err(|why| utf8(line, why))?);
        if out.len() == ROWS {
            return Err(lang.fmt(msg::GKSK_IMPORT_MANY, &[("n", &ROWS.to_string())]));
        }
        if let Some(at) = mach_sheets::beyond(header.len(), &cells) {
            return Err(utf8(line, at));
        }
        if let Some(error) = cells.iter().find(|c| mach_sheets::is_error(c)) {
            return Err(utf8(line, error.clone()));
        }
        let get = |name: &str| {
            let at = header.iter().position(|h| h == name);
            at.and_then(|n| cells.get(n)).cloned().unwrap_or_default()
        };
        let mut answers = Map::new();
        for (name, value) in header.iter().zip(&cells).filter(|(n, v)| !COLUMNS.contains(&n.as_str()) && !v.is_empty())
        {
            answers.insert(name.clone(), Value::String(value.clone()));
        }
        let person = Person {
            number: get("number"),
            name: get("name"),
            born: get("born"),
            sex: get("sex"),
            address: get("address"),
            phone: get("phone"),
        };
        out.push((line, Sent { person, class: get("class"), answers, doctor: get("doctor"), head: get("head") }));
    }
    Ok(out)
}

/// `POST /certificates/import`, multipart field `file`.
pub(crate) async fn take(
    State(house): State<House>,
    session: Session,
    multipart: Multipart,
) -> Result<Response, Problem> {
    let decision = house.decide(&session, Act::Certify).await?;
    let lang = session.lang;
    let posted = mach_forms::http::posted(multipart).await?;
    let refused = |text: String| {
        let notice = Notice::new(lang, Tone::Bad, text).into();
        (StatusCode::BAD_REQUEST, shown(&session, Some(notice))).into_response()
    };
    let Some(file) = posted.file_of("file") else {
        return Ok(refused(lang.t(msg::GKSK_IMPORT_CHOOSE).to_owned()));
    };
    let rows = match rows(lang, &file.bytes) {
        Ok(rows) => rows,
        Err(text) => return Ok(refused(text)),
    };
    let (mut good, mut bad, mut stopped) = (0, Vec::new(), None);
    for (line, sent) in rows {
        let name = sent.person.name.clone();
        match take_one(&house, decision.clone(), sent).await {
            Ok(Ok(_)) => good += 1,
            Ok(Err(Refusal::Wrong(issues))) => {
                bad.extend(issues.into_iter().map(|(at, text)| (line, name.clone(), at, text)));
            }
            Ok(Err(Refusal::Twin(code))) => {
                bad.push((line, name, String::new(), lang.fmt(msg::GKSK_IMPORT_TWIN, &[("code", &code)])));
            }
            // What came before is stored: that is told, and where to go on.
            Err(problem) => {
                tracing::error!("an import of driver certificates stopped at line {line}: {problem}");
                stopped = Some(line);
                break;
            }
        }
    }
    let mut refused_rows: Vec<u64> = bad.iter().map(|(line, ..)| *line).collect();
    refused_rows.dedup();
    let text = lang.fmt(msg::GKSK_IMPORTED, &[("good", &good.to_string()), ("bad", &refused_rows.len().to_string())]);
    let (text, tone, status) = match stopped {
        Some(line) => {
            let why = lang.fmt(msg::GKSK_IMPORT_STOPPED, &[("line", &line.to_string())]);
            (format!("{why} {text}"), Tone::Bad, StatusCode::SERVICE_UNAVAILABLE)
        }
        None => (text, if bad.is_empty() { Tone::Good } else { Tone::Warning }, StatusCode::OK),
    };
    let columns =
        [msg::FINDING_LINE, msg::GKSK_PERSON, msg::FORMS_PLACE, msg::FORMS_WHY].map(|m| Column::text(lang.t(m)));
    let table = Table::new(lang, lang.t(msg::GKSK_IMPORT), columns.into())
        .rows(
            bad.into_iter()
                .map(|(line, name, at, why)| Row::new([line.to_string(), name, at, why]))
                .collect::<Vec<Row>>(),
        )
        .stack();
    let more = if refused_rows.is_empty() { Html::EMPTY } else { Card::new("", table).into() };
    let done = Html::concat([Notice::new(lang, tone, text).into(), more]);
    Ok((status, shown(&session, Some(done))).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_row_by_row() {
        let text = "\u{feff}number;name;born;sex;class;doctor;eye-colour\n046085000001;A;09/03/1985;1;C;Bs;1\n\n046085000002;B;;2;B;Bs;\n";
        let rows = rows(Lang::En, text.as_bytes()).expect("rows");
        assert_eq!(rows.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [2, 4]);
        assert_eq!(rows[0].1.answers.get("eye-colour"), Some(&Value::String("1".into())));
        assert!(rows[1].1.answers.is_empty());
        assert!(super::rows(Lang::En, b"name\nA\n").is_err_and(|e| e.contains("number")));
        assert!(super::rows(Lang::En, b"\xff").is_err());
        let open = b"number,name,born,sex,class,doctor\n\"1,A,1985-01-01,1,C,B\n";
        assert!(super::rows(Lang::En, open).is_err_and(|e| e.contains("quote")), "a quote that is not closed");
        let slid = b"number,name,born,sex,class,doctor\n1,A,1985-01-01,1,C,B,too many\n";
        assert!(super::rows(Lang::En, slid).is_err());
        let many = |n: usize| format!("number,name,born,sex,class,doctor\n{}", "1,A,1985-01-01,1,C,B\n".repeat(n));
        assert_eq!(super::rows(Lang::En, many(ROWS).as_bytes()).map(|r| r.len()), Ok(ROWS));
        assert!(super::rows(Lang::En, many(ROWS + 1).as_bytes()).is_err());
    }
}
