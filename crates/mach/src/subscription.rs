//! `mach subscription …`: where subscriptions stand, and which addresses may be called.

use crate::{Outcome, console, open};
use clap::Subcommand;
use mach_access::Act;
use mach_base::time::now_seconds;
use mach_fhir_api::subscription;
use mach_store::subscriptions::{self, State, Subscription};
use mach_store::{Store, schema};
use serde::Serialize;
use std::collections::HashMap;
use std::path::Path;
use std::process::ExitCode;

/// Subscriptions.
#[derive(Subcommand)]
pub enum Command {
    /// List the subscriptions: state, what is owed, the last error, when it is tried again
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Let rest-hooks call addresses that begin so, https://his.example.vn/fhir; without a prefix list them
    Allow {
        /// Begin of the addresses: scheme, host, port, and as much of the path as is to be fixed
        prefix: Option<String>,
        /// Also where the name leads into a private network
        #[arg(long)]
        private: bool,
    },
    /// Take such a permission back
    Disallow {
        /// As listed
        prefix: String,
    },
    /// Ask again for a subscription that was given up, by its number
    Retry {
        /// Number, as listed
        id: i64,
    },
}

/// A subscription as it is listed.
#[derive(Serialize)]
struct Row {
    id: i64,
    subscription: String,
    facility: String,
    state: &'static str,
    /// Events found, and taken by the receiver.
    events: i64,
    delivered: i64,
    /// Versions not yet looked at.
    behind: i64,
    attempts: i64,
    failures: i64,
    /// Seconds until it is tried again.
    retry_in: i64,
    /// When the receiver last took something, seconds since 1970 UTC; 0 for never.
    last_taken: i64,
    error: String,
}

/// Runs `mach subscription`.
pub fn run(data: &Path, command: Command) -> Outcome {
    let store = open(data)?;
    match command {
        Command::List { json } => list(&store, json)?,
        Command::Allow { prefix: None, .. } => {
            let mut reader = store.read(&console(Act::Administer)?).map_err(|e| e.to_string())?;
            for (prefix, private) in subscriptions::prefixes(&mut reader).map_err(|e| e.to_string())? {
                println!("{prefix}{}", if private { "  (private networks too)" } else { "" });
            }
        }
        Command::Allow { prefix: Some(prefix), private } => {
            let prefix = subscription::check_prefix(&prefix)?;
            println!("{prefix}");
            store
                .write(&console(Act::Administer)?, move |tx| {
                    tx.audit(None, &format!("subscriptions may call {prefix}"), "granted")?;
                    tx.allow_prefix(&prefix, private)
                })
                .map_err(|e| e.to_string())?;
        }
        Command::Disallow { prefix } => {
            let taken = store
                .write(&console(Act::Administer)?, move |tx| {
                    tx.audit(None, &format!("subscriptions may not call {prefix}"), "granted")?;
                    tx.disallow_prefix(&prefix)
                })
                .map_err(|e| e.to_string())?;
            if !taken {
                return Err("no such address is allowed\nhint: mach subscription allow".to_owned());
            }
        }
        Command::Retry { id } => subscription::retry(&store, id)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn list(store: &Store, json: bool) -> Result<(), String> {
    let mut reader = store.read(&console(Act::Administer)?).map_err(|e| e.to_string())?;
    let all = subscriptions::all(&mut reader).map_err(|e| e.to_string())?;
    let head = subscriptions::head(&mut reader).map_err(|e| e.to_string())?;
    let codes: HashMap<i64, String> = schema::facilities(&mut reader).map_err(|e| e.to_string())?.into_iter().collect();
    let rows: Vec<Row> = all.into_iter().map(|s| row(s, head, &codes)).collect();
    if json {
        println!("{}", serde_json::to_string_pretty(&rows).map_err(|e| e.to_string())?);
        return Ok(());
    }
    println!(
        "{:<5} {:<24} {:<6} {:<10} {:>8} {:>8} {:>8} {:>6}  error",
        "id", "subscription", "facil.", "state", "events", "owed", "behind", "retry"
    );
    for r in rows {
        let owed = r.events - r.delivered;
        let retry = if r.retry_in > 0 { format!("{} s", r.retry_in) } else { String::new() };
        println!(
            "{:<5} {:<24} {:<6} {:<10} {:>8} {owed:>8} {:>8} {retry:>6}  {}",
            r.id, r.subscription, r.facility, r.state, r.events, r.behind, r.error
        );
    }
    Ok(())
}

fn row(s: Subscription, head: i64, codes: &HashMap<i64, String>) -> Row {
    let live = matches!(s.state, State::Active);
    Row {
        id: s.id,
        facility: codes.get(&s.facility).cloned().unwrap_or_else(|| "*".to_owned()),
        state: s.state.code(),
        events: s.events,
        delivered: s.delivered,
        behind: if live { (head - s.cursor).max(0) } else { 0 },
        attempts: s.attempts,
        failures: s.failures,
        retry_in: (s.next_at / 1_000 - now_seconds()).max(0),
        last_taken: s.done_at,
        error: s.said,
        subscription: s.fhir,
    }
}
