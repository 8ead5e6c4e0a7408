//! The generator seen from outside: its files, its manifest, its shares.

mod recount;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::{Options, SynthError, generate, replacements};

/// A directory of its own for a test, gone with it.
struct Room(PathBuf);

impl Room {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("mach-synth-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        Room(path)
    }

    /// Every file below, by path, in order.
    fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut all = BTreeMap::new();
        let mut rest = vec![self.0.clone()];
        while let Some(folder) = rest.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    rest.push(path);
                } else {
                    let name = path.strip_prefix(&self.0).unwrap().to_owned();
                    all.insert(name, std::fs::read(path).unwrap());
                }
            }
        }
        all
    }

    fn claim_files(&self) -> Vec<(PathBuf, String)> {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        self.files()
            .into_iter()
            .filter(|(path, _)| path.extension().is_some_and(|e| e == "xml"))
            .map(|(path, bytes)| (path, text(bytes)))
            .collect()
    }

    fn manifest(&self, name: &str) -> serde_json::Value {
        serde_json::from_slice(&std::fs::read(self.0.join(name)).unwrap()).unwrap()
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn options(out: &Path, dossiers: u64, seed: u64, from: &str, to: &str) -> Options {
    Options {
        out: out.to_owned(),
        dossiers,
        seed,
        from: from.parse().unwrap(),
        to: to.parse().unwrap(),
        defects: 0.0,
        replace: 0.0,
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let rooms = [Room::new("same-1"), Room::new("same-2"), Room::new("same-3")];
    for (room, seed) in rooms.iter().zip([5, 5, 6]) {
        let mut options = options(&room.0, 400, seed, "2024-05-01", "2025-01-31");
        options.defects = 0.05;
        options.replace = 0.05;
        generate(&options, &mut |_| {}).unwrap();
    }
    assert!(rooms[0].files() == rooms[1].files(), "two runs of one seed differ");
    assert!(rooms[0].files() != rooms[2].files(), "the seed changes nothing");
}

#[test]
fn claims_have_eighteen_lines_on_average() {
    for (seed, from, to) in [(1, "2025-01-01", "2025-12-31"), (2, "2023-01-01", "2024-06-30")] {
        let room = Room::new(&format!("lines-{seed}"));
        let summary = generate(&options(&room.0, 4_000, seed, from, to), &mut |_| {}).unwrap();
        let tenths = summary.lines * 10 / summary.dossiers;
        assert!((170..=190).contains(&tenths), "{tenths} tenths of a line, from {from}");
    }
}

/// The tags of a document close in the order they opened, and nothing but known entities follows an ampersand.
fn well_formed(text: &str) -> Result<(), String> {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = text.trim_start_matches('\u{feff}');
    while let Some(at) = rest.find('<') {
        let before = &rest[..at];
        let entities = before.matches('&').count();
        let known = ["&amp;", "&lt;", "&gt;"].map(|e| before.matches(e).count()).iter().sum::<usize>();
        if entities != known || before.contains("]]>") {
            return Err(format!("text {before}"));
        }
        rest = &rest[at..];
        if let Some(data) = rest.strip_prefix("<![CDATA[") {
            rest = data.split_once("]]>").ok_or("CDATA has no end")?.1;
            continue;
        }
        let end = rest.find('>').ok_or("a tag has no end")?;
        let tag = &rest[1..end];
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            if open.pop() != Some(name) {
                return Err(format!("</{name}> closes nothing"));
            }
        } else if !tag.starts_with('?') && !tag.ends_with('/') {
            open.push(tag.split(' ').next().unwrap_or(tag));
        }
    }
    if open.is_empty() { Ok(()) } else { Err(format!("{open:?} stay open")) }
}

/// Texts between `<tag>` and `</tag>`.
fn between<'t>(text: &'t str, tag: &str) -> Vec<&'t str> {
    let (begin, end) = (format!("<{tag}>"), format!("</{tag}>"));
    text.split(&begin).skip(1).filter_map(|part| part.split_once(&end).map(|(inside, _)| inside)).collect()
}

fn inner(content: &str) -> String {
    if content.contains('<') {
        return content.to_owned();
    }
    let compact: String = content.split_whitespace().collect();
    String::from_utf8(STANDARD.decode(compact).unwrap()).unwrap()
}

#[test]
fn every_file_is_well_formed_and_each_way_of_writing_occurs() {
    let room = Room::new("ways");
    generate(&options(&room.0, 3_000, 3, "2024-04-01", "2025-08-31"), &mut |_| {}).unwrap();
    let files = room.claim_files();
    let mut ways: BTreeMap<&str, usize> = BTreeMap::new();
    for (path, text) in &files {
        well_formed(text).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
        let claims = text.matches("<HOSO>").count();
        assert_eq!(between(text, "SOLUONGHOSO"), [claims.to_string()], "{}", path.display());
        let code = path.iter().next().and_then(|p| p.to_str()).unwrap();
        assert_eq!(between(text, "MACSKCB"), [code]);
        let mut see = |way, seen: bool| *ways.entry(way).or_default() += usize::from(seen);
        see("one claim", claims == 1);
        see("many claims", claims > 5);
        see("mark", text.starts_with('\u{feff}'));
        see("no declaration", !text.contains("<?xml"));
        see("no signature", !text.contains("CHUKYDONVI"));
        for content in between(text, "NOIDUNGFILE") {
            let document = inner(content);
            well_formed(&document).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
            see("inline", content.starts_with('<'));
            see("base64", !content.contains('<'));
            see("CDATA", document.contains("<![CDATA["));
            see("empty tags", document.contains("/>"));
            see("MA_LK last", document.contains("</MA_LK></TONG_HOP>"));
            see("inner declaration", document.contains("<?xml"));
            see("4210 list", document.contains("<DSACH_CHI_TIET_THUOC>") && !document.contains("CHITIEU_CHITIET"));
            see("130 list", document.contains("<CHITIEU_CHITIET_THUOC>"));
            see("discharge paper", document.contains("<CHI_TIEU_DU_LIEU_GIAY_RA_VIEN>"));
            see("birth", document.contains("<CHI_TIEU_DU_LIEU_GIAY_CHUNG_SINH>"));
            see("referral", document.contains("<CHI_TIEU_GIAYCHUYENTUYEN>"));
            see("appointment", document.contains("<CHI_TIEU_GIAYHEN_KHAMLAI>"));
        }
    }
    for (way, count) in ways {
        assert!(count > 0, "{way} never occurs");
    }
}

#[test]
fn replacements_keep_the_claim_and_move_the_totals() {
    let room = Room::new("replace");
    let mut options = options(&room.0, 1_500, 8, "2025-02-01", "2025-05-31");
    options.replace = 0.1;
    let summary = replacements(&options, &mut |_| {}).unwrap();
    assert!((100..200).contains(&summary.replaced), "{summary:?}");
    let links = |again: bool| {
        let mut links = Vec::new();
        for (path, text) in room.claim_files() {
            if path.starts_with("replacements") == again {
                for content in between(&text, "NOIDUNGFILE") {
                    let document = inner(content);
                    if document.contains("<TONG_HOP>") {
                        let cost = between(&document, "T_TONGCHI_BV")[0].to_owned();
                        links.push((between(&document, "MA_LK")[0].to_owned(), cost.parse::<f64>().unwrap()));
                    }
                }
            }
        }
        links
    };
    let (first, second): (BTreeMap<_, _>, _) = (links(false).into_iter().collect(), links(true));
    assert_eq!(second.len() as u64, summary.replaced);
    let more: f64 = second.iter().map(|(link, cost)| cost - first[link]).sum();
    let total = |name: &str| -> f64 {
        let manifest = room.manifest(name);
        let cells = manifest["province"].as_array().unwrap().iter().filter(|c| c["indicator"] == "FI01");
        cells.map(|c| c["value"].as_f64().unwrap()).sum()
    };
    let moved = total("manifest-after-replacements.json") - total("manifest.json");
    assert!(more > 0.0 && (more - moved).abs() < 0.01, "{more} {moved}");
}

#[test]
fn bad_options_write_nothing() {
    let room = Room::new("bad");
    let good = options(&room.0, 10, 1, "2025-01-01", "2025-01-31");
    let refused = |options: &Options| generate(options, &mut |_| {}).unwrap_err();
    let backwards = Options { from: "2025-02-01".parse().unwrap(), ..good.clone() };
    assert!(matches!(refused(&backwards), SynthError::Range { .. }));
    for share in [-0.1, 1.1, f64::NAN] {
        let damaged = Options { defects: share, ..good.clone() };
        assert!(matches!(refused(&damaged), SynthError::Share { name: "defects", .. }), "{share}");
    }
    assert!(matches!(replacements(&good, &mut |_| {}), Err(SynthError::Share { name: "replace", .. })));
    assert!(!room.0.exists());
}

#[test]
fn a_single_claim_and_a_single_day_work() {
    for (dossiers, from, to) in
        [(0, "2025-01-01", "2025-01-01"), (1, "2025-07-01", "2025-07-01"), (300, "2024-02-10", "2024-02-10")]
    {
        let room = Room::new(&format!("one-{dossiers}"));
        let mut heard = 0;
        let summary = generate(&options(&room.0, dossiers, 4, from, to), &mut |done| heard = done).unwrap();
        let claims: usize = room.claim_files().iter().map(|(_, text)| text.matches("<HOSO>").count()).sum();
        assert_eq!((claims as u64, heard), (dossiers, dossiers));
        assert_eq!(room.manifest("manifest.json")["files"], summary.files);
    }
}
