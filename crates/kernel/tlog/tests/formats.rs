//! Notes, checkpoints, cosignatures, witnesses, receipts: published examples, hostile input, and a second opinion in Python.
#![expect(clippy::unwrap_used, reason = "a broken expectation ends the test")]

use mach_tlog::checkpoint::Checkpoint;
use mach_tlog::cosign::{self, Trust};
use mach_tlog::fact::{Describe, Kind};
use mach_tlog::note::{Algorithm, Key, Note, Verifier};
use mach_tlog::proof::Proof;
use mach_tlog::receipt::{CONTENT, Receipt};
use mach_tlog::tile::{FromTiles, Tile, Tiles, unbundle};
use mach_tlog::tree::{self, leaf_hash};
use mach_tlog::witness::{AddCheckpoint, Answer, Memory, Seen, Witness};
use mach_tlog::{Error, Hash, limits};
use proptest::prelude::*;
use std::collections::HashMap;
use std::convert::Infallible;
use std::path::Path;
use std::process::Command;

fn log_key() -> Key {
    Key::new("mach.example/log", Algorithm::Ed25519, &[7; 32]).unwrap()
}

fn witness_key(n: u8) -> Key {
    Key::new(&format!("witness.example/{n}"), Algorithm::Cosignature, &[n; 32]).unwrap()
}

struct Log(Vec<Hash>);

impl Tiles for &Log {
    type Error = Infallible;
    fn tile(&mut self, level: u8, index: u64, width: u64) -> Result<Vec<Hash>, Infallible> {
        let below = 256_u64.pow(u32::from(level));
        let whole = |i: u64| tree::whole(&self.0[(i * below) as usize..((i + 1) * below) as usize]);
        Ok((index * 256..index * 256 + width).map(whole).collect())
    }
    fn too_short(_: u8, _: u64) -> Infallible {
        panic!("a tile is too short")
    }
}

impl Log {
    fn new(size: u32) -> Self {
        Self((0..size).map(|i| leaf_hash(&i.to_be_bytes())).collect())
    }
    fn checkpoint(&self, size: u64) -> Checkpoint {
        let root = tree::root(&mut FromTiles::new(self), size).unwrap();
        Checkpoint { origin: log_key().verifier().name().to_owned(), size, root, extensions: vec![] }
    }
    fn request(&self, old: u64, new: u64) -> AddCheckpoint {
        let proof = tree::consistency(&mut FromTiles::new(self), old, new).unwrap();
        AddCheckpoint { old, proof, note: self.checkpoint(new).sign(&log_key()) }
    }
}

#[derive(Default)]
struct Remembered(HashMap<String, Seen>);

impl Memory for Remembered {
    type Error = Infallible;
    fn seen(&mut self, origin: &str) -> Result<Option<Seen>, Infallible> {
        Ok(self.0.get(origin).copied())
    }
    fn keep(&mut self, origin: &str, seen: Seen) -> Result<(), Infallible> {
        self.0.insert(origin.to_owned(), seen);
        Ok(())
    }
}

#[test]
fn the_note_of_go_is_read() {
    // From the documentation of golang.org/x/mod/sumdb/note.
    let key = Verifier::parse("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW").unwrap();
    let text = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
    let signed = format!(
        "{text}\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
    );
    let note = Note::parse(&signed).unwrap();
    assert_eq!(note.text(), text);
    note.verify(&key).unwrap();
    assert_eq!(note.to_string(), signed);
    assert_eq!(key.to_string(), "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW");
    let other = Note::parse(&signed.replace("answer", "anSwer")).unwrap();
    assert_eq!(other.verify(&key), Err(Error::BadSignature("PeterNeumann".to_owned())));
}

#[test]
fn keys_are_read_back_and_bad_ones_refused() {
    for key in [log_key(), witness_key(1)] {
        assert_eq!(Key::parse(&key.to_secret()).unwrap().verifier(), key.verifier());
        let public = key.verifier().to_string();
        assert_eq!(&Verifier::parse(&public).unwrap(), key.verifier());
        assert!(!format!("{key:?}").contains(&key.to_secret()));
        for bad in [public.replacen('e', "E", 1), public.replacen('+', " ", 1), public[..public.len() - 4].to_owned()] {
            assert!(Verifier::parse(&bad).is_err(), "{bad}");
        }
    }
    for name in ["", "a b", "a+b", "a\nb", &"n".repeat(limits::NAME_BYTES + 1)] {
        assert!(Key::new(name, Algorithm::Ed25519, &[1; 32]).is_err());
    }
    assert!(Key::new(&"n".repeat(limits::NAME_BYTES), Algorithm::Ed25519, &[1; 32]).is_ok());
}

#[test]
fn notes_have_limits() {
    let key = log_key();
    let note = |text: &str| Note::sign(text.to_owned(), &key).to_string();
    let overhead = note("").len();
    let longest = note(&format!("{}\n", "x".repeat(limits::NOTE_BYTES - overhead - 1)));
    assert_eq!(longest.len(), limits::NOTE_BYTES);
    Note::parse(&longest).unwrap().verify(key.verifier()).unwrap();
    assert!(matches!(Note::parse(&format!("x{longest}")), Err(Error::TooLarge { .. })));
    let line = Note::parse(&note("a\n")).unwrap().signatures()[0].to_string();
    assert!(Note::parse(&format!("a\n\n{}", line.repeat(limits::SIGNATURES))).is_ok());
    assert!(Note::parse(&format!("a\n\n{}", line.repeat(limits::SIGNATURES + 1))).is_err());
    for bad in [
        "",
        "a",
        "a\n",
        "a\n\n",
        "\n\n",
        "a\n\n— x\n",
        "a\n\n— x eA==\n",
        "a\n\n-- x AAAAAAA=\n",
        "a\r\n\n— x AAAAAAA=\n",
    ] {
        assert!(Note::parse(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn checkpoints_are_written_one_way() {
    let good = Log::new(5).checkpoint(5).text();
    assert_eq!(Checkpoint::parse(&good).unwrap().text(), good);
    assert_eq!(Checkpoint::parse(&format!("{good}more\n")).unwrap().extensions, ["more"]);
    for bad in [
        good.replacen("\n5\n", "\n05\n", 1),
        good.replacen("\n5\n", "\n-5\n", 1),
        good.replacen("\n5\n", "\n18446744073709551616\n", 1),
        good.replacen("\n5\n", "\n\n5\n", 1),
        format!("{good}\nx\n"),
        format!("\n{good}"),
        good.trim_end().to_owned(),
        good.replace('=', ""),
    ] {
        assert!(Checkpoint::parse(&bad).is_err(), "{bad:?}");
    }
}

#[test]
fn a_witness_signs_growth_and_nothing_else() {
    let (log, mut memory) = (Log::new(200), Remembered::default());
    let witness = Witness { key: witness_key(1), logs: vec![log_key().verifier().clone()] };
    let mut ask = |request: &str| witness.add_checkpoint(&mut memory, request.as_bytes(), 1_700_000_000).unwrap();
    let Answer::Signed(line) = ask(&log.request(0, 100).encode()) else { panic!("the first is signed") };
    let mut note = log.checkpoint(100).sign(&log_key());
    note.add(mach_tlog::note::Signature::parse(&line).unwrap());
    let trust = |n: &[u8], quorum| {
        let witnesses = n.iter().map(|n| witness_key(*n).verifier().clone()).collect();
        Trust { log: log_key().verifier().clone(), witnesses, quorum }
    };
    let seen = trust(&[1], 1).witnessed(&note).unwrap();
    assert_eq!(seen, [("witness.example/1".to_owned(), 1_700_000_000)]);
    assert_eq!(trust(&[1, 2], 2).witnessed(&note), Err(Error::TooFewWitnesses { found: 1, wanted: 2 }));
    assert!(trust(&[1, 2], 1).witnessed(&note).is_ok());

    // The same again is signed again; growth is signed with its proof.
    assert_eq!(ask(&log.request(100, 100).encode()).status(), 200);
    assert_eq!(ask(&log.request(0, 150).encode()), Answer::Conflict(100));
    assert_eq!(ask(&log.request(0, 150).encode()).body(), ("100\n".to_owned(), "text/x.tlog.size"));
    let mut forged = log.request(100, 150);
    forged.proof[0][0] ^= 1;
    assert_eq!(ask(&forged.encode()), Answer::BadProof);
    assert_eq!(ask(&log.request(100, 150).encode()).status(), 200);

    // Yesterday's log, and a log with another history and the same key.
    assert_eq!(ask(&log.request(100, 120).encode()), Answer::Conflict(150));
    assert_eq!(ask(&AddCheckpoint { old: 150, ..log.request(100, 120) }.encode()).status(), 400);
    let mut fork = Log::new(200);
    fork.0[3] = leaf_hash(b"rewritten");
    assert_eq!(ask(&fork.request(150, 150).encode()), Answer::Conflict(150));
    assert_eq!(ask(&fork.request(150, 200).encode()), Answer::BadProof);
    assert_eq!(ask(&AddCheckpoint { proof: vec![], ..log.request(150, 200) }.encode()), Answer::BadProof);

    // Others' logs, other keys, no requests at all.
    let other = Key::new("mach.example/log", Algorithm::Ed25519, &[8; 32]).unwrap();
    let stranger = AddCheckpoint { note: log.checkpoint(200).sign(&other), ..log.request(150, 200) };
    assert_eq!(ask(&stranger.encode()), Answer::Forbidden);
    let unknown = Checkpoint { origin: "else".to_owned(), ..log.checkpoint(200) }.sign(&log_key());
    assert_eq!(ask(&AddCheckpoint { note: unknown, ..log.request(150, 200) }.encode()), Answer::UnknownLog);
    let good = log.request(150, 200).encode();
    for bad in
        [good.replacen("old 150", "old 0150", 1), good.replacen("old", "olD", 1), String::new(), "old 0\n".to_owned()]
    {
        assert_eq!(ask(&bad).status(), 400, "{bad}");
    }
    let many = AddCheckpoint { proof: vec![[0; 32]; limits::PROOF_HASHES], ..log.request(150, 200) };
    assert_eq!(ask(&many.encode()), Answer::BadProof);
    let more = AddCheckpoint { proof: vec![[0; 32]; limits::PROOF_HASHES + 1], ..log.request(150, 200) };
    assert_eq!(ask(&more.encode()).status(), 400);
    assert_eq!(ask(&good).status(), 200);
}

fn receipt() -> (Receipt, Trust) {
    let content = "{\"resourceType\":\"Patient\",\"id\":\"p1\",\"name\":[{\"text\":\"Nguyễn Đức\"}]}";
    let description = Describe::new(Kind::Resource)
        .text("type", "Patient")
        .text("id", "p1\n\\")
        .int("version", 1)
        .int("least", i64::MIN)
        .opt_int("none", None)
        .digest_of(CONTENT, content.as_bytes());
    let mut log = Log::new(300);
    log.0[77] = leaf_hash(&description.entry(&[9; 16]));
    let mut note = log.checkpoint(290).sign(&log_key());
    note.add(cosign::cosign(note.text(), &witness_key(1), 1_700_000_000));
    let path = tree::inclusion(&mut FromTiles::new(&log), 77, 290).unwrap();
    let trust =
        Trust { log: log_key().verifier().clone(), witnesses: vec![witness_key(1).verifier().clone()], quorum: 1 };
    let receipt = Receipt {
        description: String::from_utf8(description.as_bytes().to_vec()).unwrap(),
        salt: [9; 16],
        content: Some(content.to_owned()),
        log: log_key().verifier().to_string(),
        proof: Proof { extra: None, index: 77, path, checkpoint: note },
    };
    (receipt, trust)
}

#[test]
fn a_description_is_plain_lines() {
    let (receipt, _) = receipt();
    assert!(receipt.description.starts_with(
        "mach-fact/v1\nkind resource\ntype Patient\nid p1\\n\\\\\nversion 1\nleast -9223372036854775808\nsha256 "
    ));
}

/// Asks the verifier in Python about files; `None` where there is no Python.
fn python(folder: &Path, files: &[String], trust: &Trust) -> Option<Vec<bool>> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../tests/tlog/verify.py");
    let mut command = Command::new("python3");
    command.arg(script).arg("--log").arg(trust.log.to_string());
    trust.witnesses.iter().for_each(|w| {
        command.arg("--witness").arg(w.to_string());
    });
    let paths = files.iter().enumerate().map(|(i, text)| {
        let path = folder.join(i.to_string());
        std::fs::write(&path, text).unwrap();
        path
    });
    let Ok(out) = command.args(paths.collect::<Vec<_>>()).output() else {
        eprintln!("SKIPPED: python3 is not installed, the second verifier was not asked");
        return None;
    };
    let said = String::from_utf8(out.stdout).unwrap();
    let verdicts: Vec<bool> = said.lines().map(|l| l.starts_with("ok ")).collect();
    assert_eq!(verdicts.len(), files.len(), "{said}{}", String::from_utf8_lossy(&out.stderr));
    Some(verdicts)
}

#[test]
fn a_receipt_with_any_byte_changed_proves_nothing_else() {
    let (receipt, trust) = receipt();
    let text = receipt.encode();
    assert_eq!(Receipt::parse(&text).unwrap(), receipt);
    assert_eq!(receipt.verify(&trust).unwrap().checkpoint.size, 290);
    let verify = |text: &str| Receipt::parse(text).and_then(|r| r.verify(&trust).map(|_| r));
    let mut samples = vec![text.clone()];
    for at in 0..text.len() {
        for change in [1_u8, 0x20, 0x80] {
            let mut bytes = text.clone().into_bytes();
            bytes[at] ^= change;
            let Ok(changed) = String::from_utf8(bytes) else { continue };
            if let Ok(accepted) = verify(&changed) {
                assert_eq!((&accepted.description, &accepted.content), (&receipt.description, &receipt.content));
            }
            if at % 29 == 0 {
                samples.push(changed);
            }
        }
        if text.is_char_boundary(at) {
            assert!(verify(&text[..at]).is_err());
        }
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("receipts");
    std::fs::create_dir_all(&folder).unwrap();
    if let Some(verdicts) = python(&folder, &samples, &trust) {
        assert!(verdicts[0]);
        for (sample, verdict) in samples.iter().zip(verdicts) {
            assert_eq!(verify(sample).is_ok(), verdict, "{sample}");
        }
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn whom_to_trust_is_not_taken_from_the_file() {
    let (receipt, trust) = receipt();
    let other = Key::new("mach.example/log", Algorithm::Ed25519, &[8; 32]).unwrap();
    let stranger = Trust { log: other.verifier().clone(), ..trust.clone() };
    assert_eq!(receipt.verify(&stranger), Err(Error::Unsigned("mach.example/log".to_owned())));
    let more = Trust {
        witnesses: vec![witness_key(1).verifier().clone(), witness_key(2).verifier().clone()],
        quorum: 2,
        ..trust
    };
    assert_eq!(receipt.verify(&more), Err(Error::TooFewWitnesses { found: 1, wanted: 2 }));
}

proptest! {
    #[test]
    fn whatever_comes_in_is_refused_calmly(bytes in prop::collection::vec(any::<u8>(), 0..400), text in "(?s).{0,200}") {
        let lossy = String::from_utf8_lossy(&bytes);
        for text in [lossy.as_ref(), text.as_str()] {
            let _ = (Note::parse(text), Checkpoint::parse(text), Proof::parse(text), Receipt::parse(text));
            let _ = (Key::parse(text), Verifier::parse(text), Tile::parse(text), mach_tlog::from_hex(text));
        }
        let _ = (AddCheckpoint::parse(&bytes), unbundle(&bytes), mach_tlog::tile::decode(&bytes));
        let _ = mach_tlog::fact::kind_of(&bytes);
    }

    #[test]
    fn requests_changed_anywhere_are_refused_calmly(at in 0_usize..400, with in any::<u8>(), cut in 0_usize..400) {
        let log = Log::new(20);
        let mut body = log.request(7, 20).encode().into_bytes();
        let at = at % body.len();
        let original = body[at];
        body[at] = with;
        let witness = Witness { key: witness_key(1), logs: vec![log_key().verifier().clone()] };
        let mut memory = Remembered::default();
        let seen = Seen { size: 7, root: log.checkpoint(7).root };
        memory.0.insert(log_key().verifier().name().to_owned(), seen);
        let answer = witness.add_checkpoint(&mut memory, &body, 1).unwrap();
        prop_assert!(original == with || !matches!(answer, Answer::Signed(_)));
        let _ = witness.add_checkpoint(&mut memory, &body[..cut.min(body.len())], 1).unwrap();
    }

    #[test]
    fn notes_are_read_back(text in "[a-zA-Z0-9 é—\n]{1,80}", n in 1_usize..5) {
        let text = format!("x{text}\n");
        let mut note = Note::sign(text.clone(), &log_key());
        for n in 0..n {
            note.add(cosign::cosign(&text, &witness_key(n as u8), n as u64));
        }
        let read = Note::parse(&note.to_string()).unwrap();
        prop_assert_eq!(&read, &note);
        prop_assert!(read.verify(log_key().verifier()).is_ok());
        prop_assert_eq!(cosign::time(&read, witness_key(0).verifier()).unwrap(), Some(0));
    }
}
