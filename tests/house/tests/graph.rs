//! Who may know whom. The picture is in `ARCHITECTURE.md`.

use mach_house_tests::{Crate, crates, root};

/// The kernel from the ground up: a crate may know only those before it, and not all of them.
const KERNEL: [(&str, &[&str]); 18] = [
    ("mach-base", &[]),
    ("mach-access", &["mach-base"]),
    ("mach-tls", &[]),
    ("mach-seal", &[]),
    ("mach-tlog", &[]),
    ("mach-sign", &[]),
    ("mach-documents", &["mach-sign"]),
    ("mach-sheets", &["mach-base"]),
    ("mach-fhir", &["mach-base"]),
    ("mach-terms", &["mach-base"]),
    ("mach-places", &["mach-base"]),
    ("mach-store", &["mach-base", "mach-access", "mach-fhir", "mach-tlog", "mach-tls", "mach-seal"]),
    ("mach-people", &["mach-base", "mach-access", "mach-fhir", "mach-store"]),
    ("mach-cube", &["mach-base", "mach-access", "mach-terms", "mach-places", "mach-store"]),
    ("mach-ui", &["mach-base"]),
    (
        "mach-house",
        &["mach-base", "mach-access", "mach-tls", "mach-seal", "mach-sign", "mach-store", "mach-terms", "mach-ui"],
    ),
    (
        "mach-signing",
        &[
            "mach-base",
            "mach-access",
            "mach-seal",
            "mach-sign",
            "mach-documents",
            "mach-store",
            "mach-ui",
            "mach-house",
        ],
    ),
    ("mach-forms", &["mach-base", "mach-access", "mach-fhir", "mach-store", "mach-ui"]),
];

fn all_crates() -> Vec<Crate> {
    let crates = crates();
    assert!(crates.len() >= 15, "cargo metadata lists only {}", crates.len());
    crates
}

fn layer_of<'a>(crates: &'a [Crate], name: &str) -> &'a str {
    crates.iter().find(|c| c.name == name).map_or_else(|| panic!("no crate {name}"), Crate::layer)
}

/// Fails with every edge that breaks `rule`, not with the first.
fn forbid(rule: &str, broken: Vec<String>) {
    assert!(broken.is_empty(), "{rule}:\n{}", broken.join("\n"));
}

#[test]
fn dependencies_point_down_the_layers() {
    let crates = all_crates();
    let below: fn(&str) -> &'static [&'static str] = |layer| match layer {
        "kernel" => &["kernel"],
        "exchange" => &["kernel"],
        "apps" => &["exchange", "kernel"],
        "mach" => &["apps", "exchange", "kernel"],
        // What tests stand on; no product crate can need it, because nothing points to this layer.
        "tests" => &["apps", "exchange", "kernel"],
        _ => &[],
    };
    let edges = crates.iter().flat_map(|c| c.ours().map(move |to| (c, to)));
    let broken = edges.filter(|(from, to)| !below(from.layer()).contains(&layer_of(&crates, to)));
    forbid(
        "apps → exchange → kernel; no app knows another, no format knows another",
        broken.map(|(from, to)| format!("{} → {to}", from.name)).collect(),
    );
}

#[test]
fn the_kernel_keeps_its_order() {
    for c in all_crates().iter().filter(|c| c.layer() == "kernel") {
        let (_, allowed) = KERNEL.iter().find(|(name, _)| *name == c.name).unwrap_or_else(|| {
            panic!("{} is new in the kernel: give it a place in KERNEL and a paragraph in ARCHITECTURE.md", c.name)
        });
        let broken = c.ours().filter(|to| !allowed.contains(to)).map(|to| format!("{} → {to}", c.name)).collect();
        forbid("the kernel's order", broken);
    }
}

#[test]
fn the_synthetic_province_knows_nothing_of_ours() {
    let crates = all_crates();
    let synth = crates.iter().find(|c| c.name == "mach-synth").expect("the crate mach-synth");
    forbid(
        "its totals are a second opinion: not one line is shared with the reader",
        synth.dependencies.iter().filter(|d| d.ours).map(|d| format!("mach-synth → {}", d.name)).collect(),
    );
}

/// The crates that answer requests.
fn serves_pages(c: &Crate) -> bool {
    matches!(c.name.as_str(), "mach-ui" | "mach-house" | "mach-signing" | "mach-forms")
        || matches!(c.layer(), "apps" | "mach")
}

#[test]
fn only_these_know_the_tools() {
    type May = fn(&Crate) -> bool;
    // (tool, who may, why)
    let rules: [(&str, May, &str); 9] = [
        ("rusqlite", |c| c.name == "mach-store", "all SQL is in the store"),
        ("postgres-protocol", |c| c.name == "mach-store", "all SQL is in the store"),
        ("axum", serves_pages, "only pages know HTTP"),
        ("tower-http", |c| c.name == "mach-ui" || c.layer() == "mach", "one place wraps the answers"),
        ("askama", serves_pages, "only pages know templates"),
        ("tokio", serves_pages, "the kernel and the formats are synchronous"),
        (
            "quick-xml",
            |c| c.layer() == "exchange" || matches!(c.name.as_str(), "mach-fhir" | "mach-sheets"),
            "only a format's crate reads XML",
        ),
        (
            "ring",
            |c| matches!(c.name.as_str(), "mach-sign" | "mach-seal"),
            "keys are seen where one signs and where one seals",
        ),
        ("argon2", |c| c.name == "mach-access", "one place hashes passwords"),
    ];
    let crates = all_crates();
    for (tool, may, why) in rules {
        let broken =
            crates.iter().filter(|c| c.needs(tool) && !may(c)).map(|c| format!("{} → {tool}", c.name)).collect();
        forbid(why, broken);
    }
}

#[test]
fn every_crate_takes_the_lints_and_the_licence_of_the_workspace() {
    for c in all_crates() {
        let manifest = std::fs::read_to_string(root().join(&c.folder).join("Cargo.toml")).expect("a manifest");
        for line in ["[lints]\nworkspace = true", "license.workspace = true", "publish.workspace = true"] {
            assert!(manifest.contains(line), "{}/Cargo.toml lacks `{line}`", c.folder);
        }
    }
}

#[test]
fn every_crate_stands_in_the_code_map() {
    let map = std::fs::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md");
    for c in all_crates() {
        assert!(map.contains(&format!("`{}`", c.folder)), "ARCHITECTURE.md has no paragraph for `{}`", c.folder);
    }
}
