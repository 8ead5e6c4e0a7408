//! The pass as PDF/A, in Vietnamese and English as decision 5772/QĐ-BYT has it, with the signed QR code.

use crate::bodies::day;
use crate::pass;
use crate::products::Products;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use mach_access::Act;
use mach_base::Minute;
use mach_documents::{Align, Block, Cell, Paper};
use mach_house::{Failure, House, Session};
use mach_store::people::{self, PersonRow};
use mach_store::vaccines::{self, Dose, Pass};
use mach_ui::http::Problem;

type Found = (Pass, String, PersonRow, Vec<Dose>);

/// The pass with this code, seen by somebody: that is audited.
async fn seen(house: &House, session: &Session, code: &str) -> Result<Found, Problem> {
    let decision = house.decide(session, Act::ReadVaccines).await?;
    let wanted = code.to_uppercase();
    let found = house
        .read(decision.clone(), move |r| {
            let Some(row) = vaccines::pass_of_code(r, &wanted)? else { return Ok::<_, Failure>(None) };
            let qr = pass::text(r, &row)?;
            let person = people::person(r, row.person)?.ok_or(mach_store::Error::Missing("a person"))?;
            let doses = vaccines::of_person(r, row.person)?;
            Ok(Some((row, qr, person, doses)))
        })
        .await?;
    let found = found.ok_or(Problem::NotFound)?;
    let (id, target) = (found.0.person, format!("vaccine pass {}", found.0.code));
    house.write(decision, move |tx| tx.audit(Some(id), &target, "granted")).await?;
    Ok(found)
}

/// `GET /vaccines/passes/{code}/qr.txt`.
pub(crate) async fn text(
    State(house): State<House>,
    session: Session,
    Path(code): Path<String>,
) -> Result<Response, Problem> {
    let (_, qr, ..) = seen(&house, &session, &code).await?;
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], qr).into_response())
}

/// `GET /vaccines/passes/{code}/pass.pdf`.
pub(crate) async fn page(
    State(house): State<House>,
    session: Session,
    Path(code): Path<String>,
) -> Result<Response, Problem> {
    let (row, qr, person, doses) = seen(&house, &session, &code).await?;
    let name = format!("attachment; filename=\"chung-nhan-tiem-chung-{}.pdf\"", row.code);
    // Laying out and packing takes tens of milliseconds: not on the async threads.
    let rendered = tokio::task::spawn_blocking(move || paper(&row, &qr, &person, &doses).render()).await;
    let rendered = rendered.map_err(Problem::internal)?.map_err(Problem::internal)?;
    let headers = [(header::CONTENT_TYPE, "application/pdf".to_owned()), (header::CONTENT_DISPOSITION, name)];
    Ok((headers, rendered.pdf).into_response())
}

fn paper(row: &Pass, qr: &str, person: &PersonRow, doses: &[Dose]) -> Paper {
    let identifier = pass::identifier(&row.code);
    let mut paper = Paper::a4(&format!("Chứng nhận tiêm chủng COVID-19 {}", row.code));
    paper.identifier(&identifier).foot(&identifier).made(row.issued).draft(row.revoked.is_some());
    paper.add(Block::official_head("BỘ Y TẾ", "MINISTRY OF HEALTH", ""));
    paper.add(Block::Space(8.0)).add(Block::title("CHỨNG NHẬN TIÊM CHỦNG COVID-19"));
    paper.add(Block::title("COVID-19 VACCINATION CERTIFICATE"));
    let born = match person.birth_day {
        Some(number) => day(number).vi(),
        None => person.birth_year.to_string(),
    };
    let last = pass::counted(doses);
    let product = last.and_then(|d| Products::shared().find(&d.product));
    let until = Minute::of_seconds(row.expires).day().vi();
    let issued = Minute::of_seconds(row.issued).day().vi();
    let nation = match person.nationality.as_str() {
        "" | "000" | "VN" => "Việt Nam",
        other => other,
    };
    paper.add(Block::fields(vec![
        ("Họ và tên / Name", &person.name),
        ("Ngày sinh / Date of birth", &born),
        ("Quốc tịch / Nationality", nation),
        ("Bệnh / Disease targeted", product.map_or("COVID-19", |p| &p.disease)),
        ("Vắc xin / Product", product.map_or("", |p| &p.name)),
        ("Nhà sản xuất / Manufacturer", product.map_or("", |p| &p.maker)),
        ("Cơ quan cấp / Issuer", "Bộ Y tế / Ministry of Health, Việt Nam"),
        ("Ngày cấp / Issued", &issued),
        ("QR có giá trị đến hết / QR valid until", &until),
        ("Mã chứng nhận / Certificate identifier", &identifier),
    ]));
    let rows = doses.iter().filter(|d| d.pass).map(|d| {
        let name = Products::shared().find(&d.product).map_or(d.product.as_str(), |p| p.name.as_str());
        vec![
            Cell::from(d.number.to_string().as_str()),
            Cell::from(name),
            Cell::from(day(d.day).vi().as_str()),
            Cell::from(d.lot.as_str()),
        ]
    });
    paper.add(Block::Space(6.0)).add(Block::Table {
        widths: vec![0.14, 0.46, 0.2, 0.2],
        head: ["Mũi / Dose", "Vắc xin / Vaccine", "Ngày / Date", "Số lô / Lot"].map(Cell::from).to_vec(),
        rows: rows.collect(),
        size: 11.0,
    });
    paper.add(Block::Space(10.0)).add(Block::Qr { text: qr.to_owned(), size: 200.0, align: Align::Centre });
    paper
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_carries_the_code_and_is_whole() {
        let row = Pass {
            id: 1,
            person: 1,
            issued: 1_790_000_000,
            expires: 1_820_000_000,
            revoked: None,
            batch: 0,
            facility: 1,
            code: "ABCDEFGHJKLMNPQR".into(),
        };
        let dose = Dose {
            id: 1,
            digest: 1,
            person: 1,
            facility: 1,
            day: 18_900,
            number: 2,
            pass: true,
            product: "VAXZEVRIA".into(),
            lot: "L1".into(),
        };
        let person = PersonRow { id: 1, name: "Nguyễn Văn Thử".into(), birth_year: 1985, ..PersonRow::default() };
        let made = paper(&row, &format!("HC1:{}", "6BF".repeat(170)), &person, &[dose]).render().expect("rendered");
        assert_eq!((made.pages, made.missing.len()), (1, 0));
        assert!(made.pdf.starts_with(b"%PDF-"));
    }
}
