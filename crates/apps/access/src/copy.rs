//! Certified copies: what a request opens of one record, on paper as PDF/A, numbered, with a digest of what it was made from, kept
//! as it was given out. The hash of the file stands in the audit trail, and so in the transparency log. Where the facility has a
//! digital seal, the copy carries it; else a hand and a stamp do, and the page says so.

use crate::Keys;
use crate::case::{Whole, look_up, moved, reads_copies};
use crate::desk::{extent_label, purpose_label};
use crate::facts::{self, Fact, Facts};
use axum::Extension;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Redirect, Response};
use mach_access::policy::Purpose;
use mach_access::{Act, Actor, Decision, Reach, Role, decide, secret};
use mach_base::time::now_seconds;
use mach_documents::{Block, Cell, Paper, Style, Text};
use mach_house::{Failure, House, Session};
use mach_sign::certificate::Certificate;
use mach_sign::key::SoftKey;
use mach_signing::seal::{self, Said, own_seal};
use mach_store::desk::{self, Made, Request};
use mach_store::grants;
use mach_ui::http::Problem;
use mach_ui::{Lang, msg};
use sha2::{Digest, Sha256};

/// Numbers that are tried for a copy, where others are made at the same time.
const NUMBERS: usize = 3;
/// The place of the facility's seal.
const SEAL: &str = "facility";

/// Whether copies are given out for what is asked: to who may know whose record it is.
pub(crate) fn may_be_given(request: &Request) -> bool {
    matches!(request.purpose, Purpose::Legal | Purpose::Payment)
}

fn sha256(parts: &[String]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    secret::hex(&hash.finalize())
}

/// `POST /access/desk/{id}/copies/{person}`: makes a copy of the record of one of its people.
pub(crate) async fn make(
    State(house): State<House>,
    session: Session,
    Extension(keys): Extension<Keys>,
    Path((id, person)): Path<(String, String)>,
) -> Result<Redirect, Problem> {
    let decision = house.decide(&session, Act::RegisterAccess).await?;
    let (_, found) = look_up(&house, &session, (&id, &keys)).await?;
    let person: i64 = person.parse().map_err(|_| Problem::NotFound)?;
    let request = &found.request;
    let is_asked = found.people.iter().any(|(asked, _)| *asked == person);
    if !is_asked || !may_be_given(request) {
        return Err(Problem::NotFound);
    }
    if !request.is_open() {
        return Err(moved(session.lang));
    }
    // What the visitor may see, and nothing that only the desk may.
    let visitor = Actor {
        account: request.account,
        name: request.words.name.clone(),
        role: Role::Visitor,
        facility: None,
        reach: Reach { opened: true, ..Reach::default() },
        app: None,
    };
    let theirs = decide(&visitor, Act::ViewDesk).map_err(Problem::internal)?;
    let (account, of) = (request.account, (request.id, person));
    let back = format!("/access/desk/{}", request.id);
    let facility = request.facility;
    for _ in 0..NUMBERS {
        let told = (&found, session.actor.name.as_str(), session.lang);
        let seal = sealing(&house, &decision, (&keys, facility)).await?;
        let Drawn { number, file, sealed } = drawn(&house, (&theirs, account), person, told, seal).await?;
        let hash = secret::hex(&Sha256::digest(&file));
        let kept = move |tx: &mut mach_store::Tx<'_>| {
            if !tx.add_copy(number, of, (&hash, &file), sealed.is_some())? {
                return Ok(false);
            }
            if let Some(mark) = sealed {
                // `/verify` knows it for one that was given out here.
                tx.keep_paper(facility, &format!("desk-copy-{number}"), &mark, true)?;
                tx.log_event("signature", &format!("desk copy {number} seal: {hash}"))?;
            }
            Ok(true)
        };
        if house.write(decision.clone(), kept).await? {
            return Ok(Redirect::to(&back));
        }
    }
    Err(Problem::Conflict(session.lang.t(msg::DESK_COPY_AGAIN).to_owned()))
}

/// What a copy is sealed with.
struct Sealing {
    chain: Vec<Certificate>,
    key: SoftKey,
    keys: Keys,
}

/// The facility's seal, where it has one that may be used now.
async fn sealing(
    house: &House,
    decision: &Decision,
    (keys, facility): (&Keys, i64),
) -> Result<Option<Sealing>, Problem> {
    let keys = Keys::clone(keys);
    house
        .read(decision.clone(), move |r| -> Result<_, Failure> {
            let found = own_seal(r, keys.as_ref(), facility, now_seconds()).ok();
            Ok(found.map(|(chain, key)| Sealing { chain, key, keys }))
        })
        .await
}

/// A copy that was made.
struct Drawn {
    number: i64,
    file: Vec<u8>,
    /// The mark of its seal, where it has one.
    sealed: Option<String>,
}

/// A copy as it is now, under the next number.
async fn drawn(
    house: &House,
    (theirs, account): (&Decision, i64),
    person: i64,
    (found, by, lang): (&Whole, &str, Lang),
    seal: Option<Sealing>,
) -> Result<Drawn, Problem> {
    let extent = found.request.extent;
    let read = house
        .read(theirs.clone(), move |r| -> Result<Option<(Facts, i64)>, Failure> {
            let grant = grants::of_account(r, account)?.into_iter().find(|grant| grant.person == person);
            let Some(grant) = grant else { return Ok(None) };
            let next = desk::next_copy(r)?;
            Ok(facts::gather(r, &grant, extent)?.map(|facts| (facts, next)))
        })
        .await?;
    let (facts, number) = read.ok_or_else(|| Problem::Conflict(lang.t(msg::DESK_COPY_CLOSED).to_owned()))?;
    // Laying out and packing takes tens of milliseconds: not on the async threads.
    let now = now_seconds();
    let paper = paper(number, found, &facts, (by, now), seal.as_ref());
    let facility = house_of(found);
    let is_department = found.request.facility == 0;
    let made = move || -> Result<(Vec<u8>, Option<String>), String> {
        let rendered = paper.render().map_err(|e| e.to_string())?;
        let Some(Sealing { chain, key, keys }) = seal else { return Ok((rendered.pdf, None)) };
        let role = if is_department { "Cơ quan sao hồ sơ bệnh án" } else { "Cơ sở sao hồ sơ bệnh án" };
        let said = Said { facility: &facility, role, reason: "Sao y từ hồ sơ điện tử" };
        let file = seal::seal_paper((&rendered, SEAL), (&chain, &key), keys.as_ref(), (&said, now))?;
        let mark = mach_sign::pades::last_mark(&file).map_err(|e| e.to_string())?;
        Ok((file, Some(mark)))
    };
    let made = tokio::task::spawn_blocking(made).await.map_err(Problem::internal)?;
    let (file, sealed) = made.map_err(Problem::internal)?;
    Ok(Drawn { number, file, sealed })
}

/// Whose desk it is, in Vietnamese, whoever makes the paper.
fn house_of(found: &Whole) -> String {
    match found.request.facility {
        0 => Lang::Vi.t(msg::DEPARTMENT_OF_HEALTH).to_owned(),
        _ => found.facility.clone(),
    }
}

/// The paper. In Vietnamese, whoever made it: it goes to courts and offices.
fn paper(number: i64, found: &Whole, facts: &Facts, (by, now): (&str, i64), seal: Option<&Sealing>) -> Paper {
    let (lang, request) = (Lang::Vi, &found.request);
    let source = sha256(&facts.sources);
    let name = format!("{number}/BS-{}", request.id);
    let mut paper = Paper::a4(&format!("Bản sao hồ sơ bệnh án {name}"));
    paper.identifier(&format!("urn:sha-256:{source}")).foot(&format!("Bản sao số {name}")).made(now);
    let house = house_of(found).to_uppercase();
    // Above the department stands the people's committee, whose name its own papers do not need here.
    let above = if request.facility == 0 { "" } else { "SỞ Y TẾ" };
    paper.add(Block::official_head(above, &house, &name)).add(Block::Space(8.0));
    paper.add(Block::title("BẢN SAO HỒ SƠ BỆNH ÁN"));
    let extent = extent_label(lang, request.extent);
    paper.add(Block::fields(vec![
        ("Cấp cho", &format!("{}, {}", request.words.name, request.words.body)),
        ("Theo văn bản", &request.words.paper),
        ("Căn cứ", &request.words.ground),
        ("Mục đích", purpose_label(lang, request.purpose)),
        ("Nội dung sao", &extent),
    ]));
    if let Some(row) = &facts.who {
        paper.add(Block::Space(4.0));
        paper.add(Block::fields(vec![
            ("Họ và tên", &row.name.to_uppercase()),
            ("Ngày sinh", &facts::born(row)),
            ("Giới tính", facts::sex_label(lang, row.sex)),
            ("Số CCCD", row.national.as_deref().unwrap_or_default()),
            ("Số BHYT", row.insurance.as_deref().unwrap_or_default()),
        ]));
    }
    paper.add(Block::Space(6.0));
    if facts.facts.is_empty() {
        paper.add(Block::paragraph("Trong phạm vi được xem không có dữ kiện nào."));
    } else {
        let row =
            |fact: &Fact| [lang.t(fact.kind), &fact.when, &fact.code, &fact.said, &fact.value].map(Cell::from).to_vec();
        paper.add(Block::Table {
            widths: vec![0.16, 0.14, 0.14, 0.36, 0.20],
            head: ["Loại", "Ngày", "Mã", "Tên", "Giá trị"].map(Cell::from).to_vec(),
            rows: facts.facts.iter().map(row).collect(),
            size: 10.0,
        });
    }
    let left = facts.left_out(lang);
    if !left.is_empty() {
        paper.add(Block::Space(4.0));
        paper.add(Block::paragraph(&format!("{}:", lang.t(msg::DESK_LEFT))));
        for rule in left {
            paper.add(Block::paragraph(&format!("– {rule}")));
        }
    }
    paper.add(Block::Space(8.0));
    let day = facts::day_of(now).vi();
    paper.add(Block::paragraph(&format!(
        "Sao y từ hồ sơ điện tử ngày {day}: {} dữ kiện. Người sao: {by}. Người duyệt: {}.",
        facts.facts.len(),
        request.decided.as_ref().map_or("", |(_, name)| name.as_str())
    )));
    let small = Style { size: 9.0, ..Style::default() };
    paper.add(Block::Paragraph(Text::plain(&format!("SHA-256 của dữ liệu gốc: {source}")), small));
    paper.add(Block::Space(8.0));
    let mut signs = vec![Block::centred(Text::bold(&house), 12.0), Block::seal(SEAL, 200.0, 58.0)];
    if let Some(seal) = seal {
        let whose = if request.facility == 0 { "Sở Y tế" } else { "cơ sở" };
        let check = format!("Bản điện tử có chữ ký số của {whose}. Kiểm tra tại {}/verify", seal.keys.base());
        signs.push(Block::Paragraph(Text::plain(&check), Style { size: 9.0, ..Style::default() }));
    }
    paper.add(Block::Columns(vec![(0.5, Vec::new()), (0.5, signs)]));
    paper
}

/// A copy as it was given out; the look is written down.
async fn give(house: &House, decision: Decision, id: i64, request: i64) -> Result<Response, Problem> {
    let found = house.read(decision.clone(), move |r| -> Result<_, Failure> { Ok(desk::copy(r, id)?) }).await?;
    let (made, file): (Made, Vec<u8>) = found.filter(|(made, _)| made.request == request).ok_or(Problem::NotFound)?;
    house.write(decision, move |tx| tx.audit(Some(made.person), &format!("desk copy {id}"), "granted")).await?;
    let name = format!("attachment; filename=\"ban-sao-{id}.pdf\"");
    let headers = [(header::CONTENT_TYPE, "application/pdf".to_owned()), (header::CONTENT_DISPOSITION, name)];
    Ok((headers, file).into_response())
}

/// `GET /access/desk/{id}/copies/{copy}`: for the desk while the request is open, and afterwards for who answers for it.
pub(crate) async fn of_desk(
    State(house): State<House>,
    session: Session,
    Extension(keys): Extension<Keys>,
    Path((id, copy)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let decision = house.decide(&session, Act::RegisterAccess).await?;
    let (_, found) = look_up(&house, &session, (&id, &keys)).await?;
    if !reads_copies(&session, &found.request) {
        return Err(Problem::NotFound);
    }
    let copy: i64 = copy.parse().map_err(|_| Problem::NotFound)?;
    give(&house, decision, copy, found.request.id).await
}

/// `GET /desk/copies/{copy}`: for who was let in, while they are.
pub(crate) async fn of_visitor(
    State(house): State<House>,
    session: Session,
    Path(copy): Path<String>,
) -> Result<Response, Problem> {
    let decision = house.decide(&session, Act::ViewDesk).await?;
    let (copy, account): (i64, i64) = (copy.parse().map_err(|_| Problem::NotFound)?, session.actor.account);
    let request = house
        .read(decision.clone(), move |r| -> Result<_, Failure> { Ok(desk::of_account(r, account)?) })
        .await?
        .filter(Request::is_open)
        .ok_or(Problem::NotFound)?;
    give(&house, decision, copy, request.id).await
}
