//! Bad input and bad machines, through the program as a user starts it.

#![expect(clippy::unwrap_used, reason = "a broken expectation ends the test")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use support::{digest, folder, import, mach, province, run};

fn xml_files(folder: &Path) -> Vec<PathBuf> {
    let mut out = Vec::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(at) = open.pop() {
        for entry in fs::read_dir(at).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|e| e == "xml") {
                out.push(path);
            }
        }
    }
    out.sort();
    out
}

#[test]
fn two_processes_import_the_same_files_at_once() {
    let root = folder("twice");
    let files = root.join("files");
    province(&files, 300, 6);
    let (clean, both) = (root.join("clean"), root.join("both"));
    run(&mut import(&clean, &[&files]));
    let mut children: Vec<_> =
        (0..2).map(|_| import(&both, &[&files]).arg("--json").stdout(Stdio::piped()).spawn().unwrap()).collect();
    let mut accepted = 0;
    let mut duplicate = 0;
    for child in children.drain(..) {
        let out = child.wait_with_output().unwrap();
        let summary: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
        accepted += summary["summary"]["accepted"].as_i64().unwrap() + summary["summary"]["refused"].as_i64().unwrap();
        duplicate += summary["summary"]["duplicate"].as_i64().unwrap();
    }
    assert_eq!((accepted, duplicate), (300, 300), "every claim was taken once and known once");
    // People are numbered in the order of arrival, which two processes share as they may; what is counted is the same.
    let counted = |data: &Path| {
        let text = digest(data);
        text.lines().filter(|l| l.starts_with("cell")).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(counted(&both), counted(&clean));
    fs::remove_dir_all(&root).unwrap();
}

#[test]
fn ten_of_a_thousand_files_are_broken() {
    let root = folder("thousand");
    let (files, inbox) = (root.join("files"), root.join("inbox"));
    province(&files, 1200, 7);
    fs::create_dir(&inbox).unwrap();
    let mut names = Vec::new();
    for (i, path) in xml_files(&files).into_iter().take(1000).enumerate() {
        let to = inbox.join(format!("{i:04}.xml"));
        fs::copy(path, &to).unwrap();
        names.push(to);
    }
    assert_eq!(names.len(), 1000);
    let damage: [(usize, Vec<u8>); 10] = [
        (17, Vec::new()),
        (118, b"PK\x03\x04not a claim".to_vec()),
        (219, b"<!DOCTYPE x [<!ENTITY a \"b\">]><GIAMDINHHS>&a;</GIAMDINHHS>".to_vec()),
        (320, b"\xff\xfe<\0G\0".to_vec()),
        (421, b"<?xml version=\"1.0\" encoding=\"windows-1258\"?><GIAMDINHHS/>".to_vec()),
        (522, b"<HTML>loi</HTML>".to_vec()),
        (623, fs::read(&names[623]).unwrap()[..200].to_vec()),
        (724, b"{}".to_vec()),
        (825, b"\x1f\x8b\x08".to_vec()),
        (926, b"   ".to_vec()),
    ];
    for (i, bytes) in &damage {
        fs::write(&names[*i], bytes).unwrap();
    }
    let data = root.join("data");
    let out = run(import(&data, &[&inbox]).arg("--json"));
    assert_eq!(out.status.code(), Some(2));
    let said: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    let summary = &said["summary"];
    assert_eq!((summary["files"].as_i64(), summary["broken_files"].as_i64()), (Some(1000), Some(10)), "{summary}");
    for (i, _) in &damage {
        let name = names[*i].display().to_string();
        let finding = said["findings"].as_array().unwrap().iter().find(|f| f["file"] == name.as_str());
        let said = finding.unwrap_or_else(|| panic!("nothing was said of {name}"));
        assert!(said["message_vi"].as_str().is_some_and(|m| m.len() > 10) && said["hint_en"].is_string(), "{said}");
    }
    fs::remove_dir_all(&root).unwrap();
}

#[test]
fn a_full_disk_is_said_and_survived() {
    let root = folder("full");
    let files = root.join("files");
    province(&files, 400, 8);
    let (clean, data) = (root.join("clean"), root.join("data"));
    run(&mut import(&clean, &[&files]));
    // No file may grow past 2 MB (ulimit counts 512-byte blocks in POSIX sh; an empty store takes more than one): writes fail
    // as they do on a full disk.
    let limited = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 4000; exec \"$@\"", "sh", env!("CARGO_BIN_EXE_mach"), "--data"])
        .arg(&data)
        .args(["claims", "import"])
        .arg(&files)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&limited.stderr).into_owned();
    assert_eq!(limited.status.code(), Some(1), "{said}");
    assert!(said.contains("import stopped") && said.contains("run the same command again"), "{said}");
    let again = run(&mut import(&data, &[&files]));
    assert_eq!(again.status.code(), Some(2), "{}", String::from_utf8_lossy(&again.stderr));
    assert_eq!(digest(&data), digest(&clean));
    fs::remove_dir_all(&root).unwrap();
}

#[test]
fn exit_codes_say_what_happened() {
    let root = folder("codes");
    let files = root.join("files");
    let made = mach()
        .args(["claims", "generate", "--from", "2025-02-01", "--to", "2025-02-28", "--dossiers", "30", "--out"])
        .arg(&files)
        .output()
        .unwrap();
    assert!(made.status.success());
    let data = root.join("data");
    let all_good = run(&mut import(&data, &[&files]));
    assert_eq!(all_good.status.code(), Some(0), "{}", String::from_utf8_lossy(&all_good.stdout));
    assert_eq!(run(&mut import(&data, &[&root.join("none")])).status.code(), Some(1), "no such folder");
    let bad = root.join("bad.xml");
    fs::write(&bad, "no xml").unwrap();
    assert_eq!(run(mach().args(["claims", "check"]).arg(&bad)).status.code(), Some(2), "a refused file");
    let rules = run(mach().args(["claims", "rules", "--json"]));
    let rules: serde_json::Value = serde_json::from_slice(&rules.stdout).unwrap();
    let count = rules.as_array().unwrap().len();
    assert!(count > 100 && rules[0]["message_vi"].is_string(), "{count} rules");
    fs::remove_dir_all(&root).unwrap();
}

#[test]
fn exported_claims_come_in_again_as_known() {
    let root = folder("export");
    let (files, out, data) = (root.join("files"), root.join("out"), root.join("data"));
    province(&files, 120, 9);
    run(&mut import(&data, &[&files]));
    let exported = run(mach().arg("--data").arg(&data).args(["claims", "export", "--out"]).arg(&out));
    assert!(exported.status.success(), "{}", String::from_utf8_lossy(&exported.stderr));
    let before = digest(&data);
    let again = run(import(&data, &[&out]).arg("--json"));
    assert_eq!(again.status.code(), Some(0), "{}", String::from_utf8_lossy(&again.stdout));
    assert_eq!(digest(&data), before, "what was exported says what was imported");
    fs::remove_dir_all(&root).unwrap();
}
