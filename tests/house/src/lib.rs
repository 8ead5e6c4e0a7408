//! What the tests over the house read: the crates and their dependencies as cargo sees them, and every text file.
//!
//! No product code. Everything panics on what it cannot read: a test that cannot look must not pass.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder of the workspace.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the workspace is where it was built")
}

/// One direct dependency of a crate.
#[derive(Clone, Debug)]
pub struct Dependency {
    /// The package's name in the registry, or of ours.
    pub name: String,
    /// `normal`, `dev` or `build`.
    pub kind: String,
    /// A folder of this workspace.
    pub ours: bool,
}

/// One crate of the workspace.
#[derive(Clone, Debug)]
pub struct Crate {
    /// The package's name: `mach-store`.
    pub name: String,
    /// Its folder from the root: `crates/kernel/store`.
    pub folder: String,
    /// What it depends on directly.
    pub dependencies: Vec<Dependency>,
}

impl Crate {
    /// `kernel`, `exchange`, `apps`; `mach` for the binary; `tests` for what is no product.
    pub fn layer(&self) -> &str {
        match self.folder.split('/').collect::<Vec<_>>()[..] {
            ["crates", layer, _] => layer,
            ["crates", "mach"] => "mach",
            _ => "tests",
        }
    }

    /// The crates of ours it needs to be built and run; tests' needs are not counted.
    pub fn ours(&self) -> impl Iterator<Item = &str> {
        self.dependencies.iter().filter(|d| d.ours && d.kind != "dev").map(|d| d.name.as_str())
    }

    /// Whether it needs the registry package `name` to be built and run.
    pub fn needs(&self, name: &str) -> bool {
        self.dependencies.iter().any(|d| d.name == name && d.kind != "dev")
    }
}

/// Every crate of the workspace.
pub fn crates() -> Vec<Crate> {
    packages(&["--no-deps"]).iter().map(read_crate).collect()
}

/// Every package of the lock file that this platform builds: its name and version, and its licence expression.
pub fn locked() -> Vec<(String, String)> {
    let platform = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let packages = packages(&["--locked", "--filter-platform", &platform]);
    let name = |p: &Value| format!("{} {}", text(&p["name"]), text(&p["version"]));
    packages.iter().map(|p| (name(p), p["license"].as_str().unwrap_or("none").to_owned())).collect()
}

/// The packages `cargo metadata` lists.
fn packages(options: &[&str]) -> Vec<Value> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = Command::new(cargo)
        .args(["metadata", "--offline", "--format-version", "1"])
        .args(options)
        .current_dir(root())
        .output()
        .expect("cargo starts");
    assert!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    let mut metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo metadata is JSON");
    let Value::Array(packages) = metadata["packages"].take() else { panic!("cargo metadata lists packages") };
    packages
}

fn text(value: &Value) -> String {
    value.as_str().expect("a string").to_owned()
}

fn read_crate(package: &Value) -> Crate {
    let manifest = PathBuf::from(text(&package["manifest_path"]));
    let folder = manifest.parent().and_then(|f| f.strip_prefix(root()).ok()).expect("a crate under the root");
    let dependencies = package["dependencies"].as_array().expect("a list of dependencies").iter().map(|d| Dependency {
        name: text(&d["name"]),
        kind: d["kind"].as_str().unwrap_or("normal").to_owned(),
        ours: !d["path"].is_null(),
    });
    Crate {
        name: text(&package["name"]),
        folder: folder.to_string_lossy().into_owned(),
        dependencies: dependencies.collect(),
    }
}

/// A text file: its path from the root, and its text.
#[derive(Clone, Debug)]
pub struct File {
    /// `crates/kernel/store/src/lib.rs`.
    pub path: String,
    /// The whole text.
    pub text: String,
}

impl File {
    /// Its lines that belong to the product: without what follows `#[cfg(test)]`, each with its number from 1.
    /// (Unit tests stand at the end of a file, by the habit of the house.)
    pub fn product_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text
            .lines()
            .enumerate()
            .map(|(n, line)| (n + 1, line))
            .take_while(|(_, line)| line.trim() != "#[cfg(test)]")
    }
}

/// Every text file under `folder` (from the root) whose name ends in one of `endings`, in order of path.
pub fn files(folder: &str, endings: &[&str]) -> Vec<File> {
    let wanted = paths(folder).into_iter().filter(|p| endings.iter().any(|e| p.ends_with(e)));
    wanted.map(read).collect()
}

/// The path (from the root) of every file under `folder`, in order.
pub fn paths(folder: &str) -> Vec<String> {
    let root = root();
    let mut found = Vec::new();
    walk(&root.join(folder), &mut found);
    let relative = found.iter().map(|p| p.strip_prefix(&root).expect("under the root").to_string_lossy().into_owned());
    let mut paths: Vec<_> = relative.collect();
    paths.sort();
    paths
}

fn read(path: String) -> File {
    let text = std::fs::read_to_string(root().join(&path)).unwrap_or_else(|e| panic!("{path}: {e}"));
    File { path, text }
}

fn walk(folder: &Path, into: &mut Vec<PathBuf>) {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    for entry in entries {
        let path = entry.expect("a readable entry").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let built = matches!(name.as_str(), "target" | "node_modules" | "dist" | "out") || name.starts_with('.');
        if path.is_dir() && !built {
            walk(&path, into);
        } else if path.is_file() {
            into.push(path);
        }
    }
}
