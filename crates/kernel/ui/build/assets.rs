//! `web/` to bytes in the program: runs npm and the bundler where `web/dist` is missing or older than its sources.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use super::{read, write};

const SOURCES: [&str; 7] = ["build.mjs", "package.json", "package-lock.json", "brand.svg", "css", "ts", "icons"];
const INSTALL: &str = "Node.js (18 or newer) with npm is needed to bundle the pages' style, script and fonts.\n\
    Install it (Debian: `apt-get install nodejs npm`), then build again.";

/// Bundles where needed, copies the files the manifest lists into `out` and writes `assets.rs` there.
pub fn generate(web: &Path, out: &Path) -> Result<(), String> {
    for source in SOURCES {
        println!("cargo::rerun-if-changed={}", web.join(source).display());
    }
    let manifest = web.join("dist/manifest.json");
    let newest = SOURCES.iter().filter_map(|s| newest(&web.join(s))).max();
    if modified(&manifest).is_none_or(|built| newest.is_some_and(|n| n > built)) {
        bundle(web)?;
    }
    let listed: serde_json::Value =
        serde_json::from_str(&read(&manifest)?).map_err(|e| format!("manifest.json: {e}"))?;
    let files = listed["files"].as_array().ok_or("manifest.json lists no files")?;
    let mut code = String::from("&[\n");
    for file in files {
        let field = |name: &str| file[name].as_str().ok_or(format!("manifest.json: a file without `{name}`"));
        let (name, path, kind) = (field("name")?, field("path")?, field("type")?);
        let gzip = if file["gzip"].is_null() {
            "None".to_owned()
        } else {
            format!("Some({})", include(web, out, &format!("{path}.gz"))?)
        };
        let bytes = include(web, out, path)?;
        writeln!(
            code,
            "Asset {{ name: {name:?}, path: {path:?}, content_type: {kind:?}, bytes: {bytes}, gzip: {gzip} }},"
        )
        .map_err(|e| e.to_string())?;
    }
    code.push(']');
    write(&out.join("assets.rs"), &code)?;
    let url = |name: &str| files.iter().find(|f| f["name"] == name).and_then(|f| f["path"].as_str());
    let icons = url("icons.svg").ok_or("manifest.json lists no icons.svg")?;
    write(&out.join("icons_url.rs"), &format!("\"/assets/{icons}\""))
}

/// Copies one file, so that a later bundling cannot change it between the build script and the compiler.
fn include(web: &Path, out: &Path, path: &str) -> Result<String, String> {
    let copy = out.join(path);
    std::fs::copy(web.join("dist").join(path), &copy).map_err(|e| format!("web/dist/{path}: {e}"))?;
    Ok(format!("include_bytes!({:?})", copy.display().to_string()))
}

fn bundle(web: &Path) -> Result<(), String> {
    let lock = web.join("package-lock.json");
    let installed = web.join("node_modules/.package-lock.json");
    if modified(&installed).is_none_or(|at| modified(&lock).is_some_and(|l| l > at)) {
        run(web, "npm", &["ci", "--ignore-scripts", "--no-audit", "--no-fund"])?;
    }
    run(web, "node", &["build.mjs"])
}

fn run(web: &Path, program: &str, args: &[&str]) -> Result<(), String> {
    let done = Command::new(program).args(args).current_dir(web).output();
    let output = done.map_err(|e| format!("`{program}` could not be started: {e}\n{INSTALL}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("`{program} {}` failed in web/:\n{said}", args.join(" ")))
}

fn modified(path: &Path) -> Option<SystemTime> {
    path.metadata().and_then(|m| m.modified()).ok()
}

/// The latest change under `path`.
fn newest(path: &PathBuf) -> Option<SystemTime> {
    if !path.is_dir() {
        return modified(path);
    }
    let entries = std::fs::read_dir(path).ok()?.filter_map(Result::ok);
    entries.filter_map(|e| newest(&e.path())).chain(modified(path)).max()
}
