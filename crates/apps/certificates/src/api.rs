//! What other programs ask: an examination made elsewhere comes in, its state is read, an agency looks one up.

use crate::bodies::{self, By};
use crate::case::{self, Case};
use crate::reception::{TypedArrival, arrival};
use crate::work::{self, No};
use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use mach_access::{Act, Decision};
use mach_forms::fields::Posted;
use mach_house::{Failure, House, Session};
use mach_store::certificates::{self, Filter};
use mach_store::{Error, Tx, schema};
use mach_ui::http::Problem;
use mach_ui::{Lang, msg};
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// A finished examination of another program.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sent {
    pub(crate) person: Person,
    pub(crate) class: String,
    /// Answers by `linkId` of the form; choices by their code.
    pub(crate) answers: Map<String, Value>,
    /// Who concluded and signed.
    pub(crate) doctor: String,
    /// Who signed for the facility; without it the certificate waits for that signature here.
    #[serde(default)]
    pub(crate) head: String,
}

/// Of whom.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Person {
    pub(crate) number: String,
    pub(crate) name: String,
    pub(crate) born: String,
    pub(crate) sex: String,
    #[serde(default)]
    pub(crate) address: String,
    #[serde(default)]
    pub(crate) phone: String,
}

/// What is wrong with a request, place by place.
struct Wrong(Issues);

impl IntoResponse for Wrong {
    fn into_response(self) -> Response {
        let issue = |(at, text): &(String, String)| json!({"severity": "error", "code": "invalid", "diagnostics": text, "expression": [at]});
        let issues: Vec<Value> = self.0.iter().map(issue).collect();
        let outcome = json!({"resourceType": "OperationOutcome", "issue": issues});
        (StatusCode::UNPROCESSABLE_ENTITY, Json(outcome)).into_response()
    }
}

/// Answers as a browser would post them.
fn posted(answers: &Map<String, Value>) -> Result<Posted, (String, String)> {
    let mut posted = Posted::default();
    let mut text = |name: &str, value: &Value| -> Result<(), (String, String)> {
        match value {
            Value::String(text) => posted.text(name, text.clone()),
            Value::Bool(b) => posted.text(name, b.to_string()),
            Value::Number(n) => posted.text(name, n.to_string()),
            _ => return Err((format!("answers.{name}"), "a text, a number, true or false is wanted".to_owned())),
        }
        Ok(())
    };
    for (name, value) in answers {
        match value {
            Value::Object(quantity) => {
                text(name, quantity.get("value").unwrap_or(&Value::Null))?;
                text(&format!("{name}~unit"), quantity.get("unit").unwrap_or(&Value::Null))?;
            }
            other => text(name, other)?,
        }
    }
    Ok(posted)
}

/// Why a transaction went back: what is wrong, as JSON.
const REFUSED: &str = "certificate:";

/// What is wrong, place by place.
pub(crate) type Issues = Vec<(String, String)>;

/// Takes a finished examination: its look-up code, or everything that is wrong with it and nothing stored.
///
/// # Errors
/// Where the program itself cannot.
pub(crate) async fn take_one(house: &House, decision: Decision, sent: Sent) -> Result<Result<String, Issues>, Problem> {
    let facility = decision.scope().facility().ok_or(Problem::Forbidden)?;
    let p = &sent.person;
    let typed = TypedArrival {
        number: &p.number,
        name: &p.name,
        born: &p.born,
        sex: &p.sex,
        address: &p.address,
        phone: &p.phone,
        class: &sent.class,
    };
    let came = match arrival(Lang::En, &typed) {
        Ok(came) => came,
        Err(errors) => {
            let at = |f: &str| if f == "class" { f.to_owned() } else { format!("person.{f}") };
            return Ok(Err(errors.into_iter().map(|(f, text)| (at(f), text)).collect()));
        }
    };
    if sent.doctor.trim().is_empty() {
        return Ok(Err(vec![("doctor".to_owned(), "the doctor who concluded is wanted".to_owned())]));
    }
    let posted = match posted(&sent.answers) {
        Ok(posted) => posted,
        Err(issue) => return Ok(Err(vec![issue])),
    };
    let written = house.write(decision, move |tx| written(tx, facility, &came, &sent, &posted)).await;
    match written {
        Ok(code) => Ok(Ok(code)),
        // The refusal of our own closure, told as it is.
        Err(Problem::Internal(text)) => {
            match text.split_once(REFUSED).map(|(_, issues)| serde_json::from_str(issues)) {
                Some(Ok(issues)) => Ok(Err(issues)),
                _ => Err(Problem::Internal(text)),
            }
        }
        Err(other) => Err(other),
    }
}

/// Everything within one transaction: what is wrong takes all of it back.
fn written(
    tx: &mut Tx<'_>,
    facility: i64,
    came: &work::Arrival,
    sent: &Sent,
    posted: &Posted,
) -> mach_store::Result<String> {
    let refuse = |issues: Issues| {
        let text = serde_json::to_string(&issues).unwrap_or_default();
        Error::Refused(format!("{REFUSED}{text}"))
    };
    let row = work::open(tx, facility, came)?;
    let case = case::load(tx, &row.code)?.ok_or(Error::Missing("a certificate"))?;
    let context = case.context();
    let mut answers = case.form.read_posted(posted, &case.answers, None);
    let choices = case.form.item("class").map(|i| i.choices.as_slice()).unwrap_or_default();
    let class = choices.iter().find(|c| is_code(&c.value, &row.class)).map(|c| c.value.clone());
    answers.set(&case.form, "class", class);
    case.form.settle(&mut answers, &context);
    let unknown = sent.answers.keys().filter(|k| case.form.item(k.split('~').next().unwrap_or_default()).is_none());
    let mut issues: Issues =
        unknown.map(|k| (format!("answers.{k}"), "the form has no such question".to_owned())).collect();
    let problems = case.form.check(&answers, &context, None, true);
    let grave = problems.iter().filter(|p| !p.warns);
    issues.extend(grave.map(|p| (format!("answers.{}", p.field), p.text(Lang::En))));
    if !issues.is_empty() {
        return Err(refuse(issues));
    }
    let doctor = By { account: 0, name: sent.doctor.clone() };
    for part in &case.parts {
        let kept = work::Posted {
            part: part.link.clone(),
            answers: answers.clone(),
            version: part.version,
            finish: true,
            quiet: false,
        };
        work::keep(tx, &row.code, &doctor, kept)?.map_err(|no| refuse(vec![(part.link.clone(), said(no))]))?;
    }
    let differs = |no| refuse(vec![("answers.conclusion-differs".to_owned(), said(no))]);
    work::conclude(tx, &row.code, &doctor)?.map_err(differs)?;
    if !sent.head.trim().is_empty() {
        let head = By { account: 0, name: sent.head.clone() };
        work::sign(tx, &row.code, &head)?.map_err(|no| refuse(vec![("head".to_owned(), said(no))]))?;
    }
    Ok(row.code)
}

/// `POST /api/certificates`.
pub(crate) async fn take(
    State(house): State<House>,
    session: Session,
    body: axum::body::Bytes,
) -> Result<Response, Problem> {
    let decision = house.decide(&session, Act::Certify).await?;
    let sent: Sent = match serde_json::from_slice(&body) {
        Ok(sent) => sent,
        Err(e) => {
            let text = format!("line {}, column {}: {e}", e.line(), e.column());
            return Ok(Wrong(vec![(String::new(), text)]).into_response());
        }
    };
    let code = match take_one(&house, decision, sent).await? {
        Ok(code) => code,
        Err(issues) => return Ok(Wrong(issues).into_response()),
    };
    let case = read(&house, &session, &code, Act::Certify).await?;
    Ok((StatusCode::CREATED, Json(shown(&case))).into_response())
}

/// Whether a choice has this code.
fn is_code(value: &mach_forms::Value, code: &str) -> bool {
    matches!(value, mach_forms::Value::Coding(c) if c.code == code)
}

fn said(no: No) -> String {
    let lang = Lang::En;
    match no {
        No::Unknown => "there is no such part".to_owned(),
        No::State | No::Changed => lang.t(msg::GKSK_CHANGED_MEANWHILE).to_owned(),
        No::Incomplete => lang.t(msg::GKSK_INCOMPLETE).to_owned(),
        No::Differs => lang.t(msg::GKSK_DIFFERS_WANTED).to_owned(),
        No::Same => lang.t(msg::GKSK_SIGN_SAME).to_owned(),
    }
}

async fn read(house: &House, session: &Session, code: &str, act: Act) -> Result<Case, Problem> {
    crate::view::seen(house, session, code, act).await.map(|(_, case)| case)
}

/// A certificate as other programs see it.
fn shown(case: &Case) -> Value {
    let c = &case.row;
    json!({
        "code": c.code,
        "number": case.number(),
        "state": c.state.code(),
        "class": c.class,
        "result": c.result,
        "name": c.name,
        "nationalId": c.national,
        "facility": case.facility,
        "concluded": c.concluded.map(bodies::instant),
        "validUntil": case.valid_until().map(|d| d.to_string()),
        "doctor": c.doctor,
        "head": c.head,
        "standardMet": case.fitness().is_fit(),
        "sending": {"state": c.sending.code(), "receipt": case.sent.receipt, "said": case.sent.said, "tries": c.tried},
    })
}

/// `GET /api/certificates/{code}`.
pub(crate) async fn one(
    State(house): State<House>,
    session: Session,
    Path(code): Path<String>,
) -> Result<Json<Value>, Problem> {
    Ok(Json(shown(&read(&house, &session, &code, Act::ReadCertificates).await?)))
}

/// What an agency asks.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Wanted {
    #[serde(default)]
    national: String,
    #[serde(default)]
    code: String,
    #[serde(default)]
    purpose: String,
}

/// `GET /api/certificates/look-up?national=…&purpose=…`, or `code=`: issued and revoked certificates, not what was found.
/// Every look-up is logged with its purpose, also one that finds nothing.
pub(crate) async fn look_up(
    State(house): State<House>,
    session: Session,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Value>, Problem> {
    let decision = house.decide(&session, Act::LookUpCertificates).await?;
    let purpose: String = wanted.purpose.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(200).collect();
    if purpose.chars().count() < 5 {
        return Err(Problem::BadRequest(session.lang.t(msg::GKSK_API_WANTED).to_owned()));
    }
    if wanted.national.is_empty() == wanted.code.is_empty() {
        return Err(Problem::BadRequest("national or code".to_owned()));
    }
    let (national, code) = (wanted.national.clone(), wanted.code.to_uppercase());
    let found = house
        .read(decision.clone(), move |r| {
            let rows = match code.is_empty() {
                true => certificates::list(r, &Filter { national, ..Filter::default() }, None, 20)?,
                false => certificates::by_code(r, &code)?.into_iter().collect(),
            };
            let mut out = Vec::new();
            for row in rows.into_iter().filter(|c| c.serial != 0) {
                let facility = schema::facility_code(r, row.facility)?.unwrap_or_default();
                out.push((row, facility));
            }
            Ok::<_, Failure>(out)
        })
        .await?;
    let people: Vec<i64> = found.iter().map(|(c, _)| c.person).collect();
    let target = format!("driver certificate looked up for: {purpose}");
    house
        .write(decision, move |tx| match people.first() {
            Some(person) => tx.audit(Some(*person), &target, "granted"),
            None => tx.audit(None, &target, "failed"),
        })
        .await?;
    let list: Vec<Value> = found
        .iter()
        .map(|(c, facility)| {
            json!({
                "code": c.code,
                "number": bodies::number(c, facility),
                "state": c.state.code(),
                "class": c.class,
                "result": c.result,
                "name": c.name,
                "concluded": c.concluded.map(bodies::instant),
                "facility": facility,
            })
        })
        .collect();
    Ok(Json(json!({"certificates": list})))
}

/// `GET /api/certificates/openapi.json`: open, it holds nothing of anybody.
pub(crate) async fn openapi() -> Response {
    ([(axum::http::header::CONTENT_TYPE, "application/json")], include_str!("../openapi.json")).into_response()
}
