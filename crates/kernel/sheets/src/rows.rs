//! The rows of a sheet, one at a time, without what is empty.

use crate::days::{day, plain};
use crate::frame::{Strings, string};
use crate::parts::{Part, Parts};
use crate::xml::{attribute, resolved, unescaped};
use crate::{CELL_CHARS, COLUMNS, ROW_BYTES, ROWS, Wrong, is_error, letters, place};
use quick_xml::events::{BytesStart, Event};
use std::borrow::Cow;
use std::io::{Read, Seek};

/// What a cell holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A text.
    Text,
    /// A number, written as it would be typed.
    Number,
    /// A number that the sheet shows as a day: written `yyyy-MM-dd`.
    Day,
    /// `TRUE` or `FALSE`.
    Bool,
    /// An error, `#N/A`.
    Error,
}

/// A cell that is not empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell<'a> {
    /// What it shows.
    pub text: Cow<'a, str>,
    /// What it holds.
    pub kind: Kind,
}

/// A row that has cells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row<'a> {
    /// Its number, from 1.
    pub number: u32,
    /// Column (A is 0) and cell, in the order of the columns.
    pub cells: Vec<(u32, Cell<'a>)>,
}

/// The rows of a sheet. After an error there are none.
pub struct Rows<'a, R: Read + Seek> {
    xml: Part<'a, R>,
    sheet: &'a str,
    strings: &'a Strings,
    days: &'a [bool],
    is_1904: bool,
    number: u32,
    done: bool,
}

impl<'a, R: Read + Seek> Rows<'a, R> {
    pub(crate) fn begin(
        parts: &'a mut Parts<R>,
        (sheet, part): (&'a str, &str),
        strings: &'a Strings,
        days: &'a [bool],
        is_1904: bool,
    ) -> Result<Self, Wrong> {
        let xml = parts.part(part)?;
        let xml = xml.ok_or_else(|| Wrong::unreadable(format!("the sheet `{sheet}` is not there")))?;
        Ok(Self { xml, sheet, strings, days, is_1904, number: 0, done: false })
    }

    fn wrong<T>(&self, place: String, why: impl Into<String>) -> Result<T, Wrong> {
        Err(Wrong::Place { sheet: self.sheet.to_owned(), place, why: why.into() })
    }

    fn read(&mut self) -> Result<Option<Row<'a>>, Wrong> {
        loop {
            let number = match self.xml.next()? {
                Event::Start(start) if start.local_name().into_inner() == "row" => attribute(&start, "r")?,
                Event::Eof => return Ok(None),
                _ => continue,
            };
            // A row without its number follows the one before.
            let last = self.number;
            let number = match number {
                Some(text) => match text.parse() {
                    Ok(n) => n,
                    Err(_) => return self.wrong(text, "this is no number of a row"),
                },
                None => last + 1,
            };
            if number <= last || number > ROWS {
                return self.wrong(number.to_string(), "rows stand out of their order");
            }
            self.number = number;
            let cells = self.cells(number)?;
            if !cells.is_empty() {
                return Ok(Some(Row { number, cells }));
            }
        }
    }

    fn cells(&mut self, row: u32) -> Result<Vec<(u32, Cell<'a>)>, Wrong> {
        let (mut out, mut next, mut bytes) = (Vec::new(), 0, 0);
        loop {
            let head = match self.xml.next()? {
                Event::Start(start) if start.local_name().into_inner() == "c" => Head::of(&start)?,
                Event::End(end) if end.local_name().into_inner() == "row" => return Ok(out),
                Event::Eof => return Err(Wrong::unreadable("a row does not end")),
                _ => continue,
            };
            let column = match &head.place {
                Some(text) => match place(text) {
                    Some((column, of)) if of == row => column,
                    _ => return self.wrong(text.chars().take(20).collect(), "this is no cell of its row"),
                },
                // A cell without its place follows the one before.
                None => next,
            };
            let at = || format!("{}{row}", letters(column));
            if column < next || column >= COLUMNS {
                return self.wrong(at(), "cells stand out of their order");
            }
            next = column + 1;
            let cell = match self.cell(&head)? {
                Ok(cell) => cell,
                Err(why) => return self.wrong(at(), why),
            };
            if cell.text.trim().is_empty() {
                continue;
            }
            if let Cow::Owned(text) = &cell.text {
                bytes += text.len();
            }
            if bytes > ROW_BYTES {
                return Err(Wrong::Large("bytes of one row"));
            }
            out.push((column, cell));
        }
    }

    /// The cell whose beginning was read, to its end; or what is wrong with it.
    fn cell(&mut self, head: &Head) -> Result<Result<Cell<'a>, &'static str>, Wrong> {
        let (mut value, mut inline, mut within) = (String::new(), None, false);
        loop {
            let opened = match self.xml.next()? {
                Event::Start(start) => match start.local_name().into_inner() {
                    "v" => {
                        within = true;
                        false
                    }
                    "is" => true,
                    _ => false,
                },
                Event::Text(text) if within => {
                    value.push_str(&text.xml10_content());
                    false
                }
                Event::CData(text) if within => {
                    value.push_str(&text.xml10_content());
                    false
                }
                Event::GeneralRef(reference) if within => {
                    value.push(resolved(&reference)?);
                    false
                }
                Event::End(end) => match end.local_name().into_inner() {
                    "c" => break,
                    "v" => {
                        within = false;
                        false
                    }
                    _ => false,
                },
                Event::Eof => return Err(Wrong::unreadable("a cell does not end")),
                _ => false,
            };
            if opened {
                inline = Some(string(&mut self.xml, "is")?);
            }
            if value.len() > CELL_CHARS * 4 {
                return Err(Wrong::Large("characters of one cell"));
            }
        }
        let of = |kind, text: String| Ok(Ok(Cell { text: Cow::Owned(text), kind }));
        match head.kind.as_str() {
            "inlineStr" => of(Kind::Text, inline.unwrap_or_default()),
            _ if value.trim().is_empty() => of(Kind::Text, String::new()),
            "s" => match value.trim().parse().ok().and_then(|n| self.strings.get(n)) {
                Some(text) => Ok(Ok(Cell { text: Cow::Borrowed(text), kind: Kind::Text })),
                None => Ok(Err("there is no such shared text")),
            },
            "str" => of(Kind::Text, unescaped(&value)),
            "d" => of(Kind::Text, value),
            "b" => match value.trim() {
                "1" | "true" => of(Kind::Bool, "TRUE".to_owned()),
                "0" | "false" => of(Kind::Bool, "FALSE".to_owned()),
                _ => Ok(Err("this is neither true nor false")),
            },
            "e" => of(Kind::Error, if is_error(&value) { value } else { "#VALUE!".to_owned() }),
            "n" => match plain(&value) {
                None => Ok(Err("this is no number")),
                Some(number) => {
                    let shows_days = head.style.is_some_and(|n| self.days.get(n).copied().unwrap_or(false));
                    match day(&number, self.is_1904).filter(|_| shows_days) {
                        Some(day) => of(Kind::Day, day.to_string()),
                        None => of(Kind::Number, number),
                    }
                }
            },
            _ => Ok(Err("this kind of cell is not known")),
        }
    }
}

impl<'a, R: Read + Seek> Iterator for Rows<'a, R> {
    type Item = Result<Row<'a>, Wrong>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let read = self.read();
        self.done = !matches!(read, Ok(Some(_)));
        read.transpose()
    }
}

/// The beginning of a cell.
struct Head {
    place: Option<String>,
    kind: String,
    style: Option<usize>,
}

impl Head {
    fn of(start: &BytesStart<'_>) -> Result<Self, Wrong> {
        Ok(Self {
            place: attribute(start, "r")?,
            kind: attribute(start, "t")?.unwrap_or_else(|| "n".to_owned()),
            style: attribute(start, "s")?.and_then(|s| s.parse().ok()),
        })
    }
}
