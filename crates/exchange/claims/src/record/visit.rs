//! The visit: Encounter, Coverage, Condition.

use super::frame::{BHYT, Frame, Head, ICD10, Place, category, coded, coding, identified, token};
use crate::dossier::Card;
use mach_fhir::index::Param;
use mach_fhir::json::Writer;
use mach_fhir::{IndexValue, ResourceType};

const ACT: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
const INSURER: &str = "Bảo hiểm xã hội Việt Nam";

pub(super) fn write(frame: &mut Frame<'_>) {
    encounter(frame);
    let dossier = frame.dossier;
    for (number, card) in (1..).zip(&dossier.person.cards) {
        coverage(frame, number, card);
    }
    for (number, code) in (1..).zip(dossier.diagnoses().filter(|c| !c.is_empty())) {
        condition(frame, number, code);
    }
}

/// Class of the encounter (v3-ActCode): inpatient, emergency, at home, by video, else ambulatory.
fn class(kind: &str, inpatient: bool, emergency: bool) -> (&'static str, &'static str) {
    match kind {
        _ if inpatient => ("IMP", "Nội trú"),
        _ if emergency => ("EMER", "Cấp cứu"),
        "12" => ("HH", "Tại nhà"),
        "14" => ("VR", "Từ xa"),
        _ => ("AMB", "Ngoại trú"),
    }
}

/// `MA_LOAI_KCB` by its name (QĐ 824/2023, QĐ 1804/2026).
pub(super) fn kind_name(kind: &str) -> &'static str {
    match kind {
        "01" => "Khám bệnh",
        "02" => "Điều trị ngoại trú",
        "03" => "Điều trị nội trú",
        "04" => "Điều trị nội trú ban ngày",
        "05" => "Điều trị ngoại trú bệnh mạn tính dài ngày, có khám bệnh và lĩnh thuốc",
        "06" => "Điều trị lưu tại trạm y tế, phòng khám đa khoa khu vực",
        "07" => "Nhận thuốc theo hẹn (không khám bệnh)",
        "08" => "Điều trị ngoại trú bệnh mạn tính dài ngày, có khám, có dịch vụ kỹ thuật và/hoặc thuốc",
        "09" => "Điều trị nội trú dưới 04 giờ",
        "10" => "Các trường hợp khác",
        "11" => "Khám bệnh, chữa bệnh lưu động",
        "12" => "Khám bệnh, chữa bệnh tại nhà",
        "13" => "Khám bệnh, chữa bệnh y học gia đình",
        "14" => "Khám bệnh, chữa bệnh từ xa",
        "15" => "Khám sức khỏe định kỳ",
        "16" => "Khám sàng lọc",
        _ => "",
    }
}

fn result_name(result: &str) -> &'static str {
    match result {
        "1" => "Khỏi",
        "2" => "Đỡ",
        "3" => "Không thay đổi",
        "4" => "Nặng hơn",
        "5" => "Tử vong",
        "6" => "Tiên lượng nặng xin về",
        "7" => "Chưa xác định",
        "8" => "Tử vong ngoại viện",
        _ => "",
    }
}

fn leave_name(leave: &str) -> &'static str {
    match leave {
        "1" => "Ra viện",
        "2" => "Chuyển tuyến theo yêu cầu chuyên môn",
        "3" => "Trốn viện",
        "4" => "Xin ra viện",
        "5" => "Chuyển tuyến theo yêu cầu người bệnh",
        _ => "",
    }
}

fn encounter(frame: &mut Frame<'_>) {
    let d = frame.dossier;
    let system = format!("urn:mach:facility:{}:MA_LK", d.facility);
    let index = vec![
        IndexValue::Token { param: Param::IDENTIFIER, system: system.clone(), code: d.link.clone() },
        IndexValue::Date { param: Param::DATE, low: d.arrived.0, high: d.left.0.max(d.arrived.0) },
    ];
    let head = Head { kind: ResourceType::ENCOUNTER, place: Place::line(1, 1), date: d.arrived, index };
    frame.put(head, |frame, w| {
        w.list("identifier", |list| {
            list.item(|w| {
                w.text("system", &system).text("value", &d.link);
            });
        });
        let (code, display) = class(&d.kind, d.inpatient(), d.entry == "2");
        w.text("status", "finished").nested("class", |w| {
            w.text("system", ACT).text("code", code).text("display", display);
        });
        if !d.kind.is_empty() {
            w.list("type", |list| {
                list.item(|w| coding(w, "urn:mach:codes:MA_LOAI_KCB", &d.kind, kind_name(&d.kind)));
            });
        }
        frame.patient(w, "subject");
        w.nested("period", |w| {
            w.text("start", &d.arrived.to_string()).text("end", &d.left.to_string());
        });
        if !d.reason_text.is_empty() {
            w.list("reasonCode", |list| {
                list.item(|w| {
                    w.text("text", &d.reason_text);
                });
            });
        }
        encounter_diagnoses(frame, w);
        hospitalization(frame, w);
        if !d.departments.is_empty() {
            w.list("location", |list| {
                for department in &d.departments {
                    list.item(|w| {
                        w.nested("location", |w| {
                            identified(w, &format!("urn:mach:facility:{}:MA_KHOA", d.facility), department);
                        });
                    });
                }
            });
        }
        frame.organization(w, "serviceProvider");
    });
}

fn encounter_diagnoses(frame: &Frame<'_>, w: &mut Writer<'_>) {
    let count = (1..).zip(frame.dossier.diagnoses().filter(|c| !c.is_empty())).last().map_or(0, |(n, _)| n);
    if count == 0 {
        return;
    }
    w.list("diagnosis", |list| {
        for number in 1..=count {
            list.item(|w| {
                w.nested("condition", |w| {
                    w.text("reference", &format!("Condition/{}", frame.id(Place::line(1, number))));
                });
                w.raw("rank", number);
            });
        }
    });
}

fn hospitalization(frame: &Frame<'_>, w: &mut Writer<'_>) {
    let d = frame.dossier;
    if d.referred_from.is_none() && d.referred_to.is_none() && d.leave.is_empty() && d.result.is_empty() {
        return;
    }
    let facility = |w: &mut Writer<'_>, key, code: Option<&String>| {
        if let Some(code) = code {
            w.nested(key, |w| identified(w, "urn:mach:codes:MA_CSKCB", code));
        }
    };
    w.nested("hospitalization", |w| {
        facility(w, "origin", d.referred_from.as_ref());
        facility(w, "destination", d.referred_to.as_ref());
        if d.leave.is_empty() && d.result.is_empty() {
            return;
        }
        w.nested("dischargeDisposition", |w| {
            w.list("coding", |list| {
                for (system, code, name) in [
                    ("urn:mach:codes:MA_LOAI_RV", &d.leave, leave_name(&d.leave)),
                    ("urn:mach:codes:KET_QUA_DTRI", &d.result, result_name(&d.result)),
                ] {
                    if !code.is_empty() {
                        list.item(|w| {
                            w.text("system", system).text("code", code).text_if("display", name);
                        });
                    }
                }
            });
        });
    });
}

fn coverage(frame: &mut Frame<'_>, number: u32, card: &Card) {
    let d = frame.dossier;
    let head = Head { kind: ResourceType::COVERAGE, place: Place::line(1, number), date: d.arrived, index: Vec::new() };
    frame.put(head, |frame, w| {
        w.list("identifier", |list| {
            list.item(|w| {
                w.text("system", BHYT).text("value", &card.number);
            });
        });
        w.text("status", "active");
        w.nested("type", |w| {
            coding(w, ACT, "PUBLICPOL", "Bảo hiểm y tế");
        });
        w.text_if("subscriberId", &card.number);
        frame.patient(w, "beneficiary");
        if card.from.is_some() || card.to.is_some() {
            w.nested("period", |w| {
                for (key, day) in [("start", card.from), ("end", card.to)] {
                    if let Some(day) = day {
                        w.text(key, &day.to_string());
                    }
                }
            });
        }
        w.list("payor", |list| {
            list.item(|w| {
                w.text("display", INSURER);
            });
        });
        if !card.registered_at.is_empty() {
            w.list("class", |list| {
                list.item(|w| {
                    coded(w, "type", "urn:mach:codes:coverage-class", "MA_DKBD", "Nơi đăng ký KCB ban đầu");
                    w.text("value", &card.registered_at);
                });
            });
        }
    });
}

fn condition(frame: &mut Frame<'_>, number: u32, code: &str) {
    let d = frame.dossier;
    let place = Place::line(1, number);
    let head = Head { kind: ResourceType::CONDITION, place, date: d.arrived, index: token(ICD10, code) };
    frame.put(head, |frame, w| {
        coded(w, "verificationStatus", "http://terminology.hl7.org/CodeSystem/condition-ver-status", "confirmed", "");
        let system = "http://terminology.hl7.org/CodeSystem/condition-category";
        category(w, system, "encounter-diagnosis", "Chẩn đoán của lần khám");
        w.nested("code", |w| {
            frame.icd10(w, code);
            let name = frame.context.names.name(code).map_or(code, |(vi, _)| vi);
            let said = if number == 1 && !d.diagnosis_text.is_empty() { &d.diagnosis_text } else { name };
            w.text("text", said);
        });
        frame.patient(w, "subject");
        frame.encounter(w);
        w.text("recordedDate", &d.left.to_string());
    });
}
