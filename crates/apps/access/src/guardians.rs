//! `POST /access/proxies/guardians`: who speaks for a grown person who cannot, written down at the desk of a facility that knows the
//! person, from the paper that was seen (a court's decision, the registration of a guardianship) with its scan. It holds until the day on
//! which the paper ends, or until the day by which it is looked at anew: then it is written down again, or nobody reads any more.

use crate::desk::too_long;
use crate::form::{Errors, form};
use crate::papers::{ACCEPTED, ending_of, kind_of};
use crate::proxies::{self, Forms, born, named, source_of, tell};
use axum::extract::multipart::MultipartError;
use axum::extract::{Multipart, Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use mach_access::ages::{Ages, Stage};
use mach_access::guardians::{Entry, Guardians};
use mach_access::policy::{Purpose, Relation};
use mach_access::{Act, secret};
use mach_base::{Day, limits};
use mach_house::{Failure, House, Session};
use mach_store::grants::{self, Guardian, NewGrant, Review};
use mach_store::notices::Kind;
use mach_store::{Tx, people};
use mach_ui::components::{Button, Card, Field, FieldKind};
use mach_ui::http::Problem;
use mach_ui::{Html, Lang, Msg, msg};
use sha2::{Digest, Sha256};

/// Ids of this form's fields end with it: another form on the page has fields of the same names.
const NTH: i64 = 2;
const DAY: i64 = 86_400;
/// So long before the end both are told that it comes.
const TOLD_DAYS: i64 = 30;

/// What is typed.
#[derive(Clone, Default)]
pub(crate) struct Typed {
    ward: String,
    ward_name: String,
    reader: String,
    reader_name: String,
    ground: String,
    paper: String,
    number: String,
    day: String,
    issuer: String,
    last: String,
    review: String,
}

impl Typed {
    fn field(&mut self, name: &str) -> Option<&mut String> {
        Some(match name {
            "ward" => &mut self.ward,
            "ward_name" => &mut self.ward_name,
            "reader" => &mut self.reader,
            "reader_name" => &mut self.reader_name,
            "ground" => &mut self.ground,
            "paper" => &mut self.paper,
            "number" => &mut self.number,
            "day" => &mut self.day,
            "issuer" => &mut self.issuer,
            "last" => &mut self.last,
            "review" => &mut self.review,
            _ => return None,
        })
    }
}

/// What was sent: what was typed, and the scan.
async fn posted(mut form: Multipart) -> Result<(Typed, Vec<u8>), Problem> {
    let bad = |e: MultipartError| match e.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::TooLarge,
        _ => Problem::BadRequest(e.body_text()),
    };
    let (mut typed, mut scan) = (Typed::default(), Vec::new());
    while let Some(field) = form.next_field().await.map_err(bad)? {
        let name = field.name().unwrap_or_default().to_owned();
        if name == "scan" {
            scan = field.bytes().await.map_err(bad)?.to_vec();
        } else if let Some(value) = typed.field(&name) {
            field.text().await.map_err(bad)?.trim().clone_into(value);
        }
    }
    Ok((typed, scan))
}

/// The card with the form.
pub(crate) fn card(lang: Lang, typed: &Typed, errors: &Errors) -> Html {
    let (all, today) = (Guardians::shared(), Day::today());
    let text =
        |name: &str, label, value: &str| Field::new(name, lang.t(label), FieldKind::Text).value(value).required();
    let day = |name: &str, label, value: &str| Field::new(name, lang.t(label), FieldKind::Date).value(value);
    let choice = |name: &str, label, entries: Vec<&Entry>, value: &str| {
        let all = entries.into_iter().map(|e| (e.code.clone(), lang.pick(&e.vi, &e.en).to_owned())).collect();
        Field::new(name, lang.t(label), FieldKind::Choice(all)).value(value).to_choose(lang)
    };
    let most = (limits::DESK_PAPER_BYTES >> 20).to_string();
    let fields = [
        text("ward", msg::GUARDIAN_WARD_NUMBER, &typed.ward),
        text("ward_name", msg::GUARDIAN_WARD_NAME, &typed.ward_name).hint(lang.t(msg::PROXY_NAME_HINT)),
        text("reader", msg::PROXY_READER_NUMBER, &typed.reader).hint(lang.t(msg::PROXY_READER_HINT)),
        text("reader_name", msg::PROXY_READER_NAME, &typed.reader_name).hint(lang.t(msg::PROXY_NAME_HINT)),
        choice("ground", msg::GUARDIAN_GROUND, all.grounds(today).collect(), &typed.ground),
        choice("paper", msg::PROXY_PROOF, all.papers(today).collect(), &typed.paper),
        text("number", msg::GUARDIAN_NUMBER, &typed.number).hint(lang.t(msg::GUARDIAN_NUMBER_HINT)),
        day("day", msg::GUARDIAN_DAY, &typed.day).required(),
        text("issuer", msg::GUARDIAN_ISSUER, &typed.issuer).hint(lang.t(msg::GUARDIAN_ISSUER_HINT)),
        day("last", msg::GUARDIAN_LAST, &typed.last).hint(lang.t(msg::GUARDIAN_LAST_HINT)),
        day("review", msg::GUARDIAN_REVIEW, &typed.review).hint(lang.t(msg::GUARDIAN_REVIEW_HINT)),
        Field::new("scan", lang.t(msg::GUARDIAN_SCAN), FieldKind::File(ACCEPTED))
            .hint(lang.fmt(msg::GUARDIAN_SCAN_HINT, &[("most", &most)]))
            .required(),
    ];
    let fields = fields.map(|field| field.told(errors).nth(NTH));
    let body = form(lang, "/access/proxies/guardians", &fields, Button::submit(lang.t(msg::PROXY_DO)));
    let mut card = Card::new(lang.t(msg::GUARDIAN_NEW), body);
    card.id = "guardian".to_owned();
    card.into()
}

/// What was read of what was typed, all of it right.
struct Read {
    guardian: Guardian,
    reason: String,
    /// The last day on which somebody reads by it.
    until: Day,
}

fn read(lang: Lang, typed: &Typed, scan: &[u8], errors: &mut Errors) -> Option<Read> {
    texts(lang, typed, errors);
    let (all, today) = (Guardians::shared(), Day::today());
    let ground = all.grounds(today).find(|entry| entry.code == typed.ground);
    let paper = all.papers(today).find(|entry| entry.code == typed.paper);
    for (name, _) in [("ground", ground), ("paper", paper)].iter().filter(|(_, chosen)| chosen.is_none()) {
        errors.push((name, lang.t(msg::FIELD_CHOOSE).to_owned()));
    }
    let day = Day::parse_iso(&typed.day).filter(|day| *day <= today);
    if day.is_none() {
        errors.push(("day", lang.t(msg::GUARDIAN_DAY_WRONG).to_owned()));
    }
    let latest = ground.and_then(|ground| months_on(today, ground.review));
    let ends = ends(lang, typed, (today, latest), errors);
    let kind = scanned(lang, scan, errors);
    if !errors.is_empty() {
        return None;
    }
    let (ground, paper, day, (last, review), kind) = (ground?, paper?, day?, ends?, kind?);
    let until = [last, review].into_iter().flatten().min()?;
    let number = |day: Day| i64::from(day.0);
    let guardian = Guardian {
        ground: ground.code.clone(),
        paper: paper.code.clone(),
        day: number(day),
        last: last.map(number),
        review: review.map(number),
        number: typed.number.clone(),
        issuer: typed.issuer.clone(),
        kind: kind.to_owned(),
        size: i64::try_from(scan.len()).ok()?,
        hash: secret::hex(&Sha256::digest(scan)),
    };
    // In Vietnamese, whoever wrote it down: the person and who speaks for them read it.
    let words = [("paper", &*paper.vi), ("number", &typed.number), ("day", &day.vi()), ("issuer", &typed.issuer)];
    let seen = Lang::Vi.fmt(msg::GUARDIAN_REASON, &words);
    let reason = format!("{} · {} · {seen}", Lang::Vi.t(msg::PROXY_GUARDIAN), ground.vi);
    Some(Read { guardian, reason, until })
}

/// That every text is there, and none too long.
fn texts(lang: Lang, typed: &Typed, errors: &mut Errors) {
    for (name, text) in [
        ("ward", &typed.ward),
        ("ward_name", &typed.ward_name),
        ("reader", &typed.reader),
        ("reader_name", &typed.reader_name),
        ("number", &typed.number),
        ("issuer", &typed.issuer),
    ] {
        let error = match text.is_empty() {
            true => Some(lang.t(msg::DESK_EMPTY).to_owned()),
            false => too_long(lang, text, limits::NAME_CHARS),
        };
        errors.extend(error.map(|error| (name, error)));
    }
}

/// The last day of the paper, and the day by which it is looked at anew: at the latest `latest`.
fn ends(
    lang: Lang,
    typed: &Typed,
    (today, latest): (Day, Option<Day>),
    errors: &mut Errors,
) -> Option<(Option<Day>, Option<Day>)> {
    let ahead = |text: &str| match text {
        "" => Some(None),
        text => Day::parse_iso(text).filter(|day| *day >= today && day.0 < i32::MAX - 1).map(Some),
    };
    let (last, review) = (ahead(&typed.last), ahead(&typed.review));
    if last.is_none() {
        errors.push(("last", lang.t(msg::PROXY_UNTIL_WRONG).to_owned()));
    }
    match review {
        None => errors.push(("review", lang.t(msg::PROXY_UNTIL_WRONG).to_owned())),
        // Without an end nobody reads for ever: somebody looks at the paper anew.
        Some(None) if last == Some(None) => errors.push(("review", lang.t(msg::GUARDIAN_REVIEW_WANTED).to_owned())),
        Some(Some(review)) if latest.is_some_and(|latest| review > latest) => {
            let latest = latest.map(Day::vi).unwrap_or_default();
            errors.push(("review", lang.fmt(msg::GUARDIAN_REVIEW_LATE, &[("day", &latest)])));
        }
        _ => {}
    }
    last.zip(review)
}

/// The media type of a scan.
fn scanned(lang: Lang, scan: &[u8], errors: &mut Errors) -> Option<&'static str> {
    let kind = kind_of(scan);
    let error = match kind {
        _ if scan.is_empty() => lang.t(msg::GUARDIAN_SCAN_WANTED).to_owned(),
        _ if scan.len() > limits::DESK_PAPER_BYTES => {
            let most = (limits::DESK_PAPER_BYTES >> 20).to_string();
            lang.fmt(msg::GUARDIAN_SCAN_LARGE, &[("most", &most)])
        }
        None => lang.t(msg::GUARDIAN_SCAN_KIND).to_owned(),
        Some(_) => return kind,
    };
    errors.push(("scan", error));
    None
}

/// The day so many months after another; where that month is shorter, its last (Civil Code, art. 148).
fn months_on(day: Day, months: i32) -> Option<Day> {
    let (year, month, of_month) = day.ymd();
    let index = year * 12 + i32::try_from(month).ok()? - 1 + months;
    let month = u32::try_from(index.rem_euclid(12) + 1).ok()?;
    (0..4).find_map(|less| Day::from_ymd(index.div_euclid(12), month, of_month.checked_sub(less)?))
}

/// What is in the way, at which field.
type Wrong = (&'static str, Msg);

/// Writes it down, where nothing is in the way.
fn make(tx: &mut Tx<'_>, typed: &Typed, read: &Read, scan: &[u8]) -> mach_store::Result<Result<(), Wrong>> {
    let own = tx.decision().actor().facility.unwrap_or(0);
    let ward = match named(tx, &typed.ward, &typed.ward_name)? {
        Some(ward) if people::knows(tx, own, ward.id)? => ward,
        _ => return Ok(Err(("ward", msg::GUARDIAN_WARD_NOBODY))),
    };
    let Some(reader) = named(tx, &typed.reader, &typed.reader_name)?.filter(|reader| reader.id != ward.id) else {
        return Ok(Err(("reader", msg::PROXY_READER_NOBODY)));
    };
    let (today, Some(born)) = (Day::today(), born(&ward)) else { return Ok(Err(("ward", msg::PROXY_NOT_BORN))) };
    if Ages::shared().day_of(Stage::Majority, born, today).is_none_or(|grown| today < grown) {
        return Ok(Err(("ward", msg::GUARDIAN_YOUNG)));
    }
    let Some(account) = tx.citizen_account(reader.id)? else {
        return Ok(Err(("reader", msg::PROXY_READER_NOBODY)));
    };
    let relations = [Relation::Proxy];
    let held = grants::held(tx, ward.id, &relations)?;
    let (before, others): (Vec<_>, Vec<_>) = held.into_iter().partition(|grant| grant.account == account);
    if others.len() >= limits::SHARES {
        return Ok(Err(("ward", msg::GUARDIAN_MANY)));
    }
    for grant in &before {
        // Written down anew: by the paper that was seen now.
        end(tx, grant)?;
    }
    let until = until_second(read.until);
    let grant = tx.grant(&NewGrant {
        person: ward.id,
        account,
        facility: 0,
        relation: Relation::Proxy,
        purpose: Purpose::Family,
        until,
        reason: read.reason.clone(),
        source: source_of(own),
        from: 0,
        review: Review::NotNeeded,
    })?;
    tx.keep_guardian((grant, ward.id), &read.guardian, scan)?;
    // Who has no account yet finds the notice in the one they get.
    tx.citizen_account(ward.id)?;
    tell(tx, (ward.id, account), Kind::ProxyMade)?;
    tx.notify(account, Kind::ProxyReview, told_at(until), "/me").map(Ok)
}

/// The second in which a day has ended in Viet Nam.
fn until_second(day: Day) -> i64 {
    (i64::from(day.0) + 1) * DAY - 7 * 3_600
}

fn told_at(until: i64) -> i64 {
    (until - TOLD_DAYS * DAY).max(mach_base::time::now_seconds())
}

/// Ends a grant, and takes back what was to be told of its end.
pub(crate) fn end(tx: &mut Tx<'_>, grant: &grants::Grant) -> mach_store::Result<bool> {
    let ended = tx.end_grant(grant.id)?;
    if ended && grants::guardian_of(tx, grant.id)?.is_some() {
        tx.take_notice_back(grant.account, Kind::ProxyReview, told_at(grant.until))?;
    }
    Ok(ended)
}

/// `POST /access/proxies/guardians`, multipart.
pub(crate) async fn write(State(house): State<House>, session: Session, sent: Multipart) -> Result<Response, Problem> {
    let decision = house.decide(&session, Act::RegisterProxies).await?;
    let (lang, mut errors) = (session.lang, Errors::new());
    let (typed, scan) = posted(sent).await?;
    if let Some(read) = read(lang, &typed, &scan, &mut errors) {
        session.looks_for_people()?;
        let asked = typed.clone();
        let done = house
            .write(decision.clone(), move |tx| {
                let made = make(tx, &asked, &read, &scan)?;
                if made.is_err() {
                    // Who tries numbers is seen.
                    tx.audit(None, "guardian", "failed")?;
                }
                Ok(made)
            })
            .await?;
        match done {
            Ok(()) => return Ok(Redirect::to("/access/proxies?done=made").into_response()),
            Err((name, error)) => errors.push((name, lang.t(error).to_owned())),
        }
    }
    if !errors.iter().any(|(name, _)| *name == "scan") {
        // What a browser sent it does not fill in again.
        errors.push(("scan", lang.t(msg::GUARDIAN_SCAN_AGAIN).to_owned()));
    }
    let forms = Forms { adult: (typed, errors), ..Forms::default() };
    let page = proxies::shown(&house, &session, &decision, &forms).await?;
    Ok((StatusCode::BAD_REQUEST, page).into_response())
}

/// `GET /access/proxies/{id}/scan`: the paper as it was scanned, for the desk that wrote it down.
pub(crate) async fn scan(
    State(house): State<House>,
    session: Session,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let decision = house.decide(&session, Act::RegisterProxies).await?;
    let id: i64 = id.parse().map_err(|_| Problem::NotFound)?;
    let own = decision.scope().facility().unwrap_or(0);
    let read = move |r: &mut mach_store::Reader| -> Result<_, Failure> {
        let Some(grant) = grants::of_this_source(r, id, &source_of(own))? else { return Ok(None) };
        Ok(grants::guardian_scan(r, id)?.map(|(guardian, file)| (grant.person, guardian.kind, file)))
    };
    let (person, kind, file) = house.read(decision.clone(), read).await?.ok_or(Problem::NotFound)?;
    house.write(decision, move |tx| tx.audit(Some(person), &format!("guardian's paper {id}"), "granted")).await?;
    let name = format!("attachment; filename=\"giam-ho-{id}.{}\"", ending_of(&kind));
    let headers = [
        (header::CONTENT_TYPE, kind),
        // It is somebody else's file: it is never opened as a page of ours.
        (header::CONTENT_DISPOSITION, name),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
    ];
    Ok((headers, file).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_end_with_the_month() {
        let day = |text: &str| Day::parse_iso(text).unwrap();
        for (from, months, expect) in [
            ("2026-11-27", 24, "2028-11-27"),
            ("2026-11-30", 3, "2027-02-28"),
            ("2026-01-31", 1, "2026-02-28"),
            ("2024-02-29", 12, "2025-02-28"),
            ("2026-12-31", 18, "2028-06-30"),
        ] {
            assert_eq!(months_on(day(from), months), Some(day(expect)), "{from} {months}");
        }
    }
}
