//! Measures reading: `cargo run --release -p mach-claims --example read_speed [lines] [megabytes]`.
//!
//! A claim of `lines` lines is read again and again, first from memory with conversion and equal work for each claim,
//! then as one file of `megabytes` that is made while it is read; the peak of this process's memory is printed.

use std::io::{self, BufReader, Read};
use std::time::Instant;

use mach_claims::layout::Layouts;
use mach_claims::raw::RawClaim;
use mach_claims::{Item, Reader, convert, write};

/// `HOSO` after `HOSO`, made as it is read.
struct Endless {
    before: io::Cursor<Vec<u8>>,
    piece: Vec<u8>,
    at: usize,
    pieces: usize,
}

impl Read for Endless {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.before.read(out)?;
        if read > 0 || self.pieces == 0 {
            return Ok(read);
        }
        let read = (&self.piece[self.at..]).read(out)?;
        self.at += read;
        if self.at == self.piece.len() {
            (self.at, self.pieces) = (0, self.pieces - 1);
        }
        Ok(read)
    }
}

fn claim(lines: usize) -> RawClaim {
    let layout = Layouts::shared().get("3176").expect("shipped");
    let mut claim = RawClaim::new(layout, "46001", "20250310");
    for (table, rows) in [(1, 1), (2, lines / 2), (3, lines - lines / 2), (4, 4), (5, 2)] {
        for _ in 0..rows {
            claim.add_row(table, &[]);
            let line = claim.table(table).map_or(0, |t| t.len()) as u32;
            for field in &layout.table(table).expect("shipped").fields {
                let text = match (field.tag.as_str(), field.notes.contains("yyyyMMddHHmm")) {
                    ("NGAY_SINH", _) => "198504120000",
                    ("HO_TEN" | "TEN_THUOC" | "TEN_DICH_VU" | "DIEN_BIEN_LS", _) => "Nguyễn Thị Ánh Tuyết, khám nội",
                    ("GT_THE_TU" | "GT_THE_DEN", _) => "20250101",
                    (tag, false) if tag.starts_with("NGAY_T") || tag.starts_with("DU_PHONG") => "",
                    (_, true) => "202503091630",
                    _ => "1",
                };
                claim.set(table, line, &field.tag, Some(text));
            }
        }
    }
    claim
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1).map(|a| a.parse::<usize>());
    let lines = args.next().transpose()?.unwrap_or(18);
    let megabytes = args.next().transpose()?.unwrap_or(500);
    let claim = claim(lines);
    let file = write::envelope(Vec::new(), &[&claim])?;
    let rounds = 4_000_000 / file.len() * 20;
    for _ in 0..2 {
        let (start, mut read) = (Instant::now(), 0);
        for _ in 0..rounds {
            for item in Reader::new(&file[..]) {
                read += usize::from(matches!(item?, Item::Claim(_)));
            }
        }
        let reading = start.elapsed() / rounds as u32;
        let start = Instant::now();
        for _ in 0..rounds {
            convert::to_dossier(&claim)?;
        }
        let converting = start.elapsed() / rounds as u32;
        println!(
            "{read} claims of {lines} lines, {} bytes: reading {reading:?}, converting {converting:?}",
            file.len()
        );
    }
    let text = String::from_utf8(file)?;
    let (from, to) = (text.find("<HOSO>").ok_or("no HOSO")?, text.find("</DANHSACHHOSO>").ok_or("no end")?);
    let pieces = (megabytes << 20) / (to - from);
    let before = io::Cursor::new(text.as_bytes()[..from].to_vec());
    let endless = Endless { before, piece: text.as_bytes()[from..to].to_vec(), at: 0, pieces };
    let end = io::Cursor::new(text.as_bytes()[to..].to_vec());
    let (start, mut read) = (Instant::now(), 0);
    for item in Reader::new(BufReader::with_capacity(1 << 16, endless.chain(end))) {
        read += usize::from(matches!(item?, Item::Claim(_)));
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find(|l| l.starts_with("VmHWM")).unwrap_or("VmHWM unknown");
    println!("{megabytes} MB: {read} claims in {:?}; {peak}", start.elapsed());
    Ok(())
}
