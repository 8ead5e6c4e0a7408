//! The program as a user starts it, on folders of its own.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The built program.
pub fn mach() -> Command {
    Command::new(env!("CARGO_BIN_EXE_mach"))
}

/// A new folder for one test.
pub fn folder(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("mach-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).unwrap();
    path
}

/// Writes a synthetic province and gives its folder.
pub fn province(out: &Path, dossiers: u64, seed: u64) {
    let made = mach()
        .args(["claims", "generate", "--from", "2024-03-01", "--to", "2025-09-30", "--dossiers", &dossiers.to_string()])
        .args(["--seed", &seed.to_string(), "--defects", "0.04", "--out"])
        .arg(out)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

/// An import of `paths` into `data`, ready to start.
pub fn import(data: &Path, paths: &[&Path]) -> Command {
    let mut command = mach();
    command.arg("--data").arg(data).args(["claims", "import"]).args(paths);
    command
}

/// What the store holds.
pub fn digest(data: &Path) -> String {
    let out = run(mach().arg("--data").arg(data).args(["store", "digest"]));
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

/// Runs to the end.
pub fn run(command: &mut Command) -> Output {
    command.output().unwrap()
}
