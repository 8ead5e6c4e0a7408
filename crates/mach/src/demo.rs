//! `mach demo`: a synthetic province, loaded the first time and kept.

use crate::claims::default_workers;
use crate::{Outcome, accounts, console, open, output, serve};
use clap::Args;
use mach_access::{Act, Role, secret};
use mach_house::{House, Settings};
use mach_intake::files::{self, Input};
use mach_intake::import::{self, Progress};
use mach_store::Store;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::path::Path;

/// What to load and where to serve it.
#[derive(Args)]
pub struct Options {
    /// Address and port; port 0 takes a free one
    #[arg(long, env = "MACH_LISTEN", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// How many claims
    #[arg(long, default_value_t = 20_000)]
    dossiers: u64,
    /// Same seed, same province
    #[arg(long, default_value_t = 2026)]
    seed: u64,
    /// First day, yyyy-MM-dd
    #[arg(long, default_value = "2024-01-01")]
    from: String,
    /// Last day, yyyy-MM-dd
    #[arg(long, default_value = "2026-10-31")]
    to: String,
    /// Share of claims that are damaged
    #[arg(long, default_value_t = 0.01)]
    defects: f64,
}

/// An account of the demonstration, as `demo-accounts.json` keeps it.
#[derive(Serialize, Deserialize)]
struct Account {
    role: String,
    name: String,
    password: String,
    facility: Option<String>,
    display: String,
}

/// Loads the province if the folder has none, and serves it.
pub fn run(data: &Path, options: &Options) -> Outcome {
    if !options.listen.ip().is_loopback() {
        return Err(format!("`{}`: a demonstration serves this machine only; use 127.0.0.1", options.listen));
    }
    let store = open(data)?;
    serve::load_content();
    let accounts = load(&store, data, options)?;
    let _signing = crate::log::signer::start(data, &store)?;
    let key = accounts.iter().find(|a| a.role == "operator").and_then(|a| a.facility.clone()).unwrap_or_default();
    let demo = House::new(store, Settings { demo: true, ..Settings::default() });
    let (public, tls, redirect, syslog) = (None, None, None, None);
    let doors = serve::Doors { data, listen: options.listen, public, tls, redirect, origins: Vec::new(), syslog };
    serve::serve(demo, doors, &mut |address| {
        println!("\nMạch · tỉnh mẫu, người không có thật\n");
        for a in &accounts {
            let facility = a.facility.as_deref().map(mach_house::facility_name).unwrap_or_default();
            println!("  {:<10} {:<12} {:<22} {facility}", a.role, a.name, a.password);
        }
        println!(
            "\nThử trước: đăng nhập `leader`, bấm vào một ô số, đi xuống từng cơ sở, từng hồ sơ, rồi hồ sơ sức khỏe."
        );
        println!(
            "Try first: sign in as `leader`, click a tile, go down to a facility, its claims, one person's record."
        );
        println!("API: mach --data {} key new --facility {key} --name HIS", data.display());
        println!("Ctrl-C dừng; chạy lại giữ nguyên dữ liệu.\n\nlistening on http://{address}");
        Ok(())
    })
}

/// The accounts of the demonstration; loads the province first where it is not there yet.
fn load(store: &Store, data: &Path, options: &Options) -> Result<Vec<Account>, String> {
    let kept = data.join("demo-accounts.json");
    if let Ok(text) = std::fs::read_to_string(&kept) {
        return serde_json::from_str(&text).map_err(|e| format!("`{}`: {e}", kept.display()));
    }
    let out = data.join("demo-files");
    if !out.join("manifest.json").exists() {
        eprintln!("Tạo tỉnh mẫu: {} hồ sơ…", options.dossiers);
        let bar = output::bar(options.dossiers, "hồ sơ");
        let synth = mach_synth::Options {
            out: out.clone(),
            dossiers: options.dossiers,
            seed: options.seed,
            from: options.from.parse().map_err(|e| format!("--from `{}`: {e}", options.from))?,
            to: options.to.parse().map_err(|e| format!("--to `{}`: {e}", options.to))?,
            defects: options.defects,
            replace: 0.0,
        };
        mach_synth::generate(&synth, &mut |n| bar.set_position(n)).map_err(|e| e.to_string())?;
        bar.finish_and_clear();
    }
    import_all(store, &out)?;
    let accounts = make_accounts(store)?;
    if let Some(facility) = accounts.iter().find_map(|a| a.facility.as_deref()) {
        let desk = mach_certificates::desk::Desk::upon(data, "");
        mach_certificates::demo_keys::make(store, &desk, facility).map_err(|e| e.to_string())?;
        mach_certificates::demo::fill(store, facility).map_err(|e| e.to_string())?;
        mach_vaccines::demo::fill(store, data, facility)?;
        mach_prescriptions::demo::fill(store, &desk, facility, "clinician")?;
    }
    let text = serde_json::to_string_pretty(&accounts).map_err(|e| e.to_string())?;
    write_private(&kept, &text).map_err(|e| format!("`{}`: {e}", kept.display()))?;
    Ok(accounts)
}

fn import_all(store: &Store, out: &Path) -> Result<(), String> {
    let inputs: Vec<Input> =
        files::below(&[out.to_path_buf()]).map_err(|e| e.to_string())?.into_iter().map(Input::File).collect();
    eprintln!("Nhận {} tệp hồ sơ…", inputs.len());
    let bar = output::bar(inputs.iter().map(Input::bytes).sum(), "bytes");
    let mut last = 0;
    let decision = console(Act::SendClaims)?;
    let summary = import::import(store, &decision, inputs, default_workers(), &mut |progress| {
        if let Progress::File { bytes, .. } = progress {
            bar.inc(std::mem::replace(&mut last, bytes));
        }
    })
    .map_err(|e| e.to_string())?;
    bar.finish_and_clear();
    eprintln!("{}", output::summary_lines(&summary));
    Ok(())
}

/// One account for each role; the facility is the largest health centre.
fn make_accounts(store: &Store) -> Result<Vec<Account>, String> {
    let today = mach_base::Day::today();
    let facility = mach_terms::Facilities::shared()
        .on(today)
        .max_by_key(|f| f.beds)
        .map(|f| f.code.clone())
        .ok_or("the register has no facility")?;
    let plan = [
        (Role::Leader, "leader", None, "Lê Đức Lãnh"),
        (Role::Operator, "operator", Some(facility.clone()), "Hồ Thị Nhập"),
        (Role::Clinician, "clinician", Some(facility.clone()), "Trần Minh Khám"),
        (Role::Clinician, "doctor2", Some(facility.clone()), "Nguyễn Thị Thần Kinh"),
        (Role::Clinician, "doctor3", Some(facility.clone()), "Lê Văn Mắt"),
        (Role::Clinician, "doctor4", Some(facility.clone()), "Phạm Thị Tai"),
        (Role::Clinician, "doctor5", Some(facility.clone()), "Hoàng Văn Tim"),
        (Role::Clinician, "doctor6", Some(facility.clone()), "Võ Thị Xét"),
        (Role::Head, "head", Some(facility), "Bùi Quang Trưởng"),
        (Role::Administrator, "administrator", None, "Phan Thị Quản"),
        (Role::Administrator, "administrator2", None, "Đặng Văn Trị"),
    ];
    let mut accounts = Vec::new();
    for (role, name, facility, display) in plan {
        let password = secret::new_token("").map_err(|e| e.to_string())?[..16].to_owned();
        accounts::set(store, name, display, role, facility.as_deref(), &password)?;
        let (role, name, display) = (role.code().to_owned(), name.to_owned(), display.to_owned());
        accounts.push(Account { role, name, password, facility, display });
    }
    Ok(accounts)
}

/// Writes a file that only its owner can read.
fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(text.as_bytes())
}
