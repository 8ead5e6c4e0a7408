//! A client of one connection kept alive, and several of them at once. It reads what a server of HTTP/1.1 answers with a
//! length or in chunks, and nothing else.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// A connection to a server.
pub struct Client {
    address: String,
    token: String,
    stream: Option<BufReader<TcpStream>>,
}

/// What was answered.
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// The body, whole.
    pub body: Vec<u8>,
}

impl Client {
    /// A client of the server at `address` (`127.0.0.1:8080`) that shows `token`.
    pub fn new(address: &str, token: &str) -> Self {
        Self { address: address.to_owned(), token: token.to_owned(), stream: None }
    }

    /// Sends a request and reads its answer.
    pub fn ask(&mut self, method: &str, path: &str, body: &[u8]) -> Result<Answer, String> {
        let answer = self.exchange(method, path, body).map_err(|e| format!("{method} {path}: {e}"));
        if answer.is_err() {
            self.stream = None;
        }
        answer
    }

    /// Reads something that must be there.
    pub fn get(&mut self, path: &str) -> Result<Vec<u8>, String> {
        let answer = self.ask("GET", path, &[])?;
        if answer.status == 200 { Ok(answer.body) } else { Err(told(path, &answer)) }
    }

    /// Posts something that must be taken.
    pub fn post(&mut self, path: &str, body: &[u8]) -> Result<Vec<u8>, String> {
        let answer = self.ask("POST", path, body)?;
        if matches!(answer.status, 200 | 201) { Ok(answer.body) } else { Err(told(path, &answer)) }
    }

    fn exchange(&mut self, method: &str, path: &str, body: &[u8]) -> std::io::Result<Answer> {
        let stream = match &mut self.stream {
            Some(stream) => stream,
            none => {
                let stream = TcpStream::connect(&self.address)?;
                stream.set_nodelay(true)?;
                none.insert(BufReader::with_capacity(64 << 10, stream))
            }
        };
        let mut request =
            format!("{method} {path} HTTP/1.1\r\nHost: {}\r\nAccept: application/fhir+json\r\n", self.address);
        request.push_str(&format!("Authorization: Bearer {}\r\n", self.token));
        if method == "POST" {
            request.push_str(&format!("Content-Type: application/fhir+json\r\nContent-Length: {}\r\n", body.len()));
        }
        request.push_str("\r\n");
        let mut bytes = request.into_bytes();
        bytes.extend(body);
        stream.get_mut().write_all(&bytes)?;
        read_answer(stream)
    }
}

fn told(path: &str, answer: &Answer) -> String {
    let said = String::from_utf8_lossy(&answer.body);
    format!("{path} answered {}: {}", answer.status, said.chars().take(300).collect::<String>())
}

fn read_answer(stream: &mut BufReader<TcpStream>) -> std::io::Result<Answer> {
    let broken = || std::io::Error::new(std::io::ErrorKind::InvalidData, "no answer of HTTP/1.1");
    let mut line = String::new();
    stream.read_line(&mut line)?;
    let status = line.split(' ').nth(1).and_then(|s| s.parse().ok()).ok_or_else(broken)?;
    let (mut length, mut chunked) = (0_usize, false);
    loop {
        line.clear();
        stream.read_line(&mut line)?;
        let (name, value) = line.split_once(':').unwrap_or((line.trim(), ""));
        match name.to_ascii_lowercase().as_str() {
            "" => break,
            "content-length" => length = value.trim().parse().map_err(|_| broken())?,
            "transfer-encoding" => chunked = value.trim() == "chunked",
            _ => {}
        }
    }
    let mut body = Vec::new();
    if !chunked {
        body.resize(length, 0);
        stream.read_exact(&mut body)?;
        return Ok(Answer { status, body });
    }
    loop {
        line.clear();
        stream.read_line(&mut line)?;
        let size = usize::from_str_radix(line.trim(), 16).map_err(|_| broken())?;
        let from = body.len();
        body.resize(from + size, 0);
        stream.read_exact(&mut body[from..])?;
        line.clear();
        stream.read_line(&mut line)?;
        if size == 0 {
            return Ok(Answer { status, body });
        }
    }
}

/// Times of many requests.
pub struct Times {
    /// Each, shortest first.
    times: Vec<Duration>,
    /// From the first request to the last answer.
    pub took: Duration,
}

impl Times {
    /// The time within which this share of the requests was answered, in milliseconds.
    pub fn at(&self, share: f64) -> f64 {
        let index = ((self.times.len() as f64 - 1.0) * share).round() as usize;
        self.times.get(index).map_or(0.0, |d| d.as_secs_f64() * 1000.0)
    }

    /// Requests a second, of all clients together.
    pub fn rate(&self) -> f64 {
        self.times.len() as f64 / self.took.as_secs_f64()
    }
}

/// Runs `count` requests on `clients` connections; `ask` gets a client and the request's number.
pub fn together(
    (address, token): (&str, &str),
    clients: usize,
    count: usize,
    ask: impl Fn(&mut Client, usize) -> Result<(), String> + Sync,
) -> Result<Times, String> {
    let next = std::sync::atomic::AtomicUsize::new(0);
    let started = Instant::now();
    let parts: Vec<Result<Vec<Duration>, String>> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..clients)
            .map(|_| {
                scope.spawn(|| {
                    let mut client = Client::new(address, token);
                    let mut times = Vec::new();
                    loop {
                        let n = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                        if n >= count {
                            return Ok(times);
                        }
                        let began = Instant::now();
                        ask(&mut client, n)?;
                        times.push(began.elapsed());
                    }
                })
            })
            .collect();
        workers.into_iter().map(|w| w.join().unwrap_or_else(|_| Err("a client failed".to_owned()))).collect()
    });
    let took = started.elapsed();
    let mut times: Vec<Duration> = parts.into_iter().collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect();
    times.sort_unstable();
    Ok(Times { times, took })
}
