//! kill -9 at random moments of an import: after the re-run the state equals that of a clean import. 200 times.

#![expect(clippy::unwrap_used, reason = "a broken expectation ends the test")]

mod support;

use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};
use support::{digest, folder, import, province, run};

const ROUNDS: u32 = 200;
const THREADS: u32 = 2;

#[test]
fn killed_imports_lose_nothing_and_double_nothing() {
    let root = folder("kill");
    let files = root.join("files");
    province(&files, 150, 5);
    let clean = root.join("clean");
    let started = Instant::now();
    let whole = run(&mut import(&clean, &[&files]));
    let took = started.elapsed();
    assert_eq!(whole.status.code(), Some(2), "{}", String::from_utf8_lossy(&whole.stderr));
    let expected = digest(&clean);
    let cut = AtomicU32::new(0);
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (root, files, expected, cut) = (&root, &files, &expected, &cut);
            scope.spawn(move || {
                for round in (thread..ROUNDS).step_by(THREADS as usize) {
                    let data = root.join(format!("round-{round}"));
                    let mut child =
                        import(&data, &[files]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
                    // Moments spread evenly over the whole import and a little past it; a golden step visits them out of order.
                    let share = f64::from(round) * 0.618_033_988_75 % 1.0;
                    wait(took.mul_f64(share * 1.2));
                    child.kill().unwrap();
                    let status = child.wait().unwrap();
                    cut.fetch_add(u32::from(status.code().is_none()), Ordering::Relaxed);
                    let again = run(&mut import(&data, &[files]));
                    assert!(
                        matches!(again.status.code(), Some(0 | 2)),
                        "round {round}: {}",
                        String::from_utf8_lossy(&again.stderr)
                    );
                    assert_eq!(&digest(&data), expected, "round {round}, killed after {share:.2} of the import");
                    std::fs::remove_dir_all(&data).unwrap();
                }
            });
        }
    });
    let cut = cut.load(Ordering::Relaxed);
    assert!(cut > ROUNDS / 2, "only {cut} of {ROUNDS} imports were still running when killed");
    std::fs::remove_dir_all(&root).unwrap();
}

/// Lets `time` pass: the moment of the kill is what the test varies, nothing waits for a result by it.
fn wait(time: Duration) {
    let (_hold, nothing) = channel::<()>();
    assert!(nothing.recv_timeout(time).is_err());
}
