//! TLS 1.2 and 1.3, in both directions: who is trusted, what is shown, what is read again when a file changes. Sockets are
//! the callers'; everything here is configuration for them.

mod client;
mod files;
mod server;

pub use client::{Check, authorities, machine, to_database};
pub use rustls;
pub use server::{Files, Server, fingerprint};
