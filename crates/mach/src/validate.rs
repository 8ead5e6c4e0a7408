//! `mach fhir validate`.

use crate::Outcome;
use clap::Args;
use mach_fhir::package::Package;
use mach_fhir::validate::{self, Issue, Knowledge, Severity, Unusable, Validator};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What to validate, against what.
#[derive(Args)]
pub struct Options {
    /// Resources in JSON or XML; `-` for standard input
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Canonical URL of a profile that each is to meet (may be repeated)
    #[arg(long, value_name = "URL")]
    profile: Vec<String>,
    /// A package (.tgz), a folder of JSON files or one JSON file with profiles and terminology, besides those in
    /// DATA/packages (may be repeated)
    #[arg(long, value_name = "FILE")]
    package: Vec<PathBuf>,
    /// Print an OperationOutcome; for several files a JSON array of them in their order
    #[arg(long)]
    json: bool,
}

/// Exit code where a file is not valid.
const INVALID: u8 = 1;
/// Exit code where the validation could not run.
const FAILED: u8 = 2;

/// Validates; exit 0 where all are valid, 1 where one is not, 2 where it could not be found out.
pub fn run(data: &Path, options: &Options) -> Outcome {
    match validated(data, options) {
        Ok(true) => Ok(ExitCode::SUCCESS),
        Ok(false) => Ok(ExitCode::from(INVALID)),
        Err(problem) => {
            eprintln!("mach: {problem}");
            Ok(ExitCode::from(FAILED))
        }
    }
}

fn validated(data: &Path, options: &Options) -> Result<bool, String> {
    let (mut packages, unread) = mach_fhir_api::read_packages(&data.join("packages"));
    unread.iter().for_each(|problem| eprintln!("mach: {problem}"));
    for path in &options.package {
        packages.push(package(path).map_err(|e| format!("`{}`: {e}", path.display()))?);
    }
    let knowledge = Knowledge::new(&packages);
    let validator = knowledge.validator();
    let mut outcomes = Vec::new();
    let mut all_valid = true;
    for file in &options.files {
        let issues = match one(file, &validator, &options.profile) {
            Ok(issues) => issues,
            Err(Failed { code, text }) => {
                // Who reads JSON gets the reason as such, too.
                if options.json {
                    let (severity, path) = (Severity::Fatal, String::new());
                    println!("{}", validate::outcome(&[Issue { severity, code, text: text.clone(), path }]));
                }
                return Err(text);
            }
        };
        let valid = validate::is_valid(&issues);
        all_valid &= valid;
        if options.json {
            outcomes.push(validate::outcome(&issues));
        } else {
            println!("{}: {}", file.display(), if valid { "valid" } else { "not valid" });
            for issue in &issues {
                let at = if issue.path.is_empty() { String::new() } else { format!(" at {}", issue.path) };
                println!("  {}{at}: {} [{}]", issue.severity.code(), issue.text, issue.code);
            }
        }
    }
    match outcomes.as_slice() {
        [] => {}
        [one] => println!("{one}"),
        several => println!("[{}]", several.join(",\n")),
    }
    Ok(all_valid)
}

/// Why a file could not be looked at.
struct Failed {
    code: &'static str,
    text: String,
}

impl From<Unusable> for Failed {
    fn from(problem: Unusable) -> Self {
        Self { code: "not-found", text: problem.to_string() }
    }
}

fn one(file: &Path, validator: &Validator<'_>, profiles: &[String]) -> Result<Vec<Issue>, Failed> {
    let mut bytes = Vec::new();
    let read = if file == Path::new("-") {
        std::io::stdin().read_to_end(&mut bytes).map(|_| ())
    } else {
        std::fs::read(file).map(|read| bytes = read)
    };
    read.map_err(|e| Failed { code: "exception", text: format!("`{}`: {e}", file.display()) })?;
    match validate::read(&bytes) {
        Ok(read) => {
            let mut issues = read.issues;
            issues.extend(validator.validate(&read.tree, profiles)?);
            Ok(issues)
        }
        Err(issue) => Ok(vec![issue]),
    }
}

/// A package, or loose files as if they stood in one.
fn package(path: &Path) -> Result<Package, String> {
    let mut loose = Package::default();
    if path.is_dir() {
        let mut files: Vec<_> = std::fs::read_dir(path).map_err(|e| e.to_string())?.filter_map(Result::ok).collect();
        files.sort_by_key(std::fs::DirEntry::path);
        for file in files.iter().map(std::fs::DirEntry::path).filter(|f| f.extension().is_some_and(|e| e == "json")) {
            let content = std::fs::read(&file).map_err(|e| format!("{}: {e}", file.display()))?;
            loose.file(&file.file_name().unwrap_or_default().to_string_lossy(), content);
        }
    } else {
        let content = std::fs::read(path).map_err(|e| e.to_string())?;
        if content.starts_with(&[0x1f, 0x8b]) {
            return Package::read(&content).map_err(|e| e.to_string()).inspect(|p| tell(p, path));
        }
        match validate::read(&content) {
            Ok(read) => loose.file("loose.json", read.tree.source().as_bytes().to_vec()),
            Err(issue) => return Err(issue.text),
        }
    }
    tell(&loose, path);
    Ok(loose)
}

fn tell(package: &Package, path: &Path) {
    package.unread.iter().for_each(|problem| eprintln!("mach: {}: {problem}", path.display()));
}
