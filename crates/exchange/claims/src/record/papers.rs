//! Papers that travel with a claim, XML7–XML14: DocumentReference with every field attached.

use super::frame::{Frame, Head, Place, coded};
use crate::dossier::BirthLine;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mach_base::{Day, Minute};
use mach_fhir::ResourceType;
use std::fmt::Write;

/// The paper of a table; `None` for tables that make no document (XML6 and XML15 among them).
pub(super) fn title(table: u8) -> Option<&'static str> {
    Some(match table {
        7 => "Giấy ra viện",
        8 => "Tóm tắt hồ sơ bệnh án",
        9 => "Giấy chứng sinh",
        10 => "Giấy chứng nhận nghỉ dưỡng thai",
        11 => "Giấy chứng nhận nghỉ việc hưởng bảo hiểm xã hội",
        12 => "Biên bản giám định y khoa",
        13 => "Giấy chuyển cơ sở khám bệnh, chữa bệnh",
        14 => "Giấy hẹn khám lại",
        _ => return None,
    })
}

pub(super) fn write(frame: &mut Frame<'_>) {
    let dossier = frame.dossier;
    for birth in &dossier.births {
        let fields = birth_fields(birth);
        document(frame, (9, birth.number), birth.at.map(Minute::day), &fields);
    }
    for paper in &dossier.papers {
        document(frame, (paper.table, paper.number), paper.dated, &paper.fields);
    }
}

fn birth_fields(birth: &BirthLine) -> Vec<(&'static str, String)> {
    let flag = if birth.caesarean { "1" } else { "" };
    let mut fields = vec![
        ("HO_TEN_CON", birth.name.clone()),
        ("GIOI_TINH_CON", birth.sex.clone()),
        ("NGAY_SINH_CON", birth.at.map(Minute::compact).unwrap_or_default()),
        ("CAN_NANG_CON", birth.weight_g.map(|g| g.to_string()).unwrap_or_default()),
        ("SINHCON_PHAUTHUAT", flag.to_owned()),
        ("NGUOI_DO_DE", birth.attendant.clone()),
    ];
    fields.retain(|(_, value)| !value.is_empty());
    fields
}

fn document(frame: &mut Frame<'_>, (table, number): (u8, u32), dated: Option<Day>, fields: &[(&'static str, String)]) {
    let Some(title) = title(table) else { return };
    let at = dated.map_or(frame.dossier.left, |day| Minute(i64::from(day.0) * 1440));
    let data = STANDARD.encode(xml(table, fields));
    let place = Place::line(table, number);
    frame.put(Head { kind: ResourceType::DOCUMENT_REFERENCE, place, date: at, index: Vec::new() }, |frame, w| {
        w.text("status", "current").text("docStatus", "final");
        coded(w, "type", "urn:mach:codes:LOAIHOSO", &format!("XML{table}"), title);
        frame.patient(w, "subject");
        w.text("date", &at.to_string());
        frame.organization(w, "custodian");
        w.text("description", title);
        w.list("content", |list| {
            list.item(|w| {
                w.nested("attachment", |w| {
                    w.text("contentType", "application/xml").text("language", "vi").text("data", &data);
                    w.text("title", title);
                });
            });
        });
        w.nested("context", |w| {
            w.list("encounter", |list| frame.encounter_item(list));
        });
    });
}

/// `<XML7><TAG>text</TAG>…</XML7>`, one field a line.
fn xml(table: u8, fields: &[(&'static str, String)]) -> String {
    let mut out = format!("<XML{table}>\n");
    for (tag, value) in fields {
        let _ = write!(out, "<{tag}>");
        for c in value.chars() {
            match c {
                '&' => out.push_str("&amp;"),
                '<' => out.push_str("&lt;"),
                '>' => out.push_str("&gt;"),
                c => out.push(c),
            }
        }
        let _ = writeln!(out, "</{tag}>");
    }
    let _ = write!(out, "</XML{table}>");
    out
}

/// The fields of an attached paper, as [`resources`](super::resources) wrote them: tag and text.
pub fn fields(data: &str) -> Option<Vec<(String, String)>> {
    let text = String::from_utf8(STANDARD.decode(data).ok()?).ok()?;
    let inner = text.split_once(">\n")?.1.rsplit_once("</XML")?.0;
    let mut rest = inner;
    let mut out = Vec::new();
    while let Some((tag, after)) = rest.strip_prefix('<').and_then(|r| r.split_once('>')) {
        let (value, after) = after.split_once(&format!("</{tag}>\n"))?;
        let value = value.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
        out.push((tag.to_owned(), value));
        rest = after;
    }
    rest.is_empty().then_some(out)
}
