//! Where the audit trail is told: options of the command line.

use clap::Args;
use mach_access_pages::syslog::Settings;
use std::path::PathBuf;

/// A monitoring centre.
#[derive(Args, Clone)]
pub struct Centre {
    /// Tell the audit trail to a monitoring centre: syslog (RFC 5424) over TLS, soc.example.vn:6514
    #[arg(long, env = "MACH_SYSLOG", value_name = "HOST:PORT")]
    pub syslog: Option<String>,
    /// Authorities that vouch for the centre, PEM; this machine's if not given
    #[arg(long, env = "MACH_SYSLOG_CA", requires = "syslog", value_name = "FILE")]
    pub syslog_ca: Option<PathBuf>,
    /// Certificate by which the centre knows this machine, PEM
    #[arg(long, env = "MACH_SYSLOG_CERT", requires = "syslog_key", value_name = "FILE")]
    pub syslog_cert: Option<PathBuf>,
    /// The certificate's key, PEM
    #[arg(long, env = "MACH_SYSLOG_KEY", requires = "syslog_cert", value_name = "FILE")]
    pub syslog_key: Option<PathBuf>,
}

impl Centre {
    /// Where the centre is, where there is one.
    pub fn settings(&self) -> Option<Settings> {
        let own = self.syslog_cert.clone().zip(self.syslog_key.clone());
        Some(Settings { address: self.syslog.clone()?, authorities: self.syslog_ca.clone(), own })
    }
}
