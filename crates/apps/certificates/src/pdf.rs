//! The certificate as a PDF/A file, in the form of the circular; *BẢN NHÁP* until it is issued.

use crate::case::{CONCLUSION, Case};
use crate::declared;
use crate::desk::{Desk, Keys};
use crate::signing;
use crate::view::{result_word, seen};
use axum::Extension;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mach_access::{Act, Scope};
use mach_base::{Day, Minute};
use mach_documents::{DriverCertificate, Specialty};
use mach_fhir::{ResourceType, Tree};
use mach_forms::{Item, Kind, Value, fields, show};
use mach_house::{Failure, House, Session};
use mach_store::certificates::State as Stands;
use mach_store::resources;
use mach_store::sql::Query;
use mach_ui::http::Problem;
use mach_ui::{Lang, msg};
use std::sync::Arc;

/// The paper is in the language of the law.
const LANG: Lang = Lang::Vi;
/// Parts that are no specialties.
const OTHERS: [&str; 5] = ["applicant", "history", "general", "tests", CONCLUSION];

/// The address by which a certificate is checked; what the QR code says. `base` is the program's own, from its settings and
/// never from a request: what is signed must lead home.
pub(crate) fn check_address(base: &str, code: &str) -> String {
    format!("{}/certificates/check?code={code}", base.trim_end_matches('/'))
}

/// `GET /certificates/case/{code}/certificate.pdf`: the signed file as it is kept; a draft until there is one.
pub(crate) async fn page(
    State(house): State<House>,
    Extension(desk): Extension<Arc<Desk>>,
    session: Session,
    Path(code): Path<String>,
) -> Result<Response, Problem> {
    let (decision, case) = seen(&house, &session, &code, Act::ReadCertificates).await?;
    let lang = session.lang;
    let name = format!("attachment; filename=\"giay-kham-suc-khoe-{}.pdf\"", case.row.code);
    let is_public = case.row.state.is_public();
    let (case, signed, photo) = house
        .read(decision, move |r| {
            let signed = if is_public { signing::signed_paper(r, &case)? } else { None };
            let whole = signed.as_ref().map(|file| signing::is_as_signed(r, &case, file)).transpose()?;
            let photo = photo(r, &case)?;
            Ok::<_, Failure>((case, signed.zip(whole), photo))
        })
        .await?;
    let signed = match signed {
        // Nobody is given in the facility's name what was put in the place of what it signed.
        Some((_, false)) => return Err(Problem::Conflict(lang.t(msg::SIGNING_PAPER_CHANGED).to_owned())),
        signed => signed.map(|(file, _)| file),
    };
    let draft = case.row.state != Stands::Issued;
    let check = check_address(desk.base(), &case.row.code);
    let made = case.attesters.last().map_or(case.row.opened, |(_, when, _)| *when);
    let pdf = match signed {
        Some(signed) => signed,
        None => {
            // Laying out and packing takes tens of milliseconds: not on the async threads.
            let rendered = tokio::task::spawn_blocking(move || {
                let mut paper = written(&case, photo, &check).paper();
                paper.draft(draft).made(made);
                paper.render()
            });
            rendered.await.map_err(Problem::internal)?.map_err(Problem::internal)?.pdf
        }
    };
    let headers = [(header::CONTENT_TYPE, "application/pdf".to_owned()), (header::CONTENT_DISPOSITION, name)];
    Ok((headers, pdf).into_response())
}

/// The portrait, where it is a JPEG.
pub(crate) fn photo(on: &mut dyn Query, case: &Case) -> mach_store::Result<Option<Vec<u8>>> {
    let Some(Value::Attachment(file)) = case.answers.value(&case.form, "photo") else { return Ok(None) };
    let Some(id) = file.url.strip_prefix("Binary/") else { return Ok(None) };
    let scope = Scope::Facility(case.row.facility);
    let found = resources::current(on, scope, ResourceType::BINARY, id)?;
    let bytes = found.and_then(|binary| {
        let tree = Tree::parse(binary.body.as_str()).ok()?;
        STANDARD.decode(tree.root().get_text("data")?.as_ref()).ok()
    });
    Ok(bytes.filter(|b| fields::sniffed(b) == Some("image/jpeg")))
}

fn answer(case: &Case, item: &Item) -> Option<String> {
    let value = case.answers.value(&case.form, &item.link)?;
    let text = show::in_lang(LANG, item, value);
    match (value, item.units.first()) {
        (Value::Decimal(_) | Value::Integer(_), Some(unit)) => Some(format!("{text} {}", unit.display)),
        _ => Some(text),
    }
}

/// What a part says, but for its conclusion: `Mạch 72 lần/phút; …`.
fn finding(case: &Case, group: &Item) -> String {
    let own = [format!("{}-meets", group.link), format!("{}-note", group.link)];
    let asked = group.items.iter().filter(|i| i.kind.is_question() && !own.contains(&i.link));
    let said = asked.filter_map(|i| Some(format!("{}: {}", i.text.in_lang(LANG), answer(case, i)?)));
    said.collect::<Vec<_>>().join("; ")
}

fn specialty(case: &Case, group: &Item) -> Specialty {
    let said = |suffix: &str| {
        let item = case.form.item(&format!("{}-{suffix}", group.link));
        item.and_then(|i| answer(case, i)).unwrap_or_default()
    };
    let conclusion = [said("meets"), said("note")].into_iter().filter(|t| !t.is_empty()).collect::<Vec<_>>().join(": ");
    let doctor = case.parts.iter().find(|p| p.link == group.link && p.done).map(|p| p.author.1.clone());
    Specialty {
        name: group.text.in_lang(LANG).to_owned(),
        finding: finding(case, group),
        conclusion,
        doctor: doctor.unwrap_or_default(),
    }
}

/// Everything on the paper, as the case has it.
pub(crate) fn written(case: &Case, photo: Option<Vec<u8>>, check: &str) -> DriverCertificate {
    let who = case.particulars();
    let text = |link: &str| case.answers.text(&case.form, link);
    let groups = case.form.items.iter().filter(|i| i.kind == Kind::Group);
    let specialties =
        groups.filter(|g| !OTHERS.contains(&g.link.as_str()) && case.parts.iter().any(|p| p.link == g.link));
    let below = |link: &str| case.form.item(link).map(|g| g.items.as_slice()).unwrap_or_default();
    let history = below("history").iter().filter(|i| i.kind == Kind::Boolean && i.link != "hx-true");
    let history = history.filter_map(|i| match case.answers.value(&case.form, &i.link) {
        Some(Value::Boolean(yes)) => Some((i.text.in_lang(LANG).to_owned(), *yes)),
        _ => None,
    });
    let tests = below("tests").iter().filter(|i| i.kind.is_question() && i.kind != Kind::Attachment);
    let tests = tests.filter_map(|i| Some((i.text.in_lang(LANG).to_owned(), answer(case, i)?)));
    let names: Vec<String> = case.answers.values(&case.form, "hx-name").into_iter().map(show::plain).collect();
    let note = [names.join(", "), text("hx-medicine")].into_iter().filter(|t| !t.is_empty()).collect::<Vec<_>>();
    let (y, m, d) = case.row.concluded.map_or_else(Day::today, |s| Minute::of_seconds(s).day()).ymd();
    let again = text("conclusion-again");
    let reason = [text("conclusion-reason"), text("conclusion-illness"), again];
    DriverCertificate {
        parent: LANG.t(msg::DEPARTMENT_OF_HEALTH).to_uppercase(),
        facility: mach_house::facility_name(&case.facility).to_uppercase(),
        number: case.number(),
        name: case.row.name.to_uppercase(),
        sex: text("sex"),
        born: who.born_text(),
        identity: case.row.national.clone(),
        identity_issued: [text("id-day"), text("id-place")].join(" ").trim().to_owned(),
        address: who.address,
        class: case.row.class.clone(),
        photo,
        history: history.collect(),
        history_note: note.join("; "),
        declared: declared::said(LANG, case).unwrap_or_default(),
        signed_by: declared::way(case).map(|way| way.code().to_owned()).unwrap_or_default(),
        specialties: specialties.map(|g| specialty(case, g)).collect(),
        tests: tests.collect(),
        conclusion: result_word(LANG, &case.row.result),
        reason: reason.into_iter().filter(|t| !t.is_empty()).collect::<Vec<_>>().join("; "),
        place_and_date: format!("Ngày {d} tháng {m} năm {y}"),
        valid_until: case.valid_until().map(Day::vi).unwrap_or_default(),
        doctor: case.row.doctor.clone(),
        qr: check.to_owned(),
        check_at: check.split("?code=").next().unwrap_or_default().to_owned(),
    }
}
