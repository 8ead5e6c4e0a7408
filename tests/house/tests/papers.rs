//! The script and the documents: what they promise can be run and followed.

use mach_house_tests::{File, files, root};
use std::process::{Command, Output};

fn dev(arguments: &[&str]) -> Output {
    Command::new("sh")
        .arg("dev")
        .args(arguments)
        .current_dir(root())
        .env("MACH_NO_INSTALL", "1")
        .output()
        .expect("sh starts")
}

#[test]
fn the_script_explains_itself_and_refuses_what_it_does_not_know() {
    // (arguments, exit code, what it says)
    let cases: [(&[&str], i32, &str); 5] = [
        (&["help"], 0, "./dev test [--full]"),
        (&[], 2, "./dev demo"),
        (&["dance"], 2, "./dev demo"),
        (&["bench", "dance"], 2, "No bench is named"),
        (&["test", "--dance"], 2, "./dev demo"),
    ];
    for (arguments, code, says) in cases {
        let output = dev(arguments);
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert_eq!(output.status.code(), Some(code), "./dev {arguments:?}: {said}");
        assert!(said.contains(says), "./dev {arguments:?} says: {said}");
    }
}

#[test]
fn every_bench_has_its_place_in_the_results() {
    let script = std::fs::read_to_string(root().join("dev")).expect("dev");
    let (_, names) = script.split_once("\n        all | ").expect("dev names its benches");
    let (names, _) = names.split_once(')').expect("the list ends");
    let results = std::fs::read_to_string(root().join("bench/RESULTS.md")).expect("bench/RESULTS.md");
    for name in names.split(" | ") {
        for mark in [format!("<!-- bench:{name} -->"), format!("<!-- /bench:{name} -->")] {
            assert!(results.lines().any(|line| line == mark), "bench/RESULTS.md lacks {mark}");
        }
    }
}

/// The relative targets of `[text](target)` in a document.
fn links(file: &File) -> impl Iterator<Item = &str> {
    let targets = file.text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    targets.filter(|t| !t.contains("://") && !t.starts_with('#')).map(|t| t.split('#').next().unwrap_or(t))
}

#[test]
fn links_in_the_documents_lead_somewhere() {
    let mut documents = files("docs", &[".md"]);
    documents.extend(["content", "bench"].iter().flat_map(|folder| files(folder, &[".md"])));
    for name in ["README.md", "ARCHITECTURE.md", "CHANGELOG.md"] {
        let text = std::fs::read_to_string(root().join(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
        documents.push(File { path: name.to_owned(), text });
    }
    let mut seen = 0;
    for file in &documents {
        let folder = root().join(&file.path).parent().expect("a file is in a folder").to_path_buf();
        for target in links(file) {
            seen += 1;
            assert!(folder.join(target).exists(), "{}: `{target}` is not there", file.path);
        }
    }
    assert!(seen > 8, "only {seen} links were found");
}
