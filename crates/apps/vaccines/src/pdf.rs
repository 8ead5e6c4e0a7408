//! The pass as PDF/A, in Vietnamese and English as decision 5772/QĐ-BYT has it, with the signed QR code.

use crate::pass::{self, Said};
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use mach_access::Act;
use mach_base::time::now_seconds;
use mach_base::{Day, Minute};
use mach_documents::{Align, Block, Paper};
use mach_house::{Failure, House, Session};
use mach_store::people;
use mach_store::vaccines::{self, Pass};
use mach_ui::http::Problem;

type Found = (Pass, String, String);

/// The pass with this code, its QR code's text and the nationality of whose it is; seen by somebody: that is audited.
async fn seen(house: &House, session: &Session, code: &str) -> Result<Found, Problem> {
    let decision = house.decide(session, Act::ReadVaccines).await?;
    let wanted = code.to_uppercase();
    let found = house
        .read(decision.clone(), move |r| {
            let Some(row) = vaccines::pass_of_code(r, &wanted)? else { return Ok::<_, Failure>(None) };
            let qr = pass::text(r, &row)?;
            let person = people::person(r, row.person)?.ok_or(mach_store::Error::Missing("a person"))?;
            Ok(Some((row, qr, person.nationality)))
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
    let (row, qr, nationality) = seen(&house, &session, &code).await?;
    let said = pass::said(&qr).ok_or_else(|| Problem::internal("the code of a pass that was issued cannot be read"))?;
    let name = format!("attachment; filename=\"chung-nhan-tiem-chung-{}.pdf\"", row.code);
    // Laying out and packing takes tens of milliseconds: not on the async threads.
    let rendered = tokio::task::spawn_blocking(move || paper(&row, &qr, &said, &nationality).render()).await;
    let rendered = rendered.map_err(Problem::internal)?.map_err(Problem::internal)?;
    let headers = [(header::CONTENT_TYPE, "application/pdf".to_owned()), (header::CONTENT_DISPOSITION, name)];
    Ok((headers, rendered.pdf).into_response())
}

/// What stands in the place of the code of a pass that no longer counts.
fn end(row: &Pass, now: i64) -> Option<&'static str> {
    match row.revoked {
        Some(_) => Some("ĐÃ THU HỒI · KHÔNG CÒN GIÁ TRỊ / REVOKED · NOT VALID"),
        None => (row.expires <= now).then_some("ĐÃ HẾT HẠN / EXPIRED"),
    }
}

/// The paper says what the code says, also where more is known of the person since.
fn paper(row: &Pass, qr: &str, said: &Said, nationality: &str) -> Paper {
    let identifier = pass::identifier(&row.code);
    let mut paper = Paper::a4(&format!("Chứng nhận tiêm chủng COVID-19 {}", row.code));
    paper.identifier(&identifier).foot(&identifier).made(row.issued);
    paper.add(Block::official_head("BỘ Y TẾ", "MINISTRY OF HEALTH", ""));
    paper.add(Block::Space(8.0)).add(Block::title("CHỨNG NHẬN TIÊM CHỦNG COVID-19"));
    paper.add(Block::title("COVID-19 VACCINATION CERTIFICATE"));
    let shown = |day: &str| Day::parse_iso(day).map_or_else(|| day.to_owned(), Day::vi);
    let until = Minute::of_seconds(said.expires).day().vi();
    let issued = Minute::of_seconds(row.issued).day().vi();
    let nation = match nationality {
        "" | "000" | "VN" => "Việt Nam",
        other => other,
    };
    let product = said.product;
    paper.add(Block::fields(vec![
        ("Họ và tên / Name", &said.name),
        ("Ngày sinh / Date of birth", &shown(&said.born)),
        ("Quốc tịch / Nationality", nation),
        ("Bệnh / Disease targeted", product.map_or("COVID-19", |p| &p.disease)),
        ("Mũi / Dose", &format!("{} / {}", said.number, said.of)),
        ("Ngày tiêm / Date of vaccination", &shown(&said.day)),
        ("Vắc xin / Product", product.map_or("", |p| &p.name)),
        ("Nhà sản xuất / Manufacturer", product.map_or("", |p| &p.maker)),
        ("Cơ quan cấp / Issuer", "Bộ Y tế / Ministry of Health, Việt Nam"),
        ("Ngày cấp / Issued", &issued),
        ("QR có giá trị đến hết / QR valid until", &until),
        ("Mã chứng nhận / Certificate identifier", &identifier),
    ]));
    paper.add(Block::Space(10.0));
    match end(row, now_seconds()) {
        Some(words) => paper.add(Block::title(words)),
        None => paper.add(Block::Qr { text: qr.to_owned(), size: 200.0, align: Align::Centre }),
    };
    paper
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_carries_the_code_and_is_whole() {
        let now = now_seconds();
        let row = Pass {
            id: 1,
            person: 1,
            issued: now - 1_000,
            expires: now + 1_000,
            revoked: None,
            batch: 0,
            facility: 1,
            code: "ABCDEFGHJKLMNPQR".into(),
        };
        let said = Said {
            name: "Nguyễn Văn Thử".into(),
            born: "1985-03-09".into(),
            product: None,
            number: 2,
            of: 2,
            day: "2021-10-01".into(),
            expires: row.expires,
        };
        let qr = format!("HC1:{}", "6BF".repeat(170));
        let made = |row: &Pass| paper(row, &qr, &said, "000").render().expect("rendered");
        let valid = made(&row);
        assert_eq!((valid.pages, valid.missing.len()), (1, 0));
        assert!(valid.pdf.starts_with(b"%PDF-"));
        // One taken back, or at its end, has no code to show, and says so in words of its own.
        let revoked = Pass { revoked: Some(now), ..row.clone() };
        let ended = Pass { expires: now, ..row.clone() };
        for (row, words) in [(&revoked, Some("REVOKED")), (&ended, Some("EXPIRED")), (&row, None)] {
            let shown = end(row, now);
            assert!(shown.is_some() == words.is_some() && words.is_none_or(|w| shown.is_some_and(|s| s.contains(w))));
            assert_eq!(made(row).pdf.len() < valid.pdf.len(), words.is_some(), "{shown:?}");
        }
    }
}
