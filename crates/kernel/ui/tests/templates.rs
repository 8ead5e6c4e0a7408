//! Templates only format: no word of ours stands in them, nothing inline, every language complete.
#![expect(clippy::unwrap_used, reason = "a broken expectation stops the test")]

use std::path::{Path, PathBuf};

fn templates(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path());
    entries.flat_map(|p| if p.is_dir() { templates(&p) } else { vec![p] }).collect()
}

/// `template` without expressions, statements and comments.
fn literal(template: &str) -> String {
    let mut out = String::new();
    let mut rest = template;
    while let Some(at) = rest.find("{{").into_iter().chain(rest.find("{%")).chain(rest.find("{#")).min() {
        out.push_str(&rest[..at]);
        let close = match &rest[at..at + 2] {
            "{{" => "}}",
            "{%" => "%}",
            _ => "#}",
        };
        rest = &rest[at + rest[at..].find(close).expect("closed") + 2..];
    }
    out + rest
}

/// What a reader would see or hear of literal markup: text between tags, and the attributes that are read out.
fn visible(markup: &str) -> Vec<String> {
    let mut seen = Vec::new();
    for piece in markup.split('<').skip(1) {
        let (tag, text) = piece.split_once('>').unwrap_or((piece, ""));
        seen.push(text.to_owned());
        for name in ["aria-label=\"", "title=\"", "placeholder=\"", "alt=\""] {
            seen.extend(tag.split(name).skip(1).filter_map(|v| v.split('"').next()).map(str::to_owned));
        }
    }
    seen.push(markup.split('<').next().unwrap_or_default().to_owned());
    seen.retain(|t| t.chars().any(char::is_alphabetic));
    seen
}

#[test]
fn the_scan_finds_words() {
    for (template, words) in [
        ("<p>{{ lang.t(msg::SAVE) }}</p>", vec![]),
        ("<p>Lưu</p>", vec!["Lưu"]),
        ("{% if a %}x{% endif %}", vec!["x"]),
        ("<a title=\"Mở\">▲</a>", vec!["Mở"]),
        ("<a title=\"{{ t }}\" href=\"/x\">{# note #}</a>", vec![]),
    ] {
        assert_eq!(visible(&literal(template)), words, "{template}");
    }
}

#[test]
fn no_words_and_nothing_inline() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates");
    let all = templates(&folder);
    assert!(all.len() > 20);
    for path in all {
        let text = std::fs::read_to_string(&path).unwrap();
        let markup = literal(&text);
        assert_eq!(visible(&markup), Vec::<String>::new(), "{}", path.display());
        for inline in [" style=", "<style", "<script>", " onclick", "javascript:", "|safe"] {
            assert!(!text.contains(inline), "{inline} in {}", path.display());
        }
    }
}

#[test]
fn catalogues_have_the_same_keys_in_the_same_order() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../content/messages");
    let keys = |lang: &str| -> Vec<String> {
        let text = std::fs::read_to_string(folder.join(format!("{lang}.ftl"))).unwrap();
        let lines = text.lines().filter(|l| !l.starts_with('#')).filter_map(|l| l.split_once(" = "));
        lines.map(|(key, _)| key.to_owned()).collect()
    };
    let (vi, en) = (keys("vi"), keys("en"));
    assert!(vi.len() > 100);
    assert_eq!(vi, en);
}
