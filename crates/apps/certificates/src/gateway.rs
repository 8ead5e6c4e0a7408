//! The insurer's gateway for driver health certificates (`POST /api/hssk/gksk`): its message, and who takes it.
//!
//! Field names and their odd spellings are the gateway's own (`…CMND` in the form, `…CMD` in the XML). It knows `ADD` and
//! `EDIT`; a revocation goes as an `EDIT` that concludes "not fit" with the reason, as nothing else is documented.

use crate::bodies::number;
use crate::case::Case;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mach_base::Minute;
use mach_forms::Value;
use mach_house::gateway::{GKSK, Line, Request};
use mach_sign::certificate::Certificate;
use mach_sign::key::Signer;
use mach_sign::xml::{Method, Options, Reference};
use mach_store::certificates::State;
use md5::{Digest, Md5};
use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// A message to the gateway: fields in the order of its documentation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// `ADD` or `EDIT`.
    pub action: &'static str,
    /// Names and values.
    pub fields: Vec<(&'static str, String)>,
    /// The XML of the same, signed (XMLDSig), in base64: `SIGNDATA`. Empty until it is sealed.
    pub signed: String,
}

/// What the gateway says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It has it, under this receipt.
    Taken(String),
    /// It will not have it, and sending the same again is of no use.
    Refused(String),
    /// It could not be asked, or did not understand itself: try again later.
    Failed(String),
}

/// The fields without which the gateway takes no message.
const WANTED: [&str; 9] = [
    "SO",
    "HOTEN",
    "NGAYSINH",
    "SOCMND_PASSPORT",
    "IDBENHVIEN",
    "NGAYKETLUAN",
    "BACSYKETLUAN",
    "KETLUAN",
    "HANGBANGLAI",
];

/// The fields it knows.
const NAMES: [&str; 21] = [
    "SO",
    "HOTEN",
    "NGAYSINH",
    "GIOITINHVAL",
    "DIACHITHUONGTRU",
    "SOCMND_PASSPORT",
    "NGAYTHANGNAMCAPCMND",
    "NOICAP",
    "IDBENHVIEN",
    "BENHVIEN",
    "NONGDOCON",
    "DVINONGDOCON",
    "MATUY",
    "NGAYKETLUAN",
    "BACSYKETLUAN",
    "KETLUAN",
    "HANGBANGLAI",
    "NGAYKHAMLAI",
    "LYDO",
    "TINHTRANGBENH",
    "STATE",
];

/// The message that says how a case stands; `action` is `ADD` or `EDIT`.
pub fn message(case: &Case, action: &'static str, reason: &str, facility_name: &str) -> Message {
    let who = case.particulars();
    let answer = |link: &str| case.answers.text(&case.form, link);
    let revoked = case.row.state == State::Revoked;
    let (alcohol, unit) = match case.answers.value(&case.form, "alcohol") {
        Some(Value::Quantity { value, unit }) => (value.clone(), if unit.code == "mg/L" { "1" } else { "0" }),
        _ => (String::new(), "0"),
    };
    let reason = if revoked { format!("THU HỒI: {reason}") } else { answer("conclusion-reason") };
    let concluded = case.row.concluded.map(|s| Minute::of_seconds(s).day().vi()).unwrap_or_default();
    let number = number(&case.row, &case.facility);
    let fields = vec![
        ("SO", number),
        ("HOTEN", case.row.name.clone()),
        ("NGAYSINH", who.born_text()),
        ("GIOITINHVAL", if who.gender == "female" { "1" } else { "0" }.to_owned()),
        ("DIACHITHUONGTRU", who.address),
        ("SOCMND_PASSPORT", case.row.national.clone()),
        ("NGAYTHANGNAMCAPCMND", answer("id-day")),
        ("NOICAP", answer("id-place")),
        ("IDBENHVIEN", case.facility.clone()),
        ("BENHVIEN", facility_name.to_owned()),
        ("NONGDOCON", alcohol),
        ("DVINONGDOCON", unit.to_owned()),
        ("MATUY", if case.row.drug { "1" } else { "0" }.to_owned()),
        ("NGAYKETLUAN", concluded),
        ("BACSYKETLUAN", case.row.doctor.clone()),
        ("KETLUAN", if revoked { "A0-2".to_owned() } else { case.row.result.clone() }),
        ("HANGBANGLAI", case.row.class.clone()),
        ("NGAYKHAMLAI", answer("conclusion-again")),
        ("LYDO", reason),
        ("TINHTRANGBENH", answer("conclusion-illness")),
        ("STATE", action.to_owned()),
    ];
    Message { action, fields, signed: String::new() }
}

impl Message {
    /// A field's value.
    pub fn get(&self, name: &str) -> &str {
        self.fields.iter().find(|(n, _)| *n == name).map_or("", |(_, v)| v)
    }

    /// Signs the XML of the message and puts it into `SIGNDATA`: an enveloped signature over the whole, as documented.
    ///
    /// # Errors
    /// What the key says.
    pub fn seal(&mut self, xml: &str, chain: &[Certificate], key: &dyn Signer) -> mach_sign::Result<()> {
        let options = Options {
            chain,
            scheme: key.scheme(),
            reference: Reference::Whole,
            into: None,
            method: Method::inclusive(),
        };
        self.signed = STANDARD.encode(mach_sign::xml::sign(xml, &options, key)?);
        Ok(())
    }

    /// The XML that is signed: `<root>` in the order of the gateway's documentation.
    pub fn xml(&self, uuid: &str, created: &str, by: &str) -> String {
        let order: [(&str, &str); 29] = [
            ("UUID", uuid),
            ("CREATEDDATE", created),
            ("USERCREATE", by),
            ("STATUS", "1"),
            ("ACTION", self.action),
            ("SO", self.get("SO")),
            ("HOTEN", self.get("HOTEN")),
            ("NGAYSINH", self.get("NGAYSINH")),
            ("GIOITINHVAL", self.get("GIOITINHVAL")),
            ("SOCMND_PASSPORT", self.get("SOCMND_PASSPORT")),
            ("NGAYTHANGNAMCAPCMD", self.get("NGAYTHANGNAMCAPCMND")),
            ("NOICAP", self.get("NOICAP")),
            ("ECITIZENCODE", ""),
            ("MOBILE", ""),
            ("EMAIL", ""),
            ("DIACHITHUONGTRU", self.get("DIACHITHUONGTRU")),
            ("MATINH", ""),
            ("MAHUYEN", ""),
            ("MAXA", ""),
            ("NONGDOCON", self.get("NONGDOCON")),
            ("DVINONGDOCON", self.get("DVINONGDOCON")),
            ("MATUY", self.get("MATUY")),
            ("KETLUAN", self.get("KETLUAN")),
            ("HANGBANGLAI", self.get("HANGBANGLAI")),
            ("NGAYKETLUAN", self.get("NGAYKETLUAN")),
            ("BACSYKETLUAN", self.get("BACSYKETLUAN")),
            ("NGAYKHAMLAI", self.get("NGAYKHAMLAI")),
            ("LYDO", self.get("LYDO")),
            ("TINHTRANGBENH", self.get("TINHTRANGBENH")),
        ];
        let mut out = String::from("<root>");
        for (name, value) in order {
            out.push_str(&format!("<{name}>{}</{name}>", mach_ui::escape(value)));
        }
        out.push_str("</root>");
        out
    }

    /// What was posted, read as a gateway reads it: the fields it knows.
    ///
    /// # Errors
    /// Where it is no JSON of texts.
    pub fn read(json: &str) -> Result<Self, String> {
        let object: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(json).map_err(|e| e.to_string())?;
        let get = |name: &str| object.get(name).and_then(serde_json::Value::as_str).map(str::to_owned);
        let fields = NAMES.into_iter().filter_map(|name| Some((name, get(name)?))).collect();
        let action = if get("STATE").as_deref() == Some("EDIT") { "EDIT" } else { "ADD" };
        Ok(Self { action, fields, signed: get("SIGNDATA").unwrap_or_default() })
    }

    /// The JSON that is posted, with the signed XML in base64.
    pub fn json(&self) -> String {
        let mut object = serde_json::Map::new();
        for (name, value) in &self.fields {
            object.insert((*name).to_owned(), value.clone().into());
        }
        object.insert("SIGNDATA".to_owned(), self.signed.clone().into());
        serde_json::Value::Object(object).to_string()
    }
}

/// What the gateway's answer means: `MSG_STATE` 1 is taken, 0 refused with `MSG_TEXT`; anything else is a failure.
pub fn understood(status: u16, body: &str) -> Answer {
    let json: serde_json::Value = match serde_json::from_str(body) {
        Ok(json) if status < 500 => json,
        _ => return Answer::Failed(format!("{status}: {}", body.chars().take(200).collect::<String>())),
    };
    let text = |name: &str| match json.get(name) {
        Some(serde_json::Value::String(text)) => text.clone(),
        Some(serde_json::Value::Number(n)) => n.to_string(),
        _ => String::new(),
    };
    match text("MSG_STATE").as_str() {
        "1" if !text("UUID").is_empty() => Answer::Taken(text("UUID")),
        "0" => Answer::Refused(text("MSG_TEXT")),
        _ => Answer::Failed(format!("{status}: MSG_STATE missing")),
    }
}

/// Takes messages.
pub trait Channel: Send + Sync {
    /// Sends the message of a facility (by its code).
    fn send(&self, facility: &str, message: &Message) -> Answer;
}

/// The gateway itself, as it is set up here.
#[derive(Debug)]
pub struct Net(Line);

impl Net {
    /// The gateway of a data folder; `None` where none is set up.
    ///
    /// # Errors
    /// What is set up and cannot be used.
    pub fn of(data: &Path) -> Result<Option<Self>, String> {
        Ok(Line::to(data, GKSK)?.map(Self))
    }
}

impl Channel for Net {
    fn send(&self, facility: &str, message: &Message) -> Answer {
        let word = |name| self.0.gateway.word((facility, ""), name);
        let (user, password) = (word("user"), word("password"));
        if user.is_empty() || password.is_empty() {
            return Answer::Failed(format!("no account of {facility} with the gateway: mach gateway account gksk"));
        }
        let hashed = mach_sign::hex(&Md5::digest(password.as_bytes()));
        let headers = vec![("Username", user), ("Password", hashed.as_str())];
        match self.0.wire.ask(Request { path: "/api/hssk/gksk", headers, body: Some(message.json()) }) {
            Ok((401 | 403, _)) => Answer::Failed(format!("the gateway does not accept the account of {facility}")),
            Ok((status, body)) => understood(status, &String::from_utf8_lossy(&body)),
            Err(why) => Answer::Failed(why),
        }
    }
}

impl Channel for Simulator {
    fn send(&self, _facility: &str, message: &Message) -> Answer {
        let (status, body) = self.post(message);
        understood(status, &body)
    }
}

/// Whether the message is signed, as far as can be told without knowing whom the gateway trusts: one signature over the whole
/// XML, of this message, by the certificate that comes with it.
fn sealed(message: &Message) -> Result<(), String> {
    let bytes = STANDARD.decode(&message.signed).map_err(|e| e.to_string())?;
    let xml = String::from_utf8(bytes).map_err(|e| e.to_string())?;
    let found = mach_sign::xml::verify(&xml, &mach_sign::trust::Trust::default(), mach_sign::time::now())
        .map_err(|e| e.to_string())?;
    let [signature] = found.as_slice() else { return Err("một chữ ký".to_owned()) };
    signature.integrity.as_ref().map_err(ToString::to_string)?;
    let number = format!("<SO>{}</SO>", mach_ui::escape(message.get("SO")));
    match signature.is_whole() && xml.contains(&number) {
        true => Ok(()),
        false => Err("không phải của giấy này".to_owned()),
    }
}

/// What goes wrong with the simulator's next message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It does not answer.
    Silent,
    /// It answers with something else.
    Garbage,
    /// It takes it and the answer is lost.
    Lost,
    /// It refuses it.
    Refuses,
}

#[derive(Debug, Default)]
struct Known {
    taken: Vec<(String, Message)>,
    faults: VecDeque<Fault>,
    /// It may have been started after what it is told of.
    trusting: bool,
}

/// A gateway that takes what it is sent, checks it as the real one's documentation says, and fails where it is told to.
#[derive(Clone, Debug, Default)]
pub struct Simulator {
    known: Arc<Mutex<Known>>,
}

impl Simulator {
    /// One that believes that there is what is to be edited: it forgets everything when the program ends.
    pub fn trusting() -> Self {
        let gateway = Self::default();
        gateway.known.lock().unwrap_or_else(PoisonError::into_inner).trusting = true;
        gateway
    }

    /// The next messages go wrong like this, one after another.
    pub fn fail(&self, faults: impl IntoIterator<Item = Fault>) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).faults.extend(faults);
    }

    /// What it has, by number, newest last.
    pub fn taken(&self) -> Vec<(String, Message)> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).taken.clone()
    }

    /// Takes a message: status and body of the answer, as the real one gives them.
    pub fn post(&self, message: &Message) -> (u16, String) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let fault = known.faults.pop_front();
        match fault {
            Some(Fault::Silent) => return (504, String::new()),
            Some(Fault::Garbage) => return (200, "<html>Bảo trì</html>".to_owned()),
            Some(Fault::Refuses) => return (200, r#"{"MSG_STATE":"0","MSG_TEXT":"Từ chối theo kịch bản"}"#.to_owned()),
            Some(Fault::Lost) | None => {}
        }
        if let Some(missing) = WANTED.iter().find(|name| message.get(name).is_empty()) {
            let body = serde_json::json!({"MSG_STATE": "0", "MSG_TEXT": format!("Thiếu trường {missing}")});
            return (200, body.to_string());
        }
        let number = message.get("SO").to_owned();
        if let Err(why) = sealed(message) {
            let body = serde_json::json!({"MSG_STATE": "0", "MSG_TEXT": format!("SIGNDATA: {why}")});
            return (200, body.to_string());
        }
        let there = known.taken.iter().any(|(n, _)| *n == number);
        let believed = known.trusting && message.action == "EDIT";
        if there != (message.action == "EDIT") && !believed && !(there && known.taken.iter().any(|(_, m)| m == message))
        {
            let text = if there { "Số giấy đã có" } else { "Không có giấy để sửa" };
            return (200, serde_json::json!({"MSG_STATE": "0", "MSG_TEXT": text}).to_string());
        }
        known.taken.push((number.clone(), message.clone()));
        if fault == Some(Fault::Lost) {
            return (504, String::new());
        }
        let uuid = format!("sim-{}", number.replace('/', "-"));
        (200, serde_json::json!({"MSG_STATE": "1", "MSG_TEXT": "", "SO": number, "UUID": uuid}).to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mach_sign::authority::{Authority, Profile, Request};
    use mach_sign::key::SoftKey;
    use mach_sign::name::Name;

    fn sample(action: &'static str, number: &str) -> Message {
        let value = |n: &str| if n == "SO" { number.to_owned() } else { "x<&\"".to_owned() };
        let fields = WANTED.iter().map(|n| (*n, value(n))).collect();
        let mut message = Message { action, fields, signed: String::new() };
        resealed(&mut message);
        message
    }

    fn resealed(message: &mut Message) {
        let key = SoftKey::generate().expect("a key");
        let subject = Name::of(&[(mach_sign::oid::COMMON_NAME, "Con dấu")]);
        let now = mach_sign::time::now();
        let request = Request {
            subject,
            profile: Profile::Document,
            not_before: now - 60,
            not_after: now + 60,
            ocsp: None,
            crl: None,
        };
        let seal = Authority::root(key, &request).expect("a certificate");
        let xml = message.xml("u", "c", "b");
        message.seal(&xml, &[seal.certificate().clone()], seal.key()).expect("sealed");
    }

    #[test]
    fn answers_are_understood() {
        for (status, body, want) in [
            (200, r#"{"MSG_STATE":"1","UUID":"u"}"#, Answer::Taken("u".into())),
            (200, r#"{"MSG_STATE":1,"UUID":"u"}"#, Answer::Taken("u".into())),
            (200, r#"{"MSG_STATE":"0","MSG_TEXT":"sai"}"#, Answer::Refused("sai".into())),
            (200, r#"{"MSG_STATE":"1"}"#, Answer::Failed("200: MSG_STATE missing".into())),
            (200, "<html>", Answer::Failed("200: <html>".into())),
            (503, r#"{"MSG_STATE":"1","UUID":"u"}"#, Answer::Failed(r#"503: {"MSG_STATE":"1","UUID":"u"}"#.into())),
        ] {
            assert_eq!(understood(status, body), want, "{body}");
        }
    }

    #[test]
    fn the_simulator_fails_as_told_and_knows_its_numbers() {
        let gateway = Simulator::default();
        let post = |m: &Message| {
            let (status, body) = gateway.post(m);
            understood(status, &body)
        };
        gateway.fail([Fault::Silent, Fault::Garbage, Fault::Refuses, Fault::Lost]);
        let add = sample("ADD", "1");
        assert!(matches!(post(&add), Answer::Failed(_)));
        assert!(matches!(post(&add), Answer::Failed(_)));
        assert!(matches!(post(&add), Answer::Refused(_)));
        assert!(matches!(post(&add), Answer::Failed(_)), "taken, and the answer lost");
        assert!(matches!(post(&add), Answer::Taken(_)), "the same again is no other certificate");
        let mut unsealed = sample("ADD", "9");
        unsealed.signed = add.signed.clone();
        assert!(matches!(post(&unsealed), Answer::Refused(why) if why.contains("SIGNDATA")), "signed, but another");
        let mut other = add.clone();
        other.fields.push(("LYDO", "khác".into()));
        assert!(matches!(post(&other), Answer::Refused(_)));
        other.action = "EDIT";
        assert!(matches!(post(&other), Answer::Taken(_)));
        assert!(matches!(post(&sample("EDIT", "2")), Answer::Refused(_)));
    }

    #[test]
    fn xml_and_json_carry_the_fields_escaped() {
        let xml = sample("ADD", "1").xml("u", "c", "b");
        assert!(xml.starts_with("<root><UUID>u</UUID>") && xml.contains("<HOTEN>x&lt;&amp;"), "{xml}");
        let json: serde_json::Value = serde_json::from_str(&sample("ADD", "1").json()).expect("JSON");
        assert_eq!(json["HOTEN"], "x<&\"");
        let signed = STANDARD.decode(json["SIGNDATA"].as_str().expect("text")).expect("base64");
        let signed = String::from_utf8(signed).expect("text");
        assert!(signed.starts_with(xml.trim_end_matches("</root>")) && signed.contains("<Signature "), "{signed}");
    }
}
