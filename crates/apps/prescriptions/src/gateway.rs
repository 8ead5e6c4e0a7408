//! The national prescription system (`api.donthuocquocgia.vn`): its messages and a client of its protocol over any transport.
//! Field names are its own; it knows no call that takes a prescription back. Where its clients disagree, `system.csv` decides.

use crate::case::Case;
use crate::words::written;
use mach_base::{Day, Minute};
use mach_house::gateway::{Line, PRESCRIPTIONS, Request};
use mach_store::people::PersonRow;
use mach_store::prescriptions::{Sale, SaleLine};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::Path;
use std::sync::LazyLock;

/// Characters of a pharmacy's number of a sale.
pub const INVOICE_CHARS: usize = 20;

/// A word of `content/prescriptions/system.csv`.
fn setting(name: &str) -> &'static str {
    static ALL: LazyLock<HashMap<String, String>> = LazyLock::new(|| {
        let shipped = include_str!("../../../../content/prescriptions/system.csv");
        let text = mach_base::content::text("prescriptions/system.csv", shipped);
        let rows = csv::Reader::from_reader(text.as_bytes()).into_records().collect::<Result<Vec<_>, _>>();
        match rows {
            Ok(rows) => rows.iter().filter_map(|r| Some((r.get(0)?.to_owned(), r.get(1)?.to_owned()))).collect(),
            Err(e) => panic!("content/prescriptions/system.csv: {e}"),
        }
    });
    ALL.get(name).map_or("", String::as_str)
}

fn sex(code: i64) -> i64 {
    let name = match code {
        1 => "male",
        2 => "female",
        _ => "other",
    };
    setting(name).parse().unwrap_or(code)
}

/// Seconds as the system writes moments: `2026-11-27 08:30:00`.
fn moment(seconds: i64) -> String {
    let at = Minute::of_seconds(seconds);
    let (hour, minute) = at.clock();
    format!("{} {hour:02}:{minute:02}:{:02}", at.day(), seconds.rem_euclid(60))
}

/// The message of a prescription; its signature is put in afterwards.
pub fn message(case: &Case, person: &PersonRow) -> Value {
    let c = &case.content;
    let day = |n: i64| Day(i32::try_from(n).unwrap_or_default()).vi();
    let born = person.birth_day.map_or_else(|| format!("01/01/{}", person.birth_year), day);
    let first = c.begins().map_or(0, |d| i64::from(d.0));
    let last = c.items.iter().map(|i| c.until(i)).max().unwrap_or(first);
    let items = c.items.iter().map(|i| {
        json!({
            "ma_thuoc": i.drug, "biet_duoc": i.trade, "ten_thuoc": i.ingredient, "don_vi_tinh": i.unit,
            "so_luong": written(i.quantity), "cach_dung": i.usage,
        })
    });
    let diagnoses =
        c.diagnoses.iter().map(|d| json!({"ma_chan_doan": d.code, "ten_chan_doan": d.name, "ket_luan": d.name}));
    json!({
        "loai_don_thuoc": if c.kind == "t" { setting("traditional") } else { &c.kind },
        "ma_don_thuoc": case.row.code,
        "ho_ten_benh_nhan": person.name,
        "ngay_sinh_benh_nhan": born,
        "ma_dinh_danh_y_te": "",
        "ma_dinh_danh_cong_dan": person.national.as_deref().unwrap_or_default(),
        "can_nang": c.weight,
        "gioi_tinh": sex(person.sex),
        "ma_so_the_bao_hiem_y_te": person.insurance.as_deref().unwrap_or_default(),
        "thong_tin_nguoi_giam_ho": c.companion,
        "dia_chi": person.address,
        "so_dien_thoai_nguoi_kham_benh": person.phone.as_deref().unwrap_or_default(),
        "chan_doan": diagnoses.collect::<Vec<_>>(),
        "luu_y": c.reason,
        "loi_dan": c.advice,
        "hinh_thuc_dieu_tri": setting("treatment").parse().unwrap_or(1),
        "dot_dung_thuoc": {"dot": c.part.max(1), "tu_ngay": day(first), "den_ngay": day(last)},
        "thong_tin_don_thuoc": items.collect::<Vec<_>>(),
        "ngay_tai_kham": c.again,
        "ngay_gio_ke_don": moment(case.row.signed.unwrap_or(case.row.written)),
    })
}

/// The message of a sale.
pub fn sale_message(case: &Case, sale: &Sale, pharmacy: &str) -> Value {
    let lines = sale.lines.iter().filter_map(|l| {
        let item = case.content.items.get(usize::try_from(l.line - 1).ok()?)?;
        Some(json!({
            "ma_thuoc_da_ke_don": item.drug, "ma_thuoc": item.drug, "biet_duoc": item.trade, "ten_thuoc": item.ingredient,
            "don_vi_tinh": item.unit, "so_luong": written(l.quantity), "cach_dung": item.usage,
        }))
    });
    json!({
        "ma_don_thuoc": case.row.code,
        "ma_hoa_don": sale.invoice,
        "ma_co_so": pharmacy,
        "ngay_gio_ban": moment(sale.at),
        "thong_tin_don_thuoc": lines.collect::<Vec<_>>(),
    })
}

/// What is asked of the system.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// The path.
    pub path: &'a str,
    /// The bearer token; empty: none.
    pub token: &'a str,
    /// Name and key of a pharmacy's program; empty: none.
    pub app: (&'a str, &'a str),
    /// JSON to post; `None`: GET.
    pub body: Option<&'a Value>,
}

/// Carries requests.
pub trait Transport: Send + Sync {
    /// The status and body of the answer.
    ///
    /// # Errors
    /// Why there is no answer.
    fn ask(&self, call: &Call<'_>) -> Result<(u16, String), String>;
}

/// The system itself, as it is set up here.
#[derive(Debug)]
pub struct Net(Line);

impl Net {
    /// The system of a data folder; `None` where none is set up.
    ///
    /// # Errors
    /// What is set up and cannot be used.
    pub fn of(data: &Path) -> Result<Option<Self>, String> {
        Ok(Line::to(data, PRESCRIPTIONS)?.map(Self))
    }

    /// The account of a facility (by code) and of one of its people (by sign-in name).
    pub fn account(&self, facility: &str, user: &str) -> Account {
        let word = |name| self.0.gateway.word((facility, user), name).to_owned();
        let named = Some(word("facility")).filter(|w| !w.is_empty());
        Account {
            facility: named.unwrap_or_else(|| facility.to_owned()),
            doctor: word("doctor"),
            password: word("password"),
            app: (word("app-name"), word("app-key")),
        }
    }
}

impl Transport for Net {
    fn ask(&self, call: &Call<'_>) -> Result<(u16, String), String> {
        let ticket = format!("Bearer {}", call.token);
        let all = [("Authorization", ticket.as_str()), ("app-name", call.app.0), ("app-key", call.app.1)];
        let headers =
            all.into_iter().filter(|(n, v)| !v.is_empty() && (*n != "Authorization" || !call.token.is_empty()));
        let body = call.body.map(Value::to_string);
        let (status, answer) = self.0.wire.ask(Request { path: call.path, headers: headers.collect(), body })?;
        Ok((status, String::from_utf8_lossy(&answer).into_owned()))
    }
}

/// An account with the system. Passwords and keys are never kept in the store.
#[derive(Clone, Debug, Default)]
pub struct Account {
    /// `ma_lien_thong_co_so_kham_chua_benh`.
    pub facility: String,
    /// `ma_lien_thong_bac_si`.
    pub doctor: String,
    /// The doctor's password.
    pub password: String,
    /// Name and key of the pharmacy's program.
    pub app: (String, String),
}

/// What the system says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It has it, under this receipt.
    Taken(String),
    /// It will not have it; the same again is of no use.
    Refused(String),
    /// It could not be asked: try again later.
    Failed(String),
}

fn short(text: &str) -> String {
    text.chars().take(200).collect()
}

/// Signs the doctor in; the token, or what to do instead.
fn sign_in(transport: &dyn Transport, account: &Account) -> Result<String, Answer> {
    if account.doctor.is_empty() || account.password.is_empty() {
        return Err(Answer::Failed(
            "the doctor has no account with the system: mach gateway account prescriptions".to_owned(),
        ));
    }
    let door = json!({
        "ma_lien_thong_co_so_kham_chua_benh": account.facility,
        "ma_lien_thong_bac_si": account.doctor,
        "password": account.password,
    });
    let call = Call { path: "/api/auth/dang-nhap-bac-si", token: "", app: ("", ""), body: Some(&door) };
    match transport.ask(&call) {
        Ok((200, body)) => {
            let token =
                serde_json::from_str::<Value>(&body).ok().and_then(|v| Some(v.get("token")?.as_str()?.to_owned()));
            token.filter(|t| !t.is_empty()).ok_or_else(|| Answer::Failed("200: no token".to_owned()))
        }
        Ok((401 | 403, _)) => Err(Answer::Failed("the account of the doctor is not accepted".to_owned())),
        Ok((status, body)) => Err(Answer::Failed(format!("{status}: {}", short(&body)))),
        Err(why) => Err(Answer::Failed(why)),
    }
}

/// Signs the doctor in and sends a prescription. Sending again is safe: the code is the same.
pub fn send(transport: &dyn Transport, account: &Account, message: &Value) -> Answer {
    let token = match sign_in(transport, account) {
        Ok(token) => token,
        Err(answer) => return answer,
    };
    let call = Call { path: "/api/v1/gui-don-thuoc", token: &token, app: ("", ""), body: Some(message) };
    match transport.ask(&call) {
        Ok((status, body)) => understood(status, &body, code_of(message)),
        Err(why) => Answer::Failed(why),
    }
}

/// Tells the system of a sale. Telling again is safe: code and invoice are the same.
pub fn tell(transport: &dyn Transport, account: &Account, message: &Value) -> Answer {
    let app = (account.app.0.as_str(), account.app.1.as_str());
    let call = Call { path: "/api/v1/cap-nhat-don-thuoc", token: "", app, body: Some(message) };
    match transport.ask(&call) {
        Ok((status, body)) => understood(status, &body, code_of(message)),
        Err(why) => Answer::Failed(why),
    }
}

fn code_of(message: &Value) -> &str {
    message.get("ma_don_thuoc").and_then(Value::as_str).unwrap_or_default()
}

/// What an answer means: a success names our code.
pub fn understood(status: u16, body: &str, code: &str) -> Answer {
    let json: Value = match serde_json::from_str(body) {
        Ok(json) => json,
        Err(_) => return Answer::Failed(format!("{status}: {}", short(body))),
    };
    let said = ["error", "message"].into_iter().find_map(|k| json.get(k)?.as_str()).unwrap_or_default().to_owned();
    match status {
        200 | 201 => match json.get("ma_don_thuoc").and_then(Value::as_str) {
            Some(theirs) if theirs.eq_ignore_ascii_case(code) => Answer::Taken(theirs.to_owned()),
            _ => Answer::Failed(format!("{status}: the answer does not name this prescription")),
        },
        400 | 409 | 422 => Answer::Refused(short(&said)),
        _ => Answer::Failed(format!("{status}: {}", short(&said))),
    }
}

/// A sale elsewhere, as the system tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sold {
    /// The pharmacy's code.
    pub place: String,
    /// Its number of the sale.
    pub invoice: String,
    /// Code of the medicine prescribed, and hundredths of its unit.
    pub lines: Vec<(String, i64)>,
}

/// Asks what was sold of a prescription. Its documentation does not show the answer's sales; taken is `hoa_don[]` with the fields
/// of the sale report.
///
/// # Errors
/// Why it is not known: no answer, or one that is none.
pub fn look(transport: &dyn Transport, account: &Account, code: &str) -> Result<Vec<Sold>, String> {
    let path = format!("/api/v1/thong-tin-don-thuoc/{code}");
    let app = (account.app.0.as_str(), account.app.1.as_str());
    let (status, body) = transport.ask(&Call { path: &path, token: "", app, body: None })?;
    let json: Value = serde_json::from_str(&body).map_err(|_| format!("{status}: {}", short(&body)))?;
    if status != 200 || !code_of(&json).eq_ignore_ascii_case(code) {
        return Err(format!("{status}: the answer does not name this prescription"));
    }
    let text = |v: &Value, name: &str| v.get(name).and_then(Value::as_str).unwrap_or_default().trim().to_owned();
    let list = |v: &Value, name: &str| v.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let mut out = Vec::new();
    for sale in list(&json, "hoa_don") {
        let (place, invoice) = (text(&sale, "ma_co_so"), text(&sale, "ma_hoa_don"));
        let mut lines = Vec::new();
        for line in list(&sale, "thong_tin_don_thuoc") {
            let quantity = match line.get("so_luong") {
                Some(Value::Number(n)) => crate::words::hundredths(&n.to_string()),
                Some(Value::String(text)) => crate::words::hundredths(text),
                _ => None,
            };
            let quantity = quantity.filter(|q| *q > 0).ok_or("a sale without a quantity")?;
            lines.push((text(&line, "ma_thuoc_da_ke_don"), quantity));
        }
        let sizes = [&place, &invoice].map(|t| t.chars().count());
        if lines.is_empty() || sizes.iter().any(|n| *n == 0 || *n > INVOICE_CHARS) {
            return Err("a sale without its pharmacy, number or lines".to_owned());
        }
        out.push(Sold { place, invoice, lines });
    }
    Ok(out)
}

/// The lines of ours that a sale elsewhere is of; a medicine that stands twice is taken from the first line with something
/// left. `None`: a medicine was not prescribed.
pub fn lines_of(case: &Case, sold: &Sold) -> Option<Vec<SaleLine>> {
    let mut out: Vec<SaleLine> = Vec::new();
    for (drug, quantity) in &sold.lines {
        let mut same =
            case.content.items.iter().zip(&case.lines).filter(|(item, _)| item.drug == *drug).map(|(_, l)| l);
        let first = same.next()?;
        let line = if first.left() > 0 { first } else { same.find(|l| l.left() > 0).unwrap_or(first) };
        match out.iter_mut().find(|l| l.line == line.line) {
            Some(there) => there.quantity += quantity,
            None => out.push(SaleLine { line: line.line, quantity: *quantity }),
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulator::Simulator;

    #[test]
    fn answers_are_understood() {
        for (status, body, want) in [
            (200, r#"{"ma_don_thuoc":"46001ABCDEFG-c"}"#, Answer::Taken("46001ABCDEFG-c".into())),
            (200, r#"{"ma_don_thuoc":"x"}"#, Answer::Failed("200: the answer does not name this prescription".into())),
            (422, r#"{"error":"sai"}"#, Answer::Refused("sai".into())),
            (500, r#"{"error":"lỗi"}"#, Answer::Failed("500: lỗi".into())),
            (200, "<html>", Answer::Failed("200: <html>".into())),
        ] {
            assert_eq!(understood(status, body, "46001abcdefg-c"), want, "{body}");
        }
        let simulator = Simulator::default();
        let account = Account { facility: "46001".into(), doctor: "1".into(), ..Account::default() };
        assert!(matches!(send(&simulator, &account, &json!({})), Answer::Failed(_)), "no password");
        let account = Account { password: "x".into(), ..account };
        assert!(matches!(send(&simulator, &account, &json!({"ma_don_thuoc": "46001abcdefg-c"})), Answer::Refused(_)));
    }

    #[test]
    fn moments_are_local_and_whole() {
        assert_eq!(moment(1_790_000_000), "2026-09-21 21:13:20");
        assert_eq!((sex(1), sex(2), sex(0)), (2, 3, 1));
    }

    struct Says(&'static str);

    impl Transport for Says {
        fn ask(&self, _: &Call<'_>) -> Result<(u16, String), String> {
            Ok((200, self.0.to_owned()))
        }
    }

    #[test]
    fn sales_elsewhere_are_read_or_refused_as_a_whole() {
        let looked = |body| look(&Says(body), &Account::default(), "46001abcdefg-c");
        let good = r#"{"ma_don_thuoc":"46001ABCDEFG-C","hoa_don":[{"ma_hoa_don":"H1","ma_co_so":"NT1",
            "thong_tin_don_thuoc":[{"ma_thuoc_da_ke_don":"PAR500","so_luong":"10"},{"ma_thuoc_da_ke_don":"AMO500","so_luong":2.5}]}]}"#;
        let sold = looked(good).expect("read");
        assert_eq!(sold[0].lines, [("PAR500".to_owned(), 1_000), ("AMO500".to_owned(), 250)]);
        assert_eq!(looked(r#"{"ma_don_thuoc":"46001abcdefg-c"}"#), Ok(Vec::new()));
        for bad in [
            "<html>",
            r#"{"ma_don_thuoc":"other"}"#,
            r#"{"ma_don_thuoc":"46001abcdefg-c","hoa_don":[{"ma_hoa_don":"H1"}]}"#,
            r#"{"ma_don_thuoc":"46001abcdefg-c","hoa_don":[{"ma_hoa_don":"H1","ma_co_so":"N","thong_tin_don_thuoc":[{"so_luong":-1}]}]}"#,
            r#"{"ma_don_thuoc":"46001abcdefg-c","hoa_don":[{"ma_hoa_don":"123456789012345678901","ma_co_so":"N","thong_tin_don_thuoc":[{"so_luong":1}]}]}"#,
        ] {
            assert!(looked(bad).is_err(), "{bad}");
        }
    }
}
