//! Authorities and certificates of a test's own, made by openssl; questions asked by curl.

use super::run;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// Whether the programs are there that this works with; said loudly where not.
pub fn tools(what: &str) -> bool {
    let there = |name: &str, arg: &str| {
        Command::new(name).arg(arg).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|s| s.success())
    };
    let all = there("openssl", "version") && there("curl", "--version");
    if !all {
        let _ = writeln!(std::io::stderr(), "NOT TESTED: {what}; openssl and curl are needed");
    }
    all
}

pub fn openssl(folder: &Path, args: &[&str]) {
    let out = run(Command::new("openssl").args(args).current_dir(folder));
    assert!(out.status.success(), "openssl {args:?}: {}", String::from_utf8_lossy(&out.stderr));
}

const EC: [&str; 5] = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];

/// A new authority: `NAME.pem`, `NAME.key`.
pub fn authority(folder: &Path, name: &str) {
    let (key, pem, subject) = (format!("{name}.key"), format!("{name}.pem"), format!("/CN={name}"));
    let ask = ["req", "-x509", "-keyout", &key, "-out", &pem, "-days", "2", "-subj", &subject];
    openssl(folder, &[&ask[..], &EC].concat());
}

/// A certificate by `authority`, with `names` (`DNS:localhost,IP:127.0.0.1`): `NAME.pem`, `NAME.key`. The key appears first.
pub fn certificate(folder: &Path, name: &str, authority: &str, names: &str, days: &str) {
    let of = |end: &str| format!("{name}.{end}");
    std::fs::write(folder.join(of("ext")), format!("subjectAltName={names}\n")).unwrap();
    let ask = ["req", "-keyout", &of("newkey"), "-out", &of("csr"), "-subj", &format!("/CN={name}")];
    openssl(folder, &[&ask[..], &EC].concat());
    let (ca, ca_key) = (format!("{authority}.pem"), format!("{authority}.key"));
    let sign = ["x509", "-req", "-in", &of("csr"), "-CA", &ca, "-CAkey", &ca_key, "-CAcreateserial", "-days", days];
    openssl(folder, &[&sign[..], &["-extfile", &of("ext"), "-out", &of("new")]].concat());
    std::fs::rename(folder.join(of("newkey")), folder.join(of("key"))).unwrap();
    std::fs::rename(folder.join(of("new")), folder.join(of("pem"))).unwrap();
}

/// Whether curl got an answer, and what it printed.
pub fn curl(folder: &Path, url: &str, more: &[&str]) -> (bool, String) {
    let out = run(Command::new("curl").args(["-sS", "--max-time", "60"]).args(more).arg(url).current_dir(folder));
    (out.status.success(), String::from_utf8_lossy(&[out.stdout, out.stderr].concat()).into_owned())
}
