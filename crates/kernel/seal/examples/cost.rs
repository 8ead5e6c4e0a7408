//! What sealing costs on this machine: `cargo run -p mach-seal --example cost`.

use mach_seal::{Keyring, Purpose};
use std::hint::black_box;
use std::time::Instant;

const ROUNDS: u32 = 20_000;

fn main() -> mach_seal::Result<()> {
    let ring = Keyring::new()?;
    let pack = vec![7_u8; 8_000];
    let sealed = ring.seal(Purpose::Body, "pack 0 1", &pack)?;
    let text = ring.seal_text(Purpose::Identity, "person national 1", "079085012345")?;
    let told = |what: &str, work: &dyn Fn() -> mach_seal::Result<()>| -> mach_seal::Result<()> {
        let began = Instant::now();
        for _ in 0..ROUNDS {
            work()?;
        }
        println!("{what:<40} {:>8.2} µs", began.elapsed().as_secs_f64() * 1e6 / f64::from(ROUNDS));
        Ok(())
    };
    told("seal a pack of 8,000 bytes", &|| ring.seal(Purpose::Body, "pack 0 1", &pack).map(|b| drop(black_box(b))))?;
    told("open it", &|| ring.open("pack 0 1", &sealed).map(|b| drop(black_box(b))))?;
    told("seal a number", &|| {
        ring.seal_text(Purpose::Identity, "person national 1", "079085012345").map(|t| drop(black_box(t)))
    })?;
    told("open it", &|| ring.open_text("person national 1", &text).map(|t| drop(black_box(t))))?;
    told("keyed hash of a token", &|| {
        black_box(ring.blind(black_box(&7_u64.to_le_bytes())));
        Ok(())
    })
}
