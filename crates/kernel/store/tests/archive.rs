//! Any moment since a backup can be made again from the archive, byte for byte; what is missing is said.
#![expect(clippy::unwrap_used, reason = "tests may panic on a broken expectation, also outside their own functions")]
#![expect(dead_code, reason = "each test uses some of what they share")]

mod common;

use common::{console, digests};
use mach_base::time::now_millis;
use mach_fhir::ResourceType;
use mach_store::resources::{Index, Save, get};
use mach_store::{Store, restore, restore_to};
use mach_test_engines::Home;
use std::path::{Path, PathBuf};

type Digests = Vec<(&'static str, u64, String)>;

/// A change of its own: new resources, a changed one, a deleted one; large enough to fold the log now and then.
fn change(store: &Store, n: i64) {
    let save = |id: String, body: Option<String>| Save {
        kind: ResourceType::BASIC,
        id,
        body,
        patient: None,
        date: None,
        facility: 0,
        fresh: false,
        index: Index::default(),
    };
    let noise = |seed: i64| -> String {
        let mut x = seed.unsigned_abs().wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut next = || {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            format!("{x:016x}")
        };
        (0..2_000).map(|_| next()).collect()
    };
    let mut saves: Vec<Save> = (0..6)
        .map(|i| save(format!("b-{n}-{i}"), Some(format!(r#"{{"resourceType":"Basic","x":"{}"}}"#, noise(n * 10 + i)))))
        .collect();
    saves.push(save("changed".to_owned(), Some(format!(r#"{{"resourceType":"Basic","n":{n}}}"#))));
    let ended = save(format!("b-{n}-0"), None);
    store.write(&console(), move |tx| tx.save(&mut saves)).unwrap();
    store.write(&console(), move |tx| tx.save(&mut [ended])).unwrap();
}

/// The moment now, and what the store holds; the next change comes later.
fn moment(store: &Store) -> (i64, Digests) {
    let at = now_millis();
    let held = digests(store);
    while now_millis() <= at {
        std::thread::yield_now();
    }
    (at, held)
}

fn archive_of(folder: &Path) -> PathBuf {
    folder.join("archive")
}

fn restored(file: &Path, archive: &Path, to: Option<i64>, name: &str) -> mach_store::Result<Digests> {
    let folder = file.with_file_name(name);
    restore_to(file, archive, to, &folder)?;
    let store = Store::open(&folder)?;
    assert_eq!(store.check(&console(), &mut |_| ())?, []);
    Ok(digests(&store))
}

#[test]
fn every_moment_since_a_backup_can_be_made_again() {
    let (home, out) = (Home::folder(), tempfile());
    let folder = home.path().unwrap();
    let store = home.open();
    for n in 0..5 {
        change(&store, n);
    }
    store.begin_archive(&console()).unwrap();
    assert!(store.begin_archive(&console()).is_err(), "once");
    for n in 5..10 {
        change(&store, n);
    }
    let (first, second) = (out.join("first.db"), out.join("second.db"));
    store.backup(&console(), &first).unwrap();
    let mut moments = vec![moment(&store)];
    for n in 10..60 {
        change(&store, n);
        if n % 10 == 9 {
            moments.push(moment(&store));
        }
        if n == 30 {
            store.backup(&console(), &second).unwrap();
        }
        if n == 40 {
            // Another writer, as another process is one; and one that begins anew.
            let other = home.open();
            change(&other, 1_000);
            moments.push(moment(&other));
        }
    }
    let archive = archive_of(folder);
    let files = std::fs::read_dir(&archive).unwrap().count();
    assert!(files > 2, "{files}");
    for (n, (at, held)) in moments.iter().enumerate() {
        assert_eq!(&restored(&first, &archive, Some(*at), &format!("at-{n}")).unwrap(), held, "moment {n}");
    }
    let end = digests(&store);
    for (backup, name) in [(&first, "end-1"), (&second, "end-2")] {
        assert_eq!(restored(backup, &archive, None, name).unwrap(), end);
    }
    // Without the archive each backup is what it was.
    let plain = out.join("plain");
    restore(&first, &plain).unwrap();
    assert_eq!(digests(&Store::open(&plain).unwrap()), moments[0].1);
    let early = restored(&second, &archive, Some(moments[0].0), "early").unwrap_err();
    assert!(early.to_string().contains("take an older one"), "{early}");
    // After the end of all writers, and a new beginning.
    drop(store);
    let store = home.open();
    change(&store, 2_000);
    assert_eq!(restored(&first, &archive, None, "again").unwrap(), digests(&store));
    let state = store.archived(&console()).unwrap().unwrap();
    assert!(state.frames > 0 && state.at <= now_millis());
    std::fs::remove_dir_all(out).unwrap();
}

#[test]
fn what_is_missing_or_damaged_is_said_and_never_passed_over() {
    let (home, out) = (Home::folder(), tempfile());
    let store = home.open();
    store.begin_archive(&console()).unwrap();
    let file = out.join("b.db");
    store.backup(&console(), &file).unwrap();
    let mut moments = Vec::new();
    // Enough for a second file.
    for n in 0..700 {
        change(&store, n);
        if n % 100 == 50 {
            moments.push(moment(&store));
        }
    }
    drop(store);
    let archive = archive_of(home.path().unwrap());
    let mut files: Vec<PathBuf> = std::fs::read_dir(&archive).unwrap().map(|e| e.unwrap().path()).collect();
    files.retain(|p| p.extension().is_some_and(|e| e == "frames"));
    files.sort();
    assert!(files.len() >= 2, "{files:?}");
    let whole = std::fs::read(&files[0]).unwrap();
    let mut bytes = whole.clone();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&files[0], &bytes).unwrap();
    let said = restored(&file, &archive, None, "damaged").unwrap_err().to_string();
    assert!(said.contains("damaged at byte") && said.contains("restore to"), "{said}");
    assert!(!out.join("damaged").join("mach.db").exists(), "nothing is left");
    assert_eq!(
        restored(&file, &archive, Some(moments[0].0), "before").unwrap(),
        moments[0].1,
        "what is before it can be made"
    );
    std::fs::remove_file(&files[0]).unwrap();
    let said = restored(&file, &archive, None, "gone").unwrap_err().to_string();
    assert!(said.contains("missing"), "{said}");
    std::fs::write(&files[0], &whole).unwrap();
    // The last record cut off, as by a kill while it was copied.
    let last = files.last().unwrap();
    let bytes = std::fs::read(last).unwrap();
    std::fs::write(last, &bytes[..bytes.len() - 7]).unwrap();
    let cut = restored(&file, &archive, None, "cut").unwrap();
    // The next writer copies it again: it is still in the log.
    let store = home.open();
    let end = digests(&store);
    assert_ne!(cut, end);
    assert_eq!(restored(&file, &archive, None, "mended").unwrap(), end);
    // Another archive is refused, and a backup without one.
    let other = Home::folder();
    let stranger = other.open();
    stranger.backup(&console(), &out.join("plain.db")).unwrap();
    let said = restored(&out.join("plain.db"), &archive, None, "plain").unwrap_err().to_string();
    assert!(said.contains("without an archive"), "{said}");
    stranger.begin_archive(&console()).unwrap();
    let said = restored(&file, &archive_of(other.path().unwrap()), None, "other").unwrap_err().to_string();
    assert!(said.contains("not the archive of this backup"), "{said}");
    std::fs::remove_dir_all(out).unwrap();
}

#[test]
fn a_stranger_at_the_log_makes_a_gap_that_is_noticed() {
    let (home, out) = (Home::folder(), tempfile());
    let store = home.open();
    store.begin_archive(&console()).unwrap();
    let file = out.join("b.db");
    store.backup(&console(), &file).unwrap();
    change(&store, 1);
    let (at, held) = moment(&store);
    drop(store);
    // A program that knows nothing of the archive changes the database and folds the log.
    let stranger = rusqlite::Connection::open(home.path().unwrap().join("mach.db")).unwrap();
    stranger.execute("UPDATE resource SET at = at + 1", []).unwrap();
    drop(stranger);
    let store = home.open();
    change(&store, 2);
    let archive = archive_of(home.path().unwrap());
    let said = restored(&file, &archive, None, "gap").unwrap_err().to_string();
    assert!(said.contains("gap"), "{said}");
    // The last moment before it is known; any between would be a guess.
    let between = restored(&file, &archive, Some(at), "between");
    assert!(between.is_err() || between.is_ok_and(|got| got == held));
    let next = out.join("next.db");
    store.backup(&console(), &next).unwrap();
    change(&store, 3);
    assert_eq!(restored(&next, &archive, None, "after").unwrap(), digests(&store), "a new backup begins anew");
    std::fs::remove_dir_all(out).unwrap();
}

#[test]
fn time_never_steps_back() {
    let home = Home::folder();
    let store = home.open();
    let day = 86_400;
    change(&store, 0);
    // As if the clock had been a day ahead until now.
    store
        .write(&console(), move |tx| {
            use mach_store::sql::Execute;
            tx.run("UPDATE commit_log SET at = at + ?1", &[day.into()])?;
            tx.run("UPDATE resource SET at = at + ?1 WHERE facility = 0", &[day.into()])
        })
        .unwrap();
    let last = |store: &Store| {
        let mut reader = store.read(&console()).unwrap();
        get(&mut reader, ResourceType::BASIC, "changed").unwrap().unwrap()
    };
    let before = last(&store);
    for reopened in [false, true] {
        let store = if reopened { home.open() } else { store.clone() };
        change(&store, 2);
        let now = last(&store);
        assert!(now.at >= before.at && now.version > before.version, "{} {}", now.at, before.at);
        let tx_at = store.write(&console(), |tx| Ok(tx.at())).unwrap();
        assert!(tx_at >= now.at);
    }
}

fn tempfile() -> PathBuf {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = format!("mach-archive-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let path = std::env::temp_dir().join(name);
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).unwrap();
    path
}
