//! Prepares what the crate embeds: the message catalogue as constants, the bundled pages' assets as bytes.

#[path = "build/assets.rs"]
mod assets;
#[path = "build/messages.rs"]
mod messages;

use std::path::{Path, PathBuf};

fn main() {
    let here = PathBuf::from(env("CARGO_MANIFEST_DIR"));
    let root = here.join("../../..");
    let out = PathBuf::from(env("OUT_DIR"));
    let done = messages::generate(&root.join("content/messages"), &out.join("messages.rs"))
        .and_then(|()| assets::generate(&root.join("web"), &out));
    if let Err(message) = done {
        // One plain message: cargo shows the panic text and nothing of it is a bug of ours.
        eprintln!("\n{message}\n");
        std::process::exit(1);
    }
}

fn env(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("cargo sets {name}"))
}

fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|e| format!("`{}` cannot be read: {e}", path.display()))
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    std::fs::write(path, text).map_err(|e| format!("`{}` cannot be written: {e}", path.display()))
}
