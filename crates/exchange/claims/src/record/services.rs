//! Services done to a person, of XML3: Procedure.

use super::frame::{Frame, Head, Place, coded, identified, named, token};
use crate::dossier::LineTable;
use mach_fhir::ResourceType;

const SERVICE: &str = "urn:mach:codes:MA_DICH_VU";

/// `MA_NHOM` of services that are done to someone: tests, imaging, functional tests, operations, procedures, others.
const DONE: [u8; 7] = [1, 2, 3, 8, 9, 18, 19];

/// `MA_NHOM` by its name.
pub(super) fn group_name(group: u8) -> &'static str {
    match group {
        1 => "Xét nghiệm",
        2 => "Chẩn đoán hình ảnh",
        3 => "Thăm dò chức năng",
        4 => "Thuốc trong danh mục BHYT",
        5 => "Thuốc điều trị ung thư, chống thải ghép ngoài danh mục",
        6 => "Thuốc thanh toán theo tỷ lệ",
        7 => "Máu",
        8 => "Phẫu thuật",
        9 => "Dịch vụ kỹ thuật thanh toán theo tỷ lệ",
        10 => "Vật tư y tế trong danh mục BHYT",
        11 => "Vật tư y tế thanh toán theo tỷ lệ",
        12 => "Vận chuyển",
        13 => "Khám bệnh",
        14 => "Ngày giường bệnh ban ngày",
        15 => "Ngày giường bệnh điều trị nội trú",
        16 => "Ngày giường lưu",
        17 => "Chế phẩm máu",
        18 => "Thủ thuật",
        19 => "Dịch vụ khác",
        _ => "",
    }
}

pub(super) fn write(frame: &mut Frame<'_>) {
    let dossier = frame.dossier;
    for line in dossier.lines.iter().filter(|l| l.table == LineTable::Service && DONE.contains(&l.group)) {
        let at = line.performed.or(line.ordered).unwrap_or(dossier.arrived);
        let index = token(SERVICE, &line.code);
        let head = Head { kind: ResourceType::PROCEDURE, place: Place::line(3, line.number), date: at, index };
        frame.put(head, |frame, w| {
            w.text("status", "completed");
            coded(w, "category", "urn:mach:codes:MA_NHOM", &line.group.to_string(), group_name(line.group));
            named(w, "code", (SERVICE, &line.code), &line.name);
            frame.patient(w, "subject");
            frame.encounter(w);
            w.text("performedDateTime", &at.to_string());
            w.list("performer", |list| {
                list.item(|w| {
                    if line.doctor.is_empty() {
                        frame.organization(w, "actor");
                    } else {
                        w.nested("actor", |w| identified(w, "urn:mach:codes:MA_BAC_SI", &line.doctor));
                        frame.organization(w, "onBehalfOf");
                    }
                });
            });
            frame.reasons(w, &line.diagnosis);
        });
    }
}
