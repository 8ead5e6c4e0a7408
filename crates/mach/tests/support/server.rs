//! The program serving, and requests to it over plain sockets.

use super::{mach, run};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How long one answer may take on a busy machine.
const ANSWER: Duration = Duration::from_secs(120);

/// `mach serve` on a free port; killed with this value.
pub struct Serving {
    pub child: Child,
    pub at: SocketAddr,
    pub log: Arc<Mutex<String>>,
    /// What it said before it listened.
    pub before: Vec<String>,
}

/// Where the store is: `--data FOLDER`, or `--store URL` beside a folder.
pub fn store_of(data: &Path, url: Option<&str>) -> Vec<String> {
    let mut options = vec!["--data".to_owned(), data.display().to_string()];
    options.extend(url.into_iter().flat_map(|url| ["--store".to_owned(), url.to_owned()]));
    options
}

impl Serving {
    /// Starts and waits until it listens.
    pub fn start(store: &[String]) -> Self {
        let mut command = mach();
        command.args(store).args(["serve", "--listen", "127.0.0.1:0"]);
        Self::started(command)
    }

    /// The same with these options only.
    pub fn start_with(options: &[String]) -> Self {
        let mut command = mach();
        command.args(options);
        Self::started(command)
    }

    /// The same by a shell that first does `before` (`ulimit …`).
    pub fn start_after(before: &str, store: &[String]) -> Self {
        let mut command = Command::new("sh");
        command.args(["-c", &format!("{before}; exec \"$@\""), "sh", env!("CARGO_BIN_EXE_mach")]);
        command.args(store).args(["serve", "--listen", "127.0.0.1:0"]);
        Self::started(command)
    }

    /// The same by a command of one's own.
    pub fn started(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let (kept, errors) = (Arc::clone(&log), BufReader::new(child.stderr.take().unwrap()));
        std::thread::spawn(move || {
            for line in errors.lines().map_while(Result::ok) {
                *kept.lock().unwrap() += &(line + "\n");
            }
        });
        let mut said = BufReader::new(child.stdout.take().unwrap());
        let (mut line, mut before) = (String::new(), Vec::new());
        while !line.contains("listening on http") {
            if !line.is_empty() {
                before.push(line.trim().to_owned());
            }
            line.clear();
            let read = said.read_line(&mut line).unwrap();
            assert!(read > 0, "it did not start: {}", log.lock().unwrap());
        }
        let at = line.trim().rsplit("://").next().unwrap().parse().unwrap();
        // Somebody must take what it goes on to say.
        std::thread::spawn(move || said.read_to_end(&mut Vec::new()));
        Self { child, at, log, before }
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Tells it to end, and waits until it has.
    pub fn stop(&mut self) -> std::process::ExitStatus {
        let told = Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        assert!(told.success());
        self.child.wait().unwrap()
    }

    pub fn client(&self, token: &str) -> Client {
        Client { at: self.at, token: token.to_owned(), stream: None }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A token that may write for the province.
pub fn token(store: &[String]) -> String {
    let out = run(mach().args(store).args(["token", "new", "--scope", "write", "--name", "test"]));
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap().trim().to_owned()
}

/// A client with one connection, opened again where it was lost.
pub struct Client {
    at: SocketAddr,
    token: String,
    stream: Option<BufReader<TcpStream>>,
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().filter_map(|l| l.split_once(": ")).find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v)
    }
}

impl Client {
    /// Sends one request; `None` where the connection was lost before the answer was whole.
    pub fn send(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Option<Answer> {
        let mut request = format!("{method} {path} HTTP/1.1\r\nhost: mach\r\nauthorization: Bearer {}\r\n", self.token);
        if !body.is_empty() && !headers.iter().any(|(name, _)| *name == "content-type") {
            request += "content-type: application/fhir+json\r\n";
        }
        for (name, value) in headers {
            request += &format!("{name}: {value}\r\n");
        }
        request += &format!("content-length: {}\r\n\r\n{body}", body.len());
        let answer = self.exchange(request.as_bytes());
        if answer.as_ref().is_none_or(|a| a.header("connection") == Some("close")) {
            self.stream = None;
        }
        answer
    }

    fn exchange(&mut self, request: &[u8]) -> Option<Answer> {
        if self.stream.is_none() {
            let stream = TcpStream::connect(self.at).ok()?;
            stream.set_read_timeout(Some(ANSWER)).unwrap();
            self.stream = Some(BufReader::new(stream));
        }
        let stream = self.stream.as_mut()?;
        stream.get_mut().write_all(request).ok()?;
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if stream.read_line(&mut head).ok()? == 0 {
                return None;
            }
        }
        let status = head.split(' ').nth(1)?.parse().ok()?;
        let mut answer = Answer { status, head, body: String::new() };
        let body = if answer.header("transfer-encoding").is_some_and(|v| v.contains("chunked")) {
            chunks(stream)?
        } else {
            let length = answer.header("content-length").map_or(Some(0), |v| v.trim().parse().ok())?;
            let mut body = vec![0; if status == 204 || status == 304 { 0 } else { length }];
            stream.read_exact(&mut body).ok()?;
            body
        };
        answer.body = String::from_utf8(body).ok()?;
        Some(answer)
    }
}

fn chunks(stream: &mut impl BufRead) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).ok()?;
        let length = usize::from_str_radix(line.trim(), 16).ok()?;
        let mut chunk = vec![0; length + 2];
        stream.read_exact(&mut chunk).ok()?;
        body.extend(&chunk[..length]);
        if length == 0 {
            return Some(body);
        }
    }
}
