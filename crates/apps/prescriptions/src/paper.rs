//! The paper, A5, in the forms of the annexes; *BẢN NHÁP* until it is signed. Narcotic quantities in words, copies named.

use crate::case::{Case, signed_paper};
use crate::check::Content;
use crate::dispense::names_receiver;
use crate::rules::{Kind, Rules};
use crate::view::seen;
use crate::words::in_words;
use axum::Extension;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use mach_access::Act;
use mach_base::Day;
use mach_documents::{Align, Block, Paper, Style, Text};
use mach_house::{Failure, House, Session};
use mach_signing::desk::{Desk, Keys as _};
use mach_store::people::PersonRow;
use mach_ui::http::Problem;
use mach_ui::msg;
use std::sync::Arc;

/// `GET /prescriptions/case/{code}/prescription.pdf`: the signed file as it is kept; a draft until there is one.
pub(crate) async fn page(
    State(house): State<House>,
    Extension(desk): Extension<Arc<Desk>>,
    session: Session,
    Path(code): Path<String>,
) -> Result<Response, Problem> {
    let (decision, case, person) = seen(&house, &session, &code, Act::ReadPrescriptions).await?;
    let name = format!("attachment; filename=\"don-thuoc-{}.pdf\"", case.row.code);
    let row = case.row.clone();
    let signed = house.read(decision, move |r| Ok::<_, Failure>(signed_paper(r, &row)?)).await?;
    if case.altered || (signed.is_none() && !case.row.paper.is_empty()) {
        return Err(Problem::Conflict(session.lang.t(msg::RX_ALTERED).to_owned()));
    }
    let pdf = match signed {
        Some(signed) => signed,
        None => {
            // Laying out and packing takes tens of milliseconds: not on the async threads.
            let rendered = tokio::task::spawn_blocking(move || paper(&case, &person, desk.base(), None).render());
            rendered.await.map_err(Problem::internal)?.map_err(Problem::internal)?.pdf
        }
    };
    let headers = [(header::CONTENT_TYPE, "application/pdf".to_owned()), (header::CONTENT_DISPOSITION, name)];
    Ok((headers, pdf).into_response())
}

/// The copies of a kind: three for narcotic and psychotropic ones.
fn copies(kind: Option<&Kind>) -> Vec<&'static str> {
    match kind.map_or(1, |k| k.copies) {
        3 => vec!["Liên 1: lưu tại cơ sở khám bệnh", "Liên 2: người bệnh giữ", "Liên 3: nhà thuốc lưu"],
        _ => vec![""],
    }
}

fn small(text: &str) -> Block {
    Block::Paragraph(Text::plain(text), Style { size: 10.0, after: 2.0, ..Style::default() })
}

/// Everything on the paper: a page for each copy, and the patient's undertaking where the kind asks for one. It is a draft until
/// it is signed. `signed` is the code at its foot.
pub(crate) fn paper(case: &Case, person: &PersonRow, base: &str, signed: Option<String>) -> Paper {
    let c = &case.content;
    let day = Day::parse_iso(&c.day).unwrap_or(Day::today());
    let kind = Rules::shared().kind(&c.kind, day);
    let code = case.row.code.to_uppercase();
    let mut paper = Paper::a5(&format!("Đơn thuốc {code}"));
    // What was written is bound to the paper: the signature is of both.
    let bound = format!("urn:sha-256:{}", case.row.digest);
    paper.identifier(&code).identifier(&bound).foot(&code).made(case.row.written).draft(true);
    for (n, copy) in copies(kind).into_iter().enumerate() {
        if n > 0 {
            paper.add(Block::PageBreak);
        }
        head(&mut paper, case, (&code, copy), kind);
        patient(&mut paper, case, person);
        medicines(&mut paper, c);
        foot(&mut paper, case, (day, n == 0), (base, signed.as_deref()));
    }
    if let Some(annex) = kind.map(|k| k.undertaking.as_str()).filter(|u| !u.is_empty() && !c.acute) {
        paper.add(Block::PageBreak);
        undertaking(&mut paper, case, person, annex);
    }
    paper
}

fn head(paper: &mut Paper, case: &Case, (code, copy): (&str, &str), kind: Option<&Kind>) {
    let facility = mach_house::facility_name(&case.facility);
    let mut left = vec![
        Block::Paragraph(Text::bold(&facility.to_uppercase()), Style { size: 10.0, ..Style::default() }),
        small(&format!("Mã đơn: {code}")),
    ];
    left.extend([kind.map_or("", |k| k.form.as_str()), copy].into_iter().filter(|t| !t.is_empty()).map(small));
    paper.add(Block::Columns(vec![
        (0.72, left),
        (0.28, vec![Block::Qr { text: code.to_owned(), size: 70.0, align: Align::Right }]),
    ]));
    paper.add(Block::title(kind.map_or("ĐƠN THUỐC", |k| &k.title)));
}

fn patient(paper: &mut Paper, case: &Case, person: &PersonRow) {
    let c = &case.content;
    let born = person.birth_day.and_then(|d| i32::try_from(d).ok()).map(Day);
    let today = Day::parse_iso(&c.day).unwrap_or(Day::today());
    let born = match (born, person.birth_year) {
        (Some(born), _) => {
            let months = crate::case::months_between(born, today);
            let young = i64::from(months) < Rules::shared().child_months(today);
            if young { format!("{} ({months} tháng tuổi)", born.vi()) } else { born.vi() }
        }
        (None, 0) => String::new(),
        (None, year) => year.to_string(),
    };
    let sex = match person.sex {
        1 => "Nam",
        2 => "Nữ",
        _ => "",
    };
    let rows = [
        ("Họ và tên", person.name.to_uppercase()),
        ("Ngày sinh", format!("{born}   Giới tính: {sex}")),
        ("Số định danh cá nhân", person.national.clone().unwrap_or_default()),
        ("Số thẻ bảo hiểm y tế", person.insurance.clone().unwrap_or_default()),
        ("Nơi cư trú", person.address.clone()),
        ("Điện thoại", person.phone.clone().unwrap_or_default()),
        ("Cân nặng", if c.weight.is_empty() { String::new() } else { format!("{} kg", c.weight) }),
        ("Người đưa trẻ đến khám", c.companion.clone()),
        ("Chẩn đoán", c.diagnosis()),
    ];
    let rows = rows.into_iter().filter(|(_, value)| !value.trim().is_empty());
    let rows = rows.map(|(label, value)| (label.to_owned(), value)).collect();
    paper.add(Block::Fields { rows, columns: 1, size: 10.5 });
}

fn medicines(paper: &mut Paper, c: &Content) {
    let heading = match c.part {
        0 => "Thuốc điều trị:".to_owned(),
        part => format!("Thuốc điều trị, đợt {part}/{}: {}", c.parts, span(c)),
    };
    paper.add(Block::heading(&heading));
    for (n, item) in (1..).zip(&c.items) {
        let quantity = match c.kind.as_str() {
            "n" => format!("{} {}", in_words(item.quantity / 100), item.unit),
            _ => item.amount(),
        };
        let name = Text::bold(&format!("{n}. {}", item.name));
        paper.add(Block::Together(vec![
            Block::Columns(vec![
                (0.68, vec![Block::Paragraph(name, Style { size: 10.5, after: 0.0, ..Style::default() })]),
                (0.32, vec![small(&format!("Số lượng: {quantity}"))]),
            ]),
            small(&format!("{} ({} ngày)", item.usage, item.days)),
        ]));
    }
    if !c.advice.is_empty() {
        paper.add(small(&format!("Lời dặn: {}", c.advice)));
    }
    if c.again > 0 {
        paper.add(small(&format!("Khám lại sau {} ngày, mang theo đơn này.", c.again)));
    }
}

/// From when to when its medicines are used.
fn span(c: &Content) -> String {
    let last = c.items.iter().map(|i| c.until(i)).max().and_then(|d| i32::try_from(d).ok()).map(Day);
    match c.begins().zip(last) {
        Some((first, last)) => format!("{} đến {}", first.vi(), last.vi()),
        None => String::new(),
    }
}

fn foot(paper: &mut Paper, case: &Case, (day, first): (Day, bool), (base, signed): (&str, Option<&str>)) {
    let c = &case.content;
    let mut right = vec![
        Block::centred(Text::italic(&format!("Ngày {}", day.vi())), 10.0),
        Block::centred(Text::bold("Bác sĩ khám bệnh, kê đơn"), 10.5),
    ];
    right.push(match first {
        true => Block::seal("doctor", 170.0, 46.0),
        false => Block::centred(Text::italic("(chữ ký số ở liên 1)"), 9.5),
    });
    right.push(Block::centred(Text::bold(&c.doctor), 10.5));
    let days = Rules::shared().valid_days(day);
    let valid = match c.part {
        0 | 1 => format!("Đơn có giá trị mua, lĩnh thuốc trong {days} ngày kể từ ngày ký."),
        _ => format!("Đợt này mua, lĩnh thuốc trong {days} ngày kể từ ngày bắt đầu đợt."),
    };
    let mut left = vec![small(&valid)];
    if !base.is_empty() {
        left.push(small(&format!("Kiểm tra chữ ký: {base}/verify")));
    }
    if let Some(signed) = signed.filter(|_| first) {
        left.push(Block::Qr { text: signed.to_owned(), size: 105.0, align: Align::Left });
    }
    if names_receiver(&case.row) {
        left.push(small("Người nhận thuốc (ký, ghi rõ họ tên, số CCCD):"));
    }
    paper.add(Block::Space(4.0)).add(Block::Together(vec![Block::Columns(vec![(0.45, left), (0.55, right)])]));
}

/// The undertaking of a patient who takes opioids for long; filled in by hand.
fn undertaking(paper: &mut Paper, case: &Case, person: &PersonRow, annex: &str) {
    let code = case.row.code.to_uppercase();
    let line = "........................................................";
    paper.add(small(annex));
    paper.add(Block::title("BẢN CAM KẾT VỀ SỬ DỤNG THUỐC OPIOIDS"));
    let rows = [
        ("Người bệnh", person.name.to_uppercase()),
        ("Số định danh cá nhân", person.national.clone().unwrap_or_default()),
        ("Nơi cư trú", person.address.clone()),
        ("Theo đơn thuốc", code),
        ("Người nhận thuốc thay (họ tên, số CCCD)", line.to_owned()),
    ];
    let rows = rows.into_iter().map(|(a, b)| (a.to_owned(), b)).collect();
    paper.add(Block::Fields { rows, columns: 1, size: 10.5 });
    for text in [
        "Tôi đã được bác sĩ giải thích về lợi ích và nguy cơ của thuốc opioids và cam kết:",
        "1. Chỉ dùng thuốc cho chính người bệnh, đúng liều và thời gian bác sĩ hướng dẫn.",
        "2. Không chuyển nhượng, không bán thuốc cho người khác.",
        "3. Nộp lại thuốc không dùng hết cho nơi đã cấp, kèm biên bản, khi người bệnh ngừng thuốc hoặc tử vong.",
        "4. Chịu trách nhiệm trước pháp luật nếu sử dụng thuốc sai mục đích.",
    ] {
        paper.add(small(text));
    }
    let sign = |title: &str| {
        vec![Block::centred(Text::bold(title), 10.5), Block::centred(Text::italic("(ký, ghi rõ họ tên)"), 9.5)]
    };
    paper
        .add(Block::Space(8.0))
        .add(Block::Columns(vec![(0.5, sign("Bác sĩ kê đơn")), (0.5, sign("Người bệnh hoặc người nhận thay"))]));
}
