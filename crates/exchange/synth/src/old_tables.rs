//! The tables of decision 4210.

use crate::calendar::{civil, day_of};
use crate::claim::{DrugLine, Item, Kind, NoteLine, ResultLine, ServiceLine};
use crate::lists::{Shows, lists};
use crate::tables::{Page, dose, note_text, tender};
use crate::xml::Row;

/// XML1.
pub fn summary(row: &mut Row, page: &Page) {
    let claim = page.claim;
    let who = &claim.who;
    row.put("MA_LK", &claim.link);
    row.number("STT", 1);
    row.put("MA_BN", &who.local);
    row.text("HO_TEN", &who.name);
    row.put("NGAY_SINH", &who.birth);
    row.number("GIOI_TINH", i64::from(who.sex));
    row.text("DIA_CHI", &who.address);
    row.put("MA_THE", who.card.as_ref().map_or("", |card| &card.number));
    row.put("MA_DKBD", who.card.as_ref().map_or("", |card| card.registered_at));
    row.day("GT_THE_TU", who.card.as_ref().map(|card| card.from));
    row.day("GT_THE_DEN", who.card.as_ref().map(|card| card.to));
    row.none("MIEN_CUNG_CT");
    row.text("TEN_BENH", &page.diagnosis());
    row.put("MA_BENH", claim.diagnosis.code);
    row.put("MA_BENHKHAC", &page.others());
    let reason = match claim.entry {
        "2" => 2,
        "3.3" => 4,
        _ => 1,
    };
    row.number("MA_LYDO_VVIEN", reason);
    row.put("MA_NOI_CHUYEN", page.code(claim.referred_from));
    row.number("MA_TAI_NAN", i64::from(claim.injury));
    row.minute("NGAY_VAO", Some(claim.arrived));
    row.minute("NGAY_RA", Some(claim.left));
    row.number("SO_NGAY_DTRI", claim.days);
    row.number("KET_QUA_DTRI", i64::from(claim.result));
    row.number("TINH_TRANG_RV", i64::from(claim.leave));
    row.minute("NGAY_TTOAN", (claim.left.rem_euclid(1440) < 1_420).then_some(claim.left + 10));
    row.cents("T_THUOC", claim.parts.0);
    row.cents("T_VTYT", claim.parts.1);
    row.cents("T_TONGCHI", claim.total.cost);
    row.cents("T_BNTT", claim.total.patient);
    row.cents("T_BNCCT", claim.total.copay);
    row.cents("T_BHTT", claim.total.insurer);
    row.cents("T_NGUONKHAC", 0);
    row.cents("T_NGOAIDS", 0);
    let (year, month, _) = civil(day_of(claim.left));
    row.number("NAM_QT", i64::from(year));
    row.put("THANG_QT", &format!("{month:02}"));
    row.number("MA_LOAI_KCB", kind(claim.kind));
    // One department: the last.
    row.departments("MA_KHOA", &claim.departments[claim.departments.len() - 1..]);
    row.put("MA_CSKCB", page.facility());
    row.none("MA_KHUVUC");
    row.put("MA_PTTT_QT", &page.operations());
    row.put("CAN_NANG", &format!("{}.{}", claim.weight / 100, claim.weight % 100 / 10));
}

/// The old layout has four kinds.
fn kind(kind: Kind) -> i64 {
    match kind {
        Kind::Treatment => 2,
        Kind::Inpatient => 3,
        Kind::Short => 9,
        _ => 1,
    }
}

/// A line of XML2.
pub fn drug(row: &mut Row, page: &Page, place: usize, line: &DrugLine) {
    let claim = page.claim;
    let drug = &lists().drugs[line.drug];
    row.put("MA_LK", &claim.link);
    row.number("STT", place as i64 + 1);
    row.put("MA_THUOC", drug.code);
    row.number("MA_NHOM", 4);
    row.text("TEN_THUOC", drug.name);
    row.put("DON_VI_TINH", drug.unit);
    row.put("HAM_LUONG", drug.strength);
    row.put("DUONG_DUNG", drug.route);
    row.text("LIEU_DUNG", &dose(line));
    row.put("SO_DANG_KY", drug.registration);
    row.put("TT_THAU", &tender(claim, "N2"));
    row.number("PHAM_VI", 1);
    row.number("TYLE_TT", 100);
    row.thousandths("SO_LUONG", line.quantity);
    row.thousandths("DON_GIA", drug.price);
    row.cents("THANH_TIEN", line.money.cost);
    row.number("MUC_HUONG", claim.rate);
    row.cents("T_NGUONKHAC", 0);
    row.cents("T_BNTT", line.money.patient);
    row.cents("T_BHTT", line.money.insurer);
    row.cents("T_BNCCT", line.money.copay);
    row.cents("T_NGOAIDS", 0);
    row.departments("MA_KHOA", &[line.department]);
    row.put("MA_BAC_SI", &page.staff(line.department, u64::from(claim.person)));
    row.put("MA_BENH", claim.diagnosis.code);
    row.minute("NGAY_YL", Some(line.ordered));
    row.number("MA_PTTT", 0);
}

/// A line of XML3.
pub fn service(row: &mut Row, page: &Page, place: usize, line: &ServiceLine) {
    let claim = page.claim;
    let lists = lists();
    let (service, supply) = match line.item {
        Item::Service(at) => (Some(&lists.services[at]), None),
        Item::Supply(at) => (None, Some(&lists.supplies[at])),
    };
    row.put("MA_LK", &claim.link);
    row.number("STT", place as i64 + 1);
    row.put("MA_DICH_VU", service.map_or("", |s| s.code));
    row.put("MA_VAT_TU", supply.map_or("", |s| s.code));
    row.number("MA_NHOM", i64::from(line.group()));
    row.none("GOI_VTYT");
    row.text("TEN_VAT_TU", supply.map_or("", |s| s.name));
    row.text("TEN_DICH_VU", service.map_or("", |s| s.name));
    row.put("DON_VI_TINH", service.map_or_else(|| supply.map_or("", |s| s.unit), |s| s.unit));
    row.number("PHAM_VI", 1);
    row.thousandths("SO_LUONG", line.quantity);
    row.thousandths("DON_GIA", line.price.1);
    row.put("TT_THAU", &supply.map_or_else(String::new, |_| tender(claim, "N2")));
    row.number("TYLE_TT", 100);
    row.cents("THANH_TIEN", line.money.cost);
    row.none("T_TRANTT");
    row.number("MUC_HUONG", claim.rate);
    row.cents("T_NGUONKHAC", 0);
    row.cents("T_BNTT", line.money.patient);
    row.cents("T_BHTT", line.money.insurer);
    row.cents("T_BNCCT", line.money.copay);
    row.cents("T_NGOAIDS", 0);
    row.departments("MA_KHOA", &[line.department]);
    row.put("MA_GIUONG", &line.bed.map_or_else(String::new, |bed| format!("H{bed:03}")));
    row.put("MA_BAC_SI", &page.staff(*claim.departments.last().unwrap_or(&1), u64::from(claim.person)));
    row.put("MA_BENH", claim.diagnosis.code);
    row.minute("NGAY_YL", Some(line.ordered));
    row.minute("NGAY_KQ", line.resulted);
    row.number("MA_PTTT", 0);
}

/// A line of XML4.
pub fn result(row: &mut Row, page: &Page, place: usize, line: &ResultLine) {
    let service = &lists().services[line.service];
    let shown = line.indicator.map(|at| &lists().indicators[at]);
    let (description, conclusion) = match service.shows {
        Shows::Reading(description, conclusion) => (description, conclusion),
        _ => ("", ""),
    };
    row.put("MA_LK", &page.claim.link);
    row.number("STT", place as i64 + 1);
    row.put("MA_DICH_VU", service.code);
    row.put("MA_CHI_SO", shown.map_or(service.id, |s| s.code));
    row.text("TEN_CHI_SO", shown.map_or(service.name, |s| s.name));
    row.put("GIA_TRI", &line.value_text());
    row.put(
        "MA_MAY",
        &format!("{}.1.{}.1", if service.machine.is_empty() { "SH" } else { service.machine }, page.facility()),
    );
    row.text("MO_TA", description);
    row.text("KET_LUAN", conclusion);
    row.minute("NGAY_KQ", Some(line.at));
}

/// A line of XML5.
pub fn note(row: &mut Row, page: &Page, place: usize, line: &NoteLine) {
    row.put("MA_LK", &page.claim.link);
    row.number("STT", place as i64 + 1);
    row.text("DIEN_BIEN", &note_text(line));
    row.nones(&["HOI_CHAN", "PHAU_THUAT"]);
    row.minute("NGAY_YL", Some(line.at));
}
