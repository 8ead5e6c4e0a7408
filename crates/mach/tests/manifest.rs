//! The whole way: a synthetic province that adds up its own totals, and the cube that must answer the same, for every
//! indicator, unit and month; also after everything was sent again and after claims were replaced.

#![expect(clippy::unwrap_used, reason = "a broken expectation ends the test")]

use mach_access::{Act, Actor, Decision, decide};
use mach_base::{Day, Grain};
use mach_cube::{By, Cube, Question};
use mach_intake::files::{self, Input};
use mach_intake::import::{self, Summary};
use mach_store::Store;
use mach_test_engines::{Home, on_both_engines};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

fn console(act: Act) -> Decision {
    decide(&Actor::console(), act).unwrap()
}

fn import(store: &Store, paths: &[PathBuf]) -> Summary {
    let inputs = files::below(paths).unwrap().into_iter().map(Input::File).collect();
    import::import(store, &console(Act::SendClaims), inputs, 2, &mut |_| {}).unwrap()
}

type Cells = BTreeMap<(String, Option<String>, String), String>;

/// Cells of a manifest: (indicator, facility or none for the province, month) to value.
fn expected(manifest: &Path) -> Cells {
    let text = std::fs::read_to_string(manifest).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&text).unwrap();
    let cells = ["cells", "province"].iter().flat_map(|part| manifest[part].as_array().unwrap());
    cells
        .map(|c| {
            let text = |key: &str| c[key].as_str().unwrap().to_owned();
            let key = (text("indicator"), c["facility"].as_str().map(str::to_owned), text("month"));
            (key, c["value"].to_string())
        })
        .collect()
}

/// The same from the cube.
fn answered(store: &Store, from: &str, to: &str) -> Cells {
    let cube = Cube::shared();
    let mut reader = store.read(&console(Act::ReadFigures)).unwrap();
    let (from, to) = (Day::parse_iso(from).unwrap(), Day::parse_iso(to).unwrap().end_of(Grain::Month));
    let mut out = Cells::new();
    for indicator in cube.definitions().indicators().iter().map(|i| i.id.clone()) {
        for by in [By::None, By::Facility] {
            let question = Question { by, ..Question::new(&indicator, from, to) };
            let answer = match cube.answer(&mut reader, &question) {
                Ok(answer) => answer,
                Err(e) => panic!("{indicator} {by:?}: {e}"),
            };
            for row in answer.rows {
                out.insert((indicator.clone(), row.place, row.period), number(&row.value.to_string()));
            }
        }
    }
    out
}

/// A number without trailing zeros, so that `2.50` and `2.5` are one.
fn number(text: &str) -> String {
    text.parse::<mach_base::Decimal>().map_or_else(
        |_| text.to_owned(),
        |d| {
            let d = d.trimmed();
            match d.scale {
                0 => d.units.to_string(),
                scale => {
                    let unit = 10_i64.pow(scale);
                    let sign = if d.units < 0 { "-" } else { "" };
                    format!("{sign}{}.{:0width$}", d.units.abs() / unit, d.units.abs() % unit, width = scale as usize)
                }
            }
        },
    )
}

fn compare(what: &str, expected: &Cells, answered: &Cells) {
    let mut wrong = Vec::new();
    for (key, value) in expected {
        match answered.get(key) {
            Some(got) if number(value) == *got => {}
            got => wrong.push(format!("{key:?}: manifest {value}, cube {got:?}")),
        }
    }
    wrong.extend(answered.keys().filter(|k| !expected.contains_key(*k)).map(|k| format!("{k:?}: only in the cube")));
    assert!(
        wrong.is_empty(),
        "{what}: {} of {} wrong:\n{}",
        wrong.len(),
        expected.len(),
        wrong[..wrong.len().min(40)].join("\n")
    );
}

on_both_engines!(every_cell_equals_the_manifest);

fn every_cell_equals_the_manifest(home: &Home) {
    let engine = if home.url().is_some() { "postgres" } else { "sqlite" };
    let root = std::env::temp_dir().join(format!("mach-manifest-{engine}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&root);
    let out = root.join("files");
    let (from, to) = ("2023-01-01", "2025-12-31");
    let options = mach_synth::Options {
        out: out.clone(),
        dossiers: 3000,
        seed: 41,
        from: from.parse().unwrap(),
        to: to.parse().unwrap(),
        defects: 0.03,
        replace: 0.05,
    };
    let made = mach_synth::generate(&options, &mut |_| {}).unwrap();
    let store = home.open();
    let first: Vec<PathBuf> = std::fs::read_dir(&out)
        .unwrap()
        .map(|e| e.unwrap().path())
        .filter(|p| p.is_dir() && p.file_name().is_some_and(|n| n != "replacements"))
        .collect();
    let mut first = first;
    first.sort();

    let summary = import(&store, &first);
    assert_eq!(summary.claims.refused, made.defects as i64, "exactly the damaged claims are refused");
    assert_eq!(summary.claims.accepted + summary.claims.refused, made.dossiers as i64);
    let cells = expected(&out.join("manifest.json"));
    assert!(cells.keys().map(|k| &k.0).collect::<std::collections::BTreeSet<_>>().len() >= 30, "thirty indicators");
    compare("first import", &cells, &answered(&store, from, to));

    let again = import(&store, &first);
    assert_eq!(again.claims.duplicate, made.dossiers as i64, "all sent again: nothing new");
    compare("sent again", &cells, &answered(&store, from, to));

    let replaced = import(&store, &[out.join("replacements")]);
    assert_eq!(replaced.claims.replaced, made.replaced as i64);
    compare("replaced", &expected(&out.join("manifest-after-replacements.json")), &answered(&store, from, to));
    std::fs::remove_dir_all(&root).unwrap();
}
