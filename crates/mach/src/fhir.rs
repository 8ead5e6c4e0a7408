//! `mach fhir …`: tools on FHIR files, which need no data folder.

use crate::Outcome;
use clap::{Args, Subcommand, ValueEnum};
use mach_fhir::json::Writer;
use mach_fhir::patch::Patch;
use mach_fhir::path::{self, Item};
use mach_fhir::tree::{Problem, Value};
use mach_fhir::view::{self, Table, View};
use mach_fhir::{Tree, definitions, xml};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// FHIR files.
#[derive(Subcommand)]
pub enum Command {
    /// Evaluate a FHIRPath expression on a resource
    Path(PathOptions),
    /// Is a resource valid: by its type, the profiles it claims and those it is to meet
    Validate(crate::validate::Options),
    /// Make the rows of a SQL on FHIR view from resources
    View(ViewOptions),
    /// Load files of resources: Bundles, single resources, NDJSON; running it again is safe
    Load(crate::load::Options),
    /// Apply a JSON Patch, FHIRPath Patch or XML Patch to a resource, and print the result
    Patch(PatchOptions),
    /// Make resources that came by import findable by every FHIR search parameter
    Reindex {
        /// Also those that are: after new search parameters
        #[arg(long)]
        all: bool,
    },
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

/// What to change by which patch.
#[derive(Args)]
pub struct PatchOptions {
    /// The patch: JSON Patch (RFC 6902), Parameters of a FHIRPath Patch in JSON or XML, or XML Patch (RFC 5261)
    #[arg(long)]
    patch: PathBuf,
    /// A resource in JSON or XML, printed in the same format; `-` for standard input
    file: PathBuf,
}

/// Which rows of what.
#[derive(Args)]
pub struct ViewOptions {
    /// A ViewDefinition (SQL on FHIR v2) in JSON
    #[arg(required_unless_present = "stored")]
    view: Option<PathBuf>,
    /// Resources: one in JSON or XML, a Bundle, or NDJSON; `-` for standard input
    #[arg(required_unless_present = "stored")]
    files: Vec<PathBuf>,
    /// The rows of the store's view of this id instead
    #[arg(long, value_name = "ID", conflicts_with_all = ["view", "files"])]
    stored: Option<String>,
    /// How to write the rows
    #[arg(long, value_enum, default_value_t = Format::Csv)]
    format: Format,
}

/// How rows are written.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// RFC 4180, with a line of names
    Csv,
    /// One JSON object a line
    Ndjson,
    /// One JSON array of objects
    Json,
    /// Apache Parquet
    Parquet,
}

impl Format {
    fn of_view(self) -> view::Format {
        match self {
            Self::Csv => view::Format::Csv,
            Self::Ndjson => view::Format::Ndjson,
            Self::Json => view::Format::Json,
            Self::Parquet => view::Format::Parquet,
        }
    }
}

/// Runs `mach fhir`.
pub fn run(data: &Path, command: Command) -> Outcome {
    match command {
        Command::Load(options) => crate::load::run(data, &options),
        Command::Reindex { all } => reindex(data, all),
        Command::Validate(options) => crate::validate::run(data, &options),
        Command::Path(options) => evaluate(&options),
        Command::View(options) => view(data, &options),
        Command::Patch(options) => patch(&options),
    }
}

fn reindex(data: &Path, all: bool) -> Outcome {
    let store = crate::open(data)?;
    let bar = indicatif::ProgressBar::new_spinner();
    let done = mach_fhir_api::reindex(&store, all, &mut |count| {
        bar.set_position(count as u64);
        bar.set_message(format!("{count} resources"));
    })?;
    bar.finish_and_clear();
    println!("{done}");
    Ok(ExitCode::SUCCESS)
}

fn evaluate(options: &PathOptions) -> Outcome {
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

/// Prints the patched document; where the patch is refused, an OperationOutcome, and the exit code is 1.
fn patch(options: &PatchOptions) -> Outcome {
    let (patch, document) = (source(&options.patch)?, source(&options.file)?);
    match Patch::any(&patch).and_then(|patch| patch.apply_to_document(&document)) {
        Ok(patched) => {
            println!("{patched}");
            Ok(ExitCode::SUCCESS)
        }
        Err(refused) => {
            let mut outcome = String::new();
            Writer::object(&mut outcome, |w| {
                w.text("resourceType", "OperationOutcome").list("issue", |issues| {
                    issues.item(|w| {
                        w.text("severity", "error")
                            .text("code", "processing")
                            .text("diagnostics", &refused.to_string());
                    });
                });
            });
            println!("{outcome}");
            Ok(ExitCode::from(1))
        }
    }
}

fn view(data: &Path, options: &ViewOptions) -> Outcome {
    let failed = |file: &Path, e: &dyn std::fmt::Display| format!("`{}`: {e}", file.display());
    let (Some(file), None) = (&options.view, &options.stored) else { return stored(data, options) };
    let view = View::compile(&read(file)?).map_err(|e| failed(file, &e))?;
    let table = Table::new(view.columns(), options.format.of_view(), true);
    let mut rows = Rows { view, table };
    for file in &options.files {
        let source = source(file)?;
        match parse(&source) {
            Ok(tree) => rows.add(tree.root()).map_err(|e| failed(file, &e))?,
            Err(Unread::Lines) => {
                for (n, line) in source.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
                    let at = |e: &dyn std::fmt::Display| failed(file, &format!("line {}: {e}", n + 1));
                    let tree = Tree::parse(line).map_err(|e| at(&e.problem))?;
                    rows.add(tree.root()).map_err(|e| at(&e))?;
                }
            }
            Err(Unread::Neither(problem)) => return Err(failed(file, &problem)),
        }
    }
    print(&rows.table.finish())?;
    Ok(ExitCode::SUCCESS)
}

/// The rows of a view of the store.
fn stored(data: &Path, options: &ViewOptions) -> Outcome {
    let store = crate::open(data)?;
    let decision = crate::console(mach_access::Act::ReadFhir)?;
    let id = options.stored.as_deref().unwrap_or_default();
    let mut broken = None;
    mach_fhir_api::stored_view(&store, &decision, id, options.format.of_view(), &mut |bytes| {
        broken = print(&bytes).err();
        broken.is_none()
    })?;
    broken.map_or(Ok(ExitCode::SUCCESS), Err)
}

/// Rows on their way to standard output.
struct Rows {
    view: View,
    table: Table,
}

impl Rows {
    /// The rows of a resource, or of those in a bundle where the view is of another type than that.
    fn add(&mut self, resource: Value<'_>) -> Result<(), String> {
        let is_bundle = resource.get_text("resourceType").as_deref() == Some("Bundle");
        if !is_bundle || self.view.resource() == "Bundle" {
            return self.add_one(resource);
        }
        let entries = resource.get("entry").into_iter().flat_map(Value::items);
        entries.filter_map(|entry| entry.get("resource")).try_for_each(|resource| self.add_one(resource))
    }

    fn add_one(&mut self, resource: Value<'_>) -> Result<(), String> {
        let name = |part| resource.get_text(part).unwrap_or_default();
        let of = |e: &dyn std::fmt::Display| format!("{}/{}: {e}", name("resourceType"), name("id"));
        for row in self.view.rows_of(resource).map_err(|e| of(&e))? {
            self.table.row(&row).map_err(|e| of(&e))?;
        }
        print(&self.table.take())
    }
}

fn print(bytes: &[u8]) -> Result<(), String> {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(bytes).and_then(|()| stdout.flush()).map_err(|e| e.to_string())
}

fn text(item: &Item<'_>) -> Option<String> {
    item.to_text().map(|t| t.into_owned())
}

/// A resource from a file, whichever of the two formats it is in.
fn read(file: &Path) -> Result<Tree<'static>, String> {
    parse(&source(file)?).map_err(|e| match e {
        Unread::Lines => format!("`{}`: one resource, here are several", file.display()),
        Unread::Neither(problem) => format!("`{}`: {problem}", file.display()),
    })
}

fn source(file: &Path) -> Result<String, String> {
    let mut text = String::new();
    let done = if file == Path::new("-") {
        std::io::stdin().read_to_string(&mut text).map(|_| ())
    } else {
        std::fs::read_to_string(file).map(|read| text = read)
    };
    done.map_err(|e| format!("`{}`: {e}", file.display()))?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

/// Why a text is no resource.
enum Unread {
    /// It may be NDJSON: something follows the first document, which is one line.
    Lines,
    Neither(String),
}

fn parse(text: &str) -> Result<Tree<'static>, Unread> {
    if text.trim_start().starts_with('<') {
        return xml::parse(text, definitions::r4()).map_err(|e| Unread::Neither(e.to_string()));
    }
    match Tree::parse(text) {
        Ok(tree) => Ok(tree.into_owned()),
        Err(e) if e.problem == Problem::Trailing && e.line > 1 => Err(Unread::Lines),
        Err(e) => Err(Unread::Neither(e.to_string())),
    }
}
