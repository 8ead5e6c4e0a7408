//! `mach sign-on …`: providers that sign people on, and whom they sign on.

use crate::{Outcome, console, open};
use clap::Subcommand;
use mach_access::Act;
use mach_signon::provider::{self, FIELDS, Fields, Provider};
use mach_store::accounts;
use mach_store::notices::Kind;
use mach_store::sign_on::{self, Linked, NewLink};
use std::io::BufRead;
use std::path::Path;
use std::process::ExitCode;

/// Providers of sign-on.
#[derive(Subcommand)]
pub enum Command {
    /// List the providers, and what each is; secrets are not shown
    List,
    /// List what a provider is made of
    Fields,
    /// Set a provider up, or change it
    Set {
        /// What it is called in addresses
        name: String,
        /// Begin with what is shipped under a name: national
        #[arg(long)]
        like: Option<String>,
        /// What it is made of: FIELD=VALUE; FIELD alone for a secret, which is read from standard input; FIELD= takes it away
        fields: Vec<String>,
    },
    /// Ask a provider for what it publishes, to see whether it is reached
    Try {
        /// Name, as listed
        name: String,
    },
    /// Sign nobody on by a provider any longer; who is linked stays so
    Forget {
        /// Name, as listed
        name: String,
    },
    /// List which accounts are linked
    Links {
        /// Of this account only, by its sign-in name
        account: Option<String>,
    },
    /// Link an account with a subject of a provider; its owner does so at /account/sign-on
    Link {
        /// The provider's name, as listed
        name: String,
        /// The account, by its sign-in name
        account: String,
        /// Who that is at the provider: `sub`
        subject: String,
    },
    /// Take a link away; the sessions that came by it end
    Unlink {
        /// The account, by its sign-in name
        account: String,
        /// The link's number, as listed
        link: i64,
    },
}

fn set_up(data: &Path, name: &str) -> Result<Provider, String> {
    let hint = || format!("`{name}` is not set up\nhint: mach sign-on set {name} …");
    Provider::read(name, &provider::fields(data, name)?.ok_or_else(hint)?)
}

/// That a provider was changed is written down before it is; nothing of what is secret.
fn note(data: &Path, what: String) -> Result<(), String> {
    let store = open(data)?;
    store.write(&console(Act::Administer)?, move |tx| tx.audit(None, &what, "granted")).map_err(|e| e.to_string())
}

/// Runs `mach sign-on`.
pub fn run(data: &Path, command: Command) -> Outcome {
    match command {
        Command::List => {
            for name in provider::names(data)? {
                list(data, &name)?;
            }
        }
        Command::Fields => {
            for (name, secret, what) in FIELDS {
                println!("{name:<15} {}{what}", if *secret { "(a secret) " } else { "" });
            }
        }
        Command::Set { name, like, fields } => {
            let mut all = provider::fields(data, &name)?.unwrap_or_default();
            if let Some(like) = like {
                all.extend(provider::shipped(&like)?);
            }
            given(&mut all, &fields)?;
            let mut tried = all.clone();
            // A key that is still to be made is none that can be read.
            if tried.get("key").is_some_and(|k| k == "new") {
                tried.insert("proof".to_owned(), "none".to_owned());
            }
            let read = Provider::read(&name, &tried)?;
            note(data, format!("sign-on {name} is {}", read.known_as()))?;
            let kept = provider::keep(data, &name, all)?;
            list(data, &name)?;
            println!("{:<15} tell the provider, after the address of this program: {}{name}", "", mach_signon::BACK);
            println!("{:<15} and where it tells that somebody signed out: {}{name}", "", mach_signon::ENDED);
            if let Some(keys) = kept.public_keys() {
                println!("{:<15} and the key: {keys}", "");
            }
        }
        Command::Try { name } => {
            let provider = set_up(data, &name)?;
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| e.to_string())?;
            for line in runtime.block_on(mach_signon::tried(&provider))? {
                println!("{line}");
            }
        }
        Command::Forget { name } => {
            note(data, format!("sign-on {name} is forgotten"))?;
            if !provider::forget(data, &name)? {
                println!("{name} was not set up");
            }
        }
        Command::Links { account } => links(data, account.as_deref())?,
        Command::Link { name, account, subject } => link(data, &set_up(data, &name)?, &account, subject)?,
        Command::Unlink { account, link } => unlink(data, &account, link)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Takes what was given over into a provider's fields.
fn given(all: &mut Fields, given: &[String]) -> Result<(), String> {
    for one in given {
        let (field, value) = one.split_once('=').map_or((one.as_str(), None), |(f, v)| (f, Some(v.to_owned())));
        let found = FIELDS.iter().find(|(name, ..)| *name == field);
        let (_, secret, _) = found.ok_or_else(|| format!("a provider has no `{field}`\nhint: mach sign-on fields"))?;
        let value = match (value, secret) {
            (Some(empty), _) if empty.is_empty() => {
                all.remove(field);
                continue;
            }
            // It would stay in the shell's history and in the list of programs.
            (Some(_), true) => {
                return Err(format!("`{field}` is a secret: give its name alone, it is read from standard input"));
            }
            (Some(value), false) => value,
            (None, false) => return Err(format!("`{field}` lacks its value: {field}=…")),
            (None, true) => {
                eprint!("{field}: ");
                let mut line = String::new();
                std::io::stdin().lock().read_line(&mut line).map_err(|e| e.to_string())?;
                line.trim_end_matches(['\r', '\n']).to_owned()
            }
        };
        if value.is_empty() || value.chars().any(char::is_control) || value.trim() != value {
            return Err(format!(
                "`{field}` is empty, begins or ends with a space, or has characters that nobody types"
            ));
        }
        all.insert(field.to_owned(), value);
    }
    Ok(())
}

fn list(data: &Path, name: &str) -> Result<(), String> {
    let fields = provider::fields(data, name)?.unwrap_or_default();
    let wrong = Provider::read(name, &fields).err().map_or(String::new(), |why| format!("   signs nobody on: {why}"));
    println!("{name}{wrong}");
    for (field, secret, _) in FIELDS {
        if let Some(value) = fields.get(*field) {
            println!("{:<15} {field}={}", "", if *secret { "***" } else { value });
        }
    }
    Ok(())
}

fn links(data: &Path, only: Option<&str>) -> Result<(), String> {
    let store = open(data)?;
    let mut reader = store.read(&console(Act::Administer)?).map_err(|e| e.to_string())?;
    for (name, account) in accounts::all(&mut reader).map_err(|e| e.to_string())? {
        if only.is_some_and(|only| only != name) {
            continue;
        }
        for link in sign_on::of_account(&mut reader, account.actor.account).map_err(|e| e.to_string())? {
            println!("{:<6} {name}: {} at {}", link.id, link.called, link.issuer);
        }
    }
    Ok(())
}

fn link(data: &Path, provider: &Provider, name: &str, subject: String) -> Result<(), String> {
    let (store, wanted, of) = (open(data)?, name.to_owned(), provider.name.clone());
    let issuer = provider.known_as().to_owned();
    let linked = store.write(&console(Act::Administer)?, move |tx| {
        let Some(account) = accounts::by_name(tx, &wanted)?.filter(|a| mach_signon::works_here(a.actor.role)) else {
            return Ok(None);
        };
        let id = account.actor.account;
        let linked = tx.link_sign_on(&NewLink { issuer, called: subject.clone(), subject, account: id })?;
        if matches!(linked, Linked::Made(_)) {
            tx.notify(id, Kind::SignOnLinked, mach_base::time::now_seconds(), "/account/sign-on")?;
            tx.audit(None, &format!("account {id} linked to sign-on {of}"), "granted")?;
        }
        Ok(Some(linked))
    });
    match linked.map_err(|e| e.to_string())? {
        None => Err(format!("no account `{name}` of somebody who works here")),
        Some(Linked::Made(id)) => {
            println!("{id}");
            Ok(())
        }
        Some(Linked::Was(id)) => Err(format!("it was so already: {id}")),
        Some(Linked::Anothers) => Err("this subject is another account's\nhint: mach sign-on links".to_owned()),
        Some(Linked::Full) => Err("the account has as many links as it may".to_owned()),
    }
}

fn unlink(data: &Path, name: &str, link: i64) -> Result<(), String> {
    let (store, wanted) = (open(data)?, name.to_owned());
    let done = store.write(&console(Act::Administer)?, move |tx| {
        let Some(account) = accounts::by_name(tx, &wanted)? else { return Ok(false) };
        let id = account.actor.account;
        let done = tx.drop_sign_on(id, link)?;
        tx.audit(None, &format!("account {id} sign-on link {link} ended"), if done { "granted" } else { "failed" })?;
        Ok(done)
    });
    if done.map_err(|e| e.to_string())? { Ok(()) } else { Err(format!("`{name}` has no link {link}")) }
}
