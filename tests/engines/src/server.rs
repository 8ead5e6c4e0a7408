//! A private PostgreSQL server.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

/// How long a server may take to start, or to recover.
const START: Duration = Duration::from_secs(120);

/// A server in a folder of its own. It ends with this value, and with the process in any case.
pub struct Server {
    programs: PathBuf,
    data: PathBuf,
    keeper: Child,
    ready: Mutex<Receiver<()>>,
    databases: AtomicU32,
    port: u16,
}

static SHARED: Mutex<Weak<Server>> = Mutex::new(Weak::new());
static NEXT: AtomicU32 = AtomicU32::new(0);

impl Server {
    /// The one server of this process, without fsync; `None`, said loudly, where PostgreSQL is not installed.
    ///
    /// # Panics
    /// Where it is installed and does not start.
    pub fn shared() -> Option<Arc<Self>> {
        let mut shared = SHARED.lock().unwrap();
        if let Some(server) = shared.upgrade() {
            return Some(server);
        }
        let server = Arc::new(Self::start(false)?);
        *shared = Arc::downgrade(&server);
        Some(server)
    }

    /// A server of one's own; `durable` switches fsync on.
    ///
    /// # Panics
    /// Where PostgreSQL is installed and does not start.
    pub fn start(durable: bool) -> Option<Self> {
        Self::start_with(durable, None)
    }

    /// A server that is reached over TCP too, at `port` of 127.0.0.1, with these settings: lines of `postgresql.conf`.
    ///
    /// # Panics
    /// Where PostgreSQL is installed and does not start.
    pub fn start_on(port: u16, settings: &Path) -> Option<Self> {
        Self::start_with(false, Some((port, settings)))
    }

    fn start_with(durable: bool, more: Option<(u16, &Path)>) -> Option<Self> {
        let Some(programs) = crate::programs() else {
            let said =
                "NOT TESTED ON POSTGRESQL: it is not installed (apt-get install postgresql); SQLite is used instead";
            // Not `eprintln!`: a passing test's output would be swallowed.
            let _ = writeln!(std::io::stderr(), "{said}");
            return None;
        };
        let root = std::fs::metadata("/proc/self").is_ok_and(|m| std::os::unix::fs::MetadataExt::uid(&m) == 0);
        let name =
            if root { "postgres".to_owned() } else { std::env::var("USER").unwrap_or_else(|_| "own".to_owned()) };
        let keep = std::env::temp_dir().join(format!("mach-test-postgres-{name}"));
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let data = keep.join(format!("run.{}.{number}", std::process::id()));
        let mut command = if root { Command::new("runuser") } else { Command::new("sh") };
        if root {
            command.args(["-u", "postgres", "--", "sh"]);
        }
        command.args(["-c", include_str!("server.sh"), "server.sh"]).arg(&programs).arg(&keep).arg(&data);
        command.arg(if durable { "on" } else { "off" });
        command.args(more.map(|(_, settings)| settings));
        let mut keeper = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (tell, ready) = channel();
        let said = BufReader::new(keeper.stdout.take().unwrap());
        std::thread::spawn(move || {
            for line in said.lines().map_while(Result::ok) {
                if line.contains("is ready to accept connections") && tell.send(()).is_err() {
                    break;
                }
            }
        });
        let server = Self {
            programs,
            data,
            keeper,
            ready: Mutex::new(ready),
            databases: AtomicU32::new(0),
            port: more.map_or(5432, |(port, _)| port),
        };
        server.wait_until_ready();
        Some(server)
    }

    /// Waits until the server answers: at its start, and after each end of it.
    ///
    /// # Panics
    /// Where it does not.
    pub fn wait_until_ready(&self) {
        self.ready.lock().unwrap().recv_timeout(START).expect("PostgreSQL starts");
    }

    /// Makes a new database; gives its address.
    ///
    /// # Panics
    /// Where the server refuses.
    pub fn database(&self) -> String {
        let name = format!("t{}", self.databases.fetch_add(1, Ordering::Relaxed));
        let made = Command::new(self.programs.join("createdb"))
            .args(["-U", "mach", "-p", &self.port.to_string(), "-h"])
            .arg(&self.data)
            .arg(&name)
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        format!("postgres://mach@/{name}?host={}&port={}", self.data.display(), self.port)
    }

    /// Runs statements as the server's owner.
    ///
    /// # Panics
    /// Where the server refuses.
    pub fn sql(&self, statements: &str) {
        let done = Command::new(self.programs.join("psql"))
            .args(["-U", "mach", "-d", "postgres", "-v", "ON_ERROR_STOP=1", "-p", &self.port.to_string(), "-h"])
            .arg(&self.data)
            .args(statements.split(';').flat_map(|s| ["-c", s]))
            .output()
            .unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }

    /// Kills every process of the server at once (`kill -9`). It starts again by itself; `wait_until_ready` waits for it.
    ///
    /// # Panics
    /// Where it was not running.
    pub fn kill(&self) {
        self.signal("-KILL", &self.processes());
    }

    /// Stops a process of the server, or all of them, as `kill -STOP` does, until what this gives is dropped: connections stay,
    /// and nothing is answered on them.
    ///
    /// # Panics
    /// Where it was not running.
    pub fn pause(&self, one: Option<u32>) -> Paused<'_> {
        let pids = one.map_or_else(|| self.processes(), |pid| vec![pid]);
        self.signal("-STOP", &pids);
        let runs = |pid: &u32| {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            // One that ended meanwhile is not seen off while its parent stands still.
            stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with(['T', 'Z', 'X']))
        };
        while pids.iter().any(runs) {
            std::thread::yield_now();
        }
        Paused { server: self, pids }
    }

    /// The first process and its children.
    fn processes(&self) -> Vec<u32> {
        let postmaster = self.postmaster();
        let children = std::fs::read_dir("/proc").unwrap().filter_map(|entry| {
            let pid = entry.ok()?.file_name().to_str()?.parse::<u32>().ok()?;
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            let parent = stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse::<u32>().ok()?;
            (parent == postmaster).then_some(pid)
        });
        children.chain([postmaster]).collect()
    }

    /// Ends the server as `pg_ctl stop -m immediate` does: no checkpoint, connections cut. It starts again by itself.
    ///
    /// # Panics
    /// Where it was not running.
    pub fn stop_at_once(&self) {
        self.signal("-QUIT", &[self.postmaster()]);
    }

    fn postmaster(&self) -> u32 {
        let text = std::fs::read_to_string(self.data.join("postmaster.pid")).unwrap();
        text.lines().next().unwrap().parse().unwrap()
    }

    fn signal(&self, signal: &str, pids: &[u32]) {
        let pids = pids.iter().map(u32::to_string);
        // Some may have ended between being listed and being killed.
        let _ = Command::new("kill").arg(signal).args(pids).stderr(Stdio::null()).status().unwrap();
    }
}

/// Processes that stand still; dropped, they go on.
pub struct Paused<'a> {
    server: &'a Server,
    pids: Vec<u32>,
}

impl Drop for Paused<'_> {
    fn drop(&mut self) {
        self.server.signal("-CONT", &self.pids);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The keeper hears that its input ended, ends the server and removes the folder.
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}
