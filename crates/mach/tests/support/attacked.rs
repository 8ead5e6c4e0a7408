//! A served province with accounts, asked by plain sockets.

use super::server::{Serving, store_of, token};
use super::support::{folder, import, mach, province, run};
use mach_store::Store;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

/// Of every account.
pub const PASSWORD: &str = "mot mat khau rat dai";

/// A served province with an account for each role.
pub struct House {
    pub root: PathBuf,
    pub serving: Serving,
    pub token: String,
}

/// What was answered.
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> Vec<&str> {
        let all = self.head.lines().filter_map(|l| l.split_once(": "));
        all.filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.trim()).collect()
    }

    /// The session that was given.
    pub fn session(&self) -> Option<String> {
        let set = self.header("set-cookie").into_iter().find(|c| c.starts_with("mach_session="))?;
        Some(set.split(';').next()?.to_owned())
    }
}

impl House {
    pub fn new(name: &str, between: impl FnOnce(&Store)) -> Self {
        let root = folder(name);
        let data = root.join("data");
        province(&root.join("files"), 60, 8);
        assert_eq!(run(&mut import(&data, &[&root.join("files")])).status.code(), Some(2), "some are defective");
        let store = store_of(&data, None);
        for (account, role) in [("lanh", "leader"), ("quantri1975", "administrator")] {
            let mut command = mach();
            command.args(&store).args(["account", "set", account, "--role", role]);
            let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
            child.stdin.take().unwrap().write_all(PASSWORD.as_bytes()).unwrap();
            assert!(child.wait().unwrap().success());
        }
        between(&Store::open(&data).unwrap());
        let token = token(&store);
        let mut options = store;
        let proxy = ["serve", "--listen", "127.0.0.1:0", "--trusted-proxy", "127.0.0.1"];
        options.extend(proxy.map(str::to_owned));
        let serving = Serving::start_with(&options);
        Self { root, serving, token }
    }

    pub fn send(&self, request: &[u8]) -> Answer {
        let mut stream = TcpStream::connect(self.serving.at).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(120))).unwrap();
        stream.write_all(request).unwrap();
        let mut bytes = Vec::new();
        // A refused body may be answered by a reset behind the answer.
        let _ = stream.read_to_end(&mut bytes);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or(0);
        Answer { status, head: head.to_owned(), body: body.to_owned() }
    }

    pub fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut request = format!("{method} {path} HTTP/1.1\r\nhost: mach.test\r\nconnection: close\r\n");
        for (name, value) in headers {
            request += &format!("{name}: {value}\r\n");
        }
        request += &format!("content-length: {}\r\n\r\n", body.len());
        self.send(&[request.as_bytes(), body].concat())
    }

    pub fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.ask("GET", path, headers, b"")
    }

    pub fn post(&self, path: &str, headers: &[(&str, &str)], form: &str) -> Answer {
        let kind = ("content-type", "application/x-www-form-urlencoded");
        self.ask("POST", path, &[&[kind], headers].concat(), form.as_bytes())
    }

    pub fn sign_in(&self, name: &str) -> String {
        let form = format!("username={name}&password={}", PASSWORD.replace(' ', "+"));
        self.post("/sign-in", &[], &form).session().unwrap()
    }

    pub fn bearer(&self) -> String {
        format!("Bearer {}", self.token)
    }
}

impl Drop for House {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.root);
    }
}
