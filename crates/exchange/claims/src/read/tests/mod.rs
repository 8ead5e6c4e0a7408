//! Reading: what is accepted, what is refused, and how it is said.

mod fuzz;
mod limits;
mod shapes;

use std::io::{self, BufRead, Read};

use super::*;
use crate::layout::Family;

/// Gives one byte at a time, as the slowest network would.
pub(super) struct Drip<'a>(pub &'a [u8]);

impl Read for Drip<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(out)?;
        self.consume(read);
        Ok(read)
    }
}

impl BufRead for Drip<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        Ok(&self.0[..self.0.len().min(1)])
    }

    fn consume(&mut self, bytes: usize) {
        self.0 = &self.0[bytes..];
    }
}

fn problems(problems: &[Problem]) -> String {
    problems.iter().map(|p| format!(" {p}")).collect()
}

/// An item in one line.
fn line(item: &Result<Item, ReadError>) -> String {
    match item {
        Ok(Item::Claim(c) | Item::CheckIn(c)) => {
            let what = if c.is_check_in() { "check-in" } else { "claim" };
            let decision = if c.layout.decision == c.read_as.decision {
                c.layout.decision.clone()
            } else {
                format!("{}/{}", c.layout.decision, c.read_as.decision)
            };
            assert_eq!(c.family, if c.read_as.decision == "4210" { Family::Q4210 } else { Family::Q130 });
            format!("{what} {} {} {decision}{}", c.facility, c.link(), problems(&c.problems))
        }
        Ok(Item::Broken(b)) => {
            format!("broken {} {} {} {}{}", b.index, b.facility, b.link, b.left, problems(&b.problems))
        }
        Ok(Item::File(p)) => format!("file {p}"),
        Err(ReadError::Refused { problem, .. }) => format!("refused {problem}"),
        Err(ReadError::Io(e)) => format!("io {e}"),
    }
}

/// Reads `input` whole and byte by byte; both must give these lines. `…` at a line's end stands for anything.
pub(super) fn check(input: impl AsRef<[u8]>, limits: Limits, expect: &[&str]) {
    let input = input.as_ref();
    let whole: Vec<String> = Reader::with_limits(input, limits).map(|i| line(&i)).collect();
    let dripped: Vec<String> = Reader::with_limits(Drip(input), limits).map(|i| line(&i)).collect();
    assert_eq!(whole, dripped);
    let same = |(found, expect): (&String, &&str)| match expect.strip_suffix('…') {
        Some(start) => found.starts_with(start),
        None => found == expect,
    };
    let shown = String::from_utf8_lossy(&input[..input.len().min(600)]);
    assert!(
        whole.len() == expect.len() && whole.iter().zip(expect).all(same),
        "{shown}\n found {whole:#?}\nexpect {expect:#?}"
    );
}
