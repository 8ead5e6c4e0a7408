//! Rows as CSV (RFC 4180) and JSON.

use super::{Cell, Column};
use crate::json::quote;
use std::fmt::Write as _;

/// Adds the line of column names.
pub fn csv_header(out: &mut String, columns: &[Column]) {
    let names: Vec<_> = columns.iter().map(|c| c.name.as_str()).collect();
    out.push_str(&names.join(","));
    out.push_str("\r\n");
}

/// Adds a line of CSV. No value is an empty field, an empty text is `""`; lists are their JSON; digits stay as they are.
pub fn csv_row(out: &mut String, row: &[Cell]) {
    for (n, cell) in row.iter().enumerate() {
        if n > 0 {
            out.push(',');
        }
        match cell {
            Cell::Null => {}
            Cell::Text(text) => csv_text(out, text),
            Cell::Bool(_) | Cell::Integer(_) | Cell::Decimal(_) => json_cell(out, cell),
            Cell::Json(_) | Cell::List(_) => {
                let mut text = String::new();
                json_cell(&mut text, cell);
                csv_text(out, &text);
            }
        }
    }
    out.push_str("\r\n");
}

fn csv_text(out: &mut String, text: &str) {
    let edge = text.starts_with(char::is_whitespace) || text.ends_with(char::is_whitespace);
    if !text.is_empty() && !edge && !text.contains([',', '"', '\r', '\n']) {
        return out.push_str(text);
    }
    out.push('"');
    out.push_str(&text.replace('"', "\"\""));
    out.push('"');
}

/// Adds a row as one JSON object on one line, without the line's end: a line of NDJSON.
pub fn json_row(out: &mut String, columns: &[Column], row: &[Cell]) {
    out.push('{');
    for (n, (column, cell)) in columns.iter().zip(row).enumerate() {
        if n > 0 {
            out.push(',');
        }
        quote(out, &column.name);
        out.push(':');
        json_cell(out, cell);
    }
    out.push('}');
}

pub(super) fn json_cell(out: &mut String, cell: &Cell) {
    match cell {
        Cell::Null => out.push_str("null"),
        Cell::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Cell::Integer(number) => {
            let _ = write!(out, "{number}");
        }
        Cell::Decimal(digits) => out.push_str(digits),
        Cell::Text(text) => quote(out, text),
        // White space between the parts of an element may hold line ends, never its strings.
        Cell::Json(json) => out.extend(json.chars().filter(|c| !matches!(c, '\n' | '\r'))),
        Cell::List(cells) => {
            out.push('[');
            for (n, cell) in cells.iter().enumerate() {
                if n > 0 {
                    out.push(',');
                }
                json_cell(out, cell);
            }
            out.push(']');
        }
    }
}
