//! Files cut and mutated at random: no panic, no endless reading, and whatever is given can be written and read again.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;
use crate::convert::to_dossier;
use crate::layout::Layouts;
use crate::raw::RawClaim;
use crate::sample::{self, base64, claim, day, envelope, hoso};

/// xorshift64*: small, seeded, the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() >> 33) as usize % n.max(1)
    }
}

fn read_all(bytes: &[u8]) -> Vec<Result<Item, ReadError>> {
    Reader::new(bytes).collect()
}

/// Writes `claim`, reads it again, and gives what was read.
fn again(claim: &RawClaim) -> RawClaim {
    let bytes = match claim.is_check_in() {
        true => crate::write::check_ins(Vec::new(), &[claim]),
        false => crate::write::envelope(Vec::new(), &[claim]),
    };
    let mut items = read_all(&bytes.expect("what was read can be written"));
    match items.remove(0) {
        Ok(Item::Claim(c) | Item::CheckIn(c)) => *c,
        other => panic!("{other:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// read(write(claim)) = claim, field by field, whatever the texts are.
    #[test]
    fn written_and_read_is_equal(
        seed in 1u64..,
        layout in 0usize..4,
        texts in prop::collection::vec("[ -~à-ỹĐđ\n\t\r\u{a0}]{0,24}|[&<>\"'\\]]{0,9}|]]>|<!\\[CDATA\\[|&amp;|\\PC{0,12}", 1..24),
    ) {
        let layout = &Layouts::shared().all()[layout];
        let mut random = Random(seed);
        let mut claim = RawClaim::new(layout, "46001", day(&layout.decision));
        for table in layout.tables.iter().filter(|t| t.table > 0) {
            let rows = if table.repeats { random.below(3) } else { 1 };
            for line in 1..=rows as u32 {
                claim.add_row(table.table, &[]);
                for field in &table.fields {
                    let text = (random.below(5) > 0).then(|| texts[random.below(texts.len())].as_str());
                    claim.set(table.table, line, &field.tag, text);
                }
                claim.set(table.table, line, "MA_LK", Some("LK1"));
            }
        }
        claim.set(1, 1, "NGAY_RA", Some(&format!("{}0800", day(&layout.decision))));
        let read = again(&claim);
        // A table that repeats and has no row was never begun.
        prop_assert!(read.same_fields(&claim), "{read:?}\n{claim:?}");
        prop_assert!(read.problems.is_empty(), "{:?}", read.problems);
        prop_assert_eq!(&read.layout.decision, &layout.decision);
        // Random texts are no dates; that must be said, not be a panic.
        prop_assert!(to_dossier(&read).is_err());
    }
}

/// Files to mutate: every layout, base64 and inline, several claims, check-ins.
fn seeds() -> Vec<Vec<u8>> {
    let mut seeds: Vec<Vec<u8>> = ["4210", "130", "4750", "3176"]
        .into_iter()
        .map(|d| sample::file(&[&claim(d, "LK1", 2), &claim(d, "LK2", 1)]))
        .collect();
    let claim = claim("3176", "LK3", 1);
    let inline = |t: crate::RawTable| (format!("XML{}", t.number()), crate::write::inner_xml(t).unwrap());
    let tables: Vec<(String, String)> = claim.tables().map(inline).collect();
    let tables: Vec<(&str, String)> =
        tables.iter().map(|(n, x)| (n.as_str(), x.replacen("?>", "?> <!-- x -->", 1))).collect();
    seeds.push(envelope("1", &hoso(&tables)).into_bytes());
    seeds.push(
        format!("\u{feff}{}", envelope("1", &hoso(&[("XML1", format!("<![CDATA[{}]]>", base64(sample::xml1("A"))))])))
            .into_bytes(),
    );
    let check_in =
        "<TRANG_THAI_KCB><MA_LK>A</MA_LK><NGAY_VAO>202503090800</NGAY_VAO><HO_TEN>a &amp; b</HO_TEN></TRANG_THAI_KCB>";
    seeds.push(
        format!(
            "<CHI_TIEU_TRANG_THAI_KCB><DSACH_TRANG_THAI_KCB>{}</DSACH_TRANG_THAI_KCB></CHI_TIEU_TRANG_THAI_KCB>",
            check_in.repeat(2)
        )
        .into_bytes(),
    );
    seeds
}

/// Pieces that mean something to a reader.
const PIECES: [&str; 18] = [
    "<",
    ">",
    "&",
    "/",
    "</HOSO>",
    "<HOSO>",
    "]]>",
    "<![CDATA[",
    "<!--",
    "-->",
    "<!DOCTYPE a [",
    "&#0;",
    "&lol;",
    "\u{feff}",
    "XML1",
    "\0",
    "<NOIDUNGFILE>",
    "=",
];

fn mutate(bytes: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len());
        let end = (at + random.below(40)).min(bytes.len());
        match random.below(6) {
            0 if !bytes.is_empty() => bytes[at] = random.next() as u8,
            1 => bytes.truncate(at),
            2 => drop(bytes.drain(at..end)),
            3 => {
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
            4 => {
                let digit = b'0' + random.below(10) as u8;
                if let Some(b) = bytes.iter_mut().skip(at).find(|b| b.is_ascii_digit()) {
                    *b = digit;
                }
            }
            _ => drop(bytes.splice(at..at, PIECES[random.below(PIECES.len())].bytes())),
        }
    }
}

/// Mutates inside base64 too, where most of a file is.
fn mutate_table(random: &mut Random) -> Vec<u8> {
    let decision = ["4210", "130", "4750", "3176"][random.below(4)];
    let tables: Vec<(String, String)> = claim(decision, "LK1", 1)
        .tables()
        .map(|table| {
            let mut xml = crate::write::inner_xml(table).unwrap().into_bytes();
            if random.below(3) == 0 {
                mutate(&mut xml, random);
            }
            (format!("XML{}", table.number()), base64(xml))
        })
        .collect();
    envelope("1", &hoso(&tables.iter().map(|(n, x)| (n.as_str(), x.clone())).collect::<Vec<_>>())).into_bytes()
}

#[test]
fn mutated_files() {
    let seeds = seeds();
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let until = Instant::now() + Duration::from_secs(2);
    let (mut claims, mut refused) = (0u64, 0u64);
    while Instant::now() < until {
        let bytes = if random.below(2) == 0 {
            mutate_table(&mut random)
        } else {
            let mut bytes = seeds[random.below(seeds.len())].clone();
            mutate(&mut bytes, &mut random);
            bytes
        };
        for item in read_all(&bytes) {
            match item {
                Ok(Item::Claim(c) | Item::CheckIn(c)) => {
                    claims += 1;
                    let _ = to_dossier(&c);
                    // Where the layout or the table itself is in doubt, the same doubt arises again elsewhere.
                    let doubtful =
                        |p: &Problem| matches!(p.rule, "XML-LAYOUT" | "XML-DATE" | "XML-INNER" | "XML-LINK-DIFFERS");
                    if !c.problems.iter().any(doubtful) {
                        assert!(again(&c).same_fields(&c), "{c:?}");
                    }
                }
                Ok(Item::Broken(b)) => {
                    refused += 1;
                    assert!(!b.problems.is_empty());
                }
                Ok(Item::File(_)) | Err(ReadError::Refused { .. }) => refused += 1,
                Err(ReadError::Io(e)) => panic!("memory cannot fail: {e}"),
            }
        }
    }
    assert!(claims > 0 && refused > 0, "{claims} claims, {refused} refusals");
}

#[test]
fn every_truncation_is_an_error_after_whole_claims() {
    for bytes in seeds() {
        let whole = read_all(&bytes).len();
        for end in (0..bytes.len() - 1).step_by(13) {
            let items = read_all(&bytes[..end]);
            let (last, before) = items.split_last().unwrap();
            assert!(matches!(last, Err(ReadError::Refused { .. })), "cut at {end}: {last:?}");
            assert!(before.len() <= whole && before.iter().all(Result::is_ok), "cut at {end}");
        }
    }
}
