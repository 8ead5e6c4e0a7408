//! `mach fhir …`: tools on FHIR files, which need no data folder.

use crate::Outcome;
use clap::{Args, Subcommand};
use mach_fhir::path::{self, Item};
use mach_fhir::{Tree, definitions, xml};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// FHIR files.
#[derive(Subcommand)]
pub enum Command {
    /// Evaluate a FHIRPath expression on a resource
    Path(PathOptions),
}

/// What to evaluate on what.
#[derive(Args)]
pub struct PathOptions {
    /// FHIRPath expression (N1, with the functions of FHIR R4)
    #[arg(long, short, allow_hyphen_values = true)]
    expression: String,
    /// A resource in JSON or XML; `-` for standard input
    file: PathBuf,
    /// Print a JSON array of {"type","value"}
    #[arg(long)]
    json: bool,
}

/// Runs `mach fhir`.
pub fn run(command: Command) -> Outcome {
    let Command::Path(options) = command;
    let tree = read(&options.file)?;
    let r4 = definitions::r4();
    let items =
        path::evaluate(&options.expression, &tree, r4).map_err(|e| format!("the expression has no answer: {e}"))?;
    let rows: Vec<_> = items.iter().map(|item| (item.type_name(r4), item.to_json())).collect();
    if options.json {
        let row = |(kind, value): &(String, String)| format!("{{\"type\":\"{kind}\",\"value\":{value}}}");
        println!("[{}]", rows.iter().map(row).collect::<Vec<_>>().join(","));
    } else {
        for ((kind, value), item) in rows.iter().zip(&items) {
            println!("{kind}\t{}", item.plain(r4).and_then(|p| text(&p)).unwrap_or_else(|| value.clone()));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn text(item: &Item<'_>) -> Option<String> {
    item.to_text().map(|t| t.into_owned())
}

/// A resource from a file, whichever of the two formats it is in.
fn read(file: &Path) -> Result<Tree<'static>, String> {
    let failed = |e: &dyn std::fmt::Display| format!("`{}`: {e}", file.display());
    let mut text = String::new();
    if file == Path::new("-") {
        std::io::stdin().read_to_string(&mut text).map_err(|e| failed(&e))?;
    } else {
        text = std::fs::read_to_string(file).map_err(|e| failed(&e))?;
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text).to_owned();
    if text.trim_start().starts_with('<') {
        xml::parse(&text, definitions::r4()).map_err(|e| failed(&e))
    } else {
        Tree::parse(text).map_err(|e| failed(&e))
    }
}
