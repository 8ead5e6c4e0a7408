//! `mach fhir validate`: verdicts, exit codes, packages.

use std::path::Path;
use std::process::{Command, Output};

fn mach(folder: &Path, options: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mach"));
    command.current_dir(folder).args(["--data", "data", "fhir", "validate"]).args(options);
    command.output().expect("it runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn verdicts_and_exit_codes() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &[u8]| std::fs::write(folder.path().join(name), content).unwrap();
    write("good.json", br#"{"resourceType":"Patient","active":true}"#);
    write(
        "good.xml",
        br#"<Patient xmlns="http://hl7.org/fhir"><active value="true"/><gender value="male"/></Patient>"#,
    );
    write(
        "order.xml",
        br#"<Patient xmlns="http://hl7.org/fhir"><gender value="male"/><active value="true"/></Patient>"#,
    );
    write("unknown.xml", br#"<Patient xmlns="http://hl7.org/fhir"><activ value="true"/></Patient>"#);
    write("bad.json", br#"{"resourceType":"Patient","activ":true}"#);
    write("twice.json", br#"{"resourceType":"Patient","active":true,"active":false}"#);
    write("comma.json", br#"{"resourceType":"Patient","active":true,}"#);
    write("comment.json", b"{\"resourceType\":\"Patient\" /* a */}");
    write("no.json", b"\xff\xfe{");
    write("empty.json", b"");
    let run = |options: &[&str]| mach(folder.path(), options);
    for (file, code) in [
        ("good.json", 0),
        ("good.xml", 0),
        ("order.xml", 1),
        ("unknown.xml", 1),
        ("bad.json", 1),
        ("twice.json", 1),
        ("comma.json", 1),
        ("comment.json", 1),
        ("no.json", 1),
        ("empty.json", 1),
        ("absent.json", 2),
    ] {
        let output = run(&[file, "--json"]);
        assert_eq!(output.status.code(), Some(code), "{file}: {}{}", text(&output.stdout), text(&output.stderr));
        if code < 2 {
            let outcome: serde_json::Value = serde_json::from_slice(&output.stdout).expect("an outcome");
            assert_eq!(outcome["resourceType"], "OperationOutcome");
            let bad = |i: &serde_json::Value| i["severity"] == "error" || i["severity"] == "fatal";
            let issues = outcome["issue"].as_array().unwrap();
            assert_eq!(issues.iter().any(bad), code == 1, "{file}: {outcome}");
        }
    }
    let both = run(&["good.json", "bad.json", "--json"]);
    let outcomes: serde_json::Value = serde_json::from_slice(&both.stdout).unwrap();
    assert_eq!((both.status.code(), outcomes.as_array().map(Vec::len)), (Some(1), Some(2)));
    let lines = run(&["good.json", "bad.json"]);
    assert!(text(&lines.stdout).contains("good.json: valid\n") && text(&lines.stdout).contains("at Patient.activ: "));
    assert_eq!(run(&["good.json", "--profile", "http://x/none"]).status.code(), Some(2));
    assert_eq!(run(&["good.json", "--package", "none.tgz"]).status.code(), Some(2));
}

#[test]
fn profiles_of_packages() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data/packages");
    std::fs::create_dir_all(&data).unwrap();
    let profile = br#"{"resourceType":"StructureDefinition","url":"http://x/p","name":"P","status":"draft","kind":"resource","abstract":false,"type":"Patient","baseDefinition":"http://hl7.org/fhir/StructureDefinition/Patient","derivation":"constraint","differential":{"element":[{"path":"Patient.name","min":1}]}}"#;
    std::fs::write(folder.path().join("p.json"), profile).unwrap();
    std::fs::write(folder.path().join("a.json"), br#"{"resourceType":"Patient"}"#).unwrap();
    std::fs::write(folder.path().join("b.json"), br#"{"resourceType":"Patient","name":[{"text":"a"}]}"#).unwrap();
    let code = |options: &[&str]| mach(folder.path(), options).status.code();
    assert_eq!(code(&["b.json", "--profile", "http://x/p"]), Some(2));
    assert_eq!(code(&["b.json", "--profile", "http://x/p", "--package", "p.json"]), Some(0));
    assert_eq!(code(&["a.json", "--profile", "http://x/p", "--package", "p.json"]), Some(1));
    // The same from a package that an administrator put there.
    let packed = Command::new("tar").current_dir(folder.path()).args(["czf", "data/packages/p.tgz", "p.json"]).status();
    assert!(packed.expect("tar runs").success());
    assert_eq!(code(&["b.json", "--profile", "http://x/p"]), Some(0));
    assert_eq!(code(&["a.json", "--profile", "http://x/p"]), Some(1));
}
