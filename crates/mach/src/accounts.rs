//! `mach account …`, `mach key …`.

use crate::{Outcome, console, open};
use clap::Subcommand;
use mach_access::{Act, Role, secret};
use mach_base::limits;
use mach_store::{Store, accounts, schema};
use std::io::Read;
use std::path::Path;
use std::process::ExitCode;

/// Accounts.
#[derive(Subcommand)]
pub enum AccountCommand {
    /// Make an account, or give it a new password; the password is read from standard input
    Set {
        /// What is typed at sign-in
        name: String,
        /// leader, operator, clinician or administrator
        #[arg(long)]
        role: String,
        /// Code of the facility, for operator and clinician, and for an administrator of one facility only
        #[arg(long)]
        facility: Option<String>,
        /// Name shown
        #[arg(long)]
        display: Option<String>,
    },
    /// List the accounts
    List,
}

/// API keys.
#[derive(Subcommand)]
pub enum KeyCommand {
    /// Make a key for the programs of a facility; it is printed once and kept only as a hash
    New {
        /// Code of the facility
        #[arg(long)]
        facility: String,
        /// What it is for
        #[arg(long)]
        name: String,
    },
}

/// Runs `mach account`.
pub fn account(data: &Path, command: AccountCommand) -> Outcome {
    let store = open(data)?;
    match command {
        AccountCommand::Set { name, role, facility, display } => {
            let role = Role::parse(&role)
                .filter(|r| matches!(r, Role::Leader | Role::Operator | Role::Clinician | Role::Administrator))
                .ok_or_else(|| {
                    format!("role `{role}` is not known\nhint: leader, operator, clinician or administrator")
                })?;
            if role != Role::Administrator && role.has_facility() != facility.is_some() {
                return Err(match facility {
                    None => "this role needs --facility CODE".to_owned(),
                    Some(_) => "a leader belongs to no facility: leave --facility away".to_owned(),
                });
            }
            let mut password = String::new();
            std::io::stdin().take(4096).read_to_string(&mut password).map_err(|e| e.to_string())?;
            let password = password.trim_end_matches(['\r', '\n']);
            if password.chars().count() < limits::PASSWORD_CHARS {
                return Err(format!("the password must have at least {} characters", limits::PASSWORD_CHARS));
            }
            let display = display.unwrap_or_else(|| name.clone());
            set(&store, &name, &display, role, facility.as_deref(), password)?;
            println!("{name}");
        }
        AccountCommand::List => {
            let mut reader = store.read(&console(Act::Administer)?).map_err(|e| e.to_string())?;
            let names: std::collections::HashMap<i64, String> =
                schema::facilities(&mut reader).map_err(|e| e.to_string())?.into_iter().collect();
            for (name, account) in accounts::all(&mut reader).map_err(|e| e.to_string())? {
                let facility = account.actor.facility.and_then(|id| names.get(&id)).map_or("", String::as_str);
                println!("{name:<20} {:<10} {facility:<6} {}", account.actor.role.code(), account.display);
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Makes an account or renews it.
pub fn set(
    store: &Store,
    name: &str,
    display: &str,
    role: Role,
    facility: Option<&str>,
    password: &str,
) -> Result<(), String> {
    let (name, display) = (name.trim().to_lowercase(), display.to_owned());
    if accounts::is_made_name(&name) {
        return Err(format!(
            "`{name}`: names that begin so are given to citizens and visitors by the program; take another"
        ));
    }
    let password = secret::hash_password(password).map_err(|e| e.to_string())?;
    let facility = facility.map(facility_code).transpose()?;
    store
        .write(&console(Act::Administer)?, move |tx| {
            let facility = facility.map(|code| schema::facility_id(tx, &code)).transpose()?;
            let id = tx.set_account(&accounts::NewAccount { name, display, role, facility, password })?;
            tx.audit(None, &format!("account {id}"), "granted")
        })
        .map_err(|e| e.to_string())
}

fn facility_code(code: &str) -> Result<String, String> {
    if mach_base::text::is_facility_code(code) {
        return Ok(code.to_owned());
    }
    Err(format!("facility `{code}` is no code of five characters"))
}

/// Runs `mach key`.
pub fn key(data: &Path, command: KeyCommand) -> Outcome {
    let KeyCommand::New { facility, name } = command;
    let store = open(data)?;
    println!("{}", new_key(&store, &facility, &name)?);
    Ok(ExitCode::SUCCESS)
}

/// Makes an API key of a facility; gives it in clear, this once.
pub fn new_key(store: &Store, facility: &str, name: &str) -> Result<String, String> {
    let facility = facility_code(facility)?;
    let key = secret::new_token("mach_").map_err(|e| e.to_string())?;
    let (hash, name) = (secret::token_hash(&key), name.to_owned());
    store
        .write(&console(Act::Administer)?, move |tx| {
            let facility = schema::facility_id(tx, &facility)?;
            let id = tx.add_api_key(&hash, facility, &name)?;
            tx.audit(None, &format!("api key {id}"), "granted")
        })
        .map_err(|e| e.to_string())?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_the_program_gives_are_nobody_s_to_take() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let set = |name: &str| set(&store, name, "x", Role::Administrator, None, "a long password");
        for name in ["visitor-1", " Visitor-77", "citizen-2"] {
            assert!(set(name).is_err_and(|said| said.contains("take another")), "{name}");
        }
        assert_eq!(set("visitors"), Ok(()));
    }
}
