//! A synthetic province: people, their visits to the real facilities of Huế, and the claim files that these would have
//! sent to the insurer between two days, in the layouts of their time (4210, 130, 4750, 3176).
//!
//! It shares no code with the reader, the checks or the cube: what it writes and what it counts are its own, so that a
//! number on a page can be held against a number that was never read from a file. The meaning of every number is that of
//! `docs/measures.md`.
//!
//! Sketch: about 25 KB of XML a claim, built in reused buffers month by month and facility by facility; what stays in
//! memory is the people (about 150 bytes each, some 7–30 for a hundred claims) and 42 sums per facility and month.
//! A million claims need some 100 MB and one core writes several thousand a second.

mod calendar;
mod care;
mod claim;
mod defects;
mod desk;
mod files;
mod fold;
mod identity;
mod lists;
mod manifest;
mod old_tables;
mod orders;
mod papers;
mod plan;
mod population;
mod province;
mod random;
mod stay;
mod tables;
mod tally;
mod visit;
mod work;
mod xml;

#[cfg(test)]
mod tests;

use std::path::PathBuf;

pub use calendar::Date;

/// What to generate.
#[derive(Clone, Debug)]
pub struct Options {
    /// Directory to write into; made if it is not there.
    pub out: PathBuf,
    /// How many claims.
    pub dossiers: u64,
    /// The same seed and options give the same bytes.
    pub seed: u64,
    /// First day of any visit.
    pub from: Date,
    /// Last day of any visit.
    pub to: Date,
    /// Share of claims damaged so that they must be refused, 0 to 1.
    pub defects: f64,
    /// Share of accepted claims written once more with other content into `replacements/`, 0 to 1.
    pub replace: f64,
}

/// What was generated.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Claims written.
    pub dossiers: u64,
    /// People named by them.
    pub people: u64,
    /// Files, without the replacements.
    pub files: u64,
    /// Rows of XML2 to XML5.
    pub lines: u64,
    /// Damaged claims.
    pub defects: u64,
    /// Claims with a replacement.
    pub replaced: u64,
}

/// Why nothing, or not everything, was generated. Vietnamese first, then English.
#[derive(Debug, thiserror::Error)]
pub enum SynthError {
    /// Not a day.
    #[error("`{0}` không phải ngày YYYY-MM-DD có thật / `{0}` is not a real date YYYY-MM-DD")]
    Date(String),
    /// The range is empty, or out of the years that layouts and holidays cover.
    #[error(
        "Khoảng ngày {from} đến {to} không hợp lệ (2018-01-01 đến 2030-12-31) / the range {from} to {to} is not valid"
    )]
    Range {
        /// First day.
        from: Date,
        /// Last day.
        to: Date,
    },
    /// A share outside 0 to 1.
    #[error("`{name}` = {value} phải từ 0 đến 1 / must be between 0 and 1")]
    Share {
        /// Option.
        name: &'static str,
        /// Value.
        value: f64,
    },
    /// The file system refused.
    #[error("Không ghi được {path} / cannot write {path}: {cause}", path = path.display())]
    File {
        /// Path.
        path: PathBuf,
        /// What it said.
        cause: std::io::Error,
    },
}

/// Writes the files and `manifest.json`; `progress` hears the number of claims done, now and then.
///
/// Files stand in `out/<facility>/<yyyy-MM>/`. With `replace` above 0, see also [`replacements`].
///
/// # Errors
/// [`SynthError`]: bad options before anything is written, or the file system's refusal.
pub fn generate(options: &Options, progress: &mut dyn FnMut(u64)) -> Result<Summary, SynthError> {
    check(options)?;
    work::run(options, progress, &mut |_, _, _| {})
}

/// [`generate`], and beside it for the share `options.replace` of accepted claims a new version (same facility and
/// `MA_LK`, one more drug line, totals computed anew) in `out/replacements/`, with `manifest-after-replacements.json`
/// holding the values that hold once those too are accepted.
///
/// # Errors
/// As [`generate`]; also where `options.replace` is 0.
pub fn replacements(options: &Options, progress: &mut dyn FnMut(u64)) -> Result<Summary, SynthError> {
    if options.replace <= 0.0 {
        return Err(SynthError::Share { name: "replace", value: options.replace });
    }
    generate(options, progress)
}

fn check(options: &Options) -> Result<(), SynthError> {
    let (from, to) = (options.from, options.to);
    if from > to || from.year < 2018 || to.year > 2030 {
        return Err(SynthError::Range { from, to });
    }
    for (name, value) in [("defects", options.defects), ("replace", options.replace)] {
        if !(0.0..=1.0).contains(&value) {
            return Err(SynthError::Share { name, value });
        }
    }
    Ok(())
}
