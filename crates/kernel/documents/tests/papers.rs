//! Papers: the text comes out as it went in, pages look as they did, others' programs find nothing wrong with the files.

use mach_documents::{Align, Block, Cell, Error, Face, Paper, Sheet, Style, Text};
use mach_test_sign::paper::{certificate, rendered};
use mach_test_sign::{Folder, run, said};
use std::io::{Read, Write};
use std::path::Path;

/// Words with one space between, as `pdftotext` may lay them out otherwise.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn text_of(pdf: &[u8]) -> Option<String> {
    let folder = Folder::new();
    let path = folder.write("paper.pdf", pdf);
    let (good, text) = said("pdftotext", &["-raw", &path, "-"])?;
    assert!(good, "pdftotext: {text}");
    Some(text)
}

#[test]
fn the_same_text_comes_out() {
    let sample = certificate();
    let paper = rendered();
    assert_eq!(paper.missing, Vec::<char>::new());
    let Some(text) = text_of(&paper.pdf) else { return };
    let text = words(&text);
    let mut wanted = vec![sample.name, sample.address, sample.conclusion, sample.history_note, sample.doctor];
    wanted.push(format!("Số: {}", sample.number));
    wanted.push("CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM".to_owned());
    wanted.push(format!("Trang 1/{}", paper.pages));
    for part in wanted {
        assert!(text.contains(&part), "`{part}` is not in: {text}");
    }
}

#[test]
fn every_vietnamese_letter_comes_out() {
    let plain = "aàảãáạăằẳẵắặâầẩẫấậeèẻẽéẹêềểễếệiìỉĩíịoòỏõóọôồổỗốộơờởỡớợuùủũúụưừửữứựyỳỷỹýỵđ";
    let all = format!("{plain} {}", plain.to_uppercase());
    for face in Face::ALL {
        let mut paper = Paper::a5("Chữ");
        paper.add(Block::Paragraph(Text(vec![(face, all.clone())]), Style::default()));
        let made = paper.render().expect("a paper");
        assert_eq!(made.missing, Vec::<char>::new());
        let Some(text) = text_of(&made.pdf) else { return };
        assert!(words(&text).replace(' ', "").contains(&all.replace(' ', "")), "{face:?}: {text}");
    }
}

#[test]
fn letters_in_two_pieces_are_put_together() {
    let mut paper = Paper::a5("Chữ");
    paper.add(Block::paragraph("Nguye\u{302}\u{303}n"));
    let Some(text) = text_of(&paper.render().expect("a paper").pdf) else { return };
    assert!(text.contains("Nguyễn"), "{text}");
}

#[test]
fn what_the_font_has_not_is_told() {
    let mut paper = Paper::a4("x");
    paper.add(Block::paragraph("漢 x"));
    let made = paper.render().expect("a paper");
    assert_eq!(made.missing, ['漢']);
}

#[test]
fn the_same_paper_is_the_same_bytes() {
    assert_eq!(rendered().pdf, rendered().pdf);
}

#[test]
fn nothing_is_wrong_with_the_file() {
    let folder = Folder::new();
    for (name, pdf) in [("a4.pdf", rendered().pdf), ("receipt.pdf", receipt().render().expect("a paper").pdf)] {
        let path = folder.write(name, pdf);
        if let Some((good, text)) = said("qpdf", &["--check", &path]) {
            assert!(good && text.contains("No syntax or stream encoding errors"), "{text}");
        }
        if let Some((_, text)) = said("pdffonts", &[&path]) {
            let fonts: Vec<_> = text.lines().skip(2).collect();
            assert!(
                !fonts.is_empty() && fonts.iter().all(|l| l.contains("Tinos") && l.contains("yes yes yes")),
                "{text}"
            );
        }
        if let Some((_, text)) = said("pdfinfo", &[&path]) {
            assert!(text.contains("PDF subtype:     PDF/A-2b") || text.contains("Encrypted:       no"), "{text}");
        }
    }
}

fn receipt() -> Paper {
    let mut paper = Paper::new(Sheet::Receipt, "Phiếu thu");
    paper.add(Block::centred(Text::bold("PHIẾU THU"), 11.0));
    paper
        .add(Block::Fields { rows: vec![("Số tiền".to_owned(), "150.000 ₫".to_owned())], columns: 1, size: 9.0 });
    paper.add(Block::Qr { text: "MACH:1".to_owned(), size: 80.0, align: Align::Centre });
    paper
}

fn label() -> Paper {
    let mut paper = Paper::new(Sheet::Label(50.0, 30.0), "Nhãn");
    let words = vec![Block::Paragraph(Text::bold("NGUYỄN VĂN AN"), Style { size: 8.0, ..Style::default() })];
    let code = vec![Block::Qr { text: "46001-000123".to_owned(), size: 60.0, align: Align::Right }];
    paper.add(Block::Columns(vec![(0.55, words), (0.45, code)]));
    paper
}

#[test]
fn a_qr_code_is_read_back() {
    let folder = Folder::new();
    let sample = certificate();
    for (name, pdf, wanted) in [
        ("label", label().render().expect("a paper").pdf, "46001-000123".to_owned()),
        ("certificate", rendered().pdf, sample.qr),
    ] {
        let path = folder.write(name, pdf);
        let target = folder.path(&format!("{name}-page"));
        let Some(output) = run("pdftoppm", &["-r", "200", "-png", &path, &target]) else { return };
        assert!(output.status.success());
        let mut found = String::new();
        for page in ["-1.png", "-2.png"] {
            let picture = format!("{target}{page}");
            if Path::new(&picture).exists() {
                let Some((_, text)) = said("zbarimg", &["--raw", "-q", &picture]) else { return };
                found.push_str(&text);
            }
        }
        assert!(found.contains(&wanted), "{name}: zbarimg reads `{found}`");
    }
}

#[test]
fn tables_break_between_rows_and_say_their_head_again() {
    let mut paper = Paper::a4("Bảng");
    let rows = (0..120).map(|n| vec![Cell::from(format!("dòng {n}").as_str()), Cell::from("x")]).collect();
    let head = ["ĐẦU BẢNG", "Cột"].map(Cell::from).to_vec();
    paper.add(Block::Table { widths: vec![1.0, 1.0], head, rows, size: 11.0 });
    let made = paper.render().expect("a paper");
    assert!(made.pages > 2);
    let Some(text) = text_of(&made.pdf) else { return };
    assert_eq!(text.matches("ĐẦU BẢNG").count(), made.pages);
    assert!((0..120).all(|n| text.contains(&format!("dòng {n}"))));
    assert!(text.contains(&format!("Trang {0}/{0}", made.pages)));
}

#[test]
fn what_cannot_fit_is_refused() {
    let mut paper = Paper::new(Sheet::Label(50.0, 30.0), "Nhãn");
    paper.add(Block::Space(1.0)).add(Block::seal("s", 10.0, 200.0));
    assert_eq!(paper.render().err(), Some(Error::TooTall));
    let mut paper = Paper::a4("QR");
    paper.add(Block::Qr { text: "x".repeat(3000), size: 100.0, align: Align::Left });
    assert_eq!(paper.render().err(), Some(Error::Qr));
    let mut paper = Paper::a4("Ảnh");
    paper.add(Block::Picture { jpeg: b"GIF89a".to_vec(), width: 1.0, height: 1.0, align: Align::Left });
    assert!(matches!(paper.render().err(), Some(Error::Picture(_))));
}

/// A page at 40 dots an inch, grey: width, height, dots.
fn page(pdf: &[u8]) -> Option<(usize, usize, Vec<u8>)> {
    let folder = Folder::new();
    let path = folder.write("paper.pdf", pdf);
    let target = folder.path("page");
    let output = run("pdftoppm", &["-r", "40", "-gray", "-singlefile", &path, &target])?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let bytes = std::fs::read(format!("{target}.pgm")).expect("a picture");
    let mut lines = bytes.splitn(4, |b| *b == b'\n');
    let (_, size, _, dots) = (lines.next()?, lines.next()?, lines.next()?, lines.next()?);
    let size = String::from_utf8_lossy(size).into_owned();
    let (width, height) = size.split_once(' ')?;
    Some((width.parse().ok()?, height.parse().ok()?, dots.to_vec()))
}

/// Compares a page with the one that somebody looked at. `MACH_GOLDEN=write` keeps a new one, after looking at it.
fn looks_like(name: &str, pdf: &[u8]) {
    let Some((width, height, dots)) = page(pdf) else { return };
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/{name}.z"));
    if std::env::var_os("MACH_GOLDEN").is_some() {
        let mut packer = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
        packer.write_all(&dots).expect("written");
        std::fs::write(&path, packer.finish().expect("packed")).expect("kept");
    }
    let mut golden = Vec::new();
    let file = std::fs::File::open(&path).expect("a golden page");
    flate2::read::ZlibDecoder::new(file).read_to_end(&mut golden).expect("unpacked");
    assert_eq!(golden.len(), width * height, "{name} is of another size");
    // Renderers smooth letters differently; a line that moved or a word that went shows in blocks of 8 × 8 dots.
    let block = |dots: &[u8], x: usize, y: usize| -> i64 {
        let rows =
            (y..(y + 8).min(height)).flat_map(|row| dots[row * width + x..row * width + (x + 8).min(width)].iter());
        rows.map(|d| i64::from(*d)).sum()
    };
    for y in (0..height).step_by(8) {
        for x in (0..width).step_by(8) {
            let off = (block(&dots, x, y) - block(&golden, x, y)).abs() / 64;
            assert!(off <= 40, "{name}: the page looks different at dot {x}, {y} (by {off})");
        }
    }
}

#[test]
fn pages_look_as_they_did() {
    looks_like("certificate", &rendered().pdf);
    looks_like("draft", &certificate().paper().draft(true).render().expect("a paper").pdf);
    looks_like("receipt", &receipt().render().expect("a paper").pdf);
    looks_like("label", &label().render().expect("a paper").pdf);
}

#[test]
fn a_draft_says_so_on_each_page() {
    let made = certificate().paper().draft(true).render().expect("a paper");
    let folder = Folder::new();
    let path = folder.write("draft.pdf", &made.pdf);
    for n in 1..=made.pages {
        let n = n.to_string();
        let Some((_, text)) = said("pdftotext", &["-f", &n, "-l", &n, &path, "-"]) else { return };
        // Slanted text is laid out letter by letter.
        let letters: String = text.lines().filter(|l| l.trim().chars().count() <= 4).flat_map(str::chars).collect();
        assert!("BẢNHÁP".chars().all(|c| letters.contains(c)), "page {n}: {text}");
    }
}
