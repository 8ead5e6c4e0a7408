//! Claim files: the envelope, its inner documents, and the ways exporters write them.

use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::calendar::Day;
use crate::claim::{Claim, Layout};
use crate::defects::Damage;
use crate::identity::compact;
use crate::population::Population;
use crate::province::Province;
use crate::random::{Chance, mix};
use crate::tables::Page;
use crate::xml::{Order, Row, Style, close, open};
use crate::{SynthError, old_tables, papers, tables};

const DECLARATION: &[u8] = b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>";
const MARK: &[u8] = &[0xEF, 0xBB, 0xBF];

/// The way of a file: most facilities keep to one program, some files come from another.
pub fn style(facility: usize, chance: &mut Chance) -> Style {
    let program = if chance.percent(8) { chance.below(8) as u64 } else { mix(facility as u64, 43) % 8 };
    let usual = Style {
        declared: true,
        marked: false,
        inline: false,
        inner_declared: true,
        inner_marked: false,
        cdata: false,
        order: Order::Document,
        omit_empty: false,
        indented: false,
        wrapped: false,
        signature: 1,
    };
    match program {
        0 => Style { indented: true, ..usual },
        1 => Style { marked: true, inner_marked: true, cdata: true, ..usual },
        2 => Style { inline: true, cdata: true, signature: 0, ..usual },
        3 => Style { declared: false, inner_declared: false, omit_empty: true, order: Order::Reversed, ..usual },
        4 => Style { omit_empty: true, cdata: true, order: Order::Rotated, signature: 2, ..usual },
        5 => Style { inline: true, declared: false, omit_empty: true, indented: true, ..usual },
        6 => Style { inner_declared: false, wrapped: true, omit_empty: true, ..usual },
        _ => Style { omit_empty: true, signature: 0, ..usual },
    }
}

/// Outer element, list and item of each table's document.
fn roots(table: u8, old: bool) -> (&'static str, &'static str, &'static str) {
    match (table, old) {
        (1, _) => ("", "", "TONG_HOP"),
        (2, true) => ("", "DSACH_CHI_TIET_THUOC", "CHI_TIET_THUOC"),
        (3, true) => ("", "DSACH_CHI_TIET_DVKT", "CHI_TIET_DVKT"),
        (4, true) => ("", "DSACH_CHI_TIET_CLS", "CHI_TIET_CLS"),
        (5, true) => ("", "DSACH_CHI_TIET_DIEN_BIEN_BENH", "CHI_TIET_DIEN_BIEN_BENH"),
        (2, _) => ("CHITIEU_CHITIET_THUOC", "DSACH_CHI_TIET_THUOC", "CHI_TIET_THUOC"),
        (3, _) => ("CHITIEU_CHITIET_DVKT_VTYT", "DSACH_CHI_TIET_DVKT", "CHI_TIET_DVKT"),
        (4, _) => ("CHITIEU_CHITIET_DICHVUCANLAMSANG", "DSACH_CHI_TIET_CLS", "CHI_TIET_CLS"),
        (5, _) => ("CHITIEU_CHITIET_DIENBIENLAMSANG", "DSACH_CHI_TIET_DIEN_BIEN_BENH", "CHI_TIET_DIEN_BIEN_BENH"),
        (7, _) => ("", "", "CHI_TIEU_DU_LIEU_GIAY_RA_VIEN"),
        (8, _) => ("", "", "CHI_TIEU_DU_LIEU_TOM_TAT_HO_SO_BENH_AN"),
        (9, _) => ("CHI_TIEU_DU_LIEU_GIAY_CHUNG_SINH", "DSACH_GIAYCHUNGSINH", "DU_LIEU_GIAY_CHUNG_SINH"),
        (13, _) => ("", "", "CHI_TIEU_GIAYCHUYENTUYEN"),
        _ => ("", "", "CHI_TIEU_GIAYHEN_KHAMLAI"),
    }
}

/// A file being written: claims are added, then it is closed.
#[derive(Debug)]
pub struct ClaimFile<'a> {
    province: &'a Province,
    style: Style,
    written: Day,
    facility: &'static str,
    claims: u64,
    body: Vec<u8>,
    inner: Vec<u8>,
    coded: Vec<u8>,
    row: Row,
}

impl<'a> ClaimFile<'a> {
    /// An empty file of a facility, written on a day.
    pub fn new(province: &'a Province, facility: usize, written: Day, style: Style) -> Self {
        ClaimFile {
            province,
            style,
            written,
            facility: province.facilities[facility].code,
            claims: 0,
            body: Vec::with_capacity(1 << 20),
            inner: Vec::with_capacity(1 << 15),
            coded: Vec::with_capacity(1 << 15),
            row: Row::default(),
        }
    }

    /// Starts the next file with the same buffers.
    pub fn restart(&mut self, written: Day, style: Style) {
        self.written = written;
        self.style = style;
        self.claims = 0;
        self.body.clear();
    }

    /// Claims so far.
    pub fn claims(&self) -> u64 {
        self.claims
    }

    /// `NGAYLAP`.
    pub fn written(&self) -> Day {
        self.written
    }

    /// Adds a claim, damaged or not.
    pub fn add(&mut self, claim: &Claim, people: &Population, damage: Option<Damage>) {
        self.claims += 1;
        let page = Page { claim, province: self.province };
        open(&mut self.body, "HOSO");
        let mut due = vec![1u8];
        let counts = [claim.drugs.len(), claim.services.len(), claim.results.len(), claim.notes.len()];
        due.extend((2u8..).zip(counts).filter(|&(_, count)| count > 0).map(|(table, _)| table));
        due.extend(papers::due(&page));
        if self.style.order == Order::Reversed {
            due.reverse();
        }
        for table in due {
            let count = match table {
                2..=5 => counts[usize::from(table) - 2],
                9 => claim.children.len(),
                _ => 1,
            };
            self.document(&page, people, (table, count), damage);
            self.embed(table);
        }
        close(&mut self.body, "HOSO");
        self.body.extend_from_slice(b"\n");
    }

    fn document(&mut self, page: &Page, people: &Population, (table, count): (u8, usize), damage: Option<Damage>) {
        let old = page.claim.layout == Layout::L4210;
        let (outer, list, item) = roots(table, old);
        let style = self.style;
        self.inner.clear();
        if !style.inline {
            if style.inner_marked {
                self.inner.extend_from_slice(MARK);
            }
            if style.inner_declared {
                self.inner.extend_from_slice(DECLARATION);
            }
        }
        for tag in [outer, list].into_iter().filter(|tag| !tag.is_empty()) {
            open(&mut self.inner, tag);
        }
        for place in 0..count {
            self.row.clear();
            fill(&mut self.row, page, people, table, old, place);
            if let Some(damage) = damage.filter(|_| place == 0) {
                damage.apply(table, &mut self.row, page.claim);
            }
            open(&mut self.inner, item);
            self.row.write(&mut self.inner, &style);
            close(&mut self.inner, item);
        }
        for tag in [list, outer].into_iter().filter(|tag| !tag.is_empty()) {
            close(&mut self.inner, tag);
        }
    }

    fn embed(&mut self, table: u8) {
        open(&mut self.body, "FILEHOSO");
        self.body.extend_from_slice(format!("<LOAIHOSO>XML{table}</LOAIHOSO>").as_bytes());
        open(&mut self.body, "NOIDUNGFILE");
        if self.style.inline {
            self.body.extend_from_slice(&self.inner);
        } else {
            self.coded.resize(self.inner.len().div_ceil(3) * 4, 0);
            let length = STANDARD
                .encode_slice(&self.inner, &mut self.coded)
                .expect("four characters for every three bytes were set aside");
            let line = if self.style.wrapped { 76 } else { usize::MAX };
            for part in self.coded[..length].chunks(line.min(length.max(1))) {
                self.body.extend_from_slice(part);
                if self.style.wrapped {
                    self.body.extend_from_slice(b"\r\n");
                }
            }
        }
        close(&mut self.body, "NOIDUNGFILE");
        close(&mut self.body, "FILEHOSO");
    }

    /// Writes the file.
    ///
    /// # Errors
    /// What the file system says, with the path.
    pub fn save(&self, path: &Path) -> Result<(), SynthError> {
        let mut out = Vec::with_capacity(self.body.len() + 600);
        if self.style.marked {
            out.extend_from_slice(MARK);
        }
        if self.style.declared {
            out.extend_from_slice(DECLARATION);
            out.push(b'\n');
        }
        let spaces = if self.style.indented {
            " xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\""
        } else {
            ""
        };
        out.extend_from_slice(
            format!(
                "<GIAMDINHHS{spaces}>\n<THONGTINDONVI><MACSKCB>{}</MACSKCB></THONGTINDONVI>\n<THONGTINHOSO><NGAYLAP>{}</NGAYLAP><SOLUONGHOSO>{}</SOLUONGHOSO>\n<DANHSACHHOSO>\n",
                self.facility,
                compact(self.written),
                self.claims
            )
            .as_bytes(),
        );
        out.extend_from_slice(&self.body);
        out.extend_from_slice(b"</DANHSACHHOSO>\n</THONGTINHOSO>\n");
        out.extend_from_slice(match self.style.signature {
            0 => b"".as_slice(),
            1 => b"<CHUKYDONVI/>\n",
            _ => b"<CHUKYDONVI> </CHUKYDONVI>\n",
        });
        out.extend_from_slice(b"</GIAMDINHHS>\n");
        std::fs::write(path, out).map_err(|cause| SynthError::File { path: path.to_owned(), cause })
    }
}

fn fill(row: &mut Row, page: &Page, people: &Population, table: u8, old: bool, place: usize) {
    let claim = page.claim;
    match (table, old) {
        (1, true) => old_tables::summary(row, page),
        (2, true) => old_tables::drug(row, page, place, &claim.drugs[place]),
        (3, true) => old_tables::service(row, page, place, &claim.services[place]),
        (4, true) => old_tables::result(row, page, place, &claim.results[place]),
        (5, true) => old_tables::note(row, page, place, &claim.notes[place]),
        (1, _) => tables::summary(row, page),
        (2, _) => tables::drug(row, page, place, &claim.drugs[place]),
        (3, _) => tables::service(row, page, place, &claim.services[place]),
        (4, _) => tables::result(row, page, place, &claim.results[place]),
        (5, _) => tables::note(row, page, place, &claim.notes[place]),
        (7, _) => papers::discharge(row, page),
        (8, _) => papers::summary(row, page),
        (9, _) => papers::birth(row, page, people, place, &claim.children[place]),
        (13, _) => papers::referral(row, page),
        _ => papers::appointment(row, page),
    }
}

/// Makes a directory.
///
/// # Errors
/// What the file system says, with the path.
pub fn directory(path: PathBuf) -> Result<PathBuf, SynthError> {
    match std::fs::create_dir_all(&path) {
        Ok(()) => Ok(path),
        Err(cause) => Err(SynthError::File { path, cause }),
    }
}
