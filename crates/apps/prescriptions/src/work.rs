//! What a doctor does to a prescription, each in one transaction: resources, rows, signature and audit together or not at all.

use crate::bodies::{self, Deed};
use crate::case::{self, Case, digest, load};
use crate::check::{Content, Finding, check, undivided};
use crate::rules::Rules;
use crate::signing::Prescriptions;
use crate::{code, signed_code};
use mach_base::text::fold;
use mach_base::time::now_seconds;
use mach_base::{Day, Minute};
use mach_fhir::{IndexValue, ResourceType, index::Param};
use mach_signing::ask::{self, Cannot, Chosen, Wanted};
use mach_signing::flights::Taken;
use mach_store::prescriptions::{self, Line, Prescription, Sending, State};
use mach_store::resources::Put;
use mach_store::signing::{Act, Flight};
use mach_store::{Error, Result, Tx, schema};

/// Characters of one text.
pub const TEXT_CHARS: usize = 500;

/// What came of an act.
pub type Done<T> = std::result::Result<T, No>;

/// Who acts.
#[derive(Clone, Debug)]
pub struct By {
    /// Account number.
    pub account: i64,
    /// Name shown.
    pub name: String,
}

/// Why something was not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum No {
    /// There is no such prescription or person here.
    Unknown,
    /// It does not stand where this is done.
    State,
    /// The rules forbid it, or want a reason.
    Rules(Vec<Finding>),
    /// Only who wrote it does this.
    NotYours,
    /// The facility has not registered its rules of signing.
    NoPolicy,
    /// Nobody let them sign prescriptions.
    NoSigner,
    /// What is kept is not what was written.
    Altered,
    /// It may not be dispensed yet.
    Early,
    /// It may no longer be dispensed.
    Expired,
    /// Nothing is to be handed out.
    Nothing,
    /// More than is left of a line, by number.
    TooMuch(i64),
    /// The same sale was told with other quantities.
    OtherSale,
    /// Who takes controlled medicines must be named.
    NoReceiver,
    /// Who takes controlled medicines must sign, by a way that counts.
    NoReceipt,
    /// What they signed is not what would be handed out.
    ReceiptChanged,
}

pub(crate) fn put(p: &Prescription, kind: ResourceType, id: String, body: String, index: Vec<IndexValue>) -> Put {
    let date = Some(Minute::of_seconds(p.signed.unwrap_or(p.written)).0);
    Put { kind, id, body, patient: Some(p.person), date, facility: Some(p.facility), index }
}

/// The resources that say where a prescription stands.
pub(crate) fn projected(p: &Prescription, c: &Content) -> Vec<Put> {
    let code =
        IndexValue::Token { param: Param::IDENTIFIER, system: bodies::CODES.into(), code: p.code.as_str().into() };
    let mut puts = vec![put(p, ResourceType::LIST, bodies::id(&p.code), bodies::list(p, c), vec![code])];
    for (n, item) in (1..).zip(&c.items) {
        let id = format!("{}-{n}", bodies::id(&p.code));
        puts.push(put(p, ResourceType::MEDICATION_REQUEST, id, bodies::request(p, c, n, item), Vec::new()));
    }
    puts
}

/// A file of a prescription as a resource.
pub(crate) fn file(p: &Prescription, c: &Content, name: (&str, &str), bytes: &[u8]) -> Put {
    let body = bodies::binary(p, c, name, &mach_sign::base64(bytes));
    put(p, ResourceType::BINARY, format!("{}-{}", bodies::id(&p.code), name.0), body, Vec::new())
}

/// What somebody did as a resource.
pub(crate) fn deed(p: &Prescription, c: &Content, (act, why, paper): (&str, &str, &str), by: &By, at: i64) -> Put {
    let mark = format!("{act}-{at}");
    let who = (by.account, by.name.as_str());
    let body = bodies::provenance(p, c, &Deed { mark: &mark, act, who, why, paper, at });
    put(p, ResourceType::PROVENANCE, format!("{}-{mark}", bodies::id(&p.code)), body, Vec::new())
}

fn practitioner(p: &Prescription, by: &By) -> Put {
    let id = format!("account-{}", by.account);
    let body = serde_json::json!({"resourceType": "Practitioner", "id": id, "name": [{"text": by.name}]});
    Put {
        kind: ResourceType::PRACTITIONER,
        id,
        body: body.to_string(),
        patient: None,
        date: None,
        facility: Some(p.facility),
        index: Vec::new(),
    }
}

/// Keeps what was written: its bytes, their hash in the row, the lines, and the resources made of it.
fn keep(tx: &mut Tx<'_>, row: &mut Prescription, content: &Content) -> Result<Vec<Put>> {
    let bytes = serde_json::to_vec(content).map_err(|e| Error::Files(e.to_string()))?;
    row.digest = digest(&bytes);
    row.id = tx.keep_prescription(row)?;
    let lines = (1..).zip(&content.items).map(|(line, item)| Line {
        line,
        prescribed: item.quantity,
        dispensed: 0,
        until: content.until(item),
        ingredient: fold(&item.ingredient),
    });
    tx.keep_lines(row, &lines.collect::<Vec<_>>())?;
    let mut puts = projected(row, content);
    puts.push(file(row, content, ("doc", "application/json"), &bytes));
    Ok(puts)
}

/// Whether a finding forbids even a draft: what a paper cannot hold.
fn forbids_draft(f: &Finding) -> bool {
    f.forbids && (f.field == "kind" || f.field.starts_with("drug-"))
}

/// Writes a draft, in parts where its kind asks for them: the codes are given now, the first one is told. What the rules say of
/// it is shown; nothing is refused but a person or kind that is not there, and what a paper cannot hold.
///
/// # Errors
/// Of the store.
pub fn write(tx: &mut Tx<'_>, facility: i64, by: &By, mut content: Content) -> Result<Done<String>> {
    let today = Day::today();
    let Some(subject) = case::subject(tx, content.person, today, "")? else { return Ok(Err(No::Unknown)) };
    let facility_code = schema::facility_code(tx, facility)?.ok_or(Error::Missing("a facility"))?;
    content.day = today.to_string();
    content.facility.clone_from(&facility_code);
    content.doctor.clone_from(&by.name);
    content.reason = String::new();
    let parts = content.in_parts(Rules::shared());
    let mut found: Vec<Finding> = parts.first().map(|p| check(Rules::shared(), p, &subject)).unwrap_or_default();
    found.extend(undivided(Rules::shared(), &content));
    if found.iter().any(|f| forbids_draft(f) || f.rule == "divided") {
        return Ok(Err(No::Rules(found)));
    }
    if !content.replaces.is_empty() {
        let old = prescriptions::by_code(tx, &content.replaces)?;
        let may = old.as_ref().is_some_and(|o| {
            matches!(o.state, State::Signed | State::Partly) && o.person == content.person && o.account == by.account
        });
        if !may {
            return Ok(Err(No::State));
        }
    }
    let mut first = String::new();
    for mut part in parts {
        part.code = code::new(&facility_code, &part.kind)?;
        while prescriptions::by_code(tx, &part.code)?.is_some() {
            part.code = code::new(&facility_code, &part.kind)?;
        }
        if first.is_empty() {
            first.clone_from(&part.code);
        }
        let mut row = Prescription {
            id: 0,
            person: part.person,
            account: by.account,
            written: now_seconds(),
            signed: None,
            opens: None,
            expires: None,
            tried: 0,
            next: None,
            look: None,
            facility,
            state: State::Draft,
            sending: Sending::None,
            part: part.part,
            sensitive: case::is_sensitive(&part),
            kind: part.kind.clone(),
            code: part.code.clone(),
            series: if part.part > 0 { first.clone() } else { String::new() },
            // What is replaced ends when the first part is signed.
            replaces: if part.part < 2 { part.replaces.clone() } else { String::new() },
            digest: String::new(),
            paper: String::new(),
            receipt: String::new(),
            said: String::new(),
        };
        part.replaces.clone_from(&row.replaces);
        let mut puts = keep(tx, &mut row, &part)?;
        puts.push(practitioner(&row, by));
        tx.put(&puts)?;
        tx.audit(Some(row.person), &format!("prescription {} written", row.code), "granted")?;
    }
    Ok(Ok(first))
}

impl From<Cannot> for No {
    fn from(cannot: Cannot) -> Self {
        match cannot {
            Cannot::NoPolicy => Self::NoPolicy,
            Cannot::NoSigner => Self::NoSigner,
            Cannot::MayNot => Self::NotYours,
        }
    }
}

fn wanted(row: &Prescription, by: &By) -> Wanted {
    let (code, name) = (row.code.clone(), by.name.clone());
    Wanted { facility: row.facility, code, act: Act::Prescribe, account: by.account, name }
}

/// The drafts that are signed together with this one: those of its series.
fn together(tx: &mut Tx<'_>, case: Case) -> Result<Vec<Case>> {
    if case.row.series.is_empty() {
        return Ok(vec![case]);
    }
    let rows = prescriptions::series(tx, case.row.facility, &case.row.series)?;
    rows.into_iter().filter(|r| r.state == State::Draft).map(|r| case::of(tx, r)).collect()
}

/// Asks for the doctor's digital signature of a draft and of those of its series. `reason` passes warnings over. From now on
/// nothing of it changes; it counts when the signature is there. `chosen`: with which of their certificates.
///
/// # Errors
/// Of the store.
pub fn sign(tx: &mut Tx<'_>, code: &str, by: &By, reason: &str, chosen: Chosen) -> Result<Done<Vec<String>>> {
    let Some(case) = load(tx, code)? else { return Ok(Err(No::Unknown)) };
    if case.row.state != State::Draft {
        return Ok(Err(No::State));
    }
    if !case.is_by(by.account) {
        return Ok(Err(No::NotYours));
    }
    let signer = match ask::signs_with(tx, &wanted(&case.row, by), chosen, now_seconds())? {
        Ok(signer) => signer,
        Err(cannot) => return Ok(Err(cannot.into())),
    };
    let (now, today, person) = (now_seconds(), Day::today(), case.row.person);
    let series = case.row.series.clone();
    let Some(subject) = case::subject(tx, person, today, &series)? else { return Ok(Err(No::Unknown)) };
    let mut codes = Vec::new();
    for mut case in together(tx, case)? {
        if case.altered {
            return Ok(Err(No::Altered));
        }
        // A draft of yesterday is signed by the rules of today; the days of later parts move with it.
        let moved = Day::parse_iso(&case.content.day).map_or(0, |d| today.0 - d.0);
        let from = Day::parse_iso(&case.content.from).map(|d| Day(d.0 + moved).to_string());
        (case.content.day, case.content.from) = (today.to_string(), from.unwrap_or_default());
        let found = check(Rules::shared(), &case.content, &subject);
        if found.iter().any(|f| f.forbids) || (!found.is_empty() && reason.trim().is_empty()) {
            return Ok(Err(No::Rules(found)));
        }
        case.content.reason = if found.is_empty() { String::new() } else { reason.trim().to_owned() };
        case.row.state = State::Signing;
        let puts = keep(tx, &mut case.row, &case.content)?;
        tx.put(&puts)?;
        ask::begin(tx, wanted(&case.row, by), signer, now)?;
        tx.audit(Some(person), &format!("prescription {} to be signed", case.row.code), "granted")?;
        codes.push(case.row.code);
    }
    Ok(Ok(codes))
}

/// Asks once more for a signature that stopped.
///
/// # Errors
/// Of the store.
pub fn resume(tx: &mut Tx<'_>, code: &str, by: &By, chosen: Chosen) -> Result<Done<()>> {
    let Some(case) = load(tx, code)? else { return Ok(Err(No::Unknown)) };
    if !case.is_by(by.account) {
        return Ok(Err(No::NotYours));
    }
    let stopped = case.flight.filter(|f| f.ended.is_none() && f.next.is_none() && case.row.state == State::Signing);
    let Some(stopped) = stopped else { return Ok(Err(No::State)) };
    if let Err(cannot) = ask::again(tx, &Prescriptions, &stopped, chosen, now_seconds())? {
        return Ok(Err(cannot.into()));
    }
    tx.audit(Some(case.row.person), &format!("prescription {code} signature asked for again"), "granted")?;
    Ok(Ok(()))
}

/// Gives up the signature under way: it is a draft again.
///
/// # Errors
/// Of the store.
pub fn back(tx: &mut Tx<'_>, code: &str, by: &By) -> Result<Done<()>> {
    let Some(mut case) = load(tx, code)? else { return Ok(Err(No::Unknown)) };
    if !case.is_by(by.account) {
        return Ok(Err(No::NotYours));
    }
    if case.row.state != State::Signing {
        return Ok(Err(No::State));
    }
    tx.end_flights(case.row.facility, code)?;
    case.row.state = State::Draft;
    tx.keep_prescription(&case.row)?;
    tx.put(&projected(&case.row, &case.content))?;
    tx.audit(Some(case.row.person), &format!("prescription {code} is a draft again"), "granted")?;
    Ok(Ok(()))
}

/// The end of a day, and its beginning, in seconds on Viet Nam's clock.
pub(crate) fn bounds(day: i64) -> (i64, i64) {
    let begin = day * 86_400 - 7 * 3_600;
    (begin, begin + 86_399)
}

/// Takes the signed paper: it counts from now, is to be sent, and what it replaces ends.
pub(crate) fn signed(tx: &mut Tx<'_>, flight: &Flight, paper: &[u8], now: i64) -> Result<Taken> {
    let found = load(tx, &flight.code)?.filter(|c| c.row.state == State::Signing && !c.altered);
    let Some(mut case) = found else { return Ok(Taken::Nobodys) };
    let by = By { account: flight.account, name: flight.name.clone() };
    let today = Minute::of_seconds(now).day();
    let kind = Rules::shared().kind(&case.row.kind, today);
    let begins = case.content.begins().unwrap_or(today).0.max(today.0);
    let early = kind.map_or(0, |k| k.early);
    let opens = if case.row.part > 1 { bounds(i64::from(begins) - early).0.max(now) } else { now };
    let last = i64::from(begins) + Rules::shared().valid_days(today) - 1;
    let row = &mut case.row;
    (row.signed, row.opens, row.expires) = (Some(now), Some(opens), Some(bounds(last).1));
    (row.state, row.paper) = (State::Signed, digest(paper));
    (row.sending, row.tried, row.next) = (Sending::Due, 0, Some(now));
    let hash = row.paper.clone();
    let mut puts = projected(&case.row, &case.content);
    puts.extend([
        file(&case.row, &case.content, ("paper", "application/pdf"), paper),
        deed(&case.row, &case.content, ("sign", &case.content.reason, &hash), &by, now),
    ]);
    tx.put(&puts)?;
    tx.keep_prescription(&case.row)?;
    signed_code::keep(tx, &case)?;
    let old = case.row.replaces.clone();
    if !old.is_empty() {
        end(tx, &old, State::Replaced, &by, &format!("replaced by {}", case.row.code))?;
    }
    tx.audit(Some(case.row.person), &format!("prescription {} signed", case.row.code), "granted")?;
    Ok(if old.is_empty() { Taken::Whole } else { Taken::Replacing })
}

/// Ends what another takes the place of, or what is taken back, with the later parts of its series; what was handed out stays.
fn end(tx: &mut Tx<'_>, code: &str, to: State, by: &By, why: &str) -> Result<()> {
    let Some(first) = prescriptions::by_code(tx, code)? else { return Ok(()) };
    let mut rows = prescriptions::series(tx, first.facility, &first.series)?;
    rows.retain(|r| r.part > first.part);
    rows.insert(0, first);
    let now = now_seconds();
    for row in rows {
        if !matches!(row.state, State::Draft | State::Signing | State::Signed | State::Partly) {
            continue;
        }
        let mut case = case::of(tx, row)?;
        case.row.state = to;
        // The national system has no word for taking back: what was not sent is not sent any more, what was stays there.
        if matches!(case.row.sending, Sending::Due | Sending::Refused) {
            (case.row.sending, case.row.next) = (Sending::None, None);
        }
        case.row.look = None;
        tx.end_flights(case.row.facility, &case.row.code)?;
        tx.end_papers(case.row.facility, &case.row.code, if to == State::Replaced { "replaced" } else { "revoked" })?;
        tx.keep_prescription(&case.row)?;
        if !case.altered {
            let act = if to == State::Replaced { "replace" } else { "cancel" };
            let mut puts = projected(&case.row, &case.content);
            puts.push(deed(&case.row, &case.content, (act, why, ""), by, now));
            tx.put(&puts)?;
        }
        tx.audit(Some(case.row.person), &format!("prescription {} {}", case.row.code, to.code()), "granted")?;
    }
    Ok(())
}

/// Gives a draft up, or takes a signed prescription back of which nothing was handed out, with the reason.
///
/// # Errors
/// Of the store.
pub fn cancel(tx: &mut Tx<'_>, code: &str, by: &By, why: &str) -> Result<Done<()>> {
    let Some(case) = load(tx, code)? else { return Ok(Err(No::Unknown)) };
    if !matches!(case.row.state, State::Draft | State::Signing | State::Signed) {
        return Ok(Err(No::State));
    }
    if !case.is_by(by.account) {
        return Ok(Err(No::NotYours));
    }
    end(tx, code, State::Cancelled, by, why)?;
    Ok(Ok(()))
}

/// Puts a prescription to the head of the queue again.
///
/// # Errors
/// Of the store.
pub fn send_again(tx: &mut Tx<'_>, code: &str) -> Result<Done<()>> {
    let Some(mut row) = prescriptions::by_code(tx, code)? else { return Ok(Err(No::Unknown)) };
    if !row.may_be_sent() {
        return Ok(Err(No::State));
    }
    (row.sending, row.next) = (Sending::Due, Some(now_seconds()));
    tx.keep_prescription(&row)?;
    tx.audit(Some(row.person), &format!("prescription {code} to be sent again"), "granted")?;
    Ok(Ok(()))
}
