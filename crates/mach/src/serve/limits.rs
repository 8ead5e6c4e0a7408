//! What the listener allows; the numbers are `mach_base::limits`, tests take smaller ones.

use mach_base::limits;
use std::time::Duration;

/// Files that the program opens beside its connections: the store's, the content's, some to spare.
const OTHER_FILES: usize = 128;

/// Limits of the listener.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at once.
    pub connections: usize,
    /// Connections of one address.
    pub per_address: usize,
    /// Bytes of a head.
    pub head_bytes: usize,
    /// Headers of a request.
    pub headers: usize,
    /// How long a head may take, and how long an idle connection is kept.
    pub head: Duration,
    /// How long a TLS handshake may take.
    pub handshake: Duration,
    /// How long a body or an answer may stand still.
    pub stall: Duration,
    /// The slowest a client may be.
    pub bytes_per_second: u64,
    /// Bytes of all bodies together.
    pub bodies_bytes: usize,
    /// How long running requests have when the program ends.
    pub finish: Duration,
}

impl Limits {
    /// The product's limits, on this system.
    pub fn of_this_system() -> Self {
        let files = open_files().map_or(usize::MAX, |files| files.saturating_sub(OTHER_FILES).max(OTHER_FILES));
        Self {
            connections: limits::HTTP_CONNECTIONS.min(files),
            per_address: limits::HTTP_CONNECTIONS_PER_ADDRESS,
            head_bytes: limits::HTTP_HEAD_BYTES,
            headers: limits::HTTP_HEADERS,
            head: Duration::from_secs(limits::HTTP_HEAD_SECONDS),
            handshake: Duration::from_secs(limits::TLS_HANDSHAKE_SECONDS),
            stall: Duration::from_secs(limits::HTTP_STALL_SECONDS),
            bytes_per_second: limits::HTTP_BYTES_PER_SECOND,
            bodies_bytes: limits::HTTP_BODIES_BYTES,
            finish: Duration::from_secs(limits::HTTP_FINISH_SECONDS),
        }
    }
}

/// How many files this process may have open, where the system says so.
fn open_files() -> Option<usize> {
    let text = std::fs::read_to_string("/proc/self/limits").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_is_asked() {
        assert!(open_files().is_some_and(|n| n >= 64));
        let limits = Limits::of_this_system();
        assert!(limits.connections <= limits::HTTP_CONNECTIONS && limits.connections >= OTHER_FILES);
    }
}
