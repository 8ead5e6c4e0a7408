//! The papers that travel with a claim of the 130 family: discharge paper (XML7), summary (XML8), birth certificate
//! (XML9), referral (XML13), re-examination appointment (XML14).

use crate::calendar::{civil, day_of};
use crate::claim::{Child, Item, Kind, Layout};
use crate::identity::{compact, full_name};
use crate::lists::lists;
use crate::population::Population;
use crate::random::mix;
use crate::tables::{Page, note_text};
use crate::xml::Row;

/// Which papers the claim carries, by table number.
pub fn due(page: &Page) -> Vec<u8> {
    let claim = page.claim;
    let mut papers = Vec::new();
    if claim.layout == Layout::L4210 {
        return papers;
    }
    if matches!(claim.kind, Kind::Inpatient | Kind::DayInpatient | Kind::Short) && claim.leave != 3 {
        papers.push(7);
    }
    if claim.kind.stays() {
        papers.push(8);
    }
    if !claim.children.is_empty() {
        papers.push(9);
    }
    // The pilot layout had no tables 13 and 14.
    if claim.layout != Layout::L130 {
        if matches!(claim.leave, 2 | 5) {
            papers.push(13);
        }
        if claim.revisit.is_some() {
            papers.push(14);
        }
    }
    papers
}

/// XML7, giấy ra viện.
pub fn discharge(row: &mut Row, page: &Page) {
    let claim = page.claim;
    let year = civil(day_of(claim.left)).0;
    row.put("MA_LK", &claim.link);
    row.put("SO_LUU_TRU", &format!("{:06}/{year}", mix(claim.left as u64, u64::from(claim.person)) % 1_000_000));
    row.put("MA_YTE", &claim.who.local);
    row.departments("MA_KHOA_RV", &claim.departments[claim.departments.len() - 1..]);
    row.minute("NGAY_VAO", Some(claim.arrived));
    row.minute("NGAY_RA", Some(claim.left));
    row.number("MA_DINH_CHI_THAI", 0);
    row.nones(&["NGUYENNHAN_DINHCHI", "THOIGIAN_DINHCHI", "TUOI_THAI"]);
    row.text("CHAN_DOAN_RV", &page.diagnosis());
    row.text("PP_DIEUTRI", page.treatment());
    row.text("GHI_CHU", if claim.result == 5 { "" } else { "Tái khám khi có dấu hiệu bất thường" });
    row.put("MA_TTDV", &page.signer());
    let doctor = mix(claim.facility as u64, u64::from(*claim.departments.last().unwrap_or(&1)));
    row.put("MA_BS", &format!("46{:08}", 2_000_000 + doctor % 90_000_000));
    row.text("TEN_BS", doctor_name(doctor).as_str());
    row.day("NGAY_CT", Some(day_of(claim.left)));
    row.nones(&["MA_CHA", "MA_ME", "MA_THE_TAM", "HO_TEN_CHA", "HO_TEN_ME"]);
    row.nones(&["SO_NGAY_NGHI", "NGOAITRU_TUNGAY", "NGOAITRU_DENNGAY"]);
    if claim.layout != Layout::L130 {
        row.none("DU_PHONG");
    }
}

fn doctor_name(lot: u64) -> String {
    let lists = lists();
    let side = (lot % 2) as usize;
    let pick = |words: &[&'static str], salt: u64| words[(mix(lot, salt) % words.len() as u64) as usize];
    let surname = pick(&lists.surnames.texts[..12], 1);
    format!("{surname} {} {}", pick(&lists.middle[side].texts[..10], 2), pick(&lists.given[side].texts, 3))
}

/// The first note and what tests showed, in words.
fn course_text(page: &Page) -> String {
    page.claim.notes.first().map_or_else(|| page.claim.diagnosis.reason.to_owned(), note_text)
}

fn results_text(page: &Page) -> String {
    let mut text = String::new();
    for line in page.claim.results.iter().take(8) {
        let Some(place) = line.indicator else { continue };
        let indicator = &lists().indicators[place];
        text.push_str(&format!("{}: {} {}; ", indicator.name, line.value_text(), indicator.unit));
    }
    if text.is_empty() { "Không có kết quả đặc biệt".to_owned() } else { text.trim_end().to_owned() }
}

/// XML8, tóm tắt hồ sơ bệnh án.
pub fn summary(row: &mut Row, page: &Page) {
    let claim = page.claim;
    row.put("MA_LK", &claim.link);
    row.put("MA_LOAI_KCB", &format!("{:02}", claim.kind as u8));
    row.nones(&["HO_TEN_CHA", "HO_TEN_ME", "NGUOI_GIAM_HO", "DON_VI"]);
    row.minute("NGAY_VAO", Some(claim.arrived));
    row.minute("NGAY_RA", Some(claim.left));
    row.text("CHAN_DOAN_VAO", claim.diagnosis.name);
    row.text("CHAN_DOAN_RV", &page.diagnosis());
    row.text("QT_BENHLY", &course_text(page));
    row.text("TOMTAT_KQ", &results_text(page));
    row.text("PP_DIEUTRI", page.treatment());
    row.nones(&["NGAY_SINHCON", "NGAY_CONCHET", "SO_CONCHET"]);
    row.number("KET_QUA_DTRI", i64::from(claim.result));
    row.none("GHI_CHU");
    row.put("MA_TTDV", &page.signer());
    row.day("NGAY_CT", Some(day_of(claim.left)));
    row.nones(&["MA_THE_TAM", "DU_PHONG"]);
}

/// XML9, giấy chứng sinh: one row per child.
pub fn birth(row: &mut Row, page: &Page, people: &Population, place: usize, child: &Child) {
    let claim = page.claim;
    let who = &claim.who;
    let baby = &people.people[child.person as usize];
    let surgery = claim.diagnosis.code.starts_with("O82") || claim.diagnosis.code == "O84.2";
    row.put("MA_LK", &claim.link);
    row.put("MA_BHXH_NND", who.card.as_ref().map_or("", |card| &card.number[5..]));
    row.put("MA_THE_NND", who.card.as_ref().map_or("", |card| &card.number));
    row.text("HO_TEN_NND", &who.name);
    row.put("NGAYSINH_NND", &who.birth[..8]);
    row.put("MA_DANTOC_NND", who.ethnicity);
    row.put("SO_CCCD_NND", &who.citizen);
    row.put("NGAYCAP_CCCD_NND", "20210815");
    row.text("NOICAP_CCCD_NND", "Cục Cảnh sát quản lý hành chính về trật tự xã hội");
    row.text("NOI_CU_TRU_NND", &who.address);
    row.put("MA_QUOCTICH", "000");
    row.put("MATINH_CU_TRU", "46");
    row.put("MAHUYEN_CU_TRU", who.place.0);
    row.put("MAXA_CU_TRU", who.place.1);
    row.text("HO_TEN_CHA", &people.father(claim.person).map_or_else(String::new, full_name));
    row.put("MA_THE_TAM", &format!("TE146{:010}", baby.insurance));
    row.text("HO_TEN_CON", &full_name(baby));
    row.number("GIOI_TINH_CON", i64::from(baby.sex));
    row.number("SO_CON", claim.children.len() as i64);
    row.number("LAN_SINH", 1 + (mix(u64::from(claim.person), 5) % 3) as i64);
    row.number("SO_CON_SONG", claim.children.len() as i64 + (mix(u64::from(claim.person), 5) % 3) as i64);
    row.number("CAN_NANG_CON", child.weight);
    row.minute("NGAY_SINH_CON", Some(child.at));
    row.text("NOI_SINH_CON", &format!("Cơ sở khám bệnh, chữa bệnh {}", page.facility()));
    row.text("TINH_TRANG_CON", if child.weight < 2500 { "Nhẹ cân, theo dõi" } else { "Bình thường" });
    row.number("SINHCON_PHAUTHUAT", i64::from(surgery));
    row.number("SINHCON_DUOI32TUAN", 0);
    row.text("GHI_CHU", if surgery { "Sinh con phải phẫu thuật" } else { "Đẻ thường" });
    birth_end(row, page, place);
}

fn birth_end(row: &mut Row, page: &Page, place: usize) {
    let claim = page.claim;
    row.text("NGUOI_DO_DE", &doctor_name(mix(claim.facility as u64, 51 + u64::from(claim.person) % 5)));
    row.text("NGUOI_GHI_PHIEU", &doctor_name(mix(claim.facility as u64, 61)));
    row.put("NGAY_CT", &compact(day_of(claim.left)));
    let number = mix(claim.left as u64, u64::from(claim.person)) % 9_000;
    row.put("SO", &format!("{:05}", 10 * number + place as u64));
    row.put("QUYEN_SO", &format!("01/{}", civil(day_of(claim.left)).0));
    row.put("MA_TTDV", &page.signer());
    if claim.layout != Layout::L130 {
        row.none("DU_PHONG");
    }
}

/// The number of a paper issued by the facility in the year.
fn paper_number(page: &Page, salt: u64) -> String {
    let claim = page.claim;
    let year = civil(day_of(claim.left)).0;
    format!("{:06}/{year}", mix(claim.left as u64 + salt, u64::from(claim.person)) % 1_000_000)
}

/// The fields by which XML13 repeats XML1.
fn repeated_person(row: &mut Row, page: &Page) {
    let who = &page.claim.who;
    row.text("HO_TEN", &who.name);
    row.put("NGAY_SINH", &who.birth);
    row.number("GIOI_TINH", i64::from(who.sex));
}

/// The first few names, or a word that there are none.
fn names<'n>(all: impl Iterator<Item = &'n str>) -> String {
    let mut few: Vec<&str> = all.take(8).collect();
    few.dedup();
    if few.is_empty() { "Không".to_owned() } else { few.join("; ") }
}

/// XML13, giấy chuyển cơ sở khám bệnh, chữa bệnh.
pub fn referral(row: &mut Row, page: &Page) {
    let claim = page.claim;
    let who = &claim.who;
    let new = claim.layout == Layout::L3176;
    row.put("MA_LK", &claim.link);
    row.put("SO_HOSO", &paper_number(page, 1));
    row.put("SO_CHUYENTUYEN", &paper_number(page, 2));
    row.put("GIAY_CHUYEN_TUYEN", &paper_number(page, 3));
    row.put("MA_CSKCB", page.facility());
    row.put(if new { "MA_CSKCB_DI" } else { "MA_NOI_DI" }, page.code(claim.referred_from));
    row.put(if new { "MA_CSKCB_DEN" } else { "MA_NOI_DEN" }, page.code(claim.referred_to));
    repeated_person(row, page);
    row.put("MA_QUOCTICH", "000");
    row.put("MA_DANTOC", who.ethnicity);
    row.put("MA_NGHE_NGHIEP", who.occupation);
    row.text("DIA_CHI", &who.address);
    row.put("MA_THE_BHYT", who.card.as_ref().map_or("", |card| &card.number));
    row.day("GT_THE_DEN", who.card.as_ref().map(|card| card.to));
    row.minute("NGAY_VAO", Some(claim.arrived));
    row.minute("NGAY_VAO_NOI_TRU", claim.admitted);
    row.minute("NGAY_RA", Some(claim.left));
    row.text("DAU_HIEU_LS", claim.diagnosis.reason);
    row.text("CHAN_DOAN_RV", &page.diagnosis());
    row.text("QT_BENHLY", &course_text(page));
    row.text("TOMTAT_KQ", &results_text(page));
    row.text("PP_DIEUTRI", page.treatment());
    row.put("MA_BENH_CHINH", claim.diagnosis.code);
    row.put("MA_BENH_KT", &page.others());
    row.none("MA_BENH_YHCT");
    if new {
        row.text("TINH_TRANG_CT", "Tỉnh, sinh hiệu ổn định");
    } else {
        row.text(
            "TEN_DICH_VU",
            &names(claim.services.iter().filter_map(|line| match line.item {
                Item::Service(place) => Some(lists().services[place].name),
                Item::Supply(_) => None,
            })),
        );
        row.text("TEN_THUOC", &names(claim.drugs.iter().map(|line| lists().drugs[line.drug].name)));
        row.text("PP_DIEU_TRI", page.treatment());
    }
    row.number("MA_LOAI_RV", i64::from(claim.leave));
    row.number("MA_LYDO_CT", if claim.leave == 5 { 3 } else { 1 });
    row.text("HUONG_DIEU_TRI", "Chuyển tuyến trên điều trị chuyên khoa");
    row.text("PHUONGTIEN_VC", if claim.kind.inpatient() { "Xe cứu thương" } else { "Tự túc" });
    row.nones(&["HOTEN_NGUOI_HT", "CHUCDANH_NGUOI_HT"]);
    row.put("MA_BAC_SI", &page.staff(*claim.departments.last().unwrap_or(&1), u64::from(claim.person)));
    row.put("MA_TTDV", &page.signer());
    row.none("DU_PHONG");
}

/// XML14, giấy hẹn khám lại.
pub fn appointment(row: &mut Row, page: &Page) {
    let claim = page.claim;
    let who = &claim.who;
    row.put("MA_LK", &claim.link);
    row.put("SO_GIAYHEN_KL", &paper_number(page, 4));
    row.put("MA_CSKCB", page.facility());
    repeated_person(row, page);
    row.text("DIA_CHI", &who.address);
    row.put("MA_THE_BHYT", who.card.as_ref().map_or("", |card| &card.number));
    row.day("GT_THE_DEN", who.card.as_ref().map(|card| card.to));
    row.minute("NGAY_VAO", Some(claim.arrived));
    row.minute("NGAY_VAO_NOI_TRU", claim.admitted);
    row.minute("NGAY_RA", Some(claim.left));
    if claim.layout == Layout::L3176 {
        row.day("NGAY_HEN_KL", claim.revisit);
    } else {
        row.minute("NGAY_HEN_KL", claim.revisit.map(|day| crate::calendar::at(day, 8 * 60)));
    }
    row.text("CHAN_DOAN_RV", &page.diagnosis());
    row.put("MA_BENH_CHINH", claim.diagnosis.code);
    row.put("MA_BENH_KT", &page.others());
    row.none("MA_BENH_YHCT");
    row.put("MA_DOITUONG_KCB", claim.entry);
    row.put("MA_BAC_SI", &page.staff(*claim.departments.last().unwrap_or(&1), u64::from(claim.person)));
    row.put("MA_TTDV", &page.signer());
    row.day("NGAY_CT", Some(day_of(claim.left).max(day_of(claim.arrived))));
    row.none("DU_PHONG");
}
