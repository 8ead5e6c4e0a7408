//! What carries a short message to a telephone. The province's gateway is not known yet: there is the interface, and a
//! simulator with faults that the demonstration and the tests run against.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// Carries short messages.
pub trait Gateway: std::fmt::Debug + Send + Sync {
    /// Sends `text` (letters without accents) to the telephone `to` (digits).
    ///
    /// # Errors
    /// Why it was not taken; never with the text in it.
    fn send(&self, to: &str, text: &str) -> Result<(), String>;
}

/// Nothing is configured: no message leaves.
#[derive(Debug)]
pub struct Unset;

impl Gateway for Unset {
    fn send(&self, _: &str, _: &str) -> Result<(), String> {
        Err("no gateway for short messages is configured".to_owned())
    }
}

/// Keeps what it was given: in memory, and in a file that only the owner of the data folder reads.
#[derive(Clone, Debug, Default)]
pub struct Simulator {
    sent: Arc<Mutex<Vec<(String, String)>>>,
    file: Option<PathBuf>,
    /// Refuses everything.
    pub broken: bool,
}

impl Simulator {
    /// One that writes to `file` too, a line for each message: telephone, tab, text.
    pub fn upon(file: PathBuf) -> Self {
        Self { file: Some(file), ..Self::default() }
    }

    /// What was sent, in order: telephone and text.
    pub fn sent(&self) -> Vec<(String, String)> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Gateway for Simulator {
    fn send(&self, to: &str, text: &str) -> Result<(), String> {
        if self.broken {
            return Err("the simulator is broken on purpose".to_owned());
        }
        if let Some(file) = &self.file {
            use std::io::Write;
            let mut options = std::fs::OpenOptions::new();
            options.append(true).create(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            let mut open = options.open(file).map_err(|e| e.to_string())?;
            writeln!(open, "{to}\t{text}").map_err(|e| e.to_string())?;
        }
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).push((to.to_owned(), text.to_owned()));
        Ok(())
    }
}
