//! A finished examination of another program, or of a spreadsheet's row: all of it is kept, or nothing, with what is wrong.

use crate::bodies::By;
use crate::case;
use crate::reception::{TypedArrival, arrival};
use crate::view::why_not;
use crate::work::{self, No};
use mach_access::{Decision, Role};
use mach_base::Day;
use mach_base::limits::NAME_CHARS;
use mach_forms::fields::{self, Posted};
use mach_forms::{Form, Item, Kind, Value as Answer};
use mach_house::House;
use mach_store::{Error, Tx, certificates};
use mach_ui::Lang;
use mach_ui::http::Problem;
use serde::Deserialize;
use serde_json::{Map, Value};

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

/// What is wrong, place by place: where, what.
pub(crate) type Issues = Vec<(String, String)>;

/// Why an examination was not taken.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// What is wrong with it.
    Wrong(Issues),
    /// This person's examination of this class and day is here already, under this code.
    Twin(String),
}

/// A field that was sent: its question, and what follows the name.
struct Field<'f> {
    item: &'f Item,
    suffix: &'f str,
}

/// The field of a name: `height`, `alcohol~unit`, `hx-name~1`. Nothing that the form does not take is passed over.
fn field<'f>(form: &'f Form, name: &'f str) -> Result<Field<'f>, &'static str> {
    let mut parts = name.split('~');
    let link = parts.next().unwrap_or_default();
    let path = form.path_of(link).ok_or("the form has no such question")?;
    let item = form.at(path).ok_or("the form has no such question")?;
    if !item.kind.is_question() {
        return Err("this is a heading, not a question");
    }
    let above: Vec<&Item> = (1..=path.len()).filter_map(|n| form.at(&path[..n])).collect();
    if above.iter().any(|i| i.hidden) || item.read_only || item.calculated.is_some() {
        return Err("this is not answered: the form computes it, or knows it of the person");
    }
    let repeating = above.iter().filter(|i| i.repeats && !i.is_ticked()).count();
    let mut rest = parts.peekable();
    let mut numbers = 0;
    while let Some(n) = rest.next_if(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit())) {
        let most = above.iter().filter(|i| i.repeats && !i.is_ticked()).nth(numbers).map_or(0, |i| i.max_occurs);
        if n.len() > 4 || n.parse::<usize>().is_ok_and(|n| n >= most) {
            return Err("there are not so many answers to this");
        }
        numbers += 1;
    }
    if numbers != repeating {
        return Err("a repeating question is named with the number of each answer: `name~0`, `name~1`");
    }
    let suffix = match (rest.next(), rest.next()) {
        (None, _) => "",
        (Some("unit"), None) if item.kind == Kind::Quantity || !item.units.is_empty() => "unit",
        (Some("other"), None) if item.kind == Kind::OpenChoice => "other",
        _ => return Err("no question takes this after its name"),
    };
    Ok(Field { item, suffix })
}

/// Answers as a browser would post them, and what of them cannot be.
fn posted(form: &Form, class: &str, answers: &Map<String, Value>) -> (Posted, Issues) {
    let (mut posted, mut issues) = (Posted::default(), Issues::new());
    let mut counts: Vec<(String, usize)> = Vec::new();
    for (name, value) in answers {
        let mut wrong = |text: &str| issues.push((format!("answers.{name}"), text.to_owned()));
        let Field { item, suffix } = match field(form, name) {
            Ok(field) => field,
            Err(why) => {
                wrong(why);
                continue;
            }
        };
        let plain = |value: &Value| match value {
            Value::String(text) => Some(text.clone()),
            Value::Bool(b) => Some(b.to_string()),
            Value::Number(n) => Some(n.to_string()),
            _ => None,
        };
        match value {
            Value::Object(quantity) if suffix.is_empty() && !item.units.is_empty() => {
                let get = |key: &str| quantity.get(key).and_then(plain);
                match (get("value"), get("unit"), quantity.len()) {
                    (Some(value), Some(unit), 2) => {
                        posted.text(name, value);
                        posted.text(format!("{name}~unit"), unit);
                    }
                    _ => wrong("a value and a unit are wanted, and nothing else"),
                }
            }
            Value::Array(list) if suffix.is_empty() && item.is_ticked() => {
                for one in list {
                    match plain(one) {
                        Some(text) => posted.text(name, text),
                        None => wrong("a text, a number, true or false is wanted"),
                    }
                }
            }
            other => match plain(other) {
                Some(text) => posted.text(name, text),
                None => wrong("a text, a number, true or false is wanted"),
            },
        }
        if item.link == "class" && posted.get("class") != class {
            wrong("it is another class than the examination's own");
        }
        let is_file = posted.get(name).strip_prefix("data:").and_then(|d| d.split_once(";base64,"));
        if item.kind == Kind::Attachment && is_file.is_none_or(|(_, data)| !fields::is_base64(data)) {
            wrong("a picture or file is wanted as data:TYPE;base64,…");
        }
        // How many answers of what repeats on the way down.
        let base = name.strip_suffix(&format!("~{suffix}")).filter(|_| !suffix.is_empty()).unwrap_or(name);
        let mut numbers = base.split('~').skip(1).filter_map(|n| n.parse::<usize>().ok());
        let path = form.path_of(&item.link).unwrap_or_default();
        let mut before = Vec::new();
        for above in (1..=path.len()).filter_map(|n| form.at(&path[..n])).filter(|i| i.repeats && !i.is_ticked()) {
            let Some(number) = numbers.next() else { break };
            let count = format!("n~{}", fields::name(&above.link, &before));
            match counts.iter_mut().find(|(n, _)| *n == count) {
                Some((_, most)) => *most = (*most).max(number + 1),
                None => counts.push((count, number + 1)),
            }
            before.push(number);
        }
    }
    // A unit for a question that has one of its own: no other than that.
    for (name, _) in answers.iter() {
        let link = name.split('~').next().unwrap_or_default();
        let base = name.strip_suffix("~unit").unwrap_or(name);
        let unit = posted.get(&format!("{base}~unit"));
        if let Some(item) = form.item(link).filter(|i| i.kind != Kind::Quantity && !i.units.is_empty())
            && !unit.is_empty()
            && !item.units.iter().any(|u| u.code == unit)
        {
            let known: Vec<&str> = item.units.iter().map(|u| u.code.as_str()).collect();
            issues.push((format!("answers.{name}"), format!("it is asked in {}", known.join(", "))));
        }
    }
    counts.into_iter().for_each(|(name, count)| posted.text(name, count.to_string()));
    (posted, issues)
}

/// The name of whoever signed, in one line.
fn signatory(place: &str, text: &str, issues: &mut Issues) -> String {
    let name = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if name.chars().count() > NAME_CHARS || name.chars().any(char::is_control) {
        issues.push((place.to_owned(), format!("a name of at most {NAME_CHARS} characters is wanted")));
    }
    name
}

/// Why a transaction went back: [`Refusal::Wrong`] as JSON.
const REFUSED: &str = "certificate:";

/// Takes a finished examination: its look-up code, or everything that is wrong with it and nothing stored.
///
/// # Errors
/// Where the program itself cannot.
pub(crate) async fn take_one(
    house: &House,
    decision: Decision,
    mut sent: Sent,
) -> Result<Result<String, Refusal>, Problem> {
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
    let mut issues = Issues::new();
    let came = arrival(Lang::En, &typed);
    if let Err(errors) = &came {
        let at = |f: &str| if f == "class" { f.to_owned() } else { format!("person.{f}") };
        issues.extend(errors.iter().map(|(f, text)| (at(f), text.clone())));
    }
    sent.doctor = signatory("doctor", &sent.doctor, &mut issues);
    sent.head = signatory("head", &sent.head, &mut issues);
    if sent.doctor.is_empty() {
        issues.push(("doctor".to_owned(), "the doctor who concluded is wanted".to_owned()));
    }
    if !sent.head.is_empty() && decision.actor().role != Role::Sender {
        let text =
            "only the facility's own program (its key) says that the head signed; here the head signs by account";
        issues.push(("head".to_owned(), text.to_owned()));
    }
    let (true, Ok(came)) = (issues.is_empty(), came) else { return Ok(Err(Refusal::Wrong(issues))) };
    let written = house.write(decision, move |tx| written(tx, facility, &came, &sent)).await;
    match written {
        Ok(taken) => Ok(taken),
        // The refusal of our own closure, told as it is.
        Err(Problem::Internal(text)) => {
            match text.split_once(REFUSED).map(|(_, issues)| serde_json::from_str(issues)) {
                Some(Ok(issues)) => Ok(Err(Refusal::Wrong(issues))),
                _ => Err(Problem::Internal(text)),
            }
        }
        Err(other) => Err(other),
    }
}

/// Everything within one transaction: what is wrong takes all of it back. A twin is told before anything is written.
fn written(
    tx: &mut Tx<'_>,
    facility: i64,
    came: &work::Arrival,
    sent: &Sent,
) -> mach_store::Result<Result<String, Refusal>> {
    let refuse = |issues: Issues| {
        let text = serde_json::to_string(&issues).unwrap_or_default();
        Error::Refused(format!("{REFUSED}{text}"))
    };
    // Sent again because the answer was lost, or twice at once: one examination stays one.
    let today = case::midnight(Day::today());
    if let Some(twin) = certificates::twin(tx, facility, &came.number, &came.class, (today, today + 86_400))? {
        return Ok(Err(Refusal::Twin(twin)));
    }
    let row = work::open(tx, facility, came)?;
    let case = case::load(tx, &row.code)?.ok_or(Error::Missing("a certificate"))?;
    let (posted, mut issues) = posted(&case.form, &row.class, &sent.answers);
    let context = case.context();
    let mut answers = case.form.read_posted(&posted, &case.answers, None);
    let choices = case.form.item("class").map(|i| i.choices.as_slice()).unwrap_or_default();
    let class = choices.iter().find(|c| is_code(&c.value, &row.class)).map(|c| c.value.clone());
    answers.set(&case.form, "class", class);
    case.form.settle(&mut answers, &context);
    // Of the parts that this person is asked: men have no part of gynaecology.
    for part in &case.parts {
        for problem in case.form.check(&answers, &context, Some(&part.link), true).iter().filter(|p| !p.warns) {
            let issue = (format!("answers.{}", problem.field), problem.text(Lang::En));
            if !issues.contains(&issue) {
                issues.push(issue);
            }
        }
    }
    for (name, value) in &sent.answers {
        let link = name.split('~').next().unwrap_or_default();
        let empty = matches!(value, Value::String(text) if text.trim().is_empty());
        let told = issues.iter().any(|(at, _)| at.strip_prefix("answers.").is_some_and(|f| f.starts_with(link)));
        let part = case.form.path_of(link).and_then(|p| Some(case.form.items.get(*p.first()?)?.link.as_str()));
        let asked = part.is_some_and(|part| case.parts.iter().any(|p| p.link == part));
        if !told && !empty && (!asked || answers.value(&case.form, link).is_none()) {
            issues.push((format!("answers.{name}"), "this is not asked after the other answers".to_owned()));
        }
    }
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
    work::conclude(tx, &row.code, &doctor, None)?.map_err(differs)?;
    if !sent.head.is_empty() {
        let head = By { account: 0, name: sent.head.clone() };
        work::sign(tx, &row.code, &head, None, None)?.map_err(|no| refuse(vec![("head".to_owned(), said(no))]))?;
    }
    Ok(Ok(row.code))
}

/// Whether a choice has this code.
fn is_code(value: &Answer, code: &str) -> bool {
    matches!(value, Answer::Coding(c) if c.code == code)
}

fn said(no: No) -> String {
    why_not(Lang::En, no).to_owned()
}
