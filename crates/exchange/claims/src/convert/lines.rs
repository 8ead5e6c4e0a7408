//! Cost lines, results, notes, births and papers of a claim.

use mach_base::decimal::Quantity;

use super::ConvertError;
use super::field::Fields;
use crate::dossier::{BirthLine, Line, LineTable, NoteLine, Paper, ResultLine};
use crate::layout::Family;
use crate::raw::RawClaim;

/// Tables that are papers.
const PAPERS: [u8; 8] = [6, 7, 8, 10, 11, 13, 14, 15];

/// Every row of `table` through `read`.
fn each<T>(
    claim: &RawClaim,
    table: u8,
    read: impl Fn(Fields) -> Result<T, ConvertError>,
) -> Result<Vec<T>, ConvertError> {
    claim.rows(table).map(|row| read(Fields::new(row, claim.family))).collect()
}

pub(super) fn lines(claim: &RawClaim) -> Result<Vec<Line>, ConvertError> {
    let mut lines = each(claim, 2, |row| line(row, LineTable::Drug))?;
    lines.extend(each(claim, 3, |row| line(row, LineTable::Service))?);
    Ok(lines)
}

fn line(row: Fields, table: LineTable) -> Result<Line, ConvertError> {
    let old = row.family == Family::Q4210;
    let service = !row.get("MA_DICH_VU").is_empty();
    let (code, names) = match table {
        LineTable::Drug => ("MA_THUOC", ["TEN_THUOC", ""]),
        LineTable::Service if service => ("MA_DICH_VU", ["TEN_DICH_VU", "TEN_VAT_TU"]),
        LineTable::Service => ("MA_VAT_TU", ["TEN_VAT_TU", "TEN_DICH_VU"]),
    };
    let price = if old || table == LineTable::Drug { "DON_GIA" } else { "DON_GIA_BV" };
    let group = row.integer("MA_NHOM")?.and_then(|g| u8::try_from(g).ok());
    Ok(Line {
        table,
        number: row.number(),
        group: group.ok_or_else(|| row.wrong("MA_NHOM", "a cost group"))?,
        code: row.code(code),
        name: row.first_text(names),
        unit: row.text("DON_VI_TINH"),
        strength: row.text("HAM_LUONG"),
        route: row.code("DUONG_DUNG"),
        dose: row.text("LIEU_DUNG"),
        instruction: row.text("CACH_DUNG"),
        quantity: row.quantity("SO_LUONG")?.ok_or_else(|| row.wrong("SO_LUONG", "a number"))?,
        price: row.quantity(price)?.unwrap_or(Quantity::ZERO),
        cost: row.money(if old { "THANH_TIEN" } else { "THANH_TIEN_BV" })?,
        insurer: row.money("T_BHTT")?,
        department: row.code("MA_KHOA"),
        doctor: row.code("MA_BAC_SI"),
        diagnosis: row.code("MA_BENH"),
        ordered: row.minute_or_none("NGAY_YL")?,
        performed: row.minute_or_none("NGAY_TH_YL")?,
        resulted: row.minute_or_none("NGAY_KQ")?,
    })
}

pub(super) fn results(claim: &RawClaim) -> Result<Vec<ResultLine>, ConvertError> {
    each(claim, 4, |row| {
        Ok(ResultLine {
            number: row.number(),
            service: row.code("MA_DICH_VU"),
            code: row.code("MA_CHI_SO"),
            name: row.text("TEN_CHI_SO"),
            value: row.text("GIA_TRI"),
            unit: row.text("DON_VI_DO"),
            description: row.text("MO_TA"),
            conclusion: row.text("KET_LUAN"),
            at: row.minute_or_none("NGAY_KQ")?,
            reader: row.code("MA_BS_DOC_KQ"),
        })
    })
}

pub(super) fn notes(claim: &RawClaim) -> Result<Vec<NoteLine>, ConvertError> {
    let old = claim.family == Family::Q4210;
    each(claim, 5, |row| {
        Ok(NoteLine {
            number: row.number(),
            text: row.text(if old { "DIEN_BIEN" } else { "DIEN_BIEN_LS" }),
            consultation: row.text("HOI_CHAN"),
            procedure: row.text("PHAU_THUAT"),
            at: row.minute_or_none(if old { "NGAY_YL" } else { "THOI_DIEM_DBLS" })?,
            author: row.code("NGUOI_THUC_HIEN"),
        })
    })
}

pub(super) fn births(claim: &RawClaim) -> Result<Vec<BirthLine>, ConvertError> {
    each(claim, 9, |row| {
        Ok(BirthLine {
            number: row.number(),
            at: row.minute_or_none("NGAY_SINH_CON")?,
            sex: row.code("GIOI_TINH_CON"),
            weight_g: row.integer("CAN_NANG_CON")?,
            caesarean: row.get("SINHCON_PHAUTHUAT") == "1",
            attendant: row.text("NGUOI_DO_DE"),
            name: row.text("HO_TEN_CON"),
        })
    })
}

pub(super) fn papers(claim: &RawClaim) -> Result<Vec<Paper>, ConvertError> {
    let mut papers = Vec::new();
    for table in PAPERS {
        papers.extend(each(claim, table, |row| {
            let filled = row.row().fields().map(|(field, _)| field.tag.as_str());
            let fields = filled.map(|tag| (tag, row.text(tag))).filter(|(_, text)| !text.is_empty()).collect();
            Ok(Paper { table, number: row.number(), dated: row.day_or_none("NGAY_CT")?, fields })
        })?);
    }
    Ok(papers)
}
