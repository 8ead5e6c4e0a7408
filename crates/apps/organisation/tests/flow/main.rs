//! Facilities against a real store: made, read back, changed, undone, ended, refused; the same from a spreadsheet and on pages.

#![expect(clippy::unwrap_used, reason = "a test panics on a broken expectation")]

mod books;
mod changes;
mod common;
mod life;
mod pages;
