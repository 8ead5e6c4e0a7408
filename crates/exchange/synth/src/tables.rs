//! The tables of the 130 family (layouts 130, 4750, 3176): XML1 to XML5. The papers are in `papers`.

use crate::calendar::{civil, day_of};
use crate::claim::{Claim, DrugLine, Item, Layout, NoteLine, ResultLine, ServiceLine};
use crate::lists::{Shows, lists};
use crate::province::Province;
use crate::random::mix;
use crate::xml::Row;

/// What the tables of one claim share.
#[derive(Clone, Copy, Debug)]
pub struct Page<'a> {
    /// The claim.
    pub claim: &'a Claim,
    /// The province.
    pub province: &'a Province,
}

impl<'a> Page<'a> {
    /// Code of the facility.
    pub fn facility(&self) -> &'a str {
        self.province.facilities[self.claim.facility].code
    }

    /// Code of another facility, or empty.
    pub fn code(&self, facility: Option<usize>) -> &'a str {
        facility.map_or("", |place| self.province.facilities[place].code)
    }

    /// A staff number of the form of the day: certificate (CCHN), licence (GPHN) from 2025.
    pub fn staff(&self, department: u8, place: u64) -> String {
        let lot = mix(self.claim.facility as u64 * 100 + u64::from(department), place % 4);
        if self.claim.layout == Layout::L3176 {
            format!("{:07}/HUE-GPHN", 1_000 + lot % 90_000)
        } else {
            format!("{:06}/TTH-CCHN", 1_000 + lot % 9_000)
        }
    }

    /// Social-insurance number of the person who signs for the facility.
    pub fn signer(&self) -> String {
        format!("46{:08}", 1_000_000 + mix(self.claim.facility as u64, 41) % 90_000_000)
    }

    /// Diagnosis as a sentence.
    pub fn diagnosis(&self) -> String {
        let mut text = self.claim.diagnosis.name.to_owned();
        for code in &self.claim.also {
            text.push_str("; ");
            text.push_str(lists().icd.get(code).copied().unwrap_or(code));
        }
        text
    }

    /// Codes of the other diagnoses.
    pub fn others(&self) -> String {
        self.claim.also.join(";")
    }

    /// What was done, in words.
    pub fn treatment(&self) -> &'static str {
        let operated = self.claim.services.iter().any(|line| line.group() == 8);
        if operated { "Phẫu thuật, kháng sinh, giảm đau" } else { "Nội khoa, dùng thuốc theo đơn" }
    }

    /// Machine of a service line, or empty.
    pub fn machine(&self, line: &ServiceLine) -> String {
        let Item::Service(place) = line.item else { return String::new() };
        let service = &lists().services[place];
        if service.machine.is_empty() {
            return String::new();
        }
        let number = 1 + mix(self.claim.facility as u64, u64::from(service.department)) % 9;
        match self.claim.layout {
            Layout::L3176 => format!("{}.1.{number}", service.machine),
            _ => format!("{}.1.{}.{number}", service.machine, self.facility()),
        }
    }

    /// ICD-9-CM codes of the operations.
    pub fn operations(&self) -> String {
        let mut codes: Vec<&str> = Vec::new();
        for line in &self.claim.services {
            if let Item::Service(place) = line.item {
                let code = lists().services[place].icd9;
                if !code.is_empty() && !codes.contains(&code) {
                    codes.push(code);
                }
            }
        }
        codes.join(";")
    }
}

/// XML1.
pub fn summary(row: &mut Row, page: &Page) {
    let claim = page.claim;
    let who = &claim.who;
    row.put("MA_LK", &claim.link);
    row.number("STT", 1);
    row.put("MA_BN", &who.local);
    row.text("HO_TEN", &who.name);
    row.put("SO_CCCD", &who.citizen);
    row.put("NGAY_SINH", &who.birth);
    row.number("GIOI_TINH", i64::from(who.sex));
    if claim.layout != Layout::L130 {
        row.none("NHOM_MAU");
    }
    row.put("MA_QUOCTICH", "000");
    row.put("MA_DANTOC", who.ethnicity);
    row.put("MA_NGHE_NGHIEP", who.occupation);
    row.text("DIA_CHI", &who.address);
    row.put("MATINH_CU_TRU", "46");
    row.put("MAHUYEN_CU_TRU", who.place.0);
    row.put("MAXA_CU_TRU", who.place.1);
    row.put("DIEN_THOAI", &who.phone);
    row.put("MA_THE_BHYT", who.card.as_ref().map_or("", |card| &card.number));
    row.put("MA_DKBD", who.card.as_ref().map_or("", |card| card.registered_at));
    row.day("GT_THE_TU", who.card.as_ref().map(|card| card.from));
    row.day("GT_THE_DEN", who.card.as_ref().map(|card| card.to));
    row.none("NGAY_MIEN_CCT");
    visit(row, page);
    totals(row, page);
    closing(row, page);
}

fn visit(row: &mut Row, page: &Page) {
    let claim = page.claim;
    let admitted = claim.admitted.is_some();
    row.text("LY_DO_VV", claim.diagnosis.reason);
    row.text("LY_DO_VNT", if admitted { claim.diagnosis.reason } else { "" });
    row.none("MA_LY_DO_VNT");
    row.text("CHAN_DOAN_VAO", claim.diagnosis.name);
    row.text("CHAN_DOAN_RV", &page.diagnosis());
    row.put("MA_BENH_CHINH", claim.diagnosis.code);
    row.put("MA_BENH_KT", &page.others());
    row.none("MA_BENH_YHCT");
    row.put("MA_PTTT_QT", &page.operations());
    row.put("MA_DOITUONG_KCB", claim.entry);
    row.put("MA_NOI_DI", page.code(claim.referred_from));
    row.put("MA_NOI_DEN", page.code(claim.referred_to));
    if claim.injury > 0 {
        row.number("MA_TAI_NAN", i64::from(claim.injury));
    } else {
        row.none("MA_TAI_NAN");
    }
    row.minute("NGAY_VAO", Some(claim.arrived));
    row.minute("NGAY_VAO_NOI_TRU", claim.admitted);
    row.minute("NGAY_RA", Some(claim.left));
    let paper = claim.referred_from.map_or_else(String::new, |from| {
        format!("{:05}/{}", mix(claim.arrived as u64, from as u64) % 90_000 + 1_000, civil(day_of(claim.arrived)).0)
    });
    row.put("GIAY_CHUYEN_TUYEN", &paper);
    row.number("SO_NGAY_DTRI", claim.days);
    row.text("PP_DIEU_TRI", page.treatment());
    row.number("KET_QUA_DTRI", i64::from(claim.result));
    row.number("MA_LOAI_RV", i64::from(claim.leave));
    row.text("GHI_CHU", if claim.result == 5 { "" } else { "Uống thuốc theo đơn, ăn nhạt, nghỉ ngơi" });
}

fn totals(row: &mut Row, page: &Page) {
    let claim = page.claim;
    // Settled at the desk on the way out; where the visit ends with the day, not yet.
    let settled = (claim.left.rem_euclid(1440) < 1_420).then_some(claim.left + 10);
    row.minute("NGAY_TTOAN", settled);
    row.cents("T_THUOC", claim.parts.0);
    row.cents("T_VTYT", claim.parts.1);
    row.cents("T_TONGCHI_BV", claim.total.cost);
    row.cents("T_TONGCHI_BH", claim.total.covered);
    row.cents("T_BNTT", claim.total.patient);
    row.cents("T_BNCCT", claim.total.copay);
    row.cents("T_BHTT", claim.total.insurer);
    row.cents("T_NGUONKHAC", 0);
    row.cents("T_BHTT_GDV", claim.total.insurer);
}

fn closing(row: &mut Row, page: &Page) {
    let claim = page.claim;
    let (year, month, _) = civil(day_of(claim.left));
    row.number("NAM_QT", i64::from(year));
    row.put("THANG_QT", &format!("{month:02}"));
    row.put("MA_LOAI_KCB", &format!("{:02}", claim.kind as u8));
    row.departments("MA_KHOA", &claim.departments);
    row.put("MA_CSKCB", page.facility());
    row.none("MA_KHUVUC");
    row.put("CAN_NANG", &format!("{}.{:02}", claim.weight / 100, claim.weight % 100));
    let children: Vec<String> = claim.children.iter().map(|child| child.weight.to_string()).collect();
    row.put("CAN_NANG_CON", &children.join(";"));
    row.none("NAM_NAM_LIEN_TUC");
    row.day("NGAY_TAI_KHAM", claim.revisit);
    row.put(
        "MA_HSBA",
        &format!("{:02}.{:06}", year % 100, mix(claim.arrived as u64, u64::from(claim.person)) % 1_000_000),
    );
    row.put("MA_TTDV", &page.signer());
    row.none("DU_PHONG");
}

/// `1 Viên/lần * 2 lần/ngày * 5 ngày [2 Viên/ngày]`.
pub fn dose(line: &DrugLine) -> String {
    let drug = &lists().drugs[line.drug];
    let times = (drug.per_day / drug.take.max(1)).max(1);
    let amount = |value: i64| {
        let text = format!("{}.{:03}", value / 1000, value % 1000);
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    };
    format!(
        "{} {unit}/lần * {times} lần/ngày * {} ngày [{} {unit}/ngày]",
        amount(drug.take),
        line.days,
        amount(drug.per_day),
        unit = drug.unit
    )
}

/// A line of XML2.
pub fn drug(row: &mut Row, page: &Page, place: usize, line: &DrugLine) {
    let claim = page.claim;
    let drug = &lists().drugs[line.drug];
    let insured = claim.insured() && line.in_scope;
    row.put("MA_LK", &claim.link);
    row.number("STT", place as i64 + 1);
    row.put("MA_THUOC", drug.code);
    row.nones(&["MA_PP_CHEBIEN", "MA_CSKCB_THUOC"]);
    row.number("MA_NHOM", 4);
    row.text("TEN_THUOC", drug.name);
    row.put("DON_VI_TINH", drug.unit);
    row.put("HAM_LUONG", drug.strength);
    row.put("DUONG_DUNG", drug.route);
    row.put("DANG_BAO_CHE", drug.form);
    row.text("LIEU_DUNG", &dose(line));
    row.text("CACH_DUNG", if drug.route == "1.01" { "Uống sau ăn" } else { "" });
    row.put("SO_DANG_KY", drug.registration);
    row.put("TT_THAU", &tender(claim, "N2"));
    row.number("PHAM_VI", if insured { 1 } else { 2 });
    row.number("TYLE_TT_BH", if insured { 100 } else { 0 });
    row.thousandths("SO_LUONG", line.quantity);
    row.thousandths("DON_GIA", drug.price);
    row.cents("THANH_TIEN_BV", line.money.cost);
    row.cents("THANH_TIEN_BH", line.money.covered);
    other_sources(row);
    row.number("MUC_HUONG", claim.rate);
    row.cents("T_BNTT", line.money.patient);
    row.cents("T_BNCCT", line.money.copay);
    row.cents("T_BHTT", line.money.insurer);
    row.departments("MA_KHOA", &[line.department]);
    row.put("MA_BAC_SI", &page.staff(line.department, u64::from(claim.person)));
    row.none("MA_DICH_VU");
    row.minute("NGAY_YL", Some(line.ordered));
    if claim.layout != Layout::L130 {
        row.minute("NGAY_TH_YL", Some(line.ordered));
    }
    row.number("MA_PTTT", 1);
    row.number("NGUON_CTRA", if insured { 1 } else { 4 });
    row.nones(&["VET_THUONG_TP", "DU_PHONG"]);
}

fn other_sources(row: &mut Row) {
    for tag in ["T_NGUONKHAC_NSNN", "T_NGUONKHAC_VTNN", "T_NGUONKHAC_VTTN", "T_NGUONKHAC_CL", "T_NGUONKHAC"] {
        row.number(tag, 0);
    }
}

/// Decision, package, group, year of the tender under which a thing was bought.
pub fn tender(claim: &Claim, group: &str) -> String {
    let (year, month, _) = civil(day_of(claim.left));
    let year = if month < 7 { year - 1 } else { year };
    if claim.layout == Layout::L4210 {
        format!("{}/QĐ-SYT;G1;{group}", 400 + year % 100)
    } else {
        format!("{}/QĐ-SYT;G1;{group};{year}", 400 + year % 100)
    }
}

/// A line of XML3.
pub fn service(row: &mut Row, page: &Page, place: usize, line: &ServiceLine) {
    let claim = page.claim;
    let lists = lists();
    let insured = claim.insured();
    let (service, supply) = match line.item {
        Item::Service(at) => (Some(&lists.services[at]), None),
        Item::Supply(at) => (None, Some(&lists.supplies[at])),
    };
    row.put("MA_LK", &claim.link);
    row.number("STT", place as i64 + 1);
    row.put("MA_DICH_VU", service.map_or("", |s| s.code));
    row.put("MA_PTTT_QT", service.map_or("", |s| s.icd9));
    row.put("MA_VAT_TU", supply.map_or("", |s| s.code));
    row.number("MA_NHOM", i64::from(line.group()));
    row.none("GOI_VTYT");
    row.text("TEN_VAT_TU", supply.map_or("", |s| s.name));
    row.text("TEN_DICH_VU", service.map_or("", |s| s.name));
    row.none("MA_XANG_DAU");
    row.put("DON_VI_TINH", service.map_or_else(|| supply.map_or("", |s| s.unit), |s| s.unit));
    row.number("PHAM_VI", if insured { 1 } else { 2 });
    row.thousandths("SO_LUONG", line.quantity);
    row.thousandths("DON_GIA_BV", line.price.0);
    row.thousandths("DON_GIA_BH", line.price.1);
    row.put("TT_THAU", &supply.map_or_else(String::new, |_| tender(claim, "N0")));
    row.number("TYLE_TT_DV", line.share);
    row.number("TYLE_TT_BH", if insured { 100 } else { 0 });
    row.cents("THANH_TIEN_BV", line.money.cost);
    row.cents("THANH_TIEN_BH", line.money.covered);
    row.none("T_TRANTT");
    row.number("MUC_HUONG", claim.rate);
    other_sources(row);
    row.cents("T_BNTT", line.money.patient);
    row.cents("T_BNCCT", line.money.copay);
    row.cents("T_BHTT", line.money.insurer);
    service_end(row, page, line);
}

fn service_end(row: &mut Row, page: &Page, line: &ServiceLine) {
    let claim = page.claim;
    let doctor = page.staff(*claim.departments.last().unwrap_or(&1), u64::from(claim.person));
    row.departments("MA_KHOA", &[line.department]);
    row.put("MA_GIUONG", &line.bed.map_or_else(String::new, |bed| format!("H{bed:03}")));
    row.put("MA_BAC_SI", &doctor);
    let performed = matches!(line.group(), 1 | 2 | 3 | 8 | 13 | 18);
    let performer = if performed { page.staff(line.department, u64::from(claim.person) + 1) } else { String::new() };
    row.put("NGUOI_THUC_HIEN", &performer);
    row.put("MA_BENH", claim.diagnosis.code);
    row.none("MA_BENH_YHCT");
    row.minute("NGAY_YL", Some(line.ordered));
    row.minute("NGAY_TH_YL", line.done);
    row.minute("NGAY_KQ", line.resulted);
    row.number("MA_PTTT", 1);
    row.none("VET_THUONG_TP");
    if line.anaesthesia > 0 {
        row.number("PP_VO_CAM", i64::from(line.anaesthesia));
    } else {
        row.none("PP_VO_CAM");
    }
    row.none("VI_TRI_TH_DVKT");
    row.put("MA_MAY", &page.machine(line));
    row.nones(&["MA_HIEU_SP", "TAI_SU_DUNG", "DU_PHONG"]);
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
    row.put("DON_VI_DO", shown.map_or("", |s| s.unit));
    row.text("MO_TA", description);
    row.text("KET_LUAN", conclusion);
    row.minute("NGAY_KQ", Some(line.at));
    row.put("MA_BS_DOC_KQ", &page.staff(service.department, u64::from(page.claim.person) + 2));
    row.none("DU_PHONG");
}

/// The text of a note: vital signs in the convention of decision 4750, then words.
pub fn note_text(line: &NoteLine) -> String {
    let signs = &line.signs;
    let pressure = signs.pressure.map_or_else(String::new, |(high, low)| format!("_HA{high}/{low}"));
    let temperature = match signs.temperature % 10 {
        0 => (signs.temperature / 10).to_string(),
        part => format!("{}.{part}", signs.temperature / 10),
    };
    format!("CSST<M{}_T{temperature}{pressure}_NT{}_HL2> {}", signs.pulse, signs.breaths, line.text)
}

/// A line of XML5.
pub fn note(row: &mut Row, page: &Page, place: usize, line: &NoteLine) {
    let claim = page.claim;
    row.put("MA_LK", &claim.link);
    row.number("STT", place as i64 + 1);
    row.text("DIEN_BIEN_LS", &note_text(line));
    row.nones(&["GIAI_DOAN_BENH", "HOI_CHAN", "PHAU_THUAT"]);
    row.minute("THOI_DIEM_DBLS", Some(line.at));
    row.put("NGUOI_THUC_HIEN", &page.staff(*claim.departments.last().unwrap_or(&1), u64::from(claim.person)));
    row.none("DU_PHONG");
}
