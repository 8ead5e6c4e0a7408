//! `mach token …`: tokens of other systems for the FHIR interface.

use crate::{Outcome, console, open};
use clap::Subcommand;
use mach_access::{Act, Role, secret};
use mach_store::{Store, accounts, schema};
use std::path::Path;
use std::process::ExitCode;

/// Tokens.
#[derive(Subcommand)]
pub enum TokenCommand {
    /// Make a token; it is printed once and kept only as a hash
    New {
        /// read, write (which may read too), or audit (the trail alone); also system/*.read, system/*.write, system/*.*
        #[arg(long)]
        scope: String,
        /// Code of the facility it is held to; without it the token speaks for the province
        #[arg(long)]
        facility: Option<String>,
        /// What it is for
        #[arg(long)]
        name: String,
    },
    /// List the tokens
    List,
    /// Revoke a token by its number
    Revoke {
        /// Number, as listed
        id: i64,
    },
}

/// Runs `mach token`.
pub fn run(data: &Path, command: TokenCommand) -> Outcome {
    let store = open(data)?;
    match command {
        TokenCommand::New { scope, facility, name } => println!("{}", new(&store, &scope, facility.as_deref(), &name)?),
        TokenCommand::List => {
            let mut reader = store.read(&console(Act::Administer)?).map_err(|e| e.to_string())?;
            let codes: std::collections::HashMap<i64, String> =
                schema::facilities(&mut reader).map_err(|e| e.to_string())?.into_iter().collect();
            for token in accounts::system_tokens(&mut reader).map_err(|e| e.to_string())? {
                let facility = token.facility.and_then(|id| codes.get(&id)).map_or("*", String::as_str);
                let state = if token.revoked.is_some() { "revoked" } else { "" };
                println!("{:<5} {:<14} {facility:<6} {} {state}", token.id, token.role.code(), token.name);
            }
        }
        TokenCommand::Revoke { id } => {
            let decision = console(Act::Administer)?;
            let revoked = store
                .write(&decision, move |tx| {
                    tx.audit(None, &format!("token {id} revoked"), "granted")?;
                    tx.revoke_system_token(id)
                })
                .map_err(|e| e.to_string())?;
            if !revoked {
                return Err(format!("there is no live token {id}\nhint: mach token list"));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Makes a token; gives it in clear, this once.
pub fn new(store: &Store, scope: &str, facility: Option<&str>, name: &str) -> Result<String, String> {
    let role = match scope {
        "read" | "system/*.read" | "system/*.rs" => Role::SystemReader,
        "write" | "system/*.write" | "system/*.*" | "system/*.cruds" => Role::SystemWriter,
        "audit" => Role::SystemAuditor,
        other => return Err(format!("scope `{other}` is not known\nhint: read, write, audit")),
    };
    if let Some(code) = facility
        && (code.len() != 5 || !code.bytes().all(|b| b.is_ascii_alphanumeric()))
    {
        return Err(format!("facility `{code}` is no code of five characters"));
    }
    let token = secret::new_token("mach_t_").map_err(|e| e.to_string())?;
    let (hash, name, facility) = (secret::token_hash(&token), name.to_owned(), facility.map(str::to_owned));
    store
        .write(&console(Act::Administer)?, move |tx| {
            let facility = facility.map(|code| schema::facility_id(tx, &code)).transpose()?;
            let id = tx.add_system_token(&hash, facility, role, &name)?;
            tx.audit(None, &format!("token {id}"), "granted")
        })
        .map_err(|e| e.to_string())?;
    Ok(token)
}
