//! Finished examinations of a spreadsheet: a row each, each kept or refused by itself, with what is wrong in which row.

use crate::take::{Person, Refusal, Sent, take_one};
use askama::Template;
use axum::extract::{Multipart, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use mach_access::Act;
use mach_house::{House, Session};
use mach_ui::components::{Card, Column, Icon, Notice, PageHead, Row, Table, Tone, stack};
use mach_ui::http::Problem;
use mach_ui::shell::{Crumb, PageMeta};
use mach_ui::{Html, Lang, msg, shell};
use serde_json::{Map, Value};

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

/// The rows of a file: comma or semicolon, with or without the mark of UTF-8.
///
/// # Errors
/// What is wrong with the file as a whole.
fn rows(lang: Lang, bytes: &[u8]) -> Result<Vec<(u64, Sent)>, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| lang.t(msg::GKSK_IMPORT_UTF8).to_owned())?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let first = text.lines().next().unwrap_or_default();
    let delimiter = if first.matches(';').count() > first.matches(',').count() { b';' } else { b',' };
    let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).trim(csv::Trim::All).from_reader(text.as_bytes());
    let header = reader.headers().map_err(|e| e.to_string())?.clone();
    for wanted in ["number", "name", "born", "sex", "class", "doctor"] {
        if !header.iter().any(|h| h == wanted) {
            return Err(lang.fmt(msg::GKSK_IMPORT_COLUMN, &[("name", wanted)]));
        }
    }
    let mut out = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|e| e.to_string())?;
        if out.len() == ROWS {
            return Err(lang.fmt(msg::GKSK_IMPORT_MANY, &[("n", &ROWS.to_string())]));
        }
        let line = record.position().map_or(0, |p| line_of(text, p.byte()));
        let get = |name: &str| {
            let at = header.iter().position(|h| h == name);
            at.and_then(|n| record.get(n)).unwrap_or_default().to_owned()
        };
        let mut answers = Map::new();
        for (name, value) in header.iter().zip(record.iter()).filter(|(n, v)| !COLUMNS.contains(n) && !v.is_empty()) {
            answers.insert(name.to_owned(), Value::String(value.to_owned()));
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

/// The line on which the record begins that the reader went to look for at `byte`: empty lines before it are none of it.
fn line_of(text: &str, byte: u64) -> u64 {
    let at = usize::try_from(byte).unwrap_or(text.len()).min(text.len());
    let (before, rest) = text.as_bytes().split_at(at);
    let empty = rest.iter().take_while(|b| matches!(b, b'\n' | b'\r')).filter(|b| **b == b'\n');
    let lines = before.iter().filter(|b| **b == b'\n').count() + empty.count();
    u64::try_from(lines).unwrap_or(u64::MAX).saturating_add(1)
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
        let many = |n: usize| format!("number,name,born,sex,class,doctor\n{}", "1,A,1985-01-01,1,C,B\n".repeat(n));
        assert_eq!(super::rows(Lang::En, many(ROWS).as_bytes()).map(|r| r.len()), Ok(ROWS));
        assert!(super::rows(Lang::En, many(ROWS + 1).as_bytes()).is_err());
    }
}
