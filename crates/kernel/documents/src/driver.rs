//! The health certificate of a driver (circular 36/2024/TT-BYT, annex II): a typed template.

use crate::block::{Align, Block, Cell, Text};
use crate::paper::Paper;

/// What one specialty found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Specialty {
    /// Its name: `Mắt`.
    pub name: String,
    /// What was found.
    pub finding: String,
    /// What the doctor concluded.
    pub conclusion: String,
    /// Who.
    pub doctor: String,
}

/// All that stands on the paper. Dates are written as on it: `26/11/2026`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DriverCertificate {
    /// The body above the facility: `SỞ Y TẾ THÀNH PHỐ HUẾ`.
    pub parent: String,
    /// The facility.
    pub facility: String,
    /// Number: `00001/GKSKLX/46001/26`.
    pub number: String,
    /// Name of the examinee, in capitals.
    pub name: String,
    /// `Nam` or `Nữ`.
    pub sex: String,
    /// Date of birth.
    pub born: String,
    /// Number of the identity paper.
    pub identity: String,
    /// When and where it was issued.
    pub identity_issued: String,
    /// Where the examinee lives.
    pub address: String,
    /// Class of licence asked for.
    pub class: String,
    /// JPEG.
    pub photo: Option<Vec<u8>>,
    /// Question of the history, answered with yes.
    pub history: Vec<(String, bool)>,
    /// What the examinee adds: diseases with years, medicine.
    pub history_note: String,
    /// What is said of the examined person's signature under the history; nothing where empty.
    pub declared: String,
    /// By which way they signed (`pad`, `code`, `finger`), for verifiers; nothing where empty.
    pub signed_by: String,
    /// Specialties in their order.
    pub specialties: Vec<Specialty>,
    /// Test and result.
    pub tests: Vec<(String, String)>,
    /// The conclusion in its words.
    pub conclusion: String,
    /// Why, and when to come again.
    pub reason: String,
    /// Place and date: `Huế, ngày 26 tháng 11 năm 2026`.
    pub place_and_date: String,
    /// Until when it counts.
    pub valid_until: String,
    /// Who concluded.
    pub doctor: String,
    /// What the QR code says; none where empty.
    pub qr: String,
    /// Where anybody can check it: shown in words beside the code.
    pub check_at: String,
}

impl DriverCertificate {
    /// The paper. Its seals are `doctor` and `facility`.
    pub fn paper(&self) -> Paper {
        let mut paper = Paper::a4(&format!("Giấy khám sức khỏe của người lái xe số {}", self.number));
        if !self.signed_by.is_empty() {
            paper.identifier(&mach_sign::pades::patient(&self.signed_by));
        }
        paper.identifier(&self.number).foot(&format!("Giấy khám sức khỏe của người lái xe số {}", self.number));
        paper.add(Block::official_head(&self.parent, &self.facility, &self.number));
        paper.add(Block::Space(6.0)).add(Block::title("GIẤY KHÁM SỨC KHỎE CỦA NGƯỜI LÁI XE"));
        paper.add(self.person());
        paper.add(Block::Space(4.0)).add(Block::heading("I. TIỀN SỬ BỆNH"));
        if !self.history.is_empty() {
            paper.add(Block::Boxes { items: self.history.clone(), columns: 2, size: 11.0 });
        }
        let note = if self.history_note.is_empty() { "Không" } else { &self.history_note };
        let mut fields = vec![("Bệnh khác, thuốc đang dùng", note)];
        if !self.declared.is_empty() {
            fields.push(("Người được khám ký lời khai", &self.declared));
        }
        paper.add(Block::fields(fields));
        paper.add(Block::Space(4.0)).add(Block::heading("II. KHÁM LÂM SÀNG"));
        let cell = |text: &str| Cell::from(text);
        paper.add(Block::Table {
            widths: vec![0.17, 0.40, 0.22, 0.21],
            head: ["Chuyên khoa", "Nội dung khám", "Kết luận", "Bác sĩ khám"].map(Cell::from).to_vec(),
            rows: self
                .specialties
                .iter()
                .map(|s| vec![cell(&s.name), cell(&s.finding), cell(&s.conclusion), cell(&s.doctor)])
                .collect(),
            size: 10.5,
        });
        paper.add(Block::heading("III. CẬN LÂM SÀNG"));
        paper.add(Block::Table {
            widths: vec![0.6, 0.4],
            head: ["Xét nghiệm", "Kết quả"].map(Cell::from).to_vec(),
            rows: self.tests.iter().map(|(test, result)| vec![cell(test), cell(result)]).collect(),
            size: 10.5,
        });
        paper.add(self.end());
        paper
    }

    fn person(&self) -> Block {
        let rows = [
            ("Họ và tên", &self.name),
            ("Giới tính", &self.sex),
            ("Ngày sinh", &self.born),
            ("Số CCCD/Định danh/Hộ chiếu", &self.identity),
            ("Cấp ngày, nơi cấp", &self.identity_issued),
            ("Nơi cư trú", &self.address),
            ("Đề nghị khám sức khỏe để lái xe hạng", &self.class),
        ];
        let rows = rows.into_iter().map(|(label, value)| (label.to_owned(), value.clone())).collect();
        let fields = Block::Fields { rows, columns: 1, size: 12.0 };
        match &self.photo {
            Some(jpeg) => {
                let photo = Block::Picture { jpeg: jpeg.clone(), width: 85.0, height: 113.0, align: Align::Centre };
                Block::Columns(vec![(0.22, vec![photo]), (0.78, vec![fields])])
            }
            None => fields,
        }
    }

    fn end(&self) -> Block {
        let mut conclusion = vec![("Kết luận", self.conclusion.as_str())];
        for (label, value) in [("Lý do, hẹn khám lại", &self.reason), ("Có giá trị đến hết ngày", &self.valid_until)]
        {
            if !value.is_empty() {
                conclusion.push((label, value.as_str()));
            }
        }
        let role = |title: &str, seal: &str, name: &str| {
            vec![
                Block::centred(Text::bold(title), 12.0),
                Block::seal(seal, 200.0, 58.0),
                Block::centred(Text::bold(name), 12.0),
            ]
        };
        let mut blocks = vec![
            Block::heading("IV. KẾT LUẬN"),
            Block::fields(conclusion),
            Block::Paragraph(
                Text::italic(&self.place_and_date),
                crate::block::Style { align: Align::Right, ..Default::default() },
            ),
            Block::Columns(vec![
                (0.5, role("BÁC SĨ KẾT LUẬN", "doctor", &self.doctor)),
                (0.5, role("CƠ SỞ KHÁM SỨC KHỎE", "facility", "")),
            ]),
        ];
        if !self.qr.is_empty() {
            let words = format!("Quét mã để kiểm tra giấy này, hoặc vào {}", self.check_at);
            blocks.push(Block::Columns(vec![
                (0.3, vec![Block::Qr { text: self.qr.clone(), size: 140.0, align: Align::Left }]),
                (0.7, vec![Block::Space(50.0), Block::Paragraph(Text::italic(&words), Default::default())]),
            ]));
        }
        Block::Together(blocks)
    }
}
