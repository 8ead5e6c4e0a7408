//! `mach gateway …`: outside gateways, where each is and with which accounts.

use crate::{Outcome, console, open};
use clap::Subcommand;
use mach_access::Act;
use mach_house::gateway::{ALL, Gateway, Kind, Request};
use std::io::BufRead;
use std::path::Path;
use std::process::ExitCode;

/// Outside gateways.
#[derive(Subcommand)]
pub enum Command {
    /// List the gateways, where each is, and whose accounts there are; secrets are not shown
    List,
    /// Talk to a gateway at an address; without one at that of its documentation
    Set {
        /// Name, as listed
        name: String,
        /// Address, https://…
        #[arg(long)]
        url: Option<String>,
        /// Also where its name leads into a private network
        #[arg(long)]
        private: bool,
    },
    /// Keep an account with a gateway; a secret is read from standard input, a line for each
    Account {
        /// Name, as listed
        name: String,
        /// The facility whose account it is; without one everybody's
        #[arg(long)]
        facility: Option<String>,
        /// The account here whose account there it is, by its sign-in name
        #[arg(long, requires = "facility")]
        user: Option<String>,
        /// What it is made of: FIELD=VALUE, and FIELD alone for a secret; nothing at all takes the account away
        fields: Vec<String>,
    },
    /// Ask a gateway for its address alone, to see whether it is reached
    Try {
        /// Name, as listed
        name: String,
    },
    /// Talk to a gateway no longer; its accounts are forgotten
    Forget {
        /// Name, as listed
        name: String,
    },
}

fn kind(name: &str) -> Result<Kind, String> {
    let names = ALL.map(|k| k.name).join(", ");
    ALL.into_iter().find(|k| k.name == name).ok_or_else(|| format!("no gateway `{name}`\nhint: there are {names}"))
}

fn set_up(data: &Path, kind: Kind) -> Result<Gateway, String> {
    let hint = || format!("`{0}` is not set up\nhint: mach gateway set {0}", kind.name);
    Gateway::of(data, kind)?.ok_or_else(hint)
}

/// That a gateway was changed is written down before it is: where, and whose account, nothing of what is secret.
fn note(data: &Path, what: String) -> Result<(), String> {
    let store = open(data)?;
    store.write(&console(Act::Administer)?, move |tx| tx.audit(None, &what, "granted")).map_err(|e| e.to_string())
}

/// Runs `mach gateway`.
pub fn run(data: &Path, command: Command) -> Outcome {
    match command {
        Command::List => {
            for kind in ALL {
                list(data, kind)?;
            }
        }
        Command::Set { name, url, private } => {
            let kind = kind(&name)?;
            let base = url.unwrap_or_else(|| kind.base.to_owned());
            let mut gateway = Gateway::of(data, kind)?.unwrap_or_default();
            (gateway.base, gateway.private) = (base.trim_end_matches('/').to_owned(), private);
            gateway.wire()?;
            note(data, format!("gateway {name} is at {}", gateway.base))?;
            gateway.keep(data, kind)?;
            list(data, kind)?;
        }
        Command::Account { name, facility, user, fields } => {
            let kind = kind(&name)?;
            let mut gateway = set_up(data, kind)?;
            let whose = [facility, user].into_iter().flatten().collect::<Vec<_>>().join("/");
            if fields.is_empty() {
                gateway.accounts.remove(&whose);
            }
            for field in fields {
                let (field, value) = value(kind, &field)?;
                gateway.accounts.entry(whose.clone()).or_default().insert(field, value);
            }
            note(data, format!("gateway {name}: account of {}", if whose.is_empty() { "everybody" } else { &whose }))?;
            gateway.keep(data, kind)?;
            list(data, kind)?;
        }
        Command::Try { name } => {
            let wire = set_up(data, kind(&name)?)?.wire()?;
            let runtime =
                tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|e| e.to_string())?;
            let _inside = runtime.enter();
            let (status, _) = wire.ask(Request::default())?;
            println!("{name} answers: {status}");
        }
        Command::Forget { name } => {
            let kind = kind(&name)?;
            note(data, format!("gateway {name} is forgotten"))?;
            if !Gateway::forget(data, kind)? {
                println!("{name} was not set up");
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A field of an account as it was given: with its value, or to be read where it is a secret.
fn value(kind: Kind, given: &str) -> Result<(String, String), String> {
    let (field, value) = given.split_once('=').map_or((given, None), |(f, v)| (f, Some(v.to_owned())));
    let names = || kind.fields.iter().map(|(n, _)| *n).collect::<Vec<_>>().join(", ");
    let found = kind.fields.iter().find(|(name, _)| *name == field);
    let (_, secret) =
        found.ok_or_else(|| format!("an account of {} has no `{field}`\nhint: {}", kind.name, names()))?;
    let value = match (value, secret) {
        // It would stay in the shell's history and in the list of programs.
        (Some(_), true) => {
            return Err(format!("`{field}` is a secret: give its name alone, it is read from standard input"));
        }
        (Some(value), false) => value,
        (None, _) => {
            eprint!("{field}: ");
            let mut line = String::new();
            std::io::stdin().lock().read_line(&mut line).map_err(|e| e.to_string())?;
            line.trim_end_matches(['\r', '\n']).to_owned()
        }
    };
    match value.is_empty() || value.chars().any(char::is_control) || value.trim() != value {
        false => Ok((field.to_owned(), value)),
        true => Err(format!("`{field}` is empty, begins or ends with a space, or has characters that nobody types")),
    }
}

fn list(data: &Path, kind: Kind) -> Result<(), String> {
    let Some(gateway) = Gateway::of(data, kind)? else {
        println!("{:<14} not set up: {}", kind.name, kind.what);
        return Ok(());
    };
    println!("{:<14} {}{}", kind.name, gateway.base, if gateway.private { " (private networks too)" } else { "" });
    for (whose, account) in &gateway.accounts {
        let whose = if whose.is_empty() { "everybody" } else { whose };
        let shown = kind.fields.iter().filter_map(|(name, secret)| {
            let value = account.get(*name)?;
            Some(format!("{name}={}", if *secret { "***" } else { value }))
        });
        println!("{:<14}   {whose}: {}", "", shown.collect::<Vec<_>>().join(" "));
    }
    Ok(())
}
