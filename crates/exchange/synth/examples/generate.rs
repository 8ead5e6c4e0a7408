//! `cargo run -p mach-synth --release --example generate -- DIR N SEED FROM TO DEFECTS [REPLACE]`

use std::process::ExitCode;

use mach_synth::{Options, generate};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let Some(options) = options(&words) else {
        eprintln!("Cách dùng / usage: generate DIR N SEED FROM TO DEFECTS [REPLACE]");
        return ExitCode::from(2);
    };
    let begun = std::time::Instant::now();
    match generate(&options, &mut |_| {}) {
        Ok(summary) => {
            let seconds = begun.elapsed().as_secs_f64();
            println!("{summary:?}");
            println!("{:.1} dòng/hồ sơ · lines a claim", summary.lines as f64 / summary.dossiers.max(1) as f64);
            println!("{seconds:.2} s, {:.0} hồ sơ/s · claims a second", summary.dossiers as f64 / seconds);
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn options(words: &[String]) -> Option<Options> {
    let [out, dossiers, seed, from, to, defects, rest @ ..] = words else { return None };
    Some(Options {
        out: out.into(),
        dossiers: dossiers.parse().ok()?,
        seed: seed.parse().ok()?,
        from: from.parse().ok()?,
        to: to.parse().ok()?,
        defects: defects.parse().ok()?,
        replace: rest.first().map_or(Some(0.0), |share| share.parse().ok())?,
    })
}
