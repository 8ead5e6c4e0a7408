//! `mach`: one program for a province. Reads its arguments, builds the store, mounts the apps, serves.

mod accounts;
mod bench;
mod claims;
mod demo;
mod fhir;
mod gateway;
mod keys;
mod load;
mod log;
mod output;
mod serve;
mod sign_on;
mod store;
mod subscription;
mod token;
mod vaccines;
mod validate;

use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// One health platform for a province: claim files in, one record per person, the operations centre on screen.
#[derive(Parser)]
#[command(name = "mach", version, about, after_help = EXAMPLES)]
struct Cli {
    /// Folder that holds all data; also MACH_DATA
    #[arg(long, global = true, env = "MACH_DATA", default_value = "data")]
    data: PathBuf,
    /// Keep the store in PostgreSQL instead of the folder: postgres://user:password@host:port/database; also MACH_STORE
    #[arg(long, global = true, env = "MACH_STORE", hide_env_values = true, value_name = "URL")]
    store: Option<String>,
    /// Folder of the keys that the store is sealed with; also MACH_KEYS; ~/.config/mach if not given
    #[arg(long, global = true, value_name = "FOLDER")]
    keys: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "Examples:
  mach demo                                        a synthetic province, served on http://127.0.0.1:8080
  mach claims check inbox/                         check claim files, store nothing
  mach claims import inbox/ --json                 import them; exit code 0 all accepted, 2 some refused, 1 could not run
  mach account set lan --role leader               make an account (the password is read from standard input)
  mach key new --facility 46001 --name \"HIS\"       make an API key for POST /api/claims
  mach serve --listen 127.0.0.1:8080               serve the data folder
  mach backup --to backup.db                       a backup of the data folder's store, while it is served
  mach store copy --from data --to postgres:///mach  move to PostgreSQL";

#[derive(Subcommand)]
enum Command {
    /// Serve the pages and the API
    Serve(serve::Options),
    /// Load a synthetic province (the first time) and serve it
    Demo(demo::Options),
    /// Claim files: check, import, export, rules, generate
    #[command(subcommand)]
    Claims(claims::Command),
    /// Accounts of people
    #[command(subcommand)]
    Account(accounts::AccountCommand),
    /// API keys of facilities' programs
    #[command(subcommand)]
    Key(accounts::KeyCommand),
    /// Tokens of other systems for the FHIR interface
    #[command(subcommand)]
    Token(token::TokenCommand),
    /// Subscriptions of other systems: where they stand, which addresses may be called
    #[command(subcommand)]
    Subscription(subscription::Command),
    /// Outside gateways: where each is, with which accounts
    #[command(subcommand)]
    Gateway(gateway::Command),
    /// Providers that sign people on (OpenID Connect): which there are, whom they sign on
    #[command(subcommand)]
    SignOn(sign_on::Command),
    /// The keys that the store is sealed with
    #[command(subcommand)]
    Keys(keys::Command),
    /// The store: a digest of what it holds, a check that it is whole, copies between engines
    #[command(subcommand)]
    Store(store::Command),
    /// Write the store, as it is now, to one file, while others work with it
    Backup(store::Backup),
    /// Put a backup into a data folder that has no store; with its archive, as it was at any moment since
    Restore(store::Restore),
    /// The archive of every commit, for restoring to a moment
    #[command(subcommand)]
    Archive(store::Archive),
    /// The transparency log: verify the store against it, its key, receipts, erasure
    #[command(subcommand)]
    AuditLog(log::command::Command),
    /// Check without a network: a receipt (is this record in that log, who saw it there), a signed PDF, XML, JWS or QR code
    Verify(log::command::Offline),
    /// Sign other nodes' checkpoints, and refuse those that rewrite what was signed
    Witness(log::witness::Options),
    /// FHIR: load files, evaluate a path, make rows of a view
    #[command(subcommand)]
    Fhir(fhir::Command),
    /// Vaccination: doses from spreadsheets, passes in batch, the list of passes taken back
    #[command(subcommand)]
    Vaccines(vaccines::Command),
    /// Measure this machine: import, pages
    Bench(bench::Options),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::try_from_env("MACH_LOG").unwrap_or_else(|_| "warn".into()))
        .with_writer(std::io::stderr)
        .init();
    mach_base::content::set_folder(cli.data.join("content"));
    mach_fhir_api::packages_in(cli.data.join("packages"));
    if let Some(folder) = cli.keys {
        mach_seal::set_folder(folder);
    }
    // Set once, before anything opens the store.
    let _ = STORE.set(cli.store.filter(|address| !address.is_empty()));
    let outcome = match cli.command {
        Command::Serve(options) => serve::run(&cli.data, &options),
        Command::Demo(options) => demo::run(&cli.data, &options),
        Command::Claims(command) => claims::run(&cli.data, command),
        Command::Account(command) => accounts::account(&cli.data, command),
        Command::Key(command) => accounts::key(&cli.data, command),
        Command::Token(command) => token::run(&cli.data, command),
        Command::Subscription(command) => subscription::run(&cli.data, command),
        Command::Gateway(command) => gateway::run(&cli.data, command),
        Command::SignOn(command) => sign_on::run(&cli.data, command),
        Command::Keys(command) => keys::run(&cli.data, command),
        Command::Store(command) => store::run(&cli.data, command),
        Command::Backup(options) => store::backup(&cli.data, &options),
        Command::Restore(options) => store::restore(&cli.data, &options),
        Command::Archive(command) => store::archive(&cli.data, &command),
        Command::AuditLog(command) => log::command::run(&cli.data, command),
        Command::Verify(options) => log::command::offline(&cli.data, &options),
        Command::Witness(options) => log::witness::run(&cli.data, &options),
        Command::Fhir(command) => fhir::run(&cli.data, command),
        Command::Vaccines(command) => vaccines::run(&cli.data, command),
        Command::Bench(options) => bench::run(&cli.data, &options),
    };
    match outcome {
        Ok(code) => code,
        Err(message) => {
            eprintln!("mach: {message}");
            ExitCode::from(1)
        }
    }
}

/// What a command gives: an exit code, or why it could not run.
type Outcome = Result<ExitCode, String>;

/// The decision by which the console works on its own folder.
fn console(act: mach_access::Act) -> Result<mach_access::Decision, String> {
    mach_access::decide(&mach_access::Actor::console(), act).map_err(|e| e.to_string())
}

/// The address given by `--store`, if any.
static STORE: std::sync::OnceLock<Option<String>> = std::sync::OnceLock::new();

/// The store of this call: the address given by `--store`, else the data folder.
fn open(data: &std::path::Path) -> Result<mach_store::Store, String> {
    if let Some(Some(address)) = STORE.get() {
        return open_at(address);
    }
    open_folder(data)
}

/// The store at a `postgres://…` address or in a folder.
fn open_at(address: &str) -> Result<mach_store::Store, String> {
    if address.starts_with("postgres://") || address.starts_with("postgresql://") {
        return mach_store::Store::connect(address)
            .map_err(|e| format!("the store in PostgreSQL cannot be opened: {e}"));
    }
    if address.contains("://") {
        return Err("the address of a store is a folder or begins with postgres://".to_owned());
    }
    open_folder(std::path::Path::new(address))
}

fn open_folder(data: &std::path::Path) -> Result<mach_store::Store, String> {
    mach_store::Store::open(data).map_err(|e| format!("`{}` cannot be opened: {e}", data.display()))
}
