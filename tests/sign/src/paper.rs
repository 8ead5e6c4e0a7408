//! A paper to sign.

use crate::Person;
use mach_documents::{DriverCertificate, Rendered, SealText, Specialty, draw_seal};
use mach_sign::key::Signer;
use mach_sign::pades::{self, Appearance, Request};

/// A certificate with every letter that Vietnamese puts an accent on.
pub fn certificate() -> DriverCertificate {
    let specialty = |name: &str, finding: &str, doctor: &str| Specialty {
        name: name.to_owned(),
        finding: finding.to_owned(),
        conclusion: "Bình thường, đủ tiêu chuẩn".to_owned(),
        doctor: doctor.to_owned(),
    };
    DriverCertificate {
        parent: "SỞ Y TẾ THÀNH PHỐ HUẾ".to_owned(),
        facility: "BỆNH VIỆN ĐA KHOA THỬ NGHIỆM".to_owned(),
        number: "00001/GKSKLX/46001/26".to_owned(),
        name: "NGUYỄN THỊ HƯỜNG".to_owned(),
        sex: "Nữ".to_owned(),
        born: "05/09/1990".to_owned(),
        identity: "046190000001".to_owned(),
        identity_issued: "01/07/2021, Cục Cảnh sát QLHC về TTXH".to_owned(),
        address: "Thôn Dương Nỗ Tây, phường Dương Nỗ, thành phố Huế".to_owned(),
        class: "B".to_owned(),
        photo: None,
        history: vec![
            ("Có bệnh hay bị thương trong 5 năm qua".to_owned(), false),
            ("Bệnh mắt hoặc giảm thị lực (trừ trường hợp đeo kính thuốc)".to_owned(), true),
            ("Đái tháo đường hoặc kiểm soát tăng đường huyết".to_owned(), false),
        ],
        history_note: "Cận thị từ năm 2005".to_owned(),
        declared: String::new(),
        specialties: vec![
            specialty("Tâm thần", "Tỉnh táo, tiếp xúc tốt", "BS. Lê Văn Ưng"),
            specialty(
                "Mắt",
                "Không kính: P 5/10, T 6/10. Có kính: P 10/10, T 10/10. Sắc giác bình thường",
                "BS. Trần Quỳnh Chi",
            ),
            specialty("Tai - Mũi - Họng", "Nói thường 5 m, nói thầm 0,5 m hai tai", "BS. Đặng Hữu Nghĩa"),
        ],
        tests: vec![("Morphin/Heroin, Amphetamin, Methamphetamin, Marijuana".to_owned(), "Âm tính".to_owned())],
        conclusion: "Đủ điều kiện sức khỏe lái xe hạng B".to_owned(),
        place_and_date: "Huế, ngày 26 tháng 11 năm 2026".to_owned(),
        valid_until: "26/11/2027".to_owned(),
        doctor: "Phạm Thị Ngọc Ánh".to_owned(),
        qr: "HC1:6BFOXN*TS0BI$ZD.P9UOL97O4-2HH77HRM3DSPTLRR+%3.ZH9M9ESIGUBA KWML/O6HXK 0D+4O5VC9:BPCNYKMXEE1JAA"
            .to_owned(),
        check_at: "https://mach.example/verify".to_owned(),
        ..DriverCertificate::default()
    }
}

/// The certificate as a file.
pub fn rendered() -> Rendered {
    certificate().paper().render().expect("a paper")
}

/// Signs in the named seal's place.
pub fn sign_at(pdf: &[u8], rendered: &Rendered, seal: &str, who: &Person, role: &str, at: i64) -> Vec<u8> {
    let place = rendered.seal(seal).expect("a seal");
    let [left, bottom, right, top] = place.rectangle;
    let text = SealText { signer: who.certificate().subject.common(), role: role.to_owned(), at };
    let draw = |update: &mut mach_sign::pdf::Update<'_, '_>| Ok(draw_seal(update, (right - left, top - bottom), &text));
    let appearance = Appearance { page: place.page, rectangle: place.rectangle, draw: &draw };
    let request =
        Request { chain: &who.chain, at, reason: Some(role), location: Some("Huế"), appearance: Some(appearance) };
    pades::sign(pdf, &request, &who.key as &dyn Signer, None).expect("a signature")
}
